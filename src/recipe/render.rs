//! Puts the values of a plan into the words of a recipe. Pure.

use super::placeholder::{List, Piece, Placeholder, all_in, pieces};
use super::project::{Project, beside, configured};
use super::{Language, Purpose, Recipe, Text};
use crate::evidence::{Evidence, TargetKind};
use crate::fix::plan::{FileEdit, Plan};
use crate::fix::sign::{Identity, object_of, quote};
use crate::report::{Diagnosis, Remedy};
use crate::scenario;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One of a list: the placeholders it has a value for.
type Row = BTreeMap<Placeholder, String>;

/// A remedy, and the plan for it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// Facts.
    pub evidence: &'a Evidence,
    /// Diagnosis.
    pub diagnosis: &'a Diagnosis,
    /// Remedy.
    pub remedy: &'a Remedy,
    /// Its plan.
    pub plan: &'a Plan,
}

impl<'a> Case<'a> {
    /// It is the target's main executable. Without a target the remedy's first executable is taken for it.
    fn is_main(&self, executable: &Path) -> bool {
        match &self.evidence.target.executable {
            Some(main) => main == executable,
            None => true,
        }
    }

    /// The edit of the main executable's entitlements.
    pub(super) fn main_edit(&self) -> Option<&'a FileEdit> {
        self.plan.edits.iter().find(|edit| self.is_main(&edit.executable))
    }

    /// The edits of other executables' entitlements.
    pub(super) fn helper_edits(&self) -> impl Iterator<Item = &'a FileEdit> {
        let case = *self;
        self.plan.edits.iter().filter(move |edit| !case.is_main(&edit.executable))
    }

    /// What the remedy is about, in the order it is shown.
    pub(super) fn purposes(&self) -> Vec<Purpose> {
        let adds = !self.remedy.add_entitlements.is_empty();
        let described = scenario::by_id(&self.diagnosis.scenario).and_then(|scenario| scenario.remedy_titled(&self.remedy.title));
        let is = |purpose: &Purpose| match purpose {
            Purpose::Entitlements => adds && self.main_edit().is_some(),
            Purpose::HelperEntitlements => adds && self.helper_edits().next().is_some(),
            Purpose::UsageString => !self.plan.info_plist.is_empty(),
            Purpose::RemoveEntitlement => !self.remedy.remove_entitlements.is_empty() && !self.plan.edits.is_empty(),
            Purpose::HardenedRuntime => described.is_some_and(|described| described.signing.runtime == Some(true)),
            Purpose::ResignLibrary => !self.libraries().is_empty(),
        };
        Purpose::ALL.into_iter().filter(is).collect()
    }

    /// Objects without a program of their own that are signed for their own sake.
    fn libraries(&self) -> Vec<&'a Path> {
        let signs_for_itself = |why: &str| !matches!(why, "its entitlements change" | "holds a changed object");
        let steps = self.plan.sign.iter().filter(|step| !step.object.as_os_str().is_empty() && signs_for_itself(&step.why));
        let is_library = |object: &&Path| {
            let bundle = self.evidence.bundles.iter().find(|bundle| bundle.path == *object);
            let file = bundle.and_then(|bundle| bundle.executable.as_deref()).unwrap_or(object);
            let mut images = self.evidence.images_at(file).peekable();
            images.peek().is_some() && images.all(|image| !image.is_executable())
        };
        steps.map(|step| step.object.as_path()).filter(is_library).collect()
    }
}

/// All values of a case in the words of a recipe.
#[derive(Debug, Clone)]
pub(super) struct Values {
    single: Row,
    lists: BTreeMap<List, Vec<Row>>,
}

impl Values {
    pub(super) fn new(recipe: &Recipe, case: &Case<'_>, project: Option<&Project>) -> Self {
        let mut values = Self { single: single(case), lists: BTreeMap::new() };
        let main_file = file(recipe, project, Purpose::Entitlements, &values.single);
        let helpers: Vec<Row> = case.helper_edits().map(|edit| helper(case.evidence, &edit.executable)).collect();
        let helpers: Vec<Row> = helpers.into_iter().map(|row| with_file(recipe, project, row, &values.single)).collect();
        let helper_file = helpers.first().and_then(|row| row.get(&Placeholder::HelperEntitlementsFile)).cloned();
        let edited = if case.main_edit().is_some() { Some(main_file.clone()) } else { helper_file };
        values.single.insert(Placeholder::EditedEntitlementsFile, edited.unwrap_or_else(|| main_file.clone()));
        values.single.insert(Placeholder::EntitlementsFile, main_file);
        values.lists = lists(recipe, case, helpers);
        values
    }

    fn rows(&self, list: List) -> &[Row] {
        self.lists.get(&list).map(Vec::as_slice).unwrap_or_default()
    }

    /// The values with one helper as the only one.
    fn with_helper(&self, row: &Row) -> Self {
        let mut values = self.clone();
        values.single.extend(row.clone());
        values.lists.insert(List::Helpers, vec![row.clone()]);
        values
    }

    /// The texts of all helpers that differ, or the one text.
    pub(super) fn texts(&self, text: &Text) -> Vec<(String, Option<String>, String)> {
        let one = |values: &Self| {
            let plain = |words: &str| values.line(words, None, None, "");
            (plain(&text.title), text.file.as_deref().map(plain), values.lines(&text.text, text.language))
        };
        if !text.each {
            return vec![one(self)].into_iter().filter(|(_, _, text)| !text.is_empty()).collect();
        }
        let mut all: Vec<(String, Option<String>, String)> = Vec::new();
        for row in self.rows(List::Helpers) {
            let rendered = one(&self.with_helper(row));
            if !all.contains(&rendered) && !rendered.2.is_empty() {
                all.push(rendered);
            }
        }
        all
    }

    /// Every line, repeated for each of its list. A line that differs in nothing is not repeated.
    fn lines(&self, text: &str, language: Language) -> String {
        let mut lines: Vec<String> = Vec::new();
        for line in text.lines() {
            let used = all_in(line);
            let list = used.iter().find_map(|placeholder| placeholder.list()).filter(|_| !line.is_empty());
            let Some(list) = list else {
                lines.push(self.line(line, None, Some(language), ""));
                continue;
            };
            let wanted = || used.iter().filter(|placeholder| placeholder.list() == Some(list));
            let rows: Vec<&Row> = self.rows(list).iter().filter(|row| wanted().all(|placeholder| row.contains_key(placeholder))).collect();
            let mut repeated: Vec<String> = Vec::new();
            for (number, row) in rows.iter().enumerate() {
                let comma = if number + 1 < rows.len() { "," } else { "" };
                let line = self.line(line, Some(row), Some(language), comma);
                if !repeated.contains(&line) {
                    repeated.push(line);
                }
            }
            lines.append(&mut repeated);
        }
        lines.join("\n")
    }

    fn line(&self, line: &str, row: Option<&Row>, language: Option<Language>, comma: &str) -> String {
        let mut out = String::new();
        for piece in pieces(line).unwrap_or_default() {
            match piece {
                Piece::Words(words) => out.push_str(words),
                Piece::Value(Placeholder::Comma) => out.push_str(comma),
                Piece::Value(placeholder) => {
                    let value = row.and_then(|row| row.get(&placeholder)).or_else(|| self.single.get(&placeholder));
                    out.push_str(&written(value.map_or("", String::as_str), language));
                }
            }
        }
        out
    }

    /// The value of an edit for each of its list: (place, value). Places and values hold no more than one list.
    pub(super) fn settings(&self, at: &[String], value: &serde_json::Value) -> Vec<(Vec<String>, serde_json::Value)> {
        let words: Vec<&str> = at.iter().map(String::as_str).chain(value.as_str()).collect();
        let list = words.iter().flat_map(|words| all_in(words)).find_map(Placeholder::list);
        let set = |row: Option<&Row>| {
            let place = at.iter().map(|key| self.line(key, row, None, "")).collect();
            let value = match value.as_str() {
                Some(words) => serde_json::Value::String(self.line(words, row, None, "")),
                None => value.clone(),
            };
            (place, value)
        };
        match list {
            None => vec![set(None)],
            Some(list) => self.rows(list).iter().map(|row| set(Some(row))).collect(),
        }
    }
}

/// A value as the language writes it; plain without one. Control characters, line breaks too, become blanks: a name must not end a line of the user's file.
fn written(value: &str, language: Option<Language>) -> String {
    let value: String = value.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    let escaped = |special: &[char]| {
        let mut out = String::with_capacity(value.len());
        for character in value.chars() {
            if special.contains(&character) {
                out.push('\\');
            }
            out.push(character);
        }
        out
    };
    match language {
        None | Some(Language::Text | Language::Xcconfig) => value,
        Some(Language::Plist | Language::Xml) => {
            value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
        }
        Some(Language::Yaml) => super::edit::yaml_scalar(&value),
        Some(Language::Json | Language::Javascript | Language::Toml | Language::Ini) => escaped(&['\\', '"']),
        Some(Language::Python) => escaped(&['\\', '\'']),
        Some(Language::Ruby) => escaped(&['\\', '"', '#']),
        Some(Language::Cmake) => escaped(&['\\', '"', '$']),
        Some(Language::Shell) => quote(&value),
    }
}

fn single(case: &Case<'_>) -> Row {
    let evidence = case.evidence;
    let name_of = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let main = evidence.target.executable.clone().or_else(|| case.plan.edits.first().map(|edit| edit.executable.clone()));
    let main = main.map(|path| name_of(&path)).filter(|name| !name.is_empty()).unwrap_or_else(|| "MyApp".into());
    let app = match evidence.target.kind {
        TargetKind::None => format!("{main}.app"),
        TargetKind::MachO => main.clone(),
        _ => evidence.target.name(),
    };
    let app_name = app.strip_suffix(".app").unwrap_or(&app).to_owned();
    let identity = Identity::of(evidence, false).name;
    BTreeMap::from([
        (Placeholder::App, app),
        (Placeholder::AppName, app_name),
        (Placeholder::ExecutableName, main),
        (Placeholder::Identity, identity),
    ])
}

fn helper(evidence: &Evidence, executable: &Path) -> Row {
    let name = executable.file_name().unwrap_or(executable.as_os_str()).to_string_lossy().into_owned();
    let object = object_of(evidence, executable).to_string_lossy().into_owned();
    BTreeMap::from([(Placeholder::HelperName, name), (Placeholder::HelperObject, object)])
}

fn with_file(recipe: &Recipe, project: Option<&Project>, row: Row, single: &Row) -> Row {
    let mut known = single.clone();
    known.extend(row.clone());
    let file = file(recipe, project, Purpose::HelperEntitlements, &known);
    let mut row = row;
    row.insert(Placeholder::HelperEntitlementsFile, file);
    row
}

/// The entitlements file as the configuration names it: what it says now, else the usual one.
fn file(recipe: &Recipe, project: Option<&Project>, purpose: Purpose, known: &Row) -> String {
    let said = project.and_then(|project| {
        let (config, rule, named) = configured(recipe, project, purpose)?;
        named?;
        super::edit::get(rule.format, project.text(config)?, &rule.at)?.as_str().map(str::to_owned)
    });
    said.unwrap_or_else(|| usual_file(recipe, purpose, known))
}

fn usual_file(recipe: &Recipe, purpose: Purpose, known: &Row) -> String {
    let pattern = if purpose == Purpose::Entitlements { &recipe.entitlements.main } else { &recipe.entitlements.helper };
    let values = Values { single: known.clone(), lists: BTreeMap::new() };
    values.line(pattern, None, None, "").trim_start_matches('/').to_owned()
}

/// Where an entitlements file lies in the project.
pub(super) fn place_of(config: &str, file: &str) -> Option<PathBuf> {
    beside(config, file).map(PathBuf::from)
}

fn lists(recipe: &Recipe, case: &Case<'_>, helpers: Vec<Row>) -> BTreeMap<List, Vec<Row>> {
    let named = |key: &str, own: Placeholder, name: Placeholder, unnamed: Option<Placeholder>| {
        let mut row = BTreeMap::from([(own, key.to_owned())]);
        match (recipe.names.get(key), unnamed) {
            (Some(known), _) => drop(row.insert(name, known.clone())),
            (None, Some(unnamed)) => drop(row.insert(unnamed, key.to_owned())),
            (None, None) => {}
        }
        row
    };
    let added = case.remedy.add_entitlements.iter();
    let added = added.map(|key| named(key, Placeholder::AddedKey, Placeholder::AddedName, Some(Placeholder::UnnamedKey))).collect();
    let removed = case.remedy.remove_entitlements.iter();
    let removed = removed.map(|key| named(key, Placeholder::RemovedKey, Placeholder::RemovedName, None)).collect();
    let usage = case.plan.info_plist.iter().map(|(_, key, text)| {
        let mut row = named(key, Placeholder::UsageKey, Placeholder::UsageName, Some(Placeholder::UnnamedUsageKey));
        row.insert(Placeholder::UsageText, text.clone());
        row
    });
    let usage = usage.collect();
    let library = |path: &Path| {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        BTreeMap::from([(Placeholder::Library, path.to_string_lossy().into_owned()), (Placeholder::LibraryName, name)])
    };
    let libraries = case.libraries().into_iter().map(library).collect();
    BTreeMap::from([
        (List::Added, added),
        (List::Removed, removed),
        (List::Usage, usage),
        (List::Helpers, helpers),
        (List::Libraries, libraries),
    ])
}
