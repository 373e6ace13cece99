/* SPDX-License-Identifier: MIT */
/* list - lists of words, NULL at the end */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helper/config/settings.h"

int
list_add(char ***list, const char *text, size_t len)
{
	char **more, *copy = strndup(text, len);
	size_t count = 0;

	if (!copy)
		return -ENOMEM;
	while (*list && (*list)[count])
		count++;
	more = realloc(*list, (count + 2) * sizeof(*more));
	if (!more) {
		free(copy);
		return -ENOMEM;
	}
	more[count] = copy;
	more[count + 1] = NULL;
	*list = more;
	return 0;
}

int
list_parse(const char *text, const char *separators, char ***ret)
{
	char **list = NULL;
	size_t len;
	int r = 0;

	for (; r == 0 && *text; text += len) {
		len = strcspn(text, separators);
		if (len > 0)
			r = list_add(&list, text, len);
		else
			len = strspn(text, separators);
	}
	if (r < 0) {
		list_free(list);
		return r;
	}
	*ret = list;
	return 0;
}

void
list_free(char **list)
{
	size_t i;

	for (i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}
