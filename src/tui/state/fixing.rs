//! The fix that Temper does itself: what is shown before, while and after it.

use super::{JobId, Keychain, Place, PlanOrder, Screen, SignWith, State};
use crate::fix::apply::{Done, Step};
use crate::fix::prove::Proof;
use std::path::PathBuf;

/// What is to be done, and how.
#[derive(Debug, Clone)]
pub struct FixOrder {
    /// The remedy, and the entitlements files the user chose.
    pub plan: PlanOrder,
    /// In the app's place; else on a copy beside it.
    pub in_place: bool,
    /// Who signs.
    pub sign_with: SignWith,
}

/// Exactly what would be done. What is shown and confirmed is compared with it once more before the first step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixOffer {
    /// The program that signs, as it is called.
    pub signer: &'static str,
    /// Who signs, in words.
    pub identity: String,
    /// Where the mended app comes to lie.
    pub app: PathBuf,
    /// Folder that undoing needs.
    pub way_back: PathBuf,
    /// Folder that the commands run in.
    pub folder: PathBuf,
    /// The steps, with their texts and commands.
    pub steps: Vec<Step>,
    /// To be known before.
    pub cautions: Vec<String>,
}

/// The page of a fix.
#[derive(Debug, Clone)]
pub struct FixPage {
    /// What is to be done.
    pub order: FixOrder,
    /// How far it is.
    pub stage: FixStage,
    /// The password of the file was typed, and the worker has it.
    pub has_password: bool,
    /// The identities of the keychain, once it was asked.
    pub keychain: Keychain,
    /// Place.
    pub place: Place,
}

/// How far a fix is.
#[derive(Debug, Clone)]
pub enum FixStage {
    /// What would be done is looked for.
    Preparing(JobId),
    /// It cannot be done so; why, and what to do.
    Refused(String),
    /// It is shown; waits for a yes.
    Asking(Box<FixOffer>),
    /// Confirmed; it is being done.
    Running(Box<FixRun>),
    /// A step failed.
    Stopped(Box<FixRun>, Stopped),
}

/// A fix that is being done.
#[derive(Debug, Clone)]
pub struct FixRun {
    /// Its number.
    pub job: JobId,
    /// What was confirmed.
    pub offer: FixOffer,
    /// The steps that were done.
    pub done: Vec<Done>,
    /// File in hand, relative to the app; empty when the step is about no single file.
    pub current: PathBuf,
    /// The user wants it to stop.
    pub stopping: bool,
}

/// Why a fix stopped, and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Why.
    pub why: String,
    /// Why it could not be taken back; `None` when everything is as it was.
    pub left: Option<String>,
}

/// A fix that was done: all its steps, and the app was examined again.
#[derive(Debug, Clone)]
pub struct Fixed {
    /// The number of the fix, for the way back.
    pub job: JobId,
    /// It was done in the app's place; else on a copy.
    pub in_place: bool,
    /// What was confirmed.
    pub offer: FixOffer,
    /// Whether it mended, and changed nothing else.
    pub proof: Proof,
    /// What became of it since.
    pub since: Since,
}

/// What became of a fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// It stands.
    Stands,
    /// Confirmed; it is being taken back.
    Undoing(JobId),
    /// Taken back, byte for byte.
    Undone,
    /// Not taken back; why.
    NotUndone(String),
}

impl State {
    /// The last fix that was done and can be taken back.
    pub fn standing_fix(&self) -> Option<&Fixed> {
        self.fixes.iter().rev().find(|fixed| fixed.can_undo())
    }

    /// The fix that is prepared, on top or below another screen.
    pub fn fix_page(&self) -> Option<&FixPage> {
        self.stack.iter().rev().find_map(|screen| match screen {
            Screen::Fix(page) => Some(&**page),
            _ => None,
        })
    }
}

impl FixPage {
    /// It is being done: nothing else may begin.
    pub fn is_busy(&self) -> bool {
        matches!(self.stage, FixStage::Running(_))
    }

    /// A password has to be typed before it can be done.
    pub fn wants_password(&self) -> bool {
        matches!(self.order.sign_with, SignWith::File(_)) && !self.has_password
    }

    /// Nothing is in hand: it can be asked for otherwise.
    pub fn can_change(&self) -> bool {
        match &self.stage {
            FixStage::Refused(_) | FixStage::Asking(_) => true,
            FixStage::Stopped(_, stopped) => stopped.left.is_none(),
            FixStage::Preparing(_) | FixStage::Running(_) => false,
        }
    }
}

impl Fixed {
    /// It is being taken back: nothing else may begin.
    pub fn is_busy(&self) -> bool {
        matches!(self.since, Since::Undoing(_))
    }

    /// It can be taken back.
    pub fn can_undo(&self) -> bool {
        matches!(self.since, Since::Stands | Since::NotUndone(_))
    }
}
