/*
 * zone.h
 *	  Local time in a time zone of the machine's time zone database.
 */
#ifndef BK_CORE_ZONE_H
#define BK_CORE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/*
 * The local times of moments, each as the seconds that UTC has when its clocks
 * show the same. To be called by the main thread only, since a zone is set for
 * the whole process. A zone that is not in the database is an error (22023):
 * what is counted in days there cannot be counted.
 */
extern bool bk_zone_local(const char *zone, const int64_t *times,
						  int64_t *local, size_t count, BkError *err);

#endif
