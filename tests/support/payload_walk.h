/* payload_walk.h - all events inside of a TRANSACTION_PAYLOAD that is there whole. */
#ifndef SL_TESTS_PAYLOAD_WALK_H
#define SL_TESTS_PAYLOAD_WALK_H

#include "parsers/mysql/payload.h"
#include "parsers/mysql/wire.h"

#define PAYLOAD_WALK_BYTES (1u << 20) /* an event */

/* Calls @each for each event that is not too long; its bytes are good until it returns. The payload
 * is given @piece bytes at a time. END, or the fault that ended it.
 */
static inline enum mysql_fault payload_walk(const struct mysql_event *ev, uint64_t bytes_max,
					    size_t piece,
					    void (*each)(void *arg, struct slice event), void *arg)
{
	static struct mysql_payloads *ps;
	struct slice events;
	enum mysql_fault fault;
	if (!ps && mysql_payloads_create(PAYLOAD_WALK_BYTES, &ps) < 0)
		return MYSQL_F_TOO_LARGE;
	struct mysql_payload *p = mysql_payload_begin(ps, 1, 1, ev, bytes_max, 0);
	for (;;) {
		struct slice rest = slice_from(ev->bytes, mysql_payload_fed(p));
		struct slice in = slice_of(rest.ptr, rest.len < piece ? rest.len : piece);
		fault = mysql_payload_next(p, &in, &events);
		if (fault == MYSQL_F_MORE && rest.len)
			continue;
		if (fault != MYSQL_F_OK && fault != MYSQL_F_TOO_LARGE)
			break;
		size_t size = wire_le32(events.ptr + 9);
		if (fault == MYSQL_F_OK)
			each(arg, slice_of(events.ptr, size));
		mysql_payload_drop(p, size);
	}
	mysql_payload_give_back(p);
	return fault == MYSQL_F_MORE ? MYSQL_F_BODY : fault;
}

#endif
