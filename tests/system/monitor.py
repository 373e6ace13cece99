#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""monitor - what a sysadmin's monitoring is told: check, metrics, notify_command, the journal"""

import datetime
import functools
import glob
import json
import os
import re
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import SRCDIR, built, identity, wait_for
from helper import Helper
from keys import make_certificate, make_key
from oauthd import OAuthServer, Reply

try:
    import yaml
except ImportError:
    yaml = None

DAY = 86400
STATES = {"fresh", "aging", "stale", "backoff", "login_required", "config"}
PROBLEMS = {"login_required", "config", "no_token", "backoff", "rejected", "unsaved",
            "grant_expires", "client_secret_expires", "certificate_expires"}
OK, WARNING, CRITICAL, UNKNOWN = range(4)
SEVERITIES = {WARNING: "warning", CRITICAL: "critical"}
# a figure by the Monitoring Plugins' guidelines: 'label'=value[UOM];[warn];[crit];[min];[max]
FIGURE = re.compile(r"^'?([^'= ]+)'?=(-?[0-9.]+)(s|%|c|[KMGT]?B)?"
                    r"(?:;(-?[0-9.:~@]*))?(?:;(-?[0-9.:~@]*))?(?:;(-?[0-9.]*))?(?:;(-?[0-9.]*))?$")
# a command that adds what it reads to a file
RECORD = """#!/bin/sh
{ cat; id -u; pwd; echo "env=$NOTIFY_SOCKET$JOURNAL_STREAM$INVOCATION_ID"; } >>"$1".part
cat "$1".part >>"$1"
rm "$1".part
"""


def in_days(days):
    return (datetime.datetime.now(datetime.timezone.utc)
            + datetime.timedelta(days=days)).strftime("%Y-%m-%d")


class World:
    """Helpers with notify_command, started first: what they tell takes its time."""

    def __init__(self, env):
        self.env = env
        self.server = OAuthServer(tls=env.tls()).start()
        self.drop = env.mkdir("told", 0o777)
        self.record = env.write("record", RECORD, 0o755)
        self.teller = self.helper({"alice": {}, "bob": {}}, told="teller", notify_delay="0s",
                                  notify_repeat="1s")
        self.teller.store("bob", self.server.issue("bob"))
        self.bad = self.helper({"alice": {}, "bob": {}}, told=None, notify_delay="0s",
                               notify_command=env.write("bad", "#!/bin/sh\necho first >&2\n"
                                                        "echo no route >&2\nexit 3\n", 0o755))
        self.hung = self.helper({"alice": {}}, told=None, notify_delay="0s",
                                notify_command=[env.write("hung", "#!/bin/sh\necho $$ >$1/hung\n"
                                                          "exec sleep 300\n", 0o755), self.drop])
        self.slow = self.helper({"alice": {}}, told="slow", notify_delay="1h")

    def helper(self, accounts, told=None, **settings):
        if told:
            settings.setdefault("notify_command", [self.record, os.path.join(self.drop, told)])
        helper = Helper(self.env, self.server, accounts, settings=settings)
        return helper.start()

    @functools.cached_property
    def healthy(self):
        """One with which nothing is wrong."""
        helper = self.helper({"alice": {}, "bob": {"client_secret_expires": in_days(100)}})
        for name in ("alice", "bob"):
            assert helper.store(name, self.server.issue(name))["status"] == "ok"
        return helper

    def told(self, name):
        """What the command read so far, each as a message; then uid, directory, environment."""
        try:
            with open(os.path.join(self.drop, name), encoding="utf-8") as f:
                text = f.read()
        except FileNotFoundError:
            return []
        found = []
        for part in text.split("protocol=1\n")[1:]:
            message, _, rest = part.partition("\n\n")
            fields = dict(line.split("=", 1) for line in message.splitlines())
            found.append({**fields, "left": rest.splitlines()})
        return found


def check(helper, *words, **how):
    """Run check; returns (status, first line, figures, the other lines)."""
    done = helper.cli("check", *words, **how)
    assert done.rc in (OK, WARNING, CRITICAL, UNKNOWN) and not done.stderr, done
    first, *rest = done.stdout.splitlines()
    text, bar, figures = first.partition(" | ")
    name = ("OK", "WARNING", "CRITICAL", "UNKNOWN")[done.rc]
    assert text.startswith(f"SASL-BEARER {name} - "), first
    assert "|" not in text + "".join(rest), done
    assert bool(bar) == (done.rc != UNKNOWN), first
    numbers = {}
    for word in figures.split():
        match = FIGURE.match(word)
        assert match, word
        numbers[match[1]] = (float(match[2]), match[4], match[5])
    return done.rc, text, numbers, rest


def parse_metrics(text):
    """Read Prometheus' text format, strictly; returns {name: {frozenset(labels): value}}."""
    families, kind, name = {}, {}, None
    assert text.endswith("\n"), text
    for line in text.splitlines():
        if match := re.fullmatch(r"# HELP ([a-z_:][a-z0-9_:]*) (\S.*)", line):
            assert match[1] not in families, f"{match[1]} has two groups"
            assert not re.search(r"\\(?![\\n])", match[2]), line
            name = match[1]
            families[name] = {}
        elif match := re.fullmatch(r"# TYPE (\S+) (gauge|counter|untyped)", line):
            assert match[1] == name and name not in kind, line
            kind[name] = match[2]
        else:
            match = re.fullmatch(r"([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (-?[0-9.e+]+|NaN)", line)
            assert match and match[1] == name and name in kind, line
            labels = re.findall(r'([a-z_][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)',
                                match[2] or "")
            assert ",".join(f'{n}="{v}"' for n, v in labels) == (match[2] or ""), line
            key = frozenset(labels)
            assert key not in families[name], f"twice: {line}"
            families[name][key] = float(match[3])
    return families


def labels(**pairs):
    return frozenset(pairs.items())


@tap.promise
def healthy(w):
    "nothing is wrong: exit 0, one line, figures by the guidelines"
    h = w.healthy
    status, text, figures, rest = check(h)
    assert (status, rest) == (OK, []), (text, rest)
    assert text == "SASL-BEARER OK - 2 accounts", text
    assert figures["accounts"][0] == 2 and figures["login_required"][0] == 0, figures
    days, warning, critical = figures["days_to_expiry"]
    assert 98 < days <= 100 and (warning, critical) == ("14:", "3:"), figures
    assert check(h, "alice")[1] == "SASL-BEARER OK - 1 account"
    assert "days_to_expiry" not in check(h, "alice")[2]


@tap.promise
def thresholds(w):
    "--warning and --critical say how early; figures have them"
    status, text, figures, rest = check(w.healthy, "--warning", "101d", "--critical", "36h")
    assert status == WARNING and "1 problem, 2 accounts: bob client_secret_expires" in text, text
    assert figures["days_to_expiry"][1:] == ("101:", "1.5:"), figures
    assert len(rest) == 1 and rest[0].startswith("[warning] bob: the secret of the application "
                                                 "expires in 9"), rest
    assert check(w.healthy, "--critical", "101d", "--warning", "102d")[0] == CRITICAL


@tap.promise
def summary(w):
    "the first line stays short: names as far as they fit, then that there are more"
    many = w.helper({f"account-{i:02}": {} for i in range(30)})
    text, rest = check(many)[1::2]
    assert len(rest) == 30 and "30 problems, 30 accounts: account-" in text, text
    assert 5 < text.count(" login_required") < 30 and len(text) < 500, text
    assert text.endswith(" login_required, ..."), text
    assert many.stop() == 0


def aged(w, helper, account, days):
    """Let the sign-in of an account be that old."""
    helper.stop()
    path = os.path.join(helper.state_dir, account)
    with open(path, "r+", encoding="utf-8") as f:
        text = f.read()
        f.seek(0)
        f.write(re.sub(r"(refresh_obtained_at)=\d+",
                       rf"\1={int(time.time() - days * DAY)}", text))
        f.truncate()
    helper.start()


@tap.promise
def each_problem(w):
    "L8: each problem has its line, its severity and what to do; the worst is the exit status"
    key = make_key(w.env.path("key"))
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = make_certificate(key, w.env.path("cert"), end=now + datetime.timedelta(days=9.5))
    with open(key, encoding="ascii") as a, open(certificate, encoding="ascii") as b:
        pair = a.read() + b.read()
    w.server.always("/down", Reply(503))
    h = w.sick = Helper(w.env, w.server, {
        "nobody": {}, "ok": {}, "full": {},
        "typo": "provider = test\nclient_id = x\nho|ts = localhost\n",
        "down": {"grant": "client_credentials", "client_secret": "x", "token_endpoint":
                 w.server.url + "/down"},
        "old": {"refresh_token_lifetime": "90d"},
        "told": {},
        "secret": {"client_secret_expires": in_days(2)},
        "pair": {"grant": "client_credentials", "scope": "https://mail.example/.default"},
    })
    os.makedirs(h.config_dir, exist_ok=True)
    h.accounts["pair"]["client_certificate"] = h.secret_file("pair.pem", pair)
    h.start()
    for name in ("ok", "old", "secret", "full", "told"):
        extra = {"refresh_token_expires_in": 8 * DAY} if name == "told" else {}
        assert h.store(name, w.server.issue(name), **extra)["status"] == "ok"
    aged(w, h, "old", 80.5)
    assert h.token("down")["status"] == "temporary"
    assert h.token("pair")["status"] == "ok", h.log()
    wait_for(lambda: h.state("pair"), what="its token on the disk")
    os.chmod(h.state_dir, 0o500)
    h.store("full", w.server.issue("full"))
    status, text, figures, rest = check(h)
    os.chmod(h.state_dir, 0o700)
    found = {}
    for line in rest:
        match = re.fullmatch(r"\[(warning|critical)\] (\w+): (.+); (.+)", line)
        assert match and match[2] not in found, line
        found[match[2]] = match.groups()
    expected = {
        "nobody": ("critical", "nobody has signed in", 'run "sasl-bearer login nobody"'),
        "typo": ("critical", ":3: unknown name \"ho/ts\"", "reload sasl-bearerd"),
        "down": ("critical", "503", 'run "sasl-bearer doctor down"'),
        "old": ("warning", "the sign-in expires in 9 days", 'run "sasl-bearer login old"'),
        "secret": ("critical", "expires in", "make a new secret"),
        "pair": ("warning", "the certificate of the application expires in 9 days",
                 "give the provider a new certificate"),
        "full": ("critical", "the disk refuses the tokens", "make room on the disk"),
    }
    assert set(found) == set(expected), (rest, h.list())
    for name, (severity, reason, remedy) in expected.items():
        assert found[name][0] == severity, (name, found[name])
        line = "; ".join(found[name][2:])
        assert reason in line and remedy in line, (name, found[name])
    assert status == CRITICAL and "7 problems, 9 accounts: " in text, text
    for what in ("login_required", "config", "no_token", "unsaved"):
        assert figures[what][0] == 1, (what, figures)
    assert figures["days_to_expiry"][0] < 2.1, figures
    assert int(h.list()["told"]["grant_expires_at"]) > time.time() + 7 * DAY
    assert check(h, "pair")[0] == WARNING and check(h, "ok")[0] == OK


@tap.promise
def recovers(w):
    "what is mended is no problem any more, without a restart"
    assert w.sick.store("nobody", w.server.issue("nobody"))["status"] == "ok"
    assert w.sick.store("full", w.server.issue("full"))["status"] == "ok"
    w.sick.accounts["secret"]["client_secret_expires"] = in_days(700)
    w.sick.reload()
    assert w.sick.token("down")["status"] == "temporary"        # a reload has it tried again
    for name in ("nobody", "full", "secret"):
        assert check(w.sick, name)[0] == OK, check(w.sick, name)


@tap.promise
def unknown(w):
    "what cannot be checked is UNKNOWN, on the standard output: the helper is down, wrong words"
    for words in (["--warning", "soon"], ["--warning", "1d", "--critical", "2d"], ["--wat"],
                  ["a", "b"], ["nobody-of-this-name"], ["--socket", "/nonexistent"]):
        status, text, _, rest = check(w.healthy, *words)
        assert (status, rest) == (UNKNOWN, []), (words, text)
    assert "start sasl-bearerd" in text or "start it with" in text, text


@tap.promise
def who_sees_what(w):
    "root and the helper's own user check all accounts, others theirs; who sees none is told"
    tap.need(os.geteuid() == 0, "uid 0")
    w.healthy.accounts["alice"]["allow"] = "bin"
    assert w.healthy.reload()["status"] == "ok"
    assert check(w.healthy)[2]["accounts"][0] == 2
    for uid, count in (("daemon", 2), ("bin", 1), ("nobody", None)):
        done = w.env.run([built("sasl-bearer"), "--system", "--socket", w.healthy.socket, "check"],
                         uid=uid)
        if count is None:
            assert done.rc == UNKNOWN and "check as root" in done.stdout, done
        else:
            assert done.rc == OK and f" {count} account" in done.stdout, done


@tap.promise
def as_json(w):
    "check --json: the same, for scripts; the exit status too"
    done = w.sick.cli("check", "--json")
    value = json.loads(done.stdout)
    assert done.rc == CRITICAL and value["status"] == "critical", done
    assert value["accounts"] == 9 and value["next_expiry"] > time.time(), value
    by_account = {p["account"]: p for p in value["problems"]}
    assert set(by_account) == {"typo", "down", "old", "pair"}, by_account
    assert by_account["old"]["what"] == "grant_expires"
    assert all(set(p) == {"account", "severity", "what", "text", "remedy", "at"}
               for p in value["problems"]), value
    done = w.sick.cli("--socket", "/nonexistent", "check", "--json")
    assert done.rc == UNKNOWN and not done.stdout and "sasl-bearer: no answer" in done.stderr, done


@tap.promise
def metrics(w):
    "metrics are in Prometheus' format and agree with list"
    done = w.sick.cli("metrics")
    assert done.rc == 0 and not done.stderr, done
    found = parse_metrics(done.stdout)
    listed = w.sick.list()
    assert found["sasl_bearer_up"] == {frozenset(): 1}
    states = found["sasl_bearer_account_state"]
    assert len(states) == len(listed) * len(STATES)
    for name, account in listed.items():
        for state in STATES:
            assert states[labels(account=name, state=state)] == (account["state"] == state)
    for metric, attribute in (("token_expires_timestamp_seconds", "expires_at"),
                              ("grant_expires_timestamp_seconds", "grant_expires_at"),
                              ("client_secret_expires_timestamp_seconds",
                               "client_secret_expires_at"),
                              ("certificate_expires_timestamp_seconds", "certificate_expires_at"),
                              ("refresh_token_age_seconds", "refresh_token_age"),
                              ("last_used_timestamp_seconds", "last_used")):
        values = found["sasl_bearer_" + metric]
        assert {dict(key)["account"] for key in values} == \
            {name for name, account in listed.items() if attribute in account}, metric
        for key, value in values.items():
            assert abs(value - int(listed[dict(key)["account"]][attribute])) < 30, (metric, key)
    problems = found["sasl_bearer_problem"]
    assert {dict(key)["what"] for key in problems} == PROBLEMS
    assert problems[labels(account="down", what="no_token")] == 2
    assert problems[labels(account="old", what="grant_expires")] == 1
    assert problems[labels(account="ok", what="grant_expires")] == 0
    assert found["sasl_bearer_store_degraded"][labels(account="full")] == 0


@tap.promise
def metrics_down(w):
    "with no helper metrics say up 0 and exit 0, so that the file says so as well"
    path = os.path.join(w.env.mkdir("textfile"), "sasl-bearer.prom")
    done = w.healthy.cli("--socket", "/nonexistent", "metrics", "--output", path)
    assert done.rc == 0 and not done.stdout and "no answer from the helper" in done.stderr, done
    with open(path, encoding="utf-8") as f:
        assert parse_metrics(f.read()) == {"sasl_bearer_up": {frozenset(): 0}}


@tap.promise
def metrics_file(w):
    "--output replaces the file whole, for all to read; where it cannot the old one stays"
    path = os.path.join(w.env.mkdir("replaced"), "sasl-bearer.prom")
    assert w.healthy.cli("--socket", "/nonexistent", "metrics", "--output", path).rc == 0
    old = os.open(path, os.O_RDONLY)
    assert w.healthy.cli("metrics", "--output", path).rc == 0
    with open(path, encoding="utf-8") as f:
        text = f.read()
    assert parse_metrics(text)["sasl_bearer_up"] == {frozenset(): 1}
    assert os.stat(path).st_mode & 0o7777 == 0o644
    assert os.stat(path).st_ino != os.fstat(old).st_ino, "written in place"
    with os.fdopen(old, encoding="utf-8") as f:
        assert "sasl_bearer_up 0" in f.read(), "who reads the old one goes on with it"
    done = w.healthy.cli("metrics", "--output", path, uid="nobody")
    assert done.rc == 73 and "cannot write" in done.stderr, done
    os.unlink(path)
    os.mkdir(path)          # a rename that fails
    done = w.healthy.cli("metrics", "--output", path)
    assert done.rc == 73, done
    assert os.listdir(os.path.dirname(path)) == ["sasl-bearer.prom"], "a temporary file is left"


@tap.promise
def shipped_rules(w):
    "the alert rules name only metrics and labels that there are, with the severities of check"
    tap.need(yaml, "python3-yaml")
    found = parse_metrics(w.sick.cli("metrics").stdout)
    path = os.path.join(SRCDIR, "contrib/prometheus/sasl-bearer.rules.yml")
    with open(path, encoding="utf-8") as f:
        groups = yaml.safe_load(f)["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    named = set()
    for rule in rules:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}, rule
        names = set(re.findall(r"\bsasl_bearer_\w+", rule["expr"]))
        named |= names
        assert names <= set(found), names - set(found)
        for name, pairs in re.findall(r"(sasl_bearer_\w+)\{(.*?)\}", rule["expr"]):
            for label, _, value in re.findall(r'(\w+)(=~?)"(.*?)"', pairs):
                known = {dict(key).get(label) for key in found[name]}
                assert set(value.split("|")) <= known, (rule["alert"], label, value)
    assert "sasl_bearer_up" in named and len(rules) >= 4
    alerts = [(what, SEVERITIES[int(value)], rule["labels"]["severity"]) for rule in rules
              for whats, value in re.findall(r'\{what=~?"(.*?)"\} == (\d)$', rule["expr"])
              for what in whats.split("|")]
    assert all(value == severity for _, value, severity in alerts), alerts
    assert len(alerts) == len(set(alerts)), "two alerts for one problem"
    with open(os.path.join(SRCDIR, "doc/MONITORING.md"), encoding="utf-8") as f:
        table = re.findall(r"^\| `(\w+)` \| (warning|critical|warning, critical) \|", f.read(), re.M)
    told = {(what, severity) for what, severities in table for severity in severities.split(", ")}
    assert {what for what, _ in told} == PROBLEMS, table
    assert {alert[:2] for alert in alerts} == told, "check, its documentation and the rules differ"
    said = {(p["what"], p["severity"]) for p in json.loads(w.sick.cli("check", "--json").stdout)[
        "problems"]}
    assert len(said) > 3 and said <= told, said - told


@tap.promise
def shipped_commands(w):
    "the commands for Nagios and Icinga work, and sudo allows those, word for word, or asks nobody"
    found, allowed = [], set()
    for name in ("contrib/nagios/sasl-bearer.cfg", "contrib/nagios/icinga2.conf",
                 "doc/MONITORING.md"):
        with open(os.path.join(SRCDIR, name), encoding="utf-8") as f:
            text = f.read()
        allowed |= set(re.findall(r"ALL=\((.*)\) NOPASSWD: (.*)$", text, re.M))
        found += re.findall(r"(?:command_line|^#\s*command\[\w+\]=)\s*(/usr/bin/sudo .*)$", text,
                            re.M)
        found += [" ".join(re.findall(r'"(.*?)"', block))
                  for block in re.findall(r"command = \[(.*?)\]", text, re.S)]
    [(user, command)] = allowed
    assert len(found) == 3 and set(found) == {f"/usr/bin/sudo -n -u {user} {command}"}, found
    program, *words = command.split()
    done = w.env.run([built(os.path.basename(program)), "--socket", w.healthy.socket, *words])
    assert done.rc == OK and "*" not in command, (command, done)


@tap.promise
def told(w):
    "notify_command is told of a problem, as the helper's user, with nothing of its own business"
    wait_for(lambda: w.told("teller"), 20, "the command")
    first = w.told("teller")[0]
    left = first.pop("left")
    assert first == {"event": "problem", "problem": "login_required", "account": "alice",
                     "user": "alice", "severity": "critical", "reason": first["reason"],
                     "remedy": 'run "sasl-bearer login alice"', "at": first["at"]}, first
    assert "nobody has signed in" in first["reason"] and abs(int(first["at"]) - time.time()) < 60
    if os.geteuid() == 0:
        assert left[0] == str(identity("daemon")["user"]), left
    assert left[1:] == ["/", "env="], left


@tap.promise
def repeated(w):
    "it is told again after notify_repeat, and of nothing else"
    wait_for(lambda: len(w.told("teller")) >= 2, 20, "a repetition")
    assert {(m["account"], m["problem"], m["event"]) for m in w.told("teller")} == \
        {("alice", "login_required", "problem")}, w.told("teller")


@tap.promise
def over(w):
    "it is told when that is over, once"
    assert w.teller.store("alice", w.server.issue("alice"))["status"] == "ok"
    wait_for(lambda: w.told("teller")[-1]["event"] == "recovered", 20, "the end")
    last = w.told("teller")[-1]
    del last["left"]
    assert last == {"event": "recovered", "problem": "login_required", "account": "alice",
                    "user": "alice"}, last
    w.teller.wait_log("told of login_required, which is over")
    assert sum(m["event"] == "recovered" for m in w.told("teller")) == 1


@tap.promise
def fails(w):
    "a command that fails is logged with its last words, and stops nothing"
    w.bad.wait_log('notify_command ended with status 3: no route; nobody was told of '
                   'login_required', 20)
    assert w.bad.store("alice", w.server.issue("alice"))["status"] == "ok"
    assert w.bad.token("alice")["status"] == "ok"
    assert w.bad.stop() == 0


@tap.promise
def hangs(w):
    "a command that hangs holds up neither tokens nor the helper's end"
    wait_for(lambda: os.path.exists(os.path.join(w.drop, "hung")), 20, "the command")
    assert w.hung.store("alice", w.server.issue("alice"))["status"] == "ok"
    assert w.hung.token("alice")["status"] == "ok"
    assert w.hung.stop(timeout=10) == 0, "it was killed"
    assert "not everything has ended" not in w.hung.log()
    assert "stopping" in w.hung.log()


@tap.promise
def patient(w):
    "what has not lasted notify_delay is not told"
    assert w.slow.list()["alice"]["state"] == "login_required"
    assert w.told("teller"), "the one without a delay has been told"
    assert not w.told("slow")
    assert w.slow.stop() == 0


@tap.promise
def only_the_file_says(w):
    "notify_command is taken from sasl-bearer.conf, also after a reload; a path that is none is refused"
    w.healthy.settings["notify_command"] = "sendmail root"
    done = w.healthy.check()
    assert done.rc == 78 and "notify_command is not /PATH" in done.stderr, done
    w.healthy.settings.update(notify_command=[w.record, os.path.join(w.drop, "reloaded")],
                              notify_delay="0s")
    w.healthy.accounts["carol"] = {}
    assert w.healthy.reload()["status"] == "ok"
    wait_for(lambda: w.told("reloaded"), 20, "the command")
    assert w.told("reloaded")[0]["account"] == "carol"


@tap.promise
def journal_words():
    "sasl-bearerd(8) has every word of SASL_BEARER_EVENT, and no other"
    words = {"denied", "login_required", "config", "temporary"}     # by the status
    for path in glob.glob(os.path.join(SRCDIR, "helper/daemon/*.c")):
        with open(path, encoding="utf-8") as f:
            words |= set(re.findall(r'account_log\(\s*\S+, LEVEL_\w+, "(\w+)",', f.read()))
    with open(os.path.join(SRCDIR, "man/sasl-bearerd.8"), encoding="utf-8") as f:
        page = f.read()
    listed = re.search(r"^\.It Li SASL_BEARER_EVENT\n(.*?)^\.El", page, re.M | re.S)[1]
    found = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"^\.Li (.*)$", listed, re.M))))
    assert len(words) > 15 and found == words, found ^ words


@tap.promise
def journal_fields(w):
    "under systemd a line goes to the journal, with the account and what it is about as fields"
    tap.need(os.geteuid() == 0 and w.env.can_mount(), "mounts of one's own")
    run = w.env.mkdir("run")
    where = os.path.join(w.env.mkdir("run/systemd/journal"), "socket")
    h = Helper(w.env, w.server, {"alice": {"allow": "daemon"}},
               wrapper=["unshare", "-m", "sh", "-c", f'mount --bind {run} /run && exec "$@"', "-"])
    log = w.env.path(h.name + ".log")
    with open(log, "ab") as f:
        st = os.fstat(f.fileno())
    h.environment["JOURNAL_STREAM"] = f"{st.st_dev}:{st.st_ino}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(where)
        os.chmod(where, 0o666)
        journal.settimeout(10)
        h.start()
        h.store("alice", w.server.issue("alice"))
        h.token("alice", uid="bin")
        h.token("alice", host="elsewhere.example", uid="daemon")
        entries = []
        while not any(e.get("SASL_BEARER_EVENT") == "denied" for e in entries):
            text = journal.recv(65536).decode()
            entries.append(dict(line.split("=", 1) for line in text.splitlines()))
    assert all(e["SYSLOG_IDENTIFIER"] == "sasl-bearerd" for e in entries)
    stored = next(e for e in entries if e.get("SASL_BEARER_EVENT") == "stored")
    assert stored == {
        "MESSAGE": 'account "alice": a sign-in was stored', "PRIORITY": "6",
        "SYSLOG_FACILITY": "2",
        "SYSLOG_IDENTIFIER": "sasl-bearerd", "SASL_BEARER_ACCOUNT": "alice",
        "SASL_BEARER_USER": "alice", "SASL_BEARER_EVENT": "stored", "SASL_BEARER_STATE": "fresh",
        "SASL_BEARER_TOKEN_ID": h.list()["alice"]["token_id"]}, stored
    assert any(e["MESSAGE"].startswith("ready, ") for e in entries), entries
    assert "a sign-in was stored" not in h.log(), "a line is there twice"
    h.stop()


tap.main(World, timeout=240)
