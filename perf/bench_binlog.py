#!/usr/bin/env python3
"""bench_binlog.py - how many rows of a binary log does sluiced read in a CPU second, next to
mariadb-binlog?

In:     build directory (default: build); --file FILE: a log that is there, else one is made by a
        mariadbd of this machine: a table of 12 columns, some 950,000 row images in ROW format
        with checksums, 180 MB. --keep FILE: the log stays there, for another run.
Out:    a table: CPU seconds (user and system, by wait4 of the child), median of ROUNDS with
        minimum and maximum, nanoseconds a row image, and how many times mariadb-binlog's rows a
        CPU second. The programs run in turns, and the first round is discarded. The empty log tells
        what of it is sluiced's start. In the same turns bench_binlog reads the log in its memory, as
        far as records and lines of JSON: the median of its own rounds.
Owns:   a directory in TMPDIR while it runs.
Runs:   by hand; needs mariadb-server and mariadb-client for making the log and for comparing.
Limits: the file is in the page cache: disks are not measured.
"""
import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 5
ROUND_ROWS = 10000
INSERT_ROUNDS = 57

TABLE = """CREATE TABLE shop.orders (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id INT UNSIGNED NOT NULL,
  sku VARCHAR(32) NOT NULL, title VARCHAR(120) NOT NULL, state ENUM('new','paid','sent','done') NOT NULL,
  price DECIMAL(10,2) NOT NULL, quantity SMALLINT NOT NULL, score DOUBLE NULL,
  created DATETIME NOT NULL, updated TIMESTAMP(6) NOT NULL, note TEXT NULL, token VARBINARY(20) NOT NULL
) ENGINE=InnoDB CHARACTER SET utf8mb4"""

INSERT = """USE shop; INSERT INTO shop.orders (user_id, sku, title, state, price, quantity, score, created, updated, note, token)
SELECT (seq * 2654435761) % 4000000000, CONCAT('SKU-', LPAD(seq % 99991, 8, '0')),
  CONCAT('Title of the item number ', seq, IF(seq % 10 = 0, ' caf\u00e9 \u89c6\u9891', ' in the catalogue')),
  1 + seq % 4, (seq * 37 % 1000000) / 100, CAST(seq % 300 AS SIGNED) - 100, IF(seq % 5 = 0, NULL, (seq % 1000) / 8),
  '2026-01-01' + INTERVAL seq SECOND, '2026-11-25 04:43:16.123456' + INTERVAL seq MICROSECOND,
  IF(seq % 3 = 0, NULL, CONCAT('A remark of the customer: please ring twice, flat ', seq % 97)),
  UNHEX(SHA1(seq))
FROM seq_{first}_to_{last}"""


class Server:
    """A mariadbd of our own, on a socket in @folder."""

    def __init__(self, folder):
        self.folder = folder
        self.socket = os.path.join(folder, 'socket')
        data = os.path.join(folder, 'data')
        run(['mariadb-install-db', '--no-defaults', '--auth-root-authentication-method=normal',
             '--datadir=' + data, '--user=' + user(), '--skip-test-db'])
        self.process = subprocess.Popen(
            ['mariadbd', '--no-defaults', '--datadir=' + data, '--socket=' + self.socket,
             '--user=' + user(), '--skip-networking', '--pid-file=' + os.path.join(folder, 'pid'),
             '--server-id=1', '--log-bin=bin', '--binlog-format=ROW', '--binlog-checksum=CRC32',
             '--binlog-row-metadata=FULL', '--max-binlog-size=1G', '--sync-binlog=0',
             '--innodb-flush-log-at-trx-commit=0', '--innodb-buffer-pool-size=256M'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            if subprocess.run(self.client() + ['-e', 'SELECT 1'], capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        self.stop()
        raise SystemExit('mariadbd does not answer')

    def client(self):
        return ['mariadb', '--no-defaults', '--default-character-set=utf8mb4', '-uroot', '--socket=' + self.socket]

    def sql(self, text):
        run(self.client() + ['-e', text])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def user():
    return 'root' if os.geteuid() == 0 else os.environ.get('USER', 'mysql')


def run(argv):
    r = subprocess.run(argv, capture_output=True, text=True)
    if r.returncode:
        sys.exit(f'{argv[0]}: {r.stderr[-2000:]}')
    return r.stdout


def make_log(folder, target):
    server = Server(folder)
    try:
        server.sql('CREATE DATABASE shop; ' + TABLE + '; FLUSH BINARY LOGS')
        for i in range(INSERT_ROUNDS):
            server.sql(INSERT.format(first=i * ROUND_ROWS + 1, last=(i + 1) * ROUND_ROWS))
        for i in range(0, INSERT_ROUNDS, 2):
            low, high = i * ROUND_ROWS, (i + 1) * ROUND_ROWS
            server.sql(f"UPDATE shop.orders SET state = 'paid', price = price + 1.25, "
                       f"updated = updated + INTERVAL 1 HOUR WHERE id > {low} AND id <= {high}")
            server.sql(f'DELETE FROM shop.orders WHERE id > {low} AND id <= {high}')
        server.sql('FLUSH BINARY LOGS')
    finally:
        server.stop()
    shutil.move(os.path.join(folder, 'data', 'bin.000002'), target)


def count_images(path):
    """Row images as mariadb-binlog tells them: an update has two."""
    text = subprocess.Popen(['mariadb-binlog', '-v', '--base64-output=decode-rows', path],
                            stdout=subprocess.PIPE)
    n = sum(line in (b'### SET\n', b'### WHERE\n') for line in text.stdout)
    if text.wait():
        sys.exit(f'mariadb-binlog cannot read {path}')
    return n


def cpu_seconds(argv):
    with open(os.devnull, 'wb') as null:
        child = subprocess.Popen(argv, stdout=null, stderr=subprocess.PIPE)
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f'{" ".join(argv)}: exit {child.returncode}\n{said[-2000:].decode(errors="replace")}')
    return usage.ru_utime + usage.ru_stime


NULL_CONF = """sources:
  mysql: { match: { tcp: 3306 }, parser: mysql }
sinks:
  nowhere: { null: {} }
queues:
  log/rows: { from: mysql, sink: nowhere }
"""


def in_process(build, path):
    """{step: seconds} of bench_binlog, and the line that it says of memcpy."""
    text = run([os.path.join(build, 'perf', 'bench_binlog'), path])
    images = int(text.split(' ', 1)[0])
    steps = re.findall(r'^(.*?)  +([\d.]+) ns \(', text, re.M)
    return {name: float(ns) * images / 1e9 for name, ns in steps}, text.splitlines()[-1]


def compare(build, path, folder):
    sluiced = os.path.join(build, 'sluiced')
    conf = os.path.join(folder, 'null.yaml')
    nothing = os.path.join(folder, 'empty.binlog')
    with open(conf, 'w') as f:
        f.write(NULL_CONF)
    with open(path, 'rb') as log, open(nothing, 'wb') as f:
        f.write(log.read(4 + first_event(path)))
    programs = [
        ('mariadb-binlog -v, to /dev/null', ['mariadb-binlog', '-v', '--base64-output=decode-rows', path]),
        ('sluiced replay, to /dev/null', [sluiced, 'replay', path]),
        ('sluiced replay, null sink', [sluiced, 'replay', '-c', conf, path]),
        ('sluiced replay of an empty log', [sluiced, 'replay', nothing]),
    ]
    images = count_images(path)
    size = os.path.getsize(path)
    times, steps = [[] for _ in programs], {}
    for turn in range(ROUNDS + 1):
        for i, (_, argv) in enumerate(programs):
            t = cpu_seconds(argv)
            if turn:
                times[i].append(t)
        found, share = in_process(build, path)
        for name, t in found.items() if turn else ():
            steps.setdefault(name, []).append(t)
    base = statistics.median(times[0])
    print(f'{images} row images, {size / 1e6:.1f} MB')
    names = [name for name, _ in programs] + [f'in one process: {name}' for name in steps]
    for name, t in zip(names, times + list(steps.values())):
        m = statistics.median(t)
        line = f'{name:41} {m:6.3f} s ({min(t):.3f}-{max(t):.3f})'
        if 'empty' not in name:
            line += f' {m / images * 1e9:7.1f} ns/image {images / m / 1e6:5.2f} M/s {base / m:5.1f} x'
        print(line)
    print(share)


def first_event(path):
    """Bytes of the format description behind the magic number."""
    with open(path, 'rb') as f:
        return int.from_bytes(f.read(17)[13:], 'little')


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('build', nargs='?', default='build')
    p.add_argument('--file', help='a binary log to read')
    p.add_argument('--keep', help='where to leave the log that is made')
    p.add_argument('--make', action='store_true', help='only make the log')
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = a.file or a.keep or os.path.join(folder, 'orders.000002')
        if not a.file:
            make_log(folder, path)
        if not a.make:
            compare(a.build, path, folder)


if __name__ == '__main__':
    main()
