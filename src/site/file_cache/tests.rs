//! Tests of the file cache on a real folder.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::*;
use crate::http::Validators;

/// A folder, and a cache for it.
struct Folder {
    content: tempfile::TempDir,
    cache: FileCache,
}

/// An empty folder; None if its file system cannot report what is in memory.
fn folder() -> Option<Folder> {
    folder_in(&std::env::temp_dir())
}

fn folder_in(parent: &Path) -> Option<Folder> {
    let content = tempfile::tempdir_in(parent).expect("a temporary folder");
    let cache = FileCache::new();
    cache.set_root(Root::open(content.path()).expect("a folder"));
    let folder = Folder { content, cache };
    if folder.root().file_system().kind == Kind::Remote {
        eprintln!("skipped: nothing on the file system of {} is cached", parent.display());
        return None;
    }
    Some(folder)
}

impl Folder {
    fn at(&self, name: &str) -> std::path::PathBuf {
        self.content.path().join(name)
    }

    fn root(&self) -> Arc<Root> {
        Arc::clone(&self.cache.tree().expect("it is open").root)
    }

    /// Offers a file as a request that has opened it does.
    fn offer(&self, name: &str, lookup: Lookup, admission: Admission, now: SystemTime) -> Result<(), FileSystem> {
        let file = &File::open(self.at(name)).expect("a file");
        let metadata = &file.metadata().expect("it is open");
        let modified = metadata.modified().expect("a time");
        let validators = Validators::File { size: metadata.len(), modified };
        let representation = &Representation { validators, content_type: "text/plain".into(), fields: Vec::new() };
        let (root, relative) = (&self.root(), name.as_bytes());
        self.cache.offer(Offer { root, relative, file, metadata, representation, lookup, admission }, now)
    }

    /// Offers a file often enough for it to be cached, a minute from now.
    fn offer_in_turn(&self, name: &str) {
        for _ in 0..ADMIT_ONE_IN {
            self.offer(name, self.root().may_block(), Admission::InTurn, later()).expect("it may block");
        }
    }

    /// What a request that arrives now finds.
    fn found(&self, name: &str) -> Option<String> {
        self.found_by(name, Instant::now())
    }

    fn found_by(&self, name: &str, arrived: Instant) -> Option<String> {
        match self.cache.find(name.as_bytes(), arrived, self.root().may_block()) {
            Cached::Fresh(file) => {
                assert_eq!(file.representation.validators.size(), file.content.len() as u64);
                Some(String::from_utf8(file.content.to_vec()).expect("a text"))
            }
            Cached::WouldBlock(_) => panic!("it may block"),
            Cached::Missing(..) => None,
        }
    }

    fn bytes(&self) -> usize {
        self.cache.read().bytes
    }
}

/// A time at which everything written just now has settled.
fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(60)
}

#[test]
fn a_file_is_cached_until_it_changes_in_any_way() {
    let Some(folder) = folder() else { return };
    let at = |name: &str| folder.at(name);
    for change in [
        &(|| fs::write(at("a"), "ONE")) as &dyn Fn() -> io::Result<()>,
        &|| fs::write(at("a"), "longer"),
        &|| fs::remove_file(at("a")),
        &|| fs::write(at("b"), "two").and_then(|()| fs::rename(at("b"), at("a"))),
        &|| fs::rename(at("a"), at("c")).and_then(|()| std::os::unix::fs::symlink("c", at("a"))),
    ] {
        let _ = fs::remove_file(at("a"));
        fs::write(at("a"), "one").expect("a file");
        assert_eq!(folder.found("a"), None);
        folder.offer_in_turn("a");
        assert_eq!(folder.found("a").as_deref(), Some("one"));
        // After the clock of the file system has advanced, or the first change could not be seen.
        let before = fs::metadata(at("a")).expect("a file").modified().expect("a time");
        while fs::write(at("tick"), "").and_then(|()| fs::metadata(at("tick"))?.modified()).expect("a time") == before {
        }
        change().expect("it changes");
        assert_eq!(folder.found("a"), None);
        assert_eq!(folder.bytes(), 0);
    }
}

#[test]
fn one_validation_serves_all_requests_that_arrived_before() {
    let Some(folder) = folder() else { return };
    fs::write(folder.at("a"), "one").expect("a file");
    folder.offer_in_turn("a");
    let arrived = Instant::now();
    fs::write(folder.at("a"), "longer").expect("a file");
    assert_eq!(folder.found_by("a", arrived), None, "there was no validation since");

    folder.offer_in_turn("a");
    let arrived = Instant::now();
    assert_eq!(folder.found("a").as_deref(), Some("longer"));
    fs::write(folder.at("a"), "new").expect("a file");
    assert_eq!(folder.found_by("a", arrived).as_deref(), Some("longer"), "it was so after they had arrived");
    assert_eq!(folder.found("a"), None);
}

#[test]
fn a_file_whose_folder_has_become_a_link_is_not_found() {
    let Some(folder) = folder() else { return };
    let at = |name: &str| folder.at(name);
    fs::create_dir_all(at("films/old")).expect("a folder");
    fs::write(at("films/old/a"), "one").expect("a file");
    folder.offer_in_turn("films/old/a");
    assert_eq!(folder.found("films/old/a").as_deref(), Some("one"));
    fs::rename(at("films"), at("moved")).expect("it is renamed");
    std::os::unix::fs::symlink("moved", at("films")).expect("a link");
    assert_eq!(folder.found("films/old/a"), None);
}

fn exchange(folder: &Folder, one: &str, other: &str) -> io::Result<()> {
    Ok(renameat_with(CWD, folder.at(one), CWD, folder.at(other), RenameFlags::EXCHANGE)?)
}

#[test]
fn a_pinned_file_is_found_until_anything_on_its_path_changes() {
    let changes: [fn(&Folder) -> io::Result<()>; 7] = [
        |folder| fs::write(folder.at("films/old/a"), "ONE"),
        |folder| fs::remove_file(folder.at("films/old/a")),
        |folder| fs::rename(folder.at("films/old/b"), folder.at("films/old/a")),
        |folder| exchange(folder, "films/old/a", "films/old/b"),
        |folder| exchange(folder, "films/old", "films/new"),
        |folder| exchange(folder, "films", "music"),
        |folder| {
            fs::rename(folder.at("films"), folder.at("moved"))?;
            std::os::unix::fs::symlink("moved", folder.at("films"))
        },
    ];
    let mut folders = Vec::new();
    for _ in changes {
        let Some(folder) = folder() else { return };
        for name in ["films/old", "films/new", "music/old"] {
            fs::create_dir_all(folder.at(name)).expect("a folder");
            for file in ["a", "b"] {
                fs::write(folder.at(name).join(file), name).expect("a file");
            }
        }
        folders.push(folder);
    }
    let has_settled = |folder: &Folder, name: &str| {
        let version = Version::of(File::open(folder.at(name)).expect("a folder")).expect("its version");
        version.has_settled(SystemTime::now())
    };
    for (folder, name) in folders.iter().flat_map(|folder| ["", "films", "films/old"].map(|name| (folder, name))) {
        while !has_settled(folder, name) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    for (folder, change) in folders.iter().zip(changes) {
        folder.offer_in_turn("films/old/a");
        for _ in 0..2 {
            assert_eq!(folder.found("films/old/a").as_deref(), Some("films/old"));
            assert_eq!(folder.cache.pin_budget.taken(), 3, "file and folders");
        }
        change(folder).expect("it changes");
        assert_eq!(folder.found("films/old/a"), None);
        assert_eq!(folder.cache.pin_budget.taken(), 0);
    }
}

#[test]
fn what_is_cached_is_bounded_and_settled() {
    let Some(folder) = folder() else { return };
    for number in 0..2 * FILE_CACHE_MAX / CACHED_FILE_MAX {
        let name = number.to_string();
        fs::write(folder.at(&name), vec![b'x'; CACHED_FILE_MAX]).expect("a file");
        folder.offer_in_turn(&name);
        assert!(folder.found(&name).is_some());
        assert!(folder.bytes() <= FILE_CACHE_MAX);
    }
    fs::write(folder.at("large"), vec![b'x'; CACHED_FILE_MAX + 1]).expect("a file");
    folder.offer_in_turn("large");
    assert_eq!(folder.found("large"), None);
    fs::write(folder.at("new"), "x").expect("a file");
    let now = folder.offer("new", folder.root().may_block(), Admission::Now, SystemTime::now());
    assert_eq!((now, folder.found("new")), (Ok(()), None), "it may change again in the same tick");
}

#[test]
fn a_name_that_was_evicted_is_validated_under_a_permit() {
    let Some(folder) = folder() else { return };
    fs::create_dir(folder.at("films")).expect("a folder");
    fs::write(folder.at("films/a"), "one").expect("a file");
    folder.offer_in_turn("films/a");
    let root = folder.root();
    if root.file_system().kind != Kind::Local {
        eprintln!("skipped: names are never evicted on a file system in memory");
        return;
    }
    let find = |lookup| folder.cache.find(b"films/a", Instant::now(), lookup);
    // A rename or mount anywhere can race with a cached lookup.
    assert!((0..1000).any(|_| matches!(find(Lookup::CachedOnly), Cached::Fresh(_))));
    // A folder that is renamed takes the names in it out of reach without the disk.
    fs::rename(folder.at("films"), folder.at("moved")).expect("it is renamed");
    fs::create_dir(folder.at("films")).expect("a folder");
    assert!(matches!(find(Lookup::CachedOnly), Cached::WouldBlock(needed) if needed == root.file_system()));
    assert!(matches!(find(root.may_block()), Cached::Missing(..)));
}

#[test]
fn another_root_has_nothing_cached_and_nothing_indexed() {
    let Some(folder) = folder() else { return };
    fs::write(folder.at("a"), "one").expect("a file");
    let old = folder.cache.tree().expect("it is open");
    folder.offer_in_turn("a");
    folder.cache.set_root(Root::open(folder.content.path()).expect("a folder"));
    assert_eq!((folder.found("a"), folder.bytes()), (None, 0));
    let new = folder.cache.tree().expect("it is open");
    assert!(!Arc::ptr_eq(&old.index, &new.index), "what scans of the other root find");
}

/// Neither supports RWF_NOWAIT.
#[test]
fn a_read_that_may_block_needs_a_permit() {
    let Some(mut folder) = folder() else { return };
    fs::write(folder.at("a"), "one").expect("a file");
    for (name, needs_permit) in [("tmpfs", false), ("overlay", true)] {
        folder.cache = FileCache::new();
        folder.cache.set_root(Root::open(folder.content.path()).expect("a folder").like(name));
        let needed = folder.root().file_system();
        let offered = folder.offer("a", Lookup::CachedOnly, Admission::InTurn, later());
        assert_eq!(offered, if needs_permit { Err(needed) } else { Ok(()) }, "{name}");
        assert_eq!(folder.found("a").is_some(), !needs_permit, "{name}");
        if needs_permit {
            folder.offer("a", Lookup::MayBlock(needed), Admission::InTurn, later()).expect("it has one");
            assert_eq!(folder.found("a").as_deref(), Some("one"), "{name}");
        }
    }
}

/// Maps an existing file, writes to its page, and writes again for each line of input.
const WRITE_MAPPED: &str = "
import mmap, sys
file = open(sys.argv[1], 'r+b')
memory = mmap.mmap(file.fileno(), 0)
for word in sys.stdin:
    memory[:3] = word[:3].encode()
    print(flush=True)
";

#[test]
fn what_is_written_through_shared_memory_is_seen_after_some_seconds() {
    let Some(folder) = folder() else { return };
    fs::write(folder.at("a"), "old").expect("a file");
    let mut python = Command::new("python3");
    python.args(["-c", WRITE_MAPPED]).arg(folder.at("a")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut python) = python.spawn() else {
        eprintln!("skipped: there is no python3");
        return;
    };
    let mut stdin = python.stdin.take().expect("it is piped");
    let mut stdout = BufReader::new(python.stdout.take().expect("it is piped"));
    let mut write = |word: &str| {
        writeln!(stdin, "{word}").expect("it reads");
        stdout.read_line(&mut String::new()).expect("it answers");
    };
    write("one");
    folder.offer_in_turn("a");
    assert_eq!(folder.found("a").as_deref(), Some("one"));
    let times = |folder: &Folder| Version::of(File::open(folder.at("a")).expect("a file")).expect("its version");
    let before = times(&folder);
    write("two");
    assert_eq!(times(&folder), before, "the page is dirty already, so the times stay");
    let next = Instant::now() + CACHED_CONTENT_MAX_AGE;
    let found = folder.cache.find(b"a", next, folder.root().may_block());
    let Cached::Missing(_, admission) = found else { panic!("its content is too old: {found:?}") };
    assert_eq!(admission, Admission::Now, "it goes back at once");
    folder.offer("a", folder.root().may_block(), admission, later()).expect("it may block");
    assert_eq!(folder.found("a").as_deref(), Some("two"));
    drop(stdin);
    python.wait().expect("it ends with its input");
}
