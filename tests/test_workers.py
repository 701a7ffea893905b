"""Workers are started, watched, bounded in time and always reaped.

The scripts stand in for training programs: none imports TensorFlow, each takes milliseconds.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from course_utils import workers
from course_utils.workers import WorkersError, free_ports, run_workers, tf_config

ROOT = Path(__file__).resolve().parents[1]

posix_only = pytest.mark.skipif(os.name != "posix", reason="asks the system for a process by id")


@pytest.fixture
def script(tmp_path):
    """Return a function that writes a script and returns its path."""

    def write(source):
        path = tmp_path / "a script.py"
        path.write_text("import json, os, sys, time\n" + source, encoding="utf-8")
        return path

    return write


def is_alive(pid):
    """Say whether a process exists and is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return True


def expect_gone(pids):
    """Fail unless all processes end within a few seconds."""
    last = time.monotonic() + 20
    while any(map(is_alive, pids)) and time.monotonic() < last:
        time.sleep(0.05)
    assert not any(map(is_alive, pids))


def pids_in(lines):
    return [int(line.split()[1]) for line in lines if line.startswith("pid ")]


HANGS = "print('pid', os.getpid())\ntime.sleep(300)"

# ---------------------------------------------------------------- addresses


def test_ports_are_free_and_different():
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


@pytest.mark.parametrize("count", [0, -1])
def test_too_few_ports(count):
    with pytest.raises(ValueError, match="count: expected at least 1"):
        free_ports(count)


@pytest.mark.parametrize("count", [1.5, "2", True, None])
def test_ports_are_counted_with_whole_numbers(count):
    with pytest.raises(TypeError, match="count: expected a whole number"):
        free_ports(count)


def test_without_loopback_the_error_is_readable(monkeypatch):
    class Closed(socket.socket):
        def bind(self, address):
            raise OSError(99, "Cannot assign requested address")

    monkeypatch.setattr(workers.socket, "socket", Closed)
    with pytest.raises(WorkersError, match=r"No free port on 127\.0\.0\.1 .*loopback"):
        free_ports(1)


def test_config_names_all_workers_and_this_one():
    config = json.loads(tf_config([2001, 2002, 2003], 2))
    assert config == {
        "cluster": {"worker": ["127.0.0.1:2001", "127.0.0.1:2002", "127.0.0.1:2003"]},
        "task": {"type": "worker", "index": 2},
    }


@pytest.mark.parametrize(
    ("ports", "index", "says"),
    [
        ([], 0, "ports: expected at least one"),
        ([1], 1, "from 0 to 0, got 1"),
        ([1], -1, "from 0 to 0, got -1"),
    ],
)
def test_config_refuses(ports, index, says):
    with pytest.raises(ValueError, match=says):
        tf_config(ports, index)


# ---------------------------------------------------------------- a run that ends well


def test_each_worker_knows_who_it_is_and_gets_its_arguments(script):
    path = script(
        "config = json.loads(os.environ['TF_CONFIG'])\n"
        "print(json.dumps([config['task']['index'], config['cluster'], sys.argv[1:]]))"
    )
    results = run_workers(path, workers=3, arguments=["ä b", 7])
    said = [json.loads(result.lines[0]) for result in results]
    assert [index for index, _, _ in said] == [0, 1, 2] == [result.index for result in results]
    assert all(arguments == ["ä b", "7"] for _, _, arguments in said)
    assert len({json.dumps(cluster) for _, cluster, _ in said}) == 1
    assert len(set(said[0][1]["worker"])) == 3
    assert [(result.returncode, result.killed) for result in results] == 3 * [(0, False)]


def test_the_script_is_the_main_program_and_finds_its_neighbours_and_the_course(script):
    path = script("import neighbour, course_utils\nprint(__name__, neighbour.x, sys.argv[0])")
    (path.parent / "neighbour.py").write_text("x = 3")
    (result,) = run_workers(path, workers=1)
    assert result.lines == (f"__main__ 3 {path}",), result.errors


def test_environment(script, monkeypatch):
    monkeypatch.setenv("no_proxy", "example.org")
    monkeypatch.setenv("TF_CONFIG", "that of another cluster")
    path = script(
        "for n in 'no_proxy NO_PROXY CUDA_VISIBLE_DEVICES MINE'.split(): print(os.environ[n])"
    )
    (result,) = run_workers(path, workers=1, environment={"MINE": "1", "TF_CONFIG": "x"})
    proxy, other, gpus, mine = result.lines
    assert proxy == "example.org,127.0.0.1,localhost"
    assert "127.0.0.1" in other
    assert (gpus, mine) == ("-1", "1")
    assert os.environ["TF_CONFIG"] == "that of another cluster"


def test_standard_input_is_empty(script):
    (result,) = run_workers(script("print(repr(sys.stdin.read()))"), workers=1)
    assert result.lines == ("''",)


def test_lines_are_handed_out_in_order_and_much_output_does_not_block(script):
    seen = {0: [], 1: []}
    path = script("for n in range(20000): print(n)\nprint('e' * 200000, file=sys.stderr)")
    results = run_workers(path, on_line=lambda worker, line: seen[worker.index].append(line))
    for result in results:
        assert result.lines == tuple(map(str, range(20000))) == tuple(seen[result.index])
        assert len(result.errors) == 200000


def test_a_script_that_fails_is_a_result(script):
    (result,) = run_workers(script("print('before')\n1 / 0"), workers=1)
    assert result.returncode == 1 and not result.killed
    assert result.lines == ("before",)
    assert result.errors.splitlines()[-1] == "ZeroDivisionError: division by zero"


# ---------------------------------------------------------------- killing and reaping


@posix_only
def test_on_line_can_kill_one_and_the_others_go_on(script):
    path = script(
        "print('pid', os.getpid())\n"
        "if '\"index\": 1}' in os.environ['TF_CONFIG']: time.sleep(300)\n"
        "print('done')"
    )

    def kill_second(worker, line):
        if worker.index == 1:
            worker.kill()
            worker.kill()

    first, second = run_workers(path, on_line=kill_second)
    assert (first.returncode, first.killed, first.lines[-1]) == (0, False, "done")
    assert second.returncode != 0 and second.killed
    expect_gone(pids_in(first.lines + second.lines))


def test_the_temporary_folder_of_killed_workers_is_removed(script):
    path = script(
        "import tempfile\nprint(tempfile.mkstemp()[1])\nprint('made', flush=True)\ntime.sleep(300)"
    )

    def kill_it(worker, line):
        if line == "made":
            worker.kill()

    results = run_workers(path, on_line=kill_it)
    made = [Path(result.lines[0]) for result in results]
    assert all(result.killed for result in results) and len(set(made)) == 2
    assert not any(path.exists() or path.parent.exists() for path in made)


@posix_only
def test_time_is_bounded_and_nobody_is_left(script):
    seen = []
    begun = time.monotonic()
    with pytest.raises(WorkersError, match="Not finished after 2 s: worker 0 and 1") as caught:
        run_workers(script(HANGS), seconds=2, on_line=lambda worker, line: seen.append(line))
    assert time.monotonic() - begun < 30
    assert "The last line printed was: pid" in str(caught.value)
    assert len(seen) == 2
    expect_gone(pids_in(seen))


@posix_only
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_on_line_raises_ends_all(script, error):
    seen = []

    def raise_at_second(worker, line):
        seen.append(line)
        if len(seen) == 2:
            raise error

    with pytest.raises(error):
        run_workers(script(HANGS), on_line=raise_at_second)
    expect_gone(pids_in(seen))


@posix_only
def test_those_that_a_worker_started_end_with_it(script):
    path = script(
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "print('pid', child.pid)\nprint('pid', os.getpid())\ntime.sleep(300)"
    )

    def kill_it(worker, line):
        if len(worker.lines) == 2:
            worker.kill()

    (result,) = run_workers(path, workers=1, on_line=kill_it)
    assert len(pids_in(result.lines)) == 2
    expect_gone(pids_in(result.lines))


@posix_only
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_workers_do_not_outlive_the_process_that_started_them(script, name):
    """As when a kernel is restarted, or interrupted from its terminal."""
    code = (
        "import sys\nfrom course_utils.workers import run_workers\n"
        "from tests.fresh_process import obey_interrupts\nobey_interrupts()\n"
        "run_workers(sys.argv[1], on_line=lambda worker, line: print(line, flush=True))"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code, str(script(HANGS))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        pids = pids_in([starter.stdout.readline(), starter.stdout.readline()])
        assert len(pids) == 2
        starter.send_signal(getattr(signal, name))
        starter.wait(timeout=60)
    finally:
        starter.kill()
        starter.wait()
        starter.stdout.close()
    expect_gone(pids)


def test_a_worker_ends_by_its_own_clock(script):
    """The last resort, where neither the starter nor Python's threads can act."""
    with subprocess.Popen(
        [sys.executable, "-m", "course_utils.workers", "1", str(script("time.sleep(300)"))],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.wait(timeout=60) != 0


def test_after_a_failure_the_others_get_some_time(script, monkeypatch):
    asked, usual = [], workers._port_was_taken
    monkeypatch.setattr(workers, "PATIENCE", 0.5)
    monkeypatch.setattr(
        workers, "_port_was_taken", lambda one: asked.append(one.is_running()) or usual(one)
    )
    path = script("if '\"index\": 0}' in os.environ['TF_CONFIG']: sys.exit(3)\ntime.sleep(300)")
    first, second = run_workers(path)
    assert (first.returncode, first.killed) == (3, False)
    assert second.killed
    assert asked and not any(asked), "it waits for the last words of a worker that still runs"


# ---------------------------------------------------------------- a port that was taken


def test_a_clash_of_ports_starts_all_again_on_other_ports(script, tmp_path):
    """The first start finds no mark and fails as TensorFlow does; the second goes well."""
    mark = tmp_path / "mark"
    path = script(
        f"mark = {str(mark)!r}\nconfig = json.loads(os.environ['TF_CONFIG'])\n"
        "if config['task']['index'] == 1: time.sleep(0.2 if os.path.exists(mark) else 300)\n"
        "elif not os.path.exists(mark):\n"
        "    open(mark, 'w').write(os.environ['TF_CONFIG'])\n"
        "    sys.exit('UnknownError: Could not start gRPC server')\n"
        "print(os.environ['TF_CONFIG'])"
    )
    first, second = run_workers(path)
    assert (first.returncode, second.returncode) == (0, 0)
    assert json.loads(first.lines[0])["cluster"] != json.loads(mark.read_text())["cluster"]


def test_clashes_without_end_are_an_error(script):
    path = script("print(1)\nsys.exit('bind: Address already in use')")
    with pytest.raises(WorkersError, match="3 times another process took a port"):
        run_workers(path)


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"workers": 0}, ValueError, "workers: expected at least 1"),
        ({"workers": 1.0}, TypeError, "workers: expected a whole number"),
        ({"seconds": 0}, ValueError, "seconds: expected a finite number above 0"),
        ({"seconds": float("nan")}, ValueError, "seconds: expected a finite number above 0"),
        ({"seconds": "1"}, TypeError, "seconds: expected a number"),
        ({"arguments": "a b"}, TypeError, "arguments: expected a list"),
        ({"on_line": "print"}, TypeError, "on_line: expected a function"),
    ],
)
def test_arguments_are_checked(script, options, error, says):
    with pytest.raises(error, match=says):
        run_workers(script("print(1)"), **options)


def test_a_script_must_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .nothing\.py."):
        run_workers(tmp_path / "nothing.py")


def test_where_no_process_can_be_started_the_error_is_readable(script, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(workers.subprocess, "Popen", refuse)
    with pytest.raises(WorkersError, match="No process can be started here"):
        run_workers(script("print(1)"))
