//! Universal files: which slices they hold. The fat header is big endian on every machine (`<mach-o/fat.h>`).

use super::integers::{u32_at, u64_at};
use super::{Arch, SliceRange, Slices, commands};
use crate::read::{ReadError, Source};

const FAT_MAGIC: u32 = 0xcafe_babe;
const FAT_MAGIC_64: u32 = 0xcafe_babf;
/// Java class files share FAT_MAGIC; what Mach-O counts there is their version, 45 and up. `file(1)` draws the line at the same place.
const MAX_SLICES: u32 = 30;

/// Tells whether the bytes begin a thin or universal Mach-O.
pub(super) fn looks_like_macho(head: &[u8]) -> bool {
    match u32_at(head, 0, true) {
        Some(FAT_MAGIC | FAT_MAGIC_64) => u32_at(head, 4, true).is_some_and(|count| (1..=MAX_SLICES).contains(&count)),
        Some(0xfeed_face | 0xfeed_facf | 0xcefa_edfe | 0xcffa_edfe) => true,
        _ => false,
    }
}

/// The slices of a file.
pub(super) fn slices(source: &dyn Source) -> Result<Slices, ReadError> {
    let head = source.read_vec(0, source.len().min(8), 8)?;
    if !looks_like_macho(&head) {
        return Err(ReadError::new("not a Mach-O file", 0));
    }
    match u32_at(&head, 0, true) {
        Some(magic @ (FAT_MAGIC | FAT_MAGIC_64)) => universal(source, magic == FAT_MAGIC_64, u32_at(&head, 4, true).unwrap_or(0)),
        _ => {
            let arch = commands::read_header(source)?.arch;
            Ok(Slices { universal: false, slices: vec![SliceRange { offset: 0, size: source.len(), arch }], faults: Vec::new() })
        }
    }
}

fn universal(source: &dyn Source, wide: bool, count: u32) -> Result<Slices, ReadError> {
    let entry_size = if wide { 32u64 } else { 20 };
    let mut found = Slices { universal: true, slices: Vec::new(), faults: Vec::new() };
    let end_of_header = entry_size.saturating_mul(u64::from(count)).saturating_add(8);
    for index in 0..u64::from(count) {
        let at = index.saturating_mul(entry_size).saturating_add(8);
        let slice = source.read_vec(at, entry_size, 32).ok().and_then(|entry| entry_of(&entry, wide));
        match slice {
            None => {
                found.faults.push(ReadError::new("universal header cut short", at));
                break;
            }
            Some(slice) if slice.size == 0 || slice.offset < end_of_header => {
                found.faults.push(ReadError::new("slice overlaps the universal header or is empty", at));
            }
            Some(slice) if slice.offset.checked_add(slice.size).is_none_or(|end| end > source.len()) => {
                found.faults.push(ReadError::new("slice leaves the file", at));
            }
            Some(slice) => found.slices.push(slice),
        }
    }
    Ok(found)
}

fn entry_of(entry: &[u8], wide: bool) -> Option<SliceRange> {
    let arch = Arch::of(u32_at(entry, 0, true)?, u32_at(entry, 4, true)?);
    let (offset, size) = match wide {
        true => (u64_at(entry, 8, true)?, u64_at(entry, 16, true)?),
        false => (u64::from(u32_at(entry, 8, true)?), u64::from(u32_at(entry, 12, true)?)),
    };
    Some(SliceRange { offset, size, arch })
}
