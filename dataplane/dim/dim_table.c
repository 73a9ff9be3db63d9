#include "dataplane/dim/dim_table.h"

#include <string.h>
#include <sys/random.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/mem.h"

#define UNIT       8u
#define EMPTY      0u
#define DELETED    1u
#define LINE       8u   /* of a cache: units, or slots */
#define FIRST_ROW  LINE /* the rows of the two above have a key that none is equal to */

/* Row sizes in units: every one up to 16, then four to each power of two. */
#define EXACT      16u
#define N_CLASSES  96u

#define PARKED_MAX 4096 /* rows that wait for the readers; beyond it the writer waits */

#define ABSENT     UINT64_MAX
#define PREFETCHED 64

struct parked {
	uint32_t row;
	uint64_t epoch; /* of the change that took it out */
};

struct dim_table {
	uint64_t *_Atomic slots; /* written by one, read by many */
	uint64_t *spare;         /* as large: where slots without the deleted ones are made */
	uint64_t mask;
	uint64_t secret[2]; /* of its hashes; order in the table is seen by nobody */
	uint8_t *rows;
	uint64_t rows_bytes;
	uint64_t used; /* of the rows' mapping, in units */
	uint64_t n_keys, keys_max;
	uint64_t n_taken; /* slots that are not empty */
	unsigned n_fields;
	uint32_t free[N_CLASSES]; /* heads of lists; the next one is in the first word of a row */
	struct parked *parked;    /* a ring */
	unsigned parked_first, n_parked;
	uint64_t *marks; /* a bit by row; NULL: never marked */
	struct readers *readers;
};

/* ---- memory of rows ---- */

/* The class that holds @units, and how many it really has. */
static unsigned class_of(uint32_t units, uint32_t *ret_units)
{
	if (units <= EXACT) {
		*ret_units = units;
		return units;
	}
	unsigned log = 31 - (unsigned)__builtin_clz(units - 1); /* 2^log < units <= 2^(log + 1) */
	uint32_t step = 1u << (log - 2);
	uint32_t k = (units - (1u << log) + step - 1) / step; /* 1..4 */
	*ret_units = (1u << log) + k * step;
	return EXACT + (log - 4) * 4 + k;
}

static struct dim_row *row_at(const struct dim_table *t, uint32_t row)
{
	return (struct dim_row *)(t->rows + (uint64_t)row * UNIT);
}

static void put_free(struct dim_table *t, unsigned c, uint32_t row)
{
	memcpy(row_at(t, row), &t->free[c], sizeof(uint32_t));
	t->free[c] = row;
}

static void give_back(struct dim_table *t, uint32_t row)
{
	uint32_t units;
	put_free(t, class_of((row_at(t, row)->bytes + UNIT - 1) / UNIT, &units), row);
}

static struct parked *last_parked(struct dim_table *t)
{
	return &t->parked[(t->parked_first + t->n_parked - 1) % PARKED_MAX];
}

static void reclaim(struct dim_table *t)
{
	while (t->n_parked && readers_left(t->readers, t->parked[t->parked_first].epoch)) {
		give_back(t, t->parked[t->parked_first].row);
		t->parked_first = (t->parked_first + 1) % PARKED_MAX;
		t->n_parked--;
	}
}

static uint32_t take_free(struct dim_table *t, unsigned c)
{
	uint32_t row = t->free[c];
	if (row)
		memcpy(&t->free[c], row_at(t, row), sizeof(uint32_t));
	return row;
}

static bool has_room(const struct dim_table *t, uint64_t units)
{
	uint64_t used = t->used + units;
	return used * UNIT <= t->rows_bytes && used <= UINT32_MAX;
}

/* A cache line is what a look-up waits for: a row that would reach into one more than it needs
 * begins with the next one, if that leaves a hole of a third of it at most. Smaller rows fill it.
 */
static void begin_line(struct dim_table *t, uint32_t units)
{
	uint32_t at = t->used % LINE, hole = LINE - at;
	bool one_more = at + (units - 1) % LINE >= LINE;
	if (one_more && hole <= units / 3 && has_room(t, hole + units)) {
		put_free(t, hole, (uint32_t)t->used);
		t->used += hole;
	}
}

/* 0: full. What only waits for the readers is not lost for that: they leave soon. */
static uint32_t take_row(struct dim_table *t, uint64_t bytes)
{
	uint32_t units;
	if (bytes > UINT32_MAX / 2)
		return 0;
	unsigned c = class_of((uint32_t)((bytes + UNIT - 1) / UNIT), &units);
	if (!t->free[c] && t->n_parked)
		reclaim(t);
	if (t->free[c])
		return take_free(t, c);
	begin_line(t, units);
	if (!has_room(t, units)) {
		if (t->n_parked)
			readers_wait(t->readers, last_parked(t)->epoch);
		reclaim(t);
		return take_free(t, c);
	}
	uint32_t row = (uint32_t)t->used;
	t->used += units;
	return row;
}

/* ---- slots ---- */

#define HASH_BITS    (UINT64_MAX << 34)
#define SECOND_SHIFT 32 /* set: the row reaches into a second line */
#define THIRD_SHIFT  33

/* Sixteen bytes more. */
static inline uint64_t hash_more(const uint64_t secret[2], uint64_t hash, const uint8_t *p)
{
	return bytes_fold(bytes_load8(p) ^ secret[0] ^ hash, bytes_load8(p + 8) ^ secret[1]);
}

static __attribute__((noinline)) uint64_t hash_middle(const uint64_t secret[2], uint64_t hash,
						      struct slice key)
{
	for (size_t i = 16; i + 16 < key.len; i += 16)
		hash = hash_more(secret, hash, key.ptr + i);
	return hash;
}

/* Sixteen bytes at a time, the last ones by loads that may overlap. Keys come from outside: without
 * the secret nobody can tell which of them collide.
 */
static inline uint64_t hash_key(const uint64_t secret[2], struct slice key)
{
	uint64_t hash = key.len;
	const uint8_t *end = key.ptr + key.len;
	if (key.len < 8)
		return bytes_fold(bytes_pack(key.ptr, key.len) ^ secret[0], hash ^ secret[1]);
	if (key.len <= 16)
		return bytes_fold(bytes_load8(key.ptr) ^ secret[0] ^ hash,
				  bytes_load8(end - 8) ^ secret[1]);
	hash = hash_more(secret, hash, key.ptr);
	if (__builtin_expect(key.len > 32, 0))
		hash = hash_middle(secret, hash, key);
	return hash_more(secret, hash, end - 16);
}

static uint64_t load_slot(const uint64_t *slots, uint64_t at)
{
	return __atomic_load_n(&slots[at], __ATOMIC_ACQUIRE);
}

static void store_slot(uint64_t *slots, uint64_t at, uint64_t slot)
{
	__atomic_store_n(&slots[at], slot, __ATOMIC_RELEASE);
}

static uint64_t slot_of(const struct dim_table *t, uint64_t hash, uint32_t row)
{
	uint64_t end = row % LINE * UNIT + row_at(t, row)->bytes;
	uint64_t second = end > LINE * UNIT, third = end > 2 * LINE * UNIT;
	return (hash & HASH_BITS) | third << THIRD_SHIFT | second << SECOND_SHIFT | row;
}

static inline bool is_hash(uint64_t slot, uint64_t hash)
{
	return ((slot ^ hash) & HASH_BITS) == 0;
}

/* Behind @at in a search that began at @first: around its line, and then to the next one. */
static inline uint64_t next_slot(uint64_t at, uint64_t first, uint64_t mask)
{
	at = (at & ~(uint64_t)(LINE - 1)) | ((at + 1) & (LINE - 1));
	return (at ^ first) & (LINE - 1) ? at : (at + LINE) & mask;
}

static inline bool is_key(const struct dim_table *t, const struct dim_row *r, struct slice key)
{
	return bytes_same(dim_row_key(r, t->n_fields), key);
}

/* Where @key is, and its row as it stood there. ABSENT: nowhere, and *ret_free is where it may go.
 */
static uint64_t find_slot(const struct dim_table *t, const uint64_t *slots, struct slice key,
			  uint64_t hash, uint32_t *ret_row, uint64_t *ret_free)
{
	*ret_free = ABSENT;
	uint64_t first = hash & t->mask;
	for (uint64_t at = first;; at = next_slot(at, first, t->mask)) {
		uint64_t slot = load_slot(slots, at);
		uint32_t row = (uint32_t)slot;
		if (row < FIRST_ROW && *ret_free == ABSENT)
			*ret_free = at;
		if (row == EMPTY)
			return ABSENT;
		if (row != DELETED && is_hash(slot, hash) && is_key(t, row_at(t, row), key)) {
			*ret_row = row;
			return at;
		}
	}
}

/* @row is in no slot any more. */
static void park(struct dim_table *t, uint32_t row)
{
	uint64_t epoch = readers_next(t->readers);
	if (t->n_parked == PARKED_MAX) {
		readers_wait(t->readers, t->parked[t->parked_first].epoch);
		reclaim(t);
	}
	t->n_parked++;
	*last_parked(t) = (struct parked){row, epoch};
}

/* Deleted slots make every search longer: the others are laid down anew, beside the readers. */
static void lay_anew(struct dim_table *t)
{
	const uint64_t *old = t->slots;
	uint64_t *new = t->spare;
	memset(new, 0, (t->mask + 1) * sizeof(*new));
	for (uint64_t i = 0; i <= t->mask; i++) {
		uint32_t row = (uint32_t)old[i];
		if (row < FIRST_ROW)
			continue;
		uint64_t first =
			hash_key(t->secret, dim_row_key(row_at(t, row), t->n_fields)) & t->mask;
		uint64_t at = first;
		while (new[at])
			at = next_slot(at, first, t->mask);
		new[at] = old[i];
	}
	t->n_taken = t->n_keys;
	t->spare = t->slots;
	atomic_store_explicit(&t->slots, new, memory_order_release);
	readers_wait(t->readers, readers_next(t->readers));
}

/* ---- rows ---- */

static bool is_number(enum val_type t)
{
	return t == VAL_I64 || t == VAL_U64 || t == VAL_TIME || t == VAL_F64;
}

static bool is_text(enum val_type t)
{
	return t == VAL_STR || t == VAL_JSTR || t == VAL_JSON || t == VAL_NUM || t == VAL_BYTES;
}

/* As it stands in a row. */
static struct slice value_bytes(const struct dim_value *v)
{
	if (is_text(v->type))
		return v->text;
	return slice_of(&v->i, is_number(v->type) ? 8 : 0);
}

static uint64_t row_bytes(const struct dim_table *t, struct slice key, const struct dim_value *v)
{
	uint64_t n = sizeof(struct dim_row) + t->n_fields * sizeof(struct val) + key.len;
	for (unsigned i = 0; i < t->n_fields; i++)
		n += value_bytes(&v[i]).len;
	return n;
}

static bool has_values(const struct dim_table *t, const struct dim_row *r,
		       const struct dim_value *v)
{
	for (unsigned i = 0; i < t->n_fields; i++) {
		struct slice old = slice_of((const uint8_t *)r + r->vals[i].off, r->vals[i].len);
		if (r->vals[i].type != v[i].type || !slice_eq(old, value_bytes(&v[i])))
			return false;
	}
	return true;
}

static void write_row(const struct dim_table *t, struct dim_row *r, struct slice key,
		      const struct dim_value *v, uint32_t bytes)
{
	uint8_t *at = (uint8_t *)(r->vals + t->n_fields);
	r->key_len = (uint32_t)key.len;
	r->bytes = bytes;
	memcpy(at, key.ptr, key.len);
	at += key.len;
	for (unsigned i = 0; i < t->n_fields; i++) {
		struct slice from = value_bytes(&v[i]);
		r->vals[i] = val_of(v[i].type, (uint32_t)(at - (uint8_t *)r), from.len);
		if (from.len)
			memcpy(at, from.ptr, from.len);
		at += from.len;
	}
}

static size_t marks_bytes(const struct dim_table *t)
{
	return t->rows_bytes / UNIT / 8 + sizeof(uint64_t);
}

static void mark(struct dim_table *t, uint32_t row)
{
	if (t->marks)
		t->marks[row / 64] |= 1ull << (row % 64);
}

int dim_table_put(struct dim_table *t, struct slice key, const struct dim_value *values)
{
	uint64_t hash = hash_key(t->secret, key), free_at;
	uint32_t old;
	if (t->n_taken > t->mask - t->mask / 4)
		lay_anew(t);
	uint64_t at = find_slot(t, t->slots, key, hash, &old, &free_at);
	if (at == ABSENT && t->n_keys == t->keys_max)
		return -ENOSPC;
	if (at != ABSENT) {
		mark(t, old); /* it stays, unless there is a better one */
		if (has_values(t, row_at(t, old), values))
			return 1;
	}
	uint64_t bytes = row_bytes(t, key, values);
	uint32_t row = take_row(t, bytes);
	if (!row)
		return -ENOSPC;
	write_row(t, row_at(t, row), key, values, (uint32_t)bytes);
	mark(t, row);
	if (at != ABSENT) {
		store_slot(t->slots, at, slot_of(t, hash, row));
		park(t, old);
		return 0;
	}
	t->n_taken += (uint32_t)t->slots[free_at] == EMPTY;
	t->n_keys++;
	store_slot(t->slots, free_at, slot_of(t, hash, row));
	return 0;
}

static void take_out(struct dim_table *t, uint64_t at, uint32_t row)
{
	store_slot(t->slots, at, DELETED);
	t->n_keys--;
	park(t, row);
}

bool dim_table_del(struct dim_table *t, struct slice key)
{
	uint64_t hash = hash_key(t->secret, key), unused;
	uint32_t old;
	uint64_t at = find_slot(t, t->slots, key, hash, &old, &unused);
	if (at == ABSENT)
		return false;
	take_out(t, at, old);
	return true;
}

int dim_table_mark(struct dim_table *t)
{
	if (t->marks)
		memset(t->marks, 0, (t->used / 64 + 1) * sizeof(uint64_t));
	else
		t->marks = mem_map(marks_bytes(t));
	return t->marks ? 0 : -ENOMEM;
}

uint64_t dim_table_sweep(struct dim_table *t)
{
	uint64_t n = 0;
	for (uint64_t at = 0; at <= t->mask; at++) {
		uint32_t row = (uint32_t)t->slots[at];
		if (row < FIRST_ROW || (t->marks[row / 64] >> (row % 64) & 1))
			continue;
		take_out(t, at, row);
		n++;
	}
	return n;
}

uint64_t dim_table_n_keys(const struct dim_table *t)
{
	return t->n_keys;
}

uint64_t dim_table_bytes(const struct dim_table *t)
{
	return t->used * UNIT;
}

/* ---- looking up ---- */

/* Another key has the same bits of its hash, or there is none. */
static __attribute__((noinline)) const struct dim_row *
search(const struct dim_table *t, const uint64_t *slots, struct slice key, uint64_t hash)
{
	uint64_t free_at;
	uint32_t row;
	return find_slot(t, slots, key, hash, &row, &free_at) == ABSENT ? NULL : row_at(t, row);
}

/* The first slot with the bits of @hash, or an empty one. */
static inline uint64_t likely_slot(const uint64_t *slots, uint64_t mask, uint64_t hash)
{
	uint64_t first = hash & mask, at = first, slot = load_slot(slots, at);
	while (!is_hash(slot, hash) && (uint32_t)slot != EMPTY) {
		at = next_slot(at, first, mask);
		slot = load_slot(slots, at);
	}
	return slot;
}

/* Slots of a few keys are fetched, then their rows, then the keys are compared: three walks, so
 * that the misses of a cache overlap. Whoever asked reads the row next: its lines are asked for,
 * and no other ones, since few can be waited for at a time. Returns how many there are.
 */
static unsigned find_few(const struct dim_table *t, const uint64_t *slots, const struct slice *keys,
			 unsigned n, const struct dim_row **rows)
{
	uint64_t hashes[PREFETCHED], found[PREFETCHED];
	uint64_t mask = t->mask, secret[2] = {t->secret[0], t->secret[1]};
	const uint8_t *base = t->rows;
	unsigned n_found = 0;
	for (unsigned i = 0; i < n; i++) {
		hashes[i] = keys[i].ptr ? hash_key(secret, keys[i]) : 0;
		__builtin_prefetch(&slots[hashes[i] & mask]);
	}
	for (unsigned i = 0; i < n; i++) {
		uint64_t slot = likely_slot(slots, mask, hashes[i]);
		const uint8_t *row = base + (uint64_t)(uint32_t)slot * UNIT;
		found[i] = slot;
		__builtin_prefetch(row);
		__builtin_prefetch(row + (slot >> SECOND_SHIFT & 1) * LINE * UNIT);
	}
	for (unsigned i = 0; i < n; i++) {
		uint64_t at = (uint64_t)(uint32_t)found[i] * UNIT;
		const struct dim_row *row = (const struct dim_row *)(base + at);
		if (!keys[i].ptr || (uint32_t)found[i] == EMPTY)
			row = NULL;
		else if (!is_key(t, row, keys[i]))
			row = search(t, slots, keys[i], hashes[i]);
		else
			__builtin_prefetch((const uint8_t *)row +
					   (found[i] >> THIRD_SHIFT & 1) * 2 * LINE * UNIT);
		rows[i] = row;
		n_found += row != NULL;
	}
	return n_found;
}

unsigned dim_table_find(const struct dim_table *t, const struct slice *keys, unsigned n,
			const struct dim_row **rows)
{
	const uint64_t *slots =
		atomic_load_explicit(&((struct dim_table *)t)->slots, memory_order_acquire);
	unsigned n_found = 0;
	for (unsigned i = 0; i < n; i += PREFETCHED)
		n_found += find_few(t, slots, keys + i, n - i < PREFETCHED ? n - i : PREFETCHED,
				    rows + i);
	return n_found;
}

/* ---- life ---- */

int dim_table_create(uint64_t keys_max, uint64_t bytes_max, unsigned n_fields,
		     struct readers *readers, struct dim_table **ret_t, struct err *e)
{
	uint64_t n_slots = 16;
	if (keys_max == 0 || keys_max > DIM_KEYS_MAX || n_fields > DIM_FIELDS_MAX)
		return err_set(
			e, -EINVAL, "%llu keys of %u fields; expected 1 to %u, of at most %d",
			(unsigned long long)keys_max, n_fields, DIM_KEYS_MAX, DIM_FIELDS_MAX);
	struct dim_table *t = mem_alloc(sizeof(*t));
	if (!t)
		return err_set(e, -ENOMEM, "no memory for a dimension");
	if (getrandom(t->secret, sizeof(t->secret), 0) != (ssize_t)sizeof(t->secret)) {
		dim_table_destroy(t);
		return err_set(e, -EIO, "no random number for a dimension");
	}
	while (n_slots < keys_max + keys_max / 2)
		n_slots *= 2;
	t->mask = n_slots - 1;
	t->keys_max = keys_max;
	t->n_fields = n_fields;
	t->rows_bytes = bytes_max;
	t->used = FIRST_ROW;
	t->readers = readers;
	t->slots = mem_map(n_slots * sizeof(uint64_t));
	t->spare = mem_map(n_slots * sizeof(uint64_t));
	t->rows = mem_map(bytes_max + SL_PAD);
	t->parked = mem_alloc(PARKED_MAX * sizeof(*t->parked));
	if (!t->slots || !t->spare || !t->rows || !t->parked) {
		dim_table_destroy(t);
		return err_set(e, -ENOMEM, "no memory for a dimension of %llu keys and %llu bytes",
			       (unsigned long long)keys_max, (unsigned long long)bytes_max);
	}
	row_at(t, EMPTY)->key_len = UINT32_MAX;
	row_at(t, DELETED)->key_len = UINT32_MAX;
	*ret_t = t;
	return 0;
}

void dim_table_destroy(struct dim_table *t)
{
	if (!t)
		return;
	size_t slots_bytes = (t->mask + 1) * sizeof(uint64_t);
	mem_unmap(t->slots, slots_bytes);
	mem_unmap(t->spare, slots_bytes);
	mem_unmap(t->rows, t->rows_bytes + SL_PAD);
	mem_unmap(t->marks, marks_bytes(t));
	mem_free(t->parked);
	mem_free(t);
}
