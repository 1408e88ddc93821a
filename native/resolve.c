/* resolve.c: the queue and the answers belong to both threads; whoever leaves last frees them. */
#include "resolve.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "privilege.h"

#define WAITING_MAX 16384 /* questions and answers together */
#define BUCKETS 1024      /* of queued questions, so that a long queue is searched for duplicates quickly */

/* What looks up: the C library, or what a test puts here before resolver_new(). */
static int (*lookup_name)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = getaddrinfo;
static int (*lookup_address)(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int) = getnameinfo;

/* A question, and then its answer. */
struct item {
    struct item *next;    /* in its list */
    struct item *sibling; /* in its bucket, while it is queued */
    size_t bucket;
    struct resolve_answer answer;
};

struct list {
    struct item *head, **tail;
};

struct resolver {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list questions, answers;
    struct item *buckets[BUCKETS];
    size_t waiting;
    int event_fd;
    unsigned users; /* the owner and the thread */
    bool stopped;   /* the owner has left */
};

static void list_append(struct list *list, struct item *item)
{
    item->next = NULL;
    *list->tail = item;
    list->tail = &item->next;
}

static struct item *list_take(struct list *list)
{
    struct item *item = list->head;

    if (item == NULL)
        return NULL;
    list->head = item->next;
    if (list->head == NULL)
        list->tail = &list->head;
    return item;
}

static void list_free(struct list *list)
{
    struct item *item;

    while ((item = list_take(list)) != NULL) {
        resolver_answer_free(&item->answer);
        free(item);
    }
}

/* ---- duplicates ---- */

/* FNV-1a; the questions come from the owner's configuration and from peers that the meter has already bounded. */
static size_t bucket_of(const struct resolve_answer *question)
{
    const char *bytes = question->kind == RESOLVE_FORWARD ? question->name : (const char *)question->address.bytes;
    size_t n = question->kind == RESOLVE_FORWARD ? strlen(bytes) : sizeof question->address.bytes;
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 16777619u;
    return hash % BUCKETS;
}

static bool same_question(const struct resolve_answer *a, const struct resolve_answer *b)
{
    if (a->kind != b->kind)
        return false;
    return a->kind == RESOLVE_FORWARD ? strcmp(a->name, b->name) == 0 : address_equal(&a->address, &b->address);
}

static bool is_queued(const struct resolver *resolver, const struct item *item)
{
    const struct item *other = resolver->buckets[item->bucket];

    while (other != NULL && !same_question(&other->answer, &item->answer))
        other = other->sibling;
    return other != NULL;
}

static void unhash(struct resolver *resolver, const struct item *item)
{
    struct item **link = &resolver->buckets[item->bucket];

    while (*link != item)
        link = &(*link)->sibling;
    *link = item->sibling;
}

/* ---- the thread ---- */

static bool has_address(const struct resolve_answer *answer, const struct ip_address *address)
{
    for (size_t i = 0; i < answer->count; i++)
        if (address_equal(&answer->addresses[i], address))
            return true;
    return false;
}

static bool address_of(const struct addrinfo *found, struct ip_address *out)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (found->ai_family == AF_INET && found->ai_addrlen >= sizeof v4) {
        memcpy(&v4, found->ai_addr, sizeof v4);
        *out = address_from_v4((const uint8_t *)&v4.sin_addr);
        return true;
    }
    if (found->ai_family == AF_INET6 && found->ai_addrlen >= sizeof v6) {
        memcpy(&v6, found->ai_addr, sizeof v6);
        *out = address_from_v6(v6.sin6_addr.s6_addr);
        return true;
    }
    return false;
}

static void keep_addresses(struct resolve_answer *answer, const struct addrinfo *found)
{
    struct ip_address address;

    answer->addresses = calloc(RESOLVE_MAX_ADDRESSES, sizeof *answer->addresses);
    if (answer->addresses == NULL) {
        answer->error = gai_strerror(EAI_MEMORY);
        return;
    }
    for (; found != NULL && answer->count < RESOLVE_MAX_ADDRESSES; found = found->ai_next)
        if (address_of(found, &address) && !has_address(answer, &address))
            answer->addresses[answer->count++] = address;
    if (answer->count == 0)
        answer->error = gai_strerror(EAI_NONAME);
}

static void resolve_forward(struct resolve_answer *answer)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    int status = lookup_name(answer->name, NULL, &hints, &found);

    if (status != 0) {
        answer->error = gai_strerror(status);
        return;
    }
    keep_addresses(answer, found);
    if (found != NULL)
        freeaddrinfo(found);
}

/* A name from the network ends up in tags, logs and terminals. */
static bool is_host_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    return name[0] != '\0' && name[strspn(name, allowed)] == '\0';
}

static socklen_t to_sockaddr(struct sockaddr_storage *out, const struct ip_address *address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (address_is_v4(address)) {
        memcpy(&v4.sin_addr, address->bytes + 12, sizeof v4.sin_addr);
        memcpy(out, &v4, sizeof v4);
        return sizeof v4;
    }
    memcpy(&v6.sin6_addr, address->bytes, sizeof v6.sin6_addr);
    memcpy(out, &v6, sizeof v6);
    return sizeof v6;
}

static void resolve_reverse(struct resolve_answer *answer)
{
    struct sockaddr_storage storage;
    socklen_t length = to_sockaddr(&storage, &answer->address);
    char name[NI_MAXHOST] = "";
    int status = lookup_address((struct sockaddr *)&storage, length, name, sizeof name, NULL, 0, NI_NAMEREQD);
    size_t n;

    if (status != 0) {
        answer->error = gai_strerror(status);
        return;
    }
    n = strnlen(name, sizeof name - 1);
    if (n > 0 && name[n - 1] == '.')
        n--;
    name[n] = '\0';
    if (n < sizeof answer->name && is_host_name(name))
        memcpy(answer->name, name, n + 1);
    else
        answer->error = "the answer is not a host name";
}

static void resolve_one(struct resolve_answer *answer, bool allowed)
{
    if (!allowed)
        answer->error = "the resolver's thread could not give up its capabilities";
    else if (answer->kind == RESOLVE_FORWARD)
        resolve_forward(answer);
    else
        resolve_reverse(answer);
}

/* Called with the lock held, which it gives up; frees when the other user is gone already. */
static void leave(struct resolver *resolver)
{
    bool last = --resolver->users == 0;

    pthread_mutex_unlock(&resolver->lock);
    if (!last)
        return;
    list_free(&resolver->questions);
    list_free(&resolver->answers);
    close(resolver->event_fd);
    pthread_cond_destroy(&resolver->wake);
    pthread_mutex_destroy(&resolver->lock);
    free(resolver);
}

/* The counter cannot overflow: each answer adds one and WAITING_MAX bounds them. */
static void publish(struct resolver *resolver, struct item *item)
{
    const uint64_t one = 1;
    ssize_t n;

    list_append(&resolver->answers, item);
    do
        n = write(resolver->event_fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
}

static void *work(void *arg)
{
    struct resolver *resolver = arg;
    bool allowed = privilege_drop_thread() == 0;
    struct item *item;

    pthread_mutex_lock(&resolver->lock);
    while (!resolver->stopped) {
        item = list_take(&resolver->questions);
        if (item == NULL) {
            pthread_cond_wait(&resolver->wake, &resolver->lock);
            continue;
        }
        unhash(resolver, item);
        pthread_mutex_unlock(&resolver->lock);
        resolve_one(&item->answer, allowed);
        pthread_mutex_lock(&resolver->lock);
        publish(resolver, item);
    }
    leave(resolver);
    return NULL;
}

/* Signals are the main thread's: the new one inherits a mask that blocks all. */
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
    return error;
}

/* ---- public ---- */

struct resolver *resolver_new(void)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    int error;

    if (resolver == NULL)
        return NULL;
    resolver->questions.tail = &resolver->questions.head;
    resolver->answers.tail = &resolver->answers.head;
    resolver->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (resolver->event_fd < 0) {
        free(resolver);
        return NULL;
    }
    pthread_mutex_init(&resolver->lock, NULL);
    pthread_cond_init(&resolver->wake, NULL);
    resolver->users = 2;
    error = start_thread(resolver);
    if (error == 0)
        return resolver;
    pthread_mutex_lock(&resolver->lock);
    resolver->users = 1;
    leave(resolver);
    errno = error;
    return NULL;
}

void resolver_free(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    pthread_mutex_lock(&resolver->lock);
    resolver->stopped = true;
    pthread_cond_signal(&resolver->wake);
    leave(resolver);
}

static void enqueue(struct resolver *resolver, struct item *item)
{
    item->sibling = resolver->buckets[item->bucket];
    resolver->buckets[item->bucket] = item;
    list_append(&resolver->questions, item);
    resolver->waiting++;
    pthread_cond_signal(&resolver->wake);
}

/* Takes the item over. */
static int submit(struct resolver *resolver, struct item *item)
{
    bool merged, full = false;

    item->bucket = bucket_of(&item->answer);
    pthread_mutex_lock(&resolver->lock);
    merged = is_queued(resolver, item); /* answered with the one that waits */
    if (!merged)
        full = resolver->waiting >= WAITING_MAX;
    if (!merged && !full)
        enqueue(resolver, item);
    pthread_mutex_unlock(&resolver->lock);
    if (merged || full)
        free(item);
    if (full)
        errno = ENOBUFS;
    return full ? -1 : 0;
}

int resolver_submit_name(struct resolver *resolver, const char *name)
{
    size_t n = strnlen(name, RESOLVE_NAME_MAX);
    struct item *item;

    if (n == 0 || n >= RESOLVE_NAME_MAX) {
        errno = EINVAL;
        return -1;
    }
    item = calloc(1, sizeof *item);
    if (item == NULL)
        return -1;
    item->answer.kind = RESOLVE_FORWARD;
    memcpy(item->answer.name, name, n + 1);
    return submit(resolver, item);
}

int resolver_submit_address(struct resolver *resolver, const struct ip_address *address)
{
    struct item *item = calloc(1, sizeof *item);

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
    struct item *item;

    pthread_mutex_lock(&resolver->lock);
    item = list_take(&resolver->answers);
    if (item != NULL)
        resolver->waiting--;
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
