/* loadgen.c - offers load: made packets of logs, beacons and row changes, out of a port or into a
 * file.
 *
 * In:     a job file and the name of a job; a device of DPDK's, or a file.
 * Out:    packets at a set rate; what was sent, in one line.
 * Owns:   the device while it runs.
 * Runs:   main, which spins.
 * Limits: one device, one queue.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/eal.h"
#include "perf/bench.h"
#include "perf/loadgen/job.h"
#include "perf/loadgen/send.h"

#define FAR_END_US 300000

static const char usage[] =
	"loadgen [options] JOBS.yaml JOB - offers the load of a job\n"
	"\n"
	"  --device DEV    out of a port: net_memif0,role=client,id=0,...; 0000:3b:00.0; ...\n"
	"                  (default net_null0, which throws it away: how fast is loadgen?)\n"
	"  --write FILE    into a capture file, its packets 1/RATE apart; needs --packets\n"
	"  --rate N        packets a second (default: as many as go)\n"
	"  --packets N     so many, and end\n"
	"  --seconds S     so long, and end (default 5, without --packets)\n"
	"  --wait          offer again what the port refuses, in place of counting it as lost\n";

struct args {
	const char *device, *file;
	struct send_rate rate;
};

static bool read_args(int argc, char **argv, struct args *a)
{
	static const struct option opts[] = {{"device", 1, NULL, 'd'},  {"write", 1, NULL, 'f'},
					     {"rate", 1, NULL, 'r'},    {"packets", 1, NULL, 'n'},
					     {"seconds", 1, NULL, 's'}, {"wait", 0, NULL, 'w'},
					     {"help", 0, NULL, 'h'},    {0}};
	*a = (struct args){.device = "net_null0", .rate = {.late_max = SEND_LATE_MAX}};
	for (int c; (c = getopt_long(argc, argv, "", opts, NULL)) != -1;) {
		switch (c) {
		case 'd':
			a->device = optarg;
			break;
		case 'f':
			a->file = optarg;
			break;
		case 'r':
			a->rate.packets_s = strtod(optarg, NULL);
			break;
		case 'n':
			a->rate.packets = strtoull(optarg, NULL, 10);
			break;
		case 's':
			a->rate.seconds = strtod(optarg, NULL);
			break;
		case 'w':
			a->rate.wait = true;
			break;
		default:
			fputs(usage, c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : 2);
		}
	}
	if (!a->rate.packets && a->rate.seconds <= 0)
		a->rate.seconds = 5;
	return argc - optind == 2 && (!a->file || a->rate.packets);
}

/* A nanosecond pcap. */
static bool write_file(const struct args *a, struct load *l)
{
	static const uint32_t head[6] = {0xa1b23c4d, 4u << 16 | 2, 0, 0, 65535, 1};
	static uint8_t packet[LOAD_PACKET_MAX];
	uint64_t events = 0,
		 gap_ns = a->rate.packets_s > 0 ? (uint64_t)(1e9 / a->rate.packets_s) : 1000;
	FILE *f = fopen(a->file, "wb");
	bool ok = f && fwrite(head, sizeof(head), 1, f) == 1;
	for (uint64_t i = 0; ok && i < a->rate.packets; i++) {
		uint32_t len = load_next(l, packet, &events);
		uint64_t at = i * gap_ns;
		uint32_t rec[4] = {(uint32_t)(1764045796 + at / 1000000000),
				   (uint32_t)(at % 1000000000), len, len};
		ok = fwrite(rec, sizeof(rec), 1, f) == 1 && fwrite(packet, len, 1, f) == 1;
	}
	if (f && fclose(f) != 0)
		ok = false;
	if (ok)
		printf("%" PRIu64 " packets, %" PRIu64 " events\n", a->rate.packets, events);
	else
		perror(a->file);
	return ok;
}

static bool send_all(const struct args *a, struct load *l)
{
	struct eal_conf eal = {.devices = &a->device, .n_devices = 1};
	struct sender *s = NULL;
	struct send_count n;
	struct err e;
	const char *note;
	uint16_t port;
	bool ok = eal_start(&eal, &note, &e) == 0 && sender_port(a->device, &port, &e) == 0 &&
		  sender_open(port, 8191, load_bytes_max(l), &s, &e) == 0;
	if (!ok) {
		fprintf(stderr, "loadgen: %s\n", e.text);
		return false;
	}
	if (note)
		fprintf(stderr, "loadgen: %s\n", note);
	sender_send(s, l, &a->rate, &n);
	printf("%" PRIu64 " packets in %.2f s: %.3f Mpps, %.2f Gbit/s, %.3f M events/s; %" PRIu64
	       " refused, %" PRIu64 " late\n",
	       n.packets, n.seconds, (double)n.packets / n.seconds / 1e6,
	       (double)n.bytes * 8 / n.seconds / 1e9, (double)n.events / n.seconds / 1e6, n.refused,
	       n.late);
	usleep(FAR_END_US); /* what the far end has not read yet must not go with the device */
	sender_port_close(port);
	sender_close(s);
	eal_stop();
	return true;
}

int main(int argc, char **argv)
{
	struct args a;
	struct job_file jobs;
	struct load *l;
	struct err e;
	if (!read_args(argc, argv, &a)) {
		fputs(usage, stderr);
		return 2;
	}
	const struct load_job *job = NULL;
	if (!job_file_read(argv[optind], &jobs, stderr) ||
	    !(job = job_file_find(&jobs, argv[optind + 1], stderr))) {
		job_file_fini(&jobs);
		return 2;
	}
	bool ok = load_create(job, &l, &e) == 0;
	if (ok) {
		ok = a.file ? write_file(&a, l) : send_all(&a, l);
		load_destroy(l);
	} else {
		fprintf(stderr, "loadgen: %s\n", e.text);
	}
	job_file_fini(&jobs);
	return ok ? 0 : 1;
}
