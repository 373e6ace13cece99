#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""machine - the units under a real systemd: all works in the sandbox, and only that"""

import email
import os
import re
import stat
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import SRCDIR, built, identity, wait_for
from helper import endpoints
from machine import Machine, makefile, systemd
from oauthd import OAuthServer
from sink import Sink

SERVICE, SOCKET = "sasl-bearerd.service", "sasl-bearerd.socket"
JAIL = "sasl-bearerd-postfix.socket"
ALICE = "alice@example.com"
SCRIPT = """#!/bin/sh
# what the service forbids, it forbids this, too
for try in 'echo x >/etc/written' 'cp /bin/true {state}/x && {state}/x' 'ls /root' 'unshare -U true'; do
	sh -c "$try" >/dev/null 2>&1 && echo "could: $try" >&2
done
test -z "$CREDENTIALS_DIRECTORY" || echo "sees credentials" >&2
echo "token-of-$(id -un)"
"""
SLOW_SCRIPT = """#!/bin/sh
trap 'echo "told to end" >&2; exit 1' TERM
sleep 2
echo slow-token
"""
# as user@.service, without PAM
MANAGER = """[Service]
User=mail
Delegate=yes
Type=notify
Environment=HOME={home} XDG_RUNTIME_DIR={runtime} SYSTEMD_UNIT_PATH={units}
ExecStartPre=+/usr/bin/install -d -o mail -g mail -m 0700 {home} {runtime}
ExecStartPre=+/usr/bin/chown -R mail:mail {home}
ExecStart={manager} --user --unit=basic.target
KillMode=mixed
"""
HOME, USER_UNITS = "/var/lib/mail-user", "/etc/systemd/test-user"


def conf(**keys):
    return "".join(f"{key} = {value}\n" for key, value in keys.items())


class World:
    """The machine, and a provider outside of it."""

    def __init__(self, env):
        self.env = env
        self.server = OAuthServer(tls=env.tls(), single_use=True).start()
        self.etc = makefile("bearer_confdir")
        self.state = makefile("bearer_statedir")
        self.run = makefile("bearer_rundir") + "/socket"
        self.jail = makefile("postfix_queuedir") + self.run
        with open(env.tls().ca, encoding="ascii") as f:
            ca = f.read()
        provider = conf(title="Test", scope="mail", hosts="localhost", **endpoints(self.server))
        self.runtime = f"/run/user/{identity('mail')['user']}"
        self.machine = Machine(env, {
            **self.user_files(ca, provider),
            f"{self.etc}/sasl-bearer.conf": conf(ca_file=self.etc + "/ca.pem", log_level="debug"),
            f"{self.etc}/ca.pem": ca,
            f"{self.etc}/providers.d/test.conf": provider,
            f"{self.etc}/accounts.d/{ALICE}.conf": conf(
                provider="test", client_id="test-client", allow="mail",
                client_secret_credential="alice.secret"),
            f"{self.etc}/accounts.d/script.conf": conf(
                user="script@example.com", grant="command", allow="mail",
                hosts="localhost", command="/usr/local/bin/give-token"),
            f"{self.etc}/accounts.d/slow.conf": conf(
                user="slow@example.com", grant="command", allow="mail",
                hosts="localhost", command="/usr/local/bin/give-slowly"),
            "/usr/local/bin/give-token": (SCRIPT.format(state=self.state), 0o755),
            "/usr/local/bin/give-slowly": (SLOW_SCRIPT, 0o755),
            # as an administrator does it: systemctl edit
            f"/etc/systemd/test/{SERVICE}.d/secret.conf":
                f"[Service]\nLoadCredential=alice.secret:{self.etc}/alice.secret\n",
            f"{self.etc}/alice.secret": ("s3cret\n", 0o600),
            "/var/spool/postfix/.keep": "",
            "/etc/postfix/main.cf": "compatibility_level = 3.6\n",
            makefile("textfile_dir") + "/.keep": "",
        })

    def user_files(self, ca, provider):
        """A user's manager, its units, and the user's configuration."""
        etc = HOME + "/.config/sasl-bearer"
        files = {
            "/etc/systemd/test/manager.service": MANAGER.format(
                home=HOME, runtime=self.runtime, units=USER_UNITS, manager=systemd()),
            f"{etc}/sasl-bearer.conf": conf(ca_file=etc + "/ca.pem"),
            f"{etc}/ca.pem": ca,
            f"{etc}/providers.d/test.conf": provider,
            f"{etc}/accounts.d/{ALICE}.conf": conf(provider="test", client_id="test-client"),
        }
        for target in ("basic", "sockets", "shutdown", "default"):
            files[f"{USER_UNITS}/{target}.target"] = "[Unit]\nDefaultDependencies=no\n"
        for name in (SERVICE, SOCKET):
            with open(built(f"contrib/systemd/user/{name}"), encoding="utf-8") as f:
                files[f"{USER_UNITS}/{name}"] = f.read()
        return files

    def user_systemctl(self, *words):
        done = self.machine.run(["systemctl", "--user", "--no-pager", *words], uid="mail",
                                env={"XDG_RUNTIME_DIR": self.runtime})
        assert done.rc == 0, (words, done, self.machine.journal("manager.service"))
        return done.stdout.strip()

    def ask(self, uid="mail", path=None, **fields):
        """Send a request as a uid; returns the reply."""
        return self.machine.ask(path or self.run, uid, **fields)

    def token(self, user=ALICE, **how):
        return self.ask(request="token", user=user, service="smtp", host="localhost",
                        mechanism="XOAUTH2", deadline_ms=25000, **how)

    def state_file(self, name=ALICE):
        with open(self.machine.path(f"{self.state}/{name}"), encoding="utf-8") as f:
            return f.read()

    def sign_in(self):
        """The service runs, and has a new grant and a token by it; returns its answer."""
        self.systemctl("start", SERVICE)
        reply = self.ask(0, request="store", account=ALICE,
                         refresh_token=self.server.issue(ALICE)["refresh_token"])
        assert reply["status"] == "ok", reply
        reply = self.token()
        assert reply["status"] == "ok", (reply, self.machine.journal(SERVICE))
        return reply

    def systemctl(self, *words):
        done = self.machine.systemctl(*words)
        assert done.rc == 0, (words, done, self.machine.journal(SERVICE))
        return done

    def main_pid(self):
        return self.machine.show(SERVICE, "MainPID")

    def active(self):
        return self.machine.show(SERVICE, "ActiveState")


@tap.promise
def sockets(w):
    "both sockets are there before the service: root's, open to all, markers beside them"
    w.systemctl("start", SOCKET, JAIL)
    assert w.active() == "inactive"
    for path in (w.run, w.jail):
        st = os.lstat(w.machine.path(path))
        assert stat.S_ISSOCK(st.st_mode) and stat.S_IMODE(st.st_mode) == 0o666, (path, st)
        where = os.stat(w.machine.path(os.path.dirname(path)))
        assert (where.st_uid, stat.S_IMODE(where.st_mode)) == (0, 0o755), (path, where)
        assert os.listdir(w.machine.path(os.path.dirname(path) + "/accounts")) == []


@tap.promise
def on_demand(w):
    "the first request starts the service, on either socket; a stranger is denied on both"
    assert w.ask(path=w.jail, request="hello")["status"] == "ok"
    assert w.active() == "active"
    for path in (w.run, w.jail):
        assert w.ask(path=path, request="hello")["mechanisms"] == "OAUTHBEARER XOAUTH2", path
        assert w.ask("games", path=path, request="hello")["status"] == "denied", path


@tap.promise
def markers(w):
    "who is served is marked beside both sockets, and the plugin's user may see it"
    mail = str(identity("mail")["user"])
    for path in (w.run, w.jail):
        done = w.machine.run(["ls", os.path.dirname(path) + "/accounts"], uid="mail")
        assert set(done.stdout.split()) == {"0", mail}, (path, done)


@tap.promise
def refreshes(w):
    "a sign-in is stored, refreshed over TLS with a secret of systemd's, and is on disk"
    reply = w.sign_in()
    assert w.server.seen("token")[-1].form["client_secret"] == "s3cret"
    assert reply["token"] in w.state_file()
    st = os.stat(w.machine.path(f"{w.state}/{ALICE}"))
    assert stat.S_IMODE(st.st_mode) == 0o600


@tap.promise
def commands(w):
    "a command gives its token; it is in the same sandbox, and sees no credentials"
    reply = w.token("script@example.com")
    assert (reply["status"], reply.get("token")) == ("ok", "token-of-sasl-bearer"), reply
    journal = w.machine.journal(SERVICE)
    assert "could:" not in journal and "sees credentials" not in journal, journal


@tap.promise
def processes(w):
    "each process has the unit's user, no capability, a filter, and can get nothing back"
    pids = w.machine.processes(SERVICE)
    assert len(pids) == 2, "the daemon and the spawner"
    for pid in pids:
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            status = dict(re.findall(r"^(\w+):\s+(.*)$", f.read(), re.M))
        with open(w.machine.path("/etc/passwd"), encoding="utf-8") as f:
            uid = re.search(r"^sasl-bearer:[^:]*:(\d+):", f.read(), re.M).group(1)
        assert status["Uid"].split() == [uid] * 4, status["Uid"]
        for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb", "CapInh"):
            assert int(status[name], 16) == 0, (name, status[name])
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), status


def inside(w, script):
    """The status of a shell command among the service's mounts, as its user."""
    done = w.env.run(["nsenter", "-t", w.machine.processes(SERVICE)[0], "-m", "setpriv",
                      "--reuid", "0", "sh", "-c", script])
    return done.rc == 0


@tap.promise
def files(w):
    "even root, among the service's mounts, writes state and markers only, and executes neither"
    for where in (w.state, os.path.dirname(w.run) + "/accounts",
                  os.path.dirname(w.jail) + "/accounts"):
        assert inside(w, f"echo x >{where}/x"), where
        assert inside(w, f"cp /bin/true {where}/x"), where
        assert not inside(w, f"{where}/x"), f"{where} executes"
        assert inside(w, f"rm {where}/x")
    assert inside(w, "cp /bin/true /tmp/x") and not inside(w, "/tmp/x"), "/tmp executes"
    assert not os.path.exists(w.machine.path("/tmp/x")), "/tmp is not private"
    for where in ("/etc", w.etc, "/usr", "/var/spool/postfix", os.path.dirname(w.run), "/run"):
        assert not inside(w, f"echo x >{where}/x"), where
    for where in ("/root", "/home"):
        assert not inside(w, f"ls {where}/*") , where
    done = w.env.run(["nsenter", "-t", w.machine.processes(SERVICE)[0], "-m", "-p",
                      "cat", "/proc/self/mountinfo"])
    mounts = [line.split() for line in done.stdout.splitlines()]
    # the last one that is mounted somewhere is the one that is seen
    writable = {m[4] for m in {m[4]: m for m in mounts}.values() if "rw" in m[5].split(",")}
    right = {w.state, "/var/lib/sasl-bearer", "/tmp", "/var/tmp", "/proc",
             *(os.path.dirname(path) + "/accounts" for path in (w.run, w.jail))}
    assert {path for path in writable if not path.startswith("/dev/")} == right, writable
    assert not inside(w, "test -e /dev/kmsg || test -e /dev/mem || test -e /dev/tty1")


@tap.promise
def reload(w):
    "systemctl reload reads the configuration again, in the same process"
    before = w.main_pid()
    account = w.machine.path(f"{w.etc}/accounts.d/{ALICE}.conf")
    with open(account, "a", encoding="utf-8") as f:
        f.write("hosts = imap.example.org\n")
    w.systemctl("reload", SERVICE)
    wait_for(lambda: w.token()["status"] == "denied", 10, "the new hosts")
    with open(account, encoding="utf-8") as f:
        text = f.read().replace("hosts = imap.example.org\n", "")
    with open(account, "w", encoding="utf-8") as f:
        f.write(text)
    w.systemctl("reload", SERVICE)
    wait_for(lambda: w.token()["status"] == "ok", 10, "the old hosts")
    assert w.main_pid() == before


@tap.promise
def comes_back(w):
    "a daemon that was killed is started again by systemd, and still has its tokens"
    before, served = w.main_pid(), w.token()["token_id"]
    w.machine.send(SERVICE)
    wait_for(lambda: w.main_pid() not in (before, "0"), 30, "a new daemon")
    assert w.token()["token_id"] == served
    assert int(w.machine.show(SERVICE, "NRestarts")) >= 1


class SlowRefresh:
    """A refresh that has come to the provider, which answers after go(); end() returns the reply."""

    def __init__(self, w):
        self.server, self.replies = w.server, []
        self.server.forget()
        self.go = self.server.hold("token").set
        self.asking = threading.Thread(target=lambda: self.replies.append(
            w.ask(0, request="refresh", account=ALICE)))
        self.asking.start()
        self.server.wait_seen("token")

    def end(self):
        self.asking.join()
        self.server.always("token", None)
        return self.replies[0]


@tap.promise
def stopped_in_a_refresh(w):
    "a stop waits for the refresh under way, tells who has asked, and stores what came"
    w.sign_in()
    refresh = SlowRefresh(w)
    stopping = threading.Thread(target=w.systemctl, args=("stop", SERVICE))
    stopping.start()
    wait_for(lambda: "stopping" in w.machine.journal(SERVICE).splitlines()[-5:], 10, "the stop")
    refresh.go()
    stopping.join()
    assert refresh.end()["status"] == "ok"
    assert w.machine.show(SERVICE, "Result") == "success"
    assert w.server.newest_refresh_token(ALICE) in w.state_file()
    w.systemctl("start", SERVICE)
    assert w.ask(0, request="refresh", account=ALICE)["status"] == "ok"


@tap.promise
def stopped_in_a_command(w):
    "a stop waits for a command as well: nobody tells it to end, and its token is answered"
    w.systemctl("start", SERVICE)
    replies = []
    asking = threading.Thread(target=lambda: replies.append(w.token("slow@example.com")))
    asking.start()
    wait_for(lambda: len(w.machine.processes(SERVICE)) > 3, 10, "the command and what it runs")
    w.systemctl("stop", SERVICE)
    asking.join()
    assert replies[0].get("token") == "slow-token", replies
    assert "told to end" not in w.machine.journal(SERVICE)
    w.systemctl("start", SERVICE)


@tap.promise
def term_comes_back(w):
    "a daemon that somebody ended with SIGTERM is started again as well"
    before = w.main_pid()
    w.machine.send(SERVICE, 15)
    wait_for(lambda: w.main_pid() not in (before, "0"), 30, "a new daemon")


@tap.promise
def wrong_configuration(w):
    "an error in sasl-bearer.conf is in the journal and not tried over; mended, it serves"
    conf_file = w.machine.path(f"{w.etc}/sasl-bearer.conf")
    with open(conf_file, encoding="utf-8") as f:
        good = f.read()
    with open(conf_file, "w", encoding="utf-8") as f:
        f.write("log_levl = info\n")
    assert w.machine.systemctl("restart", SERVICE).rc != 0
    assert w.machine.show(SERVICE, "ExecMainStatus") == "78"
    assert w.active() == "failed"
    assert 'sasl-bearer.conf:1: unknown name "log_levl": did you mean "log_level"?' \
        in w.machine.journal(SERVICE)
    with open(conf_file, "w", encoding="utf-8") as f:
        f.write(good)
    w.systemctl("start", SERVICE)
    assert w.token()["status"] == "ok"


def manual(name, section):
    """The literal blocks of a section of a manual, as a reader sees them."""
    with open(os.path.join(SRCDIR, "man", name), encoding="utf-8") as f:
        text = f.read().partition(f"\n.Sh {section}\n")[2].partition("\n.Sh ")[0]
    blocks = re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$", text, re.M)
    return [block.replace("\\e\n", "\\\n") for block in blocks]


def run_block(w, block):
    """Run the commands of a block as root; those that edit and restart are left out."""
    for line in block.replace("\\\n", " ").splitlines():
        if line.startswith("# ") and "systemctl" not in line:
            done = w.machine.run(["sh", "-c", line[2:].replace("/etc/sasl-bearer", w.etc)])
            assert done.rc == 0, (line, done)


@tap.promise
def encrypted(w):
    "state is encrypted with a key in a file, then with a credential, by the manual's commands"
    tap.require("openssl", "systemd-creds")
    in_file, setting, _, credential = manual("sasl-bearerd.8", "ENCRYPTED STATE")
    conf_file, state = f"{w.etc}/sasl-bearer.conf", w.machine.path(f"{w.state}/{ALICE}")
    served = w.token()["token_id"]
    with open(w.machine.path(conf_file), encoding="utf-8") as f:
        good = f.read()
    ids = []

    def restart(settings):
        with open(w.machine.path(conf_file), "w", encoding="utf-8") as f:
            f.write(good + settings)
        done = w.machine.run([makefile("sbindir") + "/sasl-bearerd", "--check"])
        assert done.rc == 0, done
        w.systemctl("daemon-reload")
        w.systemctl("restart", SERVICE)
        assert w.token()["token_id"] == served
        with open(state, encoding="utf-8") as f:
            ids.append(re.search(r"^sealed=v1:([0-9a-f]{8}):", f.read(), re.M).group(1))
    run_block(w, in_file)
    first = setting.replace("/etc/sasl-bearer", w.etc)
    restart(first)
    run_block(w, credential)
    drop_in = credential[credential.index("[Service]"):].replace("/etc/sasl-bearer", w.etc)
    with open(w.machine.path(f"/etc/systemd/test/{SERVICE}.d/key.conf"), "w",
              encoding="utf-8") as f:
        f.write(drop_in)
    restart("state_key = state-key\n" + first.replace("state_key", "state_key_old"))
    restart("state_key = state-key\n")
    assert ids[0] != ids[1] == ids[2], ids
    assert "no state file needs state_key_old" in w.machine.journal(SERVICE)
    with open(w.machine.path(f"{w.etc}/state-key.cred"), encoding="ascii") as f:
        assert not re.search("[0-9a-f]{64}", f.read())


@tap.promise
def journal(w):
    "the journal has each line once, with its priority"
    w.machine.run(["journalctl", "--sync"])
    lines = w.machine.run(["journalctl", "--no-pager", "-o", "cat", "-u", SERVICE, "-p",
                           "info..info"]).stdout.splitlines()
    assert any(line.startswith("ready, 3 accounts") for line in lines), lines
    assert not any(line.startswith("<") for line in lines), lines


@tap.promise
def fields(w):
    "journalctl finds what is about an account by its name, and what happened by a word"
    w.machine.run(["journalctl", "--sync"])
    lines = w.machine.run(["journalctl", "--no-pager", "-o", "cat", f"SASL_BEARER_ACCOUNT={ALICE}",
                           "SASL_BEARER_EVENT=token"]).stdout.splitlines()
    assert lines and all(re.match(f'account "{ALICE}": new token ', line) for line in lines), lines


@tap.promise
def timers(w):
    "the unit for Prometheus writes its file; the one that checks is well when all is well"
    w.systemctl("start", "sasl-bearer-metrics.timer", "sasl-bearer-check.timer")
    w.systemctl("start", "sasl-bearer-metrics.service")
    with open(w.machine.path(makefile("textfile_dir") + "/sasl-bearer.prom"),
              encoding="ascii") as f:
        text = f.read()
    assert "\nsasl_bearer_up 1\n" in text, text
    assert f'\nsasl_bearer_account_state{{account="{ALICE}",state="fresh"}} 1\n' in text, text
    w.systemctl("start", "sasl-bearer-check.service")
    assert "SASL-BEARER OK - 3 accounts" in w.machine.journal("sasl-bearer-check.service")


def letter(text):
    """The text of a mail, which says what it is in, and has no line that a server would cut."""
    mail = email.message_from_string(text)
    assert (mail.get_content_type(), mail.get_content_charset(), mail["MIME-Version"],
            mail["Content-Transfer-Encoding"]) == ("text/plain", "utf-8", "1.0", "8bit"), text
    lengths = [len(line.encode()) for line in text.replace("\r", "").split("\n")]
    assert max(lengths) <= 998, lengths
    return text.replace("\r", "").partition("\n\n")[2]


@tap.promise
def alarms(w):
    "a check that fails is mailed by sendmail, notify_command mails inside the unit's limits: UTF-8"
    tap.require("curl", "sendmail", "postdrop", "postcat")
    sink = Sink(w.env)
    script = makefile("bearer_datadir") + "/notify/mail"
    name, secret = "new" * 20, f"{w.etc}/{'é' * 120}/{'ü' * 120}"
    account = f"{w.etc}/accounts.d/{name}.conf"
    w.sign_in()
    os.mkdir(w.machine.path(os.path.dirname(secret)))
    for path, mode, text in (
            (secret, "w", "others may read it\n"),
            (account, "w", conf(provider="test", client_id="test-client", user="new@example.com",
                                grant="client_credentials", client_secret_file=secret)),
            (f"{w.etc}/sasl-bearer.conf", "a", conf(
                notify_command=f"{script} root@example.com 127.0.0.1:{sink.port}",
                notify_delay="0s"))):
        with open(w.machine.path(path), mode, encoding="utf-8") as f:
            f.write(text)
    w.systemctl("reload", SERVICE)
    assert w.ask(0, request="refresh", account=name)["status"] == "config"
    assert w.machine.systemctl("start", "sasl-bearer-check.service").rc != 0
    journal = w.machine.journal("sasl-bearer-check.service")
    problem, = (line for line in journal.splitlines() if line.startswith(f"[critical] {name}: "))
    assert "é" * 120 in problem and len(problem.encode()) > 998, problem
    drop = "/var/spool/postfix/maildrop"
    # complete when it may be executed: postdrop(8) says so in this way
    wait_for(lambda: any(os.stat(w.machine.path(f"{drop}/{file}")).st_mode & 0o100
                         for file in os.listdir(w.machine.path(drop))), 20,
             "a mail in Postfix's queue")
    queued, = os.listdir(w.machine.path(drop))
    done = w.machine.run(["postcat", "-hb", f"{drop}/{queued}"])
    said = letter(done.stdout)
    assert f"SASL-BEARER CRITICAL - 1 problem, 4 accounts: {name} config |" in said, done
    assert problem in said.replace("\n", ""), said
    mail = sink.wait()[0]
    assert mail.recipients == ["root@example.com"], mail
    assert re.search(rf"^Subject: sasl-bearer on \S+: {name}: config\r$", mail.data, re.M), mail
    reason, remedy = problem.removeprefix(f"[critical] {name}: ").rsplit("; mend that", 1)
    said = letter(mail.data).replace("\n", "")
    assert said == f"critical: {reason}mend that{remedy}", (said, problem)
    os.unlink(w.machine.path(account))
    w.systemctl("reload", SERVICE)


def notify(w, sink, message):
    """Run the script that mails for notify_command."""
    tap.require("curl")
    done = w.machine.run([makefile("bearer_datadir") + "/notify/mail", "root@example.com",
                          f"localhost:{sink.port}"], input=message)
    assert done.rc == 0, done


@tap.promise
def end_of_a_problem(w):
    "the script that mails for notify_command says which problem is over, and not that all is well"
    sink = Sink(w.env)
    notify(w, sink, "event=recovered\nproblem=grant_expires\naccount=relay\n\n")
    [message] = sink.wait()
    assert ": relay: no longer grant_expires\r\n" in message.data, message.data
    assert "sasl-bearer check relay" in letter(message.data), message.data


@tap.promise
def long_reasons(w):
    "it breaks lines that are too long for a mail"
    sink, reason = Sink(w.env), "é " * 680
    notify(w, sink, f"event=problem\nproblem=config\nseverity=critical\nreason={reason}\n\n")
    said = letter(sink.wait()[0].data)
    assert f"critical: {reason}" in said.replace("\n", ""), said


@tap.promise
def stop(w):
    "stopped, it ends cleanly; its sockets stay, and start it again"
    w.systemctl("stop", SERVICE)
    assert w.machine.show(SERVICE, "Result") == "success"
    assert w.machine.show(SERVICE, "ExecMainStatus") == "0"
    assert w.active() == "inactive"
    assert w.token()["status"] == "ok"
    assert w.active() == "active"


@tap.promise
def users(w):
    "under a user's manager it is started by a request, knows uids, refreshes, and is confined"
    w.systemctl("start", "manager.service")
    w.user_systemctl("start", SOCKET)
    path = w.runtime + "/sasl-bearer/socket"
    assert w.ask(path=path, request="hello")["status"] == "ok"
    first = w.server.issue(ALICE)
    assert w.ask(path=path, request="store", account=ALICE,
                 refresh_token=first["refresh_token"])["status"] == "ok"
    assert w.token(path=path)["status"] == "ok", w.machine.journal("manager.service")
    main = w.user_systemctl("show", "--value", "--property=MainPID", SERVICE)
    done = w.machine.run(["sh", "-c", 'cat /proc/"$0"/status; readlink /proc/"$0"/ns/user', main])
    status = dict(re.findall(r"^(\w+):\s+(.*)$", done.stdout, re.M))
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), status
    assert done.stdout.split()[-1] == os.readlink("/proc/self/ns/user"), "another user namespace"
    before = w.server.seen("token")
    w.user_systemctl("reload", SERVICE)
    w.user_systemctl("restart", SERVICE)
    assert w.token(path=path)["status"] == "ok"
    assert len(w.server.seen("token")) == len(before), "its state was not kept"
    w.user_systemctl("stop", SERVICE)


tap.main(World, root=True)
