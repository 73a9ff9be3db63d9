#!/usr/bin/env python3
"""Secrets and certificates: no secret is printed, logged, served or given as an argument; and no store is spoken to
whose certificate is not good.

    test_secrets.py SLUICED
"""
import http.server
import os
import signal
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lines_capture import make_capture  # noqa: E402
from wire import Veth, sh  # noqa: E402

VETH = Veth("sluicesec")
# One for each place: what is printed tells where it leaked from.
SECRETS = {n: f"hush-{n}-0123456789abcdef" for n in ("token", "kafka", "key", "redis", "table", "mask", "dim")}
CONFIG = """
capture: {{ ports: [{{ device: "net_af_packet0,iface=v1" }}] }}
api: {{ socket: {folder}/control.sock, listen: "127.0.0.1:18687", token: "file:{folder}/token" }}
sources: {{ lines: {{ match: {{ udp: 5170 }}, parser: lines }} }}
dimensions: {{ d: {{ from: {{ redis: {{ url: "redis://127.0.0.1:9", keys: "v:*", password_env: DIM }} }}, fields: {{ t: string }} }} }}
pipeline: {{ safe: {{ op: mask, from: lines, secret: "{mask}", fields: {{ uid: hash 16 }} }} }}
sinks:
  k: {{ kafka: {{ brokers: "127.0.0.1:9", password: "env:KAFKA", key_password: "{key}",
                 properties: {{ security.protocol: sasl_ssl, sasl.mechanism: PLAIN, sasl.username: u }} }} }}
  r: {{ redis: {{ url: "redis://127.0.0.1:9", password: "{redis}" }} }}
  c: {{ clickhouse: {{ url: "http://127.0.0.1:9", password: "{table}" }} }}
queues:
  lab/k: {{ from: safe, sink: k }}
  lab/r: {{ from: safe, sink: r }}
  lab/c: {{ from: safe, sink: c }}
"""


def leaks(text):
    return [n for n, s in SECRETS.items() if s in text]


def say_nothing_secret(binary, folder, checks):
    config, ctl = os.path.join(folder, "secrets.yaml"), os.path.join(os.path.dirname(binary), "sluicectl")
    body = CONFIG.format(folder=folder, **SECRETS)
    with open(folder + "/token", "w", encoding="utf-8") as f:
        f.write(SECRETS["token"] + "\n")
    with open(config, "w", encoding="utf-8") as f:
        f.write(body.replace("dimensions: {", "x_dimensions: {"))  # an error in the file shows none of its lines
    env = dict(os.environ, KAFKA=SECRETS["kafka"], DIM=SECRETS["dim"])
    p = sh(binary, "check", "-c", config, check=False, env=env)
    checks.equal((p.returncode, leaks(p.stdout + p.stderr)), (2, []), "what is wrong in a file is told without its secrets")
    with open(config, "w", encoding="utf-8") as f:
        f.write("\n".join(line for line in body.splitlines() if not line.startswith("dimensions:")))
    for args in (("check", "-c", config), ("config", "effective", "-c", config), ("check", "--dot", "-c", config)):
        p = sh(binary, *args, check=False, env=env)
        checks.equal((p.returncode, leaks(p.stdout + p.stderr)), (0, []), f"sluiced {' '.join(args[:2])}")
    with open(folder + "/log", "w+", encoding="utf-8") as log:
        run = subprocess.Popen(VETH.ns(binary, "run", "-c", config), stderr=log, stdout=log, env=env)
        for _ in range(200):
            if os.path.exists(folder + "/control.sock") or run.poll() is not None:
                break
            time.sleep(0.05)
        time.sleep(1)
        with open(f"/proc/{run.pid}/cmdline", encoding="utf-8") as f:
            checks.equal(leaks(f.read()), [], "arguments")
        for command in ("config", "status", "ledger", "sinks", "queues", "metrics", "losses"):
            p = sh(ctl, "--json", "--socket", folder + "/control.sock", command, check=False)
            checks.check(p.stdout and not leaks(p.stdout + p.stderr), f"sluicectl {command}: {leaks(p.stdout + p.stderr)}")
        run.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        run.send_signal(signal.SIGTERM)
        checks.check(run.wait(timeout=60) in (0, 1), "it ends")
        log.seek(0)
        checks.equal(leaks(log.read()), [], "the log")


def no_secret_is_an_argument(binary, checks):
    ctl = os.path.join(os.path.dirname(binary), "sluicectl")
    p = sh(ctl, "--token", SECRETS["token"], "status", check=False)
    checks.equal((p.returncode, leaks(p.stderr)), (2, []), f"sluicectl --token is no option: {p.stderr}")
    for program in (binary, ctl):
        p = sh(program, "help", check=False)
        words = [w for w in p.stdout.lower().split() if w.startswith("--") and ("password" in w or "secret" in w)]
        checks.equal(words, [], f"{os.path.basename(program)} has no option for a secret")


def no_token_in_the_clear(binary, folder, checks):
    config = folder + "/listen.yaml"
    for api, text in (('listen: "127.0.0.1:8686"', "without a token anybody could ask"),
                      ('listen: "0.0.0.0:8686", token: "0123456789abcdef"', "the token would cross the network in the clear"),
                      ('listen: "127.0.0.2:8686", token: "0123456789abcdef", cert: x', "`cert` and `key` go together")):
        with open(config, "w", encoding="utf-8") as f:
            f.write(f"api: {{ {api} }}\nsources: {{ lines: {{ match: {{ udp: 5170 }}, parser: lines }} }}\n"
                    'sinks: { n: { "null": {} } }\nqueues: { lab/n: { from: lines, sink: n } }\n')
        p = sh(binary, "check", "-c", config, check=False)
        checks.equal((p.returncode, text in p.stderr), (2, True), f"api: {api}: {p.stderr}")


class Table(http.server.BaseHTTPRequestHandler):
    asked = 0

    def do_POST(self):
        type(self).asked += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_):
        pass


def make_cert(folder, name, alt):
    sh("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
       f"subjectAltName={alt}", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/{name}.pem", f"{folder}/{name}.key")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Table)
    server.handle_error = lambda *_: None  # a client that does not like the certificate
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def replay_to(binary, folder, url, more):
    config = os.path.join(folder, "tls.yaml")
    with open(config, "w", encoding="utf-8") as f:
        f.write(f"sources: {{ lines: {{ match: {{ udp: 5170 }}, parser: lines }} }}\n"
                f"sinks: {{ c: {{ clickhouse: {{ url: \"{url}\", timeout: 1s{more} }} }} }}\n"
                "queues: { lab/c: { from: lines, sink: c } }\n")
    Table.asked = 0
    p = subprocess.Popen([binary, "replay", "-c", config, folder + "/few.pcap"], stderr=subprocess.PIPE, text=True)
    try:
        _, err = p.communicate(timeout=4)
    except subprocess.TimeoutExpired:  # it waits for a store that it does not speak to
        p.send_signal(signal.SIGTERM)
        p.send_signal(signal.SIGTERM)
        _, err = p.communicate(timeout=30)
    return Table.asked, err


def trust_nobody_unknown(binary, folder, checks):
    make_capture(folder + "/few.pcap", 5, 0.001)
    good, other = make_cert(folder, "good", "IP:127.0.0.1"), make_cert(folder, "other", "DNS:other.example")
    at = {s: f"https://127.0.0.1:{s.server_address[1]}" for s in (good, other)}
    asked, err = replay_to(binary, folder, at[good], "")
    checks.check(asked == 0 and "certificate" in err.lower(), f"a certificate that nobody signed: {asked} {err[-600:]}")
    asked, err = replay_to(binary, folder, at[other], f", ca: {folder}/other.pem")
    checks.check(asked == 0 and ("certificate" in err.lower() or "subject name" in err.lower()),
                 f"a certificate of somebody else: {asked} {err[-600:]}")
    asked, err = replay_to(binary, folder, at[good], f", ca: {folder}/good.pem")
    checks.check(asked > 0, f"a certificate that `ca` signs: {err[-600:]}")
    config = folder + "/redis.yaml"
    with open(config, "w", encoding="utf-8") as f:
        f.write("sources: { lines: { match: { udp: 5170 }, parser: lines } }\n"
                'sinks: { r: { redis: { url: "rediss://127.0.0.1" } } }\nqueues: { lab/r: { from: lines, sink: r } }\n')
    p = sh(binary, "replay", "-c", config, folder + "/few.pcap", check=False)
    checks.check(p.returncode and "TLS is not supported" in p.stderr, f"Redis with TLS is refused by name, not spoken to in clear: {p.stderr}")


def run(binary, folder, checks):
    say_nothing_secret(binary, folder, checks)
    no_secret_is_an_argument(binary, checks)
    no_token_in_the_clear(binary, folder, checks)
    trust_nobody_unknown(binary, folder, checks)


if __name__ == "__main__":
    VETH.main(run)
