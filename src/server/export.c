/* An export is one result, of one tick, that is held while its rows are sent in slices.
 *
 * It is whole or it is not given: where there are more rows than the memory for exports holds, the
 * answer is a problem that says so, not a file that breaks off. `limit` asks for the first ones only. Rows that
 * are held are taken from a common stock, which also bounds how many exports there can be. */
#include "server/export.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "server/flow_answer.h"
#include "server/internal.h"

#define SLICE_BYTES ((size_t)128 * 1024)
#define ROWS_OF_A_SLICE 2000u /* what an export costs beside its rows */

struct export {
        struct reply_source source; /* first */
        struct server *server;
        struct pin *pin;
        size_t held; /* of server->export_rows_free */
        size_t next_row;
        bool begun;
        struct render_names names; /* of the tick that is sent */
};

size_t export_rows_within(uint64_t bytes) {
        return (size_t)(bytes / sizeof(struct flow_row));
}

/* ---- the stock of rows -------------------------------------------------------------- */

/* All that is left, since nobody knows yet how many there will be; 0 where it is too little for anything. */
static size_t take_rows(struct server *server) {
        size_t left = atomic_exchange(&server->export_rows_free, 0);
        if (left > ROWS_OF_A_SLICE)
                return left;
        atomic_fetch_add(&server->export_rows_free, left);
        return 0;
}

static void give_back(struct server *server, size_t rows) {
        atomic_fetch_add(&server->export_rows_free, rows);
}

/* ---- slices ------------------------------------------------------------------------- */

static json_t *row_at(const struct export *export, size_t i) {
        static const struct flow_row nothing;
        const struct flow_row *row = i < export->pin->result.n_rows ? &export->pin->result.rows[i] : &nothing;
        return render_flow(row, &export->names);
}

static void write_row(struct export *export, struct text *piece) {
        size_t i = export->next_row++;
        if (export->pin->request.format == FLOW_FORMAT_CSV) {
                text_csv(piece, row_at(export, i), false);
                return;
        }
        if (i)
                text_add(piece, ",", 1);
        text_json(piece, row_at(export, i));
}

static void write_head(struct export *export, struct text *piece) {
        if (export->pin->request.format == FLOW_FORMAT_CSV)
                text_csv(piece, row_at(export, SIZE_MAX), true);
        else
                flow_answer_begin(export->server, export->pin, piece);
}

static void write_foot(struct export *export, struct text *piece) {
        if (export->pin->request.format == FLOW_FORMAT_CSV)
                return;
        flow_answer_sum_up(export->pin, piece);
        text_printf(piece, ",\"next\":null}");
}

static bool next_slice(struct reply_source *source, struct text *piece) {
        struct export *export = (struct export *)source;
        size_t n_rows = export->pin->result.n_rows;
        if (!export->begun)
                write_head(export, piece);
        export->begun = true;
        while (export->next_row < n_rows && piece->length < SLICE_BYTES && !piece->failed)
                write_row(export, piece);
        if (export->next_row < n_rows)
                return true;
        write_foot(export, piece);
        return false;
}

static void free_export(struct reply_source *source) {
        struct export *export = (struct export *)source;
        give_back(export->server, export->held);
        pins_unref(export->server->pins, export->pin);
        free(export);
}

/* ---- opening ------------------------------------------------------------------------ */

/* Fewer rows than were asked for: for good, or because others hold theirs. */
static bool is_too_much(const struct export *export, struct problem *problem) {
        const struct flow_request *request = &export->pin->request;
        uint64_t wanted = export->pin->result.matched;
        if (request->limit && request->limit < wanted)
                wanted = request->limit;
        if (export->pin->result.n_rows >= wanted)
                return false;
        size_t most = export->server->export_rows_max - ROWS_OF_A_SLICE;
        if (wanted > most)
                problem_set(problem, 400, "format",
                            "%llu flows match, and an export holds %zu: filter them, or take the first ones with "
                            "limit; more fit with a higher --memory",
                            (unsigned long long)wanted, most);
        else
                problem_set(problem, 503, NULL, "other exports are under way");
        return true;
}

static bool fill(struct export *export, const struct route_call *call, const struct flow_request *request,
                 struct problem *problem) {
        size_t rows_max = export->held - ROWS_OF_A_SLICE;
        if (request->limit && request->limit < rows_max)
                rows_max = request->limit;
        export->pin = flow_answer_ask(call, request, rows_max, problem);
        if (!export->pin || is_too_much(export, problem))
                return false;
        size_t used = export->pin->result.n_rows + ROWS_OF_A_SLICE;
        give_back(export->server, export->held - used);
        export->held = used;
        return true;
}

/* "netwatch-flows-20260131T120000Z.csv": the time that the rows are of. */
static void set_name(const struct export *export, struct reply *reply) {
        bool csv = export->pin->request.format == FLOW_FORMAT_CSV;
        time_t asof = (time_t)(export->pin->result.asof_ms / MS_PER_S);
        struct tm utc;
        char text[32];
        gmtime_r(&asof, &utc);
        (void)strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &utc);
        (void)snprintf(reply->disposition, sizeof(reply->disposition), "attachment; filename=\"netwatch-flows-%s.%s\"",
                       text, csv ? "csv" : "json");
        reply->type = csv ? "text/csv; charset=utf-8; header=present" : "application/json";
}

bool export_open(const struct route_call *call, struct reply *reply, struct problem *problem) {
        struct flow_request request = flow_request_default();
        struct render_names names;
        server_names(call->server, &names);
        if (!flow_answer_parse(call, false, &request, problem))
                return false;
        struct export *export = calloc(1, sizeof(*export));
        if (!export) {
                flow_filter_fini(&request.filter);
                return problem_set(problem, 503, NULL, "out of memory");
        }
        export->names = names;
        export->source = (struct reply_source){.next = next_slice, .free = free_export};
        export->server = call->server;
        export->held = take_rows(call->server);
        if (!export->held) {
                flow_filter_fini(&request.filter);
                problem_set(problem, 503, NULL, "other exports are under way");
        }
        if (!export->held || !fill(export, call, &request, problem)) {
                free_export(&export->source);
                return false;
        }
        set_name(export, reply);
        reply->source = &export->source;
        return true;
}
