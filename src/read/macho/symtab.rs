//! LC_SYMTAB: symbols read in pieces, names looked up in the string table.

use super::FileRange;
use super::integers::{c_string_at, u16_at, u32_at, u64_at};
use crate::read::{ReadError, Source};

/// A table of the link-edit data that is larger than this (64 MiB) is not read.
pub(in crate::read) const MAX_TABLE: usize = 64 << 20;
/// Bytes of names looked up in one table (64 MiB): names may overlap, so the table's size alone bounds nothing.
const MAX_NAME_BYTES: usize = MAX_TABLE;
const SYMBOLS_AT_ONCE: u64 = 16_384;

/// Byte order and pointer width of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::read) struct Layout {
    pub big_endian: bool,
    pub is_64: bool,
}

impl Layout {
    /// Bytes of a pointer.
    pub(in crate::read) fn pointer_size(self) -> u64 {
        if self.is_64 { 8 } else { 4 }
    }
}

/// LC_SYMTAB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::read) struct SymbolTable {
    pub offset: u64,
    pub count: u32,
    pub strings: FileRange,
}

/// An `nlist` entry.
#[derive(Debug, Clone, Copy)]
pub(in crate::read) struct Symbol {
    pub index: u32,
    pub name: u32,
    pub kind: u8,
    pub description: u16,
    pub value: u64,
}

impl Symbol {
    /// Not a debugger entry (N_STAB).
    fn is_plain(self) -> bool {
        self.kind & 0xe0 == 0
    }

    /// Visible to other images (N_EXT).
    pub(in crate::read) fn is_external(self) -> bool {
        self.kind & 1 != 0
    }

    /// N_UNDF or N_PBUD, and not a common symbol of an object file (those have their size as value).
    pub(in crate::read) fn is_undefined(self) -> bool {
        self.is_plain() && self.is_external() && matches!(self.kind & 0x0e, 0 | 0x0c) && self.value == 0
    }

    /// N_SECT: it has an address in this image.
    pub(in crate::read) fn is_in_section(self) -> bool {
        self.is_plain() && self.kind & 0x0e == 0x0e
    }

    /// Ordinal of the library in two-level images (GET_LIBRARY_ORDINAL), special ordinals as the bind opcodes number them.
    pub(in crate::read) fn ordinal(self) -> i32 {
        match self.description >> 8 {
            0xfe => -2,
            0xff => -1,
            ordinal => i32::from(ordinal),
        }
    }

    /// N_WEAK_REF.
    pub(in crate::read) fn is_weak_reference(self) -> bool {
        self.description & 0x40 != 0
    }
}

impl SymbolTable {
    /// Shows every symbol to `visit`, in order. An error when the table leaves the source or is larger than [`MAX_TABLE`].
    pub(in crate::read) fn walk(&self, source: &dyn Source, layout: Layout, mut visit: impl FnMut(Symbol)) -> Result<(), ReadError> {
        let entry = if layout.is_64 { 16u64 } else { 12 };
        let size = entry.saturating_mul(u64::from(self.count));
        if size > MAX_TABLE as u64 {
            return Err(ReadError::new("symbol table larger than Temper reads", self.offset));
        }
        if self.offset.checked_add(size).is_none_or(|end| end > source.len()) {
            return Err(ReadError::new("symbol table leaves the file", self.offset));
        }
        let (mut done, mut index) = (0u64, 0u32);
        while done < size {
            let part = size.saturating_sub(done).min(entry.saturating_mul(SYMBOLS_AT_ONCE));
            let bytes = source.read_vec(self.offset.saturating_add(done), part, MAX_TABLE)?;
            for raw in bytes.chunks_exact(if layout.is_64 { 16 } else { 12 }) {
                if let Some(symbol) = symbol_of(raw, index, layout) {
                    visit(symbol);
                }
                index = index.saturating_add(1);
            }
            done = done.saturating_add(part);
        }
        Ok(())
    }

    /// Loads the string table.
    pub(in crate::read) fn names(&self, source: &dyn Source) -> Result<Names, ReadError> {
        let bytes = source
            .read_vec(self.strings.offset, self.strings.size, MAX_TABLE)
            .map_err(|e| ReadError::new(format!("string table: {}", e.what), e.offset))?;
        Ok(Names::new(bytes))
    }
}

fn symbol_of(raw: &[u8], index: u32, layout: Layout) -> Option<Symbol> {
    let value = match layout.is_64 {
        true => u64_at(raw, 8, layout.big_endian)?,
        false => u64::from(u32_at(raw, 8, layout.big_endian)?),
    };
    Some(Symbol {
        index,
        name: u32_at(raw, 0, layout.big_endian)?,
        kind: *raw.get(4)?,
        description: u16_at(raw, 6, layout.big_endian)?,
        value,
    })
}

/// A pool of NUL-ended names. It gives out a limited number of bytes in all, so that overlapping names cannot fill the memory.
pub(in crate::read) struct Names {
    bytes: Vec<u8>,
    left: usize,
}

impl Names {
    /// A pool over these bytes.
    pub(in crate::read) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, left: MAX_NAME_BYTES }
    }

    /// The name at `offset`; `None` outside the pool, without a NUL, or when the pool has given out all it may.
    pub(in crate::read) fn get(&mut self, offset: u32) -> Option<&[u8]> {
        let start = usize::try_from(offset).ok()?;
        if self.left == 0 {
            return None;
        }
        let Some(name) = c_string_at(&self.bytes, start) else {
            // The search cost as much as all the rest of the pool.
            self.left = self.left.saturating_sub(self.bytes.len().saturating_sub(start));
            return None;
        };
        self.left = self.left.saturating_sub(name.len().saturating_add(1));
        Some(name)
    }

    /// True when names were refused because too many bytes had been given out.
    pub(in crate::read) fn is_exhausted(&self) -> bool {
        self.left == 0
    }
}
