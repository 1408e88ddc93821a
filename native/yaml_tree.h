/* yaml_tree.h: the bytes of a YAML file -> a tree of typed values with their places, as PyYAML's SafeLoader would build it.
 *
 * yaml_tree_parse(), then yaml_tree_root() and the nodes' own fields; yaml_tree_free(). Aliases share a node; merge keys (<<) are
 * already taken apart; what PyYAML refuses is refused here. Depth, number of values and of merged pairs are bounded, and so is
 * the time for any input. */
#ifndef GO_METRO_YAML_TREE_H
#define GO_METRO_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "yaml_scalar.h"

#define YAML_TREE_MAX_DEPTH 64
#define YAML_TREE_MAX_VALUES 500000 /* nodes, and items of all lists and mappings */
#define YAML_TREE_MAX_ANCHORS 1000

enum yaml_node_type { YAML_TREE_SCALAR, YAML_TREE_LIST, YAML_TREE_MAP };

struct yaml_node {
    enum yaml_node_type type;
    int line, column;          /* from 1 */
    struct yaml_scalar scalar; /* YAML_TREE_SCALAR: its meaning, */
    char *text;                /* its text in UTF-8, NUL-terminated, */
    size_t size;               /* its length (a text may contain NUL), */
    bool quoted;               /* and whether quotes or a block made it text */
    struct yaml_node **items;  /* list: `count` values; mapping: key, value, key, value ... */
    size_t count;
    size_t merged;   /* mapping: how many items at its start came in by merge keys; those behind win over them */
    size_t capacity; /* yaml_tree.c's own, like the two below */
    bool open;
    struct yaml_node *next;
};

struct yaml_problem {
    int line, column; /* from 1; 0: not about a place */
    char text[384];   /* cause and cure; bytes as found, so not always printable */
};

struct yaml_tree;

/* NULL: *problem says why. */
struct yaml_tree *yaml_tree_parse(const char *text, size_t size, struct yaml_problem *problem);
void yaml_tree_free(struct yaml_tree *tree); /* NULL is fine */
/* NULL: the file holds no value at all (empty, or nothing but comments). */
const struct yaml_node *yaml_tree_root(const struct yaml_tree *tree);

#endif
