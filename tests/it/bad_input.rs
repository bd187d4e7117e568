//! Input that is damaged, hostile, of another kind or not there: one clear error and status 2, or a report that says what it could not look at.
//! Never a panic, and nothing but JSON on standard output when JSON was asked for.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use temper::lab;
use temper::scan::Request;
use temper::system::disk::RealSystem;
use temper::system::fake::FakeSystem;

/// A folder to make bad things in.
struct Bench {
    folder: tempfile::TempDir,
}

/// What a run said, and how it ended.
#[derive(Debug)]
struct Said {
    out: String,
    error: String,
    status: Option<i32>,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn practice(&self) -> PathBuf {
        lab::unpack(&RealSystem, &lab::all()[0], &self.path("apps")).unwrap().path.unwrap()
    }

    fn command<I: AsRef<OsStr>>(&self, arguments: &[I]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_temper"));
        command.env_clear().env("HOME", self.folder.path()).env("TZ", "UTC").arg("check").args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    #[track_caller]
    fn check<I: AsRef<OsStr>>(&self, arguments: &[I]) -> Said {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let said = Said { out: text(output.stdout), error: text(output.stderr), status: output.status.code() };
        assert!(!said.error.contains("panicked") && said.status.is_some(), "{said:?}");
        said
    }

    /// One error line, with this in it, and nothing on standard output; in both formats.
    #[track_caller]
    fn refuses<I: AsRef<OsStr>>(&self, arguments: &[I], wanted: &str) {
        for format in ["text", "json"] {
            let mut arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
            arguments.extend([OsStr::new("--format"), OsStr::new(format)]);
            let said = self.check(&arguments);
            assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{said:?}");
            assert!(said.error.starts_with("temper: error: ") && said.error.ends_with('\n') && said.error.lines().count() == 1, "{said:?}");
            assert!(said.error.contains(wanted), "{wanted:?} in {said:?}");
            assert!(!said.error.trim_end().chars().any(char::is_control), "{said:?}");
        }
    }

    /// A report, valid by the schema, with nothing beside it.
    #[track_caller]
    fn reports<I: AsRef<OsStr>>(&self, arguments: &[I]) -> serde_json::Value {
        let mut arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
        let said = self.check(&arguments);
        assert!(!said.out.chars().any(|c| c != '\n' && c.is_control()), "{}", said.out);
        arguments.extend([OsStr::new("--format"), OsStr::new("json")]);
        let said = self.check(&arguments);
        assert_eq!(said.error, "");
        let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(super::schema::faults(&report), Vec::<String>::new());
        let is_clear = report["verdict"] == "clear" && report["diagnoses"].as_array().unwrap().is_empty();
        assert_eq!(said.status, Some(i32::from(!is_clear)), "the exit status is the verdict's");
        report
    }
}

#[track_caller]
fn gap(report: &serde_json::Value, path: &str, why: &str) {
    let gaps = report["gaps"].as_array().unwrap();
    let is_meant = |gap: &&serde_json::Value| gap["path"].as_str().unwrap().contains(path) && gap["why"].as_str().unwrap().contains(why);
    assert!(gaps.iter().any(|gap| is_meant(&gap)), "{path}: {why} in {gaps:#?}");
}

#[test]
fn what_cannot_be_a_target_is_refused_with_a_way_on() {
    let bench = Bench::new();
    bench.refuses(&[bench.path("missing.app")], "check the spelling");
    bench.refuses(&[bench.file("empty", "")], "an empty file: name an app");
    bench.refuses(&[bench.file("photo.jpg", [0xff, 0xd8, 0xff, 0xe0, 0, 0x10, b'J', b'F', b'I', b'F', 0, 1])], "name the app");
    bench.file("no code/readme", "nothing here");
    bench.refuses(&[bench.path("no code")], "a folder without a Mach-O file");
    std::fs::create_dir(bench.path("nothing")).unwrap();
    bench.refuses(&[bench.path("nothing")], "a folder without");
    bench.refuses(&[bench.file("a.zip", "PK\x03\x04aaaa")], "unzip");
}

#[test]
fn a_text_file_is_evidence_that_decides_nothing() {
    let bench = Bench::new();
    let report = bench.reports(&[bench.file("notes.txt", "It crashed again.\n")]);
    assert_eq!(report["verdict"], "undetermined");
    assert!(!report["collect"].as_array().unwrap().is_empty(), "it says what to get");
}

#[test]
fn evidence_that_is_not_there_is_an_error() {
    let bench = Bench::new();
    let app = bench.practice();
    for option in ["--crash", "--log", "--entitlements"] {
        bench.refuses(&[app.as_os_str(), OsStr::new(option), bench.path("missing.ips").as_os_str()], "missing.ips");
        bench.refuses(&[app.as_os_str(), OsStr::new(option), bench.folder.path().as_os_str()], "a folder in which no crash report");
    }
}

#[test]
fn trust_anchors_that_are_none_are_an_error() {
    let bench = Bench::new();
    let app = bench.practice();
    let option = OsStr::new("--trust-anchor");
    let garbage = bench.file("root.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    bench.refuses(&[app.as_os_str(), option, garbage.as_os_str()], "takes one root certificate");
    bench.refuses(&[app.as_os_str(), option, bench.file("empty.pem", "").as_os_str()], "takes one root certificate");
    bench.refuses(&[app.as_os_str(), option, bench.path("missing.pem").as_os_str()], "cannot be read");
    bench.refuses(&[app.as_os_str(), option, bench.folder.path().as_os_str()], "cannot be read");
}

#[test]
fn reports_of_another_kind_are_named_and_decide_nothing() {
    let bench = Bench::new();
    let stackshot = "{\"bug_type\":\"288\",\"timestamp\":\"2026-03-02 10:14:22.00 +0100\",\"os_version\":\"macOS 14.4 (23E214)\"}\n\
                     {\"build\":\"macOS 14.4\",\"product\":\"Mac14,2\",\"reason\":\"stackshot\",\"processByPid\":{}}\n";
    let spindump = "Date/Time:        2026-03-02 10:14:22 +0100\nEnd time:         2026-03-02 10:15:22 +0100\nOS Version:       macOS 14.4 (Build 23E214)\n\
                    Architecture:     arm64e\nReport Version:   53\n\nCommand:          Sketchbook\nEvent:            hang\nDuration:         60.00s\n\
                    Steps:            600\n\nHeaviest stack for the main thread of the target process:\n  600  start + 2360 (dyld + 25000)\n";
    for (name, text, why) in [
        ("stackshot.ips", stackshot, "bug_type 288"),
        ("spindump.txt", spindump, "a hang report, not a crash report"),
        ("empty.crash", "", "empty"),
    ] {
        let report = bench.reports(&[OsStr::new("--crash"), bench.file(name, text).as_os_str()]);
        assert_eq!(report["verdict"], "undetermined", "{name}");
        assert_eq!(report["evidence"][0]["kind"], "unusable", "{name}");
        gap(&report, name, why);
    }
    let report = bench.reports(&[OsStr::new("--crash"), bench.file("binary.crash", i386()).as_os_str()]);
    gap(&report, "binary.crash", "binary data");
}

#[test]
fn standard_input_may_be_empty_and_standard_output_may_close() {
    let bench = Bench::new();
    let report = bench.reports(&["-"]);
    assert_eq!(report["verdict"], "undetermined");
    gap(&report, "stdin", "empty");
    // More than a pipe holds, and a reader that is gone before the first byte.
    let app = bench.practice();
    for format in ["text", "json"] {
        let mut child = bench.command(&[app.as_os_str(), OsStr::new("--format"), OsStr::new(format)]).spawn().unwrap();
        drop(child.stdout.take());
        let mut error = String::new();
        child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        assert_eq!((child.wait().unwrap().code(), error.as_str()), (Some(0), ""), "{format}");
    }
    // A writer that never ends must not be waited for after the cap; one that says little is.
    let mut child = bench.command(&["--log", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"hello\xff\xfe\x1b[31m\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn what_may_not_be_read_is_said() {
    let bench = Bench::new();
    let app = bench.practice();
    let library = app.join("Contents/Frameworks/libbrush.dylib");
    std::fs::set_permissions(&library, std::fs::Permissions::from_mode(0o0)).unwrap();
    if std::fs::File::open(&library).is_ok() {
        println!("skipped: this user may read everything (root)");
        return;
    }
    gap(&bench.reports(&[&app]), "libbrush.dylib", "ermission denied");
    let report = bench.file("secret.ips", "x");
    std::fs::set_permissions(&report, std::fs::Permissions::from_mode(0o0)).unwrap();
    bench.refuses(&[OsStr::new("--crash"), report.as_os_str()], "read access");
    std::fs::set_permissions(&app, std::fs::Permissions::from_mode(0o0)).unwrap();
    bench.refuses(&[&app], "read access");
    std::fs::set_permissions(&app, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success() && path.symlink_metadata().unwrap().file_type().is_fifo());
}

#[test]
fn fifos_are_never_opened_and_links_never_followed_out_or_around() {
    let bench = Bench::new();
    fifo(&bench.path("fifo"));
    bench.refuses(&[bench.path("fifo")], "a FIFO, socket or device");
    bench.refuses(&[OsStr::new("--crash"), bench.path("fifo").as_os_str()], "pipe the text in and name it `-`");
    symlink("loop", bench.path("loop")).unwrap();
    bench.refuses(&[bench.path("loop")], "symbolic links");
    symlink("nowhere", bench.path("dangling")).unwrap();
    bench.refuses(&[bench.path("dangling")], "check the spelling");

    let app = bench.practice();
    let clean = bench.reports(&[&app]);
    bench.file("outside/secret", std::fs::read(app.join("Contents/MacOS/Sketchbook")).unwrap());
    fifo(&app.join("Contents/Frameworks/pipe.dylib"));
    symlink(&app, app.join("Contents/Resources")).unwrap();
    symlink(bench.path("outside"), app.join("Contents/PlugIns")).unwrap();
    symlink("round", app.join("Contents/MacOS/round")).unwrap();
    let report = bench.reports(&[&app]);
    let paths = |report: &serde_json::Value| -> Vec<String> {
        report["code"].as_array().unwrap().iter().map(|code| code["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(paths(&report), paths(&clean), "the same code, once");
}

#[test]
fn hostile_names_reach_no_terminal_and_no_byte_is_lost() {
    let bench = Bench::new();
    let app = bench.practice();
    let library = std::fs::read(app.join("Contents/Frameworks/libbrush.dylib")).unwrap();
    let names: [&[u8]; 3] = [b"lib\x1b]0;owned\x07\x1b[31m.dylib", "lib\u{202e}bilyd.dylib".as_bytes(), b"lib\xff\xfe.dylib"];
    for name in names {
        // Not every file system takes a name that is not UTF-8.
        if std::fs::write(app.join("Contents/Frameworks").join(OsStr::from_bytes(name)), &library).is_err() {
            println!("skipped: this file system does not take {name:?}");
            continue;
        }
        let report = bench.reports(&[&app]);
        let code = report["code"].as_array().unwrap();
        let is_utf8 = std::str::from_utf8(name).is_ok();
        let found = code.iter().any(|code| match code["path_bytes"].as_str() {
            Some(base64) => {
                use base64::Engine;
                base64::engine::general_purpose::STANDARD.decode(base64).unwrap().ends_with(name)
            }
            None => is_utf8 && code["path"].as_str().unwrap().as_bytes().ends_with(name),
        });
        assert!(found, "{name:?} in {code:#?}");
        for color in ["never", "always"] {
            let said = bench.check(&[app.as_os_str(), OsStr::new("--color"), OsStr::new(color)]);
            let plain = anstream::adapter::strip_str(&said.out).to_string();
            assert!(!said.out.contains("\x1b]") && !plain.contains(['\x1b', '\x07', '\u{202e}']), "{plain}");
        }
    }
}

#[test]
fn a_huge_sparse_file_in_an_app_costs_nothing() {
    let bench = Bench::new();
    let app = bench.practice();
    let path = app.join("Contents/Frameworks/huge.dylib");
    std::fs::copy(app.join("Contents/Frameworks/libbrush.dylib"), &path).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    if file.set_len(4 << 30).is_err() {
        println!("skipped: this file system has no sparse files");
        return;
    }
    let report = bench.reports(&[&app]);
    let huge = report["code"].as_array().unwrap().iter().filter(|code| code["path"] == "Contents/Frameworks/huge.dylib").count();
    assert!(huge > 0, "{:#}", report["code"]);
}

/// The smallest program of a 32-bit Intel Mac: a header and one segment.
fn i386() -> Vec<u8> {
    let words: [u32; 7] = [0xfeed_face, 7, 3, 2, 1, 56, 0x85];
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.extend([1u32, 56].iter().flat_map(|word| word.to_le_bytes()));
    bytes.extend(b"__TEXT\0\0\0\0\0\0\0\0\0\0");
    bytes.extend([0x1000u32, 0x1000, 0, 0x1000, 7, 5, 0, 0].iter().flat_map(|word| word.to_le_bytes()));
    bytes.resize(0x1000, 0);
    bytes
}

#[test]
fn a_32_bit_program_is_read_and_called_what_it_is() {
    let bench = Bench::new();
    let report = bench.reports(&[bench.file("tool", i386())]);
    assert_eq!((report["code"][0]["arch"].as_str(), report["code"][0]["type"].as_str()), (Some("i386"), Some("execute")));
    assert_eq!(report["spawn"][0]["verdict"], "refused", "macOS 10.15 and later run no 32-bit code: {:#}", report["spawn"]);
    for length in 1..96 {
        let cut = bench.file("cut", &i386()[..length]);
        bench.check(&[cut]);
    }
}

/// Where a thin slice's load commands begin and end, from the beginning of the slice.
fn boundaries(slice: &[u8]) -> Vec<usize> {
    let word = |at: usize| u32::from_le_bytes(slice[at..at + 4].try_into().unwrap()) as usize;
    let mut at = 32;
    let mut found = vec![0, 4, 8, 28, 32];
    for _ in 0..word(16) {
        at += word(at + 4);
        found.push(at);
    }
    found
}

#[test]
fn a_program_cut_anywhere_is_never_called_fine() {
    let lab = &lab::all()[0];
    let (_, program, _) = lab.files.iter().find(|(path, ..)| path.ends_with("MacOS/Sketchbook")).unwrap();
    let mut cuts: Vec<usize> = (0..program.len()).step_by(997).collect();
    for range in super::support::sign::slices(program) {
        let start = range.start;
        cuts.extend(boundaries(&program[range]).iter().flat_map(|at| [start + at, start + at + 1, (start + at).saturating_sub(1)]));
    }
    cuts.retain(|cut| *cut < program.len());
    cuts.sort_unstable();
    cuts.dedup();
    assert!(cuts.len() > 100, "{}", cuts.len());
    for cut in cuts {
        let mut system = FakeSystem::new();
        for (path, bytes, _) in lab.files {
            let bytes = if path.ends_with("MacOS/Sketchbook") { &program[..cut] } else { *bytes };
            system = system.file(&format!("/Sketchbook.app/{path}"), bytes);
        }
        let request = Request { path: Some("/Sketchbook.app".into()), ..Request::default() };
        match temper::examine(&system, &request, &|_| {}, &AtomicBool::new(false)) {
            Err(error) => assert_eq!(error.to_string().lines().count(), 1, "cut at {cut}"),
            Ok(examination) => {
                let report = examination.report;
                let broken = report.code.iter().any(|code| code.path.ends_with("Sketchbook") && code.signature == "invalid");
                assert!(broken || report.gaps.iter().any(|gap| gap.path.ends_with("Sketchbook")), "cut at {cut}: {report:#?}");
                assert!(!temper::cli::text::render(&report, temper::cli::text::Look { width: 80, color: false }).is_empty());
            }
        }
    }
}
