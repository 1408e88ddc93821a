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
#define CONFIG_REASON_MAX 128

struct config_reader {
    struct config_report *report;
    size_t entries;   /* list items so far */
    const char *idle; /* of the value that is read: struct config_key; "": what is wrong with it makes the file wrong */
    bool no_memory;
};

/* base: the struct that the key's offset counts from, with the field empty or at its default. What a field gets is base's to
 * free, also after an error. */
void config_value_read(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *base);
/* Sets every field of a level to its default. */
void config_value_defaults(struct config_reader *reader, const struct config_level *level, void *base);

/* Why a scalar cannot be what the key asks for, text behind the scalar itself; NULL: it can. */
const char *config_value_text_problem(const struct config_key *key, const struct yaml_node *node,
                                      char out[static CONFIG_REASON_MAX]);

#endif
