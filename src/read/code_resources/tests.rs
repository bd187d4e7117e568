#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]

use super::*;
use std::time::{Duration, Instant};

/// Apple's default rules of version 2 (`bundlediskrep.cpp defaultResourceRules`).
const DEFAULTS: &str = r"<key>^.*</key><true/>
<key>^[^/]+$</key><dict><key>nested</key><true/><key>weight</key><real>10</real></dict>
<key>^(Frameworks|SharedFrameworks|PlugIns|Plug-ins|XPCServices|Helpers|MacOS|Library/(Automator|Spotlight|LoginItems))/</key>
<dict><key>nested</key><true/><key>weight</key><real>10</real></dict>
<key>.*\.dSYM($|/)</key><dict><key>weight</key><real>11</real></dict>
<key>^(.*/)?\.DS_Store$</key><dict><key>omit</key><true/><key>weight</key><real>2000</real></dict>
<key>^Info\.plist$</key><dict><key>omit</key><true/><key>weight</key><real>20</real></dict>
<key>^PkgInfo$</key><dict><key>omit</key><true/><key>weight</key><real>20</real></dict>
<key>^embedded\.provisionprofile$</key><dict><key>weight</key><real>20</real></dict>
<key>^version\.plist$</key><dict><key>weight</key><integer>20</integer></dict>
<key>^Resources/</key><dict><key>weight</key><real>20</real></dict>
<key>^Resources/.*\.lproj/</key><dict><key>optional</key><true/><key>weight</key><real>1000</real></dict>
<key>^Resources/Base\.lproj/</key><dict><key>weight</key><real>1010</real></dict>
<key>^Resources/.*\.lproj/locversion.plist$</key><dict><key>omit</key><true/><key>weight</key><real>1100</real></dict>";

const FILES: &str = r#"<key>Resources/a.txt</key><dict><key>hash</key><data>AAAAAAAAAAAAAAAAAAAAAAAAAAA=</data>
<key>hash2</key><data>AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=</data></dict>
<key>Frameworks/F.framework</key><dict><key>cdhash</key><data>AQEBAQEBAQEBAQEBAQEBAQEBAQE=</data>
<key>requirement</key><string>identifier F and anchor apple</string></dict>
<key>Resources/en.lproj/x.strings</key><dict><key>hash2</key><data>AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=</data><key>optional</key><true/></dict>
<key>Resources/link</key><dict><key>symlink</key><string>a.txt</string></dict>
<key>Resources/bad</key><dict><key>hash2</key><data>AAAA</data></dict>
<key>Resources/none</key><dict/>
<key>Resources/odd</key><array><string>x</string></array>"#;

fn wrap(parts: &[(&str, &str)]) -> String {
    let parts: String = parts.iter().map(|(key, text)| format!("<key>{key}</key><dict>{text}</dict>")).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict>{parts}</dict></plist>")
}

fn sample() -> String {
    let v1 = "<key>Resources/a.txt</key><data>AAAAAAAAAAAAAAAAAAAAAAAAAAA=</data>";
    wrap(&[("files", v1), ("files2", FILES), ("rules", "<key>^Resources/</key><true/>"), ("rules2", DEFAULTS)])
}

fn parse(text: &str) -> CodeResources {
    read_bytes(text.as_bytes()).unwrap()
}

fn rules(text: &str) -> Rules {
    parse(&wrap(&[("files2", ""), ("rules2", text)])).rules2.unwrap()
}

fn check(seals: &CodeResources) {
    assert_eq!((seals.version(), seals.files_count, seals.files.len()), (2, 1, 0));
    assert_eq!(seals.entries().len(), 7);
    assert_eq!(seals.find("Resources/a.txt").unwrap().seal, Seal::File { sha1: Some([0; 20]), sha256: Some([0; 32]) });
    let nested = Seal::Nested { cdhash: Some([1; 20]), requirement: "identifier F and anchor apple".to_owned() };
    assert_eq!(seals.find("Frameworks/F.framework").unwrap().seal, nested);
    assert!(seals.find("Resources/en.lproj/x.strings").unwrap().optional);
    assert_eq!(seals.find("Resources/link").unwrap().seal, Seal::Symlink("a.txt".to_owned()));
    for path in ["Resources/bad", "Resources/none", "Resources/odd"] {
        assert!(matches!(seals.find(path).unwrap().seal, Seal::Malformed(_)), "{path}");
    }
    assert!(seals.find("Resources/other").is_none());
    assert_eq!(seals.rules2.as_ref().unwrap().rules.len(), 13);
    assert!(!seals.has_weak_rules());
}

#[test]
fn xml_and_binary_say_the_same() {
    check(&parse(&sample()));
    let mut binary = Vec::new();
    plist::Value::from_reader_xml(sample().as_bytes()).unwrap().to_writer_binary(&mut binary).unwrap();
    check(&read_bytes(&binary).unwrap());
    check(&read(&binary).unwrap());
}

#[test]
fn default_rules_sort_paths_as_apples_signer_does() {
    let rules = rules(DEFAULTS);
    assert_eq!(rules.unsupported().count(), 0);
    for (path, expected) in [
        ("Resources/a.txt", Class::Required),
        ("Resources/en.lproj/x.strings", Class::Optional),
        ("Resources/Base.lproj/x.nib", Class::Required),
        ("Resources/en.lproj/locversion.plist", Class::Omitted),
        ("Resources/.DS_Store", Class::Omitted),
        (".DS_Store", Class::Omitted),
        ("Resources/x.DS_Store", Class::Required),
        ("Info.plist", Class::Omitted),
        ("Info.plists", Class::Nested),
        ("PkgInfo", Class::Omitted),
        ("version.plist", Class::Required),
        ("embedded.provisionprofile", Class::Required),
        ("MacOS/helper", Class::Nested),
        ("MacOSX/helper", Class::Required),
        ("Library/LoginItems/x", Class::Nested),
        ("Library/Other/x", Class::Required),
        ("MacOS/helper.dSYM/Contents/Info.plist", Class::Required),
        ("stray", Class::Nested),
        ("_CodeSignature/CodeResources", Class::Omitted),
        ("_CodeSignature2/x", Class::Required),
        ("_MASReceipt/receipt", Class::Omitted),
        ("CodeResources", Class::Omitted),
    ] {
        assert_eq!(rules.classify(path, false), expected, "{path}");
    }
    assert_eq!(rules.classify("MacOS/link", true), Class::Required);
    let rules = Rules { executable: Some("MacOS/App".to_owned()), ..rules };
    assert_eq!(rules.classify("MacOS/App", false), Class::Omitted);
    assert_eq!(rules.classify("MacOS/App2", false), Class::Nested);
}

#[test]
fn a_folder_with_a_dot_in_a_code_place_is_nested_code() {
    let rules = rules(DEFAULTS);
    for (path, expected) in [
        ("Frameworks/F.framework", Folder::Nested),
        ("Frameworks/plain", Folder::Open),
        ("Resources/x.bundle", Folder::Open),
        ("Frameworks", Folder::Open),
        ("MacOS/x.dSYM", Folder::Open),
        ("_CodeSignature", Folder::Excluded),
    ] {
        assert_eq!(rules.classify_folder(path), expected, "{path}");
    }
}

#[test]
fn a_path_that_no_rule_matches_is_not_sealed() {
    let rules = rules("<key>^Resources/</key><true/><key>^x$</key><false/>");
    assert_eq!(rules.classify("MacOS/x", false), Class::Omitted);
    assert_eq!(rules.classify("x", false), Class::Omitted);
    assert_eq!(rules.classify("Resources/x", false), Class::Required);
}

#[test]
fn what_cannot_be_known_is_said_and_not_guessed() {
    let odd = |weight| {
        format!("<key>^.*</key><true/><key>^a{{2}}$</key><dict><key>omit</key><true/><key>weight</key><integer>{weight}</integer></dict>")
    };
    let heavy = rules(&odd(5));
    assert_eq!(heavy.unsupported().count(), 1);
    assert_eq!(heavy.classify("anything", false), Class::Unknown);
    assert_eq!(rules(&odd(0)).classify("anything", false), Class::Required);
    let tie = rules("<key>^a</key><true/><key>b$</key><dict><key>omit</key><true/></dict>");
    assert_eq!(tie.classify("ab", false), Class::Unknown);
    assert_eq!(tie.classify("a", false), Class::Required);
    assert_eq!(tie.classify("b", false), Class::Omitted);
}

#[test]
fn custom_omit_rules_and_a_missing_catch_all_are_weak() {
    let weak = |text: &str| parse(&wrap(&[("files2", ""), ("rules2", text)])).has_weak_rules();
    assert!(!weak("<key>^.*</key><true/><key>^PkgInfo$</key><dict><key>omit</key><true/></dict>"));
    assert!(weak("<key>^.*</key><true/><key>^Resources/data/</key><dict><key>omit</key><true/></dict>"));
    assert!(weak("<key>^.*</key><true/><key>^Resources/data/</key><false/>"));
    assert!(weak("<key>^Resources/</key><true/>"));
    assert!(weak("<key>^.*</key><dict><key>weight</key><integer>1</integer></dict>"));
    assert!(parse(&wrap(&[("files2", "")])).has_weak_rules());
}

#[test]
fn without_files2_it_is_a_version_1_envelope() {
    let file = "<key>Resources/b</key><data>AAAAAAAAAAAAAAAAAAAAAAAAAAA=</data><key>Resources/a</key><data>AAAA</data>";
    let seals = parse(&wrap(&[("files", file), ("rules", "<key>^Resources/</key><true/><key>^version.plist$</key><true/>")]));
    assert_eq!((seals.version(), seals.files_count, seals.has_weak_rules()), (1, 2, false));
    assert_eq!(seals.find("Resources/b").unwrap().seal, Seal::File { sha1: Some([0; 20]), sha256: None });
    assert!(matches!(seals.find("Resources/a").unwrap().seal, Seal::Malformed(_)));
    assert_eq!(seals.active_rules().unwrap().classify("versionplist", false), Class::Omitted);
    assert_eq!(seals.active_rules().unwrap().classify("versionXplist", false), Class::Required);
}

#[test]
fn a_path_that_stands_twice_keeps_its_last_seal_and_is_a_fault() {
    let twice =
        "<key>a</key><dict><key>symlink</key><string>1</string></dict><key>a</key><dict><key>symlink</key><string>2</string></dict>";
    let seals = parse(&wrap(&[("files2", twice)]));
    assert_eq!(seals.entries().len(), 1);
    assert_eq!(seals.find("a").unwrap().seal, Seal::Symlink("2".to_owned()));
    assert_eq!(seals.faults.len(), 1);
}

#[test]
fn patterns_match_as_posix_extended_expressions() {
    for (pattern, yes, no) in [
        ("b", "abc", "ac"),
        ("^ab*c$", "abbbc", "abd"),
        ("^ab+$", "abb", "a"),
        ("^ab?$", "a", "abb"),
        ("^(a|b|cd)+$", "abcdba", "abc"),
        ("^[a-c_]+$", "abc_", "abd"),
        ("^[]x]$", "]", "y"),
        ("^[^]x]$", "y", "]"),
        ("^[a-]$", "-", "b"),
        (r"^[\.]$", r"\", "a"),
        ("^[[:digit:][:upper:]]+$", "A1", "a1"),
        (r"^\.\*\(\)$", ".*()", "x*()"),
        ("^(.*/)?x$", "a/b/x", "ax"),
        ("(^|/)x($|/)", "a/x/b", "a/xx/b"),
        ("^((a*)*)*b$", "aaaaaaaab", "aaaaaaaac"),
        ("a*^b", "bc", "ab"),
        ("(x$|^b)c?", "ax", "axb"),
        ("é", "caf\u{e9}", "cafe"),
    ] {
        let compiled = Pattern::parse(pattern).unwrap();
        assert_eq!(compiled.is_match(yes.as_bytes()), Some(true), "{pattern} on {yes}");
        assert_eq!(compiled.is_match(no.as_bytes()), Some(false), "{pattern} on {no}");
    }
    for pattern in
        ["", "a{2}", "(a", "a)", "[a", r"\d", r"(a)\1", "*a", "a**", "a+?", "^*", "(|a)", "a||b", "[[.x.]]", "[z-a]", r"a\", r"\<a", "[é]"]
    {
        assert!(Pattern::parse(pattern).is_none(), "{pattern}");
    }
}

#[test]
fn hostile_patterns_and_paths_end_quickly() {
    let start = Instant::now();
    let nested = format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(Pattern::parse(&nested).is_none());
    let stars = format!("^{}b$", "(a*)".repeat(1000));
    let pattern = Pattern::parse(&stars).unwrap();
    assert_eq!(pattern.is_match("a".repeat(100_000).as_bytes()), None);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn hostile_lists_are_errors() {
    for text in ["", "x", "<plist><array/></plist>", "<plist><dict><key>files2</key>", "<plist><dict><string>x</string></dict></plist>"] {
        assert!(read_bytes(text.as_bytes()).is_err(), "{text}");
    }
    let deep = format!("<plist><dict><key>other</key>{}", "<array>".repeat(100_000));
    assert!(read_bytes(deep.as_bytes()).unwrap_err().what.contains("nested too deeply"));
    let many: String = (0..1001).map(|number| format!("<key>^{number}</key><true/>")).collect();
    assert!(read_bytes(wrap(&[("rules", &many)]).as_bytes()).unwrap_err().what.contains("too many rules"));
    let wrong = parse(
        "<plist><dict><key>files2</key><string>x</string><key>rules2</key><dict><key>a</key><string>b</string></dict></dict></plist>",
    );
    assert_eq!((wrong.version(), wrong.faults.len()), (1, 2));
}

#[test]
fn a_file_longer_than_one_step_is_streamed() {
    let files: String =
        (0..5000).rev().map(|n| format!("<key>Resources/{n:05}</key><dict><key>symlink</key><string>{n}</string></dict>")).collect();
    let text = wrap(&[("files2", &files), ("rules2", DEFAULTS)]);
    assert!(text.len() > 300_000);
    let seals = parse(&text);
    assert_eq!(seals.entries().len(), 5000);
    assert_eq!(seals.find("Resources/04321").unwrap().seal, Seal::Symlink("4321".to_owned()));
}

#[test]
fn no_truncation_and_no_changed_byte_panics() {
    let text = sample();
    let mut binary = Vec::new();
    plist::Value::from_reader_xml(text.as_bytes()).unwrap().to_writer_binary(&mut binary).unwrap();
    for bytes in [text.as_bytes(), &binary] {
        for end in (0..bytes.len()).step_by(3) {
            let _ = read_bytes(&bytes[..end]);
            let mut changed = bytes.to_vec();
            changed[end] ^= 0x41;
            let _ = read_bytes(&changed);
        }
    }
}
