#!/usr/bin/env python3
"""Compares reeld's views of 200 generated films with the films, by what ffmpeg decodes: `?faststart` has the frames, tags and
chapters of the file, `?audio=N` decodes track N of as many bytes, and a range of a view is a slice of it. Prints the time to the
first frame over a slow link with and without faststart. With --short fewer films and no slow link. Exits 1 if one differs."""

import contextlib
import json
import os
import queue
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import peers

PATIENCE_SECONDS = 120
LINK_BYTES_PER_SECOND, LINK_DELAY_SECONDS = 250_000, 0.1
SPARSE_BYTES = 4_100 * 1024 * 1024
CODECS = ("aac", "ac3", "eac3")


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_SECONDS)
    if done.returncode:
        raise RuntimeError(f"{command[0]} on {command[-1]}: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout


def make(path, codecs, seconds=1, extra=(), inputs=()):
    """A film with a tone of 400 Hz in the first audio track, 800 in the second and so on."""
    sources = ["-f", "lavfi", "-i", f"testsrc2=size=160x120:rate=10:duration={seconds}"]
    for number in range(len(codecs)):
        sources += ["-f", "lavfi", "-i", f"sine=frequency={400 << number}:sample_rate=48000:duration={seconds}"]
    maps = [option for number in range(len(codecs) + 1) for option in ("-map", f"{number}")]
    audio = [option for number, codec in enumerate(codecs) for option in (f"-c:a:{number}", codec)]
    run("ffmpeg", "-v", "error", "-y", *sources, *inputs, *maps, "-c:v:0", "mpeg4", *audio, "-ac", "2", "-metadata", "title=A film",
        *extra, path)


def boxes(path):
    """The kind, start and end of each top-level box."""
    found, position, size = [], 0, path.stat().st_size
    with path.open("rb") as file:
        while position < size:
            file.seek(position)
            head = file.read(16)
            length = struct.unpack(">I", head[:4])[0]
            length = {0: size - position, 1: struct.unpack(">Q", head[8:].ljust(8, b"\0"))[0]}.get(length, length)
            found.append((head[4:8], position, position + length))
            position += length
    return found


def shift(index, by, wide):
    """The index with positions shifted by as much, as 64 bits if `wide`."""
    def children(start, end):
        out = b""
        while start < end:
            length, kind = struct.unpack(">I4s", index[start:start + 8])
            content = index[start + 8:start + length]
            if kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
                content = children(start + 8, start + length)
            elif kind == b"stco":
                positions = [number + by for number in struct.unpack(f">{len(content) // 4 - 2}I", content[8:])]
                content = content[:8] + struct.pack(f">{len(positions)}{'Q' if wide else 'I'}", *positions)
                kind = b"co64" if wide else kind
            out += struct.pack(">I4s", len(content) + 8, kind) + content
            start += length
        return out
    return children(0, len(index))


def rebuild(source, path, variant):
    """The film with other boxes around its media data: free ones, another `mdat`, its index in the middle, wide positions."""
    data = source.read_bytes()
    parts = {kind: data[start:end] for kind, start, end in boxes(source) if kind != b"free"}
    start = next(start for kind, start, _ in boxes(source) if kind == b"mdat")
    free = struct.pack(">I4s", 8 + 5 * variant, b"free") + bytes(5 * variant)
    other = struct.pack(">I4s", 1008, b"mdat") + bytes(1000)
    front = parts[b"ftyp"] + (free if variant & 1 else b"") + (other if variant & 2 else b"")
    index = shift(parts[b"moov"], len(front) - start, bool(variant & 4))
    behind = other + free if variant & 8 else b""
    path.write_bytes(front + parts[b"mdat"] + (free if variant & 16 else b"") + index + behind)


def sparse(source, path):
    """The film with its media data behind 4.1 GiB of nothing, and its index behind that."""
    data = source.read_bytes()
    parts = {kind: (start, end) for kind, start, end in boxes(source)}
    (start, end), (first, last) = parts[b"mdat"], parts[b"moov"]
    index = data[first:last]
    hole = SPARSE_BYTES
    with path.open("wb") as file:
        file.write(data[slice(*parts[b"ftyp"])] + struct.pack(">I4sQ", 1, b"mdat", hole))
        file.seek(parts[b"ftyp"][1] + hole)
        position = file.tell()
        file.write(data[start:end] + shift(index, position - start, True))


def films(folder, count):
    """Generates films, and yields each with the number of its audio tracks."""
    cover, chapters = folder / "cover.png", folder / "chapters.txt"
    run("ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "color=red:size=32x32", "-frames:v", "1", cover)
    chapters.write_text(";FFMETADATA1\n" + "".join(
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={500 * n}\nEND={500 * n + 500}\ntitle=Part {n}\n" for n in range(2)))
    sets = [(first, *("aac",) * others) for first in CODECS for others in range(3)]
    made = 0
    for suffix in ("mp4", "mov", "mkv"):
        for codecs in sets:
            source = folder / f"{suffix}-{'-'.join(codecs)}.{suffix}"
            inputs, extra = [], []
            if suffix != "mkv":
                inputs = ["-i", chapters, "-i", cover]
                number = len(codecs) + 1
                extra = ["-map_metadata", f"{number}", "-map_chapters", f"{number}"]
                if suffix == "mp4":
                    extra += ["-map", f"{number + 1}", "-c:v:1", "png", "-disposition:v:1", "attached_pic"]
                # An edit list that begins with nothing.
                extra += ["-output_ts_offset", "0.3"]
            make(source, codecs, inputs=inputs, extra=extra)
            yield source, len(codecs)
            made += 1
    sources = sorted(folder.glob("m[po][4v]-*"))
    for number in range(count - 1 - made):
        source, variant = sources[number % len(sources)], number * 7 % 32
        path = source.with_name(f"{source.stem}-variant-{number}{source.suffix}")
        rebuild(source, path, variant)
        yield path, len(source.stem.split("-")) - 1
    sparse(folder / "mp4-aac-aac.mp4", folder / "sparse.mp4")
    yield folder / "sparse.mp4", 2


def described(source):
    """Frames, tags, streams and chapters."""
    frames = run("ffmpeg", "-v", "error", "-i", source, "-map", "0", "-c", "copy", "-f", "framemd5", "-")
    told = json.loads(run("ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_chapters", source))
    told["format"] = {name: value for name, value in told["format"].items() if name not in ("filename", "size", "bit_rate")}
    return frames, told


def fetch(url, first=None, last=None):
    fields = {} if first is None else {"Range": f"bytes={first}-{last}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=fields), timeout=PATIENCE_SECONDS) as answer:
        return answer.read()


def length(url):
    with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE_SECONDS) as answer:
        return int(answer.headers["Content-Length"])


def is_behind(path):
    """Whether media data lies in front of the index."""
    kinds = [kind for kind, _, _ in boxes(path)]
    return path.suffix != ".mkv" and kinds.index(b"mdat") < kinds.index(b"moov")


def judge_faststart(url, path):
    if described(path) != described(f"{url}?faststart&whole"):
        return "other frames or tags"
    total = length(f"{url}?faststart&whole")
    head = fetch(f"{url}?faststart", 0, 65535)
    if is_behind(path) and (b"moov" not in head or (b"mdat" in head and head.index(b"moov") > head.index(b"mdat"))):
        return "the index is not in front"
    if path.name == "sparse.mp4":
        return ""
    view = fetch(f"{url}?faststart&whole")
    if len(view) != total:
        return f"{len(view)} bytes instead of {total}"
    edges = [0, 1, 24, 4096, total // 2, total - 1]
    for first, last in zip(edges, edges[1:]):
        if first <= last and fetch(f"{url}?faststart", first, last) != view[first:last + 1]:
            return f"bytes {first} to {last} are no slice"
    return ""


def tone(source):
    """The frequency of the audio track that ffmpeg chooses, by how often its samples change their sign in half a second."""
    raw = run("ffmpeg", "-v", "error", "-i", source, "-vn", "-ac", "1", "-ar", "48000", "-f", "s16le", "-")
    samples = struct.unpack(f"<{len(raw) // 2}h", raw)[12_000:36_000]
    return sum((one < 0) != (other < 0) for one, other in zip(samples, samples[1:]))


def judge_audio(url, path, tracks):
    file = path.read_bytes()
    for number in range(1, tracks + 1):
        view = fetch(f"{url}?audio={number}&whole")
        if len(view) != len(file):
            return f"audio={number} has {len(view)} bytes instead of {len(file)}"
        differing = sum(one != other for one, other in zip(file, view))
        # Of a Matroska file also a checksum.
        if differing > 8 * tracks + (4 if path.suffix == ".mkv" else 0):
            return f"audio={number} changes {differing} bytes"
        frequency = tone(f"{url}?audio={number}&whole")
        if abs(frequency - (400 << number - 1)) > 20:
            return f"audio={number} is a tone of {frequency} Hz"
    return ""


class Link(threading.Thread):
    """A proxy that passes on bytes as a link of 2 Mbit/s with 100 ms each way does."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.listener = port, socket.create_server(("127.0.0.1", 0))
        self.free_at, self.lock = 0.0, threading.Lock()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.port))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(source, sink, sink is client), daemon=True).start()

    def pump(self, source, sink, is_paced):
        on_the_way = queue.Queue()
        threading.Thread(target=self.deliver, args=(on_the_way, source, sink), daemon=True).start()
        try:
            while data := source.recv(4096):
                if is_paced:
                    # All connections share the link.
                    with self.lock:
                        self.free_at = max(self.free_at, time.monotonic()) + len(data) / LINK_BYTES_PER_SECOND
                        free_at = self.free_at
                    time.sleep(max(0, free_at - time.monotonic()))
                on_the_way.put((time.monotonic() + LINK_DELAY_SECONDS, data))
        except OSError:
            pass
        on_the_way.put((time.monotonic() + LINK_DELAY_SECONDS, b""))

    @staticmethod
    def deliver(on_the_way, source, sink):
        try:
            while True:
                arrival, data = on_the_way.get()
                time.sleep(max(0, arrival - time.monotonic()))
                if not data:
                    return sink.shutdown(socket.SHUT_WR)
                sink.sendall(data)
        except OSError:
            # What nobody receives takes nothing of the link.
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


def first_frame(url, *options):
    """When the first frame is there, for people."""
    began = time.monotonic()
    try:
        run("ffmpeg", "-v", "error", *options, "-i", url, "-frames:v", "1", "-f", "null", "-")
    except (RuntimeError, subprocess.TimeoutExpired):
        return f"none after {time.monotonic() - began:.1f} s"
    return f"{time.monotonic() - began:.1f} s"


def main():
    is_short = sys.argv[1:] == ["--short"]
    if missing := [program for program in ("ffmpeg", "ffprobe") if not shutil.which(program)]:
        sys.exit(f"views-check: missing: {' '.join(missing)}; on Debian: apt-get install ffmpeg")
    binary = os.environ.get("REELD")
    if binary is None:
        peers.build()
        binary = peers.ROOT / "target/release/reeld"
    count = 32 if is_short else 200
    failed = judged = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        made = list(films(folder, count))
        slow = folder / "slow.mp4"
        make(slow, ("aac",), seconds=60, extra=("-b:v", "1M"))
        with peers.reeld(folder, "--part-policy", "players", binary=binary) as server:
            for path, tracks in made:
                url = f"http://127.0.0.1:{server.port}/{path.name}"
                try:
                    wrong = judge_faststart(url, path)
                    # The other 4 GiB say nothing new.
                    wrong = wrong or ("" if path.name == "sparse.mp4" else judge_audio(url, path, tracks))
                except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
                    wrong = str(error)
                judged += 1
                failed += bool(wrong)
                if wrong:
                    print(f"FAILED {path.name}: {wrong}", flush=True)
            print(f"{judged} films, {failed} with a view that differs", flush=True)
            if not is_short:
                link = Link(server.port)
                link.start()
                url = f"http://127.0.0.1:{link.listener.getsockname()[1]}/slow.mp4"
                size = slow.stat().st_size
                for manner, options in (("ffmpeg", ()), ("ffmpeg that cannot seek", ("-seekable", "0"))):
                    before, after = (first_frame(f"{url}?{view}", *options) for view in ("whole", "faststart&whole"))
                    print(f"first frame of {size} bytes at 2 Mbit/s in {manner}: {before}, with faststart {after}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
