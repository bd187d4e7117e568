//! The indirect symbol table: which symbol each stub and symbol pointer stands for (`<mach-o/loader.h>`, `reserved1` of the section).

use super::{Bindings, Image, MAX_SLOTS};
use crate::read::ReadError;
use crate::read::macho::Section;
use crate::read::macho::integers::u32_at;
use std::collections::BTreeMap;

const S_NON_LAZY_SYMBOL_POINTERS: u32 = 6;
const S_LAZY_SYMBOL_POINTERS: u32 = 7;
const S_SYMBOL_STUBS: u32 = 8;
const S_LAZY_DYLIB_SYMBOL_POINTERS: u32 = 0x10;
const S_THREAD_LOCAL_VARIABLE_POINTERS: u32 = 0x14;
/// INDIRECT_SYMBOL_LOCAL and INDIRECT_SYMBOL_ABS: no symbol stands behind the entry.
const NO_SYMBOL: u32 = 0xc000_0000;

/// A stub or slot, and the index of its symbol in the symbol table.
pub(super) struct Wanted {
    address: u64,
    pub(super) symbol: u32,
    is_stub: bool,
}

/// Tells whether the section holds symbol stubs.
pub(super) fn is_stubs(section: &Section) -> bool {
    section.flags & 0xff == S_SYMBOL_STUBS
}

/// The stubs and slots that have an indirect symbol.
pub(super) fn wanted(image: &Image, faults: &mut Vec<ReadError>) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    let Some((offset, count)) = image.tables.indirect.filter(|&(_, count)| count > 0) else { return wanted };
    let size = u64::from(count).saturating_mul(4);
    let table = match image.source.read_vec(offset, size, MAX_SLOTS.saturating_mul(4)) {
        Ok(table) => table,
        Err(fault) => {
            faults.push(ReadError::new(format!("indirect symbol table: {}", fault.what), offset));
            return wanted;
        }
    };
    let mut left = MAX_SLOTS;
    for section in &image.macho.sections {
        section_entries(image, section, &table, &mut left, &mut wanted);
        if left == 0 {
            faults.push(ReadError::new("more stubs and symbol pointers than Temper reads", offset));
            break;
        }
    }
    wanted
}

fn section_entries(image: &Image, section: &Section, table: &[u8], left: &mut usize, wanted: &mut Vec<Wanted>) {
    let step = match section.flags & 0xff {
        S_SYMBOL_STUBS => u64::from(section.reserved2),
        S_NON_LAZY_SYMBOL_POINTERS | S_LAZY_SYMBOL_POINTERS | S_LAZY_DYLIB_SYMBOL_POINTERS | S_THREAD_LOCAL_VARIABLE_POINTERS => {
            image.tables.layout.pointer_size()
        }
        _ => return,
    };
    let Some(entries) = section.size.checked_div(step) else { return };
    for index in 0..entries {
        // Sections may claim the same entries again and again.
        let Some(rest) = left.checked_sub(1) else { return };
        *left = rest;
        let at = index.saturating_add(u64::from(section.reserved1)).saturating_mul(4);
        let Some(symbol) = usize::try_from(at).ok().and_then(|at| u32_at(table, at, image.tables.layout.big_endian)) else { return };
        if symbol & NO_SYMBOL == 0 {
            let address = section.address.wrapping_add(index.saturating_mul(step));
            wanted.push(Wanted { address, symbol, is_stub: is_stubs(section) });
        }
    }
}

/// Writes the names of the symbols to their stubs and slots.
pub(super) fn name(wanted: &[Wanted], names: &BTreeMap<u32, String>, bindings: &mut Bindings) {
    let mut left = super::MAX_NAME_BYTES;
    for entry in wanted {
        let Some(name) = names.get(&entry.symbol).filter(|name| !name.is_empty()) else { continue };
        let Some(rest) = left.checked_sub(name.len()) else {
            return bindings.faults.push(ReadError::new("names of stubs are longer than Temper keeps", entry.address));
        };
        left = rest;
        let map = if entry.is_stub { &mut bindings.stubs } else { &mut bindings.slots };
        map.insert(entry.address, name.clone());
    }
}
