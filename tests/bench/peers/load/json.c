/* collab's native protocol and ShareDB's: operations on text as JSON, one edit of a writer under way.
 *
 * The text keeps its length: writers insert and delete by turns, somewhere in the part that is always
 * there. A frame is not parsed as JSON; the fields that count are looked for in the order and spelling
 * in which the server writes them, and anything else is a failure.
 */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_CHARACTERS 1000
#define EDITED_CHARACTERS 900
#define HISTORY_CHARACTERS 463
#define AUTHORS 16384 /* more than there are peers */

static struct peer *by_author[AUTHORS];

/* Finding fields ------------------------------------------------------------------------------ */

static const uint8_t *find(const uint8_t *at, const uint8_t *end, const char *what) {
    const uint8_t *found = memmem(at, end - at, what, strlen(what));
    return found ? found + strlen(what) : NULL;
}

static const uint8_t *need(const uint8_t *at, const uint8_t *end, const char *what) {
    const uint8_t *found = find(at, end, what);
    if (!found)
        fail("no %s in what the server sent: %.*s", what, (int)(end - at < 300 ? end - at : 300),
             (const char *)at);
    return found;
}

static uint64_t number_at(const uint8_t **at, const uint8_t *end) {
    uint64_t number = 0;
    while (*at < end && **at >= '0' && **at <= '9') number = 10 * number + *(*at)++ - '0';
    return number;
}

static uint64_t hash_at(const uint8_t **at, const uint8_t *end) {
    uint64_t hash = 14695981039346656037ULL;
    while (*at < end && **at != '"') hash = (hash ^ *(*at)++) * 1099511628211ULL;
    return hash;
}

static void remember(struct peer *peer, uint64_t author) {
    uint64_t at = author % AUTHORS;
    if (peer->slot < 0) return;
    while (by_author[at]) at = (at + 1) % AUTHORS;
    peer->author = author;
    by_author[at] = peer;
}

static const struct peer *author_of(uint64_t author) {
    uint64_t at = author % AUTHORS;
    while (by_author[at] && by_author[at]->author != author) at = (at + 1) % AUTHORS;
    if (!by_author[at]) fail("an edit of somebody who writes nothing");
    return by_author[at];
}

static void place_edit(struct peer *peer, uint64_t hash, uint64_t seq) {
    const struct peer *author = author_of(hash);
    peer->version++;
    peer->order = (peer->order ^ hash ^ seq) * 1099511628211ULL;
    heard_edits(peer, author->slot, seq - 1, seq);
}

/* What is sent -------------------------------------------------------------------------------- */

static uint32_t next_random(void) {
    static uint32_t state = 2463534242u;
    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
}

/* The operation of an edit, as a list of Quill ops. */
static int operation(char *to, size_t size, uint64_t number) {
    unsigned place = 1 + next_random() % EDITED_CHARACTERS;
    return snprintf(to, size, number % 2 ? "[{\"retain\":%u},{\"insert\":\"x\"}]"
                                         : "[{\"retain\":%u},{\"delete\":1}]", place);
}

static int text_operation(char *to, size_t size, int characters) {
    return snprintf(to, size, "[{\"insert\":\"%.*s\"}]", characters,
                    (char *)memset(alloca(characters), 'x', characters));
}

static void send_native(struct peer *peer, uint64_t number, const char *operation) {
    char frame[2048];
    int size = snprintf(frame, sizeof frame,
                        "{\"type\":\"edit\",\"seq\":%llu,\"base\":%llu,\"operation\":%s}",
                        (unsigned long long)number + 1, (unsigned long long)peer->version,
                        operation);
    send_frame(peer, TEXT, frame, size);
}

static void send_sharedb(struct peer *peer, uint64_t number, const char *operation) {
    char name[64], frame[2048];
    document_name(peer->document, name, sizeof name);
    int size = snprintf(frame, sizeof frame,
                        "{\"a\":\"op\",\"c\":\"bench\",\"d\":\"%s\",\"v\":%llu,\"seq\":%llu,\"x\":{},",
                        name, (unsigned long long)peer->version, (unsigned long long)number + 1);
    const char *form = peer->version ? "\"op\":%s}" : "\"create\":{\"type\":"
                       "\"http://sharejs.org/types/rich-text/v1\",\"data\":%s}}";
    size += snprintf(frame + size, sizeof frame - size, form, operation);
    send_frame(peer, TEXT, frame, size);
}

static void send_operation(struct peer *peer, uint64_t number, const char *operation) {
    if (options.protocol == &native) send_native(peer, number, operation);
    else send_sharedb(peer, number, operation);
}

static void edit(struct peer *peer, uint64_t number) {
    char text[SEED_CHARACTERS + 64];
    if (peer->version) operation(text, sizeof text, number);
    else text_operation(text, sizeof text, SEED_CHARACTERS);
    send_operation(peer, number, text);
}

static void history(struct peer *peer, int number) {
    char text[HISTORY_CHARACTERS + 64];
    text_operation(text, sizeof text, HISTORY_CHARACTERS);
    send_operation(peer, number, text);
    peer->sent++;
}

/* The native protocol ------------------------------------------------------------------------- */

static void greet_native(struct peer *peer) {
    char frame[256];
    int size = snprintf(frame, sizeof frame,
                        "{\"type\":\"hello\",\"client\":\"load-%08d-%08d\",\"create\":\"text\"}",
                        peer->document, peer->number);
    send_frame(peer, TEXT, frame, size);
}

static void hear_native(struct peer *peer, const uint8_t *at, size_t size) {
    const uint8_t *end = at + size;
    if (!peer->is_ready) {
        const uint8_t *version = need(at, end, "{\"type\":\"welcome\"");
        version = need(version, end, "\"version\":");
        peer->version = number_at(&version, end);
        const uint8_t *author = need(version, end, "\"author\":\"");
        remember(peer, hash_at(&author, end));
        peer->is_ready = true;
        heard_joined(peer, at, size);
        return;
    }
    if (find(at, at + (size < 20 ? size : 20), "{\"type\":\"presence\"")) return;
    at = need(at, end, "{\"type\":\"edits\",\"edits\":[");
    while ((at = find(at, end, "{\"version\":"))) {
        uint64_t version = number_at(&at, end);
        at = need(at, end, "\"author\":\"");
        uint64_t author = hash_at(&at, end);
        at = need(at, end, "\"seq\":");
        uint64_t seq = number_at(&at, end);
        if (version != peer->version + 1) fail("version %llu came after %llu",
            (unsigned long long)version, (unsigned long long)peer->version);
        place_edit(peer, author, seq);
    }
}

/* ShareDB ------------------------------------------------------------------------------------- */

static void greet_sharedb(struct peer *peer) {
    static const char handshake[] = "{\"a\":\"hs\",\"id\":null,\"protocol\":1,\"protocolMinor\":2}";
    char name[64], frame[256];
    document_name(peer->document, name, sizeof name);
    send_frame(peer, TEXT, handshake, strlen(handshake));
    int size = snprintf(frame, sizeof frame, "{\"a\":\"s\",\"c\":\"bench\",\"d\":\"%s\",\"v\":null}",
                        name);
    send_frame(peer, TEXT, frame, size);
}

static void hear_sharedb(struct peer *peer, const uint8_t *at, size_t size) {
    const uint8_t *end = at + size, *near = at + (size < 300 ? size : 300);
    if (find(at, near, "\"error\":"))
        fail("the server refused: %.*s", (int)(near - at), (const char *)at);
    if (find(at, near, "\"a\":\"init\"")) return;
    if (find(at, near, "\"a\":\"hs\"")) {
        const uint8_t *id = need(at, end, "\"id\":\"");
        remember(peer, hash_at(&id, end));
        return;
    }
    if (!peer->is_ready) {
        const uint8_t *version = need(need(at, end, "\"data\":"), end, "\"v\":");
        peer->version = number_at(&version, end);
        peer->is_ready = true;
        heard_joined(peer, at, size);
        return;
    }
    const uint8_t *version = need(at, end, "\"v\":");
    const uint8_t *source = need(at, end, "\"src\":\"");
    const uint8_t *seq = need(at, end, "\"seq\":");
    uint64_t known = number_at(&version, end);
    if (known < peer->version) return; /* it is sent with the answer and in the stream */
    if (known > peer->version) fail("version %llu came after %llu", (unsigned long long)known,
                                    (unsigned long long)peer->version);
    uint64_t author = hash_at(&source, end);
    place_edit(peer, author, number_at(&seq, end));
}

const struct protocol native = {
    .name = "native",
    .one_under_way = true,
    .is_seeded = true,
    .subprotocol = "collab.v1",
    .greet = greet_native,
    .hear = hear_native,
    .edit = edit,
    .history = history,
};

const struct protocol sharedb = {
    .name = "sharedb",
    .one_under_way = true,
    .is_seeded = true,
    .greet = greet_sharedb,
    .hear = hear_sharedb,
    .edit = edit,
    .history = history,
};
