"""A fresh clone in which notebooks are run by hand: by a plain kernel, or through a JupyterLab server on loopback."""

import asyncio
import datetime as dt
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import nbformat
import run_study
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parents[2]
FEWER = (("bootstrap_draws = 199", "bootstrap_draws = 19"), ("placebo_draws = 200", "placebo_draws = 20"))


def _free_port():
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def clone(folder):
    """Return a clone of what git would hold of this tree, committed, with few draws so that it runs fast."""
    held = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, held.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    plan = (folder / "study.toml").read_text("utf-8")
    for long, short in FEWER:
        assert long in plan
        plan = plan.replace(long, short)
    (folder / "study.toml").write_text(plan, "utf-8")
    for words in (["init", "-q"], ["add", "-A", "-f"], ["commit", "-q", "-m", "A clone"]):
        git(folder, *words)
    return folder


def git(folder, *words):
    """Run git in a folder as nobody in particular; return what it printed."""
    who = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.org", "-c", "core.hooksPath=/dev/null"]
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def environment(folder):
    """Return the environment of somebody who opens a clone: its own code, a key and Jupyter folders of its own."""
    home = folder.parent / f"{folder.name}-home"
    home.mkdir(exist_ok=True)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("EVALUATION", "JUPYTER_", "SOURCE_DATE"))}
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR")
    places = {name: str(home / name.lower()) for name in names}
    return env | places | {"EVALUATION_KEY_FILE": str(home / "key"), "PYTHONPATH": str(folder / "src")}


def notebooks(folder):
    """Return a clone's notebooks in order."""
    return sorted((folder / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def by_plain_kernel(path, env):
    """Run a notebook as it is by a plain kernel in its own folder; return it, and the error or None."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}})
    try:
        client.execute(env=env)
    except CellExecutionError:
        return notebook, next(o for c in notebook.cells for o in c.get("outputs", []) if o.output_type == "error")
    return notebook, None


class Lab:
    """A headless JupyterLab server on loopback, opened in a clone's folder of notebooks as `make lab` opens it."""

    def __init__(self, folder):
        self.token, self.port = secrets.token_hex(16), _free_port()
        words = ["-m", "jupyterlab", "notebooks", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
        words += [f"--ServerApp.port={self.port}", f"--IdentityProvider.token={self.token}"]
        self.process = subprocess.Popen(
            [sys.executable, *words], cwd=folder, env=environment(folder), stderr=subprocess.DEVNULL
        )
        run_study.progress(self.process, self._is_up)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def _is_up(self):
        try:
            return bool(self.ask("GET", "api/status"))
        except (urllib.error.URLError, ConnectionError):
            return False

    def ask(self, method, path, content=None):
        """Send a request to the server; return its answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}",
            data=None if content is None else json.dumps(content).encode(),
            method=method,
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read() or "null")

    def run_all_and_save(self, name):
        """Open a notebook, run all its cells and save it, as somebody in JupyterLab does; return it with its outputs."""
        notebook = self.ask("GET", f"api/contents/{name}?content=1")["content"]
        about = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        session = self.ask("POST", "api/sessions", about)
        asyncio.run(self._run(session["kernel"]["id"], notebook["cells"]))
        self.ask("DELETE", f"api/sessions/{session['id']}")
        self.ask("PUT", f"api/contents/{name}", {"type": "notebook", "format": "json", "content": notebook})
        return nbformat.from_dict(notebook)

    async def _run(self, kernel, cells):
        from tornado.websocket import websocket_connect

        address = f"ws://127.0.0.1:{self.port}/api/kernels/{kernel}/channels?token={self.token}"
        channel = await websocket_connect(address, max_message_size=2**28)
        for number, cell in enumerate((c for c in cells if c["cell_type"] == "code"), 1):
            cell["outputs"], cell["execution_count"] = await _answered(channel, "".join(cell["source"])), number
        channel.close()
        await asyncio.sleep(0)
        while await channel.read_message() is not None:  # until the server has closed it too
            pass


async def _answered(channel, code):
    """Send a cell to its kernel; return its outputs once the kernel has answered and is idle again."""
    me = uuid.uuid4().hex
    header = {"msg_id": me, "msg_type": "execute_request", "session": me, "username": "", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    header["date"] = dt.datetime.now(dt.UTC).isoformat()
    await channel.write_message(
        json.dumps(
            {
                "header": header,
                "parent_header": {},
                "metadata": {},
                "content": content,
                "channel": "shell",
                "buffers": [],
            }
        )
    )
    outputs, waiting = [], {"reply", "idle"}
    while waiting:
        message = json.loads(await channel.read_message())
        if message["parent_header"].get("msg_id") != me:
            continue
        if message["msg_type"] == "execute_reply":
            waiting.discard("reply")
        elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            waiting.discard("idle")
        elif message["msg_type"] in ("display_data", "execute_result", "stream", "error"):
            outputs.append({**nbformat.v4.output_from_msg(nbformat.from_dict(message))})
    return outputs
