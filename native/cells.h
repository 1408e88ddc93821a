/* cells.h: the text of a table's cells. Pure. */
#ifndef GO_METRO_CELLS_H
#define GO_METRO_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CELLS_NUMBER_STRLEN 24

/* Three significant digits: "312 us", "4.83 ms", "1.20 s "; digits stand under digits whatever the unit. Returns `out`, as all.
 */
const char *cells_time(char out[static CELLS_NUMBER_STRLEN], uint64_t ns);
/* All digits in up to seven columns: "1234567"; what is more is "12.3M", "4.57G", ... */
const char *cells_count(char out[static CELLS_NUMBER_STRLEN], uint64_t count);
/* Of something a second: "0.5", "12.0", "1234", then as a count. */
const char *cells_rate(char out[static CELLS_NUMBER_STRLEN], double rate);

#define CELLS_MARK_BYTES 3 /* of what stands for what was cut out: "…" or "~" */

/* An address is known by its beginning and its end: text that is longer than `width` (above 0) is cut in its middle. ASCII. */
const char *cells_shorten(char *out, size_t size, const char *text, unsigned width, bool is_utf8);

#endif
