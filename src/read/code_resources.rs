//! `_CodeSignature/CodeResources`: what the seal of a bundle holds, and the rules by which files belong to it.
//!
//! Rules and seals follow `Security libsecurity_codesigning/lib/resources.cpp` and `StaticCode.cpp`. The file may be large (one entry for each sealed
//! file), so it is streamed and never built as a tree.
//!
//! Left out: fetching anything from the bundle. A caller walks it, asks [`Rules::classify`] for each path and compares what it finds with
//! [`CodeResources::find`].

mod pattern;
mod stream;
#[cfg(test)]
mod tests;

pub use pattern::Pattern;

use super::{ReadError, Source};
use std::cmp::Ordering;

/// Largest file that is read (bytes).
pub const MAX_INPUT: u64 = 256 << 20;
/// Most entries of all four dictionaries together.
pub const MAX_ENTRIES: usize = 2_000_000;

/// What a sealed path must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seal {
    /// A regular file with this content.
    File {
        /// `hash`: SHA-1. With `sha256`, only code for old systems looks at it, but Security checks every digest type of the CodeDirectories.
        sha1: Option<[u8; 20]>,
        /// `hash2`: SHA-256.
        sha256: Option<[u8; 32]>,
    },
    /// `symlink`: a symbolic link with this target.
    Symlink(String),
    /// `requirement`: signed code that meets this requirement (text in Apple's syntax).
    Nested {
        /// First 20 bytes of its CodeDirectory's digest when the bundle was sealed; for a universal file, of one slice.
        cdhash: Option<[u8; 20]>,
        /// The requirement.
        requirement: String,
    },
    /// Neither; Security refuses the seal (−67055). What is wrong with it.
    Malformed(&'static str),
}

/// One sealed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the bundle's `Contents` (or to the root of a flat bundle or framework version).
    pub path: String,
    /// What must be there.
    pub seal: Seal,
    /// It may be missing.
    pub optional: bool,
}

/// One rule: which paths belong to the seal, and how.
#[derive(Debug, Clone)]
pub struct Rule {
    /// POSIX extended regular expression, searched in the path.
    pub source: String,
    /// The expression, compiled; `None` when it uses more than the subset that is matched here. Then its verdicts are [`Class::Unknown`].
    pub pattern: Option<Pattern>,
    /// Not sealed.
    pub omit: bool,
    /// Sealed, and may be missing.
    pub optional: bool,
    /// Signed code of its own.
    pub nested: bool,
    /// Of all rules that match, the heaviest counts.
    pub weight: u32,
    /// The value is a plain `true`.
    pub is_plain: bool,
}

/// The rules of one version.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Rules in file order.
    pub rules: Vec<Rule>,
    /// The main executable, relative like all paths: it is never a resource.
    pub executable: Option<String>,
}

/// What the rules say of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Not sealed: it may come, change and go.
    Omitted,
    /// Sealed when present; may be missing.
    Optional,
    /// Must be sealed.
    Required,
    /// Must be signed code.
    Nested,
    /// A pattern that is not understood here, or two rules of one weight that disagree, decide.
    Unknown,
}

/// What the rules say of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Folder {
    /// Look into it.
    Open,
    /// Nested code as a whole (a bundle: its name has a dot); what is in it belongs to its own seal.
    Nested,
    /// Not looked into (`_CodeSignature`, `_MASReceipt`).
    Excluded,
    /// See [`Class::Unknown`].
    Unknown,
}

/// A CodeResources file.
#[derive(Debug, Clone, Default)]
pub struct CodeResources {
    /// `files` (version 1), sorted by path. Emptied when `files2` is there: nothing reads it then.
    pub files: Vec<Entry>,
    /// Count of entries in `files`.
    pub files_count: usize,
    /// `files2` (version 2), sorted by path; `None` makes it a version 1 envelope.
    pub files2: Option<Vec<Entry>>,
    /// `rules`.
    pub rules: Option<Rules>,
    /// `rules2`.
    pub rules2: Option<Rules>,
    /// What could not be read, and paths that stand twice (the last counts).
    pub faults: Vec<ReadError>,
}

/// Names that are no resources in any bundle (`bundlediskrep.cpp adjustResources`).
const EXCLUDED: [&str; 3] = ["_CodeSignature", "CodeResources", "_MASReceipt"];

/// Omit rules that Apple's own defaults have (`bundlediskrep.cpp allowedResourceOmissions`), in bundles with and without a `Resources` folder.
const ALLOWED_OMISSIONS: [&str; 5] =
    [r"^(.*/)?\.DS_Store$", r"^Info\.plist$", r"^PkgInfo$", r"^Resources/.*\.lproj/locversion.plist$", r"^.*\.lproj/locversion.plist$"];

/// Reads a CodeResources file, XML or binary. An error when it is no property list, no dictionary, too large or has too many entries; an entry or a
/// rule that makes no sense is kept as [`Seal::Malformed`] or as a fault.
pub fn read(source: &dyn Source) -> Result<CodeResources, ReadError> {
    stream::read(source)
}

/// [`read`] for bytes that are in memory already.
pub fn read_bytes(bytes: &[u8]) -> Result<CodeResources, ReadError> {
    stream::read(&stream::Bytes(bytes))
}

impl CodeResources {
    /// 2 with `files2`, else 1: a weak envelope, which Gatekeeper and strict verification refuse (−67007).
    pub fn version(&self) -> u8 {
        if self.files2.is_some() { 2 } else { 1 }
    }

    /// The entries that count, sorted by path.
    pub fn entries(&self) -> &[Entry] {
        self.files2.as_deref().unwrap_or(&self.files)
    }

    /// The rules that count; `None` makes the seal invalid (−67055).
    pub fn active_rules(&self) -> Option<&Rules> {
        if self.files2.is_some() { self.rules2.as_ref() } else { self.rules.as_ref() }
    }

    /// The entry for a path.
    pub fn find(&self, path: &str) -> Option<&Entry> {
        let entries = self.entries();
        let index = entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
        entries.get(index)
    }

    /// The rules leave out more than Apple's own do, or do not begin with everything: obsolete custom rules (−67013, `hasWeakResourceRules`).
    pub fn has_weak_rules(&self) -> bool {
        self.active_rules().is_none_or(|rules| rules.is_weak(self.version()))
    }
}

impl Rules {
    /// What the rules say of a file or symbolic link. `path` is relative like the entries. A link is never nested code; a path that no rule
    /// matches is not sealed.
    pub fn classify(&self, path: &str, is_link: bool) -> Class {
        if self.is_excluded(path) {
            return Class::Omitted;
        }
        self.decide(path, |rule| match rule {
            None | Some(Rule { omit: true, .. }) => Class::Omitted,
            Some(Rule { nested: true, .. }) if !is_link => Class::Nested,
            Some(Rule { optional: true, .. }) => Class::Optional,
            Some(_) => Class::Required,
        })
        .unwrap_or(Class::Unknown)
    }

    /// What the rules say of a folder. A folder under an omit rule is opened all the same: its files are asked for one by one.
    pub fn classify_folder(&self, path: &str) -> Folder {
        if self.is_excluded(path) {
            return Folder::Excluded;
        }
        let has_dot = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
        self.decide(path, |rule| match rule {
            Some(Rule { nested: true, .. }) if has_dot => Folder::Nested,
            _ => Folder::Open,
        })
        .unwrap_or(Folder::Unknown)
    }

    /// Rules whose patterns are not matched here.
    pub fn unsupported(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.pattern.is_none())
    }

    /// The omit rules that Apple's defaults do not have: what they match can change unseen.
    pub fn custom_omissions(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.omit && !ALLOWED_OMISSIONS.contains(&rule.source.as_str()))
    }

    fn is_weak(&self, version: u8) -> bool {
        let everything = if version == 1 { "^Resources/" } else { "^.*" };
        let covers_all = self.rules.iter().any(|rule| rule.is_plain && rule.source == everything);
        !covers_all || self.custom_omissions().next().is_some()
    }

    fn is_excluded(&self, path: &str) -> bool {
        let is_at = |name: &str| path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        EXCLUDED.into_iter().any(is_at) || self.executable.as_deref() == Some(path)
    }

    /// The answer of the heaviest rule that matches; `None` when it cannot be known. Of two rules with one weight Apple takes whichever its
    /// dictionary happens to yield first, so they must agree.
    fn decide<T: PartialEq + Copy>(&self, path: &str, answer: impl Fn(Option<&Rule>) -> T) -> Option<T> {
        let mut heaviest: Option<u32> = None;
        let mut deciding: Vec<&Rule> = Vec::new();
        let mut doubtful: Vec<&Rule> = Vec::new();
        for rule in &self.rules {
            match rule.pattern.as_ref().and_then(|pattern| pattern.is_match(path.as_bytes())) {
                None => doubtful.push(rule),
                Some(false) => {}
                Some(true) => match heaviest.map_or(Ordering::Greater, |weight| rule.weight.cmp(&weight)) {
                    Ordering::Greater => {
                        heaviest = Some(rule.weight);
                        deciding = vec![rule];
                    }
                    Ordering::Equal => deciding.push(rule),
                    Ordering::Less => {}
                },
            }
        }
        let verdict = answer(deciding.first().copied());
        let doubtful = doubtful.into_iter().filter(|rule| heaviest.is_none_or(|weight| rule.weight >= weight));
        deciding.iter().copied().chain(doubtful).all(|rule| answer(Some(rule)) == verdict).then_some(verdict)
    }
}
