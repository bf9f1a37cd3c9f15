//! Which mounted file system a file lies on, and what can be known of it without waiting.

/// A mounted file system: whose disk permits an operation on it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileSystem {
    pub id: u64,
    pub kind: Kind,
}

/// What a file system can say of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Local,
    Memory,
    Stacked,
    Remote,
}
