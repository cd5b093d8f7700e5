//! What a system would do: the first instruction, memory that is given once, text and the end through qemu's
//! semihosting. Another board replaces this file and `link.ld`.

use core::arch::{asm, global_asm};
use core::fmt::{self, Write};
use core::panic::PanicInfo;

// Floating point and vectors are off after reset; then a stack, and Rust. `.bss` is zero: qemu loads into fresh
// memory.
global_asm!(
    ".section .text.start, \"ax\"",
    ".global _start",
    "_start:",
    "mov x0, #(3 << 20)",
    "msr cpacr_el1, x0",
    "isb",
    "adrp x0, stack_top",
    "add x0, x0, :lo12:stack_top",
    "mov sp, x0",
    "bl {main}",
    "b .",
    main = sym main,
);

/// Memory at a multiple of 64 bytes, as the runtime wants it.
#[repr(C, align(64))]
pub struct Aligned<const N: usize>(pub [u8; N]);

static mut PREPARED: Aligned<3_000_000> = Aligned([0; 3_000_000]);
static mut ARENA: Aligned<2_000_000> = Aligned([0; 2_000_000]);
static mut SCRATCH: Aligned<100_000> = Aligned([0; 100_000]);

extern "C" fn main() -> ! {
    // SAFETY: `main` is entered once, on the only core that runs, and nobody else names these.
    let (prepared, arena, scratch) =
        unsafe { (&mut *&raw mut PREPARED, &mut *&raw mut ARENA, &mut *&raw mut SCRATCH) };
    let result = crate::classify(prepared, arena, scratch);
    if let Err(what) = result {
        say(|out| writeln!(out, "error: {what}"));
    }
    exit(result.is_err().into())
}

/// Width, height and pixels of a binary PPM without comments.
pub fn ppm(file: &[u8]) -> Option<(usize, usize, &[u8])> {
    let mut rest = file;
    let mut words = [0; 3];
    for (at, word) in [None, Some(0), Some(1), Some(2)].into_iter().enumerate() {
        let end = rest.iter().position(u8::is_ascii_whitespace)?;
        let (text, behind) = rest.split_at(end);
        rest = behind.get(1..)?;
        let text = core::str::from_utf8(text).ok()?;
        match word {
            None if at == 0 && text == "P6" => {}
            None => return None,
            Some(word) => words[word] = text.parse().ok()?,
        }
    }
    (words[2] == 255).then_some((words[0], words[1], rest))
}

/// Asks qemu for something, as the semihosting of A64 has it: a number and an address of arguments.
fn semihosting(operation: u64, arguments: *const u64) {
    // SAFETY: an exception to the host, which reads the arguments and writes register 0 alone.
    unsafe { asm!("hlt #0xf000", inout("x0") operation => _, in("x1") arguments) };
}

struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SYS_WRITEC
            semihosting(3, (&raw const byte).cast());
        }
        Ok(())
    }
}

/// Prints; a console that fails has nobody to tell.
pub fn say(write: impl FnOnce(&mut dyn Write) -> fmt::Result) {
    let _ = write(&mut Console);
}

fn exit(code: u64) -> ! {
    // SYS_EXIT with ADP_Stopped_ApplicationExit
    let arguments = [0x20026, code];
    semihosting(0x18, arguments.as_ptr());
    loop {}
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say(|out| writeln!(out, "{info}"));
    exit(2)
}
