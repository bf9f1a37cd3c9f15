#!/usr/bin/env python3
"""Restarts reeld under load on an inherited socket, as a service manager does, and counts what fails.

200 readers take random parts of a film and `ab -k -c 100` asks for a small file, until both have sent 10,000 requests and the
server has been replaced six times: three times by a restart (the next one starts when the last has ended) and three times by
an upgrade (the next one starts first, then the last drains). A paused reader holds every drain for a while. No request may
fail, no connection be refused.

    cargo build --release && scripts/restart-check.py
"""

import argparse
import http.client
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FILM = 24 * 1024 * 1024
READERS = 200
AB_CLIENTS = 100
REQUESTS = 10_000
# How long the paused reader holds a drain, in seconds.
PAUSE = 2.0


class Server:
    """A reeld on the inherited socket."""

    def __init__(self, binary, listener, content):
        # The variables name the process, so they are set after the fork.
        shell = 'exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"'
        arguments = ["sh", "-c", shell, binary, content, "--log", "off"]
        self.process = subprocess.Popen(arguments, stdin=listener, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.is_up = threading.Event()
        threading.Thread(target=self.read, daemon=True).start()
        if not self.is_up.wait(30):
            sys.exit(f"reeld does not start: {self.lines}")

    def read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            if "serving" in line:
                self.is_up.set()

    def drain(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        code = self.process.wait(timeout=60)
        if code != 0 or any("abort" in line for line in self.lines):
            sys.exit(f"reeld ends with {code}: {self.lines}")


class Readers:
    """Readers of random ranges, each on one connection while the server keeps it."""

    def __init__(self, port, film):
        self.port, self.film = port, film
        self.end = threading.Event()
        self.lock = threading.Lock()
        self.served, self.longest, self.failures = 0, 0.0, []
        self.threads = [threading.Thread(target=self.read, args=(number,), daemon=True) for number in range(READERS)]
        for thread in self.threads:
            thread.start()

    def read(self, number):
        choose = random.Random(number)
        connection = None
        while not self.end.is_set():
            first = choose.randrange(FILM - 65_536)
            length = choose.randrange(1, 65_536)
            started = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                connection.request("GET", "/film.mp4", headers={"Range": f"bytes={first}-{first + length - 1}"})
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 206 or body != self.film[first : first + length]:
                    raise ValueError(f"status {answer.status}, {len(body)} bytes")
                with self.lock:
                    self.served += 1
                    self.longest = max(self.longest, time.monotonic() - started)
                if answer.getheader("Connection") == "close":
                    connection.close()
                    connection = None
            except (OSError, ValueError, http.client.HTTPException) as error:
                with self.lock:
                    self.failures.append(repr(error))
                connection = None
            time.sleep(choose.random() * 0.2)

    def stop(self):
        self.end.set()
        for thread in self.threads:
            thread.join(60)


def pause(port):
    """A reader that stops in the middle of a part, and takes the rest a little later."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    client.connect(("127.0.0.1", port))
    client.sendall(b"GET /film.mp4 HTTP/1.1\r\nHost: h\r\n\r\n")
    head = client.recv(1024)
    assert b" 206 " in head, head

    def go_on():
        time.sleep(PAUSE)
        while client.recv(1 << 20):
            pass
        client.close()

    thread = threading.Thread(target=go_on)
    thread.start()
    return thread


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=os.path.join(ROOT, "target/release/reeld"))
    binary = parser.parse_args().binary

    with tempfile.TemporaryDirectory() as content, socket.socket() as listener:
        film = random.Random(1).randbytes(FILM)
        with open(os.path.join(content, "film.mp4"), "wb") as file:
            file.write(film)
        with open(os.path.join(content, "small.txt"), "w") as file:
            file.write("x" * 1024)
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        port = listener.getsockname()[1]
        server = Server(binary, listener, content)
        readers = Readers(port, film)
        asked, failed, kept = 0, 0, 0
        replaced = []
        for number in range(6):
            ab = subprocess.Popen(
                ["ab", "-q", "-k", "-r", "-s", "60", "-c", str(AB_CLIENTS), "-t", "6", "-n", "10000000", f"http://127.0.0.1:{port}/small.txt"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            time.sleep(1)
            paused = pause(port)
            started = time.monotonic()
            if number % 2 == 0:
                server.drain()
                server.wait()
                ended = time.monotonic()
                server = Server(binary, listener, content)
                replaced.append(f"restart: drained in {ended - started:.2f} s, the next is up {time.monotonic() - ended:.3f} s later")
            else:
                successor = Server(binary, listener, content)
                server.drain()
                server.wait()
                server = successor
                replaced.append(f"upgrade: drained in {time.monotonic() - started:.2f} s")
            paused.join()
            report = ab.communicate(timeout=120)[0]
            count = lambda name: sum(map(int, re.findall(rf"^{name}:\s+(\d+)", report, re.M)))
            if count("Complete requests") == 0:
                sys.exit(report)
            asked += count("Complete requests")
            kept += count("Keep-Alive requests")
            failed += count("Failed requests") + count("Write errors") + count("Non-2xx responses")
        readers.stop()
        server.drain()
        server.wait()

    for line in replaced:
        print(line)
    print(f"ab -k -c {AB_CLIENTS}: {asked} requests, {kept} on kept connections, {failed} failed")
    print(f"{READERS} readers: {readers.served} requests, {len(readers.failures)} failed, longest {readers.longest:.2f} s")
    for failure in sorted(set(readers.failures))[:5]:
        print(f"    {failure}")
    if failed or readers.failures or asked < REQUESTS or readers.served < REQUESTS:
        sys.exit(1)


if __name__ == "__main__":
    main()
