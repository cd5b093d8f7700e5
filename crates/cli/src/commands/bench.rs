//! `wisp bench`: time, memory and allocations of a model, engine against engine in one run.

use super::profile;
use crate::failure::usage;
use crate::model::{Named, Onnx};
use crate::output::{self, grouped, rounded};
use crate::preprocessing::Flags;
use crate::resources::Resources;
use crate::runner::{EngineName, Runner};
use crate::statistics::Summary;
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs before the clock starts.
const WARM_UP: usize = 3;

/// Measure time, memory and allocations
#[derive(Debug, Args)]
pub struct Arguments {
    /// A .wisp or .onnx file, or the name of a network [default: the built-in squeezenet1.1]
    model: Option<String>,
    /// Engines to measure, in turn
    #[arg(long, value_delimiter = ',', default_value = "native")]
    engine: Vec<EngineName>,
    #[command(flatten)]
    resources: Resources,
    /// How long to measure, for each engine
    #[arg(long, value_name = "S", default_value_t = 3.0)]
    seconds: f64,
    /// Measure exactly so many runs of each engine instead
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    runs: Option<usize>,
    /// Show where the time goes, step by step, and how far each step is from what this CPU can do (native)
    #[arg(long)]
    profile: bool,
    /// Print one JSON object an engine
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    preprocessing: Flags,
}

/// The figures of one engine: times in milliseconds, memory in bytes.
#[derive(Serialize)]
struct Figures {
    model: String,
    engine: &'static str,
    load_ms: f64,
    first_ms: f64,
    n: usize,
    mean_ms: f64,
    min_ms: f64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    arena_bytes: Option<usize>,
    prepared_bytes: Option<usize>,
    file_bytes: u64,
    rss_added_bytes: Option<u64>,
    allocations_per_run: f64,
    isa: Option<&'static str>,
    threads: usize,
}

/// An engine being measured.
struct Contender {
    runner: Runner,
    load_ms: f64,
    first_ms: f64,
    times: Vec<f64>,
    allocations: u64,
    file_bytes: u64,
    rss_added_bytes: Option<u64>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    arguments.resources.check(&arguments.engine)?;
    if arguments.runs == Some(0) || arguments.seconds.is_nan() || arguments.seconds <= 0.0 {
        return Err(usage("nothing to measure: --runs and --seconds must be above 0"));
    }
    let named = Named::parse(arguments.model.as_deref(), &arguments.preprocessing)?;
    let mut contenders = Vec::new();
    for &engine in &arguments.engine {
        contenders.push(load(engine, &named, arguments)?);
    }
    measure(&mut contenders, arguments)?;
    for contender in &mut contenders {
        let figures = figures(contender)?;
        if arguments.json { output::json(&figures)? } else { print(&figures)? }
    }
    for contender in &mut contenders {
        if let (true, Runner::Native(engine)) = (arguments.profile, &mut contender.runner) {
            profile::run(engine, arguments.runs, arguments.json)?;
        }
    }
    Ok(())
}

fn input(runner: &Runner) -> Vec<f32> {
    // Values as pixels less their mean have them; zeros or denormals could flatter an engine.
    (0..runner.input().iter().product()).map(|index: usize| (index * 7919 % 255) as f32 - 117.0).collect()
}

fn load(engine: EngineName, named: &Named, arguments: &Arguments) -> Result<Contender> {
    let flags = &arguments.preprocessing;
    let milliseconds = |start: Instant| start.elapsed().as_secs_f64() * 1000.0;
    let (mut runner, load_ms, file_bytes, rss_added_bytes);
    if engine == EngineName::Native {
        // Compiling is done ahead of time: what is timed, and what the child loads, is the compiled file.
        let file = named.file(flags)?;
        let start = Instant::now();
        runner = Runner::native(&file, named, &arguments.resources)?;
        load_ms = milliseconds(start);
        file_bytes = file.len() as u64;
        let temporary = Temporary::write(&file, "wisp")?;
        rss_added_bytes = measure_memory(&temporary.path, engine, &arguments.resources, &[])?;
    } else {
        // Making a network of the zoo is no part of loading it, and the child finds it as a file.
        let onnx = named.onnx()?;
        let start = Instant::now();
        runner = Runner::tract(&onnx, named, flags)?;
        load_ms = milliseconds(start);
        let temporary;
        let path = match onnx {
            Onnx::File(path) => path,
            Onnx::Bytes(bytes) => {
                temporary = Temporary::write(&bytes, "onnx")?;
                &temporary.path
            }
        };
        file_bytes = std::fs::metadata(path)?.len();
        rss_added_bytes = measure_memory(path, engine, &arguments.resources, &flags.to_arguments())?;
    }
    let input = input(&runner);
    let start = Instant::now();
    runner.run(&input)?;
    let first_ms = milliseconds(start);
    Ok(Contender {
        runner,
        load_ms,
        first_ms,
        times: Vec::new(),
        allocations: 0,
        file_bytes,
        rss_added_bytes,
    })
}

fn measure_memory(
    model: &Path,
    engine: EngineName,
    resources: &Resources,
    flags: &[String],
) -> Result<Option<u64>> {
    let program = std::env::current_exe().context("cannot find this program to measure memory")?;
    let mut child = Command::new(program);
    child.arg("measure-memory").arg(model).arg("--engine").arg(engine.as_str());
    child.args(resources.to_arguments()).args(flags);
    let output = child.output().context("cannot start a process to measure memory")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        anyhow::bail!("measuring memory failed: {}", text.lines().last().unwrap_or_default());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A model on disk for the time of the measurement.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn write(bytes: &[u8], ending: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("wisp-bench-{}.{ending}", std::process::id()));
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It lies in the system's folder for such files; one that stays does no harm.
        let _ = std::fs::remove_file(Path::new(&self.path));
    }
}

/// Runs the engines in turn, so that a slow moment of the machine meets all of them.
fn measure(contenders: &mut [Contender], arguments: &Arguments) -> Result<()> {
    let inputs: Vec<Vec<f32>> = contenders.iter().map(|contender| input(&contender.runner)).collect();
    for (contender, input) in contenders.iter_mut().zip(&inputs) {
        contender.times.reserve(arguments.runs.unwrap_or(1 << 16));
        for _ in 0..WARM_UP {
            contender.runner.run(input)?;
        }
    }
    let time = Duration::from_secs_f64((arguments.seconds * contenders.len() as f64).min(86_400.0));
    let start = Instant::now();
    let mut round = 0;
    while arguments.runs.map_or_else(|| start.elapsed() < time || round == 0, |runs| round < runs) {
        for (contender, input) in contenders.iter_mut().zip(&inputs) {
            let mut outcome = Ok(());
            let mut taken = Duration::ZERO;
            let counted = allocation_counter::measure(|| {
                let start = Instant::now();
                outcome = contender.runner.run(input).map(|scores| {
                    std::hint::black_box(scores);
                });
                taken = start.elapsed();
            });
            outcome?;
            contender.times.push(taken.as_secs_f64() * 1000.0);
            contender.allocations += counted.count_total;
        }
        round += 1;
    }
    Ok(())
}

fn figures(contender: &mut Contender) -> Result<Figures> {
    let summary = Summary::of(&mut contender.times).context("nothing was measured")?;
    let requirements = match &contender.runner {
        Runner::Native(engine) => Some(engine.requirements()),
        #[cfg(feature = "compile")]
        Runner::Tract(_) => None,
    };
    Ok(Figures {
        model: contender.runner.name(),
        engine: contender.runner.engine().as_str(),
        load_ms: rounded(contender.load_ms),
        first_ms: rounded(contender.first_ms),
        n: summary.n,
        mean_ms: rounded(summary.mean),
        min_ms: rounded(summary.min),
        p50_ms: rounded(summary.p50),
        p90_ms: rounded(summary.p90),
        p99_ms: rounded(summary.p99),
        max_ms: rounded(summary.max),
        arena_bytes: requirements.map(|requirements| requirements.arena_bytes),
        prepared_bytes: requirements.map(|requirements| requirements.prepared_bytes),
        file_bytes: contender.file_bytes,
        rss_added_bytes: contender.rss_added_bytes,
        allocations_per_run: contender.allocations as f64 / summary.n as f64,
        isa: contender.runner.isa(),
        threads: contender.runner.threads(),
    })
}

fn print(figures: &Figures) -> Result<()> {
    let bytes = |bytes: Option<u64>| {
        bytes.map_or_else(|| "not known".into(), |bytes| format!("{} bytes", grouped(bytes)))
    };
    let isa = figures.isa.map(|isa| format!(" ({isa})")).unwrap_or_default();
    output::line(format_args!(
        "{} · {}{isa} · {} thread{}",
        figures.model,
        figures.engine,
        figures.threads,
        if figures.threads == 1 { "" } else { "s" }
    ))?;
    output::line(format_args!(
        "  p50 {:.2} ms   p90 {:.2}   p99 {:.2}   min {:.2}   max {:.2}   mean {:.2}   of {} runs",
        figures.p50_ms,
        figures.p90_ms,
        figures.p99_ms,
        figures.min_ms,
        figures.max_ms,
        figures.mean_ms,
        figures.n
    ))?;
    output::line(format_args!("  load {:.2} ms   first run {:.2} ms", figures.load_ms, figures.first_ms))?;
    output::line(format_args!("  allocations a run   {}", figures.allocations_per_run))?;
    output::line(format_args!("  memory added        {}", bytes(figures.rss_added_bytes)))?;
    if let (Some(arena), Some(prepared)) = (figures.arena_bytes, figures.prepared_bytes) {
        output::line(format_args!("    arena             {}", bytes(Some(arena as u64))))?;
        output::line(format_args!("    prepared weights  {}", bytes(Some(prepared as u64))))?;
    }
    output::line(format_args!("  file                {}", bytes(Some(figures.file_bytes))))
}
