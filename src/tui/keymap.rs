//! The one table of keys: dispatch, the last line, help and the README are made from it.

mod table;

use super::state::{FixPage, FixStage, Fixed, Screen, SignWith, State};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

pub use table::TABLE;
use table::{READING, SCROLLING};

/// Where keys are pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // One for each screen, and some for what lies over one.
pub enum Context {
    Start,
    Progress,
    Failure,
    Answer,
    Tell,
    Mend,
    Confirm,
    Undo,
    Apply,
    Who,
    Password,
    Fixing,
    Proof,
    Launch,
    Run,
    Fetch,
    Fetching,
    Code,
    Object,
    Text,
    List,
    Finding,
    Interview,
    Explain,
    WhatIf,
    Help,
    Open,
    Prompt,
}

impl Context {
    /// All, in the order help lists them.
    pub const ALL: [Context; 28] = [
        Context::Start,
        Context::Progress,
        Context::Failure,
        Context::Answer,
        Context::Tell,
        Context::Mend,
        Context::Confirm,
        Context::Undo,
        Context::Apply,
        Context::Who,
        Context::Password,
        Context::Fixing,
        Context::Proof,
        Context::Launch,
        Context::Run,
        Context::Fetch,
        Context::Fetching,
        Context::Code,
        Context::Object,
        Context::Text,
        Context::List,
        Context::Finding,
        Context::Interview,
        Context::Explain,
        Context::WhatIf,
        Context::Help,
        Context::Open,
        Context::Prompt,
    ];

    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Context::Start => "Start",
            Context::Progress => "While examining",
            Context::Failure => "Nothing examined",
            Context::Answer => "Answer",
            Context::Tell => "What to tell the developer",
            Context::Mend => "Mending",
            Context::Confirm => "Before writing",
            Context::Undo => "Before undoing",
            Context::Apply => "Before a fix",
            Context::Who => "Who signs",
            Context::Password => "Password of a file",
            Context::Fixing => "While a fix is done",
            Context::Proof => "After a fix",
            Context::Launch => "Before starting",
            Context::Run => "While the app runs",
            Context::Fetch => "Before the log is fetched",
            Context::Fetching => "While the log is fetched",
            Context::Code => "Code",
            Context::Object => "One object",
            Context::Text => "Evidence",
            Context::List => "All findings",
            Context::Finding => "One finding",
            Context::Interview => "Questions",
            Context::Explain => "Explanation",
            Context::WhatIf => "What if",
            Context::Help => "Help",
            Context::Open => "Open a path",
            Context::Prompt => "Find and filter",
        }
    }

    /// The context of the screen on top.
    pub fn of(state: &State) -> Context {
        let screen = state.screen();
        if screen.prompt().is_some() {
            return Context::Prompt;
        }
        match screen {
            Screen::Start { .. } => Context::Start,
            Screen::Progress { .. } => Context::Progress,
            Screen::Failure { .. } => Context::Failure,
            Screen::Answer { .. } => Context::Answer,
            Screen::Tell { .. } => Context::Tell,
            Screen::Save(_) => Context::Confirm,
            Screen::Mend(mend) if mend.is_asking() => Context::Confirm,
            Screen::Mend(mend) if mend.is_asking_back() => Context::Undo,
            Screen::Mend(_) => Context::Mend,
            Screen::Fix(page) => of_fix(page),
            Screen::Who(_) => Context::Who,
            Screen::Password(_) => Context::Password,
            Screen::Proof { asks: true, .. } => Context::Undo,
            Screen::Proof { .. } if state.fixes.last().is_some_and(Fixed::is_busy) => Context::Fixing,
            Screen::Proof { .. } => Context::Proof,
            Screen::Run(page) if matches!(page.stage, super::state::RunStage::Asking(_)) => Context::Launch,
            Screen::Run(_) => Context::Run,
            Screen::Collect(page) if matches!(page.stage, super::state::CollectStage::Asking(_)) => Context::Fetch,
            Screen::Collect(_) => Context::Fetching,
            Screen::Code(_) => Context::Code,
            Screen::Object { .. } => Context::Object,
            Screen::Text(_) => Context::Text,
            Screen::List { .. } => Context::List,
            Screen::Finding { .. } => Context::Finding,
            Screen::Interview { .. } => Context::Interview,
            Screen::Explain { .. } => Context::Explain,
            Screen::WhatIf(_) => Context::WhatIf,
            Screen::Help { .. } => Context::Help,
            Screen::Open(_) => Context::Open,
        }
    }
}

fn of_fix(page: &FixPage) -> Context {
    match &page.stage {
        FixStage::Preparing(_) | FixStage::Refused(_) | FixStage::Asking(_) => Context::Apply,
        FixStage::Running(_) => Context::Fixing,
        FixStage::Stopped(..) => Context::Proof,
    }
}

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The table says what each does.
pub enum Action {
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    HalfUp,
    HalfDown,
    Top,
    Bottom,
    Activate,
    Next,
    Previous,
    Back,
    Help,
    Quit,
    Leave,
    Suspend,
    Redraw,
    Mend,
    OpenProof,
    ShowCode,
    ShowText,
    ShowList,
    Explain,
    CheckAgain,
    Watch,
    Run,
    Arguments,
    PassDyld,
    FetchLog,
    SaveCase,
    OpenPath,
    Ask,
    Copy,
    CopyAll,
    OtherFile,
    Do,
    InPlace,
    AdHoc,
    WhoSigns,
    Erase,
    EraseAll,
    Undo,
    ShowFix,
    SaveProof,
    Yes,
    Find,
    FindNext,
    FindPrevious,
    Filter,
    OnlyProblems,
    Keys,
    Loads,
    WhatIf,
    Complete,
}

/// A key: its code, and whether control is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Code.
    pub code: KeyCode,
    /// Control is held.
    pub control: bool,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// What it does.
    pub action: Action,
    /// Keys; the first is shown on the last line.
    pub keys: &'static [Key],
    /// Word for the last line; empty when it is not shown there.
    pub label: &'static str,
    /// Sentence for help.
    pub help: &'static str,
    /// Where it works.
    pub on: &'static [Context],
}

/// The bindings of a context, in table order.
pub fn bindings(context: Context) -> impl Iterator<Item = &'static Binding> {
    TABLE.iter().filter(move |binding| binding.on.contains(&context))
}

/// What a key does there; `None` when nothing.
pub fn action(context: Context, event: &KeyEvent) -> Option<Action> {
    let pressed = pressed(event)?;
    bindings(context).find(|binding| binding.keys.contains(&pressed)).map(|binding| binding.action)
}

/// The key of an event. A capital letter is a key of its own, so shift is not counted; with alt or command it is another key than any of ours.
fn pressed(event: &KeyEvent) -> Option<Key> {
    if event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META | KeyModifiers::HYPER) {
        return None;
    }
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    let code = match event.code {
        KeyCode::Char(c) if control => KeyCode::Char(c.to_ascii_lowercase()),
        KeyCode::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
        code => code,
    };
    Some(Key { code, control })
}

/// Is this binding shown on the last line now? Keys that would do nothing are not offered.
pub fn is_offered(state: &State, binding: &Binding) -> bool {
    if binding.label.is_empty() {
        return false;
    }
    match binding.action {
        Action::Mend => super::update::can_mend(state) && super::update::enter_label(state) != Some("mend"),
        Action::OpenProof => super::update::has_diagnosis(state) && super::update::enter_label(state) != Some("open proof"),
        // Enter opens a related word too.
        Action::Explain if Context::of(state) == Context::Explain => false,
        Action::Explain if matches!(Context::of(state), Context::Answer | Context::Tell | Context::Mend) => {
            super::update::has_diagnosis(state)
        }
        Action::ShowText => state.examination.as_ref().is_some_and(|examination| !examination.evidence.texts.is_empty()),
        Action::ShowCode => state.report().is_some_and(|report| !report.code.is_empty()),
        Action::Next if Context::of(state) == Context::Answer => state.report().is_some_and(|report| report.diagnoses.len() > 1),
        Action::Next => state.examination.as_ref().is_some_and(|examination| examination.evidence.texts.len() > 1),
        // Offered to who checks again and again.
        Action::Watch => state.before.is_some() || state.watch.is_some(),
        Action::Do => matches!(state.screen(), Screen::Mend(mend) if super::update::can_do(mend)),
        Action::Undo => match state.screen() {
            Screen::Mend(mend) if super::update::can_take_back(mend) => true,
            Screen::Fix(_) => false,
            _ => state.standing_fix().is_some(),
        },
        Action::ShowFix => state.standing_fix().is_some(),
        Action::Activate => !matches!(state.screen(), Screen::Who(page) if super::view::sign_rows(page).is_empty()),
        Action::WhoSigns => matches!(state.screen(), Screen::Fix(page) if page.can_change()),
        Action::FetchLog => super::update::can_fetch(state) && super::update::enter_label(state) != Some("fetch"),
        Action::PassDyld => super::update::dyld_is_set(state),
        Action::SaveProof => super::update::proof(state).is_some(),
        Action::Yes => !matches!(state.screen(), Screen::Fix(page) if matches!(page.stage, FixStage::Preparing(_) | FixStage::Refused(_))),
        Action::InPlace | Action::AdHoc => !matches!(state.screen(), Screen::Fix(page) if matches!(page.stage, FixStage::Preparing(_))),
        Action::OtherFile => matches!(state.screen(), Screen::Mend(mend) if matches!(mend.stage, super::state::Stage::Write(_))),
        Action::Right if Context::of(state) == Context::WhatIf => {
            state.report().is_some_and(|report| crate::whatif::executables(report).len() > 1)
        }
        Action::Right => matches!(state.screen(), Screen::Mend(mend) if mend.stages().len() > 1),
        Action::WhatIf => state.report().is_some_and(|report| !report.entitlements.is_empty()),
        Action::Copy if super::update::enter_label(state) == Some("copy") => false,
        Action::Copy | Action::CopyAll => super::update::can_copy(state, binding.action),
        _ => true,
    }
}

/// The word for the last line; for Enter it says what is selected.
pub fn label(state: &State, binding: &Binding) -> &'static str {
    match (binding.action, state.screen()) {
        (Action::Activate, _) => super::update::enter_label(state).unwrap_or(binding.label),
        (Action::InPlace, Screen::Fix(page)) if page.order.in_place => "on a copy",
        (Action::PassDyld, Screen::Run(page)) if page.order.without_dyld => "pass DYLD_",
        (Action::AdHoc, Screen::Fix(page)) if page.order.sign_with == SignWith::AdHoc => "own identity",
        (Action::Yes, Screen::Fix(page)) if page.wants_password() => "yes, with its password",
        (Action::Undo, Screen::Mend(mend)) if super::update::can_take_back(mend) => binding.label,
        (Action::Undo, Screen::Mend(_) | Screen::Answer { .. }) => "undo the fix",
        _ => binding.label,
    }
}

/// The name of a key.
pub fn name(key: &Key) -> String {
    let name = match key.code {
        KeyCode::Char(' ') => "space".to_owned(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Enter => "enter".to_owned(),
        KeyCode::Esc => "esc".to_owned(),
        KeyCode::Tab => "tab".to_owned(),
        KeyCode::BackTab => "shift-tab".to_owned(),
        KeyCode::Backspace => "backspace".to_owned(),
        KeyCode::Up => "↑".to_owned(),
        KeyCode::Down => "↓".to_owned(),
        KeyCode::Left => "←".to_owned(),
        KeyCode::Right => "→".to_owned(),
        KeyCode::PageUp => "page up".to_owned(),
        KeyCode::PageDown => "page down".to_owned(),
        KeyCode::Home => "home".to_owned(),
        KeyCode::End => "end".to_owned(),
        KeyCode::F(n) => format!("F{n}"),
        other => format!("{other:?}"),
    };
    if key.control { format!("ctrl-{name}") } else { name }
}

/// Names of all keys of a binding.
pub fn names(binding: &Binding) -> String {
    binding.keys.iter().map(name).collect::<Vec<_>>().join(" ")
}

/// The table in Markdown, for the README.
pub fn markdown() -> String {
    let mut text = String::from("| where | keys | what |\n| --- | --- | --- |\n");
    for binding in TABLE {
        let place = match binding.on {
            on if [Context::ALL.len(), READING.len(), SCROLLING.len()].contains(&on.len()) => "everywhere".to_owned(),
            on => on.iter().map(|context| context.name()).collect::<Vec<_>>().join(", "),
        };
        let keys = binding.keys.iter().map(|key| format!("`{}`", name(key))).collect::<Vec<_>>().join(" ");
        text.push_str(&format!("| {place} | {keys} | {} |\n", binding.help));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_on_one_screen() {
        for context in Context::ALL {
            let mut seen: Vec<Key> = Vec::new();
            for binding in bindings(context) {
                for key in binding.keys {
                    assert!(!seen.contains(key), "{} twice on {context:?}", name(key));
                    seen.push(*key);
                }
            }
        }
    }

    #[test]
    fn no_letter_is_bound_where_text_is_typed() {
        for context in [Context::Open, Context::Prompt, Context::Password] {
            for key in bindings(context).flat_map(|binding| binding.keys) {
                assert!(key.control || !matches!(key.code, KeyCode::Char(_)), "{}", name(key));
            }
        }
    }

    #[test]
    fn every_screen_can_be_left() {
        for context in Context::ALL {
            let leave = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
            assert_eq!(action(context, &leave), Some(Action::Leave), "{context:?}");
        }
    }

    #[test]
    fn markdown_has_every_row() {
        assert_eq!(markdown().lines().count(), TABLE.len() + 2);
    }
}
