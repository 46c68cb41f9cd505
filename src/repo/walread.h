/*
 * walread.h
 *	  Reading archived WAL, as its writer needs it: used by wal.c only.
 */
#ifndef BK_REPO_WALREAD_H
#define BK_REPO_WALREAD_H

#include "repo/wal.h"

/*
 * As bk_wal_reader(). "known": the bytes are known to be the right ones, so
 * that it does not matter who named them.
 */
extern BkReader *bk_wal_open(BkRepository *repo, const BkWalFound *found,
							 bool known, BkError *err);

/* The errors of a file in conflict (23505), and of one that is damaged (XX001). */
extern bool bk_wal_conflict(const BkWalName *name, const BkWalFound *found,
							BkError *err);
extern bool bk_wal_damaged(const BkWalFound *found, const char *reason,
						   BkError *err);

#endif
