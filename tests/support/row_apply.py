"""Applies sluice's row changes to a server: what a consumer would do that keeps a copy of the primary.

Changes of one table are gathered and written in few statements; a DDL writes all that is gathered first.
"""
import base64

from sql_values import quote

BYTES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
NUMBERS = {"tinyint", "smallint", "mediumint", "int", "bigint", "float", "double", "decimal", "year", "bit"}
SPATIAL = {"geometry", "point"}
TIMES = {"timestamp"}
GATHERED_MAX, STATEMENT_BYTES = 4000, 1 << 20


def literal(value, kind):
    if value is None:
        return "NULL"
    if kind in NUMBERS:
        return str(value) if not isinstance(value, float) else repr(value)
    if kind in BYTES:
        return f"x'{base64.b64decode(value).hex()}'"
    if kind in SPATIAL:
        return f"ST_GeomFromWKB(x'{base64.b64decode(value['wkb']).hex()}',{value['srid']})"
    return quote(value[:-1] if kind in TIMES else value)


class Applier:
    """Of tables whose key is the column `id`."""

    def __init__(self, server):
        self.server = server
        self.kinds, self.pending, self.n_gathered = {}, {}, 0

    def ddl(self, event):
        self.flush()
        self.kinds.clear()
        if event.get("db") and not event["sql"].startswith("CREATE DATABASE"):
            self.server.ask(f"USE {event['db']}")
        self.server.ask(event["sql"])

    def row(self, event):
        """Newest state of each key: ("put", whole row), ("set", some columns), ("gone", None)."""
        rows = self.pending.setdefault(event["_stream"], {})
        before, after = event["before"], event["after"]
        if event["op"] == "d":
            rows[before["id"]] = ("gone", None)
        elif event["op"] == "c":
            rows[after["id"]] = ("put", after)
        elif after.get("id", before["id"]) != before["id"]:
            self._move(event["_stream"], before["id"], after)
            return
        else:
            kind, old = rows.get(before["id"], ("set", {}))
            assert kind != "gone", f"{event['_id']} changes a row that is gone"
            rows[before["id"]] = (kind, {**old, "id": before["id"], **after})
        self.n_gathered += 1
        if self.n_gathered >= GATHERED_MAX:
            self.flush()

    def _move(self, stream, key, after):
        self.flush()
        kinds = self._kinds(stream)
        new = ",".join(f"`{n}`={literal(v, kinds[n])}" for n, v in after.items())
        self.server.ask(f"UPDATE {stream} SET {new} WHERE id={key}")

    def _kinds(self, stream):
        if stream not in self.kinds:
            db, table = stream.split(".")
            self.kinds[stream] = dict(self.server.ask(
                "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS"
                f" WHERE TABLE_SCHEMA='{db}' AND TABLE_NAME='{table}'"))
        return self.kinds[stream]

    def flush(self):
        for stream, rows in self.pending.items():
            gone = [str(k) for k, (kind, _) in rows.items() if kind == "gone"]
            if gone:
                self.server.ask(f"DELETE FROM {stream} WHERE id IN ({','.join(gone)})")
            by_columns = {}
            for kind, row in rows.values():
                if kind != "gone":
                    by_columns.setdefault((kind, tuple(sorted(row))), []).append(row)
            for (kind, names), alike in by_columns.items():
                self._write(stream, kind, names, alike)
        self.pending, self.n_gathered = {}, 0

    def _write(self, stream, kind, names, rows):
        kinds = self._kinds(stream)
        cols = ",".join(f"`{n}`" for n in names)
        verb = "REPLACE" if kind == "put" else "INSERT"
        tail = "" if kind == "put" else " ON DUPLICATE KEY UPDATE " + ",".join(
            f"`{n}`=VALUES(`{n}`)" for n in names)
        batch, size = [], 0
        for row in [*rows, None]:
            if row:
                batch.append("(" + ",".join(literal(row[n], kinds[n]) for n in names) + ")")
                size += len(batch[-1])
            if batch and (not row or size > STATEMENT_BYTES):
                self.server.ask(f"{verb} INTO {stream} ({cols}) VALUES {','.join(batch)}{tail}")
                batch, size = [], 0


def checksums(server, dbs):
    tables = server.ask("SELECT CONCAT(TABLE_SCHEMA,'.',TABLE_NAME) FROM information_schema.TABLES WHERE"
                        f" TABLE_SCHEMA IN ({','.join(map(quote, dbs))}) AND TABLE_TYPE='BASE TABLE' ORDER BY 1")
    return dict(server.ask("CHECKSUM TABLE " + ",".join(t for t, in tables)))
