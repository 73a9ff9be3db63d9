/* frame.h - from slices of sessions to frames: who parses what, half frames carried over.
 *
 * In:     struct flow_event.
 * Out:    struct frame, whose bytes are copied into the arena of the batch.
 * Owns:   per session: the choice of source and the parser's state; per direction: unread bytes.
 * Runs:   worker.
 * Limits: frame.* options.
 */
#ifndef SL_FRAME_FRAME_H
#define SL_FRAME_FRAME_H

#include "dataplane/base/ledger.h"
#include "dataplane/flow/flow.h"
#include "dataplane/frame/parser.h"
#include "dataplane/frame/reasons.h"

struct frame_conf {
	uint64_t bytes_max;       /* the longest frame; default 1 MiB */
	uint64_t carry_bytes_max; /* unread bytes of all sessions of a worker */
	int64_t probe_bytes_max;  /* bytes looked at before a session is left alone */
	/* No option: room for the states of parsers that a reload brings; 0: it brings none. */
	size_t state_bytes_min;
};

extern const struct opt frame_opts[];

/* A source of the configuration, as frame needs it. */
struct frame_source {
	const char *name;
	const struct parser *parser;
	const void *conf;          /* of the parser */
	struct opt_ports tcp, udp; /* the source's ports; none: found by probe only */
	void *keep;                /* of the parser, borrowed; NULL: none */
	bool probe;                /* also sessions on other ports, when the first bytes say YES */
	bool port_decides;         /* a session on these ports is ours unless the probe says NO */
	/* 1 + the number of the source that goes on here with its sessions, at a reload; 0: it is a
	 * new one.
	 */
	uint32_t goes_on;
};

/* The longest frame of a source with parser @p. */
static inline size_t frame_limit(const struct frame_conf *conf, const struct parser *p)
{
	return p->bytes_max > conf->bytes_max ? p->bytes_max : conf->bytes_max;
}

/* The longest frame of all @sources: what batches must hold. */
size_t frame_limit_max(const struct frame_conf *conf, const struct frame_source *sources,
		       unsigned n_sources);

struct frame_stage;

int frame_create(const struct frame_conf *conf, const struct frame_source *sources,
		 unsigned n_sources, const struct flow *flow, struct frame_stage **ret_f,
		 struct err *e);
void frame_destroy(struct frame_stage *f);

/* ---- another set of sources, at a reload ----
 *
 * What each source has in a stage: its row, its parser's pool; and who claims what. Made and
 * destroyed by another thread, one beside another.
 */
struct frame_table;

/* Beside the table of @f that runs. @sources is borrowed; their parsers need no more room than
 * those that frame_create has seen, and conf.state_bytes_min. 0 or -errno with a text.
 */
int frame_table_create(const struct frame_stage *f, const struct frame_source *sources,
		       unsigned n_sources, struct frame_table **ret_t, struct err *e);
void frame_table_destroy(struct frame_table *t); /* accepts NULL */

/* Between two turns, again and again as long as they say true; each time the caller passes the
 * frames on. Each goes through a few sessions. First, with the sources and all that is behind
 * frame as they were: frames of TCP sessions that the next table gives to another source come to
 * their end, and what follows waits, unread. Then the tables are exchanged, and what is behind
 * frame. At last, what waits is claimed and read, and so are sessions that nobody wanted where
 * somebody may now. A session whose source goes on, and still names its port, is not touched.
 */
bool frame_leave(struct frame_stage *f, const struct frame_table *next, struct batch *b,
		 struct frame *frames, unsigned *ret_n_frames);
void frame_exchange(struct frame_stage *f, struct frame_table **io_t);
bool frame_settle(struct frame_stage *f, struct batch *b, struct frame *frames,
		  unsigned *ret_n_frames);
void frame_stay(struct frame_stage *f); /* in place of the exchange: nothing waits any more */

/* Of a table that was exchanged: the row, reasons and pool of a source that has not gone on, or
 * NULL.
 */
struct frame_left {
	const uint64_t *row;
	const struct reasons *reasons;
	const void *pool;
};
bool frame_table_left(const struct frame_table *t, unsigned source, struct frame_left *ret_l);

/* Reads events from @ev on until the batch is full or all are read. Returns the number of events
 * done with; the caller passes the frames on and comes back with the rest until all @n are done.
 */
unsigned frame_parse(struct frame_stage *f, const struct flow_event *ev, unsigned n,
		     struct batch *b, struct frame *frames, unsigned *ret_n_frames);

/* The first packets of a burst, as far as they are plain: datagrams of sessions that are known,
 * each whole and a frame by itself. They are frames at once, without an event in between; all that
 * flow_track and frame_parse count and remember of them is, but flow's clock, which flow_track is
 * to be called for, with the packets that are left or with none. Returns their number. To be called
 * when no event is left to be read.
 */
unsigned frame_straight(struct frame_stage *f, struct flow *flow, const struct pkt *pkts,
			unsigned n, struct batch *b, struct frame *frames, unsigned *ret_n_frames);

/* As frame_parse, behind the frames that frame_straight has just put. */
unsigned frame_parse_on(struct frame_stage *f, const struct flow_event *ev, unsigned n,
			unsigned *ret_n_frames);

/* Packet time has come to @now_ns: calls the parsers that wanted to be called by then (due_ns of
 * parse_result), a little later than they wanted. True: the batch is full; the caller passes the
 * frames on and calls again.
 */
bool frame_wake(struct frame_stage *f, uint64_t now_ns, struct batch *b, struct frame *frames,
		unsigned *ret_n_frames);

/* Puts what comes of a dead letter: @f is its frame, whose bytes stand in the arena of @b, and
 * @ground what its parser kept. *io_done: 0 at first. True: the batch is full; the caller passes
 * the frames on and calls again.
 */
bool frame_again(struct frame_stage *fs, const struct frame *f, struct slice ground,
		 uint32_t *io_done, struct batch *b, struct frame *frames, unsigned *ret_n_frames);

/* Ledger, per source (the last row, n_sources, is of sessions that nobody claims). Unit: bytes. */
#define FRAME_COLS(X)                                                                              \
	X(IN, bytes_in, "bytes in order, of sessions of this source")                              \
	X(OUT, bytes_framed, "became frames, delimiters and protocol included")                    \
	X(POLICY, unclaimed, "sessions that no source claims")                                     \
	X(POLICY, left_alone,                                                                      \
	  "bytes behind the end of a claim: TLS, another protocol, an upgrade")                    \
	X(POLICY, passed_over, "left out on purpose by the source's own options (host, path)")     \
	X(LOSS, skipped, "part of no frame: skipped to find the next frame's start")               \
	X(LOSS, bad, "the session stopped to be of this protocol")                                 \
	X(LOSS, too_long, "frames longer than frame.bytes_max")                                    \
	X(LOSS, no_memory, "unread bytes dropped: frame.carry_bytes_max")                          \
	X(LOSS, incomplete, "a frame had begun when its session, its source or the capture ended") \
	X(IN_FLIGHT, in_flight, "unread bytes that wait for the rest of their frame")              \
	X(MISSED, gap_bytes, "bytes that the capture never saw, inside sessions of this source")   \
	X(INFO, gaps, "such holes")                                                                \
	X(INFO, frames, "frames made")                                                             \
	X(INFO, frames_cut, "frames made of what was left around a hole or a snap length")         \
	X(INFO, sessions, "sessions claimed")                                                      \
	X(INFO, sessions_moved,                                                                    \
	  "of these: in mid-stream, from another source or from none, by a reload")

#define FRAME_COL(kind, name, help) FRAME_##name,
enum { FRAME_COLS(FRAME_COL) FRAME_N_COLS };
extern const struct ledger_table frame_ledger;
const uint64_t *frame_row(const struct frame_stage *f, unsigned source);

/* Why: of a row's unclaimed, left_alone, skipped and bad. */
const struct reasons *frame_reasons(const struct frame_stage *f, unsigned source);

/* What has become of the claim on a session that lives. */
enum frame_claim {
	FRAME_UNDECIDED, /* too few bytes yet */
	FRAME_READ,      /* by its source's parser */
	FRAME_LEFT, /* the parser reads no further, in one direction at least: it is something else
		     */
	FRAME_BROKEN, /* the same: it is not what it was taken for */
	FRAME_NOBODYS,
};

struct frame_look {
	enum frame_claim claim;
	uint16_t source; /* but for the first and last of these */
	const char *why; /* static text, of the last three; else NULL */
	uint64_t gaps, gap_bytes;
};

/* @session: an index of flow's, of a session that lives. */
void frame_look(const struct frame_stage *f, uint32_t session, struct frame_look *ret_l);

/* What the parser of a source keeps beside its sessions; or NULL. */
const void *frame_pool(const struct frame_stage *f, unsigned source);

#endif
