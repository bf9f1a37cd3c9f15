#!/usr/bin/env bash
# Builds reeld and the herd, and sends the herd: `herd.sh [preset...]`, see herd.sh --help.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet --bin reeld --example herd
exec target/release/examples/herd "$@"
