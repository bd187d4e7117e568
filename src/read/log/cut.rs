//! Cutting a line: what stands between two words, a quoted path, a number.

/// What follows the first `mark`.
pub(super) fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

/// What stands before the first `mark`; all of it when there is none.
pub(super) fn until<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split_once(mark).map_or(text, |(before, _)| before)
}

/// What stands between `open` and the next `close`; to the end when the text was cut.
pub(super) fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    after(text, open).map(|rest| until(rest, close))
}

/// The text in the first quotes (straight, single or double).
pub(super) fn quoted(text: &str) -> Option<&str> {
    let at = text.find(['\'', '"'])?;
    let quote = text.get(at..)?.chars().next()?;
    let rest = text.get(at.saturating_add(1)..)?;
    Some(rest.split(quote).next().unwrap_or(rest))
}

/// The number (with sign) at the start.
pub(super) fn number(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let text = text.strip_prefix('\u{2212}').map_or_else(|| text.to_owned(), |rest| format!("-{rest}"));
    let digits = text.strip_prefix('-').unwrap_or(&text);
    let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let value = digits.get(..length)?.parse::<i64>().ok()?;
    if text.starts_with('-') { value.checked_neg() } else { Some(value) }
}

/// The hexadecimal number at the start, with or without `0x`.
pub(super) fn hex(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let text = text.strip_prefix("0x").unwrap_or(text);
    let length = text.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len());
    u64::from_str_radix(text.get(..length)?, 16).ok()
}

/// A name or path as a fact: trimmed, without quotes; `None` for nothing, `<private>`, `<nil>`, `(null)`, `N/A`.
pub(super) fn known(text: &str) -> Option<String> {
    let text = text.trim().trim_matches(['\'', '"', '`']);
    let unknown = matches!(text, "" | "<private>" | "<nil>" | "(null)" | "<null>" | "N/A" | "none" | "<none>" | "???");
    (!unknown).then(|| text.to_owned())
}

/// True when `word` stands in `text` and no letter, digit or hyphen touches it.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at.saturating_add(word.len())..).and_then(|after| after.chars().next());
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}
