/* cost: what a command costs, the whole process: CPU time and the most memory it had.
 *
 *     cost COMMAND [ARGUMENT]...
 *
 * The command's own standard output is thrown away. Prints an object:
 *     {"status":0,"user_us":120000,"system_us":8000,"peak_kib":5120,"major_faults":0}
 * with status -1 where a signal ended it. A program of its own because a process inherits the peak of the one that it was forked
 * from, and because this one is too small to matter. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void run(char **command)
{
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (nowhere >= 0 && dup2(nowhere, STDOUT_FILENO) >= 0)
        execvp(command[0], command);
    perror(command[0]);
    _exit(127);
}

static int64_t microseconds(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;
    pid_t child;

    if (argc < 2) {
        fputs("usage: cost COMMAND [ARGUMENT]...\n", stderr);
        return 2;
    }
    child = fork();
    if (child == 0)
        run(argv + 1);
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        perror("cost");
        return 1;
    }
    printf("{\"status\":%d,\"user_us\":%" PRId64 ",\"system_us\":%" PRId64 ",\"peak_kib\":%ld,\"major_faults\":%ld}\n",
           WIFEXITED(status) ? WEXITSTATUS(status) : -1, microseconds(usage.ru_utime), microseconds(usage.ru_stime),
           usage.ru_maxrss, usage.ru_majflt);
    return 0;
}
