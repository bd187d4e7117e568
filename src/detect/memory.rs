//! How code makes memory executable: from call sites, then imports, then the engine it holds.
//!
//! A proof is a call with constant arguments. An import shows ability, not use: at most *likely*. A recognised engine only fills what call
//! sites leave open.

use super::{Clue, Detected, MemoryUse, Scene};
use crate::evidence::Image;
use crate::finding::{Confidence, Kind, Proof, Severity};
use crate::read::callsites::{CallSite, Value};

/// PROT_WRITE, PROT_EXEC, MAP_SHARED, MAP_FIXED, MAP_ANON, MAP_JIT (XNU bsd/sys/mman.h); VM_PROT_COPY (osfmk/mach/vm_prot.h).
const WRITE: u64 = 2;
const EXECUTE: u64 = 4;
const SHARED: u64 = 1;
const FIXED: u64 = 0x10;
const ANONYMOUS: u64 = 0x1000;
const JIT: u64 = 0x800;
const COPY: u64 = 0x10;

/// Whether a predicate holds for every, some or no value an argument can have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Always,
    Sometimes,
    Never,
    Unknown,
}

/// What a call rules out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RuledOut {
    /// It cannot map memory with MAP_JIT, or switch such memory.
    pub jit: bool,
    /// It cannot make memory executable that no signature covers, other than with MAP_JIT.
    pub unsigned: bool,
    /// It cannot make code pages writable.
    pub patching: bool,
}

/// What one call to a function about memory rules out, whatever its arguments turn out to be. `None` for other functions.
pub(crate) fn rules_out(call: &CallSite) -> Option<RuledOut> {
    let never = |index: usize, mask: u64| holds(call.arguments.get(index), mask) == Holds::Never;
    let all = RuledOut { jit: true, unsigned: true, patching: true };
    Some(match call.callee.as_str() {
        "_mmap" => {
            let is_jit = holds(call.arguments.get(3), JIT) == Holds::Always;
            // An error whatever the entitlements (XNU bsd/kern/kern_mman.c).
            let refused_anyway = [FIXED, SHARED].iter().any(|&flag| holds(call.arguments.get(3), flag) == Holds::Always);
            RuledOut { jit: never(3, JIT) || refused_anyway, unsigned: never(2, EXECUTE) || is_jit, patching: true }
        }
        "_mprotect" => RuledOut { jit: true, unsigned: never(2, EXECUTE), patching: never(2, WRITE) },
        "_vm_protect" | "_mach_vm_protect" => {
            RuledOut { jit: true, unsigned: never(4, EXECUTE), patching: never(4, WRITE) && never(4, COPY) }
        }
        // The protections are the ninth and tenth argument, which nobody follows.
        "_vm_map" | "_mach_vm_map" => RuledOut { unsigned: false, ..all },
        // A second view of memory is as it was; to run it takes a change of protection.
        "_vm_remap" | "_mach_vm_remap" => all,
        "_pthread_jit_write_protect_np" | "_pthread_jit_write_with_callback_np" => RuledOut { jit: false, ..all },
        _ => return None,
    })
}

/// Most bits that may be either for an unknown one of them to say anything: more are a value that came from anywhere.
const MOST_OPEN_BITS: u32 = 8;

/// Whether all bits of `mask` are set in the value.
fn holds(value: Option<&Value>, mask: u64) -> Holds {
    match value {
        Some(Value::Bits { ones, .. }) if ones & mask == mask => return Holds::Always,
        Some(Value::Bits { zeros, .. }) if zeros & mask != 0 => return Holds::Never,
        Some(Value::Bits { zeros, ones }) if (!(zeros | ones)).count_ones() <= MOST_OPEN_BITS => {
            return Holds::Sometimes;
        }
        _ => {}
    }
    let Some(values) = value.and_then(Value::candidates) else { return Holds::Unknown };
    let hits = values.iter().filter(|v| **v & mask == mask).count();
    match hits {
        0 => Holds::Never,
        n if n == values.len() => Holds::Always,
        _ => Holds::Sometimes,
    }
}

/// One call's meaning, with how sure it is.
fn meaning(call: &CallSite) -> Option<(MemoryUse, Confidence)> {
    match call.callee.as_str() {
        "_mmap" => map_meaning(call),
        "_mprotect" => protect_meaning(call.arguments.get(2), None),
        "_vm_protect" | "_mach_vm_protect" => protect_meaning(call.arguments.get(4), call.arguments.get(4)),
        "_pthread_jit_write_protect_np" | "_pthread_jit_write_with_callback_np" => Some((MemoryUse::MapJit, Confidence::Certain)),
        _ => None,
    }
}

fn map_meaning(call: &CallSite) -> Option<(MemoryUse, Confidence)> {
    let (protection, flags) = (call.arguments.get(2), call.arguments.get(3));
    if holds(flags, JIT) != Holds::Never && [FIXED, SHARED].iter().any(|&flag| holds(flags, flag) == Holds::Always) {
        // EINVAL whatever the entitlements (XNU bsd/kern/kern_mman.c).
        return None;
    }
    match holds(flags, JIT) {
        Holds::Always => return Some((MemoryUse::MapJit, Confidence::Certain)),
        Holds::Sometimes => return Some((MemoryUse::MapJit, Confidence::Likely)),
        Holds::Never => {}
        Holds::Unknown => return None,
    }
    let anonymous = holds(flags, ANONYMOUS);
    match holds(protection, WRITE | EXECUTE) {
        Holds::Always if anonymous == Holds::Always => Some((MemoryUse::WriteExecute, Confidence::Certain)),
        Holds::Always => Some((MemoryUse::WriteExecute, Confidence::Likely)),
        Holds::Sometimes => Some((MemoryUse::WriteExecute, Confidence::Possible)),
        _ => None,
    }
}

/// An executable view of shared memory that another view writes: `shm_open` and `mmap(PROT_READ|PROT_EXEC, MAP_SHARED)`.
fn second_view(call: &CallSite, image: &Image) -> Option<(MemoryUse, Confidence)> {
    let opens = image.calls.calls.iter().any(|other| other.callee == "_shm_open");
    let (protection, flags) = (call.arguments.get(2), call.arguments.get(3));
    let is_view = call.callee == "_mmap" && holds(flags, SHARED) == Holds::Always && holds(flags, ANONYMOUS) == Holds::Never;
    match holds(protection, EXECUTE) {
        Holds::Always if is_view && opens => Some((MemoryUse::FlipsPages, Confidence::Likely)),
        Holds::Sometimes if is_view && opens => Some((MemoryUse::FlipsPages, Confidence::Possible)),
        _ => None,
    }
}

fn protect_meaning(protection: Option<&Value>, copy: Option<&Value>) -> Option<(MemoryUse, Confidence)> {
    if holds(copy, COPY) == Holds::Always {
        return Some((MemoryUse::PatchesCode, Confidence::Certain));
    }
    match holds(protection, WRITE | EXECUTE) {
        Holds::Always => return Some((MemoryUse::WriteExecute, Confidence::Certain)),
        Holds::Sometimes => return Some((MemoryUse::WriteExecute, Confidence::Possible)),
        _ => {}
    }
    match holds(protection, EXECUTE) {
        Holds::Always => Some((MemoryUse::FlipsPages, Confidence::Certain)),
        Holds::Sometimes => Some((MemoryUse::FlipsPages, Confidence::Possible)),
        _ => None,
    }
}

/// Engines by what an image is called, imports or says. Never overrules a call site.
struct Engine {
    name: &'static str,
    /// Part of the file name.
    file: &'static [&'static str],
    /// Ids of found strings.
    strings: &'static [&'static str],
    usual: MemoryUse,
    optional: bool,
}

const ENGINES: &[Engine] = &[
    Engine { name: "LuaJIT", file: &["libluajit"], strings: &["luajit"], usual: MemoryUse::FlipsPages, optional: true },
    Engine {
        name: "V8 (Electron, Chromium)",
        file: &["Electron Framework", "Chromium Embedded Framework", "nwjs Framework", "QtWebEngineCore", "libnode."],
        strings: &["v8"],
        usual: MemoryUse::MapJit,
        optional: false,
    },
    Engine { name: "HotSpot", file: &["libjvm."], strings: &["hotspot"], usual: MemoryUse::Unknown, optional: false },
    Engine { name: "CoreCLR", file: &["libcoreclr.", "libclrjit."], strings: &["coreclr"], usual: MemoryUse::MapJit, optional: false },
    Engine { name: "Mono", file: &["libmonosgen", "libmonobdwgc"], strings: &["mono"], usual: MemoryUse::Unknown, optional: false },
    Engine { name: "PyPy", file: &["libpypy"], strings: &[], usual: MemoryUse::Unknown, optional: false },
    Engine { name: "Wasmtime", file: &["libwasmtime"], strings: &["wasmtime", "cranelift"], usual: MemoryUse::FlipsPages, optional: false },
    Engine { name: "PCRE2 JIT", file: &["libpcre2"], strings: &["pcre"], usual: MemoryUse::Unknown, optional: true },
    Engine { name: "JavaScriptCore", file: &["libJavaScriptCore"], strings: &["jsc"], usual: MemoryUse::MapJit, optional: true },
    Engine { name: "LLVM JIT", file: &["libLLVM"], strings: &["llvm-jit"], usual: MemoryUse::FlipsPages, optional: false },
    Engine { name: "Julia", file: &["libjulia"], strings: &[], usual: MemoryUse::Unknown, optional: false },
    Engine {
        name: "Frida Gum",
        file: &["FridaGadget", "frida-gadget", "frida-agent"],
        strings: &["frida"],
        usual: MemoryUse::PatchesCode,
        optional: false,
    },
];

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Detected> {
    scene.evidence.images.iter().flat_map(of_image).collect()
}

fn of_image(image: &Image) -> Vec<Detected> {
    let proven = from_calls(image);
    let has = |wanted: MemoryUse| proven.iter().any(|d| d.clue == Clue::Memory(wanted));
    let mut all = Vec::new();
    if proven.is_empty() {
        all.extend(from_imports(image));
    } else if !has(MemoryUse::MapJit) && image.macho.imports("_pthread_jit_write_protect_np") {
        all.extend(jit_api_import(image));
    }
    all.extend(proven);
    all.extend(engine_of(image));
    all
}

/// Needs that calls with known arguments prove: one finding per kind of use, with every call as proof (at most 16).
fn from_calls(image: &Image) -> Vec<Detected> {
    let mut uses: Vec<(MemoryUse, Confidence, Vec<&CallSite>)> = Vec::new();
    for call in &image.calls.calls {
        let Some((kind, confidence)) = meaning(call).or_else(|| second_view(call, image)) else { continue };
        match uses.iter_mut().find(|(known, ..)| *known == kind) {
            Some((_, best, calls)) => {
                *best = (*best).max(confidence);
                calls.push(call);
            }
            None => uses.push((kind, confidence, vec![call])),
        }
    }
    let maps_jit = uses.iter().any(|(kind, ..)| *kind == MemoryUse::MapJit);
    let maps_plain = image.calls.calls.iter().any(|call| call.callee == "_mmap" && plain_writable(call));
    uses.sort_by_key(|(kind, ..)| *kind);
    uses.into_iter()
        .map(|(kind, confidence, mut calls)| {
            // An engine switches the protection in a hundred places; where it maps says more.
            calls.sort_by_key(|call| call.callee.starts_with("_pthread_jit"));
            // A change to executable says nothing of the memory it is about: beside MAP_JIT it may be that region.
            let confidence = match kind {
                MemoryUse::FlipsPages if maps_jit || calls.iter().all(|call| is_of_remapped(call, image)) => Confidence::Possible,
                MemoryUse::FlipsPages if !maps_plain => confidence.min(Confidence::Likely),
                _ => confidence,
            };
            need(image, kind, confidence, &calls)
        })
        .collect()
}

/// `vm_protect` beside `vm_remap` in one function: a second view of written memory, or libffi's trampolines, which are signed code mapped
/// again and need nothing. The call does not tell which.
fn is_of_remapped(call: &CallSite, image: &Image) -> bool {
    let beside = |other: &CallSite| other.callee.ends_with("vm_remap") && other.function.is_some() && other.function == call.function;
    call.callee.ends_with("vm_protect") && image.calls.calls.iter().any(beside)
}

fn plain_writable(call: &CallSite) -> bool {
    holds(call.arguments.get(3), JIT) == Holds::Never && holds(call.arguments.get(2), WRITE) == Holds::Always
}

fn need(image: &Image, kind: MemoryUse, confidence: Confidence, calls: &[&CallSite]) -> Detected {
    let (id, what) = match (kind, confidence) {
        (MemoryUse::MapJit, Confidence::Possible | Confidence::Likely) => (words(kind).0, "may map memory with MAP_JIT"),
        _ => words(kind),
    };
    let name = image.path.file_name().unwrap_or_default().to_string_lossy();
    let message = format!("{name} ({}) {what}", image.arch().name());
    let mut detected = Detected::of_code(id, Kind::Need, Severity::Note, confidence, message, Clue::Memory(kind))
        .on(image.path.to_string_lossy(), Some(image.arch()))
        .at("code");
    for call in calls.iter().take(16) {
        detected = detected.seen(Proof {
            source: image.path.to_string_lossy().into_owned(),
            address: Some(call.address),
            quote: format!("{}{}", call_text(call), followed_text(call)),
            ..Proof::default()
        });
    }
    detected
}

fn words(kind: MemoryUse) -> (&'static str, &'static str) {
    match kind {
        MemoryUse::MapJit => ("maps-jit-memory", "maps memory with MAP_JIT"),
        MemoryUse::FlipsPages => ("makes-written-pages-executable", "makes written memory executable without MAP_JIT"),
        MemoryUse::WriteExecute => ("maps-write-execute", "asks for memory that is writable and executable at once, without MAP_JIT"),
        MemoryUse::PatchesCode => ("patches-code", "makes code pages writable to change them"),
        MemoryUse::Unknown => ("generates-code", "generates code; how it maps memory is not known"),
    }
}

/// A call as C: `mmap(?, ?, PROT_READ|PROT_WRITE|PROT_EXEC, MAP_PRIVATE|MAP_ANON|MAP_JIT, ?, ?)`.
pub(crate) fn call_text(call: &CallSite) -> String {
    let name = call.callee.strip_prefix('_').unwrap_or(&call.callee);
    let arguments: Vec<String> = call.arguments.iter().enumerate().map(|(i, value)| argument_text(name, i, value)).collect();
    format!("{name}({})", arguments.join(", "))
}

/// What was followed for the arguments, in brackets; nothing when they stand at the call.
fn followed_text(call: &CallSite) -> String {
    let shown: Vec<String> = call.via.iter().take(8).map(|at| format!("{at:#x}")).collect();
    if shown.is_empty() { String::new() } else { format!(" [by {}]", shown.join(", ")) }
}

fn argument_text(function: &str, index: usize, value: &Value) -> String {
    let one = |v: u64| match (function, index) {
        ("mmap" | "mprotect", 2) | ("vm_protect" | "mach_vm_protect", 4) => protection_text(v),
        ("mmap", 3) => map_flags_text(v),
        _ if v < 10 => v.to_string(),
        _ => format!("{v:#x}"),
    };
    match value {
        Value::Unknown => "?".into(),
        Value::Known(v) => one(*v),
        Value::OneOf(values) => values.iter().map(|v| one(*v)).collect::<Vec<_>>().join(" or "),
        Value::Text(text) => format!("{text:?}"),
        Value::Bits { zeros, ones } => match !(zeros | ones) & 0xffff_ffff {
            open if open.count_ones() <= MOST_OPEN_BITS => format!("{} and any of {}", one(*ones), one(open)),
            _ if *ones != 0 => format!("{}|?", one(*ones)),
            _ => "?".into(),
        },
    }
}

fn protection_text(value: u64) -> String {
    names(value, &[(1, "PROT_READ"), (2, "PROT_WRITE"), (4, "PROT_EXEC"), (0x10, "VM_PROT_COPY")], "PROT_NONE")
}

fn map_flags_text(value: u64) -> String {
    names(
        value,
        &[(1, "MAP_SHARED"), (2, "MAP_PRIVATE"), (0x10, "MAP_FIXED"), (0x40, "MAP_NORESERVE"), (0x1000, "MAP_ANON"), (0x800, "MAP_JIT")],
        "0",
    )
}

fn names(value: u64, table: &[(u64, &str)], none: &str) -> String {
    let mut parts: Vec<String> = table.iter().filter(|(bit, _)| value & bit != 0).map(|(_, name)| (*name).to_owned()).collect();
    let rest = table.iter().fold(value, |left, (bit, _)| left & !bit);
    if rest != 0 {
        parts.push(format!("{rest:#x}"));
    }
    if parts.is_empty() { none.to_owned() } else { parts.join("|") }
}

fn jit_api_import(image: &Image) -> Option<Detected> {
    let message = format!(
        "{} ({}) imports pthread_jit_write_protect_np, which only code that maps with MAP_JIT uses",
        image.path.file_name().unwrap_or_default().to_string_lossy(),
        image.arch().name()
    );
    let detected =
        Detected::of_code("maps-jit-memory", Kind::Need, Severity::Note, Confidence::Likely, message, Clue::Memory(MemoryUse::MapJit))
            .on(image.path.to_string_lossy(), Some(image.arch()))
            .at("imports");
    Some(detected.seen(import_proof(image, "_pthread_jit_write_protect_np")))
}

fn import_proof(image: &Image, symbol: &str) -> Proof {
    Proof { source: image.path.to_string_lossy().into_owned(), quote: format!("imports {symbol}"), ..Proof::default() }
}

/// What imports alone suggest; at most likely.
fn from_imports(image: &Image) -> Option<Detected> {
    let imports = |name: &str| image.macho.imports(name);
    if imports("_pthread_jit_write_protect_np") || imports("_pthread_jit_write_with_callback_np") {
        return jit_api_import(image);
    }
    let flips = imports("_mmap") && imports("_mprotect") && imports("_sys_icache_invalidate");
    if flips {
        let message = format!(
            "{} ({}) imports mmap, mprotect and sys_icache_invalidate and no MAP_JIT function: it may run memory it has written",
            image.path.file_name().unwrap_or_default().to_string_lossy(),
            image.arch().name()
        );
        let clue = Clue::Memory(MemoryUse::FlipsPages);
        let detected = Detected::of_code("makes-written-pages-executable", Kind::Need, Severity::Note, Confidence::Possible, message, clue)
            .on(image.path.to_string_lossy(), Some(image.arch()))
            .at("imports");
        return Some(detected.seen(import_proof(image, "_sys_icache_invalidate")));
    }
    let patches = (imports("_mach_vm_protect") || imports("_vm_protect"))
        && (imports("_vm_remap") || imports("_mach_vm_remap") || imports("_mach_vm_write"));
    patches.then(|| {
        let message = format!(
            "{} ({}) imports the functions that change and remap code pages",
            image.path.file_name().unwrap_or_default().to_string_lossy(),
            image.arch().name()
        );
        let clue = Clue::Memory(MemoryUse::PatchesCode);
        Detected::of_code("patches-code", Kind::Need, Severity::Note, Confidence::Possible, message, clue)
            .on(image.path.to_string_lossy(), Some(image.arch()))
            .at("imports")
            .seen(import_proof(image, "_mach_vm_protect"))
    })
}

fn engine_of(image: &Image) -> Option<Detected> {
    let file = image.path.file_name().unwrap_or_default().to_string_lossy();
    let by_name = |engine: &&Engine| engine.file.iter().any(|part| file.starts_with(part));
    // "Friday" is in every program that knows the days of the week.
    let says = |engine: &Engine, hit: &crate::evidence::StringHit| {
        engine.strings.contains(&hit.wanted) && !(hit.wanted == "frida" && hit.text.to_ascii_lowercase().contains("friday"))
    };
    let by_string = |engine: &&Engine| image.strings.iter().any(|hit| says(engine, hit));
    let engine = ENGINES.iter().find(by_name).or_else(|| ENGINES.iter().find(by_string))?;
    let hit = image.strings.iter().find(|hit| says(engine, hit));
    let quote = hit.map_or_else(|| format!("file name {file}"), |hit| hit.text.clone());
    let clue = Clue::Engine { name: engine.name, usual: engine.usual, optional: engine.optional };
    let detected = Detected::of_code(
        "engine-that-generates-code",
        Kind::Need,
        Severity::Note,
        Confidence::Possible,
        format!("{file} ({}) holds {}, which generates code", image.arch().name(), engine.name),
        clue,
    );
    let proof = Proof { source: image.path.to_string_lossy().into_owned(), offset: hit.map(|h| h.offset), quote, ..Proof::default() };
    Some(detected.on(image.path.to_string_lossy(), Some(image.arch())).seen(proof))
}
