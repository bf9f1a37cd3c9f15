//! What the operator sees and does: the [`access_log`], [`diagnostics`], [`signals`], the [`file_limit`].

pub mod access_log;
pub mod diagnostics;
pub mod file_limit;
pub mod signals;

pub use access_log::AccessLog;
