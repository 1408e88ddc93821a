/* yaml_pool.h: the nodes of one tree: made, filled and merged within one bound, and freed together. yaml_tree.c's own. */
#ifndef GO_METRO_YAML_POOL_H
#define GO_METRO_YAML_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "yaml_tree.h"

struct yaml_pool {
    struct yaml_node *all; /* every node, newest first */
    size_t values;         /* nodes and items so far: YAML_TREE_MAX_VALUES */
};

/* NULL, or false: *problem says why (memory, or the bound). */
struct yaml_node *yaml_pool_node(struct yaml_pool *pool, enum yaml_node_type type, int line, int column,
                                 struct yaml_problem *problem);
bool yaml_pool_append(struct yaml_pool *pool, struct yaml_node *parent, struct yaml_node *item, struct yaml_problem *problem);

/* Puts a finished mapping's merges first and its own keys behind, as PyYAML's flatten_mapping() does. */
bool yaml_pool_flatten(struct yaml_pool *pool, struct yaml_node *map, struct yaml_problem *problem);
void yaml_pool_free(struct yaml_pool *pool);

#endif
