#include "dataplane/match/literals.h"

#include <immintrin.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/mem.h"

#define WINDOW    5 /* bytes */

/* So many of them must be ASCII, and there, with AVX2: what is looked up by others stands in no
 * bucket.
 */
#define ASCII     4

#define N_BUCKETS 8 /* the bits of a table's entry */

#define WITH_VBMI __attribute__((target("avx512bw,avx512vbmi")))
#define WITH_AVX2 __attribute__((target("avx2")))

struct literal {
	uint64_t window, mask; /* its bytes, and those that count */
	uint32_t at;           /* where it stands in the text */
	uint64_t bit;
	struct slice text;
};

struct literals {
	bool wide;                          /* six bits of a byte are looked at, else four */
	uint8_t sixes[WINDOW][64];          /* by bits 0 to 5 of a byte */
	uint8_t lows[WINDOW][16];           /* by bits 0 to 3 */
	struct literal texts[LITERALS_MAX]; /* bucket by bucket */
	uint16_t first[N_BUCKETS + 1];      /* of each bucket */
	uint64_t bits[N_BUCKETS];           /* of the texts of each bucket */
	uint8_t *bytes;                     /* of all texts */
};

/* ---- building ---- */

/* Bytes of logs, the most frequent first; others are rarer than all of them. */
static const char common[] = " etaoinsr0lhd1cu2m-p3fg.4by5w=:/6v7\"98_k,TSEIACR[]PDNM()OxLFB";

/* The bytes that the tables let pass at a place of a window, by their lower seven bits, eight to a
 * row.
 */
struct place {
	uint8_t rows[16];
	double sum; /* how often such a byte comes */
};

/* A text that is shorter than a window allows for all bytes at the places behind it. */
struct bucket {
	struct place places[WINDOW];
};

struct plan {
	const struct slice *texts;
	unsigned n;
	bool wide;
	double weights[16][8]; /* how often such a byte comes, of all */
	struct bucket buckets[N_BUCKETS];
	uint32_t at[LITERALS_MAX]; /* the window of each text */
	uint8_t of[LITERALS_MAX];  /* its bucket */
};

static void weigh(double weights[16][8])
{
	double sum = 0;
	for (unsigned i = 0; i < 128; i++)
		weights[i / 8][i % 8] = 0.002;
	for (unsigned i = 0; common[i]; i++)
		weights[common[i] / 8][common[i] % 8] += 1.0 / (4 + i);
	for (unsigned i = 0; i < 128; i++)
		sum += weights[i / 8][i % 8];
	for (unsigned i = 0; i < 128; i++)
		weights[i / 8][i % 8] /= sum;
}

/* How often a place is a candidate of this bucket. */
static double odds(const struct bucket *b)
{
	double x = 1;
	for (unsigned k = 0; k < WINDOW; k++)
		x *= b->places[k].sum;
	return x;
}

/* The first of the rows with a byte that has those bits in common with @byte that are looked at;
 * there is one in each so many.
 */
static unsigned first_row(uint8_t byte, bool wide, unsigned *ret_each)
{
	*ret_each = wide ? 8 : 2;
	return byte / 8 % *ret_each;
}

/* How often a byte comes that the place lets pass with @byte, and not without. */
static double more_with(const struct plan *p, const struct place *l, uint8_t byte)
{
	double more = 0;
	unsigned each;
	for (unsigned i = first_row(byte, p->wide, &each); i < 16; i += each)
		if (!(l->rows[i] >> byte % 8 & 1))
			more += p->weights[i][byte % 8];
	return more;
}

static void place_add(const struct plan *p, struct place *l, uint8_t byte)
{
	unsigned each;
	l->sum += more_with(p, l, byte);
	for (unsigned i = first_row(byte, p->wide, &each); i < 16; i += each)
		l->rows[i] |= (uint8_t)(1u << byte % 8);
}

static double odds_with(const struct plan *p, const struct bucket *b, struct slice text,
			uint32_t at)
{
	double x = 1;
	for (unsigned k = 0; k < WINDOW && at + k < text.len; k++)
		x *= b->places[k].sum + more_with(p, &b->places[k], text.ptr[at + k]);
	return x;
}

static void bucket_add(const struct plan *p, struct bucket *b, struct slice text, uint32_t at)
{
	for (unsigned k = 0; k < WINDOW; k++) {
		struct place *l = &b->places[k];
		if (at + k < text.len) {
			place_add(p, l, text.ptr[at + k]);
			continue;
		}
		memset(l->rows, 0xff, sizeof(l->rows));
		l->sum = 1;
	}
}

#define NOWHERE     N_BUCKETS
#define WINDOWS_MAX 64 /* of a text are looked at */

static bool is_fit(const struct plan *p, struct slice text, uint32_t at)
{
	if (p->wide)
		return true;
	for (uint32_t i = at; i < at + ASCII; i++)
		if (i >= text.len || text.ptr[i] > 127)
			return false;
	return true;
}

/* Into the bucket, and by the window, that bring the fewest candidates more; by one that does not
 * fit only where there is no other.
 */
static void place_text(struct plan *p, unsigned i)
{
	struct slice text = p->texts[i];
	double least = 2;
	for (unsigned b = 0; b < N_BUCKETS; b++) {
		double before = odds(&p->buckets[b]);
		for (uint32_t at = 0; at < WINDOWS_MAX && (at == 0 || at + WINDOW <= text.len);
		     at++) {
			double more = odds_with(p, &p->buckets[b], text, at) - before +
				      !is_fit(p, text, at);
			if (more >= least)
				continue;
			least = more;
			p->at[i] = at;
			p->of[i] = (uint8_t)b;
		}
	}
	bucket_add(p, &p->buckets[p->of[i]], text, p->at[i]);
}

static void take_out(struct plan *p, unsigned i)
{
	unsigned of = p->of[i];
	p->of[i] = NOWHERE;
	p->buckets[of] = (struct bucket){0};
	for (unsigned k = 0; k < p->n; k++)
		if (p->of[k] == of)
			bucket_add(p, &p->buckets[of], p->texts[k], p->at[k]);
}

#define ROUNDS 3 /* a fourth one changes next to nothing */

/* The first texts are placed without knowing of those behind them: so each is placed again. */
static void plan_texts(struct plan *p, const struct slice *texts, unsigned n, bool wide)
{
	*p = (struct plan){.texts = texts, .n = n, .wide = wide};
	weigh(p->weights);
	memset(p->of, NOWHERE, sizeof(p->of));
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < n; i++) {
			if (round)
				take_out(p, i);
			place_text(p, i);
		}
	}
}

/* False: this processor cannot. */
static bool can_here(enum literals_way way, bool *ret_wide)
{
	*ret_wide = way != LITERALS_NARROW && __builtin_cpu_supports("avx512vbmi") &&
		    __builtin_cpu_supports("avx512bw");
	return *ret_wide || (way != LITERALS_WIDE && __builtin_cpu_supports("avx2"));
}

/* A candidate is a branch that was not foreseen: one in so many bytes is too often. */
#define BYTES_PER_CANDIDATE 128

bool literals_can(const struct slice *texts, unsigned n, enum literals_way way)
{
	struct plan p;
	double sum = 0;
	bool wide;
	if (n == 0 || n > LITERALS_MAX || !can_here(way, &wide))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (texts[i].len == 0)
			return false;
	plan_texts(&p, texts, n, wide);
	for (unsigned i = 0; i < n; i++)
		if (!is_fit(&p, texts[i], p.at[i]))
			return false;
	for (unsigned i = 0; i < N_BUCKETS; i++)
		sum += odds(&p.buckets[i]);
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
	uint64_t mask = text.len - at < 8 ? (1ull << 8 * (text.len - at)) - 1 : ~0ull;
	l->texts[slot] = (struct literal){window_at(text, at), mask, at, bit, text};
	l->bits[bucket] |= bit;
}

static void lay_place(struct literals *l, unsigned k, const struct place *place, uint8_t bucket)
{
	for (unsigned byte = 0; byte < 128; byte++) {
		if (!(place->rows[byte / 8] >> byte % 8 & 1))
			continue;
		if (l->wide)
			l->sixes[k][byte % 64] |= bucket;
		else
			l->lows[k][byte % 16] |= bucket;
	}
}

struct literals *literals_create(const struct slice *texts, unsigned n, enum literals_way way)
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
	can_here(way, &l->wide);
	plan_texts(&p, texts, n, l->wide);
	uint8_t *bytes = l->bytes;
	for (unsigned b = 0; b < N_BUCKETS; b++) {
		for (unsigned k = 0; k < WINDOW; k++)
			lay_place(l, k, &p.buckets[b].places[k], (uint8_t)(1u << b));
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

/* Bodies are gone through by a function that calls none, so that its tables stay in registers; it
 * stops at 64 places of which some are candidates.
 */
struct search {
	const struct literals *l;
	const struct frame *frames;
	unsigned n;
	unsigned at;         /* the body that is gone through */
	size_t pos;          /* of the first of the places in it */
	uint8_t buckets[64]; /* whose texts may be at each of them */
	uint64_t *found;     /* by body */
	bool any;
};

static bool is_at(const struct literal *t, struct slice body, size_t pos)
{
	return pos >= t->at && body.len - (pos - t->at) >= t->text.len &&
	       memcmp(body.ptr + pos - t->at, t->text.ptr, t->text.len) == 0;
}

/* A bucket of which the body has all texts brings no candidates more. */
static void compare_bucket(struct search *s, unsigned bucket, size_t pos)
{
	const struct literals *l = s->l;
	struct slice body = s->frames[s->at].body;
	uint64_t window = bytes_load8(body.ptr + pos), *found = &s->found[s->at];
	if ((*found & l->bits[bucket]) == l->bits[bucket])
		return;
	for (unsigned i = l->first[bucket]; i < l->first[bucket + 1]; i++) {
		const struct literal *t = &l->texts[i];
		if ((window & t->mask) == t->window && is_at(t, body, pos))
			*found |= t->bit;
	}
	s->any |= *found != 0;
}

static void compare_places(struct search *s)
{
	size_t left = s->frames[s->at].body.len - s->pos;
	for (unsigned k = 0; k < 64; k += 8) {
		uint64_t eight = bytes_load8(s->buckets + k);
		for (; eight; eight &= eight - 1) {
			unsigned bit = (unsigned)__builtin_ctzll(eight);
			if (k + bit / 8 < left)
				compare_bucket(s, bit % 8, s->pos + k + bit / 8);
		}
	}
}

/* ---- six bits of a byte ---- */

#define ALL_THREE 0x80 /* of an instruction with three operands: a & b & c */

/* The buckets of the 64 places at @p. */
static WITH_VBMI inline __m512i sixes_at(const __m512i t[WINDOW], const uint8_t *p)
{
	__m512i in[WINDOW];
	for (unsigned k = 0; k < WINDOW; k++)
		in[k] = _mm512_permutexvar_epi8(_mm512_loadu_si512(p + k), t[k]);
	__m512i three = _mm512_ternarylogic_epi64(in[0], in[1], in[2], ALL_THREE);
	return _mm512_ternarylogic_epi64(three, in[3], in[4], ALL_THREE);
}

/* The same where bytes behind these 64 cannot be read: none of them counts. */
static WITH_VBMI inline __m512i sixes_at_end(const __m512i t[WINDOW], const uint8_t *p)
{
	uint8_t bytes[64 + WINDOW] = {0};
	_mm512_storeu_si512(bytes, _mm512_loadu_si512(p));
	return sixes_at(t, bytes);
}

/* Goes on from s->pos of body s->at to the next places with candidates; false: there are none. */
static WITH_VBMI bool next_wide(struct search *s)
{
	__m512i t[WINDOW], found;
	for (unsigned k = 0; k < WINDOW; k++)
		t[k] = _mm512_loadu_si512(s->l->sixes[k]);
	for (; s->at < s->n; s->at++, s->pos = 0) {
		struct slice body = s->frames[s->at].body;
		const uint8_t *p = body.ptr + s->pos, *end = body.ptr + body.len;
		for (; p < end; p += 64) {
			found = __builtin_expect(end - p < WINDOW, 0) ? sixes_at_end(t, p)
								      : sixes_at(t, p);
			if (__builtin_expect(_mm512_test_epi8_mask(found, found) == 0, 1))
				continue;
			_mm512_storeu_si512(s->buckets, found);
			s->pos = (size_t)(p - body.ptr);
			return true;
		}
	}
	return false;
}

/* ---- four bits of a byte ---- */

/* The buckets of the 32 places at @p. A look-up by a byte beyond ASCII finds nothing. */
static WITH_AVX2 inline __m256i lows_at(const __m256i t[WINDOW], const uint8_t *p)
{
	const __m256i four_bits = _mm256_set1_epi8(15);
	__m256i all = _mm256_shuffle_epi8(t[0], _mm256_loadu_si256((const __m256i *)p));
	for (unsigned k = 1; k < WINDOW; k++) {
		__m256i bytes = _mm256_loadu_si256((const __m256i *)(p + k));
		if (k >= ASCII)
			bytes = _mm256_and_si256(bytes, four_bits);
		all = _mm256_and_si256(all, _mm256_shuffle_epi8(t[k], bytes));
	}
	return all;
}

/* The same as next_wide. All windows begin with ASCII bytes of their texts: behind the last such
 * place of a body nothing is looked for, and what is read ends in its padding.
 */
static WITH_AVX2 bool next_narrow(struct search *s)
{
	__m256i t[WINDOW];
	for (unsigned k = 0; k < WINDOW; k++)
		t[k] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)s->l->lows[k]));
	for (; s->at < s->n; s->at++, s->pos = 0) {
		struct slice body = s->frames[s->at].body;
		if (body.len < ASCII)
			continue;
		const uint8_t *p = body.ptr + s->pos, *end = body.ptr + body.len - (ASCII - 1);
		for (; p < end; p += 64) {
			__m256i a = lows_at(t, p), b = lows_at(t, p + 32);
			__m256i any = _mm256_or_si256(a, b);
			if (__builtin_expect(_mm256_testz_si256(any, any), 1))
				continue;
			_mm256_storeu_si256((__m256i *)s->buckets, a);
			_mm256_storeu_si256((__m256i *)(s->buckets + 32), b);
			s->pos = (size_t)(p - body.ptr);
			return true;
		}
	}
	return false;
}

bool literals_find(const struct literals *l, const struct frame *frames, unsigned n,
		   uint64_t *found)
{
	struct search s = {.l = l, .frames = frames, .n = n, .found = found};
	memset(found, 0, n * sizeof(*found));
	while (l->wide ? next_wide(&s) : next_narrow(&s)) {
		compare_places(&s);
		s.pos += 64;
	}
	return s.any;
}
