"""A real Kafka broker for tests: scripts/services/kafka.sh, topics made through librdkafka, messages read with kcat."""
import ctypes
import json
import os
import shutil
import signal
import subprocess
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SCRIPT = os.path.join(ROOT, "scripts", "services", "kafka.sh")
RD = None  # librdkafka, for CreateTopics and DeleteTopics: kcat has neither
CREATE, DELETE, CREATE_RESULT, DELETE_RESULT = 1, 2, 100, 101


def missing():
    """Why there can be no broker here, or None. Resolves the jars when they are not cached."""
    for program in ("java", "kcat"):
        if not shutil.which(program):
            return f"{program} is not installed"
    p = subprocess.run([SCRIPT, "fetch"], capture_output=True, text=True, timeout=300)
    return p.stderr.strip() or "no jars of Kafka" if p.returncode else None


class Broker:
    """The k-th of n; they share `first_port`."""

    def __init__(self, directory, first_port, *settings, k=1, n=1):
        self.dir, self.settings, self.place = directory, settings, (str(k), str(n))
        self.first_port, self.port = first_port, first_port + 4 * (k - 1)
        self.address = f"127.0.0.1:{self.port}"
        self.replicas, self.process = n, None

    def start(self):
        self.begin()
        self.wait()

    def begin(self):
        with open(os.path.join(self.dir, f"broker-{self.place[0]}.log"), "ab") as log:
            self.process = subprocess.Popen([SCRIPT, "node", *self.place, os.path.join(self.dir, f"data-{self.place[0]}"),
                                             str(self.first_port), *self.settings], stdout=log, stderr=log)

    def wait(self):
        for _ in range(200):
            if self.process.poll() is not None:
                break
            if subprocess.run(["kcat", "-b", self.address, "-L", "-m", "1"], capture_output=True).returncode == 0:
                return
            time.sleep(0.25)
        raise RuntimeError(f"the broker did not start: {self.dir}/broker-{self.place[0]}.log")

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        if not self.process:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def kill(self):
        """As a host that loses power."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def read(self, topic, form="%p %k %s\\n"):
        """Every message of the topic, from each partition in its order."""
        return self.raw(topic, form).splitlines()

    def raw(self, topic, form):
        p = subprocess.run(["kcat", "-b", self.address, "-C", "-t", topic, "-e", "-q", "-f", form],
                           capture_output=True, timeout=60)
        if p.returncode:
            raise RuntimeError(p.stderr.decode())
        return p.stdout

    def _admin(self, what, arguments):
        rd = librdkafka()
        conf = rd.rd_kafka_conf_new()
        rd.rd_kafka_conf_set(conf, b"bootstrap.servers", self.address.encode(), None, 0)
        client = rd.rd_kafka_new(0, conf, None, 0)
        queue = rd.rd_kafka_queue_new(client)
        array = (ctypes.c_void_p * 1)(arguments)
        getattr(rd, f"rd_kafka_{what}")(client, array, 1, None, queue)
        event = rd.rd_kafka_queue_poll(queue, 15000)
        error = rd.rd_kafka_event_error(event) if event else -1
        rd.rd_kafka_event_destroy(event)
        rd.rd_kafka_queue_destroy(queue)
        rd.rd_kafka_destroy(client)
        if error:
            raise RuntimeError(f"{what}: error {error}")
        time.sleep(0.5)

    def create(self, topic, partitions=1, **config):
        new = librdkafka().rd_kafka_NewTopic_new(topic.encode(), partitions, self.replicas, None, 0)
        for name, value in config.items():
            librdkafka().rd_kafka_NewTopic_set_config(new, name.replace("_", ".").encode(), str(value).encode())
        self._admin("CreateTopics", new)

    def leader(self, topic, partition=0):
        """The number of the broker that leads it."""
        p = subprocess.run(["kcat", "-b", self.address, "-L", "-J", "-t", topic], capture_output=True, timeout=30)
        for part in json.loads(p.stdout)["topics"][0]["partitions"]:
            if part["partition"] == partition:
                return part["leader"]
        return None

    def delete(self, topic):
        self._admin("DeleteTopics", librdkafka().rd_kafka_DeleteTopic_new(topic.encode()))


def librdkafka():
    global RD
    if RD:
        return RD
    RD = ctypes.CDLL("librdkafka.so.1")
    p, text, i, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t
    for name, result, arguments in (
            ("conf_new", p, []), ("conf_set", i, [p, text, text, p, size]), ("new", p, [i, p, p, size]),
            ("destroy", None, [p]), ("queue_new", p, [p]), ("queue_destroy", None, [p]), ("queue_poll", p, [p, i]),
            ("event_error", i, [p]), ("event_destroy", None, [p]), ("NewTopic_new", p, [text, i, i, p, size]),
            ("NewTopic_set_config", i, [p, text, text]), ("DeleteTopic_new", p, [text]),
            ("CreateTopics", None, [p, p, size, p, p]), ("DeleteTopics", None, [p, p, size, p, p])):
        f = getattr(RD, f"rd_kafka_{name}")
        f.restype, f.argtypes = result, arguments
    return RD
