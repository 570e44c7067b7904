#include "stop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

static int signals_fd = -1;

int stop_init(struct error *error) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        (void)signal(SIGPIPE, SIG_IGN);
        if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
                return error_set(error, -errno, "cannot block signals: %s", strerror(errno));
        signals_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signals_fd < 0)
                return error_set(error, -errno, "cannot make a signalfd: %s", strerror(errno));
        return 0;
}

int stop_fd(void) {
        return signals_fd;
}
