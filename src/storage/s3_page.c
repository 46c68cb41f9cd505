/*
 * s3_page.c
 *	  What the pages of all listings of an S3 store have in common.
 */
#include "storage/s3_page.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

char *
bk_s3_page_beginning(const BkS3 *s3, const char *beginning, BkError *err)
{
	BkBuf		buf;

	bk_buf_init(&buf);
	bk_buf_printf(&buf, "%s%s", s3->place.prefix, beginning);
	return bk_buf_take(&buf, err);
}

bool
bk_s3_page_decode(const BkS3 *s3, char *text, BkError *err)
{
	char	   *to = text;

	for (const char *from = text; *from != '\0'; from++)
	{
		char		digits[3] = {0};

		if (*from == '+')
			*to++ = ' ';
		else if (*from != '%')
			*to++ = *from;
		else
		{
			if (!isxdigit((unsigned char) from[1]) || !isxdigit((unsigned char) from[2]))
				return bk_s3_page_odd(s3, "it has a key that is not encoded rightly", err);
			memcpy(digits, from + 1, 2);
			*to = (char) strtol(digits, NULL, 16);
			if (*to++ == '\0')
				return bk_s3_page_odd(s3, "it has a key with a NUL", err);
			from += 2;
		}
	}
	*to = '\0';
	return true;
}

bool
bk_s3_page_size(const BkS3 *s3, const char *text, uint64_t *size, BkError *err)
{
	size_t		len = strlen(text);

	/* Eighteen digits always fit. */
	if (len == 0 || len > 18 || strspn(text, "0123456789") != len)
		return bk_s3_page_odd(s3, "it has a size that is no number", err);
	*size = strtoull(text, NULL, 10);
	return true;
}

bool
bk_s3_page_time(const BkS3 *s3, const char *text, int64_t *time, BkError *err)
{
	char		whole[BK_CLOCK_TEXT_SIZE];
	size_t		len = sizeof(whole) - 2;

	/* The fraction of the second is left out. */
	if (strlen(text) > len)
	{
		memcpy(whole, text, len);
		memcpy(whole + len, "Z", 2);
		if (bk_clock_parse(whole, time))
			return true;
	}
	return bk_s3_page_odd(s3, "it has a time that is none", err);
}

bool
bk_s3_page_keep(char **kept, const char *text, BkError *err)
{
	free(*kept);
	*kept = strdup(text);
	return *kept != NULL || bk_error_memory(err);
}

bool
bk_s3_page_odd(const BkS3 *s3, const char *why, BkError *err)
{
	bk_error(err, BK_STATE_PROTOCOL, "a listing of \"%s\" cannot be believed",
			 s3->place.place);
	return bk_error_detail(err, "What is wrong with it: %s.", why);
}
