/* SPDX-License-Identifier: MIT */
/* confine.h - shut the daemon in with its own files, before it serves */
#ifndef SASL_BEARER_CONFINE_H
#define SASL_BEARER_CONFINE_H

#include "helper/config/conf.h"
#include "helper/daemon/daemon.h"

/*
 * Let the kernel refuse the daemon what it has no use for: programs, other
 * processes, networks, and files but those that its configuration names now.
 * What must be read unconfined, such as a key for the state, is read before.
 *
 *	d	settings, config_path, user_mode and listeners are filled in
 *	why	on failure: one line
 *
 * Call it before there is a thread, and before the accounts are loaded. Logs
 * what is in force.
 *
 * Returns 0, also where the kernel has nothing to offer, or a negative code:
 * then the daemon must not serve.
 */
int confine(const struct daemon *d, char why[CONF_TEXT_MAX]);

#endif
