#!/usr/bin/env python3
"""Makes video.pcap: viewers of a video site, seen from a mirror port, with real servers behind it.

    make.py FOLDER        as root; needs nginx, mariadb-server, iproute2, tcpdump

Two network namespaces are joined by a wire, which tcpdump listens to:

    viewers (python), MariaDB replica  10.98.1.1 ===== 10.98.1.2  nginx, MariaDB primary

What happens, in this order, with a pause between the steps:
    1. videos 1 and 2, users 1 and 2 are written to the primary
    2. user 1 (cn) plays video 1 (vip), user 2 (us) plays video 2 (free), user 2 opens the page
    3. user 3 plays video 1 before his row is there; half a second later he registers (us)
    4. user 1 plays video 9, which nobody ever wrote; somebody without a name plays video 1
    5. user 2 moves to cn; video 2 is renamed; user 2 plays video 2 again
"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import mariadb  # noqa: E402
from wire import end, sh  # noqa: E402

VIEWERS, SITE = "10.98.1.1", "10.98.1.2"
SCHEMA = [
    "CREATE DATABASE shop",
    "CREATE TABLE shop.users (id INT PRIMARY KEY, name VARCHAR(40), region CHAR(2))",
    "CREATE TABLE shop.videos (vid INT PRIMARY KEY, title VARCHAR(80), line ENUM('vip','free'))",
]
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{ listen {site}:80; location /v5/ {{ return 204; }} location / {{ return 200 "a page"; }} }}
}}
"""


def missing():
    """What is not installed, or None."""
    programs = ["nginx", "tcpdump", "ip", *mariadb.PROGRAMS]
    return [p for p in programs if sh("which", p, check=False).returncode] or None


class Lab:
    def __init__(self, folder):
        self.folder, self.names = folder, [f"slv{os.getpid()}{n}" for n in "vs"]
        self.running, self.servers = [], []

    def ns(self, n, *cmd):
        return ["ip", "netns", "exec", self.names[n], *cmd]

    def up(self):
        for name in self.names:
            sh("ip", "netns", "add", name)
            sh("ip", "netns", "exec", name, "ip", "link", "set", "lo", "up")
        sh("ip", "link", "add", "eth0", "netns", self.names[0], "type", "veth", "peer", "name", "eth0", "netns",
           self.names[1])
        for n, address in enumerate((VIEWERS, SITE)):
            sh(*self.ns(n, "ip", "addr", "add", f"{address}/24", "dev", "eth0"))
            sh(*self.ns(n, "ip", "link", "set", "eth0", "up"))

    def down(self):
        for p in reversed(self.running):
            end(p)
        for server in self.servers:
            server.stop()
        for name in self.names:
            sh("ip", "netns", "del", name, check=False)

    def listen(self, pcap):
        p = subprocess.Popen(self.ns(1, "tcpdump", "-i", "eth0", "-w", pcap, "-U", "-s", "0", "-Z", "root", "tcp"),
                             stderr=subprocess.PIPE, text=True)
        while "listening" not in (line := p.stderr.readline()):
            if not line:
                raise RuntimeError("tcpdump did not start")
        return p

    def web(self):
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(NGINX.format(folder=self.folder, site=SITE))
        self.running.append(subprocess.Popen(self.ns(1, "nginx", "-c", path), stderr=subprocess.DEVNULL))

    def databases(self):
        mariadb.template(self.folder)
        log = ["--log-bin=shop-bin", "--binlog-format=ROW", "--binlog-row-metadata=FULL"]
        primary = mariadb.Server(self.folder, "primary", 1, log, self.ns(1))
        self.servers.append(primary)
        replica = mariadb.Server(self.folder, "replica", 2, [], self.ns(0))
        self.servers.insert(0, replica)
        primary.ask("CREATE USER 'repl'@'%' IDENTIFIED BY 'repl'")
        primary.ask("GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'")
        replica.ask(f"CHANGE MASTER TO MASTER_HOST='{SITE}', MASTER_USER='repl', MASTER_PASSWORD='repl', "
                    "MASTER_LOG_FILE='shop-bin.000001', MASTER_LOG_POS=4, MASTER_SSL=0")
        replica.ask("START SLAVE")
        return primary, replica

    def wait_for(self, primary, replica):
        """Until the replica has all that the primary wrote."""
        at = primary.ask("SHOW MASTER STATUS")[0]
        for _ in range(600):
            got = replica.value(f"SELECT MASTER_POS_WAIT('{at[0]}', {at[1]}, 1)")
            if got not in ("-1", "NULL"):
                return
        raise RuntimeError(f"the replica did not come to {at}: " + str(replica.ask("SHOW SLAVE STATUS")))

    def view(self, *requests):
        """One viewer's connection, from the viewers' namespace: (path, body or None) each."""
        program = """
import json, socket, sys
s = socket.create_connection((sys.argv[1], 80))
for path, body in json.loads(sys.argv[2]):
    head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\\r\\nHost: msg.example.com\\r\\n"
    text = b"" if body is None else json.dumps(body).encode()
    if body is not None:
        head += f"Content-Type: application/json\\r\\nContent-Length: {len(text)}\\r\\n"
    s.sendall(head.encode() + b"\\r\\n" + text)
    s.recv(65536)
"""
        subprocess.run(self.ns(0, sys.executable, "-c", program, SITE, json.dumps(requests)), check=True)


def play(uid, vid, seconds):
    body = {"t": "15", "vid": vid, "dur": seconds}
    return "/v5/play", body if uid is None else {"uid": uid, **body}


def story(lab, primary, replica):
    def sql(*statements):
        for s in statements:
            primary.ask(s)
        lab.wait_for(primary, replica)
        time.sleep(0.2)

    sql(*SCHEMA)
    sql("INSERT INTO shop.videos VALUES (1, 'Rain', 'vip'), (2, 'Wind', 'free')",
        "INSERT INTO shop.users VALUES (1, 'Ann', 'cn'), (2, 'Bob', 'us')")
    lab.view(play(1, 1, 60))
    lab.view(play(2, 2, 30), ("/index.html?t=1", None))
    lab.view(play(3, 1, 10))
    time.sleep(0.5)
    sql("INSERT INTO shop.users VALUES (3, 'Cid', 'us')")
    lab.view(play(1, 9, 5), play(None, 1, 7))
    sql("UPDATE shop.users SET region = 'cn' WHERE id = 2", "UPDATE shop.videos SET title = 'Storm' WHERE vid = 2")
    lab.view(play(2, 2, 45))
    # Packet time goes on: what waits for a late row is let go.
    time.sleep(2.5)
    lab.view(("/index.html", None))
    time.sleep(0.3)


def make(folder):
    """Returns the path of the capture."""
    pcap = os.path.join(folder, "video.pcap")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        lab = Lab(scratch)
        try:
            lab.up()
            listener = lab.listen(pcap)
            lab.web()
            primary, replica = lab.databases()
            story(lab, primary, replica)
            end(listener, signal.SIGINT)
        finally:
            lab.down()
    return pcap


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if missing():
        sys.exit(f"make.py: not installed: {' '.join(missing())}")
    print(make(os.path.abspath(sys.argv[1])))
