"""The bar is on stderr, one for each kind of work, and gone when the work is."""

import pytest

from inference.progress import bar, silent


def test_a_bar_shows_what_is_done_on_stderr_only(capfd: pytest.CaptureFixture[str]) -> None:
    with bar() as progress:
        progress("baking", 1, 2)
        progress("baking", 2, 2)
        progress("cooling", 1, 1)
    out, err = capfd.readouterr()
    assert out == ""
    assert "baking" in err
    assert "cooling" in err


def test_work_that_never_begins_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with bar() as progress:
        silent("nothing", 0, 0)
    assert progress is not silent
    assert capfd.readouterr() == ("", "")
