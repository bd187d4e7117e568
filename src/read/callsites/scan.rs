//! The fast pass: goes over all code once and notes where a sought function may be called or its address taken.
//!
//! Notes too much rather than too little; the functions around the notes are decoded afterwards.

use super::arm64::{adr, branch26, offset19};
use super::image::Image;
use crate::read::ReadError;
use std::collections::BTreeMap;

/// Bytes read at once.
const CHUNK: u64 = 1 << 20;
/// Bytes of the next chunk that are read too, for what begins in this one.
const OVERLAP: u64 = 256;
/// Most notes kept.
pub(super) const MOST_NOTES: usize = 100_000;

/// Bits of a [`Sieve`].
const SIEVE: usize = 1 << 16;

/// Says of most numbers that they are not among some: a bit for the low part of each.
pub(super) struct Sieve(Box<[u64; SIEVE / 64]>);

impl Sieve {
    /// Over some numbers.
    pub(super) fn new(numbers: impl IntoIterator<Item = u64>) -> Self {
        let mut bits = Box::new([0u64; SIEVE / 64]);
        for number in numbers {
            if let Some(word) = bits.get_mut((number as usize % SIEVE) / 64) {
                *word |= 1u64.wrapping_shl(number as u32);
            }
        }
        Self(bits)
    }

    /// False for numbers that are certainly not among them.
    #[inline(always)]
    pub(super) fn may_have(&self, number: u64) -> bool {
        self.0.get((number as usize % SIEVE) / 64).is_some_and(|word| word.wrapping_shr(number as u32) & 1 != 0)
    }
}

/// The addresses that are looked for.
pub(super) struct Wanted {
    /// Over the addresses divided by 4, for instructions that are words.
    words: Sieve,
    /// Over page numbers.
    leaves: Sieve,
    /// Ascending.
    addresses: Vec<u64>,
    low: u64,
    span: u64,
    pages: Vec<u64>,
}

impl Wanted {
    /// Over code and pointer addresses.
    pub(super) fn new(addresses: impl IntoIterator<Item = u64>) -> Self {
        let mut addresses: Vec<u64> = addresses.into_iter().collect();
        addresses.sort_unstable();
        addresses.dedup();
        let mut pages: Vec<u64> = addresses.iter().map(|at| at & !0xfff).collect();
        pages.dedup();
        let (low, high) = (addresses.first().copied().unwrap_or(0), addresses.last().copied().unwrap_or(0));
        let words = Sieve::new(addresses.iter().map(|at| at >> 2));
        let leaves = Sieve::new(pages.iter().map(|at| at >> 12));
        Self { addresses, low, span: high.wrapping_sub(low), pages, words, leaves }
    }

    /// Nothing is looked for.
    pub(super) fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    #[inline(always)]
    fn near(&self, at: u64) -> bool {
        at.wrapping_sub(self.low) <= self.span
    }

    #[inline(always)]
    fn near_page(&self, at: u64) -> bool {
        at.wrapping_sub(self.low & !0xfff) <= self.span.wrapping_add(0x1000)
    }

    #[inline(always)]
    fn has(&self, at: u64) -> Option<u64> {
        (self.near(at) && self.addresses.binary_search(&at).is_ok()).then_some(at)
    }

    #[inline(always)]
    fn has_page(&self, at: u64) -> bool {
        self.near_page(at) && self.pages.binary_search(&at).is_ok()
    }
}

/// An instruction that refers to a wanted address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Note {
    /// Where it is; inside it on x86_64 when a prefix comes first.
    pub at: u64,
    /// The wanted address.
    pub target: u64,
}

/// The references to wanted addresses, in address order.
pub(super) fn references(image: &Image, wanted: &Wanted, is_arm64: bool, faults: &mut Vec<ReadError>) -> Vec<Note> {
    let mut notes = Vec::new();
    if wanted.is_empty() {
        return notes;
    }
    for section in image.code() {
        let mut done = 0u64;
        while done < section.size && notes.len() < MOST_NOTES {
            let at = section.address.wrapping_add(done);
            let Some(bytes) = image.bytes(section, at, CHUNK.saturating_add(OVERLAP)) else {
                faults.push(ReadError::new(format!("code of {},{} cannot be read", section.segment, section.name), section.offset));
                break;
            };
            let limit = bytes.len().min(CHUNK as usize);
            if is_arm64 {
                arm64(&bytes, limit, at, wanted, &mut notes);
            } else {
                x86(&bytes, limit, at, wanted, &mut notes);
            }
            done = done.saturating_add(CHUNK);
        }
    }
    notes.sort_unstable();
    notes.dedup();
    notes
}

fn arm64(bytes: &[u8], limit: usize, start: u64, wanted: &Wanted, notes: &mut Vec<Note>) {
    let head = bytes.get(..limit).unwrap_or(bytes);
    let mut at = start;
    for chunk in head.as_chunks::<4>().0 {
        let word = u32::from_le_bytes(*chunk);
        if may_refer(word, at, wanted)
            && let Some(target) = arm64_target(word, at, bytes, start, wanted)
        {
            notes.push(Note { at, target });
        }
        at = at.wrapping_add(4);
    }
}

/// Whether the word can be an instruction that names an address in the wanted range. Without branches, which the processor would mostly guess wrong.
#[inline(always)]
fn may_refer(word: u32, at: u64, wanted: &Wanted) -> bool {
    let target = branch26(at, word);
    let branch = (word & 0x7c00_0000 == 0x1400_0000) & wanted.near(target) & wanted.words.may_have(target >> 2);
    let page = adr(at, word);
    let address = (word & 0x1f00_0000 == 0x1000_0000) & wanted.near_page(page) & wanted.leaves.may_have(page >> 12);
    let literal = (word & 0xff00_0000 == 0x5800_0000) & wanted.near(offset19(at, word));
    branch | address | literal
}

fn arm64_target(word: u32, at: u64, bytes: &[u8], start: u64, wanted: &Wanted) -> Option<u64> {
    match word >> 24 {
        0x14..=0x17 | 0x94..=0x97 => wanted.has(branch26(at, word)),
        0x90 | 0xb0 | 0xd0 | 0xf0 if wanted.has_page(adr(at, word)) => {
            completes(bytes, at.wrapping_sub(start), word, adr(at, word), wanted)
        }
        0x10 | 0x30 | 0x50 | 0x70 => wanted.has(adr(at, word)),
        0x58 => wanted.has(offset19(at, word)),
        _ => None,
    }
}

/// One of the next instructions adds the offset of a wanted address to the page that `adrp` made.
fn completes(bytes: &[u8], offset: u64, adrp: u32, page: u64, wanted: &Wanted) -> Option<u64> {
    let from = usize::try_from(offset).unwrap_or(usize::MAX);
    let following = bytes.get(from..).unwrap_or_default().chunks_exact(4).skip(1).take(63);
    following.filter_map(|c| c.try_into().ok()).map(u32::from_le_bytes).find_map(|word| {
        if (word >> 5) & 31 != adrp & 31 {
            return None;
        }
        let immediate = u64::from((word >> 10) & 0xfff);
        match word >> 22 {
            // `ldr x, [x, #…]` and `add x, x, #…`.
            0b11_1110_0101 => wanted.has(page.wrapping_add(immediate.wrapping_mul(8))),
            0b10_0100_0100 => wanted.has(page.wrapping_add(immediate)),
            _ => None,
        }
    })
}

/// First bytes of the x86_64 instructions that name an address: `call`, `jmp`, `call`/`jmp [rip+…]`, `mov`/`lea` from `[rip+…]`, `jcc`.
const OPENERS: [bool; 256] = {
    let mut openers = [false; 256];
    openers[0xe8] = true;
    openers[0xe9] = true;
    openers[0xff] = true;
    openers[0x8b] = true;
    openers[0x8d] = true;
    openers[0x0f] = true;
    openers
};

fn x86(bytes: &[u8], limit: usize, start: u64, wanted: &Wanted, notes: &mut Vec<Note>) {
    // Every reference ends in four bytes that count from the end of the instruction (no immediate follows in the forms looked for).
    let head = bytes.get(..limit).unwrap_or(bytes);
    for (index, &first) in head.iter().enumerate() {
        if !OPENERS.get(usize::from(first)).is_some_and(|opens| *opens) {
            continue;
        }
        let at = start.wrapping_add(index as u64);
        let rest = bytes.get(index..).unwrap_or_default();
        if let Some(target) = x86_target(first, at, rest, wanted) {
            notes.push(Note { at, target });
        }
    }
}

#[inline(always)]
fn x86_target(first: u8, at: u64, bytes: &[u8], wanted: &Wanted) -> Option<u64> {
    let &[_, second, a, b, c] = bytes.first_chunk::<5>()?;
    if first & 0xfe == 0xe8 {
        return wanted.has(at.wrapping_add(5).wrapping_add(relative([second, a, b, c])));
    }
    let names = match first {
        0xff => second == 0x15 || second == 0x25,
        0x0f => second & 0xf0 == 0x80,
        _ => second & 0xc7 == 0x05,
    };
    let &last = bytes.get(5).filter(|_| names)?;
    wanted.has(at.wrapping_add(6).wrapping_add(relative([a, b, c, last])))
}

fn relative(bytes: [u8; 4]) -> u64 {
    i64::from(i32::from_le_bytes(bytes)) as u64
}

/// Notes by the function that holds them: its start and end.
pub(super) fn by_function(notes: &[Note], functions: &[u64], image: &Image) -> BTreeMap<u64, (u64, bool)> {
    let mut ranges = BTreeMap::new();
    for Note { at: note, .. } in notes.iter().copied() {
        let Some(section) = image.code_at(note) else { continue };
        let section_end = section.address.saturating_add(section.size);
        let after = functions.partition_point(|&start| start <= note);
        let start = after.checked_sub(1).and_then(|i| functions.get(i)).copied().filter(|&start| start >= section.address);
        let next = functions.get(after).copied().unwrap_or(section_end).min(section_end);
        match start {
            Some(start) => {
                ranges.insert(start, (next, false));
            }
            None => {
                let low = note.saturating_sub(super::WINDOW).max(section.address);
                let high = note.saturating_add(super::WINDOW).min(next);
                ranges.entry(low).or_insert((high, true));
            }
        }
    }
    ranges
}
