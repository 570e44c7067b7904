/* The HTTP loop never waits for a piece, and never makes one: where it has sent the last, it suspends the
 * connection, and a query thread makes the next and resumes it. A client that does not read costs one
 * piece, until its time is up. What breaks off is seen to: the last chunk never comes. */
#include "server/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define PIECE_PHASE_NS (30 * NS_PER_S)
#define WHOLE_NS (600 * NS_PER_S)
#define COPY_BYTES ((size_t)16 * 1024)

struct stream {
        struct pool_job job; /* first */
        struct request *request;
        struct reply_source *source;
        struct text piece;
        size_t sent; /* of the piece */
        bool more, failed;
        int64_t until_ns;
};

static void make_piece(struct pool_job *job) {
        struct stream *stream = (struct stream *)job;
        stream->piece.length = stream->sent = 0;
        struct server *server = stream->request->server;
        if (atomic_load(&server->stopping))
                stream->failed = true;
        else
                stream->more = stream->source->next(stream->source, &stream->piece);
        stream->failed |= stream->piece.failed;
        http_loop_resume(&server->http_loop, stream->request->http);
}

static void suspend(struct pool_job *job) {
        MHD_suspend_connection(((struct stream *)job)->request->http);
}

static void allow_time(struct stream *stream) {
        struct request *request = stream->request;
        if (request->connection)
                connections_set_phase(&request->server->connections, request->connection, PIECE_PHASE_NS);
}

static ssize_t read_stream(void *cls, uint64_t position, char *to, size_t max) {
        struct stream *stream = cls;
        (void)position;
        if (stream->failed || clock_boot_ns() > stream->until_ns)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        size_t left = stream->piece.length - stream->sent;
        if (left) {
                size_t n = left < max ? left : max;
                memcpy(to, stream->piece.at + stream->sent, n);
                stream->sent += n;
                return (ssize_t)n;
        }
        if (!stream->more)
                return MHD_CONTENT_READER_END_OF_STREAM;
        allow_time(stream);
        return pool_go_on(stream->request->server->pool, &stream->job, suspend) ? 0 : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void free_stream(void *cls) {
        struct stream *stream = cls;
        text_fini(&stream->piece);
        stream->source->free(stream->source);
        free(stream);
}

struct MHD_Response *stream_response(struct request *request) {
        struct stream *stream = calloc(1, sizeof(*stream));
        if (!stream)
                return NULL;
        stream->job.run = make_piece;
        stream->request = request;
        stream->source = request->reply.source;
        stream->more = true;
        stream->until_ns = clock_boot_ns() + WHOLE_NS;
        struct MHD_Response *response =
                MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, COPY_BYTES, read_stream, stream, free_stream);
        if (!response)
                free(stream);
        return response;
}
