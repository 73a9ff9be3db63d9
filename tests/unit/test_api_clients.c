#include "tests/unit/unit.h"

#include <sys/socket.h>
#include <unistd.h>

#include "ctl/api_clients.h"

#define S 1000000000ull

struct pair {
	int ours, theirs;
};

static struct pair connected(void)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	return (struct pair){fds[0], fds[1]};
}

static bool is_cut_off(struct pair p)
{
	char byte;
	return recv(p.theirs, &byte, 1, MSG_DONTWAIT) == 0;
}

static void hang_up(struct pair p)
{
	close(p.ours);
	close(p.theirs);
}

static void who_dribbles_its_request_is_cut_off_when_the_next_one_comes(void **state)
{
	struct api_clients *c = api_clients_create(4);
	struct pair slow = connected(), asks = connected(), kept = connected(), next = connected();
	(void)state;
	struct api_client *of_slow = api_clients_begin(c, slow.ours, false, 1 * S);
	struct api_client *of_asks = api_clients_begin(c, asks.ours, false, 1 * S);
	struct api_client *of_kept = api_clients_begin(c, kept.ours, false, 1 * S);
	api_client_asked(of_asks);
	api_client_asked(of_kept);
	api_client_answered(of_kept, 8 * S);
	struct api_client *of_next = api_clients_begin(c, next.ours, false, 12 * S);
	assert_true(is_cut_off(slow));
	assert_false(is_cut_off(asks)); /* its answer takes as long as it takes */
	assert_false(is_cut_off(kept)); /* it asked before, and may again */
	assert_false(is_cut_off(next));
	assert_true(of_slow && of_next);
	api_clients_end(c, of_slow);
	hang_up(slow);
	hang_up(asks);
	hang_up(kept);
	hang_up(next);
	api_clients_destroy(c);
}

static void strangers_leave_room_for_those_who_may_ask(void **state)
{
	struct api_clients *c = api_clients_create(API_STRANGERS_MAX + 1);
	static struct api_client *of[API_STRANGERS_MAX];
	struct pair p = connected(), late = connected(), member = connected();
	(void)state;
	for (unsigned i = 0; i < API_STRANGERS_MAX; i++)
		assert_non_null(of[i] = api_clients_begin(c, p.ours, true, 1 * S));
	assert_null(api_clients_begin(c, late.ours, true, 1 * S));
	assert_true(is_cut_off(late));
	assert_non_null(api_clients_begin(c, member.ours, false, 1 * S));
	assert_false(is_cut_off(member));
	hang_up(late);
	late = connected();
	assert_null(api_clients_begin(c, late.ours, false, 1 * S)); /* all places are taken */
	assert_true(is_cut_off(late));
	api_clients_end(c, of[3]);
	hang_up(late);
	late = connected();
	assert_non_null(api_clients_begin(c, late.ours, true, 1 * S));
	assert_false(is_cut_off(late));
	hang_up(p);
	hang_up(late);
	hang_up(member);
	api_clients_destroy(c);
}

static void one_that_found_no_room_is_nobody(void **state)
{
	struct api_clients *c = api_clients_create(1);
	(void)state;
	api_client_asked(NULL);
	api_client_answered(NULL, 1);
	api_clients_end(c, NULL);
	api_clients_destroy(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_dribbles_its_request_is_cut_off_when_the_next_one_comes),
		cmocka_unit_test(strangers_leave_room_for_those_who_may_ask),
		cmocka_unit_test(one_that_found_no_room_is_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
