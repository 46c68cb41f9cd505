/*
 * hook.h
 *	  Programs of the user's own that are run before and after a verb.
 *
 * Their exit status says what becomes of the run (PROTOCOL.md, "Hooks").
 */
#ifndef BK_JOB_HOOK_H
#define BK_JOB_HOOK_H

#include "job/request.h"

/* Exit status of the hook before a run; every other one lets the run fail. */
#define BK_HOOK_GO_ON	0
#define BK_HOOK_RETRY	75		/* as EX_TEMPFAIL of sysexits.h */
#define BK_HOOK_SKIP	80

/*
 * Carry out a verb between the hooks that the request names, if it names any.
 * Errors: those of the verb; 55S01, 55S02, 55S03 for what the first hook
 * wants; 57014. The second hook is run when the first one let the run begin,
 * and changes nothing: its failure is a warning.
 */
extern bool bk_hook_around(const char *name, BkVerb verb, const BkRequest *request,
						   const BkHost *host, BkError *err);

#endif
