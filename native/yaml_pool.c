/* yaml_pool.c: nodes and their items, counted against one bound, so that aliases and merges cannot blow a small file up. */
#include "yaml_pool.h"

#include <stdlib.h>

#include "yaml_problem.h"

static bool count_value(struct yaml_pool *pool, const struct yaml_node *at, struct yaml_problem *problem)
{
    if (pool->values++ < YAML_TREE_MAX_VALUES)
        return true;
    return yaml_problem_set(problem, at->line, at->column, "the file holds more than %d values; shorten its lists",
                            YAML_TREE_MAX_VALUES);
}

struct yaml_node *yaml_pool_node(struct yaml_pool *pool, enum yaml_node_type type, int line, int column,
                                 struct yaml_problem *problem)
{
    struct yaml_node *node = calloc(1, sizeof *node);

    if (node == NULL) {
        yaml_problem_memory(problem);
        return NULL;
    }
    node->type = type;
    node->line = line;
    node->column = column;
    node->next = pool->all;
    pool->all = node;
    return count_value(pool, node, problem) ? node : NULL;
}

bool yaml_pool_append(struct yaml_pool *pool, struct yaml_node *parent, struct yaml_node *item, struct yaml_problem *problem)
{
    if (parent->count == parent->capacity) {
        size_t capacity = parent->capacity == 0 ? 8 : parent->capacity * 2;
        struct yaml_node **items = realloc(parent->items, capacity * sizeof *items);

        if (items == NULL)
            return yaml_problem_memory(problem);
        parent->items = items;
        parent->capacity = capacity;
    }
    parent->items[parent->count++] = item;
    return count_value(pool, item, problem);
}

static bool is_merge(const struct yaml_node *map, size_t pair)
{
    return map->items[pair]->scalar.kind == SCALAR_MERGE;
}

static bool append_all(struct yaml_pool *pool, struct yaml_node *to, const struct yaml_node *map, struct yaml_problem *problem)
{
    for (size_t i = 0; i < map->count; i++)
        if (!yaml_pool_append(pool, to, map->items[i], problem))
            return false;
    return true;
}

/* What follows a "<<": one mapping, or a list of them of which the first wins, so that it is appended last. */
static bool append_merged(struct yaml_pool *pool, struct yaml_node *to, const struct yaml_node *value,
                          struct yaml_problem *problem)
{
    size_t count = value->type == YAML_TREE_LIST ? value->count : 1;

    for (size_t i = count; i-- > 0;) {
        const struct yaml_node *map = value->type == YAML_TREE_LIST ? value->items[i] : value;

        if (map->type != YAML_TREE_MAP)
            return yaml_problem_set(problem, map->line, map->column,
                                    "a merge (<<) takes a mapping or a list of mappings; write <<: *name");
        if (!append_all(pool, to, map, problem))
            return false;
    }
    return true;
}

bool yaml_pool_flatten(struct yaml_pool *pool, struct yaml_node *map, struct yaml_problem *problem)
{
    struct yaml_node flat = { .type = YAML_TREE_MAP, .line = map->line, .column = map->column };
    size_t merges = 0;
    bool done = true;

    for (size_t i = 0; i < map->count; i += 2)
        merges += is_merge(map, i);
    if (merges == 0)
        return true;
    for (size_t i = 0; done && i < map->count; i += 2)
        if (is_merge(map, i))
            done = append_merged(pool, &flat, map->items[i + 1], problem);
    flat.merged = flat.count;
    for (size_t i = 0; done && i < map->count; i += 2)
        if (!is_merge(map, i))
            done = yaml_pool_append(pool, &flat, map->items[i], problem)
                   && yaml_pool_append(pool, &flat, map->items[i + 1], problem);
    if (!done) {
        free(flat.items);
        return false;
    }
    free(map->items);
    map->items = flat.items;
    map->count = flat.count;
    map->capacity = flat.capacity;
    map->merged = flat.merged;
    return true;
}

void yaml_pool_free(struct yaml_pool *pool)
{
    struct yaml_node *node, *next;

    for (node = pool->all; node != NULL; node = next) {
        next = node->next;
        free(node->text);
        free(node->items);
        free(node);
    }
    pool->all = NULL;
}
