/* y-websocket and Hocuspocus: the bytes of one-character updates, and what an update holds.
 *
 * There is no CRDT here. A writer types one character after the other, so that an update is a
 * template with two clocks in it, and what comes is only walked through to see which clocks of whom
 * are in it. That reads no deletions and no nested types, because nobody here makes any.
 */
#include "load.h"

#include <stdio.h>
#include <string.h>

#define FIRST_CLIENT 3000000000ULL /* Yjs draws 32 bits: most ids are five bytes long */
#define ROOT "text"
#define HISTORY_WORDS 31
#define LONGEST_WORD 9

enum { STRING = 4, ORIGIN = 0x80, RIGHT_ORIGIN = 0x40, IN_MAP = 0x20 };
enum { SYNC = 0, AUTH = 2, SYNC_STATUS = 8 };
enum { STEP_1 = 0, STEP_2 = 1, UPDATE = 2 };

static uint8_t *put_uint(uint8_t *to, uint64_t number) {
    while (number >= 0x80) {
        *to++ = 0x80 | (number & 0x7f);
        number >>= 7;
    }
    *to++ = number;
    return to;
}

static uint64_t take_uint(const uint8_t **at, const uint8_t *end) {
    uint64_t number = 0;
    for (int shift = 0; *at < end && shift < 63; shift += 7) {
        uint8_t byte = *(*at)++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return number;
    }
    fail("a message ends too early");
}

static uint8_t *put_bytes(uint8_t *to, const void *data, size_t size) {
    to = put_uint(to, size);
    memcpy(to, data, size);
    return to + size;
}

/* Sync messages ------------------------------------------------------------------------------- */

static void say(struct peer *peer, uint8_t kind, const uint8_t *content, size_t size) {
    uint8_t message[4096], *at = message;
    if (options.protocol == &hocuspocus) {
        char name[64];
        document_name(peer->document, name, sizeof name);
        at = put_bytes(at, name, strlen(name));
    }
    *at++ = SYNC;
    *at++ = kind;
    at = put_bytes(at, content, size);
    send_frame(peer, BINARY, message, at - message);
}

static void ask(struct peer *peer) {
    say(peer, STEP_1, (const uint8_t *)"\0", 1);
}

/* Nobody asks for a token here, or it is in the path. */
static void authenticate(struct peer *peer) {
    uint8_t message[128], *at = message;
    char name[64];
    document_name(peer->document, name, sizeof name);
    at = put_bytes(at, name, strlen(name));
    *at++ = AUTH;
    *at++ = 0;
    at = put_bytes(at, "", 0);
    send_frame(peer, BINARY, message, at - message);
    ask(peer);
}

static void edit(struct peer *peer, uint64_t clock) {
    uint8_t update[64], *at = update;
    uint64_t client = FIRST_CLIENT + peer->place;
    *at++ = 1;
    *at++ = 1;
    at = put_uint(put_uint(at, client), clock);
    if (clock) {
        *at++ = STRING | ORIGIN;
        at = put_uint(put_uint(at, client), clock - 1);
    } else {
        *at++ = STRING;
        *at++ = 1;
        at = put_bytes(at, ROOT, strlen(ROOT));
    }
    at = put_bytes(at, "x", 1);
    *at++ = 0;
    say(peer, UPDATE, update, at - update);
}

/* Words that are each put before the last: Yjs can join none of them, so they stay as many items, as
 * the history of real typing does. The writer's `sent` is its clock. */
static void history(struct peer *peer, int number) {
    static uint64_t newest;
    static uint32_t random;
    uint8_t update[2048], *at = update;
    uint64_t client = FIRST_CLIENT + peer->place, clock = peer->sent;
    *at++ = 1;
    at = put_uint(put_uint(put_uint(at, HISTORY_WORDS), client), clock);
    if (!number) random = 1;
    for (int word = 0; word < HISTORY_WORDS; word++) {
        random = random * 1664525 + 1013904223;
        size_t size = 1 + (random >> 16) % LONGEST_WORD;
        if (clock) {
            *at++ = STRING | RIGHT_ORIGIN;
            at = put_uint(put_uint(at, client), newest);
        } else {
            *at++ = STRING;
            *at++ = 1;
            at = put_bytes(at, ROOT, strlen(ROOT));
        }
        at = put_bytes(at, "xxxxxxxxx", size);
        newest = clock;
        clock += size;
    }
    *at++ = 0;
    peer->sent = clock;
    say(peer, UPDATE, update, at - update);
}

/* What comes ---------------------------------------------------------------------------------- */

static void walk(struct peer *peer, const uint8_t *at, const uint8_t *end) {
    for (uint64_t sections = take_uint(&at, end); sections; sections--) {
        uint64_t structs = take_uint(&at, end);
        uint64_t client = take_uint(&at, end);
        uint64_t first = take_uint(&at, end), clock = first;
        for (; structs; structs--) {
            if (at >= end) fail("an update ends too early");
            uint8_t info = *at++;
            if ((info & ~(ORIGIN | RIGHT_ORIGIN | IN_MAP)) != STRING)
                fail("an update holds something that is no text: %#x", info);
            for (int bit = ORIGIN; bit >= RIGHT_ORIGIN; bit >>= 1) {
                if (!(info & bit)) continue;
                take_uint(&at, end);
                take_uint(&at, end);
            }
            if (!(info & (ORIGIN | RIGHT_ORIGIN))) {
                take_uint(&at, end);
                at += take_uint(&at, end);
            }
            uint64_t size = take_uint(&at, end);
            at += size;
            clock += size;
        }
        int slot = client >= FIRST_CLIENT ? slot_of(client - FIRST_CLIENT) : -1;
        if (slot < 0) fail("an update of client %llu, who is not here", (unsigned long long)client);
        heard_edits(peer, slot, first, clock);
    }
    if (end - at != 1 || *at) fail("an update holds deletions, or does not end where it should");
}

static void sync(struct peer *peer, const uint8_t *at, const uint8_t *end) {
    uint8_t kind = take_uint(&at, end);
    uint64_t size = take_uint(&at, end);
    if (size != (uint64_t)(end - at)) fail("a message does not end where its content ends");
    switch (kind) {
    case STEP_1:
        say(peer, STEP_2, (const uint8_t *)"\0\0", 2);
        break;
    case STEP_2:
        if (peer->is_ready) break;
        walk(peer, at, end);
        peer->is_ready = true;
        break;
    case UPDATE:
        walk(peer, at, end);
        break;
    default:
        fail("a sync message of kind %d", kind);
    }
}

static bool is_step_2(const uint8_t *at, const uint8_t *end) {
    return end - at > 2 && at[0] == SYNC && at[1] == STEP_2;
}

static void hear(struct peer *peer, const uint8_t *message, size_t size) {
    if (is_step_2(message, message + size)) heard_joined(peer, message, size);
    if (size && message[0] == SYNC) sync(peer, message + 1, message + size);
}

static void hear_named(struct peer *peer, const uint8_t *message, size_t size) {
    const uint8_t *at = message, *end = message + size;
    at += take_uint(&at, end);
    if (at >= end) fail("a message without a type");
    if (*at == AUTH && end - at > 1 && at[1] == 1) fail("the server lets nobody in");
    if (is_step_2(at, end)) heard_joined(peer, message, size);
    if (*at == SYNC) sync(peer, at + 1, end);
}

const struct protocol ywebsocket = {
    .name = "y-websocket",
    .frame = BINARY,
    .greet = ask,
    .hear = hear,
    .edit = edit,
    .history = history,
};

const struct protocol hocuspocus = {
    .name = "hocuspocus",
    .frame = BINARY,
    .greet = authenticate,
    .hear = hear_named,
    .edit = edit,
    .history = history,
};
