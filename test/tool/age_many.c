/*
 * age_many.c
 *	  age_many COUNT: encrypt so many small files, half of them in a child, and
 *	  print what must be unlike in all of them: the ephemeral share of the
 *	  header and the salt of the payload's key (16 bytes behind the header).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "filter/age.h"

#define SALT_SIZE	16

static bool
encrypt(const BkAgeRecipient *recipient, BkBuf *buf, BkError *err)
{
	BkWriter   *below = bk_memory_writer(buf, err);
	BkWriter   *writer = below == NULL ? NULL : bk_age_writer(below, recipient, 1, err);
	bool		good = writer != NULL && bk_write(writer, "x", 1, err) && bk_finish(writer, err);

	bk_writer_close(writer == NULL ? below : writer);
	return good;
}

/* "-> X25519 SHARE", and the line that ends the header ("--- MAC"). */
static bool
print_unique(const BkBuf *buf, BkError *err)
{
	const char *share = memmem(buf->data, buf->len, "-> X25519 ", 10);
	const char *end = memmem(buf->data, buf->len, "\n--- ", 5);
	const unsigned char *salt;

	if (share != NULL && end != NULL)
		end = memchr(end + 5, '\n', buf->len - (size_t) (end + 5 - buf->data));
	if (share == NULL || end == NULL || buf->data + buf->len - end <= SALT_SIZE)
		return bk_error(err, BK_STATE_CORRUPT, "what was encrypted has no header");
	printf("%.43s ", share + 10);
	salt = (const unsigned char *) end + 1;
	for (int i = 0; i < SALT_SIZE; i++)
		printf("%02x", salt[i]);
	printf("\n");
	return true;
}

static bool
encrypt_many(const BkAgeRecipient *recipient, long count, BkError *err)
{
	for (long i = 0; i < count; i++)
	{
		BkBuf		buf;
		bool		good;

		bk_buf_init(&buf);
		good = encrypt(recipient, &buf, err) && print_unique(&buf, err);
		bk_buf_free(&buf);
		if (!good)
			return false;
	}
	return true;
}

int
main(int argc, char **argv)
{
	long		count = argc > 1 ? atol(argv[1]) : 0;
	BkAgeIdentity identity;
	BkAgeRecipient recipient;
	BkError		err;
	pid_t		child;
	int			status = 0;
	bool		good;

	/* Two processes write lines into one pipe. */
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	/* The generator has been used before the fork. */
	good = bk_age_generate(&identity, &err) &&
		bk_age_recipient(&identity, &recipient, &err) &&
		encrypt_many(&recipient, 1, &err);
	fflush(stdout);
	child = fork();
	good = good && child >= 0 && encrypt_many(&recipient, count / 2, &err);
	if (!good)
		fprintf(stderr, "%s\n", child < 0 ? "could not fork" : err.message);
	if (child > 0)
		waitpid(child, &status, 0);
	return good && status == 0 ? 0 : 1;
}
