//! `wisp compile`: an ONNX file in, a `.wisp` file out.

use crate::calibration;
use crate::failure::usage;
use crate::model;
use crate::output;
use crate::preprocessing::Flags;
use crate::resources::Resources;
use crate::whole;
use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;

/// Compile an ONNX file for the device
#[derive(Debug, Args)]
pub struct Arguments {
    /// The ONNX file
    input: PathBuf,
    /// Where to write the .wisp file; it appears whole or not at all
    #[arg(short, long, value_name = "OUT.wisp")]
    output: PathBuf,
    /// Type of weights and activations
    #[arg(long, default_value = "f32")]
    precision: Precision,
    #[command(flatten)]
    quantisation: calibration::Arguments,
    /// The most bytes that the file may have: its weights get as few levels as that takes, and are coded
    #[arg(long, value_name = "N", requires = "calibrate")]
    max_bytes: Option<u64>,
    /// One label a line, stored in the file
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Leave the labels out of the file
    #[arg(long, conflicts_with = "labels")]
    no_labels: bool,
    /// Name of the model [default: what the file says, or its file name]
    #[arg(long)]
    name: Option<String>,
    /// Stop at this tensor of the ONNX file instead of its output
    #[arg(long, value_name = "NAME")]
    until: Option<String>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    preprocessing: Flags,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Precision {
    /// As the file has them: f32, or integers where it is quantised
    F32,
    /// Integers: needs --calibrate or --ranges
    Int8,
}

#[derive(Serialize)]
struct Done {
    out: String,
    bytes: usize,
    steps: usize,
    arena_bytes: usize,
    prepared_bytes: usize,
    convs: usize,
    convs_int8: usize,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    if arguments.output.extension().is_none_or(|ending| ending != "wisp") {
        return Err(usage(format!("{}: the output's name must end in .wisp", arguments.output.display())));
    }
    let mut options = wisp_compiler::Options {
        labels: match &arguments.labels {
            Some(file) => Some(model::labels(file)?),
            None => arguments.no_labels.then(Vec::new),
        },
        name: arguments.name.clone(),
        output: arguments.until.clone(),
        ..model::options(&arguments.preprocessing)?
    };
    match arguments.precision {
        Precision::F32 if arguments.max_bytes.is_some() => {
            return Err(usage("--max-bytes is for --precision int8"));
        }
        Precision::F32 if arguments.quantisation.any() => {
            return Err(usage("--calibrate, --ranges and --keep-f32 are for --precision int8"));
        }
        Precision::F32 => {}
        Precision::Int8 if arguments.max_bytes.is_some() => {}
        Precision::Int8 => {
            let (input, flags) = (&arguments.input, &arguments.preprocessing);
            options.precision = arguments.quantisation.precision(input, flags, &options)?;
        }
    }
    let compiled = match arguments.max_bytes {
        Some(max) => {
            let (input, flags) = (&arguments.input, &arguments.preprocessing);
            arguments.quantisation.compressed(input, flags, &options, max)?
        }
        None => wisp_compiler::compile(&arguments.input, &options)?,
    };
    let compiled_model = wisp::Model::from_bytes(&compiled.bytes)?;
    let need = compiled_model.requirements(&Resources::default().options()?)?;
    whole::write(&arguments.output, |file| file.write_all(&compiled.bytes))?;
    let report = &compiled.report;
    let done = Done {
        out: arguments.output.display().to_string(),
        bytes: compiled.bytes.len(),
        steps: report.steps,
        arena_bytes: need.arena_bytes,
        prepared_bytes: need.prepared_bytes,
        convs: report.convs,
        convs_int8: report.convs_int8,
    };
    if arguments.json {
        return output::json(&done);
    }
    output::line(format_args!("{}: {} bytes", done.out, output::grouped(done.bytes as u64)))?;
    output::line(format_args!(
        "  {} ONNX nodes became {} steps; {} of {} convolutions run in int8",
        report.nodes, done.steps, done.convs_int8, done.convs
    ))?;
    output::line(format_args!(
        "  memory on this CPU ({}): {} bytes of prepared weights, {} of arena",
        need.isa,
        output::grouped(done.prepared_bytes as u64),
        output::grouped(done.arena_bytes as u64)
    ))
}
