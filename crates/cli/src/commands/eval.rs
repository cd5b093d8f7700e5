//! `wisp eval`: accuracy over labelled pictures, and agreement between engines.

use crate::classes;
use crate::failure::usage;
use crate::model::Named;
use crate::output;
use crate::picture::Picture;
use crate::preprocessing::Flags;
use crate::runner::{EngineName, Runner};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Measure accuracy over labelled pictures
#[derive(Debug, Args)]
pub struct Arguments {
    /// A .wisp or .onnx file, or the name of a network [default: the built-in squeezenet1.1]
    model: Option<String>,
    /// Folder of the pictures
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// The right answers: a file name and a class index a line
    #[arg(long, value_name = "FILE")]
    labels: PathBuf,
    /// Engines to run; with several, their answers are compared with the first one's
    #[arg(long, value_delimiter = ',', default_value = "native")]
    engine: Vec<EngineName>,
    /// Write a line a picture: file, right class, then class and score of the five best of each engine
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Print one JSON object an engine
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    preprocessing: Flags,
}

/// The figures of one engine; shares are 0..1.
#[derive(Serialize)]
struct Figures {
    model: String,
    engine: &'static str,
    isa: Option<&'static str>,
    n: usize,
    top1: f64,
    top5: f64,
    top1_count: usize,
    top5_count: usize,
    /// Pictures on which the best class is the first engine's.
    agreement_count: Option<usize>,
    agreement: Option<f64>,
    /// Largest difference of a logit from the first engine's, as a share of the range of its logits.
    max_logit_difference: Option<f64>,
}

#[derive(Default)]
struct Tally {
    top1: usize,
    top5: usize,
    agreed: usize,
    difference: f64,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let named = Named::parse(arguments.model.as_deref(), &arguments.preprocessing)?;
    let truth = read_labels(&arguments.labels)?;
    let mut runners = Vec::new();
    for &engine in &arguments.engine {
        runners.push(Runner::load(engine, &named, &arguments.preprocessing)?);
    }
    let Some(first) = runners.first() else { return Err(usage("--engine names no engine")) };
    let classes = first.class_count();
    if let Some((file, class)) = truth.iter().find(|(_, class)| *class >= classes) {
        bail!("{}: {file} has class {class}, the model has {classes} classes", arguments.labels.display());
    }
    let mut tallies: Vec<Tally> = runners.iter().map(|_| Tally::default()).collect();
    let mut predictions = String::new();
    let bar = output::progress(truth.len(), "{bar:30} {pos}/{len} pictures, {msg}, {eta} left");
    for (done, (file, class)) in truth.iter().enumerate() {
        let picture = Picture::read(&arguments.images.join(file))?;
        write!(predictions, "{file} {class}")?;
        compare(&mut runners, &mut tallies, &picture, *class, &mut predictions)?;
        predictions.push('\n');
        bar.set_message(format!("{:.1} % right", tallies[0].top1 as f64 / (done + 1) as f64 * 100.0));
        bar.inc(1);
    }
    bar.finish_and_clear();
    if let Some(path) = &arguments.predictions {
        std::fs::write(path, predictions).with_context(|| format!("cannot write {}", path.display()))?;
    }
    for (index, (runner, tally)) in runners.iter().zip(&tallies).enumerate() {
        let figures = figures(runner, tally, truth.len(), index > 0);
        if arguments.json { output::json(&figures)? } else { print(&figures)? }
    }
    Ok(())
}

/// Runs every engine on one picture and counts.
fn compare(
    runners: &mut [Runner],
    tallies: &mut [Tally],
    picture: &Picture,
    class: usize,
    predictions: &mut String,
) -> Result<()> {
    let mut leader: Option<(usize, Vec<f32>)> = None;
    for (runner, tally) in runners.iter_mut().zip(tallies) {
        let tensor = runner.tensor(&picture.view()?)?;
        let top = classes::best(runner.run(&tensor)?, 5, |_| None);
        let best = top.first().map_or(usize::MAX, |class| class.index);
        tally.top1 += usize::from(best == class);
        tally.top5 += usize::from(top.iter().any(|found| found.index == class));
        for found in &top {
            write!(predictions, " {} {:.6}", found.index, found.score)?;
        }
        let logits = runner.logits().unwrap_or_default();
        match &leader {
            None => leader = Some((best, logits.to_vec())),
            Some((leading, expected)) => {
                tally.agreed += usize::from(best == *leading);
                tally.difference = tally.difference.max(difference(logits, expected));
            }
        }
    }
    Ok(())
}

/// The largest difference as a share of the expected values' range.
fn difference(values: &[f32], expected: &[f32]) -> f64 {
    let max = expected.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let min = expected.iter().copied().fold(f32::INFINITY, f32::min);
    let pairs = values.iter().zip(expected);
    let worst = pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
    if values.len() == expected.len() {
        worst / f64::from((max - min).max(f32::MIN_POSITIVE))
    } else {
        f64::INFINITY
    }
}

fn read_labels(path: &Path) -> Result<Vec<(String, usize)>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut labels = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let fields = line.trim().rsplit_once(char::is_whitespace);
        let parsed = fields.and_then(|(file, class)| Some((file.trim().to_string(), class.parse().ok()?)));
        let Some(label) = parsed else {
            bail!(
                "{}, line {}: a file name and a class index are needed, found {line:?}",
                path.display(),
                number + 1
            );
        };
        labels.push(label);
    }
    if labels.is_empty() {
        bail!("{} has no labels", path.display());
    }
    Ok(labels)
}

fn figures(runner: &Runner, tally: &Tally, n: usize, compared: bool) -> Figures {
    let share = |count: usize| count as f64 / n as f64;
    Figures {
        model: runner.name(),
        engine: runner.engine().as_str(),
        isa: runner.isa(),
        n,
        top1: share(tally.top1),
        top5: share(tally.top5),
        top1_count: tally.top1,
        top5_count: tally.top5,
        agreement_count: compared.then_some(tally.agreed),
        agreement: compared.then(|| share(tally.agreed)),
        max_logit_difference: compared.then_some(tally.difference),
    }
}

fn print(figures: &Figures) -> Result<()> {
    output::line(format_args!(
        "{} · {}: {} pictures, top-1 {} ({:.1} %), top-5 {} ({:.1} %)",
        figures.model,
        figures.engine,
        figures.n,
        figures.top1_count,
        figures.top1 * 100.0,
        figures.top5_count,
        figures.top5 * 100.0
    ))?;
    if let (Some(count), Some(difference)) = (figures.agreement_count, figures.max_logit_difference) {
        output::line(format_args!(
            "  the same best class as the first engine on {count}, logits differ by at most {difference:.1e} of their range"
        ))?;
    }
    Ok(())
}
