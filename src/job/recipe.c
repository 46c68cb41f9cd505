/*
 * recipe.c
 *	  Write RESTORE.txt.
 *
 * Every value goes into single quotes, so that no name means anything to the
 * shell that may run the text.
 */
#include "job/recipe.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "repo/layout.h"

static void add_globals(BkBuf *text, const BkRecipe *recipe);
static void add_create(BkBuf *text, const BkRecipe *recipe);
static void add_restore(BkBuf *text, const BkRecipe *recipe);
static void add_decode(BkBuf *text, const BkRecipe *recipe,
					   const char *stream);
static void add_option(BkBuf *text, const char *option,
					   const BkJson *identity, const char *key);

char *
bk_recipe_text(const BkRecipe *recipe)
{
	BkBuf		text;
	BkError		ignored;

	bk_buf_init(&text);
	bk_buf_printf(&text,
				  "#!/bin/sh\n"
				  "# How to restore backup %s with stock tools.\n"
				  "#\n"
				  "# It needs %s%s, and psql, createdb and pg_restore of PostgreSQL %d or newer.\n"
				  "# Go to the folder of this file. Run the commands one by one, or all of\n"
				  "# them as \"sh RESTORE.txt\". Say where the server is with PGHOST, PGPORT\n"
				  "# and PGUSER (a superuser), and choose the name of the new database.\n",
				  recipe->id, recipe->encrypted ? "age, " : "",
				  bk_recipe_decoder(recipe->codec), recipe->server_version / 10000);
	bk_recipe_add_origin(&text, recipe->id);
	bk_buf_append_string(&text, "\nset -e\n");
	if (recipe->encrypted)
		bk_recipe_add_unlock(&text);
	bk_buf_append_string(&text, "database=${1:-");
	bk_recipe_add_quoted(&text, bk_json_string(bk_json_get(recipe->identity, "name"), ""));
	bk_buf_append_string(&text, "}\n\n# 1. Are the files what they were?\n\n");
	bk_recipe_add_checksums(&text, recipe->objects);
	if (recipe->encrypted)
	{
		bk_buf_append_string(&text, "\n# Does the key fit?\n\n");
		add_decode(&text, recipe, BK_STREAM_CONTENTS);
		bk_buf_append_string(&text, " >/dev/null\n");
	}
	add_globals(&text, recipe);
	if (strcmp(recipe->content, "data") != 0)
		add_create(&text, recipe);
	add_restore(&text, recipe);
	return bk_buf_take(&text, &ignored);
}

void
bk_recipe_add_origin(BkBuf *text, const char *id)
{
	bk_buf_printf(text,
				  "#\n"
				  "# Do not run what somebody may have changed. The SHA-256 of this file stands in\n"
				  "# ../../manifest/%s.json; and\n"
				  "#   pg_backup_ext cat %s --object RESTORE.txt\n"
				  "# prints it only if it is as it was, and the manifest is sealed with the key that\n"
				  "# was given.\n", id, id);
}

/* The function takes names of files, each of which is encrypted by itself. */
void
bk_recipe_add_unlock(BkBuf *text)
{
	bk_buf_append_string(text,
						 "\n# It takes keys. Say with IDENTITY where the file with the private key is, with\n"
						 "# its full path.\n\n"
						 "case $IDENTITY in /*) ;; *) echo \"set IDENTITY to the file with the private key\" >&2; exit 205 ;; esac\n"
						 "unlock() { for part; do age -d -i \"$IDENTITY\" \"$part\" || return 1; done; }\n");
}

void
bk_recipe_add_checksums(BkBuf *text, const BkJson *objects)
{
	bk_buf_append_string(text, "sha256sum --check --quiet <<'END'\n");
	for (size_t i = 0; i < bk_json_length(objects); i++)
	{
		const BkJson *object = bk_json_at(objects, i);

		bk_buf_printf(text, "%s  %s\n",
					  bk_json_string(bk_json_get(object, "sha256"), ""),
					  bk_json_string(bk_json_get(object, "name"), ""));
	}
	bk_buf_append_string(text, "END\n");
}

static void
add_globals(BkBuf *text, const BkRecipe *recipe)
{
	bk_buf_append_string(text,
						 "\n# 2. Roles and tablespaces. Only in a cluster that has them not yet: set\n"
						 "#    GLOBALS=yes. Messages that something exists already are no harm.\n\n"
						 "if [ \"${GLOBALS:-no}\" = yes ]; then\n  ");
	add_decode(text, recipe, BK_STREAM_GLOBALS);
	bk_buf_append_string(text, " | psql --no-psqlrc --quiet --dbname=postgres\nfi\n");
}

static void
add_create(BkBuf *text, const BkRecipe *recipe)
{
	const BkJson *identity = recipe->identity;
	const char *provider = bk_json_string(bk_json_get(identity, "locale_provider"),
										  "libc");

	bk_buf_append_string(text,
						 "\n# 3. An empty database of the same kind.\n\n"
						 "createdb --maintenance-db=postgres --template=template0");
	add_option(text, "--encoding", identity, "encoding");
	add_option(text, "--lc-collate", identity, "collate");
	add_option(text, "--lc-ctype", identity, "ctype");
	add_option(text, "--locale-provider", identity, "locale_provider");
	if (strcmp(provider, "icu") == 0)
	{
		add_option(text, "--icu-locale", identity, "locale");
		add_option(text, "--icu-rules", identity, "icu_rules");
	}
	if (strcmp(provider, "builtin") == 0)
		add_option(text, "--builtin-locale", identity, "locale");
	bk_buf_append_string(text, " -- \"$database\"\n");
}

/* The name goes into a conninfo, whose own quotes are made by sed. */
static void
add_restore(BkBuf *text, const BkRecipe *recipe)
{
	bool		data = strcmp(recipe->content, "data") == 0;

	bk_buf_printf(text,
				  "\n# %s\n\n"
				  "quoted=$(printf '%%s.' \"$database\" | sed \"s/[\\\\\\\\']/\\\\\\\\&/g\")\n",
				  data ? "3. The data, into a database that has the tables."
				  : "4. Everything in it.");
	add_decode(text, recipe, BK_STREAM_ARCHIVE);
	bk_buf_printf(text,
				  " |\n  pg_restore --exit-on-error --no-subscriptions%s --dbname=\"dbname='${quoted%%.}'\"\n",
				  data ? " --data-only" : "");
	bk_buf_append_string(text,
						 "\n# What is left to be done by hand: subscriptions, and owner, grants, settings\n"
						 "# and comment of the database itself. These are in the first line of\n#   ");
	add_decode(text, recipe, BK_STREAM_CONTENTS);
	bk_buf_append_string(text, "\n");
}

/*
 * The command that prints a decoded stream. The parts concatenate when they
 * are decrypted, and go through a pipe since lz4 takes no more than one file.
 */
static void
add_decode(BkBuf *text, const BkRecipe *recipe, const char *stream)
{
	const char *command = bk_recipe_decoder(recipe->codec);

	bk_buf_append_string(text, recipe->encrypted ? "unlock" : "cat");
	for (size_t i = 0; i < bk_json_length(recipe->objects); i++)
	{
		const char *name = bk_json_string(bk_json_get(bk_json_at(recipe->objects, i),
													  "name"), "");

		if (bk_layout_is_part(name, stream))
			bk_buf_printf(text, " %s", name);
	}
	if (strcmp(command, "cat") != 0)
		bk_buf_printf(text, " | %s -dc", command);
}

static void
add_option(BkBuf *text, const char *option, const BkJson *identity,
		   const char *key)
{
	const char *value = bk_json_string(bk_json_get(identity, key), NULL);

	if (value == NULL)
		return;
	bk_buf_printf(text, " \\\n  %s=", option);
	bk_recipe_add_quoted(text, value);
}

void
bk_recipe_add_quoted(BkBuf *text, const char *value)
{
	bk_buf_append(text, "'", 1);
	for (const char *c = value; *c != '\0'; c++)
	{
		if (*c == '\'')
			bk_buf_append_string(text, "'\\''");
		else
			bk_buf_append(text, c, 1);
	}
	bk_buf_append(text, "'", 1);
}

const char *
bk_recipe_decoder(const char *codec)
{
	static const char *const decoders[] = {"zstd", "gzip", "lz4"};

	for (size_t i = 0; i < sizeof(decoders) / sizeof(decoders[0]); i++)
	{
		if (strncmp(codec, decoders[i], strlen(decoders[i])) == 0)
			return decoders[i];
	}
	return "cat";
}
