//! What the image defines: symbols of LC_SYMTAB, exports when that was stripped, function starts.

use super::indirect::Wanted;
use super::{Bindings, Image};
use crate::read::macho::FileRange;
use crate::read::macho::integers::{c_string_at, take_uleb};
use crate::read::macho::symtab::{MAX_TABLE, Symbol};
use crate::read::{ReadError, lossy};
use std::collections::{BTreeMap, BTreeSet};

const MAX_DEFINED: usize = 300_000;
const MAX_FUNCTIONS: usize = 4_000_000;
/// Bytes of export names put together in one walk (64 MiB), and of one name.
const MAX_EXPORT_BYTES: usize = 64 << 20;
const MAX_EXPORT_NAME: usize = 64 << 10;

/// Fills `defined`, and gives the names of the wanted symbols by index.
pub(super) fn symbols(image: &Image, wanted: &[Wanted], bindings: &mut Bindings) -> BTreeMap<u32, String> {
    let names = symbol_table(image, wanted, bindings);
    if (!image.macho.has_symbols || bindings.defined.is_empty())
        && let Some(range) = image.tables.exports.filter(|range| range.size > 0)
    {
        exports(image, range, bindings);
    }
    names
}

fn symbol_table(image: &Image, wanted: &[Wanted], bindings: &mut Bindings) -> BTreeMap<u32, String> {
    let mut named = BTreeMap::new();
    let Some(table) = image.tables.symbols.filter(|table| table.count > 0) else { return named };
    let indices: BTreeSet<u32> = wanted.iter().map(|entry| entry.symbol).collect();
    let mut to_name: Vec<Symbol> = Vec::new();
    let mut defined: Vec<Symbol> = Vec::new();
    let mut too_many = false;
    let walked = table.walk(image.source, image.tables.layout, |symbol| {
        if indices.contains(&symbol.index) {
            to_name.push(symbol);
        }
        if symbol.is_in_section() {
            too_many |= defined.len() >= MAX_DEFINED;
            if !too_many {
                defined.push(symbol);
            }
        }
    });
    bindings.faults.extend(walked.err());
    if too_many {
        bindings.faults.push(ReadError::new("more defined symbols than Temper keeps", table.offset));
    }
    let mut names = match table.names(image.source) {
        Ok(names) => names,
        Err(fault) => {
            bindings.faults.push(fault);
            return named;
        }
    };
    for symbol in to_name {
        if let Some(name) = names.get(symbol.name) {
            named.insert(symbol.index, lossy(name));
        }
    }
    // Externals first: of two names for one address the public one stays.
    defined.sort_by_key(|symbol| !symbol.is_external());
    for symbol in defined {
        if let Some(name) = names.get(symbol.name).filter(|name| !name.is_empty()) {
            bindings.defined.entry(symbol.value).or_insert_with(|| lossy(name));
        }
    }
    if names.is_exhausted() {
        bindings.faults.push(ReadError::new("symbol names are longer than Temper keeps", table.strings.offset));
    }
    named
}

fn exports(image: &Image, range: FileRange, bindings: &mut Bindings) {
    let walked = match image.source.read_vec(range.offset, range.size, MAX_TABLE) {
        Ok(trie) => walk_trie(&trie, image.tables.base, &mut bindings.defined),
        Err(fault) => Err(fault.what),
    };
    if let Err(what) = walked {
        bindings.faults.push(ReadError::new(format!("export trie: {what}"), range.offset));
    }
}

/// Walks the export trie. Read here and not by `object`, which does not bound the nodes it passes on the way to an export: thirty nodes whose
/// two children are the same node make it look at 2³⁰. Here a node is visited once.
pub(super) fn walk_trie(trie: &[u8], base: u64, defined: &mut BTreeMap<u64, String>) -> Result<(), String> {
    let mut seen = BTreeSet::from([0usize]);
    let mut open: Vec<(usize, Vec<u8>)> = vec![(0, Vec::new())];
    let mut left = MAX_EXPORT_BYTES;
    while let Some((at, name)) = open.pop() {
        let mut rest = trie.get(at..).ok_or("node outside the trie")?;
        let size = take_uleb(&mut rest).and_then(|size| usize::try_from(size).ok()).ok_or("unreadable node")?;
        let terminal = rest.get(..size).ok_or("node outside the trie")?;
        if let Some(address) = exported_address(terminal, base) {
            if defined.len() >= MAX_DEFINED {
                return Err("more exports than Temper keeps".into());
            }
            defined.entry(address).or_insert_with(|| lossy(&name));
        }
        let mut edges = rest.get(size..).ok_or("node outside the trie")?;
        let (&children, after) = edges.split_first().ok_or("node cut short")?;
        edges = after;
        for _ in 0..children {
            let edge = c_string_at(edges, 0).ok_or("edge without an end")?;
            edges = edges.get(edge.len().saturating_add(1)..).unwrap_or_default();
            let child = take_uleb(&mut edges).and_then(|child| usize::try_from(child).ok()).ok_or("edge without a node")?;
            if !seen.insert(child) {
                return Err("two edges lead to one node".into());
            }
            let longer = name.len().saturating_add(edge.len());
            left = left.checked_sub(longer).filter(|_| longer <= MAX_EXPORT_NAME).ok_or("names longer than Temper keeps")?;
            open.push((child, [name.as_slice(), edge].concat()));
        }
    }
    Ok(())
}

/// Address of an export; `None` for inner nodes, re-exports (flag 8) and absolute symbols (kind 2). With a resolver (flag 0x10) the first address is the stub's.
fn exported_address(mut terminal: &[u8], base: u64) -> Option<u64> {
    let flags = take_uleb(&mut terminal)?;
    if flags & 8 != 0 || flags & 3 == 2 {
        return None;
    }
    base.checked_add(take_uleb(&mut terminal)?)
}

/// Fills `functions` from LC_FUNCTION_STARTS: distances from the header on, ended by 0.
pub(super) fn functions(image: &Image, bindings: &mut Bindings) {
    let Some(range) = image.macho.function_starts.filter(|range| range.size > 0) else { return };
    let bytes = match image.source.read_vec(range.offset, range.size, MAX_TABLE) {
        Ok(bytes) => bytes,
        Err(fault) => return bindings.faults.push(ReadError::new(format!("function starts: {}", fault.what), range.offset)),
    };
    let (mut rest, mut address) = (bytes.as_slice(), image.tables.base);
    while !rest.is_empty() {
        let next = take_uleb(&mut rest).and_then(|distance| Some((distance, address.checked_add(distance)?)));
        match next {
            Some((0, _)) => return,
            Some((_, next)) if bindings.functions.len() < MAX_FUNCTIONS => {
                address = next;
                bindings.functions.push(address);
            }
            _ => return bindings.faults.push(ReadError::new("function starts unreadable or too many", range.offset)),
        }
    }
}
