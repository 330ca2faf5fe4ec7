"""atheris at the readers of cards: whatever the bytes, a Character or a CardError comes of them.

python tests/persona/fuzz_cards.py png|charx|json|picture CORPUS -max_total_time=60
"""

import sys
from pathlib import Path
from tempfile import mkdtemp

import atheris

with atheris.instrument_imports(include=["persona"]):
    from persona.cardfile import CardError
    from persona.character import read_character

ENDINGS = {"png": ".png", "charx": ".charx", "json": ".json", "picture": ".webp"}


def main() -> None:
    kind = sys.argv.pop(1)
    file = Path(mkdtemp(prefix="fuzz-")) / f"card{ENDINGS[kind]}"

    def one(content: bytes) -> None:
        file.write_bytes(content)
        try:
            read_character(file)
        except CardError as error:
            assert str(error).strip() and "\n" not in str(error)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
