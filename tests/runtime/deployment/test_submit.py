"""What a submission is made of, how a run is followed, and when it is submitted again; no process is started."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from fedqmix.runtime.cli.submit import _by_name, checked, submit_command
from fedqmix.runtime.configuration import overrides as written
from fedqmix.runtime.core.errors import ConfigurationError, FederationError
from fedqmix.runtime.deployment import following
from fedqmix.runtime.deployment.following import Following
from fedqmix.runtime.deployment.progress_file import ProgressFile
from fedqmix.runtime.deployment.submission import RunState, State, SuperLink, UnreachableError
from fedqmix.runtime.deployment.temporary_certs import make_certificates

GOING_ON, FINISHED = RunState(State.GOING_ON, "running"), RunState(State.FINISHED)
LOST = RunState(State.LOST, "the SuperLink was restarted")
SILENT = UnreachableError("the SuperLink at a:1 cannot be reached: refused")


class ScriptedLink:
    """Answers each question for the state of a run with the next of `answers`."""

    def __init__(self, *answers: RunState | UnreachableError) -> None:
        self.answers = list(answers)
        self.started: list[list[str]] = []
        self.stopped: list[int] = []
        self.runs: dict[int, list[str]] = {}

    def __enter__(self) -> "ScriptedLink":
        return self

    def __exit__(self, *error: object) -> None:
        return

    def same(self, overrides: Sequence[str]) -> set[int]:
        return {number for number, words in self.runs.items() if words == list(overrides)}

    def start(self, overrides: Sequence[str]) -> int:
        self.started.append(list(overrides))
        return len(self.started)

    def state(self, run: int) -> RunState:
        assert run == len(self.started)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, UnreachableError):
            raise answer
        return answer

    def stop(self, run: int) -> None:
        self.stopped.append(run)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "ASK", 0.0)
    monkeypatch.setattr(following, "LOOK", 0.0)


def followed(
    link: ScriptedLink, folder: Path, patience: float = 60, *, begun: bool = True
) -> tuple[list[int], list[str]]:
    """Follow a run to its end; return the env steps that were shown, and what was said."""
    if begun:
        folder.mkdir()
        (folder / "run.json").write_text("{}")
    said: list[str] = []
    words = ["seed=3", "stop.env_steps=9", f"run_dir={folder}"]
    follows = Following(cast(SuperLink, link), words, str(folder), folder, patience)
    return [int(row["env_step"]) for row in follows.rows(said.append) if row is not None], said


def test_a_run_that_ends_well_is_submitted_once(tmp_path: Path) -> None:
    link = ScriptedLink(GOING_ON, SILENT, GOING_ON, FINISHED)
    assert followed(link, tmp_path / "run") == ([], [])
    assert link.started == [["seed=3", "stop.env_steps=9", f"run_dir={tmp_path}/run"]]


class Overloaded(ScriptedLink):
    """Does not answer the first submission in time; taken: whether it goes on all the same, as run 1."""

    def __init__(self, taken: bool) -> None:
        super().__init__(GOING_ON, FINISHED)
        self.taken = taken

    def start(self, overrides: Sequence[str]) -> int:
        number = super().start(overrides)
        if number == 1:
            self.runs |= {1: list(overrides)} if self.taken else {}
            raise SILENT
        return number

    def state(self, run: int) -> RunState:
        assert run == (1 if self.taken else 2)
        return self.answers.pop(0)


@pytest.mark.parametrize("taken", [True, False])
def test_a_submission_whose_answer_was_lost_is_not_repeated_if_it_was_taken(tmp_path: Path, taken: bool) -> None:
    link = Overloaded(taken)
    followed(link, tmp_path / "run")
    assert len(link.started) == (1 if taken else 2)


def test_a_run_of_somebody_elses_is_never_taken_for_ours(tmp_path: Path) -> None:
    """Neither one in the same folder with other settings nor one that was there before, whatever it is called."""
    link = Overloaded(taken=False)
    folder = f"run_dir={tmp_path}/run"
    link.runs = {7: ["seed=4", folder], 8: ["seed=3", "stop.env_steps=9", folder]}
    followed(link, tmp_path / "run")
    assert len(link.started) == 2


def test_a_lost_run_goes_on_from_its_folder_with_what_may_change(tmp_path: Path) -> None:
    link = ScriptedLink(GOING_ON, LOST, GOING_ON, LOST, GOING_ON, FINISHED)
    _, said = followed(link, tmp_path / "a run")
    again = [f"resume='{tmp_path}/a run'", "stop.env_steps=9"]
    assert link.started[1:] == [again, again]
    assert said == ["the run was lost (the SuperLink was restarted); it is submitted again"] * 2
    assert written.parse(again)[0].value() == f"{tmp_path}/a run"


def test_a_run_lost_before_it_began_begins_again(tmp_path: Path) -> None:
    link = ScriptedLink(LOST, FINISHED)
    followed(link, tmp_path / "run", begun=False)
    assert link.started[0] == link.started[1]


def test_a_lost_run_whose_folder_cannot_be_seen_is_resumed(tmp_path: Path) -> None:
    link = ScriptedLink(LOST, FINISHED)
    words = ["seed=3", "run_dir=runs/a"]
    list(Following(cast(SuperLink, link), words, "runs/a", tmp_path / "elsewhere" / "a", 60).rows(print))
    assert link.started == [words, ["resume=runs/a"]]


def test_patience_with_a_run_that_is_lost_time_and_again(tmp_path: Path) -> None:
    with pytest.raises(FederationError, match="lost repeatedly; for 0 s it made no progress"):
        followed(ScriptedLink(LOST), tmp_path / "run", patience=1e-9)


def test_patience_with_a_superlink_that_is_silent(tmp_path: Path) -> None:
    with pytest.raises(FederationError, match=r"a:1 cannot be reached: refused. It did not answer for"):
        followed(ScriptedLink(GOING_ON, SILENT), tmp_path / "run", patience=1e-9)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            RunState(State.FAILED, "gradient of gru.weight_hh is not finite"),
            "^gradient of gru.weight_hh is not finite$",
        ),
        (RunState(State.STOPPED), "another process stopped the run"),
    ],
)
def test_a_run_that_failed_is_not_submitted_again(tmp_path: Path, state: RunState, message: str) -> None:
    link = ScriptedLink(GOING_ON, state)
    with pytest.raises(FederationError, match=message):
        followed(link, tmp_path / "run")
    assert len(link.started) == 1


def test_rows_are_shown_as_they_come_and_the_last_ones_too(tmp_path: Path) -> None:
    run = tmp_path / "run"

    class WritingLink(ScriptedLink):
        def state(self, number: int) -> RunState:
            found = super().state(number)
            with (run / "progress.jsonl").open("a") as file:
                file.write(json.dumps({"env_step": len(self.answers)}) + "\n")
            return found

    assert followed(WritingLink(GOING_ON, GOING_ON, FINISHED), run) == ([2, 1, 1], [])


def test_progress_leaves_out_what_is_old_or_unfinished(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    assert ProgressFile(tmp_path).new() == []
    file.write_text('{"env_step": 1}\n')
    progress = ProgressFile(tmp_path)
    assert progress.new() == []
    with file.open("a") as writing:
        writing.write('{"env_step": 2}\n{"env_s')
    assert progress.new() == [{"env_step": 2}]
    with file.open("a") as writing:
        writing.write('tep": 3}\n')
    assert progress.new() == [{"env_step": 3}]
    file.write_text('{"env_step": 2}\n')
    assert progress.new() == [{"env_step": 2}]


def test_both_sides_call_the_run_folder_the_same() -> None:
    overrides, run_dir, config = checked(["map=3m", "strategy=rs_pps"])
    assert overrides == ["map=3m", "strategy=rs_pps", f"run_dir={run_dir}"]
    assert config is not None
    assert config.run_dir == run_dir
    assert checked(["run_dir=runs/mine"])[:2] == (["run_dir=runs/mine"], "runs/mine")


def test_a_run_folder_elsewhere_is_checked_there() -> None:
    assert checked(["resume=runs/there", "stop.env_steps=9"]) == (
        ["resume=runs/there", "stop.env_steps=9"],
        "runs/there",
        None,
    )


@pytest.mark.parametrize("word", ["run_dir=/somewhere/else", "run_dir=../x", "resume=../x", "resume=/nowhere"])
def test_a_folder_elsewhere_is_refused_before_anything_is_sent(word: str) -> None:
    with pytest.raises(ConfigurationError, match="only a name under it is allowed"):
        submit_command(["insecure=true", "superlink=127.0.0.1:1", word])


def test_a_run_folder_may_be_completed_by_the_shell(tmp_path: Path) -> None:
    """An absolute path within runs= becomes the name that the SuperLink knows it by."""
    words = [f"run_dir='{tmp_path}/my runs/a'", "seed=3", f"resume={tmp_path}/b", f"init_from={tmp_path}/c/checkpoints"]
    named = ["run_dir='runs/my runs/a'", "seed=3", "resume=runs/b", "init_from=runs/c/checkpoints"]
    assert _by_name(words, tmp_path) == named


def test_a_folders_name_with_a_reference_is_resolved_before_it_is_sent() -> None:
    overrides, run_dir, _ = checked(["map=3m", "seed=4", "run_dir='runs/mine-s${seed}'"])
    assert run_dir == "runs/mine-s4"
    assert overrides == ["map=3m", "seed=4", "run_dir=runs/mine-s4"]


@pytest.mark.parametrize(
    "value", ["runs/a-1.2_b", "a run", "it's", r"back\slash", "end\\", r"\'", "k=v,w", "${seed}", "[x]"]
)
def test_a_quoted_value_is_read_as_it_was(value: str) -> None:
    (parsed,) = written.parse([f"run_dir={written.quoted(value)}"])
    assert parsed.value() == value


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["strategy=a_psp", "insecure=true"], "did you mean 'a_pps'"),
        (["seed=1,2", "insecure=true"], "names several values"),
        (["seed=1"], "fedqmix submit needs certs=DIR, the folder of submit"),
        (["insecure=true", "superlink=here"], "superlink=here must be host:port"),
        (["insecure=true", "follow=maybe"], "follow=maybe must be true or false"),
    ],
)
def test_mistakes_are_told_before_anything_is_sent(words: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        submit_command(words)


class EndedLink(ScriptedLink):
    """One whose runs are stopped from a connection of its own."""

    def __init__(self) -> None:
        super().__init__(GOING_ON)
        self.other = ScriptedLink(GOING_ON)

    def start(self, overrides: Sequence[str]) -> int:
        super().start(overrides)
        self.other.runs = {6: list(overrides), 7: list(overrides), 8: ["run_dir=runs/a", "seed=4"]}
        raise KeyboardInterrupt  # the SuperLink has it, and its answer was not heard

    def anew(self) -> ScriptedLink:
        return self.other


def test_a_run_that_was_taken_while_submit_was_interrupted_is_stopped(tmp_path: Path) -> None:
    """And by another connection: the interrupted one may hold its own lock."""
    link = EndedLink()
    link.runs = {6: ["run_dir=runs/a"]}
    follows = Following(cast(SuperLink, link), ["run_dir=runs/a"], "runs/a", tmp_path, 60)
    with pytest.raises(KeyboardInterrupt):
        list(follows.rows(print))
    assert follows.stop()
    assert (link.stopped, link.other.stopped) == ([], [7])


def test_the_folder_of_all_parties_is_answered_with_the_one_that_is_needed(tmp_path: Path) -> None:
    make_certificates(tmp_path, 1)
    with pytest.raises(ConfigurationError, match=rf"several parties; fedqmix submit needs certs={tmp_path}/submit"):
        submit_command([f"certs={tmp_path}"])
