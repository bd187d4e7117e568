//! Where to write in a YAML text: block mappings, and lists of one mapping. Everything else (flow style, anchors, several documents) is refused.

use super::line_end;
use serde_json::Value;

/// A line: where its content begins, and where it stands in the text.
#[derive(Debug, Clone)]
struct Line<'a> {
    /// Columns before the content; for an item of a list, before what follows the dash.
    column: usize,
    /// Columns before the dash of an item.
    dash: Option<usize>,
    /// Content without blanks around it; empty for blank and comment lines.
    content: &'a str,
    /// First byte, and the byte after its line end.
    start: usize,
    end: usize,
}

pub(super) fn set(text: &str, at: &[String], value: &Value) -> Option<String> {
    let lines = lines(text)?;
    let mut range = 0..lines.len();
    let mut column = 0;
    for (depth, key) in at.iter().enumerate() {
        let rest = at.get(depth + 1..)?;
        if key == "0" {
            // The only item of a list: its first line carries the dash.
            let first = content(&lines, range.clone())?;
            let dash = lines.get(first)?.dash?;
            let items = range.clone().filter(|line| lines.get(*line).is_some_and(|line| line.dash == Some(dash)));
            if items.count() != 1 {
                return None;
            }
            column = lines.get(first)?.column;
            range = first..range.end;
            continue;
        }
        let Some(found) =
            range.clone().find(|line| lines.get(*line).is_some_and(|line| line.column == column && is_key(line.content, key)))
        else {
            return insert(text, &lines, range, column, at.get(depth..)?, value);
        };
        let line = lines.get(found)?;
        let block = block(&lines, found, range.end, column);
        let present = value_of(line.content)?;
        if rest.is_empty() {
            return replace(text, &lines, found, block, present, value);
        }
        if !present.is_empty() {
            return None;
        }
        match content(&lines, block.clone()) {
            Some(first) => {
                let first = lines.get(first)?;
                column = first.dash.unwrap_or(first.column);
                range = block;
            }
            // A key without a value: what it gets stands below it.
            None => return put(text, line.end, column + 2, rest, value),
        }
    }
    None
}

fn lines(text: &str) -> Option<Vec<Line<'_>>> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut begun = false;
    for whole in text.split_inclusive('\n') {
        let end = start + whole.len();
        let body = whole.trim_end_matches(['\n', '\r']);
        let mut content = body.trim();
        let mut column = body.len() - body.trim_start_matches(' ').len();
        if body.get(column..).is_some_and(|rest| rest.starts_with('\t')) && !content.is_empty() {
            return None;
        }
        let mut dash = None;
        if content.starts_with('#') {
            content = "";
        } else if column == 0 && (content == "..." || content.starts_with("--- ") || content == "---" && begun || content.starts_with('%'))
        {
            return None;
        } else if content == "---" {
            content = "";
        } else if let Some(item) = content.strip_prefix('-').filter(|item| item.is_empty() || item.starts_with(' ')) {
            dash = Some(column);
            let inner = item.trim_start();
            column += content.len() - inner.len();
            content = inner;
        }
        begun |= !content.is_empty() || dash.is_some();
        lines.push(Line { column, dash, content, start, end });
        start = end;
    }
    Some(lines)
}

/// The first line with content.
fn content(lines: &[Line<'_>], range: std::ops::Range<usize>) -> Option<usize> {
    range.into_iter().find(|line| lines.get(*line).is_some_and(|line| !line.content.is_empty() || line.dash.is_some()))
}

fn is_key(content: &str, key: &str) -> bool {
    [key.to_owned(), format!("\"{key}\""), format!("'{key}'")].iter().any(|written| {
        content
            .strip_prefix(written.as_str())
            .and_then(|rest| rest.trim_start().strip_prefix(':'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    })
}

/// What stands behind the colon, without a comment.
fn value_of(content: &str) -> Option<&str> {
    let quote = content.chars().next().filter(|c| matches!(c, '"' | '\''));
    let after_key = match quote {
        Some(quote) => content.get(1..)?.split_once(quote)?.1,
        None => content,
    };
    let value = after_key.split_once(':')?.1.trim();
    if value.starts_with('#') {
        return Some("");
    }
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    match quote {
        // A quoted value ends with its quote.
        Some(quote) => {
            let inner = value.get(1..)?;
            let length = inner.find(quote)? + 2;
            let rest = value.get(length..)?.trim_start();
            (rest.is_empty() || rest.starts_with('#')).then_some(())?;
            value.get(..length)
        }
        None => Some(value.find(" #").map_or(value, |at| value[..at].trim_end())),
    }
}

/// The lines below a key that belong to it.
fn block(lines: &[Line<'_>], key: usize, end: usize, column: usize) -> std::ops::Range<usize> {
    let first = key + 1;
    let belongs = |line: &Line<'_>| match line.dash {
        // An item may stand in the column of the key it belongs to.
        Some(dash) => dash >= column,
        None => line.content.is_empty() || line.column > column,
    };
    let last = (first..end).find(|index| lines.get(*index).is_some_and(|line| !belongs(line))).unwrap_or(end);
    first..last
}

fn replace(text: &str, lines: &[Line<'_>], key: usize, block: std::ops::Range<usize>, present: &str, value: &Value) -> Option<String> {
    let line = lines.get(key)?;
    if content(lines, block).is_some() || present.starts_with(['|', '>', '&', '*', '!', '{']) {
        return None;
    }
    let whole = text.get(line.start..line.end)?;
    let written = literal(value)?;
    let changed = match present {
        "" => {
            let at = whole.find(':')? + 1;
            format!("{} {written}{}", whole.get(..at)?, whole.get(at..)?)
        }
        present => {
            let colon = whole.find(':')?;
            let at = colon + whole.get(colon..)?.find(present)?;
            format!("{}{written}{}", whole.get(..at)?, whole.get(at + present.len()..)?)
        }
    };
    Some(format!("{}{changed}{}", text.get(..line.start)?, text.get(line.end..)?))
}

/// New keys at the end of a mapping, above the blank lines and comments that follow it.
fn insert(text: &str, lines: &[Line<'_>], range: std::ops::Range<usize>, column: usize, keys: &[String], value: &Value) -> Option<String> {
    let last = range.into_iter().rev().find(|line| lines.get(*line).is_some_and(|line| !line.content.is_empty()));
    let at = last.and_then(|line| lines.get(line)).map_or(text.len(), |line| line.end);
    put(text, at, column, keys, value)
}

fn put(text: &str, at: usize, column: usize, keys: &[String], value: &Value) -> Option<String> {
    let break_of = line_end(text);
    let (head, tail) = text.split_at_checked(at)?;
    let mut new = String::new();
    if !head.is_empty() && !head.ends_with('\n') {
        new.push_str(break_of);
    }
    let last = keys.len().checked_sub(1)?;
    for (depth, key) in keys.iter().enumerate() {
        new.push_str(&" ".repeat(column + 2 * depth));
        new.push_str(&scalar(key));
        new.push(':');
        if depth == last {
            new.push_str(&format!(" {}", literal(value)?));
        }
        new.push_str(break_of);
    }
    Some(format!("{head}{new}{tail}"))
}

fn literal(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(scalar(text)),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(scalar)).collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        _ => None,
    }
}

/// A string as YAML writes it: plain where nothing in it means anything else, quoted like JSON otherwise.
pub fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-');
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '.' | '/')) && text.chars().all(plain);
    let meant = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", ".inf", ".nan"];
    let is_safe = word && !meant.contains(&text.to_ascii_lowercase().as_str()) && text.parse::<f64>().is_err();
    if is_safe { text.to_owned() } else { Value::String(text.to_owned()).to_string() }
}
