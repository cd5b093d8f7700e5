//! Which model an argument names, and its file.

use crate::failure::usage;
use crate::preprocessing::Flags;
use anyhow::{Context, Result, bail};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// The model that the command runs when none is named.
pub const BUILT_IN: &str = "squeezenet1.1";
const BUILT_IN_FILE: &[u8] = include_bytes!("../../../models/squeezenet1.1.wisp");

/// What an argument means.
#[derive(Debug)]
pub enum Named {
    /// The model inside this program.
    BuiltIn,
    /// A compiled file.
    Wisp(PathBuf),
    /// An ONNX file.
    Onnx(PathBuf),
}

impl Named {
    /// Resolves a `MODEL` argument: a file by its ending, else a name.
    pub fn parse(argument: Option<&str>) -> Result<Self> {
        let Some(argument) = argument else { return Ok(Self::BuiltIn) };
        let path = Path::new(argument);
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("wisp") => Ok(Self::Wisp(path.into())),
            Some("onnx") => Ok(Self::Onnx(path.into())),
            _ if argument == BUILT_IN => Ok(Self::BuiltIn),
            _ if path.exists() => bail!("{argument} is no model: a model's name ends in .wisp or .onnx"),
            _ => {
                bail!("unknown model {argument}: neither a .wisp or .onnx file nor a known name ({BUILT_IN})")
            }
        }
    }

    /// How messages and reports call the model.
    pub fn display(&self) -> String {
        match self {
            Self::BuiltIn => BUILT_IN.into(),
            Self::Wisp(path) | Self::Onnx(path) => path.display().to_string(),
        }
    }

    /// The bytes of the compiled model; an ONNX file is compiled in memory.
    pub fn file(&self, flags: &Flags) -> Result<Cow<'static, [u8]>> {
        if !matches!(self, Self::Onnx(_)) && flags.any() {
            return Err(usage(format!(
                "{}: the preprocessing of a compiled model is part of it; the flags are for .onnx files",
                self.display()
            )));
        }
        match self {
            Self::BuiltIn => Ok(BUILT_IN_FILE.into()),
            Self::Wisp(path) => Ok(wisp::read_model(path)?.into()),
            Self::Onnx(path) => compile(path, flags).map(Cow::from),
        }
    }
}

/// The compiler's options that flags decide.
#[cfg(feature = "compile")]
pub fn options(flags: &Flags) -> Result<wisp_compiler::Options> {
    let (preprocess, scale_crop) = (flags.preprocess()?, flags.scale_crop());
    Ok(wisp_compiler::Options { preprocess, scale_crop, size: flags.size, ..Default::default() })
}

#[cfg(feature = "compile")]
fn compile(path: &Path, flags: &Flags) -> Result<Vec<u8>> {
    let compiled = wisp_compiler::compile(path, &options(flags)?)?;
    let report = &compiled.report;
    crate::output::remark(format_args!(
        "{}: tract imported {} nodes; {} of {} convolutions run in int8",
        path.display(),
        report.nodes,
        report.convs_int8,
        report.convs
    ));
    Ok(compiled.bytes)
}

#[cfg(not(feature = "compile"))]
fn compile(path: &Path, _: &Flags) -> Result<Vec<u8>> {
    Err(usage(format!(
        "{}: this program was built without ONNX; build it with feature `compile`",
        path.display()
    )))
}

/// The labels of a file, one a line.
pub fn labels(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.lines().map(|line| line.trim_end().to_string()).collect())
}
