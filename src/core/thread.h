/*
 * thread.h
 *	  Start a thread, and wait for it with a limit.
 */
#ifndef BK_CORE_THREAD_H
#define BK_CORE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/*
 * Start a thread in which all signals are blocked: they are for the main
 * thread. The caller joins or detaches it. False: there is no thread.
 */
extern bool bk_thread_start(pthread_t *thread, void *(*run) (void *arg),
							void *arg);

/*
 * A condition, and a wait for it of at most so long, on a clock that never
 * jumps. As with every condition, look whether what was waited for is true.
 */
extern void bk_thread_cond_init(pthread_cond_t *cond);
extern void bk_thread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
								int milliseconds);

#endif
