/* The ports of a topology, and the rights of the process that only they need:
 *
 *     open      root, or the capabilities that it was started with
 *     become    run_as; of its capabilities those that a start needs stay, in main alone
 *     start     ... the rest of the topology is built in between, as run_as
 *     shed      no capability in any thread
 *
 * A port that loses its link keeps its socket or its device, and is read again without any of
 * these.
 *
 * Here it is decided, too, which worker reads which queue, and whether sessions are shared out in
 * software.
 */
#include <stdio.h>
#include <unistd.h>

#include "ctl/eal.h"
#include "ctl/privilege.h"
#include "ctl/say.h"
#include "ctl/topology_parts.h"
#include "dataplane/base/mem.h"
#include "dataplane/capture/device.h"

#define LINKS_EVERY_MS 1000

static int open_port(struct topology *t, unsigned i, struct err *e)
{
	const struct capture_port_conf *c = &t->conf->capture.ports[i];
	struct port_conf pc = {.device = c->device, .n_queues = (unsigned)c->queues};
	int rc = port_open(&pc, i, &t->ports[i], e);
	for (unsigned q = 0; rc == 0 && q < pc.n_queues; q++) {
		struct topology_queue *rx = &t->rx[t->n_rx];
		*rx = (struct topology_queue){.port = i, .queue = q};
		rc = port_queue(t->ports[i], q, &rx->c, e);
		t->n_rx += rc == 0;
	}
	return rc;
}

int topology_open_ports(struct topology *t, struct err *e)
{
	struct privilege_user user;
	int rc = privilege_find(t->conf->run_as, &user, e);
	if (rc < 0)
		return rc;
	t->ports = mem_alloc((t->conf->capture.n_ports + 1) * sizeof(*t->ports));
	t->links = mem_alloc((t->conf->capture.n_ports + 1) * sizeof(*t->links));
	t->rx = mem_alloc((config_run_queues(t->conf) + 1) * sizeof(*t->rx));
	if (!t->ports || !t->links || !t->rx)
		return err_set(e, -ENOMEM, "no memory for ports");
	for (unsigned i = 0; rc == 0 && i < t->conf->capture.n_ports; i++)
		rc = open_port(t, i, e);
	return rc < 0 ? rc : privilege_become(&user, e);
}

/* Lists of ports whose sessions belong together. Returns how many. */
static unsigned find_together(const struct topology *t, const struct opt_ports **out)
{
	unsigned n = 0;
	for (size_t i = 0; i < t->conf->n_sources && n < DECODE_TOGETHER_MAX; i++) {
		const struct frame_source *s = &t->pipeline->frame_sources[i];
		if (s->parser->together)
			out[n++] = &s->tcp;
	}
	return n;
}

/* NULL: the ports give each worker whole sessions. Else why they do not. */
static const char *why_rehash(const struct topology *t, char *text, size_t cap)
{
	const struct capture_conf *c = &t->conf->capture;
	const struct opt_ports *together[DECODE_TOGETHER_MAX];
	if (c->rehash == CAPTURE_REHASH_OFF || (t->n_workers == 1 && t->n_rx == 1))
		return NULL;
	if (c->rehash == CAPTURE_REHASH_ON)
		return "as it was asked for";
	if (t->n_workers != t->n_rx) {
		snprintf(text, cap, "%u worker%s, %u queue%s", t->n_workers,
			 t->n_workers == 1 ? "" : "s", t->n_rx, t->n_rx == 1 ? "" : "s");
		return text;
	}
	if (c->n_ports > 1)
		return "a session may come by two ports";
	if (find_together(t, together))
		return "sessions of one database server belong together";
	return port_splits(t->ports[0], t->conf->decode.tunnel_depth_max > 0);
}

static int build_rehash(struct topology *t, struct err *e)
{
	const struct opt_ports *together[DECODE_TOGETHER_MAX];
	struct rehash_conf rc = {.n_workers = t->n_workers,
				 .n_sources = t->n_rx,
				 .bytes_max = t->conf->capture.rehash_bytes,
				 .decode = &t->conf->decode,
				 .together = together,
				 .n_together = find_together(t, together),
				 .stop = &t->stop};
	int err = rehash_create(&rc, &t->rehash, e);
	for (unsigned q = 0; err == 0 && q < t->n_rx; q++) {
		t->rx[q].worker = q % t->n_workers;
		t->rx[q].moved = true;
		rehash_add(t->rehash, q, t->rx[q].c, t->rx[q].worker);
	}
	return err;
}

static int build_workers(struct topology *t, struct err *e)
{
	char text[128];
	const char *why = why_rehash(t, text, sizeof(text));
	int rc = why ? build_rehash(t, e) : 0;
	if (rc == 0 && why)
		say(SAY_NOTICE, "sessions are shared out to %u worker%s in software: %s",
		    t->n_workers, t->n_workers == 1 ? "" : "s", why);
	for (unsigned w = 0; rc == 0 && w < t->n_workers; w++) {
		struct capture *source = t->rehash ? rehash_capture(t->rehash, w) : t->rx[w].c;
		if (!t->rehash) {
			t->rx[w].worker = w;
			t->rx[w].moved = true;
		}
		cores_memory_near(t->cores ? t->cores->node_of_worker[w] : -1);
		rc = topology_build_worker(t, w, source, true, e);
	}
	cores_memory_near(-1);
	return rc;
}

static void shed(void)
{
	struct err e;
	privilege_shed();
	if (eal_each_thread(privilege_shed) < 0)
		say(SAY_WARNING, "a thread of DPDK's does not answer");
	if (geteuid() == 0)
		say(SAY_NOTICE, "runs as root; with run_as it would give that up now");
	else if (privilege_check(&e) < 0)
		say(SAY_WARNING, "%s", e.text);
}

int topology_start_ports(struct topology *t, struct err *e)
{
	int rc = build_workers(t, e);
	for (unsigned i = 0; rc == 0 && i < t->conf->capture.n_ports; i++)
		rc = port_start(t->ports[i], e);
	if (rc == 0)
		shed();
	return rc;
}

void topology_close_ports(struct topology *t)
{
	for (unsigned q = 0; q < t->n_rx; q++)
		if (!t->rx[q].moved)
			capture_close(t->rx[q].c);
	rehash_destroy(t->rehash);
	for (unsigned i = 0; t->ports && i < t->conf->capture.n_ports; i++)
		port_close(t->ports[i]);
	mem_free(t->rx);
	mem_free(t->links);
	mem_free(t->ports);
}

void topology_describe(const struct topology *t)
{
	for (unsigned i = 0; t->ports && i < t->conf->capture.n_ports; i++) {
		char line[512];
		port_describe(t->ports[i], line, sizeof(line));
		say(SAY_INFO, "%s", line);
	}
	if (t->ports && t->cores && t->cores->pinned) {
		char text[1024];
		cores_describe(t->cores, t->n_workers, text, sizeof(text));
		say(SAY_INFO, "%s", text);
	}
}

/* ---- what commands ask ---- */

static uint64_t load(const _Atomic uint64_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

static void set_count(json_t *row, const char *key, uint64_t n)
{
	json_object_set_new(row, key, json_integer((json_int_t)n));
}

/* "0.0 1.0": the port and the queue of each that worker @w reads. */
static uint64_t reads_of(const struct topology *t, unsigned w, char *text, size_t cap)
{
	uint64_t missed = 0;
	size_t len = 0;
	*text = '\0';
	for (unsigned q = 0; q < t->n_rx; q++) {
		const struct topology_queue *rx = &t->rx[q];
		if (rx->worker != w)
			continue;
		missed += load(&rx->c->stats.missed);
		if (len < cap)
			len += (size_t)snprintf(text + len, cap - len, "%s%u.%u", len ? " " : "",
						rx->port, rx->queue);
	}
	if (len == 0 && t->rehash)
		snprintf(text, cap, "rings");
	return missed;
}

void topology_list_workers(void *arg, json_t *rows)
{
	const struct topology *t = arg;
	for (unsigned i = 0; i < t->n_workers; i++) {
		const struct capture_stats *st = worker_capture_stats(t->workers[i]);
		char reads[256];
		uint64_t missed = reads_of(t, i, reads, sizeof(reads));
		int core = t->ports && t->cores ? t->cores->of_worker[i] : -1;
		int node = t->ports && t->cores ? t->cores->node_of_worker[i] : -1;
		json_t *row = json_pack("{s:i,s:i,s:i,s:s}", "worker", (int)i, "core", core, "node",
					node, "reads", reads);
		set_count(row, "packets", load(&st->packets));
		set_count(row, "bytes", load(&st->bytes));
		set_count(row, "polls", load(&st->polls));
		set_count(row, "empty_polls", load(&st->empty_polls));
		set_count(row, "waits", load(&st->waits));
		set_count(row, "missed", missed);
		json_array_append_new(rows, row);
	}
}

static void explain_link(const char *device, enum link_state link, struct err *ret_why)
{
	char iface[64];
	bool has_iface = device_arg(device, "iface", iface, sizeof(iface));
	link_explain(link, has_iface ? iface : NULL, ret_why);
}

void topology_watch_links(struct topology *t)
{
	bool now = t->links_ms == 0; /* at the start, too */
	t->links_ms = t->links_ms + t->step_ms < LINKS_EVERY_MS ? t->links_ms + t->step_ms : 0;
	for (unsigned p = 0; now && t->ports && p < t->conf->capture.n_ports; p++) {
		const char *device = t->conf->capture.ports[p].device;
		enum link_state link = port_link(t->ports[p]);
		struct err why;
		if (atomic_exchange(&t->links[p], link) == link)
			continue;
		explain_link(device, link, &why);
		if (link == LINK_UP)
			say(SAY_NOTICE, "port %s: its link is up", device);
		else
			say(SAY_WARNING, "port %s: %s", device, why.text);
	}
}

void topology_list_ports(void *arg, json_t *rows)
{
	const struct topology *t = arg;
	for (unsigned p = 0; t->ports && p < t->conf->capture.n_ports; p++) {
		const struct capture_port_conf *pc = &t->conf->capture.ports[p];
		struct err why;
		enum link_state link = (enum link_state)atomic_load(&t->links[p]);
		explain_link(pc->device, link, &why);
		json_t *row = json_pack("{s:i,s:s,s:I,s:s,s:s}", "port", (int)p, "device",
					pc->device, "queues", (json_int_t)pc->queues, "link",
					link_state_names[link], "trouble", why.text);
		uint64_t packets = 0, missed = 0, no_buffer = 0, bad_frames = 0;
		for (unsigned q = 0; q < t->n_rx; q++) {
			const struct capture_stats *st = &t->rx[q].c->stats;
			if (t->rx[q].port != p)
				continue;
			packets += load(&st->packets);
			missed += load(&st->missed);
			no_buffer += load(&st->no_buffer);
			bad_frames += load(&st->bad_frames);
		}
		set_count(row, "packets", packets);
		set_count(row, "missed", missed);
		set_count(row, "no_buffer", no_buffer);
		set_count(row, "bad_frames", bad_frames);
		json_array_append_new(rows, row);
	}
}
