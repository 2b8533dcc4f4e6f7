//! What a run comes to: its own suggestions, everything that they are made from, and the features of earlier
//! runs that its table had. So the third run can be repeated on a table that has none of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::history::{Run, Suggestion, SuggestionHistory};
use tabgraft_feature::{Feature, in_order};
use tabgraft_table::table::quoted;

/// The features of a run and of those before it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Accumulated {
    /// Each behind those that it reads; those that the table has as well.
    pub features: Vec<Feature>,
    /// The run that each of them comes from.
    pub runs: BTreeMap<String, String>,
    /// Names of those that their run has proven.
    pub recommended: Vec<String>,
}

/// Suggestions by their names, the newest of each.
struct Pool<'a> {
    known: HashMap<&'a str, (&'a Suggestion, &'a Run)>,
    /// Those that can be made from the columns at hand.
    made: HashSet<&'a str>,
}

impl SuggestionHistory {
    /// What the run at this place comes to for a table of these columns; without columns, whatever no run
    /// makes is taken for a column. `recommended_only` leaves out what is not proven, unless something
    /// proven is made from it.
    ///
    /// # Errors
    /// Why the run cannot be used: it suggests nothing, or reads what is neither a column nor a feature.
    pub(super) fn accumulated(
        &self,
        at: usize,
        columns: Option<&HashSet<&str>>,
        recommended_only: bool,
    ) -> Result<Accumulated, String> {
        let Some(run) = self.runs.get(at) else { return Err("there is no such run".to_owned()) };
        if run.suggestions.iter().all(|s| !s.suggested) {
            return Err(format!("run `{}` suggests nothing", run.run_id));
        }
        let pool = self.pool(at, columns);
        for suggestion in run.suggestions.iter().filter(|s| s.suggested) {
            let is_there = columns.is_some_and(|columns| columns.contains(suggestion.name.as_str()));
            if !is_there && !pool.made.contains(suggestion.name.as_str()) {
                let absent: Vec<&String> =
                    suggestion.inputs.iter().filter(|input| !pool.gives(input, columns)).collect();
                return Err(format!(
                    "run `{}` suggests `{}`, which reads {}, not among the columns",
                    run.run_id,
                    suggestion.name,
                    quoted(&absent)
                ));
            }
        }
        let is_wanted = |s: &Suggestion| s.recommended || !recommended_only;
        // What its table had of earlier runs, if it can be made again.
        let had = run.input_columns.iter().map(String::as_str).filter(|name| {
            pool.known.get(name).is_some_and(|(s, of)| of.run_id != run.run_id && is_wanted(s))
                && pool.gives(name, columns)
        });
        let own = run.suggestions.iter().filter(|s| s.suggested && is_wanted(s)).map(|s| s.name.as_str());
        let mut waiting: Vec<&str> = had.chain(own).collect();
        let mut needed: HashSet<&str> = HashSet::new();
        while let Some(name) = waiting.pop() {
            let Some((suggestion, _)) = pool.known.get(name) else { continue };
            if needed.insert(suggestion.name.as_str()) {
                waiting.extend(suggestion.inputs.iter().map(String::as_str));
            }
        }
        // As the runs had them, oldest first, so that names keep their places from run to run.
        let runs = self.runs[..=at].iter().flat_map(|run| run.suggestions.iter().map(move |s| (s, run)));
        let of_pool = runs.filter(|(s, run)| {
            needed.contains(s.name.as_str())
                && pool.known.get(s.name.as_str()).is_some_and(|(_, of)| of.run_id == run.run_id)
        });
        let (mut features, mut all) = (Vec::new(), Accumulated::default());
        for (suggestion, run) in of_pool {
            features.push(suggestion.feature());
            all.runs.insert(suggestion.name.clone(), run.run_id.clone());
            if suggestion.recommended {
                all.recommended.push(suggestion.name.clone());
            }
        }
        all.features = in_order(&features);
        Ok(all)
    }

    /// The suggestions of this run and of those before it. None of an earlier run reads this run's target.
    fn pool(&self, at: usize, columns: Option<&HashSet<&str>>) -> Pool<'_> {
        let target = &self.runs[at].target;
        let mut known: HashMap<&str, (&Suggestion, &Run)> = HashMap::new();
        for run in self.runs[..=at].iter().rev() {
            for suggestion in run.suggestions.iter().filter(|s| !s.inputs.contains(target)) {
                known.entry(suggestion.name.as_str()).or_insert((suggestion, run));
            }
        }
        let features: Vec<Feature> = known.values().map(|(s, _)| s.feature()).collect();
        let mut pool = Pool { known, made: HashSet::new() };
        for feature in in_order(&features) {
            if let Some((suggestion, _)) = pool.known.get(feature.name.as_str())
                && suggestion.inputs.iter().all(|input| pool.gives(input, columns))
            {
                let name = suggestion.name.as_str();
                pool.made.insert(name);
            }
        }
        pool
    }
}

impl Pool<'_> {
    /// Whether there is such a column, or it can be made.
    fn gives(&self, name: &str, columns: Option<&HashSet<&str>>) -> bool {
        self.made.contains(name)
            || match columns {
                Some(columns) => columns.contains(name),
                None => !self.known.contains_key(name),
            }
    }
}
