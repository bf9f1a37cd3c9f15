"""A folder to browse, made of the sample media, the standard library, and by ffmpeg."""

import shutil
import struct
import subprocess
import wave
import zlib
from pathlib import Path

CONTENT = Path(__file__).resolve().parent.parent.parent / "content"

SERIES = "Night Trains"
EPISODES = [f"Night Trains S01E{number} - {name}.mp4" for number, name in [
    (1, "Departure"), (2, "The Sleeping Car"), (10, "Terminus")]]
TRACKS = ["1 Overture.wav", "2 Slow Train.wav", "10 Last Stop.wav"]
PICTURES = ["Station 1.png", "Station 2.png", "Station 10.png"]
HOSTILE = "\"><script>document.title='owned'<script>.mp4"
UNPLAYABLE = "old.avi"

CINEMA = "Cinema"
# Each of two sounds, the first of 440 Hz and the second of 880.
TWO_LANGUAGES = ["Two languages.mp4", "Two languages.mkv"]
AC3_FIRST, AC3_ALONE, HEVC, TAGGED = "AC-3 first.mp4", "AC-3 alone.mp4", "HEVC.mp4", "tagged.flac"
# Two sounds as if they were an album: without a picture, a browser refuses what it cannot decode.
AC3_MUSIC = "AC-3 first.m4a"

SOUNDS = "Sounds"
# The frequency of each sound of a film, in Hz.
TONES = [440, 880, 1760]
# The codecs of the sounds of each film.
SEVERAL_SOUNDS = {
    f"{count} sounds, {first} first.{suffix}": [first, *["aac"] * (count - 1)]
    for suffix in ("mp4", "mkv") for first in ("aac", "ac3", "eac3") for count in (2, 3)}

ARCHIVE = "Archive"
# More than the server describes before it sends a page, as each has many chapters and boxes.
ARCHIVE_FILMS, ARCHIVE_CHAPTERS, ARCHIVE_BOXES = 1200, 250, 9000
CHAPTERS = ";FFMETADATA1\n" + "".join(
    f"[CHAPTER]\nTIMEBASE=1/1\nSTART={start}\nEND={end}\ntitle={title}\n"
    for start, end, title in [(0, 8, "Departure"), (8, 20, "The Night & the Rain")])

# For the whole of the sample film.
SUBTITLES = "1\n00:00:00,000 --> 00:01:00,000\n{{\\an8}}<i>{}</i> & more\n"


def fill(folder):
    """Fills an empty folder."""
    series = folder / SERIES
    for name in (series, folder / "Music", folder / "Photos", folder / "Other", folder / CINEMA, folder / SOUNDS, folder / ARCHIVE):
        name.mkdir()
    for name in EPISODES:
        shutil.copy(CONTENT / "clock.mp4", series / name)
    stem = EPISODES[0].removesuffix(".mp4")
    (series / f"{stem}.en.srt").write_text(SUBTITLES.format("All aboard"))
    (series / f"{stem}.de.srt").write_text(SUBTITLES.format("Alles einsteigen"))
    shutil.copy(CONTENT / "clock.jpg", series / "poster.jpg")
    for place, name in enumerate(TRACKS):
        tone(folder / "Music" / name, seconds=1.5, period=100 + 20 * place)
    shutil.copy(CONTENT / "clock.jpg", folder / "Music" / "cover.jpg")
    for place, name in enumerate(PICTURES):
        picture(folder / "Photos" / name, 90 * place)
    shutil.copy(CONTENT / "extras/short.webm", folder / "Other" / HOSTILE)
    (folder / "Other" / UNPLAYABLE).write_bytes(bytes(range(256)) * 1000)
    cinema(folder / CINEMA)
    sounds(folder / SOUNDS)
    archive(folder / ARCHIVE)


def tone(path, seconds, period):
    """A triangle wave, 8 bits at 8 kHz; `period` in samples."""
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 1, 8000, 0, "NONE", ""))
        out.writeframes(bytes(128 + abs(place % period - period // 2) // 2 for place in range(int(8000 * seconds))))


def picture(path, shade, width=960, height=640):
    """A PNG of a gradient."""
    rows = b"".join(
        b"\0" + b"".join(bytes((shade, row * 255 // height, column * 255 // width)) for column in range(width))
        for row in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "12"]


def test_picture(seconds):
    return ["-f", "lavfi", "-i", f"testsrc2=s=320x180:r=12:d={seconds}"]


def test_sounds(count):
    return [option for tone in TONES[:count] for option in ("-f", "lavfi", "-i", f"sine={tone}:d=20")]


def encode(path, *arguments):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *arguments, path], check=True, timeout=120)


def cinema(folder):
    """Films with several sounds, and with codecs that not every browser plays."""
    picture, one, two = test_picture(20), test_sounds(1), test_sounds(2)
    chapters = folder / "chapters.txt"
    chapters.write_text(CHAPTERS)
    both = ["-map", "0:v", "-map", "1:a", "-map", "2:a"]
    languages = ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"]
    for name in TWO_LANGUAGES:
        encode(folder / name, *picture, *two, "-i", chapters, *both, "-map_chapters", "3", *H264, "-c:a", "aac", *languages)
    encode(folder / AC3_FIRST, *picture, *two, *both, *H264, "-c:a:0", "ac3", "-c:a:1", "aac", *languages)
    encode(folder / AC3_MUSIC, *two, "-map", "0:a", "-map", "1:a", "-c:a:0", "ac3", "-c:a:1", "aac", *languages)
    encode(folder / AC3_ALONE, *picture, *one, *H264, "-c:a", "ac3")
    encode(folder / HEVC, *picture, *one, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none",
           "-tag:v", "hvc1", "-c:a", "aac")
    encode(folder / TAGGED, *one, "-c:a", "flac", "-metadata", "title=Slow Train", "-metadata", "artist=The Rails")
    chapters.unlink()


def sounds(folder):
    """Films with a tone of its own in each of their sounds."""
    for name, codecs in SEVERAL_SOUNDS.items():
        maps = [option for place in range(len(codecs) + 1) for option in ("-map", f"{place}")]
        audio = [option for place, codec in enumerate(codecs) for option in (f"-c:a:{place}", codec)]
        encode(folder / name, *test_picture(20), *test_sounds(len(codecs)), *maps, *H264, *audio)


def archive(folder):
    """Many films, each of which takes the server a moment to read."""
    chapters, film = folder / "chapters.txt", folder / "1.mp4"
    chapters.write_text(";FFMETADATA1\n" + "".join(
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={place}\nEND={place + 1}\ntitle=Part {place}\n" for place in range(ARCHIVE_CHAPTERS)))
    encode(film, *test_picture(1), "-i", chapters, "-map_chapters", "1", *H264)
    chapters.unlink()
    data = film.read_bytes()
    index = data.index(b"moov") - 4
    # In front of the index, so that what it says of positions stays true.
    data = data[:index] + b"\0\0\0\x08free" * ARCHIVE_BOXES + data[index:]
    for number in range(1, ARCHIVE_FILMS + 1):
        (folder / f"{number}.mp4").write_bytes(data)
