//! Which rows of a group's matrices belong to which part, and groups put together from parts of others.

use std::collections::BTreeMap;
use std::ops::Range;

use rand::Rng;
use tabgraft_table::encoded::PartForm;

use super::{D_TOKEN, TokenGroup};
use crate::kernel::Layout;
use crate::param::{Param, Params};

impl TokenGroup {
    /// A group of columns of other groups, each by its place there, with their tokens. Their rows of the
    /// mixing matrix come along from groups of width `d`; those from groups of another width are
    /// random.
    pub fn gathered(
        columns: Range<usize>,
        sources: &[(&TokenGroup, Vec<usize>)],
        d: usize,
        rng: &mut impl Rng,
    ) -> TokenGroup {
        let forms = |group: &TokenGroup, place: usize| -> Vec<PartForm> {
            group.parts_of(place).map(|part| group.layout.parts[part].form).collect()
        };
        let forms: Vec<Vec<PartForm>> =
            sources.iter().flat_map(|(group, places)| places.iter().map(|p| forms(group, *p))).collect();
        let mut gathered = TokenGroup::new(columns, &forms, d, false, rng);
        let layout = gathered.layout.clone();
        let into = rows_of_parts(&layout);
        let mut matrices: BTreeMap<String, Vec<f32>> = BTreeMap::new();
        gathered.each("", &mut |name, param| {
            matrices.insert(name, param.values());
        });
        let mut place = 0;
        for (group, places) in sources {
            let parts: Vec<usize> = places.iter().flat_map(|place| group.parts_of(*place)).collect();
            group.each("", &mut |name, param| {
                let (Some(to), Some(matrix)) = (into.iter().find(|m| m.0 == name), matrices.get_mut(&name))
                else {
                    return;
                };
                let width = param.shape()[1];
                if name == "mix" && width != d {
                    return;
                }
                let from = rows_of_parts(&group.layout);
                let Some(from) = from.iter().find(|m| m.0 == name) else { return };
                let values = param.values();
                for (i, part) in parts.iter().enumerate() {
                    if let (Some(from), Some(to)) = ((from.2)(*part), (to.2)(place + i)) {
                        matrix[to.start * width..to.end * width]
                            .copy_from_slice(&values[from.start * width..from.end * width]);
                    }
                }
            });
            place += parts.len();
        }
        gathered.each_mut("", &mut |name, param| {
            if let Some(values) = matrices.remove(&name) {
                *param = Param::new(values, param.shape());
            }
        });
        gathered
    }
}

type RowsOfPart<'a> = Box<dyn Fn(usize) -> Option<Range<usize>> + 'a>;

/// For each matrix of a token group: its name, its rows, and which of them a part owns.
pub(super) fn rows_of_parts(layout: &Layout) -> Vec<(&'static str, usize, RowsOfPart<'_>)> {
    let part = |i: usize| layout.parts[i];
    let n_parts = layout.parts.len();
    vec![
        (
            "tables.piecewise",
            layout.piecewise_rows,
            Box::new(move |i| match part(i).form {
                PartForm::Piecewise { n_bins } => Some(part(i).first_row..part(i).first_row + n_bins),
                _ => None,
            }),
        ),
        (
            "tables.code",
            layout.code_rows,
            Box::new(move |i| match part(i).form {
                PartForm::Code { n_codes } => Some(part(i).first_row..part(i).first_row + n_codes),
                _ => None,
            }),
        ),
        (
            "tables.bag",
            layout.bag_rows,
            Box::new(move |i| match part(i).form {
                PartForm::Bag { n_slots } => Some(part(i).first_row..part(i).first_row + n_slots),
                _ => None,
            }),
        ),
        (
            "tables.bias",
            layout.n_piecewise + layout.n_bag,
            Box::new(move |i| part(i).bias_row.map(|row| row..row + 1)),
        ),
        ("tables.special", 2 * n_parts, Box::new(|i| Some(2 * i..2 * i + 2))),
        ("mix", n_parts * D_TOKEN, Box::new(|i| Some(i * D_TOKEN..(i + 1) * D_TOKEN))),
    ]
}
