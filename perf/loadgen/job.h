/* job.h - a job file: what is to be sent, by name.
 *
 * In:     YAML: a map of names, each with the options of a load.
 * Out:    jobs in the order of the file; else lines FILE:LINE:COL.
 * Owns:   the jobs and their texts, until job_file_fini.
 * Runs:   main.
 * Limits: JOBS_MAX jobs a file.
 */
#ifndef SL_PERF_JOB_H
#define SL_PERF_JOB_H

#include <stdio.h>

#include "ctl/memlist.h"
#include "perf/loadgen/load.h"

#define JOBS_MAX 64

struct job_file {
	struct memlist mem;
	struct load_job jobs[JOBS_MAX];
	unsigned n;
};

/* False, with what is wrong on @out. */
bool job_file_read(const char *path, struct job_file *f, FILE *out);
void job_file_fini(struct job_file *f);

/* The job of that name, or NULL, with the names that there are on @out. */
const struct load_job *job_file_find(const struct job_file *f, const char *name, FILE *out);

#endif
