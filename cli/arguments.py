"""Arguments several commands share."""

import click


class IntegerList(click.ParamType[tuple[int, ...]]):
    """Positive integers separated by commas: ``1,2,4``."""

    name = "N[,N...]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Parse ``value``; order is kept, repetitions are dropped."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(dict.fromkeys(int(part) for part in str(value).split(",")))
        except ValueError:
            numbers = ()
        if not numbers or min(numbers) < 1:
            self.fail(f"{value!r} is not a list of positive integers such as 1,2,4.", param, ctx)
        return numbers
