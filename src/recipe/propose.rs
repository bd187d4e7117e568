//! Edits of a project's plain files that say what a remedy wants. Pure: each carries its text before and after, so that it can be written and taken back.

use super::edit::{self, Refused};
use super::project::{Project, configured};
use super::render::{Case, Values, place_of};
use super::{Purpose, Recipe};
use crate::fix::edit::{Edits, edit as edit_entitlements, unified_diff};
use crate::fix::plan::FileEdit;
use std::path::{Path, PathBuf};

/// An edit of a project's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// File, before, after, difference: as [`crate::fix::apply::write`] takes it. The path is that of the project joined with the file's.
    pub edit: FileEdit,
    /// The file, relative to the project.
    pub file: PathBuf,
}

/// The edits of one recipe for one remedy: one for each file. What cannot be edited safely is left out: the texts say it.
pub fn proposals(recipe: &Recipe, case: &Case<'_>, project: &Project) -> Vec<Proposal> {
    let values = Values::new(recipe, case, Some(project));
    let mut draft = Draft { project, files: Vec::new() };
    let purposes = case.purposes();
    if let Some(edit) = case.main_edit() {
        draft.entitlements(recipe, case, &values, Purpose::Entitlements, &[edit]);
    }
    let helpers: Vec<&FileEdit> = case.helper_edits().collect();
    if !helpers.is_empty() {
        draft.entitlements(recipe, case, &values, Purpose::HelperEntitlements, &helpers);
    }
    for purpose in purposes {
        draft.settings(recipe, &values, purpose);
    }
    draft.finish()
}

/// A file that is being changed.
struct Change {
    file: PathBuf,
    executable: PathBuf,
    before: Option<String>,
    after: String,
    warnings: Vec<String>,
}

/// The files of a project as they will be.
struct Draft<'a> {
    project: &'a Project,
    files: Vec<Change>,
}

impl Draft<'_> {
    /// The text as it is by now; `None` when there is no such file.
    fn text(&self, file: &Path) -> Option<String> {
        let changed = self.files.iter().find(|change| change.file == file).map(|change| change.after.clone());
        changed.or_else(|| self.project.text(&file.to_string_lossy()).map(str::to_owned))
    }

    fn put(&mut self, file: &Path, executable: &Path, after: String, warnings: Vec<String>) {
        match self.files.iter_mut().find(|change| change.file == file) {
            Some(change) => {
                change.after = after;
                change.warnings.extend(warnings);
            }
            None => {
                let before = self.project.text(&file.to_string_lossy()).map(str::to_owned);
                self.files.push(Change { file: file.into(), executable: executable.into(), before, after, warnings });
            }
        }
    }

    /// The entitlements file, and the setting that names it. Only where a plain file says which it is.
    fn entitlements(&mut self, recipe: &Recipe, case: &Case<'_>, values: &Values, purpose: Purpose, edits: &[&FileEdit]) {
        let Some((config, rule, named)) = configured(recipe, self.project, purpose) else { return };
        let settings = values.settings(&rule.at, &rule.value);
        let wanted = Edits { add: case.remedy.add_entitlements.clone(), remove: case.remedy.remove_entitlements.clone() };
        for (number, (at, value)) in settings.iter().enumerate() {
            let Some(edit) = edits.get(number).or(edits.first()) else { continue };
            let Some(file) = value.as_str().and_then(|file| place_of(config, file)) else { continue };
            let after = match self.text(&file) {
                Some(text) => edit_entitlements(&text, &wanted).ok().map(|edited| edited.text),
                // A file that is there and was not read must not be taken for a new one.
                None if self.project.has(&file.to_string_lossy()) => None,
                None => Some(edit.after.clone()),
            };
            let Some(after) = after else { continue };
            // One setting has room for one file: a second helper's file would take the first one's place.
            if named.is_none() && !recipe.entitlements.automatic && number == 0 {
                let set = self.text(Path::new(config)).map(|text| edit::set(rule.format, &text, at, value));
                match set {
                    Some(Ok(text)) => self.put(Path::new(config), &edit.executable, text, Vec::new()),
                    _ => continue,
                }
            }
            self.put(&file, &edit.executable, after, edit.warnings.clone());
        }
    }

    /// Values in configuration files. The rule for entitlements that names a file is not one of them.
    fn settings(&mut self, recipe: &Recipe, values: &Values, purpose: Purpose) {
        let names_a_file =
            |rule: &super::EditRule| matches!(purpose, Purpose::Entitlements | Purpose::HelperEntitlements) && rule.value.is_string();
        for rule in recipe.edits.iter().filter(|rule| rule.purpose == purpose && !names_a_file(rule)) {
            let Some(file) = self.file_of(rule) else { continue };
            let mut text = self.text(Path::new(&file)).unwrap_or_else(|| edit::empty(rule.format).to_owned());
            if !rule.needs.is_empty() && edit::get(rule.format, &text, &rule.needs).is_none() {
                continue;
            }
            let set = |text: String, (at, value): (Vec<String>, serde_json::Value)| -> Result<String, Refused> {
                edit::set(rule.format, &text, &at, &value)
            };
            match values.settings(&rule.at, &rule.value).into_iter().try_fold(std::mem::take(&mut text), set) {
                Ok(after) => {
                    let warnings = if purpose == Purpose::UsageString { vec![SAY_WHAT_FOR.to_owned()] } else { Vec::new() };
                    self.put(Path::new(&file), Path::new(""), after, warnings);
                    return;
                }
                Err(_) => continue,
            }
        }
    }

    /// The first file of the rule that is there, or that may be made beside one that is.
    fn file_of(&self, rule: &super::EditRule) -> Option<String> {
        if rule.beside.is_empty() {
            return rule.file.iter().find(|file| self.text(Path::new(file)).is_some()).cloned();
        }
        let beside = rule.file.iter().zip(&rule.beside).find(|(_, beside)| self.project.has(beside)).map(|(file, _)| file)?;
        let unread = self.project.has(beside) && self.text(Path::new(beside)).is_none();
        (!unread).then(|| beside.clone())
    }

    fn finish(self) -> Vec<Proposal> {
        let folder = &self.project.folder;
        let changed = self.files.into_iter().filter(|change| change.before.as_deref() != Some(change.after.as_str()));
        changed
            .map(|change| {
                let file = folder.join(&change.file);
                let name = change.file.display().to_string();
                let before = change.before.clone().unwrap_or_default();
                let diff = unified_diff(&before, &change.after, &name);
                // `fix::apply::write` takes a file for one that must exist exactly when it stands in `from`.
                let from = if change.before.is_some() { file.display().to_string() } else { "a new file".into() };
                let edit =
                    FileEdit { executable: change.executable, file, before, after: change.after, diff, from, warnings: change.warnings };
                Proposal { edit, file: change.file }
            })
            .collect()
    }
}

/// Said of every usage string.
const SAY_WHAT_FOR: &str = "the user reads the usage string: say in it what the app does with what it gets";
