use super::*;
use crate::policy;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn id_of(word: &str) -> String {
    page(word).unwrap_or_else(|| panic!("{word} has no page")).id.clone()
}

fn has_page(word: &str, kind: Kind) -> bool {
    all().iter().any(|page| page.id == word && page.kind == kind)
}

// --- the files

#[test]
fn every_file_parses() {
    for (name, text) in FILES {
        let pages = parse(name, text).unwrap_or_else(|error| panic!("{error}"));
        assert!(!pages.is_empty(), "{name}");
    }
}

#[test]
fn a_wrong_file_is_an_error_with_its_name() {
    for text in ["kind = \"flag\"", "kind = \"nonsense\"\npage = []", "kind = \"flag\"\npage = []\nextra = 1"] {
        assert!(parse("flags", text).is_err_and(|error| error.contains("explain/flags.toml")), "{text}");
    }
}

#[test]
fn every_page_says_what_it_is_when_what_not_and_where_from() {
    for page in all() {
        let parts = [("title", &page.title), ("meaning", &page.meaning), ("when", &page.when), ("not_this", &page.not_this)];
        for (name, text) in parts.into_iter().chain([("source", &page.source)]) {
            assert!(!text.trim().is_empty(), "{}: no {name}", page.id);
        }
        assert!(!page.related.is_empty(), "{}: nothing is related", page.id);
        assert!(!page.title.ends_with('.') && !page.title.contains('\n'), "{}: {}", page.id, page.title);
        for text in [&page.meaning, &page.when, &page.not_this] {
            assert!(text.trim_end().ends_with(['.', '?', '!', ')', '\'', '"', '…']), "{}: {text:?} is no sentence", page.id);
        }
    }
}

#[test]
fn ids_are_unique_and_related_pages_exist() {
    let mut ids = BTreeSet::new();
    for page in all() {
        assert!(ids.insert(page.id.as_str()), "{} twice", page.id);
    }
    for page in all() {
        for other in &page.related {
            assert!(ids.contains(other.as_str()), "{}: no page is named {other}", page.id);
            assert_ne!(*other, page.id, "{} is related to itself", page.id);
        }
        let unique: BTreeSet<&String> = page.related.iter().collect();
        assert_eq!(unique.len(), page.related.len(), "{}: related twice", page.id);
    }
}

#[test]
fn every_id_and_every_other_spelling_finds_its_page() {
    for page in all() {
        assert_eq!(id_of(&page.id), page.id);
        for alias in &page.aliases {
            assert!(pages(alias).iter().any(|found| found.id == page.id), "{alias} does not find {}", page.id);
        }
        for phrase in &page.phrases {
            let line = format!("2026-03-02 10:14:22.000 Demo[123]: {phrase} and more");
            assert!(in_line(&line).iter().any(|found| found.id == page.id), "{phrase} does not find {}", page.id);
        }
    }
}

// --- the tables

#[test]
fn every_cause_and_scenario_has_a_page() {
    for cause in scenario::CAUSES {
        assert!(has_page(cause, Kind::Scenario) || has_page(cause, Kind::Cause), "{cause}");
    }
    for scenario in scenario::all() {
        assert!(has_page(&scenario.id, Kind::Scenario), "{}", scenario.id);
    }
}

/// Kebab-case strings in the detectors that are no ids of findings.
const NO_FINDINGS: [&str; 5] = ["dyld-variable", "frida-agent", "frida-gadget", "llvm-jit", "wrong-arch"];

/// Ids of findings in the sources: kebab-case strings, and what is handed to the functions that make findings.
fn ids_in(text: &str) -> BTreeSet<String> {
    let text = text.split("#[cfg(test)]").next().unwrap_or(text);
    let strings = text.match_indices('"').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))?;
        let word = &rest[..end];
        let before = text[..at].trim_end().trim_end_matches("image,").trim_end();
        let made = ["symptom(", "note(", "of_code(", "defect(", "about("].iter().any(|function| before.ends_with(function));
        let kebab = word.contains('-') && !word.starts_with('-') && !word.ends_with('-');
        (rest[end..].starts_with('"') && (kebab || made && !word.is_empty())).then(|| word.to_owned())
    });
    strings.filter(|word| !NO_FINDINGS.contains(&word.as_str())).collect()
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
}

fn finding_ids() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for folder in ["detect", "verify"] {
        rust_files(&root.join(folder), &mut files);
    }
    files.push(root.join("keys/judge.rs"));
    files.iter().flat_map(|file| ids_in(&std::fs::read_to_string(file).unwrap())).collect()
}

#[test]
fn every_finding_has_a_page() {
    let ids = finding_ids();
    assert!(ids.len() > 60 && ids.contains("died") && ids.contains("page-does-not-match"), "the ids were not found: {ids:?}");
    let missing: Vec<&String> = ids.iter().filter(|id| !all().iter().any(|page| page.id == **id)).collect();
    assert!(missing.is_empty(), "findings without a page in explain/findings.toml: {missing:?}");
}

#[test]
fn no_page_is_about_a_finding_that_does_not_exist() {
    let ids = finding_ids();
    let dead: Vec<&str> = all().iter().filter(|p| p.kind == Kind::Finding && !ids.contains(&p.id)).map(|p| p.id.as_str()).collect();
    assert!(dead.is_empty(), "pages of findings that nothing finds: {dead:?}");
}

#[test]
fn the_ids_of_findings_are_read_from_source() {
    let text =
        "self.symptom(\n  \"died\", m); x(\"two-words\"); y(\"plain\"); defect(image, \"bad\", w); \"llvm-jit\"; \"--flag\"; \"Not-Kebab\"";
    assert_eq!(ids_in(text).into_iter().collect::<Vec<_>>(), ["bad", "died", "two-words"]);
}

#[test]
fn every_flag_has_a_page() {
    use crate::read::signature::CodeSignatureFlags as Flags;
    for bit in 0..32 {
        let name = Flags(1 << bit).names().into_iter().find(|name| *name != "???");
        if let Some(name) = name {
            let pages = pages(name);
            assert!(pages.iter().any(|page| page.aliases.first() == Some(&format!("{:#x}", 1_u32 << bit))), "{name}: {pages:?}");
        }
    }
    // Process flags of cs_blobs.h: all bits but 0x40, 0x80, 0x40000 and 0x80000, which Apple has not named.
    for bit in (0..32).filter(|bit| ![6, 7, 18, 19].contains(bit)) {
        assert_eq!(page(&format!("{:#x}", 1_u32 << bit)).map(|page| page.kind == Kind::Flag || bit < 6), Some(true), "bit {bit}");
        let known = all().iter().filter(|page| page.id.starts_with("CS_") && page.aliases[0] == format!("{:#x}", 1_u32 << bit)).count();
        assert_eq!(known, 1, "bit {bit}");
    }
}

#[test]
fn every_namespace_and_code_has_a_page() {
    const NAMESPACES: &str = "INVALID JETSAM SIGNAL CODESIGNING HANGTRACER TEST DYLD LIBXPC OBJC EXEC SPRINGBOARD TCC REPORTCRASH COREANIMATION \
         AGGREGATED RUNNINGBOARD SKYWALK SETTINGS LIBSYSTEM FOUNDATION WATCHDOG METAL WATCHKIT GUARD ANALYTICS SANDBOX SECURITY ENDPOINTSECURITY \
         PAC_EXCEPTION BLUETOOTH_CHIP PORT_SPACE WEBKIT BACKLIGHTSERVICES MEDIA ROSETTA LIBIGNITION BOOTMOUNT";
    const LATER: &str = "REALITYKIT AUDIO WAKEBOARD CORERC SELF_RESTRICT ARKIT";
    let numbered = NAMESPACES.split_whitespace().enumerate().chain(LATER.split_whitespace().enumerate().map(|(n, name)| (n + 38, name)));
    for (number, name) in numbered {
        assert!(has_page(name, Kind::Termination), "{name}");
        assert_eq!(id_of(&format!("namespace {number}")), name);
    }
    let codes: [(&str, &[u32]); 4] = [
        ("CODESIGNING", &[1, 2, 3, 4]),
        ("DYLD", &[1, 2, 3, 4, 5, 6, 7, 9, 10]),
        ("EXEC", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21]),
        ("GUARD", &[1, 2, 3, 4, 5]),
    ];
    for (namespace, codes) in codes {
        for code in codes {
            assert!(has_page(&format!("{namespace} {code}"), Kind::Termination), "{namespace} {code}");
        }
    }
    assert_eq!(id_of("TCC 0"), "TCC");
    for (number, name) in [(5, "SIGTRAP"), (6, "SIGABRT"), (9, "SIGKILL"), (10, "SIGBUS"), (11, "SIGSEGV")] {
        assert_eq!(id_of(&format!("SIGNAL {number}")), name);
    }
}

/// The page of each reason; the match makes a new reason fail to compile until it has one.
#[test]
fn every_reason_of_dyld_has_a_page() {
    use crate::read::log::TriedReason as R;
    let id = |reason: R| match reason {
        R::Untold => "dyld-untold",
        R::Missing => "dyld-missing",
        R::NotMachO => "dyld-not-mach-o",
        R::OtherFault => "dyld-other-fault",
        R::WrongArch => "dyld-wrong-arch",
        R::Sandbox => "dyld-sandbox",
        R::PathPolicy => "dyld-path-policy",
        R::SystemPolicy => "dyld-system-policy",
        R::BadSignature => "dyld-bad-signature",
        R::Unsigned => "dyld-unsigned",
        R::NoTeam => "dyld-no-team",
        R::PlatformProcess => "dyld-platform-process",
        R::DifferentTeams => "dyld-different-teams",
        R::LibraryValidation => "dyld-library-validation",
    };
    let reasons = [
        R::Untold,
        R::Missing,
        R::NotMachO,
        R::OtherFault,
        R::WrongArch,
        R::Sandbox,
        R::PathPolicy,
        R::SystemPolicy,
        R::BadSignature,
        R::Unsigned,
        R::NoTeam,
        R::PlatformProcess,
        R::DifferentTeams,
        R::LibraryValidation,
    ];
    assert!(reasons.iter().all(|reason| has_page(id(*reason), Kind::Dyld)));
}

#[test]
fn every_kind_of_signer_and_validation_category_has_a_page() {
    use crate::read::cms::SignerKind as S;
    let kinds = [
        S::Apple,
        S::AppStore,
        S::TestFlight,
        S::DeveloperId,
        S::AppleDevelopment,
        S::AppleDistribution,
        S::SelfSigned,
        S::AdHoc,
        S::LinkerSigned,
        S::Unsigned,
        S::Other,
    ];
    for kind in kinds {
        assert!(has_page(kind.word(), Kind::Certificate), "{}", kind.word());
    }
    for category in 0..=10 {
        assert_eq!(id_of(&format!("category {category}")), format!("validation-category-{category}"));
    }
}

#[test]
fn every_key_of_the_policy_has_a_page() {
    let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/policy.rs")).unwrap();
    let module = source.split("pub mod key {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
    let keys: Vec<&str> = module.lines().filter_map(|line| line.split('"').nth(1)).collect();
    assert!(keys.len() >= 16 && keys.contains(&policy::key::ALLOW_JIT), "{keys:?}");
    for key in keys {
        assert!(has_page(key, Kind::Entitlement), "{key}");
    }
}

#[test]
fn everything_of_the_resources_has_a_page() {
    for resource in policy::RESOURCES {
        assert!(has_page(resource.entitlement, Kind::Entitlement), "{}", resource.entitlement);
        assert!(resource.services.iter().all(|service| has_page(service, Kind::TccService)), "{:?}", resource.services);
        for key in resource.usage_keys.iter().chain(resource.wrong_usage_keys) {
            assert!(page(key).is_some_and(|page| page.kind == Kind::UsageKey), "{key}");
        }
        for key in resource.wrong_entitlements {
            assert!(page(key).is_some_and(|page| page.kind == Kind::Entitlement), "{key}");
        }
    }
}

#[test]
fn every_security_error_has_a_page() {
    // −67038 is not issued any more.
    for code in (66_990..=67_072).filter(|code| *code != 67_038) {
        assert!(has_page(&format!("-{code}"), Kind::Error), "-{code}");
    }
    for code in
        ["-413", "-420", "-423", "-424", "-1743", "-1744", "-600", "137", "134", "133", "139", "153", "163", "EINVAL", "EACCES", "EPERM"]
    {
        assert!(has_page(code, Kind::Error), "{code}");
    }
}

#[test]
fn restricted_keys_are_those_the_policy_calls_restricted() {
    let restricted: Vec<&Page> = all().iter().filter(|page| page.kind == Kind::RestrictedEntitlement).collect();
    assert!(restricted.len() >= 150, "{}", restricted.len());
    for page in restricted {
        assert!(policy::is_restricted(&page.id), "{}", page.id);
    }
    for page in all().iter().filter(|page| page.kind == Kind::Entitlement) {
        assert!(!policy::is_restricted(&page.id), "{}", page.id);
    }
}

/// The page of each fact a log can hold.
const LOG_FACTS: [(&str, &str); 49] = [
    ("Load", "log-dyld-tried"),
    ("LibraryValidationRejected", "log-library-validation"),
    ("InvalidPage", "log-invalid-page"),
    ("RejectedPage", "log-rejected-page"),
    ("WriteExecuteRefused", "log-write-execute"),
    ("JitMappingDenied", "log-jit-denied"),
    ("TccEntitlementMissing", "log-tcc-entitlement"),
    ("TccUsageMissing", "log-tcc-usage"),
    ("TccEntitlementAbort", "resource-entitlement-missing"),
    ("TccDenied", "log-tcc-denied"),
    ("TccPlatformBinary", "log-tcc-platform-binary"),
    ("TccPrompting", "log-tcc-prompting"),
    ("AppleEventsDenied", "-1743"),
    ("RestrictedEntitlements", "log-restricted-entitlement"),
    ("NoEligibleProfile", "log-no-profile"),
    ("EntitlementsUnparsable", "log-entitlements-unparsable"),
    ("LaunchSignatureRefused", "log-load-code-signature"),
    ("LaunchConstraint", "log-launch-constraint"),
    ("TaskPortDenied", "log-task-port"),
    ("AttachRefused", "log-attach-failed"),
    ("Gatekeeper", "log-gatekeeper"),
    ("AppManagement", "log-app-management"),
    ("SandboxDenied", "log-sandbox-deny"),
    ("SystemPolicyDenied", "system-policy-denied"),
    ("ProtectedPlace", "protected-place-refused"),
    ("AssessmentFailed", "assessment-failed"),
    ("RestrictedMissing", "restricted-entitlement-wanted"),
    ("PolicyRejected", "rejected-by-policy"),
    ("NotaryUnread", "notary-reason-not-given"),
    ("EngineMemory", "engine-got-no-executable-memory"),
    ("CodesignProblem", "codesign-problem"),
    ("SigningFailed", "signing-failed"),
    ("Detritus", "log-detritus"),
    ("SignatureAccepted", "log-codesign-valid"),
    ("DisplayedFlags", "shown-flags"),
    ("DisplayedArch", "shown-slice"),
    ("DisplayedEntitlement", "shown-entitlement"),
    ("DisplayedNoEntitlements", "shown-no-entitlements"),
    ("SystemVersion", "shown-system"),
    ("DisplayedProfile", "shown-profile-of-devices"),
    ("DisplayedTeam", "team-identifier"),
    ("NotaryIssue", "log-notary"),
    ("Died", "died"),
    ("CrashReportSaved", "log-crash-saved"),
    ("DyldVariable", "dyld-variable-set"),
    ("WorksWhen", "works-otherwise"),
    ("Overwritten", "overwritten-in-place"),
    ("OwnFault", "own-fault"),
    ("Noise", "noise"),
];

/// Names of the variants of an enum in a source text.
fn variants<'a>(source: &'a str, name: &str) -> BTreeSet<&'a str> {
    let body = source.split(&format!("pub enum {name} {{\n")).nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
    let is_variant = |line: &&str| line.starts_with("    ") && line[4..].starts_with(|c: char| c.is_ascii_uppercase());
    body.lines().filter(is_variant).map(|line| line[4..].split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap()).collect()
}

#[test]
fn every_fact_of_a_log_has_a_page() {
    let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/read/log/mod.rs")).unwrap();
    let facts = variants(&source, "LogFact");
    assert_eq!(facts, LOG_FACTS.iter().map(|(fact, _)| *fact).collect(), "a fact of a log without a row here, or a row without a fact");
    for (fact, id) in LOG_FACTS {
        assert!(by_id(id).is_some(), "{fact}: no page is named {id}");
    }
}

/// Names in the sources that no page can be about: beginnings of names, and a private key.
const NO_NAMES: [&str; 2] = ["NSUsageDescription", "com.apple.private.noprofile"];

/// Strings of a source text that are nothing but a name of Apple's that a page must be about.
fn names_in(text: &str) -> BTreeSet<String> {
    let text = text.split("#[cfg(test)]").next().unwrap_or(text);
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let strings = lines.flat_map(|line| line.split('"')).filter(|string| !string.is_empty() && !string.ends_with(['.', '_', '-']));
    let is_word = |string: &&str| string.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let is_name = |string: &&str| {
        let starts =
            |beginnings: &[&str]| beginnings.iter().any(|beginning| string.starts_with(beginning) && string.len() > beginning.len());
        let upper = string.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        starts(&["com.apple.security.", "com.apple.developer.", "com.apple.vm.", "com.apple.private.", "kTCCService", "errSec"])
            || string.starts_with("NS") && string.ends_with("UsageDescription")
            || upper && starts(&["DYLD_", "EXC_", "KERN_", "CS_"])
            || upper && string.starts_with("SIG") && string.len() > 3
    };
    let names = strings.filter(is_word).filter(is_name).filter(|name| !NO_NAMES.contains(name));
    names.map(str::to_owned).collect()
}

#[test]
fn every_name_of_apple_s_in_the_sources_and_scenarios_has_a_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join("src"), &mut files);
    files.retain(|file| !file.components().any(|part| part.as_os_str() == "tests") && !file.ends_with("sample.rs"));
    files.extend(std::fs::read_dir(root.join("scenarios")).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()));
    let mut names = BTreeSet::new();
    for file in &files {
        names.extend(names_in(&std::fs::read_to_string(file).unwrap()));
    }
    assert!(names.len() > 60 && names.contains(policy::key::ALLOW_JIT) && names.contains("DYLD_INSERT_LIBRARIES"), "{names:?}");
    let missing: Vec<&String> = names.iter().filter(|name| named(name).is_empty()).collect();
    assert!(missing.is_empty(), "names without a page in explain/: {missing:?}");
}

#[test]
fn names_are_read_from_source() {
    let text = "/// \"SIGX\"\na(\"com.apple.security.cs.x\"); \"com.apple.security.\"; \"DYLD_PRINT_\"; \"see SIGKILL\"; \"SIGKILL\"; \"NSXUsageDescription\"";
    assert_eq!(names_in(text).into_iter().collect::<Vec<_>>(), ["NSXUsageDescription", "SIGKILL", "com.apple.security.cs.x"]);
}

#[test]
fn topics_count_every_page_once() {
    let topics = topics();
    assert_eq!(topics.iter().map(|topic| topic.pages).sum::<usize>(), all().len());
    let kinds: BTreeSet<Kind> = topics.iter().map(|topic| topic.kind).collect();
    assert_eq!(kinds.len(), topics.len());
    assert!(topics.iter().all(|topic| by_id(topic.example).is_some_and(|page| page.kind == topic.kind)));
}

// --- finding a page

#[test]
fn words_are_found_in_their_usual_spellings() {
    let pairs = [
        ("allow-jit", "com.apple.security.cs.allow-jit"),
        ("COM.APPLE.SECURITY.CS.ALLOW-JIT", "com.apple.security.cs.allow-jit"),
        ("`com.apple.security.cs.debugger`", "com.apple.security.cs.debugger"),
        ("endpoint-security.client", "com.apple.developer.endpoint-security.client"),
        ("0x32", "KERN_CODESIGN_ERROR"),
        ("-67054", "-67054"),
        ("67054", "-67054"),
        ("\u{2212}67054", "-67054"),
        ("errSecCSBadResource", "-67054"),
        ("1743", "-1743"),
        ("CODESIGNING 2", "CODESIGNING 2"),
        ("codesigning  2", "CODESIGNING 2"),
        ("Namespace CODESIGNING, Code 0x2", "CODESIGNING 2"),
        ("Termination Reason: Namespace CODESIGNING, Code 2 Invalid Page", "CODESIGNING 2"),
        ("Invalid Page", "CODESIGNING 2"),
        ("kTCCServiceCamera", "kTCCServiceCamera"),
        ("ScreenCapture", "kTCCServiceScreenCapture"),
        ("EXC_BAD_ACCESS", "EXC_BAD_ACCESS"),
        ("exit 137", "137"),
        ("runtime", "CS_RUNTIME"),
        ("0x10000", "CS_RUNTIME"),
        ("SANDBOX", "SANDBOX"),
        ("sandbox", "sandbox"),
        ("Sandbox", "sandbox"),
        ("NSMicrophoneUsage", "NSMicrophoneDescription"),
        ("Developer ID Application", "developer-id"),
        ("issue 1", "jit"),
    ];
    for (word, id) in pairs {
        assert_eq!(id_of(word), id, "{word}");
    }
}

#[test]
fn a_pasted_line_finds_its_page() {
    let pairs = [
        (
            "kernel: CODE SIGNING: cs_invalid_page(0x1050f0000): p=812[Demo] final status 0x23000200, denying page sending SIGKILL",
            "log-invalid-page",
        ),
        ("tried: '/opt/demo/liba.dylib' (no such file)", "dyld-missing"),
        ("mapping process and mapped file (non-platform) have different Team IDs", "dyld-different-teams"),
        ("AMFI: '/tmp/demo' has no CMS blob?", "log-amfi-noise"),
        ("Exception Type:  EXC_CRASH (SIGKILL (Code Signature Invalid))", "EXC_CRASH"),
        ("\"termination\" : {\"code\":1,\"namespace\":\"CODESIGNING\"}", "CODESIGNING 1"),
    ];
    for (line, id) in pairs {
        assert!(pages(line).iter().any(|page| page.id == id), "{line}: {:?}", pages(line).iter().map(|p| &p.id).collect::<Vec<_>>());
    }
}

#[test]
fn a_word_with_two_meanings_has_two_pages() {
    let ids: Vec<String> = pages("library-validation").iter().map(|page| page.id.clone()).collect();
    assert_eq!(ids, ["library-validation", "CS_REQUIRE_LV"]);
}

#[test]
fn nonsense_has_no_page() {
    for word in ["", "   ", "\"\"", "xyzzy", "1024 bytes", "99999999999999999999", "0xzz", "-1", "7", "CODESIGNING 99", "flags=", "\u{0}"] {
        assert!(page(word).is_none(), "{word:?}: {:?}", page(word).map(|page| page.id.clone()));
    }
    page(&"a ".repeat(100_000));
    page(&"0".repeat(100_000));
}

// --- numbers of flags

fn decoded(word: &str) -> Page {
    page(word).unwrap_or_else(|| panic!("{word} is not read as flags")).into_owned()
}

#[test]
fn flags_of_a_process_are_read_bit_by_bit() {
    let page = decoded("570503953");
    assert_eq!((page.id.as_str(), page.kind), ("0x22013311", Kind::Flag));
    let names = ["CS_FORCED_LV", "CS_HARD", "CS_KILL", "CS_ENFORCEMENT", "CS_REQUIRE_LV", "CS_RUNTIME", "CS_SIGNED"];
    assert!(names.iter().all(|name| page.related.iter().any(|id| id == name)), "{page:?}");
    assert_eq!(page.more.len(), page.related.len());
    assert_eq!(decoded("0x22013311").id, page.id);
    assert_eq!(decoded("codeSigningFlags: 570503953,").id, page.id);
}

#[test]
fn the_flags_seen_in_public_reports_are_read_right() {
    let cases = [
        ("570425857", "was not hardened"),
        ("16777216", "before it had its flags"),
        ("570425861", "development build"),
        ("570503953", "Unsigned memory may not run. Library validation was on."),
        ("570503957", "development build"),
        ("570495745", "Library validation was off"),
        ("570491649", "allow-unsigned-executable-memory"),
        ("570499089", "disable-executable-page-protection"),
        ("570520337", "provisioning profile"),
        ("587281173", "The kernel ended it"),
    ];
    for (number, words) in cases {
        let page = decoded(number);
        assert!(page.meaning.contains(words), "{number}: {}", page.meaning);
        assert!(page.when.contains("a process"), "{number}: {}", page.when);
    }
}

#[test]
fn flags_of_a_file_are_told_from_those_of_a_process() {
    let page = decoded("flags=0x10002(adhoc,runtime)");
    assert!(page.meaning.contains("with the hardened runtime") && page.meaning.contains("ad hoc"), "{}", page.meaning);
    assert!(page.when.contains("a file") && page.when.contains("0x10002(adhoc,runtime)"), "{}", page.when);
    assert!(decoded("0x20002").meaning.contains("linker"), "{}", decoded("0x20002").meaning);
    assert!(decoded("flags=0x2(adhoc)").meaning.contains("without the hardened runtime"));
}
