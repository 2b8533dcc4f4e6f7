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

/// A feature of some run, and what is known of it.
struct Known<'a> {
    feature: Feature,
    inputs: Vec<String>,
    /// The run that suggested it; none where a space had it from elsewhere.
    run: Option<&'a Run>,
    recommended: bool,
}

/// Features by their names, the newest of each.
struct Pool<'a> {
    known: HashMap<&'a str, Known<'a>>,
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
        let is_wanted = |recommended: bool| recommended || !recommended_only;
        let own: Vec<&Suggestion> =
            run.suggestions.iter().filter(|s| s.suggested && is_wanted(s.recommended)).collect();
        // What its table had of earlier runs, if it can be made again.
        let had = run.input_columns.iter().map(String::as_str).filter(|name| {
            pool.known.get(name).is_some_and(|known| {
                let is_earlier = known.run.is_some_and(|of| of.run_id != run.run_id);
                is_earlier && is_wanted(known.recommended)
            }) && pool.gives(name, columns)
        });
        let mut waiting: Vec<&str> = had.chain(own.iter().map(|s| s.name.as_str())).collect();
        let mut needed: HashSet<&str> = HashSet::new();
        while let Some(name) = waiting.pop() {
            if let Some(known) = pool.known.get(name)
                && needed.insert(name)
            {
                waiting.extend(known.inputs.iter().map(String::as_str));
            }
        }
        // As the runs had them, oldest first, so that names keep their places from run to run.
        let mut names: HashSet<&str> = HashSet::new();
        let (mut features, mut all) = (Vec::new(), Accumulated::default());
        for run in &self.runs[..=at] {
            let made_from = run.made_from.iter().map(|f| f.name.as_str());
            for name in made_from.chain(run.suggestions.iter().map(|s| s.name.as_str())) {
                let Some(known) = pool.known.get(name).filter(|_| needed.contains(name)) else { continue };
                if !names.insert(name) {
                    continue;
                }
                features.push(known.feature.clone());
                all.runs.extend(known.run.map(|run| (name.to_owned(), run.run_id.clone())));
                if known.recommended {
                    all.recommended.push(name.to_owned());
                }
            }
        }
        all.features = in_order(&features);
        Ok(all)
    }

    /// The features of this run and of those before it. None of an earlier run reads this run's target. What a run
    /// was made from is as its space had it; who suggested it, if anybody did, is found in the runs before.
    fn pool(&self, at: usize, columns: Option<&HashSet<&str>>) -> Pool<'_> {
        let target = &self.runs[at].target;
        let mut known: HashMap<&str, Known<'_>> = HashMap::new();
        for run in self.runs[..=at].iter().rev() {
            for suggestion in run.suggestions.iter().filter(|s| !s.inputs.contains(target)) {
                let earlier = known.entry(suggestion.name.as_str()).or_insert_with(|| Known {
                    feature: suggestion.feature(),
                    inputs: suggestion.inputs.clone(),
                    run: Some(run),
                    recommended: suggestion.recommended,
                });
                if earlier.run.is_none() && earlier.feature.definition == suggestion.definition {
                    (earlier.run, earlier.recommended) = (Some(run), suggestion.recommended);
                }
            }
            for feature in &run.made_from {
                let inputs = feature.inputs().unwrap_or_default();
                if !inputs.contains(target) {
                    known.entry(feature.name.as_str()).or_insert_with(|| Known {
                        feature: feature.clone(),
                        inputs,
                        run: None,
                        recommended: false,
                    });
                }
            }
        }
        let features: Vec<Feature> = known.values().map(|known| known.feature.clone()).collect();
        let mut pool = Pool { known, made: HashSet::new() };
        for feature in in_order(&features) {
            if let Some((name, known)) = pool.known.get_key_value(feature.name.as_str())
                && known.inputs.iter().all(|input| pool.gives(input, columns))
            {
                let name = *name;
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
