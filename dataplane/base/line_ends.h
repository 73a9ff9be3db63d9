/* line_ends.h - where lines end, many of them in one look.
 *
 * In:     bytes, of which none behind the end is read.
 * Out:    the places of line feeds and NULs.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: LINE_ENDS_MAX places a look.
 */
#ifndef SL_BASE_LINE_ENDS_H
#define SL_BASE_LINE_ENDS_H

#include "dataplane/base/slice.h"

#define LINE_ENDS_MAX 64

struct line_ends {
	const uint8_t *begin, *looked; /* all ends in between are known, */
	unsigned n, next;              /* of which those from `next` on are not passed yet */
	uint32_t at[LINE_ENDS_MAX];    /* from `begin` on */
};

/* Fills @e with the first ends from @p on, up to @end. */
void line_ends_look(struct line_ends *e, const uint8_t *p, const uint8_t *end);

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
		line_ends_look(e, e->looked > p ? e->looked : p, end);
	}
}

#endif
