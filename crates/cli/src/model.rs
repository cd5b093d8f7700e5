//! Which model an argument names, and its file.

use crate::failure::usage;
use crate::preprocessing::Flags;
use crate::runner::not_in_tract;
use anyhow::{Context, Result};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// The model that the command runs when none is named.
pub const BUILT_IN: &str = "squeezenet1.1";
const BUILT_IN_FILE: &[u8] = include_bytes!("../../../models/squeezenet1.1-tiny.wisp");

/// The classes of ImageNet, one a line: those of the model above, whose file has no room for them.
pub const IMAGENET: &str = include_str!("../../../models/imagenet1k.txt");

/// What an argument means.
#[derive(Debug)]
pub enum Named {
    /// The model inside this program.
    BuiltIn,
    /// A compiled file.
    Wisp(PathBuf),
    /// An ONNX file.
    Onnx(PathBuf),
    /// A network of the zoo.
    #[cfg(feature = "compile")]
    Zoo(Box<wisp_zoo::Network>),
}

/// A model as ONNX: a file, or its bytes.
#[derive(Debug)]
pub enum Onnx<'a> {
    File(&'a Path),
    #[cfg_attr(not(feature = "compile"), expect(dead_code, reason = "the zoo makes them"))]
    Bytes(Cow<'static, [u8]>),
}

impl Named {
    /// Resolves a `MODEL` argument: a file by its ending, else a name. The flags may ask for a network at
    /// another size than the published one; a model that is compiled takes none.
    pub fn parse(argument: Option<&str>, flags: &Flags) -> Result<Self> {
        let name = argument.unwrap_or(BUILT_IN);
        let path = Path::new(name);
        let named = match path.extension().and_then(|ending| ending.to_str()) {
            Some("wisp") => Self::Wisp(path.into()),
            Some("onnx") => Self::Onnx(path.into()),
            _ if name == BUILT_IN && flags.size.is_none() => Self::BuiltIn,
            _ => Self::by_name(name, flags)?,
        };
        if flags.any() && matches!(named, Self::BuiltIn | Self::Wisp(_)) {
            return Err(usage(format!(
                "{}: the preprocessing of a compiled model is part of it; the flags are for .onnx files",
                named.display()
            )));
        }
        Ok(named)
    }

    #[cfg(feature = "compile")]
    fn by_name(name: &str, flags: &Flags) -> Result<Self> {
        use wisp_zoo::ZooError::Unknown;
        match crate::zoo::build(name, flags.size, false) {
            // Spelled in another way.
            Ok(network) if network.name() == BUILT_IN && flags.size.is_none() => Ok(Self::BuiltIn),
            Ok(network) => Ok(Self::Zoo(Box::new(network))),
            Err(error) if !matches!(error.downcast_ref(), Some(Unknown { .. })) => Err(error),
            Err(_) if Path::new(name).exists() => Err(no_model(name)),
            Err(error) => {
                anyhow::bail!("unknown model {name}: it is no .wisp or .onnx file, and {error}")
            }
        }
    }

    #[cfg(not(feature = "compile"))]
    fn by_name(name: &str, _: &Flags) -> Result<Self> {
        match name {
            // With --size, which is then refused like the other flags.
            BUILT_IN => Ok(Self::BuiltIn),
            _ if Path::new(name).exists() => Err(no_model(name)),
            _ => Err(usage(format!(
                "unknown model {name}: it is neither a .wisp file nor {BUILT_IN}, and this program was built \
                 without the zoo; build it with feature `compile`"
            ))),
        }
    }

    /// How messages and reports call the model.
    pub fn display(&self) -> String {
        match self {
            Self::BuiltIn => BUILT_IN.into(),
            Self::Wisp(path) | Self::Onnx(path) => path.display().to_string(),
            #[cfg(feature = "compile")]
            Self::Zoo(network) => network.name().into(),
        }
    }

    /// Whether the weights are random numbers, where that is known before anything is compiled.
    pub fn is_seeded(&self) -> bool {
        match self {
            #[cfg(feature = "compile")]
            Self::Zoo(network) => network.weights() == wisp_zoo::WeightSource::Seeded,
            _ => false,
        }
    }

    /// Refuses answers that mean nothing, unless they are wanted.
    pub fn refuse_seeded(&self, seeded: bool, allowed: bool) -> Result<()> {
        if seeded && !allowed {
            anyhow::bail!(
                "{} has random weights, its answers mean nothing: give --allow-seeded to run it all the same",
                self.display()
            );
        }
        Ok(())
    }

    /// The bytes of the compiled model; ONNX is compiled in memory.
    pub fn file(&self, flags: &Flags) -> Result<Cow<'static, [u8]>> {
        match self {
            Self::BuiltIn => Ok(BUILT_IN_FILE.into()),
            Self::Wisp(path) => Ok(wisp::read_model(path)?.into()),
            _ => compile(&self.onnx()?, self, flags).map(Cow::from),
        }
    }

    /// The model as ONNX.
    pub fn onnx(&self) -> Result<Onnx<'_>> {
        match self {
            Self::Onnx(path) => Ok(Onnx::File(path)),
            #[cfg(feature = "compile")]
            Self::Zoo(network) => Ok(Onnx::Bytes(network.to_onnx().into())),
            #[cfg(feature = "compile")]
            Self::BuiltIn => Ok(Onnx::Bytes(crate::zoo::TRAINED.into())),
            _ => Err(not_in_tract(self)),
        }
    }
}

fn no_model(name: &str) -> anyhow::Error {
    anyhow::anyhow!("{name} is no model: a model's name ends in .wisp or .onnx")
}

/// The compiler's options that flags decide.
#[cfg(feature = "compile")]
pub fn options(flags: &Flags) -> Result<wisp_compiler::Options> {
    let (preprocess, scale_crop) = (flags.preprocess()?, flags.scale_crop());
    Ok(wisp_compiler::Options { preprocess, scale_crop, size: flags.size, ..Default::default() })
}

#[cfg(feature = "compile")]
fn compile(onnx: &Onnx<'_>, model: &Named, flags: &Flags) -> Result<Vec<u8>> {
    let options = options(flags)?;
    let compiled = match onnx {
        Onnx::File(path) => wisp_compiler::compile(path, &options)?,
        Onnx::Bytes(bytes) => {
            wisp_compiler::compile_bytes(bytes, &options).with_context(|| model.display())?
        }
    };
    let report = &compiled.report;
    crate::output::remark(format_args!(
        "{}: tract imported {} nodes; {} of {} convolutions run in int8",
        model.display(),
        report.nodes,
        report.convs_int8,
        report.convs
    ));
    Ok(compiled.bytes)
}

#[cfg(not(feature = "compile"))]
fn compile(_: &Onnx<'_>, model: &Named, _: &Flags) -> Result<Vec<u8>> {
    Err(usage(format!(
        "{}: this program was built without ONNX; build it with feature `compile`",
        model.display()
    )))
}

/// The labels of a file, one a line.
pub fn labels(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.lines().map(|line| line.trim_end().to_string()).collect())
}
