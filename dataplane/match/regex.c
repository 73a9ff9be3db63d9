#include "dataplane/match/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "dataplane/base/mem.h"

#define JIT_STACK_MIN (32 << 10)
#define JIT_STACK_MAX (256 << 10)

struct regex {
	pcre2_code *code;
	uint32_t n_groups;
	const char **names; /* by group; NULL: none. They lie in the code */
};

struct regex_scratch {
	pcre2_general_context *general;
	pcre2_match_context *match;
	pcre2_match_data *groups;
	pcre2_jit_stack *stack;
};

static void *pcre_alloc(size_t bytes, void *arg)
{
	return mem_alloc(bytes);
}

static void pcre_free(void *p, void *arg)
{
	mem_free(p);
}

static uint32_t options_of(unsigned flags)
{
	uint32_t o = PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C;
	if (flags & REGEX_WHOLE)
		o |= PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOTALL;
	if (flags & REGEX_NAMED)
		o |= PCRE2_NO_AUTO_CAPTURE;
	return o;
}

static int read_names(struct regex *r)
{
	uint32_t n_names = 0, size = 0;
	PCRE2_SPTR table;
	pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &r->n_groups);
	pcre2_pattern_info(r->code, PCRE2_INFO_NAMECOUNT, &n_names);
	pcre2_pattern_info(r->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(r->code, PCRE2_INFO_NAMETABLE, &table);
	r->names = mem_alloc((r->n_groups + 1) * sizeof(*r->names));
	if (!r->names)
		return -ENOMEM;
	for (uint32_t i = 0; i < n_names; i++, table += size) {
		unsigned group = (unsigned)table[0] << 8 | table[1];
		r->names[group] = (const char *)table + 2;
	}
	return 0;
}

int regex_compile(const char *pattern, unsigned flags, struct regex **ret_r, size_t *ret_at,
		  struct err *e)
{
	int code;
	size_t at = 0;
	int ret = 0;
	struct regex *r = mem_alloc(sizeof(*r));
	pcre2_general_context *general = pcre2_general_context_create(pcre_alloc, pcre_free, NULL);
	pcre2_compile_context *cc = general ? pcre2_compile_context_create(general) : NULL;
	if (!r || !cc) {
		ret = err_set(e, -ENOMEM, "out of memory for a pattern");
		goto out;
	}
	r->code = pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern), options_of(flags), &code, &at,
				cc);
	if (!r->code) {
		char text[128];
		pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text));
		*ret_at = at;
		ret = err_set(e, -EINVAL, "%s", text);
		goto out;
	}
	code = pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);
	if (code < 0)
		ret = err_set(e, -EINVAL, "PCRE2 cannot compile this pattern to machine code");
	else if (read_names(r) < 0)
		ret = err_set(e, -ENOMEM, "out of memory for a pattern");
out:
	if (ret < 0)
		regex_destroy(r);
	else
		*ret_r = r;
	pcre2_compile_context_free(cc);
	pcre2_general_context_free(general);
	return ret;
}

void regex_destroy(struct regex *r)
{
	if (!r)
		return;
	pcre2_code_free(r->code);
	mem_free(r->names);
	mem_free(r);
}

unsigned regex_n_groups(const struct regex *r)
{
	return r->n_groups;
}

const char *regex_group_name(const struct regex *r, unsigned i)
{
	return r->names[i];
}

struct regex_scratch *regex_scratch_create(unsigned n_groups_max)
{
	struct regex_scratch *s = mem_alloc(sizeof(*s));
	if (!s)
		return NULL;
	s->general = pcre2_general_context_create(pcre_alloc, pcre_free, NULL);
	if (s->general) {
		s->match = pcre2_match_context_create(s->general);
		s->groups = pcre2_match_data_create(n_groups_max + 1, s->general);
		s->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, s->general);
	}
	if (!s->match || !s->groups || !s->stack) {
		regex_scratch_destroy(s);
		return NULL;
	}
	pcre2_set_match_limit(s->match, REGEX_STEPS_MAX);
	pcre2_jit_stack_assign(s->match, NULL, s->stack);
	return s;
}

void regex_scratch_destroy(struct regex_scratch *s)
{
	if (!s)
		return;
	pcre2_match_data_free(s->groups);
	pcre2_match_context_free(s->match);
	pcre2_jit_stack_free(s->stack);
	pcre2_general_context_free(s->general);
	mem_free(s);
}

enum regex_result regex_match(const struct regex *r, struct regex_scratch *s, struct slice text)
{
	/* An empty text may have no address, which PCRE2 does not take. */
	PCRE2_SPTR p = text.ptr ? text.ptr : (PCRE2_SPTR) "";
	int n = pcre2_jit_match(r->code, p, text.len, 0, 0, s->groups, s->match);
	if (n >= 0)
		return REGEX_YES;
	return n == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_COSTLY;
}

struct slice regex_group(const struct regex_scratch *s, struct slice text, unsigned i)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->groups) + (size_t)2 * i;
	if (at[0] == PCRE2_UNSET || at[1] < at[0])
		return (struct slice){0};
	return slice_of(text.ptr + at[0], at[1] - at[0]);
}
