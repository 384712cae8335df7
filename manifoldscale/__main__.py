"""`python -m manifoldscale`, where the command is not on the path, as on a cluster."""

from .cli.main import main

if __name__ == "__main__":
    main(prog_name="manifoldscale")
