#!/usr/bin/env python3
"""The Kafka sink and a real Apache Kafka 4 broker: what was read from a capture is in the topic, once and in order,
whatever the broker does meanwhile; and where it cannot be, the ledger says how much and why.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from kafka_broker import Broker, missing  # noqa: E402
from lines_capture import KEYS, make_capture  # noqa: E402
from sluice import SKIP, Checks, Run, replay  # noqa: E402

N_LARGE = 100_000
HEAD = """
sources:
  lines: {{ match: {{ udp: 5170 }}, parser: lines }}
sinks:
  k: {{ kafka: {{ brokers: "{broker}", {options} }} }}
queues:
"""

SLIM = """
pipeline:
  slim: { op: project, from: lines, select: "n::int AS n, k::text AS k" }
"""


class Lab:
    def __init__(self, binary, directory, port):
        self.binary, self.dir, self.t = binary, directory, Checks()
        names = {"PLAINTEXT": port, "SASL_PLAINTEXT": port + 2, "SASL_SSL": port + 3, "SSL": port + 4}
        advertised = ",".join(f"{name}://127.0.0.1:{number}" for name, number in names.items())
        self.sasl, self.sasl_ssl, self.ssl = (f"127.0.0.1:{port + i}" for i in (2, 3, 4))
        plain = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_sluice="right";'
        self.make_certificates()
        self.broker = Broker(
            directory, port, f"listeners={advertised},CONTROLLER://127.0.0.1:{port + 1}", f"advertised.listeners={advertised}",
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT," + ",".join(f"{n}:{n}" for n in names),
            "sasl.enabled.mechanisms=PLAIN", f"listener.name.sasl_plaintext.plain.sasl.jaas.config={plain}",
            f"listener.name.sasl_ssl.plain.sasl.jaas.config={plain}", "listener.name.ssl.ssl.client.auth=required",
            "ssl.keystore.type=PEM", f"ssl.keystore.location={self.path('server.both')}",
            "ssl.truststore.type=PEM", f"ssl.truststore.location={self.path('ca.pem')}")

    def make_certificates(self):
        """Of one authority: the broker's, and a client's, whose key has a password."""
        def openssl(*words):
            subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=self.dir)
        for name in ("ca", "other"):
            openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-keyout", f"{name}.key", "-out", f"{name}.pem")
        with open(self.path("names"), "w") as f:
            f.write("subjectAltName=IP:127.0.0.1\n")
        for name, key in (("server", ["-nodes"]), ("client", ["-passout", "pass:of-the-key"])):
            openssl("req", "-newkey", "rsa:2048", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                    "-extfile", "names", "-out", f"{name}.pem")
        with open(self.path("server.both"), "wb") as both:
            for name in ("server.key", "server.pem"):
                with open(self.path(name), "rb") as f:
                    both.write(f.read())

    def path(self, name):
        return os.path.join(self.dir, name)

    def replay(self, capture, queues, *args, options="linger: 5ms", broker=None, before=""):
        config = self.path("sluice.yaml")
        with open(config, "w") as f:
            f.write(before + HEAD.format(broker=broker or self.broker.address, options=options) + queues)
        return replay(self.binary, capture, "-c", config, *args, timeout=120)

    def expect_all(self, topic, n, what):
        """Records 0 to n - 1 are in the topic, each once; those of a key in order, in one partition."""
        last, where, seen = {}, {}, set()
        ordered = True
        lines = self.broker.read(topic)
        for line in lines:
            partition, key, value = line.split(b" ", 2)
            i = int(re.search(rb'"n":(\d+)', value)[1])
            ordered &= i > last.get(key, -1) and where.setdefault(key, partition) == partition
            ordered &= key == b"key-%d" % (i % KEYS)
            last[key] = i
            seen.add(i)
        self.t.equal(len(lines), n, f"{what}: messages in the topic (duplicates count)")
        self.t.equal(len(seen), n, f"{what}: different records in the topic")
        self.t.check(ordered, f"{what}: records of a key are in one partition and in order")
        self.t.equal(len({*where.values()}) > 1, n > 1000, f"{what}: keys are spread over partitions")

    def expect_written(self, run, queue, n, what):
        self.t.healthy(run, what)
        self.t.equal(run.count("sink", queue, "written"), n, f"{what}: written in the ledger: {run.err[-400:]}")

    # -- what is tested --

    def many(self):
        capture = self.path("large.pcap")
        make_capture(capture, N_LARGE, 1)
        run = self.replay(capture, "  lab/many: { from: lines, sink: k, key: k, partitions: 4 }\n",
                          options="create: true, compression: lz4")
        self.expect_written(run, "lab/many", N_LARGE, "many records")
        self.t.equal(run.status, 0, "many records: exit status")
        self.expect_all("lab.many", N_LARGE, "many records")

    def packed(self):
        capture = self.path("large.pcap")
        run = self.replay(capture, "  lab/packed: { from: lines, sink: k, topic: packed, pack: 100, partitions: 1 }\n",
                          options="create: true, compression: zstd")
        self.expect_written(run, "lab/packed", N_LARGE, "packed")
        lines = self.broker.read("packed", "%s\\n")
        numbers = [int(re.search(rb'"n":(\d+)', line)[1]) for line in lines]
        self.t.check(numbers == list(range(N_LARGE)), "packed: every record once, in order")
        offsets = self.broker.read("packed", "%o\\n")
        self.t.check(len(offsets) < N_LARGE / 50, f"packed: {len(offsets)} messages")

    def with_headers(self):
        capture = self.path("few.pcap")
        make_capture(capture, 20, 0)
        run = self.replay(capture, "  lab/headed: { from: lines, sink: k, headers: true }\n", options="create: true")
        self.expect_written(run, "lab/headed", 20, "headers")
        for line in self.broker.read("lab.headed", "%h %s\\n"):
            found = re.match(rb'sluice-id=([^,]+),sluice-hop=1 \{"_id":"([^"]+)"', line)
            self.t.check(found and found[1] == found[2], f"headers: {line[:120]}")

    def while_it_runs(self, name, meddle, seconds=5, n=40_000):
        capture = self.path("slow.pcap")
        make_capture(capture, n, seconds)
        self.broker.create(name, 4)
        run = self.t.meddled(
            lambda: self.replay(capture, f"  lab/{name}: {{ from: lines, sink: k, key: k, topic: {name} }}\n", "--speed", "real"),
            meddle, 1.5, name)
        self.expect_written(run, f"lab/{name}", n, name)
        self.t.equal(run.status, 0, f"{name}: exit status")
        self.t.equal(run.err.count("waiting for it"), 1, f"{name}: told once that it waits: {run.err[-600:]}")
        self.expect_all(name, n, name)

    def password(self):
        self.broker.create("secret", 1)
        queue = "  lab/secret: { from: lines, sink: k, topic: secret }\n"
        options = ("properties: {{ security.protocol: SASL_PLAINTEXT, sasl.mechanism: PLAIN, sasl.username: sluice }}, "
                   "password: \"{}\"")
        with open(self.path("password"), "w") as f:
            f.write("right\n")
        run = self.replay(self.path("few.pcap"), queue, broker=self.sasl,
                          options=options.format(f"file:{self.path('password')}"))
        self.expect_written(run, "lab/secret", 20, "password")
        self.t.equal(run.status, 0, "password: exit status")
        run = self.replay(self.path("few.pcap"), queue, broker=self.sasl,
                          options=options.format("wrong-one") + ", timeout: 3s")
        self.t.equal(run.count("sink", "lab/secret", "timed_out"), 20, f"wrong password: counted: {run.err[-500:]}")
        self.t.check("uthentication failed" in run.err and "wrong-one" not in run.err, f"wrong password: told: {run.err}")

    def tls(self):
        self.broker.create("tls", 1)
        few, queue = self.path("few.pcap"), "  lab/tls: { from: lines, sink: k, topic: tls }\n"
        ca, other = (f"ssl.ca.location: {self.path(name)}" for name in ("ca.pem", "other.pem"))
        login = "security.protocol: SASL_SSL, sasl.mechanism: PLAIN, sasl.username: sluice"
        mutual = (f"security.protocol: SSL, {ca}, ssl.certificate.location: {self.path('client.pem')}, "
                  f"ssl.key.location: {self.path('client.key')}")
        run = self.replay(few, queue, broker=self.sasl_ssl, options=f"password: right, properties: {{ {login}, {ca} }}")
        self.expect_written(run, "lab/tls", 20, "TLS with a password")
        self.t.equal(run.status, 0, "TLS with a password: exit status")
        run = self.replay(few, queue, broker=self.ssl, options=f"key_password: of-the-key, properties: {{ {mutual} }}")
        self.expect_written(run, "lab/tls", 20, "TLS with a certificate of the client")
        self.t.equal(len(self.broker.read("tls")), 40, "TLS: messages in the topic")
        for what, broker, options, told in (
                ("another authority", self.sasl_ssl, f"password: right, properties: {{ {login}, {other} }}", "certificate verify failed"),
                ("no certificate", self.ssl, f"properties: {{ security.protocol: SSL, {ca} }}", "SSL")):
            run = self.replay(few, queue, broker=broker, options=options + ", timeout: 2s")
            self.t.healthy(run, f"TLS, {what}")
            self.t.equal(run.count("sink", "lab/tls", "timed_out"), 20, f"TLS, {what}: counted: {run.err[-500:]}")
            self.t.check(told in run.err, f"TLS, {what}: told: {run.err[-700:]}")
        run = self.replay(few, queue, broker=self.ssl, options=f"key_password: not-that, properties: {{ {mutual} }}")
        self.t.equal(run.status, 2, f"TLS, a wrong password of the key: {run.err[-400:]}")
        self.t.check("ssl.key.location" in run.err and "not-that" not in run.err, f"TLS, a wrong password of the key: {run.err}")

    def protobuf(self):
        self.broker.create("proto", 1)
        queue = "  lab/proto: { from: lines, sink: k, key: k, topic: proto, format: protobuf }\n"
        run = self.replay(self.path("few.pcap"), queue.replace("lines", "slim"), before=SLIM)
        self.expect_written(run, "lab/proto", 20, "protobuf")
        schema = subprocess.run([self.binary, "schema", "proto", "-c", self.path("sluice.yaml"), "lab/proto"],
                                capture_output=True, text=True, timeout=60)
        with open(self.path("lab.proto"), "w") as f:
            f.write(schema.stdout)
        self.t.equal(schema.returncode, 0, f"protobuf: its schema: {schema.stderr}")
        sizes = [int(n) for n in self.broker.read("proto", "%S\\n")]
        everything = self.broker.raw("proto", "%s")
        self.t.equal(len(sizes), 20, "protobuf: messages")
        at = 0
        for i, size in enumerate(sizes):
            p = subprocess.run(["protoc", "-I", self.dir, "-I", "/usr/include", "--decode=sluice.lab.Proto", "lab.proto"],
                               input=everything[at:at + size], capture_output=True, timeout=60)
            at += size
            text = p.stdout.decode()
            self.t.check(f"\nn: {i}\n" in text and f'\nk: "key-{i}"\n' in text and 'sluice_source: "lines"' in text,
                         f"protobuf: message {i}: {text} {p.stderr}")

    def stopped_for_20_s(self):
        """fluent/fluent-bit#10667: records are dropped after Kafka has returned."""
        def meddle():
            self.broker.stop()
            time.sleep(20)
            self.broker.start()
        self.while_it_runs("stopped", meddle)

    def frozen(self):
        """confluentinc/librdkafka#4134, #2004: gaps, or another order, when a broker freezes."""
        def meddle():  # for longer than the client waits for an answer
            self.broker.signal(signal.SIGSTOP)
            time.sleep(14)
            self.broker.signal(signal.SIGCONT)
        self.while_it_runs("frozen", meddle)

    def too_large(self):
        """apache/kafka and every client: one oversize record fails its neighbours."""
        large = {777, 778, *range(1500, 1600, 5)}
        capture = self.path("sizes.pcap")
        make_capture(capture, 2000, 0, lambda i: 7000 if i in large else 110)
        self.broker.create("small", 1, max_message_bytes=6000)
        run = self.replay(capture, "  lab/small: { from: lines, sink: k, topic: small }\n")
        self.t.healthy(run, "too large")
        self.t.equal(run.status, 1, "too large: exit status")
        self.t.equal(run.count("sink", "lab/small", "too_large"), len(large), f"too large: counted: {run.err[-600:]}")
        self.t.equal(run.count("sink", "lab/small", "written"), 2000 - len(large), "too large: the others are written")
        self.t.check(re.search(r'topic "small": a record of 7\d\d\d bytes, _id \S+ is not written', run.err),
                     f"too large: told with its id: {run.err[-600:]}")
        numbers = [int(re.search(rb'"n":(\d+)', line)[1]) for line in self.broker.read("small", "%s\\n")]
        self.t.check(numbers == [i for i in range(2000) if i not in large], "too large: the others are there, in order")

    def too_large_is_a_dead_letter(self):
        """The record that its topic does not take is kept, and goes where there is room for it, with its key and _id."""
        large = {777, 778, *range(1500, 1600, 5)}
        letters = self.path("dlq")
        queues = f"  lab/letters: {{ from: lines, sink: k, topic: TOPIC, key: k }}\ndead_letters: {{ dir: {letters} }}\n"
        self.broker.create("letters", 1, max_message_bytes=6000)
        self.broker.create("roomy", 1)
        run = self.replay(self.path("sizes.pcap"), queues.replace("TOPIC", "letters"))
        self.t.healthy(run, "letters")
        self.t.equal(run.status, 1, "letters: exit status")
        self.t.equal(run.count("sink", "lab/letters", "dead_letters"), len(large), f"letters: counted: {run.err[-600:]}")
        self.t.equal(run.count("sink", "lab/letters", "too_large"), 0, "letters: and not as lost")
        self.t.equal(run.count("sink", "lab/letters", "written"), 2000 - len(large), "letters: the others are written")
        self.t.equal(run.count("sink", "(dead letters)", "written"), len(large), "letters: all of them are kept")
        ctl = os.path.join(os.path.dirname(self.binary), "sluicectl")
        retry = [ctl, "dlq", "retry", "--all", "-c", self.path("sluice.yaml")]
        p = subprocess.run(retry, capture_output=True, text=True, timeout=120)
        self.t.equal(p.returncode, 1, "letters: the same topic refuses them again")
        self.t.check(f"0 went through, {len(large)} failed again" in p.stderr, f"letters: told: {p.stderr}")
        with open(self.path("sluice.yaml")) as f:
            text = f.read().replace("topic: letters", "topic: roomy")
        with open(self.path("sluice.yaml"), "w") as f:
            f.write(text)
        p = subprocess.run(retry, capture_output=True, text=True, timeout=120)
        self.t.equal(p.returncode, 0, f"letters: a larger topic takes them: {p.stderr}")
        lines = self.broker.read("roomy", "%k %s\\n")
        numbers = [int(re.search(rb'"n":(\d+)', line)[1]) for line in lines]
        self.t.equal(sorted(numbers), sorted(large), "letters: each is there, once")
        self.t.check(all(line.startswith(b"key-%d " % (n % KEYS)) for n, line in zip(numbers, lines)), "letters: with its key")
        ids = subprocess.run([ctl, "dlq", "ls", "--each", "--json", letters], capture_output=True, text=True, timeout=60).stdout
        ids = {json.loads(line)["id"] for line in ids.splitlines()}
        self.t.equal({json.loads(line.split(b" ", 1)[1])["_id"] for line in lines}, ids, "letters: with its _id")

    def wrong_topic(self):
        run = self.replay(self.path("few.pcap"), "  lab/none: { from: lines, sink: k, topic: nosuch }\n")
        self.t.equal(run.status, 2, "wrong topic: exit status")
        self.t.check('queue lab/none: topic "nosuch" does not exist; expected it to be made before, or create: true' in run.err,
                     f"wrong topic: named: {run.err}")
        run = self.replay(self.path("few.pcap"), "  lab/none: { from: lines, sink: k, topic: a/b }\n")
        self.t.equal(run.status, 2, "bad name: exit status")
        self.t.check('"a/b" is no name of a topic' in run.err, f"bad name: {run.err}")
        run = self.replay(self.path("few.pcap"), "  lab/none: { from: lines, sink: k, key: k, pack: 2 }\n")
        self.t.check("2 records in a message do not go with a key" in run.err, f"pack and key: {run.err}")

    def deleted_topic(self):
        capture = self.path("slow.pcap")
        make_capture(capture, 8000, 12)
        self.broker.create("kept", 4)
        self.broker.create("deleted", 1)
        timer = threading.Timer(2, self.broker.delete, ["deleted"])
        timer.start()
        run = self.replay(capture, "  lab/kept: { from: lines, sink: k, key: k, topic: kept }\n"
                          "  lab/deleted: { from: lines, sink: k, topic: deleted }\n", "--speed", "real")
        timer.join()
        self.expect_written(run, "lab/kept", 8000, "the other topic")
        self.expect_all("kept", 8000, "the other topic")
        written, lost = (run.count("sink", "lab/deleted", c) for c in ("written", "no_topic"))
        self.t.equal(run.status, 1, "deleted topic: exit status")
        self.t.check(lost > 0 and written + lost == 8000, f"deleted topic: {written} written, {lost} no_topic")
        self.t.check('topic "deleted": a record of' in run.err, f"deleted topic: named: {run.err[-600:]}")

    def nobody_there(self):
        """A replay waits; when it is told to stop it ends within its bound, and says what was lost."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        config = self.path("sluice.yaml")
        with open(config, "w") as f:
            f.write(HEAD.format(broker=f"127.0.0.1:{port}", options="linger: 5ms") +
                    "  lab/few: { from: lines, sink: k }\n")
        p = subprocess.Popen([self.binary, "replay", "-c", config, self.path("few.pcap")], stderr=subprocess.PIPE, text=True)
        time.sleep(6)
        p.send_signal(signal.SIGTERM)
        at = time.monotonic()
        _, err = p.communicate(timeout=30)
        self.t.check(time.monotonic() - at < 15, "nobody there: the stop is bounded")
        self.t.equal(p.returncode, 1, "nobody there: exit status")
        self.t.check("Connection refused" in err and "20 records failed" in err, f"nobody there: {err[-600:]}")

    def a_live_port_goes_on(self):
        """One sink whose reader went away, one whose broker never was: the third gets everything."""
        config, out = self.path("live.yaml"), self.path("out.ndjson")
        with open(config, "w") as f:
            f.write(f"""
capture: {{ ports: [{{ device: "net_pcap0,rx_pcap={self.path('large.pcap')}" }}] }}
sources: {{ lines: {{ match: {{ udp: 5170 }}, parser: lines }} }}
sinks:
  gone: {{ stdout: {{}} }}
  away: {{ kafka: {{ brokers: "127.0.0.1:1" }} }}
  here: {{ file: {{ path: {out} }} }}
queues:
  lab/gone: {{ from: lines, sink: gone }}
  lab/away: {{ from: lines, sink: away }}
  lab/here: {{ from: lines, sink: here }}
""")
        p = subprocess.Popen([self.binary, "run", "-c", config, "--ledger", self.path("live.json")],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        p.stdout.read(10)
        p.stdout.close()
        time.sleep(5)
        self.t.check(p.poll() is None, "live: it runs on")
        p.send_signal(signal.SIGTERM)
        err = p.stderr.read().decode()
        self.t.equal(p.wait(30), 1, f"live: exit status: {err[-400:]}")
        with open(self.path("live.json")) as f:
            run = Run(1, b"", err, json.load(f))
        self.t.healthy(run, "live")
        n = run.count("queue", "lab/here", "records_in")
        self.t.check(n > 0, "live: records")
        self.expect_written(run, "lab/here", run.count("queue", "lab/here", "records_out"), "live")
        for queue in ("lab/gone", "lab/away"):
            lost = run.count("queue", queue, "shed") + run.count("sink", queue, "failed")
            self.t.equal(lost + run.count("sink", queue, "written"), n, f"live: {queue} is accounted for")
        self.t.check("sink gone: the reader of standard output went away" in err and "sink gone: was opened again" in err,
                     f"live: tried again: {err[:1500]}")
        self.t.check("sink away: 127.0.0.1:1" in err, f"live: told of: {err[:1500]}")


    def where_a_record_is(self):
        """`sluicectl explain` and `sluiced explain` tell the partition of a record, the former its offset too."""
        config, sock, few = self.path("placed.yaml"), self.path("control.sock"), self.path("few.pcap")
        with open(config, "w") as f:
            f.write(f"""
capture: {{ ports: [{{ device: "net_pcap0,rx_pcap={few}" }}] }}
api: {{ socket: {sock} }}
sources: {{ lines: {{ match: {{ udp: 5170 }}, parser: lines }} }}
sinks: {{ k: {{ kafka: {{ brokers: "{self.broker.address}", create: true, linger: 5ms }} }} }}
queues:
  lab/placed: {{ from: lines, sink: k, key: k, partitions: 6 }}
  lab/three: {{ from: lines, sink: k, partitions: 2, pack: 3 }}
""")
        p = subprocess.Popen([self.binary, "run", "-c", config], stderr=subprocess.DEVNULL)
        try:
            ctl = [os.path.join(os.path.dirname(self.binary), "sluicectl"), "--json", "--socket", sock]
            for _ in range(100):
                time.sleep(0.2)
                got = subprocess.run([*ctl, "queues"], capture_output=True, timeout=30).stdout
                if got and [r["written"] for r in json.loads(got)["rows"]] == [20, 20]:
                    break
            places, by_number = {}, {}
            for topic in ("lab.placed", "lab.three"):
                for line in self.broker.read(topic, "%p %o %s\\n"):
                    head = re.match(rb"(\d+) (\d+) ", line)  # a message of three records is three lines
                    at = (int(head[1]), int(head[2])) if head else at
                    record = json.loads(line[head.end() if head else 0:])
                    places.setdefault(record["_id"], {})[topic] = at
                    if topic == "lab.placed":
                        by_number[record["n"]] = at[0]
            for record, place in places.items():
                live = json.loads(subprocess.run([*ctl, "explain", record], capture_output=True, timeout=30).stdout)
                rows = {r["topic"]: (r["partition"], r["offset"]) for r in live["rows"]}
                self.t.equal(rows, place, f"place of {record}")
            self.t.equal(len(places), 20, "placed: records")
            for line in self.replay(few, "  lab/x: { from: lines, sink: k }\n", "--tap", "lines").out.splitlines()[:3]:
                record = json.loads(line)["record"]
                told = subprocess.run([self.binary, "explain", "--json", "-c", config, record["_id"], few],
                                      capture_output=True, timeout=30)
                self.t.equal(json.loads(told.stdout)["queues"][0]["partition"], by_number[record["n"]],
                             f"the partition by the key of {record['n']}")
            none = json.loads(subprocess.run([*ctl, "explain", "0123456789abcdef-c-0-0"], capture_output=True, timeout=30).stdout)
            self.t.equal((none["rows"], none["session"]), ([], "none that lives has this id"), "placed: no such record")
            bad = subprocess.run([*ctl, "explain", "x"], capture_output=True, text=True, timeout=30)
            self.t.equal((bad.returncode, "is no _id of a record" in bad.stderr), (2, True), f"placed: no id: {bad.stderr}")
        finally:
            p.send_signal(signal.SIGTERM)
            self.t.equal(p.wait(30), 0, "placed: exit status")


def main():
    why = missing()
    if why:
        must = os.environ.get("CI") == "true"
        print(f"{'FAIL' if must else 'skipped'}: {why}")
        sys.exit(1 if must else SKIP)
    directory = tempfile.mkdtemp(prefix="sluice-kafka-")
    lab = Lab(os.path.abspath(sys.argv[1]), directory, 20000 + os.getpid() % 20000)
    try:
        lab.broker.start()
        for scenario in (lab.many, lab.packed, lab.with_headers, lab.where_a_record_is, lab.wrong_topic, lab.too_large, lab.too_large_is_a_dead_letter,
                         lab.password, lab.tls, lab.protobuf, lab.deleted_topic,
                         lab.frozen, lab.stopped_for_20_s, lab.nobody_there, lab.a_live_port_goes_on):
            at = time.monotonic()
            scenario()
            print(f"{scenario.__name__}: {time.monotonic() - at:.1f} s", flush=True)
    finally:
        lab.broker.stop()
        shutil.rmtree(directory, ignore_errors=True)
    lab.t.done()


main()
