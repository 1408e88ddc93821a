/* version.h: the one place that says which version this is; setup.py reads it too. */
#ifndef GO_METRO_VERSION_H
#define GO_METRO_VERSION_H

#define GO_METRO_VERSION "2.0.0"

#endif
