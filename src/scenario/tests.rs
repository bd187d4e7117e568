//! The embedded files keep the rules, reach everything, and say nothing that is known to be wrong.
#![allow(clippy::unwrap_used)]

use super::*;

const REMEDY: &str = "cause = \"jit\"\ntitle = \"t\"\nissue = \"i\"\nwhy = \"w\"\n[[remedy]]\nid = \"a\"\nrank = \"fallback\"\ntitle = \"one\"\nexplanation = \"e\"\n";

fn refused(text: &str, expected: &str) {
    let error = parse("own", text).unwrap_err();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn every_embedded_scenario_parses() {
    for (id, text) in FILES {
        if let Err(error) = parse(id, text) {
            panic!("{error}");
        }
    }
    assert_eq!(all().len(), FILES.len());
}

#[test]
fn every_file_of_the_folder_is_embedded() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let mut on_disk: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|stem| stem != "interview")
        .collect();
    on_disk.sort();
    let mut embedded: Vec<&str> = FILES.iter().map(|(id, _)| *id).collect();
    embedded.sort_unstable();
    assert_eq!(on_disk, embedded);
}

#[test]
fn every_cause_has_a_scenario_and_every_documented_issue_one() {
    for cause in CAUSES {
        assert!(all().iter().any(|scenario| scenario.cause == cause), "{cause}");
    }
    for number in 1..=8 {
        assert_eq!(all().iter().filter(|scenario| scenario.document_issue == Some(number)).count(), 1, "issue {number}");
    }
}

#[test]
fn every_scenario_has_words_sources_and_a_remedy() {
    for scenario in all() {
        let words = [&scenario.title, &scenario.issue, &scenario.why, &scenario.not_this, &scenario.prove];
        assert!(words.iter().all(|text| !text.trim().is_empty()), "{}", scenario.id);
        assert!(!scenario.sources.is_empty() && !scenario.remedies.is_empty(), "{}", scenario.id);
        for remedy in &scenario.remedies {
            assert!(!remedy.title.is_empty() && !remedy.explanation.is_empty(), "{} {}", scenario.id, remedy.id);
            let changes =
                !remedy.add_entitlements.is_empty() || !remedy.remove_entitlements.is_empty() || !remedy.add_info_plist.is_empty();
            assert!(!changes || remedy.resign, "{} {}: what changes must be signed", scenario.id, remedy.id);
        }
    }
}

#[test]
fn the_documents_remedies_stand_under_its_words() {
    let of = |id: &str, remedy: &str| by_id(id).unwrap().remedy(remedy).unwrap().clone();
    assert_eq!(of("jit", "allow-jit").rank, Rank::Recommended);
    assert_eq!(of("jit", "adopt-map-jit").rank, Rank::Recommended);
    assert_eq!(of("jit", "allow-unsigned-memory").rank, Rank::Fallback);
    assert_eq!(of("framework-patching", "stop-patching").rank, Rank::Recommended);
    assert_eq!(of("framework-patching", "allow-unsigned-memory").rank, Rank::Fallback);
    assert_eq!(of("library-validation", "out-of-process").rank, Rank::Recommended);
    assert_eq!(of("library-validation", "disable-library-validation").rank, Rank::Fallback);
    assert_eq!(of("dyld-shipping", "do-without-variables").rank, Rank::Recommended);
    assert_eq!(of("dyld-shipping", "allow-dyld-environment-variables").rank, Rank::Fallback);
    assert_eq!(of("plugin-debugging", "ship-a-debug-version").rank, Rank::Alternative);
    let both = of("plugin-debugging", "get-task-allow-and-disable-library-validation");
    assert_eq!((both.rank, both.add_entitlements.len()), (Rank::Fallback, 2));
    assert_eq!(of("dyld-debug", "get-task-allow").add_entitlements, ["com.apple.security.get-task-allow"]);
    assert_eq!(of("debugger-attach", "get-task-allow").add_entitlements, ["com.apple.security.get-task-allow"]);
}

#[test]
fn what_must_never_be_least_is_not() {
    for remedy in &by_id("framework-patching").unwrap().remedies {
        assert!(!remedy.may_be_least, "{}", remedy.id);
    }
    for id in ["in-place-update", "not-signing", "gatekeeper", "launch-constraint", "signature-invalid"] {
        for remedy in &by_id(id).unwrap().remedies {
            assert!(remedy.add_entitlements.is_empty(), "{id} {}: no key mends this", remedy.id);
        }
    }
    assert!(!by_id("library-validation").unwrap().remedy("disable-library-validation-inside").unwrap().may_be_least);
    for scenario in all() {
        for remedy in &scenario.remedies {
            let debug = remedy.add_entitlements.iter().any(|key| key == "com.apple.security.get-task-allow");
            assert!(!debug || remedy.development_only, "{} {}", scenario.id, remedy.id);
        }
    }
}

#[test]
fn the_seven_resources_have_their_keys() {
    let table = [
        ("microphone", "com.apple.security.device.audio-input", "NSMicrophoneUsageDescription"),
        ("camera", "com.apple.security.device.camera", "NSCameraUsageDescription"),
        ("location", "com.apple.security.personal-information.location", "NSLocationUsageDescription"),
        ("contacts", "com.apple.security.personal-information.addressbook", "NSContactsUsageDescription"),
        ("calendars", "com.apple.security.personal-information.calendars", "NSCalendarsUsageDescription"),
        ("photos", "com.apple.security.personal-information.photos-library", "NSPhotoLibraryUsageDescription"),
        ("apple-events", "com.apple.security.automation.apple-events", "NSAppleEventsUsageDescription"),
    ];
    for (id, entitlement, usage) in table {
        let scenario = by_id(id).unwrap();
        let resource = scenario.resource.as_ref().unwrap();
        assert_eq!((scenario.cause.as_str(), resource.entitlement.as_str()), ("protected-resource", entitlement));
        assert_eq!(resource.usage_keys[0], usage);
        assert_eq!(scenario.remedy("add-entitlement").unwrap().add_entitlements, [entitlement]);
        assert!(scenario.remedy("add-usage-string").unwrap().add_info_plist.iter().all(|key| resource.usage_keys.contains(key)), "{id}");
        assert!(resource.wrong_usage_keys.iter().all(|key| !resource.usage_keys.contains(key)), "{id}");
    }
    assert_eq!(all().iter().filter(|scenario| scenario.resource.is_some()).count(), table.len());
}

#[test]
fn the_slips_of_the_document_stand_only_among_the_wrong_keys() {
    for (id, text) in FILES {
        assert!(!text.contains("--entitlements :-"), "{id}");
        for line in text.lines().filter(|line| line.contains("NSCalendarUsageDescription")) {
            assert!(line.starts_with("wrong_usage_keys"), "{id}: {line}");
        }
    }
    assert!(by_id("calendars").unwrap().resource.as_ref().unwrap().wrong_usage_keys.contains(&"NSCalendarUsageDescription".to_owned()));
    assert!(
        by_id("microphone")
            .unwrap()
            .resource
            .as_ref()
            .unwrap()
            .wrong_entitlements
            .contains(&"com.apple.security.device.microphone".to_owned())
    );
    assert!(!include_str!("../../scenarios/interview.toml").contains("--entitlements :-"));
}

#[test]
fn an_unknown_name_is_refused_with_its_line() {
    refused(&format!("{REMEDY}when = [\"on-tuesdays\"]\n"), "own.toml, line 10: unknown variant `on-tuesdays`");
    refused(&format!("{REMEDY}colour = \"red\"\n"), "own.toml, line 10: unknown field `colour`");
    refused(&REMEDY.replace("fallback", "best"), "own.toml, line 7: unknown variant `best`");
    refused(&REMEDY.replace("\"jit\"", "\"magic\""), "own.toml, line 1: unknown cause `magic`");
    refused(&format!("{REMEDY}why_not = {{ arm64 = \"x\" }}\n"), "`why_not` names a condition");
    assert_eq!(parse("own", REMEDY).unwrap().id, "own");
}

#[test]
fn a_broken_rule_is_refused_with_its_line() {
    refused(&format!("{REMEDY}needs_new_code = true\nmay_be_least = true\n"), "own.toml, line 6: remedy `a`: what needs new code");
    refused(&format!("{REMEDY}add_entitlements = [\"com.apple.security.cs.debugger\"]\n"), "takes a protection away");
    refused(&format!("{REMEDY}signing = {{ runtime = false }}\n"), "takes a protection away");
    let second = "[[remedy]]\nid = \"b\"\nrank = \"recommended\"\ntitle = \"two\"\nexplanation = \"e\"\n";
    refused(&format!("{REMEDY}{second}"), "own.toml, line 11: remedy `b`: remedies stand in the order");
    refused(&format!("{REMEDY}{}", second.replace("\"b\"", "\"a\"")), "two remedies have this id");
    refused(&format!("{REMEDY}{}", second.replace("two", "one").replace("recommended", "fallback")), "the title of this one");
    refused(&format!("document_issue = 9\n{REMEDY}"), "a number from 1 to 8");
}

#[test]
fn condition_words_are_the_names_in_the_files() {
    #[derive(Deserialize)]
    struct One {
        when: Condition,
    }
    let all = [
        Condition::Arm64,
        Condition::X86_64,
        Condition::UsesMapJit,
        Condition::FlipsPages,
        Condition::MapsWriteExecute,
        Condition::PatchesCode,
        Condition::HasAllowJit,
        Condition::HasKey,
        Condition::Hardened,
        Condition::Sandboxed,
        Condition::InsideBundle,
        Condition::OutsideBundle,
        Condition::NoTeam,
        Condition::HasTeam,
        Condition::UsageMissing,
        Condition::EntitlementMissing,
        Condition::DevelopmentBuild,
        Condition::DistributionBuild,
        Condition::ThroughScript,
        Condition::BareExecutable,
    ];
    for condition in all {
        let one: One = toml::from_str(&format!("when = \"{}\"", condition.word())).unwrap();
        assert_eq!(one.when, condition);
    }
}

#[test]
fn the_interview_reaches_every_issue_and_resource_and_every_question() {
    let interview = parse_interview(include_str!("../../scenarios/interview.toml")).unwrap();
    let mut questions = BTreeSet::new();
    let mut scenarios = BTreeSet::new();
    let mut todo = vec![interview.start.clone()];
    while let Some(id) = todo.pop() {
        if !questions.insert(id.clone()) {
            continue;
        }
        let question = interview.question(&id).unwrap();
        assert!(!question.how.trim().is_empty() && question.answers.len() >= 2, "{id}");
        todo.extend(question.answers.iter().filter_map(|answer| answer.next.clone()));
        scenarios.extend(question.answers.iter().filter_map(|answer| answer.scenario.clone()));
    }
    assert_eq!(questions.len(), interview.questions.len(), "a question that no answer leads to");
    for scenario in all() {
        let must = scenario.document_issue.is_some() || scenario.resource.is_some();
        assert!(!must || scenarios.contains(&scenario.id), "{}", scenario.id);
    }
}

#[test]
fn an_answer_that_leads_nowhere_is_refused() {
    let text = "start = \"a\"\n[[question]]\nid = \"a\"\nask = \"?\"\nhow = \"h\"\nanswer = [ { text = \"yes\", next = \"b\" } ]\n";
    assert!(parse_interview(text).unwrap_err().contains("leads nowhere: yes"));
    assert!(parse_interview(&text.replace("next = \"b\"", "next = \"a\", scenario = \"jit\"")).is_err());
    assert!(parse_interview(&text.replace("next = \"b\"", "scenario = \"no-such\"")).is_err());
    assert!(parse_interview(&text.replace("start = \"a\"", "start = \"z\"")).unwrap_err().contains("`z`"));
    assert!(parse_interview(&text.replace("next = \"b\"", "scenario = \"jit\"")).is_ok());
}

/// Words stand in the scenario, rules in the policy: both must name the same keys, services and symbols.
#[test]
fn the_resources_of_the_scenarios_are_those_of_the_policy() {
    for known in crate::policy::RESOURCES {
        let written = by_id(known.scenario).and_then(|scenario| scenario.resource.as_ref()).expect("every resource has a scenario");
        assert_eq!(written.services, known.services, "{}", known.scenario);
        assert_eq!(written.entitlement, known.entitlement, "{}", known.scenario);
        assert_eq!(written.usage_keys, known.usage_keys, "{}", known.scenario);
        assert_eq!(written.wrong_usage_keys, known.wrong_usage_keys, "{}", known.scenario);
        assert_eq!(written.wrong_entitlements, known.wrong_entitlements, "{}", known.scenario);
        assert_eq!(written.symbols, known.symbols, "{}", known.scenario);
    }
    let resources = all().iter().filter(|scenario| scenario.resource.is_some()).count();
    assert_eq!(resources, crate::policy::RESOURCES.len());
}
