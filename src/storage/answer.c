/*
 * answer.c
 *	  What an HTTP server says before the body.
 */
#include "storage/answer.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

#define DAY_SECONDS		INT64_C(86400)

static bool take_status(BkHttpResponse *response, const char *line, size_t len,
						BkError *err);
static bool take_header(BkHttpResponse *response, const char *line, size_t len,
						BkError *err);
static bool join(BkHttpField *field, const char *value, size_t len,
				 BkError *err);
static void trim(const char **text, size_t *len);

bool
bk_answer_line(BkHttpResponse *response, const char *line, size_t len,
			   BkError *err)
{
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		return take_status(response, line, len, err);
	if (len == 0)
		return true;
	return take_header(response, line, len, err);
}

bool
bk_answer_date(const char *text, int64_t *time)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char		name[4];
	char		iso[BK_CLOCK_TEXT_SIZE];
	const char *month;
	int			end = 0;
	int			day;
	int			year;
	int			clock[3];

	/* The name of the day says nothing new. */
	if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n",
			   &day, name, &year, &clock[0], &clock[1], &clock[2], &end) != 6 ||
		end == 0 || text[end] != '\0' || strlen(name) != 3)
		return false;
	month = strstr(months, name);
	if (month == NULL || (month - months) % 3 != 0 || day < 0 || year < 0 ||
		clock[0] < 0 || clock[1] < 0 || clock[2] < 0)
		return false;
	snprintf(iso, sizeof(iso), "%04u-%02u-%02uT%02u:%02u:%02uZ",
			 (unsigned) year % 10000, ((unsigned) (month - months) / 3 + 1) % 100,
			 (unsigned) day % 100, (unsigned) clock[0] % 100,
			 (unsigned) clock[1] % 100, (unsigned) clock[2] % 100);
	return bk_clock_parse(iso, time);
}

int64_t
bk_answer_retry_after(const BkHttpResponse *response)
{
	const char *text = bk_http_find(response, "retry-after");
	const char *date = bk_http_find(response, "date");
	int64_t		then;
	int64_t		now;

	if (text == NULL)
		return 0;
	if (isdigit((unsigned char) *text))
	{
		long long	seconds = strtoll(text, NULL, 10);

		return seconds < DAY_SECONDS ? seconds * 1000 : DAY_SECONDS * 1000;
	}
	if (!bk_answer_date(text, &then))
		return 0;
	if (date == NULL || !bk_answer_date(date, &now))
		now = bk_clock_now();
	if (then <= now)
		return 0;
	return (then - now < DAY_SECONDS ? then - now : DAY_SECONDS) * 1000;
}

static bool
take_status(BkHttpResponse *response, const char *line, size_t len,
			BkError *err)
{
	const char *space = memchr(line, ' ', len);
	size_t		at = space != NULL ? (size_t) (space - line) + 1 : len;

	for (int i = 0; i < response->header_count; i++)
	{
		free(response->headers[i].name);
		free(response->headers[i].value);
	}
	response->header_count = 0;
	response->status = 0;
	for (size_t i = at; i < at + 3 && i < len && isdigit((unsigned char) line[i]); i++)
		response->status = response->status * 10 + (line[i] - '0');
	if (response->status >= 100 && response->status <= 599)
		return true;
	response->status = 0;
	return bk_error(err, BK_STATE_PROTOCOL, "server does not speak HTTP");
}

static bool
take_header(BkHttpResponse *response, const char *line, size_t len,
			BkError *err)
{
	const char *colon = memchr(line, ':', len);
	const char *value = colon != NULL ? colon + 1 : line;
	size_t		name_len = colon != NULL ? (size_t) (colon - line) : 0;
	size_t		value_len = len - (size_t) (value - line);
	BkHttpField *field;
	char	   *name;

	/* A line that is no header is nobody's business. */
	if (name_len == 0 || memchr(line, '\0', len) != NULL)
		return true;
	name = strndup(line, name_len);
	if (name == NULL)
		return bk_error_memory(err);
	for (char *c = name; *c != '\0'; c++)
		*c = (char) tolower((unsigned char) *c);
	trim(&value, &value_len);
	for (int i = 0; i < response->header_count; i++)
	{
		field = &response->headers[i];
		if (strcmp(field->name, name) != 0)
			continue;
		free(name);
		return join(field, value, value_len, err);
	}
	field = &response->headers[response->header_count];
	if (response->header_count == BK_HTTP_ANSWER_FIELDS_MAX)
	{
		free(name);
		return bk_error(err, BK_STATE_TOO_LARGE, "answer has too many headers");
	}
	field->name = name;
	field->value = strndup(value, value_len);
	response->header_count++;
	return field->value != NULL || bk_error_memory(err);
}

static bool
join(BkHttpField *field, const char *value, size_t len, BkError *err)
{
	BkBuf		buf;

	bk_buf_init(&buf);
	bk_buf_printf(&buf, "%s, ", field->value);
	bk_buf_append(&buf, value, len);
	free(field->value);
	field->value = bk_buf_take(&buf, err);
	return field->value != NULL;
}

static void
trim(const char **text, size_t *len)
{
	while (*len > 0 && (**text == ' ' || **text == '\t'))
	{
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && ((*text)[*len - 1] == ' ' || (*text)[*len - 1] == '\t'))
		(*len)--;
}
