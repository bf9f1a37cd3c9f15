//! What the admin listener shows.

use std::sync::Arc;

use crate::ops::{AccessLog, Metrics, Viewings};
use crate::serve::Monitor;
use crate::site::Site;

/// Where its numbers come from.
#[derive(Debug)]
pub struct Sources {
    pub server: Monitor,
    pub site: Arc<Site>,
    pub metrics: Arc<Metrics>,
    pub viewings: Arc<Viewings>,
    /// The access log, if there is one.
    pub log: Option<AccessLog>,
}
