#include "dataplane/dim/dim.h"

#include <string.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"

struct dim {
	const struct dim_spec *spec;
	struct readers readers;
	struct dim_table *_Atomic table;
	uint64_t stamp;
	/* written by who loads, read by any */
	atomic_uint_fast64_t version, loaded_ns, n_failed, n_keys, bytes, n_bad, n_no_room;
};

struct dim_load {
	const struct dim_spec *spec;
	struct dim_table *table;
	struct dim_value *values;
	struct batch *batch; /* where texts become values */
	struct rec_builder *rb;
	uint64_t n_bad, n_no_room;
};

const struct dim_field *dim_load_fields(const struct dim_load *l, unsigned *ret_n)
{
	*ret_n = l->spec->n_fields;
	return l->spec->fields;
}

const char *dim_load_key(const struct dim_load *l)
{
	return l->spec->key;
}

/* ---- values ---- */

/* Types are those of formats, and so is what they take. */
static bool read_value(struct dim_load *l, const struct type *type, struct slice text,
		       struct dim_value *v)
{
	uint64_t failed = 0;
	struct val val = rec_make_text(l->rb, VAL_STR, text);
	struct slice in_arena = arena_slice(&l->batch->arena, val.off, val.len);
	val = type_value(type, l->rb, in_arena, 0, &failed);
	*v = (struct dim_value){.type = val.type,
				.text = arena_slice(&l->batch->arena, val.off, val.len)};
	if (val.len == sizeof(v->i))
		memcpy(&v->i, v->text.ptr, sizeof(v->i));
	return failed == 0 && val.type != VAL_ABSENT;
}

void dim_load_row(struct dim_load *l, struct slice key, const struct slice *values)
{
	static const struct schema no_fields;
	arena_reset(&l->batch->arena);
	rec_begin(l->rb, l->batch, &no_fields);
	for (unsigned i = 0; i < l->spec->n_fields; i++) {
		struct dim_value *v = &l->values[i];
		if (values[i].ptr && read_value(l, &l->spec->fields[i].type, values[i], v))
			continue;
		l->n_bad += values[i].ptr != NULL;
		*v = (struct dim_value){.type = VAL_NULL};
	}
	if (dim_table_put(l->table, key, l->values) < 0)
		l->n_no_room++;
}

/* ---- loading ---- */

static int load_init(struct dim_load *l, struct dim *d, struct err *e)
{
	const struct dim_spec *s = d->spec;
	l->spec = s;
	l->values = mem_alloc((s->n_fields + 1) * sizeof(*l->values));
	l->batch = mem_alloc(sizeof(*l->batch));
	l->rb = mem_alloc(sizeof(*l->rb));
	if (!l->values || !l->batch || !l->rb ||
	    arena_init(&l->batch->arena, DIM_ROW_BYTES_MAX) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	return dim_table_create(s->keys_max, s->bytes_max, s->n_fields, &d->readers, &l->table, e);
}

static void load_fini(struct dim_load *l)
{
	if (l->batch)
		arena_fini(&l->batch->arena);
	mem_free(l->batch);
	mem_free(l->rb);
	mem_free(l->values);
}

static int load(struct dim *d, struct err *e)
{
	const struct dim_spec *s = d->spec;
	uint64_t stamp = s->kind->stamp(s->conf);
	struct dim_load l = {0};
	int rc = load_init(&l, d, e);
	if (rc == 0)
		rc = s->kind->load(s->conf, &l, e);
	load_fini(&l);
	if (rc < 0) {
		dim_table_destroy(l.table);
		atomic_fetch_add(&d->n_failed, 1);
		return err_prefix(e, rc, "dimension %s: ", s->name);
	}
	struct dim_table *old = atomic_exchange(&d->table, l.table);
	readers_wait(&d->readers, readers_next(&d->readers));
	dim_table_destroy(old);
	d->stamp = stamp;
	atomic_store(&d->n_keys, dim_table_n_keys(l.table));
	atomic_store(&d->bytes, dim_table_bytes(l.table));
	atomic_store(&d->n_bad, l.n_bad);
	atomic_store(&d->n_no_room, l.n_no_room);
	atomic_store(&d->loaded_ns, clock_wall_ns());
	atomic_fetch_add(&d->version, 1);
	return 0;
}

int dim_create(const struct dim_spec *spec, struct dim **ret_d, struct err *e)
{
	struct dim *d = mem_alloc(sizeof(*d));
	if (!d)
		return err_set(e, -ENOMEM, "no memory for dimension %s", spec->name);
	d->spec = spec;
	int rc = load(d, e);
	if (rc < 0)
		dim_destroy(d);
	else
		*ret_d = d;
	return rc;
}

void dim_destroy(struct dim *d)
{
	if (!d)
		return;
	dim_table_destroy(d->table);
	mem_free(d);
}

int dim_refresh(struct dim *d, struct err *e)
{
	uint64_t stamp = d->spec->kind->stamp(d->spec->conf);
	if (stamp == d->stamp)
		return 0;
	int rc = load(d, e);
	return rc < 0 ? rc : 1;
}

const struct dim_spec *dim_spec_of(const struct dim *d)
{
	return d->spec;
}

struct dim_stats dim_stats_of(struct dim *d)
{
	return (struct dim_stats){
		.version = atomic_load(&d->version),
		.loaded_ns = atomic_load(&d->loaded_ns),
		.n_failed = atomic_load(&d->n_failed),
		.n_keys = atomic_load(&d->n_keys),
		.bytes = atomic_load(&d->bytes),
		.n_bad = atomic_load(&d->n_bad),
		.n_no_room = atomic_load(&d->n_no_room),
	};
}

/* ---- readers ---- */

int dim_join(struct dim *d)
{
	return readers_join(&d->readers);
}

const struct dim_table *dim_enter(struct dim *d, int reader)
{
	readers_enter(&d->readers, reader);
	return atomic_load(&d->table);
}

void dim_leave(struct dim *d, int reader)
{
	readers_leave(&d->readers, reader);
}
