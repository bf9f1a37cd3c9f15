//! The limit of open files (getrlimit(2), RLIMIT_NOFILE), and how many connections it allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits::{SHED_MAX, SHED_MIN, pinned_descriptors_max};

/// The most descriptors of a server without clients. It has 12: 3 standard streams, 3 wakers, 2 for
/// signals, and one each for mountinfo, the content folder, the listening socket and sock_diag. The
/// rest is for the scan, more listening addresses, and inherited descriptors.
pub const WITHOUT_CLIENTS: u64 = 16;

/// Connections of the smallest server: a browser alone opens several.
const CONNECTIONS_MIN: u64 = 4;

/// Descriptors of a connection: the socket, and the file that is sent on it.
const FOR_EACH_CONNECTION: u64 = 2;

/// The smallest limit of open files with which the server works: it serves a few clients and
/// answers others 503.
pub const SMALLEST: u64 = WITHOUT_CLIENTS + SHED_MIN as u64 + CONNECTIONS_MIN * FOR_EACH_CONNECTION;

/// Raises the soft limit to the hard one and returns it; None if there is no limit.
pub fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return limit.current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        Ok(()) => limit.maximum,
        Err(error) => {
            log::warn!("cannot raise the limit of open files: {error}");
            limit.current
        }
    }
}

/// How many connections a limit of open files allows; None if it is below [`SMALLEST`].
pub fn connections(limit: u64) -> Option<usize> {
    if limit < SMALLEST {
        return None;
    }
    let for_clients = limit - WITHOUT_CLIENTS - pinned_descriptors_max(Some(limit)) as u64;
    let for_shed = (for_clients / 4).clamp(SHED_MIN as u64, SHED_MAX as u64);
    Some(usize::try_from((for_clients - for_shed) / FOR_EACH_CONNECTION).unwrap_or(usize::MAX))
}
