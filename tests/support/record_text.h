/* record_text.h - one message through a parser's extract(), and its fields as text.
 *
 * In:     the body of a frame.
 * Out:    a text for each field and pair by name; error text.
 * Owns:   all of it, until record_text_fini.
 * Runs:   tests.
 * Limits: messages to 1 MiB.
 */
#ifndef SL_TESTS_RECORD_TEXT_H
#define SL_TESTS_RECORD_TEXT_H

#include "ctl/memlist.h"
#include "dataplane/frame/parser.h"

struct record_text {
	const struct parser *parser;
	void *conf;         /* options at their defaults; change them as you like */
	struct memlist mem; /* texts and lists of conf */
	uint64_t time_ns;   /* packet time */
	const char *error;  /* of the last message; then `message` is all of it */

	struct batch batch;
	struct schema schema;
	struct rec_builder *rb;
	struct rec *rec;
	char *texts[64];
	unsigned n_texts;
};

void record_text_init(struct record_text *t, const struct parser *parser);
void record_text_fini(struct record_text *t);

/* Reads one message. What the one before gave is gone. */
void record_text_read(struct record_text *t, const void *bytes, size_t len);

/* The field or pair @name: numbers in decimal, times as RFC 3339. NULL when it is null or absent.
 */
const char *record_text_get(struct record_text *t, const char *name);

#endif
