//! Who signs a fix. The keychain is asked only when the user chose the row that shows the command; what is typed as a password is in no state.

use super::super::page::Target;
use super::super::state::{
    Effect, FixStage, JobId, Keychain, Masked, Place, Purpose, Screen, SignRow, SignWith, State, Stroke, Tools, WhoPage,
};
use super::super::view;
use super::{fixing, input, push, selected};
use crate::fix::identity;
use crate::read::identity::Identity;
use crate::system::Secret;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::path::PathBuf;

/// Longest password that is taken, in characters.
const LONGEST: usize = 1024;

/// From the page of a fix: who could sign?
pub fn open(state: &mut State) -> Vec<Effect> {
    let looking = state.job();
    let Some(fix) = fixing::page(state).filter(|page| page.can_change()) else { return Vec::new() };
    let page = WhoPage { tools: None, looking, keychain: fix.keychain.clone(), place: Place::default() };
    push(state, Screen::Who(Box::new(page)));
    vec![Effect::FindTools(looking)]
}

/// The page somewhere on the stack: an answer comes to it even while another screen lies above.
fn page_of(state: &mut State, is_meant: impl Fn(&WhoPage) -> bool) -> Option<&mut WhoPage> {
    state.stack.iter_mut().rev().find_map(|screen| match screen {
        Screen::Who(page) if is_meant(page) => Some(&mut **page),
        _ => None,
    })
}

/// What there is to sign with is known: the selection goes to what is chosen now.
pub fn tools_found(state: &mut State, job: JobId, tools: Tools) -> Vec<Effect> {
    let chosen = state.fix_page().map(|page| page.order.sign_with.clone());
    let Some(page) = page_of(state, |page| page.looking == job && page.tools.is_none()) else { return Vec::new() };
    page.tools = Some(tools);
    let rows = view::sign_rows(page);
    let is_chosen = |row: &SignRow| match (row, &chosen, &page.keychain) {
        (SignRow::AdHoc, Some(SignWith::AdHoc), _) | (SignRow::File, Some(SignWith::File(_)), _) => true,
        (SignRow::Identity(index), Some(SignWith::Keychain(who, _)), Keychain::Open(list)) => {
            list.get(*index).is_some_and(|one| identity::who(list, one) == *who)
        }
        _ => false,
    };
    page.place.cursor = rows.iter().position(is_chosen).unwrap_or(0);
    Vec::new()
}

/// Enter.
pub fn activate(state: &mut State) -> Vec<Effect> {
    // What is run or taken must be on the screen.
    if super::regions(state).too_small {
        return Vec::new();
    }
    let Some(Target::Sign(row)) = selected(state) else { return Vec::new() };
    if let Some(why) = unfit(state, row) {
        state.notice = Some(why);
        return Vec::new();
    }
    match row {
        SignRow::InUse => chosen(state, SignWith::InUse),
        SignRow::AdHoc => chosen(state, SignWith::AdHoc),
        SignRow::Look => look(state),
        SignRow::Identity(index) => identity_chosen(state, index),
        SignRow::File => {
            let known = state.fix_page().and_then(|page| match &page.order.sign_with {
                SignWith::File(file) => Some(file.to_string_lossy().into_owned()),
                _ => None,
            });
            input::open(state, Purpose::SignWith);
            input::set(state, &known.unwrap_or_default());
            input::list(state)
        }
    }
}

/// Why this row cannot be taken.
fn unfit(state: &State, row: SignRow) -> Option<String> {
    let Screen::Who(page) = state.screen() else { return None };
    match (row, &page.keychain) {
        (SignRow::Identity(index), Keychain::Open(list)) => {
            list.get(index).and_then(identity::unfit).map(|why| format!("it cannot sign: {why}"))
        }
        _ => None,
    }
}

/// Runs exactly the command that the row shows.
fn look(state: &mut State) -> Vec<Effect> {
    let job = state.job();
    let Screen::Who(page) = state.screen_mut() else { return Vec::new() };
    if matches!(page.keychain, Keychain::Asked(_)) {
        return Vec::new();
    }
    page.keychain = Keychain::Asked(job);
    vec![Effect::ListIdentities(job)]
}

/// The keychain has answered.
pub fn identities(state: &mut State, job: JobId, list: Vec<Identity>) -> Vec<Effect> {
    let Some(page) = page_of(state, |page| page.keychain == Keychain::Asked(job)) else { return Vec::new() };
    let first = list.iter().position(|one| identity::unfit(one).is_none());
    page.keychain = Keychain::Open(list);
    if let Some(row) = view::sign_rows(page).iter().position(|row| first.is_some_and(|first| *row == SignRow::Identity(first))) {
        page.place.cursor = row;
    }
    // Another look needs no other run.
    let known = page.keychain.clone();
    if let Some(Screen::Fix(fix)) = state.stack.iter_mut().rev().find(|screen| matches!(screen, Screen::Fix(_))) {
        fix.keychain = known;
    }
    Vec::new()
}

/// Tools or keychain could not be asked. False when the job was another one.
pub fn failed(state: &mut State, job: JobId, why: &str) -> bool {
    if let Some(page) = page_of(state, |page| page.keychain == Keychain::Asked(job)) {
        page.keychain = Keychain::Failed(why.to_owned());
        return true;
    }
    page_of(state, |page| page.looking == job && page.tools.is_none()).map(|page| page.tools = Some(Tools::default())).is_some()
}

fn identity_chosen(state: &mut State, index: usize) -> Vec<Effect> {
    let team = state.examination.as_ref().and_then(|examination| examination.evidence.team());
    let Screen::Who(page) = state.screen() else { return Vec::new() };
    let Keychain::Open(list) = &page.keychain else { return Vec::new() };
    let Some(one) = list.get(index) else { return Vec::new() };
    let with = SignWith::Keychain(identity::who(list, one), identity::cautions(one, team));
    chosen(state, with)
}

/// Back to the fix, with that choice; what would be done is shown anew.
fn chosen(state: &mut State, with: SignWith) -> Vec<Effect> {
    if matches!(state.screen(), Screen::Who(_)) {
        state.stack.pop();
    }
    fixing::sign_with(state, with)
}

/// A PKCS #12 file was named.
pub fn named(state: &mut State, file: PathBuf) -> Vec<Effect> {
    chosen(state, SignWith::File(file))
}

/// Asks for the password that the shown fix lacks. False when it lacks none.
pub fn ask_password(state: &mut State) -> bool {
    let Screen::Fix(page) = state.screen() else { return false };
    let (true, FixStage::Asking(_), SignWith::File(file)) = (page.wants_password(), &page.stage, &page.order.sign_with) else {
        return false;
    };
    let masked = Masked { file: file.clone(), typed: 0 };
    push(state, Screen::Password(masked));
    true
}

fn masked(state: &mut State) -> Option<&mut Masked> {
    match state.screen_mut() {
        Screen::Password(masked) => Some(masked),
        _ => None,
    }
}

/// A key in the masked line.
pub fn typed(state: &mut State, event: &KeyEvent) -> Vec<Effect> {
    match event.code {
        KeyCode::Char(c) if (event.modifiers - KeyModifiers::SHIFT).is_empty() => add(state, c.encode_utf8(&mut [0; 4])),
        _ => Vec::new(),
    }
}

/// A paste into the masked line: its first line, as it stands. `None` when there is no such line.
pub fn pasted(state: &mut State, text: &str) -> Option<Vec<Effect>> {
    masked(state)?;
    Some(add(state, text.split(['\r', '\n']).next().unwrap_or_default()))
}

fn add(state: &mut State, text: &str) -> Vec<Effect> {
    let more = text.chars().count();
    let Some(masked) = masked(state) else { return Vec::new() };
    if more == 0 || masked.typed + more > LONGEST {
        let too_long = (more > 0).then(|| format!("a password has at most {LONGEST} characters here"));
        state.notice = too_long;
        return Vec::new();
    }
    masked.typed += more;
    vec![Effect::Password(Stroke::Add(Secret(text.as_bytes().to_vec())))]
}

/// Takes the last character away.
pub fn erase(state: &mut State) -> Vec<Effect> {
    let Some(masked) = masked(state).filter(|masked| masked.typed > 0) else { return Vec::new() };
    masked.typed -= 1;
    vec![Effect::Password(Stroke::Erase)]
}

/// Takes all of it away.
pub fn erase_all(state: &mut State) -> Vec<Effect> {
    let Some(masked) = masked(state) else { return Vec::new() };
    masked.typed = 0;
    vec![Effect::Password(Stroke::Wipe)]
}

/// Enter in the masked line: back to what it is for. Nothing is done yet.
pub fn entered(state: &mut State) -> Vec<Effect> {
    if masked(state).is_some() {
        state.stack.pop();
        if let Some(page) = fixing::page(state) {
            page.has_password = true;
        }
    }
    Vec::new()
}

/// The worker holds a password, or a part of one.
pub fn holds_password(state: &State) -> bool {
    state.stack.iter().any(|screen| match screen {
        Screen::Password(_) => true,
        Screen::Fix(page) => page.has_password,
        _ => false,
    })
}
