//! Mach-O: slices, load commands, libraries, rpaths, sections, undefined symbols. goblin lives only here (in `commands`).
//!
//! Reads through a [`Source`]: the commands, and the tables they name within bounds. Never goblin's `MachO::parse`, `imports`, `exports` or `symbols` (they panic, loop or abort on small crafted files).

use super::{ReadError, Source};
use serde::{Deserialize, Serialize};

pub(in crate::read) mod commands;
mod fat;
pub(in crate::read) mod imports;
pub(in crate::read) mod integers;
pub(in crate::read) mod symtab;
#[cfg(test)]
pub(in crate::read) mod test_image;
#[cfg(test)]
mod tests;

/// Longest `__TEXT,__info_plist` that is kept.
const MAX_INFO_PLIST: usize = 1 << 20;

/// Architecture of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Arch {
    /// Intel 32 bit.
    I386,
    /// Intel 64 bit (`x86_64h` too).
    X86_64,
    /// Apple silicon.
    Arm64,
    /// Apple silicon with pointer authentication.
    Arm64e,
    /// 32-bit ARM, PowerPC and the rest: (cputype, cpusubtype).
    Other(u32, u32),
}

impl Arch {
    /// From `cputype` and `cpusubtype` (`<mach/machine.h>`); the subtype's high byte holds capabilities.
    pub fn of(cputype: u32, cpusubtype: u32) -> Self {
        match (cputype, cpusubtype & 0xff) {
            (7, _) => Arch::I386,
            (0x0100_0007, _) => Arch::X86_64,
            (0x0100_000c, 2) => Arch::Arm64e,
            (0x0100_000c, _) => Arch::Arm64,
            _ => Arch::Other(cputype, cpusubtype),
        }
    }

    /// Apple's name, as `lipo -archs` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Arch::I386 => "i386",
            Arch::X86_64 => "x86_64",
            Arch::Arm64 => "arm64",
            Arch::Arm64e => "arm64e",
            Arch::Other(12, _) => "arm",
            Arch::Other(18, _) => "ppc",
            Arch::Other(0x0100_0012, _) => "ppc64",
            Arch::Other(..) => "other",
        }
    }

    /// arm64 or arm64e.
    pub fn is_arm64(self) -> bool {
        matches!(self, Arch::Arm64 | Arch::Arm64e)
    }
}

/// Where a slice lies in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceRange {
    /// Offset of the slice in the file; 0 for a thin file.
    pub offset: u64,
    /// Size in bytes; to the end of the file for a thin file.
    pub size: u64,
    /// As the fat header says; for a thin file as its own header says.
    pub arch: Arch,
}

/// The slices of a Mach-O file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slices {
    /// True for a universal ("fat") file, even with one slice.
    pub universal: bool,
    /// In file order.
    pub slices: Vec<SliceRange>,
    /// Entries of the fat header that could not be used.
    pub faults: Vec<ReadError>,
}

/// Mach-O file type (`MH_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FileType {
    /// MH_EXECUTE
    Execute,
    /// MH_DYLIB
    Dylib,
    /// MH_BUNDLE
    Bundle,
    /// MH_DYLINKER
    Dylinker,
    /// MH_OBJECT
    Object,
    /// MH_DSYM
    Dsym,
    /// MH_KEXT_BUNDLE
    Kext,
    /// Any other value.
    Other(u32),
}

impl FileType {
    /// From the header's `filetype`.
    pub fn of(value: u32) -> Self {
        match value {
            1 => FileType::Object,
            2 => FileType::Execute,
            6 => FileType::Dylib,
            7 => FileType::Dylinker,
            8 => FileType::Bundle,
            10 => FileType::Dsym,
            11 => FileType::Kext,
            other => FileType::Other(other),
        }
    }

    /// Lower-case name as the report uses it: execute, dylib, bundle …
    pub fn name(self) -> &'static str {
        match self {
            FileType::Execute => "execute",
            FileType::Dylib => "dylib",
            FileType::Bundle => "bundle",
            FileType::Dylinker => "dylinker",
            FileType::Object => "object",
            FileType::Dsym => "dsym",
            FileType::Kext => "kext",
            FileType::Other(_) => "other",
        }
    }
}

/// A version packed as `xxxx.yy.zz` (LC_BUILD_VERSION, runtime version).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version(pub u32);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0 >> 16, (self.0 >> 8) & 0xff, self.0 & 0xff)
    }
}

/// How a library is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LinkKind {
    /// LC_LOAD_DYLIB
    Required,
    /// LC_LOAD_WEAK_DYLIB: may be missing.
    Weak,
    /// LC_REEXPORT_DYLIB
    Reexport,
    /// LC_LOAD_UPWARD_DYLIB
    Upward,
    /// LC_LAZY_LOAD_DYLIB
    Lazy,
}

/// A library named by a load command, in command order (ordinal = index + 1, unless a command before it could not be read).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Library {
    /// Install name as written (`@rpath/…`, absolute, or relative).
    pub name: String,
    /// How it is linked.
    pub kind: LinkKind,
}

/// A section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Segment name (`__TEXT`).
    pub segment: String,
    /// Section name (`__text`).
    pub name: String,
    /// Address in memory, unslid.
    pub address: u64,
    /// Size in bytes.
    pub size: u64,
    /// Offset in the slice; 0 for zero-fill.
    pub offset: u64,
    /// `flags` of the section header (type in the low byte).
    pub flags: u32,
    /// `reserved1`: for stubs and symbol pointers the first index in the indirect symbol table.
    pub reserved1: u32,
    /// `reserved2`: for stubs the size of one.
    pub reserved2: u32,
}

/// A segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Name.
    pub name: String,
    /// Address in memory, unslid.
    pub address: u64,
    /// Size in memory.
    pub size: u64,
    /// Offset in the slice.
    pub offset: u64,
    /// Size in the slice.
    pub file_size: u64,
    /// `maxprot` (VM_PROT_READ 1, WRITE 2, EXECUTE 4).
    pub max_prot: u32,
    /// `initprot`.
    pub init_prot: u32,
}

/// A symbol that this image takes from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undefined {
    /// Name with its leading underscore (`_mmap`).
    pub name: String,
    /// Install name of the library it is bound to; `None` for flat, self or unknown ordinals.
    pub library: Option<String>,
    /// May be missing at run time.
    pub weak: bool,
}

/// A range of bytes in a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRange {
    /// Offset from the slice's start.
    pub offset: u64,
    /// Length in bytes.
    pub size: u64,
}

/// The facts of one slice. Every list is bounded; what did not fit or could not be read is in `faults`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachO {
    /// From the slice's own header.
    pub arch: Arch,
    /// 64-bit header.
    pub is_64: bool,
    /// `MH_*`.
    pub file_type: FileType,
    /// Header flags (`MH_PIE` …).
    pub flags: u32,
    /// LC_UUID, upper case with hyphens; `None` when there is none.
    pub uuid: Option<String>,
    /// Platform of LC_BUILD_VERSION (1 macOS, 2 iOS, 6 Mac Catalyst …) or of LC_VERSION_MIN_*; `None` when neither is there.
    pub platform: Option<u32>,
    /// Minimum OS version.
    pub min_os: Option<Version>,
    /// SDK version.
    pub sdk: Option<Version>,
    /// LC_ID_DYLIB.
    pub install_name: Option<String>,
    /// LC_LOAD*_DYLIB in order.
    pub libraries: Vec<Library>,
    /// LC_RPATH in order.
    pub rpaths: Vec<String>,
    /// LC_DYLD_ENVIRONMENT strings (`DYLD_X=…`).
    pub dyld_environment: Vec<String>,
    /// Segments in order.
    pub segments: Vec<Segment>,
    /// Sections in order.
    pub sections: Vec<Section>,
    /// Symbols taken from other images: the union of chained fixups, bind opcodes and symbol table; sorted by name, no duplicates.
    pub undefined: Vec<Undefined>,
    /// LC_CODE_SIGNATURE.
    pub signature: Option<FileRange>,
    /// LC_FUNCTION_STARTS.
    pub function_starts: Option<FileRange>,
    /// LC_SYMTAB present with local or exported symbols (false: stripped).
    pub has_symbols: bool,
    /// Raw bytes of `__TEXT,__info_plist`, at most 1 MiB.
    #[serde(skip)]
    pub info_plist: Option<Vec<u8>>,
    /// What could not be read.
    pub faults: Vec<ReadError>,
}

impl MachO {
    /// The section `segment,name`, if there is one.
    pub fn section(&self, segment: &str, name: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.segment == segment && s.name == name)
    }

    /// `__RESTRICT,__restrict` is there: dyld treats the process as restricted even without the hardened runtime.
    pub fn is_restricted(&self) -> bool {
        self.section("__RESTRICT", "__restrict").is_some()
    }

    /// True when a symbol of that name (with its underscore) is taken from another image.
    pub fn imports(&self, name: &str) -> bool {
        self.undefined.binary_search_by(|u| u.name.as_str().cmp(name)).is_ok()
    }
}

/// Tells whether the first bytes of a file (at least 8, or all there are) can begin a Mach-O or universal file.
pub fn looks_like_macho(head: &[u8]) -> bool {
    fat::looks_like_macho(head)
}

/// The slices of a file; an error when it is not a Mach-O at all. A universal file may hold things that are no Mach-O (static archives): [`read`] tells.
pub fn slices(source: &dyn Source) -> Result<Slices, ReadError> {
    fat::slices(source)
}

/// Reads one slice (`source` is a [`super::source::Window`] on it, or the whole thin file).
pub fn read(source: &dyn Source) -> Result<MachO, ReadError> {
    let commands::Commands { mut macho, tables } = commands::read(source)?;
    imports::fill(source, &mut macho, &tables);
    fill_info_plist(source, &mut macho);
    Ok(macho)
}

/// As [`read`], without the symbols, which are most of what a large slice needs in memory: `undefined` is empty and `has_symbols` false.
pub fn read_commands(source: &dyn Source) -> Result<MachO, ReadError> {
    let mut macho = commands::read(source)?.macho;
    fill_info_plist(source, &mut macho);
    Ok(macho)
}

fn fill_info_plist(source: &dyn Source, macho: &mut MachO) {
    let plist = macho.section("__TEXT", "__info_plist").filter(|section| section.size > 0);
    match plist.map(|section| source.read_vec(section.offset, section.size, MAX_INFO_PLIST)) {
        Some(Ok(bytes)) => macho.info_plist = Some(bytes),
        Some(Err(fault)) => macho.faults.push(ReadError::new(format!("__TEXT,__info_plist: {}", fault.what), fault.offset)),
        None => {}
    }
}
