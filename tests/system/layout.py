#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""layout - who may include and link what, and whether the manual has it all"""

import collections
import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import BUILDDIR, SRCDIR, built
from keys import make_key

FILE_MAX = 500
FUNCTION_MAX = 80
# What a directory may include: of ours, and of libraries beyond libc.
Rule = collections.namedtuple("Rule", "ours libraries")
INCLUDES = {
    "common": Rule([], []),
    "plugin": Rule(["common"], ["sasl"]),
    "helper/config": Rule(["common"], ["openssl"]),
    "helper/sandbox": Rule(["common"], ["seccomp.h"]),
    "helper/seal": Rule(["common"], ["openssl"]),
    "helper/health": Rule(["common"], []),
    "helper/daemon": Rule(["common", "helper/config", "helper/health", "helper/sandbox",
                           "helper/seal"],
                          ["openssl", "event2"]),
    "helper/explain": Rule([], []),
    "helper/fetch": Rule(["common", "helper/explain", "helper/sandbox", "helper/seal"],
                         ["curl", "json-c"]),
    "helper/sign": Rule(["common", "helper/sandbox"], ["openssl", "json-c"]),
    "helper/mail": Rule(["common"], ["openssl", "sasl"]),
    "helper/cli": Rule(["common", "helper/config", "helper/explain", "helper/health",
                        "helper/mail"],
                       ["openssl", "sasl", "json-c", "qrencode.h"]),
}
LIBRARIES = ("sasl", "openssl", "event2", "event.h", "curl", "json-c", "json.h", "seccomp.h",
             "qrencode.h", "systemd")
LIBC = {"libc", "libpthread", "ld-linux-x86-64", "ld-linux-aarch64", "libgcc_s"}
NEEDED = {
    "plugin/.libs/libsaslbearer.so": set(),
    "sasl-bearerd": {"libcrypto", "libevent_core-2.1", "libseccomp"},
    "sasl-bearer-fetch": {"libcurl", "libjson-c", "libcrypto", "libseccomp"},
    "sasl-bearer-sign": {"libcrypto", "libjson-c", "libseccomp"},
    "sasl-bearer": {"libcrypto", "libssl", "libsasl2", "libjson-c", "libqrencode"},
}


def text_of(path):
    with open(os.path.join(SRCDIR, path), encoding="utf-8") as f:
        return f.read()


def sources(directory):
    found = glob.glob(os.path.join(SRCDIR, directory, "*.[ch]"))
    assert found, directory
    return sorted(os.path.relpath(path, SRCDIR) for path in found)


def real(name):
    """A program as the linker made it: libtool may have put a script in its place."""
    directory, base = os.path.split(built(name))
    inner = os.path.join(directory, ".libs", base)
    return inner if os.path.exists(inner) else built(name)


@tap.promise
def every_directory():
    "every directory with C sources has a rule"
    found = {os.path.relpath(os.path.dirname(path), SRCDIR)
             for top in ("common", "plugin", "helper")
             for path in glob.glob(f"{SRCDIR}/{top}/**/*.c", recursive=True)}
    assert found == set(INCLUDES), found ^ set(INCLUDES)


@tap.promise
def includes():
    "each directory includes only what it may"
    wrong = []
    for directory, rule in INCLUDES.items():
        for path in sources(directory):
            text = text_of(path)
            for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, re.M):
                if name != "config.h" and os.path.dirname(name) not in [directory, *rule.ours]:
                    wrong.append(f'{path}: "{name}"')
            for name in re.findall(r"^\s*#\s*include\s+<([^>]+)>", text, re.M):
                library = name.partition("/")[0]
                if library in LIBRARIES and library not in rule.libraries:
                    wrong.append(f"{path}: <{name}>")
    assert not wrong, wrong


@tap.promise
def needed(env):
    "each built file needs only the libraries it may"
    tap.require("readelf")
    for name, allowed in NEEDED.items():
        done = env.run(["readelf", "-dW", real(name)])
        assert done.rc == 0, done
        found = {word.partition(".so")[0] for word in re.findall(r"\(NEEDED\).*\[(.*)\]", done.stdout)}
        if found & {"libasan", "libubsan"}:
            tap.skip("built with sanitizers")
        assert "libc" in found and found <= allowed | LIBC, (name, found)


@tap.promise
def exports(env):
    "libsaslbearer.so exports sasl_client_plug_init and nothing else"
    tap.require("readelf")
    done = env.run(["readelf", "--dyn-syms", "-W", built("plugin/.libs/libsaslbearer.so")])
    rows = [line.split() for line in done.stdout.splitlines()]
    names = {row[7] for row in rows
             if len(row) > 7 and row[4] in ("GLOBAL", "WEAK") and row[6] != "UND"}
    assert names == {"sasl_client_plug_init"}, names


def not_counted():
    """Skip where --enable-coverage makes the programs write counts."""
    if glob.glob(os.path.join(BUILDDIR, "common", ".libs", "*.gcno")):
        tap.skip("built for coverage")


def calls_of(env, name):
    """The functions that a built file takes from its libraries."""
    not_counted()
    tap.require("readelf")
    done = env.run(["readelf", "--dyn-syms", "-W", real(name)])
    found = {row[7].partition("@")[0] for row in map(str.split, done.stdout.splitlines())
             if len(row) > 7 and row[6] == "UND"}
    assert found, done
    return found


@tap.promise
def plugin_is_quiet(env):
    "libsaslbearer.so calls nothing that would show in a stranger's process"
    calls = calls_of(env, "plugin/.libs/libsaslbearer.so")
    forbidden = {"fork", "vfork", "chdir", "umask", "setlocale", "signal", "sigaction", "syslog",
                 "printf", "fprintf", "puts", "stdout", "stderr", "getenv", "select", "exit",
                 "abort", "system", "pthread_create", "alarm", "sleep"}
    assert not calls & forbidden, calls & forbidden


@tap.promise
def signer_is_alone(env):
    "sasl-bearer-sign opens no file but its libraries, connects to nobody and starts nothing"
    not_counted()
    tap.require("openssl", "strace")
    key, log = make_key(env.path("key")), env.path("strace")
    watched = "execve,openat,?open,socket,connect,?fork,?vfork,clone,?clone3"
    done = env.run(["sh", "-c", 'exec strace -f -qq -o "$1" -e "trace=$2" "$0" 3<"$3"',
                    real("sasl-bearer-sign"), log, watched, key],
                   input="protocol=1\noperation=check\n\n")
    assert done.rc == 0 and "status=ok" in done.stdout, done
    with open(log, encoding="utf-8") as f:
        calls = re.findall(r"^\d+ +(\w+)\((.*)", f.read(), re.M)
    loader = re.compile(r'"[^"]+/(ld\.so\.(cache|preload)|[^"/]+\.so(\.[0-9.]+)?)"')
    assert [name for name, words in calls if not loader.search(words)] == ["execve"], calls


def promises_of(script):
    """The functions of a system test that are promises."""
    return re.findall(r"^@tap\.promise\ndef (\w+)\(", text_of(f"tests/system/{script}.py"), re.M)


@tap.promise
def threats_are_tested():
    "every test that doc/THREATS.md names exists, and all that stops somebody has one"
    text = re.search("^## Who attacks$.*?^## ", text_of("doc/THREATS.md"), re.M | re.S)[0]
    rows = [re.split(r" ?\| ?", line)[1:-1] for line in text.splitlines() if line.startswith("| ")]
    named = 0
    for _, what, tests in rows:
        if tests == "tests":
            continue
        for part in filter(None, map(str.strip, tests.split(";"))):
            script, colon, names = part.partition(": ")
            if not colon:
                assert os.path.exists(os.path.join(SRCDIR, f"tests/unit/{script}.c")), part
            else:
                assert set(names.split(", ")) <= set(promises_of(script)), part
            named += 1
        assert tests.strip() or what.startswith(("nothing", "it ends")), what
    assert named > 60, named


def files_keys():
    """Every key of every configuration file."""
    keys = set(re.findall(r"\{KEY(?:_S)?\(\w+, (\w+)", text_of("helper/config/tables.c")))
    assert len(keys) > 30, keys
    return keys


@tap.promise
def keys_in_manual():
    "sasl-bearer.conf(5) has every key, and no other"
    page = text_of("man/sasl-bearer.conf.5").replace("\\\n", "")
    written = set()
    for line in re.findall(r"^\.It Cm (.*)$", page, re.M):
        written |= set(re.findall(r"[a-z_]+", line.partition(" Pq ")[0]))
    assert written == files_keys(), written ^ files_keys()


def options_of(env, *command):
    done = env.run([built(command[0]), *command[1:], "--help"])
    assert done.rc == 0, done
    return set(re.findall(r"--([a-z][a-z-]+)", done.stdout))


@tap.promise
def options_in_manual(env):
    "the manual has every option that --help shows, and every command"
    page = text_of("man/sasl-bearer.1")
    commands = re.findall(r"^  ([a-z]+) ", env.run([built("sasl-bearer")]).stdout, re.M)
    assert "login" in commands, commands
    options = set()
    for command in commands:
        assert re.search(rf"^\.(It|Ss|Nm|Ic|Cm).*\b{command}\b", page, re.M), command
        options |= options_of(env, "sasl-bearer", command)
    for text, known in ((page, options),
                        (text_of("man/sasl-bearerd.8"), options_of(env, "sasl-bearerd"))):
        written = set(re.findall(r"\bFl -([a-z][a-z-]+)", text))
        assert len(known) > 4 and known <= written, known - written


@tap.promise
def every_test_is_run():
    "make check has every script of tests/system, and every program of tests/unit and tests/fuzz"
    rules = set(re.findall(r"^\t(tests/\S+)", text_of("tests/Makefile.inc"), re.M))
    there = {os.path.relpath(path, SRCDIR)
             for path in glob.glob(os.path.join(SRCDIR, "tests/system/*.py"))}
    for pattern in ("tests/unit/test-*.c", "tests/fuzz/fuzz-*.c"):
        there |= {os.path.relpath(path, SRCDIR).removesuffix(".c")
                  for path in glob.glob(os.path.join(SRCDIR, pattern))}
    assert len(there) > 70 and there <= rules, there - rules


@tap.promise
def everything_is_released(env):
    "make dist has every file of the repository"
    files = env.run(["git", "-c", "safe.directory=*", "-C", SRCDIR, "ls-files"])
    if not files.stdout:
        tap.skip("not a git checkout")
    where = env.path("released")
    done = env.run(["make", "-s", "-C", BUILDDIR, "distdir", f"distdir={where}",
                    f"top_distdir={where}"])
    assert done.rc == 0, done
    there = {os.path.relpath(os.path.join(directory, name), where)
             for directory, _, names in os.walk(where) for name in names}
    missing = set(files.stdout.splitlines()) - there - {".gitignore"}
    assert len(there) > 300 and not missing, missing


@tap.promise
def sizes():
    "no source file is longer than 500 lines; functions above 80 are noted"
    long = []
    for directory in INCLUDES:
        for path in sources(directory):
            lines = text_of(path).splitlines()
            if len(lines) > FILE_MAX:
                long.append(f"{path}: {len(lines)} lines")
            start = None
            for number, line in enumerate(lines):
                if line == "{":
                    start = number
                elif line == "}" and start is not None:
                    if number - start > FUNCTION_MAX:
                        tap.note(f"{path}:{start}: a function of {number - start} lines")
                    start = None
    assert not long, long


tap.main()
