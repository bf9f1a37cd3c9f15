//! Views of a file: another audio track, its index in front, the picture in it.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use super::describe;
use super::file_read::Opened;
use crate::http::{Query, Refusal, Representation, Status, Validators, ViewTag};
use crate::media::description::Cover;
use crate::media::source::Source;
use crate::media::view::{self, Changes, NoView};
use crate::pages::View;
use crate::piece::Piece;
use crate::serve::pool::Worker;
use crate::site::{Content, FileId, FileView, NotFound, Resource, Version};

/// The types that `--faststart` looks into.
const MP4: [&str; 4] = ["video/mp4", "audio/mp4", "video/quicktime", "video/x-m4v"];

const NO_NUMBER: Refusal =
    Refusal::keep_alive(Status::NotFound, "The audio track must be a number from 1 on, as in ?audio=2.");

const NO_COVER: Refusal = Refusal::keep_alive(Status::NotFound, "The file has no cover in it.");

const UNREADABLE: Refusal = Refusal::keep_alive(Status::InternalServerError, "The file cannot be read.");

const CHANGING: Refusal =
    Refusal::keep_alive(Status::ServiceUnavailable, "The file is just being changed; try again in a moment.");

const TOO_MANY: Refusal =
    Refusal::keep_alive(Status::ServiceUnavailable, "The server is sending too many changed films; try again soon.");

/// The view of a file that the query asks for; the file itself if it asks for none. Like a lookup
/// it may need a disk permit.
pub(super) fn apply<C: Send + 'static>(
    file: Resource,
    query: Query,
    view: View,
    worker: &mut Worker<C>,
) -> Result<Resource, NotFound> {
    if query.has("cover") {
        return cover(file, worker);
    }
    let is_rule =
        worker.pool.settings.faststart && view != View::Download && MP4.contains(&&*file.representation.content_type);
    let audio = query.get("audio").map(|text| track(&text).ok_or(NO_NUMBER)).transpose()?;
    let changes = Changes { audio, faststart: query.has("faststart") || is_rule };
    if changes == Changes::default() { Ok(file) } else { changed(file, changes, worker) }
}

/// The number of a track, which counts from 1.
fn track(text: &[u8]) -> Option<usize> {
    let is_number = text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok().filter(|track| *track > 0)
}

/// The file with these changes.
fn changed<C: Send + 'static>(file: Resource, changes: Changes, worker: &mut Worker<C>) -> Result<Resource, NotFound> {
    let Resource { content, representation, is_whole } = file;
    let Validators::File { size: file_size, modified } = representation.validators else {
        return Ok(Resource { content, representation, is_whole });
    };
    let site = &worker.pool.site;
    let opened = Opened::new(content, worker.pool);
    let (content, size) = match opened {
        Opened::Memory(ref bytes) => {
            let pieces = make(&opened, file_size, &changes, worker)?;
            if Piece::are_the_file(&pieces, file_size) {
                return Ok(Resource { content: opened.into_content(), representation, is_whole });
            }
            let bytes = joined(&pieces, bytes);
            let size = bytes.len() as u64;
            (Content::Memory(Arc::new(bytes)), size)
        }
        Opened::File(ref file) => {
            let version = version_of(file, file_size, modified)?;
            let view = match site.view(version, changes) {
                Some(view) => view,
                None => {
                    let pieces = make(&opened, file_size, &changes, worker)?;
                    site.add_view(version, changes, pieces).ok_or(TOO_MANY)?
                }
            };
            if view.is_the_file() {
                return Ok(Resource { content: opened.into_content(), representation, is_whole });
            }
            let size = view.size();
            (opened.into_view(view), size)
        }
    };
    let tag = ViewTag { audio: changes.audio, faststart: changes.faststart, cover: false, version: view::VERSION };
    let validators = Validators::View { size, file_size, modified, tag };
    Ok(Resource { content, representation: Representation { validators, ..representation }, is_whole })
}

/// The picture in a file, which is answered whole.
fn cover<C: Send + 'static>(file: Resource, worker: &mut Worker<C>) -> Result<Resource, NotFound> {
    let Validators::File { size: file_size, modified } = file.representation.validators else {
        return Err(NO_COVER.into());
    };
    let opened = Opened::new(file.content, worker.pool);
    let (version, id) = match &opened {
        Opened::File(file) => {
            (Some(version_of(file, file_size, modified)?), Some(FileId::of(file).map_err(|error| unreadable(&error))?))
        }
        Opened::Memory(_) => (None, None),
    };
    let description = describe::description(&opened, file_size, id, worker)?.map_err(|error| unreadable(&error))?;
    let is_inside = |cover: &&Cover| cover.bytes.start < cover.bytes.end && cover.bytes.end <= file_size;
    let Cover { bytes, content_type } = description.cover.as_ref().filter(is_inside).ok_or(NO_COVER)?;
    let content = match (&opened, version) {
        (Opened::Memory(memory), _) => {
            Content::Memory(Arc::new(memory[bytes.start as usize..bytes.end as usize].to_vec()))
        }
        (Opened::File(_), Some(version)) => opened.into_view(Arc::new(FileView::part(version, bytes.clone()))),
        (Opened::File(_), None) => return Err(NO_COVER.into()),
    };
    let tag = ViewTag { audio: None, faststart: false, cover: true, version: view::VERSION };
    let validators = Validators::View { size: bytes.end - bytes.start, file_size, modified, tag };
    let representation = Representation { validators, content_type: (*content_type).into(), fields: Vec::new() };
    Ok(Resource { content, representation, is_whole: true })
}

/// The version of a file that was found with this size and modification time.
fn version_of(file: &File, size: u64, modified: SystemTime) -> Result<Version, Refusal> {
    let version = Version::of(file).map_err(|error| unreadable(&error))?;
    if version.is_of(size, modified) { Ok(version) } else { Err(CHANGING) }
}

/// Reads what the pieces of a view are made of.
fn make<C: Send + 'static>(
    opened: &Opened<C>,
    size: u64,
    changes: &Changes,
    worker: &mut Worker<C>,
) -> Result<Vec<Piece>, NotFound> {
    opened.with_source(size, worker, |source| pieces(source, changes))?.map_err(|no_view| {
        NotFound::Refused(match no_view {
            NoView::Source(error) => unreadable(&error),
            NoView::Refused(reason) => Refusal::keep_alive(Status::NotFound, reason),
        })
    })
}

/// The pieces of a view. Where faststart is refused, the index stays where it is.
fn pieces(source: &mut dyn Source, changes: &Changes) -> Result<Vec<Piece>, NoView> {
    match view::pieces(source, changes) {
        Err(NoView::Refused(_)) if changes.faststart => match changes.audio {
            Some(_) => view::pieces(source, &Changes { faststart: false, ..*changes }),
            None => Ok(vec![Piece::File(0..source.size())]),
        },
        made => made,
    }
}

/// The bytes of a view of a file in memory.
fn joined(pieces: &[Piece], file: &[u8]) -> Vec<u8> {
    let bytes = pieces.iter().map(|piece| match piece {
        Piece::Memory(memory, bytes) => &memory[bytes.clone()],
        Piece::File(bytes) => &file[bytes.start as usize..bytes.end as usize],
    });
    bytes.collect::<Vec<_>>().concat()
}

fn unreadable(error: &io::Error) -> Refusal {
    log::error!("cannot read a file for a view of it: {error}");
    UNREADABLE
}
