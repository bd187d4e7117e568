//! Builds the practice apps: compiles their sources with zig, joins the slices, signs, and writes the evidence that belongs to these builds.
//!
//! `cargo run --example build-labs [ID…]`, with `ZIG` set when zig is not `python3 -m ziglang`. What it writes is committed; users and tests
//! never run it.
#![allow(clippy::unwrap_used, reason = "a tool for whoever changes a practice app: a panic with the place is what they need")]

#[path = "../tests/it/support/sign/mod.rs"]
mod sign;

use object::read::macho::MachOFile64;
use object::{LittleEndian, Object, ObjectSegment, ObjectSymbol};
use sign::{Identity, SignOptions};
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for (id, bundle, codes) in labs() {
        if wanted.is_empty() || wanted.iter().any(|name| name == id) {
            build(id, bundle, &codes)?;
        }
    }
    Ok(())
}

/// macOS 15.5, packed.
const SDK: u32 = 0x000f_0500;

type Lab = (&'static str, &'static str, Vec<(&'static str, SignOptions)>);

/// Every practice app with its bundle and how its code is signed, inner code first.
fn labs() -> Vec<Lab> {
    let hardened = SignOptions::hardened;
    let entitled = |identifier: &str, file: &str| hardened(identifier).entitled(&std::fs::read(labs_folder().join(file)).unwrap());
    vec![
        (
            "jit-flip",
            "Sketchbook.app",
            vec![
                ("Contents/Frameworks/libbrush.dylib", hardened("libbrush")),
                ("", entitled("com.example.sketchbook", "jit-flip/Sketchbook.entitlements")),
            ],
        ),
        ("jit-map-jit", "Abacus.app", vec![("", hardened("com.example.abacus"))]),
        (
            "dyld-launcher",
            "Tidewatch.app",
            vec![("Contents/Frameworks/libtide.1.dylib", hardened("libtide.1")), ("", hardened("com.example.tidewatch"))],
        ),
        (
            "foreign-plugin",
            "Mixbench.app",
            vec![
                ("Contents/PlugIns/Reverb.bundle", hardened("com.example-effects.reverb").by(Identity::OtherTeam)),
                ("", hardened("com.example.mixbench")),
            ],
        ),
        ("silent-microphone", "Voicenote.app", vec![("", hardened("com.example.voicenote"))]),
        ("no-usage-string", "Cardfile.app", vec![("", entitled("com.example.cardfile", "no-usage-string/Cardfile.entitlements"))]),
    ]
}

fn labs_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/labs")
}

fn build(id: &str, bundle: &str, codes: &[(&str, SignOptions)]) -> std::io::Result<()> {
    let lab = labs_folder().join(id);
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/labs").join(id);
    if out.exists() {
        std::fs::remove_dir_all(&out)?;
    }
    let status = std::process::Command::new("sh").arg(lab.join("build.sh")).env("OUT", &out).status()?;
    assert!(status.success(), "{id}: build.sh failed");
    for path in programs(&out.join("arm64"), Path::new(""))? {
        // The order of lipo: x86_64, then arm64.
        let mut parts: Vec<Vec<u8>> =
            ["x86_64", "arm64"].iter().filter_map(|arch| std::fs::read(out.join(arch).join(&path)).ok()).collect();
        // zig cannot be told an SDK version; its own is newer than the systems in the evidence.
        parts.iter_mut().for_each(|part| sign::set_sdk(part, SDK));
        let bytes = if parts.len() == 1 { parts[0].clone() } else { sign::join(&parts) };
        write_program(&lab.join(bundle).join(&path), &bytes)?;
    }
    sign::sign_bundle(&lab.join(bundle), codes)?;
    for entry in std::fs::read_dir(lab.join("evidence"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "in") {
            let text = fill(&std::fs::read_to_string(&path)?, &lab.join(bundle));
            std::fs::write(path.with_extension(""), text)?;
        }
    }
    println!("{id}: {bundle}");
    Ok(())
}

/// Compiled files below a folder, relative to it.
fn programs(root: &Path, folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => found.extend(programs(root, &path)?),
            false => found.push(path),
        }
    }
    found.sort();
    Ok(found)
}

fn write_program(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap())?;
    std::fs::write(path, bytes)?;
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(())
}

/// Fills the places of an evidence template: `@{uuid PATH ARCH}` (small letters), `@{UUID PATH ARCH}` (capitals),
/// `@{offset PATH ARCH SYMBOL PLUS}` (decimal, from the image's start), `@{address PATH ARCH SYMBOL PLUS BASE}` (hexadecimal, slid to BASE),
/// `@{decimal PATH ARCH SYMBOL PLUS BASE}`.
fn fill(template: &str, bundle: &Path) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("@{") {
        let (place, after) = after.split_once('}').unwrap();
        out.push_str(before);
        let words: Vec<&str> = place.split(' ').collect();
        let bytes = slice(&bundle.join(words[1]), words[2]);
        out.push_str(&match words[0] {
            "uuid" => sign::uuid(&bytes).unwrap().to_lowercase(),
            "UUID" => sign::uuid(&bytes).unwrap(),
            "offset" => symbol(&bytes, words[3], words[4]).to_string(),
            "address" => format!("{:#x}", symbol(&bytes, words[3], words[4]) + u64::from_str_radix(words[5], 16).unwrap()),
            "decimal" => (symbol(&bytes, words[3], words[4]) + u64::from_str_radix(words[5], 16).unwrap()).to_string(),
            other => panic!("unknown place {other}"),
        });
        rest = after;
    }
    out + rest
}

fn slice(path: &Path, arch: &str) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    sign::slices(&bytes).into_iter().map(|range| bytes[range].to_vec()).find(|part| sign::arch_name(part) == arch).unwrap()
}

/// Offset of `name` + `plus` from the start of `__TEXT`.
fn symbol(bytes: &[u8], name: &str, plus: &str) -> u64 {
    let file = MachOFile64::<LittleEndian>::parse(bytes).unwrap();
    let start = file.segments().find(|segment| segment.name() == Ok(Some("__TEXT"))).unwrap().address();
    let address = file.symbols().find(|symbol| symbol.name() == Ok(name)).unwrap_or_else(|| panic!("no symbol {name}")).address();
    address - start + plus.parse::<u64>().unwrap()
}
