//! No heap: the model in the program's own data, both memories in statics whose size was known when it was
//! built. `cargo run --example static_arena`.

use std::sync::Mutex;
use wisp::{Model, Optimize, Options, Session};

/// Memory at a multiple of 64 bytes, as the runtime wants it.
#[repr(align(64))]
struct Aligned<const N: usize>([u8; N]);

/// Sizes from `Model::requirements` for this model on any CPU; a byte too few is a typed error.
static WEIGHTS: Mutex<Aligned<8192>> = Mutex::new(Aligned([0; 8192]));
static ARENA: Mutex<Aligned<16384>> = Mutex::new(Aligned([0; 16384]));

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = Model::from_bytes(include_bytes!("../tests/data/tiny.wisp"))?;
    let options = Options::default().with_optimize(Optimize::Size);
    let need = model.requirements(&options)?;
    println!("{} bytes of weights, {} of arena ({})", need.prepared_bytes, need.arena_bytes, need.isa);

    let mut weights = WEIGHTS.lock()?;
    let mut arena = ARENA.lock()?;
    let prepared = model.prepare(&options, &mut weights.0)?;
    let mut session = Session::new(&prepared, &mut arena.0)?;
    for frame in 0..3 {
        session.input_mut().fill(frame as f32);
        let best = wisp::vision::top_k::<1>(session.run()?, 1);
        println!("frame {frame}: {:?}", best.first());
    }
    Ok(())
}
