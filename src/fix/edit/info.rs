//! Usage strings of an Info.plist: an XML file is edited as text, so that order, spacing and comments stay; a binary one is read and written back as
//! binary, its entries in their order. Pure.

use super::outline::{Outline, outline};
use super::{EditError, Replacement, escape, insertion, replace};
use crate::read::entitlements::{Fault, FaultKind};
use crate::read::info_plist;
use plist::Value;

/// The file with every (key, text) set. A key that is there with another text gets the new one; other entries stay as they are.
///
/// An error when it is no property list, or a key is there with something that is no string.
pub fn set_strings(bytes: &[u8], strings: &[(String, String)]) -> Result<Vec<u8>, EditError> {
    if bytes.starts_with(b"bplist") {
        return binary(bytes, strings);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| EditError::Unreadable("not UTF-8 text, and not a binary property list".into()))?;
    let mut text = text.to_owned();
    for (key, string) in strings {
        text = with_string(&text, key, string)?;
    }
    // What a reader of property lists makes of it, not only the outline.
    confirm(text.as_bytes(), strings)?;
    Ok(text.into_bytes())
}

fn with_string(text: &str, key: &str, string: &str) -> Result<String, EditError> {
    let before = outline(text).map_err(EditError::Fault)?;
    let value = format!("<string>{}</string>", escape(string));
    let replacement = match before.entries.iter().find(|entry| entry.key == key) {
        None => insertion(text, &before, &[(key, &value)]),
        Some(entry) if entry.source.starts_with("<string") => Replacement { range: entry.value_range.clone(), with: value },
        Some(_) => return Err(EditError::NotString(key.to_owned())),
    };
    let changed = replace(text, vec![replacement]);
    let after = outline(&changed).map_err(EditError::Fault)?;
    let others = |outline: &Outline| -> Vec<(String, String)> {
        outline.entries.iter().filter(|entry| entry.key != key).map(|entry| (entry.key.clone(), entry.source.clone())).collect()
    };
    if others(&before) != others(&after) {
        let detail = "the text cannot be edited safely".into();
        return Err(EditError::Fault(Fault { kind: FaultKind::Syntax, line: 0, column: 0, detail }));
    }
    Ok(changed)
}

fn binary(bytes: &[u8], strings: &[(String, String)]) -> Result<Vec<u8>, EditError> {
    let mut root = dictionary(bytes)?;
    for (key, string) in strings {
        match root.get_mut(key) {
            Some(Value::String(present)) => *present = string.clone(),
            Some(_) => return Err(EditError::NotString(key.clone())),
            None => {
                root.insert(key.clone(), Value::String(string.clone()));
            }
        }
    }
    let mut written = Vec::new();
    Value::Dictionary(root).to_writer_binary(&mut written).map_err(|error| EditError::Unreadable(error.to_string()))?;
    confirm(&written, strings)?;
    Ok(written)
}

fn dictionary(bytes: &[u8]) -> Result<plist::Dictionary, EditError> {
    match info_plist::value(bytes).map_err(|error| EditError::Unreadable(error.to_string()))? {
        Value::Dictionary(root) => Ok(root),
        _ => Err(EditError::Unreadable("its root is no dictionary".into())),
    }
}

fn confirm(bytes: &[u8], strings: &[(String, String)]) -> Result<(), EditError> {
    let root = dictionary(bytes)?;
    // A character that XML cannot hold was replaced on the way.
    match strings.iter().find(|(key, string)| root.get(key).and_then(Value::as_string) != Some(string)) {
        Some((key, _)) => Err(EditError::Unreadable(format!("the text for {key} cannot be written in this file"))),
        None => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const KEY: &str = "NSContactsUsageDescription";

    fn set(text: &str, string: &str) -> Result<String, EditError> {
        set_strings(text.as_bytes(), &[(KEY.into(), string.into())]).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    fn file(body: &str) -> String {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- ours -->\n<plist version=\"1.0\">\n<dict>\n{body}</dict>\n</plist>\n")
    }

    #[test]
    fn a_new_string_stands_at_the_end_and_all_else_stays() {
        let body = "    <key>b</key> <string>2</string>\n    <!-- why -->\n    <key>a</key>\n    <array><real>1.50</real></array>\n";
        let edited = set(&file(body), "Ann & Bob <3").unwrap();
        assert_eq!(edited, file(&format!("{body}    <key>{KEY}</key>\n    <string>Ann &amp; Bob &lt;3</string>\n")));
        assert_eq!(set(&edited, "Ann & Bob <3").unwrap(), edited);
    }

    #[test]
    fn an_empty_string_is_filled_where_it_stands() {
        let body = |value: &str| file(&format!("\t<key>{KEY}</key>\n\t{value}\n\t<key>z</key>\n\t<true/>\n"));
        for empty in ["<string></string>", "<string/>", "<string>old</string>"] {
            assert_eq!(set(&body(empty), "To greet them").unwrap(), body("<string>To greet them</string>"));
        }
        assert_eq!(set(&body("<true/>"), "x"), Err(EditError::NotString(KEY.into())));
    }

    #[test]
    fn lines_end_as_they_did() {
        let text = file("\t<key>a</key>\n\t<true/>\n").replace('\n', "\r\n");
        let edited = set(&text, "x").unwrap();
        assert!(edited.contains(&format!("\t<key>{KEY}</key>\r\n\t<string>x</string>\r\n")) && !edited.replace("\r\n", "").contains('\n'));
    }

    #[test]
    fn a_binary_file_stays_binary_and_keeps_its_entries_in_order() {
        let mut bytes = Vec::new();
        let xml = file("<key>z</key><date>2026-01-02T03:04:05Z</date><key>a</key><data>AAEC</data><key>n</key><integer>-7</integer>");
        info_plist::value(xml.as_bytes()).unwrap().to_writer_binary(&mut bytes).unwrap();
        let edited = set_strings(&bytes, &[(KEY.into(), "Grüße 漢".into())]).unwrap();
        assert!(edited.starts_with(b"bplist00"));
        let (before, after) = (dictionary(&bytes).unwrap(), dictionary(&edited).unwrap());
        assert_eq!(after.keys().map(String::as_str).collect::<Vec<_>>(), ["z", "a", "n", KEY]);
        assert!(before.iter().all(|(key, value)| after.get(key) == Some(value)));
        assert_eq!(after.get(KEY).and_then(Value::as_string), Some("Grüße 漢"));
        assert!(matches!(set_strings(&bytes, &[("n".into(), "x".into())]), Err(EditError::NotString(_))));
    }

    #[test]
    fn what_cannot_be_edited_is_an_error() {
        for bytes in
            [&b""[..], b"{a=b;}", b"bplist00", b"\xff\xfe<", b"<plist><array/></plist>", b"<plist><dict><key>a</key></dict></plist>"]
        {
            assert!(set_strings(bytes, &[(KEY.into(), "x".into())]).is_err(), "{bytes:?}");
        }
        assert!(set(&file(""), "bell \u{7}").is_err());
    }
}
