//! Constraints against an app for tests: a Developer ID program with a helper, and a library of another team.

use super::*;
use crate::evidence::sample::{self, TEAM};
use crate::evidence::{Bundle, TargetKind};
use crate::read::entitlements::Value;
use crate::read::signature::Constrained;

fn fact(name: &str, test: Test) -> Expression {
    Expression::Fact { fact: name.into(), test }
}

fn text(name: &str, value: &str) -> Expression {
    fact(name, Test::Is(Literal::Text(value.into())))
}

fn number(name: &str, value: i64) -> Expression {
    fact(name, Test::Is(Literal::Integer(value)))
}

fn flag(name: &str, value: bool) -> Expression {
    fact(name, Test::Is(Literal::Bool(value)))
}

fn constraint(parts: Vec<Expression>) -> Constraint {
    Constraint { version: Some(1), compatibility: Some(1), category: Some(0), requires: Expression::All(parts), other: Vec::new() }
}

/// The judgement on the app's main executable.
fn on_app(parts: Vec<Expression>) -> Judgement {
    let evidence = sample::app();
    judge(&Ok(constraint(parts)), &Subject::of(&evidence, &evidence.images[sample::MAIN], ConstraintSlot::Itself))
}

fn on_ad_hoc(parts: Vec<Expression>) -> Judgement {
    let mut evidence = sample::app();
    sample::sign_as(&mut evidence.images[sample::MAIN], SignerKind::AdHoc, None, None);
    judge(&Ok(constraint(parts)), &Subject::library(&evidence.images[sample::MAIN]))
}

fn outcome(parts: Vec<Expression>) -> Outcome {
    on_app(parts).outcome
}

#[test]
fn each_fact_of_a_signature_holds_or_names_itself() {
    let data = |bytes: &[u8]| Test::Is(Literal::Data(bytes.to_vec()));
    for (part, holds) in [
        (text("team-identifier", TEAM), true),
        (text("team-identifier", "OTHER12345"), false),
        (text("signing-identifier", "org.example"), true),
        (text("signing-identifier", "org.example.other"), false),
        (fact("cdhash", data(&[0; 20])), true),
        (fact("cdhash", data(&[1; 20])), false),
        (number("validation-category", 6), true),
        (number("validation-category", 4), false),
        (fact("validation-category", Test::In(vec![Literal::Integer(4), Literal::Integer(6)])), true),
        (fact("validation-category", Test::Less(6)), false),
        (fact("validation-category", Test::AtMost(6)), true),
        (fact("validation-category", Test::More(5)), true),
        (fact("validation-category", Test::AtLeast(7)), false),
        (flag("is-init-proc", false), true),
        (flag("on-system-volume", true), false),
        (number("launch-type", 1), false),
        (fact("team-identifier", Test::Is(Literal::Integer(1))), false),
    ] {
        let judgement = on_app(vec![part.clone()]);
        let expected = if holds { Outcome::Holds } else { Outcome::Fails };
        assert_eq!(judgement.outcome, expected, "{part:?}: {:?}", judgement.reasons);
        let Expression::Fact { fact, .. } = part else { panic!() };
        assert_eq!(judgement.reasons.is_empty(), holds);
        assert!(judgement.reasons.iter().all(|reason| reason.starts_with(&fact)), "{:?}", judgement.reasons);
    }
    let failed = on_app(vec![text("team-identifier", "OTHER12345")]);
    assert_eq!(failed.reasons, [format!("team-identifier must be OTHER12345, but that of Demo is {TEAM}")]);
}

#[test]
fn what_a_file_does_not_tell_is_left_open_and_named() {
    for part in [
        flag("is-sip-protected", true),
        number("launch-type", 3),
        number("moon-phase", 1),
        flag("developer-mode-engaged", true),
        fact("team-identifier", Test::Unknown("$like".into())),
        Expression::Unknown { operator: "$xor".into() },
    ] {
        let judgement = on_app(vec![part.clone()]);
        assert_eq!(judgement.outcome, Outcome::Depends, "{part:?}");
        assert_eq!(judgement.reasons.len(), 1, "{part:?}");
    }
    assert!(on_app(vec![number("moon-phase", 1)]).reasons[0].contains("Apple does not document"));
}

#[test]
fn parts_join_by_their_operators() {
    let (good, bad) = (|| text("team-identifier", TEAM), || text("signing-identifier", "x"));
    let open = || flag("is-sip-protected", true);
    assert_eq!(outcome(vec![good(), bad(), open()]), Outcome::Fails);
    assert_eq!(outcome(vec![good(), open()]), Outcome::Depends);
    assert_eq!(outcome(vec![Expression::Any(vec![bad(), good()])]), Outcome::Holds);
    assert_eq!(outcome(vec![Expression::Any(vec![bad(), open()])]), Outcome::Depends);
    assert_eq!(outcome(vec![Expression::Any(vec![bad(), Expression::All(vec![good(), good()])])]), Outcome::Holds);
    let failed = on_app(vec![good(), bad(), open()]);
    assert_eq!(failed.reasons.len(), 1, "what is only open is not to blame: {:?}", failed.reasons);
}

/// The team of ad hoc code is not defined: macOS refuses, except where that is optional or another branch holds.
#[test]
fn a_fact_that_the_code_lacks_refuses_unless_it_is_optional() {
    let team = || text("team-identifier", TEAM);
    let optional = |part| Expression::Optional(Box::new(part));
    let on = |parts| on_ad_hoc(parts).outcome;
    assert_eq!(on(vec![team()]), Outcome::Fails);
    assert_eq!(on_ad_hoc(vec![team()]).reasons, [format!("team-identifier must be {TEAM}, but Demo has none")]);
    assert_eq!(on(vec![optional(team())]), Outcome::Holds);
    assert_eq!(on(vec![Expression::Any(vec![team(), text("signing-identifier", "org.example")])]), Outcome::Holds);
    assert_eq!(on(vec![Expression::Any(vec![optional(team()), text("signing-identifier", "x")])]), Outcome::Fails);
    assert_eq!(outcome(vec![optional(text("team-identifier", "OTHER12345"))]), Outcome::Fails, "it is defined, and false");
    assert_eq!(on(vec![fact("validation-category", Test::AtMost(3))]), Outcome::Depends, "0 or 10");
    assert_eq!(on(vec![number("validation-category", 6)]), Outcome::Fails);
}

#[test]
fn entitlements_are_asked_by_a_query() {
    let query = |value| {
        let operations = vec![(1, Literal::Text("com.example.key".into())), (5, Literal::Bool(value))];
        vec![fact("entitlements", Test::Query(operations))]
    };
    let mut evidence = sample::app();
    sample::entitle(&mut evidence.images[sample::MAIN], &[("com.example.key", Value::Bool(true))]);
    let on = |evidence: &Evidence, parts| judge(&Ok(constraint(parts)), &Subject::library(&evidence.images[sample::MAIN]));
    assert_eq!(on(&evidence, query(true)).outcome, Outcome::Holds);
    assert_eq!(on(&evidence, query(false)).reasons, ["entitlements must have com.example.key = false, but those of Demo do not"]);
    let mut odd = query(true);
    odd.push(fact("entitlements", Test::Query(vec![(99, Literal::Bool(true))])));
    assert_eq!(on(&evidence, odd).outcome, Outcome::Depends);
}

#[test]
fn another_version_or_an_unknown_field_leaves_it_open() {
    let good = || constraint(vec![text("team-identifier", TEAM)]);
    let evidence = sample::app();
    let subject = Subject::library(&evidence.images[sample::MAIN]);
    for odd in [
        Constraint { version: Some(2), ..good() },
        Constraint { version: None, ..good() },
        Constraint { category: Some(3), ..good() },
        Constraint { other: vec!["new".into()], ..good() },
    ] {
        assert_eq!(judge(&Ok(odd.clone()), &subject).outcome, Outcome::Depends, "{odd:?}");
    }
    let unreadable = judge(&Err(ReadError::new("cut off", 4)), &subject);
    assert_eq!((unreadable.outcome, unreadable.reasons), (Outcome::Unreadable, vec!["cut off at offset 0x4".to_owned()]));
}

fn carry(image: &mut Image, slot: ConstraintSlot, parts: Vec<Expression>) {
    sample::facts_of(image).signature.constraints.push(Constrained { slot, constraint: Ok(constraint(parts)) });
}

fn service(evidence: &mut Evidence) {
    let path = "Contents/XPCServices/Worker.xpc";
    let executable = format!("{path}/Contents/MacOS/Worker");
    let info_path = format!("{path}/Contents/Info.plist").into();
    let executable_path = Some(executable.clone().into());
    let first = evidence.bundles[0].clone();
    evidence.bundles.push(Bundle { path: path.into(), kind: TargetKind::Xpc, info_path, executable: executable_path, ..first });
    let mut image = sample::image(&executable, crate::read::macho::FileType::Execute, Some(3), Some(3));
    let app = || vec![text("team-identifier", TEAM), text("signing-identifier", "org.example")];
    carry(&mut image, ConstraintSlot::Parent, app());
    carry(&mut image, ConstraintSlot::Responsible, app());
    evidence.images.push(image);
}

#[test]
fn the_parent_of_a_helper_is_its_app_and_that_of_a_service_is_launchd() {
    let mut evidence = sample::app();
    carry(&mut evidence.images[sample::HELPER], ConstraintSlot::Parent, vec![text("signing-identifier", "org.example.other")]);
    service(&mut evidence);
    let helper = of_launch(&evidence, &evidence.images[sample::HELPER]);
    assert_eq!(helper[0].subject.as_deref(), Some("Demo"));
    assert!(helper[0].refuses() && helper[0].certainty() == LIKELY);
    assert!(helper[0].why().starts_with("its parent constraint does not let Demo start it: signing-identifier"), "{}", helper[0].why());
    let service = of_launch(&evidence, &evidence.images[4]);
    assert_eq!(service.iter().map(|applied| applied.subject.as_deref()).collect::<Vec<_>>(), [Some("launchd"), Some("Demo")]);
    assert_eq!(service.iter().map(|applied| applied.judgement.outcome).collect::<Vec<_>>(), [Outcome::Fails, Outcome::Holds]);
}

#[test]
fn nobody_knows_who_starts_the_app_itself() {
    let mut evidence = sample::app();
    carry(&mut evidence.images[sample::MAIN], ConstraintSlot::Parent, vec![flag("is-init-proc", true)]);
    let applied = of_launch(&evidence, &evidence.images[sample::MAIN]);
    assert_eq!((applied[0].subject.as_ref(), applied[0].judgement.outcome), (None, Outcome::Depends));
    assert_eq!(applied[0].judgement.reasons, ["is-init-proc must be true, which depends on who starts it"]);
}

#[test]
fn a_library_constraint_keeps_out_others_but_never_apples() {
    let mut evidence = sample::app();
    carry(&mut evidence.images[sample::MAIN], ConstraintSlot::Library, vec![text("team-identifier", TEAM)]);
    let process = Process::of(&evidence.images[sample::MAIN]);
    let (program, own, foreign) = (&evidence.images[sample::MAIN], &evidence.images[sample::KIT], &evidence.images[sample::FOREIGN]);
    assert_eq!(load(&process, &of_library(program, own).unwrap()), None);
    let refused = load(&process, &of_library(program, foreign).unwrap()).unwrap();
    assert!(!refused.allowed && refused.least_keys().is_none() && refused.certainty == CERTAIN);
    let old = Process { os: Some((13, 6)), ..process.clone() };
    assert_eq!(load(&old, &of_library(program, foreign).unwrap()), None, "macOS 14 is the first to heed them");
    sample::sign_as(&mut evidence.images[sample::FOREIGN], SignerKind::Apple, None, None);
    assert_eq!(of_library(&evidence.images[sample::MAIN], &evidence.images[sample::FOREIGN]), None);
}

#[test]
fn demands_are_told_in_a_row() {
    let parts = vec![
        text("team-identifier", TEAM),
        Expression::Any(vec![
            Expression::All(vec![number("validation-category", 6), fact("launch-type", Test::Less(4))]),
            Expression::Optional(Box::new(flag("is-init-proc", true))),
        ]),
        fact("entitlements", Test::Query(vec![(1, Literal::Text("com.example.key".into())), (5, Literal::Bool(true))])),
    ];
    let said = demands(&constraint(parts));
    let expected = "team-identifier is TEAM123456 and ((validation-category is 6 and launch-type is less than 4) or is-init-proc is true (unless that is \
                    not defined)) and entitlements have com.example.key = true";
    assert_eq!(said, expected);
    let long = demands(&constraint(vec![fact("cdhash", Test::In(vec![Literal::Text("x".repeat(5_000)); 500])); 40]));
    assert!(long.chars().count() <= 4_001, "{}", long.len());
}
