//! The signer that tests and practice apps are signed with.

use crate::support::check;
use crate::support::sign::{self, DerForm, Identity, SignOptions};
use temper::lab;

/// A program to sign: universal, signed already.
fn universal() -> &'static [u8] {
    let lab = &lab::all()[0];
    lab.files.iter().find(|(path, ..)| *path == "Contents/MacOS/Sketchbook").unwrap().1
}

fn slices(bytes: &[u8]) -> Vec<Vec<u8>> {
    sign::slices(bytes).into_iter().map(|range| bytes[range].to_vec()).collect()
}

#[test]
fn every_slice_gets_a_signature_that_holds() {
    let signed = sign::sign(universal(), &SignOptions::hardened("org.example.tool").by(Identity::OtherTeam));
    assert_eq!(slices(&signed).len(), 2);
    for slice in slices(&signed) {
        let checked = check::slice(&slice, None, None).unwrap();
        assert_eq!(checked.identifier, "org.example.tool");
        assert_eq!(checked.team.as_deref(), Some("OTHERTEAM1"));
        assert!(checked.signer.unwrap().contains("Other Team"));
    }
}

#[test]
fn signing_again_replaces_the_signature() {
    let options = SignOptions::hardened("org.example.tool");
    let once = sign::sign(universal(), &options);
    assert!(sign::sign(&once, &options) == once);
}

#[test]
fn ad_hoc_code_has_no_signer_and_no_team() {
    let signed = sign::sign(universal(), &SignOptions::ad_hoc("tool"));
    let checked = check::slice(&slices(&signed)[1], None, None).unwrap();
    assert_eq!((checked.signer, checked.team, checked.flags, checked.version), (None, None, 0x2, 0x20400));
}

#[test]
fn a_changed_page_is_noticed() {
    let mut slice = slices(universal())[1].clone();
    slice[0x4000] ^= 1;
    assert_eq!(check::slice(&slice, None, None).unwrap_err(), "page 1");
}

#[test]
fn a_changed_info_plist_is_noticed() {
    let lab = &lab::all()[0];
    let file = |name: &str| lab.files.iter().find(|(path, ..)| *path == name).unwrap().1;
    let seal = file("Contents/_CodeSignature/CodeResources");
    let slice = &slices(universal())[0];
    assert!(check::slice(slice, Some(file("Contents/Info.plist")), Some(seal)).is_ok());
    assert_eq!(check::slice(slice, Some(b"<plist/>"), Some(seal)).unwrap_err(), "slot 1");
}

#[test]
fn der_entitlements_are_core_entitlements_version_1() {
    let options = SignOptions::hardened("tool").entitled(&sign::entitlements_xml(&["b", "a"]));
    let der = |options: &SignOptions| {
        let signed = sign::sign(universal(), options);
        sign::blob_of(sign::signature_of(&slices(&signed)[0]).unwrap(), 7).map(|blob| blob[8..].to_vec())
    };
    let pair = |key: u8| [0x30, 6, 0x0c, 1, key, 1, 1, 0xff];
    assert_eq!(der(&options).unwrap(), [&[0x70, 21, 2, 1, 1, 0xb0, 16][..], &pair(b'a'), &pair(b'b')].concat());
    assert_eq!(der(&SignOptions { der: DerForm::Omitted, ..options }), None);
}

#[test]
fn a_bundle_is_signed_from_the_inside_out() {
    let lab = &lab::all()[0];
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes, _) in lab.files.iter().filter(|(path, ..)| !path.contains("_CodeSignature")) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    std::fs::create_dir_all(folder.path().join("Contents/Resources/en.lproj")).unwrap();
    std::fs::write(folder.path().join("Contents/Resources/en.lproj/Main.strings"), "").unwrap();
    std::fs::write(folder.path().join("Contents/Resources/brush.txt"), "round").unwrap();
    let codes = [("Contents/Frameworks/libbrush.dylib", SignOptions::ad_hoc("libbrush")), ("", SignOptions::hardened("org.example"))];
    sign::sign_bundle(folder.path(), &codes).unwrap();

    let read = |path: &str| std::fs::read(folder.path().join(path)).unwrap();
    let (info, seal) = (read("Contents/Info.plist"), read("Contents/_CodeSignature/CodeResources"));
    for slice in slices(&read("Contents/MacOS/Sketchbook")) {
        check::slice(&slice, Some(&info), Some(&seal)).unwrap();
    }
    let seal = plist::Value::from_reader_xml(seal.as_slice()).unwrap();
    let files = seal.as_dictionary().unwrap()["files2"].as_dictionary().unwrap();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["Frameworks/libbrush.dylib", "Resources/brush.txt", "Resources/en.lproj/Main.strings"]);
    assert!(files["Frameworks/libbrush.dylib"].as_dictionary().unwrap()["requirement"].as_string().unwrap().starts_with("cdhash H\""));
    assert_eq!(files["Resources/en.lproj/Main.strings"].as_dictionary().unwrap()["optional"].as_boolean(), Some(true));
}
