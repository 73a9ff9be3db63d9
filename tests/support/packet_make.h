/* packet_make.h - packets made in a test, from the inside out.
 *
 *     struct made m = made_text("hello");
 *     made_udp(&m, 1000, 514);
 *     made_ip4(&m, "10.0.0.1", "10.0.0.2", 17);
 *     made_ether(&m, 0x0800);
 *
 * In:     payload and the fields that matter to the test.
 * Out:    bytes with right lengths and checksums; struct pkt_raw over them.
 * Owns:   its buffer, on the stack.
 * Runs:   tests.
 * Limits: MADE_BYTES.
 */
#ifndef SL_TESTS_PACKET_MAKE_H
#define SL_TESTS_PACKET_MAKE_H

#include <arpa/inet.h>
#include <assert.h>

#include "dataplane/capture/pkt.h"

#define MADE_BYTES 70000

struct made {
	size_t at; /* first byte */
	uint8_t b[MADE_BYTES];
};

static inline size_t made_len(const struct made *m)
{
	return MADE_BYTES - m->at;
}

static inline uint8_t *made_push(struct made *m, size_t n)
{
	assert(n <= m->at);
	m->at -= n;
	memset(m->b + m->at, 0, n);
	return m->b + m->at;
}

static inline void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static inline struct made made_bytes(const void *bytes, size_t n)
{
	struct made m = {.at = MADE_BYTES};
	if (n)
		memcpy(made_push(&m, n), bytes, n);
	return m;
}

static inline struct made made_text(const char *text)
{
	return made_bytes(text, strlen(text));
}

/* Bytes in hex in front of what is there; blanks between them are ignored. */
static inline void made_hex(struct made *m, const char *hex)
{
	uint8_t bytes[256];
	size_t n = 0;
	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		const char *digits = "0123456789abcdef";
		unsigned v = (unsigned)(strchr(digits, *hex) - digits) << 4;
		hex++;
		bytes[n++] = (uint8_t)(v | (unsigned)(strchr(digits, *hex) - digits));
	}
	memcpy(made_push(m, n), bytes, n);
}

/* As simple as can be: the tests compare with it. */
static inline uint32_t made_sum(const uint8_t *p, size_t n, uint32_t s)
{
	for (size_t i = 0; i < n; i++)
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

/* Ports, lengths and flags; the checksum is put in by the IP header. */
static inline void made_udp(struct made *m, unsigned sport, unsigned dport)
{
	uint8_t *h = made_push(m, 8);
	put16(h, sport);
	put16(h + 2, dport);
	put16(h + 4, made_len(m) > 65535 ? 0 : (unsigned)made_len(m));
}

static inline void made_tcp(struct made *m, unsigned sport, unsigned dport, uint32_t seq)
{
	uint8_t *h = made_push(m, 20);
	put16(h, sport);
	put16(h + 2, dport);
	put32(h + 4, seq);
	put32(h + 8, 77);
	h[12] = 5 << 4;
	h[13] = TCP_ACK | TCP_PSH;
	put16(h + 14, 1024);
}

static inline void made_l4_sum(struct made *m, unsigned proto, const uint8_t *ends, size_t n)
{
	size_t at = proto == 6 ? 16 : 6;
	if ((proto != 6 && proto != 17) || made_len(m) < at + 2)
		return;
	uint8_t *h = m->b + m->at;
	put16(h + at, 0);
	uint32_t s = made_sum(ends, n, proto + (uint32_t)made_len(m));
	put16(h + at, ~made_sum(h, made_len(m), s) & 0xffff);
}

static inline void made_ip4_sum(uint8_t *h)
{
	put16(h + 10, 0);
	put16(h + 10, ~made_sum(h, (h[0] & 15) * 4u, 0) & 0xffff);
}

/* A part of a datagram: @off in bytes. Whole: off 0, more false. */
static inline void made_ip4_part(struct made *m, const char *src, const char *dst, unsigned proto,
				 unsigned id, unsigned off, bool more)
{
	uint8_t ends[8];
	inet_pton(AF_INET, src, ends);
	inet_pton(AF_INET, dst, ends + 4);
	if (off == 0 && !more)
		made_l4_sum(m, proto, ends, 8);
	uint8_t *h = made_push(m, 20);
	h[0] = 0x45;
	put16(h + 2, made_len(m) > 65535 ? 0 : (unsigned)made_len(m));
	put16(h + 4, id);
	put16(h + 6, off / 8 | (more ? 0x2000 : 0));
	h[8] = 64;
	h[9] = (uint8_t)proto;
	memcpy(h + 12, ends, 8);
	made_ip4_sum(h);
}

static inline void made_ip4(struct made *m, const char *src, const char *dst, unsigned proto)
{
	made_ip4_part(m, src, dst, proto, 0, 0, false);
}

static inline void made_ip6(struct made *m, const char *src, const char *dst, unsigned proto)
{
	uint8_t ends[32];
	inet_pton(AF_INET6, src, ends);
	inet_pton(AF_INET6, dst, ends + 16);
	made_l4_sum(m, proto, ends, 32);
	size_t len = made_len(m);
	uint8_t *h = made_push(m, 40);
	h[0] = 0x60;
	put16(h + 4, len > 65535 ? 0 : (unsigned)len);
	h[6] = (uint8_t)proto;
	h[7] = 64;
	memcpy(h + 8, ends, 32);
}

static inline void made_ip6_part(struct made *m, const char *src, const char *dst, unsigned proto,
				 uint32_t id, unsigned off, bool more)
{
	uint8_t *h = made_push(m, 8);
	h[0] = (uint8_t)proto;
	put16(h + 2, off | more);
	put32(h + 4, id);
	made_ip6(m, src, dst, 44);
}

static inline void made_ether(struct made *m, unsigned type)
{
	uint8_t *h = made_push(m, 14);
	memcpy(h, "\x02\0\0\0\0\1\x02\0\0\0\0\2", 12);
	put16(h + 12, type);
}

static inline void made_pad(struct made *m, size_t len)
{
	assert(made_len(m) <= len && len <= MADE_BYTES);
	size_t have = made_len(m);
	memmove(m->b + MADE_BYTES - len, m->b + m->at, have);
	memset(m->b + MADE_BYTES - len + have, 0xee, len - have);
	m->at = MADE_BYTES - len;
}

static inline struct pkt_raw made_raw(const struct made *m, uint16_t link)
{
	return (struct pkt_raw){.ptr = m->b + m->at,
				.cap_len = (uint32_t)made_len(m),
				.wire_len = (uint32_t)made_len(m),
				.time_ns = 1700000000000000000u,
				.number = 1,
				.link = link};
}

#endif
