//! `wisp eval`: accuracy over labelled pictures, and agreement with another model or between engines.

use crate::agreement::{Agreement, Answer, Pairs};
use crate::failure::usage;
use crate::labelled::{self, Labelled};
use crate::model::Named;
use crate::output;
use crate::picture::Picture;
use crate::preprocessing::Flags;
use crate::resources::Resources;
use crate::runner::{EngineName, Runner};
use crate::whole;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use wisp::format::Weights;

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
    /// Only these pictures: a file name of the labels or an index into them, from 0, a line
    #[arg(long, value_name = "FILE")]
    only: Option<PathBuf>,
    /// Another model to compare the answers with, picture by picture; each prepares them as its own file
    /// says. It runs in the first engine
    #[arg(long, value_name = "MODEL")]
    reference: Option<String>,
    /// Compare with a reference whose weights are random numbers; its answers mean nothing
    #[arg(long, requires = "reference")]
    allow_seeded: bool,
    /// Engines to run; without a reference the answers of later ones are compared with the first one's
    #[arg(long, value_delimiter = ',', default_value = "native")]
    engine: Vec<EngineName>,
    #[command(flatten)]
    resources: Resources,
    /// Write a line a picture: file, right class, and the five best classes of the model in the first engine.
    /// Of equal scores the lower index comes first
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Print one JSON object an engine
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    preprocessing: Flags,
}

/// The figures of one engine; shares are 0..1. Without a reference the later fields are null.
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
    reference: Option<String>,
    reference_top1: Option<f64>,
    reference_top5: Option<f64>,
    #[serde(flatten)]
    agreement: Agreement,
}

/// A model in an engine, and what has been counted for it.
struct Contender {
    runner: Runner,
    top1: usize,
    top5: usize,
    /// With the first contender; none for that one itself.
    pairs: Option<Pairs>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    arguments.resources.check(&arguments.engine)?;
    let named = Named::parse(arguments.model.as_deref(), &arguments.preprocessing)?;
    let mut pictures = labelled::read(&arguments.labels)?;
    if let Some(list) = &arguments.only {
        pictures = labelled::only(&pictures, list)?;
    }
    let mut contenders = load(arguments, &named)?;
    check_classes(arguments, &contenders, &pictures)?;
    // The reference, if there is one, is nobody's answer.
    let shown = usize::from(arguments.reference.is_some());
    let mut predictions = String::new();
    let bar = output::progress(pictures.len(), "{bar:30} {pos}/{len} pictures, {msg}, {eta} left");
    for (done, Labelled { file, class }) in pictures.iter().enumerate() {
        let picture = Picture::read(&arguments.images.join(file))?;
        let answers = count(&mut contenders, &picture, *class)?;
        write!(predictions, "{file} {class}")?;
        for best in answers[shown].best() {
            write!(predictions, " {best}")?;
        }
        predictions.push('\n');
        let right = contenders[shown].top1 as f64 / (done + 1) as f64;
        bar.set_message(format!("{:.1} % right", right * 100.0));
        bar.inc(1);
    }
    bar.finish_and_clear();
    if let Some(path) = &arguments.predictions {
        whole::write(path, |file| file.write_all(predictions.as_bytes()))?;
    }
    let reference = (shown > 0).then(|| (&contenders[0], arguments.reference.as_deref().unwrap_or_default()));
    for contender in &contenders[shown..] {
        let figures = figures(contender, reference, pictures.len());
        if arguments.json { output::json(&figures)? } else { print(&figures, contender)? }
    }
    Ok(())
}

/// Loads the models; what the others are compared with comes first.
fn load(arguments: &Arguments, named: &Named) -> Result<Vec<Contender>> {
    let Some(&first) = arguments.engine.first() else { return Err(usage("--engine names no engine")) };
    let mut runners = Vec::new();
    if let Some(reference) = &arguments.reference {
        let runner = load_reference(reference, first, arguments);
        runners.push(runner.with_context(|| format!("the reference {reference}"))?);
    }
    for &engine in &arguments.engine {
        runners.push(Runner::load(engine, named, &arguments.preprocessing, &arguments.resources)?);
    }
    let pairs = |index: usize| (index > 0).then(Pairs::default);
    let contenders = runners.into_iter().enumerate();
    Ok(contenders
        .map(|(index, runner)| Contender { runner, top1: 0, top5: 0, pairs: pairs(index) })
        .collect())
}

fn load_reference(name: &str, engine: EngineName, arguments: &Arguments) -> Result<Runner> {
    let named = Named::parse(Some(name), &Flags::default())?;
    named.refuse_seeded(named.is_seeded(), arguments.allow_seeded)?;
    let flags = &arguments.preprocessing;
    let runner = match Runner::load(engine, &named, &Flags::default(), &arguments.resources) {
        // The flags are the model's, and say nothing against a reference that speaks for itself.
        Err(error) if says_nothing(&error) => match flags.preprocess()? {
            Some(_) => Runner::load(engine, &named, flags, &arguments.resources)?,
            None => bail!(
                "it does not say how a picture becomes its input: name a .wisp file that `wisp compile` made of \
                 it with --preset torchvision|caffe or the flags that do"
            ),
        },
        loaded => loaded?,
    };
    named.refuse_seeded(runner.weights() == Weights::Seeded, arguments.allow_seeded)?;
    Ok(runner)
}

/// Whether a model was refused because nothing says how its pictures are prepared.
#[cfg(feature = "compile")]
fn says_nothing(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(wisp_compiler::CompileError::PreprocessingUnknown))
}

#[cfg(not(feature = "compile"))]
fn says_nothing(_: &anyhow::Error) -> bool {
    false
}

fn check_classes(arguments: &Arguments, contenders: &[Contender], pictures: &[Labelled]) -> Result<()> {
    let count = |contender: &Contender| contender.runner.class_count();
    let (expected, classes) = (contenders.first().map_or(0, count), contenders.last().map_or(0, count));
    if let Some(reference) = arguments.reference.as_ref().filter(|_| expected != classes) {
        bail!(
            "the reference {reference} has {expected} classes, the model has {classes}: name one that knows the \
             same classes"
        );
    }
    if let Some(Labelled { file, class }) = pictures.iter().find(|picture| picture.class >= classes) {
        bail!("{}: {file} has class {class}, the model has {classes} classes", arguments.labels.display());
    }
    Ok(())
}

/// Runs every contender on one picture and counts.
fn count(contenders: &mut [Contender], picture: &Picture, class: usize) -> Result<Vec<Answer>> {
    let mut answers: Vec<Answer> = Vec::with_capacity(contenders.len());
    for contender in contenders {
        let answer = contender.runner.answer(&picture.view()?)?;
        let best = answer.best();
        contender.top1 += usize::from(best.first() == Some(&class));
        contender.top5 += usize::from(best.contains(&class));
        if let (Some(pairs), Some(first)) = (&mut contender.pairs, answers.first()) {
            pairs.add(&answer, first, class);
        }
        answers.push(answer);
    }
    Ok(answers)
}

fn figures(contender: &Contender, reference: Option<(&Contender, &str)>, n: usize) -> Figures {
    let share = |count: usize| count as f64 / n as f64;
    Figures {
        model: contender.runner.name(),
        engine: contender.runner.engine().as_str(),
        isa: contender.runner.isa(),
        n,
        top1: share(contender.top1),
        top5: share(contender.top5),
        top1_count: contender.top1,
        top5_count: contender.top5,
        reference: reference.map(|(_, name)| name.into()),
        reference_top1: reference.map(|(reference, _)| share(reference.top1)),
        reference_top5: reference.map(|(reference, _)| share(reference.top5)),
        agreement: contender.pairs.as_ref().map(Pairs::figures).unwrap_or_default(),
    }
}

fn print(figures: &Figures, contender: &Contender) -> Result<()> {
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
    let Some(pairs) = &contender.pairs else { return Ok(()) };
    let other = match (&figures.reference, figures.reference_top1, figures.reference_top5) {
        (Some(reference), Some(top1), Some(top5)) => {
            output::line(format_args!(
                "  reference {reference}: top-1 {:.1} %, top-5 {:.1} %",
                top1 * 100.0,
                top5 * 100.0
            ))?;
            "the reference"
        }
        _ => "the first engine",
    };
    print_agreement(pairs, other)
}

fn print_agreement(pairs: &Pairs, other: &str) -> Result<()> {
    let Agreement {
        agreement_count: Some(count),
        agreement: Some(agreement),
        agreement_with_ties: Some(with_ties),
        top5_overlap: Some(overlap),
        gained: Some(gained),
        lost: Some(lost),
        mcnemar_p: Some(p),
        mean_kl,
        max_logit_difference,
    } = pairs.figures()
    else {
        return Ok(());
    };
    output::line(format_args!(
        "  agreement with {other} {:.1} % ({count} pictures; {:.1} % counting its ties), five best shared {:.1} %",
        agreement * 100.0,
        with_ties * 100.0,
        overlap * 100.0
    ))?;
    let kl = match (mean_kl, pairs.no_divergence()) {
        (Some(kl), _) => format!("mean KL {} nats", small(kl)),
        (None, reason) => format!("mean KL not defined: {}", reason.unwrap_or_default()),
    };
    let difference = max_logit_difference
        .map(|share| format!("; logits differ by at most {share:.1e} of their range"))
        .unwrap_or_default();
    output::line(format_args!("  {kl}{difference}"))?;
    output::line(format_args!(
        "  right where {other} is wrong {gained}, wrong where it is right {lost}: McNemar's exact p {}",
        small(p)
    ))
}

/// A number that may be tiny, and is not to look like zero then.
fn small(number: f64) -> String {
    if number == 0.0 || number >= 1e-3 { format!("{number:.4}") } else { format!("{number:.1e}") }
}
