/* timers.h - which sessions are to be looked at again when packet time has come so far.
 *
 * In:     an index and a time.
 * Out:    indexes whose time has come, at most TIMERS_LATE_NS late where packet time goes on.
 * Owns:   a wheel of lists, and 12 bytes an index, touched as used.
 * Runs:   worker.
 * Limits: one time an index. Times beyond the wheel (73 minutes), and those of before a clock that
 *         stepped back, are answered with the index too early: ask what it waits for, arm again.
 */
#ifndef SL_FRAME_TIMERS_H
#define SL_FRAME_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

/* A slot of the wheel is 2^30 ns; a time belongs to the slot that begins behind it. */
#define TIMERS_GRAIN_SHIFT 30
#define TIMERS_LATE_NS     (1ull << TIMERS_GRAIN_SHIFT)
#define TIMERS_SLOTS       4096
#define TIMERS_NONE        UINT32_MAX

struct timer;

struct timers {
	struct timer *of;
	uint32_t n_max, n_armed;
	uint64_t cursor; /* the slots before this are done with */
	uint32_t slots[TIMERS_SLOTS];
};

/* Indexes are below @n_max. 0 or -ENOMEM. */
int timers_init(struct timers *t, uint32_t n_max);
void timers_fini(struct timers *t);

/* Moves the index to @due_ns; where it is armed for an earlier time it stays there. */
void timers_arm(struct timers *t, uint32_t idx, uint64_t now_ns, uint64_t due_ns);
void timers_disarm(struct timers *t, uint32_t idx);

/* One index whose time has come, or TIMERS_NONE. The same again until it is disarmed. */
uint32_t timers_next(struct timers *t, uint64_t now_ns);

#endif
