#include "dataplane/capture/dedup.h"

#include <assert.h>

#include "dataplane/base/mem.h"

/* Times are kept in units of 4,096 ns in 32 bits, which come round after 4.9 hours. */
#define TIME_SHIFT 12

struct way {
	uint64_t key;
	uint32_t time; /* when this frame last brought it; strong: when it was new */
	uint16_t frame;
	uint16_t count; /* how often this frame brought it; 0: free */
};

struct set {
	struct way ways[DEDUP_WAYS];
};
static_assert(sizeof(struct set) == 64, "a set is one cache line");

struct dedup {
	uint32_t window;
	struct set sets[DEDUP_SETS];
};

int dedup_create(uint64_t window_ns, struct dedup **ret_t, struct err *e)
{
	struct dedup *t = mem_alloc(sizeof(*t) + 64);
	if (!t)
		return err_set(e, -ENOMEM, "no memory for the table of recent packets");
	if (window_ns > DEDUP_WINDOW_MAX_NS)
		window_ns = DEDUP_WINDOW_MAX_NS;
	t->window = (uint32_t)(window_ns >> TIME_SHIFT);
	*ret_t = t;
	return 0;
}

void dedup_destroy(struct dedup *t)
{
	mem_free(t);
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return v;
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t m = (__uint128_t)a * b;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

#define K0 0xa0761d6478bd642fu
#define K1 0xe7037ed1a0b428dbu
#define K2 0x8ebc6af09c88c6e3u
#define K3 0x589965cc75374cc3u

uint64_t dedup_hash(uint64_t seed, const uint8_t *ptr, size_t len)
{
	uint64_t a = seed ^ K0, b = seed ^ K1;
	const uint8_t *end = ptr + len;
	for (; end - ptr >= 32; ptr += 32) {
		a = mix(load64(ptr) ^ K2, load64(ptr + 8) ^ a);
		b = mix(load64(ptr + 16) ^ K3, load64(ptr + 24) ^ b);
	}
	if (end - ptr >= 16) {
		a = mix(load64(ptr) ^ K2, load64(ptr + 8) ^ a);
		ptr += 16;
	}
	uint8_t tail[16] = {0};
	memcpy(tail, ptr, (size_t)(end - ptr));
	b = mix(load64(tail) ^ K3, load64(tail + 8) ^ b);
	return mix(a ^ K0, b ^ len * K1);
}

static inline bool is_fresh(const struct dedup *t, const struct way *w, uint32_t now)
{
	uint32_t age = now - w->time;
	age = age >> 31 ? -age : age; /* packets of two ports come not quite in order */
	return w->count && age <= t->window;
}

/* All frames of a key are forgotten together: if one were, its next packet would look like a copy
 * of what the others brought.
 */
static void forget(struct set *set, uint64_t key)
{
	for (int i = 0; i < DEDUP_WAYS; i++)
		if (set->ways[i].key == key)
			set->ways[i].count = 0;
}

/* A way for one more frame of @key: a free one, or the oldest of other keys. NULL when all
 * are this key's.
 */
static struct way *make_room(struct set *set, uint64_t key)
{
	struct way *best = NULL;
	for (int i = 0; i < DEDUP_WAYS; i++) {
		struct way *w = &set->ways[i];
		if (w->count == 0)
			return w;
		if (w->key != key && (!best || (int32_t)(w->time - best->time) < 0))
			best = w;
	}
	if (best)
		forget(set, best->key);
	return best;
}

/* A count that is full starts over, in all frames alike. */
static void halve(struct set *set, uint64_t key)
{
	for (int i = 0; i < DEDUP_WAYS; i++)
		if (set->ways[i].key == key)
			set->ways[i].count = (uint16_t)((set->ways[i].count + 1) / 2);
}

bool dedup_is_copy(struct dedup *t, uint64_t key, uint16_t frame, bool strong, uint64_t time_ns)
{
	struct set *set = &t->sets[key % DEDUP_SETS];
	uint32_t now = (uint32_t)(time_ns >> TIME_SHIFT);
	struct way *own = NULL;
	unsigned most = 0;
	bool fresh = false;
	for (int i = 0; i < DEDUP_WAYS; i++) {
		struct way *w = &set->ways[i];
		if (w->key != key || w->count == 0)
			continue;
		fresh |= is_fresh(t, w, now);
		most = w->count > most ? w->count : most;
		if (w->frame == frame)
			own = w;
	}
	if (fresh && strong)
		return true;
	if (most && !fresh) {
		forget(set, key);
		own = NULL;
		most = 0;
	}
	if (!own) {
		own = make_room(set, key);
		if (!own)
			return false;
		*own = (struct way){.key = key, .frame = frame};
	}
	own->time = now;
	bool copy = ++own->count <= most;
	if (own->count == UINT16_MAX)
		halve(set, key);
	return copy;
}
