//! Which identity signs: what the keychain holds, which one a name means, and what speaks against it before anything is signed.
//!
//! The only command it runs reads: `security find-identity`. It is run when the user confirmed a fix that names an identity, or asked for exactly this list.

use super::sign::Who;
use crate::read::identity::{self, Fault, Identity, Kind, is_hash};
use crate::system::{Command, Output, System};
use std::ffi::OsString;

/// Lists the identities of the keychain that can sign code, and those that could but for a fault (security(1)).
pub const FIND: [&str; 5] = ["security", "find-identity", "-v", "-p", "codesigning"];
/// Longest text of a failed command that an error repeats, in characters.
const MOST_SAID: usize = 400;

/// The identities of the keychain. An error says why they cannot be listed.
pub fn of_keychain(system: &dyn System, without: &[String]) -> Result<Vec<Identity>, String> {
    let command = Command { argv: FIND.map(OsString::from).to_vec(), without: without.to_vec(), ..Command::default() };
    let output =
        system.run(&command).map_err(|error| format!("security, which lists the identities of a keychain, cannot be run: {error}"))?;
    match output.is_success() {
        true => Ok(identity::keychain(&output.stdout)),
        false => Err(format!("{} failed: {}", FIND.join(" "), said(&output))),
    }
}

/// Whether there is a keychain to ask.
pub fn has_keychain(system: &dyn System) -> bool {
    system.on_path(FIND[0]).is_some()
}

fn said(output: &Output) -> String {
    let said: String = output.text().trim().chars().take(MOST_SAID).collect();
    if said.is_empty() { "nothing".into() } else { said }
}

/// Why an identity cannot sign code; `None` when nothing speaks against it.
pub fn unfit(identity: &Identity) -> Option<String> {
    let why = match &identity.fault {
        Some(Fault::Expired) => "its certificate has expired: renew it in the developer account, and install the new one",
        Some(Fault::NotYetValid) => "its certificate is not valid yet: look at the clock of this machine",
        Some(Fault::Revoked) => "its certificate was revoked: macOS refuses what it signs",
        Some(Fault::NotTrusted) => {
            "its chain of certificates is not complete or not trusted: install Apple's intermediate certificate (Xcode does it), and reset \
             trust settings of your own"
        }
        Some(Fault::Other(word)) => return Some(format!("the keychain says {word}")),
        None if identity.kind == Kind::Installer => "its certificate is for installer packages, and signs no code",
        None => return None,
    };
    Some(why.into())
}

/// What to know of an identity that can sign, for what it is to be used for. `team` is the team of the app as it is.
pub fn cautions(identity: &Identity, team: Option<&str>) -> Vec<String> {
    let mut cautions = Vec::new();
    let name = &identity.name;
    match identity.kind {
        Kind::Development => cautions.push(format!(
            "{name} is for development: the notary refuses what it signs, and Gatekeeper on another Mac too. To distribute the app, sign with a \
             Developer ID Application certificate."
        )),
        Kind::AppStore => cautions.push(format!(
            "{name} is for the App Store: outside it the app is not notarized and macOS does not open it. To distribute it yourself, sign with a \
             Developer ID Application certificate."
        )),
        Kind::Other => cautions.push(format!(
            "{name} is none of Apple's certificates for signing code, as far as its name tells: without a team, library validation refuses the \
             app's own libraries, and the notary refuses the app."
        )),
        Kind::DeveloperId | Kind::Installer => {}
    }
    // In the name of a development certificate the person stands where others have the team.
    let other = own_team(identity).zip(team).filter(|(own, team)| own != team);
    if let Some((own, team)) = other {
        cautions.push(format!(
            "The app is of team {team}, and this identity of {own}: to macOS it becomes another program, so permissions, keychain items, app groups \
             and updates of those who have it are lost."
        ));
    }
    cautions
}

/// The team in the name of a certificate; `None` where the name does not hold it.
fn own_team(identity: &Identity) -> Option<&str> {
    let holds_team = matches!(identity.kind, Kind::DeveloperId | Kind::AppStore);
    let (_, end) = identity.name.rsplit_once('(').filter(|_| holds_team)?;
    end.strip_suffix(')')
}

/// How an identity of a list is named to codesign: by its name, or by its hash when the name fits another one too. codesign takes a name as a part of a
/// certificate's name (codesign(1), SIGNING IDENTITIES).
pub fn who(list: &[Identity], chosen: &Identity) -> Who {
    let is_alone = list.iter().filter(|other| other.name.contains(&chosen.name)).count() == 1;
    if is_alone && !chosen.name.starts_with('-') && !is_hash(&chosen.name) {
        Who::Named(chosen.name.clone())
    } else {
        Who::Hash { hash: chosen.hash.clone(), name: chosen.name.clone() }
    }
}

/// The identity that a name or a hash means. An error when it is none, several, or one that cannot sign; it says what to give instead.
pub fn named<'a>(list: &'a [Identity], wanted: &str) -> Result<&'a Identity, String> {
    let fits = |one: &&Identity| if is_hash(wanted) { one.hash.eq_ignore_ascii_case(wanted) } else { one.name.contains(wanted) };
    let all: Vec<&Identity> = list.iter().filter(fits).collect();
    let exact: Vec<&Identity> = all.iter().copied().filter(|one| one.name == wanted).collect();
    let meant = if exact.is_empty() { all } else { exact };
    let fit: Vec<&Identity> = meant.iter().copied().filter(|one| unfit(one).is_none()).collect();
    match (fit.as_slice(), meant.as_slice()) {
        ([one], _) => Ok(one),
        ([], []) => Err(absent(list, wanted)),
        ([], [one]) => Err(format!("{} cannot sign: {}", one.name, unfit(one).unwrap_or_default())),
        ([], several) => Err(format!("none of the identities that \"{wanted}\" fits can sign: {}", rows(several))),
        (several, _) => Err(format!(
            "\"{wanted}\" is ambiguous: it fits {} identities, and codesign refuses to choose. Give the hash of one: {}",
            several.len(),
            rows(several)
        )),
    }
}

fn absent(list: &[Identity], wanted: &str) -> String {
    let there = match list {
        [] => "it holds no identity that signs code".to_owned(),
        list => format!("there are: {}", rows(&list.iter().collect::<Vec<_>>())),
    };
    format!(
        "the keychain has no identity \"{wanted}\": {there}. A certificate counts only with its private key; import the .p12 file that holds both, and \
         over SSH unlock the keychain first (security unlock-keychain)"
    )
}

/// For one line: hash, name, and what speaks against it.
fn rows(list: &[&Identity]) -> String {
    let row = |one: &&Identity| match unfit(one) {
        Some(why) => format!("{} \"{}\" ({why})", one.hash, one.name),
        None => format!("{} \"{}\"", one.hash, one.name),
    };
    list.iter().map(row).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::system::fake::FakeSystem;

    const OLD: &str = "1A2B3C4D5E6F708192A3B4C5D6E7F8091A2B3C4D";
    const NEW: &str = "89ABCDEF0123456789ABCDEF0123456789ABCDEF";
    const MINE: &str = "0F0E0D0C0B0A09080706050403020100F0E0D0C0";
    const ID: &str = "Developer ID Application: Lumen Works (LUMEN00001)";

    fn list(rows: &[(&str, &str, &str)]) -> Vec<Identity> {
        let text: String = rows.iter().map(|(hash, name, fault)| format!("  1) {hash} \"{name}\"{fault}\n")).collect();
        identity::keychain(text.as_bytes())
    }

    fn system(output: Output) -> FakeSystem {
        FakeSystem::new().program(move |_, _| Ok(output.clone()))
    }

    #[test]
    fn a_name_that_fits_one_is_that_one() {
        let list = list(&[(NEW, ID, ""), (MINE, "Apple Development: Jo (C3X9K2PLM4)", "")]);
        assert_eq!(named(&list, "Lumen").unwrap().hash, NEW);
        assert_eq!(named(&list, &MINE.to_lowercase()).unwrap().hash, MINE);
        assert_eq!(who(&list, &list[0]), Who::Named(ID.into()));
    }

    #[test]
    fn a_name_that_fits_several_is_explained_with_their_hashes() {
        let list = list(&[(OLD, ID, ""), (NEW, ID, ""), (MINE, "Apple Development: Jo (C3X9K2PLM4)", "")]);
        let why = named(&list, ID).unwrap_err();
        assert!(why.contains("ambiguous") && why.contains(OLD) && why.contains(NEW) && !why.contains(MINE), "{why}");
        assert_eq!(who(&list, &list[1]), Who::Hash { hash: NEW.into(), name: ID.into() });
    }

    #[test]
    fn a_name_that_is_part_of_another_is_named_by_its_hash() {
        let list = list(&[(OLD, "Lumen Local", ""), (NEW, "Lumen Local 2", "")]);
        assert_eq!(named(&list, "Lumen Local").unwrap().hash, OLD, "the whole name goes before a part");
        assert_eq!(who(&list, &list[0]), Who::Hash { hash: OLD.into(), name: "Lumen Local".into() });
        assert_eq!(who(&list, &list[1]), Who::Named("Lumen Local 2".into()));
        assert!(named(&list, "Lumen").unwrap_err().contains("fits 2 identities"));
    }

    #[test]
    fn beside_an_expired_one_the_renewed_one_is_meant() {
        let list = list(&[(OLD, ID, " (CSSMERR_TP_CERT_EXPIRED)"), (NEW, ID, "")]);
        let found = named(&list, ID).unwrap();
        assert_eq!(who(&list, found), Who::Hash { hash: NEW.into(), name: ID.into() }, "codesign would find both");
        assert!(named(&list, OLD).unwrap_err().contains("has expired"));
    }

    #[test]
    fn what_cannot_sign_says_why() {
        for (fault, part) in [
            (" (CSSMERR_TP_CERT_EXPIRED)", "expired"),
            (" (CSSMERR_TP_CERT_REVOKED)", "revoked"),
            (" (CSSMERR_TP_NOT_TRUSTED)", "intermediate"),
            (" (SOMETHING_NEW)", "SOMETHING_NEW"),
        ] {
            let why = named(&list(&[(NEW, ID, fault)]), ID).unwrap_err();
            assert!(why.contains(part), "{why}");
        }
        let installer = list(&[(NEW, "Developer ID Installer: Lumen Works (LUMEN00001)", "")]);
        assert!(unfit(&installer[0]).unwrap().contains("packages"));
        let why = named(&[], ID).unwrap_err();
        assert!(why.contains("no identity that signs code") && why.contains("private key"), "{why}");
    }

    #[test]
    fn the_wrong_kind_and_another_team_are_said_before() {
        let of = |name: &str, team| cautions(&list(&[(NEW, name, "")])[0], team).join(" ");
        assert_eq!(of(ID, Some("LUMEN00001")), "");
        assert!(of(ID, Some("OTHER00001")).contains("another program"));
        let development = of("Apple Development: Jo (C3X9K2PLM4)", Some("LUMEN00001"));
        assert!(development.contains("notary refuses") && !development.contains("C3X9K2PLM4: to"), "{development}");
        assert!(!development.contains("this identity of"), "the person is no team: {development}");
        assert!(of("Apple Distribution: Lumen Works (LUMEN00001)", None).contains("App Store"));
        assert!(of("Lumen Local", None).contains("without a team"));
    }

    #[test]
    fn the_keychain_is_asked_without_a_shell() {
        let system = system(Output { status: Some(0), stdout: format!("  1) {NEW} \"{ID}\"\n").into(), ..Output::default() });
        assert_eq!(of_keychain(&system, &["SECRET".into()]).unwrap().len(), 1);
        let ran = system.ran();
        assert_eq!(ran[0].argv, FIND.map(OsString::from));
        assert_eq!(ran[0].without, ["SECRET"]);
        let failed = self::system(Output { status: Some(1), stderr: b"locked".to_vec(), ..Output::default() });
        assert!(of_keychain(&failed, &[]).unwrap_err().contains("locked"));
        assert!(of_keychain(&FakeSystem::new(), &[]).unwrap_err().contains("cannot be run"));
    }
}
