//! The best classes of a run, as people and programs read them.

use serde::Serialize;
use wisp::vision;

/// Most classes that can be asked for.
pub const MAX: usize = 64;

/// A class of an answer.
#[derive(Debug, Serialize)]
pub struct Class {
    pub index: usize,
    pub label: String,
    pub score: f32,
}

/// The `k` best, with the names that `label` knows.
pub fn best(scores: &[f32], k: usize, label: impl Fn(usize) -> Option<String>) -> Vec<Class> {
    let named = |class: &vision::Class| Class {
        index: class.index,
        label: label(class.index).unwrap_or_else(|| format!("class {}", class.index)),
        score: class.score,
    };
    vision::top_k::<MAX>(scores, k).iter().map(named).collect()
}
