/* resolve_conf.c: the C library's resolver reads its configuration once in a thread; before glibc 2.26 never again. A helper that
 * was started before the network had its resolvers would find no name until it is restarted. */
#include "resolve_private.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>

void resolve_conf_follow(struct file_stamp *seen, const char *path, void (*reread)(void))
{
    const struct file_stamp now = file_stamp_look(path);

    if (file_stamp_equal(seen, &now))
        return;
    *seen = now;
    reread();
}

/* What this thread has not read yet the C library reads itself, and nothing of it may be closed: it is all zeros. */
void resolve_conf_reread(void)
{
    if ((_res.options & RES_INIT) == 0)
        return;
    res_nclose(&_res);
    if (res_ninit(&_res) < 0)
        _res.options &= ~(unsigned long)RES_INIT; /* once more at the next question */
}
