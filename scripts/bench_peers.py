"""See bench-peers.sh. Each round measures every server once, one after the other, so that a slow second of the machine
falls on all of them alike; what counts is the median of the rounds, and its ratio to that of reeld in the same run."""

import argparse
import contextlib
import os
import random
import re
import statistics
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import peers

PART = 5 * 1024 * 1024
MANY = 20_000


@dataclass
class Case:
    name: str
    target: str
    connections: int
    # Whether what counts is the time for each GB, rather than for each request.
    large: bool = False
    logged: bool = False
    # Fields of the request.
    fields: tuple = ()
    servers: tuple = ("reeld", "nginx", "nginx cache", "nginx pread", "lighttpd", "apache2")
    script: str = ""
    cold: bool = False


# Measured where they are installed.
OPTIONAL = ("static-web-server", "miniserve")
LOGGED = ("reeld", "lighttpd", "nginx", "nginx cache", "apache2")
SMALL = (*LOGGED, *OPTIONAL)
LARGE = ("reeld", "nginx pread", "apache2", "reeld sendfile", "nginx", "lighttpd", *OPTIONAL)
CASES = [
    Case("1 KiB", "1k.bin", 1, servers=("floor", *SMALL)),
    Case("1 KiB", "1k.bin", 64, servers=("floor", *SMALL)),
    Case("1 KiB", "1k.bin", 512, servers=("floor", *SMALL)),
    Case("1 KiB", "1k.bin", 2000, servers=("floor", *SMALL)),
    Case("1 KiB, access log", "1k.bin", 64, logged=True, servers=LOGGED),
    Case("1 KiB, access log", "1k.bin", 512, logged=True, servers=LOGGED),
    Case("1 KiB, a connection each", "1k.bin", 64, fields=("Connection: close",), servers=SMALL),
    Case("10 KiB", "10k.bin", 64, servers=SMALL),
    Case("20,000 files", "", 64, script="many", servers=SMALL),
    Case("100 KiB", "100k.bin", 64, large=True, servers=LARGE),
    Case("5 MiB part", "part.bin", 1, large=True, servers=LARGE),
    Case("5 MiB part", "part.bin", 16, large=True, servers=LARGE),
    Case("5 MiB part", "part.bin", 64, large=True, servers=LARGE),
    Case("5 MiB part, cold", "", 16, large=True, cold=True, script="cold", servers=LARGE),
]


@dataclass
class Measured:
    cpu: list = field(default_factory=list)
    rate: list = field(default_factory=list)
    p50: list = field(default_factory=list)
    p99: list = field(default_factory=list)
    resident: list = field(default_factory=list)
    failed: int = 0


def furnish(content):
    for name, size in (("1k", 1024), ("10k", 10 * 1024), ("100k", 100 * 1024), ("part", PART)):
        (content / f"{name}.bin").write_bytes(random.randbytes(size))
    (content / "many").mkdir()
    for number in range(MANY):
        (content / f"many/{number}.bin").write_bytes(bytes(random.randrange(8 * 1024)))
    (content / "cold").mkdir()
    for number in range(64):
        (content / f"cold/{number}.bin").write_bytes(random.randbytes(PART))
    os.sync()


def write_scripts(work):
    """The requests of wrk for cases with more than one file."""
    for name, count in (("many", MANY), ("cold", 64)):
        (work / f"{name}.lua").write_text(f"""
            math.randomseed(7)
            request = function()
                return wrk.format("GET", "/{name}/" .. math.random(0, {count} - 1) .. ".bin")
            end""")


def forget(content):
    """Drops the cold files from the page cache."""
    for file in (content / "cold").iterdir():
        with open(file, "rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def start(name, content, work, log):
    if name == "floor":
        return peers.Server(name, [peers.ROOT / "target/release/examples/floor"])
    if name.startswith("reeld"):
        flags = ["--transfer", "sendfile"] if name.endswith("sendfile") else []
        return peers.reeld(content, *flags, log=log, name=name)
    if name == "lighttpd":
        return peers.lighttpd(content, work, log=log)
    if name == "apache2":
        return peers.apache2(content, work, log=log)
    if name == "static-web-server":
        return peers.static_web_server(content)
    if name == "miniserve":
        return peers.miniserve(content)
    return peers.nginx(
        content, work, sendfile=name != "nginx pread", cache=name == "nginx cache", log=log, name=name)


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


def measure(server, case, work, seconds, into):
    command = ["wrk", "-t1", f"-c{case.connections}", f"-d{seconds}s", "--timeout", "20s", "--latency"]
    command += [word for name in case.fields for word in ("-H", name)]
    command += ["-s", work / f"{case.script}.lua"] if case.script else []
    command.append(f"http://127.0.0.1:{server.port}/{case.target}")
    before = server.cpu_seconds()
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = server.cpu_seconds() - before
    requests, taken, amount, unit = re.search(r"(\d+) requests in ([\d.]+)s, ([\d.]+)([KMG]?B)", out).groups()
    transferred = float(amount) * {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}[unit] / 1e9
    if int(requests) == 0:
        into.failed += 1
        return
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    # Servers that close count as read errors where each request has its own connection.
    into.failed += int(failed.group(1)) if failed else 0
    into.failed += sum(map(int, errors.group(1, 3, 4))) if errors else 0
    into.cpu.append(used / transferred if case.large else used / int(requests) * 1e6)
    into.rate.append(transferred / float(taken[:-1] if taken.endswith("s") else taken) if case.large
                     else int(requests) / float(taken))
    into.p50.append(milliseconds(re.search(r"^\s+50%\s+(\S+)", out, re.M).group(1)))
    into.p99.append(milliseconds(re.search(r"^\s+99%\s+(\S+)", out, re.M).group(1)))
    into.resident.append(server.resident_bytes() / 1e6)


def table(case, results):
    unit, rate = ("s/GB", "GB/s") if case.large else ("µs", "requests/s")
    digits = 3 if case.large else 1
    print(f"\n**{case.name}, {case.connections} connections**\n")
    print(f"| server | CPU {unit} | min–max | ratio | {rate} | ratio | p50 ms | p99 ms | RSS MB | failed |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    median = statistics.median
    own = results["reeld"]
    for name, one in results.items():
        if not one.cpu:
            print(f"| {name} | no answers | | | | | | | | {one.failed} |")
            continue
        print(f"| {name} | {median(one.cpu):.{digits}f} | {min(one.cpu):.{digits}f}–{max(one.cpu):.{digits}f} "
              f"| {median(one.cpu) / median(own.cpu):.2f} | {median(one.rate):.{2 if case.large else 0}f} "
              f"| {median(one.rate) / median(own.rate):.2f} | {median(one.p50):.2f} | {median(one.p99):.2f} "
              f"| {median(one.resident):.1f} | {one.failed} |", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="bench-peers.sh", description="Measures reeld beside other servers.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each case (default: 5)")
    parser.add_argument("--seconds", type=int, default=2, help="seconds of each measurement (default: 2)")
    parser.add_argument("--cases", default="", help="only cases whose name and connections match this, as '1 KiB, 64'")
    parser.add_argument("--servers", default="", help="only these servers, separated by commas; reeld is always there")
    args = parser.parse_args()
    peers.need("nginx", "lighttpd", "apache2", "wrk")
    absent = set(OPTIONAL) - set(peers.installed(*OPTIONAL))
    peers.build("--bins", "--examples")
    chosen = set(filter(None, args.servers.split(","))) | {"reeld"} if args.servers else None
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        work, content = Path(folder), Path(folder) / "content"
        content.mkdir()
        furnish(content)
        write_scripts(work)
        for case in CASES:
            if not re.search(args.cases, f"{case.name}, {case.connections}"):
                continue
            names = [name for name in case.servers if name not in absent and (chosen is None or name in chosen)]
            results = {name: Measured() for name in names}
            with contextlib.ExitStack() as stack:
                log = str(work / "access.log") if case.logged else None
                servers = [stack.enter_context(start(name, content, work, log)) for name in names]
                for _ in range(args.rounds):
                    for server in servers:
                        if case.cold:
                            forget(content)
                        measure(server, case, work, args.seconds, results[server.name])
            table(case, results)


if __name__ == "__main__":
    main()
