//! The walk through a remedy: where one is in it, its plan, and what became of each edit.

use super::JobId;
use super::Place;
use crate::fix::plan::{FileEdit, Plan};

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
    /// The change of a file of the project that Temper can make; `None` for what is only pasted.
    pub edit: Option<Box<FileEdit>>,
    /// What became of it.
    pub outcome: Outcome,
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
    /// Written; waits for a yes to take it back.
    AskingBack,
    /// Confirmed; being taken back.
    TakingBack(JobId),
    /// Not taken back; why.
    Kept(String),
}

impl Outcome {
    /// A job of that number is under way.
    pub fn awaits(&self, job: JobId) -> bool {
        matches!(self, Outcome::Writing(own) | Outcome::TakingBack(own) if *own == job)
    }

    /// The file is written.
    pub fn is_written(&self) -> bool {
        matches!(self, Outcome::Written | Outcome::AskingBack | Outcome::Kept(_))
    }
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

    /// The edit of this step that can be written or taken back, with what became of it: at the build system the selected one.
    pub fn current(&self) -> Option<(&FileEdit, &Outcome)> {
        match self.stage {
            Stage::Write(edit) => Some((self.plan()?.edits.get(edit)?, self.outcomes.get(edit)?)),
            Stage::Build => {
                let paste = self.paste.get(self.asked_paste().unwrap_or(self.place.cursor))?;
                Some((paste.edit.as_deref()?, &paste.outcome))
            }
            _ => None,
        }
    }

    /// What became of the edit of this step, to change it.
    pub fn current_mut(&mut self) -> Option<&mut Outcome> {
        match self.stage {
            Stage::Write(edit) => self.outcomes.get_mut(edit),
            Stage::Build => {
                let index = self.asked_paste().unwrap_or(self.place.cursor);
                self.paste.get_mut(index).filter(|paste| paste.edit.is_some()).map(|paste| &mut paste.outcome)
            }
            _ => None,
        }
    }

    /// The text that is asked about: then it is the only one on the screen.
    pub fn asked_paste(&self) -> Option<usize> {
        self.paste.iter().position(|paste| matches!(paste.outcome, Outcome::Asking | Outcome::AskingBack))
    }

    /// A yes to a write is awaited.
    pub fn is_asking(&self) -> bool {
        matches!(self.current(), Some((_, Outcome::Asking)))
    }

    /// A yes to taking a write back is awaited.
    pub fn is_asking_back(&self) -> bool {
        matches!(self.current(), Some((_, Outcome::AskingBack)))
    }
}
