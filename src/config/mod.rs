//! Reads `gateway-config/`: all problems at once, each with file, line, value and what would be right.

pub mod settings;

pub use self::settings::Settings;
