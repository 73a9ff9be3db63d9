/* frame_datagram.h - the straight way of datagrams that are frames.
 *
 * In:     a datagram of a session with whole_datagrams.
 * Out:    a frame in the burst, its bytes in the arena of the batch; counters of its source.
 * Owns:   nothing.
 * Runs:   worker. Private to frame.c, and in line there.
 * Limits: -
 */
#ifndef SL_FRAME_FRAME_DATAGRAM_H
#define SL_FRAME_FRAME_DATAGRAM_H

#include "dataplane/frame/frame_priv.h"

/* The straight way. Nothing of a datagram is kept, nobody waits for it, and its parser has nothing
 * to remember: so it is neither put to parse, nor described by it, but a frame at once.
 */
static inline bool frame_put_datagram(struct frame_out *o, const struct frame_session *fs,
				      const struct flow_event *ev, struct slice kept, bool cut)
{
	frame_out_origin(o, slice_of(fs->origin[ev->dir], fs->origin_len[ev->dir]));
	struct frame *to = frame_out_whole(o, kept);
	if (!to)
		return false;
	to->time_ns = ev->time_ns;
	to->stream_off = ev->stream_off;
	to->session_id = fs->session_id;
	to->session = ev->session;
	to->source = fs->slot->idx;
	to->dir = ev->dir;
	to->cut = cut;
	return true;
}

/* False when the burst is full: then nothing has been counted. @cut: the capture cut it. */
static inline bool frame_take_datagram(struct frame_stage *f, const struct frame_session *fs,
				       const struct flow_event *ev, bool cut)
{
	struct slice kept = fs->slot->parser->datagram(ev->data);
	if (kept.len && !frame_put_datagram(&f->out, fs, ev, kept, cut)) {
		f->out.full = true;
		return false;
	}
	uint64_t *row = fs->slot->row;
	row[FRAME_bytes_in] += ev->data.len;
	row[FRAME_bytes_framed] += ev->data.len;
	row[FRAME_frames] += kept.len > 0;
	return true;
}

#endif
