/* capture_bytes.h - capture files made in memory, and what a capture gives, kept for comparing.
 *
 * In:     values of headers and packets; a struct capture.
 * Out:    bytes of a file; a list of packets with a hash of their bytes.
 * Owns:   struct bytes and struct seen: freed by their _fini.
 * Runs:   tests.
 * Limits: -
 */
#ifndef SL_TESTS_CAPTURE_BYTES_H
#define SL_TESTS_CAPTURE_BYTES_H

#include "tests/unit/unit.h"

#include <byteswap.h>
#include <fcntl.h>

#include <unistd.h>

#include "dataplane/base/mem.h"
#include "dataplane/base/slice.h"
#include "dataplane/capture/replay.h"

struct bytes {
	uint8_t *ptr;
	size_t len, cap;
	bool swap; /* write numbers in the other byte order */
};

static inline void bytes_put(struct bytes *b, const void *ptr, size_t len)
{
	if (b->len + len > b->cap) {
		b->cap = 2 * (b->len + len);
		b->ptr = realloc(b->ptr, b->cap);
		assert_non_null(b->ptr);
	}
	if (len)
		memcpy(b->ptr + b->len, ptr, len);
	b->len += len;
}

static inline void bytes_fini(struct bytes *b)
{
	free(b->ptr);
	*b = (struct bytes){0};
}

static inline void put_u16(struct bytes *b, uint16_t v)
{
	v = b->swap ? bswap_16(v) : v;
	bytes_put(b, &v, 2);
}

static inline void put_u32(struct bytes *b, uint32_t v)
{
	v = b->swap ? bswap_32(v) : v;
	bytes_put(b, &v, 4);
}

static inline void put_u64(struct bytes *b, uint64_t v)
{
	v = b->swap ? bswap_64(v) : v;
	bytes_put(b, &v, 8);
}

static inline void put_zeros(struct bytes *b, size_t n)
{
	for (; n; n--)
		bytes_put(b, "", 1);
}

/* @n bytes that differ from packet to packet. */
static inline void put_payload(struct bytes *b, unsigned seed, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)(seed * 31 + i * 7 + (i >> 8));
		bytes_put(b, &c, 1);
	}
}

static inline void pcap_header(struct bytes *b, bool nano, uint32_t link)
{
	put_u32(b, nano ? 0xa1b23c4d : 0xa1b2c3d4);
	put_u16(b, 2);
	put_u16(b, 4);
	put_u32(b, 0);
	put_u32(b, 0);
	put_u32(b, 262144);
	put_u32(b, link);
}

static inline void pcap_packet(struct bytes *b, uint32_t s, uint32_t frac, uint32_t cap_len,
			       uint32_t wire_len)
{
	put_u32(b, s);
	put_u32(b, frac);
	put_u32(b, cap_len);
	put_u32(b, wire_len);
	put_payload(b, s + frac, cap_len);
}

/* Blocks of pcapng: begin one, put its body, end it. */
static inline size_t ng_begin(struct bytes *b, uint32_t type)
{
	put_u32(b, type);
	put_u32(b, 0);
	return b->len - 8;
}

static inline void ng_end(struct bytes *b, size_t at)
{
	while (b->len % 4 != at % 4)
		bytes_put(b, "", 1);
	uint32_t len = (uint32_t)(b->len + 4 - at);
	put_u32(b, len);
	memcpy(b->ptr + at + 4, b->ptr + b->len - 4, 4);
}

static inline void ng_option(struct bytes *b, uint16_t code, const void *v, uint16_t len)
{
	put_u16(b, code);
	put_u16(b, len);
	bytes_put(b, v, len);
	put_zeros(b, (size_t)(-len & 3));
}

static inline void ng_section(struct bytes *b)
{
	size_t at = ng_begin(b, 0x0a0d0d0a);
	put_u32(b, 0x1a2b3c4d);
	put_u16(b, 1);
	put_u16(b, 0);
	put_u64(b, UINT64_MAX);
	ng_end(b, at);
}

/* @tsresol 6 is the default and writes no option. */
static inline void ng_interface(struct bytes *b, uint16_t link, uint32_t snap_len, uint8_t tsresol,
				int64_t tsoffset)
{
	size_t at = ng_begin(b, 1);
	put_u16(b, link);
	put_u16(b, 0);
	put_u32(b, snap_len);
	uint64_t off = b->swap ? bswap_64((uint64_t)tsoffset) : (uint64_t)tsoffset;
	if (tsresol != 6)
		ng_option(b, 9, &tsresol, 1);
	if (tsoffset)
		ng_option(b, 14, &off, 8);
	if (tsresol != 6 || tsoffset)
		ng_option(b, 0, "", 0);
	ng_end(b, at);
}

static inline void ng_packet(struct bytes *b, uint32_t interface, uint64_t ticks, uint32_t cap_len,
			     uint32_t wire_len)
{
	size_t at = ng_begin(b, 6);
	put_u32(b, interface);
	put_u32(b, (uint32_t)(ticks >> 32));
	put_u32(b, (uint32_t)ticks);
	put_u32(b, cap_len);
	put_u32(b, wire_len);
	put_payload(b, (unsigned)ticks, cap_len);
	ng_end(b, at);
}

/* --- what came out --------------------------------------------------------------------------- */

struct seen_pkt {
	uint32_t cap_len, wire_len;
	uint64_t time_ns, number, hash;
	uint16_t link, port;
};

struct seen {
	struct seen_pkt *pkts;
	size_t n, cap;
	size_t n_zero; /* times receive had nothing just then */
	int end;       /* what ended it */
	char why[512];
};

static inline uint64_t hash_bytes(const uint8_t *p, size_t len)
{
	uint64_t h = 0xcbf29ce484222325;
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	return h;
}

static inline void seen_put(struct seen *s, const struct pkt_raw *p)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->pkts = realloc(s->pkts, s->cap * sizeof(*s->pkts));
		assert_non_null(s->pkts);
	}
	s->pkts[s->n++] = (struct seen_pkt){.cap_len = p->cap_len,
					    .wire_len = p->wire_len,
					    .time_ns = p->time_ns,
					    .number = p->number,
					    .hash = hash_bytes(p->ptr, p->cap_len),
					    .link = p->link,
					    .port = p->port};
}

/* As a worker does: whatever allocates in here ends the test. */
static inline int receive_sealed(struct capture *c, struct pkt_raw *out)
{
	mem_seal(true);
	int n = capture_receive(c, out);
	mem_seal(false);
	return n;
}

/* Reads until an end or an error. All packets of a burst are looked at after the whole burst, so
 * one that did not stay valid shows.
 */
static inline void seen_receive(struct seen *s, struct capture *c)
{
	struct pkt_raw burst[PKT_BURST];
	int n;
	while ((n = receive_sealed(c, burst)) >= 0) {
		assert_true(n <= PKT_BURST);
		s->n_zero += n == 0;
		for (int i = 0; i < n; i++)
			seen_put(s, &burst[i]);
	}
	s->end = n;
	snprintf(s->why, sizeof(s->why), "%s", n == -ENODATA ? "" : c->err.text);
	assert_int_equal(atomic_load(&c->stats.packets), s->n);
}

static inline void seen_fini(struct seen *s)
{
	free(s->pkts);
	*s = (struct seen){0};
}

static inline void assert_same(const struct seen *a, const struct seen *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->end, b->end);
	assert_string_equal(a->why, b->why);
	for (size_t i = 0; i < a->n; i++) {
		const struct seen_pkt *x = &a->pkts[i], *y = &b->pkts[i];
		assert_int_equal(x->cap_len, y->cap_len);
		assert_int_equal(x->wire_len, y->wire_len);
		assert_int_equal(x->time_ns, y->time_ns);
		assert_int_equal(x->number, y->number);
		assert_int_equal(x->link, y->link);
		assert_int_equal(x->port, y->port);
		assert_true(x->hash == y->hash);
	}
}

static inline struct seen see_memory(const void *ptr, size_t len)
{
	struct seen s = {0};
	struct capture *c = NULL;
	struct err e = {0};
	s.end = replay_open_memory(ptr, len, 1, &c, &e);
	snprintf(s.why, sizeof(s.why), "%s", e.text);
	if (s.end == 0)
		seen_receive(&s, c);
	capture_close(c);
	return s;
}

static inline struct seen see_files(const char *const *paths, unsigned n, size_t read_bytes)
{
	struct seen s = {0};
	struct capture *c = NULL;
	struct err e = {0};
	const struct replay_conf conf = {.paths = paths, .n_paths = n, .read_bytes = read_bytes};
	s.end = replay_open(&conf, &c, &e);
	snprintf(s.why, sizeof(s.why), "%s", e.text);
	if (s.end == 0)
		seen_receive(&s, c);
	capture_close(c);
	return s;
}

static inline struct seen see_file(const char *path, size_t read_bytes)
{
	return see_files(&path, 1, read_bytes);
}

/* A file under a name that goes away with temp_remove. */
struct temp {
	char path[64];
};

static inline struct temp temp_file(const void *ptr, size_t len)
{
	struct temp t = {"/tmp/sluice-test-XXXXXX"};
	int fd = mkstemp(t.path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, ptr, len), (ssize_t)len);
	close(fd);
	return t;
}

static inline void temp_remove(struct temp *t)
{
	unlink(t->path);
}

#endif
