/*
 * scripted.c
 *	  A server on loopback that does what a script says.
 *
 * Each connection has a thread. What they share is protected by the lock.
 */
#include "scripted.h"

#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <strings.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX	256
#define REQUEST_MAX		(16 * 1024 * 1024)
#define SLICE_MS		10

typedef struct Connection
{
	ScriptServer *server;
	int			fd;
	pthread_t	thread;
} Connection;

struct ScriptServer
{
	ScriptChoose choose;
	void	   *arg;
	int			listener;
	char		origin[64];
	pthread_t	thread;
	pthread_mutex_t lock;
	bool		stopping;
	size_t		read_max;
	bool		slowly;
	Connection	connections[CONNECTIONS_MAX];
	int			connection_count;
	int			request_count;
	char	   *last;
};

static bool
is_stopping(ScriptServer *server)
{
	bool		stopping;

	pthread_mutex_lock(&server->lock);
	stopping = server->stopping;
	pthread_mutex_unlock(&server->lock);
	return stopping;
}

/* Wait for the peer. False: it is gone, or the test is over. */
static bool
wait_for(ScriptServer *server, int fd)
{
	struct pollfd end = {.fd = fd, .events = POLLIN};

	while (!is_stopping(server))
	{
		if (poll(&end, 1, SLICE_MS) > 0)
			return true;
	}
	return false;
}

/* Is the head there, and as much of a body as it tells? */
static bool
is_complete(const char *request, size_t len)
{
	const char *end = strstr(request, "\r\n\r\n");
	const char *length;

	if (end == NULL)
		return false;
	length = strcasestr(request, "\r\nContent-Length:");
	if (length == NULL || length > end)
		return true;
	return len >= (size_t) (end + 4 - request) +
		strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
}

/* Read a request; NULL at the end of the connection. */
static char *
read_request(ScriptServer *server, int fd)
{
	BkBuf		buf;
	BkError		err;
	char		piece[65536];
	ssize_t		got = 1;

	bk_buf_init(&buf);
	while (got > 0 && !is_complete(buf.data, buf.len) && buf.len < REQUEST_MAX &&
		   (server->read_max == 0 || buf.len < server->read_max))
	{
		size_t		room = sizeof(piece);

		if (server->read_max > 0 && room > server->read_max - buf.len)
			room = server->read_max - buf.len;
		if (!wait_for(server, fd))
			break;
		if (server->slowly)
			poll(NULL, 0, SLICE_MS);
		got = recv(fd, piece, room, 0);
		bk_buf_append(&buf, piece, got > 0 ? (size_t) got : 0);
	}
	if (got > 0 && buf.len > 0)
		return bk_buf_take(&buf, &err);
	bk_buf_free(&buf);
	return NULL;
}

static bool
send_all(int fd, const char *data, size_t len)
{
	while (len > 0)
	{
		ssize_t		sent = send(fd, data, len, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		data += sent;
		len -= (size_t) sent;
	}
	return true;
}

/* What follows the answer. True: another request may come. */
static bool
end_turn(ScriptServer *server, int fd, const ScriptTurn *turn)
{
	struct linger hard = {.l_onoff = 1};
	char		byte;

	switch (turn->end)
	{
		case SCRIPT_KEEP:
			return true;
		case SCRIPT_RESET:
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
			break;
		case SCRIPT_STALL:
			while (wait_for(server, fd) && recv(fd, &byte, 1, 0) > 0)
				;
			break;
		case SCRIPT_DRIP:
			for (const char *c = turn->more; *c != '\0'; c++)
			{
				poll(NULL, 0, SLICE_MS);
				if (is_stopping(server) || !send_all(fd, c, 1))
					break;
			}
			break;
		case SCRIPT_FLOOD:
			while (!is_stopping(server) &&
				   send_all(fd, turn->more, strlen(turn->more)))
				;
			break;
		case SCRIPT_CLOSE:
			break;
	}
	return false;
}

static void *
serve(void *arg)
{
	Connection *connection = arg;
	ScriptServer *server = connection->server;
	int			fd = connection->fd;
	bool		more = true;

	while (more)
	{
		char	   *request = read_request(server, fd);
		const ScriptTurn *turn;
		int			number;

		if (request == NULL)
			break;
		pthread_mutex_lock(&server->lock);
		number = server->request_count++;
		free(server->last);
		server->last = strdup(request);
		pthread_mutex_unlock(&server->lock);
		turn = server->choose(server->arg, number, request);
		free(request);
		more = send_all(fd, turn->answer, turn->len > 0 ? turn->len : strlen(turn->answer)) &&
			end_turn(server, fd, turn);
	}
	close(fd);
	return NULL;
}

static void *
listen_on(void *arg)
{
	ScriptServer *server = arg;

	while (wait_for(server, server->listener))
	{
		int			fd = accept(server->listener, NULL, NULL);
		Connection *connection;

		if (fd < 0)
			continue;
		pthread_mutex_lock(&server->lock);
		assert_true(server->connection_count < CONNECTIONS_MAX);
		connection = &server->connections[server->connection_count++];
		pthread_mutex_unlock(&server->lock);
		connection->server = server;
		connection->fd = fd;
		assert_int_equal(pthread_create(&connection->thread, NULL, serve,
										connection), 0);
	}
	return NULL;
}

ScriptServer *
script_start(ScriptChoose choose, void *arg)
{
	ScriptServer *server = calloc(1, sizeof(*server));
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t	len = sizeof(address);
	int			small = 65536;

	assert_non_null(server);
	signal(SIGPIPE, SIG_IGN);
	server->choose = choose;
	server->arg = arg;
	pthread_mutex_init(&server->lock, NULL);
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(server->listener >= 0);
	/* What a slow reader has not read shall wait at the sender. */
	setsockopt(server->listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(bind(server->listener, (struct sockaddr *) &address, len), 0);
	assert_int_equal(listen(server->listener, 64), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *) &address,
								 &len), 0);
	snprintf(server->origin, sizeof(server->origin), "http://127.0.0.1:%u",
			 (unsigned) ntohs(address.sin_port));
	assert_int_equal(pthread_create(&server->thread, NULL, listen_on, server), 0);
	return server;
}

void
script_read_max(ScriptServer *server, size_t bytes)
{
	server->read_max = bytes;
}

void
script_read_slowly(ScriptServer *server)
{
	server->slowly = true;
}

const char *
script_origin(const ScriptServer *server)
{
	return server->origin;
}

int
script_connections(ScriptServer *server)
{
	int			count;

	pthread_mutex_lock(&server->lock);
	count = server->connection_count;
	pthread_mutex_unlock(&server->lock);
	return count;
}

int
script_requests(ScriptServer *server)
{
	int			count;

	pthread_mutex_lock(&server->lock);
	count = server->request_count;
	pthread_mutex_unlock(&server->lock);
	return count;
}

char *
script_last_request(ScriptServer *server)
{
	char	   *last;

	pthread_mutex_lock(&server->lock);
	last = strdup(server->last != NULL ? server->last : "");
	pthread_mutex_unlock(&server->lock);
	assert_non_null(last);
	return last;
}

void
script_stop(ScriptServer *server)
{
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	pthread_mutex_unlock(&server->lock);
	pthread_join(server->thread, NULL);
	for (int i = 0; i < server->connection_count; i++)
		pthread_join(server->connections[i].thread, NULL);
	close(server->listener);
	pthread_mutex_destroy(&server->lock);
	free(server->last);
	free(server);
}
