//! `wisp inspect`: what is in a model, layer by layer, and how it uses memory.

use crate::model::Named;
use crate::output::{self, grouped};
use crate::paths::{self, Paths};
use crate::preprocessing::Flags;
use crate::resources::Resources;
use crate::runner::EngineName;
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use wisp::format::coded::Trellis;
use wisp::format::{Step, Weights};
use wisp::vision::{ChannelOrder, PixelRange, Resize};
use wisp::{Model, Requirements};

/// Show a model's layers, sizes and memory
#[derive(Debug, Args)]
pub struct Arguments {
    /// A .wisp or .onnx file, the name of a network, or a ranges file [default: the built-in squeezenet1.1]
    model: Option<String>,
    #[command(flatten)]
    resources: Resources,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    preprocessing: Flags,
}

/// A step, as `inspect` reports it.
#[derive(Serialize)]
pub struct Layer {
    pub name: String,
    op: &'static str,
    #[serde(rename = "in")]
    input: [u32; 3],
    out: [u32; 3],
    kernel: Option<[u16; 2]>,
    stride: Option<[u16; 2]>,
    /// Top, left, bottom, right.
    pad: Option<[u16; 4]>,
    groups: Option<u32>,
    params: u64,
    pub macs: u64,
    weight_bytes: u64,
    /// How the file has the weights: `plain`, or `coded` and the number of states of their trellis.
    coding: Option<&'static str>,
    /// Of the weights alone, in the file.
    bits_per_weight: Option<f64>,
    pub precision: &'static str,
    pub algorithm: &'static str,
}

#[derive(Serialize)]
struct Report {
    model: String,
    weights: &'static str,
    source: String,
    source_sha256: String,
    tool: String,
    isa: &'static str,
    classes: u32,
    layers: Vec<Layer>,
    params: u64,
    macs: u64,
    /// Of all weights, without biases and factors.
    bits_per_weight: f64,
    /// Weighted layers on the way from input to output.
    longest_path: u32,
    shortest_path: u32,
    arena_bytes: usize,
    prepared_bytes: usize,
    file_bytes: usize,
    /// That the arena serves.
    threads: usize,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    arguments.resources.check(&[EngineName::Native])?;
    #[cfg(feature = "compile")]
    if let Some(file) = arguments.model.as_deref().filter(|name| name.ends_with(".json")) {
        return super::ranges::inspect(file.as_ref(), arguments.json);
    }
    let named = Named::parse(arguments.model.as_deref(), &arguments.preprocessing)?;
    let file = named.file(&arguments.preprocessing)?;
    let model = Model::from_bytes(&file).with_context(|| named.display())?;
    let report = report(&model, &arguments.resources)?;
    if arguments.json {
        return output::json(&report);
    }
    print(&report)?;
    print_preprocessing(&model)?;
    print_memory(&model)
}

fn report(model: &Model<'_>, resources: &Resources) -> Result<Report> {
    let need = model.requirements(&resources.options()?)?;
    let layers = layers(model, &need);
    let provenance = model.provenance();
    let Paths { longest, shortest } = paths::of(model);
    Ok(Report {
        model: model.info().name().to_string(),
        weights: match model.info().weights {
            Weights::Trained => "trained",
            Weights::Seeded => "seeded",
        },
        source: provenance.source.to_string(),
        source_sha256: provenance.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        tool: provenance.tool.to_string(),
        isa: need.isa.name(),
        classes: model.info().class_count,
        params: layers.iter().map(|layer| layer.params).sum(),
        macs: layers.iter().map(|layer| layer.macs).sum(),
        bits_per_weight: {
            let total = |count: fn(&Step) -> Option<u64>| -> u64 {
                model.steps().filter_map(|step| count(&step)).sum()
            };
            (total(Step::weight_bytes) * 8) as f64 / total(Step::weight_count).max(1) as f64
        },
        layers,
        longest_path: longest,
        shortest_path: shortest,
        arena_bytes: need.arena_bytes,
        prepared_bytes: need.prepared_bytes,
        file_bytes: model.file_bytes(),
        threads: need.threads,
    })
}

/// A row for each step of a model.
pub fn layers(model: &Model<'_>, need: &Requirements) -> Vec<Layer> {
    model.steps().enumerate().map(|(index, step)| layer(model, index, &step, need)).collect()
}

fn layer(model: &Model<'_>, index: usize, step: &Step, need: &Requirements) -> Layer {
    let (from, to) = (model.buffer(step.input.buffer), model.buffer(step.output.buffer));
    let weights = step.weight_count().unwrap_or(0);
    let biases = step.op.layer().map_or(0, |_| u64::from(step.output.channels));
    let parameter_bytes = u64::from(step.parameter_words().unwrap_or(0)) * 4;
    let window = step.op.window();
    // A fused average applies its weights at every pixel of a map that is not the output.
    let (rows, columns) = window.map_or((0, 0), |window| window.outputs(from.height, from.width));
    Layer {
        name: model.step_name(index).unwrap_or_default().to_string(),
        op: step.op.name(),
        input: [from.height, from.width, step.input.channels],
        out: [to.height, to.width, step.output.channels],
        kernel: window.map(|window| window.kernel.into()),
        stride: window.map(|window| window.stride.into()),
        pad: window.map(|w| [w.pad_start.0, w.pad_start.1, w.pad_end.0, w.pad_end.1]),
        groups: step.op.layer().map(|layer| layer.groups),
        params: weights + biases,
        macs: weights * u64::from(rows) * u64::from(columns),
        weight_bytes: step.weight_bytes().unwrap_or(0) + parameter_bytes,
        coding: step.op.layer().map(|_| coding(model, step)),
        bits_per_weight: (weights > 0)
            .then(|| (step.weight_bytes().unwrap_or(0) * 8) as f64 / weights as f64),
        precision: from.element.name(),
        algorithm: model.kernel(step, need),
    }
}

/// How a step's weights stand in the file.
fn coding(model: &Model<'_>, step: &Step) -> &'static str {
    match model.coded(step) {
        None => "plain",
        Some(Trellis::Plain) => "coded",
        Some(Trellis::Four) => "coded-4",
        Some(Trellis::Eight) => "coded-8",
    }
}

fn print(report: &Report) -> Result<()> {
    let size = |[height, width, channels]: [u32; 3]| format!("{height}×{width}×{channels}");
    output::line(format_args!("{} · {} classes · {} weights", report.model, report.classes, report.weights))?;
    // A network of the zoo was no file before it was compiled.
    let from = if report.source.is_empty() { "in memory" } else { &format!("from {}", report.source) };
    output::line(format_args!("made {from} by {}", report.tool))?;
    output::line("")?;
    let name = report.layers.iter().map(|layer| layer.name.chars().count()).max().unwrap_or(0).max(5);
    output::line(format_args!(
        "{:name$}  {:19}  {:>12}  {:>12}  {:>7}  {:>9}  {:>9}  {:>5}  algorithm",
        "layer", "operation", "in", "out", "kernel", "params", "kMAC", "bits"
    ))?;
    for layer in &report.layers {
        let kernel = match (layer.kernel, layer.stride) {
            (Some([height, width]), Some([1, 1])) => format!("{height}×{width}"),
            (Some([height, width]), Some([stride, _])) => format!("{height}×{width}/{stride}"),
            _ => String::new(),
        };
        output::line(format_args!(
            "{:name$}  {:19}  {:>12}  {:>12}  {:>7}  {:>9}  {:>9}  {:>5}  {}",
            layer.name,
            layer.op,
            size(layer.input),
            size(layer.out),
            kernel,
            if layer.params == 0 { String::new() } else { grouped(layer.params) },
            if layer.macs == 0 { String::new() } else { grouped(layer.macs / 1000) },
            layer.bits_per_weight.map_or(String::new(), |bits| format!("{bits:.2}")),
            layer.algorithm
        ))?;
    }
    output::line("")?;
    output::line(format_args!("parameters      {:>13}", grouped(report.params)))?;
    output::line(format_args!("MACs            {:>13}", grouped(report.macs)))?;
    output::line(format_args!("bits a weight   {:>13.2}", report.bits_per_weight))?;
    output::line(format_args!("longest path    {:>13} weighted layers", report.longest_path))?;
    output::line(format_args!("shortest path   {:>13} weighted layers", report.shortest_path))?;
    output::line(format_args!("file            {:>13} bytes", grouped(report.file_bytes as u64)))?;
    output::line(format_args!(
        "prepared        {:>13} bytes ({})",
        grouped(report.prepared_bytes as u64),
        report.isa
    ))?;
    output::line(format_args!("arena           {:>13} bytes", grouped(report.arena_bytes as u64)))
}

fn print_preprocessing(model: &Model<'_>) -> Result<()> {
    let (spec, input) = (model.info().preprocess, model.input());
    let resize = match spec.resize {
        Resize::Warp => "warp".into(),
        Resize::Crop { shorter } => format!("shorter side {shorter}, centre crop"),
    };
    let order = match spec.order {
        ChannelOrder::Rgb => "RGB",
        ChannelOrder::Bgr => "BGR",
    };
    let range = match spec.range {
        PixelRange::Byte => "0..255",
        PixelRange::Unit => "0..1",
    };
    output::line(format_args!(
        "input           {}×{}: {resize}, {order} {range}, mean {:?}, std {:?}",
        input.width, input.height, spec.mean, spec.std
    ))
}

/// The arena over the steps: each column is a slice of it, each row a step.
fn print_memory(model: &Model<'_>) -> Result<()> {
    const COLUMNS: u64 = 64;
    let total = model.info().arena_bytes.max(1);
    output::line("")?;
    output::line(format_args!(
        "memory map: a row a step, a column {} bytes; letters are buffers",
        grouped(total.div_ceil(COLUMNS))
    ))?;
    for (index, step) in model.steps().enumerate() {
        let mut row = vec!['·'; COLUMNS as usize];
        for (number, buffer) in model.buffers().enumerate() {
            if !(buffer.first_step..=buffer.last_step).contains(&(index as u32)) {
                continue;
            }
            let start = buffer.offset * COLUMNS / total;
            let end = (buffer.offset + buffer.bytes().unwrap_or(0)).saturating_mul(COLUMNS).div_ceil(total);
            let used = step.input.buffer as usize == number || step.output.buffer as usize == number;
            let letter = (b'a' + (number % 26) as u8) as char;
            let letter = if used { letter.to_ascii_uppercase() } else { letter };
            for cell in row.iter_mut().take(end as usize).skip(start as usize) {
                *cell = letter;
            }
        }
        let row: String = row.into_iter().collect();
        output::line(format_args!("  {row}  {}", model.step_name(index).unwrap_or_default()))?;
    }
    Ok(())
}
