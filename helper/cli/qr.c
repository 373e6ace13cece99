/* SPDX-License-Identifier: MIT */
/* qr - a QR code on a terminal */
#include "config.h"

#include "helper/cli/qr.h"

#ifdef HAVE_QRENCODE

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <qrencode.h>

#define TEXT_MAX 2000
#define MARGIN 2 /* the standard wants 4, readers are content with this */

/* Black on white, by the colours of 256 that no theme replaces. */
#define COLOURS "\033[38;5;16;48;5;231m"
#define RESET "\033[0m"

/* The locale is not set for the process, which parses and compares ASCII. */
static int
is_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	int yes;

	if (!locale)
		return 0;
	yes = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
	freelocale(locale);
	return yes;
}

/* Columns of the terminal, or 0 when it is none that could show a code. */
static int
columns(void)
{
	const char *term = getenv("TERM");
	struct winsize size = {0};

	if (!isatty(STDOUT_FILENO) || !term || strcmp(term, "dumb") == 0 ||
	    !is_utf8() || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return 0;
	return size.ws_col;
}

/* Whether a module is black; those of the margin are not. */
static int
is_black(const QRcode *code, int x, int y)
{
	if (x < 0 || x >= code->width || y < 0 || y >= code->width)
		return 0;
	return code->data[y * code->width + x] & 1;
}

static void
print_code(const QRcode *code)
{
	static const char *const halves[] = {
	    " ", "\xe2\x96\x80", "\xe2\x96\x84", "\xe2\x96\x88"};
	int x, y;

	for (y = -MARGIN; y < code->width + MARGIN; y += 2) {
		printf(COLOURS);
		for (x = -MARGIN; x < code->width + MARGIN; x++)
			fputs(halves[is_black(code, x, y) |
				  is_black(code, x, y + 1) << 1],
			    stdout);
		puts(RESET);
	}
}

int
qr_print(const char *heading, const char *text)
{
	int width = columns(), printed = 0;
	QRcode *code;

	if (width == 0 || strlen(text) > TEXT_MAX)
		return 0;
	code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
	if (!code)
		return 0;
	if (code->width + 2 * MARGIN <= width) {
		fputs(heading, stdout);
		print_code(code);
		putchar('\n');
		printed = 1;
	}
	QRcode_free(code);
	return printed;
}

#else

int
qr_print(const char *heading, const char *text)
{
	(void)heading;
	(void)text;
	return 0;
}

#endif
