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

/// A practice app, judged with evidence that is given as text.
fn judged(home: &Path, app: &str, option: &str, text: &str) -> serde_json::Value {
    let lab = temper::lab::all().iter().find(|lab| lab.id == app).unwrap();
    let path = temper::lab::unpack(&RealSystem, lab, home).unwrap().path.unwrap();
    let given = home.join("given.txt");
    std::fs::write(&given, text).unwrap();
    temper(&["check", path.to_str().unwrap(), option, given.to_str().unwrap()], home).1
}

/// Keys that an applicable remedy of a sure diagnosis would add.
fn urged(report: &serde_json::Value) -> Vec<&serde_json::Value> {
    let sure = report["diagnoses"].as_array().unwrap().iter().filter(|diagnosis| diagnosis["confidence"] != "possible");
    let remedies = sure.flat_map(|diagnosis| diagnosis["remedies"].as_array().unwrap()).filter(|remedy| remedy["applies"] == true);
    remedies.flat_map(|remedy| remedy["add_entitlements"].as_array().unwrap()).collect()
}

fn crash_of(lab: &str) -> String {
    let lab = temper::lab::all().iter().find(|known| known.id == lab).unwrap();
    let request = temper::lab::unpack(&RealSystem, lab, tempfile::tempdir().unwrap().path()).unwrap();
    String::from_utf8(request.pasted.first().expect("it has a report").1.clone()).unwrap()
}

#[test]
fn a_report_of_another_program_decides_nothing() {
    let home = tempfile::tempdir().unwrap();
    let report = judged(home.path(), "foreign-plugin", "--crash", &crash_of("jit-map-jit"));
    assert_eq!((&report["evidence"][0]["matches"], &report["verdict"]), (&"another-program".into(), &"undetermined".into()), "{report}");
    assert!(!report["findings"].as_array().unwrap().iter().any(|finding| finding["kind"] == "symptom"), "{report}");
    assert!(urged(&report).is_empty(), "{report}");
    assert!(report["collect"][0]["why"].as_str().unwrap().contains("crash report"), "the app's own is still to be got: {report}");
    // The report alone is judged for what it is.
    let lab = crash_of("jit-map-jit");
    let alone = home.path().join("alone.ips");
    std::fs::write(&alone, lab).unwrap();
    let (_, report) = temper(&["check", "--crash", alone.to_str().unwrap()], home.path());
    assert_eq!(report["diagnoses"][0]["cause"], "jit", "{report}");
}

#[test]
fn a_report_of_what_the_app_started_is_about_the_app() {
    let home = tempfile::tempdir().unwrap();
    let started = |field: &str, value: &str| {
        let crash = crash_of("jit-map-jit").replacen("\"pid\"", &format!("\"{field}\" : \"{value}\",\n  \"pid\""), 1);
        assert!(crash.contains(value), "{crash}");
        judged(home.path(), "foreign-plugin", "--crash", &crash)
    };
    assert_eq!(started("responsibleProc", "Mixbench")["evidence"][0]["matches"], "unknown");
    assert_eq!(started("responsibleProc", "Terminal")["evidence"][0]["matches"], "another-program");
}

#[test]
fn lines_about_other_programs_are_noise() {
    const OTHERS: &str = "\
default	16:20:11.1+0100	kernel	mac_vnode_check_signature: /Applications/Plain.app/Contents/MacOS/Plain: code signature validation failed fatally: When validating /Applications/Plain.app/Contents/MacOS/Plain: Code has restricted entitlements, but the validation of its code signature failed.
default	16:20:11.2+0100	kernel	CODE SIGNING: process 812[Lathe]: rejecting invalid page at address 0x1045d4000 from offset 0x0 in file \"<nil>\" (cs_mtime:0.0 == mtime:0.0) (signed:0 validated:0 tainted:0 nx:0 wpmapped:0 dirty:0 depth:0)
default	16:20:11.3+0100	kernel	Library Validation failed: Rejecting '/Applications/Lathe.app/Contents/PlugIns/libsaw.dylib' (Team ID: OTHERTEAM1, platform: no) for process 'Lathe(812)' (Team ID: THIRDTEAM1, platform: no), reason: mapping process and mapped file (non-platform) have different Team IDs
default	16:20:11.4+0100	Lathe	dyld[812]: Library not loaded: @rpath/libsaw.dylib
  Referenced from: <4C4C44D5-5555-3144-A1C0-BBE8C7F7A1B2> /Applications/Lathe.app/Contents/MacOS/Lathe
  Reason: tried: '/Applications/Lathe.app/Contents/Frameworks/libsaw.dylib' (code signature in <7D0B5C1E-93F2-3A6B-8E44-1F2A6C9B7D05> '/Applications/Lathe.app/Contents/Frameworks/libsaw.dylib' not valid for use in process: mapping process and mapped file (non-platform) have different Team IDs)
";
    let home = tempfile::tempdir().unwrap();
    let report = judged(home.path(), "jit-map-jit", "--log", OTHERS);
    assert_eq!(report["verdict"], "undetermined", "{report}");
    assert!(!report["findings"].as_array().unwrap().iter().any(|finding| finding["kind"] == "symptom"), "{report}");
    let noise: Vec<&str> = report["noise"].as_array().unwrap().iter().filter_map(|noise| noise["why"].as_str()).collect();
    let about = |name: &str| noise.iter().filter(|why| why.starts_with(&format!("about {name}, which is not in Abacus.app"))).count();
    assert_eq!((about("Plain"), about("Lathe")), (2, 3), "{noise:?}");
    // The same lines with the app's own name in them are about the app.
    let own = OTHERS.replace("812[Lathe]", "812[Abacus]");
    let report = judged(home.path(), "jit-map-jit", "--log", &own);
    assert_eq!((&report["verdict"], &report["diagnoses"][0]["cause"]), (&"explained".into(), &"jit".into()), "{report}");
}
