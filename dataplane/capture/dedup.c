#include "dataplane/capture/dedup.h"

#include <assert.h>

#include "dataplane/base/mem.h"

/* Times are kept in units of 4,096 ns in 32 bits, which come round after 4.9 hours. */
#define TIME_SHIFT 12

/* One cache line. A way is one key seen on one frame; its count is 0 while it is free. Ways are
 * given in turn, so that the next is the oldest.
 */
struct set {
	uint64_t key[DEDUP_WAYS];
	uint32_t time[DEDUP_WAYS]; /* when this frame last brought it; strong: when it was new */
	uint16_t frame[DEDUP_WAYS];
	uint8_t count[DEDUP_WAYS]; /* how often this frame brought it */
	uint8_t next;
	uint8_t pad[3];
};
static_assert(sizeof(struct set) == 64 && DEDUP_WAYS == 4, "a set is one cache line");

struct dedup {
	struct set sets[DEDUP_SETS]; /* first, since the mapping is aligned */
	uint32_t window;
};

int dedup_create(uint64_t window_ns, struct dedup **ret_t, struct err *e)
{
	struct dedup *t = mem_map(sizeof(*t));
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
	if (t)
		mem_unmap(t, sizeof(*t));
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

/* Up to 16 bytes, without a loop: the first and the last of them, which overlap. */
static inline void load_short(const uint8_t *p, size_t len, uint64_t *ret_a, uint64_t *ret_b)
{
	uint32_t a = 0, b = 0;
	if (len >= 8) {
		*ret_a = load64(p);
		*ret_b = load64(p + len - 8);
		return;
	}
	if (len >= 4) {
		memcpy(&a, p, 4);
		memcpy(&b, p + len - 4, 4);
	} else if (len) {
		a = p[0];
		b = (uint32_t)p[len / 2] << 8 | p[len - 1];
	}
	*ret_a = a;
	*ret_b = b;
}

uint64_t dedup_hash(uint64_t seed, const uint8_t *ptr, size_t len)
{
	uint64_t a = seed ^ K0, b = seed ^ K1, x, y;
	size_t left = len;
	for (; left > 32; ptr += 32, left -= 32) {
		a = mix(load64(ptr) ^ K2, load64(ptr + 8) ^ a);
		b = mix(load64(ptr + 16) ^ K3, load64(ptr + 24) ^ b);
	}
	if (left > 16) {
		a = mix(load64(ptr) ^ K2, load64(ptr + 8) ^ a);
		ptr += 16;
		left -= 16;
	}
	load_short(ptr, left, &x, &y);
	b = mix(x ^ K3, y ^ b);
	return mix(a ^ K0, b ^ len * K1);
}

static bool is_fresh(const struct dedup *t, const struct set *set, unsigned way, uint32_t now)
{
	uint32_t age = now - set->time[way];
	age = age >> 31 ? -age : age; /* packets of two ports come not quite in order */
	return age <= t->window;
}

/* All frames of a key are forgotten together: if one were, its next packet would look like a copy
 * of what the others brought. No branch on the keys: it could not be foretold.
 */
static inline void forget(struct set *set, uint64_t key)
{
	uint32_t count, mask = 0;
	for (unsigned i = 0; i < DEDUP_WAYS; i++)
		mask |= (set->key[i] != key ? 0xffu : 0) << 8 * i;
	memcpy(&count, set->count, sizeof(count));
	count &= mask;
	memcpy(set->count, &count, sizeof(count));
}

static inline void put(struct set *set, unsigned way, uint64_t key, uint16_t frame, uint32_t now)
{
	forget(set, set->key[way]);
	set->key[way] = key;
	set->time[way] = now;
	set->frame[way] = frame;
	set->count[way] = 1;
	set->next = (uint8_t)((way + 1) % DEDUP_WAYS);
}

/* A count that is full starts over, in all frames alike. */
static void halve(struct set *set, uint64_t key)
{
	for (unsigned i = 0; i < DEDUP_WAYS; i++)
		if (set->key[i] == key)
			set->count[i] = (uint8_t)((set->count[i] + 1) / 2);
}

/* The key is there, on this frame or others. */
static bool seen_again(const struct dedup *t, struct set *set, uint64_t key, uint16_t frame,
		       bool strong, uint32_t now)
{
	unsigned own = DEDUP_WAYS, other = DEDUP_WAYS, most = 0;
	bool fresh = false;
	for (unsigned i = 0; i < DEDUP_WAYS; i++) {
		unsigned way = (set->next + i) % DEDUP_WAYS;
		if (set->key[way] != key || !set->count[way]) {
			other = other == DEDUP_WAYS ? way : other;
			continue;
		}
		fresh |= is_fresh(t, set, way, now);
		most = set->count[way] > most ? set->count[way] : most;
		own = set->frame[way] == frame ? way : own;
	}
	if (!fresh) {
		forget(set, key);
		put(set, own < DEDUP_WAYS ? own : set->next, key, frame, now);
		return false;
	}
	if (strong)
		return true;
	if (own == DEDUP_WAYS) {
		if (other == DEDUP_WAYS) /* seen on more frames than there is room for */
			return false;
		put(set, other, key, frame, now);
		return true;
	}
	set->time[own] = now;
	bool copy = ++set->count[own] <= most;
	if (set->count[own] == UINT8_MAX)
		halve(set, key);
	return copy;
}

void dedup_prefetch(const struct dedup *t, uint64_t key)
{
	__builtin_prefetch(&t->sets[key % DEDUP_SETS], 1);
}

bool dedup_is_copy(struct dedup *t, uint64_t key, uint16_t frame, bool strong, uint64_t time_ns)
{
	struct set *set = &t->sets[key % DEDUP_SETS];
	uint32_t now = (uint32_t)(time_ns >> TIME_SHIFT);
	bool there = false;
	for (unsigned i = 0; i < DEDUP_WAYS; i++)
		there |= set->key[i] == key;
	if (there)
		return seen_again(t, set, key, frame, strong, now);
	put(set, set->next, key, frame, now);
	return false;
}
