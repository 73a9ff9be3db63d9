#include "dataplane/match/rules.h"

#include <hs/hs.h>

#include "dataplane/base/mem.h"
#include "dataplane/match/literals.h"
#include "dataplane/match/regex.h"

/* Bodies of one scan; a longer one is scanned where it lies. */
#define SCAN_BYTES (256u << 10)

/* One entry of the map from offsets to bodies for so many bytes. */
#define MAP_SHIFT  6

#define HS_FLAGS   (HS_FLAG_MULTILINE)

struct rule {
	struct regex *regex;
	struct slice name; /* as a JSON string */
	uint16_t source;
	bool alone;   /* not for Hyperscan: searched by PCRE2 in each body */
	bool literal; /* what Hyperscan finds needs no confirmation */
	bool plain;   /* nor for Hyperscan: among the literals of its source */
};

/* The rules of a source that are all texts, but for those that PCRE2 searches alone. */
struct plain {
	struct literals *literals; /* NULL: there are others */
	uint16_t rules[LITERALS_MAX];
};

struct rules {
	struct rule *rules;
	unsigned n;
	struct slice *names;
	hs_database_t *db; /* NULL when every rule is alone */
	bool *has_rules;   /* by source */
	struct plain *plain;
	unsigned n_sources; /* of both */
	uint16_t *alone;    /* the rules that are */
	unsigned n_alone;
};

/* A body in the buffer. */
struct part {
	uint32_t from, to; /* `to` is where its newline stands */
	uint16_t frame;
};

struct rules_scratch {
	const struct rules *r;
	hs_scratch_t *hs;
	struct regex_scratch *regex;
	uint8_t *buf; /* SCAN_BYTES and padding */
	struct part parts[RULES_FRAMES_MAX];
	unsigned n_parts;
	uint16_t
		map[(SCAN_BYTES >> MAP_SHIFT) + 1]; /* the part that holds the block's first byte */
	const struct frame *frames;
	uint64_t texts[RULES_FRAMES_MAX]; /* of the literals of their source, those in each body */
	uint64_t *found;                  /* frame by frame, one bit a rule */
	uint64_t any[RULES_FRAMES_MAX / 64]; /* a bit by frame: some of these */
	unsigned n_words;                    /* of one frame */
	size_t hits_bytes;
	struct rule_hit *items;
	struct rule_hits hits;
	uint64_t too_costly;
};

/* ---- building ---- */

static bool is_literal(const char *pattern)
{
	return strpbrk(pattern, "\\^$.|?*+()[]{}\n") == NULL;
}

/* \A, \z, \Z, \G and \K speak of the ends of a body, which a burst does not have. */
static bool knows_ends(const char *pattern)
{
	for (const char *p = pattern; (p = strchr(p, '\\')) && p[1]; p += 2) {
		if (strchr("AzZGKQ", p[1]))
			return true;
	}
	return false;
}

static struct slice json_name(const char *name)
{
	size_t len = strlen(name), n = 0;
	char *text = mem_alloc(2 * len + 3);
	if (!text)
		return (struct slice){0};
	text[n++] = '"';
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '"' || name[i] == '\\')
			text[n++] = '\\';
		text[n++] = name[i];
	}
	text[n++] = '"';
	return slice_of(text, n);
}

static int add_rule(struct rules *r, const struct rule_def *def, struct err *e)
{
	struct rule *rule = &r->rules[r->n];
	size_t at = 0;
	int ret = regex_compile(def->pattern, 0, &rule->regex, &at, e);
	if (ret < 0)
		return err_prefix(e, ret, "%s:%d:%d: rule %s: at character %zu of the pattern: ",
				  def->file ? def->file : "-", def->line, def->col, def->name,
				  at + 1);
	rule->name = json_name(def->name);
	rule->source = def->source;
	rule->alone = knows_ends(def->pattern);
	rule->literal = is_literal(def->pattern);
	r->names[r->n] = rule->name;
	if (def->source >= r->n_sources)
		r->n_sources = def->source + 1u;
	r->n++;
	return rule->name.ptr ? 0 : err_set(e, -ENOMEM, "out of memory for rules");
}

/* One database of all rules that Hyperscan takes. One that it refuses (look-around, a reference
 * back, too large, may match nothing at all) joins those that PCRE2 searches alone, and the rest
 * are tried again: it is refused while patterns are read, which is the cheap part.
 */
static int compile_database(struct rules *r, const struct rule_def *defs, struct err *e)
{
	const char **patterns = mem_alloc((r->n + 1) * sizeof(const char *));
	unsigned *flags = mem_alloc((r->n + 1) * sizeof(*flags));
	unsigned *ids = mem_alloc((r->n + 1) * sizeof(*ids));
	int ret = patterns && flags && ids ? 0 : err_set(e, -ENOMEM, "out of memory for rules");
	while (ret == 0 && !r->db) {
		hs_compile_error_t *error = NULL;
		unsigned n = 0;
		for (unsigned i = 0; i < r->n; i++) {
			if (r->rules[i].alone || r->rules[i].plain)
				continue;
			patterns[n] = defs[i].pattern;
			flags[n] = HS_FLAGS;
			ids[n++] = i;
		}
		if (n == 0 || hs_compile_multi(patterns, flags, ids, n, HS_MODE_BLOCK, NULL, &r->db,
					       &error) == HS_SUCCESS)
			break;
		if (error->expression >= 0)
			r->rules[ids[error->expression]].alone = true;
		else
			ret = err_set(e, -EINVAL, "Hyperscan cannot compile the rules: %s",
				      error->message);
		hs_free_compile_error(error);
	}
	mem_free(patterns);
	mem_free(flags);
	mem_free(ids);
	return ret;
}

/* The literals of @source; none, where another rule needs a scan by Hyperscan all the same. */
static int find_plain(struct rules *r, const struct rule_def *defs, uint16_t source)
{
	struct plain *p = &r->plain[source];
	struct slice texts[LITERALS_MAX] = {0};
	unsigned n = 0;
	for (unsigned i = 0; i < r->n; i++) {
		if (r->rules[i].source != source || r->rules[i].alone)
			continue;
		if (!r->rules[i].literal || n == LITERALS_MAX)
			return 0;
		p->rules[n] = (uint16_t)i;
		texts[n++] = slice_str(defs[i].pattern);
	}
	if (!literals_can(texts, n, LITERALS_BEST))
		return 0;
	for (unsigned k = 0; k < n; k++)
		r->rules[p->rules[k]].plain = true;
	p->literals = literals_create(texts, n, LITERALS_BEST);
	return p->literals ? 0 : -ENOMEM;
}

static int add_sources(struct rules *r, const struct rule_def *defs, struct err *e)
{
	int ret = 0;
	r->has_rules = mem_alloc(r->n_sources + 1);
	r->plain = mem_alloc((r->n_sources + 1) * sizeof(*r->plain));
	if (!r->has_rules || !r->plain)
		ret = -ENOMEM;
	for (unsigned i = 0; ret == 0 && i < r->n; i++) {
		uint16_t source = r->rules[i].source;
		if (!r->has_rules[source])
			ret = find_plain(r, defs, source);
		r->has_rules[source] = true;
	}
	return ret < 0 ? err_set(e, ret, "out of memory for rules") : 0;
}

int rules_create(const struct rule_def *defs, unsigned n, struct rules **ret_r, struct err *e)
{
	struct rules *r = mem_alloc(sizeof(*r));
	int ret = 0;
	if (n > RULES_MAX)
		ret = err_set(e, -EINVAL, "more than %d rules", RULES_MAX);
	if (r && ret == 0) {
		r->rules = mem_alloc((n + 1) * sizeof(*r->rules));
		r->names = mem_alloc((n + 1) * sizeof(*r->names));
		r->alone = mem_alloc((n + 1) * sizeof(*r->alone));
	}
	if (ret == 0 && (!r || !r->rules || !r->names || !r->alone))
		ret = err_set(e, -ENOMEM, "out of memory for rules");
	for (unsigned i = 0; ret == 0 && i < n; i++)
		ret = add_rule(r, &defs[i], e);
	if (ret == 0)
		ret = add_sources(r, defs, e);
	if (ret == 0)
		ret = compile_database(r, defs, e);
	if (ret < 0) {
		rules_destroy(r);
		return ret;
	}
	for (unsigned i = 0; i < n; i++) {
		if (r->rules[i].alone)
			r->alone[r->n_alone++] = (uint16_t)i;
	}
	*ret_r = r;
	return 0;
}

void rules_destroy(struct rules *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->n; i++) {
		regex_destroy(r->rules[i].regex);
		mem_free((void *)r->rules[i].name.ptr);
	}
	hs_free_database(r->db);
	for (unsigned i = 0; r->plain && i < r->n_sources; i++)
		literals_destroy(r->plain[i].literals);
	mem_free(r->plain);
	mem_free(r->has_rules);
	mem_free(r->alone);
	mem_free(r->names);
	mem_free(r->rules);
	mem_free(r);
}

const char *rules_engine(const struct rules *r, unsigned i)
{
	if (r->rules[i].plain)
		return "literals";
	return r->rules[i].alone ? "pcre2" : "hyperscan";
}

struct rules_scratch *rules_scratch_create(const struct rules *r)
{
	struct rules_scratch *s = mem_alloc(sizeof(*s));
	if (!s)
		return NULL;
	s->r = r;
	s->n_words = (r->n + 63) / 64;
	s->hits_bytes = (size_t)RULES_FRAMES_MAX * (r->n + 1) * sizeof(*s->items);
	s->buf = mem_alloc(SCAN_BYTES + SL_PAD);
	s->found = mem_alloc(((size_t)RULES_FRAMES_MAX * s->n_words + 1) * sizeof(*s->found));
	s->items = mem_map(s->hits_bytes);
	s->regex = regex_scratch_create(0);
	if (!s->buf || !s->found || !s->items || !s->regex ||
	    (r->db && hs_alloc_scratch(r->db, &s->hs) != HS_SUCCESS)) {
		rules_scratch_destroy(s);
		return NULL;
	}
	s->hits.items = s->items;
	s->hits.names = r->names;
	return s;
}

void rules_scratch_destroy(struct rules_scratch *s)
{
	if (!s)
		return;
	hs_free_scratch(s->hs);
	regex_scratch_destroy(s->regex);
	if (s->items)
		mem_unmap(s->items, s->hits_bytes);
	mem_free(s->found);
	mem_free(s->buf);
	mem_free(s);
}

uint64_t rules_too_costly(const struct rules_scratch *s)
{
	return s->too_costly;
}

/* ---- scanning ---- */

static void set_found(struct rules_scratch *s, unsigned frame, unsigned rule)
{
	s->found[(size_t)frame * s->n_words + rule / 64] |= (uint64_t)1 << (rule % 64);
	s->any[frame / 64] |= (uint64_t)1 << (frame % 64);
}

/* The frame whose body ends a match at offset @to. */
static unsigned frame_at(const struct rules_scratch *s, uint64_t to)
{
	unsigned i = s->n_parts > 1 ? s->map[to >> MAP_SHIFT] : 0;
	while (s->parts[i].to < to && i + 1 < s->n_parts)
		i++;
	return s->parts[i].frame;
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		    void *arg)
{
	struct rules_scratch *s = arg;
	unsigned frame = frame_at(s, to);
	if (s->frames[frame].source == s->r->rules[id].source)
		set_found(s, frame, id);
	return 0;
}

static void scan(struct rules_scratch *s, const uint8_t *p, size_t len)
{
	if (s->r->db)
		hs_scan(s->r->db, (const char *)p, (unsigned)len, 0, s->hs, on_match, s);
	s->n_parts = 0;
}

static void scan_parts(struct rules_scratch *s, uint32_t len)
{
	for (unsigned i = 0, block = 0; i < s->n_parts; i++) {
		uint32_t end = i + 1 < s->n_parts ? s->parts[i + 1].from : len + 1;
		for (; ((uint64_t)block << MAP_SHIFT) < end; block++)
			s->map[block] = (uint16_t)i;
	}
	if (s->n_parts)
		scan(s, s->buf, len);
}

/* A body that the buffer does not hold is scanned where it lies. */
static void scan_long(struct rules_scratch *s, unsigned frame)
{
	s->parts[0] = (struct part){.to = UINT32_MAX, .frame = (uint16_t)frame};
	s->n_parts = 1;
	scan(s, s->frames[frame].body.ptr, s->frames[frame].body.len);
}

static void find_literals(struct rules_scratch *s, const struct plain *p, unsigned first,
			  unsigned end)
{
	if (!literals_find(p->literals, s->frames + first, end - first, s->texts + first))
		return;
	for (unsigned i = first; i < end; i++)
		for (uint64_t bits = s->texts[i]; bits; bits &= bits - 1)
			set_found(s, i, p->rules[__builtin_ctzll(bits)]);
}

/* Behind the @len bytes in the buffer, which are scanned first where it has no room. Returns how
 * many there are then.
 */
static uint32_t put_part(struct rules_scratch *s, uint32_t len, unsigned frame)
{
	struct slice body = s->frames[frame].body;
	if (body.len >= SCAN_BYTES - len) {
		scan_parts(s, len);
		len = 0;
	}
	if (body.len >= SCAN_BYTES) {
		scan_long(s, frame);
		return 0;
	}
	memcpy(s->buf + len, body.ptr, body.len);
	s->parts[s->n_parts++] = (struct part){
		.from = len, .to = len + (uint32_t)body.len, .frame = (uint16_t)frame};
	len += (uint32_t)body.len;
	s->buf[len++] = '\n';
	return len;
}

/* Frames of one source mostly come one behind the other. */
static void scan_all(struct rules_scratch *s, unsigned n)
{
	const struct rules *r = s->r;
	uint32_t len = 0;
	for (unsigned i = 0, end = 0; i < n; i = end) {
		uint16_t source = s->frames[i].source;
		while (end < n && s->frames[end].source == source)
			end++;
		if (source >= r->n_sources || !r->has_rules[source])
			continue;
		if (r->plain[source].literals)
			find_literals(s, &r->plain[source], i, end);
		else
			for (; i < end; i++)
				len = put_part(s, len, i);
	}
	scan_parts(s, len);
}

static bool holds(struct rules_scratch *s, unsigned frame, unsigned rule)
{
	enum regex_result res =
		regex_match(s->r->rules[rule].regex, s->regex, s->frames[frame].body);
	s->too_costly += res == REGEX_COSTLY;
	return res == REGEX_YES;
}

static void search_alone(struct rules_scratch *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; k < s->r->n_alone; k++) {
			unsigned rule = s->r->alone[k];
			if (s->frames[i].source == s->r->rules[rule].source && holds(s, i, rule))
				set_found(s, i, rule);
		}
	}
}

/* Candidates to hits, in order, leaving the bits clean for the next burst. */
static void collect(struct rules_scratch *s, unsigned frame)
{
	uint64_t *words = s->found + (size_t)frame * s->n_words;
	for (unsigned w = 0; w < s->n_words; w++) {
		for (uint64_t bits = words[w]; bits; bits &= bits - 1) {
			unsigned rule = w * 64 + (unsigned)__builtin_ctzll(bits);
			const struct rule *r = &s->r->rules[rule];
			if (r->literal || r->alone || holds(s, frame, rule))
				s->items[s->hits.n++] =
					(struct rule_hit){(uint16_t)frame, (uint16_t)rule};
		}
		words[w] = 0;
	}
}

const struct rule_hits *rules_scan(struct rules_scratch *s, const struct frame *frames, unsigned n)
{
	assert(n <= RULES_FRAMES_MAX);
	s->frames = frames;
	s->hits.n = 0;
	scan_all(s, n);
	search_alone(s, n);
	for (unsigned w = 0; w < RULES_FRAMES_MAX / 64; w++) {
		for (uint64_t bits = s->any[w]; bits; bits &= bits - 1)
			collect(s, w * 64 + (unsigned)__builtin_ctzll(bits));
		s->any[w] = 0;
	}
	return &s->hits;
}
