//! Socket activation: listening sockets that a service manager has opened (sd_listen_fds(3)).

use std::env;
use std::ffi::{OsStr, OsString};
use std::net::TcpListener;
use std::process;

use listenfd::ListenFd;
use socket2::SockRef;

/// More sockets than this are a mistake.
const MOST_SOCKETS: usize = 64;

/// The first descriptor that is passed (sd_listen_fds(3)).
const FIRST: usize = 3;

/// The listening sockets passed to this process; none if there are none, or if they are for another
/// process. Call it before another descriptor is opened.
///
/// Fails with one sentence if the variables are malformed or a descriptor is no listening TCP
/// socket.
pub fn inherited_sockets() -> Result<Vec<TcpListener>, String> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
    let count = count(variable("LISTEN_FDS"), variable("LISTEN_PID"), process::id())?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut inherited = ListenFd::from_env();
    let take = |index| match inherited.take_tcp_listener(index) {
        Ok(Some(socket)) if SockRef::from(&socket).is_listener().is_ok_and(|listens| listens) => Ok(socket),
        _ => Err(format!(
            "descriptor {} of LISTEN_FDS is no listening TCP socket; a socket unit needs ListenStream= with a port, and \
             Accept=no",
            FIRST + index
        )),
    };
    (0..count).map(take).collect()
}

/// The number of descriptors passed to the process with this number.
fn count(fds: Option<OsString>, pid: Option<OsString>, own: u32) -> Result<usize, String> {
    fn read<T: std::str::FromStr>(name: &str, value: &OsStr, expected: &str) -> Result<T, String> {
        let number = value.to_str().and_then(|text| text.parse().ok());
        number.ok_or_else(|| format!("{name} is {value:?}; it must be {expected}"))
    }
    // Without LISTEN_PID it may be left over from a parent.
    let (Some(fds), Some(pid)) = (fds, pid) else { return Ok(0) };
    let pid: u32 = read("LISTEN_PID", &pid, "the number of a process")?;
    if pid != own {
        return Ok(0);
    }
    let expected = "a number of listening sockets from 0 to 64";
    let count = read("LISTEN_FDS", &fds, expected)?;
    if count > MOST_SOCKETS { Err(format!("LISTEN_FDS is '{count}'; it must be {expected}")) } else { Ok(count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_for_another_process_are_ignored_and_malformed_counts_refused() {
        let is_wrong = |name: &'static str| move |sentence: &String| sentence.starts_with(name);
        for (fds, pid, expected) in [
            (None, None, Ok(0)),
            (Some("2"), Some("7"), Ok(2)),
            (Some("0"), Some("7"), Ok(0)),
            (Some("2"), Some("8"), Ok(0)),
            (Some("2"), None, Ok(0)),
            (None, Some("7"), Ok(0)),
            (Some("x"), Some("8"), Ok(0)),
            (Some("x"), Some("7"), Err("LISTEN_FDS is \"x\"; it must be a number of listening sockets from 0 to 64")),
            (Some("-1"), Some("7"), Err("LISTEN_FDS is \"-1\"")),
            (Some("65"), Some("7"), Err("LISTEN_FDS is '65'")),
            (Some("99999999999999999999"), Some("7"), Err("LISTEN_FDS is")),
            (Some("1"), Some("seven"), Err("LISTEN_PID is \"seven\"; it must be the number of a process")),
            (Some("1"), Some("-7"), Err("LISTEN_PID is")),
        ] {
            let found = count(fds.map(OsString::from), pid.map(OsString::from), 7);
            match expected {
                Ok(expected) => assert_eq!(found, Ok(expected), "{fds:?} {pid:?}"),
                Err(start) => assert!(found.as_ref().is_err_and(is_wrong(start)), "{found:?}"),
            }
        }
    }
}
