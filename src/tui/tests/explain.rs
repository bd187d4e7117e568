//! The key for explanations: the page of what is selected, wherever something is.

use super::super::page::Target;
use super::super::update::page;
use super::{examined, press, sample, text};
use crate::Examination;
use crate::tui::keymap::{self, Action};
use crate::tui::state::{Screen, State};

fn after(examination: Examination, keys: &str) -> State {
    let mut state = examined(examination, (80, 24));
    press(&mut state, keys);
    state
}

/// The words of the explanation on top.
fn words(state: &State) -> Vec<String> {
    match state.screen() {
        Screen::Explain { words, .. } => words.clone(),
        other => panic!("no explanation: {other:?}"),
    }
}

/// All of the page on top, also what is not in sight.
fn all(state: &State) -> String {
    let page = page(state);
    let rows = page.rows.iter().chain(&page.aside);
    let lines: Vec<String> = rows.map(|row| row.line.spans.iter().map(|span| span.content.as_ref()).collect()).collect();
    lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Moves down to that target, which must be there.
fn go_to(state: &mut State, wanted: &Target) {
    for _ in 0..400 {
        if page(state).targets.get(state.screen().place().cursor) == Some(wanted) {
            return;
        }
        press(state, "down");
    }
    panic!("{wanted:?} cannot be reached");
}

#[test]
fn a_diagnosis_is_explained_by_its_issue_with_what_was_found_here() {
    let state = after(sample::jit(), "x");
    let report = sample::jit().report;
    assert_eq!(words(&state), [report.diagnoses[0].scenario.clone()]);
    assert!(all(&state).contains("Here") && all(&state).contains("Related"), "{}", all(&state));
}

#[test]
fn a_finding_is_explained_in_the_list_and_on_its_own_page() {
    for keys in ["a down x", "a down enter x"] {
        let state = after(sample::jit(), keys);
        let report = sample::jit().report;
        let [word] = &words(&state)[..] else { panic!("{:?}", words(&state)) };
        assert!(report.findings.iter().any(|finding| finding.id == word), "{keys}: {word}");
        let page = crate::explain::by_id(word).unwrap();
        assert!(all(&state).contains(&page.title) && all(&state).contains(&page.meaning), "{}", all(&state));
    }
}

#[test]
fn a_remedy_is_explained_by_its_keys() {
    let mut state = after(sample::jit(), "m x");
    let report = sample::jit().report;
    let found = words(&state);
    assert_eq!(found[0], report.diagnoses[0].scenario);
    assert!(found.iter().any(|word| word.starts_with("com.apple.security.cs.")), "{found:?}");
    press(&mut state, "down enter");
    assert_eq!(words(&state), [found[1].clone()]);
    assert!(all(&state).contains("What it is not"), "{}", all(&state));
}

#[test]
fn code_is_explained_by_its_flags_signer_and_keys() {
    let report = sample::jit().report;
    let code =
        report.code.iter().find(|code| !code.entitlements.is_empty() && code.hardened).expect("the sample has a hardened executable");
    let mut state = after(sample::jit(), "c");
    go_to(&mut state, &Target::Object(code.path.clone()));
    press(&mut state, "x");
    let found = words(&state);
    assert!(found.contains(&code.signer.to_owned()), "{found:?}");
    assert!(code.entitlements.iter().all(|key| crate::explain::by_id(key).is_none() || found.contains(key)), "{found:?}");
    assert!(found.iter().any(|word| word.starts_with("flags=")), "{found:?}");
    assert!(all(&state).contains("bit by bit"), "{}", all(&state));
}

#[test]
fn a_key_and_the_flags_of_an_object_are_rows_of_their_own() {
    let report = sample::jit().report;
    let code =
        report.code.iter().find(|code| !code.entitlements.is_empty() && code.hardened).expect("the sample has a hardened executable");
    let key = code.entitlements.iter().find(|key| crate::explain::by_id(key).is_some()).expect("a key with a page");
    for open in ["x", "enter"] {
        let mut state = after(sample::jit(), "c");
        go_to(&mut state, &Target::Object(code.path.clone()));
        press(&mut state, "enter");
        let flags = page(&state).targets.iter().find(|target| matches!(target, Target::Word(word) if word.starts_with("flags="))).cloned();
        for target in [flags.expect("a row of flags"), Target::Word(key.clone())] {
            go_to(&mut state, &target);
            press(&mut state, open);
            let Target::Word(word) = &target else { unreachable!() };
            assert_eq!(words(&state), std::slice::from_ref(word));
            assert!(!all(&state).contains("There is no page"), "{}", all(&state));
            press(&mut state, "esc");
        }
    }
}

#[test]
fn a_line_of_the_evidence_is_explained() {
    let mut state = after(sample::jit(), "e x");
    let found = words(&state);
    assert!(!found.is_empty(), "the decisive line of the sample has no page: {}", text(&after(sample::jit(), "e")));
    press(&mut state, "esc");
    assert!(matches!(state.screen(), Screen::Text(_)));
}

#[test]
fn where_no_word_fits_it_is_said_what_can_be_explained() {
    let mut state = after(sample::jit(), "c x");
    assert_eq!(words(&state), Vec::<String>::new());
    let said = all(&state);
    for topic in crate::explain::topics() {
        assert!(said.contains(topic.kind.name()) && said.contains(topic.example), "{topic:?}: {said}");
    }
    press(&mut state, "enter");
    assert_eq!(words(&state), [crate::explain::topics()[0].example]);
}

#[test]
fn related_words_lead_from_page_to_page_and_back() {
    let mut state = after(sample::jit(), "a down x");
    let first = words(&state);
    press(&mut state, "enter");
    assert_ne!(words(&state), first);
    press(&mut state, "esc");
    assert_eq!(words(&state), first);
}

#[test]
fn every_page_can_be_shown_with_its_related_words_in_reach() {
    let mut state = after(sample::jit(), "x");
    for explained in crate::explain::all() {
        if let Screen::Explain { words, diagnosis, .. } = state.screen_mut() {
            (*words, *diagnosis) = (vec![explained.id.clone()], None);
        }
        let page = page(&state);
        for word in &explained.related {
            assert!(page.targets.contains(&Target::Word(word.clone())), "{}: {word}", explained.id);
        }
        assert!(all(&state).contains(&explained.title), "{}: {}", explained.id, all(&state));
    }
}

#[test]
fn the_key_is_offered_where_something_can_be_explained() {
    for (keys, is_offered) in
        [("", true), ("c", true), ("c down down enter", true), ("e", true), ("a", true), ("a down enter", true), ("x", false)]
    {
        let mut state = examined(sample::jit(), (120, 40));
        press(&mut state, keys);
        let binding = keymap::bindings(keymap::Context::of(&state)).find(|binding| binding.action == Action::Explain).expect("it is bound");
        assert_eq!(keymap::is_offered(&state, binding), is_offered, "{keys}");
    }
}
