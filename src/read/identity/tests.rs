//! Lists as the programs write them, with invented names and hashes.

use super::*;

const DEVELOPMENT: &str = "1A2B3C4D5E6F708192A3B4C5D6E7F8091A2B3C4D";
const DISTRIBUTION: &str = "89ABCDEF0123456789ABCDEF0123456789ABCDEF";

fn short(output: &str) -> Vec<(String, String, Kind, Option<Fault>)> {
    keychain(output.as_bytes()).into_iter().map(|one| (one.hash, one.name, one.kind, one.fault)).collect()
}

#[test]
fn valid_identities() {
    let output = format!(
        "  1) {DEVELOPMENT} \"Apple Development: Jo Maker (C3X9K2PLM4)\"\n  2) {DISTRIBUTION} \"Developer ID Application: Lumen Works (LUMEN00001)\"\n     2 valid identities found\n"
    );
    let found = short(&output);
    assert_eq!(
        found,
        [
            (DEVELOPMENT.into(), "Apple Development: Jo Maker (C3X9K2PLM4)".into(), Kind::Development, None),
            (DISTRIBUTION.into(), "Developer ID Application: Lumen Works (LUMEN00001)".into(), Kind::DeveloperId, None),
        ]
    );
}

#[test]
fn what_speaks_against_one_stands_behind_its_name() {
    for (word, fault) in [
        ("CSSMERR_TP_CERT_EXPIRED", Fault::Expired),
        ("CSSMERR_TP_CERT_REVOKED", Fault::Revoked),
        ("CSSMERR_TP_NOT_TRUSTED", Fault::NotTrusted),
        ("CSSMERR_TP_CERT_NOT_VALID_YET", Fault::NotYetValid),
        ("Invalid Key Usage for policy", Fault::Other("Invalid Key Usage for policy".into())),
    ] {
        let output =
            format!("  1) {DEVELOPMENT} \"Mac Developer: Jo (Maker) \"J\" (C3X9K2PLM4)\" ({word})\n     1 valid identities found\n");
        let found = short(&output);
        assert_eq!(found, [(DEVELOPMENT.into(), "Mac Developer: Jo (Maker) \"J\" (C3X9K2PLM4)".into(), Kind::Development, Some(fault))]);
    }
}

#[test]
fn a_renewed_certificate_has_the_same_name_and_another_hash() {
    let name = "Developer ID Application: Lumen Works (LUMEN00001)";
    let output = format!("  1) {DEVELOPMENT} \"{name}\"\n  2) {DISTRIBUTION} \"{name}\"\n     2 valid identities found\n");
    assert_eq!(keychain(output.as_bytes()).iter().filter(|one| one.name == name).count(), 2);
}

#[test]
fn both_lists_of_the_short_command_are_one() {
    let output = format!(
        "\nPolicy: Code Signing\n  Matching identities\n  1) {} \"Lumen Local\" (CSSMERR_TP_CERT_EXPIRED)\n  2) {DISTRIBUTION} \"Apple Distribution: Lumen Works (LUMEN00001)\"\n     2 identities found\n\n  Valid identities only\n  1) {DISTRIBUTION} \"Apple Distribution: Lumen Works (LUMEN00001)\"\n     1 valid identities found\n",
        DEVELOPMENT.to_lowercase()
    );
    let found = short(&output);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].0.as_str(), found[0].2, &found[0].3), (DEVELOPMENT, Kind::Other, &Some(Fault::Expired)));
    assert_eq!((found[1].2, &found[1].3), (Kind::AppStore, &None));
}

#[test]
fn none_and_nonsense_are_no_identity() {
    for output in [
        "     0 valid identities found\n",
        "",
        "security: SecKeychainSearchCreateFromAttributes: A default keychain could not be found.\n",
        "  1) ABCDEF \"Apple Development: too short\"\n",
        "  x) 1A2B3C4D5E6F708192A3B4C5D6E7F8091A2B3C4D \"no number\"\n",
        "  1) 1A2B3C4D5E6F708192A3B4C5D6E7F8091A2B3C4D no quotes\n",
        "  1) \u{fffd}\u{fffd}",
    ] {
        assert_eq!(short(output), [], "{output:?}");
    }
    assert_eq!(keychain(&[0xff; 300]), []);
}
