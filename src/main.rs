//! The door: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    match hookgate::cli::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}
