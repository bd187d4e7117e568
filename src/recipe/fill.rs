//! The report's part on build systems. Pure.

use super::render::{Case, Values};
use super::{Project, Proposal, Recipe, proposals, recognise};
use crate::evidence::Evidence;
use crate::fix::plan::plan;
use crate::report::{BuildEdit, BuildSystem, BuildText, Report};

/// Puts the recognised build systems into the report, with the texts and edits for the first diagnosis's remedies that apply.
///
/// Only the app's developer has a project to change: for other diagnoses the build systems stand there without texts.
pub fn fill(evidence: &Evidence, project: Option<&Project>, report: &mut Report) {
    let recognised = recognise(evidence, project);
    let mut systems: Vec<BuildSystem> = recognised
        .iter()
        .map(|found| BuildSystem {
            id: found.recipe.id.clone(),
            name: found.recipe.name.clone(),
            why: found.why.clone(),
            sources: found.recipe.sources.clone(),
            texts: Vec::new(),
            edits: Vec::new(),
        })
        .collect();
    if let Some(diagnosis) = report.diagnoses.first().filter(|diagnosis| diagnosis.mended_by == "developer") {
        for (index, remedy) in diagnosis.remedies.iter().enumerate().filter(|(_, remedy)| remedy.applies) {
            let Ok(plan) = plan(evidence, diagnosis, remedy, &[]) else { continue };
            let case = Case { evidence, diagnosis, remedy, plan: &plan };
            for (system, found) in systems.iter_mut().zip(&recognised) {
                let project = project.filter(|_| found.in_project);
                system.texts.extend(texts(found.recipe, &case, project, index));
                system.edits.extend(project.into_iter().flat_map(|project| edits(found.recipe, &case, project, index)));
            }
        }
    }
    report.build_systems = systems;
}

/// The edits behind [`BuildEdit`] of a remedy of the first diagnosis, to be written.
pub fn proposals_for(evidence: &Evidence, project: Option<&Project>, report: &Report, remedy: usize) -> Vec<Proposal> {
    let Some(diagnosis) = report.diagnoses.first().filter(|diagnosis| diagnosis.mended_by == "developer") else { return Vec::new() };
    let (Some(project), Some(remedy)) = (project, diagnosis.remedies.get(remedy)) else { return Vec::new() };
    let Ok(plan) = plan(evidence, diagnosis, remedy, &[]) else { return Vec::new() };
    let case = Case { evidence, diagnosis, remedy, plan: &plan };
    let recognised = recognise(evidence, Some(project));
    recognised.iter().filter(|found| found.in_project).flat_map(|found| proposals(found.recipe, &case, project)).collect()
}

fn texts(recipe: &Recipe, case: &Case<'_>, project: Option<&Project>, remedy: usize) -> Vec<BuildText> {
    let values = Values::new(recipe, case, project);
    let purposes = case.purposes();
    let wanted = purposes.iter().flat_map(|purpose| recipe.texts.iter().filter(|text| text.purpose == *purpose));
    let mut texts: Vec<BuildText> = Vec::new();
    for text in wanted {
        for (title, file, body) in values.texts(text) {
            let text = BuildText { remedy, title, file, language: text.language.word(), text: body };
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    texts
}

fn edits(recipe: &Recipe, case: &Case<'_>, project: &Project, remedy: usize) -> Vec<BuildEdit> {
    let proposals = proposals(recipe, case, project).into_iter();
    proposals
        .map(|proposal| BuildEdit {
            remedy,
            file: proposal.edit.file.display().to_string(),
            diff: proposal.edit.diff,
            warnings: proposal.edit.warnings,
        })
        .collect()
}
