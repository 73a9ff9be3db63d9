#include "dataplane/extract/keys.h"

#include <emmintrin.h>

#include "dataplane/base/mem.h"

#define KEYS_SLOTS_MAX (4 * REC_PAIRS_MAX)

struct keys_slot {
	uint32_t epoch; /* in use when it is the table's */
	uint32_t hash;
	uint32_t idx;
};

/* Records of fewer pairs are looked at without the table first. */
#define FEW_PAIRS 64

/* A key of at most 16 bytes, zeros behind it. */
struct short_key {
	uint8_t text[16], mask[16];
	uint32_t len_and_type;
};

struct keys {
	const struct names *names;
	bool clean; /* the last record */
	/* Those of a record without repeats, nor names of the fixed fields beside them. */
	unsigned n_last;
	const struct field_def *fields_last;
	struct short_key last[FEW_PAIRS];
	uint32_t epoch;
	uint32_t mask;
	struct keys_slot slots[KEYS_SLOTS_MAX];
};

struct keys *keys_create(const struct names *names)
{
	struct keys *k = mem_alloc(sizeof(*k));
	if (k)
		k->names = names;
	return k;
}

void keys_destroy(struct keys *k)
{
	mem_free(k);
}

struct val keys_apart(struct rec_builder *rb, enum val_type type, struct slice key)
{
	uint32_t off = arena_take(&rb->b->arena, key.len + 1);
	if (!off) {
		rb->full = true;
		return (struct val){0};
	}
	rb->b->arena.base[off] = '_';
	memcpy(rb->b->arena.base + off + 1, key.ptr, key.len);
	return val_of(type, off, key.len + 1);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ (h >> 32);
}

static uint32_t hash_of(struct slice s)
{
	uint64_t h = s.len, v;
	for (; s.len >= 8; s = slice_from(s, 8)) {
		memcpy(&v, s.ptr, 8);
		h = mix(h, v);
	}
	if (s.len) {
		v = 0;
		memcpy(&v, s.ptr, s.len);
		h = mix(h, v);
	}
	return (uint32_t)(h ^ (h >> 29));
}

static struct slice text_of(const struct keys *k, const struct rec_builder *rb, struct val key)
{
	if (key.type == VAL_NAME)
		return names_text(k->names, key.off);
	return arena_slice(&rb->b->arena, key.off, key.len);
}

void keys_start(struct keys *k, unsigned n_pairs)
{
	uint32_t n = 64;
	while (n < 4 * n_pairs && n < KEYS_SLOTS_MAX)
		n *= 2;
	k->mask = n - 1;
	if (++k->epoch == 0) {
		memset(k->slots, 0, sizeof(k->slots));
		k->epoch = 1;
	}
}

static int find(struct keys *k, const struct rec_builder *rb, unsigned i, struct slice text,
		uint32_t hash)
{
	for (unsigned p = 0; p < KEYS_PROBES_MAX; p++) {
		struct keys_slot *s = &k->slots[(hash + p) & k->mask];
		if (s->epoch != k->epoch) {
			*s = (struct keys_slot){.epoch = k->epoch, .hash = hash, .idx = i};
			return (int)i;
		}
		if (s->hash == hash && slice_eq(text, text_of(k, rb, rb->pairs[2 * s->idx])))
			return (int)s->idx;
	}
	return -1;
}

int keys_find(struct keys *k, const struct rec_builder *rb, unsigned i)
{
	struct slice text = text_of(k, rb, rb->pairs[2 * i]);
	return find(k, rb, i, text, hash_of(text));
}

/* The fixed field that has this name; n_fields: none. */
static unsigned fixed_of(const struct schema *s, struct slice name)
{
	unsigned i = 0;
	for (; i < s->n_fields; i++) {
		struct slice json = s->json[i]; /* "name": */
		if (json.len == name.len + 3 && memcmp(json.ptr + 1, name.ptr, name.len) == 0)
			break;
	}
	return i;
}

/* The pair's value moves into the fixed field of the same name when it is text for text: what reads
 * a fixed field relies on the type that its parser promised.
 */
static bool move_to_fixed(struct rec_builder *rb, struct slice text, struct val v)
{
	unsigned i = fixed_of(rb->schema, text);
	if (i == rb->schema->n_fields)
		return false;
	bool is_text = v.type == VAL_STR || v.type == VAL_JSTR;
	bool fits = rb->schema->fields[i].type == VAL_STR && is_text;
	rb->fixed[i] = fits ? v : (struct val){0};
	return fits;
}

static bool has_fixed(const struct keys *k, const struct rec_builder *rb)
{
	const struct schema *s = rb->schema;
	bool any = false;
	for (unsigned i = 0; s->n_fields && i < rb->n_pairs; i++)
		any = any || fixed_of(s, text_of(k, rb, rb->pairs[2 * i])) < s->n_fields;
	return any;
}

/* Whether two keys might be the same. Most records have none, and touch no table. */
static bool may_repeat(const struct keys *k, const struct rec_builder *rb)
{
	uint64_t seen[16] = {0}, both = 0;
	for (unsigned i = 0; i < rb->n_pairs; i++) {
		struct slice s = text_of(k, rb, rb->pairs[2 * i]);
		uint64_t head, tail = 0;
		memcpy(&head, s.ptr, 8);
		if (s.len < 8)
			head &= ((uint64_t)1 << (8 * s.len)) - 1;
		else
			memcpy(&tail, s.ptr + s.len - 8, 8);
		uint64_t h = (head ^ (tail << 7) ^ s.len) * 0x9e3779b97f4a7c15u;
		uint64_t bit = (uint64_t)1 << (h >> 58);
		both |= seen[h >> 54 & 15] & bit;
		seen[h >> 54 & 15] |= bit;
	}
	return both != 0;
}

static inline uint32_t len_and_type(struct val key)
{
	uint64_t bits;
	memcpy(&bits, &key, sizeof(bits));
	return (uint32_t)(bits >> 32);
}

/* Senders write the same keys in the same order: whether these are those of a record before, which
 * had no repeats beside the same fixed fields.
 */
static bool as_last(const struct keys *k, const struct rec_builder *rb)
{
	const uint8_t *base = rb->b->arena.base;
	unsigned same = 0xffff;
	if (rb->n_pairs != k->n_last || rb->schema->fields != k->fields_last)
		return false;
	for (unsigned i = 0; i < rb->n_pairs && same == 0xffff; i++) {
		struct val key = rb->pairs[2 * i];
		const struct short_key *last = &k->last[i];
		if (len_and_type(key) != last->len_and_type)
			return false;
		__m128i text = _mm_loadu_si128((const __m128i *)(base + key.off));
		text = _mm_and_si128(text, _mm_loadu_si128((const __m128i *)last->mask));
		same = (unsigned)_mm_movemask_epi8(
			_mm_cmpeq_epi8(text, _mm_loadu_si128((const __m128i *)last->text)));
	}
	return same == 0xffff;
}

static void set_last(struct keys *k, const struct rec_builder *rb)
{
	k->n_last = 0;
	for (unsigned i = 0; i < rb->n_pairs; i++) {
		struct val key = rb->pairs[2 * i];
		struct short_key *last = &k->last[i];
		if (key.type == VAL_NAME || key.len > sizeof(last->text))
			return;
		*last = (struct short_key){.len_and_type = len_and_type(key)};
		memcpy(last->text, rb->b->arena.base + key.off, key.len);
		memset(last->mask, 0xff, key.len);
	}
	k->n_last = rb->n_pairs;
	k->fields_last = rb->schema->fields;
}

/* For records of few pairs. */
static bool has_no_repeats(struct keys *k, const struct rec_builder *rb)
{
	if (as_last(k, rb))
		return true;
	if (may_repeat(k, rb) || has_fixed(k, rb))
		return false;
	set_last(k, rb);
	return true;
}

unsigned keys_unique(struct keys *k, struct rec_builder *rb)
{
	unsigned n = 0, n_lost = 0;
	k->clean = rb->n_pairs < FEW_PAIRS && has_no_repeats(k, rb);
	if (k->clean)
		return 0;
	keys_start(k, rb->n_pairs);
	for (unsigned i = 0; i < rb->n_pairs; i++) {
		struct val key = rb->pairs[2 * i], v = rb->pairs[2 * i + 1];
		struct slice text = text_of(k, rb, key);
		if (rb->schema->n_fields && move_to_fixed(rb, text, v))
			continue;
		rb->pairs[2 * n] = key;
		int at = find(k, rb, n, text, hash_of(text));
		if (at < 0) {
			n_lost++;
			continue;
		}
		rb->pairs[2 * at + 1] = v;
		n += at == (int)n;
	}
	k->clean = n == rb->n_pairs && !n_lost && !has_fixed(k, rb);
	rb->n_pairs = n;
	return n_lost;
}

bool keys_were_clean(const struct keys *k)
{
	return k->clean;
}
