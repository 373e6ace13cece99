/* SPDX-License-Identifier: MIT */
/* mailbox-list - the file that narrows an account for a whole domain */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "helper/config/file.h"
#include "helper/config/settings.h"
#include "helper/daemon/mailbox-list.h"

#define BYTES_MAX (1024 * 1024)

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

int
mailbox_list_parse(const char *text, char ***ret)
{
	char **list = NULL;
	size_t len;
	int r = 0;

	for (; r == 0 && *text; text += *text == '\n') {
		text += strspn(text, " \t");
		len = strcspn(text, " \t\r\n");
		if (len > 0 && *text != '#')
			r = list_add(&list, text, len);
		text += strcspn(text, "\n");
	}
	if (r == 0 && !list)
		r = -ENOENT;
	if (r < 0) {
		list_free(list);
		return r;
	}
	qsort(list, length(list), sizeof(*list), compare);
	*ret = list;
	return 0;
}

int
mailbox_list_load(const char *path, char ***ret, struct conf_errors *e)
{
	struct conf_text text = {.path = path, .buf = calloc(1, BYTES_MAX + 1)};
	char why[FILE_WHY] = "out of memory";
	int r = -ENOMEM;

	if (text.buf)
		r = file_read(path, &text, BYTES_MAX, why);
	if (r == 0 && (r = mailbox_list_parse(text.buf, ret)) < 0)
		snprintf(why, sizeof(why), "%s",
		    r == -ENOENT ? "names no mailbox" : "out of memory");
	free(text.buf);
	if (r < 0)
		conf_error(e, path, 0, "%s", why);
	return r;
}

int
mailbox_list_has(char *const *list, const char *address)
{
	return !list ||
	    bsearch(&address, list, length(list), sizeof(*list), compare);
}
