/* A whole SELECT of op sql, of any bytes: refused with a text and a place in it, or read; then its
 * parts are texts and its names are there.
 */
#include "fuzz.h"

#include "dataplane/base/mem.h"
#include "dataplane/graph/sql_query.h"

static void check_part(const struct sql_part *p, size_t len)
{
	must(!p->text || strlen(p->text) <= 8 * len + 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct sql_query *q = mem_alloc(sizeof(*q));
	char *text = mem_alloc(len + 1);
	size_t off = 0;
	struct err e = {0};
	must(q && text);
	if (len)
		memcpy(text, data, len);
	if (sql_query_read(q, text, &off, &e) < 0) {
		must(e.text[0] != '\0');
		must(off <= strlen(text));
	} else {
		check_part(&q->where, len);
		check_part(&q->having, len);
		for (unsigned i = 0; i < q->n_joins; i++)
			must(q->joins[i].dimension && q->joins[i].key_column);
		for (unsigned i = 0; i < q->n_groups; i++)
			must(q->groups[i].name != NULL);
		for (unsigned i = 0; i < q->n_aggregates; i++)
			must(q->aggregates[i].name != NULL);
	}
	sql_query_fini(q);
	mem_free(text);
	mem_free(q);
	return 0;
}
