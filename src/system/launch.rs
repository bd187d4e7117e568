//! What is started, how it ended, and what the machine says about both. Types only; `pty` does it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A program to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The program itself, never a shell.
    pub program: PathBuf,
    /// Its arguments, its own name left out.
    pub arguments: Vec<String>,
    /// Variables that it gets beside, or instead of, those of Temper.
    pub set: Vec<(String, String)>,
    /// Variables of Temper that it does not get.
    pub unset: Vec<String>,
    /// How long it may run; then its group gets SIGTERM, and a little later SIGKILL.
    pub limit: Duration,
    /// Interrupts sent to Temper (ctrl-c) go to the program while it runs.
    pub takes_interrupts: bool,
}

/// What somebody asks of a running program, from any thread.
#[derive(Debug, Default)]
pub struct Control {
    interrupts: AtomicUsize,
}

impl Control {
    /// ctrl-c: the first is passed to the program's group as SIGINT, the second kills it.
    pub fn interrupt(&self) {
        self.interrupts.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it was asked.
    pub fn interrupts(&self) -> usize {
        self.interrupts.load(Ordering::Relaxed)
    }
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By itself, with a status.
    Exited(i32),
    /// By a signal: its number on this machine, and its name (`SIGKILL`; empty when it has none).
    Signalled(i32, &'static str),
}

/// Why Temper ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The limit was reached.
    Limit,
    /// ctrl-c.
    Interrupt,
    /// Temper itself was asked to end, or nobody reads its output any more.
    Ending,
}

/// What the kernel says about a program that ended. All `None` where it cannot be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KernelSays {
    /// It was killed for its code signature (kqueue, `NOTE_EXIT_CSERROR`).
    pub for_signature: Option<bool>,
    /// Code-signing flags that the process really had (`csops`, `CS_OPS_STATUS`), as last seen while it lived.
    pub flags: Option<u32>,
}

/// A program that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Process id it had.
    pub pid: u32,
    /// How.
    pub how: How,
    /// Temper ended it.
    pub stopped: Option<Stop>,
    /// How long it ran.
    pub ran: Duration,
    /// The kernel's words.
    pub kernel: KernelSays,
    /// Something that it started still holds its terminal.
    pub left_behind: bool,
}

impl Ended {
    /// It ended by itself, and badly.
    pub fn failed(&self) -> bool {
        self.stopped.is_none() && self.how != How::Exited(0)
    }
}

/// Of a file, what changes when it is written or replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Size in bytes.
    pub size: u64,
    /// Time of the last change of its content, in nanoseconds since 1970 UTC (0 when unknown).
    pub modified: i128,
    /// Time of the last change of its inode, in nanoseconds; a rename or a `touch -t` shows here.
    pub changed: i128,
    /// Number of its inode.
    pub inode: u64,
}

/// Settings of this machine that make a test on it prove nothing. All `None` where it cannot be asked: only a Mac knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Machine {
    /// System Integrity Protection is on.
    pub sip: Option<bool>,
    /// Library validation is switched off for the whole system (`DisableLibraryValidation`).
    pub library_validation_off: Option<bool>,
    /// It has an Apple processor.
    pub apple_silicon: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_temper_ended_did_not_fail() {
        let ended = |how, stopped| Ended { pid: 7, how, stopped, ran: Duration::ZERO, kernel: KernelSays::default(), left_behind: false };
        assert!(ended(How::Signalled(9, "SIGKILL"), None).failed() && ended(How::Exited(3), None).failed());
        assert!(!ended(How::Exited(0), None).failed());
        assert!(!ended(How::Signalled(15, "SIGTERM"), Some(Stop::Limit)).failed());
    }
}
