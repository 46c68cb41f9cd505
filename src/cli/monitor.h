/*
 * monitor.h
 *	  How backups stand, in the forms that monitors read.
 */
#ifndef BK_CLI_MONITOR_H
#define BK_CLI_MONITOR_H

#include "core/error.h"
#include "core/json.h"

/* A table for people, of a "status" record. */
extern void bk_monitor_table(const BkJson *status);

/*
 * One line for Nagios and its kin (Monitoring Plugins Development Guidelines)
 * of a "status" record. Returns the exit status: 0 ok, 1 warning, 2 critical.
 */
extern int	bk_monitor_nagios(const BkJson *status);

/*
 * The same where the status could not be read: 2, since nobody knows how the
 * backups stand; 3 (unknown) where the call was wrong.
 */
extern int	bk_monitor_nagios_failed(const BkError *err);

/* OpenMetrics text (OpenMetrics 1.0) of a "metrics" record. */
extern void bk_monitor_openmetrics(const BkJson *metrics);

#endif
