#include "ctl/record_id.h"

#include <string.h>

#include "dataplane/base/slice.h"
#include "dataplane/base/text.h"

bool record_id_read(const char *text, struct record_id *ret_id)
{
	struct slice s = slice_str(text);
	uint64_t session = 0, off, idx;
	for (unsigned i = 0; i < 16; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *at = i < s.len ? memchr(digits, s.ptr[i], 16) : NULL;
		if (!at)
			return false;
		session = session << 4 | (uint64_t)(at - digits);
	}
	if (s.len < 20 || s.ptr[16] != '-' || (s.ptr[17] != 'c' && s.ptr[17] != 's') ||
	    s.ptr[18] != '-')
		return false;
	struct slice rest = slice_from(s, 19);
	const uint8_t *dash = memchr(rest.ptr, '-', rest.len);
	size_t len = dash ? (size_t)(dash - rest.ptr) : 0;
	if (!dash || !text_u64(slice_of(rest.ptr, len), &off) ||
	    !text_u64(slice_from(rest, len + 1), &idx) || idx > UINT32_MAX)
		return false;
	*ret_id = (struct record_id){session, off, (uint32_t)idx, s.ptr[17] == 's'};
	return true;
}
