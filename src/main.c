/* Wiring: options → open → drop privileges → start → wait → stop in reverse. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "capture/capture.h"
#include "live.h"
#include "options.h"
#include "replay.h"
#include "report.h"
#include "stop.h"

enum {
        EXIT_RUNTIME = 1,
        EXIT_USAGE = 2,
};

static int fail(const struct error *error, int status) {
        log_error("%s", error->text);
        return status;
}

/* What was asked for has been printed: on a full disk it has not. */
static int end_of_output(struct error *error) {
        if (fflush(stdout) == 0 && !ferror(stdout))
                return 0;
        int code = errno ? -errno : -EIO;
        return error_set(error, code, "cannot write: %s", strerror(-code));
}

static int print(const char *text, struct error *error) {
        (void)fputs(text, stdout);
        return end_of_output(error);
}

static void print_iface(const struct iface_info *info, void *context) {
        (void)context;
        (void)printf("%-15s  %-4s  %-8s", info->name, info->up ? "up" : "down", info->link);
        if (info->speed_bps > 0)
                (void)printf("  %lld Mbit/s", (long long)(info->speed_bps / 1000000));
        (void)printf("\n");
}

static int list_ifaces(struct error *error) {
        int r = iface_list(print_iface, NULL);
        return r < 0 ? error_set(error, r, "cannot list the interfaces") : end_of_output(error);
}

/* What a failure amounts to for whoever called: bad usage, or a failure at run time. */
static int status_of(int r) {
        return r == 0 ? EXIT_SUCCESS : r == -EINVAL ? EXIT_USAGE : EXIT_RUNTIME;
}

/* Whoever starts us with standard input, output or error closed would have the first sockets take
 * their numbers, and what we print go into them. */
static void occupy_standard_fds(void) {
        int fd;
        do
                fd = open("/dev/null", O_RDWR);
        while (fd >= 0 && fd <= STDERR_FILENO);
        if (fd >= 0)
                close(fd);
}

int main(int argc, char **argv) {
        occupy_standard_fds();
        struct error error = {.text = ""};
        struct options options;
        if (options_parse(argc, argv, &options, &error) < 0)
                return fail(&error, EXIT_USAGE);
        log_set_level(options.log_level);

        int r = 0;
        switch (options.action) {
        case OPTIONS_HELP: r = print(options_help(), &error); break;
        case OPTIONS_VERSION: r = print("netwatchd " NETWATCH_VERSION "\n", &error); break;
        case OPTIONS_LIST_IFACES: r = list_ifaces(&error); break;
        case OPTIONS_READ:
                r = stop_init(&error);
                if (r == 0)
                        r = replay_run(&options, &error);
                break;
        case OPTIONS_REPORT:
                r = stop_init(&error);
                if (r == 0)
                        r = report_run(&options, &error);
                break;
        case OPTIONS_RUN:
                r = stop_init(&error);
                if (r == 0)
                        r = live_run(&options, &error);
                break;
        }
        if (r < 0 && *error.text)
                return fail(&error, status_of(r));
        return status_of(r);
}
