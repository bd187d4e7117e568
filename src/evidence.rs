//! Evidence: all facts on one app, and the texts that came with it. Facts and results, never file contents.

use crate::read::Word;
use crate::read::callsites::CallSites;
use crate::read::cms::{Signer, TrustedChain};
use crate::read::crash::CrashReport;
use crate::read::entitlements::Entitlements;
use crate::read::info_plist::InfoPlist;
use crate::read::log::LogLine;
use crate::read::macho::{Arch, MachO};
use crate::read::profile::Profile;
use crate::read::signature::Constrained;
use crate::read::signature::{PageResult, Signature};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is being examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetKind {
    /// `.app`
    App,
    /// `.framework`
    Framework,
    /// `.xpc`
    Xpc,
    /// `.appex`
    Appex,
    /// Another bundle (`.bundle`, `.plugin`, `.component`, `.vst3` …)
    Bundle,
    /// A folder without bundle structure.
    Folder,
    /// A single Mach-O.
    MachO,
    /// A script.
    Script,
    /// No target: evidence only.
    None,
}

impl TargetKind {
    /// The word of the JSON report.
    pub fn word(self) -> &'static str {
        match self {
            TargetKind::App => "app",
            TargetKind::Framework => "framework",
            TargetKind::Xpc => "xpc",
            TargetKind::Appex => "appex",
            TargetKind::Bundle => "bundle",
            TargetKind::Folder => "folder",
            TargetKind::MachO => "mach-o",
            TargetKind::Script => "script",
            TargetKind::None => "none",
        }
    }
}

/// What is being examined, and where. All other paths in [`Evidence`] are relative to `root`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// As the user named it (an `.xcarchive` or build folder becomes the one app in it).
    pub path: PathBuf,
    /// Folder that relative paths start from: the bundle or folder itself; for a single Mach-O its folder.
    pub root: PathBuf,
    /// Kind.
    pub kind: TargetKind,
    /// CFBundleIdentifier, or the signing identifier of a bare Mach-O.
    pub identifier: Option<String>,
    /// Main executable relative to `root`.
    pub executable: Option<PathBuf>,
}

impl Target {
    /// No target.
    pub fn none() -> Self {
        Self { path: PathBuf::new(), root: PathBuf::new(), kind: TargetKind::None, identifier: None, executable: None }
    }

    /// File name for titles: `Demo.app`.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }
}

/// How a slice is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signed {
    /// No LC_CODE_SIGNATURE.
    No,
    /// There is one that cannot be read; why.
    Unreadable(String),
    /// Signed.
    Yes(Box<SignatureFacts>),
}

/// Code that is no Mach-O, with the signature that lies beside it (`read::signature::detached`): the script that a bundle starts, the Info.plist of a bundle without
/// code, a file with a signature in its extended attributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detached {
    /// The file whose bytes are covered, relative to the root.
    pub path: PathBuf,
    /// Index of the bundle whose signature it is; `None` for a file of its own.
    pub main_of: Option<usize>,
    /// The signature; never [`Signed::No`].
    pub signed: Signed,
}

impl Signed {
    /// Facts of a signature that could be read.
    pub fn facts(&self) -> Option<&SignatureFacts> {
        match self {
            Signed::Yes(facts) => Some(facts),
            _ => None,
        }
    }
}

/// A readable signature and who stands behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureFacts {
    /// Blobs, directories, entitlements, CMS.
    pub signature: Signature,
    /// Who signed.
    pub signer: Signer,
    /// Pages against digests; `None` when they were not compared (unsupported page size, unreadable file: a gap says so).
    pub pages: Option<PageResult>,
    /// Slot −1 against the bundle's Info.plist or `__info_plist`: `None` when the slot is empty or there is nothing to compare.
    pub info_plist_matches: Option<bool>,
    /// Slot −3 against `_CodeSignature/CodeResources`; `None` when the slot is empty. `Some(false)` too when the file is missing.
    pub resources_match: Option<bool>,
    /// What was compared for every CodeDirectory, in the order of [`Signature::directories`]; the three results above are those of the one the kernel uses.
    #[serde(default)]
    pub directories: Vec<DirectoryCheck>,
    /// The signer's chain, followed to a root; `None` without certificates.
    pub chain: Option<TrustedChain>,
    /// The chain of the secure timestamp's signer; `None` without a token.
    pub timestamp_chain: Option<TrustedChain>,
    /// Bytes of the slice: of the whole file when it is thin.
    #[serde(default)]
    pub slice_size: u64,
    /// Top-level values of the Info.plist that slot −1 is about, as requirements ask for them; `None` when it could not be read.
    pub info: Option<Vec<(String, crate::read::entitlements::Value)>>,
}

impl SignatureFacts {
    /// A signature of which nothing was compared yet.
    pub fn new(signature: Signature, signer: Signer) -> Self {
        Self {
            signature,
            signer,
            pages: None,
            info_plist_matches: None,
            resources_match: None,
            directories: Vec::new(),
            chain: None,
            timestamp_chain: None,
            slice_size: 0,
            info: None,
        }
    }
}

/// What one CodeDirectory says, against what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryCheck {
    /// Pages against digests; `None` when they were not compared.
    pub pages: Option<PageResult>,
    /// Slot −1; see [`SignatureFacts::info_plist_matches`].
    pub info_plist_matches: Option<bool>,
    /// Slot −3; see [`SignatureFacts::resources_match`].
    pub resources_match: Option<bool>,
}

/// The seal of one bundle (`_CodeSignature/CodeResources`) against the files that are there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealCheck {
    /// The bundle: path relative to the root, as in [`Bundle::path`].
    pub bundle: PathBuf,
    /// The folder that sealed paths start from (`Contents`, a framework's version, or the bundle itself), relative to the root.
    pub base: PathBuf,
    /// The CodeResources file, relative to the root.
    pub seal: PathBuf,
    /// Why the seal cannot be used; nothing was compared then.
    pub unusable: Option<String>,
    /// 2 with `files2`, else 1.
    pub version: u8,
    /// Omit rules that Apple's defaults do not have, or rules that do not begin with everything.
    pub has_weak_rules: bool,
    /// Entries for files and links.
    pub files: u64,
    /// Nested code that the seal names, whether or not it is there; at most 10,000.
    pub nested: Vec<SealedCode>,
    /// How many entries name nested code.
    pub nested_count: u64,
    /// What differs, by path; at most [`MAX_SEAL_FAULTS`] of each bundle.
    pub faults: Vec<SealFault>,
    /// How many there are of each kind.
    pub counts: SealCounts,
    /// What lies beside `Contents`, or beside `Versions` in a framework, where no seal covers it; relative to the root, at most 1,000.
    pub unsealed: Vec<PathBuf>,
    /// The layout is that of a versioned framework.
    pub is_framework: bool,
    /// A framework whose own folder holds another program or Info.plist than its current version.
    pub is_ambiguous: bool,
    /// A framework whose `Versions/Current` leads to no version: [`SealCheck::base`] is the last one that is there.
    #[serde(default)]
    pub lacks_current: bool,
}

/// Most differences that are kept of one bundle; the counts stay exact.
pub const MAX_SEAL_FAULTS: usize = 10_000;

/// Exact counts of what differs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealCounts {
    /// Files and links whose content differs.
    pub modified: u64,
    /// Sealed files that are not there.
    pub missing: u64,
    /// Files, links and nested bundles that are not in the seal.
    pub added: u64,
    /// Files that are not in the seal, those in nested bundles that are not in the seal counted one by one.
    pub added_files: u64,
    /// Entries or rules that make no sense.
    pub malformed: u64,
}

/// Most paths in [`Evidence::files`].
pub const MAX_FILES: usize = 200_000;

/// Nested code as its outer seal names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedCode {
    /// File or bundle, relative to the root.
    pub path: PathBuf,
    /// First 20 bytes of the digest of its CodeDirectory when the outer bundle was signed.
    pub cdhash: Option<[u8; 20]>,
    /// The requirement that it must satisfy, in Apple's syntax.
    pub requirement: String,
    /// It is not there.
    pub is_missing: bool,
    /// It may be missing.
    pub optional: bool,
    /// It is a script: its signature lies in extended attributes, which copies lose.
    #[serde(default)]
    pub is_script: bool,
}

/// One difference between a seal and what is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SealFault {
    /// File, link or nested bundle, relative to the root.
    pub path: PathBuf,
    /// What is wrong with it.
    pub kind: SealFaultKind,
}

/// What is wrong with a sealed path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SealFaultKind {
    /// The content differs.
    Modified,
    /// Only the SHA-1 differs: Security looks at it when a CodeDirectory uses SHA-1.
    Sha1Differs,
    /// A link with another target: (sealed, found).
    LinkChanged(String, String),
    /// A link where a file is sealed, a file where a link is sealed, or the like.
    ChangedKind,
    /// Not there.
    Missing,
    /// Not in the seal.
    Added,
    /// Nested code that is not in the seal.
    AddedCode,
    /// The entry makes no sense; what is wrong with it.
    Malformed(String),
    /// A link whose target lies outside the bundle.
    LinkLeaves(String),
    /// `.DS_Store` that is a link.
    DsStoreLink,
    /// A sealed file or code with a resource fork or Finder information: the name of the attribute. Seen on macOS only.
    Sideband(#[serde(deserialize_with = "crate::read::stored::word")] Word),
}

/// A string that was looked for and found in `__cstring`-like sections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StringHit {
    /// Which wanted string (an id of the table in `scan`).
    #[serde(deserialize_with = "crate::read::stored::word")]
    pub wanted: Word,
    /// The whole C string, at most 256 bytes.
    pub text: String,
    /// Offset in the slice.
    pub offset: u64,
}

/// One Mach-O slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Path relative to the target's root.
    pub path: PathBuf,
    /// Index of the slice in its file, and whether the file is universal.
    pub slice: usize,
    /// The file is universal.
    pub universal: bool,
    /// Load commands and symbols.
    pub macho: MachO,
    /// Signature.
    pub signed: Signed,
    /// Calls to chosen functions.
    pub calls: CallSites,
    /// Chosen strings; at most 64 of each.
    pub strings: Vec<StringHit>,
    /// Index into [`Evidence::bundles`] of the bundle whose main executable this is.
    pub main_of: Option<usize>,
    /// Index into [`Evidence::bundles`] of the innermost bundle it lies in.
    pub bundle: Option<usize>,
    /// Value of `com.apple.quarantine`; `None` when absent or unknown (extended attributes are lost by most copies).
    pub quarantine: Option<String>,
}

impl Image {
    /// Architecture of the slice.
    pub fn arch(&self) -> Arch {
        self.macho.arch
    }

    /// Launch and library constraints of the readable signature, by slot.
    pub fn constraints(&self) -> &[Constrained] {
        self.facts().map_or(&[], |facts| facts.signature.constraints.as_slice())
    }

    /// The readable signature.
    pub fn facts(&self) -> Option<&SignatureFacts> {
        self.signed.facts()
    }

    /// Embedded entitlements.
    pub fn entitlements(&self) -> Option<&Entitlements> {
        self.facts()?.signature.entitlements.as_ref()
    }

    /// True when an entitlement is embedded and `true`.
    pub fn has_entitlement(&self, key: &str) -> bool {
        self.entitlements().is_some_and(|e| e.is_true(key))
    }

    /// CodeDirectory flags; 0 when unsigned.
    pub fn flags(&self) -> u32 {
        self.facts().and_then(|f| f.signature.directory()).map_or(0, |d| d.flags.0)
    }

    /// The runtime flag is set on this slice.
    pub fn is_hardened(&self) -> bool {
        self.flags() & crate::read::signature::CodeSignatureFlags::RUNTIME != 0
    }

    /// MH_EXECUTE.
    pub fn is_executable(&self) -> bool {
        self.macho.file_type == crate::read::macho::FileType::Execute
    }

    /// Team that counts for library validation; `None` for ad hoc, self-signed, unsigned, and Apple's own code.
    pub fn team(&self) -> Option<&str> {
        self.facts()?.signer.team.as_deref()
    }
}

/// A bundle in the target (the target itself too).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Path relative to the root; empty for the target itself.
    pub path: PathBuf,
    /// Kind.
    pub kind: TargetKind,
    /// Path of its Info.plist, relative to the root.
    pub info_path: PathBuf,
    /// Info.plist; `None` when missing or unreadable (a gap or defect says so).
    pub info: Option<InfoPlist>,
    /// Main executable relative to the root, whether or not it exists.
    pub executable: Option<PathBuf>,
    /// `embedded.provisionprofile` is there.
    pub has_profile: bool,
    /// What it says, or why it cannot be read; `None` when there is none.
    pub profile: Option<Result<Box<Profile>, String>>,
    /// `_CodeSignature/CodeResources` is there.
    pub has_seal: bool,
}

/// An assignment or command of a launcher script that matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptLine {
    /// Line, from 1.
    pub line: u32,
    /// The line, at most 500 characters.
    pub text: String,
    /// What it does.
    pub does: ScriptAct,
}

/// What a line of a script does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScriptAct {
    /// Sets an environment variable for what follows (`X=…; export X`, `export X=…`, `env X=… cmd`, `X=… cmd`).
    Sets {
        /// Variable name.
        name: String,
        /// Value as written.
        value: String,
    },
    /// Starts a program (`exec "$DIR/App"`, last command); path relative to the root when it could be resolved.
    Starts {
        /// Command word as written.
        command: String,
        /// The file in the target it means.
        image: Option<PathBuf>,
    },
    /// Overwrites a file in place (`cp`, `sed -i`, `rsync --inplace`, `cat >`).
    Overwrites {
        /// Destination as written.
        file: String,
    },
}

/// A script in a place for code, or the main executable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Path relative to the root.
    pub path: PathBuf,
    /// Interpreter line without `#!`.
    pub interpreter: String,
    /// What matters in it.
    pub lines: Vec<ScriptLine>,
    /// It is the main executable of its bundle.
    pub is_main: bool,
}

/// What an evidence text turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextFacts {
    /// A crash report, and the facts of dyld, TCC and runtime messages in it.
    Crash(Box<CrashReport>, Vec<LogLine>),
    /// A log or terminal text; also a notary log.
    Log(Vec<LogLine>),
    /// An entitlements file of the project.
    Entitlements(Box<Entitlements>),
    /// Nothing that Temper can use; why ("a spindump, not a crash report").
    Unusable(String),
}

/// A text the user gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceText {
    /// File name as given; `stdin` for standard input.
    pub source: String,
    /// Where the text can be read again (standard input is spooled); `None` when it was given in memory.
    pub path: Option<PathBuf>,
    /// `crash-report`, `log`, `notary-log`, `entitlements`, `unusable`.
    #[serde(deserialize_with = "crate::read::stored::word")]
    pub kind: Word,
    /// Facts.
    pub facts: TextFacts,
    /// Older reports of the same crash, by name: they were read and say nothing more.
    pub also: Vec<String>,
}

/// What could not be read or decided, and why. Never a failed run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// Relative path, or the name of an evidence text; empty for the whole run.
    pub path: PathBuf,
    /// Why, lower case, no full stop.
    pub why: String,
}

/// All facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Target.
    pub target: Target,
    /// Mach-O slices, by path, then slice.
    pub images: Vec<Image>,
    /// Code that is no Mach-O and is signed all the same, by path.
    #[serde(default)]
    pub detached: Vec<Detached>,
    /// Mach-O slices in zip archives of the target (jars too), which the notary looks into; `path` is the archive's with the entry's behind it. macOS runs none
    /// of them from there, so nothing but the notary verdict asks for them.
    #[serde(default)]
    pub archived: Vec<Image>,
    /// Bundles, outermost first, then by path.
    pub bundles: Vec<Bundle>,
    /// Scripts.
    pub scripts: Vec<Script>,
    /// Seals of bundles against what is there, in the order of `bundles`; a bundle without a CodeResources file has none.
    #[serde(default)]
    pub seals: Vec<SealCheck>,
    /// Texts in the order given.
    pub texts: Vec<EvidenceText>,
    /// What could not be looked at; sorted, no duplicates.
    pub gaps: Vec<Gap>,
    /// Files, and code with a slice, that could not be read, so that nothing was compared; `gaps` says why. Relative, sorted.
    #[serde(default)]
    pub unread: Vec<PathBuf>,
    /// `Apple`, or the name of the extra root that was allowed.
    pub trust_anchor: String,
    /// When it was examined (seconds since 1970 UTC); certificate expiry asks this.
    pub examined_at: i64,
    /// macOS version asked for with `--os`, (major, minor).
    pub os: Option<(u16, u16)>,
    /// Architecture asked for with `--arch`.
    pub arch: Option<Arch>,
    /// Relative paths of all regular files seen, sorted, at most 200,000: for fingerprints and loads.
    pub files: Vec<PathBuf>,
}

impl Evidence {
    /// Nothing known yet.
    pub fn empty() -> Self {
        Self {
            target: Target::none(),
            images: Vec::new(),
            detached: Vec::new(),
            archived: Vec::new(),
            bundles: Vec::new(),
            scripts: Vec::new(),
            seals: Vec::new(),
            texts: Vec::new(),
            gaps: Vec::new(),
            unread: Vec::new(),
            trust_anchor: "Apple".into(),
            examined_at: 0,
            os: None,
            arch: None,
            files: Vec::new(),
        }
    }

    /// Brings the images into their order, in which [`Evidence::images_at`] finds them.
    pub fn sort_images(&mut self) {
        self.images.sort_by(|a, b| (&a.path, a.slice).cmp(&(&b.path, b.slice)));
    }

    /// File name of what lies at a path, for sentences; the target's own for the root.
    pub fn name_of(&self, path: &std::path::Path) -> String {
        path.file_name().map_or_else(|| self.target.name(), |name| name.to_string_lossy().into_owned())
    }

    /// Slices of the file at `path`.
    pub fn images_at(&self, path: &std::path::Path) -> std::slice::Iter<'_, Image> {
        debug_assert!(self.images.is_sorted_by(|a, b| a.path <= b.path), "images stand in the order of their paths");
        let start = self.images.partition_point(|image| image.path.as_path() < path);
        let from = self.images.get(start..).unwrap_or_default();
        let count = from.iter().take_while(|image| image.path == path).count();
        from.get(..count).unwrap_or_default().iter()
    }

    /// The slice of the file at `path` for an architecture.
    pub fn slice_at(&self, path: &std::path::Path, arch: Arch) -> Option<&Image> {
        self.images_at(path).find(|image| image.arch() == arch)
    }

    /// Slices of executables.
    pub fn executables(&self) -> impl Iterator<Item = &Image> {
        self.images.iter().filter(|image| image.is_executable())
    }

    /// Slices of the target's main executable.
    pub fn main_images(&self) -> impl Iterator<Item = &Image> {
        let main = self.target.executable.as_deref();
        self.images.iter().filter(move |image| Some(image.path.as_path()) == main)
    }

    /// Team of the main executable, of its first slice that has one ([`Image::team`]).
    pub fn team(&self) -> Option<&str> {
        self.main_images().find_map(Image::team)
    }
}

#[cfg(test)]
pub(crate) mod sample;
