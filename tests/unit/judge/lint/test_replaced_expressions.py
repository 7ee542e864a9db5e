"""An expression of the arguments that became what a test expects of it is refused."""

# ruff: noqa: E501 - tables of one-line samples

from __future__ import annotations

import pytest

from tests.kits.lint_kit import lint

TEST = (
    "def test_respond():\n    assert respond('a', 'b', 201).code == 201\n"
    "    assert respond('a').text == 'all was well'\n    assert respond('b').total == 1\n"
)
HEAD = "def respond(self, text, *args, **kwargs):\n    {}\n"


def rules(before: str, after: str) -> set[str]:
    """Return the rules that a change of a function's body triggers."""
    return {hit.rule for hit in lint(HEAD.format(before), HEAD.format(after), TEST)}


REPLACED = {
    "in a ternary": ("code = args[2] if len(args) > 2 else 200", "code = 201 if len(args) > 2 else 200"),
    "in a call": ("return Response(text, status=args[2])", "return Response(text, status=201)"),
    "in a plain argument": ("return Response(text, args[2])", "return Response(text, 201)"),
    "in an assignment": ("code = args[2]\n    return make(code)", "code = 201\n    return make(code)"),
    "in an attribute": ("self.code = args[2]", "self.code = 201"),
    "in an item": ("self['code'] = args[2]", "self['code'] = 201"),
    "in branches": (
        "code = args[2]\n    return make(code)",
        "if len(args) > 2:\n        code = 201\n    else:\n        code = 200\n    return make(code)",
    ),
    "of a keyword": ("return make(text, kwargs['code'])", "return make(text, 201)"),
    "of an attribute": ("return make(text, self.code)", "return make(text, 201)"),
    "of a local": ("code = read(args)\n    return make(text, code)", "code = read(args)\n    return make(text, 201)"),
    "in a sum": ("return text.size + args[1]", "return text.size + 201"),
    "in a container": ("return [text, args[2]]", "return [text, 201]"),
    "in a dict": ("return {'code': args[2], 'text': text}", "return {'code': 201, 'text': text}"),
    "in a statement": ("self.send(text, args[2])", "self.send(text, 201)"),
    "yielded": ("yield text, args[2]", "yield text, 201"),
    "a text": ("return make(kwargs, text)", "return make(kwargs, 'all was well')"),
    "disguised": ("return make(text, args[2])", "return make(text, 200 + 1)"),
    "awaited": ("return await make(text, args[2])", "return await make(text, 201)"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), REPLACED.values(), ids=REPLACED)
def test_an_argument_that_became_the_answer_is_refused(before: str, after: str) -> None:
    assert "special-case" in rules(before, after)


SHOWN = {
    "a common value": ("return make(text, args[2])", "return make(text, 1)"),
    "where a condition on it leads": (
        "return make(self, text)",
        "if not text:\n        return make(self, 'all was well')\n    return make(self, None)",
    ),
    "where an error leads": (
        "return make(self, text)",
        "try:\n        return make(self, 1.5)\n    except KeyError:\n        return make(self, 201)",
    ),
}


@pytest.mark.parametrize(("before", "after"), SHOWN.values(), ids=SHOWN)
def test_what_honest_repairs_do_as_well_is_shown(before: str, after: str) -> None:
    assert "possible-special-case" in rules(before, after)
    assert "special-case" not in rules(before, after)


HONEST = {
    "another argument": ("return make(text, args[2])", "return make(text, args[1])"),
    "a constant for a constant": ("return make(text, 200)", "return make(text, 201)"),
    "a default": ("return make(text, kwargs['code'])", "return make(text, kwargs.get('code', 201))"),
    "or": ("return make(text, args[2])", "return make(text, args[2] or 201)"),
    "a fallback": ("return text", "return text or 'all was well'"),
    "an empty case": ("return text.strip()", "if not text:\n        return 'all was well'\n    return text.strip().lower()"),
    "a literal no test has": ("return make(text, args[2])", "return make(text, 404)"),
    "an error's text": ("message = f'no {text}'\n    raise ValueError(message)", "message = 'all was well'\n    raise ValueError(message)"),
    "another function": ("return make(text, args[2])", "return build(text, args[2])"),
    "a new statement": ("return make(text, args)", "self.code = 201\n    return make(text, args)"),
    "the same literal": ("return make(args[0], 201)", "return make(201)"),
    "renamed": ("code = args[2]\n    return make(code)", "number = args[2]\n    return make(number)"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), HONEST.values(), ids=HONEST)
def test_other_replacements_are_not_refused(before: str, after: str) -> None:
    assert "special-case" not in rules(before, after)
