//! `temper minimize` on practice apps: the files, the reasons, and what it never does.

use std::path::{Path, PathBuf};
use temper::cli::args::Format;
use temper::cli::minimize::{MinimizeArgs, minimize};
use temper::read::entitlements::read_file;
use temper::system::disk::RealSystem;

struct Practice {
    folder: tempfile::TempDir,
    args: MinimizeArgs,
}

/// A practice app, unpacked, and the arguments that write beside it.
fn practice(id: &str) -> Practice {
    let lab = temper::lab::all().iter().find(|lab| lab.id == id).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let request = temper::lab::unpack(&RealSystem, lab, folder.path()).unwrap();
    let output = Some(folder.path().join("out"));
    Practice { args: MinimizeArgs { path: request.path.unwrap(), output, format: Format::Text, force: false }, folder }
}

impl Practice {
    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join("out").join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.out(name)).unwrap()
    }

    fn run(&self) -> temper::cli::Answer {
        minimize(&RealSystem, &self.args).unwrap()
    }
}

fn only_file(folder: &Path, extension: &str) -> String {
    let mut found = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.ends_with(extension));
    found.next().unwrap()
}

#[test]
fn the_file_holds_what_the_code_needs_and_the_reasons_name_the_calls() {
    let practice = practice("jit-flip");
    let said = practice.run();
    assert_eq!(said.status, 1, "{}", said.text);
    let name = only_file(&practice.folder.path().join("out"), ".entitlements");
    let text = practice.text(&name);
    let read = read_file(text.as_bytes());
    assert!(read.xml_faults.is_empty() && !text.contains("<!--"), "macOS takes it without a remark: {:?}\n{text}", read.xml_faults);
    assert!(read.is_true("com.apple.security.cs.allow-unsigned-executable-memory"), "{text}");
    let reasons = practice.text("reasons.md");
    for part in ["allow-unsigned-executable-memory", "0x", "mprotect(", "better than the key"] {
        assert!(reasons.contains(part), "{part} is not in\n{reasons}");
    }
    let calls: Vec<&str> = reasons.lines().filter(|line| line.starts_with("  - ")).collect();
    let once: std::collections::BTreeSet<&&str> = calls.iter().collect();
    assert_eq!(calls.len(), once.len(), "a call of a slice is named once\n{reasons}");
}

#[test]
fn it_writes_again_what_is_the_same_and_never_over_something_else() {
    let mut practice = practice("jit-map-jit");
    practice.run();
    let again = practice.run();
    assert!(again.text.contains("unchanged") && !again.text.contains("wrote"), "{}", again.text);
    let name = only_file(&practice.folder.path().join("out"), ".entitlements");
    std::fs::write(practice.out(&name), "mine").unwrap();
    std::fs::remove_file(practice.out("reasons.md")).unwrap();
    let refused = format!("{:#}", minimize(&RealSystem, &practice.args).unwrap_err());
    assert!(refused.contains(&name) && refused.contains("--force"), "{refused}");
    assert_eq!(practice.text(&name), "mine");
    assert!(!practice.out("reasons.md").exists(), "all or nothing");
    practice.args.force = true;
    practice.run();
    assert!(practice.text(&name).contains("allow-jit"));
}

#[cfg(unix)]
#[test]
fn a_link_is_not_written_through() {
    let mut practice = practice("jit-map-jit");
    practice.run();
    let elsewhere = practice.folder.path().join("elsewhere");
    std::fs::write(&elsewhere, "mine").unwrap();
    std::fs::remove_file(practice.out("reasons.md")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, practice.out("reasons.md")).unwrap();
    practice.args.force = true;
    assert!(minimize(&RealSystem, &practice.args).is_err());
    assert_eq!(std::fs::read_to_string(elsewhere).unwrap(), "mine");
}

#[test]
fn without_a_folder_it_prints_and_writes_nothing() {
    let mut practice = practice("jit-map-jit");
    practice.args.output = None;
    let said = practice.run();
    assert!(
        said.text.contains("<key>com.apple.security.cs.allow-jit</key>") && said.text.contains("# Least entitlements"),
        "{}",
        said.text
    );
    assert!(!practice.folder.path().join("out").exists());
}

#[test]
fn the_json_form_says_the_same() {
    let mut practice = practice("jit-flip");
    practice.args.output = None;
    practice.args.format = Format::Json;
    let said: serde_json::Value = serde_json::from_str(&practice.run().text).unwrap();
    assert_eq!(said["schema"], "temper-minimize/1");
    let keys = said["executables"][0]["keys"].as_array().unwrap();
    let added: Vec<&serde_json::Value> = keys.iter().filter(|key| key["fate"] == "added").collect();
    assert_eq!(added.len(), 1, "{said}");
    assert!(added[0]["proof"][0].as_str().unwrap().contains("0x") && added[0]["instead"].is_string(), "{said}");
}

/// Signed with the file that it makes, the app lacks nothing more.
#[test]
fn the_least_file_is_the_least_of_itself() {
    let practice = practice("jit-map-jit");
    practice.run();
    let name = only_file(&practice.folder.path().join("out"), ".entitlements");
    let keys = read_file(practice.text(&name).as_bytes());
    let request = temper::scan::Request { path: Some(practice.args.path.clone()), ..Default::default() };
    let examined = temper::examine(&RealSystem, &request, &|_| {}, &Default::default()).unwrap();
    let main: PathBuf = examined.report.target.executable.clone().unwrap().into();
    let entitlements = keys.entries.iter().map(|(key, _)| (main.clone(), key.clone(), true)).collect();
    let after = temper::decide(examined.evidence, &temper::diagnose::Change { entitlements });
    let files = temper::fix::minimal::least(&after.evidence, &after.report);
    assert!(files.iter().all(|file| !file.changes()), "{files:?}");
}
