"""Checks an image in an OCI layout with nothing of the program's own: Python's hashlib, gzip and tarfile.

    python3 check-image.py LAYOUT

Recomputes every digest, size and diffID, reads every layer, and compares what lies under nix/store in the image with
/nix/store on this machine: names, kinds, modes, link targets and contents. Prints a summary as JSON; ends with 1 and the
problems when there are any.
"""

import gzip
import hashlib
import io
import json
import os
import stat
import sys
import tarfile

layout = sys.argv[1]
problems = []


def blob(descriptor):
    algorithm, digest = descriptor["digest"].split(":")
    with open(os.path.join(layout, "blobs", algorithm, digest), "rb") as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != digest:
        problems.append(f"{descriptor['digest']} has other content")
    if len(content) != descriptor["size"]:
        problems.append(f"{descriptor['digest']} has {len(content)} bytes, not {descriptor['size']}")
    return content


def check_owner(member):
    if (member.uid, member.gid) != (0, 0) or member.mtime != 1 or member.mode & 0o6000:
        problems.append(f"{member.name}: owner {member.uid}:{member.gid}, mtime {member.mtime}, mode {member.mode:o}")


def check_store_entry(member, archive):
    path = os.fsencode("/") + member.name.encode("utf-8", "surrogateescape")
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        problems.append(f"{member.name} is not in the store")
        return
    if member.isdir():
        good = stat.S_ISDIR(found.st_mode) and member.mode == 0o555
    elif member.issym():
        good = stat.S_ISLNK(found.st_mode) and os.readlink(path) == member.linkname.encode("utf-8", "surrogateescape")
    elif member.isreg():
        executable = bool(found.st_mode & 0o100)
        good = stat.S_ISREG(found.st_mode) and member.mode == (0o555 if executable else 0o444)
        with open(path, "rb") as file:
            good = good and archive.extractfile(member).read() == file.read()
    else:
        good = False
    if not good:
        problems.append(f"{member.name} differs from the store: type {member.type}, mode {member.mode:o}")


def walk(path):
    yield path
    if os.path.isdir(path) and not os.path.islink(path):
        for name in os.listdir(path):
            yield from walk(os.path.join(path, name))


with open(os.path.join(layout, "index.json")) as file:
    manifest = json.loads(blob(json.load(file)["manifests"][0]))
config = json.loads(blob(manifest["config"]))
diff_ids = config["rootfs"]["diff_ids"]
if len(diff_ids) != len(manifest["layers"]):
    problems.append(f"{len(diff_ids)} diffIDs for {len(manifest['layers'])} layers")

in_store = {}
entries = 0
for layer, diff_id in zip(manifest["layers"], diff_ids):
    tar = gzip.decompress(blob(layer))
    if "sha256:" + hashlib.sha256(tar).hexdigest() != diff_id:
        problems.append(f"{layer['digest']} is not {diff_id} when unpacked")
    with tarfile.open(fileobj=io.BytesIO(tar), errors="surrogateescape") as archive:
        for member in archive:
            entries += 1
            check_owner(member)
            if member.name.startswith("nix/store/"):
                if member.name in in_store:
                    problems.append(f"{member.name} is in two layers")
                in_store[member.name] = True
                check_store_entry(member, archive)

roots = sorted({name.split("/")[2] for name in in_store})
for root in roots:
    for path in walk(os.fsencode(f"/nix/store/{root}")):
        name = path[1:].decode("utf-8", "surrogateescape")
        if name not in in_store:
            problems.append(f"{name} is missing in the image")

if problems:
    print("\n".join(problems[:20]), file=sys.stderr)
    sys.exit(1)
print(json.dumps({"layers": len(diff_ids), "entries": entries, "storePaths": roots, "size": sum(l["size"] for l in manifest["layers"])}))
