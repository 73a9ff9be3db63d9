/* line_ends.h - where lines end, many of them in one look.
 *
 * In:     bytes, of which none behind the end is read.
 * Out:    the places of line feeds and NULs; copies of the bytes, on the way.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: LINE_ENDS_MAX places a look.
 */
#ifndef SL_BASE_LINE_ENDS_H
#define SL_BASE_LINE_ENDS_H

#include "dataplane/base/cpu.h"
#include "dataplane/base/slice.h"

#define LINE_ENDS_MAX 256

struct line_ends {
	const uint8_t *begin, *looked;   /* all ends in between are known, */
	unsigned n, next;                /* of which those from `next` on are not passed yet */
	uint32_t at[LINE_ENDS_MAX + 64]; /* from `begin` on */
};

/* How words of bytes are looked at: as the build allows, or as the processor does besides. */
enum line_way { LINE_PLAIN, LINE_AVX2, LINE_AVX512 };

static inline enum line_way line_ends_way(void)
{
	return cpu_has_avx512() ? LINE_AVX512 : cpu_has_avx2() ? LINE_AVX2 : LINE_PLAIN;
}

/* Fills @e with the first ends from @p on, up to @end. */
void line_ends_look(struct line_ends *e, enum line_way way, const uint8_t *p, const uint8_t *end);

/* Of a text that is to be copied to @to. */
static inline void line_ends_begin(struct line_ends *e, const uint8_t *to)
{
	e->begin = e->looked = to;
	e->n = e->next = 0;
}

/* Copies @len bytes to @to, which is padded and where the copy before has ended, and looks at them
 * on the way: unless many ends are known by then, when the rest is left for line_ends_next. As many
 * bytes at @ahead, which may be anywhere, are asked for from memory meanwhile: those of a copy to
 * come.
 */
void line_ends_copy(struct line_ends *e, enum line_way way, uint8_t *to, const uint8_t *from,
		    size_t len, const uint8_t *ahead);

/* The first end at or behind @p, which never goes back; NULL: there is none before @end. An @e of
 * zeros knows nothing yet.
 */
static inline const uint8_t *line_ends_next(struct line_ends *e, const uint8_t *p,
					    const uint8_t *end)
{
	for (;;) {
		while (e->next < e->n && e->begin + e->at[e->next] < p)
			e->next++;
		if (e->next < e->n)
			return e->begin + e->at[e->next];
		if (e->looked == end)
			return NULL;
		line_ends_look(e, line_ends_way(), e->looked > p ? e->looked : p, end);
	}
}

#endif
