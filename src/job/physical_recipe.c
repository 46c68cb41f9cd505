/*
 * physical_recipe.c
 *	  Write RESTORE.txt of a base backup.
 *
 * Called with --wal the script is a restore_command, so that recovery needs no
 * other file: one that lay in the data directory would be foreign there.
 */
#include "job/physical_recipe.h"

#include <string.h>

#include "core/buf.h"
#include "job/recipe.h"
#include "repo/layout.h"

static bool needs_keys(const BkPhysicalRecipe *recipe);
static const char *opener(const BkPhysicalRecipe *recipe);
static void add_wal(BkBuf *text, const BkPhysicalRecipe *recipe);
static void add_mac(BkBuf *text, const BkPhysicalRecipe *recipe);
static void add_tablespaces(BkBuf *text, const BkPhysicalRecipe *recipe);
static void add_volumes(BkBuf *text, const BkPhysicalRecipe *recipe,
						const char *name, const char *target);
static void add_end(BkBuf *text, const BkPhysicalRecipe *recipe);
static bool has_in_place(const BkVolumeSet *set);
static bool is_of(const BkBaseVolume *volume, const char *name);

char *
bk_physical_recipe_text(const BkPhysicalRecipe *recipe)
{
	const char *decoder = bk_recipe_decoder(recipe->codec);
	BkBuf		text;
	BkError		ignored;

	bk_buf_init(&text);
	bk_buf_printf(&text,
				  "#!/bin/sh\n"
				  "# How to restore base backup %s with stock tools.\n"
				  "#\n"
				  "# It needs %s%s, GNU tar, and the programs of PostgreSQL %d. Run it as the user\n"
				  "# who shall run the server, with the new data directory, which must not exist\n"
				  "# or be empty:\n"
				  "#\n"
				  "#   sh RESTORE.txt /var/lib/postgresql/restored\n"
				  "#\n"
				  "# or go to the folder of this file and run the commands one by one. Then look at\n"
				  "# the end of postgresql.auto.conf, where a recovery target can be added, and\n"
				  "# start the server.\n",
				  recipe->id, recipe->encrypted ? "age, " : "", decoder,
				  recipe->server_version / 10000);
	bk_recipe_add_origin(&text, recipe->id);
	bk_buf_printf(&text,
				  "\nset -e\n"
				  "case $0 in */*) cd \"${0%%/*}\" || exit 204 ;; esac\n"
				  "folder=$(pwd)\n"
				  "decode() { %s%s; }\n",
				  decoder, strcmp(decoder, "cat") == 0 ? "" : " -dc");
	if (needs_keys(recipe))
		bk_recipe_add_unlock(&text);
	bk_buf_append_string(&text, "\n");
	add_wal(&text, recipe);
	bk_buf_append_string(&text,
						 "target=${1:?say where to restore}\n"
						 "case $target in /*) ;; *) echo \"the path must be absolute\" >&2; exit 1 ;; esac\n"
						 "if [ -n \"$(ls -A \"$target\" 2>/dev/null)\" ]; then echo \"$target is not empty\" >&2; exit 1; fi\n\n"
						 "# 1. Are the files what they were?\n\n");
	bk_recipe_add_checksums(&text, recipe->objects);
	if (recipe->encrypted)
		bk_buf_printf(&text, "\n# Does the key fit?\n\nunlock %s.[0-9]* >/dev/null\n", BK_STREAM_PGMANIFEST);
	bk_buf_printf(&text,
				  "\n# 2. The data directory, volume after volume.\n\n"
				  "unpack() { %s \"$1\".[0-9]* | decode | tar -C \"$2\" -xpf -; }\n"
				  "mkdir -p -m 700 \"$target\"\n", opener(recipe));
	add_volumes(&text, recipe, "base", "$target");
	add_tablespaces(&text, recipe);
	add_end(&text, recipe);
	return bk_buf_take(&text, &ignored);
}

static bool
needs_keys(const BkPhysicalRecipe *recipe)
{
	return recipe->encrypted || recipe->authenticated;
}

/* What prints the objects whose names it gets. */
static const char *
opener(const BkPhysicalRecipe *recipe)
{
	return recipe->encrypted ? "unlock" : "cat";
}

/* Serve WAL: the name has a digest behind it, whatever the codec. */
static void
add_wal(BkBuf *text, const BkPhysicalRecipe *recipe)
{
	if (recipe->authenticated)
		add_mac(text, recipe);
	bk_buf_printf(text,
				  "# The restore_command: sh RESTORE.txt --wal %%f %%p\n"
				  "# Status 1 means that there is no such file, so that recovery ends there; any\n"
				  "# other failure must be above 125, so that it does not.\n\n"
				  "if [ \"$1\" = --wal ]; then\n"
				  "  name=$2 to=$3\n"
				  "  case $to in /*) ;; *) to=$OLDPWD/$to ;; esac\n"
				  "  wal=../../wal/%s\n"
				  "  [ -d \"$wal\" ] || exit 200\n"
				  "  case $name in\n"
				  "    *.history) wal=$wal/${name%%.history} ;;\n"
				  "    *) wal=$wal/$(printf %%.8s \"$name\")/$(printf %%.16s \"$name\") ;;\n"
				  "  esac\n"
				  "  set -- \"$wal/$name\"-*\n"
				  "  [ -e \"$1\" ] || exit 1\n"
				  "  [ $# = 1 ] || exit 201\n"
				  "  case $1 in\n"
				  "    *.age) %s \"$1\" ;;\n"
				  "    *) cat \"$1\" ;;\n"
				  "  esac | case ${1%%.age} in\n"
				  "    *.zst) zstd -dcq ;;\n"
				  "    *.gz) gzip -dc ;;\n"
				  "    *.lz4) lz4 -dc ;;\n"
				  "    *) cat ;;\n"
				  "  esac >\"$to\" || exit 202\n"
				  "  digest=${1#\"$wal/$name\"-}\n"
				  "  %s || { rm -f \"$to\"; exit 203; }\n"
				  "  exit 0\n"
				  "fi\n\n",
				  recipe->cluster, opener(recipe), recipe->authenticated
				  ? "is_ours \"$to\" \"$name\" \"${digest%%.*}\""
				  : "echo \"${digest%%.*}  $to\" | sha256sum --check --status");
}

/*
 * HMAC-SHA256 with what every machine has: the secret must not become an
 * argument of a program, where others could see it.
 */
static void
add_mac(BkBuf *text, const BkPhysicalRecipe *recipe)
{
	bk_buf_printf(text,
				  "# The digest in the name of a WAL file is an HMAC (RFC 2104) by a repository key.\n"
				  "# These stand in the file with the private key. is_ours FILE NAME DIGEST:\n\n"
				  "octets() {\n"
				  "  rest=$1\n"
				  "  while [ -n \"$rest\" ]; do\n"
				  "    last=${rest#??}\n"
				  "    printf \"\\\\$(printf %%03o $((0x${rest%%\"$last\"} ^ $2)))\"\n"
				  "    rest=$last\n"
				  "  done\n"
				  "}\n"
				  "is_ours() {\n"
				  "  for key in $(sed -n 's/^# backup_ext repository-key //p' \"$IDENTITY\"); do\n"
				  "    while [ ${#key} -lt 128 ]; do key=${key}00; done\n"
				  "    inner=$({ octets \"$key\" 0x36; printf '%%s\\0%%s\\0' %s \"$2\"; cat \"$1\"; } | sha256sum)\n"
				  "    outer=$({ octets \"$key\" 0x5c; octets \"${inner%%%% *}\" 0; } | sha256sum)\n"
				  "    [ \"${outer%%%% *}\" != \"$3\" ] || return 0\n"
				  "  done\n"
				  "  return 1\n"
				  "}\n\n", recipe->cluster);
}

static void
add_tablespaces(BkBuf *text, const BkPhysicalRecipe *recipe)
{
	const BkGround *ground = recipe->ground;

	for (size_t i = 0; i < ground->space_count; i++)
	{
		const BkGroundSpace *space = &ground->spaces[i];

		if (i == 0)
			bk_buf_append_string(text,
								 "\n# 3. The tablespaces, which need empty folders, and the links to them. Other\n"
								 "#    folders than those they had can be given as TABLESPACE_<oid>=/path.\n");
		bk_buf_printf(text, "\nspace=${TABLESPACE_%u:-}\n[ -n \"$space\" ] || space=", space->oid);
		bk_recipe_add_quoted(text, space->location);
		bk_buf_printf(text,
					  "\nif [ -n \"$(ls -A \"$space\" 2>/dev/null)\" ]; then echo \"$space is not empty\" >&2; exit 1; fi\n"
					  "mkdir -p -m 700 \"$space\"\n"
					  "ln -s \"$space\" \"$target/pg_tblspc/%u\"\n", space->oid);
		add_volumes(text, recipe, space->name, "$space");
	}
}

static void
add_volumes(BkBuf *text, const BkPhysicalRecipe *recipe, const char *name,
			const char *target)
{
	for (size_t i = 0; i < recipe->set->count; i++)
	{
		if (is_of(&recipe->set->list[i], name))
			bk_buf_printf(text, "unpack %s \"%s\"\n", recipe->set->list[i].stream, target);
	}
}

static void
add_end(BkBuf *text, const BkPhysicalRecipe *recipe)
{
	bool		config = false;

	for (size_t i = 0; i < recipe->set->count && !config; i++)
		config = is_of(&recipe->set->list[i], "config");
	if (config)
		bk_buf_append_string(text,
							 "\n# The configuration files that lay outside the data directory are in there now,\n"
							 "# each made into one. As they were, with their full paths, they are in\n"
							 "#   config.0001.tar\n");
	bk_buf_printf(text,
				  "\n# 4. How to get on from here: recovery to the end of the archived WAL, on the\n"
				  "#    timeline of the backup. The restored server must not archive into the place\n"
				  "#    that it came from.\n\n"
				  "%s %s.[0-9]* | decode >\"$target/backup_manifest\"\n"
				  "quote() {\n"
				  "  word=$(printf '%%s' \"$1\" | sed \"s/'/'\\\\\\\\''/g\")\n"
				  "  printf '%%s' \"'$word'\" | sed -e 's/\\\\/\\\\\\\\/g' -e \"s/'/''/g\" -e 's/%%/%%%%/g'\n"
				  "}\n"
				  "cat >>\"$target/postgresql.auto.conf\" <<END\n"
				  "restore_command = '%ssh $(quote \"$folder/RESTORE.txt\") --wal \"%%f\" \"%%p\"'\n"
				  "recovery_target_timeline = 'current'\n"
				  "archive_mode = off\n"
				  "%s"
				  "END\n"
				  ": >\"$target/recovery.signal\"\n\n"
				  "# 5. At last what makes it a cluster.\n\n", opener(recipe), BK_STREAM_PGMANIFEST,
				  needs_keys(recipe) ? "IDENTITY=$(quote \"$IDENTITY\") " : "",
				  has_in_place(recipe->set) ? "allow_in_place_tablespaces = on\n" : "");
	add_volumes(text, recipe, "control", "$target");
	bk_buf_printf(text, "\n# \"pg_verifybackup -n $target\" of PostgreSQL %d must be content now.\n"
				  "sync\n", recipe->server_version / 10000);
}

/* Tablespaces that are folders of the data directory: without links. */
static bool
has_in_place(const BkVolumeSet *set)
{
	for (size_t i = 0; i < set->count; i++)
	{
		const BkBaseVolume *volume = &set->list[i];

		for (size_t j = 0; j < volume->count && is_of(volume, "base"); j++)
		{
			if (strncmp(volume->files[j].path, "pg_tblspc/", strlen("pg_tblspc/")) == 0)
				return true;
		}
	}
	return false;
}

static bool
is_of(const BkBaseVolume *volume, const char *name)
{
	size_t		len = strlen(name);

	return strncmp(volume->stream, name, len) == 0 && volume->stream[len] == '.';
}
