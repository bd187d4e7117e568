//! What is left when it is stopped: after every operation, by an error, by a power cut, in the middle of a command.
#![allow(clippy::unwrap_used)]

use super::journal::undo;
use super::session::{Destination, Order, Session, SessionError};
use crate::evidence::Evidence;
use crate::fix::plan::{FileEdit, Plan};
use crate::fix::sample;
use crate::fix::sign::SignStep;
use crate::system::fake::FakeSystem;
use crate::system::{Change, Command, Entry, EntryKind, OpenFile, Output, System};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

const PLIST: &str = "<plist version=\"1.0\">\n<dict>\n\t<key>a</key>\n\t<true/>\n</dict>\n</plist>\n";

/// How the machine stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// One operation fails, the next ones work.
    Error,
    /// From one operation on nothing happens any more, as after `kill -9`.
    Cut,
}

/// A machine on which the n-th change of the disk or command does not happen.
struct Faulty<'a> {
    system: &'a FakeSystem,
    left: AtomicUsize,
    stop: Stop,
}

impl Faulty<'_> {
    fn may(&self) -> io::Result<()> {
        let before = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
            0 if self.stop == Stop::Cut => Some(0),
            0 => Some(usize::MAX),
            left => Some(left - 1),
        });
        if before.unwrap() == 0 { Err(io::Error::other("stopped")) } else { Ok(()) }
    }
}

impl System for Faulty<'_> {
    fn entry(&self, path: &Path) -> io::Result<EntryKind> {
        self.system.entry(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.system.list(path)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        self.system.open(path)
    }
    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.system.read_link(path)
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.system.canonical(path)
    }
    fn attribute(&self, path: &Path, name: &str) -> Option<Vec<u8>> {
        self.system.attribute(path, name)
    }
    fn variable(&self, name: &str) -> Option<String> {
        self.system.variable(name)
    }
    fn now(&self) -> i64 {
        0
    }
    fn standard_input(&self, _: usize) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.may()?;
        self.system.write_atomic(path, bytes)
    }
    fn change(&self, change: Change<'_>) -> io::Result<()> {
        self.may()?;
        self.system.change(change)
    }
    fn run(&self, command: &Command) -> io::Result<Output> {
        // A command writes twice; the machine may stop between.
        let file = command.folder.clone().unwrap().join(command.argv.last().unwrap());
        for half in ["half", "whole"] {
            self.may()?;
            self.system.write_atomic(&file, half.as_bytes())?;
        }
        self.system.run(command)
    }
    fn threads(&self) -> usize {
        1
    }
}

fn machine() -> FakeSystem {
    FakeSystem::new()
        .file("/build/Demo.app/Contents/Info.plist", PLIST)
        .file("/build/Demo.app/Contents/MacOS/Demo", "code")
        .file("/build/Demo.app/Contents/Resources/art", "art")
        .link("/build/Demo.app/Contents/Resources/link", "art")
        .folder("/build/Demo.app/Contents/Empty")
        .file("/build/other", "other")
        .program(|_, _| Ok(Output { status: Some(0), ..Output::default() }))
}

fn evidence() -> Evidence {
    let mut evidence = sample::app();
    evidence.target.path = "/build/Demo.app".into();
    evidence.target.root = "/build/Demo.app".into();
    evidence
}

fn plan() -> Plan {
    let sign = |object: &str, argument: &str| SignStep {
        object: object.into(),
        argv: vec!["codesign".into(), argument.into()],
        exact: vec!["codesign".into(), argument.into()],
        ..SignStep::default()
    };
    Plan {
        edits: vec![FileEdit {
            executable: "Contents/MacOS/Demo".into(),
            file: "Demo.entitlements".into(),
            before: String::new(),
            after: "keys".into(),
            diff: String::new(),
            from: "no entitlements signed".into(),
            warnings: Vec::new(),
        }],
        info_plist: vec![("Contents/Info.plist".into(), "NSContactsUsageDescription".into(), "why".into())],
        sign: vec![
            sign("Contents/MacOS/Demo", "Demo.app/Contents/MacOS/Demo"),
            sign("Contents/Resources/art", "Demo.app/Contents/Resources/art"),
        ],
        ..Plan::default()
    }
}

fn session(system: &dyn System, destination: &Destination) -> Result<Session, SessionError> {
    let (evidence, plan) = (evidence(), plan());
    let order =
        Order { evidence: &evidence, plan: &plan, destination: destination.clone(), usage: &[], password: None, without: Vec::new() };
    Session::prepare(system, order)
}

fn run(session: &mut Session, system: &dyn System) -> Result<(), SessionError> {
    while session.run_next(system, &|_| {})?.is_some() {}
    Ok(())
}

/// Files below the app, relative to it.
fn app(system: &FakeSystem, app: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    system.tree(app).into_iter().map(|(path, bytes)| (path.strip_prefix(app).unwrap().into(), bytes)).collect()
}

fn places() -> [(Destination, &'static str); 2] {
    [(Destination::InPlace, "/build/Demo.app"), (Destination::Copy("/mended/here".into()), "/mended/here/Demo.app")]
}

fn whole(destination: &Destination, place: &str) -> (FakeSystem, BTreeMap<PathBuf, Vec<u8>>) {
    let system = machine();
    run(&mut session(&system, destination).unwrap(), &system).unwrap();
    let new = app(&system, place);
    (system, new)
}

/// Number of operations of a whole run.
fn operations(no_exchange: bool, destination: &Destination) -> usize {
    let mut system = machine();
    system.no_exchange = no_exchange;
    let faulty = Faulty { system: &system, left: AtomicUsize::new(1_000_000), stop: Stop::Error };
    run(&mut session(&faulty, destination).unwrap(), &faulty).unwrap();
    1_000_000 - faulty.left.load(Ordering::SeqCst)
}

#[test]
fn a_fix_writes_what_it_said() {
    for (destination, place) in places() {
        let (system, new) = whole(&destination, place);
        assert_eq!(new[Path::new("Contents/MacOS/Demo")], b"code", "this command changes nothing by itself");
        assert!(String::from_utf8_lossy(&new[Path::new("Contents/Info.plist")]).contains("<string>why</string>"));
        assert_eq!(new[Path::new("Contents/Resources/link")], b"art");
        let beside = Path::new(place).parent().unwrap().join("Demo.entitlements");
        assert_eq!(system.read_small(&beside, 99).unwrap(), b"keys");
        assert!(system.entry(&Path::new(place).join("Contents/Empty")).is_ok());
        let ran: Vec<_> = system.ran().into_iter().map(|command| command.argv[1].clone()).collect();
        assert_eq!(ran, ["Demo.app/Contents/MacOS/Demo", "Demo.app/Contents/Resources/art"]);
    }
}

#[test]
fn a_worker_thread_can_do_it_and_tell_how_far_it_is() {
    let system = machine();
    let mut session = session(&system, &Destination::InPlace).unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    let (system, mut session) = std::thread::spawn(move || {
        let progress = |progress: &super::session::Progress| send.send(progress.clone()).unwrap();
        while session.run_next(&system, &progress).unwrap().is_some() {}
        (system, session)
    })
    .join()
    .unwrap();
    let told: Vec<_> = receive.iter().collect();
    assert!((0..session.steps().len()).all(|step| told.iter().any(|progress| progress.step == step)));
    assert!(told.iter().any(|progress| progress.current == Path::new("Contents/MacOS/Demo")));
    assert_eq!(session.done().len(), session.steps().len());
    assert!(session.undo(&system).unwrap().restored);
    assert_eq!(system.tree("/"), machine().tree("/"));
}

#[test]
fn undo_gives_back_every_byte() {
    for (destination, place) in places() {
        for at in [Path::new(place), Path::new(place).parent().unwrap()] {
            let (system, _) = whole(&destination, place);
            let undone = undo(&system, at).unwrap();
            assert_eq!((undone.app.as_path(), undone.restored), (Path::new(place), true));
            assert_eq!(app(&system, place), app(&machine(), "/build/Demo.app"));
            assert_eq!(system.tree("/build/other"), machine().tree("/build/other"));
            assert!(!system.tree("/").keys().any(|path| path.to_string_lossy().contains(".temper")), "nothing is left behind");
            assert!(system.read_small(&Path::new(place).parent().unwrap().join("Demo.entitlements"), 99).is_err());
            assert!(undo(&system, at).is_err(), "there is nothing more to undo");
        }
    }
}

#[test]
fn a_fix_of_a_fix_is_undone_one_by_one() {
    let (system, first) = whole(&Destination::InPlace, "/build/Demo.app");
    run(&mut session(&system, &Destination::InPlace).unwrap(), &system).unwrap();
    undo(&system, Path::new("/build")).unwrap();
    assert_eq!(app(&system, "/build/Demo.app"), first);
    undo(&system, Path::new("/build")).unwrap();
    assert_eq!(app(&system, "/build/Demo.app"), app(&machine(), "/build/Demo.app"));
}

#[test]
fn an_app_that_was_changed_since_is_not_undone() {
    let (system, _) = whole(&Destination::InPlace, "/build/Demo.app");
    system.write_atomic(Path::new("/build/Demo.app/Contents/MacOS/Demo"), b"rebuilt").unwrap();
    let error = undo(&system, Path::new("/build")).unwrap_err().to_string();
    assert!(error.contains("has changed since"), "{error}");
    assert_eq!(system.read_small(Path::new("/build/Demo.app/Contents/MacOS/Demo"), 99).unwrap(), b"rebuilt");
}

#[test]
fn a_copy_that_was_thrown_away_does_not_come_back() {
    let (system, _) = whole(&Destination::Copy("/mended".into()), "/mended/Demo.app");
    super::tree::remove(&system, Path::new("/mended/Demo.app")).unwrap();
    assert!(!undo(&system, Path::new("/mended")).unwrap().restored);
    assert!(app(&system, "/mended").is_empty());
}

/// Stops at the n-th operation, for all n; the app at its place is the old or the new one, and undo gives the old one back.
fn stopped_anywhere(no_exchange: bool, stop: Stop) {
    let old = app(&machine(), "/build/Demo.app");
    for (destination, place) in places() {
        let new = {
            let mut system = machine();
            system.no_exchange = no_exchange;
            let faulty = Faulty { system: &system, left: AtomicUsize::new(usize::MAX - 1), stop };
            run(&mut session(&faulty, &destination).unwrap(), &faulty).unwrap();
            app(&system, place)
        };
        let total = operations(no_exchange, &destination);
        assert!(total > 20, "{total}");
        for n in 0..total {
            let mut system = machine();
            system.no_exchange = no_exchange;
            let faulty = Faulty { system: &system, left: AtomicUsize::new(n), stop };
            let mut session = session(&faulty, &destination).unwrap();
            let outcome = run(&mut session, &faulty);
            let at = format!("{destination:?}, operation {n} of {total}, {stop:?}");
            assert!(outcome.is_err(), "{at}");
            let now = app(&system, place);
            let copied = destination != Destination::InPlace;
            let between = no_exchange && stop == Stop::Cut && now.is_empty();
            assert!(now == old || now == new || (copied && now.is_empty()) || between, "{at}: half an app: {:?}", now.keys());
            let untouched = app(&machine(), "/build/Demo.app") == app(&system, "/build/Demo.app");
            assert!(untouched || !copied, "{at}: the original is never touched");
            match stop {
                Stop::Error => drop(session.undo(&system).unwrap_or_else(|error| panic!("{at}: {error}"))),
                // Another process, later. Nothing to undo when it was stopped before it began.
                Stop::Cut => drop(undo(&system, Path::new(place))),
            }
            let after = app(&system, place);
            assert!(after == old || (copied && after.is_empty()), "{at}: not undone: {:?}", after.keys());
            let left: Vec<_> = system.tree("/").into_keys().filter(|path| path.to_string_lossy().contains(".temper")).collect();
            assert!(left.is_empty(), "{at}: {left:?}");
            assert_eq!(system.tree("/build/other"), machine().tree("/build/other"));
        }
    }
}

#[test]
fn an_error_at_any_operation_leaves_the_old_app() {
    stopped_anywhere(false, Stop::Error);
}

#[test]
fn a_kill_at_any_operation_leaves_the_old_or_the_new_app() {
    stopped_anywhere(false, Stop::Cut);
}

#[test]
fn both_hold_where_two_folders_cannot_change_places_in_one_moment() {
    stopped_anywhere(true, Stop::Error);
    stopped_anywhere(true, Stop::Cut);
}

#[test]
fn an_undo_that_is_killed_can_be_done_again() {
    for no_exchange in [false, true] {
        for (destination, place) in places() {
            for n in 0.. {
                let (mut system, _) = whole(&destination, place);
                system.no_exchange = no_exchange;
                let faulty = Faulty { system: &system, left: AtomicUsize::new(n), stop: Stop::Cut };
                let finished = undo(&faulty, Path::new(place)).is_ok();
                let _ = undo(&system, Path::new(place));
                assert_eq!(app(&system, place), app(&machine(), "/build/Demo.app"), "{destination:?}, operation {n}");
                let left: Vec<_> = system.tree("/").into_keys().filter(|path| path.to_string_lossy().contains(".temper")).collect();
                assert!(left.is_empty(), "{left:?}");
                if finished {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_command_that_fails_ends_it_with_what_it_said() {
    let system = machine().program(|_, _| Ok(Output { status: Some(1), stderr: b"no identity found\n".to_vec(), stdout: Vec::new() }));
    let mut session = session(&system, &Destination::InPlace).unwrap();
    let error = run(&mut session, &system).unwrap_err().to_string();
    assert_eq!(error, "codesign Demo.app/Contents/MacOS/Demo ended with status 1: no identity found");
    assert_eq!(session.done().len(), 3, "copied, two files");
    assert_eq!(app(&system, "/build/Demo.app"), app(&machine(), "/build/Demo.app"));
    assert!(!session.undo(&system).unwrap().restored);
    assert_eq!(system.tree("/"), machine().tree("/"));
}

#[test]
fn an_app_that_changes_meanwhile_is_left_alone() {
    let system = machine().program(|system, _| {
        system.write_atomic(Path::new("/build/Demo.app/Contents/MacOS/Demo"), b"rebuilt")?;
        Ok(Output { status: Some(0), ..Output::default() })
    });
    let error = run(&mut session(&system, &Destination::InPlace).unwrap(), &system).unwrap_err().to_string();
    assert!(error.contains("changed by somebody else"), "{error}");
    assert_eq!(system.read_small(Path::new("/build/Demo.app/Contents/MacOS/Demo"), 99).unwrap(), b"rebuilt");
}

#[test]
fn a_copy_goes_nowhere_near_the_app_or_something_else() {
    let refused = |to: &str| session(&machine(), &Destination::Copy(to.into())).map(|_| ()).unwrap_err().to_string();
    assert!(refused("/build/Demo.app/Contents/new").contains("lies in the app itself"));
    assert!(refused("/build").contains("is there already"));
    assert!(refused("/build/other").contains("not a folder"));
}
