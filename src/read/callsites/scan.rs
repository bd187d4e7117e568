//! The fast pass: goes over all code once and notes what refers to a sought address or to the start of a function.
//!
//! Notes too much rather than too little; the functions around the notes are decoded afterwards. Starts of functions are noted too because
//! which of them are sought (those that hand their arguments on) is known only then, and the code need not be gone over again.

use super::arm64::{adr, branch26, offset19};
use super::image::Image;
use crate::read::ReadError;
use crate::read::macho::Section;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes read at once.
const CHUNK: u64 = 1 << 18;
/// Bytes of the next chunk that are read too, for what begins in this one.
const OVERLAP: u64 = 256;
/// Most notes given for one question.
pub(super) const MOST_NOTES: usize = 100_000;
/// Most references kept (8 bytes each).
const MOST_REFERENCES: usize = 1 << 24;
/// Least and most bits of a [`Sieve`].
const SIEVE: [usize; 2] = [1 << 16, 1 << 26];
/// Places looked at in a row before what was found among them is looked at closer.
const BLOCK: usize = 4096;

/// Says of most numbers that they are not among some: a bit for the low part of each.
pub(super) struct Sieve {
    bits: Vec<u64>,
    mask: u64,
}

impl Sieve {
    /// Over some numbers.
    pub(super) fn new(numbers: impl Iterator<Item = u64> + Clone) -> Self {
        // Sixteen bits for each keep false answers below one in sixteen.
        let size = numbers.clone().count().saturating_mul(16).clamp(SIEVE[0], SIEVE[1]).next_power_of_two();
        let mut sieve = Self { bits: vec![0; size / 64], mask: (size as u64).wrapping_sub(1) };
        for number in numbers {
            if let Some(word) = sieve.bits.get_mut(((number & sieve.mask) / 64) as usize) {
                *word |= 1u64.wrapping_shl(number as u32);
            }
        }
        sieve
    }

    /// False for numbers that are certainly not among them.
    #[inline(always)]
    pub(super) fn may_have(&self, number: u64) -> bool {
        self.bits.get(((number & self.mask) / 64) as usize).is_some_and(|word| word.wrapping_shr(number as u32) & 1 != 0)
    }
}

/// An instruction that refers to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Note {
    /// Where it is; inside it on x86_64 when a prefix comes first.
    pub at: u64,
    /// The address.
    pub target: u64,
}

/// What the code of a slice refers to, as far as it may be asked for.
pub(super) struct References {
    /// Where and what, counted from `base`. In the order of the code; some are of addresses that nobody asks for.
    pairs: Vec<(u32, u32)>,
    base: u64,
    /// There were more than could be kept.
    cut: bool,
}

/// What is asked of each instruction.
struct Filter {
    /// Over addresses, divided by 4 on arm64.
    addresses: Sieve,
    /// Over page numbers.
    pages: Sieve,
    shift: u32,
}

impl Filter {
    fn may_have(&self, at: u64) -> bool {
        self.addresses.may_have(at.wrapping_shr(self.shift))
    }
}

impl References {
    /// Goes over all code, for references to the sought addresses and to starts of functions.
    pub(super) fn new(image: &Image, functions: &[u64], faults: &mut Vec<ReadError>) -> Self {
        let shift = if image.is_arm64() { 2 } else { 0 };
        let all = image.sought_addresses().chain(functions.iter().copied());
        let mut pages: Vec<u64> = all.clone().map(|at| at >> 12).collect();
        pages.dedup();
        let addresses = Sieve::new(all.map(|at| at.wrapping_shr(shift)));
        let filter = Filter { addresses, pages: Sieve::new(pages.into_iter()), shift };
        let mut references = Self { pairs: Vec::new(), base: image.base(), cut: false };
        // Sections that lie over each other could make more code of a crafted file than it has bytes.
        let mut left = image.length();
        for section in image.code() {
            match left.checked_sub(section.size) {
                Some(rest) if references.pairs.len() < MOST_REFERENCES => left = rest,
                _ => {
                    faults.push(ReadError::new("too much code to look for every call", section.offset));
                    references.cut = true;
                    break;
                }
            }
            if !references.go_over(section, image, &filter) {
                faults.push(ReadError::new(format!("code of {},{} cannot be read", section.segment, section.name), section.offset));
                references.cut = true;
            }
        }
        references
    }

    /// False when the section cannot be read to its end.
    fn go_over(&mut self, section: &Section, image: &Image, filter: &Filter) -> bool {
        let mut bytes = Vec::new();
        let mut done = 0u64;
        while done < section.size && self.pairs.len() < MOST_REFERENCES {
            let at = section.address.wrapping_add(done);
            if !image.fill(section, at, CHUNK.saturating_add(OVERLAP), &mut bytes) {
                return false;
            }
            let limit = bytes.len().min(CHUNK as usize);
            if image.is_arm64() {
                arm64(&bytes, limit, at, filter, self);
            } else {
                x86(&bytes, limit, at, filter, self);
            }
            done = done.saturating_add(CHUNK);
        }
        self.cut |= done < section.size;
        true
    }

    fn add(&mut self, at: u64, target: u64) {
        // Further than 4 GB from the image's start nothing can be that is referred to so.
        let offset = |at: u64| u32::try_from(at.wrapping_sub(self.base)).ok();
        if let (Some(from), Some(to)) = (offset(at), offset(target)) {
            self.pairs.push((from, to));
        }
    }

    /// The references to some addresses, in the order of the code, and whether those are all.
    pub(super) fn to(&self, wanted: &BTreeSet<u64>) -> (Vec<Note>, bool) {
        let sieve = Sieve::new(wanted.iter().map(|at| at.wrapping_sub(self.base)));
        let named = self.pairs.iter().filter(|(_, to)| sieve.may_have(u64::from(*to)));
        let note =
            |&(from, to): &(u32, u32)| Note { at: self.base.wrapping_add(u64::from(from)), target: self.base.wrapping_add(u64::from(to)) };
        let mut notes: Vec<Note> = named.map(note).filter(|note| wanted.contains(&note.target)).take(MOST_NOTES).collect();
        let all = !self.cut && notes.len() < MOST_NOTES;
        notes.sort_unstable();
        notes.dedup();
        (notes, all)
    }
}

/// The indexes of the places that pass, without a branch for each, which the processor would often guess wrong. `block`: at most [`BLOCK`] long.
#[inline(always)]
fn passed<'a, T: Copy>(block: &[T], indexes: &'a mut [u16; BLOCK], mut passes: impl FnMut(T) -> bool) -> &'a [u16] {
    let mut count = 0usize;
    for (index, &place) in block.iter().enumerate() {
        if let Some(free) = indexes.get_mut(count) {
            *free = index as u16;
        }
        count = count.wrapping_add(usize::from(passes(place)));
    }
    indexes.get(..count).unwrap_or_default()
}

fn arm64(bytes: &[u8], limit: usize, start: u64, filter: &Filter, references: &mut References) {
    let words = bytes.as_chunks::<4>().0;
    let word_at = |index: usize| words.get(index).map_or(0, |word| u32::from_le_bytes(*word));
    let at = |index: usize| start.wrapping_add((index as u64).wrapping_mul(4));
    let mut indexes = [0u16; BLOCK];
    let mut done = 0usize;
    for block in words.get(..limit.div_ceil(4).min(words.len())).unwrap_or_default().chunks(BLOCK) {
        let is_branch = |word: [u8; 4]| u32::from_le_bytes(word) & 0x7c00_0000 == 0x1400_0000;
        for index in passed(block, &mut indexes, is_branch).iter().map(|index| usize::from(*index).wrapping_add(done)) {
            let target = branch26(at(index), word_at(index));
            if filter.may_have(target) {
                references.add(at(index), target);
            }
        }
        // `adr`, `adrp`, `ldr` of a literal.
        let names = |word: [u8; 4]| {
            let word = u32::from_le_bytes(word);
            (word & 0x1f00_0000 == 0x1000_0000) | (word & 0xff00_0000 == 0x5800_0000)
        };
        for index in passed(block, &mut indexes, names).iter().map(|index| usize::from(*index).wrapping_add(done)) {
            let (at, word) = (at(index), word_at(index));
            match word >> 24 {
                0x90 | 0xb0 | 0xd0 | 0xf0 => {
                    let page = adr(at, word);
                    if filter.pages.may_have(page >> 12) {
                        completes(words.get(index..).unwrap_or_default(), at, page, filter, references);
                    }
                }
                0x58 if filter.may_have(offset19(at, word)) => references.add(at, offset19(at, word)),
                0x58 => {}
                _ if filter.may_have(adr(at, word)) => references.add(at, adr(at, word)),
                _ => {}
            }
        }
        done = done.wrapping_add(block.len());
    }
}

/// The next instructions that add the offset of an address to the page that `adrp`, the first, made.
fn completes(words: &[[u8; 4]], at: u64, page: u64, filter: &Filter, references: &mut References) {
    let mut words = words.iter().map(|word| u32::from_le_bytes(*word));
    let register = words.next().unwrap_or(0) & 31;
    for word in words.take(63).filter(|word| (word >> 5) & 31 == register) {
        let immediate = u64::from((word >> 10) & 0xfff);
        let target = match word >> 22 {
            // `ldr x, [x, #…]` and `add x, x, #…`.
            0b11_1110_0101 => page.wrapping_add(immediate.wrapping_mul(8)),
            0b10_0100_0100 => page.wrapping_add(immediate),
            _ => continue,
        };
        if filter.may_have(target) {
            references.add(at, target);
        }
    }
}

/// What the byte before an address must be, as bits: 1 for itself (`call`, `jmp`), the others with what [`FIRST`] says of the byte before it.
const SECOND: [u8; 256] = {
    let mut kinds = [0u8; 256];
    let mut byte = 0usize;
    while byte < 256 {
        let call = byte & 0xfe == 0xe8;
        let through_pointer = byte == 0x15 || byte == 0x25;
        let kind = call as u8 | (through_pointer as u8) << 1 | ((byte & 0xc7 == 0x05) as u8) << 2 | ((byte & 0xf0 == 0x80) as u8) << 3;
        #[allow(clippy::indexing_slicing)] // The index is below 256.
        {
            kinds[byte] = kind;
        }
        byte = byte.wrapping_add(1);
    }
    kinds
};

/// First bytes of the x86_64 instructions of two bytes that name an address: `call`/`jmp [rip+…]`, `mov`/`lea` from `[rip+…]`, `jcc`.
const FIRST: [u8; 256] = {
    let mut kinds = [1u8; 256];
    kinds[0xff] = 3;
    kinds[0x8b] = 5;
    kinds[0x8d] = 5;
    kinds[0x0f] = 9;
    kinds
};

fn x86(bytes: &[u8], limit: usize, start: u64, filter: &Filter, references: &mut References) {
    // Every reference ends in four bytes that count from the end of the instruction (no immediate follows in the forms looked for).
    let kinds =
        |first: u8, second: u8| FIRST.get(usize::from(first)).copied().unwrap_or(0) & SECOND.get(usize::from(second)).copied().unwrap_or(0);
    // Opcodes that begin in the chunk: one byte before its first is not known, and belongs to the chunk before.
    let openers = bytes.get(..limit.saturating_add(1).min(bytes.len())).unwrap_or_default();
    let mut indexes = [0u16; BLOCK];
    let (mut done, mut before) = (0usize, 0u8);
    for block in openers.chunks(BLOCK) {
        let opens = |second| kinds(std::mem::replace(&mut before, second), second) != 0;
        for second in passed(block, &mut indexes, opens).iter().map(|index| usize::from(*index).wrapping_add(done)) {
            let Some(number) = bytes.get(second.wrapping_add(1)..).and_then(|rest| rest.first_chunk::<4>()) else { continue };
            let target = start.wrapping_add(second as u64).wrapping_add(5).wrapping_add(i64::from(i32::from_le_bytes(*number)) as u64);
            if filter.may_have(target) {
                let is_one_byte = bytes.get(second).is_some_and(|byte| byte & 0xfe == 0xe8);
                references.add(start.wrapping_add(second as u64).wrapping_sub(u64::from(!is_one_byte)), target);
            }
        }
        done = done.wrapping_add(block.len());
    }
}

/// Notes by the function that holds them: its start and end, and whether those are guessed.
pub(super) fn by_function(notes: &[Note], functions: &[u64], image: &Image) -> BTreeMap<u64, (u64, bool)> {
    let mut ranges = BTreeMap::new();
    let mut last = 0u64..0u64;
    for Note { at: note, .. } in notes.iter().copied() {
        if last.contains(&note) {
            continue;
        }
        let Some(section) = image.code_at(note) else { continue };
        let section_end = section.address.saturating_add(section.size);
        let after = functions.partition_point(|&start| start <= note);
        let start = after.checked_sub(1).and_then(|i| functions.get(i)).copied().filter(|&start| start >= section.address);
        let next = functions.get(after).copied().unwrap_or(section_end).min(section_end);
        match start {
            Some(start) => {
                ranges.insert(start, (next, false));
                last = start..next;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use super::*;

    const START: u64 = 0x1_0000_4000;

    fn filter(targets: &[u64], shift: u32) -> Filter {
        let addresses = Sieve::new(targets.iter().map(|at| at >> shift));
        Filter { addresses, pages: Sieve::new(targets.iter().map(|at| at >> 12)), shift }
    }

    /// What the pass finds of some targets when it goes over code in pieces of `limit` bytes.
    fn found(code: &[u8], limit: usize, targets: &[u64], is_arm64: bool) -> Vec<Note> {
        let filter = filter(targets, if is_arm64 { 2 } else { 0 });
        let mut references = References { pairs: Vec::new(), base: START & !0xffff_ffff, cut: false };
        let mut done = 0;
        while done < code.len() {
            let piece = &code[done..code.len().min(done + limit + OVERLAP as usize)];
            let pass = if is_arm64 { arm64 } else { x86 };
            pass(piece, piece.len().min(limit), START + done as u64, &filter, &mut references);
            done += limit;
        }
        references.to(&targets.iter().copied().collect()).0
    }

    fn target5(code: &[u8], at: usize, length: usize) -> Option<u64> {
        let number = code.get(at + length - 4..at + length)?;
        Some((START + (at + length) as u64).wrapping_add(i64::from(i32::from_le_bytes(number.try_into().unwrap())) as u64))
    }

    proptest::proptest! {
        /// One place after the other, with the manual's forms.
        #[test]
        fn the_x86_pass_finds_what_a_slow_one_finds(noise: Vec<u8>, planted: Vec<(u8, u16)>, limit in 16usize..200) {
            let forms: [&[u8]; 8] = [&[0xe8], &[0xe9], &[0xff, 0x15], &[0xff, 0x25], &[0x8b, 0x05], &[0x8d, 0x3d], &[0x0f, 0x84], &[0x48, 0x8d, 0x35]];
            let targets = [START - 0x100, START + 0x40, START + 0x3000];
            let mut code = noise.clone();
            for (form, target) in planted {
                code.extend_from_slice(forms[usize::from(form) % forms.len()]);
                let to = targets[usize::from(target) % targets.len()];
                code.extend_from_slice(&(to.wrapping_sub(START + code.len() as u64 + 4) as u32).to_le_bytes());
                code.extend_from_slice(&noise[..noise.len().min(usize::from(target >> 8) % 5)]);
            }
            let mut slow = Vec::new();
            for at in 0..code.len() {
                let second = code.get(at + 1).copied().unwrap_or(0);
                let length = match code[at] {
                    0xe8 | 0xe9 => 5,
                    0xff if second == 0x15 || second == 0x25 => 6,
                    0x0f if second & 0xf0 == 0x80 => 6,
                    0x8b | 0x8d if second & 0xc7 == 5 => 6,
                    _ => continue,
                };
                if let Some(target) = target5(&code, at, length).filter(|target| targets.contains(target)) {
                    slow.push(Note { at: START + at as u64, target });
                }
            }
            proptest::prop_assert_eq!(found(&code, limit, &targets, false), slow);
        }

        #[test]
        fn the_arm64_pass_finds_what_a_slow_one_finds(noise: Vec<u32>, planted: Vec<(u8, u8)>, pieces in 4usize..40) {
            let targets = [START - 0x1000, START + 0x40, START + 0x5008];
            let mut words: Vec<u32> = Vec::new();
            for (form, target) in &planted {
                let at = START + 4 * words.len() as u64;
                let to = targets[usize::from(*target) % targets.len()];
                let words_away = (to.wrapping_sub(at) / 4) as u32;
                match form % 5 {
                    0 => words.push(0x9400_0000 | ((to as i64 - at as i64) / 4) as u32 & 0x03ff_ffff),
                    1 => words.push(0x1400_0000 | ((to as i64 - at as i64) / 4) as u32 & 0x03ff_ffff),
                    2 => words.push(0x5800_0000 | (words_away & 0x7_ffff) << 5),
                    3 => words.push(0x1000_0000 | (words_away & 0x7_ffff) << 5),
                    _ => {
                        let pages = ((to >> 12) as i64 - (at >> 12) as i64) as u32;
                        words.push(0x9000_0001 | (pages & 3) << 29 | (pages >> 2 & 0x7_ffff) << 5);
                        words.push(0xd503_201f);
                        words.push(0x9100_0021 | (to as u32 & 0xfff) << 10);
                    }
                }
                words.extend(noise.get(usize::from(*target)));
            }
            let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let mut slow = Vec::new();
            for (index, &word) in words.iter().enumerate() {
                let at = START + 4 * index as u64;
                let named = match word >> 24 {
                    0x14..=0x17 | 0x94..=0x97 => vec![branch26(at, word)],
                    0x10 | 0x30 | 0x50 | 0x70 => vec![adr(at, word)],
                    0x58 => vec![offset19(at, word)],
                    0x90 | 0xb0 | 0xd0 | 0xf0 => {
                        let after = words[index + 1..].iter().take(63).filter(|next| (**next >> 5) & 31 == word & 31);
                        let offset = |next: &u32| match next >> 22 {
                            0x3e5 => Some(u64::from(next >> 10 & 0xfff) * 8),
                            0x244 => Some(u64::from(next >> 10 & 0xfff)),
                            _ => None,
                        };
                        after.filter_map(offset).map(|offset| adr(at, word).wrapping_add(offset)).collect()
                    }
                    _ => Vec::new(),
                };
                // The pass asks only of pages that hold a target.
                let asked = |page: u64| word >> 24 & 0x9f != 0x90 || targets.iter().any(|to| to >> 12 == page >> 12);
                slow.extend(named.into_iter().filter(|to| targets.contains(to) && asked(adr(at, word))).map(|target| Note { at, target }));
            }
            slow.sort_unstable();
            slow.dedup();
            proptest::prop_assert_eq!(found(&code, pieces * 4, &targets, true), slow);
        }
    }
}
