//! Finds the code a path means, and reads what is to be shown of it: one slice, no hashing.

use crate::read::cms::{self, Certificate, TrustAnchors};
use crate::read::code_resources::{self, CodeResources};
use crate::read::entitlements::{self, Value};
use crate::read::info_plist;
use crate::read::macho::{self, Arch, MachO, SliceRange, Slices};
use crate::read::requirement::{Requirement, RequirementSet};
use crate::read::signature::{self, BlobIndex, ConstraintSlot, HashType, MAX_SIGNATURE, Signature, detached};
use crate::read::source::Window;
use crate::read::{ReadError, Source};
use crate::system::{EntryKind, OpenFile, System};
use std::path::{Path, PathBuf};

/// Largest Info.plist that is read, in bytes.
const MAX_INFO: usize = 8 << 20;

/// Why nothing can be shown.
#[derive(Debug)]
pub(super) enum Fault {
    /// No such file.
    Missing,
    /// Apple's code.
    Code(i32),
    /// No slice of the architecture that was asked for.
    NoSlice,
    /// The file cannot be read.
    Io(String),
}

/// What is shown.
pub(super) struct Code {
    /// Main executable, absolute.
    pub executable: PathBuf,
    /// The bundle it is the main executable of.
    pub bundle: Option<Bundle>,
    /// A universal file, and the names of its slices: none for what is no Mach-O.
    pub is_universal: bool,
    pub archs: Vec<&'static str>,
    /// `None` for what is no Mach-O.
    pub macho: Option<MachO>,
    pub signature: Signature,
    /// Launch and library constraints as they are written, by slot; those that are DER at all.
    pub constraints: Vec<Vec<(String, Value)>>,
    /// Certificates, leaf first, with the root as far as it is known.
    pub chain: Vec<Certificate>,
    /// SHA-256 of the primary CodeDirectory, which the CMS is about.
    pub cms_digest: Option<Vec<u8>>,
    /// Entries of the Info.plist in `__TEXT,__info_plist`.
    pub own_entries: Option<usize>,
    /// First 20 bytes of the CodeDirectory's digest of every slice: an ad hoc designated requirement names them all.
    pub cdhashes: Vec<[u8; 20]>,
}

/// What the bundle says.
pub(super) struct Bundle {
    /// CFBundlePackageType is APPL.
    pub is_app: bool,
    /// Entries of its Info.plist.
    pub entries: Option<usize>,
    /// Its seal.
    pub seal: Option<CodeResources>,
    /// A notarization ticket is stapled to it.
    pub is_stapled: bool,
}

impl Code {
    /// The requirement of slot 2, if it can be read.
    pub fn requirements(&self) -> Option<&RequirementSet> {
        self.signature.requirement_set.as_ref()?.as_ref().ok()
    }

    /// The designated requirement that the signature holds.
    pub fn designated(&self) -> Option<&Requirement> {
        self.requirements()?.designated()
    }
}

struct Disk(Box<dyn OpenFile>);

impl Source for Disk {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let mut done = 0;
        while done < buf.len() {
            match self.0.read_at(offset.saturating_add(done as u64), &mut buf[done..]) {
                Ok(0) => return Err(ReadError::new("range leaves the file", offset)),
                Ok(count) => done += count,
                Err(error) => return Err(ReadError::new(error.to_string(), offset)),
            }
        }
        Ok(())
    }
}

/// Where the parts of a bundle lie.
struct Layout {
    executable: PathBuf,
    info: PathBuf,
    /// The folder of `_CodeSignature`.
    seal: PathBuf,
}

pub(super) fn read(system: &dyn System, path: &Path, arch: Option<Arch>, anchors: &TrustAnchors) -> Result<Code, Fault> {
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Fault::Missing,
        _ => Fault::Io(error.to_string()),
    };
    let real = system.canonical(path).map_err(io)?;
    let layout = match system.entry(&real).map_err(io)? {
        EntryKind::Directory => Some(bundle_at(system, &real).ok_or(Fault::Code(-67028))?),
        EntryKind::File(_) => bundle_around(system, &real),
        _ => return Err(Fault::Code(-67028)),
    };
    let executable = match &layout {
        // A bundle whose main executable is not there.
        Some(layout) => system.canonical(&layout.executable).map_err(|_| Fault::Code(-67029))?,
        None => real,
    };
    let disk = Disk(system.open(&executable).map_err(io)?);
    let Ok(slices) = macho::slices(&disk) else { return read_beside(system, executable, layout.as_ref(), anchors) };
    let slice = choose(&slices, arch).ok_or(Fault::NoSlice)?;
    let (macho, signature, raw) = read_slice(&disk, slice)?;
    let cdhash = |signature: &Signature| signature.directory().map(|directory| directory.cdhash);
    let cdhashes = slices.slices.iter().filter_map(|other| match std::ptr::eq(other, slice) {
        true => cdhash(&signature),
        false => cdhash(&read_slice(&disk, other).ok()?.1),
    });
    let cdhashes = cdhashes.collect();
    Ok(Code {
        bundle: layout.map(|layout| read_bundle(system, &layout)),
        is_universal: slices.universal,
        archs: slices.slices.iter().map(|slice| slice.arch.name()).collect(),
        own_entries: macho.info_plist.as_deref().and_then(|bytes| info_plist::read(bytes).ok()).map(|info| info.entries),
        cms_digest: cms_digest(&signature, &raw),
        cdhashes,
        constraints: constraints(&signature, &raw),
        chain: chain(&signature, anchors),
        executable,
        macho: Some(macho),
        signature,
    })
}

/// Code that is no Mach-O: its signature lies in `_CodeSignature` of its bundle, or in extended attributes.
fn read_beside(system: &dyn System, executable: PathBuf, layout: Option<&Layout>, anchors: &TrustAnchors) -> Result<Code, Fault> {
    let in_bundle = |name: &str| {
        let path = layout?.seal.join("_CodeSignature").join(name);
        system.canonical(&path).and_then(|path| system.read_small(&path, detached::MAX_PART)).ok()
    };
    let of_file = |name: &str| system.attribute(&executable, &detached::attribute(name));
    let part = |name: &str| if layout.is_some() { in_bundle(name) } else { of_file(name) };
    let raw = detached::super_blob(part).ok_or(Fault::Code(-67062))?.map_err(|_| Fault::Code(-67061))?;
    let signature = signature::read(&raw).map_err(|_| Fault::Code(-67061))?;
    Ok(Code {
        bundle: layout.map(|layout| read_bundle(system, layout)),
        is_universal: false,
        archs: Vec::new(),
        own_entries: None,
        cms_digest: cms_digest(&signature, &raw),
        cdhashes: signature.directory().map(|directory| directory.cdhash).into_iter().collect(),
        constraints: constraints(&signature, &raw),
        chain: chain(&signature, anchors),
        executable,
        macho: None,
        signature,
    })
}

/// Certificates, leaf first, with the root as far as it is known.
fn chain(signature: &Signature, anchors: &TrustAnchors) -> Vec<Certificate> {
    signature.cms.as_ref().map(|cms| cms::trusted_chain(&cms.chain, anchors).certificates).unwrap_or_default()
}

/// SHA-256 of the directory in slot 0: its own digest, where it has that type.
fn cms_digest(signature: &Signature, raw: &[u8]) -> Option<Vec<u8>> {
    let own = signature.directories.iter().find(|directory| directory.slot == 0 && directory.hash_type == HashType::Sha256);
    if let Some(directory) = own {
        return Some(directory.digest.clone());
    }
    let blob = signature.blobs.iter().find(|blob| blob.slot == 0)?;
    HashType::Sha256.digest(raw.get(blob.offset as usize..(blob.offset as usize).checked_add(blob.length as usize)?)?)
}

fn constraints(signature: &Signature, raw: &[u8]) -> Vec<Vec<(String, Value)>> {
    let slots = ConstraintSlot::ALL.into_iter().filter_map(|slot| signature.blobs.iter().find(|blob| blob.slot == slot.number()));
    let payload =
        |blob: &BlobIndex| raw.get((blob.offset as usize).checked_add(8)?..(blob.offset as usize).checked_add(blob.length as usize)?);
    slots.filter_map(payload).filter_map(|payload| entitlements::read_der(payload).ok()).collect()
}

fn read_slice(disk: &Disk, slice: &SliceRange) -> Result<(MachO, Signature, Vec<u8>), Fault> {
    let window = Window::new(disk, slice.offset, slice.size).ok_or(Fault::Code(-67049))?;
    let macho = macho::read_commands(&window).map_err(|_| Fault::Code(-67049))?;
    let range = macho.signature.ok_or(Fault::Code(-67062))?;
    let raw = window.read_vec(range.offset, range.size, MAX_SIGNATURE).map_err(|_| Fault::Code(-67049))?;
    let signature = signature::read(&raw).map_err(|_| Fault::Code(-67061))?;
    Ok((macho, signature, raw))
}

/// The slice that was asked for; else the one that an Apple silicon Mac would run, else the first.
fn choose(slices: &Slices, arch: Option<Arch>) -> Option<&SliceRange> {
    let find = |wanted: Arch| slices.slices.iter().find(|slice| slice.arch == wanted);
    match arch {
        Some(arch) => find(arch),
        None => find(Arch::Arm64).or_else(|| find(Arch::Arm64e)).or_else(|| slices.slices.first()),
    }
}

fn is_file(system: &dyn System, path: &Path) -> bool {
    system.canonical(path).and_then(|path| system.entry(&path)).is_ok_and(|kind| matches!(kind, EntryKind::File(_)))
}

fn read_info(system: &dyn System, path: &Path) -> Option<info_plist::InfoPlist> {
    let bytes = system.canonical(path).and_then(|path| system.read_small(&path, MAX_INFO)).ok()?;
    info_plist::read(&bytes).ok()
}

/// The parts of a bundle: with `Contents`, a framework with `Versions`, or flat.
fn bundle_at(system: &dyn System, root: &Path) -> Option<Layout> {
    let version = root.join("Versions/Current");
    let (folder, info, code) = if is_file(system, &root.join("Contents/Info.plist")) {
        (root.join("Contents"), "Info.plist", "MacOS")
    } else if is_file(system, &version.join("Resources/Info.plist")) {
        (version, "Resources/Info.plist", "")
    } else if is_file(system, &root.join("Resources/Info.plist")) {
        (root.to_path_buf(), "Resources/Info.plist", "")
    } else if is_file(system, &root.join("Info.plist")) {
        (root.to_path_buf(), "Info.plist", "")
    } else {
        return None;
    };
    let info = folder.join(info);
    let code = folder.join(code);
    let by_folder = || root.file_stem()?.to_str().filter(|name| is_file(system, &code.join(name))).map(str::to_owned);
    let Some(named) = read_info(system, &info)?.executable.or_else(by_folder) else {
        // A bundle without code: its Info.plist stands for it (`BundleDiskRep::setup`).
        return Some(Layout { executable: info.clone(), info, seal: folder });
    };
    // A name is one part of a path: it must not lead out of the bundle.
    let is_plain = Path::new(&named).components().count() == 1 && Path::new(&named).file_name().is_some();
    is_plain.then(|| Layout { executable: code.join(&named), info, seal: folder })
}

/// The bundle whose main executable this is.
fn bundle_around(system: &dyn System, real: &Path) -> Option<Layout> {
    let contents = real.parent().filter(|folder| folder.ends_with("MacOS"))?.parent().filter(|folder| folder.ends_with("Contents"))?;
    let layout = bundle_at(system, contents.parent()?)?;
    (layout.executable == real).then_some(layout)
}

fn read_bundle(system: &dyn System, layout: &Layout) -> Bundle {
    let info = read_info(system, &layout.info);
    let seal = system.canonical(&layout.seal.join("_CodeSignature/CodeResources")).and_then(|path| system.open(&path)).ok();
    Bundle {
        is_app: info.as_ref().and_then(|info| info.package_type.as_deref()) == Some("APPL"),
        entries: info.map(|info| info.entries),
        seal: seal.and_then(|file| code_resources::read(&Disk(file)).ok()),
        is_stapled: is_file(system, &layout.seal.join("CodeResources")),
    }
}
