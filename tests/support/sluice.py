"""Runs the real binary and reads what it says; shared by the tests that drive it."""
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

SKIP = 77


def shared():
    """The folder of lab captures, or exit as skipped when this machine does not have it."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    path = os.environ.get("SL_SHARED") or os.path.join(root, "..", "shared")
    if not os.path.isdir(os.path.join(path, "data")):
        print(f"skipped: no captures at {path} (SL_SHARED)")
        sys.exit(SKIP)
    return os.path.join(path, "data")


class Run:
    """One replay: records, exit status, ledger, standard error."""

    def __init__(self, status, out, err, ledger):
        self.status, self.out, self.err, self.ledger = status, out, err, ledger

    @property
    def records(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def row(self, stage, scope="", unit=None):
        for r in self.ledger["rows"]:
            if r["stage"] == stage and r["scope"] == scope and unit in (None, r["unit"]):
                return r
        return None

    def why(self, stage, scope, name):
        """The reasons of one cell: text to (bytes, times)."""
        return {w["why"]: (w["bytes"], w["times"])
                for w in (self.row(stage, scope) or {}).get("reasons", []) if w["name"] == name}

    def count(self, stage, scope, name, unit=None):
        r = self.row(stage, scope, unit) or {}
        for kind in ("in", "out", "loss", "policy", "merged", "in_flight", "held", "info", "missed"):
            if name in r.get(kind, {}):
                return r[kind][name]
        return 0


def replay(binary, files, *args, stdin=None, timeout=300):
    with tempfile.NamedTemporaryFile(suffix=".json") as f:
        cmd = [binary, "replay", "--quiet", "--ledger", f.name, *args,
               *([files] if isinstance(files, str) else files)]
        p = subprocess.run(cmd, capture_output=True, input=stdin, timeout=timeout)
        text = f.read()
    ledger = json.loads(text) if text else None
    return Run(p.returncode, p.stdout, p.stderr.decode(errors="replace"), ledger)


class Checks:
    """Counts what held and what did not; one line for each fault."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, ok, what):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            print("FAIL", what)
        return ok

    def equal(self, got, want, what):
        return self.check(got == want, f"{what}: got {got!r:.300}, expected {want!r:.300}")

    def healthy(self, run, what):
        """Whatever the input: an orderly end and a ledger that balances."""
        self.check(run.status in (0, 1), f"{what}: exit status {run.status}: {run.err[-500:]}")
        if self.check(run.ledger is not None, f"{what}: no ledger"):
            off = [r for r in run.ledger["rows"] if r["imbalance"]]
            self.check(not off and run.ledger["balanced"], f"{what}: ledger does not balance: {off}")
            for r in run.ledger["rows"]:
                sums = {}
                for why in r.get("reasons", []):
                    if why["name"] in r["missed"]:
                        continue  # what a driver calls its losses: not all of them, and some twice
                    sums[why["name"]] = sums.get(why["name"], 0) + why["bytes"]
                cells = {n: c for kind in ("loss", "policy") for n, c in r[kind].items() if n in sums}
                self.check(sums == cells, f"{what}: reasons do not add up: {r['scope']}: {sums} {cells}")
            held = [r for r in run.ledger["rows"] if any([*r["in_flight"].values(), *r["held"].values()])]
            self.check(not held, f"{what}: something is still held at the end: {held}")

    def meddled(self, run, meddle, after, what):
        """What run() returns; meddle() is called beside it, so many seconds behind its start."""
        failed = []

        def late():
            time.sleep(after)
            try:
                meddle()
            except Exception as e:  # noqa: BLE001 - told below, the run has to end first
                failed.append(e)
        thread = threading.Thread(target=late)
        thread.start()
        result = run()
        thread.join()
        self.check(not failed, f"{what}: {failed}")
        return result

    def done(self):
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed or not self.passed else 0)
