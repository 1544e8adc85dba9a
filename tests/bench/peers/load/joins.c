/* Joining a document with a long history, alone and with many others, and what idle connections are.
 *
 * A join takes from dialling to the last byte of the whole state. Everybody must get the same bytes;
 * those of the first are looked into.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 32 /* pieces under way while the history is written */
#define PATIENCE 60
#define OWN_BYTES 1024 /* of a JSON welcome: it says who one is before it says what there is */
#define SETTLE_SECONDS 1

static bool are_joins_awaited;
static int joined;

void heard_joined(struct peer *peer, const uint8_t *message, size_t size) {
    if (!are_joins_awaited || peer->place >= 0) return;
    joined++;
    if (large_frame) {
        if (size != large_size) fail("a newcomer was sent %zu bytes, not %zu", size, large_size);
        peer->is_ready = true;
        return;
    }
    uint8_t *kept = malloc(size);
    if (!kept) fail("no memory");
    memcpy(kept, message, size);
    large_size = size;
    large_same = options.protocol->one_under_way ? OWN_BYTES : 0;
    large_frame = kept;
}

static void until(uint64_t *number, uint64_t least) {
    int64_t deadline = now() + PATIENCE * SECOND;
    while (*number < least) {
        turn(now() + SECOND / 100);
        if (now() > deadline) fail("the history was not stored in %d s", PATIENCE);
    }
}

static void write_history(struct peer *scribe) {
    uint64_t ends[WINDOW] = {0};
    int window = options.protocol->one_under_way ? 1 : WINDOW;
    for (int piece = 0; piece < HISTORY_PIECES; piece++) {
        until(&scribe->seen[0].top, ends[piece % window]);
        options.protocol->history(scribe, piece);
        ends[piece % window] = scribe->sent;
    }
    until(&scribe->seen[0].top, scribe->sent);
}

static void await_joined(int count) {
    int64_t deadline = now() + PATIENCE * SECOND;
    while (joined < count) {
        turn(now() + SECOND / 10);
        if (now() > deadline) fail("%d of %d newcomers got nothing", count - joined, count);
    }
}

static int by_value(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static void check_first(struct peer *first, const struct peer *scribe) {
    bool is_whole = options.protocol->is_seeded ? first->version == scribe->version
                                                : first->seen[0].top == scribe->sent;
    if (!is_whole) fail("the document is not what was written");
}

void measure_joins(int alone, int at_once) {
    double *seconds = calloc(alone, sizeof *seconds);
    int next = 2;
    if (!seconds) fail("no memory");
    make_peers(2 + alone + at_once, 1, 1);
    connect_peers(0, 1);
    write_history(&peers[0]);
    for (int64_t end = now() + SETTLE_SECONDS * SECOND; now() < end;) turn(end);
    are_joins_awaited = true;
    open_peer(&peers[1]);
    await_joined(1);
    check_first(&peers[1], &peers[0]);
    close_peer(&peers[1]);
    for (int i = 0; i < alone; i++, next++) {
        int64_t begin = now();
        joined = 0;
        open_peer(&peers[next]);
        await_joined(1);
        seconds[i] = (double)(now() - begin) / SECOND;
        close_peer(&peers[next]);
    }
    qsort(seconds, alone, sizeof *seconds, by_value);
    joined = 0;
    struct usage before = read_usage();
    for (int i = 0; i < at_once; i++) open_peer(&peers[next + i]);
    await_joined(at_once);
    struct usage after = read_usage();
    double wall = after.wall - before.wall;
    printf("{\"state_bytes\":%zu,\"alone_ms\":%.4f,\"at_once\":%d,\"all_ms\":%.3f,"
           "\"server_share\":%.4f,\"generator_share\":%.4f,\"foreign_share\":%.4f}\n",
           large_size, seconds[alone / 2] * 1000, at_once, wall * 1000,
           (after.server - before.server) / wall, (after.generator - before.generator) / wall,
           (after.core - before.core - after.server + before.server) / wall);
}

/* The growth of the server's memory over `counted` connections, after `uncounted` others. */
void measure_idle(int uncounted, int counted, double settle_seconds) {
    int64_t end;
    int all = uncounted + counted;
    make_peers(all, all / options.documents, 1);
    connect_peers(0, uncounted);
    for (end = now() + settle_seconds * SECOND; now() < end;) turn(end);
    uint64_t before = resident_bytes();
    connect_peers(uncounted, all);
    for (end = now() + settle_seconds * SECOND; now() < end;) turn(end);
    uint64_t after = resident_bytes();
    printf("{\"connections\":%d,\"bytes_per_connection\":%.1f}\n", counted,
           ((double)after - (double)before) / counted);
}
