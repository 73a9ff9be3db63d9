/* stamp.h - what a card stamps on packets, turned into nanoseconds since 1970.
 *
 * In:     stamps; now and then one reading of the card's clock and of the host's, taken together.
 * Out:    packet time, or "that is no time".
 * Owns:   nothing.
 * Runs:   worker; a struct for each queue. Reads no clock itself.
 * Limits: a card's clock of 1 kHz to 100 GHz, that counts up, and wraps at 64 bits.
 *
 * Cards stamp with nanoseconds since 1970, or with ticks of a clock of their own. Ticks follow the
 * host's clock: the rate is measured again at each reading, and what the two have drifted apart is
 * made up for by going a little faster or slower, so that time never steps:
 *
 *      ns |            . /   after the reading: towards the host's clock
 *         |          ,/
 *         |       ,/         before it: as it was
 *         +---------|------- ticks
 */
#ifndef SL_CAPTURE_STAMP_H
#define SL_CAPTURE_STAMP_H

#include <stdbool.h>
#include <stdint.h>

/* A stamp that is further than this from the host's clock is no time. */
#define STAMP_APART_NS_MAX  1000000000ull

/* Between two readings: long enough for a rate, short enough for a drift of a few ms at most. */
#define STAMP_READ_EVERY_NS 1000000000ull

/* The two readings at start lie at least so far apart. */
#define STAMP_READ_FIRST_NS 100000000ull

enum stamp_kind {
	STAMP_NONE, /* the host's clock is taken */
	STAMP_NS,   /* nanoseconds since 1970, as they are */
	STAMP_TICKS,
};

struct stamp {
	enum stamp_kind kind;
	uint64_t ticks, ns;           /* the last reading, on the line of the picture */
	uint64_t read_ticks, read_ns; /* the same as it was read */
	double ns_per_tick;           /* from there on */
	double ns_per_tick_before;    /* up to there */
	double measured;              /* of the card's clock against the host's */
	bool settled;                 /* measured over more than the two readings at start */
};

/* What the card stamps with, by two readings of its clock (@ticks) and of the host's (@ns). */
struct stamp stamp_of_readings(uint64_t ticks0, uint64_t ns0, uint64_t ticks1, uint64_t ns1);

/* A later reading. False: the card's clock or the host's was set, and time has stepped. */
bool stamp_read(struct stamp *s, uint64_t ticks, uint64_t ns);

/* @host_ns: the host's clock, which the stamp must be near. False: it is no time. */
bool stamp_ns(const struct stamp *s, uint64_t stamp, uint64_t host_ns, uint64_t *ret_ns);

#endif
