/* resolve.c with a resolver of the test's own, and with the C library's for what needs no network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/capability.h>
#include <time.h>

#include "resolve.c"

static atomic_uint asked;
static atomic_bool gate_open;
static atomic_uint inside;

/* The next answer, or a failure after 5 s. */
static struct resolve_answer next(struct resolver *resolver)
{
    struct pollfd pollfd = { resolver_fd(resolver), POLLIN, 0 };
    struct resolve_answer answer;

    assert_int_equal(poll(&pollfd, 1, 5000), 1);
    assert_true(resolver_next(resolver, &answer));
    return answer;
}

static bool is_readable(struct resolver *resolver)
{
    struct pollfd pollfd = { resolver_fd(resolver), POLLIN, 0 };

    return poll(&pollfd, 1, 0) == 1;
}

static void pause_ms(long ms)
{
    struct timespec ts = { 0, ms * 1000000 };

    nanosleep(&ts, NULL);
}

static int restore(void **state)
{
    (void)state;
    lookup_name = getaddrinfo;
    lookup_address = getnameinfo;
    atomic_store(&gate_open, true);
    while (atomic_load(&inside) > 0)
        pause_ms(1);
    atomic_store(&asked, 0);
    return 0;
}

/* ---- resolvers ---- */

/* "N..." gives N addresses 192.0.2.0 and so on, each twice. */
static int fake_many(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    struct addrinfo numeric = *hints, **tail = out;
    char text[32];
    unsigned count = (unsigned)strtoul(name, NULL, 10);

    (void)service;
    atomic_fetch_add(&asked, 1);
    numeric.ai_flags = AI_NUMERICHOST;
    for (unsigned i = 0; i < 2 * count; i++) {
        snprintf(text, sizeof text, "192.0.%u.%u", 2 + i / 2 / 256, i / 2 % 256);
        if (getaddrinfo(text, NULL, &numeric, tail) != 0)
            return EAI_MEMORY;
        tail = &(*tail)->ai_next;
    }
    return 0;
}

/* "N": the same addresses, the last one first each second time. */
static int fake_in_turn(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    const bool backwards = atomic_load(&asked) % 2 == 1;
    const int status = fake_many(name, service, hints, out);
    struct addrinfo *turned = NULL;

    while (status == 0 && backwards && *out != NULL) {
        struct addrinfo *first = *out;

        *out = first->ai_next;
        first->ai_next = turned;
        turned = first;
    }
    if (turned != NULL)
        *out = turned;
    return status;
}

static int fake_failure(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    (void)name, (void)service, (void)hints, (void)out;
    return EAI_AGAIN;
}

static int fake_hang(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    int status;

    atomic_fetch_add(&inside, 1);
    while (!atomic_load(&gate_open))
        pause_ms(1);
    status = fake_many(name, service, hints, out);
    atomic_fetch_sub(&inside, 1);
    return status;
}

/* Only names with "hangs" in them do. */
static int fake_hang_of_some(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    return strstr(name, "hangs") != NULL ? fake_hang(name, service, hints, out) : fake_many(name, service, hints, out);
}

/* What is found by questions about both families, IPv4 and IPv6: addresses, or a failure as the C library and DNS call it. */
enum { BOTH, V4, V6, QUESTIONS };
struct script {
    const char *addresses[2], *canonical;
    int status, dns;
};
static struct script scripts[QUESTIONS];
static char questions[4][NI_MAXHOST + 1]; /* the names in them, in their order */
static int families_asked[4];

static struct addrinfo *numeric_address(const char *text)
{
    const struct addrinfo numeric = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
    struct addrinfo *out = NULL;

    assert_int_equal(getaddrinfo(text, NULL, &numeric, &out), 0);
    return out;
}

static int fake_families(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    const struct script *script = &scripts[hints->ai_family == AF_INET ? V4 : hints->ai_family == AF_INET6 ? V6 : BOTH];
    const unsigned n = atomic_fetch_add(&asked, 1);

    (void)service;
    assert_true(n < 4 && (hints->ai_flags & AI_CANONNAME) != 0 && (hints->ai_flags & AI_ADDRCONFIG) == 0);
    snprintf(questions[n], sizeof questions[n], "%s", name);
    families_asked[n] = hints->ai_family;
    if (script->dns != 0)
        _res.res_h_errno = script->dns;
    if (script->status != 0)
        return script->status;
    for (size_t i = 2; i-- > 0;)
        if (script->addresses[i] != NULL) {
            struct addrinfo *one = numeric_address(script->addresses[i]);

            one->ai_next = *out;
            *out = one;
        }
    if (*out != NULL && script->canonical != NULL)
        (*out)->ai_canonname = strdup(script->canonical);
    return 0;
}

static const char *reverse_text;

static int fake_reverse(const struct sockaddr *address, socklen_t length, char *host, socklen_t size, char *service,
                        socklen_t ssize, int flags)
{
    (void)address, (void)length, (void)service, (void)ssize;
    if (flags != NI_NAMEREQD || strlen(reverse_text) >= size)
        return EAI_OVERFLOW;
    strcpy(host, reverse_text);
    return 0;
}

static int fake_reverse_hang(const struct sockaddr *address, socklen_t length, char *host, socklen_t size, char *service,
                             socklen_t ssize, int flags)
{
    atomic_fetch_add(&inside, 1);
    while (!atomic_load(&gate_open))
        pause_ms(1);
    atomic_fetch_sub(&inside, 1);
    return fake_reverse(address, length, host, size, service, ssize, flags);
}

static int reverse_status, reverse_dns;

static int fake_reverse_failure(const struct sockaddr *address, socklen_t length, char *host, socklen_t size, char *service,
                                socklen_t ssize, int flags)
{
    (void)address, (void)length, (void)host, (void)size, (void)service, (void)ssize, (void)flags;
    if (reverse_dns != 0)
        _res.res_h_errno = reverse_dns;
    return reverse_status;
}

/* What the thread may do, seen from inside it. */
static atomic_bool thread_is_bare;

static int fake_look_around(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    cap_t caps = cap_get_proc(), none = cap_init();
    sigset_t mask;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    atomic_store(&thread_is_bare, caps != NULL && cap_compare(caps, none) == 0 && sigismember(&mask, SIGTERM) == 1
                                      && sigismember(&mask, SIGHUP) == 1);
    cap_free(caps);
    cap_free(none);
    return fake_failure(name, service, hints, out);
}

/* ---- tests ---- */

static void test_library(void **state)
{
    static const struct {
        const char *name, *address;
    } cases[] = { { "192.0.2.7", "192.0.2.7" }, { "2001:db8::7", "2001:db8::7" } };
    struct resolver *resolver = resolver_new();
    char text[ADDRESS_STRLEN];
    struct resolve_answer answer;

    (void)state;
    assert_non_null(resolver);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(resolver_submit_name(resolver, cases[i].name, 0), 0);
        answer = next(resolver);
        assert_int_equal(answer.kind, RESOLVE_FORWARD);
        assert_string_equal(answer.name, cases[i].name);
        assert_null(answer.error);
        assert_int_equal(answer.count, 1);
        assert_string_equal(address_format(text, &answer.addresses[0]), cases[i].address);
        resolver_answer_free(&answer);
        assert_int_equal(answer.count, 0);
        assert_false(is_readable(resolver));
    }
    assert_int_equal(resolver_submit_name(resolver, "localhost", 0), 0);
    answer = next(resolver);
    assert_null(answer.error);
    assert_true(answer.count >= 1);
    resolver_answer_free(&answer);
    assert_false(resolver_next(resolver, &answer));
    resolver_free(resolver);
    resolver_free(NULL);
}

static void test_many_addresses(void **state)
{
    static const struct {
        const char *name;
        size_t count, left_out;
    } cases[] = {
        { "1", 1, 0 }, { "50", 50, 0 }, { "256", 256, 0 }, { "257", 256, 1 }, { "3000", 256, 3000 - 256 }, { "0", 0, 0 },
    };
    struct resolver *resolver;
    char text[ADDRESS_STRLEN];

    (void)state;
    lookup_name = fake_many;
    resolver = resolver_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct resolve_answer answer;

        assert_int_equal(resolver_submit_name(resolver, cases[i].name, 0), 0);
        answer = next(resolver);
        assert_int_equal(answer.count, cases[i].count);
        assert_int_equal(answer.left_out, cases[i].left_out);
        assert_int_equal(answer.error == NULL, cases[i].count > 0);
        if (answer.count >= 50)
            assert_string_equal(address_format(text, &answer.addresses[49]), "192.0.2.49");
        resolver_answer_free(&answer);
    }
    resolver_free(resolver);
}

static void test_another_order_is_the_same_answer(void **state)
{
    static const struct {
        const char *text;
        size_t count;
    } names[] = { { "50", 50 }, { "300", RESOLVE_MAX_ADDRESSES } };
    struct resolve_answer answers[2];
    struct resolver *resolver;

    (void)state;
    lookup_name = fake_in_turn;
    resolver = resolver_new();
    for (size_t name = 0; name < sizeof names / sizeof names[0]; name++) {
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(resolver_submit_name(resolver, names[name].text, 0), 0);
            answers[i] = next(resolver);
            assert_int_equal(answers[i].count, names[name].count);
        }
        assert_memory_equal(answers[0].addresses, answers[1].addresses, names[name].count * sizeof answers[0].addresses[0]);
        for (size_t i = 0; i < 2; i++)
            resolver_answer_free(&answers[i]);
    }
    resolver_free(resolver);
}

static struct resolve_answer ask_of(struct resolver *resolver, const char *name, unsigned known)
{
    struct resolve_answer answer;

    atomic_store(&asked, 0);
    assert_int_equal(resolver_submit_name(resolver, name, known), 0);
    answer = next(resolver);
    assert_int_equal(answer.known, known);
    return answer;
}

/* The first question finds this; then there is a second one, or none. */
static void test_a_family_that_is_missing(void **state)
{
    static const char v4[] = "192.0.2.1", v6[] = "2001:db8::1";
    static const struct {
        struct script scripts[QUESTIONS];
        unsigned known;
        int second;
        size_t count;
        unsigned failed;
    } cases[] = {
        /* Nothing is missing. */
        { { [BOTH] = { .addresses = { v4, v6 } } }, RESOLVE_V4 | RESOLVE_V6, 0, 2, 0 },
        { { [BOTH] = { .addresses = { v4 } } }, 0, 0, 1, 0 },
        { { [BOTH] = { .addresses = { v4 } } }, RESOLVE_V4, 0, 1, 0 },
        { { [BOTH] = { .addresses = { v6 } } }, RESOLVE_V6, 0, 1, 0 },
        /* It is not there any more. */
        { { [BOTH] = { .addresses = { v6 } }, [V4] = { .status = EAI_NODATA } }, RESOLVE_V4 | RESOLVE_V6, AF_INET, 1, 0 },
        { { [BOTH] = { .addresses = { v4 } }, [V6] = { .status = EAI_NONAME } }, RESOLVE_V6, AF_INET6, 1, 0 },
        { { [BOTH] = { .addresses = { v4 } }, [V6] = { .status = EAI_ADDRFAMILY } }, RESOLVE_V6, AF_INET6, 1, 0 },
        { { [BOTH] = { .addresses = { v6 } }, [V4] = { .status = EAI_NONAME, .dns = HOST_NOT_FOUND } },
          RESOLVE_V4,
          AF_INET,
          1,
          0 },
        { { [BOTH] = { .addresses = { v6 } }, [V4] = { .status = EAI_SYSTEM, .dns = NO_DATA } }, RESOLVE_V4, AF_INET, 1, 0 },
        /* Nobody could be asked for it. */
        { { [BOTH] = { .addresses = { v6 } }, [V4] = { .status = EAI_AGAIN } }, RESOLVE_V4 | RESOLVE_V6, AF_INET, 1, RESOLVE_V4 },
        { { [BOTH] = { .addresses = { v4 } }, [V6] = { .status = EAI_AGAIN } },
          RESOLVE_V4 | RESOLVE_V6,
          AF_INET6,
          1,
          RESOLVE_V6 },
        { { [BOTH] = { .addresses = { v6 } }, [V4] = { .status = EAI_SYSTEM } }, RESOLVE_V4, AF_INET, 1, RESOLVE_V4 },
        { { [BOTH] = { .addresses = { v6 } }, [V4] = { .status = EAI_FAIL } }, RESOLVE_V4, AF_INET, 1, RESOLVE_V4 },
        { { [BOTH] = { .addresses = { v6 } }, [V4] = { .status = EAI_MEMORY } }, RESOLVE_V4, AF_INET, 1, RESOLVE_V4 },
        { { [BOTH] = { .addresses = { v6 } }, [V4] = { .status = EAI_NONAME, .dns = TRY_AGAIN } },
          RESOLVE_V4,
          AF_INET,
          1,
          RESOLVE_V4 },
        { { [BOTH] = { .addresses = { v6 } }, [V4] = { .status = EAI_NONAME, .dns = NO_RECOVERY } },
          RESOLVE_V4,
          AF_INET,
          1,
          RESOLVE_V4 },
        /* What DNS said of the first question is no word on the second. */
        { { [BOTH] = { .addresses = { v6 }, .dns = TRY_AGAIN }, [V4] = { .status = EAI_NONAME } }, RESOLVE_V4, AF_INET, 1, 0 },
        /* It is there after all. */
        { { [BOTH] = { .addresses = { v6 } }, [V4] = { .addresses = { v4 } } }, RESOLVE_V4 | RESOLVE_V6, AF_INET, 2, 0 },
        { { [BOTH] = { .addresses = { v4 } }, [V6] = { .addresses = { v6 } } }, RESOLVE_V6, AF_INET6, 2, 0 },
        /* The name itself fails. */
        { { [BOTH] = { .status = EAI_AGAIN } }, RESOLVE_V4 | RESOLVE_V6, 0, 0, 0 },
        { { [BOTH] = { .status = EAI_NONAME } }, RESOLVE_V4 | RESOLVE_V6, 0, 0, 0 },
        { { [BOTH] = { .status = 0 } }, RESOLVE_V4 | RESOLVE_V6, 0, 0, 0 },
    };
    struct resolver *resolver;

    (void)state;
    lookup_name = fake_families;
    resolver = resolver_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct resolve_answer answer;

        memcpy(scripts, cases[i].scripts, sizeof scripts);
        answer = ask_of(resolver, "dual.example", cases[i].known);
        assert_int_equal(atomic_load(&asked), cases[i].second == 0 ? 1 : 2);
        assert_int_equal(families_asked[0], AF_UNSPEC);
        if (cases[i].second != 0)
            assert_int_equal(families_asked[1], cases[i].second);
        assert_int_equal(answer.count, cases[i].count);
        assert_int_equal(answer.failed, cases[i].failed);
        assert_int_equal(answer.error != NULL, cases[i].failed != 0 || cases[i].count == 0);
        if (cases[i].failed != 0)
            assert_non_null(strstr(answer.error, cases[i].failed == RESOLVE_V4 ? "IPv4" : "IPv6"));
        if (cases[i].count == 2) /* in their order, whichever was found first */
            assert_true(address_is_v4(&answer.addresses[0]) && !address_is_v4(&answer.addresses[1]));
        resolver_answer_free(&answer);
    }
    resolver_free(resolver);
}

/* "db" may be db.a.example, whose name server fails for A: db.b.example, which the search list has next, is another host. */
static void test_a_missing_family_is_asked_for_by_the_name_that_was_found(void **state)
{
    static char longest[NI_MAXHOST + 1];
    static const struct {
        const char *canonical, *name;
    } cases[] = {
        { "db.a.example", "db.a.example." }, { "db.a.example.", "db.a.example." }, { NULL, "db" }, { "", "db" }, { longest, "db" }
    };
    struct resolver *resolver;

    (void)state;
    memset(longest, 'a', NI_MAXHOST);
    lookup_name = fake_families;
    resolver = resolver_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct resolve_answer answer;

        memset(scripts, 0, sizeof scripts);
        scripts[BOTH] = (struct script){ { "2001:db8::1" }, cases[i].canonical, 0, 0 };
        scripts[V4].status = EAI_AGAIN;
        answer = ask_of(resolver, "db", RESOLVE_V4);
        assert_string_equal(questions[0], "db");
        assert_string_equal(questions[1], cases[i].name);
        assert_string_equal(answer.name, "db");
        resolver_answer_free(&answer);
    }
    resolver_free(resolver);
}

static void test_failure(void **state)
{
    struct resolver *resolver;
    struct resolve_answer answer;

    (void)state;
    lookup_name = fake_failure;
    resolver = resolver_new();
    assert_int_equal(resolver_submit_name(resolver, "db1.example.com", 0), 0);
    answer = next(resolver);
    assert_string_equal(answer.name, "db1.example.com");
    assert_string_equal(answer.error, gai_strerror(EAI_AGAIN));
    assert_int_equal(answer.count, 0);
    resolver_answer_free(&answer);
    resolver_free(resolver);
}

static void test_reverse(void **state)
{
    static const struct {
        const char *answer, *name;
    } cases[] = {
        { "db1.example.com", "db1.example.com" },
        { "db1.example.com.", "db1.example.com" },
        { "a_b-C.9", "a_b-C.9" },
        { "evil\nname", "" },
        { "a,b:c", "" },
        { "caf\xc3\xa9", "" },
        { "\x1b[2J", "" },
        { "", "" },
        { ".", "" },
        { "a b", "" },
    };
    const uint8_t bytes[4] = { 192, 0, 2, 1 };
    struct ip_address address = address_from_v4(bytes);
    struct resolver *resolver;
    char longest[300];

    (void)state;
    lookup_address = fake_reverse;
    resolver = resolver_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct resolve_answer answer;

        reverse_text = cases[i].answer;
        assert_int_equal(resolver_submit_address(resolver, &address), 0);
        answer = next(resolver);
        assert_int_equal(answer.kind, RESOLVE_REVERSE);
        assert_true(address_equal(&answer.address, &address));
        assert_string_equal(answer.name, cases[i].name);
        assert_int_equal(answer.error == NULL, cases[i].name[0] != '\0');
        resolver_answer_free(&answer);
    }
    for (size_t n = RESOLVE_NAME_MAX - 1; n <= RESOLVE_NAME_MAX; n++) {
        struct resolve_answer answer;

        memset(longest, 'a', n);
        longest[n] = '\0';
        reverse_text = longest;
        assert_int_equal(resolver_submit_address(resolver, &address), 0);
        answer = next(resolver);
        assert_int_equal(strlen(answer.name), n < RESOLVE_NAME_MAX ? n : 0);
        resolver_answer_free(&answer);
    }
    resolver_free(resolver);
}

/* DNS's own word goes first: a service that is asked after it knows no name and says so. */
static void test_no_name_or_nobody_to_ask(void **state)
{
    static const struct {
        int status, dns;
        bool is_passing;
    } cases[] = { { EAI_NONAME, 0, false },
                  { EAI_NODATA, 0, false },
                  { EAI_NONAME, HOST_NOT_FOUND, false },
                  { EAI_NONAME, NO_DATA, false },
                  { EAI_SYSTEM, NO_DATA, false },
                  { EAI_AGAIN, 0, true },
                  { EAI_SYSTEM, 0, true },
                  { EAI_MEMORY, 0, true },
                  { EAI_FAIL, 0, true },
                  { EAI_AGAIN, TRY_AGAIN, true },
                  { EAI_NONAME, TRY_AGAIN, true },
                  { EAI_NONAME, NO_RECOVERY, true },
                  { EAI_NONAME, 0, false },
                  { EAI_NONAME, NETDB_INTERNAL, true } };
    struct resolver *resolver;

    (void)state;
    lookup_address = fake_reverse_failure;
    resolver = resolver_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct resolve_answer answer;

        reverse_status = cases[i].status;
        reverse_dns = cases[i].dns;
        assert_int_equal(resolver_submit_address(resolver, &(struct ip_address){ { 0 } }), 0);
        answer = next(resolver);
        assert_string_equal(answer.error, gai_strerror(cases[i].status));
        assert_int_equal(answer.is_passing, cases[i].is_passing);
        resolver_answer_free(&answer);
    }
    lookup_address = fake_reverse;
    reverse_text = "a b"; /* an answer, if not a name */
    assert_int_equal(resolver_submit_address(resolver, &(struct ip_address){ { 0 } }), 0);
    assert_false(next(resolver).is_passing);
    resolver_free(resolver);
}

static void test_bad_names(void **state)
{
    struct resolver *resolver = resolver_new();
    char name[RESOLVE_NAME_MAX + 1];

    (void)state;
    memset(name, 'a', sizeof name);
    name[RESOLVE_NAME_MAX] = '\0';
    assert_int_equal(resolver_submit_name(resolver, name, 0), -1);
    assert_int_equal(errno, EINVAL);
    name[0] = '\0';
    assert_int_equal(resolver_submit_name(resolver, name, 0), -1);
    assert_int_equal(errno, EINVAL);
    resolver_free(resolver);
}

/* What hangs is `count` questions about names from now on. */
static void let_names_hang(struct resolver *resolver, unsigned count)
{
    char name[24];

    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "1 hangs %u", i);
        assert_int_equal(resolver_submit_name(resolver, name, 0), 0);
    }
    while (atomic_load(&inside) < count)
        pause_ms(1);
}

/* One that looks up by `lookup`, in which so many names hang. */
static struct resolver *resolver_that_hangs(resolve_name_fn lookup, unsigned names)
{
    struct resolver *resolver;

    atomic_store(&gate_open, false);
    lookup_name = lookup;
    resolver = resolver_new();
    let_names_hang(resolver, names);
    return resolver;
}

static void submit_addresses(struct resolver *resolver, uint8_t count)
{
    struct ip_address address = { { 0 } };

    for (uint8_t i = 0; i < count; i++) {
        address.bytes[15] = i;
        assert_int_equal(resolver_submit_address(resolver, &address), 0);
    }
}

/* So many answers come, all of this kind. */
static void take_answers(struct resolver *resolver, enum resolve_kind kind, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct resolve_answer answer = next(resolver);

        assert_int_equal(answer.kind, kind);
        assert_null(answer.error);
        resolver_answer_free(&answer);
    }
}

/* While all that may hang does: the same question twice is one, too many are refused, and freeing does not wait. */
static void test_hanging(void **state)
{
    struct resolver *resolver;
    struct timespec before, after;
    char name[16];
    unsigned taken = 0;

    (void)state;
    resolver = resolver_that_hangs(fake_hang, RESOLVE_SIDE_BY_SIDE);
    for (unsigned i = 0; i < 2 * WAITING_MAX; i++) {
        snprintf(name, sizeof name, "1 %u", i / 2);
        errno = 0;
        if (resolver_submit_name(resolver, name, 0) == 0)
            taken++;
        else
            assert_int_equal(errno, ENOBUFS);
    }
    assert_int_equal(taken, 2 * (WAITING_MAX - RESOLVE_SIDE_BY_SIDE));
    assert_int_equal(resolver->waiting[RESOLVE_FORWARD], WAITING_MAX);
    lookup_address = fake_reverse;
    reverse_text = "a.example";
    submit_addresses(resolver, 1); /* that is another kind */
    take_answers(resolver, RESOLVE_REVERSE, 1);
    assert_false(is_readable(resolver));
    clock_gettime(CLOCK_MONOTONIC, &before);
    resolver_free(resolver);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 < 500);
}

static void test_merging(void **state)
{
    struct resolver *resolver;
    char name[16];

    (void)state;
    resolver = resolver_that_hangs(fake_hang, RESOLVE_SIDE_BY_SIDE);
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "1 %u", i % 1000);
        assert_int_equal(resolver_submit_name(resolver, name, 0), 0);
    }
    atomic_store(&gate_open, true);
    take_answers(resolver, RESOLVE_FORWARD, RESOLVE_SIDE_BY_SIDE + 1000);
    pause_ms(5);
    assert_false(is_readable(resolver));
    assert_int_equal(atomic_load(&asked), RESOLVE_SIDE_BY_SIDE + 1000);
    assert_int_equal(resolver_submit_name(resolver, "1 0", 0), 0); /* answered: asked again */
    take_answers(resolver, RESOLVE_FORWARD, 1);
    resolver_free(resolver);
}

/* A name that hangs is asked for again and again, which takes no other thread. */
static void test_what_is_looked_up_is_not_asked_twice(void **state)
{
    struct resolver *resolver;

    (void)state;
    resolver = resolver_that_hangs(fake_hang, 1);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(resolver_submit_name(resolver, "1 hangs 0", 0), 0);
    pause_ms(20);
    assert_int_equal(atomic_load(&inside), 1);
    atomic_store(&gate_open, true);
    take_answers(resolver, RESOLVE_FORWARD, 1);
    pause_ms(5);
    assert_false(is_readable(resolver));
    assert_int_equal(atomic_load(&asked), 1);
    resolver_free(resolver);
}

static void test_names_beside_names_that_hang(void **state)
{
    struct resolver *resolver;
    char name[16];

    (void)state;
    resolver = resolver_that_hangs(fake_hang_of_some, RESOLVE_SIDE_BY_SIDE - 1);
    for (unsigned i = 0; i < 100; i++) {
        struct resolve_answer answer;

        snprintf(name, sizeof name, "1 %u", i);
        assert_int_equal(resolver_submit_name(resolver, name, 0), 0);
        answer = next(resolver);
        assert_string_equal(answer.name, name);
        resolver_answer_free(&answer);
    }
    assert_int_equal(atomic_load(&inside), RESOLVE_SIDE_BY_SIDE - 1);
    atomic_store(&gate_open, true);
    take_answers(resolver, RESOLVE_FORWARD, RESOLVE_SIDE_BY_SIDE - 1);
    resolver_free(resolver);
}

/* The oldest question is the next one. */
static void test_questions_in_their_order(void **state)
{
    struct resolver *resolver;
    char name[16];

    (void)state;
    resolver = resolver_that_hangs(fake_hang_of_some, RESOLVE_SIDE_BY_SIDE - 1); /* which leaves one thread */
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "1 %u", i);
        assert_int_equal(resolver_submit_name(resolver, name, 0), 0);
    }
    for (unsigned i = 0; i < 1000; i++) {
        struct resolve_answer answer = next(resolver);

        snprintf(name, sizeof name, "1 %u", i);
        assert_string_equal(answer.name, name);
        resolver_answer_free(&answer);
    }
    resolver_free(resolver);
}

static void test_addresses_beside_names_that_hang(void **state)
{
    struct resolver *resolver;

    (void)state;
    atomic_store(&gate_open, false);
    lookup_name = fake_hang;
    lookup_address = fake_reverse;
    reverse_text = "a.example";
    resolver = resolver_new();
    for (unsigned i = 0; i < 3; i++) /* more than there are threads */
        assert_int_equal(resolver_submit_name(resolver, (const char *[]){ "1 a", "1 b", "1 c" }[i], 0), 0);
    let_names_hang(resolver, RESOLVE_SIDE_BY_SIDE);
    submit_addresses(resolver, 200);
    take_answers(resolver, RESOLVE_REVERSE, 200);
    assert_int_equal(atomic_load(&inside), RESOLVE_SIDE_BY_SIDE);
    resolver_free(resolver);
}

/* Addresses may be thousands, and each may hang. */
static void test_names_beside_addresses_that_hang(void **state)
{
    struct resolver *resolver;
    char name[16];

    (void)state;
    atomic_store(&gate_open, false);
    lookup_name = fake_many;
    lookup_address = fake_reverse_hang;
    reverse_text = "a.example";
    resolver = resolver_new();
    submit_addresses(resolver, 200);
    while (atomic_load(&inside) < RESOLVE_SIDE_BY_SIDE)
        pause_ms(1);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "1 %u", i);
        assert_int_equal(resolver_submit_name(resolver, name, 0), 0);
    }
    take_answers(resolver, RESOLVE_FORWARD, 100);
    assert_int_equal(atomic_load(&inside), RESOLVE_SIDE_BY_SIDE);
    resolver_free(resolver);
}

/* ---- the configuration of the C library's resolver: of each thread its own ---- */

static atomic_uint conf_generation, rereads;
static _Thread_local unsigned generation_here;

static void note_reread(void)
{
    atomic_fetch_add(&rereads, 1);
    generation_here = atomic_load(&conf_generation);
}

/* 192.0.2.N: by a thread that has read generation N. */
static int fake_generation(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    char text[ADDRESS_STRLEN];

    (void)name, (void)service, (void)hints;
    snprintf(text, sizeof text, "192.0.2.%u", generation_here);
    *out = numeric_address(text);
    return 0;
}

/* Each of them has seen the configuration as it is now. */
static void let_threads_start(struct resolver *resolver)
{
    atomic_store(&gate_open, false);
    lookup_name = fake_hang;
    lookup_address = fake_reverse_hang;
    reverse_text = "a.example";
    let_names_hang(resolver, RESOLVE_SIDE_BY_SIDE);
    submit_addresses(resolver, 1);
    while (atomic_load(&inside) < THREADS)
        pause_ms(1);
    atomic_store(&gate_open, true);
    for (unsigned i = 0; i < THREADS; i++) {
        struct resolve_answer answer = next(resolver);

        resolver_answer_free(&answer);
    }
}

/* NULL: removes it. */
static void write_conf(const char *path, const char *text)
{
    FILE *file;

    if (text == NULL) {
        assert_int_equal(unlink(path), 0);
        return;
    }
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* By each thread once, before its next question; and without a change by none. */
static void test_a_changed_configuration_is_reread(void **state)
{
    static const char *const texts[] = { "nameserver 192.0.2.1\n", "nameserver 192.0.2.17\n", NULL, "options timeout:1\n" };
    char folder[] = "/tmp/test_resolve.XXXXXX", path[64];
    struct resolver *resolver;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/resolv.conf", folder);
    conf_path = path;
    reread_conf = note_reread;
    resolver = resolver_new();
    let_threads_start(resolver);
    lookup_name = fake_generation;
    for (unsigned generation = 0; generation <= sizeof texts / sizeof texts[0]; generation++) {
        const unsigned before = atomic_load(&rereads);

        for (unsigned i = 0; i < 50; i++) {
            struct resolve_answer answer = ask_of(resolver, "x", 0);

            assert_int_equal(answer.addresses[0].bytes[15], generation);
            resolver_answer_free(&answer);
        }
        assert_true(atomic_load(&rereads) - before <= (generation == 0 ? 0 : THREADS));
        if (generation == sizeof texts / sizeof texts[0])
            break;
        write_conf(path, texts[generation]);
        atomic_fetch_add(&conf_generation, 1);
    }
    resolver_free(resolver);
    conf_path = _PATH_RESCONF;
    reread_conf = resolve_conf_reread;
    write_conf(path, NULL);
    assert_int_equal(rmdir(folder), 0);
}

static void *reread_twice(void *arg)
{
    const int zero = fcntl(0, F_GETFD);

    resolve_conf_reread(); /* of a thread that has read nothing yet, all is zeros, its sockets too */
    *(bool *)arg = fcntl(0, F_GETFD) == zero && (_res.options & RES_INIT) == 0;
    assert_int_equal(res_ninit(&_res), 0);
    _res.retrans = 77;
    resolve_conf_reread();
    *(bool *)arg &= (_res.options & RES_INIT) != 0 && _res.retrans != 77;
    res_nclose(&_res);
    return NULL;
}

static void test_what_is_read_is_read_anew(void **state)
{
    bool is_right = false;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, reread_twice, &is_right), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(is_right);
}

/* Who asks for what must be certain is told nothing else. */
static void test_askers_who_know_other_families_ask_by_themselves(void **state)
{
    struct resolver *resolver;

    (void)state;
    resolver = resolver_that_hangs(fake_hang, RESOLVE_SIDE_BY_SIDE);
    for (unsigned known = 0; known < 8; known++)
        assert_int_equal(resolver_submit_name(resolver, "1", known % 4), 0);
    atomic_store(&gate_open, true);
    for (unsigned i = 0; i < RESOLVE_SIDE_BY_SIDE + 4; i++) {
        struct resolve_answer answer = next(resolver);

        assert_int_equal(answer.count, 1);
        resolver_answer_free(&answer);
    }
    pause_ms(5);
    assert_false(is_readable(resolver));
    resolver_free(resolver);
}

static void test_thread_is_bare(void **state)
{
    struct resolver *resolver;
    struct resolve_answer answer;
    sigset_t before, after;

    (void)state;
    lookup_name = fake_look_around;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    resolver = resolver_new();
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
    assert_int_equal(resolver_submit_name(resolver, "x", 0), 0);
    answer = next(resolver);
    resolver_answer_free(&answer);
    assert_true(atomic_load(&thread_is_bare));
    resolver_free(resolver);
}

/* Answers that nobody took are freed with the resolver, by whichever thread is last. */
static void test_free_at_any_time(void **state)
{
    (void)state;
    lookup_name = fake_many;
    for (unsigned i = 0; i < 200; i++) {
        struct resolver *resolver = resolver_new();

        assert_non_null(resolver);
        for (unsigned n = 0; n < i % 7; n++)
            assert_int_equal(resolver_submit_name(resolver, n % 2 ? "3" : "2 x", 0), 0);
        if (i % 3 == 0)
            pause_ms(1);
        resolver_free(resolver);
    }
    pause_ms(50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_library, restore),
        cmocka_unit_test_teardown(test_many_addresses, restore),
        cmocka_unit_test_teardown(test_failure, restore),
        cmocka_unit_test_teardown(test_reverse, restore),
        cmocka_unit_test_teardown(test_bad_names, restore),
        cmocka_unit_test_teardown(test_hanging, restore),
        cmocka_unit_test_teardown(test_merging, restore),
        cmocka_unit_test_teardown(test_what_is_looked_up_is_not_asked_twice, restore),
        cmocka_unit_test_teardown(test_names_beside_names_that_hang, restore),
        cmocka_unit_test_teardown(test_questions_in_their_order, restore),
        cmocka_unit_test_teardown(test_addresses_beside_names_that_hang, restore),
        cmocka_unit_test_teardown(test_names_beside_addresses_that_hang, restore),
        cmocka_unit_test_teardown(test_thread_is_bare, restore),
        cmocka_unit_test_teardown(test_free_at_any_time, restore),
        cmocka_unit_test_teardown(test_another_order_is_the_same_answer, restore),
        cmocka_unit_test_teardown(test_a_family_that_is_missing, restore),
        cmocka_unit_test_teardown(test_a_missing_family_is_asked_for_by_the_name_that_was_found, restore),
        cmocka_unit_test_teardown(test_no_name_or_nobody_to_ask, restore),
        cmocka_unit_test_teardown(test_a_changed_configuration_is_reread, restore),
        cmocka_unit_test_teardown(test_what_is_read_is_read_anew, restore),
        cmocka_unit_test_teardown(test_askers_who_know_other_families_ask_by_themselves, restore),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
