//! Apple's syntax → operations, as `csreq -r` compiles it (`libsecurity_codesigning/requirements.grammar`).
//!
//! Needed because the seal of nested code in CodeResources holds its requirement as text. Certificates named by path are refused: a reader opens no
//! files.

use super::print::{EPOCH_2001, is_keyword};
use super::{Match, Op, Requirement, decode};
use crate::read::ReadError;
use crate::read::cms::ber;

/// Longest text that is read (bytes).
const MAX_TEXT: usize = 64 << 10;
/// Deepest nesting of parentheses and negations.
const MAX_DEPTH: usize = 100;

/// A word of the language.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token<'a> {
    /// A key with dots; reserved words too.
    Word(&'a str),
    /// In quotes.
    Text(String),
    /// `H"…"` or `0x…`.
    Bytes(Vec<u8>),
    Number(i64),
    Sign(&'static str),
    End,
}

/// The longer signs first.
const SIGNS: [&str; 16] = ["=>", "==", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", "~", "-", "!", "*", ";"];

pub(super) fn read(text: &str) -> Result<Requirement, ReadError> {
    if text.len() > MAX_TEXT {
        return Err(ReadError::new("requirement longer than Temper reads", 0));
    }
    let mut parser = Parser { text, at: 0, start: 0, token: Token::End };
    parser.advance()?;
    let mut ops = Vec::new();
    parser.alternatives(&mut ops, 0)?;
    while parser.accept(";")? {}
    if parser.token != Token::End {
        return Err(parser.fail("something behind the end"));
    }
    if decode::is_too_deep(&ops) {
        return Err(ReadError::new("requirement nested too deeply", 0));
    }
    Ok(Requirement::Expression(ops))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Where the current token begins.
    start: usize,
    token: Token<'a>,
}

impl<'a> Parser<'a> {
    fn fail(&self, what: &str) -> ReadError {
        ReadError::new(format!("requirement with {what}"), self.start as u64)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Takes `length` bytes.
    fn take(&mut self, length: usize) -> &'a str {
        let taken = self.rest().get(..length).unwrap_or_default();
        self.at = self.at.saturating_add(taken.len());
        taken
    }

    fn skip_blanks(&mut self) -> Result<(), ReadError> {
        loop {
            let rest = self.rest();
            let length = if rest.starts_with([' ', '\n', '\t', '\r']) {
                1
            } else if rest.starts_with('#') || rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let end = comment.find("*/").ok_or_else(|| self.fail("a comment without an end"))?;
                end.saturating_add(4)
            } else {
                return Ok(());
            };
            self.take(length);
        }
    }

    /// Reads the next token.
    fn advance(&mut self) -> Result<(), ReadError> {
        self.skip_blanks()?;
        self.start = self.at;
        let rest = self.rest();
        self.token = if rest.is_empty() {
            Token::End
        } else if let Some(digits) = rest.strip_prefix("H\"") {
            let length = digits.find('"').ok_or_else(|| self.fail("a hash without an end"))?;
            self.take(2);
            let digits = self.take(length);
            self.take(1);
            Token::Bytes(self.bytes(digits)?)
        } else if let Some(digits) = rest.strip_prefix("0x") {
            let length = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
            self.take(2);
            let digits = self.take(length);
            Token::Bytes(self.bytes(digits)?)
        } else if rest.starts_with('"') {
            self.take(1);
            Token::Text(self.quoted()?)
        } else if rest.starts_with(|c: char| c.is_ascii_digit()) {
            let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let digits = self.take(length);
            Token::Number(digits.parse().map_err(|_| self.fail("a number too large"))?)
        } else if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len());
            Token::Word(self.take(length))
        } else {
            let sign =
                SIGNS.into_iter().find(|sign| rest.starts_with(sign)).ok_or_else(|| self.fail("a character that cannot stand there"))?;
            self.take(sign.len());
            Token::Sign(sign)
        };
        Ok(())
    }

    fn bytes(&self, digits: &str) -> Result<Vec<u8>, ReadError> {
        let wrong = || self.fail("hexadecimal digits that are none or not in pairs");
        let pair = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let digits = digits.as_bytes();
        if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(wrong());
        }
        digits.chunks(2).map(pair).collect::<Option<Vec<u8>>>().ok_or_else(wrong)
    }

    /// The rest of a quoted text. Apple's printer escapes the backslash too, though Apple's grammar knows only the escaped quote.
    fn quoted(&mut self) -> Result<String, ReadError> {
        let mut text = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.take(at.saturating_add(1));
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    _ => return Err(self.fail("an escape that is not known")),
                },
                other => text.push(other),
            }
        }
        Err(self.fail("a text without an end"))
    }

    fn accept(&mut self, sign: &str) -> Result<bool, ReadError> {
        let is_next = matches!(self.token, Token::Sign(found) if found == sign);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn accept_word(&mut self, word: &str) -> Result<bool, ReadError> {
        let is_next = self.token == Token::Word(word);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn expect(&mut self, sign: &str) -> Result<(), ReadError> {
        if self.accept(sign)? { Ok(()) } else { Err(self.fail(&format!("something else where `{sign}` should stand"))) }
    }

    /// `=`, `==` or nothing.
    fn equals(&mut self) -> Result<bool, ReadError> {
        Ok(self.accept("=")? || self.accept("==")?)
    }

    /// Recurses once for each parenthesis and negation, at most [`MAX_DEPTH`] deep.
    fn alternatives(&mut self, ops: &mut Vec<Op>, depth: usize) -> Result<(), ReadError> {
        let start = ops.len();
        self.conjunction(ops, depth)?;
        let mut count = 0_usize;
        while self.accept_word("or")? {
            self.conjunction(ops, depth)?;
            count = count.saturating_add(1);
        }
        ops.splice(start..start, std::iter::repeat_n(Op::Or, count));
        Ok(())
    }

    fn conjunction(&mut self, ops: &mut Vec<Op>, depth: usize) -> Result<(), ReadError> {
        let start = ops.len();
        self.primary(ops, depth)?;
        let mut count = 0_usize;
        while self.accept_word("and")? {
            self.primary(ops, depth)?;
            count = count.saturating_add(1);
        }
        ops.splice(start..start, std::iter::repeat_n(Op::And, count));
        Ok(())
    }

    fn primary(&mut self, ops: &mut Vec<Op>, depth: usize) -> Result<(), ReadError> {
        let deeper = depth.saturating_add(1);
        if deeper > MAX_DEPTH {
            return Err(self.fail("too many parentheses"));
        }
        if self.accept("!")? {
            ops.push(Op::Not);
            return self.primary(ops, deeper);
        }
        if self.accept("(")? {
            match self.value()? {
                Some(name) => ops.push(Op::NamedCode(name)),
                None => self.alternatives(ops, deeper)?,
            }
            return self.expect(")");
        }
        let Token::Word(word) = self.token else { return Err(self.fail("no term where one should stand")) };
        self.advance()?;
        let op = self.term(word)?;
        ops.push(op);
        Ok(())
    }

    fn term(&mut self, word: &str) -> Result<Op, ReadError> {
        match word {
            "always" | "true" => Ok(Op::True),
            "never" | "false" => Ok(Op::False),
            "notarized" => Ok(Op::Notarized),
            "legacy" => Ok(Op::LegacyDeveloperId),
            "identifier" => {
                self.equals()?;
                self.value()?.map(Op::Identifier).ok_or_else(|| self.fail("no identifier where one should stand"))
            }
            "cdhash" => {
                self.equals()?;
                self.hash().map(Op::CdHash)
            }
            "platform" => {
                self.equals()?;
                self.integer().map(Op::Platform)
            }
            "info" => Ok(Op::InfoField { key: self.key()?, matching: self.matching()? }),
            "entitlement" => Ok(Op::EntitlementField { key: self.key()?, matching: self.matching()? }),
            "anchor" => self.anchor(),
            "certificate" | "cert" => {
                if self.accept_word("trusted")? {
                    return Ok(Op::TrustedCertificates);
                }
                let slot = self.slot()?;
                if self.accept_word("trusted")? { Ok(Op::TrustedCertificate(slot)) } else { self.certificate(slot) }
            }
            _ => Err(self.fail("a word that is not known")),
        }
    }

    fn anchor(&mut self) -> Result<Op, ReadError> {
        if self.accept_word("trusted")? {
            return Ok(Op::TrustedCertificates);
        }
        if self.accept_word("generic")? {
            return if self.accept_word("apple")? { Ok(Op::AppleGenericAnchor) } else { Err(self.fail("`generic` without `apple`")) };
        }
        if !self.accept_word("apple")? {
            return self.certificate(-1);
        }
        if self.accept_word("generic")? {
            return Ok(Op::AppleGenericAnchor);
        }
        Ok(self.value()?.map_or(Op::AppleAnchor, Op::NamedAnchor))
    }

    /// What follows a certificate slot: its hash, or a field in brackets.
    fn certificate(&mut self, slot: i32) -> Result<Op, ReadError> {
        if !matches!(self.token, Token::Sign("[")) {
            self.equals()?;
            return Ok(Op::CertificateHash { slot, hash: self.hash()? });
        }
        let key = self.key()?;
        let name = String::from_utf8_lossy(&key).into_owned();
        let oid = |parser: &Self, dotted: &str| {
            let oid = der::oid::ObjectIdentifier::new(dotted).map_err(|_| parser.fail("an OID that is none"))?;
            Ok(oid.as_bytes().to_vec())
        };
        match name.split_once('.') {
            Some(("subject", _)) => Ok(Op::CertificateField { slot, key, matching: self.matching()? }),
            Some(("field" | "extension", dotted)) => {
                Ok(Op::CertificateExtension { slot, oid: oid(self, dotted)?, matching: self.matching()? })
            }
            Some(("policy", dotted)) => Ok(Op::CertificatePolicy { slot, oid: oid(self, dotted)?, matching: self.matching()? }),
            Some(("timestamp", dotted)) => Ok(Op::CertificateDate { slot, oid: oid(self, dotted)?, matching: self.matching()? }),
            _ => Err(self.fail("a certificate field that is not known")),
        }
    }

    fn slot(&mut self) -> Result<i32, ReadError> {
        if self.accept_word("leaf")? {
            return Ok(0);
        }
        if self.accept_word("root")? {
            return Ok(-1);
        }
        let is_negative = self.accept("-")?;
        let slot = self.integer()?;
        Ok(if is_negative { slot.saturating_neg() } else { slot })
    }

    fn integer(&mut self) -> Result<i32, ReadError> {
        let Token::Number(number) = self.token else { return Err(self.fail("no number where one should stand")) };
        let number = i32::try_from(number).map_err(|_| self.fail("a number too large"))?;
        self.advance()?;
        Ok(number)
    }

    /// 20 bytes.
    fn hash(&mut self) -> Result<Vec<u8>, ReadError> {
        match std::mem::replace(&mut self.token, Token::End) {
            Token::Bytes(bytes) if bytes.len() == 20 => {
                self.advance()?;
                Ok(bytes)
            }
            _ => Err(self.fail("no hash of 20 bytes where one should stand")),
        }
    }

    fn key(&mut self) -> Result<Vec<u8>, ReadError> {
        self.expect("[")?;
        let key = self.value()?.ok_or_else(|| self.fail("no key between brackets"))?;
        self.expect("]")?;
        Ok(key)
    }

    /// A word that is not reserved, or a quoted text; `None`, and nothing is taken, for anything else.
    fn value(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        let value = match &self.token {
            Token::Word(word) if !is_keyword(word) => word.as_bytes().to_vec(),
            Token::Text(text) => text.as_bytes().to_vec(),
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(value))
    }

    /// A value to compare with: also hexadecimal bytes.
    fn data(&mut self) -> Result<Vec<u8>, ReadError> {
        if let Token::Bytes(bytes) = &self.token {
            let bytes = bytes.clone();
            self.advance()?;
            return Ok(bytes);
        }
        self.value()?.ok_or_else(|| self.fail("no value where one should stand"))
    }

    fn matching(&mut self) -> Result<Match, ReadError> {
        if self.accept_word("absent")? {
            return Ok(Match::Absent);
        }
        if self.equals()? {
            return self.equality();
        }
        let Token::Sign(sign @ ("~" | "<" | ">" | "<=" | ">=")) = self.token else {
            self.accept_word("exists")?;
            return Ok(Match::Exists);
        };
        self.advance()?;
        let time = if sign == "~" { None } else { self.time()? };
        Ok(match (sign, time) {
            ("<", Some(time)) => Match::Before(time),
            (">", Some(time)) => Match::After(time),
            ("<=", Some(time)) => Match::OnOrBefore(time),
            (_, Some(time)) => Match::OnOrAfter(time),
            ("<", None) => Match::LessThan(self.data()?),
            (">", None) => Match::GreaterThan(self.data()?),
            ("<=", None) => Match::LessEqual(self.data()?),
            (">=", None) => Match::GreaterEqual(self.data()?),
            (_, None) => Match::Contains(self.data()?),
        })
    }

    /// What follows `=`: a value with a star before it, behind it or on both sides, or a time.
    fn equality(&mut self) -> Result<Match, ReadError> {
        if let Some(time) = self.time()? {
            return Ok(Match::On(time));
        }
        let is_end = self.accept("*")?;
        let value = self.data()?;
        let is_start = self.accept("*")?;
        Ok(match (is_end, is_start) {
            (false, false) => Match::Equal(value),
            (true, false) => Match::EndsWith(value),
            (false, true) => Match::BeginsWith(value),
            (true, true) => Match::Contains(value),
        })
    }

    /// `timestamp "20190408000000Z"`; `None` when no time follows.
    fn time(&mut self) -> Result<Option<i64>, ReadError> {
        if !self.accept_word("timestamp")? {
            return Ok(None);
        }
        let wrong = self.fail("a timestamp that cannot be read");
        let text = self.value()?.unwrap_or_default();
        let time = ber::time(&ber::Element { tag: 0x18, body: &text, whole: &[], offset: 0, body_offset: 0 });
        time.and_then(|time| time.checked_sub(EPOCH_2001)).map(Some).ok_or(wrong)
    }
}
