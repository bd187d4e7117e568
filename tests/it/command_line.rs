//! The program as a shell meets it: exit status, standard output, standard error.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

struct Run {
    home: tempfile::TempDir,
}

impl Run {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_temper"));
        command
            .args(arguments)
            .env("HOME", self.home.path())
            .env("XDG_CACHE_HOME", self.home.path())
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE");
        command.stdin(Stdio::null());
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// A practice app on the disk.
    fn practice(&self) -> String {
        let lab = temper::lab::all().first().unwrap();
        let request = temper::lab::unpack(&temper::system::disk::RealSystem, lab, self.home.path()).unwrap();
        request.path.unwrap().to_str().unwrap().to_owned()
    }

    fn given(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self.command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[track_caller]
fn failed_with(output: &Output, said: &str) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    assert!(error.starts_with("temper: error: ") && error.matches('\n').count() == 1 && error.contains(said), "{error}");
}

#[test]
fn words_are_explained_and_an_unknown_one_is_status_1() {
    let run = Run::new();
    let found = run.output(&["explain", "CODESIGNING", "2"]);
    assert!(found.status.success() && text(&found.stdout).starts_with("CODESIGNING 2\n"), "{found:?}");
    assert!(text(&run.output(&["explain", "-67054"]).stdout).contains("sealed resource"));
    let missed = run.output(&["explain", "alow-jit"]);
    assert_eq!(missed.status.code(), Some(1));
    let said = text(&missed.stderr);
    assert!(said.starts_with("temper: nothing is known about 'alow-jit'; did you mean com.apple.security.cs.allow-jit"), "{said}");
    assert!(missed.stdout.is_empty());
    let topics = run.output(&["explain"]);
    assert!(topics.status.success() && text(&topics.stdout).contains("code-signing flag"), "{topics:?}");
}

#[test]
fn failures_are_one_line_and_status_2() {
    let run = Run::new();
    failed_with(&run.output(&["check"]), "nothing to examine");
    failed_with(&run.output(&["check", "/no/such.app"]), "/no/such.app");
    failed_with(&run.output(&["/no/such\u{1b}[31m.app"]), r"\x1b[31m");
    failed_with(&run.output(&["check", "--crash", "/no/such.ips"]), "/no/such.ips");
    failed_with(&run.output(&["--no-such-option"]), "--no-such-option");
    failed_with(&run.output(&["check", ".", "--os", "yesterday"]), "10.15");
    failed_with(&run.output(&["check", ".", "--trust-anchor", "/no/such.pem"]), "/no/such.pem");
}

#[test]
fn an_error_says_its_reason_once() {
    let error = Run::new().output(&["check", "/no/such.app"]).stderr;
    assert_eq!(text(&error).matches("No such file").count(), 1, "{}", text(&error));
}

#[test]
fn help_and_version_are_status_0() {
    let run = Run::new();
    for arguments in [&["--help"][..], &["-h"], &["check", "--help"], &["--version"]] {
        let output = run.output(arguments);
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{arguments:?}");
    }
    assert!(text(&run.output(&["--version"]).stdout).starts_with("temper 0."));
}

#[test]
fn without_a_terminal_plain_temper_prints_the_report_on_the_practice_app() {
    let output = Run::new().output(&[]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(said.starts_with("Practice app (no PATH was given).") && said.contains("Mends this build"), "{said}");
    assert!(!said.contains('\x1b'), "a pipe gets no colours");
}

#[test]
fn json_is_one_document_and_nothing_else() {
    let run = Run::new();
    let output = run.output(&["check", "--format", "json", &run.practice()]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["schema"]), (Some(1), &"temper-report/1".into()));
    assert_eq!(super::schema::faults(&report), Vec::<String>::new());
    assert!(output.stderr.is_empty());
}

#[test]
fn colours_come_when_asked_for() {
    let run = Run::new();
    let app = run.practice();
    assert!(text(&run.output(&["check", "--color", "always", &app]).stdout).contains("\x1b["));
    assert!(!text(&run.output(&["check", "--color", "never", &app]).stdout).contains('\x1b'));
}

#[test]
fn evidence_comes_from_standard_input_whichever_option_brings_it() {
    let lab = temper::lab::all().first().unwrap();
    let (_, report) = lab.evidence[0];
    let run = Run::new();
    for arguments in [&["check", "--log", "-"][..], &["check", "--crash", "-"], &["check", "-"]] {
        let said = run.given(arguments, report.as_bytes());
        assert!(text(&said.stdout).contains("stdin: crash report"), "{arguments:?}: {}", text(&said.stdout));
    }
}

#[test]
fn nothing_to_report_is_status_0() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("start"), "#!/bin/sh\necho hello\n").unwrap();
    let output = Run::new().output(&["check", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let run = Run::new();
    let app = run.practice();
    assert!(Path::new(&app).exists());
    let mut child = run.command(&["check", "--format", "json", &app]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert_eq!((child.wait().unwrap().code(), error.as_str()), (Some(0), ""));
}

#[test]
fn lint_says_ok_as_plutil_does_and_has_three_statuses() {
    let run = Run::new();
    let file = |name: &str, body: &str| {
        let path = run.home.path().join(name);
        std::fs::write(&path, format!("<plist version=\"1.0\">\n<dict>\n{body}</dict>\n</plist>\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file("good.entitlements", "\t<key>com.apple.security.cs.allow-jit</key>\n\t<true/>\n");
    let bad = file("bad.entitlements", "\t<key>com.apple.security.cs.allow-jit</key>\n\t<string>true</string>\n");
    let output = run.output(&["lint", &good]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), format!("{good}: OK\n").as_str()));
    let output = run.output(&["lint", &good, &bad]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("line 4, column 2: error:"), "{}", text(&output.stdout));
    let output = run.output(&["lint", "--format", "json", &good]);
    assert!(text(&output.stdout).contains("\"ok\": true"), "{}", text(&output.stdout));
    failed_with(&run.output(&["lint", "/no/such/file"]), "/no/such/file");
}

#[test]
fn display_writes_to_standard_output() {
    let run = Run::new();
    let output = run.output(&["display", "-v", &run.practice()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).starts_with("Executable=/") && text(&output.stdout).contains("\nCodeDirectory v="));
    assert!(output.stderr.is_empty());
    let output = run.output(&["display", "/no/such/file"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), "/no/such/file: No such file or directory\n"));
}
