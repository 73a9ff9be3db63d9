#include "dataplane/capture/rss.h"

#include <string.h>

#define TUPLE_MAX 36

/* Both addresses, both ports, as the card hashes them. */
struct tuple {
	uint8_t b[TUPLE_MAX];
	size_t len;
};

void rss_make_key(uint8_t *key, size_t len)
{
	for (size_t i = 0; i < len; i++)
		key[i] = i % 2 ? 0x5a : 0x6d;
}

uint32_t rss_hash(const uint8_t *key, size_t key_len, const uint8_t *bytes, size_t len)
{
	uint32_t hash = 0;
	for (size_t bit = 0; bit < 8 * len; bit++) {
		if (!(bytes[bit / 8] >> (7 - bit % 8) & 1))
			continue;
		for (size_t i = 0; i < 32; i++) {
			size_t at = bit + i;
			uint32_t k = at / 8 < key_len ? key[at / 8] >> (7 - at % 8) & 1u : 0;
			hash ^= k << (31 - i);
		}
	}
	return hash;
}

/* Number @i of the test tuples: addresses of @n bytes and ports that have nothing in common. */
static struct tuple tuple_of(unsigned i, size_t n)
{
	struct tuple t = {.len = 2 * n + 4};
	uint32_t x = 2463534242u + i * 2654435761u;
	for (size_t k = 0; k < t.len; k++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		t.b[k] = (uint8_t)(x >> 8);
	}
	return t;
}

static struct tuple turned(const struct tuple *t)
{
	struct tuple r = {.len = t->len};
	size_t n = (t->len - 4) / 2;
	memcpy(r.b, t->b + n, n);
	memcpy(r.b + n, t->b, n);
	memcpy(r.b + 2 * n, t->b + 2 * n + 2, 2);
	memcpy(r.b + 2 * n + 2, t->b + 2 * n, 2);
	return r;
}

static uint32_t hash_of(const struct rss *r, const struct tuple *t)
{
	return rss_hash(r->key, r->key_len, t->b, t->len);
}

#define N_TUPLES 32

static bool is_symmetric(const struct rss *r)
{
	for (unsigned i = 0; i < N_TUPLES; i++) {
		struct tuple there = tuple_of(i, i % 2 ? 16 : 4), back = turned(&there);
		if (hash_of(r, &there) != hash_of(r, &back))
			return false;
	}
	return true;
}

/* The two directions of a session in VXLAN: between two ends, with an outer source port each. */
static bool is_symmetric_in_tunnels(const struct rss *r)
{
	for (unsigned i = 0; i < N_TUPLES; i++) {
		struct tuple inner = tuple_of(i, 4), inner_back = turned(&inner);
		struct tuple outer = tuple_of(1000 + i, 4), outer_back = turned(&outer);
		/* Port 4789 is the destination of both; the source is a hash of what is inside. */
		outer.b[8] = 0xc0 | inner.b[0] >> 2;
		outer_back.b[8] = 0xc0 | inner_back.b[0] >> 2;
		memcpy(outer.b + 10, "\x12\xb5", 2);
		memcpy(outer_back.b + 10, "\x12\xb5", 2);
		const struct tuple *there = r->inner ? &inner : &outer;
		const struct tuple *back = r->inner ? &inner_back : &outer_back;
		if (hash_of(r, there) != hash_of(r, back))
			return false;
	}
	return true;
}

const char *rss_splits(const struct rss *r, bool tunnels)
{
	if (r->key_len == 0)
		return "the card does not tell what it shares out sessions by";
	if (!is_symmetric(r))
		return "the card's hash is not the same for both directions of a session";
	if (tunnels && !is_symmetric_in_tunnels(r))
		return "the card's hash does not look into tunnels";
	return NULL;
}
