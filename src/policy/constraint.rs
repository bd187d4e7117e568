//! Launch and library constraints: does the code that a constraint is about satisfy it? Pure.
//!
//! Facts and operators are Apple's ("Defining launch environment and library constraints"). The answer has three values: it holds, it does not, or it depends on
//! what a file does not tell (who starts the program, from where); each answer but the first names the facts. Within a constraint a fact can also be undefined
//! for some code, as the team of ad hoc code is: macOS then refuses, unless the fact is `$optional` or another branch of an `$or` holds.

mod query;
mod subject;
mod words;

pub use subject::Subject;
pub use words::{demands, name};

use super::{CERTAIN, Decision, LIKELY, Lift, Process, Shows, deny};
use crate::evidence::{Evidence, Image};
use crate::finding::Confidence;
use crate::read::ReadError;
use crate::read::cms::SignerKind;
use crate::read::signature::constraint::{Constraint, ConstraintSlot, Expression, Literal, Test};
use subject::Known;

const APPLYING: &str = "Apple: Applying launch environment and library constraints";
/// The first macOS that heeds launch constraints of others than Apple (WWDC23 session 10266).
const LAUNCH_SINCE: (u16, u16) = (13, 3);
/// The first that heeds library constraints.
const LIBRARY_SINCE: (u16, u16) = (14, 0);
/// The only version of the format.
const VERSION: i64 = 1;
/// Most reasons that are given.
const MAX_REASONS: usize = 8;

/// Whether a constraint is satisfied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It is.
    Holds,
    /// It depends on what is not known.
    Depends,
    /// It is not.
    Fails,
    /// The constraint cannot be read, so macOS refuses whatever it is about.
    Unreadable,
}

impl Outcome {
    /// The word of the JSON report.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Holds => "holds",
            Outcome::Depends => "depends",
            Outcome::Fails => "fails",
            Outcome::Unreadable => "unreadable",
        }
    }
}

/// The answer, with the facts that are not met or not known, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The answer.
    pub outcome: Outcome,
    /// Each begins with the name of a fact, or says why nothing can be read. Empty when it holds.
    pub reasons: Vec<String>,
}

/// A constraint with what it was held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Which constraint.
    pub slot: ConstraintSlot,
    /// The code it is about; `None` when that is not known.
    pub subject: Option<String>,
    /// The answer.
    pub judgement: Judgement,
}

impl Applied {
    /// It refuses.
    pub fn refuses(&self) -> bool {
        matches!(self.judgement.outcome, Outcome::Fails | Outcome::Unreadable)
    }

    /// Why it refuses, or what it depends on: one sentence, without its end.
    pub fn why(&self) -> String {
        let (name, reasons) = (name(self.slot), self.judgement.reasons.join("; "));
        let subject = self.subject.as_deref().unwrap_or("what starts it");
        match (self.judgement.outcome, self.slot) {
            (Outcome::Holds, _) => format!("its {name} holds"),
            (Outcome::Unreadable, _) => format!("its {name} (slot {}) cannot be read: {reasons}", self.slot.number()),
            (Outcome::Fails, ConstraintSlot::Parent) => format!("its {name} does not let {subject} start it: {reasons}"),
            (Outcome::Fails, ConstraintSlot::Responsible) => format!("its {name} does not let {subject} be responsible for it: {reasons}"),
            (Outcome::Fails, ConstraintSlot::Library) => format!("its {name} does not let {subject} in: {reasons}"),
            (Outcome::Fails, ConstraintSlot::Itself) => format!("it does not satisfy its own {name}: {reasons}"),
            (Outcome::Depends, _) => format!("whether its {name} holds is not known: {reasons}"),
        }
    }

    /// How sure a refusal is: who starts a program is a guess from where it lies, and that macOS reads no more than Temper is one too.
    pub fn certainty(&self) -> Confidence {
        let is_sure = self.judgement.outcome == Outcome::Fails && matches!(self.slot, ConstraintSlot::Itself | ConstraintSlot::Library);
        if is_sure { CERTAIN } else { LIKELY }
    }
}

/// This macOS heeds constraints of that slot.
pub fn is_heeded(os: Option<(u16, u16)>, slot: ConstraintSlot) -> bool {
    let since = if slot == ConstraintSlot::Library { LIBRARY_SINCE } else { LAUNCH_SINCE };
    os.is_none_or(|os| os >= since)
}

/// The launch constraints that a slice carries, each against the code it is likely about.
pub fn of_launch(evidence: &Evidence, image: &Image) -> Vec<Applied> {
    let launch = [ConstraintSlot::Itself, ConstraintSlot::Parent, ConstraintSlot::Responsible];
    launch.into_iter().filter_map(|slot| apply(image, slot, &Subject::of(evidence, image, slot))).collect()
}

/// A constraint of a slice against some code; `None` when the slice carries none in that slot.
pub fn apply(image: &Image, slot: ConstraintSlot, subject: &Subject<'_>) -> Option<Applied> {
    let constraint = image.facts()?.signature.constraint(slot)?;
    Some(Applied { slot, subject: subject.name(), judgement: judge(constraint, subject) })
}

/// The library constraint of a program against a library; `None` when there is none. Apple's libraries cannot be kept out (WWDC23 session 10266).
pub fn of_library(executable: &Image, library: &Image) -> Option<Applied> {
    let is_apples = library.facts().is_some_and(|facts| facts.signer.kind == SignerKind::Apple);
    apply(executable, ConstraintSlot::Library, &Subject::library(library)).filter(|_| !is_apples)
}

/// Why a program does not start: the first of its constraints that refuses, where this macOS heeds them.
pub(super) fn launch(process: &Process, constraints: &[Applied]) -> Option<(Decision, String)> {
    let applied = constraints.iter().find(|applied| applied.refuses() && is_heeded(process.os, applied.slot))?;
    Some((refusal(applied), applied.why()))
}

/// The refusal of a launch for a constraint that is not satisfied.
pub fn refusal(applied: &Applied) -> Decision {
    const RULE: &str = "a program whose launch constraint is not satisfied is killed before its first instruction (macOS 13.3 and later)";
    let lifts = vec![Lift::Signing("correct the constraint and sign again, or start the program as it demands")];
    deny(RULE, APPLYING, applied.certainty(), Shows::KilledLaunchConstraint, lifts)
}

/// What a library constraint answers about a load; `None` when it does not refuse.
fn load(process: &Process, applied: &Applied) -> Option<Decision> {
    const RULE: &str =
        "library constraint of the program: the library does not satisfy it, so opening it fails with EPERM (macOS 14 and later)";
    let lifts = vec![Lift::Signing("correct the library constraint of the program, or sign the library as it demands")];
    let holds = applied.refuses() && is_heeded(process.os, ConstraintSlot::Library);
    holds.then(|| deny(RULE, APPLYING, applied.certainty(), Shows::ConstrainedLibrary, lifts))
}

/// Why the library constraint of a program keeps a library out, with the decision; `None` when it does not, or that is not known.
pub fn keeps_out(process: &Process, executable: &Image, library: &Image) -> Option<(Decision, String)> {
    let applied = of_library(executable, library)?;
    load(process, &applied).map(|decision| (decision, applied.why()))
}

/// What an expression can come to, as a set: macOS finds it true, false, or not defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Possible(u8);

impl Possible {
    const YES: Possible = Possible(1);
    const NO: Possible = Possible(2);
    const UNDEFINED: Possible = Possible(4);
    const ANY: Possible = Possible(1 | 2 | 4);

    fn can(self, other: Possible) -> bool {
        self.0 & other.0 != 0
    }

    fn or(self, other: Possible) -> Possible {
        Possible(self.0 | other.0)
    }

    /// Every pair of members through `join`.
    fn with(self, other: Possible, join: fn(Possible, Possible) -> Possible) -> Possible {
        const EACH: [Possible; 3] = [Possible::YES, Possible::NO, Possible::UNDEFINED];
        let mut all = Possible(0);
        for one in EACH.into_iter().filter(|one| self.can(*one)) {
            for two in EACH.into_iter().filter(|two| other.can(*two)) {
                all = all.or(join(one, two));
            }
        }
        all
    }
}

fn and(one: Possible, two: Possible) -> Possible {
    match (one, two) {
        (Possible::NO, _) | (_, Possible::NO) => Possible::NO,
        (Possible::YES, Possible::YES) => Possible::YES,
        _ => Possible::UNDEFINED,
    }
}

fn either(one: Possible, two: Possible) -> Possible {
    match (one, two) {
        (Possible::YES, _) | (_, Possible::YES) => Possible::YES,
        (Possible::NO, Possible::NO) => Possible::NO,
        _ => Possible::UNDEFINED,
    }
}

/// What an expression comes to, and the facts to blame for it.
struct Found {
    possible: Possible,
    reasons: Vec<String>,
}

/// Judges a constraint against some code.
pub fn judge(constraint: &Result<Constraint, ReadError>, subject: &Subject<'_>) -> Judgement {
    let constraint = match constraint {
        Ok(constraint) => constraint,
        Err(error) => return Judgement { outcome: Outcome::Unreadable, reasons: vec![error.to_string()] },
    };
    let mut found = evaluate(&constraint.requires, subject, false);
    if let Some(odd) = oddity(constraint) {
        found.possible = found.possible.or(Possible::ANY);
        found.reasons.push(odd);
    }
    let outcome = match found.possible {
        Possible::YES => Outcome::Holds,
        possible if possible.can(Possible::YES) => Outcome::Depends,
        _ => Outcome::Fails,
    };
    if outcome == Outcome::Holds {
        found.reasons.clear();
    }
    let more = found.reasons.len().saturating_sub(MAX_REASONS);
    found.reasons.truncate(MAX_REASONS);
    if more > 0 {
        found.reasons.push(format!("and {more} more facts"));
    }
    Judgement { outcome, reasons: found.reasons }
}

/// What Temper does not know of the format: what macOS makes of it cannot be said then.
fn oddity(constraint: &Constraint) -> Option<String> {
    match constraint {
        Constraint { version: Some(VERSION), compatibility: None | Some(VERSION), category: None | Some(0), other, .. } => {
            other.first().map(|field| format!("the constraint has a field {field} that Temper does not know"))
        }
        Constraint { version: Some(VERSION), compatibility: None | Some(VERSION), category: Some(category), .. } => {
            Some(format!("the constraint is of category {category}, which only macOS knows"))
        }
        Constraint { version: None, .. } => Some("the constraint has no version".into()),
        Constraint { version: Some(version), .. } => Some(format!("the constraint is of version {version}, which Temper does not know")),
    }
}

/// The depth is bounded by the reader. `in_or`: directly below an `$or`, where `$optional` adds nothing.
fn evaluate(expression: &Expression, subject: &Subject<'_>, in_or: bool) -> Found {
    match expression {
        Expression::All(parts) => {
            let all: Vec<Found> = parts.iter().map(|part| evaluate(part, subject, false)).collect();
            let possible = all.iter().fold(Possible::YES, |known, part| known.with(part.possible, and));
            // What is only unknown is of no account beside what fails.
            let fails = !possible.can(Possible::YES);
            let blamed = all.into_iter().filter(|part| part.possible != Possible::YES && !(fails && part.possible.can(Possible::YES)));
            Found { possible, reasons: blamed.flat_map(|part| part.reasons).collect() }
        }
        Expression::Any(parts) => {
            let all: Vec<Found> = parts.iter().map(|part| evaluate(part, subject, true)).collect();
            let possible = all.iter().fold(Possible::NO, |known, part| known.with(part.possible, either));
            let reasons = if possible == Possible::YES { Vec::new() } else { all.into_iter().flat_map(|part| part.reasons).collect() };
            Found { possible, reasons }
        }
        Expression::Optional(part) => {
            let found = evaluate(part, subject, in_or);
            let lifted = if found.possible.can(Possible::UNDEFINED) {
                Possible(found.possible.0 & !Possible::UNDEFINED.0).or(if in_or { Possible::NO } else { Possible::YES })
            } else {
                found.possible
            };
            Found { possible: lifted, ..found }
        }
        Expression::Fact { fact, test } => of_fact(fact, test, subject),
        Expression::Unknown { operator } => {
            Found { possible: Possible::ANY, reasons: vec![format!("{operator} is an operator that Temper does not know")] }
        }
    }
}

fn of_fact(fact: &str, test: &Test, subject: &Subject<'_>) -> Found {
    let known = subject.known(fact);
    let possible = match (&known, test) {
        (_, Test::Unknown(_)) => Possible::ANY,
        (Known::Undefined, _) => Possible::UNDEFINED,
        (Known::Open(_), _) => Possible::ANY,
        (Known::Entitlements(entries), Test::Query(operations)) => match query::run(entries, operations) {
            Some(true) => Possible::YES,
            Some(false) => Possible::NO,
            None => Possible::ANY,
        },
        // Only a query asks for entitlements, and a query only for them.
        (Known::Entitlements(_), _) | (Known::Values(_), Test::Query(_)) => Possible::NO,
        (Known::Values(values), test) => {
            let one = |value: &Literal| if passes(test, value) { Possible::YES } else { Possible::NO };
            values.iter().map(one).fold(Possible(0), Possible::or)
        }
    };
    let reasons = if possible == Possible::YES { Vec::new() } else { vec![words::reason(fact, test, &known, subject)] };
    Found { possible, reasons }
}

fn passes(test: &Test, value: &Literal) -> bool {
    let number = match value {
        Literal::Integer(number) => Some(*number),
        _ => None,
    };
    match test {
        Test::Is(wanted) => wanted == value,
        Test::In(list) => list.contains(value),
        Test::Less(limit) => number.is_some_and(|number| number < *limit),
        Test::AtMost(limit) => number.is_some_and(|number| number <= *limit),
        Test::More(limit) => number.is_some_and(|number| number > *limit),
        Test::AtLeast(limit) => number.is_some_and(|number| number >= *limit),
        Test::Query(_) | Test::Unknown(_) => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
