/* dead_letter_store.h - a folder of dead letters: what is in it, and what became of each.
 *
 * In:     a folder that dead_letter_sink.c writes, maybe at this moment.
 * Out:    its letters with their numbers; marks of those that were tried again.
 * Owns:   a file of marks, DIR/retried: 32 bytes each, appended, the last of a letter counts.
 * Runs:   main, or one thread at a time.
 * Limits: memory for one mark a letter.
 *
 *     mark   0 number of the letter u64 | 8 when, ns u64 | 16 state u8, 7 zeros
 *           24 XXH64 of the 24 bytes before u64
 *
 * A mark that was cut by a crash is not read: its letter is then as it was before.
 */
#ifndef SL_SINK_DEAD_LETTER_STORE_H
#define SL_SINK_DEAD_LETTER_STORE_H

#include "dataplane/base/err.h"
#include "dataplane/sink/dead_letter.h"
#include "dataplane/sink/file_ops.h"

enum dead_state {
	DEAD_NEW,
	DEAD_FAILED,  /* it was tried again, and failed again */
	DEAD_RETRIED, /* it went through */
	DEAD_N_STATES,
};
extern const char *const dead_state_names[DEAD_N_STATES]; /* "new", "failed again", "retried" */

struct dead_letter_store;

/* Lists the folder and reads the marks; @io is borrowed. -ENOENT: there is no such folder. */
int dead_letter_store_open(const struct file_ops *io, const char *dir,
			   struct dead_letter_store **ret_s, struct err *e);
void dead_letter_store_close(struct dead_letter_store *s);

/* The next letter, in the order of their numbers; borrowed until the next call. 1; 0: there are no
 * more; -EIO and the like with a text.
 */
int dead_letter_store_next(struct dead_letter_store *s, uint64_t *ret_seq,
			   struct dead_letter *ret_l, struct err *e);
/* From the first again. */
void dead_letter_store_rewind(struct dead_letter_store *s);

/* Damage that was passed over since the folder was opened or rewound, in bytes, letters of no form
 * that is known among them. *ret_cut, NULL or set: the ends of files that are cut, by a crash it
 * may be, or are being written.
 */
uint64_t dead_letter_store_damaged(const struct dead_letter_store *s, uint64_t *ret_cut);

enum dead_state dead_letter_store_state(const struct dead_letter_store *s, uint64_t seq);

/* No other process marks until close. -EBUSY with a text that names it. */
int dead_letter_store_lock(struct dead_letter_store *s, struct err *e);
/* Of a store that is locked. Marks are on the disk after sync. */
int dead_letter_store_mark(struct dead_letter_store *s, uint64_t seq, enum dead_state state,
			   uint64_t when_ns, struct err *e);
int dead_letter_store_sync(struct dead_letter_store *s, struct err *e);

/* Removes finished segments: those of which all letters are retried, and those that were begun
 * before @before_ns. Sets what they had, in bytes, letters that were not retried among them.
 */
struct dead_swept {
	uint64_t bytes, letters, not_retried;
};
int dead_letter_store_sweep(struct dead_letter_store *s, uint64_t before_ns, struct dead_swept *ret,
			    struct err *e);

/* Above all numbers that a letter has or had; and the bytes of all segments. */
uint64_t dead_letter_store_end(const struct dead_letter_store *s);
uint64_t dead_letter_store_bytes(const struct dead_letter_store *s);

#endif
