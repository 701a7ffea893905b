"""The course as a newcomer meets it: JupyterLab in a browser runs a lesson from top to bottom.

JupyterLab starts through the code behind `make lab`; headless Chromium opens the address that it
prints, chooses "Run All Cells" from the menu with the mouse, and looks at the outputs on the page.
The notebooks are copies in a temporary folder, and the user's own Jupyter settings are not read.
"""

import contextlib
import json
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest

from tools.manage import lab_command
from tools.structure import is_folded
from tools.venv import environment

ROOT = Path(__file__).resolve().parent.parent
LESSONS = ["00_start_here", "03_eager_and_graph"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)

SECONDS_TO_START = 90
SECONDS_TO_RUN = 300

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason=f"no Chromium on this machine (looked for {', '.join(BROWSERS)})"
)


def wait_for(look, seconds: float, what: str):
    """Return the first true answer of ``look()``; fail when none comes in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = look()
        if answer:
            return answer
        time.sleep(0.2)
    pytest.fail(f"{what} did not come within {seconds} s")


def end(process: subprocess.Popen) -> None:
    """End a process, by force where it does not go by itself."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=20)


class Server:
    """A running JupyterLab: its process, the address that it printed, and its token."""

    def __init__(self, process: subprocess.Popen, log: Path) -> None:
        self.process, self.log = process, log
        self.url = wait_for(self._printed_url, SECONDS_TO_START, "JupyterLab's address")
        self.base, self.token = self.url.split("/lab/", 1)[0], self.url.split("token=", 1)[1]

    def _printed_url(self) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace")
        assert self.process.poll() is None, f"JupyterLab ended:\n{text}"
        found = re.search(r"http://(?:localhost|127\.0\.0\.1):\d+/lab/\S*\?token=\w+", text)
        return found[0] if found else ""

    def ask(self, path: str, *, token: str | None = None, method: str = "GET"):
        """Return what the server's API answers; HTTPError where it refuses."""
        headers = {"Authorization": f"token {token}"} if token else {}
        request = urllib.request.Request(self.base + path, headers=headers, method=method)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")


def copy_without_outputs(lesson: str, folder: Path) -> Path:
    """Copy a lesson as a fresh learner would see it before the first run."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{lesson}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    path = folder / f"{lesson}.ipynb"
    nbformat.write(notebook, path)
    return path


def private_jupyter(home: Path) -> dict[str, str]:
    """Return variables that keep Jupyter away from the user's files, and set it a trap.

    The trap is a kernel of the user's own that is called python3, as ours is, and cannot start.
    """
    kernel = home / "data" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    broken = {"argv": ["no-such-program"], "display_name": "The user's own", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(broken), encoding="utf-8")
    settings = home / "config" / "lab" / "user-settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    # All cells stand on the page, also those that are scrolled out of sight.
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    names = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
    return {f"JUPYTER_{name}_DIR": str(home / folder) for name, folder in names.items()}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    (root / "notebooks").mkdir()
    for lesson in LESSONS:
        if (ROOT / "notebooks" / f"{lesson}.ipynb").exists():
            copy_without_outputs(lesson, root / "notebooks")
    home = tmp_path_factory.mktemp("jupyter")
    environ = {**environment(), **private_jupyter(home), "PYTHONPATH": str(ROOT)}
    first = root / "notebooks" / f"{LESSONS[0]}.ipynb"
    command = lab_command(sys.executable, first, root, browser=False)
    log = home / "log.txt"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command,
            cwd=root,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        started = Server(process, log)
        yield started
        with contextlib.suppress(OSError):  # ends the kernels, too
            started.ask("/api/shutdown", token=started.token, method="POST")
            process.wait(timeout=20)
    finally:
        end(process)


class Page:
    """A page of the browser, driven through Chromium's DevTools protocol."""

    def __init__(self, port: int, url: str) -> None:
        import websocket

        new = urllib.request.Request(f"http://127.0.0.1:{port}/json/new?about:blank", method="PUT")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(new, timeout=20) as answer:
            address = json.loads(answer.read())["webSocketDebuggerUrl"]
        self.socket = websocket.create_connection(
            address, timeout=60, suppress_origin=True, http_no_proxy=["127.0.0.1"]
        )
        self.count = 0
        self.call("Page.navigate", url=url)

    def call(self, method: str, **params):
        """Send a command and return its result."""
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == self.count:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]

    def evaluate(self, expression: str):
        """Return the value of a JavaScript expression on the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, f"{expression}: {result['exceptionDetails']}"
        return result["result"].get("value")

    def click(self, selector: str, text: str = "") -> None:
        """Click the first visible element that the selector finds and that has the text."""
        find = f"""(() => {{
            for (const found of document.querySelectorAll({json.dumps(selector)})) {{
                const box = found.getBoundingClientRect();
                const wanted = {json.dumps(text)};
                if (box.width && (!wanted || found.textContent.trim() === wanted))
                    return [box.x + box.width / 2, box.y + box.height / 2];
            }}
            return null;
        }})()"""
        x, y = wait_for(lambda: self.evaluate(find), 30, f"{selector} {text}".strip())
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = {"button": "left", "clickCount": 1} if kind != "mouseMoved" else {}
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def close(self) -> None:
        """Close the page."""
        with contextlib.suppress(Exception):
            self.call("Page.close")
        self.socket.close()


@pytest.fixture(scope="module")
def devtools_port(tmp_path_factory):
    profile = tmp_path_factory.mktemp("profile")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]
    command += ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
    command += ["--disable-sync", "--disable-dev-shm-usage", "--no-proxy-server"]
    command += ["--window-size=1400,1000", "--remote-debugging-port=0"]
    command += [f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def read_port() -> int:
        assert process.poll() is None, "Chromium ended at once"
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((profile / "DevToolsActivePort").read_text().splitlines()[0])
        return 0

    try:
        yield wait_for(read_port, SECONDS_TO_START, "Chromium")
    finally:
        end(process)


@pytest.fixture
def open_page(devtools_port):
    pages = []

    def open_url(url: str) -> Page:
        pages.append(Page(devtools_port, url))
        return pages[-1]

    yield open_url
    for page in pages:
        page.close()


PROMPTS = """[...document.querySelectorAll('.jp-CodeCell')].map(cell =>
    cell.querySelector('.jp-InputPrompt').textContent.trim())"""
# An error while an output is being drawn reaches the page as text on stderr.
ERRORS = """[...document.querySelectorAll('.jp-OutputArea-output')].filter(output =>
    output.dataset.mimeType === 'application/vnd.jupyter.error'
    || (output.dataset.mimeType === 'application/vnd.jupyter.stderr'
        && output.textContent.includes('Traceback (most recent call last)'))
).map(output => output.textContent)"""
PICTURES = """[...document.querySelectorAll('.jp-OutputArea-output img')].map(image =>
    [image.complete, image.naturalWidth, image.naturalHeight])"""


def stored_pictures(lesson: str) -> int:
    """Return how many pictures the committed outputs of a lesson hold."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{lesson}.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_a_request_without_the_token_is_refused(server):
    for path in ("/api/contents", "/api/sessions"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            server.ask(path)
        assert refused.value.code == 403
    assert server.ask("/api/contents", token=server.token)["type"] == "directory"


def test_the_course_kernel_comes_before_a_user_kernel_of_the_same_name(server):
    found = server.ask("/api/kernelspecs", token=server.token)
    assert found["default"] == "python3"
    argv = found["kernelspecs"]["python3"]["spec"]["argv"]
    assert "ipykernel_launcher" in argv, f"the kernel is {argv}"


@needs_chromium
@pytest.mark.parametrize("lesson", LESSONS)
def test_all_cells_of_a_lesson_run_in_the_browser(lesson, server, open_page):
    source = nbformat.read(ROOT / "notebooks" / f"{lesson}.ipynb", as_version=4)
    cells = [cell for cell in source.cells if cell.cell_type == "code"]
    last = max(place for place, cell in enumerate(cells, start=1) if not is_folded(cell))
    unfolded = sum(not is_folded(cell) for cell in cells)
    url = server.url  # the one that is printed opens the first lesson
    if lesson != LESSONS[0]:
        place = f"/lab/workspaces/{lesson}/tree/notebooks/{lesson}.ipynb"
        url = f"{server.base}{place}?token={server.token}"
    page = open_page(url)

    def kernel_is_idle() -> bool:
        sessions = server.ask("/api/sessions", token=server.token)
        states = {session["path"]: session["kernel"]["execution_state"] for session in sessions}
        return states.get(f"notebooks/{lesson}.ipynb") == "idle"

    wait_for(kernel_is_idle, SECONDS_TO_START, f"a kernel for {lesson}")
    wait_for(lambda: len(page.evaluate(PROMPTS)) == len(cells), 60, "all cells on the page")
    page.click(".lm-MenuBar-itemLabel", "Run")
    page.click('.lm-Menu-item[data-command="runmenu:run-all"]')

    def finished() -> bool:
        errors = page.evaluate(ERRORS)
        assert not errors, f"a cell of {lesson} failed on the page:\n{errors[0]}"
        prompts = [prompt for prompt in page.evaluate(PROMPTS) if prompt]  # a folded cell has none
        numbers = [int(prompt[1:-2]) for prompt in prompts if re.fullmatch(r"\[\d+\]:", prompt)]
        return len(numbers) == unfolded and max(numbers) == last

    wait_for(finished, SECONDS_TO_RUN, f"the end of {lesson}")
    expected = stored_pictures(lesson)
    assert expected, f"{lesson} stores no picture"

    def shown() -> bool:
        pictures = page.evaluate(PICTURES)
        return len(pictures) >= expected and all(complete for complete, _, _ in pictures)

    wait_for(shown, 30, f"the {expected} pictures of {lesson}")
    sizes = [(width, height) for _, width, height in page.evaluate(PICTURES)]
    assert all(width > 0 and height > 0 for width, height in sizes), f"an empty picture: {sizes}"
