/*
 * json.h
 *	  The one door to the JSON library (jansson).
 *
 * A BkJson is a reference-counted value. "new" and "parse" return a reference
 * that the caller frees; "get" returns a borrowed one; "put" takes the value
 * over, also when it fails. Builders that run out of memory leave the value
 * out and mark nothing: bk_json_text() of a value is checked instead, because
 * every value that matters passes through it.
 */
#ifndef BK_CORE_JSON_H
#define BK_CORE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

typedef struct json_t BkJson;

/*
 * Parse len bytes as one JSON object. Duplicate keys, invalid UTF-8, NUL in
 * strings, nesting over 2048 and anything after the object are errors
 * (XX001). "what" names the text in messages. NULL on failure.
 */
extern BkJson *bk_json_parse(const char *text, size_t len, const char *what,
							 BkError *err);

/* A fresh object or array; NULL if memory is out. */
extern BkJson *bk_json_object(void);
extern BkJson *bk_json_array(void);

/* Give back one reference; NULL is allowed. */
extern void bk_json_free(BkJson *json);

/*
 * The text of a value as a fresh string (the caller frees it). Keys are
 * sorted, so equal values give equal text. pretty adds line breaks and an
 * indent of two. NULL if memory is out.
 */
extern char *bk_json_text(const BkJson *json, bool pretty);

/*
 * Put a member into an object; a NULL string or value puts null. "words" are
 * for people to read: bytes that are not UTF-8 become question marks.
 */
extern void bk_json_put(BkJson *object, const char *key, BkJson *value);
extern void bk_json_put_string(BkJson *object, const char *key, const char *value);
extern void bk_json_put_words(BkJson *object, const char *key, const char *words);
extern void bk_json_put_int(BkJson *object, const char *key, int64_t value);
extern void bk_json_put_bool(BkJson *object, const char *key, bool value);

/*
 * Append to an array. The first tells whether it did: a list that is short of
 * an element must not pass for a whole one.
 */
extern bool bk_json_append(BkJson *array, BkJson *value);
extern void bk_json_append_string(BkJson *array, const char *value);

/* Take a member out of an object. */
extern void bk_json_remove(BkJson *object, const char *key);

/* A deep copy; NULL if memory is out. */
extern BkJson *bk_json_copy(const BkJson *json);

/* A member by key, of any type: NULL if it is absent or null. Borrowed. */
extern const BkJson *bk_json_get(const BkJson *object, const char *key);

/* Number of elements of an array, 0 for everything else. */
extern size_t bk_json_length(const BkJson *array);

/* An element of an array, borrowed. */
extern const BkJson *bk_json_at(const BkJson *array, size_t index);

/* A value's own text, number or truth; the fallback where the type differs. */
extern const char *bk_json_string(const BkJson *json, const char *fallback);
extern int64_t bk_json_int(const BkJson *json, int64_t fallback);
extern bool bk_json_bool(const BkJson *json, bool fallback);

/* What a value is. */
extern bool bk_json_is_string(const BkJson *json);
extern bool bk_json_is_int(const BkJson *json);
extern bool bk_json_is_bool(const BkJson *json);
extern bool bk_json_is_object(const BkJson *json);
extern bool bk_json_is_array(const BkJson *json);

/*
 * Members that must be there: false with an XX001 error that names the member
 * and "what". The string is borrowed from the object.
 */
extern bool bk_json_need_string(const BkJson *object, const char *key,
								const char *what, const char **value,
								BkError *err);
extern bool bk_json_need_int(const BkJson *object, const char *key,
							 const char *what, int64_t *value, BkError *err);

/* Walk an object's members in key order of insertion; see bk_json_next. */
extern void *bk_json_first(const BkJson *object);

/* The member after iter, NULL at the end. */
extern void *bk_json_next(const BkJson *object, void *iter);

/* Key and value at an iterator, both borrowed. */
extern const char *bk_json_key(void *iter);
extern const BkJson *bk_json_value(void *iter);

/* Is the text valid UTF-8 (RFC 3629)? Only such text can be put into JSON. */
extern bool bk_json_is_utf8(const char *text);

#endif
