#!/usr/bin/env python3
"""What leaves the graph arrives: `sluiced run` on a veth, with a spool and a backup, while stores and the process die.

A sender in a network namespace numbers its records; a reader of the stores finds every one that was not counted as lost,
those of a key in order, and what is there twice has the same _id.
"""
import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from kafka_broker import Broker, missing  # noqa: E402
from sluice import SKIP, Checks, Run  # noqa: E402

NS = f"slspool{os.getpid()}"
HERE, THERE = "10.98.0.1", "10.98.0.2"
KEYS, PER, RATE = 97, 8, 3000
AWAY_S = 60  # that a broker is away
HEAD = """
capture: {{ ports: [{{ device: "net_af_packet0,iface={iface}" }}] }}
api: {{ socket: {dir}/control.sock }}
sources: {{ lines: {{ match: {{ udp: 5170 }}, parser: lines }} }}
"""
# Numbered records at a steady rate until it is told to stop; then how many there were.
SENDER = """
import select, socket, sys, time
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
n, began = 0, time.monotonic()
while not select.select([sys.stdin], [], [], 0)[0]:
    u.sendto(b"".join(b'{"n":%%d,"k":"key-%%d","pad":"%%s"}\\n' %% (i, i %% %d, b"x" * 100) for i in range(n, n + %d)), ("%s", 5170))
    n += %d
    time.sleep(max(0, began + n / int(sys.argv[1]) - time.monotonic()))
print(n)
""" % (KEYS, PER, HERE, PER)


def sh(*cmd, check=True):
    return subprocess.run(cmd, check=check, capture_output=True, text=True)


class Sender:
    def __init__(self, rate=RATE):
        self.p = subprocess.Popen(["ip", "netns", "exec", NS, sys.executable, "-c", SENDER, str(rate)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)

    def stop(self):
        out, _ = self.p.communicate("stop\n", timeout=20)
        return int(out)


class Appliance:
    """One `sluiced run`."""

    def __init__(self, lab, config, name):
        self.lab, self.ledger, self.err = lab, lab.path(f"{name}.json"), lab.path(f"{name}.err")
        path = lab.path(f"{name}.yaml")
        with open(path, "w") as f:
            f.write(HEAD.format(iface=lab.iface, dir=lab.dir) + config)
        with open(self.err, "w") as err:
            self.p = subprocess.Popen([lab.binary, "run", "-c", path, "--ledger", self.ledger], stderr=err)
        for _ in range(200):
            if "port net_af_packet0" in self.told() or self.p.poll() is not None:
                break
            time.sleep(0.05)
        lab.t.check(self.p.poll() is None, f"{name}: it runs: {self.told()[-600:]}")

    def told(self):
        with open(self.err) as f:
            return f.read()

    def wait_for(self, text, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if text in self.told():
                return True
            time.sleep(0.05)
        return self.lab.t.check(False, f"told within {seconds} s: {text!r}: {self.told()[-1500:]}")

    def row(self, stage, scope):
        """As it was at most a second ago; {} when nobody answers."""
        ctl = os.path.join(os.path.dirname(self.lab.binary), "sluicectl")
        p = subprocess.run([ctl, "--socket", self.lab.path("control.sock"), "--json", "ledger"], capture_output=True, text=True)
        if p.returncode:
            return {}
        run = Run(0, b"", "", json.loads(p.stdout))
        row = run.row(stage, scope) or {}
        return {name: n for kind in row.values() if isinstance(kind, dict) for name, n in kind.items()}

    def stop(self):
        self.p.send_signal(signal.SIGTERM)
        status = self.p.wait(40)
        with open(self.ledger) as f:
            return Run(status, b"", self.told(), json.load(f))

    def kill(self):
        self.p.kill()
        self.p.wait()


class Lab:
    def __init__(self, binary, directory, port):
        self.binary, self.dir, self.t = binary, directory, Checks()
        self.iface = f"slv{os.getpid() % 1000000}"
        self.a = Broker(self.path("a"), port)
        self.b = Broker(self.path("b"), port + 2)
        os.mkdir(self.a.dir)
        os.mkdir(self.b.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def up(self):
        sh("ip", "netns", "add", NS)
        sh("ip", "link", "add", self.iface, "type", "veth", "peer", "name", "veth-s", "netns", NS)
        sh("ip", "addr", "add", f"{HERE}/24", "dev", self.iface)
        sh("ip", "link", "set", self.iface, "up")
        for args in (("addr", "add", f"{THERE}/24", "dev", "veth-s"), ("link", "set", "veth-s", "up"),
                     ("neigh", "add", HERE, "lladdr", self.mac(), "dev", "veth-s")):
            sh("ip", "netns", "exec", NS, "ip", *args)

    def mac(self):
        with open(f"/sys/class/net/{self.iface}/address") as f:
            return f.read().strip()

    def down(self):
        sh("ip", "link", "del", self.iface, check=False)
        sh("ip", "netns", "del", NS, check=False)

    def records(self, lines):
        """(n, key, id) of every message, in the order of its partition; they are checked to be what was sent."""
        out = []
        for line in lines:
            _, key, value = line.split(b" ", 2)
            found = re.match(rb'\{"_id":"([^"]+)".*"n":(\d+),"k":"(key-\d+)"', value)
            out.append((int(found[2]), found[3], found[1]))
            self.t.check(key == found[3] and key == b"key-%d" % (int(found[2]) % KEYS), f"the key of {line[:80]}") \
                if key != found[3] else None
        return out

    def expect(self, what, records, numbers, doubles_max):
        """Each of the numbers is there, keys are in order by their first time, and doubles are of one _id and few."""
        ids, last, ordered = {}, {}, True
        doubles = 0
        for n, key, ident in records:
            if n in ids:
                doubles += 1
                self.t.check(ids[n] == ident, f"{what}: record {n} is there twice, with two ids") if ids[n] != ident else None
                continue
            ids[n] = ident
            ordered &= n > last.get(key, -1)
            last[key] = n
        gone = [n for n in numbers if n not in ids]
        self.t.check(not gone, f"{what}: {len(gone)} of {len(numbers)} are missing: {gone[:10]}")
        self.t.check(ordered, f"{what}: records of a key are in order")
        self.t.check(len(set(ids.values())) == len(ids), f"{what}: an _id is one record's")
        self.t.check(doubles <= doubles_max, f"{what}: {doubles} are there twice, at most {doubles_max} allowed")
        print(f"  {what}: {len(ids)} records, {doubles} twice")
        return ids

    def expect_nothing_lost(self, what, run, queue, n):
        self.t.healthy(run, what)
        self.t.equal(run.status, 0, f"{what}: exit status: {run.err[-1500:]}")
        for stage in ("queue", "courier", "spool", "sink"):
            loss = (run.row(stage, queue) or {"loss": {}})["loss"]
            self.t.check(not any(loss.values()), f"{what}: {stage} lost: {loss}")
        c = lambda stage, name: run.count(stage, queue, name)  # noqa: E731
        self.t.equal(c("queue", "records_in"), n, f"{what}: all came to the queue")
        self.t.equal(c("courier", "records_in"), c("queue", "records_out"), f"{what}: the courier has what workers gave")
        self.t.equal(c("courier", "sent"), c("sink", "records_in"), f"{what}: sinks have what the courier sent")
        self.t.equal(c("courier", "returned"), c("sink", "returned"), f"{what}: what sinks gave back")

    # -- what is tested --

    def a_broker_is_stopped_and_started(self):
        self.a.create("away", 4)
        sender_config = f"""
sinks: {{ k: {{ kafka: {{ brokers: "{self.a.address}" }} }} }}
spool: {{ dir: {self.path('spool-away')} }}
queues: {{ lab/away: {{ from: lines, sink: k, key: k, topic: away }} }}
"""
        run = Appliance(self, sender_config, "away")
        sender = Sender()
        time.sleep(2)
        self.a.stop()
        run.wait_for("queue lab/away: records go to the spool", 10)
        time.sleep(AWAY_S)
        self.a.start()
        run.wait_for("queue lab/away: the spool is drained", 60)
        n = sender.stop()
        time.sleep(0.5)
        done = run.stop()
        self.expect_nothing_lost("broker stopped", done, "lab/away", n)
        self.t.check(done.count("spool", "lab/away", "acked") > RATE, "broker stopped: the spool was used")
        self.t.equal(done.count("sink", "lab/away", "written"), n, "broker stopped: all are written")
        self.expect("broker stopped", self.records(self.a.read("away")), range(n), 0)

    def sluiced_is_killed_ten_times(self):
        """syslog-ng/syslog-ng#4430, vectordotdev/vector#25639: what was in the buffer, or acknowledged, is lost in a crash."""
        self.a.create("killed", 4)
        config = f"""
sinks: {{ k: {{ kafka: {{ brokers: "{self.a.address}", linger: 50ms }} }} }}
spool: {{ dir: {self.path('spool-killed')}, sync: batch }}
queues: {{ lab/killed: {{ from: lines, sink: k, key: k, topic: killed, spool: always }} }}
"""
        chance = random.Random(7)
        sender, held = Sender(), []
        for i in range(10):
            run = Appliance(self, config, f"killed{i}")
            if i in (3, 6):  # the stores do not take it: all of it is in the spool
                self.a.signal(signal.SIGSTOP)
            until = time.monotonic() + chance.uniform(0.8, 1.8)
            most = 0
            while time.monotonic() < until:
                row = run.row("spool", "lab/killed")
                most = row["acked"] + row["held"] - row["recovered"] if row else most
            run.kill()
            held.append(most)
            self.a.signal(signal.SIGCONT)
        n = sender.stop()
        run = Appliance(self, config, "killed-last")
        run.wait_for("queue lab/killed: the spool is drained", 20)
        done = run.stop()
        self.t.healthy(done, "killed")
        self.t.equal(done.count("spool", "lab/killed", "held"), 0, f"killed: nothing is left in the spool: {done.err[-800:]}")
        ids = self.expect("killed", self.records(self.a.read("killed")), [], 10 * 2 * RATE)
        # Each run has the records from its start to its end: a block without holes, as long as what it counted as held.
        numbers, blocks = sorted(ids), []
        for i in numbers:
            if not blocks or i != blocks[-1][1] + 1:
                blocks.append([i, i])
            blocks[-1][1] = i
        self.t.check(len(blocks) <= 11, f"killed: {len(blocks)} blocks of records: {blocks}")
        lengths = [b - a + 1 for a, b in blocks]
        counted = [h for h in held if h]
        print(f"  killed: runs had counted {counted} as held when they died, and {lengths} arrived, of {n}")
        self.t.check(len(counted) >= 5, f"killed: runs that told what they held: {held}")
        if len(blocks) == len(held) + 1:
            for h, length in zip(held, lengths):
                self.t.check(length >= h, f"killed: {length} arrived of a run that had {h}")
        self.t.check(sum(lengths) >= sum(counted), f"killed: {sum(lengths)} arrived, {sum(counted)} were counted as held")

    def what_is_held_or_acknowledged_outlives_a_kill(self):
        """What is in flight, in memory, may not; with `overflow` that is what a sink has not acknowledged."""
        self.a.create("over", 4)
        config = f"""
sinks: {{ k: {{ kafka: {{ brokers: "{self.a.address}" }} }} }}
spool: {{ dir: {self.path('spool-over')}, sync: batch }}
queues: {{ lab/over: {{ from: lines, sink: k, key: k, topic: over }} }}
"""
        run, sender = Appliance(self, config, "over"), Sender()
        time.sleep(1)
        self.a.signal(signal.SIGSTOP)
        run.wait_for("queue lab/over: records go to the spool", 10)
        time.sleep(1)
        row = {stage: run.row(stage, "lab/over") for stage in ("sink", "spool", "queue")}
        run.kill()
        self.a.signal(signal.SIGCONT)
        sender.stop()
        run = Appliance(self, config, "over-last")
        run.wait_for("queue lab/over: the spool is drained", 20)
        done = run.stop()
        self.t.healthy(done, "over")
        ids = self.expect("over", self.records(self.a.read("over")), [], 10 * RATE)
        written, held, flying = row["sink"]["written"], row["spool"]["held"], row["sink"]["in_flight"]
        self.t.check(written > 0 and held > 0 and flying > 0, f"over: it is a mixture: {row}")
        self.t.check("held" not in row["sink"], "over: what is in memory is not called held")
        self.t.check(len(ids) >= written + held, f"over: {len(ids)} arrived, {written} were acknowledged and {held} held: {row}")
        print(f"  over: {written} were acknowledged, {held} held and {flying} in flight when it died; {len(ids)} arrived")

    def the_disk_of_the_spool_is_full(self):
        disk = self.path("small")
        os.mkdir(disk)
        sh("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk)
        try:
            self.disk_full(disk)
        finally:
            sh("umount", disk, check=False)

    def disk_full(self, disk):
        config = """
sinks: {{ k: {{ {sink} }} }}
spool: {{ dir: {disk}, segment_bytes: 1MiB, level: 0 }}
queues: {{ lab/full: {{ from: lines, sink: k }} }}
"""
        run = Appliance(self, config.format(sink='kafka: { brokers: "127.0.0.1:1" }', disk=disk), "full1")
        sender = Sender(15 * RATE)
        run.wait_for("No space left on device", 20)
        time.sleep(4)
        n = sender.stop()
        time.sleep(1)
        one = run.stop()
        self.t.check("lab/full: spool: " in one.err, f"full: told by name: {one.err[-800:]}")
        came, unread = one.count("extract", "lines", "frames_in"), one.count("extract", "lines", "shed")
        shed = unread + one.count("queue", "lab/full", "shed") + one.count("courier", "lab/full", "given_up")
        self.t.equal(came, n, "full: all came")
        self.t.check(unread > 0, "full: what nobody could have kept is not even read (sources.shed)")
        off = [r for r in one.ledger["rows"] if r["imbalance"]]
        self.t.check(not off, f"full: the ledger balances: {off}")
        held = one.count("spool", "lab/full", "held")
        self.t.equal(held + shed, n, f"full: what is not held is counted as lost: {held} held, {shed} lost")
        out = self.path("full.ndjson")
        run = Appliance(self, config.format(sink=f"file: {{ path: {out} }}", disk=disk), "full2")
        run.wait_for(f"{held} records of an earlier run are in the spool", 10)
        time.sleep(1.5)
        two = run.stop()
        self.t.equal(two.status, 0, f"full: the second run: {two.err[-500:]}")
        lines = b"".join(open(os.path.join(self.dir, f), "rb").read() for f in sorted(os.listdir(self.dir)) if f.startswith("full-"))
        numbers = [int(x) for x in re.findall(rb'"n":(\d+)', lines)]
        self.t.equal(len(numbers), held, "full: all that was held arrived (syslog-ng/syslog-ng#4402: another sink is no reason not to)")
        self.t.check(numbers == sorted(set(numbers)), "full: each once, in order")
        print(f"  full: {n} came, {held} were held, {shed} lost, {unread} of these unread")

    def the_primary_is_killed_and_the_backup_takes_over(self):
        """strimzi/strimzi-kafka-operator#10942, apache/kafka#22248: a failover that loses or repeats data, silently."""
        self.b.start()
        for broker in (self.a, self.b):
            broker.create("moved", 4)
        spool = self.path("spool-moved")
        config = f"""
sinks:
  ka: {{ kafka: {{ brokers: "{self.a.address}" }} }}
  kb: {{ kafka: {{ brokers: "{self.b.address}" }} }}
spool: {{ dir: {spool} }}
queues:
  lab/moved: {{ from: lines, sink: ka, backup: kb, key: k, topic: moved, switch_after: 2s, return_after: 3s }}
"""
        run = Appliance(self, config, "moved")
        sender = Sender()
        time.sleep(2)
        self.a.kill()
        run.wait_for("records go to sink kb now, not to ka", 20)
        time.sleep(2)
        self.a.start()
        run.wait_for("records go to sink ka now, not to kb", 30)
        time.sleep(2)
        n = sender.stop()
        time.sleep(0.5)
        done = run.stop()
        self.expect_nothing_lost("failover", done, "lab/moved", n)
        on_a, on_b = (self.records(x.read("moved")) for x in (self.a, self.b))
        with open(os.path.join(spool, "cuts.ndjson")) as f:
            cuts = [json.loads(line) for line in f]
        begins, cuts = [c for c in cuts if "sink" in c], [c for c in cuts if "from" in c]
        self.t.equal([(c["queue"], c["from"], c["to"]) for c in cuts], [("lab/moved", "ka", "kb"), ("lab/moved", "kb", "ka")],
                     "failover: the cuts are written down")
        # What the backup has, by its own offsets, is what the second cut says of it.
        offsets = collections.defaultdict(list)
        for line in self.b.read("moved", "%p %o\\n"):
            partition, offset = line.split()
            offsets[partition.decode()].append(int(offset))
        self.t.equal(cuts[1]["written"], {p: [min(x), max(x)] for p, x in offsets.items()}, "failover: first and last offsets")
        self.t.equal({p: first for p, (first, _) in begins[0]["written"].items()}, {p: min(x) for p, x in offsets.items()},
                     "failover: the first offsets on the new side")
        self.t.equal([(b["sink"], b["since"]) for b in begins], [("kb", cuts[0]["acked"]), ("ka", cuts[1]["acked"])],
                     "failover: where the new side begins is written down each time")
        self.t.equal(sorted(cuts[0]["written"]), ["0", "1", "2", "3"], "failover: the partitions of the primary")
        # The number of a record is its place in the queue. Below the first cut all is on a; between the two on b, but for
        # what a partition of a had acknowledged before another; behind the second on a, with the same exception.
        first, second = (c["acked"] for c in cuts)
        self.t.check(0 < first < second < n, f"failover: cuts at {first} and {second}")
        has_a, has_b = ({r[0] for r in x} for x in (on_a, on_b))
        self.t.check(has_a >= set(range(first)), "failover: the primary has all below the first cut")
        self.t.check(has_b and min(has_b) >= first, "failover: the backup has nothing from before it")
        self.t.check(has_a | has_b >= set(range(n)), "failover: together they have all")
        early = [r for r in on_a if r[0] < second]
        late = [r for r in on_a if r[0] >= second]
        again = done.count("courier", "lab/moved", "returned") + done.count("courier", "lab/moved", "again")
        self.expect("failover", early + on_b + late, range(n), again)


def main():
    why = missing()
    if not why and (os.geteuid() != 0 or sh("ip", "netns", "add", NS, check=False).returncode):
        why = "network namespaces need root"
    if why:
        must = os.environ.get("CI") == "true"
        print(f"{'FAIL' if must else 'skipped'}: {why}")
        sys.exit(1 if must else SKIP)
    sh("ip", "netns", "del", NS)
    directory = tempfile.mkdtemp(prefix="sluice-spool-")
    lab = Lab(os.path.abspath(sys.argv[1]), directory, 20000 + os.getpid() % 20000)
    only = sys.argv[2:]
    try:
        lab.up()
        lab.a.start()
        for scenario in (lab.a_broker_is_stopped_and_started, lab.sluiced_is_killed_ten_times, lab.what_is_held_or_acknowledged_outlives_a_kill,
                         lab.the_disk_of_the_spool_is_full, lab.the_primary_is_killed_and_the_backup_takes_over):
            if only and scenario.__name__ not in only:
                continue
            at = time.monotonic()
            scenario()
            print(f"{scenario.__name__}: {time.monotonic() - at:.1f} s", flush=True)
    finally:
        lab.a.stop()
        lab.b.stop()
        lab.down()
        shutil.rmtree(directory, ignore_errors=True)
    lab.t.done()


main()
