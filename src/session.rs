//! The loop that runs a model's steps over one arena.

#[cfg(feature = "std")]
use crate::Pool;
use crate::arena::{Arena, MemoryError, StepMemory};
use crate::crew::Crew;
use crate::format::{Buffer, Op};
use crate::model::Model;
use crate::ops::{self, Input, Means, Target, parts};
use crate::prepare::{PrepareError, Prepared};
use core::fmt;
use core::ops::Range;

/// A prepared model with an arena: takes an input, gives scores, again and again.
///
/// [`run`](Self::run) allocates nothing, takes no lock (but with a pool, to put threads to sleep) and does the
/// same work for every input.
///
/// Buffers share the arena's memory, so a run uses its input up: write [`input_mut`](Self::input_mut)
/// in full before each one.
#[derive(Debug)]
pub struct Session<'a> {
    prepared: Prepared<'a>,
    arena: Arena<'a>,
    crew: Crew<'a>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Empty,
    Input,
    Scores,
}

/// Why a run gave no scores.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunError {
    /// [`Session::input_mut`] has not been called since the last run.
    NoInput,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInput => f.write_str("a run uses its input up: write it before each run"),
        }
    }
}

impl core::error::Error for RunError {}

impl<'a> Session<'a> {
    /// Begins a session over `arena`: at least
    /// [`Requirements::arena_bytes`](crate::Requirements::arena_bytes), beginning at a multiple of 64.
    ///
    /// # Errors
    /// [`PrepareError::ArenaTooSmall`] or [`PrepareError::Misaligned`].
    pub fn new(prepared: &Prepared<'a>, arena: &'a mut [u8]) -> Result<Self, PrepareError> {
        let layout = &prepared.layout;
        let arena =
            Arena::new(arena, layout.buffer_bytes, layout.scratch_bytes).map_err(|error| match error {
                MemoryError::Misaligned => PrepareError::Misaligned,
                MemoryError::TooSmall { needed, given } => PrepareError::ArenaTooSmall { needed, given },
            })?;
        Ok(Self { prepared: *prepared, arena, crew: Crew::Alone, state: State::Empty })
    }

    /// This session on the threads of a pool instead of the caller's alone; on as many of them as
    /// [`Options::threads`](crate::Options::threads) said when the model was prepared. The scores do not
    /// depend on it, not even in a bit.
    #[cfg(feature = "std")]
    pub fn with_pool(self, pool: &'a mut Pool) -> Self {
        Self { crew: Crew::Pool(pool), ..self }
    }

    /// The prepared model.
    pub fn prepared(&self) -> &Prepared<'a> {
        &self.prepared
    }

    /// The input tensor, to be written in full: [`Model::input`](crate::Model::input) gives height,
    /// width and channels; value `(y, x, c)` stands at `(y * width + x) * channels + c`.
    pub fn input_mut(&mut self) -> &mut [f32] {
        self.state = State::Input;
        self.arena.values_mut(range(&self.prepared.model.input()))
    }

    /// Runs the model and returns its scores, one a class.
    ///
    /// # Errors
    /// [`RunError::NoInput`] when the input has not been written since the last run.
    pub fn run(&mut self) -> Result<&[f32], RunError> {
        self.run_with(|_| {})
    }

    /// Runs the model and calls `after` with the index of each step that is done, in order: the hook for
    /// a profile by layer.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_with(&mut self, after: impl FnMut(usize)) -> Result<&[f32], RunError> {
        self.execute(after)?;
        Ok(self.arena.values(range(&self.prepared.model.output())))
    }

    /// As [`run_with`](Self::run_with), and ends the session.
    #[cfg(feature = "std")]
    pub(crate) fn finish(mut self, after: impl FnMut(usize)) -> Result<&'a [f32], RunError> {
        self.execute(after)?;
        Ok(self.arena.into_values(range(&self.prepared.model.output())))
    }

    fn execute(&mut self, mut after: impl FnMut(usize)) -> Result<(), RunError> {
        if self.state != State::Input {
            return Err(RunError::NoInput);
        }
        let Prepared { model, kernels, packed: mut rest, layout, .. } = self.prepared;
        let threads = layout.threads.min(self.crew.threads());
        for (index, step) in model.steps().enumerate() {
            let (from, to) = (model.buffer(step.input.buffer), model.buffer(step.output.buffer));
            let algorithm = layout.price.algorithm(&step, &from, kernels);
            let length = ops::prepared_floats(&step, algorithm, kernels).unwrap_or(0);
            let (packed, behind) = rest.split_at_checked(length).unwrap_or_default();
            rest = behind;
            let table = step.op.table().map_or(&[][..], |first| model.table(first));
            if let Op::Quantize { scale, zero } = step.op
                && from.offset == to.offset
            {
                ops::quantize::quantize_in_place(scale, zero, self.arena.values_mut(range(&from)), kernels);
                after(index);
                continue;
            }
            let second = step.inputs().last().unwrap_or(step.input);
            let other = model.buffer(second.buffer);
            let memory = self.arena.step([range(&from), range(&other)], range(&to));
            debug_assert!(memory.is_some(), "the buffers of step {index} overlap");
            if let Some(StepMemory { inputs, output, scratch }) = memory {
                let inputs =
                    [Input::new(inputs[0], &from, &step.input), Input::new(inputs[1], &other, &second)];
                let output = Target::new(output, &to, &step.output);
                let means = Means { packed, table, scratch, algorithm, kernels };
                parts::run_step(&step, [&from, &to], inputs, output, means, &mut self.crew, threads);
            }
            after(index);
        }
        self.state = State::Scores;
        Ok(())
    }

    /// The scores of the last run, if there was one and no new input has been begun.
    pub fn scores(&self) -> Option<&[f32]> {
        let scores = || self.arena.values(range(&self.prepared.model.output()));
        (self.state == State::Scores).then(scores)
    }

    /// What the final softmax of the last run read, where the model ends with one.
    pub fn logits(&self) -> Option<&[f32]> {
        let range = logits_range(&self.prepared.model)?;
        (self.state == State::Scores).then(|| self.arena.values(range))
    }
}

/// Where the input of a final softmax stands in the arena, in values.
pub(crate) fn logits_range(model: &Model<'_>) -> Option<Range<usize>> {
    let last = model.steps().last().filter(|step| step.op == Op::Softmax)?;
    let buffer = model.buffer(last.input.buffer);
    (last.input.channels == buffer.channels).then(|| range(&buffer))
}

/// Where a buffer stands in the arena, in floats. One of bytes may end within a float, which is its own:
/// buffers begin at multiples of 64.
fn range(buffer: &Buffer) -> Range<usize> {
    let start = buffer.offset as usize / size_of::<f32>();
    start..start + (buffer.bytes().unwrap_or(0) as usize).div_ceil(size_of::<f32>())
}
