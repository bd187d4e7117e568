#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]

use super::*;
use crate::read::cms::practice::tlv;
use std::time::{Duration, Instant};

const JIT: &str = "com.apple.security.cs.allow-jit";

/// A dictionary inside the usual frame; the first character of `inside` stands at 4:1.
fn framed(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\"><dict>\n{inside}\n</dict></plist>\n"
    )
}

fn faults(text: &str) -> Vec<(FaultKind, u32, u32)> {
    read_file(text.as_bytes()).xml_faults.iter().map(|fault| (fault.kind, fault.line, fault.column)).collect()
}

/// Checks the faults of a dictionary with `inside`.
#[track_caller]
fn check(inside: &str, expected: &[(FaultKind, u32, u32)]) {
    assert_eq!(faults(&framed(inside)), expected, "{inside}");
}

#[test]
fn every_type_is_read_in_order() {
    let text = framed(
        "<key>b</key><true/><key>a</key><false />\n<key>s</key><string>x &lt;&amp;&#65;&#x42;</string><key>n</key><integer>-12</integer>\
         <key>h</key><integer>0x10</integer><key>r</key><array><string/><dict><key>k</key><real>1.5</real></dict></array><key>d</key><data>\nAQ==\n</data>",
    );
    let set = read_file(text.as_bytes());
    assert_eq!(set.xml_faults, []);
    let expected = [
        ("b", Value::Bool(true)),
        ("a", Value::Bool(false)),
        ("s", Value::String("x <&AB".to_owned())),
        ("n", Value::Integer(-12)),
        ("h", Value::Integer(16)),
        ("r", Value::Array(vec![Value::String(String::new()), Value::Dict(vec![("k".to_owned(), Value::Other("1.5".to_owned()))])])),
        ("d", Value::Other("AQ==".to_owned())),
    ];
    assert_eq!(set.entries, expected.map(|(key, value)| (key.to_owned(), value)));
}

#[test]
fn a_comment_warns_and_two_hyphens_in_it_are_fatal() {
    check("<!-- fine -->", &[(FaultKind::Comment, 4, 1)]);
    check("<!-- see -- this -->", &[(FaultKind::DoubleHyphenComment, 4, 10)]);
    check("<!-- more --->", &[(FaultKind::Comment, 4, 1)].map(|_| (FaultKind::DoubleHyphenComment, 4, 11)));
    let set = read_file(framed(&format!("<!-- a -- b -->\n<key>{JIT}</key><true/>")).as_bytes());
    assert_eq!(set.entries, []);
    assert_eq!(set.ignored, [(JIT.to_owned(), Value::Bool(true))]);
    let set = read_file(framed(&format!("<!-- a b -->\n<key>{JIT}</key><true/>")).as_bytes());
    assert!(set.is_true(JIT) && set.fatal().is_none());
}

#[test]
fn structure_faults_have_their_place() {
    check("<key>a</key>", &[(FaultKind::Syntax, 4, 1)]);
    check("<key>a</key><key>b</key><true/>", &[(FaultKind::Syntax, 4, 1)]);
    check("<true/>", &[(FaultKind::Syntax, 4, 1)]);
    check("<key>ä</key><bool/>", &[(FaultKind::Syntax, 4, 13)]);
    check("<key>a</key>true", &[(FaultKind::Syntax, 4, 13)]);
    check("<key>a</key><true>", &[(FaultKind::Syntax, 4, 13)]);
    check("<key>a</key><true></true>", &[(FaultKind::Syntax, 4, 13)]);
    check("<key>a</key><string>&copy;</string>", &[(FaultKind::Syntax, 4, 21)]);
    check("<key>a</key><string>& b</string>", &[(FaultKind::Syntax, 4, 21)]);
    check("<key>a</key><integer>ten</integer>", &[(FaultKind::Syntax, 4, 13)]);
    check("<key>a</key><![CDATA[x]]>", &[(FaultKind::Syntax, 4, 13)]);
    check("<key>a</string><true/>", &[(FaultKind::Syntax, 4, 7)]);
    check("<key>a</key><true/\n<key>", &[(FaultKind::Syntax, 4, 13)]);
    check("<!-- open", &[(FaultKind::Syntax, 4, 1)]);
    assert_eq!(faults("<plist><dict/></plist><dict/>"), [(FaultKind::Syntax, 1, 23)]);
    assert_eq!(faults("<plist><dict/>"), [(FaultKind::Syntax, 1, 15)]);
    assert_eq!(faults("<plist><dict>"), [(FaultKind::Syntax, 1, 14)]);
    assert_eq!(faults(""), [(FaultKind::Syntax, 1, 1)]);
    assert_eq!(faults("hello"), [(FaultKind::Syntax, 1, 1)]);
    assert_eq!(faults("<plist><array/></plist>"), [(FaultKind::NotADictionary, 1, 8)]);
}

#[test]
fn keys_are_checked() {
    check(&format!("<key>{JIT}</key><string>true</string>"), &[(FaultKind::WrongType, 4, 43)]);
    check(&format!("<key>{JIT}</key><integer>1</integer>"), &[(FaultKind::WrongType, 4, 43)]);
    check("<key>com.example.any</key><string>true</string>", &[]);
    check("<key>a</key><true/>\n<key>a</key><false/>", &[(FaultKind::DuplicateKey, 5, 1)]);
    check("<key>a </key><true/>", &[(FaultKind::BlankInKey, 4, 1)]);
    let set = read_file(framed(&format!("<key>{JIT}</key><string>true</string><key>o</key><true/>")).as_bytes());
    assert!(!set.is_true(JIT) && set.is_true("o") && set.ignored.is_empty());
    assert_eq!(set.xml_faults[0].detail, JIT);
}

#[test]
fn blanks_and_quotes_of_a_word_processor_are_refused() {
    check(&format!("<key>{JIT}</key>\u{a0}<true/>"), &[(FaultKind::Syntax, 4, 43)]);
    check(&format!("<key>{JIT}</key>\t\r\n<true/>").replace('\r', ""), &[]);
    let quotes = framed(&format!("<key>{JIT}</key><true/>")).replace("<plist version=\"1.0\">", "<plist version=\u{201c}1.0\u{201d}>");
    assert_eq!(faults(&quotes), [(FaultKind::Syntax, 3, 1)]);
}

#[test]
fn line_ends_are_warned_of_once() {
    let text = framed("<key>a</key>\n<true/>").replace('\n', "\r\n");
    assert_eq!(faults(&text), [(FaultKind::CarriageReturn, 1, 39)]);
    assert!(read_file(text.as_bytes()).is_true("a"));
}

#[test]
fn encodings_and_forms_that_amfi_refuses_keep_their_keys_for_display() {
    let text = framed("<key>a</key><true/>");
    let wide: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    let mut binary = Vec::new();
    bounded::read(text.as_bytes()).unwrap().to_writer_binary(&mut binary).unwrap();
    let forms = [
        ([b"\xef\xbb\xbf", text.as_bytes()].concat(), FaultKind::ByteOrderMark),
        (wide, FaultKind::Encoding),
        (binary, FaultKind::BinaryPlist),
    ];
    for (bytes, kind) in forms {
        for set in [read_file(&bytes), read_embedded(Some(&bytes), None)] {
            assert_eq!(set.fatal().map(|fault| fault.kind), Some(kind));
            assert_eq!((set.entries, set.ignored), (vec![], vec![("a".to_owned(), Value::Bool(true))]));
        }
    }
    let old = read_file(b"{ \"com.apple.security.app-sandbox\" = 1; }");
    assert_eq!((old.xml_faults[0].kind, old.ignored.len()), (FaultKind::OldStyle, 1));
    let latin = read_file(
        &framed("<key>a</key><string>?</string>").into_bytes().iter().map(|&b| if b == b'?' { 0xe9 } else { b }).collect::<Vec<_>>(),
    );
    assert!(latin.fatal().is_some_and(|fault| fault.kind == FaultKind::Encoding));
    for text in ["{ a = b; }", "{ a = (b, c); }", "{ \"a\" = \"b, c\"; }", "{ a = b }"] {
        assert!(looks_like_plist(text.as_bytes()), "{text}");
    }
    for text in ["{identifier=com.example.tern, pid=812, auid=501}", "{\"a\": 1}", "{a}"] {
        assert!(!looks_like_plist(text.as_bytes()), "{text}");
    }
}

fn pair(key: &str, value: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&tlv(0x0c, &[key.as_bytes()]), value])
}

fn der_v1(pairs: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x70, &[&[0x02, 0x01, 0x01], &tlv(0xb0, &[&pairs.concat()])])
}

#[test]
fn der_is_read_in_both_forms() {
    let pairs = [
        pair("b", &[0x01, 0x01, 0xff]),
        pair("n", &[0x02, 0x01, 0xfe]),
        pair("s", &tlv(0x0c, &[b"text"])),
        pair("l", &tlv(0x30, &[&tlv(0x0c, &[b"x"])])),
    ];
    let expected = [
        ("b", Value::Bool(true)),
        ("n", Value::Integer(-2)),
        ("s", Value::String("text".to_owned())),
        ("l", Value::Array(vec![Value::String("x".to_owned())])),
    ]
    .map(|(key, value)| (key.to_owned(), value));
    assert_eq!(read_der(&der_v1(&pairs)).unwrap(), expected);
    assert_eq!(read_der(&tlv(0x31, &[&pairs.concat()])).unwrap(), expected);
    let nested = der_v1(&[pair("d", &tlv(0xb0, &[&pairs[0]]))]);
    assert_eq!(read_der(&nested).unwrap(), [("d".to_owned(), Value::Dict(vec![("b".to_owned(), Value::Bool(true))]))]);
}

#[test]
fn the_der_counts_and_a_difference_is_told() {
    let xml = framed("<key>a</key><true/>\n<key>b</key><string>x</string>");
    let same = der_v1(&[pair("b", &tlv(0x0c, &[b"x"])), pair("a", &[0x01, 0x01, 0x01])]);
    let set = read_embedded(Some(xml.as_bytes()), Some(&same));
    assert!(set.has_der && set.der_is_v1 && !set.forms_differ);
    assert_eq!(set.xml.as_deref(), Some(xml.as_bytes()));
    let other = tlv(0x31, &[&pair("a", &[0x01, 0x01, 0x00])]);
    let set = read_embedded(Some(xml.as_bytes()), Some(&other));
    assert!(set.has_der && !set.der_is_v1 && set.forms_differ && !set.is_true("a"));
    // A text that does not parse says nothing, so nothing differs.
    let set = read_embedded(Some(b"<plist>"), Some(&same));
    assert!(set.is_true("a") && !set.forms_differ && set.fatal().is_some());
}

#[test]
fn malformed_der_loses_everything() {
    let xml = framed("<key>a</key><true/>");
    let good = der_v1(&[pair("a", &[0x01, 0x01, 0xff])]);
    for end in 0..good.len() {
        assert!(read_der(&good[..end]).is_err(), "cut at {end}");
    }
    let trailing = [good.as_slice(), &[0x05, 0x00]].concat();
    let version = tlv(0x70, &[&[0x02, 0x01, 0x02], &tlv(0xb0, &[])]);
    for bad in [&trailing, &version, &der_v1(&[pair("a", &[0x05, 0x00])]), &der_v1(&[tlv(0x0c, &[b"a"])])] {
        let set = read_embedded(Some(xml.as_bytes()), Some(bad));
        assert_eq!(set.xml_faults[0].kind, FaultKind::BadDer);
        assert_eq!((set.entries.len(), set.ignored.len()), (0, 1));
    }
}

#[test]
fn hostile_texts_are_quick_faults() {
    let start = Instant::now();
    let deep = format!("<plist>{}", "<dict><key>a</key>".repeat(50_000));
    let arrays = format!("<dict><key>a</key>{}", "<array>".repeat(100_000));
    let many = format!("<dict><key>a</key><array>{}</array></dict>", "<true/>".repeat(100_001));
    for text in [deep, arrays, many] {
        assert_eq!(read_file(text.as_bytes()).xml_faults.iter().filter(|fault| fault.kind == FaultKind::Syntax).count(), 1);
    }
    let comments = format!("<dict>{}</dict>", "<!-- -- -->".repeat(50_000));
    assert_eq!(read_file(comments.as_bytes()).xml_faults.len(), 100);
    let entities = format!("<dict><key>a</key><string>{}</string></dict>", "&amp;".repeat(100_000));
    assert_eq!(read_file(entities.as_bytes()).xml_faults, []);
    assert!(start.elapsed() < Duration::from_secs(10));
    let nested = (0..200).fold(vec![0x01, 0x01, 0xff], |inner, _| tlv(0x30, &[&inner]));
    assert!(read_der(&der_v1(&[pair("a", &nested)])).is_err());
}

#[test]
fn no_truncation_and_no_changed_byte_panics() {
    let text = framed("<!-- é -- -->\n<key>a&amp;</key><true/>\r\n<key>ü</key><array><integer>1</integer></array>").into_bytes();
    for end in 0..text.len() {
        read_file(&text[..end]);
        for flip in [0x01, 0x10, 0x80] {
            let mut changed = text.clone();
            changed[end] ^= flip;
            read_file(&changed);
            read_embedded(Some(&changed), Some(&changed));
        }
    }
}

#[test]
fn property_lists_are_told_from_other_evidence() {
    for plist in [&framed("").into_bytes()[..], b"bplist00", b"\xef\xbb\xbf<plist/>", b"<dict></dict>", b"{ a = 1; }", b"{\n \"a b\" = x;}"]
    {
        assert!(looks_like_plist(plist), "{}", String::from_utf8_lossy(plist));
    }
    for other in
        [&b"{\"app_name\":\"x\"}"[..], b"{ }", b"Process: x", b"", b"<html><body>", b"{\"a=b\": 1}", b"<key>a</key>\n<plist><dict>"]
    {
        assert!(!looks_like_plist(other), "{}", String::from_utf8_lossy(other));
    }
}
