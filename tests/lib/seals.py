# SPDX-License-Identifier: MIT
"""seals - sealed state files, read and made by what sasl-bearer-protocol(7) says alone

AES is openssl's, one block or a counter at a time; the rest of GCM, NIST SP 800-38D,
is here.  Nothing of the daemon's is used.
"""

import base64
import hashlib
import hmac
import os
import subprocess

R = 0xe1 << 120         # of the field that GHASH computes in


class Broken(Exception):
    """A seal that does not open with this key."""


def new_key():
    """A key as a file holds it, without the line feed."""
    return os.urandom(32).hex()


def key_id(key):
    """The id that files name a key by."""
    return hashlib.sha256(b"sasl-bearer state key" + bytes.fromhex(key)).hexdigest()[:8]


def aes(mode, key, data, *options):
    command = ["openssl", "enc", "-aes-256-" + mode, "-nopad", "-K", key, *options]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def multiply(x, y):
    z = 0
    for i in reversed(range(128)):
        if x >> i & 1:
            z ^= y
        y = y >> 1 ^ (R if y & 1 else 0)
    return z


def make_tag(key, nonce, data, ciphertext):
    """The tag of GCM."""
    h = int.from_bytes(aes("ecb", key, bytes(16)), "big")
    lengths = (8 * len(data)).to_bytes(8, "big") + (8 * len(ciphertext)).to_bytes(8, "big")
    whole = b"".join(part + bytes(-len(part) % 16) for part in (data, ciphertext)) + lengths
    y = 0
    for i in range(0, len(whole), 16):
        y = multiply(y ^ int.from_bytes(whole[i:i + 16], "big"), h)
    mask = int.from_bytes(aes("ecb", key, nonce + b"\0\0\0\1"), "big")
    return (y ^ mask).to_bytes(16, "big")


def crypt(key, nonce, text):
    return aes("ctr", key, text, "-iv", nonce.hex() + "00000002")


def attributes(message):
    """A message as {name: value}; its form is checked."""
    lines = message.decode().split("\n")
    assert lines[0].startswith("protocol=") and lines[-2:] == ["", ""] and "" not in lines[:-2], message
    pairs = [line.partition("=") for line in lines[:-2]]
    return {name: value for name, _, value in pairs}


def associated(name, config_id):
    return b"\0".join([b"v1", name.encode(), config_id.encode()])


def unseal(seal, key, name, config_id=""):
    """What is in a seal; Broken when the key does not fit."""
    version, kid, body = seal.split(":")
    assert version == "v1", version
    if kid != key_id(key):
        raise Broken(f"sealed with {kid}")
    raw = base64.b64decode(body, validate=True)
    nonce, ciphertext, tag = raw[:12], raw[12:-16], raw[-16:]
    if tag != make_tag(key, nonce, associated(name, config_id), ciphertext):
        raise Broken("the tag does not fit")
    return crypt(key, nonce, ciphertext)


def read(file, key, name):
    """The message in the bytes of a sealed file `name`; Broken when the key does not fit."""
    outer = attributes(file)
    assert set(outer) <= {"protocol", "config_id", "sealed"}, outer
    return unseal(outer["sealed"], key, name, outer.get("config_id", ""))


def answer_key(key, refresh_token):
    """The key for the answer to a request with that token, and the value of exchange."""
    exchange = hashlib.sha256(refresh_token.encode()).hexdigest()[:16]
    purpose = b"sasl-bearer answer " + exchange.encode()
    return hmac.digest(bytes.fromhex(key), purpose, "sha256").hex(), exchange


def read_answer(file, key, refresh_token):
    """The message in the bytes of a sealed file of an answer."""
    return unseal(file.decode("ascii"), *answer_key(key, refresh_token))


def write(message, key, name, nonce=None):
    """The bytes of a sealed file `name` that holds a message."""
    config_id = attributes(message).get("config_id", "")
    nonce = nonce or os.urandom(12)
    ciphertext = crypt(key, nonce, message)
    tag = make_tag(key, nonce, associated(name, config_id), ciphertext)
    body = base64.b64encode(nonce + ciphertext + tag).decode()
    line = f"config_id={config_id}\n" if config_id else ""
    return f"protocol=1\n{line}sealed=v1:{key_id(key)}:{body}\n\n".encode()
