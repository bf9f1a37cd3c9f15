#!/usr/bin/env bash
# Measures reeld beside nginx, lighttpd and Apache, beside static-web-server and miniserve where they are installed, and above
# the floor of this machine: requests a second, processor time of the server for each request or GB, latencies, memory. Takes
# 25 minutes; `bench-peers.sh --help` says how to measure less.
set -euo pipefail
exec python3 "$(dirname "$0")/bench_peers.py" "$@"
