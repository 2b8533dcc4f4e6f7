//! Other names for columns: a table gets the names that a model knows before anything else looks at it.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::error::{Error, Result, near_names};
use crate::table::quoted;

/// Columns that get other names, old name to new one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Renaming {
    /// As the caller says: every old name must be there.
    pub given: BTreeMap<String, String>,
    /// As a model remembers of the table that it was trained on: passed over where the old name is absent, or
    /// where a column has the new one.
    pub remembered: BTreeMap<String, String>,
}

impl Renaming {
    /// The columns' new names, each in its old one's place. All get them at once, so that two may swap theirs.
    /// `table` stands for the table in messages.
    ///
    /// # Errors
    /// A schema error that names old and new name, if there is no such column, if two columns would meet under one
    /// name, or if a new name is empty.
    pub fn names(&self, table: &str, there: &[impl AsRef<str>]) -> Result<Vec<String>> {
        let old: Vec<&str> = there.iter().map(AsRef::as_ref).collect();
        if self.given.is_empty() && self.remembered.is_empty() {
            return Ok(old.into_iter().map(str::to_owned).collect());
        }
        let is_there: HashSet<&str> = old.iter().copied().collect();
        for (from, to) in &self.given {
            if !is_there.contains(from.as_str()) {
                return Err(absent(table, from, to, &old));
            }
            if to.is_empty() {
                return Err(Error::schema(format!("`{table}`: column `{from}` cannot have an empty name")));
            }
        }
        let taken: HashSet<&str> = old.iter().map(|name| self.given_name(name)).collect();
        let new = old.iter().map(|name| match (self.given.get(*name), self.remembered.get(*name)) {
            (None, Some(to)) if !taken.contains(to.as_str()) => to.as_str(),
            _ => self.given_name(name),
        });
        let new: Vec<String> = new.map(str::to_owned).collect();
        let mut first_of: HashMap<&str, &str> = HashMap::with_capacity(old.len());
        for (from, to) in old.iter().zip(&new) {
            let Some(other) = first_of.insert(to, from) else { continue };
            // Columns that had one name before are refused for that.
            if other != *from {
                return Err(Error::schema(format!(
                    "`{table}`: columns {} would both be `{to}`",
                    quoted(&[other, from])
                ))
                .with_hint("rename or leave out one of the two"));
            }
        }
        Ok(new)
    }

    fn given_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.given.get(name).map_or(name, String::as_str)
    }

    /// Of these names those that become others, old name to new one.
    pub fn changed(old: &[impl AsRef<str>], new: &[String]) -> BTreeMap<String, String> {
        let pairs = old.iter().map(AsRef::as_ref).zip(new).filter(|(old, new)| old != new);
        pairs.map(|(old, new)| (old.to_owned(), new.clone())).collect()
    }

    /// Whether a column of these would get another name.
    pub fn changes<S: AsRef<str>>(&self, names: impl IntoIterator<Item = S>) -> bool {
        !self.given.is_empty() || names.into_iter().any(|name| self.remembered.contains_key(name.as_ref()))
    }

    /// For a table of which these columns have their new names already.
    #[must_use]
    pub(super) fn beyond(&self, renamed: &BTreeMap<String, String>) -> Self {
        let is_open = |(old, new): &(&String, &String)| renamed.get(*old) != Some(*new);
        let given = self.given.iter().filter(is_open).map(|(old, new)| (old.clone(), new.clone())).collect();
        Renaming { given, remembered: self.remembered.clone() }
    }

    /// For a further table of the same kind, of which nothing is demanded.
    #[must_use]
    pub(super) fn continued(&self) -> Self {
        let mut remembered = self.remembered.clone();
        remembered.extend(self.given.clone());
        Renaming { given: BTreeMap::new(), remembered }
    }
}

fn absent(table: &str, from: &str, to: &str, there: &[&str]) -> Error {
    let error = Error::schema(format!("`{table}`: there is no column `{from}` to be renamed `{to}`"));
    let near = near_names(from, there.iter().copied());
    match () {
        () if there.contains(&to) => error.with_hint(format!("it has a column `{to}` already")),
        () if near.is_empty() => error.with_hint(format!("the columns are {}", quoted(there))),
        () => error.with_hint(format!("did you mean {}?", quoted(&near))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renaming(given: &[(&str, &str)], remembered: &[(&str, &str)]) -> Renaming {
        let map =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Renaming { given: map(given), remembered: map(remembered) }
    }

    #[test]
    fn columns_get_their_new_names_at_once() {
        let names = |renaming: &Renaming| renaming.names("t", &["a", "b", "c"]).unwrap();
        assert_eq!(names(&Renaming::default()), ["a", "b", "c"]);
        assert_eq!(names(&renaming(&[("a", "b"), ("b", "a")], &[])), ["b", "a", "c"]);
        // What a model remembers yields to what is there, and to what is said.
        let model = [("a", "x"), ("b", "c"), ("absent", "y")];
        assert_eq!(names(&renaming(&[], &model)), ["x", "b", "c"]);
        assert_eq!(names(&renaming(&[("a", "z"), ("c", "d")], &model)), ["z", "c", "d"]);
        assert_eq!(names(&renaming(&[("c", "x")], &model)), ["a", "c", "x"]);
    }

    #[test]
    fn unknown_names_and_names_that_meet_are_errors_that_name_both() {
        let refused = |given: &[(&str, &str)]| {
            let error = renaming(given, &[]).names("t.csv", &["age", "years", "c"]).unwrap_err();
            assert!(error.is_schema());
            format!("{error} | {}", error.hint().unwrap_or_default())
        };
        let unknown = "`t.csv`: there is no column `agee` to be renamed `n` | did you mean `age`?";
        assert_eq!(refused(&[("agee", "n")]), unknown);
        let already =
            "`t.csv`: there is no column `alter` to be renamed `age` | it has a column `age` already";
        assert_eq!(refused(&[("alter", "age")]), already);
        let met = "`t.csv`: columns `age`, `years` would both be `age` | rename or leave out one of the two";
        assert_eq!(refused(&[("years", "age")]), met);
        assert!(
            refused(&[("years", "n"), ("age", "n")]).contains("columns `age`, `years` would both be `n`")
        );
        assert!(refused(&[("years", "")]).contains("column `years` cannot have an empty name"));
    }
}
