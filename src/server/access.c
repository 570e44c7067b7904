#include "server/access.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"

/* "name:port" in two; no port is "". */
struct authority {
        char host[256]; /* IPv6 without its brackets */
        char port[8];
        bool is_ip6;
};

static bool split_authority(const char *text, size_t length, struct authority *ret) {
        struct authority a = {0};
        const char *end = text + length, *host = text, *host_end;
        if (length && *text == '[') {
                a.is_ip6 = true;
                host = text + 1;
                host_end = memchr(host, ']', (size_t)(end - host));
                text = host_end ? host_end + 1 : end;
        } else {
                host_end = memchr(text, ':', length);
                if (!host_end)
                        host_end = end;
                text = host_end;
        }
        if (!host_end || host_end == host || (size_t)(host_end - host) >= sizeof(a.host))
                return false;
        memcpy(a.host, host, (size_t)(host_end - host));

        if (text < end) {
                size_t digits = (size_t)(end - text) - 1;
                uint64_t port;
                if (*text != ':' || digits >= sizeof(a.port))
                        return false;
                memcpy(a.port, text + 1, digits);
                if (digits && !parse_u64(a.port, 1, 65535, &port))
                        return false;
        }
        *ret = a;
        return true;
}

static bool is_ip(const struct authority *a) {
        uint8_t address[16];
        return inet_pton(a->is_ip6 ? AF_INET6 : AF_INET, a->host, address) == 1;
}

static bool is_own_name(const struct access_rules *rules, const char *host) {
        const char *own = rules->hostname ? rules->hostname : "";
        size_t label = strcspn(own, ".");
        return !strcasecmp(host, "localhost") || (*own && !strcasecmp(host, own)) ||
               (label && strlen(host) == label && !strncasecmp(host, own, label));
}

static bool is_allowed_name(const struct access_rules *rules, const char *host) {
        for (unsigned i = 0; i < rules->n_allow_hosts; i++)
                if (!strcasecmp(host, rules->allow_hosts[i]))
                        return true;
        return false;
}

bool access_host(const struct access_rules *rules, const char *host, struct problem *problem) {
        if (!host || !*host)
                return problem_set(problem, 400, NULL, "the request has no Host header");
        struct authority a;
        if (!split_authority(host, strlen(host), &a) || (a.is_ip6 && !is_ip(&a)))
                return problem_set(problem, 400, NULL, "the Host header is no name or address");
        if (is_ip(&a) || is_own_name(rules, a.host) || is_allowed_name(rules, a.host))
                return true;
        return problem_set(problem, 421, NULL, "this server does not answer under that name; see --allow-host");
}

/* "https://name:8443" → its authority, with the port spelled out. */
static bool split_origin(const char *origin, struct authority *ret) {
        bool tls = !strncasecmp(origin, "https://", 8);
        if (!tls && strncasecmp(origin, "http://", 7) != 0)
                return false;
        const char *text = origin + (tls ? 8 : 7);
        if (!split_authority(text, strlen(text), ret))
                return false;
        if (!ret->port[0])
                (void)snprintf(ret->port, sizeof(ret->port), "%s", tls ? "443" : "80");
        return true;
}

bool access_origin(const struct access_rules *rules, const char *origin, const char *host, struct problem *problem) {
        if (!origin)
                return true;
        struct authority theirs, ours;
        if (split_origin(origin, &theirs) && split_authority(host, strlen(host), &ours)) {
                /* a Host without a port was reached on its scheme's own one */
                bool same_port = ours.port[0] ? !strcmp(theirs.port, ours.port)
                                              : !strcmp(theirs.port, "80") || !strcmp(theirs.port, "443");
                if ((same_port && !strcasecmp(theirs.host, ours.host)) || is_allowed_name(rules, theirs.host))
                        return true;
        }
        return problem_set(problem, 403, NULL, "the page that asks comes from another origin");
}

/* Takes as long for a wrong token as for the right one. */
static bool equal_in_constant_time(const char *given, const char *secret) {
        size_t n_given = strlen(given), n_secret = strlen(secret);
        unsigned char differs = n_given != n_secret;
        for (size_t i = 0; i < n_given; i++)
                differs |= (unsigned char)(given[i] ^ secret[n_secret ? i % n_secret : 0]);
        return !differs;
}

bool access_is_token(const struct access_rules *rules, const char *text) {
        return rules->token && equal_in_constant_time(text, rules->token);
}

bool access_is_bearer(const char *authorization) {
        return authorization && !strncasecmp(authorization, "Bearer ", 7);
}

bool access_token(const struct access_rules *rules, const char *authorization, struct problem *problem) {
        if (!rules->token)
                return true;
        if (!access_is_bearer(authorization))
                return problem_set(problem, 401, NULL, "this path needs a token: Authorization: Bearer …");
        const char *given = authorization + 7;
        given += strspn(given, " ");
        if (!access_is_token(rules, given))
                return problem_set(problem, 401, NULL, "the token is not the right one");
        return true;
}
