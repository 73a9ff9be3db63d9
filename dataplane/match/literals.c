#include "dataplane/match/literals.h"

#include <immintrin.h>
#include <string.h>

#include "dataplane/base/mem.h"

#define WINDOW    5
#define N_BUCKETS 8 /* the bits of a table's entry */
#define BLOCK     64

#define WITH_VBMI __attribute__((target("avx512bw,avx512vbmi")))

struct literal {
	uint64_t window, mask; /* its bytes, and those that count */
	uint32_t at;           /* where it stands in the text */
	uint64_t bit;
	struct slice text;
};

struct literals {
	uint8_t tables[WINDOW][64];
	struct literal texts[LITERALS_MAX]; /* bucket by bucket */
	uint16_t first[N_BUCKETS + 1];      /* of each bucket */
	uint64_t bits[N_BUCKETS];           /* of the texts of each bucket */
	uint8_t *bytes;                     /* of all texts */
};

/* ---- building ---- */

/* Bytes of logs, the most frequent first; others are rarer than all of them. */
static const char common[] = " etaoinsr0lhd1cu2m-p3fg.4by5w=:/6v7\"98_k,TSEIACR[]PDNM()OxLFB";

/* The bytes, by six bits, that may stand at each place of a window of a bucket. A text that is
 * shorter than a window allows for all at the places behind it.
 */
struct bucket {
	uint64_t sets[WINDOW];
};

struct plan {
	double weights[64]; /* how often bytes of those six bits come, of all */
	struct bucket buckets[N_BUCKETS];
	uint32_t at[LITERALS_MAX]; /* the window of each text */
	uint8_t of[LITERALS_MAX];  /* its bucket */
};

static void weigh(double weights[64])
{
	double sum = 0;
	for (unsigned i = 0; i < 64; i++)
		weights[i] = 0.004;
	for (unsigned i = 0; common[i]; i++)
		weights[common[i] & 63] += 1.0 / (4 + i);
	for (unsigned i = 0; i < 64; i++)
		sum += weights[i];
	for (unsigned i = 0; i < 64; i++)
		weights[i] /= sum;
}

/* How often a place is a candidate of this bucket. */
static double odds(const struct plan *p, const struct bucket *b)
{
	double x = 1;
	for (unsigned k = 0; k < WINDOW; k++) {
		double sum = 0;
		for (uint64_t set = b->sets[k]; set; set &= set - 1)
			sum += p->weights[__builtin_ctzll(set)];
		x *= sum;
	}
	return x;
}

static struct bucket with_window(struct bucket b, struct slice text, uint32_t at)
{
	for (unsigned k = 0; k < WINDOW; k++)
		b.sets[k] |= at + k < text.len ? 1ull << text.ptr[at + k] % 64 : ~0ull;
	return b;
}

static uint32_t rarest_window(const struct plan *p, struct slice text)
{
	uint32_t best = 0;
	double least = 2;
	for (uint32_t at = 0; at == 0 || at + WINDOW <= text.len; at++) {
		struct bucket alone = with_window((struct bucket){0}, text, at);
		double x = odds(p, &alone);
		best = x < least ? at : best;
		least = x < least ? x : least;
	}
	return best;
}

/* The bucket that gets the fewest candidates more by it. */
static unsigned best_bucket(const struct plan *p, struct slice text, uint32_t at)
{
	unsigned best = 0;
	double least = 2;
	for (unsigned i = 0; i < N_BUCKETS; i++) {
		struct bucket with = with_window(p->buckets[i], text, at);
		double more = odds(p, &with) - odds(p, &p->buckets[i]);
		best = more < least ? i : best;
		least = more < least ? more : least;
	}
	return best;
}

static void plan_texts(struct plan *p, const struct slice *texts, unsigned n)
{
	*p = (struct plan){0};
	weigh(p->weights);
	for (unsigned i = 0; i < n; i++) {
		p->at[i] = rarest_window(p, texts[i]);
		p->of[i] = (uint8_t)best_bucket(p, texts[i], p->at[i]);
		struct bucket *b = &p->buckets[p->of[i]];
		*b = with_window(*b, texts[i], p->at[i]);
	}
}

/* A candidate is a branch that was not foreseen: one in so many bytes is too often. */
#define BYTES_PER_CANDIDATE 128

bool literals_can(const struct slice *texts, unsigned n)
{
	struct plan p;
	double sum = 0;
	if (n == 0 || n > LITERALS_MAX || !__builtin_cpu_supports("avx512vbmi") ||
	    !__builtin_cpu_supports("avx512bw"))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (texts[i].len == 0)
			return false;
	plan_texts(&p, texts, n);
	for (unsigned i = 0; i < N_BUCKETS; i++)
		sum += odds(&p, &p.buckets[i]);
	return sum * BYTES_PER_CANDIDATE <= 1;
}

/* Eight bytes, or those that there are. */
static inline uint64_t window_at(struct slice s, size_t at)
{
	uint64_t w = 0;
	if (s.len - at >= sizeof(w))
		memcpy(&w, s.ptr + at, sizeof(w));
	else
		for (size_t k = 0; at + k < s.len; k++)
			w |= (uint64_t)s.ptr[at + k] << 8 * k;
	return w;
}

static void lay_text(struct literals *l, unsigned slot, struct slice text, uint32_t at,
		     unsigned bucket, uint64_t bit)
{
	struct bucket window = with_window((struct bucket){0}, text, at);
	uint64_t mask = text.len - at < 8 ? (1ull << 8 * (text.len - at)) - 1 : ~0ull;
	l->texts[slot] = (struct literal){window_at(text, at), mask, at, bit, text};
	l->bits[bucket] |= bit;
	for (unsigned k = 0; k < WINDOW; k++)
		for (uint64_t set = window.sets[k]; set; set &= set - 1)
			l->tables[k][__builtin_ctzll(set)] |= (uint8_t)(1u << bucket);
}

struct literals *literals_create(const struct slice *texts, unsigned n)
{
	struct plan p;
	size_t n_bytes = 0;
	unsigned n_laid = 0;
	for (unsigned i = 0; i < n; i++)
		n_bytes += texts[i].len;
	struct literals *l = mem_alloc(sizeof(*l));
	if (!l || !(l->bytes = mem_alloc(n_bytes))) {
		literals_destroy(l);
		return NULL;
	}
	plan_texts(&p, texts, n);
	uint8_t *bytes = l->bytes;
	for (unsigned b = 0; b < N_BUCKETS; b++) {
		for (unsigned i = 0; i < n; i++) {
			if (p.of[i] != b)
				continue;
			memcpy(bytes, texts[i].ptr, texts[i].len);
			lay_text(l, n_laid++, slice_of(bytes, texts[i].len), p.at[i], b, 1ull << i);
			bytes += texts[i].len;
		}
		l->first[b + 1] = (uint16_t)n_laid;
	}
	return l;
}

void literals_destroy(struct literals *l)
{
	if (!l)
		return;
	mem_free(l->bytes);
	mem_free(l);
}

/* ---- finding ---- */

/* What is still to be found in a body. A bucket of which all is found brings no candidates more. */
struct search {
	const struct literals *l;
	struct slice body;
	uint64_t found;
	uint8_t open; /* buckets */
};

static bool is_at(const struct literal *t, struct slice body, size_t pos)
{
	return pos >= t->at && body.len - (pos - t->at) >= t->text.len &&
	       memcmp(body.ptr + pos - t->at, t->text.ptr, t->text.len) == 0;
}

static void compare_bucket(struct search *s, unsigned bucket, size_t pos)
{
	const struct literals *l = s->l;
	uint64_t window = window_at(s->body, pos);
	for (unsigned i = l->first[bucket]; i < l->first[bucket + 1]; i++) {
		const struct literal *t = &l->texts[i];
		if ((window & t->mask) == t->window && is_at(t, s->body, pos))
			s->found |= t->bit;
	}
	if ((s->found & l->bits[bucket]) == l->bits[bucket])
		s->open &= (uint8_t) ~(1u << bucket);
}

/* Places that are looked at before candidates are compared: the loop over them has no branch that
 * depends on what the body says.
 */
#define CHUNK_BLOCKS 8

struct chunk {
	uint64_t places[CHUNK_BLOCKS]; /* candidates of each block */
	uint8_t buckets[CHUNK_BLOCKS][BLOCK];
};

static __attribute__((noinline)) void compare_chunk(struct search *s, size_t pos, unsigned n_blocks,
						    const struct chunk *c)
{
	for (unsigned k = 0; k < n_blocks; k++, pos += BLOCK) {
		for (uint64_t places = c->places[k]; places; places &= places - 1) {
			unsigned i = (unsigned)__builtin_ctzll(places);
			for (unsigned b = c->buckets[k][i] & s->open; b; b &= b - 1)
				compare_bucket(s, (unsigned)__builtin_ctz(b), pos + i);
		}
	}
}

#define ALL_THREE 0x80 /* of an instruction with three operands: a & b & c */

/* The buckets of the 64 places at @p, of which the body has @left bytes. */
static WITH_VBMI inline __m512i buckets_at(const __m512i t[WINDOW], const uint8_t *p, size_t left)
{
	__m512i in[WINDOW];
	for (unsigned k = 0; k < WINDOW; k++) {
		size_t n = left > k ? left - k : 0;
		__mmask64 there = n < BLOCK ? (1ull << n) - 1 : ~0ull;
		in[k] = _mm512_permutexvar_epi8(_mm512_maskz_loadu_epi8(there, p + k), t[k]);
	}
	__m512i three = _mm512_ternarylogic_epi64(in[0], in[1], in[2], ALL_THREE);
	return _mm512_ternarylogic_epi64(three, in[3], in[4], ALL_THREE);
}

/* The same, where the body has all bytes of their windows. */
static WITH_VBMI inline __m512i buckets_inside(const __m512i t[WINDOW], const uint8_t *p)
{
	__m512i in[WINDOW];
	for (unsigned k = 0; k < WINDOW; k++)
		in[k] = _mm512_permutexvar_epi8(_mm512_loadu_si512(p + k), t[k]);
	__m512i three = _mm512_ternarylogic_epi64(in[0], in[1], in[2], ALL_THREE);
	return _mm512_ternarylogic_epi64(three, in[3], in[4], ALL_THREE);
}

/* Returns whether there are candidates. */
static WITH_VBMI inline uint64_t put_block(struct chunk *c, unsigned k, __m512i buckets,
					   uint64_t valid)
{
	_mm512_storeu_si512(c->buckets[k], buckets);
	c->places[k] = _mm512_mask_test_epi8_mask(valid, buckets, buckets);
	return c->places[k];
}

WITH_VBMI uint64_t literals_find(const struct literals *l, struct slice body)
{
	struct search s = {.l = l, .body = body, .open = 0xff};
	struct chunk c;
	__m512i t[WINDOW];
	for (unsigned k = 0; k < WINDOW; k++)
		t[k] = _mm512_loadu_si512(l->tables[k]);
	for (size_t from = 0, pos = 0; pos < body.len; from = pos) {
		uint64_t any = 0;
		unsigned n = 0;
		for (; n < CHUNK_BLOCKS && body.len - pos >= BLOCK + WINDOW - 1; pos += BLOCK, n++)
			any |= put_block(&c, n, buckets_inside(t, body.ptr + pos), ~0ull);
		for (; n < CHUNK_BLOCKS && pos < body.len; pos += BLOCK, n++) {
			size_t left = body.len - pos;
			any |= put_block(&c, n, buckets_at(t, body.ptr + pos, left),
					 left < BLOCK ? (1ull << left) - 1 : ~0ull);
		}
		if (any)
			compare_chunk(&s, from, n, &c);
	}
	return s.found;
}
