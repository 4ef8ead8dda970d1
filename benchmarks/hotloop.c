/* The generator's hot loop: many sockets, pre-encoded frames, one write for each socket and turn, parsing by offsets.

   Python connects and greets (benchmarks/connect.py), then hands the descriptors over. `benchmarks/pyloop.py` does the same
   work in Python, and tests hold both to the same events. Compiled at need by benchmarks/native.py; nothing but libc. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define HISTOGRAM_SLOTS 17408    /* HDR, 1 µs to 60 s, three digits */
#define MAX_LATENCY_US 60000000
#define RING 65536               /* most messages of one sender in flight */
#define READ_BYTES (1 << 18)
#define ACK_AFTER 32             /* imserver: a bare ACK after so many payload frames, or after SWEEP_NS */
#define SWEEP_NS 100000000LL
#define DIGITS 16                /* width of an index in decimal */
#define MS 1000000LL

enum { IMSERVER, MQTT, NATS, RESP, WEBSOCKET };

struct link_spec {               /* filled by Python, field by field as in benchmarks/native.py */
    int32_t fd, sender, is_sender, seq_at, seq_bytes, ack_at, bin_at, dec_at, dec2_at, spare;
    const uint8_t *frame; int64_t frame_bytes;    /* the frame of a sender, with holes */
    const uint8_t *mark; int64_t mark_bytes;      /* Redis: "$5\r\ns:1:2\r\n$1\r\ng\r\n", the beginning of XACK's arguments */
    const uint8_t *next; int64_t next_bytes;      /* Redis: the next read */
};

struct plan {
    int32_t protocol, links, senders, receivers, window, until_all;
    double rate;                 /* messages a second of all senders; 0: closed loop */
    int64_t start_ns, begin_ns, end_ns, settle_ns;
    uint64_t key_base;
    int32_t max_open, spare;
};

struct result {
    uint64_t sent, acked, delivered, doubled, out_of_order;          /* of the whole run */
    uint64_t measured_sent, measured_acked, measured_delivered;      /* between begin and end */
    uint64_t late_us, unsent;
    double cpu_s, wall_s;
    char error[256];
    uint32_t ack_us[HISTOGRAM_SLOTS], delivery_us[HISTOGRAM_SLOTS], all_us[HISTOGRAM_SLOTS];
};

struct sender {
    struct link *link;
    uint64_t scheduled, sent, acked, complete;
    int64_t *due;                /* ring: when each message was to be sent */
    uint32_t *seen_by;           /* ring: how many receivers have it */
};

struct link {
    struct link_spec spec;
    struct sender *sender;
    uint8_t *out; size_t out_bytes, out_room, out_done;
    uint8_t *rest; size_t rest_bytes, rest_room;
    uint64_t last;               /* receivers: highest index + 1 */
    uint8_t *seen;               /* receivers: ring of bits */
    uint32_t seq, received, told;
    int dirty, wants_out;
};

struct run {
    struct plan plan;
    struct result *result;
    struct link *links, **dirty;
    struct sender *senders;
    uint8_t *buffer; size_t buffer_room;
    int dirty_count, epoll, timer, ended;
    int64_t now;
    uint64_t scheduled_total;
    uint64_t *events; int64_t event_count, max_events;               /* tests only */
};

static int64_t now_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void fail(struct run *run, const char *text, const uint8_t *more, size_t bytes)
{
    if (run->result->error[0]) return;
    int n = snprintf(run->result->error, sizeof run->result->error, "%s", text);
    for (size_t i = 0; i < bytes && n + 1 < (int)sizeof run->result->error; i++)
        run->result->error[n++] = more[i] >= 32 && more[i] < 127 ? (char)more[i] : '.';
}

static void record(uint32_t *histogram, int64_t ns)
{
    uint64_t us = ns < 1000 ? 1 : (uint64_t)ns / 1000;
    if (us > MAX_LATENCY_US) us = MAX_LATENCY_US;
    int bucket = 64 - __builtin_clzll(us | 2047) - 11;
    histogram[bucket * 1024 + (us >> bucket)]++;
}

/* -------------------------------------------------------------------------------------------------- outgoing bytes */

static uint8_t *room(struct run *run, struct link *link, size_t bytes)
{
    if (link->out_bytes + bytes > link->out_room) {
        link->out_room = (link->out_bytes + bytes) * 2;
        link->out = realloc(link->out, link->out_room);
        if (!link->out) abort();
    }
    if (!link->dirty) { link->dirty = 1; run->dirty[run->dirty_count++] = link; }
    uint8_t *at = link->out + link->out_bytes;
    link->out_bytes += bytes;
    return at;
}

static void put(struct run *run, struct link *link, const void *bytes, size_t count)
{
    memcpy(room(run, link, count), bytes, count);
}

static void big(uint8_t *at, uint64_t value, int bytes)
{
    while (bytes--) { at[bytes] = (uint8_t)value; value >>= 8; }
}

static void decimal(uint8_t *at, uint64_t value)
{
    for (int i = DIGITS; i--; value /= 10) at[i] = (uint8_t)('0' + value % 10);
}

static void put_frame(struct run *run, struct link *link, uint64_t index)
{
    const struct link_spec *spec = &link->spec;
    uint8_t *at = room(run, link, spec->frame_bytes);
    memcpy(at, spec->frame, spec->frame_bytes);
    uint32_t seq = ++link->seq;
    if (spec->seq_at >= 0) big(at + spec->seq_at, spec->seq_bytes == 2 ? (seq - 1) % 65535 + 1 : seq, spec->seq_bytes);
    if (spec->ack_at >= 0) { big(at + spec->ack_at, link->received, 4); link->told = link->received; }
    if (spec->bin_at >= 0) big(at + spec->bin_at, run->plan.key_base + index, 8);
    if (spec->dec_at >= 0) decimal(at + spec->dec_at, index);
    if (spec->dec2_at >= 0) decimal(at + spec->dec2_at, index);
}

static void put_ack(struct run *run, struct link *link)
{
    uint8_t frame[12] = {0, 0, 0, 8, 0x93, 2, 0, 0xce};
    big(frame + 8, link->received, 4);
    link->told = link->received;
    put(run, link, frame, sizeof frame);
}

static void flush(struct run *run, struct link *link)
{
    while (link->out_done < link->out_bytes) {
        ssize_t n = send(link->spec.fd, link->out + link->out_done, link->out_bytes - link->out_done, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN) fail(run, "send: ", (const uint8_t *)strerror(errno), strlen(strerror(errno)));
            break;
        }
        link->out_done += n;
    }
    int left = link->out_done < link->out_bytes;
    if (!left) link->out_done = link->out_bytes = 0;
    if (left != link->wants_out) {
        struct epoll_event event = {.events = EPOLLIN | (left ? EPOLLOUT : 0), .data.ptr = link};
        epoll_ctl(run->epoll, EPOLL_CTL_MOD, link->spec.fd, &event);
        link->wants_out = left;
    }
}

/* -------------------------------------------------------------------------------------------------- events */

static void note(struct run *run, int kind, uint64_t index)
{
    if (run->event_count < run->max_events) {
        run->events[2 * run->event_count] = kind;
        run->events[2 * run->event_count + 1] = index;
    }
    run->event_count++;
}

static int measured(struct run *run, int64_t at) { return at >= run->plan.begin_ns && at < run->plan.end_ns; }

static void acked(struct run *run, struct link *link, uint64_t index)
{
    if (run->events) { note(run, 1, index); return; }
    struct sender *sender = link->sender;
    if (index >= sender->sent) { fail(run, "an answer to nothing", 0, 0); return; }
    sender->acked++;
    run->result->acked++;
    if (measured(run, run->now)) run->result->measured_acked++;
    int64_t due = sender->due[index % RING];
    if (measured(run, due)) record(run->result->ack_us, run->now - due);
}

static void delivered(struct run *run, struct link *link, uint64_t index)
{
    if (run->events) { note(run, 2, index); return; }
    struct sender *sender = link->sender;
    if (index >= sender->sent) { fail(run, "a message that was not sent", 0, 0); return; }
    uint8_t bit = 1 << (index & 7), *byte = &link->seen[(index % RING) >> 3];
    run->result->delivered++;
    if (index == link->last) {
        link->last++;
    } else if (index > link->last) {                       /* missing ones may still come: then they are out of order */
        for (uint64_t i = link->last; i < index; i++) link->seen[(i % RING) >> 3] &= ~(1 << (i & 7));
        link->last = index + 1;
    } else if (index + RING <= link->last || *byte & bit) {
        run->result->doubled++;
        return;
    } else {
        run->result->out_of_order++;
    }
    *byte |= bit;
    int64_t due = sender->due[index % RING];
    if (measured(run, run->now)) run->result->measured_delivered++;
    if (measured(run, due)) record(run->result->delivery_us, run->now - due);
    if (run->plan.receivers > 1) {
        if (++sender->seen_by[index % RING] < (uint32_t)run->plan.receivers) return;
        sender->seen_by[index % RING] = 0;
        if (measured(run, due)) record(run->result->all_us, run->now - due);
    }
    sender->complete++;
}

/* -------------------------------------------------------------------------------------------------- parsers
   Each looks at one frame at `p`, of which `n` bytes are there: returns its length, 0 if it is not whole, -1 for nonsense. */

static const uint8_t *number(const uint8_t *p, uint64_t *value)
{
    int bytes = *p < 0x80 ? 0 : *p >= 0xcc && *p <= 0xcf ? 1 << (*p - 0xcc) : -1;
    if (bytes < 0) return 0;
    if (!bytes) { *value = *p; return p + 1; }
    *value = 0;
    for (int i = 1; i <= bytes; i++) *value = *value << 8 | p[i];
    return p + 1 + bytes;
}

static const uint8_t *past_text(const uint8_t *p)
{
    if ((*p & 0xe0) == 0xa0) return p + 1 + (*p & 31);
    if (*p == 0xd9 || *p == 0xc4) return p + 2 + p[1];
    if (*p == 0xda || *p == 0xc5) return p + 3 + (p[1] << 8 | p[2]);
    return 0;
}

static uint64_t index_in_key(struct run *run, const uint8_t *p)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value = value << 8 | p[i];
    return value - run->plan.key_base;
}

static int64_t parse_imserver(struct run *run, struct link *link, const uint8_t *p, size_t n)
{
    if (n < 4) return 0;
    size_t length = (size_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
    if (n < 4 + length) return 0;
    const uint8_t *end = p + 4 + length, *at = p + 4;
    uint64_t type, seq, ack, value;
    if (length < 4 || (*at & 0xf0) != 0x90) return -1;
    if (!(at = number(at + 1, &type)) || !(at = number(at, &seq)) || !(at = number(at, &ack))) return -1;
    if (type >= 16) {
        if (seq != link->received + 1) { fail(run, "a gap in the numbers of frames", 0, 0); return -1; }
        link->received = (uint32_t)seq;
    }
    if (type == 19 && at + 8 < end && !memcmp(at, "\xa7message", 8)) {
        at = past_text(at + 8);                                              /* conversation */
        if (!at || !(at = number(at, &value)) || !(at = past_text(at)) || !(at = number(at, &value))) return -1;
        if (at + 10 > end || at[0] != 0xc4 || at[1] != 16) return -1;
        delivered(run, link, index_in_key(run, at + 2));
    } else if (type == 17) {
        if (!number(at, &value) || !value) return -1;
        acked(run, link, value - 1);
    } else if (type == 3) {                                                  /* PING: its nonce goes back */
        size_t nonce = end - at;
        uint8_t head[12] = {0, 0, 0, (uint8_t)(8 + nonce), 0x94, 4, 0, 0xce};
        big(head + 8, link->received, 4);
        put(run, link, head, sizeof head);
        put(run, link, at, nonce);
    } else if (type == 19 && at + 8 <= end && !memcmp(at, "\xa7lagging", 8)) {
        fail(run, "a receiver was too slow and lags", 0, 0);
    } else if (type == 18 || type == 5) {
        fail(run, type == 18 ? "refused: " : "goodbye: ", at, end - at);
    }
    if (link->received - link->told >= ACK_AFTER) put_ack(run, link);
    return 4 + length;
}

static int digits(const uint8_t *p, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < DIGITS; i++) {
        if (p[i] < '0' || p[i] > '9') return 0;
        *value = *value * 10 + (p[i] - '0');
    }
    return 1;
}

static int64_t parse_mqtt(struct run *run, struct link *link, const uint8_t *p, size_t n)
{
    size_t length = 0, at = 1;
    for (int shift = 0;; shift += 7) {
        if (at >= n) return 0;
        if (shift > 21) return -1;
        length |= (size_t)(p[at] & 127) << shift;
        if (!(p[at++] & 128)) break;
    }
    if (n < at + length) return 0;
    const uint8_t *body = p + at;
    uint64_t index;
    if ((p[0] & 0xf0) == 0x30) {
        size_t topic = 2 + (body[0] << 8 | body[1]);
        if (length < topic + 2 + DIGITS || !digits(body + topic + 2, &index)) return -1;
        delivered(run, link, index);
        uint8_t puback[4] = {0x40, 2, body[topic], body[topic + 1]};
        put(run, link, puback, 4);
    } else if (p[0] == 0x40) {                                               /* in the order of sending, as 3.1.1 asks */
        index = link->received++;
        if ((uint32_t)(body[0] << 8 | body[1]) != index % 65535 + 1) { fail(run, "PUBACK out of order", 0, 0); return -1; }
        acked(run, link, index);
    }
    return at + length;
}

static int64_t parse_nats(struct run *run, struct link *link, const uint8_t *p, size_t n)
{
    const uint8_t *cr = memchr(p, '\r', n);
    if (!cr || cr + 1 >= p + n) return 0;
    int64_t line = cr + 2 - p;
    if (n >= 6 && !memcmp(p, "PING\r\n", 6)) { put(run, link, "PONG\r\n", 6); return 6; }
    if (p[0] == '-') { fail(run, "nats: ", p, cr - p); return line; }
    if (line < 6 || memcmp(p, "MSG ", 4)) return line;
    const uint8_t *field[4], *stop[4], *at = p + 4;
    int fields = 0;
    while (at < cr && fields < 4) {
        const uint8_t *space = memchr(at, ' ', cr - at);
        field[fields] = at;
        stop[fields++] = space ? space : cr;
        at = space ? space + 1 : cr;
    }
    if (fields < 3) return -1;
    size_t bytes = 0;
    for (const uint8_t *c = field[fields - 1]; c < cr; c++) bytes = bytes * 10 + (*c - '0');
    if (n < line + bytes + 2) return 0;
    const uint8_t *body = p + line;
    uint64_t index;
    if (link->spec.is_sender) {                                              /* the PubAck comes to a subject that ends in the index */
        if (memmem(body, bytes, "\"error\"", 7)) { fail(run, "jetstream: ", body, bytes); return -1; }
        if (stop[0] - field[0] < DIGITS || !digits(stop[0] - DIGITS, &index)) return -1;
        acked(run, link, index);
    } else if (fields == 4) {
        if (bytes < DIGITS || !digits(body, &index)) { fail(run, "jetstream: ", body, bytes); return -1; }
        delivered(run, link, index);
        put(run, link, "PUB ", 4);
        put(run, link, field[2], stop[2] - field[2]);
        put(run, link, " 4\r\n+ACK\r\n", 10);
    }
    return line + bytes + 2;
}

static int64_t resp_length(const uint8_t *p, size_t n)                       /* of one value, however nested */
{
    const uint8_t *cr = n ? memchr(p, '\r', n) : 0;
    if (!cr || cr + 1 >= p + n) return 0;
    int64_t line = cr + 2 - p, count;
    switch (p[0]) {
    case '+': case '-': case ':': return line;
    case '$':
        count = strtol((const char *)p + 1, 0, 10);
        return count < 0 ? line : n < (size_t)(line + count + 2) ? 0 : line + count + 2;
    case '*':
        count = strtol((const char *)p + 1, 0, 10);
        for (int64_t i = 0; i < count; i++) {
            int64_t item = resp_length(p + line, n - line);
            if (item <= 0) return item;
            line += item;
        }
        return line;
    }
    return -1;
}

static const uint8_t *resp_inside(const uint8_t *p) { return (const uint8_t *)strchr((const char *)p, '\n') + 1; }

static int64_t parse_resp(struct run *run, struct link *link, const uint8_t *p, size_t n)
{
    int64_t length = resp_length(p, n);
    if (length <= 0) return length;
    if (p[0] == '-') { fail(run, "redis: ", p, length - 2); return length; }
    if (link->spec.is_sender) { acked(run, link, link->received++); return length; }
    if (p[0] != '*') return length;                                          /* the answer to XACK */
    /* [[stream, [[id, ["b", body]]…]]] */
    const uint8_t *at = resp_inside(resp_inside(p));
    at += resp_length(at, p + length - at);
    long count = strtol((const char *)at + 1, 0, 10);
    at = resp_inside(at);
    char head[48];
    put(run, link, head, snprintf(head, sizeof head, "*%ld\r\n$4\r\nXACK\r\n", count + 3));
    put(run, link, link->spec.mark, link->spec.mark_bytes);
    for (long i = 0; i < count; i++) {
        const uint8_t *id = resp_inside(at), *pair = id + resp_length(id, p + length - id);
        put(run, link, id, pair - id);
        const uint8_t *name = resp_inside(pair), *body = name + resp_length(name, p + length - name);
        uint64_t index;
        if (!digits(resp_inside(body), &index)) return -1;
        delivered(run, link, index);
        at = body + resp_length(body, p + length - body);
    }
    put(run, link, link->spec.next, link->spec.next_bytes);
    return length;
}

static int64_t parse_websocket(struct run *run, struct link *link, const uint8_t *p, size_t n)
{
    if (n < 2) return 0;
    size_t length = p[1] & 127, at = 2;
    if (length == 127) return -1;
    if (length == 126) {
        if (n < 4) return 0;
        length = p[2] << 8 | p[3];
        at = 4;
    }
    if (n < at + length) return 0;
    const uint8_t *body = p + at;
    uint64_t index;
    if ((p[0] & 15) == 9) {                                                  /* ping */
        uint8_t pong[6] = {0x8a, 0x80};
        put(run, link, pong, 6);
    } else if ((p[0] & 15) == 8) {
        fail(run, "websocket: closed", 0, 0);
    } else if (length < 1 + DIGITS || !digits(body + 1, &index)) {
        return -1;
    } else if (body[0] == 'A') {
        acked(run, link, index);
    } else {
        delivered(run, link, index);
        uint8_t receipt[6 + 1 + DIGITS] = {0x82, 0x80 | (1 + DIGITS), 0, 0, 0, 0, 'R'};
        memcpy(receipt + 7, body + 1, DIGITS);
        put(run, link, receipt, sizeof receipt);
    }
    return at + length;
}

typedef int64_t (*parser)(struct run *, struct link *, const uint8_t *, size_t);
static const parser PARSERS[] = {parse_imserver, parse_mqtt, parse_nats, parse_resp, parse_websocket};

static size_t parse(struct run *run, struct link *link, const uint8_t *p, size_t n)
{
    parser one = PARSERS[run->plan.protocol];
    size_t at = 0;
    while (at < n) {
        int64_t length = one(run, link, p + at, n - at);
        if (length < 0) fail(run, "not understood: ", p + at, n - at > 60 ? 60 : n - at);
        if (length <= 0) break;
        at += length;
    }
    return at;
}

/* -------------------------------------------------------------------------------------------------- the loop */

static void receive(struct run *run, struct link *link)
{
    if (link->rest_bytes + READ_BYTES + 1 > run->buffer_room) {
        run->buffer_room = link->rest_bytes + READ_BYTES + 1;
        run->buffer = realloc(run->buffer, run->buffer_room);
        if (!run->buffer) abort();
    }
    memcpy(run->buffer, link->rest, link->rest_bytes);
    ssize_t n = recv(link->spec.fd, run->buffer + link->rest_bytes, READ_BYTES, 0);
    if (n <= 0) {
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        fail(run, "connection lost", 0, 0);
        return;
    }
    size_t all = link->rest_bytes + n;
    run->buffer[all] = 0;
    size_t done = parse(run, link, run->buffer, all);
    link->rest_bytes = all - done;
    if (link->rest_bytes > link->rest_room) {
        link->rest_room = link->rest_bytes * 2;
        link->rest = realloc(link->rest, link->rest_room);
        if (!link->rest) abort();
    }
    memcpy(link->rest, run->buffer + done, link->rest_bytes);
}

static int64_t due_at(struct run *run, uint64_t number)
{
    return run->plan.start_ns + (int64_t)(number * 1e9 / run->plan.rate);
}

static void fill(struct run *run, struct sender *sender)
{
    const struct plan *plan = &run->plan;
    while (!run->ended) {
        uint64_t open = sender->sent - (plan->until_all ? sender->complete : sender->acked);
        if (plan->rate > 0 ? sender->sent >= sender->scheduled : open >= (uint64_t)plan->window) return;
        if (open >= (uint64_t)plan->max_open || sender->sent - sender->complete >= (uint64_t)plan->max_open) return;
        int64_t due = plan->rate > 0 ? due_at(run, sender->sent * plan->senders + (sender - run->senders)) : run->now;
        if (plan->rate > 0 && measured(run, due) && (run->now - due) / 1000 > (int64_t)run->result->late_us)
            run->result->late_us = (run->now - due) / 1000;
        sender->due[sender->sent % RING] = due;
        put_frame(run, sender->link, sender->sent++);
        run->result->sent++;
        if (measured(run, due)) run->result->measured_sent++;
    }
}

static void schedule(struct run *run)
{
    const struct plan *plan = &run->plan;
    if (run->now < plan->start_ns) return;
    if (plan->rate > 0) {
        int64_t due;
        while ((due = due_at(run, run->scheduled_total)) <= run->now && due < plan->end_ns)
            run->senders[run->scheduled_total++ % plan->senders].scheduled++;
    }
    for (int i = 0; i < plan->senders; i++) fill(run, &run->senders[i]);
}

static int settled(struct run *run)
{
    uint64_t total = run->result->sent;
    return run->result->acked >= total && run->result->delivered >= total * run->plan.receivers;
}

static void wake_at(struct run *run, int64_t at)
{
    struct itimerspec when = {.it_value = {at / 1000000000LL, at % 1000000000LL}};
    timerfd_settime(run->timer, TFD_TIMER_ABSTIME, &when, 0);
}

static int64_t next_wake(struct run *run, int64_t sweep)
{
    const struct plan *plan = &run->plan;
    int64_t at = sweep, due;
    if (run->now < plan->start_ns) at = plan->start_ns < at ? plan->start_ns : at;
    else if (plan->rate > 0 && (due = due_at(run, run->scheduled_total)) < plan->end_ns && due < at) at = due;
    if (run->now < plan->begin_ns && plan->begin_ns < at) at = plan->begin_ns;
    if (run->now < plan->end_ns && plan->end_ns < at) at = plan->end_ns;
    return at;
}

static void sweep_acks(struct run *run)
{
    if (run->plan.protocol != IMSERVER) return;
    for (int i = 0; i < run->plan.links; i++)
        if (run->links[i].received != run->links[i].told) put_ack(run, &run->links[i]);
}

static void loop(struct run *run)
{
    const struct plan *plan = &run->plan;
    struct result *result = run->result;
    struct epoll_event events[256];
    int64_t sweep = now_ns(CLOCK_MONOTONIC) + SWEEP_NS, cpu = 0, begun = 0, armed = 0;
    while (!result->error[0]) {
        run->now = now_ns(CLOCK_MONOTONIC);
        if (!begun && run->now >= plan->begin_ns) { begun = run->now; cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID); }
        if (!run->ended && run->now >= plan->end_ns) {
            schedule(run);                       /* due messages; those that windows still hold back are never sent */
            run->ended = 1;
            if (plan->rate > 0) result->unsent = run->scheduled_total - result->sent;
            result->cpu_s = (now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e9;
            result->wall_s = (run->now - begun) / 1e9;
        }
        if (run->ended && (settled(run) || run->now >= plan->end_ns + plan->settle_ns)) break;
        if (run->now >= sweep) { sweep_acks(run); sweep = run->now + SWEEP_NS; }
        schedule(run);
        for (int i = 0; i < run->dirty_count; i++) { run->dirty[i]->dirty = 0; flush(run, run->dirty[i]); }
        run->dirty_count = 0;
        int64_t wake = next_wake(run, sweep);
        if (wake != armed) wake_at(run, armed = wake);
        int count = epoll_wait(run->epoll, events, 256, 1000);
        run->now = now_ns(CLOCK_MONOTONIC);
        for (int i = 0; i < count; i++) {
            struct link *link = events[i].data.ptr;
            if (!link) {
                uint64_t ticks;
                if (read(run->timer, &ticks, sizeof ticks) > 0) armed = 0;
                continue;
            }
            if (events[i].events & EPOLLOUT && !link->dirty) { link->dirty = 1; run->dirty[run->dirty_count++] = link; }
            if (events[i].events & ~EPOLLOUT) receive(run, link);
        }
    }
}

static int prepare(struct run *run, const struct plan *plan, const struct link_spec *specs, struct result *result)
{
    run->plan = *plan;
    run->result = result;
    run->links = calloc(plan->links, sizeof *run->links);
    run->dirty = calloc(plan->links, sizeof *run->dirty);
    run->senders = calloc(plan->senders, sizeof *run->senders);
    run->buffer = malloc(run->buffer_room = READ_BYTES + 1);
    if (!run->links || !run->dirty || !run->senders || !run->buffer) return 0;
    for (int i = 0; i < plan->senders; i++) {
        run->senders[i].due = calloc(RING, sizeof(int64_t));
        run->senders[i].seen_by = calloc(RING, sizeof(uint32_t));
        if (!run->senders[i].due || !run->senders[i].seen_by) return 0;
    }
    for (int i = 0; i < plan->links; i++) {
        struct link *link = &run->links[i];
        link->spec = specs[i];
        link->sender = &run->senders[specs[i].sender];
        if (specs[i].is_sender) link->sender->link = link;
        else if (!(link->seen = calloc(RING / 8, 1))) return 0;
    }
    return 1;
}

static void release(struct run *run)
{
    for (int i = 0; run->links && i < run->plan.links; i++) {
        free(run->links[i].out); free(run->links[i].rest); free(run->links[i].seen);
    }
    for (int i = 0; run->senders && i < run->plan.senders; i++) { free(run->senders[i].due); free(run->senders[i].seen_by); }
    free(run->links); free(run->dirty); free(run->senders); free(run->buffer);
}

int hot_run(const struct plan *plan, const struct link_spec *specs, struct result *result)
{
    struct run run = {0};
    if (!prepare(&run, plan, specs, result)) return -1;
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    run.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = 0};
    epoll_ctl(run.epoll, EPOLL_CTL_ADD, run.timer, &event);
    for (int i = 0; i < plan->links; i++) {
        event.data.ptr = &run.links[i];
        epoll_ctl(run.epoll, EPOLL_CTL_ADD, run.links[i].spec.fd, &event);
        if (run.links[i].spec.next_bytes) put(&run, &run.links[i], run.links[i].spec.next, run.links[i].spec.next_bytes);
    }
    loop(&run);
    close(run.timer);
    close(run.epoll);
    release(&run);
    return 0;
}

/* For tests: the parser's events in these bytes (pairs of kind and index), its answer, and how far it came. */
int64_t hot_parse(const struct plan *plan, const struct link_spec *spec, struct result *result, const uint8_t *bytes,
                  int64_t count, uint64_t *events, int64_t *max_events, uint8_t *out, int64_t *max_out)
{
    struct run run = {0};
    if (!prepare(&run, plan, spec, result)) return -1;
    uint8_t *copy = malloc(count + 1);
    memcpy(copy, bytes, count);
    copy[count] = 0;
    run.events = events;
    run.max_events = *max_events;
    int64_t done = parse(&run, &run.links[0], copy, count);
    *max_events = run.event_count;
    if ((int64_t)run.links[0].out_bytes < *max_out) *max_out = run.links[0].out_bytes;
    memcpy(out, run.links[0].out, *max_out);
    free(copy);
    release(&run);
    return done;
}

/* For tests: the frame with this index. */
void hot_frame(const struct plan *plan, const struct link_spec *spec, struct result *result, uint32_t seq, uint32_t received,
               uint64_t index, uint8_t *out)
{
    struct run run = {0};
    if (!prepare(&run, plan, spec, result)) return;
    run.links[0].seq = seq - 1;
    run.links[0].received = received;
    put_frame(&run, &run.links[0], index);
    memcpy(out, run.links[0].out, spec->frame_bytes);
    release(&run);
}
