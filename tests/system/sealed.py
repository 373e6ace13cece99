#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""sealed - state files that are encrypted, their keys, and what happens without those"""

import fcntl
import json
import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import seals
import tap
from env import SRCDIR, children, identity, wait_for
from world import Stage

ALICE = "alice@example.com"
BOB = "bob@example.com"
CAROL = "carol@example.com"
APP = "app@example.com"
NAMES = {"alice": ALICE, "bob": BOB, "carol": CAROL}
MANUAL = os.path.join(SRCDIR, "man", "sasl-bearer-protocol.7")


# ---- what the promises are made of


def contents(helper):
    """The state directory as {name: bytes}."""
    result = {}
    for name in os.listdir(helper.state_dir):
        try:
            with open(os.path.join(helper.state_dir, name), "rb") as f:
                result[name] = f.read()
        except FileNotFoundError:       # it was being written, and has its name now
            pass
    return result


def put(helper, name, data):
    """Write a state file as the daemon's user would."""
    path = os.path.join(helper.state_dir, name)
    with open(path, "wb") as f:
        if helper.owner is not None and os.geteuid() == 0:
            who = identity(helper.owner)
            os.fchown(f.fileno(), who["user"], who["group"])
        os.fchmod(f.fileno(), 0o600)
        f.write(data)


def lay_out(helper, files):
    """Make the state directory have these files and no others."""
    for name in os.listdir(helper.state_dir):
        os.unlink(os.path.join(helper.state_dir, name))
    for name, data in files.items():
        put(helper, name, data)


def install(helper, key, name="state.key"):
    """A file with that key for the daemon; returns its path."""
    return helper.secret_file(name, key + "\n")


def use(helper, key=None, *old):
    """Let the settings name these keys; the daemon reads them when it starts."""
    helper.settings["state_key"] = key and install(helper, key, f"{seals.key_id(key)}.key")
    helper.settings["state_key_old"] = [
        install(helper, k, f"{seals.key_id(k)}.key") for k in old] or None


def granted(helper, key, names=NAMES):
    """{name: refresh token} of the files, all of them sealed with that key."""
    files = contents(helper)
    return {name: seals.attributes(seals.read(files[name], key, name))["refresh_token"]
            for name in names}


def sign_in(server, helper, names=NAMES, expires_in=3600):
    """Store a grant for each account; returns {name: refresh token}."""
    result = {}
    for name in names:
        tokens = dict(server.issue(NAMES[name]), expires_in=expires_in)
        reply = helper.store(name, tokens)
        assert reply["status"] == "ok", reply
        result[name] = tokens["refresh_token"]
    return result


def begin(stage, names=NAMES, key=None, **options):
    """A provider, a helper that runs with these accounts, and what they were granted."""
    server, helper = stage.begin(**options)
    helper.accounts = {name: {"user": NAMES[name]} for name in names}
    use(helper, key)
    helper.start()
    return server, helper, sign_in(server, helper, names)


def refused(helper, name, *words):
    """The account answers `config` with these words and no token; returns the reason."""
    reply = helper.token(NAMES.get(name, name))
    assert reply["status"] == "config" and "token" not in reply, reply
    for word in words:
        assert word in reply["reason"], (word, reply["reason"])
    listed = helper.list()[name]
    assert listed["state"] == "config" and listed["last_error"] == reply["reason"], listed
    assert listed["storage"] == "sealed", listed
    return reply["reason"]


def molest(helper, name):
    """Do all that may happen to an account without an administrator's decision."""
    helper.token(NAMES.get(name, name))
    helper.request({"request": "refresh", "account": name})
    helper.request({"request": "reject", "user": NAMES.get(name, name), "service": "imap",
                    "host": "localhost", "token_id": "0" * 16, "detail": "no"})
    assert helper.reload()["status"] == "ok"
    helper.hup()
    helper.wait_log("reloaded")
    helper.token(NAMES.get(name, name))


# ---- what a file shows


@tap.promise
def nothing_in_clear(stage):
    "with state_key no file holds a token, a scope or a user in clear"
    key = seals.new_key()
    server, helper, tokens = begin(stage, key=key)
    files = contents(helper)
    assert set(files) == set(NAMES), files.keys()
    for name, data in files.items():
        for secret in (tokens[name], *server.access, "mail offline_access", NAMES[name]):
            assert secret.encode() not in data, (name, secret)
        assert set(seals.attributes(data)) == {"protocol", "config_id", "sealed"}, data
        assert os.stat(os.path.join(helper.state_dir, name)).st_mode & 0o7777 == 0o600
    assert key.encode() not in b"".join(files.values())
    stage.end()


def leave_answer(server, helper, meanwhile=None):
    """Kill the daemon during a refresh of alice; returns what its child has left.

    meanwhile   called while the child waits for the provider
    """
    go = server.hold("token")
    asking = threading.Thread(target=helper.request, args=(
        {"request": "refresh", "account": "alice"},))
    asking.start()
    server.wait_seen("token")
    if meanwhile:
        meanwhile()
    helper.kill()
    asking.join()
    go.set()
    path = os.path.join(helper.state_dir, "alice#reply")

    def unlocked():
        with open(path, "rb") as f:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True
    wait_for(unlocked, 30, "the end of the child")
    server.always("token", None)
    return contents(helper)["alice#reply"]


def takes_answer(server, helper):
    """The daemon starts, and has what was left without asking for it; the grant is good."""
    newest, asked = server.newest_refresh_token(ALICE), len(server.seen("token"))
    helper.start()
    assert helper.request({"request": "refresh", "account": "alice"})["status"] == "ok"
    used = [request.form["refresh_token"] for request in server.seen("token")[asked:]]
    assert set(used) <= {newest}, "an old token was used again"
    assert "alice#reply" not in contents(helper)


@tap.promise
def left_sealed(stage):
    "an answer whose daemon has died is left sealed where state is, as documented, and is taken"
    for key in (None, seals.new_key()):
        server, helper, tokens = begin(stage, {"alice"}, key, single_use=True)
        written = leave_answer(server, helper)
        newest = server.newest_refresh_token(ALICE)
        assert newest != tokens["alice"]
        if key:
            for secret in (newest, *server.access, tokens["alice"], "refresh_token"):
                assert secret.encode() not in b"".join(contents(helper).values()), secret
            assert seals.key_id(key) not in written.decode(), "the state's own key"
            written = seals.read_answer(written, key, tokens["alice"])
        else:
            _, exchange = seals.answer_key("00", tokens["alice"])
            assert seals.attributes(written)["exchange"] == exchange
        assert seals.attributes(written)["refresh_token"] == newest
        takes_answer(server, helper)
        stage.end()


@tap.promise
def left_while_keys_change(stage):
    "what was left is taken with a new key, with the old one beside it, and when it was in clear"
    one, two = seals.new_key(), seals.new_key()
    for before, after in ((one, (two, one)), (None, (one,)), (one, (None, one))):
        server, helper, _ = begin(stage, {"alice"}, before, single_use=True)
        leave_answer(server, helper)
        use(helper, *after)
        takes_answer(server, helper)
        stage.end()


@tap.promise
def left_damaged(stage):
    "what was left and is damaged, or of another refresh, is dropped, and the provider is asked"
    key = seals.new_key()
    server, helper, _ = begin(stage, {"alice"}, key)
    left = leave_answer(server, helper)
    for what in (left[:-4], left[:20], left[:30] + b"AAAA" + left[34:], b"\0" + left, left + left,
                 b"v1:00000000" + left[len("v1:00000000"):],
                 os.urandom(200000), b""):
        put(helper, "alice#reply", what)
        asked = len(server.seen("token"))
        helper.start()
        assert helper.request({"request": "refresh", "account": "alice"})["status"] == "ok"
        assert len(server.seen("token")) == asked + 1
        assert set(contents(helper)) == {"alice"}
        assert helper.stop() == 0
    put(helper, "alice#reply", left)    # whole, and the answer to a token of long ago
    helper.start()
    assert helper.request({"request": "refresh", "account": "alice"})["status"] == "ok"
    assert granted(helper, key, {"alice"})["alice"] == server.newest_refresh_token(ALICE)
    stage.end()


@tap.promise
def as_documented(stage):
    "another program reads the files by what the manual says, and writes what we read"
    key = seals.new_key()
    server, helper, tokens = begin(stage, key=key)
    assert granted(helper, key) == tokens
    assert helper.stop() == 0
    files = contents(helper)
    lay_out(helper, {name: seals.write(seals.read(data, key, name), key, name)
                     for name, data in files.items()})
    assert contents(helper) != files
    helper.start()
    for name in NAMES:
        assert helper.token(NAMES[name])["token"] in server.access
    assert not server.seen("token")
    stage.end()


@tap.promise
def vector(stage):
    "the example of the manual is what another program and the daemon read"
    with open(MANUAL, encoding="utf-8") as f:
        text = f.read()
    key = re.search(r"^[0-9a-f]{64}$", text, re.M).group()
    example = re.search(r"^protocol=1\nconfig_id=.*\nsealed=v1:(.*\n)+?\n", text, re.M).group()
    file = example.replace("\\e\n", "").encode()
    message = seals.attributes(seals.read(file, key, "alice"))
    assert message["refresh_token"] == "r-1", message
    _, helper = stage.begin()
    helper.accounts["alice"] = {"user": ALICE, "client_id": "client", "scope": "mail",
                                "token_endpoint": "https://login.example.com/token"}
    use(helper, key)
    put(helper, "alice", file)
    helper.start()
    listed = helper.list()["alice"]
    assert listed["state"] == "stale" and listed["storage"] == "sealed", listed
    assert contents(helper) == {"alice": file}, "there was no reason to write it"
    assert helper.stop() == 0


@tap.promise
def restart(stage):
    "sealed grants survive a restart and kill -9, and are refreshed and rotated as ever"
    key = seals.new_key()
    server, helper, _ = begin(stage, key=key, single_use=True)
    helper.restart()
    helper.kill()
    helper.start()
    for name, user in NAMES.items():
        assert helper.token(user)["status"] == "ok"
        reply = helper.request({"request": "refresh", "account": name})
        assert reply["status"] == "ok", reply
        assert granted(helper, key)[name] == server.newest_refresh_token(user)
    helper.kill()
    helper.start()
    for user in NAMES.values():
        assert helper.token(user)["status"] == "ok"
    assert len(server.seen("token")) == len(NAMES)
    stage.end()


# ---- from plain to sealed and back


@tap.promise
def plain_is_sealed(stage):
    "plain files are sealed at the next start, those of accounts that are away too"
    server, helper, tokens = begin(stage)
    assert {a["storage"] for a in helper.list().values()} == {"plain"}
    assert helper.stop() == 0
    account = helper.accounts.pop("carol")
    key = seals.new_key()
    use(helper, key)
    helper.start()
    assert granted(helper, key) == tokens
    assert {a["storage"] for a in helper.list().values()} == {"sealed"}
    assert f"sealed with key {seals.key_id(key)}: 3 more" in helper.log(), helper.log()
    before = contents(helper)
    helper.restart()
    assert contents(helper) == before, "they are written once"
    helper.accounts["carol"] = account
    assert helper.reload()["status"] == "ok"
    for user in NAMES.values():
        assert helper.token(user)["token"] in server.access
    assert not server.seen("token")
    stage.end()


@tap.promise
def back_to_plain(stage):
    "without state_key, but with the key in state_key_old, files become plain again"
    key = seals.new_key()
    server, helper, tokens = begin(stage, key=key)
    assert helper.stop() == 0
    use(helper, None, key)
    helper.start()
    assert {name: helper.state(name)["refresh_token"] for name in NAMES} == tokens
    assert {a["storage"] for a in helper.list().values()} == {"plain"}
    assert "not sealed any more" in helper.log()
    use(helper)
    helper.restart()
    assert all(helper.token(user)["token"] in server.access for user in NAMES.values())
    stage.end()


def storage(helper):
    """{account: storage} as `list --json` has it."""
    done = helper.cli("list", "--json")
    assert done.rc == 0, done
    return {account["account"]: account["storage"] for account in json.loads(done.stdout)}


@tap.promise
def listed(stage):
    "`list` names the accounts that are stored unencrypted, and only those"
    key = seals.new_key()
    _, helper, _ = begin(stage, names=["alice", "bob"])
    helper.accounts["new"] = {"user": CAROL}
    assert helper.reload()["status"] == "ok"
    done = helper.cli("list")
    assert done.rc == 0 and "\nstored unencrypted: alice bob\n" in done.stdout, done.stdout
    assert storage(helper) == {"alice": "plain", "bob": "plain", "new": None}
    use(helper, key)
    helper.restart()
    done = helper.cli("list")
    assert done.rc == 0 and "unencrypted" not in done.stdout, done.stdout
    assert storage(helper) == {"alice": "sealed", "bob": "sealed", "new": None}
    stage.end()


@tap.promise
def full_disk(stage):
    "a disk that is full while plain files are sealed leaves them whole; they are sealed later"
    key = seals.new_key()
    server, helper, tokens = begin(stage)
    assert helper.stop() == 0
    before = contents(helper)
    use(helper, key)
    helper.wrapper = ["prlimit", "--fsize=0:unlimited"]
    helper.start()
    assert contents(helper) == before
    assert all(helper.token(user)["token"] in server.access for user in NAMES.values())
    for account in helper.list().values():
        assert account["storage"] == "plain" and "disk" in account["last_error"], account
        assert "unsaved" not in account, "the tokens are on the disk, though not as they should be"
    assert "stored unencrypted: all" in helper.cli("list").stdout
    done = stage.env.run(["prlimit", "--pid", helper.process.pid, "--fsize=unlimited"],
                         uid=helper.owner)
    assert done.rc == 0, done
    assert helper.stop() == 0
    assert granted(helper, key) == tokens


# ---- rotation


@tap.promise
def rotation(stage):
    "a new state_key and the old one in state_key_old: all is sealed anew, the old one can go"
    old, new = seals.new_key(), seals.new_key()
    server, helper, tokens = begin(stage, key=old)
    assert helper.stop() == 0
    use(helper, new, old)
    helper.start()
    assert granted(helper, new) == tokens
    assert "no state file needs state_key_old" in helper.log()
    use(helper, new)
    helper.restart()
    assert all(helper.token(user)["token"] in server.access for user in NAMES.values())
    assert not server.seen("token")
    stage.end()


@tap.promise
def old_key_is_still_needed(stage):
    "while a file cannot be read the log names it, and does not say that the old key can go"
    old, new, lost = seals.new_key(), seals.new_key(), seals.new_key()
    _, helper, _ = begin(stage, key=old)
    assert helper.stop() == 0
    message = seals.read(contents(helper)["carol"], old, "carol")
    put(helper, "carol", seals.write(message, lost, "carol"))
    use(helper, new, old)
    helper.start()
    assert "no state file needs" not in helper.log(), helper.log()
    line = next(line for line in helper.log().splitlines() if "/carol: " in line)
    assert seals.key_id(lost) in line and "left as it is" in line, line
    assert set(granted(helper, new, ["alice", "bob"])) == {"alice", "bob"}
    stage.end()


def killed_start(helper, call, number):
    """Start, to be killed when it enters the Nth such call; returns whether that was reached."""
    helper.wrapper = ["strace", "-qq", "-o", helper.path("trace"), "-e", f"trace={call}",
                      "-e", f"inject={call}:signal=KILL:when={number}"]
    try:
        helper.start()
    except AssertionError:
        return True
    finally:
        helper.kill()
        helper.wrapper = []
    return False


def whole(helper, tokens, *keys):
    """Every grant is there, under one of the keys; returns how many files have the first."""
    count = 0
    for name, data in contents(helper).items():
        if "#" in name:
            continue
        for key in keys:
            try:
                message = seals.read(data, key, name)
            except seals.Broken:
                continue
            break
        else:
            raise AssertionError(f"{name} opens with none of the keys: {data}")
        assert seals.attributes(message)["refresh_token"] == tokens[name], name
        count += key == keys[0]
    return count


@tap.promise
def rotation_is_killed(stage):
    "a rotation that is killed at any system call of any file: every grant is there, each time"
    tap.require("strace")
    old, new = seals.new_key(), seals.new_key()
    server, helper, tokens = begin(stage, key=old)
    assert helper.stop() == 0
    before = contents(helper)
    helper.accounts.pop("carol")        # a file without an account
    use(helper, new, old)
    points, seen = 0, set()
    for call in ("unlinkat", "write", "fsync", "renameat"):
        number = 1
        while True:
            lay_out(helper, before)
            if not killed_start(helper, call, number):
                break
            seen.add(whole(helper, tokens, new, old))
            helper.start()
            assert whole(helper, tokens, new) == len(NAMES)
            assert not any("#" in name for name in contents(helper))
            for name, account in helper.list().items():
                assert account["state"] == "fresh" and "last_error" not in account, (name, account)
            helper.kill()
            points, number = points + 1, number + 1
        assert number > len(NAMES), f"{call} is not what the daemon uses"
    tap.note(f"killed at {points} system calls; {sorted(seen)} files were sealed anew by then")
    assert seen >= set(range(len(NAMES) + 1)), seen
    assert not server.seen("token")


# ---- without the key


def beginning_sealed(stage, **options):
    """begin(), sealed and stopped; also returns the key."""
    key = seals.new_key()
    server, helper, tokens = begin(stage, key=key, **options)
    assert helper.stop() == 0
    return server, helper, tokens, key


@tap.promise
def wrong_key(stage):
    "another key: `config`, naming the key it needs and where; the file stays as it is"
    server, helper, _, key = beginning_sealed(stage)
    before = contents(helper)
    use(helper, seals.new_key())
    helper.start()
    for name in NAMES:
        refused(helper, name, f"\"{name}\" is sealed with key {seals.key_id(key)}",
                "state_key_old of sasl-bearer.conf", "restart sasl-bearerd",
                f"or run \"sasl-bearer login {name}\"")
        molest(helper, name)
    assert not server.seen(), "the provider was asked"
    assert helper.stop() == 0
    assert contents(helper) == before
    use(helper, helper.settings["state_key"] and seals.new_key(), key)
    helper.start()
    assert all(helper.token(user)["token"] in server.access for user in NAMES.values())
    stage.end()


@tap.promise
def no_key(stage):
    "state_key is taken away: refused as well, and nobody is told that there is no sign-in"
    server, helper, _, key = beginning_sealed(stage)
    before = contents(helper)
    use(helper)
    helper.start()
    for name in NAMES:
        reason = refused(helper, name, f"key {seals.key_id(key)}", "in state_key of")
        assert "nobody has signed in" not in reason, reason
        molest(helper, name)
    helper.kill()
    helper.start()
    assert helper.stop() == 0
    assert contents(helper) == before and not server.seen()
    use(helper, key)
    helper.start()
    assert all(helper.token(user)["token"] in server.access for user in NAMES.values())
    stage.end()


@tap.promise
def fresh_sign_in(stage):
    "a fresh sign-in replaces what cannot be read; an access token alone does not"
    server, helper, _, lost = beginning_sealed(stage)
    before = contents(helper)
    key = seals.new_key()
    use(helper, key)
    helper.start()
    tokens = server.issue(ALICE)
    reply = helper.store("alice", {"access_token": tokens["access_token"]})
    assert reply["status"] == "bad" and seals.key_id(lost) in reply["reason"], reply
    assert contents(helper) == before
    reply = helper.store("alice", tokens)
    assert reply["status"] == "ok", reply
    assert helper.token()["token"] == tokens["access_token"]
    assert granted(helper, key, ["alice"]) == {"alice": tokens["refresh_token"]}
    assert helper.stop() == 0
    assert {**contents(helper), "alice": before["alice"]} == before, "the others are as they were"


@tap.promise
def logout(stage):
    "`logout` gives up what cannot be read"
    _, helper, _, _ = beginning_sealed(stage, names=["alice"])
    use(helper, seals.new_key())
    helper.start()
    assert helper.cli("logout", "alice").rc == 0
    assert contents(helper) == {}
    reply = helper.token()
    assert reply["status"] == "login_required" and "nobody has signed in" in reply["reason"], reply
    helper.restart()
    assert helper.token()["status"] == "login_required"
    stage.end()


@tap.promise
def application(stage):
    "an application, which needs nobody to sign in, does not fetch over what cannot be read"
    server, helper = stage.begin()
    helper.accounts["app"] = {
        "user": APP, "client_id": "app", "grant": "client_credentials", "scope": "s",
        "client_secret_file": helper.secret_file("secret", "secret of the app")}
    key = seals.new_key()
    use(helper, key)
    helper.start()
    assert helper.token(APP)["status"] == "ok"
    wait_for(lambda: "app" in contents(helper), what="the state file")
    assert helper.stop() == 0
    before = contents(helper)
    asked = len(server.seen())
    for wrong in (seals.new_key(), None):
        use(helper, wrong)
        helper.start()
        reply = helper.token(APP)
        assert reply["status"] == "config" and seals.key_id(key) in reply["reason"], reply
        assert "sasl-bearer logout app" in reply["reason"], reply
        molest(helper, "app")
        os.utime(helper.accounts["app"]["client_secret_file"])
        assert helper.stop() == 0
        assert contents(helper) == before and len(server.seen()) == asked
    helper.start()
    assert helper.cli("logout", "app").rc == 0
    assert helper.token(APP)["status"] == "ok" and len(server.seen()) == asked + 1
    stage.end()


# ---- files that somebody has changed


def other(text):
    """The same with its first character changed."""
    return ("1" if text[0] == "0" else "0") + text[1:]


def changes(file, key, name):
    """{what: bytes} of a sealed file that somebody has changed."""
    fields = seals.attributes(file)
    version, kid, body = fields["sealed"].split(":")
    message = seals.read(file, key, name)

    def build(**new):
        return "".join(f"{n}={v}\n" for n, v in {**fields, **new}.items() if v).encode() + b"\n"
    return {
        "its nonce": build(sealed=f"{version}:{kid}:{other(body)}"),
        "a byte of the content": build(sealed=f"{version}:{kid}:{body[:40]}{other(body[40:])}"),
        "its tag": build(sealed=f"{version}:{kid}:{body[:-8]}{other(body[-8:])}"),
        "its end cut off": build(sealed=f"{version}:{kid}:{body[:-4]}"),
        "its key's id": build(sealed=f"{version}:{other(kid)}:{body}"),
        "its version": build(sealed=f"v2:{kid}:{body}"),
        "the seal, emptied": build(sealed="") + b"sealed=\n\n",
        "its config_id": build(config_id=other(fields["config_id"])),
        "its config_id, taken away": build(config_id=None),
        "the protocol": build(protocol="2"),
        "a line twice": file[:-1] + f"config_id={fields['config_id']}\n\n".encode(),
        "the last line feed": file[:-1],
        "half of it": file[:len(file) // 2],
        "the name of another account": seals.write(message, key, name + "x"),
        "all of the seal": build(sealed=f"v1:{kid}:" + "AAAA" * 20),
        "what is in it is no message": seals.write(b"protocol=2\n\n", key, name),
    }


@tap.promise
def tampered(stage):
    "whatever is changed in a file, its account answers `config`, and it stays as it is"
    server, helper, _, key = beginning_sealed(stage, names=["alice"])
    cases = changes(contents(helper)["alice"], key, "alice")
    del helper.accounts["alice"]
    names = {}
    for number, what in enumerate(cases):
        names[f"a{number}"] = what
        helper.accounts[f"a{number}"] = {"user": f"a{number}@example.com"}
    message = seals.read(contents(helper)["alice"], key, "alice")
    files = {}
    for name, what in names.items():
        files[name] = changes(seals.write(message, key, name), key, name)[what]
    lay_out(helper, files)
    helper.start()
    for name, what in names.items():
        reply = helper.token(f"{name}@example.com")
        assert reply["status"] == "config", (what, reply)
        broken = "is broken" in reply["reason"] and f"{helper.state_dir}/{name}" in reply["reason"]
        assert broken or (what == "its key's id" and "is sealed with key" in reply["reason"]), (
            what, reply)
        assert f"sasl-bearer login {name}" in reply["reason"], reply
    molest(helper, "a0")
    assert helper.stop() == 0
    assert contents(helper) == files
    assert not server.seen()


@tap.promise
def swapped(stage):
    "the files of two accounts that are swapped open for neither; put back, they do"
    server, helper, _, key = beginning_sealed(stage)
    before = contents(helper)
    exchanged = {**before, "alice": before["bob"], "bob": before["alice"]}
    lay_out(helper, exchanged)
    helper.start()
    for name in ("alice", "bob"):
        refused(helper, name, "is broken", "another account's", f"{helper.state_dir}/{name} back")
        molest(helper, name)
    assert contents(helper) == exchanged
    assert helper.token(CAROL)["token"] in server.access, "the third is not concerned"
    for name in ("alice", "bob"):
        put(helper, name, before[name])
    assert helper.reload()["status"] == "ok"
    assert all(helper.token(user)["token"] in server.access for user in NAMES.values())
    assert contents(helper) == before and not server.seen("token")
    assert granted(helper, key)
    stage.end()


@tap.promise
def other_registration(stage):
    "an account whose client_id has changed does not use what was sealed for the one before"
    server, helper, tokens, key = beginning_sealed(stage, names=["alice"])
    helper.accounts["alice"]["client_id"] = "another"
    helper.start()
    reply = helper.token()
    assert reply["status"] == "login_required" and "another client_id" in reply["reason"], reply
    assert granted(helper, key, ["alice"]) == tokens and not server.seen()
    stage.end()


# ---- mailboxes


def boxes(helper):
    return {name: data for name, data in contents(helper).items() if re.match("~[^#]*$", name)}


@tap.promise
def mailboxes(stage):
    "the files of mailboxes are sealed and rotated alike; without the key they are not touched"
    server, helper = stage.delegated(start=False)
    old, new = seals.new_key(), seals.new_key()
    helper.start()
    tokens = {user: helper.token(user)["token"] for user in (ALICE, BOB)}
    wait_for(lambda: len(boxes(helper)) == 2, what="the files")
    assert helper.list()["google"]["storage"] == "plain"
    for keys in ((old,), (new, old)):
        assert helper.stop() == 0
        use(helper, *keys)
        helper.start()
        held = {seals.attributes(seals.read(data, keys[0], name))["access_token"]
                for name, data in boxes(helper).items()}
        assert held == set(tokens.values()), keys
        assert helper.list()["google"]["storage"] == "sealed"
        assert all(helper.token(user)["token"] == token for user, token in tokens.items())
    assert helper.stop() == 0
    before = boxes(helper)
    use(helper, old)
    helper.start()
    reply = helper.token(ALICE)
    assert reply["status"] == "config" and seals.key_id(new) in reply["reason"], reply
    assert f"google/{ALICE}" in reply["reason"], reply
    assert helper.token(CAROL)["status"] == "ok", "nothing was stored of that one"
    molest(helper, "google")
    assert helper.token(ALICE)["status"] == "config"
    assert helper.list()["google"]["state"] == "config"
    assert helper.stop() == 0
    assert {name: boxes(helper)[name] for name in before} == before
    assert len(server.seen("token")) == 3
    helper.start()
    assert helper.token(ALICE)["status"] == "config"
    assert helper.cli("logout", "google").rc == 0
    wait_for(lambda: len(boxes(helper)) < 3, what="the file is gone")
    assert helper.token(ALICE)["status"] == "ok"
    stage.end()


# ---- where keys come from


@tap.promise
def key_files(stage):
    "a key that is missing, malformed or open to others is fatal, and said with what to do"
    _, helper = stage.begin()
    good = seals.new_key()
    path = os.path.join(helper.config_dir, "k")

    def complain(*words, setting="state_key", value=path):
        helper.settings = {setting: value}
        helper.write_config()
        for option in ("--check", "--foreground"):
            done = helper.env.run(helper.command(option), env=helper.environment)
            assert done.rc == 78 and done.stdout == "", (option, done)
            for word in (setting, *words):
                assert word in done.stderr, (option, word, done.stderr)
            assert good not in done.stderr and good[1:] not in done.stderr, done.stderr
            assert done.stderr.count("\n") == 1, done.stderr

    advice = "openssl rand -hex 32"
    complain(path, "No such file", advice)
    for text in ("", "\n", good[1:], good + "0", good[:63] + "g", good + "\n\n", " " + good,
                 good + "\r\n", good + "\n" + good):
        helper.secret_file("k", text)
        complain(path, advice)
        complain(path, "state_key_old", setting="state_key_old")
    helper.secret_file("k", good)
    os.chmod(path, 0o644)
    complain(path, "others may read", "chmod")
    os.unlink(path)
    os.symlink(install(helper, good, "real"), path)
    complain(path, "symbolic link")
    os.unlink(path)
    os.mkdir(path)
    complain(path)
    os.rmdir(path)
    complain("a/b", "absolute path", value="a/b")
    complain(path, setting="state_key_old")
    made = helper.env.run(advice.split()).stdout
    for text in (made, good, good.upper()):
        helper.settings = {"state_key": helper.secret_file("k", text)}
        assert helper.check().rc == 0, text
        helper.start()
        assert helper.stop() == 0


@tap.promise
def credential(stage):
    "the key is a systemd credential, as `systemd-creds encrypt` stores it"
    tap.require("systemd-creds")
    server, helper = stage.begin()
    helper.accounts["alice"] = {"user": ALICE}
    helper.settings["state_key"] = "state-key"
    helper.settings["state_key_old"] = ["state-key-old"]
    done = helper.check()
    assert done.rc == 0 and "not checked" in done.stderr and "LoadCredential" in done.stderr, done
    done = helper.env.run(helper.command("--foreground"))
    assert done.rc == 78 and "LoadCredential" in done.stderr, done
    where = stage.env.mkdir("credentials")
    host = {"SYSTEMD_CREDENTIAL_SECRET": stage.env.path("credential.secret")}
    keys = {}
    for name in ("state-key", "state-key-old"):
        keys[name] = seals.new_key()
        sealed = stage.env.path(name + ".cred")
        done = stage.env.run(["systemd-creds", "encrypt", "--with-key=host", f"--name={name}",
                              "-", sealed], input=keys[name] + "\n", env=host)
        if done.rc != 0:
            tap.skip("systemd-creds cannot encrypt here: " + done.stderr.strip())
        with open(sealed, encoding="ascii") as f:
            assert keys[name] not in f.read()
        # what systemd does before it starts the service
        done = stage.env.run(["systemd-creds", "decrypt", f"--name={name}", sealed, "-"], env=host)
        assert done.rc == 0, done
        os.replace(helper.secret_file(name, done.stdout), os.path.join(where, name))
    helper.environment["CREDENTIALS_DIRECTORY"] = where
    assert helper.check().rc == 0
    helper.start()
    tokens = sign_in(server, helper, ["alice"])
    assert granted(helper, keys["state-key"], ["alice"]) == tokens
    stage.end()


@tap.promise
def user_mode(stage):
    "the helper of a user encrypts as well"
    tap.need(os.geteuid() == 0, "uid 0")
    key = seals.new_key()
    server, helper, tokens = begin(stage, key=key, helper={"user": 8})
    assert granted(helper, key) == tokens
    helper.restart()
    assert all(helper.token(user, uid=8)["token"] in server.access for user in NAMES.values())
    done = helper.cli("list")
    assert done.rc == 0 and "unencrypted" not in done.stdout, done
    stage.end()


@tap.promise
def only_the_daemon_has_it(stage):
    "no child of the daemon ever has a key, and no process has one in plain digits"
    tap.need(os.geteuid() == 0, "uid 0")
    key = seals.new_key()
    server, helper, tokens = begin(stage, key=key)
    daemon = helper.process.pid
    forms = (bytes.fromhex(key), key[24:56].encode())
    assert forms[0] in memory(daemon), "the test can find a key"

    def look():
        spawner, = children(daemon)
        fetch, = children(spawner)
        own, _ = seals.answer_key(key, tokens["alice"])
        assert own.encode() in memory(fetch), "the test can find the key for an answer"
        for pid in (spawner, fetch):
            for form in forms:
                assert form not in memory(pid)
        assert forms[1] not in memory(daemon), "not wiped"
        assert own[24:56].encode() not in memory(daemon), "not wiped"
    leave_answer(server, helper, look)
    takes_answer(server, helper)
    stage.end()


def memory(pid):
    """All that a process can write to, as bytes."""
    parts = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            span, modes = line.split()[:2]
            if not modes.startswith("rw"):
                continue
            low, high = (int(number, 16) for number in span.split("-"))
            mem.seek(low)
            try:
                parts.append(mem.read(high - low))
            except OSError:
                continue
    return b"".join(parts)


tap.main(Stage, timeout=240)
