//! What is said of a text column that is nearly one of numbers or dates, and the way to make it one.

use arrow::array::{ArrayRef, AsArray};

use super::profile::ColumnProfile;
use super::spellings::Spellings;
use crate::cell;
use crate::marks::{is_number_somewhere, split_sign};
use crate::visible::quoted;

/// Of a column whose texts are dates for the most part.
pub(super) fn spelling_remark(name: &str, profile: &ColumnProfile, found: &Spellings) -> Option<String> {
    let (row, text) = found.misfit.as_ref()?;
    Some(format!(
        "column `{name}`: {} of {} values are dates ({}), but `{}` in row {} is not, so it is used as text. If such \
         cells stand for missing ones, give them as missing tokens; if they are dates, give the column's date format.",
        found.n_dates,
        profile.n_present(),
        quoted(&found.formats),
        shown(text),
        row + 1
    ))
}

/// Of a text column whose cells are numbers, all of them with signs around them or in a spelling of
/// their own, or half of them at least. What half of the cells say is said only of an `open` column,
/// whose texts are not few.
pub(super) fn number_remark(name: &str, array: &ArrayRef, is_open: bool) -> Option<String> {
    let texts = array.as_string_opt::<i32>()?;
    let (mut n_present, mut n_numbers, mut n_plain) = (0_usize, 0_usize, 0_usize);
    let (mut misfit, mut marked, mut plain, mut sign) = (None, None, None, None);
    for (row, text) in texts.iter().enumerate().filter_map(|(row, text)| Some((row, text?))) {
        n_present += 1;
        if !text.contains(|c: char| c.is_ascii_digit()) || !is_number_somewhere(text) {
            misfit.get_or_insert((row, text));
            // A column of words is left after a few of them.
            if 2 * n_numbers + 64 < n_present {
                return None;
            }
            continue;
        }
        n_numbers += 1;
        if cell::parse_number(text).is_some() {
            n_plain += 1;
            plain.get_or_insert(text);
        } else {
            marked.get_or_insert(text);
            sign = sign.or(split_sign(text).map(|(sign, _)| sign));
        }
    }
    let example = shown(marked.or(plain)?);
    match (misfit, sign) {
        // Codes of digits, which are texts on purpose.
        (None, _) if marked.is_none() => None,
        (None, Some(sign)) => Some(format!(
            "column `{name}`: its texts are numbers with `{sign}` around them (as in `{example}`) and are not used as \
             numbers; give it the kind numeric to have the sign taken away"
        )),
        (None, None) if n_plain == 0 => Some(format!(
            "column `{name}`: its texts may be numbers (as in `{example}`) and are not used as numbers; give it the \
             kind numeric if they are"
        )),
        (None, None) => Some(format!(
            "column `{name}`: its numbers are written in more than one way (`{example}` is one) and are not used as \
             numbers; write them alike, or give it the kind categorical or text if they are names"
        )),
        (Some((row, text)), _) if is_open && 2 * n_numbers >= n_present => Some(format!(
            "column `{name}`: {n_numbers} of {n_present} values are numbers, as `{example}`, but `{}` in row {} is not, \
             so it is used as text. If such cells stand for missing ones, give them as missing tokens, and the column \
             the kind numeric.",
            shown(text),
            row + 1
        )),
        _ => None,
    }
}

fn shown(text: &str) -> String {
    text.trim().chars().take(80).collect()
}
