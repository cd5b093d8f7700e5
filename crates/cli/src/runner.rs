//! The engines that can run a model, behind one face.

use crate::agreement::Answer;
use crate::failure::usage;
use crate::model::{Named, Onnx};
use crate::preprocessing::Flags;
use crate::resources::Resources;
use anyhow::{Context, Result};
use clap::ValueEnum;
use wisp::Engine;
use wisp::format::{Op, Weights};
use wisp::vision::{Preprocess, Rgb8};

/// What runs the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineName {
    /// Wisp's own runtime
    Native,
    /// The same ONNX file, run whole in tract
    Tract,
}

impl EngineName {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Tract => "tract",
        }
    }
}

/// A loaded model in one of the engines.
#[derive(Debug)]
pub enum Runner {
    Native(Box<Engine>),
    #[cfg(feature = "compile")]
    Tract(Box<Tract>),
}

/// A model in tract, with the answer of its last run.
#[cfg(feature = "compile")]
#[derive(Debug)]
pub struct Tract {
    reference: wisp_compiler::Reference,
    answer: wisp_compiler::Scores,
}

/// The error for a model that tract cannot run: a compiled one, or any where tract is missing.
pub fn not_in_tract(model: &Named) -> anyhow::Error {
    usage(if cfg!(feature = "compile") {
        format!(
            "--engine tract runs .onnx files and networks of the zoo, and {} is a compiled model: name its .onnx file",
            model.display()
        )
    } else {
        "--engine tract: this program was built without tract; build it with feature `compile`".into()
    })
}

impl Runner {
    /// Loads a model; the resources are the native engine's.
    pub fn load(engine: EngineName, model: &Named, flags: &Flags, resources: &Resources) -> Result<Self> {
        match engine {
            EngineName::Native => Self::native(&model.file(flags)?, model, resources),
            EngineName::Tract => Self::tract(&model.onnx()?, model, flags),
        }
    }

    /// Loads a compiled model's bytes.
    pub fn native(file: &[u8], model: &Named, resources: &Resources) -> Result<Self> {
        let engine = Engine::from_bytes(file, &resources.options()?).with_context(|| model.display())?;
        Ok(Self::Native(Box::new(engine)))
    }

    /// Loads an ONNX model into tract.
    #[cfg(feature = "compile")]
    pub fn tract(onnx: &Onnx<'_>, model: &Named, flags: &Flags) -> Result<Self> {
        let options = crate::model::options(flags)?;
        let reference = match onnx {
            Onnx::File(path) => wisp_compiler::Reference::load(path, &options)?,
            Onnx::Bytes(bytes) => {
                wisp_compiler::Reference::from_bytes(bytes, &options).with_context(|| model.display())?
            }
        };
        crate::output::remark(format_args!(
            "{}: tract imported {} nodes; {} of {} convolutions run in int8",
            model.display(),
            reference.nodes(),
            reference.convs_int8(),
            reference.convs()
        ));
        let answer = wisp_compiler::Scores { scores: vec![], logits: vec![] };
        Ok(Self::Tract(Box::new(Tract { reference, answer })))
    }

    #[cfg(not(feature = "compile"))]
    pub fn tract(_: &Onnx<'_>, model: &Named, _: &Flags) -> Result<Self> {
        Err(not_in_tract(model))
    }

    /// Which engine this is.
    pub fn engine(&self) -> EngineName {
        match self {
            Self::Native(_) => EngineName::Native,
            #[cfg(feature = "compile")]
            Self::Tract(_) => EngineName::Tract,
        }
    }

    /// The instruction set, where the engine tells.
    pub fn isa(&self) -> Option<&'static str> {
        match self {
            Self::Native(engine) => Some(engine.isa().name()),
            #[cfg(feature = "compile")]
            Self::Tract(_) => None,
        }
    }

    /// The threads that run the model.
    pub fn threads(&self) -> usize {
        match self {
            Self::Native(engine) => engine.threads(),
            #[cfg(feature = "compile")]
            Self::Tract(_) => 1,
        }
    }

    /// The model's name.
    pub fn name(&self) -> String {
        match self {
            Self::Native(engine) => engine.model().info().name().to_string(),
            #[cfg(feature = "compile")]
            Self::Tract(tract) => tract.reference.name().to_string(),
        }
    }

    /// Where the weights come from.
    pub fn weights(&self) -> Weights {
        match self {
            Self::Native(engine) => engine.model().info().weights,
            #[cfg(feature = "compile")]
            Self::Tract(tract) => tract.reference.weights(),
        }
    }

    /// How a picture becomes the input.
    pub fn preprocess(&self) -> Preprocess {
        match self {
            Self::Native(engine) => engine.model().info().preprocess,
            #[cfg(feature = "compile")]
            Self::Tract(tract) => tract.reference.preprocess(),
        }
    }

    /// Height, width and channels of the input.
    pub fn input(&self) -> [usize; 3] {
        match self {
            Self::Native(engine) => {
                let input = engine.model().input();
                [input.height as usize, input.width as usize, input.channels as usize]
            }
            #[cfg(feature = "compile")]
            Self::Tract(tract) => tract.reference.input(),
        }
    }

    /// Number of scores.
    pub fn class_count(&self) -> usize {
        match self {
            Self::Native(engine) => engine.model().info().class_count as usize,
            #[cfg(feature = "compile")]
            Self::Tract(tract) => tract.reference.class_count(),
        }
    }

    /// The model's own label of a class.
    pub fn label(&self, class: usize) -> Option<String> {
        match self {
            Self::Native(engine) => engine.model().label(class).map(str::to_string),
            #[cfg(feature = "compile")]
            Self::Tract(_) => None,
        }
    }

    /// Runs the model on an input tensor.
    pub fn run(&mut self, input: &[f32]) -> Result<&[f32]> {
        match self {
            Self::Native(engine) => Ok(engine.run(input)?),
            #[cfg(feature = "compile")]
            Self::Tract(tract) => {
                tract.answer = tract.reference.run(input)?;
                Ok(&tract.answer.scores)
            }
        }
    }

    /// Runs the model on a picture, prepared as the model's description says.
    pub fn answer(&mut self, picture: &Rgb8<'_>) -> Result<Answer> {
        let tensor = self.tensor(picture)?;
        let scores = self.run(&tensor)?.to_vec();
        let logits = match self {
            Self::Native(engine) => {
                let has_softmax = || engine.model().steps().any(|step| step.op == Op::Softmax);
                let logits = engine.logits().map(<[f32]>::to_vec);
                logits.or_else(|| (!has_softmax()).then(|| scores.clone()))
            }
            #[cfg(feature = "compile")]
            Self::Tract(tract) => Some(tract.answer.logits.clone()),
        };
        Ok(Answer { scores, logits })
    }

    /// Turns a picture into the input tensor, as the model's description says.
    pub fn tensor(&self, picture: &Rgb8<'_>) -> Result<Vec<f32>> {
        let [height, width, channels] = self.input();
        if channels != 3 {
            anyhow::bail!("{} takes no pictures: its input has {channels} channels, not 3", self.name());
        }
        let frame = (picture.width() as u32, picture.height() as u32);
        let size = (width as u32, height as u32);
        let spec = self.preprocess();
        let mut scratch = vec![0; wisp::vision::scratch_bytes(&spec, frame, size)?];
        let mut tensor = vec![0.0; height * width * channels];
        wisp::vision::Resampler::new(&spec, frame, size, &mut scratch)?.run(picture, &mut tensor)?;
        Ok(tensor)
    }
}
