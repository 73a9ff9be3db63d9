#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/base/regular.h"
#include "dataplane/base/text.h"
#include "dataplane/graph/digest.h"
#include "dataplane/graph/inet.h"
#include "dataplane/graph/op_parts.h"
#include "dataplane/graph/utf8.h"

#define MASK_COLS(X)                                                                  \
	X(IN, records_in, "records of the inputs")                                    \
	X(OUT, records_out, "the same, with the named fields masked")                 \
	X(LOSS, no_room, "the batch had no room for a result")                        \
	X(INFO, masked, "values that were masked")                                    \
	X(INFO, absent, "fields that a record did not have, or that were null in it") \
	X(INFO, no_address, "values for ip that are no address, and are *** now")
#define MASK_COL(kind, name, help) MASK_##name,
enum { MASK_COLS(MASK_COL) MASK_N_COLS };
LEDGER_DEFINE(mask, "mask", "records", MASK_COLS);

#define SECRET_BYTES_MAX 4096
#define REDACTED         "***"

struct mask_conf {
	struct opt_map fields;
	const char *secret, *secret_env, *secret_file;
};

static const struct opt mask_opts[] = {
	{.name = "fields",
	 .type = OPT_MAP,
	 .off = offsetof(struct mask_conf, fields),
	 .required = true,
	 .live = true,
	 .help = "Fields, and what becomes of each: hash [DIGITS] (HMAC-SHA-256 with the secret, "
		 "in "
		 "hexadecimal digits, 64 or so many), truncate CHARACTERS (the first ones stay), "
		 "redact "
		 "[TEXT] (a fixed text, *** when none is given), ip [BITS4 BITS6] (the network of "
		 "an "
		 "address, 24 and 48 bits when none are given)."},
	{.name = "secret",
	 .type = OPT_SECRET,
	 .off = offsetof(struct mask_conf, secret),
	 .live = true,
	 .help = "The secret of hash."},
	{.name = "secret_env",
	 .type = OPT_STRING,
	 .off = offsetof(struct mask_conf, secret_env),
	 .live = true,
	 .help = "The environment variable that has it."},
	{.name = "secret_file",
	 .type = OPT_PATH,
	 .off = offsetof(struct mask_conf, secret_file),
	 .live = true,
	 .help = "The file that has it; a line end behind it is no part of it."},
	OPT_END,
};

enum action { MASK_HASH, MASK_TRUNCATE, MASK_REDACT, MASK_IP };

struct mask_field {
	enum action action;
	unsigned n, n6;           /* digits, characters, bits */
	struct slice text;        /* of redact, in the configuration */
	struct column columns[2]; /* the field; and _NAME, which is what a parser makes of a field
				   * of the sender that is named as one of its own (rec.h) */
};

struct mask_plan {
	struct op_plan base;
	struct mask_field *fields;
	unsigned n_fields;
	struct digest_hmac hmac;
};

struct mask {
	struct mask_field *fields; /* the plan's, to be written to */
	struct vec text;           /* one row of it is used */
	struct rec *out[BATCH_RECS_MAX];
};

static void mask_destroy(struct op_plan *p)
{
	struct mask_plan *m = (struct mask_plan *)p;
	if (!m)
		return;
	mem_free(m->fields);
	op_plan_free(p);
}

/* ---- building ---- */

/* The first word of @s, and what is behind the blanks behind it. */
static struct slice word(struct slice *io_s)
{
	size_t n = 0;
	while (n < io_s->len && io_s->ptr[n] != ' ')
		n++;
	struct slice w = slice_of(io_s->ptr, n);
	while (n < io_s->len && io_s->ptr[n] == ' ')
		n++;
	*io_s = slice_from(*io_s, n);
	return w;
}

static bool number(struct slice *io_s, unsigned lo, unsigned hi, unsigned *ret_n)
{
	uint64_t n;
	if (!text_u64(word(io_s), &n) || n < lo || n > hi)
		return false;
	*ret_n = (unsigned)n;
	return true;
}

#define CHARACTERS_MAX 1000000

/* NULL, or what was expected. */
static const char *read_action(struct slice s, struct mask_field *f)
{
	struct slice name = word(&s);
	if (slice_eq(name, SLICE_LIT("hash"))) {
		f->action = MASK_HASH;
		f->n = 2 * DIGEST_SHA256_BYTES;
		if (s.len && (!number(&s, 8, f->n, &f->n) || s.len))
			return "hash, or hash and 8 to 64 digits: hash 16";
	} else if (slice_eq(name, SLICE_LIT("truncate"))) {
		f->action = MASK_TRUNCATE;
		if (!number(&s, 0, CHARACTERS_MAX, &f->n) || s.len)
			return "truncate and how many characters stay: truncate 4";
	} else if (slice_eq(name, SLICE_LIT("redact"))) {
		f->action = MASK_REDACT;
		f->text = s.len ? s : SLICE_LIT(REDACTED);
	} else if (slice_eq(name, SLICE_LIT("ip"))) {
		f->action = MASK_IP;
		f->n = 24;
		f->n6 = 48;
		if (s.len && (!number(&s, 0, 32, &f->n) || !number(&s, 0, 128, &f->n6) || s.len))
			return "ip, or ip and the bits that stay of IPv4 and of IPv6: ip 24 48";
	} else {
		return "one of hash, truncate, redact, ip";
	}
	return NULL;
}

static int wrong_field(const struct op_env *env, const char *name, struct err *e)
{
	char key[256];
	snprintf(key, sizeof(key), "fields.%s", name);
	return env->wrong(env->arg, key, 0, -EINVAL, e);
}

static struct op_field *find_field(const struct op_schema *s, const char *name)
{
	for (unsigned i = 0; i < s->n_fields; i++)
		if (strcmp(s->fields[i].name, name) == 0)
			return (struct op_field *)&s->fields[i];
	return NULL;
}

static bool is_meta(const char *name)
{
	for (unsigned i = 0; i < column_n_meta; i++)
		if (strcmp(column_meta[i].name, name) == 0)
			return true;
	return strcmp(name, "_id") == 0;
}

/* What is masked is text from here on, whatever it was. */
static int add_field(struct mask_plan *m, const struct opt_pair *pair, const struct op_env *env,
		     struct err *e)
{
	char hidden[256];
	struct mask_field *f = &m->fields[m->n_fields++];
	struct op_field *known = find_field(&m->base.ports[0], pair->key);
	const char *expected = read_action(slice_str(pair->value), f);
	if (expected)
		err_set(e, -EINVAL, "\"%s\" is no way to mask a field; expected %s", pair->value,
			expected);
	else if (is_meta(pair->key))
		err_set(e, -EINVAL, "%s is the identity of a record, and stays; expected a field",
			pair->key);
	else if (!known && !env->in->open)
		err_set(e, -EINVAL,
			"no field is named %s here; expected one that the node in front gives",
			pair->key);
	else if ((size_t)snprintf(hidden, sizeof(hidden), "_%s", pair->key) >= sizeof(hidden))
		err_set(e, -EINVAL, "a name of more than %zu bytes", sizeof(hidden) - 2);
	else if (column_init(&f->columns[0], pair->key, env->names, env->source_names) < 0 ||
		 column_init(&f->columns[1], hidden, env->names, env->source_names) < 0)
		return err_set(e, -ENOMEM, "no memory for %s", env->name);
	else {
		f->columns[1].name = names_text(env->names, f->columns[1].name_id);
		if (known)
			known->type = SQL_TEXT;
		return 0;
	}
	return wrong_field(env, pair->key, e);
}

static int read_file(const char *path, char *buf, size_t cap, size_t *ret_len, struct err *e)
{
	ssize_t n = regular_read(path, buf, cap);
	if (n < 0)
		return err_set(e, -EINVAL, "%s: %s", path, regular_why((int)n));
	size_t len = (size_t)n;
	if (len == cap)
		return err_set(e, -EINVAL, "%s: longer than a secret may be", path);
	while (len && (buf[len - 1] == '\n' || buf[len - 1] == '\r'))
		len--;
	*ret_len = len;
	return 0;
}

/* The texts of errors name where the secret should have come from, and nothing of it. */
static int read_secret(struct mask_plan *m, const struct mask_conf *c, const struct op_env *env,
		       struct err *e)
{
	static const char *const keys[] = {"secret", "secret_env", "secret_file"};
	const char *const values[] = {c->secret, c->secret_env, c->secret_file};
	char file[SECRET_BYTES_MAX];
	int at = -1, rc = 0;
	struct slice secret = slice_str(c->secret);
	for (int i = 0; i < 3; i++) {
		if (values[i] && at >= 0) {
			err_set(e, -EINVAL, "there is %s already; expected one of the two",
				keys[at]);
			return env->wrong(env->arg, keys[i], 0, -EINVAL, e);
		}
		at = values[i] ? i : at;
	}
	if (at < 0) {
		err_set(e, -EINVAL,
			"hash wants a secret; expected one of secret, secret_env, secret_file");
		return env->wrong(env->arg, "fields", 0, -EINVAL, e);
	}
	if (c->secret_env)
		secret = slice_str(getenv(c->secret_env));
	if (c->secret_file) {
		secret = slice_of(file, 0);
		rc = read_file(c->secret_file, file, sizeof(file), &secret.len, e);
	}
	if (rc == 0 && secret.len == 0)
		rc = err_set(e, -EINVAL, "%s; expected a secret",
			     c->secret_env ? "the variable is not set, or is empty" : "nothing");
	if (rc == 0)
		digest_hmac_init(&m->hmac, secret);
	explicit_bzero(file, sizeof(file));
	return rc < 0 ? env->wrong(env->arg, keys[at], 0, rc, e) : 0;
}

static int mask_build(const void *conf, const struct op_env *env, struct op_plan **ret_p,
		      struct err *e)
{
	const struct mask_conf *c = conf;
	struct mask_plan *m = mem_alloc(sizeof(*m));
	int rc = m ? 0 : -ENOMEM;
	bool hashes = false;
	if (rc == 0 && !(m->fields = mem_alloc((c->fields.n + 1) * sizeof(*m->fields))))
		rc = -ENOMEM;
	if (rc < 0 || (rc = op_ports_init(&m->base, 1)) < 0 ||
	    (rc = op_schema_copy(&m->base, 0, env->in)) < 0)
		err_set(e, rc, "no memory for %s", env->name);
	if (rc == 0 && c->fields.n == 0) {
		err_set(e, -EINVAL, "nothing; expected a field and how it is masked");
		rc = env->wrong(env->arg, "fields", 0, -EINVAL, e);
	}
	for (size_t i = 0; rc == 0 && i < c->fields.n; i++) {
		rc = add_field(m, &c->fields.items[i], env, e);
		hashes |= rc == 0 && m->fields[i].action == MASK_HASH;
	}
	if (rc == 0 && (hashes || c->secret || c->secret_env || c->secret_file))
		rc = read_secret(m, c, env, e);
	if (rc < 0) {
		mask_destroy(m ? &m->base : NULL);
		return rc;
	}
	*ret_p = &m->base;
	return 0;
}

/* ---- a worker's ---- */

static void mask_discard(void *state)
{
	struct mask *s = state;
	vec_fini(&s->text);
	mem_free(s->fields);
	mem_free(s);
}

static int mask_create(const struct op_plan *p, void **ret_state, struct err *e)
{
	const struct mask_plan *m = (const struct mask_plan *)p;
	struct mask *s = mem_alloc(sizeof(*s));
	size_t bytes = m->n_fields * sizeof(*m->fields);
	if (!s)
		return err_set(e, -ENOMEM, "no memory for a mask");
	s->fields = mem_alloc(bytes);
	if (!s->fields || vec_init(&s->text, SQL_TEXT) < 0) {
		mask_discard(s);
		return err_set(e, -ENOMEM, "no memory for a mask");
	}
	memcpy(s->fields, m->fields, bytes);
	*ret_state = s;
	return 0;
}

static struct slice hashed(const struct mask_plan *m, unsigned n_digits, struct slice s, char *buf)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t digest[DIGEST_SHA256_BYTES];
	digest_hmac_sha256(&m->hmac, s, digest);
	for (unsigned i = 0; i < n_digits; i++)
		buf[i] = hex[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
	return slice_of(buf, n_digits);
}

static struct slice network(const struct mask_field *f, struct slice s, char *buf, uint64_t *row)
{
	struct inet in;
	if (!inet_parse(s, &in)) {
		row[MASK_no_address]++;
		return SLICE_LIT(REDACTED);
	}
	unsigned keep = in.family == 4 ? f->n : f->n6, n = in.family == 4 ? 4 : 16;
	for (unsigned i = 0; i < n; i++) {
		unsigned bits = keep > 8 * i ? keep - 8 * i : 0;
		if (bits < 8)
			in.addr[i] &= (uint8_t)(0xff00 >> bits);
	}
	return slice_of(buf, inet_put_host(buf, &in));
}

static bool mask_slot(const struct mask_plan *m, struct mask *s, const struct mask_field *f,
		      struct arena *a, struct val *slot, uint64_t *row)
{
	char buf[2 * DIGEST_SHA256_BYTES + INET_TEXT_MAX];
	vec_put(&s->text, 0, *slot, a);
	if (s->text.state[0] != VEC_VALUE)
		return false;
	struct slice to = s->text.s[0];
	switch (f->action) {
	case MASK_HASH:
		to = hashed(m, f->n, to, buf);
		break;
	case MASK_TRUNCATE:
		to.len = utf8_offset(to, f->n);
		break;
	case MASK_REDACT:
		to = f->text;
		break;
	case MASK_IP:
		to = network(f, to, buf, row);
		break;
	}
	uint32_t off = arena_copy(a, to.ptr, to.len);
	*slot = val_of(VAL_STR, off, to.len);
	row[MASK_masked]++;
	return off;
}

/* A record without any of the fields goes on as it is. NULL: no room. */
static struct rec *masked(const struct mask_plan *m, struct mask *s, struct batch *b,
			  struct rec *from, uint64_t *row)
{
	struct rec *r = NULL;
	for (unsigned k = 0; k < 2 * m->n_fields; k++) {
		struct mask_field *f = &s->fields[k / 2];
		struct column *c = &f->columns[k % 2];
		struct val *slot = column_slot(c, b, r ? r : from);
		if (!slot || slot->type == VAL_ABSENT || slot->type == VAL_NULL) {
			row[MASK_absent] += k % 2 == 0;
			continue;
		}
		if (!r) {
			if (!(r = op_rec_copy(b, from, 0)))
				return NULL;
			r->change = NULL; /* before and after are not what they were */
			slot = column_slot(c, b, r);
		}
		if (!mask_slot(m, s, f, &b->arena, slot, row))
			return NULL;
	}
	return r ? r : from;
}

static void mask_run(const struct op_plan *p, void *state, struct op_run *x,
		     struct rec *const *recs, unsigned n)
{
	const struct mask_plan *m = (const struct mask_plan *)p;
	struct mask *s = state;
	uint64_t *row = op_row(x);
	unsigned n_out = 0;
	for (unsigned i = 0; i < n; i++) {
		s->out[n_out] = masked(m, s, op_batch(x), recs[i], row);
		n_out += s->out[n_out] != NULL;
	}
	row[MASK_records_in] += n;
	row[MASK_records_out] += n_out;
	row[MASK_no_room] += n - n_out;
	op_emit(x, 0, s->out, n_out);
}

const struct op op_mask = {
	.name = "mask",
	.summary = "Fields hashed with a secret, cut, replaced, or IP addresses without their end",
	.opts = mask_opts,
	.conf_size = sizeof(struct mask_conf),
	.ledger = &mask_ledger,
	.build = mask_build,
	.destroy = mask_destroy,
	.create = mask_create,
	.discard = mask_discard,
	.run = mask_run,
};
