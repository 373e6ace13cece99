/* SPDX-License-Identifier: MIT */
/* setup-text - files, comments and quotes of what "setup" prints */
#include "config.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper/cli/screen.h"
#include "helper/cli/setup.h"

#define NOTE_MAX 1024
#define NOTE_WIDTH 77 /* bytes of a comment's line after "# " */
#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define SELF BIN_DIR "/sasl-bearer"

void
setup_file(struct setup *s, const char *fmt, ...)
{
	char file[PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(file, sizeof(file), fmt, ap);
	va_end(ap);
	if (strcmp(file, s->file) == 0)
		return;
	fprintf(s->out, "%s# ---- %s ----\n", *s->file ? "\n" : "", file);
	s->file = setup_format(s, "%s", file);
}

void
setup_note(struct setup *s, const char *fmt, ...)
{
	char text[NOTE_MAX];
	const char *rest = text;
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	while (*rest) {
		len = screen_break(rest, NOTE_WIDTH);
		fprintf(s->out, "%s%.*s\n", s->comment, (int)len, rest);
		rest += len;
		rest += strspn(rest, " ");
	}
}

void
setup_put(struct setup *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(s->out, fmt, ap);
	va_end(ap);
	fputc('\n', s->out);
}

/* Keep a text on the heap until the end; takes it over. */
static const char *
keep(struct setup *s, char *text)
{
	size_t i = 0;

	if (!text || list_add(&s->texts, text, strlen(text)) < 0) {
		s->failed = 1;
		free(text);
		return "";
	}
	free(text);
	while (s->texts[i + 1])
		i++;
	return s->texts[i];
}

const char *
setup_format(struct setup *s, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return keep(s, text);
}

/* Write one byte as a syntax wants it; returns its end. */
static char *
quote_byte(char *to, enum quote how, unsigned char c)
{
	static const char hex[] = "0123456789ABCDEF";

	if (how == QUOTE_SHELL && c == '\'')
		return stpcpy(to, "'\\''");
	if (how == QUOTE_FETCHMAIL && c == '"')
		return stpcpy(to, "\\x22");
	if (how == QUOTE_PERCENT && !strchr(PLAIN "-._~", c)) {
		*to++ = '%';
		*to++ = hex[c >> 4];
		*to++ = hex[c & 15];
		return to;
	}
	if ((how == QUOTE_FETCHMAIL && c == '\\') ||
	    (how == QUOTE_DOUBLE && strchr("\"\\", c)) ||
	    (how == QUOTE_MUTT && strchr("\"\\$`", c)))
		*to++ = '\\';
	*to++ = (char)c;
	return to;
}

const char *
setup_quote(struct setup *s, enum quote how, const char *text)
{
	const char *mark = how == QUOTE_PERCENT ? ""
	    : how == QUOTE_SHELL		? "'"
						: "\"";
	char *quoted = malloc(strlen(text) * 4 + 3), *to = quoted;

	if (!quoted)
		return keep(s, NULL);
	if (how == QUOTE_SHELL && *text &&
	    strspn(text, PLAIN "@%+=:,./_-") == strlen(text))
		mark = "";
	to = stpcpy(to, mark);
	for (; *text; text++)
		to = quote_byte(to, how, (unsigned char)*text);
	stpcpy(to, mark);
	return keep(s, quoted);
}

/* The file this program runs from: what is printed runs the same one. */
static const char *
self(struct setup *s)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (len <= 0)
		return SELF;
	path[len] = '\0';
	return strcmp(path, SELF) == 0 ? SELF : setup_format(s, "%s", path);
}

/* A path that does not depend on where the command runs. */
static const char *
absolute(struct setup *s, const char *path)
{
	char *real = *path == '/' ? NULL : realpath(path, NULL);

	return real ? keep(s, real) : path;
}

/* The program and the common options that were given. Returns how many. */
static size_t
first_words(struct setup *s, int foreign, const char **words)
{
	const struct cli *cli = s->cli;
	int user_mode = foreign || geteuid() != 0; /* without an option */
	size_t n = 0;

	words[n++] = self(s);
	if (cli->user_mode != user_mode)
		words[n++] = cli->user_mode ? "--user" : "--system";
	if (cli->socket || !call_is_default(cli)) {
		words[n++] = "--socket";
		words[n++] = absolute(s, s->socket);
	} else if (cli->config) {
		words[n++] = "--config";
		words[n++] = absolute(s, cli->config);
	}
	return n;
}

/* What to call the account: its name, but one of many mailboxes by itself. */
static const char *
operand(const struct setup *s)
{
	return strchr(s->account.pattern, '*') ? s->account.user
					       : s->account.account;
}

void
setup_token_words(
    struct setup *s, size_t service, int foreign, const char **words)
{
	size_t n = first_words(s, foreign, words);

	words[n++] = "token";
	words[n++] = "--service";
	words[n++] = service_names[service];
	words[n++] = operand(s);
	words[n] = NULL;
}

void
setup_tunnel_words(struct setup *s, size_t service, const char **words)
{
	size_t n = first_words(s, 0, words);
	char server[RESOLVED_SERVER];

	words[n++] = "tunnel";
	if (s->ca_file) {
		words[n++] = "--ca-file";
		words[n++] = s->ca_file;
	}
	words[n++] = operand(s);
	words[n++] = service_names[service];
	server_format(&s->server[service], server);
	words[n++] = setup_format(s, "%s", server);
	words[n] = NULL;
}

static const char *
command(struct setup *s, const char **words)
{
	const char *line = setup_quote(s, QUOTE_SHELL, *words);

	while (*++words)
		line = setup_format(
		    s, "%s %s", line, setup_quote(s, QUOTE_SHELL, *words));
	return line;
}

const char *
setup_token_command(struct setup *s, size_t service)
{
	const char *words[SETUP_WORDS];

	setup_token_words(s, service, 0, words);
	return command(s, words);
}

const char *
setup_tunnel_command(struct setup *s, size_t service)
{
	const char *words[SETUP_WORDS];

	setup_tunnel_words(s, service, words);
	return command(s, words);
}

const char *
setup_mechanism(struct setup *s, const char *otherwise)
{
	s->mechanism_is_used = 1;
	return s->mechanism ? s->mechanism : otherwise;
}

void
setup_environment(struct setup *s)
{
	if (s->socket_is_usual)
		return;
	setup_file(s, "run");
	setup_note(s,
	    "the helper does not listen where the plugin looks, so each "
	    "program needs:");
	setup_put(s, "export SASL_BEARER_SOCKET=%s",
	    setup_quote(s, QUOTE_SHELL, s->socket));
}

size_t
setup_service(const struct setup *s)
{
	size_t i = 0;

	while (i + 1 < SERVICES && !(s->services & 1U << i))
		i++;
	return i;
}

const struct server *
setup_server(const struct setup *s, size_t service)
{
	return &s->server[service];
}

int
setup_is_address(const char *text)
{
	return strchr(text, '@') &&
	    strspn(text, PLAIN "@.!#$%&'*+/=?^_{|}~-") == strlen(text);
}

int
setup_check(const struct setup *s, const char *what, const char *text,
    const char *characters)
{
	const char *found = strpbrk(text, characters);

	if (!found)
		return 0;
	return cli_error(EX_DATAERR,
	    "the %s \"%s\" cannot be written for %s: it has a \"%c\"", what,
	    text, s->program->name, *found);
}
