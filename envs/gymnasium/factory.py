"""From the name of an environment to a function that makes one. Runs in a host, where Gymnasium is imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from .misbehaviour import Misbehaviour, describe


def factory_of(env: str) -> Callable[..., Any]:
    """What makes an environment from keyword arguments: `gymnasium.make` of an id, or what a module or file holds.

    Raises `Misbehaviour` ENV_IMPORT.
    """
    place, colon, name = env.rpartition(':')
    if not colon or not name.isidentifier():
        return _registered(env)
    module = _load(place, env)
    try:
        found = getattr(module, name)
    except AttributeError:
        names = ', '.join(n for n, value in vars(module).items() if callable(value) and n[0] != '_')
        raise Misbehaviour(
            'ENV_IMPORT', f'{place} must hold {name}, but it holds {names or "nothing callable"}'
        ) from None
    if not callable(found):
        raise Misbehaviour('ENV_IMPORT', f'{env} must be a class or a function, got {type(found).__name__}')
    return found


def _load(place: str, env: str) -> ModuleType:
    try:
        if not place.endswith('.py'):
            return importlib.import_module(place)
        path = Path(place)
        if not path.is_file():
            raise Misbehaviour('ENV_IMPORT', f'the file of {env} must exist')
        # So that the file's neighbours can be imported as where it is run itself.
        sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise Misbehaviour('ENV_IMPORT', f'{place} must be a Python file')
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        return module
    except Misbehaviour:
        raise
    except (Exception, SystemExit) as error:
        said = describe(error, f'importing {place}').requirement
        raise Misbehaviour('ENV_IMPORT', said) from error


def _registered(env: str) -> Callable[..., Any]:
    import gymnasium

    def make(**kwargs: Any) -> Any:
        # Every result is checked here anyway, and a fault of it names the slot.
        return gymnasium.make(env, disable_env_checker=True, **kwargs)

    return make


def make_env(factory: Callable[..., Any], kwargs: Mapping[str, Any]) -> Any:
    """Raises `Misbehaviour` ENV_IMPORT where making fails or gives no environment."""
    try:
        env = factory(**kwargs)
    except (Exception, SystemExit) as error:
        raise Misbehaviour('ENV_IMPORT', describe(error, 'making it').requirement) from error
    missing = [n for n in ('reset', 'step', 'observation_space', 'action_space') if not hasattr(env, n)]
    if missing:
        raise Misbehaviour(
            'ENV_IMPORT',
            f'it must be a gymnasium.Env, got {type(env).__name__} without {", ".join(missing)}',
        )
    return env
