//! Any bytes as a block of coded weights: it is refused, or its weights are coded again and come back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wisp::format::coded::{CodedError, Decoder, Shape, Trellis, encode};

fuzz_target!(|input: (u8, u8, u8, u8, &[u8])| {
    let (rows, height, width, channels, block) = input;
    let kernel = (usize::from(height % 5), usize::from(width % 5));
    let shape = Shape { rows: (rows % 16).into(), kernel, channels: channels.into() };
    let Ok(weights) = decode(block, shape) else { return };
    let Some(trellis) = block.first().and_then(|&states| Trellis::with_states(states.into())) else { return };
    if weights.is_empty() {
        return;
    }
    let again = encode(&weights, shape, trellis).unwrap();
    assert!(decode(&again, shape) == Ok(weights));
});

fn decode(block: &[u8], shape: Shape) -> Result<Vec<i8>, CodedError> {
    let mut decoder = Decoder::new(block, shape)?;
    let (mut weights, mut means) = (vec![0; shape.rows * shape.depth()], vec![0; shape.depth()]);
    for row in weights.chunks_exact_mut(shape.depth().max(1)) {
        decoder.row(row, &mut means)?;
    }
    decoder.finish()?;
    Ok(weights)
}
