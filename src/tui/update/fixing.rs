//! The fix that Temper does itself: what would be done is shown and confirmed, then each step as it goes. The proof and the way back stand in `undo`.

use super::super::state::{
    Effect, FixOffer, FixOrder, FixPage, FixRun, FixStage, Fixed, JobId, Keychain, Place, PlanOrder, Screen, SignWith, Since, Stage, State,
    Stopped,
};
use super::{push, reveal, undo, who};
use crate::fix::apply::{Done, Progress};
use crate::fix::prove::Proof;

/// A fix is being done or taken back, on whatever screen one is: nothing may take it from under the user's eyes.
pub fn is_busy(state: &State) -> bool {
    state.fixes.iter().any(Fixed::is_busy) || state.stack.iter().any(|screen| matches!(screen, Screen::Fix(page) if page.is_busy()))
}

/// Leaves Temper. From a fix in hand only when that is taken back: nothing half done stays behind. A second ctrl-c leaves at once; then `temper undo` is the way
/// back.
pub fn leave(state: &mut State, by_key: bool) -> Vec<Effect> {
    if !is_busy(state) || (state.leaving && by_key) {
        return vec![Effect::Quit];
    }
    if std::mem::replace(&mut state.leaving, true) {
        return Vec::new();
    }
    state.notice = Some("leaving: it stops after this step, and everything is taken back; ctrl-c leaves at once".into());
    state.stack.iter_mut().find_map(stop).into_iter().collect()
}

fn stop(screen: &mut Screen) -> Option<Effect> {
    let Screen::Fix(page) = screen else { return None };
    let FixStage::Running(run) = &mut page.stage else { return None };
    run.stopping = true;
    Some(Effect::Cancel(run.job))
}

/// Nothing is in hand any more: now Temper leaves.
pub fn left(state: &State) -> Option<Effect> {
    (state.leaving && !is_busy(state)).then_some(Effect::Quit)
}

/// What could not be taken back before Temper left.
pub fn left_behind(state: &State) -> Option<String> {
    let stopped = state.stack.iter().find_map(|screen| match screen {
        Screen::Fix(page) => match &page.stage {
            FixStage::Stopped(run, stopped) => Some((run.offer.app.display(), stopped.left.as_ref()?)),
            _ => None,
        },
        _ => None,
    });
    let (app, why) = stopped.filter(|_| state.leaving)?;
    Some(format!("the fix was not taken back: {why}; 'temper undo {app}' takes it back"))
}

/// The page that waits for this job, wherever it is by now.
fn waiting(state: &mut State, job: JobId) -> Option<&mut FixPage> {
    let is_meant = |page: &FixPage| match &page.stage {
        FixStage::Preparing(own) => *own == job,
        FixStage::Running(run) => run.job == job,
        _ => false,
    };
    state.stack.iter_mut().rev().find_map(|screen| match screen {
        Screen::Fix(page) if is_meant(page) => Some(&mut **page),
        _ => None,
    })
}

/// The fix on the screen on top.
pub fn page(state: &mut State) -> Option<&mut FixPage> {
    match state.screen_mut() {
        Screen::Fix(page) => Some(page),
        _ => None,
    }
}

/// From the signing step of the walk: asks what would be done.
pub fn open(state: &mut State) -> Vec<Effect> {
    let (Some(examination), Some(request)) = (state.examination.clone(), state.request.clone()) else { return Vec::new() };
    let Screen::Mend(walk) = state.screen() else { return Vec::new() };
    let Some(plan) = walk.plan().filter(|_| walk.stage == Stage::Sign) else { return Vec::new() };
    let files = plan.edits.iter().map(|edit| (edit.executable.clone(), edit.file.clone())).collect();
    let plan = PlanOrder { examination, request, diagnosis: walk.diagnosis, remedy: walk.remedy, files };
    let order = FixOrder { plan, in_place: false, sign_with: SignWith::InUse };
    let job = state.job();
    let page = FixPage {
        order: order.clone(),
        stage: FixStage::Preparing(job),
        has_password: false,
        keychain: Keychain::Closed,
        place: Place::default(),
    };
    push(state, Screen::Fix(Box::new(page)));
    vec![Effect::PrepareFix(job, Box::new(order))]
}

/// The same otherwise: nothing is done, it is only shown anew.
fn otherwise(state: &mut State, change: impl FnOnce(&mut FixOrder)) -> Vec<Effect> {
    let job = state.job();
    let Some(page) = page(state).filter(|page| page.can_change()) else { return Vec::new() };
    change(&mut page.order);
    page.stage = FixStage::Preparing(job);
    page.place = Place::default();
    vec![Effect::PrepareFix(job, Box::new(page.order.clone()))]
}

/// In place, or on a copy.
pub fn switch_place(state: &mut State) -> Vec<Effect> {
    otherwise(state, |order| order.in_place = !order.in_place)
}

/// Ad hoc, or with the identity in use.
pub fn switch_identity(state: &mut State) -> Vec<Effect> {
    let is_ad_hoc = page(state).is_some_and(|page| page.order.sign_with == SignWith::AdHoc);
    sign_with(state, if is_ad_hoc { SignWith::InUse } else { SignWith::AdHoc })
}

/// With another identity; a password that was typed is for no other file.
pub fn sign_with(state: &mut State, sign_with: SignWith) -> Vec<Effect> {
    let effects = otherwise(state, |order| order.sign_with = sign_with);
    if let Some(page) = page(state).filter(|_| !effects.is_empty()) {
        page.has_password = false;
    }
    effects
}

/// What would be done is known: now it is asked.
pub fn offered(state: &mut State, job: JobId, offer: FixOffer) -> Vec<Effect> {
    if let Some(page) = waiting(state, job).filter(|page| matches!(page.stage, FixStage::Preparing(_))) {
        page.stage = FixStage::Asking(Box::new(offer));
        who::ask_password(state);
    }
    Vec::new()
}

/// Yes: exactly what is shown is done. Without the password it needs, that is asked for first.
pub fn confirmed(state: &mut State) -> Vec<Effect> {
    if who::ask_password(state) {
        return Vec::new();
    }
    let job = state.job();
    let Some(page) = page(state) else { return Vec::new() };
    let FixStage::Asking(offer) = &page.stage else { return Vec::new() };
    let offer = (**offer).clone();
    let run = FixRun { job, offer: offer.clone(), done: Vec::new(), current: Default::default(), stopping: false };
    page.stage = FixStage::Running(Box::new(run));
    page.place = Place::default();
    // The worker gives it away with this fix.
    page.has_password = false;
    vec![Effect::Fix(job, Box::new(page.order.clone()), Box::new(offer))]
}

/// A step goes on.
pub fn progress(state: &mut State, job: JobId, progress: Progress) -> Vec<Effect> {
    if let Some(FixStage::Running(run)) = waiting(state, job).map(|page| &mut page.stage) {
        run.current = progress.current;
        follow(state, job);
    }
    Vec::new()
}

/// A step is done.
pub fn step(state: &mut State, job: JobId, done: Done) -> Vec<Effect> {
    if let Some(FixStage::Running(run)) = waiting(state, job).map(|page| &mut page.stage) {
        run.done.push(done);
        run.current = Default::default();
        follow(state, job);
    }
    Vec::new()
}

/// The step in hand stays in sight.
fn follow(state: &mut State, job: JobId) {
    let step = match state.screen() {
        Screen::Fix(page) => match &page.stage {
            FixStage::Running(run) if run.job == job => run.done.len().min(run.offer.steps.len().saturating_sub(1)),
            _ => return,
        },
        _ => return,
    };
    reveal(state, step);
}

/// A step failed, or the user stopped it.
pub fn stopped(state: &mut State, job: JobId, stopped: Stopped) -> Vec<Effect> {
    if let Some(page) = waiting(state, job)
        && let FixStage::Running(run) = &page.stage
    {
        page.stage = FixStage::Stopped(run.clone(), stopped);
        page.place = Place::default();
    }
    Vec::new()
}

/// All is done and proved: the proof takes the place of the page.
pub fn fixed(state: &mut State, job: JobId, proof: Proof) -> Vec<Effect> {
    let Some(page) = waiting(state, job) else { return Vec::new() };
    let FixStage::Running(run) = &page.stage else { return Vec::new() };
    let fixed = Fixed { job, in_place: page.order.in_place, offer: run.offer.clone(), proof, since: Since::Stands };
    undo::keep(state, fixed);
    let is_meant = |screen: &Screen| matches!(screen, Screen::Fix(page) if matches!(&page.stage, FixStage::Running(run) if run.job == job));
    if let Some(screen) = state.stack.iter_mut().find(|screen| is_meant(screen)) {
        *screen = Screen::Proof { asks: false, place: Place::default() };
    }
    Vec::new()
}

/// It could not be prepared or done. False when the job was another one.
pub fn failed(state: &mut State, job: JobId, why: &str) -> bool {
    let Some(page) = waiting(state, job) else { return false };
    match &mut page.stage {
        FixStage::Preparing(_) => page.stage = FixStage::Refused(why.to_owned()),
        // A panic: what it left cannot be told from here.
        FixStage::Running(_) => drop(stopped(state, job, Stopped { why: why.to_owned(), left: Some("it ended in the middle".into()) })),
        _ => {}
    }
    true
}

/// Back: no to what is asked; what is being done stops after its step and is taken back.
pub fn back(state: &mut State) -> Vec<Effect> {
    let Some(page) = page(state) else { return Vec::new() };
    match &mut page.stage {
        FixStage::Running(run) => {
            run.stopping = true;
            let job = run.job;
            state.notice = Some("it stops after this step, and everything is taken back".into());
            return vec![Effect::Cancel(job)];
        }
        _ => {
            state.stack.pop();
        }
    }
    Vec::new()
}
