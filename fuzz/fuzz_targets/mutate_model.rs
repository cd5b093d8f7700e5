//! A valid model with some of its values replaced: gets behind the outer checks every time.
#![no_main]

use libfuzzer_sys::fuzz_target;

const TINY: &[u8] = include_bytes!("../../tests/data/tiny.wisp");

fuzz_target!(|patches: Vec<(u16, u8, u64)>| {
    let mut file = TINY.to_vec();
    for (at, kind, value) in patches.into_iter().take(8) {
        let width = 1 << (kind % 4);
        let at = usize::from(at) % (file.len() - 8) / width * width;
        // Half of the values are small: most fields are counts, sizes and indices.
        let value = if kind & 0x80 == 0 { value % 64 } else { value };
        file[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }
    wisp_fuzz::repair(&mut file);
    wisp_fuzz::load(&file);
});
