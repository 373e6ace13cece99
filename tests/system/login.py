#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""login - sasl-bearer login: the device flow, the account's file, the hand-over"""

import contextlib
import os
import re
import stat
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import built, wait_for
from helper import Helper, endpoints
from oauthd import Reply
from oidc import PUBLIC, OidcProvider
from provider import unsigned_jwt
from signin import NEW, World

SECRET = "a&b+c%41=d secret"
ME = str(os.geteuid())


@tap.promise
def signs_in(world):
    "a sign-in makes the account, stores its tokens, and they are served"
    done = world.login(*NEW, "--services", "imap,smtp", "--allow", f"daemon,{ME}", "alice@example.com")
    assert done.rc == 0, done
    code = [d["user_code"] for d in world.server.devices.values()]
    assert not code, "the code was not redeemed"
    assert f"{world.server.url}/devicelogin" in done.stdout, done.stdout
    assert "Only continue if you started this yourself" in done.stdout, done.stdout
    text = world.read("alice@example.com")
    for line in ("user = alice@example.com", "provider = test", "client_id = test-client",
                 "services = imap smtp", f"allow = daemon {ME}"):
        assert line in text.splitlines(), text
    reply = world.helper.token()
    assert reply["status"] == "ok", reply
    assert reply["token"] in world.server.access
    state = world.helper.state("alice@example.com")
    assert state["flow"] == "device", state
    assert state["refresh_token"] == world.server.newest_refresh_token("alice@example.com")


@tap.promise
def file_mode(world):
    "the account's file is readable by the helper and writable by its owner only"
    mode = os.stat(world.account_file("alice@example.com")).st_mode
    assert stat.S_IMODE(mode) == (0o644 if os.geteuid() == 0 else 0o600), oct(mode)
    names = os.listdir(os.path.join(world.helper.config_dir, "accounts.d"))
    assert names == ["alice@example.com.conf"], names


@tap.promise
def says_what_next(world):
    "it ends with list, the filter lines and the restart of running programs"
    done = world.login("login", "--device", "alice@example.com")
    assert done.rc == 0, done
    for text in ("sasl-bearer list", "AuthMechs XOAUTH2", "smtp_sasl_mechanism_filter",
                 "smtp_sasl_tls_security_options = noanonymous",
                 "Restart programs that were already running."):
        assert text in done.stdout, done.stdout


@tap.promise
def never_edits(world):
    "an existing file is not changed: options that differ are an error naming key and file"
    before = world.read("alice@example.com")
    path = world.account_file("alice@example.com")
    for option, value, key in (("--client-id", "other", "client_id"), ("--services", "imap", "services"),
                               ("--allow", "daemon,bin", "allow"), ("--hosts", "h", "hosts"),
                               ("--tenant", "t", "tenant")):
        done = world.helper.cli("login", option, value, "alice@example.com")
        assert done.rc == 78, done
        assert f"{option} differs from {key} in {path}" in done.stderr, done.stderr
    assert world.read("alice@example.com") == before


@tap.promise
def same_options(world):
    "options that say what the file says are fine, in any order"
    done = world.login(*NEW, "--services", "smtp,imap", "alice@example.com")
    assert done.rc == 0, done


@tap.promise
def by_address(world):
    "an account is also found by the address it is for"
    path = world.account_file("work")
    with open(path, "w", encoding="utf-8") as f:
        f.write("provider = test\nclient_id = test-client\nuser = bob@example.com\n")
    os.chmod(path, 0o644)
    done = world.login("login", "bob@example.com")
    assert done.rc == 0, done
    assert "refresh_token" in world.helper.state("work")
    assert not os.path.exists(world.account_file("bob@example.com"))


@tap.promise
def new_needs_provider(world):
    "a new account needs --provider and --client-id; the error has an example, or what is missing"
    example = "sasl-bearer login --provider microsoft --client-id"
    for words, text in (((), example), (("--provider", "test"), "say --client-id, too"),
                        (("--client-id", "x"), example)):
        done = world.helper.cli("login", *words, "new@example.com")
        assert done.rc == 64 and text in done.stderr, done
    assert not os.path.exists(world.account_file("new@example.com"))


@tap.promise
def checked_first(world):
    "what is wrong with a new account is said before anybody signs in"
    world.server.forget()
    for words, text in (
            (("--client-id", "CLIENT_ID_HERE"), "client_id is still a placeholder"),
            (("--client-id", "x", "--services", "imaps"), 'services "imaps" is not one of'),
            (("--client-id", "x", "--provider", "tset"), 'provider "tset" is not known'),
            (("--client-id", "x", "--tenant", "a/b", "--issuer", "http://x.example"),
             "issuer is not an https URL")):
        done = world.helper.cli("login", "--provider", "test", *words, "new@example.com")
        assert done.rc == 78, done
        assert text in done.stderr, done.stderr
    assert not world.server.seen()
    names = os.listdir(os.path.join(world.helper.config_dir, "accounts.d"))
    assert not [n for n in names if n.startswith((".", "new"))], names


@tap.promise
def r9_slow_down(world):
    "R9: slow_down adds five seconds"
    world.server.forget()
    done = world.login(*NEW, "slow@example.com", act="slow")
    assert done.rc == 0, done
    first, second = world.server.seen("token")[:2]
    assert second.time - first.time > 5.9, second.time - first.time


@tap.promise
def r9_declined(world):
    "R9: declined ends the sign-in with 77, in both spellings, and nothing is left"
    for reply in (None, Reply.error("access_denied"), Reply.error("authorization_declined")):
        world.server.script("token", *([reply] if reply else []))
        done = world.login(*NEW, "carol@example.com", act="none" if reply else "deny")
        assert done.rc == 77, done
        assert "the sign-in did not succeed" in done.stderr, done
        assert not os.path.exists(world.account_file("carol@example.com"))


@tap.promise
def expires(world):
    "a code that nobody uses ends the sign-in with 69 at its time, or when the provider says so"
    world.server.device_expires_in = 2
    done = world.login(*NEW, "carol@example.com", act="none")
    world.server.device_expires_in = 900
    assert done.rc == 69, done
    assert "expired" in done.stderr, done
    world.server.script("token", Reply.error("expired_token"))
    done = world.login(*NEW, "carol@example.com", act="none")
    assert done.rc == 69, done


@tap.promise
def network_trouble(world):
    "trouble of the network between two polls does not end a sign-in"
    world.server.forget()
    world.server.script("token", Reply(503), Reply(close=True))
    done = world.login("login", "alice@example.com")
    assert done.rc == 0, done
    times = [r.time for r in world.server.seen("token")]
    assert times[2] - times[1] > times[1] - times[0], times
    assert done.stderr.count("\n") == done.stderr.count("trying again until the code expires") == 1, done


@tap.promise
def no_refresh_token(world):
    "an answer without a refresh token is an error that names offline_access"
    world.server.script("token", Reply(json={"access_token": "x", "token_type": "Bearer"}))
    done = world.login(*NEW, "carol@example.com", act="none")
    assert done.rc == 78, done
    assert "offline_access" in done.stderr, done
    assert not os.path.exists(world.account_file("carol@example.com"))


@contextlib.contextmanager
def answers(server, **options):
    """Options of the provider for a while."""
    before = {name: getattr(server, name) for name in options}
    vars(server).update(options)
    try:
        yield
    finally:
        vars(server).update(before)


def check(world, account, *words, rc=0, **options):
    """Sign in for a new account; nothing may be left unless that works.  Returns a Result."""
    world.server.forget()
    with answers(world.server, **options):
        done = world.login(*NEW, *words, account)
    assert done.rc == rc, done
    if rc == 0:
        assert "refresh_token" in world.helper.state(account)
    else:
        assert done.stderr.count("\n") == 1, done.stderr
        assert not world.left(account), world.left(account)
    return done


@tap.promise
def identity_agrees(world):
    "an id_token about USER is fine, whatever its claim and its case are"
    for number, claims in enumerate((
            {"email": "PAT0@Example.com"}, {"preferred_username": "pat1@example.com"},
            {"upn": "x", "unique_name": "pat2@example.com"},
            {"sub": "pat3@example.com", "email": "alias@example.com"},
            {"aud": ["else", "test-client"], "upn": "pat4@example.com"})):
        done = check(world, f"pat{number}@example.com", claims=claims)
        assert "id_token" not in done.stderr, done


@tap.promise
def identity_differs(world):
    "signed in as somebody else: 77, both names, what to do, and nothing is left"
    done = check(world, "alice2@example.com", rc=77, claims={"email": "bob@example.com", "sub": "0"})
    assert ('signed in as "bob@example.com", but this account is for "alice2@example.com": sign in '
            "again as that user, or, if bob@example.com is the name to sign in with, add "
            "--as bob@example.com") in done.stderr, done.stderr


@tap.promise
def identity_as(world):
    "--as says with which name one signs in; then it is that which must agree"
    done = check(world, "shared@example.com", "--as", "carl@example.com", rc=77,
                 claims={"upn": "shared@example.com"})
    assert 'account is for "carl@example.com"' in done.stderr, done.stderr
    check(world, "shared@example.com", "--as", "Bob@example.com", claims={"upn": "bob@example.com"})
    assert "user = shared@example.com" in world.read("shared@example.com")


@tap.promise
def identity_of_others(world):
    "an id_token for another application is refused: 76, and nothing is left"
    for claims in ({"aud": "other"}, {"aud": ["a", "b"]}, {"aud": None}):
        done = check(world, "quentin@example.com", rc=76,
                     claims={"email": "quentin@example.com", **claims})
        assert 'another application than client_id "test-client"' in done.stderr, done.stderr


@tap.promise
def identity_unknown(world):
    "an id_token without a name says nothing; one that cannot be read is a warning"
    done = check(world, "rita@example.com", claims={"sub": "A1b2", "email": 7})
    assert not done.stderr, done
    answer = world.server.issue("alice@example.com")
    for number, id_token in enumerate(("garbage", "a.b.c", "a.bm8.c", "e30.W10.x.y.z")):
        world.server.script("token", Reply(json={**answer, "id_token": id_token}))
        done = world.login(*NEW, f"rita{number}@example.com", act="none")
        assert done.rc == 0, done
        assert "cannot read the provider's id_token" in done.stderr, done
        assert f'"rita{number}@example.com"' in done.stderr, done


@tap.promise
def access_tokens_are_opaque(world):
    "an access token is not read, though it looks as if it could be"
    answer = world.server.issue("alice@example.com")
    world.server.script("token", Reply(json={
        **answer, "access_token": unsigned_jwt({"upn": "bob@example.com", "aud": "outlook"})}))
    done = world.login(*NEW, "sue@example.com", act="none")
    assert done.rc == 0 and not done.stderr, done


@tap.promise
def identity_by_a_real_provider(world):
    "oidc-provider's id_token is read: the right person, and another one"
    oidc = OidcProvider(world.env, tls=True).start()
    world.helper.providers["oidc"] = keys = {
        "title": "OIDC", "scope": "openid offline_access mail", "hosts": "localhost",
        **endpoints(oidc)}
    path = os.path.join(world.helper.config_dir, "providers.d/oidc.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(f"{key} = {value}\n" for key, value in keys.items())
    os.chmod(path, 0o644)
    for user, rc, text in (("bob@example.com", 77, 'signed in as "bob@example.com"'),
                           ("tom@example.com", 0, "")):
        with world.terminal("login", "--provider", "oidc", "--client-id", PUBLIC,
                            "tom@example.com") as terminal:
            terminal.wait_for("enter the code:")
            wait_for(lambda: re.search(r"enter the code:\s+(\S+)\s", terminal.text), 10, "a code")
            code = re.search(r"enter the code:\s+(\S+)\s", terminal.text)[1]
            oidc.approve(code, user)
            assert terminal.wait() == rc, terminal.text
            assert text in terminal.text, terminal.text
            assert bool(world.left("tom@example.com")) == (rc == 0)
    oidc.stop()


@tap.promise
def scope_less(world):
    "less granted than asked for: 77, what is missing and what to do, and nothing is left"
    asked = {"scope": "offline_access openid", "scope_imap": "https://m.example/IMAP",
             "scope_smtp": "https://m.example/SMTP"}
    keys = {"title": "S", "hosts": "localhost", **endpoints(world.server), **asked}
    path = os.path.join(world.helper.config_dir, "providers.d/scopes.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(f"{key} = {value}\n" for key, value in keys.items())
    os.chmod(path, 0o644)
    new = ("--provider", "scopes")
    for granted, missing in (("https://m.example/imap openid", "https://m.example/SMTP"),
                             ("openid email https://www.googleapis.com/auth/userinfo.email",
                              "https://m.example/IMAP https://m.example/SMTP")):
        done = check(world, "uma@example.com", *new, rc=77, granted=granted)
        assert (f'did not grant "{missing}": sign in again and tick its box on the consent page, '
                "ask the administrator to allow it, or leave the service out with --services"
                ) in done.stderr, done.stderr
    done = check(world, "uma@example.com", *new, "--services", "imap",
                 granted="https://m.example/imap")
    assert not done.stderr, done


@tap.promise
def scope_other(world):
    "a provider that renames scopes is believed, with a warning"
    done = check(world, "vic@example.com", granted="email Mail.All")
    assert 'granted "email Mail.All" and was asked for "mail offline_access"' in done.stderr, done
    done = check(world, "vera@example.com", granted="MAIL")
    assert not done.stderr, done


@tap.promise
def other_answers(world):
    "R9: verification_url, numbers as strings, a link with the code in it"
    world.server.script("devicecode", Reply(json={
        "device_code": "dc", "user_code": "WXYZ", "verification_url": "https://v.example/d",
        "verification_uri_complete": "https://v.example/d?c=WXYZ", "expires_in": "900",
        "interval": "1"}))
    world.server.script("token", Reply(json=world.server.issue("alice@example.com")))
    done = world.login("login", "alice@example.com", act="none")
    assert done.rc == 0, done
    for text in ("https://v.example/d\n", "https://v.example/d?c=WXYZ", "WXYZ"):
        assert text in done.stdout, done.stdout


@tap.promise
def provider_without_device(world):
    "a provider without a device endpoint: says so, and nobody is bothered"
    world.helper.providers["nodev"] = {"title": "N", "token_endpoint": world.server.endpoint("token"),
                                       "hosts": "localhost"}
    path = os.path.join(world.helper.config_dir, "providers.d/nodev.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"title = N\ntoken_endpoint = {world.server.endpoint('token')}\nhosts = localhost\n")
    os.chmod(path, 0o644)
    new = ("login", "--provider", "nodev", "--client-id", "x", "carol@example.com")
    done = world.helper.cli(*new, "--device")
    assert done.rc == 78, done
    assert 'provider "nodev" has no sign-in with --device' in done.stderr, done
    assert "use --browser, or --paste" in done.stderr, done
    done = world.helper.cli(*new)
    assert done.rc == 78, done
    assert 'provider "nodev" has no sign-in for people' in done.stderr, done


def listed(world, *folders):
    """What --provider list prints of these directories: {name: (title, ways, needs)}."""
    config = world.env.write(f"{world.env.name('list')}.conf",
                             f"providers_dir = {' '.join(folders)}\n")
    done = world.env.run([built("sasl-bearer"), "--config", config, "login", "--provider", "list"])
    assert done.rc == 0 and not done.stderr, done
    found = {}
    for block in re.split(r"\n(?=\S)", done.stdout.rstrip("\n")):
        name, title, ways, needs = re.fullmatch(
            r"(\S+?)(?:: (.*))?\n    ways:  (.*)(?:\n    needs: ((?:.*|\n {11})*))?", block).groups()
        found[name] = (title or "", ways, needs and re.sub(r"\n *", " ", needs))
    return found


@tap.promise
def providers_listed(world):
    "--provider list shows every shipped provider: title, ways to a token, what one needs"
    shipped = world.env.shipped_providers()
    found = listed(world, shipped)
    names = [name.removesuffix(".conf") for name in os.listdir(shipped) if name.endswith(".conf")]
    assert sorted(found) == list(found) == sorted(names), found
    for name in names:
        with open(os.path.join(shipped, name + ".conf"), encoding="utf-8") as f:
            keys = dict(re.findall(r"^(\w+) = (.*)$", f.read(), re.M))
        title, _, needs = found[name]
        assert title == keys["title"] and needs == keys["needs"], (name, found[name])
    for name, ways in (("microsoft", "browser device paste app identity"), ("google", "browser paste key"),
                       ("fastmail", "browser paste"), ("generic", "any"), ("aol", "paste"),
                       ("microsoft-personal", "browser device paste"), ("microsoft-hve", "app identity")):
        assert found[name][1] == ways, (name, found[name])


@tap.promise
def providers_fit(world):
    "no line of --provider list is wider than 80 columns, and none could have taken a word more"
    done = world.env.run([built("sasl-bearer"), "--config", world.env.write(
        "fit.conf", f"providers_dir = {world.env.shipped_providers()}\n"),
                          "login", "--provider", "list"])
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80, done.stdout
    for line, following in zip(lines, lines[1:]):
        if following.startswith(" " * 11):
            assert len(line) + 1 + len(following.split()[0]) > 80, (line, following)


@tap.promise
def providers_of_the_administrator(world):
    "of two files of one name the first directory's is listed; an issuer may have all ways"
    own = world.env.mkdir("own-providers")
    world.env.write("own-providers/google.conf", "issuer = https://accounts.google.com\n")
    found = listed(world, own, world.env.shipped_providers())
    assert found["google"] == ("", "browser device paste", None), found["google"]
    assert found["fastmail"][0] == "Fastmail", found


@tap.promise
def one_way(world):
    "--browser, --device and --paste exclude each other"
    for options in (("--browser", "--paste"), ("--device", "--browser"), ("--paste", "--device")):
        done = world.helper.cli("login", *options, "alice@example.com")
        assert done.rc == 64, done
        assert "exclude each other" in done.stderr, done


@tap.promise
def secret_from_file(world):
    "a client's secret comes from a file or stdin, is sent, and stored privately"
    world.server.clients = {"test-client": None, "app": SECRET}
    new = ("login", "--provider", "test", "--client-id", "app")
    try:
        done = world.helper.cli(*new, "dave@example.com")
        assert done.rc == 78, done
        assert "--client-secret-file" in done.stderr, done
        given = world.env.write("given.secret", SECRET + "\n", 0o600)
        done = world.login(*new, "--client-secret-file", given, "dave@example.com")
        assert done.rc == 0, done
        done = world.login(*new, "--client-secret-file", "-", "erin@example.com",
                           input=SECRET + "\n")
        assert done.rc == 0, done
        for name in ("dave@example.com", "erin@example.com"):
            mode = os.stat(world.account_file(name, ".secret"))
            assert stat.S_IMODE(mode.st_mode) == (0o640 if os.geteuid() == 0 else 0o600), mode
            reply = world.helper.request({"request": "refresh", "account": name})
            assert reply["status"] == "ok", reply
            assert world.server.seen("token")[-1].form["client_secret"] == SECRET
            assert SECRET not in done.stdout + done.stderr
        os.chmod(given, 0o644)
        done = world.helper.cli(*new, "--client-secret-file", given, "frank@example.com")
        assert done.rc == 66, done
        assert "chmod 6" in done.stderr, done
        done = world.helper.cli("login", "--client-secret-file", "-", "erin@example.com", input="x\n")
        assert done.rc == 78, done
        assert "--client-secret-file differs" in done.stderr, done
    finally:
        world.server.clients = None


@tap.promise
def secret_from_terminal(world):
    "on a terminal the secret is asked for and not shown"
    known = set(world.pending())
    with world.terminal(*NEW, "--client-secret-file", "-", "gina@example.com") as terminal:
        terminal.wait_for("Client secret: ")
        terminal.type_hidden(SECRET + "\n")
        wait_for(lambda: set(world.pending()) - known, 10, "a device code")
        code, = set(world.pending()) - known
        world.server.approve(world.server.devices[code]["user_code"], "gina@example.com")
        assert terminal.wait() == 0, terminal.text
        assert SECRET not in terminal.text, terminal.text
        assert " min " in terminal.text and " s left" in terminal.text, terminal.text


@tap.promise
def allow_hint(world):
    "root is told who may use the account, and the option for Postfix"
    if os.geteuid() != 0:
        tap.skip("only the system's helper has other users")
    done = world.login(*NEW, "henry@example.com")
    assert done.rc == 0, done
    assert "Only root will be allowed" in done.stdout, done.stdout
    assert "--allow postfix" in done.stdout, done.stdout
    done = world.login(*NEW, "--allow", "daemon", "ida@example.com")
    assert done.rc == 0, done
    assert "Only root will be allowed" not in done.stdout, done.stdout
    assert "Allowed users: root daemon" in done.stdout, done.stdout


@tap.promise
def not_by_strangers(world):
    "a stranger cannot sign in for the system's helper, and learns it at once"
    if os.geteuid() != 0:
        tap.skip("needs another uid")
    world.server.forget()
    etc = world.env.mkdir("public")
    config = world.env.write("public/sasl-bearer.conf", f"listen = {world.helper.socket}\n"
                             f"accounts_dir = {etc}/accounts.d\n")
    done = world.env.run([built("sasl-bearer"), "--system",
                          "--config", config, *NEW, "joe@example.com"], uid="nobody")
    assert done.rc == 77, done
    assert "only root may sign in" in done.stderr, done
    assert not world.server.seen()


def with_fetch(world, script):
    """A configuration whose sasl-bearer-fetch is a script; returns the words for it."""
    name = world.env.name("libexec")
    if script is None:
        world.env.mkdir(name)
    else:
        world.env.write(f"{name}/sasl-bearer-fetch", script, 0o755)
    config = world.env.write(f"{name}/sasl-bearer.conf", f"""
        libexec_dir = {world.env.path(name)}
        providers_dir = {world.helper.config_dir}/providers.d
        fetch_timeout = 1s
        """)
    return ["--config", config, "--socket", world.helper.socket]


@tap.promise
def child_breaks(world):
    "a child that is missing, dies, lies or hangs: one line, and no account"
    for script, rc, text in (
            (None, 71, "cannot run "),
            ("#!/bin/sh\n", 70, "sent no usable reply"),
            ("#!/bin/sh\nkill -9 $$\n", 70, "ended with signal 9"),
            ("#!/nonexistent\n", 71, "cannot run "),
            ("#!/bin/sh\ncat >/dev/null; head -c 70000 /dev/zero\n", 70, "too long"),
            ("#!/bin/sh\nprintf 'protocol=1\\nstatus=ok\\n\\n'\n", 76, "sent no code"),
            ("#!/bin/sh\nprintf 'protocol=1\\nreason=x\\n\\n'\n", 70, ": x"),
            ("#!/bin/sh\nexec sleep 100\n", 70, "did not end in its time")):
        done = world.env.run([built("sasl-bearer"), *with_fetch(world, script), *NEW, "--allow", "bin",
                              "max@example.com"])
        assert done.rc == rc, (script, done)
        assert text in done.stderr and done.stderr.count("\n") == 1, (script, done)


@tap.promise
def child_is_alone(world):
    "the child has no environment and no descriptors but its pipes"
    seen = world.env.path("child-saw")
    script = f"""#!/usr/bin/python3
import os
with open({seen!r}, "w") as f:
    print(*os.environ, *(os.readlink(f"/proc/self/fd/{{n}}") for n in range(20)
                         if n != f.fileno() and os.path.exists(f"/proc/self/fd/{{n}}")), file=f)
"""
    reader, writer = os.pipe()
    done = world.env.run([built("sasl-bearer"), *with_fetch(world, script), *NEW, "--allow", "bin",
                          "max@example.com"], pass_fds=[reader, writer])
    os.close(reader)
    os.close(writer)
    assert done.rc == 70, done
    with open(seen, encoding="utf-8") as f:
        words = [w for w in f.read().split() if w != "LC_CTYPE"]    # Python's own
    assert [w.partition(":")[0] for w in words] == ["pipe", "pipe", "/dev/null"], words


@tap.promise
def helper_gone_before(world):
    "without a helper nobody is asked to sign in: 75, and the socket is named"
    world.helper.stop()
    world.server.forget()
    done = world.helper.cli("--socket", world.helper.socket, *NEW, "kim@example.com")
    assert done.rc == 75, done
    assert world.helper.socket in done.stderr, done
    assert not world.server.seen()
    world.helper.process = None


@tap.promise
def helper_gone_after(world):
    "a helper that goes away during the sign-in has a minute to come back"
    helper = Helper(world.env, world.server).start()

    def restart(request):
        if request.form.get("grant_type", "").endswith("device_code"):
            helper.stop()
            timer = threading.Timer(3, helper.start)
            timer.start()
            return Reply(json=world.server.issue("alice@example.com"))
        return None

    # write_config() of start() removes what login writes: keep it out
    helper.write_config = lambda: helper
    world.server.always("token", restart)
    done = helper.cli(*NEW, "lou@example.com")
    world.server.forget()
    assert done.rc == 0, done
    assert "cannot store the tokens yet" in done.stderr, done
    assert "refresh_token" in helper.state("lou@example.com")
    assert helper.stop() == 0


@tap.promise
def user_mode(world):
    "a user's own helper is started by login, and the account is theirs"
    if os.geteuid() != 0:
        tap.skip("needs another uid")
    helper = Helper(world.env, world.server, user="daemon")
    helper.write_config()
    os.rmdir(os.path.join(helper.config_dir, "accounts.d"))     # root's; login makes it
    known = set(world.server.devices)

    def browse():
        wait_for(lambda: set(world.server.devices) - known, 20, "a device code")
        code, = set(world.server.devices) - known
        world.server.approve(world.server.devices[code]["user_code"], "alice@example.com")

    threading.Thread(target=browse, daemon=True).start()
    done = helper.cli(*NEW, "alice@example.com")
    assert done.rc == 0, done
    assert "started " in done.stderr, done
    path = os.path.join(helper.config_dir, "accounts.d/alice@example.com.conf")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    done = helper.cli("token", "alice@example.com")
    assert done.rc == 0, done
    assert done.stdout.strip() in world.server.access


tap.main(World, timeout=240)
