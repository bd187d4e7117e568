//! The headless face: arguments, text, JSON.
