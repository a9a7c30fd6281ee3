"""Which rules there are: ours by folder, others by entry point."""

from collections.abc import Collection, Iterable, Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import walk_packages
from types import ModuleType

from repro.audit import rules
from repro.audit.rule import Rule
from repro.claims import Policy, did_you_mean
from repro.errors import ConfigurationError, UnknownRule

FAMILIES = ("CMP", "DEC", "SRC", "DAT", "PRT", "ENV", "DET", "STA", "TRN")  # order of print
ENTRY_POINTS = "repro.rules"


@cache
def every_rule() -> tuple[Rule, ...]:
    """Our rules and those of installed plugins, in the order of print."""
    found = [*_our_rules(), *_plugin_rules()]
    by_code: dict[str, Rule] = {}
    for rule in found:
        if by_code.setdefault(rule.code, rule) is not rule:
            raise ConfigurationError(
                f"two rules have the code {rule.code}: {by_code[rule.code].name} "
                f"({by_code[rule.code].check.__module__}) and {rule.name} "
                f"({rule.check.__module__}). Remove one of the plugins."
            )
    return tuple(sorted(found, key=_place))


def find_rule(name_or_code: str) -> Rule:
    """The rule of this name or code.

    Raises
    ------
    UnknownRule
        No rule goes by it; the message names the closest.
    """
    for rule in every_rule():
        if name_or_code.casefold() in (rule.name, rule.code.casefold()):
            return rule
    names = [name for rule in every_rule() for name in (rule.name, rule.code)]
    raise UnknownRule(
        f"no rule {name_or_code!r}.{did_you_mean(name_or_code, names)} "
        f"`repro rules` lists all of them."
    )


def rule_in(policy: Policy, name_or_code: str) -> Rule:
    """The rule that a policy names; one that does not exist is refused by the name of its file."""
    try:
        return find_rule(name_or_code)
    except UnknownRule as error:
        raise UnknownRule(f"{policy.file}: {error}") from error


def enabled_rules(policy: Policy) -> tuple[Rule, ...]:
    """The rules that a policy asks for: all but those in preview, or the selected ones.

    `preview` adds the rules in preview, `ignore` leaves out.
    """
    named = [rule_in(policy, name) for name in policy.select or ()]
    ignored = [rule_in(policy, name) for name in policy.ignore]
    return tuple(
        rule for rule in every_rule() if _is_asked(rule, policy, named) and rule not in ignored
    )


def _is_asked(rule: Rule, policy: Policy, named: Collection[Rule]) -> bool:
    if rule in named:
        return True
    return policy.preview if rule.is_preview else policy.select is None


def rules_in(module: ModuleType) -> Iterator[Rule]:
    """The rules that a module defines."""
    return (item for item in vars(module).values() if isinstance(item, Rule))


def _our_rules() -> Iterable[Rule]:
    for found in walk_packages(rules.__path__, f"{rules.__name__}."):
        yield from rules_in(import_module(found.name))


def _plugin_rules() -> Iterable[Rule]:
    """An entry point names a rule, or a module that holds rules."""
    for entry in entry_points(group=ENTRY_POINTS):
        loaded = entry.load()
        yield from [loaded] if isinstance(loaded, Rule) else rules_in(loaded)


def _place(rule: Rule) -> tuple[int, str]:
    family = rule.code[:3]
    return (FAMILIES.index(family) if family in FAMILIES else len(FAMILIES), rule.code)
