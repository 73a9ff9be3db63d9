/* A primary and its replica: the greeting, the login, the request for the log, then the log itself.
 *
 * The log is one file that comes again and again, each time behind the event that tells its name,
 * as after a rotation; so its positions begin anew, while the numbers of the protocol's packets go
 * on: a file has a multiple of 256 of them.
 *
 *     ROTATE (told, not written) | FORMAT | { GTID  QUERY BEGIN  TABLE_MAP  WRITE_ROWS  XID } ...
 */
#include <string.h>

#include <zlib.h>

#include "dataplane/capture/pkt.h"
#include "parsers/mysql/event.h"
#include "parsers/mysql/proto.h"
#include "perf/loadgen/script.h"

#define EVENT_MAX 262144
#define PACKETS   256 /* after so many their number is the same again */

struct primary {
	struct cutter c;
	uint32_t pos;
	uint8_t seq;
	unsigned n_packets;
	size_t len;
	uint8_t body[EVENT_MAX];
};

static void put_bytes(struct primary *p, const void *bytes, size_t len)
{
	memcpy(p->body + p->len, bytes, len);
	p->len += len;
}

static void put_byte(struct primary *p, unsigned v)
{
	p->body[p->len++] = (uint8_t)v;
}

/* Sends p->body as an event, its checksum behind it, and empties it. */
static void put_event(struct primary *p, uint8_t type, bool told, unsigned rows)
{
	uint8_t head[5 + MYSQL_EVENT_HEADER_LEN] = {0};
	uint32_t size = (uint32_t)(MYSQL_EVENT_HEADER_LEN + p->len + 4), server = 7;
	uint32_t time_s = told ? 0 : 1764045796, n = 1 + size;
	p->pos += told ? 0 : size;
	uint32_t pos = told ? 0 : p->pos, flags = told ? MYSQL_FLAG_ARTIFICIAL : 0;
	memcpy(head, &n, 3);
	head[3] = p->seq++;
	memcpy(head + 5, &time_s, 4);
	head[9] = type;
	memcpy(head + 10, &server, 4);
	memcpy(head + 14, &size, 4);
	memcpy(head + 18, &pos, 4);
	memcpy(head + 22, &flags, 2);
	uLong crc = crc32(crc32(0, head + 5, MYSQL_EVENT_HEADER_LEN), p->body, (uInt)p->len);
	uint32_t sum = (uint32_t)crc;
	cutter_put(&p->c, head, sizeof(head), 0);
	cutter_put(&p->c, p->body, p->len, 0);
	cutter_put(&p->c, &sum, 4, rows);
	p->n_packets++;
	p->len = 0;
}

static void put_rotate(struct primary *p)
{
	static const char name[] = "bin.000001";
	uint64_t first = 4;
	put_bytes(p, &first, 8);
	put_bytes(p, name, sizeof(name) - 1);
	put_event(p, MYSQL_EV_ROTATE, true, 0);
	p->pos = 4;
}

static void put_format(struct primary *p)
{
	/* Lengths of the fixed parts of each type of event, as MySQL 8.0 has them. */
	static const uint8_t lengths[] = {56, 13, 0,  8,  0,  0,  0, 0,  4,  0, 4,  0, 0, 0,
					  98, 0,  4,  26, 8,  0,  0, 0,  8,  8, 8,  2, 0, 0,
					  0,  10, 10, 10, 42, 42, 0, 18, 52, 0, 10, 40};
	char version[50] = "8.0.36-log";
	put_bytes(p, "\4", 2);
	put_bytes(p, version, sizeof(version));
	put_bytes(p, "\0\0\0", 4);
	put_byte(p, MYSQL_EVENT_HEADER_LEN);
	put_bytes(p, lengths, sizeof(lengths));
	put_byte(p, 1); /* events end in a CRC-32 */
	put_event(p, MYSQL_EV_FORMAT, false, 0);
}

/* shop.orders: id BIGINT UNSIGNED, user INT UNSIGNED, price DOUBLE, sku VARCHAR(32), title
 * VARCHAR(2000), with names.
 */
static void put_map(struct primary *p)
{
	static const uint8_t map[] = {
		42,  0,   0,    0,   0,    0,   1,   0,   4,   's', 'h', 'o', 'p', 0,   6,
		'o', 'r', 'd',  'e', 'r',  's', 0,   5,   8,   3,   5,   15,  15, /* five columns
										     and their types
										   */
		5,   8,   32,   0,   0xd0, 7,   0, /* what the types need; none is NULL */
		1,   1,   0xc0,                    /* the first two are unsigned */
		2,   1,   45,                      /* utf8mb4 */
		4,   24,  2,    'i', 'd',  4,   'u', 's', 'e', 'r', 5,   'p', 'r', 'i', 'c',
		'e', 3,   's',  'k', 'u',  5,   't', 'i', 't', 'l', 'e',
	};
	put_bytes(p, map, sizeof(map));
	put_event(p, MYSQL_EV_TABLE_MAP, false, 0);
}

static void put_rows(struct primary *p, const struct load_job *job, uint64_t first)
{
	static const uint8_t head[] = {42, 0, 0, 0, 0, 0, 1, 0, 2, 0, 5, 0x1f};
	put_bytes(p, head, sizeof(head));
	for (int64_t i = 0; i < job->rows; i++) {
		uint64_t id = first + (uint64_t)i;
		uint32_t user = (uint32_t)(id * 2654435761u);
		double price = (double)(id * 37 % 1000000) / 100;
		uint16_t len = (uint16_t)job->bytes;
		put_byte(p, 0); /* nothing is NULL */
		put_bytes(p, &id, 8);
		put_bytes(p, &user, 4);
		put_bytes(p, &price, 8);
		put_byte(p, 12);
		put_bytes(p, "SKU-", 4);
		for (unsigned j = 0; j < 8; j++)
			put_byte(p, '0' + (unsigned)(user >> 4 * j) % 10);
		put_bytes(p, &len, 2);
		memset(p->body + p->len, 'a' + (int)(id % 26), len);
		p->len += len;
	}
	put_event(p, MYSQL_EV_WRITE_ROWS_V2, false, (unsigned)job->rows);
}

/* A transaction of @job->rows rows. */
static void put_passage(struct primary *p, const struct load_job *job, uint64_t number)
{
	static const uint8_t begin[] = {0, 0,   0,   0,   0,   0, 0,   0,   4,   0,   0,  0,
					0, 's', 'h', 'o', 'p', 0, 'B', 'E', 'G', 'I', 'N'};
	uint8_t gtid[25] = {[0] = 1, [16] = 7};
	uint64_t nth = number + 1;
	memcpy(gtid + 17, &nth, 8);
	put_bytes(p, gtid, sizeof(gtid));
	put_event(p, MYSQL_EV_GTID, false, 0);
	put_bytes(p, begin, sizeof(begin));
	put_event(p, MYSQL_EV_QUERY, false, 0);
	put_map(p);
	put_rows(p, job, number * (uint64_t)job->rows);
	put_bytes(p, &nth, 8);
	put_event(p, MYSQL_EV_XID, false, 0);
}

static void say(struct script *s, unsigned dir, unsigned seq, const void *text, size_t len)
{
	uint8_t packet[256] = {(uint8_t)len, 0, 0, (uint8_t)seq};
	memcpy(packet + 4, text, len);
	script_piece(s, dir, TCP_ACK | TCP_PSH, packet, 4 + len, 0);
}

static void introduce(struct script *s)
{
	static const uint8_t ok[] = {0, 0, 0, 2, 0, 0, 0};
	uint8_t greeting[60] = {10, '8', '.', '0', '.', '3', '6'}, login[40] = {0};
	greeting[21] = login[0] = (uint8_t)MYSQL_CAP_41;
	greeting[22] = login[1] = MYSQL_CAP_41 >> 8;
	memcpy(login + 32, "repl", 5);
	static const uint8_t sums[] = "\3SET @master_binlog_checksum = @@global.binlog_checksum";
	static const uint8_t dump[] = {MYSQL_COM_BINLOG_DUMP,
				       4,
				       0,
				       0,
				       0,
				       0,
				       0,
				       7,
				       0,
				       0,
				       0,
				       'b',
				       'i',
				       'n',
				       '.',
				       '0',
				       '0',
				       '0',
				       '0',
				       '0',
				       '1'};
	script_handshake(s);
	say(s, 1, 0, greeting, sizeof(greeting));
	say(s, 0, 1, login, sizeof(login));
	say(s, 1, 2, ok, sizeof(ok));
	say(s, 0, 0, sums, sizeof(sums) - 1);
	say(s, 1, 1, ok, sizeof(ok));
	say(s, 0, 0, dump, sizeof(dump));
}

void script_binlog(struct script *s, const struct load_job *job)
{
	static struct primary p;
	p = (struct primary){.c = {.s = s, .dir = 1}, .seq = 1};
	introduce(s);
	s->n_open = s->n;
	put_rotate(&p);
	put_format(&p);
	uint64_t n = 0;
	/* Whole transactions, and at the end some more names of the file as fillers. */
	while ((int64_t)n * job->rows < job->messages)
		put_passage(&p, job, n++);
	while (p.n_packets % PACKETS)
		put_rotate(&p);
	cutter_end(&p.c);
}
