/* fuzz_capture_file.c - any bytes as a capture file, read from memory and in pieces of 64 bytes.
 *
 * In:     the bytes of a file; compressed ones too.
 * Out:    nothing, or a crash: also when the two ways of reading disagree.
 * Owns:   -
 * Runs:   main.
 * Limits: PACKETS_MAX packets: what a small file can unpack to is large.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dataplane/capture/replay.h"
#include "tests/fuzz/fuzz.h"

#define PACKETS_MAX 100000

struct sum {
	uint64_t n, hash;
	int end;
};

static void add(struct sum *s, uint64_t v)
{
	s->hash = (s->hash ^ v) * 0x100000001b3;
}

/* Every byte that a packet claims to have must be there. */
static void add_packet(struct sum *s, const struct pkt_raw *p)
{
	if (p->cap_len > p->wire_len || p->cap_len > REPLAY_PACKET_MAX || p->number != ++s->n)
		abort();
	add(s, p->time_ns);
	add(s, p->wire_len);
	add(s, p->link);
	for (uint32_t k = 0; k < p->cap_len; k++)
		add(s, p->ptr[k]);
}

/* Reads to the end, or to PACKETS_MAX exactly, so that burst sizes make no difference. */
static struct sum read_all(struct capture *c)
{
	struct sum s = {0};
	struct pkt_raw burst[PKT_BURST];
	int n = 0;
	while (s.n < PACKETS_MAX && (n = capture_receive(c, burst)) >= 0) {
		if (n > PKT_BURST)
			abort();
		for (int i = 0; i < n && s.n < PACKETS_MAX; i++)
			add_packet(&s, &burst[i]);
	}
	s.end = s.n < PACKETS_MAX ? n : 0;
	/* A broken file says so once, and is at its end then. */
	if (s.end && s.end != -ENODATA && capture_receive(c, burst) != -ENODATA)
		abort();
	capture_close(c);
	return s;
}

/* @read_bytes: 0: as many as by default. The file has the same name each time, which packets of a
 * binary log carry.
 */
static struct sum read_file(const uint8_t *p, size_t len, size_t read_bytes)
{
	int fd = memfd_create("fuzz", 0);
	if (fd < 0 || write(fd, p, len) != (ssize_t)len)
		abort();
	char name[32];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	const char *path = name;
	const struct replay_conf conf = {.paths = &path, .n_paths = 1, .read_bytes = read_bytes};
	struct capture *c;
	struct err e;
	if (replay_open(&conf, &c, &e) != 0)
		abort();
	close(fd);
	return read_all(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct capture *c;
	struct err e;
	if (replay_open_memory(p, len, 1, &c, &e) != 0)
		return 0;
	struct sum memory = read_all(c), whole = read_file(p, len, 0);
	struct sum pieces = read_file(p, len, REPLAY_READ_MIN);
	if (whole.n != pieces.n || whole.hash != pieces.hash || whole.end != pieces.end)
		abort();
	if (memory.n != whole.n || memory.end != whole.end)
		abort();
	return 0;
}
