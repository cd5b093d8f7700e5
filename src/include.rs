//! A model in the program's own read-only data.

/// The bytes of a file, in the program itself, at an address that is a multiple of 64: for programs without a
/// file system, whose flash is memory. The path is relative to the source file, as for `include_bytes!`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// static FILE: &[u8] = wisp::include_wisp!("../tests/data/tiny.wisp");
///
/// assert_eq!(FILE.as_ptr().addr() % 64, 0);
/// let model = wisp::Model::from_bytes(FILE)?;
/// assert_eq!(model.file_bytes(), FILE.len());
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! include_wisp {
    ($path:expr $(,)?) => {{
        #[repr(C, align(64))]
        struct Aligned<Bytes: ?Sized>(Bytes);
        static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!($path));
        &FILE.0
    }};
}
