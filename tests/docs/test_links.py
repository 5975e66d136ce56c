"""Links that stand outside of the site: what `make docs` does not look at."""

import pytest

from tests.docs.documents import ROOT, anchors, links

_PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")


@pytest.mark.parametrize("name", _PAGES)
def test_relative_links_lead_to_files_and_headings(name):
    for link in links(ROOT / name):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = ROOT / (path or name)
        assert target.exists(), f"{name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{name} links to {link}"


def test_the_readme_has_links():
    assert "docs/cli.md" in links(ROOT / "README.md")
