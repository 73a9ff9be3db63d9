/* config.h - a configuration file, checked and resolved: what the topology is built from.
 *
 * In:     conf/sluice.yaml (grammar: docs/configuration.md), the format files that it names.
 * Out:    struct config; or everything that is wrong, with file, line, column and key.
 * Owns:   all memory of a configuration, until config_free; names and texts are borrowed from it.
 * Runs:   main.
 * Limits: the CONFIG_*_MAX below; YAML's own limits per file.
 *
 * Loading is all or nothing: a file with one error gives no configuration.
 */
#ifndef SL_CTL_CONFIG_H
#define SL_CTL_CONFIG_H

#include "ctl/errlist.h"
#include "ctl/memlist.h"
#include "dataplane/capture/decode.h"
#include "dataplane/dim/dim.h"
#include "dataplane/extract/format.h"
#include "dataplane/flow/flow.h"
#include "dataplane/flush.h"
#include "dataplane/frame/frame.h"
#include "dataplane/graph/op.h"
#include "dataplane/sink/dead_letter_sink.h"
#include "dataplane/sink/encode.h"
#include "dataplane/sink/sink.h"
#include "dataplane/sink/spool.h"

#define CONFIG_SOURCES_MAX    16384 /* sources and sinks; frame counts them in 16 bits */
#define CONFIG_QUEUES_MAX     16384
#define CONFIG_NODES_MAX      4096
#define CONFIG_DIMENSIONS_MAX 1024
#define CONFIG_ORIGINS_MAX                                                                       \
	65535                   /* sources, and ports of nodes: the graph counts them in 16 bits \
				 */
#define CONFIG_FILES_MAX   1024 /* format files */
#define CONFIG_WORKERS_MAX 64

/* How a running sluiced is asked; api.h says who may. */
struct api_conf {
	const char *socket; /* path; "none" or NULL: no socket */
	const char *group, *admin_group;
	const char *listen; /* address:port; NULL: no TCP */
	const char *token;
	const char *cert, *key; /* PEM files; NULL: plain HTTP, on loopback only */
	int64_t metrics_scopes; /* of one metric; more are told as one */
};

/* What is told while it runs: say.h. */
struct log_conf {
	int level; /* index of say_levels */
	int form;  /* enum say_form */
};

struct capture_port_conf {
	const char *device; /* a PCI address, or a virtual device: net_af_packet0,iface=eth1 */
	int64_t queues;
	struct err_place at;
};

struct capture_conf {
	struct capture_port_conf *ports;
	size_t n_ports; /* 0: this configuration can replay, not run */
	struct opt_strings eal;
	int64_t workers; /* of a run; 0: one for each queue */
	int rehash;
	uint64_t rehash_bytes;
	const char *cores; /* as cores.h has it */
	uint64_t idle_max_ns;
};

enum capture_rehash { CAPTURE_REHASH_AUTO, CAPTURE_REHASH_ON, CAPTURE_REHASH_OFF };

enum source_shed {
	SOURCE_SHED_AUTO,
	SOURCE_SHED_NEVER,
	SOURCE_SHED_LATE,
	SOURCE_SHED_NORMAL,
	SOURCE_SHED_EARLY
};

struct source_conf {
	const char *name;
	const struct parser *parser;
	void *conf; /* parser->conf_size bytes, filled by parser->opts */
	struct opt_ports udp, tcp;
	bool probe;
	bool port_decides; /* as in struct frame_source */
	const char *field; /* what formats read; NULL: `message` or the body */
	unsigned *formats; /* indexes in config.formats, in the order of trial */
	size_t n_formats;
	struct opt_map rules;
	bool keep_message;
	int shed; /* enum source_shed */
	int64_t shed_keep;
	struct err_place at; /* of the name */
	/* as written, resolved into the members above */
	const char *parser_name;
	struct opt_strings format_names;
};

struct sink_conf {
	const char *name;
	const struct sink_ops *ops;
	void *conf; /* ops->conf_size bytes, filled by ops->opts */
	struct err_place at;
};

struct dimension_conf {
	struct dim_spec spec;
	struct opt_map fields;
	int64_t keys_max;
	struct err_place at;
};

/* Where a value of a node stands. */
struct node_key {
	const char *key;
	struct err_place at;
	bool one_line; /* what stands at an offset in the value stands so far behind `at` */
};

struct node_conf {
	const char *name;
	const struct op *op;
	void *conf;        /* op->conf_size bytes, filled by op->opts */
	unsigned *origins; /* what it takes from: indexes in config.origins */
	size_t n_origins;
	unsigned first_origin, n_ports; /* its own ones */
	struct node_key *keys;
	size_t n_keys;
	struct err_place at;
	/* as written */
	const char *op_name;
	struct opt_strings from;
};

/* What `from` can name: a source, or a port of a node. */
struct origin_conf {
	const char *name;
	int node;          /* index in config.nodes; -1: a source, of the same index as this */
	const void *taker; /* the last list that names it, of a node or a queue; NULL: none */
};

enum queue_spool { QUEUE_SPOOL_AUTO, QUEUE_SPOOL_OFF, QUEUE_SPOOL_OVERFLOW, QUEUE_SPOOL_ALWAYS };
enum queue_switch { QUEUE_SWITCH_HEALTH, QUEUE_SWITCH_MANUAL };

#define CONFIG_NO_SINK UINT32_MAX

struct queue_conf {
	const char *name;  /* project/name */
	unsigned *origins; /* indexes in config.origins */
	size_t n_origins;
	unsigned sink;             /* index in config.sinks */
	int format;                /* index in encoders */
	int compatibility;         /* enum compatibility: queue_schema.h */
	struct opt_strings fields; /* what is written; none: all */
	bool ddl;                  /* changes of tables, too, of a format that is for rows */
	struct err_place at;
	/* as written */
	struct opt_strings from;
	const char *sink_name;
	/* of a sink that has topics */
	const char *topic; /* where nothing is written: the name with "." for "/" */
	const char *key;   /* NULL: none */
	int64_t partitions, pack;
	bool headers;
	struct opt_map properties;
	int64_t hops_max;
	/* delivery */
	int spool;       /* enum queue_spool */
	unsigned backup; /* index in config.sinks; CONFIG_NO_SINK */
	const char *backup_name;
	int switched; /* enum queue_switch */
	uint64_t switch_after_ns, return_after_ns;
};

enum test_transport { TEST_AUTO, TEST_UDP, TEST_TCP };

struct test_expect {
	const char *json; /* one object: a part of the record at this index */
	struct err_place at;
};

struct test_conf {
	unsigned source; /* index in config.sources */
	int origin;      /* where records are looked at: index in config.origins; -1: all sources */
	const char *input; /* one datagram, or the bytes of one stream */
	int transport;     /* TEST_UDP or TEST_TCP once loaded */
	int64_t time_ns;   /* packet time */
	struct test_expect *expect;
	size_t n_expect; /* as many records must come out */
	struct err_place at;
	/* as written */
	const char *source_name, *node, *time;
};

struct config {
	const char *path;             /* of the file; "default" for config_default */
	const struct config *started; /* what the process was started with; NULL: this */
	const char *dir;              /* of the file; "" is the working directory */
	int64_t workers;
	const char *schema_dir; /* NULL: schemas are not kept */
	const char *run_as;     /* USER or USER:GROUP; NULL: as it was started */
	struct api_conf api;
	struct log_conf log;
	struct capture_conf capture;
	struct decode_conf decode;
	struct flow_conf flow;
	struct frame_conf frame;
	struct flush_conf flush;
	struct opt_strings patterns; /* paths of grok libraries */
	struct format_def *formats;
	size_t n_formats;
	struct source_conf *sources;
	size_t n_sources;
	struct dimension_conf *dimensions;
	size_t n_dimensions;
	struct node_conf *nodes; /* in file order */
	size_t n_nodes;
	unsigned *node_order; /* each behind those that it takes from */
	struct origin_conf *origins;
	size_t n_origins;
	struct sink_conf *sinks;
	size_t n_sinks;
	bool has_spool;
	struct spool_conf spool; /* of all queues that have one */
	struct queue_conf *queues;
	size_t n_queues;
	struct dead_letter_conf dead_letters;
	bool queues_implied; /* the file names no queue: what no node takes goes to stdout */
	struct test_conf *tests;
	size_t n_tests;
	struct memlist mem; /* where all of this lies */
};

/* Reads @path and the files it names. Returns 0; -EINVAL when @errs tells what is wrong; -ENOMEM.
 * @errs may hold warnings also after success. @errs outlives the configuration or not: its texts
 * are its own.
 */
int config_load(const char *path, struct config **ret_c, struct err_list *errs);
/* The same while sluiced runs: regular files alone, since a pipe could keep it for ever. */
int config_load_beside(const char *path, struct config **ret_c, struct err_list *errs);

/* Where the bytes of a file come from: the disk, or a test. Gives memory of malloc. */
struct config_files {
	/* 0, or -errno with a text. */
	int (*read)(void *arg, const char *path, uint8_t **ret_bytes, size_t *ret_len,
		    struct err *e);
	void *arg;
};

/* The same for text in memory; @path gives the name in messages and the folder of relative paths.
 */
int config_parse(const char *path, struct slice text, const struct config_files *files,
		 struct config **ret_c, struct err_list *errs);

/* What `replay` uses without a file: each parser a source of its own name, on its default ports and
 * by probe on all others; one queue to stdout.
 */
int config_default(struct config **ret_c, struct err_list *errs);

void config_free(struct config *c); /* accepts NULL */

/* The whole configuration as a file that loads to the same: every option, defaults included, format
 * files taken in, secrets left out.
 */
void config_print_effective(const struct config *c, FILE *out);

/* Of a run: the receive queues of all ports, and who takes the sessions that come by them. */
unsigned config_run_queues(const struct config *c);
unsigned config_run_workers(const struct config *c);

/* The tables of the keys that belong to no stage; the offsets are into the structs above. */
extern const struct opt config_top_opts[];       /* struct config */
extern const struct opt config_api_opts[];       /* struct api_conf */
extern const struct opt config_log_opts[];       /* struct log_conf */
extern const struct opt config_capture_opts[];   /* struct capture_conf */
extern const struct opt config_port_opts[];      /* struct capture_port_conf */
extern const struct opt config_source_opts[];    /* struct source_conf */
extern const struct opt config_match_opts[];     /* struct source_conf: keys inside of match */
extern const struct opt config_format_opts[];    /* struct format_def */
extern const struct opt config_kv_opts[];        /* struct format_def: keys inside of kv */
extern const struct opt config_csv_opts[];       /* struct format_def: keys inside of csv, tsv */
extern const struct opt config_dimension_opts[]; /* struct dimension_conf */
extern const struct opt config_node_opts[];      /* struct node_conf */
extern const struct opt config_queue_opts[];     /* struct queue_conf */
extern const struct opt config_test_opts[];      /* struct test_conf */

/* Options of a parser that stand inside of match, beside the ports: closed by NULL. */
extern const char *const config_match_names[];

#endif
