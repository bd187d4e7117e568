//! Calls to chosen functions, with the values of their arguments (arm64, x86_64).
//!
//! A value is said only when it is known: a constant that reaches the call on every path, a small set of such constants, or nothing.
//! The answer *unknown* is always right, a false constant never.
//!
//! First `scan` goes over all code and notes where a sought function is referred to; then only the functions around the notes are decoded
//! (`arm64`, `x86`) and constants are followed through them (`flow`). Arguments that a function only hands on are looked up in its callers
//! (`callers`), a few levels up. Both ways of a branch count; a comparison with a constant bounds the value on each. Of a value that is no
//! constant and no small set, known bits are kept (`bits`). Objective-C messages with constant selectors count as calls (`objc`).

mod arm64;
mod arm64_memory;
mod bits;
mod callers;
mod flow;
mod image;
mod limits;
mod objc;
mod scan;
mod state;
mod value;
mod x86;

use super::fixups::Bindings;
use super::macho::{Arch, MachO};
use super::{ReadError, Source};
use flow::{Found, Function};
use image::Image;
pub use objc::MESSAGES;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use value::Abs;

/// Functions whose calls are looked for, with the number of integer arguments that matter. Names with their leading underscore.
pub const WANTED: &[(&str, usize)] = &[
    ("_mmap", 6),
    ("_mprotect", 3),
    ("_vm_protect", 5),
    ("_mach_vm_protect", 5),
    ("_mach_vm_map", 11),
    ("_mach_vm_remap", 11),
    ("_vm_remap", 11),
    ("_vm_map", 11),
    ("_pthread_jit_write_protect_np", 1),
    ("_pthread_jit_write_with_callback_np", 2),
    ("_pthread_jit_write_freeze_callbacks_np", 0),
    ("_shm_open", 3),
    ("_dlopen", 2),
    ("_dlsym", 2),
    ("_setenv", 3),
    ("_putenv", 1),
    ("_posix_spawn", 6),
    ("_posix_spawnp", 6),
    ("_NSCreateObjectFileImageFromMemory", 3),
    ("_task_for_pid", 3),
    ("_ptrace", 4),
    ("_csops", 4),
    ("_syscall", 1),
];

/// How many of [`WANTED`], from the first, are about memory.
const MEMORY: usize = 12;

/// What is known of one argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// Nothing.
    Unknown,
    /// Exactly this. An argument that the callee takes as 32 bits (`int`, `vm_prot_t`) is given as those, so -1 is `0xffff_ffff`.
    /// Never an address in the image: those slide.
    Known(u64),
    /// One of these (ascending, at most 16).
    OneOf(Vec<u64>),
    /// The address of this C string in the image (at most 1,024 bytes kept).
    Text(String),
    /// A number with these bits known; no bit is in both. The others may be either. More than 16 numbers are possible.
    Bits {
        /// Bits that are 0.
        zeros: u64,
        /// Bits that are 1.
        ones: u64,
    },
}

impl Value {
    /// The values it can have; `None` when unknown, text, or known in part only.
    pub fn candidates(&self) -> Option<&[u64]> {
        match self {
            Value::Known(value) => Some(std::slice::from_ref(value)),
            Value::OneOf(values) => Some(values),
            _ => None,
        }
    }
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSite {
    /// Name of the called function, with its underscore; `-[selector]` for a message, whose arguments begin with the receiver and the selector.
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
    /// What was followed to tell the arguments: addresses of calls of the functions that hand them on, of conditional selects, of tables.
    /// Ascending, at most 32. Two sites with the same address: one call, told apart by its callers (one of the two may be all unknown).
    pub via: Vec<u64>,
}

/// The calls of one slice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSites {
    /// In address order; at most 10,000.
    pub calls: Vec<CallSite>,
    /// What could not be followed or read (an unsupported architecture, a section outside the file, too many calls).
    pub faults: Vec<ReadError>,
}

/// Most calls kept.
const MOST_CALLS: usize = 10_000;
/// Most addresses in [`CallSite::via`].
const MOST_VIA: usize = 32;
/// Instructions that may be applied in one slice; after that arguments are unknown.
const BUDGET: u64 = 60_000_000;
/// Bytes looked at before and after a reference when functions are not known.
const WINDOW: u64 = 8192;

/// Most islands between a call and its stub.
const MOST_ISLANDS_IN_A_ROW: usize = 4;

/// How the callee takes an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// 32 bits.
    Int,
    /// 64 bits.
    Word,
    /// A pointer to characters.
    Text,
}

/// How a sought function takes its arguments (`sys/mman.h`, `mach/mach_vm.defs`, `mach/vm_map.defs`, `dlfcn.h`, `spawn.h`, `sys/ptrace.h`).
fn kind(callee: &str, index: usize) -> Kind {
    let kinds: &[u8] = match callee {
        "_mmap" => b"wwiiiw",
        "_mprotect" => b"wwi",
        "_vm_protect" | "_mach_vm_protect" => b"iwwii",
        "_mach_vm_map" | "_vm_map" => b"iwwwiiwiiii",
        "_mach_vm_remap" | "_vm_remap" => b"iwwwiiwiwwi",
        "_pthread_jit_write_protect_np" => b"i",
        "_dlopen" => b"ti",
        "_dlsym" => b"wt",
        "_shm_open" => b"tii",
        "_csops" => b"iiww",
        "_syscall" => b"i",
        "_setenv" => b"tti",
        "_putenv" => b"t",
        "_posix_spawn" | "_posix_spawnp" => b"wtwwww",
        "_task_for_pid" => b"iiw",
        "_ptrace" => b"iiwi",
        _ => b"",
    };
    match kinds.get(index) {
        Some(b'i') => Kind::Int,
        Some(b't') => Kind::Text,
        _ => Kind::Word,
    }
}

/// Finds the calls to [`WANTED`] functions in the executable sections of a slice.
pub fn find(source: &dyn Source, macho: &MachO, bindings: &Bindings) -> CallSites {
    let mut sites = CallSites::default();
    let is_arm64 = macho.arch.is_arm64();
    let mut image = Image::new(source, macho, bindings, |name| WANTED.iter().position(|(wanted, _)| *wanted == name));
    objc::fill(&mut image, bindings);
    if image.targets.is_empty() && image.slots.is_empty() && image.selectors.is_empty() {
        return sites;
    }
    if !is_arm64 && macho.arch != Arch::X86_64 {
        sites.faults.push(ReadError::new(format!("code of {} is not followed", macho.arch.name()), 0));
        return sites;
    }
    let functions = function_starts(&image, bindings);
    let references = scan::References::new(&image, &functions, &mut sites.faults);
    let mut budget = BUDGET;
    let mut located = Vec::new();
    let mut sought: BTreeSet<u64> = image.sought_addresses().collect();
    for _ in 0..MOST_ISLANDS_IN_A_ROW {
        let mut search = Search { image: &image, functions: &functions, references: &references, is_arm64, budget: &mut budget };
        located = search.again(&sought, located);
        let before = image.targets.len();
        let islands: Vec<(u64, usize)> =
            located.iter().filter(|call| is_island(call)).filter_map(|call| Some((call.function?, call.found.sought))).collect();
        sought = islands.iter().map(|(at, _)| *at).filter(|at| !image.targets.contains_key(at)).collect();
        image.targets.extend(islands);
        if image.targets.len() == before {
            break;
        }
    }
    drop_islands(&mut located, &image);
    let mut search = Search { image: &image, functions: &functions, references: &references, is_arm64, budget: &mut budget };
    callers::complete(&mut located, &mut search, source, macho, bindings);
    if budget == 0 {
        sites.faults.push(ReadError::new("too much code to follow every argument", 0));
    }
    if located.len() > MOST_CALLS {
        sites.faults.push(ReadError::new(format!("more than {MOST_CALLS} calls"), 0));
        located.truncate(MOST_CALLS);
    }
    sites.calls = located.iter().filter_map(|call| call_site(call, &image, bindings)).collect();
    sites
}

/// A function that is nothing but a jump to a sought one: an island that the linker made because a stub is too far for `bl`
/// (`adrp x16`, `add x16`, `br x16`), or a source's thunk. Calls to it are calls to what it jumps to.
fn is_island(call: &Located) -> bool {
    let untouched = |(index, value): (usize, &Abs)| matches!(value, Abs::Param { index: n, narrow: false } if usize::from(*n) == index);
    let at_start = call.function.and_then(|start| call.found.address.checked_sub(start)).is_some_and(|offset| offset <= 8);
    call.found.is_tail && at_start && !call.found.arguments.is_empty() && call.found.arguments.iter().enumerate().all(untouched)
}

/// An island's own jump is no call, when something calls the island or only a linker makes such code.
fn drop_islands(located: &mut Vec<Located>, image: &Image) {
    let by_linker = |call: &Located| image.is_arm64() && call.function != Some(call.found.address);
    let used: Vec<u64> = located.iter().filter_map(|call| call.found.through).collect();
    located.retain(|call| !(is_island(call) && (by_linker(call) || call.function.is_some_and(|start| used.contains(&start)))));
}

/// Where functions begin, ascending: LC_FUNCTION_STARTS, or else the symbols in code.
fn function_starts(image: &Image, bindings: &Bindings) -> Vec<u64> {
    let mut starts = bindings.functions.clone();
    if starts.is_empty() {
        starts.extend(bindings.defined.keys().copied().filter(|at| image.code_at(*at).is_some()));
    }
    // A crafted table could set the decoder between instructions.
    starts.retain(|start| !image.is_arm64() || start % 4 == 0);
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// A call and the function it lies in.
struct Located {
    found: Found,
    function: Option<u64>,
}

/// One search through the code of a slice.
struct Search<'a> {
    image: &'a Image<'a>,
    functions: &'a [u64],
    references: &'a scan::References,
    is_arm64: bool,
    budget: &'a mut u64,
}

impl Search<'_> {
    /// The calls in the functions that these notes lie in, by address.
    fn run(&mut self, notes: &[scan::Note]) -> Vec<Located> {
        let mut located = Vec::new();
        for (start, (end, guessed)) in scan::by_function(notes, self.functions, self.image) {
            let found = self.follow(start, end, guessed);
            located.extend(found.into_iter().map(|found| Located { found, function: (!guessed).then_some(start) }));
        }
        located.sort_by_key(|call| call.found.address);
        located.dedup_by_key(|call| call.found.address);
        located
    }

    /// Calls found before, and those in the functions that refer to addresses which are sought since then.
    fn again(&mut self, sought: &BTreeSet<u64>, before: Vec<Located>) -> Vec<Located> {
        let (notes, _) = self.references.to(sought);
        let changed = scan::by_function(&notes, self.functions, self.image);
        let is_changed = |at: u64| changed.range(..=at).next_back().is_some_and(|(_, (end, _))| at < *end);
        let mut located = self.run(&notes);
        located.extend(before.into_iter().filter(|call| !is_changed(call.found.address)));
        located.sort_by_key(|call| call.found.address);
        located.dedup_by_key(|call| call.found.address);
        located
    }

    fn follow(&mut self, start: u64, end: u64, guessed: bool) -> Vec<Found> {
        let Some(section) = self.image.code_at(start) else { return Vec::new() };
        // A longer function is decoded in a line only, to find the calls; a bound keeps a crafted one from filling the memory.
        let most = end.saturating_sub(start).min(flow::MOST_CODE.saturating_mul(64));
        let Some(code) = self.image.bytes(section, start, most) else { return Vec::new() };
        let end = start.saturating_add(code.len() as u64);
        if self.is_arm64 {
            let machine = arm64::Arm64 { image: self.image, code: &code, start };
            flow::follow(&Function { machine: &machine, start, end, guessed }, self.budget)
        } else {
            let machine = x86::X86::new(self.image, &code, start);
            flow::follow(&Function { machine: &machine, start, end, guessed }, self.budget)
        }
    }
}

fn call_site(call: &Located, image: &Image, bindings: &Bindings) -> Option<CallSite> {
    let sought = call.found.sought;
    let (callee, count) = match WANTED.get(sought) {
        Some((name, count)) => ((*name).to_owned(), *count),
        None => (objc::callee(sought)?, objc::count(sought)),
    };
    let in_registers = if image.is_arm64() { 8 } else { 6 };
    let known = call.found.arguments.get(..count.min(in_registers)).unwrap_or(&call.found.arguments);
    let mut via: Vec<u64> = known.iter().flat_map(Abs::via).chain(&call.found.via).copied().collect();
    via.sort_unstable();
    via.dedup();
    via.truncate(MOST_VIA);
    let argument = |index: usize| match (objc::selector(sought), index) {
        (Some(selector), 1) => Value::Text(selector.to_owned()),
        _ => known.get(index).map_or(Value::Unknown, |abs| said(abs, kind(&callee, index), image)),
    };
    let arguments = (0..count.min(in_registers)).map(argument).collect();
    let (address, is_tail) = (call.found.address, call.found.is_tail);
    Some(CallSite { address, function: call.function, symbol: symbol(call, bindings), arguments, is_tail, via, callee })
}

/// The nearest symbol at or before the call, not before its function when that is known.
fn symbol(call: &Located, bindings: &Bindings) -> Option<String> {
    let from = call.function.unwrap_or(0);
    bindings.defined.range(from..=call.found.address.max(from)).next_back().map(|(_, name)| name.clone())
}

/// What can be said of an argument outside.
fn said(value: &Abs, kind: Kind, image: &Image) -> Value {
    let value = if kind == Kind::Int { value.narrow() } else { value.clone() };
    match value {
        Abs::Const(value) => Value::Known(value),
        Abs::Set(values, _) => Value::OneOf(values),
        Abs::Bits(bits, _) if (bits.zeros | bits.ones) & 0xffff_ffff != 0 => Value::Bits { zeros: bits.zeros, ones: bits.ones },
        Abs::Entry(_, number) => match *number {
            Abs::Entry(..) => Value::Unknown,
            number => said(&number, kind, image),
        },
        Abs::Address(at) if kind == Kind::Text => image.text(at).map_or(Value::Unknown, Value::Text),
        _ => Value::Unknown,
    }
}

#[cfg(test)]
mod tests;
