/* render.h - replies as people read them.
 *
 * In:     the reply tree of a command; a ledger.
 * Out:    aligned lines on a stream, numbers with commas, colour where a terminal shows it.
 * Owns:   nothing.
 * Runs:   sluicectl's one thread.
 * Limits: -
 */
#ifndef SL_CTL_RENDER_H
#define SL_CTL_RENDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Names and values; `rows` as a table of @columns (names with spaces between them). */
void render_reply(const json_t *reply, const char *columns, bool colour, FILE *out);

/* As `ledger` and `losses` show it. @return 0: balanced and nothing lost; 1; 2: it is no ledger. */
int render_ledger(const json_t *ledger, bool only_losses, FILE *out);

#endif
