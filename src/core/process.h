/*
 * process.h
 *	  Which process this is, so that another can tell later whether it lives.
 */
#ifndef BK_CORE_PROCESS_H
#define BK_CORE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/json.h"

typedef enum BkLife
{
	BK_LIFE_ALIVE,
	BK_LIFE_DEAD,
	BK_LIFE_UNKNOWN				/* it ran where we cannot look */
} BkLife;

/*
 * This process as a JSON object: host name, machine id (machine-id(5), may be
 * empty), boot id, PID namespace, PID and start time in ticks since boot
 * (proc(5)). Together they name one process among all that ever were. NULL on
 * failure.
 */
extern BkJson *bk_process_self(BkError *err);

/*
 * Does the process of such an object live? DEAD is said only where it is
 * certain: same boot and PID namespace, and no such process; or another boot
 * of the same machine, by its id and its name. Names alone are shared by many.
 */
extern BkLife bk_process_life(const BkJson *process);

/*
 * The host name and the machine id (machine-id(5)) of this machine, into size
 * bytes each. The id is empty where the system has none.
 */
extern bool bk_process_machine(char *hostname, char *machine_id, size_t size,
							   BkError *err);

#endif
