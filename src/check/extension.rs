//! Whether the name of a file and its content agree.

use crate::media::Description;
use crate::media::description::Container;

const UNKNOWN: &str = "application/octet-stream";

/// The extension that would be right for a file whose name stands for another format; None if the
/// name agrees, or says nothing.
pub fn right_one(essence: &str, description: &Description) -> Option<&'static str> {
    let container = description.container?;
    let (family, extensions) = family(container);
    let is_media = ["audio/", "video/", "image/"].iter().any(|start| essence.starts_with(start));
    // Two bytes can be chance, and many formats are ZIP, PDF or SVG files too.
    let is_certain = is_media
        || !matches!(
            container,
            Container::Mp3
                | Container::Aac
                | Container::Bmp
                | Container::Tiff
                | Container::MpegTs
                | Container::Zip
                | Container::Pdf
                | Container::Svg
        );
    // The raw pictures of cameras are TIFF files, image/x-canon-cr2 and so on.
    let agrees = family.contains(&essence) || container == Container::Tiff && essence.starts_with("image/x-");
    let is_wrong = essence != UNKNOWN && is_certain && !agrees;
    is_wrong.then(|| extensions[usize::from(description.video().is_none())])
}

/// The media types of names that the format may have, and its extensions with and without video.
fn family(container: Container) -> (&'static [&'static str], [&'static str; 2]) {
    const ISO: &[&str] = &[
        "video/mp4",
        "audio/mp4",
        "video/quicktime",
        "video/x-m4v",
        "audio/m4a",
        "audio/m4b",
        "audio/m4p",
        "audio/x-m4r",
        "video/3gpp",
        "video/3gpp2",
        "video/iso.segment",
        "video/x-f4v",
        "video/mj2",
        "image/x-canon-cr3",
    ];
    const MATROSKA: &[&str] = &["video/x-matroska", "audio/x-matroska", "video/webm", "audio/webm"];
    match container {
        Container::Mp4 => (ISO, ["mp4", "m4a"]),
        Container::QuickTime => (ISO, ["mov", "mov"]),
        Container::Matroska => (MATROSKA, ["mkv", "mka"]),
        Container::WebM => (MATROSKA, ["webm", "webm"]),
        Container::MpegTs => (&["video/mp2t", "video/vnd.dlna.mpeg-tts"], ["ts", "ts"]),
        Container::MpegPs => (&["video/mpeg", "video/x-ms-vob"], ["mpg", "mpg"]),
        Container::Avi => (&["video/x-msvideo", "video/divx"], ["avi", "avi"]),
        Container::Flv => (&["video/x-flv"], ["flv", "flv"]),
        Container::Asf => (&["video/x-ms-asf", "video/x-ms-wm", "video/x-ms-wmv", "audio/x-ms-wma"], ["wmv", "wma"]),
        Container::Mp3 => (&["audio/mpeg"], ["mp3", "mp3"]),
        Container::Aac => (&["audio/aac", "audio/vnd.dlna.adts"], ["aac", "aac"]),
        Container::Flac => (&["audio/flac"], ["flac", "flac"]),
        Container::Ogg => (&["audio/ogg", "video/ogg", "application/ogg"], ["ogv", "ogg"]),
        Container::Wav => (&["audio/wav"], ["wav", "wav"]),
        Container::Jpeg => (&["image/jpeg"], ["jpg", "jpg"]),
        Container::Png => (&["image/png", "image/apng"], ["png", "png"]),
        Container::Gif => (&["image/gif"], ["gif", "gif"]),
        Container::WebP => (&["image/webp"], ["webp", "webp"]),
        Container::Avif => (&["image/avif", "image/avif-sequence", "image/heif"], ["avif", "avif"]),
        Container::Heic => (&["image/heic", "image/heif", "image/heic-sequence"], ["heic", "heic"]),
        Container::Bmp => (&["image/bmp"], ["bmp", "bmp"]),
        Container::Tiff => (&["image/tiff"], ["tiff", "tiff"]),
        Container::Svg => (&["image/svg+xml"], ["svg", "svg"]),
        Container::Pdf => (&["application/pdf"], ["pdf", "pdf"]),
        Container::Zip => (&["application/zip"], ["zip", "zip"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::media_type;

    #[test]
    fn names_of_the_same_family_agree_and_others_do_not() {
        use Container::*;
        for (container, names, right) in [
            (Mp4, "a.mp4 a.m4v a.m4a a.m4b a.mov a.qt a.3gp a.M4A a.m4s a.cr3 a.bin a", None),
            (Mp4, "a.mkv a.aac a.mp3 a.webm a.jpg a.txt a.pdf a.zip", Some("m4a")),
            (QuickTime, "a.mov a.mp4 a.m4v", None),
            (Matroska, "a.mkv a.mka a.webm a.weba a.mk3d a.mks", None),
            (Matroska, "a.mp4 a.avi a.ogg", Some("mka")),
            (WebM, "a.webm a.mkv", None),
            (Ogg, "a.ogg a.oga a.ogv a.opus a.spx a.ogx", None),
            (Ogg, "a.mp3 a.webm", Some("ogg")),
            (MpegTs, "a.ts a.m2ts a.mts a.m2t a.txt", None),
            (MpegTs, "a.mpg a.mp4", Some("ts")),
            (MpegPs, "a.mpg a.mpeg a.vob", None),
            (Avi, "a.avi a.divx", None),
            (Asf, "a.wmv a.wma a.asf", None),
            (Asf, "a.avi", Some("wma")),
            (Mp3, "a.mp3 a.txt a.html", None),
            (Mp3, "a.m4a a.flac", Some("mp3")),
            (Aac, "a.aac a.adts", None),
            (Aac, "a.m4a", Some("aac")),
            (Wav, "a.wav a.wave", None),
            (Flac, "a.flac", None),
            (Jpeg, "a.jpg a.jpeg a.jfif a.jpe a.JPG", None),
            (Jpeg, "a.png a.gif a.txt", Some("jpg")),
            (Png, "a.png a.apng", None),
            (WebP, "a.webp", None),
            (WebP, "a.jpg", Some("webp")),
            (Tiff, "a.tif a.tiff a.nef a.dng a.arw a.txt", None),
            (Tiff, "a.jpg", Some("tiff")),
            (Heic, "a.heic a.heif", None),
            (Zip, "a.zip a.cbz a.epub a.docx a.jar", None),
            (Zip, "a.mp4", Some("zip")),
            (Pdf, "a.pdf a.ai", None),
            (Svg, "a.svg a.html a.xml", None),
        ] {
            let description = Description { container: Some(container), ..Description::default() };
            for name in names.split(' ') {
                let content_type = media_type(name.as_bytes());
                let essence = content_type.split(';').next().expect("a first one");
                assert_eq!(right_one(essence, &description), right, "{container:?}, {name}");
            }
        }
        assert_eq!(right_one("video/mp4", &Description::default()), None);
    }
}
