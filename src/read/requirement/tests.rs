#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]

use super::*;
use crate::read::cms::practice::{AUTHORITY, LEAF, ROOT, certificate, signed_data};
use crate::read::cms::{self, Certificate, TrustAnchors};
use crate::read::entitlements::Value;

/// Bytecode written word by word, as `csreq` compiles it.
#[derive(Default, Clone)]
struct Code(Vec<u8>);

impl Code {
    fn word(mut self, word: u32) -> Self {
        self.0.extend(word.to_be_bytes());
        self
    }

    fn data(mut self, bytes: &[u8]) -> Self {
        self = self.word(bytes.len() as u32);
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    fn text(self, text: &str) -> Self {
        self.data(text.as_bytes())
    }

    fn oid(self, dotted: &str) -> Self {
        self.data(&cms::practice::oid(dotted)[2..])
    }

    fn then(mut self, other: Code) -> Self {
        self.0.extend(other.0);
        self
    }

    fn blob(&self) -> Vec<u8> {
        let header = [0xfade_0c00, self.0.len() as u32 + 12, 1].map(u32::to_be_bytes).concat();
        [header, self.0.clone()].concat()
    }

    fn read(&self) -> Requirement {
        read(&self.blob()).unwrap()
    }
}

fn op(code: u32) -> Code {
    Code::default().word(code)
}

fn identifier(text: &str) -> Code {
    op(2).text(text)
}

fn and(left: Code, right: Code) -> Code {
    op(6).then(left).then(right)
}

fn or(left: Code, right: Code) -> Code {
    op(7).then(left).then(right)
}

fn extension(slot: i32, oid: &str) -> Code {
    op(14).word(slot as u32).oid(oid).word(0)
}

fn unit(team: &str) -> Code {
    op(11).word(0).text("subject.OU").word(1).text(team)
}

/// The requirement Apple's signer makes for Developer ID (`drmaker.cpp`).
fn developer_id(name: &str, team: &str) -> Code {
    let issuer = extension(1, "1.2.840.113635.100.6.2.6");
    let leaf = extension(0, "1.2.840.113635.100.6.1.13");
    and(and(and(and(identifier(name), op(15)), issuer), leaf), unit(team))
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn check(code: &Code, expected: &str) {
    assert_eq!(code.read().to_string(), expected);
}

/// Output of `codesign --display -r-` for Kaleidoscope.app: github.com/autopkg/hjuutilainen-recipes, issue 22.
#[test]
fn a_developer_id_requirement_is_printed_as_codesign_prints_it() {
    check(
        &developer_id("com.blackpixel.kaleidoscope", "432ZXYXDNY"),
        "identifier \"com.blackpixel.kaleidoscope\" and anchor apple generic and certificate 1[field.1.2.840.113635.100.6.2.6] /* exists */ \
         and certificate leaf[field.1.2.840.113635.100.6.1.13] /* exists */ and certificate leaf[subject.OU] = \"432ZXYXDNY\"",
    );
}

/// Output of `codesign -d -r-` for a Developer ID app: mac.tightenapp.com, “Apple Codesigning Certificates”, June 2012. `and` binds tighter than `or`.
#[test]
fn parentheses_stand_only_where_precedence_needs_them() {
    let store = extension(0, "1.2.840.113635.100.6.1.9");
    let web = and(and(extension(1, "1.2.840.113635.100.6.2.6"), extension(0, "1.2.840.113635.100.6.1.13")), unit("MQK467HD9A"));
    let code = and(and(op(15), identifier("com.genkiyooka.developerid")), or(store, web));
    check(
        &code,
        "anchor apple generic and identifier \"com.genkiyooka.developerid\" and (certificate leaf[field.1.2.840.113635.100.6.1.9] /* exists */ \
         or certificate 1[field.1.2.840.113635.100.6.2.6] /* exists */ and certificate leaf[field.1.2.840.113635.100.6.1.13] /* exists */ \
         and certificate leaf[subject.OU] = MQK467HD9A)",
    );
    check(&op(9).then(and(op(1), op(0))), "! (always and never)");
    check(&op(9).then(or(op(1), op(0))), "! (always or never)");
    check(&or(or(op(1), op(0)), op(9).then(op(3))), "always or never or ! anchor apple");
}

/// `codesign -d -r-` of a self-signed tool, and of the same with a certificate the Mac trusts: github.com/trycua/cua, issue 3799.
#[test]
fn a_certificate_hash_names_the_leaf_or_the_root() {
    let digest = [0xab; 20];
    let text = format!("H\"{}\"", "ab".repeat(20));
    check(&and(identifier("probe"), op(4).word(0).data(&digest)), &format!("identifier probe and certificate leaf = {text}"));
    check(&and(identifier("probe2"), op(4).word(u32::MAX).data(&digest)), &format!("identifier probe2 and certificate root = {text}"));
    check(&op(8).data(&digest), &format!("cdhash {text}"));
}

/// Blobs and texts of the tests of github.com/blacktop/go-macho, `pkg/codesign/types`, and the form `csreq` prints (` absent ` has a blank too many).
#[test]
fn blobs_of_newer_opcodes_are_printed() {
    for (blob, text) in [
        ("fade0c00000000100000000100000015", "notarized"),
        ("fade0c0000000014000000010000001400000001", "platform = 1"),
        ("fade0c00000000100000000100000017", "legacy"),
        ("fade0c000000001c000000010000000a00000003666f6f000000000e", "info[foo] absent "),
        (
            "fade0c00000000300000000100000016000000000000000a2a864886f7636406010900000000000d000000002b423800",
            "certificate leaf[timestamp.1.2.840.113635.100.6.1.9] >= <2024-01-01 00:00:00 +0000>",
        ),
    ] {
        assert_eq!(read(&hex(blob)).unwrap().to_string(), text);
    }
}

#[test]
fn words_are_quoted_when_the_grammar_needs_it_and_bytes_become_hexadecimal() {
    for (value, text) in [
        ("abc123", "abc123"),
        ("com.example", "\"com.example\""),
        ("10", "\"10\""),
        ("anchor", "\"anchor\""),
        ("a\"b\\c", "\"a\\\"b\\\\c\""),
        ("a b\n", "\"a b\n\""),
        ("", "\"\""),
        ("\0é", "0x00c3a9"),
    ] {
        check(&identifier(value), &format!("identifier {text}"));
    }
    check(&op(10).text("a.b").word(1).text("x"), "info[a.b] = x");
    check(&op(10).text("a-b").word(0), "info[\"a-b\"] /* exists */");
}

#[test]
fn every_opcode_and_every_comparison_has_its_syntax() {
    check(&op(5).text("key").text("v"), "info[key] = v");
    check(&op(12).word(0), "certificate leaftrusted");
    check(&op(13), "anchor trusted");
    check(&op(16).text("com.apple.security.app-sandbox").word(0), "entitlement[\"com.apple.security.app-sandbox\"] /* exists */");
    check(&op(17).word((-2_i32) as u32).oid("1.2.3").word(14), "certificate -2[policy.1.2.3] absent ");
    check(&op(18).text("iphone"), "anchor apple iphone");
    check(&op(19).text("named"), "(named)");
    for (number, text) in [(1, "= v"), (2, "~ v"), (3, "= v*"), (4, "= *v"), (5, "< v"), (6, "> v"), (7, "<= v"), (8, ">= v")] {
        check(&op(10).text("k").word(number).text("v"), &format!("info[k] {text}"));
    }
    for (number, sign) in [(9, "="), (10, "<"), (11, ">"), (12, "<="), (13, ">=")] {
        check(&op(10).text("k").word(number).word(0).word(0), &format!("info[k] {sign} <2001-01-01 00:00:00 +0000>"));
    }
    check(&op(10).text("k").word(99).text("v"), "info[k]MATCH OPCODE 99 NOT UNDERSTOOD");
    check(&op(0x8000_1234).data(b"1234"), "false /* opcode 4660 */");
    check(&op(0x4000_1234).data(b"1234").then(op(1)), "/* opcode 4660 */ always");
    check(&op(0x8000_0003), "anchor apple");
}

#[test]
fn a_set_is_printed_line_by_line() {
    let (host, designated) = (op(3).blob(), identifier("a.b").blob());
    let header = [0xfade_0c01, 28 + (host.len() + designated.len()) as u32, 2, 1, 28, 3, 28 + host.len() as u32].map(u32::to_be_bytes);
    let bytes = [header.concat(), host, designated].concat();
    let set = read_set(&bytes).unwrap();
    assert_eq!(set.to_string(), "host => anchor apple\ndesignated => identifier \"a.b\"\n");
    assert_eq!(set.designated().unwrap().to_string(), "identifier \"a.b\"");
    assert!(read_set(&[0xfade_0c01_u32, 12, 0].map(u32::to_be_bytes).concat()).unwrap().entries.is_empty());
}

#[test]
fn damaged_programs_are_errors() {
    assert!(read(&op(0x1234).blob()).unwrap_err().what.contains("opcode"));
    assert!(read(&op(6).then(op(1)).blob()).unwrap_err().what.contains("cut off"));
    assert!(read(&op(4).word(0).data(&[0; 19]).blob()).unwrap_err().what.contains("20 bytes"));
    assert!(read(&op(2).word(u32::MAX).blob()).is_err());
    let mut other = op(1).blob();
    other[11] = 9;
    assert!(read(&other).unwrap_err().what.contains("kind 9"));
    other[3] = 1;
    assert!(read(&other).unwrap_err().what.contains("magic"));
}

/// `reqinterp.h stackLimit`: 999 expressions within each other are the most.
#[test]
fn nesting_has_apples_limit_and_never_the_stacks() {
    let nested = |count: u32| (1..count).map(|_| op(9)).fold(Code::default(), Code::then).then(op(1));
    let deep = nested(999).read();
    assert_eq!(deep.evaluate(&Facts::default()), Verdict::True);
    assert!(deep.to_string().ends_with("! ! always"));
    assert!(read(&nested(1000).blob()).unwrap_err().what.contains("nested too deeply"));
    let skips = (0..999).map(|_| op(0x4000_0100).data(b"")).fold(Code::default(), Code::then).then(op(1));
    assert!(read(&skips.blob()).is_err());
    let long = (0..900).fold(op(1), |code, _| and(code, op(1)));
    assert_eq!(long.read().to_string().matches(" and ").count(), 900);
}

#[test]
fn no_truncation_and_no_changed_byte_panics() {
    let bytes = developer_id("com.example.app", "TEAM123456").blob();
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end]).is_err());
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[end] ^= 1 << bit;
            if let Ok(requirement) = read(&changed) {
                let _ = (requirement.to_string(), requirement.evaluate(&Facts::default()));
            }
            let _ = read_set(&changed);
        }
    }
}

fn chain() -> Vec<Certificate> {
    let directory = [0x5a; 100];
    let certificates = [certificate(LEAF), certificate(AUTHORITY)];
    let cms = cms::read(&signed_data(&directory, LEAF, &certificates), &[&directory]).unwrap();
    let anchors = TrustAnchors { extra: vec![cms::read_anchor(&certificate(ROOT)).unwrap()] };
    cms::trusted_chain(&cms.chain, &anchors).certificates
}

fn verdict(code: &Code, facts: &Facts<'_>) -> Option<bool> {
    match code.read().evaluate(facts) {
        Verdict::True => Some(true),
        Verdict::False(_) => Some(false),
        Verdict::Unknown(_) => None,
    }
}

#[test]
fn a_developer_id_requirement_holds_for_its_own_code_and_for_no_other() {
    let chain = chain();
    assert_eq!(chain.len(), 3);
    let code = developer_id("com.example.app", "TEAM123456");
    let facts = Facts {
        identifier: Some("com.example.app"),
        chain: &chain,
        chain_is_complete: true,
        ends_in_apple_root: Some(true),
        ..Facts::default()
    };
    assert_eq!(code.read().evaluate(&facts), Verdict::True);
    let renamed = Facts { identifier: Some("com.example.other"), ..facts };
    assert_eq!(code.read().evaluate(&renamed), Verdict::False("identifier \"com.example.app\"".to_owned()));
    let foreign = Facts { ends_in_apple_root: Some(false), ..facts };
    assert_eq!(code.read().evaluate(&foreign), Verdict::False("anchor apple generic".to_owned()));
    assert_eq!(verdict(&code, &Facts { ends_in_apple_root: None, ..facts }), None);
    let other_team = developer_id("com.example.app", "OTHER");
    assert_eq!(other_team.read().evaluate(&facts), Verdict::False("certificate leaf[subject.OU] = OTHER".to_owned()));
    assert_eq!(verdict(&code, &Facts { chain: &[], ..facts }), Some(false));
}

#[test]
fn slots_count_from_the_leaf_and_from_the_root() {
    let chain = chain();
    let facts = Facts { chain: &chain, chain_is_complete: true, ..Facts::default() };
    let marker = |slot| extension(slot, "1.2.840.113635.100.6.2.6");
    let answers = [-4, -3, -2, -1, 0, 1, 2, 3].map(|slot| verdict(&marker(slot), &facts));
    assert_eq!(answers, [false, false, true, false, false, true, false, false].map(Some));
    let cut = Facts { chain: &chain[..2], chain_is_complete: false, ..facts };
    let answers = [-1, 0, 1, 2].map(|slot| verdict(&marker(slot), &cut));
    assert_eq!(answers, [None, Some(false), Some(true), None]);
    let hash = |der: &[u8]| op(4).word(u32::MAX).data(&<sha1::Sha1 as sha1::Digest>::digest(der));
    assert_eq!(verdict(&hash(&certificate(ROOT)), &facts), Some(true));
    assert_eq!(verdict(&hash(&certificate(LEAF)), &facts), Some(false));
}

#[test]
fn three_valued_logic_never_guesses() {
    let (yes, no, unknown) = (|| op(1), || op(0), || op(13));
    let chain = chain();
    let facts = Facts { chain: &chain, ..Facts::default() };
    for (code, expected) in [
        (and(yes(), unknown()), None),
        (and(unknown(), no()), Some(false)),
        (or(unknown(), yes()), Some(true)),
        (or(no(), unknown()), None),
        (op(9).then(unknown()), None),
        (op(9).then(no()), Some(true)),
        (op(9).then(yes()), Some(false)),
        (and(op(9).then(no()), or(no(), yes())), Some(true)),
        (op(0x8000_0100).data(b"four"), Some(false)),
        (op(0x4000_0100).data(b"four").then(yes()), Some(true)),
        (op(18).text("name"), None),
        (op(21), None),
    ] {
        assert_eq!(verdict(&code, &facts), expected, "{}", code.read());
    }
    assert_eq!(verdict(&op(21), &Facts { notarized: Some(true), ..facts }), Some(true));
}

#[test]
fn cdhashes_and_the_platform_are_compared() {
    let hashes = [[1; 20], [2; 20]];
    let facts = Facts { cdhashes: &hashes, platform: Some(1), ..Facts::default() };
    assert_eq!(verdict(&op(8).data(&[2; 20]), &facts), Some(true));
    assert_eq!(verdict(&op(8).data(&[3; 20]), &facts), Some(false));
    assert_eq!(verdict(&op(20).word(1), &facts), Some(true));
    assert_eq!(verdict(&op(20).word(2), &facts), Some(false));
    // Code of a platform may stand in the trust cache; third-party code never does.
    assert_eq!(verdict(&op(3), &facts), None);
    assert_eq!(verdict(&op(3), &Facts { platform: Some(0), ..facts }), Some(false));
}

#[test]
fn values_of_info_plist_and_entitlements_are_compared_by_type() {
    let info = info_values(
        "<plist><dict><key>v</key><string>10.9.1</string><key>off</key><false/><key>n</key><integer>3</integer>\
         <key>list</key><array><string>one</string><string>two</string></array></dict></plist>"
            .as_bytes(),
    )
    .unwrap();
    let facts = Facts { info: Some(&info), entitlements: Some(&[]), ..Facts::default() };
    let field = |key: &str, number: u32, value: &str| op(10).text(key).word(number).text(value);
    for (code, expected) in [
        (field("v", 1, "10.9.1"), true),
        (field("v", 5, "10.10"), true),
        (field("v", 6, "10.10"), false),
        (field("v", 7, "10.09.1"), true),
        (field("v", 8, "10.9"), true),
        (field("v", 2, ".9."), true),
        (field("v", 3, "10."), true),
        (field("v", 4, "9.1"), true),
        (field("v", 4, "10.9.1.1"), false),
        (field("list", 1, "two"), true),
        (field("list", 1, "three"), false),
        (field("n", 1, "3"), false),
        (op(10).text("n").word(0), true),
        (op(10).text("off").word(0), false),
        (op(10).text("off").word(14), false),
        (op(10).text("none").word(14), true),
        (op(16).text("none").word(14), true),
        (op(16).text("none").word(0), false),
    ] {
        assert_eq!(verdict(&code, &facts), Some(expected), "{}", code.read());
    }
    assert_eq!(verdict(&field("v", 1, "10.9.1"), &Facts::default()), None);
    let sandboxed = [("com.apple.security.app-sandbox".to_owned(), Value::Bool(true))];
    let facts = Facts { entitlements: Some(&sandboxed), ..facts };
    assert_eq!(verdict(&op(16).text("com.apple.security.app-sandbox").word(0), &facts), Some(true));
}

/// What is printed compiles to the same program, comments and the two slips of Apple's printer aside.
#[test]
fn texts_compile_to_the_program_they_were_printed_from() {
    let hash = [0xab; 20];
    for code in [
        developer_id("com.example.app", "432ZXYXDNY"),
        and(op(15), or(extension(0, "1.2.3"), and(unit("A"), op(9).then(or(op(1), op(0)))))),
        or(or(op(8).data(&hash), op(8).data(&[1; 20])), op(4).word(u32::MAX).data(&hash)),
        and(and(and(op(3), op(13)), op(20).word(7)), op(21)),
        and(op(18).text("iphone"), or(op(19).text("named"), op(23))),
        op(10).text("a b").word(2).text("x\"y\\z"),
        op(10).text("k").word(3).text("v"),
        op(10).text("k").word(4).text("v"),
        op(10).text("k").word(7).text("10.9"),
        op(10).text("k").word(1).data(&[0, 255]),
        op(16).text("com.apple.security.app-sandbox").word(0),
        op(11).word((-2_i32) as u32).text("subject.CN").word(14),
        op(17).word(1).oid("1.2.840.113635.100.5.1").word(0),
    ] {
        let requirement = code.read();
        assert_eq!(parse(&requirement.to_string()).unwrap(), requirement, "{requirement}");
    }
}

#[test]
fn other_spellings_of_the_grammar_compile() {
    for (text, printed) in [
        ("cert leaf[extension.1.2.3] exists", "certificate leaf[field.1.2.3] /* exists */"),
        ("anchor generic apple # note", "anchor apple generic"),
        ("anchor = H\"abababababababababababababababababababab\"", "certificate root = H\"abababababababababababababababababababab\""),
        ("identifier = com.apple.Safari;", "identifier \"com.apple.Safari\""),
        ("info[k] = *v*", "info[k] ~ v"),
        ("info [ k ] == \"v\"", "info[k] = v"),
        ("! true or false // end", "! always or never"),
        ("cert 1 trusted", "certificate 1trusted"),
        (
            "certificate leaf[timestamp.1.2.840.113635.100.6.1.33] < timestamp \"20190408000000Z\"",
            "certificate leaf[timestamp.1.2.840.113635.100.6.1.33] < <2019-04-08 00:00:00 +0000>",
        ),
    ] {
        assert_eq!(parse(text).unwrap().to_string(), printed);
    }
}

#[test]
fn texts_that_are_no_requirement_are_errors_with_a_place() {
    assert_eq!(parse("anchor apple and unknown").unwrap_err().offset, 24);
    for text in [
        "",
        "and",
        "identifier",
        "identifier anchor",
        "anchor",
        "cdhash H\"ab\"",
        "cdhash H\"a",
        "info[k",
        "info[k] <",
        "(true",
        "true)",
        "true false",
        "/* x",
        "identifier \"x",
        "certificate leaf[other] exists",
        "certificate leaf[field.x]",
        "platform = 99999999999",
        "certificate leaf = /a/b",
        "é",
        "info[k] < timestamp \"x\"",
        "identifier 0xabc",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    assert!(parse(&"(".repeat(60_000)).is_err());
    assert!(parse(&"! ".repeat(30_000)).is_err());
    assert!(parse(&vec!["true"; 1000].join(" and ")).unwrap_err().what.contains("nested too deeply"));
    assert!(parse(&vec!["true"; 999].join(" and ")).is_ok());
}

#[test]
fn no_cut_text_panics() {
    let text = developer_id("com.example.app", "TEAM123456").read().to_string() + " or info[é] = *\"ü\"* and ! (x)";
    for (end, _) in text.char_indices() {
        let _ = parse(&text[..end]);
        let _ = parse(&text[end..]);
    }
}
