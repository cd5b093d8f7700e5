//! What a model is and what it takes, before there is a handle.

use crate::border;
use crate::error::{Failure, guard};
use crate::frame::sides;
use crate::options::{self, Options, isa_number};
use crate::status::WISP_PICTURE;
use runtime::format::Weights;
use runtime::{Model, vision};

/// What a model is.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ModelInfo {
    /// Classes, and scores.
    pub classes: u32,
    /// Width of the input in pixels.
    pub width: u32,
    /// Height of the input in pixels.
    pub height: u32,
    /// Values of a pixel of the input; a model of pictures has 3.
    pub channels: u32,
    /// 1 if there is a label for each class, else 0.
    pub has_labels: u32,
    /// 1 if the weights are random numbers: the answers mean nothing.
    pub seeded: u32,
}

/// The memory that a session takes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Requirements {
    /// Bytes of prepared weights.
    pub prepared_bytes: usize,
    /// Bytes of the arena.
    pub arena_bytes: usize,
    /// What the address of both must be a multiple of.
    pub align: usize,
    /// The WISP_ISA_... that these figures hold for.
    pub isa: i32,
}

pub(crate) fn info(model: &Model<'_>) -> ModelInfo {
    let input = model.input();
    ModelInfo {
        classes: model.info().class_count,
        width: input.width,
        height: input.height,
        channels: input.channels,
        has_labels: model.has_labels().into(),
        seeded: (model.info().weights == Weights::Seeded).into(),
    }
}

/// Bytes of scratch that frames of a size take, or why the model takes none of them.
pub(crate) fn scratch_bytes(model: &Model<'_>, frame: (u32, u32)) -> Result<usize, Failure> {
    let input = model.input();
    if input.channels != 3 {
        let text = format_args!("the model takes no pictures: its input has {} channels", input.channels);
        return Err(crate::error::fail(WISP_PICTURE, text));
    }
    Ok(vision::scratch_bytes(&model.info().preprocess, frame, (input.width, input.height))?)
}

/// Says how much memory a session over this model takes. The model's bytes may stand at any address.
///
/// # Safety
/// `model` leads to `model_bytes` bytes, `options` is null or leads to options, `requirements` to memory that
/// may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_model_requirements(
    model: *const u8,
    model_bytes: usize,
    options: *const Options,
    requirements: *mut Requirements,
) -> i32 {
    guard(|| {
        // SAFETY: as this function's caller promises.
        let (bytes, options) =
            unsafe { (border::slice("model", model, model_bytes)?, options::read(options)?) };
        let need = Model::from_bytes(bytes)?.requirements(&options)?;
        let need = Requirements {
            prepared_bytes: need.prepared_bytes,
            arena_bytes: need.arena_bytes,
            align: need.align,
            isa: isa_number(need.isa),
        };
        // SAFETY: as this function's caller promises.
        unsafe { border::give("requirements", requirements, need) }
    })
}

/// Says how many bytes of scratch a session takes for frames of a size, at any alignment.
///
/// # Safety
/// `model` leads to `model_bytes` bytes, `scratch_bytes` to memory that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_model_scratch_bytes(
    model: *const u8,
    model_bytes: usize,
    width: i32,
    height: i32,
    scratch_bytes: *mut usize,
) -> i32 {
    guard(|| {
        // SAFETY: as this function's caller promises.
        let bytes = unsafe { border::slice("model", model, model_bytes) }?;
        let needed = self::scratch_bytes(&Model::from_bytes(bytes)?, sides(width, height)?)?;
        // SAFETY: as this function's caller promises.
        unsafe { border::give("scratch_bytes", scratch_bytes, needed) }
    })
}
