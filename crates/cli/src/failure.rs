//! How the command ends when it does not succeed.

use std::fmt;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// A contradiction in the arguments, told apart from a failure by its exit code.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error of wrong usage.
pub fn usage(text: impl Into<String>) -> anyhow::Error {
    Usage(text.into()).into()
}

/// Prints the error and its causes on one line and chooses the exit code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    // Whoever reads our output has seen enough, as in `wisp inspect | head`.
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        return ExitCode::SUCCESS;
    }
    // Nothing is left to do if standard error is closed too.
    let _ = writeln!(std::io::stderr(), "wisp: {error:#}");
    if error.is::<Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
}
