/* zero_loss.c - the highest rate of packets that the appliance takes without losing one, found by
 * bisection, as RFC 2544 (section 26.1) does; for each kind of traffic.
 *
 *     generator (a core of its own, on the clock) > ring > worker (a core) > null sink
 *
 * The ring is DPDK's net_ring, read as any other port is; it stands for the card's: what it has no
 * room for is lost. A trial has no loss when the ring refused nothing and was not filling, the
 * ledger balances without a loss, and every event that was sent came out of its source as a record
 * or a dead letter; without --config, out of the sink, too, in JSON. What a trial's end cuts, one
 * message a session at most, is none.
 *
 * In:     a job file; the names of jobs, else all of them.
 * Out:    a line a trial, then a line a job; with --json the same as lines of JSON.
 * Owns:   the appliance under test, in this process.
 * Runs:   main on the generator's core, which the sink shares.
 * Limits: one worker.
 */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/config.h"
#include "ctl/eal.h"
#include "ctl/topology.h"
#include "perf/bench.h"
#include "perf/loadgen/job.h"
#include "perf/loadgen/send.h"
#include "perf/loadgen/waits.h"

#define WARM_SECONDS 0.5
#define LOWEST       1000 /* of the rate at which it reads: where even this loses, it is given up */
#define RING_MAX     (1u << 20)
#define MBUFS_BESIDE 2048 /* what the worker, the generator and their caches have in hand */
#define RING_SHARE   8    /* a worker that keeps up leaves less than one in so many waiting */
#define RING_STEADY  128  /* packets: with fewer, a ring is as good as empty */
#define MESSAGE_HEAD 512  /* what is around the bytes of a message, or of a row, at most */

static const char usage[] =
	"zero_loss [options] JOBS.yaml [JOB...] - the highest rate without a loss, by bisection\n"
	"\n"
	"  --seconds S      a trial takes so long (default 5)\n"
	"  --resolution P   bisect down to P per cent of the rate (default 2)\n"
	"  --tries N        a rate passes when one of N trials has no loss (default 1, as RFC "
	"2544\n"
	"                   has it; more, where other work takes the cores away now and then)\n"
	"  --repeats N      a trial with a loss while a thread waited for its core for longer "
	"than\n"
	"                   the ring lasts is made again, N times at most (default 1)\n"
	"  --ring N         packets that the ring holds, a power of two (default 1024)\n"
	"  --config FILE    of the appliance, whose port is { device: net_ring_load }; what its "
	"pipeline\n"
	"                   filters is no loss, but each event must come out of a source "
	"(default:\n"
	"                   every event as JSON to a sink of type null)\n"
	"  --cores W,G      CPUs of the worker and of the generator (default 1,0)\n"
	"  --json           lines of JSON\n";

struct args {
	double seconds, resolution;
	unsigned tries, repeats, ring, cores[2];
	const char *config; /* NULL: read_config's own */
	bool json;
};

/* One trial. */
struct trial {
	const struct args *args;
	const struct load_job *job;
	struct load *load;
	struct topology *topology;
	struct sender *sender;
	double rate; /* 0: as fast as the worker reads; nothing is lost then */
	struct send_count warm, sent;
	struct waits waits;                /* while it was sent */
	uint64_t extracted, written, lost; /* extracted: records and dead letters of the sources */
	char lost_first[96];               /* stage, column and number of the first loss */
	bool balanced;
};

static void die(const char *what, const struct err *e)
{
	fprintf(stderr, "zero_loss: %s%s%s\n", what, e ? ": " : "", e ? e->text : "");
	exit(1);
}

static void pin(unsigned cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("there is no such CPU; see --cores", NULL);
}

/* The generator: memory and sessions are warmed up without a loss, then it goes by the clock. */
static void *generate(void *arg)
{
	struct trial *t = arg;
	load_restart(t->load);
	unsigned late_max = t->args->ring / 4;
	struct send_rate warm = {
		.seconds = WARM_SECONDS, .packets_s = t->rate, .late_max = late_max, .wait = true};
	sender_send(t->sender, t->load, &warm, &t->warm);
	struct send_rate rate = {.seconds = t->args->seconds,
				 .packets_s = t->rate,
				 .late_max = late_max,
				 .wait = t->rate <= 0};
	struct waits from;
	waits_read(&from);
	sender_send(t->sender, t->load, &rate, &t->sent);
	t->waits = waits_since(&from);
	topology_stop(t->topology);
	return NULL;
}

/* Rows of one event of the log; of the others a message is an event. */
static uint64_t events_of_message(const struct trial *t)
{
	return t->job->kind == LOAD_BINLOG ? (uint64_t)t->job->rows : 1;
}

/* The end of the trial, which closes no session: of each the last message may be cut. */
static bool is_of_the_end(const struct trial *t, const char *column, uint64_t n)
{
	uint64_t sessions = (uint64_t)t->job->sessions;
	uint64_t bytes = events_of_message(t) * ((uint64_t)t->job->bytes + MESSAGE_HEAD);
	return (strcmp(column, "incomplete") == 0 && n <= sessions * bytes) ||
	       (strcmp(column, "cut") == 0 && n <= sessions);
}

/* Losses of the ledger, and what came out. */
static void count_row(void *arg, const struct ledger_table *tab, const char *scope,
		      const uint64_t *cols)
{
	struct trial *t = arg;
	(void)scope;
	t->balanced &= ledger_imbalance(tab, cols) == 0;
	for (unsigned i = 0; i < tab->n_cols; i++) {
		bool loss = tab->cols[i].kind == LEDGER_LOSS || tab->cols[i].kind == LEDGER_MISSED;
		bool counts = loss && cols[i] && !is_of_the_end(t, tab->cols[i].name, cols[i]);
		if (counts && t->lost == 0)
			snprintf(t->lost_first, sizeof(t->lost_first), " (%s %s: %" PRIu64 " %s)",
				 tab->stage, tab->cols[i].name, cols[i], tab->unit);
		t->lost += counts ? cols[i] : 0;
		if (strcmp(tab->stage, "sink") == 0 && strcmp(tab->cols[i].name, "written") == 0)
			t->written += cols[i];
		if (strcmp(tab->stage, "extract") == 0 &&
		    (tab->cols[i].kind == LEDGER_OUT || tab->cols[i].kind == LEDGER_POLICY))
			t->extracted += cols[i];
	}
}

/* The appliance's, or one queue of the records as JSON. */
static struct config *read_config(const struct trial *t)
{
	struct err_list errs = {0};
	struct config *c;
	char text[512];
	snprintf(text, sizeof(text),
		 "capture: { ports: [{ device: " SEND_RING " }] }\nsources: { s: %s }\n"
		 "sinks: { out: { \"null\": {} } }\nqueues: { load/out: { from: s, sink: out } }\n",
		 load_source((enum load_kind)t->job->kind));
	int rc = t->args->config ? config_load(t->args->config, &c, &errs)
				 : config_parse("zero_loss", slice_str(text), NULL, &c, &errs);
	if (rc < 0) {
		err_list_print(&errs, stderr);
		exit(2);
	}
	err_list_fini(&errs);
	if (c->capture.n_ports != 1 || c->capture.ports[0].queues != 1 ||
	    strcmp(c->capture.ports[0].device, SEND_RING) != 0)
		die("--config: expected one port, { device: " SEND_RING " }", NULL);
	return c;
}

static void run_trial(struct trial *t)
{
	struct config *c = read_config(t);
	struct topology_input in = {.n_workers = 1};
	struct err e;
	uint16_t port;
	pthread_t thread;
	if (sender_ring(t->args->ring, &port, &e) < 0)
		die("the ring", &e);
	if (topology_build(c, &in, &t->topology, &e) < 0)
		die("the appliance", &e);
	if (sender_open(port, t->args->ring + MBUFS_BESIDE, load_bytes_max(t->load), &t->sender,
			&e) < 0)
		die("the generator", &e);
	if (pthread_create(&thread, NULL, generate, t) != 0)
		die("no thread for the generator", NULL);
	size_t len;
	char *said = NULL;
	FILE *out = open_memstream(&said, &len);
	if (topology_run(t->topology, false, out) < 0) {
		fflush(out);
		fputs(said, stderr);
	}
	fclose(out);
	free(said);
	pthread_join(thread, NULL);
	struct report *r = report_create();
	t->balanced = true;
	t->extracted = t->written = t->lost = 0;
	t->lost_first[0] = '\0';
	topology_report(t->topology, r);
	report_each(r, count_row, t);
	report_destroy(r);
	topology_destroy(t->topology);
	sender_close(t->sender);
	sender_ring_free();
	config_free(c);
}

static uint64_t events_of(const struct trial *t)
{
	return t->warm.events + t->sent.events;
}

/* @n is as many as were sent; of a stream the end may cut the last message of each session. */
static bool is_every_event(const struct trial *t, uint64_t n)
{
	uint64_t cut = events_of_message(t) * (uint64_t)t->job->sessions;
	if (t->job->kind == LOAD_SYSLOG_UDP)
		cut = 0;
	return n + cut >= events_of(t) && n <= events_of(t) + cut;
}

static bool all_came_out(const struct trial *t)
{
	return is_every_event(t, t->extracted) &&
	       (t->args->config || is_every_event(t, t->written));
}

/* A worker that keeps up comes to the bottom of the ring again and again: in the last quarter too
 * much of it was never read, or each quarter left more than the one before. A large ring would
 * hide for the time of a trial that the rate is too high.
 */
static bool was_filling(const struct trial *t)
{
	const unsigned *least = t->sent.waiting_least;
	unsigned last = least[SEND_QUARTERS - 1];
	bool grew = last >= RING_STEADY;
	for (unsigned i = 1; i < SEND_QUARTERS; i++)
		grew &= least[i] > least[i - 1];
	return t->rate > 0 && (grew || last > t->args->ring / RING_SHARE);
}

static bool was_offered(const struct trial *t)
{
	return (double)t->sent.late <= 0.01 * t->args->seconds * t->rate;
}

static bool is_whole(const struct trial *t)
{
	return t->balanced && t->lost == 0 && t->sent.refused == 0 && was_offered(t) &&
	       !was_filling(t) && all_came_out(t);
}

static double offered_pps(const struct trial *t)
{
	return (double)(t->sent.packets + t->sent.refused) / t->sent.seconds;
}

/* What was in the ring when it began was not sent, what was at the end was not read. */
static double read_pps(const struct trial *t)
{
	double n = (double)t->sent.packets + t->sent.waiting_first - t->sent.waiting_last;
	return n / t->sent.seconds;
}

/* How long the ring takes what comes while nobody reads it; 0: for ever. */
static double ring_lasts_ms(const struct trial *t)
{
	return t->rate > 0 ? 1000.0 * t->args->ring / t->rate : 0;
}

static bool exceeds_ring(const struct trial *t, uint64_t ns)
{
	return t->rate > 0 && (double)ns / 1e6 > ring_lasts_ms(t);
}

/* Why a trial failed, as far as it is seen from here; @text is room for it. */
static const char *why(const struct trial *t, char text[128])
{
	if (!was_offered(t))
		return "the generator could not offer what was asked";
	if (t->sent.refused && exceeds_ring(t, t->waits.worker_ns))
		return "the worker waited for its core for longer than the ring lasts";
	if (t->sent.refused && exceeds_ring(t, t->waits.stolen_ns))
		return "the host took cores away for longer than the ring lasts";
	if (t->sent.refused)
		return "the worker had its core and read too slowly";
	if (t->lost && exceeds_ring(t, t->waits.sink_ns))
		return "the sink waited for its core for longer than the ring lasts";
	if (was_filling(t))
		snprintf(text, 128, "the ring was filling: %u of %u packets waiting at the end",
			 t->sent.waiting_last, t->args->ring);
	else if (t->lost == 0)
		snprintf(text, 128,
			 "unknown: of %" PRIu64 " events %" PRIu64 " came out of the sources%s",
			 events_of(t), t->extracted, t->args->config ? "" : ", or not all written");
	else
		snprintf(text, 128, "unknown: neither a full ring nor a thread without its core");
	return text;
}

/* The rate is not what the loss came of: other work on the cores is. */
static bool is_disturbed(const struct trial *t)
{
	return exceeds_ring(t, t->waits.worker_ns) || exceeds_ring(t, t->waits.stolen_ns) ||
	       exceeds_ring(t, t->waits.sink_ns) || exceeds_ring(t, t->waits.generator_ns);
}

static void print_why(const struct trial *t, bool whole)
{
	char text[128];
	const char *reason = whole ? "" : why(t, text);
	double worker = (double)t->waits.worker_ns / 1e6, sink = (double)t->waits.sink_ns / 1e6;
	double own = (double)t->waits.generator_ns / 1e6, host = (double)t->waits.stolen_ns / 1e6;
	if (t->args->json)
		printf("\"waited_ms\":{\"worker\":%.1f,\"sink\":%.1f,\"generator\":%.1f,"
		       "\"stolen\":%.0f},\"why\":\"%s\"}\n",
		       worker, sink, own, host, reason);
	else if (!whole)
		printf("    %s. Of %.0f ms without a core: worker %.1f, sink %.1f, generator %.1f; "
		       "taken by the host %.0f. The ring lasts %.2f ms\n",
		       reason, 1000 * t->sent.seconds, worker, sink, own, host, ring_lasts_ms(t));
}

static void print_trial(const struct trial *t, bool whole)
{
	double s = t->sent.seconds;
	if (!t->balanced)
		die("the ledger does not balance", NULL);
	printf(t->args->json
		       ? "{\"job\":\"%s\",\"asked_pps\":%.0f,\"offered_pps\":%.0f,\"events_s\":%."
			 "0f,"
			 "\"gbit_s\":%.2f,\"refused\":%" PRIu64 ",\"late\":%" PRIu64
			 ",\"lost\":%" PRIu64 ",\"lost_first\":\"%s\",\"pass\":%s,"
		       : "  %s: asked %.0f packets/s, offered %.0f: %.0f events/s, %.2f Gbit/s; "
			 "refused %" PRIu64 ", late %" PRIu64 ", lost inside %" PRIu64
			 "%s, without a loss: %s\n",
	       t->job->name, t->rate, offered_pps(t), (double)t->sent.events / s,
	       (double)t->sent.bytes * 8 / s / 1e9, t->sent.refused, t->sent.late, t->lost,
	       t->lost_first, whole ? "true" : "false");
	print_why(t, whole);
	fflush(stdout);
}

/* Also false when the generator could not offer what was asked: then nothing is known of it. */
static bool passes(struct trial *t, double rate)
{
	unsigned tries = t->args->tries, repeats = t->args->repeats;
	while (tries) {
		t->rate = rate;
		run_trial(t);
		bool whole = is_whole(t);
		print_trial(t, whole);
		if (whole)
			return true;
		if (repeats && is_disturbed(t))
			repeats--;
		else
			tries--;
	}
	return false;
}

static bool search(const struct args *a, const struct load_job *job)
{
	struct trial t = {.args = a, .job = job}, best = {0};
	struct err e;
	if (load_create(job, &t.load, &e) < 0)
		die("load", &e);
	/* As fast as the worker reads: no rate above it can be without a loss. */
	run_trial(&t);
	print_trial(&t, is_whole(&t));
	double top = read_pps(&t), low = 0, high = top;
	double per_packet = t.sent.packets ? (double)t.sent.events / (double)t.sent.packets : 0;
	while (high - low > a->resolution / 100 * high && high > top / LOWEST) {
		double rate = (low + high) / 2;
		if (passes(&t, rate)) {
			low = rate;
			best = t;
		} else {
			high = rate;
		}
	}
	load_destroy(t.load);
	double s = low > 0 ? best.sent.seconds : 1;
	printf(a->json ? "{\"job\":\"%s\",\"top_pps\":%.0f,\"top_events_s\":%.0f,"
			 "\"zero_loss_pps\":%.0f,"
			 "\"zero_loss_events_s\":%.0f,\"zero_loss_gbit_s\":%.2f}\n"
		       : "%s: reads at most %.0f packets/s, %.0f events/s; without a loss %.0f "
			 "packets/s, %.0f events/s, %.2f Gbit/s\n",
	       job->name, top, top * per_packet, low > 0 ? offered_pps(&best) : 0,
	       (double)best.sent.events / s, (double)best.sent.bytes * 8 / s / 1e9);
	fflush(stdout);
	return low > 0;
}

static bool read_args(int argc, char **argv, struct args *a)
{
	static const struct option opts[] = {
		{"seconds", 1, NULL, 's'}, {"resolution", 1, NULL, 'r'},
		{"tries", 1, NULL, 't'},   {"repeats", 1, NULL, 'p'},
		{"ring", 1, NULL, 'n'},    {"config", 1, NULL, 'f'},
		{"cores", 1, NULL, 'c'},   {"json", 0, NULL, 'j'},
		{"help", 0, NULL, 'h'},    {0}};
	*a = (struct args){.seconds = 5,
			   .resolution = 2,
			   .tries = 1,
			   .repeats = 1,
			   .ring = 1024,
			   .cores = {1, 0}};
	for (int c; (c = getopt_long(argc, argv, "", opts, NULL)) != -1;) {
		switch (c) {
		case 's':
			a->seconds = strtod(optarg, NULL);
			break;
		case 'r':
			a->resolution = strtod(optarg, NULL);
			break;
		case 't':
			a->tries = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'p':
			a->repeats = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'f':
			a->config = optarg;
			break;
		case 'n':
			a->ring = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'c':
			if (sscanf(optarg, "%u,%u", &a->cores[0], &a->cores[1]) != 2)
				return false;
			break;
		case 'j':
			a->json = true;
			break;
		default:
			fputs(usage, c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : 2);
		}
	}
	return argc > optind && a->seconds > 0 && a->resolution > 0 && a->tries > 0 &&
	       a->ring >= 64 && a->ring <= RING_MAX;
}

int main(int argc, char **argv)
{
	struct args a;
	struct job_file jobs;
	struct eal_conf eal = {.n_workers = 1};
	struct err e;
	const char *note;
	bool ok = true;
	if (!read_args(argc, argv, &a)) {
		fputs(usage, stderr);
		return 2;
	}
	if (!job_file_read(argv[optind], &jobs, stderr))
		return 2;
	for (int i = optind + 1; i < argc; i++)
		if (!job_file_find(&jobs, argv[i], stderr))
			return 2;
	/* Workers stay where EAL is started; this thread, and those that it makes, go elsewhere. */
	pin(a.cores[0]);
	if (eal_start(&eal, &note, &e) < 0)
		die("", &e);
	pin(a.cores[1]);
	if (note)
		fprintf(stderr, "zero_loss: %s\n", note);
	for (unsigned j = 0; j < jobs.n && optind + 1 == argc; j++)
		ok &= search(&a, &jobs.jobs[j]);
	for (int i = optind + 1; i < argc; i++)
		ok &= search(&a, job_file_find(&jobs, argv[i], stderr));
	job_file_fini(&jobs);
	eal_stop();
	return ok ? 0 : 1;
}
