"""`reprune retry`."""

from __future__ import annotations

from bench.commands.arguments import Changes, GridFile, read_grid


def retry(config: GridFile, fields: Changes = None) -> None:
    """Delete the records of a grid's runs that ended in an error, so that the next call runs those again.

    Examples:
        reprune retry configs/quick.yaml
    """
    from bench.plan.grid import expand
    from bench.workflow.final_rule import clear_errors

    grid = read_grid(config, fields)
    cleared = clear_errors(grid, expand(grid))
    for run in cleared:
        print(f"cleared {run}")
    print(f"{len(cleared)} runs will be run again" if cleared else "No run of this grid ended in an error.")
