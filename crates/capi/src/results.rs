//! Scores and texts into the caller's arrays.

use crate::border;
use crate::error::{Failure, fail};
use crate::status::{WISP_LABEL, WISP_RESULTS};
use core::ffi::c_char;
use runtime::{Model, vision};

/// Most results that one call gives.
pub const WISP_MAX_RESULTS: usize = 100;

/// A class and its score.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClassScore {
    /// Index of the class, from 0.
    pub index: u32,
    /// Its score: what the model's last step gives, a probability where that is softmax.
    pub score: f32,
}

/// Checks an array for the `count` best of so many classes.
pub(crate) fn check_best(count: usize, classes: usize) -> Result<(), Failure> {
    let most = classes.min(WISP_MAX_RESULTS);
    if (1..=most).contains(&count) {
        return Ok(());
    }
    Err(fail(WISP_RESULTS, format_args!("results: {count} were asked for, not 1 to {most}")))
}

/// Writes the best classes, best first, over all of `results`.
pub(crate) fn write_best(scores: &[f32], results: &mut [ClassScore]) {
    let best = vision::top_k::<WISP_MAX_RESULTS>(scores, results.len());
    for (result, class) in results.iter_mut().zip(&best) {
        *result = ClassScore { index: class.index as u32, score: class.score };
    }
}

/// Checks an array for all scores.
pub(crate) fn check_scores(count: usize, classes: usize) -> Result<(), Failure> {
    if count == classes {
        return Ok(());
    }
    Err(fail(WISP_RESULTS, format_args!("scores: the model gives {classes}, there is room for {count}")))
}

/// Writes the label of a class and a NUL.
///
/// # Safety
/// If `text` is not null, it leads to `capacity` bytes that may be written.
pub(crate) unsafe fn write_label(
    model: &Model<'_>,
    index: u32,
    text: *mut c_char,
    capacity: usize,
) -> Result<(), Failure> {
    // SAFETY: as the caller promises; a byte has every value, and none is read.
    let to = unsafe { border::slice_mut("label", text.cast::<u8>(), capacity) }?;
    let classes = model.info().class_count;
    let label = model.label(index as usize).ok_or_else(|| {
        if index >= classes {
            fail(WISP_LABEL, format_args!("label: there is no class {index}, the model has {classes}"))
        } else {
            fail(WISP_LABEL, format_args!("label: the model has none"))
        }
    })?;
    let needed = label.len() + 1;
    if capacity < needed {
        return Err(fail(
            WISP_RESULTS,
            format_args!("label: it takes {needed} bytes, {capacity} were given"),
        ));
    }
    to.iter_mut().zip(label.bytes().chain([0])).for_each(|(to, byte)| *to = byte);
    Ok(())
}
