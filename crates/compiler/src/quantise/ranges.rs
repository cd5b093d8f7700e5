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
    /// Layers whose weights are rounded narrow: see [`is_narrow`](wisp::format::weights::is_narrow).
    #[serde(default)]
    pub narrow: Vec<String>,
    /// One a tensor, in the order of the graph.
    pub tensors: Vec<Range>,
}

impl Ranges {
    pub(crate) fn new(model: &str, source_sha256: String, pictures: usize, tensors: Vec<Range>) -> Self {
        let (model, equalised) = (model.into(), false);
        let (mean_kl, narrow) = (0.0, Vec::new());
        Self { format: FORMAT, model, source_sha256, equalised, pictures, mean_kl, narrow, tensors }
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

    /// The text of a file: a line a tensor, numbers that read back to the same bits.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string(self).unwrap_or_default();
        // Nothing else in the text looks like the beginning of a tensor: names are quoted and escaped.
        text = text.replace(",{\"tensor\":", ",\n{\"tensor\":").replace("[{\"tensor\":", "[\n{\"tensor\":");
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges() -> Ranges {
        let range = |tensor: &str, lo, hi| Range {
            tensor: tensor.into(),
            lo,
            hi,
            method: "mse".into(),
            mean: vec![0.1, -3.0e-9],
            snr: None,
        };
        let odd = "with \",{\"tensor\":\" in it";
        Ranges::new("small", "00".into(), 7, vec![range("data", -1.0, 0.3), range(odd, 0.0, 1e30)])
    }

    #[test]
    fn come_back_as_they_went_out() {
        assert_eq!(Ranges::parse(&ranges().to_json()).unwrap(), ranges());
        assert_eq!(ranges().of("data").map(|range| range.hi), Some(0.3));
    }

    #[test]
    fn other_files_are_refused_in_words() {
        let text = |text: &str| Ranges::parse(text).unwrap_err().to_string();
        assert!(text("{}").starts_with("option --ranges: no ranges file: missing field"));
        let wrong = ranges().to_json().replace("\"format\":1", "\"format\":2");
        assert_eq!(text(&wrong), "option --ranges: format 2 is not supported, 1 is");
        let wrong = ranges().to_json().replace("\"lo\":-1.0", "\"lo\":1.0");
        assert_eq!(text(&wrong), "option --ranges: tensor \"data\": 1..0.3 is no range");
    }
}
