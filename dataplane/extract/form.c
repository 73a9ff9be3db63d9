#include "dataplane/extract/form.h"

#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "dataplane/rec/json_text.h"

#define NO_PAIR 0xffff
static_assert(REC_PAIRS_MAX < NO_PAIR, "pairs are chained by 16 bits");

struct form {
	uint16_t next[REC_PAIRS_MAX]; /* the next pair of the same key, or NO_PAIR */
	uint16_t last[REC_PAIRS_MAX]; /* of a first pair: the end of its chain */
};

struct form *form_create(void)
{
	return mem_alloc(sizeof(struct form));
}

void form_destroy(struct form *f)
{
	mem_free(f);
}

/* The decoded text: the part itself when nothing in it is encoded. */
static struct slice decoded(struct rec_builder *rb, struct slice s)
{
	if (!memchr(s.ptr, '%', s.len) && !memchr(s.ptr, '+', s.len))
		return s;
	uint32_t off = arena_take(&rb->b->arena, s.len);
	if (!off) {
		rb->full = true;
		return (struct slice){s.ptr, 0};
	}
	uint8_t *out = rb->b->arena.base + off, *o = out;
	for (size_t i = 0; i < s.len; i++) {
		int hi = i + 2 < s.len && s.ptr[i] == '%' ? text_hex_digit(s.ptr[i + 1]) : -1;
		int lo = hi >= 0 ? text_hex_digit(s.ptr[i + 2]) : -1;
		if (lo >= 0) {
			*o++ = (uint8_t)(hi << 4 | lo);
			i += 2;
		} else {
			*o++ = s.ptr[i] == '+' ? ' ' : s.ptr[i];
		}
	}
	return slice_of(out, (size_t)(o - out));
}

static void split(struct slice text, struct rec_builder *rb)
{
	while (text.len) {
		const uint8_t *amp = memchr(text.ptr, '&', text.len);
		size_t len = amp ? (size_t)(amp - text.ptr) : text.len;
		struct slice part = slice_of(text.ptr, len);
		text = slice_from(text, len + 1);
		if (len == 0)
			continue;
		const uint8_t *eq = memchr(part.ptr, '=', len);
		size_t key_len = eq ? (size_t)(eq - part.ptr) : len;
		struct slice key = decoded(rb, slice_of(part.ptr, key_len));
		struct slice value = decoded(rb, slice_from(part, key_len + 1));
		rec_pair(rb, keys_of_sender(rb, VAL_STR, key), rec_ref(rb, VAL_STR, value));
	}
}

/* ["first","second"] of the chain that begins at pair @i. */
static struct val array_of(const struct form *f, struct rec_builder *rb, unsigned i)
{
	struct arena *a = &rb->b->arena;
	size_t most = 1;
	for (unsigned at = i; at != NO_PAIR; at = f->next[at])
		most += 3 + JSON_TEXT_FACTOR * (size_t)rb->pairs[2 * at + 1].len;
	uint32_t off = arena_take(a, most);
	if (!off) {
		rb->full = true;
		return (struct val){0};
	}
	uint8_t *o = a->base + off;
	bool invalid = false;
	for (unsigned at = i; at != NO_PAIR; at = f->next[at]) {
		struct val v = rb->pairs[2 * at + 1];
		*o++ = at == i ? '[' : ',';
		*o++ = '"';
		o += json_text_put(o, a->base + v.off, v.len, &invalid);
		*o++ = '"';
	}
	*o++ = ']';
	a->used = (size_t)(o - a->base);
	return val_of(VAL_JSON, off, a->used - off);
}

void form_pairs(struct form *f, struct keys *k, struct slice text, struct rec_builder *rb)
{
	unsigned first = rb->n_pairs, n = first;
	split(text, rb);
	if (rb->full)
		return;
	keys_start(k, rb->n_pairs);
	bool chained = false;
	for (unsigned i = first; i < rb->n_pairs; i++) {
		int at = keys_find(k, rb, i);
		f->next[i] = NO_PAIR;
		f->last[i] = (uint16_t)i;
		if (at < 0) {
			/* Not the end of a chain: taken out below, and counted. */
			f->last[i] = NO_PAIR;
			rb->n_pairs_lost++;
			chained = true;
		} else if (at != (int)i) {
			f->next[f->last[at]] = (uint16_t)i;
			f->last[at] = (uint16_t)i;
			f->last[i] = NO_PAIR;
			chained = true;
		}
	}
	if (!chained)
		return;
	for (unsigned i = first; i < rb->n_pairs; i++) {
		if (f->last[i] == NO_PAIR)
			continue;
		struct val v = f->next[i] == NO_PAIR ? rb->pairs[2 * i + 1] : array_of(f, rb, i);
		rb->pairs[2 * n] = rb->pairs[2 * i];
		rb->pairs[2 * n + 1] = v;
		n++;
	}
	rb->n_pairs = n;
}
