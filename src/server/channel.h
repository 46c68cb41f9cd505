/*
 * channel.h
 *	  Channels, by which people are told.
 */
#ifndef BK_SERVER_CHANNEL_H
#define BK_SERVER_CHANNEL_H

/* Makes the channels of other clusters those of this one. Needs a transaction. */
extern void bk_channel_adopt(void);

#endif							/* BK_SERVER_CHANNEL_H */
