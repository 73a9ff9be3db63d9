/* What a parser may have beside its state: a pool, longer frames, an identity of its frames. */
#include "unit.h"

#include <errno.h>

#include "dataplane/base/mem.h"
#include "dataplane/frame/frame.h"
#include "tests/unit/flow_stand.h"

/* --- A parser that counts its frames in its pool: a byte is a frame. ---------------------------
 */

static unsigned n_pools;
static int create_answer;
static unsigned n_kept;
static int kept;

static int count_create(const void *conf, void *keep, void **ret_pool, struct err *e)
{
	(void)conf;
	n_kept += keep == &kept;
	if (create_answer)
		return err_set(e, create_answer, "no pool today");
	*ret_pool = mem_alloc(sizeof(uint32_t));
	n_pools++;
	return 0;
}

static void count_destroy(void *pool)
{
	mem_free(pool);
	n_pools--;
}

static enum probe count_probe(const void *conf, const struct parse_in *in)
{
	(void)conf;
	assert_null(in->pool);
	return PROBE_YES;
}

static struct parse_result count_parse(void *state, const void *conf, const struct parse_in *in,
				       struct frame_out *out)
{
	struct parse_result r = {.status = PARSE_OK, .consumed = in->data.len};
	uint32_t *count = in->pool;
	(void)state;
	(void)conf;
	if (in->data.ptr[0] == '?') /* waits for a thousand bytes */
		return (struct parse_result){.status = PARSE_MORE,
					     .consumed = in->data.len < 1000 ? 0 : in->data.len,
					     .needed = in->data.len < 1000 ? 1000 : 1};
	++*count;
	struct frame_desc d = {.bytes = in->data,
			       .body = in->data,
			       .stream_off = *count,
			       .aux = count,
			       .identity = in->data.ptr[0] == 'i' ? 42 : 0};
	assert_true(frame_put(out, &d));
	return r;
}

static struct parse_in acked;

static void count_acked(void *state, const struct parse_in *in)
{
	acked = *in;
}

static const struct parser counter = {.name = "count",
				      .transports = PARSER_TCP,
				      .bytes_max = 4096,
				      .probe = count_probe,
				      .parse = count_parse,
				      .acked = count_acked,
				      .pool_create = count_create,
				      .pool_destroy = count_destroy};

static struct opt_port_range ports[] = {{1, 1}, {2, 2}};
static struct frame_source sources[] = {
	{.name = "a", .parser = &counter, .keep = &kept, .tcp = {&ports[0], 1}},
	{.name = "b", .parser = &counter, .tcp = {&ports[1], 1}},
};
static struct frame_conf conf = {
	.bytes_max = 64, .carry_bytes_max = 1 << 20, .probe_bytes_max = 64};

static struct frame_stage *f;
static struct batch b;
static struct frame frames[BATCH_RECS_MAX];
static unsigned n_frames;

static void send(const char *text, size_t len)
{
	static uint64_t off;
	struct flow_event ev = {
		.kind = FLOW_DATA, .data = slice_of(text, len), .stream_off = off, .time_ns = 1};
	off += len;
	arena_reset(&b.arena);
	assert_int_equal(frame_parse(f, &ev, 1, &b, frames, &n_frames), 1);
}

static void end(void)
{
	struct flow_event ev = {.kind = FLOW_END};
	assert_int_equal(frame_parse(f, &ev, 1, &b, frames, &n_frames), 1);
}

static void open_session(uint16_t port, uint64_t id)
{
	sessions[0] = (struct flow_session){
		.port = {40000, port}, .proto = 6, .from_start = true, .id = id};
}

static int set_up(void **state)
{
	struct err e;
	create_answer = 0;
	n_pools = 0;
	return arena_init(&b.arena, 1 << 20) < 0 ||
	       frame_create(&conf, sources, 2, NULL, &f, &e) < 0;
}

static int tear_down(void **state)
{
	frame_destroy(f);
	arena_fini(&b.arena);
	return n_pools != 0;
}

/* --- Tests ------------------------------------------------------------------------------------ */

static void sessions_of_a_source_share_its_pool(void **state)
{
	assert_int_equal(n_pools, 2);
	open_session(1, 7);
	send("x", 1);
	assert_int_equal(frames[0].stream_off, 1);
	const void *pool = frames[0].aux;
	end();
	open_session(1, 8);
	send("x", 1);
	assert_int_equal(frames[0].stream_off, 2);
	assert_ptr_equal(frames[0].aux, pool);
	end();
	open_session(2, 9);
	send("x", 1);
	assert_int_equal(frames[0].stream_off, 1);
	assert_ptr_not_equal(frames[0].aux, pool);
	end();
}

static void an_identity_takes_the_place_of_session_and_direction(void **state)
{
	open_session(1, 7);
	send("x", 1);
	assert_int_equal(frames[0].session_id, 7);
	assert_int_equal(frames[0].dir, 0);
	send("i", 1);
	assert_int_equal(frames[0].session_id, 42);
	assert_int_equal(frames[0].dir, 1);
	end();
}

static void a_parser_may_ask_for_longer_frames_than_others(void **state)
{
	static const char waits[1000] = "?";
	assert_int_equal(frame_limit_max(&conf, sources, 2), 4096);
	open_session(1, 7);
	for (unsigned i = 0; i < 10; i++)
		send(waits + 100 * i, 100);
	const uint64_t *row = frame_row(f, 0);
	assert_int_equal(row[FRAME_too_long], 0);
	assert_int_equal(row[FRAME_bytes_framed], 1000);
	assert_int_equal(ledger_imbalance(&frame_ledger, row), 0);
	end();
}

static void acknowledgements_reach_the_parser_of_the_session(void **state)
{
	struct flow_event ev = {.kind = FLOW_ACK, .dir = 1, .stream_off = 70, .time_ns = 9};
	acked = (struct parse_in){0};
	open_session(1, 1);
	assert_int_equal(frame_parse(f, &ev, 1, &b, frames, &n_frames), 1);
	assert_int_equal(acked.time_ns, 0); /* it is nobody's yet */
	send("a", 1);
	assert_int_equal(frame_parse(f, &ev, 1, &b, frames, &n_frames), 1);
	assert_int_equal(acked.stream_off, 70);
	assert_int_equal(acked.time_ns, 9);
	assert_int_equal(acked.dir, 1);
	assert_int_equal(acked.data.len, 0);
	assert_ptr_equal(acked.pool, frame_pool(f, 0));
	end();
}

static void what_a_pool_lacks_ends_the_start(void **state)
{
	struct frame_stage *none = NULL;
	struct err e;
	create_answer = -ENOMEM;
	assert_int_equal(frame_create(&conf, sources, 2, NULL, &none, &e), -ENOMEM);
	assert_null(none);
	assert_string_equal(e.text, "source a: no pool today");
	assert_int_equal(n_pools, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sessions_of_a_source_share_its_pool),
		TEST(an_identity_takes_the_place_of_session_and_direction),
		TEST(a_parser_may_ask_for_longer_frames_than_others),
		TEST(acknowledgements_reach_the_parser_of_the_session),
		TEST(what_a_pool_lacks_ends_the_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
