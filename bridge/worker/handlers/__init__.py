"""Joins messages, engine and environments: one function a verb, one table."""

from __future__ import annotations

from srwm.kernels import leave_states_unchecked
from srwm.worker.engine.streams import Streams
from srwm.worker.handlers.describe import describe
from srwm.worker.handlers.films import FilmHandlers
from srwm.worker.handlers.parameters import ParameterHandlers
from srwm.worker.handlers.persistence import PersistenceHandlers
from srwm.worker.handlers.profiling import ProfilingHandlers
from srwm.worker.handlers.programs import ProgramHandlers
from srwm.worker.handlers.session import Session
from srwm.worker.handlers.unrolls import UnrollHandlers
from srwm.worker.loader import Handlers


def build_handlers() -> Handlers:
    """The table of verbs over one fresh session."""
    session = Session()
    # A loss that is not finite ends a run with the tensor and its line; a kernel would only name its own argument.
    leave_states_unchecked()
    programs, parameters = ProgramHandlers(session), ParameterHandlers(session)
    profiling, films = ProfilingHandlers(session), FilmHandlers(session)
    streams = Streams(session.store)
    unrolls, persistence = UnrollHandlers(session), PersistenceHandlers(session)
    return Handlers(
        verbs={
            'configure': programs.configure,
            'load_graph': streams.publishes(programs.load_graph),
            'run': streams.publishes(programs.run),
            'locate': programs.locate,
            'put': streams.publishes(programs.put),
            'get': programs.get,
            'release': programs.release,
            'create_parameters': streams.publishes(parameters.create_parameters),
            'create_optimizer': parameters.create_optimizer,
            'accumulate': parameters.accumulate,
            'apply': parameters.apply,
            'assign': streams.publishes(parameters.assign),
            'digest': parameters.digest,
            'open_pool': unrolls.open_pool,
            'close_pool': unrolls.close_pool,
            'queue_levels': unrolls.queue_levels,
            'collect': unrolls.collect,
            'film_frames': films.film_frames,
            'film_write': films.film_write,
            'profile_begin': profiling.profile_begin,
            'profile_end': profiling.profile_end,
            'save': persistence.save,
            'restore': streams.publishes(persistence.restore),
        },
        describe=describe,
        close=session.close,
        act_lane=streams.acting,
    )
