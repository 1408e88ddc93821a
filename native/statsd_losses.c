/* statsd_losses.c: see statsd_losses.h. */
#include "statsd_losses.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "verdict.h"

#define TRUST_S 5 /* that a host is not there is known when nobody has answered the kernel's question for three */

void statsd_losses_start(struct statsd_losses *losses, const char *host, uint16_t port)
{
    const bool is_v6 = strchr(host, ':') != NULL;

    *losses = (struct statsd_losses){ .is_trying = false };
    snprintf(losses->place, sizeof losses->place, "%s%s%s:%u", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
}

static void describe(const struct statsd_losses *losses, enum statsd_loss kind, char out[static SEG_ERROR_MAX])
{
    static const struct {
        const char *what, *cure;
    } texts[] = {
        [LOSS_NAME] = { "cannot be found", "what is due is lost: correct `statsd_ip` or the resolver" },
        [LOSS_AWAY] = { "is not there", "what is due is lost: start it, or correct `statsd_ip` and `statsd_port`" },
        [LOSS_FULL] = { "cannot be sent to fast enough", "what is left over is lost: look for what else goes that way" },
        [LOSS_WAY] = { "cannot be reached", "what is due is lost: correct `statsd_ip`, or the route to it" },
        [LOSS_MEMORY] = { "does not get all", "lower `max_peers` or let go-metro have more memory" },
        [LOSS_TOO_LONG] = { "gets no metric that is longer than a datagram", "shorten `tags`" },
    };

    snprintf(out, SEG_ERROR_MAX, "dogstatsd at %.80s %s (%s); %s", losses->place, texts[kind].what, losses->of[kind].cause,
             texts[kind].cure);
}

void statsd_losses_begin(struct statsd_losses *losses, enum statsd_loss kind, const char *cause)
{
    char text[SEG_ERROR_MAX];

    if (losses->of[kind].is_on)
        return;
    losses->of[kind].is_on = true;
    snprintf(losses->of[kind].cause, sizeof losses->of[kind].cause, "%s", cause);
    describe(losses, kind, text);
    log_warnx("statsd", "%s", text);
}

void statsd_losses_end(struct statsd_losses *losses, enum statsd_loss kind)
{
    losses->of[kind].is_on = false;
}

bool statsd_losses_is_on_the_way(const struct statsd_losses *losses)
{
    for (int kind = LOSS_NAME; kind <= LOSS_WAY; kind++)
        if (losses->of[kind].is_on)
            return true;
    return false;
}

static void recover(struct statsd_losses *losses)
{
    if (statsd_losses_is_on_the_way(losses))
        log_info("statsd", "dogstatsd at %s: sending again; %" PRIu64 " datagrams were lost", losses->place, losses->datagrams);
    for (int kind = LOSS_NAME; kind <= LOSS_WAY; kind++)
        losses->of[kind].is_on = false;
    losses->datagrams = 0;
}

/* All is well when something was sent and nothing was heard of it for long enough. */
void statsd_losses_judge(struct statsd_losses *losses, uint64_t sent, uint64_t lost, uint32_t now_s)
{
    losses->datagrams += lost;
    if (lost > 0) {
        losses->is_trying = false;
    } else if (sent > 0 && !losses->is_trying) {
        losses->is_trying = true;
        losses->trying_s = now_s;
    }
    if (losses->is_trying && now_s - losses->trying_s >= TRUST_S)
        recover(losses);
}

void statsd_losses_total(struct statsd_losses *losses)
{
    if (losses->datagrams > 0)
        log_warnx("statsd", "dogstatsd at %s: %" PRIu64 " datagrams were lost", losses->place, losses->datagrams);
    if (losses->too_long > 0)
        log_warnx("statsd", "%" PRIu64 " metrics were longer than a datagram", losses->too_long);
    losses->datagrams = losses->too_long = 0;
}

const char *statsd_losses_text(struct statsd_losses *losses)
{
    char text[SEG_ERROR_MAX];

    losses->text[0] = '\0';
    for (int kind = 0; kind < LOSS_KINDS; kind++)
        if (losses->of[kind].is_on) {
            describe(losses, (enum statsd_loss)kind, text);
            verdict_add_cause(losses->text, text);
        }
    return losses->text;
}
