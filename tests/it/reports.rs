//! Folders of reports, as the command line takes them.

use std::path::Path;
use std::process::{Command, Output};
use temper::system::disk::RealSystem;

fn temper(arguments: &[&str], home: &Path) -> (Output, serde_json::Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_temper"));
    let output = command.args(arguments).args(["--format", "json"]).env("HOME", home).env("XDG_CACHE_HOME", home).output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, report)
}

/// The practice app, its report in the user's folder of reports beside an older one of the same crash and one of another app.
fn machine(home: &Path) -> String {
    let lab = temper::lab::all().first().unwrap();
    let request = temper::lab::unpack(&RealSystem, lab, home).unwrap();
    let reports = home.join("Library/Logs/DiagnosticReports/Retired");
    std::fs::create_dir_all(&reports).unwrap();
    let (_, report) = request.pasted.first().expect("the first practice app has a report");
    std::fs::write(reports.join("Sketchbook-2026-03-02-101422.ips"), report).unwrap();
    std::fs::write(reports.join("Sketchbook-2026-03-01-101422.ips"), report).unwrap();
    let other = "Process:               Other [1]\nIdentifier:            org.example.other\nException Type:        EXC_CRASH (SIGABRT)\n";
    std::fs::write(reports.join("Other-2026-03-03-101422.crash"), other).unwrap();
    request.path.unwrap().to_str().unwrap().to_owned()
}

#[test]
fn reports_of_the_app_are_found_where_the_system_keeps_them() {
    let home = tempfile::tempdir().unwrap();
    let app = machine(home.path());
    let (_, alone) = temper(&["check", &app], home.path());
    assert_eq!(alone["evidence"].as_array().unwrap().len(), 0);
    let (output, report) = temper(&["check", &app, "--reports-dir"], home.path());
    let evidence = report["evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), 1, "{report}{output:?}");
    assert_eq!(evidence[0]["source"], "Sketchbook-2026-03-02-101422.ips");
    assert_eq!(evidence[0]["also"], serde_json::json!(["Sketchbook-2026-03-01-101422.ips"]));
    assert_eq!((&evidence[0]["matches"], &report["verdict"]), (&"this-build".into(), &"explained".into()));
}

#[test]
fn a_folder_of_reports_is_evidence_by_option_and_by_itself() {
    let home = tempfile::tempdir().unwrap();
    let app = machine(home.path());
    let folder = home.path().join("Library/Logs");
    let folder = folder.to_str().unwrap();
    for arguments in [vec!["check", &app, "--crash", folder], vec!["check", "--crash", folder], vec!["check", folder]] {
        let (output, report) = temper(&arguments, home.path());
        let sources: Vec<&str> = report["evidence"].as_array().unwrap().iter().filter_map(|item| item["source"].as_str()).collect();
        let expected = if arguments.contains(&app.as_str()) { "Sketchbook-2026-03-02-101422.ips" } else { "Other-2026-03-03-101422.crash" };
        assert_eq!(sources, [expected], "{arguments:?} {output:?}");
        assert!(report["gaps"].to_string().contains("other programs") || arguments.contains(&app.as_str()), "{report}");
    }
}

#[test]
fn no_folder_of_reports_is_said() {
    let home = tempfile::tempdir().unwrap();
    let (output, _) = temper(&["check", ".", "--reports-dir"], home.path());
    // The system's own folder is there on a Mac.
    if !Path::new("/Library/Logs/DiagnosticReports").is_dir() {
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("--reports-dir=DIR"));
    }
}

#[test]
fn a_case_is_saved_and_opened_from_the_command_line() {
    let home = tempfile::tempdir().unwrap();
    let app = machine(home.path());
    let file = home.path().join("case.json");
    let file = file.to_str().unwrap();
    let (_, report) = temper(&["check", &app, "--reports-dir", "--save-case", file], home.path());
    let (_, again) = temper(&["check", file], home.path());
    assert_eq!((&report["verdict"], &report["diagnoses"][0]["cause"]), (&again["verdict"], &again["diagnoses"][0]["cause"]));
    assert_eq!(again["evidence"][0]["matches"], "this-build");
    let (output, _) = temper(&["check", &app, "--save-case", file], home.path());
    assert_eq!(output.status.code(), Some(2));
}
