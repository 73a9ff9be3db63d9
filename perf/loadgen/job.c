#include "perf/loadgen/job.h"

#include <errno.h>
#include <string.h>

#include "ctl/options.h"
#include "dataplane/base/mem.h"

#define FILE_MAX (1u << 20)

static const struct opt job_opts[] = {
	{.name = "kind",
	 .type = OPT_ENUM,
	 .off = offsetof(struct load_job, kind),
	 .choices = load_kinds,
	 .required = true,
	 .def = "syslog_udp",
	 .help = "What the packets carry."},
	{.name = "bytes",
	 .type = OPT_INT,
	 .off = offsetof(struct load_job, bytes),
	 .min = 1,
	 .max = 8192,
	 .def = "200",
	 .help = "Of a message: a line, a body, the longest text of a row (at most 2,000). What a "
		 "kind needs at least, it takes."},
	{.name = "messages",
	 .type = OPT_INT,
	 .off = offsetof(struct load_job, messages),
	 .min = 1,
	 .max = 1000000,
	 .def = "4096",
	 .help = "That differ; then they come again."},
	{.name = "sessions",
	 .type = OPT_INT,
	 .off = offsetof(struct load_job, sessions),
	 .min = 1,
	 .max = 1000000,
	 .def = "64",
	 .help = "Senders, connections or replicas; their packets come in turns."},
	{.name = "segment",
	 .type = OPT_INT,
	 .off = offsetof(struct load_job, segment),
	 .min = 64,
	 .max = LOAD_SEGMENT_MAX,
	 .def = "1448",
	 .help = "Payload of a TCP packet at most."},
	{.name = "rows",
	 .type = OPT_INT,
	 .off = offsetof(struct load_job, rows),
	 .min = 1,
	 .max = 100,
	 .def = "10",
	 .help = "Of one event of a binary log."},
	OPT_END,
};

static void read_jobs(const struct option_reader *r, const struct yaml_val *root,
		      struct job_file *f)
{
	if (!options_is_map(r, root))
		return;
	for (const struct yaml_val *v = root->first; v; v = v->next) {
		struct load_job *job = &f->jobs[f->n];
		struct options_part part = {job_opts, job};
		struct options_shape shape = {.parts = &part, .n_parts = 1};
		if (f->n == JOBS_MAX) {
			option_key_err(r, v, "one job too many; expected at most %d", JOBS_MAX);
			return;
		}
		f->n++;
		job->name = v->key;
		if (!options_is_map(r, v) || !options_read(r, &shape, v))
			continue;
		if (job->kind == LOAD_BINLOG && job->bytes > 2000)
			option_err(r, yaml_val_get(v, "bytes"),
				   "%d; expected at most 2000, as the column is a VARCHAR(2000)",
				   (int)job->bytes);
	}
	if (f->n == 0)
		option_err(r, root,
			   "no job; expected at least one, such as "
			   "lines: { kind: syslog_udp }");
}

bool job_file_read(const char *path, struct job_file *f, FILE *out)
{
	*f = (struct job_file){0};
	struct err_list errs = {0};
	struct option_reader r = {.mem = &f->mem, .errs = &errs, .file = path, .dir = ""};
	FILE *in = fopen(path, "rb");
	char *text = in ? memlist_alloc(&f->mem, FILE_MAX) : NULL;
	if (!text) {
		fprintf(out, "%s: %s\n", path, strerror(errno));
		if (in)
			fclose(in);
		return false;
	}
	struct yaml_val *root;
	size_t len = fread(text, 1, FILE_MAX, in);
	fclose(in);
	if (yaml_tree_read(slice_of(text, len), path, &f->mem, &errs, &root) == 0)
		read_jobs(&r, root, f);
	bool ok = errs.n_errors == 0;
	if (!ok)
		err_list_print(&errs, out);
	err_list_fini(&errs);
	return ok;
}

void job_file_fini(struct job_file *f)
{
	memlist_fini(&f->mem);
}

const struct load_job *job_file_find(const struct job_file *f, const char *name, FILE *out)
{
	for (unsigned i = 0; i < f->n; i++)
		if (strcmp(f->jobs[i].name, name) == 0)
			return &f->jobs[i];
	fprintf(out, "no job %s; there are:", name);
	for (unsigned i = 0; i < f->n; i++)
		fprintf(out, " %s", f->jobs[i].name);
	fprintf(out, "\n");
	return NULL;
}
