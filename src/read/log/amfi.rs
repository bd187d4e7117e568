//! AMFI, amfid, taskgated: library validation, restricted entitlements, launch refusals and constraints.

use super::cut::{after, between, file_name, known, number, until};
use super::prefix::process;
use super::{ConstraintError, LogFact, Proc};

/// Facts of one message. `logger` is who wrote it.
pub(super) fn facts(text: &str, logger: &Proc, out: &mut Vec<LogFact>) {
    if text.contains("Library Validation failed: Rejecting") {
        out.push(refused_callback(library_validation(text)));
        return;
    }
    entitlements(text, out);
    missing(text, logger, out);
    unparsable(text, out);
    launch(text, logger, out);
    noise(text, out);
}

/// `Rejecting '‹path›' (Team ID: …) for process '‹name(pid)›' (Team ID: …), reason: …`
fn library_validation(text: &str) -> LogFact {
    let team = |part: &str| between(part, "Team ID: ", ",").map(|team| until(team, ")")).and_then(known);
    let (library, host) = text.split_once(" for process ").unwrap_or((text, ""));
    LogFact::LibraryValidationRejected {
        library: after(library, "Rejecting ").map(|path| until(path, " (Team ID")).and_then(known).unwrap_or_default(),
        process: process(until(host, " (Team ID").trim_matches('\'')),
        library_team: team(library),
        process_team: team(host),
        platform_process: host.contains("platform: yes"),
    }
}

/// libffi for Intel, when it is refused memory that is writable and executable, writes its callbacks into a file `ffiXXXXXX` of a temporary folder or of the
/// user's home and maps that (libffi: src/closures.c, `open_temp_exec_file_dir`; configure.ac sets `FFI_MMAP_EXEC_WRIT` for Intel Macs). Such a file is no
/// library.
fn refused_callback(fact: LogFact) -> LogFact {
    match fact {
        LogFact::LibraryValidationRejected { library, process, library_team: None, .. } if is_callback_file(&library) => {
            LogFact::EngineMemory { engine: "libffi", process, degrades: false }
        }
        fact => fact,
    }
}

/// `mkostemp` replaces the six X by letters and digits.
fn is_callback_file(path: &str) -> bool {
    let random = file_name(path).strip_prefix("ffi");
    random.is_some_and(|random| random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn keys(list: &str) -> Vec<String> {
    let words = list.split([',', ' ', ';', '\'', '"', '[', ']', '(', ')']).flat_map(run_together).map(|word| word.trim_end_matches('.'));
    words.filter(|word| word.contains(['.', '-']) && !word.contains('<')).take(100).map(str::to_owned).collect()
}

/// The kernel writes the names of a list without anything between them: `com.apple.developer.acom.apple.developer.b`.
fn run_together(word: &str) -> Vec<&str> {
    let starts = word.match_indices("com.apple.").map(|(at, _)| at).filter(|at| *at > 0);
    let ends: Vec<usize> = starts.chain([word.len()]).collect();
    let mut from = 0_usize;
    let parts = ends.into_iter().filter_map(|end| {
        let part = word.get(from..end);
        from = end;
        part
    });
    parts.collect()
}

/// A program as taskgated and amfid name it: identifier, name or path.
fn named(text: &str) -> Proc {
    let text = text.trim();
    match known(text) {
        Some(path) if path.starts_with('/') => Proc { name: Some(file_name(&path).to_owned()), path: Some(path), ..Proc::default() },
        Some(name) => Proc { identifier: name.contains('.').then(|| name.clone()), name: Some(name), ..Proc::default() },
        None => Proc::default(),
    }
}

fn entitlements(text: &str, out: &mut Vec<LogFact>) {
    if let Some((before, list)) = text.split_once("Unsatisfied entitlements:").or_else(|| text.split_once("Unsatisfied Entitlements:")) {
        let subject = before.trim().trim_end_matches(':');
        let subject = subject.rsplit_once(": ").map_or(subject, |(_, subject)| subject);
        let process = if subject.contains("AMFI") || subject.contains("amfid") { Proc::default() } else { named(subject) };
        out.push(LogFact::RestrictedEntitlements { keys: keys(list), process, code: None });
    } else if let Some(subject) = between(text, "Disallowing ", " because no eligible provisioning profiles found") {
        out.push(LogFact::NoEligibleProfile { process: named(subject) });
    } else if text.contains("AppleMobileFileIntegrityError Code=") {
        let code = after(text, "AppleMobileFileIntegrityError Code=").and_then(number);
        let path = between(text, "NSURL=file://", ",").map(|path| until(path, "}"));
        let subject = text.split_once(" not valid:").map(|(before, _)| before.rsplit_once(": ").map_or(before, |(_, path)| path)).or(path);
        let process = named(subject.unwrap_or(""));
        match code {
            Some(-413 | -423) => out.push(LogFact::RestrictedEntitlements { keys: Vec::new(), process, code }),
            _ => out.push(LogFact::LaunchSignatureRefused { process }),
        }
    } else if text.to_ascii_lowercase().contains("restricted entitlements, but the validation of its code signature failed")
        || text.contains("estricted entitlements not validated, bailing out")
    {
        let path = between(text, "When validating ", ": ").or_else(|| between(text, "mac_vnode_check_signature: ", ": "));
        out.push(LogFact::RestrictedEntitlements { keys: Vec::new(), process: named(path.unwrap_or("")), code: None });
    } else if text.contains("because its use of the ") && text.contains("entitlement is not allowed") {
        let key = between(text, "because its use of the ", " entitlement").and_then(known);
        let subject = between(text, "killed ", " because").map(process).unwrap_or_default();
        out.push(LogFact::RestrictedEntitlements { keys: key.into_iter().collect(), process: subject, code: None });
    }
}

/// A service of macOS turns a program away that lacks a key which Apple grants.
fn missing(text: &str, logger: &Proc, out: &mut Vec<LogFact>) {
    let required = between(text, "pplication requires '", "'");
    let keys = if let Some(key) = required.filter(|key| key.starts_with("com.apple.")) {
        vec![key.to_owned()]
    } else if text.contains("ES_NEW_CLIENT_RESULT_ERR_NOT_ENTITLED") {
        vec!["com.apple.developer.endpoint-security.client".to_owned()]
    } else if text.contains("does not allow it to access a TCC-protected group container")
        || text.contains("prefixed by requestor's team ID")
    {
        vec!["com.apple.security.application-groups".to_owned()]
    } else if is_extension_refused(text) {
        Vec::new()
    } else {
        return;
    };
    out.push(LogFact::RestrictedMissing { keys, process: logger.clone() });
}

/// `OSSystemExtensionErrorDomain` 8: codeSignatureInvalid (SystemExtensions.h).
fn is_extension_refused(text: &str) -> bool {
    const EIGHT: [&str; 3] =
        ["OSSystemExtensionErrorDomain Code=8", "OSSystemExtensionErrorDomain error 8", "OSSystemExtensionErrorDomain:8"];
    let numbered = |mark: &&str| after(text, mark).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
    EIGHT.iter().any(numbered) || text.contains("Invalid code signature or missing entitlements")
}

/// Entitlements that cannot be parsed: kernel, AMFI, codesign, the notary service.
fn unparsable(text: &str, out: &mut Vec<LogFact>) {
    let lower = text.to_ascii_lowercase();
    let marks = [
        "entitlements cannot be parsed",
        "failed to parse entitlements",
        "unserializexml: syntax error",
        "unserializexml: ",
        "could not load its entitlements",
        "invalid entitlements blob",
    ];
    if !marks.iter().any(|mark| lower.contains(mark)) {
        return;
    }
    let line = after(&lower, "near line ").or_else(|| after(&lower, "on line ")).and_then(number).and_then(|line| u32::try_from(line).ok());
    let of_kernel = between(text, "entitlements for ", ":").map(process);
    let at_signing = of_kernel.is_none() && lower.contains("failed to parse entitlements:")
        || lower.contains("amfiunserializexml") && of_kernel.is_none();
    let file = of_kernel.unwrap_or_else(|| {
        text.split_once(": ").filter(|(path, _)| path.starts_with('/')).map(|(path, _)| named(path)).unwrap_or_default()
    });
    out.push(LogFact::EntitlementsUnparsable { process: file, line, at_signing });
}

fn launch(text: &str, logger: &Proc, out: &mut Vec<LogFact>) {
    if ["Launch Constraint Violation", "Library Constraint Violation", "Constraint Violation ("].iter().any(|mark| text.contains(mark)) {
        let path = after(text, "launching proc").and_then(|rest| after(rest, "]: ")).map(|rest| until(rest, ", launch type"));
        let failed = after(text, "failure proc").and_then(|rest| after(rest, "]: "));
        out.push(LogFact::LaunchConstraint {
            process: named(path.unwrap_or("")),
            error: constraint_error(text),
            failed: named(failed.unwrap_or("")),
        });
    } else if let Some(rest) = after(text, "hook..execve() killing") {
        // "Attempt to execute completely unsigned code", "dyld signature cannot be verified" …
        let pid = after(rest, "pid ").and_then(number).and_then(|pid| u64::try_from(pid).ok());
        out.push(LogFact::LaunchSignatureRefused { process: Proc { pid, ..Proc::default() } });
    } else if text.contains("Taskgated Invalid Signature") && !text.contains("Termination Reason") && !text.contains("\"indicator\"") {
        // Somebody's words about a report that was not given.
        out.push(LogFact::LaunchSignatureRefused { process: Proc::default() });
    } else if text.contains("load code signature error") {
        let pid = between(text, "proc ", ":").and_then(number).and_then(|pid| u64::try_from(pid).ok());
        let name = between(text, "for file \"", "\"").and_then(known);
        out.push(LogFact::LaunchSignatureRefused { process: Proc { name, pid, ..Proc::default() } });
    } else if text.contains("code signature validation failed fatally") {
        let path = between(text, "mac_vnode_check_signature: ", ": code signature");
        out.push(LogFact::LaunchSignatureRefused { process: named(path.unwrap_or("")) });
    } else if text.contains("Broken signature with Team ID fatal") {
        let name = logger.name.as_deref().filter(|name| *name != "amfid" && *name != "kernel");
        out.push(LogFact::LaunchSignatureRefused { process: named(name.unwrap_or("")) });
    } else if let Some((before, rest)) = text.split_once(" signature not valid: ") {
        let file = named(before.rsplit_once(": ").map_or(before, |(_, path)| path));
        match number(rest) {
            // Logged for every ad hoc program.
            Some(-67050) | None => out.push(LogFact::Noise { why: "amfid logs this for every ad hoc signed program" }),
            code => {
                out.push(LogFact::CodesignProblem {
                    file: file.path.clone().or(file.name.clone()),
                    text: "signature not valid".into(),
                    code,
                });
                out.push(LogFact::LaunchSignatureRefused { process: file });
            }
        }
    }
}

/// `error info: c[4]p[2]m[1]e[0], (…)`; `None` when one of the numbers is missing.
fn constraint_error(text: &str) -> Option<ConstraintError> {
    let info = after(text, "error info: ")?;
    let one = |mark: &str| between(info, mark, "]").and_then(number).and_then(|number| u32::try_from(number).ok());
    Some(ConstraintError { constraint: one("c[")?, process: one("p[")?, result: one("m[")?, code: one("e[")? })
}

fn noise(text: &str, out: &mut Vec<LogFact>) {
    let failed = text.trim_end().ends_with("code signature validation failed.");
    let bare_failure = failed && text.contains("AMFI") && !text.to_ascii_lowercase().contains("restricted");
    if text.contains("Requirements for restricted entitlements failed to validate") {
        out.push(LogFact::Noise { why: "amfid logs this for every program with restricted entitlements that is not from the App Store; then it looks for a profile" });
    } else if text.contains("has no CMS blob") || text.contains("Unrecoverable CT signature issue") || bare_failure {
        out.push(LogFact::Noise { why: "AMFI logs this for every ad hoc signed program" });
    } else if text.contains("ASP: Library load") && text.trim_end().ends_with("allowed") {
        out.push(LogFact::Noise { why: "the system policy allowed this library; a refusal elsewhere is not about it" });
    }
}
