//! Property lists of any form, with bounds.
//!
//! `plist::Value` alone has none: a binary plist of 159 bytes whose references share objects expands for seconds, and a value nested 200,000
//! deep overflows the stack when it is dropped. So the events are counted before a value is built.

use crate::read::ReadError;
use plist::stream::{OwnedEvent, Reader};
use plist::{Dictionary, Value};
use std::borrow::Cow;
use std::io::Cursor;

/// Most events (values, keys, ends of collections).
pub(in crate::read) const MAX_EVENTS: usize = 200_000;
/// Deepest nesting.
pub(in crate::read) const MAX_DEPTH: usize = 64;
/// Largest input (bytes).
const MAX_INPUT: usize = 16 << 20;
/// Most bytes of all strings and data together: a binary plist can name one long string many times.
const MAX_TEXT: usize = 64 << 20;

/// A collection that is being filled.
enum Open {
    Array(Vec<Value>),
    /// With the key whose value comes next.
    Dictionary(Dictionary, Option<String>),
}

/// Reads a binary, XML (UTF-8 or UTF-16) or OpenStep property list. A key that stands twice keeps its last value.
pub(in crate::read) fn read(bytes: &[u8]) -> Result<Value, ReadError> {
    if bytes.len() > MAX_INPUT {
        return Err(ReadError::new("property list longer than Temper reads", 0));
    }
    let text = utf16(bytes).map_or(Cow::Borrowed(bytes), |text| Cow::Owned(text.into_bytes()));
    let mut open: Vec<Open> = Vec::new();
    let mut text_bytes = 0_usize;
    for (count, event) in Reader::new(Cursor::new(text.as_ref())).enumerate() {
        if count >= MAX_EVENTS {
            return Err(ReadError::new("property list with too many values", 0));
        }
        let event = event.map_err(|error| ReadError::new(format!("property list that cannot be read ({error})"), 0))?;
        text_bytes = text_bytes.saturating_add(size(&event));
        if text_bytes > MAX_TEXT {
            return Err(ReadError::new("property list with too much text", 0));
        }
        if let Some(root) = take(&mut open, event)? {
            return Ok(root);
        }
    }
    Err(ReadError::new("property list that ends too early", 0))
}

fn size(event: &OwnedEvent) -> usize {
    match event {
        OwnedEvent::String(text) => text.len(),
        OwnedEvent::Data(data) => data.len(),
        _ => 0,
    }
}

/// Takes one event; the root value when it is complete.
fn take(open: &mut Vec<Open>, event: OwnedEvent) -> Result<Option<Value>, ReadError> {
    let value = match event {
        OwnedEvent::StartArray(_) => {
            push(open, Open::Array(Vec::new()))?;
            return Ok(None);
        }
        OwnedEvent::StartDictionary(_) => {
            push(open, Open::Dictionary(Dictionary::new(), None))?;
            return Ok(None);
        }
        OwnedEvent::EndCollection => match open.pop() {
            Some(Open::Array(values)) => Value::Array(values),
            Some(Open::Dictionary(entries, None)) => Value::Dictionary(entries),
            Some(Open::Dictionary(_, Some(_))) => return Err(ReadError::new("property list with a key without a value", 0)),
            None => return Err(ReadError::new("property list with an end too many", 0)),
        },
        OwnedEvent::Boolean(value) => Value::Boolean(value),
        OwnedEvent::Data(data) => Value::Data(data.into_owned()),
        OwnedEvent::Date(date) => Value::Date(date),
        OwnedEvent::Integer(integer) => Value::Integer(integer),
        OwnedEvent::Real(real) => Value::Real(real),
        OwnedEvent::String(text) => Value::String(text.into_owned()),
        OwnedEvent::Uid(uid) => Value::Uid(uid),
        _ => return Err(ReadError::new("property list with a value of an unknown kind", 0)),
    };
    match open.last_mut() {
        None => return Ok(Some(value)),
        Some(Open::Array(values)) => values.push(value),
        Some(Open::Dictionary(entries, key)) => match (key.take(), value) {
            (Some(key), value) => {
                entries.insert(key, value);
            }
            (None, Value::String(text)) => *key = Some(text),
            (None, _) => return Err(ReadError::new("property list with a key that is no string", 0)),
        },
    }
    Ok(None)
}

fn push(open: &mut Vec<Open>, collection: Open) -> Result<(), ReadError> {
    if let Some(Open::Dictionary(_, None)) = open.last() {
        return Err(ReadError::new("property list with a key that is no string", 0));
    }
    if open.len() >= MAX_DEPTH {
        return Err(ReadError::new("property list nested too deeply", 0));
    }
    open.push(collection);
    Ok(())
}

/// The text of UTF-16 bytes, with or without a byte order mark; `None` for anything else. `plist` refuses UTF-16 and Apple's parser reads it.
/// An encoding named in the XML declaration is dropped with the declaration.
pub(in crate::read) fn utf16(bytes: &[u8]) -> Option<String> {
    let (body, is_big) = match bytes {
        [0xfe, 0xff, body @ ..] => (body, true),
        [0xff, 0xfe, body @ ..] => (body, false),
        [0, b'<', ..] => (bytes, true),
        [b'<', 0, ..] => (bytes, false),
        _ => return None,
    };
    let units = body.chunks_exact(2).filter_map(|pair| pair.try_into().ok());
    let units = units.map(|pair: [u8; 2]| if is_big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) });
    let text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    let without = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    Some(without.map_or(text.clone(), |(_, rest)| rest.to_owned()))
}
