//! `temper run` on programs that behave badly: nothing they do reaches Temper's terminal, outlives the run, or holds it up.

use super::support::tty::Desk;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use temper::system::System;
use temper::system::disk::RealSystem;
use temper::system::launch::{Control, Ended, How, Launch, Stop};

/// A folder with stub programs.
struct Stubs {
    folder: tempfile::TempDir,
}

impl Stubs {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// A shell script as the main executable of an app.
    fn app(&self, script: &str) -> PathBuf {
        let app = self.path("Stub.app");
        let contents = app.join("Contents");
        fs::create_dir_all(contents.join("MacOS")).unwrap();
        let info = "<plist version=\"1.0\"><dict><key>CFBundleExecutable</key><string>Stub</string><key>CFBundleIdentifier</key>\
                    <string>org.example.stub</string><key>CFBundlePackageType</key><string>APPL</string></dict></plist>";
        fs::write(contents.join("Info.plist"), info).unwrap();
        write_script(&contents.join("MacOS/Stub"), script);
        app
    }

    fn command(&self, app: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_temper"));
        command.arg("run").arg(app).args(arguments).env("HOME", self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs a script as an app, without asking.
    fn run(&self, script: &str, arguments: &[&str]) -> Output {
        let app = self.app(script);
        let arguments: Vec<&str> = ["--yes"].iter().chain(arguments).copied().collect();
        self.command(&app, &arguments).output().unwrap()
    }

    fn report(&self, script: &str, arguments: &[&str]) -> (Value, Output) {
        let arguments: Vec<&str> = ["--format", "json"].iter().chain(arguments).copied().collect();
        let output = self.run(script, &arguments);
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown(&output)));
        (report, output)
    }
}

fn write_script(path: &Path, script: &str) {
    // Another process writes it: a test beside this one may fork while the file is open, and Linux does not start a file that is open for writing.
    let mut writer = Command::new("sh").args(["-c", "cat > \"$0\""]).arg(path).stdin(Stdio::piped()).spawn().unwrap();
    write!(writer.stdin.take().unwrap(), "#!/bin/sh\n{script}\n").unwrap();
    assert!(writer.wait().unwrap().success());
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn shown(output: &Output) -> String {
    format!(
        "{:?}\n--- out\n{}\n--- error\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Starts a script through the library alone.
fn launched(script: &str, limit: Duration, control: &Control) -> (Ended, Vec<u8>, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("stub");
    write_script(&program, script);
    let launch = Launch { program, arguments: Vec::new(), set: Vec::new(), unset: Vec::new(), limit, takes_interrupts: false };
    let (mut written, started) = (Vec::new(), Instant::now());
    let ended = RealSystem
        .launch(&launch, control, &mut |bytes| {
            written.extend_from_slice(bytes);
            Ok(())
        })
        .unwrap();
    assert!(!Path::new(&format!("/proc/{}", ended.pid)).exists(), "the child was reaped");
    (ended, written, started.elapsed())
}

const LONG: Duration = Duration::from_secs(60);

const REFUSED: &str = "dyld[71]: Library not loaded: @rpath/libpoem.dylib\n  Referenced from: <8A> /Applications/Stub.app/Contents/MacOS/Stub\n  \
     Reason: tried: '/Applications/Stub.app/Contents/Frameworks/libpoem.dylib' (code signature in <4C> \
     '/Applications/Stub.app/Contents/Frameworks/libpoem.dylib' not valid for use in process: mapping process and mapped file (non-platform) have \
     different Team IDs)";

#[test]
fn what_dyld_says_in_a_run_is_diagnosed() {
    let stubs = Stubs::new();
    let (report, output) = stubs.report(&format!("cat <<'END'\n{REFUSED}\nEND\nkill -ABRT $$"), &[]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    assert_eq!(report["evidence"][0]["source"], "run");
    let causes: Vec<&str> = report["diagnoses"].as_array().unwrap().iter().map(|one| one["cause"].as_str().unwrap()).collect();
    assert!(causes.contains(&"library-validation"), "{causes:?} {}", shown(&output));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("It was ended by signal 6 (SIGABRT)") && error.contains("Library not loaded"), "{error}");
}

#[test]
fn a_program_that_runs_well_is_reported_like_a_check() {
    let stubs = Stubs::new();
    let output = stubs.run("echo \"$1 on $(tty 0<&2 | cut -c1-8)\"; test -t 1 && echo terminal", &["--", "hello"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("hello on /dev/pts\nterminal\n"), "{}", shown(&output));
    assert!(text.contains("It ended with status 0"), "{text}");
    let check = Command::new(env!("CARGO_BIN_EXE_temper")).arg("check").arg(stubs.path("Stub.app")).output().unwrap();
    assert_eq!(output.status.code(), check.status.code(), "{}", shown(&output));
}

#[test]
fn nothing_is_started_without_a_yes() {
    let stubs = Stubs::new();
    let mark = stubs.path("started");
    let app = stubs.app(&format!("touch {}", mark.display()));
    let output = stubs.command(&app, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("--yes") && error.contains("Contents/MacOS/Stub") && output.stdout.is_empty(), "{error}");
    assert!(!mark.exists());
}

#[test]
fn a_terminal_is_asked_first_and_no_is_the_default() {
    let desk = Desk::new();
    let stubs = Stubs::new();
    let mark = stubs.path("started");
    let app = stubs.app(&format!("touch {}; printf '\\033[2Jgone\\n'; kill -KILL $$", mark.display()));
    let arguments = ["run", app.to_str().unwrap(), "--limit", "20"];
    let mut no = desk.builder().size(100, 200).args(arguments).spawn(env!("CARGO_BIN_EXE_temper")).unwrap();
    no.wait_until(|screen| screen.contains("Start it? [y/N]")).unwrap();
    no.send_str("\r").unwrap();
    assert_eq!(no.wait_exit().unwrap().code(), Some(2));
    assert!(!mark.exists());
    let mut yes = desk.builder().size(100, 200).args(arguments).spawn(env!("CARGO_BIN_EXE_temper")).unwrap();
    yes.wait_until(|screen| screen.contains("Start it? [y/N]")).unwrap();
    yes.send_str("y\r").unwrap();
    // The escape sequence is shown, not obeyed, and the screen above it is still there.
    yes.wait_until(|screen| screen.contains(r"\x1b[2Jgone")).unwrap();
    assert_eq!(yes.wait_exit().unwrap().code(), Some(1));
    assert!(mark.exists());
}

#[test]
fn the_environment_is_what_was_shown() {
    let stubs = Stubs::new();
    let app = stubs.app("env | grep -E '^(DYLD_|TERM=)' | sort");
    let arguments = ["--yes", "--env", "DYLD_PRINT_APIS=1", "--without-dyld"];
    let output = stubs.command(&app, &arguments).env("DYLD_LIBRARY_PATH", "/lib").env("TERM", "xterm").output().unwrap();
    let (text, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(text.starts_with("DYLD_PRINT_APIS=1\nTERM=dumb\n"), "{text}");
    assert!(error.contains("DYLD_LIBRARY_PATH=/lib (kept back)") && error.contains("DYLD_PRINT_APIS=1\n"), "{error}");
    let passed = stubs.command(&app, &["--yes"]).env("DYLD_LIBRARY_PATH", "/lib").output().unwrap();
    assert!(String::from_utf8_lossy(&passed.stdout).starts_with("DYLD_LIBRARY_PATH=/lib\n"), "{}", shown(&passed));
}

#[test]
fn a_signal_is_named_and_a_status_too() {
    let control = Control::default();
    let (killed, ..) = launched("kill -KILL $$", LONG, &control);
    assert_eq!((killed.how, killed.stopped), (How::Signalled(9, "SIGKILL"), None));
    let (status, written, _) = launched("printf 'a\\r\\n\\033[1mb'; exit 3", LONG, &control);
    assert_eq!(status.how, How::Exited(3));
    assert_eq!(written, b"a\r\n\x1b[1mb", "not a byte is changed on the way");
}

#[test]
fn a_program_that_hangs_is_stopped_at_the_limit() {
    let (ended, _, took) = launched("sleep 600", Duration::from_secs(1), &Control::default());
    assert_eq!((ended.how, ended.stopped), (How::Signalled(15, "SIGTERM"), Some(Stop::Limit)));
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_program_that_ignores_sigterm_is_killed_with_its_group() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let script =
        format!("trap '' TERM HUP INT; sh -c 'trap \"\" TERM HUP; echo $$ > {}; sleep 600' & while :; do sleep 1; done", pid.display());
    let (ended, _, took) = launched(&script, Duration::from_secs(1), &Control::default());
    assert_eq!((ended.how, ended.stopped), (How::Signalled(9, "SIGKILL"), Some(Stop::Limit)));
    assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(30), "{took:?}");
    let helper = fs::read_to_string(pid).unwrap();
    assert!(is_over(helper.trim()), "the helper {helper} still runs");
}

/// Gone, or dead and waiting for its own parent.
fn is_over(pid: &str) -> bool {
    (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
            Err(_) => true,
        }
    })
}

#[test]
fn a_program_that_daemonises_does_not_hold_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let script = format!("setsid sh -c 'echo $$ > {0}; sleep 600' & while [ ! -s {0} ]; do sleep 0.05; done; echo away", pid.display());
    let (ended, written, took) = launched(&script, LONG, &Control::default());
    let daemon = fs::read_to_string(pid).unwrap();
    assert!(Command::new("kill").arg(daemon.trim()).status().unwrap().success(), "the daemon is not Temper's to end");
    assert_eq!((ended.how, written.as_slice()), (How::Exited(0), &b"away\n"[..]));
    assert!(ended.left_behind && took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_program_that_closes_its_terminal_is_still_waited_for() {
    let (ended, written, _) = launched("echo before; exec >&- 2>&- <&-; sleep 1; exit 4", LONG, &Control::default());
    assert_eq!((ended.how, written.as_slice(), ended.left_behind), (How::Exited(4), &b"before\n"[..], false));
}

#[test]
fn a_program_that_reads_gets_nothing() {
    let (ended, written, _) = launched("cat; read x || echo none", LONG, &Control::default());
    assert_eq!((ended.how, written.as_slice()), (How::Exited(0), &b"none\n"[..]));
}

#[test]
fn a_hundred_megabytes_pass_through_whole() {
    let stubs = Stubs::new();
    let app = stubs.app("head -c 100000000 /dev/zero | tr '\\0' 'x'; echo; exit 1");
    let output = stubs.command(&app, &["--yes"]).output().unwrap();
    let xs = output.stdout.iter().take_while(|byte| **byte == b'x').count();
    assert_eq!((xs, output.status.code()), (100_000_000, Some(1)), "{}", String::from_utf8_lossy(&output.stderr));
    let tail = String::from_utf8_lossy(&output.stdout[xs..]);
    assert!(tail.contains("It wrote 100 MB"), "{tail}");
}

#[test]
fn the_first_interrupt_is_the_programs_and_the_second_kills() {
    let control = Control::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(800));
            control.interrupt();
        });
        let (ended, written, _) = launched("trap 'echo caught; exit 5' INT; while :; do sleep 0.1; done", LONG, &control);
        assert_eq!((ended.how, ended.stopped, written.as_slice()), (How::Exited(5), Some(Stop::Interrupt), &b"caught\n"[..]));
    });
    let control = Control::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2 {
                std::thread::sleep(Duration::from_millis(800));
                control.interrupt();
            }
        });
        let (ended, ..) = launched("trap '' INT; while :; do sleep 0.1; done", LONG, &control);
        assert_eq!((ended.how, ended.stopped), (How::Signalled(9, "SIGKILL"), Some(Stop::Interrupt)));
    });
}

#[test]
#[allow(unsafe_code, reason = "a signal is set between fork and exec")]
fn an_interrupt_of_temper_reaches_the_program_and_temper_reports() {
    let stubs = Stubs::new();
    let app = stubs.app("trap 'echo caught; exit 0' INT; echo ready; while :; do sleep 0.1; done");
    let mut command = stubs.command(&app, &["--yes"]);
    // Tests that a shell runs in the background ignore interrupts, and Temper lets what was ignored stay so.
    // SAFETY: `signal` may be called between fork and exec.
    unsafe {
        command.pre_exec(|| {
            nix::sys::signal::signal(nix::sys::signal::Signal::SIGINT, nix::sys::signal::SigHandler::SigDfl)?;
            Ok(())
        });
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(3));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it ends");
        std::thread::sleep(Duration::from_millis(100));
    }
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("ready\ncaught\n") && text.contains("It was interrupted"), "{}", shown(&output));
}

#[test]
fn a_reader_that_goes_away_ends_the_program() {
    let stubs = Stubs::new();
    let pid = stubs.path("pid");
    let app = stubs.app(&format!("echo $$ > {}; while :; do echo line; sleep 0.1; done", pid.display()));
    let mut child = stubs.command(&app, &["--yes", "--limit", "600"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(is_over(fs::read_to_string(pid).unwrap().trim()));
}

#[test]
fn a_crash_report_that_appears_is_read_too() {
    let stubs = Stubs::new();
    let folder = stubs.path("reports");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("Old-2026.ips"), "{}\n{}").unwrap();
    let head = r#"{"app_name":"Stub","timestamp":"2026-03-02 10:00:00.00 +0000","bug_type":"309","os_version":"macOS 15.3 (24D60)"}"#;
    let body = r#""procName":"Stub","procPath":"/Applications/Stub.app/Contents/MacOS/Stub","exception":{"type":"EXC_CRASH","signal":"SIGKILL (Code Signature Invalid)"},"termination":{"namespace":"CODESIGNING","code":2,"indicator":"Invalid Page"},"threads":[],"usedImages":[]}"#;
    // Written late and in two pieces, as a Mac does.
    let script = format!(
        "(trap '' HUP; sleep 1; printf '%s\\n' '{head}' > {0}; sleep 1; printf '{{\"pid\":%s,%s\\n' $$ '{body}' >> {0}) > /dev/null 2>&1 & sleep 0.5; kill -KILL $$",
        folder.join("Stub-2026.ips").display()
    );
    let (report, output) = stubs.report(&script, &["--reports-dir", folder.to_str().unwrap()]);
    let sources: Vec<&str> = report["evidence"].as_array().unwrap().iter().map(|one| one["source"].as_str().unwrap()).collect();
    assert_eq!(sources, ["run", "Stub-2026.ips"], "{}", shown(&output));
    assert_eq!(report["evidence"][1]["kind"], "crash-report");
}

#[test]
fn what_cannot_be_started_is_an_error_with_advice() {
    let stubs = Stubs::new();
    let app = stubs.app("true");
    let executable = app.join("Contents/MacOS/Stub");
    fs::set_permissions(&executable, fs::Permissions::from_mode(0o644)).unwrap();
    let output = stubs.command(&app, &["--yes"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("chmod +x"), "{}", shown(&output));
    // A real program for a Mac, on something else.
    if cfg!(not(target_os = "macos")) {
        let lab = temper::lab::all().first().unwrap();
        let practice = temper::lab::unpack(&RealSystem, lab, &stubs.path("practice")).unwrap().path.unwrap();
        for file in fs::read_dir(practice.join("Contents/MacOS")).unwrap() {
            fs::set_permissions(file.unwrap().path(), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let output = stubs.command(&practice, &["--yes"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
        assert!(String::from_utf8_lossy(&output.stderr).contains("runs on a Mac only"), "{}", shown(&output));
    }
    let info = app.join("Contents/Info.plist");
    fs::write(&info, fs::read_to_string(&info).unwrap().replace("<string>Stub<", "<string>../../../bin/sh<")).unwrap();
    let output = stubs.command(&app, &["--yes"]).output().unwrap();
    assert!(
        output.status.code() == Some(2) && String::from_utf8_lossy(&output.stderr).contains("CFBundleExecutable"),
        "{}",
        shown(&output)
    );
}

#[test]
fn a_rebuild_is_checked_again_and_told() {
    use std::io::{BufRead, BufReader};
    let stubs = Stubs::new();
    let lab = temper::lab::all().first().unwrap();
    let app = temper::lab::unpack(&RealSystem, lab, &stubs.path("practice")).unwrap().path.unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_temper"))
        .args(["check", "--watch"])
        .arg(&app)
        .env("HOME", stubs.folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Ending(child);
    let (send, lines) = std::sync::mpsc::channel();
    let out = child.0.stdout.take().unwrap();
    std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).for_each(|line| drop(send.send(line))));
    let wait_for = |wanted: &str| loop {
        let line = lines.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("{wanted} did not come"));
        if line.contains(wanted) {
            return;
        }
    };
    wait_for("Watching ");
    let executable = fs::read_dir(app.join("Contents/MacOS")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&executable).unwrap();
    let middle = bytes.len() / 2;
    bytes[0x4000.min(middle)] ^= 0xff;
    fs::write(&executable, &bytes).unwrap();
    wait_for(" changed:");
    wait_for("new: signature-invalid");
    bytes[0x4000.min(middle)] ^= 0xff;
    fs::write(&executable, &bytes).unwrap();
    wait_for("gone: signature-invalid");
}

/// Ends with the test, however that ends.
struct Ending(std::process::Child);

impl Drop for Ending {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
