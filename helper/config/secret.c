/* SPDX-License-Identifier: MIT */
/* secret - read files that hold secrets, keys and assertions */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/config/file.h"
#include "helper/config/secret.h"

int
secret_parse(
    const char *buf, size_t len, int lines, char **ret, char why[FILE_WHY])
{
	const char *wrong = NULL;
	char *secret;

	if (!lines && len > 0 && buf[len - 1] == '\n')
		len--;
	if (len == 0)
		wrong = "is empty";
	else if (lines && memchr(buf, '\0', len))
		wrong = "is not text";
	else if (!lines && !util_text_valid(buf, len))
		wrong = "holds more than one line of text";
	if (wrong) {
		snprintf(why, FILE_WHY, "%s", wrong);
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
read_text(int fd, size_t max, int lines, char **ret, char why[FILE_WHY])
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
		r = secret_parse(buf, len, lines, ret, why);
	util_wipe(buf, len);
	free(buf);
	return r;
}

int
secret_credential(
    const char *setting, const char *name, char *buf, char why[CONF_TEXT_MAX])
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	int n;

	if (!dir) {
		snprintf(why, CONF_TEXT_MAX,
		    "%s needs a start by systemd, with LoadCredential= in the "
		    "unit",
		    setting);
		return -ENXIO;
	}
	n = snprintf(buf, PATH_MAX, "%s/%s", dir, name);
	if (n >= 0 && n < PATH_MAX)
		return 0;
	snprintf(why, CONF_TEXT_MAX,
	    "the path of credential \"%.200s\" is too long", name);
	return -ENAMETOOLONG;
}

int
secret_open(const char *path, int is_public, char why[CONF_TEXT_MAX])
{
	char reason[FILE_WHY];
	struct stat st;
	int fd, r = 0;

	fd = file_open(path, &st, reason);
	if (fd >= 0)
		r = is_public ? file_check_writers(path, &st, reason)
			      : file_check_readers(path, &st, reason);
	if (fd >= 0 && r == 0)
		return fd;
	snprintf(why, CONF_TEXT_MAX, "%.400s: %s%s", path, reason,
	    fd == -EACCES ? "; its group must be the helper's, and its mode 640"
			  : "");
	if (fd < 0)
		return fd;
	close(fd);
	return r;
}

static int
read_file(const char *path, size_t max, int lines, char **ret,
    char why[CONF_TEXT_MAX])
{
	char reason[FILE_WHY];
	int fd, r;

	fd = secret_open(path, 0, why);
	if (fd < 0)
		return fd;
	r = read_text(fd, max, lines, ret, reason);
	if (r < 0)
		snprintf(why, CONF_TEXT_MAX, "%.400s: %s", path, reason);
	close(fd);
	return r;
}

int
secret_read(const char *path, size_t max, char **ret, char why[CONF_TEXT_MAX])
{
	return read_file(path, max, 0, ret, why);
}

int
secret_read_lines(
    const char *path, size_t max, char **ret, char why[CONF_TEXT_MAX])
{
	return read_file(path, max, 1, ret, why);
}

int
assertion_read(const char *path, char **ret, char why[CONF_TEXT_MAX])
{
	char real[PATH_MAX], reason[FILE_WHY], text[64];
	int fd, r;

	if (!realpath(path, real)) {
		r = -errno;
		snprintf(why, CONF_TEXT_MAX, "%.400s: cannot open: %s", path,
		    err_text(r, text, sizeof(text)));
		return r;
	}
	fd = secret_open(real, 1, why);
	if (fd < 0)
		return fd;
	r = read_text(fd, TOKEN_MAX, 0, ret, reason);
	if (r < 0)
		snprintf(why, CONF_TEXT_MAX, "%.400s: %s", path, reason);
	close(fd);
	return r;
}
