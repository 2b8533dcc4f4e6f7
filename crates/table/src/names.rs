//! What a column's name says about whole numbers: that they are ids, codes or times.
//!
//! Names only tip the scale: they are asked when the values alone leave two readings open.

const ID_WORDS: [&str; 11] =
    ["id", "ids", "uuid", "guid", "key", "pk", "index", "idx", "rownames", "rowid", "unnamed"];
const ROW_NAMES: [&str; 3] = ["row", "rownum", "rownr"];
/// What people write before `id` without a separator.
const ID_OWNERS: [&str; 22] = [
    "account",
    "client",
    "customer",
    "device",
    "employee",
    "event",
    "invoice",
    "item",
    "member",
    "order",
    "passenger",
    "patient",
    "product",
    "record",
    "row",
    "session",
    "student",
    "trans",
    "transaction",
    "trip",
    "user",
    "case",
];
const CODE_WORDS: [&str; 18] = [
    "zip",
    "zipcode",
    "postcode",
    "postalcode",
    "postal",
    "plz",
    "phone",
    "telephone",
    "fax",
    "ssn",
    "iban",
    "isbn",
    "ean",
    "upc",
    "barcode",
    "fips",
    "naics",
    "sic",
];
const CODE_ENDINGS: [&str; 5] = ["code", "codes", "number", "no", "nr"];
const TIME_WORDS: [&str; 12] = [
    "year",
    "yr",
    "month",
    "week",
    "day",
    "date",
    "hour",
    "minute",
    "second",
    "time",
    "quarter",
    "timestamp",
];

const DATE_WORDS: [&str; 14] = [
    "datum", "zeit", "fecha", "when", "at", "ts", "dt", "epoch", "created", "updated", "modified", "start",
    "end", "due",
];

/// Whether the name is that of an id: `user_id`, `customerID`, `Unnamed: 0`.
pub fn is_id(name: &str) -> bool {
    let words = words(name);
    // `Unnamed: 0` is what pandas calls an index that it wrote without a name.
    let Some(last) = words.iter().rfind(|w| !w.bytes().all(|b| b.is_ascii_digit())) else { return false };
    // What people call the numbers of rows, if it is all of the name: `seat_row` is another thing.
    if let [only] = &words[..]
        && ROW_NAMES.contains(&only.as_str())
    {
        return true;
    }
    let joined = last.strip_suffix("id").is_some_and(|owner| ID_OWNERS.contains(&owner));
    joined || ID_WORDS.contains(&last.as_str())
}

/// Whether the name is that of numbers that only name something: `zip_code`, `phone`.
pub fn is_code(name: &str) -> bool {
    let words = words(name);
    let is_code = |word: Option<&String>| word.is_some_and(|w| CODE_WORDS.contains(&w.as_str()));
    match words.split_last() {
        Some((last, before)) if CODE_ENDINGS.contains(&last.as_str()) => is_code(before.last()),
        _ => is_code(words.last()),
    }
}

/// Whether the name is that of a time, whose even steps are no sign of an id: `year`, `day_no`.
pub fn is_time(name: &str) -> bool {
    words(name).iter().any(|word| TIME_WORDS.contains(&word.as_str()))
}

/// Whether the name is that of a point in time: `created_at`, `Datum`.
pub fn is_date(name: &str) -> bool {
    is_time(name) || words(name).iter().any(|word| DATE_WORDS.contains(&word.as_str()))
}

/// Lower-cased words of a name; a capital after a small letter starts one.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && after_small) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        after_small = c.is_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_codes_and_times_by_name() {
        for name in ["id", "user_id", "customerID", "PassengerId", "Unnamed: 0", "rownames", "orderid", "row"]
        {
            assert!(is_id(name), "{name}");
        }
        for name in ["paid", "valid", "idle_time", "covid", "width", "42", "", "seat_row", "rows"] {
            assert!(!is_id(name), "{name}");
        }
        for name in ["zip", "ZipCode", "postal_code", "phone number", "plz"] {
            assert!(is_code(name), "{name}");
        }
        for name in ["phone_service", "code", "zip_income", "number"] {
            assert!(!is_code(name), "{name}");
        }
        assert!(is_time("Year") && is_time("day_no") && !is_time("yearly"));
    }
}
