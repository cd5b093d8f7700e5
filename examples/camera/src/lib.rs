//! The parts of the camera demo. The binary is `main.rs`.
