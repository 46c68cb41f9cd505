/*
 * test_detach.c
 *	  Going on in the background.
 */
#include "support.h"

#include "core/detach.h"

/* Tell what kind of process this is; the folder is the current one. */
static void
tell(void *arg)
{
	char		text[128];
	int			len;

	len = snprintf(text, sizeof(text), "%s %d %d %d", (const char *) arg,
				   getsid(0) != getpid(), getpgrp() != getpid(),
				   count_descriptors());
	write_file("told.new", text, (size_t) len);
	(void) rename("told.new", "told");
}

static void
goes_on_alone(void **state)
{
	char	   *folder = new_folder();
	int			before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int			ends[2];
	char		byte;
	BkBuf		text;
	BkError		err;

	(void) state;
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(pipe(ends), 0);
	assert_good(bk_detach(tell, "word", &err), &err);

	/* Nobody else has our end of the pipe, now or when it is done. */
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
	for (int i = 0; i < 30000 && access("told", F_OK) != 0; i++)
		usleep(1000);
	read_file("told", &text);
	assert_string_equal(text.data, "word 1 1 3");
	bk_buf_free(&text);

	/* It is no child of ours. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(fchdir(before), 0);
	close(before);
	remove_folder(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
