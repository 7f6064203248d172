"""Files of trained versions under other versions' names, where the cluster's models lie."""

import hashlib
import json
import shutil

from hack.cluster.paths import default_paths
from hack.cluster.steps import write_whole

_MANIFEST = "sluice.json"


def uri(trained: str, *, version: str) -> str:
    """Where a version's files are that are those of a trained version in all but the name."""
    models = default_paths().models
    source = models / "sms" / trained
    text = (source / _MANIFEST).read_text()
    if version == trained:
        return f"pvc://models/sms/{trained}"
    name = f"{trained}-as-{version}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    target = models / "e2e" / name
    if not (target / _MANIFEST).exists():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(_MANIFEST), dirs_exist_ok=True)
        write_whole(target / _MANIFEST, json.dumps({**json.loads(text), "version": version}, indent=2) + "\n")
    return f"pvc://models/e2e/{name}"
