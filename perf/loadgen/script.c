#include "perf/loadgen/script.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/capture/pkt.h"

/* Lines, bodies: this and the room for what is written around a message. */
#define MESSAGE_MAX 65536

static uint16_t sum_of(const uint8_t *p, size_t len)
{
	uint64_t s = 0;
	for (size_t i = 0; i + 1 < len; i += 2)
		s += (uint64_t)p[i] << 8 | p[i + 1];
	if (len % 2)
		s += (uint64_t)p[len - 1] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

/* Grows what a script has; what does not fit any more shows in script_create. */
static bool room(struct script *s, size_t bytes)
{
	if (s->len + bytes > s->cap || s->n == s->n_cap) {
		size_t cap = 2 * s->cap + bytes + 65536;
		unsigned n_cap = 2 * s->n_cap + 1024;
		uint8_t *b = cap <= SCRIPT_BYTES_MAX ? mem_alloc(cap) : NULL;
		struct piece *p = b ? mem_alloc(n_cap * sizeof(*p)) : NULL;
		if (!p) {
			mem_free(b);
			s->cap = 0;
			return false;
		}
		if (s->bytes)
			memcpy(b, s->bytes, s->len);
		if (s->pieces)
			memcpy(p, s->pieces, s->n * sizeof(*p));
		mem_free(s->bytes);
		mem_free(s->pieces);
		s->bytes = b;
		s->pieces = p;
		s->cap = cap;
		s->n_cap = n_cap;
	}
	return true;
}

void script_piece(struct script *s, unsigned dir, unsigned flags, const void *p, size_t len,
		  unsigned events)
{
	if ((s->cap == 0 && s->n) || !room(s, len + 2))
		return;
	s->pieces[s->n++] = (struct piece){
		.off = (uint32_t)s->len,
		.len = (uint16_t)len,
		.sum = sum_of(p, len),
		.events = (uint16_t)events,
		.dir = (uint8_t)dir,
		.flags = (uint8_t)flags,
	};
	if (len)
		memcpy(s->bytes + s->len, p, len);
	s->len += len;
}

void cutter_end(struct cutter *c)
{
	if (c->len)
		script_piece(c->s, c->dir, TCP_ACK | TCP_PSH, c->buf, c->len, c->events);
	c->len = c->events = 0;
}

void cutter_put(struct cutter *c, const void *p, size_t len, unsigned events)
{
	const uint8_t *from = p;
	while (len) {
		size_t n = c->s->segment - c->len;
		if (n > len)
			n = len;
		memcpy(c->buf + c->len, from, n);
		c->len += (unsigned)n;
		from += n;
		len -= n;
		c->events += len ? 0 : events;
		if (c->len == c->s->segment)
			cutter_end(c);
	}
}

void script_handshake(struct script *s)
{
	script_piece(s, 0, TCP_SYN, NULL, 0, 0);
	script_piece(s, 1, TCP_SYN | TCP_ACK, NULL, 0, 0);
	script_piece(s, 0, TCP_ACK, NULL, 0, 0);
}

/* ---- messages ---- */

/* Words up to @len bytes behind what is there. */
static size_t fill(char *text, size_t at, size_t len, uint64_t n)
{
	static const char *const words[] = {"request ", "took ",    "shard ", "cache ",
					    "miss ",    "retried ", "user ",  "session "};
	while (at < len) {
		const char *w = words[(n = n * 6364136223846793005u + 1442695040888963407u) >> 61];
		for (; *w && at < len; w++)
			text[at++] = *w;
	}
	return len;
}

/* RFC 5424. */
static size_t write_syslog(char *text, size_t len, uint64_t n)
{
	int at = snprintf(text, MESSAGE_MAX,
			  "<%u>1 2026-11-25T04:%02u:%02u.%06uZ web-%u.example.com nginx %u ID%u - "
			  "n=%07u ",
			  (unsigned)(n % 192), (unsigned)(n / 60 % 60), (unsigned)(n % 60),
			  (unsigned)(n % 1000000), (unsigned)(n % 64), (unsigned)(1000 + n % 64),
			  (unsigned)(n % 97), (unsigned)n);
	return fill(text, (size_t)at, len > (size_t)at ? len : (size_t)at, n);
}

static size_t write_json(char *text, size_t len, uint64_t n)
{
	int at = snprintf(text, MESSAGE_MAX,
			  "{\"n\":%u,\"t\":\"%u\",\"uid\":\"u%u\",\"vid\":%u,\"dur\":%u.%u,"
			  "\"region\":\"cn-%u\",\"ok\":%s,\"note\":\"",
			  (unsigned)n, (unsigned)(n % 20), (unsigned)(n * 7919 % 1000000),
			  (unsigned)(n * 104729 % 500000), (unsigned)(n % 3600), (unsigned)(n % 10),
			  (unsigned)(n % 32), n % 3 ? "true" : "false");
	size_t end = fill(text, (size_t)at, len > (size_t)at + 2 ? len - 2 : (size_t)at, n);
	memcpy(text + end, "\"}", 2);
	return end + 2;
}

static void script_lines(struct script *s, const struct load_job *job, char *text)
{
	struct cutter c = {.s = s};
	bool syslog = job->kind == LOAD_SYSLOG_TCP;
	script_handshake(s);
	s->n_open = s->n;
	for (int64_t i = 0; i < job->messages; i++) {
		size_t len =
			(syslog ? write_syslog : write_json)(text, (size_t)job->bytes, (uint64_t)i);
		text[len] = '\n';
		cutter_put(&c, text, len + 1, 1);
	}
	cutter_end(&c);
}

static void script_datagrams(struct script *s, const struct load_job *job, char *text)
{
	s->udp = true;
	for (int64_t i = 0; i < job->messages; i++)
		script_piece(s, 0, 0, text, write_syslog(text, (size_t)job->bytes, (uint64_t)i), 1);
}

/* A beacon and its answer, in turns, on connections that stay. */
static void script_beacons(struct script *s, const struct load_job *job, char *text)
{
	static const char answer[] =
		"HTTP/1.1 204 No Content\r\nServer: nginx/1.22\r\n"
		"Date: Wed, 25 Nov 2026 14:00:00 GMT\r\nConnection: keep-alive\r\n\r\n";
	struct cutter c = {.s = s};
	script_handshake(s);
	s->n_open = s->n;
	for (int64_t i = 0; i < job->messages; i++) {
		char head[512];
		size_t len = write_json(text, (size_t)job->bytes, (uint64_t)i);
		int n = snprintf(head, sizeof(head),
				 "POST /v5/alt/act?p=%u HTTP/1.1\r\nHost: msg.example.com\r\n"
				 "User-Agent: Mozilla/5.0 (Linux; Android 13; SM-G991B)\r\n"
				 "Content-Type: application/json\r\nConnection: keep-alive\r\n"
				 "Content-Length: %zu\r\n\r\n",
				 (unsigned)i % 8, len);
		cutter_put(&c, head, (size_t)n, 0);
		cutter_put(&c, text, len, 1);
		cutter_end(&c);
		script_piece(s, 1, TCP_ACK | TCP_PSH, answer, sizeof(answer) - 1, 0);
	}
}

int script_create(const struct load_job *job, struct script *ret_s, struct err *e)
{
	static const uint16_t ports[] = {[LOAD_SYSLOG_UDP] = 514,
					 [LOAD_SYSLOG_TCP] = 514,
					 [LOAD_HTTP] = 80,
					 [LOAD_NDJSON] = 5170,
					 [LOAD_BINLOG] = 3306};
	struct script s = {.segment = (unsigned)job->segment, .port = ports[job->kind]};
	char *text = mem_alloc(2 * MESSAGE_MAX);
	if (!text)
		return err_set(e, -ENOMEM, "%s: no memory for its messages", job->name);
	if (job->kind == LOAD_SYSLOG_UDP)
		script_datagrams(&s, job, text);
	else if (job->kind == LOAD_HTTP)
		script_beacons(&s, job, text);
	else if (job->kind == LOAD_BINLOG)
		script_binlog(&s, job);
	else
		script_lines(&s, job, text);
	mem_free(text);
	if (!s.cap) {
		script_fini(&s);
		return err_set(e, -ENOMEM, "%s: its messages take more than %u MiB", job->name,
			       SCRIPT_BYTES_MAX >> 20);
	}
	*ret_s = s;
	return 0;
}

void script_fini(struct script *s)
{
	mem_free(s->bytes);
	mem_free(s->pieces);
	*s = (struct script){0};
}
