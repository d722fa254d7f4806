"""A staged file appears by its commit, whole, and not otherwise."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from airflow_provider_sam._compat import ObjectStoragePath
from airflow_provider_sam.batches import storage
from airflow_provider_sam.batches.storage import create_whole, stage, stage_whole, write_whole


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out" / "results.jsonl"


def staged(path):
    return stage(ObjectStoragePath(path.as_uri()))


def test_nothing_is_at_the_destination_before_the_commit_and_everything_after(path):
    file = staged(path)
    file.write(b"one\n")
    file.write(b"two\n")
    assert not path.exists()
    file.commit()
    assert path.read_bytes() == b"one\ntwo\n"
    assert list(path.parent.iterdir()) == [path]


def test_a_discarded_file_leaves_nothing_and_keeps_what_was_there(path):
    path.parent.mkdir()
    path.write_bytes(b"old\n")
    file = staged(path)
    file.write(b"new\n")
    file.discard()
    assert path.read_bytes() == b"old\n"
    assert list(path.parent.iterdir()) == [path]


def test_a_commit_replaces_what_was_there(path):
    path.parent.mkdir()
    path.write_bytes(b"a longer old content\n")
    file = staged(path)
    file.write(b"new\n")
    file.commit()
    assert path.read_bytes() == b"new\n"


def test_the_file_has_the_permissions_of_any_new_file(path):
    file = staged(path)
    file.commit()
    beside = path.with_name("beside")
    beside.touch()
    assert path.stat().st_mode == beside.stat().st_mode


def test_two_writers_of_one_destination_cannot_mix_their_bytes(path):
    first = staged(path)
    first.write(b"first\n")
    with pytest.raises(BlockingIOError, match=r"another task is writing .*results\.jsonl"):
        staged(path)
    first.commit()
    assert path.read_bytes() == b"first\n"


def test_a_writer_that_was_killed_leaves_nothing_in_the_way_of_the_next(path):
    program = (
        "import os, signal\n"
        "from types import SimpleNamespace\n"
        "from airflow_provider_sam.batches.storage import stage\n"
        f"file = stage(SimpleNamespace(protocol='file', path={str(path)!r}))\n"
        "file.write(b'half')\n"
        "file._file.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode == -9
    assert [item.name for item in path.parent.iterdir()] == [".results.jsonl.partial"]
    file = staged(path)
    file.write(b"whole\n")
    file.commit()
    assert path.read_bytes() == b"whole\n"
    assert list(path.parent.iterdir()) == [path]


@pytest.fixture
def partial(path):
    path.parent.mkdir()
    return path.with_name(".results.jsonl.partial")


def test_what_somebody_else_left_under_the_partials_name_is_not_touched(path, partial, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for make in (partial.symlink_to, partial.hardlink_to):
        make(victim)
        with pytest.raises(FileExistsError, match=r"results\.jsonl\.partial is a link or no plain file"):
            staged(path)
        assert victim.read_text() == "mine"
        partial.unlink()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_at_all_is_refused_at_once(path, partial, make):
    make(partial)
    with pytest.raises(FileExistsError, match="is a link or no plain file"):
        staged(path)


def test_a_commit_that_fails_leaves_no_hidden_file(path):
    file = staged(path)
    file.write(b"new\n")
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        file.commit()
    assert list(path.parent.iterdir()) == [path]


def test_a_symbolic_link_at_the_destination_is_replaced_and_its_target_stays(path, tmp_path):
    target = tmp_path / "target"
    target.write_text("mine")
    path.parent.mkdir()
    path.symlink_to(target)
    file = staged(path)
    file.write(b"new\n")
    file.commit()
    assert (path.read_bytes(), path.is_symlink(), target.read_text()) == (b"new\n", False, "mine")


def test_a_folder_that_is_a_symbolic_link_is_followed(path, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    path.parent.symlink_to(tmp_path / "elsewhere")
    file = staged(path)
    file.write(b"new\n")
    file.commit()
    assert (tmp_path / "elsewhere" / "results.jsonl").read_bytes() == b"new\n"


def test_a_small_file_is_written_whole_and_replaces_what_was_there(path):
    path.parent.mkdir()
    for data in (b"a longer old content", b"new"):
        write_whole(ObjectStoragePath(path.as_uri()), data)
        assert path.read_bytes() == data
    assert list(path.parent.iterdir()) == [path]


def test_a_small_file_that_is_staged_appears_by_its_commit(path):
    file = stage_whole(ObjectStoragePath(path.as_uri()), b"new")
    assert not path.exists()
    file.commit()
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("local_protocols", [storage.LOCAL_PROTOCOLS, frozenset()], ids=["local", "as on any store"])
def test_of_several_that_create_a_file_the_first_has_written_it(path, monkeypatch, local_protocols):
    monkeypatch.setattr(storage, "LOCAL_PROTOCOLS", local_protocols)
    path.parent.mkdir()
    for data in (b"first", b"second"):
        create_whole(ObjectStoragePath(path.as_uri()), data)
    assert path.read_bytes() == b"first"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("write", [stage_whole, write_whole])
@pytest.mark.parametrize("broken", [(storage._LocalStagedFile, "write"), (os, "fsync")], ids=["write", "sync"])
def test_a_small_file_that_cannot_be_written_leaves_nothing(path, monkeypatch, write, broken):
    def fail(*_):
        raise OSError(errno.ENOSPC, "disk full")

    path.parent.mkdir()
    monkeypatch.setattr(*broken, fail)
    with pytest.raises(OSError, match="disk full"):
        write(ObjectStoragePath(path.as_uri()), b"new")
    assert list(path.parent.iterdir()) == []


def test_a_large_file_is_sent_to_the_disk_on_the_way_and_holds_every_byte(path, monkeypatch):
    monkeypatch.setattr(storage, "WRITE_BACK_BYTES", 1000)
    file = staged(path)
    pieces = [bytes([number]) * 300 for number in range(50)]
    for piece in pieces:
        file.write(piece)
    assert path.with_name(f".{path.name}.partial").stat().st_size >= 14_000, "not only in our own buffer"
    file.commit()
    assert path.read_bytes() == b"".join(pieces)
