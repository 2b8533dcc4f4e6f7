//! `completions`: what a shell needs to complete commands and flags, and manual pages.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use clap_complete::Shell;
use serde::Serialize;
use tabgraft_table::write_whole;

use crate::answer::Answer;
use crate::console::Console;
use crate::failure::Failure;
use crate::report::{Report, line};

/// Print a shell's completions, or write the manual pages.
///
/// WHAT is a shell, whose script goes to stdout, or `man`, and then --out-dir names a folder that gets a page for
/// tabgraft and one for each command. Both follow from the grammar of this very program.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft completions bash > ~/.local/share/bash-completion/completions/tabgraft
  tabgraft completions zsh > ~/.zfunc/_tabgraft
  tabgraft completions fish > ~/.config/fish/completions/tabgraft.fish
  tabgraft completions man --out-dir ~/.local/share/man/man1")]
pub struct CompletionsArgs {
    /// The shell, or `man` for manual pages
    #[arg(value_enum)]
    what: What,
    /// The folder of the manual pages, made if need be
    #[arg(long, value_name = "DIR", required_if_eq("what", "man"))]
    out_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
enum What {
    Bash,
    Elvish,
    Fish,
    PowerShell,
    Zsh,
    /// Manual pages
    Man,
}

impl What {
    fn shell(self) -> Option<Shell> {
        match self {
            What::Bash => Some(Shell::Bash),
            What::Elvish => Some(Shell::Elvish),
            What::Fish => Some(Shell::Fish),
            What::PowerShell => Some(Shell::PowerShell),
            What::Zsh => Some(Shell::Zsh),
            What::Man => None,
        }
    }
}

/// What `completions man` reports.
#[derive(Debug, Serialize)]
struct ManReport<'a> {
    out_dir: &'a Path,
    pages: Vec<String>,
}

impl CompletionsArgs {
    /// Writes what `grammar` comes to.
    pub fn run(&self, console: &Console, mut grammar: clap::Command) -> Result<Answer, Failure> {
        match (self.what.shell(), &self.out_dir) {
            (Some(_), Some(_)) => Err(Failure::new("option `--out-dir` is for manual pages")
                .with_hint("a shell's script goes to stdout: send it to a file with `>`")),
            (Some(shell), None) => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut grammar, "tabgraft", &mut script);
                let mut out = io::stdout().lock();
                out.write_all(&script)?;
                out.flush()?;
                Ok(Answer::Yes)
            }
            (None, out_dir) => {
                let out_dir = out_dir.as_deref().unwrap_or(Path::new("."));
                fs::create_dir_all(out_dir).map_err(|e| tabgraft_model::Error::io(out_dir, "create", e))?;
                let pages = pages(grammar)?;
                for (name, page) in &pages {
                    write_whole(&out_dir.join(name), |mut file| {
                        file.write_all(page)
                            .map_err(|e| tabgraft_model::Error::io(&out_dir.join(name), "write", e))
                    })?;
                }
                let pages = pages.into_iter().map(|(name, _)| name).collect();
                console.report(&ManReport { out_dir, pages })?;
                Ok(Answer::Yes)
            }
        }
    }
}

/// A page for the program and one for each command, commands of commands too: its file's name and its text.
fn pages(mut grammar: clap::Command) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    grammar.build();
    let mut pages = Vec::new();
    let mut waiting = vec![(grammar.get_name().to_owned(), grammar)];
    while let Some((name, command)) = waiting.pop() {
        let own = command.get_subcommands().filter(|c| c.get_name() != "help" && !c.is_hide_set());
        waiting.extend(own.map(|c| (format!("{name}-{}", c.get_name()), c.clone())));
        let mut page = Vec::new();
        clap_mangen::Man::new(command).title(&name).render(&mut page)?;
        pages.push((format!("{name}.1"), page));
    }
    pages.sort();
    Ok(pages)
}

impl Report for ManReport<'_> {
    fn text(&self) -> String {
        line!("{} manual pages written to `{}`", self.pages.len(), self.out_dir.display())
    }
}
