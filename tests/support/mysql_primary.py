"""A MySQL primary and its replica, byte by byte, for captures that tests make."""
import struct
import subprocess
import zlib

from pcaplib import BASE_NS, Conversation

CAP_COMPRESS, CAP_41, CAP_SSL, CAP_ZSTD = 1 << 5, 1 << 9, 1 << 11, 1 << 26
ROTATE, FORMAT, QUERY, XID, TABLE_MAP, WRITE_ROWS, UPDATE_ROWS, DELETE_ROWS = 4, 15, 2, 16, 19, 30, 31, 32
OK = b"\0\0\0\2\0\0\0"
POST = bytes([56, 13, 0, 8, 0, 0, 0, 0, 4, 0, 4, 0, 0, 0, 98, 0, 4, 26, 8, 0, 0, 0, 8, 8, 8, 2, 0, 0, 0, 10,
              10, 10, 42, 42, 0, 18, 52, 0, 10, 40])


class Server:
    """A primary and one replica on a wire: packets of a session, events of a log."""

    def __init__(self, packets, sport=40000, squeeze=None, at_ns=BASE_NS):
        self.wire = Conversation(packets, "10.0.0.7", sport, "10.0.0.9", 3306, at_ns)
        self.squeeze, self.how = None, squeeze
        self.seq, self.outer, self.pos = 0, 0, 4

    def squeezed(self, data):
        """A compressed packet: small ones are stored, as servers do it."""
        if len(data) < 50:
            body, before = data, 0
        elif self.squeeze == "zlib":
            body, before = zlib.compress(data), len(data)
        else:
            body = subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout
            before = len(data)
        head = struct.pack("<I", len(body))[:3] + bytes([self.outer & 255]) + struct.pack("<I", before)[:3]
        self.outer += 1
        return head + body

    def say(self, side, payload, seq):
        data = struct.pack("<I", len(payload))[:3] + bytes([seq & 255]) + payload
        self.wire.send(self.squeezed(data) if self.squeeze else data, side)

    def command(self, payload):
        self.seq = self.outer = 0
        self.say(0, payload, 0)

    def login(self):
        caps = CAP_41 | {None: 0, "zlib": CAP_COMPRESS, "zstd": CAP_ZSTD, "tls": CAP_SSL}[self.how]
        self.say(1, b"\x0a8.0.36\0" + bytes(13) + struct.pack("<H", caps & 0xffff) + bytes(3) +
                 struct.pack("<H", caps >> 16) + bytes(32), 0)
        if self.how == "tls":
            self.say(0, struct.pack("<I", caps) + bytes(28), 1)
            return
        self.say(0, struct.pack("<I", caps) + bytes(28) + b"repl\0\0\0", 1)
        self.say(1, OK, 2)
        self.squeeze = self.how

    def event(self, kind, body, flags=0):
        size = 19 + len(body) + 4
        artificial = kind == ROTATE
        pos = 0 if artificial else self.pos + size
        if kind == FORMAT and self.pos > 4:
            pos = 0
        data = struct.pack("<IBIIIH", 1764045796, kind, 7, size, pos, flags) + body
        data += struct.pack("<I", zlib.crc32(data))
        self.pos = pos or self.pos
        self.seq += 1
        self.say(1, b"\0" + data, self.seq)

    def dump(self, name, pos=4, gtids=b""):
        """By position; or by a set of GTIDs, which may be long."""
        if gtids:
            self.command(b"\x1e" + struct.pack("<HII", 4, 2, len(name)) + name.encode() +
                         struct.pack("<QI", pos, len(gtids)) + gtids)
        else:
            self.command(b"\x12" + struct.pack("<IHI", pos, 0, 2) + name.encode())
        self.event(ROTATE, struct.pack("<Q", pos) + name.encode(), 0x20)
        self.pos = pos
        self.event(FORMAT, struct.pack("<H", 4) + b"8.0.36".ljust(50, b"\0") + bytes(4) + b"\x13" + POST + b"\1")

    def query(self, sql, db=b"shop"):
        self.event(QUERY, bytes(8) + bytes([len(db)]) + bytes(4) + db + b"\0" + sql.encode())

    def insert(self, table, first, n=1):
        """(INT, VARCHAR(64)), without names of columns: binlog_row_metadata=MINIMAL."""
        self.change(WRITE_ROWS, table, [(first + i, "v") for i in range(n)])

    def change(self, kind, table, images):
        """Images of rows (id, name), of an update each before and after."""
        head = struct.pack("<IHH", 9, 0, 1)
        self.event(TABLE_MAP, head + b"\4shop\0" + bytes([len(table)]) + table.encode() +
                   b"\0\2\3\x0f\2\x40\0\0")
        rows = b"".join(b"\0" + struct.pack("<I", key) + bytes([len(name)]) + name.encode() for key, name in images)
        self.event(kind, head + struct.pack("<H", 2) + (b"\2\3\3" if kind == UPDATE_ROWS else b"\2\3") + rows)

    def commit(self):
        self.event(XID, struct.pack("<Q", self.pos))
