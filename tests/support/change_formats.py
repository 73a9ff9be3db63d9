"""The formats of row changes by the rules of those who read them, written down a second time.

Each reader takes one line, refuses what its consumers would refuse (missing members, members of another
type, values that the column's type does not parse), and gives back the change in one common form. What
a value must look like in each format is said by `spelled`, from the value that format json has and the
column's declared type: numbers are compared digit by digit (class Num keeps their text).
"""
import base64
import datetime
import json
import re
import struct

FORMATS = ("debezium-json", "canal-json", "maxwell-json")
OPS = {"c": "INSERT", "u": "UPDATE", "d": "DELETE"}
BYTES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
DATES = {"date", "datetime", "timestamp"}
INTS = {"tinyint", "smallint", "mediumint", "int", "bigint", "year"}


class Num(str):
    """A JSON number, as it is written."""


class Refused(Exception):
    pass


def load(line):
    def pairs(items):
        if len({k for k, _ in items}) != len(items):
            raise Refused(f"a key twice: {[k for k, _ in items]}")
        return dict(items)

    def constant(name):
        raise Refused(f"{name} is not JSON")

    return json.loads(line, parse_int=Num, parse_float=Num, parse_constant=constant, object_pairs_hook=pairs)


def need(ok, what):
    if not ok:
        raise Refused(what)


def is_int(v):
    return isinstance(v, Num) and re.fullmatch(r"-?\d+", v) is not None


def is_text(v):
    return isinstance(v, str) and not isinstance(v, Num)


# ---- one line of each format ----

ENVELOPE = {"before", "after", "source", "op", "ts_ms", "transaction"}


def read_debezium(r):
    """Flink: before, after, op; its metadata: ts_ms and members of source, all of them scalars."""
    source = r.get("source")
    need(isinstance(source, dict), "source is no object")
    need(all(not isinstance(v, (dict, list)) for v in source.values()), "source has members inside of members")
    for key in ("version", "connector", "name", "snapshot", "_id", "_time"):
        need(is_text(source.get(key)), f"source.{key} is no text")
    need(is_int(source.get("ts_ms")) and is_int(r.get("ts_ms")), "ts_ms is no integer")
    if "op" not in r:
        need(set(r) == {"source", "ts_ms", "databaseName", "schemaName", "ddl", "tableChanges"},
             f"members of a schema change: {sorted(r)}")
        need(is_text(r["ddl"]) and r["tableChanges"] == [], "a schema change without its text")
        return {"id": source["_id"], "op": "ddl", "db": r["databaseName"], "sql": r["ddl"]}
    need(set(r) == ENVELOPE, f"members of the envelope: {sorted(r)}")
    op, before, after = r["op"], r["before"], r["after"]
    need(op in OPS, f"op {op}")
    need(is_text(source.get("db")) and is_text(source.get("table")), "source without db and table")
    need((before is None) == (op == "c") and (after is None) == (op == "d"), f"images of op {op}")
    need(all(v is None or isinstance(v, dict) for v in (before, after)), "an image that is no object")
    if r["transaction"] is not None:
        need(is_text(r["transaction"].get("id")), "transaction without id")
        need(set(r["transaction"]) <= {"id", "total_order", "data_collection_order"}, "transaction")
    return {"id": source["_id"], "op": op, "db": source["db"], "table": source["table"],
            "before": before, "after": after}


FLAT = {"data", "database", "es", "id", "isDdl", "mysqlType", "old", "pkNames", "sql", "sqlType", "table",
        "ts", "type", "_id", "_time"}


def read_canal(r):
    """FlatMessage: lists of maps of strings; as many old rows as rows, which Flink pairs."""
    need(set(r) == FLAT, f"members of a flat message: {sorted(r)}")
    for key in ("es", "ts", "id"):
        need(is_int(r[key]), f"{key} is no integer")
    for key in ("database", "table", "type", "sql"):
        need(is_text(r[key]), f"{key} is no text")
    if r["isDdl"] is not False:
        need(r["isDdl"] is True and r["sql"], "a statement without its text")
        need(r["type"] in ("CREATE", "ALTER", "ERASE", "TRUNCATE", "RENAME", "CINDEX", "DINDEX", "QUERY"), r["type"])
        need(all(r[k] is None for k in ("data", "old", "mysqlType", "sqlType")), "a statement with rows")
        return {"id": r["_id"], "op": "ddl", "db": r["database"], "sql": r["sql"]}
    need(isinstance(r["data"], list) and len(r["data"]) == 1, "data is no list of one row")
    rows = list(r["data"])
    need(r["type"] in OPS.values(), f"type {r['type']}")
    if r["type"] == "UPDATE":
        need(isinstance(r["old"], list) and len(r["old"]) == 1, "old is no list of one row")
        rows += r["old"]
    else:
        need(r["old"] is None, f"old of {r['type']}")
    for row in rows:
        need(isinstance(row, dict), "a row that is no object")
        need(all(v is None or is_text(v) for v in row.values()), f"a value that is no text: {row}")
    data = r["data"][0]
    old = r["old"][0] if r["old"] else {}
    need(set(old) <= set(data), "old has columns that data has not")
    need(list(r["mysqlType"]) == list(data) and all(is_text(t) for t in r["mysqlType"].values()), "mysqlType")
    need(list(r["sqlType"]) == list(data) and all(is_int(t) for t in r["sqlType"].values()), "sqlType")
    need(r["pkNames"] is None or (isinstance(r["pkNames"], list) and r["pkNames"]), "pkNames")
    op = {v: k for k, v in OPS.items()}[r["type"]]
    return {"id": r["_id"], "op": op, "db": r["database"], "table": r["table"], "data": data, "old": old,
            "types": r["mysqlType"]}


MAXWELL = {"database", "table", "type", "ts", "xid", "commit", "xoffset", "position", "gtid", "server_id",
           "thread_id", "primary_key_columns", "data", "old", "_id", "_time"}


def read_maxwell(r):
    """Flink: data, old and type; old of an update must be there, and be an object."""
    need(is_text(r.get("database")) and is_text(r.get("type")), "no database or type")
    need(is_int(r.get("ts")), "ts is no integer")
    if r["type"].startswith(("table-", "database-")):
        need(is_text(r.get("sql")), "a statement without its text")
        return {"id": r["_id"], "op": "ddl", "db": r["database"], "sql": r["sql"]}
    need(set(r) <= MAXWELL and isinstance(r.get("data"), dict), f"members: {sorted(r)}")
    op = {"insert": "c", "update": "u", "delete": "d"}.get(r["type"])
    need(op, f"type {r['type']}")
    need(("old" in r) == (op == "u"), f"old of {r['type']}")
    need(not ("commit" in r and "xoffset" in r) and r.get("commit", True) is True, "commit and xoffset")
    for key in ("xid", "server_id", "thread_id", "xoffset"):
        need(key not in r or is_int(r[key]), f"{key} is no integer")
    need(is_text(r.get("position", "")) and ("position" not in r or re.search(r":\d+$", r["position"])),
         f"position {r.get('position')}")
    old = r.get("old", {})
    need(isinstance(old, dict) and set(old) <= set(r["data"]), "old has columns that data has not")
    return {"id": r["_id"], "op": op, "db": r["database"], "table": r["table"], "data": r["data"], "old": old}


READERS = {"debezium-json": read_debezium, "canal-json": read_canal, "maxwell-json": read_maxwell}


# ---- values ----

def base_type(declared):
    return re.match(r"[a-z0-9]*", declared)[0]


def bits_of(declared):
    return int(re.search(r"\((\d+)\)", declared)[1])


def no_date(v):
    return v[5:7] == "00" or v[8:10] == "00"


def geometry_bytes(v):
    return struct.pack("<I", int(v["srid"])) + base64.b64decode(v["wkb"])


class Wkt:
    NAMES = ("", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
             "GEOMETRYCOLLECTION")

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        form = self.order + form
        v = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return v if len(v) > 1 else v[0]

    def listed(self, one):
        n = self.take("I")
        return "(" + ", ".join(one() for _ in range(n)) + ")" if n else "EMPTY"

    def point(self):
        return " ".join(number(v) for v in self.take("dd"))

    def body(self):
        self.order = "<" if self.data[self.at] == 1 else ">"
        self.at += 1
        kind = self.take("I")
        if kind == 1:
            return kind, f"({self.point()})"
        if kind == 2:
            return kind, self.listed(self.point)
        if kind == 3:
            return kind, self.listed(lambda: self.listed(self.point))
        if kind == 7:
            return kind, self.listed(self.text)
        return kind, self.listed(lambda: self.body()[1])

    def text(self):
        kind, body = self.body()
        return f"{self.NAMES[kind]} {body}"


def number(v):
    text = repr(v)
    return text[:-2] if text.endswith(".0") else text


def json_text(v):
    """The text of a value that was loaded with Num."""
    if isinstance(v, Num):
        return str(v)
    if isinstance(v, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{json_text(x)}" for k, x in v.items()) + "}"
    if isinstance(v, list):
        return "[" + ",".join(json_text(x) for x in v) + "]"
    return json.dumps(v)


def spelled_debezium(v, declared):
    kind = base_type(declared)
    if kind == "json":
        return ("json", v)
    if kind == "bit":
        n, bits = int(v), bits_of(declared)
        if bits == 1:
            return n == 1
        return base64.b64encode(n.to_bytes((bits + 7) // 8, "little")).decode()
    if kind in DATES and no_date(v):
        return None
    return v


def spelled_canal(v, declared):
    kind = base_type(declared)
    if kind == "json":
        return ("json", v)
    if kind in BYTES:
        return base64.b64decode(v).decode("latin-1")
    if kind == "geometry":
        return geometry_bytes(v).decode("latin-1")
    if kind == "timestamp":
        return v[:-1]
    if kind == "year" and v == "0":
        return "0000"
    return str(v) if isinstance(v, str) else json_text(v)


def spelled_maxwell(v, declared):
    kind = base_type(declared)
    if kind == "decimal":
        return Num(v)
    if kind == "set" and is_text(v):
        return v.split(",") if v else []
    if kind == "timestamp":
        return v[:-1]
    if kind == "geometry":
        return Wkt(base64.b64decode(v["wkb"])).text() if v["wkb"] else v
    return v


SPELLED = {"debezium-json": spelled_debezium, "canal-json": spelled_canal, "maxwell-json": spelled_maxwell}


def same(fmt, got, v, declared):
    """Is @got what format @fmt must have for the value @v of format json?"""
    if v is None:
        return got is None
    want = SPELLED[fmt](v, declared)
    if isinstance(want, tuple):
        return is_text(got) and load(got) == want[1] if not isinstance(got, Num) else False
    return got == want and isinstance(got, Num) == isinstance(want, Num) and type(got) in (type(want), str, Num)


def flink_parses(got, declared):
    """What Flink's reader of JSON does with a value of the type that the column has in a table of it:
    TIMESTAMP in the format SQL, TIME within a day, DECIMAL and integers out of numbers and texts."""
    kind = base_type(declared)
    text = got if isinstance(got, str) else json_text(got)
    if got is None:
        return True
    if kind in INTS:
        return re.fullmatch(r"-?\d+", text) is not None
    if kind == "decimal":
        return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None
    if kind in ("float", "double"):
        float(text)
        return True
    if kind == "date":
        return bool(datetime.date.fromisoformat(text))
    if kind in ("datetime", "timestamp"):
        return re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,9})?Z?", text) is not None and \
            bool(datetime.datetime.fromisoformat(text[:19]))
    return True
