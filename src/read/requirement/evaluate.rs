//! Is a requirement met, as far as files can tell? By the rules of `reqinterp.cpp`, with a third answer for what only a Mac knows.

use super::print::{EPOCH_2001, dotted, term};
use super::{Match, Op, Requirement};
use crate::read::ReadError;
use crate::read::cms::Certificate;
use crate::read::cms::ber::{self, Reader};
use crate::read::entitlements::{self, Value};
use crate::read::info_plist::bounded;
use sha1::{Digest as _, Sha1};
use std::cmp::Ordering;

/// Extension of the leaf that signs macOS itself.
const SOFTWARE_SIGNING: &str = "1.2.840.113635.100.6.22";
/// Subject of the first intermediate that signs macOS itself.
const APPLE_INTERMEDIATE: (&str, &str) = ("Apple Code Signing Certification Authority", "Apple Inc.");

/// What is known of the code that a requirement is asked about. The default knows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Signing identifier; `None` when the code has no CodeDirectory.
    pub identifier: Option<&'a str>,
    /// First 20 bytes of each CodeDirectory's digest.
    pub cdhashes: &'a [[u8; 20]],
    /// Platform identifier of the CodeDirectory; `None` when the code has none.
    pub platform: Option<u8>,
    /// Certificates, leaf first; with the root when `chain_is_complete` (see [`crate::read::cms::trusted_chain`]). Empty for ad hoc code.
    pub chain: &'a [Certificate],
    /// The last certificate of `chain` is the root. Without it, slots counted from the root are not known.
    pub chain_is_complete: bool,
    /// The chain ends in one of Apple's roots; `None` when that is not known.
    pub ends_in_apple_root: Option<bool>,
    /// Info.plist; empty when the code has none, `None` when it is not known.
    pub info: Option<&'a [(String, Value)]>,
    /// Entitlements; empty when the code has none, `None` when they are not known.
    pub entitlements: Option<&'a [(String, Value)]>,
    /// A notarization ticket was found or is known to be missing.
    pub notarized: Option<bool>,
}

/// Whether a requirement is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is met.
    True,
    /// It is not; the first term that decided it, in Apple's syntax.
    False(String),
    /// Files alone cannot tell; what would have to be known.
    Unknown(String),
}

/// The top-level values of an Info.plist, XML or binary, as [`Facts::info`] takes them. An error when it is no property list or no dictionary.
pub fn info_values(bytes: &[u8]) -> Result<Vec<(String, Value)>, ReadError> {
    let root = bounded::read(bytes)?.into_dictionary();
    let root = root.ok_or_else(|| ReadError::new("Info.plist whose root is no dictionary", 0))?;
    Ok(root.into_iter().map(|(key, value)| (key, entitlements::convert(value))).collect())
}

impl Requirement {
    /// Judges the requirement by what is known of the code.
    pub fn evaluate(&self, facts: &Facts<'_>) -> Verdict {
        let Requirement::Expression(ops) = self else {
            return Verdict::Unknown("lightweight code requirements are not judged".to_owned());
        };
        // Read from its end, a program in prefix notation finds its operands on the stack, the left one on top.
        let mut stack: Vec<Verdict> = Vec::new();
        for op in ops.iter().rev() {
            let verdict = match op {
                Op::And => pair(&mut stack).map(|(left, right)| and(left, right)),
                Op::Or => pair(&mut stack).map(|(left, right)| or(left, right)),
                Op::Not => stack.pop().map(not),
                Op::UnknownSkip(_) => stack.pop(),
                op => Some(single(op, facts)),
            };
            stack.push(verdict.unwrap_or_else(|| Verdict::Unknown("operator without operands".to_owned())));
        }
        stack.pop().unwrap_or_else(|| Verdict::Unknown("empty requirement".to_owned()))
    }
}

fn pair(stack: &mut Vec<Verdict>) -> Option<(Verdict, Verdict)> {
    let left = stack.pop()?;
    Some((left, stack.pop()?))
}

fn and(left: Verdict, right: Verdict) -> Verdict {
    match (left, right) {
        (Verdict::False(why), _) | (_, Verdict::False(why)) => Verdict::False(why),
        (Verdict::Unknown(why), _) | (_, Verdict::Unknown(why)) => Verdict::Unknown(why),
        (Verdict::True, Verdict::True) => Verdict::True,
    }
}

fn or(left: Verdict, right: Verdict) -> Verdict {
    match (left, right) {
        (Verdict::True, _) | (_, Verdict::True) => Verdict::True,
        (Verdict::Unknown(why), _) | (_, Verdict::Unknown(why)) => Verdict::Unknown(why),
        (Verdict::False(why), Verdict::False(_)) => Verdict::False(why),
    }
}

fn not(operand: Verdict) -> Verdict {
    match operand {
        Verdict::True => Verdict::False("!".to_owned()),
        Verdict::False(_) => Verdict::True,
        unknown => unknown,
    }
}

/// `None` when it cannot be known; then the reason is made by [`reason`].
fn single(op: &Op, facts: &Facts<'_>) -> Verdict {
    match truth(op, facts) {
        Some(true) => Verdict::True,
        Some(false) => Verdict::False(term(op)),
        None => Verdict::Unknown(format!("{}: {}", term(op), reason(op))),
    }
}

/// What would have to be known for a term that files cannot decide.
fn reason(op: &Op) -> &'static str {
    match op {
        Op::AppleAnchor => "the trust cache of the Mac decides",
        Op::AppleGenericAnchor => "the root of the chain is not known",
        Op::TrustedCertificate(_) | Op::TrustedCertificates => "the trust settings of the Mac decide",
        Op::NamedAnchor(_) | Op::NamedCode(_) => "the named requirement lies in Security.framework",
        Op::Notarized => "Apple's notary service decides",
        Op::LegacyDeveloperId => "Apple's list of older software decides",
        Op::InfoField { .. } | Op::InfoKeyValue { .. } => "Info.plist is not known or holds a value that is not compared here",
        Op::EntitlementField { .. } => "the entitlements are not known or hold a value that is not compared here",
        _ => "the certificate is not known or holds a value that is not compared here",
    }
}

fn truth(op: &Op, facts: &Facts<'_>) -> Option<bool> {
    match op {
        Op::True => Some(true),
        Op::False | Op::UnknownFalse(_) => Some(false),
        Op::Identifier(text) => Some(facts.identifier.is_some_and(|identifier| identifier.as_bytes() == text.as_slice())),
        Op::CdHash(hash) => Some(facts.cdhashes.iter().any(|cdhash| cdhash.as_slice() == hash.as_slice())),
        Op::Platform(number) => Some(facts.platform.is_some_and(|platform| i32::from(platform) == *number)),
        Op::AppleGenericAnchor => {
            if facts.chain.is_empty() {
                Some(false)
            } else {
                facts.ends_in_apple_root
            }
        }
        Op::AppleAnchor => apple_anchor(facts),
        Op::CertificateHash { slot, hash } => match facts.certificate(*slot) {
            Slot::Known(certificate) => Some(Sha1::digest(&certificate.der).as_slice() == hash.as_slice()),
            Slot::Missing => Some(false),
            Slot::Unknown => None,
        },
        Op::InfoKeyValue { key, value } => entry(facts.info?, key, &Match::Equal(value.clone())),
        Op::InfoField { key, matching } => entry(facts.info?, key, matching),
        Op::EntitlementField { key, matching } => entry(facts.entitlements?, key, matching),
        Op::CertificateField { slot, key, matching } => facts.with(*slot, false, |certificate| subject(certificate, key, matching)),
        Op::CertificateExtension { slot, oid, matching } => {
            facts.with(*slot, false, |certificate| presence(certificate.extensions.contains(&dotted(oid)), matching))
        }
        Op::CertificatePolicy { slot, oid, matching } => {
            facts.with(*slot, false, |certificate| presence(certificate.has_policy(&dotted(oid)), matching))
        }
        Op::CertificateDate { slot, oid, matching } => {
            facts.with(*slot, *matching == Match::Absent, |certificate| date(certificate, oid, matching))
        }
        Op::TrustedCertificate(slot) => match facts.certificate(*slot) {
            Slot::Missing => Some(false),
            _ => None,
        },
        Op::TrustedCertificates if facts.chain.is_empty() => Some(false),
        Op::Notarized => facts.notarized,
        _ => None,
    }
}

/// A certificate of the chain.
enum Slot<'a> {
    Known(&'a Certificate),
    Missing,
    Unknown,
}

impl<'a> Facts<'a> {
    fn certificate(&self, slot: i32) -> Slot<'a> {
        if self.chain.is_empty() {
            return Slot::Missing;
        }
        let length = i64::try_from(self.chain.len()).unwrap_or(i64::MAX);
        let index = if slot < 0 { length.saturating_add(i64::from(slot)) } else { i64::from(slot) };
        let found = usize::try_from(index).ok().and_then(|index| self.chain.get(index));
        match found {
            Some(certificate) if slot >= 0 || self.chain_is_complete => Slot::Known(certificate),
            None if self.chain_is_complete => Slot::Missing,
            _ => Slot::Unknown,
        }
    }

    fn with(&self, slot: i32, missing: bool, check: impl Fn(&Certificate) -> Option<bool>) -> Option<bool> {
        match self.certificate(slot) {
            Slot::Known(certificate) => check(certificate),
            Slot::Missing => Some(missing),
            Slot::Unknown => None,
        }
    }
}

/// Signed by Apple as part of macOS. Code in the trust cache counts too; that cannot be seen here, but only Apple's own code is in it.
fn apple_anchor(facts: &Facts<'_>) -> Option<bool> {
    let may_be_apples = facts.platform.is_some_and(|platform| platform != 0);
    let otherwise = if may_be_apples { None } else { Some(false) };
    if facts.chain.is_empty() || facts.ends_in_apple_root == Some(false) {
        return otherwise;
    }
    facts.ends_in_apple_root?;
    let (Slot::Known(leaf), Slot::Known(intermediate)) = (facts.certificate(0), facts.certificate(-2)) else { return otherwise };
    let (name, organization) = APPLE_INTERMEDIATE;
    let is_apples = leaf.extensions.iter().any(|oid| oid == SOFTWARE_SIGNING)
        && intermediate.common_name.as_deref() == Some(name)
        && intermediate.organization.as_deref() == Some(organization);
    if is_apples { Some(true) } else { otherwise }
}

fn entry(entries: &[(String, Value)], key: &[u8], matching: &Match) -> Option<bool> {
    match entries.iter().find(|(name, _)| name.as_bytes() == key) {
        Some((_, value)) => matches(value, matching),
        None => Some(*matching == Match::Absent),
    }
}

/// The field is there (a true) or not.
fn presence(is_there: bool, matching: &Match) -> Option<bool> {
    if is_there { matches(&Value::Bool(true), matching) } else { Some(*matching == Match::Absent) }
}

/// A component of the subject. A name that is not there fails even `absent`, as in Apple's interpreter.
fn subject(certificate: &Certificate, key: &[u8], matching: &Match) -> Option<bool> {
    let oid = match key {
        b"subject.C" => "2.5.4.6",
        b"subject.CN" => "2.5.4.3",
        b"subject.D" => "2.5.4.13",
        b"subject.L" => "2.5.4.7",
        b"subject.O" => "2.5.4.10",
        b"subject.C-O" => "2.5.4.10.1",
        b"subject.OU" => "2.5.4.11",
        b"subject.C-OU" => "2.5.4.11.1",
        b"subject.ST" => "2.5.4.8",
        b"subject.C-ST" => "2.5.4.8.1",
        b"subject.STREET" => "2.5.4.9",
        b"subject.C-STREET" => "2.5.4.9.1",
        b"subject.UID" => "0.9.2342.19200300.100.1.1",
        b"email" => return None,
        _ => return Some(false),
    };
    let values = certificate.subject(oid);
    let mut answers = values.into_iter().map(|value| matches(&Value::String(value), matching));
    let Some(first) = answers.next() else { return Some(false) };
    // Of several components of one kind Apple takes one; which, does not matter when all say the same.
    if answers.all(|answer| answer == first) { first } else { None }
}

/// An extension whose value is a UTF8String with a date (`certificateCopyFieldDate`).
fn date(certificate: &Certificate, oid: &[u8], matching: &Match) -> Option<bool> {
    let value = certificate.extension(&dotted(oid)).and_then(|value| {
        let element = Reader::der(&value).expect(0x0c, "a text").ok()?;
        ber::time(&ber::Element { tag: 0x18, ..element })?.checked_sub(EPOCH_2001)
    });
    let Some(value) = value else { return Some(*matching == Match::Absent) };
    Some(match matching {
        Match::Exists => true,
        Match::On(time) => value == *time,
        Match::Before(time) => value < *time,
        Match::After(time) => value > *time,
        Match::OnOrBefore(time) => value <= *time,
        Match::OnOrAfter(time) => value >= *time,
        _ => false,
    })
}

/// One comparison. Of an array any element will do. The depth of a value is bounded by its reader.
fn matches(candidate: &Value, matching: &Match) -> Option<bool> {
    if let Value::Array(values) = candidate {
        let answers: Vec<Option<bool>> = values.iter().map(|value| matches(value, matching)).collect();
        if answers.contains(&Some(true)) {
            return Some(true);
        }
        if answers.contains(&None) {
            return None;
        }
    }
    match (matching, candidate) {
        (Match::Absent | Match::Unknown(_), _) => Some(false),
        (Match::Exists, value) => Some(*value != Value::Bool(false)),
        (Match::On(_) | Match::Before(_) | Match::After(_) | Match::OnOrBefore(_) | Match::OnOrAfter(_), Value::Other(_)) => None,
        (_, Value::String(text)) => text_matches(text, matching),
        _ => Some(false),
    }
}

fn text_matches(text: &str, matching: &Match) -> Option<bool> {
    let found = |is_found: bool, value: &[u8]| {
        // CoreFoundation compares letters with accents by what they mean and finds no empty text; neither is imitated.
        let is_plain = (text.is_ascii() && value.is_ascii() && !value.is_empty()) || (is_found && !value.is_empty());
        is_plain.then_some(is_found)
    };
    match matching {
        Match::Equal(value) => Some(text.as_bytes() == value.as_slice()),
        Match::Contains(value) => found(memchr::memmem::find(text.as_bytes(), value).is_some(), value),
        Match::BeginsWith(value) => found(text.as_bytes().starts_with(value), value),
        Match::EndsWith(value) => found(text.as_bytes().ends_with(value), value),
        Match::LessThan(value) => order(text, value).map(|order| order == Ordering::Less),
        Match::GreaterThan(value) => order(text, value).map(|order| order == Ordering::Greater),
        Match::LessEqual(value) => order(text, value).map(|order| order != Ordering::Greater),
        Match::GreaterEqual(value) => order(text, value).map(|order| order != Ordering::Less),
        _ => Some(false),
    }
}

/// `CFStringCompare` with numbers compared by value; `None` for what is not ASCII.
fn order(left: &str, right: &[u8]) -> Option<Ordering> {
    let (mut left, mut right) = (left.as_bytes(), right);
    if !left.is_ascii() || !right.is_ascii() {
        return None;
    }
    loop {
        match (left.first(), right.first()) {
            (None, None) => return Some(Ordering::Equal),
            (None, Some(_)) => return Some(Ordering::Less),
            (Some(_), None) => return Some(Ordering::Greater),
            (Some(one), Some(other)) if one.is_ascii_digit() && other.is_ascii_digit() => {
                let (number, rest) = split_number(left);
                let (against, behind) = split_number(right);
                match number.len().cmp(&against.len()).then_with(|| number.cmp(against)) {
                    Ordering::Equal => (left, right) = (rest, behind),
                    different => return Some(different),
                }
            }
            (Some(one), Some(other)) if one != other => return Some(one.cmp(other)),
            _ => {
                left = left.get(1..).unwrap_or_default();
                right = right.get(1..).unwrap_or_default();
            }
        }
    }
}

/// The digits at the start without leading zeros, and what follows them.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    let zeros = digits.iter().take_while(|&&byte| byte == b'0').count();
    (digits.get(zeros..).unwrap_or_default(), rest)
}
