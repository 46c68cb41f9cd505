/*
 * test_azure.c
 *	  Signatures for Azure Blob Storage, computed beside by another program
 *	  from the string that the service's documentation describes; and what
 *	  URLs and credentials are refused.
 */
#include "support.h"

#include "storage/azure_key.h"
#include "storage/storage.h"

#define KEY		"YSBrZXkgb2YgdGhlIHRlc3QsIG5vdCBvZiBhbnlib2R5"

static const char *
header(const BkHttpRequest *request, const char *name)
{
	for (int i = 0; i < request->header_count; i++)
	{
		if (strcmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	}
	return NULL;
}

static void
make_request(BkHttpRequest *request)
{
	bk_http_request_init(request, "PUT", "http://127.0.0.1:10000", "/acc/box/a%20b");
	bk_http_query(request, "comp", "%s", "block");
	bk_http_query(request, "blockid", "%s", "AA==");
	bk_http_header(request, "Content-MD5", "%s", "XUFAKrxLKna5cZ2REBfFkg==");
	bk_http_header(request, "If-None-Match", "%s", "*");
	bk_http_header(request, "x-ms-blob-type", "%s", "BlockBlob");
	request->body = "hello";
	request->body_len = 5;
}

static void
signs_with_the_key(void **state)
{
	char	   *folder = new_folder();
	const char *file = in_folder(folder, "credentials");
	static const char lines[] = "account = acc\nkey = " KEY "\n";
	BkHttpRequest request;
	BkAzureKeys *keys;
	BkError		err;

	(void) state;
	write_file(file, lines, strlen(lines));
	keys = bk_azure_keys_open(NULL, file, NULL, &err);
	assert_good(keys != NULL, &err);
	assert_string_equal(bk_azure_keys_account(keys), "acc");
	make_request(&request);
	for (int i = 0; i < 2; i++)
	{
		assert_good(bk_azure_sign(keys, &request, 1795277000, &err), &err);
		assert_string_equal(header(&request, "x-ms-date"), "Sat, 21 Nov 2026 16:03:20 GMT");
		assert_string_equal(header(&request, "Authorization"),
							"SharedKey acc:Axo12ht16ALoDO1KRNAA4f16+Kcj9DAL1SYsKoihGhw=");
	}
	bk_http_request_free(&request);
	bk_azure_keys_close(keys);
	remove_folder(folder);
}

/* A new file is taken at once, and a half-written one leaves the old right. */
static void
follows_its_file(void **state)
{
	char	   *folder = new_folder();
	const char *file = in_folder(folder, "credentials");
	const char *next = in_folder(folder, "next");
	static const char first[] = "account = acc\nsas = ?sv=1&sig=a%2Bb\n";
	static const char second[] = "account = acc\nkey = " KEY "\n";
	BkHttpRequest request;
	BkAzureKeys *keys;
	BkError		err;

	(void) state;
	write_file(file, first, strlen(first));
	keys = bk_azure_keys_open(NULL, file, NULL, &err);
	assert_good(keys != NULL, &err);
	make_request(&request);
	for (int i = 0; i < 2; i++)
	{
		assert_good(bk_azure_sign(keys, &request, 1795277000, &err), &err);
		assert_int_equal(request.query_count, 4);
		assert_string_equal(request.query[3].value, "a+b");
		assert_null(header(&request, "Authorization"));
		write_file(next, "", 0);
		assert_int_equal(rename(next, file), 0);
	}
	write_file(next, second, strlen(second));
	assert_int_equal(rename(next, file), 0);
	assert_good(bk_azure_sign(keys, &request, 1795277000, &err), &err);
	assert_non_null(header(&request, "Authorization"));
	bk_http_request_free(&request);
	bk_azure_keys_close(keys);
	remove_folder(folder);
}

static const char *
account_variable(void *ctx, const char *name)
{
	(void) ctx;
	return strcmp(name, "AZURE_STORAGE_ACCOUNT") == 0 ? "acc" :
		strcmp(name, "AZURE_STORAGE_KEY") == 0 ? "not*base64" : NULL;
}

static bool
never(void *ctx)
{
	(void) ctx;
	return false;
}

static void
refuses_places(void **state)
{
	static const struct
	{
		const char *url;
		const char *sqlstate;
		const char *reason;
	}			rows[] = {
		{"azure://box/x?account=a&key=b", "22023", "unknown option \"key\""},
		{"azure://Box/x", "22023", "does not name a container"},
		{"azure:///x", "22023", "names no place"},
		{"azure://box/x?plain_http=1", "22023", "neither yes nor no"},
		{"azure://box/x?account=A%2Fb", "28000", "no storage account can have"},
		{"azure://box/x", "22023", "not in base 64"},
	};
	const BkHost host = {.stop = never, .variable = account_variable};
	const BkStorageAccess access = {.host = &host};
	BkError		err;

	(void) state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		assert_null(bk_storage_open(rows[i].url, false, &access, &err));
		assert_reason(&err, rows[i].sqlstate, rows[i].reason);
	}
	assert_null(bk_storage_open("azure://box/x", false, NULL, &err));
	assert_reason(&err, "28000", "does not name a storage account");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_with_the_key),
		cmocka_unit_test(follows_its_file),
		cmocka_unit_test(refuses_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
