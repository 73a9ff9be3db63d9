/* bench_syslog.c - what does a syslog line cost to frame, and to read?
 *
 * In:     nothing; 64 lines of each format, 150 to 190 bytes, as servers send them; octet-counted,
 *         but for the last.
 * Out:    ns a line, median of 9 rounds (min-max), the first one discarded. `frame` is parse() with
 *         the copy into the batch; `read` is rec_begin and extract(), without the record laid down.
 * Owns:   its lines.
 * Runs:   main.
 * Limits: warm caches; the arena is reset after each burst of 64.
 */
#include "dataplane/frame/frame_out.h"
#include "parsers/parsers.h"
#include "perf/bench.h"

#define N_LINES  64
#define N_BURSTS 20000
#define N_ROUNDS 9

static struct frame_out out;
static struct batch batch;
static struct frame frames[BATCH_RECS_MAX];
static struct rec_builder *rb;
static struct schema schema;
static char text[N_LINES * 512];
static uint64_t state[16];
static uint64_t conf[16];

static size_t make_lines(unsigned kind)
{
	static const char *const bodies[] = {
		"Accepted publickey for alice from 192.0.2.44 port 51022 ssh2: ED25519 "
		"SHA256:q1w2e3",
		"pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
		"GET /v1/items?a=1&b=2 HTTP/1.1 200 5123 0.012 upstream 10.0.0.7:8080 keep-alive",
		"connection 4711 closed by remote host, 17 bytes pending, last state ESTABLISHED",
	};
	size_t n = 0;
	for (unsigned i = 0; i < N_LINES; i++) {
		char line[400];
		const char *sd = kind == 1 ? "[origin@32473 ip=\"192.0.2.1\" seq=\"4711\"]" : "-";
		int len;
		if (kind == 2)
			len = snprintf(line, sizeof(line),
				       "<%u>Nov %2u 04:%02u:16 web-%02u sshd[%u]: %s", i * 2,
				       1 + i % 28, i % 60, i, 1000 + i * 7, bodies[i % 4]);
		else
			len = snprintf(line, sizeof(line),
				       "<%u>1 2026-11-%02uT04:%02u:16.%06u+00:00 "
				       "web-%02u.example.com sshd "
				       "%u ID%u %s %s",
				       i * 2, 1 + i % 28, i % 60, i * 1001, i, 1000 + i * 7, i, sd,
				       bodies[i % 4]);
		n += kind == 3 ? (size_t)snprintf(text + n, sizeof(text) - n, "%s\n", line)
			       : (size_t)snprintf(text + n, sizeof(text) - n, "%d %s", len, line);
	}
	return n;
}

static void begin(void)
{
	arena_reset(&batch.arena);
	batch.n_recs = 0;
	frame_out_begin(&out, &batch, frames, BATCH_RECS_MAX);
}

static size_t text_len;

static void frame_lines(void *arg)
{
	struct parse_in in = {.data = slice_of(text, text_len), .time_ns = 1795581796123456789ull};
	memset(state, 0, sizeof(state));
	begin();
	parser_syslog.parse(state, conf, &in, &out);
	if (out.n != N_LINES)
		abort();
}

static void read_lines(void *arg)
{
	size_t used = batch.arena.used, *sum = arg;
	for (unsigned i = 0; i < N_LINES; i++) {
		frames[i].time_ns = 1795581796123456789ull;
		rec_begin(rb, &batch, &schema);
		if (parser_syslog.extract(conf, &frames[i], rb))
			abort();
		*sum += rb->fixed[7].len;
	}
	batch.arena.used = used;
}

static void measure(const char *kind, size_t len)
{
	double frame[N_ROUNDS], reading[N_ROUNDS];
	char what[64];
	size_t sum = 0;
	text_len = len;
	if (bench_counts()) {
		frame_lines(NULL);
		read_lines(&sum);
		snprintf(what, sizeof(what), "%s: frame", kind);
		bench_count(what, N_LINES, frame_lines, NULL);
		snprintf(what, sizeof(what), "%s: read", kind);
		bench_count(what, N_LINES, read_lines, &sum);
		return;
	}
	for (unsigned r = 0; r < N_ROUNDS; r++) {
		double t0 = bench_cpu();
		for (unsigned i = 0; i < N_BURSTS; i++)
			frame_lines(NULL);
		double t1 = bench_cpu();
		for (unsigned i = 0; i < N_BURSTS; i++)
			read_lines(&sum);
		frame[r] = t1 - t0;
		reading[r] = bench_cpu() - t1;
	}
	bench_must(sum != 0, "messages are empty");
	snprintf(what, sizeof(what), "%s: frame", kind);
	bench_print(what, frame + 1, N_ROUNDS - 1, N_BURSTS * N_LINES);
	snprintf(what, sizeof(what), "%s: read", kind);
	bench_print(what, reading + 1, N_ROUNDS - 1, N_BURSTS * N_LINES);
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = {"5424", "5424 with data", "3164", "5424 in lines"};
	bench_about(argc, argv, 0,
		    "bench_syslog - what does a syslog line cost to frame, and to read?");
	uint16_t n_fields = 0;
	while (parser_syslog.fields[n_fields].name)
		n_fields++;
	rb = calloc(1, sizeof(*rb));
	bench_must(rb && schema_init(&schema, parser_syslog.fields, n_fields) == 0 &&
			   frame_out_init(&out, 1 << 20) == 0 &&
			   arena_init(&batch.arena, 1 << 20) == 0,
		   "no memory");
	for (unsigned k = 0; k < 4; k++)
		measure(kinds[k], make_lines(k));
	return 0;
}
