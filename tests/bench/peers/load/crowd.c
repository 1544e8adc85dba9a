/* Everybody who is connected: who writes, how they come, and whether all have got everything. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

#define SAMPLED 10 /* peers of one document whose latencies are kept */
#define PATIENCE 8 /* seconds for the server to answer */
#define GROUP 50   /* peers that connect at once */

struct peer *peers;
int peer_count;

static int peers_each, writers_each;

void document_name(int document, char *name, size_t size) {
    snprintf(name, size, "bench-%d", document);
}

int slot_of(int place) {
    int step = peers_each / writers_each;
    return place >= 0 && place % step == 0 && place / step < writers_each ? place / step : -1;
}

struct peer *writer_of(int document, int slot) {
    return &peers[document * peers_each + slot * (peers_each / writers_each)];
}

uint64_t edits_of(int document, int slot) {
    return writer_of(document, slot)->sent;
}

void make_peers(int count, int peers_of_a_document, int writers_of_a_document) {
    int every = peers_of_a_document > SAMPLED ? peers_of_a_document / SAMPLED : 1;
    peers = calloc(count, sizeof *peers);
    if (!peers) fail("no memory");
    peer_count = count;
    peers_each = peers_of_a_document;
    writers_each = writers_of_a_document;
    for (int i = 0; i < count; i++) {
        struct peer *peer = &peers[i];
        bool has_place = i < options.documents * peers_each;
        peer->fd = -1;
        peer->number = i;
        peer->document = has_place ? i / peers_each : i % options.documents;
        peer->place = has_place ? i % peers_each : -1;
        peer->slot = slot_of(peer->place);
        peer->is_sampled = options.documents > 1 ? !peer->place : peer->place % every == 0;
        peer->seen = calloc(writers_each, sizeof *peer->seen);
        if (!peer->seen) fail("no memory");
    }
}

/* Connects those of first ... end - 1 that are the first of their document, or those that are not. */
static void connect_some(int first, int end, bool are_first) {
    struct peer *group[GROUP];
    for (int next = first; next < end;) {
        int count = 0, ready = 0;
        int64_t deadline = now() + PATIENCE * SECOND;
        for (; next < end && count < GROUP; next++) {
            if (!peers[next].place != are_first) continue;
            group[count++] = &peers[next];
            open_peer(&peers[next]);
        }
        while (ready < count) {
            turn(now() + SECOND / 100);
            while (ready < count && group[ready]->is_ready) ready++;
            if (now() > deadline) fail("the server did not answer a newcomer");
        }
    }
}

/* pycrdt-websocket answers nobody when several open a new document at once: one opens it alone. */
void connect_peers(int first, int end) {
    connect_some(first, end, true);
    connect_some(first, end, false);
}

/* Checking ------------------------------------------------------------------------------------ */

static void check_peer(const struct peer *peer) {
    for (int slot = 0; slot < writers_each; slot++) {
        uint64_t should = edits_of(peer->document, slot);
        struct seen seen = peer->seen[slot];
        if (options.protocol->is_seeded && peer->place < 0) continue;
        if (seen.count != should || seen.top != should)
            fail("peer %d has %llu edits of a writer, up to %llu, of %llu that were sent",
                 peer->number, (unsigned long long)seen.count, (unsigned long long)seen.top,
                 (unsigned long long)should);
    }
}

void check_everyone(void) {
    for (int i = 0; i < options.documents * peers_each; i++) {
        check_peer(&peers[i]);
        if (peers[i].order != peers[i - i % peers_each].order)
            fail("peer %d saw another order than the first of its document", i);
    }
}

/* A newcomer of every document must be sent what the others have. */
void check_newcomers(void) {
    int first = options.documents * peers_each;
    connect_peers(first, peer_count);
    for (int i = first; i < peer_count; i++) {
        uint64_t edits = 0;
        check_peer(&peers[i]);
        for (int slot = 0; slot < writers_each; slot++) edits += edits_of(peers[i].document, slot);
        if (options.protocol->is_seeded && peers[i].version != edits)
            fail("a newcomer is at %llu of %llu", (unsigned long long)peers[i].version,
                 (unsigned long long)edits);
        close_peer(&peers[i]);
    }
}
