//! Why a target leads to nothing that is served.

use std::io;
use std::time::Instant;

use rustix::io::Errno;

use super::rule::{Rule, quoted};
use crate::http::target::Target;
use crate::http::{Refusal, Status};
use crate::serve::connection::Worker;
use crate::serve::connection::lookup::look_up;
use crate::site::{Denial, NotServed, Reason, WouldBlock};

/// The rules that refuse a target.
pub(super) fn rules(refusal: Refusal, target: &Target, worker: &mut Worker) -> Result<Vec<Rule>, WouldBlock> {
    let denial = match look_up(&target.path, Instant::now(), worker) {
        Err(NotServed::Denied(denial)) => denial,
        Err(NotServed::WouldBlock(would_block)) => return Err(would_block),
        // The file is there, but not what the query asks of it.
        Ok(_) => return Ok(vec![("view", refusal.reason.to_string())]),
    };
    let mut rules = Vec::new();
    let relative = target.path.relative();
    let is_requested = denial.path.strip_prefix(relative).is_some_and(|rest| matches!(rest, b"" | b"/index.html"));
    if !is_requested && !relative.is_empty() {
        let path = quoted(&denial.path);
        rules.push(("link", format!("A link or another spelling in the path leads to {path}.")));
    }
    rules.push((if is_access_rule(&denial.reason) { "access" } else { "file" }, sentence(&denial)));
    if target.path.folder() && refusal.status == Status::NotFound && !is_access_rule(&denial.reason) {
        let listed = if worker.pool.settings.listing {
            format!("The scan found no folder {} either, of which there would be a page.", quoted(relative))
        } else {
            "There is no page of the folder, because of --no-listing.".to_string()
        };
        rules.push(("page", listed));
    }
    if refusal == Refusal::STILL_READING {
        rules.push(("page", refusal.reason.to_string()));
    }
    Ok(rules)
}

fn is_access_rule(reason: &Reason) -> bool {
    matches!(reason, Reason::Confidential(_) | Reason::ConfidentialAlias | Reason::Hidden | Reason::Unlisted)
}

fn sentence(denial: &Denial) -> String {
    let path = quoted(&denial.path);
    match &denial.reason {
        Reason::NotOpen => "The content folder is not open.".into(),
        Reason::Confidential(folder) if folder.len() == denial.path.len() => {
            format!("{path} is a confidential folder; whether it exists does not matter.")
        }
        Reason::Confidential(folder) => {
            format!("{path} is in the confidential folder {}; whether it exists does not matter.", quoted(folder))
        }
        Reason::ConfidentialAlias => format!("{path} is another name of a confidential folder."),
        Reason::Hidden => format!("A name in {path} begins with a dot; of those only .well-known is served."),
        Reason::Unlisted => format!("The folder of {path} does not list that name, so no rule can judge it."),
        Reason::Folder => format!("{path} is a folder, so it cannot stand for the folder that it is in."),
        Reason::Special => format!("{path} is neither a regular file nor a folder."),
        Reason::Error(error) => of_error(&path, error),
    }
}

fn of_error(path: &str, error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => format!("There is no {path}."),
        Some(Errno::NOTDIR) => format!("A folder in {path} is a file."),
        Some(Errno::XDEV) => format!("A link in {path} is absolute, or leads out of the content folder."),
        Some(Errno::LOOP) => format!("The links in {path} lead in a circle, or are more than 40."),
        Some(Errno::NAMETOOLONG) => format!("A name in {path} is longer than the file system allows."),
        Some(Errno::NXIO | Errno::NODEV) => format!("{path} is neither a regular file nor a folder."),
        Some(Errno::ACCESS | Errno::PERM) => format!("This user may not read {path}: {error}."),
        _ => format!("{path} cannot be opened: {error}."),
    }
}
