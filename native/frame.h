/* frame.h: a frame as a capture hands it on. */
#ifndef GO_METRO_FRAME_H
#define GO_METRO_FRAME_H

#include <stddef.h>
#include <stdint.h>

struct captured_frame {
    const uint8_t *bytes;
    size_t caplen;   /* of bytes */
    size_t wirelen;  /* on the wire, as pcap has it */
    int64_t time_ns; /* the capture's own time stamp, ns since the epoch */
    int linktype;    /* DLT_ */
};

#endif
