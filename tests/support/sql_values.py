"""Values of every type of column: as a literal of SQL, and as sluice is to write them in JSON.

A kind is (type in SQL, can have no default?, maker); a maker takes a random generator and gives (literal, value).
"""
import base64
import ipaddress
import json
import random
import struct
import uuid

NULL = ("NULL", None)
POOL = 48  # values a column is filled from

ESCAPES = str.maketrans({"'": "''", "\\": "\\\\", "\0": "\\0"})
LETTERS = {
    "ascii": "abcXYZ 0189_-.,;:'\"\\%\t\n",
    "utf8mb4": "aZ é ß Ω ж 日本語 😀🎉𝄞 \u00a0 '\\\"\0\t\n\r/",
    "utf8mb3": "aé Ω ж 日本語ñ'",
    "latin1": "aé ñ ÿ€ ß 'ÄÖ",
    "latin2": "aľščťžýáíéúäňô",
    "cp1251": "Привет aЖ",
    "koi8r": "Привет aЖ",
    "greek": "aΑΩαω",
    "gbk": "a中文汉字誠改",
    "gb2312": "a中文汉字",
    "big5": "a中文漢字",
    "sjis": "aカタカナ表ソ日本",
    "cp932": "aカタカナ表ソ日本",
    "ujis": "aカタカナ日本語",
    "euckr": "a한국어글자",
    "ucs2": "aé日Ω",
    "utf16": "aé日😀𝄞",
    "utf16le": "aé日😀𝄞",
    "utf32": "aé日😀𝄞",
}


def quote(text):
    return "'" + text.translate(ESCAPES) + "'"


def hexed(data):
    return (f"x'{data.hex()}'" if data else "''"), base64.b64encode(data).decode()


def integer(bits, unsigned):
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)

    def make(r):
        v = r.choice((low, high, 0, 1, r.randint(low, high), r.randint(low, high)))
        return str(v), v

    return make


def decimal(digits, scale):
    def make(r):
        n = r.choice((0, 1, 10**digits - 1, r.randrange(10**digits), r.randrange(10**digits)))
        s = str(n).rjust(scale + 1, "0")
        s = f"{s[:-scale]}.{s[-scale:]}" if scale else s
        s = "-" + s if n and r.random() < 0.5 else s
        return s, s

    return make


def real(r):
    v = r.choice((0.0, 1.5, -1.7976931348623157e308, 2.2250738585072014e-308, r.uniform(-1e6, 1e6), r.gauss(0, 1e-9)))
    return repr(v), v


def single(r):
    """Few enough digits that the nearest float of 32 bits has no shorter name."""
    v = r.choice((0.0, r.randint(-9999, 9999) / 8, r.randint(-9999, 9999) / 1000, r.randint(1, 99999) * 1e20))
    v = float(f"{v:.6g}")
    return repr(v), v


def bit(n):
    def make(r):
        v = r.choice((0, 2**n - 1, r.randrange(2**n)))
        return f"b'{v:b}'", v

    return make


def text(charset, longest, fixed=False):
    letters = LETTERS[charset]

    def make(r):
        s = "".join(r.choices(letters, k=r.choice((0, 1, longest, r.randint(0, longest)))))
        if fixed:
            s = s.rstrip(" ")
        return quote(s), s

    return make


def binary(longest, fixed=False):
    def make(r):
        data = r.randbytes(r.choice((0, 1, longest, r.randint(0, longest))))
        return hexed(data)[0], hexed(data.ljust(longest, b"\0") if fixed else data)[1]

    return make


def big(low, high, binary_data):
    """Long values; half of them compress."""

    def make(r):
        n = r.randint(low, high)
        if binary_data:
            return hexed(r.randbytes(n) if r.random() < 0.5 else r.randbytes(997) * (n // 997 + 1))
        s = ("".join(r.choices(LETTERS["utf8mb4"], k=503)) * (n // 503 + 1))[:n // 2]
        return quote(s), s

    return make


def document(r, depth=3):
    def any_value(d):
        k = r.randrange(7 if d else 5)
        if k == 5:
            return [any_value(d - 1) for _ in range(r.randrange(4))]
        if k == 6:
            return {r.choice(("k", "schlüssel", "日", "")): any_value(d - 1) for _ in range(r.randrange(4))}
        return (None, True, r.randint(-2**40, 2**40), r.choice((1.5, -2.25e30)), r.choice(("é", "q\"\\", "x" * 30)))[k]

    s = json.dumps(any_value(depth), ensure_ascii=r.random() < 0.5)
    return quote(s), s


def fraction(r, digits):
    return f".{r.randrange(10**digits):0{digits}d}" if digits else ""


def day(r, first, last):
    return f"{r.randint(first, last):04d}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}"


def clock(r):
    return f"{r.randrange(24):02d}:{r.randrange(60):02d}:{r.randrange(60):02d}"


def date(r):
    s = r.choice(("0000-00-00", "1000-01-01", "9999-12-31", "2024-02-29", day(r, 1000, 9999)))
    return f"'{s}'", s


def duration(digits):
    def make(r):
        s = f"{r.choice((0, r.randrange(24), r.randrange(838))):02d}:{clock(r)[3:]}{fraction(r, digits)}"
        s = "-" + s if r.random() < 0.4 and s.strip("0:.") else s
        return f"'{s}'", s

    return make


def datetime(digits):
    def make(r):
        s = f"{day(r, 1000, 9999)} {clock(r)}{fraction(r, digits)}"
        return f"'{s}'", s

    return make


def timestamp(digits):
    def make(r):
        s = f"{day(r, 1971, 2037)} {clock(r)}{fraction(r, digits)}"
        return f"'{s}'", s + "Z"

    return make


def year(r):
    v = r.choice((0, 1901, 2155, r.randint(1901, 2155)))
    return str(v), v


def one_of(labels):
    def make(r):
        s = r.choice(labels)
        return quote(s), s

    return make


def some_of(labels):
    def make(r):
        s = ",".join(x for x in labels if r.random() < 0.4)
        return quote(s), s

    return make


def point(r):
    wkb, srid = struct.pack("<BIdd", 1, 1, r.uniform(-180, 180), r.uniform(-90, 90)), r.choice((0, 4326))
    return f"ST_GeomFromWKB(x'{wkb.hex()}',{srid})", dict(srid=srid, wkb=base64.b64encode(wkb).decode())


def unique(r):
    s = str(uuid.UUID(int=r.getrandbits(128), version=4))
    return f"'{s}'", s


def inet(cls, bits):
    def make(r):
        s = str(cls(r.choice((0, 1, 2**bits - 1, r.getrandbits(bits), r.getrandbits(bits)))))
        return f"'{s}'", s

    return make


COLOURS, RIGHTS = ["red", "green", "it's", "a,b", "é"], ["r", "w", "x", "admin", "s5", "s6", "s7", "s8", "s9"]


def labels(words):
    return ",".join(quote(w) for w in words)


def kinds():
    k = {}
    for name, bits in (("TINYINT", 8), ("SMALLINT", 16), ("MEDIUMINT", 24), ("INT", 32), ("BIGINT", 64)):
        k[name] = (name, False, integer(bits, False))
        k[name + "_U"] = (name + " UNSIGNED", False, integer(bits, True))
    for p, s in ((1, 0), (5, 2), (9, 9), (18, 9), (38, 30), (65, 38)):
        k[f"DECIMAL_{p}_{s}"] = (f"DECIMAL({p},{s})", False, decimal(p, s))
    k["FLOAT"], k["DOUBLE"] = ("FLOAT", False, single), ("DOUBLE", False, real)
    for n in (1, 7, 17, 64):
        k[f"BIT_{n}"] = (f"BIT({n})", False, bit(n))
    for cs in LETTERS:
        k[f"VC_{cs}"] = (f"VARCHAR(24) CHARACTER SET {cs}", False, text(cs, 24))
    for cs in ("latin1", "utf8mb4", "gbk", "ascii"):
        k[f"CH_{cs}"] = (f"CHAR(12) CHARACTER SET {cs}", False, text(cs, 12, fixed=True))
    k["VC_300"] = ("VARCHAR(300)", False, text("utf8mb4", 60))
    k["VC_COMPRESSED"] = ("VARCHAR(400) COMPRESSED", False, text("utf8mb4", 200))
    k["TX_COMPRESSED"] = ("TEXT COMPRESSED", True, text("utf8mb4", 200))
    for n in ("TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT"):
        k[n] = (n, True, text("utf8mb4", 50))
    k["TX_sjis"] = ("TEXT CHARACTER SET sjis", True, text("sjis", 50))
    k["BINARY"], k["VARBINARY"] = ("BINARY(16)", False, binary(16, True)), ("VARBINARY(300)", False, binary(40))
    for n in ("TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB"):
        k[n] = (n, True, binary(60))
    k["JSON"] = ("JSON", True, document)
    k["DATE"], k["YEAR"] = ("DATE", False, date), ("YEAR", False, year)
    for d in (0, 1, 3, 6):
        k[f"TIME_{d}"] = (f"TIME({d})", False, duration(d))
        k[f"DATETIME_{d}"] = (f"DATETIME({d})", False, datetime(d))
        k[f"TIMESTAMP_{d}"] = (f"TIMESTAMP({d}) NULL", False, timestamp(d))
    k["ENUM"] = (f"ENUM({labels(COLOURS)})", False, one_of(COLOURS))
    k["SET"] = (f"SET({labels(RIGHTS)})", False, some_of(RIGHTS))
    k["ENUM_latin1"] = ("ENUM('é','ü') CHARACTER SET latin1", False, one_of(["é", "ü"]))
    k["POINT"], k["GEOMETRY"] = ("POINT", True, point), ("GEOMETRY", True, point)
    k["UUID"] = ("UUID", False, unique)
    k["INET4"] = ("INET4", False, inet(ipaddress.IPv4Address, 32))
    k["INET6"] = ("INET6", False, inet(ipaddress.IPv6Address, 128))
    return k


KINDS = kinds()
SPATIAL = ("POINT", "GEOMETRY")  # no blobs to binlog_row_image=NOBLOB
BIG = {
    "BIG_TEXT": ("MEDIUMTEXT", True, big(20_000, 150_000, False)),
    "BIG_BLOB": ("LONGBLOB", True, big(30_000, 400_000, True)),
}


class Column:
    """A name, a type, and the values it is filled from; NULL among them."""

    def __init__(self, name, kind, rng, pool=POOL):
        self.name = name
        self.type, self.blob, make = {**KINDS, **BIG}[kind]
        r = random.Random(rng.getrandbits(64))
        self.pool = [NULL] * (1 + pool // 12) + [make(r) for _ in range(pool)]

    def definition(self):
        return f"`{self.name}` {self.type}"
