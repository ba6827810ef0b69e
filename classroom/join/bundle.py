"""What a worker machine gets: our code, and the packages that it needs, as they are installed here."""

import base64
import hashlib
import io
import tarfile
import zipfile
from importlib.metadata import distribution

from packaging.requirements import Requirement

from classroom import code

# flask, because an exercise's file holds its endpoint too; async-timeout, as redis needs it on Debian 12's Python.
NEEDS = ("celery", "redis", "packaging", "flask", "async-timeout")

ALSO = ("provision/classroom-worker.service", "provision/hardening.conf")  # for a machine that joins as a service


def bundle(extra):
    """The code as a tar.gz, with `extra` files: name -> text. The same code gives the same bytes."""
    texts = {str(path.relative_to(code.ROOT)): path.read_bytes() for path in code.files()}
    texts |= {name: (code.ROOT / name).read_bytes() for name in ALSO}
    texts |= {name: text.encode() for name, text in extra.items()}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in sorted(texts.items()):
            about = tarfile.TarInfo(name)
            about.size, about.mode = len(content), 0o600
            tar.addfile(about, io.BytesIO(content))
    return packed.getvalue()


def needed(names=NEEDS):
    """The installed packages that these need, themselves among them: name -> distribution."""
    found, queue = {}, list(names)
    while queue:
        one = distribution(queue.pop())
        if one.name.lower() in found:
            continue
        found[one.name.lower()] = one
        for line in one.requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                queue.append(requirement.name)
    return found


def requirements():
    """What a worker installs: the versions that are installed here."""
    return "".join(f"{one.name}=={one.version}\n" for _, one in sorted(needed().items()))


def wheels():
    """The packages as wheel files: file name -> the function that makes its bytes. pip itself is one of them.

    A package with compiled parts is there twice: as it is, and without them, for machines that they do not fit.
    """
    found = {}
    for one in [*needed().values(), distribution("pip")]:
        about = one.read_text("WHEEL")
        tags = [line.partition(": ")[2] for line in about.splitlines() if line.startswith("Tag: ")]
        name = f"{one.name.replace('-', '_')}-{one.version}"
        parts = [".".join(dict.fromkeys(column)) for column in zip(*(tag.split("-") for tag in tags), strict=True)]
        found[f"{name}-{'-'.join(parts)}.whl"] = lambda one=one, about=about: wheel(one, about)
        if tags[0].split("-")[1:] != ["none", "any"]:
            pure = "Wheel-Version: 1.0\nGenerator: classroom\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            found[f"{name}-py3-none-any.whl"] = lambda one=one, pure=pure: wheel(one, pure, compiled=False)
    return found


def wheel(one, about, compiled=True):
    """An installed package packed as a wheel again; `about` is what its WHEEL file says."""
    packed, record = io.BytesIO(), []
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:

        def put(name, content):
            out.writestr(name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(content)}")

        for file in one.files:
            name = str(file)
            made_here = name.endswith((".pyc", "/RECORD", "/INSTALLER", "/REQUESTED", "/direct_url.json", "/WHEEL"))
            if name.startswith("..") or made_here or (name.endswith((".so", ".pyd")) and not compiled):
                continue
            put(name, file.read_binary())
        folder = next(str(file.parent) for file in one.files if file.name == "WHEEL")
        put(f"{folder}/WHEEL", about.encode())
        out.writestr(f"{folder}/RECORD", "\n".join([*record, f"{folder}/RECORD,,"]) + "\n")
    return packed.getvalue()
