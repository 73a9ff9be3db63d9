#include "ctl/queue_schema.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/lookup.h"
#include "dataplane/base/mem.h"

const char *const compatibility_names[] = {[COMPATIBILITY_NONE] = "none",
					   [COMPATIBILITY_BACKWARD] = "backward",
					   [COMPATIBILITY_FORWARD] = "forward",
					   [COMPATIBILITY_FULL] = "full",
					   NULL};

/* What each allows, for messages. */
static const char *const allowed[] = {
	[COMPATIBILITY_BACKWARD] = "new fields, fields that go, and wider types (smallint to "
				   "integer to bigint, real to double precision, date, time, "
				   "timestamp, interval and inet to text)",
	[COMPATIBILITY_FORWARD] = "new fields, and narrower types (bigint to integer to smallint, "
				  "double precision to real, text to date, time, timestamp, "
				  "interval and inet)",
	[COMPATIBILITY_FULL] = "new fields",
};

enum proto_kind queue_schema_kind(enum sql_type t)
{
	switch (t) {
	case SQL_BOOL:
		return PROTO_K_BOOL;
	case SQL_INT2:
	case SQL_INT4:
	case SQL_INT8:
		return PROTO_K_INT64;
	case SQL_FLOAT4:
	case SQL_FLOAT8:
		return PROTO_K_DOUBLE;
	case SQL_NUMERIC:
		return PROTO_K_NUMBER;
	case SQL_JSON:
		return PROTO_K_JSON;
	case SQL_BYTEA:
		return PROTO_K_BYTES;
	case SQL_TIMESTAMPTZ:
		return PROTO_K_TIME;
	default:
		return PROTO_K_TEXT;
	}
}

/* ---- changes ---- */

/* Does @to hold every value of @from, in JSON and in Protocol Buffers alike? */
static bool widens(enum sql_type from, enum sql_type to)
{
	switch (from) {
	case SQL_INT2:
		return to == SQL_INT4 || to == SQL_INT8;
	case SQL_INT4:
		return to == SQL_INT8;
	case SQL_FLOAT4:
		return to == SQL_FLOAT8;
	case SQL_DATE:
	case SQL_TIME:
	case SQL_TIMESTAMP:
	case SQL_INTERVAL:
	case SQL_INET:
		return to == SQL_TEXT;
	default:
		return false;
	}
}

static bool retype_allowed(int c, enum sql_type from, enum sql_type to)
{
	switch (c) {
	case COMPATIBILITY_NONE:
		return true;
	case COMPATIBILITY_BACKWARD:
		return widens(from, to);
	case COMPATIBILITY_FORWARD:
		return widens(to, from);
	default:
		return false;
	}
}

/* One queue, while its old and its new schema are laid side by side. */
struct revision {
	const struct queue_conf *q;
	struct queue_schema *s;
	struct err_list *errs;
	struct memlist *mem;
	int64_t next; /* number of a new field */
	char news[256];
	size_t n_refused;
};

static void note(struct revision *c, const char *what, const char *name, const char *type)
{
	size_t n = strlen(c->news);
	c->s->differs = true;
	if (n + strlen(name) + 64 < sizeof(c->news))
		snprintf(c->news + n, sizeof(c->news) - n, "%s%s %s%s%s", n ? ", " : "", what, name,
			 type ? " " : "", type ? type : "");
	else if (n && n + 6 < sizeof(c->news) && c->news[n - 1] != '.')
		snprintf(c->news + n, sizeof(c->news) - n, ", ...");
}

static void refuse(struct revision *c, const struct schema_field *old, const char *now)
{
	const char *word = compatibility_names[c->q->compatibility];
	c->n_refused++;
	err_list_add(c->errs, c->q->at,
		     "queues.%s: the field %s is %s in version %lld (%s:%d) and %s; compatibility "
		     "%s allows %s; give what is new another name, or let compatibility be none",
		     c->q->name, old->name, sql_type_name(old->type), (long long)c->s->old.version,
		     old->at.file, old->at.line, now, word, allowed[c->q->compatibility]);
}

static int64_t take_number(struct revision *c)
{
	if (c->next == PROTO_RESERVED_FROM)
		c->next = PROTO_RESERVED_TO + 1;
	return c->next++;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct schema_field *)a)->name,
		      ((const struct schema_field *)b)->name);
}

static int by_number(const void *a, const void *b)
{
	int64_t x = ((const struct schema_field *)a)->number;
	int64_t y = ((const struct schema_field *)b)->number;
	return (x > y) - (x < y);
}

/* Those of every record have numbers of their own. */
static bool is_meta(const char *name)
{
	for (unsigned i = 1; i < PROTO_N_META; i++)
		if (strcmp(proto_meta[i].name, name) == 0)
			return true;
	return false;
}

static void remove_field(struct schema_file *now, const struct schema_field *f)
{
	now->removed[now->n_removed++] = *f;
}

/* A field that was there before keeps its number as long as a reader of it could not tell. */
static void keep_field(struct revision *c, const struct schema_field *old, const struct op_field *f)
{
	struct schema_file *now = &c->s->now;
	struct schema_field *to = &now->fields[now->n_fields++];
	*to = *old;
	to->type = f->type;
	if (f->type == old->type)
		return;
	note(c, "other type", f->name, sql_type_name(f->type));
	if (!retype_allowed(c->q->compatibility, old->type, f->type)) {
		char is_now[64];
		snprintf(is_now, sizeof(is_now), "%s now", sql_type_name(f->type));
		refuse(c, old, is_now);
	}
	const char *wire = proto_kind_type(queue_schema_kind(f->type));
	if (strcmp(wire, proto_kind_type(queue_schema_kind(old->type))) != 0) {
		remove_field(now, old);
		to->number = take_number(c);
	}
}

static void add_field(struct revision *c, const struct op_field *f)
{
	struct schema_file *now = &c->s->now;
	now->fields[now->n_fields++] = (struct schema_field){
		.name = f->name, .type = f->type, .number = take_number(c), .at = c->q->at};
	if (c->s->old.version)
		note(c, "new", f->name, sql_type_name(f->type));
}

static int lay_fields(struct revision *c, const struct op_schema *in)
{
	const struct schema_file *old = &c->s->old;
	struct schema_field *olds = memlist_array(c->mem, old->n_fields + 1, sizeof(*olds));
	bool *there = memlist_array(c->mem, old->n_fields + 1, sizeof(*there));
	if (!olds || !there)
		return -ENOMEM;
	if (old->n_fields) {
		memcpy(olds, old->fields, old->n_fields * sizeof(*olds));
		qsort(olds, old->n_fields, sizeof(*olds), by_name);
	}
	for (unsigned i = 0; i < in->n_fields; i++) {
		const struct op_field *f = &in->fields[i];
		if (is_meta(f->name))
			continue;
		struct schema_field key = {.name = f->name};
		struct schema_field *was = bsearch(&key, olds, old->n_fields, sizeof(key), by_name);
		if (was)
			there[was - olds] = true;
		if (was)
			keep_field(c, was, f);
		else
			add_field(c, f);
	}
	for (size_t i = 0; i < old->n_fields; i++) {
		if (there[i])
			continue;
		note(c, "gone", olds[i].name, NULL);
		remove_field(&c->s->now, &olds[i]);
		if (c->q->compatibility == COMPATIBILITY_FORWARD ||
		    c->q->compatibility == COMPATIBILITY_FULL)
			refuse(c, &olds[i], "gone now");
	}
	return 0;
}

/* The new schema beside the old one. */
static int compare(struct revision *c, const struct op_schema *in)
{
	const struct schema_file *old = &c->s->old;
	struct schema_file *now = &c->s->now;
	*now = (struct schema_file){
		.path = old->path, .queue = c->q->name, .version = old->version, .open = in->open};
	now->fields = memlist_array(c->mem, in->n_fields + 1, sizeof(*now->fields));
	now->removed =
		memlist_array(c->mem, old->n_removed + old->n_fields + 1, sizeof(*now->removed));
	if (!now->fields || !now->removed)
		return -ENOMEM;
	c->next = PROTO_FIRST;
	for (size_t i = 0; i < old->n_fields; i++)
		if (old->fields[i].number >= c->next)
			c->next = old->fields[i].number + 1;
	for (size_t i = 0; i < old->n_removed; i++) {
		now->removed[now->n_removed++] = old->removed[i];
		if (old->removed[i].number >= c->next)
			c->next = old->removed[i].number + 1;
	}
	if (old->version && old->open != in->open)
		note(c, in->open ? "open" : "closed", "to other fields", NULL);
	int rc = lay_fields(c, in);
	if (now->n_fields)
		qsort(now->fields, now->n_fields, sizeof(*now->fields), by_number);
	if (now->n_removed)
		qsort(now->removed, now->n_removed, sizeof(*now->removed), by_number);
	c->s->differs |= !old->version;
	now->version += c->s->differs;
	return rc;
}

/* ---- what a user should know ---- */

static void tell(struct revision *c, const struct config *conf, bool is_proto)
{
	const struct schema_file *old = &c->s->old;
	if (c->n_refused)
		return;
	if (is_proto && c->s->now.open)
		err_list_warn(c->errs, c->q->at,
			      "queues.%s: records may have more fields than the schema knows, and "
			      "format protobuf does not write those (the ledger counts them as "
			      "narrowed); `fields`, or op project, says which it has",
			      c->q->name);
	if (is_proto && !old->path)
		err_list_warn(
			c->errs, c->q->at,
			"queues.%s: without schema_dir the numbers of fields are their places "
			"in the schema, and change with it",
			c->q->name);
	if (!old->path || !c->s->differs)
		return;
	if (!old->version)
		err_list_warn(c->errs, c->q->at,
			      "queues.%s: no schema in %s yet: sluiced schema write -c %s",
			      c->q->name, old->path, conf->path);
	else if (is_proto)
		err_list_add(c->errs, c->q->at,
			     "queues.%s: its schema is not version %lld of %s any more (%s), and "
			     "format protobuf needs numbers that last; to make version %lld: "
			     "sluiced schema write -c %s",
			     c->q->name, (long long)old->version, old->path, c->news,
			     (long long)c->s->now.version, conf->path);
	else
		err_list_warn(c->errs, c->q->at,
			      "queues.%s: its schema is not version %lld of %s any more (%s); to "
			      "make version %lld: sluiced schema write -c %s",
			      c->q->name, (long long)old->version, old->path, c->news,
			      (long long)c->s->now.version, conf->path);
}

static bool is_protobuf(const struct queue_conf *q)
{
	return encoders[q->format] == &encoder_protobuf;
}

static int build_queue(struct queue_schemas *s, const struct pipeline *p,
		       const struct config_files *files, unsigned q, bool writing,
		       struct err_list *errs)
{
	const struct config *conf = p->conf;
	struct revision c = {
		.q = &conf->queues[q], .s = &s->items[q], .errs = errs, .mem = &s->mem};
	const struct op_schema *in = pipeline_queue_schema(p, q);
	int rc = 0;
	if (in->n_fields > PROTO_FIELDS_MAX) {
		err_list_add(errs, c.q->at, "queues.%s: a schema of %u fields; expected at most %d",
			     c.q->name, in->n_fields, PROTO_FIELDS_MAX);
		return -EINVAL;
	}
	if (conf->schema_dir) {
		const char *path = schema_file_path(&s->mem, conf->schema_dir, c.q->name);
		rc = path ? schema_file_read(path, c.q->name, files, &s->mem, errs, &c.s->old)
			  : -ENOMEM;
	}
	if (rc == 0)
		rc = compare(&c, in);
	if (rc == 0 && !writing)
		tell(&c, conf, is_protobuf(c.q));
	return rc;
}

int queue_schemas_create(const struct pipeline *p, const struct config_files *files, bool writing,
			 struct queue_schemas **ret_s, struct err_list *errs)
{
	size_t n_errors = errs->n_errors;
	struct queue_schemas *s = mem_alloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->n = p->conf->n_queues;
	s->items = memlist_array(&s->mem, s->n + 1, sizeof(*s->items));
	int rc = s->items ? 0 : -ENOMEM;
	for (unsigned q = 0; rc != -ENOMEM && q < s->n; q++)
		rc = build_queue(s, p, files, q, writing, errs);
	if (rc != -ENOMEM)
		rc = errs->n_errors > n_errors ? -EINVAL : 0;
	if (rc < 0) {
		queue_schemas_destroy(s);
		return rc;
	}
	*ret_s = s;
	return 0;
}

void queue_schemas_destroy(struct queue_schemas *s)
{
	if (!s)
		return;
	memlist_fini(&s->mem);
	mem_free(s);
}

/* A sink with topics takes each record for itself: it needs no length in front. */
int queue_schema_shape(const struct queue_schemas *s, const struct pipeline *p, unsigned q,
		       struct proto_shape **ret_shape, struct err *e)
{
	const struct config *c = p->conf;
	const struct schema_file *now = &s->items[q].now;
	struct proto_field *fields = mem_alloc((now->n_fields + 1) * sizeof(*fields));
	struct slice *sources = mem_alloc((c->n_sources + 1) * sizeof(*sources));
	int rc = fields && sources ? 0 : err_set(e, -ENOMEM, "no memory for the fields of a queue");
	for (size_t i = 0; rc == 0 && i < now->n_fields; i++)
		fields[i] = (struct proto_field){.name = now->fields[i].name,
						 .number = (uint32_t)now->fields[i].number,
						 .kind = queue_schema_kind(now->fields[i].type)};
	for (size_t i = 0; rc == 0 && i < c->n_sources; i++)
		sources[i] = slice_str(c->sources[i].name);
	if (rc == 0)
		rc = proto_shape_create(fields, (unsigned)now->n_fields, p->names, sources,
					(unsigned)c->n_sources,
					!c->sinks[c->queues[q].sink].ops->queue, ret_shape, e);
	mem_free(fields);
	mem_free(sources);
	return rc;
}

int queue_schema_only(const struct pipeline *p, unsigned q, struct proto_shape **ret_only,
		      struct err *e)
{
	const struct opt_strings *names = &p->conf->queues[q].fields;
	*ret_only = NULL;
	if (!names->n)
		return 0;
	struct proto_field *fields = mem_alloc(names->n * sizeof(*fields));
	if (!fields)
		return err_set(e, -ENOMEM, "no memory for the fields of a queue");
	for (size_t i = 0; i < names->n; i++)
		fields[i] = (struct proto_field){.name = names->items[i],
						 .number = (uint32_t)(PROTO_FIRST + i),
						 .kind = PROTO_K_TEXT};
	int rc = proto_shape_create(fields, (unsigned)names->n, p->names, NULL, 0, false, ret_only,
				    e);
	mem_free(fields);
	return rc;
}
