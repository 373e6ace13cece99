/* SPDX-License-Identifier: MIT */
/* lines - what our own programs, libsasl2 and those that use it write */
#include "config.h"

#include "helper/explain/table.h"

#define PREVIOUS "the line before this one, or the helper's log, has the cause"

/* clang-format off */
const struct explanation explain_lines[] = {
	/* the helper and its socket */
	{"no token helper listens", EXPLAIN_YOU,
	    "the plugin finds no socket of the helper",
	    "start it: systemctl start sasl-bearerd; if it runs and the "
	    "program is in a chroot, as Postfix in Debian: systemctl enable "
	    "--now sasl-bearerd-postfix.socket"},
	{"cannot reach the token helper", EXPLAIN_YOU,
	    "the socket of the helper is there, but nobody answers",
	    "start it: systemctl start sasl-bearerd"},
	{"no answer in time from the token helper", EXPLAIN_NOBODY,
	    "the helper had no token in time, mostly because the provider was "
	    "slow", "look at \"sasl-bearer list\", and at the helper's log"},
	{"no answer from the helper", EXPLAIN_YOU,
	    "the helper does not run, or the command asks the wrong one",
	    "add --system for the system's helper, --user for your own; or "
	    "start it: systemctl start sasl-bearerd"},
	{"reply that makes no sense", EXPLAIN_YOU,
	    "plugin and programs are of different versions",
	    "install all of one version, then restart sasl-bearerd and the "
	    "mail program"},

	/* accounts */
	{"nobody has signed in for account", EXPLAIN_SIGN_IN,
	    "the account has a file, but no tokens yet", NULL},
	{"was made for another client_id", EXPLAIN_SIGN_IN,
	    "the account's file was changed since somebody signed in", NULL},
	{"the stored sign-in&cannot be read", EXPLAIN_SIGN_IN,
	    "the file with the account's tokens is damaged, or its key is not "
	    "the one it was sealed with",
	    "put it back from a backup that no other machine uses"},
	{"no account that uid", EXPLAIN_YOU,
	    "no account is both for this address and for this local user",
	    "add the user to allow in the account's file, compare user there "
	    "with what the program names, then: systemctl reload "
	    "sasl-bearerd"},
	{"no account may be used by this uid", EXPLAIN_YOU,
	    "no account allows this local user",
	    "add the user to allow in the account's file, then: systemctl "
	    "reload sasl-bearerd"},
	{"is not in hosts of account", EXPLAIN_YOU,
	    "the program talks to a server that the account is not for",
	    "if it is the right one, add it to hosts in the account's file; a "
	    "CNAME counts by the name that the program was given"},
	{"is not in services of account", EXPLAIN_YOU,
	    "the account is not for this protocol",
	    "add it to services in the account's file, and sign in again if a "
	    "person did"},
	{"does not say which server it talks to", EXPLAIN_YOU,
	    "the account is for some servers only, and the program names none",
	    "give the program the server's name; \"sasl-bearer token\" takes "
	    "--host"},
	{"both serve user", EXPLAIN_YOU,
	    "two accounts are for this address, and nothing tells which",
	    "set services or hosts in their files, so that one is left"},
	{"mail server rejects fresh tokens", EXPLAIN_YOU,
	    "a new token did not help, so the token is not what is wrong",
	    "run \"sasl-bearer probe {user} smtp\" (or imap, pop): it shows "
	    "the server's words, and what they mean"},
	{"the provider has not answered yet", EXPLAIN_NOBODY,
	    "the provider is slow; the token will be there for the next login",
	    NULL},

	/* files */
	{"holds a secret that others may read", EXPLAIN_YOU,
	    "a file with a secret is open to others, so it is not used",
	    "run the two commands that the line ends with"},
	{"unknown name&did you mean|unknown name \"", EXPLAIN_YOU,
	    "a configuration file has a name in it that does not exist",
	    "correct that line: \"sasl-bearerd --check\" shows all of them"},
	{"the disk refuses|cannot save to", EXPLAIN_YOU,
	    "tokens cannot be written, and are kept in memory for now",
	    "make room in the state directory, or give it back to the "
	    "helper's user, before the helper is restarted"},

	/* the network */
	{"cannot resolve", EXPLAIN_YOU, "the DNS does not know this name",
	    "check the name, the DNS of this machine, and proxy in "
	    "sasl-bearer.conf"},
	{"cannot connect to|did not answer after|no answer after", EXPLAIN_YOU,
	    "the server cannot be reached from this machine",
	    "check the firewall, and proxy in sasl-bearer.conf; \"sasl-bearer "
	    "doctor\" tries the way"},
	{"certificate of&not trusted", EXPLAIN_YOU,
	    "the server's certificate is not of a CA that this machine trusts",
	    "set ca_file if it is a private CA; a proxy that looks into TLS "
	    "has one as well"},
	{"is this machine's clock right", EXPLAIN_YOU,
	    "this machine's clock and the server's differ",
	    "timedatectl set-ntp true"},

	/* Postfix and libsasl2 */
	{"No worthy mechs found|no mechanism available", EXPLAIN_YOU,
	    "libsasl2 has no mechanism that the server offers and that the "
	    "program's settings allow",
	    "in Postfix set smtp_sasl_tls_security_options = noanonymous, and "
	    "see that there is TLS; then: postfix reload; \"sasl-bearer probe "
	    "{user} smtp\" tells whether the plugin is found"},
	{"SASL [CACHED] authentication failed", EXPLAIN_YOU,
	    "Postfix remembers an earlier refusal, and does not try",
	    "leave smtp_sasl_auth_cache_name empty, remove its file, then: "
	    "postfix reload"},
	{"All-whitespace username", EXPLAIN_YOU,
	    "the program gave no user name",
	    "write one into smtp_sasl_password_maps: [HOST]:587 {user}"},
	{"Unable to find a callback: 32775", EXPLAIN_YOU,
	    "libsasl2's text for a name that no program offers; it covers the "
	    "cause", "take another plugin for XOAUTH2 away, if there is one; "
	    PREVIOUS},
	{"weak key", EXPLAIN_YOU,
	    "a plugin said that the login may work later; the words are "
	    "libsasl2's own", PREVIOUS},
	{"attempting client step after doneflag|"
	    "more steps despite successful SASL", EXPLAIN_YOU,
	    "another plugin for XOAUTH2 was loaded, and the server refused its "
	    "token",
	    "remove that plugin, such as sasl-xoauth2 or kdexoauth2, from the "
	    "directory of libsasl2"},
	{"generic failure|remote authentication server unavailable|"
	    "passphrase expired", EXPLAIN_YOU,
	    "the plugin had no token, and has said why", PREVIOUS},

	/* programs of people */
	{"selected SASL mechanism(s) not available", EXPLAIN_YOU,
	    "mbsync does not find the plugin, or the server does not offer the "
	    "mechanism",
	    "\"sasl-bearer probe {user} imap\" tells which of the two it is"},
	{"No authenticators available", EXPLAIN_YOU,
	    "mutt found no mechanism that works, or none had a token",
	    "\"sasl-bearer setup mutt {user}\" prints what to set; "
	    "\"sasl-bearer probe {user} imap\" tries the login"},
	{"PREAUTH&Aborting connection", EXPLAIN_YOU,
	    "fetchmail wants TLS inside the tunnel, which has it outside",
	    "add sslproto \"\" to the line of the user in .fetchmailrc"},
	{"returned error 77|error 77 (", EXPLAIN_YOU,
	    "the mail server did not let the tunnel in",
	    "\"sasl-bearer probe {user} imap\" shows its words, and what they "
	    "mean"},
	{0},
};
/* clang-format on */
