//! Privacy: tccd's lines, the termination texts, Apple events.

use super::cut::{after, between, has_word, known, until};
use super::prefix::identity;
use super::{LogFact, Proc};

/// Facts of one message. `logger` is who wrote it.
pub(super) fn facts(text: &str, logger: &Proc, out: &mut Vec<LogFact>) {
    let before = out.len();
    if text.contains("requires entitlement") && text.contains("it is missing for") {
        out.push(entitlement_missing(text));
    } else if text.contains("Refusing authorization request for service") {
        out.push(usage_missing(text));
    } else if text.contains("Policy disallows prompt for") {
        out.push(denied(text));
    } else if text.contains("Platform binary prompting is 'Deny'") {
        out.push(LogFact::TccPlatformBinary { process: subject(text) });
    } else if text.contains("AUTHREQ_PROMPTING") {
        out.push(LogFact::TccPrompting { service: service(text).unwrap_or_default(), process: subject(text) });
    } else if text.contains("privacy-sensitive data") {
        out.extend(termination(text));
    } else if text.contains("TCC`__TCC_CRASHING_DUE_TO_PRIVACY_VIOLATION__") {
        // A debugger's backtrace: the sentence is not in it.
        out.push(LogFact::TccUsageMissing { service: None, key: String::new(), process: Proc::default() });
    }
    if out.len() > before {
        return;
    }
    // What the frameworks of Contacts and Core Location answer to a program that may not ask.
    const ANSWERS: [(&str, &str); 2] =
        [("CNErrorDomain Code=100", "kTCCServiceAddressBook"), ("kCLErrorDomain Code=1", "kTCCServiceLocation")];
    if let Some((_, service)) = ANSWERS.iter().find(|(words, _)| has_word(text, words)) {
        out.push(LogFact::TccDenied { service: (*service).to_owned(), process: logger.clone() });
        return;
    }
    if let Some(service) = told_denied(text) {
        out.push(LogFact::TccDenied { service: service.to_owned(), process: logger.clone() });
        return;
    }
    if text.contains("SystemPolicyAppBundles") && !text.contains("AUTHREQ_")
        || text.contains("prevented from modifying apps")
        || text.contains("prevented from modifying other apps")
    {
        let name = text.split_once(" was prevented").and_then(|(name, _)| known(name.trim_matches('"')));
        let process = if name.is_some() { Proc { name, ..Proc::default() } } else { subject(text) };
        out.push(LogFact::AppManagement { process });
        return;
    }
    if text.contains("Operation not permitted") && text.contains("/Applications/") && text.contains(".app/") {
        // A tool that wrote into another app's bundle: an installed one, not a place of the user's own.
        const WRITERS: [&str; 10] = ["cp: ", "mv: ", "rm: ", "rsync: ", "ditto: ", "touch: ", "install: ", "sed: ", "xattr: ", "unlink"];
        if let Some(tool) = WRITERS.iter().find(|tool| text.trim_start().starts_with(**tool)) {
            let name = tool.trim_end_matches([':', ' ']).to_owned();
            out.push(LogFact::AppManagement { process: Proc { name: Some(name), ..Proc::default() } });
            return;
        }
        // Programs that say what they were about to write.
        const WRITING: [&str; 5] = ["Opening Destination", "to write", "writing", "to modify", "to replace"];
        if WRITING.iter().any(|words| text.contains(words)) {
            out.push(LogFact::AppManagement { process: Proc::default() });
            return;
        }
    }
    if let Some(refused) = super::places::refused(text, logger) {
        out.push(refused);
        return;
    }
    apple_events(text, logger, out);
}

/// What a program says of itself when it may not use a resource: `camera access denied`, `access to the camera was denied`,
/// `not authorized to capture video` (OpenCV). It does not say who refused.
fn told_denied(text: &str) -> Option<&'static str> {
    const RESOURCES: [(&str, &str); 7] = [
        ("camera", "kTCCServiceCamera"),
        ("microphone", "kTCCServiceMicrophone"),
        ("contacts", "kTCCServiceAddressBook"),
        ("calendar", "kTCCServiceCalendar"),
        ("calendars", "kTCCServiceCalendar"),
        ("reminders", "kTCCServiceReminders"),
        ("photos", "kTCCServicePhotos"),
    ];
    if text.contains("not authorized to capture video") {
        return Some("kTCCServiceCamera");
    }
    let lower = text.to_ascii_lowercase();
    let said = |word: &str| {
        ["access denied", "permission denied"].iter().any(|denial| has_word(&lower, &format!("{word} {denial}")))
            || lower.contains(&format!("access to the {word} was denied"))
    };
    RESOURCES.iter().find(|(word, _)| said(word)).map(|(_, service)| *service)
}

fn service(text: &str) -> Option<String> {
    let at = text.find("kTCCService")?;
    let rest = text.get(at..)?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    rest.get(..end).map(str::to_owned)
}

/// The one program a line is about: `Sub:{id}Resp:{…}`, a brace identity, or a bare id.
fn subject(text: &str) -> Proc {
    let sub = between(text, "Sub:{", "}").and_then(known);
    let responsible = after(text, "Resp:").and_then(identity);
    let other =
        || ["responsible=", "accessing=", "RESP:", "ACC:", "requesting="].iter().find_map(|mark| after(text, mark).and_then(identity));
    let mut process = responsible.or_else(other).unwrap_or_default();
    if let Some(sub) = sub {
        if process.identifier.is_none() {
            process.identifier = Some(sub.clone());
        }
        if process.path.is_none() && sub.starts_with('/') {
            process.path = Some(sub);
        }
    }
    process
}

fn entitlement_missing(text: &str) -> LogFact {
    let rest = after(text, "requires entitlement").unwrap_or("");
    let role = |marks: [&str; 2]| marks.iter().find_map(|mark| after(rest, mark).and_then(identity));
    LogFact::TccEntitlementMissing {
        service: service(text).unwrap_or_default(),
        entitlement: known(until(rest.trim_start(), " but")).unwrap_or_default(),
        accessing: role(["accessing=", "ACC:"]),
        responsible: role(["responsible=", "RESP:"]),
        requesting: role(["requesting=", "REQ:"]),
    }
}

fn usage_missing(text: &str) -> LogFact {
    let key = usage_key(text).or_else(|| between(text, "without ", " key").and_then(known));
    LogFact::TccUsageMissing { service: service(text), key: key.unwrap_or_default(), process: subject(text) }
}

/// `NS…UsageDescription`.
fn usage_key(text: &str) -> Option<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .find(|word| word.starts_with("NS") && word.ends_with("UsageDescription") && word.len() > "NSUsageDescription".len())
        .map(str::to_owned)
}

/// `Policy disallows prompt for ‹who›; access to ‹service› denied`, `AccessRequestIndirect: Policy disallows …`.
fn denied(text: &str) -> LogFact {
    let mut process = subject(text);
    if process == Proc::default() {
        process.identifier = between(text, "Policy disallows prompt for ", ";").and_then(known);
    }
    let service = after(text, "access to ").and_then(service).or_else(|| service(text));
    LogFact::TccDenied { service: service.unwrap_or_default(), process }
}

/// The sentence a process is ended with. Its two forms begin alike: one misses a text in Info.plist, the other an entitlement.
fn termination(text: &str) -> Option<LogFact> {
    if !text.contains("attempted to access privacy-sensitive data") {
        return None;
    }
    if let Some(entitlement) = between(text, "must have the ", " entitlement").and_then(known) {
        return Some(LogFact::TccEntitlementAbort { entitlement, process: Proc::default() });
    }
    // Since macOS 13 the missing entitlement stands where the usage key belongs: `must contain an com.apple.security.… key`.
    if let Some(key) = between(text, "must contain an ", " key").filter(|key| key.starts_with("com.apple.security.")) {
        return Some(LogFact::TccEntitlementAbort { entitlement: key.to_owned(), process: Proc::default() });
    }
    if text.contains("without an entitlement") {
        let at = text.find("com.apple.security.");
        let word = at.and_then(|at| text.get(at..)).map(|rest| until(until(rest, "'"), " ").to_owned());
        return Some(LogFact::TccEntitlementAbort { entitlement: word.unwrap_or_default(), process: Proc::default() });
    }
    Some(LogFact::TccUsageMissing { service: None, key: usage_key(text).unwrap_or_default(), process: Proc::default() })
}

fn apple_events(text: &str, logger: &Proc, out: &mut Vec<LogFact>) {
    let sentence = [
        "ot authorized to send Apple events",
        "ot authorised to send Apple events",
        "ot allowed to send Apple events",
        "errAEEventNotPermitted",
        "errAEEventWouldRequireUserConsent",
    ]
    .iter()
    .any(|mark| text.contains(mark));
    let code = [-1743_i64, -1744]
        .into_iter()
        .find(|code| has_word(text, &code.to_string()) || has_word(text, &code.to_string().replace('-', "\u{2212}")));
    // The bare number counts only beside words that make it an Apple event's.
    let context =
        ["AE", "Apple", "script", "Script", "osascript", "event", "Event", "rror", "ERROR"].iter().any(|mark| text.contains(mark));
    if sentence || code.is_some() && context {
        let code = code.or_else(|| text.contains("WouldRequireUserConsent").then_some(-1744));
        out.push(LogFact::AppleEventsDenied { process: logger.clone(), code });
    }
}
