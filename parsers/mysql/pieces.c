/* Rows events of MariaDB 12.3 and later that came in pieces. Contract: log_priv.h.
 *
 *     pieces u32 | number of this one u32, from 1 | flags u8 | flag 1: bytes of the whole u64 |
 * bytes
 *
 * The bytes of all pieces are one rows event with its header. They are put together in a stream of
 * their own, and so are bounded as other long events are.
 */
#include "parsers/mysql/log_priv.h"
#include "parsers/mysql/wire.h"

#define HAS_SIZE 1

static const char out_of_order[] = "a piece of a rows event without the piece before it";
static const char forgotten[] = "pieces of a rows event whose memory went to other sessions";

/* What the pieces make. With a checksum or without: only where it is right it is one. */
static enum mysql_fault join(struct reading *r, struct slice bytes, struct mysql_event *ret_ev)
{
	struct mysql_format *f = &r->p->inner_format;
	*f = r->log->format;
	r->format = f;
	f->checksum = true;
	enum mysql_fault fault = mysql_event_parse(bytes, f, ret_ev);
	if (fault != MYSQL_F_OK || !mysql_event_sum_ok(ret_ev)) {
		f->checksum = false;
		fault = mysql_event_parse(bytes, f, ret_ev);
	}
	if (fault == MYSQL_F_OK && !mysql_event_op(ret_ev->type))
		return MYSQL_F_TYPE;
	return fault == MYSQL_F_MORE ? MYSQL_F_BODY : fault;
}

enum mysql_outcome mysql_read_piece(struct reading *r, const struct mysql_event *ev)
{
	struct mysql_log *log = r->log;
	struct mysql_streams *ss = r->p->streams;
	struct wire w = wire_of(ev->body);
	uint32_t n = (uint32_t)wire_int(&w, 4), number = (uint32_t)wire_int(&w, 4);
	if (wire_int(&w, 1) & HAS_SIZE)
		wire_take(&w, 8);
	struct slice piece = wire_take(&w, wire_left(&w));
	r->why = w.bad || number == 0 || number > n ? mysql_fault_text(MYSQL_F_BODY) : NULL;
	if (!r->why && !r->again && number != 1 && number != log->piece + 1)
		r->why = out_of_order;
	if (r->why) {
		log->piece = 0;
		return MYSQL_LOST;
	}
	bool begins = number == 1 && !r->again;
	if (begins)
		log->pieces = mysql_pool_owner(r->p);
	struct mysql_stream *s = mysql_stream_of(ss, log->pieces, begins);
	r->why = s ? NULL : forgotten;
	if (s && !r->again)
		r->why = mysql_stream_add(s, piece);
	log->piece = r->why ? 0 : number;
	if (r->why || number < n)
		return r->why ? MYSQL_LOST : MYSQL_READ;
	struct mysql_event rows;
	enum mysql_fault fault = join(r, mysql_stream_bytes(s), &rows);
	enum mysql_outcome o = fault == MYSQL_F_OK
				       ? mysql_read_rows(r, &rows)
				       : mysql_read_dead(r, ev, NULL, mysql_fault_text(fault));
	if (o != MYSQL_FULL) {
		mysql_stream_give_back(s);
		log->piece = 0;
	}
	return o;
}
