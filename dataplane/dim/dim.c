#include "dataplane/dim/dim.h"

#include <pthread.h>
#include <string.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"

LEDGER_DEFINE(dim, "dimension", "rows", DIM_COLS);

struct dim {
	const struct dim_spec *spec;
	struct readers readers;
	struct dim_table *_Atomic table;
	atomic_uint_fast64_t version;
	uint64_t stamp, bad_stamp; /* of the table, and of what was found broken */
	void *live;                /* what the kind has open */

	pthread_mutex_t writer; /* of workers that change it */
	pthread_mutex_t lock;   /* of the rest, for those who ask */
	uint64_t row[DIM_N_COLS];
	uint64_t changed_ns;
};

struct dim_load {
	const struct dim_spec *spec;
	struct dim_table *table;
	struct dim_value *values;
	struct batch *batch; /* where texts become values */
	struct rec_builder *rb;
	bool in_place; /* workers read the table */
	bool changed;
	uint64_t row[DIM_N_COLS];
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

/* Borrowed from the row, which stays until it has been replaced. */
static struct dim_value value_of_row(const struct dim_row *row, unsigned i)
{
	struct val v = row->vals[i];
	struct dim_value value = {.type = v.type,
				  .text = slice_of((const uint8_t *)row + v.off, v.len)};
	if (v.len == sizeof(value.i))
		memcpy(&value.i, value.text.ptr, sizeof(value.i));
	return value;
}

static void put_row(struct dim_load *l, struct slice key)
{
	uint64_t n_keys = dim_table_n_keys(l->table);
	int rc = dim_table_put(l->table, key, l->values);
	if (rc == 1 && l->in_place)
		return;
	l->row[DIM_rows_in]++;
	if (rc < 0)
		l->row[DIM_no_room]++;
	else if (dim_table_n_keys(l->table) == n_keys)
		l->row[DIM_replaced]++;
	l->changed |= rc == 0;
}

void dim_load_merge(struct dim_load *l, struct slice key, const struct slice *values,
		    const bool *given)
{
	static const struct schema no_fields;
	const struct dim_row *old = NULL;
	if (given)
		dim_table_find(l->table, &key, 1, &old);
	arena_reset(&l->batch->arena);
	rec_begin(l->rb, l->batch, &no_fields);
	for (unsigned i = 0; i < l->spec->n_fields; i++) {
		struct dim_value *v = &l->values[i];
		if (given && !given[i] && old) {
			*v = value_of_row(old, i);
			continue;
		}
		if (values[i].ptr && read_value(l, &l->spec->fields[i].type, values[i], v))
			continue;
		l->row[DIM_bad_values] += values[i].ptr != NULL;
		*v = (struct dim_value){.type = VAL_NULL};
	}
	put_row(l, key);
}

void dim_load_row(struct dim_load *l, struct slice key, const struct slice *values)
{
	dim_load_merge(l, key, values, NULL);
}

void dim_load_bad(struct dim_load *l)
{
	l->row[DIM_bad_rows]++;
}

void dim_load_del(struct dim_load *l, struct slice key)
{
	bool was_there = dim_table_del(l->table, key);
	l->row[DIM_deleted] += was_there;
	l->changed |= was_there;
}

int dim_load_sweep(struct dim_load *l, struct err *e)
{
	int rc = dim_table_mark(l->table);
	return rc < 0 ? err_set(e, rc, "out of memory") : 0;
}

void dim_load_sweep_end(struct dim_load *l)
{
	uint64_t n = dim_table_sweep(l->table);
	l->row[DIM_deleted] += n;
	l->row[DIM_loads]++;
	l->changed |= n > 0;
}

/* ---- loading ---- */

static int load_init(struct dim_load *l, const struct dim_spec *s, struct err *e)
{
	l->spec = s;
	l->values = mem_alloc((s->n_fields + 1) * sizeof(*l->values));
	l->batch = mem_alloc(sizeof(*l->batch));
	l->rb = mem_alloc(sizeof(*l->rb));
	if (!l->values || !l->batch || !l->rb ||
	    arena_init(&l->batch->arena, DIM_ROW_BYTES_MAX) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	return 0;
}

static void load_fini(struct dim_load *l)
{
	if (l->batch)
		arena_fini(&l->batch->arena);
	mem_free(l->batch);
	mem_free(l->rb);
	mem_free(l->values);
}

/* What a load counted becomes what is told. */
static void publish(struct dim *d, const struct dim_load *l)
{
	pthread_mutex_lock(&d->lock);
	uint64_t loads_failed = d->row[DIM_loads_failed];
	memcpy(d->row, l->row, sizeof(d->row));
	d->row[DIM_loads_failed] = loads_failed;
	d->row[DIM_keys] = dim_table_n_keys(l->table);
	d->row[DIM_bytes] = dim_table_bytes(l->table);
	if (l->changed) {
		d->changed_ns = clock_wall_ns();
		atomic_fetch_add(&d->version, 1);
	}
	pthread_mutex_unlock(&d->lock);
}

static int count_failure(struct dim *d, int rc, struct err *e)
{
	pthread_mutex_lock(&d->lock);
	d->row[DIM_loads_failed]++;
	pthread_mutex_unlock(&d->lock);
	return err_prefix(e, rc, "dimension %s: ", d->spec->name);
}

/* Into a new table, which takes the place of the old one. */
static int load(struct dim *d, struct err *e)
{
	const struct dim_spec *s = d->spec;
	struct dim_load l = {.changed = true};
	int rc = load_init(&l, s, e);
	if (rc == 0)
		rc = dim_table_create(s->keys_max, s->bytes_max, s->n_fields, &d->readers, &l.table,
				      e);
	if (rc == 0)
		rc = s->kind->load(s->conf, &l, e);
	load_fini(&l);
	if (rc < 0) {
		dim_table_destroy(l.table);
		return count_failure(d, rc, e);
	}
	struct dim_table *old = atomic_exchange(&d->table, l.table);
	readers_wait(&d->readers, readers_next(&d->readers));
	dim_table_destroy(old);
	l.row[DIM_loads] = d->row[DIM_loads] + 1;
	publish(d, &l);
	return 0;
}

static uint64_t stamp_of(const struct dim *d)
{
	const struct dim_kind *k = d->spec->kind;
	return k->stamp ? k->stamp(d->spec->conf) : 0;
}

int dim_create(const struct dim_spec *spec, struct dim **ret_d, struct err *e)
{
	struct dim *d = mem_alloc(sizeof(*d));
	if (!d)
		return err_set(e, -ENOMEM, "no memory for dimension %s", spec->name);
	pthread_mutex_init(&d->writer, NULL);
	pthread_mutex_init(&d->lock, NULL);
	d->spec = spec;
	d->stamp = stamp_of(d); /* before the rows: a change between the two is seen later */
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
	if (d->live)
		d->spec->kind->close(d->live);
	dim_table_destroy(d->table);
	pthread_mutex_destroy(&d->writer);
	pthread_mutex_destroy(&d->lock);
	mem_free(d);
}

bool dim_is_told(const struct dim *d)
{
	return d->spec->kind->poll != NULL;
}

static int refresh_told(struct dim *d, struct err *e)
{
	const struct dim_kind *k = d->spec->kind;
	struct dim_load l = {.table = d->table, .in_place = true};
	memcpy(l.row, d->row, sizeof(l.row));
	int rc = load_init(&l, d->spec, e);
	if (rc == 0 && !d->live)
		rc = k->open(d->spec->conf, &d->live, e);
	if (rc == 0)
		rc = k->poll(d->live, &l, e);
	load_fini(&l);
	publish(d, &l);
	if (rc == 0)
		return l.changed;
	if (d->live)
		k->close(d->live);
	d->live = NULL;
	return count_failure(d, rc, e);
}

int dim_refresh(struct dim *d, struct err *e)
{
	if (dim_is_told(d))
		return refresh_told(d, e);
	if (!d->spec->kind->stamp)
		return 0;
	uint64_t stamp = stamp_of(d);
	if (stamp && (stamp == d->stamp || stamp == d->bad_stamp))
		return 0;
	int rc = load(d, e);
	if (rc == -EINVAL)
		d->bad_stamp = stamp;
	if (rc < 0)
		return rc;
	d->stamp = stamp;
	return 1;
}

const struct dim_spec *dim_spec_of(const struct dim *d)
{
	return d->spec;
}

void dim_row(struct dim *d, uint64_t *ret_row)
{
	pthread_mutex_lock(&d->lock);
	memcpy(ret_row, d->row, sizeof(d->row));
	ret_row[DIM_version] = atomic_load(&d->version);
	ret_row[DIM_age_s] = (clock_wall_ns() - d->changed_ns) / 1000000000u;
	pthread_mutex_unlock(&d->lock);
}

uint64_t dim_version(struct dim *d)
{
	return atomic_load(&d->version);
}

/* ---- changes by workers ---- */

struct dim_change {
	struct dim *d;
	struct dim_load load;
};

int dim_change_create(struct dim *d, struct dim_change **ret_c, struct err *e)
{
	struct dim_change *c = mem_alloc(sizeof(*c));
	if (!c)
		return err_set(e, -ENOMEM, "out of memory");
	c->d = d;
	int rc = load_init(&c->load, d->spec, e);
	if (rc < 0)
		dim_change_destroy(c);
	else
		*ret_c = c;
	return rc;
}

void dim_change_destroy(struct dim_change *c)
{
	if (!c)
		return;
	load_fini(&c->load);
	mem_free(c);
}

struct dim_load *dim_change_begin(struct dim_change *c)
{
	pthread_mutex_lock(&c->d->writer);
	c->load.table = c->d->table;
	c->load.in_place = true;
	c->load.changed = false;
	memcpy(c->load.row, c->d->row, sizeof(c->load.row));
	return &c->load;
}

void dim_change_end(struct dim_change *c)
{
	publish(c->d, &c->load);
	pthread_mutex_unlock(&c->d->writer);
}

/* ---- readers ---- */

int dim_join(struct dim *d)
{
	return readers_join(&d->readers);
}

void dim_quit(struct dim *d, int reader)
{
	readers_quit(&d->readers, reader);
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
