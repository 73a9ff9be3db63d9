"""Records into a topic of a real broker: sluice, and the programs that librdkafka's authors wrote."""
import os
import shutil
import subprocess
import sys

from measure import Table, run

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

PORT = 28092
CONFIG = """
sources: {{ lines: {{ match: {{ tcp: 5170 }}, parser: lines }} }}
sinks: {{ k: {{ kafka: {{ brokers: "{brokers}" }} }} }}
queues: {{ lab/lines: {{ from: lines, sink: k, topic: {topic}{pack} }} }}
"""
SETTINGS = ["-X", "enable.idempotence=true", "-X", "linger.ms=5", "-X", "queue.buffering.max.messages=1000000"]


def digest(stream):
    """How many lines, and the sum of their hashes."""
    n = total = 0
    for line in stream:
        n += 1
        total += hash(line.rstrip(b"\n"))
    return n, total & (1 << 64) - 1


def topic_digest(broker, topic):
    p = subprocess.Popen(["kcat", "-b", broker.address, "-C", "-t", topic, "-o", "beginning", "-e", "-q"], stdout=subprocess.PIPE)
    got = digest(p.stdout)
    p.wait()
    return got


def compare_kafka(build, peers, folder, rounds, n):
    from kafka_broker import Broker, missing
    t = Table("kafka", "Records into a topic of a Kafka broker, idempotent, acknowledged by all replicas", "whole messages")
    why = missing()
    if why:
        t.notes.append(f"Left out: {why}.")
        return t
    sluiced = os.path.join(build, "sluiced")
    jobs, pcap, lines, conf = (os.path.join(folder, x) for x in ("jobs.yaml", "lines.pcap", "lines.json", "kafka.yaml"))
    with open(jobs, "w", encoding="ascii") as f:
        f.write(f"lines: {{ kind: ndjson, bytes: 200, messages: {n}, sessions: 1 }}\n")
    run([os.path.join(build, "perf", "loadgen"), jobs, "lines", "--packets", str(3 + n * 201 // 1448), "--write", pcap])
    with open(lines, "wb") as f:
        run([sluiced, "replay", "-q", pcap], f, ok=(0, 1))  # the capture ends within a line, which makes 1
    with open(lines, "rb") as f:
        want = digest(f)
    size = os.path.getsize(lines) // want[0]
    broker = Broker(folder, PORT)
    broker.start()
    try:
        performance = os.path.join(peers, "rdkafka_performance")
        for turn in range(rounds + 1):
            replay = [sluiced, "replay", "-q", "-c", conf, pcap]
            programs = [("sluice, from the capture", replay), ("sluice, from the capture, pack: 100", replay),
                        ("kcat -l", ["kcat", "-b", broker.address, "-P", *SETTINGS, "-l", lines])]
            if os.path.exists(performance):
                programs.append(("rdkafka_performance, its own messages",
                                 [performance, "-P", "-b", broker.address, "-p", "0", "-a", "-1", "-s", str(size - 1), "-c",
                                  str(want[0]), *SETTINGS]))
            for i, (name, argv) in enumerate(programs):
                topic = f"t{turn}-{i}"
                broker.create(topic, 1)
                with open(conf, "w", encoding="ascii") as f:
                    f.write(CONFIG.format(brokers=broker.address, topic=topic, pack=", pack: 100" if i == 1 else ""))
                p = run(argv if i < 2 else [*argv[:4], "-t", topic, *argv[4:]], ok=(0, 1) if i < 2 else (0,))
                if turn:
                    got = topic_digest(broker, topic)
                    same = {"same": got == want} if i < 3 else {}
                    t.add(name, events_per_cpu_s=want[0] / p.cpu, events_s=want[0] / p.wall, rss=p.rss, **same)
                    if got[0] != want[0]:
                        t.notes.append(f"{name}: {got[0]} messages in the topic, {want[0]} expected.")
    finally:
        broker.stop()
        shutil.rmtree(os.path.join(folder, "data-1"), ignore_errors=True)
    t.notes.append(f"{want[0]:,} messages of {size} bytes; the broker shares the two cores, and is most of the time of the clock. sluice "
                   "reads them out of packets and writes their JSON; the others have them ready.")
    return t
