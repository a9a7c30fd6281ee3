"""Tells by its shape, without any name beside it, that a piece of text is a secret."""

import base64
import binascii
import re
from collections.abc import Callable

MASK = "<redacted>"

# A text without the marker cannot hold the kind: looking for it costs 5 ms in 20 MB, the regular
# expression ten times that. Quantifiers are possessive or bounded: linear on hostile input, too.
_BODIES: tuple[tuple[str, str, str], ...] = (
    # kind, marker, what follows the marker
    ("AWS key id", "AKIA", r"[0-9A-Z]{16}(?![0-9A-Za-z])"),
    ("AWS temporary key id", "ASIA", r"[0-9A-Z]{16}(?![0-9A-Za-z])"),
    ("GitHub token", "ghp_", r"[A-Za-z0-9]{20,}+"),
    ("GitHub OAuth token", "gho_", r"[A-Za-z0-9]{20,}+"),
    ("GitHub user token", "ghu_", r"[A-Za-z0-9]{20,}+"),
    ("GitHub server token", "ghs_", r"[A-Za-z0-9]{20,}+"),
    ("GitHub refresh token", "ghr_", r"[A-Za-z0-9]{20,}+"),
    ("GitHub fine-grained token", "github_pat_", r"\w{20,}+"),
    ("GitLab token", "glpat-", r"[\w.-]{20,}+"),
    ("GitLab job token", "glcbt-", r"[\w.-]{20,}+"),
    ("GitLab deploy token", "gldt-", r"[\w.-]{20,}+"),
    ("GitLab runner token", "glrt-", r"[\w.-]{20,}+"),
    ("Hugging Face token", "hf_", r"[A-Za-z0-9]{20,}+"),
    # Letters of both cases and a digit, or 32 hexadecimal digits: sk-learn-based-... is no key.
    (
        "OpenAI or Anthropic key",
        "sk-",
        r"(?:(?=[\w-]{0,80}?[A-Z])(?=[\w-]{0,80}?\d)[\w-]{20,}+|[\w-]{0,16}?[0-9a-f]{32,}+)",
    ),
    ("Groq key", "gsk_", r"[A-Za-z0-9]{40,}+"),
    ("NVIDIA key", "nvapi-", r"[\w-]{40,}+"),
    ("Replicate token", "r8_", r"[A-Za-z0-9]{37,}+"),
    ("Databricks token", "dapi", r"[0-9a-f]{32}(?:-\d+)?(?![0-9A-Za-z])"),
    ("Slack token", "xox", r"[abeoprs](?:\.xox[bp])?-[\w-]{10,}+"),
    ("Slack app token", "xapp-", r"[\w-]{20,}+"),
    ("Slack webhook", "hooks.slack.com/services/", r"[\w/]{20,}+"),
    ("Discord webhook", "com/api/webhooks/", r"\d{10,20}/[\w-]{20,}+"),
    ("Google key", "AIza", r"[\w-]{35}"),
    ("Google OAuth token", "ya29.", r"[\w-]{20,}+"),
    ("Google client secret", "GOCSPX-", r"[\w-]{20,}+"),
    ("JSON web token", "eyJ", r"[\w-]{10,}+\.[\w-]{10,}+\.[\w-]++"),
    ("Stripe key", "sk_live_", r"[A-Za-z0-9]{16,}+"),
    ("Stripe test key", "sk_test_", r"[A-Za-z0-9]{16,}+"),
    ("Stripe restricted key", "rk_live_", r"[A-Za-z0-9]{16,}+"),
    ("Stripe webhook secret", "whsec_", r"[A-Za-z0-9+/]{24,}+={0,2}"),
    ("PyPI token", "pypi-", r"[\w-]{50,}+"),
    ("npm token", "npm_", r"[A-Za-z0-9]{36}"),
    ("Docker token", "dckr_pat_", r"[\w-]{20,}+"),
    ("DigitalOcean token", "dop_v1_", r"[0-9a-f]{64}"),
    ("SendGrid key", "SG.", r"[\w-]{16,64}+\.[\w-]{16,64}+"),
    ("Vault token", "hvs.", r"[\w-]{24,}+"),
    ("age key", "AGE-SECRET-KEY-1", r"[0-9A-Z]{58}"),
)

_BEFORE = "(?<![A-Za-z0-9]{marker})"  # the end of a word is no beginning: task-specific...

# Up to the end, or where that is cut off as far as a key goes; `+` and `-` of a patch belong to it.
_KIND_OF_KEY = r"[A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
_PRIVATE_KEY = re.compile(
    rf"-----BEGIN {_KIND_OF_KEY}"
    rf"(?:(?:[A-Za-z0-9+/=\s\\\"',:.#*]++|-(?!----))*+-----END {_KIND_OF_KEY}"
    r"|(?:\s*+(?:\\[nr])*+[ +#*-]{0,4}[A-Za-z0-9+/=]{16,}+)*+)"
)
_AZURE_KEY = re.compile(r"(?<=Key=)[A-Za-z0-9+/]{40,}+={0,2}")  # AccountKey, SharedAccessKey
_BEARER = re.compile(r"(?<=[Bb]earer )(?=[^\s\"']{0,80}?\d)[\w.~+/-]{16,}+={0,2}")
_HEADER = re.compile(  # Authorization: Token ..., ("Authorization", "ApiKey ...")
    r"(uthorization[\"'\\]{0,4}[ \t]{0,4}[:=,][ \t]{0,4}[\"'\\]{0,4}[A-Za-z][\w-]{1,20} )"
    r"(?=\S{0,80}?\d)[\w.~+/=:-]{8,}+"
)
_BASIC = re.compile(r"(?<=[Bb]asic )[A-Za-z0-9+/]{8,}+={0,2}")
_NETRC = re.compile(
    r"(machine\s{1,4}\S{1,200}[\s+-]{1,20}login\s{1,4}\S{1,200}[\s+-]{1,20}password\s{1,4})\S++"
)
_LOGIN = re.compile(  # wandb.login(key="..."), wandb login ...
    r"(login(?:\((?:[^()\n]{0,200}?\bkey[ \t]{0,4}=)?[ \t]{0,40}\\{0,4}[\"']"
    r"|[ \t]{1,4}(?:--\S{1,40}[ \t]{1,4}){0,3}))(?=[\w-]{0,80}?\d)[\w-]{32,}+"
)
_CURL = re.compile(
    r"(curl\b[^\n]{0,200}?[ \t\"'](?:-u|--user)[ =\"',\\]{0,8}[^\s:\"'$]{1,80}:)"
    r"(?![$%{<])[^\s\"'\\]++"
)
_QUERY = re.compile(r"(?<=[?&])((?:X-Amz-|X-Goog-)?(?i:sig|signature|credential)=)[^&\s\"'#]{16,}+")
_CREDENTIALS = re.compile(
    r"(?<=://)(?:"
    r"[^/\s:@\"'<>]*+:[^/\s\"'<>]+(?=@)"  # user:password@, whatever else is in the password
    r"|[^/\s:@\"'<>]*+:(?!\d{1,5}/)[^\s@\"'<>]{1,200}(?=@)"  # not host:port/path@version
    r"|[^/\s:@\"'<>]{20,}+(?=@))"  # a token instead of a user
)


def _is_basic(found: re.Match[str]) -> str:
    """`Basic dXNlcjpwYXNz` holds user:password; `Basic implementation` does not."""
    try:
        is_login = b":" in base64.b64decode(found[0], validate=True)
    except binascii.Error:
        is_login = False
    return MASK if is_login else found[0]


_Substitute = str | Callable[[re.Match[str]], str]

SHAPES: tuple[tuple[str, str, re.Pattern[str], _Substitute], ...] = (
    ("private key", "PRIVATE KEY", _PRIVATE_KEY, MASK),
    *(
        (
            kind,
            marker,
            re.compile(re.escape(marker) + _BEFORE.format(marker=re.escape(marker)) + body),
            MASK,
        )
        for kind, marker, body in _BODIES
    ),
    ("Azure key", "Key=", _AZURE_KEY, MASK),
    ("bearer token", "earer ", _BEARER, MASK),
    ("basic login", "asic ", _BASIC, _is_basic),
    ("authorization header", "uthorization", _HEADER, rf"\1{MASK}"),
    ("key of a login", "login", _LOGIN, rf"\1{MASK}"),
    ("login of curl", "curl", _CURL, rf"\1{MASK}"),
    ("netrc password", "machine", _NETRC, rf"\1{MASK}"),
    ("signed URL", "=", _QUERY, rf"\1{MASK}"),
    ("credentials of a URL", "://", _CREDENTIALS, MASK),
)


def without_shapes(text: str) -> str:
    """The text with everything masked that is a secret by its shape."""
    for _, marker, pattern, substitute in SHAPES:
        if marker in text:
            text = pattern.sub(substitute, text)
    return text
