#include "ctl/report_told.h"

#include <inttypes.h>

#include "dataplane/base/civil.h"

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static json_int_t int_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* `bin.000001:1234 (0-1-5)`, and a question mark for what is not known. */
static void print_place(const json_t *p, FILE *out)
{
	const char *file = text_of(p, "file"), *gtid = text_of(p, "gtid");
	fprintf(out, "%s:%" PRId64, file[0] ? file : "?", (int64_t)int_of(p, "pos"));
	if (gtid[0])
		fprintf(out, " (%s)", gtid);
}

static void print_break(const json_t *b, FILE *out)
{
	char time[32];
	time[civil_put_rfc3339(time, int_of(b, "time_ns"))] = 0;
	fprintf(out, TOLD_INDENT "break     %-10s %s  %s to %s: ", text_of(b, "kind"), time,
		text_of(b, "server"), text_of(b, "replica"));
	print_place(json_object_get(b, "from"), out);
	fputs(" .. ", out);
	print_place(json_object_get(b, "to"), out);
	fputc('\n', out);
}

static void print_delay(const json_t *d, const char *key, const char *what, FILE *out)
{
	const json_t *m = json_object_get(d, key);
	if (int_of(m, "transactions") + int_of(m, "skipped") == 0)
		return;
	fprintf(out,
		TOLD_INDENT "delay     %s to %s, %s: %" PRId64
			    " transactions, %.3f %.3f %.3f ms (min, "
			    "mean, max; stamps to the %s)",
		text_of(d, "server"), text_of(d, "replica"), what,
		(int64_t)int_of(m, "transactions"), (double)int_of(m, "min_ns") / 1e6,
		(double)int_of(m, "mean_ns") / 1e6, (double)int_of(m, "max_ns") / 1e6,
		text_of(d, "stamp")[0] == 'u' ? "microsecond" : "second");
	if (int_of(m, "early"))
		fprintf(out, ", %" PRId64 " before their stamp", (int64_t)int_of(m, "early"));
	if (int_of(m, "skipped"))
		fprintf(out, ", %" PRId64 " not measured", (int64_t)int_of(m, "skipped"));
	fputc('\n', out);
}

void report_told_print(const json_t *told, FILE *out)
{
	size_t i, k;
	json_t *t, *one;
	json_array_foreach((json_t *)told, i, t)
	{
		const json_t *breaks = json_object_get(t, "breaks");
		const json_t *delays = json_object_get(t, "delays");
		if (json_array_size(breaks) + json_array_size(delays) == 0)
			continue;
		fprintf(out, "  replication %s\n", text_of(t, "source"));
		json_array_foreach((json_t *)breaks, k, one) print_break(one, out);
		json_array_foreach((json_t *)delays, k, one)
		{
			print_delay(one, "wire", "commit to wire", out);
			print_delay(one, "ack", "commit to acknowledgement", out);
			print_delay(one, "tcp_ack", "commit to acknowledgement by TCP", out);
		}
	}
}
