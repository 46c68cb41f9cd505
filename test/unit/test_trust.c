/*
 * test_trust.c
 *	  Whom we speak with: certificates, endpoints, proxies, and that nothing
 *	  of it comes from the environment.
 */
#include "support.h"

#include "scripted.h"
#include "storage/http.h"
#include "storage/origin.h"

#define OK_ANSWER	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* Made once: an authority, and servers with certificates of it. */
static char *folder;

static bool
never_stop(void *ctx)
{
	(void) ctx;
	return false;
}

static const BkHost host = {.stop = never_stop};

static bool
get(const BkHttpPolicy *wanted, const char *origin, BkError *err)
{
	BkHttpPolicy policy = *wanted;
	BkHttpCall	call = {.prepare = NULL};
	BkHttp	   *http;
	BkHttpRequest request;
	BkHttpResponse response;
	bool		done;

	policy.host = &host;
	policy.attempts = 1;
	http = bk_http_open(&policy, err);
	if (http == NULL)
		return false;
	bk_http_request_init(&request, "GET", origin, "/");
	done = bk_http_call(http, &request, &call, &response, err);
	bk_http_response_free(&response);
	bk_http_request_free(&request);
	bk_http_close(http);
	return done;
}

static void
run_openssl(const char *line)
{
	char		script[2048];
	const char *argv[] = {"sh", "-c", script, NULL};

	snprintf(script, sizeof(script), "cd %s && openssl %s", folder, line);
	if (run_program(argv, "/dev/null", "/dev/null") != 0)
		fail_msg("openssl %s", line);
}

static void
make_certificate(const char *name, const char *subject, const char *days)
{
	char		line[1024];

	snprintf(line, sizeof(line),
			 "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test"
			 " -keyout %s.key -out %s.csr && echo subjectAltName=%s >%s.ext &&"
			 " openssl x509 -req -in %s.csr -CA ca.pem -CAkey ca.key -CAcreateserial"
			 " -days %s -extfile %s.ext -out %s.pem",
			 name, name, subject, name, name, days, name, name);
	run_openssl(line);
}

static int
make_certificates(void **state)
{
	(void) state;
	folder = new_folder();
	run_openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
				" -subj /CN=authority -days 2 -keyout ca.key -out ca.pem");
	make_certificate("good", "IP:127.0.0.1", "2");
	make_certificate("other", "DNS:elsewhere.example", "2");
	make_certificate("old", "IP:127.0.0.1", "-1");
	return 0;
}

static int
remove_certificates(void **state)
{
	(void) state;
	remove_folder(folder);
	return 0;
}

/* A server with TLS; its origin is written. Returns its process. */
static pid_t
start_tls(const char *certificate, const char *option, char *origin,
		  size_t size)
{
	char		key[32];
	char		pem[32];
	char		line[256];
	const char *argv[] = {
		"openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-key", key,
		"-cert", pem, "-cipher", "ALL:@SECLEVEL=0", option, NULL,
	};
	int			ends[2];
	FILE	   *output;
	pid_t		pid;
	int			port = 0;

	snprintf(key, sizeof(key), "%s.key", certificate);
	snprintf(pem, sizeof(pem), "%s.pem", certificate);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
	{
		int			null = open("/dev/null", O_RDWR);

		if (chdir(folder) == 0 && dup2(null, 0) == 0 && dup2(ends[1], 1) == 1 &&
			dup2(null, 2) == 2)
			execvp(argv[0], (char *const *) argv);
		_exit(127);
	}
	close(ends[1]);
	output = fdopen(ends[0], "r");
	assert_non_null(output);
	while (port == 0 && fgets(line, sizeof(line), output) != NULL)
	{
		if (strncmp(line, "ACCEPT", 6) == 0)
			port = atoi(strrchr(line, ':') + 1);
	}
	fclose(output);
	assert_true(port > 0);
	snprintf(origin, size, "https://127.0.0.1:%d", port);
	return pid;
}

static void
end_tls(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

typedef struct TlsCase
{
	const char *certificate;
	const char *option;
	bool		known;			/* is the authority? */
	const char *message;		/* NULL: good */
	const char *detail;
} TlsCase;

static const TlsCase tls_cases[] = {
	{"good", "-tls1_2", true, NULL, NULL},
	{"good", "-tls1_3", true, NULL, NULL},
	{"good", "-tls1_2", false, "could not trust the certificate", "SSL certificate problem"},
	{"other", "-tls1_2", true, "could not trust the certificate", "name"},
	{"old", "-tls1_2", true, "could not trust the certificate", "expired"},
	{"ca", "-tls1_2", false, "could not trust the certificate", "self-signed"},
	{"good", "-tls1_1", true, "could not agree with", "version"},
};

static void
judges_certificates(void **state)
{
	const char *ca = in_folder(folder, "ca.pem");
	char		origin[64];

	(void) state;
	/* What others read from the environment counts for nothing. */
	setenv("SSL_CERT_FILE", ca, 1);
	setenv("SSL_CERT_DIR", folder, 1);
	setenv("CURL_CA_BUNDLE", ca, 1);
	for (size_t i = 0; i < sizeof(tls_cases) / sizeof(tls_cases[0]); i++)
	{
		const TlsCase *c = &tls_cases[i];
		BkHttpPolicy policy = {.ca_file = c->known ? ca : NULL};
		pid_t		pid = start_tls(c->certificate, c->option, origin, sizeof(origin));
		BkError		err;
		bool		done = get(&policy, origin, &err);

		end_tls(pid);
		if (c->message == NULL)
		{
			assert_good(done, &err);
			continue;
		}
		assert_false(done);
		assert_reason(&err, BK_STATE_UNREACHABLE, c->message);
		assert_reason(&err, BK_STATE_UNREACHABLE, c->detail);
	}
	unsetenv("SSL_CERT_FILE");
	unsetenv("SSL_CERT_DIR");
	unsetenv("CURL_CA_BUNDLE");
}

static const ScriptTurn *
say_ok(void *arg, int number, const char *request)
{
	static const ScriptTurn turn = {.answer = OK_ANSWER};

	(void) arg;
	(void) number;
	(void) request;
	return &turn;
}

static void
needs_certificates(void **state)
{
	ScriptServer *server = script_start(say_ok, NULL);
	char		origin[64];
	BkError		err;
	pid_t		pid = start_tls("good", "-tls1_2", origin, sizeof(origin));

	(void) state;
	assert_false(get(&(BkHttpPolicy) {.ca_file = in_folder(folder, "none.pem")},
					 origin, &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "could not read the certificates");
	end_tls(pid);
	/* Nobody falls back to plain text. */
	snprintf(origin, sizeof(origin), "https%s", script_origin(server) + strlen("http"));
	assert_false(get(&(BkHttpPolicy) {.connect_ms = 1000}, origin, &err));
	assert_reason(&err, BK_STATE_UNREACHABLE, "could not");
	script_stop(server);
}

static void
uses_proxies_only_if_told(void **state)
{
	ScriptServer *server = script_start(say_ok, NULL);
	ScriptServer *proxy = script_start(say_ok, NULL);
	char	   *home = new_folder();
	static const char netrc[] = "machine 127.0.0.1 login me password Sesame\n";
	char	   *seen;
	BkError		err;

	(void) state;
	write_file(in_folder(home, ".netrc"), netrc, sizeof(netrc) - 1);
	setenv("HOME", home, 1);
	setenv("http_proxy", script_origin(proxy), 1);
	setenv("all_proxy", script_origin(proxy), 1);
	assert_good(get(&(BkHttpPolicy) {.proxy = NULL}, script_origin(server), &err), &err);
	assert_int_equal(script_connections(proxy), 0);
	seen = script_last_request(server);
	assert_null(strstr(seen, "Authorization"));
	free(seen);
	setenv("no_proxy", "*", 1);
	assert_good(get(&(BkHttpPolicy) {.proxy = script_origin(proxy)},
					"http://store.example", &err), &err);
	seen = script_last_request(proxy);
	assert_non_null(strstr(seen, "GET http://store.example/ HTTP/1.1\r\n"));
	free(seen);
	assert_false(get(&(BkHttpPolicy) {.proxy = "http://me:Sesame@127.0.0.1"},
					 "http://store.example", &err));
	assert_reason(&err, BK_STATE_BAD_ARGUMENT, "proxy");
	assert_null(strstr(err.message, "Sesame"));
	assert_false(get(&(BkHttpPolicy) {.proxy = "file:///tmp/x"},
					 "http://store.example", &err));
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("no_proxy");
	remove_folder(home);
	script_stop(server);
	script_stop(proxy);
}

typedef struct OriginCase
{
	const char *origin;
	bool		plain_http;
	const char *reason;			/* NULL: good */
} OriginCase;

static const OriginCase origins[] = {
	{"https://s3.example.com", false, NULL},
	{"HTTPS://s3.example.com:8443/", false, NULL},
	{"https://[2001:db8::1]:443", false, NULL},
	{"http://127.0.0.1:9000", false, NULL},
	{"http://localhost:9000/devstoreaccount1", false, NULL},
	{"http://[::1]", false, NULL},
	{"http://store.example", true, NULL},
	{"http://store.example", false, "is not encrypted"},
	{"http://127.0.0.1.example", false, "is not encrypted"},
	{"http://localhost.example", false, "is not encrypted"},
	{"file:///etc/passwd", true, "is not the endpoint"},
	{"gopher://127.0.0.1", true, "is not the endpoint"},
	{"unix:///tmp/socket", true, "is not the endpoint"},
	{"s3.example.com", true, "is not the endpoint"},
	{"https://", true, "is not the endpoint"},
	{"https://[::1", true, "is not the endpoint"},
	{"https://host:0", true, "is not the endpoint"},
	{"https://host:66000", true, "is not the endpoint"},
	{"https://host:1x", true, "is not the endpoint"},
	{"https://host?x", true, "is not the endpoint"},
	{"https://host/a#b", true, "is not the endpoint"},
	{"https://ho st", true, "is not the endpoint"},
	{"https://me:Sesame@host", true, "user or a password"},
	{"http://169.254.169.254", true, "Link-local"},
	{"https://169.254.169.254:443/latest", true, "Link-local"},
	{"http://0xa9fea9fe", true, "Link-local"},
	{"http://2852039166", true, "Link-local"},
	{"http://169.254.43518", true, "Link-local"},
	{"http://[fd00:ec2::254]", true, "Link-local"},
	{"http://[fe80::1]", true, "Link-local"},
	{"http://[::ffff:169.254.169.254]", true, "Link-local"},
};

static void
judges_endpoints(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++)
	{
		const OriginCase *c = &origins[i];
		BkError		err;
		bool		good = bk_origin_check(c->origin, c->plain_http, &err);

		if (c->reason == NULL)
			assert_good(good, &err);
		else if (good)
			fail_msg("\"%s\" was taken", c->origin);
		else
		{
			assert_reason(&err, BK_STATE_BAD_ARGUMENT, c->reason);
			assert_null(strstr(err.message, "Sesame"));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges_certificates),
		cmocka_unit_test(needs_certificates),
		cmocka_unit_test(uses_proxies_only_if_told),
		cmocka_unit_test(judges_endpoints),
	};

	return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
