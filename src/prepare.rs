//! From a checked model to weights packed for this CPU: how much memory that takes, and the packing.

use crate::algorithm::{Algorithm, Optimize, Price};
use crate::arena::{MemoryError, bytes_mut, floats};
use crate::crew::MAX_THREADS;
use crate::format::coded::CodedError;
use crate::format::{ALIGN, Step, align_up};
use crate::isa::Isa;
use crate::kernels::Kernels;
use crate::model::Model;
use crate::ops;
use core::fmt;

/// How a model is to be prepared.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Instruction set; without one, the best that this CPU has.
    pub isa: Option<Isa>,
    /// Most bytes that prepared weights and arena may take together. Less memory than `Speed` could use is
    /// spent where it saves most time; less than `Size` takes is an error. Each thread takes some of it, so
    /// that algorithms, and with them the rounding of `f32` results, may differ with their number.
    pub memory_budget: Option<usize>,
    /// Whether memory may be spent on time. The results of `f32` convolutions differ by rounding.
    pub optimize: Optimize,
    /// Most threads that compute a step together, 1 to [`MAX_THREADS`]: each takes scratch of its own. An
    /// `Engine` starts them; a [`Session`](crate::Session) is given a pool, or runs on its caller's alone.
    pub threads: usize,
}

impl Default for Options {
    /// The best instruction set, speed within no bound on memory, one thread.
    fn default() -> Self {
        Self { isa: None, memory_budget: None, optimize: Optimize::default(), threads: 1 }
    }
}

impl Options {
    /// These options with an instruction set that must be used.
    pub fn with_isa(self, isa: Isa) -> Self {
        Self { isa: Some(isa), ..self }
    }

    /// These options with a bound on prepared weights and arena together, in bytes.
    pub fn with_memory_budget(self, bytes: usize) -> Self {
        Self { memory_budget: Some(bytes), ..self }
    }

    /// These options with a choice between memory and time.
    pub fn with_optimize(self, optimize: Optimize) -> Self {
        Self { optimize, ..self }
    }

    /// These options with a number of threads.
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    fn kernels(&self) -> Result<&'static Kernels, PrepareError> {
        let isa = self.isa.unwrap_or_else(Isa::detect);
        Kernels::of(isa).ok_or(PrepareError::Isa(isa))
    }
}

/// The memory that a model takes on this CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// Bytes for [`Model::prepare`].
    pub prepared_bytes: usize,
    /// Bytes for [`Session::new`](crate::Session::new), for each session.
    pub arena_bytes: usize,
    /// Alignment of both in bytes.
    pub align: usize,
    /// Instruction set that these figures hold for.
    pub isa: Isa,
    price: Price,
    /// Threads that these figures hold for.
    pub threads: usize,
}

/// Why a model cannot be prepared, or a session cannot begin.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrepareError {
    /// This CPU does not have the instruction set.
    Isa(Isa),
    /// Prepared weights and arena take more than the budget.
    OverBudget {
        /// Bytes that they take.
        needed: usize,
        /// The budget in bytes.
        given: usize,
    },
    /// The number of threads is not 1 to [`MAX_THREADS`].
    Threads(usize),
    /// The sizes do not fit in this machine's addresses.
    TooLarge,
    /// The memory for prepared weights is too small.
    PreparedTooSmall {
        /// Bytes needed.
        needed: usize,
        /// Bytes given.
        given: usize,
    },
    /// The arena is too small.
    ArenaTooSmall {
        /// Bytes needed.
        needed: usize,
        /// Bytes given.
        given: usize,
    },
    /// A memory does not begin at a multiple of 64.
    Misaligned,
    /// The coded weights of a step are not what the file says.
    Coded {
        /// The step.
        step: usize,
        /// What is wrong with them.
        error: CodedError,
    },
}

impl fmt::Display for PrepareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Isa(isa) => write!(f, "this CPU, or this build, cannot run the {isa} kernels"),
            Self::OverBudget { needed, given } => {
                write!(f, "the model needs {needed} bytes of memory, the budget is {given}")
            }
            Self::Threads(given) => {
                write!(f, "the number of threads must be 1 to {MAX_THREADS}, not {given}")
            }
            Self::TooLarge => f.write_str("the model needs more memory than this machine can address"),
            Self::PreparedTooSmall { needed, given } => {
                write!(f, "the prepared weights need {needed} bytes, {given} were given")
            }
            Self::ArenaTooSmall { needed, given } => {
                write!(f, "the arena needs {needed} bytes, {given} were given")
            }
            Self::Misaligned => write!(f, "the memory must begin at a multiple of {ALIGN} bytes"),
            Self::Coded { step, error } => {
                write!(f, "the coded weights of step {step} cannot be read: {error}")
            }
        }
    }
}

impl core::error::Error for PrepareError {}

/// Bytes on the stack for decoding rows of weights; longer ones take some of the prepared memory.
const SHORT_STAGE: usize = 4096;

/// A model with its weights packed for this CPU. Shared by any number of sessions and threads.
#[derive(Clone, Copy, Debug)]
pub struct Prepared<'a> {
    pub(crate) model: Model<'a>,
    pub(crate) kernels: &'static Kernels,
    pub(crate) packed: &'a [f32],
    pub(crate) layout: Layout,
}

/// Sizes that follow from a model, an instruction set and a price of memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub price: Price,
    /// Weights, and behind them the stage.
    pub packed_bytes: usize,
    /// Where rows are decoded that are longer than [`SHORT_STAGE`].
    stage_bytes: usize,
    pub buffer_bytes: usize,
    /// For all parts of a step together.
    pub scratch_bytes: usize,
    /// Most threads that compute a step together.
    pub threads: usize,
}

/// What speed may take where nobody says, if so many bytes are the least: half as much again, and a little
/// more for models that are small.
fn speed_budget(least: usize) -> usize {
    least.saturating_add(least / 2).saturating_add(800_000)
}

impl Layout {
    fn new(model: &Model<'_>, price: Price, kernels: &Kernels, threads: usize) -> Option<Self> {
        let mut packed = 0usize;
        let (mut scratch, mut stage) = (0, 0);
        for step in model.steps() {
            let (input, output) = (model.buffer(step.input.buffer), model.buffer(step.output.buffer));
            let algorithm = price.algorithm(&step, &input, kernels);
            packed = packed.checked_add(ops::prepared_floats(&step, algorithm, kernels)?)?;
            stage = ops::rows::stage_bytes(&step)?.max(stage);
            let parts = ops::parts::count(&step, &input, &output, algorithm, kernels, threads);
            let part = align_up(ops::scratch_bytes(&step, &input, algorithm, kernels)?)?;
            scratch = part.checked_mul(parts)?.max(scratch);
        }
        let stage_bytes = if stage > SHORT_STAGE { align_up(stage)? } else { 0 };
        Some(Self {
            price,
            packed_bytes: packed.checked_mul(size_of::<f32>())?.checked_add(stage_bytes)?,
            stage_bytes,
            buffer_bytes: align_up(usize::try_from(model.info().arena_bytes).ok()?)?,
            scratch_bytes: scratch,
            threads,
        })
    }

    /// The fastest layout that the options allow. Without a budget the algorithms are those for one thread, so
    /// that results do not depend on the number of threads.
    fn choose(model: &Model<'_>, options: &Options, kernels: &Kernels) -> Result<Self, PrepareError> {
        if !(1..=MAX_THREADS).contains(&options.threads) {
            return Err(PrepareError::Threads(options.threads));
        }
        let layout = |price, threads| Self::new(model, price, kernels, threads).ok_or(PrepareError::TooLarge);
        let smallest = layout(Price::PROHIBITIVE, options.threads)?;
        let needed = smallest.bytes().ok_or(PrepareError::TooLarge)?;
        let (budget, threads) = match options.memory_budget {
            Some(given) if needed > given => return Err(PrepareError::OverBudget { needed, given }),
            _ if options.optimize == Optimize::Size => return Ok(smallest),
            Some(given) => (given, options.threads),
            None => (speed_budget(layout(Price::PROHIBITIVE, 1)?.bytes().unwrap_or(needed)), 1),
        };
        let fits = |price| {
            layout(price, threads).is_ok_and(|layout| layout.bytes().is_some_and(|bytes| bytes <= budget))
        };
        layout(Price::lowest(fits), options.threads)
    }

    fn arena_bytes(&self) -> Option<usize> {
        self.buffer_bytes.checked_add(self.scratch_bytes)
    }

    /// Prepared weights and arena together.
    fn bytes(&self) -> Option<usize> {
        self.packed_bytes.checked_add(self.arena_bytes()?)
    }
}

impl<'a> Model<'a> {
    /// The memory that this model takes with these options. Cheap: reads the plan, touches no weight.
    ///
    /// # Errors
    /// [`PrepareError::Isa`], [`PrepareError::Threads`], [`PrepareError::OverBudget`] or
    /// [`PrepareError::TooLarge`].
    pub fn requirements(&self, options: &Options) -> Result<Requirements, PrepareError> {
        let kernels = options.kernels()?;
        let layout = Layout::choose(self, options, kernels)?;
        Ok(Requirements {
            prepared_bytes: layout.packed_bytes,
            arena_bytes: layout.arena_bytes().ok_or(PrepareError::TooLarge)?,
            align: ALIGN,
            isa: kernels.isa,
            threads: options.threads,
            price: layout.price,
        })
    }

    /// The algorithm that computes a step of this model where it is prepared with these requirements.
    pub fn algorithm(&self, step: &Step, requirements: &Requirements) -> Algorithm {
        let input = self.buffer(step.input.buffer);
        Kernels::of(requirements.isa)
            .map_or(Algorithm::Direct, |kernels| requirements.price.algorithm(step, &input, kernels))
    }

    /// The kernel that runs a step of this model where it is prepared with these requirements, as `inspect`
    /// and profiles print it: type, operation, tile and instruction set.
    pub fn kernel(&self, step: &Step, requirements: &Requirements) -> &'static str {
        let algorithm = self.algorithm(step, requirements);
        let element = self.buffer(step.input.buffer).element;
        Kernels::of(requirements.isa).map_or("", |kernels| ops::kernel(&step.op, element, algorithm, kernels))
    }

    /// Packs the weights into `memory`: at least [`Requirements::prepared_bytes`], beginning at a multiple
    /// of 64. The model's own weights are not read again after this.
    ///
    /// # Errors
    /// As [`requirements`](Self::requirements), or the memory is too small or misaligned, or
    /// [`PrepareError::Coded`].
    pub fn prepare(&self, options: &Options, memory: &'a mut [u8]) -> Result<Prepared<'a>, PrepareError> {
        let kernels = options.kernels()?;
        let layout = Layout::choose(self, options, kernels)?;
        let packed = floats(memory, layout.packed_bytes).map_err(|error| match error {
            MemoryError::Misaligned => PrepareError::Misaligned,
            MemoryError::TooSmall { needed, given } => PrepareError::PreparedTooSmall { needed, given },
        })?;
        let weights = packed.len() - layout.stage_bytes / size_of::<f32>();
        let (mut rest, stage) = packed.split_at_mut(weights);
        let mut short = [0; SHORT_STAGE];
        let stage = if layout.stage_bytes > 0 { bytes_mut(stage) } else { &mut short };
        for (index, step) in self.steps().enumerate() {
            let algorithm = layout.price.algorithm(&step, &self.buffer(step.input.buffer), kernels);
            let length = ops::prepared_floats(&step, algorithm, kernels).ok_or(PrepareError::TooLarge)?;
            let (block, behind) = rest.split_at_mut_checked(length).ok_or(PrepareError::TooLarge)?;
            ops::prepare(self, &step, algorithm, kernels, block, stage)
                .map_err(|error| PrepareError::Coded { step: index, error })?;
            rest = behind;
        }
        log::debug!(
            "prepared {} for {}: {} bytes of weights in {} tiles",
            self.info().name(),
            kernels.isa,
            layout.packed_bytes,
            kernels.gemm.name
        );
        Ok(Prepared { model: *self, kernels, packed, layout })
    }
}

impl<'a> Prepared<'a> {
    /// The model.
    pub fn model(&self) -> &Model<'a> {
        &self.model
    }

    /// The instruction set that the weights are packed for.
    pub fn isa(&self) -> Isa {
        self.kernels.isa
    }
}
