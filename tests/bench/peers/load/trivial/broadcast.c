/* A server that does nothing but pass updates on: what is left is the generator's own ceiling.
 *
 * broadcast PORT [LOST]: one room, y-websocket's messages, no CRDT. Everything that has come in one turn
 * of the loop leaves as one update to everybody, as a fast server would send it. Of the updates number
 * LOST is kept from the connection that came last, for the test that somebody notices.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE (1 << 16)
#define MOST_PEERS 4096
#define EVENTS 256

struct bytes {
    uint8_t *data;
    size_t used, size;
};

struct peer {
    int fd;
    bool is_open;
    struct bytes in;
};

static struct peer *everybody[MOST_PEERS];
static int count;
static struct bytes log_sections, new_sections, frame; /* the sections of updates, without their number */
static uint64_t log_updates, new_updates, lost;

static void add(struct bytes *to, const void *data, size_t size) {
    if (to->used + size > to->size) {
        to->size = 2 * (to->used + size);
        to->data = realloc(to->data, to->size);
        if (!to->data) exit(1);
    }
    memcpy(to->data + to->used, data, size);
    to->used += size;
}

static size_t put_uint(uint8_t *to, uint64_t number) {
    size_t at = 0;
    for (; number >= 0x80; number >>= 7) to[at++] = 0x80 | (number & 0x7f);
    to[at++] = number;
    return at;
}

static void send_all(const struct peer *peer, const uint8_t *data, size_t size) {
    while (size) {
        ssize_t sent = send(peer->fd, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd writable = {.fd = peer->fd, .events = POLLOUT};
            poll(&writable, 1, -1);
        } else if (sent < 0) {
            return;
        } else {
            data += sent;
            size -= sent;
        }
    }
}

/* A whole websocket frame with a sync message of `kind` that has these sections. */
static void make_frame(uint8_t kind, const struct bytes *sections, uint64_t updates) {
    uint8_t number[10], length[10], head[14] = {0x82};
    size_t number_size = put_uint(number, updates), content = number_size + sections->used + 1;
    size_t length_size = put_uint(length, content), size = 2 + length_size + content, at = 2;
    if (size < 126) {
        head[1] = size;
    } else {
        int width = size < 1 << 16 ? 2 : 8;
        head[1] = width == 2 ? 126 : 127;
        for (int byte = width - 1; byte >= 0; byte--) head[at++] = (uint64_t)size >> (8 * byte);
    }
    frame.used = 0;
    add(&frame, head, at);
    add(&frame, (uint8_t[]){0, kind}, 2);
    add(&frame, length, length_size);
    add(&frame, number, number_size);
    add(&frame, sections->data, sections->used);
    add(&frame, "", 1);
}

static void hear(struct peer *peer, const uint8_t *message, size_t size) {
    if (size < 3 || message[0]) return;
    if (message[1] == 0) {
        static const uint8_t step_1[] = {0x82, 4, 0, 0, 1, 0};
        make_frame(1, &log_sections, log_updates);
        send_all(peer, frame.data, frame.used);
        send_all(peer, step_1, sizeof step_1);
        everybody[count++] = peer;
    } else if (message[1] == 2) {
        /* one section, fewer than 128 bytes: after their length comes 1, at the end no deletions */
        add(&new_sections, message + 4, size - 5);
        new_updates++;
    }
}

static void pass_on(void) {
    if (!new_updates) return;
    make_frame(2, &new_sections, new_updates);
    bool is_lost = lost && log_updates < lost && log_updates + new_updates >= lost;
    for (int i = 0; i < count - is_lost; i++) send_all(everybody[i], frame.data, frame.used);
    add(&log_sections, new_sections.data, new_sections.used);
    log_updates += new_updates;
    new_sections.used = new_updates = 0;
}

static void leave(struct peer *peer) {
    for (int i = 0; i < count; i++)
        if (everybody[i] == peer) everybody[i--] = everybody[--count];
    close(peer->fd);
    free(peer->in.data);
    free(peer);
}

static void receive(struct peer *peer) {
    static uint8_t scratch[READ_SIZE];
    ssize_t size = recv(peer->fd, scratch, sizeof scratch, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) {
        leave(peer);
        return;
    }
    add(&peer->in, scratch, size);
    size_t at = 0;
    if (!peer->is_open) {
        static const char accepted[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
        const uint8_t *end = memmem(peer->in.data, peer->in.used, "\r\n\r\n", 4);
        if (!end) return;
        at = end + 4 - peer->in.data;
        peer->is_open = true;
        send_all(peer, (const uint8_t *)accepted, sizeof accepted - 1);
    }
    while (peer->in.used - at >= 6) {
        size_t length = peer->in.data[at + 1] & 0x7f; /* longer ones do not come, and masks are 0 */
        if (peer->in.used - at < 6 + length) break;
        hear(peer, peer->in.data + at + 6, length);
        at += 6 + length;
    }
    peer->in.used -= at;
    memmove(peer->in.data, peer->in.data + at, peer->in.used);
}

int main(int argument_count, char **arguments) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN};
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    if (argument_count < 2) return 2;
    if (argument_count > 2) lost = strtoull(arguments[2], NULL, 10);
    address.sin_port = htons(atoi(arguments[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 512)) return 1;
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr) {
                receive(events[i].data.ptr);
                continue;
            }
            struct peer *peer = calloc(1, sizeof *peer);
            if (!peer || count == MOST_PEERS) return 1;
            peer->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            event.data.ptr = peer;
            epoll_ctl(epoll, EPOLL_CTL_ADD, peer->fd, &event);
        }
        pass_on();
    }
}
