/* What edits.c counts and phases.c measures. */
#ifndef EDITS_H
#define EDITS_H

#include "load.h"

/* Nobody sends; whoever is sent an edit of theirs sends the next; edits are offered at a rate; the same,
 * and what the server does not take is not kept. */
enum mode { SILENT, CLOSED, PACED, PRESSED };

struct counts {
    uint64_t sent, acked, delivered, reordered;
    uint64_t late; /* had to wait for a writer */
    uint64_t held; /* were due under pressure and never sent */
};

struct sample {
    int64_t sent_at;
    double latency_ms;
};

extern enum mode mode;
extern struct counts counts;                /* since the beginning */
extern int64_t window_begin, window_end;    /* of what is sent between them samples are kept */
extern struct sample *samples;
extern size_t sample_count;

void refill_idle(void);
void send_edit(struct peer *, int64_t at);
void offer(int64_t due, struct peer *only); /* an edit that is due, of anybody or of one */
uint64_t missing(void);                     /* what was sent and has not come to everybody */

#endif
