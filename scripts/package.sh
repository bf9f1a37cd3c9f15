#!/usr/bin/env bash
# Makes a Debian package and a static binary in target/package. `package.sh --check` also installs the package, uses it and
# removes it without a trace; that takes root, and a machine that has no reeld yet.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=target

case "${1:-}" in
    "" | --check) ;;
    *) echo "package.sh: '$1' is unknown; the only option is --check" >&2; exit 64 ;;
esac
# program and how to get it
need() { command -v "$1" >/dev/null || { echo "package.sh: $1 is missing; $2" >&2; exit 69; }; }
need cargo-deb "cargo install --locked cargo-deb@3.8.0"
need dpkg-deb "it comes with Debian"

# musl, as a static glibc still loads shared libraries of its own version to resolve the names given to --host.
musl=$(uname -m)-unknown-linux-musl
[ -d "$(rustc --print target-libdir --target "$musl")" ] || {
    echo "package.sh: the target $musl is missing; rustup target add $musl" >&2
    exit 69
}

out=target/package
rm -rf "$out"
mkdir -p "$out/units"
version=$(sed -n 's/^version = "\(.*\)"/\1/p;T;q' Cargo.toml)
# As dch(1) names whoever makes the package.
maintainer="${DEBFULLNAME:-the reeld authors} <${DEBEMAIL:-reeld@localhost}>"
sed 's|/usr/local/bin/reeld|/usr/bin/reeld|' scripts/systemd/reeld.service >"$out/units/reeld.service"
cp scripts/systemd/reeld.socket "$out/units"
printf 'reeld (%s-1) unstable; urgency=medium\n\n  * New version.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$(git log -1 --format=%cD -- CHANGELOG.md)" >"$out/changelog"
cargo run --quiet --locked --example manual "$out"
cargo build --release --quiet --locked
cargo deb --quiet --no-build --locked --maintainer "$maintainer" --output "$out" >/dev/null
CARGO_PROFILE_RELEASE_STRIP=symbols cargo build --release --quiet --locked --target "$musl"
cp "target/$musl/release/reeld" "$out/reeld-$version-$(uname -m)"
package=$(echo "$PWD/$out"/*.deb)
static=$(echo "$PWD/$out/reeld-$version"-*)
ls -l "$package" "$static"
[ "${1:-}" = --check ] || exit 0

fail() { echo "FAILED: $*"; exit 1; }
silent() { local said; said=$("$@" 2>&1) && [ -z "$said" ] || { printf '%s\n' "$said"; fail "$*"; }; }
has() { command -v "$1" >/dev/null || { echo "skipped: what $1 checks, as it is missing"; false; }; }

work=$(mktemp -d)
server=""
installed=""
leave() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$installed" ] || dpkg --purge reeld >/dev/null || true
    rm -rf "$work"
}
trap leave EXIT
mkdir "$work/content"
head -c 1024 /dev/urandom >"$work/content/small.txt"
head -c 12000000 /dev/urandom >"$work/content/film.mp4"

# Serves a small file whole and a large one in parts.
serves() {
    local address="" code
    "$1" "$work/content" --host 127.0.0.1 --port 0 --log off 2>"$work/log" &
    server=$!
    for _ in $(seq 100); do
        address=$(grep -o 'http://[^/]*' "$work/log" || true)
        [ -n "$address" ] && break
        sleep 0.05
    done
    [ -n "$address" ] || { cat "$work/log"; fail "$1 does not start"; }
    code=$(curl -s -o "$work/small" -w '%{http_code}' "$address/small.txt") || fail "$1 does not answer"
    [ "$code" = 200 ] && cmp "$work/small" "$work/content/small.txt" || fail "$1 answers $code for a small file"
    code=$(curl -s -o "$work/part" -w '%{http_code} %{size_download}' "$address/film.mp4") || fail "$1 does not answer"
    [ "$code" = "206 5242880" ] && cmp -n 5242880 "$work/part" "$work/content/film.mp4" || fail "$1 answers $code for a film"
    kill "$server"
    wait "$server" || fail "$1 ends with $?"
    server=""
}

need curl "apt-get install curl"
file -b "$static" 2>/dev/null | grep -q 'static' || ldd "$static" 2>&1 | grep -q 'static' || fail "$static is not static"
serves "$static"
dpkg-deb -x "$package" "$work/files"
doc=$work/files/usr/share/doc/reeld
if has lintian; then
    # Debian itself would want a bug and an address; the project has neither there.
    uploads=initial-upload-closes-no-bugs,bogus-mail-host,bogus-mail-host-in-debian-changelog
    lintian --allow-root --fail-on error,warning --suppress-tags "$uploads" "$package" || fail "lintian"
fi
if has man; then
    said=$(man --warnings --local-file "$work/files/usr/share/man/man1/reeld.1.gz" 2>&1 >"$work/page")
    [ -z "$said" ] && grep -q -e --port "$work/page" || fail "the man page: $said"
fi
python3 -m json.tool "$doc/examples/dashboard.json" >"$work/json" || fail "the dashboard is not JSON"
if has promtool; then promtool check rules "$doc/examples/alerts.yml" >"$work/rules" || { cat "$work/rules"; fail "rules"; }; fi
scripts/package/queries.py || fail "the queries"

if [ "$(id -u)" != 0 ]; then
    echo "skipped: only root can install the package"
    exit 0
fi
# Whatever is there already is not ours to overwrite or remove.
if dpkg-query -W reeld >"$work/query" 2>&1; then
    echo "package.sh: reeld is installed; check the package on another machine" >&2
    exit 69
fi
theirs=$(cd "$work/files" && find . ! -type d | sed 's/^\.//')
for path in $theirs /var/log/reeld /var/log/private/reeld; do
    [ ! -e "$path" ] || { echo "package.sh: $path exists; check the package on a machine without it" >&2; exit 69; }
done
traces() { find /etc /usr /var -xdev -name '*reeld*' | sort; }
traces >"$work/before"
installed=yes
dpkg --install "$package" >"$work/dpkg" 2>&1 || { cat "$work/dpkg"; fail "it cannot be installed"; }
[ "$(/usr/bin/reeld --version)" = "reeld $version" ] || fail "the version"
serves /usr/bin/reeld
if has systemd-analyze; then
    silent systemd-analyze verify reeld.service reeld.socket
    # At most 1.2 of 10, in tenths.
    systemd-analyze security --no-pager --offline=true --threshold=12 reeld.service >"$work/security" ||
        { cat "$work/security"; fail "the exposure"; }
fi
bash -c 'source /usr/share/bash-completion/completions/reeld; COMP_WORDS=(reeld --po) COMP_CWORD=1; _reeld
    [ "${COMPREPLY[*]}" = --port ]' || fail "bash completes no --port"
if has fish; then
    said=$(fish --no-config -c 'source /usr/share/fish/vendor_completions.d/reeld.fish; complete -C "reeld --po"' 2>&1)
    [[ $said == --port* ]] || fail "fish completes no --port: $said"
fi
if has zsh; then zsh -n /usr/share/zsh/vendor-completions/_reeld || fail "the completions of zsh"; fi
dpkg --purge reeld >"$work/dpkg" 2>&1 || { cat "$work/dpkg"; fail "it cannot be removed"; }
installed=""
traces | diff "$work/before" - || fail "something is left"
echo "the package is installed, serves, and is removed; the static binary serves"
