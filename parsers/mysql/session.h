/* session.h - what is known of one session, and the steps that its bytes are taken in.
 *
 * In:     the unread bytes of a direction.
 * Out:    steps: bytes that are taken, passed over, skipped.
 * Owns:   nothing; struct mysql_state is the parser's plain bytes in a session.
 * Runs:   worker.
 * Limits: -
 */
#ifndef SL_PARSERS_MYSQL_SESSION_H
#define SL_PARSERS_MYSQL_SESSION_H

#include "parsers/mysql/pool.h"
#include "parsers/mysql/proto.h"

enum client_phase { CLIENT_LOGIN, CLIENT_COMMANDS, CLIENT_LOST };
enum server_phase { SERVER_GREETING, SERVER_AUTH, SERVER_ANSWERS, SERVER_EVENTS };

/* An event that is taken in parts, as its packets come; or passed over, when it is too long to be
 * held.
 */
struct mysql_long {
	bool on;
	bool begun;     /* some of it was taken */
	bool again;     /* the burst was full */
	bool done;      /* it is read; the rest of its packets is not */
	bool goes_on;   /* another packet follows */
	bool semi_sync; /* its packets tell so */
	uint8_t seen;  /* bytes at the front that were taken before, 0 or 1: then the burst was full
			*/
	uint32_t left; /* of the event: to come */
	uint32_t packet; /* and of the packet at hand */
	uint64_t off;    /* where it begins in the session */
	const char *why; /* why it is lost, or NULL */
};

struct mysql_state {
	uint32_t owner;    /* 0: it has nothing in the pool yet */
	uint16_t log_slot; /* where its log is, most likely */
	uint32_t server_caps;
	uint32_t replica_id;    /* as the dump has it */
	uint8_t client, server; /* phases */
	uint8_t squeeze;        /* enum mysql_squeeze, from the end of the login on */
	bool begun[2];          /* the direction has been read before */
	bool login_known, tls;
	bool dump;      /* the client has asked for events */
	bool may_dump;  /* it may have: bytes of it are missing */
	bool ordinary;  /* joined late, and seen to be a session with queries */
	bool file;      /* a binary log file, not a session */
	bool resync;    /* find the next event */
	bool realign;   /* find the next compressed packet */
	bool had_event; /* since the dump */
	bool no_sums;   /* the replica refused checksums */
	bool lent;      /* it has a stream: half an event, or the rest of a compressed packet */
	bool fed; /* the unit at the front of the server's bytes stands in the stream already */
	uint32_t gather;     /* of a file: bytes of the event at hand that its stream lacks, or 0 */
	uint64_t gather_off; /* where that event begins */
	const char *unit_lost; /* not NULL: something of that unit is lost, and why */
	uint64_t held_ns;      /* not 0: the event at the front waits for the next one since then */
	uint64_t acked;        /* so many of the server's bytes, and 1; 0: no acknowledgement yet */
	struct mysql_long lng;
	size_t budget;
	size_t pass[2]; /* bytes of the packet at hand that are still to be passed over */
	uint64_t
		hole[2]; /* where the last hole ended, and 1: it is told until a byte is consumed */
};

/* --- Steps: what one look at the front of a direction came to --------------------------------- */

/* One call of parse. */
struct work {
	struct mysql_state *st;
	struct mysql_pool *pool;
	const struct parse_in *in;
	struct frame_out *out;
	struct parse_result r;
	uint64_t end_off; /* struct mysql_seen's, of the event at hand */
};

enum step { STEP_ON, STEP_STOP };

static inline struct slice rest_of(const struct work *w)
{
	return slice_from(w->in->data, w->r.consumed);
}

static inline enum step more(struct work *w, size_t needed)
{
	size_t left = rest_of(w).len;
	w->r.status = PARSE_MORE;
	w->r.needed = needed > left ? needed : left + 1;
	return STEP_STOP;
}

static inline enum step take(struct work *w, size_t n)
{
	w->r.consumed += n;
	return STEP_ON;
}

static inline enum step skip(struct work *w, size_t n, const char *why)
{
	w->r.skipped += n;
	w->r.why = why;
	return take(w, n);
}

static inline enum step pass(struct work *w, size_t n)
{
	w->r.passed_over += n;
	return take(w, n);
}

static inline enum step stop(struct work *w, enum parse_status status, const char *why)
{
	w->r.status = status;
	w->r.why = why;
	return STEP_STOP;
}

static inline bool may_wait(const struct work *w)
{
	return !w->in->end && !w->in->before_gap;
}

/* The log that the session reads. */
struct mysql_log *mysql_session_log(const struct work *w);

/* All that is known of tables and files is of before a hole: it goes, and with it half events. */
void mysql_session_anew(struct work *w);

/* What follows is no event, or it is not known where one begins. */
void mysql_session_find(struct work *w);

/* Gives an event to the log, or a part of one. Of @seen only off, ahead and part are set: its time
 * is that of its last byte, also where it waited since.
 */
enum mysql_outcome mysql_session_event(struct work *w, struct slice event, struct mysql_seen *seen,
				       const char **ret_why);

/* Bytes of the packet, or compressed packet, that begins here: those of its header, if it is cut.
 */
size_t mysql_unit_bytes(const struct work *w, struct slice s);

/* long.c: does the packet at the front of @s begin an event that is taken in parts? Then the
 * packet's header, and what stands in front of the event, is *ret_head bytes. MORE: so many are
 * needed to tell.
 */
enum mysql_scan mysql_long_packet(struct work *w, struct slice s, size_t *ret_head);
/* The same of an event in a file. */
bool mysql_long_event(struct work *w, const uint8_t *header);
/* Does the event in a file stand where the one before it ended, as far as that is known? */
bool mysql_event_fits(const struct work *w, const uint8_t *header);

/* What became of bytes. */
struct mysql_taken {
	size_t bytes, lost; /* lost: of these */
	const char *why;
};

/* Takes bytes of it from the front of @s: all that are of use. STOP: the burst is full. */
enum step mysql_long_take(struct work *w, struct slice s, struct mysql_taken *ret);

/* The next event, or what else stands at the front of what the server sends; of a file. */
enum step mysql_server_events(struct work *w, struct slice s);
enum step mysql_file_step(struct work *w);

#endif
