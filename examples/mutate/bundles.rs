//! Valid bundles: practice apps of many shapes and signatures, and real ones of the corpus.

use crate::files::{lab_file, write};
use crate::sign::{self, DerForm, Identity, RUNTIME, SignOptions};
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    File(Arc<Vec<u8>>),
    Link(String),
}

/// A bundle in memory; paths are relative to it. A lone file has the path "".
#[derive(Debug, Clone)]
pub struct Bundle {
    pub name: String,
    pub nodes: BTreeMap<String, Node>,
}

impl Bundle {
    /// Where the bundle stands on the machine in memory.
    pub fn root(&self) -> String {
        format!("/{}", self.name)
    }
}

fn info(name: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict><key>CFBundleExecutable</key><string>{name}</string>\
         <key>CFBundleIdentifier</key><string>org.example.{name}</string><key>CFBundlePackageType</key><string>APPL</string></dict></plist>"
    )
}

/// Which slices of a universal file.
fn part(bytes: &[u8], which: usize) -> Vec<u8> {
    let parts = sign::slices(bytes);
    match which {
        0 => bytes.to_vec(),
        n => bytes[parts[(n - 1).min(parts.len() - 1)].clone()].to_vec(),
    }
}

/// Practice bundles. Everything about the one with number `n` follows from `n`.
pub fn practice() -> Vec<Bundle> {
    (0..36).map(app).chain((0..4).map(framework)).chain((0..6).map(file)).collect()
}

fn options(n: usize, name: &str) -> SignOptions {
    let mut options = SignOptions::hardened(&format!("org.example.{name}"));
    options.page_shift = [None, Some(12)][n / 2 % 2];
    // Checking signatures is what takes the time; a timestamp doubles it.
    options.timestamp = n.is_multiple_of(4);
    options.flags = [RUNTIME, RUNTIME | 0x2000, 0, RUNTIME | 0x200][n / 2 % 4];
    options.der = if n % 5 == 1 { DerForm::Omitted } else { DerForm::FromXml };
    options
}

pub fn app(n: usize) -> Bundle {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("Practice{n}.app");
    let root = folder.path().join(&name);
    let program = part(lab_file("MacOS/Sketchbook"), n % 3);
    let library = part(lab_file("libbrush.dylib"), n / 2 % 3);
    write(&root, "Contents/Info.plist", info("Main"));
    write(&root, "Contents/MacOS/Main", &program);
    write(&root, "Contents/PkgInfo", "APPL????");
    write(&root, "Contents/Resources/a.txt", "first");
    write(&root, "Contents/Resources/b.txt", "other");
    // Nested code is named by its team or its directory's hash in the seal.
    let inner = [Identity::Practice, Identity::OtherTeam, Identity::AdHoc][n / 3 % 3];
    let mut codes: Vec<(&str, SignOptions)> = Vec::new();
    if n & 1 != 0 {
        write(&root, "Contents/Resources/sub/c.bin", [7; 9_000]);
        write(&root, "Contents/Resources/en.lproj/x.strings", "\"a\" = \"b\";");
        write(&root, "Contents/Resources/Base.lproj/y.nib", "nib");
        symlink("a.txt", root.join("Contents/Resources/link")).unwrap();
    }
    if n % 3 != 2 {
        write(&root, "Contents/Frameworks/libbrush.dylib", &library);
        codes.push(("Contents/Frameworks/libbrush.dylib", options(n + 1, "brush").by(inner)));
    }
    if n % 4 == 1 {
        write(&root, "Contents/Resources/tool", &library);
        codes.push(("Contents/Resources/tool", options(n + 2, "tool")));
    }
    if n % 4 == 2 {
        write(&root, "Contents/MacOS/helper", part(lab_file("MacOS/Sketchbook"), 2));
        codes.push(("Contents/MacOS/helper", options(n + 3, "helper").by(inner)));
    }
    if n % 6 == 3 {
        kit(&root.join("Contents/Frameworks/Kit.framework"), &library);
        codes.push(("Contents/Frameworks/Kit.framework", options(n + 4, "kit").by(inner)));
    }
    if n % 6 == 4 {
        write(&root, "Contents/PlugIns/Reverb.bundle/Contents/Info.plist", info("Reverb"));
        write(&root, "Contents/PlugIns/Reverb.bundle/Contents/MacOS/Reverb", part(lab_file("MacOS/Reverb"), n / 6 % 2 + 1));
        write(&root, "Contents/PlugIns/Reverb.bundle/Contents/Resources/preset.txt", "hall");
        codes.push(("Contents/PlugIns/Reverb.bundle", options(n + 5, "reverb").by(inner)));
    }
    let keys = sign::entitlements_xml(&["com.apple.security.cs.allow-jit", "com.apple.security.device.camera"][..n % 3]);
    let identity = [Identity::Practice, Identity::Development, Identity::AdHoc, Identity::OtherTeam, Identity::AdHoc][n % 5];
    let own = options(n, "main").by(identity);
    codes.push(("", if n.is_multiple_of(3) { own } else { own.entitled(&keys) }));
    sign::sign_bundle(&root, &codes).unwrap();
    load(&root, &name)
}

fn kit(root: &Path, library: &[u8]) {
    write(root, "Versions/A/Kit", library);
    write(root, "Versions/A/Resources/Info.plist", info("Kit"));
    write(root, "Versions/A/Resources/data.txt", "data");
    symlink("A", root.join("Versions/Current")).unwrap();
    symlink("Versions/Current/Kit", root.join("Kit")).unwrap();
    symlink("Versions/Current/Resources", root.join("Resources")).unwrap();
}

fn framework(n: usize) -> Bundle {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("Kit{n}.framework");
    let root = folder.path().join(&name);
    kit(&root, &part(lab_file("libbrush.dylib"), n % 3));
    let identity = [Identity::Practice, Identity::AdHoc, Identity::OtherTeam, Identity::Practice][n];
    sign::sign_bundle(&root, &[("", options(n, "kit").by(identity))]).unwrap();
    load(&root, &name)
}

/// A program without a bundle.
fn file(n: usize) -> Bundle {
    let identity = [Identity::Practice, Identity::AdHoc, Identity::Development][n % 3];
    let options = options(n, "tool").by(identity).entitled(&sign::entitlements_xml(&["com.apple.security.cs.allow-jit"]));
    let bytes = sign::sign(&part(lab_file("MacOS/Abacus"), n % 3), &options);
    Bundle { name: format!("tool{n}"), nodes: BTreeMap::from([(String::new(), Node::File(Arc::new(bytes)))]) }
}

/// A bundle or a file of the disk; `None` when it is larger than pays.
pub fn real(path: &Path) -> Option<Bundle> {
    let name = path.file_name()?.to_str()?.to_owned();
    let bundle = if path.is_dir() {
        load(path, &name)
    } else {
        Bundle { name, nodes: BTreeMap::from([(String::new(), Node::File(Arc::new(std::fs::read(path).ok()?)))]) }
    };
    let size: usize = bundle.nodes.values().map(|node| if let Node::File(bytes) = node { bytes.len() } else { 0 }).sum();
    (size <= 400 << 10).then_some(bundle)
}

/// Writes a bundle to the disk: at `root`, or as this file.
pub fn store(bundle: &Bundle, root: &Path) {
    for (path, node) in &bundle.nodes {
        let path = if path.is_empty() { root.to_path_buf() } else { root.join(path) };
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        match node {
            Node::File(bytes) => std::fs::write(path, bytes.as_slice()).unwrap(),
            Node::Link(target) => symlink(target, path).unwrap(),
        }
    }
}

/// Reads a bundle from the disk.
pub fn load(root: &Path, name: &str) -> Bundle {
    let mut nodes = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let relative = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_symlink() {
                nodes.insert(relative, Node::Link(std::fs::read_link(&path).unwrap().to_str().unwrap().to_owned()));
            } else if path.is_dir() {
                folders.push(path);
            } else {
                nodes.insert(relative, Node::File(Arc::new(std::fs::read(&path).unwrap())));
            }
        }
    }
    Bundle { name: name.to_owned(), nodes }
}
