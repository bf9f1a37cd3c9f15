#!/usr/bin/env python3
"""Sends the seeds of the fuzzer to reeld, nginx and lighttpd, and prints where the responses differ. Each intended difference
is listed below with its reason; exits 1 if there is another one, or a reason without a difference. Needs nginx and
lighttpd."""

import hashlib
import os
import socket
import sys
import tempfile
from pathlib import Path

import peers

SEEDS = peers.ROOT / "tests/fuzz/seeds/connection"
PROBE = b"GET /probe.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
PROBED = b"the probe was answered"

# The responses of reeld that differ from those of others, and why, by the name of the seed. As Debian 12 has them: nginx 1.22, lighttpd 1.4.69.
OWN_TAG = "the entity tag in the request is that of reeld"
PATH = "only the path is bad, so the connection may go on; lighttpd takes the path for one of a file that is not there"
CONTENT = "the content of a GET is dropped, as nginx does; lighttpd refuses it"
KEPT = "the refusal is well framed, so the connection goes on"
EXPLAINED = {
    "absolute": (
        "200 81db8e, goes on",
        "an absolute target must be accepted (RFC 9112 section 3.2.2); lighttpd wants the same name as in Host"),
    "bad-percent": ("400, goes on", PATH),
    "bare-lf": ("400, closes", "a bare LF is refused, as it may be (RFC 9112 section 2.2), like lighttpd does"),
    "body-chunked": ("200 81db8e, 200 369d7d, goes on", CONTENT),
    "body-dropped": ("200 81db8e, 200 81db8e, goes on", CONTENT),
    "chunk-size-bad": (
        "200 81db8e, 400, closes",
        "the answer does not wait for the content: the 400 that ends the connection comes behind it"),
    "chunked-trailer": ("200 81db8e, goes on", CONTENT),
    "chunked-not-last": ("400, closes", "400, as RFC 9112 section 6.3 says, rather than 501"),
    "climb": ("400, goes on", PATH),
    "confidential-case": ("403, goes on", "what is confidential is so in any case; lighttpd is not configured for it here"),
    "connect": ("405, closes", "405 and the end, as the target is right and reeld has no tunnels (RFC 9931 section 8)"),
    "delete": ("405, goes on", "405, as nginx says: the method is known (RFC 9110 section 15.5.6)"),
    "empty-lines": (
        "200 81db8e, 200 81db8e, goes on",
        "an empty line before a request is skipped (RFC 9112 section 2.2)"),
    "encoded-climb": ("400, goes on", PATH),
    "expect": ("405, closes", "the content is not waited for, so the connection ends; lighttpd serves files to POST"),
    "expect-unknown": ("417, closes", "417 for an expectation that is not met, as it may be (RFC 9110 section 10.1.1)"),
    "fold": ("400, closes", "a folded line is refused (RFC 9112 section 5.2), as by nginx"),
    "head-range": ("200, goes on", "Range counts for GET alone (RFC 9110 section 14.2)"),
    "host-zone": (
        "200 81db8e, goes on",
        "a zone in Host, as ffmpeg and mpv send it, does no harm, as with nginx"),
    "http-0.9": ("400, closes", "no HTTP/0.9 is spoken here; nginx sends the bare content"),
    "http-2": ("505, closes", "505 names what is wrong; the others say 400, or nothing"),
    "if-match": ("412, goes on", "412 keeps the connection; lighttpd knows no If-Match"),
    "if-none-match": ("304, goes on", OWN_TAG),
    "if-range": ("206 5-9/250 761ca8, goes on", OWN_TAG),
    "if-unmodified-since": ("412, goes on", "412 keeps the connection; lighttpd knows no If-Unmodified-Since"),
    "long-method": (
        "501, closes",
        "501 for a method longer than any that is known (RFC 9112 section 3), as by lighttpd"),
    "long-target": ("414, closes", "414 rather than 431: it is the target that is too long (RFC 9112 section 3)"),
    "many-fields": ("431, closes", "more than 100 fields are refused"),
    "not-http": ("400, closes", "400 for what is no method at all, as by nginx"),
    "nul": ("400, goes on", KEPT),
    "options": ("204, goes on", "OPTIONS has an answer here, also for the server as a whole (RFC 9110 section 9.3.7)"),
    "options-no-path": ("400, goes on", KEPT),
    "post": ("405, goes on", "405, as nginx says; lighttpd serves files to POST"),
    "preflight": ("204, goes on", "OPTIONS has an answer here"),
    "range-bad": ("200 369d7d, goes on", "a malformed Range is ignored, as it may be (RFC 9110 section 14.2)"),
    "range-beyond": ("416 */250, goes on", "416 says how long the file is, as by nginx"),
    "range-overflow": (
        "206 0-249/250 369d7d, goes on",
        "a number beyond all is the end of the file (RFC 9110 section 14.1.2)"),
    "range-overlap": ("206 0-249/250 369d7d, goes on", "ranges that overlap become one, as with lighttpd"),
    "range-twice": (
        "200 369d7d, goes on",
        "Range is no list, so neither of two lines is preferred (RFC 9110 section 5.3)"),
    "slashes": ("404, goes on", "a folder without a page is not found, rather than forbidden"),
    "space-in-target": ("400, closes", "no guess is made where the target ends (RFC 9112 section 3), as by nginx"),
    "unknown-method": ("501, goes on", "501 for an unknown method (RFC 9110 section 9.1), and the connection goes on"),
}


def furnish(content):
    for folder in ("films", "confidential"):
        (content / folder).mkdir()
    files = {
        "film.mp4": bytes(range(250)), "small.txt": b"small", "empty.txt": b"", "index.html": b"<!doctype html>",
        "confidential/secret.txt": b"the secret", "probe.txt": PROBED,
    }
    for name, data in files.items():
        (content / name).write_bytes(data)
        os.utime(content / name, (784111777, 784111777))


def said_to(port, said):
    """Everything a server sends until it closes."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.settimeout(2)
        try:
            client.sendall(said)
            client.shutdown(socket.SHUT_WR)
            while more := client.recv(65536):
                heard += more
        except OSError:
            # Reset, or nothing more for a while: what was received counts.
            pass
    return heard


def answers(said, heard):
    """Statuses with range and content hash, as `206 0-99/250 a1b2c3`, and whether the probe at the end was answered."""
    found = []
    goes_on = heard.endswith(PROBED)
    bodiless = said.startswith(b"HEAD ")
    while heard.startswith(b"HTTP/1."):
        head, _, heard = heard.partition(b"\r\n\r\n")
        lines = head.decode("latin1").split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        status = lines[0].split(" ")[1]
        length = int(fields.get("content-length", 0))
        body = b"" if bodiless or status in ("204", "304") else heard[:length]
        heard = heard[len(body):]
        if heard.startswith(b"\r\n--") and status == "206":
            # Several parts, for which some servers send no length.
            heard = heard[heard.find(b"HTTP/1.") :] if b"HTTP/1." in heard else b""
        about = []
        if status in ("200", "206") and not bodiless:
            multipart = fields.get("content-type", "").startswith("multipart/")
            about = ["parts" if multipart else hashlib.sha256(body).hexdigest()[:6]]
        found.append(" ".join([status, *fields.get("content-range", "").split(" ")[1:], *about]))
    if goes_on:
        found.pop()
    return ", ".join(found) + (", goes on" if goes_on else ", closes")


def main():
    peers.need("nginx", "lighttpd")
    peers.build()
    unexplained = []
    with tempfile.TemporaryDirectory() as work:
        os.chmod(work, 0o755)
        content = Path(work) / "content"
        content.mkdir()
        furnish(content)
        with (
            peers.reeld(content, "--part-policy", "never", "--no-listing") as reeld,
            peers.nginx(content, work) as nginx,
            peers.lighttpd(content, work) as lighttpd,
        ):
            for seed in sorted(SEEDS.iterdir()):
                said = seed.read_bytes()
                heard = {server.name: answers(said, said_to(server.port, said + PROBE))
                         for server in (reeld, nginx, lighttpd)}
                agree = len(set(heard.values())) == 1
                expected, why = EXPLAINED.get(seed.name, (heard["reeld"], "NOT EXPLAINED"))
                if agree != (seed.name not in EXPLAINED) or heard["reeld"] != expected:
                    unexplained.append(seed.name)
                if not agree or seed.name in unexplained:
                    print(f"{seed.name}: {why}; expected from reeld: {expected}"
                          if heard["reeld"] != expected else f"{seed.name}: {why}")
                    for name, what in heard.items():
                        print(f"    {name:9} {what}")
    for name in EXPLAINED.keys() - {seed.name for seed in SEEDS.iterdir()}:
        unexplained.append(name)
    print(f"{len(list(SEEDS.iterdir()))} inputs, {len(EXPLAINED)} disagreements explained, "
          f"not explained or not there: {unexplained or 'none'}")
    sys.exit(1 if unexplained else 0)


if __name__ == "__main__":
    main()
