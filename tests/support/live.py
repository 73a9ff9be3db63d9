"""`sluiced run` beside something that sends: started, waited for until it reads, ended, and what it had to say."""
import json
import os
import signal
import subprocess
import tempfile
import time

from sluice import Run


class Live:
    """A running sluiced. @before: words in front of it (ip netns exec NAME, setpriv ...); its output and what it says
    lie in @folder, and are read by anybody at any time."""

    def __init__(self, binary, folder, config, before=(), env=None, ledger=True):
        self.folder = tempfile.mkdtemp(dir=folder)
        os.chmod(self.folder, 0o755)
        self.conf, self.ledger = (os.path.join(self.folder, n) for n in ("live.yaml", "ledger.json"))
        self.paths = [os.path.join(self.folder, n) for n in ("out", "err")]
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(config)
        args = [binary, "run", "-c", self.conf, *(["--ledger", self.ledger] if ledger else [])]
        # Its files are open for it alone: who reads has another offset, and moves no byte that it writes.
        with open(self.paths[0], "ab") as out, open(self.paths[1], "ab") as err:
            self.p = subprocess.Popen([*before, *args], stdout=out, stderr=err, env=env)

    def text(self, i=1):
        with open(self.paths[i], "rb") as f:
            return f.read()

    def says(self, words, timeout=20):
        """Once it has said it; False when it ended before."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if words.encode() in self.text():
                return True
            if self.p.poll() is not None:
                return False
            time.sleep(0.02)
        return False

    def started(self, device, settle=0.3):
        """It reads @device."""
        ok = self.says(f"sluiced: port {device}: driver ")
        time.sleep(settle if ok else 0)
        return ok

    def records(self, n, timeout=10):
        """Until so many have come out, or for so long; how many have."""
        end = time.monotonic() + timeout
        while (lines := self.text(0).count(b"\n")) < n and time.monotonic() < end:
            time.sleep(0.02)
        return lines

    def end(self, sig=signal.SIGTERM, timeout=60):
        if sig and self.p.poll() is None:
            self.p.send_signal(sig)
        try:
            status = self.p.wait(timeout)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            status = "it did not end"
        ledger = None
        if os.path.exists(self.ledger):
            with open(self.ledger, encoding="utf-8") as f:
                ledger = json.loads(f.read() or "null")
        return Run(status, self.text(0), self.text().decode(errors="replace"), ledger)
