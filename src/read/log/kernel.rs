//! The kernel's code-signing lines, task ports, the App Sandbox.

use super::cut::{after, between, hex, known, number, until};
use super::prefix::process;
use super::{LogFact, Proc};

/// Facts of one message.
pub(super) fn facts(text: &str, out: &mut Vec<LogFact>) {
    pages(text, out);
    task_port(text, out);
    sandbox(text, out);
    if text.contains("mach_vm_allocate_kernel failed within call to vm_map_enter") {
        out.push(LogFact::Noise { why: "this triage line stands in many healthy processes' reports" });
    }
}

fn pages(text: &str, out: &mut Vec<LogFact>) {
    if names_invalid_page(text) {
        let who = after(text, "p=").map(|rest| process(until(rest, " final"))).unwrap_or_default();
        let killed = text.contains("SIGKILL") || text.contains("denying page");
        out.push(LogFact::InvalidPage { process: who, killed });
    } else if text.contains("(NOTE_EXIT_CSERROR)") {
        // The line of a run by Temper: the kernel told the parent of the process (xnu, bsd/kern/kern_event.c: the process had CS_KILLED).
        let who = text.split_once("] killed for its code signature").map(|(before, _)| before.strip_prefix("kernel: ").unwrap_or(before));
        let process = who.map(|who| process(&format!("{who}]"))).unwrap_or_default();
        out.push(LogFact::InvalidPage { process, killed: true });
    } else if text.contains("rejecting invalid page") {
        out.push(rejected(text));
    } else if text.contains("code-signing-violation at") {
        let who = between(text, "[", "]").and_then(known);
        out.push(LogFact::InvalidPage { process: Proc { name: who, ..Proc::default() }, killed: true });
    } else if text.contains("curprot cannot be write+execute") || text.contains("have both write and exec") {
        let who = after(text, "CODE SIGNING:").map(|rest| process(until(rest.trim_start(), " vm_map"))).unwrap_or_default();
        out.push(LogFact::WriteExecuteRefused { process: who });
    } else if text.contains("denies JIT mapping") {
        let pid = between(text, "[", "]").and_then(number).and_then(|pid| u64::try_from(pid).ok());
        out.push(LogFact::JitMappingDenied { process: Proc { pid, ..Proc::default() } });
    }
}

/// The kernel's line; people who retell it leave the address out.
fn names_invalid_page(text: &str) -> bool {
    text.contains("cs_invalid_page(") || text.contains("cs_invalid_page: p=")
}

/// A line of the kernel about a page that was broken before what it says: how the process went on, or which file the page is of.
pub(super) fn is_broken(text: &str) -> bool {
    let ended = ["SIGKILL", "remove VALID", "denying page"].iter().any(|words| text.contains(words));
    let named = text.contains("file \"") || text.contains("file <") || text.contains("address");
    names_invalid_page(text) && !ended || text.trim_end().ends_with("rejecting invalid page from file") && !named
}

fn rejected(text: &str) -> LogFact {
    let who = between(text, "process ", ": rejecting").map(process).unwrap_or_default();
    let flag =
        |name: &str| after(text, name).and_then(|rest| rest.chars().next()).and_then(|digit| digit.to_digit(10)).map(|digit| digit != 0);
    let times = between(text, "(cs_mtime:", ")");
    let mtimes_differ = times.and_then(|times| {
        if times.contains("!=") {
            Some(true)
        } else if times.contains("==") {
            Some(false)
        } else {
            None
        }
    });
    let file = between(text, "in file \"", "\" (cs_mtime")
        .or_else(|| between(text, "in file \"", "\""))
        .or_else(|| between(text, "from file \"", "\""))
        .or_else(|| between(text, "in file ", " ("));
    let Some(file) = file else {
        // The line was cut before the name: the page may be of a file or of none.
        return LogFact::InvalidPage { process: who, killed: true };
    };
    LogFact::RejectedPage {
        process: who,
        file: known(file),
        tainted: flag("tainted:"),
        mtimes_differ,
        offset: after(text, "from offset ").and_then(hex),
    }
}

/// `macOSTaskPolicy: (debugger) may not get the task control port of (target) (pid: 1): (target) is hardened, …`; before macOS 11
/// `the taskport of`.
fn task_port(text: &str, out: &mut Vec<LogFact>) {
    let Some((before, rest)) = ["may not get the task control port of", "may not get the taskport of", "may not get the task port of"]
        .iter()
        .find_map(|mark| text.split_once(mark))
    else {
        return;
    };
    let name = |part: &str| between(part, "(", ")").and_then(known);
    let debugger = before.rsplit_once('(').and_then(|(_, name)| known(until(name, ")")));
    let pid = between(rest, "(pid: ", ")").and_then(number).and_then(|pid| u64::try_from(pid).ok());
    let target = name(rest);
    let apple = |name: &Option<String>| name.clone().filter(|name| name.contains('.'));
    out.push(LogFact::TaskPortDenied {
        target: Proc { identifier: apple(&target), name: target, pid, path: None },
        debugger: Proc { identifier: apple(&debugger), name: debugger, ..Proc::default() },
        hardened: rest.contains("is hardened"),
        lacks_get_task_allow: rest.contains("have get-task-allow"),
    });
}

/// Daemons and agents of macOS whose denials fill every log.
const OF_MACOS: &str = "\
    CalendarAgent CoreServicesUIAgent Dock Finder QuickLookUIService ReportCrash SystemUIServer UserEventAgent WindowServer accountsd airportd amfid \
    analyticsd apfsd appleaccountd appleeventsd apsd assistantd authd axassetsd backupd biometrickitd bird bluetoothd calaccessd cfprefsd chronod cloudd \
    cloudpaird configd contactsd containermanagerd contextstored coreaudiod corebrightnessd coreduetd coreservicesd corespeechd ctkd dasd diagnosticd \
    diskarbitrationd distnoted dmd dprivacyd duetexpertd fileproviderd fontd fseventsd gamed geod homed iconservicesagent identityservicesd imagent \
    installd intelligenceplatformd itunescloudd kernelmanagerd keyboardservicesd knowledge-agent launchd launchservicesd locationd logd loginwindow lsd \
    mDNSResponder mds mds_stores mdworker mdworker_shared mediaanalysisd mediaremoted mobileassetd networkserviceproxy nfcd notifyd nsurlsessiond \
    opendirectoryd parsecd passd photoanalysisd photolibraryd pkd powerd promotedcontentd quicklookd rapportd remindd routined runningboardd sandboxd secd \
    secinitd securityd sharedfilelistd sharingd siriknowledged softwareupdated spindump storeaccountd storeassetd storedownloadd storekitagent suggestd \
    symptomsd sysextd syslogd sysmond syspolicyd systemsoundserverd systemstats tailspind talagent taskgated taskgated-helper tccd thermalmonitord timed \
    transparencyd trustd universalaccessd usernoted usernotificationsd watchdogd weatherd wifid wirelessproxd xpcproxy";

fn is_part_of_macos(name: &str) -> bool {
    name.starts_with("com.apple.") || OF_MACOS.split_ascii_whitespace().any(|daemon| daemon == name)
}

/// What stands before and after `deny(1) `, or the bare `deny ` of systems before macOS 10.13.
fn denial(text: &str) -> Option<(&str, &str)> {
    if let Some((before, rest)) = text.split_once(" deny(") {
        let (_, rest) = rest.split_once(") ")?;
        return (before.contains("System Policy: ") || before.contains("Sandbox: ")).then_some((before, rest));
    }
    const OPERATIONS: [&str; 9] = ["file-", "network", "mach-", "process-", "ipc-", "iokit-", "sysctl", "appleevent-", "user-preference-"];
    let (before, rest) = text.split_once(") deny ")?;
    let named = before.rsplit_once('(').is_some_and(|(_, pid)| !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()));
    (named && OPERATIONS.iter().any(|operation| rest.starts_with(operation))).then_some((before, rest))
}

/// `Sandbox: name(pid) deny(1) operation target`; `System Policy:` is the same line from SIP, TCC and App Management.
fn sandbox(text: &str, out: &mut Vec<LogFact>) {
    if let Some(name) = after(text, "sandbox denied the right to lookup ") {
        let target = known(until(name, " ")).unwrap_or_default();
        out.push(LogFact::SandboxDenied { process: Proc::default(), operation: "mach-lookup".into(), target });
        return;
    }
    let Some((before, rest)) = denial(text) else { return };
    // Older systems: `Sandbox: name(pid) System Policy: deny(1) …`.
    let policy = before.contains("System Policy:");
    let before = before.trim_end_matches("System Policy:").trim_end();
    let named = before.rsplit_once(": ").map_or(before, |(_, who)| who);
    // `3 duplicate reports for mds deny(1) …`
    let named = named.split_once(" duplicate report").and_then(|(_, rest)| rest.split_once(" for ")).map_or(named, |(_, who)| who);
    let who = process(named);
    let (operation, target) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
    if target.trim() == "AppleMultitouchDeviceUserClient" {
        out.push(LogFact::Noise { why: "AppKit asks for the trackpad in every sandboxed app, and does without" });
        return;
    }
    if who.name.as_deref().is_some_and(is_part_of_macos) {
        out.push(LogFact::Noise { why: "a part of macOS itself was denied something, not the app" });
    } else if policy && operation.starts_with("file-write") && target.contains(".app") {
        out.push(LogFact::AppManagement { process: who });
    } else if policy && operation.starts_with("file-") {
        out.push(LogFact::SystemPolicyDenied { process: who, operation: operation.into(), target: target.trim().into() });
    } else if policy {
        out.push(LogFact::Noise {
            why: "System Integrity Protection keeps processes of macOS from every program; no entitlement changes that",
        });
    } else {
        out.push(LogFact::SandboxDenied { process: who, operation: operation.into(), target: target.trim().into() });
    }
}
