/* kept.h - what goes on over reloads, whatever becomes of the configuration that it came with: the
 * rows of a dimension, and what the parser of a source keeps.
 *
 * In:     a dimension's or a source's configuration, of which copies are kept.
 * Out:    the dimension, loaded; the parser's keeper, and the options that its pools are made of.
 * Owns:   all of it, until the last pipeline that has it is gone.
 * Runs:   main, or a reload's thread.
 * Limits: -
 */
#ifndef SL_CTL_KEPT_H
#define SL_CTL_KEPT_H

#include <stdatomic.h>

#include "ctl/config.h"
#include "ctl/memlist.h"

struct kept_dim {
	atomic_uint n_refs;
	struct memlist mem; /* of what spec points to */
	struct dim_spec spec;
	struct dim *dim;
};

/* Loads it. 0, or -errno with a text that names the file and the place. */
int kept_dim_create(const struct dimension_conf *d, struct kept_dim **ret_k, struct err *e);
struct kept_dim *kept_dim_get(struct kept_dim *k);
void kept_dim_put(struct kept_dim *k); /* accepts NULL */

struct kept_source {
	atomic_uint n_refs;
	struct memlist mem; /* of conf */
	const struct parser *parser;
	const void *conf;
	void *keep; /* of keep_create; NULL: none */
};

/* Has the parser of @s anything that goes on? */
bool kept_source_wanted(const struct source_conf *s);
/* The same errors. */
int kept_source_create(const struct source_conf *s, struct kept_source **ret_k, struct err *e);
struct kept_source *kept_source_get(struct kept_source *k);
void kept_source_put(struct kept_source *k); /* accepts NULL */

#endif
