/* links.h: this network namespace's interfaces and their addresses, followed as they change.
 *
 * links_open() once; links_fd() is polled; links_dispatch() when it is readable says whether anything changed; then
 * links_own_addresses() and links_host_addresses() give fresh sets. links_close() at exit. rtnetlink only wakes; what is there is
 * then read with getifaddrs(). */
#ifndef GO_METRO_LINKS_H
#define GO_METRO_LINKS_H

#include <stdbool.h>

#include "netset.h"

struct links;

struct links *links_open(void); /* NULL with errno */
void links_close(struct links *links);
int links_fd(const struct links *links);
/* Reads every message that waits. True: something changed (also when messages were lost). */
bool links_dispatch(struct links *links);

enum links_state { LINKS_ABSENT, LINKS_DOWN, LINKS_UP };
/* "any" is always up. */
enum links_state links_state(const char *interface);

/* All addresses of the interface ("any": of none), or of the namespace (127.0.0.0/8 and ::1 with loopback). On a loopback device
 * an IPv4 address stands for its whole block, as it does to the kernel. The caller frees the set; NULL with errno. */
struct netset *links_own_addresses(const char *interface);
struct netset *links_host_addresses(void);

#endif
