/* publisher.c: the way from the roster to the segment. */
#include "publisher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "publication.h"
#include "segment_reader.h"
#include "segment_writer.h"
#include "version.h"

struct publisher {
    char *path;
    uint32_t row_capacity;
    struct segment_writer *writer;
    struct publication *publication;
    char trouble[SEG_ERROR_MAX]; /* what was logged last, "" when all is well */
    enum seg_state state;        /* published last */
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

void publisher_aim(struct publisher *publisher, const char *path, uint32_t max_peers)
{
    uint32_t capacity = max_peers + SEG_MAX_INSTANCES; /* one row `other` for each instance */
    char *copy;

    if (publisher->path != NULL && strcmp(publisher->path, path) == 0 && publisher->row_capacity == capacity)
        return;
    copy = strdup(path);
    if (copy == NULL) {
        log_critical("publisher", "out of memory; the segment stays where it is");
        return;
    }
    if (publisher->path != NULL)
        publisher_close(publisher, false);
    free(publisher->path);
    publisher->path = copy;
    publisher->row_capacity = capacity > SEG_MAX_ROWS ? SEG_MAX_ROWS : capacity;
    snprintf(publisher->trouble, sizeof publisher->trouble, " "); /* so that the first success is logged */
}

bool publisher_ready(struct publisher *publisher, bool *is_locked)
{
    const struct segment_writer_options options = {
        .path = publisher->path,
        .row_capacity = publisher->row_capacity,
        .instance_capacity = SEG_MAX_INSTANCES,
        .publish_interval_ms = PUBLISHER_INTERVAL_MS,
        .version = GO_METRO_VERSION,
    };
    char message[SEG_ERROR_MAX];
    enum segment_writer_result result;
    pid_t holder = 0;

    if (is_locked != NULL)
        *is_locked = false;
    if (publisher->writer != NULL && segment_writer_in_place(publisher->writer) == 1)
        return true;
    if (publisher->writer != NULL) {
        log_warnx("publisher", "%s was removed or replaced; making it anew", publisher->path);
        publisher_close(publisher, false);
    }
    result = segment_writer_open(&options, &publisher->writer, message, &holder);
    if (is_locked != NULL)
        *is_locked = result == SEGW_LOCKED;
    set_trouble(publisher, result == SEGW_OK ? "" : message);
    return result == SEGW_OK;
}

const char *publisher_trouble(const struct publisher *publisher)
{
    return publisher->trouble;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void judge(struct publisher *publisher, const struct publisher_verdict *verdict, struct segment_contents *contents)
{
    contents->state = verdict->state;
    contents->error = verdict->error == NULL ? "" : verdict->error;
    if (verdict->state == 0) {
        contents->state = publication_overall_state(contents->instances, contents->instance_count);
        for (uint32_t i = 0; i < contents->instance_count && *contents->error == '\0'; i++)
            contents->error = contents->instances[i].error;
    }
    if (contents->state != publisher->state)
        log_info("publisher", "state: %s%s%s", segment_state_name(contents->state), *contents->error == '\0' ? "" : ": ", contents->error);
    publisher->state = contents->state;
}

void publisher_publish(struct publisher *publisher, struct roster *roster, const struct publisher_verdict *verdict)
{
    struct publication_time time = { clock_ns(CLOCK_BOOTTIME), clock_ns(CLOCK_REALTIME) };
    struct segment_contents contents;
    size_t count, missing;
    struct instance *instances = roster_instances(roster, &count);

    if (publisher->writer == NULL)
        return;
    missing = publication_build(publisher->publication, roster_meter(roster), instances, count, &time, &contents);
    judge(publisher, verdict, &contents);
    if (missing > 0)
        log_errorx("publisher", "out of memory: %zu rows are not published", missing);
    if (segment_writer_publish(publisher->writer, &contents) < 0)
        log_warn("publisher", "%s: publishing %u rows", publisher->path, contents.row_count);
}

void publisher_close(struct publisher *publisher, bool remove)
{
    if (publisher->writer == NULL)
        return;
    if (remove && segment_writer_in_place(publisher->writer) == 1 && unlink(publisher->path) < 0)
        log_warn("publisher", "%s: cannot be removed", publisher->path);
    segment_writer_close(publisher->writer);
    publisher->writer = NULL;
}
