"""A random workload on a database, by a generator that knows every row change that it causes.

Writers own their tables, so the changes of one table have one order. What is expected is kept by stream
(db.table): (op, names, before, after, image, assigned columns), rows as tuples of (literal, value).
"""
import random
from collections import defaultdict, namedtuple
from operator import itemgetter

from sql_values import BIG, KINDS, SPATIAL, Column

Change = namedtuple("Change", "op names blobs before after image assigned")
VALUE, LITERAL = itemgetter(1), itemgetter(0)


def number(n):
    return (str(n), n)


class Table:
    """id, v (changed by every update, so that no update is without effect), and columns of any kind."""

    def __init__(self, name, columns):
        self.name, self.columns, self.rows, self.next_id = name, columns, {}, 1
        self.layout()

    def layout(self):
        self.names = ("id", "v", *(c.name for c in self.columns))
        self.blobs = frozenset(c.name for c in self.columns if c.blob and c.type not in SPATIAL)

    def create(self):
        cols = "".join(f", {c.definition()}" for c in self.columns)
        return f"CREATE TABLE {self.name} (id BIGINT PRIMARY KEY, v INT{cols})"


class Expected:
    def __init__(self):
        self.rows, self.ddl, self.n = defaultdict(list), [], 0


class Writer:
    """One session that writes. db: its database; tables are named w<N>_..."""

    def __init__(self, client, db, prefix, seed, expected):
        self.client, self.db, self.prefix, self.expected = client, db, prefix, expected
        self.rng, self.tables, self.serial, self.n_names = random.Random(seed), [], 0, 0
        self.image = "FULL"
        self.q(f"USE {db}")

    def q(self, sql):
        self.client.feed(sql + ";\n")

    def set_image(self, image):
        self.image = image
        self.q(f"SET SESSION binlog_row_image={image}")

    # ---- what is expected ----

    def _note(self, t, op, before, after, assigned=()):
        self.expected.rows[f"{self.db}.{t.name}"].append(
            Change(op, t.names, t.blobs, before, after, self.image, frozenset(assigned)))
        self.expected.n += 1

    def ddl(self, sql):
        self.q(sql)
        self.expected.ddl.append(sql)

    # ---- tables ----

    def _name(self):
        self.n_names += 1
        return f"{self.prefix}_{self.n_names}"

    def table(self, kinds, pool=48):
        t = Table(self._name(), [Column(f"c{i}_{k.lower()}", k, self.rng, pool) for i, k in enumerate(kinds)])
        self.ddl(t.create())
        self.tables.append(t)
        return t

    def wide(self):
        return self.table(KINDS)

    def some(self, n):
        return self.table(self.rng.sample(list(KINDS), n))

    def big(self):
        return self.table(BIG, pool=8)

    # ---- rows ----

    def insert(self, t, n):
        ids = [number(t.next_id + i) for i in range(n)]
        t.next_id += n + self.rng.choice((0, 0, 3))
        self.serial += 1
        rows = list(zip(ids, [number(self.serial)] * n, *(self.rng.choices(c.pool, k=n) for c in t.columns)))
        self.q(f"INSERT INTO {t.name} VALUES " + ",".join("(" + ",".join(map(LITERAL, r)) + ")" for r in rows))
        for r in rows:
            t.rows[r[0][1]] = r
            self._note(t, "c", None, r)

    def _range(self, t, n):
        """A condition on the key, and the ids that fulfil it, in their order."""
        first = self.rng.randint(1, max(1, t.next_id - n))
        ids = [i for i in range(first, first + n) if i in t.rows]
        return f"id BETWEEN {first} AND {first + n - 1}", ids

    def update(self, t, n):
        where, ids = self._range(t, n)
        self.serial += 1
        some = self.rng.sample(range(len(t.columns)), min(len(t.columns), self.rng.randint(0, 4)))
        new = {1: number(self.serial), **{i + 2: self.rng.choice(t.columns[i].pool) for i in some}}
        self.q(f"UPDATE {t.name} SET " + ",".join(f"`{t.names[i]}`={e[0]}" for i, e in new.items())
               + f" WHERE {where}")
        for i in ids:
            before = t.rows[i]
            row = list(before)
            for at, e in new.items():
                row[at] = e
            t.rows[i] = tuple(row)
            self._note(t, "u", before, t.rows[i], (t.names[at] for at in new))

    def move(self, t):
        """The key itself changes."""
        _, ids = self._range(t, 5)
        if ids:
            self.serial += 1
            to = t.next_id
            t.next_id += 1
            self.q(f"UPDATE {t.name} SET id={to}, v={self.serial} WHERE id={ids[0]}")
            before = t.rows.pop(ids[0])
            t.rows[to] = (number(to), number(self.serial), *before[2:])
            self._note(t, "u", before, t.rows[to], ("id", "v"))

    def delete(self, t, n):
        where, ids = self._range(t, n)
        self.q(f"DELETE FROM {t.name} WHERE {where}")
        for i in ids:
            self._note(t, "d", t.rows.pop(i), None)

    def rolled_back(self, t):
        """Changes that nobody may see."""
        where, _ = self._range(t, 20)
        self.q(f"BEGIN; UPDATE {t.name} SET v=-1 WHERE {where}; DELETE FROM {t.name} WHERE {where}; ROLLBACK")

    def copied(self, t):
        """A table like it, filled by the server, in one transaction; then dropped."""
        copy = Table(self._name(), t.columns)
        self.ddl(f"CREATE TABLE {copy.name} LIKE {t.name}")
        self.q(f"INSERT INTO {copy.name} SELECT * FROM {t.name} ORDER BY id")
        for i in sorted(t.rows):
            self._note(copy, "c", None, t.rows[i])
        self.ddl(f"DROP TABLE {copy.name}")

    # ---- layouts ----

    def _column(self, t):
        """A column that may be changed, or None when few are left."""
        return self.rng.randrange(len(t.columns)) if len(t.columns) > 3 else None

    def add_column(self, t):
        c = Column(f"a{self._name()}", self.rng.choice(list(KINDS)), self.rng)
        at = self.rng.randint(0, len(t.columns))
        place = f"AFTER `{t.names[at + 1]}`"
        fill = ("NULL", None)
        if not c.blob and self.rng.random() < 0.5:
            fill = self.rng.choice(c.pool)
            place = f"DEFAULT {fill[0]} {place}" if fill[1] is not None else place
        self.ddl(f"ALTER TABLE {t.name} ADD COLUMN {c.definition()} {place}")
        t.columns = [*t.columns[:at], c, *t.columns[at:]]
        t.rows = {i: (*r[:at + 2], fill, *r[at + 2:]) for i, r in t.rows.items()}
        t.layout()

    def drop_column(self, t):
        i = self._column(t)
        if i is not None:
            self.ddl(f"ALTER TABLE {t.name} DROP COLUMN `{t.columns[i].name}`")
            t.columns = t.columns[:i] + t.columns[i + 1:]
            t.rows = {k: r[:i + 2] + r[i + 3:] for k, r in t.rows.items()}
            t.layout()

    def rename_column(self, t):
        i = self._column(t)
        if i is not None:
            old = t.columns[i]
            new = Column.__new__(Column)
            new.__dict__.update(old.__dict__, name=f"r{self._name()}")
            how = f"CHANGE `{old.name}` {new.definition()}" if self.rng.random() < 0.5 else \
                f"RENAME COLUMN `{old.name}` TO `{new.name}`"
            self.ddl(f"ALTER TABLE {t.name} {how}")
            t.columns = [*t.columns[:i], new, *t.columns[i + 1:]]
            t.layout()

    def modify_column(self, t):
        """A type that holds all that the old one held."""
        wider = {"TINYINT": "INT", "SMALLINT": "INT", "INT": "BIGINT", "INT UNSIGNED": "BIGINT UNSIGNED",
                 "VARCHAR(300)": "VARCHAR(500)", "TEXT": "LONGTEXT", "BLOB": "LONGBLOB",
                 "VARCHAR(24) CHARACTER SET latin1": "VARCHAR(30) CHARACTER SET utf8mb4",
                 "VARCHAR(24) CHARACTER SET gbk": "VARCHAR(30) CHARACTER SET utf8mb4"}
        for i in self.rng.sample(range(len(t.columns)), len(t.columns)):
            if t.columns[i].type in wider:
                new = Column.__new__(Column)
                new.__dict__.update(t.columns[i].__dict__, type=wider[t.columns[i].type])
                self.ddl(f"ALTER TABLE {t.name} MODIFY COLUMN {new.definition()}")
                t.columns = [*t.columns[:i], new, *t.columns[i + 1:]]
                return

    def rename_table(self, t):
        old, t.name = t.name, self._name()
        self.ddl(self.rng.choice((f"RENAME TABLE {old} TO {t.name}", f"ALTER TABLE {old} RENAME TO {t.name}")))

    def truncate(self, t):
        self.ddl(f"TRUNCATE TABLE {t.name}")
        t.rows = {}

    def change_layout(self, t):
        self.rng.choice((self.add_column, self.add_column, self.drop_column, self.rename_column,
                         self.modify_column, self.rename_table))(t)

    # ---- a day's work ----

    def step(self, t, most):
        """One transaction of up to @most rows a statement."""
        r = self.rng
        n = r.randint(1, most)
        kind = r.random()
        if kind < 0.08:
            self.q("BEGIN")
            for _ in range(r.randint(2, 5)):
                r.choice((self.insert, self.update, self.delete))(t, max(1, n // 4))
            self.q("COMMIT")
        elif kind < 0.45:
            self.insert(t, n)
        elif kind < 0.80:
            self.update(t, n)
        elif kind < 0.93:
            self.delete(t, n // 2 + 1)
        elif kind < 0.97:
            self.move(t)
        else:
            self.rolled_back(t)


def fault_in(change, event):
    """What of @event is not as @change; None when all of it is."""
    if event["op"] != change.op:
        return f"op {event['op']}, not {change.op}"
    for side in ("before", "after"):
        row, got = getattr(change, side), event[side]
        want = None if row is None else dict(zip(change.names, map(VALUE, row)))
        if row is not None and change.image != "FULL":
            want = {n: want[n] for n in columns_in(change, side)}
        if got != want:
            if got is None or want is None:
                return f"{side}: {got!r:.200}, not {want!r:.200}"
            off = {n: (got.get(n, "absent"), want.get(n, "absent")) for n in {*got, *want}
                   if got.get(n, "absent") != want.get(n, "absent")}
            return f"{side}, got and wanted: {off!r:.400}"
    return None


def columns_in(change, side):
    """Which columns an image has that is not FULL."""
    if side == "before":
        return [n for n in change.names if n not in change.blobs] if change.image == "NOBLOB" else ["id"]
    if change.op == "c":
        return change.names
    if change.image == "MINIMAL":
        return [n for n in change.names if n in change.assigned]
    return [n for n in change.names if n not in change.blobs or n in change.assigned]
