"""A `sluiced run` that serves a socket, and sluicectl beside it."""
import json
import os
import signal
import subprocess
import time


class Served:
    """What it says goes to a file in @folder, and so does its ledger; its configuration names @folder/control.sock."""

    def __init__(self, binary, folder):
        self.binary, self.folder, self.p = binary, folder, None
        self.ctl = os.path.join(os.path.dirname(binary), "sluicectl")
        self.sock, self.ledger = folder + "/control.sock", folder + "/ledger.json"

    def begin(self, config, before=(), settle=0.7):
        """@before: words in front of it (ip netns exec NAME, setpriv ...). Waits until it can be asked, or has ended."""
        self.log = open(self.folder + "/log", "w+", encoding="utf-8")
        self.p = subprocess.Popen([*before, self.binary, "run", "-c", config, "--ledger", self.ledger],
                                  stderr=self.log, stdout=self.log)
        for _ in range(400):
            if os.path.exists(self.sock) or self.p.poll() is not None:
                break
            time.sleep(0.05)
        time.sleep(settle)

    def rss_kib(self):
        with open(f"/proc/{self.p.pid}/status", encoding="utf-8") as f:
            return int(next(line for line in f if line.startswith("VmRSS")).split()[1])

    def sluicectl(self, *args, js=True, timeout=60, user=None):
        return subprocess.run([self.ctl, *(["--json"] if js else []), "--socket", self.sock, *args],
                              capture_output=True, text=True, timeout=timeout, user=user, check=False)

    def json(self, *args):
        p = self.sluicectl(*args)
        return json.loads(p.stdout) if p.stdout else {"error": p.stderr}

    def finish(self, hard=False):
        """Status, what it said, and its ledger (None: it came to none). @hard: without waiting for a sink that is away."""
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGTERM)
        if hard:
            time.sleep(0.5)
            if self.p.poll() is None:
                self.p.send_signal(signal.SIGTERM)
        status = self.p.wait(timeout=60)
        self.log.seek(0)
        ledger = None
        if os.path.exists(self.ledger):
            with open(self.ledger, encoding="utf-8") as f:
                ledger = json.loads(f.read() or "null")
        return status, self.log.read(), ledger
