#!/bin/sh
# check.sh - what a tool can judge: formatter, include order, banned calls, sizes, shellcheck.
#
#     scripts/check.sh          judge
#     scripts/check.sh --fix    format the sources in place first
set -eu
cd "$(dirname "$0")/.."

sources=$(git ls-files --cached --others --exclude-standard '*.c' '*.h' | grep -v '^build')
if [ "${1:-}" = --fix ]; then
    # shellcheck disable=SC2086 # a list of names
    clang-format -i $sources
fi

bad=0
# shellcheck disable=SC2086
clang-format --dry-run --Werror $sources || bad=1
python3 tests/support/check_tree.py || bad=1
git ls-files '*.sh' .ci/run | xargs shellcheck || bad=1
[ $bad -eq 0 ] || { echo "check.sh: see above; scripts/check.sh --fix mends the format" >&2; exit 1; }
echo "check.sh: tree is clean"
