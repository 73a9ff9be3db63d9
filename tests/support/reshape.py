"""The same traffic in other shapes: tunnels, link types, containers, and TCP cut up anew.

Input and output are (nanoseconds, frame) pairs of Ethernet frames that pcaplib made: no options in the
headers of IP, none in those of TCP.
"""
import ipaddress
import struct

from pcaplib import ACK, FIN, RST, SYN, checksum, ethernet, ip_packet, tcp

OUTER4, OUTER6 = ("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")
UDP, GRE, FRAGMENT = 17, 47, 44


def inside(frame):
    """The IP packet of a frame."""
    return frame[14:]


def ether_type(packet):
    return 0x86dd if packet[0] >> 4 == 6 else 0x0800


# --- Tunnels: frame to frame ------------------------------------------------------------------------


def tagged(frame, *tags):
    return frame[:12] + b"".join(struct.pack("!HH", kind, tag) for kind, tag in tags) + frame[12:]


def mpls(frame, *labels):
    last = len(labels) - 1
    stack = b"".join(struct.pack("!I", label << 12 | (i == last) << 8 | 64) for i, label in enumerate(labels))
    return frame[:12] + b"\x88\x47" + stack + inside(frame)


def in_ip(proto, payload, ends=OUTER4):
    return ethernet(ip_packet(*ends, proto, payload))


def in_udp(port, payload, ends=OUTER4):
    return in_ip(UDP, struct.pack("!HHHH", 49152, port, 8 + len(payload), 0) + payload, ends)


def vxlan(frame, ends=OUTER4):
    return in_udp(4789, struct.pack("!II", 0x08000000, 42 << 8) + frame, ends)


def geneve(frame):
    option = struct.pack("!HBBI", 0x0102, 0x80, 1, 0xdeadbeef)
    return in_udp(6081, struct.pack("!BBHI", len(option) // 4, 0x40, 0x6558, 7 << 8) + option + frame)


def gre(frame):
    """With checksum, key and sequence number."""
    packet = inside(frame)
    head = struct.pack("!HHHHII", 0xb000, ether_type(packet), 0, 0, 7, 99)
    return in_ip(GRE, head[:4] + struct.pack("!H", checksum(head + packet)) + head[6:] + packet)


def erspan(kind):
    heads = {1: struct.pack("!HH", 0, 0x88be),
             2: struct.pack("!HHIII", 0x1000, 0x88be, 5, 0x10050007, 3),
             3: struct.pack("!HHIIIHH", 0x1000, 0x22eb, 5, 0x20050007, 3, 1, 0),
             "3 with its platform": struct.pack("!HHIIIHHQ", 0x1000, 0x22eb, 5, 0x20050007, 3, 1, 1, 4 << 56)}
    return lambda frame: in_ip(GRE, heads[kind] + frame)


def ip_in_ip(frame, ends=OUTER4):
    packet = inside(frame)
    return in_ip(41 if packet[0] >> 4 == 6 else 4, packet, ends)


def pppoe(frame):
    packet = inside(frame)
    proto = 0x57 if packet[0] >> 4 == 6 else 0x21
    return frame[:12] + struct.pack("!HBBHHH", 0x8864, 0x11, 0, 1, len(packet) + 2, proto) + packet


def extended(frame):
    """IPv6: hop-by-hop and destination options in front of the transport."""
    p = inside(frame)
    if p[0] >> 4 == 4:
        return frame
    head = p[:4] + struct.pack("!H", len(p) - 40 + 16) + b"\0" + p[7:40]
    return ethernet(head + bytes([60, 0, 5, 2, 0, 0, 1, 0, p[6], 0, 1, 4, 0, 0, 0, 0]) + p[40:])


TUNNELS = {
    "VLAN": lambda f: tagged(f, (0x8100, 5)),
    "QinQ": lambda f: tagged(f, (0x88a8, 5), (0x8100, 7)),
    "three tags": lambda f: tagged(f, (0x9100, 5), (0x8100, 7), (0x8100, 9)),
    "MPLS": lambda f: mpls(f, 1000, 17, 99),
    "MPLS pseudo wire": lambda f: ethernet(inside(f))[:12] + struct.pack("!HII", 0x8847, 77 << 12 | 0x140, 0) + f,
    "VXLAN": vxlan,
    "VXLAN over IPv6": lambda f: vxlan(f, OUTER6),
    "VXLAN in VXLAN": lambda f: vxlan(vxlan(f)),
    "VLAN, VXLAN, VLAN": lambda f: tagged(vxlan(tagged(f, (0x8100, 3))), (0x8100, 4)),
    "GENEVE": geneve,
    "GRE": gre,
    "ERSPAN I": erspan(1),
    "ERSPAN II": erspan(2),
    "ERSPAN III": erspan(3),
    "ERSPAN III with its platform": erspan("3 with its platform"),
    "IP in IP": ip_in_ip,
    "IP in IPv6": lambda f: ip_in_ip(f, OUTER6),
    "PPPoE": pppoe,
    "IPv6 extension headers": extended,
    "padding and checksum of Ethernet": lambda f: f + bytes(max(0, 60 - len(f))) + b"\xde\xad\xbe\xef",
}

# --- Link types: packet to bytes --------------------------------------------------------------------


def family(order, of_ipv6):
    return lambda p: struct.pack(order + "I", of_ipv6 if p[0] >> 4 == 6 else 2) + p


def cooked(p):
    return struct.pack("!HHH8sH", 0, 1, 6, bytes(8), ether_type(p)) + p


def cooked2(p):
    return struct.pack("!HHIHBB8s", ether_type(p), 0, 3, 1, 4, 6, bytes(8)) + p


LINKS = {
    "raw IP": (101, bytes),
    "raw IP by another number": (12, bytes),
    "loopback of FreeBSD": (0, family("<", 28)),
    "loopback of another byte order": (0, family(">", 30)),
    "loopback of OpenBSD": (108, family(">", 24)),
    "Linux cooked": (113, cooked),
    "Linux cooked v2": (276, cooked2),
    "PPP": (9, lambda p: struct.pack("!HH", 0xff03, 0x57 if p[0] >> 4 == 6 else 0x21) + p),
}


def write_pcap_of(path, packets, link, order="<"):
    """Microseconds."""
    with open(path, "wb") as f:
        f.write(struct.pack(order + "IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, link))
        for ns, p in packets:
            f.write(struct.pack(order + "IIII", ns // 10**9, ns % 10**9 // 1000, len(p), len(p)) + p)


def write_pcapng(path, packets, order):
    """Four interfaces of other link types and clocks, packet by packet in turn."""
    def block(kind, body):
        return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)

    kinds = ((1, 9, ethernet), (101, 6, bytes), (113, 8, cooked), (276, 0x80 | 30, cooked2))
    with open(path, "wb") as f:
        f.write(block(0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1)))
        for link, clock, _ in kinds:
            f.write(block(1, struct.pack(order + "HHIHHB3xI", link, 0, 0, 9, 1, clock, 0)))
        for i, (ns, frame) in enumerate(packets):
            _, clock, make = kinds[i % 4]
            ticks = -(-(ns << 30) // 10**9) if clock & 0x80 else ns * 10**clock // 10**9
            p = make(inside(frame))
            f.write(block(6, struct.pack(order + "IIIII", i % 4, ticks >> 32, ticks & 0xffffffff, len(p), len(p)) +
                          p + bytes(-len(p) % 4)))


# --- Fragments --------------------------------------------------------------------------------------


def fragments_of(packet, ident, mtu):
    six = packet[0] >> 4 == 6
    head, body = (packet[:40], packet[40:]) if six else (packet[:20], packet[20:])
    step = mtu - len(head) - 8 & ~7
    for at in range(0, len(body), step):
        piece, more = body[at:at + step], at + step < len(body)
        if six:
            yield (head[:4] + struct.pack("!HB", 8 + len(piece), FRAGMENT) + head[7:] +
                   struct.pack("!BBHI", head[6], 0, at | more, ident) + piece)
            continue
        h = head[:2] + struct.pack("!HHH", 20 + len(piece), ident & 0xffff, more << 13 | at >> 3) + head[8:10]
        yield h + struct.pack("!H", checksum(h + b"\0\0" + head[12:])) + head[12:] + piece


def fragmented(packets, mtu, rng):
    """In any order, one of them twice."""
    out = []
    for i, (ns, frame) in enumerate(packets):
        packet = inside(frame)
        pieces = list(fragments_of(packet, i + 1, mtu)) if len(packet) > mtu else [packet]
        if len(pieces) > 1:
            pieces.append(rng.choice(pieces))
            rng.shuffle(pieces)
        out += [(ns, ethernet(p)) for p in pieces]
    return out


# --- TCP --------------------------------------------------------------------------------------------


class Segment:
    def __init__(self, ns, packet):
        four = packet[0] >> 4 == 4
        at = 20 if four else 40
        src, dst = (packet[12:16], packet[16:20]) if four else (packet[8:24], packet[24:40])
        self.src, self.dst = str(ipaddress.ip_address(src)), str(ipaddress.ip_address(dst))
        self.sport, self.dport, self.seq, self.ack = struct.unpack_from("!HHII", packet, at)
        self.ns, self.flags, self.data = ns, packet[at + 13], packet[at + 20:]

    @property
    def way(self):
        return self.src, self.sport, self.dst, self.dport

    def packet(self, seq=None, data=None, ns=None):
        return (self.ns if ns is None else ns,
                ethernet(tcp(self.src, self.sport, self.dst, self.dport, self.seq if seq is None else seq, self.ack,
                             self.flags, self.data if data is None else data)))


def of_segments(packets, change):
    """@change gives the packets that a segment becomes; other packets stay."""
    out = []
    for ns, frame in packets:
        p = inside(frame)
        out += change(Segment(ns, p)) if p[9 if p[0] >> 4 == 4 else 6] == 6 else [(ns, frame)]
    return out


def wrapping(packets, rng):
    """Sequence numbers of both directions begin so high that they wrap soon."""
    shift = {}

    def change(s):
        back = (s.dst, s.dport, s.src, s.sport)
        for way, number in ((s.way, s.seq), (back, s.ack)):
            if way not in shift and (way == s.way or s.flags & ACK):
                shift[way] = (1 << 32) - rng.randrange(1, 2000) - number
        s.seq += shift[s.way]
        s.ack += shift.get(back, 0)
        return [s.packet()]
    return of_segments(packets, change)


def resegmented(packets, rng, longest, overlap):
    """Cut into pieces that come in any order, some twice; they overlap, and keep-alives are between."""
    def change(s):
        if not s.data or s.flags & (SYN | FIN | RST):
            return [s.packet()]
        parts, at = [], 0
        while at < len(s.data):
            n = rng.randrange(1, longest)
            a, b = max(0, at - rng.randrange(overlap)), at + n + rng.randrange(overlap)
            parts.append((s.seq + a, s.data[a:b]))
            at += n
        parts += rng.sample(parts, len(parts) // 4)
        parts.append((s.seq + len(s.data) - 1, s.data[-1:]))
        rng.shuffle(parts)
        return [s.packet(seq, data, s.ns + i) for i, (seq, data) in enumerate(parts)]
    return of_segments(packets, change)
