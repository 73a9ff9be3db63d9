/* form.h - a query string or form body (application/x-www-form-urlencoded) to pairs of a record.
 *
 * In:     "a=1&b=x%20y&b=z+z".
 * Out:    pairs of text, percent-decoded, '+' as a blank; a key that is repeated becomes one pair
 *         with a JSON array of its texts. A key without '=' has the empty text.
 * Owns:   chains of repeated keys.
 * Runs:   create and destroy: main. The rest: worker.
 * Limits: REC_PAIRS_MAX parts; a '%' without two hexadecimal digits stays as it is.
 */
#ifndef SL_EXTRACT_FORM_H
#define SL_EXTRACT_FORM_H

#include "dataplane/extract/keys.h"

struct form;

struct form *form_create(void); /* NULL when out of memory */
void form_destroy(struct form *f);

/* @text lies in the arena of @rb. Every text is a form, so this cannot fail. */
void form_pairs(struct form *f, struct keys *k, struct slice text, struct rec_builder *rb);

#endif
