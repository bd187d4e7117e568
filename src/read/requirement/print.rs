//! Operations → Apple's syntax, as `reqdumper.cpp` prints it.
//!
//! Apple's slips are kept, so that outputs can be compared: `certificate leaftrusted` without a blank, ` absent ` with one too many. One is not:
//! Apple cuts unquoted words at 255 bytes.

use super::{Match, Op, Requirement, RequirementSet, RequirementType};
use crate::read::hex;
use std::fmt::{self, Write as _};

/// Seconds from 1970 to 2001, where CFAbsoluteTime begins.
pub(super) const EPOCH_2001: i64 = 978_307_200;

/// Reserved words, which are quoted (`RequirementKeywords.h`).
const KEYWORDS: [&str; 29] = [
    "guest",
    "host",
    "designated",
    "library",
    "plugin",
    "or",
    "and",
    "always",
    "true",
    "never",
    "false",
    "identifier",
    "cdhash",
    "platform",
    "notarized",
    "legacy",
    "anchor",
    "apple",
    "generic",
    "certificate",
    "cert",
    "trusted",
    "info",
    "entitlement",
    "exists",
    "absent",
    "leaf",
    "root",
    "timestamp",
];

pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// What surrounds an expression: the tighter, the more needs parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Primary,
    And,
    Or,
    Top,
}

/// What is still to be printed.
enum Task {
    Text(&'static str),
    Expression(Level),
}

impl fmt::Display for RequirementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequirementType::Host => f.write_str("host"),
            RequirementType::Guest => f.write_str("guest"),
            RequirementType::Designated => f.write_str("designated"),
            RequirementType::Library => f.write_str("library"),
            RequirementType::Plugin => f.write_str("plugin"),
            RequirementType::Other(0) => f.write_str("invalid"),
            RequirementType::Other(number) => write!(f, "/*unknown type*/ {}", number.cast_signed()),
        }
    }
}

/// The expression as `csreq -r- -t` prints it, without a line end.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Requirement::Expression(ops) => f.write_str(expression(ops).trim_start_matches(' ')),
            Requirement::Lightweight(der) => write!(f, "/* lightweight code requirement of {} bytes */", der.len()),
        }
    }
}

/// One line `TYPE => EXPRESSION` for each entry, as `codesign -d -r-` prints explicit requirements. An unreadable entry becomes a comment.
impl fmt::Display for RequirementSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.entries {
            match &entry.requirement {
                Ok(requirement) => writeln!(f, "{} => {requirement}", entry.kind)?,
                Err(fault) => writeln!(f, "{} => /* {fault} */", entry.kind)?,
            }
        }
        Ok(())
    }
}

/// One operation alone: what a verdict names.
pub(super) fn term(op: &Op) -> String {
    let mut text = String::new();
    single(&mut text, op);
    text.trim().to_owned()
}

fn expression(ops: &[Op]) -> String {
    let mut out = String::new();
    let mut ops = ops.iter();
    let mut tasks = vec![Task::Expression(Level::Top)];
    while let Some(task) = tasks.pop() {
        match task {
            Task::Text(text) => out.push_str(text),
            Task::Expression(level) => {
                let Some(op) = ops.next() else { break };
                operator(&mut out, &mut tasks, op, level);
            }
        }
    }
    out
}

fn operator(out: &mut String, tasks: &mut Vec<Task>, op: &Op, level: Level) {
    match op {
        Op::And => binary(out, tasks, " and ", Level::And, level),
        Op::Or => binary(out, tasks, " or ", Level::Or, level),
        Op::Not => {
            out.push_str("! ");
            tasks.push(Task::Expression(Level::Primary));
        }
        Op::UnknownSkip(_) => {
            single(out, op);
            out.push(' ');
            tasks.push(Task::Expression(level));
        }
        _ => single(out, op),
    }
}

fn binary(out: &mut String, tasks: &mut Vec<Task>, word: &'static str, own: Level, level: Level) {
    if level < own {
        out.push('(');
        tasks.push(Task::Text(")"));
    }
    tasks.push(Task::Expression(own));
    tasks.push(Task::Text(word));
    tasks.push(Task::Expression(own));
}

fn single(out: &mut String, op: &Op) {
    match op {
        Op::False => out.push_str("never"),
        Op::True => out.push_str("always"),
        Op::Identifier(text) => out.push_str(&format!("identifier {}", data(text, false))),
        Op::AppleAnchor => out.push_str("anchor apple"),
        Op::AppleGenericAnchor => out.push_str("anchor apple generic"),
        Op::CertificateHash { slot, hash } => out.push_str(&format!("certificate{} = {}", position(*slot), literal(hash))),
        Op::InfoKeyValue { key, value } => out.push_str(&format!("info[{}] = {}", data(key, true), data(value, false))),
        Op::And | Op::Or | Op::Not => {}
        Op::CdHash(hash) => out.push_str(&format!("cdhash {}", literal(hash))),
        Op::InfoField { key, matching } => out.push_str(&format!("info[{}]{}", data(key, true), comparison(matching))),
        Op::EntitlementField { key, matching } => out.push_str(&format!("entitlement[{}]{}", data(key, true), comparison(matching))),
        Op::CertificateField { slot, key, matching } => {
            out.push_str(&format!("certificate{}[{}]{}", position(*slot), data(key, true), comparison(matching)));
        }
        Op::CertificateExtension { slot, oid, matching } => field(out, *slot, "field", oid, matching),
        Op::CertificatePolicy { slot, oid, matching } => field(out, *slot, "policy", oid, matching),
        Op::CertificateDate { slot, oid, matching } => field(out, *slot, "timestamp", oid, matching),
        Op::TrustedCertificate(slot) => out.push_str(&format!("certificate{}trusted", position(*slot))),
        Op::TrustedCertificates => out.push_str("anchor trusted"),
        Op::NamedAnchor(name) => out.push_str(&format!("anchor apple {}", data(name, false))),
        Op::NamedCode(name) => out.push_str(&format!("({})", data(name, false))),
        Op::Platform(number) => out.push_str(&format!("platform = {number}")),
        Op::Notarized => out.push_str("notarized"),
        Op::LegacyDeveloperId => out.push_str("legacy"),
        Op::UnknownFalse(code) => out.push_str(&format!(" false /* opcode {code} */")),
        Op::UnknownSkip(code) => out.push_str(&format!(" /* opcode {code} */")),
    }
}

fn field(out: &mut String, slot: i32, kind: &str, oid: &[u8], matching: &Match) {
    out.push_str(&format!("certificate{}[{kind}.{}]{}", position(slot), dotted(oid), comparison(matching)));
}

fn position(slot: i32) -> String {
    match slot {
        -1 => " root".to_owned(),
        0 => " leaf".to_owned(),
        other => format!(" {other}"),
    }
}

fn comparison(matching: &Match) -> String {
    match matching {
        Match::Exists => " /* exists */".to_owned(),
        Match::Absent => " absent ".to_owned(),
        Match::Equal(value) => format!(" = {}", data(value, false)),
        Match::Contains(value) => format!(" ~ {}", data(value, false)),
        Match::BeginsWith(value) => format!(" = {}*", data(value, false)),
        Match::EndsWith(value) => format!(" = *{}", data(value, false)),
        Match::LessThan(value) => format!(" < {}", data(value, false)),
        Match::GreaterThan(value) => format!(" > {}", data(value, false)),
        Match::LessEqual(value) => format!(" <= {}", data(value, false)),
        Match::GreaterEqual(value) => format!(" >= {}", data(value, false)),
        Match::On(time) => format!(" = {}", date(*time)),
        Match::Before(time) => format!(" < {}", date(*time)),
        Match::After(time) => format!(" > {}", date(*time)),
        Match::OnOrBefore(time) => format!(" <= {}", date(*time)),
        Match::OnOrAfter(time) => format!(" >= {}", date(*time)),
        Match::Unknown(code) => format!("MATCH OPCODE {} NOT UNDERSTOOD", code.cast_signed()),
    }
}

/// A CFDate's description in angle brackets.
fn date(seconds: i64) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second] +0000");
    let time = seconds.checked_add(EPOCH_2001).and_then(|unix| time::OffsetDateTime::from_unix_timestamp(unix).ok());
    time.and_then(|time| time.format(&format).ok()).map_or_else(|| format!("<{seconds}>"), |text| format!("<{text}>"))
}

/// A text as a bare word when it is one, else in quotes, else, when it holds a byte that cannot be printed, in hexadecimal.
fn data(bytes: &[u8], dots: bool) -> String {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || (dots && *byte == b'.');
    // `isspace` of the C locale knows the vertical tab, which Rust's predicate leaves out.
    let is_printable = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || *byte == 0x0b;
    if !bytes.iter().all(is_printable) {
        return format!("0x{}", hex(bytes));
    }
    let text = String::from_utf8_lossy(bytes);
    let is_bare = !bytes.is_empty() && bytes.iter().all(is_word) && !bytes.first().is_some_and(u8::is_ascii_digit) && !is_keyword(&text);
    if is_bare { text.into_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}

fn literal(hash: &[u8]) -> String {
    format!("H\"{}\"", hex(hash))
}

/// An OID's DER body in dotted form.
pub(super) fn dotted(body: &[u8]) -> String {
    let mut numbers: Vec<u64> = Vec::new();
    let mut number = 0_u64;
    for &byte in body {
        number = (number << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            numbers.push(number);
            number = 0;
        }
    }
    let Some((&first, rest)) = numbers.split_first() else { return String::new() };
    let arc = (first / 40).min(2);
    let second = first.saturating_sub(arc.saturating_mul(40));
    rest.iter().fold(format!("{arc}.{second}"), |mut text, number| {
        let _ = write!(text, ".{number}");
        text
    })
}
