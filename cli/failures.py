"""How a command ends: one clear sentence on stderr and a documented exit status.

===== ==========================================================================
exit  meaning
===== ==========================================================================
0     done
1     an error without a better number, such as a full disk
2     the command line, an input value or a supernet's class is wrong (click's own number)
3     the store cannot be used
4     a measurement failed, or the device cannot be used
5     a predictor or a search cannot continue
70    a defect of latbase: the trace is shown, please report it
130   interrupted; what was finished is kept and the same command continues
141   whoever read our output closed it
===== ==========================================================================
"""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

import click

from latbase.errors import LatbaseError

DEFECT = 70
INTERRUPTED = 130
PIPE_CLOSED = 141

DISK_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""Failures of a disk that are nobody's defect."""


def exit_with_status(command: Callable[[], object]) -> NoReturn:
    """Run ``command`` and leave the process with the status of the table above.

    A command that is done after all, though not well, returns its status.
    """
    status: object = 0
    try:
        status = command()
    except click.ClickException as error:
        error.show()
        _leave(error.exit_code)
    except (KeyboardInterrupt, click.exceptions.Abort):
        click.echo("Interrupted. What was finished is kept; run the same command again.", err=True)
        _leave(INTERRUPTED)
    except LatbaseError as error:
        click.echo(f"Error: {error}", err=True)
        _leave(error.exit_code)
    except BrokenPipeError:
        # The interpreter would flush the closed pipe at exit and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _leave(PIPE_CLOSED)
    except OSError as error:
        if error.errno not in DISK_TROUBLE:
            _report(error)
        click.echo(
            f"Error: {error.filename or 'A file'} cannot be written: {error.strerror}. Make room "
            "there, then run the same command again; what was finished is kept.",
            err=True,
        )
        _leave(1)
    except Exception as error:  # noqa: BLE001 - the border: nothing above would explain it
        _report(error)
    _leave(status if isinstance(status, int) else 0)


def _report(error: Exception) -> NoReturn:
    traceback.print_exception(error)
    click.echo("Error: this is a defect of latbase; please report the trace above.", err=True)
    _leave(DEFECT)


def _leave(status: int) -> NoReturn:
    sys.exit(status)
