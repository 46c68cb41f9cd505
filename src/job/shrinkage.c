/*
 * shrinkage.c
 *	  Compare the rows of two backups of a database, table by table.
 *
 * The contents of the earlier one are read as a stream; only what the new one
 * has is in memory. Tables that are gone were dropped, and count as nothing.
 */
#include "job/shrinkage.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "job/contents.h"
#include "repo/layout.h"
#include "repo/object.h"

#define WORST	3				/* tables that are named */

typedef struct Loss
{
	const BkArchiveData *table;
	int64_t		before;
} Loss;

typedef struct Compare
{
	const BkHost *host;
	const BkArchiveData **tables;	/* sorted by name */
	size_t		count;
	BkShrinkage *shrinkage;
	Loss		worst[WORST];	/* by lost rows */
	int			worst_count;
} Compare;

static bool sort_tables(Compare *compare, const BkArchive *archive,
						BkError *err);
static bool take_line(void *arg, const BkContentsLine *line, BkError *err);
static void take_loss(Compare *compare, Loss loss);
static int64_t lost_rows(const Loss *loss);
static void tell(const Compare *compare, const char *previous);
static int	compare_names(const char *schema, const char *name,
						  const BkArchiveData *table);
static int	compare_tables(const void *a, const void *b);

bool
bk_shrinkage_find(BkRepository *repo, const char *previous,
				  const BkArchive *archive, const BkHost *host,
				  BkShrinkage *shrinkage)
{
	Compare		compare = {.host = host, .shrinkage = shrinkage};
	BkManifest *manifest;
	BkReader   *reader = NULL;
	BkError		problem;
	bool		ok;

	*shrinkage = (BkShrinkage) {0};
	manifest = bk_repository_manifest(repo, previous, &problem);
	ok = manifest != NULL &&
		sort_tables(&compare, archive, &problem) &&
		(reader = bk_object_reader(repo, manifest, BK_STREAM_CONTENTS, &problem)) != NULL &&
		bk_contents_read(reader, NULL, take_line, &compare, &problem);
	bk_reader_close(reader);
	bk_manifest_free(manifest);
	if (!ok)
		bk_log(host, BK_LOG_INFO, "the new backup cannot be compared with \"%s\": %s",
			   previous, problem.message);
	else if (compare.worst_count > 0)
		tell(&compare, previous);
	free(compare.tables);
	return ok;
}

static bool
sort_tables(Compare *compare, const BkArchive *archive, BkError *err)
{
	compare->tables = calloc(archive->data_count + 1, sizeof(*compare->tables));
	if (compare->tables == NULL)
		return bk_error_memory(err);
	for (size_t i = 0; i < archive->data_count; i++)
	{
		if (archive->data[i].is_table)
			compare->tables[compare->count++] = &archive->data[i];
	}
	qsort(compare->tables, compare->count, sizeof(*compare->tables), compare_tables);
	return true;
}

static bool
take_line(void *arg, const BkContentsLine *line, BkError *err)
{
	Compare    *compare = arg;
	size_t		low = 0;
	size_t		high = compare->count;

	if (!bk_go_on(compare->host, err))
		return false;
	if (line->name == NULL || line->rows < BK_SHRINKAGE_ROWS)
		return true;
	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;
		const BkArchiveData *table = compare->tables[middle];
		int			order = compare_names(line->schema, line->name, table);

		if (order == 0)
		{
			take_loss(compare, (Loss) {table, line->rows});
			return true;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return true;
}

static void
take_loss(Compare *compare, Loss loss)
{
	int			place;

	if (loss.table->rows == 0)
		compare->shrinkage->emptied++;
	else if ((int64_t) loss.table->rows < loss.before - loss.before / 2)
		compare->shrinkage->shrunk++;
	else
		return;
	if (compare->worst_count < WORST)
		place = compare->worst_count++;
	else if (lost_rows(&loss) > lost_rows(&compare->worst[WORST - 1]))
		place = WORST - 1;
	else
		return;
	for (; place > 0 && lost_rows(&loss) > lost_rows(&compare->worst[place - 1]); place--)
		compare->worst[place] = compare->worst[place - 1];
	compare->worst[place] = loss;
}

static int64_t
lost_rows(const Loss *loss)
{
	return loss->before - (int64_t) loss->table->rows;
}

static void
tell(const Compare *compare, const char *previous)
{
	int64_t		count = compare->shrinkage->emptied + compare->shrinkage->shrunk;
	BkBuf		text;

	bk_buf_init(&text);
	for (int i = 0; i < compare->worst_count; i++)
	{
		const Loss *loss = &compare->worst[i];

		bk_buf_printf(&text, "%s\"%s.%s\" (%lld, now %lld)", i == 0 ? "" : ", ",
					  loss->table->schema == NULL ? "" : loss->table->schema,
					  loss->table->name, (long long) loss->before,
					  (long long) loss->table->rows);
	}
	if (!text.failed)
		bk_log(compare->host, BK_LOG_WARNING,
			   "%lld %s lost more than half of the rows since backup \"%s\": %s%s",
			   (long long) count, count == 1 ? "table has" : "tables have",
			   previous, text.data,
			   count > compare->worst_count ? ", ..." : "");
	bk_buf_free(&text);
}

static int
compare_names(const char *schema, const char *name, const BkArchiveData *table)
{
	int			order = strcmp(schema == NULL ? "" : schema,
							   table->schema == NULL ? "" : table->schema);

	return order != 0 ? order : strcmp(name, table->name);
}

static int
compare_tables(const void *a, const void *b)
{
	const BkArchiveData *table = *(const BkArchiveData *const *) a;

	return compare_names(table->schema, table->name,
						 *(const BkArchiveData *const *) b);
}
