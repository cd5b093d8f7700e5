//! `wisp zoo`: the networks of the field, listed or written as ONNX files.

use crate::failure::usage;
use crate::output::{self, grouped};
use crate::{whole, zoo};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::PathBuf;
use wisp_zoo::{Entry, Network, WeightSource};

/// List the networks of the field, or write one as an ONNX file
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Export(Export),
}

/// Show every network: each name is a MODEL of the other commands
#[derive(Debug, Args)]
struct List {
    /// Print one JSON object a network
    #[arg(long)]
    json: bool,
}

/// Write a network as an ONNX file
#[derive(Debug, Args)]
struct Export {
    /// A name from `wisp zoo list`
    name: String,
    /// Where to write the ONNX file; it appears whole or not at all
    #[arg(short, long, value_name = "FILE.onnx")]
    output: PathBuf,
    /// Height and width of the input [default: as published]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65535))]
    size: Option<u32>,
    /// Random weights, even where this program has trained ones
    #[arg(long)]
    seeded: bool,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

/// A network, as both subcommands report it.
#[derive(Serialize)]
struct Row {
    name: String,
    title: &'static str,
    size: u32,
    params: u64,
    macs: u64,
    weights: &'static str,
    source: &'static str,
}

#[derive(Serialize)]
struct Done {
    out: String,
    bytes: u64,
    #[serde(flatten)]
    row: Row,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Export(arguments) => export(arguments),
    }
}

fn row(entry: Option<&Entry>, network: &Network, weights: WeightSource) -> Row {
    Row {
        name: network.name().to_string(),
        title: entry.map_or("", |entry| entry.title),
        size: network.input().height,
        params: network.params(),
        macs: network.macs(),
        weights: weights.as_str(),
        source: entry.map_or("", |entry| entry.source),
    }
}

fn list(arguments: &List) -> Result<()> {
    let mut rows = Vec::new();
    for entry in wisp_zoo::list() {
        rows.push(row(Some(entry), &entry.build(None)?, zoo::weights(entry)));
    }
    if arguments.json {
        return rows.iter().try_for_each(output::json);
    }
    let name = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    output::line(format_args!(
        "{:name$}  {:>4}  {:>11}  {:>14}  {:7}  published",
        "network", "size", "params", "MACs", "weights"
    ))?;
    for row in &rows {
        output::line(format_args!(
            "{:name$}  {:>4}  {:>11}  {:>14}  {:7}  {}",
            row.name,
            row.size,
            grouped(row.params),
            grouped(row.macs),
            row.weights,
            row.source
        ))?;
    }
    Ok(())
}

fn export(arguments: &Export) -> Result<()> {
    let out = arguments.output.display();
    if arguments.output.extension().is_none_or(|ending| ending != "onnx") {
        return Err(usage(format!("{out}: the output's name must end in .onnx")));
    }
    let network = zoo::build(&arguments.name, arguments.size, arguments.seeded)?;
    whole::write(&arguments.output, |file| network.write_onnx(file))?;
    // Nobody should take random numbers for a trained network, whoever reads standard output.
    output::remark(format_args!(
        "{}: {}",
        network.name(),
        match network.weights() {
            WeightSource::Trained => "trained weights",
            WeightSource::Seeded =>
                "seeded weights, random numbers: its cost is right, its answers mean nothing",
        }
    ));
    let row = row(zoo::entry(&network), &network, network.weights());
    let done = Done { out: out.to_string(), bytes: network.onnx_bytes(), row };
    if arguments.json {
        return output::json(&done);
    }
    output::line(format_args!("{}: {} bytes", done.out, grouped(done.bytes)))?;
    output::line(format_args!(
        "  {}; input {size}×{size}, {} parameters, {} MACs",
        done.row.title,
        grouped(done.row.params),
        grouped(done.row.macs),
        size = done.row.size
    ))
}
