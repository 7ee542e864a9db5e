import pytest

from slugs import slugify, unique_slug


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Hello, World!", "hello-world"),
        ("  spaces   around ", "spaces-around"),
        ("C++ in 21 days", "c-in-21-days"),
        ("Crème brûlée", "creme-brulee"),
        ("Ångström & Söhne", "angstrom-sohne"),
        ("already-a-slug", "already-a-slug"),
        ("!!!", ""),
    ],
)
def test_slugify(title, slug):
    assert slugify(title) == slug


@pytest.mark.parametrize(
    ("max_length", "slug"),
    [(100, "the-quick-brown-fox"), (15, "the-quick-brown"), (14, "the-quick"), (2, "th")],
)
def test_long_slug_is_cut_at_a_word(max_length, slug):
    assert slugify("The quick brown fox", max_length=max_length) == slug


def test_unique_slug_counts_up():
    assert unique_slug("My post", {"my-post", "my-post-2"}) == "my-post-3"
