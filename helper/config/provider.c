/* SPDX-License-Identifier: MIT */
/* provider - find and read providers.d/NAME.conf */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "helper/config/settings.h"

int
provider_load(const struct settings *s, const char *name, struct provider *p,
    struct conf_errors *e)
{
	char path[PATH_MAX];
	size_t i;
	int n;

	if (!account_name_valid(name))
		return -ENOENT;
	for (i = 0; s->providers_dir[i]; i++) {
		n = snprintf(path, sizeof(path), "%s/%s.conf",
		    s->providers_dir[i], name);
		if (n < 0 || (size_t)n >= sizeof(path))
			continue;
		if (access(path, F_OK) < 0 && errno == ENOENT)
			continue;
		return conf_load(path, provider_keys, p, NULL, e);
	}
	return -ENOENT;
}
