//! The command line's grammar: flags of every command, and the commands.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser};
use tabgraft_table::is_hidden;
use tabgraft_table::threads::MOST_THREADS;

use crate::command::Command;
use crate::console::{Console, Format};
use crate::failure::Failure;
use crate::terminal::complain;

/// Grow a trained tabular embedding space by grafting new columns onto it.
///
/// A space gives every row of a table a vector, learned without a target (`train`). A predictor of
/// one target stands on top of it (`predictor`). New columns, engineered (`discover`, `apply`) or
/// from a new source, are grafted onto the trained space (`extend`) for a fraction of the first
/// training's time, and `compare` says whether that helped.
///
/// Tables are CSV, TSV (also gzipped), Parquet, JSON lines or Arrow IPC (Feather), told by their content;
/// `-` is the one on standard input. A model reads later tables as it read the one that it was trained on.
#[derive(Debug, Parser)]
#[command(name = "tabgraft", version, after_help = EPILOGUE)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EPILOGUE: &str = "\
Exit codes:
  0    done, or asked and true
  1    asked, and the answer is no: `verify` found damage, `compare` found the second one worse,
       `extend --keep if-not-worse` kept the parent
  2    failed: bad arguments, files that cannot be read or written, nothing to learn from
  3    stopped before its end by Ctrl-C, SIGTERM or SIGHUP (but on macOS): a training stops after the
       running batch and saves its best state; where --out has an older file, to a new one beside it
  129, 130, 143
       ended at once by SIGHUP, Ctrl-C or SIGTERM: before a training began, or by a second signal

Results go to stdout, progress, notes and errors to stderr.

Example:
  tabgraft train customers.csv --ignore churned -o v1.tabgraft
  tabgraft predictor v1.tabgraft customers.csv --target churned -o churn.tabgraft
  tabgraft predict churn.tabgraft new.csv > predictions.csv";

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// How reports, notes and errors are written; tables are CSV or Parquet either way
    #[arg(long, global = true, value_enum, default_value_t)]
    pub format: Format,
    /// Write nothing to stderr but errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Threads to compute with, at least 1 [default: one per core]
    #[arg(long, global = true, value_name = "N", value_parser = parse_threads)]
    pub threads: Option<usize>,
}

/// Parses the process's arguments; after `--help` or a mistake gives the exit code.
pub fn parse() -> Result<Cli, ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    Cli::try_parse_from(&arguments).map_err(|error| {
        // Nothing is parsed, but a program that asked for JSON should get its error as JSON.
        let wants_json = arguments.windows(2).any(|w| w[0] == "--format" && w[1] == "json")
            || arguments.iter().any(|a| a == "--format=json");
        if error.use_stderr() && wants_json {
            let text = error.to_string();
            let mut lines = text.lines().map(|l| l.strip_prefix("error: ").unwrap_or(l));
            let message = lines.by_ref().take_while(|l| !l.is_empty()).collect::<Vec<_>>().join(" ");
            let hint = order_hint(&arguments).unwrap_or_else(|| "see `tabgraft help`".to_owned());
            let failure = Failure::new(message).with_hint(hint);
            return Console::new(Format::Json, false).fail(&failure);
        }
        let text = error.to_string();
        if error.use_stderr() && text.chars().any(|c| c != '\n' && is_hidden(c)) {
            // An argument may be the name of a stranger's file.
            complain(&text);
        } else {
            // If nobody reads the help, there is nobody to tell.
            let _ = error.print();
        }
        if let Some(hint) = order_hint(&arguments).filter(|_| error.use_stderr()) {
            complain(&format!("hint: {hint}"));
        }
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}

/// What is said of `registry add FILE DIR`: the folder stands before what is done with it, as in no other command.
fn order_hint(arguments: &[OsString]) -> Option<String> {
    let [_, command, verb, ..] = arguments else { return None };
    let (command, verb) = (command.to_str().filter(|name| *name == "registry")?, verb.to_str()?);
    let cli = Cli::command();
    cli.find_subcommand(command)?.find_subcommand(verb)?;
    let what = match verb {
        "add" => " FILE",
        "promote" => " ID",
        _ => "",
    };
    Some(format!("the folder comes first: `tabgraft registry DIR {verb}{what}`"))
}

fn parse_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 1..=MOST_THREADS) => Ok(n),
        _ => Err(format!("a whole number from 1 to {MOST_THREADS} is needed")),
    }
}

#[cfg(test)]
mod tests {
    use tabgraft_model::{PredictorOptions, SpaceConfig};
    use tabgraft_table::read::ReadOptions;
    use tabgraft_table::schema::InferOptions;

    use super::*;

    /// Parses `arguments` behind the program's name.
    fn parsed(arguments: &[&str]) -> Command {
        Cli::try_parse_from(["tabgraft"].iter().chain(arguments)).unwrap().command
    }

    #[test]
    fn a_registrys_verb_before_its_folder_is_told() {
        let hint = |arguments: &[&str]| {
            order_hint(&["tabgraft"].iter().chain(arguments).map(OsString::from).collect::<Vec<_>>())
        };
        let add = hint(&["registry", "add", "v1.tabgraft", "models"]);
        assert_eq!(add.as_deref(), Some("the folder comes first: `tabgraft registry DIR add FILE`"));
        assert!(hint(&["registry", "history"]).is_some_and(|hint| hint.ends_with("DIR history`")));
        assert_eq!(hint(&["registry", "models", "add"]), None);
        assert_eq!(hint(&["train", "add", "x"]), None);
    }

    #[test]
    fn the_grammar_is_sound_and_every_command_has_an_example() {
        let cli = Cli::command();
        cli.clone().debug_assert();
        for command in cli.get_subcommands().filter(|c| c.get_name() != "help") {
            let help = command.clone().render_long_help().to_string();
            assert!(help.contains("tabgraft "), "`{}` shows no example", command.get_name());
            assert!(command.get_long_about().is_some(), "`{}` has no long text", command.get_name());
            let example = command.get_after_help().unwrap().to_string();
            assert!(
                example.lines().all(|line| line.len() < 100),
                "`{}`: lines are wrapped",
                command.get_name()
            );
        }
    }

    #[test]
    fn without_flags_every_option_is_the_cores_default() {
        let Command::Train(train) = parsed(&["train", "a.csv", "-o", "b"]) else { panic!("not `train`") };
        assert_eq!(train.space.config(), SpaceConfig::default());
        assert_eq!(train.schema.options().unwrap(), InferOptions::default());
        assert_eq!(train.read.given().unwrap().options(), ReadOptions::default());
        let Command::Predictor(fit) = parsed(&["predictor", "s", "a.csv", "--target", "t", "-o", "b"]) else {
            panic!("not `predictor`")
        };
        assert_eq!(fit.options(), PredictorOptions { name: "b".to_owned(), ..Default::default() });
    }

    #[test]
    fn the_help_names_the_cores_defaults() {
        let mut cli = Cli::command();
        let mut help =
            |command: &str| cli.find_subcommand_mut(command).unwrap().render_long_help().to_string();
        let train = help("train");
        let space = serde_json::to_value(SpaceConfig::default()).unwrap();
        for (flag, key) in
            [("--d-model", "d_model"), ("--n-blocks", "n_blocks"), ("--expansion", "expansion")]
        {
            assert_eq!(default_of(&train, flag), space[key].to_string(), "{flag}");
        }
        let fit = help("predictor");
        let predictor = PredictorOptions::default();
        assert_eq!(default_of(&fit, "--patience"), predictor.patience.to_string());
        assert_eq!(default_of(&fit, "--weight-decay-wide"), predictor.weight_decay_wide.to_string());
    }

    /// The table of all flags and their defaults that the Python package's tests hold its signatures against. A
    /// changed flag changes the table: the message has it as it has to be.
    #[test]
    fn the_table_of_flags_is_what_the_python_package_is_held_against() {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../python/tests/command_line.json");
        let cli = Cli::command();
        let table: serde_json::Map<String, serde_json::Value> = cli
            .get_subcommands()
            .map(|command| {
                let flags = command
                    .get_arguments()
                    .filter_map(|arg| Some((arg.get_long()?.to_owned(), default(arg))));
                (command.get_name().to_owned(), flags.collect())
            })
            .collect();
        let wanted = serde_json::to_string_pretty(&table).unwrap() + "\n";
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == wanted, "{} has to be:\n{wanted}", path.display());
    }

    /// What a flag is worth that is not given: text, `false` of one without a value, or nothing.
    fn default(arg: &clap::Arg) -> serde_json::Value {
        match arg.get_default_values() {
            _ if !arg.get_action().takes_values() => false.into(),
            [] => serde_json::Value::Null,
            values => values.iter().map(|v| v.to_string_lossy()).collect::<Vec<_>>().join(",").into(),
        }
    }

    /// What `[default: ...]` says behind the line of `flag`.
    fn default_of(help: &str, flag: &str) -> String {
        let from = help.find(&format!("{flag} ")).unwrap();
        let rest = &help[from..];
        let rest = &rest[rest.find("[default: ").unwrap() + "[default: ".len()..];
        rest[..rest.find(']').unwrap()].to_owned()
    }
}
