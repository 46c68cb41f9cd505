/*
 * storage_place.h
 *	  A fresh, empty place for each test of a store.
 *
 * It is a folder, unless the environment has BACKUP_EXT_TEST_STORE: the URL of
 * a store, in which @PLACE@ stands for a name that is made up each time.
 */
#ifndef STORAGE_PLACE_H
#define STORAGE_PLACE_H

#include "storage/storage.h"

/* Open a fresh place, and leave it; there is one at a time. */
extern BkStorage *fresh_place(void);
extern void leave_place(void);

/* A handle of its own for a child. NULL on failure. */
extern BkStorage *same_place_again(void);

/* Is it on this machine, so that many calls take no time? */
extern bool place_is_near(void);

/* Does the store itself let only one of two writers have a name? */
extern bool place_has_one_winner(void);

#endif
