//! Where one is on each screen, and the line of input that is open on it.

use super::{Place, Prompt, Screen};

impl Screen {
    /// Where one is on it; `None` for an evidence text, which counts lines, and a line that is typed.
    pub fn place_mut(&mut self) -> Option<&mut Place> {
        match self {
            Screen::Start { place }
            | Screen::Progress { place }
            | Screen::Failure { place, .. }
            | Screen::Answer { place, .. }
            | Screen::Tell { place, .. }
            | Screen::Object { place, .. }
            | Screen::List { place }
            | Screen::Finding { place, .. }
            | Screen::Interview { place, .. }
            | Screen::Explain { place, .. }
            | Screen::Proof { place, .. }
            | Screen::Help { place, .. } => Some(place),
            Screen::Mend(mend) => Some(&mut mend.place),
            Screen::WhatIf(tryout) => Some(&mut tryout.place),
            Screen::Fix(page) => Some(&mut page.place),
            Screen::Who(page) => Some(&mut page.place),
            Screen::Run(page) => Some(&mut page.place),
            Screen::Collect(page) => Some(&mut page.place),
            Screen::Code(tree) => Some(&mut tree.place),
            Screen::Open(open) => Some(&mut open.place),
            Screen::Save(save) => Some(&mut save.place),
            Screen::Text(_) | Screen::Password(_) => None,
        }
    }

    /// Where one is on it.
    pub fn place(&self) -> Place {
        match self {
            Screen::Start { place }
            | Screen::Progress { place }
            | Screen::Failure { place, .. }
            | Screen::Answer { place, .. }
            | Screen::Tell { place, .. }
            | Screen::Object { place, .. }
            | Screen::List { place }
            | Screen::Finding { place, .. }
            | Screen::Interview { place, .. }
            | Screen::Explain { place, .. }
            | Screen::Proof { place, .. }
            | Screen::Help { place, .. } => *place,
            Screen::Mend(mend) => mend.place,
            Screen::WhatIf(tryout) => tryout.place,
            Screen::Fix(page) => page.place,
            Screen::Who(page) => page.place,
            Screen::Run(page) => page.place,
            Screen::Collect(page) => page.place,
            Screen::Code(tree) => tree.place,
            Screen::Open(open) => open.place,
            Screen::Save(save) => save.place,
            Screen::Text(_) | Screen::Password(_) => Place::default(),
        }
    }

    /// The line of input that is open at its foot.
    pub fn prompt(&self) -> Option<&Prompt> {
        match self {
            Screen::Code(tree) => tree.prompt.as_ref(),
            Screen::Text(view) => view.prompt.as_ref(),
            Screen::Run(page) => page.prompt.as_ref(),
            _ => None,
        }
    }

    /// The line of input that is open at its foot, to change or close it; `None` where a screen has none.
    pub fn prompt_mut(&mut self) -> Option<&mut Option<Prompt>> {
        match self {
            Screen::Code(tree) => Some(&mut tree.prompt),
            Screen::Text(view) => Some(&mut view.prompt),
            Screen::Run(page) => Some(&mut page.prompt),
            _ => None,
        }
    }
}
