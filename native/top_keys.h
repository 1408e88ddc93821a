/* top_keys.h: what each key does to `go-metro top`. Pure. */
#ifndef GO_METRO_TOP_KEYS_H
#define GO_METRO_TOP_KEYS_H

#include <stdbool.h>

#include "top_model.h"

/* Keys that are no character of ASCII. */
enum top_key {
    TOP_KEY_UP = 256,
    TOP_KEY_DOWN,
    TOP_KEY_LEFT,
    TOP_KEY_RIGHT,
    TOP_KEY_PAGE_UP,
    TOP_KEY_PAGE_DOWN,
    TOP_KEY_HOME,
    TOP_KEY_END,
    TOP_KEY_ENTER,
    TOP_KEY_ESCAPE,
    TOP_KEY_BACKSPACE,
    TOP_KEY_OTHER /* does nothing */
};

enum top_outcome { TOP_GO_ON, TOP_QUIT, TOP_NO_MEMORY };

enum top_outcome top_keys_press(struct top_model *model, int key);

#endif
