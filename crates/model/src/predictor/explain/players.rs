//! Who contributes: columns of the table, alone or in groups, and what is hidden with each.

use std::collections::HashSet;

use tabgraft_feature::Feature;
use tabgraft_table::table::quoted;

use super::ColumnGroup;
use crate::error::{Error, Result};
use crate::predictor::PredictorAbout;

/// Those who contribute.
pub(super) struct Players {
    pub groups: Vec<ColumnGroup>,
    /// For each predictor of the chain and each column of its cells: the players with one of which it is hidden.
    of_columns: Vec<Vec<Vec<usize>>>,
}

impl Players {
    /// The columns of a predictor, those of groups together, in the order in which the predictor has them.
    ///
    /// # Errors
    /// An option error for a group without a name of its own or without columns, a schema error for a column that is not
    /// there or in two groups.
    pub fn new(about: &PredictorAbout, groups: &[ColumnGroup], features_apart: bool) -> Result<Self> {
        let names = about.player_names(features_apart);
        let mut taken: HashSet<&str> = HashSet::new();
        for group in groups {
            if group.columns.is_empty() {
                return Err(Error::option(format!("group `{}` has no columns", group.name)));
            }
            for column in &group.columns {
                if !names.contains(column) {
                    return Err(about.no_such_column(column, &names));
                }
                if !taken.insert(column) {
                    return Err(Error::option(format!("column `{column}` is named twice in the groups"))
                        .with_hint("a column belongs to one group"));
                }
            }
        }
        let mut called: HashSet<&str> =
            names.iter().map(String::as_str).filter(|name| !taken.contains(name)).collect();
        if let Some(group) = groups.iter().find(|group| !called.insert(&group.name)) {
            return Err(Error::option(format!(
                "group `{}` is called as another group, or as a column that it does not hold",
                group.name
            ))
            .with_hint("give it a name of its own"));
        }
        let mut all: Vec<ColumnGroup> = Vec::new();
        for name in &names {
            match groups.iter().find(|group| group.columns.contains(name)) {
                None => all.push(ColumnGroup { name: name.clone(), columns: vec![name.clone()] }),
                Some(group) if all.iter().all(|known| known.name != group.name) => all.push(group.clone()),
                Some(_) => {}
            }
        }
        Ok(Self::of_groups(about, all, features_apart))
    }

    /// These columns and features alone, each by itself.
    ///
    /// # Errors
    /// A schema error for one that the predictor does not have.
    pub fn of_names(about: &PredictorAbout, names: &[String]) -> Result<Self> {
        let mut known = about.player_names(false);
        known.extend(
            about.player_names(true).into_iter().filter(|name| !known.contains(name)).collect::<Vec<_>>(),
        );
        if let Some(name) = names.iter().find(|name| !known.contains(name)) {
            return Err(about.no_such_column(name, &known));
        }
        let alone = |name: &String| ColumnGroup { name: name.clone(), columns: vec![name.clone()] };
        let groups: Vec<ColumnGroup> = names.iter().map(alone).collect();
        let mut players = Self::of_groups(about, groups, false);
        let apart = Self::of_groups(about, std::mem::take(&mut players.groups), true);
        for (own, apart) in
            players.of_columns.iter_mut().flatten().zip(apart.of_columns.into_iter().flatten())
        {
            own.extend(apart);
        }
        Ok(Players { groups: apart.groups, ..players })
    }

    fn of_groups(about: &PredictorAbout, groups: Vec<ColumnGroup>, features_apart: bool) -> Self {
        let mut of_columns = Vec::new();
        let mut layer = Some(about);
        while let Some(own) = layer {
            let columns = own.space.columns.iter().map(|column| {
                // What a later space has lost is missing whatever the table has there.
                let is_there = about.space.columns.iter().any(|known| known.name == column.name);
                let made_of = if is_there { about.made_of(&column.name, features_apart) } else { Vec::new() };
                let holds = |group: &ColumnGroup| made_of.iter().any(|name| group.columns.contains(name));
                (0..groups.len()).filter(|i| holds(&groups[*i])).collect::<Vec<usize>>()
            });
            let mut columns: Vec<Vec<usize>> = columns.collect();
            for derived in &own.derived {
                columns.push(derived.of.iter().flat_map(|of| columns[*of].clone()).collect());
            }
            of_columns.push(columns);
            layer = own.growth.as_ref().map(|growth| &*growth.base);
        }
        Players { groups, of_columns }
    }

    /// How many there are.
    pub fn n(&self) -> usize {
        self.groups.len()
    }

    /// Which cells of a predictor of the chain are hidden where some players are, added to those of other rows.
    ///
    /// # Shapes
    /// - `is_hidden`: `[n]`
    pub fn hide(&self, layer: usize, is_hidden: &[bool], cells: &mut Vec<bool>) {
        cells.extend(self.of_columns[layer].iter().map(|players| players.iter().any(|p| is_hidden[*p])));
    }
}

impl PredictorAbout {
    /// Names of those who may contribute: the columns that its space's are made of, or the space's own.
    fn player_names(&self, features_apart: bool) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for column in &self.space.columns {
            for name in self.made_of(&column.name, features_apart) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// What a column of the space is made of: itself, or the columns that its feature is computed from.
    fn made_of(&self, column: &str, features_apart: bool) -> Vec<String> {
        let feature_of = |name: &str| self.space.features.iter().find(|f| f.name == name);
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        let mut open = vec![column.to_owned()];
        while let Some(name) = open.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            let inputs: Vec<String> = match feature_of(&name) {
                Some(feature) if !features_apart => Feature::inputs(feature).unwrap_or_default(),
                _ => Vec::new(),
            };
            match inputs.is_empty() {
                true => found.push(name),
                false => open.extend(inputs.into_iter().rev()),
            }
        }
        found
    }

    fn no_such_column(&self, column: &str, names: &[String]) -> Error {
        Error::schema(format!(
            "`{column}` is no column that predictor `{}` reads: these are {}",
            self.name,
            quoted(names)
        ))
    }
}
