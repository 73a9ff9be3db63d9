"""Runs a program and says what it took: processor time of all its threads by wait4, its largest resident memory, the time of
the clock. And what a table of results is."""
import json
import os
import platform
import signal
import statistics
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
COUNTED = "counted"  # of an output: as many messages, and nobody compared them


def cpu_now(pid):
    """Seconds until now, to a hundredth: only for telling whether it does anything."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_now(pid):
    """Largest resident memory until now, in MiB. (wait4's counts what Python had before exec, too.)"""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            for line in f:
                if line.startswith("VmHWM"):
                    return int(line.split()[1]) / 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


class Process:
    """A program under measurement. After end(): cpu, rss, wall."""

    live = set()

    def __init__(self, argv, out=subprocess.DEVNULL, env=None):
        self.argv, self.rss, self.at = argv, 0, time.monotonic()
        self.p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL,
                                  env={**os.environ, **(env or {})})
        self.pid = self.p.pid
        Process.live.add(self)

    def end(self, sig=None, timeout=600):
        """Waits for it, behind a signal where it does not end by itself."""
        if sig:
            self.rss = max(self.rss, rss_now(self.pid))
            os.kill(self.pid, sig)
        until = time.monotonic() + timeout
        while True:
            self.rss = max(self.rss, rss_now(self.pid))
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.005)
        Process.live.discard(self)
        self.wall = time.monotonic() - self.at
        self.p.returncode = os.waitstatus_to_exitcode(status)
        self.cpu = usage.ru_utime + usage.ru_stime
        return self

    def wait_idle(self, still=0.6, timeout=120):
        """Until it has used no processor time to speak of for so long; then it has done what it was given."""
        until, last, since = time.monotonic() + timeout, cpu_now(self.pid), time.monotonic()
        while time.monotonic() < until and time.monotonic() - since < still:
            time.sleep(0.05)
            now = cpu_now(self.pid)
            if now - last > 0.02:
                last, since = now, time.monotonic()

    def wait_notified(self, ear, timeout=20):
        """Until it says to the socket @ear, its NOTIFY_SOCKET, that it is ready: what its interfaces see is read from then on."""
        ear.settimeout(timeout)
        try:
            while b"READY=1" not in ear.recv(4096):
                pass
        except TimeoutError:
            return False
        self.ready = time.monotonic() - self.at
        return True

    def wait_port(self, port, udp, timeout=20):
        """Until it listens. It may be in another network namespace."""
        want = f":{port:04X} "
        return self.wait_for(f"/proc/{self.pid}/net/{'udp' if udp else 'tcp'}",
                             lambda f: any(want in line.split("rem_address")[0][:30] for line in f), timeout)

    def wait_for(self, path, found, timeout):
        """@found of the open file @path; self.ready: seconds until then."""
        until = time.monotonic() + timeout
        while time.monotonic() < until and self.p.poll() is None:
            try:
                with open(path, encoding="ascii") as f:
                    if found(f):
                        self.ready = time.monotonic() - self.at
                        return True
            except FileNotFoundError:
                return False
            time.sleep(0.005)
        return False


def end_all():
    """What still runs when something went wrong."""
    for p in list(Process.live):
        p.end(signal.SIGKILL)


def run(argv, out=subprocess.DEVNULL, env=None, ok=(0,)):
    p = Process(argv, out, env).end()
    if p.p.returncode not in ok:
        raise RuntimeError(f"{' '.join(argv)}: exit status {p.p.returncode}")
    return p


def version(*argv, line=0):
    p = subprocess.run(argv, capture_output=True, text=True)
    lines = (p.stdout + p.stderr).splitlines()
    return lines[line].strip() if len(lines) > line else "?"


def machine(root):
    model = "?"
    with open("/proc/cpuinfo", encoding="ascii") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
    with open("/proc/meminfo", encoding="ascii") as f:
        memory = round(int(f.readline().split()[1]) / 2**20)
    git = ["git", "-C", root]
    commit = version(*git, "rev-parse", "--short", "HEAD")
    if subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "dataplane", "parsers", "ctl"]).returncode:
        commit += " and changes"
    return {"machine": f"{model}, {os.cpu_count()} CPUs, {memory} GiB", "kernel": platform.release(), "commit": commit,
            "date": time.strftime("%Y-%m-%d"), "load": round(os.getloadavg()[0], 1)}


def same_output(rounds):
    """Of True (compared), False and COUNTED, one a round."""
    return False if False in rounds else True if True in rounds else COUNTED if rounds else None


class Table:
    """Rows of one comparison; a figure is a list, one number a round. @compared: what of an output the others' are compared with."""

    def __init__(self, case, question, compared="five fields of each message"):
        self.case, self.question, self.compared, self.rows, self.notes = case, question, compared, {}, []

    def add(self, program, **figures):
        row = self.rows.setdefault(program, {})
        for name, value in figures.items():
            row.setdefault(name, []).append(value)

    def lines(self):
        """A line of JSON for each program: median, minimum, maximum of each figure, and whether its output was the same (None: nothing
        was looked at)."""
        for program, row in self.rows.items():
            line = {"case": self.case, "program": program, "rounds": max(map(len, row.values())),
                    "same_output": same_output(row.get("same", []))}
            for name, values in row.items():
                if name != "same":
                    line[name] = [round(f(values), 4) for f in (statistics.median, min, max)]
            mine = next((n for n in ("loss_free", "events_per_cpu_s") if n in line), None)
            base = next((r[mine] for r in self.rows.values() if mine in r), None) if mine else None
            if base and row.get(mine) is not base:
                line["times"] = round(statistics.median(base) / statistics.median(row[mine]), 2)
            yield line

    def write(self, folder, about, head):
        """CASE.md and CASE.ndjson."""
        with open(os.path.join(folder, f"{self.case}.md"), "w", encoding="utf-8") as f:
            f.write(f"# {self.question}\n\n{head}" + self.markdown().split("\n", 2)[2])
        with open(os.path.join(folder, f"{self.case}.ndjson"), "w", encoding="utf-8") as f:
            for line in self.lines():
                f.write(json.dumps({**about, **line}) + "\n")

    def markdown(self):
        names, head = [], {"seconds": "seconds", "events_per_cpu_s": "events per CPU-second", "loss_free": "events/s without a loss",
                           "rss": "memory, MiB", "cpu": "CPU-seconds", "events_s": "events/s"}
        for row in self.rows.values():
            names += [n for n in row if n != "same" and n not in names]
        compared = f" ({self.compared})" if any(line["same_output"] is True for line in self.lines()) else ""
        out = [f"### {self.question}", "",
               "| program | " + " | ".join(head[n] for n in names) + f" | first line: times | same output{compared} |",
               "|---|" + "---|" * (len(names) + 2)]
        for line in self.lines():
            cells = [shown(line[n]) if n in line else "" for n in names]
            same = {True: "yes", False: "**no**", None: "", COUNTED: COUNTED}[line["same_output"]]
            out.append(f"| {line['program']} | " + " | ".join(cells) + f" | {line.get('times', '')} | {same} |")
        return "\n".join([*out, "", *(f"{n}\n" for n in self.notes)])


def shown(figure):
    def number(x):
        return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"
    median, low, high = figure
    return number(median) if low == high else f"{number(median)} ({number(low)}-{number(high)})"
