#!/usr/bin/env python3
"""perf/api_answers.py SLUICED [QUEUES] [SECONDS] - how long `status` takes while others ask for all there is.

A `sluiced run` with so many queues (10,000), each with its own series in /metrics, whose workers read a port that always has packets: as many workers as
processors, so that all of them are busy. Two scrapers take /metrics once a second, one client the ledger without a
pause, and one asks for `status` twenty times a second. Prints the times of each, and the processor time of sluiced's
threads but the workers.
"""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PORT_FIRST = 10000


def config(folder, n, workers):
    yield f'capture: {{ ports: [{{ device: "net_null0,size=64", queues: {workers} }}] }}\n'
    yield f"api: {{ socket: {folder}/control.sock, metrics_scopes: 100000 }}\nsources:\n"
    yield from (f"  s{i}: {{ match: {{ udp: {PORT_FIRST + i} }}, parser: syslog }}\n" for i in range(n))
    yield 'sinks: { out: { "null": {} } }\nqueues:\n'
    yield from (f"  bench/q{i}: {{ from: s{i}, sink: out }}\n" for i in range(n))


def ask(path, what):
    """Bytes of the answer, and the seconds until it was there."""
    begin, n, status = time.monotonic(), 0, b""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(f"GET {what} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        while piece := s.recv(1 << 20):
            status = status or piece[:12]
            n += len(piece)
    if status != b"HTTP/1.1 200":
        raise RuntimeError(f"{what}: {status}")
    return n, time.monotonic() - begin


class Asker(threading.Thread):
    """Asks for @what again @pause seconds after the last time it began (0: at once), until @end."""

    def __init__(self, path, what, pause, end):
        super().__init__()
        self.path, self.what, self.pause, self.until = path, what, pause, end
        self.times, self.bytes = [], 0

    def run(self):
        while (begin := time.monotonic()) < self.until:
            n, took = ask(self.path, self.what)
            self.times.append(took)
            self.bytes = n
            time.sleep(max(0.0, begin + self.pause - time.monotonic()))

    def row(self):
        t = sorted(self.times)
        return (f"{self.what}\t{len(t)}\t{self.bytes}\t{t[len(t) // 2] * 1e3:.1f}\t{t[len(t) * 99 // 100] * 1e3:.1f}"
                f"\t{t[-1] * 1e3:.1f}")


def cpu_s(pid):
    """Of all threads that are not workers."""
    ticks = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat", encoding="utf-8") as f:
            name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
        if not name.startswith("rte-worker"):
            ticks += sum(map(int, rest.split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def main():
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 20
    with tempfile.TemporaryDirectory() as folder:
        conf, sock = folder + "/api.yaml", folder + "/control.sock"
        with open(conf, "w", encoding="utf-8") as f:
            f.writelines(config(folder, n, os.cpu_count()))
        with subprocess.Popen([sys.argv[1], "run", "-c", conf], stderr=subprocess.DEVNULL) as p:
            while not os.path.exists(sock) and p.poll() is None:
                time.sleep(0.1)
            time.sleep(2)
            end, before = time.monotonic() + seconds, cpu_s(p.pid)
            askers = [Asker(sock, what, pause, end) for what, pause in
                      (("/metrics", 1), ("/metrics", 1), ("/v1/ledger", 0), ("/v1/status", 0.05))]
            for a in askers:
                a.start()
            for a in askers:
                a.join()
            print("what\ttimes\tbytes\tmedian_ms\tp99_ms\tmax_ms")
            for a in askers:
                print(a.row())
            print(f"# {n} queues, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors; sluiced beside its workers: "
                  f"{(cpu_s(p.pid) - before) / seconds:.2f} s a second")
            p.send_signal(signal.SIGTERM)
            p.wait(60)
    return 0


if __name__ == "__main__":
    sys.exit(main())
