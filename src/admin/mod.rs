//! The admin listener: health, metrics and a live page, on a thread of its own, so that they answer
//! while the pool is busy.
//!
//! `listener` (connections), `routes` (what is answered), `exposition` and `metrics` (for
//! Prometheus), `history` (the last minutes, for charts), `page` (for people), `status` (what the
//! page shows, as JSON), `sources` (where all of it comes from).

mod exposition;
mod history;
mod listener;
mod metrics;
mod page;
mod routes;
mod sources;
mod status;

pub use listener::AdminListener;
