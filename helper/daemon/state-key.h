/* SPDX-License-Identifier: MIT */
/* state-key.h - the keys of the state files, from where the settings say */
#ifndef SASL_BEARER_STATE_KEY_H
#define SASL_BEARER_STATE_KEY_H

#include "helper/config/settings.h"
#include "helper/seal/seal.h"

/*
 * Read state_key and state_key_old, by the rules of secret_read(). May wait for
 * a disk.
 *
 *	ret	NULL where neither is set; else kept out of swap, if the
 *		system lets it; state_key_free() it
 *	why	on failure: one line that says what to do
 *
 * Returns 0, or a negative code with *ret untouched; -ENXIO when a systemd
 * credential is named and there are none here.
 */
int state_key_load(
    const struct settings *s, struct seal_ring **ret, char why[CONF_TEXT_MAX]);

/* Look at them without keeping them. */
void state_key_check(const struct settings *s, struct conf_errors *e);

/* Wipe and free. NULL is fine. */
void state_key_free(struct seal_ring *ring);

#endif
