//! Which symbol each stub or pointer slot is bound to: chained fixups, classic binds, indirect symbols. The chains and bind opcodes are read by
//! the `object` crate.
//!
//! A later source wins over an earlier one for slots: indirect symbols, then bind opcodes, then chained fixups. A stub without an indirect
//! symbol is decoded, and bears the name of the slot it jumps through.

use super::macho::MachO;
use super::macho::commands::{self, Tables};
use super::{ReadError, Source};
use std::collections::BTreeMap;

mod defined;
mod indirect;
mod slots;
mod stub_code;
#[cfg(test)]
mod tests;

/// Most slots or stubs that are kept.
const MAX_SLOTS: usize = 1_000_000;
/// Bytes of names kept in one map of slots (64 MiB): one name can be bound to many places.
const MAX_NAME_BYTES: usize = 64 << 20;

/// Names bound to addresses of one slice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bindings {
    /// Address of a stub (`__stubs`, `__auth_stubs`) → symbol name with underscore.
    pub stubs: BTreeMap<u64, String>,
    /// Address of a pointer slot (`__got`, `__la_symbol_ptr`, `__auth_got`, class refs) → symbol name with underscore.
    pub slots: BTreeMap<u64, String>,
    /// Addresses of defined symbols (exports and locals, where the table was kept; else exports of the trie) → name; at most 300,000.
    pub defined: BTreeMap<u64, String>,
    /// Start addresses of functions (LC_FUNCTION_STARTS), ascending; empty when there are none. At most 4,000,000.
    pub functions: Vec<u64>,
    /// What could not be read.
    pub faults: Vec<ReadError>,
}

/// Reads the bindings of a slice. The load commands are read again from `source`: `macho` does not keep where the tables lie.
pub fn read(source: &dyn Source, macho: &MachO) -> Bindings {
    let mut bindings = Bindings::default();
    let tables = match commands::read(source) {
        Ok(commands) => commands.tables,
        Err(fault) => {
            bindings.faults.push(fault);
            return bindings;
        }
    };
    let image = Image { source, macho, tables: &tables };
    let wanted = indirect::wanted(&image, &mut bindings.faults);
    let names = defined::symbols(&image, &wanted, &mut bindings);
    indirect::name(&wanted, &names, &mut bindings);
    slots::binds(&image, &mut bindings);
    slots::chains(&image, &mut bindings);
    stub_code::name_the_rest(&image, &mut bindings);
    defined::functions(&image, &mut bindings);
    bindings
}

/// A slice being read.
struct Image<'a> {
    source: &'a dyn Source,
    macho: &'a MachO,
    tables: &'a Tables,
}
