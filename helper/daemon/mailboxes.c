/* SPDX-License-Identifier: MIT */
/* mailboxes - the file that narrows an account for a whole domain */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/util.h"
#include "helper/config/file.h"
#include "helper/config/settings.h"
#include "helper/daemon/mailboxes.h"

#define FILE_SIZE_MAX (16 * 1024 * 1024)

static int
compare(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcasecmp(*x, *y);
}

static size_t
length(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* Read the whole file; *ret is terminated. */
static int
read_file(const char *path, char **ret, struct conf_errors *e)
{
	char why[FILE_WHY], text[64];
	struct stat st;
	size_t len = 0;
	int fd = file_open(path, &st, why), r = 0;

	if (fd < 0) {
		conf_error(e, path, 0, "%s", why);
		return fd;
	}
	if (st.st_size > FILE_SIZE_MAX)
		r = -EFBIG;
	*ret = r == 0 ? malloc((size_t)st.st_size + 2) : NULL;
	if (r == 0 && !*ret)
		r = -ENOMEM;
	if (r == 0)
		r = util_read_all(fd, *ret, (size_t)st.st_size + 1, &len);
	close(fd);
	if (r == 0) {
		(*ret)[len] = '\0';
		return 0;
	}
	free(*ret);
	conf_error(e, path, 0, "%s", err_text(r, text, sizeof(text)));
	return r;
}

/* The words of a text, a line each; changes the text. */
static int
parse(char *content, char ***ret)
{
	char *line, **list;
	size_t lines = 1, n = 0;
	int r = 0;

	for (line = content; *line; line++)
		lines += *line == '\n';
	list = calloc(lines + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	while (r == 0 && (line = strsep(&content, "\n"))) {
		line += strspn(line, " \t");
		line[strcspn(line, " \t\r")] = '\0';
		if (!*line || *line == '#')
			continue;
		list[n] = strdup(line);
		if (!list[n++])
			r = -ENOMEM;
	}
	if (r < 0) {
		list_free(list);
		return r;
	}
	qsort(list, n, sizeof(*list), compare);
	*ret = list;
	return 0;
}

int
mailboxes_load(const char *path, char ***ret, struct conf_errors *e)
{
	char *content;
	int r = read_file(path, &content, e);

	if (r < 0)
		return r;
	r = parse(content, ret);
	free(content);
	if (r < 0)
		conf_error(e, path, 0, "out of memory");
	return r;
}

int
mailboxes_have(char *const *list, const char *address)
{
	return !list ||
	    bsearch(&address, list, length(list), sizeof(*list), compare);
}
