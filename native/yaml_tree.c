/* yaml_tree.c: libyaml's events -> nodes. One loop, a bounded stack, no recursion. */
#include "yaml_tree.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "yaml_pool.h"
#include "yaml_problem.h"

struct anchor {
    char *name;
    struct yaml_node *node;
};

struct yaml_tree {
    struct yaml_node *root;
    struct yaml_pool pool;
};

/* What is needed only while the events come in. */
struct builder {
    struct yaml_tree *tree;
    struct yaml_problem *problem;
    struct yaml_node *stack[YAML_TREE_MAX_DEPTH];
    size_t depth;
    struct anchor anchors[YAML_TREE_MAX_ANCHORS];
    size_t anchor_count;
    size_t documents;
    bool done;
};

static int mark_line(const yaml_mark_t *mark)
{
    return mark->line < INT_MAX ? (int)mark->line + 1 : INT_MAX;
}

static int mark_column(const yaml_mark_t *mark)
{
    return mark->column < INT_MAX ? (int)mark->column + 1 : INT_MAX;
}

/* Whether the next value that comes in is a mapping's key. */
static bool expects_key(const struct builder *builder)
{
    const struct yaml_node *parent = builder->depth == 0 ? NULL : builder->stack[builder->depth - 1];

    return parent != NULL && parent->type == YAML_TREE_MAP && parent->count % 2 == 0;
}

static struct yaml_node *new_node(struct builder *builder, const yaml_event_t *event, enum yaml_node_type type)
{
    return yaml_pool_node(&builder->tree->pool, type, mark_line(&event->start_mark), mark_column(&event->start_mark),
                          builder->problem);
}

/* A finished or just opened value finds its place. */
static bool place(struct builder *builder, struct yaml_node *node, const yaml_event_t *event)
{
    if (builder->depth == 0) {
        builder->tree->root = node;
        return true;
    }
    if (expects_key(builder) && node->type != YAML_TREE_SCALAR)
        return yaml_problem_set(builder->problem, mark_line(&event->start_mark), mark_column(&event->start_mark),
                                "a list or a mapping cannot be a key; put a text that begins with '[' or '{' in quotes");
    return yaml_pool_append(&builder->tree->pool, builder->stack[builder->depth - 1], node, builder->problem);
}

static bool remember_anchor(struct builder *builder, const yaml_char_t *name, struct yaml_node *node)
{
    struct anchor *anchor = &builder->anchors[builder->anchor_count];

    if (name == NULL)
        return true;
    for (size_t i = 0; i < builder->anchor_count; i++)
        if (strcmp(builder->anchors[i].name, (const char *)name) == 0)
            return yaml_problem_set(builder->problem, node->line, node->column,
                                    "the anchor &%s is used twice; give each its own name", (const char *)name);
    if (builder->anchor_count == YAML_TREE_MAX_ANCHORS)
        return yaml_problem_set(builder->problem, node->line, node->column, "the file has more than %d anchors",
                                YAML_TREE_MAX_ANCHORS);
    anchor->name = strdup((const char *)name);
    if (anchor->name == NULL)
        return yaml_problem_memory(builder->problem);
    anchor->node = node;
    builder->anchor_count++;
    return true;
}

/* What PyYAML would fail on, in words. A key may be "=", and then is text. */
static bool check_scalar(struct builder *builder, struct yaml_node *node)
{
    static const char *const reasons[] = {
        [SCALAR_MERGE] = "'<<' stands for a merge",
        [SCALAR_VALUE] = "'=' has a meaning of its own in YAML 1.1",
        [SCALAR_UNREADABLE] = "looks like a number or a date and is none",
    };
    bool key = expects_key(builder);

    if (key && node->scalar.kind == SCALAR_VALUE)
        node->scalar.kind = SCALAR_TEXT;
    if (node->scalar.kind < SCALAR_MERGE || (key && node->scalar.kind == SCALAR_MERGE))
        return true;
    return yaml_problem_set(builder->problem, node->line, node->column,
                            "%.60s%s%s; the Agent cannot read the file: put it in quotes",
                            node->scalar.kind == SCALAR_UNREADABLE ? node->text : "",
                            node->scalar.kind == SCALAR_UNREADABLE ? " " : "", reasons[node->scalar.kind]);
}

/* %TAG handles are undone by the parser: !!set comes as tag:yaml.org,2002:set. */
static bool refuse_tag(struct builder *builder, const struct yaml_node *node, const char *tag)
{
    static const char prefix[] = "tag:yaml.org,2002:";
    bool standard = strncmp(tag, prefix, strlen(prefix)) == 0;

    return yaml_problem_set(builder->problem, node->line, node->column, "the tag %s%.60s has no use here; remove it",
                            standard ? "!!" : "", standard ? tag + strlen(prefix) : tag);
}

static bool resolve_scalar(struct builder *builder, struct yaml_node *node, const yaml_event_t *event)
{
    const char *tag = (const char *)event->data.scalar.tag;

    if (tag != NULL && strcmp(tag, "!") != 0) {
        if (!yaml_scalar_construct(tag, node->text, node->size, &node->scalar))
            return refuse_tag(builder, node, tag);
    } else if (event->data.scalar.plain_implicit) {
        node->scalar = yaml_scalar_resolve(node->text, node->size);
    } else {
        node->scalar.kind = SCALAR_TEXT;
        node->quoted = true;
    }
    return check_scalar(builder, node);
}

static bool on_scalar(struct builder *builder, const yaml_event_t *event)
{
    struct yaml_node *node = new_node(builder, event, YAML_TREE_SCALAR);

    if (node == NULL)
        return false;
    node->size = event->data.scalar.length;
    node->text = malloc(node->size + 1);
    if (node->text == NULL)
        return yaml_problem_memory(builder->problem);
    memcpy(node->text, event->data.scalar.value, node->size);
    node->text[node->size] = '\0';
    return resolve_scalar(builder, node, event) && remember_anchor(builder, event->data.scalar.anchor, node)
           && place(builder, node, event);
}

static bool on_alias(struct builder *builder, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    int line = mark_line(&event->start_mark), column = mark_column(&event->start_mark);

    for (size_t i = 0; i < builder->anchor_count; i++) {
        struct yaml_node *node = builder->anchors[i].node;

        if (strcmp(builder->anchors[i].name, name) != 0)
            continue;
        if (node->open)
            return yaml_problem_set(builder->problem, line, column,
                                    "the alias *%.60s stands inside its own anchor; write the values out", name);
        return place(builder, node, event);
    }
    return yaml_problem_set(builder->problem, line, column,
                            "the alias *%.60s has no anchor (&%.60s) above it; put a text that begins with '*' in quotes", name,
                            name);
}

static bool check_collection_tag(struct builder *builder, const struct yaml_node *node, const yaml_char_t *tag, const char *own)
{
    if (tag == NULL || strcmp((const char *)tag, "!") == 0 || strcmp((const char *)tag, own) == 0)
        return true;
    return refuse_tag(builder, node, (const char *)tag);
}

static bool on_start(struct builder *builder, const yaml_event_t *event)
{
    bool list = event->type == YAML_SEQUENCE_START_EVENT;
    const yaml_char_t *tag = list ? event->data.sequence_start.tag : event->data.mapping_start.tag;
    const yaml_char_t *anchor = list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
    struct yaml_node *node = new_node(builder, event, list ? YAML_TREE_LIST : YAML_TREE_MAP);

    if (node == NULL)
        return false;
    if (!check_collection_tag(builder, node, tag, list ? YAML_SEQ_TAG : YAML_MAP_TAG) || !remember_anchor(builder, anchor, node)
        || !place(builder, node, event))
        return false;
    if (builder->depth == YAML_TREE_MAX_DEPTH)
        return yaml_problem_set(builder->problem, node->line, node->column, "lists and mappings are nested deeper than %d",
                                YAML_TREE_MAX_DEPTH);
    node->open = true;
    builder->stack[builder->depth++] = node;
    return true;
}

static bool on_end(struct builder *builder)
{
    struct yaml_node *node = builder->stack[--builder->depth];

    node->open = false;
    return node->type == YAML_TREE_LIST || yaml_pool_flatten(&builder->tree->pool, node, builder->problem);
}

static bool on_document(struct builder *builder, const yaml_event_t *event)
{
    if (builder->documents++ == 0)
        return true;
    return yaml_problem_set(builder->problem, mark_line(&event->start_mark), mark_column(&event->start_mark),
                            "a second document begins here; the Agent reads one: remove the '---' line");
}

static bool on_event(struct builder *builder, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return on_document(builder, event);
    case YAML_SCALAR_EVENT:
        return on_scalar(builder, event);
    case YAML_ALIAS_EVENT:
        return on_alias(builder, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return on_start(builder, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(builder);
    case YAML_STREAM_END_EVENT:
        builder->done = true;
        return true;
    default:
        return true;
    }
}

static bool build(struct builder *builder, yaml_parser_t *parser, const char *text, size_t size)
{
    yaml_event_t event;
    bool good = true;

    while (good && !builder->done) {
        if (!yaml_parser_parse(parser, &event)) {
            yaml_problem_describe(parser, text, size, builder->problem);
            return false;
        }
        good = on_event(builder, &event);
        yaml_event_delete(&event);
    }
    return good;
}

struct yaml_tree *yaml_tree_parse(const char *text, size_t size, struct yaml_problem *problem)
{
    struct yaml_tree *tree = calloc(1, sizeof *tree);
    struct builder *builder = calloc(1, sizeof *builder);
    yaml_parser_t parser;
    bool good = false;

    *problem = (struct yaml_problem){ .text = "out of memory" };
    if (tree == NULL || builder == NULL || !yaml_parser_initialize(&parser))
        goto out;
    builder->tree = tree;
    builder->problem = problem;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    good = build(builder, &parser, text, size);
    yaml_parser_delete(&parser);
    for (size_t i = 0; i < builder->anchor_count; i++)
        free(builder->anchors[i].name);
out:
    free(builder);
    if (good)
        return tree;
    yaml_tree_free(tree);
    return NULL;
}

void yaml_tree_free(struct yaml_tree *tree)
{
    if (tree == NULL)
        return;
    yaml_pool_free(&tree->pool);
    free(tree);
}

const struct yaml_node *yaml_tree_root(const struct yaml_tree *tree)
{
    return tree->root;
}
