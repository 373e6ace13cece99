#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""providers - the files in providers/: what they promise, and what is asked with them"""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import SRCDIR
from helper import Helper
from oauthd import OAuthServer, Reply

ME = str(os.geteuid())
SHIPPED = os.path.join(SRCDIR, "providers")
GUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

# the grants that each file has all it takes for
PERSON = ["refresh_token"]
CLOUD = ["refresh_token", "client_credentials", "managed_identity"]
CLAIMS = {
    "aol": PERSON, "comcast": PERSON, "fastmail": PERSON, "generic": PERSON,
    "google": ["refresh_token", "jwt_bearer"], "mailru": PERSON,
    "microsoft": CLOUD, "microsoft-china": CLOUD, "microsoft-dod": CLOUD,
    "microsoft-gcc-high": CLOUD, "microsoft-hve": ["client_credentials", "managed_identity"],
    "microsoft-personal": PERSON, "yahoo": PERSON, "yandex": PERSON,
}

# what a person is asked to consent to, for SMTP alone
WHO = "openid email profile offline_access "
SMTP_ONLY = {
    "aol": "mail-w", "comcast": "https://email.comcast.net/ profile openid",
    "fastmail": "https://www.fastmail.com/dev/protocol-smtp",
    "google": "https://mail.google.com/ openid email profile",
    "mailru": "userinfo mail.imap",
    "microsoft": WHO + "https://outlook.office.com/SMTP.Send",
    "microsoft-china": WHO + "https://partner.outlook.cn/SMTP.Send",
    "microsoft-dod": WHO + "https://outlook.office365.us/SMTP.Send",
    "microsoft-gcc-high": WHO + "https://outlook.office365.us/SMTP.Send",
    "microsoft-personal": WHO + "https://outlook.office.com/SMTP.Send",
    "yahoo": "mail-w", "yandex": "mail:smtp",
}

# what an application asks for, whatever the services
APP_SCOPE = {
    "microsoft": "https://outlook.office365.com/.default",
    "microsoft-china": "https://partner.outlook.cn/.default",
    "microsoft-dod": "https://outlook.office365.us/.default",
    "microsoft-gcc-high": "https://outlook.office365.us/.default",
    "microsoft-hve": "https://outlook.office.com/.default",
}

# mail servers that people are told to use
SERVERS = {
    "aol": "imap.aol.com smtp.aol.com", "comcast": "imap.comcast.net smtp.comcast.net",
    "fastmail": "imap.fastmail.com pop.fastmail.com smtp.fastmail.com",
    "google": "imap.gmail.com pop.gmail.com smtp.gmail.com",
    "mailru": "imap.mail.ru smtp.mail.ru",
    "microsoft": "outlook.office365.com smtp.office365.com smtp-mail.outlook.com",
    "microsoft-china": "partner.outlook.cn smtp.partner.outlook.cn",
    "microsoft-dod": "outlook-dod.office365.us",
    "microsoft-gcc-high": "outlook.office365.us smtp.office365.us",
    "microsoft-hve": "smtp.hve.mx.microsoft",
    "microsoft-personal": "outlook.office365.com smtp-mail.outlook.com",
    "yahoo": "imap.mail.yahoo.com smtp.mail.yahoo.com",
    "yandex": "imap.yandex.com smtp.yandex.com",
}


def text_of(name):
    with open(os.path.join(SHIPPED, name + ".conf"), encoding="utf-8") as f:
        return f.read()


def keys_of(name):
    """A file as {key: value}."""
    lines = [line.partition(" = ") for line in text_of(name).splitlines()
             if line and not line.startswith("#")]
    return {key: value for key, _, value in lines}


def shipped():
    return sorted(n.removesuffix(".conf") for n in os.listdir(SHIPPED) if n.endswith(".conf"))


def setup(env):
    """The shipped files, where the helper reads them."""
    server = OAuthServer(tls=env.tls()).start()
    helper = Helper(env, settings={"providers_dir": env.mkdir("shipped")})
    for name in shipped():
        env.write(f"shipped/{name}.conf", text_of(name))
    return env, server, helper


def account(helper, provider, grant):
    """An account that has what such a grant needs besides its provider."""
    keys = {"provider": provider, "grant": grant, "user": f"{grant}@example.com", "allow": ME,
            "tenant": "contoso.example"}
    if provider == "generic":
        keys |= {"issuer": "https://login.example.com", "hosts": "mail.example.com"}
    if grant == "client_credentials":
        keys["client_secret_file"] = helper.secret_file("app.secret", "secret")
    if grant == "jwt_bearer":
        keys["client_key"] = helper.secret_file("app.json", service_account())
    return keys


def service_account():
    """A key file as Google makes them."""
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA"], check=True,
                         capture_output=True, text=True).stdout
    return json.dumps({
        "type": "service_account", "private_key_id": "0123456789abcdef", "private_key": key,
        "client_email": "mail@project.iam.gserviceaccount.com", "client_id": "101234567890",
        "token_uri": "https://oauth2.googleapis.com/token"})


@tap.promise
def all_are_known():
    "every file is in this test and in the Makefile"
    assert shipped() == sorted(CLAIMS), set(shipped()) ^ set(CLAIMS)
    with open(os.path.join(SHIPPED, "Makefile.inc"), encoding="utf-8") as f:
        installed = re.findall(r"providers/([\w-]+)\.conf", f.read())
    assert sorted(installed) == shipped(), installed


@tap.promise
def passes_check(world):
    "an account of each grant that a provider claims passes --check"
    _, _, helper = world
    helper.accounts = {f"{name}.{grant}": account(helper, name, grant)
                       for name, grants in CLAIMS.items() for grant in grants}
    for key in helper.accounts.values():        # no two serve the same user
        key["user"] = f"{key['grant']}.{key['provider']}@example.com"
    done = helper.check()
    assert done.rc == 0, done
    assert not done.stderr, done.stderr


@tap.promise
def claims_are_whole():
    "a file has the keys of the grants it claims, and none of the others"
    for name, grants in CLAIMS.items():
        keys = keys_of(name)
        person = "authorization_endpoint" in keys or name == "generic"
        assert person == ("refresh_token" in grants), name
        assert ("scope_client_credentials" in keys) == ("client_credentials" in grants), name
        assert ("scope_jwt_bearer" in keys) == ("jwt_bearer" in grants), name
        for key in ("identity_endpoint", "identity_resource"):
            assert (key in keys) == ("managed_identity" in grants), (name, key)
        if name != "generic":
            assert keys.get("token_endpoint") and keys.get("hosts", "").split(), name


@tap.promise
def no_app_without_tenant(world):
    "an application at the tenant of all is refused, and the tenant asked for"
    _, _, helper = world
    for name in APP_SCOPE:
        keys = account(helper, name, "client_credentials")
        helper.accounts = {"app": {**keys, "tenant": None}}
        done = helper.check()
        assert done.rc == 78, (name, done)
        assert "needs tenant set to the directory's ID or domain" in done.stderr, (name, done)


@tap.promise
def says_what_it_is():
    "each file has a title, and says in one line what one must have"
    for name in shipped():
        keys = keys_of(name)
        for key in ("title", "needs"):
            assert 4 < len(keys[key]) < 120 and not keys[key].endswith("."), (name, keys[key])


@tap.promise
def urls_are_safe():
    "URLs are https, but for the metadata service and for redirects to loopback"
    seen = 0
    for name in shipped():
        for key, value in keys_of(name).items():
            if key == "identity_endpoint":
                assert value.startswith("http://169.254.169.254/metadata/"), (name, value)
            elif key == "redirect_uri":
                assert re.fullmatch(r"https?://(localhost|127\.0\.0\.1)/", value), (name, value)
            elif key.endswith("_endpoint") or key == "issuer":
                seen += 1
                assert re.fullmatch(r"https://[a-z0-9.]+/[A-Za-z0-9{}/._-]*", value), (name, value)
    assert seen > 30, seen


@tap.promise
def no_product_inside():
    "no file has a client id, a secret or a GUID"
    for name in shipped():
        assert not re.search(r"^\s*client_(id|secret)", text_of(name), re.M), name
        assert not re.search(GUID, text_of(name)), name
        assert not re.search(r"googleusercontent|\b(?=\w*\d)\w{24,}", text_of(name)), name


@tap.promise
def redirects():
    "Microsoft gets localhost, Google 127.0.0.1, for any port"
    for name in shipped():
        uri = keys_of(name).get("redirect_uri")
        if name.startswith("microsoft") and "refresh_token" in CLAIMS[name]:
            assert uri == "http://localhost/", (name, uri)
    assert keys_of("google")["redirect_uri"] == "http://127.0.0.1/"
    assert "prompt=consent" in keys_of("google")["authorization_query"].split("&")


@tap.promise
def revocation():
    "Google has a revocation endpoint, Microsoft has none"
    assert "revocation_endpoint" in keys_of("google")
    for name in shipped():
        assert not name.startswith("microsoft") or "revocation_endpoint" not in keys_of(name), name


@tap.promise
def no_device_code_at_google():
    "Google's file has no device endpoint: it refuses the mail scope there"
    assert "device_authorization_endpoint" not in keys_of("google")


def ask_device(helper, server, name):
    """Begin a sign-in by device code, and return what was asked for."""
    server.script("devicecode", Reply.error("invalid_request"))
    assert helper.cli("login", "--device", name).rc != 0
    return server.seen("devicecode")[-1]


@tap.promise
def asks_for_smtp_only(world):
    "an account for SMTP asks consent to SMTP, to neither IMAP nor POP"
    _, server, helper = world
    helper.accounts = {
        name: {"provider": name, "user": f"{name}@example.com", "services": "smtp", "allow": ME,
               "token_endpoint": server.endpoint("token"),
               "device_authorization_endpoint": server.endpoint("devicecode")}
        for name in SMTP_ONLY}
    helper.start()
    for name, scope in SMTP_ONLY.items():
        assert ask_device(helper, server, name).form["scope"] == scope, name
    assert helper.stop() == 0


@tap.promise
def asks_for_all(world):
    "an account for every service asks for the scopes of all"
    _, server, helper = world
    names = [name for name in SMTP_ONLY if "scope_smtp" in keys_of(name)]
    assert len(names) > 6, names
    helper.accounts = {
        name: {"provider": name, "user": f"{name}@example.com", "allow": ME,
               "token_endpoint": server.endpoint("token"),
               "device_authorization_endpoint": server.endpoint("devicecode")}
        for name in names}
    helper.start()
    for name in names:
        keys = keys_of(name)
        parts = [keys.get(key) for key in ("scope", "scope_imap", "scope_pop", "scope_smtp")]
        want = " ".join(part for part in parts if part)
        assert ask_device(helper, server, name).form["scope"] == want, name
    assert helper.stop() == 0


@tap.promise
def application(world):
    "an application asks for its own scope at its own tenant, for the shipped hosts"
    env, server, helper = world
    origin = server.endpoint("token").split("/")[2]
    helper.accounts = {}
    for name in APP_SCOPE:
        local = re.sub(r"(token_endpoint = https://)[^/]+", rf"\g<1>{origin}", text_of(name))
        env.write(f"shipped/local-{name}.conf", local)
        keys = account(helper, "local-" + name, "client_credentials")
        helper.accounts[name] = {**keys, "user": f"{name}@example.com", "services": "smtp"}
    helper.start()
    for name, scope in APP_SCOPE.items():
        for host in keys_of(name)["hosts"].split():
            reply = helper.token(f"{name}@example.com", service="smtp", host=host)
            assert reply["status"] == "ok", (name, host, reply)
        assert helper.token(f"{name}@example.com", service="smtp",
                            host="mail.example.com")["status"] == "denied", name
        asked = server.seen("token")[-1]
        assert asked.path == "/contoso.example/oauth2/v2.0/token", asked.path
        assert asked.form["scope"] == scope, asked.form
    assert helper.stop() == 0
    for name in APP_SCOPE:
        os.unlink(env.path(f"shipped/local-{name}.conf"))


@tap.promise
def mail_servers():
    "the mail servers that people are told to use are there"
    assert set(SERVERS) == set(CLAIMS) - {"generic"}
    for name, servers in SERVERS.items():
        assert set(servers.split()) <= set(keys_of(name)["hosts"].split()), name


@tap.promise
def servers_of_services():
    "each file names a server for each service it has a host for, with its port"
    ports = {"imap": {"993"}, "pop": {"995"}, "smtp": {"465", "587"}}
    for name in shipped():
        keys = keys_of(name)
        for service, known in ports.items():
            server = keys.get(f"{service}_server", "")
            if any(host.startswith(service + ".") for host in keys.get("hosts", "").split()):
                assert server, (name, service)
            assert not server or server.rpartition(":")[2] in known, (name, server)
        if name.startswith("microsoft") and name != "microsoft-hve":
            assert all(f"{service}_server" in keys for service in ports), name


@tap.promise
def high_volume():
    "High Volume Email gets tokens that live on for more than ten minutes"
    validity = re.fullmatch(r"(\d+)s", keys_of("microsoft-hve")["min_validity"])
    assert int(validity[1]) >= 600, validity
    for name in shipped():
        assert name == "microsoft-hve" or "min_validity" not in keys_of(name), name


@tap.promise
def list_has_all(world):
    "login --provider list names every provider"
    _, _, helper = world
    helper.accounts = {}
    helper.write_config()
    done = helper.cli("login", "--provider", "list")
    assert done.rc == 0, done
    for name in shipped():
        assert re.search(rf"^{name}: ", done.stdout, re.M), (name, done.stdout)


tap.main(setup, programs=["openssl"])
