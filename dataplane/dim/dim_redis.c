#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/base/regular.h"
#include "dataplane/dim/dim.h"
#include "dataplane/dim/dim_json.h"
#include "dataplane/dim/redis_conn.h"

/* Keys of Redis that a pattern names, each a hash or a string of JSON. All of them are read by
 * SCAN; then Redis tells of each key that changes, and the key is read again, whatever happened to
 * it. A sweep now and then finds what was not told (FLUSHDB is not; a connection may break).
 */

#define PAGE       512 /* keys that are asked for in one go */
#define WAIT_MS    100
#define NS_PER_MS  1000000ull
#define SECRET_MAX 512

struct redis_conf {
	const char *url, *keys, *password, *password_file, *password_env;
	int value; /* index in values */
	uint64_t sweep_ns;
};

enum { VALUE_HASH, VALUE_JSON };
static const char *const values[] = {"hash", "json", NULL};

static const struct opt redis_opts[] = {
	{.name = "url",
	 .type = OPT_STRING,
	 .off = offsetof(struct redis_conf, url),
	 .def = "redis://127.0.0.1:6379/0",
	 .live = true,
	 .help = "redis://[USER@]HOST[:PORT][/DB], or unix://[USER@]/PATH[?db=DB] for a socket in "
		 "the file system. Without TLS."},
	{.name = "keys",
	 .type = OPT_STRING,
	 .off = offsetof(struct redis_conf, keys),
	 .required = true,
	 .live = true,
	 .help = "Which keys: text with one *, as in \"video:*\". What it stands for is the key of "
		 "the row."},
	{.name = "value",
	 .type = OPT_ENUM,
	 .off = offsetof(struct redis_conf, value),
	 .choices = values,
	 .def = "hash",
	 .live = true,
	 .help = "What is at a key. hash: a hash with the fields. json: a string, which is a JSON "
		 "object with them."},
	{.name = "password",
	 .type = OPT_SECRET,
	 .off = offsetof(struct redis_conf, password),
	 .live = true,
	 .help = "The password for AUTH."},
	{.name = "password_file",
	 .type = OPT_PATH,
	 .off = offsetof(struct redis_conf, password_file),
	 .live = true,
	 .help = "A file with the password in its first line."},
	{.name = "password_env",
	 .type = OPT_STRING,
	 .off = offsetof(struct redis_conf, password_env),
	 .live = true,
	 .help = "The variable of the environment that has the password."},
	{.name = "sweep",
	 .type = OPT_DURATION,
	 .off = offsetof(struct redis_conf, sweep_ns),
	 .min = 100 * NS_PER_MS,
	 .max = 86400000000000,
	 .def = "5m",
	 .live = true,
	 .help = "While sluice runs on ports: how often all keys are read, beside the changes that "
		 "Redis tells of."},
	OPT_END,
};

/* ---- rows ---- */

struct keys {
	const char *texts[PAGE]; /* of Redis, prefix included */
	size_t lens[PAGE];
	unsigned n;
};

struct rows {
	const struct redis_conf *conf;
	redisContext *c;
	struct dim_load *load;
	struct slice before, after; /* the star of the pattern */
	const struct dim_field *fields;
	unsigned n_fields;
	struct slice *values;
	struct dim_json json;
};

static int split_pattern(const struct redis_conf *c, struct rows *r, struct err *e)
{
	const char *star = strchr(c->keys, '*');
	if (!star || strpbrk(c->keys, "?[]\\") || strchr(star + 1, '*'))
		return err_set(e, -EINVAL,
			       "keys \"%s\"; expected text with one *, such as "
			       "\"video:*\"",
			       c->keys);
	r->before = slice_of(c->keys, (size_t)(star - c->keys));
	r->after = slice_str(star + 1);
	return 0;
}

static int rows_init(struct rows *r, const struct redis_conf *c, redisContext *conn,
		     struct dim_load *l, struct err *e)
{
	*r = (struct rows){.conf = c, .c = conn, .load = l};
	int rc = split_pattern(c, r, e);
	if (rc < 0)
		return rc;
	r->fields = dim_load_fields(l, &r->n_fields);
	r->values = mem_alloc((r->n_fields + 1) * sizeof(*r->values));
	return r->values ? dim_json_init(&r->json, l, e) : err_set(e, -ENOMEM, "out of memory");
}

static void rows_fini(struct rows *r)
{
	if (r->json.spelled)
		dim_json_fini(&r->json);
	mem_free(r->values);
}

static void add_key(struct keys *k, const char *text, size_t len)
{
	if (k->n && k->lens[k->n - 1] == len && memcmp(k->texts[k->n - 1], text, len) == 0)
		return;
	k->texts[k->n] = text;
	k->lens[k->n++] = len;
}

static void ask_for(struct rows *r, const struct keys *k)
{
	const char *verb = r->conf->value == VALUE_HASH ? "HGETALL" : "GET";
	for (unsigned i = 0; i < k->n; i++)
		redisAppendCommandArgv(r->c, 2, (const char *[]){verb, k->texts[i]},
				       (size_t[]){strlen(verb), k->lens[i]});
}

static void take_hash(struct rows *r, const redisReply *a)
{
	memset(r->values, 0, r->n_fields * sizeof(*r->values));
	for (size_t i = 0; i + 1 < a->elements; i += 2) {
		const redisReply *name = a->element[i], *v = a->element[i + 1];
		for (unsigned f = 0; f < r->n_fields; f++)
			if (slice_eq(slice_of(name->str, name->len), slice_str(r->fields[f].name)))
				r->values[f] = slice_of(v->str, v->len);
	}
}

/* False: there is nothing, or it cannot be read. */
static bool take_value(struct rows *r, const redisReply *a)
{
	struct err why;
	if (a->type == REDIS_REPLY_NIL || (a->type == REDIS_REPLY_ARRAY && a->elements == 0))
		return false;
	bool ok = false;
	if (r->conf->value == VALUE_HASH && a->type == REDIS_REPLY_ARRAY) {
		take_hash(r, a);
		ok = true;
	} else if (r->conf->value == VALUE_JSON && a->type == REDIS_REPLY_STRING) {
		ok = dim_json_read(&r->json, slice_of(a->str, a->len), NULL, NULL, r->values,
				   &why) == 0;
	}
	if (!ok)
		dim_load_bad(r->load);
	return ok;
}

/* The answers to ask_for. */
static int take_rows(struct rows *r, const struct keys *k, struct err *e)
{
	for (unsigned i = 0; i < k->n; i++) {
		redisReply *a;
		int rc = redis_answer(r->c, &a, e);
		if (rc < 0)
			return rc;
		if (a->type == REDIS_REPLY_ERROR && strncmp(a->str, "WRONGTYPE", 9) != 0) {
			rc = err_set(e, -EPROTO, "%s", a->str);
			freeReplyObject(a);
			return rc;
		}
		struct slice key = slice_from(slice_of(k->texts[i], k->lens[i]), r->before.len);
		key.len -= r->after.len;
		if (take_value(r, a))
			dim_load_row(r->load, key, r->values);
		else
			dim_load_del(r->load, key);
		freeReplyObject(a);
	}
	return 0;
}

/* ---- all of them ---- */

static void ask_page(struct rows *r, const char *cursor)
{
	const char *words[] = {"SCAN", cursor, "MATCH", r->conf->keys, "COUNT", "512"};
	redisAppendCommandArgv(r->c, 6, words, NULL);
}

static bool is_page(const redisReply *a)
{
	return a->type == REDIS_REPLY_ARRAY && a->elements == 2 &&
	       a->element[0]->type == REDIS_REPLY_STRING &&
	       a->element[1]->type == REDIS_REPLY_ARRAY;
}

/* The rows of a page, which may have more keys than were asked for. @next goes along with the first
 * of them, so that a page costs one way there and back.
 */
static int take_page(struct rows *r, const redisReply *list, const char *next, struct err *e)
{
	struct keys k = {0};
	int rc = 0;
	bool last = strcmp(next, "0") == 0;
	for (size_t i = 0; rc == 0 && i <= list->elements; i++) {
		if (k.n == PAGE || (i == list->elements && k.n)) {
			ask_for(r, &k);
			if (i == list->elements && !last)
				ask_page(r, next);
			rc = take_rows(r, &k, e);
			k.n = 0;
		} else if (i == list->elements && !last) {
			ask_page(r, next);
		}
		if (i < list->elements && list->element[i]->type == REDIS_REPLY_STRING)
			add_key(&k, list->element[i]->str, list->element[i]->len);
	}
	return rc;
}

static int read_all(struct rows *r, struct err *e)
{
	char cursor[32] = "0";
	int rc;
	ask_page(r, cursor);
	do {
		redisReply *page;
		rc = redis_answer(r->c, &page, e);
		if (rc < 0)
			return rc;
		if (is_page(page)) {
			snprintf(cursor, sizeof(cursor), "%s", page->element[0]->str);
			rc = take_page(r, page->element[1], cursor, e);
		} else {
			rc = err_set(e, -EPROTO, "SCAN: %s",
				     page->type == REDIS_REPLY_ERROR ? page->str
								     : "an answer of no use");
		}
		freeReplyObject(page);
	} while (rc == 0 && strcmp(cursor, "0") != 0);
	return rc;
}

/* ---- a connection ---- */

static int read_secret(const char *path, char *out, struct err *e)
{
	ssize_t n = regular_read(path, out, SECRET_MAX - 1);
	if (n < 0)
		return err_set(e, (int)n, "password_file: %s: %s", path, regular_why((int)n));
	if (n == 0)
		return err_set(e, -EINVAL, "password_file: %s: nothing is in it", path);
	out[n] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
	return 0;
}

static int connect_to(const struct redis_conf *c, redisContext **ret_c, struct err *e)
{
	struct redis_url url;
	char secret[SECRET_MAX];
	const char *password = c->password;
	if (!!c->password + !!c->password_file + !!c->password_env > 1)
		return err_set(e, -EINVAL,
			       "expected one of password, password_file and password_env");
	int rc = redis_url_parse(c->url, &url, e);
	if (rc == 0 && c->password_file) {
		rc = read_secret(c->password_file, secret, e);
		password = secret;
	}
	if (rc == 0 && c->password_env && !(password = getenv(c->password_env)))
		rc = err_set(e, -EINVAL, "password_env: no variable is named %s", c->password_env);
	return rc == 0 ? redis_open(&url, password, ret_c, e) : rc;
}

static int redis_load(const void *conf, struct dim_load *l, struct err *e)
{
	redisContext *c = NULL;
	struct rows r = {0};
	if (dim_load_key(l))
		return err_set(e, -EINVAL,
			       "key \"%s\"; the key of a row is what the * of keys stands for: "
			       "leave key out",
			       dim_load_key(l));
	int rc = rows_init(&r, conf, NULL, l, e);
	if (rc == 0)
		rc = connect_to(conf, &c, e);
	r.c = c;
	if (rc == 0)
		rc = read_all(&r, e);
	rows_fini(&r);
	if (c)
		redisFree(c);
	return rc;
}

/* ---- changes ---- */

struct live {
	const struct redis_conf *conf;
	redisContext *c, *told; /* to ask, and to be told */
	size_t channel_len;     /* of what stands in front of a key in a channel's name */
	uint64_t sweep_at_ns;
	bool silent; /* Redis tells nothing; not said yet */
};

static void redis_close(void *live)
{
	struct live *v = live;
	if (v->c)
		redisFree(v->c);
	if (v->told)
		redisFree(v->told);
	mem_free(v);
}

/* K: by key; A: all, or g, x, e and the kind of value. Who may not ask is not told. */
static bool is_silent(struct live *v)
{
	const char *ask[] = {"CONFIG", "GET", "notify-keyspace-events"};
	struct err e;
	redisReply *r;
	bool silent = false;
	if (redis_ask(v->c, 3, ask, &r, &e) < 0)
		return false;
	if (r->type == REDIS_REPLY_ARRAY && r->elements == 2 && r->element[1]->str) {
		const char *on = r->element[1]->str;
		char kind = v->conf->value == VALUE_HASH ? 'h' : '$';
		silent = !strchr(on, 'K') ||
			 (!strchr(on, 'A') && !(strchr(on, 'g') && strchr(on, kind) &&
						strchr(on, 'x') && strchr(on, 'e')));
	}
	freeReplyObject(r);
	return silent;
}

static int subscribe(struct live *v, struct err *e)
{
	struct redis_url url;
	char pattern[1024];
	int rc = redis_url_parse(v->conf->url, &url, e);
	if (rc < 0)
		return rc;
	v->channel_len = (size_t)snprintf(pattern, sizeof(pattern), "__keyspace@%d__:", url.db);
	int len = snprintf(pattern, sizeof(pattern), "__keyspace@%d__:%s", url.db, v->conf->keys);
	if (len >= (int)sizeof(pattern))
		return err_set(e, -EINVAL, "keys: expected at most 1,000 bytes");
	redisReply *r;
	rc = redis_ask(v->told, 2, (const char *[]){"PSUBSCRIBE", pattern}, &r, e);
	if (rc == 0)
		freeReplyObject(r);
	return rc;
}

static int redis_live(const void *conf, void **ret_live, struct err *e)
{
	struct live *v = mem_alloc(sizeof(*v));
	if (!v)
		return err_set(e, -ENOMEM, "out of memory");
	v->conf = conf;
	int rc = connect_to(conf, &v->c, e);
	if (rc == 0)
		rc = connect_to(conf, &v->told, e);
	if (rc == 0)
		rc = subscribe(v, e);
	if (rc < 0) {
		redis_close(v);
		return rc;
	}
	v->silent = is_silent(v);
	*ret_live = v;
	return 0;
}

/* The next message in @told, or NULL; waits a while for one if @wait. */
static int next_message(struct live *v, bool wait, redisReply **ret_m, struct err *e)
{
	struct pollfd p = {.fd = v->told->fd, .events = POLLIN};
	void *m = NULL;
	*ret_m = NULL;
	if (redisGetReplyFromReader(v->told, &m) != REDIS_OK)
		return err_set(e, -EIO, "%s", v->told->errstr);
	if (!m && poll(&p, 1, wait ? WAIT_MS : 0) > 0) {
		if (redisBufferRead(v->told) != REDIS_OK ||
		    redisGetReplyFromReader(v->told, &m) != REDIS_OK)
			return err_set(e, -EIO, "%s", v->told->errstr);
	}
	*ret_m = m;
	return 0;
}

/* ["pmessage", pattern, channel, event] */
static void add_changed(struct live *v, const struct rows *r, const redisReply *m, struct keys *k)
{
	if (m->type != REDIS_REPLY_ARRAY || m->elements != 4 ||
	    m->element[2]->type != REDIS_REPLY_STRING ||
	    m->element[2]->len < v->channel_len + r->before.len + r->after.len)
		return;
	add_key(k, m->element[2]->str + v->channel_len, m->element[2]->len - v->channel_len);
}

/* As many changes as have come, a page at most. */
static int take_changes(struct live *v, struct rows *r, bool wait, unsigned *ret_n, struct err *e)
{
	redisReply *messages[PAGE];
	struct keys k = {0};
	unsigned n = 0;
	int rc = 0;
	while (rc == 0 && n < PAGE) {
		rc = next_message(v, wait && n == 0, &messages[n], e);
		if (rc < 0 || !messages[n])
			break;
		add_changed(v, r, messages[n++], &k);
	}
	if (rc == 0) {
		ask_for(r, &k);
		rc = take_rows(r, &k, e);
	}
	for (unsigned i = 0; i < n; i++)
		freeReplyObject(messages[i]);
	*ret_n = n;
	return rc;
}

static int sweep(struct live *v, struct rows *r, struct err *e)
{
	int rc = dim_load_sweep(r->load, e);
	if (rc == 0)
		rc = read_all(r, e);
	if (rc < 0)
		return rc;
	dim_load_sweep_end(r->load);
	v->sweep_at_ns = clock_mono_ns() + v->conf->sweep_ns;
	if (v->silent)
		err_set(e, 0,
			"Redis does not tell of changes: they are seen every %llu s (sweep). To "
			"have them at once: CONFIG SET notify-keyspace-events KA",
			(unsigned long long)(v->conf->sweep_ns / 1000000000u));
	v->silent = false;
	return 0;
}

static int redis_poll(void *live, struct dim_load *l, struct err *e)
{
	struct live *v = live;
	struct rows r;
	uint64_t until_ns = clock_mono_ns() + WAIT_MS * NS_PER_MS;
	int rc = rows_init(&r, v->conf, v->c, l, e);
	if (rc == 0 && clock_mono_ns() >= v->sweep_at_ns) {
		rc = sweep(v, &r, e);
	} else if (rc == 0) {
		unsigned n;
		bool wait = true;
		do {
			rc = take_changes(v, &r, wait, &n, e);
			wait = false;
		} while (rc == 0 && n && clock_mono_ns() < until_ns);
	}
	rows_fini(&r);
	return rc < 0 ? err_prefix(e, rc, "%s: ", v->conf->url) : 0;
}

const struct dim_kind dim_redis = {
	.name = "redis",
	.summary = "Keys of Redis, each a hash or a JSON object; changes are seen as they happen",
	.opts = redis_opts,
	.conf_size = sizeof(struct redis_conf),
	.load = redis_load,
	.open = redis_live,
	.close = redis_close,
	.poll = redis_poll,
};
