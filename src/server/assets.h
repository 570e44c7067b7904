/* The page's files, embedded in the program, each plain and compressed. */
#ifndef NETWATCH_SERVER_ASSETS_H
#define NETWATCH_SERVER_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

#include "server/etag.h"

#define ASSETS 4

struct asset_body {
        const unsigned char *at;
        size_t length;
        char etag[ETAG_BYTES]; /* from a hash of the content */
};

struct asset {
        const char *path;
        const char *type; /* Content-Type */
        struct asset_body plain, gzip;
};

struct assets {
        struct asset list[ASSETS];
};

void assets_init(struct assets *assets);

/* NULL where no file has that path; "/" is the page. */
const struct asset *assets_find(const struct assets *assets, const char *path);

/* Whether an Accept-Encoding header (may be NULL) takes gzip. */
bool assets_takes_gzip(const char *accept_encoding);

#endif
