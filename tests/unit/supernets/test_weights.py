"""Trained weights: read, downloaded over a real socket, sliced as ofa slices them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from latbase.errors import InvalidInputError
from latbase.supernets import weights
from latbase.supernets.ofa_supernet import OfaSupernet
from tests.unit.supernets.test_building import ofa_supernet, sampled_configs


@torch.no_grad()
def test_a_checkpoint_gives_what_ofas_own_supernet_gives(net: OfaSupernet, tmp_path: Path) -> None:
    elastic: Any = ofa_supernet(net)
    torch.save({"state_dict": elastic.state_dict(), "epoch": 1}, tmp_path / "published")
    trained = net.with_weights(tmp_path / "published")
    assert net.weights is None
    (image,) = net.inputs(2, 96)
    for config in sampled_configs(net, 1):
        elastic.set_active_subnet(**config)
        assert torch.equal(trained.build(config)(image), elastic(image))


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_what_is_no_checkpoint_is_refused(
    mobilenet: OfaSupernet, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "file").write_bytes(content)
    config = sampled_configs(mobilenet, 0)[0]
    with pytest.raises(InvalidInputError, match="holds no weights of OFAMobileNetV3") as refused:
        mobilenet.with_weights(tmp_path / "file").build(config)
    assert "weights_only" not in str(refused.value)
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / "file")
    with pytest.raises(InvalidInputError, match="holds no weights of OFAMobileNetV3"):
        mobilenet.with_weights(tmp_path / "file").build(config)


@contextmanager
def serving(handler: Callable[..., SimpleHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Breaking(SimpleHTTPRequestHandler):
    """Promises more than it sends, whole or in chunks."""

    def do_GET(self) -> None:
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        if self.path == "/chunks":
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"186a0\r\n" + b"x" * 500)
        self.close_connection = True


@pytest.mark.parametrize(
    ("name", "said"), [("whole", "it broke off after 507 bytes"), ("chunks", "IncompleteRead")]
)
def test_a_download_that_broke_off_is_not_kept(tmp_path: Path, name: str, said: str) -> None:
    with serving(Breaking) as address:
        for _ in range(2):  # the second run trusts nothing of the first
            with pytest.raises(InvalidInputError, match=rf"{name} cannot be downloaded \({said}"):
                weights.located(f"{address}/{name}", tmp_path / "kept", None)
            assert not list((tmp_path / "kept").iterdir())


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serve a folder with one file."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "net").write_bytes(b"weights")
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with serving(handler) as started:
        yield started


def test_a_download_is_kept_and_checked(address: str, tmp_path: Path) -> None:
    kept = weights.located(f"{address}/net", tmp_path / "kept", None)
    assert kept.read_bytes() == b"weights"
    kept.unlink()
    assert weights.located(f"{address}/net", tmp_path / "kept", None).is_file()
    (tmp_path / "served" / "net").unlink()
    assert weights.located("pretrained", tmp_path / "kept", f"{address}/net") == kept
    kept.write_bytes(b"other")
    with pytest.raises(InvalidInputError, match="its checksum differs"):
        weights.located(f"{address}/net", tmp_path / "kept", None)


def test_a_dead_link_is_said_and_leaves_nothing(address: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"\(File not found\)\. If the link"):
        weights.located(f"{address}/gone", tmp_path / "kept", None)
    assert not list((tmp_path / "kept").iterdir())


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="There is no file of weights"):
        weights.located(str(tmp_path / "none"), tmp_path, None)
    with pytest.raises(InvalidInputError, match="publish no weights"):
        weights.located("pretrained", tmp_path, None)
