/* feed.c - sends the lines of a file over the kernel's sockets, at a set rate.
 *
 *     feed udp ADDRESS PORT FILE RATE [SECONDS]   a datagram a line, from 8 ports; 0: as fast as
 * goes feed tcp ADDRESS PORT FILE RATE             lines on one connection feed take ADDRESS PORT
 * accepts one connection, and reads to its end
 *
 * In:     a file of lines; with SECONDS it comes again and again.
 * Out:    "SENT LINES in S s" on standard output.
 * Owns:   its sockets and the file's bytes.
 * Runs:   main, which spins between two bursts.
 * Limits: 2 GiB of file.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/base/mem.h"
#include "perf/bench.h"

#define BURST   32
#define SOCKETS 8
#define CHUNK   65536

struct lines {
	char *text;
	size_t len, n;
	struct iovec *at; /* of each line, without its newline */
};

static void read_lines(const char *path, struct lines *l)
{
	FILE *f = fopen(path, "rb");
	bench_must(f, path);
	fseek(f, 0, SEEK_END);
	l->len = (size_t)ftell(f);
	rewind(f);
	l->text = mem_alloc(l->len + 1);
	bench_must(l->text && fread(l->text, 1, l->len, f) == l->len, path);
	fclose(f);
	for (size_t i = 0; i < l->len; i++)
		l->n += l->text[i] == '\n';
	bench_must(l->n, "no line in the file");
	l->at = mem_alloc(l->n * sizeof(*l->at));
	bench_must(l->at, "no memory");
	char *p = l->text;
	for (size_t i = 0; i < l->n; i++) {
		char *end = memchr(p, '\n', l->len - (size_t)(p - l->text));
		l->at[i] = (struct iovec){p, (size_t)(end - p)};
		p = end + 1;
	}
}

static struct sockaddr_in address(char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10))};
	bench_must(inet_pton(AF_INET, argv[0], &a.sin_addr) == 1, "not an address");
	return a;
}

/* How many are due: a burst is sent when all of it is. */
static size_t wait_due(double from, double rate, size_t sent, size_t burst)
{
	for (;;) {
		double due = (bench_now() - from) * rate - (double)sent;
		if (rate <= 0 || due >= (double)burst)
			return burst;
	}
}

static void feed_udp(const struct lines *l, struct sockaddr_in to, double rate, double seconds)
{
	int fds[SOCKETS], room = 4 << 20;
	struct mmsghdr msgs[BURST] = {0};
	size_t sent = 0, failed = 0;
	for (int i = 0; i < SOCKETS; i++) {
		fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
		bench_must(connect(fds[i], (void *)&to, sizeof(to)) == 0, "connect");
	}
	double from = bench_now();
	while (seconds > 0 ? bench_now() - from < seconds : sent < l->n) {
		size_t n = wait_due(from, rate, sent + failed, BURST);
		if (seconds <= 0 && n > l->n - sent)
			n = l->n - sent;
		for (size_t i = 0; i < n; i++) {
			msgs[i].msg_hdr.msg_iov = &l->at[(sent + i) % l->n];
			msgs[i].msg_hdr.msg_iovlen = 1;
		}
		int done = sendmmsg(fds[sent / BURST % SOCKETS], msgs, (unsigned)n, 0);
		/* Refused by a far end that has gone: the next one tells. */
		if (done < 0)
			failed++;
		else
			sent += (size_t)done;
		bench_must(failed < 1000000, "the datagrams are refused");
	}
	printf("%zu lines in %.3f s\n", sent, bench_now() - from);
}

static void feed_tcp(const struct lines *l, struct sockaddr_in to, double rate)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bench_must(connect(fd, (void *)&to, sizeof(to)) == 0, "connect");
	double from = bench_now(), mean = (double)l->len / (double)l->n;
	size_t burst = rate > 0 ? CHUNK / 4 : CHUNK;
	for (size_t at = 0; at < l->len;) {
		size_t n = wait_due(from, rate * mean, at, burst);
		ssize_t done = send(fd, l->text + at, n < l->len - at ? n : l->len - at, 0);
		bench_must(done > 0, "send");
		at += (size_t)done;
	}
	shutdown(fd, SHUT_WR);
	char end;
	while (recv(fd, &end, 1, 0) > 0)
		;
	printf("%zu lines in %.3f s\n", l->n, bench_now() - from);
}

int main(int argc, char **argv)
{
	bench_about(argc, argv, 6,
		    "feed udp|tcp ADDRESS PORT FILE RATE [SECONDS] - sends the lines of a file");
	bench_must(argc >= 6, "too few arguments; see --help");
	struct sockaddr_in to = address(argv + 2);
	struct lines l = {0};
	read_lines(argv[4], &l);
	double rate = strtod(argv[5], NULL);
	if (strcmp(argv[1], "udp") == 0)
		feed_udp(&l, to, rate, argc > 6 ? strtod(argv[6], NULL) : 0);
	else
		feed_tcp(&l, to, rate);
	return 0;
}
