//! Writes what the user confirmed. The only code that changes anything.

use super::plan::FileEdit;
use crate::system::{Change, EntryKind, System};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

mod journal;
mod session;
mod tree;

pub use journal::{Undone, undo};
pub use session::{Destination, Done, Order, Progress, Session, SessionError, Step, StepKind, signer_on_path};
pub use tree::{Content, Listing, list};

/// Why a file was not written.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The file changed since the plan was made.
    #[error("{0} has changed since Temper read it; nothing was written")]
    Changed(String),
    /// Inside a signed bundle: writing there would break the seal.
    #[error("{0} lies inside the bundle; writing there would break its seal. Choose a file outside it")]
    InsideBundle(String),
    /// The system refused.
    #[error("{file}: {source}")]
    Io {
        /// File.
        file: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Largest entitlements file that is compared (bytes).
const MAX_FILE: usize = 1 << 20;

/// Writes one entitlements file atomically. `root` is the target's root. When the file exists its content must equal `edit.before`.
///
/// A file that says already what the edit wants is left alone. A link is followed, and what it leads to is judged and written.
pub fn write(system: &dyn System, root: &Path, edit: &FileEdit) -> Result<(), ApplyError> {
    let name = edit.file.display().to_string();
    let io = |source| ApplyError::Io { file: name.clone(), source };
    let file = destination(system, &edit.file).map_err(io)?;
    if is_inside_bundle(system, root, &file) {
        return Err(ApplyError::InsideBundle(name));
    }
    match system.entry(&file) {
        Ok(EntryKind::File(_)) => {
            let present = system.read_small(&file, MAX_FILE).map_err(io)?;
            if present == edit.after.as_bytes() {
                return Ok(());
            }
            if present != edit.before.as_bytes() {
                return Err(ApplyError::Changed(name));
            }
        }
        Ok(_) => return Err(io(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))),
        // The plan was made from this very file, so its absence is a change.
        Err(error) if error.kind() == io::ErrorKind::NotFound && edit.from == name => return Err(ApplyError::Changed(name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(error)),
    }
    system.write_atomic(&file, edit.after.as_bytes()).map_err(io)
}

/// Takes an edit back that [`write()`] has written: the file is what it was, or is gone when there was none. A file that was changed since is left alone.
pub fn take_back(system: &dyn System, root: &Path, edit: &FileEdit) -> Result<(), ApplyError> {
    let name = edit.file.display().to_string();
    if edit.from == name {
        let back = FileEdit { before: edit.after.clone(), after: edit.before.clone(), ..edit.clone() };
        return write(system, root, &back);
    }
    let io = |source| ApplyError::Io { file: name.clone(), source };
    let file = destination(system, &edit.file).map_err(io)?;
    match system.read_small(&file, MAX_FILE) {
        Ok(present) if present == edit.after.as_bytes() => system.change(Change::RemoveFile(&file)).map_err(io),
        Ok(_) => Err(ApplyError::Changed(name)),
        Err(error) => Err(io(error)),
    }
}

/// The real path of a file that may not exist yet: its folder with links resolved, and a link in its own place followed.
fn destination(system: &dyn System, file: &Path) -> io::Result<PathBuf> {
    if system.entry(file).is_ok() {
        return system.canonical(file);
    }
    let name = file.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not the name of a file"))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(system.canonical(folder)?.join(name))
}

/// Folder names that end in these are bundles.
const BUNDLES: [&str; 13] =
    ["app", "framework", "xpc", "appex", "bundle", "plugin", "component", "vst", "vst3", "kext", "systemextension", "dext", "prefpane"];

/// The file lies in the target, which is a bundle, or in any other bundle. The folder around a bare Mach-O is none.
fn is_inside_bundle(system: &dyn System, root: &Path, file: &Path) -> bool {
    let root = system.canonical(root).unwrap_or_else(|_| root.to_path_buf());
    let folders = file.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    folders
        .into_iter()
        .any(|folder| if folder == root { has_bundle_name(folder) || has_seal(system, folder) } else { has_seal(system, folder) })
}

fn has_bundle_name(folder: &Path) -> bool {
    let extension = folder.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|extension| BUNDLES.contains(&extension.as_str()))
}

/// A folder named like a bundle is only one when it is built like one: people also name folders after web sites.
fn has_seal(system: &dyn System, folder: &Path) -> bool {
    let inside = ["Contents/Info.plist", "Contents/_CodeSignature", "_CodeSignature"];
    inside.iter().any(|path| system.entry(&folder.join(path)).is_ok())
        || (has_bundle_name(folder) && ["Contents", "Versions", "Info.plist"].iter().any(|path| system.entry(&folder.join(path)).is_ok()))
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;
