//! Where lines go: a descriptor, or a file that can be opened again.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// Takes the lines of a [`NonBlockingWriter`](super::NonBlockingWriter).
pub trait Output: Send {
    /// Writes some of the bytes, as write(2) does.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Opens it again; nothing for what has no path.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// What it is called in a message.
    fn name(&self) -> String;
}

/// Standard output, standard error, or another descriptor, and what it is called.
pub struct Descriptor<T>(pub T, pub &'static str);

impl<T: AsFd + Send> Output for Descriptor<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write(&self.0, bytes)
    }

    fn name(&self) -> String {
        self.1.into()
    }
}

/// A log file. Lines are added at its end.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
}

impl LogFile {
    /// Opens the file, which is created if there is none.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        let file = append(&path)?;
        Ok(LogFile { path, file })
    }
}

impl Output for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write(&self.file, bytes)
    }

    /// Opens the file that has the path now, as after a rename by logrotate(8).
    fn reopen(&mut self) -> io::Result<()> {
        self.file = append(&self.path)?;
        Ok(())
    }

    fn name(&self) -> String {
        format!("'{}'", self.path.display())
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    File::options().append(true).create(true).open(path)
}

/// Writes some bytes. Another process that shares the descriptor may have made it non-blocking.
fn write(out: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match rustix::io::write(&out, bytes) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                // An interrupted poll is retried together with the write.
                let _ = poll(&mut [PollFd::from_borrowed_fd(out.as_fd(), PollFlags::OUT)], None);
            }
            result => return Ok(result?),
        }
    }
}
