//! The subcommands, one file each: flags, run, report.

mod apply;
mod card;
mod compare;
mod completions;
mod consolidate;
mod demo;
mod discover;
mod effectiveness;
mod embed;
mod evaluate;
mod explain;
mod export;
mod extend;
mod fill;
mod grow;
mod index;
mod inspect;
mod judge;
mod lineage;
mod merge;
mod neighbours;
mod predict;
mod predictor;
mod prune;
mod rank;
mod refresh;
mod registry;
mod report;
mod serve;
mod split;
mod sql;
mod surprise;
mod train;
mod verify;
mod watch;

use clap::Subcommand;

use crate::answer::Answer;
use crate::console::Console;
use crate::failure::Failure;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Train(train::TrainArgs),
    Embed(embed::EmbedArgs),
    Index(index::IndexArgs),
    Neighbours(neighbours::NeighboursArgs),
    Surprise(surprise::SurpriseArgs),
    Fill(fill::FillArgs),
    Watch(watch::WatchArgs),
    Predictor(predictor::FitArgs),
    Grow(grow::GrowArgs),
    Predict(predict::PredictArgs),
    Evaluate(evaluate::EvaluateArgs),
    Explain(explain::ExplainArgs),
    Split(split::SplitArgs),
    Discover(discover::DiscoverArgs),
    Judge(judge::JudgeArgs),
    Effectiveness(effectiveness::EffectivenessArgs),
    Apply(apply::ApplyArgs),
    Sql(sql::SqlArgs),
    Extend(extend::ExtendArgs),
    Refresh(refresh::RefreshArgs),
    Export(export::ExportArgs),
    Prune(prune::PruneArgs),
    Rank(rank::RankArgs),
    Merge(merge::MergeArgs),
    Consolidate(consolidate::ConsolidateArgs),
    Compare(compare::CompareArgs),
    Inspect(inspect::InspectArgs),
    Card(card::CardArgs),
    Report(report::ReportArgs),
    Verify(verify::VerifyArgs),
    Lineage(lineage::LineageArgs),
    Registry(registry::RegistryArgs),
    Serve(serve::ServeArgs),
    Completions(completions::CompletionsArgs),
    Demo(crate::demo::DemoArgs),
}

impl Command {
    /// Runs the command; `grammar` is that of the whole program.
    pub fn run(&self, console: &Console, grammar: fn() -> clap::Command) -> Result<Answer, Failure> {
        match self {
            Command::Train(args) => args.run(console),
            Command::Embed(args) => args.run(console),
            Command::Index(args) => args.run(console),
            Command::Neighbours(args) => args.run(console),
            Command::Surprise(args) => args.run(console),
            Command::Fill(args) => args.run(console),
            Command::Watch(args) => args.run(console),
            Command::Predictor(args) => args.run(console),
            Command::Grow(args) => args.run(console),
            Command::Predict(args) => args.run(console),
            Command::Evaluate(args) => args.run(console),
            Command::Explain(args) => args.run(console),
            Command::Split(args) => args.run(console),
            Command::Discover(args) => args.run(console),
            Command::Judge(args) => args.run(console),
            Command::Effectiveness(args) => args.run(console),
            Command::Apply(args) => args.run(console),
            Command::Sql(args) => args.run(console),
            Command::Extend(args) => args.run(console),
            Command::Refresh(args) => args.run(console),
            Command::Export(args) => args.run(console),
            Command::Prune(args) => args.run(console),
            Command::Rank(args) => args.run(console),
            Command::Merge(args) => args.run(console),
            Command::Consolidate(args) => args.run(console),
            Command::Compare(args) => args.run(console),
            Command::Inspect(args) => args.run(console),
            Command::Card(args) => args.run(console),
            Command::Report(args) => args.run(console),
            Command::Verify(args) => args.run(console),
            Command::Lineage(args) => args.run(console),
            Command::Registry(args) => args.run(console),
            Command::Serve(args) => args.run(console),
            Command::Completions(args) => args.run(console, grammar()),
            Command::Demo(args) => demo::run(args, console),
        }
    }
}
