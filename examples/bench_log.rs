//! How fast a large log is read, beside `grep -E` for the same words.
//!
//! ```text
//! cargo run --release --example bench_log [MEGABYTES]
//! ```
//!
//! Writes a log of that size (200 without a number) in the default style of `log show` into the temporary folder, with one line in ten thousand that means
//! something, reads it with Temper and with grep, and prints times and the most memory that was used. Exit status 1 when Temper takes more than twice the time.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use temper::scan::Request;
use temper::system::disk::RealSystem;

/// Lines of a busy Mac: none of them means anything here.
const BUSY: [&str; 6] = [
    "(CoreAnalytics) [com.apple.coreanalytics:client] Received event com.apple.power.assertion from process 312 with 14 keys and 3 buckets",
    "(SkyLight) [com.apple.SkyLight:default] update display 1 seq 48211 flags 0x2 connection 0x9f3c7 window 4711 bounds {{0, 25}, {1512, 919}}",
    "(libxpc.dylib) [com.apple.xpc:connection] [0x7f9a2c40] activating connection: mach=true listener=false peer=false name=com.apple.coreservices",
    "(Network) [com.apple.network:connection] nw_flow_connected [C142 IPv4#5a1 in_progress socket-flow] Output protocol connected (ready)",
    "(RunningBoardServices) [com.apple.runningboard:assertion] Acquiring assertion targeting [app<application.org.example.busy(501)>:811]",
    "(CFNetwork) [com.apple.CFNetwork:Default] Task <8F1C>.<41> finished successfully, duration_ms=118 status=200 bytes=8192 reused=1",
];
/// Lines that mean something.
const TELLING: [&str; 3] = [
    "kernel: (AppleMobileFileIntegrity) AMFI: code signature validation failed.",
    "kernel: CODE SIGNING: process 4711[Lumaplay]: rejecting invalid page at address 0x10a2f1000 from offset 0x0 in file \"<nil>\" (cs_mtime:0.0 == mtime:0.0) (signed:0 validated:0 tainted:0 nx:0 wpmapped:0 dirty:1 depth:0)",
    "tccd: [com.apple.TCC:access] Prompting policy for hardened runtime; service: kTCCServiceMicrophone requires entitlement com.apple.security.device.audio-input but it is missing for accessing={TCCDProcess: identifier=org.example.lumaplay, pid=4711, auid=501, euid=501, binary_path=/Applications/Lumaplay.app/Contents/MacOS/Lumaplay}",
];
/// The words for grep: what a person would look for in such a log.
const WORDS: &str = "Library not loaded|code signing blocked|not valid for use in process|Library Validation failed|nsatisfied entitlements|no eligible provisioning|AppleMobileFileIntegrityError|Constraint Violation|load code signature error|cs_invalid_page|rejecting invalid page|curprot cannot|may not get the task|requires entitlement|Refusing authorization request|Policy disallows prompt|privacy-sensitive data|Operation not permitted|code object is not signed|sealed resource is|executable memory|uncaught exception|Killed: 9|task_for_pid|deny";

fn write(path: &Path, megabytes: usize) -> std::io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let (mut written, mut line) = (0, 0_usize);
    while written < megabytes << 20 {
        let second = line / 2_000;
        let (hour, minute) = (second / 3600 % 24, second / 60 % 60);
        let clock = format!("2026-03-02 {hour:02}:{minute:02}:{:02}.{:06}+0100", second % 60, line % 2_000 * 500);
        let said = if line % 10_000 == 9_999 {
            TELLING[line / 10_000 % TELLING.len()].to_owned()
        } else {
            format!("process{}: {}", line % 40, BUSY[line * 7 % BUSY.len()])
        };
        let text =
            format!("{clock} 0x{:<8x} Default     0x0                  {:<6} 0    {said}\n", 0x1f3a00 + line % 5_000, 300 + line % 900);
        written += text.len();
        line += 1;
        out.write_all(text.as_bytes())?;
    }
    out.flush()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = work();
    (value, start.elapsed())
}

/// Most resident memory so far, in MiB; `None` where the system does not say.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? >> 10)
}

fn main() -> ExitCode {
    let megabytes = std::env::args().nth(1).and_then(|argument| argument.parse().ok()).unwrap_or(200);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("system.log");
    write(&path, megabytes).expect("room for the log");
    // Once before the clock runs, so that both find the file in memory.
    let grep = || Command::new("grep").args(["-c", "-E", WORDS]).arg(&path).output();
    if grep().is_err() {
        eprintln!("there is no grep to compare with");
        return ExitCode::from(2);
    }
    let (output, by_grep) = timed(grep);
    let found = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let before = peak();
    let request = Request { texts: vec![path], ..Request::default() };
    let never = std::sync::atomic::AtomicBool::new(false);
    let (examination, by_temper) = timed(|| temper::examine(&RealSystem, &request, &|_| {}, &never).expect("the log is readable"));
    let times = by_temper.as_secs_f64() / by_grep.as_secs_f64().max(0.001);
    println!("log          {megabytes} MiB, {found} lines found by grep");
    println!("grep -E      {:.2} s", by_grep.as_secs_f64());
    println!("temper       {:.2} s ({times:.2} times grep), verdict {}", by_temper.as_secs_f64(), examination.report.verdict.word());
    if let (Some(before), Some(after)) = (before, peak()) {
        println!("memory       {after} MiB at most ({} MiB of it for this)", after.saturating_sub(before));
    }
    ExitCode::from(u8::from(times > 2.0))
}
