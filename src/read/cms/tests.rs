#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]

use super::keys::{self, Digest};
use super::practice::{AUTHORITY, LEAF, Practice, ROOT, certificate, signed_data};
use super::*;
use sha2::Digest as _;

/// A stand-in for a CodeDirectory: only the digest type at offset 37 is read of it here.
fn directory() -> Vec<u8> {
    let mut bytes = vec![0x5a; 100];
    bytes[37] = 2;
    bytes
}

fn anchors() -> TrustAnchors {
    TrustAnchors { extra: vec![read_anchor(&certificate(ROOT)).unwrap()] }
}

fn signed_by(leaf: Practice, others: &[Practice]) -> Cms {
    let directory = directory();
    let mut certificates: Vec<Vec<u8>> = others.iter().copied().map(certificate).collect();
    certificates.push(certificate(leaf));
    read(&signed_data(&directory, leaf, &certificates), &[&directory]).unwrap()
}

#[test]
fn the_embedded_roots_are_apples() {
    for (root, digest) in trust::APPLE_ROOTS.iter().zip(trust::APPLE_ROOT_DIGESTS) {
        assert_eq!(crate::read::hex(&sha2::Sha256::digest(root)), digest);
        assert!(read_anchor(root).unwrap().0.starts_with("Apple Root CA"));
    }
}

/// Apple's roots are signed with RSA and SHA-1, RSA and SHA-384, P-384 and SHA-384.
#[test]
fn each_root_is_signed_by_its_own_key_and_by_no_other() {
    for root in trust::APPLE_ROOTS {
        let parts = certificate::parts(root).unwrap();
        for other in trust::APPLE_ROOTS {
            assert_eq!(parts.is_signed_by(&certificate::parts(other).unwrap()), root == other);
        }
        let digest = parts.digest.unwrap();
        let mut forged = parts.signature.to_vec();
        *forged.last_mut().unwrap() ^= 1;
        assert!(!keys::verifies(parts.public_key, digest, parts.tbs, &forged));
        assert!(!keys::verifies(parts.public_key, digest, &parts.tbs[1..], parts.signature));
        assert!(!keys::verifies(parts.public_key, Digest::Sha512, parts.tbs, parts.signature));
        assert!(!keys::verifies(parts.public_key, digest, parts.tbs, &[]));
    }
}

#[test]
fn a_signature_and_its_attributes_are_read_and_verified() {
    let cms = signed_by(LEAF, &[ROOT, AUTHORITY]);
    let names: Vec<_> = cms.chain.iter().filter_map(|one| one.common_name.as_deref()).collect();
    assert_eq!(names, [LEAF.common, AUTHORITY.common, ROOT.common]);
    assert!(cms.signature_verifies && cms.digest_matches);
    assert_eq!(cms.cdhashes_match, Some(true));
    assert_eq!(cms.timestamp, Some(1_709_208_000));
    assert_eq!(cms.signing_time, Some(1_709_204_400));
    assert_eq!(cms.faults, []);
    assert_eq!(cms.chain[0].organizational_unit.as_deref(), Some("TEAM123456"));
    assert_eq!(cms.chain[0].not_before, 1_577_836_800);
}

#[test]
fn a_chain_to_a_named_root_is_classified_as_apples() {
    for others in [&[AUTHORITY, ROOT][..], &[AUTHORITY]] {
        let signer = judge(&signed_by(LEAF, others), &anchors());
        assert_eq!(signer.kind, SignerKind::DeveloperId);
        assert_eq!(signer.team.as_deref(), Some("TEAM123456"));
        assert_eq!(signer.anchor.as_deref(), Some("Practice Root"));
        assert_eq!(signer.problem, None);
    }
}

#[test]
fn apples_extensions_below_an_untrusted_root_are_worth_nothing() {
    let signer = judge(&signed_by(LEAF, &[AUTHORITY, ROOT]), &TrustAnchors::default());
    assert_eq!((signer.kind, signer.team), (SignerKind::SelfSigned, None));
    assert_eq!(signer.problem.as_deref(), Some("the chain ends in “Practice Root”, which is not trusted"));
    let signer = judge(&signed_by(LEAF, &[AUTHORITY]), &TrustAnchors::default());
    assert_eq!((signer.kind, signer.team), (SignerKind::Other, None));
}

#[test]
fn a_leaf_that_issued_itself_is_self_signed() {
    let own = Practice { issuer: LEAF.common, issuer_unit: LEAF.unit, issuer_seed: LEAF.seed, ..LEAF };
    let signer = judge(&signed_by(own, &[]), &anchors());
    assert_eq!((signer.kind, signer.team, signer.anchor), (SignerKind::SelfSigned, None, None));
}

#[test]
fn a_root_with_the_right_name_and_another_key_is_not_trusted() {
    let root = Practice { seed: 9, issuer_seed: 9, ..ROOT };
    let authority = Practice { issuer_seed: 9, ..AUTHORITY };
    let signer = judge(&signed_by(LEAF, &[authority, root]), &anchors());
    assert_eq!((signer.kind, signer.team), (SignerKind::SelfSigned, None));
}

#[test]
fn a_broken_link_is_named() {
    let forged = Practice { issuer_seed: 9, ..LEAF };
    let signer = judge(&signed_by(forged, &[AUTHORITY, ROOT]), &anchors());
    assert_eq!((signer.kind, signer.team), (SignerKind::Other, None));
    assert!(signer.problem.unwrap().contains("is not signed by “Practice ID CA”"));
}

#[test]
fn a_leaf_cannot_issue_another_team() {
    let minted = Practice { common: "Developer ID Application: Other (OTHER)", unit: "OTHER", seed: 4, ..LEAF };
    let minted = Practice { issuer: LEAF.common, issuer_unit: LEAF.unit, issuer_seed: LEAF.seed, ..minted };
    let signer = judge(&signed_by(minted, &[LEAF, AUTHORITY, ROOT]), &anchors());
    assert_eq!((signer.kind, signer.team), (SignerKind::Other, None));
    assert!(signer.problem.unwrap().ends_with("may not issue certificates"));
}

#[test]
fn the_kind_follows_the_extension() {
    let kinds = [
        ("1.2.840.113635.100.6.22", SignerKind::Apple, false),
        ("1.2.840.113635.100.6.1.9", SignerKind::AppStore, false),
        ("1.2.840.113635.100.6.1.25.1", SignerKind::TestFlight, false),
        ("1.2.840.113635.100.6.1.7", SignerKind::AppleDistribution, true),
        ("1.2.840.113635.100.6.1.14", SignerKind::Other, false),
        // Development needs the WWDR intermediate, which this chain has not.
        ("1.2.840.113635.100.6.1.12", SignerKind::Other, false),
    ];
    for (extension, kind, has_team) in kinds {
        let leaf = Practice { extension: Some(extension), ..LEAF };
        let signer = judge(&signed_by(leaf, &[AUTHORITY]), &anchors());
        assert_eq!((signer.kind, signer.team.is_some()), (kind, has_team), "{extension}");
    }
    let worldwide = Practice { extension: Some("1.2.840.113635.100.6.2.1"), ..AUTHORITY };
    let leaf = Practice { extension: Some("1.2.840.113635.100.6.1.12"), ..LEAF };
    assert_eq!(judge(&signed_by(leaf, &[worldwide]), &anchors()).kind, SignerKind::AppleDevelopment);
}

#[test]
fn another_directory_shows_in_the_digest_and_the_cdhashes_and_the_kind_stays() {
    let bytes = signed_data(&directory(), LEAF, &[certificate(LEAF), certificate(AUTHORITY)]);
    let mut other = directory();
    other[99] = 0;
    let cms = read(&bytes, &[&other]).unwrap();
    assert!(cms.signature_verifies && !cms.digest_matches);
    assert_eq!(cms.cdhashes_match, Some(false));
    assert_eq!(judge(&cms, &anchors()).kind, SignerKind::DeveloperId);
}

#[test]
fn a_changed_attribute_breaks_the_signature() {
    let mut bytes = signed_data(&directory(), LEAF, &[certificate(LEAF)]);
    let at = bytes.windows(12).position(|window| window == b"240229110000").unwrap();
    bytes[at] = b'1';
    let cms = read(&bytes, &[&directory()]).unwrap();
    assert!(!cms.signature_verifies && cms.digest_matches);
}

#[test]
fn without_the_signers_certificate_there_is_no_chain() {
    let cms = read(&signed_data(&directory(), LEAF, &[certificate(AUTHORITY)]), &[&directory()]).unwrap();
    assert_eq!(cms.chain, []);
    assert!(!cms.signature_verifies);
    assert_eq!(judge(&cms, &anchors()).kind, SignerKind::Other);
}

#[test]
fn an_anchor_is_read_from_pem_and_der() {
    let der = certificate(ROOT);
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("root\r\n-----BEGIN CERTIFICATE-----\r\n{}\r\n-----END CERTIFICATE-----\r\n", lines.join("\r\n"));
    let expected = ("Practice Root".to_owned(), der.clone());
    assert_eq!(read_anchor(&der).unwrap(), expected);
    assert_eq!(read_anchor(pem.as_bytes()).unwrap(), expected);
    for bytes in [b"".as_slice(), b"-----BEGIN CERTIFICATE-----", b"hello", &der[..200]] {
        assert!(read_anchor(bytes).is_err());
    }
}

#[test]
fn no_truncation_and_no_changed_byte_panics() {
    let bytes = signed_data(&directory(), LEAF, &[certificate(LEAF), certificate(AUTHORITY)]);
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end], &[]).is_err(), "cut at {end}");
        if end % 5 != 0 {
            continue; // Each readable change costs two signature checks.
        }
        let mut changed = bytes.clone();
        changed[end] ^= 0x80;
        if let Ok(cms) = read(&changed, &[]) {
            judge(&cms, &TrustAnchors::default());
        }
    }
}

/// The bytes of a changed practice signature, read again.
fn changed(find: &[u8], with: &[u8]) -> Cms {
    let mut bytes = signed_data(&directory(), LEAF, &[certificate(LEAF), certificate(AUTHORITY)]);
    let at = bytes.windows(find.len()).position(|window| window == find).unwrap();
    bytes[at..at + with.len()].copy_from_slice(with);
    read(&bytes, &[&directory()]).unwrap()
}

#[test]
fn a_secure_timestamp_is_verified_and_its_chain_followed() {
    let cms = signed_by(LEAF, &[AUTHORITY, ROOT]);
    let stamp = cms.timestamp_token.as_ref().unwrap();
    assert!(stamp.signature_verifies && stamp.digest_matches && stamp.imprint_matches);
    assert!(stamp.is_within_validity && stamp.is_for_timestamping);
    assert_eq!((cms.timestamp_verifies, cms.was_valid_when_stamped()), (Some(true), Some(true)));
    let chain = timestamp_chain(&cms, &anchors()).unwrap();
    assert!(chain.is_trusted && chain.is_complete);
    assert_eq!(chain.certificates.last().unwrap().common_name.as_deref(), Some(ROOT.common));
    let chain = timestamp_chain(&cms, &TrustAnchors::default()).unwrap();
    assert!(!chain.is_trusted && !chain.is_complete && chain.problem.is_some());
}

#[test]
fn a_changed_time_in_the_token_breaks_its_digest() {
    let cms = changed(b"20240229120000Z", b"20240229120001Z");
    let stamp = cms.timestamp_token.as_ref().unwrap();
    assert!(stamp.signature_verifies && !stamp.digest_matches && stamp.imprint_matches);
    assert_eq!((cms.timestamp_verifies, cms.was_valid_when_stamped()), (Some(false), None));
    assert!(cms.signature_verifies && cms.digest_matches);
}

#[test]
fn a_time_outside_the_certificates_lives_does_not_verify() {
    let cms = changed(b"20240229120000Z", b"20560229120000Z");
    assert!(!cms.timestamp_token.as_ref().unwrap().is_within_validity);
    assert_eq!(cms.timestamp_verifies, Some(false));
}

#[test]
fn a_token_made_for_another_signature_does_not_verify() {
    let bytes = signed_data(&directory(), LEAF, &[certificate(LEAF)]);
    let data = signed_data::signed_data(&bytes).unwrap();
    let signer = signed_data::signer_info(&mut data.signers.clone()).unwrap();
    let oid = practice::oid("1.2.840.113549.1.9.16.2.14");
    let at = bytes.windows(oid.len()).position(|window| window == oid).unwrap() + oid.len();
    let token = ber::Reader::ber(&bytes[at..]).next().unwrap().unwrap().body;
    assert!(timestamp::read(token, &signer.signature).unwrap().verifies());
    let other = timestamp::read(token, b"another signature").unwrap();
    assert!(!other.imprint_matches && other.signature_verifies && !other.verifies());
}

#[test]
fn the_purpose_of_the_leaf_is_read() {
    let cms = signed_by(LEAF, &[AUTHORITY]);
    assert!(cms.chain[0].is_for_code_signing());
    assert!(!cms.chain[1].is_for_code_signing());
    let mail = Practice { purpose: Some("1.3.6.1.5.5.7.3.4"), ..LEAF };
    assert!(!signed_by(mail, &[AUTHORITY]).chain[0].is_for_code_signing());
}

#[test]
fn a_trusted_chain_has_its_root_whether_it_is_embedded_or_not() {
    for others in [&[AUTHORITY, ROOT][..], &[AUTHORITY]] {
        let chain = trusted_chain(&signed_by(LEAF, others).chain, &anchors());
        let names: Vec<_> = chain.certificates.iter().filter_map(|one| one.common_name.as_deref()).collect();
        assert_eq!(names, [LEAF.common, AUTHORITY.common, ROOT.common]);
        assert_eq!((chain.is_trusted, chain.anchor.as_deref()), (true, Some("Practice Root")));
    }
}

#[test]
fn a_subjects_components_and_extensions_are_read() {
    let cms = signed_by(LEAF, &[AUTHORITY]);
    assert_eq!(cms.chain[0].subject("2.5.4.11"), ["TEAM123456"]);
    assert_eq!(cms.chain[0].subject("2.5.4.10"), Vec::<String>::new());
    assert_eq!(cms.chain[0].extension("1.2.840.113635.100.6.1.13"), Some(vec![5, 0]));
    assert_eq!(cms.chain[0].extension("1.2.3"), None);
    assert!(!cms.chain[0].has_policy("1.2.3"));
}
