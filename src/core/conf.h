/*
 * conf.h
 *	  A server's configuration files, read without the server.
 *
 * postgresql.conf with everything it includes, then postgresql.auto.conf;
 * what comes later wins (PostgreSQL docs, "Setting Parameters via the
 * Configuration File"). What the server was told on its command line is not
 * in files and not known here.
 */
#ifndef BK_CORE_CONF_H
#define BK_CORE_CONF_H

#include "core/error.h"

typedef struct BkConf BkConf;

/*
 * Read the files of a data directory, or of a configuration directory as
 * Debian has them. Where postgresql.conf is not in the data directory, that of
 * the server that runs there is taken, if it was named on its command line. A
 * file that is missing or not understood is an error that
 * names it (58P01; 55000 with the line). NULL on failure.
 */
extern BkConf *bk_conf_read(const char *directory, BkError *err);

/*
 * The value of a setting as it stands in the files, without quotes; NULL if
 * it is in none. Upper and lower case of the name do not matter. Borrowed.
 */
extern const char *bk_conf_get(const BkConf *conf, const char *name);

/* The data directory: data_directory, else the directory itself. Borrowed. */
extern const char *bk_conf_data_directory(const BkConf *conf);

/* Free it; NULL is allowed. */
extern void bk_conf_free(BkConf *conf);

#endif
