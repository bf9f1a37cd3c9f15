#!/usr/bin/env bash
# Runs reeld under its own units: a systemd of its own, in namespaces of its own, so no machine that runs systemd is needed
# and none is touched. Shows that the server works in the sandbox and under the system call filter of the unit, that it is
# restarted under load without a failed request, that the watchdog restarts a server that hangs, and that an address that is
# not there yet is tried again. Needs root, systemd, iproute2, curl, apache2-utils and python3:
#     cargo build --release && sudo scripts/systemd-check.sh
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1-}" = --boot ]; then
    # The first process of the new namespaces: file systems, network, then systemd.
    work=$2
    mount --make-rprivate /
    mount -t tmpfs tmpfs /run
    # Where systemd makes folders for LogsDirectory= and PrivateTmp=.
    mount -t tmpfs tmpfs /var/log
    mount -t tmpfs tmpfs /var/tmp
    umount -R /sys/fs/cgroup 2>/dev/null || umount -l /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mount -t proc proc /proc
    mkdir -p /srv "$work/srv" && mount --bind "$work/srv" /srv
    ip link set lo up
    export container=lxc SYSTEMD_UNIT_PATH=$work/units SYSTEMD_LOG_LEVEL=notice
    exec "$(command -v systemd || echo /lib/systemd/systemd)" --system --unit=test.target --log-target=console --show-status=0
fi

if [ "$(id -u)" != 0 ]; then
    echo "skipped: only root can start a systemd"
    exit 0
fi
work=$(mktemp -d)
chmod 755 "$work"
mkdir -p "$work/units" "$work/srv/reeld/content/films"
# Not beneath /tmp, which the unit cannot see.
cp "${REELD:-target/release/reeld}" "$work/srv/reeld/reeld"
for target in test sysinit basic shutdown network network-online sockets multi-user; do
    printf '[Unit]\nDefaultDependencies=no\n' >"$work/units/$target.target"
done
cp scripts/systemd/reeld.socket "$work/units"
# What the filter forbids kills the process here, so that nothing is refused unnoticed.
sed -e "s|/usr/local/bin/reeld|/srv/reeld/reeld|" -e '/^SystemCallErrorNumber/d' -e 's/^WatchdogSec=.*/WatchdogSec=3/' \
    scripts/systemd/reeld.service >"$work/units/reeld.service"
head -c 20000000 /dev/urandom >"$work/srv/reeld/content/film.mp4"
head -c 1024 /dev/urandom >"$work/srv/reeld/content/small.txt"
printf '1\n00:00:01,000 --> 00:00:02,000\nHello\n' >"$work/srv/reeld/content/film.srt"

unshare --mount --pid --net --cgroup --uts --ipc --fork --kill-child "$0" --boot "$work" >"$work/log" 2>&1 &
outer=$!
trap 'kill -KILL $outer 2>/dev/null || true; wait $outer 2>/dev/null || true; rm -rf "$work"' EXIT
inner=
for _ in $(seq 100); do
    inner=$(pgrep -P "$outer" || true)
    [ -n "$inner" ] && nsenter -t "$inner" -m -p systemctl is-active --quiet test.target 2>/dev/null && break
    sleep 0.1
done

inside() { nsenter -t "$inner" -m -p -n -C -u -i "$@"; }
fail() {
    printf 'FAILED: %s\n' "$*"
    inside systemctl status reeld.service reeld.socket || true
    cat "$work/log"
    exit 1
}
show() { inside systemctl show -P "$1" reeld.service; }
url=http://127.0.0.1:8080

inside systemctl start reeld.socket reeld.service || fail "it does not start"
pid=$(show MainPID)
inside grep -q '^Seccomp:.*2' "/proc/$pid/status" || fail "no system call filter"
inside grep -q '^CapEff:.*0000000000000000' "/proc/$pid/status" || fail "it has capabilities"

use() {
    for target in /film.mp4 /small.txt / '/?json' '/film.mp4?play' '/film.srt?vtt' /films/ /missing; do
        inside curl -s -o /dev/null -w '%{http_code} ' "$url$target"
    done
    inside curl -s -o /dev/null -w '%{http_code} ' -r 0-99,1000-1099 "$url/film.mp4"
    inside curl -s -o /dev/null -w '%{http_code}\n' --http1.1 -H 'If-None-Match: *' "$url/small.txt"
}
for transfer in pread sendfile; do
    mkdir -p "$work/units/reeld.service.d"
    printf '[Service]\nEnvironment=REELD_TRANSFER=%s REELD_LOG_FILE=/var/log/reeld/access.log\n' $transfer \
        >"$work/units/reeld.service.d/transfer.conf"
    inside systemctl daemon-reload
    inside systemctl restart reeld.service
    pid=$(show MainPID)
    [ "$(use)" = "206 200 200 200 200 200 200 404 206 304" ] || fail "with $transfer: $(use)"
    # A change is noticed: inotify works.
    date >"$work/srv/reeld/content/new-$transfer.txt"
    for _ in $(seq 50); do inside curl -s "$url/?json" | grep -q "new-$transfer" && break; sleep 0.1; done
    inside curl -s "$url/?json" | grep -q "new-$transfer" || fail "a new file is not listed"
    [ "$(show MainPID)" = "$pid" ] || fail "it was killed: $(show Result)"
    inside grep -q 'GET /film.mp4' /var/log/reeld/access.log || fail "no access log"
done
echo "in the sandbox and under the filter: every kind of answer, both transfers, inotify, a log file"
sleep 1.5
echo "status: $(show StatusText)"

inside ab -q -k -c 100 -n 200000 "$url/small.txt" >"$work/ab" 2>&1 &
load=$!
restarts=0
while kill -0 $load 2>/dev/null && [ $restarts -lt 5 ]; do
    # Only five starts in 10 s are allowed otherwise.
    inside systemctl reset-failed reeld.service
    inside systemctl restart reeld.service
    restarts=$((restarts + 1))
    sleep 0.3
done
wait $load || fail "ab: $(cat "$work/ab")"
grep -q '^Failed requests: *0$' "$work/ab" || fail "ab: $(cat "$work/ab")"
echo "$restarts restarts under ab -k -c 100: 200,000 requests, 0 failed"

inside systemctl reset-failed reeld.service
pid=$(show MainPID)
inside kill -STOP "$pid"
for _ in $(seq 150); do [ "$(show NRestarts)" != 0 ] && break; sleep 0.1; done
[ "$(show NRestarts)" = 1 ] || fail "the watchdog does not notice that it hangs"
for _ in $(seq 100); do [ "$(show ActiveState)" = active ] && break; sleep 0.1; done
inside curl -s -o /dev/null "$url/small.txt" || fail "it does not serve after the watchdog"
echo "the watchdog restarts a server that hangs"

inside systemctl stop reeld.service reeld.socket
printf '[Service]\nEnvironment=REELD_HOST=192.0.2.1\n' >"$work/units/reeld.service.d/host.conf"
inside systemctl daemon-reload
inside systemctl start reeld.service 2>/dev/null && fail "it listens on an address that is not there"
[ "$(show ExecMainStatus)" = 71 ] || fail "it exits with $(show ExecMainStatus)"
inside ip address add 192.0.2.1/32 dev lo
for _ in $(seq 100); do [ "$(show ActiveState)" = active ] && break; sleep 0.1; done
inside curl -s -o /dev/null http://192.0.2.1:8080/small.txt || fail "it does not try the address again"
echo "an address that appears later is served"
