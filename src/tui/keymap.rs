//! The one table of keys: dispatch, the last line, help and the README are made from it.

use super::state::{Screen, State};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Where keys are pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // One for each screen, and three for what lies over one.
pub enum Context {
    Start,
    Progress,
    Failure,
    Answer,
    Tell,
    Mend,
    Confirm,
    Launch,
    Run,
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
    pub const ALL: [Context; 20] = [
        Context::Start,
        Context::Progress,
        Context::Failure,
        Context::Answer,
        Context::Tell,
        Context::Mend,
        Context::Confirm,
        Context::Launch,
        Context::Run,
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
            Context::Launch => "Before starting",
            Context::Run => "While the app runs",
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
            Screen::Mend(_) => Context::Mend,
            Screen::Run(page) if matches!(page.stage, super::state::RunStage::Asking(_)) => Context::Launch,
            Screen::Run(_) => Context::Run,
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
    SaveCase,
    OpenPath,
    Ask,
    Copy,
    CopyAll,
    OtherFile,
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

const fn key(c: char) -> Key {
    Key { code: KeyCode::Char(c), control: false }
}

const fn control(c: char) -> Key {
    Key { code: KeyCode::Char(c), control: true }
}

const fn code(code: KeyCode) -> Key {
    Key { code, control: false }
}

const ENTER: Key = code(KeyCode::Enter);
const ESC: Key = code(KeyCode::Esc);
const TAB: Key = code(KeyCode::Tab);

/// Screens that one reads and moves on; not where text is typed or a yes is awaited.
const READING: &[Context] = &[
    Context::Start,
    Context::Progress,
    Context::Failure,
    Context::Answer,
    Context::Tell,
    Context::Mend,
    Context::Launch,
    Context::Run,
    Context::Code,
    Context::Object,
    Context::Text,
    Context::List,
    Context::Finding,
    Context::Interview,
    Context::Explain,
    Context::WhatIf,
    Context::Help,
];

/// Screens that belong to an examined target.
const EXAMINED: &[Context] =
    &[Context::Answer, Context::Tell, Context::Mend, Context::Object, Context::List, Context::Finding, Context::Explain];

/// Screens from which another path can be opened.
const OPENING: &[Context] = &[Context::Start, Context::Failure, Context::Answer];

/// The table. The order is the order on the last line.
pub const TABLE: &[Binding] = &[
    // What Enter does, screen by screen.
    Binding {
        action: Action::Activate,
        keys: &[ENTER],
        label: "open",
        help: "Open the selected entry.",
        on: &[Context::Start, Context::List, Context::Object, Context::Finding, Context::Explain],
    },
    Binding {
        action: Action::Activate,
        keys: &[ENTER],
        label: "go on",
        help: "Do what is selected: mend, open a proof, copy a command.",
        on: &[Context::Answer],
    },
    Binding {
        action: Action::Activate,
        keys: &[ENTER],
        label: "go on",
        help: "Take the selected remedy, write the shown file (asks first), go to the next step, check again.",
        on: &[Context::Mend],
    },
    Binding {
        action: Action::Activate,
        keys: &[ENTER],
        label: "details",
        help: "Details of the object; folds and unfolds a folder.",
        on: &[Context::Code],
    },
    Binding {
        action: Action::Activate,
        keys: &[ENTER],
        label: "switch",
        help: "Switch the selected key, and see what macOS would say.",
        on: &[Context::WhatIf],
    },
    Binding { action: Action::Activate, keys: &[ENTER], label: "answer", help: "Give the selected answer.", on: &[Context::Interview] },
    Binding { action: Action::Activate, keys: &[ENTER], label: "do it", help: "Do what the selected row says.", on: &[Context::Help] },
    Binding {
        action: Action::Activate,
        keys: &[ENTER],
        label: "open",
        help: "Examine this path, or go into the selected folder.",
        on: &[Context::Open],
    },
    Binding { action: Action::Activate, keys: &[ENTER], label: "go", help: "Find it, or show only what matches.", on: &[Context::Prompt] },
    Binding {
        action: Action::Yes,
        keys: &[key('y')],
        label: "yes, write it",
        help: "Write exactly the file that is shown.",
        on: &[Context::Confirm],
    },
    Binding { action: Action::Back, keys: &[ESC, key('n')], label: "no", help: "Write nothing.", on: &[Context::Confirm] },
    Binding {
        action: Action::Yes,
        keys: &[key('y')],
        label: "yes, start it",
        help: "Start exactly the program that is shown.",
        on: &[Context::Launch],
    },
    Binding { action: Action::Back, keys: &[ESC, key('n')], label: "no", help: "Start nothing.", on: &[Context::Launch] },
    Binding {
        action: Action::Back,
        keys: &[ESC],
        label: "interrupt",
        help: "Interrupt the app (SIGINT); a second time kill it. Back when it was not started.",
        on: &[Context::Run],
    },
    // What can be done with the answer.
    Binding {
        action: Action::Mend,
        keys: &[key('m')],
        label: "mend",
        help: "Remedies in rank order, then a walk through the chosen one.",
        on: &[Context::Answer, Context::Explain],
    },
    Binding {
        action: Action::OpenProof,
        keys: &[key('o')],
        label: "proof",
        help: "Open the selected (or first) proof where it stands.",
        on: &[Context::Answer, Context::Finding],
    },
    Binding {
        action: Action::Next,
        keys: &[TAB],
        label: "next",
        help: "Next diagnosis, next text.",
        on: &[Context::Answer, Context::Text],
    },
    Binding {
        action: Action::OtherFile,
        keys: &[key('f')],
        label: "other file",
        help: "Write to (or edit) another entitlements file.",
        on: &[Context::Mend],
    },
    Binding {
        action: Action::Copy,
        keys: &[key('y')],
        label: "copy",
        help: "Copy the selected command, line or text.",
        on: &[Context::Answer, Context::Tell, Context::Mend, Context::Object, Context::Text, Context::Finding, Context::WhatIf],
    },
    Binding { action: Action::CopyAll, keys: &[key('Y')], label: "all", help: "Copy all commands of this step.", on: &[Context::Mend] },
    // Code and evidence.
    Binding {
        action: Action::Find,
        keys: &[key('/')],
        label: "find",
        help: "Find a text; small letters find both.",
        on: &[Context::Code, Context::Text],
    },
    Binding {
        action: Action::FindNext,
        keys: &[key('n')],
        label: "next",
        help: "Next place found; without a search the next decisive line, or the next object with a fault.",
        on: &[Context::Code, Context::Text],
    },
    Binding { action: Action::FindPrevious, keys: &[key('N')], label: "", help: "The place before.", on: &[Context::Code, Context::Text] },
    Binding {
        action: Action::Filter,
        keys: &[key('&')],
        label: "filter",
        help: "Show only code whose path, signer or key contains a text; empty shows all.",
        on: &[Context::Code],
    },
    Binding {
        action: Action::OnlyProblems,
        keys: &[key('p')],
        label: "faults",
        help: "Show only code with something to say about it, or all.",
        on: &[Context::Code],
    },
    Binding {
        action: Action::Keys,
        keys: &[key('e')],
        label: "keys",
        help: "List the entitlements below each executable, or hide them.",
        on: &[Context::Code],
    },
    Binding {
        action: Action::Right,
        keys: &[code(KeyCode::Right), key('l'), TAB],
        label: "step",
        help: "Next step.",
        on: &[Context::Mend],
    },
    Binding {
        action: Action::Right,
        keys: &[code(KeyCode::Right), key('l'), TAB],
        label: "other program",
        help: "The next program of the app.",
        on: &[Context::WhatIf],
    },
    Binding {
        action: Action::Left,
        keys: &[code(KeyCode::Left), key('h'), code(KeyCode::BackTab)],
        label: "",
        help: "The program before.",
        on: &[Context::WhatIf],
    },
    // Other screens.
    Binding {
        action: Action::WhatIf,
        keys: &[key('t')],
        label: "what if",
        help: "Try keys: switch entitlements and see which refusals would vanish. Writes nothing.",
        on: &[Context::Answer, Context::Mend, Context::Code, Context::Object, Context::List],
    },
    Binding {
        action: Action::ShowCode,
        keys: &[key('c')],
        label: "code",
        help: "The tree of all code, with signers and entitlements.",
        on: EXAMINED,
    },
    Binding {
        action: Action::ShowText,
        keys: &[key('e')],
        label: "evidence",
        help: "The evidence text, with the decisive lines marked.",
        on: EXAMINED,
    },
    Binding {
        action: Action::Explain,
        keys: &[key('x')],
        label: "explain",
        help: "What the selected thing means: a diagnosis, remedy, finding, object of code, flag, key or line of evidence.",
        on: &[
            Context::Answer,
            Context::Mend,
            Context::Tell,
            Context::Code,
            Context::Object,
            Context::Text,
            Context::List,
            Context::Finding,
            Context::Explain,
            Context::WhatIf,
        ],
    },
    Binding {
        action: Action::ShowList,
        keys: &[key('a')],
        label: "all",
        help: "All diagnoses, findings, and what could not be looked at.",
        on: &[Context::Answer, Context::Code, Context::Text],
    },
    Binding { action: Action::Loads, keys: &[key('L')], label: "loads", help: "What loads it, and what it loads.", on: &[Context::Code] },
    Binding { action: Action::Complete, keys: &[TAB], label: "complete", help: "Complete the path.", on: &[Context::Open] },
    Binding { action: Action::Up, keys: &[code(KeyCode::Up)], label: "", help: "Entry above.", on: &[Context::Open] },
    Binding { action: Action::Down, keys: &[code(KeyCode::Down)], label: "choose", help: "Entry below.", on: &[Context::Open] },
    // Other cases.
    Binding {
        action: Action::CheckAgain,
        keys: &[key('r')],
        label: "check again",
        help: "Examine the same target again and show what changed.",
        on: &[Context::Answer, Context::Mend],
    },
    Binding {
        action: Action::Watch,
        keys: &[key('w')],
        label: "watch",
        help: "Watch the target: after each rebuild it is examined again, and what changed is said. Once more stops it.",
        on: &[Context::Answer],
    },
    Binding {
        action: Action::Run,
        keys: &[key('R')],
        label: "",
        help: "Start the app (asks first), show what it writes, and judge that.",
        on: &[Context::Answer],
    },
    Binding {
        action: Action::SaveCase,
        keys: &[key('s')],
        label: "",
        help: "Save the case, names replaced, to send or to open again (asks first).",
        on: &[Context::Answer],
    },
    Binding { action: Action::OpenPath, keys: &[key('O')], label: "another", help: "Open another app, file, report or log.", on: OPENING },
    Binding {
        action: Action::Ask,
        keys: &[key('i')],
        label: "questions",
        help: "Find the issue by questions, without an app.",
        on: OPENING,
    },
    // Moving.
    Binding {
        action: Action::Previous,
        keys: &[code(KeyCode::BackTab)],
        label: "",
        help: "Previous diagnosis, previous text.",
        on: &[Context::Answer, Context::Text],
    },
    Binding {
        action: Action::Left,
        keys: &[code(KeyCode::Left), key('h'), code(KeyCode::BackTab)],
        label: "",
        help: "Step before.",
        on: &[Context::Mend],
    },
    Binding {
        action: Action::Right,
        keys: &[code(KeyCode::Right), key('l')],
        label: "",
        help: "Unfold; next diagnosis; next text.",
        on: &[Context::Code, Context::Answer, Context::Text],
    },
    Binding {
        action: Action::Left,
        keys: &[code(KeyCode::Left), key('h')],
        label: "",
        help: "Fold; previous diagnosis; previous text.",
        on: &[Context::Code, Context::Answer, Context::Text],
    },
    Binding { action: Action::Up, keys: &[code(KeyCode::Up), key('k')], label: "", help: "Up.", on: READING },
    Binding { action: Action::Down, keys: &[code(KeyCode::Down), key('j')], label: "", help: "Down.", on: READING },
    Binding { action: Action::PageUp, keys: &[code(KeyCode::PageUp), control('b')], label: "", help: "A page up.", on: READING },
    Binding {
        action: Action::PageDown,
        keys: &[code(KeyCode::PageDown), key(' '), control('f')],
        label: "",
        help: "A page down.",
        on: READING,
    },
    Binding { action: Action::HalfUp, keys: &[control('u')], label: "", help: "Half a page up.", on: READING },
    Binding { action: Action::HalfDown, keys: &[control('d')], label: "", help: "Half a page down.", on: READING },
    Binding { action: Action::Top, keys: &[key('g'), code(KeyCode::Home)], label: "", help: "To the beginning.", on: READING },
    Binding { action: Action::Bottom, keys: &[key('G'), code(KeyCode::End)], label: "", help: "To the end.", on: READING },
    // Leaving.
    Binding {
        action: Action::Back,
        keys: &[ESC],
        label: "cancel",
        help: "Stop examining and keep what is there.",
        on: &[Context::Progress],
    },
    Binding {
        action: Action::Back,
        keys: &[ESC, code(KeyCode::Backspace)],
        label: "back",
        help: "Back to exactly where one was.",
        on: &[
            Context::Failure,
            Context::Answer,
            Context::Tell,
            Context::Mend,
            Context::Code,
            Context::Object,
            Context::Text,
            Context::List,
            Context::Finding,
            Context::Interview,
            Context::Explain,
            Context::WhatIf,
            Context::Help,
        ],
    },
    Binding {
        action: Action::Back,
        keys: &[ESC],
        label: "back",
        help: "Leave the line; nothing is opened.",
        on: &[Context::Open, Context::Prompt],
    },
    Binding {
        action: Action::Help,
        keys: &[key('?'), code(KeyCode::F(1))],
        label: "help",
        help: "These keys, and what the signs mean.",
        on: READING,
    },
    Binding { action: Action::Help, keys: &[code(KeyCode::F(1))], label: "", help: "These keys.", on: &[Context::Confirm, Context::Open] },
    Binding { action: Action::Quit, keys: &[key('q')], label: "quit", help: "Leave Temper.", on: READING },
    Binding { action: Action::Leave, keys: &[control('c')], label: "", help: "Leave Temper, from anywhere.", on: &Context::ALL },
    Binding { action: Action::Suspend, keys: &[control('z')], label: "", help: "Back to the shell; fg returns.", on: &Context::ALL },
    Binding { action: Action::Redraw, keys: &[control('l')], label: "", help: "Paint the screen anew.", on: &Context::ALL },
];

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
    if binding.action == Action::Activate { super::update::enter_label(state).unwrap_or(binding.label) } else { binding.label }
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
            on if on.len() == Context::ALL.len() || on.len() == READING.len() => "everywhere".to_owned(),
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
        for context in [Context::Open, Context::Prompt] {
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
