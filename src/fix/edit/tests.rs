#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n";
const JIT: &str = "com.apple.security.cs.allow-jit";
const CAMERA: &str = "com.apple.security.device.camera";

fn file(body: &str) -> String {
    format!("{HEAD}{body}\n</plist>\n")
}

fn add(text: &str, keys: &[&str]) -> String {
    change(text, keys, &[])
}

fn change(text: &str, add: &[&str], remove: &[&str]) -> String {
    let strings = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
    edit(text, &Edits { add: strings(add), remove: strings(remove) }).unwrap().text
}

fn fault_of(text: &str) -> FaultKind {
    match edit(text, &Edits { add: vec![JIT.into()], remove: Vec::new() }) {
        Err(EditError::Fault(fault)) => fault.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_goes_before_the_end_in_the_files_own_indentation() {
    for indent in ["\t", "  ", "    ", ""] {
        let text = file(&format!("<dict>\n{indent}<key>a</key>\n{indent}<string>x</string>\n</dict>"));
        let expected =
            file(&format!("<dict>\n{indent}<key>a</key>\n{indent}<string>x</string>\n{indent}<key>{JIT}</key>\n{indent}<true/>\n</dict>"));
        assert_eq!(add(&text, &[JIT]), expected);
    }
}

#[test]
fn key_and_value_on_one_line_stay_so() {
    let text = file("  <dict>\n    <key>a</key> <true/>\n  </dict>");
    assert_eq!(add(&text, &[JIT]), file(&format!("  <dict>\n    <key>a</key> <true/>\n    <key>{JIT}</key><true/>\n  </dict>")));
}

#[test]
fn crlf_stays_crlf() {
    let text = file("<dict>\n\t<key>a</key>\n\t<true/>\n</dict>").replace('\n', "\r\n");
    let changed = add(&text, &[JIT]);
    assert_eq!(changed.matches('\n').count(), changed.matches("\r\n").count());
    assert!(changed.contains(&format!("\t<key>{JIT}</key>\r\n\t<true/>\r\n</dict>\r\n")));
    assert_eq!(change(&changed, &[], &[JIT]), text);
}

#[test]
fn one_line_stays_one_line() {
    let text = "<plist version=\"1.0\"><dict><key>a</key><true/></dict></plist>";
    let changed = add(text, &[JIT, CAMERA]);
    assert_eq!(
        changed,
        format!("<plist version=\"1.0\"><dict><key>a</key><true/><key>{JIT}</key><true/><key>{CAMERA}</key><true/></dict></plist>")
    );
    assert_eq!(change(&changed, &[], &[CAMERA, JIT]), text);
}

#[test]
fn an_empty_root_expands() {
    let expected = file(&format!("<dict>\n\t<key>{JIT}</key>\n\t<true/>\n</dict>"));
    for root in ["<dict/>", "<dict />", "<dict></dict>", "<dict>\n</dict>"] {
        assert_eq!(add(&file(root), &[JIT]), expected, "{root}");
    }
    assert_eq!(add(&file("  <dict/>"), &[JIT]), file(&format!("  <dict>\n  \t<key>{JIT}</key>\n  \t<true/>\n  </dict>")));
}

#[test]
fn false_becomes_true_in_its_place() {
    let text = file(&format!("<dict>\n\t<key>{JIT}</key>\n\t<false/> <!-- off -->\n\t<key>b</key>\n\t<true/>\n</dict>"));
    assert_eq!(add(&text, &[JIT]), text.replace("<false/>", "<true/>"));
}

#[test]
fn what_is_true_already_changes_nothing() {
    let text = file(&format!("<dict>\n\t<key>{JIT}</key>\n\t<true/>\n</dict>"));
    let edited = edit(&text, &Edits { add: vec![JIT.into(), JIT.into()], remove: vec!["absent".into()] }).unwrap();
    assert_eq!((edited.text.as_str(), edited.diff.as_str()), (text.as_str(), ""));
}

#[test]
fn comments_spacing_and_unknown_values_stay_byte_for_byte() {
    let body = "<dict>\n\n\t<!-- why -->\n\t<key>x &amp; y</key>   <array>\n\t\t<dict><key>k</key><data>AAE=</data></dict>\n\t</array>\n\n\t<!-- </dict> is no end here -->\n</dict>";
    let changed = add(&file(body), &[JIT]);
    assert_eq!(changed, file(&body.replace("here -->\n", &format!("here -->\n\t<key>{JIT}</key><true/>\n"))));
    assert_eq!(change(&changed, &[], &[JIT]), file(body));
    let without = change(&file(body), &[], &["x & y"]);
    assert_eq!(without, file("<dict>\n\n\t<!-- why -->\n\n\t<!-- </dict> is no end here -->\n</dict>"));
}

#[test]
fn a_removed_entry_takes_its_lines_and_nothing_else() {
    let text = file("<dict>\n\t<key>a</key>\n\t<true/>\n\t<key>b</key>\n\t<true/> <!-- kept -->\n\t<key>c</key>\n\t<true/></dict>");
    assert_eq!(change(&text, &[], &["a"]), text.replace("\t<key>a</key>\n\t<true/>\n", ""));
    assert_eq!(change(&text, &[], &["b"]), text.replace("<key>b</key>\n\t<true/> ", " "));
    assert_eq!(change(&text, &[], &["c"]), text.replace("\n\t<key>c</key>\n\t<true/></dict>", "</dict>"));
}

#[test]
fn one_key_takes_the_place_of_another() {
    let text = file(&format!("<dict>\n\t<key>{JIT}</key>\n\t<true/>\n</dict>"));
    assert_eq!(change(&text, &[CAMERA], &[JIT]), text.replace(JIT, CAMERA));
    assert_eq!(change(&text, &[JIT], &[JIT]), text, "a key to add stays");
}

#[test]
fn another_type_is_refused() {
    for value in ["<string>true</string>", "<integer>1</integer>", "<array/>"] {
        let text = file(&format!("<dict><key>{JIT}</key>{value}</dict>"));
        assert_eq!(edit(&text, &Edits { add: vec![JIT.into()], remove: Vec::new() }), Err(EditError::NotBoolean(JIT.into())));
        assert_eq!(change(&text, &[], &[JIT]), file("<dict></dict>"));
    }
}

#[test]
fn a_text_that_macos_would_not_read_is_refused() {
    assert_eq!(fault_of(&file("<dict>\n<!-- a -- b -->\n</dict>")), FaultKind::DoubleHyphenComment);
    assert_eq!(fault_of(&file("<dict><!-- a ---></dict>")), FaultKind::DoubleHyphenComment);
    assert_eq!(fault_of(&file("<array/>")), FaultKind::NotADictionary);
    assert_eq!(fault_of("bplist00\u{1}"), FaultKind::BinaryPlist);
    assert_eq!(fault_of("{ a = 1; }"), FaultKind::OldStyle);
    assert_eq!(fault_of(&format!("\u{feff}{}", file("<dict/>"))), FaultKind::ByteOrderMark);
    assert_eq!(fault_of(&file("<dict><key>a</key><true/><key>a</key><true/></dict>")), FaultKind::DuplicateKey);
}

#[test]
fn broken_xml_is_refused_and_never_edited() {
    let bodies = [
        "<dict>",
        "<dict><key>a</key></dict>",
        "<dict><key>a<true/></dict>",
        "<dict><true/></dict>",
        "<dict><key>a</key><true></true></dict>",
        "<dict><key>a</key><array></dict>",
        "<dict></dict><dict/>",
        "<dict>text</dict>",
        "<dict><key>&unknown;</key><true/></dict>",
        "<dict><key>a</key><![CDATA[</dict>]]></dict>",
        "<dict <key>a</key></dict>",
        "<!-- never closed",
    ];
    for body in bodies {
        let result = edit(&file(body), &Edits { add: vec![JIT.into()], remove: Vec::new() });
        assert!(matches!(result, Err(EditError::Fault(_))), "{body}: {result:?}");
    }
    let deep = file(&format!("<dict><key>a</key>{}{}</dict>", "<array>".repeat(100_000), "</array>".repeat(100_000)));
    assert!(edit(&deep, &Edits::default()).is_err());
    let subset = "<!DOCTYPE plist [<!ENTITY a \"b\">]><plist><dict/></plist>";
    assert!(edit(subset, &Edits { add: vec![JIT.into()], remove: Vec::new() }).is_err());
}

#[test]
fn a_fault_says_where() {
    let Err(EditError::Fault(fault)) = edit(&file("<dict>\n\t<!-- é -- b -->\n</dict>"), &Edits::default()) else { panic!() };
    assert_eq!((fault.line, fault.column), (5, 9));
}

#[test]
fn what_only_the_writing_spoils_is_mended() {
    let clean = file(&format!("<dict>\n\t<key>{JIT}</key>\n\t<true/>\n</dict>"));
    let spoilt = [
        clean.replace("<dict>\n", "<dict>\n  <!-- a -- b\n  c -->  \n"),
        clean.replace("<key>", "<!-- x --><key>"),
        clean.replace('\n', "\r\n"),
        format!("\u{feff}{clean}"),
        clean.replace("<true/>", "<string>true</string>"),
        clean.replace("<true/>", "<true></true>"),
        clean.replace("<true/>", "<integer>1</integer>"),
    ];
    for text in spoilt {
        assert_eq!(mend(&text).as_deref(), Some(clean.as_str()), "{text}");
    }
    assert_eq!(mend(&clean).as_deref(), Some(clean.as_str()));
    let own = file("<dict><key>own.key</key><string>true</string></dict>");
    assert_eq!(mend(&own).as_deref(), Some(own.as_str()), "only keys that are known to be booleans");
    for text in
        [file("<dict>"), file("<dict><!-- x</dict>"), file("<dict><key>a</key><true/><key>a</key><true/></dict>"), "bplist00".into()]
    {
        assert_eq!(mend(&text), None, "{text}");
    }
}

#[test]
fn a_new_file_is_as_xcode_writes_it() {
    let entries = [
        (JIT.to_owned(), Value::Bool(true)),
        ("b".into(), Value::Bool(false)),
        ("n".into(), Value::Integer(-3)),
        ("s & <t>".into(), Value::String("a\u{1}<b>".into())),
        (
            "l".into(),
            Value::Array(vec![Value::String("x".into()), Value::Dict(vec![("k".into(), Value::Bool(true))]), Value::Array(Vec::new())]),
        ),
    ];
    let expected = file(
        "<dict>\n\t<key>com.apple.security.cs.allow-jit</key>\n\t<true/>\n\t<key>b</key>\n\t<false/>\n\t<key>n</key>\n\t<integer>-3</integer>\n\t<key>s &amp; &lt;t&gt;</key>\n\t<string>a\u{fffd}&lt;b&gt;</string>\n\t<key>l</key>\n\t<array>\n\t\t<string>x</string>\n\t\t<dict>\n\t\t\t<key>k</key>\n\t\t\t<true/>\n\t\t</dict>\n\t\t<array/>\n\t</array>\n</dict>",
    );
    assert_eq!(create(&entries), expected);
    assert!(is_exact(&entries) && !is_exact(&[("d".into(), Value::Array(vec![Value::Other("AA==".into())]))]));
    assert_eq!(create(&[]), file("<dict/>"));
    assert_eq!(add(&create(&[]), &[JIT]), create(&entries[..1]));
}

#[test]
fn a_deep_value_does_not_overflow() {
    let mut value = Value::Bool(true);
    for _ in 0..2_000 {
        value = Value::Array(vec![value]);
    }
    let text = create(&[("a".into(), value)]);
    assert!(outline(&text).is_ok() && text.contains("<array/>"), "cut where readers stop");
}

#[test]
fn the_diff_is_unified() {
    let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n";
    let new = old.replace("b\n", "B\n").replace("k\n", "k\nK\n");
    let expected = "--- n\n+++ n\n@@ -1,5 +1,5 @@\n a\n-b\n+B\n c\n d\n e\n@@ -9,4 +9,5 @@\n i\n j\n k\n+K\n l\n";
    assert_eq!(unified_diff(old, &new, "n"), expected);
    assert_eq!(unified_diff("", "x\n", "n"), "--- /dev/null\n+++ n\n@@ -0,0 +1,1 @@\n+x\n");
    assert_eq!(unified_diff("x", "", "n"), "--- n\n+++ n\n@@ -1,1 +0,0 @@\n-x\n\\ No newline at end of file\n");
    assert_eq!(unified_diff(old, old, "n"), "");
    assert!(!unified_diff("a", "b", "n\n+++ evil").contains("\n+++ evil\n"));
}

#[test]
fn a_diff_of_huge_texts_stays_bounded() {
    let old: String = (0..5_000).map(|n| format!("old {n}\n")).collect();
    let new: String = (0..5_000).map(|n| format!("new {n}\n")).collect();
    assert_eq!(patched(&old, &unified_diff(&old, &new, "n")), new);
}

/// Applies a unified diff, strictly.
fn patched(old: &str, diff: &str) -> String {
    let lines: Vec<&str> = old.split_inclusive('\n').collect();
    let (mut result, mut at) = (String::new(), 0);
    let mut last_was_new = false;
    for line in diff.split_inclusive('\n').skip(2) {
        if let Some(header) = line.strip_prefix("@@ -") {
            let (range, _) = header.split_once(' ').unwrap();
            let (first, count) = range.split_once(',').unwrap();
            let first: usize = first.parse().unwrap();
            let start = if count == "0" { first } else { first - 1 };
            result.extend(lines[at..start].iter().copied());
            at = start;
        } else if line.starts_with('\\') {
            if last_was_new {
                result.pop();
            }
        } else {
            let (sign, content) = line.split_at(1);
            last_was_new = sign != "-";
            if sign != "+" {
                assert_eq!(lines[at].trim_end_matches('\n'), content.trim_end_matches('\n'));
                at += 1;
            }
            if sign != "-" {
                result.push_str(content);
            }
        }
    }
    result.extend(lines[at..].iter().copied());
    result
}

/// Entitlements files as people write them: own indentation, line ends, comments, blank lines, values on the same line, the end on the last line.
fn files() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec![
        "<true/>",
        "<false/>",
        "<string>a &lt; b</string>",
        "<array>\n\t\t<string>x</string>\n\t</array>",
        "<integer>1</integer>",
    ]);
    let entry = (value, any::<bool>(), prop::sample::select(vec!["", "", "", "\n", "\t<!-- note </dict> -->\n", " <!-- same line -->"]));
    let indent = prop::sample::select(vec!["\t", "  ", "", "\t\t"]);
    let line_end = prop::sample::select(vec!["\n", "\r\n"]);
    (prop::collection::vec(entry, 1..5), indent, line_end, any::<bool>(), any::<bool>()).prop_map(
        |(entries, indent, line_end, own_line, one_line)| {
            let mut body = String::from("<dict>\n");
            for (number, (value, same_line, after)) in entries.iter().enumerate() {
                let between = if *same_line { " ".to_owned() } else { format!("\n{indent}") };
                body.push_str(&format!("{indent}<key>k{number}</key>{between}{value}"));
                body.push_str(&if after.starts_with(' ') { format!("{after}\n") } else { format!("\n{after}") });
            }
            let body = if own_line { body } else { body.trim_end().to_owned() };
            let text = file(&format!("{body}</dict>"));
            if one_line { text.replace('\n', "") } else { text.replace('\n', line_end) }
        },
    )
}

proptest! {
    #[test]
    fn adding_and_taking_out_again_gives_the_same_bytes(text in files(), two in any::<bool>()) {
        let keys: &[&str] = if two { &[JIT, CAMERA] } else { &[JIT] };
        let changed = add(&text, keys);
        prop_assert!(changed.len() > text.len());
        prop_assert_eq!(change(&changed, &[], keys), text);
    }

    #[test]
    fn an_edit_changes_only_what_was_asked(text in files(), number in 0usize..5) {
        let before = outline(&text).unwrap();
        let key = format!("k{number}");
        let after = outline(&change(&text, &[JIT], &[&key])).unwrap();
        let expected: Vec<_> = before.entries.iter().filter(|entry| entry.key != key).map(|entry| (&entry.key, &entry.source)).collect();
        let kept: Vec<_> = after.entries.iter().filter(|entry| entry.key != JIT).map(|entry| (&entry.key, &entry.source)).collect();
        prop_assert_eq!(kept, expected);
    }

    #[test]
    fn the_diff_leads_from_old_to_new(old in "([ab]\n){0,12}[ab]?", new in "([ab]\n){0,12}[ab]?") {
        let diff = unified_diff(&old, &new, "n");
        if old != new {
            prop_assert_eq!(patched(&old, &diff), new);
        }
    }

    #[test]
    fn no_text_makes_the_editor_panic(text in "(<|>|/|!--|--|key|dict|true|plist|&|;|\"| |\n|é|\\?){0,60}") {
        let _ = edit(&text, &Edits { add: vec![JIT.into()], remove: vec!["key".into()] });
        let _ = mend(&file(&text));
        let _ = edit(&file(&text), &Edits { add: vec![JIT.into()], remove: vec!["key".into()] });
    }
}
