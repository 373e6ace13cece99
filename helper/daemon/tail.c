/* SPDX-License-Identifier: MIT */
/* tail - the last line that a command writes */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "helper/daemon/tail.h"

#define READS_MAX 256 /* a pipe that is full, and then some */

int
tail_read(struct tail *t, int fd)
{
	char buf[sizeof(t->buf)];
	ssize_t n = read(fd, buf, sizeof(buf));
	size_t keep = sizeof(t->buf) - (n > 0 ? (size_t)n : 0);

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	if (keep > t->len)
		keep = t->len;
	memmove(t->buf, t->buf + t->len - keep, keep);
	memcpy(t->buf + keep, buf, (size_t)n);
	t->len = keep + (size_t)n;
	return 1;
}

void
tail_line(struct tail *t, int fd, char *ret, size_t size)
{
	size_t begin, end;
	int i;

	/* not for ever: what the command started may go on writing */
	for (i = 0; i < READS_MAX && tail_read(t, fd) > 0; i++)
		;
	end = t->len;
	while (end > 0 && strchr("\r\n", t->buf[end - 1]))
		end--;
	begin = end;
	while (begin > 0 && t->buf[begin - 1] != '\n')
		begin--;
	util_sanitise(ret, size, t->buf + begin, end - begin);
}
