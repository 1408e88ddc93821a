/* yaml_values FILE: what the helper makes of a YAML file, in two lines of JSON: every value of the tree with its type, or what is
 * wrong with it; then every key of the configuration with its value, or null where it is refused. tests/python holds PyYAML
 * against it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_keys.h"
#include "yaml_tree.h"

static void print_text(const char *text, size_t size)
{
    putchar('"');
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

/* ---- the tree ---- */

static void print_scalar(const struct yaml_node *node)
{
    const struct yaml_scalar *scalar = &node->scalar;

    printf("[\"%s\"", scalar->kind == SCALAR_FLOAT ? "float" : yaml_scalar_kind_name(scalar->kind));
    if (scalar->kind == SCALAR_BOOL)
        printf(",%s", scalar->boolean ? "true" : "false");
    else if (scalar->kind == SCALAR_INT)
        printf(",%" PRId64 "%s", scalar->integer, scalar->beyond ? ",\"beyond\"" : "");
    else if (scalar->kind == SCALAR_FLOAT)
        printf(",\"%.17g\"", scalar->real);
    else if (scalar->kind == SCALAR_TEXT) {
        putchar(',');
        print_text(node->text, node->size);
    }
    putchar(']');
}

/* ["map", [key, value], ...]: as they stand; the later of two equal keys counts. */
static void print_node(const struct yaml_node *node)
{
    const bool is_map = node->type == YAML_TREE_MAP;

    if (node->type == YAML_TREE_SCALAR) {
        print_scalar(node);
        return;
    }
    fputs(is_map ? "[\"map\"" : "[\"list\"", stdout);
    for (size_t i = 0; i < node->count; i++) {
        fputs(is_map && i % 2 == 0 ? ",[" : ",", stdout);
        print_node(node->items[i]);
        fputs(is_map && i % 2 == 1 ? "]" : "", stdout);
    }
    putchar(']');
}

static void print_tree(const char *text, size_t size)
{
    struct yaml_problem problem;
    struct yaml_tree *tree = yaml_tree_parse(text, size, &problem);

    fputs(tree == NULL ? "{\"problem\":" : "{\"tree\":", stdout);
    if (tree == NULL)
        print_text(problem.text, strlen(problem.text));
    else if (yaml_tree_root(tree) == NULL)
        fputs("[\"nothing\"]", stdout);
    else
        print_node(yaml_tree_root(tree));
    puts("}");
    yaml_tree_free(tree);
}

/* ---- the configuration ---- */

static void print_texts(const struct config_strings *texts)
{
    putchar('[');
    for (size_t i = 0; i < texts->count; i++) {
        fputs(i > 0 ? "," : "", stdout);
        print_text(texts->items[i], strlen(texts->items[i]));
    }
    putchar(']');
}

static const char *const level_words[] = { "trace", "debug", "info", "warning", "error", "critical" };

static void print_field(const struct config_key *key, const void *field)
{
    const char *text = NULL;

    switch (key->type) {
    case CONFIG_UINT32:
        printf("%" PRIu32, *(const uint32_t *)field);
        return;
    case CONFIG_UINT16:
        printf("%u", *(const uint16_t *)field);
        return;
    case CONFIG_BOOL:
        fputs(*(const bool *)field ? "true" : "false", stdout);
        return;
    case CONFIG_TAGS:
    case CONFIG_HOSTS:
    case CONFIG_IPS:
    case CONFIG_NETS:
        print_texts(field);
        return;
    case CONFIG_WORD:
        text = key->words[*(const int *)field];
        break;
    case CONFIG_LEVEL:
        text = level_words[*(const enum log_level *)field];
        break;
    case CONFIG_TEXT:
        text = *(char *const *)field;
        break;
    case CONFIG_SECTION:
        break;
    }
    if (text == NULL)
        fputs("null", stdout);
    else
        print_text(text, strlen(text));
}

static void print_level(const struct config_level *level, const void *base)
{
    putchar('{');
    for (size_t i = 0; i < level->count; i++) {
        printf("%s\"%s\":", i > 0 ? "," : "", level->keys[i].name);
        print_field(&level->keys[i], (const char *)base + level->keys[i].offset);
    }
    putchar('}');
}

static void print_config(const struct config *config)
{
    if (config == NULL) {
        puts("null");
        return;
    }
    fputs("{\"init_config\":", stdout);
    print_level(&config_level_init, config);
    fputs(",\"instances\":[", stdout);
    for (size_t i = 0; i < config->instance_count; i++) {
        fputs(i > 0 ? "," : "", stdout);
        print_level(&config_level_instance, &config->instances[i]);
    }
    puts("]}");
}

static char *slurp(const char *path, size_t *size)
{
    FILE *file = fopen(path, "re");
    char *text = malloc(1 << 22);

    if (file != NULL && text != NULL)
        *size = fread(text, 1, 1 << 22, file);
    if (file != NULL)
        fclose(file);
    return file == NULL ? NULL : text;
}

int main(int argc, char *argv[])
{
    static struct config_report report;
    struct config *config = NULL;
    size_t size = 0;
    char *text = argc == 2 ? slurp(argv[1], &size) : NULL;

    if (text == NULL) {
        fputs("usage: yaml_values FILE\n", stderr);
        return 2;
    }
    print_tree(text, size);
    (void)config_parse(argv[1], text, size, &config, &report);
    print_config(config);
    config_report_print(&report, argv[1], stderr);
    config_free(config);
    free(text);
    return fflush(stdout) == 0 ? 0 : 1;
}
