#include "dataplane/sink/canal_type.h"

#include "dataplane/base/text.h"

/* java.sql.Types */
enum {
	JAVA_BIT = -7,
	JAVA_TINYINT = -6,
	JAVA_BIGINT = -5,
	JAVA_CHAR = 1,
	JAVA_DECIMAL = 3,
	JAVA_INTEGER = 4,
	JAVA_SMALLINT = 5,
	JAVA_REAL = 7,
	JAVA_DOUBLE = 8,
	JAVA_VARCHAR = 12,
	JAVA_DATE = 91,
	JAVA_TIME = 92,
	JAVA_TIMESTAMP = 93,
	JAVA_OTHER = 1111,
	JAVA_BLOB = 2004,
	JAVA_CLOB = 2005,
};

enum { SIGN = 1, LENGTH = 2, FRACTION = 4, LABELS = 8 };

/* `wide`: of values that only the unsigned type has; the next larger one, as canal does. */
static const struct {
	const char *name;
	int16_t java, wide;
	uint8_t shape;
} types[CHANGE_N_TYPES] = {
	[CHANGE_T_UNKNOWN] = {"", JAVA_OTHER, JAVA_OTHER, 0},
	[CHANGE_T_TINYINT] = {"tinyint", JAVA_TINYINT, JAVA_SMALLINT, SIGN},
	[CHANGE_T_SMALLINT] = {"smallint", JAVA_SMALLINT, JAVA_INTEGER, SIGN},
	[CHANGE_T_MEDIUMINT] = {"mediumint", JAVA_INTEGER, JAVA_INTEGER, SIGN},
	[CHANGE_T_INT] = {"int", JAVA_INTEGER, JAVA_BIGINT, SIGN},
	[CHANGE_T_BIGINT] = {"bigint", JAVA_BIGINT, JAVA_DECIMAL, SIGN},
	[CHANGE_T_DECIMAL] = {"decimal", JAVA_DECIMAL, JAVA_DECIMAL, SIGN | LENGTH},
	[CHANGE_T_FLOAT] = {"float", JAVA_REAL, JAVA_REAL, SIGN},
	[CHANGE_T_DOUBLE] = {"double", JAVA_DOUBLE, JAVA_DOUBLE, SIGN},
	[CHANGE_T_BIT] = {"bit", JAVA_BIT, JAVA_BIT, LENGTH},
	[CHANGE_T_YEAR] = {"year", JAVA_VARCHAR, JAVA_VARCHAR, 0},
	[CHANGE_T_DATE] = {"date", JAVA_DATE, JAVA_DATE, 0},
	[CHANGE_T_TIME] = {"time", JAVA_TIME, JAVA_TIME, FRACTION},
	[CHANGE_T_DATETIME] = {"datetime", JAVA_TIMESTAMP, JAVA_TIMESTAMP, FRACTION},
	[CHANGE_T_TIMESTAMP] = {"timestamp", JAVA_TIMESTAMP, JAVA_TIMESTAMP, FRACTION},
	[CHANGE_T_CHAR] = {"char", JAVA_CHAR, JAVA_CHAR, LENGTH},
	[CHANGE_T_VARCHAR] = {"varchar", JAVA_VARCHAR, JAVA_VARCHAR, LENGTH},
	[CHANGE_T_BINARY] = {"binary", JAVA_BLOB, JAVA_BLOB, LENGTH},
	[CHANGE_T_VARBINARY] = {"varbinary", JAVA_BLOB, JAVA_BLOB, LENGTH},
	[CHANGE_T_TINYTEXT] = {"tinytext", JAVA_CLOB, JAVA_CLOB, 0},
	[CHANGE_T_TEXT] = {"text", JAVA_CLOB, JAVA_CLOB, 0},
	[CHANGE_T_MEDIUMTEXT] = {"mediumtext", JAVA_CLOB, JAVA_CLOB, 0},
	[CHANGE_T_LONGTEXT] = {"longtext", JAVA_CLOB, JAVA_CLOB, 0},
	[CHANGE_T_TINYBLOB] = {"tinyblob", JAVA_BLOB, JAVA_BLOB, 0},
	[CHANGE_T_BLOB] = {"blob", JAVA_BLOB, JAVA_BLOB, 0},
	[CHANGE_T_MEDIUMBLOB] = {"mediumblob", JAVA_BLOB, JAVA_BLOB, 0},
	[CHANGE_T_LONGBLOB] = {"longblob", JAVA_BLOB, JAVA_BLOB, 0},
	[CHANGE_T_ENUM] = {"enum", JAVA_CHAR, JAVA_CHAR, LABELS},
	[CHANGE_T_SET] = {"set", JAVA_CHAR, JAVA_CHAR, LABELS},
	[CHANGE_T_JSON] = {"json", JAVA_VARCHAR, JAVA_VARCHAR, 0},
	[CHANGE_T_GEOMETRY] = {"geometry", JAVA_BLOB, JAVA_BLOB, 0},
	[CHANGE_T_VECTOR] = {"vector", JAVA_VARCHAR, JAVA_VARCHAR, 0},
	[CHANGE_T_UUID] = {"uuid", JAVA_CHAR, JAVA_CHAR, 0},
	[CHANGE_T_INET4] = {"inet4", JAVA_CHAR, JAVA_CHAR, 0},
	[CHANGE_T_INET6] = {"inet6", JAVA_CHAR, JAVA_CHAR, 0},
};

static uint8_t *put(uint8_t *o, const char *text)
{
	size_t len = strlen(text);
	memcpy(o, text, len);
	return o + len;
}

static uint8_t *put_number(uint8_t *o, uint32_t v)
{
	return o + text_put_u64((char *)o, v);
}

/* ('a','b'); a quote inside of a label is doubled. */
static uint8_t *put_labels(uint8_t *o, const struct change_column *col, const uint8_t *end)
{
	for (unsigned i = 0; i < col->n_labels; i++) {
		struct slice label = col->labels[i];
		if (2 * label.len + 8 > (size_t)(end - o))
			return NULL;
		*o++ = i ? ',' : '(';
		*o++ = '\'';
		for (size_t k = 0; k < label.len; k++) {
			if (label.ptr[k] == '\'')
				*o++ = '\'';
			*o++ = label.ptr[k];
		}
		*o++ = '\'';
	}
	*o++ = ')';
	return o;
}

uint8_t *canal_type_put(uint8_t *o, const struct change_column *col)
{
	unsigned shape = types[col->type].shape;
	const uint8_t *end = o + CANAL_TYPE_MAX - CANAL_TYPE_PLAIN_MAX;
	*o++ = '"';
	o = put(o, types[col->type].name);
	if (shape & LENGTH && col->length) {
		*o++ = '(';
		o = put_number(o, col->length);
		if (col->type == CHANGE_T_DECIMAL) {
			*o++ = ',';
			o = put_number(o, col->decimals);
		}
		*o++ = ')';
	}
	if (shape & FRACTION && col->decimals) {
		*o++ = '(';
		o = put_number(o, col->decimals);
		*o++ = ')';
	}
	if (shape & LABELS && col->n_labels) {
		uint8_t *behind = put_labels(o, col, end);
		o = behind ? behind : o;
	}
	if (shape & SIGN && col->is_unsigned)
		o = put(o, " unsigned");
	*o++ = '"';
	return o;
}

int canal_sql_type(const struct change_column *col)
{
	if (types[col->type].shape & LABELS && !col->n_labels) /* then the value is a number */
		return col->type == CHANGE_T_SET ? JAVA_BIT : JAVA_INTEGER;
	return col->is_unsigned ? types[col->type].wide : types[col->type].java;
}
