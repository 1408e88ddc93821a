/* segment_choice.c: which segment a command of the user's reads. */
#include "segment_choice.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "segment_check.h"

#define PATH_SHOWN 200 /* of a path, its end */

/* ---- the configuration ---- */

static const char *end_of(const char *path)
{
    const size_t length = strlen(path);

    return length > PATH_SHOWN ? path + length - PATH_SHOWN : path;
}

/* The report's first error. */
static void keep_why(struct segment_choice *choice, const struct config_report *report)
{
    const struct config_remark *remark = report->remarks, *end = remark + report->count;
    const char *path = end_of(choice->options->cfg);

    while (remark < end && remark->severity != CONFIG_ERROR)
        remark++;
    if (remark == end)
        snprintf(choice->why, sizeof choice->why, "%s cannot be used", path);
    else if (remark->line > 0)
        snprintf(choice->why, sizeof choice->why, "%s:%d:%d: %s", path, remark->line, remark->column, remark->text);
    else
        snprintf(choice->why, sizeof choice->why, "%s: %s", path, remark->text);
}

/* Of a file that is wrong in something else the place is known all the same. */
static void load_config(struct segment_choice *choice)
{
    struct config_report *report = calloc(1, sizeof *report);
    const char *path = choice->options->cfg;

    if (report == NULL) {
        choice->is_guess = true;
        snprintf(choice->why, sizeof choice->why, "out of memory");
        return;
    }
    if (config_load(path, &choice->config, report) != CONFIG_OK) {
        keep_why(choice, report);
        choice->is_guess = config_load_place(path, &choice->config, report) != CONFIG_OK;
        if (choice->is_guess)
            keep_why(choice, report);
    }
    free(report);
}

/* ---- the places ---- */

/* A path that the caller chose may be anybody's; the helper's own must be its user's, root's or the caller's. */
static void add_place(struct segment_choice *choice, const char *path, const char *user)
{
    const struct passwd *owner = getpwnam(user);

    choice->places[choice->count++] = (struct segment_choice_place){
        .path = path,
        .how = { .histograms = true,
                 .any_owner = choice->options->segment != NULL,
                 .has_owner = owner != NULL,
                 .owner = owner != NULL ? owner->pw_uid : 0 },
    };
}

static bool is_default(const struct config *config)
{
    return strcmp(config->segment_path, SEG_DEFAULT_PATH) == 0 && strcmp(config->user, CONFIG_DEFAULT_USER) == 0;
}

void segment_choice_make(struct segment_choice *choice, const struct options *options)
{
    *choice = (struct segment_choice){ .options = options };
    if (options->segment != NULL) {
        add_place(choice, options->segment, CONFIG_DEFAULT_USER);
        return;
    }
    load_config(choice);
    if (choice->config != NULL)
        add_place(choice, choice->config->segment_path, choice->config->user);
    if (choice->config == NULL || (choice->why[0] != '\0' && !is_default(choice->config)))
        add_place(choice, SEG_DEFAULT_PATH, CONFIG_DEFAULT_USER);
}

void segment_choice_free(struct segment_choice *choice)
{
    config_free(choice->config);
    choice->config = NULL;
}

/* ---- reading ---- */

/* What was read in one of the places. */
struct found {
    enum segment_status result;
    struct segment_copy copy;
    struct segment_time time;
    char message[SEG_ERROR_MAX];
};

static void look(struct found *found, const struct segment_choice_place *place)
{
    *found = (struct found){ 0 };
    found->result = segment_read_now(place->path, &place->how, &found->copy, &found->time, found->message);
}

/* Whether nobody publishes there any more, so that it may be in the other place. */
static bool is_over(const struct found *found)
{
    return found->result != SEGMENT_OK || found->copy.snapshot.state == SEG_STOPPED
           || segment_is_stale(&found->copy, found->time.age_ns);
}

static bool is_newer(const struct found *found, const struct found *than)
{
    return found->result == SEGMENT_OK && (than->result != SEGMENT_OK || found->time.age_ns < than->time.age_ns);
}

/* The second place's, if that has more to say. */
static bool look_further(struct segment_choice *choice, struct found *found)
{
    struct found other;

    if (choice->count < 2 || !is_over(found))
        return false;
    look(&other, &choice->places[1]);
    if (!is_newer(&other, found)) {
        segment_copy_free(&other.copy);
        return false;
    }
    segment_copy_free(&found->copy);
    *found = other;
    return true;
}

static void make_note(struct segment_choice *choice, bool is_instead, enum segment_status result)
{
    choice->note[0] = '\0';
    if (!is_instead && (choice->count < 2 || result == SEGMENT_OK))
        return;
    snprintf(choice->note, sizeof choice->note,
             "the configuration cannot be used: %.700s; the default place, %s, is looked at %s; --segment FILE names another",
             choice->why, SEG_DEFAULT_PATH, is_instead ? "instead" : "too");
    segment_clean_text(choice->note, sizeof choice->note, choice->note);
}

enum segment_status segment_choice_read(struct segment_choice *choice, struct segment_copy *out, struct segment_time *time,
                                        char message[static SEG_ERROR_MAX])
{
    struct found found;
    bool is_second;

    if (choice->was_read && choice->why[0] != '\0') {
        segment_choice_free(choice);
        segment_choice_make(choice, choice->options);
    }
    choice->was_read = true;
    look(&found, &choice->places[0]);
    is_second = look_further(choice, &found);
    make_note(choice, choice->is_guess || is_second, found.result);
    *out = found.copy;
    *time = found.time;
    memcpy(message, found.message, sizeof found.message);
    return found.result;
}
