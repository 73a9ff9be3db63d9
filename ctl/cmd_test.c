/* `sluiced test`: the tests of a configuration, in the words of TAP. */
#include <jansson.h>
#include <stdlib.h>

#include "ctl/cmd.h"
#include "ctl/trial.h"

/* Where a record is not as expected. */
struct difference {
	char path[256];
	char text[512];
};

static void show(const json_t *v, char *buf, size_t cap)
{
	char *text = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	snprintf(buf, cap, "%s", text ? text : "nothing");
	free(text);
}

static bool differ(struct difference *d, const json_t *expected, const json_t *got)
{
	char e[200], g[200];
	show(expected, e, sizeof(e));
	show(got, g, sizeof(g));
	snprintf(d->text, sizeof(d->text), "expected %s, got %s", e, g);
	return false;
}

static void path_add(struct difference *d, size_t len, const char *fmt, const char *name, size_t i)
{
	if (len < sizeof(d->path))
		snprintf(d->path + len, sizeof(d->path) - len, fmt, name, i);
}

static void path_cut(struct difference *d, size_t len)
{
	if (len < sizeof(d->path))
		d->path[len] = '\0';
}

static bool fits(const json_t *expected, const json_t *got, struct difference *d)
{
	size_t len = strlen(d->path);
	if (json_is_object(expected) && json_is_object(got)) {
		const char *key;
		json_t *v;
		json_object_foreach((json_t *)expected, key, v)
		{
			path_add(d, len, len ? ".%s" : "%s", key, 0);
			if (!fits(v, json_object_get(got, key), d))
				return false;
			path_cut(d, len);
		}
		return true;
	}
	if (json_is_array(expected) && json_is_array(got) &&
	    json_array_size(expected) == json_array_size(got)) {
		for (size_t i = 0; i < json_array_size(expected); i++) {
			path_add(d, len, "%s[%zu]", "", i);
			if (!fits(json_array_get(expected, i), json_array_get(got, i), d))
				return false;
			path_cut(d, len);
		}
		return true;
	}
	if (json_is_number(expected) && json_is_number(got) &&
	    json_number_value(expected) == json_number_value(got))
		return true;
	return got && json_equal(expected, got) ? true : differ(d, expected, got);
}

static bool fail(size_t number, const char *source, struct err_place at, const char *text)
{
	printf("not ok %zu %s: %s:%d:%d: %s\n", number, source, at.file, at.line, at.col, text);
	return false;
}

static bool check_record(const struct trial_record *r, const struct test_expect *want,
			 struct difference *d)
{
	json_t *expected = json_loads(want->json, 0, NULL);
	json_t *got = json_loads(r->json, JSON_ALLOW_NUL, NULL);
	bool good = got && fits(expected, got, d);
	if (!got)
		snprintf(d->text, sizeof(d->text), "the record is no JSON");
	json_decref(expected);
	json_decref(got);
	return good;
}

static bool check_records(const struct config *c, const struct test_conf *test, size_t number,
			  const struct trial_record *records, size_t n)
{
	const char *source = c->sources[test->source].name;
	char text[1024];
	size_t both = n < test->n_expect ? n : test->n_expect;
	for (size_t i = 0; i < both; i++) {
		struct difference d = {{0}};
		struct err_place at = test->expect[i].at;
		if (test->origin < 0 && records[i].source != test->source) {
			snprintf(text, sizeof(text), "record %zu came out of source %s", i,
				 c->sources[records[i].source].name);
			return fail(number, source, at, text);
		}
		if (!check_record(&records[i], &test->expect[i], &d)) {
			snprintf(text, sizeof(text), "%s%s%s%s", d.path[0] ? "field " : "", d.path,
				 d.path[0] ? ": " : "", d.text);
			fail(number, source, at, text);
			printf("# record %zu: %s\n", i, records[i].json);
			return false;
		}
	}
	if (n == test->n_expect)
		return true;
	snprintf(text, sizeof(text), "expected %zu records, got %zu", test->n_expect, n);
	fail(number, source, test->at, text);
	for (size_t i = both; i < n; i++)
		printf("# record %zu: %s\n", i, records[i].json);
	return false;
}

static bool run_test(const struct pipeline *p, size_t i)
{
	const struct test_conf *test = &p->conf->tests[i];
	const char *source = p->conf->sources[test->source].name;
	struct trial *t = NULL;
	struct err e;
	bool good = false;
	if (trial_create(p, &t, &e) < 0 || trial_run(t, test, &e) < 0) {
		fail(i + 1, source, test->at, e.text);
	} else {
		size_t n;
		const struct trial_record *records = trial_records(t, &n);
		good = check_records(p->conf, test, i + 1, records, n);
	}
	trial_destroy(t);
	if (good)
		printf("ok %zu %s\n", i + 1, source);
	return good;
}

int cmd_test(const struct config *c)
{
	if (c->n_tests == 0) {
		fprintf(stderr,
			"sluiced: %s: no tests; expected such as tests: [{ source: %s, input: "
			"'...', expect: [{ }] }]\n",
			c->path, c->sources[0].name);
		return 2;
	}
	struct pipeline *p = NULL;
	struct err e;
	if (pipeline_build(c, &p, &e) < 0) {
		fprintf(stderr, "sluiced: %s\n", e.text);
		return 2;
	}
	size_t n_bad = 0;
	printf("1..%zu\n", c->n_tests);
	for (size_t i = 0; i < c->n_tests; i++)
		n_bad += !run_test(p, i);
	if (n_bad)
		printf("# %zu of %zu tests failed\n", n_bad, c->n_tests);
	pipeline_destroy(p);
	return n_bad ? 1 : 0;
}
