//! What a model may take: threads, and memory for speed.

use crate::failure::usage;
use crate::runner::EngineName;
use anyhow::Result;
use clap::{Args, ValueEnum};
use wisp::{Isa, MAX_THREADS, Optimize, Options};

/// What is to be had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Aim {
    /// As little memory as there can be
    Size,
    /// As little time as the memory allows
    #[default]
    Speed,
}

#[derive(Clone, Debug, Args)]
pub struct Resources {
    /// Threads to use
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// What to save (native)
    #[arg(long, value_enum, default_value_t)]
    optimize: Aim,
    /// Most bytes that prepared weights and arena may take together (native) [default: what speed takes without]
    #[arg(long, value_name = "BYTES")]
    memory_budget: Option<usize>,
}

impl Default for Resources {
    fn default() -> Self {
        Self { threads: 1, optimize: Aim::default(), memory_budget: None }
    }
}

impl Resources {
    /// Refuses what one of the engines cannot do.
    pub fn check(&self, engines: &[EngineName]) -> Result<()> {
        let threads = self.threads;
        if !(1..=MAX_THREADS).contains(&threads) {
            return Err(usage(format!(
                "--threads {threads}: the number of threads must be 1 to {MAX_THREADS}"
            )));
        }
        if threads > 1 && engines.contains(&EngineName::Tract) {
            return Err(usage(format!("--threads {threads}: tract runs on 1 thread here")));
        }
        if self.memory_budget.is_some() && engines == [EngineName::Tract] {
            return Err(usage("--memory-budget: tract takes what it takes"));
        }
        Ok(())
    }

    /// The runtime's options; `WISP_ISA` decides about the instruction set.
    pub fn options(&self) -> Result<Options> {
        let optimize = match self.optimize {
            Aim::Size => Optimize::Size,
            Aim::Speed => Optimize::Speed,
        };
        let mut options = Options::default().with_threads(self.threads).with_optimize(optimize);
        options.memory_budget = self.memory_budget;
        match std::env::var("WISP_ISA") {
            Ok(name) => {
                let isa: Isa = name.parse().map_err(|error| usage(format!("WISP_ISA={name}: {error}")))?;
                Ok(options.with_isa(isa))
            }
            Err(_) => Ok(options),
        }
    }

    /// The flags that say the same.
    pub fn to_arguments(&self) -> Vec<String> {
        let aim = self.optimize.to_possible_value();
        let mut arguments = vec![format!("--threads={}", self.threads)];
        arguments.extend(aim.map(|aim| format!("--optimize={}", aim.get_name())));
        arguments.extend(self.memory_budget.map(|bytes| format!("--memory-budget={bytes}")));
        arguments
    }
}
