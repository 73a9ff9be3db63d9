"""The examples of docs/expressions.md, and expr_run, which runs expressions over rows."""
import os
import re
import subprocess

DOC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "expressions.md")


def escape(v):
    if v is None:
        return "\\N"
    return v.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def unescape(v):
    if v == "\\N":
        return None
    return re.sub(r"\\(.)", lambda m: {"t": "\t", "n": "\n", "r": "\r"}.get(m.group(1), m.group(1)), v)


def ask_sluice(binary, zone, columns, table, expressions, group):
    lines = ["Z\t" + zone, "\t".join(["C"] + [x for c in columns for x in c])]
    lines += ["\t".join(["R"] + [escape(v) for v in row]) for row in table]
    lines += ["E\t" + escape(e) for e in expressions]
    r = subprocess.run([binary, str(group)], input="\n".join(lines) + "\n", capture_output=True, text=True,
                       check=False, timeout=240)
    if r.returncode:
        raise RuntimeError(f"expr_run: {r.returncode}: {r.stderr[-3000:]}")
    out = []
    for line in r.stdout.rstrip("\n").split("\n"):
        kind, _, rest = line.partition("\t")
        if kind == "X":
            out.append(("!" + rest, None))
        elif kind == "T":
            out.append((rest, []))
        elif kind == "!":
            out[-1][1].append("!" + rest)
        else:
            out[-1][1].append(unescape(rest))
    return out


def documented():
    """(heading, expression, result) of each example in the tables of the document."""
    heading, out = "", []
    with open(DOC, encoding="utf-8") as f:
        for line in f:
            if line.startswith("#"):
                heading = line.strip("# \n")
            cells = re.split(r"(?<!\\)\|", line.strip())
            if len(cells) < 4 or not cells[-3].strip().startswith("`"):
                continue
            cells = [c.strip().replace("\\|", "|") for c in cells]
            out.append((heading, cells[-3].strip("`"), cells[-2].strip("`")))
    return out


def example_row():
    """The columns and the row that the examples are over, from the document's first table."""
    columns, row = [], []
    with open(DOC, encoding="utf-8") as f:
        for line in f:
            m = re.match(r"\| `(\w+)` \| (\w+) \| `?([^`]*)`? \|$", line)
            if m:
                columns.append((m.group(1), m.group(2)))
                row.append(None if m.group(3) == "NULL" else m.group(3))
            elif columns:
                return columns, row
    raise RuntimeError("no columns in the document")
