//! A bounded reader for BER and DER: tag, length, body, nothing more.
//!
//! BER is needed because Apple's CMS uses indefinite lengths. Tags are one byte (no tag number above 30 occurs in what is read here), lengths
//! at most four bytes, nesting at most [`MAX_DEPTH`].

use crate::read::ReadError;

/// Deepest nesting that is followed.
pub(in crate::read) const MAX_DEPTH: usize = 32;

/// One tag-length-value.
#[derive(Debug, Clone, Copy)]
pub(in crate::read) struct Element<'a> {
    /// The identifier byte: class, constructed bit and number.
    pub tag: u8,
    /// The value; without the end-of-contents bytes of an indefinite length.
    pub body: &'a [u8],
    /// Everything from the tag on.
    pub whole: &'a [u8],
    /// Offset of the tag in the outermost input.
    pub offset: u64,
    /// Offset of the body in the outermost input.
    pub body_offset: u64,
}

/// Reads elements that follow each other.
#[derive(Debug, Clone)]
pub(in crate::read) struct Reader<'a> {
    rest: &'a [u8],
    offset: u64,
    depth: usize,
    indefinite: bool,
}

impl<'a> Reader<'a> {
    /// A reader that accepts indefinite lengths.
    pub fn ber(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0, depth: 0, indefinite: true }
    }

    /// A reader that refuses indefinite lengths.
    pub fn der(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0, depth: 0, indefinite: false }
    }

    /// A reader for the body of `element`; an error when that is too deep.
    pub fn enter(&self, element: &Element<'a>) -> Result<Reader<'a>, ReadError> {
        let depth = self.depth.saturating_add(1);
        if depth > MAX_DEPTH {
            return Err(ReadError::new("ASN.1 nested too deeply", element.offset));
        }
        Ok(Reader { rest: element.body, offset: element.body_offset, depth, indefinite: self.indefinite })
    }

    /// The next element; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Element<'a>>, ReadError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let element = parse(self.rest, self.offset, self.depth, self.indefinite)?;
        self.rest = self.rest.get(element.whole.len()..).unwrap_or_default();
        self.offset = self.offset.saturating_add(element.whole.len() as u64);
        Ok(Some(element))
    }

    /// The next element, which must have `tag`; `what` names it in the error.
    pub fn expect(&mut self, tag: u8, what: &str) -> Result<Element<'a>, ReadError> {
        let offset = self.offset;
        match self.next()? {
            Some(element) if element.tag == tag => Ok(element),
            Some(element) => Err(ReadError::new(format!("ASN.1 tag {:#04x} where {what} should stand", element.tag), offset)),
            None => Err(ReadError::new(format!("ASN.1 ends before {what}"), offset)),
        }
    }

    /// The next element when it has `tag`; otherwise `None`, and nothing is consumed.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, ReadError> {
        if self.rest.first() == Some(&tag) { self.next() } else { Ok(None) }
    }

    /// An element of any kind; `what` names it in the error.
    pub fn any(&mut self, what: &str) -> Result<Element<'a>, ReadError> {
        let offset = self.offset;
        self.next()?.ok_or_else(|| ReadError::new(format!("ASN.1 ends before {what}"), offset))
    }

    /// An error unless everything was consumed.
    pub fn finish(&self) -> Result<(), ReadError> {
        if self.rest.is_empty() { Ok(()) } else { Err(ReadError::new("bytes after the end of the ASN.1 structure", self.offset)) }
    }
}

fn parse(bytes: &[u8], offset: u64, depth: usize, indefinite: bool) -> Result<Element<'_>, ReadError> {
    let fail = |what: &str| ReadError::new(what, offset);
    if depth > MAX_DEPTH {
        return Err(fail("ASN.1 nested too deeply"));
    }
    let (Some(&tag), Some(&first)) = (bytes.first(), bytes.get(1)) else {
        return Err(fail("ASN.1 element cut off"));
    };
    if tag & 0x1f == 0x1f || tag == 0 {
        return Err(fail("ASN.1 tag that cannot stand here"));
    }
    if first == 0x80 {
        if !indefinite || tag & 0x20 == 0 {
            return Err(fail("ASN.1 indefinite length where it is not allowed"));
        }
        return parse_indefinite(bytes, tag, offset, depth);
    }
    let (header, length) = definite_length(bytes, first).ok_or_else(|| fail("ASN.1 length that cannot be read"))?;
    let end = header.checked_add(length).ok_or_else(|| fail("ASN.1 length that cannot be read"))?;
    let (Some(body), Some(whole)) = (bytes.get(header..end), bytes.get(..end)) else {
        return Err(fail("ASN.1 element longer than what holds it"));
    };
    Ok(Element { tag, body, whole, offset, body_offset: offset.saturating_add(header as u64) })
}

/// (bytes of tag and length, length of the body).
fn definite_length(bytes: &[u8], first: u8) -> Option<(usize, usize)> {
    if first < 0x80 {
        return Some((2, usize::from(first)));
    }
    let count = usize::from(first & 0x7f);
    if count > 4 {
        return None;
    }
    let header = count.checked_add(2)?;
    let digits = bytes.get(2..header)?;
    let length = digits.iter().fold(0_u32, |length, &byte| (length << 8) | u32::from(byte));
    Some((header, usize::try_from(length).ok()?))
}

fn parse_indefinite(bytes: &[u8], tag: u8, offset: u64, depth: usize) -> Result<Element<'_>, ReadError> {
    let mut end = 2_usize;
    loop {
        let rest = bytes.get(end..).unwrap_or_default();
        if rest.starts_with(&[0, 0]) {
            break;
        }
        let child = parse(rest, offset.saturating_add(end as u64), depth.saturating_add(1), true)?;
        end = end.saturating_add(child.whole.len());
    }
    let body = bytes.get(2..end).unwrap_or_default();
    let whole = bytes.get(..end.saturating_add(2)).unwrap_or_default();
    Ok(Element { tag, body, whole, offset, body_offset: offset.saturating_add(2) })
}

/// The octets of an OCTET STRING, primitive (04) or, in BER, in pieces (24); `None` for anything else.
pub(in crate::read) fn octets(reader: &Reader<'_>, element: &Element<'_>) -> Option<Vec<u8>> {
    match element.tag {
        0x04 => Some(element.body.to_vec()),
        0x24 => {
            let mut pieces = reader.enter(element).ok()?;
            let mut all = Vec::new();
            while let Some(piece) = pieces.next().ok()? {
                all.extend(octets(&pieces, &piece)?);
            }
            Some(all)
        }
        _ => None,
    }
}

/// An OBJECT IDENTIFIER in dotted form; `None` when `element` is none.
pub(in crate::read) fn oid(element: &Element<'_>) -> Option<String> {
    if element.tag != 0x06 {
        return None;
    }
    der::oid::ObjectIdentifier::from_bytes(element.body).ok().map(|oid| oid.to_string())
}

/// Seconds since 1970 UTC of a UTCTime or GeneralizedTime that ends in `Z`; fractions of a second are cut off.
pub(in crate::read) fn time(element: &Element<'_>) -> Option<i64> {
    let text = std::str::from_utf8(element.body).ok()?.strip_suffix('Z')?;
    let (year, rest) = match element.tag {
        0x17 => {
            let (digits, rest) = text.split_at_checked(2)?;
            let short = number(digits)?;
            (if short < 50 { short.checked_add(2000)? } else { short.checked_add(1900)? }, rest)
        }
        0x18 => {
            let (digits, rest) = text.split_at_checked(4)?;
            (number(digits)?, rest)
        }
        _ => return None,
    };
    let whole = rest.split('.').next()?;
    let mut fields = [0_i64; 5];
    let mut left = whole;
    for field in &mut fields {
        if left.is_empty() {
            break;
        }
        let (digits, rest) = left.split_at_checked(2)?;
        *field = number(digits)?;
        left = rest;
    }
    let [month, day, hour, minute, second] = fields;
    if !left.is_empty() || !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = time::Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let midnight = date.midnight().assume_utc().unix_timestamp();
    midnight.checked_add(hour.checked_mul(3600)?)?.checked_add(minute.checked_mul(60)?)?.checked_add(second)
}

fn number(digits: &str) -> Option<i64> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

#[cfg(test)]
#[allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]
mod tests {
    use super::*;

    #[test]
    fn an_indefinite_length_ends_at_its_own_end_of_contents() {
        let bytes = [0x30, 0x80, 0x30, 0x80, 0x02, 0x01, 0x07, 0, 0, 0x04, 0x01, 0xff, 0, 0, 0x05, 0];
        let mut reader = Reader::ber(&bytes);
        let outer = reader.next().unwrap().unwrap();
        assert_eq!(outer.whole.len(), 14);
        let mut inner = reader.enter(&outer).unwrap();
        assert_eq!(inner.next().unwrap().unwrap().body, [0x02, 0x01, 0x07]);
        assert_eq!(inner.next().unwrap().unwrap().body, [0xff]);
        assert!(inner.next().unwrap().is_none());
        assert_eq!(reader.next().unwrap().unwrap().tag, 0x05);
        assert!(Reader::der(&bytes).next().is_err());
    }

    #[test]
    fn nesting_without_end_is_an_error_and_not_a_stack_overflow() {
        let bytes = [0x30, 0x80].repeat(100_000);
        assert!(Reader::ber(&bytes).next().is_err());
    }

    #[test]
    fn times_are_seconds_since_1970() {
        let at = |tag, text: &'static str| time(&Element { tag, body: text.as_bytes(), whole: &[], offset: 0, body_offset: 0 });
        assert_eq!(at(0x17, "700101000001Z"), Some(1));
        assert_eq!(at(0x18, "20240229120000.5Z"), Some(1_709_208_000));
        assert_eq!(at(0x18, "20230229120000Z"), None);
        assert_eq!(at(0x17, "7001é1000001Z"), None);
    }
}
