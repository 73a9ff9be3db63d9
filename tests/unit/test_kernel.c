/* The ring of a loopback interface, in a network namespace of our own; what is sent comes twice, as
 * it goes out and as it comes in. Skipped where namespaces may not be made.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "dataplane/base/clock.h"
#include "dataplane/capture/kernel.h"

#define FRAME_MAX 65000u
#define EMPTY_MAX 4 /* waits */
#define FLOOD     1000u

static int out = -1;

static int world(void **state)
{
	struct ifreq lo = {.ifr_name = "lo"};
	if (unshare(CLONE_NEWNET) < 0)
		return 0;
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	lo.ifr_flags = IFF_UP;
	assert_int_equal(ioctl(s, SIOCSIFFLAGS, &lo), 0);
	close(s);
	out = socket(AF_PACKET, SOCK_RAW, 0);
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("lo")};
	assert_int_equal(bind(out, (struct sockaddr *)&at, sizeof(at)), 0);
	return 0;
}

static struct capture *ring(void)
{
	struct capture *c = NULL;
	struct err e;
	if (out < 0)
		skip();
	assert_int_equal(kernel_open("lo", 3, &c, &e), 0);
	assert_int_equal(kernel_start(&c, 1, &e), 0);
	return c;
}

/* MACs of zeros, @head behind them, then counting bytes. */
static size_t frame(uint8_t *f, const char *head, size_t n_head, size_t len)
{
	memset(f, 0, 12);
	memcpy(f + 12, head, n_head);
	for (size_t i = 12 + n_head; i < len; i++)
		f[i] = (uint8_t)(i * 7 + len);
	assert_int_equal(send(out, f, len, 0), len);
	return len;
}

/* The next packet; false when none comes any more. */
static bool next(struct capture *c, struct pkt_raw *ret_p)
{
	static struct pkt_raw burst[PKT_BURST];
	static int at, n;
	for (unsigned empty = 0; at == n && empty < EMPTY_MAX; empty++) {
		at = 0;
		n = capture_receive(c, burst);
		if (n == 0)
			capture_wait(c, c->wait_max_ns);
	}
	if (at == n)
		return false;
	*ret_p = burst[at++];
	return true;
}

static void expect_twice(struct capture *c, const uint8_t *f, size_t len)
{
	for (unsigned i = 0; i < 2; i++) {
		struct pkt_raw p = {0};
		assert_true(next(c, &p));
		assert_int_equal(p.cap_len, len);
		assert_int_equal(p.wire_len, len);
		assert_memory_equal(p.ptr, f, len);
		assert_int_equal(p.port, 3);
		assert_int_equal(p.link, LINK_ETHERNET);
		assert_in_range(clock_wall_ns() - p.time_ns, 0, 10000000000ull);
	}
}

static void packets_of_all_lengths_come_whole_and_in_order(void **state)
{
	static uint8_t f[3][FRAME_MAX];
	static const size_t len[] = {60, 1514, FRAME_MAX};
	struct capture *c = ring();
	for (unsigned i = 0; i < 3; i++)
		frame(f[i], "\x88\xb5", 2, len[i]);
	for (unsigned i = 0; i < 3; i++)
		expect_twice(c, f[i], len[i]);
	struct pkt_raw p;
	assert_false(next(c, &p));
	assert_int_equal(c->stats.packets, 6);
	assert_int_equal(c->stats.missed, 0);
	capture_close(c);
}

static void vlan_tags_that_the_kernel_takes_off_are_put_back(void **state)
{
	static uint8_t f[2][200];
	struct capture *c = ring();
	frame(f[0], "\x81\x00\x60\x2a\x88\xb5", 6, 200);
	frame(f[1], "\x88\xa8\x00\x07\x81\x00\x00\x2a\x88\xb5", 10, 200);
	expect_twice(c, f[0], 200);
	expect_twice(c, f[1], 200);
	capture_close(c);
}

static void what_the_ring_has_no_room_for_is_counted_as_missed(void **state)
{
	static uint8_t f[FRAME_MAX];
	struct capture *c = ring();
	struct pkt_raw p;
	unsigned n = 0;
	for (unsigned i = 0; i < FLOOD; i++)
		frame(f, "\x88\xb5", 2, FRAME_MAX);
	while (next(c, &p))
		n++;
	for (unsigned i = 0; i < 5000 && c->stats.missed == 0;
	     i++) /* it is asked for now and then */
		assert_int_equal(capture_receive(c, (struct pkt_raw[PKT_BURST]){0}), 0);
	assert_int_equal(c->stats.missed + n, 2 * FLOOD);
	assert_true(c->stats.missed > 0);
	assert_true((uint64_t)n * FRAME_MAX > KERNEL_RING_BYTES / 2);
	frame(f, "\x88\xb5", 2, 100); /* and it goes on */
	expect_twice(c, f, 100);
	capture_close(c);
}

/* Their processes may have the same number, each in its own container. */
static void two_sets_of_queues_on_one_interface_each_get_every_packet(void **state)
{
	static uint8_t f[100];
	struct capture *of[2][2];
	struct err e;
	if (out < 0)
		skip();
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned q = 0; q < 2; q++)
			assert_int_equal(kernel_open("lo", 3, &of[i][q], &e), 0);
		assert_int_equal(kernel_start(of[i], 2, &e), 0);
	}
	frame(f, "\x88\xb5", 2, sizeof(f));
	for (unsigned i = 0; i < 2; i++) {
		struct pkt_raw p;
		while (next(of[i][0], &p))
			;
		while (next(of[i][1], &p))
			;
		assert_int_equal(of[i][0]->stats.packets + of[i][1]->stats.packets, 2);
	}
	for (unsigned i = 0; i < 4; i++)
		capture_close(of[i / 2][i % 2]);
}

static void set_up(bool up)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0};
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(ioctl(s, SIOCSIFFLAGS, &lo), 0);
	close(s);
}

static void an_interface_that_went_down_is_waited_for_and_read_again(void **state)
{
	static uint8_t f[100];
	struct capture *c = ring();
	struct pkt_raw p;
	set_up(false);
	set_up(true);
	assert_false(next(c, &p));
	uint64_t from_ns = clock_mono_ns();
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(capture_receive(c, &p), 0);
		capture_wait(c, c->wait_max_ns);
	}
	assert_true(clock_mono_ns() - from_ns > 100000000);
	assert_int_equal(c->stats.link_downs, 1);
	frame(f, "\x88\xb5", 2, sizeof(f));
	expect_twice(c, f, sizeof(f));
	capture_close(c);
}

/* What is written to a tun device comes in through its interface. */
static int make_tun(const char *name, bool up)
{
	struct ifreq req = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	strcpy(req.ifr_name, name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &req) < 0)
		skip();
	req.ifr_flags = up ? IFF_UP : 0;
	assert_int_equal(ioctl(s, SIOCSIFFLAGS, &req), 0);
	close(s);
	return fd;
}

static void packets_of_an_interface_without_macs_are_taken_for_ip(void **state)
{
	static const uint8_t ip[28] = {0x45, 0, 0,  28, 0, 1, 0,  0, 64, 17,
				       0,    0, 10, 0,  0, 1, 10, 0, 0,  2};
	struct capture *c = NULL;
	struct pkt_raw p = {0};
	struct err e;
	if (out < 0)
		skip();
	int tun = make_tun("tun-ip", true);
	assert_int_equal(kernel_open("tun-ip", 0, &c, &e), 0);
	assert_int_equal(kernel_start(&c, 1, &e), 0);
	assert_int_equal(write(tun, ip, sizeof(ip)), sizeof(ip));
	do
		assert_true(next(c, &p)); /* the kernel may announce itself to the neighbours */
	while (p.ptr[0] >> 4 != 4);
	assert_int_equal(p.link, LINK_RAW);
	assert_int_equal(p.cap_len, sizeof(ip));
	assert_memory_equal(p.ptr, ip, sizeof(ip));
	capture_close(c);
	close(tun);
}

static void an_interface_of_other_packets_is_refused_by_name(void **state)
{
	struct capture *c = NULL;
	struct err e;
	if (out < 0)
		skip();
	int tun = make_tun("tun-x25", false);
	assert_int_equal(ioctl(tun, TUNSETLINK, ARPHRD_X25), 0);
	assert_int_equal(kernel_open("tun-x25", 0, &c, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "tun-x25 are of type 271"));
	assert_null(c);
	close(tun);
}

static void an_interface_that_is_not_there_is_named(void **state)
{
	struct capture *c = NULL;
	struct err e;
	if (out < 0)
		skip();
	assert_int_equal(kernel_open("eth-none", 0, &c, &e), -ENODEV);
	assert_non_null(strstr(e.text, "no interface eth-none"));
	assert_null(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_of_all_lengths_come_whole_and_in_order),
		cmocka_unit_test(vlan_tags_that_the_kernel_takes_off_are_put_back),
		cmocka_unit_test(what_the_ring_has_no_room_for_is_counted_as_missed),
		cmocka_unit_test(two_sets_of_queues_on_one_interface_each_get_every_packet),
		cmocka_unit_test(an_interface_that_went_down_is_waited_for_and_read_again),
		cmocka_unit_test(packets_of_an_interface_without_macs_are_taken_for_ip),
		cmocka_unit_test(an_interface_of_other_packets_is_refused_by_name),
		cmocka_unit_test(an_interface_that_is_not_there_is_named),
	};
	return cmocka_run_group_tests(tests, world, NULL);
}
