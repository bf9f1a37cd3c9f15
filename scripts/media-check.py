#!/usr/bin/env python3
"""Compares what reeld says of generated media files with what ffprobe says: duration, size of the picture, codecs, languages,
titles, chapters, covers. The files are films, audio and pictures of every container and codec that the local ffmpeg can make.
Exits 1 if one differs."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import peers

PATIENCE_SECONDS = 120
SECONDS = 4
DURATION_TOLERANCE = 0.1
PICTURE = ("-f", "lavfi", "-i", f"testsrc2=size=160x90:rate=10:duration={SECONDS}")
SOUND = ("-f", "lavfi", "-i", f"sine=sample_rate=48000:duration={SECONDS}")
RED = ("-f", "lavfi", "-i", "color=red:size=64x64:rate=1:duration=1")
TAGS = ("-metadata", "title=Ñight", "-metadata", "artist=Somebody", "-metadata", "album=Some album")
COVER = ("-map", "0", "-map", "1", "-disposition:v", "attached_pic", *TAGS)
LANGUAGES = ("-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=eng", "-metadata:s:a:1", "title=Commentary")
TWO_SOUNDS = ("-map", "0", "-map", "1", "-map", "1", "-c:a:0", "aac", "-c:a:1", "ac3", *LANGUAGES, *TAGS)
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")

# Name of a file: the inputs and options of ffmpeg. A description beside them takes the chapters from it.
FILES = {
    "h264-aac.mp4": (PICTURE, SOUND, H264, ("-c:a", "aac", *TAGS)),
    "faststart.mp4": (PICTURE, SOUND, H264, ("-c:a", "aac", "-movflags", "faststart")),
    "segments.mp4": (PICTURE, SOUND, H264, ("-c:a", "aac", "-movflags", "dash+global_sidx")),
    "two-sounds.mp4": (PICTURE, SOUND, H264, TWO_SOUNDS),
    "two-sounds.mov": (PICTURE, SOUND, H264, TWO_SOUNDS),
    "two-sounds.mkv": (PICTURE, SOUND, H264, TWO_SOUNDS),
    "chapters.mp4": (PICTURE, SOUND, H264, ("-c:a", "aac", "-movflags", "disable_chpl")),
    "chapters.mkv": (PICTURE, SOUND, H264, ("-c:a", "aac")),
    "chapters.m4b": (SOUND, ("-c:a", "aac")),
    "hevc-eac3.mp4": (PICTURE, SOUND, ("-c:v", "libx265", "-x265-params", "log-level=none", "-tag:v", "hvc1", "-c:a", "eac3")),
    "hevc-surround.mkv": (PICTURE, SOUND, ("-c:v", "libx265", "-x265-params", "log-level=none", "-c:a", "ac3", "-ac", "6")),
    "av1-opus.mp4": (PICTURE, SOUND, ("-c:v", "libaom-av1", "-cpu-used", "8", "-c:a", "libopus")),
    "av1-opus.webm": (PICTURE, SOUND, ("-c:v", "libaom-av1", "-cpu-used", "8", "-c:a", "libopus")),
    "vp9-flac.mp4": (PICTURE, SOUND, ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "flac", "-strict", "-2")),
    "vp9-vorbis.webm": (PICTURE, SOUND, ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libvorbis")),
    "vp8-vorbis.webm": (PICTURE, SOUND, ("-c:v", "libvpx", "-c:a", "libvorbis")),
    "mpeg4-mp3.mp4": (PICTURE, SOUND, ("-c:v", "mpeg4", "-c:a", "libmp3lame")),
    "mpeg4-mp3.avi": (PICTURE, SOUND, ("-c:v", "mpeg4", "-c:a", "libmp3lame")),
    "prores-pcm.mov": (PICTURE, SOUND, ("-c:v", "prores", "-c:a", "pcm_s16le")),
    "mpeg2-mp2.ts": (PICTURE, SOUND, ("-c:v", "mpeg2video", "-c:a", "mp2")),
    "alac.m4a": (SOUND, ("-c:a", "alac", *TAGS)),
    "cover.m4a": (SOUND, RED, ("-c:a", "aac", "-c:v", "mjpeg", *COVER)),
    "cover.mp3": (SOUND, RED, ("-c:a", "libmp3lame", "-c:v", "mjpeg", *COVER)),
    "cover.flac": (SOUND, RED, ("-c:a", "flac", "-c:v", "png", *COVER)),
    "opus.ogg": (SOUND, ("-c:a", "libopus", *TAGS)),
    "vorbis.ogg": (SOUND, ("-c:a", "libvorbis", *TAGS)),
    "pcm.wav": (SOUND, ("-c:a", "pcm_s16le")),
    "adts.aac": (SOUND, ("-c:a", "aac")),
    "picture.png": (PICTURE, ("-frames:v", "1")),
    "picture.jpg": (PICTURE, ("-frames:v", "1")),
    "picture.webp": (PICTURE, ("-frames:v", "1", "-c:v", "libwebp")),
    "picture.gif": (PICTURE, ("-frames:v", "1")),
}
CHAPTERS = ((0, "Dawn"), (1.5, "Düsk"))

# What ffprobe calls a codec: how the parameter of RFC 6381 begins.
PARAMETERS = {
    "h264": "avc1.", "hevc": ("hvc1.", "hev1."), "av1": "av01.", "vp9": ("vp09.", "vp9"), "vp8": ("vp8", "vp08"), "mpeg4": "mp4v",
    "prores": "ap", "aac": "mp4a.40.", "ac3": "ac-3", "eac3": "ec-3", "opus": "opus", "vorbis": "vorbis", "flac": "flac",
    "mp3": ("mp3", "mp4a.6B", "mp4a.69"), "alac": "alac", "pcm_s16le": ("sowt", "pcm", "1"),
}
# Formats that have no duration: ffprobe and reeld estimate it from the bit rate of the first frames.
ESTIMATED = {".aac"}
ESTIMATE_TOLERANCE = 0.25
# Containers of which reeld tells nothing but their name: browsers play none.
UNTOLD = {".ts"}


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_SECONDS)
    if done.returncode:
        raise RuntimeError(f"{command[0]} on {command[-1]}: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout


def make(folder, name, notes):
    """Makes a file, and adds chapters to those that are named after them."""
    path = folder / name
    *inputs, options = FILES[name]
    if name.startswith("chapters"):
        number = sum(entry.count("-i") for entry in inputs)
        options = ("-map_metadata", str(number), "-map_chapters", str(number), *options)
        # Inputs come before options, of which those of the codec may be the last of them.
        at = max(place for place, entry in enumerate(inputs) if "-i" in entry) + 1
        inputs.insert(at, ("-f", "ffmetadata", "-i", notes))
    run("ffmpeg", "-v", "error", "-y", *(word for entry in inputs for word in entry), *options, path)


def probed(path):
    return json.loads(run("ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_chapters", path))


def differences(told, path):
    """What reeld says of a file but ffprobe does not."""
    expected = probed(path)
    played = [stream for stream in expected["streams"] if stream["codec_type"] in ("video", "audio")]
    covers = [stream for stream in played if stream["disposition"]["attached_pic"]]
    played = [stream for stream in played if stream not in covers]
    is_picture = told["type"].startswith("image/")
    if not is_picture:
        duration = float(expected["format"]["duration"])
        tolerance = ESTIMATE_TOLERANCE if path.suffix in ESTIMATED else DURATION_TOLERANCE
        if abs(told.get("duration", 0) - duration) > tolerance:
            yield f"duration {told.get('duration')} instead of {duration}"
    for stream in played:
        size = (stream.get("width"), stream.get("height"))
        if stream["codec_type"] == "video" and (told.get("width"), told.get("height")) != size:
            yield f"size {told.get('width')}x{told.get('height')} instead of {size}"
    if is_picture:
        return
    tracks = [track for track in told.get("tracks", ()) if track["kind"] in ("video", "audio")]
    if [track["kind"] for track in tracks] != [stream["codec_type"] for stream in played]:
        yield f"tracks {[track['kind'] for track in tracks]} instead of {[stream['codec_type'] for stream in played]}"
    for track, stream in zip(tracks, played):
        if not track["codec"].startswith(PARAMETERS[stream["codec_name"]]):
            yield f"codec {track['codec']} instead of {stream['codec_name']}"
        language = {"ger": "de", "eng": "en"}.get(stream.get("tags", {}).get("language"))
        if track.get("language") != language:
            yield f"language {track.get('language')} instead of {language}"
    chapters = [(round(chapter["start"], 3), chapter["title"]) for chapter in told.get("chapters", ())]
    expected_chapters = [(round(float(chapter["start_time"]), 3), chapter["tags"]["title"]) for chapter in expected["chapters"]]
    if chapters != expected_chapters:
        yield f"chapters {chapters} instead of {expected_chapters}"
    tags = {**(expected["streams"][0].get("tags", {})), **expected["format"].get("tags", {})}
    tags = {name.lower(): text for name, text in tags.items()}
    for name in ("title", "artist", "album"):
        # Matroska and QuickTime have no field for all of them that players agree on.
        if told.get(name) != tags.get(name) and (name == "title" or path.suffix not in (".mkv", ".mov")):
            yield f"{name} {told.get(name)} instead of {tags.get(name)}"
    if ("cover" in told) != bool(covers):
        yield f"cover {told.get('cover')}, but {len(covers)} attached pictures"


def entries_told(port):
    """The entries of the folder once it has been read and every file has been described."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE_SECONDS) as answer:
                if b"data-pending" not in answer.read():
                    break
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
        if time.monotonic() > until:
            sys.exit("media-check: the files are not described in time")
        time.sleep(0.05)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/?json", timeout=PATIENCE_SECONDS) as answer:
        return {entry["name"]: entry for entry in json.load(answer)}


def main():
    if missing := [program for program in ("ffmpeg", "ffprobe") if not shutil.which(program)]:
        sys.exit(f"media-check: missing: {' '.join(missing)}; on Debian: apt-get install ffmpeg")
    binary = os.environ.get("REELD")
    if binary is None:
        peers.build()
        binary = peers.ROOT / "target/release/reeld"
    failed = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder, notes = Path(name) / "media", Path(name) / "chapters.txt"
        folder.mkdir()
        ends = [start for start, _ in CHAPTERS[1:]] + [SECONDS]
        notes.write_text(";FFMETADATA1\n" + "".join(
            f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start * 1000:.0f}\nEND={end * 1000:.0f}\ntitle={title}\n"
            for (start, title), end in zip(CHAPTERS, ends)))
        for file in FILES:
            make(folder, file, notes)
        with peers.reeld(folder, binary=binary) as server:
            entries = entries_told(server.port)
        for file in FILES:
            path = folder / file
            if path.suffix not in UNTOLD:
                for difference in differences(entries[file], path):
                    failed += 1
                    print(f"FAILED {file}: {difference}", flush=True)
    print(f"{len(FILES)} files, {failed} differences")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
