//! Strings of the root dictionary of a property list in XML, as text.

use super::{Refused, line_end};
use plist::Value as Plist;
use serde_json::{Map, Value};

pub(super) const EMPTY: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n",
    "<plist version=\"1.0\">\n<dict>\n</dict>\n</plist>\n"
);

/// Deepest nesting that is compared.
const MAX_DEPTH: usize = 64;

pub(super) fn parse(text: &str) -> Result<Value, Refused> {
    let root = crate::read::info_plist::value(text.as_bytes()).map_err(|error| Refused::Unreadable(error.to_string()))?;
    plain(&root, 0).filter(Value::is_object).ok_or(Refused::Form)
}

fn plain(value: &Plist, depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    Some(match value {
        Plist::Array(items) => Value::Array(items.iter().map(|item| plain(item, depth + 1)).collect::<Option<_>>()?),
        Plist::Dictionary(entries) => {
            let entries = entries.iter().map(|(key, value)| Some((key.clone(), plain(value, depth + 1)?)));
            Value::Object(entries.collect::<Option<Map<_, _>>>()?)
        }
        Plist::Boolean(truth) => Value::Bool(*truth),
        Plist::String(text) => Value::String(text.clone()),
        // Only compared with itself.
        other => Value::String(format!("{other:?}")),
    })
}

pub(super) fn set(text: &str, at: &[String], value: &Value) -> Option<String> {
    let [key] = at else { return None };
    let element = format!("<string>{}</string>", escape(value.as_str()?));
    let key = format!("<key>{}</key>", escape(key));
    if let Some((before, after)) = text.split_once(&key) {
        let blank = after.len() - after.trim_start().len();
        let present = after.get(blank..)?;
        let length = match present.strip_prefix("<string/>") {
            Some(_) => "<string/>".len(),
            None => present.strip_prefix("<string>").and_then(|_| present.find("</string>"))? + "</string>".len(),
        };
        return Some(format!("{before}{key}{}{element}{}", after.get(..blank)?, present.get(length..)?));
    }
    let end = text.rfind("</plist>")?;
    let close = text.get(..end)?.trim_end().strip_suffix("</dict>")?.len();
    let line = text.get(..close)?.rfind('\n').map_or(0, |line| line + 1);
    let outer = text.get(line..close)?;
    if !outer.trim().is_empty() {
        return None;
    }
    let keys = text.get(..line)?.lines().rev().find(|line| line.trim_start().starts_with("<key>"));
    let indent = keys.map_or_else(|| format!("{outer}\t"), |line| line.chars().take_while(|c| c.is_whitespace()).collect());
    let break_of = line_end(text);
    let entry = format!("{indent}{key}{break_of}{indent}{element}{break_of}");
    Some(format!("{}{entry}{}", text.get(..line)?, text.get(line..)?))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
