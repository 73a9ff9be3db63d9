/* rss.h - does a card's hash give both directions of a session to one queue?
 *
 * In:     the key that the card works with, as it tells it, and what it hashes.
 * Out:    nothing, or why it does not: found by hashing test tuples, in both directions.
 * Owns:   nothing.
 * Runs:   main.
 * Limits: RSS_KEY_MAX bytes of key.
 *
 * A Toeplitz hash is the same for both directions when its key repeats itself every 16 bits: source
 * and destination then change places without a trace. Of a tunnel it sees the outer addresses, and
 * the outer port, which tunnels make of the inner session and direction, unless it looks inside.
 */
#ifndef SL_CAPTURE_RSS_H
#define SL_CAPTURE_RSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RSS_KEY_MAX 128

struct rss {
	const uint8_t *key;
	size_t key_len; /* 0: the card does not tell */
	bool inner;     /* it hashes the innermost headers */
};

/* 0x6d5a over and over. */
void rss_make_key(uint8_t *key, size_t len);

uint32_t rss_hash(const uint8_t *key, size_t key_len, const uint8_t *bytes, size_t len);

/* NULL: it keeps sessions together. @tunnels: those in tunnels, too. */
const char *rss_splits(const struct rss *r, bool tunnels);

#endif
