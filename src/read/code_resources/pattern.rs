//! POSIX extended regular expressions, the part of them that resource rules use.
//!
//! Security matches bytes in the C locale with `regcomp(REG_EXTENDED | REG_NOSUB)`. Whether there is a match does not depend on which one is
//! preferred, so the expression is a set of states that are followed together: no backtracking, time bounded by states × bytes.
//!
//! Left out, each making the pattern unknown rather than guessed: intervals, back references, escapes of letters and digits, `*` on nothing or twice,
//! empty alternatives, collating elements.

/// Longest expression that is compiled (bytes).
const MAX_SOURCE: usize = 4096;
/// Deepest nesting of groups.
const MAX_DEPTH: usize = 32;
/// Most steps for one path; beyond, the answer is unknown.
const MAX_STEPS: u32 = 4_000_000;

/// A set of bytes.
type Class = [u64; 4];

#[derive(Debug, Clone)]
enum Node {
    Set(Class),
    Start,
    End,
    All(Vec<Node>),
    Any(Vec<Node>),
    /// May be missing, may repeat.
    Repeat(Box<Node>, bool, bool),
}

#[derive(Debug, Clone, Copy)]
enum State {
    Set(Class),
    Start,
    End,
    Split(usize, usize),
    Match,
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Pattern {
    states: Vec<State>,
    first: usize,
    /// It can begin only where the text does.
    is_anchored: bool,
}

impl Pattern {
    /// Compiles an expression; `None` when it is wrong or uses what is not supported.
    pub fn parse(source: &str) -> Option<Pattern> {
        if source.is_empty() || source.len() > MAX_SOURCE {
            return None;
        }
        let mut parser = Parser { rest: source.as_bytes() };
        let node = parser.alternatives(0)?;
        if !parser.rest.is_empty() {
            return None;
        }
        let mut states = vec![State::Match];
        let first = emit(&mut states, &node, 0);
        // At the end of a text everything can be passed but `^`.
        let mut later = Vec::new();
        let is_anchored = !Run::new(&states).follow(first, 1, 1, &mut later)? && later.is_empty();
        Some(Pattern { states, first, is_anchored })
    }

    /// Whether the expression matches somewhere in `text`; `None` when that takes too long to tell.
    pub fn is_match(&self, text: &[u8]) -> Option<bool> {
        let mut run = Run::new(&self.states);
        let (mut now, mut next) = (Vec::new(), Vec::new());
        for at in 0..=text.len() {
            run.round = run.round.saturating_add(1);
            now.clear();
            let begins = (at == 0 || !self.is_anchored).then_some(self.first);
            for state in next.drain(..).chain(begins) {
                if run.follow(state, at, text.len(), &mut now)? {
                    return Some(true);
                }
            }
            if self.is_anchored && now.is_empty() {
                break;
            }
            let Some(&byte) = text.get(at) else { break };
            for &state in &now {
                if let Some((set, target)) = run.set(state)
                    && contains(set, byte)
                {
                    next.push(target);
                }
            }
        }
        Some(false)
    }
}

struct Run<'a> {
    states: &'a [State],
    /// States still to be entered.
    open: Vec<usize>,
    /// The round in which a state was last entered.
    seen: Vec<u32>,
    round: u32,
    steps: u32,
}

impl<'a> Run<'a> {
    fn new(states: &'a [State]) -> Self {
        Run { states, open: Vec::new(), seen: vec![u32::MAX; states.len()], round: 0, steps: 0 }
    }

    /// The set of a state that consumes a byte, and where it leads: to the split behind it (see [`emit`]).
    fn set(&self, state: usize) -> Option<(&'a Class, usize)> {
        match self.states.get(state)? {
            State::Set(set) => Some((set, state.checked_add(1)?)),
            _ => None,
        }
    }

    /// Enters a state and all that can be reached without a byte; true when the end of the expression is reached. `None` when out of steps.
    fn follow(&mut self, state: usize, at: usize, length: usize, now: &mut Vec<usize>) -> Option<bool> {
        self.open.clear();
        self.open.push(state);
        while let Some(state) = self.open.pop() {
            self.steps = self.steps.checked_add(1).filter(|&steps| steps <= MAX_STEPS)?;
            let Some(seen) = self.seen.get_mut(state).filter(|seen| **seen != self.round) else { continue };
            *seen = self.round;
            let next = state.saturating_add(1);
            match self.states.get(state) {
                Some(State::Match) => return Some(true),
                Some(State::Set(_)) => now.push(state),
                Some(State::Start) if at == 0 => self.open.push(next),
                Some(State::End) if at == length => self.open.push(next),
                Some(State::Split(one, other)) => self.open.extend([*one, *other]),
                _ => {}
            }
        }
        Some(false)
    }
}

/// Writes the states of `node` that go on at `then`; the state to enter. A state that goes on is followed by a split that says where.
fn emit(states: &mut Vec<State>, node: &Node, then: usize) -> usize {
    match node {
        Node::Set(set) => single(states, State::Set(*set), then),
        Node::Start => single(states, State::Start, then),
        Node::End => single(states, State::End, then),
        Node::All(nodes) => nodes.iter().rev().fold(then, |then, node| emit(states, node, then)),
        Node::Any(nodes) => {
            let entries: Vec<usize> = nodes.iter().map(|node| emit(states, node, then)).collect();
            entries.into_iter().reduce(|one, other| push(states, State::Split(one, other))).unwrap_or(then)
        }
        Node::Repeat(node, may_miss, may_repeat) => {
            // The split is written first, so that a repetition can lead back to it; its way in is set when it is known.
            let split = push(states, State::Split(then, then));
            let entry = emit(states, node, if *may_repeat { split } else { then });
            if let Some(state) = states.get_mut(split) {
                *state = State::Split(entry, then);
            }
            if *may_miss { split } else { entry }
        }
    }
}

fn single(states: &mut Vec<State>, state: State, then: usize) -> usize {
    let at = push(states, state);
    push(states, State::Split(then, then));
    at
}

fn push(states: &mut Vec<State>, state: State) -> usize {
    states.push(state);
    states.len().saturating_sub(1)
}

fn contains(set: &Class, byte: u8) -> bool {
    set.get(usize::from(byte >> 6)).is_some_and(|word| word & (1 << (byte & 63)) != 0)
}

fn class(is_in: impl Fn(u8) -> bool) -> Class {
    let mut set = [0; 4];
    for byte in (0..=255_u8).filter(|&byte| is_in(byte)) {
        if let Some(word) = set.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }
    set
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl Parser<'_> {
    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.rest.first() == Some(&byte);
        if is_next {
            self.next();
        }
        is_next
    }

    /// Recurses once for each group, at most [`MAX_DEPTH`] deep.
    fn alternatives(&mut self, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut nodes = vec![self.sequence(depth)?];
        while self.skip(b'|') {
            nodes.push(self.sequence(depth)?);
        }
        Some(if nodes.len() == 1 { nodes.pop()? } else { Node::Any(nodes) })
    }

    fn sequence(&mut self, depth: usize) -> Option<Node> {
        let mut nodes = Vec::new();
        while let Some(&byte) = self.rest.first() {
            if matches!(byte, b'|' | b')') {
                break;
            }
            let node = self.piece(depth)?;
            nodes.push(node);
        }
        if nodes.is_empty() { None } else { Some(Node::All(nodes)) }
    }

    fn piece(&mut self, depth: usize) -> Option<Node> {
        let atom = self.atom(depth)?;
        let (may_miss, may_repeat) = match self.rest.first() {
            Some(b'*') => (true, true),
            Some(b'+') => (false, true),
            Some(b'?') => (true, false),
            Some(b'{') => return None,
            _ => return Some(atom),
        };
        self.next();
        let is_anchor = matches!(atom, Node::Start | Node::End);
        if is_anchor || matches!(self.rest.first(), Some(b'*' | b'+' | b'?' | b'{')) {
            return None;
        }
        Some(Node::Repeat(Box::new(atom), may_miss, may_repeat))
    }

    fn atom(&mut self, depth: usize) -> Option<Node> {
        match self.next()? {
            b'(' => {
                let inner = self.alternatives(depth.checked_add(1)?)?;
                self.skip(b')').then_some(inner)
            }
            b'^' => Some(Node::Start),
            b'$' => Some(Node::End),
            b'.' => Some(Node::Set(class(|byte| byte != 0))),
            b'[' => self.bracket().map(Node::Set),
            b'*' | b'+' | b'?' | b'{' => None,
            b'\\' => self.next().filter(|byte| byte.is_ascii_punctuation() && !b"<>`'".contains(byte)).map(literal),
            byte => Some(literal(byte)),
        }
    }

    /// What stands between brackets. A backslash is an ordinary character there.
    fn bracket(&mut self) -> Option<Class> {
        let is_negated = self.skip(b'^');
        let mut set = [0_u64; 4];
        let mut is_first = true;
        loop {
            let byte = self.next()?;
            if byte == b']' && !is_first {
                break;
            }
            is_first = false;
            let add = match (byte, self.rest.first()) {
                (b'[', Some(b':')) => self.named()?,
                (b'[', Some(b'.' | b'=')) => return None,
                (low, _) if !low.is_ascii() => return None,
                (low, Some(b'-')) if self.rest.get(1).is_some_and(|&byte| byte != b']') => {
                    self.next();
                    let high = self.next().filter(|high| high.is_ascii() && *high >= low && *high != b'[')?;
                    class(|byte| (low..=high).contains(&byte))
                }
                (low, _) => only(low),
            };
            for (word, more) in set.iter_mut().zip(add) {
                *word |= more;
            }
        }
        Some(if is_negated { class(|byte| byte != 0 && !contains(&set, byte)) } else { set })
    }

    /// `[:alpha:]` and the like, of the C locale.
    fn named(&mut self) -> Option<Class> {
        let end = self.rest.windows(2).position(|pair| pair == b":]")?;
        let (name, rest) = (self.rest.get(1..end)?, self.rest.get(end.checked_add(2)?..)?);
        let is_in: fn(&u8) -> bool = match name {
            b"alpha" => u8::is_ascii_alphabetic,
            b"digit" => u8::is_ascii_digit,
            b"alnum" => u8::is_ascii_alphanumeric,
            b"upper" => u8::is_ascii_uppercase,
            b"lower" => u8::is_ascii_lowercase,
            b"punct" => u8::is_ascii_punctuation,
            b"xdigit" => u8::is_ascii_hexdigit,
            b"space" => |byte| byte.is_ascii_whitespace() || *byte == 0x0b,
            _ => return None,
        };
        self.rest = rest;
        Some(class(|byte| is_in(&byte)))
    }
}

fn only(byte: u8) -> Class {
    let mut set = [0; 4];
    if let Some(word) = set.get_mut(usize::from(byte >> 6)) {
        *word = 1 << (byte & 63);
    }
    set
}

fn literal(byte: u8) -> Node {
    Node::Set(only(byte))
}
