//! What calibration found out about a model's tensors, and the file that keeps it.

use crate::error::CompileError;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Version of the file.
const FORMAT: u32 = 1;

/// The range of one tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Name in the ONNX file.
    pub tensor: String,
    /// Least value that the grid reaches.
    pub lo: f32,
    /// Greatest value that the grid reaches.
    pub hi: f32,
    /// Which method chose them.
    pub method: String,
    /// Mean of each channel over the pictures, which bias correction needs.
    pub mean: Vec<f32>,
    /// Signal through noise in decibels: of this tensor in the quantised model against the original.
    pub snr: Option<f32>,
}

/// The ranges of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranges {
    format: u32,
    /// Name of the model.
    pub model: String,
    /// SHA-256 of the ONNX file, in hexadecimal.
    pub source_sha256: String,
    /// Whether the ranges are those of equalised weights.
    pub equalised: bool,
    /// Number of pictures.
    pub pictures: usize,
    /// Mean divergence at the output over some of them, in nats.
    pub mean_kl: f64,
    /// One a tensor, in the order of the graph.
    pub tensors: Vec<Range>,
}

impl Ranges {
    pub(crate) fn new(model: &str, source_sha256: String, pictures: usize, tensors: Vec<Range>) -> Self {
        let (model, equalised) = (model.into(), false);
        Self { format: FORMAT, model, source_sha256, equalised, pictures, mean_kl: 0.0, tensors }
    }

    /// The range of a tensor.
    pub fn of(&self, tensor: &str) -> Option<&Range> {
        self.tensors.iter().find(|range| range.tensor == tensor)
    }

    /// The tensor with the least signal through noise.
    pub fn worst(&self) -> Option<(&str, f32)> {
        let known = self.tensors.iter().filter_map(|range| Some((range.tensor.as_str(), range.snr?)));
        known.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`CompileError::Read`], or [`CompileError::Option`] if it is not a ranges file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, CompileError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|source| CompileError::Read { path: path.into(), source })?;
        Self::parse(&text)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`CompileError::Option`] if it is not that of a ranges file.
    pub fn parse(text: &str) -> Result<Self, CompileError> {
        let fail = |problem: String| CompileError::Option { option: "--ranges", problem };
        let ranges: Self =
            serde_json::from_str(text).map_err(|error| fail(format!("no ranges file: {error}")))?;
        if ranges.format != FORMAT {
            return Err(fail(format!("format {} is not supported, {FORMAT} is", ranges.format)));
        }
        for Range { tensor, lo, hi, mean, .. } in &ranges.tensors {
            if !(lo.is_finite() && hi.is_finite() && lo <= hi) {
                return Err(fail(format!("tensor \"{tensor}\": {lo}..{hi} is no range")));
            }
            if !mean.iter().all(|mean| mean.is_finite()) {
                return Err(fail(format!("tensor \"{tensor}\": its means are not all finite")));
            }
        }
        Ok(ranges)
    }

    /// The text of a file: numbers that read back to the same bits.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}
