//! Arguments that a function only hands on: looked up where the function is called, up to [`MOST_LEVELS`] levels up.
//!
//! The answer is *all* that a call can get only when every way into the functions was seen: all references to them are calls in this image
//! with constants, and their addresses lie nowhere in data, in no binding and, for a library, in no symbol table. Else the call stays unknown,
//! and beside it stands one call for each caller that is known to give constants: that one does happen, others may.

use super::image::Image;
use super::scan::{Note, Sieve};
use super::value::Abs;
use super::{Kind, Located, Search, WANTED, kind};
use crate::read::Source;
use crate::read::fixups::Bindings;
use crate::read::macho::{FileType, MachO, Section};
use std::collections::{BTreeMap, BTreeSet};

/// Most levels of callers.
const MOST_LEVELS: usize = 3;
/// Most callers followed of one function.
const MOST_CALLERS: usize = 64;
/// Most functions of one level whose callers are sought.
const MOST_WRAPPERS: usize = 256;
/// Most ways to one call that are told apart.
const MOST_WAYS: usize = 128;
/// Most calls told beside one that stays unknown.
const MOST_BESIDE: usize = 16;
/// Most bytes of data looked at for addresses of functions.
const MOST_DATA: u64 = 256 << 20;
/// Bytes of data read at once; divisible by 8.
const CHUNK: u64 = 1 << 20;
/// Types of sections that hold no addresses: S_ZEROFILL, S_GB_ZEROFILL and S_THREAD_LOCAL_ZEROFILL, which have no bytes in the file, and literals
/// (S_CSTRING_LITERALS, S_4BYTE_LITERALS, S_8BYTE_LITERALS, S_16BYTE_LITERALS).
const WITHOUT_ADDRESSES: [u32; 7] = [1, 12, 18, 2, 3, 4, 14];

/// The calls to one function.
#[derive(Default)]
struct Callers {
    calls: Vec<Call>,
    /// No others can exist.
    all: bool,
}

/// One call to a function whose callers are sought.
struct Call {
    address: u64,
    function: Option<u64>,
    arguments: Vec<Abs>,
}

/// One way to a call, with what it gives.
struct Way {
    arguments: Vec<Abs>,
    via: Vec<u64>,
}

/// What the image says of its own functions.
struct Names<'a> {
    macho: &'a MachO,
    bindings: &'a Bindings,
    /// Names the image binds to: others may bind to them as well, or give another definition.
    bound: BTreeSet<&'a str>,
}

/// Replaces handed-on parameters by what the callers give, and adds calls for callers that are known beside others that are not.
pub(super) fn complete(calls: &mut Vec<Located>, search: &mut Search, source: &dyn Source, macho: &MachO, bindings: &Bindings) {
    let bound = bindings.slots.values().chain(bindings.stubs.values()).map(String::as_str).collect();
    let names = Names { macho, bindings, bound };
    let known = climb(calls, search, source, &names);
    let mut beside = Vec::new();
    for call in calls.iter_mut().filter(|call| hands_on(call)) {
        let Some(function) = call.function else { continue };
        let mut ways = Vec::new();
        let given = Way { arguments: call.found.arguments.clone(), via: Vec::new() };
        if follow(function, given, 0, &known, &mut ways) {
            let mut ways = ways.into_iter();
            let Some(first) = ways.next() else { continue };
            let all = ways.fold(first, |mut all, way| {
                all.arguments = all.arguments.iter().zip(&way.arguments).map(|(mine, theirs)| mine.join(theirs)).collect();
                all.via.extend(way.via);
                all
            });
            call.found.arguments = all.arguments;
            call.found.via = all.via;
        } else {
            beside.extend(told_apart(call, ways));
        }
    }
    calls.extend(beside);
    calls.sort_by_key(|call| call.found.address);
}

/// One call for each way that gives something which matters.
fn told_apart(call: &Located, ways: Vec<Way>) -> Vec<Located> {
    let mut told: Vec<Located> = Vec::new();
    for way in ways.into_iter().filter(|way| gives(call, way)) {
        if told.len() < MOST_BESIDE && !told.iter().any(|other| other.found.arguments == way.arguments) {
            let mut found = call.found.clone();
            (found.arguments, found.via) = (way.arguments, way.via);
            told.push(Located { found, function: call.function });
        }
    }
    told
}

/// A parameter that is a flag, a protection or a name is known on this way.
fn gives(call: &Located, way: &Way) -> bool {
    let callee = WANTED.get(call.found.sought).map_or("", |(name, _)| *name);
    call.found.arguments.iter().zip(&way.arguments).enumerate().any(|(index, (before, after))| {
        let is_known = after.values().is_some() || matches!(after, Abs::Address(_));
        matches!(before, Abs::Param { .. }) && is_known && kind(callee, index) != Kind::Word
    })
}

fn hands_on(call: &Located) -> bool {
    call.found.arguments.iter().any(is_param)
}

fn is_param(argument: &Abs) -> bool {
    matches!(argument, Abs::Param { .. })
}

/// Walks up from a function whose parameters the arguments still name. False when there may be other ways than those put into `ways`.
fn follow(function: u64, given: Way, level: usize, known: &BTreeMap<u64, Callers>, ways: &mut Vec<Way>) -> bool {
    let callers = known.get(&function).filter(|callers| level < MOST_LEVELS && !callers.calls.is_empty());
    let Some(callers) = callers else { return false };
    let mut all = callers.all;
    for call in &callers.calls {
        if ways.len() >= MOST_WAYS {
            return false;
        }
        let arguments: Vec<Abs> = given.arguments.iter().map(|argument| substituted(argument, &call.arguments)).collect();
        let mut via = given.via.clone();
        via.push(call.address);
        let unfinished = arguments.iter().any(is_param);
        let way = Way { arguments, via };
        match call.function.filter(|_| unfinished) {
            Some(function) if known.contains_key(&function) && level.saturating_add(1) < MOST_LEVELS => {
                all &= follow(function, way, level.saturating_add(1), known, ways);
            }
            // What stays a parameter there is unknown here.
            _ => ways.push(Way { arguments: way.arguments.into_iter().map(finished).collect(), via: way.via }),
        }
    }
    all
}

/// An argument as the caller gives it.
fn substituted(argument: &Abs, given: &[Abs]) -> Abs {
    let Abs::Param { index, narrow } = *argument else { return argument.clone() };
    let value = given.get(usize::from(index)).cloned().unwrap_or(Abs::Top);
    let value = if narrow { value.narrow() } else { value };
    match value {
        Abs::Param { .. } | Abs::Address(_) => value,
        value if value.is_number() => value,
        // Places on the caller's stack and the like are not the callee's.
        _ => Abs::Top,
    }
}

fn finished(argument: Abs) -> Abs {
    if is_param(&argument) { Abs::Top } else { argument }
}

/// The callers of every function that hands its parameters on, level by level.
fn climb(calls: &[Located], search: &mut Search, source: &dyn Source, names: &Names) -> BTreeMap<u64, Callers> {
    let mut known: BTreeMap<u64, Callers> = BTreeMap::new();
    let mut needed = first_level(calls);
    for _ in 0..MOST_LEVELS {
        needed.retain(|at, _| !known.contains_key(at));
        if needed.is_empty() || needed.len() > MOST_WRAPPERS {
            break;
        }
        let sought: BTreeSet<u64> = needed.keys().copied().collect();
        let found = callers_of(&sought, search, source, names);
        let mut next = BTreeMap::new();
        for (function, callers) in &found {
            let of_this = needed.get(function).copied().unwrap_or_default();
            for call in &callers.calls {
                need(&mut next, call.function, call.arguments.iter().enumerate().filter(|(n, _)| of_this.has(*n)).map(|(_, given)| given));
            }
        }
        needed = next;
        known.extend(found);
    }
    let mut private: BTreeSet<u64> = known.iter().filter(|(_, callers)| callers.all).map(|(at, _)| *at).collect();
    if !drop_taken(&mut private, search.image, names.macho) {
        private.clear();
    }
    known.iter_mut().for_each(|(at, callers)| callers.all &= private.contains(at));
    known
}

/// Some parameters of a function, by index.
#[derive(Debug, Clone, Copy, Default)]
struct Params(u32);

impl Params {
    fn has(self, index: usize) -> bool {
        self.0.wrapping_shr(index as u32) & 1 != 0
    }
}

/// Notes the parameters of a function that these arguments name.
fn need<'a>(needed: &mut BTreeMap<u64, Params>, function: Option<u64>, arguments: impl Iterator<Item = &'a Abs>) {
    for argument in arguments {
        if let (Abs::Param { index, .. }, Some(function)) = (argument, function) {
            needed.entry(function).or_default().0 |= 1u32.wrapping_shl(u32::from(*index));
        }
    }
}

/// Functions that hand on what matters, and which parameters; those that map memory first when there are too many.
fn first_level(calls: &[Located]) -> BTreeMap<u64, Params> {
    let (memory, others): (Vec<&Located>, Vec<&Located>) = calls.iter().partition(|call| call.found.sought < super::MEMORY);
    let mut needed = BTreeMap::new();
    for call in memory.into_iter().chain(others) {
        if needed.len() < MOST_WRAPPERS {
            let callee = WANTED.get(call.found.sought).map_or("", |(name, _)| *name);
            let arguments = call.found.arguments.iter().enumerate();
            need(&mut needed, call.function, arguments.filter(|(index, _)| kind(callee, *index) != Kind::Word).map(|(_, given)| given));
        }
    }
    needed
}

impl Names<'_> {
    /// Not callable from another image by name, and not bound to itself.
    fn is_private(&self, at: u64) -> bool {
        let Some(name) = self.bindings.defined.get(&at) else { return true };
        self.macho.file_type == FileType::Execute && !self.bound.contains(name.as_str())
    }
}

/// The calls to each of the functions. What data says of their addresses is not looked at here.
fn callers_of(sought: &BTreeSet<u64>, search: &mut Search, source: &dyn Source, names: &Names) -> BTreeMap<u64, Callers> {
    let mut image = Image::new(source, names.macho, &Bindings::default(), |_| None);
    image.targets = sought.iter().enumerate().map(|(index, at)| (*at, index)).collect();
    let (notes, is_complete) = search.references.to(sought);
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    let mut is_kept = |note: &&Note| {
        let count = counts.entry(note.target).or_default();
        *count = count.saturating_add(1);
        *count <= MOST_CALLERS
    };
    let kept: Vec<Note> = notes.iter().filter(&mut is_kept).copied().collect();
    let located = Search {
        image: &image,
        functions: search.functions,
        references: search.references,
        is_arm64: search.is_arm64,
        budget: search.budget,
    }
    .run(&kept);
    let at_call: BTreeSet<u64> = located.iter().map(|call| call.found.address).collect();
    // A reference that is no call takes the address, and then calls from elsewhere are possible.
    let taken: BTreeSet<u64> = kept.iter().filter(|note| !at_call.contains(&note.at)).map(|note| note.target).collect();
    let closed = |at: &u64| {
        let is_counted = counts.get(at).is_some_and(|count| *count <= MOST_CALLERS);
        is_complete && is_counted && names.is_private(*at) && !taken.contains(at)
    };
    let mut found: BTreeMap<u64, Callers> = BTreeMap::new();
    let functions: Vec<u64> = sought.iter().copied().collect();
    for call in located {
        let Some(&function) = functions.get(call.found.sought) else { continue };
        let callers = found.entry(function).or_insert_with(|| Callers { calls: Vec::new(), all: closed(&function) });
        if callers.calls.len() >= MOST_CALLERS {
            callers.all = false;
            continue;
        }
        callers.calls.push(Call { address: call.found.address, function: call.function, arguments: call.found.arguments });
    }
    found
}

/// Drops the wrappers whose address lies in data; false when not all data could be looked at.
fn drop_taken(wrappers: &mut BTreeSet<u64>, image: &Image, macho: &MachO) -> bool {
    let base = macho.segments.iter().find(|segment| segment.name == "__TEXT").map_or(0, |segment| segment.address);
    if wrappers.is_empty() {
        return true;
    }
    let sieve = Sieve::new(wrappers.iter().map(|at| at >> 2));
    let (mut left, mut bytes) = (MOST_DATA, Vec::new());
    for section in macho.sections.iter().filter(|section| holds_data(section)) {
        let Some(rest) = left.checked_sub(section.size) else { return false };
        left = rest;
        let mut done = 0u64;
        while done < section.size {
            let at = section.address.wrapping_add(done);
            // Four bytes more, so that a pointer across two chunks is seen.
            if !image.fill(section, at, CHUNK.saturating_add(4), &mut bytes) {
                return false;
            }
            drop_named(wrappers, &sieve, &bytes, at, base);
            done = done.saturating_add(CHUNK);
        }
    }
    true
}

/// Sections that may hold addresses of functions. Unwind tables name every function and call none.
fn holds_data(section: &Section) -> bool {
    let is_unwind = matches!(section.name.as_str(), "__unwind_info" | "__eh_frame" | "__gcc_except_tab");
    section.flags & 0x8000_0400 == 0 && !WITHOUT_ADDRESSES.contains(&(section.flags & 0xff)) && !is_unwind
}

/// Drops the wrappers that words of data may point to: plain, in a chained fixup (36 or 43 bits of address, 32 or 36 of offset), or relative to the word.
fn drop_named(wrappers: &mut BTreeSet<u64>, sieve: &Sieve, bytes: &[u8], start: u64, base: u64) {
    let (Some(&low), Some(&high)) = (wrappers.first(), wrappers.last()) else { return };
    let span = u32::try_from(high.wrapping_sub(low)).unwrap_or(u32::MAX);
    let words = bytes.as_chunks::<4>().0;
    for (index, block) in words.chunks(BLOCK).enumerate() {
        let first = index.wrapping_mul(BLOCK);
        let at = start.wrapping_add((first as u64).wrapping_mul(4));
        if may_name(block, at, base, low, span) {
            for offset in 0..block.len() {
                drop_named_at(
                    wrappers,
                    sieve,
                    words.get(first.wrapping_add(offset)..).unwrap_or_default(),
                    at.wrapping_add((offset as u64).wrapping_mul(4)),
                    base,
                );
            }
        }
    }
}

/// Words that are judged together.
const BLOCK: usize = 32;

/// Whether the low half of what one of some words may point to lies in a range. Without branches, so that several words are compared at once.
fn may_name(words: &[[u8; 4]], at: u64, base: u64, low: u64, span: u32) -> bool {
    let (mut here, base, low) = (at as u32, base as u32, low as u32);
    let mut any = false;
    for word in words {
        let plain = u32::from_le_bytes(*word).wrapping_sub(low);
        any |= (plain <= span) | (plain.wrapping_add(base) <= span) | (plain.wrapping_add(here) <= span);
        here = here.wrapping_add(4);
    }
    any
}

/// The same for the first of some words.
fn drop_named_at(wrappers: &mut BTreeSet<u64>, sieve: &Sieve, words: &[[u8; 4]], at: u64, base: u64) {
    let word = |index: usize| words.get(index).map_or(0, |word| u32::from_le_bytes(*word));
    let low = word(0);
    let relative = at.wrapping_add(i64::from(low as i32) as u64);
    // The upper half of a word does not change what the sieve asks for.
    let (plain, from_base) = (u64::from(low), u64::from(low).wrapping_add(base));
    if !(sieve.may_have(plain >> 2) | sieve.may_have(from_base >> 2) | sieve.may_have(relative >> 2)) {
        return;
    }
    let long = plain | u64::from(word(1)) << 32;
    for target in [relative, long & 0xf_ffff_ffff, long & 0x7ff_ffff_ffff, (long & 0xf_ffff_ffff).wrapping_add(base), from_base] {
        wrappers.remove(&target);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use super::*;

    const BASE: u64 = 0x1_0000_0000;

    proptest::proptest! {
        /// However an address is written into data, the wrapper there is no longer private.
        #[test]
        fn an_address_in_data_is_seen_in_every_form(before in 0usize..90, noise: [u32; 16], form in 0u32..5, which in 0usize..3) {
            let wrappers = [BASE + 0x4000, BASE + 0x9c40, BASE + 0x31_0000];
            let (start, taken) = (BASE + 0x40_0000, wrappers[which]);
            let mut words: Vec<u32> = noise.iter().copied().cycle().take(before).collect();
            let at = start + 4 * words.len() as u64;
            let long = match form {
                0 => taken,
                1 => taken | 0x8010_0000_0000_0000,
                2 => (taken - BASE) | 0x4008_0000_0000_0000,
                3 => (taken - BASE) & 0xffff_ffff,
                _ => taken.wrapping_sub(at),
            };
            words.extend([long as u32, (long >> 32) as u32]);
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let mut left = BTreeSet::from(wrappers);
            let sieve = Sieve::new(wrappers.iter().map(|at| at >> 2));
            drop_named(&mut left, &sieve, &bytes, start, BASE);
            proptest::prop_assert!(!left.contains(&taken));
        }
    }
}
