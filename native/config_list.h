/* config_list.h: a list of the YAML tree -> lists of struct config_instance: tags, and whom to measure. config_value.c's part for
 * keys of the types CONFIG_TAGS, CONFIG_HOSTS, CONFIG_IPS and CONFIG_NETS. */
#ifndef GO_METRO_CONFIG_LIST_H
#define GO_METRO_CONFIG_LIST_H

#include "config_value.h"

/* What the lists get is the instance's to free, also after an error. */
void config_list_read(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node,
                      struct config_instance *instance);

#endif
