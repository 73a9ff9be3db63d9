/* dim_table.h - a dimension: keys and their attributes, looked up for a burst of records.
 *
 * In:     rows from a file, a store or the captured binlog, one writer.
 * Out:    the row of each key, borrowed until the reader leaves.
 * Owns:   slots and rows, in two mappings of fixed size.
 * Runs:   put, del: one thread, the writer. find: workers. create, destroy: main.
 * Limits: keys_max keys; bytes_max of rows.
 *
 * Open addressing over slots of eight bytes: a row's place, how many cache lines it reaches into
 * and 30 bits of its key's hash. A change is one store of a slot, so a reader sees a row whole, old
 * or new; the memory of the old one is used again when every reader that was inside has left (RCU
 * by epochs).
 *
 *     slot  | hash 30 | third line | second line | row 32 |
 *     row   | key_len | bytes | val of field 0 .. n-1 | key | text of the values |
 *
 * A row's place counts units of 8 bytes: 0 is an empty slot, 1 a deleted one.
 *
 * A look-up waits for memory: one line of slots, in which nearly all keys are found, and the lines
 * of the row, which are as few as its size allows where that takes a third more memory at most.
 */
#ifndef SL_DIM_DIM_TABLE_H
#define SL_DIM_DIM_TABLE_H

#include "dataplane/base/err.h"
#include "dataplane/dim/readers.h"
#include "dataplane/rec/val.h"

#define DIM_KEYS_MAX   (1u << 28)
#define DIM_FIELDS_MAX 256

struct dim_row {
	uint32_t key_len;
	uint32_t bytes; /* of the row, this header included */
	/* val.off counts from the beginning of the row. VAL_STR and VAL_JSON are valid UTF-8. */
	struct val vals[];
};

struct dim_table;

/* @n_fields values a row. @readers, borrowed: those that find in it. -ENOMEM, or -EINVAL with a
 * text.
 */
int dim_table_create(uint64_t keys_max, uint64_t bytes_max, unsigned n_fields,
		     struct readers *readers, struct dim_table **ret_t, struct err *e);
void dim_table_destroy(struct dim_table *t);

/* A value as the writer has it; @text for VAL_STR, VAL_JSON, VAL_NUM and VAL_BYTES, @i for VAL_I64,
 * VAL_U64 and VAL_TIME, @f for VAL_F64.
 */
struct dim_value {
	enum val_type type;
	struct slice text;
	union {
		int64_t i;
		double f;
	};
};

/* Sets the row of @key. 0; 1: it was so already; -ENOSPC: keys_max or bytes_max is reached, and the
 * old row stays.
 */
int dim_table_put(struct dim_table *t, struct slice key, const struct dim_value *values);

/* False: there was none. */
bool dim_table_del(struct dim_table *t, struct slice key);

/* From mark to sweep, keys that are put are marked, with or without room for their row; sweep takes
 * out the others and returns how many they were. mark: 0 or -ENOMEM.
 */
int dim_table_mark(struct dim_table *t);
uint64_t dim_table_sweep(struct dim_table *t);

uint64_t dim_table_n_keys(const struct dim_table *t);
uint64_t dim_table_bytes(const struct dim_table *t); /* of rows, free ones included */

/* rows[i] is that of keys[i], or NULL; a key without bytes (ptr NULL) has none. Returns how many
 * have one. Inside of readers_enter and leave.
 */
unsigned dim_table_find(const struct dim_table *t, const struct slice *keys, unsigned n,
			const struct dim_row **rows);

static inline struct slice dim_row_key(const struct dim_row *r, unsigned n_fields)
{
	return slice_of((const uint8_t *)(r->vals + n_fields), r->key_len);
}

/* Where the text of the values begins, from the beginning of the row on; SL_PAD bytes can be read
 * behind it, whatever stands there: maybe a row that is being written.
 */
static inline uint32_t dim_row_texts(const struct dim_row *r, unsigned n_fields)
{
	return (uint32_t)(sizeof(*r) + n_fields * sizeof(r->vals[0])) + r->key_len;
}

#endif
