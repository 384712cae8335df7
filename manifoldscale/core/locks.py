"""File locks, which some disks do not have, network disks above all."""

import errno
import tempfile
from pathlib import Path

# The errors of a disk without locks.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)


def knows_locks(folder: Path) -> bool:
    """Whether the disk of a folder has file locks. Releases of filelock differ in what they
    do where it has none, so this asks the system itself.
    """
    try:
        import fcntl
    except ImportError:  # Windows, where all disks have locks
        return True
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in NO_LOCKS:
                return False
            raise
    return True
