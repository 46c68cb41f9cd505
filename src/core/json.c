/*
 * json.c
 *	  The one door to the JSON library (jansson).
 *
 * jansson takes non-const values for reading too; the casts here are the
 * price of const in our own interface. Its depth limit is 2048
 * (JSON_PARSER_MAX_DEPTH), which also bounds our own recursion.
 */
#include "core/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"

static bool has_real(const json_t *json);
static bool missing(BkError *err, const char *what, const char *key,
					const char *type);

BkJson *
bk_json_parse(const char *text, size_t len, const char *what, BkError *err)
{
	json_error_t reason;
	json_t	   *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &reason);

	if (json == NULL)
	{
		bk_error(err, BK_STATE_CORRUPT, "%s is not valid JSON", what);
		bk_error_detail(err, "Line %d, column %d: %s.", reason.line,
						reason.column, reason.text);
		return NULL;
	}
	if (!json_is_object(json))
		bk_error(err, BK_STATE_CORRUPT, "%s is not a JSON object", what);
	else if (has_real(json))
		bk_error(err, BK_STATE_CORRUPT,
				 "%s contains a number that is not an integer", what);
	else
		return json;
	json_decref(json);
	return NULL;
}

BkJson *
bk_json_object(void)
{
	return json_object();
}

BkJson *
bk_json_array(void)
{
	return json_array();
}

void
bk_json_free(BkJson *json)
{
	json_decref(json);
}

char *
bk_json_text(const BkJson *json, bool pretty)
{
	size_t		flags = JSON_SORT_KEYS | JSON_ENCODE_ANY;

	return json_dumps(json, flags | (pretty ? JSON_INDENT(2) : JSON_COMPACT));
}

void
bk_json_put(BkJson *object, const char *key, BkJson *value)
{
	json_object_set_new(object, key, value != NULL ? value : json_null());
}

void
bk_json_put_string(BkJson *object, const char *key, const char *value)
{
	bk_json_put(object, key, value != NULL ? json_string(value) : NULL);
}

void
bk_json_put_words(BkJson *object, const char *key, const char *words)
{
	char	   *copy = words != NULL ? strdup(words) : NULL;
	char	   *at = copy;

	while (at != NULL && *at != '\0')
	{
		size_t		len = bk_utf8_length(at);

		if (len == 0)
			*at = '?';
		at += len == 0 ? 1 : len;
	}
	bk_json_put_string(object, key, copy);
	free(copy);
}

void
bk_json_put_int(BkJson *object, const char *key, int64_t value)
{
	bk_json_put(object, key, json_integer(value));
}

void
bk_json_put_bool(BkJson *object, const char *key, bool value)
{
	bk_json_put(object, key, json_boolean(value));
}

bool
bk_json_append(BkJson *array, BkJson *value)
{
	return value != NULL && json_array_append_new(array, value) == 0;
}

void
bk_json_append_string(BkJson *array, const char *value)
{
	(void) bk_json_append(array, value != NULL ? json_string(value) : json_null());
}

void
bk_json_remove(BkJson *object, const char *key)
{
	json_object_del(object, key);
}

BkJson *
bk_json_copy(const BkJson *json)
{
	return json_deep_copy(json);
}

const BkJson *
bk_json_get(const BkJson *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_null(value) ? NULL : value;
}

size_t
bk_json_length(const BkJson *array)
{
	return json_array_size(array);
}

const BkJson *
bk_json_at(const BkJson *array, size_t index)
{
	return json_array_get(array, index);
}

const char *
bk_json_string(const BkJson *json, const char *fallback)
{
	return json_is_string(json) ? json_string_value(json) : fallback;
}

int64_t
bk_json_int(const BkJson *json, int64_t fallback)
{
	return json_is_integer(json) ? json_integer_value(json) : fallback;
}

bool
bk_json_bool(const BkJson *json, bool fallback)
{
	return json_is_boolean(json) ? json_is_true(json) : fallback;
}

bool
bk_json_is_string(const BkJson *json)
{
	return json_is_string(json);
}

bool
bk_json_is_int(const BkJson *json)
{
	return json_is_integer(json);
}

bool
bk_json_is_bool(const BkJson *json)
{
	return json_is_boolean(json);
}

bool
bk_json_is_object(const BkJson *json)
{
	return json_is_object(json);
}

bool
bk_json_is_array(const BkJson *json)
{
	return json_is_array(json);
}

bool
bk_json_need_string(const BkJson *object, const char *key, const char *what,
					const char **value, BkError *err)
{
	const json_t *member = json_object_get(object, key);

	if (!json_is_string(member))
		return missing(err, what, key, "string");
	*value = json_string_value(member);
	return true;
}

bool
bk_json_need_int(const BkJson *object, const char *key, const char *what,
				 int64_t *value, BkError *err)
{
	const json_t *member = json_object_get(object, key);

	if (!json_is_integer(member))
		return missing(err, what, key, "integer");
	*value = json_integer_value(member);
	return true;
}

void *
bk_json_first(const BkJson *object)
{
	return json_object_iter((json_t *) object);
}

void *
bk_json_next(const BkJson *object, void *iter)
{
	return json_object_iter_next((json_t *) object, iter);
}

const char *
bk_json_key(void *iter)
{
	return json_object_iter_key(iter);
}

const BkJson *
bk_json_value(void *iter)
{
	return json_object_iter_value(iter);
}

bool
bk_json_is_utf8(const char *text)
{
	while (*text != '\0')
	{
		size_t		length = bk_utf8_length(text);

		if (length == 0)
			return false;
		text += length;
	}
	return true;
}

static bool
has_real(const json_t *json)
{
	const char *key;
	json_t	   *value;
	size_t		index;

	json_object_foreach((json_t *) json, key, value)
	{
		if (has_real(value))
			return true;
	}
	json_array_foreach(json, index, value)
	{
		if (has_real(value))
			return true;
	}
	return json_is_real(json);
}

static bool
missing(BkError *err, const char *what, const char *key, const char *type)
{
	return bk_error(err, BK_STATE_CORRUPT, "%s has no %s \"%s\"", what, type,
					key);
}
