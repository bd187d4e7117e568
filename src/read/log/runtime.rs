//! What runtimes say when they get no executable memory, and faults of a program's own.

use super::cut::{after, number};
use super::{LogFact, LogLine, Proc};

/// (words, engine, goes on without its JIT).
const MESSAGES: [(&str, &str, bool); 57] = [
    ("runtime code generation failed, restricted kernel", "luajit", false),
    // V8 checks that a refused mprotect failed for lack of memory (12); the hardened runtime gives another errno.
    ("Check failed: 12 == (*__error())", "v8", false),
    ("for CodeRange", "v8", false),
    ("SetPermissionsOnExecutableMemoryChunk", "v8", false),
    ("Check failed: reservation_.SetPermissions", "v8", false),
    ("Check failed: VirtualMemory::SetPermissions", "v8", false),
    ("Check failed: SetPermissions", "v8", false),
    ("Failed to reserve memory for new V8", "v8", false),
    ("Ran out of executable memory", "jsc", false),
    ("Failed to allocate executable memory pool", "jsc", false),
    ("Could not reserve enough space in CodeHeap", "hotspot", false),
    ("Could not reserve enough space for code cache", "hotspot", false),
    ("Could not reserve enough space in code cache", "hotspot", false),
    ("Unable to allocate code cache", "hotspot", false),
    ("write+execute memory for ffi.callback", "libffi", false),
    ("ffi_closure_alloc", "libffi", false),
    ("Cannot allocate write+execute memory", "libffi", false),
    ("Allocation of JIT memory failed", "pcre", true),
    ("JIT compilation failed: no more memory", "pcre", true),
    ("pcre2_jit_compile", "pcre", true),
    ("failed to allocate mcode memory", "luajit", true),
    ("noexec filesystem?", "wine", false),
    ("mono_code_manager_reserve", "mono", false),
    ("mono-codeman.c", "mono", false),
    ("mono_vmem_alloc", "mono", false),
    ("mono_valloc", "mono", false),
    ("Unable to set JIT protections", "php", true),
    ("JIT buffer cannot be allocated", "php", true),
    ("JIT is disabled because", "unknown", true),
    ("JIT memory protection", "unknown", true),
    ("executable+writable memory", "beam", false),
    ("Failed to allocate executable memory for JIT", "unknown", false),
    // QEMU since 6: its buffer is mapped with MAP_JIT. The older words do not say how.
    ("for jit buffer", "qemu", false),
    ("allocate dynamic translator buffer", "tcg", false),
    ("allocate_code_gen_buffer", "tcg", false),
    ("could not map code_gen_buffer", "tcg", false),
    ("Unable to allocate section memory", "llvm", false),
    ("unable to make memory readonly and executable", "wasm", false),
    ("failed to make memory executable", "wasm", false),
    ("unable to make memory executable", "wasm", false),
    ("Couldn't make JIT page", "yjit", false),
    ("Could not mmap the executable memory", "unknown", false),
    ("allocate executable memory", "unknown", false),
    ("allocate executable page", "unknown", false),
    ("allocating executable memory", "unknown", false),
    ("map executable memory", "unknown", false),
    ("allocate RWX memory", "unknown", false),
    ("allocate JIT memory", "unknown", false),
    ("allocate memory for JIT", "unknown", false),
    ("disallowed by allowlist", "pthread-jit", false),
    ("callback not in allowlist", "pthread-jit", false),
    ("before pthread_jit_write_freeze_callbacks_np", "pthread-jit", false),
    ("freeze-late entitlement is missing", "pthread-jit", false),
    ("Too many pthread jit write callbacks", "pthread-jit", false),
    // MonoMod's frame is in the trace of the exception that the refused mprotect became.
    ("NativeLibcPlatform.SetMemPerms", "monomod", false),
    ("rpython: failed to allocate machine code", "pypy", false),
    ("allocate some memory for the JIT", "pypy", false),
];

/// Marks of a container, in which programs of Linux run: the build of an image, and QEMU's emulation of a foreign processor in it.
const CONTAINER: [&str; 5] = [
    "uncaught target signal",
    "---> Running in ",
    "Sending build context to Docker",
    "The command '/bin/sh -c",
    "executor failed running [/bin/sh",
];
const IN_CONTAINER: &str = "said in a container: that is Linux, in which no signature of macOS counts";

/// What programs said and how they died near a line of a container is no matter of macOS.
pub(super) fn leave_out_containers(facts: &mut [LogLine]) {
    const NEAR: u32 = 40;
    let is_mark = |line: &&LogLine| matches!(&line.fact, LogFact::Noise { why } if *why == IN_CONTAINER);
    let marks: Vec<u32> = facts.iter().filter(is_mark).map(|line| line.line).collect();
    for line in facts {
        let inside = marks.iter().any(|mark| mark.abs_diff(line.line) <= NEAR);
        if inside && matches!(line.fact, LogFact::EngineMemory { .. } | LogFact::Died { .. } | LogFact::OwnFault { .. }) {
            line.fact = LogFact::Noise { why: IN_CONTAINER };
        }
    }
}

/// Words that name the engine when the message does not.
const NAMED: [(&str, &str); 12] = [
    ("wasmtime", "wasm"),
    ("wasmer", "wasm"),
    ("cranelift", "wasm"),
    ("WebAssembly", "wasm"),
    ("wasm", "wasm"),
    ("pypy", "pypy"),
    ("PyPy", "pypy"),
    ("luajit", "luajit"),
    ("LuaJIT", "luajit"),
    ("julia", "julia"),
    ("mono", "mono"),
    ("dart", "dart"),
];

/// Bytes of one object: so little is never what memory lacks when a program starts.
const SMALL_ALLOCATION: i64 = 4_096;

/// HRESULTs with which CoreCLR reports refused memory: not enough memory (three spellings) and unspecified.
const CORECLR: [u32; 4] = [0x8007_0008, 0x8007_000c, 0x8007_000e, 0x8000_4005];

/// Faults that a program has by itself.
const OWN_FAULTS: [&str; 14] = [
    "Fatal error: Index out of range",
    "Terminating app due to uncaught exception",
    "erminating with uncaught exception",
    "erminating due to uncaught exception",
    "Unexpectedly found nil",
    "unexpectedly found nil",
    "unrecognized selector sent to",
    "objc_exception_throw",
    "Error: Cannot find module",
    "panicked at ",
    "Assertion failed:",
    "attempt to dereference a null pointer",
    "ad CPU type in executable",
    // libcrypto's and libssl's own words for being loaded without a version.
    "Invalid dylib load. Clients should not load",
];

/// Facts of one message; `process` is whoever said it, when known.
pub(super) fn facts(text: &str, process: &dyn Fn() -> Proc, out: &mut Vec<LogFact>) {
    if CONTAINER.iter().any(|mark| text.contains(mark)) {
        out.push(LogFact::Noise { why: IN_CONTAINER });
    } else if let Some((engine, degrades)) = engine(text) {
        out.push(LogFact::EngineMemory { engine, process: process(), degrades });
    } else if OWN_FAULTS.iter().any(|mark| text.contains(mark)) {
        out.push(LogFact::OwnFault { text: text.chars().take(300).collect() });
    }
}

/// A line of a Python traceback that makes a callback: `CFUNCTYPE(c_int)(lambda: None)`. A MemoryError right there is libffi's: it got no page for code
/// (python/cpython#86854), since a callback itself takes some bytes only.
pub(super) fn makes_callback(text: &str) -> bool {
    text.contains("FUNCTYPE(")
}

fn engine(text: &str) -> Option<(&'static str, bool)> {
    if let Some(code) = coreclr(text) {
        return CORECLR.contains(&code).then_some(("coreclr", false));
    }
    if let Some((_, engine, degrades)) = MESSAGES.iter().find(|(words, ..)| text.contains(words)) {
        let named = || NAMED.iter().find(|(word, _)| text.contains(word)).map(|(_, engine)| *engine);
        let engine = if *engine == "unknown" { named().unwrap_or("unknown") } else { *engine };
        return Some((engine, *degrades));
    }
    if let Some(bytes) = after(text, "Exhausted heap space, trying to allocate ").and_then(number) {
        // The Dart VM says this of a refused code page too; then it asked for a few bytes only.
        return (bytes <= SMALL_ALLOCATION).then_some(("dart", false));
    }
    if text.contains("os::commit_memory(") {
        return commits_executable(text).then_some(("hotspot", false));
    }
    refused_call(text)
}

/// `os::commit_memory(0x107c00000, 2555904, 1) failed; error='Operation not permitted' (errno=1)`: the third argument says that it is for code, and a
/// lack of memory gives another error.
fn commits_executable(text: &str) -> bool {
    let for_code = text.contains(", 1) failed");
    for_code && ["Operation not permitted", "Permission denied"].iter().any(|error| text.contains(error))
}

/// `Failed to create CoreCLR, HRESULT: 0x80070008`; also `Failed to initialize CoreCLR` and `coreclr_initialize failed`.
fn coreclr(text: &str) -> Option<u32> {
    // Of a program's own log the words may come in small letters.
    let marks =
        ["CoreCLR, HRESULT", "coreclr, hresult", "coreclr_initialize failed", "coreclr_initialize", "GC heap initialization failed"];
    let rest = marks.iter().find_map(|mark| after(text, mark))?;
    let value = after(rest, "0x").or_else(|| after(rest, "0X"))?;
    super::cut::hex(value).and_then(|value| u32::try_from(value).ok())
}

/// A program that prints the call and its errno: `mmap(MAP_JIT) failed: Invalid argument`, `mprotect failed: Permission denied`.
fn refused_call(text: &str) -> Option<(&'static str, bool)> {
    let jit = text.contains("MAP_JIT") || text.contains("PROT_EXEC");
    let protect = text.contains("mprotect") || text.contains("vm_protect") || text.contains("pthread_jit_write_protect");
    let refused = [
        "Permission denied",
        "Operation not permitted",
        "Invalid argument",
        "EACCES",
        "EPERM",
        "EINVAL",
        "errno 13",
        "errno=13",
        "errno 22",
        "errno=22",
        "errno: 13",
    ];
    if !(jit || protect) || !refused.iter().any(|words| text.contains(words)) {
        return None;
    }
    let engine = NAMED.iter().find(|(word, _)| text.contains(word)).map_or("unknown", |(_, engine)| *engine);
    Some((engine, false))
}

/// True for a status that a shell gives for death by a signal.
pub(super) fn signal_of_status(status: i64) -> Option<i32> {
    (129..=159).contains(&status).then(|| i32::try_from(status.saturating_sub(128)).unwrap_or(0))
}

/// The number after one of these words.
pub(super) fn number_after(text: &str, marks: &[&str]) -> Option<i64> {
    marks.iter().find_map(|mark| after(text, mark).and_then(number))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::super::{LogFact, read};

    #[test]
    fn what_is_said_in_a_container_is_not_about_macos() {
        let message = "# Fatal process OOM in Failed to reserve virtual memory for CodeRange\n";
        let engine = |text: &str| read(text).iter().any(|line| matches!(line.fact, LogFact::EngineMemory { .. }));
        assert!(engine(message));
        for mark in [
            "qemu: uncaught target signal 5 (Trace/breakpoint trap) - core dumped\n",
            " ---> Running in 4be0d13cf6a2\n",
            "The command '/bin/sh -c yarn' returned a non-zero code: 133\n",
        ] {
            assert!(!engine(&format!("{message}{mark}")) && !engine(&format!("{mark}{message}")), "{mark}");
        }
        assert!(engine(&format!("{message}{}---> Running in 4be0d13cf6a2\n", "\n".repeat(60))));
    }
}
