//! The real program on a pseudo-terminal: from the answer to the written file, and every way out.

use super::support::practice::{self, Bench};
use super::support::tty::{Desk, Session};
use std::collections::BTreeSet;
use std::path::PathBuf;
use temper::lab::{self, Lab};
use termlens::{Color, Key, Screen, Signal};

const UNSIGNED_MEMORY: &str = "com.apple.security.cs.allow-unsigned-executable-memory";

fn lab(id: &str) -> &'static Lab {
    lab::all().iter().find(|lab| lab.id == id).unwrap()
}

fn title(screen: &Screen) -> String {
    screen.row_text(0)
}

fn colours(screen: &Screen) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (row, col) in (0..screen.rows()).flat_map(|row| (0..screen.cols()).map(move |col| (row, col))) {
        if let Some(cell) = screen.cell(row, col) {
            found.extend([cell.style().fg, cell.style().bg].into_iter().filter(|colour| *colour != Color::Default).map(|c| c.to_string()));
        }
    }
    found
}

/// Colour of the first cell of a text on the screen.
fn colour_of(screen: &Screen, text: &str) -> Color {
    let cell = screen.find(text).and_then(|(row, col)| screen.cell(row, col));
    cell.unwrap_or_else(|| panic!("{text} in\n{screen}")).style().fg
}

#[test]
fn from_the_answer_to_the_written_file_and_out() {
    let desk = Desk::new();
    let mut session = desk.practice();
    let answer = session.shows(&["macOS killed Sketchbook", "Mends this build", UNSIGNED_MEMORY, "gives away", "Proof"]);
    assert!(title(&answer).contains("practice app") && answer.alternate_screen());
    session.walk(&[(Key::Enter, "enter choose"), (Key::Enter, "+    <key>com.apple.security.cs.allow-unsigned-executable-memory</key>")]);
    let file = desk.path("work").join("Sketchbook.entitlements");
    assert!(!file.exists(), "nothing is written before the yes");
    session.walk(&[(Key::Enter, "yes, write it")]);
    assert!(!file.exists(), "nothing is written before the yes");
    session.walk(&[(Key::Char('y'), "is written")]);
    let written = plist::Value::from_file(&file).unwrap();
    let keys: Vec<_> = written.as_dictionary().unwrap().iter().map(|(key, value)| (key.as_str(), value.as_boolean())).collect();
    assert_eq!(keys, [(UNSIGNED_MEMORY, Some(true))]);
    let sign = session.walk(&[(Key::Enter, "codesign --force")]);
    assert!(sign.contains("--options runtime") && sign.contains("Sketchbook.entitlements"), "{sign}");
    session.walk(&[(Key::Enter, "check again"), (Key::Enter, "Checked again")]);
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
    let left: Vec<_> = std::fs::read_dir(desk.path("work")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["Sketchbook.entitlements"], "nothing else was written");
}

#[test]
fn no_writes_nothing() {
    let desk = Desk::new();
    let mut session = desk.practice();
    session.walk(&[
        (Key::Enter, "enter choose"),
        (Key::Enter, "write it"),
        (Key::Enter, "yes, write it"),
        (Key::Char('n'), "enter write it"),
    ]);
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
    assert_eq!(std::fs::read_dir(desk.path("work")).unwrap().count(), 0);
}

#[test]
fn a_case_is_saved_only_after_the_yes() {
    let desk = Desk::new();
    let mut session = desk.practice();
    session.walk(&[
        (Key::Char('s'), "File to save the case to"),
        (Key::Enter, "yes, write it"),
        (Key::Char('n'), "macOS killed Sketchbook"),
    ]);
    let file = desk.path("work").join("Sketchbook-case.json");
    assert!(!file.exists(), "nothing is written before the yes");
    session.walk(&[(Key::Char('s'), "File to save the case to"), (Key::Enter, "yes, write it")]);
    assert!(!file.exists(), "nothing is written before the yes");
    session.walk(&[(Key::Char('y'), "the case is saved")]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("temper-case/1") && text.contains("explained"), "{text}");
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}

/// Which step of the walk the title names.
fn step(screen: &Screen) -> Option<&'static str> {
    ["remedy:", "entitlements:", "by hand:", "sign:", "check again:"].into_iter().find(|name| title(screen).contains(name))
}

/// Presses what the last line offers until the signing commands are shown. Returns the keys until a remedy was chosen, and until then.
pub fn mend(session: &mut Session) -> (usize, usize) {
    session.press(Key::Enter);
    session.until(|screen| title(screen).contains("mend"), "the remedies");
    session.press(Key::Enter);
    let mut here = session.until(|screen| step(screen).is_some_and(|step| step != "remedy:"), "the first step");
    let chosen = session.pressed;
    while step(&here) != Some("sign:") {
        assert!(session.pressed < 30, "no end of steps:\n{here}");
        let before = title(&here);
        if here.contains("yes, write it") {
            session.press(Key::Char('y'));
            here = session.until(|screen| screen.contains("is written"), "the written file");
        } else if here.contains("enter write it") {
            session.press(Key::Enter);
            here = session.until(|screen| screen.contains("yes, write it"), "the question");
        } else {
            session.press(Key::Enter);
            here = session.until(|screen| title(screen) != before, "the next step");
        }
    }
    assert!(here.contains("codesign"), "{here}");
    (chosen, session.pressed)
}

#[test]
fn every_practice_app_is_mended_with_few_keys() {
    for lab in lab::all() {
        let desk = Desk::new();
        let (_, arguments) = desk.unpack(lab);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut session = desk.start(desk.builder(), &arguments);
        // The cause, without a key.
        session.until(|screen| screen.contains("certain") || screen.contains("likely"), lab.id);
        let (chosen, signed) = mend(&mut session);
        println!("{}: {chosen} keys to the remedy, {signed} to the commands", lab.id);
        assert!(chosen <= 3 && signed <= 8, "{}: {chosen} keys to the remedy, {signed} to the commands", lab.id);
        session.press(Key::Char('q'));
        assert_eq!(session.ends(), Some(0));
    }
}

#[test]
fn the_screen_follows_the_window() {
    let desk = Desk::new();
    let mut session = desk.practice();
    let first = session.screen();
    for (columns, rows) in [(60, 20), (120, 40), (80, 24)] {
        session.terminal.resize(columns, rows).unwrap();
        let screen = session.until(
            |screen| {
                screen.size() == (columns, rows)
                    && screen.row_text(rows - 1).contains("q quit")
                    && screen.row_text(1) == "─".repeat(usize::from(columns))
            },
            "the new size",
        );
        assert!(screen.contains("macOS killed Sketchbook"), "{screen}");
    }
    session.until(|screen| screen.text() == first.text(), "the same screen in the same size");
    session.terminal.resize(30, 8).unwrap();
    session.shows(&["Make it larger"]);
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}

#[test]
fn control_c_leaves_a_sane_terminal_from_anywhere() {
    for keys in ["", "m", "O", "?", "c/"] {
        let desk = Desk::new();
        let mut session = desk.practice();
        for key in keys.chars() {
            let before = session.screen().text();
            session.press(Key::Char(key));
            session.until(|screen| screen.text() != before, "another screen");
        }
        session.press(Key::Ctrl('c'));
        assert_eq!(session.ends(), Some(0), "after '{keys}'");
    }
}

#[test]
fn a_signal_to_end_leaves_a_sane_terminal() {
    for signal in [Signal::Term, Signal::Hup, Signal::Int] {
        let desk = Desk::new();
        let mut session = desk.practice();
        session.terminal.signal(signal).unwrap();
        assert_eq!(session.ends(), Some(0), "{signal:?}");
    }
}

#[test]
#[cfg(debug_assertions)]
fn a_panic_of_a_worker_is_shown_and_the_face_goes_on() {
    let desk = Desk::new();
    let mut session = desk.start(desk.builder().env("TEMPER_TEST_PANIC", "worker"), &[]);
    let screen = session.shows(&["Temper itself failed here", "please report it"]);
    assert!(screen.alternate_screen() && !screen.contains("panicked at"), "{screen}");
    session.walk(&[(Key::Char('i'), "What happens?")]);
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}

#[test]
fn without_colours_no_cell_has_one() {
    let desk = Desk::new();
    let coloured = desk.practice().screen();
    assert!(colours(&coloured).len() > 3, "{:?}", colours(&coloured));
    for (builder, arguments) in [(desk.builder().env("NO_COLOR", "1"), &[][..]), (desk.builder(), &["--theme", "none"])] {
        let mut session = desk.start(builder, arguments);
        let screen = session.shows(&["certain", "Proof"]);
        assert_eq!(colours(&screen), BTreeSet::new(), "{screen}");
        assert_eq!(screen.text(), coloured.text(), "colour says nothing that words do not");
    }
}

#[test]
fn a_light_terminal_gets_dark_letters() {
    let desk = Desk::new();
    let heading = |builder, arguments: &[&str]| {
        let screen = desk.start(builder, arguments).shows(&["certain", "Proof"]);
        colour_of(&screen, "macOS killed")
    };
    let light = heading(desk.builder(), &["--theme", "light"]);
    let dark = heading(desk.builder(), &["--theme", "dark"]);
    assert_ne!(light, dark);
    assert_eq!(
        heading(desk.builder().background_rgb(255, 255, 255).foreground_rgb(0, 0, 0), &[]),
        light,
        "a white background is asked for and found"
    );
    assert_eq!(heading(desk.builder().background_rgb(0, 0, 0), &[]), dark);
    // Asked for by option, the terminal's own word does not count.
    assert_eq!(heading(desk.builder().background_rgb(255, 255, 255), &["--theme", "dark"]), dark);
}

#[test]
fn questions_lead_to_a_documented_issue() {
    let desk = Desk::new();
    let mut session = desk.practice();
    let jit = temper::scenario::all().iter().find(|scenario| scenario.id == "jit").unwrap();
    session.walk(&[
        (Key::Char('i'), "What happens?"),
        (Key::Enter, "What does the report or the terminal say?"),
        (Key::Down, "▸ Termination Reason: CODESIGNING 2"),
    ]);
    // The fifth answer: a message of an engine.
    session.walk(&[
        (Key::Down, "▸ Termination Reason: CODESIGNING 4"),
        (Key::Down, "▸ Termination Reason: DYLD"),
        (Key::Down, "▸ A message of an engine"),
    ]);
    session.press(Key::Enter);
    let beginning: String = jit.title.split(' ').take(3).collect::<Vec<_>>().join(" ");
    session.shows(&[&beginning]);
    session.walk(&[
        (Key::Esc, "What does the report or the terminal say?"),
        (Key::Esc, "What happens?"),
        (Key::Esc, "macOS killed Sketchbook"),
    ]);
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}

#[test]
fn a_pasted_report_is_evidence() {
    let desk = Desk::new();
    let lab = lab("jit-map-jit");
    let (app, arguments) = desk.unpack(lab);
    let mut session = desk.start(desk.builder(), &[app.to_str().unwrap(), "--trust-anchor", &arguments[2]]);
    let before = session.until(|screen| screen.contains("will break") || screen.contains("fine"), "the answer without evidence");
    assert!(!before.contains("pasted"), "{before}");
    session.terminal.paste(lab.evidence[0].1).unwrap();
    let after = session.shows(&["broken", "pasted"]);
    assert!(after.contains("1 pasted:"), "the decisive line is the pasted report's\n{after}");
    session.walk(&[(Key::Char('e'), "line ")]);
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}

#[test]
fn another_app_is_opened_by_its_path() {
    let desk = Desk::new();
    let (app, _) = desk.unpack(lab("silent-microphone"));
    let mut session = desk.practice();
    session.walk(&[(Key::Char('O'), "complete")]);
    session.terminal.send_str(app.to_str().unwrap()).unwrap();
    session.shows(&["Voicenote.app"]);
    session.press(Key::Enter);
    let screen = session.until(|screen| title(screen).contains("Voicenote.app") && screen.contains("enter "), "the other app");
    assert!(!title(&screen).contains("practice app"), "{screen}");
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}

#[test]
fn a_path_that_is_not_there_is_said_and_the_case_is_kept() {
    let desk = Desk::new();
    let mut session = desk.practice();
    session.walk(&[(Key::Char('O'), "complete")]);
    session.terminal.send_str("/no/such.app").unwrap();
    session.shows(&["/no/such.app"]);
    session.press(Key::Enter);
    session.shows(&["No such file", "check the spelling"]);
    session.walk(&[(Key::Esc, "macOS killed Sketchbook")]);
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}

#[test]
fn copied_commands_reach_the_clipboard() {
    let desk = Desk::new();
    let mut session = desk.practice();
    mend(&mut session);
    session.press(Key::Char('Y'));
    let screen = session.shows(&["OSC 52"]);
    let copied = screen.clipboard().and_then(|clipboard| clipboard.text().map(str::to_owned)).unwrap();
    assert!(copied.starts_with("codesign --force") && copied.ends_with("Sketchbook.app"), "{copied}");
}

/// A program that signs stands first in PATH.
pub fn with_signer(desk: &Desk, bench: &Bench) -> termlens::TerminalBuilder {
    let path = std::env::var("PATH").unwrap_or_default();
    let bin = bench.folder().join("bin");
    desk.builder().env("PATH", format!("{}:{path}", bin.display())).env("TMPDIR", bench.folder())
}

/// Where the face unpacked the practice app.
pub fn unpacked(desk: &Desk) -> PathBuf {
    let entries = walkdir::WalkDir::new(desk.path("cache")).into_iter().map(Result::unwrap);
    entries.map(walkdir::DirEntry::into_path).find(|path| path.ends_with("Sketchbook.app")).unwrap()
}

#[test]
fn the_app_is_mended_on_a_copy_proved_and_taken_back_with_keys_only() {
    let (bench, desk) = (Bench::new(), Desk::new());
    let mut session = desk.start(with_signer(&desk, &bench), &[]);
    session.shows(&["broken", "certain"]);
    mend(&mut session);
    let app = unpacked(&desk);
    let (original, folder) = (practice::tree(&app), app.parent().unwrap());
    let question = session.walk(&[(Key::Char('A'), "Do exactly this?")]);
    assert!(question.contains("on a copy") && question.contains("codesign, the first in PATH"), "{question}");
    assert!(practice::names(folder) == ["Sketchbook.app"] && bench.take_log().is_empty(), "nothing is done before the yes");
    session.walk(&[(Key::Char('n'), "enter next step"), (Key::Char('A'), "Do exactly this?")]);
    assert!(practice::names(folder) == ["Sketchbook.app"] && bench.take_log().is_empty(), "nothing is done before the yes");
    let proof = session.walk(&[(Key::Char('y'), "mended. The refusal is gone")]);
    assert!(proof.contains("before") && proof.contains("after"), "{proof}");
    let copy = folder.join("mended/Sketchbook.app");
    assert_eq!(practice::tree(&app), original, "the app itself is only read");
    assert_ne!(practice::tree(&copy), original);
    assert!(!bench.take_log().is_empty(), "it was signed");
    let report = bench.report_alone(&copy, lab("jit-flip"));
    assert_eq!(report["diagnoses"].as_array().unwrap().len(), 0, "{report:#}");
    // The proof as a file.
    session.walk(&[(Key::Char('M'), "File to save the proof to"), (Key::Enter, "yes, write it")]);
    let file = desk.path("work").join("Sketchbook-proof.md");
    assert!(!file.exists(), "nothing is written before the yes");
    session.walk(&[(Key::Char('y'), "the proof is saved")]);
    assert!(std::fs::read_to_string(&file).unwrap().contains(": mended"));
    // The way back.
    session.walk(&[(Key::Char('u'), "yes, undo it")]);
    assert_ne!(practice::tree(&copy), original, "nothing is taken back before the yes");
    session.walk(&[(Key::Char('y'), "fine: taken back")]);
    assert_eq!(practice::tree(&copy), original, "byte for byte");
    assert_eq!(practice::names(copy.parent().unwrap()), ["Sketchbook.app"], "nothing is left behind");
    assert_eq!(practice::tree(&app), original);
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}

#[test]
fn the_app_is_mended_in_place_and_taken_back_with_keys_only() {
    let (bench, desk) = (Bench::new(), Desk::new());
    let mut session = desk.start(with_signer(&desk, &bench), &[]);
    session.shows(&["broken", "certain"]);
    mend(&mut session);
    let app = unpacked(&desk);
    let original = practice::tree(&app);
    session.walk(&[(Key::Char('A'), "on a copy:"), (Key::Char('i'), "in place:")]);
    assert_eq!(practice::tree(&app), original, "nothing is done before the yes");
    session.walk(&[(Key::Char('y'), "mended. The refusal is gone")]);
    assert_ne!(practice::tree(&app), original);
    session.walk(&[(Key::Char('u'), "yes, undo it"), (Key::Char('y'), "fine: taken back")]);
    assert_eq!(practice::tree(&app), original, "byte for byte");
    assert_eq!(practice::names(app.parent().unwrap()), ["Sketchbook.app"], "nothing is left behind");
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}

#[test]
fn a_signer_that_fails_is_told_and_everything_is_taken_back() {
    let (bench, desk) = (Bench::new(), Desk::new());
    bench.program("codesign", "#!/bin/sh\necho 'Sketchbook.app: no identity found' >&2\nexit 1\n");
    let mut session = desk.start(with_signer(&desk, &bench), &[]);
    session.shows(&["broken", "certain"]);
    mend(&mut session);
    let app = unpacked(&desk);
    let original = practice::tree(&app);
    session.walk(&[(Key::Char('A'), "Do exactly this?"), (Key::Char('y'), "everything was taken back")]);
    assert!(session.screen().contains("no identity found"), "{}", session.screen());
    assert_eq!(practice::tree(&app), original);
    session.walk(&[(Key::Esc, "enter next step")]);
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}

#[test]
fn without_a_signer_it_says_what_to_get_and_the_commands_can_be_copied() {
    let desk = Desk::new();
    let mut session = desk.practice();
    mend(&mut session);
    let screen = session.walk(&[(Key::Char('A'), "no program that signs")]);
    assert!(screen.contains("codesign comes with macOS") && screen.contains("rcodesign"), "{screen}");
    session.walk(&[(Key::Esc, "enter next step"), (Key::Char('Y'), "OSC 52")]);
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}

#[test]
fn a_signal_or_ctrl_c_while_a_fix_is_done_takes_everything_back() {
    for in_place in [false, true] {
        for signal in [Some(Signal::Term), Some(Signal::Hup), Some(Signal::Int), None] {
            let (bench, desk) = (Bench::new(), Desk::new());
            let (started, go) = (bench.folder().join("started"), bench.folder().join("go"));
            // A step that takes its time.
            let script = format!("#!/bin/sh\n: > '{}'\nwhile [ ! -e '{}' ]; do sleep 0.05; done\n", started.display(), go.display());
            bench.program("codesign", &script);
            let mut session = desk.start(with_signer(&desk, &bench), &[]);
            session.shows(&["broken", "certain"]);
            mend(&mut session);
            let app = unpacked(&desk);
            let original = practice::tree(&app);
            session.walk(&[(Key::Char('A'), "Do exactly this?")]);
            if in_place {
                session.walk(&[(Key::Char('i'), "in place:")]);
            }
            session.walk(&[(Key::Char('y'), "It is being done")]);
            while !started.exists() {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            let place = if in_place { app.parent().unwrap().to_path_buf() } else { app.parent().unwrap().join("mended") };
            assert!(practice::names(&place).iter().any(|name| name.starts_with(".temper-fix")), "something is half done");
            match signal {
                Some(signal) => session.terminal.signal(signal).unwrap(),
                None => session.press(Key::Ctrl('c')),
            }
            session.shows(&["leaving: it stops after this step"]);
            std::fs::write(&go, "").unwrap();
            assert_eq!(session.ends(), Some(0), "{signal:?}");
            assert_eq!(practice::tree(&app), original, "{signal:?}");
            // The folder for the copy stays, empty.
            let copies = app.parent().unwrap().join("mended");
            assert!(!copies.exists() || practice::names(&copies).is_empty(), "{signal:?}");
            let left: Vec<_> = practice::names(app.parent().unwrap()).into_iter().filter(|name| name != "mended").collect();
            assert_eq!(left, ["Sketchbook.app"], "nothing is left behind: {signal:?}");
        }
    }
}

#[test]
fn the_app_is_started_with_arguments_that_were_typed_and_without_the_variables_of_dyld() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let app = desk.path("work").join("Stub.app");
    std::fs::create_dir_all(app.join("Contents/MacOS")).unwrap();
    let info = "<plist version=\"1.0\"><dict><key>CFBundleExecutable</key><string>Stub</string><key>CFBundleIdentifier</key>\
                <string>org.example.stub</string><key>CFBundlePackageType</key><string>APPL</string></dict></plist>";
    std::fs::write(app.join("Contents/Info.plist"), info).unwrap();
    let said = desk.path("work").join("said");
    let program = app.join("Contents/MacOS/Stub");
    let script = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" \"${{DYLD_LIBRARY_PATH-none}}\" > '{}'\n", said.display());
    // Written by another process: one that is open for writing cannot be started.
    let mut writer =
        std::process::Command::new("sh").args(["-c", "cat > \"$0\""]).arg(&program).stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut writer.stdin.take().unwrap(), script.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let builder = desk.builder().env("DYLD_LIBRARY_PATH", "/opt/lib").env("PATH", "/usr/bin:/bin");
    let mut session = desk.start(builder, &[app.to_str().unwrap()]);
    session.shows(&["q quit", "Stub.app"]);
    session.until(|screen| !screen.contains("Examining"), "the answer");
    session.walk(&[(Key::Char('R'), "DYLD_LIBRARY_PATH=/opt/lib (from this environment)")]);
    session.walk(&[(Key::Char('d'), "DYLD_LIBRARY_PATH=/opt/lib (kept back)"), (Key::Char('a'), "arguments:")]);
    session.terminal.send_str("--open 'two words' \"\" -y").unwrap();
    session.shows(&["-y"]);
    session.press(Key::Enter);
    session.shows(&["Start it?", "two words", "yes, start it"]);
    assert!(!said.exists(), "nothing is started before the yes");
    session.press(Key::Char('y'));
    session.shows(&["It ended with status 0"]);
    assert_eq!(std::fs::read_to_string(&said).unwrap(), "--open\ntwo words\n\n-y\nnone\n");
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}

#[test]
fn ctrl_c_ends_a_watch_as_a_shell_expects() {
    let desk = Desk::new();
    let (app, _) = desk.unpack(lab("jit-flip"));
    let mut session = desk.start(desk.builder(), &["check", "--watch", "--color", "always", app.to_str().unwrap()]);
    session.terminal.wait_until(|screen| screen.contains("for changes; ctrl-c")).unwrap();
    session.press(Key::Ctrl('c'));
    let status = session.terminal.wait_exit().unwrap();
    // A shell makes 130 of it, and a script that runs it ends too.
    assert_eq!(status.signal(), Some("Interrupt"), "{status}");
    let screen = session.terminal.screen();
    assert!(screen.cursor_visible() && !screen.alternate_screen() && !screen.bracketed_paste() && screen.mouse_modes().is_empty());
}
