/* mapped_file.c against what the kernel says is resident, and files that become longer and shorter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>

#include "mapped_file.c"
#include "resident_fixture.h"

#include "folder_fixture.h" /* behind the module, which has a name of its own for what this one calls path */

enum { MIB = 1 << 20, WINDOW = (int)MAPPED_FILE_WINDOW, BEYOND = WINDOW + MIB, SIZE = 3 * BEYOND + WINDOW };

/* No two pages are alike. */
static uint8_t byte_at(size_t at)
{
    return (uint8_t)(at * 7 + at / 4096 * 13 + at / MIB);
}

static void append_file(const char *mode, size_t from, size_t to)
{
    FILE *file = fopen(path, mode);

    assert_non_null(file);
    for (; from < to; from++)
        assert_true(putc_unlocked(byte_at(from), file) != EOF);
    assert_int_equal(fclose(file), 0);
}

static void write_file(size_t length)
{
    append_file("wb", 0, length);
}

/* From one place to another, every byte as it was written; returns how much more was resident, at most. */
static size_t read_on(struct mapped_file *file, size_t from, size_t to, bool says_so)
{
    static uint8_t piece[10007];
    const size_t before = resident_of_files();
    size_t most = before, wanted, now;

    for (; from < to; from += wanted) {
        wanted = to - from < sizeof piece ? to - from : sizeof piece;
        assert_int_equal(fread(piece, 1, wanted, file->stream), wanted);
        for (size_t i = 0; i < wanted; i++)
            if (piece[i] != byte_at(from + i))
                fail_msg("byte %zu: %u", from + i, piece[i]);
        if (says_so)
            mapped_file_release(file);
        now = resident_of_files();
        most = now > most ? now : most;
    }
    return most - before;
}

static void stays_a_window(void **state)
{
    struct mapped_file file;

    (void)state;
    write_file(SIZE);
    assert_non_null(mapped_file_open(&file, path));
    assert_true(read_on(&file, 0, SIZE, false) > SIZE - MIB); /* what would be without */
    assert_int_equal(fclose(file.stream), 0);
    assert_non_null(mapped_file_open(&file, path));
    assert_in_range(read_on(&file, 0, SIZE, true), 1, WINDOW + MIB);
    assert_int_equal(fgetc(file.stream), EOF);
    assert_int_equal(fclose(file.stream), 0);
}

/* What is open already is mapped, too, and is closed with its FILE. */
static void adopts_what_is_open(void **state)
{
    struct mapped_file file;
    int fd;

    (void)state;
    write_file(SIZE);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_non_null(mapped_file_adopt(&file, fd));
    assert_true(read_on(&file, 0, SIZE, false) > SIZE - MIB);
    assert_int_equal(fclose(file.stream), 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_non_null(mapped_file_adopt(&file, fd));
    assert_in_range(read_on(&file, 0, SIZE, true), 1, WINDOW + MIB);
    assert_int_equal(fclose(file.stream), 0);
    assert_null(mapped_file_adopt(&file, -1));
}

/* What was released is there when it is read again, and is not released once more. */
static void releases_and_loses_nothing(void **state)
{
    struct mapped_file file;

    (void)state;
    write_file(SIZE);
    assert_non_null(mapped_file_open(&file, path));
    for (unsigned i = 0; i < 2; i++) {
        rewind(file.stream);
        read_on(&file, 0, WINDOW - 1, false);
        mapped_file_release(&file);
        assert_int_equal(file.released, i == 0 ? 0 : BEYOND);
        read_on(&file, WINDOW - 1, BEYOND + 5, false);
        mapped_file_release(&file);
        assert_int_equal(file.released, BEYOND);
        read_on(&file, BEYOND + 5, SIZE, false);
    }
    assert_int_equal(fclose(file.stream), 0);
}

/* Another file's mapping that was there is not taken for memory of ours when it is gone. */
static void leaves_alone_what_comes_in_the_place_of_another_file(void **state)
{
    struct mapped_file file, other;
    uint8_t *others;
    char *place;

    (void)state;
    write_file(SIZE);
    assert_non_null(mapped_file_open(&file, path));
    read_on(&file, 0, 100, false);
    assert_non_null(mapped_file_open(&other, path));
    read_on(&other, 0, BEYOND, true);
    for (int i = 0; i < 2; i++) { /* wherever the two lie */
        struct mapped_file *gone = i == 0 ? &other : &file;

        if (i == 1) {
            assert_non_null(mapped_file_open(&other, path));
            read_on(&other, 0, BEYOND, true);
        }
        read_on(i == 0 ? &file : &other, i == 0 ? 100 : BEYOND, i == 0 ? BEYOND : 2 * BEYOND, true);
        place = (i == 0 ? &file : &other)->mapping;
        assert_non_null(place);
        assert_int_equal(fclose(gone->stream), 0);
        others = mmap(place, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (others != MAP_FAILED) { /* it was the one that is gone */
            memset(others, 0xa5, SIZE);
            read_on(i == 0 ? &file : &other, i == 0 ? BEYOND : 2 * BEYOND, i == 0 ? 2 * BEYOND : 3 * BEYOND, true);
            for (size_t at = 0; at < SIZE; at++)
                assert_int_equal(others[at], 0xa5);
            munmap(others, SIZE);
        }
    }
    assert_int_equal(fclose(other.stream), 0);
}

static size_t length_of(const char *mapping)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    uintptr_t from, to;
    size_t length = 0;
    char line[512];

    assert_non_null(maps);
    while (length == 0 && fgets(line, sizeof line, maps) != NULL)
        if (is_ours(line, 0, &from, &to) && from == (uintptr_t)mapping)
            length = to - from;
    fclose(maps);
    return length;
}

/* stdio moves the mapping then, if there is no room behind it; what comes to where it was is not ours to release. */
static void moves_with_a_longer_file(void **state)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), length = 2 * WINDOW + 100, end = 2 * WINDOW + page;
    struct mapped_file file;
    char *before, *room;
    uint8_t *others;

    (void)state;
    write_file(length);
    assert_non_null(mapped_file_open(&file, path));
    read_on(&file, 0, WINDOW, false);
    mapped_file_release(&file);
    before = file.mapping;
    assert_non_null(before);
    assert_int_equal(length_of(before), end);
    room = mmap(before + end, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    read_on(&file, WINDOW, length - 1, false);
    append_file("ab", length, SIZE);
    read_on(&file, length - 1, length + 10, false); /* it has moved, and the end is in a page that it had */
    others = mmap(before, 2 * WINDOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_ptr_equal(others, before);
    memset(others, 0xa5, 2 * WINDOW);
    mapped_file_release(&file);
    for (size_t i = 0; i < 2 * WINDOW; i += page)
        assert_int_equal(others[i], 0xa5);
    assert_in_range(read_on(&file, length + 10, SIZE, true), 1, WINDOW + MIB);
    assert_ptr_not_equal(file.mapping, before);
    assert_int_equal(fclose(file.stream), 0);
    munmap(others, 2 * WINDOW);
    if (room != MAP_FAILED)
        munmap(room, page);
}

static void knows_stdios_mapping(void **state)
{
    static const struct {
        const char *line;
        bool expected;
    } cases[] = {
        { "7f0000000000-7f0000400000 r--s 00000000 fe:01 42                         /tmp/x.pcap\n", true },
        { "7f0000000000-7f0000400000 r--s 00000000 00:00 0\n", true },
        { "7f0000000000-7f00003ff000 r--s 00000000 fe:01 42                         /tmp/x.pcap\n", false },
        { "7f0000000000-7f0000400000 r--p 00000000 fe:01 42                         /tmp/x.pcap\n", false },
        { "7f0000000000-7f0000400000 rw-s 00000000 fe:01 42                         /tmp/x.pcap\n", false },
        { "7f0000000000-7f0000400000 r-xs 00000000 fe:01 42                         /tmp/x.pcap\n", false },
        { "7f0000000000-7f0000400000 r--s 00001000 fe:01 42                         /tmp/x.pcap\n", false },
        { "7f0000000000-7f0000400000", false },
        { "", false },
    };
    uintptr_t from, to;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (is_ours(cases[i].line, 4 * MIB, &from, &to) != cases[i].expected)
            fail_msg("%s", cases[i].line);
    assert_true(is_ours(cases[0].line, 4 * MIB, &from, &to));
    assert_true(from == 0x7f0000000000 && to == 0x7f0000400000);
}

static void becomes_shorter(void **state)
{
    struct mapped_file file;

    (void)state;
    write_file(1000);
    assert_non_null(mapped_file_open(&file, path));
    assert_false(mapped_file_is_shorter(&file));
    append_file("ab", 1000, 1500);
    assert_false(mapped_file_is_shorter(&file));
    assert_int_equal(truncate(path, 999), 0);
    assert_true(mapped_file_is_shorter(&file));
    assert_int_equal(fclose(file.stream), 0);
}

static void of_a_pipe(void **state)
{
    struct mapped_file file;
    char text[4];
    int fd;

    (void)state;
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(write(fd, "abc", 3), 3);
    assert_non_null(mapped_file_open(&file, path));
    close(fd);
    mapped_file_release(&file);
    assert_int_equal(fread(text, 1, 4, file.stream), 3);
    assert_memory_equal(text, "abc", 3);
    mapped_file_release(&file);
    assert_null(file.mapping);
    assert_false(mapped_file_is_shorter(&file));
    assert_int_equal(fclose(file.stream), 0);
    unlink(path);
}

static void of_no_file(void **state)
{
    struct mapped_file file;

    (void)state;
    assert_null(mapped_file_open(&file, "/nonexistent/x"));
    assert_int_equal(errno, ENOENT);
    mapped_file_release(&file);
    assert_int_equal(file.released, 0);
    assert_false(mapped_file_is_shorter(&file));
}

static void is_not_inherited(void **state)
{
    struct mapped_file file;

    (void)state;
    write_file(1);
    assert_non_null(mapped_file_open(&file, path));
    assert_true((fcntl(fileno(file.stream), F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(fclose(file.stream), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_a_window),
        cmocka_unit_test(adopts_what_is_open),
        cmocka_unit_test(releases_and_loses_nothing),
        cmocka_unit_test(leaves_alone_what_comes_in_the_place_of_another_file),
        cmocka_unit_test(moves_with_a_longer_file),
        cmocka_unit_test(knows_stdios_mapping),
        cmocka_unit_test(becomes_shorter),
        cmocka_unit_test(of_a_pipe),
        cmocka_unit_test(of_no_file),
        cmocka_unit_test(is_not_inherited),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
