//! The command line of tabgraft: parse, resolve, run, exit code.
//!
//! ```text
//! arguments/ flags, mapped one to one to the core's option structs
//! command/   one file per subcommand: its flags, its run, its report
//! demo/      the whole story on a built-in table
//! report/    results as text or JSON        progress.rs  training events as a bar, lines or JSON
//! output.rs  tables to files and pipes      saved.rs     models to files, whole or stopped early
//! interrupt.rs  Ctrl-C and its like         failure.rs   errors with hints, exit codes
//! ```

mod answer;
mod arguments;
mod command;
mod console;
mod demo;
mod failure;
mod interrupt;
mod model_file;
mod output;
mod progress;
mod report;
mod rows;
mod saved;

use std::process::ExitCode;

use answer::Answer;
use arguments::{Cli, parse};
use console::Console;
use failure::Failure;

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
    if let Some(n) = cli.global.threads {
        // The global pool: the core also starts threads of its own, which share it.
        rayon::ThreadPoolBuilder::new().num_threads(n).build_global()?;
    }
    cli.command.run(console)
}
