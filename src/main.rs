//! The terminal program: without a command it opens the laboratory on `experiments.toml`; the commands do the same
//! without a terminal. It never links libtorch: training is a process of its own, `mocolab-train`.

mod cli;
mod picture;
mod project;
mod report;
mod sight;
mod ui;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    mocolab::survival::outlive_file_limits();
    cli::complete();
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return cli::refuse(&error),
    };
    match cli::run(arguments) {
        Ok(code) => code,
        Err(error) => cli::complain(&error),
    }
}
