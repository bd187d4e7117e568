//! Edits of plain configuration files as text: order, comments and spacing stay. Pure.
//!
//! Each format has an editor of its own that only knows where to write. Whether it wrote the right thing is asked of a parser, before and after: the values
//! must be the same but for the one that was set. A wrong edit is an error, never a file.

mod json;
mod plist;
mod toml;
mod yaml;

pub use yaml::scalar as yaml_scalar;

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

/// Format of a plain file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// JSON without comments.
    Json,
    /// YAML: block mappings.
    Yaml,
    /// TOML.
    Toml,
    /// A property list in XML; only strings of its root dictionary.
    Plist,
}

/// Why a text is not edited.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// The text cannot be parsed.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// It is written in a way that the editor does not change.
    #[error("the place is written in a way that Temper does not edit")]
    Form,
    /// The place is not one place: a list of several, or several names where one is meant.
    #[error("it is not clear which of several places is meant")]
    Ambiguous,
    /// The result would say something else.
    #[error("the text cannot be edited safely")]
    Unsafe,
}

/// Deepest place.
const MAX_DEPTH: usize = 16;
/// Longest text (bytes).
const MAX_TEXT: usize = 1 << 20;

/// The text of a new file.
pub fn empty(format: Format) -> &'static str {
    match format {
        Format::Json => "{}\n",
        Format::Yaml | Format::Toml => "",
        Format::Plist => plist::EMPTY,
    }
}

/// The value at a place; `None` when it is not there, or the text cannot be parsed.
pub fn get(format: Format, text: &str, at: &[String]) -> Option<Value> {
    let root = parse(format, text).ok()?;
    let at = resolve(&root, at).ok()?;
    at.iter().try_fold(&root, |value, key| step(value, key)).cloned()
}

/// The text with a value set. The same text when it says that already.
pub fn set(format: Format, text: &str, at: &[String], value: &Value) -> Result<String, Refused> {
    if at.is_empty() || at.len() > MAX_DEPTH || text.len() > MAX_TEXT {
        return Err(Refused::Form);
    }
    let before = parse(format, text)?;
    let at = resolve(&before, at)?;
    let expected = with(before.clone(), &at, value).ok_or(Refused::Form)?;
    if expected == before {
        return Ok(text.to_owned());
    }
    let after = match format {
        Format::Json => json::set(text, &at, value),
        Format::Yaml => yaml::set(text, &at, value),
        Format::Toml => toml::set(text, &at, value),
        Format::Plist => plist::set(text, &at, value),
    }
    .ok_or(Refused::Form)?;
    match parse(format, &after) {
        Ok(parsed) if parsed == expected => Ok(after),
        _ => Err(Refused::Unsafe),
    }
}

fn parse(format: Format, text: &str) -> Result<Value, Refused> {
    let unreadable = |error: &dyn std::fmt::Display| Refused::Unreadable(error.to_string());
    match format {
        Format::Json => serde_json::from_str(text).map_err(|error| unreadable(&error)),
        Format::Yaml if text.trim().is_empty() => Ok(Value::Object(Map::new())),
        Format::Yaml => serde_yaml_ng::from_str(text).map_err(|error| unreadable(&error)),
        Format::Toml => ::toml::from_str(text).map_err(|error| unreadable(&error)),
        Format::Plist => plist::parse(text),
    }
}

/// The place with `*` replaced by the only key there is.
fn resolve(root: &Value, at: &[String]) -> Result<Vec<String>, Refused> {
    let mut value = Some(root);
    let mut resolved = Vec::with_capacity(at.len());
    for key in at {
        let key = match (key.as_str(), value) {
            ("*", Some(Value::Object(map))) if map.len() == 1 => map.keys().next().cloned().ok_or(Refused::Ambiguous)?,
            ("*", _) => return Err(Refused::Ambiguous),
            _ => key.clone(),
        };
        value = value.and_then(|value| step(value, &key));
        resolved.push(key);
    }
    Ok(resolved)
}

/// One step down: a key, or `0` for the only item of a list.
fn step<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map.get(key),
        Value::Array(items) if key == "0" && items.len() == 1 => items.first(),
        _ => None,
    }
}

/// The document with the value set; `None` where something else stands in the way.
fn with(mut root: Value, at: &[String], value: &Value) -> Option<Value> {
    let mut place = &mut root;
    for key in at {
        // Only YAML has files that say nothing.
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        place = match place {
            Value::Object(map) => map.entry(key.clone()).or_insert(Value::Null),
            Value::Array(items) if key == "0" && items.len() == 1 => items.first_mut()?,
            _ => return None,
        };
    }
    if place.is_object() || place.is_array() && !value.is_array() {
        return None;
    }
    *place = value.clone();
    Some(root)
}

/// The line end that a text uses first.
fn line_end(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

#[cfg(test)]
mod tests;
