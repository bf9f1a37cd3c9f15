//! Mounts for a test. They are removed when it ends, even by a panic.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::Instant;

use crossbeam_channel::{Receiver, unbounded};
use rustix::mount::{UnmountFlags, unmount};
use tempfile::TempDir;

use crate::support::{PATIENCE, skip, wait_until};

/// Whether file systems can be mounted here; if not, prints why this test is skipped.
pub fn can_mount() -> bool {
    static REASON: OnceLock<Option<String>> = OnceLock::new();
    let reason = REASON.get_or_init(|| {
        if !rustix::process::geteuid().is_root() {
            return Some("only root can mount".into());
        }
        let trial = tempfile::tempdir().expect("a temporary folder");
        let at = trial.path().join("mount");
        fs::create_dir(&at).expect("a folder");
        SlowFs::start(trial.path(), &at, "").err()
    });
    if let Some(reason) = reason {
        skip(reason);
    }
    reason.is_none()
}

/// A folder shown by `slowfs`. When it is dropped, operations that hang fail and the mount is gone.
pub struct SlowFs {
    child: Child,
    /// The program ends when this is closed.
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    mount_point: PathBuf,
    /// The folder of the rules.
    rules: TempDir,
}

impl SlowFs {
    pub fn mount(folder: &Path, mount_point: &Path, rules: &str) -> Self {
        SlowFs::start(folder, mount_point, rules).expect("a test that mounts asks whether it can")
    }

    fn start(folder: &Path, mount_point: &Path, rules: &str) -> Result<Self, String> {
        let rules_folder = tempfile::tempdir().expect("a temporary folder");
        let file = rules_folder.path().join("rules");
        fs::write(&file, rules).expect("a file");
        // Beside the folder of the tests.
        let tests = std::env::current_exe().expect("this program has a path");
        let program = tests.ancestors().nth(2).expect("the build folder").join("examples/slowfs");
        let mut child = Command::new(&program)
            .args([folder, mount_point, &file])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; cargo build --example slowfs makes it", program.display()));
        let (tell, lines) = unbounded();
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let stdin = child.stdin.take();
        let slow = SlowFs { child, stdin, lines, mount_point: mount_point.into(), rules: rules_folder };
        match slow.lines.recv_timeout(PATIENCE) {
            Ok(line) if line == "mounted" => Ok(slow),
            _ => Err(slow.failure()),
        }
    }

    /// Why it has ended, from its standard error.
    fn failure(mut self) -> String {
        self.stdin = None;
        let stderr = BufReader::new(self.child.stderr.take().expect("it is piped"));
        format!("slowfs cannot mount: {}", stderr.lines().map_while(Result::ok).collect::<Vec<_>>().join(" "))
    }

    /// Replaces the rules.
    pub fn set(&self, rules: &str) {
        let next = self.rules.path().join("next");
        fs::write(&next, rules).expect("a file");
        fs::rename(next, self.rules.path().join("rules")).expect("a file system renames");
    }

    /// Waits until an operation hangs that begins with this name and path: `read /film.mp4`.
    pub fn wait_for_hung(&self, operation: &str) {
        while !self.next_hung().starts_with(operation) {}
    }

    /// Waits until the next operation hangs, and returns its name and path.
    pub fn next_hung(&self) -> String {
        let line = self.lines.recv_timeout(PATIENCE).expect("an operation hangs");
        line.strip_prefix("hung ").unwrap_or_else(|| panic!("{line} is no operation")).to_string()
    }

    pub fn child(&self) -> &Child {
        &self.child
    }

    /// Unmounts lazily; the program runs on while the file system is in use.
    pub fn detach(&self) {
        unmount(&self.mount_point, UnmountFlags::DETACH).expect("it is mounted");
    }
}

impl Drop for SlowFs {
    fn drop(&mut self) {
        self.stdin = None;
        let until = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            // It does not end by itself.
            let _ = self.child.kill();
            let _ = self.child.wait();
            let _ = unmount(&self.mount_point, UnmountFlags::DETACH);
        }
    }
}

/// Whether this is a mount point.
pub fn is_mounted(mount_point: &Path) -> bool {
    field_of_mount(mount_point, |_| Some(())).is_some()
}

/// A mount of another program. When it is dropped, it is unmounted, though it may be in use.
pub struct Mounted {
    mount_point: PathBuf,
    source: String,
}

impl Mounted {
    /// Mounts an image of a file system read-only, on a loop device that goes with the mount.
    pub fn on_loop(image: &Path, mount_point: &Path) -> Self {
        let (image, at) = (image.display().to_string(), mount_point.display().to_string());
        Mounted::by("mount", &["-o", "loop,ro", &image, &at], mount_point)
    }

    /// Runs a program that mounts something there.
    pub fn by(program: &str, arguments: &[&str], mount_point: &Path) -> Self {
        run(program, arguments);
        Mounted::at(mount_point)
    }

    /// Something that is mounted there soon.
    pub fn at(mount_point: &Path) -> Self {
        let source = || {
            field_of_mount(mount_point, |fields| {
                // Optional fields end with a hyphen; then come the type and the source.
                let hyphen = fields.iter().position(|field| *field == "-")?;
                fields.get(hyphen + 2).map(|source| source.to_string())
            })
        };
        wait_until("it is mounted", || source().is_some());
        Mounted { mount_point: mount_point.into(), source: source().unwrap_or_default() }
    }

    /// The device, or what stands for one.
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = unmount(&self.mount_point, UnmountFlags::DETACH);
    }
}

/// Something of the last mount there, from its fields in proc_pid_mountinfo(5). The file system
/// itself, which may hang, is not asked.
fn field_of_mount<T>(mount_point: &Path, of: impl Fn(&[&str]) -> Option<T>) -> Option<T> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("proc is mounted");
    let mut mounts = mounts.lines().rev().map(|line| line.split(' ').collect::<Vec<_>>());
    mounts.find(|fields| Path::new(fields[4]) == mount_point).and_then(|fields| of(&fields))
}

/// Runs a program to its end.
pub fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
