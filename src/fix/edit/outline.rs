//! Where the entries of a property list's root dictionary stand in its text. Knows tags, comments and nesting, nothing about macOS.

use crate::read::entitlements::{Fault, FaultKind};
use std::ops::Range;

/// What an editor needs to know of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryValue {
    /// `<true/>`
    True,
    /// `<false/>`
    False,
    /// Anything else.
    Other,
}

/// One entry of the root dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key, with its references resolved.
    pub key: String,
    /// `<key>…</key>`
    pub key_range: Range<usize>,
    /// The value element.
    pub value_range: Range<usize>,
    /// What the value is.
    pub value: EntryValue,
    /// The value's text, to compare.
    pub source: String,
}

/// The root dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// `<dict>` or `<dict/>`.
    pub open_range: Range<usize>,
    /// `</dict>`; equal to `open_range` when it is `<dict/>`.
    pub close_range: Range<usize>,
    /// It is `<dict/>`.
    pub self_closing: bool,
    /// Entries in order.
    pub entries: Vec<Entry>,
}

/// Deepest nesting that is followed.
const MAX_DEPTH: usize = 64;
/// Most tags that are read; a real file has a few dozen.
const MAX_TAGS: usize = 200_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag<'a> {
    Open(&'a str),
    Close(&'a str),
    Empty(&'a str),
    Text(&'a str),
}

/// Reads the outline; a fault when the text is not a well-formed XML property list with a dictionary as its root.
pub fn outline(text: &str) -> Result<Outline, Fault> {
    if text.starts_with('\u{feff}') {
        return Err(fault(text, 0, FaultKind::ByteOrderMark, ""));
    }
    if text.starts_with("bplist") {
        return Err(Fault { kind: FaultKind::BinaryPlist, line: 0, column: 0, detail: String::new() });
    }
    if !text.trim_start().starts_with('<') {
        return Err(fault(text, 0, FaultKind::OldStyle, ""));
    }
    let mut reader = Reader { text, at: 0, tags: 0 };
    let (mut tag, mut range) = reader.solid()?;
    let in_plist = tag == Tag::Open("plist");
    if in_plist {
        (tag, range) = reader.solid()?;
    }
    let outline = match tag {
        Tag::Empty("dict") => Outline { open_range: range.clone(), close_range: range, self_closing: true, entries: Vec::new() },
        Tag::Open("dict") => reader.dictionary(range)?,
        _ => return Err(fault(text, range.start, FaultKind::NotADictionary, &text[range])),
    };
    if in_plist {
        let (tag, range) = reader.solid()?;
        if tag != Tag::Close("plist") {
            return Err(fault(text, range.start, FaultKind::Syntax, &text[range]));
        }
    }
    match reader.next()? {
        Some((Tag::Text(blank), _)) if blank.trim().is_empty() && reader.next()?.is_none() => {}
        None => {}
        Some((_, range)) => return Err(fault(text, range.start, FaultKind::Syntax, "text after the end")),
    }
    Ok(outline)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    tags: usize,
}

impl<'a> Reader<'a> {
    fn syntax(&self, at: usize, detail: &str) -> Fault {
        fault(self.text, at, FaultKind::Syntax, detail)
    }

    /// The next tag or text; comments, instructions and the document type are passed over. `None` at the end.
    fn next(&mut self) -> Result<Option<(Tag<'a>, Range<usize>)>, Fault> {
        loop {
            self.tags += 1;
            if self.tags > MAX_TAGS {
                return Err(self.syntax(self.at, "too many tags"));
            }
            let start = self.at;
            let rest = &self.text[start..];
            if rest.is_empty() {
                return Ok(None);
            }
            if rest.starts_with("<!--") {
                self.comment(start)?;
            } else if rest.starts_with("<?") {
                self.at = self.after(start, "?>")?;
            } else if rest.starts_with("<!DOCTYPE") {
                self.at = self.after(start, ">")?;
                if self.text[start..self.at].contains('[') {
                    // An internal subset can declare entities, which would make the text mean something else.
                    return Err(self.syntax(start, "a document type with declarations"));
                }
            } else if rest.starts_with("<!") {
                return Err(self.syntax(start, "a marked section"));
            } else if rest.starts_with('<') {
                return self.tag(start).map(Some);
            } else {
                self.at = rest.find('<').map_or(self.text.len(), |length| start + length);
                return Ok(Some((Tag::Text(&self.text[start..self.at]), start..self.at)));
            }
        }
    }

    /// Position after `end`, looked for from `start`.
    fn after(&self, start: usize, end: &str) -> Result<usize, Fault> {
        match self.text[start..].find(end) {
            Some(length) => Ok(start + length + end.len()),
            None => Err(self.syntax(start, "not closed")),
        }
    }

    fn comment(&mut self, start: usize) -> Result<(), Fault> {
        let body = start + "<!--".len();
        // AMFI's parser ends at the first `--`, so anything but `-->` there is fatal.
        match self.text[body..].find("--") {
            Some(length) if self.text[body + length..].starts_with("-->") => self.at = body + length + "-->".len(),
            Some(length) => return Err(fault(self.text, body + length, FaultKind::DoubleHyphenComment, "")),
            None => return Err(self.syntax(start, "a comment that is not closed")),
        }
        Ok(())
    }

    fn tag(&mut self, start: usize) -> Result<(Tag<'a>, Range<usize>), Fault> {
        self.at = self.after(start, ">")?;
        let inner = &self.text[start + 1..self.at - 1];
        let (inner, close) = inner.strip_prefix('/').map_or((inner, false), |inner| (inner, true));
        let (inner, empty) = inner.strip_suffix('/').map_or((inner, false), |inner| (inner, true));
        let name = inner.split(|character: char| character.is_ascii_whitespace()).next().unwrap_or_default();
        if name.is_empty() || inner.contains('<') || (close && empty) {
            return Err(self.syntax(start, &self.text[start..self.at]));
        }
        let tag = match (close, empty) {
            (true, _) => Tag::Close(name),
            (_, true) => Tag::Empty(name),
            _ => Tag::Open(name),
        };
        Ok((tag, start..self.at))
    }

    /// The next tag; blank text before it is passed over, other text is an error.
    fn solid(&mut self) -> Result<(Tag<'a>, Range<usize>), Fault> {
        loop {
            match self.next()? {
                Some((Tag::Text(blank), _)) if blank.trim().is_empty() => {}
                Some((Tag::Text(text), range)) => return Err(self.syntax(range.start, text.trim())),
                Some(found) => return Ok(found),
                None => return Err(self.syntax(self.text.len(), "the text ends too early")),
            }
        }
    }

    /// The entries after `<dict>`, to its `</dict>`.
    fn dictionary(&mut self, open_range: Range<usize>) -> Result<Outline, Fault> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (tag, range) = self.solid()?;
            match tag {
                Tag::Close("dict") => return Ok(Outline { open_range, close_range: range, self_closing: false, entries }),
                Tag::Open("key") => {
                    let entry = self.entry(range.start)?;
                    if entries.iter().any(|other| other.key == entry.key) {
                        return Err(fault(self.text, range.start, FaultKind::DuplicateKey, &entry.key));
                    }
                    entries.push(entry);
                }
                _ => return Err(self.syntax(range.start, &self.text[range])),
            }
        }
    }

    /// The rest of an entry whose `<key>` has been read.
    fn entry(&mut self, key_start: usize) -> Result<Entry, Fault> {
        let mut key = String::new();
        loop {
            match self.next()? {
                Some((Tag::Text(text), range)) => key.push_str(&resolve(text).ok_or_else(|| self.syntax(range.start, text))?),
                Some((Tag::Close("key"), _)) => break,
                _ => return Err(self.syntax(key_start, "a key that is not closed")),
            }
        }
        let key_range = key_start..self.at;
        let (tag, range) = self.solid()?;
        let value_range = match tag {
            Tag::Empty(_) => range,
            // The strict reader takes `<true/>` only.
            Tag::Open("true" | "false") => return Err(self.syntax(range.start, &self.text[range])),
            Tag::Open(name) if name != "key" => self.element(name, range.start)?,
            _ => return Err(self.syntax(range.start, "a key without a value")),
        };
        let source = self.text[value_range.clone()].to_owned();
        let value = match tag {
            Tag::Empty("true") => EntryValue::True,
            Tag::Empty("false") => EntryValue::False,
            _ => EntryValue::Other,
        };
        Ok(Entry { key, key_range, value_range, value, source })
    }

    /// Reads to the end of the element `name` that was opened at `start`.
    fn element(&mut self, name: &'a str, start: usize) -> Result<Range<usize>, Fault> {
        let mut open = vec![name];
        while let Some(innermost) = open.last().copied() {
            match self.next()? {
                Some((Tag::Open(name), range)) => {
                    if open.len() >= MAX_DEPTH {
                        return Err(self.syntax(range.start, "nested too deep"));
                    }
                    open.push(name);
                }
                Some((Tag::Close(name), _)) if name == innermost => {
                    open.pop();
                }
                Some((Tag::Close(_), range)) => return Err(self.syntax(range.start, &self.text[range])),
                Some(_) => {}
                None => return Err(self.syntax(start, "not closed")),
            }
        }
        Ok(start..self.at)
    }
}

/// Resolves the five named references and numeric ones; `None` for any other.
fn resolve(text: &str) -> Option<String> {
    let mut pieces = text.split('&');
    let mut resolved = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once(';')?;
        let character = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            number => {
                let number = number.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)?
            }
        };
        resolved.push(character);
        resolved.push_str(rest);
    }
    Some(resolved)
}

/// A fault at a byte offset, with line and column from 1. The detail is cut to 80 characters.
fn fault(text: &str, at: usize, kind: FaultKind, detail: &str) -> Fault {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |position| position + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Fault { kind, line: count(line), column: count(column), detail: detail.chars().take(80).collect() }
}
