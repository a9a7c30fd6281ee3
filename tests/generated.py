"""Writes the generated parts of the README: `python tests/generated.py`."""

import re
from pathlib import Path

import program_runner
from click.testing import CliRunner

from repro.audit.catalogue import every_rule
from repro.cli.main import main
from repro.report.rules_table import rules_table
from repro.report.techniques_table import techniques_table

README = Path(__file__).parent.parent / "README.md"


def parts() -> dict[str, str]:
    """Text between the marks, by their name."""
    shown = CliRunner().invoke(main, ["--help"], prog_name="repro", terminal_width=80).output
    return {
        "rules": rules_table(every_rule()) + "\n",
        "techniques": techniques_table() + "\n",
        "programs": program_runner.table() + "\n",
        "help": f"```text\n{shown}```\n",
    }


if __name__ == "__main__":
    text = README.read_text()
    for name, part in parts().items():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = marks.sub(lambda found, part=part: found[1] + part + found[2], text)
    README.write_text(text)
