"""Hugging Face's distribution `kernels` is noticed before it breaks anything."""

from pathlib import Path

import pytest

from inference.rival import RivalKernels, check_no_rival


def test_nothing_is_said_where_it_is_not_installed() -> None:
    check_no_rival()


def test_where_it_is_installed_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "kernels-0.18.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kernels\nVersion: 0.18.2\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RivalKernels, match=r"kernels 0\.18\.2 .* run `pip uninstall kernels`"):
        check_no_rival()
