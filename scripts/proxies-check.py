#!/usr/bin/env python3
"""Runs reeld behind nginx, Caddy and HAProxy with the recipes of docs/operation.md, as far as they are installed, and sees what
comes through: the client's address in the access log, redirects and playlists under a path prefix, ranges, HTTPS. HAProxy also
speaks the PROXY protocol, versions 1 and 2. Exits 1 if one of them is not as it should be."""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import peers

# The recipes name a port, a host and a certificate of their own.
PORT, HOST = "8080", "films.example"
PACKAGES = {"nginx": "nginx", "caddy": "caddy", "haproxy": "haproxy"}
CLIENT = "127.0.0.9"
HEALTH = "/.reeld/health"
FILM = bytes(range(250)) * 4


def recipe(name):
    """The block of docs/operation.md that begins with a comment of this name."""
    text = (peers.ROOT / "docs/operation.md").read_text()
    return re.search(rf"```[a-z]*\n# {re.escape(name)}\n(.*?)```", text, re.S).group(1)


def adapted(text, reeld, port, certificate):
    """A recipe for this machine: free ports, and a certificate that nobody signed."""
    for there, here in (
        (f"127.0.0.1:{PORT}", f"127.0.0.1:{reeld.port}"), ("/etc/ssl/films.pem", str(certificate)),
        ("listen 443", f"listen 127.0.0.1:{port}"), ("bind *:443", f"bind 127.0.0.1:{port}"),
        (f"{HOST} {{", f"https://{HOST}:{port} {{\n    bind 127.0.0.1\n    tls {certificate} {certificate}"),
    ):
        text = text.replace(there, here)
    return text


def nginx(reeld, port, certificate, work):
    temporary = "".join(f"{kind}_temp_path {work};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    file = work / "nginx.conf"
    file.write_text(f"""daemon off; error_log {work}/nginx.log; pid {work}/nginx.pid; events {{}}
http {{ access_log off; {temporary} {adapted(recipe("nginx"), reeld, port, certificate)} }}""")
    return peers.Server("nginx", ["nginx", "-p", work, "-c", file], port)


def caddy(reeld, port, certificate, work):
    file = work / "Caddyfile"
    file.write_text(f"{{\n    admin off\n    auto_https disable_redirects\n}}\n{adapted(recipe('Caddy'), reeld, port, certificate)}")
    home = {"HOME": str(work), "XDG_DATA_HOME": str(work), "XDG_CONFIG_HOME": str(work)}
    return peers.Server("caddy", ["caddy", "run", "--config", file, "--adapter", "caddyfile"], port, home)


def haproxy(name, change=lambda text: text):
    def start(reeld, port, certificate, work):
        file = work / f"haproxy-{port}.cfg"
        text = change(adapted(recipe(name), reeld, port, certificate))
        file.write_text(f"defaults\n    timeout connect 5s\n    timeout client 60s\n    timeout server 60s\n{text}")
        return peers.Server(name, ["haproxy", "-db", "-f", file], port)
    return start


def ask(port, path, fields=()):
    """The status, the fields and the body of the answer, by curl, which takes the client's address."""
    command = ["curl", "-sk", "-i", "--http1.1", "--interface", CLIENT, "--resolve", f"{HOST}:{port}:127.0.0.1",
               *(word for field in fields for word in ("-H", field)), f"https://{HOST}:{port}{path}"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, timeout=30, check=True).stdout
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = (line.split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), {name.lower(): value for name, value in fields}, body


def wrong(port, prefix, log):
    """What is not as it should be behind a proxy that offers reeld under a prefix."""
    forged = ("X-Forwarded-For: 192.0.2.66", "Forwarded: for=192.0.2.66", "X-Forwarded-Host: evil.example")
    status, fields, body = ask(port, f"{prefix}/film.mp4", ("Range: bytes=100-199", *forged))
    if (status, fields.get("content-range"), body) != (206, "bytes 100-199/1000", FILM[100:200]):
        yield f"range: {status} {fields}"
    status, fields, _ = ask(port, f"{prefix}/films", forged)
    if (status, fields.get("location")) != (301, f"{prefix}/films/"):
        yield f"redirect: {status} {fields}"
    playlist = ask(port, f"{prefix}/film.mp4?m3u", forged)[2].decode()
    # Where TLS ends at a proxy that reads no requests, none says https.
    if f"{'https' if prefix else 'http'}://{HOST}:{port}{prefix}/film.mp4?whole" not in playlist.split("\n"):
        yield f"playlist: {playlist!r}"
    page = ask(port, f"{prefix}/films/missing", ("Accept: text/html",))[2].decode()
    style = re.search(r'href="\.\./(\.reeld/reeld\.css[^"]*)"', page)
    if not style or ask(port, f"{prefix}/{style[1]}")[0] != 200:
        yield f"style: {page}"
    clients = {line.split()[0] for line in log.read_text().splitlines() if HEALTH not in line}
    if clients != {CLIENT}:
        yield f"clients in the access log: {clients}"


def unhealthy(port, prefix, log):
    """What is wrong with the health checks of a proxy in front of an empty folder without pages."""
    deadline = time.monotonic() + 20
    while not (checks := [line for line in log.read_text().splitlines() if HEALTH in line]):
        if time.monotonic() > deadline:
            yield "no health check in the access log"
            return
        time.sleep(0.05)
    if any('" 200 ' not in line for line in checks):
        yield f"health: {checks}"
    # 503 would be the proxy's own.
    if (status := ask(port, f"{prefix}/missing")[0]) != 404:
        yield f"{status} instead of 404 from reeld"


def main():
    missing = [program for program in PACKAGES if not shutil.which(program)]
    if "nginx" in missing:
        peers.need("nginx")
    if missing:
        print(f"not checked, because not installed: {' '.join(missing)}; on Debian: apt-get install {' '.join(missing)}")
    peers.build()
    http, headers = ("--trusted-proxy", "127.0.0.1"), ("--trusted-proxy", "127.0.0.1", "--proxy-protocol")
    with_headers = "HAProxy with PROXY headers"
    failed = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        work, content = Path(folder, "work"), Path(folder, "content")
        work.mkdir()
        (content / "films").mkdir(parents=True)
        empty = Path(folder, "empty")
        empty.mkdir()
        (content / "film.mp4").write_bytes(FILM)
        certificate = work / "films.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={HOST}", "-days", "1",
                        "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", work / "key", "-out", work / "certificate"],
                       stderr=subprocess.DEVNULL, check=True)
        certificate.write_bytes((work / "key").read_bytes() + (work / "certificate").read_bytes())
        for name, program, start, flags, prefix in (
            ("nginx", "nginx", nginx, http, "/media"),
            ("Caddy", "caddy", caddy, http, "/media"),
            ("HAProxy", "haproxy", haproxy("HAProxy"), http, "/media"),
            ("HAProxy, PROXY 2", "haproxy", haproxy(with_headers), headers, ""),
            ("HAProxy, PROXY 1", "haproxy",
             haproxy(with_headers, lambda text: text.replace("send-proxy-v2", "send-proxy")), headers, ""),
        ):
            if program in missing:
                continue
            log = work / "access.log"
            with peers.reeld(content, *flags, log=log) as reeld, start(reeld, peers.free_port(), certificate, work) as proxy:
                faults = list(wrong(proxy.port, prefix, log))
            if name in ("Caddy", "HAProxy"):
                log = work / "health.log"
                with (peers.reeld(empty, *flags, "--no-listing", log=log) as reeld,
                      start(reeld, peers.free_port(), certificate, work) as proxy):
                    faults += unhealthy(proxy.port, prefix, log)
            failed += bool(faults)
            print(f"{'FAILED' if faults else 'ok    '} {name} {'; '.join(faults)}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
