//! Which build systems made the app, or will make it again. Pure.

use super::project::{Project, sign};
use super::{BundleSign, Recipe, pattern};
use crate::evidence::{Evidence, TargetKind};

/// A build system that was recognised.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognised {
    /// Its recipe.
    pub recipe: &'static Recipe,
    /// What showed it, as the end of a sentence that begins with "because".
    pub why: String,
    /// The project folder shows it.
    pub in_project: bool,
    /// What was built shows it.
    pub in_bundle: bool,
}

/// The build systems, in the order of the recipes.
pub fn recognise(evidence: &Evidence, project: Option<&Project>) -> Vec<Recognised> {
    let mut found: Vec<Recognised> = super::all().iter().filter_map(|recipe| one(recipe, evidence, project)).collect();
    let given = project.is_some_and(|project| project.given);
    if !given && found.iter().any(|recognised| recognised.recipe.whole && recognised.in_bundle) {
        found.retain(|recognised| recognised.in_bundle);
    }
    if found.iter().any(|recognised| !recognised.recipe.last_resort) {
        found.retain(|recognised| !recognised.recipe.last_resort || recognised.in_project);
    }
    let ids: Vec<&str> = found.iter().map(|recognised| recognised.recipe.id.as_str()).collect();
    let yields = |recognised: &Recognised| recognised.recipe.yields_to.iter().any(|other| ids.contains(&other.as_str()));
    let kept: Vec<bool> = found.iter().map(|recognised| !yields(recognised)).collect();
    found.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(recognised, _)| recognised).collect()
}

fn one(recipe: &'static Recipe, evidence: &Evidence, project: Option<&Project>) -> Option<Recognised> {
    let shown_by_bundle = recipe.bundle.iter().find_map(|sign| shown(sign, evidence));
    let always_there = recipe.shows_in_bundle.iter().any(|pattern| found(evidence, pattern).is_some());
    let in_project = project.and_then(|project| {
        let (name, text) = sign(recipe, project)?;
        // A folder that merely lies around the app says nothing about an app that lacks what this build system always puts into it.
        let lacks = !recipe.shows_in_bundle.is_empty() && !always_there && evidence.target.kind != TargetKind::None;
        (project.given || !lacks).then(|| in_words(name, text, project))
    });
    let is = (in_project.is_some(), shown_by_bundle.is_some() || always_there && in_project.is_some());
    in_project.or(shown_by_bundle).map(|why| Recognised { recipe, why, in_project: is.0, in_bundle: is.1 })
}

fn in_words(name: &str, text: Option<&str>, project: &Project) -> String {
    let folder = project.folder.display();
    match text {
        Some(text) => format!("{name} in {folder} says {}", text.trim_matches('"')),
        None => format!("{name} is in {folder}"),
    }
}

/// The file or key that shows it.
fn shown(sign: &BundleSign, evidence: &Evidence) -> Option<String> {
    if let Some(key) = &sign.info_key {
        let bundle = evidence.bundles.iter().find(|bundle| bundle.path.as_os_str().is_empty());
        bundle.and_then(|bundle| bundle.info.as_ref()).filter(|info| info.keys.contains(key))?;
        return Some(format!("Info.plist has {key}"));
    }
    let files: Option<Vec<String>> = sign.all.iter().map(|pattern| found(evidence, pattern)).collect();
    files.and_then(|files| files.into_iter().next()).map(|file| format!("the app has {file}"))
}

/// What to name of the first file that matches: the file, or the folder before `**`.
fn found(evidence: &Evidence, pattern: &str) -> Option<String> {
    let main = evidence.target.executable.as_deref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy());
    let pattern = match (pattern.contains("{main}"), main) {
        (false, _) => pattern.to_owned(),
        (true, Some(main)) => pattern.replace("{main}", &main.replace('*', "?")),
        (true, None) => return None,
    };
    if !pattern.contains('*') {
        // Both lists are sorted.
        let path = std::path::Path::new(&pattern);
        let is_there =
            evidence.files.binary_search_by(|file| file.as_path().cmp(path)).is_ok() || evidence.images_at(path).next().is_some();
        return is_there.then_some(pattern);
    }
    let images = evidence.images.iter().map(|image| &image.path);
    let file = evidence.files.iter().chain(images).find(|file| pattern::matches(&pattern, &file.to_string_lossy()))?;
    Some(pattern.strip_suffix("/**").map_or_else(|| file.to_string_lossy().into_owned(), str::to_owned))
}
