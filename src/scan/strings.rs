//! Strings that are looked for in the constant sections of every slice: weak evidence, which detectors weigh.

use crate::evidence::StringHit;
use crate::read::macho::{MachO, Section};
use aho_corasick::{AhoCorasick, MatchKind};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What is looked for: (id, needle). Several needles may share an id; at one place the first needle of the table wins, so longer ones stand first.
///
/// Ids say what the string names, never what follows from it. Needles are matched with their case.
pub const WANTED_STRINGS: &[(&str, &str)] = &[
    // Environment of dyld.
    ("dyld-variable", "DYLD_INSERT_LIBRARIES"),
    ("dyld-variable", "DYLD_FALLBACK_LIBRARY_PATH"),
    ("dyld-variable", "DYLD_FALLBACK_FRAMEWORK_PATH"),
    ("dyld-variable", "DYLD_VERSIONED_LIBRARY_PATH"),
    ("dyld-variable", "DYLD_VERSIONED_FRAMEWORK_PATH"),
    ("dyld-variable", "DYLD_LIBRARY_PATH"),
    ("dyld-variable", "DYLD_FRAMEWORK_PATH"),
    ("dyld-variable", "DYLD_FORCE_FLAT_NAMESPACE"),
    ("dyld-variable", "DYLD_IMAGE_SUFFIX"),
    ("dyld-variable", "DYLD_ROOT_PATH"),
    ("dyld-variable", "DYLD_SHARED_REGION"),
    ("dyld-variable", "DYLD_PRINT_"),
    // Places where plug-ins and foreign libraries lie.
    ("audio-plugin-path", "/Library/Audio/Plug-Ins"),
    ("audio-plugin-path", "/.vst"),
    ("application-support-path", "/Library/Application Support/"),
    ("plugin-path", "/Library/QuickLook"),
    ("plugin-path", "/Library/Input Methods"),
    ("plugin-path", "/Library/Screen Savers"),
    ("plugin-path", "/Library/ColorPickers"),
    ("plugin-path", "/Contents/PlugIns"),
    ("homebrew-path", "/opt/homebrew"),
    ("homebrew-path", "/usr/local/Cellar"),
    ("homebrew-path", "/usr/local/opt"),
    ("local-lib-path", "/usr/local/lib"),
    ("macports-path", "/opt/local/lib"),
    ("foreign-framework-path", "/Library/Frameworks/"),
    ("python-packages", "site-packages"),
    ("python-packages", "lib-dynload"),
    ("python-extension", "-darwin.so"),
    ("python", "PyImport_"),
    ("python", "PyInit_"),
    ("node-addon", "node_modules"),
    ("node-addon", "process.dlopen"),
    // Engines that make code at run time.
    ("luajit", "LuaJIT 2."),
    ("v8", "v8_context_snapshot"),
    ("v8", "V8_Fatal"),
    ("v8", "Failed to reserve virtual memory for CodeRange"),
    ("v8", "v8::internal"),
    ("electron", "Electron/"),
    ("electron", "Electron Framework"),
    ("chromium-embedded", "Chromium Embedded Framework"),
    ("chrome", "Chrome/"),
    ("node", "NODE_OPTIONS"),
    ("deno", "DENO_DIR"),
    ("bun", "bunfig.toml"),
    ("bun", "Bun v"),
    ("jsc", "JSC_useJIT"),
    ("jsc", "JavaScriptCore"),
    ("jsc", "Ran out of executable memory while allocating"),
    ("wasmtime", "wasmtime"),
    ("wasmtime", "cranelift"),
    ("wasmer", "wasmer"),
    ("wamr", "wasm-micro-runtime"),
    ("wasm3", "wasm3"),
    ("pcre", "pcre2_jit"),
    ("pcre", "pcre.jit"),
    ("pcre", "PCRE JIT"),
    ("pcre", "sljit"),
    ("php", "PHP Warning"),
    ("hotspot", "JNI_CreateJavaVM"),
    ("hotspot", "OpenJDK 64-Bit Server VM"),
    ("hotspot", "HotSpot(TM)"),
    ("hotspot", "CodeHeap"),
    ("java-launcher", "JLI_Launch"),
    ("java-launcher", "libjli.dylib"),
    ("java-launcher", "libjvm.dylib"),
    ("graalvm", "GraalVM"),
    ("coreclr", "coreclr_initialize"),
    ("coreclr", "libcoreclr.dylib"),
    ("coreclr", "libclrjit.dylib"),
    ("coreclr", "hostfxr_main"),
    ("coreclr", "DOTNET_BUNDLE_EXTRACT"),
    ("coreclr", "System.Private.CoreLib"),
    ("mono", "mono_jit_init"),
    ("mono", "libmonosgen"),
    ("mono", "libmonobdwgc"),
    ("mono", "MonoBleedingEdge"),
    ("unity", "UnityPlayer"),
    ("il2cpp", "il2cpp"),
    ("libffi", "ffi_closure_alloc"),
    ("libffi", "libffi"),
    ("llvm-jit", "LLVMCreateJITCompiler"),
    ("llvm-jit", "llvm::orc"),
    ("llvm-jit", "ExecutionEngine"),
    ("asmjit", "asmjit"),
    ("asmjit", "AsmJit"),
    ("dynarmic", "dynarmic"),
    ("xbyak", "xbyak"),
    ("qemu", "tcg_exec"),
    ("qemu", "qemu-system"),
    ("beam", "BeamAsm"),
    ("beam", "beam.smp"),
    ("julia", "libjulia"),
    ("pypy", "libpypy"),
    ("numba", "numba"),
    ("dart", "Dart VM"),
    ("dart", "dart:isolate"),
    ("ruby-jit", "RubyVM::YJIT"),
    ("qt-qml", "QV4_"),
    ("qt-webengine", "QtWebEngineProcess"),
    ("gpu-shader-jit", "llvmpipe"),
    // Patching and injection.
    ("frida", "frida-gadget"),
    ("frida", "frida_agent_main"),
    ("frida", "frida"),
    ("hooking", "MSHookFunction"),
    ("hooking", "mach_override"),
    ("hooking", "DobbyHook"),
    ("hooking", "substitute_"),
    ("dvd-playback", "DVDPlayback"),
    // Protected resources.
    ("usage-key", "NSCameraUsageDescription"),
    ("usage-key", "NSMicrophoneUsageDescription"),
    ("usage-key", "NSLocation"),
    ("usage-key", "NSContactsUsageDescription"),
    ("usage-key", "NSCalendars"),
    ("usage-key", "NSRemindersUsageDescription"),
    ("usage-key", "NSPhotoLibrary"),
    ("usage-key", "NSAppleEventsUsageDescription"),
    ("usage-key", "NSSpeechRecognitionUsageDescription"),
    ("usage-key", "NSBluetooth"),
    ("capture-selector", "requestAccessForMediaType:"),
    ("capture-selector", "authorizationStatusForMediaType:"),
    ("calendar-selector", "requestFullAccessToEventsWithCompletion:"),
    ("calendar-selector", "requestWriteOnlyAccessToEventsWithCompletion:"),
    ("calendar-selector", "requestAccessToEntityType:completion:"),
    ("calendar-selector", "requestFullAccessToRemindersWithCompletion:"),
    ("contacts-selector", "requestAccessForEntityType:completionHandler:"),
    ("photos-selector", "requestAuthorizationForAccessLevel:"),
    ("location-selector", "requestWhenInUseAuthorization"),
    ("location-selector", "requestAlwaysAuthorization"),
    ("audio-input-selector", "inputNode"),
    ("apple-script", "tell application"),
    ("osascript", "osascript"),
    // Loading code by name.
    ("load-selector", "loadAndReturnError:"),
    ("load-selector", "bundleWithPath:"),
    ("load-selector", "principalClass"),
    // Debuggers.
    ("debugger", "debugserver"),
    ("debugger", "lldb"),
    // Updaters.
    ("sparkle", "SUFeedURL"),
    ("squirrel", "ShipIt"),
    ("binary-patch", "bspatch"),
    ("binary-patch", "xdelta"),
    ("in-place-copy", "rsync --inplace"),
];

/// Longest text that is kept of a string, in bytes.
const MAX_TEXT: usize = 256;
/// How far before a match its string may begin, in bytes. Rust and Go put strings end to end, without a zero between them.
const MAX_BEFORE: usize = 128;
/// Hits kept of each id.
const MAX_HITS: usize = 64;

static NEEDLES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let needles = WANTED_STRINGS.iter().map(|(_, needle)| needle);
    // The default match kind is many times slower than this one.
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(needles).ok()
});

/// The sections of a slice that hold constant strings, in file order, without overlap.
pub(super) fn sections(macho: &MachO) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = macho.sections.iter().filter(|s| holds_strings(s)).map(|s| (s.offset, s.size)).collect();
    ranges.sort_unstable();
    let mut end = 0;
    ranges.retain(|&(offset, size)| {
        let apart = offset >= end;
        end = if apart { offset.saturating_add(size) } else { end };
        apart
    });
    ranges
}

fn holds_strings(section: &Section) -> bool {
    let names = ["__cstring", "__const", "__objc_methname", "__oslogstring", "__rodata", "__swift5_reflstr"];
    let constant = matches!(section.segment.as_str(), "__TEXT" | "__DATA_CONST") && names.contains(&section.name.as_str());
    constant && section.offset != 0 && section.size != 0
}

/// Finds the wanted strings in bytes that are fed in order, section by section. Memory does not grow with the input.
pub(super) struct StringSearch {
    /// Bytes not yet searched for good, with what stands before them.
    window: Vec<u8>,
    /// Offset of `window` in the slice.
    start: u64,
    /// Hits before this offset are known.
    settled: u64,
    hits: BTreeMap<&'static str, Vec<StringHit>>,
}

impl StringSearch {
    pub(super) fn new() -> Self {
        Self { window: Vec::new(), start: 0, settled: 0, hits: BTreeMap::new() }
    }

    /// The next bytes of a section; `offset` is theirs in the slice.
    pub(super) fn feed(&mut self, offset: u64, bytes: &[u8]) {
        if self.window.is_empty() {
            (self.start, self.settled) = (offset, offset);
        }
        self.window.extend_from_slice(bytes);
        let ready = self.window.len().saturating_sub(MAX_TEXT);
        self.search(ready);
        let keep_from = ready.saturating_sub(MAX_BEFORE);
        self.window.drain(..keep_from);
        self.start += keep_from as u64;
    }

    /// The section ends here.
    pub(super) fn end_section(&mut self) {
        self.search(self.window.len());
        self.window.clear();
    }

    /// Looks at matches that begin before `ready` in the window.
    fn search(&mut self, ready: usize) {
        let Some(needles) = NEEDLES.as_ref() else { return };
        let from = usize::try_from(self.settled.saturating_sub(self.start)).unwrap_or(usize::MAX).min(self.window.len());
        let mut settled = self.settled.max(self.start + ready as u64);
        for found in needles.find_iter(aho_corasick::Input::new(&self.window).range(from..)) {
            if found.start() >= ready {
                break;
            }
            settled = settled.max(self.start + found.end() as u64);
            let Some(&(wanted, _)) = WANTED_STRINGS.get(found.pattern().as_usize()) else { continue };
            let (text, at) = whole_string(&self.window, found.start(), found.end());
            let hits = self.hits.entry(wanted).or_default();
            if hits.len() < MAX_HITS && !hits.iter().any(|hit| hit.text == text) {
                hits.push(StringHit { wanted, text, offset: self.start + at as u64 });
            }
        }
        self.settled = settled;
    }

    /// The hits in order of their offset.
    pub(super) fn finish(self) -> Vec<StringHit> {
        let mut hits: Vec<_> = self.hits.into_values().flatten().collect();
        hits.sort_by(|a, b| (a.offset, a.wanted).cmp(&(b.offset, b.wanted)));
        hits
    }
}

/// The C string around a match, and where it begins.
fn whole_string(bytes: &[u8], start: usize, end: usize) -> (String, usize) {
    let stops = |byte: &u8| *byte == 0;
    let earliest = start.saturating_sub(MAX_BEFORE);
    let begin = bytes[earliest..start].iter().rposition(stops).map_or(earliest, |at| earliest + at + 1);
    let latest = bytes.len().min(begin + MAX_TEXT).max(end);
    let finish = bytes[end..latest].iter().position(stops).map_or(latest, |at| end + at);
    (String::from_utf8_lossy(&bytes[begin..finish]).into_owned(), begin)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn found(chunks: &[&[u8]]) -> Vec<(&'static str, String, u64)> {
        let mut search = StringSearch::new();
        let mut offset = 1000;
        for chunk in chunks {
            search.feed(offset, chunk);
            offset += chunk.len() as u64;
        }
        search.end_section();
        search.finish().into_iter().map(|hit| (hit.wanted, hit.text, hit.offset)).collect()
    }

    #[test]
    fn the_whole_string_is_taken() {
        let hits = found(&[b"abc\0tell application \"Notes\" to activate\0x"]);
        assert_eq!(hits, [("apple-script", "tell application \"Notes\" to activate".into(), 1004)]);
    }

    #[test]
    fn a_string_is_found_once_wherever_the_steps_fall() {
        let mut bytes = vec![b'.'; 700];
        bytes.extend_from_slice(b"\0@loader_path/DYLD_INSERT_LIBRARIES=1\0");
        bytes.extend_from_slice(&[b','; 700]);
        let whole = found(&[&bytes]);
        assert_eq!(whole, [("dyld-variable", "@loader_path/DYLD_INSERT_LIBRARIES=1".into(), 1701)]);
        for cut in 0..bytes.len() {
            assert_eq!(found(&[&bytes[..cut], &bytes[cut..]]), whole, "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(found(&single), whole);
    }

    #[test]
    fn two_sections_are_not_read_as_one() {
        let mut search = StringSearch::new();
        search.feed(10, b"DYLD_INSERT");
        search.end_section();
        search.feed(500, b"_LIBRARIES");
        search.end_section();
        assert_eq!(search.finish(), []);
    }

    #[test]
    fn hits_are_bounded_and_distinct() {
        let many: Vec<u8> = (0..500).flat_map(|n| format!("DYLD_PRINT_{n}\0DYLD_PRINT_SAME\0").into_bytes()).collect();
        assert_eq!(found(&[&many]).len(), MAX_HITS);
    }

    #[test]
    fn ids_are_kebab_case_and_needles_are_reachable() {
        for (index, (id, needle)) in WANTED_STRINGS.iter().enumerate() {
            assert!(id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{id}");
            let hidden = WANTED_STRINGS[..index].iter().find(|(_, earlier)| needle.starts_with(earlier));
            assert_eq!(hidden, None, "{needle} is never reached");
        }
    }
}
