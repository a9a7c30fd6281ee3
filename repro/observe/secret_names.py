"""Tells by its name whether a key holds a secret."""

import re
from functools import lru_cache
from itertools import pairwise

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # HFToken and hf_token: hf, token


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A secret wherever they stand in a name, and at the end of a word: DB_PASSWORD_OLD, dbpassword.
STRONG = ("password", "passwd", "passphrase", "secret", "apikey", "accesskey", "authtoken")
STRONG_WORDS = _words(
    "pwd secrets passwords credential credentials secretkey accesstoken privatekey"
)
KINDS_OF_KEY = _words(
    "access account api auth encryption master private secret service shared signing ssh storage "
    "subscription"
)
STRONG_PAIRS = frozenset(
    [*((kind, "key") for kind in KINDS_OF_KEY), ("connection", "string")]
    + [(kind, "pass") for kind in ("db", "smtp", "user")]
)

# A secret where they end a name, but for words such as TOKEN_PROD; a token of a text is none.
WEAK_WORDS = _words("token auth authorization bearer cookie jwt pat pw")
QUALIFIERS = _words("backup dev main new old prod production read readonly staging value write")
OF_A_TEXT = _words(
    "bos cls current eos first image last mask max min n next num number oov pad padding per "
    "prev previous query register sep separator special start end stop unk unknown word"
)

# What is about a secret is none: token_type, PASSWORD_FILE, secret_name.
ABOUT = _words(
    "arn column count digest dim dir embedding embeddings enabled endpoint env expires expiry "
    "field file fingerprint folder id ids index len length limit manager method mode name names "
    "path policy position positions prompt provider required scheme scope scopes size sock "
    "timeout ttl type types uri url var variable version"
)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a key of this name holds a secret.

    >>> is_secret_name("db.password"), is_secret_name("n_tokens"), is_secret_name("hfToken")
    (True, False, True)
    """
    words = [word.lower() for word in WORD.findall(name)]
    if not words or words[-1] in ABOUT:
        return False
    if any(word in STRONG_WORDS or word.endswith(STRONG) for word in words):
        return True
    if any(pair in STRONG_PAIRS for pair in pairwise(words)):
        return True
    while len(words) > 1 and words[-1] in QUALIFIERS:
        words.pop()
    return words[-1] in WEAK_WORDS and (len(words) == 1 or words[-2] not in OF_A_TEXT)
