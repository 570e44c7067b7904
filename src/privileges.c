/* The order matters: the bounding set needs CAP_SETPCAP, so it goes first; groups need
 * CAP_SETGID, so they go before the user id; the user id takes root's capabilities along.
 * The last sweep is for those who came with file or ambient capabilities instead of root.
 * Started without CAP_SETPCAP, the bounding set stays as it was: no_new_privs makes it idle.
 *
 * A ring that was opened before stays usable: the kernel asks for CAP_NET_RAW at socket(2) only. */
#include "privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/parse.h"

struct identity {
        uid_t uid;
        gid_t gid;
};

static bool identity_of(const struct passwd *user, struct identity *ret) {
        if (!user)
                return false;
        *ret = (struct identity){.uid = user->pw_uid, .gid = user->pw_gid};
        return true;
}

/* Who called sudo, unless that was root itself. */
static bool find_sudo_caller(struct identity *ret) {
        const char *text = getenv("SUDO_UID");
        uint64_t uid;
        return text && parse_u64(text, 1, UINT32_MAX - 1, &uid) && identity_of(getpwuid((uid_t)uid), ret);
}

static int find_target(const char *user, struct identity *ret, struct error *error) {
        if (user && !identity_of(getpwnam(user), ret))
                return error_set(error, -ENOENT, "--user: there is no user %s", user);
        if (!user && !identity_of(getpwnam("netwatch"), ret) && !find_sudo_caller(ret) &&
            !identity_of(getpwnam("nobody"), ret))
                return error_set(error, -ENOENT, "there is neither a user netwatch nor nobody to become; give --user");
        if (!ret->uid)
                return error_set(error, -EINVAL, "--user: %s is root; name an ordinary user", user ? user : "netwatch");
        return 0;
}

static int become(const struct identity *target, struct error *error) {
        if (setgroups(0, NULL) < 0 || setresgid(target->gid, target->gid, target->gid) < 0 ||
            setresuid(target->uid, target->uid, target->uid) < 0) {
                int code = -errno;
                return error_set(error, code, "cannot become user %u: %s", (unsigned)target->uid, strerror(-code));
        }
        return 0;
}

/* The named user must be the one that we are. */
static int stay(const char *user, struct error *error) {
        struct identity named;

        if (!user)
                return 0;
        if (!identity_of(getpwnam(user), &named))
                return error_set(error, -ENOENT, "--user: there is no user %s", user);
        if (named.uid != getuid())
                return error_set(error, -EPERM, "--user: only root can become %s", user);
        return 0;
}

static int drop_bounding_set(struct error *error) {
        capng_clear(CAPNG_SELECT_BOTH);
        if (capng_get_caps_process() < 0)
                return error_set(error, -EPERM, "cannot read the capabilities of this process");
        if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
                return 0;
        capng_clear(CAPNG_SELECT_BOUNDS);
        if (capng_apply(CAPNG_SELECT_BOUNDS) < 0)
                return error_set(error, -EPERM, "cannot empty the capability bounding set");
        return 0;
}

static int drop_capabilities(struct error *error) {
        capng_clear(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT);
        if (capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT) < 0)
                return error_set(error, -EPERM, "cannot give up the capabilities");
        return 0;
}

static int check_that_nothing_is_left(struct error *error) {
        if (setresuid(0, 0, 0) == 0)
                return error_set(error, -EPERM, "root could be had back after giving it up");
        if (capng_get_caps_process() < 0 || capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
                return error_set(error, -EPERM, "capabilities are left after giving them up");
        return 0;
}

int privileges_drop(const char *user, struct error *error) {
        struct identity target = {.uid = getuid(), .gid = getgid()};
        bool root = !geteuid() || !getuid();
        int r;

        if ((r = root ? find_target(user, &target, error) : stay(user, error)) < 0)
                return r;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
                r = -errno;
                return error_set(error, r, "cannot set no_new_privs: %s", strerror(-r));
        }
        if ((r = drop_bounding_set(error)) < 0 || (root && (r = become(&target, error)) < 0) ||
            (r = drop_capabilities(error)) < 0 || (r = check_that_nothing_is_left(error)) < 0)
                return r;
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
                r = -errno;
                return error_set(error, r, "cannot forbid core dumps: %s", strerror(-r));
        }
        return 0;
}

int privileges_explain_capture(struct error *error) {
        char binary[256];
        ssize_t n = readlink("/proc/self/exe", binary, sizeof(binary) - 1);
        binary[n > 0 ? n : 0] = '\0';

        if (!geteuid())
                return error_set(error, -EPERM,
                                 "capturing needs CAP_NET_RAW, which root does not have here: give it "
                                 "to the container or unit that netwatchd runs in");
        return error_set(error, -EPERM,
                         "capturing needs CAP_NET_RAW: run 'sudo setcap cap_net_raw+ep %s' once, or start the systemd "
                         "unit netwatchd.service, or start with sudo",
                         n > 0 ? binary : "netwatchd");
}
