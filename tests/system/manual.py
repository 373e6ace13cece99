#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""manual - the manual pages: whole, readable, and pointing at what there is"""

import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import SRCDIR, built

PAGES = sorted(glob.glob(os.path.join(SRCDIR, "man/*.[1-8]")))
# Of others; a typing error in a name would be one more.
OTHERS = """mbsync.1 fetchmail.1 notify-send.1 ldapsearch.1 systemd.1 systemd-creds.1 mutt.1
neomutt.1 postconf.1 journalctl.1 systemctl.1 curl.1 connect.2 flock.2 seccomp.2 syslog.3 postconf.5 systemd.timer.5
systemd.exec.5 systemd.journal-fields.7 landlock.7 smtp.8 sendmail.8 postfix.1""".split()
# What a page has, by its section; a program has all that it can need.
SECTIONS = {
    "1": ["NAME", "SYNOPSIS", "DESCRIPTION", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES",
          "SEE ALSO"],
    "5": ["NAME", "DESCRIPTION", "FILES", "EXAMPLES", "SEE ALSO"],
    "7": ["NAME", "DESCRIPTION", "SEE ALSO"],
    "8": ["NAME", "SYNOPSIS", "DESCRIPTION", "ENVIRONMENT", "FILES", "EXIT STATUS", "SEE ALSO"],
}
ORDER = ["NAME", "SYNOPSIS", "DESCRIPTION", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES",
         "DIAGNOSTICS", "SEE ALSO", "STANDARDS", "SECURITY CONSIDERATIONS"]


def text_of(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def names():
    return {os.path.basename(path) for path in PAGES}


@tap.promise
def every_program(env):
    "every program that is installed has a page, and every page is installed"
    done = env.run(["make", "-C", os.path.dirname(built("config.status")), f"DESTDIR={env.dir}",
                    "install-exec", "install-man"], timeout=110)
    assert done.rc == 0, done
    programs = {os.path.basename(path) for path in
                glob.glob(f"{env.dir}/**/*bin/*", recursive=True)
                + glob.glob(f"{env.dir}/**/libexec/sasl-bearer/*", recursive=True)}
    assert {"sasl-bearer", "sasl-bearerd", "sasl-bearer-fetch", "sasl-bearer-sign"} <= programs
    installed = {os.path.basename(path) for path in
                 glob.glob(f"{env.dir}/**/man[1-8]/*", recursive=True)}
    assert installed == names(), installed ^ names()
    described = {page.rpartition(".")[0] for page in names() if page[-1] in "18"}
    assert programs == described, programs ^ described
    assert {"libsaslbearer.7", "sasl-bearer.conf.5", "sasl-bearer-protocol.7"} <= names()


@tap.promise
def lint(env):
    "mandoc has no warning about a page"
    tap.require("mandoc")
    done = env.run(["mandoc", "-T", "lint", "-W", "warning", *PAGES])
    assert done.rc == 0 and not done.stdout, done.stdout


@tap.promise
def fits(env):
    "a page is read in 80 columns, and nothing but an example is wider, by no more than 5"
    tap.require("mandoc")
    for path in PAGES:
        done = env.run(["mandoc", "-T", "ascii", "-O", "width=78", path])
        assert done.rc == 0 and len(done.stdout) > 1000, done
        wide = [line for line in re.sub(".\b", "", done.stdout).splitlines() if len(line) > 80]
        for line in wide:       # one word, or a command as it is typed
            assert len(line) <= 85, (path, line)
            assert re.search(r"^ {8,}(\S+=\S+|.*(--| = ).*)$", line), (path, line)


@tap.promise
def sections():
    "each page has the sections of its kind, in the usual order"
    for path in PAGES:
        found = re.findall(r"^\.Sh (.*)$", text_of(path), re.M)
        missing = set(SECTIONS[path[-1]]) - set(found)
        if path.endswith("sasl-bearer-sign.8"):
            missing -= {"FILES"}        # it is given what it needs, open
        assert not missing, (path, missing)
        usual = [name for name in found if name in ORDER]
        assert usual == sorted(usual, key=ORDER.index), (path, usual)


def forms(program, text):
    """In how many ways a program is used, a value being only V: of a page or of --help."""
    text = re.sub(r"\s+", " ", text).lower().replace(" | ", "|").replace(" ...", "...")
    text = re.sub(r"\[(--[a-z-]+) (?:[^][]|\[[^]]*\])+\]", r"[\1 V]", text)
    return {form.strip() for form in re.split(rf"(?:^| ){program} ", text) if form}


@tap.promise
def synopsis(env):
    "SYNOPSIS has what --help says of each command, with the same operands and brackets"
    tap.require("mandoc")
    for program, page in (("sasl-bearer", "sasl-bearer.1"), ("sasl-bearerd", "sasl-bearerd.8")):
        path = os.path.join(SRCDIR, "man", page)
        text = re.sub(".\b", "", env.run(["mandoc", "-T", "ascii", path]).stdout)
        written = forms(program, text.partition("SYNOPSIS\n")[2].partition("\nDESCRIPTION")[0])
        commands = {form.split()[0] for form in written} if page[-1] == "1" else {""}
        said = set()
        for command in commands:
            done = env.run([built(program), *command.split(), "--help"])
            said |= forms(program, re.match(r"usage: (.*(\n[\t ].*)*)", done.stdout)[1])
        assert len(said) > 2 and said == written, said ^ written


@tap.promise
def references():
    "what a page refers to exists: a page of ours, or one of the others it names on purpose"
    seen = set()
    for path in PAGES:
        text = text_of(path)
        here = [f"{name}.{section}" for name, section in
                re.findall(r"^\.Xr (\S+) (\d)", text, re.M) + re.findall(r" Xr (\S+) (\d)", text)]
        assert here, path
        unknown = set(here) - names() - set(OTHERS)
        assert not unknown, (path, unknown)
        seen |= set(here)
        headings = set(re.findall(r'^\.S[hs] "?(.*?)"?$', text, re.M))
        inside = {name.strip('"') for name in re.findall(r"^\.Sx (.*?)(?: [.,;:)])*$", text, re.M)}
        assert inside <= headings, (path, inside - headings)
    assert names() <= seen, ("no page refers to", names() - seen)


@tap.promise
def see_also_is_sorted():
    "SEE ALSO is by section, then by name, and has no page twice nor itself"
    for path in PAGES:
        text = text_of(path).partition(".Sh SEE ALSO\n")[2].partition("\n.Sh ")[0]
        found = [(section, name) for name, section in re.findall(r"^\.Xr (\S+) (\d)", text, re.M)]
        assert found == sorted(set(found)), (path, found)
        name, _, section = os.path.basename(path).rpartition(".")
        assert found and (section, name) not in found, path


@tap.promise
def words(env):
    "the same word is spelled in one way, the British one, on all pages"
    american = re.compile(r"\b(color|behavior|center|honor|synchroniz\w+|recogniz\w+|canceled"
                          r"|initializ\w+|normaliz\w+|licens(?=ed to)|catalog|analyz(?!er)\w+)\b", re.I)
    variants = re.compile(r"\b(e-mail|commandline|filename|time-out|sign-on|mail box"
                          r"|hostname|web site)s?\b", re.I)
    for path in PAGES:
        prose = "\n".join(line for line in text_of(path).splitlines()
                          if not line.startswith((".Li", ".Cm", ".Va", ".It", '.\\"')))
        for rule in (american, variants):
            found = rule.search(prose)
            assert not found, (path, found[0])


tap.main()
