/* carry.h - buffers for the unread bytes of a session, in sizes of powers of two.
 *
 * In:     a size that a direction needs to keep.
 * Out:    a contiguous buffer that holds it.
 * Owns:   one region of address space per size; memory is taken where it is touched.
 * Runs:   worker; create and destroy: main.
 * Limits: carry_create's bytes_max over all buffers handed out, block_max for one.
 */
#ifndef SL_FRAME_CARRY_H
#define SL_FRAME_CARRY_H

#include "dataplane/base/slice.h"

struct carry_pool;

/* 0 or -ENOMEM. */
int carry_create(size_t bytes_max, size_t block_max, struct carry_pool **ret_p);
void carry_destroy(struct carry_pool *p);

/* The unread bytes of one direction; all zero is empty. What it is in must be padded by SL_PAD. */
#define CARRY_FEW 8
struct carry {
	uint8_t *block;         /* NULL: they are in `few` */
	size_t at, len, cap;    /* the bytes are block[at .. at + len - 1] */
	uint8_t few[CARRY_FEW]; /* for those that no block was to be had for */
};

static inline struct slice carry_bytes(const struct carry *c)
{
	return slice_of((c->block ? c->block : c->few) + c->at, c->len);
}

/* Appends @n bytes, into a larger buffer when needed. False when the pool's bounds refuse, and all
 * of them are more than a few: then nothing has changed.
 */
bool carry_append(struct carry_pool *p, struct carry *c, const uint8_t *bytes, size_t n);

/* @n bytes in place of all that is there, in the same buffer when that is of their size. False as
 * above: then nothing is there any more.
 */
bool carry_exchange(struct carry_pool *p, struct carry *c, const uint8_t *bytes, size_t n);

/* Takes @n bytes away at the front; gives the buffer back when nothing is left. */
void carry_consume(struct carry_pool *p, struct carry *c, size_t n);

void carry_clear(struct carry_pool *p, struct carry *c);

#endif
