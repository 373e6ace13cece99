#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""recipes - every account file and command that the documentation shows

An account file is a block ```conf of a Markdown file, or a literal block of
sasl-bearer.conf(5), with a key of accounts in it.
"""

import collections
import glob
import json
import os
import re
import subprocess
import sys
import textwrap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import SRCDIR
from helper import Helper

Block = collections.namedtuple("Block", "where text")
ACCOUNT = re.compile(r"^(provider|issuer|token_endpoint|grant) = ", re.M)

MARKDOWN = sorted([os.path.join(SRCDIR, "README.md"), *glob.glob(os.path.join(SRCDIR, "doc/*.md"))])
MANUALS = sorted(glob.glob(os.path.join(SRCDIR, "man/*.[1-8]")))
EXAMPLE_ID = "01234567-89ab-cdef-0123-456789abcdef"
GUID = r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"

# what a platform with a federated credential sets
AZURE = {"AZURE_TENANT_ID": "contoso.com", "AZURE_CLIENT_ID": EXAMPLE_ID}

# every way to a token, and the line of an account file that tells it
WAYS = {
    "sign-in of a person": r"provider = microsoft\n(?!(?s:.*)^grant)",
    "secret": r"grant = client_credentials\n(?s:.*)^client_secret_file = |"
              r"^client_secret_file = (?s:.*)grant = client_credentials",
    "certificate": r"client_certificate = ",
    "assertion of a platform": r"assertion_file = ",
    "managed identity": r"grant = managed_identity",
    "service account": r"user = \*@(?s:.*)grant = jwt_bearer",
    "many mailboxes": r"mailboxes_file = ",
    "command": r"grant = command",
    "file": r"grant = file",
}


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def fenced(path, language):
    """The blocks of one language in a Markdown file."""
    text = read(path)
    return [Block(f"{os.path.basename(path)}:{text.count(chr(10), 0, m.start()) + 1}",
                  textwrap.dedent(m[2]))
            for m in re.finditer(rf"^( *)```{language}\n(.*?)^\1```$", text, re.S | re.M)]


def literal(path):
    """The literal blocks of a manual page that are account files."""
    text = read(path)
    found = [Block(f"{os.path.basename(path)}:{text.count(chr(10), 0, m.start()) + 1}",
                   m[1].replace("\\e", "\\"))
             for m in re.finditer(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", text, re.S | re.M)]
    return [block for block in found if ACCOUNT.search(block.text)]


def accounts_of_manual():
    return literal(os.path.join(SRCDIR, "man/sasl-bearer.conf.5"))


def accounts():
    return accounts_of_manual() + [b for path in MARKDOWN for b in fenced(path, "conf")
                                   if ACCOUNT.search(b.text)]


class Kitchen:
    """A helper that finds the shipped providers, and files to put into accounts."""

    def __init__(self, env):
        self.env = env
        self.helper = Helper(env, settings={"providers_dir": env.mkdir("shipped")})
        for path in glob.glob(os.path.join(SRCDIR, "providers/*.conf")):
            env.write("shipped/" + os.path.basename(path), read(path))
        self.helper.write_config()
        key, certificate = env.path("made.key"), env.path("made.crt")
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "365",
                     "-subj", "/CN=test", "-keyout", key, "-out", certificate)
        self.key, self.certificate = read(key), read(certificate)

    @staticmethod
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    def content(self, key, account):
        """What the file that a key names has in it."""
        if key == "client_certificate":
            own = "client_key" in account
            return self.certificate if own else self.key + self.certificate
        if key == "client_key":
            return self.service_account() if "jwt_bearer" in account else self.key
        if key == "mailboxes_file":
            return "alice@contoso.com\nbob@contoso.com\n"
        return "0123456789.abcdef.0123456789\n"

    def service_account(self):
        return json.dumps({
            "type": "service_account", "private_key_id": "0123456789abcdef",
            "private_key": self.key, "client_email": "mail@project.iam.gserviceaccount.com",
            "client_id": "101234567890", "token_uri": "https://oauth2.googleapis.com/token"})

    def fill(self, text):
        """An account file with paths that exist here, and no placeholder."""
        def place(match):
            name = os.path.basename(match[2])
            return match[1] + self.helper.secret_file(name, self.content(match[1].split()[0], text))
        text = re.sub(r"^((?:client_(?:key|certificate|secret_file|key_password_file)|assertion_file|"
                      r"token_file|mailboxes_file|ca_file) = )(/\S+)", place, text, flags=re.M)
        text = re.sub(r"\b[A-Z]+_ID_HERE\b", EXAMPLE_ID, text)
        assert not re.search(r"= /etc/sasl-bearer", text), text
        return text

    def check(self, text):
        self.helper.accounts = {"recipe": text}
        token = self.helper.secret_file("federated", self.content("assertion_file", text))
        self.helper.environment = {**AZURE, "AZURE_FEDERATED_TOKEN_FILE": token}
        return self.helper.check()


@tap.promise
def all_load(kitchen):
    "every account file of the documentation passes --check, once its files are there"
    blocks = accounts()
    assert len(blocks) > 25, [b.where for b in blocks]
    for block in blocks:
        done = kitchen.check(kitchen.fill(block.text))
        assert done.rc == 0, (block, done)


def changed(text, cell):
    """Account files that a row of README's table makes of another one."""
    gone = re.findall(r"`([a-z_]+)`", re.split(r"\bwithout |\bfor ", cell, maxsplit=1)[-1])
    for choice in cell.split("<br>or "):
        keys = dict(line.split(" = ", 1) for line in text.splitlines())
        for key in gone:
            del keys[key]
        keys.update(re.findall(r"`([a-z_]+) = ([^`]+)`", choice))
        yield "".join(f"{key} = {value}\n" for key, value in keys.items())


@tap.promise
def changes_load(kitchen):
    "so does the relay's account of README with the changes that its table names"
    readme = os.path.join(SRCDIR, "README.md")
    relay, = fenced(readme, "conf")
    rows = re.findall(r"^\| ([^|`]+) \| (`[a-z_]+ = [^|]+) \|", read(readme), re.M)
    assert len(rows) > 7, rows
    for way, cell in rows:
        for text in changed(relay.text, cell):
            assert text != relay.text, way
            done = kitchen.check(kitchen.fill(text))
            assert done.rc == 0, (way, text, done)


@tap.promise
def placeholders_are_found(kitchen):
    "a word such as CLIENT_ID_HERE that was forgotten is pointed at"
    blocks = [b for b in accounts() if "_HERE" in b.text]
    assert blocks
    for block in blocks:
        done = kitchen.check(kitchen.fill(block.text.replace("CLIENT_ID_HERE", "@@"))
                             .replace("@@", "CLIENT_ID_HERE"))
        assert done.rc == 78, (block, done)
        assert "client_id is still a placeholder" in done.stderr, (block, done)


@tap.promise
def every_way_is_shown():
    "each way to a token has an account file in sasl-bearer.conf(5), and one in Markdown"
    manual = [b.text for b in accounts_of_manual()]
    markdown = [b.text for path in MARKDOWN for b in fenced(path, "conf")]
    for way, pattern in WAYS.items():
        for name, texts in (("the manual", manual), ("Markdown", markdown)):
            assert any(re.search(pattern, text, re.M) for text in texts), f"{way} is not in {name}"


@tap.promise
def certificates_are_made(kitchen):
    "the commands of EXCHANGE.md make a key and a certificate, and renew them"
    if os.geteuid() != 0:
        tap.skip("they chown")
    blocks = [b for b in fenced(os.path.join(SRCDIR, "doc/EXCHANGE.md"), "sh")
              if "openssl req" in b.text]
    assert len(blocks) == 1, blocks
    where = kitchen.helper.config_dir
    script = blocks[0].text.replace("/etc/sasl-bearer", where)
    script = script.replace("root:sasl-bearer", f"root:{kitchen.helper.run_as}")
    account = next(b for b in accounts() if b.where.startswith("EXCHANGE.md") and "relay.pem" in b.text)
    account = account.text.replace("/etc/sasl-bearer", where).replace("CLIENT_ID_HERE", EXAMPLE_ID)
    for text in (script, script.replace("relay", "relay2") + "mv relay2.pem relay.pem\n"):
        done = kitchen.env.run(["/bin/sh", "-e"], input=text)
        assert done.rc == 0, done
        assert oct(os.stat(os.path.join(where, "relay.pem")).st_mode & 0o777) == "0o640"
        assert not os.path.exists(os.path.join(where, "relay.key"))
        done = kitchen.check(account)
        assert done.rc == 0, done
    public = [subprocess.run(["openssl", *words, "-in", os.path.join(where, "relay.pem")], check=True,
                             capture_output=True).stdout
              for words in (["pkey", "-pubout"], ["x509", "-noout", "-pubkey"])]
    assert public[0] == public[1]


@tap.promise
def options_exist():
    "every option of sasl-bearer in a recipe is in sasl-bearer(1)"
    manual = read(os.path.join(SRCDIR, "man/sasl-bearer.1"))
    known = {"--" + name for line in re.findall(r"^\.(?:It|Op) Fl (.*)$", manual, re.M)
             for name in re.findall(r"(?:^| )-([a-z-]+)", line)}
    assert len(known) > 12, known
    used = {}
    for path in MARKDOWN:
        text = re.sub(r"\\\n\s*", "", read(path))
        for line in re.findall(r"sasl-bearer (?:login|logout|list|token|refresh)\b[^`\n]*", text):
            used.update({option: line for option in re.findall(r" (--[a-z-]+)", line)})
    assert len(used) > 5, used
    for option, line in used.items():
        assert option in known, (option, line)


@tap.promise
def links_lead_somewhere():
    "every link of the documentation to a file or heading of it leads there"
    for path in MARKDOWN:
        for target in re.findall(r"\]\(([^)\s]+)\)", read(path)):
            if target.startswith("https://"):
                continue
            name, _, anchor = target.partition("#")
            other = os.path.join(os.path.dirname(path), name) if name else path
            assert os.path.exists(other), (path, target)
            if anchor:
                titles = re.findall(r"^#+ (.*)$", read(other), re.M)
                slugs = [re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in titles]
                assert anchor in slugs, (path, target, slugs)


@tap.promise
def no_ids_of_others():
    "the only GUID in the documentation is the example's"
    for path in MARKDOWN + MANUALS:
        for guid in re.findall(GUID, read(path)):
            assert guid == EXAMPLE_ID, (path, guid)


@tap.promise
def providers_are_listed():
    "the manual and PROVIDERS.md have every provider; it tells where something is not verified"
    table = dict(re.findall(r"^\| `([\w-]+)` \|(.*)\|$",
                            read(os.path.join(SRCDIR, "doc/PROVIDERS.md")), re.M))
    files = {os.path.basename(path).removesuffix(".conf"): read(path)
             for path in glob.glob(os.path.join(SRCDIR, "providers/*.conf"))}
    assert set(table) == set(files), set(table) ^ set(files)
    manual = read(os.path.join(SRCDIR, "man/sasl-bearer.conf.5")).partition(".Sh PROVIDERS")[2]
    words = " ".join(re.findall(r"^\.Li (.*)$", manual, re.M)).split()
    assert set(files) <= set(words), set(files) - set(words)
    for name, text in files.items():
        unsure = bool(re.search(r"^#.*not verified:", text, re.M))
        assert unsure == ("Not verified" in table[name]), name


tap.main(Kitchen, programs=["openssl"])
