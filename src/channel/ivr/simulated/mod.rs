//! Phone platforms and their callers, played: every path of a call, in each dialect, against a model of what the
//! contract says of the keypad. The platforms know the far sides' documents and nothing of our code but its doors.

mod document;
mod exchange;
mod model;
mod own;
mod paths;
mod platform;
