#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""doctor - a checklist of the whole way of a token, with a remedy on each line that fails"""

import json
import os
import re
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import built, identity, sasl_path, wait_for
from helper import Helper, endpoints
from keys import make_certificate, make_key
from oauthd import Reply
from postfix import Postfix
from provider import unsigned_jwt
from scripted import Imap, Scripted, Smtp
from signin import Terminal
from world import World, assert_hidden, in_days

ALICE, BOB, JOHN = "alice@example.com", "bob@example.com", "john@example.com"
GAMES, MAIL = 5, 8
PASSWORD = "the-password-of-another-relay"
PROXY = "http://proxyuser:the-proxy-password@127.0.0.1:9"


class Patient(World):
    """A world with an account that is well, and a Postfix that sends by it, not started."""

    def __init__(self, env):
        super().__init__(env, certified=False)
        self.printed = ""
        self.postfix = Postfix(env, self.dovecot.smtp, user=ALICE, chroot=False)
        self.postfix.environment["SASL_BEARER_SOCKET"] = self.helper.socket
        self.postfix.configure()
        self.helper.start()
        self.well = {"allow": "postfix mail"}
        for service, port in (("imap", self.dovecot.imaps), ("pop", self.dovecot.pops),
                              ("smtp", self.dovecot.smtp)):
            self.well[f"{service}_server"] = f"localhost:{port}"
        self.account(ALICE, **self.well)

    def run(self, *words, helper=None, ca=True, systemd=False, **how):
        """Run it, perhaps as if systemd ran the machine; returns a Result."""
        environment = {"MAIL_CONFIG": self.postfix.config_dir,
                       "SSL_CERT_FILE": self.env.tls().ca if ca else None, **how.pop("env", {})}
        helper = helper or self.helper
        machine = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /run && "
                   'mkdir -p /run/systemd/system && exec "$@"', "sh"] if systemd else []
        done = helper.cli("doctor", *words, env=environment, under=machine, **how)
        self.printed += done.stdout + done.stderr
        return done

    def rows(self, *words, **how):
        """Run it; returns its lines as Rows, as --json has them."""
        done = self.run("--json", *words, **how)
        rows = Rows(json.loads(done.stdout))
        assert done.stderr == "", done
        assert done.rc == (1 if rows.all("failed") else 0), done
        return rows

    def shell(self, remedy):
        """Run the command that a remedy ends with; Postfix, which does not run, is not reloaded."""
        command = remedy.rpartition(": ")[2].partition(" && postfix")[0]
        done = self.env.run(["sh", "-c", command])
        assert done.rc == 0, (command, done)
        # or else the next postconf waits until it is two seconds old
        os.utime(os.path.join(self.postfix.config_dir, "main.cf"), (1e9, 1e9))


class Rows(list):
    """What it found out."""

    def all(self, *statuses):
        return [row for row in self if row["status"] in statuses]

    def find(self, check, subject=None):
        """The lines of a check."""
        found = [row for row in self
                 if row["check"] == check and subject in (None, row["subject"])]
        assert found, (check, subject, self)
        return found

    def one(self, check, status, *words, remedy=None):
        """The only line of a check: it has that status, and the words; returns it."""
        [row] = self.find(check)
        assert row["status"] == status, row
        for word in words:
            assert word in row["text"], (word, row)
        if remedy:
            assert remedy in (row["remedy"] or ""), (remedy, row)
        return row

    def only(self, check, *words, remedy=None):
        """Nothing is wrong but this one thing; returns its line."""
        wrong = self.all("failed", "warning")
        assert len(wrong) == 1 and wrong[0]["check"] == check, wrong
        return self.one(check, wrong[0]["status"], *words, remedy=remedy)


def setup(env):
    return Patient(env)


# ---- all is well


@tap.promise
def all_good(world):
    "a machine that is well: every line is ok, up to real logins, and the exit status is 0"
    done = world.run("--login")
    assert done.rc == 0 and done.stderr == "", done
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"\d+ ok, 0 warnings, 0 failed, 0 skipped", lines[-1]), done
    assert [line for line in lines if line and line[0] != " "] == [
        "this machine", ALICE, "Postfix", lines[-1]], done
    for line in lines[:-1]:
        assert not line.startswith(" ") or line.startswith("  ok       "), line
    assert "\033" not in done.stdout, "there are colours where there is no terminal"
    rows = world.rows("--login")
    assert len(rows) == int(lines[-1].split()[0]), rows
    assert [set(row) for row in rows] == [
        {"check", "subject", "status", "text", "remedy"}] * len(rows), rows
    for service in ("imap", "pop", "smtp"):
        rows.one(f"{service} server", "ok", "OAUTHBEARER and XOAUTH2 after TLS")
        rows.one(f"{service} login", "ok", "localhost lets alice@example.com in")
    rows.one("plugin", "ok", built("plugin/.libs/libsaslbearer.so"))
    rows.one("claims", "ok", "opaque")


@tap.promise
def changes_nothing(world):
    "it fetches no token while there is a good one, and changes no file"
    def look():
        return {path: os.stat(os.path.join(where, path)).st_mtime_ns
                for where, _, names in os.walk(world.helper.dir)
                for path in [os.path.join(where, name) for name in names]}
    before, asked = look(), world.refreshes(ALICE)
    world.rows("--login")
    assert look() == before and world.refreshes(ALICE) == asked


@tap.promise
def one_account(world):
    "all accounts, each server once; with USER that one; a name that nobody has is a failure"
    world.account(BOB, services="imap", imap_server=f"localhost:{world.dovecot.imaps}")
    rows = world.rows()
    assert {ALICE, BOB} < {row["subject"] for row in rows}, rows
    assert [row["text"] for row in rows.find("imap server", BOB)] == [
        f"localhost:{world.dovecot.imaps}: the same as before"], rows
    rows = world.rows(BOB)
    assert ALICE not in {row["subject"] for row in rows}, rows
    [*_, last] = rows.find("postfix" if "postfix" in {r["check"] for r in rows} else "logins")
    assert last["status"] == "skipped", rows
    rows = world.rows("nobody@example.com")
    rows.one("accounts", "failed", 'no account "nobody@example.com" for you',
             remedy="sasl-bearer list")
    for words in (("a", "b"), ("--nonsense",)):
        assert world.run(*words).rc == 64


# ---- files


@tap.promise
def configuration(world):
    "a mistake in a file: file and line; what can be looked at all the same is"
    world.helper.accounts[BOB] = {"colour": "red"}
    world.helper.write_config()
    try:
        rows = world.rows()
    finally:
        del world.helper.accounts[BOB]
        world.helper.write_config()
    rows.one("configuration", "failed", f"{BOB}.conf:3: unknown name \"colour\"",
             remedy="sasl-bearerd --check")
    assert rows.find("token", ALICE)[0]["status"] == "ok", rows
    assert not world.rows(ALICE).all("failed")


@tap.promise
def not_loaded(world):
    "an account that has a file, and that the helper has not read yet"
    world.helper.reload()
    world.helper.accounts[JOHN] = {}
    world.helper.write_config()
    rows = world.rows()
    [row] = [row for row in rows.find("accounts") if row["status"] == "failed"]
    assert JOHN in row["text"] and re.search("systemctl reload|pkill -HUP", row["remedy"]), row
    del world.helper.accounts[JOHN]
    world.helper.write_config()


@tap.promise
def modes(world):
    "secrets and state that others can read: the command that closes them mends it"
    path = world.helper.secret_file("john.secret", "the-secret-of-john")
    world.define(JOHN, client_secret_file=path, services="imap")
    os.chmod(path, 0o644)
    row = world.rows(ALICE).one("configuration", "failed", path, "secret",
                                remedy=f"chmod 640 {path}")
    command = row["remedy"].replace("root:sasl-bearer", f"root:{world.helper.run_as}")
    world.shell(command)
    assert not world.rows(ALICE).all("failed")
    state = os.path.join(world.helper.state_dir, ALICE)
    for what, mode in ((state, 0o644), (world.helper.state_dir, 0o755)):
        os.chmod(what, mode)
        row = world.rows(ALICE).only("state", what, remedy=f"chmod {'6' if what == state else '7'}00 ")
        world.shell(row["remedy"])
        world.rows(ALICE).one("state", "ok")
    del world.helper.accounts[JOHN]
    world.helper.reload()


# ---- the helper


@tap.promise
def helper_down(world):
    "the helper is down: one line failed, and what depends on it is skipped"
    world.helper.stop()
    try:
        rows = world.rows()
    finally:
        world.helper.start()
    rows.one("helper", "failed", "no answer from the helper at", world.helper.socket,
             remedy="sasl-bearerd")
    assert [row["check"] for row in rows.all("failed")] == ["helper"], rows
    for check in ("marker", "accounts"):
        rows.one(check, "skipped")
    rows.one("plugin", "ok")    # thanks to the marker


@tap.promise
def ordinary_user(world):
    "for others than root: what only root may read is skipped, and the rest is good"
    how = {"uid": MAIL, "env": {"SASL_BEARER_SOCKET": world.helper.socket}}
    rows = world.rows("--system", "--login", ALICE, **how)
    assert not rows.all("failed", "warning"), rows
    rows.one("configuration", "skipped", "needs root", remedy="sudo sasl-bearer doctor")
    rows.one("state", "skipped")
    rows.one("provider", "skipped", "needs root")
    rows.one("helper", "ok", world.helper.socket)
    for check in ("marker", "plugin", "token", "grant", "imap login", "smtp login"):
        rows.one(check, "ok")
    assert [row["status"] for row in rows.find("logins")] == ["skipped", "ok"], rows


@tap.promise
def not_allowed(world):
    "a uid that no account allows: it says so, and what to change"
    rows = world.rows("--system", uid=GAMES, env={"SASL_BEARER_SOCKET": world.helper.socket})
    rows.one("helper", "failed", f"no account allows uid {GAMES}", remedy='"allow"')
    assert [row["check"] for row in rows.all("failed")] == ["helper"], rows


@tap.promise
def own_helper(world):
    "a user's own helper: all of it is checked, and there is no word of Postfix"
    own = Helper(world.env, world.oauth, user=MAIL, accounts={
        ALICE: {"imap_server": f"localhost:{world.dovecot.imaps}", "services": "imap"}}).start()
    own.request({"request": "store", "account": ALICE,
                 **{n: str(v) for n, v in world.oauth.issue(ALICE).items()
                    if n in ("refresh_token", "access_token", "expires_in")}}, uid=MAIL)
    rows = world.rows("--login", helper=own)
    assert not rows.all("failed", "warning", "skipped"), rows
    assert {row["subject"] for row in rows} == {"this machine", ALICE}, rows
    own.stop()
    row = world.rows(helper=own).one("helper", "failed")
    assert "sasl-bearerd --user" in row["remedy"], row


# ---- the provider


@tap.promise
def provider(world):
    "no way to the provider: DNS, TLS, proxy, a closed port; each says what to see to"
    def broken(**keys):
        world.define(BOB, services="imap", **keys)
        rows = world.rows(BOB)
        return [row for row in rows.find("provider") if row["status"] == "failed"][0]
    row = broken(token_endpoint="https://127.0.0.1:9/token")
    assert "cannot connect to 127.0.0.1" in row["text"] and "curl" in row["remedy"], row
    row = broken(token_endpoint="https://login.invalid/token")
    assert "login.invalid" in row["text"] and "resolve" in row["text"], row
    assert row["remedy"].endswith("getent hosts login.invalid"), row
    row = broken(ca_file="/etc/ssl/certs/ca-certificates.crt")
    assert "not trusted" in row["text"] and "ca_file" in row["remedy"], row
    row = broken(token_endpoint="https://login.example.com/token", proxy=PROXY)
    assert "proxy" in row["text"] and "proxy in sasl-bearer.conf" in row["remedy"], row
    del world.helper.accounts[BOB]
    world.helper.reload()


@tap.promise
def clock(world):
    "a clock that differs from the provider's by its Date header"
    def answer(seconds):
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + seconds))
        world.oauth.script("token", Reply(405, headers={"Date": date}))
        return world.rows(ALICE)
    answer(3600).only("clock", "behind", remedy="timedatectl set-ntp true")
    row = answer(-120).one("clock", "warning", "ahead of the provider")
    assert 115 < int(re.search(r"\d+", row["text"])[0]) < 150, row
    answer(0).one("clock", "ok")
    rows = answer(3600)
    assert rows.one("clock", "failed") and rows.one("provider", "ok", "HTTP 405")


# ---- the grant and its token


@tap.promise
def grant_ended(world):
    "a sign-in that has ended: who must do what; signing in mends it"
    tokens = world.account(JOHN, services="imap", expires_in=1,
                           imap_server=f"localhost:{world.dovecot.imaps}")
    world.oauth.revoke(tokens["refresh_token"])
    wait_for(lambda: world.helper.token(JOHN)["status"] == "login_required")
    rows = world.rows("--login", JOHN)
    rows.one("grant", "failed", remedy=f"sasl-bearer login {JOHN}")
    rows.one("token", "skipped", "grant")
    world.account(JOHN, services="imap", imap_server=f"localhost:{world.dovecot.imaps}")
    assert not world.rows("--login", JOHN).all("failed")
    del world.helper.accounts[JOHN]
    world.helper.reload()


@tap.promise
def expiring(world):
    "a secret or certificate of the application that ends in days, or has ended"
    key = make_key(world.env.path("soon.key"))
    certificate = make_certificate(key, world.env.path("soon.pem"), end=in_days(10))
    where = {}
    for name, path in (("client_key", key), ("client_certificate", certificate)):
        with open(path, encoding="ascii") as f:
            where[name] = world.helper.secret_file(os.path.basename(path), f.read())
    world.define(JOHN, grant="client_credentials", scope="mail", services="imap", **where)
    assert world.helper.token(JOHN)["status"] == "ok"
    rows = world.rows(JOHN)
    rows.one("secrets", "warning", "certificate", "days (20", remedy="new certificate")
    rows.one("token", "ok")
    # with a secret in the place of the certificate that one is no news any more
    secret = world.helper.secret_file("john.secret", "the-secret-of-john")
    for days, status in ((10, "warning"), (-1, "failed"), (300, "ok")):
        date = in_days(days).strftime("%Y-%m-%d")
        world.define(JOHN, services="imap", client_secret_file=secret, client_secret_expires=date)
        world.rows(JOHN).one("secrets", status, remedy="new secret" if days < 300 else None)
    del world.helper.accounts[JOHN]
    world.helper.reload()


@tap.promise
def claims(world):
    "a token that is a JWT: what Exchange Online would not take, whose it is, and its end"
    world.helper.providers["microsoft"] = {
        "title": "Microsoft", "scope": "mail", "hosts": "localhost", **endpoints(world.oauth)}
    good = {"aud": "https://outlook.office.com", "scp": "IMAP.AccessAsUser.All SMTP.Send",
            "upn": JOHN, "appid": "0123-app", "tid": "9876-tenant", "exp": int(time.time()) + 3599}

    def look(**changes):
        jwt = unsigned_jwt({**good, **changes})
        world.account(JOHN, provider="microsoft", services="imap smtp", expires_in=3599,
                      imap_server=world.well["imap_server"], smtp_server=world.well["smtp_server"],
                      grant={"access_token": jwt, "refresh_token": "a-refresh-token-of-john"})
        rows = world.rows(JOHN)
        assert_hidden({"token": jwt}, json.dumps(rows))
        return rows
    rows = look()
    rows.one("claims", "ok", "aud https://outlook.office.com", "IMAP.AccessAsUser.All SMTP.Send",
             JOHN, "0123-app", "9876-tenant")
    assert not rows.all("failed", "warning"), rows
    look(aud="https://graph.microsoft.com").only(
        "claims", "https://graph.microsoft.com", remedy=f"sasl-bearer login {JOHN}")
    look(scp="IMAP.AccessAsUser.All").only(
        "claims", "lacks the permission SMTP.Send", remedy=f"sasl-bearer setup exchange {JOHN}")
    look(upn="info@example.com").only("claims", "info@example.com", JOHN, remedy="shared mailbox")
    look(exp=int(time.time()) + 9000).only(
        "claims", "later than the provider said", remedy=f"sasl-bearer refresh {JOHN}")
    look(scp=None, upn=None).one("claims", "ok", "roles none, which is legal")
    del world.helper.accounts[JOHN]
    world.helper.reload()


# ---- libsasl2


@tap.promise
def plugin_missing(world):
    "libsasl2 does not find the plugin"
    world.rows(ALICE, plugin=False).only("plugin", "libsaslbearer.so is not in", remedy="SASL_PATH")


@tap.promise
def other_plugin(world):
    "another plugin with the same mechanisms: its file, and moving it away mends it"
    other = world.env.mkdir("other-plugins")
    shutil.copy(built("plugin/.libs/libsaslbearer.so"), other + "/libkdexoauth2.so")
    how = {"SASL_PATH": f"{sasl_path()}:{other}"}
    row = world.rows(ALICE, env=how).only("other plugins", f"{other}/libkdexoauth2.so")
    world.shell(row["remedy"])
    assert not world.rows(ALICE, env=how).all("failed", "warning")


# ---- Postfix

# what main.cf says, the status of that line, what it says of it
BAD_SETTINGS = [
    ("smtp_sasl_tls_security_options", "noplaintext, noanonymous", "failed", "hides OAuth"),
    ("smtp_sasl_security_options", "noanonymous", "warning", "without TLS"),
    ("smtp_sasl_mechanism_filter", "plain, login", "failed", "neither XOAUTH2 nor OAUTHBEARER"),
    ("smtp_sasl_mechanism_filter", "!xoauth2, !oauthbearer, static:all", "failed", "neither"),
    ("smtp_tls_security_level", "encrypt", "warning", "anybody on the way"),
    ("smtp_tls_security_level", "may", "warning", "TLS is not required"),
    ("smtp_tls_security_level", "", "failed", "no TLS"),
    ("smtp_tls_CAfile", "", "failed", "no server is trusted"),
    ("smtp_tls_CAfile", "/nowhere/ca.pem", "failed", "cannot be read"),
    ("smtp_sasl_auth_soft_bounce", "no", "warning", "goes back to its sender"),
    ("smtp_sasl_auth_enable", "no", "failed", "never logs in"),
]


def configured(world, **changes):
    world.postfix.configure(**changes)
    return world.rows(ALICE)


@tap.promise
def postfix_settings(world):
    "what in main.cf hides OAuth or makes it less safe; the command of the remedy mends each"
    for name, value, status, words in BAD_SETTINGS:
        more = {"smtp_tls_CApath": ""} if name == "smtp_tls_CAfile" else {}
        rows = configured(world, settings={name: value, **more})
        check = "postfix" if name == "smtp_sasl_auth_enable" else name
        row = rows.only(check, words, remedy=f"-e '{name} = ")
        assert row["status"] == status, row
        world.shell(row["remedy"])
        assert not world.rows(ALICE).all("failed", "warning"), (name, value)


@tap.promise
def postfix_policy(world):
    "where smtp_tls_policy_maps decides on TLS, nothing is said of the level for all, but that"
    rows = configured(world, settings={"smtp_tls_security_level": "may",
                                       "smtp_tls_policy_maps": "static:secure"})
    rows.one("smtp_tls_security_level", "skipped", "smtp_tls_policy_maps decides")
    configured(world, settings={})


@tap.promise
def postfix_services(world):
    "a service of master.cf that has its own value: a warning that names it"
    own = ("bearer unix - - n - - smtp -o smtp_sasl_mechanism_filter=xoauth2\n")
    rows = configured(world, settings={"smtp_sasl_mechanism_filter": "plain"}, services=own)
    row = rows.only("smtp_sasl_mechanism_filter", '"bearer" in master.cf')
    assert row["status"] == "warning", row
    configured(world, settings={}, services="")


@tap.promise
def postfix_passwords(world):
    "logins with a password that the plugin would take over, or that a filter leaves nothing"
    path = os.path.join(world.postfix.config_dir, "sasl_passwd")

    def look(**changes):
        world.postfix.configure(**changes)
        with open(path, "a", encoding="ascii") as f:
            f.write(f"# a comment\n[smtp.isp.example]:587 customer:{PASSWORD}\n")
        rows = world.rows(ALICE)
        assert PASSWORD not in json.dumps(rows), rows
        return rows
    look().only("other logins", "1 with passwords", "[smtp.isp.example]:587", "takes the login over",
                remedy="smtp_sasl_mechanism_filter=!xoauth2,!oauthbearer,static:all")
    look(filter="xoauth2, oauthbearer").only("other logins", "leaves them no mechanism")
    rows = look(services="isp unix - - n - - smtp\n"
                "  -o smtp_sasl_mechanism_filter=!xoauth2,!oauthbearer,static:all\n")
    rows.one("other logins", "ok", '"isp" in master.cf')
    assert not rows.all("failed", "warning"), rows
    configured(world, filter="", services="")


@tap.promise
def postfix_other_maps(world):
    "a map that is a password, or has some in it, is not shown; one behind proxy: is read"
    path = os.path.join(world.postfix.config_dir, "sasl_passwd")

    def look(maps, *options):
        world.postfix.configure(settings={"smtp_sasl_password_maps": maps})
        return world.rows(*options, ALICE)
    for maps in (f"static:{ALICE}:{PASSWORD}", f"inline:{{ [a.example]:587 = bob:{PASSWORD} }}",
                 f"texthash:{path}, inline:{{{{b.example = bob:x {PASSWORD}}}}}"):
        for options in ([], ["--redact"]):
            rows = look(maps, *options)
            assert PASSWORD not in json.dumps(rows), rows
            assert any("no file" in row["text"] for row in rows.find("logins")), rows
    rows = look(f"proxy:texthash:{path}")
    assert not rows.all("failed", "warning") and not rows.find("logins")[0]["remedy"], rows
    configured(world, settings={})


@tap.promise
def postfix_not_allowed(world):
    "Postfix logs in as a user whose account does not allow it, or nobody names the account"
    world.define(ALICE, **{**world.well, "allow": "mail"})
    rows = world.rows(ALICE)
    [row] = rows.all("failed")
    assert "does not allow user postfix" in row["text"] and "allow" in row["remedy"], row
    world.define(ALICE, **world.well)
    configured(world, user="someone@example.com").only(
        "logins", f"no line of smtp_sasl_password_maps names {ALICE}",
        remedy=f"sasl-bearer setup postfix {ALICE}")
    assert not configured(world, user=ALICE).all("failed", "warning")


@tap.promise
def postfix_chroot(world):
    "smtp(8) in a chroot without the helper's socket; another listen mends it"
    inside = world.postfix.jailed(world.helper.socket)
    rows = configured(world, chroot=True)
    [row] = rows.all("failed")
    assert row["check"] == "socket" and "in the chroot: smtp, relay" in row["text"], row
    assert inside in row["text"] and f'add {inside} to "listen"' in row["remedy"], row
    assert "systemctl enable --now sasl-bearerd-postfix.socket" in row["remedy"], row
    world.helper.listen.append(inside)
    world.helper.restart()
    rows = world.rows(ALICE)
    assert not rows.all("failed", "warning"), rows
    [row] = rows.find("socket")
    assert inside in row["text"], row
    os.chmod(os.path.dirname(inside), 0o700)
    os.chown(os.path.dirname(inside), identity("postfix")["user"], -1)
    assert not world.rows(ALICE).all("failed"), "its own directory is shut to others only"
    os.chown(os.path.dirname(inside), 0, -1)
    [row] = world.rows(ALICE).all("failed")
    assert "user postfix cannot reach" in row["text"], row
    world.shell(row["remedy"])
    assert not world.rows(ALICE).all("failed")
    configured(world, chroot=False)


@tap.promise
def postfix_without_socket(world):
    "smtp(8) outside a chroot that looks elsewhere for the socket: the command starts it there"
    socket = world.postfix.environment["SASL_BEARER_SOCKET"]
    elsewhere = world.env.path("elsewhere/socket")
    world.postfix.environment["SASL_BEARER_SOCKET"] = elsewhere
    world.postfix.configure()
    row = world.rows(ALICE).only("socket", f"smtp, relay: no answer at {elsewhere}: ")
    assert world.helper.socket in row["remedy"] and "import_environment" in row["remedy"], row
    tap.need(os.geteuid() == 0, "uid 0")
    row = world.rows(ALICE, systemd=True).only("socket")
    assert row["remedy"].endswith(" or: systemctl start sasl-bearerd"), row
    world.postfix.environment["SASL_BEARER_SOCKET"] = socket
    assert not configured(world).all("failed", "warning")


@tap.promise
def postfix_absent(world):
    "without Postfix, or with one that cannot be asked"
    rows = world.rows(ALICE, env={"MAIL_CONFIG": world.env.mkdir("no-postfix")})
    rows.one("postfix", "skipped", "not installed")
    assert not rows.all("failed"), rows


# ---- the mail server


@tap.promise
def servers(world):
    "a mail server that offers no OAuth, is not there, or whose certificate is not trusted"
    def look(**how):
        return world.rows(ALICE, **how)
    server = Scripted(world.env, Imap, world.oauth, mechanisms="PLAIN LOGIN")
    world.define(ALICE, **{**world.well, "imap_server": f"localhost:{server.port}"})
    look().only("imap server", "neither OAUTHBEARER nor XOAUTH2", "PLAIN", remedy="imap_server")
    rows = world.rows("--login", ALICE)
    rows.one("imap login", "skipped")
    rows.one("pop login", "ok")
    world.define(ALICE, **{**world.well, "pop_server": f"localhost:{world.env.port()}"})
    look().only("pop server", "localhost", remedy="pop_server")
    world.define(ALICE, **world.well)
    rows = look(ca=False)
    assert len(rows.all("failed")) == 3, rows
    rows.one("smtp server", "failed", "certificate", remedy="SSL_CERT_FILE")


@tap.promise
def refused_login(world):
    "--login: what the server's refusal means, and who can do what"
    server = Scripted(world.env, Smtp, verdict="535 5.7.139 Authentication unsuccessful, "
                      "SmtpClientAuthentication is disabled for the Mailbox.")
    world.define(ALICE, **{**world.well, "smtp_server": f"localhost:{server.port}"})
    assert not world.rows(ALICE).all("failed")
    world.rows("--login", ALICE).only(
        "smtp login", "SmtpClientAuthentication is disabled",
        remedy=f"Set-CASMailbox -Identity {ALICE} -SmtpClientAuthenticationDisabled $false")
    world.define(ALICE, **world.well)


@tap.promise
def useless_login(world):
    "--login: Exchange lets somebody in who has no mailbox"
    class Locked(Imap):
        def say(self, *lines):
            super().say(*(line.replace("BAD what?", "BAD User is authenticated but not connected.")
                          for line in lines))
    server = Scripted(world.env, Locked, world.oauth)
    world.define(ALICE, **{**world.well, "imap_server": f"localhost:{server.port}"})
    world.rows("--login", ALICE).only("imap login", "refuses EXAMINE INBOX", "not connected",
                                      remedy="Set-CASMailbox")
    world.define(ALICE, **world.well)


# ---- for people


@tap.promise
def terminal(world):
    "on a terminal: colours, unless NO_COLOR is set, and lines that fit it, but for commands"
    world.postfix.configure(tls_level="encrypt")
    command = [built("sasl-bearer"), "--config", world.helper.config, "doctor", ALICE]
    environment = {"MAIL_CONFIG": world.postfix.config_dir, "SASL_PATH": sasl_path(),
                   "SSL_CERT_FILE": world.env.tls().ca}
    for more, coloured in (({"NO_COLOR": None}, True), ({"NO_COLOR": "1"}, False)):
        with Terminal(command, columns=72, env={**environment, **more}) as screen:
            assert screen.wait() == 0, screen.text
        assert ("\033[33mwarning " in screen.text) == coloured, screen.text
        assert coloured or "\033" not in screen.text, screen.text
        lines = re.sub(r"\033\[\d+m", "", screen.text).splitlines()
        for line in lines:      # but for one word that does not fit
            text = re.sub("^.{11}([a-zA-Z_ ]+: )?", "", line)
            assert len(line) <= 72 or " " not in text or text.startswith("-> "), line
        [remedy] = [line for line in lines if line.startswith(" " * 11 + "-> ")]
        assert re.search(r"postconf .* -e 'smtp_tls_security_level = secure' && postfix .* reload$",
                         remedy), remedy
    configured(world, tls_level="secure")


# ---- for a bug report


@tap.promise
def redacted(world):
    "--redact: no name of a person, on no line"
    done = world.run("--redact", "--login")
    assert done.rc == 0 and "***@example.com" in done.stdout, done
    assert "alice" not in done.stdout.lower() and world.env.dir not in done.stdout, done
    for text in (world.run("--redact", "nobody.special@example.com").stdout,
                 world.run("--redact", "--json", "nobody.special@example.com").stdout):
        assert "special" not in text and "***@example.com" in text, text
    world.helper.accounts["john.smith"] = {**world.helper.accounts[ALICE],
                                           "user": "jsmith@example.com"}
    world.helper.reload()
    done = world.run("--redact")
    assert re.search(r"^account\d$", done.stdout, re.M), done
    assert "smith" not in done.stdout.lower(), done
    home = world.run("--redact", env={"SUDO_USER": "nobody", "HOME": world.env.dir + "/"})
    assert world.env.dir not in home.stdout and "nobody" not in home.stdout, home
    del world.helper.accounts["john.smith"]
    world.helper.reload()


@tap.promise
def no_secrets(world):
    "nothing that any of these runs printed has a token, a secret or a password in it"
    world.assert_no_secret(world.printed)
    for secret in (PASSWORD, "the-proxy-password", "the-secret-of-john", "a-refresh-token-of-john"):
        assert secret not in world.printed, secret
    assert len(world.printed) > 50000, len(world.printed)


tap.main(setup, root=True, programs=["postconf", "openssl"])
