# SPDX-License-Identifier: MIT
"""keys - the keys of applications, and what is signed with them, by the openssl command

Each function that makes a file returns its path; a file with a key has mode 0600.
Dates are datetime objects in UTC.
"""

import base64
import datetime
import json
import os
import subprocess
import tempfile

CA_CONFIG = """\
[ca]
default_ca = self
[self]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
"""
PSS = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32",
       "-sigopt", "rsa_mgf1_md:sha256")


def openssl(*args, cwd=None, ok=True):
    """Run openssl; returns its output as bytes.  ok=False: None when it failed."""
    done = subprocess.run(["openssl", *map(str, args)], cwd=cwd, capture_output=True,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode and ok:
        raise AssertionError(f"openssl {' '.join(map(str, args))}: {done.stderr.decode()}")
    return None if done.returncode else done.stdout


def private(path):
    os.chmod(path, 0o600)
    return path


def make_key(path, algorithm="RSA", *options):
    """A private key in PEM (PKCS#8), RSA of 2048 bits unless told otherwise.

    options  of genpkey -pkeyopt: "rsa_keygen_bits:1024", "ec_paramgen_curve:P-256"
    """
    words = [word for option in options for word in ("-pkeyopt", option)]
    openssl("genpkey", "-quiet", "-algorithm", algorithm, *words, "-out", path)
    return private(path)


def encrypt_key(key, path, password, *options):
    """The key in PEM under a password; options of pkcs8, for example "-v1", "PBE-SHA1-3DES"."""
    openssl("pkcs8", "-topk8", "-in", key, "-passout", f"pass:{password}", *options, "-out", path)
    return private(path)


def public_key(key, path):
    """The public half of a key in PEM."""
    openssl("pkey", "-in", key, "-pubout", "-out", path)
    return path


def make_certificate(key, path, start=None, end=None, name="application"):
    """A certificate that the key signed itself; from an hour ago, for 30 days."""
    now = datetime.datetime.now(datetime.timezone.utc)
    start, end = start or now - datetime.timedelta(hours=1), end or now + datetime.timedelta(days=30)
    key, path = os.path.abspath(key), os.path.abspath(path)
    with tempfile.TemporaryDirectory() as directory:
        for file, text in (("ca.cnf", CA_CONFIG), ("index.txt", "")):
            with open(os.path.join(directory, file), "w", encoding="ascii") as f:
                f.write(text)
        openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", "csr", cwd=directory)
        openssl("ca", "-batch", "-notext", "-selfsign", "-config", "ca.cnf", "-keyfile", key,
                "-in", "csr", "-startdate", f"{start:%Y%m%d%H%M%SZ}",
                "-enddate", f"{end:%Y%m%d%H%M%SZ}", "-out", path, cwd=directory)
    return path


def make_pkcs12(key, certificate, path, password="", *options):
    """Key and certificate (None: no certificate) in PKCS#12; options of pkcs12 -export."""
    source = ["-in", certificate] if certificate else ["-nocerts"]
    openssl("pkcs12", "-export", "-inkey", key, *source, "-passout", f"pass:{password}",
            *options, "-out", path)
    return private(path)


def service_account(key, path, **changes):
    """The JSON key file of a Google service account; None leaves a name out."""
    with open(key, encoding="ascii") as f:
        fields = {"type": "service_account", "project_id": "mail-relay",
                  "private_key_id": "0123456789abcdef0123456789abcdef01234567",
                  "private_key": f.read(),
                  "client_email": "relay@mail-relay.iam.gserviceaccount.com",
                  "client_id": "123456789012345678901",
                  "token_uri": "https://oauth2.googleapis.com/token", **changes}
    with open(path, "w", encoding="utf-8") as f:
        json.dump({name: value for name, value in fields.items() if value is not None}, f, indent=2)
    return private(path)


def base64url(data):
    """Bytes as RFC 7515 writes them."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text):
    """The bytes; padding or a character of the other alphabet is a failure."""
    assert not set(text) & set("+/=\n"), text
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def thumbprint(certificate, digest="sha256"):
    """base64url of the certificate's digest: what x5t#S256 (sha256) and x5t (sha1) are."""
    der = openssl("x509", "-in", certificate, "-outform", "DER")
    with tempfile.NamedTemporaryFile() as f:
        f.write(der)
        f.flush()
        return base64url(openssl("dgst", f"-{digest}", "-binary", f.name))


def jwt_verify(token, public):
    """Check an assertion's signature with a public key, a file in PEM.

    Returns (header, claims).  A wrong signature, and an algorithm that is neither PS256
    nor RS256, is a failure.
    """
    signed, _, signature = token.rpartition(".")
    header, claims = (json.loads(unbase64url(part)) for part in signed.split("."))
    padding = {"PS256": PSS, "RS256": ()}
    assert header.get("alg") in padding, header
    with tempfile.TemporaryDirectory() as directory:
        for name, data in (("text", signed.encode()), ("signature", unbase64url(signature))):
            with open(os.path.join(directory, name), "wb") as f:
                f.write(data)
        good = openssl("dgst", "-sha256", *padding[header["alg"]],
                       "-verify", os.path.abspath(public), "-signature", "signature", "text",
                       cwd=directory, ok=False)
    assert good is not None, f"the signature is wrong: {header} {claims}"
    return header, claims
