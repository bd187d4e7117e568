//! One Mach-O file: its slices, signatures, calls and strings. Read in steps; each slice is streamed once for its page hashes and its strings.

use super::Meter;
use super::bundle::Found;
use super::strings::{self, StringSearch};
use crate::evidence::{Gap, Image, SignatureFacts, Signed, StringHit};
use crate::read::callsites;
use crate::read::cms::{self, Signer, SignerKind, TrustAnchors};
use crate::read::fixups;
use crate::read::macho::{self, FileType, MachO};
use crate::read::signature::{self, CodeDirectory, CodeSignatureFlags, HashType, PageCheck, PageResult, Signature};
use crate::read::source::Window;
use crate::read::{ReadError, Source};
use crate::system::{OpenFile, System};
use sha2::Digest;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes read at once.
const STEP: u64 = 1 << 20;
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
    pub(super) cancel: &'a AtomicBool,
    pub(super) meter: &'a Meter<'a>,
}

/// What was read of one file.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) images: Vec<Image>,
    pub(super) gaps: Vec<Gap>,
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

/// Reads the file at `path`, relative to the root.
pub(super) fn scan(path: &Path, around: &Surroundings<'_>) -> Scanned {
    let mut scanned = Scanned::default();
    let full = around.root.join(path);
    let source = match around.system.open(&full) {
        Ok(file) => FileSource::new(file, around.cancel, around.meter),
        Err(error) => {
            scanned.gap(path, format!("cannot be opened: {error}"));
            return scanned;
        }
    };
    let slices = match macho::slices(&source) {
        Ok(slices) => slices,
        Err(error) => {
            scanned.gap(path, format!("begins like a Mach-O file, but cannot be read as one: {error}"));
            return scanned;
        }
    };
    scanned.faults(path, None, &slices.faults);
    if slices.slices.len() > MAX_SLICES {
        scanned.gap(path, format!("{} slices: only the first {MAX_SLICES} were read", slices.slices.len()));
    }
    let quarantine = around.system.attribute(&full, "com.apple.quarantine").map(|value| crate::read::lossy(&value));
    for (index, slice) in slices.slices.iter().enumerate().take(MAX_SLICES) {
        let Some(window) = Window::new(&source, slice.offset, slice.size) else {
            scanned.gap(path, format!("slice {index} leaves the file"));
            continue;
        };
        match macho::read(&window) {
            // Symbols for a debugger, never loaded as code.
            Ok(macho) if macho.file_type == FileType::Dsym => {}
            Ok(macho) => {
                let mut image = scanned.slice(path, &window, macho, around);
                image.slice = index;
                image.universal = slices.universal;
                image.quarantine.clone_from(&quarantine);
                scanned.images.push(image);
            }
            Err(error) => scanned.gap(path, format!("slice {index} cannot be read: {error}")),
        }
    }
    scanned
}

impl Scanned {
    fn gap(&mut self, path: &Path, why: String) {
        self.gaps.push(Gap { path: path.to_path_buf(), why });
    }

    fn faults(&mut self, path: &Path, macho: Option<&MachO>, faults: &[ReadError]) {
        let prefix = macho.map(|macho| format!("{}: ", macho.arch.name())).unwrap_or_default();
        faults.iter().take(MAX_FAULTS).for_each(|fault| self.gap(path, format!("{prefix}{fault}")));
    }

    fn slice(&mut self, path: &Path, window: &Window<'_>, macho: MachO, around: &Surroundings<'_>) -> Image {
        let bindings = fixups::read(window, &macho);
        let calls = callsites::find(window, &macho, &bindings);
        for faults in [&macho.faults, &bindings.faults, &calls.faults] {
            self.faults(path, Some(&macho), faults);
        }
        let main_of = around.bundles.iter().rposition(|found| found.bundle.executable.as_deref() == Some(path));
        let bundle = around.bundles.iter().rposition(|found| path.starts_with(&found.bundle.path));
        let mut signed = sign(window, &macho, around.anchors);
        let streamed = stream(window, &macho, directory(&signed));
        self.gaps
            .extend(streamed.gaps.into_iter().map(|why| Gap { path: path.to_path_buf(), why: format!("{}: {why}", macho.arch.name()) }));
        if let Signed::Yes(facts) = &mut signed {
            facts.pages = streamed.pages;
            let found = main_of.and_then(|index| around.bundles.get(index));
            facts.info_plist_matches = info_plist_matches(&facts.signature, &macho, found, around);
            facts.resources_match = found.and_then(|found| slot_matches(&facts.signature, 3, &around.root.join(&found.seal), around));
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

fn directory(signed: &Signed) -> Option<&CodeDirectory> {
    match signed {
        Signed::Yes(facts) => facts.signature.directory(),
        _ => None,
    }
}

fn sign(window: &Window<'_>, macho: &MachO, anchors: &TrustAnchors) -> Signed {
    let Some(range) = macho.signature else { return Signed::No };
    let signature = window.read_vec(range.offset, range.size, signature::MAX_SIGNATURE).and_then(|bytes| signature::read(&bytes));
    match signature {
        Err(error) => Signed::Unreadable(error.to_string()),
        Ok(signature) => {
            let signer = signer(&signature, anchors);
            Signed::Yes(Box::new(SignatureFacts { signature, signer, pages: None, info_plist_matches: None, resources_match: None }))
        }
    }
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

/// What one pass over a slice gives.
#[derive(Default)]
struct Streamed {
    pages: Option<PageResult>,
    strings: Vec<StringHit>,
    gaps: Vec<String>,
}

/// Feeds the pages to the page check and the constant sections to the string search, in file order, at most 1 MiB at once.
fn stream(window: &Window<'_>, macho: &MachO, directory: Option<&CodeDirectory>) -> Streamed {
    let mut streamed = Streamed::default();
    let mut check = directory.and_then(PageCheck::new);
    if directory.is_some() && check.is_none() {
        streamed.gaps.push("the pages were not compared: digest or page size of the signature is not one that macOS accepts".into());
    }
    let pages_end = directory.filter(|_| check.is_some()).map_or(0, |directory| directory.code_limit.min(window.len()));
    let sections: Vec<(u64, u64)> =
        strings::sections(macho).into_iter().map(|(at, size)| (at, at.saturating_add(size).min(window.len()))).collect();
    let mut search = StringSearch::new();
    let rest = sections.iter().map(|&(start, end)| (start.max(pages_end), end));
    let mut buffer = vec![0; usize::try_from(STEP.min(window.len())).unwrap_or(0)];
    for (start, end) in std::iter::once((0, pages_end)).chain(rest) {
        let mut offset = start;
        while offset < end {
            let count = usize::try_from(STEP.min(end - offset)).unwrap_or(0);
            let Some(bytes) = buffer.get_mut(..count) else { break };
            if let Err(error) = window.read_at(offset, bytes) {
                streamed.gaps.push(format!("could not be read to its end: {error}"));
                streamed.strings = search.finish();
                return streamed;
            }
            if let Some(check) = check.as_mut().filter(|_| offset < pages_end) {
                check.feed(bytes);
            }
            feed(&mut search, &sections, offset, bytes);
            offset += count as u64;
        }
    }
    streamed.pages = check.map(PageCheck::finish);
    streamed.strings = search.finish();
    streamed
}

/// Gives the search what of `bytes` lies in a section.
fn feed(search: &mut StringSearch, sections: &[(u64, u64)], offset: u64, bytes: &[u8]) {
    let end = offset + bytes.len() as u64;
    let first = sections.partition_point(|section| section.1 <= offset);
    for &(section_start, section_end) in sections.iter().skip(first).take_while(|section| section.0 < end) {
        let from = section_start.max(offset);
        let to = section_end.min(end);
        let part = usize::try_from(from - offset).ok().zip(usize::try_from(to.saturating_sub(offset)).ok());
        if let Some(part) = part.and_then(|(from, to)| bytes.get(from..to)) {
            search.feed(from, part);
        }
        if section_end <= end {
            search.end_section();
        }
    }
}

/// Slot −1: the bundle's Info.plist for the main executable of a bundle, else the section `__TEXT,__info_plist`.
fn info_plist_matches(signature: &Signature, macho: &MachO, found: Option<&Found>, around: &Surroundings<'_>) -> Option<bool> {
    if let Some(found) = found {
        return slot_matches(signature, 1, &around.root.join(&found.bundle.info_path), around);
    }
    let directory = signature.directory()?;
    let expected = special_slot(directory, 1)?;
    let section = macho.section("__TEXT", "__info_plist")?;
    let bytes = macho.info_plist.as_deref().filter(|bytes| bytes.len() as u64 == section.size)?;
    let mut hasher = Hasher::new(directory.hash_type)?;
    hasher.update(bytes);
    Some(hasher.finish().starts_with(expected))
}

fn special_slot(directory: &CodeDirectory, number: usize) -> Option<&[u8]> {
    directory.special_slots.get(number.checked_sub(1)?)?.as_deref().filter(|digest| !digest.is_empty())
}

/// Compares a file with special slot −`number`. `None` when the slot is empty or the file cannot be read; `Some(false)` when it is missing.
fn slot_matches(signature: &Signature, number: usize, path: &Path, around: &Surroundings<'_>) -> Option<bool> {
    let directory = signature.directory()?;
    let expected = special_slot(directory, number)?;
    let mut hasher = Hasher::new(directory.hash_type)?;
    let file = match around.system.open(path) {
        Ok(file) => FileSource::new(file, around.cancel, around.meter),
        Err(error) => return (error.kind() == std::io::ErrorKind::NotFound).then_some(false),
    };
    let mut offset = 0;
    while offset < file.len() {
        let bytes = file.read_vec(offset, STEP.min(file.len() - offset), usize::MAX).ok()?;
        hasher.update(&bytes);
        offset += bytes.len() as u64;
    }
    Some(hasher.finish().starts_with(expected))
}

/// The digests a CodeDirectory may use.
enum Hasher {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
}

impl Hasher {
    fn new(hash_type: HashType) -> Option<Self> {
        match hash_type {
            HashType::Sha1 => Some(Hasher::Sha1(sha1::Sha1::new())),
            HashType::Sha256 | HashType::Sha256Truncated => Some(Hasher::Sha256(sha2::Sha256::new())),
            HashType::Sha384 => Some(Hasher::Sha384(sha2::Sha384::new())),
            HashType::Other(_) => None,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha384(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Hasher::Sha1(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha256(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha384(hasher) => hasher.finalize().to_vec(),
        }
    }
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
