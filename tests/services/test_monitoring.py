#!/usr/bin/env python3
"""conf/monitoring beside a real Prometheus: what it scrapes of a `sluiced run`, its alerts, each panel's query."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from sluice import SKIP, Checks  # noqa: E402
from wire import Veth, sh  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
MONITORING = os.path.join(ROOT, "conf", "monitoring")
VETH = Veth("sluicemon")
TOKEN = "0123456789abcdef-secret"
CONFIG = """
capture: {{ ports: [{{ device: "net_af_packet0,iface=v1" }}] }}
api: {{ socket: {folder}/control.sock, listen: "127.0.0.1:8686", token: "file:{folder}/token" }}
spool: {{ dir: {folder}/spool }}
sources: {{ syslog: {{ match: {{ udp: 514 }}, parser: syslog }} }}
sinks: {{ out: {{ file: {{ path: {folder}/out.ndjson }} }} }}
queues: {{ lab/syslog: {{ from: syslog, sink: out }} }}
"""
# What the alerts say of series that are told here, minute by minute.
RULE_TESTS = """
rule_files: [{alerts}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{ series: 'up{{job="sluice",instance="a"}}', values: '1 1 0 0 0 0 0 0' }}
      - {{ series: 'sluice_lost_total{{stage="sink",unit="records",scope="q",instance="a"}}', values: '0 0 0 0 5 5 5 5 5' }}
      - {{ series: 'sluice_lost_total{{stage="sink",unit="records",scope="r",instance="a"}}', values: '7x9' }}
      - {{ series: 'sluice_unbalanced_rows{{instance="a"}}', values: '0x9' }}
      - {{ series: 'sluice_sink_trouble{{sink="s",instance="a"}}', values: '0 1 1 1 1 0 0' }}
      - {{ series: 'sluice_port_trouble{{port="p",instance="a"}}', values: '0 1 1 1 1 0 0' }}
    alert_rule_test:
      - {{ eval_time: 1m, alertname: SluiceDown, exp_alerts: [] }}
      - eval_time: 5m
        alertname: SluiceLosing
        exp_alerts:
          - exp_labels: {{ severity: critical, stage: sink, unit: records, scope: q, instance: a }}
            exp_annotations:
              summary: "a loses records in stage sink q"
              description: "`sluicectl losses` names the cause."
      - eval_time: 5m
        alertname: SluiceDown
        exp_alerts:
          - exp_labels: {{ severity: critical, job: sluice, instance: a }}
            exp_annotations: {{ summary: "sluice on a does not answer" }}
      - eval_time: 3m
        alertname: SluicePortTrouble
        exp_alerts:
          - exp_labels: {{ severity: critical, port: p, instance: a }}
            exp_annotations:
              summary: "nothing can come to p of a"
              description: "`sluicectl status` says why, and what to do."
      - {{ eval_time: 7m, alertname: SluiceSinkTrouble, exp_alerts: [] }}
      - {{ eval_time: 5m, alertname: SluiceUnbalanced, exp_alerts: [] }}
"""
SENDER = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(2000):
    s.sendto(b"<34>1 2026-11-25T04:43:16Z web-1 su - - - line %d" % i, ("10.9.0.2", 514))
    if i % 50 == 49: time.sleep(0.004)
"""


def query(expr):
    out = sh(*VETH.ns("curl", "-s", "http://127.0.0.1:19090/api/v1/query?query=" + urllib.parse.quote(expr)),
             check=False).stdout
    try:
        return json.loads(out)
    except ValueError:
        return {"status": "no answer"}


def check_rules(checks, folder):
    p = sh("promtool", "check", "rules", os.path.join(MONITORING, "alerts.yaml"), check=False)
    checks.equal(p.returncode, 0, f"promtool takes the alerts: {p.stderr}")
    tests = os.path.join(folder, "rules-test.yaml")
    with open(tests, "w", encoding="utf-8") as f:
        f.write(RULE_TESTS.format(alerts=os.path.abspath(os.path.join(MONITORING, "alerts.yaml"))))
    p = sh("promtool", "test", "rules", tests, check=False)
    checks.equal(p.returncode, 0, f"the alerts fire when they should, and only then: {p.stdout}{p.stderr}")


def prometheus(folder):
    shutil.copy(os.path.join(MONITORING, "alerts.yaml"), folder)
    with open(os.path.join(MONITORING, "prometheus.yaml"), encoding="utf-8") as f:
        conf = f.read().replace("/etc/prometheus/sluice.token", f"{folder}/token").replace("15s", "1s")
    path = os.path.join(folder, "prometheus.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(conf)
    return path


def dashboard_queries():
    with open(os.path.join(MONITORING, "grafana.json"), encoding="utf-8") as f:
        for panel in json.load(f)["panels"]:
            for target in panel["targets"]:
                expr = target["expr"].replace("$instance", ".*").replace("$__rate_interval", "1m")
                yield panel["title"], target["refId"], expr


def look(checks, binary, folder):
    ctl = os.path.join(os.path.dirname(binary), "sluicectl")
    text = sh(ctl, "--socket", f"{folder}/control.sock", "metrics").stdout
    p = sh("promtool", "check", "metrics", input=text, check=False)
    wrong = [line for line in p.stderr.splitlines() if "abbreviated units" not in line]
    checks.equal((p.returncode in (0, 3), wrong), (True, []), "promtool takes the metrics")
    for _ in range(100):
        r = query('sluice_sink_records_written_total{scope="lab/syslog"}')
        if r.get("data", {}).get("result") and r["data"]["result"][0]["value"][1] == "2000":
            break
        time.sleep(0.2)
    checks.equal(r["data"]["result"][0]["value"][1] if r.get("data", {}).get("result") else None, "2000",
                 "Prometheus has what was written")
    checks.equal(query("up")["data"]["result"][0]["value"][1], "1", "the token is taken")
    time.sleep(2.5)
    for title, ref, expr in dashboard_queries():
        r = query(expr)
        empty = not r.get("data", {}).get("result")
        may_be_empty = "> 0" in expr
        checks.equal((r.get("status"), empty and not may_be_empty), ("success", False), f"panel {title} {ref}: {expr}")
    names = set(re.findall(r"sluice_[a-z_]+", open(os.path.join(MONITORING, "alerts.yaml"), encoding="utf-8").read()))
    served = set(re.findall(r"^(sluice_[a-z0-9_]+)", text, re.M))
    checks.equal(sorted(names - served), [], "alerts name metrics that there are")


def main():
    binary, checks = os.path.abspath(sys.argv[1]), Checks()
    if not shutil.which("promtool"):
        print("skipped: Prometheus is not installed (package prometheus)")
        sys.exit(1 if os.environ.get("CI") == "true" else SKIP)
    if not VETH.possible():
        print("skipped: network namespaces need root")
        sys.exit(SKIP)
    VETH.up()
    running = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            check_rules(checks, folder)
            with open(f"{folder}/token", "w", encoding="utf-8") as f:
                f.write(TOKEN)
            with open(f"{folder}/s.yaml", "w", encoding="utf-8") as f:
                f.write(CONFIG.format(folder=folder))
            running.append(subprocess.Popen(VETH.ns(binary, "run", "-c", f"{folder}/s.yaml"), stderr=subprocess.DEVNULL))
            running.append(subprocess.Popen(
                VETH.ns("prometheus", f"--config.file={prometheus(folder)}", f"--storage.tsdb.path={folder}/tsdb",
                      "--web.listen-address=127.0.0.1:19090", "--log.level=error")))
            for _ in range(100):
                if os.path.exists(f"{folder}/control.sock") and query("up")["status"] == "success":
                    break
                time.sleep(0.1)
            time.sleep(1)
            sh(*VETH.ns(sys.executable, "-c", SENDER))
            look(checks, binary, folder)
            for p in running:
                p.send_signal(signal.SIGTERM)
                p.wait(timeout=60)
    finally:
        for p in running:
            if p.poll() is None:
                p.kill()
        VETH.down()
    checks.done()


if __name__ == "__main__":
    main()
