use super::*;
use crate::system::fake::FakeSystem;
use crate::system::launch::KernelSays;

fn ended(how: How) -> Ended {
    Ended { pid: 4242, how, stopped: None, ran: Duration::from_millis(300), kernel: KernelSays::default(), left_behind: false }
}

fn order() -> Order {
    Order {
        path: "/apps/tool.sh".into(),
        arguments: vec!["--all".into(), "two words".into()],
        set: Vec::new(),
        without_dyld: false,
        limit: Duration::from_secs(60),
        reports: Some("/reports".into()),
        takes_interrupts: false,
    }
}

fn system(written: &str, how: How) -> FakeSystem {
    let mut system = FakeSystem::new().file("/apps/tool.sh", "#!/bin/sh\n").folder("/reports");
    system.program = Some((written.as_bytes().to_vec(), ended(how)));
    system
}

fn ran(system: &FakeSystem, order: &Order) -> Ran {
    let prepared = prepare(system, order).unwrap();
    run(system, &prepared, &Control::default(), &mut |_| Ok(())).unwrap()
}

fn text(ran: &Ran) -> String {
    String::from_utf8(ran.evidence[0].1.clone()).unwrap()
}

#[test]
fn a_variable_of_dyld_is_passed_set_or_kept_back_and_shown() {
    let mut system = system("", How::Exited(0));
    system.variables = [("DYLD_PRINT_LIBRARIES", "1"), ("HOME", "/h"), ("TERM", "xterm")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let passed = prepare(&system, &order()).unwrap();
    assert!(passed.environment.contains(&("DYLD_PRINT_LIBRARIES".into(), "1".into(), Origin::Passed)), "{passed:?}");
    assert_eq!((passed.others, passed.launch.unset.len()), (1, 0));
    assert!(passed.launch.set.contains(&("TERM".into(), "dumb".into())));

    let set = vec![("DYLD_LIBRARY_PATH".to_owned(), "/l i b".to_owned()), ("TERM".to_owned(), "vt100".to_owned())];
    let without = prepare(&system, &Order { set, without_dyld: true, ..order() }).unwrap();
    assert_eq!(without.launch.unset, ["DYLD_PRINT_LIBRARIES"]);
    assert!(without.environment.contains(&("DYLD_PRINT_LIBRARIES".into(), "1".into(), Origin::Removed)));
    assert_eq!(without.launch.set.iter().filter(|(name, _)| name == "TERM").count(), 1, "{:?}", without.launch.set);
    assert_eq!(command(&without), "DYLD_LIBRARY_PATH='/l i b' /apps/tool.sh --all 'two words'");
}

#[test]
fn a_death_is_a_line_that_the_reader_of_logs_knows() {
    for (how, signal) in [
        (How::Signalled(9, "SIGKILL"), 9),
        (How::Signalled(7, "SIGBUS"), 10),
        (How::Signalled(6, "SIGABRT"), 6),
        (How::Signalled(5, "SIGTRAP"), 5),
        (How::Signalled(11, "SIGSEGV"), 11),
        (How::Signalled(4, "SIGILL"), 4),
        (How::Signalled(13, "SIGPIPE"), 13),
    ] {
        let ran = ran(&system("hello\n", how), &order());
        let facts = log::read(&text(&ran));
        let died = facts.iter().find_map(|line| match &line.fact {
            LogFact::Died { process, signal, .. } => Some((process.clone(), *signal)),
            _ => None,
        });
        let (process, found) = died.unwrap_or_else(|| panic!("{how:?}: {}", text(&ran)));
        assert_eq!(found, Some(signal), "{}", text(&ran));
        assert!(signal == 13 || process.name.as_deref() == Some("tool.sh") && process.pid == Some(4242), "{process:?}");
    }
}

#[test]
fn the_kernels_word_on_the_signature_is_evidence() {
    let mut system = system("", How::Signalled(9, "SIGKILL"));
    if let Some((_, ended)) = &mut system.program {
        ended.kernel = KernelSays { for_signature: Some(true), flags: Some(0x2001_0001) };
    }
    let ran = ran(&system, &order());
    let facts = log::read(&text(&ran));
    let killed = |line: &log::LogLine| matches!(&line.fact, LogFact::InvalidPage { process, killed: true } if process.pid == Some(4242) && process.name.as_deref() == Some("tool.sh"));
    assert!(facts.iter().any(killed), "{facts:?}");
    let told = told(&ran, Duration::from_secs(60)).join("\n");
    assert!(told.contains("killed for its code signature") && told.contains("runtime"), "{told}");
}

#[test]
fn a_run_that_went_well_is_no_evidence_unless_it_says_something() {
    assert_eq!(ran(&system("all is well\n", How::Exited(0)), &order()).evidence, []);
    let refused = "dlopen(libx.dylib, 0x0001): tried: '/a/libx.dylib' (code signature in <X> '/a/libx.dylib' not valid for use in process: mapping process and mapped file (non-platform) have different Team IDs)\n";
    assert_eq!(ran(&system(refused, How::Exited(0)), &order()).evidence.len(), 1);
    assert_eq!(ran(&system("", How::Exited(3)), &order()).evidence.len(), 1);
}

#[test]
fn a_program_that_temper_stopped_has_not_died() {
    let mut system = system("working\n", How::Signalled(15, "SIGTERM"));
    if let Some((_, ended)) = &mut system.program {
        ended.stopped = Some(Stop::Limit);
    }
    let ran = ran(&system, &order());
    assert_eq!(ran.evidence, []);
    assert!(told(&ran, Duration::from_secs(60))[0].contains("still ran after 60 s"));
}

#[test]
fn of_much_output_the_beginning_and_the_end_are_kept() {
    let mut kept = Kept::of(KEPT);
    kept.push(b"first\n");
    for _ in 0..100 {
        kept.push(&vec![b'x'; 100_000]);
    }
    kept.push(b"last\n");
    let bytes = kept.bytes();
    assert!(bytes.len() < 2 * KEPT + 100 && bytes.starts_with(b"first\n") && bytes.ends_with(b"last\n"));
    assert_eq!(kept.total, 10_000_011);
}

/// A machine whose report appears while the program runs.
const REPORT: &str = concat!(
    "{\"app_name\":\"tool\",\"timestamp\":\"2026-03-02 10:00:00.00 +0000\",\"bug_type\":\"309\",\"os_version\":\"macOS 15.3 (24D60)\"}\n",
    "{\"pid\":4242,\"procName\":\"tool\",\"procPath\":\"/apps/tool\",\"exception\":{\"type\":\"EXC_CRASH\",\"signal\":\"SIGKILL (Code Signature Invalid)\"},",
    "\"termination\":{\"namespace\":\"CODESIGNING\",\"code\":2,\"indicator\":\"Invalid Page\"},\"threads\":[],\"usedImages\":[]}\n"
);

#[test]
fn a_report_belongs_by_process_id_or_by_its_place_in_the_app() {
    assert_eq!(belongs(REPORT.as_bytes(), 4242, Path::new("/elsewhere")), Some(true));
    assert_eq!(belongs(REPORT.as_bytes(), 1, Path::new("/apps")), Some(false));
    assert_eq!(belongs(REPORT.as_bytes(), 1, Path::new("/app")), None);
    assert_eq!(belongs(&REPORT.as_bytes()[..80], 4242, Path::new("/apps")), None, "its process is not known yet");
}

#[test]
fn a_report_that_was_there_before_is_not_taken() {
    let system = system("", How::Signalled(9, "SIGKILL")).file("/reports/old.ips", REPORT);
    let found = ran(&system, &order());
    assert_eq!((found.reports, found.evidence.len()), (0, 1));
    let prepared = prepare(&system, &order()).unwrap();
    let found = reports(&system, &prepared, &BTreeSet::new(), &ended(How::Signalled(9, "SIGKILL")));
    assert_eq!(found.len(), 1);
}

#[test]
fn machines_whose_tests_prove_nothing_are_named() {
    assert!(proves_little(&Machine::default(), None, true).is_empty());
    let loose = Machine { sip: Some(false), library_validation_off: Some(true), apple_silicon: Some(true) };
    let mut debugged = ended(How::Exited(0));
    debugged.kernel.flags = Some(0x3000_0001);
    assert_eq!(proves_little(&loose, Some(&debugged), true).len(), 4);
    let strict = Machine { sip: Some(true), library_validation_off: Some(false), apple_silicon: Some(true) };
    assert!(proves_little(&strict, Some(&ended(How::Exited(0))), false).is_empty());
}
