"""Captures of numbered records, one JSON object a line, for tests of sinks."""
import struct

KEYS = 97


def make_capture(path, n, seconds, pad=lambda i: 110):
    """n records in UDP datagrams of about eight, spread over so many seconds."""
    per = 8
    step = seconds * 1e6 / max(1, n / per)
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for k, first in enumerate(range(0, n, per)):
            data = b"".join(b'{"n":%d,"k":"key-%d","pad":"%s"}\n' % (i, i % KEYS, b"x" * pad(i))
                            for i in range(first, min(n, first + per)))
            udp = struct.pack(">HHHH", 40000, 5170, 8 + len(data), 0) + data
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), k & 0xFFFF, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
            total = sum(struct.unpack(">10H", ip))
            total = (total >> 16) + (total & 0xFFFF)
            ip = ip[:10] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + ip[12:]
            packet = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + udp
            at = int(k * step)
            f.write(struct.pack("<IIII", 1795581796 + at // 1000000, at % 1000000, len(packet), len(packet)) + packet)


class Numbered:
    """What a store has of them: each once, those of a key in order?"""

    def __init__(self):
        self.n, self.seen, self.last, self.ordered = 0, set(), {}, True

    def add(self, number):
        self.n += 1
        self.seen.add(number)
        key = number % KEYS
        self.ordered &= number > self.last.get(key, -1)
        self.last[key] = number

    def expect_all(self, checks, n, what):
        """Records 0 to n - 1, each once and in order."""
        checks.equal(self.n, n, f"{what}: records in the store (duplicates count)")
        checks.equal(len(self.seen), n, f"{what}: different records in the store")
        checks.check(self.ordered, f"{what}: the records of a key are in order")
