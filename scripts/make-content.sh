#!/usr/bin/env bash
# Makes the sample media in content/ again, from ffmpeg's own test sources.
set -euo pipefail
cd "$(dirname "$0")/../content"

command -v ffmpeg >/dev/null || {
    echo "make-content.sh: ffmpeg is missing; on Debian: apt-get install ffmpeg" >&2
    exit 1
}
encode() { ffmpeg -hide_banner -loglevel error -y "$@"; }

# bitexact leaves the encoder's version out, so that the same ffmpeg makes the same bytes.
exact=(-fflags +bitexact -flags:v +bitexact -flags:a +bitexact)
picture() { echo "testsrc2=size=$1:rate=30:duration=$2"; }
tone() { echo "sine=frequency=440:beep_factor=4:sample_rate=48000:duration=$1"; }

# A minute at about 1.1 Mbit/s is some 8 MiB: two parts. faststart puts the index (moov) in front.
encode -f lavfi -i "$(picture 1280x720 60)" -f lavfi -i "$(tone 60)" \
    -c:v libx264 -preset medium -b:v 1000k -maxrate 1200k -bufsize 2400k -pix_fmt yuv420p -g 60 -threads 1 \
    -c:a aac -b:a 96k -movflags +faststart "${exact[@]}" clock.mp4

encode -f lavfi -i "$(picture 640x360 6)" -f lavfi -i "$(tone 6)" \
    -c:v libvpx-vp9 -b:v 300k -g 60 -threads 1 -c:a libopus -b:a 48k "${exact[@]}" extras/short.webm

# What stands beside a film and is named after it is its thumbnail.
encode -ss 12 -i clock.mp4 -frames:v 1 -q:v 4 "${exact[@]}" clock.jpg

ls -l clock.mp4 clock.jpg extras/short.webm
