//! Who signs a fix, and the password of a file: chosen by keys, never kept in the state.

use super::super::page::Target;
use super::super::state::{FixPage, FixStage, Keychain, SignRow, SignWith, Stopped, Stroke, Tools};
use super::*;
use crate::fix::sign::Who;
use crate::system::Secret;

/// Keys from the answer to the page.
const TO_PAGE: &str = "m enter right A I";
/// Keys from there to the masked line.
const TO_PASSWORD: &str = "G enter / k . p 1 2 enter";
const PASSWORD: &str = "Zq7#ü!9y";

/// The page, on a machine with these programs.
fn on(tools: Tools, size: (u16, u16)) -> State {
    let mut state = examined(sample::jit(), size);
    press(&mut state, "m enter right A");
    let effects = update(&mut state, Msg::Key(event("I")));
    update(&mut state, Msg::ToolsFound(job_of(&effects), tools));
    state
}

fn page(size: (u16, u16)) -> State {
    on(sample::tools(), size)
}

/// The page with the keychain listed, and this row selected.
fn listed(size: (u16, u16), row: SignRow) -> State {
    let mut state = page(size);
    for row in [SignRow::Look, row] {
        select(&mut state, row);
        if row == SignRow::Look {
            press(&mut state, "enter");
        }
    }
    state
}

/// Moves to a row; on a small screen that takes more keys.
fn select(state: &mut State, row: SignRow) {
    press(state, "g");
    for _ in 0..60 {
        let page = super::super::update::page(state);
        if page.targets.get(state.screen().place().cursor) == Some(&Target::Sign(row)) {
            return;
        }
        press(state, "down");
    }
    panic!("{row:?} cannot be selected:\n{}", text(state));
}

fn fix(state: &State) -> &FixPage {
    match state.screen() {
        Screen::Fix(page) => page,
        other => panic!("{other:?}"),
    }
}

/// The worker's half of a password.
#[derive(Default)]
struct Held(Secret);

impl Held {
    fn take(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Password(Stroke::Add(more)) => self.0.push(more),
                Effect::Password(Stroke::Erase) => self.0.pop(),
                Effect::Password(Stroke::Wipe) => self.0 = Secret::default(),
                _ => {}
            }
        }
    }

    fn typed(&mut self, state: &mut State, text: &str) {
        for c in text.chars() {
            let effects = update(state, Msg::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)));
            self.take(&effects);
        }
    }

    fn press(&mut self, state: &mut State, keys: &str) {
        for key in keys.split_whitespace() {
            let effects = press(state, key);
            self.take(&effects);
        }
    }
}

/// Nothing of it: not in the state, not on the screen, not in what is printed of effects.
fn shows_nothing_of_it(state: &State) {
    let all = format!("{state:?}{}", text(state));
    for part in [PASSWORD, "Zq7", "7#ü", "!9y"] {
        assert!(!all.contains(part), "{part} in {all}");
    }
}

pub fn screens(size: (u16, u16)) -> Vec<(&'static str, State)> {
    let with = |mut state: State, keys: &str| {
        press(&mut state, keys);
        state
    };
    let only = |codesign, rcodesign, security: Option<&str>| on(Tools { codesign, rcodesign, security: security.map(PathBuf::from) }, size);
    let failed = {
        let mut state = page(size);
        select(&mut state, SignRow::Look);
        let effects = update(&mut state, Msg::Key(event("enter")));
        update(&mut state, Msg::Failed(job_of(&effects), "security find-identity -v -p codesigning failed: locked".into()));
        state
    };
    let missing = {
        let mut state = page(size);
        press(&mut state, "G enter / k . p 1 2");
        let effects = update(&mut state, Msg::Key(event("enter")));
        update(&mut state, Msg::Failed(job_of(&effects), "/k.p12: the identity cannot be read: No such file or directory".into()));
        state
    };
    vec![
        ("who", page(size)),
        ("who-list", listed(size, SignRow::Identity(0))),
        ("who-list-caution", listed(size, SignRow::Identity(1))),
        ("who-list-unfit", with(listed(size, SignRow::Identity(2)), "enter")),
        ("who-failed", failed),
        ("who-rcodesign", only(false, true, None)),
        ("who-no-keychain", only(true, false, None)),
        ("who-nothing", only(false, false, None)),
        ("who-chosen", with(listed(size, SignRow::Identity(1)), "enter I")),
        ("who-file", with(page(size), "G enter / k . p 1 2")),
        ("who-file-missing", missing),
        ("password", with(page(size), &format!("{TO_PASSWORD} a b c d e f"))),
        ("password-typed", with(page(size), &format!("{TO_PASSWORD} a b c enter"))),
        ("password-refused", with(page(size), &format!("{TO_PASSWORD} a b c esc"))),
    ]
}

#[test]
fn the_keychain_is_asked_only_by_enter_on_the_row_that_shows_the_command() {
    let mut state = page((80, 24));
    assert!(text(&state).contains("security find-identity -v -p codesigning"), "{}", text(&state));
    for key in ["y", "down", "y", "a", "esc", "I", "up", "down"] {
        assert!(!press(&mut state, key).iter().any(|effect| matches!(effect, Effect::ListIdentities(_))), "{key}");
    }
    press(&mut state, "down");
    let effects = update(&mut state, Msg::Key(event("enter")));
    let [Effect::ListIdentities(job)] = effects[..] else { panic!("{effects:?}") };
    assert!(press(&mut state, "enter").is_empty(), "once");
    update(&mut state, Msg::Identities(JobId(9999), Vec::new()));
    assert!(text(&state).contains("Asking the keychain"), "another job's answer is nobody's: {}", text(&state));
    update(&mut state, Msg::Identities(job, sample::identities()));
    let shown = text(&state);
    assert!(shown.contains("▸ Developer ID Application: Example"), "the first that is fit is selected: {shown}");
    // Known once, it is not asked again.
    press(&mut state, "esc I");
    assert!(text(&state).contains("Apple Development: Jo Doe"), "{}", text(&state));
}

#[test]
fn a_chosen_identity_is_in_the_plan_that_is_shown_and_done() {
    let mut state = page((80, 24));
    press(&mut state, "down down enter down");
    assert!(text(&state).contains("unwise: Apple Development: Jo Doe"), "{}", text(&state));
    let effects = update(&mut state, Msg::Key(event("enter")));
    let [Effect::PrepareFix(job, order)] = &effects[..] else { panic!("{effects:?}") };
    let SignWith::Keychain(who, cautions) = &order.sign_with else { panic!("{order:?}") };
    assert_eq!(*who, Who::Named("Apple Development: Jo Doe (C3X9K2PLM4)".into()));
    assert!(cautions[0].contains("the notary refuses"), "{cautions:?}");
    assert!(press(&mut state, "y").is_empty(), "nothing is shown yet");
    update(&mut state, Msg::FixOffered(*job, Box::new(sample::offer())));
    let effects = press(&mut state, "y");
    assert!(matches!(&effects[..], [Effect::Fix(_, order, _)] if matches!(&order.sign_with, SignWith::Keychain(own, _) if own == who)));
}

#[test]
fn a_name_that_two_have_is_chosen_by_its_hash() {
    let mut state = page((80, 24));
    press(&mut state, "down down enter");
    let effects = update(&mut state, Msg::Key(event("enter")));
    let [Effect::PrepareFix(_, order)] = &effects[..] else { panic!("{effects:?}") };
    let hash = "0A1B2C3D4E5F60718293A4B5C6D7E8F901234567".to_owned();
    let name = "Developer ID Application: Example (EXAMPLE001)".to_owned();
    assert!(matches!(&order.sign_with, SignWith::Keychain(who, _) if *who == Who::Hash { hash, name }), "{order:?}");
}

#[test]
fn one_that_cannot_sign_says_why_and_is_not_taken() {
    let mut state = page((80, 40));
    press(&mut state, "down down enter down down");
    assert!(text(&state).contains("broken: cannot sign: its certificate has expired"), "{}", text(&state));
    assert!(press(&mut state, "enter").is_empty() && matches!(state.screen(), Screen::Who(_)));
    assert!(state.notice.as_deref().unwrap().contains("expired"));
}

#[test]
fn what_cannot_be_asked_is_said_and_can_be_tried_again() {
    let mut state = page((80, 24));
    press(&mut state, "down down");
    for _ in 0..2 {
        let effects = update(&mut state, Msg::Key(event("enter")));
        update(&mut state, Msg::Failed(job_of(&effects), "security failed: locked".into()));
        assert!(text(&state).contains("broken: security failed: locked") && text(&state).contains("again"), "{}", text(&state));
    }
    press(&mut state, "enter");
    assert!(text(&state).contains("Apple Development: Jo Doe"));
}

#[test]
fn a_password_goes_to_the_worker_and_is_nowhere_else() {
    let (mut state, mut held) = (page((80, 24)), Held::default());
    held.press(&mut state, TO_PASSWORD);
    assert!(text(&state).contains("Password of k.p12"), "{}", text(&state));
    held.typed(&mut state, PASSWORD);
    assert_eq!(held.0.0, PASSWORD.as_bytes());
    shows_nothing_of_it(&state);
    let dots = "•".repeat(PASSWORD.chars().count());
    assert!(text(&state).contains(&format!(" {dots}\n")), "{}", text(&state));
    // A slip, and its mending; a paste is its first line, as it stands.
    held.typed(&mut state, "x");
    held.press(&mut state, "backspace");
    held.press(&mut state, "ctrl-u");
    assert!(held.0.0.is_empty() && !text(&state).contains('•'));
    held.press(&mut state, "backspace");
    let effects = update(&mut state, Msg::Paste(format!("{PASSWORD}\rsecond line")));
    assert!(!format!("{effects:?}").contains("Zq7"), "{effects:?}");
    held.take(&effects);
    assert_eq!(held.0.0, PASSWORD.as_bytes());
    shows_nothing_of_it(&state);
    held.press(&mut state, "enter");
    assert!(fix(&state).has_password && text(&state).contains("typed; it goes to rcodesign"), "{}", text(&state));
    // In place or not, it is for the same file.
    held.press(&mut state, "i");
    assert_eq!(held.0.0, PASSWORD.as_bytes());
    shows_nothing_of_it(&state);
    let effects = press(&mut state, "y");
    let [Effect::Fix(job, order, _), Effect::Password(Stroke::Wipe)] = &effects[..] else { panic!("{effects:?}") };
    assert!(order.sign_with == SignWith::File("/k.p12".into()) && order.in_place);
    assert!(!format!("{effects:?}").contains("Zq7"));
    // It was wrong: the page says so, and another try asks anew.
    let why = "rcodesign sign ended with status 1: incorrect password".into();
    update(&mut state, Msg::FixStopped(*job, Stopped { why, left: None }));
    assert!(text(&state).contains("incorrect password") && text(&state).contains("I chooses who signs"), "{}", text(&state));
    press(&mut state, "I");
    assert!(text(&state).contains("chosen now"), "{}", text(&state));
    press(&mut state, "enter enter");
    assert!(matches!(state.screen(), Screen::Password(masked) if masked.typed == 0 && masked.file.ends_with("k.p12")), "{state:?}");
}

#[test]
fn without_its_password_nothing_is_done() {
    let (mut state, mut held) = (page((80, 24)), Held::default());
    held.press(&mut state, TO_PASSWORD);
    held.typed(&mut state, "abc");
    held.press(&mut state, "esc");
    assert!(held.0.0.is_empty(), "esc overwrites it");
    assert!(text(&state).contains("y yes, with its password"), "{}", text(&state));
    assert!(press(&mut state, "y").is_empty() && matches!(state.screen(), Screen::Password(_)), "it is asked for first");
    // A file without a password has the empty one.
    assert!(press(&mut state, "enter").is_empty() && fix(&state).has_password);
    assert!(matches!(&press(&mut state, "y")[..], [Effect::Fix(..), Effect::Password(Stroke::Wipe)]));
}

#[test]
fn a_password_is_overwritten_on_every_way_out() {
    for way in ["esc", "enter n", "enter a", "enter I g enter", "enter I g down enter", "enter I G enter enter", "ctrl-c"] {
        let (mut state, mut held) = (page((80, 24)), Held::default());
        held.press(&mut state, TO_PASSWORD);
        held.typed(&mut state, PASSWORD);
        held.press(&mut state, way);
        // Leaving ends the worker, and it overwrites what it has.
        assert!(held.0.0.is_empty() || way == "ctrl-c", "{way}");
    }
    // A report that is pasted meanwhile is examined, and takes the place of the fix.
    let (mut state, mut held) = (page((80, 24)), Held::default());
    held.press(&mut state, TO_PASSWORD);
    held.typed(&mut state, PASSWORD);
    held.press(&mut state, "enter");
    let job = job_of(&update(&mut state, Msg::Paste("a log line".into())));
    let effects = update(&mut state, Msg::Examined(job, Arc::new(sample::jit())));
    held.take(&effects);
    assert!(held.0.0.is_empty() && matches!(state.screen(), Screen::Answer { .. }));
}

#[test]
fn a_paste_into_the_masked_line_is_no_evidence() {
    let mut state = page((80, 24));
    press(&mut state, TO_PASSWORD);
    let before = state.request.clone();
    for text in ["/Users/me/looks-like-a-path", "two\nlines", "", "\n"] {
        let effects = update(&mut state, Msg::Paste(text.into()));
        assert!(effects.iter().all(|effect| matches!(effect, Effect::Password(Stroke::Add(_)))), "{effects:?}");
        assert!(matches!(state.screen(), Screen::Password(_)));
    }
    assert!(update(&mut state, Msg::Paste("x".repeat(5000))).is_empty());
    assert!(state.notice.as_deref().unwrap().contains("at most"));
    assert_eq!(state.request.as_ref().unwrap().pasted, before.unwrap().pasted);
}

#[test]
fn a_file_that_is_not_there_is_said_and_another_can_be_named() {
    let mut state = page((80, 24));
    press(&mut state, "G enter / n o");
    let effects = update(&mut state, Msg::Key(event("enter")));
    update(&mut state, Msg::Failed(job_of(&effects), "/no: the identity cannot be read: No such file or directory".into()));
    assert!(matches!(fix(&state).stage, FixStage::Refused(_)) && text(&state).contains("No such file"), "{}", text(&state));
    assert!(press(&mut state, "y").is_empty() && matches!(state.screen(), Screen::Fix(_)), "no password for a file that is not there");
    press(&mut state, "I enter");
    assert!(text(&state).contains(" /no"), "the name can be mended: {}", text(&state));
    press(&mut state, "backspace backspace k . p 1 2 enter");
    assert!(matches!(state.screen(), Screen::Password(masked) if masked.file.ends_with("k.p12")));
}

#[test]
fn what_is_not_there_is_not_offered() {
    let mut state = on(Tools { rcodesign: true, ..Tools::default() }, (80, 24));
    assert!(text(&state).contains("rcodesign has no keychain") && !text(&state).contains("security"), "{}", text(&state));
    assert!(!press(&mut state, "down down down enter").iter().any(|effect| matches!(effect, Effect::ListIdentities(_))));
    let state = on(Tools { codesign: true, ..Tools::default() }, (80, 24));
    assert!(text(&state).contains("no program 'security'") && text(&state).contains("needs rcodesign"), "{}", text(&state));
    let mut state = on(Tools::default(), (80, 24));
    assert!(text(&state).contains("No program that signs"), "{}", text(&state));
    assert!(press(&mut state, "enter").is_empty() && matches!(state.screen(), Screen::Who(_)));
}

#[test]
fn nothing_is_asked_or_taken_on_a_screen_too_small_to_show_it() {
    let mut state = page((80, 24));
    press(&mut state, "down down");
    update(&mut state, Msg::Resize(30, 8));
    assert!(press(&mut state, "enter").is_empty());
    let Screen::Who(page) = state.screen() else { panic!() };
    assert_eq!(page.keychain, Keychain::Closed);
}

#[test]
fn late_answers_are_nobodys() {
    let mut state = examined(sample::jit(), (80, 24));
    press(&mut state, "m enter right A");
    let tools = job_of(&update(&mut state, Msg::Key(event("I"))));
    press(&mut state, "esc");
    let before = format!("{:?}", state.stack);
    update(&mut state, Msg::ToolsFound(tools, sample::tools()));
    update(&mut state, Msg::Identities(tools, sample::identities()));
    update(&mut state, Msg::Failed(tools, "x".into()));
    assert_eq!(format!("{:?}", state.stack), before);
    assert!(press(&mut state, TO_PAGE).is_empty() || !state.stack.is_empty());
}
