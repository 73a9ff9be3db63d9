#!/usr/bin/env python3
"""What a MariaDB has compressed (log_bin_compress) into events of 16 MiB and more: as a log file, and from the wire,
where each of them comes in split packets."""
import base64
import hashlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import mariadb  # noqa: E402
from pcaplib import BASE_NS, Conversation, write_pcap  # noqa: E402
from sluice import Checks, replay  # noqa: E402

PACKET = (1 << 24) - 1
BYTES = 18 << 20
COMPRESSED = {165: "QUERY_COMPRESSED", 166: "WRITE_ROWS_COMPRESSED", 167: "UPDATE_ROWS_COMPRESSED",
              168: "DELETE_ROWS_COMPRESSED"}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def write(folder, server):
    """Rows and a statement that do not get shorter by compression; what they hold."""
    blobs = [random.Random(seed).randbytes(BYTES) for seed in (1, 2)]
    for i, blob in enumerate(blobs):
        with open(os.path.join(folder, f"blob{i}"), "wb") as f:
            f.write(blob)
    text = base64.b64encode(random.Random(3).randbytes(BYTES)).decode()
    one = ["mariadb", "--no-defaults", "--max-allowed-packet=256M", f"--socket={server.sock}", "--user=root"]
    subprocess.run(one, input=f"""CREATE DATABASE shop; CREATE USER r@'%' IDENTIFIED BY 'r'; GRANT ALL ON *.* TO r@'%';
        CREATE TABLE shop.t (id INT PRIMARY KEY, b LONGBLOB);
        FLUSH BINARY LOGS; SET SESSION binlog_row_image = MINIMAL;
        INSERT INTO shop.t VALUES (1, LOAD_FILE('{folder}/blob0'));
        UPDATE shop.t SET b = LOAD_FILE('{folder}/blob1') WHERE id = 1;
        SET SESSION binlog_row_image = FULL; DELETE FROM shop.t WHERE id = 1;
        SET SESSION binlog_format = STATEMENT;
        INSERT INTO shop.t VALUES (2, '{text}');
        SET SESSION binlog_format = ROW; INSERT INTO shop.t VALUES (3, 'the end'); FLUSH BINARY LOGS;""".encode(),
                   check=True, capture_output=True)
    return [hashlib.sha256(b).hexdigest() for b in blobs], text


def large(log):
    """The types of compressed events that take more than one packet."""
    with open(log, "rb") as f:
        data = f.read()
    at, found = 4, []
    while at < len(data):
        size = int.from_bytes(data[at + 9:at + 13], "little")
        if size >= PACKET:
            found.append(COMPRESSED.get(data[at + 4], data[at + 4]))
        at += size
    return found


def record(port, server_port, said):
    """A relay of one connection: (side, bytes) as they pass."""
    listener = socket.create_server(("127.0.0.1", port))

    def serve():
        with listener, listener.accept()[0] as client, socket.create_connection(("127.0.0.1", server_port)) as server:
            def pump(side, a, b):
                while data := a.recv(1 << 20):
                    said.append((side, data))
                    b.sendall(data)
                try:
                    b.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # it has gone first
            up = threading.Thread(target=pump, args=(0, client, server))
            up.start()
            pump(1, server, client)
            up.join()

    t = threading.Thread(target=serve)
    t.start()
    return t


def on_the_wire(folder, port):
    """A capture of mariadb-binlog that asks for the log as a replica does."""
    said, relay = [], free_port()
    t = record(relay, port, said)
    subprocess.run(["mariadb-binlog", "--no-defaults", "--read-from-remote-server", "--host=127.0.0.1",
                    f"--port={relay}", "--user=r", "--password=r", "--raw", f"--result-file={folder}/copy.",
                    "bin.000002"], check=True, capture_output=True, timeout=100)
    t.join()
    packets = []
    wire = Conversation(packets, "10.0.0.2", 40000, "10.0.0.1", 3306, BASE_NS, mss=60000)
    for side, data in said:
        wire.send(data, side)
    wire.close()
    path = os.path.join(folder, "wire.pcap")
    write_pcap(path, packets)
    return path


def digest(text):
    return hashlib.sha256(base64.b64decode(text or "")).hexdigest()


CONF = """sources: { mysql: { match: { tcp: 3306 }, parser: mysql, statements: true } }
sinks: { out: { stdout: {} } }
queues: { log/all: { from: mysql, sink: out } }
"""


def judge(checks, run, what, digests, text):
    checks.healthy(run, what)
    rows = [r for r in run.records if r.get("op") in ("c", "u", "d")]
    checks.equal([r["op"] for r in rows], ["c", "u", "d", "c"], f"{what}: all changes are read")
    if len(rows) == 4:
        checks.equal([digest(rows[0]["after"]["b"]), digest(rows[1]["after"]["b"]), digest(rows[2]["before"]["b"])],
                     [digests[0], digests[1], digests[1]], f"{what}: with all their bytes")
    sql = [r["sql"] for r in run.records if r.get("op") == "statement"]
    checks.equal(len(sql), 1, f"{what}: the statement is read")
    checks.check(len(sql) == 1 and text in sql[0], f"{what}: to its end")


def main():
    binary = sys.argv[1]
    checks = Checks()
    lacking = mariadb.missing()
    if lacking:
        print(f"not installed: {', '.join(lacking)}", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") == "true" else 77)
    with tempfile.TemporaryDirectory() as folder:
        mariadb.template(folder)
        port = free_port()
        server = mariadb.Server(folder, "p", 1, ("--log-bin=bin", "--binlog-format=ROW", "--log-bin-compress=ON",
                                                 "--binlog-checksum=CRC32", "--binlog-row-metadata=FULL",
                                                 "--max-binlog-size=1G", f"--port={port}", "--innodb-log-file-size=256M",
                                                 "--max-allowed-packet=256M"))
        try:
            digests, text = write(folder, server)
            pcap = on_the_wire(folder, port)
        finally:
            server.stop()
        log = os.path.join(folder, "p", "bin.000002")
        checks.equal(large(log), ["WRITE_ROWS_COMPRESSED", "UPDATE_ROWS_COMPRESSED", "DELETE_ROWS_COMPRESSED",
                                  "QUERY_COMPRESSED"], "the server has written what is asked for")
        conf = os.path.join(folder, "conf.yaml")
        with open(conf, "w") as f:
            f.write(CONF)
        judge(checks, replay(binary, [log], "-c", conf), "as a file", digests, text)
        judge(checks, replay(binary, [pcap], "-c", conf), "by the wire", digests, text)
    checks.done()


if __name__ == "__main__":
    main()
