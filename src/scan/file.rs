//! One Mach-O file: its slices, signatures, calls and strings. Read in steps; each slice is streamed once for its page hashes and its strings.

use super::Meter;
use super::bundle::Found;
use super::digest::{self, Digests, Hasher, Wanted, WholeFile};
use super::queue::Spare;
use super::stream::{self, Place};
use crate::evidence::{DirectoryCheck, Gap, Image, SignatureFacts, Signed};
use crate::read::callsites;
use crate::read::cms::{self, Signer, SignerKind, TrustAnchors};
use crate::read::fixups;
use crate::read::macho::{self, FileType, MachO};
use crate::read::requirement::{self, Op, Requirement};
use crate::read::signature::{self, CodeDirectory, CodeSignatureFlags, PageResult, Signature};
use crate::read::source::Window;
use crate::read::{ReadError, Source};
use crate::system::{EntryKind, OpenFile, System};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes read at once: what is read is hashed before it leaves the cache of the processor.
pub(super) const STEP: u64 = 1 << 18;
/// Slices of one file that are read; the format allows many more, no tool makes them.
const MAX_SLICES: usize = 32;
/// Faults of one slice that become gaps.
const MAX_FAULTS: usize = 16;

/// What all files of a scan share.
pub(super) struct Surroundings<'a> {
    pub(super) system: &'a dyn System,
    pub(super) root: &'a Path,
    pub(super) bundles: &'a [Found],
    pub(super) anchors: &'a TrustAnchors,
    /// See [`super::Request::signatures_only`].
    pub(super) signatures_only: bool,
    pub(super) cancel: &'a AtomicBool,
    pub(super) meter: &'a Meter<'a>,
    /// Threads that no file needs any more.
    pub(super) spare: &'a Spare,
}

/// What was read of one file.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) images: Vec<Image>,
    pub(super) gaps: Vec<Gap>,
    /// Digests of the whole file, when a seal asks for them and it could be read.
    pub(super) whole: Option<Digests>,
    /// The file, or a slice of it, could not be read.
    pub(super) is_unread: bool,
}

/// An open file as the readers take it. After a cancel every read fails, so that no reader goes on.
pub(super) struct FileSource<'a> {
    file: Box<dyn OpenFile>,
    cancel: &'a AtomicBool,
    meter: &'a Meter<'a>,
}

impl<'a> FileSource<'a> {
    pub(super) fn new(file: Box<dyn OpenFile>, cancel: &'a AtomicBool, meter: &'a Meter<'a>) -> Self {
        Self { file, cancel, meter }
    }
}

impl Source for FileSource<'_> {
    fn len(&self) -> u64 {
        self.file.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let mut done = 0;
        while done < buf.len() {
            if self.cancel.load(Ordering::Relaxed) {
                return Err(ReadError::new("cancelled", offset));
            }
            match self.file.read_at(offset + done as u64, &mut buf[done..]) {
                Ok(0) => return Err(ReadError::new("range leaves the file", offset)),
                Ok(count) => done += count,
                Err(error) => return Err(ReadError::new(error.to_string(), offset)),
            }
        }
        self.meter.read(done as u64);
        Ok(())
    }
}

/// Reads the file at `path`, relative to the root. The digests of the whole file are made in the same pass as those of its pages when it is thin.
pub(super) fn scan(path: &Path, wanted: Option<Wanted>, around: &Surroundings<'_>) -> Scanned {
    let mut scanned = Scanned::default();
    let full = around.root.join(path);
    let source = match around.system.open(&full) {
        Ok(file) => FileSource::new(file, around.cancel, around.meter),
        Err(error) => {
            scanned.unread(path, format!("cannot be opened: {error}"));
            return scanned;
        }
    };
    let slices = match macho::slices(&source) {
        Ok(slices) => slices,
        Err(error) => {
            scanned.unread(path, format!("begins like a Mach-O file, but cannot be read as one: {error}"));
            scanned.hash(path, &source, wanted);
            return scanned;
        }
    };
    scanned.faults(path, None, &slices.faults);
    scanned.is_unread = !slices.faults.is_empty();
    if slices.slices.len() > MAX_SLICES {
        scanned.unread(path, format!("{} slices: only the first {MAX_SLICES} were read", slices.slices.len()));
    }
    let quarantine = around.system.attribute(&full, "com.apple.quarantine").map(|value| crate::read::lossy(&value));
    let is_thin = matches!(slices.slices.as_slice(), [slice] if slice.offset == 0 && slice.size == source.len());
    let mut whole = wanted.filter(|_| is_thin).map(WholeFile::new);
    for (index, slice) in slices.slices.iter().enumerate().take(MAX_SLICES) {
        let place = Place { source: &source, start: slice.offset, size: slice.size };
        let Some(window) = place.window() else {
            scanned.unread(path, format!("slice {index} leaves the file"));
            continue;
        };
        let read = if around.signatures_only { macho::read_commands(&window) } else { macho::read(&window) };
        match read {
            // Symbols for a debugger, never loaded as code.
            Ok(macho) if macho.file_type == FileType::Dsym => {}
            Ok(macho) => {
                let mut image = scanned.slice(path, (place, &window), macho, &mut whole, around);
                image.slice = index;
                image.universal = slices.universal;
                image.quarantine.clone_from(&quarantine);
                scanned.images.push(image);
            }
            Err(error) => scanned.unread(path, format!("slice {index} cannot be read: {error}")),
        }
    }
    if scanned.whole.is_none() {
        scanned.hash(path, &source, wanted);
    }
    scanned
}

impl Scanned {
    fn gap(&mut self, path: &Path, why: String) {
        self.gaps.push(Gap { path: path.to_path_buf(), why });
    }

    fn unread(&mut self, path: &Path, why: String) {
        self.is_unread = true;
        self.gap(path, why);
    }

    fn faults(&mut self, path: &Path, macho: Option<&MachO>, faults: &[ReadError]) {
        let prefix = macho.map(|macho| format!("{}: ", macho.arch.name())).unwrap_or_default();
        faults.iter().take(MAX_FAULTS).for_each(|fault| self.gap(path, format!("{prefix}{fault}")));
    }

    /// Makes the digests of the whole file in a pass of its own.
    fn hash(&mut self, path: &Path, source: &dyn Source, wanted: Option<Wanted>) {
        match wanted.map(|wanted| digest::of_source(source, wanted)) {
            Some(Ok(digests)) => self.whole = Some(digests),
            Some(Err(why)) => self.unread(path, why),
            None => {}
        }
    }

    fn slice(
        &mut self,
        path: &Path,
        (place, window): (Place<'_>, &Window<'_>),
        macho: MachO,
        whole: &mut Option<WholeFile>,
        around: &Surroundings<'_>,
    ) -> Image {
        let (bindings, calls) = if around.signatures_only {
            Default::default()
        } else {
            let bindings = fixups::read(window, &macho);
            let calls = callsites::find(window, &macho, &bindings);
            (bindings, calls)
        };
        for faults in [&macho.faults, &bindings.faults, &calls.faults] {
            self.faults(path, Some(&macho), faults);
        }
        let main_of = around.bundles.iter().rposition(|found| found.bundle.executable.as_deref() == Some(path));
        let bundle = around.bundles.iter().rposition(|found| path.starts_with(&found.bundle.path));
        let mut signed = sign(window, &macho, around.anchors);
        let (streamed, digests) = stream::stream(place, &macho, directories(&signed), whole.take(), around);
        self.whole = self.whole.or(digests);
        self.gaps
            .extend(streamed.gaps.into_iter().map(|why| Gap { path: path.to_path_buf(), why: format!("{}: {why}", macho.arch.name()) }));
        if let Signed::Yes(facts) = &mut signed {
            let found = main_of.and_then(|index| around.bundles.get(index));
            compare(facts, &Places::of(path, &macho, found, around), Some(&macho), streamed.pages, around);
            facts.slice_size = window.len();
        }
        Image {
            path: path.to_path_buf(),
            slice: 0,
            universal: false,
            macho,
            signed,
            calls,
            strings: streamed.strings,
            main_of,
            bundle,
            quarantine: None,
        }
    }
}

fn directories(signed: &Signed) -> &[CodeDirectory] {
    match signed {
        Signed::Yes(facts) => &facts.signature.directories,
        _ => &[],
    }
}

/// Compares what every directory says with the pages, Info.plist and the seal.
pub(super) fn compare(
    facts: &mut SignatureFacts,
    places: &Places,
    macho: Option<&MachO>,
    pages: Vec<Option<PageResult>>,
    around: &Surroundings<'_>,
) {
    let info = match &places.info {
        Some(info) => slot_matches(&facts.signature, 1, info, around),
        None => section_matches(&facts.signature, macho),
    };
    let seal = match &places.seal {
        Some(seal) => slot_matches(&facts.signature, 3, seal, around),
        None => vec![None; facts.signature.directories.len()],
    };
    facts.directories = pages
        .into_iter()
        .zip(info.into_iter().zip(seal))
        .map(|(pages, (info_plist_matches, resources_match))| DirectoryCheck { pages, info_plist_matches, resources_match })
        .collect();
    if let Some(check) = facts.directories.get(facts.signature.chosen) {
        facts.pages.clone_from(&check.pages);
        (facts.info_plist_matches, facts.resources_match) = (check.info_plist_matches, check.resources_match);
    }
    facts.info = info_values(&facts.signature, places, macho, around);
}

/// Where the files lie that slots −1 and −3 are about.
#[derive(Default)]
pub(super) struct Places {
    info: Option<PathBuf>,
    seal: Option<PathBuf>,
}

impl Places {
    pub(super) fn of_bundle(found: &Found, around: &Surroundings<'_>) -> Self {
        Self { info: Some(around.root.join(&found.bundle.info_path)), seal: Some(around.root.join(&found.seal)) }
    }

    /// For the main executable of a bundle its Info.plist and seal, there or not. For other code that has no Info.plist of its own inside, those that lie
    /// where they would if it were one (another version of a framework, a program examined without its bundle).
    fn of(path: &Path, macho: &MachO, found: Option<&Found>, around: &Surroundings<'_>) -> Self {
        if let Some(found) = found {
            return Self::of_bundle(found, around);
        }
        let full = around.root.join(path);
        let Some(folder) = full.parent().filter(|_| macho.section("__TEXT", "__info_plist").is_none()) else {
            return Self { info: None, seal: None };
        };
        let outer = folder.parent().filter(|_| folder.file_name().is_some_and(|name| name == "MacOS")).unwrap_or(folder);
        let is_file = |path: &PathBuf| matches!(around.system.entry(path), Ok(EntryKind::File(_)));
        let info = [outer.join("Resources/Info.plist"), outer.join("Info.plist")].into_iter().find(is_file);
        let seal = Some(outer.join("_CodeSignature/CodeResources")).filter(is_file);
        Self { info, seal }
    }
}

/// Info.plist as a requirement asks for it; `None` when no requirement of the code does, or it cannot be read.
fn info_values(
    signature: &Signature,
    places: &Places,
    macho: Option<&MachO>,
    around: &Surroundings<'_>,
) -> Option<Vec<(String, crate::read::entitlements::Value)>> {
    let set = signature.requirement_set.as_ref()?.as_ref().ok()?;
    let Requirement::Expression(ops) = set.designated()? else { return None };
    if !ops.iter().any(|op| matches!(op, Op::InfoField { .. } | Op::InfoKeyValue { .. })) {
        return None;
    }
    let bytes = match &places.info {
        Some(path) => around.system.read_small(path, super::bundle::MAX_INFO).ok()?,
        None => macho.and_then(|macho| macho.info_plist.clone()).unwrap_or_default(),
    };
    if bytes.is_empty() { Some(Vec::new()) } else { requirement::info_values(&bytes).ok() }
}

pub(super) fn sign(window: &Window<'_>, macho: &MachO, anchors: &TrustAnchors) -> Signed {
    let Some(range) = macho.signature else { return Signed::No };
    let signature = window.read_vec(range.offset, range.size, signature::MAX_SIGNATURE).and_then(|bytes| signature::read(&bytes));
    match signature {
        Err(error) => Signed::Unreadable(error.to_string()),
        Ok(signature) => Signed::Yes(Box::new(judged(signature, anchors))),
    }
}

/// The signature with who made it; nothing is compared yet.
pub(super) fn judged(signature: Signature, anchors: &TrustAnchors) -> SignatureFacts {
    let signer = signer(&signature, anchors);
    let mut facts = SignatureFacts::new(signature, signer);
    let cms = facts.signature.cms.as_ref();
    facts.chain = cms.filter(|cms| !cms.chain.is_empty()).map(|cms| cms::trusted_chain(&cms.chain, anchors));
    facts.timestamp_chain = cms.and_then(|cms| cms::timestamp_chain(cms, anchors));
    facts
}

/// Who signed. The App Store and TestFlight sign with Apple's own certificates: the team is the one in the directory (TN3161).
fn signer(signature: &Signature, anchors: &TrustAnchors) -> Signer {
    let directory = signature.directory();
    let flags = directory.map_or(CodeSignatureFlags(0), |directory| directory.flags);
    let Some(cms) = &signature.cms else {
        let kind = if flags.contains(CodeSignatureFlags::LINKER_SIGNED) { SignerKind::LinkerSigned } else { SignerKind::AdHoc };
        let is_said = flags.contains(CodeSignatureFlags::ADHOC) || kind == SignerKind::LinkerSigned;
        let problem = (!is_said).then(|| "there is no certificate, though the flag adhoc is not set".to_owned());
        return Signer { kind, name: None, team: None, anchor: None, problem };
    };
    let mut signer = cms::judge(cms, anchors);
    if matches!(signer.kind, SignerKind::AppStore | SignerKind::TestFlight) && signer.team.is_none() {
        signer.team = directory.and_then(|directory| directory.team.clone());
    }
    signer
}

/// Slot −1 of every directory against the section `__TEXT,__info_plist`. `None` when the slot is empty or there is no such section.
fn section_matches(signature: &Signature, macho: Option<&MachO>) -> Vec<Option<bool>> {
    let section = macho.and_then(|macho| Some((macho.section("__TEXT", "__info_plist")?, macho.info_plist.as_deref()?)));
    let bytes = section.and_then(|(section, bytes)| (bytes.len() as u64 == section.size).then_some(bytes));
    let matches = |directory: &CodeDirectory| {
        let expected = special_slot(directory, 1)?;
        let mut hasher = Hasher::new(directory.hash_type)?;
        hasher.update(bytes?);
        Some(hasher.finish().starts_with(expected))
    };
    signature.directories.iter().map(matches).collect()
}

fn special_slot(directory: &CodeDirectory, number: usize) -> Option<&[u8]> {
    directory.special_slots.get(number.checked_sub(1)?)?.as_deref().filter(|digest| !digest.is_empty())
}

/// Compares a file with special slot −`number` of every directory, in one pass. `None` where the slot is empty or the file cannot be read;
/// `Some(false)` when it is missing.
fn slot_matches(signature: &Signature, number: usize, path: &Path, around: &Surroundings<'_>) -> Vec<Option<bool>> {
    let expected: Vec<Option<&[u8]>> = signature.directories.iter().map(|directory| special_slot(directory, number)).collect();
    if expected.iter().all(Option::is_none) {
        return vec![None; expected.len()];
    }
    let file = match around.system.open(path) {
        Ok(file) => FileSource::new(file, around.cancel, around.meter),
        // Gone, a FIFO, a loop of links, not allowed to be read: whatever it is, it is not what was signed.
        Err(_) => return expected.iter().map(|slot| slot.map(|_| false)).collect(),
    };
    let mut hashers: Vec<Option<Hasher>> = signature.directories.iter().map(|directory| Hasher::new(directory.hash_type)).collect();
    let mut offset = 0;
    while offset < file.len() {
        let Ok(bytes) = file.read_vec(offset, STEP.min(file.len() - offset), usize::MAX) else {
            return expected.iter().map(|slot| slot.map(|_| false)).collect();
        };
        hashers.iter_mut().flatten().for_each(|hasher| hasher.update(&bytes));
        offset += bytes.len() as u64;
    }
    expected
        .into_iter()
        .zip(hashers)
        .map(|(slot, hasher)| slot.zip(hasher).map(|(slot, hasher)| hasher.finish().starts_with(slot)))
        .collect()
}

/// What the first bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    MachO,
    Script,
    Other,
}

/// Looks at the first bytes of a file; an error says why it cannot be read.
pub(super) fn head(system: &dyn System, path: &Path) -> Result<Head, String> {
    let bytes = first_bytes(system, path, 64).map_err(|error| format!("cannot be opened: {error}"))?;
    Ok(if bytes.len() >= 8 && macho::looks_like_macho(&bytes) {
        Head::MachO
    } else if bytes.starts_with(b"#!") {
        Head::Script
    } else {
        Head::Other
    })
}

/// At most `count` bytes from the start of a file.
pub(super) fn first_bytes(system: &dyn System, path: &Path, count: usize) -> std::io::Result<Vec<u8>> {
    let file = system.open(path)?;
    let mut bytes = vec![0; count];
    let mut done = 0;
    while done < count {
        match file.read_at(done as u64, &mut bytes[done..])? {
            0 => break,
            more => done += more,
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}
