#!/usr/bin/env python3
"""conf/examples/video with its real servers: what its README promises, record by record.

    test_video_example.py SLUICED [--write]

--write makes golden.ndjson anew from what comes out.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = os.path.join(ROOT, "conf", "examples", "video")
sys.path[:0] = [os.path.join(ROOT, "tests", "support"), EXAMPLE]
import make  # noqa: E402
from sluice import SKIP, Checks, replay  # noqa: E402
from wire import end, possible  # noqa: E402

PARTNERS = ("HSET", "partner:cn", "name", "East Media")


def unfit():
    """None, or why this machine cannot run it."""
    lacking = list(make.missing() or [])
    if not shutil.which("redis-server"):
        lacking.append("redis-server")
    return f"not installed: {' '.join(lacking)}" if lacking else possible()


def redis(folder):
    sock = os.path.join(folder, "redis.sock")
    p = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", sock, "--dir", folder, "--save", ""],
                         stdout=subprocess.DEVNULL)
    for _ in range(100):
        ask = subprocess.run(["redis-cli", "-s", sock, *PARTNERS], capture_output=True, text=True, check=False)
        if ask.stdout.strip() in ("0", "1"):
            return p, sock
    raise RuntimeError(f"redis: {ask.stdout}{ask.stderr}")


def steady(record):
    """What does not change from one capture to the next."""
    if "op" in record:
        return {k: record[k] for k in ("before", "after", "op")} | {"table": record["source"]["table"]}
    return {k: v for k, v in record.items() if not k.startswith("_")}


def main():
    why = unfit()
    if why:
        print(f"skipped: {why}")
        sys.exit(1 if os.environ.get("CI") == "true" else SKIP)
    binary, checks = os.path.abspath(sys.argv[1]), Checks()
    golden = os.path.join(EXAMPLE, "golden.ndjson")
    with tempfile.TemporaryDirectory() as folder:
        pcap = make.make(folder)
        server, sock = redis(folder)
        try:
            with open(os.path.join(EXAMPLE, "video.yaml"), encoding="utf-8") as f:
                text = f.read().replace("redis://127.0.0.1:6399/0", "unix://" + sock)
            path = os.path.join(folder, "video.yaml")
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            first = replay(binary, pcap, "-c", path)
            again = replay(binary, pcap, "-c", path)
        finally:
            end(server)
    checks.healthy(first, "video")
    checks.equal(first.status, 0, "exit status")
    checks.equal(again.out, first.out, "a second replay gives the same bytes")
    lines = [json.dumps(steady(r), ensure_ascii=False) for r in first.records]
    if sys.argv[2:] == ["--write"]:
        with open(golden, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
    with open(golden, encoding="utf-8") as f:
        checks.equal(sorted(lines), sorted(f.read().splitlines()), "the records are those of golden.ndjson")
    checks.equal(first.count("enrich", "who", "late_hits"), 1, "one play waited for its user")
    checks.equal(first.count("filter", "play", "filtered"), 1, "one play had no user")
    checks.done()


main()
