#!/usr/bin/env python3
"""Checks reeld with other parsers: Python's http.client, Node's http and curl send the same requests on persistent
connections, and must get the same responses, to the byte and without an error. Exits 1 otherwise. Needs nodejs and curl."""

import email
import hashlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import peers

PART = 5 * 1024 * 1024
FILM = bytes(range(251)) * (2 * PART // 251 + 99)
# Method, target, fields, and the status that it must have.
ASKED = [
    ("GET", "/small.txt", {}, 200),
    ("GET", "/empty.txt", {}, 200),
    ("HEAD", "/film.mp4", {}, 200),
    ("GET", "/film.mp4", {}, 206),
    ("GET", "/film.mp4", {"Range": f"bytes={PART}-"}, 206),
    ("GET", "/film.mp4", {"Range": "bytes=-1"}, 206),
    ("GET", "/film.mp4", {"Range": "bytes=0-9,100-199,-1"}, 206),
    ("GET", "/film.mp4", {"Range": f"bytes={len(FILM)}-"}, 416),
    ("GET", "/small.txt", {"If-None-Match": "*"}, 304),
    ("GET", "/small.txt", {"If-Match": '"x"'}, 412),
    ("GET", "/films", {}, 301),
    ("GET", "/none", {}, 404),
    ("HEAD", "/none", {}, 404),
    ("GET", "/confidential/secret.txt", {}, 403),
    ("OPTIONS", "/small.txt", {"Origin": "https://a", "Access-Control-Request-Method": "GET"}, 204),
    ("POST", "/small.txt", {"Content-Length": "0"}, 405),
    ("GET", "/" + "a" * 9000, {}, 414),
    ("GET", "/small.txt", {"Connection": "close"}, 200),
]

NODE = """
const http = require('http'), crypto = require('crypto');
const [port, asked] = [process.argv[1], JSON.parse(process.argv[2])];
const agent = new http.Agent({keepAlive: true, maxSockets: 1});
const heard = [];
function next() {
    if (heard.length === asked.length) { console.log(JSON.stringify(heard)); agent.destroy(); return; }
    const [method, path, headers] = asked[heard.length];
    http.request({port, host: '127.0.0.1', method, path, headers, agent, insecureHTTPParser: false}, answer => {
        const hash = crypto.createHash('sha256');
        answer.on('data', data => hash.update(data));
        answer.on('end', () => {
            const fields = [];
            for (let at = 0; at < answer.rawHeaders.length; at += 2)
                fields.push([answer.rawHeaders[at], answer.rawHeaders[at + 1]]);
            heard.push([answer.statusCode, fields, hash.digest('hex')]);
            if (!answer.complete) throw new Error('not complete: ' + path);
            next();
        });
    }).end();
}
next();
"""


def python(port):
    heard, connection = [], http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for method, target, fields, _ in ASKED:
        connection.request(method, target, headers=fields)
        answer = connection.getresponse()
        body = answer.read()
        heard.append([answer.status, [list(field) for field in answer.getheaders()], hashlib.sha256(body).hexdigest()])
    return heard


def node(port):
    asked = json.dumps([row[:3] for row in ASKED])
    return json.loads(subprocess.run(["node", "-e", NODE, str(port), asked], check=True, stdout=subprocess.PIPE).stdout)


def curl(port):
    """Sends all requests in one run of curl, which keeps its connection."""
    with tempfile.TemporaryDirectory() as work:
        command = ["curl", "--silent", "--show-error", "--http1.1"]
        for place, (method, target, fields, _) in enumerate(ASKED):
            command += ["--next"] if place else []
            command += ["--head"] if method == "HEAD" else ["--request", method]
            command += [word for field in fields.items() for word in ("--header", ": ".join(field))]
            command += ["--dump-header", f"{work}/head{place}", "--output", f"{work}/body{place}"]
            command.append(f"http://127.0.0.1:{port}{target}")
        subprocess.run(command, check=True)
        heard = []
        for place, (method, *_) in enumerate(ASKED):
            status, *lines = Path(f"{work}/head{place}").read_text().strip().splitlines()
            body = Path(f"{work}/body{place}")
            # For HEAD curl outputs the head.
            data = body.read_bytes() if body.exists() and method != "HEAD" else b""
            fields = [line.split(": ", 1) for line in lines]
            heard.append([int(status.split(" ")[1]), fields, hashlib.sha256(data).hexdigest()])
        return heard


def parts_of(port):
    """Content-Range and content of each part of a multipart response, as parsed by Python's email package."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/film.mp4", headers={"Range": "bytes=0-9,100-199,-1"})
    answer = connection.getresponse()
    head = f"Content-Type: {answer.getheader('Content-Type')}\n\n".encode()
    message = email.message_from_bytes(head + answer.read())
    return [(part["Content-Range"], part.get_payload(decode=True)) for part in message.get_payload()]


def without_chance(heard):
    """Removes what may differ between responses: the time, and the boundary derived from it."""
    def same(fields):
        return [[name, value.split("boundary=")[0]] for name, value in fields if name != "Date"]
    return [[status, same(fields), "" if "multipart" in str(fields) else body] for status, fields, body in heard]


def main():
    peers.need("node", "curl")
    peers.build()
    with tempfile.TemporaryDirectory() as content:
        for name, data in {"small.txt": b"small", "empty.txt": b"", "film.mp4": FILM}.items():
            Path(content, name).write_bytes(data)
            # A file modified a moment ago has no Last-Modified.
            os.utime(Path(content, name), (784111777, 784111777))
        os.mkdir(Path(content, "films"))
        with peers.reeld(content, "--cors", "*") as server:
            heard = {judge.__name__: judge(server.port) for judge in (python, node, curl)}
            parts = parts_of(server.port)
    failed = 0
    for place, (method, target, fields, status) in enumerate(ASKED):
        said = [without_chance(answers)[place] for answers in heard.values()]
        kept = "close" if "Connection" in fields or status == 414 else "keep-alive"
        right = said[0][0] == status and ["Connection", kept] in said[0][1] and all(one == said[0] for one in said)
        failed += not right
        print(f"{'ok' if right else 'WRONG':5} {method:7} {target[:30]:30} {said[0][0]} {fields or ''}")
        if not right:
            for judge, answers in heard.items():
                print(f"      {judge}: {answers[place]}")
    first_part = hashlib.sha256(FILM[:PART]).hexdigest()
    if heard["python"][3][2] != first_part:
        sys.exit("judges: the first part is not the beginning of the film")
    size = len(FILM)
    if parts != [(f"bytes {first}-{end - 1}/{size}", FILM[first:end])
                 for first, end in ((0, 10), (100, 200), (size - 1, size))]:
        sys.exit(f"judges: the answer with several parts is read as {parts}")
    print(f"{len(ASKED)} answers, {', '.join(heard)}: {failed} wrong")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
