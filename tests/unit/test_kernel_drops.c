#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <unistd.h>

#include "dataplane/capture/kernel_drops.h"

/* As DPDK's driver opens it, with room for four frames. -1: not for this user. */
static int open_ring(void)
{
	struct tpacket_req req = {
		.tp_block_size = 4096, .tp_block_nr = 2, .tp_frame_size = 2048, .tp_frame_nr = 4};
	struct sockaddr_ll addr = {.sll_family = AF_PACKET,
				   .sll_protocol = htons(ETH_P_ALL),
				   .sll_ifindex = (int)if_nametoindex("lo")};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	if (fd < 0)
		return -1;
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void packets_that_found_the_ring_full_are_counted_and_keep_being_so(void **state)
{
	struct kernel_drops d;
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = open_ring(), udp = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0) {
		close(udp);
		print_message("not for this user: CAP_NET_RAW\n");
		skip();
	}
	kernel_drops_find(&d, "lo");
	assert_int_equal(d.n, 1);
	assert_int_equal(d.fds[0], fd);
	uint64_t before = kernel_drops_read(&d);
	for (unsigned i = 0; i < 100; i++)
		sendto(udp, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
	uint64_t after = kernel_drops_read(&d);
	assert_true(after >= before + 96);
	assert_true(kernel_drops_read(&d) >= after);
	close(udp);
	close(fd);
}

static void without_an_interface_or_a_socket_nothing_is_counted(void **state)
{
	struct kernel_drops d;
	kernel_drops_find(&d, "no-such-iface");
	assert_int_equal(d.n, 0);
	assert_int_equal(kernel_drops_read(&d), 0);
	kernel_drops_find(&d, "lo");
	assert_int_equal(d.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_that_found_the_ring_full_are_counted_and_keep_being_so),
		cmocka_unit_test(without_an_interface_or_a_socket_nothing_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
