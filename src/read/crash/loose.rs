//! JSON as people paste it: cut off, wrapped by a mailer, with smart quotes or an elision in the middle.
//!
//! A strict parser gives nothing for a report that lost its last line. This one closes what is open, skips what it does not understand and
//! says that something was missing. Depth and number of values are bounded.

/// Deepest nesting that is read; deeper values become `Null`.
const MAX_DEPTH: usize = 64;
/// Most values that are read from one document.
const MAX_VALUES: usize = 4_000_000;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::read) enum Json {
    Null,
    Bool(bool),
    /// A number as written.
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<Member>),
}

/// A member of an object, and the byte offset of its key.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::read) struct Member {
    pub key: String,
    pub at: usize,
    pub value: Json,
}

impl Json {
    pub fn members(&self) -> &[Member] {
        if let Json::Object(members) = self { members } else { &[] }
    }

    pub fn items(&self) -> &[Json] {
        if let Json::Array(items) = self { items } else { &[] }
    }

    /// The first member of this name.
    pub fn member(&self, key: &str) -> Option<&Member> {
        self.members().iter().find(|member| member.key == key)
    }

    pub fn get(&self, key: &str) -> Option<&Json> {
        self.member(key).map(|member| &member.value)
    }

    pub fn text(&self) -> Option<&str> {
        if let Json::String(text) = self { Some(text) } else { None }
    }

    /// A whole number; negative ones wrap, as exception codes do.
    pub fn number(&self) -> Option<u64> {
        match self {
            Json::Number(text) => text.parse::<u64>().ok().or_else(|| text.parse::<i64>().ok().map(i64::cast_unsigned)),
            Json::String(text) => super::text::number(text),
            Json::Bool(flag) => Some(u64::from(*flag)),
            _ => None,
        }
    }

    pub fn flag(&self) -> Option<bool> {
        match self {
            Json::Bool(flag) => Some(*flag),
            Json::Number(text) => Some(text != "0"),
            _ => None,
        }
    }
}

/// What was read.
pub(in crate::read) struct Parsed {
    pub value: Json,
    /// Offset after the value.
    pub end: usize,
    /// The text ended inside the value, or something in it was not JSON.
    pub cut: bool,
}

/// Reads the value that begins at `at`.
pub(in crate::read) fn parse(text: &str, at: usize) -> Parsed {
    let mut reader = Reader { bytes: text.as_bytes(), at, values: 0, cut: false };
    let value = reader.value(0);
    Parsed { value, end: reader.at, cut: reader.cut }
}

/// Reads members from `at` as if an object were open: a piece out of the middle of a report.
pub(in crate::read) fn parse_members(text: &str, at: usize) -> Parsed {
    let mut reader = Reader { bytes: text.as_bytes(), at, values: 0, cut: false };
    let value = reader.members(0);
    Parsed { value, end: reader.at, cut: true }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    values: usize,
    cut: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.step();
        }
    }

    fn value(&mut self, depth: usize) -> Json {
        self.blanks();
        self.values = self.values.saturating_add(1);
        if self.values > MAX_VALUES || depth > MAX_DEPTH {
            self.cut = true;
            self.at = self.bytes.len();
            return Json::Null;
        }
        match self.peek() {
            Some(b'{') => {
                self.step();
                self.members(depth)
            }
            Some(b'[') => {
                self.step();
                self.elements(depth)
            }
            Some(b'"') => Json::String(self.string()),
            Some(_) => self.word(),
            None => {
                self.cut = true;
                Json::Null
            }
        }
    }

    fn members(&mut self, depth: usize) -> Json {
        let mut members = Vec::new();
        loop {
            self.blanks();
            match self.peek() {
                None => {
                    self.cut = true;
                    break;
                }
                Some(b'}') => {
                    self.step();
                    break;
                }
                Some(b'"') => {
                    let at = self.at;
                    let key = self.string();
                    self.blanks();
                    members.extend(self.member(key, at, depth));
                }
                Some(b',') => self.step(),
                // A name without quotes, as a browser shows objects.
                Some(byte) if byte.is_ascii_alphabetic() => {
                    let at = self.at;
                    let key = self.bare_name();
                    members.extend(self.member(key, at, depth));
                }
                // An elision (`[...]`, `…`) or a bracket too many.
                Some(_) => {
                    self.cut = true;
                    self.step();
                }
            }
        }
        Json::Object(members)
    }

    /// What follows the key at `at`; `None`, and something was missing, when that is no colon.
    fn member(&mut self, key: String, at: usize, depth: usize) -> Option<Member> {
        if self.peek() != Some(b':') {
            self.cut = true;
            return None;
        }
        self.step();
        Some(Member { key, at, value: self.value(depth.saturating_add(1)) })
    }

    fn elements(&mut self, depth: usize) -> Json {
        let mut items = Vec::new();
        loop {
            self.blanks();
            match self.peek() {
                None => {
                    self.cut = true;
                    break;
                }
                Some(b']') => {
                    self.step();
                    break;
                }
                // The array lost its end: the object around it goes on.
                Some(b'}') => {
                    self.cut = true;
                    break;
                }
                Some(b',') => self.step(),
                Some(_) => {
                    let before = self.at;
                    items.push(self.value(depth.saturating_add(1)));
                    if self.at == before {
                        self.cut = true;
                        self.step();
                    }
                }
            }
        }
        Json::Array(items)
    }

    /// `true`, `false`, `null`, a number; anything else is skipped and counts as missing.
    fn word(&mut self) -> Json {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')) {
            self.step();
        }
        let word = self.bytes.get(start..self.at).unwrap_or(&[]);
        match word {
            b"true" => Json::Bool(true),
            b"false" => Json::Bool(false),
            b"null" => Json::Null,
            [b'0'..=b'9' | b'-', ..] => Json::Number(String::from_utf8_lossy(word).into_owned()),
            _ => {
                self.cut = true;
                Json::Null
            }
        }
    }

    fn bare_name(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.step();
        }
        String::from_utf8_lossy(self.bytes.get(start..self.at).unwrap_or(&[])).into_owned()
    }

    /// A string. A raw line end inside it is a mailer's wrap: one blank, unless a blank is there already.
    fn string(&mut self) -> String {
        self.step();
        let mut out = Vec::new();
        loop {
            let Some(byte) = self.peek() else {
                self.cut = true;
                break;
            };
            self.step();
            match byte {
                b'"' => break,
                b'\\' => self.escape(&mut out),
                b'\n' | b'\r' => {
                    self.blanks();
                    if out.last().is_some_and(|last| *last != b' ') {
                        out.push(b' ');
                    }
                }
                byte => out.push(byte),
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    fn escape(&mut self, out: &mut Vec<u8>) {
        let Some(byte) = self.peek() else {
            self.cut = true;
            return;
        };
        self.step();
        match byte {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' | b'b' | b'f' => {}
            b'u' => {
                let high = self.hex4();
                let code = if (0xd800..0xdc00).contains(&high) && self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u")) {
                    self.at = self.at.saturating_add(2);
                    let low = self.hex4();
                    0x10000_u32.saturating_add((high & 0x3ff) << 10).saturating_add(low & 0x3ff)
                } else {
                    high
                };
                let c = char::from_u32(code).unwrap_or('\u{fffd}');
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            byte => out.push(byte),
        }
    }

    fn hex4(&mut self) -> u32 {
        let end = self.at.saturating_add(4);
        let digits = self.bytes.get(self.at..end).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                self.at = end;
                code
            }
            None => 0xfffd,
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::string_slice)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_cut_documents_give_their_members() {
        let whole = r#"{"a" : "x\/y\u00e9", "b":[1,-2,{"c":true}], "d":null}"#;
        let parsed = parse(whole, 0);
        assert!(!parsed.cut);
        assert_eq!(parsed.end, whole.len());
        assert_eq!(parsed.value.get("a").unwrap().text(), Some("x/yé"));
        assert_eq!(parsed.value.get("b").unwrap().items()[1].number(), Some(u64::MAX - 1));
        for end in 0..whole.len() {
            if whole.is_char_boundary(end) {
                assert!(parse(&whole[..end], 0).cut, "{end}");
            }
        }
        let cut = parse(r#"{"a":{"code":2,"namespace":"CODESI"#, 0);
        assert_eq!(cut.value.get("a").unwrap().get("code").unwrap().number(), Some(2));
    }

    #[test]
    fn deep_nesting_ends_and_a_wrap_inside_a_string_is_one_blank() {
        assert!(parse(&"[".repeat(100_000), 0).cut);
        assert_eq!(parse("\"a b\n  c\"", 0).value, Json::String("a b c".into()));
    }
}
