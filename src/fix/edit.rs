//! Edits an entitlements file as text: order, spacing, unknown keys and comments are kept. Pure.
//!
//! The places to change come from `outline`, a reader of its own that only knows where the entries of the root dictionary stand; what macOS would
//! think of the text is asked of [`read_file`]. The result is outlined again before it is handed out, so a wrong edit is an error, never a file.

mod diff;
pub mod info;
mod mend;
mod outline;

pub use diff::unified_diff;
pub use mend::mend;

use crate::read::entitlements::{Fault, FaultKind, Value, read_file};
use outline::{Entry, EntryValue, Outline, outline};
use std::ops::Range;
use thiserror::Error;

/// Why a text cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// A fatal fault of the text (`--` in a comment, not a dictionary, binary …), with its place.
    #[error("line {}, column {}: {:?}", .0.line, .0.column, .0.kind)]
    Fault(Fault),
    /// The key is there with a value that is not a boolean.
    #[error("{0} is there and not a boolean")]
    NotBoolean(String),
    /// The key is there with a value that is not a string.
    #[error("{0} is there and not a string")]
    NotString(String),
    /// Not a property list that can be read and written back.
    #[error("{0}")]
    Unreadable(String),
}

/// What to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    /// Keys to set to `<true/>`.
    pub add: Vec<String>,
    /// Keys to take out with their values. A key that is also in `add` stays.
    pub remove: Vec<String>,
}

/// An edited text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// Unified diff, empty when nothing changed.
    pub diff: String,
    /// Warnings (comments, CRLF).
    pub warnings: Vec<Fault>,
}

/// A piece of the text and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Replacement {
    range: Range<usize>,
    with: String,
}

/// Edits an existing text. An error when macOS would not read the text either, or when a key to add has another type.
pub fn edit(text: &str, edits: &Edits) -> Result<Edited, EditError> {
    let faults = read_file(text.as_bytes()).xml_faults;
    if let Some(fault) = faults.iter().find(|fault| fault.kind.is_fatal() && !concerns(fault, edits)) {
        return Err(EditError::Fault(fault.clone()));
    }
    let before = outline(text).map_err(EditError::Fault)?;
    // New entries first, while there is still one whose indentation can be taken.
    let mut changed = replace(text, additions(text, &before, edits)?);
    for key in before.entries.iter().rev().map(|entry| &entry.key).filter(|key| edits.remove.contains(key) && !edits.add.contains(key)) {
        changed = without(&changed, key)?;
    }
    confirm(&before, &changed, edits)?;
    let warnings = faults.into_iter().filter(|fault| !fault.kind.is_fatal()).collect();
    Ok(Edited { diff: unified_diff(text, &changed, "entitlements"), text: changed, warnings })
}

/// Keys of the root dictionary, in order; empty when the text cannot be read.
pub fn keys(text: &str) -> Vec<String> {
    outline(text).map(|outline| outline.entries.into_iter().map(|entry| entry.key).collect()).unwrap_or_default()
}

/// A fault of a value that this edit takes out or answers with [`EditError::NotBoolean`]: it must not stand in the way of mending it.
fn concerns(fault: &Fault, edits: &Edits) -> bool {
    fault.kind == FaultKind::WrongType && edits.add.iter().chain(&edits.remove).any(|key| fault.detail.contains(key.as_str()))
}

/// The text without one entry.
fn without(text: &str, key: &str) -> Result<String, EditError> {
    let outline = outline(text).map_err(EditError::Fault)?;
    let range = outline.entries.iter().find(|entry| entry.key == key).map(|entry| removal_range(text, &outline, entry));
    Ok(replace(text, range.map(|range| Replacement { range, with: String::new() }).into_iter().collect()))
}

fn additions(text: &str, outline: &Outline, edits: &Edits) -> Result<Vec<Replacement>, EditError> {
    let mut all = Vec::new();
    let mut new = Vec::new();
    for key in &edits.add {
        match outline.entries.iter().find(|entry| entry.key == *key) {
            None if new.contains(&key) => {}
            None => new.push(key),
            Some(Entry { value: EntryValue::True, .. }) => {}
            Some(entry @ Entry { value: EntryValue::False, .. }) => {
                all.push(Replacement { range: entry.value_range.clone(), with: "<true/>".into() });
            }
            Some(_) => return Err(EditError::NotBoolean(key.clone())),
        }
    }
    if !new.is_empty() {
        let new: Vec<(&str, &str)> = new.into_iter().map(|key| (key.as_str(), "<true/>")).collect();
        all.push(insertion(text, outline, &new));
    }
    Ok(all)
}

/// Applies the replacements from the end, so that earlier offsets stay true.
fn replace(text: &str, mut all: Vec<Replacement>) -> String {
    all.sort_by_key(|replacement| replacement.range.start);
    let mut result = text.to_owned();
    for replacement in all.iter().rev() {
        result.replace_range(replacement.range.clone(), &replacement.with);
    }
    result
}

/// Reads the result again: every entry that was not to change has its old text, every added key is true, every removed one is gone.
fn confirm(before: &Outline, changed: &str, edits: &Edits) -> Result<(), EditError> {
    let after = outline(changed).map_err(EditError::Fault)?;
    let touched = |key: &String| edits.add.contains(key) || edits.remove.contains(key);
    let kept = |outline: &Outline| -> Vec<(String, String)> {
        outline.entries.iter().filter(|entry| !touched(&entry.key)).map(|entry| (entry.key.clone(), entry.source.clone())).collect()
    };
    let added = edits.add.iter().all(|key| after.entries.iter().any(|entry| entry.key == *key && entry.value == EntryValue::True));
    let removed = edits.remove.iter().all(|key| edits.add.contains(key) || after.entries.iter().all(|entry| entry.key != *key));
    if kept(before) == kept(&after) && added && removed {
        return Ok(());
    }
    Err(EditError::Fault(Fault { kind: FaultKind::Syntax, line: 0, column: 0, detail: "the text cannot be edited safely".into() }))
}

/// The entry with its lines when it has them for itself.
fn removal_range(text: &str, outline: &Outline, entry: &Entry) -> Range<usize> {
    let (start, end) = (entry.key_range.start, entry.value_range.end);
    let Some(indent) = indent_before(text, start) else { return start..end };
    let line_start = start - indent.len();
    let rest = &text[end..];
    let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let after = &rest[blank..];
    if let Some(line_end) = ["\r\n", "\n", "\r"].into_iter().find(|line_end| after.starts_with(line_end)) {
        return line_start..end + blank + line_end.len();
    }
    if end == outline.close_range.start {
        // `<true/></dict>`: the line break before the entry goes with it.
        let head = &text[..line_start];
        let head = ["\r\n", "\n", "\r"].into_iter().find_map(|line_end| head.strip_suffix(line_end)).unwrap_or(head);
        return head.len()..end;
    }
    start..end
}

/// The blanks between the line's start and `at`; `None` when something else stands there.
fn indent_before(text: &str, at: usize) -> Option<&str> {
    let line_start = text[..at].rfind(['\n', '\r']).map_or(0, |position| position + 1);
    let indent = &text[line_start..at];
    indent.chars().all(|character| character == ' ' || character == '\t').then_some(indent)
}

/// The new entries (key, value element), in the file's own indentation and line ends.
fn insertion(text: &str, outline: &Outline, new: &[(&str, &str)]) -> Replacement {
    let line_end = line_end_of(text);
    let close = outline.close_range.start;
    let open_indent = indent_before(text, outline.open_range.start);
    let last = outline.entries.last();
    let indent = match last {
        Some(entry) => indent_before(text, entry.key_range.start).map(str::to_owned),
        None => Some(format!("{}\t", open_indent.unwrap_or_default())),
    };
    let entry = |(key, value): &(&str, &str), between: &str| format!("<key>{}</key>{between}{value}", escape(key));
    let Some(indent) = indent else {
        // Everything on one line, as `codesign --xml` prints it.
        let at = last.map_or(close, |entry| entry.value_range.end);
        return Replacement { range: at..at, with: new.iter().map(|pair| entry(pair, "")).collect() };
    };
    // A file that writes key and value on one line goes on doing so.
    let same_line = last.is_some_and(|entry| !text[entry.key_range.end..entry.value_range.start].contains(['\n', '\r']));
    let between = if same_line { String::new() } else { format!("{line_end}{indent}") };
    let lines = |pair: &(&str, &str)| format!("{indent}{}{line_end}", entry(pair, &between));
    if outline.self_closing {
        let body: String = new.iter().map(lines).collect();
        let with = format!("<dict>{line_end}{body}{}</dict>", open_indent.unwrap_or_default());
        return Replacement { range: outline.open_range.clone(), with };
    }
    match indent_before(text, close) {
        Some(close_indent) if text[outline.open_range.end..close].contains(['\n', '\r']) => {
            let line_start = close - close_indent.len();
            Replacement { range: line_start..line_start, with: new.iter().map(lines).collect() }
        }
        _ if last.is_none() => {
            let body: String = new.iter().map(lines).collect();
            Replacement { range: close..close, with: format!("{line_end}{body}{}", open_indent.unwrap_or_default()) }
        }
        _ => Replacement {
            range: close..close,
            with: new.iter().map(|pair| format!("{line_end}{indent}{}", entry(pair, &between))).collect(),
        },
    }
}

/// The line end that the text uses first; LF when it has none.
fn line_end_of(text: &str) -> &'static str {
    match text.find(['\n', '\r']) {
        Some(position) if text[position..].starts_with("\r\n") => "\r\n",
        Some(position) if text[position..].starts_with('\r') => "\r",
        _ => "\n",
    }
}

/// A text as XML content. What XML 1.0 cannot hold becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' | '\n' => escaped.push(character),
            character if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
    }
    escaped
}

/// How deep values are written; readers stop well before.
const MAX_DEPTH: usize = 64;

/// A new file from key/value pairs (as embedded in a signature), without comments, LF, tab-indented as Xcode writes it.
///
/// [`Value::Other`] (a real, a date, data) is written as a string, since its type is not known any more: [`is_exact`] tells when that happens.
pub fn create(entries: &[(String, Value)]) -> String {
    let mut text = String::from(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n",
        "<plist version=\"1.0\">\n"
    ));
    write_dict(&mut text, entries, 0);
    text.push_str("</plist>\n");
    text
}

/// True when [`create`] keeps every type.
pub fn is_exact(entries: &[(String, Value)]) -> bool {
    fn exact(value: &Value, depth: usize) -> bool {
        match value {
            _ if depth > MAX_DEPTH => false,
            Value::Other(_) => false,
            Value::Array(values) => values.iter().all(|value| exact(value, depth + 1)),
            Value::Dict(entries) => entries.iter().all(|(_, value)| exact(value, depth + 1)),
            Value::Bool(_) | Value::Integer(_) | Value::String(_) => true,
        }
    }
    entries.iter().all(|(_, value)| exact(value, 0))
}

fn write_dict(text: &mut String, entries: &[(String, Value)], depth: usize) {
    let indent = "\t".repeat(depth);
    if entries.is_empty() || depth > MAX_DEPTH {
        text.push_str(&format!("{indent}<dict/>\n"));
        return;
    }
    text.push_str(&format!("{indent}<dict>\n"));
    for (key, value) in entries {
        text.push_str(&format!("{indent}\t<key>{}</key>\n", escape(key)));
        write_value(text, value, depth + 1);
    }
    text.push_str(&format!("{indent}</dict>\n"));
}

fn write_value(text: &mut String, value: &Value, depth: usize) {
    let indent = "\t".repeat(depth);
    match value {
        Value::Bool(true) => text.push_str(&format!("{indent}<true/>\n")),
        Value::Bool(false) => text.push_str(&format!("{indent}<false/>\n")),
        Value::Integer(number) => text.push_str(&format!("{indent}<integer>{number}</integer>\n")),
        Value::String(string) | Value::Other(string) => text.push_str(&format!("{indent}<string>{}</string>\n", escape(string))),
        Value::Array(values) if values.is_empty() || depth > MAX_DEPTH => text.push_str(&format!("{indent}<array/>\n")),
        Value::Array(values) => {
            text.push_str(&format!("{indent}<array>\n"));
            values.iter().for_each(|value| write_value(text, value, depth + 1));
            text.push_str(&format!("{indent}</array>\n"));
        }
        Value::Dict(entries) => write_dict(text, entries, depth),
    }
}

#[cfg(test)]
mod tests;
