//! Build systems, in words: `recipes/*.toml`, embedded and checked. How each is recognised, and how it says a fix in its own configuration.
//!
//! The words stand in those files. Here is what reads them ([`Recipe`]), what recognises ([`recognise()`]), what puts a plan's values into the words
//! (`render`), and what edits plain configuration files ([`edit`]). Only [`project`] touches the disk, through [`crate::system::System`].

pub mod edit;
mod fill;
mod pattern;
mod placeholder;
pub mod project;
mod propose;
pub mod recognise;
mod render;

pub use fill::{fill, proposals_for};
pub use placeholder::{List, Placeholder};
pub use project::Project;
pub use propose::{Proposal, proposals};
pub use recognise::{Recognised, recognise};
pub use render::Case;

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Recipe files: (file stem, text), the more special before the more general. A new file is one line here.
const FILES: [(&str, &str); 17] = [
    ("electron-builder", include_str!("../recipes/electron-builder.toml")),
    ("electron-forge", include_str!("../recipes/electron-forge.toml")),
    ("electron", include_str!("../recipes/electron.toml")),
    ("tauri", include_str!("../recipes/tauri.toml")),
    ("pyinstaller", include_str!("../recipes/pyinstaller.toml")),
    ("briefcase", include_str!("../recipes/briefcase.toml")),
    ("jpackage", include_str!("../recipes/jpackage.toml")),
    ("godot", include_str!("../recipes/godot.toml")),
    ("unity", include_str!("../recipes/unity.toml")),
    ("dotnet-macos", include_str!("../recipes/dotnet-macos.toml")),
    ("dotnet", include_str!("../recipes/dotnet.toml")),
    ("goreleaser", include_str!("../recipes/goreleaser.toml")),
    ("qt", include_str!("../recipes/qt.toml")),
    ("cmake", include_str!("../recipes/cmake.toml")),
    ("fastlane", include_str!("../recipes/fastlane.toml")),
    ("xcconfig", include_str!("../recipes/xcconfig.toml")),
    ("xcode", include_str!("../recipes/xcode.toml")),
];

/// What a text or an edit is for. A closed set: an unknown name in a recipe is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Entitlements added to the main executable.
    Entitlements,
    /// Entitlements added to another executable.
    HelperEntitlements,
    /// A usage string in Info.plist.
    UsageString,
    /// The runtime flag switched on.
    HardenedRuntime,
    /// Entitlements taken out.
    RemoveEntitlement,
    /// Libraries signed again.
    ResignLibrary,
}

impl Purpose {
    /// All, in the order they are shown.
    pub const ALL: [Purpose; 6] = [
        Purpose::Entitlements,
        Purpose::HelperEntitlements,
        Purpose::UsageString,
        Purpose::RemoveEntitlement,
        Purpose::HardenedRuntime,
        Purpose::ResignLibrary,
    ];
}

/// Language of a text, for its colours and for how a value is written in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // The names say it.
pub enum Language {
    Plist,
    Xml,
    Xcconfig,
    Yaml,
    Json,
    Javascript,
    Python,
    Toml,
    Shell,
    Cmake,
    Ruby,
    Ini,
    Text,
}

impl Language {
    /// The word of the JSON report.
    pub fn word(self) -> &'static str {
        match self {
            Language::Plist => "plist",
            Language::Xml => "xml",
            Language::Xcconfig => "xcconfig",
            Language::Yaml => "yaml",
            Language::Json => "json",
            Language::Javascript => "javascript",
            Language::Python => "python",
            Language::Toml => "toml",
            Language::Shell => "shell",
            Language::Cmake => "cmake",
            Language::Ruby => "ruby",
            Language::Ini => "ini",
            Language::Text => "text",
        }
    }
}

/// One build system.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// File stem.
    #[serde(skip)]
    pub id: String,
    /// Name for people.
    pub name: String,
    /// What shows it in a bundle or folder that was built: any one.
    #[serde(default)]
    pub bundle: Vec<BundleSign>,
    /// What shows it in a project folder: any one.
    #[serde(default)]
    pub project: Vec<ProjectSign>,
    /// Recipes that say more about the same thing: with one of them this one is left out.
    #[serde(default)]
    pub yields_to: Vec<String>,
    /// It makes the whole app, with a runtime of its own: where an app shows that, a folder around it that shows another system says nothing about it.
    #[serde(default)]
    pub whole: bool,
    /// Only when nothing else is recognised.
    #[serde(default)]
    pub last_resort: bool,
    /// What an app made by it always has (any one pattern): a project folder that merely lies around the app counts only when it is there.
    #[serde(default)]
    pub shows_in_bundle: Vec<String>,
    /// Where the entitlements stand.
    pub entitlements: EntitlementsFiles,
    /// Names that this build system has for entitlements and usage keys.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
    /// Where its maker says so: page titles or source files.
    pub sources: Vec<String>,
    /// What to paste.
    #[serde(rename = "text")]
    pub texts: Vec<Text>,
    /// Plain files that Temper can edit.
    #[serde(default, rename = "edit")]
    pub edits: Vec<EditRule>,
}

/// What shows a build system in what it built. All of it must hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleSign {
    /// Patterns of files, relative to the target: `*` within a name, `**` any folders, `{main}` the main executable's name. Each must match a file.
    #[serde(default)]
    pub all: Vec<String>,
    /// A key of the target's Info.plist.
    #[serde(default)]
    pub info_key: Option<String>,
}

/// What shows a build system in a project folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectSign {
    /// Pattern of a file or folder, at most one folder deep; `*` within the last name.
    pub file: String,
    /// Texts of which one must be in it; empty: its name is enough.
    #[serde(default)]
    pub contains: Vec<String>,
}

/// Entitlements files of a project, relative to the folder of its configuration. Placeholders stand for names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntitlementsFiles {
    /// Of the main executable.
    pub main: String,
    /// Of other executables.
    pub helper: String,
    /// The build system takes a file of that name by itself.
    #[serde(default)]
    pub automatic: bool,
}

/// A text to paste.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// What it is for.
    #[serde(rename = "for")]
    pub purpose: Purpose,
    /// Once for each helper, when there are several and it differs; else a line is repeated.
    #[serde(default)]
    pub each: bool,
    /// Where it goes, or what to know.
    pub title: String,
    /// File it goes into, when its name is known.
    #[serde(default)]
    pub file: Option<String>,
    /// Language.
    pub language: Language,
    /// The text; a line with a placeholder of a list is repeated for each of it, and left out when there is none.
    pub text: String,
}

/// A plain file that can be edited.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditRule {
    /// What it is for.
    #[serde(rename = "for")]
    pub purpose: Purpose,
    /// Names of the file: the first that the project has.
    pub file: Vec<String>,
    /// Files beside which it lies, one for each name: then it may be made anew.
    #[serde(default)]
    pub beside: Vec<String>,
    /// A place that must be there.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Format.
    pub format: edit::Format,
    /// Place: keys from the root; `*` is the only key there is, `0` the only item of a list.
    pub at: Vec<String>,
    /// New value; a string may hold placeholders.
    pub value: serde_json::Value,
}

/// All recipes, embedded, in order.
pub fn all() -> &'static [Recipe] {
    static ALL: LazyLock<Vec<Recipe>> = LazyLock::new(|| {
        FILES.iter().map(|(id, text)| parse(id, text).expect("the embedded recipes parse: a test reads every one of them")).collect()
    });
    &ALL
}

/// Parses one file; an error names the file and what is wrong.
pub fn parse(id: &str, text: &str) -> Result<Recipe, String> {
    let mut recipe: Recipe = toml::from_str(text).map_err(|error| format!("{id}.toml: {}", error.to_string().trim_end()))?;
    recipe.id = id.to_owned();
    check(&recipe).map_err(|what| format!("{id}.toml: {what}"))?;
    Ok(recipe)
}

/// The rules every recipe keeps.
fn check(recipe: &Recipe) -> Result<(), String> {
    if recipe.bundle.is_empty() && recipe.project.is_empty() {
        return Err("nothing says how it is recognised".into());
    }
    if recipe.bundle.iter().any(|sign| sign.all.is_empty() && sign.info_key.is_none()) {
        return Err("a sign in the bundle that is always there".into());
    }
    if recipe.project.iter().any(|sign| sign.file.split('/').count() > 2) {
        return Err("a project file that lies deeper than one folder".into());
    }
    if recipe.sources.is_empty() {
        return Err("no source".into());
    }
    for purpose in Purpose::ALL {
        if !recipe.texts.iter().any(|text| text.purpose == purpose) {
            return Err(format!("no text for {purpose:?}"));
        }
    }
    let files = [&recipe.entitlements.main, &recipe.entitlements.helper];
    files.into_iter().try_for_each(|file| placeholder::check(file, true))?;
    for text in &recipe.texts {
        text.text.lines().try_for_each(|line| placeholder::check(line, text.each))?;
        let words = [Some(&text.title), text.file.as_ref()];
        words.into_iter().flatten().try_for_each(|words| placeholder::check(words, text.each))?;
        if words_have_list(text) {
            return Err(format!("`{}`: a list in the title or the file", text.title));
        }
    }
    for rule in &recipe.edits {
        rule.at.iter().try_for_each(|key| placeholder::check(key, true))?;
        rule.value.as_str().map_or(Ok(()), |value| placeholder::check(value, true))?;
        if rule.at.is_empty() || rule.file.is_empty() || !(rule.beside.is_empty() || rule.beside.len() == rule.file.len()) {
            return Err(format!("an edit of {:?} without a place", rule.file));
        }
    }
    Ok(())
}

fn words_have_list(text: &Text) -> bool {
    let words = [Some(&text.title), text.file.as_ref()];
    let lists = words.into_iter().flatten().flat_map(|words| placeholder::all_in(words)).filter_map(Placeholder::list);
    lists.into_iter().any(|list| !(text.each && list == List::Helpers))
}

#[cfg(test)]
mod tests;
