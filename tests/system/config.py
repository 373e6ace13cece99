#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""config - what the files say, and what is said about files that are wrong"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import SRCDIR
from helper import Helper
from oauthd import OAuthServer, Reply

ME = str(os.geteuid())
GOOD = {"user": "alice@example.com", "allow": ME}
SECRET = "hunter2-the-secret"


def setup(env):
    return env, OAuthServer(tls=env.tls()).start()


def tables():
    """The keys of the three tables, as the source has them: {table: [(key, arguments)]}."""
    with open(os.path.join(SRCDIR, "helper/config/tables.c"), encoding="utf-8") as f:
        text = f.read()
    found = {}
    for name, body in re.findall(r"const struct conf_key (\w+)_keys\[\] = \{(.*?)\n\};", text, re.S):
        found[name] = re.findall(r"\{KEY(?:_S)?\(\w+, (\w+)(.*?)\},?\n", body, re.S)
    return found


def manual():
    """The sections of sasl-bearer.conf(5): {heading: {key: text}}."""
    with open(os.path.join(SRCDIR, "man/sasl-bearer.conf.5"), encoding="utf-8") as f:
        text = f.read().replace("\\\n", "")
    found = {}
    for heading, body in re.findall(r"^\.Sh (\w+)\n(.*?)(?=^\.Sh )", text, re.S | re.M):
        keys = found.setdefault(heading, {})
        for head, rest in re.findall(r"^\.It Cm (.*?)\n(.*?)(?=^\.It Cm |\Z)", body, re.S | re.M):
            for key in head.split(" Pq ")[0].split(" , "):
                keys[key.strip()] = head + "\n" + rest
    return found


@tap.promise
def manual_is_whole():
    "sasl-bearer.conf(5) has every key of the tables, and no other"
    sections = manual()
    for table, heading in (("settings", "SETTINGS"), ("account", "ACCOUNTS"),
                           ("provider", "PROVIDERS")):
        keys = {key for key, _ in tables()[table]}
        assert len(keys) > 9, f"{table}: {keys}"
        assert set(sections[heading]) == keys, set(sections[heading]) ^ keys


@tap.promise
def manual_has_defaults():
    "sasl-bearer.conf(5) has every default that the tables have"
    sections = manual()
    for table, heading in (("settings", "SETTINGS"), ("account", "ACCOUNTS"),
                           ("provider", "PROVIDERS")):
        for key, arguments in tables()[table]:
            text = sections[heading][key]
            assert "Default:" in text or "No default." in text, key
            default = re.search(r'\.def = "(.*?)"', arguments)
            if default and default[1].startswith("/"):
                continue
            assert not default or default[1] in text.partition("Default:")[2], key


@tap.promise
def check_is_content(world):
    "--check says nothing about a good configuration, and exits with 0"
    env, server = world
    done = Helper(env, server, {"alice": GOOD}).check()
    assert done.rc == 0, done
    assert not done.stderr, done.stderr


@tap.promise
def check_prints_all(world):
    "--check prints every error with file and line, and exits with 78"
    env, server = world
    helper = Helper(env, server, {
        "alice": GOOD,
        "bob": "provider = test\ncleint_id = x\n",
        "carol": "provider = tset\nclient_id = x\n",
        "dave": {"client_id": "CLIENT_ID_HERE"},
        "erin": "provider = test\r\nclient_id = x\r\n",
        "frank": {"services": "imap imaps", "min_validity": "5s"},
        "glob": {"user": "*@example.com"},
    })
    done = helper.check()
    said = done.stdout + done.stderr
    assert done.rc == 78, done
    for text in ('bob.conf:2: unknown name "cleint_id": did you mean "client_id"?',
                 'carol.conf:1: provider "tset" is not known',
                 "dave.conf:2: client_id is still a placeholder",
                 "erin.conf: has DOS line ends",
                 'frank.conf:3: services "imaps" is not one of: imap, pop, smtp',
                 "frank.conf:4: min_validity 5s is not within 30s..1d",
                 'glob.conf:3: user with a "*" needs grant = client_credentials'):
        assert text in said, (text, said)
    assert "alice" not in said, said


@tap.promise
def h7_typo(world):
    "H7: a typo in one account leaves the others; its own users read file and line"
    env, server = world
    helper = Helper(env, server, {"alice": GOOD, "bob": {"user": "bob@example.com",
                                                         "alow": "daemon", "allow": ME}}).start()
    reply = helper.token("bob@example.com")
    assert reply["status"] == "config", reply
    assert 'bob.conf:4: unknown name "alow": did you mean "allow"?' in reply["reason"], reply
    assert helper.store("alice", server.issue("alice@example.com"))["status"] == "ok"
    assert helper.token()["status"] == "ok"
    assert helper.stop() == 0


@tap.promise
def settings_are_fatal(world):
    "an error in sasl-bearer.conf keeps the helper from starting, with 78"
    env, server = world
    helper = Helper(env, server, {"alice": GOOD}, settings={"log_levle": "debug"}).write_config()
    done = env.run(helper.command("--foreground"))
    assert done.rc == 78, done
    assert 'unknown name "log_levle": did you mean "log_level"?' in done.stdout + done.stderr, done


@tap.promise
def reload_keeps(world):
    "a reload that finds an error keeps the old account, and names file and line"
    env, server = world
    helper = Helper(env, server, {"alice": GOOD}).start()
    assert helper.store("alice", server.issue("alice@example.com"))["status"] == "ok"
    helper.accounts["alice"] = {**GOOD, "hots": "elsewhere"}
    reply = helper.reload()
    assert reply["status"] == "config", reply
    assert 'alice.conf:5: unknown name "hots": did you mean "hosts"?' in reply["reason"], reply
    assert helper.token()["status"] == "ok"
    helper.accounts["alice"] = {**GOOD, "hosts": "elsewhere"}
    assert helper.reload()["status"] == "ok"
    assert helper.token()["status"] == "denied"
    assert helper.stop() == 0


@tap.promise
def d8_private(world):
    "D8: a secret that others may read is refused, with the command that mends it"
    env, server = world
    helper = Helper(env, server, {
        "alice": GOOD, "bob": {"user": "bob@example.com", "client_secret": SECRET}})
    helper.write_config()
    path = os.path.join(helper.config_dir, "accounts.d/bob.conf")
    os.chmod(path, 0o644)
    done = env.run(helper.command("--check"))
    said = done.stdout + done.stderr
    assert done.rc == 78, done
    assert re.search(r"bob.conf:4: .*chmod (600|640) " + re.escape(path), said), said
    assert SECRET not in said, said


@tap.promise
def d8_writers(world):
    "D8: a file that others may write is refused"
    env, server = world
    helper = Helper(env, server, {"alice": GOOD}).write_config()
    path = os.path.join(helper.config_dir, "accounts.d/alice.conf")
    os.chmod(path, 0o660)
    done = env.run(helper.command("--check"))
    assert done.rc == 78, done
    assert f"alice.conf: writable by others; run: chmod go-w {path}" in done.stdout + done.stderr


@tap.promise
def programs_are_there(world):
    "--check looks whether the programs beside the daemon can be run"
    env, server = world
    helper = Helper(env, server, {"alice": GOOD}, settings={"libexec_dir": "/nonexistent"})
    helper.write_config()
    done = helper.check()
    assert done.rc == 78, done
    for name in ("sasl-bearer-fetch", "sasl-bearer-sign"):
        assert f"/nonexistent/{name}: cannot be run: No such file" in done.stderr, done


@tap.promise
def tenant_and_scope(world):
    "what is asked for is the provider's scope of the account's services, at its tenant"
    env, server = world
    provider = {"tenant": "common", "scope": "offline_access", "scope_imap": "imap",
                "scope_smtp": "send", "scope_client_credentials": "all/.default"}
    for kind, key in (("token", "token_endpoint"), ("devicecode", "device_authorization_endpoint")):
        provider[key] = server.endpoint(kind, "{tenant}")
    helper = Helper(env, server, {
        "alice": {**GOOD, "tenant": "contoso.example", "services": "smtp"},
        "app": {"user": "app@example.com", "tenant": "other.example", "grant": "client_credentials",
                "allow": ME},
    }, providers={"test": provider})
    helper.accounts["app"]["client_secret_file"] = helper.secret_file("app.secret", SECRET)
    helper.start()
    server.script("devicecode", Reply.error("invalid_request"))
    assert helper.cli("login", "alice").rc != 0
    asked = server.seen("devicecode")[-1]
    assert "/contoso.example/" in asked.path, asked.path
    assert asked.form["scope"] == "offline_access send", asked.form
    assert helper.token("app@example.com")["status"] == "ok"
    asked = server.seen("token")[-1]
    assert "/other.example/" in asked.path, asked.path
    assert asked.form["scope"] == "all/.default", asked.form
    assert asked.form["client_secret"] == SECRET
    assert helper.stop() == 0


tap.main(setup)
