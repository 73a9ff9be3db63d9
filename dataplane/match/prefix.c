#include "dataplane/match/prefix.h"

#include <hs/hs.h>

#include "dataplane/base/mem.h"

struct match_prefix {
	hs_database_t *db; /* NULL: every format is always possible */
	unsigned n_words;
	uint64_t always[MATCH_PREFIX_MAX / 64];
};

struct match_prefix_scratch {
	hs_scratch_t *hs;
	uint64_t found[MATCH_PREFIX_MAX / 64];
};

static void set_bit(uint64_t *words, unsigned i)
{
	words[i / 64] |= (uint64_t)1 << i % 64;
}

/* Puts the anchor in front: "^(?:pattern)". */
static char *anchored(const char *pattern)
{
	size_t len = strlen(pattern);
	char *text = mem_alloc(len + 6);
	if (!text)
		return NULL;
	memcpy(text, "^(?:", 4);
	memcpy(text + 4, pattern, len);
	text[len + 4] = ')';
	return text;
}

/* Compiles what is not always possible; what Hyperscan refuses becomes so, and the rest is tried
 * again.
 */
static int compile(struct match_prefix *p, char *const *texts, unsigned n, struct err *e)
{
	while (!p->db) {
		const char *patterns[MATCH_PREFIX_MAX];
		unsigned flags[MATCH_PREFIX_MAX], ids[MATCH_PREFIX_MAX], k = 0;
		hs_compile_error_t *error = NULL;
		for (unsigned i = 0; i < n; i++) {
			if (p->always[i / 64] >> i % 64 & 1)
				continue;
			patterns[k] = texts[i];
			flags[k] = HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH;
			ids[k++] = i;
		}
		if (k == 0 || hs_compile_multi(patterns, flags, ids, k, HS_MODE_BLOCK, NULL, &p->db,
					       &error) == HS_SUCCESS)
			break;
		int at = error->expression;
		if (at < 0)
			err_set(e, -EINVAL, "Hyperscan cannot compile prefixes: %s",
				error->message);
		else
			set_bit(p->always, ids[at]);
		hs_free_compile_error(error);
		if (at < 0)
			return -EINVAL;
	}
	return 0;
}

int match_prefix_create(const char *const *patterns, unsigned n, struct match_prefix **ret_p,
			struct err *e)
{
	char *texts[MATCH_PREFIX_MAX] = {NULL};
	struct match_prefix *p = mem_alloc(sizeof(*p));
	int r = p ? 0 : err_set(e, -ENOMEM, "out of memory for prefixes");
	if (n > MATCH_PREFIX_MAX)
		r = err_set(e, -EINVAL, "more than %d formats", MATCH_PREFIX_MAX);
	else if (p)
		p->n_words = match_prefix_words(n);
	for (unsigned i = 0; r == 0 && i < n; i++) {
		texts[i] = patterns[i] ? anchored(patterns[i]) : NULL;
		if (!patterns[i])
			set_bit(p->always, i);
		else if (!texts[i])
			r = err_set(e, -ENOMEM, "out of memory for prefixes");
	}
	if (r == 0)
		r = compile(p, texts, n, e);
	for (unsigned i = 0; i < MATCH_PREFIX_MAX; i++)
		mem_free(texts[i]);
	if (r < 0)
		match_prefix_destroy(p);
	else
		*ret_p = p;
	return r;
}

void match_prefix_destroy(struct match_prefix *p)
{
	if (!p)
		return;
	hs_free_database(p->db);
	mem_free(p);
}

struct match_prefix_scratch *match_prefix_scratch_create(const struct match_prefix *const *ps,
							 unsigned n)
{
	struct match_prefix_scratch *s = mem_alloc(sizeof(*s));
	for (unsigned i = 0; s && i < n; i++) {
		/* A scratch that is there grows to what the next database needs. */
		if (ps[i] && ps[i]->db && hs_alloc_scratch(ps[i]->db, &s->hs) != HS_SUCCESS) {
			match_prefix_scratch_destroy(s);
			return NULL;
		}
	}
	return s;
}

void match_prefix_scratch_destroy(struct match_prefix_scratch *s)
{
	if (!s)
		return;
	hs_free_scratch(s->hs);
	mem_free(s);
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		    void *arg)
{
	set_bit(arg, id);
	return 0;
}

const uint64_t *match_prefix_find(const struct match_prefix *p, struct match_prefix_scratch *s,
				  struct slice text)
{
	for (unsigned i = 0; i < p->n_words; i++)
		s->found[i] = p->always[i];
	size_t len = text.len < MATCH_PREFIX_BYTES ? text.len : MATCH_PREFIX_BYTES;
	if (p->db && len)
		hs_scan(p->db, (const char *)text.ptr, (unsigned)len, 0, s->hs, on_match, s->found);
	return s->found;
}
