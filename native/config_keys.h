/* config_keys.h: every key of go-metro.yaml, its type, bounds and default: the one table. */
#ifndef GO_METRO_CONFIG_KEYS_H
#define GO_METRO_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "yaml_tree.h"

#define CONFIG_MAX_KEYS 20 /* of one level */

enum config_type {
    CONFIG_SECTION, /* read by config.c itself */
    CONFIG_UINT32,
    CONFIG_UINT16,
    CONFIG_BOOL,
    CONFIG_WORD,  /* one of `words`, as an int: its index */
    CONFIG_LEVEL, /* a log level */
    CONFIG_TEXT,  /* char * */
    CONFIG_TAGS,  /* struct config_strings; what is not text is taken as written, with a warning */
    CONFIG_HOSTS, /* struct config_strings; what cannot be one is left out, with a warning */
    CONFIG_IPS,   /* the same, and as struct ip_prefix * at `prefixes` */
    CONFIG_NETS   /* struct config_strings, and the same as struct ip_prefix * at `prefixes` */
};

/* What becomes of a number that is beyond its bounds or has a fraction. The old program took whatever it was. */
enum config_bend {
    CONFIG_REFUSED,
    CONFIG_BENT,       /* brought to the bound, or cut, with a note */
    CONFIG_BENT_LOUDLY /* with a warning, as it changes what is measured */
};

struct config_key {
    const char *name;
    enum config_type type;
    size_t offset;             /* of the field, in struct config or struct config_instance */
    uint32_t minimum, maximum; /* numbers */
    enum config_bend bend;
    uint32_t fallback;                      /* default of a number, boolean, word or level */
    const char *fallback_text;              /* default of a text; NULL: none */
    const char *unit;                       /* numbers: "seconds", "bytes" ...; NULL: none */
    const char *const *words;               /* CONFIG_WORD: NULL-terminated */
    const char *(*check)(const char *text); /* texts: config_syntax.h */
    size_t prefixes;                        /* CONFIG_IPS, CONFIG_NETS */
    /* "" or why a wrong value of this key does no harm, in brackets; then it is warned of and passed over. base: as of `offset`,
     * where the keys before this one have been read. NULL: it always does. */
    const char *(*idle)(const void *base, const struct yaml_node *value);
    bool is_kept;   /* a wrong text that does no harm is taken all the same */
    bool old_words; /* booleans of the old program, which took y and n too */
};

struct config_level {
    const char *name; /* for messages: "init_config" */
    const struct config_key *keys;
    size_t count;
    const char *const *agent_keys; /* the Agent's own, NULL-terminated: no business of ours, and not unknown */
};

extern const struct config_level config_level_top, config_level_init, config_level_instance;

/* -1: the level has no such key. */
int config_key_find(const struct config_level *level, const char *name);
bool config_key_is_agents(const struct config_level *level, const char *name);
/* The key that is meant by a misspelt one (at most two letters wrong, missing, too many or swapped); NULL: none is close. */
const char *config_key_suggest(const struct config_level *level, const char *name);

#endif
