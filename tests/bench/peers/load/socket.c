/* Websocket connections over epoll: the handshake, whole frames in and out, one loop for all. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE (1 << 18)
#define EVENTS 256
#define SEND_BUFFER (1 << 15) /* small: who is not read notices */
#define LARGE (1 << 18)

const uint8_t *large_frame;
size_t large_size, large_same;

static int epoll;
static struct peer **dirty;
static int dirty_count, dirty_size;
static uint8_t scratch[READ_SIZE];

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "load: ");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

void start_loop(void) {
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) fail("epoll: %s", strerror(errno));
}

static void append(struct bytes *to, const void *data, size_t size) {
    if (to->begin == to->end) to->begin = to->end = 0;
    if (to->end + size > to->size && to->begin) {
        memmove(to->data, to->data + to->begin, to->end - to->begin);
        to->end -= to->begin;
        to->begin = 0;
    }
    if (to->end + size > to->size) {
        to->size = 2 * (to->end + size);
        to->data = realloc(to->data, to->size);
        if (!to->data) fail("no memory");
    }
    memcpy(to->data + to->end, data, size);
    to->end += size;
}

static void mark_dirty(struct peer *peer) {
    if (peer->is_dirty) return;
    peer->is_dirty = true;
    if (dirty_count == dirty_size) {
        dirty_size = dirty_size ? 2 * dirty_size : 64;
        dirty = realloc(dirty, dirty_size * sizeof *dirty);
        if (!dirty) fail("no memory");
    }
    dirty[dirty_count++] = peer;
}

size_t unsent(const struct peer *peer) {
    return peer->out.end - peer->out.begin;
}

void send_frame(struct peer *peer, uint8_t first_byte, const void *payload, size_t size) {
    uint8_t head[14] = {first_byte};
    size_t at = 2;
    if (size < 126) {
        head[1] = 0x80 | size;
    } else {
        int width = size < 1 << 16 ? 2 : 8;
        head[1] = 0x80 | (width == 2 ? 126 : 127);
        for (int byte = width - 1; byte >= 0; byte--) head[at++] = (uint64_t)size >> (8 * byte);
    }
    at += 4; /* a mask of zeros changes nothing */
    append(&peer->out, head, at);
    append(&peer->out, payload, size);
    mark_dirty(peer);
}

static void await(struct peer *peer, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = peer};
    if (epoll_ctl(epoll, operation, peer->fd, &event)) fail("epoll: %s", strerror(errno));
}

void open_peer(struct peer *peer) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(options.port)};
    int yes = 1, size = SEND_BUFFER;
    char name[64], request[4096], path[2048];
    const char *mark = strstr(options.path, "{}");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (peer->fd < 0) fail("socket: %s", strerror(errno));
    setsockopt(peer->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (connect(peer->fd, (struct sockaddr *)&address, sizeof address))
        fail("connect: %s", strerror(errno));
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(peer->fd, F_SETFL, O_NONBLOCK);
    document_name(peer->document, name, sizeof name);
    if (mark)
        snprintf(path, sizeof path, "%.*s%s%s", (int)(mark - options.path), options.path, name,
                 mark + 2);
    else
        snprintf(path, sizeof path, "%s", options.path);
    const char *subprotocol = options.protocol->subprotocol;
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Key: bG9hZGxvYWRsb2FkbG9hZA==\r\n"
                          "Sec-WebSocket-Version: 13\r\n%s%s%s\r\n",
                          path, options.port, subprotocol ? "Sec-WebSocket-Protocol: " : "",
                          subprotocol ? subprotocol : "", subprotocol ? "\r\n" : "");
    append(&peer->out, request, length);
    mark_dirty(peer);
    await(peer, EPOLL_CTL_ADD, EPOLLIN);
}

void close_peer(struct peer *peer) {
    struct linger abort = {.l_onoff = 1};
    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    close(peer->fd);
    peer->fd = -1;
    free(peer->in.data);
    free(peer->out.data);
    memset(&peer->in, 0, sizeof peer->in);
    memset(&peer->out, 0, sizeof peer->out);
    peer->is_open = peer->is_ready = false;
}

static void flush(struct peer *peer) {
    while (peer->fd >= 0 && unsent(peer)) {
        ssize_t count = send(peer->fd, peer->out.data + peer->out.begin, unsent(peer), MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) {
            if (!peer->is_blocked) await(peer, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            peer->is_blocked = true;
            return;
        }
        if (count < 0) fail("peer %d: send: %s", peer->number, strerror(errno));
        peer->out.begin += count;
    }
    if (peer->fd >= 0 && peer->is_blocked) await(peer, EPOLL_CTL_MOD, EPOLLIN);
    peer->is_blocked = false;
}

static void control(struct peer *peer, uint8_t first_byte, const uint8_t *payload, size_t size) {
    switch (first_byte) {
    case TEXT:
    case BINARY:
        options.protocol->hear(peer, payload, size);
        return;
    case 0x88:
        fail("peer %d was closed with %d: %.*s", peer->number,
             size > 1 ? payload[0] << 8 | payload[1] : 0, size > 2 ? (int)size - 2 : 0,
             size > 2 ? (const char *)payload + 2 : "");
    case 0x89:
        send_frame(peer, 0x8a, payload, size);
        return;
    case 0x8a:
        return;
    default:
        fail("peer %d got a frame that begins with %#x", peer->number, first_byte);
    }
}

/* A piece of the frame that everybody must get alike. */
static size_t compare_large(struct peer *peer, const uint8_t *data, size_t size) {
    size_t count = size < peer->large_left ? size : peer->large_left;
    size_t own = peer->large_at < large_same ? large_same - peer->large_at : 0;
    if (own < count && memcmp(large_frame + peer->large_at + own, data + own, count - own))
        fail("peer %d was sent another document than the first", peer->number);
    peer->large_at += count;
    peer->large_left -= count;
    if (!peer->large_left) heard_joined(peer, large_frame, large_size);
    return count;
}

/* Handles whole frames; returns how many bytes they were. */
static size_t parse(struct peer *peer, const uint8_t *data, size_t size) {
    size_t at = 0;
    if (!peer->is_open) {
        const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
        if (!end) return 0;
        if (memcmp(data, "HTTP/1.1 101", 12))
            fail("instead of a websocket: %.*s", (int)(size < 200 ? size : 200), (char *)data);
        at = end + 4 - data;
        peer->is_open = true;
        options.protocol->greet(peer);
    }
    while (peer->fd >= 0) {
        if (peer->large_left) {
            at += compare_large(peer, data + at, size - at);
            if (peer->large_left) return at;
        }
        if (size - at < 2) return at;
        uint64_t length = data[at + 1];
        size_t head = 2;
        if (length >= 126) {
            head = length == 126 ? 4 : 10;
            if (size - at < head) return at;
            length = 0;
            for (size_t byte = 2; byte < head; byte++) length = length << 8 | data[at + byte];
        }
        if (large_frame && length == large_size && length > LARGE) {
            peer->large_left = length;
            peer->large_at = 0;
            at += head;
            continue;
        }
        if (size - at - head < length) return at;
        control(peer, data[at], data + at + head, length);
        at += head + length;
    }
    return size;
}

static void receive(struct peer *peer) {
    ssize_t count = recv(peer->fd, scratch, sizeof scratch, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) fail("peer %d: %s", peer->number, strerror(errno));
    if (!count) fail("peer %d: the server closed the connection", peer->number);
    if (peer->in.begin == peer->in.end) {
        size_t used = parse(peer, scratch, count);
        if (peer->fd >= 0 && used < (size_t)count)
            append(&peer->in, scratch + used, count - used);
    } else {
        append(&peer->in, scratch, count);
        size_t used = parse(peer, peer->in.data + peer->in.begin, peer->in.end - peer->in.begin);
        if (peer->fd >= 0) peer->in.begin += used;
    }
}

void turn(int64_t until) {
    struct epoll_event events[EVENTS];
    for (int i = 0; i < dirty_count; i++) {
        dirty[i]->is_dirty = false;
        flush(dirty[i]);
    }
    dirty_count = 0;
    int64_t left = until - now();
    if (left < 0) left = 0;
    struct timespec timeout = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
    int count = epoll_pwait2(epoll, events, EVENTS, &timeout, NULL);
    if (count < 0 && errno != EINTR) fail("epoll: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        struct peer *peer = events[i].data.ptr;
        if (peer->fd >= 0 && events[i].events & EPOLLOUT) flush(peer);
        if (peer->fd >= 0 && events[i].events & ~EPOLLOUT) receive(peer);
    }
}
