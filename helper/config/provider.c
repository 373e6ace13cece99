/* SPDX-License-Identifier: MIT */
/* provider - find and read providers.d/NAME.conf */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "helper/config/hostport.h"
#include "helper/config/settings.h"

/* Each server must be in hosts, unless the accounts have to name these. */
static int
check_servers(const struct provider *p, const char *path, const unsigned *lines,
    struct conf_errors *e)
{
	const struct {
		const char *key, *value;
	} servers[] = {
	    {"imap_server", p->imap_server},
	    {"pop_server", p->pop_server},
	    {"smtp_server", p->smtp_server},
	};
	size_t i;
	int r = 0;

	for (i = 0; p->hosts && i < COUNT_OF(servers); i++) {
		if (!servers[i].value ||
		    hostport_listed(servers[i].value, p->hosts))
			continue;
		conf_error(e, path,
		    lines[conf_find(provider_keys, servers[i].key)],
		    "%s is not in hosts; name it there as well",
		    servers[i].key);
		r = -EINVAL;
	}
	return r;
}

int
provider_load(const struct settings *s, const char *name, struct provider *p,
    struct conf_errors *e)
{
	char path[PATH_MAX];
	unsigned lines[CONF_KEYS_MAX] = {0};
	size_t i;
	int n, r;

	if (!account_name_valid(name))
		return -ENOENT;
	for (i = 0; s->providers_dir[i]; i++) {
		n = snprintf(path, sizeof(path), "%s/%s.conf",
		    s->providers_dir[i], name);
		if (n < 0 || (size_t)n >= sizeof(path))
			continue;
		if (access(path, F_OK) < 0 && errno == ENOENT)
			continue;
		r = conf_load(path, provider_keys, p, lines, e);
		return r == 0 ? check_servers(p, path, lines, e) : r;
	}
	return -ENOENT;
}
