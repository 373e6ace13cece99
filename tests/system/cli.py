#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""cli - sasl-bearer: list, token, refresh, logout, and what every command shares"""

import base64
import contextlib
import glob
import json
import os
import pty
import re
import socket
import subprocess
import sys
import threading
import time
import unicodedata

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import protocol
import tap
from env import SRCDIR, built, environment, wait_for
from helper import Helper
from oauthd import OAuthServer, Reply

CLI = built("sasl-bearer")
ME = str(os.geteuid())
FIELDS = ["account", "user", "provider", "grant", "state", "token_id", "expires_at", "refresh_at",
          "refresh_token_age", "flow", "grant_expires_at", "client_secret_expires_at",
          "certificate_expires_at", "mailboxes", "storage", "unsaved", "rejected", "last_error",
          "error_since", "last_used"]
NUMBERS = {"expires_at", "refresh_at", "refresh_token_age", "grant_expires_at",
           "client_secret_expires_at", "certificate_expires_at", "mailboxes", "rejected",
           "error_since", "last_used"}


class World:
    """A helper with accounts: alice and bob by address, two for carol, one for a domain."""

    def __init__(self, env):
        self.env = env
        self.server = OAuthServer(tls=env.tls()).start()
        self.helper = Helper(env, self.server, {
            "alice@example.com": {"allow": "daemon"},
            "work": {"user": "bob@example.com", "services": "imap", "sasl_user": "shared@example.com"},
            "carol1": {"user": "carol@example.com", "services": "imap"},
            "carol2": {"user": "carol@example.com", "services": "smtp"},
            "domain": {"user": "*@example.net", "grant": "client_credentials", "allow": "daemon",
                       "services": "imap smtp", "hosts": "localhost",
                       "scope": "all/.default", "client_secret_file": None},
            "dead": {"user": "dead@example.com"},
        })
        for keys in self.helper.accounts.values():
            keys["allow"] = f"{keys.get('allow', '')} {ME}"
        self.helper.accounts["domain"]["client_secret_file"] = self.helper.secret_file("s", "secret")
        self.helper.start()
        for account, user in (("alice@example.com", "alice@example.com"),
                              ("work", "bob@example.com"), ("carol1", "carol@example.com"),
                              ("carol2", "carol@example.com"), ("dead", "dead@example.com")):
            self.grant(account, user)

    def grant(self, account, user):
        reply = self.helper.store(account, self.server.issue(user))
        assert reply["status"] == "ok", reply

    def cli(self, *words, **how):
        return self.helper.cli(*words, **how)


def columns(text):
    """How wide a terminal shows a text."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)


def on_terminal(command, out=True, err=True, **env):
    """Run with terminals as standard output and error, or files; returns what is written to both."""
    ends = [pty.openpty() if wanted else os.pipe() for wanted in (out, err)]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=ends[0][1], stderr=ends[1][1],
                   env=environment({"TERM": "xterm", **env}), timeout=30, check=False)
    texts = []
    for read, write in ends:
        os.close(write)
        text = b""
        with contextlib.suppress(OSError), open(read, "rb", buffering=0) as f:
            while more := f.read(4096):     # the end of a terminal is an error
                text += more
        texts.append(text.decode().replace("\r", ""))
    return texts


class FakeHelper:
    """A socket that answers each request with the same bytes."""

    def __init__(self, env, answer):
        self.path = env.path(env.name("fake"))
        self.answer, self.seen = answer, []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(8)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            with c:
                data = b""
                while not data.endswith(b"\n\n") and (more := c.recv(65536)):
                    data += more
                self.seen += protocol.decode(data)
                with contextlib.suppress(OSError):      # who has read enough may be gone
                    c.sendall(self.answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def answer(*messages):
    return b"".join(protocol.encode({"protocol": 1, **m}) for m in messages)


@tap.promise
def manual_has_options():
    "sasl-bearer(1) has every option of every command, and no other"
    with open(os.path.join(SRCDIR, "man/sasl-bearer.1"), encoding="utf-8") as f:
        text = f.read()
    written = set(re.findall(r"^\.It Fl -([a-z-]+)", text, re.M))
    source = ""
    for path in glob.glob(os.path.join(SRCDIR, "helper/cli/c*.c")):
        with open(path, encoding="utf-8") as f:
            source += f.read()
    known = set(re.findall(r'\{"([a-z-]+)", (?:&|NULL, &|no_arg|required_arg)', source))
    assert len(known) > 15, known
    assert written == known, written ^ known


@tap.promise
def usage(world):
    "a wrong command line is one line on stderr, and 64"
    for words in (("nonsense",), ("list", "x"), ("token",), ("token", "a", "b"), ("refresh",),
                  ("token", "--hots", "x", "a"), ("token", "--host"), ("--wrong",), ("logout",),
                  ("token", "--format", "yaml", "alice@example.com"), ("login",), ("token", ""),
                  ("login", "--provider", "list", "alice@example.com")):
        done = world.cli(*words)
        assert done.rc == 64, (words, done)
        assert not done.stdout, (words, done)
        assert re.fullmatch(r"sasl-bearer: [^\n]+\n", done.stderr), (words, done)


@tap.promise
def next_step(world):
    "typical mistakes are answered with what to do instead"
    for words, rc, text in (
            (("token", "alice"), 77, 'did you mean "alice@example.com"?'),
            (("token", "ALICE@example.com"), 77, 'did you mean "alice@example.com"?'),
            (("refresh", "wrok"), 77, 'did you mean "work"?'),
            (("token", "bbo@example.com"), 77, 'did you mean "work"?'),
            (("token", "xyzzy"), 77, '"sasl-bearer list" shows those there are'),
            (("token",), 64, 'USER is missing, an account or its address; see "sasl-bearer token'),
            (("probe",), 64, "USER is missing"), (("tunnel",), 64, "USER is missing"),
            (("probe", "work"), 64, "the service is missing: imap, pop or smtp"),
            (("tunnel", "work", "imap", "a", "b"), 64, "too many arguments"),
            (("probe", "imap", "work"), 64, "the account comes first: sasl-bearer probe work imap"),
            (("setup", "work", "mutt"), 64, "the program comes first: sasl-bearer setup mutt work"),
            (("token", "--service", "ftp", "work"), 64, "it is imap, pop or smtp"),
            (("tunnel", "carol2", "smtp"), 64, "as its last word"),
            (("status",), 64, 'did you mean "list"?'), (("version",), 64, '"--version"'),
            (("login", "--provider", "tset", "a@b.c"), 78, "tset"),
            (("login", "--provider", "test", "a@b.c"), 64, "say --client-id, too"),
            (("login", "--provider", "test", "--client-id", "x", "--allow", "nobodyatall", "a@b.c"),
             67, 'there is no user "nobodyatall"')):
        done = world.cli(*words)
        assert done.rc == rc and text in done.stderr, (words, done)
        assert re.fullmatch(r"sasl-bearer: [^\n]{20,300}\n", done.stderr), (words, done)
        assert not done.stdout or words[0] == "tunnel", (words, done)   # it tells the program, too


@tap.promise
def nothing_yet(world):
    "somebody without any account is told how to get one, and that there are two helpers"
    with FakeHelper(world.env, answer({"status": "ok"}, {"status": "ok", "count": 0})) as fake:
        done = world.env.run([CLI, "--user", "token", "x"], env={"SASL_BEARER_SOCKET": fake.path})
        assert done.rc == 77 and '"sasl-bearer login" makes one' in done.stderr, done
        assert "--system" not in done.stderr, done      # the socket is named


@tap.promise
def help_and_version(world):
    "--help and --version work before and after the command; alone it is as --help"
    for words in ((), ("--help",), ("--version",), ("list", "--help"), ("token", "--version"),
                  ("--help", "login")):
        done = world.env.run([CLI, *words])
        assert done.rc == 0, (words, done)
        assert done.stdout and not done.stderr, (words, done)
    done = world.env.run([CLI])
    assert done.stdout == world.env.run([CLI, "--help"]).stdout, done
    for command in ("login", "logout", "list", "token", "refresh"):
        assert f"  {command} " in done.stdout, done.stdout


@tap.promise
def help_is_a_command(world):
    "`help COMMAND` says what `COMMAND --help` says, and `help` alone shows the map"
    commands = re.findall(r"^  ([a-z]+) ", world.env.run([CLI]).stdout, re.M)
    assert len(commands) > 7, commands
    for command in commands + ["help"]:
        done = world.env.run([CLI, "help", command])
        assert done.rc == 0 and command in done.stdout, done
        assert done == world.env.run([CLI, command, "--help"]), command
    assert world.env.run([CLI, "help"]) == world.env.run([CLI])


@tap.promise
def map_fits(world):
    "the map of the commands fits a terminal of 24 lines, with a prompt, and has headings"
    lines = world.env.run([CLI]).stdout.expandtabs().splitlines()
    assert len(lines) <= 23 and max(map(len, lines)) <= 80, lines
    headings = [n for n, line in enumerate(lines[:-4]) if n > 0 and re.match("[a-z]", line)]
    assert len(headings) > 3, lines
    for n in headings:
        assert re.match("  [a-z]+ +[a-z]", lines[n + 1]), lines[n:n + 2]
    assert "sasl-bearer(1)" in lines[-1], lines


@tap.promise
def near_misses(world):
    "a command or option that is not known brings up the one that was probably meant"
    for words, near in ((("tokn",), "token"), (("tok",), "token"), (("lsit",), "list"),
                        (("help", "refesh"), "refresh"), (("--sokcet", "x"), "--socket"),
                        (("token", "--hots", "x", "a"), "--host"), (("list", "--jsn"), "--json"),
                        (("list", "--sytem=1"), "--system")):
        done = world.env.run([CLI, *words])
        assert done.rc == 64 and f'did you mean "{near}"?' in done.stderr, (words, done)
    for words in (("xyzzy",), ("list", "--xyzzy"), ("list", "-x"), ("list", "", "-é")):
        done = world.env.run([CLI, *words])
        assert done.rc == 64 and "did you" not in done.stderr and not done.stdout, (words, done)
    done = world.env.run([CLI, "--s", "list"])
    assert done.rc == 64 and "several options begin with" in done.stderr, done


@tap.promise
def help_fits(world):
    "what --help prints fits 80 columns, and names every option of the command"
    for command in ((), ("login",), ("logout",), ("list",), ("token",), ("refresh",)):
        done = world.env.run([CLI, *command, "--help"])
        for line in done.stdout.expandtabs().splitlines():
            assert len(line) <= 80, (command, line)
        source = os.path.join(SRCDIR, f"helper/cli/cmd-{command[0]}.c" if command else "helper/cli/cli.c")
        with open(source, encoding="utf-8") as f:
            options = re.findall(r'\{"([a-z-]+)", (?:&|NULL, &|no_arg|required_arg)', f.read())
        assert options or command in (("refresh",),), command
        for option in options:
            assert "--" + option in done.stdout, (command, option, done.stdout)


@tap.promise
def common_options(world):
    "--socket works before and after the command, and beats the environment"
    for words in (("--socket", world.helper.socket, "token", "alice@example.com"),
                  ("token", "alice@example.com", "--socket", world.helper.socket),
                  ("token", "--socket=" + world.helper.socket, "alice@example.com")):
        done = world.env.run([CLI, *words], env={"SASL_BEARER_SOCKET": "/nonexistent"})
        assert done.rc == 0, done
    done = world.env.run([CLI, "token", "alice@example.com"],
                         env={"SASL_BEARER_SOCKET": world.helper.socket})
    assert done.rc == 0, done


@tap.promise
def no_helper(world):
    "without a helper: one line with the socket and what to do, and 75"
    for options, text in ((("--system",), "start sasl-bearerd"), (("--user",), "sasl-bearerd --user")):
        done = world.env.run([CLI, *options, "--socket", "/nonexistent/socket", "list"])
        assert done.rc == 75, done
        assert re.fullmatch(r"sasl-bearer: [^\n]*/nonexistent/socket: [^\n]*" + text + r"[^\n]*\n",
                            done.stderr), done


@tap.promise
def token_raw(world):
    "token prints the token and a line feed, by account, by address and by domain"
    for operand, in (("alice@example.com",), ("work",), ("bob@example.com",),
                     ("somebody@example.net",)):
        done = world.cli("token", operand)
        assert done.rc == 0, done
        assert done.stdout[:-1] in world.server.access and done.stdout[-1] == "\n", done


@tap.promise
def token_formats(world):
    "token prints the responses of both mechanisms in base64, and JSON"
    raw = world.cli("token", "work").stdout.strip()
    done = world.cli("token", "--format", "xoauth2", "work")
    assert base64.b64decode(done.stdout, validate=False).decode() == (
        f"user=shared@example.com\1auth=Bearer {raw}\1\1"), done
    assert done.stdout.count("\n") == 1
    done = world.cli("token", "--format", "oauthbearer", "--host", "localhost", "--service", "imap",
                     "work")
    assert base64.b64decode(done.stdout).decode() == (
        f"n,a=shared@example.com,\1host=localhost\1auth=Bearer {raw}\1\1"), done
    value = json.loads(world.cli("token", "--format", "json", "work").stdout)
    assert value["access_token"] == raw and value["sasl_user"] == "shared@example.com", value
    assert value["expires_at"] > time.time() and re.fullmatch("[0-9a-f]{16}", value["token_id"])
    assert set(value) == {"access_token", "expires_at", "sasl_user", "token_id"}


@tap.promise
def token_denied(world):
    "token for a host or service that is not the account's: 77 and the reason"
    done = world.cli("token", "--host", "evil.example", "--service", "imap", "work")
    assert done.rc == 77, done
    assert "evil.example" in done.stderr and "hosts" in done.stderr, done
    done = world.cli("token", "--service", "smtp", "--host", "localhost", "work")
    assert done.rc == 77, done


@tap.promise
def candidates(world):
    "an address that several accounts have: 64, and their names"
    done = world.cli("token", "carol@example.com")
    assert done.rc == 64, done
    assert "carol1, carol2" in done.stderr, done
    assert world.cli("token", "carol2").rc == 0
    done = world.cli("token", "nobody@example.com")
    assert done.rc == 77, done
    assert "sasl-bearer list" in done.stderr, done


@tap.promise
def list_table(world):
    "list fits into 80 columns, is aligned, and shows errors below the table"
    world.server.revoke("dead@example.com")
    assert world.cli("refresh", "dead").rc == 69
    done = world.cli("list")
    assert done.rc == 0, done
    table, errors, plain = done.stdout.split("\n\n")
    lines = table.splitlines()
    assert len(lines) == 7, lines
    assert max(map(len, lines)) <= 80, lines
    column = lines[0].index("STATE")
    assert all(line[column - 2:column] == "  " and line[column] != " " for line in lines), lines
    assert re.search(r"in \d+ min", table), table
    assert errors.startswith("dead: ") and errors.count("\n") == 0, errors
    assert "sasl-bearer login" in errors, errors
    assert plain == "stored unencrypted: all\n", plain


@tap.promise
def list_json(world):
    "list --json: an array of objects, numbers as numbers, null for what is not known"
    world.cli("token", "alice@example.com")     # one that nobody uses is refreshed later
    world.server.revoke("dead@example.com")
    world.cli("refresh", "dead")
    done = world.cli("list", "--json")
    assert done.rc == 0, done
    accounts = {a["account"]: a for a in json.loads(done.stdout)}
    assert set(accounts) == set(world.helper.accounts)
    for a in accounts.values():
        assert list(a) == FIELDS, a
        for name, value in a.items():
            assert value is None or isinstance(value, int if name in NUMBERS else str), (name, value)
    alice, dead = accounts["alice@example.com"], accounts["dead"]
    assert alice["state"] == "fresh" and alice["last_error"] is None, alice
    assert alice["expires_at"] > alice["refresh_at"] > time.time(), alice
    assert dead["state"] == "login_required" and dead["last_error"], dead
    assert accounts["domain"]["refresh_token_age"] is None, accounts["domain"]


@tap.promise
def colours(world):
    "colours are for terminals, each stream by itself, and not with NO_COLOR or TERM=dumb"
    command = [CLI, "--config", world.helper.config, "list"]
    wrong = [CLI, "--config", world.helper.config, "list", "nonsense"]
    out, _ = on_terminal(command)
    assert "\033[32mfresh" in out and "\033[1mACCOUNT" in out, out
    plain = re.sub(r"\033\[\d+m", "", out)
    for how in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": None}, {"out": False}):
        text = on_terminal(command, **how)[0]
        assert re.sub(r"\d+", "0", text) == re.sub(r"\d+", "0", plain), (how, text, plain)
    assert "\033[" in on_terminal(command, NO_COLOR="")[0], "NO_COLOR is empty, so not set"
    assert "\033[31msasl-bearer:\033[0m" in on_terminal(wrong, out=False)[1]
    assert "\033[" not in on_terminal(wrong, err=False)[1]


@tap.promise
def list_of_others(world):
    "others list only what is for them"
    if os.geteuid() != 0:
        tap.skip("needs another uid")
    done = world.env.run([CLI, "--socket", world.helper.socket, "--system", "list", "--json"],
                         uid="bin")
    assert done.rc == 0, done
    assert json.loads(done.stdout) == [], done
    done = world.env.run([CLI, "--socket", world.helper.socket, "--system", "token",
                          "alice@example.com"], uid="bin")
    assert done.rc == 77, done


@tap.promise
def list_cut_off(world):
    "a list that ends too early is an error, not a short list"
    one = {"account": "a", "user": "a", "state": "fresh"}
    for messages, rc in (([{"status": "ok"}, one], 75), ([{"status": "ok"}], 75),
                         ([{"status": "ok"}, one, {"status": "ok", "count": 2}], 75),
                         ([{"status": "denied", "reason": "no"}], 77),
                         ([{"status": "ok"}, one, {"status": "temporary", "reason": "x"}], 75),
                         ([{"status": "wonderful"}], 70),
                         ([{"status": "ok"}, one, {"status": "ok", "count": 1}], 0)):
        with FakeHelper(world.env, answer(*messages)) as fake:
            for words in (("list",), ("list", "--json")):
                done = world.env.run([CLI, "--socket", fake.path, *words])
                assert done.rc == rc, (messages, done)
                assert bool(done.stdout) == (rc == 0), (messages, done)


@tap.promise
def list_wide(world):
    "names of any length and alphabet are cut between characters, to 40, 80 or 200 columns"
    rows = [{"account": "a" * 64, "user": "ü" * 100, "provider": "p" * 60, "state": "login_required",
             "last_used": 1}, {"account": "é", "user": "日本@example.com", "state": "fresh"},
            {"account": "w", "user": "日本語" * 30, "provider": "e\u0301" * 20, "state": "fresh"}]
    text = answer({"status": "ok"}, *rows, {"status": "ok", "count": 3})
    with FakeHelper(world.env, text) as fake:
        for width in (40, 80, 200):
            for locale in ("C.UTF-8", "C"):
                done = world.env.run([CLI, "--socket", fake.path, "list"],
                                     env={"COLUMNS": str(width), "LC_ALL": locale})
                assert done.rc == 0, done
                lines = done.stdout.splitlines()
                assert max(map(columns, lines)) <= width, done.stdout
                assert "\ufffd" not in done.stdout, done.stdout
                state = lines[0].index("STATE")
                for line in lines[1:]:      # aligned on the screen, not in bytes
                    before = next(n for n in range(len(line)) if columns(line[:n]) == state)
                    assert line[before:].startswith(("fresh", "login")[line[0] == "a"]) or (
                        width == 40 and line[before - 1] == " "), (state, line)
        done = world.env.run([CLI, "--socket", fake.path, "list"], env={"COLUMNS": "300"})
        assert "a" * 64 in done.stdout and "ü" * 100 in done.stdout, done.stdout


@tap.promise
def list_names(world):
    "list --names prints the accounts alone, one in a line, and fails without a helper"
    done = world.cli("list", "--names")
    assert done.rc == 0 and sorted(done.stdout.split("\n")[:-1]) == sorted(world.helper.accounts), done
    done = world.env.run([CLI, "--socket", "/nonexistent", "list", "--names"])
    assert done.rc == 75 and not done.stdout, done
    done = world.cli("list", "--names", "--json")
    assert done.rc == 64, done


# What scripts read: the members of each object, in order, with their types.
TEXT, MAYBE, NUMBER, MAYBE_NUMBER, WORDS, OBJECTS = (
    "text", "text?", "number", "number?", "words", "objects")
SHAPES = {
    "list": {name: MAYBE_NUMBER if name in NUMBERS else MAYBE for name in FIELDS},
    "token": {"access_token": TEXT, "expires_at": NUMBER, "sasl_user": TEXT, "token_id": MAYBE},
    "refresh": {"account": TEXT, "user": TEXT, "expires_at": MAYBE_NUMBER},
    "logout": {"account": TEXT, "revoked": MAYBE, "reason": MAYBE},
    "check": {"status": TEXT, "accounts": NUMBER, "next_expiry": MAYBE_NUMBER, "problems": OBJECTS},
    "problems": {"account": TEXT, "severity": TEXT, "what": TEXT, "text": TEXT, "remedy": TEXT,
              "at": MAYBE_NUMBER},
    "explain": {"about": TEXT, "means": TEXT, "who": TEXT, "remedy": TEXT},
    "doctor": {"check": TEXT, "subject": TEXT, "status": TEXT, "text": TEXT, "remedy": MAYBE},
    "providers": {"name": TEXT, "title": MAYBE, "ways": WORDS, "needs": MAYBE},
}


def has_shape(value, shape):
    """The object has these members and no others, in this order."""
    assert list(value) == list(shape), (list(value), list(shape))
    for name, kind in shape.items():
        v = value[name]
        if v is None:
            assert kind.endswith("?"), (name, value)
        elif kind == WORDS:
            assert isinstance(v, list) and all(isinstance(word, str) for word in v), (name, v)
        elif kind == OBJECTS:
            for part in v:
                has_shape(part, SHAPES[name])
        else:
            assert isinstance(v, str if kind.startswith("text") else int), (name, v)
            assert not isinstance(v, bool) and v != "", (name, v)


@tap.promise
def json_shapes(world):
    "what --json prints is a contract: one value, its members, their order and types"
    world.cli("token", "work")
    for account in json.loads(world.cli("list", "--json").stdout):
        has_shape(account, SHAPES["list"])
    has_shape(json.loads(world.cli("token", "--json", "work").stdout), SHAPES["token"])
    # a token may be renewed between the two
    wait_for(lambda: world.cli("token", "--format", "json", "work").stdout
             == world.cli("token", "--json", "work").stdout, what="two ways, one output")
    done = world.cli("refresh", "--json", "work")
    has_shape(json.loads(done.stdout), SHAPES["refresh"])
    assert json.loads(done.stdout)["expires_at"] > time.time(), done
    world.grant("carol2", "carol@example.com")
    for words in (("--keep-grant",), ()):
        done = world.cli("logout", "--json", *words, "carol2")
        has_shape(json.loads(done.stdout), SHAPES["logout"])
    world.grant("carol2", "carol@example.com")


@tap.promise
def json_lists(world):
    "check, explain and doctor --json: objects of one shape, whatever they find"
    world.server.revoke("dead@example.com")
    world.cli("refresh", "dead")
    found = json.loads(world.cli("check", "--json").stdout)
    has_shape(found, SHAPES["check"])
    assert found["problems"], found
    for command, words in (("explain", ("AADSTS50173", "5.7.139")),
                           ("explain", ("--list",)), ("doctor", ("work",))):
        done = world.cli(command, "--json", *words)
        found = json.loads(done.stdout)
        assert found, done
        for value in found:
            section = {"section": TEXT} if words == ("--list",) else {}
            has_shape(value, {**section, **SHAPES[command]})


@tap.promise
def json_providers(world):
    "login --provider list --json has every provider; without the list there is no --json"
    conf = world.env.write("providers.conf", f"providers_dir = {SRCDIR}/providers\n")
    done = world.env.run([CLI, "--config", conf, "login", "--provider", "list", "--json"])
    found = json.loads(done.stdout)
    for provider in found:
        has_shape(provider, SHAPES["providers"])
    files = [os.path.basename(path).removesuffix(".conf")
             for path in glob.glob(os.path.join(SRCDIR, "providers/*.conf"))]
    assert sorted(files) == [provider["name"] for provider in found], found
    done = world.env.run([CLI, "--config", conf, "login", "--json", "a@example.com"])
    assert done.rc == 64 and not done.stdout and "--provider list" in done.stderr, done


@tap.promise
def json_errors(world):
    "an error with --json is the same line and exit code, and nothing on standard output"
    for words, rc in ((("token", "--json", "nobody"), 77), (("refresh", "--json", "nobody"), 77),
                      (("logout", "--json", "nobody"), 77), (("list", "--json", "x"), 64),
                      (("probe", "--json", "nobody", "imap"), 77)):
        done = world.cli(*words)
        assert done.rc == rc and not done.stdout, (words, done)
        assert re.fullmatch(r"sasl-bearer: [^\n]+\n", done.stderr), (words, done)


@tap.promise
def bad_reply(world):
    "a reply that is not a message: 75 and no crash"
    for text in (b"", b"\n\n", b"protocol=2\nstatus=ok\n\n", b"x" * 100000,
                 b"protocol=1\nstatus=ok\1\n\n"):
        with FakeHelper(world.env, text) as fake:
            for words in (("list",), ("token", "a"), ("refresh", "a"), ("logout", "a")):
                done = world.env.run([CLI, "--socket", fake.path, *words])
                assert done.rc == 75, (text[:30], done)
                assert done.stderr.startswith("sasl-bearer: no answer from the helper"), done


@tap.promise
def refresh(world):
    "W3: `refresh` replaces a token that has not ended, at once, and waits for the new one"
    before = world.cli("token", "work").stdout
    done = world.cli("refresh", "work")
    assert done.rc == 0, done
    assert "work: new token" in done.stdout, done
    assert world.cli("token", "work").stdout != before


@tap.promise
def refresh_fails(world):
    "refresh exits with 75, 69 or 78, with the provider's words"
    for reply, rc in ((Reply(503), 75), (Reply.error("invalid_grant", "gone away"), 69),
                      (Reply.error("invalid_client", "AADSTS7000222: expired", 401), 78)):
        world.server.script("token", reply)
        done = world.cli("refresh", "carol1")
        assert done.rc == rc, (rc, done)
        assert re.fullmatch(r"sasl-bearer: [^\n]+\n", done.stderr), done
    world.grant("carol1", "carol@example.com")


@tap.promise
def logout(world):
    "logout revokes, forgets, and says that the account's file stays"
    token = world.helper.state("work")["refresh_token"]
    done = world.cli("logout", "work")
    assert done.rc == 0, done
    assert f"{world.helper.config_dir}/accounts.d/work.conf stays" in done.stdout, done
    assert world.server.refresh[token].revoked and "has revoked the grant" in done.stdout, done
    assert "refresh_token" not in (world.helper.state("work") or {})
    assert world.cli("token", "work").rc == 69


@tap.promise
def logout_keeps_grant(world):
    "logout --keep-grant does not revoke"
    token = world.helper.state("carol2")["refresh_token"]
    seen = len(world.server.seen("revoke"))
    assert world.cli("logout", "--keep-grant", "carol2").rc == 0
    assert not world.server.refresh[token].revoked
    assert len(world.server.seen("revoke")) == seen


@tap.promise
def w7_no_secrets(world):
    "W7: no token and no secret in what was printed or logged"
    log = world.helper.log()
    secrets = [*world.server.access, *world.server.refresh, "hunter2"]
    assert not [s for s in secrets if s in log]


@tap.promise
def output_errors(world):
    "an output that cannot be written is an error"
    with open("/dev/full", "w", encoding="ascii") as full:
        for words in (("list",), ("token", "alice@example.com"), ("list", "--json")):
            done = subprocess.run([CLI, "--socket", world.helper.socket, *words], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=30, check=False)
            assert done.returncode == 74, (words, done)
            assert "cannot write the output" in done.stderr, done


tap.main(World)
