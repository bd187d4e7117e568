//! Calls to chosen functions, with the values of their arguments (arm64, x86_64).
//!
//! A value is said only when it is known: a constant that reaches the call on every path, a small set of such constants, or nothing.
//! The answer *unknown* is always right, a false constant never.
//!
//! First `scan` goes over all code and notes where a sought function is referred to; then only the functions around the notes are decoded
//! (`arm64`, `x86`) and constants are followed through them (`flow`). Arguments that a function only hands on are looked up in its callers
//! (`callers`), one level. Conditions are not interpreted: both ways of a branch count.

mod arm64;
mod arm64_memory;
mod callers;
mod flow;
mod image;
mod scan;
mod state;
mod value;
mod x86;

use super::fixups::Bindings;
use super::macho::{Arch, MachO};
use super::{ReadError, Source};
use flow::{Found, Function};
use image::Image;
use serde::{Deserialize, Serialize};
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSites {
    /// In address order; at most 10,000.
    pub calls: Vec<CallSite>,
    /// What could not be followed or read (an unsupported architecture, a section outside the file, too many calls).
    pub faults: Vec<ReadError>,
}

/// Most calls kept.
const MOST_CALLS: usize = 10_000;
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
        "_mach_vm_map" => b"iwwwiiwiiii",
        "_mach_vm_remap" | "_vm_remap" => b"iwwwiiwiwwi",
        "_pthread_jit_write_protect_np" => b"i",
        "_dlopen" => b"ti",
        "_setenv" => b"tti",
        "_putenv" => b"t",
        "_posix_spawn" => b"wtwwww",
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
    if image.targets.is_empty() && image.slots.is_empty() {
        return sites;
    }
    if !is_arm64 && macho.arch != Arch::X86_64 {
        sites.faults.push(ReadError::new(format!("code of {} is not followed", macho.arch.name()), 0));
        return sites;
    }
    let functions = function_starts(&image, bindings);
    let mut budget = BUDGET;
    let mut located = Vec::new();
    for _ in 0..MOST_ISLANDS_IN_A_ROW {
        located = Search { image: &image, functions: &functions, is_arm64, budget: &mut budget, faults: &mut sites.faults }.run().1;
        let before = image.targets.len();
        image.targets.extend(located.iter().filter(|call| is_island(call)).filter_map(|call| Some((call.function?, call.found.sought))));
        if image.targets.len() == before {
            break;
        }
    }
    drop_islands(&mut located, &image);
    let mut search = Search { image: &image, functions: &functions, is_arm64, budget: &mut budget, faults: &mut sites.faults };
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
    is_arm64: bool,
    budget: &'a mut u64,
    faults: &'a mut Vec<ReadError>,
}

impl Search<'_> {
    /// The references to what the image seeks, and the calls among them, by address.
    fn run(&mut self) -> (Vec<scan::Note>, Vec<Located>) {
        let wanted = scan::Wanted::new(self.image.targets.keys().chain(self.image.slots.keys()).copied());
        let notes = scan::references(self.image, &wanted, self.is_arm64, self.faults);
        let mut located = Vec::new();
        for (start, (end, guessed)) in scan::by_function(&notes, self.functions, self.image) {
            let found = self.follow(start, end, guessed);
            located.extend(found.into_iter().map(|found| Located { found, function: (!guessed).then_some(start) }));
        }
        located.sort_by_key(|call| call.found.address);
        located.dedup_by_key(|call| call.found.address);
        (notes, located)
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
    let (callee, count) = *WANTED.get(call.found.sought)?;
    let in_registers = if image.is_arm64() { 8 } else { 6 };
    let argument = |index: usize| call.found.arguments.get(index).map_or(Value::Unknown, |abs| said(abs, kind(callee, index), image));
    Some(CallSite {
        callee: callee.to_owned(),
        address: call.found.address,
        function: call.function,
        symbol: symbol(call, bindings),
        arguments: (0..count.min(in_registers)).map(argument).collect(),
        is_tail: call.found.is_tail,
    })
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
        Abs::Set(values) => Value::OneOf(values),
        Abs::Address(at) if kind == Kind::Text => image.text(at).map_or(Value::Unknown, Value::Text),
        _ => Value::Unknown,
    }
}

#[cfg(test)]
mod tests;
