"""The commands that the documents show, for the tests that run them.

A command is an indented line of a document that begins with a program of the list below. Words behind three
spaces and a comment are no part of it; `# exit N` says how it ends. A line with a placeholder (FILE, PCAP) is a
synopsis. Each command has one test that runs it, or a reason why none can.
"""
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = ("sluiced", "sluicectl", "tc", "ip", "ethtool", "tcpdump", "curl", "systemctl", "apt-get", "dpkg", "usermod",
            "echo", "meson", "ninja", "redis-server", "redis-cli", "kcat", "protoc", "gdb", "nginx", "mysqldump")
FOLDERS = ("build/", "./scripts/", "scripts/", "perf/", "tests/", "/usr/share/sluice/")
PACKAGE = "tests/services/test_package.py"  # in a Debian of its own
# Sandbox: files and the two programs, no root. Live: a namespace of its own with a running sluiced.
ELSEWHERE = (
    (r"(\./)?scripts/(setup|test|quickstart|check)\.sh", "it runs this test, or is run before it"),
    (r"systemctl |usermod |dpkg |apt-get install -y \./build/", PACKAGE),
    (r"(\./)?scripts/package\.sh", "tests/services/test_package.py builds with it"),
    (r"apt-get ", "it changes what this host has installed"),
    (r"meson |ninja |build/perf/|perf/|scripts/generate\.sh", "what it makes is made before the tests; benchmarks are no tests"),
    (r"tests/", "the suite runs it with arguments of its own"),
    (r"sluiced replay .*kept/", "tests/golden/test_archive.py"),
    (r"sluiced schema ", "tests/golden/test_protobuf.py"),
)


def documents():
    folders = [ROOT, os.path.join(ROOT, "docs")]
    return sorted(os.path.join(d, f) for d in folders for f in os.listdir(d) if f.endswith(".md"))


def is_command(line):
    word = line.split(" ")[0]
    return word in PROGRAMS or word.startswith(FOLDERS)


def commands():
    """(document, line number, command, status) of each."""
    for path in documents():
        fenced = False
        for number, text in enumerate(open(path, encoding="utf-8"), 1):
            fenced ^= text.startswith("```")
            m = re.match(r"(?: {4,}|\t)(?:sudo )?(\S.*)", text)
            if fenced or not m or not (is_command(m[1]) or re.match(r"[a-z]+ .*\| *build/sluice", m[1])):
                continue
            status = re.search(r"# exit (\d+)", m[1])
            command = re.split(r"\s{2,}#|\s+# |\s{3,}(?=[a-z])", m[1].strip())[0]
            if not re.search(r"\b[A-Z]{4,}\b", command.replace("ExecStartPre", "")):
                yield os.path.relpath(path, ROOT), number, command, int(status[1]) if status else 0


def elsewhere(command):
    """Which test runs it, or why none does; None: the sandbox or the live one does."""
    for pattern, where in ELSEWHERE:
        if re.match(pattern, command):
            return where
    return None


def in_sandbox(command):
    return elsewhere(command) is None and re.search(r"(^|\| *)build/sluice(d|ctl) ", command) is not None


def live(command):
    return elsewhere(command) is None and not in_sandbox(command)
