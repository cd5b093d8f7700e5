//! Pointers and lengths into references: the one place where what C gives is believed.
//!
//! What can be seen from here is checked: null, alignment, a length that no object has. That a pointer
//! leads to as many bytes as its length says, and that they stay, is the caller's promise in the header.

use crate::error::{Failure, fail};
use crate::status::{WISP_ARGUMENT, WISP_MISALIGNED, WISP_NULL, WISP_OVERLAP};
use core::ops::Range;

/// Checks a pointer to `count` values; `what` names it in the text.
fn check<T>(what: &str, pointer: *const T, count: usize) -> Result<(), Failure> {
    if pointer.is_null() {
        return Err(fail(WISP_NULL, format_args!("{what}: the pointer is null")));
    }
    if !pointer.is_aligned() {
        let align = align_of::<T>();
        return Err(fail(
            WISP_MISALIGNED,
            format_args!("{what}: the address must be a multiple of {align} bytes"),
        ));
    }
    let bytes = count.checked_mul(size_of::<T>()).filter(|&bytes| isize::try_from(bytes).is_ok());
    if bytes.and_then(|bytes| pointer.addr().checked_add(bytes)).is_none() {
        return Err(fail(WISP_ARGUMENT, format_args!("{what}: no memory has {count} values")));
    }
    Ok(())
}

/// What a pointer leads to, to read.
///
/// # Safety
/// If the pointer is not null and aligned, it leads to a valid value that nobody writes during `'a`.
pub(crate) unsafe fn reference<'a, T>(what: &str, pointer: *const T) -> Result<&'a T, Failure> {
    check(what, pointer, 1)?;
    // SAFETY: not null and aligned, as was checked; valid and unchanged, as the caller promises.
    Ok(unsafe { &*pointer })
}

/// What a pointer leads to, to write.
///
/// # Safety
/// If the pointer is not null and aligned, it leads to a valid value that nobody else uses during `'a`.
pub(crate) unsafe fn reference_mut<'a, T>(what: &str, pointer: *mut T) -> Result<&'a mut T, Failure> {
    check(what, pointer, 1)?;
    // SAFETY: not null and aligned, as was checked; valid and alone, as the caller promises.
    Ok(unsafe { &mut *pointer })
}

/// `count` values, to read.
///
/// # Safety
/// If the pointer is not null and aligned, it leads to `count` valid values that nobody writes during `'a`.
pub(crate) unsafe fn slice<'a, T>(what: &str, pointer: *const T, count: usize) -> Result<&'a [T], Failure> {
    check(what, pointer, count)?;
    // SAFETY: not null, aligned and of a possible length, as was checked; the rest the caller promises.
    Ok(unsafe { core::slice::from_raw_parts(pointer, count) })
}

/// `count` values, to write.
///
/// # Safety
/// If the pointer is not null and aligned, it leads to `count` valid values that nobody else uses during `'a`.
pub(crate) unsafe fn slice_mut<'a, T>(
    what: &str,
    pointer: *mut T,
    count: usize,
) -> Result<&'a mut [T], Failure> {
    check(what, pointer, count)?;
    // SAFETY: not null, aligned and of a possible length, as was checked; the rest the caller promises.
    Ok(unsafe { core::slice::from_raw_parts_mut(pointer, count) })
}

/// Gives a value to the caller. What stood there is not read, so it may be uninitialised.
///
/// # Safety
/// If the pointer is not null and aligned, it leads to memory for a `T` that may be written.
pub(crate) unsafe fn give<T>(what: &str, pointer: *mut T, value: T) -> Result<(), Failure> {
    check(what, pointer, 1)?;
    // SAFETY: not null and aligned, as was checked; writable, as the caller promises.
    unsafe { pointer.write(value) };
    Ok(())
}

/// Takes back a handle that was made by `Box::into_raw`, and ends it; null is no handle.
///
/// # Safety
/// The pointer is null, or it came from `Box::into_raw` and is not used again.
pub(crate) unsafe fn free<T>(pointer: *mut T) {
    if !pointer.is_null() {
        // SAFETY: as the caller promises.
        drop(unsafe { Box::from_raw(pointer) });
    }
}

/// The addresses of some values.
pub(crate) fn addresses<T>(pointer: *const T, count: usize) -> Range<usize> {
    let start = pointer.addr();
    start..start.saturating_add(count.saturating_mul(size_of::<T>()))
}

/// That two memories share no byte.
pub(crate) fn apart(one: (&str, &Range<usize>), other: (&str, &Range<usize>)) -> Result<(), Failure> {
    if one.1.is_empty() || other.1.is_empty() || one.1.end <= other.1.start || other.1.end <= one.1.start {
        return Ok(());
    }
    Err(fail(WISP_OVERLAP, format_args!("{} and {} share memory", one.0, other.0)))
}
