//! `log show` by Temper itself, with a stub `log` first in PATH that records its argument list and prints a recorded log.

use super::support::tty::{Desk, Session};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use temper::fix::sign::command_line;
use temper::lab::{self, Lab};
use termlens::Key;

/// Evidence that does not say what broke.
const WEAK: &str = "Voicenote: the recording is silent\n";

fn voicenote() -> &'static Lab {
    lab::all().iter().find(|lab| lab.id == "silent-microphone").unwrap()
}

struct Bench {
    desk: Desk,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { desk: Desk::new() };
        fs::create_dir(bench.path("bin")).unwrap();
        fs::write(bench.path("weak.txt"), WEAK).unwrap();
        fs::write(bench.path("recorded.log"), voicenote().evidence[0].1).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.desk.path(name)
    }

    /// The stub: first it records its arguments, each ended by NUL, then it does what `script` says.
    fn log(&self, script: &str) {
        let path = self.path("bin/log");
        // Written by another process: a test beside this one may fork while the file is open, and Linux does not start a file that is open for writing.
        let mut writer = Command::new("sh").args(["-c", "cat > \"$0\""]).arg(&path).stdin(Stdio::piped()).spawn().unwrap();
        let (calls, recorded) = (self.path("calls").display().to_string(), self.path("recorded.log").display().to_string());
        let script = script.replace("RECORDED", &recorded);
        write!(writer.stdin.take().unwrap(), "#!/bin/sh\nprintf '%s\\0' \"$0\" \"$@\" >> '{calls}'\n{script}\n").unwrap();
        assert!(writer.wait().unwrap().success());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The arguments of every call so far, the program's own name first.
    fn calls(&self) -> Vec<String> {
        let bytes = fs::read(self.path("calls")).unwrap_or_default();
        let mut words: Vec<String> = bytes.split(|byte| *byte == 0).map(|word| String::from_utf8(word.to_vec()).unwrap()).collect();
        words.pop();
        if let Some(program) = words.first_mut() {
            assert_eq!(*program, self.path("bin/log").display().to_string());
            *program = "log".into();
        }
        words
    }

    fn search_path(&self) -> OsString {
        let mut path = self.path("bin").into_os_string();
        path.push(":/usr/bin:/bin");
        path
    }

    fn check(&self, app: &Path, arguments: &[&OsStr]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_temper"));
        command.arg("check").arg(app).arg("--trust-anchor").arg(self.anchor()).args(arguments);
        command.env("HOME", self.path("home")).env("PATH", self.search_path()).stdin(Stdio::null()).output().unwrap()
    }

    fn anchor(&self) -> PathBuf {
        let anchor = self.path("root.der");
        fs::write(&anchor, lab::anchor().1).unwrap();
        anchor
    }

    fn report(&self, app: &Path, more: &[&str]) -> (Value, String) {
        let weak = self.path("weak.txt");
        let mut arguments = vec![OsStr::new("--log"), weak.as_os_str(), OsStr::new("--format"), OsStr::new("json")];
        arguments.extend(more.iter().map(OsStr::new));
        let output = self.check(app, &arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        (serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}")), errors)
    }
}

/// The command of the collection plan.
fn planned(report: &Value) -> Vec<String> {
    let entries = report["collect"].as_array().unwrap().iter().map(|entry| entry["argv"].as_array().unwrap());
    let command = entries.into_iter().find(|argv| argv.first().is_some_and(|program| program == "log")).unwrap();
    command.iter().map(|argument| argument.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_log_is_fetched_only_when_asked_and_decides() {
    let bench = Bench::new();
    bench.log("cat RECORDED");
    let (app, _) = bench.desk.unpack(voicenote());
    let (before, errors) = bench.report(&app, &[]);
    assert_eq!((before["verdict"].as_str(), errors.as_str()), (Some("undetermined"), ""));
    assert_eq!(bench.calls(), [""; 0], "nothing is run without --collect");
    let (after, errors) = bench.report(&app, &["--collect"]);
    assert_eq!(bench.calls(), planned(&before), "the command of the plan is the one that ran");
    assert_eq!(errors, format!("running: {}\n", command_line(&bench.calls())), "and the one that was printed");
    assert_eq!((after["verdict"].as_str(), after["diagnoses"][0]["cause"].as_str()), (Some("explained"), Some("protected-resource")));
    assert!(after["evidence"].as_array().unwrap().iter().any(|item| item["source"] == "log show"), "{after:#}");
}

/// An app of that name, with a main executable of that name.
fn named(folder: &Path, name: &OsStr, executable: &str) -> PathBuf {
    let app = folder.join(name);
    let macos = app.join("Contents/MacOS");
    fs::create_dir_all(&macos).unwrap();
    let escaped = executable.replace('&', "&amp;").replace('<', "&lt;");
    let info = format!(
        "<plist version=\"1.0\"><dict><key>CFBundleExecutable</key><string>{escaped}</string><key>CFBundleIdentifier</key>\
         <string>org.example.odd</string><key>CFBundlePackageType</key><string>APPL</string></dict></plist>"
    );
    fs::write(app.join("Contents/Info.plist"), info).unwrap();
    fs::write(macos.join(executable), voicenote().files.iter().find(|(path, ..)| path.ends_with("MacOS/Voicenote")).unwrap().1).unwrap();
    app
}

#[test]
fn what_is_shown_is_what_runs_whatever_the_names_are() {
    let bytes = OsString::from_vec(b"\xff\xfe odd.app".to_vec());
    let names: [(&OsStr, &str, bool); 7] = [
        (OsStr::new("Two words.app"), "Two words", true),
        (OsStr::new("-rf.app"), "-rf", true),
        (OsStr::new("a'b.app"), "it's $(touch gone) `x`", true),
        (OsStr::new("q\"uote.app"), "q\"uote\\", false),
        (OsStr::new("line\nbreak.app"), "line\nbreak", false),
        (OsStr::new("Zahlen ☃.app"), "Zähler ☃", true),
        (bytes.as_os_str(), "plain", true),
    ];
    for (name, executable, is_named) in names {
        let bench = Bench::new();
        bench.log("cat RECORDED");
        let app = named(&bench.path("work"), name, executable);
        // A leading hyphen must not stand first in the argument list of Temper itself.
        let app = app.parent().unwrap().join(app.file_name().unwrap());
        let (before, _) = bench.report(&app, &[]);
        let (_, errors) = bench.report(&app, &["--collect"]);
        let ran = bench.calls();
        assert_eq!(ran, planned(&before), "{name:?}");
        assert_eq!(errors, format!("running: {}\n", command_line(&ran)), "{name:?}");
        assert_eq!(ran.len(), 7, "one predicate, whatever stands in it: {ran:?}");
        assert_eq!(ran[6].contains(&format!("process == \"{executable}\"")), is_named, "{ran:?}");
        // A shell that reads the shown line runs the same.
        let line = errors.strip_prefix("running: log ").unwrap().trim_end();
        let said = Command::new("bash").args(["-c", &format!("printf '%s\\0' {line}")]).output().unwrap();
        let words: Vec<&[u8]> = said.stdout.split(|byte| *byte == 0).collect();
        assert_eq!(words[..words.len() - 1], ran[1..].iter().map(|word| word.as_bytes()).collect::<Vec<_>>(), "{name:?}");
        assert!(!bench.path("work/gone").exists());
    }
}

#[test]
fn what_goes_wrong_is_one_line_and_a_status_of_two() {
    let bench = Bench::new();
    let (app, _) = bench.desk.unpack(voicenote());
    let fails = |wanted: &str| {
        let output = bench.check(&app, &[OsStr::new("--collect")]);
        let errors = String::from_utf8(output.stderr).unwrap();
        let last: Vec<&str> = errors.lines().skip(1).collect();
        assert!(output.status.code() == Some(2) && last.len() == 1 && last[0].contains(wanted), "{wanted}: {errors}");
        assert!(errors.starts_with("running: log show ") && output.stdout.is_empty(), "{errors}");
    };
    fails("no program 'log' here");
    bench.log("echo 'log: bad predicate' >&2; exit 64");
    fails("status 64: log: bad predicate");
    bench.log("exit 0");
    fails("found nothing");
    bench.log("kill -9 $$");
    fails("ended by a signal");
}

#[test]
fn reports_of_the_app_are_collected_too() {
    let bench = Bench::new();
    bench.log("cat RECORDED");
    let lab = lab::all().iter().find(|lab| lab.id == "jit-map-jit").unwrap();
    let (app, _) = bench.desk.unpack(lab);
    let folder = bench.path("home").join("Library/Logs/DiagnosticReports");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(lab.evidence[0].0), lab.evidence[0].1).unwrap();
    let output = bench.check(&app, &["--collect", "--format", "json"].map(OsStr::new));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let sources: Vec<&str> = report["evidence"].as_array().unwrap().iter().map(|item| item["source"].as_str().unwrap()).collect();
    assert!(sources.contains(&"log show") && sources.contains(&lab.evidence[0].0), "{sources:?}");
    assert_eq!(report["verdict"], "explained");
}

/// The face on the practice app with weak evidence, the stub first in PATH.
fn face(bench: &Bench) -> Session {
    let (app, _) = bench.desk.unpack(voicenote());
    let (anchor, weak) = (bench.anchor(), bench.path("weak.txt"));
    let builder = bench.desk.builder().env("PATH", bench.search_path());
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let arguments = [text(&app), "--trust-anchor".into(), text(&anchor), "--log".into(), text(&weak)];
    let mut session = bench.desk.start(builder, &arguments.each_ref().map(String::as_str));
    session.shows(&["not known", "Get this next", "q quit"]);
    session
}

#[test]
fn with_keys_the_log_is_fetched_after_a_yes_and_decides() {
    let bench = Bench::new();
    bench.log("cat RECORDED");
    let mut session = face(&bench);
    let question = session.walk(&[(Key::Char('F'), "Run exactly this?")]);
    let rows: Vec<String> = (0..question.rows()).map(|row| question.row_text(row)).collect();
    let shown = rows.iter().skip_while(|row| !row.contains("log show --last")).take_while(|row| !row.trim().is_empty());
    let shown: String = shown.map(|row| row.get(5..79).unwrap_or_default()).collect();
    session.walk(&[(Key::Char('n'), "Get this next"), (Key::Char('F'), "Run exactly this?")]);
    assert_eq!(bench.calls(), [""; 0], "nothing is run before the yes");
    session.walk(&[(Key::Char('y'), "microphone")]);
    session.shows(&["certain", "audio-input"]);
    assert_eq!(command_line(&bench.calls()), shown.trim_end(), "what ran is what was shown");
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}

/// Is the process gone whose id the stub wrote?
fn is_gone(bench: &Bench) -> bool {
    let pid = fs::read_to_string(bench.path("pid")).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    // A zombie whose parent is this test's container is as good as gone.
    stat.is_empty() || stat.contains(") Z ")
}

#[test]
fn an_endless_log_is_stopped_by_escape_and_by_leaving() {
    for leaves in [false, true] {
        let bench = Bench::new();
        // Without end, and too slow to reach the limit of bytes before the key does.
        let endless = "while :; do head -c 4096 /dev/zero | tr '\\0' a; echo; sleep 0.1; done";
        bench.log(&format!("echo $$ > '{}'\n{endless}", bench.path("pid").display()));
        let mut session = face(&bench);
        session.walk(&[(Key::Char('F'), "Run exactly this?"), (Key::Char('y'), "log show runs")]);
        session.until(|screen| screen.contains("It has written") && !screen.contains("written 0 KiB"), "output");
        if !leaves {
            session.walk(&[(Key::Esc, "nothing of it is used")]);
            session.shows(&["Get this next"]);
        }
        session.press(Key::Char('q'));
        assert_eq!(session.ends(), Some(0));
        assert!(is_gone(&bench), "leaves: {leaves}");
    }
}

#[test]
fn with_keys_a_failure_is_told_and_reports_are_offered() {
    let bench = Bench::new();
    bench.log("echo 'log: bad predicate' >&2; exit 64");
    let mut session = face(&bench);
    session.walk(&[(Key::Char('F'), "Run exactly this?"), (Key::Char('y'), "status 64: log: bad predicate")]);
    session.walk(&[(Key::Esc, "Get this next")]);
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));

    let lab = lab::all().iter().find(|lab| lab.id == "jit-map-jit").unwrap();
    let (app, arguments) = bench.desk.unpack(lab);
    let folder = bench.path("home").join("Library/Logs/DiagnosticReports");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(lab.evidence[0].0), lab.evidence[0].1).unwrap();
    let arguments = [app.to_str().unwrap(), "--trust-anchor", &arguments[2]];
    let mut session = bench.desk.start(bench.desk.builder().size(100, 60), &arguments);
    session.shows(&["Crash reports of this app on this machine", lab.evidence[0].0, "this build"]);
    for _ in 0..30 {
        if session.screen().contains(&format!("▸   1. {}", lab.evidence[0].0)) {
            break;
        }
        let before = session.screen().text();
        session.press(Key::Down);
        session.until(|screen| screen.text() != before, "the next entry");
    }
    session.press(Key::Enter);
    session.shows(&["broken", "certain", &lab.evidence[0].0[..12]]);
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}
