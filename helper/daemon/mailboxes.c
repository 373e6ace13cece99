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

/* Make room for one more word than there are lines. */
static char **
new_list(const char *text)
{
	size_t lines = 1;

	for (; *text; text++)
		lines += *text == '\n';
	return calloc(lines + 1, sizeof(char *));
}

/* Put the first word of each line that is not a comment into a list. */
static int
parse(const char *text, char **list)
{
	size_t n = 0, len;

	for (; *text; text += *text == '\n') {
		text += strspn(text, " \t");
		len = strcspn(text, " \t\r\n");
		if (len > 0 && *text != '#') {
			list[n] = strndup(text, len);
			if (!list[n++])
				return -ENOMEM;
		}
		text += strcspn(text, "\n");
	}
	qsort(list, n, sizeof(*list), compare);
	return 0;
}

int
mailboxes_load(const char *path, char ***ret, struct conf_errors *e)
{
	struct conf_text text = {.path = path, .buf = calloc(1, BYTES_MAX + 1)};
	char why[FILE_WHY] = "out of memory", **list = NULL;
	int r = -ENOMEM;

	if (text.buf)
		r = file_read(path, &text, BYTES_MAX, why);
	if (r == 0) {
		list = new_list(text.buf);
		r = list ? parse(text.buf, list) : -ENOMEM;
	}
	if (r == 0) {
		*ret = list;
	} else {
		conf_error(e, path, 0, "%s", why);
		list_free(list);
	}
	free(text.buf);
	return r;
}

int
mailboxes_have(char *const *list, const char *address)
{
	return !list ||
	    bsearch(&address, list, length(list), sizeof(*list), compare);
}
