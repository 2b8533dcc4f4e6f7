//! The profile of a training's rows, and how surprising a cell and a row are by it.

use std::collections::HashMap;

use tabgraft_table::Table;
use tabgraft_table::codec::Codec;
use tabgraft_table::encoded::NO_TARGET;
use tabgraft_table::stats::hash::mix;

use super::hidden::{class_nats, each_hidden, n_passes};
use super::{About, EmbeddingSpace, Rows, training_data};
use crate::embed::{CellState, CellTable};
use crate::error::{Error, Result};
use crate::objective::Role;
use crate::record::{MOST_GROUPS, Profile, ProfiledColumn, Surprises, rounded};
use crate::train::{Purpose, TrainingData, drawn};

/// Rows whose cells are hidden one by one: as many as cost this share of the training, within the bounds.
const SHARE_OF_TRAINING: f64 = 0.02;
const FEWEST_ROWS: usize = 64;
const MOST_ROWS: usize = 1000;
/// A row of a training step costs about so many passes.
const PASSES_OF_A_STEP: f64 = 3.0;

impl EmbeddingSpace {
    /// What the rows of its training were like; none in a version of before profiles, and in one that is not trained.
    pub fn profile(&self) -> Option<&Profile> {
        self.about.profile.as_ref()
    }

    /// The profile of other rows, to hold later ones against.
    ///
    /// # Errors
    /// A value error if there is no row, or a cell cannot be read as its column's kind; a schema error if no column is
    /// known.
    pub fn profile_of(&self, table: &Table) -> Result<Profile> {
        let made = self.complete(table)?;
        let table = &*made.table;
        self.about.check_known(table)?;
        if table.n_rows() == 0 {
            return Err(Error::value("the table to hold rows against has no row"));
        }
        let rows = Rows::alone(Vec::new(), (0..table.n_rows()).collect(), self.keys_of(table)?);
        let n_columns = self.columns().len();
        let data = training_data(self, &self.encode(table)?, &rows, vec![Role::OLD; n_columns], 0..n_columns);
        Ok(self.profiled(&data, usize::MAX))
    }

    /// What tells the rows of any table of this space apart.
    pub(crate) fn keys_of(&self, table: &Table) -> Result<Vec<u64>> {
        self.about.keys_of(table)
    }

    /// The profile of the rows of a training that has taken so many rows through the network.
    pub(crate) fn profiled(&self, data: &TrainingData, n_trained: usize) -> Profile {
        let n_columns = self.columns().len();
        let all: Vec<usize> = match data.train_rows.is_empty() {
            true => data.valid_rows.clone(),
            false => data.train_rows.iter().chain(&data.valid_rows).copied().collect(),
        };
        let columns: Vec<ProfiledColumn> =
            (0..n_columns).map(|column| self.column_profile(data, &all, column)).collect();
        let held_out = !data.valid_rows.is_empty();
        let from = if held_out { &data.valid_rows } else { &data.train_rows };
        let affordable = SHARE_OF_TRAINING * PASSES_OF_A_STEP * n_trained as f64 / n_passes(n_columns) as f64;
        let most = (affordable as usize).clamp(FEWEST_ROWS, MOST_ROWS);
        let keys = data.objective.row_keys();
        let looked_at = drawn(from, keys, most, Purpose::Validation);
        let evidence = evidence(all.iter().map(|row| keys[*row]));
        let odds: Vec<Odds> =
            columns.iter().zip(self.codecs()).map(|(column, codec)| Odds::new(column, codec)).collect();
        let places = self.places();
        let cells = each_hidden(&self.network, &data.groups, &looked_at, |row, column, logits| {
            let class = data.objective.class(row, column);
            let nats = (class != NO_TARGET).then(|| class_nats(logits, class));
            odds[column].nats(places.state(&data.groups, row, column), nats)
        });
        let usual: Vec<[f64; 2]> = (0..n_columns)
            .map(|c| mean_and_deviation(cells.get(c..).unwrap_or_default(), n_columns))
            .collect();
        let scores: Vec<f64> =
            cells.chunks_exact(n_columns).filter_map(|cells| row_score(cells, Some(&usual))).collect();
        let surprises = (!scores.is_empty()).then(|| Surprises {
            n_rows: scores.len() as u64,
            held_out,
            cells: usual,
            scores: Surprises::kept(scores),
        });
        Profile { columns, evidence, surprises }
    }

    fn column_profile(&self, data: &TrainingData, rows: &[usize], column: usize) -> ProfiledColumn {
        let (codec, places) = (&self.codecs()[column], self.places());
        let mut profile = ProfiledColumn {
            counts: vec![0; n_groups(codec)],
            n_missing: 0,
            n_held_out: data.valid_rows.len() as u64,
            n_unseen: 0,
        };
        let state = |row: usize| places.state(&data.groups, row, column);
        for row in rows {
            match data.objective.class(*row, column) {
                NO_TARGET => profile.n_missing += u64::from(state(*row) == CellState::Missing),
                class => profile.counts[group_of(codec, class)] += 1,
            }
        }
        // A level that came later and is no class of the head is unseen to it.
        let is_category = matches!(codec, Codec::Categorical(_));
        let is_unseen = |row: &&usize| match data.objective.class(**row, column) {
            NO_TARGET if is_category => state(**row) != CellState::Missing,
            _ => state(**row) == CellState::Unseen,
        };
        profile.n_unseen = data.valid_rows.iter().filter(is_unseen).count() as u64;
        profile
    }

    /// Where the cells of each column stand.
    pub(crate) fn places(&self) -> Places {
        let groups = self.network.token_groups();
        let of_group =
            |(g, columns): (usize, std::ops::Range<usize>)| (0..columns.len()).map(move |nth| (g, nth));
        Places(groups.into_iter().map(|group| group.columns.clone()).enumerate().flat_map(of_group).collect())
    }
}

impl About {
    /// What tells the rows of any table apart.
    pub(crate) fn keys_of(&self, table: &Table) -> Result<Vec<u64>> {
        let columns: Vec<String> =
            self.key_columns.iter().filter(|name| table.has_column(name)).cloned().collect();
        self.split.row_hashes(table, &columns)
    }
}

impl Profile {
    /// What is left of it after a step that was taken without a table: the counts of the columns that are left, by
    /// their names. None where one is not known.
    pub(crate) fn without_surprises<'a>(
        columns: impl IntoIterator<Item = &'a str>,
        known: &[(&EmbeddingSpace, &Profile)],
    ) -> Option<Profile> {
        let of_column = |name: &str| {
            known.iter().find_map(|(space, profile)| {
                let place = space.columns().iter().position(|column| column.name == name)?;
                profile.columns.get(place).cloned()
            })
        };
        let columns = columns.into_iter().map(of_column).collect::<Option<Vec<_>>>()?;
        let evidence = known.iter().map(|(_, profile)| profile.evidence).fold(1.0, f64::min);
        Some(Profile { columns, evidence, surprises: None })
    }
}

/// The token group of each column, and its place there.
pub(crate) struct Places(Vec<(usize, usize)>);

impl Places {
    /// What a cell is.
    pub fn state(&self, groups: &[CellTable], row: usize, column: usize) -> CellState {
        let (group, nth) = self.0[column];
        groups[group].state(row, nth)
    }
}

/// How probable it is that a column's cell is missing, or a value of a kind that its head cannot predict.
#[derive(Debug, Clone)]
pub(crate) struct Odds {
    /// In nats: that a cell has no value, has one, has one that no training row has, has one that some have.
    missing: f32,
    present: f32,
    unseen: f32,
    seen: f32,
    /// That a number of an outer class lies outside the range of the training rows.
    beyond: f32,
    /// Numbers outside the range surprise; times do not, for time goes on.
    is_number: bool,
    /// Categories that are no class of the head are as surprising as unseen ones.
    is_category: bool,
}

impl Odds {
    /// By the rows of a training.
    pub fn new(profile: &ProfiledColumn, codec: &Codec) -> Self {
        let (missing, unseen) = (profile.p_missing(), profile.p_unseen());
        let n_outer = profile.n_known() as f64 / codec.n_targets().max(1) as f64;
        Odds {
            missing: -missing.ln() as f32,
            present: -(1.0 - missing).ln() as f32,
            unseen: -unseen.ln() as f32,
            // Of a column that cannot have one, nothing is said.
            seen: if matches!(codec, Codec::Categorical(_)) { -(1.0 - unseen).ln() as f32 } else { 0.0 },
            beyond: (n_outer + 1.0).ln() as f32,
            is_number: matches!(codec, Codec::Numeric(_)),
            is_category: matches!(codec, Codec::Categorical(_)),
        }
    }

    /// Where no profile is known: nothing is said of missing cells.
    pub fn unknown(n_rows: usize, codec: &Codec) -> Self {
        let n = n_rows as f64;
        let unseen = 0.5 / (n + 1.0);
        Odds {
            missing: 0.0,
            present: 0.0,
            unseen: -unseen.ln() as f32,
            seen: 0.0,
            beyond: (n / codec.n_targets().max(1) as f64 + 1.0).ln() as f32,
            is_number: matches!(codec, Codec::Numeric(_)),
            is_category: matches!(codec, Codec::Categorical(_)),
        }
    }

    /// How surprising a cell is, in nats: the negative logarithm of its probability, given the rest of its row.
    /// `class` is that of its class, where the cell has one.
    pub fn nats(&self, state: CellState, class: Option<f32>) -> f32 {
        let has_none = class.is_none();
        let class = class.unwrap_or_default();
        match state {
            CellState::Usual if self.is_category && has_none => self.present + self.unseen,
            CellState::Missing => self.missing,
            CellState::Unseen => self.present + self.unseen,
            // As far out as a tail that falls with the square of the distance would have one.
            CellState::Beyond(widths) if self.is_number => {
                self.present + class + self.beyond + 2.0 * widths.ln_1p()
            }
            CellState::Beyond(_) | CellState::Usual => self.present + self.seen + class,
        }
    }
}

/// Added to each column's deviation: in a column that the others tell nearly always the slightest surprise would be
/// endless.
const LEAST_DEVIATION: f64 = 0.05;

/// A row's score: the sum of squares of what its cells surprise beyond the mean of their column, in its deviations. Where
/// the columns' means are not known, the sum of their nats. None where no cell says anything.
pub(crate) fn row_score(cells: &[f32], usual: Option<&[[f64; 2]]>) -> Option<f64> {
    let score = |(c, nats): (usize, &f32)| {
        let nats = f64::from(*nats);
        usual.map_or(nats, |usual| {
            let [mean, deviation] = usual[c];
            ((nats - mean) / (deviation + LEAST_DEVIATION)).max(0.0).powi(2)
        })
    };
    let mut finite = cells.iter().enumerate().filter(|(_, nats)| nats.is_finite()).map(score).peekable();
    finite.peek()?;
    Some(finite.sum())
}

/// Groups of classes whose rows are counted.
pub(crate) fn n_groups(codec: &Codec) -> usize {
    codec.n_targets().min(MOST_GROUPS)
}

/// The group of a class: of numbers and times, neighbours together; of others the most frequent ones alone.
pub(crate) fn group_of(codec: &Codec, class: u16) -> usize {
    let (n, class) = (codec.n_targets(), usize::from(class));
    match codec {
        Codec::Numeric(_) | Codec::Timestamp(_) if n > MOST_GROUPS => class * MOST_GROUPS / n,
        _ => class.min(MOST_GROUPS - 1),
    }
}

/// The share of rows that would tell as much if none repeated another (Kish 1965): 1 where all are different.
pub(crate) fn evidence(keys: impl Iterator<Item = u64>) -> f64 {
    let mut sizes: HashMap<u64, u64> = HashMap::new();
    let mut n = 0_u64;
    for key in keys {
        *sizes.entry(mix(key)).or_default() += 1;
        n += 1;
    }
    let squares: u64 = sizes.values().map(|size| size * size).sum();
    if squares == 0 { 1.0 } else { n as f64 / squares as f64 }
}

fn mean_and_deviation(cells: &[f32], step: usize) -> [f64; 2] {
    let values = || cells.iter().step_by(step).filter(|nats| nats.is_finite()).map(|nats| f64::from(*nats));
    let n = values().count().max(1) as f64;
    let mean = values().sum::<f64>() / n;
    let square = values().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    [rounded(mean), rounded(square.sqrt())]
}
