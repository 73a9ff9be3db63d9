/* config_read.h - the parts of reading a configuration, one for each section of the file.
 *
 * In:     the tree of the file.
 * Out:    struct config; messages in loader->r.errs.
 * Owns:   struct config_loader, for the time of one load.
 * Runs:   main.
 * Limits: see config.h.
 */
#ifndef SL_CTL_CONFIG_READ_H
#define SL_CTL_CONFIG_READ_H

#include "ctl/config.h"
#include "ctl/lookup.h"
#include "ctl/options.h"

struct config_loader {
	struct option_reader r;
	struct config *c;
	const struct yaml_val *root;
	const struct config_files *files;
	struct lookup sources, sinks;
	struct lookup origins; /* sources and ports of nodes */
	struct lookup formats; /* those of the file itself: the others are named by their file */
	/* grows while sources name format files; config_formats_finish lays it down in c */
	struct format_def *defs;
	size_t n_defs, cap_defs;
	struct format_file *format_files;
	size_t n_format_files;
};

/* Each returns 0, or -ENOMEM; what is wrong with the file is a message and no failure. */
int config_read_api(struct config_loader *l);
int config_read_capture(struct config_loader *l);
int config_read_formats(struct config_loader *l);
int config_read_sources(struct config_loader *l);
int config_read_dimensions(struct config_loader *l);
int config_read_pipeline(struct config_loader *l);
int config_read_sinks(struct config_loader *l);
int config_read_queues(struct config_loader *l);
int config_read_tests(struct config_loader *l);
int config_read_dead_letters(struct config_loader *l);

/* Adds a sink to stdout, its options not filled yet, and a queue that takes to it what nothing else
 * takes.
 */
int config_imply_queue(struct config *c);

/* config.origins of a configuration that has its sources, and no node yet. 0 or -ENOMEM. */
int config_source_origins(struct config *c, size_t n_ports);

/* Resolves a `from`: @names at @from. Gives indexes of origins, each once, and marks them as taken.
 */
int config_resolve_from(const struct config_loader *l, const struct yaml_val *from,
			const struct opt_strings *names, unsigned **ret_origins, size_t *ret_n);

struct format_file {
	const char *path;
	size_t first, n; /* in defs; n 0: the file was refused */
	struct format_file *next;
};

/* Adds the formats of a file to l->defs, once, and says which they are. NULL after a message. */
const struct format_file *config_format_file(struct config_loader *l, const struct yaml_val *at,
					     const char *name);
int config_formats_finish(struct config_loader *l);

/* Is @name made of letters, digits, "_" and "-", beginning with a letter? Else a message. */
bool config_check_name(const struct option_reader *r, const struct yaml_val *v, const char *name);

/* "no source is named x; expected one of ...; did you mean ...?" at @v, where the name stands. */
void config_unknown_name(const struct config_loader *l, const struct yaml_val *v, const char *what,
			 const struct lookup *known);

/* Does this option of a parser stand inside of match? */
bool config_is_match_name(const char *name);

/* The first item of a value that may be a list or just one. */
const struct yaml_val *config_first(const struct yaml_val *v);

/* Reads a parser's default ports: "udp:514 tcp:514,601". Returns 0, -EINVAL or -ENOMEM. */
int config_default_ports(struct memlist *mem, const char *text, struct opt_ports *ret_udp,
			 struct opt_ports *ret_tcp);

/* An empty configuration that is named @path; NULL when out of memory. */
struct config *config_new(const char *path);

/* Opens one regular file or pipe of at most YAML_BYTES_MAX bytes. */
extern const struct config_files config_disk;
/* Regular files alone, and never waits: for what is read while sluiced runs. */
extern const struct config_files config_regular;

#endif
