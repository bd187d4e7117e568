//! Evidence that this machine keeps about an app: crash reports, and what `log show` says.
//!
//! Nothing is run that was not shown and confirmed. The output is evidence like a log that somebody pasted.

use crate::diagnose;
use crate::evidence::{Evidence, TextFacts};
use crate::run::Kept;
use crate::scan::{REPORTS, Request};
use crate::system::{Cut, Stream, System};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Name of the fetched log among the evidence.
pub const SOURCE: &str = "log show";
/// How long the command may run. Ten minutes of log take seconds.
pub const LIMIT: Duration = Duration::from_secs(120);
/// Bytes that it may write before it is ended.
const MOST: u64 = 256 << 20;
/// Bytes kept of the beginning of what it writes, and as many of the end.
const KEPT: usize = 8 << 20;

/// What the command said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its output, as much as is kept.
    pub text: Vec<u8>,
    /// Why that may not be all.
    pub caution: Option<String>,
}

/// The folders in which macOS keeps crash reports, as far as they are there.
pub fn report_folders(system: &dyn System) -> Vec<PathBuf> {
    let home = system.variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let usual = home.into_iter().chain([PathBuf::from("/")]).map(|root| root.join(REPORTS));
    usual.filter(|folder| system.entry(folder).is_ok()).collect()
}

/// No crash report of the app was given, and there is an app of which there could be one.
pub fn wants_a_report(evidence: &Evidence, request: &Request) -> bool {
    let has_one = evidence.texts.iter().any(|text| matches!(text.facts, TextFacts::Crash(..)));
    !has_one && request.path.is_some() && request.reports.is_empty()
}

/// The program `log` that a command would run. Only macOS has one.
pub fn program(system: &dyn System) -> Option<PathBuf> {
    system.on_path("log")
}

/// The command for this app: the one that the collection plan of a report names.
pub fn command(evidence: &Evidence) -> Vec<String> {
    diagnose::log_show(evidence)
}

/// Is this the command of a collection plan that Temper can run itself?
pub fn is_log_show(argv: &[String]) -> bool {
    argv.first().is_some_and(|program| program == "log") && argv.get(1).is_some_and(|verb| verb == "show")
}

/// Runs exactly this argument list, without a shell. `progress` is told how many bytes came so far. The error is one line.
pub fn fetch(system: &dyn System, argv: &[String], stop: &AtomicBool, progress: &mut dyn FnMut(u64)) -> Result<Fetched, String> {
    let stream = Stream { argv: argv.iter().map(OsString::from).collect(), limit: LIMIT, most: MOST };
    let mut kept = Kept::of(KEPT);
    let ended = system
        .stream(&stream, stop, &mut |bytes| {
            kept.push(bytes);
            progress(kept.total());
        })
        .map_err(|error| not_started(&error))?;
    let text = kept.bytes();
    match (ended.cut, ended.status) {
        (Some(Cut::Stopped), _) => return Err("log show was stopped; nothing of what it wrote is used".into()),
        (Some(_), _) | (None, Some(0)) => {}
        (None, Some(status)) => return Err(format!("log show failed with status {status}{}", reason(&ended.stderr))),
        (None, None) => return Err(format!("log show was ended by a signal{}", reason(&ended.stderr))),
    }
    if is_empty(&text) {
        return Err("log show found nothing of the last ten minutes: make it happen once more, and fetch the log right after".into());
    }
    let caution = match ended.cut {
        Some(Cut::Time) => Some(format!("log show still ran after {} s and was ended: what it wrote until then is read", LIMIT.as_secs())),
        Some(_) => {
            Some(format!("log show wrote more than {} MiB and was ended: the first and the last {} MiB are read", MOST >> 20, KEPT >> 20))
        }
        None if kept.total() > 2 * KEPT as u64 => Some(format!("of the log the first and the last {} MiB are read", KEPT >> 20)),
        None => None,
    };
    Ok(Fetched { text, caution })
}

/// Adds the log to what is examined, in the place of one that was fetched before.
pub fn add(request: &mut Request, fetched: &Fetched) {
    request.pasted.retain(|(name, _)| name != SOURCE);
    request.pasted.push((SOURCE.to_owned(), fetched.text.clone()));
}

fn not_started(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "there is no program 'log' here, it is a part of macOS: run the command on the Mac where it broke, and give its output with --log".into()
        }
        _ => format!("log: it cannot be run: {error}"),
    }
}

/// The first line of what it said about its failure.
fn reason(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let first = text.lines().map(str::trim).find(|line| !line.is_empty());
    first.map_or_else(String::new, |line| format!(": {}", crate::clean::clean(line)))
}

/// Without a line that matches it prints its heading and, by its style, a count of nothing.
fn is_empty(text: &[u8]) -> bool {
    let is_frame = |line: &str| {
        let starts =
            ["Timestamp ", "Filtering the log data using ", "Skipping info and debug messages", "Log      - ", "Activity - ", "---"];
        line.trim().is_empty() || starts.iter().any(|start| line.starts_with(start))
    };
    String::from_utf8_lossy(text).lines().all(is_frame)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::system::Output;
    use crate::system::fake::FakeSystem;
    use std::path::Path;

    fn argv() -> Vec<String> {
        command(&Evidence::empty())
    }

    fn fetched(status: Option<i32>, stdout: &[u8], stderr: &str) -> (Result<Fetched, String>, FakeSystem) {
        let output = Output { status, stdout: stdout.to_vec(), stderr: stderr.as_bytes().to_vec() };
        let system = FakeSystem::new().program(move |_, _| Ok(output.clone()));
        let said = fetch(&system, &argv(), &AtomicBool::new(false), &mut |_| {});
        (said, system)
    }

    #[test]
    fn the_command_that_runs_is_the_one_of_the_plan_word_by_word() {
        let (said, system) = fetched(Some(0), b"tccd: denied\n", "");
        assert_eq!(said.unwrap(), Fetched { text: b"tccd: denied\n".to_vec(), caution: None });
        let ran: Vec<Vec<OsString>> = system.ran().into_iter().map(|command| command.argv).collect();
        assert_eq!(ran, [argv().iter().map(OsString::from).collect::<Vec<_>>()]);
        assert!(is_log_show(&argv()) && !is_log_show(&["log".into()]) && !is_log_show(&["/bin/log".into(), "show".into()]));
    }

    #[test]
    fn what_goes_wrong_is_one_line() {
        let heading =
            b"Filtering the log data using \"x\"\nTimestamp                       Thread     Type\n------------\nLog      - Default: 0\n";
        for (status, stdout, stderr, wanted) in [
            (Some(64), &b"x\n"[..], "\nlog: Invalid predicate\x1b[2J\nmore\n", "status 64: log: Invalid predicate\\x1b[2J"),
            (None, b"x\n", "", "ended by a signal"),
            (Some(0), b" \n", "", "found nothing"),
            (Some(0), heading, "", "found nothing"),
        ] {
            let why = fetched(status, stdout, stderr).0.unwrap_err();
            assert!(why.contains(wanted) && !why.contains('\n') && !why.contains('\x1b'), "{why}");
        }
        let why = fetch(&FakeSystem::new(), &argv(), &AtomicBool::new(false), &mut |_| {}).unwrap_err();
        assert!(why.contains("no program 'log'") && !why.contains('\n'), "{why}");
    }

    #[test]
    fn a_long_log_is_kept_in_part_and_that_is_said() {
        let long = b"a line of a log\n".repeat(2 * KEPT / 16 + 10);
        let fetched = fetched(Some(0), &long, "").0.unwrap();
        assert!(fetched.text.len() < 2 * KEPT + 100 && fetched.caution.unwrap().contains("first and the last 8 MiB"));
    }

    #[test]
    fn reports_are_wanted_of_an_app_without_one() {
        let lab = &crate::lab::all()[0];
        let mut system = FakeSystem::new();
        for (path, bytes, _) in lab.files {
            system = system.file(&format!("/{}/{path}", lab.bundle), *bytes);
        }
        let wants = |request: &Request| {
            let evidence = crate::scan::scan(&system, request, &|_| {}, &AtomicBool::new(false)).unwrap();
            wants_a_report(&evidence, request)
        };
        let app = Request { path: Some(format!("/{}", lab.bundle).into()), ..Request::default() };
        let pasted = vec![(lab.evidence[0].0.to_owned(), lab.evidence[0].1.as_bytes().to_vec())];
        assert!(wants(&app));
        assert!(!wants(&Request { pasted: pasted.clone(), ..app.clone() }));
        assert!(!wants(&Request { path: None, pasted, ..Request::default() }));
    }

    #[test]
    fn a_new_log_takes_the_place_of_the_old_one() {
        let mut request =
            Request { pasted: vec![(SOURCE.into(), b"old".to_vec()), ("pasted".into(), b"mine".to_vec())], ..Request::default() };
        add(&mut request, &Fetched { text: b"new".to_vec(), caution: None });
        assert_eq!(request.pasted, [("pasted".to_owned(), b"mine".to_vec()), (SOURCE.to_owned(), b"new".to_vec())]);
    }

    #[test]
    fn the_program_is_the_first_in_path() {
        let mut system = FakeSystem::new().file("/b/log", "").file("/c/log", "").folder("/a/log");
        assert_eq!(program(&system), None);
        system.variables.insert("PATH".into(), "/a::/b:/c".into());
        assert_eq!(program(&system), Some("/b/log".into()));
    }

    #[test]
    fn the_folders_of_reports_are_those_that_are_there() {
        let mut system = FakeSystem::new().folder("/Library/Logs/DiagnosticReports").folder("/u/Library/Logs/DiagnosticReports");
        assert_eq!(report_folders(&system), [Path::new("/Library/Logs/DiagnosticReports")]);
        system.variables.insert("HOME".into(), "/u".into());
        assert_eq!(report_folders(&system), ["/u/Library/Logs/DiagnosticReports", "/Library/Logs/DiagnosticReports"].map(PathBuf::from));
    }
}
