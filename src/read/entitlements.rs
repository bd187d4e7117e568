//! Entitlements: from XML and DER, with the stricter AMFI rules and positions for errors.

use super::ReadError;

/// An entitlement value.
#[derive(Debug, Clone, PartialEq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// True when macOS would refuse or ignore the entitlements because of it (`domain`: AMFI's strict parser).
    pub fn is_fatal(self) -> bool {
        !matches!(self, FaultKind::Comment | FaultKind::CarriageReturn | FaultKind::BlankInKey)
    }
}

/// A fault with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entitlements {
    /// What macOS would use: the DER when it parses, else the XML; in order. Empty when nothing parses.
    pub entries: Vec<(String, Value)>,
    /// Faults of the XML text (or of the file).
    pub xml_faults: Vec<Fault>,
    /// The embedded XML, at most 1 MiB; `None` when there is no XML blob.
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

/// Reads embedded entitlements: payloads of the slot-5 and slot-7 blobs (without their 8-byte headers).
pub fn read_embedded(_xml: Option<&[u8]>, _der: Option<&[u8]>) -> Entitlements {
    Entitlements::default()
}

/// Reads an entitlements file as a developer wrote it: XML (strict, with faults and places), binary plist (a fault), old style (a fault).
pub fn read_file(_bytes: &[u8]) -> Entitlements {
    Entitlements::default()
}

/// Tells whether a text or binary is a property list at all (used to recognise evidence).
pub fn looks_like_plist(_bytes: &[u8]) -> bool {
    false
}

/// Parses DER entitlements; an error with the offset of the bad element.
pub fn read_der(_bytes: &[u8]) -> Result<Vec<(String, Value)>, ReadError> {
    Err(ReadError::new("no DER", 0))
}
