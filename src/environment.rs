//! Settings from flags, or else from environment variables: `--port`, or else `REELD_PORT`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use crate::nearest::nearest;

const PREFIX: &str = "REELD_";

/// The variables whose names begin with `REELD_`.
#[derive(Debug)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// The variables that were looked up: all that reeld knows.
    known: RefCell<BTreeSet<String>>,
}

/// A value that may be set, and where it was set.
#[derive(Debug)]
pub struct Setting {
    /// The flag or the variable.
    pub place: String,
    pub value: Option<OsString>,
}

impl Environment {
    /// Selects the variables for reeld from those of a process.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let ours = variables.into_iter().filter(|(name, _)| name.as_bytes().starts_with(PREFIX.as_bytes()));
        Environment { variables: ours.collect(), known: RefCell::default() }
    }

    /// The setting with this name, which is that of its flag. The flag wins over the variable.
    pub fn setting(&self, name: &str, flag: Option<OsString>) -> Setting {
        let variable = name.replace('-', "_").to_ascii_uppercase();
        let place = format!("{PREFIX}{variable}");
        // An empty variable counts as not set: an environment file cannot unset one otherwise.
        let value = self.variables.get(&OsString::from(&place)).filter(|value| !value.is_empty()).cloned();
        self.known.borrow_mut().insert(variable);
        if flag.is_some() { Setting { place: format!("--{name}"), value: flag } } else { Setting { place, value } }
    }

    /// Fails if a variable was never looked up: it may be misspelt, and meant to hide a folder.
    pub fn check_all_known(&self) -> Result<(), String> {
        let known = self.known.borrow();
        for name in self.variables.keys() {
            let shown = name.to_string_lossy();
            let variable = &shown[PREFIX.len()..];
            if !known.contains(variable) {
                return Err(match nearest(variable, known.iter()) {
                    Some(nearest) => format!("{shown} is no setting of reeld; did you mean {PREFIX}{nearest}?"),
                    None => format!("{shown} is no setting of reeld; `reeld --help` lists them"),
                });
            }
        }
        Ok(())
    }
}

impl Setting {
    /// The value as parsed by `read`, or the default if it is not set. Fails with a sentence that
    /// says what it must be.
    pub fn read<T>(self, default: T, read: impl Fn(&str) -> Option<T>, expected: &str) -> Result<T, String> {
        let Setting { place, value } = self;
        let Some(value) = value else { return Ok(default) };
        let text = value.to_str().ok_or_else(|| format!("{place} is {value:?}; it must be UTF-8"))?;
        read(text).ok_or_else(|| format!("{place} is '{text}'; it must be {expected}"))
    }
}
