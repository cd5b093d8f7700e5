//! Labelled pictures: which file shows what, and which of them are wanted.

use anyhow::{Context, Result, bail};
use std::collections::HashSet;
use std::path::Path;

/// A picture and the class that it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    pub file: String,
    pub class: usize,
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Reads a labels file: a file name and a class index a line.
pub fn read(path: &Path) -> Result<Vec<Labelled>> {
    let mut labels = Vec::new();
    for (number, line) in text(path)?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let fields = line.trim().rsplit_once(char::is_whitespace);
        let parsed = fields.and_then(|(file, class)| Some((file.trim().to_string(), class.parse().ok()?)));
        let Some((file, class)) = parsed else {
            bail!(
                "{}, line {}: a file name and a class index are needed, found {line:?}",
                path.display(),
                number + 1
            );
        };
        labels.push(Labelled { file, class });
    }
    if labels.is_empty() {
        bail!("{} has no labels", path.display());
    }
    Ok(labels)
}

/// The pictures that a list names, in its order: a file name of the labels or an index into them a line,
/// from 0. A name that is a number is a name. Lines that begin with `#` say what the list is.
pub fn only(labels: &[Labelled], list: &Path) -> Result<Vec<Labelled>> {
    let mut wanted = Vec::new();
    let mut seen = HashSet::new();
    for (number, line) in text(list)?.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let index = labels.iter().position(|label| label.file == line).or_else(|| line.parse().ok());
        let Some((index, label)) = index.and_then(|index| Some((index, labels.get(index)?))) else {
            bail!(
                "{}, line {}: neither a file name of the labels nor an index below {}: {line:?}",
                list.display(),
                number + 1,
                labels.len()
            );
        };
        // A picture that counts twice would make the figures look surer than they are.
        if !seen.insert(index) {
            bail!("{}, line {}: {} is listed twice", list.display(), number + 1, label.file);
        }
        wanted.push(label.clone());
    }
    if wanted.is_empty() {
        bail!("{} lists no pictures", list.display());
    }
    Ok(wanted)
}
