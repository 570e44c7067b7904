#include "server/assets.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Placed by embed.sh. */
#define EMBEDDED(name) extern const unsigned char asset_##name[], asset_##name##_end[]
EMBEDDED(index_html);
EMBEDDED(app_js);
EMBEDDED(app_css);
EMBEDDED(icon_svg);
EMBEDDED(index_html_gz);
EMBEDDED(app_js_gz);
EMBEDDED(app_css_gz);
EMBEDDED(icon_svg_gz);

static struct asset_body body_of(const unsigned char *at, const unsigned char *end) {
        struct asset_body body = {.at = at, .length = (size_t)(end - at)};
        etag_of(body.etag, at, body.length);
        return body;
}

#define ASSET(url, content_type, name)                                                                     \
        {                                                                                                  \
                .path = (url), .type = (content_type), .plain = body_of(asset_##name, asset_##name##_end), \
                .gzip = body_of(asset_##name##_gz, asset_##name##_gz_end)                                  \
        }

void assets_init(struct assets *assets) {
        *assets = (struct assets){{
                ASSET("/", "text/html; charset=utf-8", index_html),
                ASSET("/app.js", "text/javascript; charset=utf-8", app_js),
                ASSET("/app.css", "text/css; charset=utf-8", app_css),
                ASSET("/icon.svg", "image/svg+xml", icon_svg),
        }};
}

const struct asset *assets_find(const struct assets *assets, const char *path) {
        if (!strcmp(path, "/index.html"))
                path = "/";
        for (unsigned i = 0; i < ASSETS; i++)
                if (!strcmp(assets->list[i].path, path))
                        return &assets->list[i];
        return NULL;
}

/* "gzip;q=0" refuses it. RFC 9110, section 12.5.3. */
bool assets_takes_gzip(const char *accept_encoding) {
        for (const char *at = accept_encoding; at && *at; at += strcspn(at, ",")) {
                at += strspn(at, ", \t");
                size_t n = strcspn(at, ",; \t");
                if (n != 4 || strncasecmp(at, "gzip", 4) != 0)
                        continue;
                const char *weight = at + n + strspn(at + n, "; \t");
                return strncasecmp(weight, "q=", 2) != 0 || strtod(weight + 2, NULL) > 0;
        }
        return false;
}
