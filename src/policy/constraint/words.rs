//! Constraints in plain words.

use super::Subject;
use super::subject::Known;
use crate::read::hex;
use crate::read::signature::constraint::{Constraint, ConstraintSlot, Expression, Literal, Test};

/// Longest text of one constraint, and of one value, in characters: a limit keeps a hostile file from filling the report.
const MAX_TEXT: usize = 4_000;
const MAX_VALUE: usize = 200;
/// Most values of a list that are named.
const MAX_LIST: usize = 20;

/// The name of a constraint, as Apple calls it.
pub fn name(slot: ConstraintSlot) -> &'static str {
    match slot {
        ConstraintSlot::Itself => "self constraint",
        ConstraintSlot::Parent => "parent constraint",
        ConstraintSlot::Responsible => "responsible process constraint",
        ConstraintSlot::Library => "library constraint",
    }
}

/// What a constraint demands, as the end of a sentence: `team-identifier is TEAM123456 and …`.
pub fn demands(constraint: &Constraint) -> String {
    let text = expression(&constraint.requires, false);
    if text.chars().count() <= MAX_TEXT {
        return text;
    }
    text.chars().take(MAX_TEXT).chain(std::iter::once('…')).collect()
}

/// The depth is bounded by the reader. `is_inner`: more than one part stands in brackets.
fn expression(expression: &Expression, is_inner: bool) -> String {
    match expression {
        Expression::All(parts) => joined(parts, " and ", is_inner),
        Expression::Any(parts) => joined(parts, " or ", is_inner),
        Expression::Optional(part) => format!("{} (unless that is not defined)", self::expression(part, true)),
        Expression::Fact { fact, test } => format!("{fact} {}", asked(test, "is")),
        Expression::Unknown { operator } => format!("{operator} …, an operator that Temper does not know"),
    }
}

fn joined(parts: &[Expression], word: &str, is_inner: bool) -> String {
    let texts: Vec<String> = parts.iter().map(|part| expression(part, parts.len() > 1)).collect();
    let text = texts.join(word);
    if is_inner && parts.len() > 1 { format!("({text})") } else { text }
}

/// `is 3`, `must be 3` …: the verb, then what is asked.
fn asked(test: &Test, verb: &str) -> String {
    match test {
        Test::Is(value) => format!("{verb} {}", literal(value)),
        Test::In(values) => format!("{verb} one of {}", list(values)),
        Test::Less(limit) => format!("{verb} less than {limit}"),
        Test::AtMost(limit) => format!("{verb} at most {limit}"),
        Test::More(limit) => format!("{verb} more than {limit}"),
        Test::AtLeast(limit) => format!("{verb} at least {limit}"),
        Test::Query(operations) => match operations.as_slice() {
            [(1, Literal::Text(key))] => format!("{} {key}", having(verb)),
            [(1, Literal::Text(key)), (3 | 5 | 7, value)] => format!("{} {key} = {}", having(verb), literal(value)),
            [(1, Literal::Text(key)), (6 | 10, value)] => format!("{} {key} with {}", having(verb), literal(value)),
            [(1, Literal::Text(key)), ..] => format!("{} {key} as a query asks", having(verb)),
            _ => format!("{verb} as a query asks"),
        },
        Test::Unknown(operator) => format!("{verb} as {operator} asks, an operator that Temper does not know"),
    }
}

fn having(verb: &str) -> &'static str {
    if verb == "is" { "have" } else { "must have" }
}

fn list(values: &[Literal]) -> String {
    let mut names: Vec<String> = values.iter().take(MAX_LIST).map(literal).collect();
    if values.len() > MAX_LIST {
        names.push(format!("{} more", values.len() - MAX_LIST));
    }
    names.join(", ")
}

fn literal(value: &Literal) -> String {
    match value {
        Literal::Bool(value) => value.to_string(),
        Literal::Integer(number) => number.to_string(),
        Literal::Text(text) if text.chars().count() > MAX_VALUE => text.chars().take(MAX_VALUE).chain(std::iter::once('…')).collect(),
        Literal::Text(text) => text.clone(),
        Literal::Data(bytes) => hex(bytes.get(..MAX_VALUE / 2).unwrap_or(bytes)),
    }
}

/// Why a fact is not met, or what it depends on.
pub(super) fn reason(fact: &str, test: &Test, known: &Known<'_>, subject: &Subject<'_>) -> String {
    let wanted = asked(test, "must be");
    let who = subject.name().unwrap_or_else(|| "what starts it".into());
    let has = |values: &[Literal]| values.iter().map(literal).collect::<Vec<_>>().join(" or ");
    match known {
        Known::Values(values) if fact == "validation-category" => {
            let kinds = values.iter().map(category).collect::<Vec<_>>().join(" or ");
            format!("{fact} {wanted}, but that of {who} is {} ({kinds})", has(values))
        }
        Known::Values(values) => format!("{fact} {wanted}, but that of {who} is {}", has(values)),
        Known::Entitlements(_) => format!("{fact} {wanted}, but those of {who} do not"),
        Known::Undefined => format!("{fact} {wanted}, but {who} has none"),
        Known::Open(what) => format!("{fact} {wanted}, which depends on {what}"),
    }
}

/// Apple's table of validation categories.
fn category(value: &Literal) -> &'static str {
    match value {
        Literal::Integer(1) => "part of macOS",
        Literal::Integer(2) => "TestFlight",
        Literal::Integer(3) => "a development identity",
        Literal::Integer(4) => "the App Store",
        Literal::Integer(5) => "enterprise or ad hoc distribution",
        Literal::Integer(6) => "Developer ID",
        Literal::Integer(10) => "another identity",
        _ => "no identity",
    }
}
