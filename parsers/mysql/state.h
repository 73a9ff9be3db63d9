/* state.h - what the workers of a source have learnt of tables, kept in a file across restarts.
 *
 * In:     the file, at start; then statements from workers, and how far each log was followed.
 * Out:    versions for the schema of each pool, at start; the file, written anew and renamed.
 * Owns:   a schema of its own, to which statements are applied, and a ring for each worker.
 * Runs:   main, which may block; mysql_feed_*: worker, which never does.
 * Limits: MYSQL_FEED_BYTES of statements that wait in a ring. What finds no room is lost to the
 *         file (not to the worker) and told; from then on the file does not claim to have
 *         followed any log further.
 *
 * Main sees first how far a log was followed, then takes the statements out, then writes: so the
 * file never claims more than it holds. Form of the file: schema_text.h.
 */
#ifndef SL_PARSERS_MYSQL_STATE_H
#define SL_PARSERS_MYSQL_STATE_H

#include "parsers/mysql/conf.h"
#include "parsers/mysql/ddl.h"
#include "parsers/mysql/schema_text.h"

#define MYSQL_FEED_BYTES (4u << 20)

struct mysql_state;
struct mysql_feed;

/* struct parser's keep_create, keep_run and keep_destroy. *ret_keep is NULL without option state. A
 * file that is not there yet is an empty one.
 */
int mysql_state_create(const void *conf, void **ret_keep, struct err *e);
int mysql_state_run(void *keep, bool last, struct err *e);
void mysql_state_destroy(void *keep);

/* Reads the dump of option schema and the file into a pool's schema, which is empty; and makes the
 * feed of its worker, which @s owns. @s may be NULL: then there is no feed. Main, before the
 * workers start.
 */
int mysql_state_join(struct mysql_state *s, const struct mysql_conf *conf, struct mysql_schema *sc,
		     struct mysql_feed **ret_feed, struct err *e);

/* A statement that has changed the worker's schema. False: no room; it is lost to the file. */
bool mysql_feed_statement(struct mysql_feed *f, const struct mysql_ddl *q);

/* The log as a small number, or -1: too many. @ret_known: it was known before; then *ret_followed
 * is the place up to which nothing was missed.
 */
int mysql_feed_log(struct mysql_feed *f, const struct mysql_schema_log *l, bool *ret_known,
		   uint64_t *ret_followed);

/* Nothing of the log is missing up to @place. */
void mysql_feed_follow(struct mysql_feed *f, int log, uint64_t place);

/* The only log that is known of this server's address, or NULL: none, or more than one. */
const struct mysql_schema_log *mysql_feed_only(const struct mysql_feed *f, uint64_t server);

#endif
