//! Calls a library that may panic on unusual input, and turns the panic into an error value.
//!
//! The panic hook is the process's, so it is replaced once and for good: the new one is silent on a
//! thread that is inside [`catch`], and calls the old one everywhere else. No other thread's panic is
//! ever swallowed.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

static INSTALL: Once = Once::new();

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

fn install() {
    // Exchanging the hook is not allowed on a thread that is unwinding (a destructor that compiles).
    if std::thread::panicking() {
        return;
    }
    INSTALL.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            if !INSIDE.try_with(Cell::get).unwrap_or(false) {
                previous(info);
            }
        }));
    });
}

/// Runs `call`; if it panics, the error is the panic's message on one line.
///
/// What `call` borrows must stay usable after a panic: callers drop it or replace it.
pub(crate) fn catch<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    install();
    let before = INSIDE.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(call));
    INSIDE.set(before);
    outcome.map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
        format!("internal panic: {}", one_line(text))
    })
}

/// `text` with every run of white space replaced by one blank.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_message_and_nests() {
        let outer = catch(|| {
            assert_eq!(catch(|| panic!("a {}\n b", 1)), Err::<(), _>("internal panic: a 1 b".into()));
            // Still inside: this one must be silent as well.
            std::panic::panic_any(7);
        });
        assert_eq!(outer, Err::<(), _>("internal panic: no message".into()));
        assert_eq!(catch(|| 5), Ok(5));
    }

    #[test]
    fn other_threads_keep_their_hook() {
        let seen = catch(|| std::thread::spawn(|| INSIDE.get()).join().unwrap_or(true));
        assert_eq!(seen, Ok(false));
    }
}
