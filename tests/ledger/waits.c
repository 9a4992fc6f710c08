/* Waits that follow a stepped clock, as the kernel's do.
 *
 * librdkafka waits through C11's cnd_timedwait until a moment of the wall clock. faketime steps the
 * clock that a process reads, but does not know this call, so its waits would end by another clock
 * than the one they were reckoned by: for hours after a step ahead, which no real step does. This
 * stands in front of the C library's: it looks at the stepped clock every few milliseconds, and so
 * ends at once when the clock is set ahead, and only by a signal or hours later when it is set back.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>

#define LOOK_NANOS 20000000L

int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex, const struct timespec *restrict until)
{
    for (;;) {
        struct timeval wall;
        struct timespec look;
        gettimeofday(&wall, NULL);
        if (wall.tv_sec > until->tv_sec ||
            (wall.tv_sec == until->tv_sec && wall.tv_usec * 1000L >= until->tv_nsec))
            return thrd_timedout;
        clock_gettime(CLOCK_MONOTONIC, &look);
        look.tv_nsec += LOOK_NANOS;
        if (look.tv_nsec >= 1000000000L) {
            look.tv_sec += 1;
            look.tv_nsec -= 1000000000L;
        }
        /* In glibc the C11 types are the POSIX ones under another name. */
        switch (pthread_cond_clockwait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex,
                                       CLOCK_MONOTONIC, &look)) {
        case 0:
            return thrd_success;
        case ETIMEDOUT:
            break;
        default:
            return thrd_error;
        }
    }
}
