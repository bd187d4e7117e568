//! Files that test bundles are made of.

use std::path::Path;
use temper::lab;

/// A file of a practice app, by the end of its path.
pub fn lab_file(end: &str) -> &'static [u8] {
    lab::all().iter().flat_map(|lab| lab.files).find(|(path, ..)| path.ends_with(end)).unwrap().1
}

/// Writes a file below `root`, with the folders that it needs.
pub fn write(root: &Path, path: &str, bytes: impl AsRef<[u8]>) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}
