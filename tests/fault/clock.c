/* SPDX-License-Identifier: MIT */
/*
 * clock - a preload: clocks that a test sets while a program runs
 *
 * LD_PRELOAD this and let CLOCK_FILE name a file of three int64_t, seconds that
 * are added to CLOCK_REALTIME, CLOCK_MONOTONIC and CLOCK_BOOTTIME. The file is
 * mapped once, so that no sandbox is in the way later.
 */
#include "config.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct offsets {
	int64_t realtime, monotonic, boottime;
};

static const volatile struct offsets *offsets;
static int (*real)(clockid_t clock, struct timespec *ts);

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("CLOCK_FILE");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = MAP_FAILED, *symbol = dlsym(RTLD_NEXT, "clock_gettime");

	if (fd >= 0)
		map =
		    mmap(NULL, sizeof(*offsets), PROT_READ, MAP_SHARED, fd, 0);
	if (!symbol || map == MAP_FAILED)
		abort();
	*(void **)&real = symbol;
	offsets = map;
	close(fd);
}

static int64_t
offset_of(clockid_t clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		return offsets->realtime;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_MONOTONIC_RAW:
		return offsets->monotonic;
	case CLOCK_BOOTTIME:
		return offsets->boottime;
	default:
		return 0;
	}
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	int r;

	if (!offsets)
		begin();
	r = real(clock, ts);
	if (r == 0)
		ts->tv_sec += offset_of(clock);
	return r;
}

time_t
time(time_t *ret)
{
	struct timespec ts = {0};

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}
