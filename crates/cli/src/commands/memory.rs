//! The child of `wisp bench` that measures memory: a process that does nothing but load a model and run
//! it once.

use crate::model::Named;
use crate::output;
use crate::preprocessing::Flags;
use crate::resources::Resources;
use crate::runner::{EngineName, Runner};
use anyhow::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct Arguments {
    model: Option<String>,
    #[arg(long)]
    engine: EngineName,
    #[command(flatten)]
    resources: Resources,
    #[command(flatten)]
    preprocessing: Flags,
}

/// Prints the bytes of resident memory that loading and a first run add.
pub fn run(arguments: &Arguments) -> Result<()> {
    let named = Named::parse(arguments.model.as_deref(), &arguments.preprocessing)?;
    let before = resident_bytes();
    let mut runner = match (&named, arguments.engine) {
        (Named::Wisp(path), EngineName::Native) => {
            Runner::Native(Box::new(wisp::Engine::from_file(path, &arguments.resources.options()?)?))
        }
        _ => Runner::load(arguments.engine, &named, &arguments.preprocessing, &arguments.resources)?,
    };
    let input = vec![0.5; runner.input().iter().product()];
    runner.run(&input)?;
    let input_bytes = size_of_val(&input[..]) as u64;
    let added =
        before.zip(resident_bytes()).map(|(before, after)| after.saturating_sub(before + input_bytes));
    output::json(&added)
}

/// Memory of this process that is in RAM, where the system tells.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}
