/* SPDX-License-Identifier: MIT */
/* secret - read a file that holds a secret */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/config/file.h"
#include "helper/config/settings.h"

/* What was read, checked and cut: on the heap, exactly as long as needed. */
static int
finish(const char *buf, size_t len, char **ret, char why[FILE_WHY])
{
	char *secret;

	if (len > 0 && buf[len - 1] == '\n')
		len--;
	if (len == 0 || !util_text_valid(buf, len)) {
		snprintf(why, FILE_WHY, "%s",
		    len == 0 ? "is empty" : "holds more than one line of text");
		return -EINVAL;
	}
	secret = strndup(buf, len);
	if (!secret) {
		snprintf(why, FILE_WHY, "out of memory");
		return -ENOMEM;
	}
	*ret = secret;
	return 0;
}

/* Read what an open descriptor has, at most max bytes and a line feed. */
static int
read_secret(int fd, size_t max, char **ret, char why[FILE_WHY])
{
	char text[64], *buf = malloc(max + 1);
	size_t len = 0;
	int r = -ENOMEM;

	if (buf)
		r = util_read_all(fd, buf, max + 1, &len);
	if (r == 0 && len > max && buf[max] != '\n')
		r = -ERR_TOOBIG;
	if (r == -ERR_TOOBIG)
		snprintf(why, FILE_WHY, "longer than %zu bytes", max);
	else if (r < 0)
		snprintf(why, FILE_WHY, "cannot read: %s",
		    err_text(r, text, sizeof(text)));
	else
		r = finish(buf, len, ret, why);
	util_wipe(buf, len);
	free(buf);
	return r;
}

int
secret_read(const char *path, size_t max, char **ret, char why[CONF_TEXT_MAX])
{
	char reason[FILE_WHY];
	struct stat st;
	int fd, r;

	fd = r = file_open(path, &st, reason);
	if (fd >= 0) {
		r = file_check_readers(path, &st, reason);
		if (r == 0)
			r = read_secret(fd, max, ret, reason);
		close(fd);
	}
	if (r < 0)
		snprintf(why, CONF_TEXT_MAX, "%.400s: %s%s", path, reason,
		    fd == -EACCES ? "; its group must be the helper's, and "
				    "its mode 640"
				  : "");
	return r;
}
