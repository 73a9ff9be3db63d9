#!/usr/bin/env python3
"""Expressions beside a real PostgreSQL 15: the examples of docs/expressions.md, and generated ones.

Every result is compared as text, and so are the types. An expression that PostgreSQL ends with an error
must be an error of the row here. Differences that docs/expressions.md names are counted, and must stay
rare.

    test_expr_postgres.py EXPR_RUN [SEED [N]]
"""
import os
import random
import re
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from expr_doc import ask_sluice, documented, escape, example_row, unescape  # noqa: E402
from expr_generate import COLUMNS, Generator, rows  # noqa: E402
from sluice import SKIP, Checks  # noqa: E402

BIN = "/usr/lib/postgresql/15/bin"
TYPES = {"timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz",
         "time without time zone": "time", "jsonb": "json", "cidr": "inet", "character varying": "text"}
FUNCTIONS = """
create function one(e text, n int) returns text language plpgsql as $$
declare r text;
begin
    execute 'select case when x is null then null else format(''%s'', x) end'
        || ' from (select (' || e || ') as x from rows where id = ' || n || ') s' into r;
    return 'V' || coalesce(r, '@NULL');
exception when others then return '!' || sqlstate || ' ' || sqlerrm;
end $$;
create function kind(e text) returns text language plpgsql as $$
declare r text;
begin
    execute 'select pg_typeof((' || e || ')) from rows limit 0' into r;
    execute 'select pg_typeof(x) from (select (select (' || e || ') from rows where false) as x) s' into r;
    return r;
exception when others then return '!' || sqlerrm;
end $$;
"""


class Postgres:
    """A server of our own, on a socket in a folder of its own."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="sluice-pg-")
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(self.dir, self.user)
        data = os.path.join(self.dir, "data")
        subprocess.run([f"{BIN}/initdb", "-D", data, "-A", "trust", "-U", "test", "--locale=C",
                        "--encoding=UTF8", "--no-sync"], check=True, capture_output=True, user=self.user,
                       cwd=self.dir)
        with open(os.path.join(self.dir, "log"), "w", encoding="utf-8") as log:
            self.server = subprocess.Popen(
                [f"{BIN}/postgres", "-D", data, "-k", self.dir, "-c", "listen_addresses=", "-c", "fsync=off",
                 "-c", "max_connections=5", "-c", "shared_buffers=32MB"],
                stdout=log, stderr=log, user=self.user, cwd=self.dir)
        for _ in range(300):
            if subprocess.run([f"{BIN}/pg_isready", "-q", "-h", self.dir, "-U", "test", "-d", "postgres"],
                              check=False).returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError("PostgreSQL does not start: " + open(os.path.join(self.dir, "log")).read())

    def sql(self, text):
        r = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.dir, "-U", "test", "-d",
                            "postgres"], input=text, capture_output=True, text=True, check=False)
        if r.returncode:
            raise RuntimeError("psql: " + r.stderr[-2000:])
        return r.stdout

    def close(self):
        self.server.send_signal(signal.SIGINT)
        self.server.wait(60)
        shutil.rmtree(self.dir)


def ask_postgres(pg, zone, columns, table, expressions):
    """(type, [result of each row]) for each expression; None is NULL, an error begins with '!'."""
    script = ["drop table if exists rows, ex;", f"set timezone = '{zone}';", "set client_min_messages = error;",
              "create table rows (id int, " + ", ".join(f'"{n}" {t}' for n, t in columns) + ");",
              "create table ex (k int, e text);", "copy rows from stdin;"]
    script += ["\t".join([str(i)] + [escape(v) for v in row]) for i, row in enumerate(table)]
    script += ["\\.", "copy ex from stdin;"]
    script += [f"{k}\t{escape(e)}" for k, e in enumerate(expressions)]
    script += ["\\.", "copy (select k, kind(e) from ex order by k) to stdout;",
               "copy (select ex.k, rows.id, one(ex.e, rows.id) from ex, rows order by 1, 2) to stdout;"]
    lines = pg.sql("\n".join(script) + "\n").split("\n")
    n, out = len(expressions), []
    for line in lines[:n]:
        kind = unescape(line.split("\t")[1])
        out.append((TYPES.get(kind, kind), []))
    for line in lines[n:]:
        if not line:
            continue
        k, _, v = line.split("\t")
        v = unescape(v)
        out[int(k)][1].append(None if v == "V@NULL" else v if v[0] == "!" else v[1:])
    return out


def named_limit(e, ours, theirs):
    """Differences that the documentation names."""
    if ours == "!out_of_range" and (theirs is None or theirs[0] != "!"):
        if re.search(r"numeric|\b[nm]\b|\d\.\d|extract", e) or len(re.sub(r"[^0-9]", "", theirs or "")) > 19:
            return "numerics of 38 digits"
        if re.search(r"\b(ts|tt|tz|d|e|v|x)\b|date|time|interval", e):
            return "times from 1678 to 2261"
    if ours == "!bad_input" and re.search(r"::(date|time|interval)", e) and \
            (theirs is None or theirs[0] != "!"):
        return "spellings of times, infinite times"
    digits = len(re.sub(r"[^0-9]", "", theirs or ""))
    if digits > 34 and re.fullmatch(r"-?[0-9.]+", ours or "") and \
            abs(float(ours) - float(theirs)) <= 1e-15 * abs(float(theirs)):
        return "numerics of 38 digits"
    return None


def compare(checks, expressions, ours, theirs, limits):
    n, shown = 0, 0
    for e, (type_a, a), (type_b, b) in zip(expressions, ours, theirs):
        wrong = None
        if a is None:
            if type_b[0] != "!" and not all(x and x[0] == "!" for x in b):
                wrong = f"refused: {type_a}; PostgreSQL: {type_b} {b[:3]}"
        elif type_b[0] != "!" and type_a != type_b:
            wrong = f"type {type_a}, PostgreSQL: {type_b}"
        else:
            for i, (x, y) in enumerate(zip(a, b)):
                n += 1
                if x == y or (x and y and x[0] == "!" and y[0] == "!"):
                    continue
                limit = named_limit(e, x, y)
                if limit:
                    limits[limit] = limits.get(limit, 0) + 1
                    continue
                wrong = f"row {i}: {x!r}, PostgreSQL: {y!r}"
                break
        if wrong:
            shown += 1
            if shown <= 40:
                print(f"  {e}\n    {wrong}")
    checks.equal(shown, 0, "expressions that differ from PostgreSQL")
    return n


def test_examples(checks, pg):
    """That they give here what the document says is looked at by tests/golden/test_expressions.py."""
    columns, row = example_row()
    examples = documented()
    for (heading, e, result), (_, b) in zip(examples, ask_postgres(pg, "UTC", columns, [row],
                                                                   [e for _, e, _ in examples])):
        if heading.startswith("Not in PostgreSQL"):
            continue
        got = "NULL" if b[0] is None else "error" if b[0][0] == "!" else b[0]
        if heading.startswith("Differences"):
            checks.check(got != result, f"{heading}: {e}: PostgreSQL gives {got} too")
        else:
            checks.equal(got, result, f"{heading}: {e}")


def test_generated(checks, binary, pg, seed, n):
    limits, total = {}, 0
    for zone, share in (("UTC", 0.7), ("Europe/Berlin", 0.2), ("America/New_York", 0.1)):
        r = random.Random(f"{seed} {zone}")
        generator = Generator(r)
        expressions = [generator.top() for _ in range(int(n * share))]
        table = rows(r)
        ours = ask_sluice(binary, zone, COLUMNS, table, expressions, 64)
        theirs = ask_postgres(pg, zone, COLUMNS, table, expressions)
        total += compare(checks, expressions, ours, theirs, limits)
        errors = sum(1 for _, b in theirs for x in b if x and x[0] == "!")
        print(f"{zone}: {len(expressions)} expressions, {sum(len(b) for _, b in theirs)} results, "
              f"{errors} errors")
    print("named limits:", limits)
    checks.check(sum(limits.values()) < 0.02 * total, "named limits are not rare")


def main():
    if not os.path.exists(f"{BIN}/initdb"):
        print("PostgreSQL 15 is not installed")
        return 1 if os.environ.get("CI") == "true" else SKIP
    binary = sys.argv[1]
    seed = sys.argv[2] if len(sys.argv) > 2 else "1"
    n = int(sys.argv[3]) if len(sys.argv) > 3 else 3600
    checks = Checks()
    pg = Postgres()
    try:
        pg.sql(FUNCTIONS)
        test_examples(checks, pg)
        test_generated(checks, binary, pg, seed, n)
    finally:
        pg.close()
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
