/* A value of any type. Contracts: value.h. */
#include "parsers/mysql/value.h"

#include "parsers/mysql/mjson.h"

static enum mysql_fault put_compressed(const struct mysql_decoder *d, const struct mysql_column *c,
				       struct slice v, struct mysql_out *out)
{
	if (!d->unpack)
		return MYSQL_F_COMPRESSION;
	struct slice plain;
	enum mysql_fault fault = mysql_unpack_column(d->unpack, v, &plain);
	return fault ? fault : value_put_string(d, c, plain, out);
}

static enum mysql_fault put_json(struct slice v, struct mysql_out *out)
{
	size_t from = out->len;
	enum mysql_fault fault = mjson_put(v, out);
	return fault ? fault : mjson_mark_null(out, from);
}

enum mysql_fault value_put(const struct mysql_decoder *d, const struct mysql_column *c,
			   struct slice v, struct mysql_out *out)
{
	switch (c->type) {
	case MYSQL_T_TINY:
	case MYSQL_T_SHORT:
	case MYSQL_T_INT24:
	case MYSQL_T_LONG:
	case MYSQL_T_LONGLONG:
	case MYSQL_T_FLOAT:
	case MYSQL_T_DOUBLE:
	case MYSQL_T_NEWDECIMAL:
	case MYSQL_T_BIT:
	case MYSQL_T_YEAR:
		return value_put_number(c, v, out);
	case MYSQL_T_TIMESTAMP:
	case MYSQL_T_TIMESTAMP2:
	case MYSQL_T_DATETIME:
	case MYSQL_T_DATETIME2:
	case MYSQL_T_TIME:
	case MYSQL_T_TIME2:
	case MYSQL_T_DATE:
	case MYSQL_T_NEWDATE:
		return value_put_time(c, v, out);
	case MYSQL_T_ENUM:
	case MYSQL_T_SET:
		return value_put_labels(c, v, out);
	case MYSQL_T_JSON:
		return put_json(v, out);
	case MYSQL_T_GEOMETRY:
		return value_put_geometry(v, out);
	case MYSQL_T_VECTOR:
		return value_put_vector(v, out);
	case MYSQL_T_BLOB_COMPRESSED:
	case MYSQL_T_VARCHAR_COMPRESSED:
		return put_compressed(d, c, v, out);
	case MYSQL_T_NULL:
		return OUT_LIT(out, "null");
	default:
		return value_put_string(d, c, v, out);
	}
}
