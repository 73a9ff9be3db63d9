/* test_decode_files.c - captures of the field: the same result with any number of workers and any
 * size of burst, and a ledger that balances after each burst.
 */
#include "tests/support/decode_check.h"

#include <dirent.h>

#include "dataplane/capture/dedup.h"

#define WORKERS_MAX 4

struct capture_bytes {
	struct pkt_raw *raw;
	size_t n, cap;
};

/* What came out, whatever the order between workers. */
struct result {
	uint64_t row[DECODE_N_COLS];
	uint64_t digest;
};

static void read_all(struct capture_bytes *c, const char *path)
{
	struct decode_in in;
	struct pkt_raw raw;
	*c = (struct capture_bytes){0};
	if (!decode_in_open(&in, path))
		return;
	while (decode_in_next(&in, &raw)) {
		if (c->n == c->cap) {
			c->cap = c->cap * 2 + 64;
			c->raw = realloc(c->raw, c->cap * sizeof(*c->raw));
		}
		uint8_t *copy = malloc(raw.cap_len + 1);
		memcpy(copy, raw.ptr, raw.cap_len);
		raw.ptr = realloc(copy, raw.cap_len ? raw.cap_len : 1);
		c->raw[c->n++] = raw;
	}
	decode_in_close(&in);
}

static void free_all(struct capture_bytes *c)
{
	for (size_t i = 0; i < c->n; i++)
		free((void *)(uintptr_t)c->raw[i].ptr);
	free(c->raw);
}

static uint64_t digest_of(const struct pkt *p)
{
	struct pkt q = *p;
	q.payload = NULL;
	q.hash = 0; /* of no use to one worker */
	uint64_t head = dedup_hash(_mm_set1_epi8(1), (const uint8_t *)&q, sizeof(q));
	return dedup_hash(_mm_set_epi64x(0, (int64_t)head), p->payload, p->len);
}

static struct result run(const struct capture_bytes *c, unsigned n_workers, unsigned burst,
			 const struct decode_conf *conf)
{
	struct result r = {0};
	for (unsigned w = 0; w < n_workers; w++) {
		struct decode *d = decode_with(conf);
		decode_share(d, w, n_workers);
		for (size_t i = 0; i < c->n; i += burst) {
			struct pkt out[PKT_BURST];
			unsigned n = (unsigned)(c->n - i < burst ? c->n - i : burst);
			unsigned n_out = decode_burst(d, c->raw + i, n, out);
			assert_true(n_out <= n);
			assert_balanced(d);
			for (unsigned j = 0; j < n_out; j++) {
				assert_int_equal(out[j].hash % n_workers, w);
				assert_int_equal(out[j].hash,
						 n_workers > 1 ? decode_hash(&out[j]) : 0);
				r.digest += digest_of(&out[j]);
			}
			decode_release(d);
		}
		decode_finish(d);
		assert_balanced(d);
		for (unsigned i = 0; i < DECODE_N_COLS; i++)
			r.row[i] += decode_row(d)[i];
		decode_destroy(d);
	}
	return r;
}

static bool same(const struct result *a, const struct result *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void each_file(void (*check)(const struct capture_bytes *c, const char *path))
{
	static const char *folders[] = {"encap",     "file", "http",  "ip",     "logs",
					"malformed", "misc", "mysql", "syslog", "tcp"};
	const char *shared = shared_dir();
	size_t n_packets = 0;
	if (!shared)
		skip();
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char path[8192];
		snprintf(path, sizeof(path), "%s/pcap/%s", shared, folders[i]);
		DIR *dir = opendir(path);
		assert_non_null(dir);
		size_t at = strlen(path);
		for (struct dirent *e; (e = readdir(dir));) {
			if (e->d_name[0] == '.')
				continue;
			snprintf(path + at, sizeof(path) - at, "/%s", e->d_name);
			struct capture_bytes c;
			read_all(&c, path);
			check(&c, path);
			n_packets += c.n;
			free_all(&c);
		}
		closedir(dir);
	}
	assert_true(n_packets > 7000);
}

static struct decode_conf small_conf(void)
{
	struct decode_conf conf = decode_conf_default();
	conf.fragments_max = 64;
	conf.fragment_bytes_max = 16 << 20;
	return conf;
}

static void check_workers(const struct capture_bytes *c, const char *path)
{
	struct decode_conf conf = small_conf();
	struct result one = run(c, 1, PKT_BURST, &conf);
	assert_int_equal(one.row[DECODE_packets_in], c->n);
	for (unsigned n = 2; n <= WORKERS_MAX; n++) {
		struct result many = run(c, n, PKT_BURST, &conf);
		if (!same(&one, &many))
			fail_msg("%s differs with %u workers", path, n);
	}
}

static void sums_and_packets_do_not_depend_on_the_number_of_workers(void **state)
{
	each_file(check_workers);
}

static void check_bursts(const struct capture_bytes *c, const char *path)
{
	struct decode_conf conf = small_conf();
	conf.checksum = CHECKSUM_DROP;
	struct result whole = run(c, 1, PKT_BURST, &conf);
	for (unsigned burst = 1; burst < PKT_BURST; burst = burst * 3 + 2) {
		struct result r = run(c, 1, burst, &conf);
		if (!same(&whole, &r))
			fail_msg("%s differs in bursts of %u", path, burst);
	}
}

static void sums_and_packets_do_not_depend_on_the_size_of_bursts(void **state)
{
	each_file(check_bursts);
}

/* Each capture once more with every packet cut short, as with a snap length. */
static void check_cut(const struct capture_bytes *c, const char *path)
{
	struct decode_conf conf = small_conf();
	for (uint32_t snap = 0; snap < 160; snap += 13) {
		struct capture_bytes cut = {.raw = malloc((c->n + 1) * sizeof(*c->raw)), .n = c->n};
		for (size_t i = 0; i < c->n; i++) {
			struct pkt_raw raw = c->raw[i];
			raw.cap_len = raw.cap_len < snap ? raw.cap_len : snap;
			uint8_t *copy = malloc(raw.cap_len ? raw.cap_len : 1);
			memcpy(copy, raw.ptr, raw.cap_len);
			raw.ptr = copy;
			cut.raw[i] = raw;
		}
		run(&cut, 1, PKT_BURST, &conf);
		free_all(&cut);
	}
}

static void captures_cut_at_any_snap_length_balance(void **state)
{
	each_file(check_cut);
}

/* The network made 15 of these messages twice, with one IPv4 identification each: every message
 * that arrived is there once in safe mode, and as often as it arrived without.
 */
static void copies_that_the_network_made_are_known_by_their_identification(void **state)
{
	const char *shared = shared_dir();
	if (!shared)
		skip();
	char path[8192];
	snprintf(path, sizeof(path), "%s/pcap/logs/lossy-syslog-udp-receiver.pcap", shared);
	struct capture_bytes c;
	read_all(&c, path);
	struct decode_conf conf = small_conf();
	struct result safe = run(&c, 1, PKT_BURST, &conf);
	conf.dedup = DEDUP_OFF;
	struct result off = run(&c, 1, PKT_BURST, &conf);
	assert_int_equal(safe.row[DECODE_packets_out], 383);
	assert_int_equal(safe.row[DECODE_duplicate], 15);
	assert_int_equal(off.row[DECODE_packets_out], 398);
	free_all(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_and_packets_do_not_depend_on_the_number_of_workers),
		cmocka_unit_test(sums_and_packets_do_not_depend_on_the_size_of_bursts),
		cmocka_unit_test(captures_cut_at_any_snap_length_balance),
		cmocka_unit_test(copies_that_the_network_made_are_known_by_their_identification),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
