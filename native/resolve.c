/* resolve.c: the queue and the answers belong to all threads; whoever leaves last frees them. */
#include "resolve_private.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <resolv.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "privilege.h"

#define WAITING_MAX 16384                  /* questions and answers of a kind together */
#define THREADS (RESOLVE_SIDE_BY_SIDE + 1) /* one that the other kind has for itself */

/* What looks up: the C library, or what a test puts here before resolver_new(). */
static resolve_name_fn lookup_name = getaddrinfo;
static resolve_address_fn lookup_address = getnameinfo;
static const char *conf_path = _PATH_RESCONF;
static void (*reread_conf)(void) = resolve_conf_reread;

struct resolver {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct resolve_queue questions;
    struct resolve_list answers;
    size_t waiting[RESOLVE_KINDS];
    const char *conf_path;
    void (*reread_conf)(void);
    int event_fd;
    unsigned users; /* the owner and the threads */
    bool stopped;   /* the owner has left */
};

/* ---- the threads ---- */

static void resolve_one(struct resolve_answer *answer, bool allowed)
{
    if (!allowed)
        answer->error = "a thread of the resolver could not give up its capabilities";
    else if (answer->kind == RESOLVE_FORWARD)
        resolve_forward(answer, lookup_name);
    else
        resolve_reverse(answer, lookup_address);
}

/* Called with the lock held, which it gives up; frees when all other users are gone already. */
static void leave(struct resolver *resolver)
{
    bool last = --resolver->users == 0;

    pthread_mutex_unlock(&resolver->lock);
    if (!last)
        return;
    resolve_queue_free(&resolver->questions);
    resolve_list_free(&resolver->answers);
    close(resolver->event_fd);
    pthread_cond_destroy(&resolver->wake);
    pthread_mutex_destroy(&resolver->lock);
    free(resolver);
}

/* The counter cannot overflow: each answer adds one and WAITING_MAX bounds them. */
static void publish(struct resolver *resolver, struct resolve_item *item)
{
    const uint64_t one = 1;
    ssize_t n;

    resolve_queue_finish(&resolver->questions, item);
    resolve_list_append(&resolver->answers, item);
    do
        n = write(resolver->event_fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
}

static void *work(void *arg)
{
    struct resolver *resolver = arg;
    bool allowed = privilege_drop_thread() == 0;
    struct file_stamp conf = file_stamp_look(resolver->conf_path); /* before the C library reads it, at the first question */
    struct resolve_item *item;

    pthread_mutex_lock(&resolver->lock);
    while (!resolver->stopped) {
        item = resolve_queue_take(&resolver->questions);
        if (item == NULL) {
            pthread_cond_wait(&resolver->wake, &resolver->lock);
            continue;
        }
        pthread_mutex_unlock(&resolver->lock);
        resolve_conf_follow(&conf, resolver->conf_path, resolver->reread_conf);
        resolve_one(&item->answer, allowed);
        pthread_mutex_lock(&resolver->lock);
        publish(resolver, item);
    }
    leave(resolver);
    return NULL;
}

/* Called with the lock held. Signals are the main thread's: the new one inherits a mask that blocks all. */
static int start_thread(struct resolver *resolver)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    int error;

    sigfillset(&all);
    error = pthread_attr_init(&attributes);
    if (error != 0)
        return error;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &attributes, work, resolver);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    resolver->users += error == 0;
    return error;
}

/* All of them or none: with fewer a kind that hangs would keep the other one back. */
static int start_threads(struct resolver *resolver)
{
    int error = 0;

    pthread_mutex_lock(&resolver->lock);
    for (size_t i = 0; error == 0 && i < THREADS; i++)
        error = start_thread(resolver);
    pthread_mutex_unlock(&resolver->lock);
    return error;
}

/* ---- public ---- */

struct resolver *resolver_new(void)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    int error;

    if (resolver == NULL)
        return NULL;
    resolve_queue_init(&resolver->questions);
    resolver->answers.tail = &resolver->answers.head;
    resolver->conf_path = conf_path;
    resolver->reread_conf = reread_conf;
    resolver->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (resolver->event_fd < 0) {
        free(resolver);
        return NULL;
    }
    pthread_mutex_init(&resolver->lock, NULL);
    pthread_cond_init(&resolver->wake, NULL);
    resolver->users = 1;
    error = start_threads(resolver);
    if (error == 0)
        return resolver;
    resolver_free(resolver);
    errno = error;
    return NULL;
}

void resolver_free(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    pthread_mutex_lock(&resolver->lock);
    resolver->stopped = true;
    pthread_cond_broadcast(&resolver->wake);
    leave(resolver);
}

static void enqueue(struct resolver *resolver, struct resolve_item *item)
{
    resolve_queue_append(&resolver->questions, item);
    resolver->waiting[item->answer.kind]++;
    pthread_cond_signal(&resolver->wake);
}

/* Takes the item over. */
static int submit(struct resolver *resolver, struct resolve_item *item)
{
    bool merged, full = false;

    item->bucket = resolve_bucket_of(&item->answer);
    pthread_mutex_lock(&resolver->lock);
    merged = resolve_queue_has(&resolver->questions, item); /* answered with the one that is there */
    if (!merged)
        full = resolver->waiting[item->answer.kind] >= WAITING_MAX;
    if (!merged && !full)
        enqueue(resolver, item);
    pthread_mutex_unlock(&resolver->lock);
    if (merged || full)
        free(item);
    if (full)
        errno = ENOBUFS;
    return full ? -1 : 0;
}

int resolver_submit_name(struct resolver *resolver, const char *name, unsigned known)
{
    size_t n = strnlen(name, RESOLVE_NAME_MAX);
    struct resolve_item *item;

    if (n == 0 || n >= RESOLVE_NAME_MAX) {
        errno = EINVAL;
        return -1;
    }
    item = calloc(1, sizeof *item);
    if (item == NULL)
        return -1;
    item->answer.kind = RESOLVE_FORWARD;
    item->answer.known = known;
    memcpy(item->answer.name, name, n + 1);
    return submit(resolver, item);
}

int resolver_submit_address(struct resolver *resolver, const struct ip_address *address)
{
    struct resolve_item *item = calloc(1, sizeof *item);

    if (item == NULL)
        return -1;
    item->answer.kind = RESOLVE_REVERSE;
    item->answer.address = *address;
    return submit(resolver, item);
}

int resolver_fd(const struct resolver *resolver)
{
    return resolver->event_fd;
}

static void clear_event(int fd)
{
    uint64_t count;
    ssize_t n;

    do
        n = read(fd, &count, sizeof count);
    while (n < 0 && errno == EINTR);
}

bool resolver_next(struct resolver *resolver, struct resolve_answer *out)
{
    struct resolve_item *item;

    pthread_mutex_lock(&resolver->lock);
    item = resolve_list_take(&resolver->answers);
    if (item != NULL)
        resolver->waiting[item->answer.kind]--;
    if (resolver->answers.head == NULL)
        clear_event(resolver->event_fd);
    pthread_mutex_unlock(&resolver->lock);
    if (item == NULL)
        return false;
    *out = item->answer;
    free(item);
    return true;
}

void resolver_answer_free(struct resolve_answer *answer)
{
    free(answer->addresses);
    answer->addresses = NULL;
    answer->count = 0;
}
