//! Tests of the whole face: real state, real keys, a terminal in memory.

mod collect;
mod explain;
mod fixing;
mod keys;
mod running;
mod undo;
mod whatif;
mod who;

use super::keymap::{self, Action, Context, TABLE};
use super::sample;
use super::state::{Effect, JobId, Mend, Msg, Outcome, Planning, Screen, Signal, SourceId, Stage, State};
use super::theme::Theme;
use super::update::{begin, update};
use super::view;
use crate::Examination;
use crate::scan::{Progress, Request};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Style;
use std::path::PathBuf;
use std::sync::Arc;

/// Sizes every screen is looked at in.
const SIZES: [(u16, u16); 3] = [(60, 20), (80, 24), (120, 40)];

fn fresh(size: (u16, u16)) -> State {
    State::new(size, Theme::Dark, sample::library(), Some("/home/me".into()))
}

fn request() -> Request {
    Request {
        path: Some("/build/Lumaplay.app".into()),
        pasted: vec![("report.crash".into(), sample::crash_text().into_bytes())],
        ..Request::default()
    }
}

/// A state in which that examination has just ended.
fn examined(examination: Examination, size: (u16, u16)) -> State {
    let mut state = fresh(size);
    let effects = begin(&mut state, Some(request()));
    let job = job_of(&effects);
    update(&mut state, Msg::Examined(job, Arc::new(examination)));
    state
}

fn job_of(effects: &[Effect]) -> JobId {
    effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Examine(job, _)
            | Effect::OpenLab(job, _)
            | Effect::Plan(job, _)
            | Effect::Apply(job, ..)
            | Effect::TakeBack(job, ..)
            | Effect::PrepareFix(job, _)
            | Effect::Fix(job, ..)
            | Effect::UndoFix(job, ..)
            | Effect::FindTools(job)
            | Effect::ListIdentities(job)
            | Effect::SaveProof(job, ..)
            | Effect::ReadLines(job, ..) => Some(*job),
            _ => None,
        })
        .expect("a job was asked for")
}

fn event(name: &str) -> KeyEvent {
    let (name, modifiers) = match name.strip_prefix("ctrl-") {
        Some(name) => (name, KeyModifiers::CONTROL),
        None => (name, KeyModifiers::NONE),
    };
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "pagedown" => KeyCode::PageDown,
        "pageup" => KeyCode::PageUp,
        "backspace" => KeyCode::Backspace,
        "space" => KeyCode::Char(' '),
        "f1" => KeyCode::F(1),
        one => KeyCode::Char(one.chars().next().expect("a key has a name")),
    };
    KeyEvent::new(code, modifiers)
}

/// Presses keys, answers what they ask for from the samples, and returns the last key's effects.
fn press(state: &mut State, keys: &str) -> Vec<Effect> {
    let mut last = Vec::new();
    for name in keys.split_whitespace() {
        last = update(state, Msg::Key(event(name)));
        answer(state, &last);
    }
    last
}

/// What the worker would answer, for reads and plans.
fn answer(state: &mut State, effects: &[Effect]) {
    for effect in effects {
        let message = match effect {
            Effect::ReadLines(job, origin, range) => {
                let all = sample::crash_text();
                let lines: Vec<String> = all.lines().map(str::to_owned).collect();
                let start = usize::try_from(range.start).unwrap().min(lines.len());
                let end = usize::try_from(range.end).unwrap().min(lines.len());
                Msg::Lines(*job, origin.source, range.start, lines[start..end].to_vec(), lines.len() as u64)
            }
            Effect::Plan(job, _) => Msg::Planned(*job, Box::new(sample::plan())),
            Effect::FindTools(job) => Msg::ToolsFound(*job, sample::tools()),
            Effect::ListIdentities(job) => Msg::Identities(*job, sample::identities()),
            Effect::PrepareFix(job, _) => Msg::FixOffered(*job, Box::new(sample::offer())),
            Effect::Prepare(job, order) => Msg::Prepared(*job, Box::new(running::prepared(order))),
            _ => continue,
        };
        update(state, message);
    }
}

fn paint(state: &State) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(state.size.0, state.size.1)).unwrap();
    terminal.draw(|frame| view::draw(state, frame)).unwrap();
    terminal.backend().buffer().clone()
}

fn text(state: &State) -> String {
    let buffer = paint(state);
    let area = buffer.area;
    (0..area.height).map(|y| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned() + "\n").collect()
}

/// The screen as text, then the runs of style of each line.
fn dump(state: &State) -> String {
    let buffer = paint(state);
    let mut out = text(state);
    out.push_str("-- styles\n");
    for y in 0..buffer.area.height {
        let mut runs: Vec<(u16, u16, Style)> = Vec::new();
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            let style = Style { sub_modifier: ratatui::style::Modifier::empty(), ..cell.style() };
            if cell.symbol() == " " && !style.add_modifier.contains(ratatui::style::Modifier::REVERSED) {
                continue;
            }
            match runs.last_mut() {
                // A single blank between two words of one style does not end its run.
                Some(run) if run.2 == style && x <= run.1 + 2 => run.1 = x,
                _ => runs.push((x, x, style)),
            }
        }
        let runs: Vec<String> = runs.iter().map(|(from, to, style)| format!("{from}-{to} {}", name(style))).collect();
        if !runs.is_empty() {
            out.push_str(&format!("{y}: {}\n", runs.join("; ")));
        }
    }
    out
}

fn name(style: &Style) -> String {
    let mut name = style.fg.map_or_else(|| "none".to_owned(), |colour| format!("{colour:?}").to_lowercase());
    if !style.add_modifier.is_empty() {
        name.push_str(&format!(" {:?}", style.add_modifier).to_lowercase().replace(" | ", "+"));
    }
    name
}

/// Every screen with a name, in one size.
fn screens(size: (u16, u16)) -> Vec<(&'static str, State)> {
    let mut out = vec![("start", fresh(size))];
    let mut scanning = fresh(size);
    let job = job_of(&begin(&mut scanning, Some(request())));
    let progress = Progress {
        files: 412,
        images_done: 17,
        images_total: 41,
        bytes: 88 << 20,
        current: "Contents/Frameworks/Electron Framework.framework/Versions/A/Electron Framework".into(),
    };
    update(&mut scanning, Msg::Progress(job, progress));
    out.push(("progress", scanning));
    let mut failed = fresh(size);
    let job = job_of(&begin(&mut failed, Some(request())));
    update(&mut failed, Msg::Failed(job, "/build/Lumaplay.app: No such file or directory".into()));
    out.push(("failure", failed));
    let mut add = |name, examination, keys: &str| {
        let mut state = examined(examination, size);
        press(&mut state, keys);
        out.push((name, state));
    };
    add("answer-jit", sample::jit(), "");
    add("answer-library", sample::library_validation(), "");
    add("answer-resource", sample::library_validation(), "tab");
    add("answer-other-cause", sample::other_cause(), "");
    add("answer-undetermined", sample::undetermined(), "");
    add("answer-clear", sample::mended(), "");
    add("answer-somebody-else", sample::somebody_else(), "");
    add("answer-hostile", sample::hostile(), "");
    add("tell", sample::somebody_else(), "enter");
    add("mend-remedies", sample::jit(), "m");
    add("mend-write", sample::jit(), "m enter");
    add("mend-asking", sample::jit(), "m enter enter");
    add("mend-sign", sample::jit(), "m enter right");
    add("mend-check", sample::jit(), "m enter right right");
    add("code", sample::library_validation(), "c");
    add("code-keys", sample::jit(), "c e");
    add("code-filter-prompt", sample::jit(), "c &");
    add("object", sample::jit(), "c G up enter");
    add("text", sample::jit(), "e");
    add("text-noise", sample::jit(), "e down down down");
    add("text-long-line", sample::jit(), "e pagedown pagedown");
    add("list", sample::jit(), "a");
    add("finding", sample::jit(), "a down enter");
    add("interview", sample::jit(), "i");
    add("explain", sample::jit(), "x");
    add("explain-choice", sample::jit(), "c down down x");
    add("explain-key", sample::jit(), "m x down enter");
    add("explain-finding", sample::jit(), "a down x");
    add("explain-line", sample::jit(), "e x");
    add("explain-nothing", sample::jit(), "c x");
    add("interview-reaches-a-solution", sample::jit(), "i enter enter");
    add("help", sample::jit(), "?");
    add("open", sample::jit(), "O");
    let mut again = examined(sample::jit(), size);
    let job = job_of(&press(&mut again, "r"));
    update(&mut again, Msg::Examined(job, Arc::new(sample::mended())));
    out.push(("answer-was-is", again));
    out.extend(fixing::screens(size));
    out.extend(who::screens(size));
    out.extend(undo::screens(size));
    out.extend(collect::screens(size));
    out.extend(running::screens(size));
    out
}

#[test]
fn every_screen_in_every_size() {
    for size in SIZES {
        for (name, state) in screens(size) {
            snapshot(&format!("{name}-{}x{}", size.0, size.1), &state);
        }
    }
}

/// Text and styles, held against the snapshot of that name.
fn snapshot(name: &str, state: &State) {
    insta::assert_snapshot!(name, dump(state));
}

#[test]
fn without_colours_every_screen_says_the_same() {
    for (name, mut state) in screens((80, 24)) {
        let coloured = text(&state);
        state.theme = Theme::Plain;
        assert_eq!(text(&state), coloured, "{name}");
        assert!(paint(&state).content.iter().all(|cell| cell.fg == ratatui::style::Color::Reset), "{name}");
    }
}

#[test]
fn the_frame_never_moves() {
    for size in SIZES {
        for (name, state) in screens(size) {
            let text = text(&state);
            let lines: Vec<&str> = text.lines().collect();
            assert!(lines[0].starts_with(" Temper"), "{name}");
            assert!(lines[1].starts_with("──"), "{name}");
            assert!(lines[lines.len() - 2].starts_with("──"), "{name}");
            assert_eq!(lines.len(), usize::from(size.1), "{name}");
            assert!(!lines[lines.len() - 1].trim().is_empty(), "{name}");
        }
    }
}

#[test]
fn nothing_that_moves_the_cursor_or_turns_the_line_reaches_the_terminal() {
    for keys in
        ["", "c", "e", "a", "a down enter", "x", "m", "c down enter", "c down down x", "c down down enter x", "c down down down enter"]
    {
        let mut state = examined(sample::hostile(), (120, 40));
        press(&mut state, keys);
        for cell in &paint(&state).content {
            assert!(
                cell.symbol()
                    .chars()
                    .all(|c| !c.is_control() && !('\u{200b}'..='\u{200f}').contains(&c) && !('\u{202a}'..='\u{202e}').contains(&c)),
                "{keys}: {:?}",
                cell.symbol()
            );
        }
    }
}

#[test]
fn every_mark_stands_with_its_word() {
    for (name, state) in screens((80, 24)) {
        for line in text(&state).lines() {
            for (sign, words) in [
                ("✗", &["broken", "needed and missing", "not examined", "was", "starts"][..]),
                ("✓", &["fine", "remedy", "entitlements", "starts", "allowed", "by hand", "sign"][..]),
            ] {
                let is_about_other_cause = name == "answer-other-cause";
                assert!(!line.contains(sign) || is_about_other_cause || words.iter().any(|word| line.contains(word)), "{name}: {line}");
            }
        }
    }
}

#[test]
fn other_cause_names_no_entitlement() {
    let state = examined(sample::other_cause(), (120, 40));
    assert!(!text(&state).contains("com.apple.security"));
    assert!(!text(&state).contains("gives away"));
}

#[test]
fn too_small_a_window_is_a_sentence() {
    let mut state = examined(sample::jit(), (39, 10));
    assert!(text(&state).contains("Temper needs 40 columns"));
    update(&mut state, Msg::Resize(40, 9));
    assert!(text(&state).contains("this window has"));
    for size in [(1, 1), (0, 0), (40, 10), (200, 60), (3, 200)] {
        update(&mut state, Msg::Resize(size.0, size.1));
        if size.0 > 0 {
            text(&state);
        }
    }
}

#[test]
fn escape_returns_to_exactly_where_one_was() {
    let mut state = examined(sample::jit(), (80, 24));
    press(&mut state, "down down");
    let before = format!("{:?}", state.screen());
    let screen = text(&state);
    for way in [
        "m enter right esc",
        "o esc",
        "c G enter esc esc",
        "x pagedown esc",
        "x G enter esc esc",
        "c x esc esc",
        "a down enter esc esc",
        "? down esc",
        "e n esc",
        "O esc",
    ] {
        press(&mut state, way);
        assert_eq!(format!("{:?}", state.screen()), before, "{way}");
        assert_eq!(text(&state), screen, "{way}");
    }
}

#[test]
fn the_first_screen_stays_when_escape_is_pressed_often() {
    let mut state = examined(sample::jit(), (80, 24));
    press(&mut state, "esc esc esc esc");
    assert!(matches!(state.screen(), Screen::Start { .. }));
    press(&mut state, "enter");
    assert!(matches!(state.screen(), Screen::Answer { .. }));
}

#[test]
fn a_stale_answer_changes_nothing() {
    let mut state = fresh((80, 24));
    let old = job_of(&begin(&mut state, Some(request())));
    let effects = press(&mut state, "esc");
    assert!(matches!(effects[..], [Effect::Cancel(job)] if job == old));
    let before = format!("{state:?}");
    update(&mut state, Msg::Examined(old, Arc::new(sample::jit())));
    update(&mut state, Msg::Progress(old, Progress::default()));
    update(&mut state, Msg::Failed(old, "x".into()));
    update(&mut state, Msg::Lines(old, SourceId(0), 0, vec!["x".into()], 1));
    update(&mut state, Msg::Planned(old, Box::new(sample::plan())));
    update(&mut state, Msg::Written(old));
    assert_eq!(format!("{state:?}"), before);
}

#[test]
fn escape_while_examining_keeps_what_is_there() {
    let mut state = examined(sample::jit(), (80, 24));
    press(&mut state, "r");
    assert!(matches!(state.screen(), Screen::Progress { .. }));
    press(&mut state, "esc");
    assert!(matches!(state.screen(), Screen::Answer { .. }));
    assert!(state.examination.is_some() && state.running.is_none());
}

fn walk(state: &State) -> &Mend {
    match state.screen() {
        Screen::Mend(mend) => mend,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_written_only_after_a_yes_to_the_shown_diff() {
    let mut state = examined(sample::jit(), (80, 24));
    press(&mut state, "m enter");
    assert_eq!(walk(&state).stage, Stage::Write(0));
    let effects = press(&mut state, "enter");
    assert!(effects.is_empty() && walk(&state).is_asking());
    // No, and every other key, writes nothing.
    for key in ["n", "enter", "esc", "enter", "down", "q", "esc", "enter"] {
        assert!(!press(&mut state, key).iter().any(|effect| matches!(effect, Effect::Apply(..))), "{key}");
    }
    let effects = press(&mut state, "y");
    let [Effect::Apply(job, root, edit)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((root, edit.after.as_str()), (&PathBuf::from("/build/Lumaplay.app"), sample::plan().edits[0].after.as_str()));
    assert!(press(&mut state, "y").iter().all(|effect| !matches!(effect, Effect::Apply(..))));
    update(&mut state, Msg::Written(*job));
    assert!(text(&state).contains("is written"));
    press(&mut state, "enter");
    assert_eq!(walk(&state).stage, Stage::Sign);
}

#[test]
fn the_build_system_has_a_step_and_its_texts_are_copied() {
    use crate::report::{BuildSystem, BuildText};
    let mut examination = sample::jit();
    let remedy = examination.report.diagnoses[0].remedies.iter().position(|remedy| remedy.least).unwrap();
    let paste = |remedy, text: &str| BuildText { remedy, title: "In the options".into(), file: None, language: "yaml", text: text.into() };
    examination.report.build_systems = vec![BuildSystem {
        id: "electron-builder".into(),
        name: "electron-builder".into(),
        why: "electron-builder.yml is in /p".into(),
        sources: vec![],
        texts: vec![paste(remedy, "mac:\n  entitlements: x"), paste(remedy + 1, "other"), paste(remedy, "second")],
        edits: vec![],
    }];
    let mut state = examined(examination, (80, 24));
    press(&mut state, "m enter right");
    assert_eq!(walk(&state).stage, Stage::Build);
    let shown = text(&state);
    assert!(shown.contains("because electron-builder.yml is in /p") && shown.contains("    entitlements: x"), "{shown}");
    assert!(!shown.contains("other"), "{shown}");
    let effects = press(&mut state, "down y");
    assert!(matches!(&effects[..], [Effect::Copy(text)] if text == "second"), "{effects:?}");
    let effects = press(&mut state, "Y");
    assert!(matches!(&effects[..], [Effect::Copy(text)] if text == "mac:\n  entitlements: x\nsecond"), "{effects:?}");
    press(&mut state, "enter");
    assert_eq!(walk(&state).stage, Stage::Sign);
}

#[test]
fn a_failed_write_is_told_and_can_be_tried_again() {
    let mut state = examined(sample::jit(), (80, 24));
    let effects = press(&mut state, "m enter enter y");
    update(&mut state, Msg::Failed(job_of(&effects), "Lumaplay.entitlements: Permission denied".into()));
    let said = text(&state).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("nothing was changed: Lumaplay.entitlements: Permission denied"), "{said}");
    assert!(matches!(walk(&state).outcomes[0], Outcome::Refused(_)));
    press(&mut state, "enter");
    assert!(walk(&state).is_asking());
}

#[test]
fn a_write_that_ends_while_help_is_open_is_not_lost() {
    let mut state = examined(sample::jit(), (80, 24));
    let effects = press(&mut state, "m enter enter y");
    press(&mut state, "?");
    update(&mut state, Msg::Written(job_of(&effects)));
    press(&mut state, "esc");
    assert_eq!(walk(&state).outcomes, [Outcome::Written]);
}

#[test]
fn a_plan_that_fails_says_why() {
    let mut state = examined(sample::jit(), (80, 24));
    press(&mut state, "m");
    let effects = update(&mut state, Msg::Key(event("enter")));
    update(&mut state, Msg::Failed(job_of(&effects), "line 3, column 1: Comment".into()));
    assert!(matches!(walk(&state).planning, Planning::Failed(_)));
    assert!(text(&state).contains("line 3, column 1"));
}

#[test]
fn a_remedy_that_does_not_apply_is_not_taken() {
    let mut state = examined(sample::jit(), (80, 24));
    press(&mut state, "m up enter");
    assert_eq!(walk(&state).stage, Stage::Remedy);
    assert!(text(&state).contains("not here: the faulting page"), "{}", text(&state));
}

#[test]
fn commands_are_copied_one_or_all() {
    let mut state = examined(sample::jit(), (80, 24));
    press(&mut state, "m enter right");
    let effects = press(&mut state, "y");
    assert!(matches!(&effects[..], [Effect::Copy(text)] if text.lines().count() == 1));
    super::update::copied(&mut state, "one", false);
    assert!(text(&state).contains("sent 3 characters to the clipboard by OSC 52"));
    super::update::copied(&mut state, "one", true);
    assert!(text(&state).contains("copied 3 characters"));
    let effects = press(&mut state, "Y");
    assert!(matches!(&effects[..], [Effect::Copy(text)] if text.lines().count() == 2));
}

#[test]
fn checking_again_shows_was_and_is() {
    let mut state = examined(sample::jit(), (80, 24));
    let effects = press(&mut state, "m enter right right enter");
    update(&mut state, Msg::Examined(job_of(&effects), Arc::new(sample::mended())));
    let text = text(&state);
    assert!(text.contains("was") && text.contains("✓ fine: nothing found"), "{text}");
}

#[test]
fn somebody_elses_app_is_not_walked() {
    let mut state = examined(sample::somebody_else(), (80, 24));
    press(&mut state, "m");
    assert!(matches!(state.screen(), Screen::Tell { .. }));
    let effects = press(&mut state, "y");
    assert!(matches!(&effects[..], [Effect::Copy(text)] if text.contains("What was seen") && text.contains("CODESIGNING")));
}

#[test]
fn the_interview_reaches_a_solution_without_an_app() {
    let mut state = fresh((80, 24));
    press(&mut state, "i enter");
    assert!(text(&state).contains("Does it generate code"));
    press(&mut state, "enter");
    assert!(text(&state).contains("Code is generated at run time"));
    press(&mut state, "esc");
    assert!(text(&state).contains("Does it generate code"));
}

#[test]
fn without_an_argument_the_practice_app_is_opened() {
    let mut state = fresh((80, 24));
    let effects = begin(&mut state, None);
    let job = job_of(&effects);
    assert!(matches!(effects[..], [Effect::OpenLab(_, 0)]));
    update(&mut state, Msg::Unpacked(job, Box::new(request())));
    update(&mut state, Msg::Examined(job, Arc::new(sample::jit())));
    assert!(text(&state).contains("practice app"));
    assert_eq!(state.request.as_ref().unwrap().path, request().path);
}

#[test]
fn a_paste_is_evidence() {
    let mut state = examined(sample::mended(), (80, 24));
    let effects = update(&mut state, Msg::Paste("dyld: Library not loaded\rReason: x".into()));
    let [Effect::Examine(_, request)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(request.path, self::request().path);
    assert_eq!(request.pasted.last().unwrap(), &("pasted".into(), b"dyld: Library not loaded\nReason: x".to_vec()));
    let mut state = fresh((80, 24));
    let effects = update(&mut state, Msg::Paste("some log line".into()));
    assert!(matches!(&effects[..], [Effect::Examine(_, request)] if request.path.is_none()));
}

#[test]
fn evidence_of_another_program_is_told_first() {
    let mut examination = sample::undetermined();
    examination.report.evidence[0].matches = "another-program";
    let source = examination.report.evidence[0].source.clone();
    let shown = text(&examined(examination, (120, 24)));
    let told = shown.find(&format!("{source} is about")).unwrap();
    assert!(told < shown.find("Get this next").unwrap(), "{shown}");
    assert!(shown.contains("which is not in this app") && shown.contains(": another program"), "{shown}");
}

#[test]
fn a_dragged_app_asks_before_it_is_opened() {
    let mut state = examined(sample::mended(), (80, 24));
    update(&mut state, Msg::Paste("/Applications/My\\ App.app".into()));
    assert!(text(&state).contains("/Applications/My App.app"));
    let effects = press(&mut state, "enter");
    assert!(
        matches!(&effects[..], [Effect::Examine(_, request)] if request.path.as_deref() == Some("/Applications/My App.app".as_ref()) && request.pasted.is_empty())
    );
}

#[test]
fn a_typed_path_is_completed_and_opened() {
    let mut state = fresh((80, 24));
    press(&mut state, "O ~ / D");
    let listed = vec![
        ("/home/me/Demo.app".into(), crate::system::EntryKind::Directory),
        ("/home/me/notes".into(), crate::system::EntryKind::Directory),
    ];
    update(&mut state, Msg::Listed("/home/me".into(), listed));
    press(&mut state, "tab");
    assert!(text(&state).contains("~/Demo.app"), "{}", text(&state));
    let effects = press(&mut state, "enter");
    assert!(matches!(&effects[..], [Effect::Examine(_, request)] if request.path.as_deref() == Some("/home/me/Demo.app".as_ref())));
}

#[test]
fn a_report_is_added_to_the_case() {
    let mut state = examined(sample::mended(), (80, 24));
    press(&mut state, "O / t / a . i p s");
    let effects = press(&mut state, "enter");
    assert!(
        matches!(&effects[..], [Effect::Examine(_, request)] if request.texts == [PathBuf::from("/t/a.ips")] && request.path.is_some())
    );
}

#[test]
fn only_presses_count() {
    let mut state = examined(sample::jit(), (80, 24));
    let release = KeyEvent { kind: KeyEventKind::Release, ..event("q") };
    assert!(update(&mut state, Msg::Key(release)).is_empty());
    assert!(matches!(press(&mut state, "q")[..], [Effect::Quit]));
    assert!(matches!(update(&mut state, Msg::Signal(Signal::Terminate))[..], [Effect::Quit]));
    assert!(matches!(press(&mut state, "ctrl-c")[..], [Effect::Quit]));
    assert!(matches!(press(&mut state, "ctrl-z")[..], [Effect::Suspend]));
}

#[test]
fn q_is_a_letter_where_text_is_typed() {
    let mut state = fresh((80, 24));
    assert!(press(&mut state, "O q").iter().all(|effect| !matches!(effect, Effect::Quit)));
    assert!(text(&state).contains(" q"));
}

#[test]
fn help_lists_every_key_of_the_table() {
    for of in Context::ALL {
        let mut state = examined(sample::jit(), (120, 40));
        state.stack.push(Screen::Help { of, place: Default::default() });
        let regions = super::update::regions(&state);
        let page = view::page(&state, &regions);
        let all: String =
            page.rows.iter().chain(&page.aside).flat_map(|row| row.line.spans.iter().map(|span| span.content.as_ref())).collect();
        let squeezed: String = all.split_whitespace().collect();
        for binding in TABLE {
            let everywhere = binding.on.len() >= 10;
            if binding.on.contains(&of) || !everywhere {
                let sentence: String = binding.help.split_whitespace().collect();
                assert!(squeezed.contains(&sentence), "{of:?}: {}", binding.help);
            }
        }
    }
}

#[test]
fn a_help_row_does_what_it_says() {
    let mut state = examined(sample::jit(), (80, 24));
    press(&mut state, "?");
    let page = super::update::page(&state);
    let row = page.targets.iter().position(|target| *target == super::page::Target::Do(Action::ShowCode)).unwrap();
    let keys = "down ".repeat(60);
    for key in keys.split_whitespace() {
        if state.screen().place().cursor == row {
            break;
        }
        press(&mut state, key);
    }
    press(&mut state, "enter");
    assert!(matches!(state.screen(), Screen::Code(_)));
}

#[test]
fn every_offered_key_can_be_clicked() {
    let mut state = examined(sample::jit(), (80, 24));
    let regions = super::update::regions(&state);
    let code = regions.offered.iter().find(|offered| offered.action == Action::ShowCode).unwrap();
    let click = |x, y| MouseEvent { kind: MouseEventKind::Down(MouseButton::Left), column: x, row: y, modifiers: KeyModifiers::NONE };
    update(&mut state, Msg::Mouse(click(code.area.x, code.area.y)));
    assert!(matches!(state.screen(), Screen::Code(_)));
    // A click selects, a second one opens.
    update(&mut state, Msg::Mouse(click(10, 4)));
    let cursor = state.screen().place().cursor;
    assert!(cursor > 0);
    update(&mut state, Msg::Mouse(click(10, 4)));
    assert!(matches!(state.screen(), Screen::Object { .. }), "{:?}", state.screen());
}

#[test]
fn places_stay_within_the_page() {
    let mut state = examined(sample::jit(), (60, 20));
    press(&mut state, "G");
    let bottom = text(&state);
    press(&mut state, "down pagedown G ctrl-d");
    assert_eq!(text(&state), bottom);
    press(&mut state, "g");
    assert_eq!((state.screen().place().scroll, state.screen().place().cursor), (0, 0));
    press(&mut state, "G");
    update(&mut state, Msg::Resize(120, 40));
    assert_eq!(state.screen().place().scroll, 0);
}

#[test]
fn decisive_lines_are_visited_around_the_end() {
    let mut state = examined(sample::jit(), (80, 24));
    press(&mut state, "e");
    let line = |state: &State| match state.screen() {
        Screen::Text(view) => view.line,
        other => panic!("{other:?}"),
    };
    assert_eq!(line(&state), 8);
    press(&mut state, "n");
    assert_eq!(line(&state), 30);
    press(&mut state, "n");
    assert_eq!(line(&state), 8);
    let effects = press(&mut state, "/ o f enter");
    let [Effect::Find(job, _, needle)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((needle.text.as_str(), needle.from, needle.backwards), ("of", 8, false));
    update(&mut state, Msg::Found(*job, SourceId(0), Some(13)));
    assert_eq!(line(&state), 13);
}

#[test]
fn the_answer_says_everything_the_issue_asks_for() {
    let text = text(&examined(sample::jit(), (80, 24)));
    for part in
        ["certain", "macOS killed Lumaplay", "allow-jit is granted", "report.crash:9", "CODESIGNING", "gives away", "Mends this build"]
    {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_sequence_of_keys_panics_or_writes_without_a_yes(keys in proptest::collection::vec(0usize..TABLE.len() + 6, 1..60), which in 0usize..6, width in 1u16..140, height in 1u16..50) {
        let samples = [sample::jit, sample::library_validation, sample::other_cause, sample::undetermined, sample::mended, sample::hostile];
        let mut state = examined(samples[which](), (width.max(20), height.max(6)));
        state.log = Some("/usr/bin/log".into());
        for (number, key) in keys.iter().enumerate() {
            let before = keymap::Context::of(&state);
            let offered = super::update::regions(&state).offered;
            let message = match TABLE.get(*key) {
                Some(binding) => {
                    let key = binding.keys[number % binding.keys.len()];
                    Msg::Key(KeyEvent::new(key.code, if key.control { KeyModifiers::CONTROL } else { KeyModifiers::NONE }))
                }
                None => match key - TABLE.len() {
                    0 => Msg::Resize(width, height),
                    1 => Msg::Resize(120, 40),
                    2 => Msg::Mouse(MouseEvent { kind: MouseEventKind::Down(MouseButton::Left), column: (number as u16 * 7) % width, row: (number as u16 * 3) % height, modifiers: KeyModifiers::NONE }),
                    3 => Msg::Mouse(MouseEvent { kind: MouseEventKind::ScrollDown, column: 3, row: 3, modifiers: KeyModifiers::NONE }),
                    4 => Msg::Paste("a paste\u{1b}[2J".into()),
                    _ => Msg::Key(event("x")),
                },
            };
            let is_yes = match &message {
                Msg::Key(key) => key.code == KeyCode::Char('y'),
                // A click on the yes of the last line is one too.
                Msg::Mouse(mouse) => offered.iter().any(|key| key.action == Action::Yes && key.area.contains((mouse.column, mouse.row).into())),
                _ => false,
            };
            let is_enter = match &message {
                Msg::Key(key) => key.code == KeyCode::Enter,
                Msg::Mouse(mouse) => mouse.kind == MouseEventKind::Down(MouseButton::Left),
                _ => false,
            };
            let effects = update(&mut state, message);
            for effect in &effects {
                let wanted = match effect {
                    Effect::Apply(..) | Effect::SaveCase(..) | Effect::SaveProof(..) => Context::Confirm,
                    Effect::TakeBack(..) | Effect::UndoFix(..) => Context::Undo,
                    Effect::Fix(..) => Context::Apply,
                    Effect::Run(..) => Context::Launch,
                    Effect::FetchLog(..) => Context::Fetch,
                    // The row that shows the command is the question, and Enter on it the yes.
                    Effect::ListIdentities(_) => {
                        proptest::prop_assert!(before == Context::Who && is_enter, "{effect:?} on {before:?}");
                        continue;
                    }
                    _ => continue,
                };
                proptest::prop_assert!(before == wanted && is_yes, "{effect:?} on {before:?}");
            }
            answer(&mut state, &effects);
            if state.size.0 > 0 && state.size.1 > 0 {
                paint(&state);
            }
        }
    }
}

#[test]
fn a_watched_target_is_examined_again_after_a_rebuild_and_says_what_changed() {
    let examination = sample::jit();
    let mut state = examined(examination.clone(), (120, 40));
    let effects = press(&mut state, "w");
    let [Effect::Watch(watch, files)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(files, &[PathBuf::from("/build/Lumaplay.app")]);
    assert!(screen_text(&state).contains("watching"), "a marker is seen");
    let effects = update(&mut state, Msg::Changed(*watch, "Contents/MacOS/Lumaplay changed".into()));
    let job = job_of(&effects);
    let mut after = examination;
    after.report.diagnoses.remove(0);
    update(&mut state, Msg::Examined(job, Arc::new(after)));
    let shown = screen_text(&state);
    assert!(shown.contains("Contents/MacOS/Lumaplay changed: gone: "), "{shown}");
    assert!(state.watch == Some(*watch) && shown.contains("watch"), "it is watched on");

    // A late change after the end of the watch is nobody's.
    assert!(matches!(press(&mut state, "w").as_slice(), [Effect::Cancel(job)] if job == watch));
    assert!(update(&mut state, Msg::Changed(*watch, "x changed".into())).is_empty());
    assert!(!screen_text(&state).contains("   watching"));
}

#[test]
fn a_rebuild_takes_nothing_from_under_a_walk() {
    let mut state = examined(sample::jit(), (120, 40));
    let effects = press(&mut state, "w");
    let [Effect::Watch(watch, _)] = effects.as_slice() else { panic!("{effects:?}") };
    press(&mut state, "m");
    assert!(matches!(state.screen(), Screen::Mend(_)));
    assert!(update(&mut state, Msg::Changed(*watch, "x changed".into())).is_empty());
    assert!(matches!(state.screen(), Screen::Mend(_)) && state.notice.as_deref().is_some_and(|notice| notice.contains("x changed")));
}

fn screen_text(state: &State) -> String {
    let (width, height) = state.size;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(state, frame)).unwrap();
    terminal.backend().to_string()
}
