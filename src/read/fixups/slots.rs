//! Pointer slots that dyld binds: bind opcodes of classic images, chains of newer ones.

use super::{Bindings, Image, MAX_NAME_BYTES, MAX_SLOTS};
use crate::read::macho::Segment;
use crate::read::macho::imports::{self, ChainedImport};
use crate::read::macho::symtab::MAX_TABLE;
use crate::read::{ReadError, lossy};
use object::endian::Endianness;
use object::macho::BIND_TYPE_POINTER;
use object::read::macho::{DyldChainedFixups, DyldChainedSegment, Fixup};

/// Fixups looked at in one image; binds and rebases both count.
const MAX_FIXUPS: usize = 16_000_000;
/// Bytes of segments read for their chains (256 MiB): many segments may claim the same part of the file.
const MAX_CHAINED_BYTES: u64 = 256 << 20;

/// Slots with what they may still cost.
struct Slots<'a> {
    bindings: &'a mut Bindings,
    names_left: usize,
}

impl<'a> Slots<'a> {
    fn new(bindings: &'a mut Bindings) -> Self {
        Self { bindings, names_left: MAX_NAME_BYTES }
    }

    /// Keeps a slot; false when there is no more room.
    fn put(&mut self, address: u64, name: &[u8]) -> bool {
        if name.is_empty() {
            return true;
        }
        let is_new = !self.bindings.slots.contains_key(&address);
        let Some(left) = self.names_left.checked_sub(name.len()).filter(|_| !is_new || self.bindings.slots.len() < MAX_SLOTS) else {
            self.bindings.faults.push(ReadError::new("more bound slots than Temper keeps", 0));
            return false;
        };
        self.names_left = left;
        self.bindings.slots.insert(address, lossy(name));
        true
    }
}

/// Slots of the bind, lazy bind and weak bind opcodes. A weak bind names only what the others do not: it may bind anew what is bound already.
pub(super) fn binds(image: &Image, bindings: &mut Bindings) {
    let mut slots = Slots::new(bindings);
    let pointer_size = image.tables.layout.pointer_size();
    let mut outside = false;
    let faults = imports::walk_binds(image.source, image.tables, |stream, bind| {
        if bind.kind != BIND_TYPE_POINTER {
            return true;
        }
        let segment = image.tables.segments.get(usize::from(bind.segment_index));
        let fits = |s: &&Segment| bind.segment_offset.checked_add(pointer_size).is_some_and(|end| end <= s.size);
        match segment.filter(fits).and_then(|s| s.address.checked_add(bind.segment_offset)) {
            Some(address) if stream == imports::Stream::Weak && slots.bindings.slots.contains_key(&address) => true,
            Some(address) => slots.put(address, bind.symbol),
            // dyld refuses such an image; the rest of the stream means nothing.
            None => {
                outside = true;
                false
            }
        }
    });
    bindings.faults.extend(faults);
    if outside {
        bindings.faults.push(ReadError::new("bind outside its segment", 0));
    }
}

/// Slots of chained fixups.
pub(super) fn chains(image: &Image, bindings: &mut Bindings) {
    let Some(range) = image.tables.chained.filter(|range| range.size > 0) else { return };
    let bytes = match imports::chained_bytes(image.source, range) {
        Ok(bytes) => bytes,
        Err(fault) => return bindings.faults.push(fault),
    };
    let (imports, fault) = imports::chained_imports(&bytes, image.tables.layout.big_endian, range.offset);
    bindings.faults.extend(fault);
    if let Err(what) = walk_chains(image, &bytes, &imports, bindings) {
        bindings.faults.push(ReadError::new(format!("chained fixups: {what}"), range.offset));
    }
}

fn walk_chains(image: &Image, bytes: &[u8], imports: &[ChainedImport], bindings: &mut Bindings) -> Result<(), String> {
    let endian = if image.tables.layout.big_endian { Endianness::Big } else { Endianness::Little };
    let fixups = DyldChainedFixups::parse(endian, bytes).map_err(|e| e.to_string())?;
    let mut slots = Slots::new(bindings);
    let mut left = Left { fixups: MAX_FIXUPS, bytes: MAX_CHAINED_BYTES };
    // An image has a handful of segments; the table can claim millions that all share one list of pages.
    for chain in fixups.segments(endian).map_err(|e| e.to_string())?.take(image.tables.segments.len()) {
        let chain = chain.map_err(|e| e.to_string())?;
        if !walk_segment(image, &chain, endian, imports, &mut slots, &mut left)? {
            break;
        }
    }
    Ok(())
}

/// What the chains of an image may still cost.
struct Left {
    fixups: usize,
    bytes: u64,
}

/// Walks the chains of one segment; false when there is no room for more.
fn walk_segment(
    image: &Image,
    chain: &DyldChainedSegment<'_, Endianness>,
    endian: Endianness,
    imports: &[ChainedImport],
    slots: &mut Slots,
    left: &mut Left,
) -> Result<bool, String> {
    // `segment_offset` counts from the header and is what dyld goes by; the index only has to agree.
    let address = image.tables.base.wrapping_add(chain.header().segment_offset.get(endian));
    let segment = image.tables.segments.iter().find(|s| s.address == address && s.file_size > 0);
    let segment = segment.ok_or("chain of a segment that is not there")?;
    left.bytes = left.bytes.checked_sub(segment.file_size).ok_or("segments larger than Temper reads")?;
    let data = image.source.read_vec(segment.offset, segment.file_size, MAX_TABLE).map_err(|e| e.what)?;
    for fixup in chain.fixups(endian, image.tables.base, &data) {
        let (offset, fixup) = fixup.map_err(|e| e.to_string())?;
        left.fixups = left.fixups.checked_sub(1).ok_or("more fixups than Temper reads")?;
        if let Fixup::Bind(bind) = fixup {
            let import =
                usize::try_from(bind.ordinal).ok().and_then(|ordinal| imports.get(ordinal)).ok_or("bind to an import that is not there")?;
            if !slots.put(address.wrapping_add(offset), import.name.as_bytes()) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
