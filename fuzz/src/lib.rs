//! What the targets share: make a damaged file whole again, and use whatever loads.

use sha2::{Digest, Sha256};
use wisp::format::Op;
use wisp::{AlignedBytes, Isa, Model, Options, PrepareError, Session};

/// Most bytes of memory that a model may take to be run.
const MEMORY: usize = 16 << 20;
/// Most multiplications, or values looked at, of a model that is run: a valid model may be slow.
const WORK: u64 = 10_000_000;

/// Makes length field and digest right: the loader has no switch to skip them, so the fuzzer repairs.
pub fn repair(file: &mut [u8]) {
    let length = file.len() as u64;
    if let Some(field) = file.get_mut(16..24) {
        field.copy_from_slice(&length.to_le_bytes());
    }
    if let Some((body, digest)) = file.split_last_chunk_mut::<32>() {
        digest.copy_from_slice(&Sha256::digest(&*body));
    }
}

/// Loads a file that may be anything. What loads is asked everything, prepared and run.
pub fn load(file: &[u8]) {
    let Ok(model) = Model::from_bytes(file) else { return };
    for step in 0..model.steps().len() {
        assert!(model.step_name(step).is_some());
    }
    let classes = model.info().class_count as usize;
    assert_eq!(model.label(0).is_some(), model.has_labels() && classes > 0);
    assert!(model.label(classes).is_none());
    model.provenance();
    if work(&model) > WORK {
        return;
    }
    for isa in [Isa::Generic, Isa::detect()] {
        let options = Options::default().with_isa(isa).with_memory_budget(MEMORY);
        let Ok(need) = model.requirements(&options) else { continue };
        assert!(need.prepared_bytes + need.arena_bytes <= MEMORY);
        let mut weights = AlignedBytes::zeroed(need.prepared_bytes).unwrap();
        let mut arena = AlignedBytes::zeroed(need.arena_bytes).unwrap();
        let prepared = match model.prepare(&options, weights.as_mut_slice()) {
            Ok(prepared) => prepared,
            Err(PrepareError::Coded { .. }) => continue,
            Err(other) => panic!("{other}"),
        };
        let mut session = Session::new(&prepared, arena.as_mut_slice()).unwrap();
        session.input_mut().fill(0.25);
        assert_eq!(session.run().unwrap().len(), classes);
    }
}

/// A bound on what a run computes.
fn work(model: &Model<'_>) -> u64 {
    model.steps().fold(0, |sum, step| {
        let (from, to) = (model.buffer(step.input.buffer), model.buffer(step.output.buffer));
        let (rows, columns) =
            step.op.window().map_or((1, 1), |window| window.outputs(from.height, from.width));
        let pixels = (u64::from(rows) * u64::from(columns)).max(u64::from(to.height) * u64::from(to.width));
        let each = match step.op {
            Op::MaxPool(window) | Op::AveragePool { window, .. } => {
                u64::from(window.kernel.0) * u64::from(window.kernel.1) * u64::from(step.output.channels)
            }
            Op::Lrn(lrn) => u64::from(lrn.size) * u64::from(step.output.channels),
            _ => step.weight_count().unwrap_or(u64::MAX).max(step.output.channels.into()),
        };
        sum.saturating_add(pixels.saturating_mul(each))
    })
}
