//! Code requirements: the blobs of slot 2, decoded, printed in Apple's syntax and evaluated.
//!
//! The format is a program in prefix notation (`Security libsecurity_codesigning/lib/requirement.h`, `reqreader.cpp`). It is kept flat, in its own
//! order, so that neither reading nor printing nor evaluating recurses. What `csreq -r- -t` prints is in `reqdumper.cpp`, what a requirement means in
//! `reqinterp.cpp`.
//!
//! Left out: lightweight code requirements (kind 2), which are kept as bytes and never judged.

mod decode;
mod evaluate;
mod parse;
mod print;
#[cfg(test)]
mod tests;

pub use evaluate::{Facts, Verdict, info_values};

use super::ReadError;

/// Largest blob that is read (bytes); real ones have some hundred.
pub const MAX_REQUIREMENT: usize = 1 << 20;

/// What a requirement of a set is for (`SecRequirementType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequirementType {
    /// 1: what the code demands of its host.
    Host,
    /// 2: what the code demands of its guests.
    Guest,
    /// 3: what makes a later version the same code.
    Designated,
    /// 4: what the code demands of libraries it loads.
    Library,
    /// 5: what the code demands of plug-ins.
    Plugin,
    /// Any other number.
    Other(u32),
}

impl RequirementType {
    fn from_number(number: u32) -> Self {
        match number {
            1 => RequirementType::Host,
            2 => RequirementType::Guest,
            3 => RequirementType::Designated,
            4 => RequirementType::Library,
            5 => RequirementType::Plugin,
            other => RequirementType::Other(other),
        }
    }
}

/// How a field is compared (`MatchOperation`). Texts are bytes as they stand in the blob; times are seconds since 2001-01-01 UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // Apple's names, in Apple's order.
pub enum Match {
    Exists,
    Equal(Vec<u8>),
    Contains(Vec<u8>),
    BeginsWith(Vec<u8>),
    EndsWith(Vec<u8>),
    LessThan(Vec<u8>),
    GreaterThan(Vec<u8>),
    LessEqual(Vec<u8>),
    GreaterEqual(Vec<u8>),
    On(i64),
    Before(i64),
    After(i64),
    OnOrBefore(i64),
    OnOrAfter(i64),
    Absent,
    /// A number Apple's source does not know; it never matches.
    Unknown(u32),
}

/// One step of the program (`ExprOp`). An operator is followed by its operands. Certificate slots count from the leaf (0), negative ones from the
/// root (−1). OIDs are their DER bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// `never`
    False,
    /// `always`
    True,
    /// `identifier "…"`
    Identifier(Vec<u8>),
    /// `anchor apple`
    AppleAnchor,
    /// `certificate leaf = H"…"`: SHA-1 of a certificate.
    CertificateHash {
        /// Slot.
        slot: i32,
        /// 20 bytes.
        hash: Vec<u8>,
    },
    /// The old form of [`Op::InfoField`] with [`Match::Equal`].
    InfoKeyValue {
        /// Key of Info.plist.
        key: Vec<u8>,
        /// Value.
        value: Vec<u8>,
    },
    /// `… and …`: two operands.
    And,
    /// `… or …`: two operands.
    Or,
    /// `cdhash H"…"`
    CdHash(Vec<u8>),
    /// `! …`: one operand.
    Not,
    /// `info[…] …`
    InfoField {
        /// Key of Info.plist.
        key: Vec<u8>,
        /// Comparison.
        matching: Match,
    },
    /// `certificate …[subject.OU] …`
    CertificateField {
        /// Slot.
        slot: i32,
        /// Name of the field.
        key: Vec<u8>,
        /// Comparison.
        matching: Match,
    },
    /// `certificate … trusted`: by the trust settings of the Mac.
    TrustedCertificate(i32),
    /// `anchor trusted`
    TrustedCertificates,
    /// `certificate …[field.OID] …`: an extension.
    CertificateExtension {
        /// Slot.
        slot: i32,
        /// OID.
        oid: Vec<u8>,
        /// Comparison.
        matching: Match,
    },
    /// `anchor apple generic`
    AppleGenericAnchor,
    /// `entitlement[…] …`
    EntitlementField {
        /// Entitlement.
        key: Vec<u8>,
        /// Comparison.
        matching: Match,
    },
    /// `certificate …[policy.OID] …`
    CertificatePolicy {
        /// Slot.
        slot: i32,
        /// OID.
        oid: Vec<u8>,
        /// Comparison.
        matching: Match,
    },
    /// `anchor apple NAME`: a requirement that ships with Security.framework.
    NamedAnchor(Vec<u8>),
    /// `(NAME)`: likewise.
    NamedCode(Vec<u8>),
    /// `platform = N`
    Platform(i32),
    /// `notarized`
    Notarized,
    /// `certificate …[timestamp.OID] …`: an extension that holds a date.
    CertificateDate {
        /// Slot.
        slot: i32,
        /// OID.
        oid: Vec<u8>,
        /// Comparison.
        matching: Match,
    },
    /// `legacy`: Developer ID code from before notarization was required.
    LegacyDeveloperId,
    /// An unknown opcode that says of itself that it counts as false.
    UnknownFalse(u32),
    /// An unknown opcode that says of itself that it may be skipped: one operand, which counts for it.
    UnknownSkip(u32),
}

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// Kind 1: a program in prefix notation, complete: every operator has its operands.
    Expression(Vec<Op>),
    /// Kind 2: a lightweight code requirement, DER.
    Lightweight(Vec<u8>),
}

/// One entry of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is for.
    pub kind: RequirementType,
    /// The requirement, or why it cannot be read.
    pub requirement: Result<Requirement, ReadError>,
}

/// A set of requirements in the order of the blob's index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequirementSet {
    /// Entries.
    pub entries: Vec<Entry>,
    /// Index entries that could not be read.
    pub faults: Vec<ReadError>,
}

impl RequirementSet {
    /// The designated requirement; `None` when the set has none (then macOS makes one from the signature) or it cannot be read.
    pub fn designated(&self) -> Option<&Requirement> {
        let entry = self.entries.iter().find(|entry| entry.kind == RequirementType::Designated)?;
        entry.requirement.as_ref().ok()
    }
}

/// Reads a whole requirement blob with its header (magic `0xfade0c00`), as `csreq -b` writes it. An error for anything but a complete program; bytes
/// behind it are ignored, as Apple's interpreter ignores them.
pub fn read(bytes: &[u8]) -> Result<Requirement, ReadError> {
    decode::requirement(bytes, 0)
}

/// Reads a whole set with its header (magic `0xfade0c01`), as it lies in slot 2. An error when it is no set; an entry that cannot be read keeps its
/// own error.
pub fn read_set(bytes: &[u8]) -> Result<RequirementSet, ReadError> {
    decode::set(bytes)
}

/// Compiles a requirement from its text, as `csreq -r` does: the seal of nested code holds its requirement so. An error with the offset of the
/// word that cannot stand there. A certificate named by a path is refused.
pub fn parse(text: &str) -> Result<Requirement, ReadError> {
    parse::read(text)
}
