"""Locks of files on disks that know none, as those of a network often."""

import errno
import tempfile
from pathlib import Path

# What a disk without locks answers.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)


def knows_locks(folder: Path) -> bool:
    """Whether the disk of a folder has locks of the system: asked here, for releases of
    filelock differ in what they make of one that has none.
    """
    try:
        import fcntl
    except ImportError:  # Windows, whose disks do
        return True
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in NO_LOCKS:
                return False
            raise
    return True
