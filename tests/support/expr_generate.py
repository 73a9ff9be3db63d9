"""Rows of all types and well-typed SQL expressions over them, from a seed."""

COLUMNS = [("s", "int2"), ("i", "int4"), ("k", "int4"), ("b", "int8"), ("r", "float4"), ("f", "float8"),
           ("g", "float8"), ("n", "numeric"), ("m", "numeric"), ("t", "text"), ("u", "text"), ("w", "text"),
           ("y", "bool"), ("z", "bool"), ("d", "date"), ("e", "date"), ("c", "time"), ("ts", "timestamp"),
           ("tt", "timestamp"), ("tz", "timestamptz"), ("v", "interval"), ("x", "interval"),
           ("j", "json"), ("ip", "inet"), ("net", "inet"), ("q", "bytea")]

VALUES = {
    "int2": ["0", "1", "-1", "7", "32767", "-32768", "100"],
    "int4": ["0", "1", "-1", "2", "3", "10", "-7", "2147483647", "-2147483648", "65536", "999"],
    "int8": ["0", "1", "-1", "5", "9223372036854775807", "-9223372036854775808", "4294967296", "1234567890123"],
    "float4": ["0", "1", "-1.5", "0.1", "3.4e38", "1e-30", "NaN", "Infinity", "16777216", "0.25"],
    "float8": ["0", "1", "-1", "0.5", "2.5", "-2.5", "1e10", "1e-7", "123456.789", "1e300", "NaN",
               "-Infinity", "-0", "3.5", "1e15", "0.1"],
    "numeric": ["0", "1", "-1", "0.00", "12.50", "-2.5", "3.14159", "100", "0.001", "99999.99", "1e3",
                "123456789012345.678"],
    "text": ["", "a", "abc", "ABC", "Hello, World", "häß", "日本語テキスト", "foo bar", " padded ", "12",
             "-3.5", "a%b_c", "a\\b", "x,y,,z", "2026-11-25", "10.1.2.3", "aXbXc", "tab\there",
             "line\nbreak", "ünïcode ÄÖ", "aaa", "true", "{\"k\":1}", "user@example.com", "9"],
    "bool": ["true", "false"],
    "date": ["1970-01-01", "2026-11-25", "2024-02-29", "2000-12-31", "1999-01-01", "2026-03-29",
             "2021-01-03"],
    "time": ["00:00:00", "23:59:59.999999", "12:34:56", "04:05:06.789"],
    "timestamp": ["1970-01-01 00:00:00", "2026-11-25 04:43:16.123456", "2024-02-29 23:59:59",
                  "2026-03-29 02:30:00", "2026-10-25 02:30:00", "1999-12-31 12:00:00.5",
                  "2026-01-31 10:00:00"],
    "timestamptz": ["1970-01-01 00:00:00+00", "2026-11-25 04:43:16.123456+00", "2024-02-29 23:59:59+00",
                    "2026-03-29 01:30:00+00", "2026-10-25 00:30:00+00", "2026-10-25 01:30:00+00",
                    "2035-07-01 12:00:00+00", "1950-06-01 00:00:00+00"],
    "interval": ["00:00:00", "1 day", "1 mon", "-1 mons", "1 year 2 mons 3 days 04:05:06.789",
                 "-00:00:01.5", "36:00:00", "15 days 12:00:00", "-1 days +02:03:00", "1 mon -1 days"],
    "json": ["{\"a\":1,\"b\":\"text\",\"c\":{\"d\":[1,2,{\"e\":null}]}}", "[1,\"two\",3.5,null,true]",
             "\"scalar\"", "12.5", "null", "true", "{}", "[]",
             "{\"a\": \"x\\\"y\\u00e9\\n\", \"b\": {\"a\": {\"b\": \"deep\"}}}", "{\"a\":[[1],[2,3]],\"b\":false}"],
    "inet": ["10.1.2.3", "10.1.0.0/16", "192.168.1.1/24", "::1", "2001:db8::1/32", "0.0.0.0/0",
             "255.255.255.255", "10.1.2.128/25", "::ffff:10.1.2.3"],
    "bytea": ["\\x", "\\x00", "\\x616263", "\\xdeadbeef", "\\xff00ff"],
}

# What a literal of each type may be, as SQL text.
LITERALS = {
    "int2": ["1::int2", "3::smallint"], "int4": ["0", "1", "2", "-3", "10", "100"],
    "int8": ["5::int8", "3000000000"], "float8": ["0.5::float8", "1e3::float8", "2::float8"],
    "float4": ["1.5::real"], "numeric": ["1.5", "0.25", "10.00", "3.0"],
    "text": ["''", "'a'", "'abc'", "'o'", "'X'", "'häß'", "'日'", "'%'"], "bool": ["y is true", "z is null"],
    "date": ["date '2026-11-25'", "'2000-01-01'::date"], "time": ["time '12:00'"],
    "timestamp": ["timestamp '2026-01-31 10:20:30.5'"], "timestamptz": ["timestamptz '2026-06-01 00:00:00+02'"],
    "interval": ["interval '1 day'", "interval '90 minutes'", "interval '1 month'", "interval '5' minute",
                 "'1-2'::interval", "'P1DT2H'::interval", "'2 weeks ago'::interval", "'1.5 hours'::interval"],
    "json": ["'{\"a\": [1, 2]}'::json"], "inet": ["inet '10.0.0.0/8'", "'192.168.1.0/24'::inet"],
    "bytea": ["'\\xabcd'::bytea"],
}

NUMBERS = ["int2", "int4", "int8", "float4", "float8", "numeric"]
ORDERED = NUMBERS + ["text", "bool", "date", "time", "timestamp", "timestamptz", "interval", "inet", "bytea"]
LIKES = ["'a%'", "'%c'", "'%o%'", "'a_c'", "'%'", "''", "'%\\_%'", "'a\\%b%'", "'%ä%'", "'__'", "'H%o%d'",
         "'%本%'", "'_日%'"]
REGEXES = ["'^a'", "'b'", "'[a-c]+$'", "'^\\s'", "'\\d+'", "'(foo|bar)'", "'^.{3}$'", "'[[:alpha:]]'", "'^$'",
           "'a.c'", "'[^a-z]'", "'\\w+@\\w+'", "'\\yb'", "'ä'", "'o{1,2}'", "'(?:ab)+'", "'[äö]'", "'x|'",
           "'^(?:[0-9]{1,3}\\.){3}[0-9]{1,3}$'", "'\\Aa'", "'c\\Z'", "'[\\w,]+$'", "'(?i)hello'", "'a*?b'"]
ZONES = ["'UTC'", "'Europe/Berlin'", "'America/New_York'", "'Asia/Kolkata'", "'Australia/Lord_Howe'"]
TRUNCS = ["microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year",
          "decade", "century", "millennium"]
CLOCK = ["microseconds", "milliseconds", "second", "minute", "hour", "epoch"]
CALENDAR = ["day", "month", "quarter", "year", "decade", "century", "millennium"]
DATES = CALENDAR + ["week", "dow", "isodow", "doy", "isoyear"]

# For each type: templates, in which {type} is an argument, {!type} one with a column in it, and {=name}
# one of a list.
TEMPLATES = {
    "int2": ["{int2} + {int2}", "abs({int2})", "-{int2}", "{int4}::int2", "{text}::int2"],
    "int4": ["{int4} + {int4}", "{int4} - {int4}", "{int4} * {int4}", "{int4} / {int4}", "{int4} % {int4}",
             "{int2} + {int4}", "length({text})", "octet_length({text})", "bit_length({text})", "ascii({text})",
             "position({text} in {text})", "strpos({text}, {text})", "{date} - {date}", "abs({int4})", "- {int4}",
             "mod({int4}, {int4})", "{text}::int", "{float8}::int", "{numeric}::int", "{bool}::int", "{int8}::int",
             "{int4} & {int4}", "{int4} | {int4}", "{int4} # {int4}", "~ {int4}", "{int4} << 3", "{int4} >> 2",
             "masklen({inet})", "family({inet})", "octet_length({bytea})", "char_length({text})",
             "(j ->> 'a')::int", "json_array_length(j)"],
    "int8": ["{int8} + {int8}", "{int8} * {int4}", "{int8} - {int2}", "{int8} / {int4}", "{int8} % {int8}",
             "{numeric}::int8", "{float8}::bigint", "abs({int8})", "{text}::int8", "- {int8}", "{int4}::int8"],
    "float4": ["{float4} + {float4}", "{float4} * {float4}", "{float8}::real", "{int4}::float4", "- {float4}",
               "{float4} / {float4}", "{text}::float4", "{numeric}::float4", "abs({float4})"],
    "float8": ["{float8} + {float8}", "{float8} - {float8}", "{float8} * {float8}", "{float8} / {float8}",
               "{float4} + {float8}", "{int4} * {float8}", "sqrt({float8})", "power({float8}, {float8})",
               "exp({float8})", "ln({float8})", "log({float8})", "ceil({float8})", "floor({float8})",
               "round({float8})", "trunc({float8})", "sign({float8})", "{int4} ^ {int2}", "abs({float8})",
               "{text}::float8", "{numeric}::float8", "cbrt({float8})", "date_part({=date}, {timestamp})",
               "date_part({=clock}, {interval})", "sin({float8})", "atan2({float8}, {float8})",
               "degrees({float8})", "sqrt({int4})", "ln({int4})", "cos({float8})", "radians({float8})"],
    "numeric": ["{numeric} + {numeric}", "{numeric} - {numeric}", "{numeric} * {numeric}", "{numeric} / {numeric}",
                "{numeric} % {numeric}", "{int4} * {numeric}", "{numeric} / {int4}", "round({numeric})",
                "round({numeric}, 2)", "trunc({numeric}, 1)", "ceil({numeric})", "floor({numeric})",
                "abs({numeric})", "sign({numeric})", "{text}::numeric", "{float8}::numeric", "{int4}::numeric",
                "{numeric}::numeric(10,2)", "div({numeric}, {numeric})", "mod({numeric}, {numeric})",
                "round({numeric}, -1)", "extract({=datew} from {timestamp})", "extract({=clockw} from {timestamp})",
                "extract({=clockw} from {time})", "extract({=clockw} from {interval})",
                "extract({=calw} from {interval})", "extract({=datew} from {date})", "extract(epoch from {date})",
                "extract({=datew} from {timestamptz})", "extract({=clockw} from {timestamptz})", "- {numeric}",
                "trunc({numeric})", "extract(timezone from {timestamptz})", "{float4}::numeric"],
    "text": ["{text} || {text}", "{text} || {int4}", "{int4} || {text}", "lower({text})", "upper({text})",
             "initcap({text})", "left({text}, {small})", "right({text}, {small})", "substring({text} from {small})",
             "substring({text} from {small} for {small})", "substr({text}, {small}, {small})", "reverse({text})",
             "repeat({text}, {small})", "replace({text}, {text}, {text})", "split_part({text}, {=sep}, {small})",
             "trim({text})", "trim(both 'a ' from {text})", "ltrim({text}, 'aH')", "rtrim({text}, 'cd')",
             "lpad({text}, {small})", "rpad({text}, {small}, 'xy')", "lpad({text}, {small}, 'äb')",
             "concat({text}, {int4}, {bool}, {text})", "concat_ws(',', {text}, {text}, {int4})",
             "translate({text}, 'abo', 'xä')", "md5({text})", "encode({bytea}, 'hex')", "encode({bytea}, 'base64')",
             "encode(sha256({bytea}), 'hex')", "{int4}::text", "{float8}::text", "{numeric}::text", "{bool}::text",
             "{date}::text", "{timestamp}::text", "{timestamptz}::text", "{interval}::text", "{time}::text",
             "{inet}::text", "host({inet})", "j ->> 'a'", "j -> 'b' ->> 'a'", "j #>> '{{c,d,0}}'", "j ->> 0",
             "j ->> -1", "{float4}::text", "to_hex({int4})", "chr(k % 7 + 65)", "overlay({text} placing {text} from 2 for 1)",
             "{text}::varchar(3)", "json_typeof(j)", "j #>> '{{b,a,b}}'", "{bytea}::text", "j::text",
             "concat({inet}, {date}, {interval})", "j #>> array['c','d','2','e']", "btrim({text}, {text})",
             "to_hex({int8})"],
    "bool": ["{bool} and {bool}", "{bool} or {bool}", "not {bool}", "{text} like {=like}", "{text} not like {=like}",
             "{text} ilike {=like}", "{text} ~ {=regex}", "{text} ~* {=regex}", "{text} !~ {=regex}",
             "{text} in ('a', 'abc', {text})", "{text} in ('abc', 'häß', '12')", "{text} not in ('a', 'x', null)",
             "{int4} in (1, 2, 3)", "{int8} in (1, 5000000000)", "{int4} in (1, 2.5)", "{date} in ('2026-11-25', '2000-12-31')",
             "{int4} between {int4} and {int4}", "{float8} between symmetric {float8} and {float8}",
             "{text} not between {text} and {text}", "{bool} is true", "{bool} is not false", "{bool} is unknown",
             "{text} is null", "{int4} is not null", "starts_with({text}, {text})", "{inet} << {inet}",
             "{inet} <<= {inet}", "{inet} >> {inet}", "{inet} >>= {inet}", "{inet} && {inet}", "{text}::bool",
             "{int4}::bool", "{text} like {text}", "{text} like 'a#%%' escape '#'", "{bool} and {!int4} / {int4} > 1",
             "{int4} = 0 or 10 / {!int4} > 2", "{int2} = {int8}", "{float4} < {float8}", "{int4} > {numeric}",
             "{date} < {timestamp}", "{timestamp} >= {timestamptz}", "{int4} <> {float8}", "{bool} is not unknown",
             "{text} !~* {=regex}", "regexp_like({text}, {=regex})", "regexp_like({text}, {=regex}, 'i')", "{numeric} in (1, 12.5, null)", "{text} = any (array['a', {text}])"],
    "date": ["{date} + {small}", "{date} - {small}", "{timestamp}::date", "{timestamptz}::date", "{text}::date",
             "make_date(2020 + {small}, s, {small} + k % 9)", "{small} + {date}"],
    "time": ["{timestamp}::time", "{time} + {interval}", "{time} - {interval}", "{interval}::time", "{text}::time",
             "make_time({small} + k % 20, s, 1.5)", "{timestamptz}::time"],
    "timestamp": ["{timestamp} + {interval}", "{timestamp} - {interval}", "{date} + {interval}", "{date}::timestamp",
                  "date_trunc({=trunc}, {timestamp})", "{timestamptz} at time zone {=zone}", "{date} + {time}",
                  "{timestamptz}::timestamp", "{text}::timestamp", "{timestamp}::timestamp(0)",
                  "date_bin('15 minutes', {timestamp}, timestamp '2001-01-01')", "{interval} + {timestamp}",
                  "make_timestamp(2020 + {small}, s, k % 20, 1, 2, 3.25)",
                  "{timestamptz} at time zone interval '-3 hours'"],
    "timestamptz": ["{timestamptz} + {interval}", "{timestamptz} - {interval}", "{timestamp} at time zone {=zone}",
                    "date_trunc({=trunc}, {timestamptz})", "{timestamp}::timestamptz", "{date}::timestamptz",
                    "date_trunc({=trunc}, {timestamptz}, {=zone})", "to_timestamp({int4})", "to_timestamp({float8})",
                    "{timestamptz}::timestamptz(3)", "{text}::timestamptz"],
    "interval": ["{interval} + {interval}", "{interval} - {interval}", "{interval} * {float8}", "{interval} / {float8}",
                 "- {interval}", "{timestamp} - {timestamp}", "{timestamptz} - {timestamptz}", "{time} - {time}",
                 "make_interval({small}, s % 100, {small}, k % 100)", "{text}::interval", "{time}::interval",
                 "date_trunc({=trunci}, {interval})", "justify_days({interval})", "justify_hours({interval})",
                 "justify_interval({interval})", "2 * {interval}"],
    "json": ["j -> 'a'", "j -> 'c' -> 'd'", "j -> 1", "j #> '{{c,d}}'", "j -> -1", "j -> {text}", "j -> {int4}"],
    "inet": ["{text}::inet", "set_masklen({inet}, {small})", "broadcast({inet})", "netmask({inet})"],
    "bytea": ["{bytea} || {bytea}", "sha256({bytea})", "decode('616263', 'hex')", "convert_to({text}, 'UTF8')",
              "substring({bytea} from {small} for {small})", "decode(encode({bytea}, 'base64'), 'base64')"],
}
# For any type.
ANY = ["case when {bool} then {T} else {T} end", "case when {bool} then {T} end", "coalesce({T}, {T})",
       "case {int4} when 1 then {T} when {int4} then {T} else {T} end", "({T})"]
ANY_ORDERED = ["nullif({T}, {T})", "greatest({T}, {T})", "least({T}, {T}, {T})"]
COMPARE = ["{T} = {T}", "{T} <> {T}", "{T} < {T}", "{T} <= {T}", "{T} > {T}", "{T} >= {T}",
           "{T} is distinct from {T}", "{T} is not distinct from {T}"]


def quoted(words):
    return [f"'{w}'" for w in words]


LISTS = {"like": LIKES, "regex": REGEXES, "zone": ZONES, "trunc": quoted(TRUNCS), "date": quoted(DATES),
         "clock": quoted(CLOCK), "datew": DATES, "clockw": CLOCK, "calw": CALENDAR,
         "trunci": quoted([t for t in TRUNCS if t != "week"]), "sep": ["','", "'X'", "' '", "''", "'ö'", "'aa'"]}


class Generator:
    def __init__(self, r):
        self.r = r

    def column(self, t):
        return self.r.choice([n for n, x in COLUMNS if x == t])

    def small(self):
        return self.r.choice(["0", "1", "2", "3", "5", "12", "s", "k % 7", "(s % 4 - 2)"])

    def leaf(self, t, column):
        if not column and self.r.random() < 0.3:
            return self.r.choice(LITERALS[t])
        return self.column(t)

    def fill(self, template, t, depth):
        """The first argument has a column in it: PostgreSQL folds constants, and errors with them that
        no row would meet."""
        out, i, first = [], 0, True
        while i < len(template):
            c = template[i]
            if template.startswith(("{{", "}}"), i):
                out.append(c)
                i += 2
            elif c == "{":
                end = template.index("}", i)
                name = template[i + 1:end]
                i = end + 1
                if name == "small":
                    out.append(self.small())
                elif name[0] == "=":
                    out.append(self.r.choice(LISTS[name[1:]]))
                else:
                    column = first or name[0] == "!"
                    name = t if name == "T" else name.lstrip("!")
                    out.append(self.make(name, depth - 1, column))
                    first = False
            else:
                out.append(c)
                i += 1
        return "".join(out)

    def make(self, t, depth, column=True):
        if depth <= 0 or self.r.random() < 0.2:
            return self.leaf(t, column)
        choices = TEMPLATES[t] * 2 + ANY
        if t in ORDERED:
            choices = choices + ANY_ORDERED
        if t == "bool":
            return "(" + self.boolean(choices, depth) + ")"
        return "(" + self.fill(self.r.choice(choices), t, depth) + ")"

    def boolean(self, choices, depth):
        if self.r.random() < 0.3:
            return self.fill(self.r.choice(COMPARE), self.r.choice(ORDERED), depth)
        return self.fill(self.r.choice(choices), "bool", depth)

    def top(self):
        t = self.r.choice(list(TEMPLATES) + ["bool", "bool", "text", "int4"])
        return self.make(t, self.r.choice([1, 1, 2, 2, 3]))


def rows(r, n=16):
    """Columns of random values, one in eight NULL."""
    return [[None if r.random() < 0.125 else r.choice(VALUES[t]) for _, t in COLUMNS] for _ in range(n)]
