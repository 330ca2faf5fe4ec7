import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from bot.settings import Bot, Model, Settings, load_settings, setting_paths
from emotion.motion import MoodSettings
from inference.sampling import SamplingParams
from persona.tomlfile import TomlError

ROOT = Path(__file__).parents[2]


def refused(folder: Path, text: str, environ: dict[str, str] | None = None) -> str:
    file = folder / "mien.toml"
    file.write_text(text)
    with pytest.raises(TomlError) as caught:
        load_settings(file, environ or {})
    return str(caught.value).removeprefix(f"{file}, ")


def test_without_file_and_environment_everything_has_a_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {}) == Settings()


def test_mien_toml_in_the_working_folder_is_read_without_being_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mien.toml").write_text('[bot]\npersona = "bram"\nstate = "elsewhere"\n')
    settings = load_settings(None, {})
    assert settings.bot.persona == "bram"
    assert settings.bot.state == Path("elsewhere")
    assert settings.bot.personas == [Path("personas")]


def test_the_environment_wins_over_the_file_and_speaks_every_type(tmp_path: Path) -> None:
    file = tmp_path / "mien.toml"
    file.write_text("[gpu]\nthreads = 2\nmax_waiting = 5\n[replies]\nalways = ['a', 7]\n")
    environ = {
        "MIEN_GPU__THREADS": "3",
        "MIEN_FACE__PREWARM": "False",
        "MIEN_FACE__PATIENCE": "2.5",
        "MIEN_DISCORD__API_BASE": "http://127.0.0.1:1/api",
        "MIEN_MODEL__NAME": "123",
        "MIEN_MODEL__ADAPTERS": "marigold=adapters/marigold, bram = b",
        "MIEN_BOT__PERSONAS": "mine, personas",
        "MIEN_SAMPLER__MIROSTAT": "2",
        "MIEN_SAMPLER__BANNED_PHRASES": "shivers down, ministrations",
        "MIEN_STATE": "not a setting: no table",
        "PATH": "/bin",
    }
    settings = load_settings(file, environ)
    assert (settings.gpu.threads, settings.gpu.max_waiting) == (3, 5)
    assert (settings.face.prewarm, settings.face.patience) == (False, 2.5)
    assert settings.discord.api_base == "http://127.0.0.1:1/api"
    assert settings.model.name == "123"
    assert settings.model.adapters == {"marigold": Path("adapters/marigold"), "bram": Path("b")}
    assert settings.bot.personas == [Path("mine"), Path("personas")]
    assert settings.replies.always == ["a", "7"]
    assert settings.sampler.mirostat == 2
    assert settings.sampler.banned_phrases == ["shivers down", "ministrations"]


def test_the_token_comes_from_the_environment_and_hides_itself() -> None:
    settings = load_settings(ROOT / "mien.example.toml", {"DISCORD_TOKEN": " secret\n"})
    assert settings.token.get_secret_value() == "secret"
    assert "secret" not in repr(settings) + str(settings.model_dump())
    assert load_settings(ROOT / "mien.example.toml", {}).token.get_secret_value() == ""


@pytest.mark.parametrize("text", ['token = "x"', '[discord]\ntoken = "x"', '[bot]\ndiscord_token = "x"'])
def test_a_token_in_the_file_is_refused(tmp_path: Path, text: str) -> None:
    sentence = refused(tmp_path, text)
    assert sentence.endswith(
        "token: a token never stands in a file; set the environment variable DISCORD_TOKEN instead"
    )
    assert sentence.startswith(f"line {text.count(chr(10)) + 1}: ")


@pytest.mark.parametrize(
    ("text", "environ", "sentence"),
    [
        ("[gpu]\nthread = 1", {}, "line 2, column 1: [gpu] thread: unknown key; did you mean threads? "
         "(known: device, threads, max_waiting, replies)"),
        ("[gpu]\nthreads = '1'", {}, "line 2, column 11: [gpu] threads: "
         "expected a whole number (CPU threads of a step; unset = one per core), got '1'"),
        ("[face]\nmode = 'hologram'", {}, "line 2, column 8: [face] mode: expected 'webhook', 'embed' or 'member' "
         "(webhook: name and avatar on each message; embed: a picture inside it; member: the bot's own), "
         "got 'hologram'"),
        ("[replies]\nedit_seconds = 0.1", {}, "line 2, column 16: [replies] edit_seconds: "
         "expected 1.2 or more (at most one edit in so many seconds), got 0.1"),
        ("[gpu]\ndevice = 'tpu'", {}, "line 2, column 10: [gpu] device: expected auto, cpu, cuda or cuda:N, got 'tpu'"),
        ("[sampler]\nsamplers = ['top_k', 'topp']", {}, "line 2, column 22: [sampler] samplers.2: "
         "expected 'penalties', 'dry', 'top_n_sigma', 'top_k', 'typical_p', "
         "'top_p', 'min_p', 'xtc', 'temperature' or 'mirostat', got 'topp'"),
        ("[sampler]\nsamplers = ['top_k', 'top_k']", {}, "line 2, column 12: [sampler] samplers: "
         "expected each sampler once, got top_k twice"),
        ("[mood]\njolt_from = 0.9", {}, "line 1: [mood]: expected jolt_from below jolt_full, got 0.9 and 0.8"),
        ("gpu = 3", {}, "line 1, column 7: gpu: expected a table (the device that everything runs on), got 3"),
        ("", {"MIEN_GPU__THREADS": "many"}, "environment: MIEN_GPU__THREADS: "
         "expected a whole number (CPU threads of a step; unset = one per core), got 'many'"),
        ("", {"MIEN_GPU__THREDS": "1"}, "environment: MIEN_GPU__THREDS: unknown key; did you mean threads? "
         "(known: device, threads, max_waiting, replies)"),
        ("", {"MIEN_GPUS__THREADS": "1"}, "environment: MIEN_GPUS__THREADS: unknown key; did you mean gpu? "
         "(known: bot, discord, model, sampler, guidance, direction, drafts, emotion, mood, face, gpu, playground, "
         "replies, lore, scene)"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_place_its_key_and_what_was_expected(
    tmp_path: Path, text: str, environ: dict[str, str], sentence: str
) -> None:
    assert refused(tmp_path, text, environ) == sentence


def test_the_starter_reads_few_turns_and_a_big_model_many_unless_told_otherwise() -> None:
    assert Model().read_turns() == 7
    assert Model(name="big").read_turns() == 60
    assert Model(turns=20).read_turns() == 20


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(TomlError, match=r"gone\.toml: there is no such file$"):
        load_settings(tmp_path / "gone.toml", {})


def test_the_mood_table_mirrors_the_moods_own_settings() -> None:
    assert Settings().mood.model_dump() == asdict(MoodSettings())


def test_the_sampler_table_mirrors_the_engines_own_parameters() -> None:
    engine = asdict(SamplingParams())
    own = {"max_tokens", "stop", "seed", "logit_bias"}  # decided elsewhere, or of no use to people
    expected = {
        key: list(value) if isinstance(value, tuple) else value for key, value in engine.items() if key not in own
    }
    assert Settings().sampler.model_dump() == expected


def test_the_example_file_holds_every_setting_with_its_default() -> None:
    example = ROOT / "mien.example.toml"
    assert load_settings(example, {}) == Settings()
    written = tomllib.loads(example.read_text())
    for table, key, _, default in setting_paths():
        assert default is None or key in written[table], f"[{table}] {key} is not in mien.example.toml"


def test_the_page_on_settings_explains_every_one() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    for table, key, description, _ in setting_paths():
        section = page.split(f"## `[{table}]`", 1)[-1].split("\n## ", 1)[0]
        assert f"| `{key}` |" in section, f"docs/settings.md does not mention [{table}] {key}"
        assert description in section
    assert "DISCORD_TOKEN" in page


def test_the_sample_personas_stand_in_where_no_persona_folder_is(tmp_path: Path) -> None:
    own = tmp_path / "mine"
    assert Settings(bot=Bot(personas=[own])).bot.persona_roots() == [ROOT / "personas"]
    own.mkdir()
    assert Settings(bot=Bot(personas=[own])).bot.persona_roots() == [own]
