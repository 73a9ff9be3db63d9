#include "dataplane/capture/frag.h"

#include <assert.h>

#include "dataplane/base/mem.h"
#include "dataplane/capture/decode.h"

#define NONE       UINT32_MAX
#define UNIT       8
#define MAP_WORDS  (65536 / UNIT / 64)

/* How long the fragments of an IPv4 datagram that was dropped for an overlap are still known as
 * such: they come back to back, and identifications of 16 bits come round again. IPv6: all of
 * wait_ns.
 */
#define OVERLAP_NS 1000000000u

enum state { OPEN, WHOLE, BROKEN };

struct entry {
	struct frag_id of;
	uint64_t until_ns;
	uint32_t hash;
	uint32_t buffer;       /* OPEN only */
	uint32_t n;            /* fragments held */
	uint32_t units;        /* of UNIT bytes that are there */
	uint32_t len;          /* of the datagram, 0: not known yet */
	uint32_t end;          /* furthest byte seen */
	uint32_t chain;        /* next of the same bucket, or of the free list */
	uint32_t older, newer; /* in the list of its state */
	uint8_t proto;
	uint8_t state;
};

struct list {
	uint32_t oldest, newest, n;
};

struct frag {
	struct frag_conf conf;
	uint64_t *row;
	unsigned worker, n_workers;
	struct entry *entries;
	uint32_t *buckets, n_buckets;
	uint32_t free_entry;
	struct list open, spent;
	uint8_t *pool;
	size_t pool_bytes;
	uint64_t *maps; /* MAP_WORDS for each buffer; all zero while the buffer is free */
	size_t maps_bytes;
	uint32_t *free_buffers, n_free;
	uint32_t *lent, n_lent, n_buffers;
};

static uint32_t frag_hash(const struct frag_id *of)
{
	uint64_t w[5], h = 0;
	static_assert(sizeof(*of) == sizeof(w), "a key without holes");
	memcpy(w, of, sizeof(w));
	for (int i = 0; i < 5; i++) {
		h = (h ^ w[i]) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
	}
	return (uint32_t)h;
}

static bool frag_counts(const struct frag *f, uint32_t hash)
{
	return (hash >> 8) % f->n_workers == f->worker;
}

bool frag_is_ours(const struct frag *f, const struct frag_id *of)
{
	return frag_counts(f, frag_hash(of));
}

void frag_share(struct frag *f, unsigned worker, unsigned n_workers)
{
	f->worker = worker;
	f->n_workers = n_workers;
}

static void list_add(struct frag *f, struct list *l, uint32_t i)
{
	struct entry *e = &f->entries[i];
	e->older = l->newest;
	e->newer = NONE;
	if (l->newest == NONE)
		l->oldest = i;
	else
		f->entries[l->newest].newer = i;
	l->newest = i;
	l->n++;
}

static void list_remove(struct frag *f, struct list *l, uint32_t i)
{
	struct entry *e = &f->entries[i];
	if (e->older == NONE)
		l->oldest = e->newer;
	else
		f->entries[e->older].newer = e->newer;
	if (e->newer == NONE)
		l->newest = e->older;
	else
		f->entries[e->newer].older = e->older;
	l->n--;
}

static void buffer_put(struct frag *f, uint32_t buffer, uint32_t end)
{
	size_t words = (end / UNIT + 64) / 64;
	memset(&f->maps[(size_t)buffer * MAP_WORDS], 0,
	       (words < MAP_WORDS ? words : MAP_WORDS) * sizeof(uint64_t));
	f->free_buffers[f->n_free++] = buffer;
}

static uint32_t *bucket_of(struct frag *f, uint32_t hash)
{
	return &f->buckets[hash & (f->n_buckets - 1)];
}

/* The held fragments of an entry end as @column. */
static void entry_count(struct frag *f, struct entry *e, unsigned column)
{
	if (frag_counts(f, e->hash)) {
		f->row[DECODE_fragments_waiting] -= e->n;
		f->row[column] += e->n;
	}
	e->n = 0;
}

/* Out of its bucket and its list, back to the free entries. What it held ends as @column. */
static void entry_drop(struct frag *f, uint32_t i, unsigned column)
{
	struct entry *e = &f->entries[i];
	uint32_t *at = bucket_of(f, e->hash);
	while (*at != i)
		at = &f->entries[*at].chain;
	*at = e->chain;
	list_remove(f, e->state == OPEN ? &f->open : &f->spent, i);
	if (e->state == OPEN) {
		entry_count(f, e, column);
		buffer_put(f, e->buffer, e->end);
	}
	e->chain = f->free_entry;
	f->free_entry = i;
}

/* The entry has done its work but is remembered for a while, without its buffer. */
static void entry_spend(struct frag *f, uint32_t i, enum state state, uint64_t until_ns)
{
	struct entry *e = &f->entries[i];
	list_remove(f, &f->open, i);
	e->state = (uint8_t)state;
	e->until_ns = until_ns;
	list_add(f, &f->spent, i);
}

void frag_expire(struct frag *f, uint64_t now_ns)
{
	while (f->open.n && f->entries[f->open.oldest].until_ns < now_ns)
		entry_drop(f, f->open.oldest, DECODE_fragment_timeout);
	while (f->spent.n && f->entries[f->spent.oldest].until_ns < now_ns)
		entry_drop(f, f->spent.oldest, DECODE_fragment_timeout);
}

/* The entry of @of, or NONE. What has expired on the way is dropped; a full chain loses its oldest,
 * so that there is room for one more.
 */
static uint32_t entry_find(struct frag *f, const struct frag_id *of, uint32_t hash, uint64_t now_ns)
{
	unsigned n = 0;
	uint32_t next, last = NONE;
	for (uint32_t i = *bucket_of(f, hash); i != NONE; i = next) {
		struct entry *e = &f->entries[i];
		next = e->chain;
		if (e->until_ns < now_ns) {
			entry_drop(f, i, DECODE_fragment_timeout);
			continue;
		}
		if (e->hash == hash && memcmp(&e->of, of, sizeof(*of)) == 0)
			return i;
		last = i;
		n++;
	}
	if (n >= FRAG_CHAIN_MAX)
		entry_drop(f, last, DECODE_fragment_no_room);
	return NONE;
}

/* Room for one more datagram is made at the cost of the oldest. NONE only while all buffers are
 * lent out.
 */
static uint32_t entry_open(struct frag *f, const struct frag_part *part, uint32_t hash)
{
	if (f->open.n && (f->open.n == f->conf.datagrams_max || f->n_free == 0))
		entry_drop(f, f->open.oldest, DECODE_fragment_no_room);
	if (f->n_free == 0)
		return NONE;
	if (f->free_entry == NONE)
		entry_drop(f, f->spent.oldest, DECODE_fragment_no_room);
	uint32_t i = f->free_entry;
	struct entry *e = &f->entries[i];
	f->free_entry = e->chain;
	uint32_t *bucket = bucket_of(f, hash);
	*e = (struct entry){.of = part->of,
			    .hash = hash,
			    .until_ns = part->time_ns + f->conf.wait_ns,
			    .buffer = f->free_buffers[--f->n_free],
			    .proto = part->proto,
			    .state = OPEN,
			    .chain = *bucket};
	*bucket = i;
	list_add(f, &f->open, i);
	return i;
}

/* Bits [a, b) of one word of a map, and the number of the word. */
static uint64_t map_mask(uint32_t word, uint32_t a, uint32_t b)
{
	uint64_t mask = ~(uint64_t)0;
	if (a > word * 64)
		mask <<= a - word * 64;
	if (b < word * 64 + 64)
		mask &= ~(uint64_t)0 >> (word * 64 + 64 - b);
	return mask;
}

static uint32_t map_count(const uint64_t *map, uint32_t a, uint32_t b)
{
	uint32_t n = 0;
	for (uint32_t w = a / 64; w * 64 < b; w++)
		n += (uint32_t)__builtin_popcountll(map[w] & map_mask(w, a, b));
	return n;
}

static void map_set(uint64_t *map, uint32_t a, uint32_t b)
{
	for (uint32_t w = a / 64; w * 64 < b; w++)
		map[w] |= map_mask(w, a, b);
}

/* Does the fragment say the same as what is there, where both have bytes? */
static bool part_agrees(const struct frag_part *part, const uint8_t *buffer, const uint64_t *map)
{
	for (uint32_t i = 0; i < part->len; i += UNIT) {
		uint32_t unit = (part->off + i) / UNIT;
		uint32_t n = part->len - i < UNIT ? part->len - i : UNIT;
		if (map[unit / 64] >> (unit % 64) & 1 &&
		    memcmp(buffer + part->off + i, part->ptr + i, n) != 0)
			return false;
	}
	return true;
}

/* Two ends, or bytes behind the end. */
static bool part_ends_wrong(const struct entry *e, const struct frag_part *part)
{
	uint32_t end = part->off + part->len;
	if (!part->more && e->end > end)
		return true;
	return e->len && (end > e->len || (!part->more && end != e->len));
}

static enum frag_result entry_break(struct frag *f, uint32_t i, uint64_t now_ns)
{
	struct entry *e = &f->entries[i];
	entry_count(f, e, DECODE_fragment_overlap);
	buffer_put(f, e->buffer, e->end);
	uint64_t until_ns = now_ns + OVERLAP_NS;
	bool short_id = e->of.family == 4 && until_ns < e->until_ns;
	entry_spend(f, i, BROKEN, short_id ? until_ns : e->until_ns);
	return FRAG_OVERLAP;
}

static enum frag_result entry_complete(struct frag *f, uint32_t i, uint64_t now_ns,
				       struct frag_whole *ret_w)
{
	struct entry *e = &f->entries[i];
	uint8_t *buffer = f->pool + (size_t)e->buffer * FRAG_BUFFER_BYTES;
	*ret_w = (struct frag_whole){.ptr = buffer, .len = e->len, .proto = e->proto};
	entry_count(f, e, DECODE_fragments_joined);
	memset(&f->maps[(size_t)e->buffer * MAP_WORDS], 0,
	       ((e->len + UNIT - 1) / UNIT + 63) / 64 * sizeof(uint64_t));
	f->lent[f->n_lent++] = e->buffer;
	entry_spend(f, i, WHOLE, now_ns + f->conf.copies_ns);
	if (f->conf.copies_ns == 0)
		entry_drop(f, i, DECODE_fragment_timeout);
	return FRAG_WHOLE;
}

static enum frag_result entry_add(struct frag *f, uint32_t i, const struct frag_part *part,
				  struct frag_whole *ret_w)
{
	struct entry *e = &f->entries[i];
	uint8_t *buffer = f->pool + (size_t)e->buffer * FRAG_BUFFER_BYTES;
	uint64_t *map = &f->maps[(size_t)e->buffer * MAP_WORDS];
	uint32_t end = part->off + part->len;
	uint32_t a = part->off / UNIT, b = (end + UNIT - 1) / UNIT;
	if (part_ends_wrong(e, part))
		return entry_break(f, i, part->time_ns);
	uint32_t n_there = map_count(map, a, b);
	if (n_there) {
		if (!part_agrees(part, buffer, map))
			return entry_break(f, i, part->time_ns);
		if (n_there == b - a && (part->more || e->len))
			return FRAG_DUPLICATE;
		if (part->of.family == 6)
			return entry_break(f, i, part->time_ns);
	}
	memcpy(buffer + part->off, part->ptr, part->len);
	map_set(map, a, b);
	e->units += b - a - n_there;
	e->end = end > e->end ? end : e->end;
	if (part->off == 0)
		e->proto = part->proto;
	if (!part->more)
		e->len = end;
	if (e->len && e->units == (e->len + UNIT - 1) / UNIT)
		return entry_complete(f, i, part->time_ns, ret_w);
	e->n++;
	return FRAG_HELD;
}

static bool part_is_bad(const struct frag_part *part)
{
	uint32_t max = part->of.family == 4 ? FRAG_BYTES_MAX - 20 : FRAG_BYTES_MAX;
	return part->len == 0 || (part->more && part->len % UNIT) || part->off + part->len > max;
}

enum frag_result frag_add(struct frag *f, const struct frag_part *part, struct frag_whole *ret_w)
{
	if (part_is_bad(part))
		return FRAG_BAD;
	frag_expire(f, part->time_ns);
	uint32_t hash = frag_hash(&part->of);
	uint32_t i = entry_find(f, &part->of, hash, part->time_ns);
	if (i != NONE) {
		struct entry *e = &f->entries[i];
		if (e->state == BROKEN)
			return FRAG_OVERLAP;
		if (e->state == WHOLE) {
			if (part->off + part->len <= e->len)
				return FRAG_DUPLICATE;
			entry_drop(f, i, DECODE_fragment_timeout);
			i = NONE;
		}
	}
	if (i == NONE)
		i = entry_open(f, part, hash);
	return i == NONE ? FRAG_NO_ROOM : entry_add(f, i, part, ret_w);
}

void frag_release(struct frag *f)
{
	while (f->n_lent)
		f->free_buffers[f->n_free++] = f->lent[--f->n_lent];
}

void frag_finish(struct frag *f)
{
	while (f->open.n)
		entry_drop(f, f->open.oldest, DECODE_fragment_timeout);
}

static int frag_alloc(struct frag *f)
{
	uint32_t n_entries = f->conf.datagrams_max * 2;
	f->n_buckets = 64;
	while (f->n_buckets < n_entries)
		f->n_buckets *= 2;
	f->entries = mem_alloc(n_entries * sizeof(*f->entries));
	f->buckets = mem_alloc(f->n_buckets * sizeof(*f->buckets));
	f->free_buffers = mem_alloc(f->n_buffers * sizeof(*f->free_buffers));
	f->lent = mem_alloc(f->n_buffers * sizeof(*f->lent));
	f->pool_bytes = (size_t)f->n_buffers * FRAG_BUFFER_BYTES;
	f->maps_bytes = (size_t)f->n_buffers * MAP_WORDS * sizeof(uint64_t);
	f->pool = mem_map(f->pool_bytes);
	f->maps = mem_map(f->maps_bytes);
	if (!f->entries || !f->buckets || !f->free_buffers || !f->lent || !f->pool || !f->maps)
		return -ENOMEM;
	memset(f->buckets, 0xff, f->n_buckets * sizeof(*f->buckets));
	f->free_entry = NONE;
	for (uint32_t i = n_entries; i-- > 0;) {
		f->entries[i].chain = f->free_entry;
		f->free_entry = i;
	}
	for (uint32_t i = f->n_buffers; i-- > 0;)
		f->free_buffers[f->n_free++] = i;
	return 0;
}

int frag_create(const struct frag_conf *conf, uint64_t *row, struct frag **ret_f, struct err *e)
{
	struct frag *f = mem_alloc(sizeof(*f));
	if (!f)
		return err_set(e, -ENOMEM, "no memory for the fragment table");
	f->conf = *conf;
	f->row = row;
	f->n_workers = 1;
	f->open = f->spent = (struct list){NONE, NONE, 0};
	uint64_t n = conf->bytes_max / FRAG_BUFFER_BYTES;
	uint64_t n_most = (uint64_t)conf->datagrams_max + 4 * PKT_BURST; /* some are lent out */
	f->n_buffers = (uint32_t)(n < n_most ? n : n_most);
	if (conf->datagrams_max == 0 || f->n_buffers == 0) {
		frag_destroy(f);
		return err_set(e, -EINVAL,
			       "decode.fragments_max must be at least 1 and "
			       "decode.fragment_bytes_max at least 64KiB and a bit");
	}
	if (frag_alloc(f) != 0) {
		frag_destroy(f);
		return err_set(e, -ENOMEM, "no memory for the fragment table");
	}
	*ret_f = f;
	return 0;
}

void frag_destroy(struct frag *f)
{
	if (!f)
		return;
	mem_free(f->entries);
	mem_free(f->buckets);
	mem_free(f->free_buffers);
	mem_free(f->lent);
	if (f->pool)
		mem_unmap(f->pool, f->pool_bytes);
	if (f->maps)
		mem_unmap(f->maps, f->maps_bytes);
	mem_free(f);
}
