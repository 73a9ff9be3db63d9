#!/usr/bin/env python3
"""sluicectl completes itself in a real bash and a real zsh."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from sluice import SKIP, Checks  # noqa: E402

BASH = """
eval "$(sluicectl completion bash)"
COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_sluicectl
printf '%%s\\n' "${COMPREPLY[@]}"
"""
# What zsh would draw is printed instead.
ZSH = """
autoload -Uz compinit && compinit -u -D
eval "$(sluicectl completion zsh)"
_describe() { print -l -- "${(@P)4}" }
_files() { print files }
words=(%s); CURRENT=${#words}
_sluicectl
"""


def main():
    checks = Checks()
    env = dict(os.environ, PATH=f"{os.path.dirname(os.path.abspath(sys.argv[1]))}:{os.environ['PATH']}")
    if not shutil.which("zsh"):
        print("skipped: no zsh (package zsh)")
        sys.exit(SKIP)

    def lines(shell, script, words):
        p = subprocess.run([*shell, "-c", script % words], capture_output=True, text=True, env=env, check=False)
        checks.equal(p.stderr, "", f"{shell[0]} {words}: no complaint")
        return p.stdout.split("\n")[:-1]

    bash, zsh = ["bash", "--norc"], ["zsh", "-f"]
    checks.equal(lines(bash, BASH, "sluicectl queu"), ["queues", "queue"], "bash: the first word")
    checks.equal(lines(bash, BASH, "sluicectl queue ''"), ["pause", "resume", "switch"], "bash: the second")
    checks.equal(lines(bash, BASH, "sluicectl --json spool f"), ["fsck"], "bash: behind an option")
    checks.equal(lines(bash, BASH, "sluicectl ledger x"), [""], "bash: nothing, so that the shell offers files")
    got = lines(zsh, ZSH, "sluicectl reload ''")
    checks.equal(got[:1], ["status:how the last reload ended"], "zsh: words with what they are")
    checks.equal(lines(zsh, ZSH, "sluicectl ledger x"), ["files"], "zsh: files")
    autoloaded = """d=$(mktemp -d); sluicectl completion zsh >$d/_sluicectl; fpath=($d $fpath); autoload -Uz _sluicectl
_describe() { print -l -- "${(@P)4}" }
words=(%s); CURRENT=${#words}; _sluicectl; rm -r $d"""
    checks.equal(lines(zsh, autoloaded, "sluicectl reload ''")[:1], got[:1], "zsh: the same from a file, the first time")
    checks.done()


if __name__ == "__main__":
    main()
