/*
 * provider_process.c
 *	  Credentials from a program that knows them.
 *
 * It is started from the thread that asks, which waits for it: that thread
 * lives as long as the program, so the death signal of core/child.h comes
 * only when we are gone.
 */
#define _GNU_SOURCE 1
#include "storage/provider.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/child.h"
#include "core/clock.h"

#define ARGUMENTS_MAX	64
#define LIMIT_MS		60000
#define OUTPUT_MAX		(64 * 1024)

/* What the callbacks of the child need. */
typedef struct Watch
{
	const BkHost *host;
	int64_t		deadline;
} Watch;

static bool split(const char *command, char *buf, char **argv, BkError *err);
static const char *take_word(const char *from, char **to, bool *closed);
static bool find_program(const char *name, BkBuf *path, BkError *err);
static bool make_environment(const BkProviderSearch *search, char **envp,
							 BkError *err);
static bool run(BkProviderSearch *search, char **argv, BkBuf *output,
				BkError *err);
static bool read_output(BkChild *child, BkBuf *output, BkError *err);
static bool watch_tick(void *arg, BkError *err);
static void watch_log(void *arg, const char *line);

static const char *const inherited[] = {
	"HOME", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
	"AWS_REGION", "AWS_DEFAULT_REGION",
};

#define INHERITED	(sizeof(inherited) / sizeof(inherited[0]))

bool
bk_provider_process(BkProviderSearch *search, const char *command,
					BkCredentials *credentials, BkError *err)
{
	char	   *argv[ARGUMENTS_MAX + 1] = {NULL};
	char	   *words = malloc(strlen(command) + 2);
	BkBuf		output;
	BkJson	   *json = NULL;
	bool		done;

	bk_buf_init(&output);
	done = words != NULL ? split(command, words, argv, err) :
		bk_error_memory(err);
	done = done && run(search, argv, &output, err);
	if (done)
		json = bk_json_parse(output.data, output.len,
							 "the answer of credential_process", err);
	done = json != NULL;
	if (done && bk_json_int(bk_json_get(json, "Version"), 0) != 1)
		done = bk_error(err, BK_STATE_REFUSED,
						"credential_process does not answer with Version 1");
	done = done && bk_provider_json(output.data, output.len, "SessionToken",
									"credential_process", credentials, err);
	bk_json_free(json);
	if (output.len > 0)
		explicit_bzero(output.data, output.len);
	bk_buf_free(&output);
	free(words);
	return done;
}

/*
 * Cut the command into words as a shell would, without being one: quotes and
 * backslashes, nothing else. The words are put into buf.
 */
static bool
split(const char *command, char *buf, char **argv, BkError *err)
{
	int			count = 0;
	bool		closed = true;

	for (;;)
	{
		command += strspn(command, " \t");
		if (*command == '\0')
			break;
		if (count == ARGUMENTS_MAX)
			return bk_error(err, BK_STATE_REFUSED,
							"credential_process has too many arguments");
		argv[count++] = buf;
		command = take_word(command, &buf, &closed);
		*buf++ = '\0';
	}
	if (!closed)
		return bk_error(err, BK_STATE_REFUSED,
						"credential_process has a quote that is not closed");
	return count > 0 || bk_error(err, BK_STATE_REFUSED,
								 "credential_process is empty");
}

/* Returns what follows the word. */
static const char *
take_word(const char *from, char **to, bool *closed)
{
	char		quote = '\0';

	for (; *from != '\0'; from++)
	{
		if (quote == '\0' && (*from == ' ' || *from == '\t'))
			break;
		if (quote == '\0' && (*from == '"' || *from == '\''))
			quote = *from;
		else if (quote != '\0' && *from == quote)
			quote = '\0';
		else
		{
			if (*from == '\\' && quote != '\'' && from[1] != '\0')
				from++;
			*(*to)++ = *from;
		}
	}
	*closed = quote == '\0';
	return from;
}

static bool
find_program(const char *name, BkBuf *path, BkError *err)
{
	static const char *const places[] = {"/usr/local/bin", "/usr/bin", "/bin"};

	if (strchr(name, '/') != NULL)
	{
		bk_buf_append_string(path, name);
		return bk_buf_check(path, err);
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
	{
		bk_buf_reset(path);
		bk_buf_printf(path, "%s/%s", places[i], name);
		if (!path->failed && access(path->data, X_OK) == 0)
			return true;
	}
	bk_error(err, BK_STATE_MISSING_FILE,
			 "program \"%s\" of credential_process was not found", name);
	return bk_error_hint(err, "Write its whole path.");
}

/* Nothing that was not asked for. The strings are the caller's to free. */
static bool
make_environment(const BkProviderSearch *search, char **envp, BkError *err)
{
	size_t		count = 0;

	envp[count] = strdup("PATH=/usr/local/bin:/usr/bin:/bin");
	if (envp[count++] == NULL)
		return bk_error_memory(err);
	for (size_t i = 0; i < INHERITED; i++)
	{
		const char *value = bk_provider_variable(search, inherited[i]);
		BkBuf		line;

		if (value == NULL)
			continue;
		bk_buf_init(&line);
		bk_buf_printf(&line, "%s=%s", inherited[i], value);
		envp[count] = bk_buf_take(&line, err);
		if (envp[count++] == NULL)
			return false;
	}
	return true;
}

static bool
run(BkProviderSearch *search, char **argv, BkBuf *output, BkError *err)
{
	char	   *envp[INHERITED + 2] = {NULL};
	Watch		watch = {
		.host = search->spec->host,
		.deadline = bk_clock_monotonic_ms() + LIMIT_MS,
	};
	BkBuf		path;
	BkChild    *child = NULL;
	bool		done;

	bk_buf_init(&path);
	if (find_program(argv[0], &path, err) && make_environment(search, envp, err))
		child = bk_child_spawn(&(BkChildSpec) {
			.program = path.data,
			.argv = argv,
			.envp = envp,
			.input = BK_CHILD_NULL,
			.output = BK_CHILD_PIPE,
			.tick = watch_tick,
			.log = watch_log,
			.arg = &watch,
		}, err);
	done = child != NULL && read_output(child, output, err) &&
		bk_child_finish(child, err);
	bk_child_free(child);
	for (size_t i = 0; i < INHERITED + 1; i++)
		free(envp[i]);
	bk_buf_free(&path);
	return done;
}

static bool
read_output(BkChild *child, BkBuf *output, BkError *err)
{
	char		piece[4096];
	size_t		got;
	bool		done = true;

	/* A buffer that grows would leave copies of the secret behind. */
	if (!bk_buf_reserve(output, OUTPUT_MAX + sizeof(piece)))
		return bk_error_memory(err);
	do
	{
		done = bk_child_read(child, piece, sizeof(piece), &got, err);
		if (done)
			bk_buf_append(output, piece, got);
		if (done && output->len > OUTPUT_MAX)
			done = bk_error(err, BK_STATE_TOO_LARGE,
							"credential_process writes too much");
	} while (done && got > 0);
	explicit_bzero(piece, sizeof(piece));
	return done;
}

static bool
watch_tick(void *arg, BkError *err)
{
	const Watch *watch = arg;

	if (bk_clock_monotonic_ms() > watch->deadline)
		return bk_error(err, BK_STATE_UNREACHABLE,
						"credential_process took longer than a minute");
	return watch->host == NULL || bk_go_on(watch->host, err);
}

/* The end of its standard error is in the error, if there is one. */
static void
watch_log(void *arg, const char *line)
{
	(void) arg;
	(void) line;
}
