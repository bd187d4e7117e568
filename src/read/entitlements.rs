//! Entitlements: from XML and DER, with the stricter AMFI rules and positions for errors.
//!
//! `plutil -lint` accepts much that AMFI does not, so the text is read here by an own reader that follows the kernel's (`xnu
//! libkern/c++/OSUnserializeXML.y`, from which AMFI's `AMFIUnserializeXML` descends) and goes beyond it where codesign or the notary refuse.

mod der;
mod lexer;
#[cfg(test)]
mod tests;
mod xml;

use super::ReadError;
use super::info_plist::bounded;
use base64::Engine as _;
use serde::{Deserialize, Serialize};

/// An entitlement value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// `<true/>`, `<false/>`
    Bool(bool),
    /// `<integer>`
    Integer(i64),
    /// `<string>`
    String(String),
    /// `<real>`, `<date>`, `<data>`: kept as text for display.
    Other(String),
    /// `<array>`
    Array(Vec<Value>),
    /// `<dict>` in file order.
    Dict(Vec<(String, Value)>),
}

impl Eq for Value {}

/// What kind of trouble an entitlements text has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FaultKind {
    /// Not well-formed XML, or not a plist.
    Syntax,
    /// `--` inside a comment: fatal to AMFI's parser.
    DoubleHyphenComment,
    /// A comment: usually parses; Apple advises none.
    Comment,
    /// A binary property list.
    BinaryPlist,
    /// A byte order mark.
    ByteOrderMark,
    /// CRLF line ends.
    CarriageReturn,
    /// UTF-16 or another encoding.
    Encoding,
    /// The same key twice.
    DuplicateKey,
    /// The root is not a dictionary.
    NotADictionary,
    /// A boolean key with another type (`<string>true</string>`).
    WrongType,
    /// A key with leading or trailing blanks.
    BlankInKey,
    /// Old-style (OpenStep) text plist.
    OldStyle,
    /// DER that does not parse.
    BadDer,
}

impl FaultKind {
    /// True when macOS ignores the whole set because of it. A key twice or a value of the wrong type costs only that key.
    pub fn loses_all(self) -> bool {
        self.is_fatal() && !matches!(self, FaultKind::DuplicateKey | FaultKind::WrongType)
    }

    /// True when macOS would refuse or ignore the entitlements because of it (`domain`: AMFI's strict parser).
    pub fn is_fatal(self) -> bool {
        !matches!(self, FaultKind::Comment | FaultKind::CarriageReturn | FaultKind::BlankInKey)
    }
}

/// A fault with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Kind.
    pub kind: FaultKind,
    /// Line, from 1; 0 when the input has none (binary, DER).
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Detail: the offending key or text; may be empty.
    pub detail: String,
}

/// Entitlements of one slice or one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlements {
    /// What macOS would use: the DER when it parses, else the XML; in order. Empty when nothing parses, and when the DER is there but
    /// malformed (macOS then drops all).
    pub entries: Vec<(String, Value)>,
    /// Keys that stand there and that macOS ignores because the whole set is faulty (a binary plist, a byte order mark, `--` in a comment,
    /// malformed DER …): for display only. Empty when `entries` holds what was written.
    pub ignored: Vec<(String, Value)>,
    /// Faults of the XML text (or of the file).
    pub xml_faults: Vec<Fault>,
    /// The embedded XML, at most 1 MiB; `None` when there is no XML blob.
    #[serde(skip)]
    pub xml: Option<Vec<u8>>,
    /// The DER blob is there.
    pub has_der: bool,
    /// The DER is CoreEntitlements version 1 (application tag 16); false for the legacy SET form or none.
    pub der_is_v1: bool,
    /// XML and DER both parse and say different things.
    pub forms_differ: bool,
}

impl Entitlements {
    /// Value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// The key is there and `true`. Anything else counts as absent to policy.
    pub fn is_true(&self, key: &str) -> bool {
        matches!(self.get(key), Some(Value::Bool(true)))
    }

    /// Faults that make macOS refuse or ignore the whole set.
    pub fn fatal(&self) -> Option<&Fault> {
        self.xml_faults.iter().find(|fault| fault.kind.is_fatal())
    }
}

/// Largest text that is read, and largest embedded text that is kept (bytes).
const MAX_TEXT: usize = 1 << 20;

/// Reads embedded entitlements: payloads of the slot-5 and slot-7 blobs (without their 8-byte headers).
///
/// The kernel keeps both and AMFI decides by the DER form, so the DER counts when it is there; Security synthesises it from the XML when it is
/// not. A malformed DER loses everything.
pub fn read_embedded(xml: Option<&[u8]>, der: Option<&[u8]>) -> Entitlements {
    let mut set = xml.map(read_file).unwrap_or_default();
    set.xml = xml.map(|text| text.get(..MAX_TEXT).unwrap_or(text).to_vec());
    let Some(der) = der else { return set };
    set.has_der = true;
    match read_der(der) {
        Ok(entries) => {
            let xml_parses = xml.is_some() && !set.xml_faults.iter().any(|fault| fault.kind.loses_all());
            set.der_is_v1 = der.first() == Some(&der::TAG_V1);
            set.forms_differ = xml_parses && !same_entries(&set.entries, &entries);
            set.entries = entries;
            set.ignored = Vec::new();
        }
        Err(error) => {
            set.xml_faults.push(Fault { kind: FaultKind::BadDer, line: 0, column: 0, detail: error.to_string() });
            set.ignored.append(&mut set.entries);
        }
    }
    set
}

/// Reads an entitlements file as a developer wrote it: XML (strict, with faults and places), binary plist (a fault), old style (a fault).
pub fn read_file(bytes: &[u8]) -> Entitlements {
    let (written, xml_faults) = parse_text(bytes);
    let (entries, ignored) =
        if xml_faults.iter().any(|fault| fault.kind.loses_all()) { (Vec::new(), written) } else { (written, Vec::new()) };
    Entitlements { entries, ignored, xml_faults, ..Entitlements::default() }
}

/// Tells whether a text or binary is a property list at all (used to recognise evidence). Only the first 4 KiB are looked at. JSON is none.
pub fn looks_like_plist(bytes: &[u8]) -> bool {
    let head = bytes.get(..4096).unwrap_or(bytes);
    if head.starts_with(b"bplist0") {
        return true;
    }
    let text = bounded::utf16(head).unwrap_or_else(|| super::lossy(head));
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') {
        // What stands inside a dictionary begins no file: it was pasted out of one, and the rest of it may follow.
        let inside = ["<key", "<string", "<true", "<false", "</"].iter().any(|mark| text.starts_with(mark));
        return !inside && ["<plist", "<!DOCTYPE plist", "<dict>", "<dict/>"].iter().any(|mark| text.contains(mark));
    }
    is_old_style(text)
}

/// Parses DER entitlements (CoreEntitlements version 1, or the older SET form); an error with the offset of the bad element.
pub fn read_der(bytes: &[u8]) -> Result<Vec<(String, Value)>, ReadError> {
    der::read(bytes)
}

type Entries = Vec<(String, Value)>;

/// What is written, whatever its form, and what is wrong with it.
fn parse_text(bytes: &[u8]) -> (Entries, Vec<Fault>) {
    let fault = |kind, line, column, detail: &str| Fault { kind, line, column, detail: detail.to_owned() };
    if bytes.len() > MAX_TEXT {
        return (Vec::new(), vec![fault(FaultKind::Syntax, 1, 1, "longer than Temper reads")]);
    }
    if bytes.starts_with(b"bplist") {
        return (other_form(bytes), vec![fault(FaultKind::BinaryPlist, 0, 0, "")]);
    }
    if let Some(text) = bounded::utf16(bytes) {
        let (entries, mut faults) = xml::read(text.trim_start_matches('\u{feff}'));
        faults.insert(0, fault(FaultKind::Encoding, 1, 1, "UTF-16"));
        return (entries, faults);
    }
    let (body, has_mark) = bytes.strip_prefix(b"\xef\xbb\xbf").map_or((bytes, false), |body| (body, true));
    let text = String::from_utf8_lossy(body);
    let trimmed = text.trim_start();
    let (entries, mut faults) =
        if is_old_style(trimmed) { (other_form(body), vec![fault(FaultKind::OldStyle, 1, 1, "")]) } else { xml::read(&text) };
    if let Err(error) = std::str::from_utf8(body) {
        let (line, column) = lexer::Lines::new(&text).place(error.valid_up_to());
        faults.insert(0, fault(FaultKind::Encoding, line, column, "not UTF-8"));
    }
    if has_mark {
        faults.insert(0, fault(FaultKind::ByteOrderMark, 1, 1, ""));
    }
    (entries, faults)
}

/// `{ key = value; }`: the first word after the brace is followed by `=`, which JSON never has there, and its value ends with no comma, as in
/// a piece of a log line (`{identifier=…, pid=…`).
fn is_old_style(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('{').map(str::trim_start) else { return false };
    let after = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').map(|(_, after)| after),
        None => Some(rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_.-/$:".contains(c))),
    };
    let Some(value) = after.and_then(|after| after.trim_start().strip_prefix('=')).map(str::trim_start) else { return false };
    value.starts_with(['(', '<', '"', '{'])
        || value.find([';', ',', '}']).and_then(|at| value.get(at..)).is_none_or(|end| !end.starts_with(','))
}

/// The entries of a binary or old-style list; empty when it cannot be read or is no dictionary.
fn other_form(bytes: &[u8]) -> Entries {
    let root = bounded::read(bytes).ok().and_then(plist::Value::into_dictionary);
    root.map(|root| root.into_iter().map(|(key, value)| (key, convert(value))).collect()).unwrap_or_default()
}

/// The depth is bounded by [`bounded::MAX_DEPTH`].
pub(in crate::read) fn convert(value: plist::Value) -> Value {
    match value {
        plist::Value::Boolean(value) => Value::Bool(value),
        plist::Value::String(text) => Value::String(text),
        plist::Value::Integer(number) => number.as_signed().map_or_else(|| Value::Other(number.to_string()), Value::Integer),
        plist::Value::Array(values) => Value::Array(values.into_iter().map(convert).collect()),
        plist::Value::Dictionary(entries) => Value::Dict(entries.into_iter().map(|(key, value)| (key, convert(value))).collect()),
        plist::Value::Data(data) => Value::Other(base64::engine::general_purpose::STANDARD.encode(data)),
        plist::Value::Real(real) => Value::Other(real.to_string()),
        plist::Value::Date(date) => Value::Other(date.to_xml_format()),
        _ => Value::Other(String::new()),
    }
}

/// Equal up to the order of keys.
fn same_entries(left: &[(String, Value)], right: &[(String, Value)]) -> bool {
    let mut left: Vec<&(String, Value)> = left.iter().collect();
    let mut right: Vec<&(String, Value)> = right.iter().collect();
    left.sort_by(|one, other| one.0.cmp(&other.0));
    right.sort_by(|one, other| one.0.cmp(&other.0));
    left.len() == right.len() && left.iter().zip(&right).all(|(one, other)| one.0 == other.0 && same(&one.1, &other.1))
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Dict(left), Value::Dict(right)) => same_entries(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(one, other)| same(one, other))
        }
        (left, right) => left == right,
    }
}
