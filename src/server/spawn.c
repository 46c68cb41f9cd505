/*
 * spawn.c
 *	  Starts the program pg_backup_ext, which lies beside postgres. No shell, no
 *	  inherited environment or descriptor; the kernel kills it when the process
 *	  that started it dies. Between fork and exec only async-signal-safe calls
 *	  are made.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "miscadmin.h"

#include "server/compat.h"
#include "server/spawn.h"

#define BK_SPAWN_OOM_SCORE "500"	/* rather the child than the server */

enum
{
	BK_SPAWN_IN,
	BK_SPAWN_OUT,
	BK_SPAWN_ERR,
	BK_SPAWN_TROUBLE,			/* tells errno if exec fails */
	BK_SPAWN_PIPES
};

/* Where the programs of the clouds look for credentials. */
static const char *const bk_spawn_inherited[] = {
	"HOME",
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION",
	"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
	"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT",
	"AWS_ENDPOINT_URL_STS", "AWS_STS_REGIONAL_ENDPOINTS",
	"AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN"
};

/* What the new process needs; all made before the fork. */
typedef struct BkSpawnPlan
{
	char	   *environment[lengthof(bk_spawn_inherited) + 4];
	char		program[MAXPGPATH];
	char		command[32];
	pid_t		parent;
	int			fd_limit;
	int			pipes[BK_SPAWN_PIPES][2];
} BkSpawnPlan;

static void bk_spawn_program(char *program, Size size);
static void bk_spawn_environment(char **environment);
static bool bk_spawn_open_pipes(BkSpawnPlan *plan);
static void bk_spawn_close_pipes(BkSpawnPlan *plan);
static void bk_spawn_close(int *fd);
static pid_t bk_spawn_fork(BkSpawnPlan *plan);
static void bk_spawn_exec(BkSpawnPlan *plan) BK_NORETURN;
static void bk_spawn_close_fds(int limit);
static int	bk_spawn_trouble(int fd);

void
bk_spawn(const char *command, BkSpawned *spawned)
{
	BkSpawnPlan plan;
	struct rlimit limit;
	int			trouble;

	/* make everything before the fork */
	memset(&plan, 0, sizeof(plan));
	bk_spawn_program(plan.program, sizeof(plan.program));
	strlcpy(plan.command, command, sizeof(plan.command));
	plan.parent = MyProcPid;
	plan.fd_limit = getrlimit(RLIMIT_NOFILE, &limit) == 0 ?
		(int) Min(limit.rlim_cur, 1024 * 1024) : 1024;
	bk_spawn_environment(plan.environment);
	if (!bk_spawn_open_pipes(&plan))
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create a pipe to the backup program: %m")));

	spawned->pid = bk_spawn_fork(&plan);
	if (spawned->pid < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start the backup program: %m")));

	/* without the program's own ends its exit can be seen on ours */
	bk_spawn_close(&plan.pipes[BK_SPAWN_IN][0]);
	bk_spawn_close(&plan.pipes[BK_SPAWN_OUT][1]);
	bk_spawn_close(&plan.pipes[BK_SPAWN_ERR][1]);
	bk_spawn_close(&plan.pipes[BK_SPAWN_TROUBLE][1]);
	trouble = bk_spawn_trouble(plan.pipes[BK_SPAWN_TROUBLE][0]);
	if (trouble != 0)
	{
		waitpid(spawned->pid, NULL, 0);
		bk_spawn_close_pipes(&plan);
		errno = trouble;
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("program \"%s\" is missing or cannot be executed", plan.program),
				 errdetail("The system says: %m."),
				 errhint("Install the program of the same version of backup_ext beside the server's programs.")));
	}
	bk_spawn_close(&plan.pipes[BK_SPAWN_TROUBLE][0]);
	spawned->in = plan.pipes[BK_SPAWN_IN][1];
	spawned->out = plan.pipes[BK_SPAWN_OUT][0];
	spawned->err = plan.pipes[BK_SPAWN_ERR][0];
}

/* The program lies beside the postgres that runs. */
static void
bk_spawn_program(char *program, Size size)
{
	const char *slash;

	slash = strrchr(my_exec_path, '/');
	if (slash == NULL)
		elog(ERROR, "path of the server program is not known");
	snprintf(program, size, "%.*s/pg_backup_ext",
			 (int) (slash - my_exec_path), my_exec_path);
}

/* Made of nothing, but for what leads to the credentials of a store. */
static void
bk_spawn_environment(char **environment)
{
	int			i;

	*environment++ = "PATH=/usr/bin:/bin";
	*environment++ = "LC_ALL=C";
	*environment++ = "TZ=UTC";
	for (i = 0; i < (int) lengthof(bk_spawn_inherited); i++)
	{
		const char *value = getenv(bk_spawn_inherited[i]);

		if (value != NULL)
			*environment++ = psprintf("%s=%s", bk_spawn_inherited[i], value);
	}
	*environment = NULL;
}

/* Opens all pipes or none. */
static bool
bk_spawn_open_pipes(BkSpawnPlan *plan)
{
	int			i;

	for (i = 0; i < BK_SPAWN_PIPES; i++)
		plan->pipes[i][0] = plan->pipes[i][1] = -1;
	for (i = 0; i < BK_SPAWN_PIPES; i++)
	{
		if (pipe2(plan->pipes[i], O_CLOEXEC) != 0)
		{
			bk_spawn_close_pipes(plan);
			return false;
		}
	}
	return true;
}

/* Closes what is open of them, and keeps errno. */
static void
bk_spawn_close_pipes(BkSpawnPlan *plan)
{
	int			saved_errno = errno;
	int			i;

	for (i = 0; i < BK_SPAWN_PIPES; i++)
	{
		bk_spawn_close(&plan->pipes[i][0]);
		bk_spawn_close(&plan->pipes[i][1]);
	}
	errno = saved_errno;
}

static void
bk_spawn_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Returns the process id; less than 0: there is none, and no pipe any more. */
static pid_t
bk_spawn_fork(BkSpawnPlan *plan)
{
	sigset_t	all;
	sigset_t	before;
	pid_t		pid;
	int			saved_errno;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		bk_spawn_exec(plan);
	saved_errno = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = saved_errno;
	if (pid < 0)
		bk_spawn_close_pipes(plan);
	return pid;
}

/* Runs in the new process. */
static void
bk_spawn_exec(BkSpawnPlan *plan)
{
	char	   *argv[] = {"pg_backup_ext", plan->command, NULL};
	struct sigaction by_default;
	sigset_t	none;
	int			number;
	int			fd;

	setsid();
	memset(&by_default, 0, sizeof(by_default));
	by_default.sa_handler = SIG_DFL;
	for (number = 1; number < NSIG; number++)
		sigaction(number, &by_default, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	dup2(plan->pipes[BK_SPAWN_IN][0], STDIN_FILENO);
	dup2(plan->pipes[BK_SPAWN_OUT][1], STDOUT_FILENO);
	dup2(plan->pipes[BK_SPAWN_ERR][1], STDERR_FILENO);
	if (plan->pipes[BK_SPAWN_TROUBLE][1] != 3)
		dup2(plan->pipes[BK_SPAWN_TROUBLE][1], 3);
	fcntl(3, F_SETFD, FD_CLOEXEC);
	bk_spawn_close_fds(plan->fd_limit);

	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
	{
		if (write(fd, BK_SPAWN_OOM_SCORE, strlen(BK_SPAWN_OOM_SCORE)) < 0)
			errno = 0;			/* the child works without it */
		close(fd);
	}

	/* the parent may have died before the kernel knew our wish */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != plan->parent)
		_exit(1);

	execve(plan->program, argv, plan->environment);
	number = errno;
	if (write(3, &number, sizeof(number)) < 0)
		_exit(2);
	_exit(1);
}

static void
bk_spawn_close_fds(int limit)
{
	int			fd;

#ifdef SYS_close_range
	if (syscall(SYS_close_range, 4U, ~0U, 0U) == 0)
		return;
#endif
	for (fd = 4; fd < limit; fd++)
		close(fd);
}

/* The pipe is closed by a successful exec, or tells why there was none. */
static int
bk_spawn_trouble(int fd)
{
	int			trouble;
	ssize_t		got;

	do
	{
		got = read(fd, &trouble, sizeof(trouble));
	} while (got < 0 && errno == EINTR);
	return got == sizeof(trouble) ? trouble : 0;
}
