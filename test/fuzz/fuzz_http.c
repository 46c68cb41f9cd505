/*
 * fuzz_http.c
 *	  Any bytes as the lines before the body of an answer: refused, or headers
 *	  within the bounds, which can be found, and a pause of at most a day.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storage/answer.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
read_lines(BkHttpResponse *response, const char *data, size_t size)
{
	const char *end = data + size;
	BkError		err;

	while (data < end)
	{
		const char *feed = memchr(data, '\n', (size_t) (end - data));
		size_t		len = (size_t) ((feed != NULL ? feed : end) - data);
		size_t		text = len;

		if (text > 0 && data[text - 1] == '\r')
			text--;
		if (!bk_answer_line(response, data, text, &err))
			return false;
		data += len + (feed != NULL);
	}
	return true;
}

static void
look_at(const BkHttpResponse *response)
{
	int64_t		pause = bk_answer_retry_after(response);
	int64_t		time = 0;

	if (pause < 0 || pause > INT64_C(86400000))
		abort();
	if (response->status != 0 && (response->status < 100 || response->status > 599))
		abort();
	if (response->header_count > BK_HTTP_ANSWER_FIELDS_MAX)
		abort();
	for (int i = 0; i < response->header_count; i++)
	{
		const BkHttpField *field = &response->headers[i];

		if (bk_http_find(response, field->name) != field->value)
			abort();
		for (const char *c = field->name; *c != '\0'; c++)
		{
			if (isupper((unsigned char) *c))
				abort();
		}
		/* A date that is understood lies in the years that have four digits. */
		if (bk_answer_date(field->value, &time) &&
			(time < INT64_C(-62200000000) || time > INT64_C(253402300799)))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BkHttpResponse response = {0};

	if (read_lines(&response, (const char *) data, size))
		look_at(&response);
	bk_http_response_free(&response);
	return 0;
}
