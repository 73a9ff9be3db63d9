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

#include "dataplane/base/err.h"
#include "dataplane/capture/pkt.h"

/* What a source says of itself; read by any thread for progress and status. */
struct capture_stats {
	_Atomic uint64_t packets;     /* handed out */
	_Atomic uint64_t bytes;       /* read from the file (compressed bytes), or received */
	_Atomic uint64_t bytes_total; /* size of all files; 0 when unknown */
	_Atomic uint64_t missed;      /* lost before us, by the card's or the kernel's own count */
	_Atomic uint64_t unstamped;   /* of packets: the card's stamp was missing, or no time */
	_Atomic uint64_t clock_steps; /* the card's clock, or the host's, was set */
	_Atomic uint64_t link_downs;  /* the interface went down, or away */
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
	void (*close)(struct capture *c); /* frees c too; accepts NULL */
};

struct capture {
	const struct capture_ops *ops;
	struct capture_stats stats;
	struct err err;
};

static inline int capture_receive(struct capture *c, struct pkt_raw *out)
{
	return c->ops->receive(c, out);
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
