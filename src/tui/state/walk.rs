//! The walk through a remedy: where one is in it, its plan, and what became of each edit.

use super::JobId;
use super::Place;
use crate::fix::plan::Plan;

/// The walk.
#[derive(Debug, Clone)]
pub struct Mend {
    /// Index of the diagnosis.
    pub diagnosis: usize,
    /// Index of the chosen remedy.
    pub remedy: usize,
    /// Where one is.
    pub stage: Stage,
    /// The plan.
    pub planning: Planning,
    /// What became of each edit of the plan.
    pub outcomes: Vec<Outcome>,
    /// What to paste into the project, for the chosen remedy.
    pub paste: Vec<Paste>,
    /// Place.
    pub place: Place,
}

/// A text to paste into the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paste {
    /// Build system, and what showed it: only at its first text.
    pub system: Option<(String, String)>,
    /// Where it goes.
    pub title: String,
    /// The text; a diff for a change of a file.
    pub text: String,
    /// It is a diff.
    pub is_diff: bool,
}

/// A stage of the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Choose a remedy.
    Remedy,
    /// Write one entitlements file; index of the edit.
    Write(usize),
    /// The same in the words of the build system.
    Build,
    /// Things to do by hand.
    ByHand,
    /// Signing commands.
    Sign,
    /// Examine again.
    Check,
}

/// The plan of the chosen remedy.
#[derive(Debug, Clone)]
pub enum Planning {
    /// No remedy chosen yet.
    Open,
    /// Being made.
    Asked(JobId),
    /// Made.
    Ready(Box<Plan>),
    /// Cannot be made; why.
    Failed(String),
}

/// What became of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Shown, not confirmed.
    Open,
    /// Enter was pressed; waits for a yes.
    Asking,
    /// Confirmed; being written.
    Writing(JobId),
    /// Written.
    Written,
    /// Not written; why.
    Refused(String),
}

impl Mend {
    /// The stages of this walk, in order: only those with something to do.
    pub fn stages(&self) -> Vec<Stage> {
        let mut stages = vec![Stage::Remedy];
        let Planning::Ready(plan) = &self.planning else { return stages };
        stages.extend((0..plan.edits.len()).map(Stage::Write));
        if !self.paste.is_empty() {
            stages.push(Stage::Build);
        }
        if !plan.manual.is_empty() || !plan.info_plist.is_empty() {
            stages.push(Stage::ByHand);
        }
        if !plan.sign.is_empty() {
            stages.push(Stage::Sign);
        }
        stages.push(Stage::Check);
        stages
    }

    /// Position of the current stage.
    pub fn position(&self) -> usize {
        self.stages().iter().position(|stage| *stage == self.stage).unwrap_or(0)
    }

    /// The plan, when it is made.
    pub fn plan(&self) -> Option<&Plan> {
        match &self.planning {
            Planning::Ready(plan) => Some(plan),
            _ => None,
        }
    }

    /// A yes is awaited.
    pub fn is_asking(&self) -> bool {
        matches!(self.stage, Stage::Write(edit) if self.outcomes.get(edit) == Some(&Outcome::Asking))
    }
}
