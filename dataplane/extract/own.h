/* own.h - the fields of a record that sluice wrote, read back from its JSON.
 *
 * In:     pairs as json.h makes them of any sender's object.
 * Out:    the fixed fields of the source's schema, of the types that its parser promises, and the
 *         pairs that are left; keys as they were.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: -
 */
#ifndef SL_EXTRACT_OWN_H
#define SL_EXTRACT_OWN_H

#include "dataplane/rec/rec.h"

/* Of the pairs from @from on. A value that its field does not take stays a pair. */
void own_fields(struct rec_builder *rb, unsigned from);

#endif
