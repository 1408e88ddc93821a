/* config_value.h: one value of the YAML tree -> one field of struct config or struct config_instance, as its key's entry in the
 * table says; every refusal is a remark. */
#ifndef GO_METRO_CONFIG_VALUE_H
#define GO_METRO_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "config_keys.h"
#include "yaml_tree.h"

#define CONFIG_MAX_ENTRIES 100000 /* of all lists of the file together */

struct config_reader {
    struct config_report *report;
    size_t entries; /* list items so far */
    bool no_memory;
};

/* base: the struct that the key's offset counts from, with the field empty or at its default. What a field gets is base's to
 * free, also after an error. */
void config_value_read(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *base);
/* Sets every field of a level to its default. */
void config_value_defaults(struct config_reader *reader, const struct config_level *level, void *base);

#endif
