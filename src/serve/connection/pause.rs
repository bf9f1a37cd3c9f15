//! Why a worker lets go of a connection.

use crate::serve::pool::inbox::Interest;
use crate::site::FileSystem;

/// Why a worker lets go of a connection.
pub(in crate::serve) enum Pause {
    Wait(Interest),
    WaitForDisk(FileSystem),
    QuantumSpent,
    End,
}
