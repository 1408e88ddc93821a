/* segment_choice.c: which segment a command of the user's reads. */
#include "segment_choice.h"

#include <pwd.h>
#include <stdlib.h>

/* The helper's configuration, for its path and user. NULL when it cannot be used or is not needed: then the defaults hold. */
static struct config *load_config(const struct options *options)
{
    struct config *config = NULL;
    struct config_report *report;

    if (options->segment != NULL)
        return NULL;
    report = calloc(1, sizeof *report);
    if (report == NULL)
        return NULL;
    (void)config_load(options->cfg, &config, report);
    free(report);
    return config;
}

static const char *path_of(const struct options *options, const struct config *config)
{
    if (options->segment != NULL)
        return options->segment;
    return config == NULL ? SEG_DEFAULT_PATH : config->segment_path;
}

/* A path that the caller chose may be anybody's; the helper's own must be its user's, root's or the caller's. */
static struct segment_read_options read_options(const struct options *options, const struct config *config)
{
    struct segment_read_options out = { .histograms = true, .any_owner = options->segment != NULL };
    const struct passwd *user = getpwnam(config == NULL ? CONFIG_DEFAULT_USER : config->user);

    if (user != NULL) {
        out.has_owner = true;
        out.owner = user->pw_uid;
    }
    return out;
}

void segment_choice_make(struct segment_choice *choice, const struct options *options)
{
    choice->config = load_config(options);
    choice->path = path_of(options, choice->config);
    choice->how = read_options(options, choice->config);
}

void segment_choice_free(struct segment_choice *choice)
{
    config_free(choice->config);
    choice->config = NULL;
}
