//! launchd, runningboardd, ReportCrash, Gatekeeper, and debuggers that were refused.

use super::cut::{after, between, has_word, known, number, until};
use super::prefix::process;
use super::runtime::{number_after, signal_of_status};
use super::{LogFact, Proc};

/// Facts of one message. `refused` says that AMFI refused something in an earlier line.
pub(super) fn facts(text: &str, logger: &Proc, refused: bool, out: &mut Vec<LogFact>) {
    deaths(text, out);
    reports(text, out);
    gatekeeper(text, refused, out);
    attach(text, logger, out);
}

fn deaths(text: &str, out: &mut Vec<LogFact>) {
    if let Some(reason) = between(text, "termination reported by launchd (", ")") {
        out.extend(by_launchd(text, reason));
        return;
    }
    if text.contains("OS_REASON_EXEC") && text.contains("Gatekeeper") {
        return;
    }
    if text.contains("OS_REASON_CODESIGNING") {
        out.push(LogFact::LaunchSignatureRefused { process: service(text) });
        return;
    }
    if text.contains("exited due to SIG") || text.contains("exited due to signal") {
        let name = after(text, "exited due to ").unwrap_or("");
        out.push(LogFact::Died { process: service(text), signal: signal(name), exit: None });
        return;
    }
    let spawn = text.contains("spawn failed")
        || text.contains("posix_spawn")
        || text.contains("Launch failed")
        || text.contains("NSPOSIXErrorDomain");
    if spawn && let Some(code) = [153_i64, 163].into_iter().find(|code| has_word(text, &code.to_string())) {
        out.push(LogFact::Died { process: service(text), signal: None, exit: Some(code) });
    }
}

/// `[application<application.‹id›.‹n›.‹n›>:‹pid›] termination reported by launchd (‹namespace›, ‹code›, ‹flags›)`.
fn by_launchd(text: &str, reason: &str) -> Option<LogFact> {
    let mut numbers = reason.split(',').map(number);
    let (namespace, code) = (numbers.next()??, numbers.next()??);
    // Namespaces of the kernel: 2 a signal, 3 code signing, 9 exec, 1 and 15 an orderly end by the system.
    let signal = match namespace {
        2 => i32::try_from(code).ok(),
        3 | 9 => Some(9),
        6 | 11 => Some(6),
        _ => return None,
    };
    let pid = text.split(['>', ':', ']']).filter_map(|word| word.parse::<u64>().ok()).next();
    Some(LogFact::Died { process: Proc { pid, ..application(text) }, signal, exit: None })
}

/// The identifier in `application<application.com.example.App.1234.5678>`; launchd appends two numbers.
fn application(text: &str) -> Proc {
    let label = between(text, "application.", ">").or_else(|| between(text, "application.", "("));
    let identifier = label.map(|label| label.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.'));
    Proc { identifier: identifier.and_then(known), ..Proc::default() }
}

/// `(com.example.job[123])` or `gui/501/com.example.job [123]:` of launchd.
fn service(text: &str) -> Proc {
    let of_application = application(text);
    if of_application.identifier.is_some() {
        return of_application;
    }
    let numbered = text.match_indices('[').find_map(|(at, _)| {
        let (before, rest) = text.split_at_checked(at)?;
        let pid = rest.strip_prefix('[').and_then(number).and_then(|pid| u64::try_from(pid).ok())?;
        Some((before, pid))
    });
    let Some((before, pid)) = numbered else { return Proc::default() };
    let name = before.trim_end().rsplit(['(', '/', ' ']).next().and_then(known);
    Proc { identifier: name.clone().filter(|name| name.contains('.')), name, pid: Some(pid), path: None }
}

/// The signal named at the start: `SIGKILL | …`, `signal: Killed: 9`.
pub(super) fn signal(text: &str) -> Option<i32> {
    let names = [
        ("SIGKILL", 9),
        ("SIGTRAP", 5),
        ("SIGABRT", 6),
        ("SIGSEGV", 11),
        ("SIGBUS", 10),
        ("SIGILL", 4),
        ("SIGTERM", 15),
        ("Killed", 9),
        ("killed", 9),
        ("Trace/BPT trap", 5),
        ("BPT trap", 5),
        ("trace trap", 5),
        ("Abort trap", 6),
        ("abort", 6),
        ("Segmentation fault", 11),
        ("segmentation fault", 11),
        ("Bus error", 10),
        ("bus error", 10),
        ("Illegal instruction", 4),
        ("illegal hardware instruction", 4),
    ];
    names.iter().filter_map(|(name, signal)| Some((text.find(name)?, *signal))).min().map(|(_, signal)| signal)
}

fn reports(text: &str, out: &mut Vec<LogFact>) {
    if let Some(rest) = after(text, "Saved crash report for ") {
        let file = after(rest, " to ").map(|file| until(file, "\"").trim()).and_then(known);
        out.push(LogFact::CrashReportSaved { process: process(until(rest, " version")), file });
    } else if text.contains("Saved type '") && text.contains(" report ") {
        let kind = between(text, "Saved type '", "'").unwrap_or("");
        if kind.starts_with("309") || kind.starts_with("109") {
            let file = after(text, " as ").and_then(known);
            let name = between(kind, "(", ")").and_then(known);
            out.push(LogFact::CrashReportSaved { process: Proc { name, ..Proc::default() }, file });
        }
    } else if let Some(rest) = after(text, "Formulating fatal 309 report for corpse") {
        let pid = between(rest, "[", "]").and_then(number).and_then(|pid| u64::try_from(pid).ok());
        let name = after(rest, "] ").and_then(known);
        out.push(LogFact::CrashReportSaved { process: Proc { name, pid, ..Proc::default() }, file: None });
    }
}

// The last three are Sparkle's, for an app that runs translocated.
const GATEKEEPER: [&str; 37] = [
    "Refusing to execute/trust quarantined",
    "Gatekeeper policy blocked execution",
    "is damaged and can",
    "Is Damaged And Can",
    "damaged and should be moved",
    "Apple cannot check it for malicious software",
    "Apple could not verify",
    "developer cannot be verified",
    "cannot verify the developer of",
    "cannot verify that this app is free",
    "is not from an identified developer",
    "was blocked to protect your Mac",
    "will damage your computer",
    "is from an unidentified developer",
    "from an unidentified developer",
    "not opened because it contains malware",
    "Not Opened",
    "Fails dylib check",
    "failed on rPathCmd",
    "failed on loadCmd",
    "Adding Gatekeeper denial breadcrumb",
    "GK Xprotect results: malware",
    "running from the location it was downloaded to",
    // The dialogs of Chinese, Japanese and French systems, as public threads show them.
    "已损坏，无法打开",
    "已损坏,无法打开",
    "已损坏，打不开",
    "已损坏,打不开",
    "无法验证开发者",
    "无法检查其是否包含恶意软件",
    "開発元を検証できない",
    "開発元が未確認",
    "壊れているため開けません",
    "est endommagé et ne peut pas être ouvert",
    "le développeur ne peut pas être vérifié",
    "ne contient aucun logiciel malveillant",
    "running from a read-only volume",
    "opened from a read-only or a temporary location",
];

fn gatekeeper(text: &str, refused: bool, out: &mut Vec<LogFact>) {
    if let Some(rest) = after(text, "Security policy would not allow process:") {
        let (pid, path) = rest.trim().split_once(',').unwrap_or((rest.trim(), ""));
        let pid = number(pid).and_then(|pid| u64::try_from(pid).ok());
        let path = known(path);
        let who = Proc { name: path.as_deref().map(|path| super::cut::file_name(path).to_owned()), pid, path, ..Proc::default() };
        // The same line follows a refusal by AMFI: then it only tells that the process ended.
        out.push(if refused {
            LogFact::Died { process: who, signal: Some(9), exit: None }
        } else {
            LogFact::Gatekeeper { process: who, text: text.chars().take(300).collect() }
        });
        return;
    }
    let translocated = text.contains("AppTranslocation/") && text.contains("Read-only file system");
    let blocked = translocated || text.contains("ASP: Library load") && (text.contains("denied") || text.contains("rejected"));
    if blocked || GATEKEEPER.iter().any(|mark| text.contains(mark)) {
        let subject = between(text, "Library load (", " ->")
            .or_else(|| text.split_once(" failed on ").and_then(|(file, _)| after(file, "File ")))
            .or_else(|| text.find(['"', '\u{201c}']).and_then(|_| super::cut::quoted(text)))
            .and_then(known);
        let path = subject.clone().filter(|name| name.starts_with('/'));
        let name = subject.map(|name| super::cut::file_name(&name).to_owned());
        out.push(LogFact::Gatekeeper { process: Proc { name, path, ..Proc::default() }, text: text.chars().take(300).collect() });
    }
}

const ATTACH: [&str; 15] = [
    "Not allowed to attach to process",
    "ot allowed to attach",
    "attach failed: lost connection",
    "Could not attach to pid",
    "Failed to attach to target process",
    "could not attach to process",
    "Unable to find Mach task port",
    "unable to access process with pid",
    "Failed to attach:",
    "failed to grab pid",
    "dtrace cannot control executables",
    "Permission to debug",
    "permission to debug",
    "Unable to acquire required task port",
    "ptrace: Operation not permitted",
];

/// lldb, gdb, Instruments, dtrace, and whoever prints the result of `task_for_pid`.
fn attach(text: &str, logger: &Proc, out: &mut Vec<LogFact>) {
    let port = text.contains("task_for_pid")
        && (text.contains("0x00000005")
            || text.contains("(0x5)")
            || text.contains("(os/kern) failure")
            || text.contains("failed")
            || text.contains("ermission"));
    if !port && !ATTACH.iter().any(|mark| text.contains(mark)) {
        return;
    }
    let pid = number_after(text, &["task_for_pid(", "pid = ", "process-id ", "pid ", "process "]).and_then(|pid| u64::try_from(pid).ok());
    let name = between(text, "permission to debug ", " ").or_else(|| between(text, "Permission to debug ", " ")).and_then(known);
    // The logger is the debugger, not the target; it is named only where nothing else is.
    let name =
        name.or_else(|| if pid.is_none() { logger.name.clone().filter(|name| name != "debugserver" && name != "lldb") } else { None });
    out.push(LogFact::AttachRefused { process: Proc { name, pid, ..Proc::default() } });
}

/// `exit code 137`, `exited with signal 9` in a tool's or script's words.
pub(super) fn exit_words(text: &str) -> Option<LogFact> {
    let died = |signal, exit| Some(LogFact::Died { process: Proc::default(), signal, exit });
    for mark in [
        "killed by ",
        "terminated by ",
        "exited with signal ",
        "terminated by signal ",
        "killed by signal ",
        "died with signal ",
        "died with <Signals.",
        "signal: ",
        "with signal ",
    ] {
        if let Some(rest) = after(text, mark) {
            let head: String = rest.chars().take(24).collect();
            let numbered = || number(rest).and_then(|value| i32::try_from(value).ok()).filter(|value| (1..=31).contains(value));
            let value = signal(until(&head, " (")).or_else(numbered);
            if value.is_some() {
                return died(value, None);
            }
        }
    }
    let marks = [
        "exit code: ",
        "exit code ",
        "exit status: ",
        "exit status ",
        "exited with code ",
        "exited with status ",
        "exit ",
        "exited with ",
        "returncode ",
        "return code ",
        "exit=",
        "status code ",
        "returned non-zero exit status ",
        "code: ",
    ];
    let status = marks
        .iter()
        .filter_map(|mark| after(text, mark).and_then(number))
        .find(|status| signal_of_status(*status).is_some() || (-15..=-4).contains(status) && !text.contains(" code: -"))?;
    let signal = signal_of_status(status).or_else(|| i32::try_from(status.saturating_neg()).ok());
    died(signal, Some(status))
}
