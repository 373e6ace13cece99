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
	{"was made for another client_id|are of another client_id",
	    EXPLAIN_SIGN_IN,
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
	{"which is no user here", EXPLAIN_YOU,
	    "allow names a user that this machine does not have",
	    "correct the name, or create the user, then: systemctl reload "
	    "sasl-bearerd"},
	{"this is for root and the helper's own user", EXPLAIN_YOU,
	    "not everybody may change what the system's helper has",
	    "run the command as root; for your own helper add --user"},
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
	{"expires in&days|ends in&days", EXPLAIN_YOU,
	    "a secret, a certificate or a sign-in ends soon",
	    "make a new secret or certificate at the provider, and put it in "
	    "the place of the old one; a sign-in: \"sasl-bearer login "
	    "{account}\""},
	{"nobody was told of", EXPLAIN_YOU, "notify_command failed",
	    "run it by hand as the helper's user; it is shut in as "
	    "sasl-bearerd(8) says"},
	{"gave a token that has expired|that is not a token|"
	    "gave more than a token|gave bytes that are no text", EXPLAIN_YOU,
	    "the command or file of the account gave no good token",
	    "run the command by hand as the helper's user: it must print a "
	    "token on one line"},
	{"no metadata of the issuer|its metadata is for the issuer",
	    EXPLAIN_YOU, "issuer in the account's file is not the provider's",
	    "copy it to the letter from the provider's documentation, or set "
	    "the endpoints"},
	{"no virtual machine of Azure|virtual machines of Azure", EXPLAIN_YOU,
	    "there is no managed identity here",
	    "use grant = managed_identity on a virtual machine of Azure that "
	    "has an identity; elsewhere grant = client_credentials"},
	{"the provider has not answered yet", EXPLAIN_NOBODY,
	    "the provider is slow; the token will be there for the next login",
	    NULL},

	/* files */
	{"holds a secret that others may read", EXPLAIN_YOU,
	    "a file with a secret is open to others, so it is not used",
	    "run the two commands that the line ends with"},
	{"writable by others|written by others|could replace the file",
	    EXPLAIN_YOU,
	    "others could change a file or directory that the helper trusts",
	    "run the command that the line ends with"},
	{"unknown name|is still a placeholder|not a line of the form|"
	    "is not one of|has DOS line ends", EXPLAIN_YOU,
	    "there is a mistake in a configuration file",
	    "correct the line that it names: \"sasl-bearerd --check\" shows "
	    "all mistakes; then: systemctl reload sasl-bearerd"},
	{"is sealed with key|the seal on the state file", EXPLAIN_YOU,
	    "a state file was sealed with a key that is not given, or was "
	    "changed",
	    "name the old key in state_key_old, or put the file back from a "
	    "backup; or run \"sasl-bearer login {account}\""},
	{"another sasl-bearerd uses it", EXPLAIN_YOU,
	    "a second helper was started on the same state directory",
	    "one is enough: systemctl status sasl-bearerd; for one of your "
	    "own add --user"},
	{"ended without a reply|cannot be executed|is the package installed",
	    EXPLAIN_YOU,
	    "the helper's own programs are missing, or of another version",
	    "install all packages of one version, and restart sasl-bearerd"},
	{"cannot shut itself in", EXPLAIN_YOU,
	    "the kernel, or a container, does not allow the sandbox",
	    "see Sandbox in sasl-bearerd(8)"},
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
	{"is this machine's clock right", EXPLAIN_YOU,
	    "this machine's clock and the server's differ",
	    "timedatectl set-ntp true"},
	{"certificate of&not trusted|its certificate is no good", EXPLAIN_YOU,
	    "the server's certificate is not of a CA that this machine trusts",
	    "set ca_file if it is a private CA; a proxy that looks into TLS "
	    "has one as well"},
	{"does not begin with TLS on this port|does not offer STARTTLS|"
	    "does not offer STLS", EXPLAIN_YOU,
	    "this port does not have the kind of TLS that was tried",
	    "take one with TLS from the start: 993 (IMAP), 995 (POP), 465 "
	    "(SMTP); or with STARTTLS: 143, 110, 587"},

	/* Postfix and libsasl2 */
	{"No worthy mechs found|no mechanism available", EXPLAIN_YOU,
	    "libsasl2 has no mechanism that the server offers and that the "
	    "program's settings allow",
	    "in Postfix set smtp_sasl_tls_security_options = noanonymous, and "
	    "see that there is TLS; then: postfix reload; \"sasl-bearer probe "
	    "{user} smtp\" tells whether the plugin is found"},
	{"offers neither OAUTHBEARER nor XOAUTH2", EXPLAIN_SERVER,
	    "the mail server takes no tokens for this service",
	    "switch one of the two mechanisms on there; a program may also "
	    "have been given the wrong server"},
	{"libsasl2 has no mechanism|plugin is not installed", EXPLAIN_YOU,
	    "libsasl2 does not find the plugin, or no account allows you",
	    "\"sasl-bearer doctor\" tells which of the two it is, and where "
	    "libsasl2 looks"},
	{"Server certificate not trusted|Server certificate not verified",
	    EXPLAIN_YOU,
	    "Postfix does not trust the mail server's certificate, or it is "
	    "another server's",
	    "set smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt, and see "
	    "that relayhost is a name in the certificate; then: postfix reload"},
	{"Relay access denied", EXPLAIN_YOU,
	    "Postfix sends on what comes from mynetworks or after a login, and "
	    "this was neither",
	    "add the client's address to mynetworks, or let it log in; then: "
	    "postfix reload"},
	{"Password verification failed", EXPLAIN_YOU,
	    "a client logged in to Postfix with a name or password that its "
	    "own database does not have",
	    "sasldblistusers2 -f FILE shows the names, each with its realm: "
	    "the client must give the whole name"},
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
