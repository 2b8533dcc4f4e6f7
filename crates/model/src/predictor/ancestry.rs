//! Whether a predictor can go on with a version of its space, and how its columns are found there.

use tabgraft_table::codec::encode;
use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::table::{Table, quoted};

use super::{PredictorAbout, derived};
use crate::error::{Error, Result};
use crate::space::{About, Operation, descends_from};

impl PredictorAbout {
    /// Checks that `child` comes from the predictor's space and still codes its columns as that did.
    ///
    /// # Errors
    /// A schema error that says what is in the way.
    pub(super) fn check_goes_on_with(&self, child: &About) -> Result<()> {
        let own = &self.space;
        if own.hashes == child.hashes {
            return Err(Error::schema(format!(
                "predictor `{}` is on `{}` already: there is nothing new to learn",
                self.name, child.name
            ))
            .with_hint("give a version that was refreshed, or that columns were grafted onto, pruned from or merged into"));
        }
        if !descends_from(&child.extensions, &own.hashes) {
            return Err(Error::schema(format!(
                "`{}` does not come from `{}` ({}), the space of predictor `{}`",
                child.name,
                own.name,
                own.hashes.id().short(),
                self.name
            ))
            .with_hint("give a descendant of that space, or fit a predictor on this one"));
        }
        if child.columns.iter().any(|c| c.name == self.target.column()) {
            return Err(Error::schema(format!(
                "`{}` uses the target `{}` as a column",
                child.name,
                self.target.column()
            ))
            .with_hint("extend the space with the target ignored, or its scores mean nothing"));
        }
        let places = places(own, child);
        if places.iter().all(Option::is_none) {
            return Err(Error::schema(format!(
                "`{}` has lost all columns of `{}`: predictor `{}` would see none of them",
                child.name, own.name, self.name
            ))
            .with_hint("fit a predictor on this space"));
        }
        let recoded = own.codecs.iter().zip(&places).zip(&own.columns);
        let recoded: Vec<&str> = recoded
            .filter(|((codec, place), _)| place.is_some_and(|i| !child.codecs[i].begins_with(codec)))
            .map(|(_, column)| column.name.as_str())
            .collect();
        if !recoded.is_empty() {
            let is_new_line = child.extensions.iter().any(|step| step.operation == Operation::Consolidate);
            let why = if is_new_line { ", which was trained anew as one" } else { "" };
            return Err(Error::schema(format!(
                "`{}`{why} does not code {} as `{}` does: predictor `{}` would read other numbers",
                child.name,
                quoted(&recoded),
                own.name,
                self.name
            ))
            .with_hint("fit a predictor on this space"));
        }
        Ok(())
    }

    /// The cells that this predictor sees of a table that a descendant of its space has encoded: those of columns
    /// that the descendant lost are missing, whatever the table has there.
    ///
    /// # Errors
    /// As [`encode`].
    pub(super) fn own_cells(
        &self,
        child: &About,
        table: &Table,
        encoded: &EncodedTable,
    ) -> Result<EncodedTable> {
        let own = &self.space;
        let nothing = table.select(&[])?;
        let mut columns = Vec::with_capacity(own.columns.len());
        for (i, place) in places(own, child).into_iter().enumerate() {
            match place {
                // Levels that came with a refresh are unseen ones, as they were.
                Some(place) => columns.push(own.codecs[i].as_before(&encoded.columns[place])),
                None => columns.extend(encode(&own.columns[i..=i], &own.codecs[i..=i], &nothing)?.columns),
            }
        }
        let mut cells = EncodedTable { n_rows: encoded.n_rows, columns };
        let kept =
            own.columns.iter().filter(|c| child.columns.iter().any(|of_child| of_child.name == c.name));
        let kept: Vec<String> = kept.map(|c| c.name.clone()).filter(|name| table.has_column(name)).collect();
        derived::add(&self.derived, &own.columns, &table.select(&kept)?, &mut cells)?;
        Ok(cells)
    }

    /// Columns of this predictor's space that a descendant has lost.
    pub(super) fn lost_columns(&self, child: &About) -> Vec<String> {
        let own = self.space.columns.iter().zip(places(&self.space, child));
        own.filter(|(_, place)| place.is_none()).map(|(column, _)| column.name.clone()).collect()
    }
}

/// Where each column of a space is in a descendant.
fn places(own: &About, child: &About) -> Vec<Option<usize>> {
    let place = |name: &str| child.columns.iter().position(|c| c.name == name);
    own.columns.iter().map(|column| place(&column.name)).collect()
}
