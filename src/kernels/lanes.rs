//! Vectors of floats, for kernels whose text is the same on every instruction set.
//!
//! A kernel that is generic over its lanes is inlined into a function of an instruction set's folder, which has
//! the target features; there the methods become single instructions.

/// Some values that are computed side by side.
///
/// # Safety
/// Every method is called only where the CPU has the instruction set of the implementation.
pub(super) trait Lanes: Copy {
    /// How many values.
    const COUNT: usize;

    /// # Safety
    /// `COUNT` values can be read there.
    unsafe fn load(from: *const f32) -> Self;

    /// Asks for the values there, which may be anywhere, to be brought into the first cache.
    ///
    /// # Safety
    /// That of the trait.
    unsafe fn prefetch(_from: *const f32) {}

    /// # Safety
    /// `COUNT` values can be written there.
    unsafe fn store(self, to: *mut f32);

    /// # Safety
    /// That of the trait.
    unsafe fn splat(value: f32) -> Self;

    /// # Safety
    /// That of the trait.
    unsafe fn add(self, other: Self) -> Self;

    /// # Safety
    /// That of the trait.
    unsafe fn sub(self, other: Self) -> Self;

    /// `self · factor + addend`, rounded once or twice.
    ///
    /// # Safety
    /// That of the trait.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;

    /// Within the bounds; NaN stays NaN.
    ///
    /// # Safety
    /// That of the trait.
    unsafe fn clamp(self, lo: Self, hi: Self) -> Self;
}
