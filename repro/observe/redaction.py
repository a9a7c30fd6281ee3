"""Masks secrets before anything leaves the process.

Known by the name of their key, by their shape, or as the value of a secret environment variable.
"""

import os
import re
from urllib.parse import urlsplit, urlunsplit

MASK = "<redacted>"

SECRET_NAME = re.compile(
    r"(^|[._-])(passw(or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth|credentials?)($|[._-])",
    re.IGNORECASE,
)
SECRET_SHAPE = re.compile(
    r"(?<![A-Za-z0-9])("  # the end of a word is no beginning: task-specific...
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|hf_[A-Za-z0-9]{20,}"
    r"|sk-[A-Za-z0-9_-]{20,}|xox[abprs]-[\w-]{10,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----)"
)
CREDENTIALS = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")
SECRET_CHARACTERS = 12  # a shorter value of a variable may be a word, such as `postgres`


def is_secret_name(name: str) -> bool:
    """Whether a key of this name holds a secret.

    >>> is_secret_name("db.password"), is_secret_name("n_tokens"), is_secret_name("hf-token")
    (True, False, True)
    """
    return SECRET_NAME.search(name) is not None


def masked_text(text: str) -> str:
    """The text without any secret; bytes of it that were no UTF-8 are spelled out."""
    for value in _secret_values():
        text = text.replace(value, MASK)
    text = CREDENTIALS.sub(MASK, SECRET_SHAPE.sub(MASK, text))
    return text.encode("utf-8", "backslashreplace").decode()


def _secret_values() -> list[str]:
    """Values of the environment variables that are secrets by their names."""
    return [
        value
        for name, value in os.environ.items()
        if len(value) >= SECRET_CHARACTERS and is_secret_name(name)
    ]


def masked_argv(argv: list[str]) -> tuple[str, ...]:
    """A command line without the values of secret options.

    >>> masked_argv(["train.py", "--api-key", "abc", "--token=abc", "lr=0.1"])
    ('train.py', '--api-key', '<redacted>', '--token=<redacted>', 'lr=0.1')
    """
    masked: list[str] = []
    hide_next = False
    for word in argv:
        option, equals, _ = word.partition("=")
        is_secret = (equals or option.startswith("-")) and is_secret_name(option.lstrip("-+"))
        if hide_next and not word.startswith("-"):
            masked.append(MASK)
        elif is_secret and equals:
            masked.append(f"{option}={MASK}")
        else:
            masked.append(masked_text(word))
        hide_next = bool(is_secret and not equals)
    return tuple(masked)


def masked_url(url: str) -> str:
    """A URL without its credentials.

    >>> masked_url("https://me:secret@git.example/team.git")
    'https://git.example/team.git'
    """
    parts = urlsplit(url)
    if not parts.scheme or "@" not in parts.netloc:
        return masked_text(url)
    return masked_text(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))
