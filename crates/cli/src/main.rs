//! The `wisp` command: one file a subcommand, results on standard output, everything else on standard error.
//!
//! Exit codes: 0 done, 1 it failed (one line with its causes), 2 wrong usage.

mod agreement;
#[cfg(feature = "compile")]
mod calibration;
mod classes;
mod commands;
mod failure;
mod labelled;
mod model;
mod output;
mod paths;
mod picture;
#[cfg_attr(
    not(feature = "compile"),
    expect(dead_code, reason = "read to be refused, never turned into anything")
)]
mod preprocessing;
mod resources;
mod runner;
mod statistics;
mod whole;
#[cfg(feature = "compile")]
mod zoo;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Small image classifiers on this machine: no server, no network, an answer before the next frame.
#[derive(Debug, Parser)]
#[command(name = "wisp", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Classify(commands::classify::Arguments),
    #[cfg(feature = "compile")]
    Compile(commands::compile::Arguments),
    Inspect(commands::inspect::Arguments),
    Bench(commands::bench::Arguments),
    Eval(commands::eval::Arguments),
    #[cfg(feature = "compile")]
    Zoo(commands::zoo::Arguments),
    #[command(hide = true)]
    MeasureMemory(commands::memory::Arguments),
}

fn main() -> ExitCode {
    let level = env_logger::Env::default().default_filter_or("warn");
    env_logger::Builder::from_env(level).format_timestamp(None).init();
    let arguments = Arguments::parse();
    let done = match &arguments.command {
        Command::Classify(arguments) => commands::classify::run(arguments),
        #[cfg(feature = "compile")]
        Command::Compile(arguments) => commands::compile::run(arguments),
        Command::Inspect(arguments) => commands::inspect::run(arguments),
        Command::Bench(arguments) => commands::bench::run(arguments),
        Command::Eval(arguments) => commands::eval::run(arguments),
        #[cfg(feature = "compile")]
        Command::Zoo(arguments) => commands::zoo::run(arguments),
        Command::MeasureMemory(arguments) => commands::memory::run(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
