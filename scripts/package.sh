#!/bin/sh
# package.sh - builds the Debian package of what is committed.
#
#     scripts/package.sh [FOLDER]    the .deb goes to FOLDER, build/ by default
#
# Debian 12; needs debhelper and the packages that scripts/setup.sh installs. lintian looks at the
# result where it is installed.
set -eu
cd "$(dirname "$0")/.."
out=${1:-build}
mkdir -p "$out"
out=$(cd "$out" && pwd)
if ! command -v dpkg-buildpackage >/dev/null || ! command -v dh >/dev/null; then
    echo "package.sh: dpkg-buildpackage and dh are missing: apt-get install dpkg-dev debhelper" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/sluice"
git archive HEAD | tar -x -C "$work/sluice"
cp -r packaging/debian "$work/sluice/debian"
# debhelper gives the build another home; the compiler's cache, where there is one, stays where it is.
export CCACHE_DIR="${CCACHE_DIR:-$HOME/.cache/ccache}" CCACHE_BASEDIR="$work" CCACHE_NOHASHDIR=1
(cd "$work/sluice" && dpkg-buildpackage -us -uc -b) >&2
if command -v lintian >/dev/null; then
    lintian --fail-on error,warning "$work"/sluice_*.changes >&2
else
    echo "package.sh: lintian is not installed: the package was not looked at" >&2
fi
cp "$work"/sluice_*.deb "$out"/
ls "$out"/sluice_*.deb
