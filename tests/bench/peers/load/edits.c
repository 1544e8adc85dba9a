/* Edits: when they are sent, where they arrive, and how long that takes.
 *
 * An edit is counted when its author is sent it, as every server does once it has its place, and as
 * delivered at each other peer that is sent it. Latency is from sending it to its arrival at a peer
 * that is not its author; some peers are looked at.
 */
#include "edits.h"

#include <stdlib.h>

enum mode mode;
struct counts counts;
int64_t window_begin, window_end;
struct sample *samples;
size_t sample_count;

static size_t sample_size;
static struct peer **idle; /* a ring: the writers that may send */
static int idle_first, idle_count, idle_size;
static int64_t *waiting; /* a ring: when the edits were due that found nobody idle */
static size_t waiting_first, waiting_count, waiting_size;

static void *grown(void *data, size_t count, size_t *size, size_t width) {
    if (count < *size) return data;
    *size = *size ? 2 * *size : 1024;
    data = realloc(data, *size * width);
    if (!data) fail("no memory");
    return data;
}

/* Sending ------------------------------------------------------------------------------------- */

void send_edit(struct peer *peer, int64_t at) {
    size_t room = peer->room_for;
    peer->sent_at = grown(peer->sent_at, peer->sent, &room, sizeof *peer->sent_at);
    peer->room_for = room;
    peer->sent_at[peer->sent] = at;
    options.protocol->edit(peer, peer->sent++);
    counts.sent++;
}

static void become_idle(struct peer *peer) {
    if (idle_count < idle_size) idle[(idle_first + idle_count++) % idle_size] = peer;
}

/* All writers may send, and nothing waits any more. */
void refill_idle(void) {
    if (!idle) {
        idle_size = options.documents * options.writers;
        idle = calloc(idle_size, sizeof *idle);
        if (!idle) fail("no memory");
    }
    idle_first = idle_count = 0;
    waiting_count = 0;
    for (int slot = 0; slot < options.writers; slot++)
        for (int document = 0; document < options.documents; document++)
            become_idle(writer_of(document, slot));
}

static struct peer *next_idle(void) {
    struct peer *peer = idle[idle_first];
    idle_first = (idle_first + 1) % idle_size;
    idle_count--;
    return peer;
}

static void wait_for_idle(int64_t due) {
    if (waiting_count == waiting_size) {
        int64_t *larger = malloc(2 * (waiting_size + 512) * sizeof *larger);
        if (!larger) fail("no memory");
        for (size_t i = 0; i < waiting_count; i++)
            larger[i] = waiting[(waiting_first + i) % waiting_size];
        free(waiting);
        waiting = larger;
        waiting_size = 2 * (waiting_size + 512);
        waiting_first = 0;
    }
    waiting[(waiting_first + waiting_count++) % waiting_size] = due;
    counts.late++;
}

/* A writer's edit is no longer under way. */
static void acknowledge(struct peer *peer) {
    peer->acked++;
    counts.acked++;
    if (mode == CLOSED) {
        send_edit(peer, now());
    } else if (options.protocol->one_under_way && waiting_count && mode != SILENT) {
        int64_t due = waiting[waiting_first];
        waiting_first = (waiting_first + 1) % waiting_size;
        waiting_count--;
        send_edit(peer, due);
    } else if (options.protocol->one_under_way) {
        become_idle(peer);
    }
}

/* An edit that is due: people type on whatever becomes of what they typed. */
void offer(int64_t due, struct peer *only) {
    if (options.protocol->one_under_way) {
        if (only && only->acked == only->sent) send_edit(only, due);
        else if (idle_count && !only) send_edit(next_idle(), due);
        else if (mode == PRESSED) counts.held++;
        else wait_for_idle(due);
    } else if (mode == PRESSED) {
        /* Under pressure whoever cannot send any more waits, as a program does that looks at what its
         * socket still holds; time counts from sending. */
        for (int tries = 0; tries < idle_size; tries++) {
            struct peer *peer = next_idle();
            become_idle(peer);
            if (peer->is_blocked) continue;
            send_edit(peer, now());
            return;
        }
        counts.held++;
    } else if (only) {
        send_edit(only, due);
    } else {
        struct peer *peer = next_idle();
        become_idle(peer);
        send_edit(peer, due);
    }
}

/* Hearing ------------------------------------------------------------------------------------- */

void heard_edits(struct peer *peer, int slot, uint64_t first, uint64_t end) {
    struct seen *seen = &peer->seen[slot];
    struct peer *author = writer_of(peer->document, slot);
    if (end > author->sent) fail("an edit that nobody sent: %llu", (unsigned long long)end);
    if (first != seen->top && peer->place >= 0) {
        if (options.is_strict) fail("edit %llu of a writer came after %llu",
            (unsigned long long)first, (unsigned long long)seen->top);
        counts.reordered++;
    }
    seen->count += end - first;
    if (end > seen->top) seen->top = end;
    if (peer->place < 0 || !author->sent_at) return;
    if (author == peer) {
        for (uint64_t i = first; i < end; i++) acknowledge(peer);
        return;
    }
    counts.delivered += end - first;
    if (!peer->is_sampled) return;
    int64_t time = now();
    for (uint64_t i = first; i < end; i++) {
        int64_t at = author->sent_at[i];
        if (at < window_begin || at >= window_end) continue;
        samples = grown(samples, sample_count, &sample_size, sizeof *samples);
        samples[sample_count++] = (struct sample){at, (double)(time - at) / 1e6};
    }
}

/* Everything that was sent has come to everybody, once. */
uint64_t missing(void) {
    return counts.sent * (options.peers - 1) - counts.delivered + (counts.sent - counts.acked);
}
