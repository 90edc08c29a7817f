"""What both sides of `python/call` call: a colleague's function that gives back what it gets."""


def echo(text: str) -> str:
    """Returns `text`."""
    return text
