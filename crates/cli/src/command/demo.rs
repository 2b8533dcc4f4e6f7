//! `demo`: the whole story on a built-in table; see [`crate::demo`].

use crate::answer::Answer;
use crate::console::Console;
use crate::demo::{self, DemoArgs};
use crate::failure::Failure;

/// Tells the story while it happens, then reports.
pub fn run(args: &DemoArgs, console: &Console) -> Result<Answer, Failure> {
    let mut progress = console.progress("demo");
    // A reader who goes away ends no demo: its files are still worth having.
    let demo = demo::run(args, &mut |event| progress.on(event), &mut |line| {
        let _ = console.tell(line);
    })?;
    drop(progress);
    console.report(&demo)?;
    Ok(Answer::Yes)
}
