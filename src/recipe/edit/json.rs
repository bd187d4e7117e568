//! Where to write in a JSON text. The text has been parsed before, so strings and brackets are known to be whole.

use super::line_end;
use serde_json::Value;
use std::ops::Range;

/// A member of an object: its key, where that begins, and where its value stands.
struct Member {
    key: String,
    start: usize,
    value: Range<usize>,
}

pub(super) fn set(text: &str, at: &[String], value: &Value) -> Option<String> {
    let mut object = skip_blanks(text, 0);
    for (depth, key) in at.iter().enumerate() {
        let (members, close) = members(text, object)?;
        let rest = at.get(depth + 1..)?;
        // Of two members with one name parsers take the last.
        match members.iter().rev().find(|member| member.key == *key) {
            Some(member) if rest.is_empty() => return Some(replaced(text, member.value.clone(), &literal(value))),
            Some(member) => object = member.value.start,
            None => return Some(inserted(text, object, &members, close, key, rest, value)),
        }
    }
    None
}

fn replaced(text: &str, range: Range<usize>, with: &str) -> String {
    let mut text = text.to_owned();
    text.replace_range(range, with);
    text
}

fn literal(value: &Value) -> String {
    value.to_string()
}

/// A new member at the end of an object, with the objects it lies in.
fn inserted(text: &str, open: usize, members: &[Member], close: usize, key: &str, rest: &[String], value: &Value) -> String {
    let break_of = line_end(text);
    let unit = unit(text);
    let outer = indent_of(text, open);
    let on_lines = match members.last() {
        Some(last) => own_indent(text, last.start),
        None if text.trim().contains('\n') || open == skip_blanks(text, 0) => Some(format!("{outer}{unit}")),
        None => None,
    };
    let mut keys = vec![key];
    keys.extend(rest.iter().map(String::as_str));
    let Some(indent) = on_lines else {
        let member = compact(&keys, value);
        return match members.last() {
            Some(last) => replaced(text, last.value.end..last.value.end, &format!(", {member}")),
            None => replaced(text, open + 1..close, &format!(" {member} ")),
        };
    };
    let member = pretty(&keys, value, &indent, &unit, break_of);
    match members.last() {
        Some(last) => replaced(text, last.value.end..last.value.end, &format!(",{break_of}{indent}{member}")),
        None => replaced(text, open + 1..close, &format!("{break_of}{indent}{member}{break_of}{outer}")),
    }
}

fn quoted(key: &str) -> String {
    Value::String(key.to_owned()).to_string()
}

fn compact(keys: &[&str], value: &Value) -> String {
    let Some((last, outer)) = keys.split_last() else { return literal(value) };
    let inner = format!("{}: {}", quoted(last), literal(value));
    outer.iter().rev().fold(inner, |inner, key| format!("{}: {{ {inner} }}", quoted(key)))
}

fn pretty(keys: &[&str], value: &Value, indent: &str, unit: &str, break_of: &str) -> String {
    let mut out = String::new();
    let last = keys.len().saturating_sub(1);
    for (depth, key) in keys.iter().enumerate() {
        out.push_str(&format!("{}: ", quoted(key)));
        if depth == last {
            out.push_str(&literal(value));
        } else {
            out.push_str(&format!("{{{break_of}{indent}{}", unit.repeat(depth + 1)));
        }
    }
    for depth in (0..last).rev() {
        out.push_str(&format!("{break_of}{indent}{}}}", unit.repeat(depth)));
    }
    out
}

/// The blanks that a line of its own begins with; `None` when something else stands before.
fn own_indent(text: &str, at: usize) -> Option<String> {
    let line = text.get(..at)?.rfind('\n').map(|end| end + 1)?;
    let indent = text.get(line..at)?;
    indent.chars().all(|c| c == ' ' || c == '\t').then(|| indent.to_owned())
}

/// The blanks that the line of `at` begins with.
fn indent_of(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    text.get(line..).unwrap_or_default().chars().take_while(|c| *c == ' ' || *c == '\t').collect()
}

/// One step of indentation: that of the first indented line.
fn unit(text: &str) -> String {
    let first = text.lines().find(|line| line.starts_with([' ', '\t']) && !line.trim().is_empty());
    let unit: String = first.unwrap_or("  ").chars().take_while(|c| *c == ' ' || *c == '\t').collect();
    if unit.is_empty() { "  ".into() } else { unit }
}

fn skip_blanks(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from + (rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len())
}

/// Members of the object that begins at `open`, and where it closes; `None` when no object begins there.
fn members(text: &str, open: usize) -> Option<(Vec<Member>, usize)> {
    text.get(open..)?.strip_prefix('{')?;
    let mut members = Vec::new();
    let mut at = skip_blanks(text, open + 1);
    while !text.get(at..)?.starts_with('}') {
        let start = at;
        let end = end_of_value(text, start)?;
        let key: String = serde_json::from_str(text.get(start..end)?).ok()?;
        at = skip_blanks(text, end);
        text.get(at..)?.strip_prefix(':')?;
        let value = skip_blanks(text, at + 1);
        let end = end_of_value(text, value)?;
        members.push(Member { key, start, value: value..end });
        at = skip_blanks(text, end);
        if text.get(at..)?.starts_with(',') {
            at = skip_blanks(text, at + 1);
        }
    }
    Some((members, at))
}

/// Where a value ends that begins at `from`.
fn end_of_value(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = from;
    let mut in_string = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if in_string => at += 1,
            b'"' => {
                in_string = !in_string;
                if !in_string && depth == 0 {
                    return Some(at + 1);
                }
            }
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                if depth == 0 {
                    return (at > from).then_some(at);
                }
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b',' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return (at > from).then_some(at),
            _ => {}
        }
        at += 1;
    }
    (at > from && depth == 0 && !in_string).then_some(at)
}
