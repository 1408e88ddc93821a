/* privilege.c, each case in a child of its own; afterwards the child tries what must fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "privilege.c"

#define NEED_ROOT()                                                                  \
    do {                                                                             \
        if (geteuid() != 0 || !holds_net_raw()) {                                    \
            print_message("SKIPPED %s: it needs root with CAP_NET_RAW\n", __func__); \
            skip();                                                                  \
        }                                                                            \
    } while (0)

static char secret[] = "/tmp/go-metro-test-privilege-XXXXXX";
static char message[PRIVILEGE_MESSAGE_MAX];

/* In the children: the first thing that is not so ends it with its line number, which the parent then names. */
#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            fprintf(stderr, "line %d: %s [%s]\n", __LINE__, #condition, message); \
            _exit(1);                                                             \
        }                                                                         \
    } while (0)

static void in_child(void (*fn)(void))
{
    int status;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static bool opens_packet_socket(void)
{
    int fd = socket(AF_PACKET, SOCK_RAW, 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void check_bracket(void)
{
    CHECK(!opens_packet_socket());
    CHECK(privilege_raise() == 0);
    CHECK(opens_packet_socket());
    CHECK(privilege_lower() == 0);
    CHECK(!opens_packet_socket());
}

static void check_nothing_else(void)
{
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    CHECK(chroot("/") < 0);
    CHECK(sethostname("x", 1) < 0);
    CHECK(socket(AF_INET, SOCK_RAW, 1) < 0);
    for (int c = 0; c < 64 && prctl(PR_CAPBSET_READ, c) >= 0; c++)
        CHECK(prctl(PR_CAPBSET_READ, c) == 0);
    CHECK(!privilege_file_is_capable()); /* no_new_privs: it would not help */
}

static void become_nobody(void)
{
    static const gid_t roots[] = { 0, 4, 27 };
    gid_t groups[64];
    int count;

    CHECK(setgroups(3, roots) == 0);
    CHECK(privilege_settle("nobody", message) == PRIVILEGE_OK);
    CHECK(message[0] == '\0');
    CHECK(getuid() == getpwnam("nobody")->pw_uid && getgid() == getpwnam("nobody")->pw_gid);
    count = getgroups(64, groups);
    CHECK(count >= 0);
    for (int i = 0; i < count; i++)
        CHECK(groups[i] != 0 && groups[i] != 4 && groups[i] != 27);
    check_bracket();
    check_nothing_else();
    CHECK(setuid(0) < 0);
    CHECK(setgid(0) < 0);
    CHECK(open(secret, O_RDONLY) < 0 && errno == EACCES);
    CHECK(privilege_raise() == 0);
    CHECK(setuid(0) < 0);
    CHECK(open(secret, O_RDONLY) < 0);
    CHECK(chroot("/") < 0);
}

static void stay_root(void)
{
    CHECK(privilege_settle("root", message) == PRIVILEGE_OK);
    CHECK(getuid() == 0);
    check_bracket();
    check_nothing_else();
    CHECK(chown(secret, 65534, 65534) < 0);
}

static void unknown_user(void)
{
    CHECK(privilege_settle("no-such-user-here", message) == PRIVILEGE_FAILED);
    CHECK(strstr(message, "no user \"no-such-user-here\"") != NULL && strstr(message, "init_config: user") != NULL);
    CHECK(getuid() == 0);
    CHECK(privilege_settle("nobody", message) == PRIVILEGE_OK); /* once the configuration is mended */
    check_bracket();
    check_nothing_else();
}

/* It may read files all the same, with no other right than its user's. */
static void without_the_right(void)
{
    static const cap_value_t other = CAP_DAC_READ_SEARCH;
    uid_t nobody = getpwnam("nobody")->pw_uid;
    cap_t caps = cap_init();

    CHECK(cap_set_flag(caps, CAP_PERMITTED, 1, &other, CAP_SET) == 0
          && cap_set_flag(caps, CAP_EFFECTIVE, 1, &other, CAP_SET) == 0);
    CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0 && setresuid(nobody, nobody, nobody) == 0 && cap_set_proc(caps) == 0);
    cap_free(caps);
    CHECK(privilege_settle("nobody", message) == PRIVILEGE_NO_CAPABILITY);
    CHECK(strstr(message, "sudo setcap cap_net_raw+ep ") != NULL && strstr(message, ", or start it as root") != NULL);
    CHECK(only_net_raw_is_left(false));
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0); /* it may have to execute itself anew */
    CHECK(privilege_raise() < 0 && errno == EPERM);
    CHECK(privilege_lower() == 0);
}

/* As after execve() of a file with cap_net_raw+ep, here with one capability more. */
static void with_file_capability(void)
{
    static const cap_value_t both[] = { CAP_NET_RAW, CAP_KILL };
    uid_t nobody = getpwnam("nobody")->pw_uid;
    cap_t caps = cap_init();

    CHECK(cap_set_flag(caps, CAP_PERMITTED, 2, both, CAP_SET) == 0 && cap_set_flag(caps, CAP_EFFECTIVE, 2, both, CAP_SET) == 0);
    CHECK(cap_set_flag(caps, CAP_INHERITABLE, 1, both, CAP_SET) == 0);
    CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0 && setresgid(nobody, nobody, nobody) == 0 && setresuid(nobody, nobody, nobody) == 0);
    CHECK(cap_set_proc(caps) == 0);
#ifdef PR_CAP_AMBIENT
    CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) == 0);
#endif
    cap_free(caps);
    CHECK(privilege_settle("ignored", message) == PRIVILEGE_OK);
    CHECK(only_net_raw_is_left(true));
    CHECK(getuid() == nobody);
    check_bracket();
    CHECK(kill(1, 0) < 0);
}

/* A container's root. */
static void root_without_the_right(void)
{
    cap_t caps = cap_get_proc();

    CHECK(cap_set_flag(caps, CAP_PERMITTED, 1, &net_raw, CAP_CLEAR) == 0);
    CHECK(cap_set_flag(caps, CAP_EFFECTIVE, 1, &net_raw, CAP_CLEAR) == 0);
    CHECK(cap_set_proc(caps) == 0);
    cap_free(caps);
    CHECK(privilege_settle("nobody", message) == PRIVILEGE_NO_CAPABILITY);
    CHECK(strstr(message, "--cap-add NET_RAW") != NULL);
    CHECK(getuid() == getpwnam("nobody")->pw_uid);
    CHECK(only_net_raw_is_left(false));
    CHECK(setuid(0) < 0);
}

static void *look_around(void *arg)
{
    (void)arg;
    CHECK(privilege_drop_thread() == 0);
    CHECK(privilege_raise() < 0 && errno == EPERM);
    CHECK(!opens_packet_socket());
    return NULL;
}

static void other_thread(void)
{
    pthread_t thread;

    CHECK(privilege_settle("nobody", message) == PRIVILEGE_OK);
    CHECK(pthread_create(&thread, NULL, look_around, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    check_bracket(); /* the main thread has kept what it had */
}

/* The proof must see what it is there for. */
static void finds_leftovers(void)
{
    uid_t nobody = getpwnam("nobody")->pw_uid;

    CHECK(strstr(find_leftover(nobody, nobody, true), "IDs") != NULL);
    CHECK(strstr(find_leftover(0, 0, true), "capabilities") != NULL);
    CHECK(set_only(true, true) == 0);
    CHECK(strstr(find_leftover(0, 0, true), "capabilities") != NULL);
    CHECK(set_only(true, false) == 0);
    CHECK(strstr(find_leftover(0, 0, false), "capabilities") != NULL);
    CHECK(strstr(find_leftover(0, 0, true), "no_new_privs") != NULL);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(find_leftover(0, 0, true) == NULL);
}

static int grant(const char *file)
{
    cap_t caps = cap_from_text("cap_net_raw+ep");
    int rc = cap_set_file(file, caps);

    cap_free(caps);
    return rc;
}

/* Runs `format` with the path of a copy of this test for every %1$s; the exit status. */
__attribute__((format(printf, 1, 0))) static int run_copy(const char *format, const char *copy)
{
    char own[512], command[1400];

    privilege_program_path(own, sizeof own);
    snprintf(command, sizeof command, format, copy, own);
    return WEXITSTATUS(system(command));
}

/* Before and after setcap on the program that runs: a copy of this test executes itself with the argument "capable". */
static void test_file_is_capable(void **state)
{
    static char copy[] = "/tmp/go-metro-test-capable-XXXXXX";
    int fd, before, after, rc;

    (void)state;
    NEED_ROOT();
    fd = mkstemp(copy);
    assert_true(fd >= 0);
    close(fd);
    before = run_copy("cp %2$s %1$s && chmod 755 %1$s && %1$s capable", copy);
    rc = grant(copy);
    after = run_copy("%1$s capable", copy);
    unlink(copy);
    if (rc < 0) {
        print_message("SKIPPED %s: file capabilities do not work on /tmp\n", __func__);
        skip();
    }
    assert_int_equal(before, 1);
    assert_int_equal(after, 0);
}

/* In the copy that runs: an upgrade replaces its file, and then setcap. 0: both were seen as they are. */
static int replace_own_file(void)
{
    char own[512], new[600];

    privilege_program_path(own, sizeof own);
    snprintf(new, sizeof new, "%s.new", own);
    if (run_copy("cp %2$s %1$s", new) != 0 || grant(own) < 0 || !privilege_file_is_capable())
        return 1;
    if (rename(new, own) < 0 || privilege_file_is_capable())
        return 2;
    if (grant(own) < 0 || !privilege_file_is_capable())
        return 3;
    return 0;
}

static void test_a_replaced_file_is_capable(void **state)
{
    static char copy[] = "/tmp/go-metro-test-replaced-XXXXXX";
    int fd, status;

    (void)state;
    NEED_ROOT();
    fd = mkstemp(copy);
    assert_true(fd >= 0);
    close(fd);
    status = run_copy("cp %2$s %1$s && chmod 755 %1$s && %1$s replace", copy);
    unlink(copy);
    if (status == 1) {
        print_message("SKIPPED %s: file capabilities do not work on /tmp\n", __func__);
        skip();
    }
    assert_int_equal(status, 0);
}

static void test_program_path(void **state)
{
    char path[512], tiny[4] = "xyz";

    (void)state;
    privilege_program_path(path, sizeof path);
    assert_int_equal(path[0], '/');
    assert_int_equal(access(path, X_OK), 0);
    privilege_program_path(tiny, sizeof tiny);
    assert_string_equal(tiny, "");
}

#define CHILD_TEST(name)                  \
    static void test_##name(void **state) \
    {                                     \
        (void)state;                      \
        NEED_ROOT();                      \
        in_child(name);                   \
    }

CHILD_TEST(become_nobody)
CHILD_TEST(stay_root)
CHILD_TEST(unknown_user)
CHILD_TEST(without_the_right)
CHILD_TEST(with_file_capability)
CHILD_TEST(root_without_the_right)
CHILD_TEST(other_thread)
CHILD_TEST(finds_leftovers)

static int make_secret(void **state)
{
    int fd = mkstemp(secret);

    (void)state;
    if (fd < 0)
        return -1;
    return close(fd);
}

static int remove_secret(void **state)
{
    (void)state;
    return unlink(secret);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_become_nobody),
        cmocka_unit_test(test_stay_root),
        cmocka_unit_test(test_unknown_user),
        cmocka_unit_test(test_without_the_right),
        cmocka_unit_test(test_with_file_capability),
        cmocka_unit_test(test_root_without_the_right),
        cmocka_unit_test(test_other_thread),
        cmocka_unit_test(test_finds_leftovers),
        cmocka_unit_test(test_file_is_capable),
        cmocka_unit_test(test_program_path),
        cmocka_unit_test(test_a_replaced_file_is_capable),
    };

    if (argc == 2 && strcmp(argv[1], "capable") == 0)
        return privilege_file_is_capable() ? 0 : 1;
    if (argc == 2 && strcmp(argv[1], "replace") == 0)
        return replace_own_file();
    return cmocka_run_group_tests(tests, make_secret, remove_secret);
}
