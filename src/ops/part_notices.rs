//! A line for each program that may have taken one part of a file for all of it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::bytes::Bytes;
use crate::http::{Request, players};
use crate::limits::{NOTICED_PRODUCTS_MAX, PRODUCT_MAX};

/// The programs that there was a line for.
#[derive(Debug, Default)]
pub struct PartNotices(Mutex<BTreeSet<Box<str>>>);

impl PartNotices {
    /// Logs, once for each program, that it was sent a part of this size without having asked for
    /// one. Silent for browsers and players.
    pub fn add(&self, request: &Request, part: Bytes) {
        if !players::may_take_part_for_whole(request) {
            return;
        }
        let product = players::product(request).unwrap_or("a client without a name");
        // It is ASCII, so every byte ends a character.
        let product = &product[..product.len().min(PRODUCT_MAX)];
        if self.is_new(product) {
            log::warn!(
                "{product} was sent the first {part} of a larger file and may take it for all of it; see --part-policy"
            );
        }
    }

    fn is_new(&self, product: &str) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !known.contains(product) && known.len() < NOTICED_PRODUCTS_MAX && known.insert(product.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_new_once_and_not_beyond_the_limit() {
        let notices = PartNotices::default();
        for number in 0..NOTICED_PRODUCTS_MAX {
            let product = format!("curl/{number}");
            assert_eq!([notices.is_new(&product), notices.is_new(&product)], [true, false]);
        }
        assert!(!notices.is_new("wget/1"));
    }
}
