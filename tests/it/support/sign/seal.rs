//! Bundles: `_CodeSignature/CodeResources` and the main executable, from the inside out.

use super::{Identity, SignOptions, arch_name, blob, code_directory, directory_hash, is_macho, sign, slices};
use plist::{Dictionary, Value};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};

/// Signs the code of a bundle in the order given: (path relative to the bundle, options). A folder is a nested bundle, "" the bundle itself;
/// name inner code first.
pub fn sign_bundle(bundle: &Path, codes: &[(&str, SignOptions)]) -> io::Result<()> {
    for (path, options) in codes {
        let target = if path.is_empty() { bundle.to_path_buf() } else { bundle.join(path) };
        if target.is_dir() {
            sign_folder(&target, options)?;
        } else {
            std::fs::write(&target, sign(&std::fs::read(&target)?, options))?;
        }
    }
    Ok(())
}

fn sign_folder(bundle: &Path, options: &SignOptions) -> io::Result<()> {
    let base = base(bundle);
    let info = std::fs::read(info_plist(&base))?;
    let executable = main_executable(bundle)?;
    let seal = code_resources(&base, &executable)?;
    std::fs::create_dir_all(base.join("_CodeSignature"))?;
    std::fs::write(base.join("_CodeSignature/CodeResources"), &seal)?;
    let options = SignOptions { info_plist: Some(info), code_resources: Some(seal), ..options.clone() };
    let code = std::fs::read(&executable)?;
    if !is_macho(&code) {
        let parts = blob::parts(&code, &options);
        return parts.into_iter().try_for_each(|(name, bytes)| std::fs::write(base.join("_CodeSignature").join(name), bytes));
    }
    std::fs::write(&executable, sign(&code, &options))
}

/// What sealed paths start from: `Contents`, or version A of a framework.
fn base(bundle: &Path) -> PathBuf {
    let version = bundle.join("Versions/A");
    if version.is_dir() { version } else { bundle.join("Contents") }
}

fn info_plist(base: &Path) -> PathBuf {
    if base.ends_with("Contents") { base.join("Info.plist") } else { base.join("Resources/Info.plist") }
}

/// A bundle without code has its Info.plist signed (`BundleDiskRep::setup`).
fn main_executable(bundle: &Path) -> io::Result<PathBuf> {
    let base = base(bundle);
    let info = Value::from_file(info_plist(&base)).map_err(io::Error::other)?;
    let name = info.as_dictionary().and_then(|info| info.get("CFBundleExecutable")).and_then(Value::as_string);
    let Some(name) = name else { return Ok(info_plist(&base)) };
    Ok(if base.ends_with("Contents") { base.join("MacOS").join(name) } else { base.join(name) })
}

/// How the default rules (`bundlediskrep.cpp`) see a path relative to `Contents`.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Rule {
    Omit,
    Nested,
    Include,
    Optional,
}

fn rule(path: &str) -> Rule {
    const NESTED: [&str; 10] = [
        "Frameworks/",
        "SharedFrameworks/",
        "PlugIns/",
        "Plug-ins/",
        "XPCServices/",
        "Helpers/",
        "MacOS/",
        "Library/Automator/",
        "Library/Spotlight/",
        "Library/LoginItems/",
    ];
    if path.ends_with(".DS_Store") || path == "Info.plist" || path == "PkgInfo" || path.starts_with("_CodeSignature") {
        Rule::Omit
    } else if path.starts_with("Resources/") {
        match path.split_once(".lproj/") {
            Some(("Resources/Base", _)) => Rule::Include,
            Some((_, "locversion.plist")) => Rule::Omit,
            Some(_) => Rule::Optional,
            None => Rule::Include,
        }
    } else if path.contains(".dSYM") || path == "version.plist" || path == "embedded.provisionprofile" {
        Rule::Include
    } else if !path.contains('/') || NESTED.iter().any(|folder| path.starts_with(folder)) {
        Rule::Nested
    } else {
        Rule::Include
    }
}

fn code_resources(contents: &Path, executable: &Path) -> io::Result<Vec<u8>> {
    let (mut files, mut files2) = (Dictionary::new(), Dictionary::new());
    let mut folders = vec![contents.to_path_buf()];
    let mut entries = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.strip_prefix(contents).map_err(io::Error::other)?.to_string_lossy().into_owned();
            let is_folder = path.symlink_metadata()?.is_dir();
            if is_folder && !(rule(&name) == Rule::Nested && info_plist(&base(&path)).is_file()) {
                folders.push(path);
            } else if path != executable && rule(&name) != Rule::Omit {
                entries.push((name, path));
            }
        }
    }
    entries.sort();
    for (name, path) in entries {
        if path.is_symlink() {
            let target = std::fs::read_link(&path)?.to_string_lossy().into_owned();
            files2.insert(name, dictionary([("symlink", Value::String(target))]));
            continue;
        }
        if rule(&name) == Rule::Nested {
            files2.insert(name, nested(&path)?);
            continue;
        }
        let bytes = std::fs::read(&path)?;
        let sha1 = Value::Data(Sha1::digest(&bytes).to_vec());
        let sha256 = Value::Data(Sha256::digest(&bytes).to_vec());
        let optional = rule(&name) == Rule::Optional;
        if name.starts_with("Resources/") {
            let value = if optional { dictionary([("hash", sha1), ("optional", Value::Boolean(true))]) } else { sha1 };
            files.insert(name.clone(), value);
        }
        let mut entry = Dictionary::from_iter([("hash2", sha256)]);
        if optional {
            entry.insert("optional".into(), Value::Boolean(true));
        }
        files2.insert(name, Value::Dictionary(entry));
    }
    let mut whole = Dictionary::new();
    whole.insert("files".into(), Value::Dictionary(files));
    whole.insert("files2".into(), Value::Dictionary(files2));
    whole.insert("rules".into(), rules());
    whole.insert("rules2".into(), rules2());
    let mut out = Vec::new();
    Value::Dictionary(whole).to_writer_xml(&mut out).map_err(io::Error::other)?;
    out.push(b'\n');
    Ok(out)
}

/// The seal on nested code: cdhash (of the native slice, arm64 before others) and designated requirement.
fn nested(path: &Path) -> io::Result<Value> {
    let file = if path.is_dir() { main_executable(path)? } else { path.to_path_buf() };
    let bytes = std::fs::read(&file)?;
    let ranges = if is_macho(&bytes) { slices(&bytes) } else { Vec::new() };
    let mut parts: Vec<&[u8]> = ranges.into_iter().map(|range| &bytes[range]).collect();
    parts.sort_by_key(|part| arch_name(part) != "arm64");
    let unsigned = || io::Error::other(format!("{}: nested code is not signed", file.display()));
    let directories: Vec<Vec<u8>> = if parts.is_empty() {
        vec![std::fs::read(base(path).join("_CodeSignature/CodeDirectory"))?]
    } else {
        parts.iter().map(|part| code_directory(part).map(<[u8]>::to_vec)).collect::<Option<_>>().ok_or_else(unsigned)?
    };
    let hashes: Vec<[u8; 20]> = directories.iter().map(|directory| directory_hash(directory)).collect();
    let (identifier, team) = names(&directories[0]);
    let identity = match team.as_deref() {
        // Both identities have that team; which one signed, its certificate tells.
        // Of a bundle without Mach-O code the certificate is not in this file; its tests use one identity of the team.
        Some("PRACTICE01") if holds(&bytes, &Identity::Development.certificate()) => Identity::Development,
        Some("PRACTICE01") => Identity::Practice,
        Some("OTHERTEAM1") => Identity::OtherTeam,
        _ => Identity::AdHoc,
    };
    let requirement = blob::requirement_text(&identifier, identity, &hashes);
    Ok(dictionary([("cdhash", Value::Data(hashes[0].to_vec())), ("requirement", Value::String(requirement))]))
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}

/// Identifier and team of a CodeDirectory.
fn names(directory: &[u8]) -> (String, Option<String>) {
    let offset = |at: usize| u32::from_be_bytes(directory[at..at + 4].try_into().unwrap()) as usize;
    let text = |at: usize| String::from_utf8_lossy(directory[at..].split(|&b| b == 0).next().unwrap()).into_owned();
    let team = offset(48);
    (text(offset(20)), (team != 0).then(|| text(team)))
}

fn dictionary<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Dictionary(Dictionary::from_iter(entries))
}

fn weighed(word: Option<&str>, weight: f64) -> Value {
    let mut entry = Dictionary::new();
    if let Some(word) = word {
        entry.insert(word.into(), Value::Boolean(true));
    }
    entry.insert("weight".into(), Value::Real(weight));
    Value::Dictionary(entry)
}

fn rules() -> Value {
    dictionary([
        ("^Resources/", Value::Boolean(true)),
        ("^Resources/.*\\.lproj/", weighed(Some("optional"), 1000.0)),
        ("^Resources/.*\\.lproj/locversion.plist$", weighed(Some("omit"), 1100.0)),
        ("^Resources/Base\\.lproj/", weighed(None, 1010.0)),
        ("^version.plist$", Value::Boolean(true)),
    ])
}

fn rules2() -> Value {
    const CODE: &str =
        "^(Frameworks|SharedFrameworks|PlugIns|Plug-ins|XPCServices|Helpers|MacOS|Library/(Automator|Spotlight|LoginItems))/";
    dictionary([
        (".*\\.dSYM($|/)", weighed(None, 11.0)),
        ("^(.*/)?\\.DS_Store$", weighed(Some("omit"), 2000.0)),
        (CODE, weighed(Some("nested"), 10.0)),
        ("^.*", Value::Boolean(true)),
        ("^Info\\.plist$", weighed(Some("omit"), 20.0)),
        ("^PkgInfo$", weighed(Some("omit"), 20.0)),
        ("^Resources/", weighed(None, 20.0)),
        ("^Resources/.*\\.lproj/", weighed(Some("optional"), 1000.0)),
        ("^Resources/.*\\.lproj/locversion.plist$", weighed(Some("omit"), 1100.0)),
        ("^Resources/Base\\.lproj/", weighed(None, 1010.0)),
        ("^[^/]+$", weighed(Some("nested"), 10.0)),
        ("^embedded\\.provisionprofile$", weighed(None, 20.0)),
        ("^version\\.plist$", weighed(None, 20.0)),
    ])
}
