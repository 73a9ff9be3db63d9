/* wire.h - numbers of the MySQL protocol, read without running over the end.
 *
 * In:     borrowed bytes.
 * Out:    numbers and slices.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: a cursor that runs over the end stays there, with `bad` set: check once, at the end.
 */
#ifndef SL_PARSERS_MYSQL_WIRE_H
#define SL_PARSERS_MYSQL_WIRE_H

#include "dataplane/base/slice.h"

static inline uint16_t wire_le16(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, 2);
	return v;
}

static inline uint32_t wire_le24(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

static inline uint32_t wire_le32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

static inline uint64_t wire_le64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return v;
}

/* @n bytes, 0 to 8. */
static inline uint64_t wire_le(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static inline uint64_t wire_be(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

struct wire {
	const uint8_t *p, *end;
	bool bad;
};

static inline struct wire wire_of(struct slice s)
{
	return (struct wire){.p = s.ptr, .end = s.ptr + s.len};
}

static inline size_t wire_left(const struct wire *w)
{
	return (size_t)(w->end - w->p);
}

/* @len bytes, or an empty slice at the end when there are fewer. */
static inline struct slice wire_take(struct wire *w, uint64_t len)
{
	if (len > wire_left(w)) {
		w->bad = true;
		w->p = w->end;
		return (struct slice){w->end, 0};
	}
	struct slice s = {w->p, (size_t)len};
	w->p += len;
	return s;
}

/* An integer of @n bytes (1 to 8), 0 at the end. */
static inline uint64_t wire_int(struct wire *w, unsigned n)
{
	struct slice s = wire_take(w, n);
	return wire_le(s.ptr, (unsigned)s.len);
}

/* A length-encoded integer: one byte below 251, else 0xfc, 0xfd, 0xfe and 2, 3, 8 bytes. 251 (NULL)
 * and 255 are bad.
 */
static inline uint64_t wire_packed(struct wire *w)
{
	uint64_t first = wire_int(w, 1);
	if (first < 251)
		return first;
	if (first == 252)
		return wire_int(w, 2);
	if (first == 253)
		return wire_int(w, 3);
	if (first == 254)
		return wire_int(w, 8);
	w->bad = true;
	w->p = w->end;
	return 0;
}

#endif
