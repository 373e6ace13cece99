#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""import - who used sasl-xoauth2 or mutt_oauth2.py goes on with the grant there is"""

import contextlib
import datetime
import json
import os
import pwd
import re
import stat
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import built, wait_for
from helper import Helper
from mail import Postfix
from setup import setup
from world import World, assert_hidden

ALICE, MARY = "alice@example.com", "mary@example.com"
CLIENT, SECRET = "0a1b2c3d-imported", "a&b+c%41=d secret"
PROXY_SECRET = "a-user:of%40the-pr@xy"
SCRIPT = "/usr/share/doc/mutt/examples/mutt_oauth2.py"
MICROSOFT = "https://login.microsoftonline.com/"


class Old(World):
    """A world, and the files of the programs that are left behind."""

    def __init__(self, env):
        super().__init__(env, certified=False)
        self.oauth.clients = {CLIENT: SECRET, "public": None}
        self.postfix = Postfix(env, self.dovecot.smtp, ALICE, password="/etc/tokens/" + ALICE,
                               environment={"SASL_BEARER_SOCKET": self.helper.socket},
                               filter="xoauth2")
        self.helper.listen.append(self.postfix.jailed(self.helper.socket))
        self.helper.start()
        self.shown = []

    def config(self, name="sasl-xoauth2.conf", mode=0o600, **more):
        """sasl-xoauth2.conf, with a comment, as its library takes them; returns its path."""
        text = json.dumps({"client_id": CLIENT, "client_secret": SECRET,
                           "token_endpoint": self.oauth.endpoint("token"),
                           "log_to_syslog_on_failure": "yes", **more}, indent=2)
        return self.file(name, "// of the administrator\n" + text + "\n", mode)

    def tokens(self, name, user=None, left=3000, directory="tokens", **more):
        """A token file as sasl-xoauth2 writes it, of a new grant; returns its path."""
        answer = self.oauth.issue(user or name, client_id=CLIENT)
        return self.file(f"{directory}/{name}", json.dumps({
            "access_token": answer["access_token"], "expiry": str(int(time.time()) + left),
            "refresh_token": answer["refresh_token"], **more}, indent=1) + "\n")

    def mutt(self, user, left=3000, client="public", **more):
        """What mutt_oauth2.py encrypts, of a new grant: a text."""
        answer = self.oauth.issue(user, client_id=client)
        end = datetime.datetime.now() + datetime.timedelta(seconds=left)
        return json.dumps({
            "registration": "test", "authflow": "devicecode", "email": user,
            "access_token": answer["access_token"], "access_token_expiration": end.isoformat(),
            "refresh_token": answer["refresh_token"], **more})

    def file(self, name, text, mode=0o600):
        path = self.env.write("old/" + name, text, mode)
        os.utime(path, (1e9, 1e9))
        return path

    def run(self, *words, rc=0, **how):
        """sasl-bearer import; returns a Result."""
        how.setdefault("env", {"MAIL_CONFIG": self.env.path("nowhere")})
        done = self.helper.cli("import", *words, **how)
        assert done.rc == rc, done
        self.shown.append(done.stdout + done.stderr)
        return done

    def account(self, name, suffix=".conf"):
        return os.path.join(self.helper.config_dir, "accounts.d", name + suffix)

    def lines(self, name):
        """The lines of an account's file."""
        with open(self.account(name), encoding="utf-8") as f:
            return f.read().splitlines()

    def snapshot(self, directories=False):
        """{path: what it is} of the configuration, the state and the old files.

        directories   also when they were changed, as by a file that has gone again
        """
        found = {}
        for top in (self.helper.config_dir, self.helper.state_dir, self.env.path("old")):
            for where, _, names in os.walk(top):
                for path in [where, *(os.path.join(where, name) for name in names)]:
                    st, data = os.lstat(path), b""
                    if stat.S_ISREG(st.st_mode):
                        with open(path, "rb") as f:
                            data = f.read()
                    changed = st.st_mtime_ns if directories or path != where else None
                    found[path] = (st.st_mode, st.st_uid, st.st_gid, changed, data)
        return found


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


@tap.promise
def dry_run(world):
    "--dry-run writes nothing at all, and shows what would be written but no secret"
    files = [world.config(), world.tokens("dry@example.com")]
    before = world.snapshot(directories=True)
    done = world.run("--dry-run", *files)
    assert world.snapshot(directories=True) == before
    assert "Would import dry@example.com" in done.stdout and not done.stderr, done
    assert f"({len(SECRET)} bytes)" in done.stdout, done.stdout
    shown = re.findall(r"^        (\S+ = .*|# .*)$", done.stdout.partition("    secret:")[0], re.M)
    world.run(*files)
    assert world.lines("dry@example.com") == shown, (world.lines("dry@example.com"), shown)


@tap.promise
def sasl_xoauth2(world):
    "a token file with sasl-xoauth2.conf becomes an account, whose tokens are served and renewed"
    path = world.tokens(ALICE)
    old, asked = load(path), len(world.oauth.seen("token"))
    done = world.run("--allow", f"{pwd.getpwuid(os.geteuid()).pw_name},postfix",
                     path, world.config())
    assert f"Imported {ALICE}, from {path}" in done.stdout, done.stdout
    assert len(world.oauth.seen("token")) == asked, "the provider was asked"
    state = world.helper.state(ALICE)
    assert {n: state[n] for n in ("refresh_token", "access_token", "flow")} == {
        "refresh_token": old["refresh_token"], "access_token": old["access_token"],
        "flow": "import"}, state
    assert abs(int(state["expires_at"]) - int(old["expiry"])) <= 2, (state, old)
    reply = world.helper.token(ALICE, service="smtp")
    assert reply.get("token") == old["access_token"], reply
    done = world.helper.cli("refresh", ALICE)
    assert done.rc == 0, done
    form = world.oauth.seen("token")[-1].form
    assert form["refresh_token"] == old["refresh_token"], form
    assert (form["client_id"], form["client_secret"]) == (CLIENT, SECRET), form
    assert world.helper.state(ALICE)["refresh_token"] == world.oauth.newest_refresh_token(ALICE)


@tap.promise
def modes(world):
    "the client's secret is in a file of its own, which the helper and nobody else may read"
    st = os.stat(world.account(ALICE, ".secret"))
    with open(world.account(ALICE, ".secret"), encoding="utf-8") as f:
        assert f.read() == SECRET
    assert not any(SECRET in line for line in world.lines(ALICE)), world.lines(ALICE)
    group = pwd.getpwnam(world.helper.run_as).pw_gid
    assert (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid) == (0o640, 0, group), st
    assert stat.S_IMODE(os.stat(world.account(ALICE)).st_mode) == 0o644


@tap.promise
def expired(world):
    "an access token that is about to expire, or of which that is not known, is left out"
    answer = world.oauth.issue("google@example.com", client_id=CLIENT)
    files = [world.tokens("past@example.com", left=-5), world.tokens("soon@example.com", left=30),
             world.tokens("zero@example.com", expiry=0),
             # what its tool keeps of Google is the answer itself
             world.file("tokens/google@example.com", json.dumps(answer))]
    world.run(*files, world.config(), "--allow", "daemon")
    for path in files:
        done = world.helper.cli("token", os.path.basename(path))
        assert done.rc == 0 and done.stdout.strip() != load(path)["access_token"], done
        asked = [request.form["refresh_token"] for request in world.oauth.seen("token")]
        assert load(path)["refresh_token"] in asked, asked


@tap.promise
def mutt_script(world):
    "a file that the real mutt_oauth2.py wrote through gpg is refused with the command that helps, and imported by it"
    tap.require("gpg", "gpgconf")
    if not os.path.exists(SCRIPT):      # the package is there; a container may leave this out
        tap.skip(f"packages are installed without their documentation, such as {SCRIPT}")
    with gpg_home(world) as home:
        path = write_with_script(world, home)
        with open(path, "rb") as f:
            before = f.read()
        done = world.run("--client-id", CLIENT, path, rc=65)
        assert f"{path}: encrypted by GnuPG; run: gpg -d '{path}' | sasl-bearer import -" \
            in done.stderr, done.stderr
        plain = world.env.run(["gpg", "-q", "-d", path], env={"GNUPGHOME": home})
        assert plain.rc == 0, plain
    secret = world.file("client-secret", SECRET + "\n")
    done = world.run("--client-id", CLIENT, "--client-secret-file", secret, "--allow", "daemon",
                     "-", input=plain.stdout)
    tokens = json.loads(plain.stdout)
    assert world.helper.state(MARY)["refresh_token"] == tokens["refresh_token"]
    assert world.helper.token(MARY)["token"] == tokens["access_token"]
    state = world.helper.state(MARY)
    end = datetime.datetime.fromisoformat(tokens["access_token_expiration"]).timestamp()
    assert abs(int(state["expires_at"]) - end) <= 2, (state, end)
    line = f'set imap_oauth_refresh_command="sasl-bearer token --service imap {MARY}"'
    assert line in done.stdout, done.stdout
    found = setup(world.helper, "mutt", MARY, "--service", "imap", "--server", "localhost:1993")
    assert any("token --service imap" in text for text in found.values()), found
    assert world.helper.cli("refresh", MARY).rc == 0
    with open(path, "rb") as f:
        assert f.read() == before


@contextlib.contextmanager
def gpg_home(world):
    """A directory with a key of mary's."""
    home = world.env.mkdir("gnupg", 0o700)
    environment = {"GNUPGHOME": home}
    made = world.env.run(["gpg", "--batch", "--passphrase", "", "--quick-gen-key", MARY,
                          "default", "default", "never"], env=environment)
    assert made.rc == 0, made
    try:
        yield home
    finally:
        world.env.run(["gpgconf", "--kill", "gpg-agent"], env=environment)


def write_with_script(world, home):
    """Let mutt_oauth2.py sign in as mary by a device code; returns its token file."""
    with open(SCRIPT, encoding="utf-8") as f:
        text = f.read()
    # what its README wants edited, and where our provider is
    edits = {"YOUR_GPG_IDENTITY": MARY, "'google': {": "'test': {",
             "'client_id': ''": f"'client_id': '{CLIENT}'",
             "'client_secret': ''": f"'client_secret': '{SECRET}'",
             "https://oauth2.googleapis.com/device/code": world.oauth.endpoint("devicecode"),
             "https://accounts.google.com/o/oauth2/token": world.oauth.endpoint("token"),
             "https://mail.google.com/": "mail offline_access"}
    for old, new in edits.items():
        assert old in text, old
        text = text.replace(old, new)
    script, path = world.file("mutt_oauth2.py", text, 0o755), world.env.path("old", MARY + ".tokens")

    def approve():
        wait_for(lambda: world.oauth.devices, 20)
        world.oauth.approve(next(iter(world.oauth.devices.values()))["user_code"], MARY)
    person = threading.Thread(target=approve, daemon=True)
    person.start()
    # it sends no secret where it asks for a code
    clients, world.oauth.clients = world.oauth.clients, None
    done = world.env.run(
        ["/usr/bin/python3", script, path, "--authorize"], input=f"test\ndevicecode\n{MARY}\n",
        env={"GNUPGHOME": home, "SSL_CERT_FILE": world.env.tls().ca}, timeout=60)
    world.oauth.clients = clients
    assert done.rc == 0, done
    return path


@tap.promise
def untouched(world):
    "the old files keep their bytes, times, modes and owners"
    files = [world.config(name="kept.conf"), world.tokens("kept@example.com", directory="kept")]
    os.chown(files[1], pwd.getpwnam("postfix").pw_uid, 0)
    old = world.env.path("old")
    before = {path: data for path, data in world.snapshot().items() if path.startswith(old)}
    world.run(*files)
    after = {path: data for path, data in world.snapshot().items() if path.startswith(old)}
    assert len(before) > 4 and after == before
    assert "allow = postfix" in world.lines("kept@example.com"), "whose the file is"


@tap.promise
def postfix(world):
    "sasl_passwd with a path as the password works unchanged, in a chroot, when no file is there"
    path = os.path.join(world.postfix.queue_dir, "etc/tokens", ALICE)
    assert not os.path.exists(path) and not os.path.exists("/etc/tokens/" + ALICE)
    world.postfix.start()
    sasl_passwd = os.path.join(world.postfix.config_dir, "sasl_passwd")
    with open(sasl_passwd, encoding="utf-8") as f:
        assert f.read() == f"[localhost]:{world.dovecot.smtp} {ALICE}:/etc/tokens/{ALICE}\n"
    status, reason = world.postfix.send(subject="imported")
    assert status == "sent", reason
    world.dovecot.wait_login(ALICE, "XOAUTH2")
    assert "Subject: imported\r\n" in world.sink.wait(1)[-1].data


@tap.promise
def postfix_opens_nothing(world):
    "what is at that path is not opened: a FIFO there, at which it would wait, delays no mail"
    directory = os.path.join(world.postfix.queue_dir, "etc/tokens")
    os.makedirs(directory, exist_ok=True)
    os.mkfifo(os.path.join(directory, ALICE), 0o666)
    before = len(world.sink.messages)
    status, reason = world.postfix.send(subject="no file")
    assert status == "sent", reason
    assert "Subject: no file\r\n" in world.sink.wait(before + 1)[-1].data


@tap.promise
def by_sasl_passwd(world):
    "whom an account is for is what sasl_passwd says of the path, also as seen from a chroot"
    etc = world.env.mkdir("postfix-etc")
    world.env.write("postfix-etc/main.cf",
                    f"smtp_sasl_password_maps = hash:{etc}/secrets, hash:/other\n")
    world.env.write("postfix-etc/secrets", "# relays\n[a.example]:587 relay-user:/etc/tok/one\n"
                    "[b.example]\n   second@example.com:/etc/tok/two\n"
                    "c.example third:password\n"
                    "d.example fourth:/etc/tok/four\ne.example fifth:/etc/tok/four\n")
    how = {"env": {"MAIL_CONFIG": etc}}
    jail = "var/spool/postfix/etc/tok"
    one = world.file(jail + "/one", json.dumps({"refresh_token": "r1", "user": "box@example.com"}))
    two = world.file(jail + "/two", json.dumps({"refresh_token": "r2"}))
    config = world.config()
    done = world.run("--dry-run", config, one, two, **how)
    for text in ("user = relay-user\n", "sasl_user = box@example.com\n",
                 "user = second@example.com\n"):
        assert f"        {text}" in done.stdout, done.stdout
    four = world.file(jail + "/four", json.dumps({"refresh_token": "r4"}))
    done = world.run("--dry-run", config, four, rc=64, **how)
    assert f"several users of {etc}/secrets have it as their password" in done.stderr, done


@tap.promise
def by_name(world):
    "else it is the user in the file, else its name, else --for; or it is an error that says so"
    config = world.config()
    cases = (("token.json", {"user": "a@example.com"}, (), "a@example.com"),
             ("b@example.com.json", {}, (), "b@example.com"),
             ("c@example.com.tokens", {}, (), "c@example.com"),
             ("d@example.com", {"user": "e@example.com"}, (), "e@example.com"),
             ("token", {}, ("--for", "f@example.com"), "f@example.com"))
    for name, more, options, user in cases:
        path = world.file("names/" + name, json.dumps({"refresh_token": "r", **more}))
        done = world.run("--dry-run", *options, config, path)
        assert f"Would import {user}, from {path}" in done.stdout, done.stdout
    done = world.run("--dry-run", config, world.file("names/x", '{"refresh_token": "r"}'), rc=64)
    assert "whom it is for is not known" in done.stderr and "say --for USER" in done.stderr, done


@tap.promise
def by_endpoint(world):
    "the provider is found by the token endpoint, and its tenant; an unknown one is kept as it is"
    settings = world.env.write("shipped.conf", f"providers_dir = {world.env.shipped_providers()}\n"
                               f"accounts_dir = {world.env.path('none')}\nrun_as = daemon\n")
    smtp = "scope = offline_access https://outlook.office.com/SMTP.Send"
    cases = (
        (MICROSOFT + "consumers/oauth2/v2.0/token", (), ["provider = microsoft", smtp,
                                                         "tenant = consumers", "services = smtp"]),
        (MICROSOFT + "example.com/oauth2/v2.0/token", ("--services", "imap"),
         ["provider = microsoft", "tenant = example.com", "services = imap",
          "scope = offline_access https://outlook.office.com/IMAP.AccessAsUser.All"]),
        (None, (), ["provider = google", "scope = https://mail.google.com/"]),
        ("https://accounts.google.com/o/oauth2/token", (), ["provider = google"]),
        ("https://api.login.yahoo.com/oauth2/get_token", (), ["provider = yahoo"]),
        ("https://login.microsoftonline.us/t/oauth2/v2.0/token",
         ("--provider", "microsoft-dod"), ["provider = microsoft-dod", "tenant = t"]),
        ("https://id.example/token", ("--hosts", "mail.example"),
         ["token_endpoint = https://id.example/token", "hosts = mail.example"]))
    for url, options, wanted in cases:
        path = world.file("where@example.com", json.dumps(
            {"refresh_token": "r", "client_id": "x", **({"token_endpoint": url} if url else {})}))
        done = world.run("--dry-run", "--config", settings, *options, path)
        found = [line.strip() for line in done.stdout.splitlines()]
        assert set(wanted) <= set(found), (url, done.stdout)
    for url, text in (("https://login.microsoftonline.us/t/oauth2/v2.0/token",
                       "microsoft-dod, microsoft-gcc-high; name one with --provider"),
                      ("https://id.example/token", "name the mail servers with --hosts")):
        path = world.file("where@example.com", json.dumps(
            {"refresh_token": "r", "client_id": "x", "token_endpoint": url}))
        done = world.run("--dry-run", "--config", settings, path, rc=64)
        assert text in done.stderr, done.stderr


@tap.promise
def all_keys(world):
    "a proxy, a CA file, a large refresh window and a scope are taken over; defaults are not"
    path = world.file("keys@example.com", json.dumps({
        "refresh_token": "r", "proxy": "http://proxy.example:8080", "refresh_window": "1200",
        "ca_bundle_file": "/etc/own-ca.pem", "scope": "mail"}))
    done = world.run("--dry-run", path, world.config(proxy="http://other.example:1"))
    for line in ("proxy = http://proxy.example:8080", "ca_file = /etc/own-ca.pem",
                 "min_validity = 1200s", "scope = mail offline_access"):
        assert f"        {line}\n" in done.stdout, (line, done.stdout)
    path = world.file("keys@example.com", json.dumps({
        "refresh_token": "r", "refresh_window": 10,
        "ca_bundle_file": "/etc/ssl/certs/ca-certificates.crt"}))
    done = world.run("--dry-run", path, world.config(name="proxy.conf", proxy="http://o.example:1"))
    assert "proxy = http://o.example:1" in done.stdout, done.stdout
    assert "ca_file" not in done.stdout and "min_validity" not in done.stdout, done.stdout


@tap.promise
def proxy_password(world):
    "a proxy with a password makes a file that only root and the helper may read; it is not shown"
    user, group = "proxy@example.com", pwd.getpwnam(world.helper.run_as).pw_gid
    path = world.tokens(user)
    config = world.config(name="proxy.conf", proxy=f"http://{PROXY_SECRET}@proxy.example:8080")
    for options in (("--dry-run",), ()):
        done = world.run(*options, "--allow", "daemon", config, path)
        assert "        proxy = http://***@proxy.example:8080\n" in done.stdout, done
        assert "so only root and the helper may read its file" in done.stdout, done
    st = os.stat(world.account(user))
    assert (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid) == (0o640, 0, group), st
    assert f"proxy = http://{PROXY_SECRET}@proxy.example:8080" in world.lines(user)
    assert world.helper.token(user).get("token") == load(path)["access_token"]


@tap.promise
def application(world):
    "use_client_credentials makes an account of the application, which needs no token of the file"
    path = world.file("app@example.com", json.dumps({
        "use_client_credentials": "yes", "scope": "mail/.default", "access_token": "old",
        "expiry": str(int(time.time()) + 3000)}))
    world.run(path, world.config(), "--allow", "daemon")
    assert "grant = client_credentials" in world.lines("app@example.com")
    assert world.helper.token("app@example.com")["token"] != "old"
    form = world.oauth.seen("token")[-1].form
    assert (form["grant_type"], form["scope"]) == ("client_credentials", "mail/.default"), form


@tap.promise
def application_without_tokens(world):
    "an application's token file needs no token in it, nor anything that the configuration has"
    yes = {"use_client_credentials": "yes"}
    own = {"client_id": CLIENT, "client_secret": SECRET, **yes, "scope": "mail/.default",
           "token_endpoint": world.oauth.endpoint("token")}
    general = world.config(**yes, scope="mail/.default")
    cases = (("bare@example.com", {}, [general]),
             ("scope@example.com", {"scope": "mail/.default"}, [general]),
             ("user.json", {"user": "user@example.com"}, [general]),
             ("yes@example.com", {**yes, "scope": "mail/.default"}, [world.config("app.conf")]),
             ("all@example.com", own, []),       # what else is the configuration itself
             ("client@example.com", {"client_id": CLIENT, "client_secret": SECRET}, [general]),
             ("for.json", own, ["--for", "for@example.com"]))
    for name, keys, more in cases:
        path = world.file("application/" + name, json.dumps(keys))
        user = name.replace(".json", "@example.com")
        done = world.run("--allow", "daemon", *more, path)
        assert f"Imported {user}, from {path}" in done.stdout, done
        assert world.helper.token(user).get("token"), user
        form = world.oauth.seen("token")[-1].form
        assert (form["grant_type"], form["scope"]) == ("client_credentials", "mail/.default"), form
    done = world.run("--allow", "daemon", world.file("application/config", json.dumps(own)), rc=64)
    assert "only the configuration" in done.stderr, done
    done = world.run(world.config("app.conf"), world.file("application/bare@b.c", "{}"), rc=65)
    assert "no refresh_token in it" in done.stderr, done


@tap.promise
def again(world):
    "what was imported is left out the second time: the helper's token may be newer"
    user = "again@example.com"
    path, config = world.tokens(user), world.config()
    app = world.tokens("app@example.com", directory="again", use_client_credentials="yes",
                       scope="mail/.default")
    world.run(config, path, app)
    assert world.helper.cli("refresh", user).rc == 0
    before = world.snapshot()
    done = world.run(config, path)
    assert "Left out" in done.stdout and "to be done" not in done.stdout, done
    assert "left to do" not in done.stdout and "old files" not in done.stdout, done
    other = world.tokens("other@example.com")
    for options, text in ((("--dry-run",), "Would import other@"), ((), "Imported other@")):
        done = world.run(*options, config, path, other)
        assert f"Left out {path}: the helper has the tokens of account {user}" in done.stdout, done
        assert text in done.stdout, done
    for options in ((), ("--dry-run",)):
        done = world.run(*options, config, app, path)
        assert f"Left out {app}: account app@example.com is there, and needs no\ntokens" \
            in done.stdout and f"Left out {path}: the helper has" in done.stdout, done
    after = world.snapshot()
    assert {p: data for p, data in after.items() if "/old" not in p and "other" not in p} == {
        p: data for p, data in before.items() if "/old" not in p}


@tap.promise
def existing(world):
    "an account that exists is used as it is, where it has no tokens or its grant is dead"
    user = "existing@example.com"
    first, second, config = world.tokens(user), world.tokens(user, directory="new"), world.config()
    world.run(config, first)
    assert world.helper.cli("logout", "--keep-grant", user).rc == 0
    lines = world.lines(user)
    done = world.run(config, first)
    assert "which exists and stays as it is" in done.stdout, done.stdout
    assert world.helper.state(user)["refresh_token"] == load(first)["refresh_token"]
    world.oauth.revoke(load(first)["refresh_token"])
    assert world.helper.cli("refresh", user).rc == 69
    world.run(config, second)
    assert world.lines(user) == lines
    assert world.helper.state(user)["refresh_token"] == load(second)["refresh_token"]


@tap.promise
def differs(world):
    "what differs from an existing account is an error that names the key, and nothing changes"
    user = "existing@example.com"
    path, before = world.tokens(user), world.snapshot()
    cases = (({"client_id": "other"}, (), "client_id differs from the one in"),
             ({"client_secret": "other"}, (), "client_secret differs from the secret of"),
             ({"token_endpoint": "https://id.example/t"}, ("--hosts", "localhost,127.0.0.1"),
              "token_endpoint differs from"),
             ({}, ("--services", "imap"), "services differs from the one in"))
    for more, options, text in cases:
        done = world.run(path, world.config(name="differs.conf", **more), *options, rc=78)
        assert text in done.stderr and world.account(user) in done.stderr, done.stderr
        os.unlink(world.env.path("old/differs.conf"))
    for name, more in ((user, {"use_client_credentials": "yes"}), ("app@example.com", {})):
        path = world.tokens(name, directory="differs", scope="mail/.default", **more)
        done = world.run(path, world.config(), rc=78)
        assert f"{path}: its grant is " in done.stderr and world.account(name) in done.stderr, done
    after = world.snapshot()
    assert {p: data for p, data in after.items() if "/old" not in p} == {
        p: data for p, data in before.items() if "/old" not in p}


@tap.promise
def bad_files(world):
    "a file that will not do is an error with its name, and nothing of the others is imported"
    good, config = world.tokens("good@example.com"), world.config()
    cases = (("[1]", 65, "not JSON"), ("{", 65, "not JSON"), ("", 65, "empty"),
             ('{"refresh_token": "r"} x', 65, "not JSON"),
             ('{"some": "thing"}', 65, "no file of sasl-xoauth2 or mutt_oauth2.py"),
             ('{"access_token": "a"}', 65, "no refresh_token in it"),
             ('{"refresh_token": "a\\nb"}', 65, "refresh_token is not a line of text"),
             ('{"refresh_token": ["a"]}', 65, "refresh_token is not a line of text"),
             ('{"refresh_token": "%s"}' % ("a" * 20000), 65, "longer than 16384 bytes"),
             ('{"manage_token_externally": "yes", "access_token": "a"}', 65, "grant = file"),
             ("x" * 70000, 65, "longer than 65536 bytes"),
             ("-----BEGIN PGP MESSAGE-----\n", 65, "gpg -d"))
    for text, rc, words in cases:
        path = world.file("bad@example.com", text)
        before = world.snapshot()
        done = world.run(config, good, path, rc=rc)
        assert f"{path}: " in done.stderr and words in done.stderr, (text[:40], done.stderr)
        assert "nothing was imported" in done.stderr, done.stderr
        assert world.snapshot() == before
    for path, words in ((world.env.path("nowhere"), "No such file"), ("/", "Is a directory"),
                        ("/dev/null", "not a regular file")):
        done = world.run(config, good, path, rc=66)
        assert f"{path}: {words}" in done.stderr, done.stderr
    assert not os.path.exists(world.account("good@example.com"))


@tap.promise
def lacking(world):
    "what no file has is asked for by the name of its option"
    tokens = world.tokens("lacking@example.com")
    cases = (([tokens], "name sasl-xoauth2.conf as well, or say --client-id"),
             ([world.file("m", world.mutt("m@example.com"))], "say --client-id, and"),
             ([world.config()], "only the configuration; name the token files as well"),
             ([world.config(), world.config(name="two.conf"), tokens], "a second configuration"),
             ([world.config(), tokens, world.tokens("lacking@example.com", directory="twice")],
              "for the same account as"),
             ([world.file("m", world.mutt("m@example.com", registration="own")), "--client-id", "x"],
              'provider "own" is not known'), ([], "FILE is missing"))
    for words, text in cases:
        done = world.run(*words, rc=64)
        assert text in done.stderr, (text, done.stderr)


@tap.promise
def public(world):
    "a secret that all users could read is warned of, and what to do about it"
    path, config = world.tokens("public@example.com"), world.config(name="all.conf", mode=0o644)
    done = world.run("--dry-run", config, path)
    assert f"warning: {config} has a client secret in it" in done.stderr, done.stderr
    assert "renew that at the provider" in done.stderr and path not in done.stderr, done.stderr


@tap.promise
def report(world):
    "the report says what is left to do, in its order, and the settings that Postfix takes"
    done = world.run("--dry-run", world.config(), world.tokens("report@example.com"))
    steps = ("postfix stop", "apt-get remove sasl-xoauth2",
             "postconf -X smtp_sasl_security_options",
             "postconf -e smtp_sasl_tls_security_options=noanonymous",
             "sasl-bearer setup postfix report@example.com",
             "sasl-bearer refresh report@example.com",
             "sasl-bearer probe report@example.com smtp", "postfix start")
    places = [done.stdout.find(step) for step in steps]
    assert -1 not in places and places == sorted(places), done.stdout
    for command in ("-X smtp_sasl_security_options",
                    "-e smtp_sasl_tls_security_options=noanonymous"):
        assert world.postfix.command("postconf", *command.split()).rc == 0
    got = world.postfix.command("postconf", "-h", "smtp_sasl_tls_security_options")
    assert got.stdout == "noanonymous\n", got
    assert all(len(line) <= 80 for line in done.stdout.splitlines()
               if "/" not in line and "set " not in line), done.stdout


@tap.promise
def own_helper(world):
    "a user imports for the own helper: the files are the user's, and nobody else's"
    helper = Helper(world.env, world.oauth, user="bin").start()
    os.chown(os.path.join(helper.config_dir, "accounts.d"), pwd.getpwnam("bin").pw_uid, 0)
    done = helper.cli("import", "--client-id", "public", "-", input=world.mutt("own@example.com"))
    assert done.rc == 0, done
    world.shown.append(done.stdout)
    st = os.stat(os.path.join(helper.config_dir, "accounts.d", "own@example.com.conf"))
    assert (stat.S_IMODE(st.st_mode), st.st_uid) == (0o600, pwd.getpwnam("bin").pw_uid), st
    assert helper.cli("token", "own@example.com").rc == 0


@tap.promise
def stopped_helper(world):
    "a user's helper that does not run is started, and asked: its token may be newer than the file's"
    user, helper = "stopped@example.com", Helper(world.env, world.oauth, user="bin")
    helper.start()
    os.chown(os.path.join(helper.config_dir, "accounts.d"), pwd.getpwnam("bin").pw_uid, 0)
    text = world.mutt(user)
    for wanted in ("Imported", "Left out -: the helper has the tokens of account"):
        done = helper.cli("import", "--client-id", "public", "-", input=text)
        world.shown.append(done.stdout + done.stderr)
        assert done.rc == 0 and wanted in done.stdout, done
        if wanted == "Imported":
            assert helper.cli("refresh", user).rc == 0
            assert helper.stop() == 0
            before = helper.state(user)
            assert before["refresh_token"] != json.loads(text)["refresh_token"]
    assert helper.state(user) == before


@tap.promise
def strangers(world):
    "only root imports for the system's helper, and nothing is written"
    etc = world.env.mkdir("public", uid="nobody")
    config = world.env.write("public/sasl-bearer.conf", f"listen = {world.helper.socket}\n"
                             f"accounts_dir = {etc}/accounts.d\n"
                             f"providers_dir = {world.env.shipped_providers()}\n")
    done = world.env.run([built("sasl-bearer"), "--system", "--config", config, "import",
                          "--provider", "google", "--client-id", "x", "-"], uid="nobody",
                         input=world.mutt("stranger@example.com"))
    assert done.rc == 77 and "only root may import accounts" in done.stderr, done
    assert not os.path.exists(etc + "/accounts.d/stranger@example.com.conf")


@tap.promise
def helper_down(world):
    "when the helper does not answer nothing is written; nothing is lost, and it can be run again"
    path, config = world.tokens("down@example.com"), world.config()
    assert world.helper.stop() == 0
    before = world.snapshot()
    done = world.run(config, path, rc=75)
    assert world.snapshot() == before, done


@tap.promise
def no_secret(world):
    "no secret is in any output, nor in the helper's log"
    assert len(world.shown) > 40
    assert_hidden({"client secret": SECRET, "proxy's password": PROXY_SECRET, **{
        f"token {n}": token for n, token in enumerate([*world.oauth.access, *world.oauth.refresh])}},
        "\n".join(world.shown), world.helper.log())


tap.main(Old, root=True, programs=["dovecot", "postfix"])
