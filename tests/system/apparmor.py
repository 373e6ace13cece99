#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""apparmor - the profile: the parser takes it, and it covers all that a real run does

No kernel is needed that enforces it, and so no promise here says that it is enforced.
"""

import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from apparmor import TRACED, accesses, profiles
from env import BUILDDIR, SRCDIR, built, sasl_path
from helper import Helper
from keys import make_key
from oauthd import OAuthServer

ALICE = "alice@example.com"
CHILDREN = {"sasl-bearerd": "sasl-bearerd", "sasl-bearer-fetch": "fetch",
            "sasl-bearer-sign": "sign"}


def parse(env, text, *options):
    """Run apparmor_parser; includes are looked for in the test's directory first."""
    path = env.write("aa/profile", text)
    return env.run(["apparmor_parser", "--skip-kernel-load", "--skip-cache", "-I", env.path("aa"),
                    "--base", "/etc/apparmor.d", *options, path])


def template(name, **paths):
    """A file of contrib/apparmor with other paths."""
    with open(os.path.join(SRCDIR, "contrib/apparmor", name + ".in"), encoding="utf-8") as f:
        return re.sub(r"@([a-z_]+)@", lambda m: paths[m.group(1)], f.read())


def setup(env):
    env.mkdir("aa/abstractions")
    with open(built("contrib/apparmor/abstractions/sasl-bearer"), encoding="utf-8") as f:
        env.write("aa/abstractions/sasl-bearer", f.read())
    return env


@tap.promise
def compiles(env):
    "apparmor_parser takes the profile as it is installed, without a warning"
    with open(built("contrib/apparmor/sasl-bearerd"), encoding="utf-8") as f:
        text = f.read()
    assert not re.search(r"@[a-z_]+@", text)
    done = parse(env, text, "--debug")
    assert done.rc == 0, done
    assert "Warning" not in done.stderr, done.stderr
    names = parse(env, text, "--names").stdout.split()
    assert names == ["sasl-bearerd", "sasl-bearerd//fetch", "sasl-bearerd//sign"], names


@tap.promise
def abstraction_compiles(env):
    "it takes the rules for clients, inside of a client's profile"
    done = parse(env, "abi <abi/3.0>,\ninclude <tunables/global>\n"
                 "profile client /usr/bin/client {\n  include <abstractions/sasl-bearer>\n}\n")
    assert done.rc == 0, done


@tap.promise
def nothing_runs():
    "nothing is executed but fetch and sign, each in a profile of its own on top"
    with open(built("contrib/apparmor/sasl-bearerd"), encoding="utf-8") as f:
        text = f.read()
    rules = re.findall(r"^\s*(\S+) (\S*[xX]\S*(?: -> \S+)?),$", text, re.M)
    assert [how for _, how in rules] == ["Cx -> &fetch", "Cx -> &sign"], rules
    assert "ptrace" not in text and "capability sys_" not in text and "dac_" not in text


def run(env):
    """A whole life of the helper under strace; returns its profiles and what it did."""
    server = OAuthServer(tls=env.tls()).start()
    log = env.path("trace")
    script = env.write("give-token", "#!/bin/sh\necho token-of-a-script\n", 0o755)
    helper = Helper(env, server, {
        ALICE: {}, "key": {"grant": "client_credentials", "scope": "x", "user": "key@example.com"},
        "script": {"user": "script@example.com", "grant": "command", "provider": "generic",
                   "client_id": None, "hosts": "localhost", "command": script}},
        providers={"generic": {"title": "None"}},
        wrapper=["strace", "-ff", "-y", "-qq", "-s", "4096", "-e", "trace=" + TRACED, "-o", log])
    helper.accounts["key"]["client_key"] = helper.secret_file("key.pem", "")
    make_key(helper.path("etc/key"))
    with open(helper.path("etc/key"), encoding="ascii") as f:
        helper.secret_file("key.pem", f.read())
    os.unlink(helper.path("etc/key"))
    helper.start(timeout=60)
    assert helper.store(ALICE, server.issue(ALICE))["status"] == "ok"
    assert helper.request({"request": "refresh", "account": ALICE})["status"] == "ok", helper.log()
    assert helper.token("script@example.com")["token"] == "token-of-a-script", helper.log()
    helper.token("key@example.com")         # signed, whatever the server says
    assert helper.reload()["status"] == "ok"
    assert helper.request({"request": "forget", "account": "key"})["status"] == "ok"
    with open(f"/proc/{helper.process.pid}/task/{helper.process.pid}/children",
              encoding="ascii") as f:
        os.kill(int(f.read().split()[0]), signal.SIGTERM)     # not strace
    assert helper.process.wait(30) == 0, helper.log()
    # what an administrator adds here: the command, the test's CA and manager
    env.write("aa/local/sasl-bearerd",
              f"{script} rix,\n/usr/bin/dash rix,\n{env.tls().ca} r,\n{helper.path('notify')} rw,\n"
              f"{helper.path('etc')}/** r,\n")
    env.write("aa/local/sasl-bearerd.fetch", f"{env.tls().ca} r,\n")
    text = template("sasl-bearerd", sbindir=BUILDDIR, bearer_libexecdir=BUILDDIR,
                    bearer_confdir=helper.config_dir, bearer_datadir="/none",
                    bearer_statedir=helper.state_dir, bearer_rundir=os.path.dirname(helper.socket),
                    postfix_queuedir="/var/spool/postfix")
    done = parse(env, text, "--preprocess")
    assert done.rc == 0, done
    return profiles(done.stdout), accesses(log)


@tap.promise
def covers(env):
    "every file that daemon, spawner, fetch, sign and a command touch is one they may"
    tap.require("strace")
    rules, done = run(env)
    assert set(CHILDREN) <= {access.process for access in done}, "not all have run"
    assert len(done) > 200, len(done)
    wrong = set()
    for access in done:
        # children are stacked on the daemon's profile; a command stays in it
        for name in {"sasl-bearerd", CHILDREN.get(access.process, "sasl-bearerd")}:
            if not rules[name].allows(access.path, access.perms):
                wrong.add((name, access.path, access.perms))
    assert not wrong, sorted(wrong)
    tap.note(f"{len(done)} accesses of {len({a.path for a in done})} files")
    # and the other way: the checker can say no
    assert not rules["sasl-bearerd"].allows("/etc/shadow", "r")
    assert not rules["sasl-bearerd"].allows("/usr/bin/id", "x")
    assert not rules["fetch"].allows(next(a.path for a in done if a.path.endswith("/key.pem")), "r")


@tap.promise
def clients(env):
    "a program that loads the plugin touches what the rules for clients name, and no more of ours"
    tap.require("strace", "saslpluginviewer")
    server = OAuthServer(tls=env.tls()).start()
    helper = Helper(env, server, {ALICE: {}}).start()
    log = env.path("client")
    env.run(["strace", "-ff", "-y", "-qq", "-s", "4096", "-e", "trace=" + TRACED, "-o", log,
             "saslpluginviewer", "-c"], env={"SASL_PATH": sasl_path(),
                                             "SASL_BEARER_SOCKET": helper.socket})
    env.write("aa/abstractions/sasl-bearer", template(
        "abstractions/sasl-bearer", saslplugindir=built("plugin/.libs"),
        bearer_rundir=os.path.dirname(helper.socket), postfix_queuedir="/var/spool/postfix"))
    text = ("abi <abi/3.0>,\ninclude <tunables/global>\n"
            "profile client /usr/bin/client {\n  include <abstractions/sasl-bearer>\n}\n")
    rules = profiles(parse(env, text, "--preprocess").stdout)["client"]
    ours = [access for access in accesses(log)
            if access.path.startswith((built("plugin"), helper.dir))]
    assert any(access.path == helper.socket for access in ours), ours
    wrong = [access for access in ours if not rules.allows(access.path, access.perms)]
    assert not wrong, wrong


tap.main(setup, root=True, programs=["apparmor_parser"])
