#!/usr/bin/env bash
# Fuzzes reeld: `fuzz.sh SECONDS [target...]` runs each target (all twelve by default) for that long, one after the other. Prints
# a table; exits 1 if a target found something, and prints where.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:?usage: fuzz.sh SECONDS [target...]}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(head proxy target range chunked conditions subtitles view mp4 matroska tags connection)
cargo +nightly --version >/dev/null 2>&1 || { echo "fuzz.sh needs a nightly toolchain: rustup toolchain install nightly" >&2; exit 69; }
cargo fuzz --version >/dev/null 2>&1 || { echo "fuzz.sh needs cargo-fuzz: cargo install cargo-fuzz" >&2; exit 69; }

found=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
printf '| target | executions | a second | coverage (edges) | |\n|---|---|---|---|---|\n'
for target in "${targets[@]}"; do
    # New inputs are kept here for the next run; the seeds are only read.
    corpus=tests/fuzz/target/corpus/$target
    mkdir -p "$corpus"
    # A connection begins with a head, so both start from the same seeds.
    seeds=tests/fuzz/seeds/${target/#head/connection}
    outcome=clean
    cargo +nightly fuzz run --fuzz-dir tests/fuzz --features libfuzzer "$target" "$corpus" "$seeds" -- \
        -max_total_time="$seconds" -timeout=10 -print_final_stats=1 >"$log" 2>&1 || outcome=found
    number() { awk -v name="$1" '$1 == name { print $2 }' "$log"; }
    coverage=$({ grep -o 'cov: [0-9]*' "$log" || true; } | tail -1 | cut -d' ' -f2)
    printf '| %s | %s | %s | %s | %s |\n' "$target" "$(number stat::number_of_executed_units:)" \
        "$(number stat::average_exec_per_sec:)" "$coverage" "$outcome"
    if [ "$outcome" = found ]; then
        found=1
        tail -n 30 "$log" >&2
    fi
done
exit "$found"
