//! An engine that owns its memory, for programs with a heap.

use crate::LoadError;
use crate::arena::{AlignedBytes, floats_ref};
use crate::format::container::declared_length;
use crate::isa::Isa;
use crate::kernels::Kernels;
use crate::model::{Checked, Model};
use crate::pool::Pool;
use crate::prepare::{Layout, Options, PrepareError, Prepared, Requirements};
use crate::session::{RunError, Session, logits_range};
use crate::vision::{Frame, Plan, PreprocessError};
use core::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::vec::Vec;

/// Largest model file that [`read_model`] reads: 1 GiB.
const MAX_FILE: u64 = 1 << 30;
/// Bytes that tell whether a file is a model, and how long it is.
const START: u64 = 24;

/// A model with all the memory that it takes: pictures in, scores out.
///
/// Loading allocates; so does the first picture of a new size, for its resampling tables. Everything
/// after that allocates nothing. The file's weights are dropped once they are packed. With more than one
/// thread ([`Options::threads`]) the engine has workers, which sleep between runs and end with it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.wisp");
/// # let pixels = vec![0u8; 640 * 480 * 3];
/// use wisp::{Engine, Options, vision};
///
/// let mut engine = Engine::from_file(file, &Options::default())?;
/// let scores = engine.classify(vision::Rgb8::packed(&pixels, 640, 480)?)?;
/// for class in vision::top_k::<5>(scores, 5) {
///     println!("{} {:.3}", class.index, class.score);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Engine {
    memory: Memory,
    requirements: Requirements,
    /// For pictures of the last one's size; its tables are in `scratch`.
    resampler: Option<Plan>,
    scratch: Vec<u8>,
    /// Whether the arena holds the scores of a run.
    answered: bool,
}

/// What a session borrows.
#[derive(Debug)]
struct Memory {
    /// The file without its weights.
    head: Vec<u8>,
    checked: Checked,
    kernels: &'static Kernels,
    layout: Layout,
    packed: AlignedBytes,
    arena: AlignedBytes,
    /// Where there is more than one thread.
    pool: Option<Pool>,
}

impl Memory {
    fn session(&mut self) -> Result<Session<'_>, PrepareError> {
        let prepared = Prepared {
            model: Model::from_checked(&self.head, self.checked),
            kernels: self.kernels,
            packed: floats_ref(self.packed.as_slice()),
            layout: self.layout,
        };
        let session = Session::new(&prepared, self.arena.as_mut_slice())?;
        Ok(match &mut self.pool {
            Some(pool) => session.with_pool(pool),
            None => session,
        })
    }
}

/// Why an engine could not be made, or gave no scores.
#[non_exhaustive]
#[derive(Debug)]
pub enum EngineError {
    /// The file cannot be read.
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is too large to be a model.
    TooLarge {
        /// Most bytes that are read.
        limit: u64,
    },
    /// The file is not a valid model.
    Load(LoadError),
    /// The model cannot be prepared on this machine.
    Prepare(PrepareError),
    /// The system gave no memory.
    OutOfMemory {
        /// Bytes asked for.
        needed: usize,
    },
    /// The picture does not fit the model.
    Preprocess(PreprocessError),
    /// The input tensor has another number of values than the model's.
    Input {
        /// Values needed.
        needed: usize,
        /// Values given.
        given: usize,
    },
    /// The model takes no pictures: its input does not have three channels.
    Channels {
        /// Channels of the input.
        found: u32,
    },
    /// The run failed.
    Run(RunError),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, .. } => write!(f, "cannot read {}", path.display()),
            Self::TooLarge { limit } => write!(f, "the file is larger than any model ({limit} bytes)"),
            Self::Load(error) => error.fmt(f),
            Self::Prepare(error) => error.fmt(f),
            Self::OutOfMemory { needed } => write!(f, "the system has no {needed} bytes of memory left"),
            Self::Preprocess(error) => error.fmt(f),
            Self::Input { needed, given } => {
                write!(f, "the model's input has {needed} values, {given} were given")
            }
            Self::Channels { found } => {
                write!(f, "the model takes no pictures: its input has {found} channels, not 3")
            }
            Self::Run(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for EngineError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<LoadError> for EngineError {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

impl From<PrepareError> for EngineError {
    fn from(error: PrepareError) -> Self {
        Self::Prepare(error)
    }
}

/// Reads a `.wisp` file, unchecked, and no more of it than its own length field says: a wrong file, a device
/// or a pipe without end costs no memory.
///
/// # Errors
/// [`EngineError::Read`], [`EngineError::TooLarge`] or [`EngineError::OutOfMemory`].
pub fn read_model(path: impl AsRef<Path>) -> Result<Vec<u8>, EngineError> {
    let path = path.as_ref();
    let failed = |source| EngineError::Read { path: path.into(), source };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.by_ref().take(START).read_to_end(&mut bytes).map_err(failed)?;
    let Some(length) = declared_length(&bytes) else { return Ok(bytes) };
    if length > MAX_FILE {
        return Err(EngineError::TooLarge { limit: MAX_FILE });
    }
    // One byte more, so that a longer file is seen to be longer. A shorter one need not be reserved for.
    let there = file.metadata().map_err(failed)?.len().min(length);
    let needed = (there as usize).saturating_add(1);
    bytes.try_reserve_exact(needed).map_err(|_| EngineError::OutOfMemory { needed })?;
    file.take((length + 1).saturating_sub(bytes.len() as u64)).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

impl Engine {
    /// Reads a `.wisp` file into memory of its own, checks it and prepares it.
    ///
    /// # Errors
    /// [`EngineError`]; nothing is kept of a file that fails.
    pub fn from_file(path: impl AsRef<Path>, options: &Options) -> Result<Self, EngineError> {
        Self::from_vec(read_model(path)?, options)
    }

    /// Checks and prepares a model, whose bytes are copied as far as they are needed after preparation.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    pub fn from_bytes(bytes: &[u8], options: &Options) -> Result<Self, EngineError> {
        Self::build(bytes, options, |resident| {
            let mut head = Vec::new();
            head.try_reserve_exact(resident).map_err(|_| EngineError::OutOfMemory { needed: resident })?;
            head.extend(bytes.iter().take(resident));
            Ok(head)
        })
    }

    /// Checks and prepares a model in a buffer that the engine then keeps.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    pub fn from_vec(bytes: Vec<u8>, options: &Options) -> Result<Self, EngineError> {
        let mut engine = Self::build(&bytes, options, |_| Ok(Vec::new()))?;
        let head = &mut engine.memory.head;
        *head = bytes;
        head.truncate(engine.memory.checked.resident_bytes());
        head.shrink_to_fit();
        Ok(engine)
    }

    fn build(
        bytes: &[u8],
        options: &Options,
        head: impl FnOnce(usize) -> Result<Vec<u8>, EngineError>,
    ) -> Result<Self, EngineError> {
        let model = Model::from_bytes(bytes)?;
        let requirements = model.requirements(options)?;
        let allocate = |needed| AlignedBytes::zeroed(needed).map_err(|_| EngineError::OutOfMemory { needed });
        let mut packed = allocate(requirements.prepared_bytes)?;
        let arena = allocate(requirements.arena_bytes)?;
        let prepared = model.prepare(options, packed.as_mut_slice())?;
        let (kernels, layout) = (prepared.kernels, prepared.layout);
        let checked = model.checked();
        let head = head(checked.resident_bytes())?;
        let pool = (options.threads > 1).then(|| Pool::new(options.threads));
        let memory = Memory { head, checked, kernels, layout, packed, arena, pool };
        Ok(Self { memory, requirements, resampler: None, scratch: Vec::new(), answered: false })
    }

    /// The model: its plan, names, labels and description. Its weights are no longer there.
    pub fn model(&self) -> Model<'_> {
        Model::from_checked(&self.memory.head, self.memory.checked)
    }

    /// The memory that prepared weights and arena take.
    pub fn requirements(&self) -> Requirements {
        self.requirements
    }

    /// The instruction set that the engine runs on.
    pub fn isa(&self) -> Isa {
        self.requirements.isa
    }

    /// The threads that the engine runs on, its caller's among them: as many as
    /// [`Options::threads`] asked for, or fewer where the system has refused some.
    pub fn threads(&self) -> usize {
        self.memory.pool.as_ref().map_or(1, Pool::threads)
    }

    /// Prepares a picture as the model's file says, runs the model and returns its scores, one a class. The
    /// picture is a [`Frame`] in any pixel format, or what becomes one.
    ///
    /// # Errors
    /// [`EngineError::Preprocess`] when the picture cannot be cut to the model's size,
    /// [`EngineError::Channels`] when the model takes no pictures.
    pub fn classify<'f>(&mut self, picture: impl Into<Frame<'f>>) -> Result<&[f32], EngineError> {
        let picture = picture.into();
        let (spec, size) = (self.model().info().preprocess, self.model().input());
        if size.channels != 3 {
            return Err(EngineError::Channels { found: size.channels });
        }
        let plan = match self.resampler {
            Some(plan) if plan.takes(&picture) => plan,
            _ => {
                let plan = Plan::new(&spec, picture.size(), (size.width, size.height))
                    .map_err(EngineError::Preprocess)?;
                let needed = plan.scratch_bytes();
                let more = needed.saturating_sub(self.scratch.len());
                self.scratch.try_reserve_exact(more).map_err(|_| EngineError::OutOfMemory { needed })?;
                self.scratch.resize(needed, 0);
                plan.fill(&mut self.scratch).map_err(EngineError::Preprocess)?;
                self.resampler = Some(plan);
                plan
            }
        };
        self.answered = false;
        let kernels = self.memory.kernels;
        let mut session = self.memory.session()?;
        plan.run(kernels, &mut self.scratch, &picture, session.input_mut())
            .map_err(EngineError::Preprocess)?;
        let scores = session.finish(|_| {}).map_err(EngineError::Run)?;
        self.answered = true;
        Ok(scores)
    }

    /// Runs the model on an input tensor: rows of pixels of channels.
    ///
    /// # Errors
    /// [`EngineError::Input`] when the number of values is not the model's.
    pub fn run(&mut self, input: &[f32]) -> Result<&[f32], EngineError> {
        self.run_with(input, |_| {})
    }

    /// As [`run`](Self::run); calls `after` with the index of each step that is done.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_with(&mut self, input: &[f32], after: impl FnMut(usize)) -> Result<&[f32], EngineError> {
        self.answered = false;
        let mut session = self.memory.session()?;
        let tensor = session.input_mut();
        let (needed, given) = (tensor.len(), input.len());
        if needed != given {
            return Err(EngineError::Input { needed, given });
        }
        tensor.copy_from_slice(input);
        let scores = session.finish(after).map_err(EngineError::Run)?;
        self.answered = true;
        Ok(scores)
    }

    /// The bytes of a buffer as the last run has left them, for a look inside. Buffers share memory: only one
    /// whose [`last_step`](crate::format::Buffer::last_step) is the model's last still holds what was
    /// computed.
    pub fn buffer(&self, index: u32) -> Option<&[u8]> {
        let buffer = self.model().buffer(index);
        let start = usize::try_from(buffer.offset).ok()?;
        let length = usize::try_from(buffer.bytes()?).ok()?;
        self.memory.arena.as_slice().get(start..start.checked_add(length)?)
    }

    /// What the final softmax of the last run read, where the model ends with one.
    pub fn logits(&self) -> Option<&[f32]> {
        let range = logits_range(&self.model()).filter(|_| self.answered)?;
        floats_ref(self.memory.arena.as_slice()).get(range)
    }
}
