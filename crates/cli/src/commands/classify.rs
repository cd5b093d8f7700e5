//! `wisp classify`: pictures in, labels out.

use crate::classes::{self, Class};
use crate::model::{self, Named};
use crate::output;
use crate::picture::Picture;
use crate::preprocessing::Flags;
use crate::resources::Resources;
use crate::runner::{EngineName, Runner};
use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;
use wisp::format::Weights;

/// Say what is in pictures
#[derive(Debug, Args)]
pub struct Arguments {
    /// JPEG or PNG files
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// A .wisp or .onnx file, or the name of a network [default: the built-in squeezenet1.1]
    #[arg(long)]
    model: Option<String>,
    /// How many classes to print
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=classes::MAX as i64))]
    top: u16,
    /// What runs the model
    #[arg(long, default_value = "native")]
    engine: EngineName,
    #[command(flatten)]
    resources: Resources,
    /// One label a line, for models without labels [default for 1000 classes: those of the built-in model]
    #[arg(long)]
    labels: Option<PathBuf>,
    /// Run a model whose weights are random numbers; its answers mean nothing
    #[arg(long)]
    allow_seeded: bool,
    /// Print one JSON object a picture
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    preprocessing: Flags,
}

#[derive(Serialize)]
struct Answer<'a> {
    image: String,
    model: &'a str,
    engine: &'a str,
    isa: Option<&'a str>,
    weights: &'a str,
    top: Vec<Class>,
    ms: f64,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    arguments.resources.check(&[arguments.engine])?;
    let named = Named::parse(arguments.model.as_deref(), &arguments.preprocessing)?;
    // Before a large network is compiled for nothing.
    named.refuse_seeded(named.is_seeded(), arguments.allow_seeded)?;
    let mut runner = Runner::load(arguments.engine, &named, &arguments.preprocessing, &arguments.resources)?;
    named.refuse_seeded(runner.weights() == Weights::Seeded, arguments.allow_seeded)?;
    let weights = match runner.weights() {
        Weights::Trained => "trained",
        Weights::Seeded => "seeded",
    };
    let labels = labels(arguments, &runner)?;
    let name = runner.name();
    let mut failed = None;
    for path in &arguments.images {
        // One bad file among many must not hide the answers for the others.
        match classify(&mut runner, path, arguments.top.into(), &labels) {
            Ok((top, ms)) => {
                let answer = Answer {
                    image: path.display().to_string(),
                    model: &name,
                    engine: runner.engine().as_str(),
                    isa: runner.isa(),
                    weights,
                    top,
                    ms,
                };
                print(&answer, arguments.json)?;
            }
            Err(error) => {
                if let Some(earlier) = failed.replace(error) {
                    output::remark(format_args!("wisp: {earlier:#}"));
                }
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Names for the classes: those asked for, the model's own, or ImageNet's where the number fits.
fn labels(arguments: &Arguments, runner: &Runner) -> Result<Vec<String>> {
    let count = runner.class_count();
    if let Some(path) = &arguments.labels {
        let labels = model::labels(path)?;
        if labels.len() != count {
            bail!("{} has {} labels, the model has {count} classes", path.display(), labels.len());
        }
        return Ok(labels);
    }
    let own: Option<Vec<String>> = (0..count).map(|class| runner.label(class)).collect();
    if let Some(own) = own {
        return Ok(own);
    }
    let file = Named::BuiltIn.file(&Flags::default())?;
    let built_in = wisp::Model::from_bytes(&file)?;
    let names = (0..count).map(|class| built_in.label(class).map(str::to_string)).collect::<Option<Vec<_>>>();
    Ok(names.filter(|_| count == built_in.info().class_count as usize).unwrap_or_default())
}

fn classify(
    runner: &mut Runner,
    path: &std::path::Path,
    top: usize,
    labels: &[String],
) -> Result<(Vec<Class>, f64)> {
    let picture = Picture::read(path)?;
    let start = Instant::now();
    let tensor = runner.tensor(&picture.view()?)?;
    let scores = runner.run(&tensor)?;
    let ms = output::rounded(start.elapsed().as_secs_f64() * 1000.0);
    Ok((classes::best(scores, top, |class| labels.get(class).cloned()), ms))
}

fn print(answer: &Answer<'_>, json: bool) -> Result<()> {
    if json {
        return output::json(answer);
    }
    let isa = answer.isa.map(|isa| format!(" ({isa})")).unwrap_or_default();
    let seeded = if answer.weights == "seeded" { " · random weights" } else { "" };
    output::line(format_args!("{}", answer.image))?;
    output::line(format_args!("  {} · {}{isa} · {:.1} ms{seeded}", answer.model, answer.engine, answer.ms))?;
    for class in &answer.top {
        let bar = "█".repeat((class.score.clamp(0.0, 1.0) * 30.0).round() as usize);
        let text = format!("  {:6.3}  {} ({})  {bar}", class.score, class.label, class.index);
        output::line(text.trim_end())?;
    }
    Ok(())
}
