/* SPDX-License-Identifier: MIT */
/* test-usage - what the usage of a command says, for a program */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "helper/cli/usage.h"
#include "tap.h"

static const struct {
	const char *title;
	const char *usage;
	const char *words; /* NAME=VALUE or POSITION:VALUE, each with a blank */
} cases[] = {
    {"nothing", "", ""},
    {"operands, by their position", "USER imap|pop|smtp [HOST[:PORT]]",
	"0:USER 1:imap|pop|smtp 2:HOST[:PORT] "},
    {"a flag", "[--json]", "--json= "},
    {"flags that exclude each other", "[--browser|--device|--paste] USER",
	"--browser= --device= --paste= 0:USER "},
    {"values, with brackets of their own",
	"[--server HOST[:PORT]]\n\t[--hosts H,..] [--format raw|json] USER",
	"--server=HOST[:PORT] --hosts=H,.. --format=raw|json 0:USER "},
    {"optional operands", "[PROGRAM USER]", "0:PROGRAM 1:USER "},
    {"operands that may be many", "[--json] FILE...", "--json= 0:FILE... "},
    {"or none", "[--json] [TEXT...]", "--json= 0:TEXT... "},
    {"another form", "USER\n       sasl-bearer login --provider list [--json]",
	"0:USER --provider=list --json= "},
    {"an option without brackets",
	"[--json] TEXT\n       sasl-bearer explain --list [--json|--markdown]",
	"--json= 0:TEXT --list= --markdown= "},
    {"an option is given once, as it is at first",
	"[--provider P] [--pro]\n       sasl-bearer login --provider list",
	"--provider=P --pro= "},
    {"the last option of all", "--list", "--list= "},
    {"what is too long is left out",
	"[--a AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA] U",
	"0:U "},
};

static void
note_word(void *context, const struct usage_word *word)
{
	char *text = context;
	size_t len = strlen(text);

	if (*word->name)
		snprintf(
		    text + len, 512 - len, "%s=%s ", word->name, word->value);
	else
		snprintf(text + len, 512 - len, "%u:%s%s ", word->position,
		    word->value, word->many ? "..." : "");
}

int
main(void)
{
	char found[512];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		found[0] = '\0';
		usage_read(cases[i].usage, note_word, found);
		tap_is(found, cases[i].words, cases[i].title);
	}
	return tap_done();
}
