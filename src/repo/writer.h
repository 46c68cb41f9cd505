/*
 * writer.h
 *	  Who may write into a repository: clusters, and of each the places where
 *	  it is at home.
 *
 * A copy of a cluster has its system identifier. What tells a standby that was
 * promoted from a clone that was started by mistake is that somebody, or the
 * standby while it streamed, has registered its place before.
 */
#ifndef BK_REPO_WRITER_H
#define BK_REPO_WRITER_H

#include "core/place.h"
#include "repo/repository.h"

/* What a fence begins with that a clone has for good. */
#define BK_FENCE_CLONE	"clone of "

/*
 * What a fence begins with that falls once the standby streams. The extension
 * looks at it, too (PROTOCOL.md).
 */
#define BK_FENCE_STANDBY	"standby restored from "

/* The server that asks; a server, since "cluster" is all its copies. */
typedef struct BkServer
{
	const char *system_identifier;
	const BkPlace *place;		/* NULL: not known */
	const char *fence;			/* why it may not write; NULL or "": no fence */
} BkServer;

/* How a place came to be registered. */
typedef enum BkWriterHow
{
	BK_WRITER_CREATED,			/* it created the repository */
	BK_WRITER_ADOPTED,			/* a person said so */
	BK_WRITER_STREAMED			/* it was there while it was a standby */
} BkWriterHow;

/*
 * May this server write here? An error (55000) where it is fenced, where its
 * cluster is not registered, or its place is not.
 */
extern bool bk_writer_check(BkRepository *repo, const BkServer *server,
							BkError *err);

/*
 * Register the place of a server, and its cluster unless it only streamed: a
 * standby of a cluster that may not write may not either (55000). Success if
 * they are registered already. A fence is not looked at.
 */
extern bool bk_writer_register(BkRepository *repo, const BkServer *server,
							   BkWriterHow how, BkError *err);

/* Visit the system identifiers of all clusters that are registered. */
extern bool bk_writer_clusters(BkRepository *repo, BkRepositoryVisit visit,
							   void *arg, BkError *err);

#endif
