/* test_replay.c - the whole source: real captures against tshark and libpcap, merge, loops, pipes.
 */
#include "tests/support/capture_bytes.h"

#include <ftw.h>
#include <pcap/pcap.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>
#include <zstd.h>

#define S 1000000000ull

/* --- the shared captures --------------------------------------------------------------------- */

static const char *shared_dir(void)
{
	static char dir[512];
	const char *env = getenv("SL_SHARED"), *root = getenv("SL_SOURCE_ROOT");
	if (env)
		return env;
	snprintf(dir, sizeof(dir), "%s/../shared", root ? root : ".");
	return dir;
}

static char captures_dir[600];
static char **captures;
static size_t n_captures;

static int note_capture(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (kind != FTW_F)
		return 0;
	captures = realloc(captures, (n_captures + 1) * sizeof(*captures));
	captures[n_captures++] = strdup(path);
	return 0;
}

static int find_captures(void **state)
{
	snprintf(captures_dir, sizeof(captures_dir), "%s/data/pcap", shared_dir());
	nftw(captures_dir, note_capture, 16, FTW_PHYS);
	return 0;
}

static int forget_captures(void **state)
{
	for (size_t i = 0; i < n_captures; i++)
		free(captures[i]);
	free(captures);
	return 0;
}

static void need_captures(void)
{
	if (n_captures)
		return;
	const char *ci = getenv("CI");
	if (ci && strcmp(ci, "true") == 0)
		fail_msg("no captures in %s: set SL_SHARED", captures_dir);
	print_message("skipped: no captures in %s: set SL_SHARED\n", captures_dir);
	skip();
}

static uint64_t to_ns(uint64_t s, uint64_t ns)
{
	return s >= UINT64_MAX / S ? UINT64_MAX : s * S + ns;
}

/* "1340954905.298858000"; empty where the packet has no time. */
static bool read_time(const char *text, uint64_t *ret_ns)
{
	unsigned long long s, ns;
	if (sscanf(text, "%llu.%llu", &s, &ns) != 2)
		return false;
	*ret_ns = to_ns(s, ns);
	return true;
}

/* A line of the oracle: number, time, captured, on the wire, protocols. */
static void read_fields(char *line, char *field[5])
{
	for (int i = 0; i < 5; i++)
		field[i] = strsep(&line, "\t");
}

/* tshark numbers custom blocks of pcapng as if they were packets. */
static bool is_custom_block(char *const field[5])
{
	return !*field[1] && strcmp(field[4], "data") == 0;
}

static void compare_frame(char *const field[5], const struct seen *s, size_t at, const char *path)
{
	if (at >= s->n)
		fail_msg("%s: tshark has a packet %s, we end with %zu: %s", path, field[0], s->n,
			 s->why);
	const struct seen_pkt *p = &s->pkts[at];
	uint64_t ns;
	assert_int_equal(p->number, at + 1);
	if (read_time(field[1], &ns) && ns != p->time_ns)
		fail_msg("%s: packet %s: time %llu, tshark %s", path, field[0],
			 (unsigned long long)p->time_ns, field[1]);
	if (p->cap_len != strtoull(field[2], NULL, 10) ||
	    p->wire_len != strtoull(field[3], NULL, 10))
		fail_msg("%s: packet %s: lengths %u of %u, tshark %s of %s", path, field[0],
			 p->cap_len, p->wire_len, field[2], field[3]);
}

/* A last line with "# tshark said" means that it refused the file or stopped in it. */
static void compare_with_tshark(const char *oracle, const char *path)
{
	FILE *f = fopen(oracle, "r");
	if (!f)
		return;
	struct seen s = see_file(path, 0);
	char *line = NULL, *field[5];
	size_t cap = 0, n = 0;
	bool refused = false;
	while (getline(&line, &cap, f) > 0) {
		refused |= line[0] == '#';
		if (line[0] < '0' || line[0] > '9')
			continue;
		read_fields(line, field);
		if (!is_custom_block(field))
			compare_frame(field, &s, n++, path);
	}
	assert_int_equal(s.n, n);
	if (refused != (s.end != -ENODATA))
		fail_msg("%s: tshark %s it, we end with %d %s", path, refused ? "refused" : "read",
			 s.end, s.why);
	free(line);
	fclose(f);
	seen_fini(&s);
}

static void every_capture_gives_the_packets_that_tshark_sees(void **state)
{
	need_captures();
	for (size_t i = 0; i < n_captures; i++) {
		char oracle[1024];
		snprintf(oracle, sizeof(oracle), "%s/data/oracle/pcap%s.frames.tsv", shared_dir(),
			 captures[i] + strlen(captures_dir));
		compare_with_tshark(oracle, captures[i]);
	}
}

static void compare_with_libpcap(const char *path)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *pcap =
		pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
	if (!pcap)
		return;
	struct seen s = see_file(path, 0);
	struct pcap_pkthdr *h;
	const u_char *bytes;
	size_t n = 0;
	for (; pcap_next_ex(pcap, &h, &bytes) == 1; n++) {
		assert_true(n < s.n);
		const struct seen_pkt *p = &s.pkts[n];
		/* libpcap keeps the seconds of pcap in a signed word of 32 bits. */
		uint64_t sec = h->ts.tv_sec < 0 ? (uint32_t)h->ts.tv_sec : (uint64_t)h->ts.tv_sec;
		uint64_t ns = to_ns(sec, (uint64_t)h->ts.tv_usec);
		assert_true(ns == p->time_ns ||
			    ns == 0); /* simple packets of pcapng have none there */
		/* Beyond the snap length that the header tells, it throws captured bytes away. */
		if (h->caplen != p->cap_len && h->caplen != (uint32_t)pcap_snapshot(pcap))
			fail_msg("%s: packet %zu: %u bytes, libpcap %u", path, n + 1, p->cap_len,
				 h->caplen);
		assert_int_equal(p->wire_len, h->len);
		assert_true(h->caplen != p->cap_len || p->hash == hash_bytes(bytes, h->caplen));
	}
	/* It stops where interfaces differ in link type or snap length; we go on. */
	assert_true(n <= s.n);
	pcap_close(pcap);
	seen_fini(&s);
}

static void every_capture_gives_the_bytes_that_libpcap_gives(void **state)
{
	need_captures();
	for (size_t i = 0; i < n_captures; i++)
		compare_with_libpcap(captures[i]);
}

static void packets_are_the_same_at_any_read_size(void **state)
{
	static const size_t sizes[] = {64, 65, 1000, 4096, 256 << 10};
	need_captures();
	for (size_t i = 0; i < n_captures; i++) {
		struct stat st;
		if (stat(captures[i], &st) < 0 || st.st_size > 200000)
			continue;
		struct seen s = see_file(captures[i], 1 << 20);
		for (int k = 0; k < 5; k++) {
			struct seen other = see_file(captures[i], sizes[k]);
			assert_same(&s, &other);
			seen_fini(&other);
		}
		seen_fini(&s);
	}
}

/* --- compression ----------------------------------------------------------------------------- */

static struct bytes read_all(const char *path)
{
	struct bytes b = {0};
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	uint8_t piece[65536];
	size_t n;
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		bytes_put(&b, piece, n);
	fclose(f);
	return b;
}

static void put_gzip(struct bytes *b, const void *ptr, size_t len)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)ptr, .avail_in = (uInt)len};
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
	size_t room = deflateBound(&z, len);
	uint8_t *out = malloc(room);
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	bytes_put(b, out, room - z.avail_out);
	deflateEnd(&z);
	free(out);
}

static void put_zstd(struct bytes *b, const void *ptr, size_t len)
{
	size_t room = ZSTD_compressBound(len);
	void *out = malloc(room);
	size_t n = ZSTD_compress(out, room, ptr, len, 3);
	assert_false(ZSTD_isError(n));
	bytes_put(b, out, n);
	free(out);
}

static struct seen see_bytes(const struct bytes *b, size_t read_bytes)
{
	struct temp t = temp_file(b->ptr, b->len);
	struct seen s = see_file(t.path, read_bytes);
	temp_remove(&t);
	return s;
}

static void expect_same(const struct bytes *packed, const struct seen *want)
{
	static const size_t sizes[] = {64, 1000, 0};
	for (int i = 0; i < 3; i++) {
		struct seen s = see_bytes(packed, sizes[i]);
		assert_same(want, &s);
		seen_fini(&s);
	}
	struct seen s = see_memory(packed->ptr, packed->len);
	assert_same(want, &s);
	seen_fini(&s);
}

static void gzip_and_zstd_captures_give_the_packets_of_the_plain_file(void **state)
{
	need_captures();
	unsigned n = 0;
	for (size_t i = 0; i < n_captures; i++) {
		struct bytes plain = read_all(captures[i]), gz = {0}, zst = {0};
		struct seen want = see_file(captures[i], 0);
		/* Texts of errors name the file: left out here. */
		if (want.end == -ENODATA && plain.len < 60000 && ++n % 4 == 0) {
			put_gzip(&gz, plain.ptr, plain.len);
			put_zstd(&zst, plain.ptr, plain.len);
			expect_same(&gz, &want);
			expect_same(&zst, &want);
		}
		seen_fini(&want);
		bytes_fini(&plain);
		bytes_fini(&gz);
		bytes_fini(&zst);
	}
}

/* --- merge ----------------------------------------------------------------------------------- */

/* @n packets a step of time apart, in a file; payload and lengths tell them apart. */
static struct temp steps_file(uint32_t first_us, uint32_t step_us, unsigned n, uint32_t len)
{
	struct bytes b = {0};
	pcap_header(&b, false, 1);
	for (unsigned i = 0; i < n; i++)
		pcap_packet(&b, 1, first_us + i * step_us, len, len);
	struct temp t = temp_file(b.ptr, b.len);
	bytes_fini(&b);
	return t;
}

static void files_are_merged_by_time_and_equal_times_by_their_order(void **state)
{
	struct temp a = steps_file(0, 2, 500, 40), b = steps_file(0, 3, 400, 50),
		    c = steps_file(1200, 0, 300, 60);
	const char *paths[] = {a.path, b.path, c.path};
	static const size_t sizes[] = {64, 1000, 0};
	struct seen want = {0};
	for (int k = 0; k < 3; k++) {
		struct seen s = see_files(paths, 3, sizes[k]);
		assert_int_equal(s.end, -ENODATA);
		assert_int_equal(s.n, 1200);
		unsigned per_port[3] = {0};
		for (size_t i = 0; i < s.n; i++) {
			const struct seen_pkt *p = &s.pkts[i], *before = p - 1;
			assert_int_equal(p->number, i + 1);
			assert_int_equal(p->cap_len, 40 + 10 * p->port);
			per_port[p->port]++;
			assert_true(!i || before->time_ns < p->time_ns ||
				    (before->time_ns == p->time_ns && before->port <= p->port));
		}
		assert_int_equal(per_port[0], 500);
		assert_int_equal(per_port[1], 400);
		assert_int_equal(per_port[2], 300);
		if (want.n)
			assert_same(&want, &s);
		seen_fini(&want);
		want = s;
	}
	seen_fini(&want);
	temp_remove(&a);
	temp_remove(&b);
	temp_remove(&c);
}

static void a_file_keeps_its_order_where_its_times_go_backwards(void **state)
{
	struct bytes b = {0};
	pcap_header(&b, false, 1);
	static const uint32_t times[] = {10, 50, 20, 60, 30};
	for (unsigned i = 0; i < 5; i++)
		pcap_packet(&b, times[i], 0, 100 + i, 200);
	struct temp odd = temp_file(b.ptr, b.len), even = steps_file(39000000, 0, 1, 40);
	const char *paths[] = {odd.path, even.path};
	struct seen s = see_files(paths, 2, 0);
	/* 10, then 40 of the other (older than 50), then the rest as it stands. */
	assert_int_equal(s.n, 6);
	assert_int_equal(s.pkts[1].port, 1);
	static const unsigned order[] = {0, 2, 3, 4, 5};
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(s.pkts[order[i]].cap_len, 100 + i);
	seen_fini(&s);
	temp_remove(&odd);
	temp_remove(&even);
	bytes_fini(&b);
}

static void a_cut_file_is_told_after_the_others_have_gone_on_to_their_end(void **state)
{
	struct bytes b = {0};
	pcap_header(&b, false, 1);
	pcap_packet(&b, 1, 10, 40, 40);
	pcap_packet(&b, 1, 20, 40, 40);
	struct temp cut1 = temp_file(b.ptr, b.len - 1), cut2 = temp_file(b.ptr, b.len - 50),
		    whole = steps_file(0, 1, 100, 60);
	const char *paths[] = {cut1.path, whole.path, cut2.path};
	const struct replay_conf conf = {.paths = paths, .n_paths = 3, .loop = 5};
	struct capture *c;
	struct err e;
	assert_int_equal(replay_open(&conf, &c, &e), 0);
	struct seen s = {0};
	seen_receive(&s, c);
	assert_int_equal(s.n, 102);
	assert_int_equal(s.end, -EBADMSG);
	assert_non_null(strstr(s.why, cut1.path));
	assert_non_null(strstr(s.why, ": offset 80: a packet is cut: 55 of 56 bytes"));
	struct pkt_raw burst[PKT_BURST];
	assert_int_equal(capture_receive(c, burst), -EBADMSG);
	assert_non_null(strstr(c->err.text, cut2.path));
	assert_non_null(strstr(c->err.text, ": offset 80: a packet header is cut: 6 of 16 bytes"));
	assert_int_equal(capture_receive(c, burst), -ENODATA);
	assert_int_equal(capture_receive(c, burst), -ENODATA);
	capture_close(c);
	seen_fini(&s);
	temp_remove(&cut1);
	temp_remove(&cut2);
	temp_remove(&whole);
	bytes_fini(&b);
}

static void two_hundred_files_are_merged(void **state)
{
	struct temp t[200];
	const char *paths[200];
	for (unsigned i = 0; i < 200; i++) {
		t[i] = steps_file(i * 7 % 200, 200, 20, 40);
		paths[i] = t[i].path;
	}
	struct seen s = see_files(paths, 200, 512);
	assert_int_equal(s.n, 4000);
	for (size_t i = 0; i < s.n; i++)
		assert_int_equal(s.pkts[i].time_ns, S + i * 1000);
	seen_fini(&s);
	for (unsigned i = 0; i < 200; i++)
		temp_remove(&t[i]);
}

/* --- loops, pace, progress ------------------------------------------------------------------- */

static void loops_go_on_in_time_and_number(void **state)
{
	struct temp a = steps_file(0, 10, 100, 40), b = steps_file(5, 10, 100, 40);
	const char *paths[] = {a.path, b.path};
	for (unsigned n_files = 1; n_files <= 2; n_files++) {
		const struct replay_conf conf = {.paths = paths, .n_paths = n_files, .loop = 3};
		struct capture *c;
		struct err e;
		assert_int_equal(replay_open(&conf, &c, &e), 0);
		struct seen s = {0};
		seen_receive(&s, c);
		assert_int_equal(s.end, -ENODATA);
		assert_int_equal(s.n, 300 * n_files);
		for (size_t i = 1; i < s.n; i++) {
			assert_int_equal(s.pkts[i].number, i + 1);
			assert_true(s.pkts[i].time_ns > s.pkts[i - 1].time_ns);
		}
		size_t pass = 100 * n_files;
		uint64_t span = s.pkts[pass - 1].time_ns - s.pkts[0].time_ns;
		assert_int_equal(s.pkts[pass].time_ns, s.pkts[0].time_ns + span + REPLAY_GAP_NS);
		assert_int_equal(s.pkts[2 * pass].time_ns,
				 s.pkts[0].time_ns + 2 * (span + REPLAY_GAP_NS));
		assert_int_equal(atomic_load(&c->stats.bytes), atomic_load(&c->stats.bytes_total));
		capture_close(c);
		seen_fini(&s);
	}
	temp_remove(&a);
	temp_remove(&b);
}

static void loops_over_memory_and_compressed_files_give_the_same_again(void **state)
{
	struct bytes b = {0}, gz = {0}, zst = {0};
	ng_section(&b);
	ng_interface(&b, 1, 0, 9, 0);
	for (unsigned i = 0; i < 100; i++)
		ng_packet(&b, 0, 1 + i, i, i);
	put_gzip(&gz, b.ptr, b.len);
	put_zstd(&zst, b.ptr, b.len);
	const struct bytes *all[] = {&b, &gz, &zst};
	for (int k = 0; k < 3; k++) {
		struct capture *c;
		struct err e;
		assert_int_equal(replay_open_memory(all[k]->ptr, all[k]->len, 4, &c, &e), 0);
		struct seen s = {0};
		seen_receive(&s, c);
		assert_int_equal(s.n, 400);
		for (size_t i = 0; i < s.n; i++) {
			assert_true(s.pkts[i].hash == s.pkts[i % 100].hash);
			assert_int_equal(s.pkts[i].time_ns,
					 1 + i % 100 + i / 100 * (99 + REPLAY_GAP_NS));
		}
		assert_int_equal(atomic_load(&c->stats.bytes), 4 * all[k]->len);
		capture_close(c);
		seen_fini(&s);
	}
	bytes_fini(&b);
	bytes_fini(&gz);
	bytes_fini(&zst);
}

static uint64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * S + (uint64_t)ts.tv_nsec;
}

/* How often nothing was due, in a replay of 23 packets of which the last is due after 50 ms. */
static size_t paced_zeros(const char *path)
{
	struct replay_conf conf = {.paths = &path, .n_paths = 1, .speed = 4};
	struct capture *c;
	struct err e;
	assert_int_equal(replay_open(&conf, &c, &e), 0);
	struct seen s = {0};
	uint64_t start = now_ns();
	seen_receive(&s, c);
	uint64_t took = now_ns() - start;
	size_t n_zero = s.n_zero;
	assert_int_equal(s.n, 23);
	assert_true(took >= 50000000);
	capture_close(c);
	seen_fini(&s);
	return n_zero;
}

static void a_paced_replay_takes_the_time_of_the_capture_divided_by_the_speed(void **state)
{
	struct bytes b = {0};
	pcap_header(&b, false, 1);
	pcap_packet(&b, 0, 0, 30, 30); /* no time: due at once, and no start of the clock */
	for (unsigned i = 0; i < 21; i++)
		pcap_packet(&b, 1700000000, i * 10000, 40, 40);
	pcap_packet(&b, 5, 0, 50, 50); /* older than the first: due at once */
	struct temp t = temp_file(b.ptr, b.len);
	/* Each is waited for; it shows where nothing keeps this thread off its core. */
	size_t n_zero = 0;
	for (unsigned i = 0; i < 20 && n_zero < 20; i++)
		n_zero = paced_zeros(t.path);
	assert_true(n_zero >= 20);
	temp_remove(&t);
	bytes_fini(&b);
}

static void progress_reaches_the_size_of_the_files_as_they_are(void **state)
{
	struct bytes b = {0}, gz = {0};
	pcap_header(&b, false, 1);
	for (unsigned i = 0; i < 1000; i++)
		pcap_packet(&b, i, 0, 40, 40);
	put_gzip(&gz, b.ptr, b.len);
	struct temp t = temp_file(gz.ptr, gz.len), u = temp_file(b.ptr, b.len);
	const char *paths[] = {t.path, u.path};
	const struct replay_conf conf = {.paths = paths, .n_paths = 2, .read_bytes = 1000};
	struct capture *c;
	struct err e;
	assert_int_equal(replay_open(&conf, &c, &e), 0);
	uint64_t total = atomic_load(&c->stats.bytes_total), last = 0;
	assert_int_equal(total, gz.len + b.len);
	struct pkt_raw burst[PKT_BURST];
	while (receive_sealed(c, burst) >= 0) {
		uint64_t bytes = atomic_load(&c->stats.bytes);
		assert_true(bytes >= last && bytes <= total);
		last = bytes;
	}
	assert_int_equal(atomic_load(&c->stats.bytes), total);
	capture_close(c);
	temp_remove(&t);
	temp_remove(&u);
	bytes_fini(&b);
	bytes_fini(&gz);
}

/* --- standard input -------------------------------------------------------------------------- */

struct writer {
	int fd;
	const struct bytes *bytes;
	size_t piece;
	unsigned pause_us;
};

static void *write_pieces(void *arg)
{
	struct writer *w = arg;
	for (size_t at = 0; at < w->bytes->len;) {
		size_t n = w->bytes->len - at < w->piece ? w->bytes->len - at : w->piece;
		assert_int_equal(write(w->fd, w->bytes->ptr + at, n), (ssize_t)n);
		at += n;
		if (w->pause_us)
			usleep(w->pause_us);
	}
	close(w->fd);
	return NULL;
}

/* Puts a pipe with a writer in place of standard input while @paths are read. */
static struct seen see_stdin(struct writer *w, const char *const *paths, unsigned n)
{
	int fds[2], old = dup(STDIN_FILENO);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	close(fds[0]);
	w->fd = fds[1];
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, write_pieces, w), 0);
	struct seen s = see_files(paths, n, 0);
	pthread_join(thread, NULL);
	dup2(old, STDIN_FILENO);
	close(old);
	return s;
}

static void standard_input_is_read_plain_and_compressed(void **state)
{
	struct bytes b = {.swap = true}, gz = {0}, zst = {0};
	pcap_header(&b, true, 1);
	for (unsigned i = 0; i < 3000; i++)
		pcap_packet(&b, i, 5, i % 200, 1500);
	put_gzip(&gz, b.ptr, b.len);
	put_zstd(&zst, b.ptr, b.len);
	struct seen want = see_memory(b.ptr, b.len);
	const struct bytes *all[] = {&b, &gz, &zst};
	for (int k = 0; k < 3; k++) {
		struct writer w = {.bytes = all[k], .piece = 777};
		struct seen s = see_stdin(&w, (const char *[]){"-"}, 1);
		assert_same(&want, &s);
		seen_fini(&s);
	}
	seen_fini(&want);
	bytes_fini(&b);
	bytes_fini(&gz);
	bytes_fini(&zst);
}

static void a_slow_pipe_gives_its_packets_as_they_come_and_holds_up_a_merge(void **state)
{
	struct bytes b = {0};
	pcap_header(&b, false, 1);
	for (unsigned i = 0; i < 10; i++)
		pcap_packet(&b, 1, i * 10, 40, 40);
	struct temp t = steps_file(5, 10, 10, 50);
	const char *paths[] = {"-", t.path};
	for (unsigned n = 1; n <= 2; n++) {
		struct writer w = {.bytes = &b, .piece = 37, .pause_us = 3000};
		struct seen s = see_stdin(&w, paths, n);
		assert_int_equal(s.end, -ENODATA);
		assert_int_equal(s.n, 10 * n);
		assert_true(s.n_zero > 0);
		for (size_t i = 0; i < s.n; i++)
			assert_int_equal(s.pkts[i].port, n == 2 ? i % 2 : 0);
		seen_fini(&s);
	}
	temp_remove(&t);
	bytes_fini(&b);
}

static void a_pipe_that_ends_in_a_packet_is_told_by_its_name(void **state)
{
	struct bytes b = {0};
	pcap_header(&b, false, 1);
	pcap_packet(&b, 1, 0, 40, 40);
	b.len -= 3;
	struct writer w = {.bytes = &b, .piece = 1000};
	struct seen s = see_stdin(&w, (const char *[]){"-"}, 1);
	assert_int_equal(s.end, -EBADMSG);
	assert_string_equal(s.why,
			    "standard input: offset 24: a packet is cut: 53 of 56 bytes are there");
	seen_fini(&s);
	bytes_fini(&b);
}

/* --- what is refused ------------------------------------------------------------------------- */

static void expect_refused(const struct replay_conf *conf, int code, const char *text)
{
	struct capture *c = NULL;
	struct err e = {0};
	assert_int_equal(replay_open(conf, &c, &e), code);
	assert_null(c);
	if (!strstr(e.text, text))
		fail_msg("expected \"%s\" in \"%s\"", text, e.text);
}

static void what_is_no_capture_is_refused_with_name_place_and_expectation(void **state)
{
	const char *path = "/tmp/sluice-test-is-not-there";
	struct replay_conf conf = {.paths = &path, .n_paths = 1};
	expect_refused(&conf, -ENOENT, "/tmp/sluice-test-is-not-there: cannot open: No such file");
	path = "/tmp";
	expect_refused(&conf, -EISDIR, "/tmp: a capture file was expected, this is a directory");
	struct temp t = temp_file("", 0);
	path = t.path;
	expect_refused(&conf, -EINVAL, ": offset 0: expected pcap or pcapng, the file is empty");
	temp_remove(&t);
	t = temp_file("ELF or something else that is long enough", 41);
	expect_refused(&conf, -EINVAL,
		       ": offset 0: expected pcap or pcapng, or what libpcap reads");
	temp_remove(&t);
	struct bytes gz = {0};
	put_gzip(&gz, "text", 4);
	t = temp_file(gz.ptr, gz.len);
	expect_refused(&conf, -EINVAL,
		       "expected pcap 2.4, pcapng or a binary log, found bytes 74 65 78 74");
	temp_remove(&t);
	t = temp_file(gz.ptr, 9);
	expect_refused(&conf, -EBADMSG, "offset 9: the gzip data is cut");
	temp_remove(&t);
	bytes_fini(&gz);
}

static void a_configuration_that_makes_no_sense_is_refused(void **state)
{
	const char *paths[] = {"-", "-"};
	struct replay_conf conf = {.paths = paths, .n_paths = 2};
	expect_refused(&conf, -EINVAL, "standard input was named 2 times");
	conf.n_paths = 0;
	expect_refused(&conf, -EINVAL, "expected 1 to 65535 files, got 0");
	conf.n_paths = 1;
	conf.read_bytes = 63;
	expect_refused(&conf, -EINVAL, "expected reads of 64 to");
	conf.read_bytes = 0;
	conf.speed = -1;
	expect_refused(&conf, -EINVAL, "speed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_capture_gives_the_packets_that_tshark_sees),
		cmocka_unit_test(every_capture_gives_the_bytes_that_libpcap_gives),
		cmocka_unit_test(packets_are_the_same_at_any_read_size),
		cmocka_unit_test(gzip_and_zstd_captures_give_the_packets_of_the_plain_file),
		cmocka_unit_test(files_are_merged_by_time_and_equal_times_by_their_order),
		cmocka_unit_test(a_file_keeps_its_order_where_its_times_go_backwards),
		cmocka_unit_test(a_cut_file_is_told_after_the_others_have_gone_on_to_their_end),
		cmocka_unit_test(two_hundred_files_are_merged),
		cmocka_unit_test(loops_go_on_in_time_and_number),
		cmocka_unit_test(loops_over_memory_and_compressed_files_give_the_same_again),
		cmocka_unit_test(a_paced_replay_takes_the_time_of_the_capture_divided_by_the_speed),
		cmocka_unit_test(progress_reaches_the_size_of_the_files_as_they_are),
		cmocka_unit_test(standard_input_is_read_plain_and_compressed),
		cmocka_unit_test(a_slow_pipe_gives_its_packets_as_they_come_and_holds_up_a_merge),
		cmocka_unit_test(a_pipe_that_ends_in_a_packet_is_told_by_its_name),
		cmocka_unit_test(what_is_no_capture_is_refused_with_name_place_and_expectation),
		cmocka_unit_test(a_configuration_that_makes_no_sense_is_refused),
	};
	return cmocka_run_group_tests(tests, find_captures, forget_captures);
}
