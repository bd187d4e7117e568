//! Pasted text made plain again: terminal escapes, mail and forum quoting, CRLF, odd blanks, line numbers.
//!
//! Every line stays one line, so that line numbers of the cleaned text are those of the original.

use std::borrow::Cow;

/// Deepest mail quoting that is taken off.
const QUOTE_DEPTH: usize = 8;

/// The whole text cleaned, line by line.
pub(in crate::read) fn text(text: &str) -> String {
    let numbered = has_line_numbers(text);
    let mut out = String::with_capacity(text.len());
    for raw in text.split('\n') {
        let cleaned = line(raw);
        out.push_str(if numbered { without_number(&cleaned) } else { &cleaned });
        out.push('\n');
    }
    out
}

/// The text without terminal escapes: a colour may begin in the middle of a word. Borrowed when there is none.
pub(in crate::read) fn without_escapes(text: &str) -> Cow<'_, str> {
    if memchr::memchr(0x1b, text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.strip_suffix('\n') {
            Some(line) if line.contains('\u{1b}') => {
                out.push_str(&plain(line));
                out.push('\n');
            }
            None if line.contains('\u{1b}') => out.push_str(&plain(line)),
            _ => out.push_str(line),
        }
    }
    Cow::Owned(out)
}

/// One line cleaned. Borrowed when there was nothing to do but cut at an end.
pub(in crate::read) fn line(line: &str) -> Cow<'_, str> {
    let line = line.trim_end_matches(['\r', '\n']);
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    if line.is_ascii() && !line.contains(['\u{1b}', '\r']) && !line.contains("m") {
        return Cow::Borrowed(without_quotes(line));
    }
    if !line.contains(['\u{1b}', '\r', '\u{a0}', '\u{202f}', '\u{200b}', '\u{feff}', '‘', '“', '”']) && lost_escape(line).is_none() {
        return Cow::Borrowed(without_quotes(line));
    }
    Cow::Owned(without_quotes(&plain(line)).to_owned())
}

/// Escapes, odd blanks and paired smart quotes replaced. A lone `’` is kept: it is often part of a folder's name.
fn plain(line: &str) -> String {
    let paired = line.contains('‘');
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if c == '\u{1b}' {
            rest = after_escape(rest);
            continue;
        }
        if c == '['
            && let Some(after) = rest.strip_prefix('[').and_then(colour_tail)
        {
            rest = after;
            continue;
        }
        match c {
            '\u{a0}' | '\u{202f}' => out.push(' '),
            '\r' | '\u{200b}' | '\u{feff}' => {}
            '‘' => out.push('\''),
            '’' if paired => out.push('\''),
            '“' | '”' => out.push('"'),
            c => out.push(c),
        }
        rest = rest.get(c.len_utf8()..).unwrap_or("");
    }
    out
}

/// What follows a terminal escape sequence (CSI, OSC or a short one) at the start of `text`.
fn after_escape(text: &str) -> &str {
    let body = text.strip_prefix('\u{1b}').unwrap_or(text);
    let mut chars = body.char_indices();
    match chars.next() {
        Some((_, '[')) => match chars.find(|(_, c)| ('@'..='~').contains(c)) {
            Some((at, c)) => body.get(at.saturating_add(c.len_utf8())..).unwrap_or(""),
            None => "",
        },
        Some((_, ']')) => match chars.find(|(_, c)| matches!(c, '\u{7}' | '\\')) {
            Some((at, c)) => body.get(at.saturating_add(c.len_utf8())..).unwrap_or(""),
            None => "",
        },
        Some((_, c)) => body.get(c.len_utf8()..).unwrap_or(""),
        None => "",
    }
}

/// A colour sequence whose escape character was lost in a paste: `[31m`.
fn lost_escape(line: &str) -> Option<&str> {
    line.split('[').skip(1).find_map(colour_tail)
}

/// The text after `31m` or `1;32m`, when that is what stands first.
fn colour_tail(text: &str) -> Option<&str> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != ';').filter(|&at| (1..=8).contains(&at))?;
    text.get(digits..)?.strip_prefix('m')
}

/// Mail (`> `) and forum (`| `) quoting taken off; indentation of the quoted line kept.
fn without_quotes(line: &str) -> &str {
    let mut line = line;
    for _ in 0..QUOTE_DEPTH {
        let start = line.trim_start();
        let inner = match start.strip_prefix('>') {
            Some(inner) => inner,
            None if start == "|" => "",
            None => match start.strip_prefix("| ") {
                Some(inner) => inner,
                None => return line,
            },
        };
        line = inner.strip_prefix(' ').unwrap_or(inner);
    }
    line
}

/// True when every one of the first lines begins with the next number, as `cat -n`, `grep -n` and editors print them.
fn has_line_numbers(text: &str) -> bool {
    let mut expected = None;
    let mut seen = 0_usize;
    for raw in text.trim_end().split('\n').take(40) {
        let cleaned = line(raw);
        let Some((number, _)) = number_and_rest(&cleaned) else { return false };
        if expected.is_some_and(|expected| expected != number) {
            return false;
        }
        expected = number.checked_add(1);
        seen = seen.saturating_add(1);
    }
    seen >= 3
}

/// A line number and what follows it. Blanks alone do not separate: stack frames begin with a number and blanks.
fn number_and_rest(line: &str) -> Option<(u64, &str)> {
    let start = line.trim_start();
    let end = start.find(|c: char| !c.is_ascii_digit()).unwrap_or(start.len());
    let number = start.get(..end)?.parse().ok()?;
    let rest = start.get(end..)?;
    if rest.is_empty() {
        return Some((number, ""));
    }
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let rest = rest.strip_prefix([':', '|', '\t', '→', ')'])?;
    Some((number, rest.strip_prefix(' ').unwrap_or(rest)))
}

fn without_number(line: &str) -> &str {
    number_and_rest(line).map_or(line, |(_, rest)| rest)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_line_is_made_plain() {
        let table = [
            ("\u{1b}[31mError\u{1b}[0m: x\r", "Error: x"),
            ("> > Process:\u{a0}  App [1]", "Process:   App [1]"),
            ("| Process: App", "Process: App"),
            ("\u{feff}{\"a\":1}", "{\"a\":1}"),
            ("[2m==>[0m running", "==> running"),
            ("Library ‘/a/b’ missing", "Library '/a/b' missing"),
            ("/Users/eve/Eve’s Folder/x", "/Users/eve/Eve’s Folder/x"),
            ("--->  VM_ALLOCATE [   68K]", "--->  VM_ALLOCATE [   68K]"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}[", ""),
        ];
        for (given, want) in table {
            assert_eq!(line(given), want, "{given:?}");
        }
    }

    #[test]
    fn line_numbers_are_taken_off_and_stack_frames_are_not() {
        assert_eq!(text("1: a\n2: b\n3: c"), "a\nb\nc\n");
        let frames = "1   App  0x1 f\n2   App  0x2 g\n3   App  0x3 h\n";
        assert_eq!(text(frames), format!("{frames}\n"));
    }
}
