//! Seeded damage: the same seed and the same inputs give the same bytes, on every machine.

use super::random::Random;

/// Longest input that is made.
pub const MAX_LEN: usize = 128 * 1024;

/// Words at which readers look twice: magics, tags, keywords, line beginnings.
const DICTIONARY: &[&[u8]] = &[
    b"\xfa\xde\x0c\xc0",
    b"\xfa\xde\x0c\x02",
    b"\xfa\xde\x0c\x01",
    b"\xfa\xde\x0c\x00",
    b"\xfa\xde\x71\x71",
    b"\xfa\xde\x71\x72",
    b"\xfa\xde\x0b\x01",
    b"\xcf\xfa\xed\xfe",
    b"\xfe\xed\xfa\xce",
    b"\xca\xfe\xba\xbe",
    b"\xca\xfe\xba\xbf",
    b"\x00\x00\x10\x00",
    b"\x00\x01\x00\x00",
    b"\x22\x00\x00\x80",
    b"\x34\x00\x00\x80",
    b"\x33\x00\x00\x80",
    b"\x1d\x00\x00\x00",
    b"\x19\x00\x00\x00",
    b"\x02\x00\x00\x00",
    b"\x0b\x00\x00\x00",
    b"\x30\x80",
    b"\x30\x84\xff\xff\xff\xff",
    b"\x31\x80",
    b"\xa0\x80",
    b"\x24\x80",
    b"\x00\x00",
    b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02",
    b"\x70\x05\x02\x01\x01\xb0\x00",
    b"\xb0\x82\xff\xff",
    b"\x0c\x00",
    b"<dict>",
    b"</dict>",
    b"<array>",
    b"</array>",
    b"<key>",
    b"</key>",
    b"<string>",
    b"</string>",
    b"<data>",
    b"</data>",
    b"<true/>",
    b"<false/>",
    b"<integer>",
    b"<real>",
    b"<date>",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"<!DOCTYPE",
    b"&lt;",
    b"&#x0;",
    b"&#xd800;",
    b"&a;",
    b"<?xml",
    b"bplist00",
    b"files2",
    b"rules2",
    b"hash2",
    b"cdhash",
    b"requirement",
    b"symlink",
    b"optional",
    b"weight",
    b"omit",
    b"nested",
    b"^.*",
    b"\\.",
    b"(a|b)*$",
    b"[^/]+",
    b"identifier",
    b"anchor apple generic",
    b"certificate leaf",
    b"[field.1.2.840.113635.100.6.2.6]",
    b"[subject.OU]",
    b" and ",
    b" or ",
    b"!",
    b"(",
    b")",
    b"cdhash H\"",
    b"=>",
    b"exists",
    b"\"",
    b"designated",
    b"/*",
    b"*/",
    b"#",
    b"//",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"null",
    b"\\u0000",
    b"\\ud800",
    b"1e999",
    b"-1",
    b"18446744073709551616",
    b"0x",
    b"\n",
    b"\r\n",
    b"\t",
    b"\x00",
    b"Thread 0 Crashed:",
    b"Binary Images:",
    b"Exception Type:",
    b"Termination Reason:",
    b"Application Specific Information:",
    b"Thread 0 crashed with",
    b"\"usedImages\"",
    b"\"threads\"",
    b"\"frames\"",
    b"\"imageIndex\"",
    b"\"vmRegionInfo\"",
    b"\"termination\"",
    b"\"faultingThread\"",
    b"\"bug_type\":\"309\"",
    b"dyld: Library not loaded: ",
    b"Reason: ",
    b"AMFI: ",
    b"kernel: ",
    b"CODESIGNING",
    b"Library Validation failed",
    b"taskgated",
    b"tccd",
    b"\x1b[31m",
    "\u{202e}".as_bytes(),
    "\u{feff}".as_bytes(),
    b"\xff\xfe",
    b"\xf0\x9f",
    b"%n%s",
];

/// Numbers at which arithmetic breaks.
const NUMBERS: &[u64] = &[
    0,
    1,
    2,
    7,
    8,
    0x7f,
    0x80,
    0xff,
    0x100,
    0xfff,
    0x1000,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff0,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
];

/// A damaged copy of one of the inputs.
pub fn mutated(random: &mut Random, pool: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = random.pick(pool).unwrap().clone();
    let rounds = 1 + (random.next() & random.next() & 7) as usize;
    for _ in 0..rounds {
        step(random, pool, &mut bytes);
    }
    bytes.truncate(MAX_LEN);
    bytes
}

fn step(random: &mut Random, pool: &[Vec<u8>], bytes: &mut Vec<u8>) {
    let at = place(random, bytes.len());
    match random.below(16) {
        0 | 1 => flip(random, bytes, at),
        2 | 3 => set(bytes, at, &[(random.next() & 0xff) as u8]),
        4..=6 => number(random, bytes, at),
        7 => drop(bytes.splice(at.min(bytes.len())..at.min(bytes.len()), random_bytes(random))),
        8 => drop(bytes.drain(range(random, bytes.len(), at))),
        9 => repeat(random, bytes, at),
        10 | 11 => set(bytes, at, random.pick(DICTIONARY).unwrap()),
        12 => drop(bytes.splice(at.min(bytes.len())..at.min(bytes.len()), random.pick(DICTIONARY).unwrap().iter().copied())),
        13 => digits(random, bytes, at),
        14 => splice(random, pool, bytes, at),
        _ => bytes.truncate(at),
    }
}

/// A place; every second one near the beginning, where headers are.
fn place(random: &mut Random, len: usize) -> usize {
    let near = if random.next() & 1 == 0 { len } else { len.min(512) };
    random.below(near + 1)
}

fn range(random: &mut Random, len: usize, at: usize) -> std::ops::Range<usize> {
    let start = at.min(len);
    let longest = if random.next() & 7 == 0 { len } else { 32 };
    start..(start + random.below(longest + 1)).min(len)
}

fn flip(random: &mut Random, bytes: &mut [u8], at: usize) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << (random.next() & 7);
    }
}

fn set(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (byte, value) in bytes.iter_mut().skip(at).zip(value) {
        *byte = *value;
    }
}

/// A number of 2, 4 or 8 bytes of either order: a telling one, or the old one and a little more or less.
fn number(random: &mut Random, bytes: &mut [u8], at: usize) {
    let width = *random.pick(&[2usize, 4, 4, 8]).unwrap();
    let at = if random.next() & 1 == 0 { at & !3 } else { at };
    let is_big = random.next() & 1 == 0;
    let Some(slot) = bytes.get_mut(at..at + width) else { return };
    let mut value = slot.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    if is_big {
        value = value.swap_bytes() >> (64 - width * 8);
    }
    value = match random.below(4) {
        0 => value.wrapping_add(random.below(64) as u64).wrapping_sub(32),
        1 => value.wrapping_mul(*random.pick(&[2, 4, 16, 256]).unwrap()),
        2 => (random.pick(NUMBERS).unwrap()).wrapping_add(random.below(5) as u64).wrapping_sub(2),
        _ => *random.pick(NUMBERS).unwrap(),
    };
    let little = value.to_le_bytes();
    for (index, byte) in slot.iter_mut().enumerate() {
        *byte = little[if is_big { width - 1 - index } else { index }];
    }
}

fn random_bytes(random: &mut Random) -> Vec<u8> {
    let one = (random.next() & 0xff) as u8;
    let is_even = random.next() & 1 == 0;
    (0..=random.below(24)).map(|_| if is_even { one } else { (random.next() & 0xff) as u8 }).collect()
}

/// A piece, again and again: what makes readers go deep, or long.
fn repeat(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let range = range(random, bytes.len(), at);
    let piece = bytes[range.clone()].to_vec();
    let room = MAX_LEN.saturating_sub(bytes.len()) / piece.len().max(1);
    let most = if random.next() & 63 == 0 { 4096 } else { 8 };
    let count = random.below(most).min(room);
    let more: Vec<u8> = std::iter::repeat_n(piece, count).flatten().collect();
    bytes.splice(range.end..range.end, more);
}

/// A number in words: a run of digits becomes another.
fn digits(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let Some(start) = bytes.iter().skip(at).position(u8::is_ascii_digit).map(|found| found + at) else { return };
    let end = bytes.iter().skip(start).position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |found| found + start);
    let text = random.pick(NUMBERS).unwrap().wrapping_sub(random.next() & 1).to_string();
    bytes.splice(start..end, text.into_bytes());
}

/// A piece of another input.
fn splice(random: &mut Random, pool: &[Vec<u8>], bytes: &mut Vec<u8>, at: usize) {
    let other = random.pick(pool).unwrap();
    let start = random.below(other.len() + 1);
    let length = if random.next() & 3 == 0 { other.len() } else { 256 };
    let end = (start + random.below(length + 1)).min(other.len());
    let at = at.min(bytes.len());
    let until = if random.next() & 1 == 0 { at } else { (at + end - start).min(bytes.len()) };
    bytes.splice(at..until, other[start..end].iter().copied());
}
