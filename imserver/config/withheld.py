"""What of a configuration nobody is shown: values of fields that are secrets by their names, and what looks like one in a text.

Only plugins know what their fields hold, so names decide, and rather too much is hidden than too little. What is shown are
values to be read by a person who has the file, in a report that may go to somebody who has not.
"""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "(hidden)"
#: Words of a name that make its value a secret.
_SECRET = frozenset({
    "auth", "authorization", "bearer", "cookie", "cred", "creds", "dsn", "jwt", "key", "keys", "otp", "pass", "passcode", "pem",
    "pin", "pw", "pwd", "salt", "seed", "signature", "totp", "webhook", "webhooks",
})  # fmt: skip
#: Within a word, too: `dbpassword`, `APIKEY2`.
_SECRET_PART = re.compile(
    r"secret|token|passw|passphrase|credential|(api|access|private|signing|encryption)_?-?key"
)
#: The last word of the name of something about a secret: where it lies, what it is called, how long it holds.
_ABOUT = frozenset({
    "bytes", "chars", "count", "dir", "file", "files", "folder", "id", "ids", "minutes", "ms", "name", "path", "s", "seconds",
    "ttl",
})  # fmt: skip
_NOT_SECRET = frozenset({"max", "min", "public"})
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])")

#: `https://user:password@host`, where a password may hold anything; and the same without a scheme.
_USERINFO = re.compile(r"(?<=://)\S+(?=@)|(?<![^\s'\"(\[/])[^\s:@/'\"(\[]+:(?!//)[^\s@]+(?=@)")
#: `password=word` in a connection string, `?token=…` in an address.
_ASSIGNED = re.compile(
    r"(?i)\b([\w-]*(?:secret|token|passw|passphrase|credential|api_?key|pwd)[\w-]*\s*=\s*)(?:\"[^\"]*\"|'[^']*'|[^\s&;,'\"]+)"
)
_PEM = re.compile(r"-----BEGIN[^-]*-----.*?(?:-----END[^-]*-----|\Z)", re.DOTALL)
#: A JSON Web Token: three base64url parts, the first of which begins a JSON object.
_TOKEN = re.compile(r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]*")


def is_secret(name: str) -> bool:
    """Whether a field of a plugin holds a secret, by its name."""
    words = [word.lower().rstrip("0123456789") for word in _WORDS.findall(name)]
    if not words or words[-1] in _ABOUT or words[0] in _NOT_SECRET:
        return False
    return not _SECRET.isdisjoint(words) or _SECRET_PART.search(name.lower()) is not None


def hidden(value: Any) -> Any:
    """The same shape with nothing in it. A switch tells nothing, and what is not set has no secret."""
    if value in (None, "") or isinstance(value, bool):
        return value
    if isinstance(value, dict):
        return {name: hidden(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(inner) for inner in value]
    return HIDDEN


def without_secrets(text: str) -> str:
    """A text without what looks like a secret, whoever's value it is."""
    text = _TOKEN.sub(HIDDEN, _PEM.sub(HIDDEN, text))
    return _ASSIGNED.sub(rf"\1{HIDDEN}", _USERINFO.sub(HIDDEN, text))
