#!/usr/bin/env bash
# Drives reeld with ApacheBench: 200 to 2000 concurrent keep-alive clients, a small file and a 5 MiB part.
# Prints a table and exits 1 if any request failed. `stress.sh --short` runs the smallest and the largest crowd only.
# WORKERS (8) sets the size of the pool.
set -euo pipefail
cd "$(dirname "$0")/.."

concurrencies=(200 500 1000 2000)
case "${1:-}" in
    "") ;;
    --short) concurrencies=(200 2000) ;;
    *) echo "stress.sh: '$1' is unknown; the only option is --short" >&2; exit 64 ;;
esac

command -v ab >/dev/null || {
    echo "stress.sh: ab (ApacheBench) is missing; on Debian: apt-get install apache2-utils" >&2
    exit 69
}
ulimit -n "$(ulimit -Hn)"
[ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge 2100 ] || {
    echo "stress.sh: 2000 clients need 2100 open files, the limit is $(ulimit -n); raise it with ulimit -n" >&2
    exit 69
}

cargo build --release --quiet
work=$(mktemp -d)
target/release/reeld content --host 127.0.0.1 --port 0 --log off --workers "${WORKERS:-8}" 2>"$work/server" &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
address=""
for _ in $(seq 100); do
    address=$(grep -o 'http://[^/]*' "$work/server" || true)
    [ -n "$address" ] && break
    sleep 0.05
done
[ -n "$address" ] || { echo "stress.sh: the server did not start:" >&2; cat "$work/server" >&2; exit 1; }

# A value of ab's report, or the default where the line is absent.
value() { awk -F: -v name="$1" -v otherwise="$2" '$1 == name { split($2, words, " "); found = words[1] } END { print found == "" ? otherwise : found }' "$work/report"; }
percentile() { awk -v share="$1%" '$1 == share { print $2 }' "$work/report"; }

status=0
printf '%-12s %8s %9s %7s %11s %8s %8s %8s\n' file clients requests failed requests/s 'p50 ms' 'p95 ms' 'p99 ms'
# file, concurrent clients, requests
run() {
    local ended=ok failed
    ab -q -k -s 60 -c "$2" -n "$3" "$address/$1" >"$work/report" 2>"$work/errors" || ended=broken
    # Whatever did not complete with a 2xx answer of the expected length has failed. An answer that is both of another
    # status and of another length is in both of ab's counts.
    failed=$(value 'Failed requests' 0)
    local refused
    refused=$(value 'Non-2xx responses' 0)
    failed=$(($3 - $(value 'Complete requests' 0) + (failed > refused ? failed : refused)))
    [ "$ended" = ok ] && [ "$failed" -eq 0 ] || {
        status=1
        cat "$work/errors" >&2
    }
    printf '%-12s %8d %9d %7d %11s %8s %8s %8s\n' "$1" "$2" "$3" "$failed" "$(value 'Requests per second' -)" \
        "$(percentile 50)" "$(percentile 95)" "$(percentile 99)"
}

run clock.mp4 200 200 # the first test that reeld was written for: ab -k -c 200 -n 200
for concurrency in "${concurrencies[@]}"; do
    run about.txt "$concurrency" $((20 * concurrency))
    run clock.mp4 "$concurrency" "$concurrency"
done
kill -0 "$server" || { echo "stress.sh: the server has died" >&2; status=1; }
exit "$status"
