//! Entitlements as `codesign -d --entitlements -` shows them: the tool's own indented form, or XML on one line.

use super::Form;
use crate::clean::clean;
use crate::read::entitlements::{Entitlements, Value};
use crate::read::hex;
use base64::Engine as _;
use std::fmt::Write as _;

/// Deepest nesting that is written, in steps of the indentation; the reader stops before.
const MAX_DEPTH: usize = 200;
const INVALID: &str = "warning: binary contains an invalid entitlements blob. The OS will ignore these entitlements.\n";
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
    \"https://www.apple.com/DTDs/PropertyList-1.0.dtd\"><plist version=\"1.0\">";

/// Nothing when there are none.
pub(super) fn render(entitlements: Option<&Entitlements>, form: Form) -> String {
    let Some(set) = entitlements else { return String::new() };
    let is_ignored = !set.ignored.is_empty() || set.xml_faults.iter().any(|fault| fault.kind.loses_all()) && set.entries.is_empty();
    let entries = if set.entries.is_empty() { &set.ignored } else { &set.entries };
    let root = Value::Dict(entries.clone());
    let warning = if is_ignored { INVALID } else { "" };
    match form {
        _ if is_ignored && entries.is_empty() => warning.to_owned(),
        Form::Abstract => {
            let mut out = warning.to_owned();
            indented(&mut out, &root, 0);
            out
        }
        Form::Xml => {
            let mut out = format!("{warning}{HEAD}");
            xml(&mut out, &root, 0);
            out + "</plist>"
        }
    }
}

/// A constraint at the highest level of detail, one step in. Its data are hash values, which are shown as such.
pub(super) fn constraint(entries: &[(String, Value)]) -> String {
    let mut out = String::new();
    indented(&mut out, &Value::Dict(entries.iter().map(|(key, value)| (key.clone(), with_hex(value))).collect()), 1);
    out
}

/// The depth is bounded by the reader.
fn with_hex(value: &Value) -> Value {
    match value {
        Value::Other(data) => match base64::engine::general_purpose::STANDARD.decode(data) {
            Ok(bytes) => Value::Other(hex(&bytes)),
            Err(_) => value.clone(),
        },
        Value::Array(items) => Value::Array(items.iter().map(with_hex).collect()),
        Value::Dict(entries) => Value::Dict(entries.iter().map(|(key, value)| (key.clone(), with_hex(value))).collect()),
        value => value.clone(),
    }
}

/// The depth of a value is bounded by its reader, and here again.
fn indented(out: &mut String, value: &Value, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    let tabs = "\t".repeat(depth);
    let _ = match value {
        Value::Dict(_) => writeln!(out, "{tabs}[Dict]"),
        Value::Array(_) => writeln!(out, "{tabs}[Array]"),
        Value::Bool(value) => writeln!(out, "{tabs}[Bool] {value}"),
        Value::Integer(value) => writeln!(out, "{tabs}[Int] {value}"),
        Value::String(text) => writeln!(out, "{tabs}[String] {}", clean(text)),
        Value::Other(text) => writeln!(out, "{tabs}[Data] {}", clean(text)),
    };
    match value {
        Value::Dict(entries) => {
            for (key, value) in entries {
                let _ = writeln!(out, "{tabs}\t[Key] {}\n{tabs}\t[Value]", clean(key));
                indented(out, value, depth + 2);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| indented(out, item, depth + 1)),
        _ => {}
    }
}

fn xml(out: &mut String, value: &Value, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    let _ = match value {
        Value::Dict(entries) => {
            out.push_str("<dict>");
            for (key, value) in entries {
                let _ = write!(out, "<key>{}</key>", escaped(key));
                xml(out, value, depth + 1);
            }
            write!(out, "</dict>")
        }
        Value::Array(items) => {
            out.push_str("<array>");
            items.iter().for_each(|item| xml(out, item, depth + 1));
            write!(out, "</array>")
        }
        Value::Bool(value) => write!(out, "<{value}/>"),
        Value::Integer(value) => write!(out, "<integer>{value}</integer>"),
        Value::String(text) => write!(out, "<string>{}</string>", escaped(text)),
        Value::Other(text) => write!(out, "<data>{}</data>", escaped(text)),
    };
}

fn escaped(text: &str) -> String {
    clean(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> Entitlements {
        let entries = vec![
            ("com.apple.security.app-sandbox".to_owned(), Value::Bool(true)),
            ("com.apple.security.application-groups".to_owned(), Value::Array(vec![Value::String("group.a&b".into())])),
            ("n".to_owned(), Value::Integer(3)),
            ("d".to_owned(), Value::Dict(vec![("k".to_owned(), Value::Bool(false))])),
        ];
        Entitlements { entries, ..Entitlements::default() }
    }

    /// The form of the capture in rubymotion/rubymotion-templates, pull request 61; arrays as Apple's "Creating distribution-signed code" shows them. Nested
    /// dictionaries have no published capture.
    #[test]
    fn the_own_form_is_indented_with_tabs() {
        let text = "[Dict]\n\
            \t[Key] com.apple.security.app-sandbox\n\t[Value]\n\t\t[Bool] true\n\
            \t[Key] com.apple.security.application-groups\n\t[Value]\n\t\t[Array]\n\t\t\t[String] group.a&b\n\
            \t[Key] n\n\t[Value]\n\t\t[Int] 3\n\
            \t[Key] d\n\t[Value]\n\t\t[Dict]\n\t\t\t[Key] k\n\t\t\t[Value]\n\t\t\t\t[Bool] false\n";
        assert_eq!(render(Some(&set()), Form::Abstract), text);
    }

    #[test]
    fn xml_stands_on_one_line_without_its_end() {
        let text = render(Some(&set()), Form::Xml);
        assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?><!DOCTYPE plist"), "{text}");
        assert!(text.ends_with("</dict></plist>") && !text.contains('\n'), "{text}");
        assert!(text.contains("<array><string>group.a&amp;b</string></array>"), "{text}");
        assert_eq!(crate::read::entitlements::read_file(text.as_bytes()).entries, set().entries);
    }

    #[test]
    fn without_entitlements_nothing_is_shown() {
        assert_eq!(render(None, Form::Abstract), "");
        assert_eq!(render(None, Form::Xml), "");
    }

    /// The warning is that of the capture in ealeksandrov/ProvisionQL, issue 46.
    #[test]
    fn ignored_entitlements_are_shown_with_the_warning() {
        let ignored = Entitlements { ignored: set().entries, ..Entitlements::default() };
        let text = render(Some(&ignored), Form::Abstract);
        assert!(text.starts_with("warning: binary contains an invalid entitlements blob."), "{text}");
        assert!(text.contains("[Key] com.apple.security.app-sandbox"), "{text}");
    }
}
