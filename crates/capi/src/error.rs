//! The text of a thread's last failure, and the guard that lets nothing unwind into C.

use crate::status::{WISP_INTERNAL, WISP_OK};
use core::cell::RefCell;
use core::ffi::c_char;
use core::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes of the text, its final NUL among them. Longer ones (of a long path) are cut.
const CAPACITY: usize = 1024;

/// What went wrong, as C reads it: bytes up to a NUL. No memory is allocated to say so.
struct Text {
    bytes: [u8; CAPACITY],
    length: usize,
}

thread_local! {
    static LAST: RefCell<Text> = const { RefCell::new(Text { bytes: [0; CAPACITY], length: 0 }) };
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = CAPACITY - 1 - self.length;
        // Not in the middle of a character.
        let length = (0..=room.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let (from, to) = (text.as_bytes().get(..length), self.bytes.get_mut(self.length..));
        if let (Some(from), Some(to)) = (from, to) {
            to.iter_mut().zip(from.iter().chain(&[0])).for_each(|(to, from)| *to = *from);
            self.length += length;
        }
        if length == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// That a call has failed: its status. The text stands in [`wisp_last_error`] already.
#[derive(Debug)]
pub(crate) struct Failure(i32);

/// Notes what went wrong.
pub(crate) fn fail(status: i32, text: fmt::Arguments<'_>) -> Failure {
    LAST.with_borrow_mut(|last| {
        last.length = 0;
        last.bytes[0] = 0;
        // An error is a text that was too long, of which the beginning is there.
        let _ = last.write_fmt(text);
    });
    Failure(status)
}

/// Runs the body of a function of the interface and gives its status. A panic is a status too.
pub(crate) fn guard(work: impl FnOnce() -> Result<(), Failure>) -> i32 {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => WISP_OK,
        Ok(Err(Failure(status))) => status,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied().unwrap_or("a panic");
            let Failure(status) = fail(WISP_INTERNAL, format_args!("a fault of the library: {text}"));
            // Whatever was thrown, dropping it must not throw again.
            core::mem::forget(panic);
            status
        }
    }
}

/// What went wrong in this thread's last call that failed: UTF-8, at most 1023 bytes, never null, empty
/// before the first failure. Valid until the next call of this thread that fails; do not free it.
#[unsafe(no_mangle)]
pub extern "C" fn wisp_last_error() -> *const c_char {
    LAST.with(|last| last.as_ptr().cast())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::last_error;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "é".repeat(CAPACITY);
        let Failure(status) = fail(7, format_args!("x{long}"));
        assert_eq!(status, 7);
        assert_eq!(last_error(), format!("x{}", "é".repeat((CAPACITY - 2) / 2)));
        fail(7, format_args!("short"));
        assert_eq!(last_error(), "short");
    }

    #[test]
    fn a_panic_is_a_status() {
        assert_eq!(guard(|| panic!("on purpose")), WISP_INTERNAL);
        assert_eq!(last_error(), "a fault of the library: on purpose");
        assert_eq!(guard(|| Ok(())), WISP_OK);
    }

    #[test]
    fn each_thread_has_its_own_text() {
        fail(1, format_args!("here"));
        let there = std::thread::spawn(last_error).join();
        assert_eq!((there.ok().as_deref(), &*last_error()), (Some(""), "here"));
    }
}
