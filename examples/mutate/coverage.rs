//! What the signatures and seals of a valid bundle cover, worked out without Temper's readers.

use crate::bundles::{Bundle, Node};
use crate::sign;
use plist::{Dictionary, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Kinds of bytes of a Mach-O file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// `[0, codeLimit)` of a slice, behind its load commands.
    Code,
    /// Header and load commands of a slice: code too.
    LoadCommands,
    /// A CodeDirectory that a CMS or an outer seal covers; of an ad-hoc one the digests that compare.
    Directory,
    /// A blob whose special slot is filled.
    SlotContent,
    /// Signed attributes of the CMS.
    SignedAttributes,
    /// The signature value.
    SignatureValue,
    /// Certificates, version and algorithms of the CMS.
    OtherCms,
    /// Unsigned attributes: the timestamp.
    UnsignedAttributes,
    /// Header, index and gaps of the SuperBlob, and the room behind it.
    Frame,
    /// A directory of an ad-hoc signature, but for its digests.
    UncoveredDirectory,
    /// The header of a universal file and the padding between its slices.
    Universal,
    /// Behind the last slice.
    Behind,
}

impl Part {
    /// A change here must be reported.
    pub fn is_covered(self) -> bool {
        matches!(
            self,
            Part::Code | Part::LoadCommands | Part::Directory | Part::SlotContent | Part::SignedAttributes | Part::SignatureValue
        )
    }
}

/// What an entry of `files2` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    File,
    Link,
    Nested,
}

/// What is known of a bundle.
#[derive(Debug, Default)]
pub struct Coverage {
    /// Mach-O files whose signature counts, with their parts in order.
    pub code: BTreeMap<String, Vec<(Range<usize>, Part)>>,
    /// Info.plist and CodeResources whose special slot is filled → the main executable.
    pub plists: BTreeMap<String, String>,
    /// Sealed paths: what they are, and whether they may be gone.
    pub sealed: BTreeMap<String, (Entry, bool)>,
    /// Bundles, with their main executables; "" is the outermost.
    pub bundles: BTreeMap<String, String>,
    /// Folders that a seal starts from.
    pub bases: Vec<String>,
}

fn file<'a>(bundle: &'a Bundle, path: &str) -> Option<&'a [u8]> {
    match bundle.nodes.get(path)? {
        Node::File(bytes) => Some(bytes),
        Node::Link(_) => None,
    }
}

pub fn join(base: &str, path: &str) -> String {
    if base.is_empty() { path.to_owned() } else { format!("{base}/{path}") }
}

/// Everything; `None` when it has a shape that is not worked out here.
pub fn of(bundle: &Bundle) -> Option<Coverage> {
    let mut coverage = Coverage::default();
    if let Some(bytes) = file(bundle, "") {
        coverage.code.insert(String::new(), parts(bytes, false)?);
        return Some(coverage);
    }
    let mut by_hash: BTreeSet<String> = BTreeSet::new();
    for (path, node) in &bundle.nodes {
        let Node::File(bytes) = node else { continue };
        let base = match path.strip_suffix("_CodeSignature/CodeResources") {
            Some(base) => base.trim_end_matches('/').to_owned(),
            None => continue,
        };
        let root =
            base.strip_suffix("Contents").or_else(|| base.strip_suffix("Versions/A")).unwrap_or(&base).trim_end_matches('/').to_owned();
        let info =
            [join(&base, "Info.plist"), join(&base, "Resources/Info.plist")].into_iter().find(|path| bundle.nodes.contains_key(path))?;
        let values = Value::from_reader(std::io::Cursor::new(file(bundle, &info)?)).ok()?;
        let name = values.as_dictionary()?.get("CFBundleExecutable")?.as_string()?.to_owned();
        let executable =
            [join(&base, &format!("MacOS/{name}")), join(&base, &name)].into_iter().find(|path| file(bundle, path).is_some())?;
        let directory = first_directory(file(bundle, &executable)?)?;
        for (slot, path) in [(1, &info), (3, path)] {
            if has_slot(directory, slot) {
                coverage.plists.insert(path.clone(), executable.clone());
            }
        }
        let seal = Value::from_reader(std::io::Cursor::new(bytes.as_slice())).ok()?;
        entries(seal.as_dictionary()?, &base, &mut coverage, &mut by_hash)?;
        coverage.bundles.insert(root, executable);
        coverage.bases.push(base);
    }
    let nested: Vec<String> =
        coverage.sealed.iter().filter(|(_, (entry, _))| *entry == Entry::Nested).map(|(path, _)| path.clone()).collect();
    let mut code: BTreeMap<String, bool> = BTreeMap::new();
    for path in nested {
        let executable = coverage.bundles.get(&path).cloned().or_else(|| file(bundle, &path).map(|_| path.clone()))?;
        code.insert(executable, by_hash.contains(&path));
    }
    if let Some(main) = coverage.bundles.get("") {
        code.entry(main.clone()).or_insert(false);
    }
    for (path, is_by_hash) in code {
        let parts = parts(file(bundle, &path)?, is_by_hash)?;
        coverage.code.insert(path, parts);
    }
    Some(coverage).filter(|coverage| coverage.bundles.contains_key(""))
}

fn entries(seal: &Dictionary, base: &str, coverage: &mut Coverage, by_hash: &mut BTreeSet<String>) -> Option<()> {
    for (name, value) in seal.get("files2")?.as_dictionary()? {
        let path = join(base, name);
        let Some(value) = value.as_dictionary() else {
            coverage.sealed.insert(path, (Entry::File, false));
            continue;
        };
        let is_optional = value.get("optional").and_then(Value::as_boolean) == Some(true);
        let entry = match (value.get("symlink"), value.get("requirement")) {
            (Some(_), _) => Entry::Link,
            (None, Some(requirement)) => {
                if requirement.as_string()?.starts_with("cdhash H") {
                    by_hash.insert(path.clone());
                }
                Entry::Nested
            }
            _ => Entry::File,
        };
        coverage.sealed.insert(path, (entry, is_optional));
    }
    Some(())
}

fn first_directory(bytes: &[u8]) -> Option<&[u8]> {
    let range = sign::slices(bytes).into_iter().next()?;
    sign::code_directory(&bytes[range])
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize)
}

/// The digest of a special slot is there and not zero.
fn has_slot(directory: &[u8], slot: usize) -> bool {
    let (Some(hashes), Some(count), Some(size)) = (word(directory, 16), word(directory, 24), directory.get(36)) else { return false };
    let at = hashes.wrapping_sub(slot * usize::from(*size));
    slot <= count && directory.get(at..at + usize::from(*size)).is_some_and(|digest| digest.iter().any(|byte| *byte != 0))
}

/// Parts of a thin or universal file, in order and without holes. `is_by_hash`: an outer seal names the hashes of the directories.
fn parts(bytes: &[u8], is_by_hash: bool) -> Option<Vec<(Range<usize>, Part)>> {
    let is_64 = |at: usize| bytes.get(at..at + 4) == Some(&[0xcf, 0xfa, 0xed, 0xfe]);
    if !bytes.starts_with(&[0xca, 0xfe, 0xba, 0xbe]) && !is_64(0) {
        return None;
    }
    let mut marks: Vec<(Range<usize>, Part)> = Vec::new();
    let slices = sign::slices(bytes);
    for range in &slices {
        if !is_64(range.start) || range.end > bytes.len() {
            return None;
        }
        marks.extend(
            slice(&bytes[range.clone()], is_by_hash)?
                .into_iter()
                .map(|(part, kind)| (part.start + range.start..part.end + range.start, kind)),
        );
    }
    let end = slices.iter().map(|range| range.end).max()?;
    marks.retain(|(range, _)| !range.is_empty());
    marks.sort_by_key(|(range, _)| (range.start, range.end));
    // What no mark takes is between: of a signature, of a universal file, or behind everything.
    let mut all = Vec::new();
    let mut at = 0;
    for (range, part) in marks {
        if range.start < at {
            return None;
        }
        let is_in_slice = slices.iter().any(|slice| slice.start <= at && range.start <= slice.end);
        all.push((at..range.start, if is_in_slice { Part::Frame } else { Part::Universal }));
        at = range.end;
        all.push((range, part));
    }
    all.push((at..end, Part::Frame));
    all.push((end..bytes.len(), Part::Behind));
    all.retain(|(range, _)| !range.is_empty());
    Some(all)
}

fn slice(slice: &[u8], is_by_hash: bool) -> Option<Vec<(Range<usize>, Part)>> {
    let place = |blob: &[u8]| {
        let start = blob.as_ptr() as usize - slice.as_ptr() as usize;
        start..start + blob.len()
    };
    let signature = sign::signature_of(slice)?;
    let first = sign::code_directory(slice)?;
    let limit = word(first, 32)?;
    let commands = 32 + u32::from_le_bytes(slice.get(20..24)?.try_into().ok()?) as usize;
    let mut marks = vec![(0..commands, Part::LoadCommands), (commands..limit, Part::Code)];
    let cms = sign::blob_of(signature, 0x10000).map(|blob| &blob[8..]).unwrap_or_default();
    for slot in std::iter::once(0).chain(0x1000..0x1005) {
        let Some(directory) = sign::blob_of(signature, slot) else { continue };
        if word(directory, 32)? != limit {
            return None;
        }
        let place = place(directory);
        if !cms.is_empty() || is_by_hash {
            marks.push((place, Part::Directory));
            continue;
        }
        let (hashes, special, count, size) =
            (word(directory, 16)?, word(directory, 24)?, word(directory, 28)?, usize::from(*directory.get(36)?));
        let mut at = place.start;
        for number in (1..=special).rev().filter(|number| has_slot(directory, *number)) {
            let digest = place.start + hashes - number * size;
            marks.extend([(at..digest, Part::UncoveredDirectory), (digest..digest + size, Part::Directory)]);
            at = digest + size;
        }
        let (start, end) = (place.start + hashes, place.start + hashes + count * size);
        marks.extend([(at..start, Part::UncoveredDirectory), (start..end, Part::Directory), (end..place.end, Part::UncoveredDirectory)]);
    }
    for slot in 2..12 {
        if let Some(blob) = sign::blob_of(signature, slot).filter(|_| has_slot(first, slot as usize)) {
            marks.push((place(blob), Part::SlotContent));
        }
    }
    if !cms.is_empty() {
        let start = place(cms).start;
        marks.extend(of_cms(cms)?.into_iter().map(|(range, part)| (range.start + start..range.end + start, part)));
    }
    Some(marks)
}

/// A DER element: tag, body, whole; as ranges of the CMS.
#[derive(Clone)]
struct Element {
    tag: u8,
    body: Range<usize>,
    start: usize,
}

/// The element at a place and where it ends; an indefinite length (BER) ends with two zeros.
fn element(bytes: &[u8], at: usize, depth: usize) -> Option<(Element, usize)> {
    let tag = *bytes.get(at)?;
    let (head, size) = match *bytes.get(at + 1)? {
        0x80 => {
            let mut end = at + 2;
            while bytes.get(end..end + 2)? != [0, 0] {
                end = element(bytes, end, depth.checked_sub(1)?)?.1;
            }
            return Some((Element { tag, body: at + 2..end, start: at }, end + 2));
        }
        short @ ..0x80 => (2, usize::from(short)),
        long => {
            let count = usize::from(long & 0x7f);
            (2 + count, bytes.get(at + 2..at + 2 + count)?.iter().fold(0, |size, byte| size << 8 | usize::from(*byte)))
        }
    };
    Some((Element { tag, body: at + head..at + head + size, start: at }, at + head + size))
}

fn elements(bytes: &[u8], range: Range<usize>) -> Option<Vec<Element>> {
    let mut found = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let (element, end) = element(bytes, at, 16)?;
        found.push(element);
        at = end;
    }
    (at == range.end).then_some(found)
}

fn of_cms(bytes: &[u8]) -> Option<Vec<(Range<usize>, Part)>> {
    let info = elements(bytes, element(bytes, 0, 16)?.0.body)?;
    let signed = elements(bytes, elements(bytes, info.get(1)?.body.clone())?.first()?.body.clone())?;
    let signers = elements(bytes, signed.last()?.body.clone())?;
    let fields = elements(bytes, signers.first()?.body.clone())?;
    let attributes = fields.iter().find(|element| element.tag == 0xa0)?;
    let value = fields.iter().find(|element| element.tag == 4)?;
    let unsigned = fields.iter().find(|element| element.tag == 0xa1);
    // The tag is not signed: a SET's tag stands for it (RFC 5652, 5.4).
    let mut marks = vec![
        (0..attributes.start + 1, Part::OtherCms),
        (attributes.start + 1..attributes.body.end, Part::SignedAttributes),
        (attributes.body.end..value.body.start, Part::OtherCms),
        (value.body.clone(), Part::SignatureValue),
    ];
    let end = unsigned.map_or(value.body.end, |element| element.start);
    marks.push((value.body.end..end, Part::OtherCms));
    marks.extend(unsigned.map(|element| (element.start..element.body.end, Part::UnsignedAttributes)));
    Some(marks)
}
