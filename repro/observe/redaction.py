"""Masks secrets before anything leaves the process.

Known by the name of their key, by their shape, or as the value of a secret environment variable.
"""

import base64
import codecs
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import PurePath
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from repro.digest import canonical_json
from repro.observe import binary_patch
from repro.observe.secret_names import is_secret_name
from repro.observe.secret_shapes import MASK, without_shapes
from repro.record import RunRecord, dump, load

SECRET_CHARACTERS = 8  # a shorter value of a variable may stand in any text by chance
SHORTEST_VALUE = 6  # of an assignment: password = "x" is a test
NUMBER_CHARACTERS = 6  # token=512 is a setting, pwd=83461207 is not

_URL_PASSWORD = re.compile(r"://[^/\s:@]*:([^/\s]+)@")

# A name that may be secret, what stands between it and its value, and the value in quotes or bare.
# The name's beginning is found backwards: a pattern that starts with it would be tried everywhere.
_HINTS = "pass|pw|secret|token|key|auth|cred|string|bearer|cookie|jwt|pat"
_HINT = "|".join(
    form for hint in _HINTS.split("|") for form in (hint, hint.capitalize(), hint.upper())
)
_NEW_LINE = r"\r?\n[+ -]?[ \t]{0,80}"  # in a patch, too
_ASSIGNMENT = re.compile(
    rf"(?P<name>(?:{_HINT})[\w.-]{{0,60}}+)"
    r"(?P<between>(?:\\*[\"'])?\]?[ \t]{0,40}"
    r"(?:(?::[ \t]{0,4}[A-Za-z][\w.\[\]| ]{0,40})?"  # an annotation: password: str = "..."
    r"(?:==|!=|=>|:=|=|:)|(?<=[\"']),"  # a comma: setdefault("PASSWORD", "...")
    rf"(?:[^()]{{0,200}}?\bdefault[ \t]{{0,4}}=|{_NEW_LINE})?)[ \t]{{0,40}}"
    rf"(?:[(\\][ \t]{{0,4}}(?:{_NEW_LINE})?(?=[rbfuRBFU]{{0,2}}\\*[\"'`]))?)"
    r"(?:[rbfuRBFU]{0,2}(?P<quote>(?P<mark>\\*[\"'`])(?P<triple>(?P=mark){2})?)(?!(?P=mark))"
    rf"(?(triple)(?:\\?{_NEW_LINE})?)(?P<quoted>[^\n]{{1,4096}}?)"
    rf"(?(triple)(?:{_NEW_LINE})?)(?<!\\)(?P=quote)"
    r"|(?P<bare>(?!\\*[\"'`]|[<(\[{|])[^\s\"'`&;,)\]}]{1,4096}+))"
)
_NAME_BEGINNING = re.compile(r"[?&]?[\w.-]{0,60}\Z")

# A whole line `name = value`, as in .env, YAML and INI files: there a value may hold any sign.
_LINE = re.compile(
    r"^(?P<before>[+ -]?[ \t]{0,40}(?:-[ \t]{1,4})?(?:(?:export|set|ENV|ARG)[ \t]{1,4})?"
    r"(?P<name>[\w./:-]{1,100}+)[ \t]{0,40}[:=][ \t]{0,40})"
    r"(?P<value>[^\s\"'`]\S*+)(?=[ \t]*(?:#|\r?$))",
    re.MULTILINE,
)

# A block of YAML, `password: |`, and what is indented under it.
_BLOCK = re.compile(
    rf"^(?P<head>(?P<sign>[+ -])?+(?P<indent>[ \t]{{0,40}}+)(?:-[ \t]{{1,4}})?"
    rf"(?P<name>[\w.-]{{0,60}}?(?:{_HINT})[\w.-]{{0,60}}+)"
    r":[ \t]{1,4}[|>][\d+-]{0,2}[ \t]{0,4}\r?\n)"
    r"(?P<body>(?:(?(sign)[+ -])(?P=indent)[ \t]++\S[^\n]*+(?:\n|\Z))++)",
    re.MULTILINE,
)
_BLOCK_LINE = re.compile(r"^(.[ \t]*+)(\S.*)", re.MULTILINE)
_ELEMENT = re.compile(
    r"(?P<before><(?P<name>[\w:.-]{1,80}+)(?:[ \t][^<>\n]{0,200}+)?>[\s+-]{0,80}+)"
    r"(?P<value>[^<>\s][^<>\n]{0,4096}+)(?=\s{0,80}[+-]?\s{0,80}</)"
)

# What a secret name may be given without being told the secret.
_HARMLESS = re.compile(
    r"[<\[({|].*[>\])}|]"  # <pad>, [MASK]
    # ${TOKEN}, {{ token }}, %(token)s, {token}, Basic {login()}
    r"|[$%*!@]\S*|(?:[A-Za-z]+ )?\S*(?:\$[{(]|\{\{|%\(|\{\w[\w.]*[}(])\S*"
    r"|[A-Za-z_][\w.:>-]*[(\[].*"  # os.environ["TOKEN"], token()
    r"|(?:~|\.{0,2})/(?:[a-z._-]+/.*|[\w.-]+\.[a-z]{2,5})"  # /run/secrets/token
    r"|\S*://\S*"  # its credentials were masked by their shape
    r"|[+-]?\d*[._]?\d+(?:[eE][+-]?\d+)?(?<!\d{6})",  # 512, 1e-3
    re.DOTALL,
)
_WORDS = re.compile(r"[A-Za-z_.-]+")
_SIGNS = re.compile(r"[^\w\s.,:;'\"/()-]")
_REFERENCE = re.compile(r"[A-Za-z_][\w.]*")  # in source code: args.password, token_2
_COLUMN = re.compile(r"[A-Za-z]+(?:_[A-Za-z]*\d{0,3})*")  # of a table: position_2
_PROSE = re.compile(r"[A-Za-z]\S*(?: \S+){2,}")
_BEFORE_CODE = re.compile(r"(?:[^\"'`#]|([\"'`])(?:\\.|(?!\1)[^\\])*+\1)*+")  # no string is open
_DENSE = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d.*\d)[A-Za-z0-9]{20,}")  # no name of a variable

_COMMAND = re.compile(r" (?!(?:if|or|and|else|for|is|in|not)\b)[\w./-]")  # after VARIABLE=value

_FILE = re.compile(r"^diff --git [^\n]*\n", re.MULTILINE)
_CODE = "py|pyi|pyx|ipynb|[jt]sx?|go|rs|c|cc|cpp|cuh?|h|hpp|java|kt|scala|rb|php|cs|swift|r|jl|lua"
_IS_CODE = re.compile(rf"\.(?:{_CODE})\"?\s*\Z", re.IGNORECASE)


def masked_text(text: str) -> str:
    """The text without any secret; bytes of it that were no UTF-8 are spelled out."""
    masked = _masked_settings(_without_values(text))
    return masked.encode("utf-8", "backslashreplace").decode()


def masked_patch(patch: bytes) -> bytes:
    """A git patch without any secret; every other byte is kept.

    In source code only a value in quotes is one: `password=args.password` is not.
    """
    text = _without_values(patch.decode("utf-8", "surrogateescape"))
    starts = [0, *(found.start() for found in _FILE.finditer(text)), len(text)]
    files = (text[start:end] for start, end in pairwise(starts))
    return "".join(map(_masked_file, files)).encode("utf-8", "surrogateescape")


def _masked_file(text: str) -> str:
    heading, begin, _ = text.partition(binary_patch.BEGIN)
    if begin:  # packed: what looks like a name there is chance
        holds_secret = any(map(_holds_secret, binary_patch.contents(text)))
        return f"{heading}{begin}{MASK}\n" if holds_secret else text
    is_code = _IS_CODE.search(text.partition("\n")[0])
    if not is_code:
        return _masked_settings(text)
    substitute = _in_notebook if is_code[0].lower().startswith(".ipynb") else _in_code
    return _ASSIGNMENT.sub(substitute, _masked_markup(text))


def _holds_secret(content: bytes) -> bool:
    """Whether a file that git takes for binary does, as one in UTF-16 may."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16", "replace")
        return _masked_settings(_without_values(text)) != text
    text = content.decode("latin-1")
    return _without_values(text) != text


def _masked_settings(text: str) -> str:
    """Without the values of secret names; of lines `name = value` first, whose end is known."""
    return _ASSIGNMENT.sub(_in_settings, _LINE.sub(_in_line, _masked_markup(text)))


def _masked_markup(text: str) -> str:
    """Without the secrets in blocks of YAML and in elements of XML, wherever these stand."""
    return _ELEMENT.sub(_in_line, _BLOCK.sub(_in_block, text))


def masked_value(name: str, value: object) -> object:
    """A value as it may be shown under this name: masked by the name, else wherever it is secret.

    >>> masked_value("db", {"user": "me", "password": "abc"})
    {'user': 'me', 'password': '<redacted>'}
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        is_masked = is_secret_name(name) and len(str(value)) >= NUMBER_CHARACTERS
        return MASK if is_masked else value
    if isinstance(value, Mapping):
        return {key: masked_value(str(key), inner) for key, inner in value.items()}
    if is_secret_name(name):
        is_text = isinstance(value, str | PurePath)
        return value if is_text and _is_harmless(str(value)) else MASK
    if type(value) is list:
        return list(_masked_items(value))
    if type(value) is tuple:
        return tuple(_masked_items(value))
    return masked_text(value) if isinstance(value, str) else value


def _masked_items(items: Sequence[object]) -> Iterable[object]:
    """Of a list or tuple, which may be a name and its value: ("password", "...")."""
    match items:
        case [str(name), inner] if is_secret_name(name) and not name.startswith(("-", "+")):
            is_column = isinstance(inner, str) and _COLUMN.fullmatch(inner)
            return items if is_column else (name, masked_value(name, inner))
    return _masked_words(items)


def masked_record(record: RunRecord) -> RunRecord:
    """The record without the secrets that no observer masked: the last gate; 5 ms for 20 kB."""
    tree = json.loads(dump(record))
    masked = _masked_node(tree, _secret_values())
    return record if masked == tree else load(canonical_json(masked))


def _masked_node(node: object, values: Sequence[str]) -> object:
    if isinstance(node, list):
        return [_masked_node(inner, values) for inner in node]
    if isinstance(node, dict):
        masked = {key: _masked_node(inner, values) for key, inner in node.items()}
        if node.keys() == {"name", "value"} and isinstance(node["value"], str):
            is_masked = is_secret_name(str(node["name"])) and not _is_harmless(node["value"])
            masked["value"] = MASK if is_masked else masked["value"]
        return masked
    return _without(values, node) if isinstance(node, str) else node


def masked_argv(argv: Iterable[str]) -> tuple[str, ...]:
    """A command line without the values of secret options.

    >>> masked_argv(["train.py", "--api-key", "abc", "--token=abc", "lr=0.1"])
    ('train.py', '--api-key', '<redacted>', '--token=<redacted>', 'lr=0.1')
    """
    return tuple(str(word) for word in _masked_words(argv))


def _masked_words(words: Iterable[object]) -> Iterator[object]:
    """Each item, and after a secret option its value, too."""
    hide_next = False
    for word in words:
        if not isinstance(word, str):
            yield masked_value("", word)
            hide_next = False
            continue
        option, equals, value = word.partition("=")
        is_option = word.startswith(("-", "+")) or bool(equals)
        is_secret = is_option and is_secret_name(option.lstrip("-+~"))
        if hide_next and not word.startswith("--"):
            yield MASK
        elif is_secret and equals and value and not _is_harmless(value):
            yield f"{option}={MASK}"
        else:
            yield masked_text(word)
        hide_next = is_secret and not equals


def masked_url(url: str) -> str:
    """A URL without its credentials.

    >>> masked_url("https://me:secret@git.example/team.git")
    'https://git.example/team.git'
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket in the password
        return masked_text(url)
    if not parts.scheme or "@" not in parts.netloc:
        return masked_text(url)
    return masked_text(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))


def _without_values(text: str) -> str:
    """Without what secret environment variables hold, and without what looks like a secret."""
    return _without(_secret_values(), text)


def _without(values: Sequence[str], text: str) -> str:
    for value in values:
        text = text.replace(value, MASK)
    return without_shapes(text)


def _secret_values() -> list[str]:
    """What secret environment variables hold, in every spelling; the longest first."""
    values: set[str] = set()
    for name in list(os.environ):
        value = os.environ.get(name, "")  # another thread may have removed it
        if "://" in value and "@" in value:
            found = _URL_PASSWORD.search(value)
            values.update((found[1], unquote(found[1])) if found else ())
        elif is_secret_name(name) and not _is_harmless(value):
            values.add(value.strip())
    long = (value for value in values if len(value) >= SECRET_CHARACTERS and _is_telling(value))
    return sorted({form for value in long for form in _spellings(value)}, key=len, reverse=True)


def _is_telling(value: str) -> bool:
    """Not a word such as `postgres` or `disabled`, which stands in texts for other reasons."""
    return not (value.isalpha() and (value.islower() or value.isupper()) and len(value) < 12)


def _spellings(value: str) -> Iterator[str]:
    """The value as texts may spell it: as it is, in a URL, in JSON, in a repr, in base64."""
    data = value.encode("utf-8", "surrogateescape")
    yield value
    yield quote(data, safe="")
    yield json.dumps(value)[1:-1]
    yield repr(value)[1:-1]
    yield base64.b64encode(data).decode().rstrip("=")
    yield base64.urlsafe_b64encode(data).decode().rstrip("=")


def _in_line(found: re.Match[str]) -> str:
    is_secret = is_secret_name(found["name"]) and _is_secret_value(found["value"])
    return f"{found['before']}{MASK}" if is_secret else found[0]


def _in_settings(found: re.Match[str]) -> str:
    return _masked_assignment(found) if _is_secret_value(_value(found)) else found[0]


def _in_code(found: re.Match[str]) -> str:
    """In quotes, or bare in a text; or so dense that it is no name of a variable."""
    return found[0] if _is_reference(found) and not _is_of_text(found) else _in_settings(found)


def _in_notebook(found: re.Match[str]) -> str:
    """As in code, but every line of a notebook is in quotes: what is text is not known."""
    return found[0] if _is_reference(found) else _in_settings(found)


def _is_reference(found: re.Match[str]) -> bool:
    bare = found["bare"]
    if not bare or not _REFERENCE.fullmatch(bare) or _DENSE.fullmatch(bare):
        return False
    return _name(found)[0] not in "?&"


def _is_of_text(found: re.Match[str]) -> bool:
    """Whether `name=value` is of a string, a comment or a command: PGPASSWORD=... psql."""
    if found["between"] != "=" or is_secret_name(_value(found)):
        return False
    if _name(found).isupper() and _COMMAND.match(found.string, found.end()):
        return True
    start = found.start()
    before = found.string[max(0, start - 200) : start].rpartition("\n")[2]
    return _BEFORE_CODE.fullmatch(before) is None


def _in_block(found: re.Match[str]) -> str:
    lines = (line[2] for line in _BLOCK_LINE.finditer(found["body"]))
    if not is_secret_name(found["name"]) or not any(map(_is_secret_value, lines)):
        return found[0]
    return found["head"] + _BLOCK_LINE.sub(rf"\1{MASK}", found["body"])


def _masked_assignment(found: re.Match[str]) -> str:
    if _is_no_pair(found) or not is_secret_name(_name(found)):
        return found[0]
    kind = "quoted" if found["quote"] else "bare"
    start, end = (place - found.start() for place in found.span(kind))
    return f"{found[0][:start]}{MASK}{found[0][end:]}"


def _is_no_pair(found: re.Match[str]) -> bool:
    """Whether a comma parts two columns, ["token", "position_2"], or a field and its message."""
    value = _value(found)
    if "," not in found["between"] or "default" in found["between"] or _DENSE.search(value):
        return False
    is_other = found["bare"] or _COLUMN.fullmatch(value) or _PROSE.fullmatch(value)
    return bool(is_other)


def _value(found: re.Match[str]) -> str:
    return found["quoted"] or found["bare"] or ""


def _name(found: re.Match[str]) -> str:
    start = found.start()
    beginning = _NAME_BEGINNING.search(found.string[max(0, start - 61) : start])
    return (beginning[0] if beginning else "") + found["name"]


def _is_secret_value(value: str) -> bool:
    """Whether what a secret name was given is a secret itself, not a word about one."""
    if len(value) < SHORTEST_VALUE or _is_harmless(value):
        return False
    if _WORDS.fullmatch(value):
        return len(value) >= 12 and not is_secret_name(value)  # token = "HF_TOKEN"
    if any(sign.isdigit() for sign in value):
        return True
    return " " not in value and (len(value) >= 12 or _SIGNS.search(value) is not None)


def _is_harmless(value: str) -> bool:
    return _HARMLESS.fullmatch(value) is not None
