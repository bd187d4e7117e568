//! The way back. Beside the app lies a folder `.temper-fix-N`:
//!
//! ```text
//! name         a link whose target is the app's name
//! state.json   what was begun, and the hashes of the app before and after
//! old/NAME     the app before
//! work/NAME    the app that is being worked on; work/… the entitlements files
//! ```
//!
//! The app at its place is touched once, when `work/NAME` takes its place in one moment. So at any moment it is the old app or the new one, and what is
//! in the folder can be thrown away or put back.

use super::session::SessionError;
use super::tree;
use crate::system::{Change, EntryKind, System};
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// Beginning of the folder's name; a number follows.
const PREFIX: &str = ".temper-fix-";
/// Name and form of the state file.
const STATE: &str = "state.json";
const SCHEMA: &str = "temper-fix/1";
/// A link that says the app's name: the only text of this folder that need not be UTF-8.
const NAME: &str = "name";
/// Largest state file, in bytes.
const MAX_STATE: usize = 1 << 20;
/// Where an app lies in the middle of an exchange in two halves, and of one that takes such a half back.
const GONE: &str = "gone";
const GONE_TOO: &str = "gone-2";
/// Largest entitlements file, in bytes.
const MAX_FILE: usize = 4 << 20;

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    /// Nothing outside the folder has changed.
    Working,
    /// The app is being put in its place.
    Placing,
    /// Done.
    Done,
}

/// `state.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    schema: String,
    pub stage: Stage,
    /// The app was copied: at its place there was nothing before.
    pub copied: bool,
    /// Hash of the app before.
    pub before: String,
    /// Hash of the app after; empty until it is known.
    pub after: String,
    /// Entitlements files that were put beside the app, where there were none.
    pub files: Vec<String>,
}

impl State {
    pub(super) fn new(copied: bool, before: String) -> Self {
        Self { schema: SCHEMA.into(), stage: Stage::Working, copied, before, after: String::new(), files: Vec::new() }
    }
}

/// The folder of one fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Journal {
    /// Folder that holds the app.
    pub place: PathBuf,
    /// The app's name.
    pub name: OsString,
    /// `place/.temper-fix-N`.
    pub folder: PathBuf,
}

impl Journal {
    /// A new one in `place`, with a number that is free; nothing is written yet.
    pub(super) fn new(system: &dyn System, place: &Path, name: &OsStr) -> Self {
        let last = numbers(system, place).into_iter().max().unwrap_or(0);
        Self { place: place.to_path_buf(), name: name.to_owned(), folder: place.join(format!("{PREFIX}{}", last + 1)) }
    }

    /// Makes the folder; an error when somebody else has one of that number.
    pub(super) fn claim(&self, system: &dyn System) -> Result<(), SessionError> {
        system.change(Change::MakeFolder { at: &self.folder, like: &self.place }).map_err(SessionError::at(&self.folder))
    }

    /// Fills the folder: the name, the state, the two places for the app.
    pub(super) fn begin(&self, system: &dyn System, state: &State) -> Result<(), SessionError> {
        let make = |at: &Path| system.change(Change::MakeFolder { at, like: &self.place }).map_err(SessionError::at(at));
        let link = self.folder.join(NAME);
        system.change(Change::MakeLink { at: &link, target: Path::new(&self.name) }).map_err(SessionError::at(&link))?;
        self.write(system, state)?;
        make(&self.work())?;
        make(&self.old())
    }

    pub(super) fn app(&self) -> PathBuf {
        self.place.join(&self.name)
    }

    pub(super) fn work(&self) -> PathBuf {
        self.folder.join("work")
    }

    pub(super) fn old(&self) -> PathBuf {
        self.folder.join("old")
    }

    pub(super) fn write(&self, system: &dyn System, state: &State) -> Result<(), SessionError> {
        let path = self.folder.join(STATE);
        let text = serde_json::to_vec_pretty(state).map_err(|error| SessionError::Refused(error.to_string()))?;
        system.write_atomic(&path, &text).map_err(SessionError::at(&path))
    }

    fn read(&self, system: &dyn System) -> Result<Option<State>, SessionError> {
        let path = self.folder.join(STATE);
        let bytes = match system.read_small(&path, MAX_STATE) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SessionError::at(&path)(error)),
        };
        let state: State = serde_json::from_slice(&bytes).map_err(|error| SessionError::Refused(format!("{}: {error}", path.display())))?;
        match state.schema.as_str() {
            SCHEMA => Ok(Some(state)),
            other => Err(SessionError::Refused(format!("{}: written by another version of Temper ({other})", path.display()))),
        }
    }

    /// Hash of a tree; `None` when there is none.
    fn digest(&self, system: &dyn System, at: &Path) -> Result<Option<String>, SessionError> {
        match system.entry(at) {
            Ok(_) => tree::list(system, at, &|_| {}).map(|listing| Some(listing.digest())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SessionError::at(at)(error)),
        }
    }

    /// Puts the old app back where the new one is, and throws the folder away. May be called again after it was interrupted.
    pub(super) fn undo(&self, system: &dyn System) -> Result<Undone, SessionError> {
        let app = self.app();
        // Without a state nothing was begun, or everything was put back already.
        let Some(state) = self.read(system)? else {
            self.remove(system)?;
            return Ok(Undone { app, restored: false });
        };
        let now = self.digest(system, &app)?;
        let restored = match &now {
            Some(now) if *now == state.before => false,
            // Never put there, or thrown away since: before the fix there was nothing.
            None if state.copied && [GONE, GONE_TOO].iter().all(|part| system.entry(&self.folder.join(part)).is_err()) => false,
            Some(now) if *now == state.after => {
                let back = self.back(system, &state)?;
                self.exchange(system, &back, &app)?;
                true
            }
            // Between the two halves of an exchange on a file system that cannot do it in one moment.
            None => {
                let back = self.back(system, &state)?;
                system.change(Change::Move(&back, &app)).map_err(SessionError::at(&app))?;
                true
            }
            Some(_) => {
                return Err(SessionError::Refused(format!(
                    "{} has changed since Temper mended it, so it is left as it is. What it was before lies in {}",
                    app.display(),
                    self.back(system, &state)?.display()
                )));
            }
        };
        self.take_files_back(system, &state)?;
        self.remove(system)?;
        Ok(Undone { app, restored })
    }

    /// Where the old app lies.
    fn back(&self, system: &dyn System, state: &State) -> Result<PathBuf, SessionError> {
        for path in [self.old().join(&self.name), self.work().join(&self.name), self.folder.join(GONE)] {
            if self.digest(system, &path)?.as_ref() == Some(&state.before) {
                return Ok(path);
            }
        }
        Err(SessionError::Refused(format!("{}: the app as it was is not there any more", self.folder.display())))
    }

    /// `new` takes the place of `app`, and the app goes to where `new` was.
    pub(super) fn exchange(&self, system: &dyn System, new: &Path, app: &Path) -> Result<(), SessionError> {
        match system.change(Change::Exchange(new, app)) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            outcome => return outcome.map_err(SessionError::at(app)),
        }
        // After an exchange that was interrupted, the one that is put back may lie there already.
        let gone = self.folder.join(if new.ends_with(GONE) { GONE_TOO } else { GONE });
        system.change(Change::Move(app, &gone)).map_err(SessionError::at(app))?;
        if let Err(error) = system.change(Change::Move(new, app)) {
            // The way back from the half: what was there goes back.
            let _ = system.change(Change::Move(&gone, app));
            return Err(SessionError::at(app)(error));
        }
        system.change(Change::Move(&gone, new)).map_err(SessionError::at(new))
    }

    /// Entitlements files that were put beside the app go, unless somebody has changed them.
    fn take_files_back(&self, system: &dyn System, state: &State) -> Result<(), SessionError> {
        for name in &state.files {
            let (ours, theirs) = (self.work().join(name), self.place.join(name));
            let same = match (system.read_small(&ours, MAX_FILE), system.read_small(&theirs, MAX_FILE)) {
                (Ok(ours), Ok(theirs)) => ours == theirs,
                _ => false,
            };
            if same {
                system.change(Change::RemoveFile(&theirs)).map_err(SessionError::at(&theirs))?;
            }
        }
        Ok(())
    }

    /// Throws the folder away; the state goes last, so that an interrupted removal can be told from a fix.
    fn remove(&self, system: &dyn System) -> Result<(), SessionError> {
        for part in ["work", "old", GONE, GONE_TOO, STATE, NAME] {
            tree::remove(system, &self.folder.join(part))?;
        }
        tree::remove(system, &self.folder)
    }
}

/// What [`undo`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The app.
    pub app: PathBuf,
    /// It is what it was before, byte for byte; false when it had never been changed, so that only what was left of the fix was removed.
    pub restored: bool,
}

/// Takes the last fix back. `at` is the folder that holds the app, or the app. An error when there is none, or the app was changed since.
pub fn undo(system: &dyn System, at: &Path) -> Result<Undone, SessionError> {
    let (place, wanted) = place_of(system, at);
    let mut numbers = numbers(system, &place);
    numbers.sort_unstable();
    for number in numbers.into_iter().rev() {
        let folder = place.join(format!("{PREFIX}{number}"));
        let name = system.read_link(&folder.join(NAME)).ok().and_then(|name| name.file_name().map(OsStr::to_owned));
        let Some(name) = name else {
            // The name is written before anything else and removed last: there is nothing in it.
            tree::remove(system, &folder)?;
            continue;
        };
        if wanted.as_ref().is_none_or(|wanted| *wanted == name) {
            return Journal { place, name, folder }.undo(system);
        }
    }
    Err(SessionError::Refused(format!("{}: no fix of Temper's that could be undone", at.display())))
}

/// The folder to look in, and the app when one is named.
fn place_of(system: &dyn System, at: &Path) -> (PathBuf, Option<OsString>) {
    let real = system.canonical(at).ok();
    if let Some(place) = real.clone().filter(|folder| !numbers(system, folder).is_empty()) {
        return (place, None);
    }
    // An app that is not there at the moment has no real path, its folder has.
    let folder = at.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let named = || Some((system.canonical(folder?).ok()?, at.file_name()?.to_owned()));
    let by_itself = || Some((real.as_ref()?.parent()?.to_path_buf(), real.as_ref()?.file_name()?.to_owned()));
    match named().or_else(by_itself) {
        Some((place, name)) => (place, Some(name)),
        None => (at.to_path_buf(), None),
    }
}

fn numbers(system: &dyn System, place: &Path) -> Vec<u64> {
    let entries = system.list(place).unwrap_or_default();
    let folders = entries.iter().filter(|entry| entry.kind == EntryKind::Directory);
    folders.filter_map(|entry| entry.path.file_name()?.to_str()?.strip_prefix(PREFIX)?.parse().ok()).collect()
}
