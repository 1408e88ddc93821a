/* config_syntax.h: whether a text can be an interface's name, a host's name, a path ... Pure.
 *
 * Each gives NULL when it can, else what is wrong and what would be right, to stand behind the text itself in a message
 * ("eth0/1 has a '/'; write ..."). A text that contains NUL never comes here. */
#ifndef GO_METRO_CONFIG_SYNTAX_H
#define GO_METRO_CONFIG_SYNTAX_H

#include <stdbool.h>

#include "address.h"

const char *config_syntax_interface(const char *text); /* as the kernel's dev_valid_name(); "any" and "file" too */
/* Whether one of that name can be looked for at all, and shown as missing; where nothing is wrong with it, too. */
bool config_syntax_can_be_asked_for(const char *text);
const char *config_syntax_host(const char *text); /* a name by RFC 1123, with '_' tolerated, or an IP address */
const char *config_syntax_net(const char *text);  /* an IP address or a CIDR block */
/* What libpcap takes behind "host" besides: 2 to 4 numbers up to 255 with points between them, each decimal whatever its zeros;
 * fewer than 4 are the block that begins so. */
bool config_syntax_old_net(const char *text, struct ip_prefix *out);
const char *config_syntax_path(const char *text);    /* any path */
const char *config_syntax_segment(const char *text); /* an absolute path of a file */
const char *config_syntax_user(const char *text);
const char *config_syntax_tag(const char *text);

#endif
