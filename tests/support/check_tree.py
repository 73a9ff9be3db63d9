#!/usr/bin/env python3
"""Judges the tree: include order by layer, DPDK at the edges only, banned calls, sizes, contracts.

The rules are those of CONTRIBUTING.md. Prints one line for each fault and exits with 1.
"""
import os
import re
import subprocess
import sys

LAYERS = ["base", "rec", "capture", "flow", "frame", "match", "extract", "sink"]
DPDK_FILES = {
    "dataplane/capture/port.c", "dataplane/capture/rx.c", "dataplane/sink/handoff.c",
    "ctl/crew.c", "ctl/eal.c",
}
BANNED = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|strtok|atoi|strtol|alloca|rand|exit)\s*\(")
PRINTF = re.compile(r"(?<![\w.>])printf\s*\(")
ALLOC = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|free)\s*\(")
LINES_MAX, COLUMNS_MAX = 800, 100
FILE_BYTES_MAX = 512 << 10
CONTRACT = ("In:", "Out:", "Owns:", "Runs:", "Limits:")


def strip(text):
    """Source without comments and string contents, line numbers kept."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    text = re.sub(r'"(\\.|[^"\\\n])*"', '""', text)
    text = re.sub(r"'(\\.|[^'\\\n])'", "' '", text)
    return re.sub(r"/\*.*?\*/|//[^\n]*", blank, text, flags=re.S)


def layer_of(path):
    m = re.match(r"dataplane/(\w+)/", path)
    return LAYERS.index(m.group(1)) if m and m.group(1) in LAYERS else None


def include_fault(path, target):
    mine, theirs = layer_of(path), layer_of(target)
    if path.startswith("parsers/"):
        if target == "frame/parser.h" or target == "dataplane/frame/parser.h":
            return None
        if target.startswith("parsers/") or (theirs is not None and theirs <= LAYERS.index("rec")):
            return None
        return "parsers include base/, rec/, frame/parser.h and their own headers only"
    if mine is not None:
        if theirs is not None and theirs > mine:
            return f"{LAYERS[mine]}/ knows nothing of {LAYERS[theirs]}/"
        if target.startswith(("ctl/", "parsers/", "dataplane/worker")):
            return "a stage knows nothing of ctl/, parsers/ and worker"
    return None


def check_source(path, faults):
    with open(path, encoding="utf-8") as f:
        raw = f.read()
    code = strip(raw)
    product = path.startswith(("dataplane/", "parsers/", "ctl/"))
    for no, line in enumerate(raw.split("\n"), 1):
        if len(line.expandtabs(8)) > COLUMNS_MAX and path.endswith((".c", ".h")):
            faults.append(f"{path}:{no}: {len(line.expandtabs(8))} columns, {COLUMNS_MAX} allowed")
        m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if m and product:
            why = include_fault(path, m.group(1))
            if why:
                faults.append(f"{path}:{no}: includes {m.group(1)}: {why}")
        if re.match(r"\s*#\s*include\s+<rte_", line) and product and path not in DPDK_FILES:
            faults.append(f"{path}:{no}: DPDK header outside of the edge files")
    if raw.count("\n") > LINES_MAX and product:
        faults.append(f"{path}: {raw.count(chr(10))} lines, {LINES_MAX} allowed")
    if not product:
        return
    for no, line in enumerate(code.split("\n"), 1):
        m = BANNED.search(line)
        if m:
            faults.append(f"{path}:{no}: {m.group(1)} is banned")
        if PRINTF.search(line) and not path.startswith("ctl/"):
            faults.append(f"{path}:{no}: printf outside of ctl/")
        m = ALLOC.search(line)
        if m and not path.startswith(("ctl/", "dataplane/base/")):
            faults.append(f"{path}:{no}: {m.group(1)} outside of base/ and ctl/")
    if path.endswith(".h"):
        head = raw[:raw.find("*/")]
        missing = [w for w in CONTRACT if f"\n * {w}" not in head]
        if missing:
            faults.append(f"{path}:1: the contract lacks {' '.join(missing)}")


def main():
    os.chdir(os.path.join(os.path.dirname(__file__), "..", ".."))
    names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                           check=True, capture_output=True, text=True).stdout.split("\n")
    faults = []
    for path in sorted(set(filter(None, names))):
        if os.path.isfile(path) and os.path.getsize(path) > FILE_BYTES_MAX:
            faults.append(f"{path}: {os.path.getsize(path)} bytes, {FILE_BYTES_MAX} allowed")
        if path.endswith((".c", ".h", ".cc")) and os.path.exists(path):
            check_source(path, faults)
    for x in faults:
        print(x)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
