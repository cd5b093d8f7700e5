//! From a folder of pictures to the ranges of a model's tensors.

use crate::failure::usage;
use crate::labelled::{self, Labelled};
use crate::model::{self, Named};
use crate::output;
use crate::picture::Picture;
use crate::preprocessing::Flags;
use crate::resources::Resources;
use crate::runner::Runner;
use crate::whole;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::io::Write;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use wisp_compiler::{Calibration, Compiled, Compression, Method, Precision, Progress, Ranges};

/// How a model gets its integers.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Pictures such as the model will see, a hundred or more: JPEG or PNG, of this folder itself
    #[arg(long, value_name = "DIR")]
    calibrate: Option<PathBuf>,
    /// Calibrate on these pictures of the folder alone: names, or positions in their order, a line each
    #[arg(long, value_name = "FILE", requires = "calibrate")]
    only: Option<PathBuf>,
    /// The file of ranges: written by --calibrate, read without it. With --max-bytes it is read if it is there
    #[arg(long, value_name = "FILE.json")]
    ranges: Option<PathBuf>,
    /// How ranges are chosen: auto, minmax, percentile, kl or mse
    #[arg(long, value_name = "NAME", default_value = "auto", requires = "calibrate")]
    method: String,
    /// Equalise the channels of tensors by the weights around them first
    #[arg(long, requires = "calibrate")]
    equalise: bool,
    /// A layer that stays in floating point, by its name in the ONNX file; may be given several times
    #[arg(long, value_name = "NAME")]
    keep_f32: Vec<String>,
}

impl Arguments {
    /// Whether any of them is given.
    pub fn any(&self) -> bool {
        self.calibrate.is_some() || self.ranges.is_some() || !self.keep_f32.is_empty()
    }

    /// The precision that they ask for, with the ranges read or found out.
    pub fn precision(
        &self,
        input: &Path,
        flags: &Flags,
        options: &wisp_compiler::Options,
    ) -> Result<Precision> {
        let ranges = match (&self.calibrate, &self.ranges) {
            (Some(folder), _) => self.calibrated(input, options, &self.calibration(folder, input, flags)?)?,
            (None, Some(file)) => Ranges::read(file)?,
            (None, None) => {
                return Err(usage(
                    "--precision int8 needs to know how large the values of each tensor get: give --calibrate DIR \
                     with some pictures, or --ranges FILE from an earlier calibration",
                ));
            }
        };
        if let Some((tensor, snr)) = ranges.worst() {
            output::remark(format_args!(
                "quantised worst: {tensor}, whose signal is {snr:.1} dB above its noise; --keep-f32 LAYER keeps a layer"
            ));
        }
        Ok(Precision::Int8 { ranges: Box::new(ranges), keep_f32: self.keep_f32.clone() })
    }

    /// Compiles to a file of at most `max_bytes`.
    pub fn compressed(
        &self,
        input: &Path,
        flags: &Flags,
        options: &wisp_compiler::Options,
        max_bytes: u64,
    ) -> Result<Compiled> {
        let Some(folder) = &self.calibrate else {
            return Err(usage("--max-bytes tries roundings on pictures: give --calibrate DIR"));
        };
        let calibration = self.calibration(folder, input, flags)?;
        let ranges = match &self.ranges {
            Some(file) if file.exists() => Ranges::read(file)?,
            _ => self.calibrated(input, options, &calibration)?,
        };
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let options = wisp_compiler::Options { threads: Some(threads), ..options.clone() };
        let bar = output::progress(0, "{msg} {wide_bar} {pos}/{len} {elapsed}");
        let mut show = |progress: Compression| {
            let bytes = progress.bytes.map(|bytes| format!(", {} bytes", output::grouped(bytes)));
            let lost = progress.kl.map(|kl| format!(", {kl:.4} nats"));
            bar.set_length(progress.total as u64);
            bar.set_position(progress.done as u64);
            bar.set_message(format!(
                "{}{}{}",
                progress.stage,
                bytes.unwrap_or_default(),
                lost.unwrap_or_default()
            ));
        };
        let compiled = wisp_compiler::compress(input, &options, &calibration, &ranges, max_bytes, &mut show)?;
        bar.finish_and_clear();
        Ok(compiled)
    }

    /// The pictures as tensors.
    fn calibration(&self, folder: &Path, input: &Path, flags: &Flags) -> Result<Calibration> {
        let method: Method = self.method.parse().map_err(|error| usage(format!("--method: {error}")))?;
        let pictures = pictures(folder)?;
        let pictures = match &self.only {
            Some(list) => labelled::only(&pictures, list)?,
            None => pictures,
        };
        let named = Named::Onnx(input.into());
        // The model as it is, for the size and the preparation of its pictures.
        let compiled = wisp_compiler::compile(input, &model::options(flags)?)?;
        let runner = Runner::native(&compiled.bytes, &named, &Resources::default())?;
        let bar = output::progress(pictures.len(), "{msg} {wide_bar} {pos}/{len} {eta}");
        bar.set_message("pictures");
        let mut inputs = Vec::with_capacity(pictures.len());
        for picture in &pictures {
            let path = folder.join(&picture.file);
            let picture = Picture::read(&path)?;
            inputs.push(runner.tensor(&picture.view()?).with_context(|| path.display().to_string())?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(Calibration { inputs, method, equalise: self.equalise, keep_f32: self.keep_f32.clone() })
    }

    fn calibrated(
        &self,
        input: &Path,
        options: &wisp_compiler::Options,
        calibration: &Calibration,
    ) -> Result<Ranges> {
        let bar = output::progress(calibration.inputs.len(), "{msg} {wide_bar} {pos}/{len} {eta}");
        let mut stage = "";
        let ranges = wisp_compiler::calibrate(input, options, calibration, &mut |progress: Progress| {
            if progress.stage != stage {
                stage = progress.stage;
                bar.set_length(progress.total as u64);
                bar.set_message(stage);
            }
            bar.set_position(progress.done as u64);
        })?;
        bar.finish_and_clear();
        output::remark(format_args!(
            "calibrated on {} pictures; mean divergence at the output {:.2e} nats",
            ranges.pictures, ranges.mean_kl
        ));
        if let Some(file) = &self.ranges {
            whole::write(file, |out| out.write_all(ranges.to_json().as_bytes()))?;
        }
        Ok(ranges)
    }
}

/// The pictures of a folder in the order of their names.
fn pictures(folder: &Path) -> Result<Vec<Labelled>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        if matches!(ending.as_deref(), Some("jpg" | "jpeg" | "png"))
            && let Some(name) = path.file_name()
        {
            files.push(Labelled { file: name.to_string_lossy().into_owned(), class: 0 });
        }
    }
    if files.is_empty() {
        bail!("{} holds no JPEG or PNG pictures", folder.display());
    }
    files.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(files)
}
