//! The command line of tabgraft: parse, resolve, run, exit code.
//!
//! ```text
//! cli.rs     the grammar                arguments/     flags, mapped one to one to the core's option structs
//! command/   one file per subcommand: its flags, its run, its report
//! demo/      the whole story on a built-in table
//! report/    results as text or JSON        progress.rs  training events as a bar, lines or JSON
//! output.rs  tables to files and pipes      saved.rs     models to files, whole or stopped early
//! interrupt.rs  Ctrl-C and its like         failure.rs   errors with hints, exit codes
//! ```

mod answer;
mod arguments;
mod cli;
mod command;
mod console;
mod demo;
mod failure;
mod interrupt;
mod notes;
mod output;
mod progress;
mod report;
mod rows;
mod saved;
mod terminal;

use std::process::ExitCode;

use answer::Answer;
use clap::CommandFactory;
use cli::{Cli, parse};
use console::Console;
use failure::Failure;
use tabgraft_table::threads::set_threads;

/// Training makes many short-lived buffers of a few sizes; this allocator keeps them warm.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let console = Console::new(cli.global.format, cli.global.quiet);
    match run(&cli, &console) {
        Ok(answer) => answer.exit_code(),
        Err(failure) => console.fail(&failure),
    }
}

fn run(cli: &Cli, console: &Console) -> Result<Answer, Failure> {
    set_threads(cli.global.threads.or_else(threads_of_environment).unwrap_or(0));
    cli.command.run(console, Cli::command)
}

/// `RAYON_NUM_THREADS`, which programs that share work out with rayon go by.
fn threads_of_environment() -> Option<usize> {
    std::env::var("RAYON_NUM_THREADS").ok()?.parse().ok()
}
