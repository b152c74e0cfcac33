"""One file with a model and all that is known of it: read back as it was written, or refused with the reason."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper
from tests.unit.inference.conftest import spot_onnx

from faceline.errors import InputError
from faceline.inference.bundle import (
    DEFAULT,
    FORMAT,
    MAX_BYTES,
    Bundle,
    LandmarkManifest,
    digest,
    read_bundle,
    write_bundle,
)

MEMBERS = ("manifest.json", "manifest.sha256", "model.onnx")


def test_what_was_written_is_read(spot: Bundle) -> None:
    assert spot.manifest.model == "spot" and spot.manifest.input.size == 32
    assert digest(spot.onnx) == spot.manifest.sha256


def test_the_bundle_that_ships_is_whole_small_and_tells_whose_data_it_knows() -> None:
    bundle = read_bundle(DEFAULT, LandmarkManifest)
    assert bundle.file.stat().st_size < 4_000_000
    assert bundle.manifest.data.licence == "MIT" and bundle.manifest.commit
    assert 0 < bundle.manifest.metrics["nme"] < 0.06
    content = bundle.file.read_bytes()
    assert not any(folder in content for folder in (b"/home/", b"/tmp/", b"/root/", b"/Users/"))


def test_the_same_content_gives_the_same_bytes_and_other_content_another_digest(write_spot) -> None:
    first = write_spot().read_bytes()
    assert write_spot().read_bytes() == first
    one = read_bundle(write_spot(), LandmarkManifest).digest
    assert read_bundle(write_spot(model="other"), LandmarkManifest).digest != one


def test_a_manifest_of_another_graph_is_never_written(spot: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="manifest of this graph"):
        write_bundle(tmp_path / "new.faceline", spot.manifest, b"another graph")
    assert not (tmp_path / "new.faceline").exists()


def rewrite(file: Path, change: Callable[[dict[str, bytes]], None], *, method: int = zipfile.ZIP_STORED) -> None:
    """A well-formed archive whose members are others."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    file.write_bytes(content.getvalue())


def with_manifest(**changes: object) -> Callable[[dict[str, bytes]], None]:
    """As somebody would change the manifest who knows to renew the digest beside it."""

    def change(members: dict[str, bytes]) -> None:
        manifest = json.loads(members["manifest.json"])
        manifest.update(changes)
        members["manifest.json"] = json.dumps(manifest).encode()
        members["manifest.sha256"] = digest(members["manifest.json"]).encode()

    return change


def only_manifest(members: dict[str, bytes]) -> None:
    members["manifest.json"] = members["manifest.json"].replace(b"0.1", b"0.0")


def other_model(members: dict[str, bytes]) -> None:
    members["model.onnx"] = members["model.onnx"][:-1] + b"x"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (only_manifest, "its manifest is not the one that was written"),
        (other_model, "its model is not the one that its manifest speaks of"),
        (with_manifest(sha256="0" * 64), "its model is not the one"),
        (
            with_manifest(format=FORMAT + 1, novelty=True),
            f"made by a newer faceline: format {FORMAT + 1}, this one reads {FORMAT}",
        ),
        (with_manifest(format="x"), f"not one of format {FORMAT}: format"),
        (with_manifest(parameters=10**30), "parameters: "),
        (with_manifest(run_id="a\x1b[2Jb"), "run_id: "),
        (with_manifest(commit="a\x1b[2Jb"), "commit: "),
        (with_manifest(metrics={"nme": -5.0}), "metrics.nme: "),
        (with_manifest(task="identification"), "is made for identification; give one .* for landmarks"),
        (with_manifest(markup="ibug-5"), "markup: .*ibug-68"),
        (with_manifest(outputs=["confidence"]), "outputs"),
        (with_manifest(metrics={"nme": "good"}), "metrics.nme"),
        (with_manifest(surprise=1), "surprise: Extra inputs"),
        (lambda members: members.pop("model.onnx"), "is no faceline bundle: expected manifest.json"),
        (lambda members: members.update({"../escape": b""}), "is no faceline bundle: expected .* nothing else"),
    ],
)
def test_a_changed_bundle_is_refused_with_the_reason(write_spot, change, words: str) -> None:
    file = write_spot()
    rewrite(file, change)
    with pytest.raises(InputError, match=words) as refusal:
        read_bundle(file, LandmarkManifest)
    assert str(refusal.value).startswith(str(file)) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", [b"[]", b"\xff", b"{", b'{"format": null}'])
def test_a_manifest_that_is_none_is_refused(write_spot, text: bytes) -> None:
    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"], members["manifest.sha256"] = text, digest(text).encode()

    file = write_spot()
    rewrite(file, change)
    with pytest.raises(InputError, match="its manifest is no"):
        read_bundle(file, LandmarkManifest)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"just text", b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.faceline"
    file.write_bytes(content)
    with pytest.raises(InputError) as refusal:
        read_bundle(file, LandmarkManifest)
    assert str(refusal.value).startswith(f"{file}: is no faceline bundle, or a damaged or cut one")


def test_a_missing_bundle_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refusal:
        read_bundle(tmp_path / "x.faceline", LandmarkManifest)
    told = "no such bundle; faceline export run_id=RUN writes one"
    assert str(refusal.value) == f"{tmp_path / 'x.faceline'}: {told}"


def test_an_archive_that_claims_to_be_huge_is_refused_unread(write_spot) -> None:
    file = write_spot()
    content = bytearray(file.read_bytes())
    for match in re.finditer(b"PK\x01\x02", bytes(content)):  # the sizes in the directory of the archive
        content[match.start() + 24 : match.start() + 28] = (2**31).to_bytes(4, "little")
    file.write_bytes(bytes(content))
    with pytest.raises(InputError) as refusal:
        read_bundle(file, LandmarkManifest)
    assert str(refusal.value).startswith(f"{file}: is no faceline bundle: a member claims over {MAX_BYTES:,} bytes")


def test_a_model_whose_weights_lie_elsewhere_is_refused(write_spot) -> None:
    model = onnx.load_from_string(spot_onnx())
    weight = numpy_helper.from_array(np.ones(4, dtype=np.float32), "w")
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="secret.bin")
    model.graph.initializer.append(weight)
    file = write_spot(model.SerializeToString())
    with pytest.raises(InputError) as refusal:
        read_bundle(file, LandmarkManifest)
    told = "its model keeps weights in other files, which no digest covers; export it in one file"
    assert str(refusal.value) == f"{file}: {told}"


def test_a_bundle_has_no_date_and_leaves_out_what_its_model_has_not(write_spot) -> None:
    with zipfile.ZipFile(write_spot()) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        manifest = json.loads(archive.read("manifest.json"))
    assert "layout" not in manifest and manifest["commit"] is None


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_cut_and_no_changed_byte_goes_unseen(spot: Bundle, data: st.DataObject) -> None:
    whole = spot.file.read_bytes()
    damaged = spot.file.with_name("damaged.faceline")
    at = data.draw(st.integers(0, len(whole) - 1), label="at")
    if data.draw(st.booleans(), label="cut"):
        damaged.write_bytes(whole[:at])
    else:
        flip = data.draw(st.integers(1, 255), label="flip")
        damaged.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
    try:
        read = read_bundle(damaged, LandmarkManifest)
    except InputError:
        return
    # Bytes of the archive's own book-keeping, such as the dates of its members, mean nothing to us.
    assert (read.manifest, read.onnx, read.digest) == (spot.manifest, spot.onnx, spot.digest)
