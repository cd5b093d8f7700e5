//! A checked model: the file's bytes, borrowed, and accessors that cannot fail.

use crate::format::coded::Trellis;
use crate::format::op::TABLE_WORDS;
use crate::format::plan::{BUFFER, Counts, FIXED, parse_buffer, parse_counts};
use crate::format::record::{STEP, parse_step};
use crate::format::{
    Buffer, Info, LoadError, Op, Provenance, Reader, Section, Step, View, check, container, header,
    parameters, provenance, strings, weights,
};

/// A model file that has passed every check.
///
/// The bytes are borrowed, from flash or from a buffer, and may stand at any alignment. They must not
/// change while the model is in use; Rust's borrow rules see to that for memory, so do not pass a
/// mapping of a file that others can write.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    bytes: &'a [u8],
    checked: Checked,
}

/// The proof that some bytes are a valid model, kept apart from them so that an owner of the bytes can
/// hold both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked {
    sections: container::Sections,
    counts: Counts,
    info: Info,
}

impl Checked {
    /// Bytes at the start of the file that are needed after preparation: everything but the weights.
    #[cfg(feature = "std")]
    pub fn resident_bytes(&self) -> usize {
        self.sections.range(Section::Weights).start
    }
}

impl<'a> Model<'a> {
    /// Checks a file and borrows it.
    ///
    /// Reads every byte once (the digest) and takes no memory.
    ///
    /// # Errors
    /// [`LoadError`] names the first thing that is wrong. Any sequence of bytes is safe to pass.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, LoadError> {
        let sections = container::parse(bytes)?;
        container::check_digest(bytes)?;
        let info = header::parse(sections.reader(Section::Header, bytes))?;
        let mut reader = sections.reader(Section::Plan, bytes);
        let counts = parse_counts(&mut reader)?;
        for _ in 0..counts.buffers {
            parse_buffer(&mut reader)?;
        }
        for _ in 0..counts.steps {
            parse_step(&mut reader)?;
        }
        reader.finish()?;
        let names = sections.reader(Section::Names, bytes);
        check_count(
            strings::parse(names)?.len(),
            counts.steps,
            &sections,
            Section::Names,
            "one name a step",
        )?;
        let length = sections.range(Section::Parameters).len();
        let words = parameters::parse(&sections.reader(Section::Parameters, bytes), length)?;
        let labels = strings::parse(sections.reader(Section::Labels, bytes))?.len();
        if labels != 0 {
            check_count(labels, info.class_count, &sections, Section::Labels, "none, or one label a class")?;
        }
        provenance::parse(sections.reader(Section::Provenance, bytes))?;
        let model = Self { bytes, checked: Checked { sections, counts, info } };
        check::check(bytes, &sections, &model.plan(), &info, words)?;
        Ok(model)
    }

    /// The model in bytes that have been checked, whole or without their weights.
    #[cfg(feature = "std")]
    pub(crate) fn from_checked(bytes: &'a [u8], checked: Checked) -> Self {
        Self { bytes, checked }
    }

    #[cfg(feature = "std")]
    pub(crate) fn checked(&self) -> Checked {
        self.checked
    }

    fn section(&self, section: Section) -> &'a [u8] {
        self.bytes.get(self.checked.sections.range(section)).unwrap_or_default()
    }

    pub(crate) fn plan(&self) -> Plan<'a> {
        let base = self.checked.sections.range(Section::Plan).start;
        Plan { bytes: self.section(Section::Plan), base, counts: self.checked.counts }
    }

    /// Name, preprocessing, class count and origin of the weights.
    pub fn info(&self) -> &Info {
        &self.checked.info
    }

    /// Length of the file in bytes.
    pub fn file_bytes(&self) -> usize {
        self.checked.sections.range(Section::Weights).end + container::DIGEST
    }

    /// The steps in order of execution.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = Step> + use<'a> {
        self.plan().steps()
    }

    /// The buffers of the arena.
    pub fn buffers(&self) -> impl ExactSizeIterator<Item = Buffer> + use<'a> {
        self.plan().buffers()
    }

    /// The buffer with this index; an empty one if there is none.
    pub fn buffer(&self, index: u32) -> Buffer {
        self.plan().buffer(index)
    }

    /// The buffer that takes the input tensor: height, width, channels.
    pub fn input(&self) -> Buffer {
        self.buffer(self.checked.counts.input)
    }

    /// The buffer that holds the scores after a run.
    pub fn output(&self) -> Buffer {
        self.buffer(self.checked.counts.output)
    }

    /// The name of the step with this index, as the source model called it.
    pub fn step_name(&self, index: usize) -> Option<&'a str> {
        strings::view(self.section(Section::Names)).get(index)
    }

    /// The label of a class, if the file has labels and the class exists.
    pub fn label(&self, class: usize) -> Option<&'a str> {
        strings::view(self.section(Section::Labels)).get(class)
    }

    /// Whether the file has a label for each class.
    pub fn has_labels(&self) -> bool {
        strings::view(self.section(Section::Labels)).len() != 0
    }

    /// Which file the model was made from, and by what.
    pub fn provenance(&self) -> Provenance<'a> {
        provenance::parse(self.checked.sections.reader(Section::Provenance, self.bytes)).unwrap_or_default()
    }

    /// The weights of an `f32` convolution of this model, in canonical order; see [`weights`].
    pub fn weights(&self, step: &Step) -> impl ExactSizeIterator<Item = f32> + use<'a> {
        weights::values(self.weight_block(step))
    }

    /// The biases of an `f32` convolution of this model, one an output channel.
    pub fn biases(&self, step: &Step) -> impl ExactSizeIterator<Item = f32> + use<'a> {
        weights::values(self.parameter_block(step))
    }

    /// The trellis of a step's weights where they are coded, as their block names it.
    pub fn coded(&self, step: &Step) -> Option<Trellis> {
        step.op.layer().filter(|layer| layer.coded > 0)?;
        self.weight_block(step).first().and_then(|&states| Trellis::with_states(states.into()))
    }

    /// The bytes of a step's weights.
    pub(crate) fn weight_block(&self, step: &Step) -> &'a [u8] {
        let start = step.op.layer().map_or(0, |layer| layer.weight_offset) as usize;
        let bytes = step.weight_bytes().unwrap_or(0) as usize;
        self.section(Section::Weights).get(start..start + bytes).unwrap_or_default()
    }

    /// The bytes of a step's biases and factors.
    pub(crate) fn parameter_block(&self, step: &Step) -> &'a [u8] {
        let Some(layer) = step.op.layer() else { return &[] };
        let words = layer.words.saturating_mul(step.output.channels);
        parameters::slice(self.section(Section::Parameters), layer.parameters, words)
    }

    /// A table of 256 bytes that begins at a word of the parameters section.
    pub(crate) fn table(&self, first: u32) -> &'a [u8] {
        parameters::slice(self.section(Section::Parameters), first, TABLE_WORDS)
    }
}

fn check_count(
    found: usize,
    expected: u32,
    sections: &container::Sections,
    section: Section,
    rule: &'static str,
) -> Result<(), LoadError> {
    if found == expected as usize {
        return Ok(());
    }
    let at = sections.range(section).start as u64;
    Err(LoadError::Invalid { section, at, field: "string count", found: found as u64, rule })
}

/// The records of a plan section that has been parsed once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'a> {
    bytes: &'a [u8],
    base: usize,
    counts: Counts,
}

impl<'a> Plan<'a> {
    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub fn buffers(self) -> impl ExactSizeIterator<Item = Buffer> + use<'a> {
        (0..self.counts.buffers).map(move |index| self.buffer(index))
    }

    pub fn buffer(&self, index: u32) -> Buffer {
        self.record(FIXED + index as usize * BUFFER, BUFFER, parse_buffer).unwrap_or_default()
    }

    pub fn steps(self) -> impl ExactSizeIterator<Item = Step> + use<'a> {
        (0..self.counts.steps).map(move |index| self.step(index))
    }

    pub fn step(&self, index: u32) -> Step {
        let first = FIXED + self.counts.buffers as usize * BUFFER;
        let nothing = Step { op: Op::Copy, input: View::default(), output: View::default() };
        self.record(first + index as usize * STEP, STEP, parse_step).unwrap_or(nothing)
    }

    fn record<T>(
        &self,
        at: usize,
        length: usize,
        parse: fn(&mut Reader<'_>) -> Result<T, LoadError>,
    ) -> Option<T> {
        let bytes = self.bytes.get(at..at + length)?;
        parse(&mut Reader::new(Section::Plan, self.base + at, bytes)).ok()
    }
}
