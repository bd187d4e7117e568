#![allow(clippy::unwrap_used)]

use super::*;
use crate::fix::sample::{self, *};
use crate::fix::sign::command_line;
use crate::read::info_plist::InfoPlist;

const MAIN: &str = "Contents/MacOS/Demo";
const JIT: &str = key::ALLOW_JIT;

fn diagnosis(cause: &'static str, scenario: &str) -> Diagnosis {
    Diagnosis {
        cause,
        scenario: scenario.into(),
        confidence: "certain",
        subject: MAIN.into(),
        arch: Some("arm64"),
        summary: String::new(),
        mended_by: "developer",
        findings: Vec::new(),
        rule: None,
        source: None,
        remedies: Vec::new(),
    }
}

/// The report's form of a scenario's remedy, on `on`.
fn remedy(scenario: &str, id: &str, on: &str) -> Remedy {
    let described = scenario::by_id(scenario).unwrap().remedy(id).unwrap();
    Remedy {
        rank: described.rank.word(),
        least: false,
        applies: true,
        why_not: None,
        needs_new_code: described.needs_new_code,
        title: described.title.clone(),
        on: Some(on.into()),
        also_on: Vec::new(),
        add_entitlements: described.add_entitlements.clone(),
        remove_entitlements: described.remove_entitlements.clone(),
        add_info_plist: described.add_info_plist.clone(),
        weakens: described.weakens.clone(),
        explanation: None,
        steps: Vec::new(),
    }
}

fn made(evidence: &Evidence, scenario: &str, id: &str) -> Plan {
    let cause = crate::scenario::CAUSES.into_iter().find(|cause| *cause == crate::scenario::by_id(scenario).unwrap().cause).unwrap();
    plan(evidence, &diagnosis(cause, scenario), &remedy(scenario, id, MAIN), &[]).unwrap()
}

fn has(plan: &Plan, words: &str) -> bool {
    plan.cautions.iter().any(|caution| caution.contains(words))
}

#[test]
fn an_entitlement_becomes_a_file_a_signature_and_a_check() {
    let mut evidence = app();
    entitle(&mut evidence.images[sample::MAIN], &[("b", Value::String("x".into()))]);
    let plan = made(&evidence, "jit", "allow-jit");
    let edit = &plan.edits[0];
    assert_eq!((edit.file.as_path(), edit.from.as_str()), (Path::new("Demo.entitlements"), "as signed, 1 key"));
    assert_eq!(edit.before, create(&[("b".into(), Value::String("x".into()))]));
    assert_eq!(edit.after, create(&[("b".into(), Value::String("x".into())), (JIT.into(), Value::Bool(true))]));
    assert!(
        edit.diff.starts_with("--- Demo.entitlements\n+++ Demo.entitlements\n@@ ")
            && edit.diff.contains(&format!("+\t<key>{JIT}</key>\n+\t<true/>\n"))
    );
    assert_eq!(plan.sign.len(), 1);
    assert_eq!(plan.sign[0].entitlements.as_deref(), Some(Path::new("Demo.entitlements")));
    assert_eq!(
        plan.check.iter().map(|argv| command_line(argv)).collect::<Vec<_>>(),
        ["codesign --verify --strict --verbose=2 Demo.app", "codesign --display --entitlements - --xml Demo.app", "temper check Demo.app"]
    );
    assert!(has(&plan, "voids the notarization ticket"));
}

#[test]
fn without_entitlements_the_file_is_new() {
    let edit = &made(&app(), "jit", "allow-jit").edits[0];
    assert_eq!((edit.before.as_str(), edit.from.as_str()), ("", "no entitlements signed"));
    assert_eq!(edit.after, create(&[(JIT.into(), Value::Bool(true))]));
    assert!(edit.diff.starts_with("--- /dev/null\n"));
}

#[test]
fn one_key_replaces_another() {
    let mut evidence = app();
    entitle(&mut evidence.images[sample::MAIN], &[(JIT, Value::Bool(true))]);
    let edit = &made(&evidence, "jit", "allow-unsigned-memory").edits[0];
    assert_eq!(edit.after, create(&[(key::UNSIGNED_MEMORY.into(), Value::Bool(true))]));
}

#[test]
fn slices_are_united_and_a_difference_is_said() {
    let mut evidence = app();
    let mut intel = evidence.images[sample::MAIN].clone();
    entitle(&mut evidence.images[sample::MAIN], &[("a", Value::Bool(true))]);
    entitle(&mut intel, &[("a", Value::Bool(true)), ("b", Value::Bool(true))]);
    evidence.images.insert(sample::MAIN + 1, intel);
    let edit = &made(&evidence, "jit", "allow-jit").edits[0];
    assert_eq!(edit.from, "as signed, 2 keys");
    assert!(edit.warnings[0].contains("slices carry different entitlements"));
    evidence.images.remove(sample::MAIN + 1);
    assert!(made(&evidence, "jit", "allow-jit").edits[0].warnings.is_empty());
}

#[test]
fn helpers_get_files_of_their_own() {
    let evidence = app();
    let mut remedy = remedy("jit", "allow-jit", MAIN);
    remedy.also_on = vec!["Contents/MacOS/helper".into(), "Contents/Helpers/Demo".into(), MAIN.into()];
    let plan = plan(&evidence, &diagnosis("jit", "jit"), &remedy, &[]).unwrap();
    let files: Vec<_> = plan.edits.iter().map(|edit| edit.file.to_str().unwrap()).collect();
    assert_eq!(files, ["Demo.entitlements", "helper.entitlements", "Demo-2.entitlements"]);
    let objects: Vec<_> = plan.sign.iter().map(|step| step.object.to_str().unwrap()).collect();
    assert_eq!(objects, ["Contents/Helpers/Demo", "Contents/MacOS/helper", ""]);
}

#[test]
fn an_existing_file_is_edited_and_what_it_would_lose_is_said() {
    let mut evidence = app();
    entitle(&mut evidence.images[sample::MAIN], &[("signed.only", Value::Bool(true)), (key::GET_TASK_ALLOW, Value::Bool(true))]);
    let text = "<plist version=\"1.0\">\n<dict>\n  <key>a</key>\n  <true/>\n</dict>\n</plist>\n";
    let existing = [(PathBuf::from(MAIN), PathBuf::from("src/my.entitlements"), text.to_owned())];
    let plan = plan(&evidence, &diagnosis("jit", "jit"), &remedy("jit", "allow-jit", MAIN), &existing).unwrap();
    let edit = &plan.edits[0];
    assert_eq!((edit.before.as_str(), edit.from.as_str()), (text, "src/my.entitlements"));
    assert_eq!(edit.after, text.replace("</dict>", &format!("  <key>{JIT}</key>\n  <true/>\n</dict>")));
    assert_eq!(edit.warnings, ["signed.only is in the signature and not in this file: signing with the file takes it away"]);
    assert!(command_line(&plan.sign[0].argv).contains("--entitlements src/my.entitlements"));
}

#[test]
fn a_file_that_says_it_already_is_signed_with_and_not_written_anew() {
    let text = create(&[(JIT.into(), Value::Bool(true))]);
    let existing = [(PathBuf::from(MAIN), PathBuf::from("my.entitlements"), text.clone())];
    let plan = plan(&app(), &diagnosis("jit", "jit"), &remedy("jit", "allow-jit", MAIN), &existing).unwrap();
    assert_eq!((plan.edits[0].after.as_str(), plan.edits[0].diff.as_str()), (text.as_str(), ""));
    assert!(plan.edits[0].warnings[0].contains("the signature does not"));
    assert_eq!(plan.sign.len(), 1);
}

#[test]
fn a_file_that_macos_cannot_read_gives_no_plan() {
    let existing = [(PathBuf::from(MAIN), PathBuf::from("my.entitlements"), "<plist><dict><!-- a -- b --></dict></plist>".to_owned())];
    let result = plan(&app(), &diagnosis("jit", "jit"), &remedy("jit", "allow-jit", MAIN), &existing);
    assert!(matches!(result, Err(EditError::Fault(_))));
}

#[test]
fn a_usage_string_goes_into_the_bundles_info_plist() {
    let mut evidence = app();
    let plan = made(&evidence, "camera", "add-usage-string");
    assert!(plan.edits.is_empty());
    let (file, key, text) = &plan.info_plist[0];
    assert_eq!((file.as_path(), key.as_str()), (Path::new("Contents/Info.plist"), "NSCameraUsageDescription"));
    assert!(text.starts_with("Demo uses the camera to …"), "{text}");
    assert!(has(&plan, "Info.plist is sealed"));
    assert_eq!(plan.sign.len(), 1, "the app, as it is");
    assert!(
        command_line(&plan.sign[0].argv).contains("--options runtime --timestamp --preserve-metadata=entitlements,requirements --sign")
    );
    evidence.bundles[0].info =
        Some(InfoPlist { usage: vec![("NSCameraUsageDescription".into(), "Shows you.".into())], ..InfoPlist::default() });
    assert!(made(&evidence, "camera", "add-usage-string").info_plist.is_empty());
}

#[test]
fn a_bare_tool_gets_its_usage_string_by_linking() {
    let mut evidence = app();
    evidence.bundles.clear();
    for image in &mut evidence.images {
        (image.main_of, image.bundle) = (None, None);
    }
    let plan = made(&evidence, "camera", "add-usage-string");
    assert!(plan.info_plist.is_empty() && plan.manual.iter().any(|text| text.contains("__info_plist")));
}

#[test]
fn a_foreign_library_is_signed_with_everything_that_holds_it() {
    let library = "Contents/Frameworks/Kit.framework/Versions/A/Libraries/libx.dylib";
    let remedy = remedy("library-validation", "sign-with-own-identity", library);
    let plan = plan(&app(), &diagnosis("library-validation", "library-validation"), &remedy, &[]).unwrap();
    assert!(plan.edits.is_empty());
    assert_eq!(plan.sign.iter().map(|step| step.object.components().count()).collect::<Vec<_>>(), [7, 3, 0]);
    assert!(has(&plan, "licence"));
    assert!(!plan.manual.is_empty());
}

#[test]
fn the_signing_that_a_remedy_asks_for_is_done() {
    let mut evidence = app();
    set_flags(&mut evidence.images[sample::MAIN], 0);
    assert!(made(&evidence, "not-hardened", "sign-with-runtime").sign[0].argv.contains(&"runtime".to_owned()));
    evidence = app();
    evidence.images.iter_mut().for_each(|image| sign_as(image, SignerKind::AdHoc, None, None));
    let without = made(&evidence, "library-validation", "sign-without-runtime");
    assert!(!without.sign[0].argv.contains(&"--options".to_owned()) && !has(&without, "no team"));
    let one = made(&evidence, "library-validation", "sign-with-one-identity");
    assert_eq!(one.sign.len(), 4);
    assert!(has(&one, "Put your own identity"));
}

#[test]
fn what_is_unwise_is_said_before_signing() {
    let mut evidence = app();
    assert!(has(&made(&evidence, "debugger-attach", "get-task-allow"), "Never ship it"));
    evidence.images.iter_mut().for_each(|image| sign_as(image, SignerKind::AdHoc, None, None));
    assert!(has(&made(&evidence, "jit", "allow-jit"), "An ad hoc signature has no team"));
    assert!(!has(&made(&evidence, "jit", "allow-jit"), "notarization ticket"));
    sign_as(&mut evidence.images[sample::MAIN], SignerKind::AppStore, Some("Apple Mac OS Application Signing"), Some(TEAM));
    assert!(has(&made(&evidence, "jit", "allow-jit"), "signed by Apple"));
}

#[test]
fn the_folder_of_the_commands_is_said_when_it_is_another() {
    let mut evidence = app();
    assert!(has(&made(&evidence, "jit", "allow-jit"), "holds Demo.app: run them in build, with the entitlements files there."));
    evidence.target.path = "./Demo.app".into();
    assert!(!has(&made(&evidence, "jit", "allow-jit"), "run them in"));
}

#[test]
fn a_remedy_that_only_needs_hands_signs_nothing() {
    let plan = made(&app(), "in-place-update", "replace-the-file");
    assert!(plan.edits.is_empty() && plan.sign.is_empty() && plan.cautions.is_empty());
    assert_eq!(plan.manual.len(), 2);
    assert_eq!(plan.check, [["temper", "check", "Demo.app"]]);
}

#[test]
fn without_an_app_there_is_a_file_and_no_command() {
    let plan = made(&Evidence::empty(), "jit", "allow-jit");
    assert_eq!(plan.edits.len(), 1);
    assert!(plan.sign.is_empty() && plan.check.is_empty() && has(&plan, "No app was given"));
}

#[test]
fn a_value_of_unknown_type_keeps_the_signed_text() {
    let mut evidence = app();
    entitle(&mut evidence.images[sample::MAIN], &[("d", Value::Other("AA==".into()))]);
    let edit = made(&evidence, "jit", "allow-jit").edits.remove(0);
    assert!(edit.warnings[0].contains("stands here as a string"));
    let xml = "<plist version=\"1.0\"><dict><key>d</key><data>AA==</data></dict></plist>";
    facts_of(&mut evidence.images[sample::MAIN]).signature.entitlements.as_mut().unwrap().xml = Some(xml.into());
    let edit = made(&evidence, "jit", "allow-jit").edits.remove(0);
    assert_eq!(edit.after, xml.replace("</dict>", &format!("<key>{JIT}</key><true/></dict>")));
}

#[test]
fn every_remedy_of_every_scenario_has_a_plan_with_steps() {
    for scenario in scenario::all() {
        for described in &scenario.remedies {
            let plan = made(&app(), &scenario.id, &described.id);
            // New code without a new key is built and signed as ever: there is nothing to say about signing it.
            let signs = described.resign && (!described.needs_new_code || !plan.edits.is_empty());
            assert_eq!(plan.sign.is_empty(), !signs, "{} {}", scenario.id, described.id);
            for step in steps(&plan) {
                assert!(["edit", "run", "manual"].contains(&step.action) && !step.text.is_empty());
                assert_eq!(step.action == "run", !step.argv.is_empty());
                assert_eq!(step.action == "edit", step.diff.is_some(), "{} {}", scenario.id, described.id);
            }
        }
    }
}

#[test]
fn entitlements_that_cannot_be_read_are_corrected_and_never_kept() {
    let mut evidence = app();
    let text =
        "<plist version=\"1.0\">\n<dict>\n\t<!-- a -- b -->\n\t<key>com.apple.security.cs.allow-jit</key>\n\t<true/>\n</dict>\n</plist>\n";
    let existing = [(PathBuf::from(MAIN), PathBuf::from("my.entitlements"), text.to_owned())];
    let remedy = remedy("entitlements-malformed", "correct-the-file", MAIN);
    let diagnosis = diagnosis("entitlements-malformed", "entitlements-malformed");
    let from_file = plan(&evidence, &diagnosis, &remedy, &existing).unwrap();
    assert_eq!(from_file.edits[0].after, text.replace("\t<!-- a -- b -->\n", ""));
    assert_eq!(from_file.edits[0].from, "my.entitlements");
    assert!(command_line(&from_file.sign[0].argv).contains("--entitlements my.entitlements --preserve-metadata=requirements --sign"));
    let by_hand = plan(&evidence, &diagnosis, &remedy, &[]).unwrap();
    assert!(by_hand.edits.is_empty());
    assert!(
        command_line(&by_hand.sign[0].argv).contains("--entitlements Demo.entitlements --preserve-metadata=requirements --sign"),
        "the unreadable ones must not be preserved"
    );
    entitle(&mut evidence.images[sample::MAIN], &[]);
    facts_of(&mut evidence.images[sample::MAIN]).signature.entitlements.as_mut().unwrap().xml = Some(text.into());
    assert_eq!(plan(&evidence, &diagnosis, &remedy, &[]).unwrap().edits[0].from, "as signed");
}
