/* publisher.c: the way from the roster to the segment. */
#include "publisher.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "publication.h"
#include "segment_check.h"
#include "segment_layout.h"
#include "segment_place.h"
#include "segment_reader.h"
#include "segment_writer.h"
#include "version.h"

struct publisher {
    char *path, *user;
    uid_t user_id; /* of that, */
    bool is_user_known;
    uint32_t max_rows;
    struct segment_writer *writer;
    struct segment_identity identity; /* of the writer before it */
    struct publication *publication;
    char trouble[SEG_ERROR_MAX];                             /* with opening: what was logged last, "" when all is well */
    bool is_short_of_room, is_short_of_memory, is_unwritten; /* with publishing: each was logged and is not over */
    enum seg_state state;                                    /* published last */
    struct segment_contents built;                           /* before that */
};

struct publisher *publisher_new(void)
{
    struct publisher *publisher = calloc(1, sizeof *publisher);

    if (publisher == NULL)
        return NULL;
    publisher->publication = publication_new();
    if (publisher->publication == NULL) {
        free(publisher);
        return NULL;
    }
    return publisher;
}

void publisher_free(struct publisher *publisher)
{
    if (publisher == NULL)
        return;
    publisher_close(publisher, false);
    publication_free(publisher->publication);
    free(publisher->path);
    free(publisher->user);
    free(publisher);
}

/* Each trouble is logged when it begins and when it is over, not each second between. */
static void set_trouble(struct publisher *publisher, const char *message)
{
    if (strcmp(publisher->trouble, message) == 0)
        return;
    if (*message != '\0')
        log_critical("publisher", "%s", message);
    else
        log_info("publisher", "%s: publishing", publisher->path);
    snprintf(publisher->trouble, sizeof publisher->trouble, "%s", message);
}

/* Last words in the segment that is left, for whoever still reads it. */
static void say_moved(struct publisher *publisher, const char *path)
{
    char error[SEG_ERROR_MAX];
    const struct segment_contents contents = {
        .state = SEG_STOPPED,
        .error = error,
        .boottime_ns = clock_ns(CLOCK_BOOTTIME),
        .realtime_ns = clock_ns(CLOCK_REALTIME),
    };

    if (publisher->writer == NULL)
        return;
    snprintf(error, sizeof error, "moved to %s", path);
    if (segment_writer_publish(publisher->writer, &contents) < 0)
        log_warn("publisher", "%s: saying that it moved", publisher->path);
}

static void keep_user(struct publisher *publisher, const char *name)
{
    free(publisher->user);
    publisher->user = strdup(name); /* NULL: nobody is taken for that user's helper */
    publisher->is_user_known = false;
}

/* Looked up once: a directory service may take its time, and packets do not wait. */
static bool know_user(struct publisher *publisher)
{
    const struct passwd *user = publisher->is_user_known || publisher->user == NULL ? NULL : getpwnam(publisher->user);

    if (user != NULL) {
        publisher->user_id = user->pw_uid;
        publisher->is_user_known = true;
    }
    return publisher->is_user_known;
}

void publisher_aim(struct publisher *publisher, const char *path, const char *user, uint32_t max_peers)
{
    char *copy;

    keep_user(publisher, user);
    publisher->max_rows = max_peers < SEG_MAX_ROWS - SEG_MAX_INSTANCES
                              ? max_peers + SEG_MAX_INSTANCES /* a row `other` for each */
                              : SEG_MAX_ROWS;
    if (publisher->path != NULL && strcmp(publisher->path, path) == 0)
        return;
    copy = strdup(path);
    if (copy == NULL) {
        log_critical("publisher", "out of memory; the segment stays where it is");
        return;
    }
    say_moved(publisher, path);
    publisher_close(publisher, false);
    free(publisher->path);
    publisher->path = copy;
    snprintf(publisher->trouble, sizeof publisher->trouble, " "); /* so that the first success is logged */
}

/* The segment grows with what there is to say, so that max_peers costs nothing while it is not reached. */
static struct segment_writer_options writer_options(const struct publisher *publisher, uint32_t rows)
{
    return (struct segment_writer_options){
        .path = publisher->path,
        .row_capacity = rows,
        .instance_capacity = SEG_MAX_INSTANCES,
        .publish_interval_ms = PUBLISHER_INTERVAL_MS,
        .version = GO_METRO_VERSION,
        .replaces = publisher->writer,
        .identity = publisher->identity,
    };
}

/* A helper of the configured user, whose file this one, which runs as somebody else, cannot even open. A file of anybody else
 * says nothing, locked or not: everybody can lay one there. */
static bool is_held_by_user(struct publisher *publisher, char message[static SEG_ERROR_MAX])
{
    if (!know_user(publisher) || !segment_place_is_held(publisher->path, publisher->user_id))
        return false;
    segment_message(message, publisher->path,
                    "another go-metro, which runs as %.32s, has it; stop one of the two, or set another `segment_path`",
                    publisher->user);
    return true;
}

bool publisher_claim(struct publisher *publisher)
{
    char message[SEG_ERROR_MAX];
    struct segment_writer_options options;
    enum segment_writer_result result;
    pid_t holder = 0;
    bool is_held;

    if (publisher->writer != NULL && segment_writer_in_place(publisher->writer) == 1)
        return true;
    if (publisher->writer != NULL) {
        log_warnx("publisher", "%s was removed or replaced; making it anew", publisher->path);
        publisher_close(publisher, false);
    }
    options = writer_options(publisher, SEGMENT_FIRST_ROWS);
    result = segment_writer_open(&options, &publisher->writer, message, &holder);
    is_held = result == SEGW_LOCKED || (result == SEGW_FOREIGN && is_held_by_user(publisher, message));
    set_trouble(publisher, result == SEGW_OK ? "" : message);
    return !is_held;
}

/* Goes on in a file for so many rows. False: why not. */
static bool grow(struct publisher *publisher, uint32_t rows, char why[static SEG_ERROR_MAX])
{
    struct segment_writer_options options;
    struct segment_writer *larger;
    pid_t holder;

    publisher->identity = segment_writer_identity(publisher->writer);
    options = writer_options(publisher, rows);
    if (segment_writer_open(&options, &larger, why, &holder) != SEGW_OK)
        return false;
    segment_writer_close(publisher->writer);
    publisher->writer = larger;
    return true;
}

/* Where there are more rows than the segment holds: room for twice as many, so that it need not grow each second; or for just
 * these; or else what does not fit is left out, and `loss` says so. */
static void make_room(struct publisher *publisher, struct segment_contents *contents, char loss[static SEG_ERROR_MAX])
{
    const uint32_t rows = contents->row_count, capacity = segment_writer_row_capacity(publisher->writer);
    const uint32_t twice = rows < publisher->max_rows / 2 ? 2 * rows : publisher->max_rows;
    char why[SEG_ERROR_MAX];

    loss[0] = '\0';
    if (rows <= capacity || (twice > rows && grow(publisher, twice, why)) || grow(publisher, rows, why))
        return;
    contents->row_count = capacity;
    snprintf(loss, SEG_ERROR_MAX, "%u of %u rows are not published: %.180s; or lower `max_peers`", rows - capacity, rows, why);
}

const char *publisher_trouble(const struct publisher *publisher)
{
    return publisher->trouble;
}

/* What an instance that has stopped says is no error. */
static const char *first_error(const struct segment_contents *contents)
{
    const char *error = "";

    for (uint32_t i = 0; i < contents->instance_count && *error == '\0'; i++)
        error = contents->instances[i].state == SEG_STOPPED ? "" : contents->instances[i].error;
    return error;
}

/* `losses`: texts of what is not published, "" for none. */
static void judge(struct publisher *publisher, struct verdict *verdict, const char *const losses[static 2],
                  struct segment_contents *contents)
{
    enum seg_state instances = publication_overall_state(contents->instances, contents->instance_count);

    verdict_with_instances(verdict, instances, first_error(contents));
    for (int i = 0; i < 2; i++)
        verdict_with_loss(verdict, losses[i]);
    contents->state = verdict->state;
    contents->error = verdict->error;
    if (contents->state != publisher->state)
        log_info("publisher", "state: %s%s%s", segment_state_name(contents->state), *contents->error == '\0' ? "" : ": ",
                 contents->error);
    publisher->state = contents->state;
}

/* True when it begins: what goes on is not logged each second. */
static bool begins(bool *was_so, bool is_so)
{
    bool begins_now = is_so && !*was_so;

    *was_so = is_so;
    return begins_now;
}

void publisher_publish(struct publisher *publisher, struct roster *roster, const struct verdict *verdict)
{
    struct publication_time time = { clock_ns(CLOCK_BOOTTIME), clock_ns(CLOCK_REALTIME) };
    struct segment_contents contents;
    struct verdict all = *verdict;
    char no_memory[SEG_ERROR_MAX] = "", no_room[SEG_ERROR_MAX];
    size_t count, missing;
    struct instance *instances = roster_instances(roster, &count);

    missing = publication_build(publisher->publication, roster_meter(roster), instances, count, &time, &contents);
    publisher->built = contents;
    if (publisher->writer == NULL)
        return;
    if (missing > 0)
        snprintf(no_memory, sizeof no_memory,
                 "out of memory: %zu rows are not published; lower `max_peers` or let go-metro have more memory", missing);
    make_room(publisher, &contents, no_room);
    if (begins(&publisher->is_short_of_memory, missing > 0))
        log_errorx("publisher", "%s", no_memory);
    if (begins(&publisher->is_short_of_room, *no_room != '\0'))
        log_critical("publisher", "%s", no_room);
    judge(publisher, &all, (const char *const[]){ no_memory, no_room }, &contents);
    if (begins(&publisher->is_unwritten, segment_writer_publish(publisher->writer, &contents) < 0))
        log_warn("publisher", "%s: publishing %u rows", publisher->path, contents.row_count);
}

const struct segment_contents *publisher_contents(const struct publisher *publisher)
{
    return &publisher->built;
}

void publisher_close(struct publisher *publisher, bool remove)
{
    if (publisher->writer == NULL)
        return;
    if (remove && segment_writer_in_place(publisher->writer) == 1 && unlink(publisher->path) < 0)
        log_warn("publisher", "%s: cannot be removed", publisher->path);
    publisher->identity = segment_writer_identity(publisher->writer);
    segment_writer_close(publisher->writer);
    publisher->writer = NULL;
}
