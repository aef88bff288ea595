"""Reads a run's event files as TensorBoard does and prints what it found as JSON: `read_tensorboard.py RUN`.

Both of TensorBoard's readers are asked: the EventAccumulator of the package, and the server with its own loader, over HTTP.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import zlib
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2


def png_size(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:8]
    at = 8
    while at < len(data):  # every chunk's checksum
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 4 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(body), kind
        at += 12 + length
    return list(struct.unpack(">II", data[16:24]))


def accumulated(folder):
    events = EventAccumulator(str(folder), size_guidance={name: 0 for name in ("scalars", "histograms", "images", "tensors")})
    events.Reload()
    tags = events.Tags()
    plugin = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(plugin).session_start_info
    ended = "_hparams_/session_end_info" in tags["tensors"]
    return {
        "scalars": {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags["scalars"]},
        "histograms": {
            tag: [[e.step, e.histogram_value.num, len(e.histogram_value.bucket)] for e in events.Histograms(tag)]
            for tag in tags["histograms"]
        },
        "images": {
            tag: [[e.step, *png_size(e.encoded_image_string)] for e in events.Images(tag)] for tag in tags["images"]
        },
        "texts": {
            tag: [e.tensor_proto.string_val[0].decode() for e in events.Tensors(tag)]
            for tag in tags["tensors"]
            if events.SummaryMetadata(tag).plugin_data.plugin_name == "text"
        },
        "hparams": {
            name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()
        },
        "ended": ended,
    }


class Server:
    def __init__(self, logdir):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        program = Path(sys.executable).with_name("tensorboard")
        arguments = ["--logdir", str(logdir), "--port", str(self.port), "--host", "127.0.0.1", "--load_fast=auto"]
        self.log = open(os.environ.get("TENSORBOARD_LOG", os.devnull), "wb")
        self.process = subprocess.Popen([program, *arguments], stdout=self.log, stderr=self.log)

    def get(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/data/{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
        return urllib.request.urlopen(url, timeout=10).read()

    def post(self, path, body):
        url = f"http://127.0.0.1:{self.port}/data/{path}"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request, timeout=10))

    def wait(self, path, found):
        deadline = time.monotonic() + 90
        while True:
            try:
                answer = json.loads(self.get(path))
                if found(answer):
                    return answer
            except OSError:
                pass
            assert time.monotonic() < deadline, f"{path} never came"
            time.sleep(0.3)


def served(logdir):
    """What the server says of the one run below `logdir`, plugin by plugin."""
    server = Server(logdir)
    try:
        tags = server.wait("plugin/scalars/tags", lambda tags: any("train/loss" in run for run in tags.values()))
        run = next(iter(tags))
        points = lambda tag: json.loads(server.get("plugin/scalars/scalars", run=run, tag=tag))
        # the loader goes on reading for a moment
        deadline = time.monotonic() + 30
        scalars = {tag: points(tag) for tag in tags[run]}
        while time.monotonic() < deadline:
            time.sleep(1)
            again = {tag: points(tag) for tag in json.loads(server.get("plugin/scalars/tags"))[run]}
            if again == scalars:
                break
            scalars = again
        images = json.loads(server.get("plugin/images/tags"))[run]
        image = {}
        for tag in images:
            listed = json.loads(server.get("plugin/images/images", run=run, tag=tag, sample=0))
            image[tag] = png_size(server.get("plugin/images/individualImage?" + listed[-1]["query"]))
        histograms = json.loads(server.get("plugin/histograms/tags")).get(run, {})
        texts = json.loads(server.get("plugin/text/tags")).get(run, [])
        groups = server.post(
            "plugin/hparams/session_groups",
            {
                "experimentName": "",
                "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"],
                "colParams": [{"hparam": "seed"}],
                "startIndex": 0,
                "sliceSize": 10,
            },
        )
        group = groups["sessionGroups"][0]
        runs = server.wait("plugin/projector/runs", lambda runs: runs != [])
        info = json.loads(server.get("plugin/projector/info", run=runs[0]))
        embeddings = {}
        for embedding in info["embeddings"]:
            name = embedding["tensorName"]
            embeddings[name] = {
                "shape": embedding["tensorShape"],
                "bytes": len(server.get("plugin/projector/tensor", run=runs[0], name=name)),
                "lines": len(server.get("plugin/projector/metadata", run=runs[0], name=name).splitlines()),
            }
            if "sprite" in embedding:
                sheet = server.get("plugin/projector/sprite_image", run=runs[0], name=name)
                embeddings[name]["sheet"] = png_size(sheet)
        return {
            "scalars": {tag: [[step, value] for _, step, value in values] for tag, values in scalars.items()},
            "images": image,
            "histograms": sorted(histograms),
            "texts": texts,
            "hparams": group["hparams"],
            "status": group["sessions"][0]["status"],
            "embeddings": embeddings,
        }
    finally:
        server.process.terminate()
        server.process.wait()


if __name__ == "__main__":
    run = Path(sys.argv[1])
    found = {"accumulated": accumulated(run if "--flat" in sys.argv else run / "tensorboard")}
    if "--server" in sys.argv:
        found["served"] = served(run.parent)
    json.dump(found, sys.stdout)
