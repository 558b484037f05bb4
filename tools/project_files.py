"""Which files are ours: everything git knows or would add, found without git where there is none."""
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
SKIPPED_FOLDERS = {".git", "build", ".data", "node_modules", "__pycache__"}


def project_files(root=ROOT):
    """Paths relative to root, sorted."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        if (root / ".git").exists():
            names = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
            return sorted(pathlib.Path(name) for name in set(names) if name and (root / name).is_file())
    except (OSError, subprocess.CalledProcessError):
        pass  # an exported tree, or one that belongs to another user: walk it
    return sorted(walk(root, root))


def walk(root, folder):
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            if path.name not in SKIPPED_FOLDERS:
                yield from walk(root, path)
        elif path.is_file() and path.suffix != ".pyc":
            yield path.relative_to(root)
