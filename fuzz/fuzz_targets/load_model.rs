//! Any bytes as a model file, as they are and with length and digest repaired.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    wisp_fuzz::load(bytes);
    let mut file = bytes.to_vec();
    wisp_fuzz::repair(&mut file);
    wisp_fuzz::load(&file);
});
