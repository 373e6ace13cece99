#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""completion - what bash, zsh and fish offer when somebody presses the tabulator key"""

import glob
import os
import re
import shutil
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import BUILDDIR, SRCDIR, built
from helper import Helper
from oauthd import OAuthServer
from screen import Screen

CLI = built("sasl-bearer")
ALICE, BOB = "alice@example.com", "work"
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"


class World:
    """A helper with two accounts, and the completions as they are installed."""

    def __init__(self, env):
        self.env = env
        self.server = OAuthServer(tls=env.tls()).start()
        allow = {"allow": str(os.geteuid())}
        self.helper = Helper(env, self.server, {ALICE: allow, BOB: {**allow, "user": "bob@example.com"}})
        self.helper.start()
        self.tokens = self.helper.store(ALICE, self.server.issue(ALICE))
        self.root = env.mkdir("root")
        done = env.run(["make", "-C", BUILDDIR, f"DESTDIR={self.root}",
                        *(f"install-{shell}completionDATA" for shell in ("bash", "zsh", "fish"))])
        assert done.rc == 0, done

    def installed(self, name, base):
        """The directory, of all that are installed, that ends in that name and has that file."""
        found = glob.glob(f"{self.root}/**/{name}/{base}", recursive=True)
        assert len(found) == 1, (name, base, found)
        return os.path.dirname(found[0])

    def complete(self, *words, **env):
        """{candidate: description} of what may come in the place of the last word."""
        done = self.env.run([CLI, "complete", "--", *words],
                            env={"SASL_BEARER_SOCKET": self.helper.socket, **env})
        assert done.rc == 0 and not done.stderr, done
        lines = [line.partition("\t") for line in done.stdout.splitlines()]
        assert len({line[0] for line in lines}) == len(lines), ("twice", done)
        return {line[0]: line[2] for line in lines}


def commands(world):
    """The commands in the map, and the one that prints it."""
    return re.findall(r"^  ([a-z]+) ", world.env.run([CLI]).stdout, re.M) + ["help"]


def options(text):
    return set(re.findall(r"--[a-z][a-z-]*", text))


# ---- what may come: the program itself knows


@tap.promise
def every_command(world):
    "after the program's name come all commands, each with what it does"
    found = world.complete("")
    assert set(found) == set(commands(world)) and all(found.values()), found
    assert set(world.complete("--socket", world.helper.socket, "")) == set(found)
    assert set(world.complete("help", "")) == set(found)


@tap.promise
def every_option(world):
    "after a dash come the options that --help of the command shows: none is missing or invented"
    assert options(world.env.run([CLI, "--help"]).stdout) == set(world.complete("-"))
    for command in commands(world):
        shown = options(world.env.run([CLI, command, "--help"]).stdout)
        offered = set(world.complete(command, "-"))
        assert shown == offered and len(shown) >= 6, (command, shown ^ offered)


@tap.promise
def every_option_is_taken(world):
    "every option that is offered is one that the command knows"
    for command in commands(world):
        for option in world.complete(command, "-"):
            done = world.env.run([CLI, command, option + "=x", "--nonsense"])
            assert "unknown option" not in done.stderr or "--nonsense" in done.stderr, done


@tap.promise
def accounts(world):
    "where USER stands the accounts of the helper come, with their provider, and nothing secret"
    for words in (("token",), ("refresh",), ("logout",), ("probe",), ("tunnel",), ("setup", "mutt"),
                  ("token", "--format", "raw"), ("token", "--json"), ("--system", "token")):
        found = world.complete(*words, "")
        assert found == {ALICE: "test", BOB: "test"}, (words, found)
    for option in (("--socket", world.helper.socket), ("--socket=" + world.helper.socket,)):
        assert ALICE in world.complete(*option, "token", "", SASL_BEARER_SOCKET="/nonexistent"), option
    assert world.complete("token", ALICE, "") == {}
    assert world.complete("list", "") == {}


@tap.promise
def values(world):
    "values come after their option, beside it too, and go on behind a comma"
    services, formats = {"imap", "pop", "smtp"}, {"raw", "xoauth2", "oauthbearer", "json"}
    assert set(world.complete("token", "--service", "")) == services
    assert set(world.complete("token", "--format", "")) == formats
    assert set(world.complete("token", "--format=")) == {f"--format={name}" for name in formats}
    assert set(world.complete("login", "--services", "imap,")) == {f"imap,{n}" for n in services}
    assert set(world.complete("probe", ALICE, "")) == services
    assert set(world.complete("setup", "--with", "")) == {"plugin", "token", "tunnel"}
    assert {"mutt", "postfix", "generic"} <= set(world.complete("setup", ""))
    for words in (("--config", ""), ("--config=/e",), ("import", ""), ("import", "a", ""), ("login", "--client-secret-file", ""),
                  ("probe", "--ca-file", "")):
        assert set(world.complete(*words)) == {":files"}, words
    for words in (("login", "--tenant", ""), ("nonsense", ""), ("token", "--nonsense", "a", "")):
        assert world.complete(*words) == {}, words


@tap.promise
def providers(world):
    "login --provider has those there are, and the list of them; one of two directories once"
    own = world.env.write("own.d/microsoft.conf", "title = Ours\n")
    conf = world.env.write("providers.conf",
                           f"providers_dir = {os.path.dirname(own)} {SRCDIR}/providers\n")
    files = glob.glob(os.path.join(SRCDIR, "providers/*.conf"))
    wanted = {os.path.basename(path).removesuffix(".conf") for path in files} | {"list"}
    for option in (("--config", conf), ("--config=" + conf,)):
        assert set(world.complete(*option, "login", "--provider", "")) == wanted, option


@tap.promise
def without_helper(world):
    "a helper that is not there, or hangs, gives no account, no error, and ends in seconds"
    done = world.env.run([CLI, "complete", "--", "token", ""], env={"SASL_BEARER_SOCKET": "/nonexistent"})
    assert done == (0, "", ""), done
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path := world.env.path("hangs"))
        s.listen(8)
        done = world.env.run(["timeout", "20", CLI, "complete", "--", "token", ""],
                             env={"SASL_BEARER_SOCKET": path})
        assert done == (0, "", ""), done


@tap.promise
def daemon_options(world):
    "for sasl-bearerd each shell has the options of its --help, and no other"
    wanted = options(world.env.run([built("sasl-bearerd"), "--help"]).stdout)
    for name, pattern in (("bash/sasl-bearerd", r"--[a-z]+"), ("_sasl-bearer", r"'(--[a-z]+)\["),
                          ("sasl-bearerd.fish", r"-l ([a-z]+)")):
        with open(os.path.join(SRCDIR, "contrib/completion", name), encoding="utf-8") as f:
            found = set(re.findall(pattern, re.sub("(?m)^#.*|compgen -f --", "", f.read())))
        assert {"--" + word.lstrip("-") for word in found} == wanted, (name, found, wanted)


# ---- the shells, on a terminal


class Shell:
    """A shell that waits for keys."""

    def __init__(self, world, command, setup):
        tap.require(command[0], "tmux")
        env = world.env
        share = world.installed("bash-completion/completions", "sasl-bearer")
        self.screen = Screen(env, [        # tmux has its own idea of PATH
            "env", f"PATH={BUILDDIR}:{os.environ['PATH']}", "TERM=screen",
            f"SASL_BEARER_SOCKET={world.helper.socket}",
            f"XDG_DATA_DIRS={share.removesuffix('/bash-completion/completions')}:/usr/share",
            *command])
        self.screen.wait(r"[$#%>]\s*\Z")     # its own prompt
        self.screen.keys(f". {env.write(env.name('rc'), setup)}", "Enter").wait(r"(?m)^ready:\s*\Z")
        self.files = env.mkdir(env.name("files"))
        env.write(f"{self.files}/certificates.pem", "")

    def types(self, text):
        """Type a text on a line and a screen that have nothing else: a key is pressed
        when what the one before did is there, as by a person who looks."""
        self.screen.keys("C-u", "C-l").wait(r"\Aready:\s*\Z")
        self.screen.keys(text).wait(rf"\Aready: {re.escape(text.rstrip())}\s*\Z")

    def becomes(self, typed, line):
        """Typed, and with the tabulator key, the line becomes that."""
        self.types(typed)
        self.screen.keys("Tab").wait(rf"ready: {re.escape(line)}\s*\n")

    def offers(self, typed, *words):
        """Typed, and with the tabulator key twice, the screen shows the words."""
        self.types(typed)
        self.screen.keys("Tab", "Tab")
        for word in words:
            self.screen.wait(rf"(?m)(^|\s){re.escape(word)}(\s|$)")

    def check(self, world):
        """What a person may press."""
        self.offers("sasl-bearer ", *commands(world))
        self.becomes("sasl-bearer tok", "sasl-bearer token")
        self.becomes("sasl-bearer token --for", "sasl-bearer token --format")
        self.becomes("sasl-bearer token --format xo", "sasl-bearer token --format xoauth2")
        self.becomes("sasl-bearer token --format=xo", "sasl-bearer token --format=xoauth2")
        self.becomes("sasl-bearer token al", f"sasl-bearer token {ALICE}")
        self.becomes("sasl-bearer token alice@ex", f"sasl-bearer token {ALICE}")
        self.offers("sasl-bearer token ", ALICE, BOB)
        self.becomes(f"sasl-bearer probe {ALICE} im", f"sasl-bearer probe {ALICE} imap")
        self.becomes("sasl-bearer login --services imap,sm", "sasl-bearer login --services imap,smtp")
        self.becomes("sasl-bearer setup postf", "sasl-bearer setup postfix")
        for option in ("--ca-file ", "--ca-file="):
            self.becomes(f"sasl-bearer probe {option}{self.files}/cert",
                         f"sasl-bearer probe {option}{self.files}/certificates.pem")
        self.becomes("sasl-bearerd --fore", "sasl-bearerd --foreground")
        self.becomes(f"sasl-bearerd --config {self.files}/cert",
                     f"sasl-bearerd --config {self.files}/certificates.pem")


@tap.promise
def bash(world):
    "bash without the package bash-completion: the files alone do"
    where = world.installed("bash-completion/completions", "sasl-bearer")
    Shell(world, ["bash", "--norc", "--noprofile"],
          f"PS1='ready: '; . {where}/sasl-bearer; . {where}/sasl-bearerd\n").check(world)


@tap.promise
def bash_completion(world):
    "bash with bash-completion, which loads them where they are installed"
    tap.need(os.path.exists(BASH_COMPLETION), "bash-completion")
    Shell(world, ["bash", "--norc", "--noprofile"],
          f"PS1='ready: '; . {BASH_COMPLETION}\n").check(world)


@tap.promise
def zsh(world):
    "zsh, with its completion system"
    where = world.installed("zsh/site-functions", "_sasl-bearer")
    Shell(world, ["zsh", "-f"], f"PS1='ready: '; fpath=({where} $fpath); autoload -U compinit;"
          " compinit -u -D\n").check(world)


@tap.promise
def fish(world):
    "fish, which loads them where they are installed; what it offers has a description"
    where = world.installed("fish/vendor_completions.d", "sasl-bearer.fish")
    tap.require("fish")
    done = world.env.run(["fish", "--no-config", "-c", f"source {where}/sasl-bearer.fish;"
                          "complete -C 'sasl-bearer '; complete -C 'sasl-bearer token '"],
                         env={"PATH": f"{BUILDDIR}:{os.environ['PATH']}",
                              "SASL_BEARER_SOCKET": world.helper.socket})
    assert done.rc == 0 and not done.stderr, done
    found = dict(line.split("\t") for line in done.stdout.splitlines())
    assert set(found) == {*commands(world), ALICE, BOB}, found
    Shell(world, ["fish", "--private"], "set -g fish_autosuggestion_enabled 0;"
          " function fish_prompt; echo -n 'ready: '; end; clear\n").check(world)


@tap.promise
def scripts_are_clean(world):
    "the shells find no mistake in the files, nor does shellcheck"
    directory = os.path.join(SRCDIR, "contrib/completion")
    bash_files = sorted(glob.glob(f"{directory}/bash/*"))
    commands_ = [["bash", "-n", path] for path in bash_files]
    commands_ += [["zsh", "-n", f"{directory}/_sasl-bearer"]]
    commands_ += [["fish", "-n", path] for path in glob.glob(f"{directory}/*.fish")]
    commands_ += [["shellcheck", "-s", "bash", *bash_files]]
    checked = 0
    for command in commands_:
        if shutil.which(command[0]):
            done = world.env.run(command)
            assert done.rc == 0, done
            checked += 1
    assert checked > 1, "no shell"


tap.main(World)
