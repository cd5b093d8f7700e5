//! `wisp-camera`: live labels from a camera.

fn main() {}
