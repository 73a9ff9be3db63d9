/* simdjson chooses its kernel for the CPU at run time only in what lies inside its library, so the
 * first stage is called there through the active implementation instead of being compiled in here.
 * That interface is an inner one of simdjson 3.
 */
#include "dataplane/extract/json_simd.h"

#include <simdjson.h>

static_assert(simdjson::SIMDJSON_VERSION_MAJOR == 3, "see above");

using simdjson::internal::dom_parser_implementation;

struct json_index {
	std::unique_ptr<dom_parser_implementation> impl;
};

/* The depth is only simdjson's second stage's affair, which is not used. */
static const size_t depth_unused = 1;

json_index *json_index_create(size_t bytes_max)
{
	json_index *x = new (std::nothrow) json_index;
	if (!x)
		return nullptr;
	const simdjson::implementation *active = simdjson::get_active_implementation();
	if (active->create_dom_parser_implementation(bytes_max, depth_unused, x->impl)) {
		delete x;
		return nullptr;
	}
	return x;
}

void json_index_destroy(json_index *x)
{
	delete x;
}

static json_index_status status_of(simdjson::error_code code)
{
	switch (code) {
	case simdjson::SUCCESS:
		return JSON_INDEX_OK;
	case simdjson::EMPTY:
		return JSON_INDEX_EMPTY;
	case simdjson::UTF8_ERROR:
		return JSON_INDEX_UTF8;
	case simdjson::UNESCAPED_CHARS:
		return JSON_INDEX_CONTROL;
	case simdjson::UNCLOSED_STRING:
		return JSON_INDEX_UNCLOSED;
	case simdjson::CAPACITY:
		return JSON_INDEX_LONG;
	default:
		return JSON_INDEX_OTHER;
	}
}

json_index_status json_index_run(json_index *x, const uint8_t *text, size_t len,
				 const uint32_t **ret_at, uint32_t *ret_n)
{
	json_index_status st =
		status_of(x->impl->stage1(text, len, simdjson::stage1_mode::regular));
	if (st == JSON_INDEX_OK) {
		uint32_t *at = x->impl->structural_indexes.get();
		/* There is room for it: simdjson has an end of its own there. */
		at[x->impl->n_structural_indexes] = (uint32_t)len;
		*ret_at = at;
		*ret_n = x->impl->n_structural_indexes;
	}
	return st;
}

bool json_utf8_valid(const uint8_t *text, size_t len)
{
	return simdjson::validate_utf8((const char *)text, len);
}
