/*
 * http.h: the HTTP/1.1 of the load: the fields a browser sends, and the reading of responses:
 * status, framing, length of the body.
 *
 * Bytes are taken as they come; body bytes are counted, not looked at.
 */
#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

#include "common.h"

static const char browser_headers[] =
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36\r\n"
    "Accept: "
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: http://www.example.com/catalogue/index.html\r\n"
    "Cookie: session=4b2f6d0c9a8e41f7b5c3d2e1f0a9b8c7; theme=light\r\n"
    "Cache-Control: max-age=0\r\n";

enum { HEAD_MAX = 4096 };

enum body { BODY_LENGTH, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER };

struct reply {
    bool in_body, bad_status, server_closes;
    enum body body;
    uint64_t left, body_bytes; /* left: of the body, or of the chunk at hand */
    unsigned line_len;         /* of the chunk-size or trailer line read so far */
    size_t head_len;
    char head[HEAD_MAX];
};

/* Reads the complete head; false when the response is wrong. */
static inline bool reply_head(struct reply *r, const char *head, size_t len)
{
    const char *stop = head + len;
    bool framed = false;
    if (len < 12 || memcmp(head, "HTTP/1.", 7) != 0 || memcmp(head + 9, "200", 3) != 0) {
        r->bad_status = true;
        return false;
    }
    r->in_body = true;
    r->body_bytes = 0;
    r->line_len = 0;
    for (const char *line = memchr(head, '\n', len); line && ++line < stop;
         line = memchr(line, '\n', (size_t)(stop - line))) {
        if (strncasecmp(line, "content-length:", 15) == 0) {
            r->body = BODY_LENGTH;
            r->left = strtoull(line + 15, NULL, 10);
            framed = true;
        } else if (strncasecmp(line, "transfer-encoding: chunked", 26) == 0) {
            r->body = CHUNK_SIZE;
            r->left = 0;
            framed = true;
        } else if (strncasecmp(line, "connection: close", 17) == 0) {
            r->server_closes = true;
        }
    }
    return framed;
}

/* Takes body bytes; 1 when the body is complete, 0 for more, -1 when it is wrong. */
static inline int reply_body(struct reply *r, const char *data, size_t len)
{
    for (;;) {
        if (r->body == BODY_LENGTH || r->body == CHUNK_DATA) {
            size_t part = len < r->left ? len : r->left;
            r->left -= part, r->body_bytes += part, data += part, len -= part;
            if (r->left)
                return 0;
            if (r->body == BODY_LENGTH)
                return len ? -1 : 1;
            r->body = CHUNK_END;
        }
        if (!len)
            return 0;
        char byte = *data++;
        len--;
        if (r->body == CHUNK_SIZE && byte != '\n') {
            int digit = byte >= '0' && byte <= '9'                 ? byte - '0'
                        : (byte | 32) >= 'a' && (byte | 32) <= 'f' ? (byte | 32) - 'a' + 10
                                                                   : -1;
            if (digit >= 0)
                r->left = r->left * 16 + (unsigned)digit;
            else if (byte != '\r')
                return -1;
        } else if (r->body == CHUNK_SIZE) {
            r->body = r->left ? CHUNK_DATA : TRAILER;
            r->line_len = 0;
        } else if (r->body == CHUNK_END && byte == '\n') {
            r->body = CHUNK_SIZE;
        } else if (r->body == TRAILER && byte == '\n') {
            if (!r->line_len)
                return len ? -1 : 1;
            r->line_len = 0;
        } else if (r->body == TRAILER && byte != '\r') {
            r->line_len++;
        }
    }
}

/* Takes received bytes; 1 when the response is complete, 0 for more, -1 when it is wrong. */
static inline int reply_take(struct reply *r, const char *data, size_t len)
{
    if (r->in_body)
        return reply_body(r, data, len);
    const char *head = data;
    size_t old = r->head_len, all = len;
    if (old) { /* a head in pieces: put it together */
        all = len < HEAD_MAX - old ? len : HEAD_MAX - old;
        memcpy(r->head + old, data, all);
        head = r->head;
        all += old;
    }
    const char *stop = memmem(head, all, "\r\n\r\n", 4);
    if (!stop) {
        if (all >= HEAD_MAX)
            return -1;
        if (!old)
            memcpy(r->head, data, all);
        r->head_len = all;
        return 0;
    }
    size_t head_len = (size_t)(stop + 4 - head);
    if (!reply_head(r, head, head_len))
        return -1;
    return reply_body(r, data + (head_len - old), len - (head_len - old));
}

#endif
