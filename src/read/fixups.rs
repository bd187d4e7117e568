//! Which symbol each stub or pointer slot is bound to: chained fixups, classic binds, indirect symbols. The tables are read by the `object` crate.

use super::macho::MachO;
use super::{ReadError, Source};
use std::collections::BTreeMap;

/// Names bound to addresses of one slice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bindings {
    /// Address of a stub (`__stubs`, `__auth_stubs`) → symbol name with underscore.
    pub stubs: BTreeMap<u64, String>,
    /// Address of a pointer slot (`__got`, `__la_symbol_ptr`, `__auth_got`, class refs) → symbol name with underscore.
    pub slots: BTreeMap<u64, String>,
    /// Addresses of defined symbols (exports and locals, where the table was kept) → name; bounded.
    pub defined: BTreeMap<u64, String>,
    /// Start addresses of functions (LC_FUNCTION_STARTS), ascending; empty when there are none.
    pub functions: Vec<u64>,
    /// What could not be read.
    pub faults: Vec<ReadError>,
}

/// Reads the bindings of a slice.
pub fn read(_source: &dyn Source, _macho: &MachO) -> Bindings {
    Bindings::default()
}
