/* A binary log of MySQL or MariaDB as the connection that would have carried its bytes: a handshake
 * of TCP, a replica's request for this file, the file from its magic on as what the server sends,
 * and the end of the connection.
 *
 *     file:     0xfe 'b' 'i' 'n' | event | event | ...
 *     event:    time u32 | type u8 | server id u32 | size u32 | end position u32 | flags u16 | ...
 *     request:  len u24 | sequence u8 = 0 | COM_BINLOG_DUMP | position u32 | 6 bytes | name of the
 * log packet:   IPv4 20 | TCP 20 | at most PAYLOAD_MAX bytes of one event
 *
 * The log's name is that of its file, without its folder and what a compressor added: only so are
 * its changes the same as those of the same log on the wire.
 *
 * Packet time follows the events', but never goes back, and never on by more than STEP_NS_MAX: a
 * log that was silent for a day is one connection all the same.
 */
#include <stdio.h>

#include "dataplane/base/mem.h"
#include "dataplane/capture/file.h"

#define MAGIC_BYTES  4
#define EVENT_HEADER 19
#define PAYLOAD_MAX  32768
#define HEADERS      40
#define SLOT_BYTES   (HEADERS + PAYLOAD_MAX + SL_PAD)
#define NS_PER_S_    1000000000ull
#define STEP_NS_MAX  (600 * NS_PER_S_)
#define SERVER_PORT  3306
#define CLIENT_ISN   1000
#define NAME_MAX_    255
#define REQUEST_MAX  (15 + NAME_MAX_)
#define SERVER_ISN   2000

enum binlog_phase {
	PHASE_SYN,
	PHASE_SYN_ACK,
	PHASE_REQUEST,
	PHASE_DATA,
	PHASE_FIN,
	PHASE_FIN_BACK,
	PHASE_DONE
};

struct binlog {
	enum binlog_phase phase;
	uint16_t client_port; /* tells files apart */
	uint32_t seq;         /* of the server's next byte */
	uint64_t event_left;  /* bytes of the event at hand that are still to come */
	uint64_t now_ns, shift_ns;
	uint32_t request_len;
	uint8_t request[REQUEST_MAX];
	uint8_t slots[PKT_BURST][SLOT_BYTES];
};

static uint16_t port_of(const char *name)
{
	uint32_t h = 2166136261u;
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return (uint16_t)(1024 + h % 60000);
}

static bool ends_in(const char *name, size_t len, const char *end)
{
	size_t n = strlen(end);
	return len > n && memcmp(name + len - n, end, n) == 0;
}

/* A log that comes through a pipe has no name, and asks for none. */
static void set_request(struct binlog *l, const char *name)
{
	static const char *const packed[] = {".gz", ".zst", NULL};
	const char *slash = strrchr(name, '/');
	name = slash ? slash + 1 : name;
	size_t len = strlen(name);
	for (unsigned i = 0; packed[i]; i++)
		if (ends_in(name, len, packed[i]))
			len -= strlen(packed[i]);
	if (len > NAME_MAX_ || strcmp(name, "-") == 0)
		len = 0;
	uint8_t *p = l->request;
	memset(p, 0, 15);
	p[0] = (uint8_t)(11 + len);
	p[1] = (uint8_t)((11 + len) >> 8);
	p[4] = 0x12;
	p[5] = MAGIC_BYTES;
	memcpy(p + 15, name, len);
	l->request_len = (uint32_t)(15 + len);
}

static void restart(struct binlog *l)
{
	l->phase = PHASE_SYN;
	l->seq = SERVER_ISN + 1;
	l->event_left = 0;
	l->now_ns = 0;
}

int file_binlog_start(struct file *f)
{
	struct block *b = &f->block;
	if (!f->binlog) {
		f->binlog = mem_map(sizeof(*f->binlog));
		if (!f->binlog)
			return -ENOMEM;
		f->binlog->client_port = port_of(b->name);
		set_request(f->binlog, b->name);
	}
	restart(f->binlog);
	/* The connection begins when its first event was written. */
	int rc = block_fill(b, MAGIC_BYTES + EVENT_HEADER);
	if (rc && rc != -ENODATA)
		return block_cut(b, rc, "the first event", MAGIC_BYTES + EVENT_HEADER);
	if (rc == 0)
		f->binlog->now_ns = file_u32(b->at + MAGIC_BYTES, false) * NS_PER_S_;
	return 0;
}

void file_binlog_fini(struct file *f)
{
	mem_unmap(f->binlog, sizeof(*f->binlog));
	f->binlog = NULL;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint32_t sum16(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	return sum;
}

static uint32_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return ((sum & 0xffff) + (sum >> 16)) & 0xffff;
}

/* Headers around @len payload bytes that stand behind them already. TCP's checksum is that of the
 * pseudo header alone, as a card that sums up by itself is given it: decode asks for no more.
 */
static void finish(struct binlog *l, struct pkt_raw *out, uint8_t *p, unsigned dir, uint8_t flags,
		   uint32_t seq, uint32_t ack, uint32_t len)
{
	static const uint8_t ends[2][4] = {{127, 0, 0, 2}, {127, 0, 0, 1}};
	memset(p, 0, HEADERS);
	p[0] = 0x45;
	put16(p + 2, HEADERS + len);
	p[8] = 64;
	p[9] = IPPROTO_TCP_;
	memcpy(p + 12, ends[dir], 4);
	memcpy(p + 16, ends[!dir], 4);
	put16(p + 10, ~fold(sum16(p, 20)) & 0xffff);
	put16(p + 36, fold(sum16(p + 12, 8) + IPPROTO_TCP_ + 20 + len));
	put16(p + 20, dir ? SERVER_PORT : l->client_port);
	put16(p + 22, dir ? l->client_port : SERVER_PORT);
	put32(p + 24, seq);
	put32(p + 28, flags & TCP_ACK ? ack : 0);
	p[32] = 5 << 4;
	p[33] = flags;
	put16(p + 34, 65535);
	*out = (struct pkt_raw){.ptr = p,
				.cap_len = HEADERS + len,
				.wire_len = HEADERS + len,
				.time_ns = file_add_ns(l->now_ns, l->shift_ns),
				.link = LINK_IPV4};
}

/* The header of the next event: its size and its time. 0, -ENODATA at the end of the log, or an
 * error. */
static int begin_event(struct file *f)
{
	struct block *b = &f->block;
	struct binlog *l = f->binlog;
	int rc = block_fill(b, EVENT_HEADER);
	if (rc == -ENODATA && !block_left(b))
		return rc;
	if (rc)
		return block_cut(b, rc, "the header of an event", EVENT_HEADER);
	uint32_t seconds = file_u32(b->at, false), size = file_u32(b->at + 9, false);
	if (size < EVENT_HEADER)
		return block_fail(
			b, -EBADMSG, block_offset(b),
			"an event is said to have %u bytes, fewer than its header: the log is "
			"damaged, or encrypted",
			size);
	uint64_t ns = seconds * NS_PER_S_;
	if (!l->now_ns)
		l->now_ns = ns;
	else if (ns > l->now_ns)
		l->now_ns = ns - l->now_ns > STEP_NS_MAX ? l->now_ns + STEP_NS_MAX : ns;
	l->event_left = size;
	return 0;
}

/* The next piece of the log into @p. Returns its length, or -errno. */
static int take_piece(struct file *f, uint8_t *p)
{
	struct block *b = &f->block;
	struct binlog *l = f->binlog;
	if (l->seq == SERVER_ISN + 1) {
		memcpy(p, b->at, MAGIC_BYTES);
		b->at += MAGIC_BYTES;
		return MAGIC_BYTES;
	}
	if (!l->event_left) {
		int rc = begin_event(f);
		if (rc)
			return rc;
	}
	size_t n = l->event_left < PAYLOAD_MAX ? l->event_left : PAYLOAD_MAX;
	int rc = block_fill(b, n);
	if (rc)
		return block_cut(b, rc, "an event", n);
	memcpy(p, b->at, n);
	b->at += n;
	l->event_left -= n;
	return (int)n;
}

int file_binlog_burst(struct file *f, struct pkt_raw *out, unsigned max, bool may_fill)
{
	struct binlog *l = f->binlog;
	unsigned n = 0;
	if (!may_fill)
		return 0; /* packets lie in slots of our own: a burst at a time */
	l->shift_ns = f->shift_ns;
	if (max > PKT_BURST)
		max = PKT_BURST;
	for (; n < max && l->phase != PHASE_DONE; n++) {
		uint8_t *p = l->slots[n];
		int len;
		switch (l->phase) {
		case PHASE_SYN:
			finish(l, &out[n], p, 0, TCP_SYN, CLIENT_ISN, 0, 0);
			break;
		case PHASE_SYN_ACK:
			finish(l, &out[n], p, 1, TCP_SYN | TCP_ACK, SERVER_ISN, CLIENT_ISN + 1, 0);
			break;
		case PHASE_REQUEST:
			memcpy(p + HEADERS, l->request, l->request_len);
			finish(l, &out[n], p, 0, TCP_ACK, CLIENT_ISN + 1, SERVER_ISN + 1,
			       l->request_len);
			break;
		case PHASE_DATA:
			len = take_piece(f, p + HEADERS);
			if (len < 0 && len != -ENODATA)
				return n ? (int)n : len;
			if (len == -ENODATA)
				len = 0;
			finish(l, &out[n], p, 1, TCP_ACK, l->seq, CLIENT_ISN + 1 + l->request_len,
			       (uint32_t)len);
			l->seq += (uint32_t)len;
			if (len)
				continue;
			break;
		case PHASE_FIN:
			finish(l, &out[n], p, 1, TCP_FIN | TCP_ACK, l->seq,
			       CLIENT_ISN + 1 + l->request_len, 0);
			break;
		default:
			finish(l, &out[n], p, 0, TCP_FIN | TCP_ACK, CLIENT_ISN + 1 + l->request_len,
			       l->seq + 1, 0);
			break;
		}
		l->phase++;
	}
	return n ? (int)n : -ENODATA;
}
