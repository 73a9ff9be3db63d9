#include "dataplane/extract/format.h"

#include <stdio.h>

#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "dataplane/extract/csv.h"
#include "dataplane/extract/grok.h"
#include "dataplane/extract/json.h"
#include "dataplane/extract/kv.h"
#include "dataplane/extract/plan.h"
#include "dataplane/extract/select.h"
#include "dataplane/match/regex.h"

struct field {
	struct val key;
	uint16_t group;    /* of the pattern */
	uint16_t first;    /* the first field of the same name: itself, or an earlier one */
	struct type *type; /* NULL: text as it is */
};

struct format {
	char *name;
	size_t name_len;
	int kind; /* enum format_kind */
	struct regex *regex;
	struct plan *plan; /* of the same pattern, where it has one */
	struct kv kv;
	struct csv csv;
	struct typed_name *types; /* kv, logfmt */
	char *text[2];            /* kv's separators */
	struct select_format *beginning;
	unsigned n_fields;
	bool has_twins;        /* two fields of one name, in branches of the pattern */
	struct field fields[]; /* FORMAT_FIELDS_MAX while it is built, then as many as there are */
};

/* Looking at a line that is not of a format costs a plan 3 ns, PCRE2 40, and the others some
 * (perf/bench_extract.c).
 */
#define NO_PLAN_NS  3
#define NO_PCRE2_NS 40

struct format_scratch {
	struct regex_scratch *regex;
	struct json *json;
	struct format_counts counts;
	int pair_of[FORMAT_FIELDS_MAX]; /* of the line at hand: where a field's pair is; -1: nowhere
					 */
};

static int fail(const struct format_def *def, int code, struct err *e)
{
	return err_prefix(e, code, "%s:%d:%d: format %s: ", def->file ? def->file : "-", def->line,
			  def->col, def->name);
}

/* ---- building ---- */

static const char *type_of_name(const struct format_def *def, const char *name)
{
	for (size_t i = 0; i < def->types.n; i++) {
		if (strcmp(def->types.items[i].key, name) == 0)
			return def->types.items[i].value;
	}
	return NULL;
}

static int add_type(struct field *field, const char *type, const char *inline_type, struct err *e)
{
	struct type parsed;
	int r = type_parse(type ? type : inline_type ? inline_type : "string", &parsed, e);
	if (r < 0 || parsed.kind == TYPE_STRING)
		return r;
	field->type = mem_alloc(sizeof(parsed));
	if (!field->type)
		return err_set(e, -ENOMEM, "out of memory");
	*field->type = parsed;
	return 0;
}

/* @inline_type: from the pattern; one in `types` goes before it. */
static int add_field(struct format *f, const struct format_def *def, struct names *names,
		     const char *name, const char *inline_type, unsigned group, struct err *e)
{
	uint32_t id;
	if (f->n_fields == FORMAT_FIELDS_MAX)
		return err_set(e, -EINVAL, "more than %d fields", FORMAT_FIELDS_MAX);
	struct field *field = &f->fields[f->n_fields];
	int r = add_type(field, type_of_name(def, name), inline_type, e);
	f->n_fields++;
	if (r < 0)
		return err_prefix(e, r, "field %s: ", name);
	r = names_add(names, slice_str(name), &id);
	if (r < 0)
		return err_set(e, r, "no room for the field name %s", name);
	field->key = val_of(VAL_NAME, id, 0);
	field->group = (uint16_t)group;
	field->first = (uint16_t)(field - f->fields);
	for (unsigned i = field->first; i-- > 0;) {
		if (f->fields[i].key.off == id)
			field->first = (uint16_t)i;
	}
	f->has_twins = f->has_twins || field != &f->fields[field->first];
	return 0;
}

/* What PCRE2 has compiled, as a plan where that is possible, and how its lines begin. */
static int derive(struct format *f, const char *pattern, bool named_only, struct err *e)
{
	struct shape *shape = shape_parse(pattern, named_only);
	char *head = mem_alloc(HEAD_TEXT_MAX);
	if (shape && head) {
		f->plan = plan_create(shape_root(shape));
		head_bytes_of(shape_root(shape), &f->beginning->bytes);
		if (head_of(shape_root(shape), head))
			f->beginning->head = mem_strdup(head);
	}
	f->beginning->in_vain_ns = f->plan ? NO_PLAN_NS : NO_PCRE2_NS;
	mem_free(head);
	shape_destroy(shape);
	return head ? 0 : err_set(e, -ENOMEM, "out of memory");
}

/* A type for a field that the pattern does not have is a mistake, not a wish. */
static int check_types(const struct format *f, const struct format_def *def,
		       const struct names *names, struct err *e)
{
	for (size_t i = 0; i < def->types.n; i++) {
		struct slice name = slice_str(def->types.items[i].key);
		bool found = false;
		for (unsigned k = 0; k < f->n_fields && !found; k++)
			found = slice_eq(name, names_text(names, f->fields[k].key.off));
		if (!found)
			return err_set(e, -EINVAL, "types: the pattern has no field %s",
				       def->types.items[i].key);
	}
	return 0;
}

static int compile_regex(struct format *f, const struct format_def *def, struct names *names,
			 struct err *e)
{
	size_t at = 0;
	int r = regex_compile(def->pattern, REGEX_WHOLE | REGEX_CAPTURES, &f->regex, &at, e);
	if (r < 0)
		return err_prefix(e, r, "at character %zu of the pattern: ", at + 1);
	r = derive(f, def->pattern, false, e);
	for (unsigned i = 1; r == 0 && i <= regex_n_groups(f->regex); i++) {
		const char *name = regex_group_name(f->regex, i);
		r = name ? add_field(f, def, names, name, NULL, i, e) : 0;
	}
	return r;
}

/* What the library took for groups, PCRE2 must have taken for the same: \Q and (?# can hide some.
 */
static int check_groups(const struct regex *regex, unsigned n_fields, struct err *e)
{
	bool same = regex_n_groups(regex) == n_fields;
	for (unsigned i = 0; same && i < n_fields; i++) {
		char name[16];
		snprintf(name, sizeof(name), "f%u", i);
		same = regex_group_name(regex, i + 1) &&
		       strcmp(regex_group_name(regex, i + 1), name) == 0;
	}
	return same ? 0
		    : err_set(e, -EINVAL,
			      "groups inside of \\Q...\\E or a comment; expected them escaped");
}

static int compile_grok(struct format *f, const struct format_def *def, const struct grok *lib,
			struct names *names, struct err *e)
{
	struct grok_pattern p = {0};
	size_t at = 0;
	int r = grok_expand(lib, def->pattern, &p, &at, e);
	if (r < 0)
		return err_prefix(e, r, "at character %zu of the pattern: ", at + 1);
	r = regex_compile(p.regex, REGEX_WHOLE | REGEX_NAMED | REGEX_CAPTURES, &f->regex, &at, e);
	if (r < 0)
		err_prefix(e, r, "at character %zu of the pattern as written out: ", at + 1);
	else
		r = check_groups(f->regex, p.n_fields, e);
	if (r == 0)
		r = derive(f, p.regex, true, e);
	for (unsigned i = 0; r == 0 && i < p.n_fields; i++)
		r = add_field(f, def, names, p.fields[i].name, p.fields[i].type, i + 1, e);
	grok_pattern_fini(&p);
	return r;
}

static int compile_columns(struct format *f, const struct format_def *def, struct names *names,
			   struct err *e)
{
	f->csv = (struct csv){.sep = f->kind == FORMAT_CSV ? ',' : '\t',
			      .quote = f->kind == FORMAT_CSV ? '"' : -1};
	if (def->quote && f->kind == FORMAT_CSV) {
		if (strlen(def->quote) > 1)
			return err_set(e, -EINVAL, "quote: expected one character, or none");
		f->csv.quote = def->quote[0] ? (uint8_t)def->quote[0] : -1;
	}
	if (def->columns.n == 0)
		return err_set(e, -EINVAL, "columns: expected the names of the columns");
	for (size_t i = 0; i < def->columns.n; i++) {
		int r = add_field(f, def, names, def->columns.items[i], NULL, (unsigned)i, e);
		if (r < 0)
			return r;
	}
	if (f->has_twins)
		return err_set(e, -EINVAL, "columns: two of them have one name");
	return 0;
}

static int compile_kv(struct format *f, const struct format_def *def, struct err *e)
{
	f->kv.logfmt = f->kind == FORMAT_LOGFMT;
	f->text[0] = mem_strdup(def->pair_sep ? def->pair_sep : " ");
	f->text[1] = mem_strdup(def->kv_sep ? def->kv_sep : "=");
	f->types = mem_alloc((def->types.n + 1) * sizeof(*f->types));
	if (!f->text[0] || !f->text[1] || !f->types)
		return err_set(e, -ENOMEM, "out of memory");
	f->kv.pair_sep = slice_str(f->text[0]);
	f->kv.kv_sep = slice_str(f->text[1]);
	if (f->kv.pair_sep.len == 0 || f->kv.kv_sep.len == 0)
		return err_set(e, -EINVAL, "pair_sep and kv_sep must not be empty");
	if (def->types.n > FORMAT_FIELDS_MAX)
		return err_set(e, -EINVAL, "types: more than %d", FORMAT_FIELDS_MAX);
	f->kv.types = f->types;
	for (size_t i = 0; i < def->types.n; i++) {
		struct typed_name *t = &f->types[i];
		int r = type_parse(def->types.items[i].value, &t->type, e);
		if (r < 0)
			return err_prefix(e, r, "field %s: ", def->types.items[i].key);
		char *name = mem_strdup(def->types.items[i].key);
		if (!name)
			return err_set(e, -ENOMEM, "out of memory");
		t->name = slice_str(name);
		f->kv.n_types++;
	}
	return 0;
}

static int compile_json(struct format *f, struct err *e)
{
	static const char begins[] = {' ', '\t', '{'};
	f->beginning->head = mem_strdup("[ \t]{0,20}\\{|[ \t]{21}");
	f->beginning->in_vain_ns = NO_PCRE2_NS;
	f->beginning->bytes.n = 1;
	for (unsigned i = 0; i < sizeof(begins); i++)
		byte_set_add(&f->beginning->bytes.at[0], (uint8_t)begins[i]);
	return f->beginning->head ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int compile(struct format *f, const struct format_def *def, const struct grok *lib,
		   struct names *names, struct err *e)
{
	f->kind = def->kind;
	f->name = mem_strdup(def->name);
	f->name_len = strlen(def->name);
	f->beginning = mem_alloc(sizeof(*f->beginning));
	if (!f->name || !f->beginning)
		return err_set(e, -ENOMEM, "out of memory");
	switch (def->kind) {
	case FORMAT_GROK:
		return compile_grok(f, def, lib, names, e);
	case FORMAT_REGEX:
		return compile_regex(f, def, names, e);
	case FORMAT_KV:
	case FORMAT_LOGFMT:
		return compile_kv(f, def, e);
	case FORMAT_JSON:
		return compile_json(f, e);
	default:
		return compile_columns(f, def, names, e);
	}
}

/* Of a thousand formats each is small, so that they stay in caches. */
static struct format *fitted(struct format *f)
{
	size_t bytes = sizeof(*f) + f->n_fields * sizeof(f->fields[0]);
	struct format *small = mem_alloc(bytes);
	if (!small)
		return f;
	memcpy(small, f, bytes);
	mem_free(f);
	return small;
}

int format_compile(const struct format_def *def, const struct grok *lib, struct names *names,
		   struct format **ret_f, struct err *e)
{
	struct format *f = mem_alloc(sizeof(*f) + FORMAT_FIELDS_MAX * sizeof(f->fields[0]));
	if (!f)
		return err_set(e, -ENOMEM, "out of memory for a format");
	int r = compile(f, def, lib, names, e);
	if (r == 0 && f->kind != FORMAT_KV && f->kind != FORMAT_LOGFMT)
		r = check_types(f, def, names, e);
	if (r < 0) {
		format_destroy(f);
		return fail(def, r, e);
	}
	*ret_f = fitted(f);
	return 0;
}

void format_destroy(struct format *f)
{
	if (!f)
		return;
	for (unsigned i = 0; i < f->n_fields; i++)
		mem_free(f->fields[i].type);
	for (unsigned i = 0; i < f->kv.n_types; i++)
		mem_free((void *)f->types[i].name.ptr);
	mem_free(f->types);
	mem_free(f->text[0]);
	mem_free(f->text[1]);
	plan_destroy(f->plan);
	regex_destroy(f->regex);
	if (f->beginning)
		mem_free((void *)f->beginning->head);
	mem_free(f->beginning);
	mem_free(f->name);
	mem_free(f);
}

struct slice format_name(const struct format *f)
{
	return slice_of(f->name, f->name_len);
}

const struct select_format *format_beginning(const struct format *f)
{
	return f->beginning;
}

const char *format_engine(const struct format *f)
{
	static const char *const names[] = {
		[FORMAT_GROK] = "pcre2",    [FORMAT_REGEX] = "pcre2", [FORMAT_KV] = "kv",
		[FORMAT_LOGFMT] = "logfmt", [FORMAT_CSV] = "csv",     [FORMAT_TSV] = "tsv",
		[FORMAT_JSON] = "json",
	};
	return f->plan ? "plan" : names[f->kind];
}

bool format_has_sender_keys(const struct format *f)
{
	return f->kind == FORMAT_KV || f->kind == FORMAT_LOGFMT || f->kind == FORMAT_JSON;
}

unsigned format_n_fields(const struct format *f)
{
	return f->n_fields;
}

struct field_def format_field(const struct format *f, const struct names *names, unsigned i)
{
	static const enum val_type types[] = {[TYPE_INT] = VAL_I64,
					      [TYPE_FLOAT] = VAL_F64,
					      [TYPE_BOOL] = VAL_TRUE,
					      [TYPE_TIME] = VAL_TIME};
	const struct field *field = &f->fields[i];
	return (struct field_def){
		.name = (const char *)names_text(names, field->key.off).ptr,
		.type = field->type ? types[field->type->kind] : VAL_STR,
	};
}

bool format_may_have(const struct format *f, const struct names *names, struct slice name)
{
	if (format_has_sender_keys(f))
		return true;
	for (unsigned i = 0; i < f->n_fields; i++) {
		if (slice_eq(name, names_text(names, f->fields[i].key.off)))
			return true;
	}
	return false;
}

/* ---- scratch ---- */

struct format_scratch *format_scratch_create(const struct format *const *formats, unsigned n,
					     size_t json_bytes_max)
{
	struct format_scratch *s = mem_alloc(sizeof(*s));
	unsigned n_groups = 0;
	bool has_json = false;
	if (!s)
		return NULL;
	for (unsigned i = 0; i < n; i++) {
		const struct format *f = formats[i];
		has_json = has_json || f->kind == FORMAT_JSON;
		if (f->regex && regex_n_groups(f->regex) > n_groups)
			n_groups = regex_n_groups(f->regex);
	}
	s->regex = regex_scratch_create(n_groups);
	s->json = has_json ? json_create(json_bytes_max) : NULL;
	if (!s->regex || (has_json && !s->json)) {
		format_scratch_destroy(s);
		return NULL;
	}
	return s;
}

void format_scratch_destroy(struct format_scratch *s)
{
	if (!s)
		return;
	json_destroy(s->json);
	regex_scratch_destroy(s->regex);
	mem_free(s);
}

struct format_counts format_counts_take(struct format_scratch *s)
{
	struct format_counts c = s->counts;
	s->counts = (struct format_counts){0};
	return c;
}

/* ---- reading ---- */

/* The fields of one line on their way into a record. */
struct reading {
	const struct format *f;
	struct format_scratch *s;
	struct rec_builder *rb;
	int64_t packet_ns;
};

static void put(struct reading *r, unsigned i, struct slice text)
{
	const struct field *field = &r->f->fields[i];
	struct rec_builder *rb = r->rb;
	struct val v = rec_ref(rb, VAL_STR, text);
	if (field->type)
		v = type_value(field->type, rb, text, r->packet_ns, &r->s->counts.not_converted);
	if (!r->f->has_twins) {
		rec_pair(rb, field->key, v);
		return;
	}
	/* Of branches that both took part the later one wins, in one pair. */
	int *pair = &r->s->pair_of[field->first];
	if (*pair >= 0) {
		rb->pairs[2 * *pair + 1] = v;
		return;
	}
	*pair = rb->n_pairs < REC_PAIRS_MAX ? (int)rb->n_pairs : -1;
	rec_pair(rb, field->key, v);
}

static void start_twins(struct reading *r)
{
	for (unsigned i = 0; r->f->has_twins && i < r->f->n_fields; i++)
		r->s->pair_of[i] = -1;
}

static bool read_regex(struct reading *r, struct slice line)
{
	enum regex_result res = regex_match(r->f->regex, r->s->regex, line);
	r->s->counts.too_costly += res == REGEX_COSTLY;
	if (res != REGEX_YES)
		return false;
	start_twins(r);
	for (unsigned i = 0; i < r->f->n_fields; i++) {
		struct slice part = regex_group(r->s->regex, line, r->f->fields[i].group);
		if (part.ptr)
			put(r, i, part);
	}
	return true;
}

static bool read_plan(struct reading *r, struct slice line)
{
	struct plan_part parts[PLAN_GROUPS_MAX + 1];
	enum plan_result res = plan_match(r->f->plan, line, parts);
	if (res != PLAN_YES)
		return res == PLAN_UNSURE && read_regex(r, line);
	start_twins(r);
	for (unsigned i = 0; i < r->f->n_fields; i++) {
		struct plan_part part = parts[r->f->fields[i].group];
		if (part.from != PLAN_UNSET)
			put(r, i, slice_of(line.ptr + part.from, part.to - part.from));
	}
	return true;
}

static bool read_columns(struct reading *r, struct slice line)
{
	struct slice columns[FORMAT_FIELDS_MAX];
	if (!csv_split(&r->f->csv, line, r->rb, r->f->n_fields, columns))
		return false;
	for (unsigned i = 0; i < r->f->n_fields; i++)
		put(r, i, columns[i]);
	return true;
}

static bool read_json(struct reading *r, struct slice line)
{
	bool repaired;
	line = text_trim_front(line);
	return line.len && *line.ptr == '{' && !json_pairs(r->s->json, line, r->rb, &repaired);
}

bool format_extract(const struct format *f, struct format_scratch *s, struct slice line,
		    int64_t packet_ns, struct rec_builder *rb)
{
	struct reading r = {.f = f, .s = s, .rb = rb, .packet_ns = packet_ns};
	unsigned n_pairs = rb->n_pairs, n_lost = rb->n_pairs_lost;
	uint64_t not_converted = s->counts.not_converted;
	size_t used = rb->b->arena.used;
	bool ok;
	switch (f->kind) {
	case FORMAT_GROK:
	case FORMAT_REGEX:
		ok = f->plan ? read_plan(&r, line) : read_regex(&r, line);
		break;
	case FORMAT_CSV:
	case FORMAT_TSV:
		ok = read_columns(&r, line);
		break;
	case FORMAT_JSON:
		ok = read_json(&r, line);
		break;
	default:
		ok = kv_pairs(&f->kv, line, rb, packet_ns, &s->counts.not_converted);
	}
	if (!ok) {
		rb->n_pairs = n_pairs;
		rb->n_pairs_lost = n_lost;
		rb->b->arena.used = used;
		s->counts.not_converted = not_converted;
	}
	return ok;
}

/* ---- sets ---- */

static int narrow(struct format_set *fs, struct err *e)
{
	struct select_format *all = mem_alloc((fs->n_formats + 1) * sizeof(*all));
	if (!all)
		return err_set(e, -ENOMEM, "out of memory for formats");
	for (unsigned i = 0; i < fs->n_formats; i++)
		all[i] = *format_beginning(fs->formats[i]);
	int r = select_create(all, fs->n_formats, &fs->select, e);
	mem_free(all);
	return r;
}

int format_set_create(const struct format_def *const *defs, unsigned n, const struct grok *lib,
		      struct names *names, struct format_set **ret_fs, struct err *e)
{
	struct format_set *fs = mem_alloc(sizeof(*fs));
	int r = 0;
	if (!fs)
		return err_set(e, -ENOMEM, "out of memory for formats");
	if (n > FORMATS_MAX) {
		r = err_set(e, -EINVAL, "more than %d formats for one source", FORMATS_MAX);
		goto out;
	}
	fs->formats = mem_alloc(n * sizeof(*fs->formats) + 1);
	if (!fs->formats) {
		r = err_set(e, -ENOMEM, "out of memory for formats");
		goto out;
	}
	for (unsigned i = 0; i < n; i++) {
		r = format_compile(defs[i], lib, names, &fs->formats[i], e);
		if (r < 0)
			goto out;
		fs->n_formats++;
	}
	r = narrow(fs, e);
out:
	if (r < 0)
		format_set_destroy(fs);
	else
		*ret_fs = fs;
	return r;
}

void format_set_destroy(struct format_set *fs)
{
	if (!fs)
		return;
	select_destroy(fs->select);
	for (unsigned i = 0; i < fs->n_formats; i++)
		format_destroy(fs->formats[i]);
	mem_free(fs->formats);
	mem_free(fs);
}
