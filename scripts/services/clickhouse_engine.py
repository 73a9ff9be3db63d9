#!/usr/bin/env python3
"""HTTP in front of ClickHouse's engine: see clickhouse-engine.sh.

    clickhouse_engine.py PACKAGES DIR PORT

The engine reads an insert's body from a file, as it came: it decompresses, parses, judges settings and tokens itself.
GET /seen is what came, as JSON; /cut: the next insert is done, and its connection closed without an answer.
"""
import json
import os
import re
import sys
import threading
import types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

INSERT = re.compile(r"(INSERT INTO .+) FORMAT (\w+)\s*")


def load(packages):
    """The library alone: the package around it asks for pandas and pyarrow."""
    package = types.ModuleType("chdb")
    package.__path__ = [os.path.join(packages, "chdb")]
    sys.modules["chdb"] = package
    from chdb import _chdb  # pylint: disable=import-outside-toplevel,import-error
    return _chdb


def quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Engine:
    def __init__(self, packages, folder):
        self.link = load(packages).connect(os.path.join(folder, "data"))
        self.folder, self.lock = folder, threading.Lock()
        self.cut, self.seen = False, {"encodings": {}, "tokens": []}

    def ask(self, query):
        return self.link.query(query, "TSV").bytes()

    def insert(self, match, body, encoding, settings):
        self.seen["encodings"][encoding] = self.seen["encodings"].get(encoding, 0) + 1
        self.seen["tokens"].append(settings.get("insert_deduplication_token"))
        path = os.path.join(self.folder, "body")
        with open(path, "wb") as f:
            f.write(body)
        given = ", ".join(f"{k} = {quote(v)}" for k, v in settings.items())
        return self.ask(f"{match[1]} FROM INFILE {quote(path)} COMPRESSION {quote(encoding)} "
                        f"{'SETTINGS ' + given if given else ''} FORMAT {match[2]}")

    def query(self, query, body, encoding, settings):
        """A body goes on with the query, as ClickHouse has it."""
        match = INSERT.fullmatch(query)
        if match:
            return self.insert(match, body, encoding, settings)
        if body and encoding != "none":
            path = os.path.join(self.folder, "text")
            with open(path, "wb") as f:
                f.write(body)
            body = self.link.query(f"SELECT * FROM file({quote(path)}, 'RawBLOB', 's String', {quote(encoding)})",
                                   "RawBLOB").bytes()
        return self.ask(query + body.decode())


class Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    engine = None

    def log_message(self, *_):
        pass

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        if self.path == "/seen":
            self.answer(200, json.dumps(self.engine.seen).encode())
            return
        self.engine.cut |= self.path == "/cut"
        self.answer(200, b"Ok.\n")

    def do_POST(self):
        settings = dict(parse_qsl(urlsplit(self.path).query))
        query = settings.pop("query", "")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.engine.lock:
            try:
                text = self.engine.query(query, body, self.headers.get("Content-Encoding", "none"), settings)
            except RuntimeError as e:
                self.answer(404 if "UNKNOWN_TABLE" in str(e) else 500, str(e).encode())
                return
            cut = self.engine.cut and query.startswith("INSERT")
            self.engine.cut &= not cut
        if cut:
            self.close_connection = True
        else:
            self.answer(200, text)


def main():
    packages, folder, port = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    Front.engine = Engine(packages, folder)
    ThreadingHTTPServer(("127.0.0.1", int(port)), Front).serve_forever()


if __name__ == "__main__":
    main()
