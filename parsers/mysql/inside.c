/* Transactions that MySQL has compressed: an event that holds all others. Contract: log_priv.h.
 *
 * The events inside are read while they are decompressed. Where the payload itself comes in parts,
 * changes go out before its end is there: a fault further on is a dead letter behind them, with
 * their txid, and none of them is the last of its transaction.
 */
#include "parsers/mysql/log_priv.h"
#include "parsers/mysql/wire.h"

static const char too_long[] = "an event of a compressed transaction longer than the memory for it";

/* What one packet brings is read in one turn, in which no port is looked at. Good ones have a
 * hundredth of it: this is 64 times what a packet holds.
 */
#define AT_ONCE_BYTES_MAX (1ull << 30)

static uint64_t bytes_max(const struct reading *r)
{
	uint64_t max = r->p->conf->payload_bytes_max;
	return r->part || max < AT_ONCE_BYTES_MAX ? max : AT_ONCE_BYTES_MAX;
}

static struct mysql_payload *payload_of(struct reading *r, const struct mysql_event *ev)
{
	struct mysql_log *log = r->log;
	struct mysql_payloads *ps = r->p->payloads;
	struct mysql_payload *p = r->again ? mysql_payload_of(ps, log->owner, log->serial) : NULL;
	return p ? p
		 : mysql_payload_begin(ps, log->owner, log->serial, ev, bytes_max(r), log->inner);
}

/* The rest is lost: the transaction has no end. */
static enum mysql_outcome broken(struct reading *r, struct mysql_payload *p,
				 const struct mysql_event *ev, enum mysql_fault fault)
{
	mysql_payload_fail(p, fault);
	r->format = &r->log->format;
	r->ahead = MYSQL_AHEAD_UNKNOWN;
	struct mysql_event shown = *ev;
	if (r->part)
		shown.bytes = mysql_payload_front(p);
	enum mysql_outcome o = mysql_read_dead(r, &shown, NULL, mysql_fault_text(fault));
	if (o == MYSQL_FULL)
		return o;
	mysql_txn_lost(&r->log->txn);
	mysql_payload_give_back(p);
	return r->why ? MYSQL_LOST : o;
}

/* Why one is broken whose end does not come: what was wrong with it before, wherever that may be.
 */
static enum mysql_fault cut_by(const struct mysql_payload *p)
{
	enum mysql_fault fault = mysql_payload_fault(p);
	return fault != MYSQL_F_OK ? fault : MYSQL_F_CUT;
}

static void done_with(struct reading *r, struct mysql_payload *p, size_t size)
{
	mysql_payload_drop(p, size);
	r->log->inner = mysql_payload_done(p);
	r->log->rows = 0;
}

/* One that cannot be held: it has a row at least. */
static void pass_over(struct reading *r, struct mysql_payload *p, const uint8_t *header)
{
	struct mysql_log *log = r->log;
	r->why = too_long;
	if (mysql_event_op(header[4])) {
		log->idx++;
		log->txn.n++;
		log->txn.marked = false;
	}
	done_with(r, p, wire_le32(header + 9));
}

/* An event inside, whose size has been looked at. FULL: it is to be read again. */
static enum mysql_outcome read_one(struct reading *r, struct mysql_payload *p, struct slice events)
{
	struct mysql_event ev;
	size_t needed;
	enum mysql_outcome o = MYSQL_LOST;
	r->format = &r->p->inner_format;
	r->p->inner_format.checksum = false;
	enum mysql_fault fault = mysql_event_parse(events, r->format, &ev);
	if (fault == MYSQL_F_OK) {
		r->ahead = mysql_ahead_event(slice_from(events, ev.size), r->format, &needed);
		o = mysql_read_event(r, &ev);
	} else {
		r->why = mysql_fault_text(fault);
	}
	if (o != MYSQL_FULL)
		done_with(r, p, ev.size);
	return o;
}

/* All events that are there. False: the burst is full. */
static bool read_all(struct reading *r, struct mysql_payload *p, struct slice *io_in,
		     enum mysql_fault *ret_fault)
{
	struct slice events;
	for (;;) {
		*ret_fault = mysql_payload_next(p, io_in, &events);
		if (*ret_fault == MYSQL_F_TOO_LARGE)
			pass_over(r, p, events.ptr);
		else if (*ret_fault != MYSQL_F_OK)
			return true;
		else if (read_one(r, p, events) == MYSQL_FULL)
			return false;
	}
}

enum mysql_outcome mysql_read_payload(struct reading *r, const struct mysql_event *ev)
{
	struct mysql_log *log = r->log;
	struct mysql_part *part = r->part;
	struct mysql_payload *p = payload_of(r, ev);
	size_t fed = part && !part->begins ? 0 : mysql_payload_fed(p);
	struct slice all = part ? part->bytes : ev->bytes, in = slice_from(all, fed);
	enum mysql_fault fault;
	r->p->inner_format = log->format;
	r->part = NULL; /* the events inside are whole */
	bool all_read = read_all(r, p, &in, &fault);
	r->part = part;
	if (all_read && fault == MYSQL_F_END && part) {
		fault = mysql_payload_sum(p, &in, ev->has_crc || !log->sums_known);
		r->p->chains.row[MYSQL_CHAIN_checksums] += fault == MYSQL_F_CHECKSUM;
	}
	if (part)
		part->taken = (size_t)(in.ptr - all.ptr);
	if (!all_read)
		return MYSQL_FULL;
	if (fault == MYSQL_F_MORE && part && !part->ends)
		return MYSQL_MORE;
	if (fault != MYSQL_F_OK && fault != MYSQL_F_END)
		return broken(r, p, ev, fault == MYSQL_F_MORE ? cut_by(p) : fault);
	mysql_payload_give_back(p);
	return r->why ? MYSQL_LOST : MYSQL_READ;
}
