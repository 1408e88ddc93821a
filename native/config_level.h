/* config_level.h: one mapping of the file (the top level, init_config, an instance) -> its struct, by the level's table of keys.
 */
#ifndef GO_METRO_CONFIG_LEVEL_H
#define GO_METRO_CONFIG_LEVEL_H

#include "config_keys.h"
#include "config_value.h"
#include "yaml_tree.h"

/* What a mapping says for each key of its level, by the key's index; NULL: nothing. */
struct config_found {
    const struct yaml_node *key[CONFIG_MAX_KEYS];
    const struct yaml_node *value[CONFIG_MAX_KEYS];
};

/* Finds the level's keys; remarks on those that are unknown, out of place or given twice. */
void config_level_find(struct config_reader *reader, const struct config_level *level, const struct yaml_node *map,
                       struct config_found *found);
/* The same, and reads every key but sections into base; remarks on keys that are unknown, out of place or given twice. */
void config_level_read(struct config_reader *reader, const struct config_level *level, const struct yaml_node *map,
                       struct config_found *found, void *base);

/* The value that a mapping gives a key; NULL where it is absent or null. */
const struct yaml_node *config_level_value(const struct config_level *level, const struct config_found *found, const char *name);

#endif
