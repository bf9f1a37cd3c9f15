//! Styles and scripts of the pages, embedded in the program.

use std::sync::LazyLock;

use crate::http::Validators;
use crate::http::target::Target;
use crate::site::Resource;

/// Where they lie: names with a leading dot are hidden in the content folder, so nothing collides.
const FOLDER: &str = ".reeld/";

struct Asset {
    name: &'static str,
    content: &'static [u8],
    content_type: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

const STYLE: &str = concat!(include_str!("assets/base.css"), include_str!("assets/reeld.css"));

/// The first line makes all of a script strict.
const FOLDER_SCRIPT: &str = concat!(include_str!("assets/codecs.js"), include_str!("assets/folder.js"));
const PLAYER_SCRIPT: &str = concat!(
    include_str!("assets/codecs.js"),
    include_str!("assets/audio.js"),
    include_str!("assets/chapters.js"),
    include_str!("assets/player.js"),
);

static ASSETS: [Asset; 7] = [
    Asset { name: "reeld.css", content: STYLE.as_bytes(), content_type: CSS },
    Asset { name: "folder.js", content: FOLDER_SCRIPT.as_bytes(), content_type: SCRIPT },
    Asset { name: "player.js", content: PLAYER_SCRIPT.as_bytes(), content_type: SCRIPT },
    Asset { name: "icon.svg", content: include_bytes!("assets/icon.svg"), content_type: SVG },
    Asset { name: "player.css", content: include_bytes!("assets/player.css"), content_type: CSS },
    Asset { name: "problem.js", content: include_bytes!("assets/problem.js"), content_type: SCRIPT },
    Asset { name: "gallery.js", content: include_bytes!("assets/gallery.js"), content_type: SCRIPT },
];

/// Their URLs relative to the content folder, in the same order. The tag in a URL changes with the
/// content, so that browsers may keep what they have.
static URLS: LazyLock<[String; ASSETS.len()]> = LazyLock::new(|| {
    ASSETS.each_ref().map(|asset| {
        let tag = Validators::generated(asset.content).entity_tag();
        format!("{FOLDER}{}?{}", asset.name, tag.trim_matches('"'))
    })
});

/// The URL of an asset on the page of a target.
pub fn url(target: &Target, name: &str) -> String {
    let index = ASSETS.iter().position(|asset| asset.name == name).expect("it is embedded");
    target.root() + &URLS[index]
}

/// The asset at a path relative to the content folder.
pub fn asset(relative: &[u8]) -> Option<Resource> {
    let name = relative.strip_prefix(FOLDER.as_bytes())?;
    let asset = ASSETS.iter().find(|asset| asset.name.as_bytes() == name)?;
    let fields = vec![("Cache-Control", "public, max-age=31536000, immutable".into())];
    Some(Resource::generated(asset.content.to_vec(), asset.content_type, fields))
}
