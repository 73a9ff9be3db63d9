/* reasm.h - the bytes of one TCP direction, in order.
 *
 * In:     segments in any order, acknowledgements, deadlines.
 * Out:    FLOW_DATA and FLOW_GAP events. Bytes that came in order are borrowed from the packet,
 *         others from the pool's pages.
 * Owns:   struct flow_wait of a direction, while something waits.
 * Runs:   worker.
 * Limits: flow.segment_bytes_max a direction, flow.memory_bytes_max: the first hole is given up.
 *
 * A hole is given up (a gap is told, the bytes behind it go on) for these reasons only:
 *
 *   ACKED   the peer acknowledged bytes in it, and gap_wait has passed since
 *   WAITED  no packet of the peer for gap_wait_unacked since the bytes behind it came; where the
 *           peer had been seen before, SURE_SEGMENTS must stand behind the hole, since one alone
 *           may be damaged, and then all that the sender goes on with would come too late
 *   MEMORY  a limit
 *   END     the session is over
 *
 * and those of its bytes that the capture cut off are told as SNAPLEN in place of these.
 *
 * A direction whose SYN was not seen (joined late) begins with the first byte seen, but that byte
 * may have overtaken others. So the first ORIGIN_BYTES wait, gap_wait at most, and the lowest byte
 * among them is stream_off 0. This costs a late joiner up to gap_wait of delay, once; it loses
 * nothing, and gives the same stream whatever else the worker sees.
 */
#ifndef SL_FLOW_REASM_H
#define SL_FLOW_REASM_H

#include "dataplane/flow/flow_priv.h"

#define ORIGIN_BYTES  65536u

/* A segment further than this from next_seq is outside every window (RFC 7323: 1 GiB). */
#define WINDOW_BYTES  (1u << 30)

/* One that leaves so much out behind all that was seen or acknowledged is not believed at once: its
 * number may be damaged. More than the receive buffers of usual hosts.
 */
#define LEAP_BYTES    (16u << 20)

/* So many segments, each where the one before ended, are believed. */
#define SURE_SEGMENTS 4

struct reasm_segment {
	uint32_t seq; /* of the first byte */
	struct slice bytes;
	uint32_t cut_bytes; /* cut off behind them */
	struct flow_cause cause;
};

/* The stream starts at @seq. */
void reasm_start(struct flow_dir *d, uint32_t seq);

/* Sequence number of stream_off 0 of a DIR_KNOWN direction. */
static inline uint32_t reasm_start_seq(const struct flow_dir *d)
{
	return d->next_seq - (uint32_t)(d->pos - d->base);
}

void reasm_add(struct flow *f, uint32_t idx, unsigned dir, struct reasm_segment seg);

/* The other direction acknowledged @ack (when @has_ack), or was just heard of. */
void reasm_peer(struct flow *f, uint32_t idx, unsigned dir, bool has_ack, uint32_t ack,
		uint64_t time_ns);

/* Could the stream of this direction start at @seq? Not when its start is settled, or bytes before
 * @seq wait.
 */
bool reasm_origin_fits(struct flow *f, const struct flow_dir *d, uint32_t seq);

/* It does: what waits behind goes out. */
void reasm_origin_set(struct flow *f, uint32_t idx, unsigned dir, uint32_t seq, uint64_t time_ns);

/* The deadline of the direction: NEVER when nothing waits. */
static inline uint64_t reasm_deadline(const struct flow *f, const struct flow_dir *d)
{
	return d->wait ? f->waits[d->wait].deadline_ns : NEVER;
}

/* The deadline has come: gives up what is due. */
void reasm_fire(struct flow *f, uint32_t idx, unsigned dir);

/* To the end of its list, with the deadline it has now. */
void reasm_requeue(struct flow *f, uint32_t w);

/* Gives up the first hole for memory. False: nothing waits. */
bool reasm_shed(struct flow *f, uint32_t idx, unsigned dir, const struct flow_cause *cause);

/* The session is over: all holes are given up, and bytes that FIN or acknowledgements speak of but
 * nobody saw are told as a gap.
 */
void reasm_finish(struct flow *f, uint32_t idx, unsigned dir, const struct flow_cause *cause);

/* Client and server change places. */
void reasm_swap(struct flow *f, uint32_t idx);

/* All bytes up to the FIN are out. */
static inline bool reasm_done(const struct flow_dir *d)
{
	return (d->flags & (DIR_FIN | DIR_KNOWN)) == (DIR_FIN | DIR_KNOWN) &&
	       d->next_seq == d->end_seq;
}

#endif
