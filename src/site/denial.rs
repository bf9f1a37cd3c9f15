//! Why a path leads to nothing that is served.

use std::io;

use rustix::io::Errno;

use crate::http::{Refusal, Status};

/// A path that is not served, and why.
#[derive(Debug)]
pub struct Denial {
    /// The path requested, or the one to which links or another spelling lead, relative to the
    /// content folder.
    pub path: Vec<u8>,
    pub reason: Reason,
}

/// Why a path is not served.
#[derive(Debug)]
pub enum Reason {
    /// The content folder is not open yet.
    NotOpen,
    /// It is this confidential folder, or lies in it.
    Confidential(Vec<u8>),
    /// A step of it is a confidential folder under another name.
    ConfidentialAlias,
    /// A name in it begins with a dot.
    Hidden,
    /// Its folder does not list it, so that the access rules cannot judge its name.
    Unlisted,
    /// It is a folder, where the page of a folder must be a file.
    Folder,
    /// It is neither a regular file nor a folder.
    Special,
    /// It cannot be opened.
    Error(io::Error),
}

pub(super) const MISSING: Refusal = Refusal::keep_alive(Status::NotFound, "There is no such file here.");

/// For a path in a confidential folder, whether it exists or not.
const FORBIDDEN: Refusal = Refusal::keep_alive(Status::Forbidden, "What is asked for is confidential.");

const NOT_OPEN: Refusal = Refusal::keep_alive(Status::ServiceUnavailable, "The content folder does not answer yet.");

impl Denial {
    pub fn new(path: &[u8], reason: Reason) -> Self {
        Denial { path: path.to_vec(), reason }
    }

    /// The response to a client, which does not learn more than it must. An error of the system is
    /// logged.
    pub fn refusal(&self) -> Refusal {
        match &self.reason {
            Reason::NotOpen => NOT_OPEN,
            Reason::Confidential(_) | Reason::ConfidentialAlias => FORBIDDEN,
            Reason::Hidden | Reason::Unlisted | Reason::Folder | Reason::Special => MISSING,
            Reason::Error(error) => refusal_for(error, &self.path),
        }
    }
}

/// The response when a file cannot be opened: the only map from errno to status.
pub(super) fn refusal_for(error: &io::Error, relative: &[u8]) -> Refusal {
    match Errno::from_io_error(error) {
        Some(
            // XDEV: the path leads out of the content folder. NXIO, NODEV: a socket, or a device
            // without its driver.
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::NAMETOOLONG
            | Errno::LOOP
            | Errno::XDEV
            | Errno::NXIO
            | Errno::NODEV
            | Errno::ILSEQ
            | Errno::INVAL,
        ) => MISSING,
        Some(Errno::ACCESS | Errno::PERM) => Refusal::keep_alive(Status::Forbidden, "The file may not be read."),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN) => {
            log::warn!("cannot open {:?}: {error}", String::from_utf8_lossy(relative));
            Refusal::keep_alive(Status::ServiceUnavailable, "The server is too busy to open the file; try again.")
        }
        _ => {
            log::error!("cannot open {:?}: {error}", String::from_utf8_lossy(relative));
            Refusal::keep_alive(Status::InternalServerError, "The file cannot be opened.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of mode 000 can be read by root, and root may run the tests.
    #[test]
    fn what_may_not_be_read_is_forbidden() {
        for (errno, status) in [
            (Errno::ACCESS, Status::Forbidden),
            (Errno::PERM, Status::Forbidden),
            (Errno::NAMETOOLONG, Status::NotFound),
            (Errno::MFILE, Status::ServiceUnavailable),
            (Errno::IO, Status::InternalServerError),
        ] {
            assert_eq!(refusal_for(&errno.into(), b"a").status, status, "{errno}");
        }
    }
}
