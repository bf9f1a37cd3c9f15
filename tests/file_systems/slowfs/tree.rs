//! The file system: a read-only view of a folder. One thread answers at once, another answers
//! delayed operations, so that an operation that hangs blocks no other.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags, KernelConfig,
    LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs,
    Request,
};

use crate::rules::{Action, Rules, RulesFile};

/// How often the rules are checked while operations are delayed.
const TICK: Duration = Duration::from_millis(5);

/// FUSE_UNKNOWN_INO of libfuse: the inode number in readdir of a file system that has none.
const UNKNOWN_INODE: INodeNo = INodeNo(0xffff_ffff);

#[derive(Debug)]
pub struct Tree {
    shared: Arc<Shared>,
    delayed: Arc<Delayed>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    rules: RulesFile,
    nodes: Mutex<Nodes>,
    files: Mutex<HashMap<u64, Arc<File>>>,
}

/// The files that the kernel knows, by number.
#[derive(Debug, Default)]
struct Nodes {
    /// Number 1, the root, comes first.
    all: Vec<Node>,
    by_spelling: HashMap<PathBuf, u64>,
}

/// A path relative to the folder, and the names by which it was found.
#[derive(Clone, Debug, Default)]
struct Node {
    path: PathBuf,
    spelling: PathBuf,
}

/// Operations that sleep or hang.
#[derive(Default)]
struct Delayed {
    waiting: Mutex<Vec<Waiting>>,
    arrival: Condvar,
}

struct Waiting {
    operation: &'static str,
    path: String,
    since: Instant,
    answer: Answer,
}

/// Carries an operation out, or fails it with an error.
type Answer = Box<dyn FnOnce(Option<Errno>) + Send>;

impl std::fmt::Debug for Delayed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("Delayed")
    }
}

impl Tree {
    pub fn new(folder: PathBuf, rules: RulesFile) -> Self {
        let nodes = Nodes { all: vec![Node::default()], by_spelling: HashMap::from([(PathBuf::new(), 1)]) };
        let shared = Arc::new(Shared { folder, rules, nodes: Mutex::new(nodes), files: Mutex::default() });
        let delayed = Arc::new(Delayed::default());
        let (queue, of_queue) = (Arc::clone(&delayed), Arc::clone(&shared));
        thread::spawn(move || queue.release(&of_queue.rules));
        Tree { shared, delayed }
    }

    /// Answers at once or later, by the rules.
    fn answer(&self, operation: &'static str, path: String, answer: impl FnOnce(Option<Errno>) + Send + 'static) {
        match self.shared.rules.current().action(operation, &path) {
            None => answer(None),
            Some(Action::Fail(errno)) => answer(Some(errno)),
            Some(action) => {
                if matches!(action, Action::Hang) {
                    println!("hung {operation} {path}");
                }
                let waiting = Waiting { operation, path, since: Instant::now(), answer: Box::new(answer) };
                self.delayed.waiting.lock().expect("nothing panics with it").push(waiting);
                self.delayed.arrival.notify_one();
            }
        }
    }
}

impl Delayed {
    /// Answers each operation when its rule no longer delays it.
    fn release(&self, rules: &RulesFile) {
        let mut waiting = self.waiting.lock().expect("nothing panics with it");
        loop {
            waiting = match waiting.is_empty() {
                true => self.arrival.wait(waiting).expect("nothing panics with it"),
                false => self.arrival.wait_timeout(waiting, TICK).expect("nothing panics with it").0,
            };
            let rules = rules.current();
            let now = Instant::now();
            let hangs = |waiting: &Waiting| match rules.action(waiting.operation, &waiting.path) {
                Some(Action::Sleep(time)) => now < waiting.since + time,
                Some(Action::Hang) => true,
                Some(Action::Fail(_)) | None => false,
            };
            let released: Vec<Waiting> = waiting.extract_if(.., |waiting| !hangs(waiting)).collect();
            drop(waiting);
            for Waiting { operation, path, answer, .. } in released {
                match rules.action(operation, &path) {
                    Some(Action::Fail(errno)) => answer(Some(errno)),
                    _ => answer(None),
                }
            }
            waiting = self.waiting.lock().expect("nothing panics with it");
        }
    }
}

impl Shared {
    fn node(&self, number: INodeNo) -> Node {
        self.nodes.lock().expect("nothing panics with it").all[number.0 as usize - 1].clone()
    }

    fn number(&self, node: Node) -> INodeNo {
        let mut nodes = self.nodes.lock().expect("nothing panics with it");
        let next = nodes.all.len() as u64 + 1;
        let number = *nodes.by_spelling.entry(node.spelling.clone()).or_insert(next);
        if number == next {
            nodes.all.push(node);
        }
        INodeNo(number)
    }

    fn lookup(&self, parent: &Node, name: &OsStr) -> io::Result<FileAttr> {
        let rules = self.rules.current();
        let path = self.find(&parent.path, name, &rules)?;
        let spelling = if rules.no_inodes { parent.spelling.join(name) } else { path.clone() };
        self.attributes(self.number(Node { path, spelling }))
    }

    /// The path of a name in a folder: its own, or the one that it is a second name of.
    fn find(&self, parent: &Path, name: &OsStr, rules: &Rules) -> io::Result<PathBuf> {
        let path = parent.join(name);
        if fs::symlink_metadata(self.folder.join(&path)).is_ok() {
            return Ok(path);
        }
        if let Some((path, _)) = rules
            .aliases
            .iter()
            .find(|(path, second)| path.parent() == Some(parent) && second.as_bytes() == name.as_bytes())
        {
            return Ok(path.clone());
        }
        let folded = name.to_string_lossy().to_lowercase();
        let mut names = fs::read_dir(self.folder.join(parent))?.filter_map(|entry| Some(entry.ok()?.file_name()));
        let found = names.find(|name| rules.fold_case && name.to_string_lossy().to_lowercase() == folded);
        Ok(parent.join(found.ok_or(io::ErrorKind::NotFound)?))
    }

    fn attributes(&self, number: INodeNo) -> io::Result<FileAttr> {
        let found = fs::symlink_metadata(self.folder.join(self.node(number).path))?;
        let time = |seconds: i64, nanoseconds: i64| {
            SystemTime::UNIX_EPOCH + Duration::new(seconds.max(0) as u64, nanoseconds as u32)
        };
        Ok(FileAttr {
            ino: number,
            size: found.size(),
            blocks: found.blocks(),
            atime: time(found.atime(), found.atime_nsec()),
            mtime: time(found.mtime(), found.mtime_nsec()),
            ctime: time(found.ctime(), found.ctime_nsec()),
            crtime: SystemTime::UNIX_EPOCH,
            kind: FileType::from_std(found.file_type()).ok_or(io::ErrorKind::Unsupported)?,
            perm: found.mode() as u16 & 0o7777,
            nlink: found.nlink() as u32,
            uid: found.uid(),
            gid: found.gid(),
            rdev: found.rdev() as u32,
            blksize: found.blksize() as u32,
            flags: 0,
        })
    }

    fn open(&self, number: INodeNo) -> io::Result<FileHandle> {
        let file = Arc::new(File::open(self.folder.join(self.node(number).path))?);
        let mut files = self.files.lock().expect("nothing panics with it");
        let handle = (0..).find(|handle| !files.contains_key(handle)).expect("there are numbers enough");
        files.insert(handle, file);
        Ok(FileHandle(handle))
    }

    fn read(&self, handle: FileHandle, offset: u64, size: u32) -> io::Result<Vec<u8>> {
        let file = Arc::clone(&self.files.lock().expect("nothing panics with it")[&handle.0]);
        let mut bytes = vec![0; size as usize];
        let mut filled = 0;
        loop {
            match file.read_at(&mut bytes[filled..], offset + filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// The entries of a folder, in the order of their names.
    fn entries(&self, number: INodeNo) -> io::Result<Vec<(INodeNo, FileType, std::ffi::OsString)>> {
        let Node { path, spelling } = self.node(number);
        let no_inodes = self.rules.current().no_inodes;
        let mut entries = vec![(number, FileType::Directory, ".".into()), (number, FileType::Directory, "..".into())];
        for entry in fs::read_dir(self.folder.join(&path))? {
            let entry = entry?;
            let (name, kind) = (entry.file_name(), FileType::from_std(entry.file_type()?));
            let node = Node { path: path.join(&name), spelling: spelling.join(&name) };
            let number = if no_inodes { UNKNOWN_INODE } else { self.number(node) };
            entries.extend(kind.map(|kind| (number, kind, name)));
        }
        entries[2..].sort_by(|one, other| one.2.cmp(&other.2));
        Ok(entries)
    }
}

/// A path as rules spell it.
fn rule_path(path: &Path) -> String {
    format!("/{}", path.display())
}

/// Runs it unless there is an error already.
fn unless<T>(error: Option<Errno>, act: impl FnOnce() -> io::Result<T>) -> Result<T, Errno> {
    match error {
        Some(errno) => Err(errno),
        None => act().map_err(Errno::from),
    }
}

impl Filesystem for Tree {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // Without it the kernel locks a folder during a lookup.
        config.add_capabilities(InitFlags::FUSE_PARALLEL_DIROPS).map_err(|_| io::ErrorKind::Unsupported)?;
        // Reads that hang must not use up the read-ahead of other files.
        config.set_max_background(u16::MAX).map_err(|_| io::ErrorKind::Unsupported)?;
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let shared = Arc::clone(&self.shared);
        let (parent, name) = (shared.node(parent), name.to_owned());
        self.answer("lookup", rule_path(&parent.path.join(&name)), move |error| {
            match unless(error, || shared.lookup(&parent, &name)) {
                Ok(attributes) => {
                    let rules = shared.rules.current();
                    reply.entry_with_ttls(&rules.cache_attributes, &rules.cache_names, &attributes, Generation(0));
                }
                Err(errno) => reply.error(errno),
            }
        });
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let shared = Arc::clone(&self.shared);
        self.answer("getattr", rule_path(&shared.node(number).path), move |error| {
            match unless(error, || shared.attributes(number)) {
                Ok(attributes) => reply.attr(&shared.rules.current().cache_attributes, &attributes),
                Err(errno) => reply.error(errno),
            }
        });
    }

    fn statfs(&self, _: &Request, number: INodeNo, reply: ReplyStatfs) {
        self.answer("statfs", rule_path(&self.shared.node(number).path), move |error| match error {
            None => reply.statfs(0, 0, 0, 0, 0, 4096, 255, 0),
            Some(errno) => reply.error(errno),
        });
    }

    fn readlink(&self, _: &Request, number: INodeNo, reply: ReplyData) {
        match fs::read_link(self.shared.folder.join(self.shared.node(number).path)) {
            Ok(target) => reply.data(target.as_os_str().as_bytes()),
            Err(error) => reply.error(error.into()),
        }
    }

    fn open(&self, _: &Request, number: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let shared = Arc::clone(&self.shared);
        self.answer("open", rule_path(&shared.node(number).path), move |error| {
            match unless(error, || shared.open(number)) {
                Ok(handle) => reply.opened(handle, FopenFlags::empty()),
                Err(errno) => reply.error(errno),
            }
        });
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let shared = Arc::clone(&self.shared);
        let path = format!("{}@{offset}", rule_path(&shared.node(number).path));
        self.answer("read", path, move |error| match unless(error, || shared.read(handle, offset, size)) {
            Ok(bytes) => reply.data(&bytes),
            Err(errno) => reply.error(errno),
        });
    }

    fn flush(&self, _: &Request, number: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        self.answer("flush", rule_path(&self.shared.node(number).path), move |error| match error {
            None => reply.ok(),
            Some(errno) => reply.error(errno),
        });
    }

    fn release(
        &self,
        _: &Request,
        number: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        let shared = Arc::clone(&self.shared);
        self.answer("release", rule_path(&shared.node(number).path), move |error| {
            shared.files.lock().expect("nothing panics with it").remove(&handle.0);
            match error {
                None => reply.ok(),
                Some(errno) => reply.error(errno),
            }
        });
    }

    fn opendir(&self, _: &Request, number: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        self.answer("opendir", rule_path(&self.shared.node(number).path), move |error| match error {
            None => reply.opened(FileHandle(0), FopenFlags::empty()),
            Some(errno) => reply.error(errno),
        });
    }

    fn readdir(&self, _: &Request, number: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let shared = Arc::clone(&self.shared);
        self.answer("readdir", rule_path(&shared.node(number).path), move |error| {
            match unless(error, || shared.entries(number)) {
                Ok(entries) => {
                    for (at, (number, kind, name)) in entries.into_iter().enumerate().skip(offset as usize) {
                        if reply.add(number, at as u64 + 1, kind, name) {
                            break;
                        }
                    }
                    reply.ok();
                }
                Err(errno) => reply.error(errno),
            }
        });
    }
}
