/* The load generator: many websocket clients in one thread, for servers of several protocols.
 *
 * Linux only (epoll, /proc). One process runs one case against one server and prints a line of JSON
 * for each measurement. Every failure ends it with status 1 and a line that says why.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND 1000000000LL /* times are nanoseconds of the monotonic clock */
#define TEXT 0x81           /* first byte of a whole websocket frame */
#define BINARY 0x82

struct bytes {
    uint8_t *data;
    size_t begin, end, size; /* what is in it lies from begin to end */
};

/* How far somebody has seen the edits of one writer. */
struct seen {
    uint64_t count, top;
};

struct peer {
    int fd, number, document, place; /* place: which of its document's peers; -1: a newcomer */
    int slot;                        /* which of its document's writers, or -1 */
    bool is_open, is_ready, is_sampled, is_blocked, is_dirty, is_idle;
    struct bytes in, out;
    struct seen *seen; /* for each slot of its document */
    int64_t *sent_at;  /* of each of its edits */
    uint64_t sent, acked, room_for;
    uint64_t version, author, order; /* JSON protocols; order: a hash of what came in which order */
    uint64_t large_left, large_at;   /* of a large frame that is compared and not kept */
};

struct protocol {
    const char *name;
    uint8_t frame;                /* TEXT or BINARY */
    bool one_under_way;           /* a writer waits for its edit before it sends the next */
    bool is_seeded;               /* the first edit of a document gives it a text */
    const char *subprotocol;      /* offered, or NULL */
    void (*greet)(struct peer *); /* after the handshake: ask for the document */
    void (*hear)(struct peer *, const uint8_t *message, size_t size);
    void (*edit)(struct peer *, uint64_t number); /* send its edit `number`, from 0 on */
    /* Send a piece of the history that joins are measured with: piece `number` of HISTORY_PIECES. */
    void (*history)(struct peer *, int number);
};

#define HISTORY_PIECES 2000

struct options {
    const struct protocol *protocol;
    int port, pid, core;
    const char *path; /* {} stands for the document */
    int documents, peers, writers;
    bool is_strict; /* an edit that comes before the one it follows is a failure */
    double warm_up;
};

extern struct options options;
extern struct peer *peers;
extern int peer_count;

/* socket.c: connections, frames and the loop. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int64_t now(void);
void start_loop(void);
void open_peer(struct peer *);
void close_peer(struct peer *);
void send_frame(struct peer *, uint8_t first_byte, const void *payload, size_t size);
void turn(int64_t until); /* read what has come, wait for it at most until then, write */
size_t unsent(const struct peer *);
/* Once set, a frame of this size is held against it from large_same on, not kept, and told by
 * heard_joined alone. */
extern const uint8_t *large_frame;
extern size_t large_size, large_same;

/* yjs.c, json.c */
extern const struct protocol ywebsocket, hocuspocus, native, sharedb;

/* edits.c, joins.c: what protocols tell of what they hear. */
void heard_edits(struct peer *, int slot, uint64_t first, uint64_t end);
void heard_joined(struct peer *, const uint8_t *message, size_t size);

/* crowd.c: everybody. */
void document_name(int document, char *name, size_t size);
uint64_t edits_of(int document, int slot); /* how many have been sent */
struct peer *writer_of(int document, int slot);
int slot_of(int place); /* of a peer at this place of its document, or -1 */
void make_peers(int count, int peers_of_a_document, int writers_of_a_document);
void connect_peers(int first, int end);
void check_everyone(void);  /* nothing is under way: each has all edits once, in one order */
void check_newcomers(void); /* those who come now are sent what the others have */

/* phases.c, joins.c: what is measured. */
void measure_phases(char **phases, int count);
void measure_joins(int alone, int at_once);
void measure_idle(int uncounted, int counted, double settle_seconds);

/* usage.c: what the kernel says that is used; seconds and bytes. */
struct usage {
    double wall, server, generator, core;
};
struct usage read_usage(void);
uint64_t resident_bytes(void);

#endif
