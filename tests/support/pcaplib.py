"""Makes captures: Ethernet, IPv4/IPv6, UDP, TCP conversations, and pcap files around them."""
import ipaddress
import struct

BASE_NS = 1764045796_000000000  # 2025-11-25T04:43:16Z


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    number = int.from_bytes(data, "big")  # the sum of its words with the carries put back is its rest by 65535, which is 0 for 0 only
    return ~(number and (number % 0xffff or 0xffff)) & 0xffff


def ip_packet(src, dst, proto, payload, ident=0, ttl=64):
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if src.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(payload), proto, ttl) + src.packed + dst.packed + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, 0x4000, ttl, proto, 0,
                       src.packed, dst.packed)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def pseudo(src, dst, proto, length):
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if src.version == 6:
        return src.packed + dst.packed + struct.pack("!II", length, proto)
    return src.packed + dst.packed + struct.pack("!BBH", 0, proto, length)


def udp(src, sport, dst, dport, payload, ident=0):
    head = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    sum_ = checksum(pseudo(src, dst, 17, 8 + len(payload)) + head + payload) or 0xffff
    return ip_packet(src, dst, 17, head[:6] + struct.pack("!H", sum_) + payload, ident)


FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def tcp(src, sport, dst, dport, seq, ack, flags, payload=b"", window=65535):
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff, 5 << 4, flags,
                       window, 0, 0)
    sum_ = checksum(pseudo(src, dst, 6, 20 + len(payload)) + head + payload)
    return ip_packet(src, dst, 6, head[:16] + struct.pack("!H", sum_) + head[18:] + payload)


def ethernet(packet):
    kind = 0x86dd if packet[0] >> 4 == 6 else 0x0800
    return b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02" + struct.pack("!H", kind) + packet


class Conversation:
    """One TCP connection; each call adds packets to `out` as (nanoseconds, frame)."""

    def __init__(self, out, client, sport, server, dport, at_ns, isn=1000, mss=1448, step_ns=100_000):
        self.out, self.at, self.step, self.mss = out, at_ns, step_ns, mss
        self.ends = ((client, sport), (server, dport))
        self.seq = [isn, isn * 7 + 5]
        self.emit(0, SYN)
        self.seq[0] += 1
        self.emit(1, SYN | ACK)
        self.seq[1] += 1
        self.emit(0, ACK)

    def emit(self, side, flags, payload=b""):
        (src, sport), (dst, dport) = self.ends[side], self.ends[1 - side]
        ack = self.seq[1 - side] if flags & ACK else 0
        self.out.append((self.at, ethernet(tcp(src, sport, dst, dport, self.seq[side], ack, flags, payload))))
        self.at += self.step

    def send(self, data, side=0):
        for i in range(0, len(data), self.mss):
            piece = data[i:i + self.mss]
            self.emit(side, PSH | ACK, piece)
            self.seq[side] += len(piece)
        self.emit(1 - side, ACK)

    def close(self):
        self.emit(0, FIN | ACK)
        self.seq[0] += 1
        self.emit(1, FIN | ACK)
        self.seq[1] += 1
        self.emit(0, ACK)


def write_pcap(path, packets, snaplen=262144, sort=True):
    """@packets: (nanoseconds, frame) pairs; a nanosecond pcap, Ethernet."""
    if sort:
        packets = sorted(packets, key=lambda p: p[0])
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, snaplen, 1))
        for ns, frame in packets:
            f.write(struct.pack("<IIII", ns // 10**9, ns % 10**9, min(len(frame), snaplen), len(frame)))
            f.write(frame[:snaplen])


def read_pcap(path):
    """The frames of what write_pcap has written."""
    with open(path, "rb") as f:
        data = f.read()
    at = 24
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16:at + 16 + size]
        at += 16 + size
