/* expr_run - runs expressions over rows, for tests that compare the results with PostgreSQL's.
 *
 *     expr_run GROUP <lines
 *
 * Lines of fields separated by tabs, in which \t, \n, \r, \\ stand for themselves and \N for NULL:
 *
 *     Z  zone                     (first, may be absent)
 *     C  name  type  ...          the columns
 *     R  value  ...               a row
 *     E  expression               (GROUP of them make one set)
 *
 * Answers `X offset message` for an expression that is refused, else `T type`, with `V value` or
 * `! error` for each row.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/base/mem.h"
#include "dataplane/graph/expr.h"
#include "dataplane/graph/literal.h"
#include "dataplane/graph/resolve.h"

#define COLUMNS_MAX 64
#define ROWS_MAX    VEC_ROWS_MAX
#define LINE_BYTES  (1 << 20)

struct world {
	struct expr_column columns[COLUMNS_MAX];
	unsigned n_columns;
	char *cells[ROWS_MAX][COLUMNS_MAX]; /* NULL: NULL */
	unsigned n_rows;
	char *zone;
	struct arena arena;
	/* the open group */
	struct expr_set *set;
	char *refused[EXPR_SET_MAX]; /* the answer, or NULL: it is number ids[i] of the set */
	int ids[EXPR_SET_MAX];
	unsigned n, group;
};

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "expr_run: %s\n", what);
		exit(1);
	}
}

/* The next field of a line, unescaped in place; NULL behind the last. *ret_null: it is \N. */
static char *next_field(char **io, bool *ret_null)
{
	char *from = *io, *o = from, *p = from;
	if (!from)
		return NULL;
	*ret_null = strncmp(p, "\\N", 2) == 0 && (p[2] == '\t' || p[2] == '\0');
	for (; *p && *p != '\t'; p++) {
		if (*p != '\\') {
			*o++ = *p;
			continue;
		}
		p++;
		*o++ = *p == 't' ? '\t' : *p == 'n' ? '\n' : *p == 'r' ? '\r' : *p;
	}
	*io = *p ? p + 1 : NULL;
	*o = '\0';
	return from;
}

static void read_columns(struct world *w, char *line)
{
	bool null;
	for (char *name; (name = next_field(&line, &null));) {
		enum sql_type t;
		char *type = next_field(&line, &null);
		must(type && resolve_type(type, &t) && w->n_columns < COLUMNS_MAX,
		     "a column's type");
		w->columns[w->n_columns++] =
			(struct expr_column){.name = mem_strdup(name), .type = t};
	}
}

static void read_row(struct world *w, char *line)
{
	bool null;
	must(w->n_rows < ROWS_MAX, "too many rows");
	for (unsigned i = 0; i < w->n_columns; i++) {
		char *value = next_field(&line, &null);
		must(value, "a row is too short");
		w->cells[w->n_rows][i] = null ? NULL : mem_strdup(value);
	}
	w->n_rows++;
}

static int hex(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static void put_cell(struct world *w, struct vec *v, unsigned row, const char *text)
{
	union cell c;
	size_t len = text ? strlen(text) : 0;
	v->state[row] = text ? VEC_VALUE : VEC_NULL;
	if (!text)
		return;
	if (v->type == SQL_BYTEA) {
		uint32_t off = arena_take(&w->arena, len);
		must(off, "no room");
		for (size_t i = 2; i + 1 < len; i += 2)
			w->arena.base[off + i / 2 - 1] =
				(uint8_t)(hex(text[i]) << 4 | hex(text[i + 1]));
		c.s = arena_slice(&w->arena, off, len / 2 - 1);
	} else if (v->type == SQL_TEXT || v->type == SQL_JSON) {
		uint32_t off = arena_copy(&w->arena, text, len);
		must(off, "no room");
		c.s = arena_slice(&w->arena, off, len);
	} else {
		must(literal_read(v->type, slice_of(text, len), NULL, &c) == VEC_VALUE, text);
	}
	cell_store(v, row, &c);
}

static void print_escaped(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];
		if (c == '\t' || c == '\n' || c == '\r' || c == '\\')
			printf("\\%c", c == '\t' ? 't' : c == '\n' ? 'n' : c == '\r' ? 'r' : '\\');
		else
			putchar(c);
	}
}

/* As PostgreSQL prints it. */
static void print_value(const struct vec *v, unsigned row, const struct zone *z)
{
	char text[LITERAL_MAX];
	union cell c;
	if (v->state[row] >= VEC_ERROR) {
		printf("!\t%s\n", vec_error_name(v->state[row]));
		return;
	}
	printf("V\t");
	if (v->state[row] == VEC_NULL) {
		puts("\\N");
		return;
	}
	cell_load(v, row, &c);
	if (v->type == SQL_BOOL) {
		putchar(c.i ? 't' : 'f');
	} else if (v->type == SQL_TEXT || v->type == SQL_JSON) {
		print_escaped(c.s);
	} else if (v->type == SQL_BYTEA) {
		printf("\\\\x");
		for (size_t i = 0; i < c.s.len; i++)
			printf("%02x", c.s.ptr[i]);
	} else {
		print_escaped(slice_of(text, literal_put(v->type, &c, z, text)));
	}
	putchar('\n');
}

static const struct zone *session_zone(const struct world *w, struct zones **ret_zones)
{
	struct err e;
	const struct zone *z = NULL;
	*ret_zones = zones_create();
	must(*ret_zones && (!w->zone || zones_get(*ret_zones, slice_str(w->zone), &z, &e) == 0),
	     "a zone");
	return z;
}

static void run_group(struct world *w)
{
	struct err e;
	struct expr_run *r;
	struct zones *zones;
	unsigned n_inputs;
	if (!w->set)
		return;
	must(expr_set_finish(w->set, &e) == 0, e.text);
	must(expr_run_create(w->set, &r, &e) == 0, e.text);
	const struct zone *z = session_zone(w, &zones);
	const struct expr_column *inputs = expr_set_inputs(w->set, &n_inputs);
	arena_reset(&w->arena);
	for (unsigned i = 0; i < n_inputs; i++)
		for (unsigned c = 0; c < w->n_columns; c++)
			for (unsigned row = 0;
			     strcmp(w->columns[c].name, inputs[i].name) == 0 && row < w->n_rows;
			     row++)
				put_cell(w, expr_run_input(r, i), row, w->cells[row][c]);
	mem_seal(true);
	expr_run_all(r, w->n_rows, &w->arena);
	mem_seal(false);
	for (unsigned i = 0; i < w->n; i++) {
		if (w->refused[i]) {
			printf("%s\n", w->refused[i]);
			mem_free(w->refused[i]);
			continue;
		}
		printf("T\t%s\n", sql_type_name(expr_set_type(w->set, (unsigned)w->ids[i])));
		for (unsigned row = 0; row < w->n_rows; row++)
			print_value(expr_run_result(r, (unsigned)w->ids[i]), row, z);
	}
	zones_destroy(zones);
	expr_run_destroy(r);
	expr_set_destroy(w->set);
	w->set = NULL;
	w->n = 0;
	fflush(stdout);
}

static void read_expression(struct world *w, char *line)
{
	struct err e;
	struct expr_place at;
	bool null;
	char *text = next_field(&line, &null), answer[700];
	if (!w->set) {
		struct expr_scope scope = {
			.columns = w->columns, .n_columns = w->n_columns, .zone = w->zone};
		must(expr_set_create(&scope, &w->set, &e) == 0, "expr_set_create");
	}
	w->refused[w->n] = NULL;
	w->ids[w->n] = expr_set_add(w->set, slice_str(text), &at, &e);
	if (w->ids[w->n] < 0) {
		snprintf(answer, sizeof(answer), "X\t%zu\t%s", at.off, e.text);
		w->refused[w->n] = mem_strdup(answer);
	}
	if (++w->n == w->group)
		run_group(w);
}

int main(int argc, char **argv)
{
	struct world *w = mem_alloc(sizeof(*w));
	char *line = mem_alloc(LINE_BYTES);
	must(argc == 2 && w && line && arena_init(&w->arena, 64 << 20) == 0,
	     "usage: expr_run GROUP <lines");
	w->group = (unsigned)strtoul(argv[1], NULL, 10);
	must(w->group >= 1 && w->group <= EXPR_SET_MAX, "GROUP is out of range");
	while (fgets(line, LINE_BYTES, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		must(line[0] && line[1] == '\t', "a line without a kind");
		if (line[0] == 'Z')
			w->zone = mem_strdup(line + 2);
		else if (line[0] == 'C')
			read_columns(w, line + 2);
		else if (line[0] == 'R')
			read_row(w, line + 2);
		else
			read_expression(w, line + 2);
	}
	run_group(w);
	for (unsigned i = 0; i < w->n_columns; i++)
		mem_free((char *)w->columns[i].name);
	for (unsigned row = 0; row < w->n_rows; row++)
		for (unsigned i = 0; i < w->n_columns; i++)
			mem_free(w->cells[row][i]);
	arena_fini(&w->arena);
	mem_free(w->zone);
	mem_free(line);
	mem_free(w);
	return 0;
}
