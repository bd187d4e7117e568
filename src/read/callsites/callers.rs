//! Arguments that a function only hands on: looked up where the function is called, one level up.
//!
//! The answer counts only when every way into the function was seen: all references to it are calls in this image with constants, and its
//! address lies nowhere in data, in no binding and, for a library, in no symbol table.

use super::image::Image;
use super::value::Abs;
use super::{Located, Search};
use crate::read::Source;
use crate::read::fixups::Bindings;
use crate::read::macho::{FileType, MachO, Section};
use std::collections::{BTreeMap, BTreeSet};

/// Most callers followed of one function.
const MOST_CALLERS: usize = 64;
/// Most functions whose callers are sought.
const MOST_WRAPPERS: usize = 256;
/// Most bytes of data looked at for addresses of functions.
const MOST_DATA: u64 = 256 << 20;
/// Bytes of data read at once; divisible by 8.
const CHUNK: u64 = 1 << 20;
/// Types of sections without bytes in the file: S_ZEROFILL, S_GB_ZEROFILL, S_THREAD_LOCAL_ZEROFILL.
const ZERO_FILL: [u32; 3] = [1, 12, 18];

/// Replaces handed-on parameters by what the callers give.
pub(super) fn complete(calls: &mut [Located], search: &mut Search, source: &dyn Source, macho: &MachO, bindings: &Bindings) {
    let mut wrappers: BTreeSet<u64> = calls.iter().filter(|call| hands_on(call)).filter_map(|call| call.function).collect();
    wrappers.retain(|at| is_private(*at, macho, bindings));
    if wrappers.is_empty() || wrappers.len() > MOST_WRAPPERS || !drop_taken(&mut wrappers, search.image, macho) {
        return;
    }
    let given = given_arguments(&wrappers, search, source, macho);
    for call in calls.iter_mut().filter(|call| hands_on(call)) {
        let Some(given) = call.function.and_then(|at| given.get(&at)) else { continue };
        for argument in &mut call.found.arguments {
            if let Abs::Param { index, narrow } = *argument {
                let value = given.get(usize::from(index)).cloned().unwrap_or(Abs::Top);
                *argument = if narrow { value.narrow() } else { value };
            }
        }
    }
}

fn hands_on(call: &Located) -> bool {
    call.found.arguments.iter().any(|argument| matches!(argument, Abs::Param { .. }))
}

/// Not callable from another image by name, and not bound to itself.
fn is_private(at: u64, macho: &MachO, bindings: &Bindings) -> bool {
    let Some(name) = bindings.defined.get(&at) else { return true };
    macho.file_type == FileType::Execute && !bindings.slots.values().chain(bindings.stubs.values()).any(|bound| bound == name)
}

/// What each wrapper gets from its callers, by parameter; absent when not all of them are known.
fn given_arguments(wrappers: &BTreeSet<u64>, search: &mut Search, source: &dyn Source, macho: &MachO) -> BTreeMap<u64, Vec<Abs>> {
    let mut image = Image::new(source, macho, &Bindings::default(), |_| None);
    image.targets = wrappers.iter().enumerate().map(|(index, at)| (*at, index)).collect();
    let mut inner =
        Search { image: &image, functions: search.functions, is_arm64: search.is_arm64, budget: search.budget, faults: search.faults };
    let (notes, callers) = inner.run();
    let at_call: BTreeSet<u64> = callers.iter().map(|call| call.found.address).collect();
    if notes.len() >= super::scan::MOST_NOTES {
        return BTreeMap::new();
    }
    // A reference that is no call takes the address, and then calls from elsewhere are possible.
    let taken: BTreeSet<u64> = notes.iter().filter(|note| !at_call.contains(&note.at)).map(|note| note.target).collect();
    let mut given: BTreeMap<u64, Vec<Abs>> = BTreeMap::new();
    for (index, &wrapper) in wrappers.iter().enumerate().filter(|(_, at)| !taken.contains(at)) {
        let of_this: Vec<&Located> = callers.iter().filter(|call| call.found.sought == index).collect();
        if let Some(first) = of_this.first().filter(|_| of_this.len() <= MOST_CALLERS) {
            let mut all = first.found.arguments.clone();
            for call in &of_this {
                let theirs = |n: usize| call.found.arguments.get(n).cloned().unwrap_or(Abs::Top);
                all = all.iter().enumerate().map(|(n, mine)| mine.join(&theirs(n))).collect();
            }
            // A parameter of the caller is not the wrapper's.
            all.iter_mut()
                .filter(|value| value.values().is_none() && !matches!(value, Abs::Address(_)))
                .for_each(|value| *value = Abs::Top);
            given.insert(wrapper, all);
        }
    }
    given
}

/// Drops the wrappers whose address lies in data; false when not all data could be looked at.
fn drop_taken(wrappers: &mut BTreeSet<u64>, image: &Image, macho: &MachO) -> bool {
    let base = macho.segments.iter().find(|segment| segment.name == "__TEXT").map_or(0, |segment| segment.address);
    let mut left = MOST_DATA;
    for section in macho.sections.iter().filter(|section| holds_data(section)) {
        let Some(rest) = left.checked_sub(section.size) else { return false };
        left = rest;
        let mut done = 0u64;
        while done < section.size {
            let at = section.address.wrapping_add(done);
            // Four bytes more, so that a pointer across two chunks is seen.
            let Some(bytes) = image.bytes(section, at, CHUNK.saturating_add(4)) else { return false };
            drop_named(wrappers, &bytes, at, base);
            done = done.saturating_add(CHUNK);
        }
    }
    !wrappers.is_empty()
}

/// Sections that may hold addresses of functions. Unwind tables name every function and call none.
fn holds_data(section: &Section) -> bool {
    let is_unwind = matches!(section.name.as_str(), "__unwind_info" | "__eh_frame" | "__gcc_except_tab");
    section.flags & 0x8000_0400 == 0 && !ZERO_FILL.contains(&(section.flags & 0xff)) && !is_unwind
}

/// Drops the wrappers that words of data may point to: plain, in a chained fixup (36 or 43 bits of address, 32 or 36 of offset), or relative to the word.
fn drop_named(wrappers: &mut BTreeSet<u64>, bytes: &[u8], start: u64, base: u64) {
    let mut at = start;
    for word in bytes.windows(8).step_by(4).chain(bytes.len().checked_sub(4).and_then(|from| bytes.get(from..))) {
        let low = word.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let long = word.first_chunk::<8>().map_or(u64::from(low), |bytes| u64::from_le_bytes(*bytes));
        let relative = at.wrapping_add(i64::from(low as i32) as u64);
        for target in [
            relative,
            long & 0xf_ffff_ffff,
            long & 0x7ff_ffff_ffff,
            (long & 0xf_ffff_ffff).wrapping_add(base),
            u64::from(low).wrapping_add(base),
        ] {
            wrappers.remove(&target);
        }
        at = at.wrapping_add(4);
    }
}
