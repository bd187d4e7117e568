//! The tokens of a plist in XML, with their places.

use super::FaultKind;

/// Where lines start, to turn an offset into line and column.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at.saturating_add(1))).collect();
        Self { text, starts }
    }

    /// (line, column in characters), both from 1.
    pub fn place(&self, offset: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|&start| start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.starts.get(index)).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count()).saturating_add(1);
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }
}

/// A fault at a byte offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At {
    pub kind: FaultKind,
    pub offset: usize,
    pub detail: String,
}

impl At {
    pub fn syntax(offset: usize, detail: impl Into<String>) -> Self {
        Self { kind: FaultKind::Syntax, offset, detail: detail.into() }
    }
}

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `<name …>`
    Open(&'a str),
    /// `<name …/>`
    Empty(&'a str),
    /// `</name>`
    Close(&'a str),
    /// Characters between tags, entities not yet replaced.
    Text(&'a str),
    /// The end.
    End,
}

/// Splits a text into tokens. Comments, the XML declaration and DOCTYPE are passed over; faults of comments are collected.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Faults of comments, in order; bounded by [`MAX_COMMENT_FAULTS`].
    pub faults: Vec<At>,
}

/// Comments that are named.
const MAX_COMMENT_FAULTS: usize = 100;

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, faults: Vec::new() }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next token and its offset.
    pub fn next(&mut self) -> Result<(Token<'a>, usize), At> {
        loop {
            let at = self.at;
            let rest = self.rest();
            let Some(markup) = rest.strip_prefix('<') else {
                let end = memchr::memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
                self.at = at.saturating_add(end);
                let text = rest.get(..end).unwrap_or_default();
                return Ok((if text.is_empty() { Token::End } else { Token::Text(text) }, at));
            };
            if markup.starts_with("!--") {
                self.comment(at)?;
            } else if markup.starts_with('?') {
                let end = rest.find("?>").ok_or_else(|| At::syntax(at, "<? without its end"))?;
                self.at = at.saturating_add(end).saturating_add(2);
            } else if markup.starts_with("!DOCTYPE") {
                self.at = at.saturating_add(doctype_length(rest).ok_or_else(|| At::syntax(at, "<!DOCTYPE without its end"))?);
            } else if markup.starts_with('!') {
                return Err(At::syntax(at, "<! that is neither a comment nor DOCTYPE"));
            } else {
                return self.tag(at).map(|token| (token, at));
            }
        }
    }

    /// AMFI's reader looks for `--` and takes it for the end: when no `>` follows, the whole text is refused (`OSUnserializeXML.y getTag`).
    /// The place of that fault is the `--` inside the comment.
    fn comment(&mut self, at: usize) -> Result<(), At> {
        let body_start = at.saturating_add(4);
        let body = self.text.get(body_start..).unwrap_or_default();
        let end = body.find("-->").ok_or_else(|| At::syntax(at, "comment without its end"))?;
        let inner = body.find("--").filter(|&inner| inner < end);
        if self.faults.len() < MAX_COMMENT_FAULTS {
            self.faults.push(match inner {
                Some(inner) => {
                    At { kind: FaultKind::DoubleHyphenComment, offset: body_start.saturating_add(inner), detail: excerpt(body.get(..end)) }
                }
                None => At { kind: FaultKind::Comment, offset: at, detail: excerpt(body.get(..end)) },
            });
        }
        self.at = body_start.saturating_add(end).saturating_add(3);
        Ok(())
    }

    fn tag(&mut self, at: usize) -> Result<Token<'a>, At> {
        let rest = self.rest();
        let end = tag_end(rest).ok_or_else(|| At::syntax(at, "tag without its end"))?;
        self.at = at.saturating_add(end).saturating_add(1);
        let inside = rest.get(1..end).unwrap_or_default();
        if !inside.is_ascii() {
            return Err(At::syntax(
                at,
                format!("a tag with characters that are not ASCII, such as typographic quotes: {}", excerpt(Some(inside))),
            ));
        }
        let name = |text: &'a str| text.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
        let token = if let Some(closing) = inside.strip_prefix('/') {
            Token::Close(closing.trim_end())
        } else if let Some(empty) = inside.strip_suffix('/') {
            Token::Empty(name(empty))
        } else {
            Token::Open(name(inside))
        };
        match token {
            Token::Open("") | Token::Empty("") | Token::Close("") => Err(At::syntax(at, "tag without a name")),
            token => Ok(token),
        }
    }
}

/// Offset of the `>` that ends a tag; one inside a quoted attribute does not, and a `<` outside means that it was forgotten.
fn tag_end(rest: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'<') => return None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// Length of a DOCTYPE with its internal subset.
fn doctype_length(rest: &str) -> Option<usize> {
    let mut is_inside = false;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'[' => is_inside = true,
            b']' => is_inside = false,
            b'>' if !is_inside => return at.checked_add(1),
            _ => {}
        }
    }
    None
}

/// The first characters of a text, for a fault's detail.
pub(super) fn excerpt(text: Option<&str>) -> String {
    text.unwrap_or_default().trim().chars().take(80).collect()
}

/// Replaces the five named entities and numeric ones; the offset in `text` of one that is not known.
pub(super) fn unescape(text: &str) -> Result<String, usize> {
    let mut plain = String::new();
    let mut at = 0_usize;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('&')) {
        let start = at.saturating_add(found);
        plain.push_str(text.get(at..start).unwrap_or_default());
        let name_start = start.saturating_add(1);
        let rest = text.get(name_start..).unwrap_or_default();
        let end = rest.bytes().take(12).position(|byte| byte == b';').ok_or(start)?;
        plain.push(entity(rest.get(..end).unwrap_or_default()).ok_or(start)?);
        at = name_start.saturating_add(end).saturating_add(1);
    }
    plain.push_str(text.get(at..).unwrap_or_default());
    Ok(plain)
}

fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            char::from_u32(number.ok()?).filter(|&c| c != '\0')
        }
    }
}
