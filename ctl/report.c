#include "ctl/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "ctl/report_told.h"
#include "dataplane/base/mem.h"

struct why {
	const char *text;
	uint64_t bytes, times;
	unsigned col;
	struct why *next;
};

struct row {
	const struct ledger_table *table;
	uint64_t hash;    /* of stage and scope */
	struct why *whys; /* by column and text, so that the order is the same in every run */
	struct row *next;
	struct row *next_of_table;
	struct row *chain; /* of rows whose hashes end alike */
	const char *scope; /* behind the columns */
	uint64_t cols[];   /* of its table */
};

/* Several may have the same stage and unit. */
struct report_table {
	const struct ledger_table *table;
	struct row *first, **end;
	size_t n;
	struct report_table *next;
};

/* Rows lie one behind the other: tens of thousands are made twice a second. */
#define BLOCK_BYTES ((size_t)64 << 10)
struct block {
	struct block *next;
	size_t used, cap;
	_Alignas(uint64_t) uint8_t bytes[];
};

struct report {
	struct row *first, **end;
	struct report_table *tables, **tables_end;
	struct row **chains; /* 1 << log2_chains of them */
	unsigned log2_chains;
	size_t n;
	struct block *blocks;
	json_t *told; /* an array, or NULL */
};

struct report *report_create(void)
{
	struct report *r = mem_alloc(sizeof(*r));
	if (!r)
		return NULL;
	r->end = &r->first;
	r->tables_end = &r->tables;
	return r;
}

void report_destroy(struct report *r)
{
	if (!r)
		return;
	json_decref(r->told);
	for (struct block *b = r->blocks, *next; b; b = next) {
		next = b->next;
		mem_free(b);
	}
	mem_free(r->chains);
	mem_free(r);
}

/* Zeroed. NULL when out of memory. */
static void *take(struct report *r, size_t n)
{
	struct block *b = r->blocks;
	n = (n + 7) & ~(size_t)7;
	if (!b || b->cap - b->used < n) {
		size_t cap = n > BLOCK_BYTES ? n : BLOCK_BYTES;
		b = mem_alloc(sizeof(*b) + cap);
		if (!b)
			return NULL;
		b->cap = cap;
		b->next = r->blocks;
		r->blocks = b;
	}
	b->used += n;
	return b->bytes + b->used - n;
}

static uint64_t hash_of(const char *stage, const char *scope)
{
	uint64_t seed = XXH3_64bits(stage, strlen(stage));
	return XXH3_64bits_withSeed(scope, strlen(scope), seed);
}

static struct row **chain_of(const struct report *r, uint64_t hash)
{
	return &r->chains[hash & (((size_t)1 << r->log2_chains) - 1)];
}

static bool grow(struct report *r)
{
	struct report larger = {.log2_chains = r->log2_chains ? r->log2_chains + 1 : 8};
	larger.chains = mem_alloc(sizeof(struct row *) << larger.log2_chains);
	if (!larger.chains)
		return false;
	for (struct row *row = r->first; row; row = row->next) {
		struct row **at = chain_of(&larger, row->hash);
		row->chain = *at;
		*at = row;
	}
	mem_free(r->chains);
	r->chains = larger.chains;
	r->log2_chains = larger.log2_chains;
	return true;
}

static struct row *find_row(const struct report *r, const struct ledger_table *t, const char *scope,
			    uint64_t hash)
{
	struct row *row = r->n ? *chain_of(r, hash) : NULL;
	while (row && (row->hash != hash || row->table != t || strcmp(row->scope, scope) != 0))
		row = row->chain;
	return row;
}

const uint64_t *report_find(const struct report *r, const char *stage, const char *scope,
			    const struct ledger_table **ret_t)
{
	uint64_t hash = hash_of(stage, scope);
	struct row *row = r->n ? *chain_of(r, hash) : NULL;
	while (row && (row->hash != hash || strcmp(row->table->stage, stage) != 0 ||
		       strcmp(row->scope, scope) != 0))
		row = row->chain;
	if (row)
		*ret_t = row->table;
	return row ? row->cols : NULL;
}

/* NULL when out of memory. */
static struct report_table *table_of(struct report *r, const struct ledger_table *t)
{
	struct report_table *of = r->tables;
	while (of && of->table != t)
		of = of->next;
	if (of || !(of = take(r, sizeof(*of))))
		return of;
	of->table = t;
	of->end = &of->first;
	*r->tables_end = of;
	r->tables_end = &of->next;
	return of;
}

/* NULL when out of memory. */
static struct row *new_row(struct report *r, const struct ledger_table *t, const char *scope,
			   uint64_t hash)
{
	if ((!r->chains || r->n >> r->log2_chains) && !grow(r))
		return NULL;
	struct report_table *of = table_of(r, t);
	size_t len = strlen(scope) + 1;
	struct row *row =
		of ? take(r, sizeof(*row) + t->n_cols * sizeof(row->cols[0]) + len) : NULL;
	if (!row)
		return NULL;
	struct row **at = chain_of(r, hash);
	row->table = t;
	row->hash = hash;
	row->scope = memcpy(&row->cols[t->n_cols], scope, len);
	row->chain = *at;
	*at = row;
	*r->end = *of->end = row;
	r->end = &row->next;
	of->end = &row->next_of_table;
	of->n++;
	r->n++;
	return row;
}

void report_add(struct report *r, const struct ledger_table *t, const char *scope,
		const uint64_t *cols)
{
	uint64_t hash = hash_of(t->stage, scope);
	struct row *row = find_row(r, t, scope, hash);
	if (!row && !(row = new_row(r, t, scope, hash)))
		return;
	for (unsigned i = 0; i < t->n_cols; i++)
		row->cols[i] += cols[i];
}

static int why_compare(const struct why *w, unsigned col, const char *text)
{
	return w->col != col ? (w->col > col) - (w->col < col) : strcmp(w->text, text);
}

void report_add_reason(struct report *r, const struct ledger_table *t, const char *scope,
		       unsigned col, const char *text, uint64_t bytes, uint64_t times)
{
	struct row *row = find_row(r, t, scope, hash_of(t->stage, scope));
	struct why **at = row ? &row->whys : NULL;
	if (!at)
		return;
	while (*at && why_compare(*at, col, text) < 0)
		at = &(*at)->next;
	if (!*at || why_compare(*at, col, text) != 0) {
		struct why *w = take(r, sizeof(*w));
		if (!w)
			return;
		*w = (struct why){.text = text, .col = col, .next = *at};
		*at = w;
	}
	(*at)->bytes += bytes;
	(*at)->times += times;
}

void report_add_all(struct report *r, const struct report *other)
{
	for (const struct row *row = other->first; row; row = row->next) {
		report_add(r, row->table, row->scope, row->cols);
		for (const struct why *w = row->whys; w; w = w->next)
			report_add_reason(r, row->table, row->scope, w->col, w->text, w->bytes,
					  w->times);
	}
}

void report_tell(struct report *r, const char *scope, const char *text, size_t len)
{
	json_t *o = len ? json_loadb(text, len, 0, NULL) : NULL;
	if (!o)
		return;
	if (!r->told)
		r->told = json_array();
	json_object_set_new(o, "source", json_string(scope));
	json_array_append_new(r->told, o);
}

void report_print_told(const struct report *r, FILE *out)
{
	report_told_print(r->told, out);
}

static uint64_t row_losses(const struct row *row)
{
	return ledger_sum(row->table, row->cols, LEDGER_LOSS) +
	       ledger_sum(row->table, row->cols, LEDGER_MISSED);
}

void report_each(const struct report *r, report_row_fn *row, void *arg)
{
	for (const struct row *at = r->first; at; at = at->next)
		row(arg, at->table, at->scope, at->cols);
}

const struct report_table *report_table_next(const struct report *r, const struct report_table *of,
					     const struct ledger_table **ret_t)
{
	of = of ? of->next : r->tables;
	if (of)
		*ret_t = of->table;
	return of;
}

size_t report_table_rows(const struct report_table *of)
{
	return of->n;
}

void report_table_each(const struct report_table *of, report_row_fn *row, void *arg)
{
	for (const struct row *at = of->first; at; at = at->next_of_table)
		row(arg, at->table, at->scope, at->cols);
}

uint64_t report_losses(const struct report *r)
{
	uint64_t n = 0;
	for (const struct row *row = r->first; row; row = row->next)
		n += row_losses(row);
	return n;
}

void report_losses_by_unit(const struct report *r, struct report_lost *ret_lost)
{
	*ret_lost = (struct report_lost){0};
	for (const struct row *row = r->first; row; row = row->next) {
#define ADD(unit_)                                 \
	if (strcmp(row->table->unit, #unit_) == 0) \
		ret_lost->unit_ += row_losses(row);
		REPORT_UNITS(ADD)
#undef ADD
	}
}

uint64_t report_imbalances(const struct report *r)
{
	uint64_t n = 0;
	for (const struct row *row = r->first; row; row = row->next)
		n += ledger_imbalance(row->table, row->cols) != 0;
	return n;
}

static bool is_quiet(const struct row *row)
{
	for (unsigned i = 0; i < row->table->n_cols; i++)
		if (row->cols[i])
			return false;
	return true;
}

static const char *kind_word(enum ledger_kind kind)
{
	static const char *const words[] = {
		[LEDGER_IN] = "in",         [LEDGER_OUT] = "out",
		[LEDGER_LOSS] = "lost",     [LEDGER_POLICY] = "left out",
		[LEDGER_MERGED] = "merged", [LEDGER_IN_FLIGHT] = "in flight",
		[LEDGER_HELD] = "held",     [LEDGER_INFO] = "note",
		[LEDGER_MISSED] = "missed",
	};
	return words[kind];
}

/* Columns of zero say nothing, except what came in and what went out. */
static bool worth_showing(const struct row *row, unsigned i)
{
	enum ledger_kind kind = row->table->cols[i].kind;
	return row->cols[i] || kind == LEDGER_IN || kind == LEDGER_OUT;
}

void report_print_losses(const struct report *r, FILE *out)
{
	for (const struct row *row = r->first; row; row = row->next)
		for (unsigned i = 0; i < row->table->n_cols; i++) {
			const struct ledger_col *c = &row->table->cols[i];
			if (!row->cols[i] || (c->kind != LEDGER_LOSS && c->kind != LEDGER_MISSED))
				continue;
			fprintf(out, "    %s: %s%s%s: %" PRIu64 " %s %s: %s\n", kind_word(c->kind),
				row->table->stage, row->scope[0] ? " " : "", row->scope,
				row->cols[i], row->table->unit, c->name, c->help);
		}
}

/* Below a column: why, in the same unit. */
static void print_whys(const struct row *row, unsigned col, FILE *out)
{
	for (const struct why *w = row->whys; w; w = w->next) {
		if (w->col != col)
			continue;
		fprintf(out, "    %-9s   %-18s %14" PRIu64 "  %s", "", "why", w->bytes, w->text);
		if (w->times)
			fprintf(out, " (%" PRIu64 " %s)", w->times,
				w->times == 1 ? "time" : "times");
		fputc('\n', out);
	}
}

void report_print(const struct report *r, FILE *out)
{
	fprintf(out, "ledger  (in = out + lost + left out + merged + in flight + held)\n");
	for (const struct row *row = r->first; row; row = row->next) {
		if (is_quiet(row))
			continue;
		int64_t off = ledger_imbalance(row->table, row->cols);
		fprintf(out, "  %s%s%s, %s", row->table->stage, row->scope[0] ? " " : "",
			row->scope, row->table->unit);
		if (off)
			fprintf(out, "   DOES NOT BALANCE: %+" PRId64, off);
		fputc('\n', out);
		for (unsigned i = 0; i < row->table->n_cols; i++) {
			const struct ledger_col *c = &row->table->cols[i];
			if (!worth_showing(row, i))
				continue;
			fprintf(out, "    %-9s %-20s %14" PRIu64 "  %s\n", kind_word(c->kind),
				c->name, row->cols[i], c->help);
			print_whys(row, i, out);
		}
	}
	report_told_print(r->told, out);
	uint64_t lost = report_losses(r), off = report_imbalances(r);
	if (off)
		fprintf(out,
			"  %" PRIu64
			" rows do not balance: this is a bug of sluice, please report it\n",
			off);
	fprintf(out, "  balanced: %s; %s\n", off ? "NO" : "yes",
		lost ? "lost or missed:" : "nothing lost");
	report_print_losses(r, out);
}

/* ---- JSON ---- */

static void put_key(struct text_out *o, const char *name)
{
	text_out_str(o, "\"");
	text_out_str(o, name);
	text_out_str(o, "\":");
}

static void put_whys(const struct row *row, struct text_out *o)
{
	text_out_str(o, ",\"reasons\":[");
	for (const struct why *w = row->whys; w; w = w->next) {
		text_out_str(o, "{\"name\":");
		text_out_json(o, row->table->cols[w->col].name);
		text_out_str(o, ",\"why\":");
		text_out_json(o, w->text);
		text_out_str(o, ",\"bytes\":");
		text_out_u64(o, w->bytes);
		text_out_str(o, ",\"times\":");
		text_out_u64(o, w->times);
		text_out_str(o, w->next ? "}," : "}");
	}
	text_out_str(o, "]");
}

static void put_kind(const struct row *row, enum ledger_kind kind, struct text_out *o)
{
	static const char *const keys[] = {"in",        "out",  "loss", "policy", "merged",
					   "in_flight", "held", "info", "missed"};
	const struct ledger_table *t = row->table;
	bool more = false;
	text_out_str(o, ",");
	put_key(o, keys[kind]);
	text_out_str(o, "{");
	for (unsigned i = 0; i < t->n_cols; i++) {
		if (t->cols[i].kind != kind)
			continue;
		if (more)
			text_out_str(o, ",");
		more = true;
		put_key(o, t->cols[i].name);
		text_out_u64(o, row->cols[i]);
	}
	text_out_str(o, "}");
}

static void put_row(const struct row *row, struct text_out *o)
{
	text_out_str(o, "\n{\"stage\":");
	text_out_json(o, row->table->stage);
	text_out_str(o, ",\"scope\":");
	text_out_json(o, row->scope);
	text_out_str(o, ",\"unit\":");
	text_out_json(o, row->table->unit);
	text_out_str(o, ",\"imbalance\":");
	text_out_i64(o, ledger_imbalance(row->table, row->cols));
	for (int kind = LEDGER_IN; kind <= LEDGER_MISSED; kind++)
		put_kind(row, (enum ledger_kind)kind, o);
	if (row->whys)
		put_whys(row, o);
	text_out_str(o, row->next ? "}," : "}");
}

void report_put_json(const struct report *r, struct text_out *o)
{
	text_out_str(o, "\"balanced\":");
	text_out_str(o, report_imbalances(r) == 0 ? "true" : "false");
	text_out_str(o, ",\"lost\":");
	text_out_u64(o, report_losses(r));
	text_out_str(o, ",\"rows\":[");
	for (const struct row *row = r->first; row; row = row->next)
		put_row(row, o);
	text_out_str(o, "\n]");
	char *told = r->told ? json_dumps(r->told, JSON_COMPACT) : NULL;
	if (!told)
		return;
	text_out_str(o, ",\"told\":");
	text_out_str(o, told);
	free(told);
}

int report_write_json(const struct report *r, const char *path, struct err *e)
{
	struct text_out o = {0};
	text_out_str(&o, "{");
	report_put_json(r, &o);
	text_out_str(&o, "}\n");
	FILE *f = o.failed ? NULL : fopen(path, "we");
	bool written = f && fwrite(o.text, 1, o.len, f) == o.len;
	if (f && fclose(f) != 0)
		written = false;
	text_out_fini(&o);
	return written ? 0
		       : err_set(e, -EIO, "%s: cannot write the ledger: %s", path, strerror(errno));
}
