//! What each key does, where, and the words for it. The order is the order on the last line.

use super::{Action, Binding, Context, Key};
use crossterm::event::KeyCode;

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
pub(super) const READING: &[Context] = &[
    Context::Start,
    Context::Progress,
    Context::Failure,
    Context::Answer,
    Context::Tell,
    Context::Mend,
    Context::Apply,
    Context::Proof,
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

/// The same, and pages on which a yes is awaited or something is done: they can be longer than the screen.
pub(super) const SCROLLING: &[Context] = &[
    Context::Start,
    Context::Progress,
    Context::Failure,
    Context::Answer,
    Context::Tell,
    Context::Mend,
    Context::Confirm,
    Context::Undo,
    Context::Apply,
    Context::Fixing,
    Context::Proof,
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
        label: "yes, undo it",
        help: "Take back exactly what is shown.",
        on: &[Context::Undo],
    },
    Binding { action: Action::Back, keys: &[ESC, key('n')], label: "no", help: "Take nothing back.", on: &[Context::Undo] },
    Binding {
        action: Action::Yes,
        keys: &[key('y')],
        label: "yes, do it",
        help: "Do exactly the steps that are shown.",
        on: &[Context::Apply],
    },
    Binding { action: Action::Back, keys: &[ESC, key('n')], label: "no", help: "Do nothing.", on: &[Context::Apply] },
    Binding {
        action: Action::InPlace,
        keys: &[key('i')],
        label: "in place",
        help: "Mend the app in its place, with a way back; or, again, a copy beside it.",
        on: &[Context::Apply],
    },
    Binding {
        action: Action::AdHoc,
        keys: &[key('a')],
        label: "ad hoc",
        help: "Sign ad hoc, for an experiment; or, again, with the identity in use.",
        on: &[Context::Apply],
    },
    Binding {
        action: Action::Back,
        keys: &[ESC],
        label: "stop",
        help: "Stop after this step and take everything back.",
        on: &[Context::Fixing],
    },
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
        action: Action::Do,
        keys: &[key('A')],
        label: "do it",
        help: "Let Temper do it: the whole fix at 'sign', the selected change of a file at 'build system' (asks first).",
        on: &[Context::Mend],
    },
    Binding {
        action: Action::Undo,
        keys: &[key('u')],
        label: "undo",
        help: "Take back what was done or written, byte for byte (asks first).",
        on: &[Context::Mend, Context::Proof],
    },
    Binding {
        action: Action::SaveProof,
        keys: &[key('M')],
        label: "save the proof",
        help: "Save the proof as Markdown (asks first).",
        on: &[Context::Proof],
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
    Binding { action: Action::Up, keys: &[code(KeyCode::Up), key('k')], label: "", help: "Up.", on: SCROLLING },
    Binding { action: Action::Down, keys: &[code(KeyCode::Down), key('j')], label: "", help: "Down.", on: SCROLLING },
    Binding { action: Action::PageUp, keys: &[code(KeyCode::PageUp), control('b')], label: "", help: "A page up.", on: SCROLLING },
    Binding {
        action: Action::PageDown,
        keys: &[code(KeyCode::PageDown), key(' '), control('f')],
        label: "",
        help: "A page down.",
        on: SCROLLING,
    },
    Binding { action: Action::HalfUp, keys: &[control('u')], label: "", help: "Half a page up.", on: SCROLLING },
    Binding { action: Action::HalfDown, keys: &[control('d')], label: "", help: "Half a page down.", on: SCROLLING },
    Binding { action: Action::Top, keys: &[key('g'), code(KeyCode::Home)], label: "", help: "To the beginning.", on: SCROLLING },
    Binding { action: Action::Bottom, keys: &[key('G'), code(KeyCode::End)], label: "", help: "To the end.", on: SCROLLING },
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
            Context::Proof,
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
    Binding {
        action: Action::Help,
        keys: &[code(KeyCode::F(1))],
        label: "",
        help: "These keys.",
        on: &[Context::Confirm, Context::Undo, Context::Open],
    },
    Binding { action: Action::Quit, keys: &[key('q')], label: "quit", help: "Leave Temper.", on: READING },
    Binding { action: Action::Leave, keys: &[control('c')], label: "", help: "Leave Temper, from anywhere.", on: &Context::ALL },
    Binding { action: Action::Suspend, keys: &[control('z')], label: "", help: "Back to the shell; fg returns.", on: &Context::ALL },
    Binding { action: Action::Redraw, keys: &[control('l')], label: "", help: "Paint the screen anew.", on: &Context::ALL },
];
