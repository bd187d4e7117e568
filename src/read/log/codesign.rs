//! Output of `codesign` and `spctl`: verification, display, detritus, Security error codes.

use super::cut::{after, between, hex, known, number, until};
use super::{Context, Following, LogFact, Proc, SigningFailure};

/// Sentences of a failed verification (CSCommon.h and `codesign`'s own).
const PROBLEMS: [(&str, i64); 37] = [
    ("code object is not signed at all", -67062),
    ("invalid signature (code or signature have been modified)", -67061),
    ("code or signature have been modified", -67061),
    ("a sealed resource is missing or invalid", -67054),
    ("code has no resources but signature indicates they must be present", -67056),
    ("resources are present but not sealed by signature", -67057),
    ("the sealed resource directory is invalid", -67055),
    ("resource envelope is obsolete", -67007),
    ("invalid resource directory (directory or signature have been modified)", -67023),
    ("nested code is modified or invalid", -67021),
    ("nested code is not signed", -67022),
    ("nested code is unsigned", -67022),
    ("invalid Info.plist (plist or signature have been modified)", -67030),
    ("code failed to satisfy specified code requirement", -67050),
    ("failed to satisfy its Designated Requirement", -67050),
    ("does not satisfy its designated Requirement", -67050),
    ("main executable failed strict validation", -67010),
    ("the image contains multiple executable segments", -66995),
    ("object file format unrecognized, invalid, or unsuitable", -67049),
    ("code has no main executable file", -67029),
    ("the main executable or Info.plist must be a regular file", -67015),
    ("unsupported resource found (something not a directory, file or symlink)", -67016),
    (".DS_Store files cannot be a symlink", -67012),
    ("unsealed contents present in the root directory of an embedded framework", -67008),
    ("unsealed contents present in the bundle root", -67014),
    ("embedded framework contains modified or invalid version", -67009),
    ("bundle format unrecognized, invalid, or unsuitable", -67028),
    ("bundle format is ambiguous", -67011),
    ("invalid destination for symbolic link in bundle", -67003),
    ("code is too big for current signing format", -67004),
    ("invalid or unsupported format for signature", -67059),
    ("the code is invalid", -67061),
    ("CSSMERR_TP_CERT_REVOKED", 0),
    ("CSSMERR_TP_NOT_TRUSTED", 0),
    ("CSSMERR_TP_CERT_EXPIRED", 0),
    ("signature is valid but signer is not trusted", -66996),
    ("notarization has been revoked", -66992),
];

/// The sentence of an error of Security that was given as a number.
fn sentence_of(code: i64) -> &'static str {
    PROBLEMS.iter().find(|(_, known)| *known == code).map_or("Security error", |(sentence, _)| sentence)
}

/// Errors of the call or of the moment, which say nothing of a signature (CSCommon.h): arguments and flags of the API, guests of a host, code that cannot
/// be found or read, a check that was cancelled or found nothing, code that is no app.
fn is_of_the_call(code: i64) -> bool {
    matches!(code, -67072..=-67064 | -67060 | -67048..=-67046 | -67044..=-67039 | -67027 | -67025 | -67024 | -67020 | -67018 | -67006 | -67002)
}

/// Words of a signing that failed (codesign, SecBase.h; the last of rcodesign). `no identity found` is said by other programs about other things too, so it
/// stands with its name.
const FAILURES: [(&str, SigningFailure); 11] = [
    ("errSecInternalComponent", SigningFailure::KeyNotUsable),
    ("User interaction is not allowed", SigningFailure::KeyNotUsable),
    (": ambiguous (matches", SigningFailure::Ambiguous),
    (": no identity found", SigningFailure::NoIdentity),
    // Programs that read passwords get the same sentence, without codesign's `error: `.
    ("error: The specified item could not be found in the keychain", SigningFailure::NoIdentity),
    ("unable to build chain to self-signed root", SigningFailure::NoChain),
    ("identity cannot be used for signing code", SigningFailure::WrongCertificate),
    ("timestamp was expected but was not found", SigningFailure::NoTimestamp),
    ("timestamp service is not available", SigningFailure::NoTimestamp),
    ("timestamps differ by", SigningFailure::NoTimestamp),
    ("CMS error: Time-Stamp Protocol error", SigningFailure::NoTimestamp),
];

/// Facts of one line of output; `following` are the lines after it.
pub(super) fn facts<'a>(text: &str, context: &mut Context, following: &Following<'a>, out: &mut Vec<LogFact>) {
    // A build tool shows what codesign said as one string: `'/x/A.app: replacing existing signature\n/x/A.app: nested code is …\n'`.
    if !text.contains("\\n") {
        line(text, context, following, out);
        return;
    }
    let bare = |line: &str| line.trim_matches(['"', '\'', ' ']).to_owned();
    let mut rest = Some(text);
    while let Some(here) = rest {
        let (one, later) = here.split_once("\\n").map_or((here, None), |(one, later)| (one, Some(later)));
        let after = || -> Box<dyn Iterator<Item = String>> { Box::new(later.into_iter().flat_map(|text| text.split("\\n")).map(bare)) };
        line(&bare(one), context, &after, out);
        rest = later;
    }
}

fn line<'a>(text: &str, context: &mut Context, following: &Following<'a>, out: &mut Vec<LogFact>) {
    displayed(text, context, following, out);
    listed(text, context, following, out);
    verified(text, following, out);
    problems(text, following, context, out);
}

/// `Executable=`, `CodeDirectory … flags=`, `TeamIdentifier=`.
fn displayed<'a>(text: &str, context: &mut Context, following: &Following<'a>, out: &mut Vec<LogFact>) {
    if let Some(path) = text.strip_prefix("Executable=") {
        context.executable = known(path);
        context.displays = true;
        if context.asks_entitlements {
            context.asks_entitlements = false;
            let rest: Vec<String> = following().take(400).collect();
            entitlements_printed(context.executable.clone(), &rest, out);
        }
    } else if text.contains("CodeDirectory v=") || text.starts_with("flags=0x") || text.contains(" flags=0x") && text.contains("hashes=") {
        if let Some(flags) = after(text, "flags=").and_then(hex).and_then(|flags| u32::try_from(flags).ok()) {
            out.push(LogFact::DisplayedFlags { file: context.displayed_file(), flags });
        }
    } else if let Some(format) = text.strip_prefix("Format=") {
        if let Some(arch) = between(format, "Mach-O thin (", ")").and_then(known) {
            out.push(LogFact::DisplayedArch { file: context.displayed_file(), arch });
        }
    } else if let Some(team) = text.strip_prefix("TeamIdentifier=") {
        out.push(LogFact::DisplayedTeam { file: context.displayed_file(), team: known(team).filter(|team| team != "not set") });
    } else if text.contains("<key>ProvisionedDevices</key>") || text.contains("\"ProvisionedDevices\" =>") {
        out.push(LogFact::DisplayedProfile { file: context.displayed_file() });
    } else if text.contains("invalid entitlements blob") {
        let file = context.displayed_file();
        let name = file.as_deref().map(|path| super::cut::file_name(path).to_owned());
        out.push(LogFact::EntitlementsUnparsable { process: Proc { name, path: file, ..Proc::default() }, line: None, at_signing: false });
    }
}

/// Did `codesign -d --entitlements` print any? Its output ends at the next prompt, or where other output begins.
fn entitlements_printed(file: Option<String>, following: &[String], out: &mut Vec<LogFact>) {
    let output = following.iter().take_while(|line| super::shell::prompt(line).is_none());
    for line in output {
        let line = line.trim();
        if ["[Dict]", "[Key]", "<?xml", "<plist", "<dict", "<key>"].iter().any(|mark| line.contains(mark)) {
            return;
        }
        if line.contains("bplist00") {
            let name = file.as_deref().map(|path| super::cut::file_name(path).to_owned());
            out.push(LogFact::EntitlementsUnparsable {
                process: Proc { name, path: file, ..Proc::default() },
                line: None,
                at_signing: false,
            });
            return;
        }
    }
    out.push(LogFact::DisplayedNoEntitlements { file });
}

/// `[Key] k` with `[Bool] true`, or `<key>k</key><true/>`.
fn listed<'a>(text: &str, context: &Context, following: &Following<'a>, out: &mut Vec<LogFact>) {
    let file = context.displayed_file();
    if let Some(key) = after(text, "[Key]") {
        let value = following().take(2).find(|line| !line.trim().starts_with("[Value]")).unwrap_or_default();
        if let Some(key) = known(key) {
            out.push(LogFact::DisplayedEntitlement { file, key, value: !value.trim().starts_with("[Bool] false") });
        }
        return;
    }
    if !context.displays || !text.contains("<key>") {
        return;
    }
    for part in text.split("<key>").skip(1).take(500) {
        let (key, rest) = part.split_once("</key>").unwrap_or((part, ""));
        let next;
        let value = if rest.trim().is_empty() {
            next = following().next().unwrap_or_default().trim().to_owned();
            next.as_str()
        } else {
            rest.trim()
        };
        if let Some(key) = known(key) {
            out.push(LogFact::DisplayedEntitlement { file: file.clone(), key, value: !value.starts_with("<false") });
        }
    }
}

fn is_file(file: &&str) -> bool {
    file.contains(['/', '.']) && !file.contains(": ")
}

/// `valid on disk`, `accepted` and `rejected` with the `source=` of the next lines. Rejected for want of a usable signature is a fault of the
/// signature (policydb.cpp); for every other reason it is Gatekeeper's policy.
fn verified<'a>(text: &str, following: &Following<'a>, out: &mut Vec<LogFact>) {
    for mark in [": valid on disk", ": satisfies its Designated Requirement", ": explicit requirement satisfied"] {
        if let Some((file, _)) = text.split_once(mark) {
            out.push(LogFact::SignatureAccepted { file: known(file), source: None });
            return;
        }
    }
    for why in ["Too many open files", "internal error in Code Signing subsystem"] {
        if let Some(file) = text.trim_end().strip_suffix(why).and_then(|file| file.strip_suffix(": ")).filter(is_file) {
            out.push(LogFact::AssessmentFailed { file: known(file), why: why.to_owned() });
            return;
        }
    }
    let source = || following().take(3).find_map(|line| line.trim().strip_prefix("source=").and_then(known));
    if let Some(file) = text.trim_end().strip_suffix(": accepted").filter(is_file) {
        out.push(LogFact::SignatureAccepted { file: known(file), source: source() });
    } else if text.contains("the code is valid but does not seem to be an app") {
        out.push(LogFact::Noise { why: "spctl was asked whether this is an app; its code is valid" });
    } else if let Some((file, why)) = text
        .trim_end()
        .split_once(": rejected")
        .filter(|(file, _)| is_file(file))
        .filter(|(_, why)| why.is_empty() || why.starts_with(" ("))
    {
        const ENVELOPE: &str = "obsolete resource envelope";
        let source = source();
        if source.as_deref() == Some(ENVELOPE) && !is_bundle(file) {
            out.push(LogFact::Noise { why: "spctl judges bundles: a bare tool has no resources that could be sealed" });
            return;
        }
        let faulty = matches!(source.as_deref(), Some(ENVELOPE | "no usable signature"));
        out.push(if faulty {
            let words = format!("rejected{why}, source={}", source.unwrap_or_default());
            LogFact::CodesignProblem { file: known(file), text: words, code: None }
        } else {
            LogFact::PolicyRejected { file: known(file), source }
        });
    }
}

/// A folder with code, by its name.
fn is_bundle(file: &str) -> bool {
    const KINDS: [&str; 18] = [
        "app",
        "appex",
        "bundle",
        "framework",
        "plugin",
        "xpc",
        "kext",
        "component",
        "vst",
        "vst3",
        "prefPane",
        "saver",
        "qlgenerator",
        "mdimporter",
        "service",
        "driver",
        "systemextension",
        "pkg",
    ];
    let name = super::cut::file_name(file);
    name.rsplit_once('.').is_some_and(|(_, kind)| KINDS.contains(&kind))
}

const PART: &str = "In subcomponent: ";

/// The file that a sentence is about: the part that stands behind it or in the next line, else what stands before.
fn file_of<'a>(before: &str, rest: &str, following: &Following<'a>, context: &mut Context) -> Option<String> {
    if let Some(part) = after(rest, PART) {
        return known(part.split([']', ',']).next().unwrap_or(part).trim_end_matches('.'));
    }
    if let Some(part) = following().next().as_deref().and_then(|line| after(line, PART)).and_then(known) {
        context.part_told = true;
        return Some(part);
    }
    // `Code signature at URL file:///…/X.app/ did not pass validation: …` of Squirrel.
    if let Some(url) = after(before, "file://") {
        return known(until(url, " did not pass").trim_end_matches('/'));
    }
    let before = before.trim_end().trim_end_matches(':');
    let file = before.rsplit(": ").next().and_then(|file| known(file.trim_start_matches("error: ")));
    file.filter(|file| file.contains(['/', '.']) || !file.contains([' ', '[']))
}

fn problems<'a>(text: &str, following: &Following<'a>, context: &mut Context, out: &mut Vec<LogFact>) {
    // libsystem_secinit, before `main`: the container needs to know whose it is (often with OSStatus -2147409622, CSSMERR_TP_NOT_TRUSTED).
    if text.contains("registration failed: The code signature is not valid") {
        out.push(LogFact::CodesignProblem { file: None, text: "the App Sandbox finds the code signature not valid".into(), code: None });
        return;
    }
    // Squirrel.Mac asks for the signature of the app that runs before it updates it.
    const OWN: &str = "Could not get code signature for running application";
    if text.contains(OWN) {
        out.push(LogFact::CodesignProblem { file: None, text: OWN.into(), code: None });
        return;
    }
    if let Some((_, why)) = FAILURES.iter().find(|(mark, _)| text.contains(mark)) {
        out.push(LogFact::SigningFailed { why: *why });
        return;
    }
    // A build tool that shows codesign's arguments and its status only.
    if text.contains("Developer ID Installer:") && text.contains("/codesign") && text.contains("exited with 1") {
        out.push(LogFact::SigningFailed { why: SigningFailure::InstallerNamed });
        return;
    }
    if text.contains("detritus not allowed") {
        let file = text.split_once(": resource fork").and_then(|(file, _)| known(file.trim_start_matches("error: ")));
        out.push(LogFact::Detritus { file });
        return;
    }
    if let Some((sentence, code)) = PROBLEMS.iter().find(|(sentence, _)| text.contains(sentence)) {
        let (before, rest) = text.split_once(sentence).unwrap_or((text, ""));
        let file = file_of(before, rest, following, context);
        out.push(LogFact::CodesignProblem { file, text: (*sentence).into(), code: Some(*code).filter(|code| *code != 0) });
        return;
    }
    if text.contains(PART) && std::mem::take(&mut context.part_told) {
        return;
    }
    for (mark, words) in [
        ("file modified: ", "file modified"),
        ("file added: ", "file added"),
        ("file missing: ", "file missing"),
        (PART, "in subcomponent"),
    ] {
        if let Some(file) = text.trim_start().strip_prefix(mark) {
            out.push(LogFact::CodesignProblem { file: known(file), text: words.into(), code: None });
            return;
        }
    }
    // Security logs this whenever a call of its own throws, most of which it expects (MacErrors.cpp); amfid's line is not about the signature.
    if text.contains("MacOS error: ") || text.contains("Requirements for restricted entitlements") {
        out.push(LogFact::Noise { why: "Security logs every error inside it, those too that it expects" });
        return;
    }
    // tccd asks of every program whether it is Apple's, or another one that has a grant; that it is not is no fault.
    if text.contains("matchesCodeRequirement") {
        out.push(LogFact::Noise { why: "tccd asked whether a program is one that it knows" });
        return;
    }
    // Spotlight's indexer asks each program for its signature, and logs each one that has none (public logs show it by the hundred).
    if text.contains("in the process of getting signing information") {
        out.push(LogFact::Noise { why: "a system program read the signature of a file that has none; nothing was refused for it" });
        return;
    }
    // `NSOSStatusErrorDomain Code=-67062`, `(-67061)`, `error -67054`.
    for mark in ["Code=-6", "(-6", "error -6", "status -6", "status: -6", "OSStatus -6", "error: -6"] {
        let code = text.split_once(mark).and_then(|(_, rest)| number(rest)).filter(|tail| (6990..=7072).contains(tail));
        if let Some(code) = code {
            let code = code.saturating_add(60_000).saturating_neg();
            if is_of_the_call(code) {
                out.push(LogFact::Noise {
                    why: "the call failed, not the signature: Security was asked with a wrong argument, or could not look",
                });
                return;
            }
            let file = between(text, "NSURL=file://", ",").or_else(|| between(text, "file://", " ")).map(|path| until(path, "}"));
            out.push(LogFact::CodesignProblem { file: file.and_then(known), text: sentence_of(code).into(), code: Some(code) });
            return;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::super::{LogFact, read};

    fn facts(text: &str) -> Vec<LogFact> {
        read(text).into_iter().map(|line| line.fact).collect()
    }

    fn problem(text: &str) -> Option<(Option<String>, String)> {
        facts(text).into_iter().find_map(|fact| match fact {
            LogFact::CodesignProblem { file, text, .. } => Some((file, text)),
            _ => None,
        })
    }

    #[test]
    fn a_string_with_line_ends_written_out_is_read_as_lines() {
        let text = "ERROR: \"/b/A.app/x: replacing existing signature\\n/b/A.app/x: bundle format unrecognized, invalid, or unsuitable\\nIn subcomponent: \
             /b/A.app/Contents/Frameworks/Q.framework\\n\"";
        let file = "/b/A.app/Contents/Frameworks/Q.framework".to_owned();
        assert_eq!(problem(text), Some((Some(file), "bundle format unrecognized, invalid, or unsuitable".to_owned())));
    }

    #[test]
    fn a_number_gets_its_sentence_and_an_error_of_the_call_is_no_fault_of_a_signature() {
        assert_eq!(problem("NSOSStatusErrorDomain Code=-67030").unwrap().1, "invalid Info.plist (plist or signature have been modified)");
        for text in [
            "SecCodeCheckValidity: error -67070",
            "OSStatus error -67002",
            "syspolicyd: (Security) [com.apple.securityd:security_exception] MacOS error: -67062",
        ] {
            assert!(matches!(facts(text).as_slice(), [LogFact::Noise { .. }]), "{text}: {:?}", facts(text));
        }
    }

    #[test]
    fn an_obsolete_envelope_is_a_fault_of_a_bundle_only() {
        let of = |file: &str| facts(&format!("{file}: rejected\nsource=obsolete resource envelope\n"));
        assert!(matches!(of("/usr/bin/perl").as_slice(), [LogFact::Noise { .. }]));
        assert!(matches!(of("/Applications/Tern.app").as_slice(), [LogFact::CodesignProblem { .. }]));
    }

    #[test]
    fn an_error_of_spctl_is_not_its_judgement() {
        let text = "/Applications/Tern.app: Too many open files\n";
        assert!(matches!(facts(text).as_slice(), [LogFact::AssessmentFailed { file: Some(file), .. }] if file == "/Applications/Tern.app"));
        assert_eq!(facts("ls: /Applications/Tern.app: Too many open files\n"), []);
    }

    #[test]
    fn a_profile_that_names_macs_is_seen() {
        for text in ["\t<key>ProvisionedDevices</key>\n\t<array>\n", "  \"ProvisionedDevices\" => [\n"] {
            assert_eq!(facts(text), [LogFact::DisplayedProfile { file: None }], "{text}");
        }
    }
}
