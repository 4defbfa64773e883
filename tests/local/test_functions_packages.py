"""The .zip files of functions and layers: what Lambda refuses when it is uploaded."""

import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

from millrace.local.services.lambda_ import deployment_packages
from millrace.local.services.lambda_.deployment_packages import PackageError, check, unpack

pytest_plugins = ["sources_fixtures"]

UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."


def package(**files):
    """A .zip file; the names of files are written with __ for a slash."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return packed.getvalue()


@pytest.fixture
def upload(site):
    """Upload a package by one of three operations; returns the error."""
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
        with pytest.raises(ClientError) as refused:
            calls[operation](code)
        return refused.value.response["Error"]

    return upload


OPERATIONS = ("CreateFunction", "UpdateFunctionCode", "PublishLayerVersion")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_code_that_is_not_a_zip_file_is_refused(upload, operation):
    """https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html"""
    error = upload(operation, {"ZipFile": b"def handler(event, context): ..."})
    assert (error["Code"], error["Message"]) == ("InvalidParameterValueException", UNREADABLE)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_code_that_unzips_to_more_than_250_megabytes_is_refused(upload, operation, monkeypatch):
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    monkeypatch.setattr(deployment_packages, "MAX_UNZIPPED_BYTES", 1000)
    error = upload(operation, {"ZipFile": package(app="x" * 1001)})
    assert error["Code"] == "InvalidParameterValueException"
    assert error["Message"] == "Unzipped size must be smaller than 1000 bytes"


def test_code_in_a_bucket_is_checked_too(site, upload):
    """https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCode.html"""
    site.client("s3").create_bucket(Bucket="code")
    site.client("s3").put_object(Bucket="code", Key="f.zip", Body=b"no zip")
    assert upload("UpdateFunctionCode", {"S3Bucket": "code", "S3Key": "f.zip"})["Message"] == UNREADABLE


def test_a_refused_update_leaves_the_function_as_it_was(site, upload):
    """https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html"""
    upload("UpdateFunctionCode", {"ZipFile": b"no zip"})
    assert "FunctionError" not in site.client("lambda").invoke(FunctionName="f", Payload=b"{}")


def test_a_damaged_file_in_a_package_fails_the_invocation(site):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html

    Differs: AWS answers 502; here it is an error of the function.
    """
    site.function()
    content = b"handler = print  # " + b"x" * 50
    damaged = bytearray(package(app__py=content))
    damaged[40] ^= 0xFF
    site.client("lambda").update_function_code(FunctionName="f", ZipFile=bytes(damaged))
    answer = site.client("lambda").invoke(FunctionName="f", Payload=b"{}")
    assert json.load(answer["Payload"])["errorType"] == "InvalidZipFileException"


@pytest.mark.parametrize("name", ["../app.py", "/etc/app.py", "a/../../app.py"])
def test_a_file_outside_of_the_package_is_refused(name):
    with pytest.raises(PackageError, match=UNREADABLE):
        check(package(**{name: "x"}))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_that_is_unpacked_without_a_limit_is_refused(method):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("app.py", "x")
    with pytest.raises(PackageError, match=UNREADABLE):
        check(packed.getvalue())


def test_a_package_without_files_is_refused():
    for empty in (b"", package()):
        with pytest.raises(PackageError, match="Uploaded file must be a non-empty zip"):
            check(empty)


def test_a_package_with_too_many_files_is_refused(monkeypatch):
    monkeypatch.setattr(deployment_packages, "MAX_FILES", 1)
    with pytest.raises(PackageError, match=UNREADABLE):
        check(package(a="", b=""))


def test_a_file_that_unpacks_to_more_than_its_directory_claims_is_cut(tmp_path):
    bomb = package(app="x" * 100_000)
    lying = bomb.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with pytest.raises(PackageError, match="could not unzip"):
        unpack(lying, tmp_path / "code")
    assert list(tmp_path.iterdir()) == []
