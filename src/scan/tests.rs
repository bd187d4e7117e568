use super::*;
use crate::evidence::ScriptAct;
use crate::system::disk::RealSystem;
use crate::system::fake::FakeSystem;
use std::os::unix::ffi::OsStrExt;

mod macho;

fn request(path: &str) -> Request {
    Request { path: Some(path.into()), ..Request::default() }
}

fn examine(system: &dyn System, request: &Request) -> Result<Evidence, ScanError> {
    scan(system, request, &|_| {}, &AtomicBool::new(false))
}

const INFO: &str = concat!(
    "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>CFBundleIdentifier</key><string>org.example.demo</string>",
    "<key>CFBundleExecutable</key><string>Demo</string></dict></plist>"
);

/// An app whose main executable is a script.
fn scripted() -> FakeSystem {
    FakeSystem::new()
        .file("/x/Demo.app/Contents/Info.plist", INFO)
        .file("/x/Demo.app/Contents/MacOS/Demo", "#!/bin/sh\nexport DYLD_LIBRARY_PATH=/opt/lib\nexec \"$(dirname \"$0\")/real\"\n")
        .file("/x/Demo.app/Contents/MacOS/real", "no code")
        .file("/x/Demo.app/Contents/Resources/update.sh", "#!/bin/bash\n$(find_updater) --now\n")
        .file("/x/Demo.app/Contents/Resources/node/cli.js", "#!/usr/bin/env node\n")
}

#[test]
fn a_script_as_main_executable_is_read() {
    let evidence = examine(&scripted(), &request("/x/Demo.app")).unwrap();
    assert_eq!(evidence.target.kind, TargetKind::App);
    assert_eq!(evidence.target.executable.as_deref(), Some(Path::new("Contents/MacOS/Demo")));
    let paths: Vec<_> = evidence.scripts.iter().map(|script| (script.path.to_str().unwrap(), script.is_main)).collect();
    assert_eq!(paths, [("Contents/MacOS/Demo", true), ("Contents/Resources/update.sh", false)]);
    let main = &evidence.scripts[0];
    assert_eq!(main.lines[0].does, ScriptAct::Sets { name: "DYLD_LIBRARY_PATH".into(), value: "/opt/lib".into() });
    assert!(matches!(&main.lines[1].does, ScriptAct::Starts { image: Some(image), .. } if image == Path::new("Contents/MacOS/real")));
    assert_eq!(evidence.examined_at, 1_700_000_000);
    assert_eq!(evidence.files.len(), 5);
}

#[test]
fn what_cannot_be_read_is_a_gap_and_what_is_special_is_never_opened() {
    let system = scripted()
        .special("/x/Demo.app/Contents/MacOS/pipe")
        .unreadable("/x/Demo.app/Contents/MacOS/closed")
        .unreadable_folder("/x/Demo.app/Contents/Frameworks")
        .link("/x/Demo.app/Contents/Resources/loop", "loop")
        .link("/x/Demo.app/Contents/Resources/out", "/etc/passwd")
        .file("/etc/passwd", "#!secret");
    let evidence = examine(&system, &request("/x/Demo.app")).unwrap();
    let mut gaps: Vec<_> = evidence.gaps.iter().map(|gap| gap.path.to_str().unwrap()).collect();
    gaps.dedup();
    let expected =
        ["Contents/Frameworks", "Contents/MacOS/closed", "Contents/MacOS/pipe", "Contents/Resources/out", "Contents/Resources/update.sh"];
    assert_eq!(gaps, expected, "{:?}", evidence.gaps);
    let opened = system.opened();
    assert!(
        !opened.iter().any(|path| path.ends_with("pipe") || path.ends_with("loop") || path.ends_with("passwd") || path.ends_with("out"))
    );
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let many = |thread_count| {
        let mut system = scripted();
        system.thread_count = thread_count;
        for n in 0..60 {
            system = system.file(&format!("/x/Demo.app/Contents/Helpers/h{n}"), format!("#!/bin/sh\nexport A={n}\n$(x)/run\n"));
            system = system.unreadable(&format!("/x/Demo.app/Contents/Helpers/u{n}"));
        }
        examine(&system, &request("/x/Demo.app")).unwrap()
    };
    let one = many(1);
    assert_eq!(one.scripts.len(), 62);
    for threads in [2, 3, 8] {
        assert_eq!(many(threads), one);
    }
}

#[test]
fn a_cancelled_scan_says_so() {
    let outcome = scan(&scripted(), &request("/x/Demo.app"), &|_| {}, &AtomicBool::new(true));
    assert!(matches!(outcome, Err(ScanError::Cancelled)));
}

#[test]
fn a_scan_can_be_cancelled_from_its_progress() {
    let cancel = AtomicBool::new(false);
    let outcome = scan(&scripted(), &request("/x/Demo.app"), &|_| cancel.store(true, Ordering::Relaxed), &cancel);
    assert!(matches!(outcome, Err(ScanError::Cancelled)));
}

#[test]
fn a_folder_without_code_is_refused_and_a_bundle_without_code_has_a_gap() {
    let system = FakeSystem::new().file("/x/notes/a.txt", "text only").file("/x/Data.bundle/Contents/Info.plist", INFO);
    assert!(matches!(examine(&system, &request("/x/notes")), Err(ScanError::Refused { .. })));
    let evidence = examine(&system, &request("/x/Data.bundle")).unwrap();
    assert!(evidence.gaps.iter().any(|gap| gap.why.starts_with("no code")));
}

#[test]
fn a_missing_path_and_an_unreadable_folder_are_errors_that_name_them() {
    let system = FakeSystem::new().unreadable_folder("/x/closed");
    let missing = examine(&system, &request("/x/none.app")).unwrap_err().to_string();
    assert!(missing.starts_with("/x/none.app: ") && missing.contains("check the spelling"), "{missing}");
    let closed = examine(&system, &request("/x/closed")).unwrap_err().to_string();
    assert!(closed.starts_with("/x/closed: ") && closed.contains("read access"), "{closed}");
}

#[test]
fn a_log_given_as_the_target_is_evidence() {
    let system = FakeSystem::new().file("/x/app.log", "line\n").file("/x/other.log", "other\n");
    let request = Request { texts: vec!["/x/other.log".into()], ..request("/x/app.log") };
    let evidence = examine(&system, &request).unwrap();
    assert_eq!(evidence.target, Target::none());
    assert_eq!(evidence.texts.iter().map(|text| text.source.as_str()).collect::<Vec<_>>(), ["app.log", "other.log"]);
}

#[test]
fn without_a_target_the_texts_are_all_there_is() {
    let request = Request { pasted: vec![("paste".into(), b" ".to_vec())], at: Some(5), os: Some((15, 0)), ..Request::default() };
    let evidence = examine(&FakeSystem::new(), &request).unwrap();
    assert_eq!((evidence.texts.len(), evidence.examined_at, evidence.os), (1, 5, Some((15, 0))));
    assert_eq!(evidence.gaps[0].path, Path::new("paste"));
}

#[test]
fn a_script_given_as_the_target_is_read_alone() {
    let system =
        FakeSystem::new().file("/x/tool/run.sh", "#!/bin/bash\nexport A=1\n/usr/local/tool/bin/tool\n").file("/x/tool/bin/tool", "no code");
    let evidence = examine(&system, &request("/x/tool/run.sh")).unwrap();
    assert_eq!(evidence.target.kind, TargetKind::Script);
    assert_eq!(evidence.target.executable.as_deref(), Some(Path::new("run.sh")));
    assert!(evidence.scripts[0].is_main);
    assert_eq!(evidence.scripts[0].lines.len(), 2);
}

#[test]
fn scripts_at_the_top_of_a_folder_are_read() {
    let system = FakeSystem::new().file("/x/dist/run", "#!/bin/sh\nexport A=1\n").file("/x/dist/share/doc", "#!/bin/sh\n");
    let evidence = examine(&system, &request("/x/dist")).unwrap();
    assert_eq!(evidence.scripts.iter().map(|script| script.path.as_path()).collect::<Vec<_>>(), [Path::new("run")]);
}

#[test]
fn a_real_folder_with_odd_names_links_and_a_fifo_is_scanned() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("Demo.app");
    let code = root.join("Contents/MacOS");
    std::fs::create_dir_all(&code).unwrap();
    std::fs::write(root.join("Contents/Info.plist"), INFO).unwrap();
    std::fs::write(code.join("Demo"), "#!/bin/sh\nexport A=1\n").unwrap();
    std::fs::write(folder.path().join("secret"), "#!/bin/sh\nexport SECRET=1\n").unwrap();
    std::os::unix::fs::symlink("../../../secret", code.join("out")).unwrap();
    std::os::unix::fs::symlink("..", code.join("up")).unwrap();
    nix::unistd::mkfifo(&code.join("pipe"), nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    // Not every file system takes such a name.
    let odd = code.join(std::ffi::OsStr::from_bytes(b"odd\xff\xfe"));
    let has_odd = std::fs::write(&odd, "#!/bin/sh\nexport B=2\n").is_ok();
    let evidence = examine(&RealSystem, &Request { path: Some(root), ..Request::default() }).unwrap();
    assert_eq!(evidence.scripts.len(), 1 + usize::from(has_odd));
    assert!(!evidence.scripts.iter().any(|script| script.path.ends_with("out")));
    let gaps: Vec<_> = evidence.gaps.iter().map(|gap| gap.path.to_str().unwrap()).collect();
    assert_eq!(gaps, ["Contents/MacOS/out", "Contents/MacOS/pipe"]);
}

#[test]
fn progress_ends_with_every_file_counted() {
    let last = Mutex::new(Progress::default());
    scan(&scripted(), &request("/x/Demo.app"), &|progress| *last.lock().unwrap() = progress.clone(), &AtomicBool::new(false)).unwrap();
    let last = last.into_inner().unwrap();
    assert_eq!((last.files, last.images_done, last.images_total), (5, 0, 0));
}
