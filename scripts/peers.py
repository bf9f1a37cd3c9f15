"""Starts and stops reeld and the servers it is compared with, each on a folder and a free port of the loopback address, and
names the ones that are not installed."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"nginx": "nginx", "lighttpd": "lighttpd", "apache2": "apache2", "wrk": "wrk", "node": "nodejs", "curl": "curl"}


def need(*programs):
    """Ends the script if one of these programs is missing, and says how to get it."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        packages = " ".join(PACKAGES[program] for program in missing)
        sys.exit(f"{Path(sys.argv[0]).name}: missing: {' '.join(missing)}; on Debian: apt-get install {packages}")


def installed(*programs):
    """The programs that are installed; prints how to get the others."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        print(f"not measured, because not installed: {' '.join(missing)}; cargo install brings them", file=sys.stderr)
    return [program for program in programs if program not in missing]


def build(*what):
    subprocess.run(["cargo", "build", "--release", "--quiet", *what], cwd=ROOT, check=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server that runs until the end of the `with` block."""

    def __init__(self, name, command, port=None, env=None):
        self.name = name
        # reeld says where it listens; the others get a port.
        stderr = subprocess.PIPE if port is None else subprocess.DEVNULL
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=stderr, text=True, env={**os.environ, **(env or {})})
        self.port = port
        if port is None:
            for line in self.process.stderr:
                if found := re.search(r"http://[^/]*:(\d+)/", line):
                    self.port = int(found.group(1))
                    break
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                return
            except OSError:
                time.sleep(0.01)
        sys.exit(f"{name} does not listen: {' '.join(map(str, command))}")

    def processes(self):
        """The process and its children, such as the workers of nginx."""
        tree, rest = [], [self.process.pid]
        while rest:
            pid = rest.pop()
            tree.append(pid)
            for task in Path(f"/proc/{pid}/task").iterdir():
                rest += map(int, (task / "children").read_text().split())
        return tree

    def cpu_seconds(self):
        """User and system time of all processes."""
        ticks = 0
        for pid in self.processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.processes())
        return pages * os.sysconf("SC_PAGE_SIZE")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=60)


def reeld(content, *flags, log=None, binary=ROOT / "target/release/reeld", name="reeld"):
    """With `log`, the access log goes to that file."""
    command = [binary, content, "--host", "127.0.0.1", "--port", "0", *flags]
    if log is None:
        return Server(name, [*command, "--log", "off"])
    return Server(name, ["sh", "-c", 'exec "$@" >"$0"', log, *command])


def nginx(content, work, sendfile=True, cache=False, log=None, name="nginx"):
    port = free_port()
    temporary = "".join(f"{kind}_temp_path {work};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    file = Path(tempfile.mkstemp(suffix=".conf", dir=work)[1])
    file.write_text(f"""
        daemon off; worker_processes auto; worker_rlimit_nofile 16384; error_log /dev/null; pid {file}.pid;
        events {{ worker_connections 8192; }}
        http {{
            include /etc/nginx/mime.types;
            {temporary}
            access_log {f"{log} combined" if log else "off"};
            sendfile {"on" if sendfile else "off"}; tcp_nopush on;
            keepalive_requests 1000000000; keepalive_timeout 65;
            {"open_file_cache max=30000 inactive=60s;" if cache else ""}
            server {{
                listen 127.0.0.1:{port} backlog=4096; root {content};
                location ~* ^/confidential {{ return 403; }}
            }}
        }}""")
    return Server(name, ["nginx", "-p", work, "-c", file], port)


def lighttpd(content, work, log=None, name="lighttpd"):
    port = free_port()
    file = Path(tempfile.mkstemp(suffix=".conf", dir=work)[1])
    access = f'server.modules += ("mod_accesslog") accesslog.filename = "{log}"' if log else ""
    file.write_text(f"""
        server.modules = ("mod_access", "mod_indexfile", "mod_staticfile")
        {access}
        server.document-root = "{content}" server.bind = "127.0.0.1" server.port = {port}
        server.max-fds = 16384 server.max-connections = 8192 server.listen-backlog = 4096
        server.max-keep-alive-requests = 1000000000 server.max-keep-alive-idle = 65
        server.errorlog = "/dev/null"
        index-file.names = ("index.html")
        mimetype.assign = (".html" => "text/html", ".txt" => "text/plain", ".mp4" => "video/mp4")
        $HTTP["url"] =~ "^/confidential" {{ url.access-deny = ("") }}
        """)
    return Server(name, ["lighttpd", "-D", "-f", file], port)


def apache2(content, work, log=None, name="apache2"):
    port = free_port()
    file = Path(tempfile.mkstemp(suffix=".conf", dir=work)[1])
    modules = Path("/usr/lib/apache2/modules")
    # The access log is built in.
    wanted = ("mpm_event", "authz_core", "mime", "dir")
    load = "\n".join(f"LoadModule {module}_module {modules}/mod_{module}.so" for module in wanted)
    file.write_text(f"""
        {load}
        ServerName localhost
        ServerRoot {work}
        PidFile {file}.pid
        DefaultRuntimeDir {work}
        ErrorLog /dev/null
        Listen 127.0.0.1:{port}
        ListenBacklog 4096
        DocumentRoot {content}
        User www-data
        Group www-data
        TypesConfig /etc/mime.types
        MaxKeepAliveRequests 0
        KeepAliveTimeout 65
        ServerLimit 40
        ThreadsPerChild 64
        MaxRequestWorkers 2560
        EnableSendfile On
        {f'CustomLog {log} "%h %l %u %t ' + chr(92) + '"%r' + chr(92) + '" %>s %b"' if log else ""}
        """)
    return Server(name, ["apache2", "-d", work, "-f", file, "-DFOREGROUND"], port)


def static_web_server(content, name="static-web-server"):
    port = free_port()
    return Server(name, [name, "--host", "127.0.0.1", "--port", str(port), "--root", content], port)


def miniserve(content, name="miniserve"):
    port = free_port()
    return Server(name, [name, "--interfaces", "127.0.0.1", "--port", str(port), content], port)
