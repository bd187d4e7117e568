//! Entitlements in XML, read strictly: every fault with its line and column.

use super::lexer::{At, Lexer, Lines, Token, excerpt, unescape};
use super::{Fault, FaultKind, Value};

/// Deepest nesting.
const MAX_DEPTH: usize = 64;
/// Most elements.
const MAX_ELEMENTS: usize = 100_000;
/// Faults that are kept, beside those of comments.
const MAX_FAULTS: usize = 200;

/// Keys whose value must be a boolean: the hardened runtime's exceptions and resources (Apple, "Hardened Runtime"), the boolean keys of
/// enhanced security, and the sandbox switches.
const BOOLEAN_KEYS: [&str; 30] = [
    "com.apple.security.cs.allow-jit",
    "com.apple.security.cs.allow-unsigned-executable-memory",
    "com.apple.security.cs.disable-executable-page-protection",
    "com.apple.security.cs.disable-library-validation",
    "com.apple.security.cs.allow-dyld-environment-variables",
    "com.apple.security.cs.debugger",
    "com.apple.security.get-task-allow",
    "com.apple.security.cs.jit-write-allowlist",
    "com.apple.security.cs.jit-write-allowlist-freeze-late",
    "com.apple.security.cs.single-jit",
    "com.apple.security.hardened-process",
    "com.apple.security.hardened-process.hardened-heap",
    "com.apple.security.hardened-process.dyld-ro",
    "com.apple.security.hardened-process.checked-allocations",
    "com.apple.security.hardened-process.checked-allocations.soft-mode",
    "com.apple.security.hardened-process.checked-allocations.enable-pure-data",
    "com.apple.security.hardened-process.checked-allocations.no-tagged-receive",
    "com.apple.security.device.audio-input",
    "com.apple.security.device.camera",
    "com.apple.security.device.microphone",
    "com.apple.security.personal-information.addressbook",
    "com.apple.security.personal-information.calendars",
    "com.apple.security.personal-information.location",
    "com.apple.security.personal-information.photos-library",
    "com.apple.security.automation.apple-events",
    "com.apple.security.app-sandbox",
    "com.apple.security.inherit",
    "com.apple.security.network.client",
    "com.apple.security.network.server",
    "com.apple.security.print",
];

/// Reads a text (without byte order mark): the entries of its root dictionary as far as they could be read, and the faults in order of place.
pub(super) fn read(text: &str) -> (Vec<(String, Value)>, Vec<Fault>) {
    let mut parser = Parser { lexer: Lexer::new(text), faults: Vec::new(), elements: 0, entries: Vec::new() };
    if let Err(fault) = parser.document() {
        parser.faults.push(fault);
    }
    let Parser { lexer, mut faults, entries, .. } = parser;
    faults.extend(lexer.faults);
    if let Some(offset) = memchr::memchr(b'\r', text.as_bytes()) {
        faults.push(At { kind: FaultKind::CarriageReturn, offset, detail: String::new() });
    }
    faults.sort_by_key(|fault| fault.offset);
    let lines = Lines::new(text);
    let placed = faults.into_iter().map(|At { kind, offset, detail }| {
        let (line, column) = lines.place(offset);
        Fault { kind, line, column, detail }
    });
    (entries, placed.collect())
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    faults: Vec<At>,
    elements: usize,
    /// Entries of the root dictionary, so that they survive a later syntax error.
    entries: Vec<(String, Value)>,
}

impl<'a> Parser<'a> {
    fn note(&mut self, kind: FaultKind, offset: usize, detail: &str) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(At { kind, offset, detail: detail.to_owned() });
        }
    }

    /// The next token that is not blank text.
    fn markup(&mut self) -> Result<(Token<'a>, usize), At> {
        loop {
            match self.lexer.next()? {
                (Token::Text(text), at) => {
                    // A blank that is not ASCII (a no-break space) is text to the strict parser.
                    let blank = text.len().saturating_sub(text.trim_ascii_start().len());
                    if blank < text.len() {
                        let what = match excerpt(Some(text)) {
                            words if words.is_empty() => "a blank that is not ASCII between tags".to_owned(),
                            words => format!("text where a tag should stand: {words}"),
                        };
                        return Err(At::syntax(at.saturating_add(blank), what));
                    }
                }
                found => return Ok(found),
            }
        }
    }

    /// `<plist>` may be missing: the kernel's reader passes over it, CoreFoundation does without it.
    fn document(&mut self) -> Result<(), At> {
        let (first, at) = self.markup()?;
        let (root, root_at, is_wrapped) = match first {
            Token::Open("plist") => {
                let (root, root_at) = self.markup()?;
                (root, root_at, true)
            }
            Token::End => return Err(At::syntax(at, "no XML content")),
            root => (root, at, false),
        };
        match root {
            Token::Open("dict") => self.dictionary(1, true).map(|_| ())?,
            Token::Empty("dict") => {}
            Token::Close(_) | Token::Empty("plist") => return Err(At::syntax(root_at, "no value in the property list")),
            root => {
                self.value(root, root_at, 1)?;
                self.note(FaultKind::NotADictionary, root_at, "");
            }
        }
        let mut last = self.markup()?;
        if is_wrapped {
            match last {
                (Token::Close("plist"), _) => last = self.markup()?,
                (_, at) => return Err(At::syntax(at, "</plist> expected")),
            }
        }
        if last.0 == Token::End { Ok(()) } else { Err(At::syntax(last.1, "markup after the end of the property list")) }
    }

    /// After `<dict>`. The entries of the root are collected in `self.entries`, those of any other are returned.
    fn dictionary(&mut self, depth: usize, is_root: bool) -> Result<Vec<(String, Value)>, At> {
        let mut entries = Vec::new();
        let mut seen = std::collections::HashSet::new();
        loop {
            let (token, key_at) = self.markup()?;
            let key = match token {
                Token::Close("dict") => return Ok(entries),
                Token::Open("key") => self.text("key")?,
                Token::Empty("key") => String::new(),
                Token::End => return Err(At::syntax(key_at, "the text ends inside <dict>")),
                _ => return Err(At::syntax(key_at, "a value without a key in <dict>")),
            };
            self.count(key_at)?;
            let (token, value_at) = self.markup()?;
            if matches!(token, Token::Close(_) | Token::Open("key") | Token::Empty("key") | Token::End) {
                return Err(At::syntax(key_at, format!("key without a value: {}", excerpt(Some(&key)))));
            }
            let value = self.value(token, value_at, depth)?;
            if key.trim() != key {
                self.note(FaultKind::BlankInKey, key_at, &key);
            }
            if is_root && BOOLEAN_KEYS.contains(&key.trim()) && !matches!(value, Value::Bool(_)) {
                self.note(FaultKind::WrongType, value_at, &key);
            }
            if !seen.insert(key.clone()) {
                self.note(FaultKind::DuplicateKey, key_at, &key);
            }
            if is_root { self.entries.push((key, value)) } else { entries.push((key, value)) }
        }
    }

    fn count(&mut self, at: usize) -> Result<(), At> {
        self.elements = self.elements.saturating_add(1);
        if self.elements > MAX_ELEMENTS { Err(At::syntax(at, "too many elements")) } else { Ok(()) }
    }

    fn value(&mut self, token: Token<'a>, at: usize, depth: usize) -> Result<Value, At> {
        self.count(at)?;
        match token {
            Token::Empty("true") => Ok(Value::Bool(true)),
            Token::Empty("false") => Ok(Value::Bool(false)),
            // The kernel's reader takes a boolean only in the short form.
            Token::Open(name @ ("true" | "false")) => Err(At::syntax(at, format!("<{name}> instead of <{name}/>"))),
            Token::Open("string") => self.text("string").map(Value::String),
            Token::Empty("string") => Ok(Value::String(String::new())),
            Token::Open("integer") => {
                let text = self.text("integer")?;
                integer(text.trim()).ok_or_else(|| At::syntax(at, format!("no integer: {}", excerpt(Some(&text)))))
            }
            Token::Open(name @ ("real" | "date")) => self.text(name).map(Value::Other),
            Token::Open("data") => self.text("data").map(|text| Value::Other(text.split_whitespace().collect())),
            Token::Empty("data") => Ok(Value::Other(String::new())),
            Token::Empty("dict") => Ok(Value::Dict(Vec::new())),
            Token::Empty("array") => Ok(Value::Array(Vec::new())),
            Token::Open(name @ ("dict" | "array")) => {
                let depth = depth.saturating_add(1);
                if depth > MAX_DEPTH {
                    return Err(At::syntax(at, "nested too deeply"));
                }
                if name == "dict" { self.dictionary(depth, false).map(Value::Dict) } else { self.array(depth).map(Value::Array) }
            }
            Token::Open(name) | Token::Empty(name) => Err(At::syntax(at, format!("unknown tag <{}>", excerpt(Some(name))))),
            Token::Close(name) => Err(At::syntax(at, format!("</{}> without its opening tag", excerpt(Some(name))))),
            Token::Text(_) | Token::End => Err(At::syntax(at, "the text ends where a value should stand")),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Value>, At> {
        let mut values = Vec::new();
        loop {
            match self.markup()? {
                (Token::Close("array"), _) => return Ok(values),
                (Token::End, at) => return Err(At::syntax(at, "the text ends inside <array>")),
                (token, at) => values.push(self.value(token, at, depth)?),
            }
        }
    }

    /// The characters up to `</name>`.
    fn text(&mut self, name: &str) -> Result<String, At> {
        let mut all = String::new();
        loop {
            match self.lexer.next()? {
                (Token::Text(text), at) => {
                    let plain = unescape(text).map_err(|inner| At::syntax(at.saturating_add(inner), "unknown entity"))?;
                    all.push_str(&plain);
                }
                (Token::Close(found), _) if found == name => return Ok(all),
                (Token::End, at) => return Err(At::syntax(at, format!("the text ends inside <{name}>"))),
                (_, at) => return Err(At::syntax(at, format!("</{name}> expected"))),
            }
        }
    }
}

/// A decimal or `0x` number; one that does not fit 64 bits is kept as text.
fn integer(text: &str) -> Option<Value> {
    let (sign, digits) = text.strip_prefix('-').map_or((1_i128, text), |digits| (-1, digits));
    let digits = if sign == 1 { digits.strip_prefix('+').unwrap_or(digits) } else { digits };
    let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => i128::from_str_radix(hex, 16),
        None if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse(),
        _ => return None,
    };
    if digits.is_empty() {
        return None;
    }
    let number = number.ok().and_then(|number| i64::try_from(number.checked_mul(sign)?).ok());
    Some(number.map_or_else(|| Value::Other(text.to_owned()), Value::Integer))
}
