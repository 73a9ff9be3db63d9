#!/usr/bin/env python3
"""Messages of Protocol Buffers hold what the lines of JSON hold, as protoc and Python read them; the
schemas of queues as files: what may change, what may not, and which numbers are given out.

    test_protobuf.py SLUICED
"""
import base64
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
DEBIAN = "/usr/bin/python3"
try:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # noqa: F401
except ImportError:  # Debian's python3-protobuf is Debian's Python's
    if sys.executable != DEBIAN and subprocess.run([DEBIAN, "-c", "import google.protobuf"],
                                                   stderr=subprocess.DEVNULL).returncode == 0:
        os.execv(DEBIAN, [DEBIAN, *sys.argv])
    print("skipped: no protobuf for Python (python3-protobuf)")
    sys.exit(1 if os.environ.get("CI") == "true" else 77)

sys.path.insert(0, os.path.join(HERE, "..", "support"))
from pcaplib import BASE_NS, ethernet, udp, write_pcap  # noqa: E402
from sluice import Checks, replay, shared  # noqa: E402

SOURCES = {
    "syslog": "{ match: { udp: [514, 5140], tcp: [514, 601, 5140] }, parser: syslog, "
              f"formats: [{os.path.join(HERE, '..', '..', 'conf', 'formats', 'access.yaml')}] }}",
    "http": "{ match: { tcp: 80, probe: true }, parser: http1 }",
    "lines": "{ match: { udp: 5170, tcp: 5170 }, parser: lines }",
}


class Number(str):
    """A number with its digits."""


def strict(line):
    return json.loads(line, parse_int=Number, parse_float=Number)


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def run(*args):
    return subprocess.run(args, capture_output=True, text=True, timeout=120)


# ---- reading messages ----

def message_class(folder, proto):
    """The class of a .proto file's only message, by way of protoc."""
    path = write(folder, "x.proto", proto)
    out = path + ".pb"
    done = run("protoc", "-I", folder, "-I", "/usr/include", "--include_imports",
               f"--descriptor_set_out={out}", path)
    if done.returncode:
        raise RuntimeError(f"protoc: {done.stderr}\n{proto}")
    files = descriptor_pb2.FileDescriptorSet()
    with open(out, "rb") as f:
        files.ParseFromString(f.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    last = files.file[-1]
    name = f"{last.package}.{last.message_type[0].name}"
    found = pool.FindMessageTypeByName(name)
    return name, path, message_factory.MessageFactory(pool).GetPrototype(found)


def split(data):
    """Length-delimited messages."""
    at = 0
    while at < len(data):
        shift = size = 0
        while True:
            byte = data[at]
            at += 1
            size |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                break
        yield data[at:at + size]
        at += size


def spell_time(t):
    text = t.ToJsonString()  # 3, 6 or 9 digits
    return text if "." not in text else text.rstrip("Z").rstrip("0").rstrip(".") + "Z"


def differs(field, value, want):
    """What JSON has (numbers as their digits), and the field of the message."""
    kind = field.type
    if kind == field.TYPE_MESSAGE:
        have, want = spell_time(value), want.rstrip("Z")
        want = (want.rstrip("0").rstrip(".") if "." in want else want) + "Z"
        return have != want
    if kind == field.TYPE_BOOL:
        return value is not want
    if kind in (field.TYPE_INT64, field.TYPE_DOUBLE):
        return not isinstance(want, Number) or value != (int if kind == field.TYPE_INT64 else float)(want)
    if kind == field.TYPE_BYTES:
        return base64.b64encode(value).decode() != want
    if isinstance(want, Number):
        return value != want
    if isinstance(want, str):
        return value != want and strict_or_none(value) != want
    return strict_or_none(value) != want


def strict_or_none(text):
    try:
        return strict(text)
    except ValueError:
        return None


def compare(checks, line, message, fields, what):
    """One record: every field of the line that the schema has, and no other. True: it had others."""
    want = strict(line)
    more = bool({k for k, v in want.items() if v is not None} - set(fields))
    for key, value in want.items():
        if value is None or (more and key == "_invalid_utf8"):
            continue  # it may speak of a field that is not in the message
        if key not in fields:
            continue
        field = fields[key]
        if not checks.check(message.HasField(field.name), f"{what}: {key} is missing: {line[:200]}"):
            continue
        got = getattr(message, field.name)
        checks.check(not differs(field, got, value), f"{what}: {key}: {got!r} for {value!r}")
    there = {f.json_name for f, _ in message.ListFields()}
    checks.check(there <= set(want), f"{what}: {there - set(want)} not in {line[:200]}")
    return more


def read(path):
    if not os.path.exists(path):
        return b""
    with open(path, "rb") as f:
        return f.read()


def config(folder):
    text = "sources:\n" + "".join(f"  {s}: {t}\n" for s, t in SOURCES.items()) + "sinks:\n"
    for s in SOURCES:
        text += f"  {s}-json: {{ file: {{ path: {folder}/{s}.json, rotate_bytes: 0 }} }}\n"
        text += f"  {s}-pb: {{ file: {{ path: {folder}/{s}.pb, rotate_bytes: 0 }} }}\n"
    text += "queues:\n"
    for s in SOURCES:
        text += f"  p/{s}_json: {{ from: {s}, sink: {s}-json }}\n"
        text += f"  p/{s}: {{ from: {s}, sink: {s}-pb, format: protobuf }}\n"
    return write(folder, "c.yaml", text)


def classes(binary, folder):
    path, out = config(folder), {}
    for s in SOURCES:
        done = run(binary, "schema", "proto", "-c", path, f"p/{s}")
        if done.returncode:
            raise RuntimeError(done.stderr)
        out[s] = message_class(os.path.join(folder, "proto", s), done.stdout)
    return out


def one_capture(checks, binary, folder, found, pcap):
    """Returns how many records were compared."""
    for s in SOURCES:
        for end in ("json", "pb"):
            if os.path.exists(f"{folder}/{s}-000000.{end}"):
                os.remove(f"{folder}/{s}-000000.{end}")
    done = replay(binary, pcap, "-c", os.path.join(folder, "c.yaml"))
    what = os.path.basename(pcap)
    checks.healthy(done, what)
    total = 0
    for s, (name, path, make) in found.items():
        lines = read(f"{folder}/{s}-000000.json").splitlines()
        messages = list(split(read(f"{folder}/{s}-000000.pb")))
        if not checks.equal(len(messages), len(lines), f"{what}: messages of {s}"):
            continue
        fields = {f.json_name: f for f in make.DESCRIPTOR.fields}
        more = 0
        for line, raw in zip(lines, messages):
            message = make()
            message.ParseFromString(raw)
            more += compare(checks, line.decode(), message, fields, f"{what}: {s}")
        checks.equal(done.count("queue", f"p/{s}", "narrowed"), more, f"{what}: {s}: records with more fields")
        checks.equal(done.count("queue", f"p/{s}", "misfits"), 0, f"{what}: {s}: no value is left out")
        if messages:
            by_protoc = subprocess.run(["protoc", "-I", os.path.dirname(path), "-I", "/usr/include",
                                        f"--decode={name}", path], input=messages[0],
                                       capture_output=True, timeout=60)
            first = json.loads(lines[0])["_id"]
            checks.check(f'sluice_id: "{first}"'.encode() in by_protoc.stdout,
                         f"{what}: protoc reads the first message of {s}: {by_protoc.stderr[-200:]}")
        total += len(messages)
    return total


def captures(checks, binary, folder):
    found = classes(binary, folder)
    sample = os.path.join(folder, "sample.pcap")
    make = os.path.join(HERE, "..", "support", "make_sample.py")
    subprocess.run([sys.executable, make, sample], check=True)
    checks.check(one_capture(checks, binary, folder, found, sample) >= 6, "the sample has records")
    bad = os.path.join(folder, "bad.pcap")
    lines = [b'{"message":"caf\xe9","n":1.50,"a":"\\u00e9\\ud83d\\ude00"}', b"<13>h\xff\xfe x", b"plain \xc3\xa9"]
    write_pcap(bad, [(BASE_NS + i, ethernet(udp("10.0.0.2", 999, "10.0.0.9", 514 if t[:1] == b"<" else 5170, t, ident=i)))
                     for i, t in enumerate(lines)])
    checks.equal(one_capture(checks, binary, folder, found, bad), 3, "records with bytes that are not UTF-8")
    return found


def lab(checks, binary, folder, found):
    try:
        root, n, total = os.path.join(shared(), "pcap"), 0, 0
    except SystemExit:  # the other parts are done and count
        checks.check(os.environ.get("CI") != "true", "the lab captures are there")
        return
    for part in ("syslog", "http", "logs"):
        for name in sorted(os.listdir(os.path.join(root, part))):
            path = os.path.join(root, part, name)
            if name.endswith((".pcap", ".pcapng")) and os.path.getsize(path) < 4 << 20:
                n += 1
                total += one_capture(checks, binary, folder, found, path)
    checks.check(n > 5 and total > 100, f"{n} captures, {total} records")
    print(f"{n} captures, {total} records")


# ---- schemas as files ----

BASE = """
schema_dir: schemas
sources:
  app: {{ match: {{ udp: 5170 }}, parser: lines }}
pipeline:
  slim: {{ op: project, from: app, select: "{select}", on_error: "null" }}
sinks:
  out: {{ file: {{ path: out.pb }} }}
queues:
  shop/slim: {{ from: slim, sink: out, format: {format}, compatibility: {rule} }}
"""


class Schemas:
    def __init__(self, checks, binary, folder):
        self.checks, self.binary, self.folder = checks, binary, folder
        self.file = os.path.join(folder, "schemas", "shop.slim.schema.yaml")

    def go(self, command, select, rule="backward", form="protobuf"):
        path = write(self.folder, "c.yaml", BASE.format(select=select, rule=rule, format=form))
        words = {"check": ["check"], "write": ["schema", "write"], "proto": ["schema", "proto", "shop/slim"]}
        return run(self.binary, *words[command], "-c", path)

    def expect(self, status, texts, command, *args):
        done = self.go(command, *args)
        self.checks.equal(done.returncode, status, f"exit status of {command} {args}: {done.stderr[-300:]}")
        for text in texts:
            self.checks.check(text in done.stderr + done.stdout, f"{command} {args}: no {text!r} in {done.stderr}")
        return done

    def start(self, select):
        """A first version of it, nothing before."""
        if os.path.exists(self.file):
            os.remove(self.file)
        self.expect(0, ["version 1 written"], "write", select)


def versions(checks, binary, folder):
    s = Schemas(checks, binary, folder)
    s.expect(0, ["no schema in", "sluiced schema write -c"], "check", "uid, n::int AS n")
    checks.check(not os.path.exists(s.file), "check writes nothing")
    s.start("uid, n::int AS n")
    quiet = s.expect(0, [], "check", "uid, n::int AS n")
    checks.check("warning" not in quiet.stderr, f"nothing to tell: {quiet.stderr}")
    s.expect(0, ["version 1, as it was"], "write", "uid, n::int AS n")
    # A field more: its number is the next one, and protobuf waits for it.
    s.expect(2, ["new vid text", "to make version 2: sluiced schema write"], "check", "vid, uid, n::int AS n")
    s.expect(0, ["version 1 of", "new vid text"], "check", "vid, uid, n::int AS n", "backward", "json")
    s.expect(0, ["version 2 written"], "write", "vid, uid, n::int AS n")
    s.expect(0, [" uid = 16 ", " n = 17 ", " vid = 18 "], "proto", "vid, uid, n::int AS n")
    # A field less: its number is nobody's any more.
    s.expect(0, ["version 3 written"], "write", "vid, uid")
    s.expect(0, ["version 4 written"], "write", "vid, uid, n::int AS n, x")
    text = read(s.file).decode()
    checks.check("number: 17" in text.split("removed:")[1], f"17 is reserved: {text}")
    s.expect(0, ["reserved 17;", " n = 19 ", " x = 20 "], "proto", "vid, uid, n::int AS n, x")


def rules(checks, binary, folder):
    s = Schemas(checks, binary, folder)
    old = "uid, n::int AS n"
    changes = {  # which of backward, forward, full take it
        "uid, n::int AS n, more": ("backward", "forward", "full"),
        "uid": ("backward",),
        "uid, n::bigint AS n": ("backward",),
        "uid, n::smallint AS n": ("forward",),
        "uid, n": (),
        "uid, n::float8 AS n": (),
        "uid, n::timestamptz AS n": (),
    }
    for new, takers in changes.items():
        for rule in ("backward", "forward", "full", "none"):
            s.start(old)
            if rule == "none" or rule in takers:
                s.expect(0, ["version 2 written"], "write", new, rule)
                s.expect(0, [], "check", new, rule)
                continue
            texts = ["queues.shop/slim: the field n is integer in version 1", f"compatibility {rule} allows"]
            s.expect(2, texts, "check", new, rule)
            before = read(s.file)
            s.expect(2, texts, "write", new, rule)
            checks.equal(read(s.file), before, f"{rule}: nothing is written of {new}")
    # Another type on the wire is another number, whoever asked for it.
    s.start(old)
    s.expect(0, [], "write", "uid, n", "none")
    s.expect(0, ["reserved 17;  // integer", "string n = 18 "], "proto", "uid, n", "none")


def bad_files(checks, binary, folder):
    s = Schemas(checks, binary, folder)
    good = "queue: shop/slim\nversion: 1\nopen: false\nfields:\n"
    for text, want in [
        (good + "  - { number: 16, name: uid, type: text }\n  - { number: 16, name: n, type: text }\n", "the number 16 twice"),
        (good + "  - { number: 16, name: uid, type: text }\n  - { number: 17, name: uid, type: text }\n", "the field uid twice"),
        (good + "  - { number: 5, name: uid, type: text }\n", "16"),
        (good + "  - { number: 19001, name: uid, type: text }\n", "Protocol Buffers' own"),
        (good + "  - { number: 16, name: uid, type: string }\n", "\"string\" is not known here"),
        (good.replace("slim", "other") + "  - { number: 16, name: uid, type: text }\n", "expected that of shop/slim"),
        ("queue: [\n", "shop.slim.schema.yaml"),
    ]:
        write(folder, "schemas/shop.slim.schema.yaml", text)
        s.expect(2, [want, "shop.slim.schema.yaml"], "check", "uid")
    os.remove(s.file)


def names(checks, binary, folder):
    """protoc takes every name of a field, and the record's own stands beside it."""
    s = Schemas(checks, binary, folder)
    select = 'uid AS id, uid AS \\"userId\\", uid AS user_id, uid AS \\"a-b\\", uid AS \\"9\\", uid AS \\"\u540d\u524d\\", uid AS \\"x\\"\\"y\\", uid AS message, uid AS sluice_id'
    done = s.expect(0, [], "proto", select)
    _, _, make = message_class(os.path.join(folder, "names"), done.stdout)
    got = [f.json_name for f in make.DESCRIPTOR.fields if f.number >= 16]
    checks.equal(got, ["id", "userId", "user_id", "a-b", "9", "\u540d\u524d", 'x"y', "message", "sluice_id"], "names in JSON")


# ---- fields of a queue ----

FIELDS = """
sources:
  app: {{ match: {{ udp: 5170 }}, parser: lines }}
  web: {{ match: {{ tcp: 80 }}, parser: http1 }}
pipeline:
  slim: {{ op: project, from: app, select: "uid, vid" }}
sinks:
  out: {{ file: {{ path: {folder}/out }} }}
queues:
  shop/some: {{ from: {origin}, sink: out, format: {form}, fields: {fields} }}
"""


def fields_of_queues(checks, binary, folder):
    os.makedirs(folder)
    pcap = os.path.join(folder, "f.pcap")
    lines = [b'{"uid":"u1","n":1.50,"deep":{"a":[1]},"secret":"x"}', b'{"secret":1,"n":null,"n":"two"}', b"text"]
    write_pcap(pcap, [(BASE_NS + i, ethernet(udp("10.0.0.2", 999, "10.0.0.9", 5170, t, ident=i)))
                      for i, t in enumerate(lines)])

    def go(fields, form="json", origin="app"):
        return write(folder, "c.yaml", FIELDS.format(folder=folder, fields=fields, form=form, origin=origin))

    done = replay(binary, pcap, "-c", go("[uid, n, deep]"))
    checks.healthy(done, "fields")
    got = [{k: v for k, v in strict(t).items() if k[0] != "_"} for t in read(f"{folder}/out-000000").splitlines()]
    checks.equal(got, [{"uid": "u1", "n": "1.50", "deep": {"a": ["1"]}}, {"n": "two"}, {}],
                 "what is named is written as it is, and nothing else")
    checks.equal(set(strict(read(f"{folder}/out-000000").splitlines()[2])),
                 {"_id", "_time", "_source", "_stream", "_src", "_dst"}, "the keys of every record stay")
    os.remove(f"{folder}/out-000000")
    path = go("[deep, uid]", "protobuf")
    proto = run(binary, "schema", "proto", "-c", path, "shop/some")
    _, _, make = message_class(os.path.join(folder, "p"), proto.stdout)
    done = replay(binary, pcap, "-c", path)
    first = make()
    first.ParseFromString(next(split(read(f"{folder}/out-000000"))))
    checks.equal((first.deep, first.uid), ('{"a":[1]}', "u1"), "fields of a message")
    checks.equal(done.count("queue", "shop/some", "narrowed"), 0, "what was not asked for is not told")
    for fields, form, origin, want in [
        ("[uid, uid]", "json", "app", "uid twice"),
        ("[_id]", "json", "app", "_id is written always"),
        ("[uid, nope]", "json", "slim", "the records have no field nope"),
        ("[uid]", "debezium-json", "app", "has all columns of a row"),
    ]:
        bad = run(binary, "check", "-c", go(fields, form, origin))
        checks.check(bad.returncode == 2 and want in bad.stderr, f"{fields}: {want!r} in {bad.stderr}")


def main():
    binary, checks = os.path.abspath(sys.argv[1]), Checks()
    with tempfile.TemporaryDirectory() as folder:
        for part in (versions, rules, bad_files, names, fields_of_queues):
            part(checks, binary, os.path.join(folder, part.__name__))
        found = captures(checks, binary, os.path.join(folder, "captures"))
        if checks.failed:
            checks.done()
        lab(checks, binary, os.path.join(folder, "captures"), found)
    checks.done()


if __name__ == "__main__":
    main()
