//! Class labels: what they were before they became text, and which cell means which class.
//!
//! A class keeps the spelling that it was fitted with. A cell means the class of its own spelling; else
//! the one class whose [canonical](tabgraft_table::cell::canonical) spelling it shares, so that a
//! predictor fitted on a CSV file and used on a frame meets the same classes: `True` and true, `1.0` and 1.
//! Spellings that stand side by side in the rows learned from stay classes of their own, and are told.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};
use tabgraft_table::cell::{Storage, canonical, iso_text, texts};
use tabgraft_table::{Table, is_hidden};

use crate::error::Result;

/// Pairs of spellings that a note names.
const MOST_NAMED: usize = 3;

/// What class labels were before they became text, so that they come back as they went in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelType {
    /// Text.
    Text,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Float,
    /// Numbers of four bytes.
    Float32,
    /// `true` and `false`.
    Boolean,
    /// Days.
    Date,
    /// Points in time, UTC.
    Timestamp,
}

impl LabelType {
    /// The type of a column's labels. Text of a file that has no types is what all of its spellings say.
    pub(super) fn of(table: &Table, column: &str, classes: &[String]) -> Result<Self> {
        let data_type = table.column(column)?.data_type();
        Ok(match Storage::of(column, data_type)? {
            Storage::Integer => LabelType::Integer,
            Storage::Float if *data_type == DataType::Float32 => LabelType::Float32,
            Storage::Float => LabelType::Float,
            Storage::Boolean => LabelType::Boolean,
            Storage::Time if matches!(data_type, DataType::Date32 | DataType::Date64) => LabelType::Date,
            Storage::Time => LabelType::Timestamp,
            Storage::Text | Storage::Null if table.is_untyped(column) => LabelType::written(classes),
            Storage::Text | Storage::Null => LabelType::Text,
        })
    }

    /// What text of no type says by its spelling: numbers and truths, if each class is another one.
    fn written(classes: &[String]) -> Self {
        let mut values: Vec<String> = classes.iter().map(|c| canonical(c)).collect();
        values.sort();
        values.dedup();
        let all = |test: &dyn Fn(&str) -> bool| classes.iter().all(|class| test(class));
        match () {
            () if LabelType::before_1_4(classes) == LabelType::Integer => LabelType::Integer,
            () if values.len() < classes.len() => LabelType::Text,
            () if all(&|c| matches!(canonical(c).as_str(), "true" | "false")) => LabelType::Boolean,
            () if all(&is_decimal) => LabelType::Float,
            () => LabelType::Text,
        }
    }

    /// What labels were called before files said it: whole numbers where all of them are written as such,
    /// else text.
    pub(crate) fn before_1_4(classes: &[String]) -> Self {
        let is_whole = |class: &String| class.parse::<i64>().is_ok_and(|number| number.to_string() == *class);
        if classes.iter().all(is_whole) { LabelType::Integer } else { LabelType::Text }
    }
}

/// Digits with a point among them, and no more zeros before it than one.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_digits(whole) && is_digits(part) && (whole == "0" || !whole.starts_with('0'))
}

/// Which class each cell of a column means.
pub(super) struct Reading {
    texts: StringArray,
    exact: HashMap<String, usize>,
    /// `None` where two classes share a canonical spelling: then only exact ones count.
    canonical: HashMap<String, Option<usize>>,
    as_truth: bool,
    as_time: bool,
}

impl Reading {
    pub fn new(column: &str, array: &ArrayRef, classes: &[String], label_type: LabelType) -> Result<Self> {
        let storage = Storage::of(column, array.data_type())?;
        let is_time = matches!(label_type, LabelType::Date | LabelType::Timestamp);
        let mut reading = Reading {
            texts: texts(column, array)?,
            exact: classes.iter().enumerate().map(|(i, class)| (class.clone(), i)).collect(),
            canonical: HashMap::new(),
            as_truth: label_type == LabelType::Boolean || storage == Storage::Boolean,
            as_time: is_time || storage == Storage::Time,
        };
        for (i, class) in classes.iter().enumerate() {
            let spelling = reading.spelling(class);
            reading.canonical.entry(spelling).and_modify(|shared| *shared = None).or_insert(Some(i));
        }
        Ok(reading)
    }

    /// The text of a cell; `None` where it is missing.
    pub fn text(&self, row: usize) -> Option<&str> {
        self.texts.is_valid(row).then(|| self.texts.value(row))
    }

    /// The class that a text means, if it means one.
    pub fn class(&self, text: &str) -> Option<usize> {
        self.exact.get(text).copied().or_else(|| self.canonical.get(&self.spelling(text)).copied().flatten())
    }

    fn spelling(&self, text: &str) -> String {
        if self.as_time
            && let Some(text) = iso_text(text)
        {
            return text;
        }
        match canonical(text) {
            // True equals 1 in a column of truths, as in Python.
            one if self.as_truth && one == "1" => "true".to_owned(),
            zero if self.as_truth && zero == "0" => "false".to_owned(),
            text => text,
        }
    }
}

/// What there is to say of classes that differ only by case, space around them or `.0`: each group with
/// its spellings and their rows. `None` if no two do.
pub fn spelling_note(column: &str, classes: &[String], n_rows: &[usize]) -> Option<String> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, class) in classes.iter().enumerate() {
        // No-break, doubled and invisible blanks look like one or none.
        let words: Vec<&str> = class.split_whitespace().collect();
        let seen: String = words.join(" ").chars().filter(|c| !is_hidden(*c)).collect();
        groups.entry(canonical(&seen).to_lowercase()).or_default().push(i);
    }
    let groups: Vec<String> = groups
        .into_values()
        .filter(|group| group.len() > 1)
        .map(|group| {
            let named: Vec<String> =
                group.iter().map(|i| format!("`{}` ({} rows)", classes[*i], n_rows[*i])).collect();
            named.join(" and ")
        })
        .collect();
    let more = match groups.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    (!groups.is_empty()).then(|| {
        format!(
            "target `{column}` has classes that differ only by case, space or `.0`: {}{more}; each is a class of its \
             own. If they mean the same, write them alike",
            groups[..groups.len().min(MOST_NAMED)].join("; ")
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Float64Array, Int64Array, TimestampSecondArray};

    use super::*;

    fn classes(of: &[&str]) -> Vec<String> {
        of.iter().map(|c| (*c).to_owned()).collect()
    }

    fn read(array: ArrayRef, of: &[&str], label_type: LabelType) -> Vec<Option<usize>> {
        let reading = Reading::new("y", &array, &classes(of), label_type).unwrap();
        (0..array.len()).map(|r| reading.class(reading.text(r)?)).collect()
    }

    fn text(cells: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from(cells.to_vec()))
    }

    #[test]
    fn a_value_means_its_class_from_every_container() {
        let truths: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![1, 0]));
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 0.0]));
        let both = [Some(1), Some(0)];
        for (array, of, label_type) in [
            (truths.clone(), ["False", "True"], LabelType::Boolean),
            (truths.clone(), ["FALSE", "TRUE"], LabelType::Text),
            (text(&["True", "False"]), ["false", "true"], LabelType::Boolean),
            (whole.clone(), ["false", "true"], LabelType::Boolean),
            (truths, ["0", "1"], LabelType::Integer),
            (floats, ["0", "1"], LabelType::Integer),
            (whole, ["0.0", "1.0"], LabelType::Float),
            (text(&["1.0", " 0"]), ["0", "1"], LabelType::Integer),
        ] {
            assert_eq!(read(array, &of, label_type), both, "{of:?} {label_type:?}");
        }
        let second: ArrayRef = Arc::new(TimestampSecondArray::from(vec![1_704_067_200]));
        assert_eq!(read(second, &["2024-01-01", "2024-01-02"], LabelType::Date), [Some(0)]);
    }

    #[test]
    fn spellings_that_are_two_classes_stay_two() {
        let of = ["1", "1.0"];
        assert_eq!(read(text(&["1", "1.0", "1.00"]), &of, LabelType::Text), [Some(0), Some(1), None]);
        assert_eq!(read(text(&["01", "1"]), &["01", "1"], LabelType::Text), [Some(0), Some(1)]);
        let big = ["9007199254740992", "9007199254740993"];
        let numbers: ArrayRef =
            Arc::new(Int64Array::from(vec![9_007_199_254_740_993, 9_007_199_254_740_992]));
        assert_eq!(read(numbers, &big, LabelType::Integer), [Some(1), Some(0)]);
        assert_eq!(read(text(&["Yes", "yes"]), &["no", "yes"], LabelType::Text), [None, Some(1)]);
        assert_eq!(read(text(&["1", "true"]), &["false", "true"], LabelType::Text), [None, Some(1)]);
    }

    #[test]
    fn spellings_alike_are_told_with_their_rows() {
        let of = classes(&["1", "1.0", "Yes", "no", "yes "]);
        let note = spelling_note("y", &of, &[3, 4, 5, 6, 7]).unwrap();
        assert!(
            note.contains("`1` (3 rows) and `1.0` (4 rows); `Yes` (5 rows) and `yes ` (7 rows)"),
            "{note}"
        );
        assert_eq!(spelling_note("y", &classes(&["01", "1"]), &[1, 1]), None);
        for alike in [["no  risk", "no risk"], ["no\u{a0}risk", "No risk"], ["no\u{200b}", "no"]] {
            assert!(spelling_note("y", &classes(&alike), &[1, 1]).is_some(), "{alike:?}");
        }
    }

    #[test]
    fn text_without_a_type_is_what_its_spelling_says() {
        for (of, expected) in [
            (&["0", "1"][..], LabelType::Integer),
            (&["1.0", "2.5"], LabelType::Float),
            (&["False", "True"], LabelType::Boolean),
            (&["01", "1"], LabelType::Text),
            (&["1", "1.0"], LabelType::Text),
            (&["no", "yes"], LabelType::Text),
            (&["1", "two"], LabelType::Text),
        ] {
            assert_eq!(LabelType::written(&classes(of)), expected, "{of:?}");
        }
    }
}
