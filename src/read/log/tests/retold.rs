//! What people retell: sentences in narrow columns, reasons without their sentence, words of tools that are rarely seen.

use super::*;

#[test]
fn a_reason_without_its_sentence_names_the_file_of_the_next_line() {
    let found = load(
        "Reason: mapped file has no Team ID and is not a platform binary\n/Applications/Tern.app/Contents/Plugins/Echo.bundle: stat() failed with errno=1\n",
    );
    assert_eq!((found.reason, found.file.as_deref()), (TriedReason::NoTeam, Some("/Applications/Tern.app/Contents/Plugins/Echo.bundle")));
}

#[test]
fn a_sentence_of_gatekeeper_in_narrow_columns_stays_gatekeepers() {
    let sentence = "/p/echo.mexmaci64: code signature in (/p/echo.mexmaci64) not valid for use in process using Library Validation: library load disallowed by system policy";
    let start = sentence.find("code signature").unwrap();
    for (at, _) in sentence.match_indices(' ').filter(|(at, _)| *at > start) {
        let broken = format!(
            "Invalid MEX-file '/p/echo.mexmaci64':\ndlopen(/p/echo.mexmaci64, 6): no suitable\nimage found.  Did find:\n{}\n{}\nnext\n",
            &sentence[..at],
            &sentence[at + 1..]
        );
        let found = load(&broken);
        assert_eq!((found.reason, found.file.as_deref()), (TriedReason::SystemPolicy, Some("/p/echo.mexmaci64")), "{broken}");
    }
}

#[test]
fn a_whole_sentence_takes_no_line_that_follows() {
    let sentence = "/p/x.so: code signature in (/p/x.so) not valid for use in process using Library Validation: mapped file has no Team ID and is not a platform binary (signed with custom identity or adhoc?)";
    let said = facts(&format!("dlopen(/p/x.so, 2): no suitable image found.  Did find:\n\t{sentence}\nAssertion failed: (count > 0)\n"));
    assert!(matches!(&said[..], [LogFact::Load(_), LogFact::OwnFault { .. }]), "{said:?}");
}

#[test]
fn rarer_words_of_dyld_are_read() {
    let dependent = load(
        "dyld: can't resolve symbol _tern_open in /Applications/Tern.app/Contents/MacOS/Tern because dependent dylib @rpath/libecho.dylib could not be loaded",
    );
    assert_eq!((dependent.reason, dependent.name.as_str()), (TriedReason::Missing, "@rpath/libecho.dylib"));
    assert_eq!(dependent.referenced_from.as_deref(), Some("/Applications/Tern.app/Contents/MacOS/Tern"));
    let flat = load("dlopen(/p/_echo.so, 0x0002): symbol not found in flat namespace '_echo_open'");
    assert_eq!((flat.reason, flat.name.as_str(), flat.is_dlopen), (TriedReason::OtherFault, "/p/_echo.so", true));
    let old = load(
        "dlopen(/p/_echo.so, 2): Symbol not found: _echo_open\n  Referenced from: /p/_echo.so\n  Expected in: flat namespace\n in /p/_echo.so",
    );
    assert_eq!((old.reason, old.name.as_str()), (TriedReason::OtherFault, "/p/_echo.so"));
    let command = load("dyld: cannot load 'Tern' (load command 0x80000034 is unknown)");
    assert_eq!((command.reason, command.name.as_str()), (TriedReason::OtherFault, "Tern"));
    let unsigned = load(
        "dlopen(/p/echo.dylib, 0x2): tried: '/p/echo.dylib' (code signature in <AA> '/p/echo.dylib' not valid for use in process: Trying to load an unsigned library)",
    );
    assert_eq!(unsigned.reason, TriedReason::Unsigned);
    assert!(facts("the tool shows load command 0x80000034 (LC_DYLD_CHAINED_FIXUPS)").is_empty());
}

#[test]
fn a_file_for_callbacks_is_no_library() {
    let rejects = |path: &str| {
        facts(&format!(
            "Library Validation failed: Rejecting '{path}' (Team ID: none, platform: no) for process 'Tern(812)' (Team ID: ABCDE12345, platform: no), reason: mapped file has no Team ID and is not a platform binary (signed with custom identity or adhoc?)\n"
        ))
    };
    for path in ["/private/var/folders/q1/x/T/ffiK3x9Qa", "/Users/u/ffi0aZ9bY"] {
        assert!(matches!(&rejects(path)[..], [LogFact::EngineMemory { engine: "libffi", .. }]), "{path}");
    }
    for path in ["/p/ffi_c.bundle", "/p/libffi.8.dylib", "/p/ffi-x86.so"] {
        assert!(matches!(&rejects(path)[..], [LogFact::LibraryValidationRejected { .. }]), "{path}");
    }
}

#[test]
fn words_of_programs_about_themselves_are_read() {
    let coreclr = facts("[main] failed to create coreclr, hresult: 0x80070008\n");
    assert!(matches!(&coreclr[..], [LogFact::EngineMemory { engine: "coreclr", .. }]), "{coreclr:?}");
    assert!(matches!(
        &facts("Invalid dylib load. Clients should not load the unversioned libcrypto dylib as it does not have a stable ABI.\n")[..],
        [LogFact::OwnFault { .. }]
    ));
    let sandbox = facts(
        "Tern[812:4011] registration failed: The code signature is not valid: The operation couldn’t be completed. (OSStatus error -2147409622.)\n",
    );
    assert!(
        matches!(&sandbox[..], [LogFact::CodesignProblem { file: None, text, .. }] if text.starts_with("the App Sandbox")),
        "{sandbox:?}"
    );
}

#[test]
fn the_kernels_words_on_a_page_are_put_together() {
    let killed = facts("cs_invalid_page: p=812[Tern]\nfinal status 0x23000200, denying page sending SIGKILL\n");
    assert_eq!(killed, [LogFact::InvalidPage { process: proc("Tern", 812), killed: true }]);
    let page =
        facts("CODE SIGNING: process 812[Tern]: rejecting invalid page from file\n\"/p/libecho.dylib\" (cs_mtime:1.0 == mtime:1.0)\n");
    assert!(matches!(&page[..], [LogFact::RejectedPage { file: Some(file), .. }] if file == "/p/libecho.dylib"), "{page:?}");
}

#[test]
fn a_name_alone_is_left_of_the_beginning() {
    let found = load(
        "...EchoCore not valid for use in process using Library Validation: mapped file has no Team ID and is not a platform binary\n",
    );
    assert_eq!((found.reason, found.name.as_str()), (TriedReason::NoTeam, "EchoCore"));
    assert!(facts("The library is not valid for use in process reviews: mapping is wrong\n").is_empty());
}

#[test]
fn a_whole_reason_in_prose_is_read_in_any_case_without_a_file() {
    for (words, reason) in [
        ("mapping process and mapped file (non-platform) have different team IDs", TriedReason::DifferentTeams),
        ("mapped file has no Team ID and is not a platform binary", TriedReason::NoTeam),
        ("mapping process is a platform binary, but mapped file is not", TriedReason::PlatformProcess),
    ] {
        let found = load(&format!("The plug-in failed with ‘{words}’, what now?\n"));
        assert_eq!((found.reason, found.name.as_str(), found.file), (reason, "", None), "{words}");
    }
    // Another line names what was refused: the quotation says it again.
    let named = facts(
        "dlopen(/p/libecho.dylib, 1): no suitable image found.  Did find:\n\t/p/libecho.dylib: code signature in (/p/libecho.dylib) not valid for use in process using Library Validation: mapped file has no Team ID and is not a platform binary\n\nSo: \"mapped file has no Team ID and is not a platform binary\".\n",
    );
    assert!(matches!(&named[..], [LogFact::Load(failure)] if failure.name == "/p/libecho.dylib"), "{named:?}");
}

#[test]
fn every_sentence_of_gatekeeper_is_read() {
    for text in [
        "macOS cannot verify the developer of “Tern”. Are you sure you want to open it?",
        "macOS cannot verify that this app is free from malware.",
        "\"Tern\" was blocked from use because it is not from an identified developer.",
        "“Tern” was blocked to protect your Mac.",
        "“Tern” Is Damaged And Can’t Be Opened.",
    ] {
        assert!(matches!(&facts(text)[..], [LogFact::Gatekeeper { .. }]), "{text}");
    }
}

#[test]
fn the_indexers_look_at_unsigned_files_is_noise() {
    let said = facts(
        "mdworker[3250]: code validation failed in the process of getting signing information: Error Domain=NSOSStatusErrorDomain Code=-67062 \"(null)\" UserInfo={SecCSArchitecture=x86_64}\n",
    );
    assert!(matches!(&said[..], [LogFact::Noise { .. }]), "{said:?}");
}

#[test]
fn names_of_a_list_that_run_together_are_told_apart() {
    let said = facts(
        "kernel: AMFI: bailing out because of restricted entitlements.\nCode has restricted entitlements, but the validation of its code signature failed.\nUnsatisfied Entitlements: com.apple.developer.team-identifiercom.apple.application-identifier\n",
    );
    let keys: Vec<String> = said
        .into_iter()
        .filter_map(|fact| match fact {
            LogFact::RestrictedEntitlements { keys, .. } => Some(keys),
            _ => None,
        })
        .flatten()
        .collect();
    assert!(keys.iter().any(|key| key == "com.apple.developer.team-identifier"), "{keys:?}");
    assert!(keys.iter().all(|key| !key.contains("identifiercom")), "{keys:?}");
}

#[test]
fn a_list_with_curled_quotes_is_joined_over_its_lines() {
    let found = load(
        "dyld[812]: Library not loaded: @rpath/Echo.framework/Versions/A/Echo\n  Referenced from: /Applications/Tern.app/Contents/MacOS/Tern\n  Reason: tried: ‘/Applications/Tern\nVoice.app/Contents/Frameworks/Echo.framework/Versions/A/Echo’ (code signature in\n<AA> ‘/Applications/Tern\nVoice.app/Echo’ not valid for use in process: mapped file\nhas no Team ID and is not a platform binary)\n",
    );
    assert_eq!(found.reason, TriedReason::NoTeam);
}

#[test]
fn a_library_without_its_reason_rules_nothing_out() {
    for text in ["dyld: Library not loaded: @rpath/Echo.framework/Versions/A/Echo", "dyld: Library not loaded: @rpath/Echo\n  Reason:"] {
        assert_eq!(load(text).reason, TriedReason::Untold, "{text}");
    }
}

#[test]
fn dialogs_of_gatekeeper_in_other_languages_are_read() {
    for text in [
        "“Tern.app”已损坏，无法打开。 你应该将它移到废纸篓。",
        "无法打开“Tern”，因为无法验证开发者。",
        "“Tern”は、開発元を検証できないため開けません",
        "Impossible d’ouvrir « Tern » car le développeur ne peut pas être vérifié.",
    ] {
        assert!(matches!(&facts(text)[..], [LogFact::Gatekeeper { .. }]), "{text}");
    }
}

#[test]
fn a_server_that_was_not_reached_says_nothing_of_the_ticket() {
    assert!(matches!(&facts("The staple and validate action failed! Error 68.")[..], [LogFact::Noise { .. }]));
    assert!(matches!(&facts("Error: Could not get code signature for running application")[..], [LogFact::CodesignProblem { .. }]));
    let symbol = load(
        "dyld: lazy symbol binding failed: Symbol not found: ____chkstk_darwin\n  Referenced from: /p/libecho.dylib (which was built for Mac OS X 10.15)\n",
    );
    assert_eq!(symbol.name, "/p/libecho.dylib");
}
