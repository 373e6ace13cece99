/* SPDX-License-Identifier: MIT */
/* page - what a browser shows at the end of a sign-in */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "helper/cli/page-style.h"
#include "helper/cli/page.h"

#define DIGEST_SIZE 32
#define DIGEST_BASE64 45

#define PLAIN(status, body, fields)                                           \
	"HTTP/1.1 " status "\r\n" fields                                      \
	"Content-Type: text/plain; charset=utf-8\r\n"                         \
	"Content-Length: " body "\r\n"                                        \
	"Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"         \
	"X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n" status \
	"\n"

static const char *const errors[] = {
    [PAGE_BAD_REQUEST] = PLAIN("400 Bad Request", "16", ""),
    [PAGE_NOT_FOUND] = PLAIN("404 Not Found", "14", ""),
    [PAGE_METHOD_NOT_ALLOWED] =
	PLAIN("405 Method Not Allowed", "23", "Allow: GET\r\n"),
};

/* What differs between the kinds. The icons differ in shape, not in colour. */
static const struct {
	const char *status;
	const char *class;
	const char *title;
	const char *icon;
	const char *colour; /* of the icon in the tab */
} kinds[] = {
    [PAGE_DONE] = {"200 OK", "done", "You are signed in",
	"M15 24.5l6.5 6.5L34 18", "%2314713d"},
    [PAGE_FAILED] = {"200 OK", "failed", "You are not signed in",
	"M17 17l14 14M31 17L17 31", "%23b3261e"},
    [PAGE_FOREIGN] = {"400 Bad Request", "foreign",
	"This belongs to another sign-in", "M24 14v13M24 33.5v.01",
	"%236f5200"},
};

const char *
page_error(enum page_error error)
{
	return errors[error];
}

/* Text as HTML: element content, or a value in quotes. */
static void
put_text(FILE *f, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		case '\'':
			fputs("&#39;", f);
			break;
		default:
			fputc(*text, f);
		}
}

/* A line as a terminal has it, as a sentence: "Xxx xxx." */
static void
put_sentence(FILE *f, const char *line)
{
	size_t len = strlen(line);

	if (*line >= 'a' && *line <= 'z') {
		fputc(*line - 'a' + 'A', f);
		line++;
		len--;
	}
	put_text(f, line);
	if (len > 0 && !strchr(".!?", line[len - 1]))
		fputc('.', f);
}

static void
put_row(FILE *f, const char *name, const char *value)
{
	if (!value)
		return;
	fprintf(f, "<dt>%s</dt><dd>", name);
	put_text(f, value);
	fputs("</dd>\n", f);
}

static void
put_rows(FILE *f, const struct page *p)
{
	fputs("<dl>\n", f);
	put_row(f, "Account", p->account);
	put_row(f, "Provider", p->provider);
	put_row(f, "Used for", p->services);
	fputs("</dl>\n", f);
}

static void
put_done(FILE *f, const struct page *p)
{
	fputs("<p>Mail programs on this computer can now use this account "
	      "without a password.</p>\n",
	    f);
	put_rows(f, p);
	fputs("<h2>What to do next</h2>\n<ul>\n"
	      "<li>You can close this page.</li>\n"
	      "<li>Go back to the terminal: it says what mail programs "
	      "need.</li>\n</ul>\n",
	    f);
}

static void
put_failed(FILE *f, const struct page *p)
{
	if (p->what) {
		fputs("<p>", f);
		put_sentence(f, p->what);
		fputs("</p>\n", f);
	}
	put_rows(f, p);
	fputs("<h2>What to do next</h2>\n<ul>\n", f);
	if (p->next) {
		fputs("<li>", f);
		put_sentence(f, p->next);
		fputs("</li>\n", f);
	}
	fputs("<li>The terminal says more. You can close this page.</li>\n"
	      "</ul>\n",
	    f);
}

static void
put_foreign(FILE *f)
{
	fputs("<p>The address that brought you here is not an answer to the "
	      "sign-in that this computer is waiting for. It may be left "
	      "over from an earlier attempt. Nothing was changed.</p>\n"
	      "<h2>What to do next</h2>\n"
	      "<p>Close this page, and go on in the page that the command "
	      "opened last. Its address is in the terminal.</p>\n",
	    f);
}

static void
put_document(FILE *f, const struct page *p)
{
	fprintf(f,
	    "<!DOCTYPE html>\n<html lang=\"en\" class=\"%s\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" "
	    "content=\"width=device-width, initial-scale=1\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n"
	    "<title>%s - sasl-bearer</title>\n"
	    "<link rel=\"icon\" href=\"data:image/svg+xml,%%3Csvg "
	    "xmlns='http://www.w3.org/2000/svg' viewBox='0 0 48 48'%%3E"
	    "%%3Ccircle cx='24' cy='24' r='24' fill='%s'/%%3E%%3Cpath d='%s' "
	    "fill='none' stroke='white' stroke-width='5' "
	    "stroke-linecap='round'/%%3E%%3C/svg%%3E\">\n"
	    "<style>%s</style>\n</head>\n<body>\n<main>\n"
	    "<div class=\"head\">\n"
	    "<svg viewBox=\"0 0 48 48\" aria-hidden=\"true\">"
	    "<circle cx=\"24\" cy=\"24\" r=\"24\"/><path d=\"%s\"/></svg>\n"
	    "<h1>%s</h1>\n</div>\n",
	    kinds[p->kind].class, kinds[p->kind].title, kinds[p->kind].colour,
	    kinds[p->kind].icon, PAGE_STYLE, kinds[p->kind].icon,
	    kinds[p->kind].title);
	if (p->kind == PAGE_DONE)
		put_done(f, p);
	else if (p->kind == PAGE_FAILED)
		put_failed(f, p);
	else
		put_foreign(f);
	fputs("</main>\n<footer>This page comes from sasl-bearer on your own "
	      "computer. It loads nothing from the network.</footer>\n"
	      "</body>\n</html>\n",
	    f);
}

/* The only style that a page may have, by its hash. */
static void
put_policy(FILE *f)
{
	unsigned char digest[DIGEST_SIZE], text[DIGEST_BASE64];

	if (EVP_Digest(PAGE_STYLE, strlen(PAGE_STYLE), digest, NULL,
		EVP_sha256(), NULL) != 1)
		memset(digest, 0, sizeof(digest)); /* a page without style */
	EVP_EncodeBlock(text, digest, DIGEST_SIZE);
	fprintf(f,
	    "Content-Security-Policy: default-src 'none'; "
	    "style-src 'sha256-%s'; img-src data:; base-uri 'none'; "
	    "form-action 'none'; frame-ancestors 'none'\r\n",
	    (const char *)text);
}

/* Close a stream of memory. Returns 0 or -ENOMEM. */
static int
finish(FILE *f)
{
	int bad = ferror(f);

	return fclose(f) != 0 || bad ? -ENOMEM : 0;
}

int
page_response(const struct page *p, char **ret, size_t *ret_len)
{
	char *body = NULL, *all = NULL;
	size_t body_len = 0, len = 0;
	FILE *f = open_memstream(&body, &body_len);
	int r = -ENOMEM;

	if (!f)
		return -ENOMEM;
	put_document(f, p);
	if (finish(f) < 0 || !(f = open_memstream(&all, &len)))
		goto out;
	fprintf(f,
	    "HTTP/1.1 %s\r\nContent-Type: text/html; charset=utf-8\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n"
	    "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
	    "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n",
	    kinds[p->kind].status, body_len);
	put_policy(f);
	fputs("\r\n", f);
	fwrite(body, 1, body_len, f);
	r = finish(f);
	if (r == 0) {
		*ret = all;
		*ret_len = len;
		all = NULL;
	}
out:
	free(body);
	free(all);
	return r;
}
