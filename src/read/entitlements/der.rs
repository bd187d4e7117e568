//! Entitlements in DER: CoreEntitlements version 1 and the older SET form.
//!
//! Version 1 is `[APPLICATION 16] { INTEGER 1, [CONTEXT 16] { SEQUENCE { UTF8String, value } … } }`; the older form, written by some
//! third-party signers, is `SET { SEQUENCE { UTF8String, value } … }` at every level.

use super::Value;
use crate::read::ReadError;
use crate::read::cms::ber::{Element, Reader};
use base64::Engine as _;

/// `[APPLICATION 16]`, constructed.
pub(super) const TAG_V1: u8 = 0x70;
/// `[CONTEXT 16]`, constructed: a dictionary of version 1.
const TAG_DICTIONARY: u8 = 0xb0;
const TAG_SET: u8 = 0x31;
const TAG_SEQUENCE: u8 = 0x30;
const TAG_UTF8: u8 = 0x0c;

/// Most values in one set.
const MAX_VALUES: usize = 100_000;

pub(super) fn read(bytes: &[u8]) -> Result<Vec<(String, Value)>, ReadError> {
    let mut outer = Reader::der(bytes);
    let root = outer.any("entitlements")?;
    outer.finish()?;
    let mut left = MAX_VALUES;
    match root.tag {
        TAG_V1 => {
            let mut fields = outer.enter(&root)?;
            let version = fields.expect(0x02, "a version")?;
            if version.body != [1] {
                return Err(ReadError::new("DER entitlements of an unknown version", version.offset));
            }
            let dictionary = fields.expect(TAG_DICTIONARY, "a dictionary")?;
            fields.finish()?;
            entries(&fields, &dictionary, &mut left)
        }
        TAG_SET => entries(&outer, &root, &mut left),
        _ => Err(ReadError::new("DER that is no entitlements", root.offset)),
    }
}

/// `left` counts the values that may still be read. The depth is bounded by the reader.
fn entries(reader: &Reader<'_>, element: &Element<'_>, left: &mut usize) -> Result<Vec<(String, Value)>, ReadError> {
    let mut pairs = reader.enter(element)?;
    let mut entries = Vec::new();
    while let Some(pair) = pairs.next()? {
        if pair.tag != TAG_SEQUENCE {
            return Err(ReadError::new("DER entitlements with an entry that is no pair", pair.offset));
        }
        let mut fields = pairs.enter(&pair)?;
        let key = fields.expect(TAG_UTF8, "a key")?;
        let key = text(&key)?;
        let element = fields.any("a value")?;
        let value = value(&fields, &element, left)?;
        fields.finish()?;
        entries.push((key, value));
    }
    Ok(entries)
}

fn value(reader: &Reader<'_>, element: &Element<'_>, left: &mut usize) -> Result<Value, ReadError> {
    let fail = |what: &str| ReadError::new(what, element.offset);
    *left = left.checked_sub(1).ok_or_else(|| fail("DER entitlements with too many values"))?;
    match element.tag {
        0x01 => match element.body {
            [byte] => Ok(Value::Bool(*byte != 0)),
            _ => Err(fail("DER boolean that is not one byte")),
        },
        0x02 => integer(element.body).map(Value::Integer).ok_or_else(|| fail("DER integer that does not fit 64 bits")),
        0x04 => Ok(Value::Other(base64::engine::general_purpose::STANDARD.encode(element.body))),
        TAG_UTF8 => text(element).map(Value::String),
        TAG_SEQUENCE => {
            let mut elements = reader.enter(element)?;
            let mut values = Vec::new();
            while let Some(element) = elements.next()? {
                values.push(value(&elements, &element, left)?);
            }
            Ok(Value::Array(values))
        }
        TAG_DICTIONARY | TAG_SET => entries(reader, element, left).map(Value::Dict),
        _ => Err(fail("DER entitlements with a value of an unknown kind")),
    }
}

fn text(element: &Element<'_>) -> Result<String, ReadError> {
    std::str::from_utf8(element.body).map(str::to_owned).map_err(|_| ReadError::new("DER text that is not UTF-8", element.offset))
}

fn integer(body: &[u8]) -> Option<i64> {
    let (&first, _) = body.split_first()?;
    if body.len() > 8 {
        return None;
    }
    let start = if first & 0x80 == 0 { 0 } else { -1 };
    Some(body.iter().fold(start, |number: i64, &byte| (number << 8) | i64::from(byte)))
}
