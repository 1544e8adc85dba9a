/* The loads, one after the other, and what is measured of each. */
#include "edits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE 30      /* seconds for the last deliveries */
#define PRESSED_PATIENCE 8
#define REST_MS 200      /* between two phases */
#define MOST_OF_MAX 0.95 /* a fixed rate above this share of the maximum is not tried */

static double max_rate;

static void settle(int seconds) {
    int64_t deadline = now() + seconds * SECOND;
    mode = SILENT;
    while (missing() && now() < deadline) turn(now() + SECOND / 1000);
}

static int by_latency(const void *one, const void *other) {
    double a = ((const struct sample *)one)->latency_ms;
    double b = ((const struct sample *)other)->latency_ms;
    return (a > b) - (a < b);
}

static double percentile(double share, size_t count) {
    size_t at = share * count;
    return count ? samples[at < count ? at : count - 1].latency_ms : 0;
}

/* The p99 of the edits of one half of the window; puts them first. */
static double half_p99(int64_t from, int64_t to) {
    size_t count = 0;
    for (size_t i = 0; i < sample_count; i++) {
        if (samples[i].sent_at < from || samples[i].sent_at >= to) continue;
        struct sample found = samples[i];
        samples[i] = samples[count];
        samples[count++] = found;
    }
    qsort(samples, count, sizeof *samples, by_latency);
    return percentile(0.99, count);
}

static struct peer *typist(void) {
    return writer_of(0, options.writers / 2);
}

/* At `rate`, or without one with so many edits under way. */
static void run(double rate, int under_way, bool is_typing, double seconds, struct usage *before,
                struct counts *first) {
    int64_t begin = now(), due = begin, offered = 0;
    int64_t end = begin + (int64_t)((options.warm_up + seconds) * SECOND);
    bool is_open = false;
    window_begin = begin + (int64_t)(options.warm_up * SECOND);
    window_end = end;
    if (mode == CLOSED) {
        int writers = options.documents * options.writers;
        for (int i = 0; i < (under_way > writers ? under_way : writers); i++) {
            struct peer *peer = writer_of(i % options.documents,
                                          i / options.documents % options.writers);
            if (!options.protocol->one_under_way || peer->acked == peer->sent) send_edit(peer, begin);
        }
    }
    for (int64_t time = begin; time < end; time = now()) {
        if (!is_open && time >= window_begin) {
            is_open = true;
            *before = read_usage();
            *first = counts;
        }
        while (rate && due <= time) {
            offer(due, is_typing ? typist() : NULL);
            due = begin + (int64_t)(++offered * (SECOND / rate));
        }
        turn(rate && due < end ? due : end);
    }
}

/* NAME:KIND:VALUE:SECONDS; KIND is closed (so many edits under way, at least one of each writer), share
 * (of the maximum), rate, typing (one writer, at a rate) or pressed (a share of the maximum, and it is
 * no failure if that cannot be done). */
static void measure(const char *phase) {
    char name[32], kind[16];
    double value, seconds;
    struct counts first = {0}, last;
    struct usage before = {0};
    if (sscanf(phase, "%31[^:]:%15[^:]:%lf:%lf", name, kind, &value, &seconds) != 4)
        fail("no such phase: %s", phase);
    bool is_typing = !strcmp(kind, "typing"), is_pressed = !strcmp(kind, "pressed");
    double rate = !strcmp(kind, "share") || is_pressed ? value * max_rate : value;
    if (!strcmp(kind, "rate") && max_rate && rate > MOST_OF_MAX * max_rate) {
        printf("{\"load\":\"%s\",\"skipped\":true}\n", name);
        return;
    }
    refill_idle();
    sample_count = 0;
    mode = !strcmp(kind, "closed") ? CLOSED : is_pressed ? PRESSED : PACED;
    run(mode == CLOSED ? 0 : rate, value, is_typing, seconds, &before, &first);
    struct usage after = read_usage();
    last = counts;
    uint64_t edits = last.acked - first.acked, others = last.delivered - first.delivered;
    settle(is_pressed ? PRESSED_PATIENCE : PATIENCE);
    if (missing() && !is_pressed)
        fail("%llu deliveries are missing after %s", (unsigned long long)missing(), name);
    if (!missing()) check_everyone();
    double wall = after.wall - before.wall, server = after.server - before.server;
    double early = half_p99(window_begin, (window_begin + window_end) / 2);
    double later = half_p99((window_begin + window_end) / 2, window_end);
    qsort(samples, sample_count, sizeof *samples, by_latency);
    if (!strcmp(kind, "closed")) max_rate = edits / wall;
    printf("{\"load\":\"%s\",\"offered_per_s\":%.1f,\"edits_per_s\":%.1f,\"delivered_per_s\":%.1f,"
           "\"server_share\":%.4f,\"generator_share\":%.4f,"
           "\"foreign_share\":%.4f,\"p50_ms\":%.4f,\"p99_ms\":%.4f,\"early_p99_ms\":%.4f,"
           "\"later_p99_ms\":%.4f,\"samples\":%zu,\"late\":%llu,\"held\":%llu,\"missing\":%llu,"
           "\"reordered\":%llu}\n",
           name, mode == CLOSED ? 0 : rate, edits / wall, others / wall,
           server / wall, (after.generator - before.generator) / wall,
           (after.core - before.core - server) / wall, percentile(0.5, sample_count),
           percentile(0.99, sample_count), early, later, sample_count,
           (unsigned long long)(last.late - first.late), (unsigned long long)(last.held - first.held),
           (unsigned long long)missing(), (unsigned long long)counts.reordered);
    fflush(stdout);
    for (int64_t until = now() + REST_MS * SECOND / 1000; now() < until;) turn(until);
}

void measure_phases(char **phases, int count) {
    make_peers(options.documents * (options.peers + 1), options.peers, options.writers);
    connect_peers(0, options.documents * options.peers);
    if (options.protocol->is_seeded) {
        for (int document = 0; document < options.documents; document++)
            send_edit(writer_of(document, 0), now());
        settle(PATIENCE);
    }
    for (int i = 0; i < count; i++) measure(phases[i]);
    if (missing()) return;
    check_everyone();
    check_newcomers();
}
