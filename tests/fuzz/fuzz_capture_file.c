/* fuzz_capture_file.c - any bytes as a capture file: open, and receive until the end.
 *
 * In:     the bytes of a file; compressed ones too.
 * Out:    nothing, or a crash.
 * Owns:   -
 * Runs:   main.
 * Limits: 100,000 bursts: what a small file can unpack to is large.
 */
#include <stdlib.h>

#include "dataplane/capture/replay.h"

#define BURSTS_MAX 100000

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

/* Every byte that a packet claims to have must be there. */
static unsigned touch(const struct pkt_raw *pkts, int n)
{
	unsigned sum = 0;
	for (int i = 0; i < n; i++) {
		if (pkts[i].cap_len > pkts[i].wire_len || pkts[i].cap_len > REPLAY_PACKET_MAX)
			abort();
		for (uint32_t k = 0; k < pkts[i].cap_len; k++)
			sum += pkts[i].ptr[k];
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct capture *c;
	struct err e;
	if (replay_open_memory(p, len, 2, &c, &e) != 0)
		return 0;
	struct pkt_raw burst[PKT_BURST];
	volatile unsigned sum = 0;
	uint64_t number = 0;
	int n = 0;
	for (unsigned i = 0; i < BURSTS_MAX && (n = capture_receive(c, burst)) >= 0; i++) {
		if (n > PKT_BURST)
			abort();
		for (int k = 0; k < n; k++)
			if (burst[k].number != ++number)
				abort();
		sum += touch(burst, n);
	}
	/* A broken file says so once, and is at its end then. */
	if (n < 0 && n != -ENODATA && capture_receive(c, burst) != -ENODATA)
		abort();
	capture_close(c);
	return 0;
}
