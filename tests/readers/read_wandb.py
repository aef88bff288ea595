"""Reads an offline run as Weights & Biases does and prints what it found as JSON: `read_wandb.py FOLDER`.

`wandb leet inspect` lists its records; `wandb sync` uploads it to a server of this script on loopback, which keeps what comes.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("wandb")


class Service(BaseHTTPRequestHandler):
    """As much of the service as `wandb sync` asks for."""

    seen = {"config": None, "history": [], "stats": [], "console": [], "summary": None, "exitcode": None, "run": None}

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(data) if self.headers.get("Content-Encoding") == "gzip" else data

    def do_GET(self):
        self.answer({})

    def do_PUT(self):
        self.body()
        self.answer({})

    def do_POST(self):
        data = json.loads(self.body() or b"{}")
        if self.path.endswith("/file_stream"):
            self.stream(data)
            return self.answer({"exitcode": None, "limits": {}})
        query, variables = data.get("query", ""), data.get("variables") or {}
        if "mutation UpsertBucket" in query:
            if variables.get("config"):
                self.seen["config"] = json.loads(variables["config"])
            said = ("name", "displayName", "project", "groupName", "notes", "tags", "jobType")
            self.seen["run"] = {**(self.seen["run"] or {}), **{key: variables[key] for key in said if variables.get(key)}}
            project = {"id": "p", "name": variables.get("project") or "lab", "entity": {"id": "e", "name": "team"}}
            bucket = {"id": "b", "name": variables.get("name"), "displayName": variables.get("displayName"), "description": None,
                      "config": "{}", "sweepName": None, "project": project, "historyLineCount": 0}
            return self.answer({"data": {"upsertBucket": {"bucket": bucket, "inserted": True}}})
        if "viewer" in query.lower():
            viewer = {"id": "v", "entity": "team", "username": "tester", "flags": "{}", "teams": {"edges": []}}
            return self.answer({"data": {"viewer": viewer, "serverInfo": {"cliVersionInfo": {}, "latestLocalVersionInfo": None}}})
        if "createRunFiles" in query.replace("CreateRunFiles", "createRunFiles"):
            files = [{"name": name, "uploadUrl": f"http://127.0.0.1:{self.server.server_port}/upload"} for name in variables.get("files", [])]
            return self.answer({"data": {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}})
        return self.answer({"data": {"serverInfo": {"cliVersionInfo": {}, "features": []}, "model": None, "project": None}})

    def stream(self, data):
        for name, part in (data.get("files") or {}).items():
            lines = part.get("content", [])
            if name == "wandb-history.jsonl":
                self.seen["history"] += [json.loads(line) for line in lines]
            elif name == "wandb-events.jsonl":
                self.seen["stats"] += [json.loads(line) for line in lines]
            elif name == "wandb-summary.json" and lines:
                self.seen["summary"] = json.loads(lines[-1])
            elif name == "output.log":
                self.seen["console"] += lines
        if data.get("complete"):
            self.seen["exitcode"] = data.get("exitcode")

    def log_message(self, *_):
        pass


def synced(folder):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "HOME": home, "WANDB_BASE_URL": f"http://127.0.0.1:{server.server_port}", "WANDB_API_KEY": "0" * 40,
               "WANDB_DIR": home, "WANDB_CACHE_DIR": home, "WANDB_CONFIG_DIR": home, "WANDB_DATA_DIR": home, "WANDB_ERROR_REPORTING": "false"}
        # by way of mocolab where that is asked for, else by itself
        command = sys.argv[2:] or [PROGRAM, "sync", folder]
        env["PATH"] = f"{PROGRAM.parent}:{env['PATH']}"
        ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180)
    server.shutdown()
    return {**Service.seen, "said": ended.stdout + ended.stderr, "rc": ended.returncode}


def inspected(folder):
    file = next(Path(folder).glob("*.wandb"))
    ended = subprocess.run([PROGRAM, "leet", "inspect", "--json", file], capture_output=True, text=True, timeout=60)
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    return {"rc": ended.returncode, "said": ended.stderr, "records": records}


if __name__ == "__main__":
    json.dump({"inspected": inspected(sys.argv[1]), "synced": synced(sys.argv[1])}, sys.stdout)
