"""What cards of other programs hold, however it was written down."""

import pytest

from persona.cardfile import CardError, decoded


@pytest.mark.parametrize("written", ["YWI=", "YWI", "YW\nI=", " YWI=\r\n"])
def test_base64_may_lack_its_padding_and_be_broken_into_lines(written: str) -> None:
    assert decoded(written.encode()) == b"ab"


def test_what_is_no_base64_or_too_large_is_refused_in_a_sentence() -> None:
    with pytest.raises(CardError, match="is not base64"):
        decoded(b"Y")
    with pytest.raises(CardError, match=r"larger than 0 MiB\.$"):
        decoded(b"YWJj" * 1000, most=10)
