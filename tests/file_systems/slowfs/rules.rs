//! The rules, one a line; `#` begins a comment. The file is read again when it has changed. Replace
//! it by rename(2).
//!
//! - `<operation> <path> sleep <milliseconds>`, `… hang`, `… fail <errno>`: the first line that
//!   matches an operation applies. A path begins with `/`, the mount point; `*` in it matches any
//!   text. That of a read ends in `@` and its offset if the pattern has an `@`. An operation that
//!   hangs is printed on standard output as `hung <operation> <path>`, and goes on when no rule
//!   makes it hang any more.
//! - `alias <path> <name>`: lookup also finds the path by a second name in the same folder; readdir
//!   does not list it.
//! - `fold-case`: lookup ignores case, in every alphabet.
//! - `no-inodes`: each spelling of a name has its own inode number, and readdir gives none.
//! - `cache-names <milliseconds>`, `cache-attributes <milliseconds>`: how long the kernel may cache
//!   them (default: 0).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fuser::Errno;

/// The operations that a rule can name.
const OPERATIONS: [&str; 9] = ["lookup", "getattr", "statfs", "open", "read", "flush", "release", "opendir", "readdir"];

const ERRORS: [(&str, Errno); 7] = [
    ("EIO", Errno::EIO),
    ("ENOENT", Errno::ENOENT),
    ("EACCES", Errno::EACCES),
    ("EAGAIN", Errno::EAGAIN),
    ("ESTALE", Errno::ESTALE),
    ("ENOTCONN", Errno::ENOTCONN),
    ("ETIMEDOUT", Errno::ETIMEDOUT),
];

#[derive(Clone, Copy, Debug)]
pub enum Action {
    Sleep(Duration),
    Hang,
    Fail(Errno),
}

#[derive(Debug, Default)]
pub struct Rules {
    actions: Vec<(String, String, Action)>,
    pub aliases: Vec<(PathBuf, String)>,
    pub fold_case: bool,
    pub no_inodes: bool,
    pub cache_names: Duration,
    pub cache_attributes: Duration,
}

/// The file with the rules.
#[derive(Debug)]
pub struct RulesFile {
    path: PathBuf,
    read: Mutex<(State, Arc<Rules>)>,
}

/// Inode, size, and ctime in seconds and nanoseconds, which identify a version of a file.
type State = (u64, u64, i64, i64);

impl RulesFile {
    pub fn new(path: &Path) -> Self {
        RulesFile { path: path.to_path_buf(), read: Mutex::default() }
    }

    /// The current rules. A malformed line ends the program, so that no test passes because of it.
    pub fn current(&self) -> Arc<Rules> {
        let refuse = |error: &dyn std::fmt::Display| -> ! {
            eprintln!("slowfs: {}: {error}", self.path.display());
            process::exit(65)
        };
        let found = fs::metadata(&self.path).unwrap_or_else(|error| refuse(&error));
        let state = (found.ino(), found.size(), found.ctime(), found.ctime_nsec());
        let mut read = self.read.lock().expect("nothing panics with it");
        if read.0 != state {
            let text = fs::read_to_string(&self.path).unwrap_or_else(|error| refuse(&error));
            let rules = Rules::parse(&text).unwrap_or_else(|line| refuse(&format!("'{line}' is no rule")));
            *read = (state, Arc::new(rules));
        }
        Arc::clone(&read.1)
    }
}

impl Rules {
    /// Fails with the first malformed line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Rules::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            rules.add(line).ok_or(line)?;
        }
        Ok(rules)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let milliseconds = |text: &str| text.parse().ok().map(Duration::from_millis);
        let action = match *line.split_whitespace().collect::<Vec<_>>() {
            ["fold-case"] => {
                self.fold_case = true;
                return Some(());
            }
            ["no-inodes"] => {
                self.no_inodes = true;
                return Some(());
            }
            ["cache-names", time] => {
                self.cache_names = milliseconds(time)?;
                return Some(());
            }
            ["cache-attributes", time] => {
                self.cache_attributes = milliseconds(time)?;
                return Some(());
            }
            ["alias", path, name] => {
                self.aliases.push((path.strip_prefix('/')?.into(), name.into()));
                return Some(());
            }
            [_, _, "sleep", time] => Action::Sleep(milliseconds(time)?),
            [_, _, "hang"] => Action::Hang,
            [_, _, "fail", name] => Action::Fail(ERRORS.iter().find(|(known, _)| *known == name)?.1),
            _ => return None,
        };
        let (operation, path) = line.split_once(' ')?;
        let path = path.split_whitespace().next()?;
        self.actions.push((OPERATIONS.contains(&operation).then(|| operation.into())?, path.into(), action));
        Some(())
    }

    /// What delays or fails an operation on a path (with its offset for a read); None if nothing
    /// does.
    pub fn action(&self, operation: &str, path: &str) -> Option<Action> {
        let whole = path.rsplit_once('@').map_or(path, |(whole, _)| whole);
        let fits = |(of, pattern, _): &&(String, String, Action)| {
            *of == *operation && matches(pattern, if pattern.contains('@') { path } else { whole })
        };
        self.actions.iter().find(fits).map(|(_, _, action)| *action)
    }
}

/// Whether a pattern, in which `*` stands for any text, matches the whole path.
fn matches(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((start, rest)) => path
            .strip_prefix(start)
            .is_some_and(|path| path.char_indices().any(|(at, _)| matches(rest, &path[at..])) || matches(rest, "")),
    }
}
