"""A release as whatever delivers it sees it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from afluente.products.deliveries.delivery import Package, PackageFile
from afluente.products.release.folder import FILES, MANIFEST, PICTURES, REPORT, SIGNATURE
from afluente.products.release.manifest import read_manifest
from afluente.products.release.write import prefix_of

if TYPE_CHECKING:
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.releases import Release


def package_of(workspace: Workspace, release: Release) -> Package:
    """The package of a release whose files are there. AfluenteError when its manifest cannot be read.

    Nothing is verified here: a delivery compares each file with its digest as it sends it.
    """
    folder = Path(workspace.project.root, release.folder)
    manifest = read_manifest((folder / MANIFEST).read_bytes())
    signature, report = folder / SIGNATURE, folder / REPORT
    data = [file for file in manifest.files if file.name.startswith(f"{FILES}/")]
    return Package(
        release_id=release.id,
        product=release.product,
        title=manifest.title,
        partner=release.partner,
        number=release.number,
        replaces=release.replaces,
        released_at=release.released_at or release.created_at,
        files=tuple(
            PackageFile(
                name=Path(file.name).name,
                path=folder / file.name,
                sha256=file.sha256,
                size_bytes=file.size_bytes,
                rows=file.rows,
                output=file.output,
                format=file.format,
            )
            for file in data
        ),
        manifest=folder / MANIFEST,
        signature=signature if signature.is_file() else None,
        prefix=prefix_of(release.product, release.number),
        period=manifest.period,
        columns=manifest.columns,
        pictures=tuple(
            folder / file.name
            for file in manifest.files
            if file.name.startswith(f"{PICTURES}/") and file.name.endswith(".png")
        ),
        report=report if report.is_file() else None,
    )
