//! What the operator sees and does: the [`access_log`] and the [`diagnostics`], each through an [`outlet`] for which nobody
//! waits; [`signals`]; the [`file_limit`].

pub mod access_log;
pub mod diagnostics;
pub mod file_limit;
pub mod outlet;
pub mod signals;

pub use access_log::AccessLog;
pub use outlet::Outlet;
