//! Months and days of the week as six languages write them, brought to the English ones that formats know.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// English, German, French, Spanish, Italian, Portuguese and Dutch, without accents, from January on.
const MONTHS_OF: [&str; 7] = [
    "january february march april may june july august september october november december",
    "januar februar marz april mai juni juli august september oktober november dezember",
    "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro",
    "januari februari maart april mei juni juli augustus september oktober november december",
];
/// The same languages, from Monday on.
const DAYS_OF: [&str; 7] = [
    "monday tuesday wednesday thursday friday saturday sunday",
    "montag dienstag mittwoch donnerstag freitag samstag sonntag",
    "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "lunes martes miercoles jueves viernes sabado domingo",
    "lunedi martedi mercoledi giovedi venerdi sabato domenica",
    "segunda terca quarta quinta sexta sabado domingo",
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
];
/// Short and other forms that begin no name above, and the place of what they mean.
const MORE_MONTHS: [(&str, usize); 6] =
    [("jaenner", 0), ("janner", 0), ("feber", 1), ("maerz", 2), ("mrz", 2), ("mrt", 2)];
const MORE_DAYS: [(&str, usize); 9] = [
    ("mo", 0),
    ("di", 1),
    ("mi", 2),
    ("do", 3),
    ("fr", 4),
    ("sa", 5),
    ("so", 6),
    ("sonnabend", 5),
    ("mittw", 2),
];
/// Letters of a name from which it may be cut short.
const SHORTEST: usize = 3;
/// What stands between the words of a date, as in `5 de marzo de 2024`.
const JOINTS: [&str; 2] = ["de", "del"];
/// What stands behind the number of a day, as in `16th` and `1er`.
const ORDINALS: [&str; 5] = ["st", "nd", "rd", "th", "er"];

/// Each name and each way to cut it short that means one thing, without accents and in lower case, and the English name.
static ENGLISH: LazyLock<BTreeMap<String, &'static str>> = LazyLock::new(|| {
    let of = |english: &[&'static str], languages: &[&str], more: &[(&str, usize)]| {
        let mut meanings = BTreeMap::<String, Option<&'static str>>::new();
        let mut mean = |word: &str, english: &'static str| {
            let meaning = meanings.entry(word.to_owned()).or_insert(Some(english));
            *meaning = meaning.filter(|other| *other == english);
        };
        for names in languages {
            for (name, english) in names.split(' ').zip(english) {
                (SHORTEST..=name.len()).for_each(|n| mean(&name[..n], english));
            }
        }
        more.iter().for_each(|(word, place)| mean(word, english[*place]));
        meanings.into_iter().filter_map(|(word, meaning)| Some((word, meaning?))).collect::<BTreeMap<_, _>>()
    };
    // `mar` is a month rather than a Tuesday of Spain.
    let mut all = of(&DAYS, &DAYS_OF, &MORE_DAYS);
    all.extend(of(&MONTHS, &MONTHS_OF, &MORE_MONTHS));
    all
});

/// The text with the English names of its months and days of the week, written out and without a point behind them, and
/// without what stands between or behind numbers for the sound of it; borrowed where it has no such word.
pub(super) fn english(text: &str) -> Cow<'_, str> {
    let letters = text.chars().map(char::is_alphabetic);
    // Most dates have none but a `T` and a `Z`.
    if !letters.clone().zip(letters.skip(1)).any(|(one, next)| one && next) {
        return Cow::Borrowed(text);
    }
    let mut spelled = String::new();
    let mut rest = text;
    let mut is_changed = false;
    while let Some(c) = rest.chars().next() {
        let is_letter = c.is_alphabetic();
        let run = rest.find(|c: char| c.is_alphabetic() != is_letter).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(run);
        rest = behind;
        if !is_letter {
            spelled.push_str(part);
            continue;
        }
        let word = plain(part);
        let is_behind_a_digit = spelled.ends_with(|c: char| c.is_ascii_digit());
        if let Some(english) = ENGLISH.get(&word) {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            spelled.push_str(english);
            is_changed = true;
        } else if JOINTS.contains(&word.as_str()) || (is_behind_a_digit && ORDINALS.contains(&word.as_str()))
        {
            is_changed = true;
        } else {
            spelled.push_str(part);
        }
    }
    if is_changed { Cow::Owned(spelled) } else { Cow::Borrowed(text) }
}

/// In lower case and without accents.
fn plain(word: &str) -> String {
    let bare = |c| match c {
        'ä' | 'á' | 'à' | 'â' | 'ã' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' => 'i',
        'ó' | 'ò' | 'ô' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        c => c,
    };
    word.chars().flat_map(char::to_lowercase).map(bare).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_six_languages_are_the_english_ones() {
        for (text, expected) in [
            ("3. März 2024", "3. March 2024"),
            ("05. Mrz. 2024", "05. March 2024"),
            ("Mo, 04. Okt. 2020", "Monday, 04. October 2020"),
            ("18 juin 2023", "18 June 2023"),
            ("1er août 2023", "1 August 2023"),
            ("5 de marzo de 2024", "5  March  2024"),
            ("12 dic. 2024", "12 December 2024"),
            ("7 ottobre 2024", "7 October 2024"),
            ("7 de fevereiro de 2024", "7  February  2024"),
            ("7 mei 2024", "7 May 2024"),
            ("mar. 5, 2024", "March 5, 2024"),
            ("Sept. 5, 2024", "September 5, 2024"),
            ("January 16th, 2024", "January 16, 2024"),
        ] {
            assert_eq!(english(text), expected, "{text}");
        }
        for text in ["2024-03-05T10:00:00Z", "10:30 Uhr", "", "jui 2024", "2023-W07"] {
            assert!(matches!(english(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
