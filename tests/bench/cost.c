/* cost: what a command costs, the whole process: CPU time and the most memory it had.
 *
 *     cost COMMAND [ARGUMENT]...
 *
 * The command's own standard output is thrown away. Prints an object:
 *     {"status":0,"user_us":120000,"system_us":8000,"peak_kib":5120,"major_faults":0}
 * with status -1 where a signal ended it. A program of its own because a process inherits the peak of the one that it was forked
 * from, and because this one is too small to matter.
 *
 * Before that, as much memory as anything here needs is taken and given back. Of a virtual machine the host may take what is free
 * for two seconds (free page reporting); who gets it then pays for its way back, 3 us a page here: as long as for 20 packets.
 * That is nobody's cost who is measured, and would be one or not by what ran before. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_BYTES ((size_t)256 << 20)

/* No more than is free, as the captures are to stay in the page cache. What cannot be had changes nothing. */
static void take_memory(void)
{
    struct sysinfo now;
    size_t bytes;
    void *memory;

    if (sysinfo(&now) < 0)
        return;
    bytes = (size_t)now.freeram * now.mem_unit / 2;
    bytes = bytes < MOST_BYTES ? bytes : MOST_BYTES;
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    (void)madvise(memory, bytes, MADV_HUGEPAGE);
    memset(memory, 1, bytes);
}

/* By a process of its own: the peak of this one would be its child's. */
static void bring_memory(void)
{
    const pid_t child = fork();

    if (child == 0) {
        take_memory();
        _exit(0);
    }
    if (child > 0)
        (void)waitpid(child, NULL, 0);
}

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
    bring_memory();
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
