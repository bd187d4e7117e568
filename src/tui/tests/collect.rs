//! What this machine keeps: the log, fetched after a yes, and reports that are offered.

use super::*;
use crate::collect::Fetched;
use crate::fix::sign::command_line;
use crate::scan::FoundReport;
use crate::tui::state::CollectStage;

/// The same on a machine that has a program `log`.
fn on_a_mac(examination: Examination, size: (u16, u16)) -> State {
    let mut state = fresh(size);
    state.log = Some("/usr/bin/log".into());
    let job = job_of(&begin(&mut state, Some(Request { pasted: Vec::new(), ..request() })));
    update(&mut state, Msg::Examined(job, Arc::new(examination)));
    state
}

pub fn report(name: &str, is_this_build: bool) -> FoundReport {
    let path = PathBuf::from(format!("/home/me/Library/Logs/DiagnosticReports/{name}"));
    FoundReport { path, when: "2026-03-02 10:14:22.000 +0100".into(), is_this_build, older: 2 }
}

pub fn screens(size: (u16, u16)) -> Vec<(&'static str, State)> {
    let mut out = Vec::new();
    let mut add = |name, examination, keys: &str| {
        let mut state = on_a_mac(examination, size);
        press(&mut state, keys);
        out.push((name, state));
    };
    add("collect-undetermined", sample::undetermined(), "");
    add("collect-clear", sample::mended(), "");
    add("collect-asking", sample::undetermined(), "F");
    add("collect-running", sample::undetermined(), "F y");
    let mut failed = on_a_mac(sample::undetermined(), size);
    let job = fetch_job(&press(&mut failed, "F y"));
    update(&mut failed, Msg::Failed(job, "log show failed with status 64: log: bad predicate".into()));
    out.push(("collect-failed", failed));
    let mut offered = on_a_mac(without_texts(sample::mended()), size);
    let job = offered.looking.unwrap();
    update(&mut offered, Msg::ReportsFound(job, vec![report("Lumaplay-2.ips", true), report("Lumaplay-1.ips", false)]));
    out.push(("collect-reports", offered));
    out
}

fn without_texts(mut examination: Examination) -> Examination {
    examination.evidence.texts.clear();
    examination
}

fn fetch_job(effects: &[Effect]) -> JobId {
    let job = effects.iter().find_map(|effect| if let Effect::FetchLog(job, _) = effect { Some(*job) } else { None });
    job.expect("the log is fetched")
}

/// The rows of a quote put together again: each begins with its indent of two, and but for the last it fills the column.
fn shown_command(state: &State) -> String {
    let page = super::super::update::page(state);
    let rows: Vec<String> =
        page.rows.iter().map(|row| row.line.spans.iter().map(|span| span.content.as_ref()).collect::<String>()).collect();
    let first = rows.iter().position(|row| row.contains("log show --last")).unwrap();
    rows.iter().skip(first).take_while(|row| !row.is_empty()).map(|row| row.strip_prefix("  ").unwrap()).collect()
}

#[test]
fn the_log_is_fetched_only_after_a_yes_to_exactly_what_is_shown() {
    let mut state = on_a_mac(sample::undetermined(), (60, 30));
    assert!(press(&mut state, "enter").is_empty() && matches!(state.screen(), Screen::Collect(_)), "the entry itself asks");
    let shown = shown_command(&state);
    for key in ["enter", "n", "F", "esc", "F", "down", "x", "F"] {
        assert!(press(&mut state, key).is_empty(), "{key}");
    }
    let effects = press(&mut state, "y");
    let [Effect::FetchLog(job, argv)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(*argv, state.report().unwrap().collect[0].argv);
    assert_eq!(command_line(argv), shown);
    assert!(press(&mut state, "y").is_empty(), "once");
    update(&mut state, Msg::LogGrows(*job, 3 << 20));
    assert!(text(&state).contains("3072 KiB"), "{}", text(&state));
    let fetched = Fetched { text: b"tccd: denied\n".to_vec(), caution: Some("not all".into()) };
    let effects = update(&mut state, Msg::LogFetched(*job, Box::new(fetched)));
    let [Effect::Examine(job, request)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(request.pasted, [("log show".to_owned(), b"tccd: denied\n".to_vec())]);
    assert_eq!(request.path, self::request().path);
    update(&mut state, Msg::Examined(*job, Arc::new(sample::jit())));
    assert!(matches!(state.screen(), Screen::Answer { .. }) && state.notice.as_deref().unwrap().contains("the log is read (not all)"));
}

#[test]
fn hostile_words_are_shown_as_they_run_whatever_the_width() {
    let mut examination = sample::undetermined();
    let odd = ["a  b", "", "it's", "\"q\"", "line\nbreak", "\u{202e}x", "-rf", "日本語", "\u{1b}[2J"].map(str::to_owned);
    examination.report.collect[0].argv.extend(odd);
    for width in [40, 60, 81, 140] {
        let mut state = on_a_mac(examination.clone(), (width, 60));
        press(&mut state, "F");
        let shown = shown_command(&state);
        let effects = press(&mut state, "y");
        let [Effect::FetchLog(_, argv)] = effects.as_slice() else { panic!("{effects:?}") };
        assert_eq!(command_line(argv), shown, "{width}");
    }
}

#[test]
fn stopping_takes_nothing_and_a_late_answer_is_nobodys() {
    let mut state = on_a_mac(sample::undetermined(), (80, 24));
    let job = fetch_job(&press(&mut state, "F y"));
    let effects = press(&mut state, "esc");
    assert!(matches!(effects.as_slice(), [Effect::Cancel(own)] if *own == job), "{effects:?}");
    assert!(matches!(state.screen(), Screen::Answer { .. }));
    assert!(update(&mut state, Msg::LogFetched(job, Box::new(Fetched { text: b"x".to_vec(), caution: None }))).is_empty());
    update(&mut state, Msg::Failed(job, "log show was stopped".into()));
    assert!(matches!(state.screen(), Screen::Answer { .. }) && state.request.as_ref().unwrap().pasted.is_empty());
}

#[test]
fn a_paste_meanwhile_stops_what_runs() {
    let mut state = on_a_mac(sample::undetermined(), (80, 24));
    let job = fetch_job(&press(&mut state, "F y"));
    let examine = job_of(&update(&mut state, Msg::Paste("a log line".into())));
    let effects = update(&mut state, Msg::Examined(examine, Arc::new(sample::jit())));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Cancel(own) if *own == job)), "{effects:?}");
}

#[test]
fn a_failure_is_told_and_can_be_tried_again() {
    let mut state = on_a_mac(sample::undetermined(), (80, 24));
    let job = fetch_job(&press(&mut state, "F y"));
    update(&mut state, Msg::Failed(job, "log show failed with status 64".into()));
    let Screen::Collect(page) = state.screen() else { panic!("{:?}", state.screen()) };
    assert!(matches!(page.stage, CollectStage::Asking(Some(_))));
    assert!(text(&state).contains("status 64") && text(&state).contains("Run once more?"), "{}", text(&state));
    fetch_job(&press(&mut state, "y"));
}

#[test]
fn without_the_program_it_stays_to_be_copied() {
    let mut state = examined(sample::undetermined(), (80, 24));
    assert!(text(&state).contains("to copy: there is no program 'log' here"), "{}", text(&state));
    assert!(matches!(press(&mut state, "enter").as_slice(), [Effect::Copy(command)] if command.starts_with("log show")));
    assert!(press(&mut state, "F").is_empty() && state.notice.as_deref().unwrap().contains("copy the command"));
    assert!(matches!(state.screen(), Screen::Answer { .. }));
    assert!(!text(&examined(sample::mended(), (80, 24))).contains("last ten minutes"));
}

#[test]
fn reports_are_looked_for_and_read_only_when_chosen() {
    let mut state = on_a_mac(without_texts(sample::mended()), (80, 30));
    let job = state.looking.unwrap();
    update(&mut state, Msg::ReportsFound(JobId(999), vec![report("stale.ips", true)]));
    assert!(!text(&state).contains("stale.ips"));
    update(&mut state, Msg::ReportsFound(job, vec![report("new.ips", true), report("old.ips", false)]));
    let shown = text(&state);
    let (new, old) = (shown.find("new.ips").unwrap(), shown.find("old.ips").unwrap());
    assert!(new < old && shown.contains("this build; 2 older of the same crash"), "{shown}");
    assert!(state.request.as_ref().unwrap().texts.is_empty(), "offered, not read");
    let place =
        super::super::update::page(&state).targets.iter().position(|target| *target == super::super::page::Target::Report(1)).unwrap();
    let effects = press(&mut state, &format!("{}enter", "down ".repeat(place)));
    let [Effect::Examine(job, request)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(request.texts, [report("old.ips", false).path]);
    // Those of the case before are offered no more.
    update(&mut state, Msg::Examined(*job, Arc::new(sample::jit())));
    assert!(state.reports.is_empty());
}
