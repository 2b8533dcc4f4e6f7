//! `CAST`: values to another type, one by one; what does not fit becomes missing.

use arrow::array::{Array, StringArray};

use super::Type;
use super::number::{Number, Numbers};
use super::reading::Values;
use super::time;
use tabgraft_table::cell::parse_truth;

/// The type that a `CAST` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A number.
    Double,
    /// A whole number: fractions are cut off towards zero.
    BigInt,
    /// A text.
    Varchar,
    /// True or false.
    Boolean,
    /// A time.
    Timestamp,
}

impl Target {
    /// The names as formulas write them.
    pub(super) const NAMES: &'static [&'static str] =
        &["DOUBLE", "BIGINT", "VARCHAR", "BOOLEAN", "TIMESTAMP"];

    pub(super) fn of_name(name: &str) -> Option<Self> {
        let all = [Target::Double, Target::BigInt, Target::Varchar, Target::Boolean, Target::Timestamp];
        Self::NAMES.iter().position(|n| n.eq_ignore_ascii_case(name)).map(|i| all[i])
    }

    /// The type of the result.
    pub(super) fn gives(self) -> Type {
        match self {
            Target::Double | Target::BigInt => Type::Number,
            Target::Varchar => Type::Text,
            Target::Boolean => Type::Bool,
            Target::Timestamp => Type::Time,
        }
    }

    /// Whether values of this type can be cast at all.
    pub(super) fn accepts(self, from: Type) -> bool {
        match self {
            Target::Varchar => true,
            Target::Timestamp => matches!(from, Type::Text | Type::Time),
            Target::Double | Target::BigInt | Target::Boolean => from != Type::Time,
        }
    }
}

/// The values as `target`; only for pairs that [`Target::accepts`].
pub(super) fn cast(values: &Values, target: Target) -> Values {
    match target {
        Target::Double => Values::Number(to_numbers(values).values().to_vec().into()),
        Target::BigInt => Values::Number(to_numbers(values).iter().map(Number::truncated).collect()),
        Target::Varchar => Values::Text(to_texts(values)),
        Target::Boolean => Values::Bool(match values {
            Values::Number(v) => v.values().iter().map(|x| (!x.is_nan()).then_some(*x != 0.0)).collect(),
            Values::Text(v) => v.iter().map(|t| t.and_then(parse_truth)).collect(),
            Values::Bool(v) => v.clone(),
            Values::Time(v) => vec![None; v.len()],
        }),
        Target::Timestamp => Values::Time(match values {
            Values::Text(v) => v.iter().map(|t| t.and_then(|t| time::parse(t).ok())).collect(),
            Values::Time(v) => v.clone(),
            Values::Number(_) | Values::Bool(_) => vec![None; values.len()],
        }),
    }
}

/// The values as text: `5`, `2.5`, `true`, `2024-01-31`, `2024-01-31T12:30:00`.
pub(crate) fn to_texts(values: &Values) -> StringArray {
    match values {
        Values::Number(v) => v.iter().map(Number::text).collect(),
        Values::Text(v) => v.clone(),
        Values::Bool(v) => v.iter().map(|b| b.map(|b| b.to_string())).collect(),
        Values::Time(v) => v.iter().map(|t| t.and_then(time::format)).collect(),
    }
}

fn to_numbers(values: &Values) -> Numbers {
    match values {
        Values::Number(v) => v.clone(),
        Values::Text(v) => v.iter().map(|t| t.map_or(Number::MISSING, Number::of_text)).collect(),
        Values::Bool(v) => {
            v.iter().map(|b| b.map_or(Number::MISSING, |b| f64::from(u8::from(b)).into())).collect()
        }
        Values::Time(v) => vec![f64::NAN; v.len()].into(),
    }
}

impl Values {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        match self {
            Values::Number(v) => v.len(),
            Values::Text(v) => v.len(),
            Values::Bool(v) => v.len(),
            Values::Time(v) => v.len(),
        }
    }
}
