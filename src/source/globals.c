/*
 * globals.c
 *	  Split SQL text into statements and run them.
 *
 * The text is pg_dumpall's own: it has plain and quoted names, strings with
 * doubled quotes, and comments to the end of a line; no dollar quotes.
 */
#include "source/globals.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"

/* A statement of pg_dumpall is a line or two. */
#define STATEMENT_MAX	(1024 * 1024)

typedef enum State
{
	STATE_SPACE,				/* between statements, at the start of a line */
	STATE_PLAIN,
	STATE_STRING,
	STATE_NAME,
	STATE_LINE					/* a comment or a line for psql */
} State;

typedef struct Splitter
{
	BkPg	   *pg;
	const BkHost *host;
	State		state;
	BkBuf		statement;
	BkBuf		existing;		/* "ROLE x" and a NUL, for each that exists */
	bool		failed;
	BkError		first;			/* the first failure */
} Splitter;

static bool feed(Splitter *splitter, char c, BkError *err);
static bool is_comment(const Splitter *splitter, char c);
static bool run_statement(Splitter *splitter, BkError *err);
static size_t object_length(const char *statement, const char *verb);
static bool alters_existing(const Splitter *splitter);

bool
bk_globals_run(BkPg *pg, BkReader *text, const BkHost *host, BkError *err)
{
	Splitter	splitter = {.pg = pg, .host = host, .state = STATE_SPACE};
	char	   *buf = malloc(BK_STREAM_BUFFER);
	size_t		got = 1;
	bool		ok = buf != NULL || bk_error_memory(err);

	bk_buf_init(&splitter.statement);
	bk_buf_init(&splitter.existing);
	while (ok && got > 0)
	{
		ok = bk_go_on(host, err) &&
			bk_read(text, buf, BK_STREAM_BUFFER, &got, err);
		for (size_t i = 0; ok && i < got; i++)
			ok = feed(&splitter, buf[i], err);
	}
	bk_buf_free(&splitter.statement);
	bk_buf_free(&splitter.existing);
	free(buf);
	if (ok && splitter.failed)
	{
		*err = splitter.first;
		ok = false;
	}
	return ok;
}

/* One byte of the text. */
static bool
feed(Splitter *splitter, char c, BkError *err)
{
	BkBuf	   *statement = &splitter->statement;

	switch (splitter->state)
	{
		case STATE_LINE:
			if (c == '\n')
				splitter->state = STATE_SPACE;
			return true;
		case STATE_SPACE:
			if (isspace((unsigned char) c))
				return true;
			splitter->state = c == '\\' ? STATE_LINE : STATE_PLAIN;
			if (splitter->state == STATE_LINE)
				return true;
			break;
		case STATE_STRING:
		case STATE_NAME:
			if (c == (splitter->state == STATE_STRING ? '\'' : '"'))
				splitter->state = STATE_PLAIN;
			bk_buf_append(statement, &c, 1);
			return bk_buf_check(statement, err);
		case STATE_PLAIN:
			break;
	}
	if (is_comment(splitter, c))
	{
		bk_buf_reset(statement);
		splitter->state = STATE_LINE;
		return true;
	}
	bk_buf_append(statement, &c, 1);
	if (c == '\'')
		splitter->state = STATE_STRING;
	else if (c == '"')
		splitter->state = STATE_NAME;
	else if (c == ';')
		return run_statement(splitter, err);
	if (statement->len > STATEMENT_MAX)
		return bk_error(err, BK_STATE_CORRUPT,
						"the globals have a statement of more than %d bytes",
						STATEMENT_MAX);
	return bk_buf_check(statement, err);
}

/* Comments stand on lines of their own, so before any statement. */
static bool
is_comment(const Splitter *splitter, char c)
{
	return c == '-' && splitter->statement.len == 1 &&
		splitter->statement.data[0] == '-';
}

/* A statement that fails is noted, and the others follow. */
static bool
run_statement(Splitter *splitter, BkError *err)
{
	const char *statement = splitter->statement.data;
	size_t		created = object_length(statement, "CREATE ");
	BkError		problem;

	if (!alters_existing(splitter) &&
		!bk_pg_run(splitter->pg, statement, &problem))
	{
		bool		exists = created > 0 && bk_error_is(&problem, BK_STATE_DUP_OBJECT);

		if (!bk_go_on(splitter->host, err))
			return false;
		bk_log(splitter->host, exists ? BK_LOG_INFO : BK_LOG_WARNING, "%s",
			   problem.message);
		if (exists)
		{
			bk_buf_append(&splitter->existing, statement + strlen("CREATE "), created);
			bk_buf_append(&splitter->existing, "", 1);
		}
		else if (!splitter->failed)
		{
			splitter->failed = true;
			splitter->first = problem;
		}
	}
	bk_buf_reset(&splitter->statement);
	splitter->state = STATE_SPACE;
	return bk_buf_check(&splitter->existing, err);
}

/*
 * Length of "ROLE x" or "TABLESPACE x" after a verb at the beginning of a
 * statement; 0 for any other statement.
 */
static size_t
object_length(const char *statement, const char *verb)
{
	static const char *const kinds[] = {"ROLE ", "TABLESPACE "};
	const char *object = statement + strlen(verb);

	if (strncmp(statement, verb, strlen(verb)) != 0)
		return 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		const char *name = object + strlen(kinds[i]);

		if (strncmp(object, kinds[i], strlen(kinds[i])) != 0)
			continue;
		if (*name != '"')
			return (size_t) (name - object) + strcspn(name, " ;");
		/* A quote in a quoted name is doubled. */
		for (name++; *name != '\0' && (*name != '"' || name[1] == '"'); name++)
			name += *name == '"';
		return (size_t) (name - object) + (*name == '"');
	}
	return 0;
}

/* Would the statement change something that was there before? */
static bool
alters_existing(const Splitter *splitter)
{
	const char *statement = splitter->statement.data;
	const BkBuf *existing = &splitter->existing;
	size_t		len = object_length(statement, "ALTER ");
	size_t		at = 0;

	while (len > 0 && at < existing->len)
	{
		const char *object = existing->data + at;

		if (strlen(object) == len &&
			memcmp(object, statement + strlen("ALTER "), len) == 0)
			return true;
		at += strlen(object) + 1;
	}
	return false;
}
