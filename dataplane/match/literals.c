#include "dataplane/match/literals.h"

#include <immintrin.h>
#include <string.h>

#include "dataplane/base/mem.h"

/* Bytes of a window: those of which six bits are looked at, 64 places at a time, and those of which
 * four are, 32 places at a time.
 */
#define WIDE      5
#define NARROW    6
#define WINDOW    6 /* the longer one */

/* So many of the latter must be ASCII, and there: what is looked up by others stands in no bucket.
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
	unsigned window;
	uint8_t sixes[WIDE][64];            /* by bits 0 to 5 of a byte */
	uint8_t lows[NARROW][16];           /* by bits 0 to 3 */
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
};

/* A text that is shorter than a window allows for all bytes at the places behind it. */
struct bucket {
	struct place places[WINDOW];
};

struct plan {
	unsigned window;
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
static double odds(const struct plan *p, const struct bucket *b)
{
	double x = 1;
	for (unsigned k = 0; k < p->window; k++) {
		double sum = 0;
		for (unsigned i = 0; i < 16; i++)
			for (unsigned bits = b->places[k].rows[i]; bits; bits &= bits - 1)
				sum += p->weights[i][__builtin_ctz(bits)];
		x *= sum;
	}
	return x;
}

/* With @byte, all that has those bits in common with it that are looked at. */
static void place_add(struct place *l, uint8_t byte, unsigned window)
{
	uint8_t bit = (uint8_t)(1u << byte % 8);
	for (unsigned i = byte / 8 % (window == WIDE ? 8 : 2); i < 16; i += window == WIDE ? 8 : 2)
		l->rows[i] |= bit;
}

static struct bucket with_window(const struct plan *p, struct bucket b, struct slice text,
				 uint32_t at)
{
	for (unsigned k = 0; k < p->window; k++) {
		if (at + k < text.len)
			place_add(&b.places[k], text.ptr[at + k], p->window);
		else
			memset(&b.places[k], 0xff, sizeof(b.places[k]));
	}
	return b;
}

static uint32_t rarest_window(const struct plan *p, struct slice text)
{
	uint32_t best = 0;
	double least = 2;
	for (uint32_t at = 0; at == 0 || at + p->window <= text.len; at++) {
		struct bucket alone = with_window(p, (struct bucket){0}, text, at);
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
		struct bucket with = with_window(p, p->buckets[i], text, at);
		double more = odds(p, &with) - odds(p, &p->buckets[i]);
		best = more < least ? i : best;
		least = more < least ? more : least;
	}
	return best;
}

static void plan_texts(struct plan *p, const struct slice *texts, unsigned n, unsigned window)
{
	*p = (struct plan){.window = window};
	weigh(p->weights);
	for (unsigned i = 0; i < n; i++) {
		p->at[i] = rarest_window(p, texts[i]);
		p->of[i] = (uint8_t)best_bucket(p, texts[i], p->at[i]);
		struct bucket *b = &p->buckets[p->of[i]];
		*b = with_window(p, *b, texts[i], p->at[i]);
	}
}

/* 0: this processor cannot. */
static unsigned window_here(enum literals_way way)
{
	if (way != LITERALS_NARROW && __builtin_cpu_supports("avx512vbmi") &&
	    __builtin_cpu_supports("avx512bw"))
		return WIDE;
	return way != LITERALS_WIDE && __builtin_cpu_supports("avx2") ? NARROW : 0;
}

static bool is_fit(const struct plan *p, struct slice text, uint32_t at)
{
	if (p->window == WIDE)
		return true;
	for (uint32_t i = at; i < at + ASCII; i++)
		if (i >= text.len || text.ptr[i] > 127)
			return false;
	return true;
}

/* A candidate is a branch that was not foreseen: one in so many bytes is too often. */
#define BYTES_PER_CANDIDATE 128

bool literals_can(const struct slice *texts, unsigned n, enum literals_way way)
{
	struct plan p;
	double sum = 0;
	unsigned window = window_here(way);
	if (n == 0 || n > LITERALS_MAX || window == 0)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (texts[i].len == 0)
			return false;
	plan_texts(&p, texts, n, window);
	for (unsigned i = 0; i < n; i++)
		if (!is_fit(&p, texts[i], p.at[i]))
			return false;
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
	uint64_t mask = text.len - at < 8 ? (1ull << 8 * (text.len - at)) - 1 : ~0ull;
	l->texts[slot] = (struct literal){window_at(text, at), mask, at, bit, text};
	l->bits[bucket] |= bit;
}

static void lay_place(struct literals *l, unsigned k, const struct place *place, uint8_t bucket)
{
	for (unsigned byte = 0; byte < 128; byte++) {
		if (!(place->rows[byte / 8] >> byte % 8 & 1))
			continue;
		if (l->window == WIDE)
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
	l->window = window_here(way);
	plan_texts(&p, texts, n, l->window);
	uint8_t *bytes = l->bytes;
	for (unsigned b = 0; b < N_BUCKETS; b++) {
		for (unsigned k = 0; k < l->window; k++)
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

/* Bit i of @places: the body may have a text of buckets[i] at @pos + i. */
static void compare_places(struct search *s, size_t pos, uint64_t places, const uint8_t *buckets)
{
	size_t left = s->body.len - pos;
	if (left < 64)
		places &= (1ull << left) - 1;
	for (; places; places &= places - 1) {
		unsigned i = (unsigned)__builtin_ctzll(places);
		for (unsigned b = buckets[i] & s->open; b; b &= b - 1)
			compare_bucket(s, (unsigned)__builtin_ctz(b), pos + i);
	}
}

/* ---- 64 places at a time ---- */

#define ALL_THREE 0x80 /* of an instruction with three operands: a & b & c */

/* The buckets of the 64 places at @p. */
static WITH_VBMI inline __m512i sixes_at(const __m512i t[WIDE], const uint8_t *p)
{
	__m512i in[WIDE];
	for (unsigned k = 0; k < WIDE; k++)
		in[k] = _mm512_permutexvar_epi8(_mm512_loadu_si512(p + k), t[k]);
	__m512i three = _mm512_ternarylogic_epi64(in[0], in[1], in[2], ALL_THREE);
	return _mm512_ternarylogic_epi64(three, in[3], in[4], ALL_THREE);
}

/* The same where bytes behind these 64 cannot be read: none of them counts. */
static WITH_VBMI __attribute__((noinline)) __m512i sixes_at_end(const __m512i t[WIDE],
								const uint8_t *p)
{
	uint8_t bytes[64 + WIDE] = {0};
	memcpy(bytes, p, 64);
	return sixes_at(t, bytes);
}

static WITH_VBMI inline __m512i sixes_of(const __m512i t[WIDE], struct slice body, size_t pos)
{
	if (__builtin_expect(body.len - pos < WIDE, 0))
		return sixes_at_end(t, body.ptr + pos);
	return sixes_at(t, body.ptr + pos);
}

/* All of a body that has a candidate somewhere. */
static WITH_VBMI __attribute__((noinline)) uint64_t
search_wide(const struct literals *l, const __m512i t[WIDE], struct slice body)
{
	struct search s = {.l = l, .body = body, .open = 0xff};
	uint8_t buckets[64];
	for (size_t pos = 0; pos < body.len; pos += 64) {
		__m512i found = sixes_of(t, body, pos);
		_mm512_storeu_si512(buckets, found);
		compare_places(&s, pos, _mm512_test_epi8_mask(found, found), buckets);
	}
	return s.found;
}

static WITH_VBMI void find_wide(const struct literals *l, const struct slice *bodies, unsigned n,
				uint64_t *found)
{
	__m512i t[WIDE];
	for (unsigned k = 0; k < WIDE; k++)
		t[k] = _mm512_loadu_si512(l->sixes[k]);
	for (unsigned i = 0; i < n; i++) {
		__m512i any = _mm512_setzero_si512();
		for (size_t pos = 0; pos < bodies[i].len; pos += 64)
			any = _mm512_or_si512(any, sixes_of(t, bodies[i], pos));
		bool may = _mm512_test_epi8_mask(any, any);
		found[i] = __builtin_expect(may, 0) ? search_wide(l, t, bodies[i]) : 0;
	}
}

/* ---- 32 places at a time ---- */

static WITH_AVX2 inline void load_lows(const struct literals *l, __m256i t[NARROW])
{
	for (unsigned k = 0; k < NARROW; k++)
		t[k] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)l->lows[k]));
}

/* The buckets of the 32 places at @p. A look-up by a byte beyond ASCII finds nothing. */
static WITH_AVX2 inline __m256i lows_at(const __m256i t[NARROW], const uint8_t *p)
{
	const __m256i four_bits = _mm256_set1_epi8(15);
	__m256i all = _mm256_set1_epi8(-1);
	for (unsigned k = 0; k < NARROW; k++) {
		__m256i bytes = _mm256_loadu_si256((const __m256i *)(p + k));
		if (k >= ASCII)
			bytes = _mm256_and_si256(bytes, four_bits);
		all = _mm256_and_si256(all, _mm256_shuffle_epi8(t[k], bytes));
	}
	return all;
}

static WITH_AVX2 __attribute__((noinline)) uint64_t search_narrow(const struct literals *l,
								  struct slice body)
{
	struct search s = {.l = l, .body = body, .open = 0xff};
	__m256i t[NARROW];
	uint8_t buckets[32];
	load_lows(l, t);
	for (size_t pos = 0; pos < body.len; pos += 32) {
		__m256i found = lows_at(t, body.ptr + pos);
		__m256i none = _mm256_cmpeq_epi8(found, _mm256_setzero_si256());
		_mm256_storeu_si256((__m256i *)buckets, found);
		compare_places(&s, pos, (uint32_t)~_mm256_movemask_epi8(none), buckets);
	}
	return s.found;
}

static WITH_AVX2 void find_narrow(const struct literals *l, const struct slice *bodies, unsigned n,
				  uint64_t *found)
{
	__m256i t[NARROW];
	load_lows(l, t);
	for (unsigned i = 0; i < n; i++) {
		__m256i any = _mm256_setzero_si256();
		const uint8_t *end = bodies[i].ptr + bodies[i].len;
		for (const uint8_t *p = bodies[i].ptr; p < end; p += 32)
			any = _mm256_or_si256(any, lows_at(t, p));
		bool may = !_mm256_testz_si256(any, any);
		found[i] = __builtin_expect(may, 0) ? search_narrow(l, bodies[i]) : 0;
	}
}

void literals_find(const struct literals *l, const struct slice *bodies, unsigned n,
		   uint64_t *found)
{
	if (l->window == WIDE)
		find_wide(l, bodies, n, found);
	else
		find_narrow(l, bodies, n, found);
}
