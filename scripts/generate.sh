#!/bin/sh
# generate.sh - writes conf/sluice.yaml and conf/REFERENCE.md from the option tables in the code.
#
#     scripts/generate.sh [BUILD]     BUILD is the build directory, build by default
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
sluiced=${1:-$root/build}/sluiced
[ -x "$sluiced" ] || {
    echo "generate.sh: $sluiced is not there: build it first, or name the build directory" >&2
    exit 2
}

new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
"$sluiced" config sample >"$new/sluice.yaml"
"$sluiced" config reference >"$new/REFERENCE.md"
for file in sluice.yaml REFERENCE.md; do
    cmp -s "$new/$file" "$root/conf/$file" || {
        cp "$new/$file" "$root/conf/$file"
        echo "conf/$file"
    }
done
