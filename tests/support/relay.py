#!/usr/bin/env python3
"""Hands frames on between two interfaces, and loses, doubles and delays some: netem for kernels without it.

    relay.py DEV1 DEV2 SEED LOSS DOUBLE REORDER     the last three from 0 to 1; ends on SIGTERM

Says "ready" when it listens; says what it did on standard error when it is ended.
"""
import heapq
import random
import select
import signal
import socket
import sys
import time

SOL_PACKET, PACKET_IGNORE_OUTGOING, ETH_P_ALL, SO_RCVBUFFORCE = 263, 23, 3, 33
DELAY, LATE = 0.0003, 0.003
ALWAYS = b"\x08\x06"  # ARP


def opened(device):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    s.bind((device, 0))
    s.setblocking(False)
    return s


def take(s, other, rnd, odds, queue, did):
    """All that waits at @s, into the queue of what is to be sent, ordered by when."""
    loss, double, reorder = odds
    while True:
        try:
            frame = s.recv(65536)
        except BlockingIOError:
            return
        did["taken"] += 1
        sure = frame[12:14] == ALWAYS
        if not sure and rnd.random() < loss:
            did["lost"] += 1
            continue
        late = not sure and rnd.random() < reorder
        did["late"] += late
        copies = 1 + (not sure and rnd.random() < double)
        did["doubled"] += copies - 1
        for _ in range(copies):
            did["sent"] += 1
            heapq.heappush(queue, (time.monotonic() + DELAY + late * LATE, did["sent"], other, frame))


def main():
    a, b = (opened(d) for d in sys.argv[1:3])
    rnd, odds = random.Random(int(sys.argv[3])), [float(x) for x in sys.argv[4:7]]
    queue, did, stop = [], dict(taken=0, sent=0, lost=0, late=0, doubled=0), []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    print("ready", flush=True)
    while not stop:
        wait = max(0, queue[0][0] - time.monotonic()) if queue else 0.2
        for s in select.select([a, b], [], [], wait)[0]:
            take(s, b if s is a else a, rnd, odds, queue, did)
        while queue and queue[0][0] <= time.monotonic():
            to, frame = heapq.heappop(queue)[2:]
            try:
                to.send(frame)
            except OSError:
                did["lost"] += 1
    print(did, file=sys.stderr)


if __name__ == "__main__":
    main()
