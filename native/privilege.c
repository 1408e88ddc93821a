#include "privilege.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/if_packet.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PROGRAM_PATH_MAX 176 /* so that it leaves room for the rest of a message */

static const cap_value_t net_raw = CAP_NET_RAW;

static enum privilege_result failed(char message[static PRIVILEGE_MESSAGE_MAX], const char *what, const char *cure)
{
    snprintf(message, PRIVILEGE_MESSAGE_MAX, "%s: %s; %s", what, strerror(errno), cure);
    return PRIVILEGE_FAILED;
}

static bool has_flag(cap_t caps, cap_value_t capability, cap_flag_t set)
{
    cap_flag_value_t value = CAP_CLEAR;

    return cap_get_flag(caps, capability, set, &value) == 0 && value == CAP_SET;
}

static bool holds_net_raw(void)
{
    cap_t caps = cap_get_proc();
    bool held = caps != NULL && has_flag(caps, CAP_NET_RAW, CAP_PERMITTED);

    cap_free(caps);
    return held;
}

/* The calling thread's sets: CAP_NET_RAW permitted, effective, and nothing else. 0 or -1 with errno. */
static int set_only(bool permitted, bool effective)
{
    cap_t caps = cap_init();
    int rc = -1, saved;

    if (caps == NULL)
        return -1;
    if ((!permitted || cap_set_flag(caps, CAP_PERMITTED, 1, &net_raw, CAP_SET) == 0)
        && (!effective || cap_set_flag(caps, CAP_EFFECTIVE, 1, &net_raw, CAP_SET) == 0))
        rc = cap_set_proc(caps);
    saved = errno;
    cap_free(caps);
    errno = saved;
    return rc;
}

/* With CAP_SETPCAP only; without it the set cannot be used for anything while no_new_privs is on. */
static void drop_bounding_set(bool keep_net_raw)
{
    for (int capability = 0; capability < 64 && prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
        if (!keep_net_raw || capability != CAP_NET_RAW)
            prctl(PR_CAPBSET_DROP, capability);
}

static enum privilege_result become(const struct passwd *user, char message[static PRIVILEGE_MESSAGE_MAX])
{
    static const char cure[] = "as root it needs CAP_SETUID and CAP_SETGID; or start it as that user";

    if (prctl(PR_SET_KEEPCAPS, 1) < 0)
        return failed(message, "cannot keep capabilities", cure);
    if (initgroups(user->pw_name, user->pw_gid) < 0)
        return failed(message, "cannot take the user's groups", cure);
    if (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0)
        return failed(message, "cannot take the user's group", cure);
    if (setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
        return failed(message, "cannot become the user", cure);
    prctl(PR_SET_KEEPCAPS, 0);
    return PRIVILEGE_OK;
}

/* Literally root stays root, with the same capabilities as any other user: CAP_NET_RAW or none. */
static const struct passwd *find_user(const char *name, char message[static PRIVILEGE_MESSAGE_MAX])
{
    const struct passwd *user;

    errno = 0;
    user = getpwnam(name);
    if (user == NULL) {
        snprintf(message, PRIVILEGE_MESSAGE_MAX, "no user \"%.64s\" (%s): create it, or set init_config: user", name,
                 errno != 0 ? strerror(errno) : "not in the user database");
        return NULL;
    }
    if (user->pw_uid == 0 && strcmp(name, "root") != 0) {
        snprintf(message, PRIVILEGE_MESSAGE_MAX, "user \"%.64s\" is root by another name: set init_config: user", name);
        return NULL;
    }
    return user;
}

/* ---- proof ---- */

static bool ids_are(uid_t uid, gid_t gid)
{
    uid_t r, e, s;
    gid_t rg, eg, sg;

    return getresuid(&r, &e, &s) == 0 && getresgid(&rg, &eg, &sg) == 0 && r == uid && e == uid && s == uid && rg == gid
           && eg == gid && sg == gid;
}

static bool only_net_raw_is_left(bool held)
{
    cap_t caps = cap_get_proc();
    bool clean = caps != NULL;

    for (cap_value_t c = 0; clean && c < 64 && prctl(PR_CAPBSET_READ, c) >= 0; c++)
        clean = !has_flag(caps, c, CAP_EFFECTIVE) && !has_flag(caps, c, CAP_INHERITABLE)
                && has_flag(caps, c, CAP_PERMITTED) == (held && c == CAP_NET_RAW);
#ifdef PR_CAP_AMBIENT
    for (cap_value_t c = 0; clean && c < 64 && prctl(PR_CAPBSET_READ, c) >= 0; c++)
        clean = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, c, 0, 0) <= 0;
#endif
    cap_free(caps);
    return clean;
}

static bool packet_socket_opens(void)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* A successful setuid(0) here is the bug it looks for: the process ends up failed, not root at work. */
static const char *find_leftover(uid_t uid, gid_t gid, bool held)
{
    if (!ids_are(uid, gid))
        return "the user and group IDs are not all the user's";
    if (!only_net_raw_is_left(held))
        return "capabilities are left over";
    if (packet_socket_opens())
        return "a packet socket still opens outside the bracket";
    if (uid != 0 && setuid(0) == 0)
        return "it can become root again";
    if (held && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return "no_new_privs is not set";
    return NULL;
}

/* ---- public ---- */

static enum privilege_result no_capability(bool root, char message[static PRIVILEGE_MESSAGE_MAX])
{
    char path[PROGRAM_PATH_MAX];

    privilege_program_path(path, sizeof path);
    if (root)
        snprintf(message, PRIVILEGE_MESSAGE_MAX,
                 "root without CAP_NET_RAW (a container?): grant it (docker run --cap-add NET_RAW) and start again");
    else
        snprintf(message, PRIVILEGE_MESSAGE_MAX, "no right to capture: sudo setcap cap_net_raw+ep %s, or start it as root",
                 path[0] != '\0' ? path : "on the program's file");
    return PRIVILEGE_NO_CAPABILITY;
}

enum privilege_result privilege_settle(const char *user, char message[static PRIVILEGE_MESSAGE_MAX])
{
    static const char security[] = "see the kernel's security modules";
    bool root = geteuid() == 0, held = holds_net_raw();
    const struct passwd *account = NULL;
    const char *leftover;

    message[0] = '\0';
    if (!root && !held)
        return set_only(false, false) == 0 ? no_capability(root, message)
                                           : failed(message, "cannot give up capabilities", security);
    if (root && (account = find_user(user, message)) == NULL)
        return PRIVILEGE_FAILED;
    drop_bounding_set(!held);
    if (root && become(account, message) != PRIVILEGE_OK)
        return PRIVILEGE_FAILED;
    if (set_only(held, false) < 0)
        return failed(message, "cannot give up capabilities", security);
    if (held && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed(message, "cannot set no_new_privs", "it needs Linux 3.5 or newer");
    leftover = find_leftover(geteuid(), getegid(), held);
    if (leftover != NULL) {
        snprintf(message, PRIVILEGE_MESSAGE_MAX, "rights were not given up: %s; please report this", leftover);
        return PRIVILEGE_FAILED;
    }
    return held ? PRIVILEGE_OK : no_capability(root, message);
}

/* Changes nothing but the effective flag of CAP_NET_RAW, or clears all effective flags. */
static int set_effective(bool on)
{
    cap_t caps = cap_get_proc();
    int rc = -1, saved;

    if (caps == NULL)
        return -1;
    if ((on ? cap_set_flag(caps, CAP_EFFECTIVE, 1, &net_raw, CAP_SET) : cap_clear_flag(caps, CAP_EFFECTIVE)) == 0)
        rc = cap_set_proc(caps);
    saved = errno;
    cap_free(caps);
    errno = saved;
    return rc;
}

int privilege_raise(void)
{
    return set_effective(true);
}

int privilege_lower(void)
{
    return set_effective(false);
}

int privilege_drop_thread(void)
{
    return set_only(false, false);
}

void privilege_program_path(char *out, size_t size)
{
    static const char deleted[] = " (deleted)"; /* the kernel's mark for a file that was replaced */
    const size_t mark = sizeof deleted - 1;
    ssize_t n;

    if (size == 0)
        return;
    n = readlink("/proc/self/exe", out, size - 1);
    if (n < 0 || (size_t)n == size - 1) /* the latter: perhaps cut off, and then of no use */
        n = 0;
    out[n] = '\0';
    if ((size_t)n > mark && strcmp(out + (size_t)n - mark, deleted) == 0)
        out[(size_t)n - mark] = '\0';
}

/* What would keep the kernel from giving the file's capability on execve() counts as well. The file is the one at the program's
 * path: /proc/self/exe is the old one, when it was replaced. */
bool privilege_file_is_capable(void)
{
    char path[PATH_MAX];
    struct statvfs filesystem;
    bool capable;
    cap_t caps;

    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 || prctl(PR_CAPBSET_READ, CAP_NET_RAW) != 1)
        return false;
    privilege_program_path(path, sizeof path);
    if (statvfs(path, &filesystem) < 0 || (filesystem.f_flag & ST_NOSUID) != 0)
        return false;
    caps = cap_get_file(path);
    if (caps == NULL)
        return false;
    capable = has_flag(caps, CAP_NET_RAW, CAP_PERMITTED) && has_flag(caps, CAP_NET_RAW, CAP_EFFECTIVE);
    cap_free(caps);
    return capable;
}
