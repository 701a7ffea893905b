"""The benchmarks run on something tiny and report plausible rows."""

import doctest
import json
import sys
from pathlib import Path

import nbformat
import pytest

from tools import bench


def write_notebook(path, *sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells.insert(0, nbformat.v4.new_markdown_cell("# Tiny"))
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, path)
    return path


def test_doctests():
    results = doctest.testmod(bench)
    assert results.attempted == 1
    assert results.failed == 0


def test_a_tiny_notebook(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench, "find_lesson", Path)
    path = write_notebook(
        tmp_path / "00_tiny.ipynb",
        "import course_utils, os, time",
        "ballast = bytearray(os.urandom(1000) * 150_000)\ntime.sleep(0.7)",
        "raise RuntimeError('expected')",
        "assert os.environ['COURSE_QUIET'] == '1'",
        "assert '00_tiny.ipynb' in os.listdir()",
    )
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[3].metadata.tags = ["raises-exception"]
    nbformat.write(notebook, path)
    before = path.read_bytes()
    report = tmp_path / "bench.json"
    epochs = iter([1.0, 3.0])
    monkeypatch.setattr(
        bench, "measure_epoch", lambda: bench.Row("epoch", "loop", next(epochs), 1.0)
    )
    assert bench.main(["--lesson", str(path), "--json", str(report)]) == 0
    content = json.loads(report.read_text(encoding="utf-8"))
    first, row, last = content["rows"]
    assert [first["benchmark"], last["benchmark"]] == ["epoch", "epoch"]
    assert row["epochs"] == pytest.approx(row["seconds"] / 2.0)
    assert row["benchmark"] == "lessons"
    assert row["subject"] == "00_tiny"
    assert row["ok"] is True
    assert row["note"].startswith("slowest: code cell 2, ")
    assert 0.7 < row["seconds"] < 120
    assert 150 < row["mebibytes"] < 2000  # 143 MiB of ballast, and the kernel itself
    assert content["machine"]["processors"] >= 1
    assert path.read_bytes() == before
    printed = capsys.readouterr().out
    header, _, line, _ = printed.strip().splitlines()[-4:]
    assert header.split() == ["benchmark", "subject", "seconds", "epochs", "MiB", "note"]
    assert line.split()[:2] == ["lessons", "00_tiny"]
    assert line.index("slowest") == header.index("note")


def test_a_failing_notebook_is_reported(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench, "find_lesson", Path)
    path = write_notebook(tmp_path / "bad.ipynb", "x = 1", "nothing_of_this_name")
    failed = bench.Row("epoch", "loop", 0.0, 0.0, "failed: no memory", ok=False)
    monkeypatch.setattr(bench, "measure_epoch", lambda: failed)
    assert bench.main(["--lesson", str(path)]) == 1
    line = capsys.readouterr().out.strip().splitlines()[-2]
    assert line.endswith(
        "failed in code cell 2: NameError: name 'nothing_of_this_name' is not defined"
    )


def test_a_dying_kernel_is_reported(tmp_path):
    path = write_notebook(tmp_path / "dead.ipynb", "import os\nos._exit(3)")
    row = bench.measure_notebook(path)
    assert not row.ok
    assert row.note.startswith("failed in code cell 1: ")


def test_imports_are_measured_in_fresh_processes():
    row = bench.measure_import("json.tool", 2)
    assert row.ok
    assert 0 < row.seconds < 30
    assert 5 < row.mebibytes < 500
    assert row.note.startswith("median of 2 processes, ")


def test_a_failing_import_is_reported():
    row = bench.measure_import("no_such_module", 2)
    assert not row.ok
    assert "No module named 'no_such_module'" in row.note


def test_import_benchmark_names_the_parts(monkeypatch):
    monkeypatch.setattr(bench, "measure_import", lambda module, repeats: (module, repeats))
    rows = dict(bench.imports(bench.Options(notebooks=())))
    assert set(rows) == {"course_utils", "course_utils.data", "course_utils.plots", "tensorflow"}
    assert min(rows.values()) >= 3  # several, for a median


def test_a_race_takes_turns_and_keeps_the_best_round(monkeypatch):
    clock, order = [0.0], []
    monkeypatch.setattr(bench.time, "perf_counter", lambda: clock[0])

    def runner(name, seconds):
        waits = iter(seconds)

        def run():
            order.append(name)
            clock[0] += next(waits)

        return run

    speeds = bench.race(
        {"a": (runner("a", [50.0, 4.0, 2.0]), 10), "b": (runner("b", [1.0, 5.0, 10.0]), 20)}, 2
    )
    assert order == ["a", "b"] * 3
    assert speeds == {"a": 5.0, "b": 4.0}  # the first round, in which b is fast, does not count


def test_loops_are_measured_in_a_process_of_their_own(monkeypatch):
    monkeypatch.setattr(bench, "LOOPS", (("mlp", 4, 2, 1),))
    rows = list(bench.loops(bench.Options(notebooks=())))
    assert all(row.ok for row in rows), rows[0].note
    speeds = {}
    for row in rows:
        model, contestant = row.subject.split(", ")
        assert (row.benchmark, model) == ("loops", "mlp")
        speeds[contestant] = 1_000 / row.seconds
        assert row.note.startswith(f"{speeds[contestant]:.0f} steps a second")
        assert 100 < row.mebibytes < 4000
    plain = ["eager", "graph", "fit 1", "fit 32", "loop 1", "loop 32", "loop 32 xla"]
    assert list(speeds) == plain
    notes = {row.subject.split(", ")[1]: row.note for row in rows}
    for own, other in bench.RATIOS:
        assert f"{speeds[own] / speeds[other]:.2f} times {other}" in notes[own]


def test_a_failing_race_is_reported(monkeypatch):
    monkeypatch.setattr(bench, "LOOPS", (("nothing", 4, 2, 1),))
    (row,) = bench.loops(bench.Options(notebooks=()))
    assert not row.ok
    assert "has no attribute 'build_nothing'" in row.note


def test_an_epoch_of_the_published_loop_is_measured(monkeypatch):
    row = bench.measure_epoch(digits=256)
    assert row.ok, row.note
    assert (row.benchmark, row.epochs, row.note) == ("epoch", None, "256 digits")
    assert 0.03 < row.seconds < 20  # 4 steps of a network of half a million weights
    assert 300 < row.mebibytes < 4000
    monkeypatch.setattr(bench, "call_in_process", lambda call: (None, "failed: no memory"))
    row = bench.measure_epoch()
    assert (row.ok, row.note) == (False, "failed: no memory")


def test_without_a_measured_epoch_the_rows_stay_as_they_are():
    rows = [bench.Row("epoch", "loop", 0.0, 0.0, ok=False), bench.Row("lessons", "a", 2.0, 1.0)]
    assert bench.in_epochs(rows) == rows


def test_the_slowest_files_are_added_up_and_sorted():
    cases = [("a.py", 1.5), ("b.ipynb", 2.0), ("a.py", 1.0), *((f"c{n}.py", 0.1) for n in range(9))]
    lines = "".join(f'<testcase file="{file}" time="{time}"/>' for file, time in cases)
    rows = list(bench.slowest_files(f"<testsuites><testsuite>{lines}</testsuite></testsuites>"))
    assert len(rows) == bench.SLOWEST
    assert (rows[0].subject, rows[0].seconds, rows[0].note) == ("a.py", 2.5, "2 tests")
    assert (rows[1].subject, rows[1].note) == ("b.ipynb", "1 tests")


def test_a_command_is_measured():
    row = bench.measure_command("suite", "all", [sys.executable, "-c", "print('one\\ntwo')"])
    assert (row.ok, row.note) == (True, "two")
    row = bench.measure_command("suite", "all", [sys.executable, "-c", "raise SystemExit(3)"])
    assert (row.ok, row.note) == (False, "ended with 3")


def test_the_suite_is_what_make_test_runs(monkeypatch):
    seen = []

    def pretend(*arguments):
        seen.append(arguments)
        (report,) = [word for word in arguments[2] if word.startswith("--junitxml=")]
        Path(report.partition("=")[2]).write_text(
            '<testsuite><testcase file="a" time="2"/></testsuite>'
        )
        return bench.Row("suite", "all", 3.0, 1.0)

    monkeypatch.setattr(bench, "measure_command", pretend)
    rows = list(bench.suite(bench.Options(notebooks=())))
    assert [(row.subject, row.seconds) for row in rows] == [("all", 3.0), ("a", 2.0)]
    ((name, subject, command),) = seen
    assert (name, subject) == ("suite", "all")
    assert command[:3] == [sys.executable, "-m", "pytest"]
    assert {"--nbval", "tests", "notebooks"} <= set(command)


def test_which_benchmarks_run(monkeypatch, capsys):
    ran = []

    def fake(name):
        def run(options):
            ran.append(name)
            yield bench.Row(name, "thing", 1.0, 2.0)

        return run

    for name in list(bench.BENCHMARKS):
        monkeypatch.setitem(bench.BENCHMARKS, name, fake(name))

    def chosen(*arguments):
        ran.clear()
        assert bench.main(arguments) == 0
        return list(ran)

    assert chosen() == ["imports", "lessons", "loops"]
    assert chosen("--suite") == ["imports", "lessons", "loops", "suite"]
    assert chosen("--lesson", "03") == ["lessons"]
    assert chosen("imports") == ["imports"]
    assert chosen("suite", "--suite") == ["suite"]
    monkeypatch.setitem(bench.BENCHMARKS, "training", fake("training"))
    assert chosen() == ["imports", "lessons", "loops", "training"]
    with pytest.raises(SystemExit):
        bench.main(["nothing"])
    assert "no benchmark 'nothing'. There are: imports, lessons" in capsys.readouterr().err


def test_benchmarks_register_once(monkeypatch):
    monkeypatch.setattr(bench, "BENCHMARKS", {})

    @bench.benchmark("mine")
    def mine(options):
        yield bench.Row("mine", "thing", 1.0, 2.0)

    assert list(bench.BENCHMARKS.items()) == [("mine", mine)]
    with pytest.raises(ValueError, match="there is a benchmark 'mine' already"):
        bench.benchmark("mine")(mine)


def test_a_lesson_that_is_not_there_is_named(capsys):
    with pytest.raises(SystemExit):
        bench.main(["--lesson", "99"])
    assert "no lesson '99'" in capsys.readouterr().err
