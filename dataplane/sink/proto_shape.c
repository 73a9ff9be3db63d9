#include "dataplane/sink/proto_shape.h"

#include "dataplane/base/mem.h"
#include "dataplane/sink/proto_wire.h"

const struct proto_field proto_meta[PROTO_N_META] = {
	[PROTO_ID] = {"_id", PROTO_ID, PROTO_K_TEXT},
	[PROTO_TIME] = {"_time", PROTO_TIME, PROTO_K_TIME},
	[PROTO_SOURCE] = {"_source", PROTO_SOURCE, PROTO_K_TEXT},
	[PROTO_STREAM] = {"_stream", PROTO_STREAM, PROTO_K_TEXT},
	[PROTO_SRC] = {"_src", PROTO_SRC, PROTO_K_TEXT},
	[PROTO_DST] = {"_dst", PROTO_DST, PROTO_K_TEXT},
	[PROTO_ERROR] = {"_error", PROTO_ERROR, PROTO_K_TEXT},
	[PROTO_CUT] = {"_cut", PROTO_CUT, PROTO_K_BOOL},
	[PROTO_INVALID_UTF8] = {"_invalid_utf8", PROTO_INVALID_UTF8, PROTO_K_BOOL},
	[PROTO_FORMAT] = {"_format", PROTO_FORMAT, PROTO_K_TEXT},
	[PROTO_RULES] = {"_rules", PROTO_RULES, PROTO_K_JSON},
	[PROTO_HTTP] = {"_http", PROTO_HTTP, PROTO_K_JSON},
};

/* Those of them that are values of the record. */
#define N_META_VALS (PROTO_N_META - PROTO_FORMAT)

const char *proto_kind_type(enum proto_kind k)
{
	switch (k) {
	case PROTO_K_BOOL:
		return "bool";
	case PROTO_K_INT64:
		return "int64";
	case PROTO_K_DOUBLE:
		return "double";
	case PROTO_K_BYTES:
		return "bytes";
	case PROTO_K_TIME:
		return "google.protobuf.Timestamp";
	default:
		return "string";
	}
}

static enum proto_wire wire_of(enum proto_kind k)
{
	switch (k) {
	case PROTO_K_BOOL:
	case PROTO_K_INT64:
		return PROTO_VARINT;
	case PROTO_K_DOUBLE:
		return PROTO_FIXED64;
	default:
		return PROTO_LEN;
	}
}

/* FNV-1a: names are short. Only the configuration's names are in the table. */
static uint32_t hash(struct slice name)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < name.len; i++)
		h = (h ^ name.ptr[i]) * 16777619u;
	return h ^ h >> 15;
}

unsigned proto_shape_find(const struct proto_shape *s, struct slice name)
{
	for (uint32_t at = hash(name) & s->mask;; at = (at + 1) & s->mask) {
		unsigned place = s->table[at];
		if (place == PROTO_NONE || slice_eq(s->names[place], name))
			return place;
	}
}

static int add_place(struct proto_shape *s, const struct proto_field *f)
{
	struct proto_place *p = &s->places[s->n];
	p->kind = (uint8_t)f->kind;
	p->text = f->kind == PROTO_K_TEXT ? (uint32_t)VAL_STR << (VAL_TYPE_SHIFT - 32)
					  : PROTO_NO_TEXT;
	p->key_len = (uint8_t)(proto_put_key(p->key, f->number, wire_of(f->kind)) - p->key);
	s->names[s->n] = slice_str(mem_strdup(f->name));
	if (!s->names[s->n].ptr)
		return -ENOMEM;
	uint32_t at = hash(slice_str(f->name)) & s->mask;
	while (s->table[at] != PROTO_NONE)
		at = (at + 1) & s->mask;
	s->table[at] = (uint16_t)s->n++;
	return 0;
}

static int spell_source(struct proto_shape *s, unsigned i, struct slice name)
{
	uint8_t *text = mem_alloc(2 * (name.len + 1 + PROTO_VARINT_MAX)), *o = text;
	if (!text)
		return -ENOMEM;
	for (unsigned number = PROTO_SOURCE; number <= PROTO_STREAM; number++) {
		o = proto_put_key(o, number, PROTO_LEN);
		o = proto_put_varint(o, name.len);
		memcpy(o, name.ptr, name.len);
		o += name.len;
		if (number == PROTO_SOURCE)
			s->source_only[i] = (size_t)(o - text);
	}
	s->sources[i] = slice_of(text, (size_t)(o - text));
	proto_put_key(o, PROTO_SRC, PROTO_LEN);
	return 0;
}

int proto_shape_create(const struct proto_field *fields, unsigned n, const struct names *names,
		       const struct slice *sources, unsigned n_sources, bool delimited,
		       struct proto_shape **ret_s, struct err *e)
{
	uint32_t cap = 64;
	while (cap < 2 * (n + N_META_VALS))
		cap *= 2;
	struct proto_shape *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for the fields of a queue");
	s->delimited = delimited;
	s->n_sources = sources ? n_sources : 0;
	s->mask = cap - 1;
	s->n_names = names_count(names);
	s->places = mem_alloc((n + N_META_VALS) * sizeof(*s->places));
	s->names = mem_alloc((n + N_META_VALS) * sizeof(*s->names));
	s->table = mem_alloc(cap * sizeof(*s->table));
	s->by_name = mem_alloc((s->n_names + 1) * sizeof(*s->by_name));
	s->sources = mem_alloc((n_sources + 1) * sizeof(*s->sources));
	s->source_only = mem_alloc((n_sources + 1) * sizeof(*s->source_only));
	int rc = 0;
	if (!s->places || !s->names || !s->table || !s->by_name || !s->sources || !s->source_only)
		rc = -ENOMEM;
	if (rc == 0)
		memset(s->table, 0xff, cap * sizeof(*s->table));
	for (unsigned i = PROTO_FORMAT; rc == 0 && sources && i < PROTO_N_META; i++)
		rc = add_place(s, &proto_meta[i]);
	for (unsigned i = 0; rc == 0 && i < n; i++)
		rc = add_place(s, &fields[i]);
	for (uint32_t i = 0; rc == 0 && i < s->n_names; i++)
		s->by_name[i] = (uint16_t)proto_shape_find(s, names_text(names, i));
	for (unsigned i = 0; rc == 0 && i < s->n_sources; i++)
		rc = spell_source(s, i, sources[i]);
	if (rc < 0) {
		proto_shape_destroy(s);
		return err_set(e, rc, "no memory for the fields of a queue");
	}
	*ret_s = s;
	return 0;
}

void proto_shape_destroy(struct proto_shape *s)
{
	if (!s)
		return;
	for (unsigned i = 0; s->names && i < s->n; i++)
		mem_free((void *)s->names[i].ptr);
	for (unsigned i = 0; s->sources && i < s->n_sources; i++)
		mem_free((void *)s->sources[i].ptr);
	mem_free(s->places);
	mem_free(s->names);
	mem_free(s->table);
	mem_free(s->by_name);
	mem_free(s->sources);
	mem_free(s->source_only);
	mem_free(s);
}

/* ---- a worker's ---- */

struct proto_scratch *proto_scratch_create(void)
{
	struct proto_scratch *x = mem_alloc(sizeof(*x));
	if (!x)
		return NULL;
	x->kept = mem_map(PROTO_KEPT_BYTES);
	if (x->kept)
		return x;
	mem_free(x);
	return NULL;
}

void proto_scratch_destroy(struct proto_scratch *x)
{
	if (!x)
		return;
	mem_unmap(x->kept, PROTO_KEPT_BYTES);
	mem_free(x);
}

void proto_scratch_forget(struct proto_scratch *x)
{
	for (unsigned i = 0; i < PROTO_MAPS; i++)
		x->maps[i].shape = NULL;
}

/* Field @i goes to @place, behind what has a lower one. */
static void add_step(struct proto_map *m, unsigned i, unsigned place)
{
	unsigned at = m->n_steps++;
	for (; at > 0 && m->to[proto_place_field(&m->steps[at - 1])] > place; at--)
		m->steps[at] = m->steps[at - 1];
	m->no_plan |= at > 0 && m->to[proto_place_field(&m->steps[at - 1])] == place;
	m->steps[at] = m->shape->places[place];
	if (m->steps[at].key_len != PROTO_STEP_KEY)
		m->steps[at].text = PROTO_NO_TEXT;
	m->steps[at].val = (uint16_t)(sizeof(struct rec) + i * sizeof(struct val));
}

static void make_map(struct proto_map *m, const struct proto_shape *s, const struct schema *from)
{
	*m = (struct proto_map){.schema = from, .shape = s};
	memset(m->pair_to, 0xff, sizeof(m->pair_to));
	for (unsigned i = 0; i < from->n_fields; i++) {
		unsigned place = proto_shape_find(s, slice_str(from->fields[i].name));
		m->to[i] = (uint16_t)place;
		if (place == PROTO_NONE)
			m->rest[m->n_rest++] = (uint8_t)i;
		else
			add_step(m, i, place);
	}
	m->steps[m->n_steps] =
		(struct proto_place){.text = PROTO_NO_TEXT, .val = offsetof(struct rec, stream)};
}

struct proto_map *proto_shape_find_map(const struct proto_shape *s, struct proto_scratch *x,
				       const struct schema *from)
{
	uintptr_t h = ((uintptr_t)from >> 6) + ((uintptr_t)s >> 6);
	unsigned at = (h ^ h >> 4) % PROTO_MAPS;
	struct proto_map *m = &x->maps[at];
	if (from->n_fields > PROTO_MAP_FIELDS)
		return NULL;
	if (m->schema != from || m->shape != s)
		make_map(m, s, from);
	x->last = at;
	return m;
}

unsigned proto_shape_key(const struct proto_shape *s, struct proto_map *m, const struct batch *b,
			 struct val key, unsigned i)
{
	if (key.type == VAL_NAME && key.off < s->n_names)
		return s->by_name[key.off];
	struct slice name = arena_slice(&b->arena, key.off, key.len);
	if (!m || i >= PROTO_MAP_PAIRS)
		return proto_shape_find(s, name);
	unsigned place = m->pair_to[i];
	if (place == PROTO_NONE || !slice_eq(s->names[place], name))
		m->pair_to[i] = (uint16_t)(place = proto_shape_find(s, name));
	return place;
}

struct rec *proto_shape_keep(const struct proto_shape *s, struct proto_scratch *x,
			     const struct batch *b, const struct rec *r)
{
	const struct schema *schema = r->schema;
	struct proto_map *m = proto_shape_map(s, x, schema);
	struct rec *kept = x->kept;
	*kept = *r;
	for (unsigned i = 0; i < schema->n_fields; i++) {
		unsigned place =
			m ? m->to[i] : proto_shape_find(s, slice_str(schema->fields[i].name));
		kept->vals[i] = place == PROTO_NONE ? (struct val){0} : r->vals[i];
	}
	struct val *out = rec_pairs(kept);
	const struct val *pair = r->vals + schema->n_fields;
	for (unsigned i = 0; i < r->n_pairs; i++, pair += 2) {
		if (proto_shape_key(s, m, b, pair[0], i) == PROTO_NONE)
			continue;
		*out++ = pair[0];
		*out++ = pair[1];
	}
	kept->n_pairs = (uint16_t)((out - rec_pairs(kept)) / 2);
	return kept;
}
