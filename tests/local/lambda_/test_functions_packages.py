"""Deployment packages that Lambda rejects on upload."""

import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

from millrace.local.services.lambda_ import deployment_packages
from millrace.local.services.lambda_.deployment_packages import PackageError, check, unpack

pytest_plugins = ["lambda_fixtures"]

UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."


def package(**files):
    """Return a .zip file. `__` in a file name stands for a slash."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return packed.getvalue()


@pytest.fixture
def upload(site):
    """Upload a package with one of three operations and return the error."""
    functions = site.client("lambda")
    site.function()
    role = functions.get_function_configuration(FunctionName="f")["Role"]
    create = {"FunctionName": "new", "Runtime": "python3.13", "Handler": "app.handler", "Role": role}
    calls = {
        "CreateFunction": lambda code: functions.create_function(**create, Code=code),
        "UpdateFunctionCode": lambda code: functions.update_function_code(FunctionName="f", **code),
        "PublishLayerVersion": lambda code: functions.publish_layer_version(LayerName="layer", Content=code),
    }

    def upload(operation, code):
        with pytest.raises(ClientError) as raised:
            calls[operation](code)
        return raised.value.response["Error"]

    return upload


OPERATIONS = ("CreateFunction", "UpdateFunctionCode", "PublishLayerVersion")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_code_that_is_not_a_zip_file_is_rejected(upload, operation):
    """https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html"""
    error = upload(operation, {"ZipFile": b"def handler(event, context): ..."})
    assert (error["Code"], error["Message"]) == ("InvalidParameterValueException", UNREADABLE)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_code_above_250_mb_unzipped_is_rejected(upload, operation, monkeypatch):
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    monkeypatch.setattr(deployment_packages, "MAX_UNZIPPED_BYTES", 1000)
    error = upload(operation, {"ZipFile": package(app="x" * 1001)})
    assert error["Code"] == "InvalidParameterValueException"
    assert error["Message"] == "Unzipped size must be smaller than 1000 bytes"


def test_code_in_a_bucket_is_checked(site, upload):
    """https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCode.html"""
    site.client("s3").create_bucket(Bucket="code")
    site.client("s3").put_object(Bucket="code", Key="f.zip", Body=b"no zip")
    assert upload("UpdateFunctionCode", {"S3Bucket": "code", "S3Key": "f.zip"})["Message"] == UNREADABLE


def test_rejected_update_does_not_change_the_function(site, upload):
    """https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html"""
    upload("UpdateFunctionCode", {"ZipFile": b"no zip"})
    assert "FunctionError" not in site.client("lambda").invoke(FunctionName="f", Payload=b"{}")


def test_damaged_file_in_a_package_fails_the_invocation(site):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html

    Differs: AWS returns 502; here it is a function error.
    """
    site.function()
    content = b"handler = print  # " + b"x" * 50
    damaged = bytearray(package(app__py=content))
    damaged[40] ^= 0xFF
    site.client("lambda").update_function_code(FunctionName="f", ZipFile=bytes(damaged))
    answer = site.client("lambda").invoke(FunctionName="f", Payload=b"{}")
    assert json.load(answer["Payload"])["errorType"] == "InvalidZipFileException"


@pytest.mark.parametrize("name", ["../app.py", "/etc/app.py", "a/../../app.py"])
def test_file_outside_the_package_is_rejected(name):
    with pytest.raises(PackageError, match=UNREADABLE):
        check(package(**{name: "x"}))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_without_a_memory_limit_is_rejected(method):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("app.py", "x")
    with pytest.raises(PackageError, match=UNREADABLE):
        check(packed.getvalue())


def test_package_without_files_is_rejected():
    for empty in (b"", package()):
        with pytest.raises(PackageError, match="Uploaded file must be a non-empty zip"):
            check(empty)


def test_package_with_too_many_files_is_rejected(monkeypatch):
    monkeypatch.setattr(deployment_packages, "MAX_FILES", 1)
    with pytest.raises(PackageError, match=UNREADABLE):
        check(package(a="", b=""))


def test_file_larger_than_its_directory_entry_is_rejected(tmp_path):
    bomb = package(app="x" * 100_000)
    lying = bomb.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with pytest.raises(PackageError, match="could not unzip"):
        unpack(lying, tmp_path / "code")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a/" * 3_000 + "x", "a" * 300])
def test_package_with_a_path_that_cannot_be_written_fails_without_leftovers(tmp_path, name):
    with pytest.raises(PackageError, match="could not unzip"):
        unpack(package(**{name: "x"}), tmp_path / "code")
    assert list(tmp_path.iterdir()) == []
