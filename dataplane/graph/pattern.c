#include "dataplane/graph/pattern.h"

#include <hs/hs.h>

#include "dataplane/base/mem.h"

#define FLAGS (HS_FLAG_DOTALL | HS_FLAG_UTF8 | HS_FLAG_ALLOWEMPTY | HS_FLAG_SINGLEMATCH)

/* The patterns of one subject. */
struct group {
	uint32_t subject;
	unsigned n;
	char *texts[PATTERN_MAX];
	hs_database_t *db;
};

struct patterns {
	struct group *groups[PATTERN_MAX];
	unsigned n_groups, n;
};

struct patterns_scratch {
	const struct patterns *p;
	hs_scratch_t *hs;
	bool *scanned;  /* by group */
	uint8_t **hits; /* by group: VEC_ROWS_MAX bytes for each of its patterns */
	uint8_t *now;   /* of the group that is scanned, at the row */
};

struct patterns *patterns_create(void)
{
	return mem_alloc(sizeof(struct patterns));
}

void patterns_destroy(struct patterns *p)
{
	for (unsigned g = 0; p && g < p->n_groups; g++) {
		struct group *group = p->groups[g];
		for (unsigned i = 0; i < group->n; i++)
			mem_free(group->texts[i]);
		hs_free_database(group->db);
		mem_free(group);
	}
	mem_free(p);
}

static struct group *group_of(struct patterns *p, uint32_t subject, uint32_t *ret_g)
{
	for (uint32_t g = 0; g < p->n_groups; g++)
		if (p->groups[g]->subject == subject) {
			*ret_g = g;
			return p->groups[g];
		}
	struct group *group = mem_alloc(sizeof(*group));
	if (group) {
		group->subject = subject;
		*ret_g = p->n_groups;
		p->groups[p->n_groups++] = group;
	}
	return group;
}

/* Does Hyperscan take it? Only a data base of all says so for certain; this is its parser. */
static int try_pattern(const char *text, struct err *e)
{
	hs_expr_info_t *info = NULL;
	hs_compile_error_t *error = NULL;
	int ret = 0;
	if (hs_expression_info(text, FLAGS, &info, &error) != HS_SUCCESS)
		ret = err_set(e, -EINVAL, "the pattern is not supported: %s",
			      error ? error->message : "out of memory");
	hs_free_compile_error(error);
	mem_free(info); /* from libc, as all of ours */
	return ret;
}

int patterns_add(struct patterns *p, uint32_t subject, struct slice pattern, bool ignore_case,
		 struct pattern_ref *ret_ref, struct err *e)
{
	if (p->n == PATTERN_MAX)
		return err_set(e, -EINVAL, "more than %d patterns", PATTERN_MAX);
	uint32_t g = 0;
	struct group *group = group_of(p, subject, &g);
	char *text = mem_alloc(16 * pattern.len + 64);
	int ret = group && text ? pattern_translate(pattern, &ignore_case, text, e)
				: err_set(e, -ENOMEM, "out of memory for a pattern");
	if (ret == 0)
		ret = try_pattern(text, e);
	if (ret < 0) {
		mem_free(text);
		return ret;
	}
	*ret_ref = (struct pattern_ref){.group = g, .id = group->n};
	group->texts[group->n++] = text;
	p->n++;
	return 0;
}

static int compile_group(struct group *g, struct err *e)
{
	unsigned *flags = mem_alloc((g->n + 1) * sizeof(*flags));
	unsigned *ids = mem_alloc((g->n + 1) * sizeof(*ids));
	hs_compile_error_t *error = NULL;
	int ret = flags && ids ? 0 : err_set(e, -ENOMEM, "out of memory for patterns");
	for (unsigned i = 0; ret == 0 && i < g->n; i++) {
		flags[i] = FLAGS;
		ids[i] = i;
	}
	if (ret == 0 && g->n > 0 &&
	    hs_compile_multi((const char *const *)g->texts, flags, ids, g->n, HS_MODE_BLOCK, NULL,
			     &g->db, &error) != HS_SUCCESS)
		ret = err_set(e, -EINVAL, "Hyperscan cannot compile %s: %s",
			      error->expression >= 0 ? g->texts[error->expression] : "the patterns",
			      error->message);
	hs_free_compile_error(error);
	mem_free(flags);
	mem_free(ids);
	return ret;
}

int patterns_compile(struct patterns *p, struct err *e)
{
	int ret = 0;
	for (unsigned g = 0; ret == 0 && g < p->n_groups; g++)
		if (!p->groups[g]->db)
			ret = compile_group(p->groups[g], e);
	return ret;
}

struct patterns_scratch *patterns_scratch_create(const struct patterns *p)
{
	struct patterns_scratch *s = mem_alloc(sizeof(*s));
	if (!s)
		return NULL;
	s->p = p;
	s->scanned = mem_alloc(p->n_groups + 1);
	s->hits = mem_alloc((p->n_groups + 1) * sizeof(*s->hits));
	bool ok = s->scanned && s->hits;
	for (unsigned g = 0; ok && g < p->n_groups; g++) {
		const struct group *group = p->groups[g];
		s->hits[g] = mem_alloc((size_t)(group->n + 1) * VEC_ROWS_MAX);
		ok = s->hits[g] &&
		     (!group->db || hs_alloc_scratch(group->db, &s->hs) == HS_SUCCESS);
	}
	if (!ok) {
		patterns_scratch_destroy(s);
		return NULL;
	}
	return s;
}

void patterns_scratch_destroy(struct patterns_scratch *s)
{
	if (!s)
		return;
	for (unsigned g = 0; s->hits && g < s->p->n_groups; g++)
		mem_free(s->hits[g]);
	hs_free_scratch(s->hs);
	mem_free(s->hits);
	mem_free(s->scanned);
	mem_free(s);
}

void patterns_begin(struct patterns_scratch *s)
{
	memset(s->scanned, 0, s->p->n_groups);
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		    void *arg)
{
	struct patterns_scratch *s = arg;
	s->now[(size_t)id * VEC_ROWS_MAX] = 1;
	return 0;
}

const uint8_t *patterns_scan(struct patterns_scratch *s, struct pattern_ref ref,
			     const struct vec *v, unsigned n)
{
	const struct group *g = s->p->groups[ref.group];
	uint8_t *hits = s->hits[ref.group];
	if (!s->scanned[ref.group]) {
		s->scanned[ref.group] = true;
		memset(hits, 0, (size_t)g->n * VEC_ROWS_MAX);
		for (unsigned i = 0; i < n; i++) {
			if (v->state[i] != VEC_VALUE)
				continue;
			s->now = hits + i;
			hs_scan(g->db, (const char *)v->s[i].ptr, (unsigned)v->s[i].len, 0, s->hs,
				on_match, s);
		}
	}
	return hits + (size_t)ref.id * VEC_ROWS_MAX;
}
