//! Text into words: the one definition of a word, for statistics, schema and codec.

/// Characters of a cell that are read; what follows is not.
const MAX_CHARS: usize = 10_000;

/// Lower-cased runs of letters and digits, in order.
///
/// Text with an e-mail address or a URL also gives its host as one word, such as
/// `@example.com`, since the host says more than its pieces.
pub fn words(text: &str) -> Vec<String> {
    let text: String = text.chars().take(MAX_CHARS).flat_map(char::to_lowercase).collect();
    let mut words: Vec<String> = runs(&text).map(str::to_owned).collect();
    words.extend(text.split_whitespace().filter_map(host).map(|host| format!("@{host}")));
    words
}

/// Runs of letters and digits as they are written, in order.
pub fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty())
}

/// The host of a URL or an e-mail address, without a leading `www.`.
pub(crate) fn host(word: &str) -> Option<&str> {
    let after = match (word.split_once("://"), word.rsplit_once('@')) {
        (Some((_, rest)), _) => rest,
        (None, Some((name, rest))) if !name.is_empty() => rest,
        _ if word.starts_with("www.") => word,
        _ => return None,
    };
    let host = after.split(['/', '?', '#', ':', '>', ',', ';', ')']).next()?.trim_end_matches('.');
    let host = host.strip_prefix("www.").unwrap_or(host);
    (host.contains('.') && !host.starts_with('.')).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lower_case_runs_of_letters_and_digits() {
        assert_eq!(words("Größe 42: x_y, (Z)"), ["größe", "42", "x", "y", "z"]);
        assert!(words(" --- ").is_empty());
    }

    #[test]
    fn hosts_of_urls_and_addresses_are_words() {
        assert_eq!(host("https://www.example.com:80/a?b"), Some("example.com"));
        assert_eq!(host("ann@mail.example.org"), Some("mail.example.org"));
        assert_eq!(host("@ann"), None);
        assert_eq!(host("3@4"), None);
        assert_eq!(words("Ann@Example.com"), ["ann", "example", "com", "@example.com"]);
    }
}
