//! Who signs a fix, chosen by keys on a pseudo-terminal; and the way back after the proof was left.

use super::support::practice::{self, Bench, OTHER_HASH, OTHER_NAME};
use super::support::tty::{Desk, Session};
use super::terminal::{mend, unpacked, with_signer};
use std::path::Path;
use termlens::{Key, Recorder};

const EXPIRED: &str = " (CSSMERR_TP_CERT_EXPIRED)";
const OLD_HASH: &str = "1A2B3C4D5E6F708192A3B4C5D6E7F8091A2B3C4D";
const NOBODY: &str = "Developer ID Application: Nobody (NOBODY0001)";
const NOBODY_HASH: &str = "0A1B2C3D4E5F60718293A4B5C6D7E8F901234567";

/// The question of a fix of the practice app.
fn at_question(desk: &Desk, bench: &Bench) -> Session {
    let mut session = desk.start(with_signer(desk, bench).size(100, 40), &[]);
    session.shows(&["broken", "certain"]);
    mend(&mut session);
    session.walk(&[(Key::Char('A'), "Do exactly this?")]);
    session
}

/// The screen says this, wherever its lines are broken.
fn says(session: &Session, wanted: &str) -> bool {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line(&session.screen().text()).contains(&one_line(wanted))
}

/// What stands behind `--sign` in each call since the last time this was asked.
fn signed_by(bench: &Bench) -> Vec<Vec<u8>> {
    let calls = bench.take_log();
    assert!(!calls.is_empty(), "nothing was signed");
    let after = |call: &Vec<Vec<u8>>| call.iter().position(|word| word == b"--sign").map(|at| call[at + 1].clone());
    calls.iter().map(|call| after(call).expect("every command signs")).collect()
}

#[test]
fn an_identity_of_the_keychain_is_chosen_and_signs_byte_for_byte() {
    let (bench, desk) = (Bench::new(), Desk::new());
    let trace = bench.keychain(&[(NOBODY_HASH, NOBODY, ""), (OLD_HASH, OTHER_NAME, EXPIRED), (OTHER_HASH, OTHER_NAME, "")]);
    let mut session = at_question(&desk, &bench);
    let app = unpacked(&desk);
    let original = practice::tree(&app);
    session.walk(&[(Key::Char('I'), "security find-identity -v -p codesigning")]);
    session.walk(&[(Key::Down, "▸ Nobody: ad hoc"), (Key::Down, "▸ Look into the keychain")]);
    assert!(!trace.exists(), "it is not asked before Enter");
    session.walk(&[(Key::Enter, "▸ Developer ID Application: Nobody"), (Key::Down, "broken: cannot sign")]);
    assert_eq!(std::fs::read_to_string(&trace).unwrap(), "find-identity -v -p codesigning\n", "exactly what was shown, once");
    session.walk(&[(Key::Enter, "it cannot sign: its certificate has expired")]);
    session.walk(&[(Key::Down, "another program, so permissions"), (Key::Enter, "Do exactly this?")]);
    let shown = session.shows(&["by its hash", "Know before"]);
    assert!(says(&session, &format!("--sign {OTHER_HASH}")), "{shown}");
    assert!(bench.take_log().is_empty(), "nothing is signed before the yes");
    session.walk(&[(Key::Char('y'), "mended. The refusal is gone")]);
    let all = signed_by(&bench);
    assert!(all.len() >= 2 && all.iter().all(|one| one == OTHER_HASH.as_bytes()), "all code of the app, with that one: {all:?}");
    let copy = app.parent().unwrap().join("mended/Sketchbook.app");
    let report = bench.report_alone(&copy, &temper::lab::all()[0]);
    let teams: Vec<_> = report["code"].as_array().unwrap().iter().map(|code| code["team"].as_str()).collect();
    assert!(teams.iter().all(|team| *team == Some("OTHERTEAM1")), "{teams:?}");
    // The way back is in reach after the proof was left, on the walk and on the answer.
    let done = practice::tree(&copy);
    session.walk(&[(Key::Esc, "u undo the fix"), (Key::Char('u'), "yes, undo it"), (Key::Char('n'), "enter next step")]);
    session.walk(&[(Key::Esc, "macOS killed Sketchbook"), (Key::Char('P'), "mended. The refusal is gone")]);
    session.walk(&[(Key::Esc, "macOS killed Sketchbook"), (Key::Char('u'), "yes, undo it")]);
    assert_eq!(practice::tree(&copy), done, "nothing is taken back before the yes");
    session.walk(&[(Key::Char('y'), "fine: taken back"), (Key::Esc, "macOS killed Sketchbook")]);
    assert!(!session.screen().contains("undo the fix"), "{}", session.screen());
    assert_eq!(practice::tree(&copy), original, "byte for byte");
    assert_eq!(practice::names(copy.parent().unwrap()), ["Sketchbook.app"], "nothing is left behind");
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}

#[test]
fn an_identity_that_fails_is_told_and_another_is_chosen() {
    let (bench, desk) = (Bench::new(), Desk::new());
    let trace = bench.keychain(&[(NOBODY_HASH, NOBODY, ""), (OTHER_HASH, OTHER_NAME, "")]);
    let mut session = at_question(&desk, &bench);
    let app = unpacked(&desk);
    let original = practice::tree(&app);
    session.walk(&[(Key::Char('i'), "in place:"), (Key::Char('I'), "▸ The identity in use")]);
    session.walk(&[(Key::Down, "▸ Nobody: ad hoc"), (Key::Down, "▸ Look into"), (Key::Enter, "▸ Developer ID Application: Nobody")]);
    session.walk(&[(Key::Enter, "Do exactly this?"), (Key::Char('y'), "everything was taken back")]);
    assert!(says(&session, "no identity found"), "{}", session.screen());
    assert_eq!(practice::tree(&app), original);
    assert_eq!(signed_by(&bench)[0], NOBODY.as_bytes());
    // Where it was said another is chosen; the keychain is known already.
    session.walk(&[(Key::Char('I'), "chosen now"), (Key::Down, "▸ Developer ID Application: Other Team")]);
    session.walk(&[(Key::Enter, "in place:"), (Key::Char('y'), "mended. The refusal is gone")]);
    assert!(signed_by(&bench).iter().all(|one| one == OTHER_NAME.as_bytes()));
    assert_eq!(std::fs::read_to_string(&trace).unwrap().lines().count(), 1, "asked once");
    session.walk(&[(Key::Char('u'), "yes, undo it"), (Key::Char('y'), "fine: taken back")]);
    assert_eq!(practice::tree(&app), original, "byte for byte");
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
}

/// No frame of the terminal has a part of it.
fn never_shown(recorder: Recorder, secrets: &[&str]) {
    let recording = recorder.stop().unwrap();
    assert_eq!(recording.dropped(), 0);
    assert!(recording.len() > 10, "{}", recording.len());
    for (_, frame) in recording.frames() {
        let text = frame.text();
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
    }
}

/// No file below has it, but for the one that the stub of the signing program writes.
fn nowhere_on_disk(folders: &[&Path], except: &Path, secret: &str) {
    let files = folders.iter().flat_map(walkdir::WalkDir::new).map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    for file in files.filter(|file| file.path() != except) {
        let bytes = std::fs::read(file.path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{}", file.path().display());
    }
}

#[test]
fn a_password_is_typed_unseen_and_handed_over_by_standard_input() {
    let (bench, desk) = (Bench::new(), Desk::new());
    let seen = bench.folder().join("seen");
    let (right, wrong) = ("Zq7#ü !9y", "Wx4%k");
    // Looks at the password before it does anything, as rcodesign does.
    let stub = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > '{0}.argv'\nenv > '{0}.env'\ncat > '{0}.stdin'\n\
         cmp -s '{0}.stdin' '{0}.right' || {{ echo 'Error: incorrect password given when decrypting PFX data' >&2; exit 1; }}\n",
        seen.display()
    );
    bench.program("rcodesign", &stub);
    let expected = seen.with_extension("right");
    std::fs::write(&expected, format!("{right}\n")).unwrap();
    let identity = desk.path("home").join("my id.p12");
    std::fs::write(&identity, "p12").unwrap();

    let mut session = desk.start(with_signer(&desk, &bench).size(100, 40).record_budget(40_000_000), &[]);
    session.shows(&["broken", "certain"]);
    let recorder = session.terminal.record();
    mend(&mut session);
    session.walk(&[(Key::Char('A'), "Do exactly this?"), (Key::Char('I'), "▸ The identity in use"), (Key::Char('G'), "▸ A PKCS #12 file")]);
    // One that is not there is said, before any password is asked for.
    session.walk(&[(Key::Enter, "with certificate and key")]);
    session.terminal.send_str("~/no.p12").unwrap();
    session.shows(&["~/no.p12"]);
    session.walk(&[(Key::Enter, "the identity cannot be read"), (Key::Char('I'), "▸ A PKCS #12 file"), (Key::Enter, "no.p12")]);
    for _ in 0.."no.p12".len() {
        session.press(Key::Backspace);
    }
    session.terminal.send_str("my id.p12").unwrap();
    session.shows(&["my id.p12"]);
    session.walk(&[(Key::Enter, "Password of my id.p12")]);
    session.terminal.send_str(wrong).unwrap();
    session.shows(&["▸ •••••\n"]);
    let question = session.walk(&[(Key::Enter, "Do exactly this?")]);
    assert!(question.contains("typed; it goes to rcodesign by standard input") && question.contains("--p12-file"), "{question}");
    assert!(!seen.with_extension("argv").exists(), "nothing runs before the yes");
    session.walk(&[(Key::Char('y'), "everything was taken back")]);
    assert!(says(&session, "incorrect password"), "{}", session.screen());
    // The same file again, and the right one, pasted.
    session.walk(&[(Key::Char('I'), "chosen now"), (Key::Enter, "my id.p12"), (Key::Enter, "Password of my id.p12")]);
    session.terminal.paste(right).unwrap();
    session.shows(&["▸ •••••••••\n"]);
    session.walk(&[(Key::Enter, "Do exactly this?"), (Key::Char('y'), "not as it should be")]);

    let read = |end: &str| std::fs::read_to_string(seen.with_extension(end)).unwrap();
    assert_eq!(read("stdin"), format!("{right}\n"), "as the headless face hands it over");
    let argv = read("argv");
    let words: Vec<&str> = argv.lines().collect();
    let at = words.iter().position(|word| *word == "--p12-file").unwrap();
    assert_eq!(words[at + 1..at + 4], [identity.to_str().unwrap(), "--p12-password-file", "/dev/stdin"]);
    for shown in [argv.clone(), read("env")] {
        assert!(!shown.contains(right) && !shown.contains(wrong), "{shown}");
    }
    std::fs::remove_file(&expected).unwrap();
    nowhere_on_disk(&[bench.folder(), &desk.path("")], &seen.with_extension("stdin"), right);
    session.press(Key::Char('q'));
    assert_eq!(session.ends(), Some(0));
    never_shown(recorder, &[right, wrong, "Zq7", "7#ü", "!9y", "Wx4", "4%k"]);
}
