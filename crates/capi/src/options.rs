//! How a model is to be prepared, as C says it.

use crate::border;
use crate::error::{Failure, fail};
use crate::status::{WISP_ARGUMENT, WISP_STRUCT_SIZE};
use runtime::{Isa, Optimize};

/// As little time as the memory budget allows; without a budget, as twice the smallest memory allows.
pub const WISP_OPTIMIZE_SPEED: i32 = 0;
/// As little memory as there can be.
pub const WISP_OPTIMIZE_SIZE: i32 = 1;

/// The best instruction set that this CPU has.
pub const WISP_ISA_BEST: i32 = 0;
/// Plain code for every CPU.
pub const WISP_ISA_GENERIC: i32 = 1;
/// x86-64 with AVX2 and FMA.
pub const WISP_ISA_AVX2: i32 = 2;
/// x86-64 with AVX-512 and VNNI.
pub const WISP_ISA_VNNI: i32 = 3;
/// AArch64.
pub const WISP_ISA_NEON: i32 = 4;
/// AArch64 with the dot product instructions.
pub const WISP_ISA_DOTPROD: i32 = 5;

/// How a model is to be prepared. Zero in a field is its default, so `{ sizeof(wisp_options) }` is all of
/// them; a null pointer where options are taken is the same.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// sizeof(wisp_options), by which the library knows which fields there are.
    pub size: u32,
    /// Threads of an engine, 1 to 16; 0 is 1. A session runs on its caller's thread alone.
    pub threads: u32,
    /// Most bytes of prepared weights and arena together; 0 is no bound.
    pub memory_budget: usize,
    /// WISP_OPTIMIZE_SPEED or WISP_OPTIMIZE_SIZE.
    pub optimize: i32,
    /// One of WISP_ISA_...; asking for one that the CPU lacks is an error.
    pub isa: i32,
}

/// Checks the `size` field of a struct of the interface.
pub(crate) fn check_size(what: &str, given: u32, needed: usize) -> Result<(), Failure> {
    if given as usize == needed {
        return Ok(());
    }
    Err(fail(WISP_STRUCT_SIZE, format_args!("{what}: size is {given}, this library knows {needed} bytes")))
}

/// The number of an instruction set in this interface.
pub(crate) fn isa_number(isa: Isa) -> i32 {
    match isa {
        Isa::Generic => WISP_ISA_GENERIC,
        Isa::Avx2 => WISP_ISA_AVX2,
        Isa::Vnni => WISP_ISA_VNNI,
        Isa::Neon => WISP_ISA_NEON,
        Isa::Dotprod => WISP_ISA_DOTPROD,
        _ => WISP_ISA_BEST,
    }
}

/// The runtime's options from those that a pointer leads to, or the defaults for null.
///
/// # Safety
/// As [`border::reference`], but null is allowed; of a struct of another size only the `size` is read.
pub(crate) unsafe fn read(pointer: *const Options) -> Result<runtime::Options, Failure> {
    let mut options = runtime::Options::default();
    if pointer.is_null() {
        return Ok(options);
    }
    // SAFETY: not null; the first field alone, for the rest may not be there. The caller promises it.
    let size = *unsafe { border::reference("options", pointer.cast::<u32>()) }?;
    check_size("options", size, size_of::<Options>())?;
    // SAFETY: the size says that all fields are there, as the caller promises.
    let given = unsafe { border::reference("options", pointer) }?;
    if given.threads != 0 {
        options.threads = given.threads as usize;
    }
    options.memory_budget = (given.memory_budget != 0).then_some(given.memory_budget);
    options.optimize = match given.optimize {
        WISP_OPTIMIZE_SPEED => Optimize::Speed,
        WISP_OPTIMIZE_SIZE => Optimize::Size,
        other => return Err(fail(WISP_ARGUMENT, format_args!("options: optimize is {other}, not 0 or 1"))),
    };
    options.isa = match given.isa {
        WISP_ISA_BEST => None,
        number => Some(Isa::ALL.iter().copied().find(|&isa| isa_number(isa) == number).ok_or_else(|| {
            fail(WISP_ARGUMENT, format_args!("options: isa is {number}, not one of 0 to 5"))
        })?),
    };
    Ok(options)
}
