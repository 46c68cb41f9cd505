/*
 * crew.h
 *	  Several threads that work off a number of tasks, while the main thread
 *	  looks after them.
 *
 * Threads must not call the host. They leave what they have to say where
 * "watch" finds it, and that runs in the thread that called bk_crew_run().
 */
#ifndef BK_CORE_CREW_H
#define BK_CORE_CREW_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

typedef struct BkCrew BkCrew;

typedef struct BkCrewSpec
{
	int			members;		/* threads, at most; no more than tasks */
	size_t		tasks;			/* numbered from 0, taken in this order */

	/*
	 * In each thread before its first task: make what belongs to it alone.
	 * *own is passed to the other two. If it fails, end is not called.
	 */
	bool		(*begin) (void *arg, void **own, BkError *err);

	/*
	 * In a thread: do one task. Long work asks bk_crew_go_on() once per
	 * buffer.
	 */
	bool		(*work) (BkCrew *crew, void *own, size_t task, BkError *err);

	/* In each thread after its last task: free its own. */
	void		(*end) (void *arg, void *own);

	/* In the caller's thread, several times a second; false stops the work. */
	bool		(*watch) (void *arg, BkError *err);
	void	   *arg;
} BkCrewSpec;

/*
 * Work off all tasks. True: every one has been done. The first failure stops
 * the others; returns only when no thread is left.
 */
extern bool bk_crew_run(const BkCrewSpec *spec, BkError *err);

/*
 * For work: false, with an error (57014) that nobody will see, once another
 * task has failed or watch has ended the work.
 */
extern bool bk_crew_go_on(BkCrew *crew, BkError *err);

/* The arg of the spec, for work. */
extern void *bk_crew_arg(const BkCrew *crew);

#endif
