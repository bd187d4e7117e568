//! How many keys it takes, and that no sequence of keys does anything that was not confirmed.

use super::super::page::Target;
use super::super::state::{FixStage, Library, RunStage, SignRow, Stopped, Stroke, Tools};
use super::super::words::clean;
use super::*;
use crate::clean::clean_lines;
use crate::fix::plan::FileEdit;
use crate::lab::{self, Lab};
use crate::report::{Diagnosis, Remedy};
use crate::scenario::{self, Scenario};
use crate::system::fake::FakeSystem;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

/// 2026-03-10, after every practice report was written.
const NOW: i64 = 1_773_100_800;

fn practice(lab: &Lab) -> (Request, Examination) {
    let mut system = FakeSystem::new();
    for (path, bytes, _) in lab.files {
        system = system.file(&format!("/{}/{path}", lab.bundle), *bytes);
    }
    let pasted = lab.evidence.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    let anchors = crate::read::cms::TrustAnchors { extra: vec![lab::anchor()] };
    let request = Request { path: Some(lab.bundle.into()), pasted, anchors, at: Some(NOW), ..Request::default() };
    let examination = crate::examine(&system, &request, &|_| {}, &AtomicBool::new(false)).unwrap();
    (request, examination)
}

/// Keys until a remedy is chosen, and until the commands (or, without any, the last step) are shown. Every plan is a real one.
fn counted(request: &Request, examination: &Examination) -> (usize, usize) {
    let library = Library { scenarios: scenario::all(), interview: scenario::interview(), labs: lab::all() };
    let mut state = State::new((80, 24), Theme::Dark, library, None);
    let job = job_of(&begin(&mut state, Some(request.clone())));
    update(&mut state, Msg::Examined(job, Arc::new(examination.clone())));
    let summary = &examination.report.diagnoses[0].summary;
    let first: String = clean(summary).split_whitespace().take(4).collect::<Vec<_>>().join(" ");
    assert!(text(&state).contains(&first), "the cause stands there without a key: {first}\n{}", text(&state));
    let (mut keys, mut chosen) = (0, 0);
    let mut press_one = |state: &mut State, key: &str| {
        keys += 1;
        for effect in update(state, Msg::Key(event(key))) {
            let message = match effect {
                Effect::Plan(job, order) => {
                    let diagnosis = &order.examination.report.diagnoses[order.diagnosis];
                    let plan = crate::fix::plan::plan(&order.examination.evidence, diagnosis, &diagnosis.remedies[order.remedy], &[]);
                    Msg::Planned(job, Box::new(plan.unwrap()))
                }
                Effect::Apply(job, ..) => Msg::Written(job),
                _ => continue,
            };
            update(state, message);
        }
        keys
    };
    press_one(&mut state, "enter");
    for _ in 0..30 {
        let Screen::Mend(walk) = state.screen() else { panic!("{:?}", state.screen()) };
        if walk.stage == Stage::Sign || (walk.stage == Stage::Check && !walk.stages().contains(&Stage::Sign)) {
            break;
        }
        let key = if walk.is_asking() { "y" } else { "enter" };
        let pressed = press_one(&mut state, key);
        if chosen == 0 && matches!(state.screen(), Screen::Mend(walk) if walk.stage != Stage::Remedy) {
            chosen = pressed;
        }
    }
    let Screen::Mend(walk) = state.screen() else { panic!("{:?}", state.screen()) };
    assert!(matches!(walk.stage, Stage::Sign | Stage::Check), "{:?}", walk.stage);
    assert!(walk.outcomes.iter().all(Outcome::is_written), "{:?}", walk.outcomes);
    (chosen, keys)
}

fn few(name: &str, request: &Request, examination: &Examination) {
    let (chosen, shown) = counted(request, examination);
    println!("{name}: 0 keys to the cause, {chosen} to the remedy, {shown} to the commands");
    assert!(chosen <= 3 && shown <= 8, "{name}: {chosen} keys to the remedy, {shown} to the commands");
}

#[test]
fn every_practice_app_takes_few_keys() {
    for lab in lab::all() {
        let (request, examination) = practice(lab);
        few(lab.id, &request, &examination);
    }
}

/// The remedies of a documented issue, as they would stand in a report; the least first that may be it.
fn remedies(scenario: &Scenario) -> Vec<Remedy> {
    let least = scenario.remedies.iter().position(|remedy| remedy.may_be_least && !remedy.needs_new_code);
    let least = least.or_else(|| scenario.remedies.iter().position(|remedy| !remedy.needs_new_code));
    let remedies = scenario.remedies.iter().enumerate();
    remedies
        .map(|(number, remedy)| Remedy {
            rank: remedy.rank.word(),
            least: Some(number) == least,
            applies: true,
            why_not: None,
            needs_new_code: remedy.needs_new_code,
            title: remedy.title.clone(),
            on: None,
            also_on: Vec::new(),
            add_entitlements: remedy.add_entitlements.clone(),
            remove_entitlements: remedy.remove_entitlements.clone(),
            add_info_plist: remedy.add_info_plist.clone(),
            weakens: remedy.weakens.clone(),
            explanation: Some(remedy.explanation.clone()),
            steps: Vec::new(),
        })
        .collect()
}

#[test]
fn every_documented_issue_takes_few_keys() {
    let (request, practice) = practice(&lab::all()[0]);
    let mut walked = 0;
    for scenario in scenario::all().iter().filter(|scenario| !scenario.remedies.is_empty()) {
        let mut examination = practice.clone();
        let first = examination.report.diagnoses.remove(0);
        let cause: &'static str = Box::leak(scenario.cause.clone().into_boxed_str());
        let diagnosis =
            Diagnosis { cause, scenario: scenario.id.clone(), summary: scenario.title.clone(), remedies: remedies(scenario), ..first };
        if view::is_other_cause(&diagnosis, examination.report.verdict) {
            continue;
        }
        examination.report.diagnoses = vec![diagnosis];
        few(&scenario.id, &request, &examination);
        walked += 1;
    }
    assert!(walked >= 8, "{walked}");
}

/// Everything on the page without blanks, and without what was cut by the edge.
fn squeezed(state: &State) -> String {
    let page = super::super::update::page(state);
    let spans = page.rows.iter().chain(&page.aside).flat_map(|row| row.line.spans.iter().map(|span| span.content.as_ref()));
    squeeze(&spans.collect::<String>())
}

fn squeeze(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

/// Every line of a text stands on the page.
fn shows(page: &str, text: &str) -> bool {
    clean_lines(text).all(|line| page.contains(&squeeze(&line)))
}

fn shows_edit(page: &str, edit: &FileEdit) -> bool {
    shows(page, &edit.diff) && page.contains(&squeeze(&clean(&edit.file.to_string_lossy())))
}

/// What it writes or starts stands on the confirm page that is there, and is exactly what that page is about. `None`: it writes and starts nothing.
fn is_confirmed(before: &State, effect: &Effect) -> Option<bool> {
    let (context, page) = (Context::of(before), squeezed(before));
    let names = |path: &std::path::Path| page.contains(&squeeze(&clean(&path.to_string_lossy())));
    let walk_is_about =
        |edit: &FileEdit| matches!(before.screen(), Screen::Mend(walk) if walk.current().is_some_and(|(own, _)| own == edit));
    Some(match effect {
        Effect::Apply(_, _, edit) => context == Context::Confirm && walk_is_about(edit) && shows_edit(&page, edit),
        Effect::TakeBack(_, _, edit) => context == Context::Undo && walk_is_about(edit) && shows_edit(&page, edit),
        Effect::SaveCase(_, _, path) => context == Context::Confirm && names(path),
        Effect::SaveProof(_, proof, path) => context == Context::Confirm && names(path) && shows(&page, &crate::proof::markdown(proof)),
        Effect::Run(_, prepared) => {
            let same = matches!(before.screen(), Screen::Run(run) if matches!(&run.stage, RunStage::Asking(own) if own == prepared));
            let arguments = prepared.launch.arguments.iter().all(|argument| shows(&page, argument));
            context == Context::Launch && same && arguments && names(&prepared.launch.program)
        }
        Effect::FetchLog(_, argv) => {
            let same = matches!(before.screen(), Screen::Collect(own) if own.argv == *argv);
            context == Context::Fetch && same && page.contains(&squeeze(&crate::fix::sign::command_line(argv)))
        }
        Effect::Fix(_, order, offer) => {
            let Screen::Fix(own) = before.screen() else { return Some(false) };
            // Without the password of its file it is not done.
            let has_all = !own.wants_password();
            let same = has_all
                && matches!(&own.stage, FixStage::Asking(shown) if shown == offer)
                && own.order.in_place == order.in_place
                && own.order.sign_with == order.sign_with;
            let commands = offer.steps.iter().all(|step| step.argv().iter().all(|argument| shows(&page, &argument.to_string_lossy())));
            let texts = offer.steps.iter().all(|step| shows(&page, &step.text) && shows(&page, &step.diff));
            context == Context::Apply && same && commands && texts && names(&offer.app)
        }
        Effect::UndoFix(_, fix, app) => {
            let same =
                matches!(before.screen(), Screen::Proof { asks: true, .. }) && before.fixes.last().is_some_and(|own| own.job == *fix);
            context == Context::Undo && same && names(app)
        }
        Effect::ListIdentities(_) => {
            let row = super::super::update::page(before).targets.into_iter().nth(before.screen().place().cursor);
            let command = squeeze(&crate::fix::sign::command_line(&crate::fix::identity::FIND.map(str::to_owned)));
            context == Context::Who && row == Some(Target::Sign(SignRow::Look)) && page.contains(&command)
        }
        Effect::FindTools(_)
        | Effect::Password(_)
        | Effect::Examine(..)
        | Effect::OpenLab(..)
        | Effect::ReadLines(..)
        | Effect::Find(..)
        | Effect::List(_)
        | Effect::Try(..)
        | Effect::Plan(..)
        | Effect::PrepareFix(..)
        | Effect::Prepare(..)
        | Effect::FindReports(..)
        | Effect::Interrupt(_)
        | Effect::Watch(..)
        | Effect::Cancel(_)
        | Effect::Copy(_)
        | Effect::Suspend
        | Effect::Redraw
        | Effect::Quit => return None,
    })
}

/// What a worker would answer, well or badly by `luck`.
fn work(state: &mut State, effects: Vec<Effect>, luck: usize) {
    let bad = luck.is_multiple_of(4);
    let fails = |job| vec![Msg::Failed(job, "no\u{1b}[2J luck".into())];
    for effect in effects {
        let messages = match effect {
            Effect::PrepareFix(job, _) | Effect::Apply(job, ..) | Effect::TakeBack(job, ..) | Effect::UndoFix(job, ..) if bad => fails(job),
            Effect::SaveCase(job, ..) | Effect::SaveProof(job, ..) | Effect::Run(job, _) | Effect::FetchLog(job, _) if bad => fails(job),
            Effect::Apply(job, ..) | Effect::TakeBack(job, ..) | Effect::SaveCase(job, ..) | Effect::SaveProof(job, ..) => {
                vec![Msg::Written(job)]
            }
            Effect::FindTools(job) => vec![Msg::ToolsFound(job, Tools { codesign: !luck.is_multiple_of(3), ..sample::tools() })],
            Effect::ListIdentities(job) if bad => fails(job),
            Effect::UndoFix(job, ..) => vec![Msg::FixUndone(job)],
            Effect::Fix(job, ..) if bad => vec![Msg::FixStopped(job, Stopped { why: "no luck".into(), left: None })],
            Effect::Fix(job, ..) if luck % 4 == 1 => {
                vec![Msg::FixStep(job, crate::fix::apply::Done { step: 0, output: None }), Msg::Fixed(job, Box::new(sample::bad_proof()))]
            }
            Effect::Fix(job, ..) if luck % 4 == 2 => vec![Msg::Fixed(job, Box::new(sample::proved()))],
            Effect::Prepare(job, order) => {
                vec![Msg::Prepared(job, Box::new(super::running::prepared(&order)))]
            }
            Effect::FetchLog(job, _) => {
                let fetched = crate::collect::Fetched { text: b"tccd: denied\x1b[2J".to_vec(), caution: None };
                vec![Msg::LogGrows(job, 1 << 20), Msg::LogFetched(job, Box::new(fetched))]
            }
            Effect::FindReports(job, _) => vec![Msg::ReportsFound(job, vec![super::collect::report("a\u{1b}[2J.ips", true)])],
            Effect::Examine(job, _) | Effect::OpenLab(job, _) => vec![Msg::Examined(job, Arc::new(sample::project()))],
            other => {
                answer(state, &[other]);
                continue;
            }
        };
        for message in messages {
            let more = update(state, message);
            assert!(more.iter().all(|effect| is_confirmed(state, effect).is_none()), "an answer starts nothing");
            work(state, more, luck + 1);
        }
    }
}

/// Where a sequence begins: on what, and the keys that lead there.
type Beginning = (fn() -> Examination, &'static str);
const BEGINNINGS: [Beginning; 14] = [
    (sample::jit, ""),
    (sample::jit, "m enter"),
    (sample::jit, "m enter right A"),
    (sample::project, "m enter right"),
    (sample::project, "m enter right G A"),
    (sample::library_validation, ""),
    (sample::hostile, "m enter right A"),
    (sample::mended, "s"),
    (sample::jit, "R"),
    (sample::undetermined, ""),
    (sample::undetermined, "F"),
    (sample::jit, "m enter right A I down down"),
    (sample::hostile, "m enter right A I down down enter"),
    (sample::jit, "m enter right A I G enter / k . p 1 2 enter"),
];
/// Pressed often: those that ask, confirm, refuse and move on.
const OFTEN: [&str; 22] =
    ["I", "P", "F", "d", "y", "y", "enter", "enter", "A", "A", "u", "M", "i", "a", "n", "esc", "m", "right", "left", "down", "G", "R"];

fn message(state: &State, choice: usize, number: usize) -> (Msg, bool) {
    let table = TABLE.len();
    match choice {
        choice if choice < table => {
            let key = TABLE[choice].keys[number % TABLE[choice].keys.len()];
            let modifiers = if key.control { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
            (Msg::Key(KeyEvent::new(key.code, modifiers)), key.code == KeyCode::Char('y') && !key.control)
        }
        choice if choice < table + 24 => {
            let (column, row) = ((number as u16 * 7) % state.size.0.max(1), (number as u16 * 3) % state.size.1.max(1));
            let event = MouseEvent { kind: MouseEventKind::Down(MouseButton::Left), column, row, modifiers: KeyModifiers::NONE };
            let regions = super::super::update::regions(state);
            let point = ratatui::layout::Position { x: column, y: row };
            let yes = regions.offered.iter().any(|offered| offered.action == Action::Yes && offered.area.contains(point));
            (Msg::Mouse(event), yes)
        }
        choice if choice == table + 24 => (Msg::Resize(30 + (number as u16 * 13) % 100, 8 + (number as u16 * 5) % 40), false),
        choice if choice == table + 25 => (Msg::Paste("a paste\u{1b}[2J".into()), false),
        choice => {
            let name = OFTEN[choice % OFTEN.len()];
            (Msg::Key(event(name)), name == "y")
        }
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }
}

/// Sequences, and keys of each.
const SEQUENCES: usize = 448;
const KEYS: usize = 60;

#[test]
fn nothing_is_written_or_started_that_was_not_shown_and_confirmed() {
    let mut dice = Dice(0x7465_6d70_6572);
    let mut done: BTreeSet<String> = BTreeSet::new();
    for sequence in 0..SEQUENCES {
        let (sample, keys) = BEGINNINGS[sequence % BEGINNINGS.len()];
        let mut state = examined(sample(), (40 + dice.roll(90) as u16, 10 + dice.roll(35) as u16));
        state.log = Some("/usr/bin/log".into());
        press(&mut state, keys);
        for number in 0..KEYS {
            let choice = dice.roll(TABLE.len() * 3);
            let (message, is_yes) = message(&state, choice, dice.roll(1000));
            let before = state.clone();
            let is_enter = matches!(&message, Msg::Mouse(_)) || matches!(&message, Msg::Key(key) if key.code == KeyCode::Enter);
            let effects = update(&mut state, message);
            for effect in &effects {
                if let Effect::Password(Stroke::Add(_)) = effect {
                    assert_eq!(Context::of(&before), Context::Password, "typed where it is masked, nowhere else");
                }
                if let Some(confirmed) = is_confirmed(&before, effect) {
                    // The row that shows the command is the question, and Enter on it the yes.
                    let is_yes = if matches!(effect, Effect::ListIdentities(_)) { is_enter } else { is_yes };
                    assert!(confirmed && is_yes, "sequence {sequence}, key {number}: {effect:?}\n{}", text(&before));
                    done.insert(format!("{effect:?}").chars().take_while(|c| c.is_alphabetic()).collect());
                }
            }
            work(&mut state, effects, choice);
            if number % 8 == 0 {
                paint(&state);
            }
        }
    }
    let all = ["Apply", "FetchLog", "Fix", "ListIdentities", "Run", "SaveCase", "SaveProof", "TakeBack", "UndoFix"];
    assert_eq!(done.iter().map(String::as_str).collect::<Vec<_>>(), all, "each was confirmed and done at least once");
}
