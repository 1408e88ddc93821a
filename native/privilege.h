/* privilege.h: what is kept, when it is raised, and proof that the rest is gone (design, section 8; libcap).
 *
 * privilege_settle() once, before the first packet; then privilege_raise() and privilege_lower() around each opening of a
 * capture, on the main thread; privilege_drop_thread() first thing in every other thread. */
#ifndef GO_METRO_PRIVILEGE_H
#define GO_METRO_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>

#define PRIVILEGE_MESSAGE_MAX 256

enum privilege_result {
    PRIVILEGE_OK,
    PRIVILEGE_NO_CAPABILITY, /* not root and CAP_NET_RAW is not permitted: the message gives the setcap command */
    PRIVILEGE_FAILED         /* no such user, setuid refused, ...: the message says what to do */
};

/* As root: becomes `user` (initgroups, setgid, setuid) and keeps CAP_NET_RAW permitted; else keeps what it has of it. Nothing
 * is effective afterwards, nothing else permitted, inheritable or ambient; the bounding set is emptied where that is allowed;
 * no_new_privs is set when CAP_NET_RAW is held (without it the helper may have to execute itself anew). Verifies all of it and
 * that a packet socket cannot be opened any more outside the bracket. user "root" stays uid 0, without the other capabilities.
 * Root that lacks CAP_NET_RAW (a container) becomes `user` as well and then has PRIVILEGE_NO_CAPABILITY; neither root and without
 * it: PRIVILEGE_NO_CAPABILITY, and no other capability is left. After PRIVILEGE_FAILED for want of the user it may be called
 * again. */
enum privilege_result privilege_settle(const char *user, char message[static PRIVILEGE_MESSAGE_MAX]);

/* CAP_NET_RAW effective and no longer effective. 0, or -1 with errno (EPERM: not permitted). */
int privilege_raise(void);
int privilege_lower(void);
/* Clears every set of the calling thread. 0 or -1 with errno. */
int privilege_drop_thread(void);

/* Whether the file at the program's path (it may have been replaced since) carries cap_net_raw+ep now, so that executing it anew
 * would help: no_new_privs, the bounding set and a nosuid mount are looked at too. */
bool privilege_file_is_capable(void);
/* "/proc/self/exe" resolved, for the message; "" when it cannot be. */
void privilege_program_path(char *out, size_t size);

#endif
