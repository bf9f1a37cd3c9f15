//! What the operator sees and does: the [`access_log`] and the [`diagnostics`], each through a
//! [`non_blocking_writer`] to an [`output`]; [`part_notices`] for programs that are cut short; the
//! [`record`] of an exchange, which the log, the [`metrics`] and the [`viewings`] observe; the
//! [`addresses`] of this device and their [`qr_code`]; [`signals`]; the [`service_manager`]; the
//! [`file_limit`].

pub mod access_log;
pub mod addresses;
pub mod diagnostics;
pub mod file_limit;
pub mod metrics;
pub mod non_blocking_writer;
pub mod output;
pub mod part_notices;
pub mod qr_code;
pub mod record;
pub mod service_manager;
pub mod signals;
pub mod viewings;

pub use access_log::{AccessLog, LogFormat};
pub use metrics::Metrics;
pub use non_blocking_writer::NonBlockingWriter;
pub use output::{Descriptor, LogFile};
pub use part_notices::PartNotices;
pub use record::{Observer, Observers};
pub use service_manager::{ServiceManager, Supervised};
pub use viewings::Viewings;
