//! Proposals from free text: how much there is, and whether a frequent word is in it.

use super::operand::Operands;
use tabgraft_feature::definition::Feature;

pub(super) fn counts(operands: &Operands) -> Vec<Feature> {
    let mut features = Vec::new();
    for (text, profile) in operands.texts() {
        let (name, sql, word) = (text.name(), text.text(), &text.word);
        features.push(Feature::formula(
            format!("{word}_length"),
            format!("length({sql})"),
            format!("how many characters `{name}` has"),
        ));
        features.push(Feature::formula(
            format!("{word}_word_count"),
            format!("word_count({sql})"),
            format!("how many words `{name}` has"),
        ));
        if profile.has_digits {
            features.push(Feature::formula(
                format!("{word}_digit_count"),
                format!("digit_count({sql})"),
                format!("how many digits `{name}` has"),
            ));
        }
    }
    features
}

pub(super) fn frequent_words(operands: &Operands) -> Vec<Feature> {
    let mut features = Vec::new();
    for (text, profile) in operands.texts() {
        // A word is letters and digits only: it needs no escape in a literal.
        features.extend(profile.frequent_words.iter().map(|frequent| {
            Feature::formula(
                format!("{}_mentions_{frequent}", text.word),
                format!("has_word({}, '{frequent}')", text.text()),
                format!("whether the word `{frequent}` is in `{}`", text.name()),
            )
        }));
    }
    features
}
