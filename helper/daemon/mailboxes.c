/* SPDX-License-Identifier: MIT */
/* mailboxes - the file that narrows an account for a whole domain */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "helper/config/file.h"
#include "helper/config/settings.h"
#include "helper/daemon/mailboxes.h"

#define BYTES_MAX (16 * 1024 * 1024)

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

/* The first word of each line that is not a comment. */
static int
parse(const char *text, char ***ret)
{
	const char *p, *word;
	size_t lines = 1, n = 0, len;
	char *copy, **list;

	for (p = text; *p; p++)
		lines += *p == '\n';
	list = calloc(lines + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		word = p + strspn(p, " \t");
		len = strcspn(word, " \t\r\n");
		if (len == 0 || *word == '#')
			continue;
		copy = strndup(word, len);
		if (!copy) {
			list_free(list);
			return -ENOMEM;
		}
		list[n++] = copy;
	}
	qsort(list, n, sizeof(*list), compare);
	*ret = list;
	return 0;
}

int
mailboxes_load(const char *path, char ***ret, struct conf_errors *e)
{
	struct conf_text text = {.path = path, .buf = calloc(1, BYTES_MAX + 1)};
	char why[FILE_WHY] = "out of memory";
	int r = -ENOMEM;

	if (text.buf)
		r = file_read(path, &text, BYTES_MAX, why);
	if (r == 0) {
		text.buf[text.len] = '\0';
		r = parse(text.buf, ret);
	}
	if (r < 0)
		conf_error(e, path, 0, "%s", why);
	free(text.buf);
	return r;
}

int
mailboxes_have(char *const *list, const char *address)
{
	return !list ||
	    bsearch(&address, list, length(list), sizeof(*list), compare);
}
