/*
 * test_segment.c
 *	  What is refused to be archived, and why.
 */
#include "support.h"

#include "source/segment.h"

#define CLUSTER		"7440958112339017623"
#define SIZE		(16 * 1024 * 1024)

/* The header of a segment's first page (xlog_internal.h). */
typedef struct Header
{
	uint16_t	magic;
	uint16_t	info;
	uint32_t	timeline;
	uint64_t	position;
	uint32_t	remaining;
	uint32_t	padding;
	uint64_t	identifier;
	uint32_t	size;
	uint32_t	block;
	char		rest[BK_SEGMENT_HEAD - 40];
} Header;

/* That of 00000003 0000000A 000000FE, and what is changed in it. */
static const struct
{
	const char *name;			/* NULL: that one */
	int			offset;			/* of a change in the header, -1: none */
	int			width;
	uint64_t	value;
	uint64_t	file_size;		/* 0: as it should be */
	size_t		head;			/* 0: all */
	const char *state;			/* NULL: it is good */
	const char *reason;
}			segments[] = {
	{NULL, -1, 0, 0, 0, 0, NULL, NULL},
	{"000000030000000A000000FE.partial", -1, 0, 0, 0, 0, NULL, NULL},
	{NULL, 0, 2, 0xD118, 0, 0, NULL, NULL},
	/* The first segment of a timeline begins with pages of its parent. */
	{NULL, 4, 4, 1, 0, 0, NULL, NULL},
	{NULL, 4, 4, 4, 0, 0, BK_STATE_CORRUPT, "Its header is of timeline 4, its name of 3."},
	{NULL, 4, 4, 0, 0, 0, BK_STATE_CORRUPT, "Its header is of timeline 0, its name of 3."},
	{NULL, 0, 2, 0x10D1, 0, 0, BK_STATE_CORRUPT, "does not begin with the header of a segment (magic number 10D1, flags 0002)"},
	{NULL, 0, 2, 0, 0, 0, BK_STATE_CORRUPT, "magic number 0000"},
	{NULL, 2, 2, 1, 0, 0, BK_STATE_CORRUPT, "flags 0001"},
	{NULL, 24, 8, 7, 0, 0, BK_STATE_WRONG_STATE, "belongs to another cluster"},
	{NULL, 24, 8, 7, 0, 0, BK_STATE_WRONG_STATE, "Its system identifier is 7, that of this cluster is " CLUSTER "."},
	{NULL, 32, 4, 1024 * 1024, 0, 0, BK_STATE_CORRUPT, "has 16777216 bytes, its header says 1048576."},
	{NULL, -1, 0, 0, 1024 * 1024, 0, BK_STATE_CORRUPT, "has 1048576 bytes, its header says 16777216."},
	{NULL, -1, 0, 0, SIZE - 8192, 0, BK_STATE_CORRUPT, "has 16769024 bytes, which no segment has."},
	{NULL, -1, 0, 0, 40, 40, BK_STATE_CORRUPT, "has 40 bytes, which no segment has."},
	{"000000030000000A000000FE.partial", -1, 0, 0, 5, 5, BK_STATE_CORRUPT, "has 5 bytes"},
	{NULL, 8, 8, 0xAFF000000, 0, 0, BK_STATE_CORRUPT, "Its header is that of position A/FF000000, its name that of A/FE000000."},
	{"000000030000000A000000FF", -1, 0, 0, 0, 0, BK_STATE_CORRUPT, "its name that of A/FF000000"},
	{"000000030000000A00000100", 8, 8, 0xB00000000, 0, 0, BK_STATE_CORRUPT, "no segment has this name"},
};

static void
test_segments(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++)
	{
		const char *text = segments[i].name == NULL ? "000000030000000A000000FE" : segments[i].name;
		uint64_t	size = segments[i].file_size == 0 ? SIZE : segments[i].file_size;
		size_t		head = segments[i].head == 0 ? sizeof(Header) : segments[i].head;
		Header		header = {
			.magic = 0xD110, .info = 2, .timeline = 3, .position = 0xAFE000000,
			.identifier = 7440958112339017623u, .size = SIZE, .block = 8192,
		};
		BkWalName	name;
		BkError		err;
		bool		good;

		/* The values are for machines that store the lowest byte first. */
		if (segments[i].offset >= 0)
			memcpy((char *) &header + segments[i].offset, &segments[i].value,
				   (size_t) segments[i].width);
		assert_good(bk_wal_name_parse(text, &name, &err), &err);
		good = bk_segment_check(&name, CLUSTER, &header, head, size, &err);
		if (segments[i].state == NULL)
			assert_good(good, &err);
		else
		{
			assert_false(good);
			assert_reason(&err, segments[i].state, segments[i].reason);
		}
	}
}

static const struct
{
	const char *name;
	const char *text;
	const char *reason;			/* NULL: it is good */
}			texts[] = {
	{"00000003.history", "1\t0/9000000\tno recovery target specified\n2\t0/A000060\tx\n", NULL},
	{"00000002.history", "# a comment\n\n1\t0/9000000\tx", NULL},
	{"00000002.history", "\n1\t0/9000000\n", NULL},
	{"00000002.history", "", "The file is empty."},
	{"00000002.history", "# only a comment\n", "The file names no timeline."},
	{"00000002.history", "2\t0/9000000\tx\n", "has the line \"2\t0/9000000"},
	{"00000004.history", "2\t0/9000000\tx\n1\t0/A000000\tx\n", "has the line \"1\t0/A000000"},
	{"00000002.history", "1\t9000000\tx\n", "does not belong into the history of timeline 2"},
	{"00000002.history", "one\n", "does not belong into the history of timeline 2"},
	{"000000030000000A000000FE.00000028.backup", "START WAL LOCATION: A/FE000028 (file 000000030000000A000000FE)\n", NULL},
	{"000000030000000A000000FE.00000028.backup", "STOP WAL LOCATION: A/FE000028\n", "does not begin with \"START WAL LOCATION: \""},
	{"000000030000000A000000FE.00000028.backup", "START", "does not begin with"},
	{"000000030000000A000000FE.00000028.backup", "", "The file is empty."},
	{"000000030000000A000000FE", "", "The file is empty."},
	{"000000030000000A000000FE", "START WAL LOCATION: ", "which no segment has"},
};

static void
test_texts(void **state)
{
	BkWalName	name;
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		size_t		len = strlen(texts[i].text);
		bool		good;

		assert_good(bk_wal_name_parse(texts[i].name, &name, &err), &err);
		good = bk_segment_check(&name, CLUSTER, texts[i].text, len, len, &err);
		if (texts[i].reason == NULL)
			assert_good(good, &err);
		else
		{
			assert_false(good);
			assert_reason(&err, BK_STATE_CORRUPT, texts[i].reason);
		}
	}
	assert_good(bk_wal_name_parse("00000002.history", &name, &err), &err);
	assert_false(bk_segment_check(&name, CLUSTER, "1\t0/9\tx\0\n", 9, 9, &err));
	assert_reason(&err, BK_STATE_CORRUPT, "The file is not text.");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
