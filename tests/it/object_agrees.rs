//! The `object` crate reads load commands and signatures on its own: on every file of the corpus it finds the same facts as Temper.
//!
//! `TEMPER_CORPUS` names the folder. Without it only the practice apps are compared, and the test says so.

use object::macho;
use object::read::macho::{CodeSignature, FatArch, LoadCommandVariant, MachHeader, MachOFatFile32, MachOFatFile64};
use object::{BigEndian, Endianness};
use std::path::{Path, PathBuf};
use temper::read::macho::{self as own, LinkKind, Slices};
use temper::read::signature::{self, HashType};
use temper::read::source::Window;

/// Facts of one slice, each as a line.
type Facts = Vec<String>;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
    found.sort();
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Temper's slices: (offset, size, facts).
#[allow(clippy::ptr_arg, reason = "a reader wants something with a size")]
fn by_temper(bytes: &Vec<u8>) -> Option<Vec<(u64, u64, Facts)>> {
    let Slices { slices, .. } = own::slices(bytes).ok()?;
    let one = |slice: &own::SliceRange| {
        let window = Window::new(bytes, slice.offset, slice.size)?;
        let facts =
            own::read(&window).map_or_else(|_| vec!["no Mach-O".to_owned()], |macho| facts(&macho, &bytes[slice.offset as usize..]));
        Some((slice.offset, slice.size, facts))
    };
    slices.iter().map(one).collect()
}

fn facts(macho: &own::MachO, slice: &[u8]) -> Facts {
    let version = |version: Option<own::Version>| version.map_or(0, |version| version.0);
    let mut all = vec![
        format!("{} {} 64-bit {} flags {:#x}", macho.arch.name(), macho.file_type.name(), macho.is_64, macho.flags),
        format!("uuid {}", macho.uuid.clone().unwrap_or_default()),
        format!("platform {:?} minimum {:#x} SDK {:#x}", macho.platform, version(macho.min_os), version(macho.sdk)),
        format!("install name {}", macho.install_name.clone().unwrap_or_default()),
    ];
    let kind = |kind: LinkKind| match kind {
        LinkKind::Required => "required",
        LinkKind::Weak => "weak",
        LinkKind::Reexport => "reexport",
        LinkKind::Upward => "upward",
        LinkKind::Lazy => "lazy",
    };
    all.extend(macho.libraries.iter().map(|library| format!("library {} {}", library.name, kind(library.kind))));
    all.extend(macho.rpaths.iter().map(|path| format!("rpath {path}")));
    all.extend(macho.dyld_environment.iter().map(|value| format!("environment {value}")));
    all.extend(macho.segments.iter().map(|segment| {
        format!(
            "segment {} {:#x}+{:#x} at {:#x}+{:#x} max {} initial {}",
            segment.name, segment.address, segment.size, segment.offset, segment.file_size, segment.max_prot, segment.init_prot
        )
    }));
    let Some(range) = macho.signature else { return all };
    all.push(format!("signature {:#x}+{:#x}", range.offset, range.size));
    let Some(bytes) = slice.get(range.offset as usize..(range.offset + range.size) as usize) else { return all };
    let Ok(signature) = signature::read(bytes) else {
        all.push("signature: unreadable".into());
        return all;
    };
    all.extend(
        signature.blobs.iter().map(|blob| format!("blob {:#x} {:#x} at {:#x}+{:#x}", blob.slot, blob.magic, blob.offset, blob.length)),
    );
    for directory in &signature.directories {
        let hash = match directory.hash_type {
            HashType::Sha1 => 1,
            HashType::Sha256 => 2,
            HashType::Sha256Truncated => 3,
            HashType::Sha384 => 4,
            HashType::Other(other) => other,
        };
        all.push(format!(
            "directory {:#x} version {:#x} flags {:#x} hash {hash} of {} page 2^{} platform {} limit {:#x} length {}",
            directory.slot,
            directory.version,
            directory.flags.0,
            directory.hash_size,
            directory.page_size,
            directory.platform,
            directory.code_limit,
            directory.length
        ));
        all.push(format!("identifier {} team {:?} executable {:x?}", directory.identifier, directory.team, directory.exec_segment));
        all.extend(directory.special_slots.iter().enumerate().map(|(index, digest)| {
            let digest = digest.clone().unwrap_or_else(|| vec![0; usize::from(directory.hash_size)]);
            format!("slot -{} {}", index + 1, hex(&digest))
        }));
        all.push(format!("pages {} {}", directory.code_slots.len(), directory.code_slots.iter().map(hex).collect::<String>()));
    }
    all
}

/// The slices as `object` reads them.
fn by_object(bytes: &[u8]) -> Option<Vec<(u64, u64, Facts)>> {
    let magic = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
    let ranges: Vec<(u64, u64)> = match magic {
        macho::FAT_MAGIC => MachOFatFile32::parse(bytes).ok()?.arches().iter().map(FatArch::file_range).collect(),
        macho::FAT_MAGIC_64 => MachOFatFile64::parse(bytes).ok()?.arches().iter().map(FatArch::file_range).collect(),
        _ => vec![(0, bytes.len() as u64)],
    };
    let one = |(offset, size): &(u64, u64)| {
        let slice = bytes.get(*offset as usize..(*offset + *size) as usize)?;
        let is_64 = matches!(slice.get(..4)?, [0xcf, 0xfa, 0xed, 0xfe] | [0xfe, 0xed, 0xfa, 0xcf]);
        let facts = if is_64 {
            objects_facts::<macho::MachHeader64<Endianness>>(slice)
        } else {
            objects_facts::<macho::MachHeader32<Endianness>>(slice)
        };
        Some((*offset, *size, facts.unwrap_or_else(|_| vec!["no Mach-O".to_owned()])))
    };
    ranges.iter().map(one).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn name(bytes: &[u8; 16]) -> String {
    text(bytes.split(|byte| *byte == 0).next().unwrap_or_default())
}

/// The UUID as Apple writes it.
fn uuid(bytes: [u8; 16]) -> String {
    let hex = hex(&bytes).to_uppercase();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn objects_facts<M: MachHeader<Endian = Endianness>>(slice: &[u8]) -> object::Result<Facts> {
    let header = M::parse(slice, 0)?;
    let endian = header.endian()?;
    let arch = own::Arch::of(header.cputype(endian).0, header.cpusubtype(endian).0);
    let file_type = own::FileType::of(header.filetype(endian).0);
    let mut all = vec![format!("{} {} 64-bit {} flags {:#x}", arch.name(), file_type.name(), header.is_type_64(), header.flags(endian).0)];
    let (mut id, mut install_name, mut built) = (String::new(), String::new(), (None, 0, 0));
    let (mut libraries, mut rpaths, mut environment, mut segments) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut signed = None;
    let mut commands = header.load_commands(endian, slice, 0)?;
    while let Some(command) = commands.next()? {
        match command.variant()? {
            LoadCommandVariant::Uuid(command) => id = uuid(command.uuid),
            LoadCommandVariant::BuildVersion(build, _) => {
                built = (Some(build.platform.get(endian).0), build.minos.get(endian).0, build.sdk.get(endian).0)
            }
            LoadCommandVariant::VersionMin(minimum) if built.0.is_none() => {
                // macOS, iOS, tvOS, watchOS in the numbers of LC_BUILD_VERSION.
                let platform = match command.cmd() {
                    macho::LC_VERSION_MIN_MACOSX => 1,
                    macho::LC_VERSION_MIN_IPHONEOS => 2,
                    macho::LC_VERSION_MIN_TVOS => 3,
                    _ => 4,
                };
                built = (Some(platform), minimum.version.get(endian).0, minimum.sdk.get(endian).0);
            }
            LoadCommandVariant::IdDylib(dylib) => install_name = text(command.string(endian, dylib.dylib.name)?),
            LoadCommandVariant::Dylib(dylib) => {
                let kind = match command.cmd() {
                    macho::LC_LOAD_WEAK_DYLIB => "weak",
                    macho::LC_REEXPORT_DYLIB => "reexport",
                    macho::LC_LOAD_UPWARD_DYLIB => "upward",
                    macho::LC_LAZY_LOAD_DYLIB => "lazy",
                    _ => "required",
                };
                libraries.push(format!("library {} {kind}", text(command.string(endian, dylib.dylib.name)?)));
            }
            LoadCommandVariant::Rpath(path) => rpaths.push(format!("rpath {}", text(command.string(endian, path.path)?))),
            LoadCommandVariant::DyldEnvironment(value) => {
                environment.push(format!("environment {}", text(command.string(endian, value.name)?)))
            }
            LoadCommandVariant::Segment64(segment, _) => segments.push(format!(
                "segment {} {:#x}+{:#x} at {:#x}+{:#x} max {} initial {}",
                name(&segment.segname),
                segment.vmaddr.get(endian),
                segment.vmsize.get(endian),
                segment.fileoff.get(endian),
                segment.filesize.get(endian),
                segment.maxprot.get(endian).0,
                segment.initprot.get(endian).0
            )),
            LoadCommandVariant::Segment32(segment, _) => segments.push(format!(
                "segment {} {:#x}+{:#x} at {:#x}+{:#x} max {} initial {}",
                name(&segment.segname),
                segment.vmaddr.get(endian),
                segment.vmsize.get(endian),
                segment.fileoff.get(endian),
                segment.filesize.get(endian),
                segment.maxprot.get(endian).0,
                segment.initprot.get(endian).0
            )),
            LoadCommandVariant::LinkeditData(data) if command.cmd() == macho::LC_CODE_SIGNATURE => {
                signed = Some((data.dataoff.get(endian), data.datasize.get(endian), data.code_signature(endian, slice)));
            }
            _ => {}
        }
    }
    all.push(format!("uuid {id}"));
    all.push(format!("platform {:?} minimum {:#x} SDK {:#x}", built.0, built.1, built.2));
    all.push(format!("install name {install_name}"));
    all.extend(libraries.into_iter().chain(rpaths).chain(environment).chain(segments));
    let Some((offset, size, signature)) = signed else { return Ok(all) };
    all.push(format!("signature {offset:#x}+{size:#x}"));
    match signature.and_then(|signature| objects_signature(&signature)) {
        Ok(facts) => all.extend(facts),
        Err(_) => all.push("signature: unreadable".into()),
    }
    Ok(all)
}

fn objects_signature(signature: &CodeSignature<'_>) -> object::Result<Facts> {
    let mut all = Vec::new();
    let mut directories = Vec::new();
    for blob in signature.blobs() {
        let blob = blob?;
        all.push(format!("blob {:#x} {:#x} at {:#x}+{:#x}", blob.slot().0, blob.magic(), blob.offset(), blob.data().len()));
        let Some(directory) = blob.code_directory()? else { continue };
        let header = directory.header();
        directories.push(format!(
            "directory {:#x} version {:#x} flags {:#x} hash {} of {} page 2^{} platform {} limit {:#x} length {}",
            blob.slot().0,
            directory.version().0,
            header.flags.get(BigEndian).0,
            header.hash_type.0,
            header.hash_size,
            header.page_size,
            header.platform,
            directory.code_limit(),
            header.length.get(BigEndian)
        ));
        let executable = directory
            .exec_seg()
            .map(|one| (one.exec_seg_base.get(BigEndian), one.exec_seg_limit.get(BigEndian), one.exec_seg_flags.get(BigEndian).0));
        directories.push(format!(
            "identifier {} team {:?} executable {executable:x?}",
            text(directory.ident()?),
            directory.team_id()?.map(text)
        ));
        for slot in 1..=header.n_special_slots.get(BigEndian) {
            directories.push(format!("slot -{slot} {}", hex(directory.special_hash(macho::CsSlot(slot))?)));
        }
        let count = header.n_code_slots.get(BigEndian);
        let pages: object::Result<String> = (0..count).map(|index| directory.code_hash(index).map(hex)).collect();
        directories.push(format!("pages {count} {}", pages?));
    }
    all.extend(directories);
    Ok(all)
}

#[test]
fn object_and_temper_find_the_same_facts() {
    let mut paths = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/labs"), &mut paths);
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/callsites"), &mut paths);
    match std::env::var_os("TEMPER_CORPUS") {
        Some(folder) => files(Path::new(&folder), &mut paths),
        None => {
            assert!(std::env::var_os("TEMPER_REQUIRE_CORPUS").is_none(), "TEMPER_REQUIRE_CORPUS is set and TEMPER_CORPUS is not");
            eprintln!("only the practice apps are compared: TEMPER_CORPUS does not name the corpus");
        }
    }
    let (mut compared, mut slices, mut wrong) = (0, 0, Vec::new());
    for path in paths {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        if !own::looks_like_macho(&bytes[..bytes.len().min(4096)]) {
            continue;
        }
        let (Some(temper), Some(object)) = (by_temper(&bytes), by_object(&bytes)) else {
            wrong.push(format!("{}: read by one only, or by none", path.display()));
            continue;
        };
        compared += 1;
        slices += temper.len();
        if temper.len() != object.len() {
            wrong.push(format!("{}: {} slices, {} by object", path.display(), temper.len(), object.len()));
        }
        for (one, other) in temper.iter().zip(&object) {
            let here = format!("{} at {:#x}", path.display(), one.0);
            if (one.0, one.1) != (other.0, other.1) {
                wrong.push(format!("{here}: size {}, {} by object", one.1, other.1));
            }
            let short = |line: &String| line.chars().take(240).collect::<String>();
            wrong.extend(one.2.iter().filter(|line| !other.2.contains(line)).map(|line| format!("{here}: only Temper: {}", short(line))));
            wrong.extend(other.2.iter().filter(|line| !one.2.contains(line)).map(|line| format!("{here}: only object: {}", short(line))));
        }
    }
    assert!(compared >= 10, "{compared}");
    assert!(wrong.is_empty(), "{} differences in {compared} files:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
    println!("{compared} files with {slices} slices agree");
}
