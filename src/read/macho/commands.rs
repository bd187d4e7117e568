//! Header and load commands. goblin decodes each command, given exactly the bytes of that command: its own loop over the file, and everything
//! it reads behind the commands, is not fit for hostile files.

use super::integers::{c_string_at, u32_at};
use super::symtab::{Layout, SymbolTable};
use super::{Arch, FileRange, FileType, Library, LinkKind, MachO, Section, Segment, Version};
use crate::read::{ReadError, Source, lossy};
use goblin::mach::header::{Header, SIZEOF_HEADER_32, SIZEOF_HEADER_64};
use goblin::mach::load_command::{self as lc, CommandVariant, LoadCommand};
use scroll::Pread;

const MAX_COMMANDS_SIZE: usize = 4 << 20;
const MAX_LIBRARIES: usize = 4096;
const MAX_STRINGS: usize = 4096;
const MAX_SEGMENTS: usize = 4096;
const MAX_SECTIONS: usize = 16_384;
const MAX_FAULTS: usize = 1000;
/// `timestamp` of a `dylib_use_command` (DYLIB_USE_MARKER of `<mach-o/loader.h>`, macOS 15): its flags stand in for the command kind.
const DYLIB_USE_MARKER: u32 = 0x1a74_1800;

/// The header's own facts.
pub(super) struct HeaderFacts {
    pub arch: Arch,
    pub layout: Layout,
    file_type: u32,
    flags: u32,
    commands: usize,
    commands_size: u64,
    size: u64,
}

/// Where the tables of the link-edit data lie, and what their numbers refer to.
#[derive(Debug, Clone)]
pub(in crate::read) struct Tables {
    pub layout: Layout,
    /// Address of the Mach-O header: of the segment that maps file offset 0.
    pub base: u64,
    /// Install names by library ordinal − 1; `None` where the name could not be read.
    pub ordinals: Vec<Option<String>>,
    /// Segments by index, with an empty one where the command could not be read.
    pub segments: Vec<Segment>,
    pub symbols: Option<SymbolTable>,
    /// Indirect symbol table: offset and number of its 4-byte entries.
    pub indirect: Option<(u64, u32)>,
    pub bind: Option<FileRange>,
    pub weak_bind: Option<FileRange>,
    pub lazy_bind: Option<FileRange>,
    pub exports: Option<FileRange>,
    pub chained: Option<FileRange>,
}

/// What the load commands say.
pub(in crate::read) struct Commands {
    pub macho: MachO,
    pub tables: Tables,
}

/// Reads the header alone.
pub(super) fn read_header(source: &dyn Source) -> Result<HeaderFacts, ReadError> {
    let available = source.len().min(SIZEOF_HEADER_64 as u64);
    let mut head = source.read_vec(0, available, SIZEOF_HEADER_64)?;
    // goblin wants 32 bytes even for the 28 of a 32-bit header.
    head.resize(SIZEOF_HEADER_64, 0);
    let (_, context) = goblin::mach::parse_magic_and_ctx(&head, 0).map_err(|_| ReadError::new("not a Mach-O file", 0))?;
    let context = context.ok_or_else(|| ReadError::new("not a Mach-O file", 0))?;
    let size = if context.is_big() { SIZEOF_HEADER_64 } else { SIZEOF_HEADER_32 } as u64;
    if available < size {
        return Err(ReadError::new("Mach-O header cut short", 0));
    }
    let header: Header = head.pread_with(0, context).map_err(|_| ReadError::new("unreadable Mach-O header", 0))?;
    Ok(HeaderFacts {
        arch: Arch::of(header.cputype, header.cpusubtype),
        layout: Layout { big_endian: !context.is_little_endian(), is_64: context.is_big() },
        file_type: header.filetype,
        flags: header.flags,
        commands: header.ncmds,
        commands_size: u64::from(header.sizeofcmds),
        size,
    })
}

/// Reads header and load commands; an error when there is no Mach-O header.
pub(in crate::read) fn read(source: &dyn Source) -> Result<Commands, ReadError> {
    let header = read_header(source)?;
    let mut reader = Reader { found: empty(&header), length: source.len(), sections: 0 };
    let available = header.commands_size.min(source.len().saturating_sub(header.size)).min(MAX_COMMANDS_SIZE as u64);
    if available < header.commands_size {
        reader.fault("load commands leave the file or are larger than Temper reads", header.size);
    }
    let area = source.read_vec(header.size, available, MAX_COMMANDS_SIZE)?;
    reader.walk(&area, header.commands, header.size);
    Ok(reader.finish())
}

fn empty(header: &HeaderFacts) -> Commands {
    let macho = MachO {
        arch: header.arch,
        is_64: header.layout.is_64,
        file_type: FileType::of(header.file_type),
        flags: header.flags,
        uuid: None,
        platform: None,
        min_os: None,
        sdk: None,
        install_name: None,
        libraries: Vec::new(),
        rpaths: Vec::new(),
        dyld_environment: Vec::new(),
        segments: Vec::new(),
        sections: Vec::new(),
        undefined: Vec::new(),
        signature: None,
        function_starts: None,
        has_symbols: false,
        info_plist: None,
        faults: Vec::new(),
    };
    let tables = Tables {
        layout: header.layout,
        base: 0,
        ordinals: Vec::new(),
        segments: Vec::new(),
        symbols: None,
        indirect: None,
        bind: None,
        weak_bind: None,
        lazy_bind: None,
        exports: None,
        chained: None,
    };
    Commands { macho, tables }
}

/// One command: its bytes and where they lie in the slice.
#[derive(Clone, Copy)]
struct Raw<'a> {
    bytes: &'a [u8],
    at: u64,
}

struct Reader {
    found: Commands,
    length: u64,
    sections: usize,
}

impl Reader {
    fn fault(&mut self, what: impl Into<String>, at: u64) {
        if self.found.macho.faults.len() < MAX_FAULTS {
            self.found.macho.faults.push(ReadError::new(what, at));
        }
    }

    /// Takes the commands one after another. A size under 8 or beyond the area ends it: there is no next command to find.
    fn walk(&mut self, area: &[u8], count: usize, start: u64) {
        let big_endian = self.found.tables.layout.big_endian;
        let endian = if big_endian { scroll::BE } else { scroll::LE };
        let mut at = 0usize;
        for _ in 0..count {
            let place = start.saturating_add(at as u64);
            let (Some(kind), Some(size)) = (u32_at(area, at, big_endian), u32_at(area, at.saturating_add(4), big_endian)) else {
                return self.fault("fewer load commands than the header counts", place);
            };
            let end = at.saturating_add(size as usize);
            let Some(bytes) = area.get(at..end).filter(|bytes| bytes.len() >= 8) else {
                return self.fault(format!("load command {kind:#x} of {size} bytes does not fit the commands area"), place);
            };
            self.command(kind, Raw { bytes, at: place }, endian);
            at = end;
        }
    }

    fn command(&mut self, kind: u32, raw: Raw, endian: scroll::Endian) {
        // Thread states are of no use here, and goblin knows only some of them.
        if matches!(kind, lc::LC_THREAD | lc::LC_UNIXTHREAD) {
            return;
        }
        let mut offset = 0;
        match LoadCommand::parse(raw.bytes, &mut offset, endian) {
            Ok(command) => self.take(command.command, raw, endian),
            Err(_) => {
                self.fault(format!("load command {kind:#x} cut short"), raw.at);
                // Later commands and tables count libraries and segments by position.
                match kind {
                    lc::LC_SEGMENT | lc::LC_SEGMENT_64 => self.found.tables.segments.push(no_segment()),
                    lc::LC_LOAD_DYLIB
                    | lc::LC_LOAD_WEAK_DYLIB
                    | lc::LC_REEXPORT_DYLIB
                    | lc::LC_LOAD_UPWARD_DYLIB
                    | lc::LC_LAZY_LOAD_DYLIB => self.found.tables.ordinals.push(None),
                    _ => {}
                }
            }
        }
    }

    fn take(&mut self, command: CommandVariant, raw: Raw, endian: scroll::Endian) {
        use CommandVariant as C;
        match command {
            C::Segment32(s) => {
                let [address, size, offset, file_size] = [s.vmaddr, s.vmsize, s.fileoff, s.filesize].map(u64::from);
                let segment =
                    Segment { name: fixed(&s.segname), address, size, offset, file_size, max_prot: s.maxprot, init_prot: s.initprot };
                self.segment(segment, raw);
                self.sections_32(s.nsects, raw, endian);
            }
            C::Segment64(s) => {
                let [address, size, offset, file_size] = [s.vmaddr, s.vmsize, s.fileoff, s.filesize];
                let segment =
                    Segment { name: fixed(&s.segname), address, size, offset, file_size, max_prot: s.maxprot, init_prot: s.initprot };
                self.segment(segment, raw);
                self.sections_64(s.nsects, raw, endian);
            }
            C::Uuid(u) => self.found.macho.uuid = Some(uuid_text(&u.uuid)),
            C::BuildVersion(b) => self.version(b.platform, b.minos, b.sdk, true),
            C::VersionMinMacosx(v) => self.version(1, v.version, v.sdk, false),
            C::VersionMinIphoneos(v) => self.version(2, v.version, v.sdk, false),
            C::VersionMinTvos(v) => self.version(3, v.version, v.sdk, false),
            C::VersionMinWatchos(v) => self.version(4, v.version, v.sdk, false),
            C::IdDylib(d) => {
                if let Some(name) = self.string(d.dylib.name, raw) {
                    self.found.macho.install_name = Some(name);
                }
            }
            C::LoadDylib(d) => self.library(&d, LinkKind::Required, raw),
            C::LoadWeakDylib(d) => self.library(&d, LinkKind::Weak, raw),
            C::ReexportDylib(d) => self.library(&d, LinkKind::Reexport, raw),
            C::LoadUpwardDylib(d) => self.library(&d, LinkKind::Upward, raw),
            C::LazyLoadDylib(d) => self.library(&d, LinkKind::Lazy, raw),
            C::Rpath(r) => {
                if let Some(path) = self.string(r.path, raw) {
                    push_bounded(&mut self.found.macho.rpaths, path, MAX_STRINGS);
                }
            }
            C::DyldEnvironment(d) => {
                if let Some(assignment) = self.string(d.name, raw) {
                    push_bounded(&mut self.found.macho.dyld_environment, assignment, MAX_STRINGS);
                }
            }
            C::CodeSignature(l) => self.found.macho.signature = self.range("code signature", l.dataoff, l.datasize, raw),
            C::FunctionStarts(l) => self.found.macho.function_starts = self.range("function starts", l.dataoff, l.datasize, raw),
            C::DyldChainedFixups(l) => self.found.tables.chained = self.range("chained fixups", l.dataoff, l.datasize, raw),
            C::DyldExportsTrie(l) => self.found.tables.exports = self.range("export trie", l.dataoff, l.datasize, raw),
            C::DyldInfo(d) | C::DyldInfoOnly(d) => {
                self.found.tables.bind = self.range("bind opcodes", d.bind_off, d.bind_size, raw);
                self.found.tables.weak_bind = self.range("weak bind opcodes", d.weak_bind_off, d.weak_bind_size, raw);
                self.found.tables.lazy_bind = self.range("lazy bind opcodes", d.lazy_bind_off, d.lazy_bind_size, raw);
                if d.export_size > 0 {
                    self.found.tables.exports = self.range("export trie", d.export_off, d.export_size, raw);
                }
            }
            C::Symtab(s) => {
                let strings = FileRange { offset: u64::from(s.stroff), size: u64::from(s.strsize) };
                self.found.tables.symbols = Some(SymbolTable { offset: u64::from(s.symoff), count: s.nsyms, strings });
            }
            C::Dysymtab(d) => self.found.tables.indirect = Some((u64::from(d.indirectsymoff), d.nindirectsyms)),
            _ => {}
        }
    }

    /// LC_BUILD_VERSION beats LC_VERSION_MIN_*; of the two of a zippered library (macOS and Mac Catalyst) macOS counts.
    fn version(&mut self, platform: u32, min_os: u32, sdk: u32, is_build: bool) {
        let macho = &mut self.found.macho;
        if macho.platform.is_none() || (is_build && platform == 1) {
            macho.platform = Some(platform);
            macho.min_os = Some(Version(min_os));
            macho.sdk = Some(Version(sdk));
        }
    }

    /// The string of a command, from inside the command only.
    fn string(&mut self, offset: u32, raw: Raw) -> Option<String> {
        // An offset inside the first 12 bytes would read the command's own numbers.
        let text = usize::try_from(offset).ok().filter(|&offset| offset >= 12).and_then(|offset| raw.bytes.get(offset..));
        let Some(text) = text else {
            self.fault("string outside its load command", raw.at);
            return None;
        };
        // dyld accepts a string that fills the command only with a NUL; without one the bytes up to the end are still what was meant.
        Some(lossy(c_string_at(text, 0).unwrap_or(text)))
    }

    fn library(&mut self, command: &lc::DylibCommand, kind: LinkKind, raw: Raw) {
        if self.found.tables.ordinals.len() >= MAX_LIBRARIES {
            return self.fault("more libraries than Temper reads", raw.at);
        }
        let name = self.string(command.dylib.name, raw);
        self.found.tables.ordinals.push(name.clone());
        if let Some(name) = name {
            let kind = if command.dylib.timestamp == DYLIB_USE_MARKER { self.use_kind(kind, raw) } else { kind };
            self.found.macho.libraries.push(Library { name, kind });
        }
    }

    /// Kind of a `dylib_use_command`: DYLIB_USE_WEAK_LINK 1, REEXPORT 2, UPWARD 4, DELAYED_INIT 8, in the word after the `dylib_command`.
    fn use_kind(&self, kind: LinkKind, raw: Raw) -> LinkKind {
        match u32_at(raw.bytes, 24, self.found.tables.layout.big_endian) {
            Some(flags) if flags & 1 != 0 => LinkKind::Weak,
            Some(flags) if flags & 2 != 0 => LinkKind::Reexport,
            Some(flags) if flags & 4 != 0 => LinkKind::Upward,
            Some(flags) if flags & 8 != 0 => LinkKind::Lazy,
            _ => kind,
        }
    }

    /// A range of the slice. One that leaves it is a fault, and stays known: the part is meant to be there.
    fn range(&mut self, what: &str, offset: u32, size: u32, raw: Raw) -> Option<FileRange> {
        let range = FileRange { offset: u64::from(offset), size: u64::from(size) };
        if range.offset.saturating_add(range.size) > self.length {
            self.fault(format!("{what} outside the file"), raw.at);
        }
        Some(range)
    }

    fn segment(&mut self, segment: Segment, raw: Raw) {
        if self.found.tables.segments.len() >= MAX_SEGMENTS {
            return self.fault("more segments than Temper reads", raw.at);
        }
        // The segments of a dSYM describe the image it belongs to.
        let leaves = segment.offset.checked_add(segment.file_size).is_none_or(|end| end > self.length);
        if leaves && self.found.macho.file_type != FileType::Dsym {
            self.fault(format!("segment {} leaves the file", segment.name), raw.at);
        }
        self.found.tables.segments.push(segment.clone());
        self.found.macho.segments.push(segment);
    }

    fn sections_32(&mut self, count: u32, raw: Raw, endian: scroll::Endian) {
        for index in 0..count as usize {
            let at = index.saturating_mul(lc::SIZEOF_SECTION_32).saturating_add(lc::SIZEOF_SEGMENT_COMMAND_32);
            let Ok(s) = raw.bytes.pread_with::<lc::Section32>(at, endian) else {
                return self.fault("fewer sections than the segment counts", raw.at);
            };
            let section = Section {
                segment: fixed(&s.segname),
                name: fixed(&s.sectname),
                address: u64::from(s.addr),
                size: u64::from(s.size),
                offset: u64::from(s.offset),
                flags: s.flags,
                reserved1: s.reserved1,
                reserved2: s.reserved2,
            };
            if !self.section(section, raw) {
                return;
            }
        }
    }

    fn sections_64(&mut self, count: u32, raw: Raw, endian: scroll::Endian) {
        for index in 0..count as usize {
            let at = index.saturating_mul(lc::SIZEOF_SECTION_64).saturating_add(lc::SIZEOF_SEGMENT_COMMAND_64);
            let Ok(s) = raw.bytes.pread_with::<lc::Section64>(at, endian) else {
                return self.fault("fewer sections than the segment counts", raw.at);
            };
            let section = Section {
                segment: fixed(&s.segname),
                name: fixed(&s.sectname),
                address: s.addr,
                size: s.size,
                offset: u64::from(s.offset),
                flags: s.flags,
                reserved1: s.reserved1,
                reserved2: s.reserved2,
            };
            if !self.section(section, raw) {
                return;
            }
        }
    }

    /// Keeps a section; false when there are too many.
    fn section(&mut self, section: Section, raw: Raw) -> bool {
        self.sections = self.sections.saturating_add(1);
        if self.sections > MAX_SECTIONS {
            self.fault("more sections than Temper reads", raw.at);
            return false;
        }
        self.found.macho.sections.push(section);
        true
    }

    fn finish(mut self) -> Commands {
        let segments = &self.found.tables.segments;
        let first = segments.iter().find(|s| s.offset == 0 && s.file_size > 0).or_else(|| segments.iter().find(|s| s.name == "__TEXT"));
        self.found.tables.base = first.map_or(0, |s| s.address);
        self.found
    }
}

fn no_segment() -> Segment {
    Segment { name: String::new(), address: 0, size: 0, offset: 0, file_size: 0, max_prot: 0, init_prot: 0 }
}

fn push_bounded(list: &mut Vec<String>, text: String, most: usize) {
    if list.len() < most {
        list.push(text);
    }
}

/// A name of at most 16 bytes, ended by a NUL when shorter.
fn fixed(name: &[u8; 16]) -> String {
    lossy(c_string_at(name, 0).unwrap_or(name))
}

fn uuid_text(uuid: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02X}"));
    }
    text
}
