//! A run of the app: its arguments and its environment before, what it says after.

use super::*;
use crate::run::{Order, Origin, Prepared};
use crate::system::launch::Launch;

/// What the worker would find for an order, on a machine with one `DYLD_` variable.
pub fn prepared(order: &Order) -> Prepared {
    let launch = Launch {
        program: order.path.join("Contents/MacOS/Lumaplay"),
        arguments: order.arguments.clone(),
        set: order.set.clone(),
        unset: if order.without_dyld { vec!["DYLD_LIBRARY_PATH".into()] } else { Vec::new() },
        limit: order.limit,
        takes_interrupts: order.takes_interrupts,
    };
    let origin = if order.without_dyld { Origin::Removed } else { Origin::Passed };
    let environment = vec![("DYLD_LIBRARY_PATH".to_owned(), "/opt/lib".to_owned(), origin)];
    Prepared { launch, environment, others: 3, reports: None, root: order.path.clone() }
}

pub fn screens(size: (u16, u16)) -> Vec<(&'static str, State)> {
    let mut out = Vec::new();
    for (name, keys) in [("run-asking", "R d"), ("run-arguments", "R a - o space ' a space b '"), ("run-running", "R y")] {
        let mut state = examined(sample::jit(), size);
        press(&mut state, keys);
        out.push((name, state));
    }
    out
}

fn started(effects: &[Effect]) -> Prepared {
    let [Effect::Run(_, prepared)] = effects else { panic!("{effects:?}") };
    (**prepared).clone()
}

#[test]
fn arguments_are_typed_shown_as_words_and_given_exactly() {
    let mut state = examined(sample::jit(), (100, 40));
    press(&mut state, "R a - o space ' t w o space w ' \" \" y");
    assert!(text(&state).contains("arguments: -o 'two w'\"\"y") && text(&state).contains("Blanks separate"), "{}", text(&state));
    press(&mut state, "space \" \" enter");
    let shown = text(&state);
    assert!(shown.contains("arguments     -o") && shown.contains("two wy"), "{shown}");
    // The line comes back as it can be split again, and is kept for the next run.
    press(&mut state, "a");
    assert!(text(&state).contains("arguments: -o 'two wy' ''"), "{}", text(&state));
    let effects = press(&mut state, "esc y");
    assert_eq!(started(&effects).launch.arguments, ["-o", "two wy", ""]);
    let Effect::Run(job, _) = &effects[0] else { panic!("{effects:?}") };
    update(&mut state, Msg::Failed(*job, "no".into()));
    press(&mut state, "esc R");
    assert_eq!(started(&press(&mut state, "y")).launch.arguments, ["-o", "two wy", ""]);
}

#[test]
fn a_line_that_cannot_be_split_stays_open() {
    let mut state = examined(sample::jit(), (100, 40));
    let effects = press(&mut state, "R a ' x enter");
    assert!(effects.is_empty() && state.screen().prompt().is_some());
    assert!(text(&state).contains("the quote ' has no end"), "{}", text(&state));
    press(&mut state, "' enter");
    assert_eq!(started(&press(&mut state, "y")).launch.arguments, ["x"]);
}

#[test]
fn variables_of_dyld_are_listed_and_kept_back_on_request() {
    let mut state = examined(sample::jit(), (100, 40));
    press(&mut state, "R");
    assert!(text(&state).contains("DYLD_LIBRARY_PATH=/opt/lib (from this environment)") && text(&state).contains("d keep back DYLD_"));
    press(&mut state, "d");
    assert!(text(&state).contains("DYLD_LIBRARY_PATH=/opt/lib (kept back)") && text(&state).contains("d pass DYLD_"), "{}", text(&state));
    let mut other = state.clone();
    assert_eq!(started(&press(&mut state, "y")).launch.unset, ["DYLD_LIBRARY_PATH"]);
    assert!(started(&press(&mut other, "d y")).launch.unset.is_empty());
    // Without any there is nothing to switch.
    let Screen::Run(page) = other.screen_mut() else { panic!() };
    let order = page.order.clone();
    page.stage = crate::tui::state::RunStage::Asking(Box::new(Prepared { environment: Vec::new(), ..prepared(&order) }));
    assert!(press(&mut other, "d").is_empty() && other.notice.as_deref().unwrap().contains("no DYLD_ variable"));
}

#[test]
fn the_app_is_started_only_after_a_yes_and_what_it_says_is_judged() {
    use crate::run::{Origin, Prepared, Ran};
    use crate::system::launch::{Ended, How, KernelSays, Launch};
    use std::time::Duration;
    let mut state = examined(sample::jit(), (100, 40));
    let effects = update(&mut state, Msg::Key(event("R")));
    let [Effect::Prepare(job, order)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(order.path, PathBuf::from("/build/Lumaplay.app"));
    assert!(press(&mut state, "y").is_empty(), "nothing is shown yet, so nothing can be confirmed");
    let job = *job;
    let launch = Launch {
        program: "/build/Lumaplay.app/Contents/MacOS/Lumaplay".into(),
        arguments: Vec::new(),
        set: Vec::new(),
        unset: Vec::new(),
        limit: Duration::from_secs(60),
        takes_interrupts: false,
    };
    let environment = vec![("DYLD_X\u{1b}[2J".to_owned(), "1".to_owned(), Origin::Passed)];
    let prepared = Prepared { launch, environment, others: 3, reports: None, root: "/build/Lumaplay.app".into() };
    update(&mut state, Msg::Prepared(job, Box::new(prepared.clone())));
    let shown = screen_text(&state);
    assert!(shown.contains("Start it?") && shown.contains("Contents/MacOS/Lumaplay") && shown.contains("DYLD_X"), "{shown}");
    let effects = press(&mut state, "y");
    let [Effect::Run(job, started)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(**started, prepared);
    let job = *job;
    update(&mut state, Msg::Said(job, vec!["hello".into(), "\u{1b}[2Jgone".into()]));
    let shown = screen_text(&state);
    assert!(shown.contains("hello") && shown.contains("\\x1b[2Jgone") && shown.contains("interrupt"), "{shown}");
    assert!(matches!(press(&mut state, "esc").as_slice(), [Effect::Interrupt(own)] if *own == job));
    assert!(matches!(state.screen(), Screen::Run(_)), "it stays until the app has ended");
    let how = How::Signalled(9, "SIGKILL");
    let ended = Ended { pid: 7, how, stopped: None, ran: Duration::from_secs(1), kernel: KernelSays::default(), left_behind: false };
    let evidence = vec![("run".to_owned(), b"$ x\ntemper: 7 Killed: 9  x\n".to_vec())];
    let effects = update(&mut state, Msg::Ran(job, Box::new(Ran { ended, evidence, reports: 0, written: 11 })));
    let examine = effects.iter().find_map(|effect| if let Effect::Examine(job, request) = effect { Some((*job, request)) } else { None });
    let (job, request) = examine.unwrap();
    assert!(request.pasted.iter().any(|(name, _)| name == "run") && request.pasted.len() == 2, "beside what was given");
    update(&mut state, Msg::Examined(job, Arc::new(sample::mended())));
    assert!(screen_text(&state).contains("SIGKILL"), "{}", screen_text(&state));
}
