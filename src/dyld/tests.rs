use super::*;
use crate::evidence::{Bundle, Signed};
use crate::read::callsites::{CallSite, CallSites};
use crate::read::macho::{Library, MachO};

fn image(path: &str, arch: Arch, file_type: FileType, names: &[&str], rpaths: &[&str]) -> Image {
    let library = |name: &&str| Library {
        name: name.trim_start_matches("weak:").into(),
        kind: if name.starts_with("weak:") { LinkKind::Weak } else { LinkKind::Required },
    };
    let macho = MachO {
        arch,
        is_64: true,
        file_type,
        flags: 0,
        uuid: None,
        platform: Some(1),
        min_os: None,
        sdk: None,
        install_name: None,
        libraries: names.iter().map(library).collect(),
        rpaths: rpaths.iter().map(|rpath| (*rpath).to_owned()).collect(),
        dyld_environment: Vec::new(),
        segments: Vec::new(),
        sections: Vec::new(),
        undefined: Vec::new(),
        signature: None,
        function_starts: None,
        has_symbols: false,
        info_plist: None,
        faults: Vec::new(),
    };
    Image {
        path: path.into(),
        slice: 0,
        universal: false,
        macho,
        signed: Signed::No,
        calls: CallSites::default(),
        strings: Vec::new(),
        main_of: None,
        bundle: None,
        quarantine: None,
    }
}

fn executable(path: &str, names: &[&str], rpaths: &[&str]) -> Image {
    image(path, Arch::Arm64, FileType::Execute, names, rpaths)
}

fn dylib(path: &str, names: &[&str]) -> Image {
    image(path, Arch::Arm64, FileType::Dylib, names, &[])
}

fn opens(mut image: Image, names: &[&str]) -> Image {
    let call = |name: &&str| CallSite {
        callee: "_dlopen".into(),
        address: 0x1000,
        function: None,
        symbol: None,
        arguments: vec![Value::Text((*name).to_owned()), Value::Known(1)],
        is_tail: false,
        via: Vec::new(),
    };
    image.calls.calls = names.iter().map(call).collect();
    image
}

fn evidence(images: Vec<Image>) -> Evidence {
    let mut evidence = Evidence::empty();
    evidence.target.path = "Demo.app".into();
    evidence.target.root = "/build/Demo.app".into();
    evidence.target.kind = TargetKind::App;
    evidence.target.executable = Some("Contents/MacOS/Demo".into());
    evidence.images = images;
    evidence
}

/// Found and judged; whether the policy allows it is not this module's business.
fn is_found(load: &Load) -> bool {
    matches!(load.verdict, LoadVerdict::Allowed | LoadVerdict::Refused)
}

fn said(evidence: &Evidence) -> Vec<String> {
    let line = |load: &Load| {
        let to = load.to.as_deref().map_or("-".into(), |path| path.display().to_string());
        let verdict = if is_found(load) { "found" } else { load.verdict.word() };
        let marks = format!("{}{}", if load.weak { " weak" } else { "" }, if load.is_dynamic { " dynamic" } else { "" });
        format!("{} {} {to} {verdict}{marks}", load.from.display(), load.name)
    };
    loads(evidence).iter().map(line).collect()
}

const DEMO: &str = "Contents/MacOS/Demo";

#[test]
fn rpaths_of_the_loading_chain_are_used_and_system_libraries_left_out() {
    let evidence = evidence(vec![
        dylib("Contents/Frameworks/liba.dylib", &["@rpath/libb.dylib", "/usr/lib/libSystem.B.dylib", "@loader_path/sub/libc.dylib"]),
        dylib("Contents/Frameworks/libb.dylib", &["@rpath/liba.dylib"]),
        dylib("Contents/Frameworks/sub/libc.dylib", &[]),
        executable(DEMO, &["@rpath/liba.dylib", "/System/Library/Frameworks/AppKit.framework/AppKit"], &["@executable_path/../Frameworks"]),
    ]);
    assert_eq!(
        said(&evidence),
        [
            "Contents/MacOS/Demo @rpath/liba.dylib Contents/Frameworks/liba.dylib found",
            "Contents/Frameworks/liba.dylib @rpath/libb.dylib Contents/Frameworks/libb.dylib found",
            "Contents/Frameworks/liba.dylib @loader_path/sub/libc.dylib Contents/Frameworks/sub/libc.dylib found",
            "Contents/Frameworks/libb.dylib @rpath/liba.dylib Contents/Frameworks/liba.dylib found",
        ]
    );
}

#[test]
fn missing_weak_outside_and_relative_names_are_told_apart() {
    let evidence = evidence(vec![executable(
        DEMO,
        &["@rpath/libgone.dylib", "weak:@loader_path/libweak.dylib", "/opt/homebrew/lib/libx.dylib", "librel.dylib"],
        &["@loader_path/../Frameworks"],
    )]);
    assert_eq!(
        said(&evidence),
        [
            "Contents/MacOS/Demo @rpath/libgone.dylib - missing",
            "Contents/MacOS/Demo @loader_path/libweak.dylib - missing weak",
            "Contents/MacOS/Demo /opt/homebrew/lib/libx.dylib - outside",
            "Contents/MacOS/Demo librel.dylib - missing",
        ]
    );
}

#[test]
fn an_rpath_that_leads_out_makes_a_missing_library_one_outside() {
    let evidence = evidence(vec![executable(DEMO, &["@rpath/liba.dylib"], &["@loader_path", "/opt/lib"])]);
    assert_eq!(loads(&evidence)[0].verdict, LoadVerdict::Outside);
}

#[test]
fn the_systems_swift_folder_holds_swift_libraries_and_nothing_else() {
    let names = ["@rpath/libswiftCore.dylib", "@rpath/Kit.framework/Kit"];
    let evidence = evidence(vec![executable(DEMO, &names, &["/usr/lib/swift", "@executable_path/../Frameworks"])]);
    assert_eq!(said(&evidence), ["Contents/MacOS/Demo @rpath/Kit.framework/Kit - missing"]);
}

#[test]
fn in_a_folder_a_plugin_belongs_to_the_program_whose_folder_it_lies_in() {
    let mut evidence = evidence(vec![
        executable("a/bin/python", &[], &[]),
        image("a/lib/lib-dynload/_x.so", Arch::Arm64, FileType::Bundle, &[], &[]),
        executable("b/tool", &[], &[]),
        image("c/alone.so", Arch::Arm64, FileType::Bundle, &[], &[]),
    ]);
    evidence.target.executable = None;
    assert_eq!(said(&evidence), ["a/bin/python a/lib/lib-dynload/_x.so a/lib/lib-dynload/_x.so found dynamic"]);
}

#[test]
fn every_spelling_of_a_framework_is_one_file() {
    let kit = "Contents/Frameworks/Kit.framework/Versions/B/Kit";
    for name in ["Kit.framework/Kit", "Kit.framework/Versions/Current/Kit", "Kit.framework/Versions/B/Kit"] {
        let images = vec![dylib(kit, &[]), executable(DEMO, &[&format!("@rpath/{name}")], &["@executable_path/../Frameworks"])];
        assert_eq!(loads(&evidence(images))[0].to.as_deref(), Some(Path::new(kit)), "{name}");
    }
    let images = vec![dylib(kit, &[]), executable(DEMO, &["@rpath/Kit.framework/Versions/A/Kit"], &["@executable_path/../Frameworks"])];
    assert_eq!(loads(&evidence(images))[0].verdict, LoadVerdict::Missing);
}

#[test]
fn a_name_that_is_a_link_to_a_version_is_found_and_another_version_is_not() {
    let find = |wanted: &str, there: &str, install_name: Option<&str>| {
        let mut library = dylib(&format!("Contents/Frameworks/{there}"), &[]);
        library.macho.install_name = install_name.map(str::to_owned);
        let images = vec![library, executable(DEMO, &[&format!("@executable_path/../Frameworks/{wanted}")], &[])];
        is_found(&loads(&evidence(images))[0])
    };
    assert!(find("libicu.dylib", "libicu.72.1.dylib", None));
    assert!(find("libicu.72.dylib", "libicu.dylib", Some("@rpath/libicu.72.dylib")));
    assert!(!find("libssl.1.1.dylib", "libssl.3.dylib", Some("@rpath/libssl.3.dylib")));
    assert!(!find("libicudata.72.dylib", "libicuuc.72.dylib", None));
    assert!(!find("libicu.dylib", "libicu.extra-tool.dylib", None));
}

#[test]
fn an_image_already_there_under_the_install_name_satisfies_an_rpath() {
    let mut first = dylib("Contents/Frameworks/liba.dylib", &["@rpath/libc.dylib"]);
    first.macho.install_name = Some("@rpath/liba.dylib".into());
    let mut other = dylib("Contents/lib/libc.dylib", &[]);
    other.macho.install_name = Some("@rpath/libc.dylib".into());
    let main = executable(DEMO, &["@executable_path/../lib/libc.dylib", "@executable_path/../Frameworks/liba.dylib"], &[]);
    let loads = loads(&evidence(vec![first, other, main]));
    assert!(loads.iter().all(is_found), "{loads:?}");
}

#[test]
fn a_library_without_the_slice_is_wrong_arch() {
    let library = image("Contents/MacOS/liba.dylib", Arch::X86_64, FileType::Dylib, &[], &[]);
    let evidence = evidence(vec![executable(DEMO, &["@loader_path/liba.dylib"], &[]), library]);
    let load = &loads(&evidence)[0];
    assert_eq!((load.verdict, load.to.as_deref()), (LoadVerdict::WrongArch, Some(Path::new("Contents/MacOS/liba.dylib"))));
    assert_eq!(load.rule, "the file has x86_64, the process is arm64");
}

#[test]
fn constant_names_given_to_dlopen_are_followed() {
    let evidence = evidence(vec![
        opens(
            executable(DEMO, &[], &["@executable_path/../lib"]),
            &["@executable_path/store/liba.dylib", "libb.dylib", "libnone.dylib", "/opt/x.dylib"],
        ),
        dylib("Contents/MacOS/store/liba.dylib", &["@loader_path/libc.dylib"]),
        dylib("Contents/MacOS/store/libc.dylib", &[]),
        dylib("Contents/lib/libb.dylib", &[]),
    ]);
    assert_eq!(
        said(&evidence),
        [
            "Contents/MacOS/Demo @executable_path/store/liba.dylib Contents/MacOS/store/liba.dylib found dynamic",
            "Contents/MacOS/Demo libb.dylib Contents/lib/libb.dylib found dynamic",
            "Contents/MacOS/Demo libnone.dylib - outside dynamic",
            "Contents/MacOS/Demo /opt/x.dylib - outside dynamic",
            "Contents/MacOS/store/liba.dylib @loader_path/libc.dylib Contents/MacOS/store/libc.dylib found",
        ]
    );
}

#[test]
fn plugins_belong_to_the_innermost_program_around_them() {
    let helper = "Contents/Frameworks/Helper.app";
    let bundle = |path: &str, executable: &str| Bundle {
        path: path.into(),
        kind: TargetKind::App,
        info_path: PathBuf::new(),
        info: None,
        executable: Some(executable.into()),
        has_profile: false,
        profile: None,
        has_seal: false,
    };
    let helper_main = format!("{helper}/Contents/MacOS/Helper");
    let mut evidence = evidence(vec![
        executable(&helper_main, &[], &[]),
        dylib(&format!("{helper}/Contents/PlugIns/libq.dylib"), &[]),
        executable(DEMO, &[], &[]),
        image("Contents/Resources/a.node", Arch::X86_64, FileType::Bundle, &[], &[]),
        dylib("Contents/Resources/lib/libfree.dylib", &[]),
    ]);
    evidence.bundles = vec![bundle("", DEMO), bundle(helper, &helper_main)];
    let loads = loads(&evidence);
    let said: Vec<_> = loads.iter().map(|load| (load.executable.to_str().unwrap(), load.name.as_str(), load.is_dynamic)).collect();
    let plugin = format!("{helper}/Contents/PlugIns/libq.dylib");
    assert_eq!(said, [(helper_main.as_str(), plugin.as_str(), true), (DEMO, "Contents/Resources/a.node", true)]);
    assert_eq!(loads[1].verdict, LoadVerdict::WrongArch);
}

#[test]
fn a_plugin_for_one_slice_of_a_universal_program_is_not_held_against_the_other() {
    let evidence = evidence(vec![
        executable(DEMO, &[], &[]),
        image(DEMO, Arch::X86_64, FileType::Execute, &[], &[]),
        image("Contents/PlugIns/a.bundle/a", Arch::X86_64, FileType::Bundle, &[], &[]),
    ]);
    let loads = loads(&evidence);
    assert_eq!(loads.len(), 1);
    assert_eq!(loads[0].arch, Arch::X86_64);
}

#[test]
fn a_loop_of_libraries_ends() {
    let evidence = evidence(vec![
        executable(DEMO, &["@loader_path/a.dylib"], &[]),
        dylib("Contents/MacOS/a.dylib", &["@loader_path/b.dylib", "@loader_path/a.dylib"]),
        dylib("Contents/MacOS/b.dylib", &["@loader_path/a.dylib", "@loader_path/Demo"]),
    ]);
    assert_eq!(loads(&evidence).len(), 5);
}

/// The executable of [`DEMO`], hardened, with these keys.
fn signed(mut image: Image, keys: &[&str]) -> Image {
    let mut sample = crate::evidence::sample::image(DEMO, FileType::Execute, None, None);
    let entries: Vec<_> = keys.iter().map(|key| (*key, crate::read::entitlements::Value::Bool(true))).collect();
    crate::evidence::sample::entitle(&mut sample, &entries);
    image.signed = sample.signed;
    image
}

fn kinds(evidence: &Evidence) -> Vec<(String, &'static str, bool)> {
    loads(evidence).into_iter().map(|load| (load.name, load.kind.word(), load.is_dangling)).collect()
}

#[test]
fn each_load_says_what_names_it() {
    let mut library = dylib("Contents/Frameworks/liba.dylib", &["@loader_path/libb.dylib"]);
    library.macho.libraries[0].kind = LinkKind::Reexport;
    let plugin = image("Contents/PlugIns/fx.so", Arch::Arm64, FileType::Bundle, &[], &[]);
    let main = opens(
        executable(DEMO, &["@executable_path/../Frameworks/liba.dylib", "weak:@rpath/libgone.dylib"], &[]),
        &["@executable_path/../Frameworks/libc.dylib"],
    );
    let libraries = ["b", "c"].map(|name| dylib(&format!("Contents/Frameworks/lib{name}.dylib"), &[]));
    let found = kinds(&evidence(libraries.into_iter().chain([library, plugin, main]).collect()));
    let said: Vec<&str> = found.iter().map(|(_, kind, _)| *kind).collect();
    assert_eq!(said, ["required", "weak", "dlopen", "re-export", "plug-in"]);
    assert!(found.iter().all(|(_, _, dangling)| !dangling), "it is not hardened: Gatekeeper does not look");
}

/// A path that leads nowhere is looked at by Gatekeeper only where library validation is off; also a weak one.
#[test]
fn dangling_paths_count_where_library_validation_is_off() {
    let names = ["/opt/homebrew/lib/libx.dylib", "weak:@rpath/libgone.dylib", "/usr/lib/libz.1.dylib"];
    let rpaths = ["@executable_path/../Frameworks", "/usr/lib/swift", "/Applications/Xcode.app/Contents/lib", "@loader_path/../../../out"];
    let demo = |keys: &[&str]| evidence(vec![signed(executable(DEMO, &names, &rpaths), keys)]);
    let off = demo(&[policy::key::LIBRARY_VALIDATION]);
    let dangling: Vec<String> = kinds(&off).into_iter().filter(|(_, _, dangling)| *dangling).map(|(name, ..)| name).collect();
    assert_eq!(dangling, ["/opt/homebrew/lib/libx.dylib", "@rpath/libgone.dylib"]);
    let out: Vec<String> = dangling_rpaths(&off, &loads(&off)).into_iter().map(|found| found.rpath).collect();
    assert_eq!(out, ["/Applications/Xcode.app/Contents/lib", "@loader_path/../../../out"]);
    let on = demo(&[]);
    assert!(kinds(&on).iter().all(|(_, _, dangling)| !dangling) && dangling_rpaths(&on, &loads(&on)).is_empty());
}

/// A bare name given to `dlopen`: where dyld falls back to is the policy's to say.
#[test]
fn fallback_folders_are_searched_as_far_as_the_policy_allows() {
    let rule = |image: Image| loads(&evidence(vec![image])).pop().unwrap();
    let demo = || opens(executable(DEMO, &[], &[]), &["libssl.dylib"]);
    let hardened = rule(signed(demo(), &[]));
    assert!(hardened.verdict == LoadVerdict::Outside && hardened.rule.contains("/usr/lib only"), "{}", hardened.rule);
    let allowed = rule(signed(demo(), &[policy::key::DYLD_VARIABLES]));
    assert!(allowed.rule.contains("/usr/local/lib"), "{}", allowed.rule);
    assert!(rule(demo()).rule.contains("/usr/local/lib"));
}

/// `__RESTRICT` without library validation: dyld expands no @-path.
#[test]
fn at_paths_of_a_restricted_program_are_not_expanded() {
    let mut main = executable(DEMO, &["@executable_path/liba.dylib"], &[]);
    main.macho.sections.push(crate::read::macho::Section {
        segment: "__RESTRICT".into(),
        name: "__restrict".into(),
        address: 0,
        size: 0,
        offset: 0,
        flags: 0,
        reserved1: 0,
        reserved2: 0,
    });
    let found = loads(&evidence(vec![dylib("Contents/MacOS/liba.dylib", &[]), main]));
    assert!(found[0].verdict == LoadVerdict::Missing && found[0].rule.contains("not expanded"), "{:?}", found[0]);
}

#[test]
fn a_library_opened_at_run_time_is_judged_like_one_that_is_linked() {
    let name = "@executable_path/../Frameworks/liba.dylib";
    let library = dylib("Contents/Frameworks/liba.dylib", &[]);
    let linked = evidence(vec![library.clone(), signed(executable(DEMO, &[name], &[]), &[])]);
    let opened = evidence(vec![library, signed(opens(executable(DEMO, &[], &[]), &[name]), &[])]);
    for evidence in [linked, opened] {
        assert_eq!(loads(&evidence)[0].verdict, LoadVerdict::Refused);
    }
}
