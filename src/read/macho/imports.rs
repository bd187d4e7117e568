//! Symbols an image takes from others: chained-fixup imports, bind opcodes, undefined symbols of the symbol table.

use super::commands::Tables;
use super::integers::{u32_at, u64_at};
use super::symtab::{MAX_TABLE, Names, Symbol};
use super::{FileRange, FileType, MachO, Undefined};
use crate::read::{ReadError, Source, lossy};
use object::endian::{Endianness, U32};
use object::macho::{self as raw, DyldInfoCommand};
use object::read::macho::{Bind, BindIterator};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

const MAX_UNDEFINED: usize = 500_000;
/// One opcode can ask for 2⁶⁴ binds; the largest frameworks have a few hundred thousand.
const MAX_BINDS: usize = 4_000_000;
/// MH_TWOLEVEL: symbols name their library.
const MH_TWOLEVEL: u32 = 0x80;

/// A row of the imports table of chained fixups; binds refer to it by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::read) struct ChainedImport {
    pub name: String,
    /// Library ordinal from 1; 0 and below are self, main executable, flat and weak lookup.
    pub ordinal: i32,
    pub weak: bool,
}

/// The bytes of LC_DYLD_CHAINED_FIXUPS.
pub(in crate::read) fn chained_bytes(source: &dyn Source, range: FileRange) -> Result<Vec<u8>, ReadError> {
    source.read_vec(range.offset, range.size, MAX_TABLE).map_err(|e| ReadError::new(format!("chained fixups: {}", e.what), e.offset))
}

/// The imports of chained fixups, in order, at most 500,000. Read here and not by `object`, which searches for the end of a name without a bound:
/// half a million names in one unended pool would take it hours. An import that cannot be read ends the table.
pub(in crate::read) fn chained_imports(bytes: &[u8], big_endian: bool, at: u64) -> (Vec<ChainedImport>, Option<ReadError>) {
    let mut imports = Vec::new();
    let fault = fill_chained(bytes, big_endian, &mut imports).err().map(|what| ReadError::new(what, at));
    (imports, fault)
}

fn fill_chained(bytes: &[u8], big_endian: bool, imports: &mut Vec<ChainedImport>) -> Result<(), &'static str> {
    // dyld_chained_fixups_header: version, starts, imports, symbols offsets, count, imports format, symbols format.
    let field = |index: usize| u32_at(bytes, index.saturating_mul(4), big_endian).ok_or("chained fixups header cut short");
    let (version, table, pool) = (field(0)?, field(2)? as usize, field(3)? as usize);
    let (count, format, symbols_format) = (field(4)?, field(5)?, field(6)?);
    if version != 0 || symbols_format != 0 {
        return Err("chained fixups of an unknown version or with compressed symbols");
    }
    let row_size = match format {
        1 => 4usize,
        2 => 8,
        3 => 16,
        _ => return Err("chained fixups with an unknown import format"),
    };
    let pool = bytes.get(pool..).ok_or("chained fixups symbols outside the table")?;
    let mut names = Names::new(pool.to_vec());
    for index in 0..count as usize {
        if index >= MAX_UNDEFINED {
            return Err("more chained imports than Temper reads");
        }
        let row = index.saturating_mul(row_size).saturating_add(table);
        let (offset, ordinal, weak) = import_row(bytes, row, format, big_endian).ok_or("chained imports cut short")?;
        let name = names.get(offset).ok_or("chained import without a name")?;
        imports.push(ChainedImport { name: lossy(name), ordinal, weak });
    }
    Ok(())
}

/// Name offset, ordinal and weak flag of a row (`dyld_chained_import`, `_addend`, `_addend64` of `<mach-o/fixup-chains.h>`).
fn import_row(bytes: &[u8], at: usize, format: u32, big_endian: bool) -> Option<(u32, i32, bool)> {
    if format == 3 {
        let word = u64_at(bytes, at, big_endian)?;
        let ordinal = i32::try_from(word & 0xffff).ok()?;
        let ordinal = if ordinal > 0xfff0 { ordinal.wrapping_sub(0x1_0000) } else { ordinal };
        return Some((u32::try_from(word >> 32).ok()?, ordinal, word & 0x1_0000 != 0));
    }
    let word = u32_at(bytes, at, big_endian)?;
    let ordinal = i32::try_from(word & 0xff).ok()?;
    let ordinal = if ordinal > 0xf0 { ordinal.wrapping_sub(0x100) } else { ordinal };
    Some((word >> 9, ordinal, word & 0x100 != 0))
}

/// Which of the three bind streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::read) enum Stream {
    Bind,
    Weak,
    Lazy,
}

/// Shows every bind of the three opcode streams to `visit`, which ends its stream by returning false. Gives the faults.
pub(in crate::read) fn walk_binds(source: &dyn Source, tables: &Tables, mut visit: impl FnMut(Stream, &Bind) -> bool) -> Vec<ReadError> {
    let streams = [(Stream::Bind, tables.bind), (Stream::Lazy, tables.lazy_bind), (Stream::Weak, tables.weak_bind)];
    let mut faults = Vec::new();
    for (stream, range) in streams {
        let Some(range) = range.filter(|range| range.size > 0) else { continue };
        if let Err(what) = walk_stream(source, tables, stream, range, &mut visit) {
            faults.push(ReadError::new(format!("bind opcodes: {what}"), range.offset));
        }
    }
    faults
}

fn walk_stream(
    source: &dyn Source,
    tables: &Tables,
    stream: Stream,
    range: FileRange,
    visit: &mut impl FnMut(Stream, &Bind) -> bool,
) -> Result<(), String> {
    let bytes = source.read_vec(range.offset, range.size, MAX_TABLE).map_err(|e| e.what)?;
    let binds = iterator(&bytes, tables, stream).map_err(|e| e.to_string())?;
    for (index, bind) in binds.enumerate() {
        if index >= MAX_BINDS {
            return Err("more binds than Temper reads".into());
        }
        if !visit(stream, &bind.map_err(|e| e.to_string())?) {
            break;
        }
    }
    Ok(())
}

/// `object` makes its iterators only from a load command; this one says that the stream is the whole of `bytes`.
fn iterator<'a>(bytes: &'a [u8], tables: &Tables, stream: Stream) -> object::read::Result<BindIterator<'a>> {
    let endian = if tables.layout.big_endian { Endianness::Big } else { Endianness::Little };
    let pointer_size = if tables.layout.is_64 { 8 } else { 4 };
    let number = |value: u32| U32::new(endian, value);
    let (none, all) = (number(0), number(u32::try_from(bytes.len()).unwrap_or(0)));
    let command = DyldInfoCommand {
        cmd: U32::new(endian, raw::LC_DYLD_INFO_ONLY),
        cmdsize: number(48),
        rebase_off: none,
        rebase_size: none,
        bind_off: none,
        bind_size: all,
        weak_bind_off: none,
        weak_bind_size: all,
        lazy_bind_off: none,
        lazy_bind_size: all,
        export_off: none,
        export_size: none,
    };
    match stream {
        Stream::Bind => command.binds(endian, bytes, pointer_size),
        Stream::Weak => command.weak_binds(endian, bytes, pointer_size),
        Stream::Lazy => command.lazy_binds(endian, bytes, pointer_size),
    }
}

/// Fills `undefined` and `has_symbols` from the tables.
pub(super) fn fill(source: &dyn Source, macho: &mut MachO, tables: &Tables) {
    let mut found = Found::default();
    if let Some(range) = tables.chained.filter(|range| range.size > 0) {
        match chained_bytes(source, range) {
            Ok(bytes) => {
                let (imports, fault) = chained_imports(&bytes, tables.layout.big_endian, range.offset);
                imports.iter().for_each(|import| found.add(import.name.as_bytes(), import.ordinal, import.weak));
                macho.faults.extend(fault);
            }
            Err(fault) => macho.faults.push(fault),
        }
    }
    let mut last: Option<(*const u8, i32)> = None;
    let faults = walk_binds(source, tables, |_, bind| {
        // One symbol is bound to many places in a row; its name is then the same bytes.
        let this = Some((bind.symbol.as_ptr(), bind.dylib.0));
        if this != last {
            last = this;
            found.add(bind.symbol, bind.dylib.0, bind.flags.0 & raw::BIND_SYMBOL_FLAGS_WEAK_IMPORT.0 != 0);
        }
        !found.is_full
    });
    macho.faults.extend(faults);
    symbols(source, macho, tables, &mut found);
    if found.is_full {
        macho.faults.push(ReadError::new("more undefined symbols than Temper reads", 0));
    }
    macho.undefined = found.finish(tables);
}

fn symbols(source: &dyn Source, macho: &mut MachO, tables: &Tables, found: &mut Found) {
    let Some(table) = tables.symbols.filter(|table| table.count > 0) else { return };
    let mut undefined: Vec<Symbol> = Vec::new();
    let mut defined: Vec<Symbol> = Vec::new();
    let mut exported: Vec<u32> = Vec::new();
    let look_for_own = found.may_hold_own_symbols();
    let walked = table.walk(source, tables.layout, |symbol| {
        if symbol.is_undefined() {
            if undefined.len() < MAX_UNDEFINED {
                undefined.push(symbol);
            }
        } else if symbol.is_in_section() {
            if defined.len() < 8 {
                defined.push(symbol);
            }
            if look_for_own && symbol.is_external() && exported.len() < MAX_UNDEFINED {
                exported.push(symbol.name);
            }
        }
    });
    macho.faults.extend(walked.err());
    // `strip` leaves the header's own symbol; the linker adds it and `__dyld_private` to every image. Eight are more than those.
    macho.has_symbols = defined.len() >= 8;
    let mut names = match table.names(source) {
        Ok(names) => names,
        Err(fault) => return macho.faults.push(fault),
    };
    macho.has_symbols |= defined.iter().any(|symbol| {
        let name = names.get(symbol.name).unwrap_or_default();
        !(name.is_empty() || name == b"__dyld_private" || (name.starts_with(b"__mh_") && name.ends_with(b"_header")))
    });
    for name in exported {
        found.remove_own(names.get(name).unwrap_or_default());
    }
    let two_level = macho.flags & MH_TWOLEVEL != 0 && macho.file_type != FileType::Object;
    for symbol in undefined {
        let Some(name) = names.get(symbol.name) else {
            macho.faults.push(ReadError::new("undefined symbol without a readable name", table.offset));
            break;
        };
        found.add(name, if two_level { symbol.ordinal() } else { -2 }, symbol.is_weak_reference());
    }
}

/// The union, by name. The first table to name a symbol says whether it is weak; a later one may add the library.
#[derive(Default)]
struct Found {
    by_name: BTreeMap<String, (i32, bool)>,
    is_full: bool,
}

impl Found {
    fn add(&mut self, name: &[u8], ordinal: i32, weak: bool) {
        if name.is_empty() {
            return;
        }
        let count = self.by_name.len();
        match self.by_name.entry(lossy(name)) {
            Entry::Occupied(mut known) => {
                if known.get().0 <= 0 {
                    known.get_mut().0 = ordinal;
                }
            }
            Entry::Vacant(_) if count >= MAX_UNDEFINED => self.is_full = true,
            Entry::Vacant(vacant) => {
                vacant.insert((ordinal, weak));
            }
        }
    }

    /// Weak lookup binds and binds to the image itself also name what the image defines.
    fn may_hold_own_symbols(&self) -> bool {
        self.by_name.values().any(|&(ordinal, _)| is_own(ordinal))
    }

    /// Forgets a symbol that the image defines, unless it is bound to a library.
    fn remove_own(&mut self, name: &[u8]) {
        let name = String::from_utf8_lossy(name);
        if self.by_name.get(name.as_ref()).is_some_and(|&(ordinal, _)| is_own(ordinal)) {
            self.by_name.remove(name.as_ref());
        }
    }

    fn finish(self, tables: &Tables) -> Vec<Undefined> {
        self.by_name.into_iter().map(|(name, (ordinal, weak))| Undefined { name, library: tables.library(ordinal), weak }).collect()
    }
}

/// BIND_SPECIAL_DYLIB_SELF or BIND_SPECIAL_DYLIB_WEAK_LOOKUP.
fn is_own(ordinal: i32) -> bool {
    matches!(ordinal, 0 | -3)
}

impl Tables {
    /// Install name of the library with that ordinal; `None` for special ordinals and unreadable commands.
    pub(in crate::read) fn library(&self, ordinal: i32) -> Option<String> {
        let index = usize::try_from(ordinal).ok()?.checked_sub(1)?;
        self.ordinals.get(index)?.clone()
    }
}
