#![allow(clippy::unwrap_used)]

use super::*;
use crate::fix::sample::{self, *};

fn lines(steps: &[SignStep]) -> Vec<String> {
    steps.iter().map(|step| command_line(&step.argv)).collect()
}

fn changed(path: &str) -> Vec<(PathBuf, PathBuf)> {
    vec![(path.into(), "Demo.entitlements".into())]
}

#[test]
fn the_main_executable_is_signed_as_its_bundle() {
    let steps = plan(&app(), &changed("Contents/MacOS/Demo"), &[]);
    assert_eq!(
        lines(&steps),
        [
            "codesign --force --identifier org.example --options runtime --timestamp --entitlements Demo.entitlements --preserve-metadata=requirements --sign 'Developer ID Application: Ann (TEAM123456)' Demo.app"
        ]
    );
    assert_eq!((steps[0].object.as_path(), steps[0].why.as_str()), (Path::new(""), "its entitlements change"));
    assert_eq!(steps[0].entitlements.as_deref(), Some(Path::new("Demo.entitlements")));
}

#[test]
fn everything_that_holds_a_changed_object_follows_inside_out() {
    let steps = plan(&app(), &[], &["Contents/Frameworks/Kit.framework/Versions/A/Libraries/libx.dylib".into()]);
    let objects: Vec<&str> = steps.iter().map(|step| step.object.to_str().unwrap()).collect();
    assert_eq!(objects, ["Contents/Frameworks/Kit.framework/Versions/A/Libraries/libx.dylib", "Contents/Frameworks/Kit.framework", ""]);
    let whys: Vec<&str> = steps.iter().map(|step| step.why.as_str()).collect();
    assert_eq!(whys, ["signed by another team", "holds a changed object", "holds a changed object"]);
    let sign = "--sign 'Developer ID Application: Ann (TEAM123456)' Demo.app";
    assert_eq!(
        lines(&steps),
        [
            format!(
                "codesign --force --identifier org.example --timestamp {sign}/Contents/Frameworks/Kit.framework/Versions/A/Libraries/libx.dylib"
            ),
            format!(
                "codesign --force --identifier org.example --timestamp --preserve-metadata=requirements {sign}/Contents/Frameworks/Kit.framework"
            ),
            format!(
                "codesign --force --identifier org.example --options runtime --timestamp --preserve-metadata=entitlements,requirements {sign}"
            ),
        ]
    );
}

#[test]
fn a_helper_is_signed_before_the_app_and_only_once() {
    let helper = "Contents/MacOS/helper";
    let steps = plan(&app(), &changed(helper), &[helper.into(), "Contents/MacOS/Demo".into()]);
    let objects: Vec<&str> = steps.iter().map(|step| step.object.to_str().unwrap()).collect();
    assert_eq!(objects, [helper, ""]);
    assert!(lines(&steps)[0].contains(
        "--identifier org.example --options runtime --timestamp --entitlements Demo.entitlements --preserve-metadata=requirements --sign"
    ));
    assert_eq!(steps[0].why, "its entitlements change");
}

#[test]
fn an_ad_hoc_app_stays_ad_hoc_and_gets_no_timestamp() {
    let mut evidence = app();
    evidence.images.iter_mut().for_each(|image| sign_as(image, SignerKind::AdHoc, None, None));
    let steps = plan(&evidence, &changed("Contents/MacOS/Demo"), &[]);
    assert_eq!(
        lines(&steps),
        ["codesign --force --identifier org.example --options runtime --entitlements Demo.entitlements --sign - Demo.app"]
    );
    let distribution = super::steps(&evidence, &Job { also: vec!["Contents/MacOS/Demo".into()], distribution: true, ..Job::default() });
    assert!(lines(&distribution)[0].contains(&format!("--sign '{PLACEHOLDER}'")));
    assert!(!lines(&distribution)[0].contains("requirements"), "the requirement of an ad hoc signature is its own digest");
}

#[test]
fn the_placeholder_stands_where_no_identity_is_known() {
    for (kind, name) in [
        (SignerKind::Unsigned, None),
        (SignerKind::AppStore, Some("Apple Mac OS Application Signing")),
        (SignerKind::Apple, Some("Software Signing")),
        (SignerKind::DeveloperId, None),
        (SignerKind::SelfSigned, Some("-")),
    ] {
        let mut evidence = app();
        sign_as(&mut evidence.images[sample::MAIN], kind, name, None);
        assert_eq!(
            Identity::of(&evidence, false),
            Identity { name: PLACEHOLDER.into(), hash: None, ad_hoc: false, known: false },
            "{kind:?}"
        );
    }
    let mut evidence = app();
    sign_as(&mut evidence.images[sample::MAIN], SignerKind::AppleDevelopment, Some("Apple Development: Ann (X)"), Some("TEAM123456"));
    assert_eq!(Identity::of(&evidence, false).name, "Apple Development: Ann (X)");
    assert_eq!(Identity::of(&evidence, true).name, PLACEHOLDER);
}

#[test]
fn the_runtime_flag_stays_as_it_is_unless_asked() {
    let mut evidence = app();
    evidence.images.iter_mut().for_each(|image| set_flags(image, 0));
    assert!(!lines(&plan(&evidence, &changed("Contents/MacOS/Demo"), &[]))[0].contains("--options"));
    let job = |runtime| Job { also: vec!["Contents/MacOS/Demo".into()], runtime, ..Job::default() };
    assert!(lines(&steps(&evidence, &job(Some(true))))[0].contains("--options runtime"));
    let without = lines(&steps(&app(), &job(Some(false))));
    assert!(!without[0].contains("--options") && !without[0].contains("flags"), "{without:?}");
    let mut restricted = app();
    set_flags(&mut restricted.images[sample::MAIN], 0x12200);
    assert!(lines(&plan(&restricted, &changed("Contents/MacOS/Demo"), &[]))[0].contains("--options runtime,kill,library-validation "));
}

#[test]
fn an_unsigned_helper_of_a_hardened_app_is_hardened() {
    let mut evidence = app();
    let helper = evidence.images.iter_mut().find(|image| image.path.ends_with("helper")).unwrap();
    helper.signed = crate::evidence::Signed::No;
    let steps = plan(&evidence, &[], &["Contents/MacOS/helper".into()]);
    assert_eq!(
        lines(&steps)[0],
        "codesign --force --options runtime --timestamp --sign 'Developer ID Application: Ann (TEAM123456)' Demo.app/Contents/MacOS/helper"
    );
    assert_eq!(steps[0].why, "not signed");
}

#[test]
fn everything_means_every_code_object_and_no_resource_bundle() {
    let steps = steps(&app(), &Job { everything: true, ..Job::default() });
    let objects: Vec<&str> = steps.iter().map(|step| step.object.to_str().unwrap()).collect();
    assert_eq!(
        objects,
        [
            "Contents/Frameworks/Kit.framework/Versions/A/Libraries/libx.dylib",
            "Contents/Frameworks/Kit.framework",
            "Contents/MacOS/helper",
            ""
        ]
    );
}

#[test]
fn nothing_is_ever_signed_deep() {
    for step in steps(&app(), &Job { everything: true, changed: changed("Contents/MacOS/Demo"), ..Job::default() }) {
        assert!(!step.argv.iter().any(|word| word.starts_with("--deep")));
    }
}

#[test]
fn a_bare_tool_and_a_folder_have_no_container() {
    let mut evidence = app();
    evidence.bundles.clear();
    evidence.images = vec![evidence.images.swap_remove(sample::MAIN)];
    evidence.images[0].path = "-tool".into();
    (evidence.images[0].main_of, evidence.images[0].bundle) = (None, None);
    evidence.target.kind = TargetKind::MachO;
    evidence.target.path = "somewhere/-tool".into();
    evidence.target.executable = Some("-tool".into());
    let steps = plan(&evidence, &[("-tool".into(), "-tool.entitlements".into())], &[]);
    assert_eq!(steps.len(), 1);
    assert!(
        lines(&steps)[0].ends_with(" ./-tool") && lines(&steps)[0].contains("--entitlements ./-tool.entitlements"),
        "{:?}",
        lines(&steps)
    );
    assert!(plan(&Evidence::empty(), &changed("x"), &[]).is_empty());
}

#[test]
fn another_identity_signs_everything() {
    let signing = |who| Signing { who, ..Signing::default() };
    let job = |who| Job { also: vec!["Contents/MacOS/Demo".into()], signing: signing(who), ..Job::default() };
    let named = lines(&steps(&app(), &job(Who::Named("Me (MYTEAM)".into()))));
    assert_eq!(named.len(), 4, "{named:?}");
    assert!(named.iter().all(|line| line.contains("--sign 'Me (MYTEAM)'") && !line.contains("requirements")), "{named:?}");
    assert!(named[2].contains("--preserve-metadata=entitlements --sign") && !named[0].contains("--preserve-metadata"), "{named:?}");
    assert_eq!(steps(&app(), &job(Who::Named(NAME.into()))).len(), 1, "the identity in use is no other identity");
    let ad_hoc = steps(&app(), &Job { signing: Signing { no_runtime: true, ..signing(Who::AdHoc) }, ..job(Who::AdHoc) });
    assert_eq!(ad_hoc.len(), 4);
    assert!(lines(&ad_hoc).iter().all(|line| line.contains("--sign - ") && !line.contains("--options") && !line.contains("--timestamp")));
}

#[test]
fn the_other_program_is_called_its_own_way() {
    let job = Job {
        changed: changed("Contents/MacOS/helper"),
        signing: Signing { signer: Signer::Rcodesign, who: Who::P12("/keys/my id.p12".into()), ..Signing::default() },
        ..Job::default()
    };
    let lines = lines(&steps(&app(), &job));
    let key = "rcodesign sign --shallow --p12-file '/keys/my id.p12' --p12-password-file /dev/stdin --binary-identifier org.example";
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0], format!("{key} Demo.app/Contents/Frameworks/Kit.framework/Versions/A/Libraries/libx.dylib"));
    assert_eq!(
        lines[2],
        format!("{key} --code-signature-flags runtime --entitlements-xml-file Demo.entitlements Demo.app/Contents/MacOS/helper")
    );
    let no_timestamp = Job { signing: Signing { no_timestamp: true, ..job.signing.clone() }, ..job.clone() };
    assert!(super::tests::lines(&steps(&app(), &no_timestamp)).iter().all(|line| line.contains("/dev/stdin --timestamp-url none ")));
    let mut evidence = app();
    set_flags(&mut evidence.images[sample::MAIN], 0x12200);
    let job = Job { changed: vec![("Contents/MacOS/Demo".into(), "a:b.entitlements".into())], ..job };
    let last = super::tests::lines(&steps(&evidence, &job)).pop().unwrap();
    assert!(last.contains("--code-signature-flags runtime --code-signature-flags kill --code-signature-flags library "), "{last}");
    assert!(last.contains("--entitlements-xml-file @main:a:b.entitlements"), "a colon would be a scope: {last}");
}

#[test]
fn bytes_that_are_no_text_are_kept() {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::OsStr::from_bytes(b"-a\xff'b\n");
    assert_eq!(exact_operand(Path::new(name)).as_encoded_bytes(), b"./-a\xff'b\n");
    assert_eq!(quote_exact(name), r"$'-a\377\047b\012'");
    let output = std::process::Command::new("bash").arg("-c").arg(format!("printf %s {}", quote_exact(name))).output().unwrap();
    assert_eq!(output.stdout, name.as_bytes());
}

#[test]
fn words_are_quoted_only_when_they_must_be() {
    for (word, expected) in [
        ("--preserve-metadata=entitlements,flags", "--preserve-metadata=entitlements,flags"),
        ("-", "-"),
        ("a b", "'a b'"),
        ("it's", r"'it'\''s'"),
        ("", "''"),
        ("=x", "'=x'"),
        ("~", "'~'"),
        ("a$(b)`c`", "'a$(b)`c`'"),
        ("ä", "'ä'"),
        ("a\nb", r"$'a\nb'"),
        ("a\u{1b}[0m'\\!", r"$'a\033[0m\'\\\041'"),
        ("a\u{202e}b", r"$'a\342\200\256b'"),
    ] {
        assert_eq!(quote(word), expected);
    }
    assert_eq!(command_line(&["a".into(), "b c".into()]), "a 'b c'");
}

#[test]
fn a_shell_gives_the_argument_back() {
    let words = [
        "plain",
        "",
        "a b",
        "it's",
        "'",
        "\"$HOME\"",
        "$(id)",
        "`id`",
        "a\\b",
        "*?[x]{a,b}",
        "~/x",
        "#x",
        "a;b|c&d>e<f",
        "ä 漢 🦀",
        "--x",
        "-",
        "!x",
        "=ls",
        "%s\\n",
    ];
    for word in words {
        assert_eq!(through("sh", word), word);
    }
    for word in ["a\nb", "tab\t\r", "\u{1b}[31m", "\u{7}7", "x\u{202e}y'\\!", "\u{200b}0", "é\u{1}é"] {
        assert_eq!(through("bash", word), word);
    }
}

/// What a program started by `shell` receives for the quoted word.
fn through(shell: &str, word: &str) -> String {
    let command = format!("printf %s {}", quote(word));
    let output = std::process::Command::new(shell).arg("-c").arg(command).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
