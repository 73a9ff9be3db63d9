#include "parsers/mysql/proto.h"

#include <zlib.h>

#include "dataplane/base/text.h"
#include "parsers/mysql/wire.h"

/* Logins are of this size at least: capabilities, longest packet, character set, 23 zeros. */
#define LOGIN_FIXED   32
/* The same before protocol 4.1: capabilities u16, longest packet u24. */
#define LOGIN_OLD     5

/* Flags of event headers that servers set. */
#define FLAGS_KNOWN   0x81ff
#define FILE_NAME_MAX 512

/* --- Greeting, login, commands ---------------------------------------------------------------- */

bool mysql_greeting_read(struct slice payload, uint32_t *ret_caps)
{
	if (payload.len < 2 || payload.ptr[0] != 10)
		return false;
	const uint8_t *nul = memchr(payload.ptr + 1, 0, payload.len - 1);
	if (!nul)
		return false;
	for (const uint8_t *p = payload.ptr + 1; p < nul; p++)
		if (*p < ' ' || *p > '~')
			return false;
	struct wire w = wire_of(slice_from(payload, (size_t)(nul - payload.ptr) + 1));
	wire_take(&w, 4 + 8 + 1); /* thread, first part of the challenge, filler */
	uint32_t caps = (uint32_t)wire_int(&w, 2);
	if (w.bad)
		return false;
	wire_take(&w, 1 + 2); /* character set, status */
	uint32_t high = (uint32_t)wire_int(&w, 2);
	*ret_caps = caps | (w.bad ? 0 : high << 16);
	return true;
}

bool mysql_login_read(struct slice payload, uint32_t *ret_caps, bool *ret_tls)
{
	if (payload.len < LOGIN_OLD)
		return false;
	uint32_t caps = wire_le16(payload.ptr);
	if (caps & MYSQL_CAP_41) {
		if (payload.len < LOGIN_FIXED)
			return false;
		caps = wire_le32(payload.ptr);
		*ret_tls = (caps & MYSQL_CAP_SSL) && payload.len == LOGIN_FIXED;
	} else {
		*ret_tls = (caps & MYSQL_CAP_SSL) && payload.len == LOGIN_OLD;
	}
	*ret_caps = caps;
	return true;
}

/*     COM_BINLOG_DUMP        0x12 | position u32 | flags u16 | server id u32 | file name
 *     COM_BINLOG_DUMP_GTID   0x1e | flags u16 | server id u32 | n u32, file name | position u64 |
 *                            n u32, GTID set
 */
bool mysql_dump_read(struct slice payload, struct slice *ret_file, uint64_t *ret_pos)
{
	struct wire w = wire_of(payload);
	unsigned command = (unsigned)wire_int(&w, 1);
	if (command == MYSQL_COM_BINLOG_DUMP) {
		*ret_pos = wire_int(&w, 4);
		wire_take(&w, 6);
		*ret_file = wire_take(&w, wire_left(&w));
	} else if (command == MYSQL_COM_BINLOG_DUMP_GTID) {
		wire_take(&w, 6);
		*ret_file = wire_take(&w, wire_int(&w, 4));
		*ret_pos = wire_int(&w, 8);
	} else {
		return false;
	}
	if (w.bad || ret_file->len > FILE_NAME_MAX)
		return false;
	for (size_t i = 0; i < ret_file->len; i++)
		if (ret_file->ptr[i] < ' ')
			return false;
	return true;
}

uint32_t mysql_dump_replica(struct slice payload)
{
	struct wire w = wire_of(payload);
	wire_take(&w, payload.ptr[0] == MYSQL_COM_BINLOG_DUMP ? 7 : 3);
	return (uint32_t)wire_int(&w, 4);
}

static bool contains(struct slice s, struct slice word)
{
	for (size_t i = 0; i + word.len <= s.len; i++)
		if (text_ieq(slice_of(s.ptr + i, word.len), word))
			return true;
	return false;
}

bool mysql_query_refuses_sums(struct slice sql)
{
	if (sql.len > 256)
		return false;
	return contains(sql, SLICE_LIT("_binlog_checksum")) && contains(sql, SLICE_LIT("'NONE'"));
}

bool mysql_looks_like_command(struct slice s)
{
	size_t len = wire_le24(s.ptr);
	struct slice file;
	uint64_t pos;
	if (s.ptr[3] != 0 || len == 0)
		return false;
	switch (s.ptr[4]) {
	case MYSQL_COM_PING:
	case MYSQL_COM_QUIT:
		return len == 1;
	case MYSQL_COM_QUERY:
		return len >= 4 && s.ptr[5] >= ' ' && s.ptr[5] <= '~' && s.ptr[6] >= '\t' &&
		       s.ptr[6] <= '~' && s.ptr[7] >= '\t' && s.ptr[7] <= '~';
	case MYSQL_COM_BINLOG_DUMP:
	case MYSQL_COM_BINLOG_DUMP_GTID:
		s = slice_from(s, MYSQL_PACKET_HEADER);
		return len >= 11 &&
		       (s.len < len || mysql_dump_read(slice_of(s.ptr, len), &file, &pos));
	case MYSQL_ACK:
		return len > 9 && len < FILE_NAME_MAX;
	default:
		return false;
	}
}

/* --- Events ----------------------------------------------------------------------------------- */

static uint32_t event_size(const uint8_t *event)
{
	return wire_le32(event + 9);
}

bool mysql_packet_event(struct slice payload, struct slice *ret_event)
{
	for (size_t at = 1; at <= 3; at += 2) {
		if (payload.len < at + MYSQL_EVENT_HEADER_LEN)
			return false;
		if ((at == 1 || payload.ptr[1] == MYSQL_ACK) && payload.ptr[0] == 0 &&
		    event_size(payload.ptr + at) == payload.len - at) {
			*ret_event = slice_from(payload, at);
			return true;
		}
	}
	return false;
}

struct candidate {
	size_t event; /* offset of the event in its packet */
	size_t whole; /* bytes of the packet, or of the event where there are no packets */
};

/* Could an event begin with these MYSQL_LOOK_BYTES bytes? */
static bool looks_like_event(struct slice s, bool packets, struct candidate *ret_c)
{
	const uint8_t *p = s.ptr;
	size_t at = 0;
	if (packets) {
		size_t len = wire_le24(p);
		if (p[4] != 0 || len == MYSQL_PACKET_MAX)
			return false;
		at = MYSQL_PACKET_HEADER + 1;
		if (event_size(p + at) != len - 1) {
			at += 2;
			if (p[5] != MYSQL_ACK || event_size(p + at) != len - 3)
				return false;
		}
	}
	const uint8_t *event = p + at;
	uint32_t size = event_size(event), log_pos = wire_le32(event + 13);
	if (!mysql_event_name(event[4]) || size < MYSQL_EVENT_HEADER_LEN ||
	    size > MYSQL_PACKET_MAX || (wire_le16(event + 17) & ~FLAGS_KNOWN))
		return false;
	*ret_c = (struct candidate){.event = at, .whole = at + size};
	return log_pos == 0 || log_pos >= size || event[4] == MYSQL_EV_HEARTBEAT;
}

/* Whole bytes of an event: does its checksum hold? */
static bool sum_holds(struct slice event, size_t *io_budget)
{
	size_t len = event.len;
	if (len < MYSQL_EVENT_HEADER_LEN + MYSQL_CHECKSUM_LEN || *io_budget < len)
		return false;
	*io_budget -= len;
	uint32_t sum = (uint32_t)crc32(0, event.ptr, (unsigned)(len - MYSQL_CHECKSUM_LEN));
	return sum == wire_le32(event.ptr + len - MYSQL_CHECKSUM_LEN);
}

/* Does the event at the start of @next come right behind the one at @event? */
static bool goes_on(const uint8_t *event, struct slice next, bool packets)
{
	struct candidate c;
	if (!looks_like_event(next, packets, &c))
		return false;
	const uint8_t *second = next.ptr + c.event;
	uint32_t pos = wire_le32(event + 13), pos2 = wire_le32(second + 13);
	return pos != 0 && pos2 == pos + event_size(second);
}

static enum mysql_scan examine(struct slice s, const struct mysql_scan_how *how, size_t *ret_needed)
{
	struct candidate c;
	if (!looks_like_event(s, how->packets, &c))
		return MYSQL_SCAN_NONE;
	*ret_needed = c.whole;
	if (s.len < c.whole)
		return MYSQL_SCAN_MORE;
	struct slice event = slice_of(s.ptr + c.event, c.whole - c.event);
	if (sum_holds(event, how->budget))
		return MYSQL_SCAN_FOUND;
	if (how->sums_known)
		return MYSQL_SCAN_NONE;
	*ret_needed = c.whole + MYSQL_LOOK_BYTES;
	if (s.len < *ret_needed)
		return MYSQL_SCAN_MORE;
	return goes_on(event.ptr, slice_from(s, c.whole), how->packets) ? MYSQL_SCAN_FOUND
									: MYSQL_SCAN_NONE;
}

enum mysql_scan mysql_scan(struct slice s, const struct mysql_scan_how *how, size_t *ret_at,
			   size_t *ret_needed)
{
	size_t at = 0;
	for (; s.len - at >= MYSQL_LOOK_BYTES; at++, mysql_scan_refill(how->budget)) {
		enum mysql_scan r = examine(slice_from(s, at), how, ret_needed);
		if (r == MYSQL_SCAN_NONE || (r == MYSQL_SCAN_MORE && how->last))
			continue;
		*ret_at = at;
		return r;
	}
	*ret_at = how->last ? s.len : at;
	*ret_needed = MYSQL_LOOK_BYTES;
	return how->last ? MYSQL_SCAN_NONE : MYSQL_SCAN_MORE;
}
