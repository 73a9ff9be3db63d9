#!/usr/bin/env python3
"""Compare sluice's reading of binary logs with other readers', event by event and value by value.

    binlog_oracle.py BINLOG_DUMP SHARED_DIR

Two sets of files. binlog-files/*: logs of MySQL 5.0 to 9.6 and MariaDB 5.3 to 10.11, with the rows of
a second reader (mysql-binlog-connector-java) and what the suite of rust_mysql_common states. And the
server's logs of the lab captures, oracle/binlog/*: with the rows as their writer knows them. Where
we differ on purpose, EXCEPTIONS says why. Exit 77 (skipped) without the files, unless CI is set.
"""
import base64
import collections
import datetime
import glob
import gzip
import ipaddress
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import uuid

ZERO_DATE = -9223372036854775808

# (file, what differs, why)
EXCEPTIONS = [
    ("rmc-time_issue.000001", "c1", "the reader takes a negative TIME for a positive one"),
    ("rmc-json-opaque.binlog at 736", "a", "BIT in JSON: the reader leaves out base64:type15:"),
    ("rmc-json-opaque.binlog at 963", "a", "DATETIME in JSON: the reader leaves out the fraction"),
    ("mdb-mdev-39404-binlog.000001", "checksum", "the file is damaged on purpose"),
    ("t_flt", "d2 (double(15,4)", "the writer rounds as the column is declared, the log does not"),
]

TYPES = {1: "tiny", 2: "short", 3: "long", 4: "float", 5: "double", 7: "timestamp", 8: "longlong",
         9: "int24", 10: "date", 11: "time", 12: "datetime", 13: "year", 15: "varchar", 16: "bit",
         17: "timestamp2", 18: "datetime2", 19: "time2", 245: "json", 246: "newdecimal",
         247: "enum", 248: "set", 252: "blob", 253: "var_string", 254: "string", 255: "geometry"}
INTEGERS = {1: 8, 2: 16, 9: 24, 3: 32, 8: 64}

EPOCH = datetime.datetime(1970, 1, 1)


def dump(tool, path):
    data = gzip.open(path).read() if path.endswith(".gz") else open(path, "rb").read()
    with tempfile.NamedTemporaryFile(suffix=".binlog") as f:
        f.write(data)
        f.flush()
        r = subprocess.run([tool, f.name], stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in r.stdout.decode("utf-8", "replace").splitlines()]


def read_lines(path):
    if not os.path.exists(path):
        path += ".gz"
    opened = gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else \
        open(path, encoding="utf-8")
    with opened as f:
        return [json.loads(line) for line in f]


def micros(text, kind):
    """Our text of a temporal value as the reader's microseconds."""
    text = text.rstrip("Z")
    if text.startswith("0000-00-00"):
        return ZERO_DATE
    if kind in ("time", "time2"):
        sign = -1 if text.startswith("-") else 1
        h, m, s = text.lstrip("-").split(":")
        sec, _, frac = s.partition(".")
        return sign * ((int(h) * 3600 + int(m) * 60 + int(sec)) * 1000000 +
                       int((frac + "000000")[:6]))
    date, _, clock = text.partition(" ")
    y, mo, d = (int(x) for x in date.split("-"))
    if mo == 0 or d == 0 or y == 0:
        return None
    sec, _, frac = clock.partition(".")
    h, m, s = (int(x) for x in sec.split(":")) if sec else (0, 0, 0)
    t = datetime.datetime(y, mo, d, h, m, s) - EPOCH
    return (t.days * 86400 + t.seconds) * 1000000 + int((frac + "000000")[:6])


def raw_of(value):
    """The reader's text or {"hex"} as bytes."""
    if isinstance(value, dict) and "hex" in value:
        return bytes.fromhex(value["hex"])
    return value.encode() if isinstance(value, str) else None


CODECS = {"utf8mb4": "utf-8", "latin1": "cp1252", "ascii": "ascii", "gbk": "gbk", "sjis": "shift_jis",
          "utf16": "utf-16-be", "ucs2": "utf-16-be", "koi8r": "koi8-r", "utf32": "utf-32-be",
          "cp1251": "cp1251", "big5": "big5", "ujis": "euc_jp", "euckr": "cp949"}


def same_text(col, ours, theirs):
    raw = raw_of(theirs)
    if raw is None:
        return False
    if col["cs"] == "binary":
        got = base64.b64decode(ours)
        return got == raw or (got.startswith(raw) and not got[len(raw):].strip(b"\0"))
    if col["cs"] == "unknown":
        if ours.encode() == raw:
            return True
        try:
            return base64.b64decode(ours, validate=True) == raw
        except ValueError:
            return False
    if ours.encode() == raw and col["cs"] == "utf8mb4":
        return True
    codec = CODECS.get(col["cs"])
    return codec is not None and raw.decode(codec, "replace") == ours


def label_number(col, ours):
    """ENUM and SET as the reader's number."""
    if isinstance(ours, int):
        return ours
    if col["type"] == 247:
        return col["names"].index(ours) + 1 if ours else 0
    return sum(1 << col["names"].index(x) for x in ours.split(",")) if ours else 0


def same(col, ours, theirs):
    kind = TYPES.get(col["type"], "?")
    if theirs is None or ours is None:
        return ours is theirs
    if kind in ("tiny", "short", "int24", "long", "longlong"):
        return (ours - theirs) % (1 << INTEGERS[col["type"]]) == 0 and \
            (ours >= 0 or not col["unsigned"])
    if kind in ("float",):
        return struct.pack("f", ours) == struct.pack("f", theirs)
    if kind == "double":
        return ours == theirs
    if kind == "newdecimal":
        a, b = ours, str(theirs)
        return a == b or (float(a) == float(b) and len(b) < len(a))
    if kind == "year":
        return ours == theirs or (ours == 0 and theirs in (0, 1900))
    if kind == "bit":
        return ours == int(theirs["bit"])
    if kind in ("date", "datetime", "datetime2", "time", "time2", "timestamp", "timestamp2"):
        got = micros(ours, kind)
        return got is None or got == theirs
    if kind in ("enum", "set"):
        return label_number(col, ours) == theirs
    if kind == "json":
        return ours == json.loads(theirs["json"], parse_float=float)
    if kind == "geometry":
        return struct.pack("<I", ours["srid"]) + base64.b64decode(ours["wkb"]) == raw_of(theirs)
    return same_text(col, ours, theirs)


class Sums:
    """What was compared, and what differed."""

    def __init__(self):
        self.n = collections.Counter()
        self.bad = []

    def differ(self, where, what, ours, theirs):
        if any(file in where and str(what).startswith(w) for file, w, _ in EXCEPTIONS):
            self.n["excepted"] += 1
            return
        self.bad.append(f"{where}: {what}: we say {ours!r:.300}, the oracle {theirs!r:.300}")


def label_lists(event, columns):
    """The reader prints "[[a, b], [c]]": no label of these files has a comma."""
    for kind, field in ((247, "enum_values"), (248, "set_values")):
        text = event.get(field)
        lists = [x.split(", ") for x in text[2:-2].split("], [")] if text else []
        for col in columns:
            if col["type"] == kind:
                col["names"] = lists.pop(0) if lists else []


def reader_rows(event):
    op = event["event"]
    for r in event["rows"]:
        if isinstance(r, dict):
            yield r["before"], r["after"]
        elif "DELETE" in op:
            yield r, None
        else:
            yield None, r


def compare_image(where, columns, ours, theirs, sums):
    if (ours is None) != (theirs is None):
        sums.differ(where, "image", ours, theirs)
        return
    if ours is None:
        return
    for col, value in zip(columns, theirs):
        name = col["name"]
        if isinstance(value, dict) and "absent" in value:
            if name in ours:
                sums.differ(where, name, ours[name], "absent")
        elif name not in ours:
            sums.differ(where, name, "absent", value)
        elif not same(col, ours[name], value):
            sums.differ(where, name, ours[name], value)
        sums.n["values"] += 1


def compare_rows(where, columns, ours, theirs, sums):
    expected = list(reader_rows(theirs))
    if len(ours["rows"]) != len(expected):
        sums.differ(where, "rows", len(ours["rows"]), len(expected))
        return
    for got, (before, after) in zip(ours["rows"], expected):
        sums.n["rows"] += 1
        compare_image(where, columns, got["before"], before, sums)
        compare_image(where, columns, got["after"], after, sums)


def compare_head(where, ours, theirs, sums):
    for a, b in (("ts", "ts"), ("server_id", "server_id"), ("size", "len"), ("flags", "flags"),
                 ("next_pos", "next_pos")):
        if ours[a] != theirs[b]:
            sums.differ(where, a, ours[a], theirs[b])
    if ours.get("sum") is False:
        sums.differ(where, "checksum", False, True)


def compare_file(tool, path, shared, sums):
    """One log against the second reader, which may end early: then we must not."""
    name = os.path.basename(path)
    ours = dump(tool, path)
    theirs = read_lines(f"{shared}/data/oracle/binlog-files/{name}.rows.jsonl")
    error = [t for t in theirs if "reader_error" in t]
    theirs = [t for t in theirs if "event" in t]
    ours_events = [o for o in ours if "event" in o]
    columns = {}
    for o, t in zip(ours_events, theirs):
        where = f"{name} at {o['pos']}"
        sums.n["events"] += 1
        compare_head(where, o, t, sums)
        if o.get("columns"):
            columns[t["table_id"]] = o["columns"]
            label_lists(t, o["columns"])
        if t.get("rows"):
            compare_rows(where, columns[t["table_id"]], o, t, sums)
    if len(ours_events) < len(theirs) or (len(ours_events) > len(theirs) and not error):
        sums.differ(name, "events", len(ours_events), len(theirs))
    return ours_events


def maria_rows(path):
    """Rows as mariadb-binlog prints them: { event position: [(side, {number: text})...] }."""
    found, pos, side = collections.defaultdict(list), 0, None
    for line in open(path, encoding="utf-8", errors="surrogateescape"):
        m = re.match(r"# at (\d+)$", line)
        if m:
            pos = int(m.group(1))
        m = re.match(r"### (INSERT INTO|UPDATE|DELETE FROM|SET|WHERE)\b", line)
        if m:
            side = {"SET": "after", "WHERE": "before"}.get(m.group(1))
            if side:
                found[pos].append((side, {}))
        m = re.match(r"###   @(\d+)=(.*) /\* ", line)
        if m:
            found[pos][-1][1][int(m.group(1))] = m.group(2)
    return found


def maria_same(ours, text):
    if text == "NULL":
        return ours is None
    if text.startswith("'"):
        return ours == text[1:-1].removeprefix("\\x00")  # it shows the byte "stored as it is"
    return str(ours) == text.split(" ")[0]


def compare_maria(ours_events, path, sums):
    """Compressed events and columns, which the second reader cannot read: integers and text only."""
    expected = maria_rows(path)
    for o in ours_events:
        sides = expected.pop(o["pos"], [])
        if "rows" not in o:
            continue
        where = f"{os.path.basename(path)} at {o['pos']}"
        got = [(s, r[s]) for r in o["rows"] for s in ("before", "after") if r[s] is not None]
        sums.n["rows"] += len(o["rows"])
        if [s for s, _ in got] != [s for s, _ in sides]:
            sums.differ(where, "rows", got, sides)
            continue
        for (_, image), (_, texts) in zip(got, sides):
            for n, text in texts.items():
                sums.n["values"] += 1
                value = image.get(f"c{n}")
                if not maria_same(value, text):
                    sums.differ(where, n, value, text)
    for pos, sides in expected.items():
        if sides:
            sums.differ(os.path.basename(path), f"rows at {pos}", None, sides)


def lab_value(col, ours, theirs):
    """The writer's own values: integers as numbers, DECIMAL and times as text, bytes as hex."""
    kind = TYPES.get(col["type"], "?")
    if ours is None or theirs is None:
        return ours is theirs
    if kind in INTEGERS_BY_NAME:
        return ours == theirs or (not col["typed"] and (ours - theirs) % (1 << INTEGERS[col["type"]]) == 0)
    if kind in ("float", "double"):
        form = "f" if kind == "float" else "d"
        return struct.pack(form, ours) == struct.pack(form, float(theirs))
    if kind in ("enum", "set") and isinstance(ours, int):
        return not col["labels"]
    if kind.startswith("time") and kind != "time" or kind in ("datetime2", "date", "time"):
        return ours.rstrip("Z") == theirs
    if kind == "geometry":
        return struct.pack("<I", ours["srid"]) + base64.b64decode(ours["wkb"]) == \
            bytes.fromhex(theirs)
    if isinstance(ours, str) and ours != theirs:
        return lab_bytes(col, ours, theirs)
    return ours == theirs


def lab_bytes(col, ours, theirs):
    """Bytes come as hex; text of a column whose character set nobody told, as its bytes."""
    if col["schema"]["data_type"] in KINDS:
        raw = KINDS[col["schema"]["data_type"]](theirs).packed
        return col["cs"] == "unknown" or base64.b64decode(ours) == raw
    if col["cs"] == "unknown":
        codec = CODECS.get(col["schema"]["charset"] or "")
        raw = theirs.encode(codec) if codec else bytes.fromhex(theirs)
        if ours.encode() == raw or ours.encode() == raw.rstrip(b"\0"):
            return True
        return base64.b64decode(ours).ljust(len(raw), b"\0") == raw
    return base64.b64decode(ours) == bytes.fromhex(theirs)


class Uuid:
    def __init__(self, text):
        self.packed = uuid.UUID(text).bytes


KINDS = {"uuid": Uuid, "inet6": ipaddress.IPv6Address, "inet4": ipaddress.IPv4Address}
INTEGERS_BY_NAME = {"tiny", "short", "int24", "long", "longlong"}


def schema_at(schemas, db, table, row):
    best = None
    for s in schemas:
        if s["db"] == db and s["table"] == table and s["from_row"] <= row:
            best = s["columns"]
    return best


def compare_lab(tool, name, shared, sums):
    """The logs of one lab scenario against the truth of every row change."""
    base = f"{shared}/data/oracle/binlog/{name}"
    truth = collections.defaultdict(list)
    for i, t in enumerate(read_lines(f"{base}.rows.jsonl")):
        truth[t["file"], t["pos"]].append((i, t))
    schemas = read_lines(f"{base}.schema.jsonl")
    for path in sorted(glob.glob(f"{base}.prim-bin.*.gz")):
        file = os.path.basename(path)[len(name) + 1:-3]
        tables = {}
        for o in dump(tool, path):
            where = f"{name} {file} at {o['pos']}"
            sums.n["events"] += 1
            if o.get("fault") or o.get("stop") or o.get("sum") is False:
                sums.differ(where, "fault", o.get("fault") or o.get("stop") or "checksum", None)
            if "columns" in o:
                tables[o["id"]] = o
            if "rows" in o:
                lab_rows(where, tables.get(o["id"]), o, truth.pop((file, o["pos"]), []), schemas, sums)
    for (file, pos), rows in truth.items():
        sums.differ(f"{name} {file} at {pos}", "rows", 0, len(rows))


def lab_rows(where, table, ours, theirs, schemas, sums):
    if len(ours["rows"]) != len(theirs):
        if theirs or table and any(s["table"] == table["table"] for s in schemas):
            sums.differ(where, "rows", len(ours["rows"]), len(theirs))
        return
    for got, (i, t) in zip(ours["rows"], theirs):
        sums.n["rows"] += 1
        schema = schema_at(schemas, t["db"], t["table"], i)
        for side in ("before", "after"):
            lab_image(f"{where} {t['table']}", table, schema, got[side], t[side], sums)


def lab_image(where, table, schema, ours, theirs, sums):
    if (ours is None) != (theirs is None):
        sums.differ(where, "image", ours, theirs)
        return
    for n, col in enumerate(table["columns"] if ours is not None else []):
        name = schema[n]["name"]
        if table["named"] and col["name"] != name:
            sums.differ(where, "name", col["name"], name)
        if (col["name"] in ours) != (name in theirs):
            sums.differ(where, name, ours.get(col["name"], "absent"), theirs.get(name, "absent"))
        elif name in theirs:
            sums.n["values"] += 1
            col = dict(col, typed=table["typed"], schema=schema[n])
            if not lab_value(col, ours[col["name"]], theirs[name]):
                sums.differ(where, f"{name} ({schema[n]['column_type'][:30]} {col['cs']})",
                            ours[col["name"]], theirs[name])


def main():
    tool, shared = sys.argv[1], os.environ.get("SL_SHARED") or sys.argv[2]
    files = sorted(glob.glob(f"{shared}/data/binlog-files/*"))
    if not files:
        print("binlog_oracle: no shared files; skipped")
        return 1 if os.environ.get("CI") == "true" else 77
    sums = Sums()
    for path in files:
        events = compare_file(tool, path, shared, sums)
        name = os.path.basename(path)
        if "compress" in name and name.startswith("mtr-"):
            compare_maria(events, f"{shared}/data/oracle/binlog-files/{name}.mariadb-binlog.txt", sums)
    n_files = dict(sums.n)
    for path in sorted(glob.glob(f"{shared}/data/oracle/binlog/*.rows.jsonl")):
        compare_lab(tool, os.path.basename(path)[:-len(".rows.jsonl")], shared, sums)
    print(f"binlog_oracle: files {n_files}; with the lab's {dict(sums.n)}")
    for line in sums.bad[:60]:
        print(line)
    if sums.bad:
        print(f"{len(sums.bad)} differ")
    return 1 if sums.bad else 0


sys.exit(main())
