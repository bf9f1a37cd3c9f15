//! Why the command failed: an exit code of sysexits.h, and a sentence.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use reeld::ops::file_limit;

/// An exit code and a sentence for standard error.
#[derive(Debug)]
pub struct Failure {
    pub code: u8,
    pub sentence: String,
}

/// Something is wrong with the files, which is no failure of the command.
pub const FOUND: u8 = 1;
const USAGE: u8 = 64;
const NO_INPUT: u8 = 66;
const UNAVAILABLE: u8 = 69;
pub const OS_ERROR: u8 = 71;
const NO_PERMISSION: u8 = 77;

impl Failure {
    fn new(code: u8, sentence: impl Into<String>) -> Self {
        Failure { code, sentence: sentence.into() }
    }

    /// The arguments or the environment are wrong.
    pub fn usage(sentence: impl Into<String>) -> Self {
        Failure::new(USAGE, sentence)
    }

    /// The system refused something; `what` says what could not be done.
    pub fn system(what: &str, error: &io::Error) -> Self {
        Failure::new(OS_ERROR, format!("{what}: {error}"))
    }

    /// The limit of open files is too low to serve.
    pub fn too_few_descriptors(limit: u64) -> Self {
        let smallest = file_limit::SMALLEST;
        Failure::new(
            OS_ERROR,
            format!("the limit of open files is {limit}; it must be at least {smallest} (ulimit -n, LimitNOFILE=)"),
        )
    }

    /// The content folder cannot be opened.
    pub fn no_content(content: &Path, error: &io::Error) -> Self {
        let content = content.display();
        match error.kind() {
            io::ErrorKind::NotFound => Failure::new(
                NO_INPUT,
                format!("there is no folder '{content}'; name the folder to serve: reeld <content>"),
            ),
            io::ErrorKind::NotADirectory => Failure::new(
                NO_INPUT,
                format!("'{content}' is not a folder; name the folder to serve: reeld <content>"),
            ),
            io::ErrorKind::PermissionDenied => {
                Failure::new(NO_PERMISSION, format!("the folder '{content}' may not be read by this user"))
            }
            _ => Failure::system(&format!("cannot open the folder '{content}'"), error),
        }
    }

    /// The address for operators cannot be listened on.
    pub fn no_admin(address: SocketAddr, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Failure::new(
                UNAVAILABLE,
                format!("{address} is in use; choose another address for --admin, or port 0 for a free one"),
            ),
            io::ErrorKind::PermissionDenied => Failure::new(
                NO_PERMISSION,
                format!("this user may not listen on {address}; choose a port from 1024 on"),
            ),
            _ => Failure::system(&format!("cannot listen on {address} for --admin"), error),
        }
    }

    /// The file of the access log cannot be opened for writing.
    pub fn no_log(path: &Path, error: &io::Error) -> Self {
        let sentence = format!("cannot write the access log to '{}': {error}", path.display());
        match error.kind() {
            io::ErrorKind::PermissionDenied => Failure::new(NO_PERMISSION, sentence),
            io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => {
                Failure::usage(format!("{sentence}; --log-file must be a file in a folder that exists"))
            }
            _ => Failure::new(OS_ERROR, sentence),
        }
    }

    /// Listening on the address failed. What may change by itself, such as an interface or a name
    /// server that is not up yet, is a system error, so that systemd tries again.
    pub fn no_address(host: Option<&str>, port: u16, error: &io::Error) -> Self {
        match (error.kind(), host) {
            (io::ErrorKind::AddrInUse, _) => Failure::new(
                UNAVAILABLE,
                format!("port {port} is in use; choose another with --port, or 0 for a free one"),
            ),
            (io::ErrorKind::PermissionDenied, _) => {
                Failure::new(NO_PERMISSION, format!("this user may not listen on port {port}; choose one from 1024 on"))
            }
            (io::ErrorKind::AddrNotAvailable, Some(host)) => {
                Failure::new(OS_ERROR, format!("'{host}' is not an address of this machine, at least not yet"))
            }
            (_, Some(host)) => Failure::system(&format!("cannot listen on '{host}', port {port}"), error),
            (_, None) => Failure::system(&format!("cannot listen on port {port}"), error),
        }
    }
}
