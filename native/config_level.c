/* config_level.c: the keys of one mapping of the file, told apart and read. */
#include "config_level.h"

#include <string.h>

#include "config_report.h"

static const struct config_level *const levels[] = { &config_level_init, &config_level_instance, &config_level_top };

/* The level other than this one that has such a key; NULL: none. */
static const struct config_level *home_of(const struct config_level *level, const char *name)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (levels[i] != level && config_key_find(levels[i], name) >= 0)
            return levels[i];
    return NULL;
}

static void remark_unknown(struct config_reader *reader, const struct config_level *level, const struct yaml_node *key)
{
    char shown[CONFIG_SHOWN_MAX];
    const struct config_level *home = home_of(level, key->text);
    const char *close = config_key_suggest(level, key->text);

    if (config_key_is_agents(level, key->text))
        return;
    config_show(shown, key);
    if (home != NULL)
        config_remark(reader->report, CONFIG_WARNING, key, "key '%s' has no effect in %s; it belongs in %s", shown, level->name,
                      home->name);
    else if (close != NULL)
        config_remark(reader->report, CONFIG_WARNING, key, "key '%s' is not known; did you mean '%s'?", shown, close);
    else
        config_remark(reader->report, CONFIG_WARNING, key, "key '%s' is not known in %s; it has no effect", shown, level->name);
}

static int index_of(const struct config_level *level, const struct yaml_node *key)
{
    if (key->scalar.kind != SCALAR_TEXT || strlen(key->text) != key->size)
        return -1;
    return config_key_find(level, key->text);
}

/* The last of two equal keys counts, as for PyYAML; a merged key gives way without a word. */
void config_level_find(struct config_reader *reader, const struct config_level *level, const struct yaml_node *map,
                       struct config_found *found)
{
    bool own[CONFIG_MAX_KEYS] = { false };

    *found = (struct config_found){ 0 };
    for (size_t i = 0; i < map->count; i += 2) {
        const struct yaml_node *key = map->items[i];
        int index = index_of(level, key);

        if (index < 0) {
            remark_unknown(reader, level, key);
            continue;
        }
        if (own[index])
            config_remark_key(reader->report, CONFIG_WARNING, key, level->keys[index].name,
                              "is given twice; this one counts, not the one on line %d", found->key[index]->line);
        own[index] = i >= map->merged;
        found->key[index] = key;
        found->value[index] = map->items[i + 1];
    }
}

const struct yaml_node *config_level_value(const struct config_level *level, const struct config_found *found, const char *name)
{
    int index = config_key_find(level, name);
    const struct yaml_node *value = index < 0 ? NULL : found->value[index];

    return value == NULL || (value->type == YAML_TREE_SCALAR && value->scalar.kind == SCALAR_NULL) ? NULL : value;
}

void config_level_read(struct config_reader *reader, const struct config_level *level, const struct yaml_node *map,
                       struct config_found *found, void *base)
{
    config_level_find(reader, level, map, found);
    for (size_t i = 0; i < level->count; i++)
        if (found->value[i] != NULL && level->keys[i].type != CONFIG_SECTION)
            config_value_read(reader, &level->keys[i], found->value[i], base);
}
