#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""daemon - how sasl-bearerd starts, reads its files again, and ends"""

import os
import signal
import socket
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import built, environment, wait_for
from helper import Helper
from oauthd import OAuthServer, Reply

ALICE = "alice@example.com"


class World:
    """A provider, and helpers made for one promise each."""

    def __init__(self, env):
        self.env = env
        self.server = OAuthServer(tls=env.tls(), log=env.log_file("oauthd")).start()

    def helper(self, accounts=None, **options):
        return Helper(self.env, self.server, accounts=accounts or {"alice": {"user": ALICE}},
                      **options)

    def expired(self, helper):
        """Sign alice in, with an access token that has ended."""
        helper.store("alice", dict(self.server.issue(ALICE), expires_in=1))
        wait_for(lambda: helper.list()["alice"]["state"] == "stale", what="the token's end")

    def run(self, helper, *options):
        return self.env.run(helper.command(*options), timeout=10)


@tap.promise
def first_steps(world):
    "who starts it in a wrong way is told in one line what to do"
    missing = world.env.path("nowhere")
    helper = world.helper().write_config()
    for words, rc, text in (
            (("--nonsense",), 64, 'unknown option "--nonsense"; see "sasl-bearerd --help"'),
            (("--pidfile",), 64, 'no value for option "--pidfile"'),
            (("--user", "-xy"), 64, 'unknown option "-x"'),
            (("-f",), 64, 'unknown option "-f"'),
            (("--check=all",), 64, 'takes none: "--check=all"'), (("start",), 64, '"start"'),
            (("--pidfile", missing + "/pid"), 73, "cannot write the pidfile")):
        done = world.run(helper, *words)
        assert done.rc == rc and text in done.stderr, (words, done)
        assert done.stderr.startswith("sasl-bearerd: ") and done.stderr.count("\n") == 1, done
    for setting, value, text in (("state_dir", missing + "/state", "set state_dir"),
                                 ("listen", missing + "/a/socket", "see listen in")):
        done = world.run(world.helper(settings={setting: value}).write_config(), "--foreground")
        assert done.rc == 73 and text in done.stderr and missing in done.stderr, done


@tap.promise
def broken_settings(world):
    "an error in sasl-bearer.conf is fatal at start: exit 78, and the line is named"
    helper = world.helper(settings={"fetch_timout": "5s"}).write_config()
    done = world.run(helper, "--foreground")
    assert done.rc == 78, done
    assert 'did you mean "fetch_timeout"' in done.stderr and "sasl-bearer.conf:" in done.stderr, done


@tap.promise
def broken_account(world):
    "H7: an error in one account's file disables that account only; it answers with FILE:LINE"
    helper = world.helper({"alice": {"user": ALICE}, "bob": {"user": "bob@example.com", "clientid": "x"}})
    helper.start()
    reply = helper.token("bob@example.com")
    assert reply["status"] == "config" and "bob.conf:" in reply["reason"], reply
    assert helper.token()["status"] == "login_required", "alice works as before"
    assert helper.list()["bob"]["state"] == "config"
    done = helper.check()
    assert done.rc == 78 and "bob.conf:" in done.stderr, done
    assert helper.stop() == 0


@tap.promise
def check(world):
    "--check prints every error with its line, and exits 0 when there is none"
    done = world.helper({"a": {"user": ALICE, "min_validity": "soon", "services": "imap fax"},
                         "b": {"user": "CLIENT_ID_HERE"}}).check()
    assert done.rc == 78, done
    for words in ("a.conf:", "min_validity", "services", "b.conf:", "placeholder"):
        assert words in done.stderr, (words, done.stderr)
    done = world.helper({"c": {"user": ALICE, "client_secret_file": "/nonexistent/secret"}}).check()
    assert done.rc == 78 and "c.conf: /nonexistent/secret: cannot open" in done.stderr, done
    assert world.helper().check().rc == 0


@tap.promise
def reload_by_signal(world):
    "SIGHUP: new accounts are served, removed ones are not, tokens stay"
    helper = world.helper().start()
    tokens = dict(world.server.issue(ALICE), expires_in=3600)
    helper.store("alice", tokens)
    helper.accounts["bob"] = {"user": "bob@example.com"}
    helper.hup()
    wait_for(lambda: "bob" in helper.list(), what="the new account")
    assert helper.token()["token"] == tokens["access_token"]
    del helper.accounts["bob"]
    helper.hup()
    wait_for(lambda: "bob" not in helper.list(), what="the end of the account")
    assert helper.stop() == 0


@tap.promise
def bad_reload(world):
    "a reload with an error in a file keeps the old definition, and names the line"
    helper = world.helper().start()
    tokens = dict(world.server.issue(ALICE), expires_in=3600)
    helper.store("alice", tokens)
    helper.accounts["alice"]["nonsense"] = "1"
    reply = helper.reload()
    assert reply["status"] == "config" and "alice.conf:" in reply["reason"], reply
    assert helper.token()["token"] == tokens["access_token"], "the old definition is gone"
    del helper.accounts["alice"]["nonsense"]
    helper.settings["log_level"] = "loud"
    reply = helper.reload()
    assert reply["status"] == "config" and "sasl-bearer.conf:" in reply["reason"], reply
    assert helper.token()["status"] == "ok"
    assert helper.stop() == 0


@tap.promise
def reload_retries(world):
    "a reload tries failed accounts again at once"
    helper = world.helper().start()
    world.expired(helper)
    world.server.script("token", Reply.error("invalid_client", status=401))
    assert helper.token()["status"] == "config"
    assert helper.reload()["status"] == "ok"
    wait_for(lambda: helper.list()["alice"]["state"] == "fresh", what="the retry")
    assert helper.stop() == 0


@tap.promise
def removed_account_keeps_its_fetch(world):
    "an account removed during a refresh lives until the rotated token is stored"
    helper = world.helper({"alice": {"user": ALICE}, "bob": {"user": "bob@example.com"}}).start()
    world.expired(helper)
    fresh = world.server.issue(ALICE)
    world.server.forget()
    world.server.script("token", Reply(json=fresh, delay=1))
    asker = subprocess.Popen(
        [built("sasl-bearer"), "--config", helper.config, "refresh", "alice"],
        env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    world.server.wait_seen("token")
    del helper.accounts["alice"]
    assert helper.reload()["status"] == "ok"
    asker.wait(20)
    wait_for(lambda: helper.state("alice")["refresh_token"] == fresh["refresh_token"],
             what="the rotated token on disk")
    assert helper.stop() == 0


@tap.promise
def not_a_socket(world):
    "what is in the place of the socket is not removed unless it is a socket"
    helper = world.helper().write_config()
    with open(helper.socket, "w", encoding="utf-8") as f:
        f.write("precious")
    done = world.run(helper, "--foreground")
    assert done.rc != 0 and helper.socket in done.stderr, done
    with open(helper.socket, encoding="utf-8") as f:
        assert f.read() == "precious"


@tap.promise
def open_directory(world):
    "a directory that others may write to is refused for a socket, with the chmod to run"
    helper = world.helper().write_config()
    os.chmod(os.path.dirname(helper.socket), 0o777)
    done = world.run(helper, "--foreground")
    assert done.rc != 0 and "chmod go-w" in done.stderr, done


@tap.promise
def open_configuration(world):
    "a configuration file that others may change is refused, with the chmod to run"
    helper = world.helper().write_config()
    os.chmod(helper.config, 0o666)
    done = world.run(helper, "--foreground")
    assert done.rc == 78 and "chmod" in done.stderr, done


@tap.promise
def after_a_crash(world):
    "after kill -9 it starts again over its old socket"
    helper = world.helper().start()
    helper.kill()
    assert stat.S_ISSOCK(os.stat(helper.socket).st_mode)
    helper.start()
    assert helper.request({"request": "hello"})["status"] == "ok"
    assert helper.stop() == 0


def ended(pid):
    """Whether a process that is not our child is gone, or waits to be reaped."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@tap.promise
def background(world):
    "without --foreground it goes to the background when it is ready, and writes its pid"
    helper = world.helper().write_config()
    pidfile = helper.path("pid")
    done = world.run(helper, "--pidfile", pidfile)
    assert done.rc == 0, done
    with open(pidfile, encoding="utf-8") as f:
        pid = int(f.read())
    assert helper.request({"request": "hello"})["status"] == "ok"
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: ended(pid), what="the end of the process")


@tap.promise
def starting_fails_loudly(world):
    "when it cannot start in the background the caller is told"
    helper = world.helper().write_config()
    os.chmod(os.path.dirname(helper.socket), 0o777)
    done = world.run(helper)
    assert done.rc != 0 and "chmod" in done.stderr, done


@tap.promise
def drops_root(world):
    "started as root it runs as run_as, without a way back, and so does what it starts"
    tap.need(os.geteuid() == 0, "uid 0")
    helper = world.helper().start()
    pids = [helper.process.pid]
    pids += [int(pid) for pid in
             open(f"/proc/{pids[0]}/task/{pids[0]}/children", encoding="utf-8").read().split()]
    assert len(pids) == 2, "the daemon and its spawner"
    for pid in pids:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            status = dict(line.split(":", 1) for line in f)
        assert status["Uid"].split() == ["1"] * 4, status["Uid"]
        assert status["NoNewPrivs"].strip() == "1"
        assert status["CapEff"].strip("\t\n0") == "", status["CapEff"]
        with open(f"/proc/{pid}/limits", encoding="utf-8") as f:
            core = next(line for line in f if "core file" in line).split()
        assert core[4] == "0", core
    assert helper.stop() == 0


@tap.promise
def user_mode(world):
    "--user: a helper of one's own, below the XDG directories"
    tap.need(os.geteuid() == 0, "uid 0")
    helper = Helper(world.env, world.server, accounts={"alice": {"user": ALICE}}, user=8).start()
    assert helper.store("alice", dict(world.server.issue(ALICE), expires_in=3600))["status"] == "ok"
    assert helper.token(uid=8)["status"] == "ok", "the user"
    assert helper.token()["status"] == "ok", "root"
    os.chmod(os.path.dirname(os.path.dirname(helper.socket)), 0o755)
    assert helper.token(uid=5)["status"] == "denied", "another user"
    assert helper.stop() == 0


@tap.promise
def damaged_state(world):
    "a state file that cannot be read is left as it is, and the reason says so"
    helper = world.helper().write_config()
    path = os.path.join(helper.state_dir, "alice")
    with open(path, "w", encoding="utf-8") as f:
        f.write("protocol=1\nrefresh_token=cut")
    os.chown(path, 1, 1) if os.geteuid() == 0 else None
    helper.start()
    reply = helper.token()
    assert reply["status"] == "login_required" and "cannot be read" in reply["reason"], reply
    with open(path, encoding="utf-8") as f:
        assert f.read() == "protocol=1\nrefresh_token=cut"
    assert helper.store("alice", dict(world.server.issue(ALICE), expires_in=3600))["status"] == "ok"
    assert helper.token()["status"] == "ok", "a new sign-in mends it"
    assert helper.stop() == 0


@tap.promise
def second_pidfile(world):
    "a second daemon that does not start leaves the first one's pid file alone"
    helper = world.helper().start()
    pidfile = helper.path("pid")
    with open(pidfile, "w", encoding="utf-8") as f:
        f.write("1\n")
    assert world.run(helper, "--foreground", "--pidfile", pidfile).rc != 0
    with open(pidfile, encoding="utf-8") as f:
        assert f.read() == "1\n"
    assert helper.stop() == 0


@tap.promise
def no_helper_program(world):
    "when sasl-bearer-fetch cannot be run the reason says where to look"
    helper = world.helper(settings={"libexec_dir": "/nonexistent"}).start()
    world.expired(helper)
    reply = helper.token()
    assert reply["status"] == "temporary" and "sasl-bearer-fetch" in reply["reason"], reply
    helper.wait_log("libexec_dir")
    assert helper.stop() == 0


tap.main(World, timeout=180)
