//! What a caller may decide about a compilation.

use crate::quantise::Ranges;
use wisp::format::Weights;
use wisp::vision::Preprocess;

/// Type of weights and activations of a compiled model.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Precision {
    /// As the file has them: `f32`, or integers where it is quantised.
    #[default]
    F32,
    /// Integers.
    Int8 {
        /// What [`calibrate`](crate::calibrate) found out.
        ranges: Box<Ranges>,
        /// Nodes that stay in floating point.
        keep_f32: Vec<String>,
    },
}

/// What to compile, and what the file does not say itself. `Options::default()` takes everything from
/// the file.
///
/// Where both the options and the file's metadata say something, the options win.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// How a picture becomes the input tensor. Needed if the metadata do not say it.
    pub preprocess: Option<Preprocess>,
    /// Whether the shorter side of a crop in `preprocess` is that for an input of 224 pixels and is to be
    /// scaled to the model's. Presets mean it so; a side that somebody has chosen stays as it is.
    pub scale_crop: bool,
    /// Height and width of the input, for a model that leaves them open.
    pub size: Option<u32>,
    /// One label a class, stored in the compiled file.
    pub labels: Option<Vec<String>>,
    /// Where the weights come from; [`Weights::Trained`] if nothing says otherwise.
    pub weights: Option<Weights>,
    /// Name of the model; the file's name without its ending if nothing says otherwise.
    pub name: Option<String>,
    /// Tensor to stop at, by its name in the ONNX file; the graph's first output otherwise.
    pub output: Option<String>,
    /// Type of weights and activations.
    pub precision: Precision,
    /// Threads of the [`Reference`](crate::Reference) and of [`compress`](crate::compress), one if not given.
    /// Compiling takes one.
    pub threads: Option<usize>,
    /// How [`load_onnx`](crate::load_onnx) prepares the compiled model on this machine.
    pub runtime: wisp::Options,
}
