/* The usual heads. A bit for each of 64 bytes says where words end; all fields are told from the
 * bits, and none waits for the one in front of it:
 *
 *     web-1 su 4711 - - message                 behind a time stamp of RFC 5424
 *     _____1__1____1_1_                         ends: the first four blanks
 *     1_____1__1____1__                         starts
 *     ______________1__                         nil: a '-' that begins there and ends behind it
 *
 *     web-1 su[4711]: message                   behind one of RFC 3164
 *     _____1__1____11_                          bytes that no usual host or tag has
 */
#include "parsers/syslog_usual.h"

#include <immintrin.h>

#include "dataplane/base/bsd_time.h"
#include "parsers/syslog_pri.h"
#include "parsers/syslog_time.h"

#define WITH_AVX2   __attribute__((target("avx2,bmi,bmi2")))
#define WITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,bmi,bmi2")))
#define INLINE      static inline __attribute__((always_inline))

/* ---- RFC 5424 ---- */

struct names {
	uint64_t starts, ends, nil;
};

/* From bits of bytes up to a blank, of blanks, of dashes. False: the four names do not all end
 * here, one is empty, or a control character is in them.
 */
INLINE bool find_names(uint64_t low, uint64_t blank, uint64_t dash, struct names *n)
{
	uint64_t app = low & (low - 1), proc = app & (app - 1), last = proc & (proc - 1);
	uint64_t header = last ^ (last - 1);
	n->ends = low & header;
	n->starts = (low << 1 | 1) & header;
	n->nil = dash & n->starts & n->ends >> 1;
	return last && !((n->starts & low) | (n->ends & ~blank));
}

/* Behind the blank that ends the last of them. */
INLINE const uint8_t *behind_names(const uint8_t *p, struct names n)
{
	return p + 64 - (unsigned)__builtin_clzll(n.ends);
}

#define STR_WORD  ((uint64_t)VAL_STR << VAL_TYPE_SHIFT)
#define NULL_WORD ((uint64_t)VAL_NULL << VAL_TYPE_SHIFT)

static_assert(SYSLOG_APPNAME == SYSLOG_HOSTNAME + 1 && SYSLOG_MSGID == SYSLOG_HOSTNAME + 3,
	      "the four names are set side by side");

/* The four names at @p: fields of the record. NULL: they are to be read the long way. */
WITH_AVX512 static inline const uint8_t *names_avx512(const uint8_t *p, struct rec_builder *rb)
{
	struct names n;
	__m512i v = _mm512_loadu_si512(p), blank = _mm512_set1_epi8(' ');
	if (!find_names(_mm512_cmple_epu8_mask(v, blank), _mm512_cmpeq_epi8_mask(v, blank),
			_mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('-')), &n))
		return NULL;
	__m512i places = _mm512_load_si512(text_places);
	__m128i to = _mm512_castsi512_si128(_mm512_maskz_compress_epi8(n.ends, places));
	__m128i from = _mm_add_epi32(_mm_slli_epi32(to, 8), _mm_cvtsi32_si128(0x01010100));
	__m256i off = _mm256_cvtepu8_epi64(from);
	__m256i len = _mm256_sub_epi64(_mm256_cvtepu8_epi64(to), off);
	uint64_t base = STR_WORD + (uint64_t)(p - rb->b->arena.base);
	__m256i word = _mm256_add_epi64(off, _mm256_set1_epi64x((int64_t)base));
	word = _mm256_add_epi64(word, _mm256_slli_epi64(len, 32));
	word = _mm256_mask_mov_epi64(word, (__mmask8)_pext_u64(n.nil, n.starts),
				     _mm256_set1_epi64x((int64_t)NULL_WORD));
	_mm256_storeu_si256((__m256i *)(rb->fixed + SYSLOG_HOSTNAME), word);
	return behind_names(p, n);
}

WITH_AVX2 static inline uint64_t bits_avx2(__m256i low, __m256i high)
{
	return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
							     << 32;
}

WITH_AVX2 static inline const uint8_t *names_avx2(const uint8_t *p, struct rec_builder *rb)
{
	const __m256i blank = _mm256_set1_epi8(' '), dash = _mm256_set1_epi8('-');
	struct names n;
	__m256i v = _mm256_loadu_si256((const __m256i *)p);
	__m256i w = _mm256_loadu_si256((const __m256i *)(p + 32));
	uint64_t low = bits_avx2(_mm256_cmpeq_epi8(_mm256_min_epu8(v, blank), v),
				 _mm256_cmpeq_epi8(_mm256_min_epu8(w, blank), w));
	uint64_t is_blank = bits_avx2(_mm256_cmpeq_epi8(v, blank), _mm256_cmpeq_epi8(w, blank));
	uint64_t is_dash = bits_avx2(_mm256_cmpeq_epi8(v, dash), _mm256_cmpeq_epi8(w, dash));
	if (!find_names(low, is_blank, is_dash, &n))
		return NULL;
	uint64_t base = STR_WORD + (uint64_t)(p - rb->b->arena.base), from = 0, ends = n.ends;
	for (unsigned i = SYSLOG_HOSTNAME; i <= SYSLOG_MSGID; i++, ends &= ends - 1) {
		uint64_t to = (unsigned)__builtin_ctzll(ends);
		uint64_t word = base + from + ((to - from) << 32);
		word = n.nil >> from & 1 ? NULL_WORD : word;
		rec_set(rb, i, val_of_word(word));
		from = to + 1;
	}
	return behind_names(p, n);
}

/* Structured data and the message. False: it is malformed. */
INLINE bool read_rest(const struct syslog_text *t, const uint8_t *p, struct rec_builder *rb)
{
	if (p >= t->end)
		return false;
	uint16_t first2;
	memcpy(&first2, p, sizeof(first2));
	if (first2 != ('-' | ' ' << 8) || p + 2 > t->end)
		return !syslog_5424_rest(t, p, rb);
	rec_set(rb, SYSLOG_SD, val_of(VAL_NULL, 0, 0));
	rec_set(rb, SYSLOG_MESSAGE, rec_ref(rb, VAL_STR, syslog_message_at(t, p + 2)));
	return true;
}

/* ---- RFC 3164 ---- */

/* Bytes that hosts and tags may both have, and digits. The first byte behind such a run is one that
 * neither a host nor a tag has, or the message is read the long way.
 */
struct words {
	uint64_t word, digit;
};

/* For each low nibble the high nibbles, as bits, with which it makes such a byte. */
static const uint8_t word_rows[16] __attribute__((aligned(16))) = {
	0xb8, 0xf8, 0xf8, 0xf8, 0xf8, 0xfc, 0xf8, 0xf8,
	0xf8, 0xf8, 0xf0, 0x54, 0x50, 0x54, 0x54, 0x74,
};
static const uint8_t high_bits[16] __attribute__((aligned(16))) = {1, 2, 4, 8, 16, 32, 64, 128};

WITH_AVX512 static inline struct words words_avx512(const uint8_t *p)
{
	__m512i rows = _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)word_rows));
	__m512i bits = _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)high_bits));
	__m512i v = _mm512_loadu_si512(p);
	__m512i high = _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15));
	__m512i row = _mm512_shuffle_epi8(rows, v), bit = _mm512_shuffle_epi8(bits, high);
	__m512i value = _mm512_sub_epi8(v, _mm512_set1_epi8('0'));
	return (struct words){_mm512_test_epi8_mask(row, bit),
			      _mm512_cmplt_epu8_mask(value, _mm512_set1_epi8(10))};
}

WITH_AVX2 static inline __m256i no_word_avx2(__m256i v)
{
	__m256i rows = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)word_rows));
	__m256i bits = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)high_bits));
	__m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15));
	__m256i in =
		_mm256_and_si256(_mm256_shuffle_epi8(rows, v), _mm256_shuffle_epi8(bits, high));
	return _mm256_cmpeq_epi8(in, _mm256_setzero_si256());
}

WITH_AVX2 static inline __m256i digits_avx2(__m256i v)
{
	__m256i value = _mm256_sub_epi8(v, _mm256_set1_epi8('0'));
	return _mm256_cmpeq_epi8(_mm256_min_epu8(value, _mm256_set1_epi8(9)), value);
}

WITH_AVX2 static inline struct words words_avx2(const uint8_t *p)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)p);
	__m256i w = _mm256_loadu_si256((const __m256i *)(p + 32));
	return (struct words){~bits_avx2(no_word_avx2(v), no_word_avx2(w)),
			      bits_avx2(digits_avx2(v), digits_avx2(w))};
}

/* Where the parts of "host tag[pid]: " and "host tag: " end; pid is 0 when there is none. */
struct head {
	unsigned host, tag, pid;
};

/* The head at @p. Returns where the message begins, or NULL: it is to be read the long way. */
INLINE const uint8_t *find_head(const uint8_t *p, struct words w, struct head *h)
{
	uint64_t host = ~w.word, tag = host & (host - 1), pid = tag & (tag - 1);
	h->host = (unsigned)__builtin_ctzll(host | (uint64_t)1 << 63);
	h->tag = (unsigned)__builtin_ctzll(tag | (uint64_t)1 << 63);
	h->pid = 0;
	uint8_t first = text_lower(p[h->host + 1]);
	if (h->host == 0 || p[h->host] != ' ' || syslog_is_odd_host(p, p + h->host) ||
	    h->tag <= h->host + 1 || first < 'a' || first > 'z')
		return NULL;
	unsigned behind = h->tag;
	if (p[behind] == '[') {
		/* Only digits are between the two marks. */
		uint64_t between = (pid ^ (pid - 1)) & ~(tag ^ (tag - 1)) & ~pid;
		if (!pid || !between || (between & ~w.digit))
			return NULL;
		h->pid = (unsigned)__builtin_ctzll(pid);
		if (p[h->pid] != ']')
			return NULL;
		behind = h->pid + 1;
	}
	return p[behind] == ':' && p[behind + 1] == ' ' ? p + behind + 2 : NULL;
}

/* A message at @p behind its priority, whose host begins at @host. */
INLINE bool read_3164(const struct syslog_text *t, const uint8_t *host, struct words w,
		      struct rec_builder *rb)
{
	struct head h;
	const uint8_t *message = find_head(host, w, &h), *tag = host + h.host + 1;
	if (!message || message > t->end)
		return false;
	struct val none = val_of(VAL_NULL, 0, 0);
	struct slice app = syslog_part(tag, host + h.tag);
	struct slice pid = syslog_part(host + h.tag + 1, host + h.pid);
	rec_set(rb, SYSLOG_HOSTNAME, rec_ref(rb, VAL_STR, syslog_part(host, host + h.host)));
	rec_set(rb, SYSLOG_APPNAME, rec_ref(rb, VAL_STR, app));
	rec_set(rb, SYSLOG_PROCID, h.pid ? rec_ref(rb, VAL_STR, pid) : none);
	rec_set(rb, SYSLOG_MSGID, none);
	rec_set(rb, SYSLOG_SD, none);
	rec_set(rb, SYSLOG_MESSAGE, rec_ref(rb, VAL_STR, syslog_part(message, t->end)));
	return true;
}

/* ---- messages ---- */

/* The priority, and the fields whose values are made. */
INLINE void set_made(struct rec_builder *rb, unsigned pri, int64_t time_ns)
{
	uint32_t off = arena_take8(&rb->b->arena, 8 + SYSLOG_PRI_BYTES);
	if (!off) {
		rb->full = true;
		return;
	}
	memcpy(rb->b->arena.base + off, &time_ns, 8);
	rec_set(rb, SYSLOG_TIMESTAMP, val_of(VAL_TIME, off, 8));
	syslog_pri_set(rb, pri, off + 8);
}

/* What both ways do, with NAMES and WORDS of their own. The bytes that are looked at reach up to 64
 * behind the message: whatever is found there is found too far.
 */
#define USUAL_BY(NAMES, WORDS)                                                                  \
	const uint8_t *p = t->p;                                                                \
	uint32_t digits;                                                                        \
	uint16_t version;                                                                       \
	unsigned pri;                                                                           \
	int64_t ns;                                                                             \
	memcpy(&digits, p + 1, sizeof(digits));                                                 \
	unsigned n = *p == '<' ? syslog_pri_of(digits, &pri) : 0;                               \
	if (n == 0 || n == SYSLOG_PRI_RANGE || t->end - p < BSD_TIME_LEN + 8)                   \
		return false;                                                                   \
	p += n;                                                                                 \
	memcpy(&version, p, sizeof(version));                                                   \
	if (version == ('1' | ' ' << 8)) {                                                      \
		size_t n_time = syslog_time_usual(p + 2, t->end, t->minute, &ns);               \
		p += 2 + n_time;                                                                \
		if (n_time == 0 || p >= t->end || *p != ' ')                                    \
			return false;                                                           \
		p = NAMES(p + 1, rb);                                                           \
		if (!p || !read_rest(t, p, rb))                                                 \
			return false;                                                           \
	} else if (p[BSD_TIME_LEN] != ' ' || !syslog_time_bsd(p, t->zone_s, t->time_ns, &ns) || \
		   !read_3164(t, p + BSD_TIME_LEN + 1, WORDS(p + BSD_TIME_LEN + 1), rb)) {      \
		return false;                                                                   \
	}                                                                                       \
	set_made(rb, pri, ns);                                                                  \
	return true

WITH_AVX512 bool syslog_usual_avx512(const struct syslog_text *t, struct rec_builder *rb)
{
	USUAL_BY(names_avx512, words_avx512);
}

WITH_AVX2 bool syslog_usual_avx2(const struct syslog_text *t, struct rec_builder *rb)
{
	USUAL_BY(names_avx2, words_avx2);
}
