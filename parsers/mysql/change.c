/* Columns of a table map as they were declared, for encoders. Contract: rec/change.h. */
#include "parsers/mysql/table.h"

static const uint8_t plain[256] = {
	[MYSQL_T_TINY] = CHANGE_T_TINYINT,
	[MYSQL_T_SHORT] = CHANGE_T_SMALLINT,
	[MYSQL_T_INT24] = CHANGE_T_MEDIUMINT,
	[MYSQL_T_LONG] = CHANGE_T_INT,
	[MYSQL_T_LONGLONG] = CHANGE_T_BIGINT,
	[MYSQL_T_NEWDECIMAL] = CHANGE_T_DECIMAL,
	[MYSQL_T_FLOAT] = CHANGE_T_FLOAT,
	[MYSQL_T_DOUBLE] = CHANGE_T_DOUBLE,
	[MYSQL_T_BIT] = CHANGE_T_BIT,
	[MYSQL_T_YEAR] = CHANGE_T_YEAR,
	[MYSQL_T_DATE] = CHANGE_T_DATE,
	[MYSQL_T_NEWDATE] = CHANGE_T_DATE,
	[MYSQL_T_TIME] = CHANGE_T_TIME,
	[MYSQL_T_TIME2] = CHANGE_T_TIME,
	[MYSQL_T_DATETIME] = CHANGE_T_DATETIME,
	[MYSQL_T_DATETIME2] = CHANGE_T_DATETIME,
	[MYSQL_T_TIMESTAMP] = CHANGE_T_TIMESTAMP,
	[MYSQL_T_TIMESTAMP2] = CHANGE_T_TIMESTAMP,
	[MYSQL_T_ENUM] = CHANGE_T_ENUM,
	[MYSQL_T_SET] = CHANGE_T_SET,
	[MYSQL_T_JSON] = CHANGE_T_JSON,
	[MYSQL_T_GEOMETRY] = CHANGE_T_GEOMETRY,
	[MYSQL_T_VECTOR] = CHANGE_T_VECTOR,
};

/* TINYTEXT to LONGTEXT by the bytes of their length, and the same of BLOB. */
static uint8_t blob_type(const struct mysql_column *c, bool binary)
{
	unsigned bytes = c->len_bytes >= 1 && c->len_bytes <= 4 ? c->len_bytes : 2;
	return (uint8_t)((binary ? CHANGE_T_TINYBLOB : CHANGE_T_TINYTEXT) + (int)bytes - 1);
}

static uint8_t string_type(const struct mysql_column *c, bool binary)
{
	static const uint8_t kinds[] = {[MYSQL_KIND_UUID] = CHANGE_T_UUID,
					[MYSQL_KIND_INET4] = CHANGE_T_INET4,
					[MYSQL_KIND_INET6] = CHANGE_T_INET6};
	if (c->kind != MYSQL_KIND_PLAIN)
		return kinds[c->kind];
	if (c->type == MYSQL_T_STRING)
		return binary ? CHANGE_T_BINARY : CHANGE_T_CHAR;
	return binary ? CHANGE_T_VARBINARY : CHANGE_T_VARCHAR;
}

static uint8_t type_of(const struct mysql_column *c)
{
	bool binary = c->charset == MYSQL_CS_BINARY;
	switch (c->type) {
	case MYSQL_T_STRING:
	case MYSQL_T_VAR_STRING:
	case MYSQL_T_VARCHAR:
	case MYSQL_T_VARCHAR_COMPRESSED:
		return string_type(c, binary);
	case MYSQL_T_TINY_BLOB:
	case MYSQL_T_BLOB:
	case MYSQL_T_MEDIUM_BLOB:
	case MYSQL_T_LONG_BLOB:
	case MYSQL_T_BLOB_COMPRESSED:
		return blob_type(c, binary);
	default:
		return plain[c->type];
	}
}

static uint32_t length_of(const struct mysql_column *c, uint8_t type)
{
	switch (type) {
	case CHANGE_T_DECIMAL:
		return c->precision;
	case CHANGE_T_BIT:
		return (c->meta >> 8) * 8u + (c->meta & 0xff);
	case CHANGE_T_CHAR:
	case CHANGE_T_VARCHAR:
		return c->char_bytes ? c->bytes_max / c->char_bytes : 0;
	case CHANGE_T_BINARY:
	case CHANGE_T_VARBINARY:
		return c->bytes_max;
	default:
		return 0;
	}
}

static void column(const void *of, unsigned i, struct change_column *ret)
{
	const struct mysql_table *t = of;
	const struct mysql_column *c = &t->columns[i];
	uint8_t type = type_of(c);
	*ret = (struct change_column){
		.key = {c->key, c->key_len},
		.type = type,
		.is_unsigned = c->is_unsigned,
		.in_key = t->has_key && c->in_key,
		.decimals = c->frac,
		.length = length_of(c, type),
		.labels = c->labels,
		.n_labels = c->n_labels,
	};
}

struct change mysql_table_change(const struct mysql_table *t)
{
	return (struct change){.kind = CHANGE_ROW,
			       .n_columns = t->n_columns,
			       .db = t->db,
			       .table = t->name,
			       .of = t,
			       .column = column};
}
