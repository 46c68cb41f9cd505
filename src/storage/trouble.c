/*
 * trouble.c
 *	  What can go wrong on the way to a server, in words.
 */
#include "storage/trouble.h"

#include <stddef.h>

typedef struct Words
{
	const char *sqlstate;
	const char *before;			/* the place, which is quoted */
	const char *after;
	const char *detail;			/* NULL: the reason given */
	const char *hint;			/* NULL: none */
	bool		again;
} Words;

/* What does not get better by itself is not tried again. */
static const Words words[] = {
	[BK_TROUBLE_ADDRESS] = {BK_STATE_BAD_ARGUMENT, "", " is not a valid address", NULL, NULL, false},
	[BK_TROUBLE_LINK_LOCAL] = {BK_STATE_BAD_ARGUMENT, "", " is not a store",
	"Its name leads to a link-local address, which are those of the cloud's metadata services.", NULL, false},
	[BK_TROUBLE_NAME] = {BK_STATE_UNREACHABLE, "could not find ", "", NULL, NULL, true},
	[BK_TROUBLE_CONNECTION] = {BK_STATE_UNREACHABLE, "could not connect to ", "", NULL, NULL, true},
	[BK_TROUBLE_TLS] = {BK_STATE_UNREACHABLE, "could not agree with ", " on TLS", NULL, NULL, true},
	[BK_TROUBLE_CERTIFICATE] = {BK_STATE_UNREACHABLE, "could not trust the certificate of ", "", NULL,
	"If the server has a certificate of your own authority, add the option ca_file=/path/of/ca.pem to the repository's URL.", false},
	[BK_TROUBLE_AUTHORITY] = {BK_STATE_BAD_ARGUMENT, "could not read the certificates to trust for ", "", NULL,
	"Name a file of PEM certificates in the option ca_file of the repository's URL.", false},
	[BK_TROUBLE_HOST_KEY] = {BK_STATE_UNREACHABLE, "could not trust the host key of ", "", NULL, NULL, false},
	[BK_TROUBLE_LOGIN] = {BK_STATE_REFUSED, "", " refused the login", NULL, NULL, false},
	[BK_TROUBLE_HEAD] = {BK_STATE_TOO_LARGE, "answer of ", " has too many headers",
	"More than 200 lines or 64 kB are not taken.", NULL, false},
	[BK_TROUBLE_MAIL] = {BK_STATE_DISCONNECTED, "", " did not take the mail", NULL, NULL, true},
	[BK_TROUBLE_BROKEN] = {BK_STATE_DISCONNECTED, "connection to ", " broke off", NULL, NULL, true},
};

bool
bk_trouble(BkTrouble trouble, const char *place, const char *reason,
		   bool *again, BkError *err)
{
	const Words *said = &words[trouble];

	*again = said->again;
	bk_error(err, said->sqlstate, "%s\"%s\"%s", said->before, place, said->after);
	if (said->hint != NULL)
		bk_error_hint(err, "%s", said->hint);
	if (said->detail != NULL)
		return bk_error_detail(err, "%s", said->detail);
	return bk_error_detail(err, "%s.", reason);
}
