//! What a target leads to: a file, a view of it, or the page that stands for it or for a folder.

use std::time::Instant;

use super::describe;
use super::file_read::{Opened, read_whole};
use super::lookup::find_file;
use super::views;
use crate::http::target::Target;
use crate::http::{Refusal, Request, Status};
use crate::limits::{ROWS_MAX, SUBTITLES_MAX};
use crate::pages::{self, FolderPage, SUBRIP, View};
use crate::serve::pool::quota::Slot;
use crate::serve::pool::{Pool, Worker};
use crate::site::{Found, Listing, NotFound, Resource};

/// Where load balancers ask for the health, under a name that is hidden in the content folder.
const HEALTH: &[u8] = b".reeld/health";

/// Finds what a target leads to. Fails if it needs a disk permit and none is free.
pub(in crate::serve) fn find<C: Send + 'static>(
    request: &Request,
    target: &Target,
    arrived: Instant,
    worker: &mut Worker<C>,
) -> Result<Found, NotFound> {
    let pool = worker.pool;
    if target.path.relative() == HEALTH {
        return Ok(Found::File(pool.health().answer()?));
    }
    if let Some(asset) = pages::asset(target.path.relative()).filter(|_| pool.settings.listing) {
        return Ok(Found::File(asset));
    }
    let query = target.query.unwrap_or_default();
    let is_listed = target.path.folder() && pool.settings.listing;
    // Also where an index.html stands for the folder, as that is no form of the listing.
    if is_listed && View::asks_for_entries(query) {
        return list(request, target, arrived, worker);
    }
    let found = match find_file(&target.path, arrived, worker) {
        Err(NotFound::Refused(refusal)) if refusal.status == Status::NotFound && is_listed => {
            return list(request, target, arrived, worker);
        }
        found => found?,
    };
    let view = View::of_file(query);
    match found {
        Found::File(resource) if view == View::Subtitles && resource.representation.content_type == SUBRIP => {
            subtitles(resource, worker)
        }
        Found::File(resource) if matches!(view, View::Play | View::Playlist) && pool.settings.listing => {
            page_of_file(resource, view, request, target, worker)
        }
        Found::File(resource) => Ok(Found::File(view.of(views::apply(resource, query, view, worker)?, target))),
        Found::Folder => Ok(Found::Folder),
    }
}

/// The page of a file, or the file where there is none.
fn page_of_file<C: Send + 'static>(
    resource: Resource,
    view: View,
    request: &Request,
    target: &Target,
    worker: &mut Worker<C>,
) -> Result<Found, NotFound> {
    let pool = worker.pool;
    let Ok(Listing::Read(folder)) = pool.site.list(target.path.parent()) else {
        return Ok(Found::File(view.of(resource, target)));
    };
    let Resource { content, representation, is_whole } = resource;
    let opened = Opened::new(content, pool);
    if view == View::Play
        && let Some(entry) = folder.get(target.path.name())
    {
        describe::describe(&opened, &representation.validators, entry, worker)?;
    }
    let _slot = may_generate(view == View::Play && folder.entries().len() > ROWS_MAX, pool)?;
    let page = pages::of_file(view, request, target, &folder, &pool.site);
    let file = || Resource { content: opened.into_content(), representation, is_whole };
    Ok(Found::File(page.unwrap_or_else(|| view.of(file(), target))))
}

/// Lists the folder that a target names.
fn list<C: Send + 'static>(
    request: &Request,
    target: &Target,
    arrived: Instant,
    worker: &mut Worker<C>,
) -> Result<Found, NotFound> {
    let pool = worker.pool;
    match pool.site.list(target.path.relative())? {
        Listing::Read(folder) => {
            let is_large = folder.entries().len() > ROWS_MAX;
            let slot = may_generate(is_large, pool)?;
            let page = FolderPage::new(request, target, &folder);
            drop(slot);
            let pending = describe::describe_shown(&page, &target.path, arrived, worker);
            let _slot = may_generate(is_large, pool)?;
            Ok(Found::File(page.render(&pool.site, pending)))
        }
        Listing::StillReading => Err(Refusal::STILL_READING.into()),
    }
}

/// Lets one worker at once make what takes long, so that the others serve files meanwhile.
fn may_generate<C: Send + 'static>(is_large: bool, pool: &Pool<C>) -> Result<Option<Slot>, Refusal> {
    if !is_large {
        return Ok(None);
    }
    pool.generating.try_take(1).map(Some).ok_or(Refusal::TOO_MANY_PAGES)
}

const TOO_LARGE: Refusal =
    Refusal::keep_alive(Status::NotFound, "The file is larger than 4 MiB, so it is not taken for subtitles.");

/// Bytes that the subtitles of a film have at most, usually; they are converted within 5 ms.
const SUBTITLES_USUAL: u64 = 256 * 1024;

/// The subtitles of a file as WebVTT. Like a lookup it may need a disk permit.
fn subtitles<C: Send + 'static>(file: Resource, worker: &mut Worker<C>) -> Result<Found, NotFound> {
    let size = file.representation.validators.size();
    if size > SUBTITLES_MAX {
        return Err(TOO_LARGE.into());
    }
    match read_whole(file.content, size as usize, worker)? {
        Ok(bytes) => {
            let _slot = may_generate(size > SUBTITLES_USUAL, worker.pool)?;
            Ok(Found::File(pages::webvtt(&bytes)))
        }
        Err(_) => Err(Refusal::keep_alive(Status::InternalServerError, "The file cannot be read.").into()),
    }
}
