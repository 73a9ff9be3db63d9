/* capture.h - where packets come from: one small interface over ports, files and memory.
 *
 * In:     a device or a list of files.
 * Out:    bursts of struct pkt_raw in the order of the source, borrowed until the next receive.
 * Owns:   its blocks, its mbufs, its file handles.
 * Runs:   open and close: main. receive: one worker.
 * Limits: PKT_BURST packets a burst.
 */
#ifndef SL_CAPTURE_CAPTURE_H
#define SL_CAPTURE_CAPTURE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/err.h"
#include "dataplane/capture/pkt.h"

/* What a source says of itself; read by any thread for progress and status. */
struct capture_stats {
	_Atomic uint64_t packets;     /* handed out */
	_Atomic uint64_t bytes;       /* read from the file (compressed bytes), or received */
	_Atomic uint64_t bytes_total; /* size of all files; 0 when unknown */
	/* Lost before us, by the card's or the kernel's own count. */
	_Atomic uint64_t missed;      /* the card's or the kernel's ring was full */
	_Atomic uint64_t no_buffer;   /* the pool was empty */
	_Atomic uint64_t bad_frames;  /* broken on the wire, or refused by the card */
	_Atomic uint64_t unstamped;   /* of packets: the card's stamp was missing, or no time */
	_Atomic uint64_t clock_steps; /* the card's clock, or the host's, was set */
	_Atomic uint64_t link_downs;  /* the interface went down, or away */
	_Atomic uint64_t polls;       /* looks for packets */
	_Atomic uint64_t empty_polls; /* of these, in vain */
	_Atomic uint64_t waits;       /* times that it slept, since nothing came */
};

struct capture;

struct capture_ops {
	const char *name;
	/* Up to PKT_BURST packets. Returns their number; 0 when there is none now (ports only);
	 * -ENODATA at the end; another -errno when the source broke: capture_error() then has the
	 * text with file and offset, and what was handed out before stays true.
	 */
	int (*receive)(struct capture *c, struct pkt_raw *out);
	/* No receive will follow: counts what was lost until now. NULL: nothing to count. */
	void (*settle)(struct capture *c);
	/* Packets that were lost before they came to who receives, as it took no more, or who
	 * receives for it; NULL: as the stats say.
	 */
	uint64_t (*missed)(const struct capture *c);
	/* Nothing came, several times in a row: sleeps until something may have come, or @ns are
	 * over. NULL: it has no way to (files).
	 */
	void (*wait)(struct capture *c, uint64_t ns);
	void (*close)(struct capture *c); /* frees c too; accepts NULL */
};

struct capture {
	const struct capture_ops *ops;
	struct capture_stats stats;
	struct err err;
	uint64_t late_ns; /* what a port hands out is at most so old, when it is asked often */
	uint64_t come_ns; /* of a receive that gave nothing: no packet from before this comes any
			   * more; 0: as the clock before it and late_ns say */
	uint64_t wait_max_ns; /* no longer wait than this may keep it from being asked */
	bool pending;         /* something has come, and is handed out in a moment */
	bool ends;            /* told to stop, it ends by itself with -ENODATA */
	bool behind;          /* it took a whole burst, which it did not hand out as a whole */
};

static inline int capture_receive(struct capture *c, struct pkt_raw *out)
{
	return c->ops->receive(c, out);
}

/* Of one writer: readers see one or the other. */
static inline void capture_count(_Atomic uint64_t *n, uint64_t more)
{
	uint64_t was = atomic_load_explicit(n, memory_order_relaxed);
	atomic_store_explicit(n, was + more, memory_order_relaxed);
}

/* What came before a stop stands in the rings of the card or the kernel, and is read; what comes
 * since must not hold it up for ever.
 */
#define CAPTURE_BURSTS_AFTER_STOP 16384
#define CAPTURE_STOP_SLACK_NS     5000000ull

struct capture_stop {
	uint64_t at_ns; /* 0: none yet */
	unsigned n_bursts;
};

/* A stop was asked for, and a receive has answered @n. True: nothing is left of what came before.
 */
static inline bool capture_is_dry(struct capture_stop *s, const struct capture *c, int n)
{
	uint64_t now_ns = clock_mono_ns();
	if (s->at_ns == 0)
		s->at_ns = now_ns;
	if (n > 0)
		return ++s->n_bursts == CAPTURE_BURSTS_AFTER_STOP;
	return !c->pending && now_ns - s->at_ns > c->late_ns + CAPTURE_STOP_SLACK_NS;
}

static inline void capture_wait(struct capture *c, uint64_t ns)
{
	if (ns && c->ops->wait)
		c->ops->wait(c, ns);
}

static inline uint64_t capture_missed(const struct capture *c)
{
	if (c->ops->missed)
		return c->ops->missed(c);
	return atomic_load_explicit(&c->stats.missed, memory_order_relaxed) +
	       atomic_load_explicit(&c->stats.no_buffer, memory_order_relaxed);
}

static inline void capture_settle(struct capture *c)
{
	if (c->ops->settle)
		c->ops->settle(c);
}

static inline void capture_close(struct capture *c)
{
	if (c)
		c->ops->close(c);
}

#endif
