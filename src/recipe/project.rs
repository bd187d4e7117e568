//! A project folder: names, and the few small files that recipes name. The only part of this module that touches the disk.

use super::edit;
use super::{Purpose, Recipe, pattern};
use crate::evidence::{Evidence, Gap, TargetKind};
use crate::system::{EntryKind, System};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};

/// Folders that are looked at above the app.
const FOLDERS_UP: usize = 6;
/// Entries of a folder that count.
const MOST_ENTRIES: usize = 5_000;
/// A configuration file larger than this is not read (bytes).
const LARGEST_FILE: usize = 256 << 10;
/// Files that are read.
const MOST_FILES: usize = 64;

/// What is known of a project folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Project {
    /// The folder.
    pub folder: PathBuf,
    /// The user named it; else it was found around the app.
    pub given: bool,
    /// Names in it, and in the folders that recipes look into (`src-tauri/tauri.conf.json`).
    names: BTreeSet<String>,
    /// Texts of the files that recipes read.
    texts: BTreeMap<String, String>,
}

impl Project {
    /// A project from texts alone: for tests and for what is not on a disk.
    pub fn of(folder: &Path, given: bool, files: &[(&str, &str)]) -> Self {
        let names = files.iter().map(|(name, _)| (*name).to_owned()).collect();
        let texts = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Self { folder: folder.to_owned(), given, names, texts }
    }

    /// The first name that matches a pattern.
    pub fn matching(&self, pattern: &str) -> Option<&str> {
        if !pattern.contains('*') {
            return self.names.get(pattern).map(String::as_str);
        }
        self.names.iter().map(String::as_str).find(|name| pattern::matches(pattern, name))
    }

    /// There is a file or folder of that name.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The text of a file; `None` when it was not read.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    fn read(&mut self, system: &dyn System, name: &str) {
        if self.texts.len() >= MOST_FILES || self.texts.contains_key(name) {
            return;
        }
        let path = self.folder.join(name);
        if system.entry(&path).is_err() {
            return;
        }
        // A file that is there and cannot be read (a link, too large, no text) must not be taken for one that is to be made.
        self.names.insert(name.to_owned());
        let bytes = system.read_small(&path, LARGEST_FILE);
        if let Some(text) = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
            self.texts.insert(name.to_owned(), text);
        }
    }
}

/// The project of the app: the folder that was named, or the one around the app. A folder that was named and cannot be read becomes a gap.
pub fn of(system: &dyn System, named: Option<&Path>, evidence: &mut Evidence) -> Option<Project> {
    let Some(folder) = named else {
        let has_target = evidence.target.kind != TargetKind::None;
        return find(system, Some(&evidence.target.path).filter(|_| has_target)?);
    };
    match open(system, folder) {
        Ok(project) => Some(project),
        Err(error) => {
            let gap = Gap { path: folder.to_owned(), why: format!("the project folder cannot be read: {error}") };
            evidence.gaps.push(gap);
            evidence.gaps.sort();
            evidence.gaps.dedup();
            None
        }
    }
}

/// The project that the user named. An error when the folder cannot be listed.
pub fn open(system: &dyn System, folder: &Path) -> io::Result<Project> {
    let folder = system.canonical(folder)?;
    look(system, &folder, true)
}

/// The nearest folder around the app that a recipe recognises: at most six folders up, never the user's home or the root, nor above them.
pub fn find(system: &dyn System, app: &Path) -> Option<Project> {
    let app = system.canonical(app).ok()?;
    let home = system.variable("HOME").and_then(|home| system.canonical(Path::new(&home)).ok());
    let folders = app.ancestors().skip(1).take(FOLDERS_UP);
    for folder in folders.take_while(|folder| folder.parent().is_some() && Some(*folder) != home.as_deref()) {
        let project = look(system, folder, false).ok();
        if let Some(project) = project.filter(|project| super::all().iter().any(|recipe| sign(recipe, project).is_some())) {
            return Some(project);
        }
    }
    None
}

/// What in the project shows the recipe: the name, and the text in it.
pub(super) fn sign<'a>(recipe: &'a Recipe, project: &'a Project) -> Option<(&'a str, Option<&'a str>)> {
    recipe.project.iter().find_map(|sign| {
        let names = project.names.iter().map(String::as_str).filter(|name| pattern::matches(&sign.file, name));
        names.into_iter().find_map(|name| {
            if sign.contains.is_empty() {
                return Some((name, None));
            }
            let text = project.text(name)?;
            sign.contains.iter().find(|wanted| text.contains(wanted.as_str())).map(|wanted| (name, Some(wanted.as_str())))
        })
    })
}

fn look(system: &dyn System, folder: &Path, given: bool) -> io::Result<Project> {
    let mut project = Project { folder: folder.to_owned(), given, ..Project::default() };
    let mut folders = BTreeSet::new();
    for entry in system.list(folder)?.into_iter().take(MOST_ENTRIES) {
        if let Some(name) = entry.path.file_name().and_then(|name| name.to_str()) {
            project.names.insert(name.to_owned());
            if entry.kind == EntryKind::Directory {
                folders.insert(name.to_owned());
            }
        }
    }
    let inside: BTreeSet<&str> = patterns().filter_map(|pattern| pattern.split_once('/')).map(|(folder, _)| folder).collect();
    for name in inside.into_iter().filter(|name| folders.contains(*name)) {
        let entries = system.list(&folder.join(name)).unwrap_or_default();
        let names = entries.into_iter().take(MOST_ENTRIES).filter_map(|entry| Some(entry.path.file_name()?.to_str()?.to_owned()));
        project.names.extend(names.map(|file| format!("{name}/{file}")));
    }
    read_signs(system, &mut project);
    read_configurations(system, &mut project);
    Ok(project)
}

/// Patterns of every file that a recipe names in a project.
fn patterns() -> impl Iterator<Item = &'static str> {
    super::all().iter().flat_map(|recipe| {
        let signs = recipe.project.iter().map(|sign| sign.file.as_str());
        let edits = recipe.edits.iter().flat_map(|rule| rule.file.iter().map(String::as_str));
        signs.chain(edits).chain([recipe.entitlements.main.as_str(), recipe.entitlements.helper.as_str()])
    })
}

/// Files in which a recipe wants to see a text.
fn read_signs(system: &dyn System, project: &mut Project) {
    let wanted = super::all().iter().flat_map(|recipe| &recipe.project).filter(|sign| !sign.contains.is_empty());
    for pattern in wanted.map(|sign| sign.file.as_str()) {
        let names: Vec<String> = project.names.iter().filter(|name| pattern::matches(pattern, name)).cloned().collect();
        names.iter().for_each(|name| project.read(system, name));
    }
}

/// Files that the recognised recipes edit, and the entitlements files that those name.
fn read_configurations(system: &dyn System, project: &mut Project) {
    let recognised: Vec<&Recipe> = super::all().iter().filter(|recipe| sign(recipe, project).is_some()).collect();
    for rule in recognised.iter().flat_map(|recipe| &recipe.edits) {
        for name in &rule.file {
            if project.has(name) {
                project.read(system, name);
            }
        }
    }
    for recipe in recognised {
        for purpose in [Purpose::Entitlements, Purpose::HelperEntitlements] {
            let named = configured(recipe, project, purpose).and_then(|(_, _, named)| named);
            let usual = configured(recipe, project, purpose).and_then(|(config, _, _)| {
                let usual = if purpose == Purpose::Entitlements { &recipe.entitlements.main } else { &recipe.entitlements.helper };
                beside(config, usual)
            });
            for name in [named, usual].into_iter().flatten() {
                project.read(system, &name);
            }
        }
    }
}

/// The configuration file that says where the entitlements are, its rule, and the file it names (relative to the project).
/// The name is `None` when nothing is said; the whole is `None` when no plain file could say it.
pub(super) fn configured<'a>(
    recipe: &'a Recipe,
    project: &Project,
    purpose: Purpose,
) -> Option<(&'a str, &'a super::EditRule, Option<String>)> {
    let rules = recipe.edits.iter().filter(|rule| rule.purpose == purpose && rule.value.is_string());
    rules.into_iter().find_map(|rule| {
        let config = rule.file.iter().find(|name| project.text(name).is_some())?;
        let text = project.text(config)?;
        if !rule.needs.is_empty() {
            edit::get(rule.format, text, &rule.needs)?;
        }
        let named = edit::get(rule.format, text, &rule.at);
        match named {
            None => Some((config.as_str(), rule, None)),
            // A name that leads out of the project, or that is no name, is left to its owner.
            Some(named) => named.as_str().and_then(|named| beside(config, named)).map(|named| (config.as_str(), rule, Some(named))),
        }
    })
}

/// A name that a configuration file gives, relative to the project; `None` when it leads out of it.
pub(super) fn beside(config: &str, named: &str) -> Option<String> {
    let folder = Path::new(config).parent().unwrap_or(Path::new(""));
    let mut parts: Vec<&str> = Vec::new();
    let path = folder.join(named);
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}
