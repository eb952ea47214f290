//! The pages as people meet them: every page in every language and state, in a real browser.

mod everywhere;
mod keyboard;
mod protection;
mod scenes;
mod speech;
mod thanks;
mod waiting;
