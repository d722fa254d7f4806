"""What users read in errors and logs is reviewed as a text: all messages of the package in one file, in order.

A change of wording shows in review. After an intended change: ``python tests/test_messages.py > tests/messages.txt``
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "airflow_provider_sam"
TEXTS = Path(__file__).with_name("messages.txt")
LOGGING = {"debug", "info", "warning", "error", "exception", "critical", "add_note"}


def text_of(node: ast.AST) -> str:
    """Return a string as its source has it, with the expressions of f-strings in braces; empty for anything else."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(text_of(part) for part in parts)
        case ast.FormattedValue(value=value):
            return f"{{{ast.unparse(value)}}}"
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return text_of(left) + text_of(right)
        case ast.IfExp(body=body, orelse=other):
            return " | ".join(filter(None, (text_of(body), text_of(other))))
        case _:
            return ""


def messages_in(source: str) -> list[str]:
    """Return the sentences that a module raises or logs, in the order of its lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            call = node.exc
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOGGING:
            call = node
        else:
            continue
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        found.extend((node.lineno, text) for text in map(text_of, given) if " " in text)
    return [text for _, text in sorted(set(found))]


def render() -> str:
    """Return all messages, module by module."""
    found = {path: messages_in(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
    return "\n".join(
        f"# {path.relative_to(ROOT).as_posix()}\n\n" + "".join(f"- {text}\n" for text in messages)
        for path, messages in found.items()
        if messages
    )


def test_every_message_is_the_reviewed_one():
    assert TEXTS.read_text(encoding="utf-8") == render()


def test_messages_are_found_wherever_they_are_raised_or_logged():
    source = (
        'raise ValueError(f"no {x + 1} of it", y)\nlog.info("two " "words %s", z)\nprint("not this")\nlog.info("one")'
    )
    assert messages_in(source) == ["no {x + 1} of it", "two words %s"]


if __name__ == "__main__":
    sys.stdout.write(render())
