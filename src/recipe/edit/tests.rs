#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn place(at: &[&str]) -> Vec<String> {
    at.iter().map(|key| (*key).to_owned()).collect()
}

/// The text after the edit; it says what was set, and a second edit changes nothing.
fn edited(format: Format, text: &str, at: &[&str], value: Value) -> String {
    let at = place(at);
    let after = set(format, text, &at, &value).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(get(format, &after, &at), Some(value.clone()), "{after}");
    assert_eq!(set(format, &after, &at, &value).unwrap(), after, "a second edit changes something");
    after
}

fn refused(format: Format, text: &str, at: &[&str], value: Value) {
    let answer = set(format, text, &place(at), &value);
    assert!(answer.is_err(), "{answer:?}");
}

const PACKAGE: &str = r#"{
  "name": "demo",
  "build": {
    "appId": "org.example.demo",
    "files": ["a", "b}"],
    "mac": {
      "hardenedRuntime": false
    }
  },
  "scripts": {}
}
"#;

#[test]
fn a_json_value_is_replaced_where_it_stands() {
    let after = edited(Format::Json, PACKAGE, &["build", "mac", "hardenedRuntime"], json!(true));
    assert_eq!(after, PACKAGE.replace("false", "true"));
}

#[test]
fn a_json_member_is_added_at_the_end_of_its_object() {
    let after = edited(Format::Json, PACKAGE, &["build", "mac", "entitlements"], json!("build/a \"b\".plist"));
    let expected = PACKAGE
        .replace("\"hardenedRuntime\": false\n", "\"hardenedRuntime\": false,\n      \"entitlements\": \"build/a \\\"b\\\".plist\"\n");
    assert_eq!(after, expected);
}

#[test]
fn missing_json_objects_are_made_in_the_files_own_indentation() {
    let text = "{\n\t\"bundle\": {\n\t\t\"active\": true\n\t}\n}\n";
    let after = edited(Format::Json, text, &["bundle", "macOS", "entitlements"], json!("x"));
    assert_eq!(after, "{\n\t\"bundle\": {\n\t\t\"active\": true,\n\t\t\"macOS\": {\n\t\t\t\"entitlements\": \"x\"\n\t\t}\n\t}\n}\n");
    assert_eq!(edited(Format::Json, "{}\n", &["a", "b"], json!(true)), "{\n  \"a\": {\n    \"b\": true\n  }\n}\n");
    assert_eq!(edited(Format::Json, "{\"a\":{\"c\":1}}", &["a", "b"], json!(true)), "{\"a\":{\"c\":1, \"b\": true}}");
    assert_eq!(edited(Format::Json, PACKAGE, &["scripts", "x"], json!("y")).replace("{\n    \"x\": \"y\"\n  }", "{}"), PACKAGE);
}

#[test]
fn windows_line_ends_stay() {
    let text = PACKAGE.replace('\n', "\r\n");
    let after = edited(Format::Json, &text, &["build", "mac", "entitlements"], json!("x"));
    assert!(!after.replace("\r\n", "").contains('\n'), "{after:?}");
    let text = "mac:\r\n  target: dmg\r\n";
    assert_eq!(edited(Format::Yaml, text, &["mac", "entitlements"], json!("x")), format!("{text}  entitlements: x\r\n"));
}

#[test]
fn json_that_is_not_plain_is_refused() {
    refused(Format::Json, "// why\n{\"build\": {}}", &["build", "x"], json!(true));
    refused(Format::Json, "{\"config\": {\"forge\": \"./forge.js\"}}", &["config", "forge", "x"], json!(true));
    refused(Format::Json, "{\"build\": {\"mac\": {}}}", &["build", "mac"], json!(true));
    refused(Format::Json, "[]", &["x"], json!(true));
}

const BUILDER: &str = "\
# how it is packed
appId: org.example.demo
mac:
  # why these
  target:
    - dmg
    - zip   # for updates
  hardenedRuntime: false # until it works
  extendInfo:
    NSCameraUsageDescription: 'for calls'

win:
  target: nsis
";

#[test]
fn a_yaml_value_is_replaced_and_its_comment_stays() {
    let after = edited(Format::Yaml, BUILDER, &["mac", "hardenedRuntime"], json!(true));
    assert_eq!(after, BUILDER.replace("false # until", "true # until"));
    let after = edited(Format::Yaml, BUILDER, &["mac", "extendInfo", "NSCameraUsageDescription"], json!("to see: you"));
    assert_eq!(after, BUILDER.replace("'for calls'", "\"to see: you\""));
}

#[test]
fn yaml_keys_are_added_below_their_mapping_and_above_what_follows() {
    let after = edited(Format::Yaml, BUILDER, &["mac", "entitlements"], json!("build/entitlements.mac.plist"));
    assert_eq!(after, BUILDER.replace("'for calls'\n", "'for calls'\n  entitlements: build/entitlements.mac.plist\n"));
    let after = edited(Format::Yaml, BUILDER, &["mac", "extendInfo", "NSContactsUsageDescription"], json!("Demo uses … (say what for)"));
    assert!(after.contains("'for calls'\n    NSContactsUsageDescription: \"Demo uses … (say what for)\"\n"), "{after}");
    assert_eq!(edited(Format::Yaml, "a: 1", &["mac", "x"], json!(true)), "a: 1\nmac:\n  x: true\n");
    assert_eq!(edited(Format::Yaml, "mac:\na: 1\n", &["mac", "x"], json!(true)), "mac:\n  x: true\na: 1\n");
    assert_eq!(edited(Format::Yaml, "", &["mac", "x"], json!("true")), "mac:\n  x: \"true\"\n");
}

const RELEASER: &str = "\
version: 2
notarize:
  macos:
  - enabled: true
    sign:
      certificate: \"{{.Env.P12}}\"
    notarize:
      wait: true
checksum:
  name_template: checksums.txt
";

#[test]
fn the_only_item_of_a_yaml_list_is_entered() {
    let at = ["notarize", "macos", "0", "sign", "entitlements"];
    let after = edited(Format::Yaml, RELEASER, &at, json!("entitlements.xml"));
    assert_eq!(after, RELEASER.replace("P12}}\"\n", "P12}}\"\n      entitlements: entitlements.xml\n"));
    let deeper = RELEASER.replace("  - enabled: true", "    - enabled: true").replace("    sign:", "      sign:");
    let deeper =
        deeper.replace("      certificate", "        certificate").replace("    notarize:\n      wait", "      notarize:\n        wait");
    edited(Format::Yaml, &deeper, &at, json!("entitlements.xml"));
    let two = RELEASER.replace("checksum:", "  - enabled: false\n    sign: {}\nchecksum:");
    refused(Format::Yaml, &two, &at, json!("entitlements.xml"));
}

#[test]
fn yaml_that_is_not_in_blocks_is_refused() {
    for text in [
        "mac: {target: dmg}\n",
        "mac: &m\n  a: 1\n",
        "mac: *m\n",
        "a: 1\n---\nmac:\n  b: 1\n",
        "mac: !t\n  a: 1\n",
        "mac: |\n  a\n",
        "- mac\n",
    ] {
        refused(Format::Yaml, text, &["mac", "entitlements"], json!("x"));
    }
    refused(Format::Yaml, "mac:\n  entitlements: >\n    x\n", &["mac", "entitlements"], json!("y"));
    refused(Format::Yaml, "mac:\n  a: 'x\n    y'\n  entitlements: 'a\n    b'\n", &["mac", "entitlements"], json!("y"));
}

const BRIEFCASE: &str = "\
[tool.briefcase]
project_name = \"Demo\"  # shown

[tool.briefcase.app.demo]
formal_name = \"Demo\"

[tool.briefcase.app.demo.macOS]
universal_build = true
# ours
entitlement.\"com.apple.vm.networking\" = true

[tool.briefcase.app.demo.linux]
requires = []
";

#[test]
fn a_toml_key_is_added_to_its_table_and_comments_stay() {
    let at = ["tool", "briefcase", "app", "*", "macOS", "entitlement", "com.apple.security.cs.allow-jit"];
    let after = edited(Format::Toml, BRIEFCASE, &at, json!(true));
    let line = "entitlement.\"com.apple.vm.networking\" = true\n";
    assert_eq!(after, BRIEFCASE.replace(line, &format!("{line}entitlement.\"com.apple.security.cs.allow-jit\" = true\n")));
}

#[test]
fn missing_toml_tables_are_made() {
    let text = "[tool.briefcase.app.demo]\nformal_name = \"Demo\"\n";
    let after =
        edited(Format::Toml, text, &["tool", "briefcase", "app", "*", "macOS", "info", "NSCameraUsageDescription"], json!("to \"see\""));
    assert!(after.starts_with(text), "{after}");
    assert!(after.contains("[tool.briefcase.app.demo.macOS]\ninfo.NSCameraUsageDescription = "), "{after}");
}

#[test]
fn of_two_apps_none_is_chosen() {
    let text = "[tool.briefcase.app.a]\nx = 1\n[tool.briefcase.app.b]\nx = 1\n";
    let answer = set(Format::Toml, text, &place(&["tool", "briefcase", "app", "*", "macOS", "x"]), &json!(true));
    assert_eq!(answer, Err(Refused::Ambiguous));
}

#[test]
fn a_string_of_a_property_list_is_set() {
    let text = empty(Format::Plist);
    let after = edited(Format::Plist, text, &["NSCameraUsageDescription"], json!("A & B <c>"));
    assert_eq!(after, text.replace("</dict>", "\t<key>NSCameraUsageDescription</key>\n\t<string>A &amp; B &lt;c&gt;</string>\n</dict>"));
    let again = edited(Format::Plist, &after, &["NSCameraUsageDescription"], json!("new"));
    assert_eq!(again, after.replace("A &amp; B &lt;c&gt;", "new"));
    refused(Format::Plist, "<plist version=\"1.0\"><dict/></plist>", &["x"], json!("y"));
    // The key stands in a dictionary inside: what would change is another value.
    let nested = text.replace("</dict>", "\t<key>a</key>\n\t<dict>\n\t\t<key>x</key>\n\t\t<string>1</string>\n\t</dict>\n</dict>");
    refused(Format::Plist, &nested, &["x"], json!("y"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_the_text_an_edit_is_right_or_refused(text in "[ \\-a-c:{}\\[\\]\",'#|>&*\n0-9=.<>/]{0,120}", value in "\\PC{0,12}") {
        for format in [Format::Json, Format::Yaml, Format::Toml, Format::Plist] {
            let (at, value) = (place(&["a", "b"]), json!(value));
            if let Ok(after) = set(format, &text, &at, &value) {
                prop_assert_eq!(get(format, &after, &at), Some(value.clone()));
                prop_assert_eq!(set(format, &after, &at, &value), Ok(after));
            }
        }
    }

    #[test]
    fn a_yaml_scalar_reads_back(text in "\\PC{0,20}") {
        let parsed: Value = serde_yaml_ng::from_str(&format!("a: {}\n", yaml_scalar(&text))).unwrap();
        prop_assert_eq!(parsed.get("a"), Some(&json!(text)));
    }
}
