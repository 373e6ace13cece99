#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""embed - programs that use libsasl2 in odd ways, or with others in one process

tests/lib/embed is the program; what it can be told is at the head of embed.c.  LOGINS in the
environment: more than 10,000 in one process.
"""

import base64
import collections
import itertools
import json
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import built, identity, sasl_path, wait_for
from scripted import Ldap, Scripted
from world import MECHANISMS, World

ALICE = "alice@example.com"
BOB = "bob@example.com"
REVOKED = "revoked@example.com"
CLOSED = "closed@example.com"           # its account has another server
LONGEST = "u" * 308 + "@example.com"      # 320 bytes
USERS = (ALICE, BOB, LONGEST)
SHARED = "shared@example.com"
CALLBACKS = ("callback", "length", "late-callback")
PROMPTS = ("prompt", "prompt-nul", "prompt-unset", "late-prompt", "late-prompt-nul", "twice")
LIBRARY, LDAP = "tests/lib/.libs/sasl-user.so", "tests/lib/.libs/ldap-user.so"
# our part of a stack that valgrind shows
OURS = r"libsaslbearer|\((plug|helper|names|challenge|err|sock|msg|util|wire)\.c:"
AUTHNAME = "4002"                       # SASL_CB_AUTHNAME
NO_NAME = "the program gave no user name"
CONTINUE, BADPARAM, NOUSER, UNAVAIL, EXPIRED = 1, -7, -20, -24, -18
REFUSED = '{"status":"401","schemes":"bearer","scope":"mail"}'
LOGINS = int(os.environ.get("LOGINS", 10000))

# a program without libsasl2 loads a library that needs it, logs in, and unloads it
COMES_AND_GOES = r"""
import _ctypes, ctypes, json, os, re, sys

class Login(ctypes.Structure):
    _fields_ = [(name, ctypes.c_char_p) for name in
                ("service", "mech", "how", "name", "authzid", "challenge", "in_step")]

def loaded():
    with open("/proc/self/maps") as f:
        return sorted(set(re.findall(r"/(libsasl(?:2|bearer))\.so", f.read())))

line = ctypes.create_string_buffer(65536)
login = Login(b"imap", b"XOAUTH2", b"callback", b"%s")
for _ in range(20):
    library = ctypes.CDLL(sys.argv[1])
    assert library.user_init() == 0
    assert library.user_login(ctypes.byref(login), line) == 1
    inside = loaded()
    assert library.user_done() == 0
    _ctypes.dlclose(library._handle)
    print(json.dumps([line.value.decode(), inside, loaded()]))
""" % ALICE

Said = collections.namedtuple("Said", "code mechanism response text")
Usage = collections.namedtuple("Usage", "descriptors mappings resident heap")


class Embed(World):
    """A world with programs that embed libsasl2, accounts that are good, and two that are not."""

    def __init__(self, env):
        super().__init__(env, certified=False)
        self.helper.start()
        for number, user in enumerate((*USERS, REVOKED)):
            self.sign_in(f"account-{number}", user)
        self.oauth.revoke(REVOKED)
        wait_for(lambda: self.helper.token(REVOKED)["status"] == "login_required")
        self.helper.accounts["closed"] = {"user": CLOSED, "hosts": "elsewhere.example.com"}
        assert self.helper.reload()["status"] == "ok"

    def sign_in(self, account, user):
        self.helper.accounts[account] = {"user": user}
        assert self.helper.reload()["status"] == "ok"
        lifetime = {"expires_in": 1} if user == REVOKED else {}
        assert self.helper.store(account, self.oauth.issue(user), **lifetime)["status"] == "ok"

    def run(self, *commands, shell='exec "$@"', wrapper=(), plugin=True, timeout=100, **env):
        """Have the program do that; returns what it wrote for each, without the verb.

        shell  what starts it, with the descriptors that it is to have; it writes to 9
        env    more of the environment
        """
        done = self.env.run(
            ["sh", "-c", "exec 9>&1; " + shell, "sh", *wrapper, built("tests/lib/embed"), 9,
             *commands], timeout=timeout,
            env={"SASL_PATH": sasl_path(plugin), "SASL_BEARER_SOCKET": self.helper.socket, **env})
        said = [line.partition(" ") for line in done.stdout.splitlines()]
        verbs = [command.split(" ")[0] for command in commands]
        assert done.rc == 0 and [verb for verb, _, _ in said] == verbs, done
        return [words for _, _, words in said]

    def log_in(self, how, user, mechanism="XOAUTH2", before=(), **env):
        """One login; returns what came of it."""
        said = self.run("init 0", f"name {user}", *before, f"login 0 {mechanism} {how}", "done 0",
                        **env)
        return parse(said[-2])

    def response(self, user, mechanism, service="imap"):
        """What goes to the server for a user, with the helper's token."""
        token = self.helper.token(user, service=service)["token"]
        if mechanism == "XOAUTH2":
            return f"user={user}\1auth=Bearer {token}\1\1"
        return f"n,a={user},\1host=localhost\1auth=Bearer {token}\1\1"


def parse(words):
    """A line of a login."""
    code, mechanism, response, text = words.split(" ", 3)
    response = "" if response == "-" else base64.b64decode(response).decode()
    return Said(int(code), mechanism, response, text)


def assert_good(world, said, user, mechanism, asked=""):
    """It has the helper's token, in the form that a mail server takes."""
    assert said.code == CONTINUE and said.mechanism == mechanism, said
    assert said.response == world.response(user, mechanism), said
    assert said.text == asked, said


def assert_taken(world, said, user):
    """Dovecot, which asks the provider, lets this response in."""
    client = world.dovecot.client()
    before = len(world.dovecot.log())
    assert client.authenticate(said.mechanism, lambda _: said.response.encode())[0] == "OK"
    client.logout()
    world.dovecot.wait_login(user, said.mechanism, before)


def assert_refused(said, code, *words):
    """Nothing is sent, and the text says why."""
    assert said.code == code and not said.response, said
    for word in words:
        assert word in said.text, said


def usages(lines):
    return [Usage(*map(int, line.split())) for line in lines]


def total(words):
    """(good, bad) of a line of numbers."""
    numbers = list(map(int, words.split()))
    return sum(numbers[0::2]), sum(numbers[1::2])


@tap.promise
def callbacks(world):
    "H5: callbacks: logs in, whether lengths are set or not; no other callback is called"
    for how, mechanism in itertools.product(CALLBACKS, MECHANISMS):
        for user in USERS:
            said = world.log_in(how, user, mechanism)
            assert_good(world, said, user, mechanism)
        assert_taken(world, world.log_in(how, ALICE, mechanism), ALICE)


@tap.promise
def callbacks_fail(world):
    "H5: callbacks: one that fails, or gives nothing or too much, is an error that says so"
    assert len(LONGEST) == 320
    for late in ("", "late-"):
        for how, user in (("callback", ""), ("null", "x")):
            assert_refused(world.log_in(late + how, user), BADPARAM, NO_NAME)
        for code in (-1, -7, -20):
            assert_refused(world.log_in(late + "error", code), code, NO_NAME)
        for code in (1, 3):             # a program that knows "not 0" only
            assert_refused(world.log_in(late + "error", code), BADPARAM, NO_NAME)
        said = world.log_in(late + "callback", "u" + LONGEST)
        assert_refused(said, BADPARAM, "the user name is longer than 320 bytes")


@tap.promise
def callbacks_authzid(world):
    "callbacks: another mailbox is named, with its user's token; too long a name is refused"
    token = world.helper.token(ALICE)["token"]
    for how in CALLBACKS:
        said = world.log_in(how, ALICE, before=[f"authzid {SHARED}"])
        assert said.response == f"user={SHARED}\1auth=Bearer {token}\1\1", said
        assert_good(world, world.log_in(how, ALICE, before=[f"authzid {ALICE}"]), ALICE, "XOAUTH2")
        assert_good(world, world.log_in(how, ALICE, before=["authzid"]), ALICE, "XOAUTH2")
    said = world.log_in("callback", ALICE, before=[f"authzid {LONGEST}"])
    assert said.response.startswith(f"user={LONGEST}\1auth="), said
    said = world.log_in("callback", ALICE, before=[f"authzid u{LONGEST}"])
    assert_refused(said, BADPARAM, "user to act for is longer than 320 bytes")


@tap.promise
def prompts(world):
    "prompts: asks for the user name alone, once, however the answer's length is counted"
    for how, mechanism in itertools.product(PROMPTS, MECHANISMS):
        for user in USERS:
            assert_good(world, world.log_in(how, user, mechanism), user, mechanism, AUTHNAME)
        assert_taken(world, world.log_in(how, ALICE, mechanism), ALICE)


@tap.promise
def prompts_fail(world):
    "H5: prompts: none that are not answered, or empty, or too long; no place for them: an error"
    for late in ("", "late-"):
        for how, user in (("silent", "x"), ("prompt", ""), ("nowhere", ALICE)):
            assert_refused(world.log_in(late + how, user), BADPARAM, NO_NAME)
        said = world.log_in(late + "prompt", "u" + LONGEST)
        assert_refused(said, BADPARAM, "the user name is longer than 320 bytes")


@tap.promise
def neither(world):
    "neither: libsasl2 takes $USER for the name; what then fails is told by name"
    assert_good(world, world.log_in("none", "", USER=ALICE), ALICE, "XOAUTH2")
    assert_taken(world, world.log_in("late-none", "", USER=ALICE), ALICE)
    assert_refused(world.log_in("none", "", USER="root"), NOUSER, "no account that uid")
    assert_refused(world.log_in("none", "", USER=""), BADPARAM, NO_NAME)
    assert_refused(world.log_in("none", ""), -1, NO_NAME)


@tap.promise
def failures(world):
    "what fails has a cause in its text, and nothing that is left from another login"
    for how in (*CALLBACKS, *PROMPTS):
        said = world.log_in(how, REVOKED)
        assert_refused(said, EXPIRED, "sasl-bearer login account-3")
        said = world.log_in(how, CLOSED)
        assert_refused(said, NOUSER, f'host "localhost" is not in hosts of account "closed"')
        said = world.log_in(how, "stranger@example.com")
        assert_refused(said, NOUSER, "no account that uid")


def orders():
    """All the ways in which two can begin and end, each once."""
    for order in set(itertools.permutations("aAbB")):
        if order.index("a") < order.index("A") and order.index("b") < order.index("B"):
            yield "".join(order)


def two_users(order, first=0, second=1):
    """Commands: who has begun logs in after every step; the codes of the steps are 0."""
    commands, active = [], []
    for step in order:
        who = {"a": first, "b": second}[step.lower()]
        if step.islower():
            active.append(who)
        else:
            active.remove(who)
        commands.append(f"{'init' if step.islower() else 'done'} {who}")
        commands += [f"login {each} XOAUTH2 {how}" for each in active
                     for how in ("callback", "prompt")]
    return commands


def assert_all_good(world, commands, said, user=ALICE):
    logins = 0
    for command, words in zip(commands, said):
        if command.startswith("login"):
            logins += 1
            assert parse(words)[:3] == (CONTINUE, "XOAUTH2", world.response(user, "XOAUTH2")), words
        else:
            # 1: somebody else is not done yet
            assert words in {"init": "0", "done": "01"}.get(command[:4], words), (command, words)
    assert logins, commands


@tap.promise
def library(world):
    "H8: a program and a library in it, both users of libsasl2, log in, whoever comes or goes first"
    for order in orders():
        # and once more, to show that nothing of the first time is left
        commands = [f"name {ALICE}", f"open {built(LIBRARY)}", *two_users(order) * 2]
        assert_all_good(world, commands, world.run(*commands))


@tap.promise
def two_libraries(world):
    "so do two libraries in a program that only loads them, and unloads them again"
    copy = shutil.copy(built(LIBRARY), world.env.path("copy.so"))
    for order in orders():
        commands = [f"name {ALICE}", f"open {built(LIBRARY)}", f"open {copy}",
                    *two_users(order, 1, 2), "close 1", "close 2", f"open {copy}",
                    "init 3", "login 3 XOAUTH2 callback", "done 3", "close 3"]
        assert_all_good(world, commands, world.run(*commands))


@tap.promise
def library_unloads(world):
    "a library may take libsasl2 with it when it is unloaded, and bring it again"
    program = world.env.run(
        ["/usr/bin/python3", "-c", COMES_AND_GOES, built(LIBRARY)],
        env={"SASL_PATH": sasl_path(), "SASL_BEARER_SOCKET": world.helper.socket})
    assert program.rc == 0, program
    rounds = [json.loads(line) for line in program.stdout.splitlines()]
    assert len(rounds) == 20, rounds
    for line, inside, outside in rounds:
        assert parse(line).response == world.response(ALICE, "XOAUTH2"), line
        assert inside == ["libsasl2", "libsaslbearer"] and outside == [], (inside, outside)


@tap.promise
def libldap(world):
    "libldap binds by our mechanisms beside a program's own logins, whichever began first"
    said = world.run(f"open {built(LDAP)}", "service ldap://127.0.0.1:9", "login 1 XOAUTH2 prompt")
    tap.need("no libldap" not in said[-1], "libldap")
    server = Scripted(world.env, Ldap, world.oauth, tls=None)
    bind = [f"service ldap://localhost:{server.port}", "login 1 XOAUTH2 prompt",
            "login 1 OAUTHBEARER prompt", "service imap"]
    own = ["login 0 XOAUTH2 callback"]
    for commands in (["init 0", *own, *bind, *own, "done 0", *bind, "init 0", *own],
                     [*bind, "init 0", *own, *bind, "done 0", *bind, "init 0", *own, "end"]):
        server.events.clear()
        commands = [f"name {ALICE}", f"open {built(LDAP)}", *commands]
        bound = []
        for command, words in zip(commands, world.run(*commands)):
            if command.startswith("login 0"):
                assert_good(world, parse(words), ALICE, "XOAUTH2")
            elif command.startswith("login 1"):
                assert words.startswith("0 "), words
                bound.append(f"user=<{ALICE}>, method={command.split()[2]}")
        assert [event for event in server.events if "method" in event] == bound, server.events


def storm(count):
    """Commands of that many threads, every one its own: good and bad, by all mechanisms."""
    users = itertools.cycle((ALICE, BOB, "stranger@example.com", LONGEST, REVOKED))
    hows = itertools.cycle(("callback", "prompt", "late-callback", "length"))
    ways = [f"name {user};challenge {REFUSED if n % 7 == 6 else ''};login 0 {mechanism} {how}"
            for n, user, how, mechanism in zip(range(count), users, hows,
                                               itertools.cycle(MECHANISMS))]
    return "|".join(ways), [2 + ("stranger" not in way and REVOKED not in way) for way in ways]


def assert_storm(world, threads, times, **how):
    commands, wanted = storm(threads)
    said = world.run("init 0", f"threads {times} {commands}", "done 0", **how)[1].split()
    for number, good in enumerate(wanted):
        found = tuple(map(int, said[2 * number:2 * number + 2]))
        assert found == (good * times, (3 - good) * times), (number, found)


@tap.promise
def threads(world):
    "H5: 20 threads log in at once, some in vain; no one gets the answer of another"
    assert_storm(world, 20, 50)
    commands = "|".join(f"name {user};login 0 XOAUTH2 callback" for user in USERS)
    said = world.run("init 0", f"name {ALICE}", f"background {commands.split('|')[1]}",
                     f"background {commands.split('|')[2]}",
                     *["login 0 XOAUTH2 callback"] * 100, "join", "done 0")
    for words in said[4:-2]:
        assert_good(world, parse(words), ALICE, "XOAUTH2")
    good, bad = total(said[-2])
    assert good and not bad, said[-2]


@tap.promise
def threads_checked(world):
    "H5: helgrind and drd find no data race and no misuse of a lock of the plugin's in that"
    tap.require("valgrind")
    for tool in ("helgrind", "drd"):
        log = world.env.path(tool)
        assert_storm(world, 8, 4, wrapper=[
            "valgrind", f"--tool={tool}", "-q", "--keep-debuginfo=yes", "--fair-sched=yes",
            f"--log-file={log}"])
        assert_none_ours(log)


def assert_none_ours(log):
    """valgrind's log blames nothing on the plugin; the program and libsasl2 are not our affair."""
    with open(log, encoding="utf-8", errors="replace") as f:
        text = re.sub(r"^==\d+== ?", "", f.read(), flags=re.MULTILINE)
    blocks = [block for block in text.split("\n\n") if re.search(OURS, block)]
    assert not blocks, "\n\n".join(blocks[:10])


@tap.promise
def forks(world):
    "a program forks after it began: parent and ten children log in at once"
    for before in ([], ["login 0 XOAUTH2 callback"]):
        said = world.run(f"name {ALICE}", "init 0", *before,
                         "forks 10 login 0 XOAUTH2 callback;login 0 OAUTHBEARER prompt", "done 0")
        assert said[-2] == "0", said


@tap.promise
def forks_beside_threads(world):
    "H8: a child that is forked while other threads log in can do so too, and so can its parent"
    tap.need(world.env.can_mount(), "leave to give the machine another name")
    # libsasl2 looks up a machine's name that has no dot, and what the C library's resolver had
    # locked in another thread stays locked in a child: that is not the plugin's to mend
    said = world.run(f"name {ALICE}", "init 0", "background login 0 XOAUTH2 callback",
                     f"background name {BOB};login 0 OAUTHBEARER prompt",
                     "times 50 forks 1 login 0 XOAUTH2 callback", "join", "done 0",
                     wrapper=["unshare", "--uts", "sh", "-c",
                              'hostname host.example.com; exec "$@"', "sh"])
    assert total(said[4]) == (100, 0), said    # in the parent, and each child
    good, bad = total(said[5])
    assert good and not bad, said


@tap.promise
def again(world):
    "H8: sasl_client_done and sasl_client_init again 1,000 times leave nothing behind"
    once = "init 0;login 0 XOAUTH2 callback;done 0"
    said = world.run(f"name {ALICE}", f"times 100 {once}", "usage", f"times 1000 {once}", "usage")
    assert total(said[3]) == (3000, 0), said
    assert_flat(*usages((said[2], said[4])), 1000)


def assert_flat(before, after, count):
    """Nothing has grown by what `count` times of anything would make."""
    tap.note(f"before {before}, after {count} times {after}")
    assert after.descriptors == before.descriptors and after.mappings <= before.mappings
    assert after.heap - before.heap < 4 * count, (before, after)
    assert after.resident - before.resident < 256, (before, after)


@tap.promise
def ten_thousand(world):
    "10,000 logins in one process, of all kinds, leave nothing behind"
    ways = [f"name {ALICE};login 0 XOAUTH2 callback", f"name {BOB};login 0 OAUTHBEARER prompt",
            f"authzid {SHARED};login 0 XOAUTH2 length;authzid",
            f"challenge {REFUSED};login 0 OAUTHBEARER late-callback;challenge",
            "name stranger@example.com;login 0 XOAUTH2 callback",
            f"name {LONGEST};login 0 OAUTHBEARER prompt-nul",
            f"name u{LONGEST};login 0 OAUTHBEARER prompt-nul",
            f"name {REVOKED};login 0 OAUTHBEARER callback",
            "name;login 0 XOAUTH2 callback", f"name {BOB};service smtp;login 0 XOAUTH2 late-prompt"]
    rounds = LOGINS // len(ways)
    commands = ";".join(f"service imap;{way}" for way in ways)
    said = world.run("init 0", f"times {rounds // 10} {commands}", "usage",
                     f"times {rounds} {commands}", "usage", "done 0", timeout=200 + LOGINS / 50)
    good, bad = total(said[3])
    assert bad == 4 * rounds and good == rounds * (commands.count(";") + 1 - 4), said[3]
    assert_flat(*usages((said[2], said[4])), LOGINS)


@tap.promise
def memory_checked(world):
    "valgrind finds no error of memory and no leak of the plugin's in logins of all kinds"
    tap.require("valgrind")
    log = world.env.path("memcheck")
    hows = [f"login 0 {mechanism} {how}" for mechanism in MECHANISMS
            for how in (*CALLBACKS, *PROMPTS, "silent", "nowhere", "none", "null")
            if how != "twice"]          # libsasl2 forgets a login that is started again
    ways = [f"name {user}" for user in (*USERS, REVOKED, CLOSED, "u" + LONGEST)]
    commands = [each for way in ways for each in (way, *hows)]
    world.run("init 0", *commands, f"authzid {SHARED}", *hows, f"challenge {REFUSED}", *hows,
              "done 0", "init 0", *hows, "done 0", USER="root", wrapper=[
                  "valgrind", "-q", "--leak-check=full", "--keep-debuginfo=yes",
                  "--show-leak-kinds=definite,indirect,possible", f"--log-file={log}"])
    assert_none_ours(log)


@tap.promise
def no_standard_files(world):
    "H5: a program without descriptors 0 to 2 logs in"
    for closed in ("<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"):
        said = world.run(f"name {ALICE}", "init 0", "usage", "login 0 XOAUTH2 callback",
                         f"challenge {REFUSED}", "login 0 XOAUTH2 callback", "usage", "done 0",
                         shell=f'exec "$@" {closed}')
        first = parse(said[3])      # by now its rejection may have brought another token
        match = re.fullmatch(f"user={ALICE}\1auth=Bearer ([!-~]+)\1\1", first.response)
        assert first.code == CONTINUE and match and match[1] in world.oauth.access, said
        assert parse(said[5]).code == 0, said
        before, after = usages((said[2], said[6]))
        assert after.descriptors == before.descriptors, (closed, before, after)


@tap.promise
def no_mixing(world):
    "H5: what threads of such a program print, or read, is nothing of our talk with the helper"
    before = len(world.helper.log())
    said = world.run(f"name {ALICE}", "init 0", "noise", "noise",
                     "times 3000 login 0 XOAUTH2 callback", "join", "done 0",
                     shell='exec "$@" <&- >&- 2>&-')
    assert total(said[4]) == (3000, 0), said
    assert "malformed" not in world.helper.log()[before:]


@tap.promise
def jailed(world):
    "H8: a program that enters a chroot and drops root later logs in through a socket there"
    jail = world.env.mkdir("jail")
    inside = jail + world.helper.socket
    os.makedirs(os.path.dirname(inside))
    world.helper.listen.append(inside)
    world.helper.accounts["account-0"]["allow"] = "bin"
    world.helper.restart()
    bin = identity("bin")["user"]
    said = world.run(f"name {ALICE}", "init 0", "login 0 XOAUTH2 callback", f"chroot {jail}",
                     "login 0 XOAUTH2 callback", f"setuid {bin}", "login 0 XOAUTH2 callback",
                     "forks 3 login 0 OAUTHBEARER prompt", f"name {BOB}",
                     "login 0 XOAUTH2 callback", "done 0")
    for number in (2, 4, 6):
        assert_good(world, parse(said[number]), ALICE, "XOAUTH2")
    assert said[7] == "0", said
    assert_refused(parse(said[9]), NOUSER, f"no account that uid {bin}")


@tap.promise
def no_secrets(world):
    "no token is in the helper's log, though it is at debug"
    world.assert_no_secret(world.helper.log())


tap.main(Embed, root=True, programs=["dovecot"], timeout=300)
