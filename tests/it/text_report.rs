//! The report for people: what it says, and that nothing in it breaks a terminal.

use super::samples;
use temper::clean::is_unsafe;
use temper::cli::json;
use temper::cli::text::{Look, render};
use temper::report::Diagnosis;
use unicode_width::UnicodeWidthStr;

const PIPE: Look = Look { width: 80, color: false };

/// The widest a line may be: its indent and one word, where that word alone is too wide for a line; or a command's last argument.
fn only_one_word_is_too_wide(line: &str) -> bool {
    let widest = line.split(' ').map(UnicodeWidthStr::width).max().unwrap_or(0);
    let label = 35; // what may stand before the word: indent, mark or label
    line.width() <= 80 || widest + label > 80
}

#[test]
fn no_line_is_wider_than_80_columns_unless_one_word_is() {
    for (name, report) in samples::all().into_iter().filter(|(name, _)| *name != "hostile") {
        for line in render(&report, PIPE).lines() {
            assert!(only_one_word_is_too_wide(line), "{name}, {} columns: {line}", line.width());
        }
    }
}

#[test]
fn no_control_character_reaches_the_terminal() {
    for (name, report) in samples::all() {
        let text = render(&report, PIPE);
        let found: Vec<char> = text.chars().filter(|&c| c != '\n' && is_unsafe(c)).collect();
        assert!(found.is_empty(), "{name}: {found:?}");
        let json = json::render(&report).unwrap();
        assert!(!json.chars().any(|c| c != '\n' && is_unsafe(c)), "{name}");
    }
}

#[test]
fn colour_adds_styles_and_no_words() {
    for (name, report) in samples::all() {
        let colored = render(&report, Look { color: true, ..PIPE });
        assert!(colored.contains("\x1b["), "{name}");
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), render(&report, PIPE), "{name}");
    }
}

#[test]
fn a_mark_never_stands_without_its_word() {
    for (name, report) in samples::all() {
        for line in render(&report, PIPE).lines() {
            for (mark, word) in [("✗", "✗ broken"), ("▲", "▲ unwise"), ("●", "● note"), ("✓", "✓ fine")] {
                assert_eq!(line.matches(mark).count(), line.matches(word).count(), "{name}: {line}");
            }
        }
    }
}

#[test]
fn there_are_never_two_empty_lines_and_no_trailing_spaces() {
    for (name, report) in samples::all() {
        let text = render(&report, PIPE);
        assert!(!text.contains("\n\n\n") && !text.starts_with('\n') && text.ends_with('\n') && !text.ends_with("\n\n"), "{name}");
        assert!(text.lines().all(|line| !line.ends_with(' ')), "{name}");
    }
}

#[test]
fn the_answer_comes_first() {
    // Where a line wraps is not what this is about.
    let one_space = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = one_space(&render(&samples::explained(), PIPE));
    let order = [
        "Lumaplay.app   hardened   Developer ID N4W7PXQ29K",
        "report.crash: crash report of Lumaplay, made by this build",
        "✗ broken     macOS killed Lumaplay",
        "certain",
        "Contents/MacOS/Lumaplay (x86_64)",
        "the developer of this app",
        "Mends this build   Replace allow-jit by allow-unsigned-executable-memory",
        "+ com.apple.security.cs.allow-unsigned-executable-memory",
        "- com.apple.security.cs.allow-jit",
        "gives away       Unsigned code anywhere in memory may run",
        "For good           Map generated code with MAP_JIT",
        "Proof",
        "report.crash:9",
        "Termination Reason:    Namespace CODESIGNING, Code 0x2",
        "VM_ALLOCATE",
        "at 0x4c10",
        "Rule of macOS",
        "Ways to mend it",
        "does not apply here: the Intel slice",
        "the least change that mends this build",
        "codesign --force",
        "Also   1 other diagnosis",
        "Found besides",
        "Entitlements",
        "Code   3 objects, 2 with faults",
        "Libraries that do not load",
        "Would macOS start it?",
        "The notary would refuse",
        "Not the cause",
        "Not looked at",
    ];
    let mut rest = text.as_str();
    for wanted in order.map(one_space) {
        let at = rest.find(&wanted).unwrap_or_else(|| panic!("{wanted:?} is missing or stands too early in\n{text}"));
        rest = &rest[at + wanted.len()..];
    }
}

#[test]
fn leads_that_rest_on_the_same_proof_are_shown_once() {
    let mut report = samples::at_risk();
    let lead = Diagnosis { confidence: "possible", ..report.diagnoses[1].clone() };
    let elsewhere = Diagnosis { subject: "Contents/Helpers/Other".into(), ..lead.clone() };
    report.diagnoses = vec![report.diagnoses[0].clone(), lead.clone(), elsewhere.clone()];
    let text = render(&report, PIPE);
    assert_eq!(text.matches("may not load libfx.dylib").count(), 1, "{text}");
    assert!(text.contains("the same on Contents/Helpers/Other"), "{text}");
    let sure = |lead: &Diagnosis| Diagnosis { confidence: "likely", ..lead.clone() };
    report.diagnoses = vec![report.diagnoses[0].clone(), sure(&lead), sure(&elsewhere)];
    assert!(!render(&report, PIPE).contains("the same on"), "what is sure stands by itself");
}

#[test]
fn remedies_keep_their_order_and_number() {
    let text = render(&samples::explained(), PIPE);
    let at = |wanted: &str| text.find(wanted).unwrap_or_else(|| panic!("{wanted} in\n{text}"));
    assert!(at("  1. Map generated code") < at("  2. Turn the engine's JIT off") && at("  2. ") < at("  3. Replace allow-jit"));
}

#[test]
fn slices_with_the_same_entitlements_stand_together() {
    let text = render(&samples::explained(), PIPE);
    assert!(text.contains("Entitlements   Contents/MacOS/Lumaplay (arm64, x86_64)"), "{text}");
    for row in [
        "✗ broken     missing    com.apple.security.cs.allow-unsigned-executable-memory",
        "▲ unwise     not needed com.apple.security.cs.allow-jit",
        "● note       present    com.apple.security.get-task-allow",
    ] {
        assert_eq!(text.matches(row).count(), 1, "{row} in\n{text}");
    }
}

#[test]
fn another_cause_clears_the_hardened_runtime() {
    let text = render(&samples::other_cause(), PIPE);
    assert!(text.contains("No entitlement mends this"), "{text}");
}

#[test]
fn what_does_not_decide_says_what_to_get_at_once() {
    let text = render(&samples::undetermined(), PIPE);
    let at = |wanted: &str| text.find(wanted).unwrap_or_else(|| panic!("{wanted} in\n{text}"));
    assert!(text.contains("? not known  What was given does not say for sure what broke."), "{text}");
    assert!(at("evidence only, no app was given") < at("The best lead") && at("What to get next") < at("Proof"));
    assert!(text.contains(r#"'process == "kernel" OR process IN {"amfid","tccd"}'"#), "{text}");
}

#[test]
fn without_evidence_every_sure_diagnosis_shows_its_remedies() {
    let text = render(&samples::at_risk(), PIPE);
    assert_eq!(text.matches("Ways to mend it").count(), 2, "{text}");
    assert!(text.contains("Nothing was given that shows a failure"), "{text}");
}

#[test]
fn nothing_found_says_what_to_do_next() {
    let text = render(&samples::clear(), PIPE);
    assert!(text.contains("✓ fine       Nothing was found that macOS would refuse.") && text.contains("--crash"), "{text}");
    assert!(!text.contains("as far as Temper could look"));
    let mut with_gap = samples::clear();
    with_gap.gaps = samples::explained().gaps;
    assert!(render(&with_gap, PIPE).contains("as far as Temper could look"));
}

#[test]
fn a_foreign_root_is_named() {
    let mut report = samples::clear();
    report.trust_anchor = "Practice Root".into();
    assert!(render(&report, PIPE).contains("Practice Root, which is not Apple's"));
    assert!(!render(&samples::clear(), PIPE).contains("not Apple's"));
}

#[test]
fn a_path_with_control_characters_can_still_be_pasted() {
    let mut report = samples::undetermined();
    report.collect[0].argv = vec!["ls".into(), "a\u{1b}b".into()];
    let text = render(&report, PIPE);
    assert!(text.contains(r"ls $'a\033b'"), "{text}");
}

#[test]
fn a_command_is_shown_once() {
    let mut report = samples::explained();
    let step = &mut report.diagnoses[0].remedies[2].steps[1];
    step.argv = ["temper", "check", "My app.app"].map(str::to_owned).to_vec();
    step.text = "Check: temper check 'My app.app'".into();
    let text = render(&report, PIPE);
    assert_eq!(text.matches("temper check 'My app.app'").count(), 1, "{text}");
    assert!(text.contains("step 2  Check:\n"), "{text}");
}

#[test]
fn a_lesser_diagnosis_quotes_only_the_beginning() {
    let mut report = samples::explained();
    report.findings[2].proof =
        vec![temper::report::Proof { quote: format!("{}end", "é".repeat(200)), ..report.findings[0].proof[0].clone() }];
    let text = render(&report, PIPE);
    assert!(text.contains(&format!("{}…", "é".repeat(120))) && !text.contains("end\n"), "{text}");
}

#[test]
fn long_lists_are_cut_and_counted() {
    let mut report = samples::explained();
    report.gaps = (0..50).map(|n| temper::report::GapItem { path: format!("file{n}"), path_bytes: None, why: "not read".into() }).collect();
    let text = render(&report, PIPE);
    assert!(text.contains("file19") && !text.contains("file20") && text.contains("and 30 more"), "{text}");
}

#[test]
fn json_ends_with_a_line_break_and_is_only_the_report() {
    for (name, report) in samples::all() {
        let text = json::render(&report).unwrap();
        assert!(text.ends_with("}\n") && text.starts_with("{\n  \"schema\": \"temper-report/1\""), "{name}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, serde_json::to_value(&report).unwrap(), "{name}: an escape changed a value");
    }
}

#[test]
fn the_first_screen_of_every_practice_app_holds_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    for lab in temper::lab::all() {
        let request = temper::lab::unpack(&temper::system::disk::RealSystem, lab, folder.path()).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let report = temper::examine(&temper::system::disk::RealSystem, &request, &|_| {}, &stop).unwrap().report;
        let text = render(&report, PIPE);
        // A prompt and the command above it take two of 24 rows.
        let first: String = text.lines().take(22).collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        for wanted in [&report.diagnoses[0].summary[..], "How sure", "Where", "Who can mend it", "Mends this build", "gives away"] {
            assert!(first.contains(wanted), "{}: {wanted}\n{text}", lab.id);
        }
    }
}
