//! Who signs: the identity in use, one of the keychain, a file, or nobody; and the masked line for the password of a file.

use crate::fix::identity::{self, FIND};
use crate::fix::sign::{Identity as Signer, command_line};
use crate::tui::page::{Build, Target};
use crate::tui::state::{Keychain, Masked, SignRow, SignWith, State, Tools, WhoPage};
use crate::tui::theme::{Mark, Role};

/// The rows that can be selected, in order.
pub fn rows(page: &WhoPage) -> Vec<SignRow> {
    let Some(tools) = &page.tools else { return Vec::new() };
    let mut rows = Vec::new();
    if tools.codesign || tools.rcodesign {
        rows.extend([SignRow::InUse, SignRow::AdHoc]);
    }
    if let Keychain::Open(list) = &page.keychain {
        rows.extend((0..list.len()).map(SignRow::Identity));
    }
    if tools.codesign && tools.security.is_some() {
        rows.push(SignRow::Look);
    }
    if tools.rcodesign {
        rows.push(SignRow::File);
    }
    rows
}

/// Builds the page.
pub fn build(state: &State, page: &WhoPage, b: &mut Build) {
    let Some(tools) = &page.tools else { return b.para(0, Role::Dim, "Looking what there is to sign with…") };
    b.para(0, Role::Heading, "Who signs?");
    b.para(0, Role::Dim, "Nothing is done yet: the steps are shown again, with that identity in them.");
    b.blank();
    let rows = rows(page);
    if rows.is_empty() {
        b.para(
            0,
            Role::Text,
            "No program that signs is in PATH. codesign comes with macOS (xcode-select --install); elsewhere get rcodesign.",
        );
    }
    for (number, row) in rows.iter().enumerate() {
        let known = if number == page.place.cursor { known_of(state, page, *row) } else { Vec::new() };
        let known = if b.is_wide() { &[] } else { known.as_slice() };
        match row {
            SignRow::InUse | SignRow::AdHoc => b.item(Target::Sign(*row), |b| {
                plain(state, *row, b);
                cautions(known, b);
            }),
            SignRow::Identity(index) => one_of(state, page, *index, known, b),
            SignRow::Look => look(page, tools, b),
            SignRow::File => file(state, b),
        }
    }
    what_is_missing(tools, b);
    b.second_block();
    if let Some(row) = rows.get(page.place.cursor).filter(|_| b.is_wide()) {
        let known = known_of(state, page, *row);
        if !known.is_empty() {
            b.heading("Know before");
            cautions(&known, b);
        }
    }
}

/// What is chosen now carries a word.
fn is_chosen(state: &State, wanted: impl Fn(&SignWith) -> bool) -> &'static str {
    let chosen = state.fix_page().is_some_and(|page| wanted(&page.order.sign_with));
    if chosen { "   chosen now" } else { "" }
}

fn plain(state: &State, row: SignRow, b: &mut Build) {
    let (name, with) = match row {
        SignRow::AdHoc => ("Nobody: ad hoc, for an experiment on this machine", SignWith::AdHoc),
        _ => ("The identity in use", SignWith::InUse),
    };
    b.pieces(&[(Role::Text, name), (Role::Accent, is_chosen(state, |chosen| *chosen == with))]);
    if let (SignRow::InUse, Some(examination)) = (row, &state.examination) {
        let signer = Signer::of(&examination.evidence, false);
        let who = match (signer.known, signer.ad_hoc) {
            (true, true) => "nobody: the app is signed ad hoc",
            (true, false) => &signer.name,
            (false, _) => "none that could sign it again",
        };
        b.para(2, Role::Dim, who);
    }
}

/// An identity of the keychain; one that cannot sign says why, and is not taken.
fn one_of(state: &State, page: &WhoPage, index: usize, known: &[String], b: &mut Build) {
    let Keychain::Open(list) = &page.keychain else { return };
    let Some(one) = list.get(index) else { return };
    if index == 0 {
        b.heading("In the keychain");
    }
    let who = identity::who(list, one);
    let chosen = is_chosen(state, |chosen| matches!(chosen, SignWith::Keychain(own, _) if *own == who));
    let unfit = identity::unfit(one);
    b.item(Target::Sign(SignRow::Identity(index)), |b| {
        let role = if unfit.is_some() { Role::Dim } else { Role::Text };
        b.pieces(&[(role, &one.name), (Role::Accent, chosen)]);
        b.para(2, Role::Dim, &one.hash);
        if let Some(why) = unfit {
            b.marked(Mark::Broken, Role::Bad, &format!("broken: cannot sign: {why}"));
        }
        cautions(known, b);
    });
}

/// The row that asks the keychain: exactly the command that it runs.
fn look(page: &WhoPage, tools: &Tools, b: &mut Build) {
    let again = match &page.keychain {
        Keychain::Open(list) => {
            b.blank();
            if list.is_empty() {
                b.heading("In the keychain");
                b.para(
                    0,
                    Role::Text,
                    "No identity that signs code. A certificate counts only with its private key: import the .p12 file that holds both. Over SSH \
                     unlock the keychain first (security unlock-keychain).",
                );
                b.blank();
            }
            "Look into the keychain again"
        }
        Keychain::Failed(why) => {
            b.heading("In the keychain");
            b.marked(Mark::Broken, Role::Bad, &format!("broken: {why}"));
            "Look into the keychain again"
        }
        Keychain::Closed | Keychain::Asked(_) => {
            b.heading("In the keychain");
            "Look into the keychain"
        }
    };
    b.item(Target::Sign(SignRow::Look), |b| {
        if let Keychain::Asked(_) = page.keychain {
            return b.para(0, Role::Dim, "Asking the keychain…");
        }
        b.para(0, Role::Text, &format!("{again}. Enter runs exactly this, which only reads:"));
        b.para(2, Role::Quote, &command_line(&FIND.map(str::to_owned)));
        let program = tools.security.as_ref().map(|program| program.to_string_lossy()).unwrap_or_default();
        b.para(2, Role::Dim, &format!("{program}, the first in PATH"));
    });
}

fn file(state: &State, b: &mut Build) {
    b.heading("In a file");
    b.item(Target::Sign(SignRow::File), |b| {
        let chosen = is_chosen(state, |chosen| matches!(chosen, SignWith::File(_)));
        b.pieces(&[(Role::Text, "A PKCS #12 file (.p12) with certificate and key"), (Role::Accent, chosen)]);
        b.para(2, Role::Dim, "rcodesign signs with it; its password is asked for, and never shown");
    });
}

/// What is not offered, and why.
fn what_is_missing(tools: &Tools, b: &mut Build) {
    b.blank();
    if tools.codesign && tools.security.is_none() {
        b.para(
            0,
            Role::Dim,
            "There is no program 'security' in PATH, so the keychain cannot be listed. 'temper fix --identity' takes a name of it.",
        );
    }
    if tools.rcodesign && !tools.codesign {
        b.para(0, Role::Dim, "rcodesign has no keychain: identities of one are for codesign, on a Mac.");
    }
    if tools.codesign && !tools.rcodesign {
        b.para(
            0,
            Role::Dim,
            "A .p12 file needs rcodesign (cargo install apple-codesign); codesign takes what was imported into the keychain.",
        );
    }
}

/// What to know of a row before it is taken.
fn known_of(state: &State, page: &WhoPage, row: SignRow) -> Vec<String> {
    let team = state.examination.as_ref().and_then(|examination| examination.evidence.team());
    match (row, &page.keychain) {
        (SignRow::AdHoc, _) => vec![
            "an ad hoc signature has no team: library validation refuses the app's own libraries, and it counts on no other machine."
                .to_owned(),
        ],
        (SignRow::Identity(index), Keychain::Open(list)) => {
            let fit = list.get(index).filter(|one| identity::unfit(one).is_none());
            fit.map(|one| identity::cautions(one, team)).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn cautions(known: &[String], b: &mut Build) {
    known.iter().for_each(|caution| b.marked(Mark::Unwise, Role::Unwise, &format!("unwise: {caution}")));
}

/// The masked line.
pub fn password(masked: &Masked, b: &mut Build) {
    let file = masked.file.file_name().unwrap_or(masked.file.as_os_str()).to_string_lossy();
    b.pieces(&[(Role::Heading, "Password of "), (Role::Heading, &file)]);
    b.item(Target::Line, |b| b.pieces(&[(Role::Text, " ")]));
    b.blank();
    b.para(0, Role::Text, "Type or paste it. Enter takes it; with nothing typed the file has none. Nothing is done yet.");
    b.blank();
    b.para(
        0,
        Role::Dim,
        "It is never shown and never an argument: rcodesign reads it from standard input while it signs, and then it is overwritten. Esc overwrites \
         it at once.",
    );
}
