"""Messages of the bridge, generated from bridge/protocol by `npm run protocol`: do not edit."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Raw, Struct

PROTOCOL_MAJOR = 1
PROTOCOL_HASH = 'b17d4347bfcc76833d8e262016dd50d683f7b0c7d7ffbbeb4565e8f650c098d8'
MAX_FRAMES = 4096
MAX_FRAME_BYTES = 1073741824


class Kind(IntEnum):
    """What a message is; the number stands in its preamble."""

    HELLO = 1
    WELCOME = 2
    READY = 3
    PING = 4
    PONG = 5
    CANCEL = 6
    SHUTDOWN = 7
    BYE = 8
    REQUEST = 16
    REPLY = 17
    ERROR = 18


class Hello(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Worker to driver: first message, before torch is imported."""

    token: str
    pid: Annotated[int, Meta(ge=1)]
    python: str
    protocol_hash: str


class Welcome(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Driver to worker: accepted; the epoch of the session is in the preamble."""

    protocol_hash: str


class Device(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that torch can use; `name` is what `hardware.device` takes."""

    name: str
    kind: Literal['cpu', 'cuda']
    description: str


class ArenaPlace(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file descriptor of the worker, and the bytes behind it."""

    fd: Annotated[int, Meta(ge=0)]
    size: Annotated[int, Meta(ge=1)]


class Ready(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Worker to driver, on `work`: handlers are loaded, requests may come."""

    token: str
    torch: str | None
    numpy: str | None
    threads: Annotated[int, Meta(ge=1)]
    devices: list[Device]
    ops_hash: str
    arena: ArenaPlace | None


class Ping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Driver to worker."""

    sequence: Annotated[int, Meta(ge=0)]


class Pong(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Worker to driver: the request it works on, and a counter that moves while work is done."""

    sequence: Annotated[int, Meta(ge=0)]
    request: Annotated[int, Meta(ge=1)] | None
    phase: str
    progress: Annotated[int, Meta(ge=0)]
    busy_seconds: Annotated[float, Meta(ge=0)]


class Cancel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Driver to worker: nobody waits for this request any more."""

    request: Annotated[int, Meta(ge=1)]


class Shutdown(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Driver to worker: on `control` stop what runs, on `work` leave."""


class Bye(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either side: the session ends before it began, and why."""

    code: str
    message: str
    remedy: str
    traceback: str


Lane: TypeAlias = Literal['learn', 'act']


TensorDtype: TypeAlias = Literal[
    'float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'uint8', 'bool'
]


class SentTensor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Dtype and shape of one tensor, and where in the arena it is; null = in the next frame."""

    dtype: TensorDtype
    shape: list[Annotated[int, Meta(ge=0)]]
    offset: Annotated[int, Meta(ge=0)] | None


class RequestHeader(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Driver to worker; `body` is the request of `verb`."""

    id: Annotated[int, Meta(ge=1)]
    verb: str
    lane: Lane | None = None
    deadline_ms: Annotated[float, Meta(ge=0)] | None
    body: Raw
    tensors: list[SentTensor]


class TensorSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Dtype and shape of one tensor frame."""

    dtype: TensorDtype
    shape: list[Annotated[int, Meta(ge=0)]]


class ReplyHeader(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Worker to driver; `body` is the reply of the verb that was asked."""

    id: Annotated[int, Meta(ge=1)]
    body: Raw
    tensors: list[TensorSpec]
    freed: list[Annotated[int, Meta(ge=0)]]
    worker_seconds: Annotated[float, Meta(ge=0)]


class Failure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a request failed; graph and node where one did."""

    code: str
    message: str
    remedy: str
    graph: str | None
    node: Annotated[int, Meta(ge=0)] | None
    traceback: str
    fatal: bool


class ErrorHeader(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Worker to driver; id 0 when the request could not be read."""

    id: Annotated[int, Meta(ge=0)]
    error: Failure
    freed: list[Annotated[int, Meta(ge=0)]]
    worker_seconds: Annotated[float, Meta(ge=0)]


class Configure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Chooses the device of everything that follows: cpu or cuda:N."""

    device: str
    tf32: bool | None = None


Dtype: TypeAlias = Literal[
    'float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'uint8', 'bool', 'key'
]


class NamedValue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named input or parameter of a graph."""

    name: str
    shape: list[Annotated[int, Meta(ge=0)]]
    dtype: Dtype


class ValueSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shape and dtype of one value of a graph."""

    shape: list[Annotated[int, Meta(ge=0)]]
    dtype: Dtype


class NodeSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One operation: op name, value numbers, static attributes, result specs."""

    op: str
    inputs: list[Annotated[int, Meta(ge=0)]]
    attrs: dict[str, bool | int | float | str | list[int | float | str] | None]
    results: list[ValueSpec]
    loc: Annotated[int, Meta(ge=0)]
    scope: str
    body: GraphSpec | None


class GraphOutput(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named result of a graph: the number of a value."""

    name: str
    value: Annotated[int, Meta(ge=0)]


class GraphSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A traced program with concrete shapes."""

    version: Literal[1]
    name: str
    inputs: list[NamedValue]
    parameters: list[NamedValue]
    nodes: list[NodeSpec]
    outputs: list[GraphOutput]
    locs: list[str]


class LoadGraph(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Builds a graph once; later requests name it by hash."""

    hash: Annotated[str, Meta(min_length=1, max_length=200)]
    graph: GraphSpec


class HandleBinding(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field='kind', tag='handle'
):
    id: Annotated[str, Meta(min_length=1, max_length=200)]


class FrameBinding(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field='kind', tag='frame'
):
    index: Annotated[int, Meta(ge=0)]


class KeyBinding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field='kind', tag='key'):
    value: Annotated[int, Meta(ge=0)]


Binding: TypeAlias = HandleBinding | FrameBinding | KeyBinding


class CreateParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Runs an initialisation graph; its outputs become the parameters of `set`."""

    set: Annotated[str, Meta(min_length=1, max_length=200)]
    graph: Annotated[str, Meta(min_length=1, max_length=200)]
    inputs: dict[str, Binding]


class Rmsprop(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field='kind', tag='rmsprop'):
    alpha: float
    epsilon: float
    momentum: float
    centered: bool
    weight_decay: float


class Adam(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field='kind', tag='adam'):
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float


OptimizerSpec: TypeAlias = Rmsprop | Adam


class CreateOptimizer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A torch.optim optimizer over every parameter of `set`, at version 0."""

    optimizer: Annotated[str, Meta(min_length=1, max_length=200)]
    set: Annotated[str, Meta(min_length=1, max_length=200)]
    algorithm: OptimizerSpec


class FilmTake(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frames of one column, appended to a film."""

    film: Annotated[str, Meta(min_length=1, max_length=200)]
    column: Annotated[int, Meta(ge=0)]
    frames: Annotated[int, Meta(ge=1)]


class FilmFrames(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Appends frames of a handle [T, B, height, width, channels?], uint8, to films in memory."""

    handle: Annotated[str, Meta(min_length=1, max_length=200)]
    takes: list[FilmTake]


class FilmWrite(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Writes a film whole or not at all, and forgets it."""

    film: Annotated[str, Meta(min_length=1, max_length=200)]
    file: str
    frame_milliseconds: Annotated[int, Meta(ge=1)]
    scale: Annotated[int, Meta(ge=1)]
    text: dict[str, str]


class ProcgenPool(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field='kind', tag='procgen'
):
    games: Annotated[list[str], Meta(min_length=1)]
    num_envs: Annotated[int, Meta(ge=1)]
    num_hosts: Annotated[int, Meta(ge=1)]
    num_groups: Annotated[int, Meta(ge=1)]
    distribution_mode: str
    num_levels: Annotated[int, Meta(ge=0)]
    start_level: Annotated[int, Meta(ge=0)]
    center_agent: bool
    use_backgrounds: bool
    restrict_themes: bool
    use_monochrome_assets: bool
    use_generated_assets: bool
    paint_vel_info: bool
    use_sequential_levels: bool
    seed: Annotated[int, Meta(ge=0)]
    library: str
    host_timeout_seconds: float


class CatchPool(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field='kind', tag='catch'):
    num_envs: Annotated[int, Meta(ge=1)]
    num_groups: Annotated[int, Meta(ge=1)]
    rows: Annotated[int, Meta(ge=3)]
    columns: Annotated[int, Meta(ge=3)]
    blank: bool
    seed: Annotated[int, Meta(ge=0)]


class RecallPool(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field='kind', tag='recall'
):
    num_envs: Annotated[int, Meta(ge=1)]
    num_groups: Annotated[int, Meta(ge=1)]
    num_cues: Annotated[int, Meta(ge=2)]
    delay: Annotated[int, Meta(ge=1)]
    blank: bool
    seed: Annotated[int, Meta(ge=0)]


class GymnasiumPool(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field='kind',
    tag='gymnasium',
):
    env: Annotated[str, Meta(min_length=1)]
    kwargs: str
    project: str
    num_envs: Annotated[int, Meta(ge=1)]
    num_groups: Annotated[int, Meta(ge=1)]
    num_hosts: Annotated[int, Meta(ge=1)]
    max_episode_steps: Annotated[int, Meta(ge=1)]
    max_faults: Annotated[int, Meta(ge=1)]
    step_timeout_seconds: float
    start_timeout_seconds: float
    num_levels: Annotated[int, Meta(ge=0)] | None = None
    start_level: Annotated[int, Meta(ge=0)] | None = None
    seed: Annotated[int, Meta(ge=0)]


PoolSpec: TypeAlias = ProcgenPool | CatchPool | RecallPool | GymnasiumPool


class OpenPool(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Opens a pool of environments in supervised host processes."""

    pool: Annotated[str, Meta(min_length=1, max_length=200)]
    spec: PoolSpec


class ClosePool(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stops the hosts of a pool."""

    pool: Annotated[str, Meta(min_length=1, max_length=200)]


class LevelOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    slot: Annotated[int, Meta(ge=0)]
    levels: list[Annotated[int, Meta(ge=0)]]
    restart: bool


class QueueLevels(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Queues of levels to play next, each from a fresh state; an empty queue leaves it to the environment."""

    pool: Annotated[str, Meta(min_length=1, max_length=200)]
    slots: list[LevelOrder]


class CollectFeed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    observation: str | None
    reward: str | None
    is_first: str | None
    level: str | None


class CollectCarry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    input: str
    output: str
    handle: Annotated[str, Meta(min_length=1, max_length=200)]


class CollectStore(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    observation: Annotated[str, Meta(min_length=1, max_length=200)] | None
    reward: Annotated[str, Meta(min_length=1, max_length=200)] | None
    is_first: Annotated[str, Meta(min_length=1, max_length=200)] | None


class CollectFinal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    output: str
    handle: Annotated[str, Meta(min_length=1, max_length=200)]


class Collect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Steps a pool T times with an act graph."""

    graph: Annotated[str, Meta(min_length=1, max_length=200)]
    set: Annotated[str, Meta(min_length=1, max_length=200)]
    version: Annotated[int, Meta(ge=0)] | None = None
    pool: Annotated[str, Meta(min_length=1, max_length=200)]
    length: Annotated[int, Meta(ge=1)]
    inputs: dict[str, Binding]
    per_step: dict[str, Binding]
    feed: CollectFeed
    carry: list[CollectCarry]
    action: str
    record: dict[str, Annotated[str, Meta(min_length=1, max_length=200)]]
    store: CollectStore
    final: CollectFinal | None
    initial: list[Annotated[str, Meta(min_length=1, max_length=200)]]


class Accumulate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Forward and backward of `loss`; gradients add up until `apply`."""

    graph: Annotated[str, Meta(min_length=1, max_length=200)]
    optimizer: Annotated[str, Meta(min_length=1, max_length=200)]
    inputs: dict[str, Binding]
    loss: str
    report: list[str]
    store: dict[str, Annotated[str, Meta(min_length=1, max_length=200)]] | None = None


class Apply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Transform, clip by global norm, optimizer step. A non-finite norm skips the step."""

    optimizer: Annotated[str, Meta(min_length=1, max_length=200)]
    expected_version: Annotated[int, Meta(ge=0)]
    learning_rate: float
    max_grad_norm: float | None
    transform: Annotated[str, Meta(min_length=1, max_length=200)] | None
    inputs: dict[str, Binding]


class Assign(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Copies parameters, or what a graph makes of them, into those of `into` of the same names."""

    into: Annotated[str, Meta(min_length=1, max_length=200)]
    set: Annotated[str, Meta(min_length=1, max_length=200)]
    graph: Annotated[str, Meta(min_length=1, max_length=200)] | None
    inputs: dict[str, Binding]
    version: Annotated[int, Meta(ge=0)] | None


class Run(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Runs a graph without gradients."""

    graph: Annotated[str, Meta(min_length=1, max_length=200)]
    set: Annotated[str, Meta(min_length=1, max_length=200)] | None
    inputs: dict[str, Binding]
    store: dict[str, Annotated[str, Meta(min_length=1, max_length=200)]]
    fetch: list[str]


class Locate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Runs a graph node by node and names the first non-finite value."""

    graph: Annotated[str, Meta(min_length=1, max_length=200)]
    set: Annotated[str, Meta(min_length=1, max_length=200)]
    inputs: dict[str, Binding]
    loss: str | None


class Put(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stores tensor frame i of the request under handle i."""

    handles: list[Annotated[str, Meta(min_length=1, max_length=200)]]


class Get(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Returns handles, then parameters of `set`, as tensor frames."""

    handles: list[Annotated[str, Meta(min_length=1, max_length=200)]]
    set: Annotated[str, Meta(min_length=1, max_length=200)] | None
    parameters: list[str]


class Release(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Forgets handles."""

    handles: list[Annotated[str, Meta(min_length=1, max_length=200)]]


class ProfileBegin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Runs torch's profiler, with a range a node, until `profile_end`."""


class ProfileEnd(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ends a profile and folds it onto the nodes of graphs."""

    trace: str | None


class Digest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """SHA-256 over names, shapes and little-endian bytes of all parameters in name order."""

    set: Annotated[str, Meta(min_length=1, max_length=200)]


class Save(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Writes safetensors files into an existing folder and syncs them to disk."""

    folder: str
    sets: list[Annotated[str, Meta(min_length=1, max_length=200)]]
    optimizers: list[Annotated[str, Meta(min_length=1, max_length=200)]]
    handles: list[Annotated[str, Meta(min_length=1, max_length=200)]]
    pools: list[Annotated[str, Meta(min_length=1, max_length=200)]]


class Restore(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reads what `save` wrote into the objects of the same names."""

    folder: str
    sets: list[Annotated[str, Meta(min_length=1, max_length=200)]]
    optimizers: list[Annotated[str, Meta(min_length=1, max_length=200)]]
    handles: list[Annotated[str, Meta(min_length=1, max_length=200)]]
    pools: list[Annotated[str, Meta(min_length=1, max_length=200)]]


REQUESTS: dict[str, type[Struct]] = {
    'configure': Configure,
    'load_graph': LoadGraph,
    'create_parameters': CreateParameters,
    'create_optimizer': CreateOptimizer,
    'film_frames': FilmFrames,
    'film_write': FilmWrite,
    'open_pool': OpenPool,
    'close_pool': ClosePool,
    'queue_levels': QueueLevels,
    'collect': Collect,
    'accumulate': Accumulate,
    'apply': Apply,
    'assign': Assign,
    'run': Run,
    'locate': Locate,
    'put': Put,
    'get': Get,
    'release': Release,
    'profile_begin': ProfileBegin,
    'profile_end': ProfileEnd,
    'digest': Digest,
    'save': Save,
    'restore': Restore,
}

ITEM_BYTES: dict[str, int] = {
    'float64': 8,
    'float32': 4,
    'float16': 2,
    'bfloat16': 2,
    'int64': 8,
    'int32': 4,
    'uint8': 1,
    'bool': 1,
}

REMEDIES: dict[str, str] = {
    'CONFIG_UNKNOWN_PRESET': 'Run "srwm presets" for the list.',
    'CONFIG_UNKNOWN_KEY': 'Run "srwm describe <preset>" for every key.',
    'CONFIG_INVALID': 'Correct the value where the message says it was set.',
    'CONFIG_TYPES': 'Correct the line that the message names, or run with --skip-types.',
    'CONFIG_FILE': 'Make the file default-export a config from defineRun(...) or an async function.',
    'USAGE_INVALID': 'Run the command with --help.',
    'GRAPH_SHAPE': 'Change the operand that the message names.',
    'GRAPH_DTYPE': 'Convert the operand that the message names.',
    'GRAPH_ARGUMENT': 'Correct the argument that the message names.',
    'GRAPH_CAPTURE': 'Make it an input of the traced function, or pass it to scan in constants.',
    'GRAPH_NAME': 'Give one of them its own name.',
    'GRAPH_TOO_LARGE': 'Write a loop over time with scan, and reduce before you broadcast.',
    'GRAPH_NO_GRADIENT': (
        'Compute the loss from outputs of the model, without stopGradient, argmax or comparisons between.'
    ),
    'GRAPH_INVALID': 'Trace it again with this version of srwm.',
    'GRAPH_TRACE': 'Use a traced operation instead of JavaScript control flow or arithmetic.',
    'GRAPH_UNKNOWN': 'Send the graph with load_graph first.',
    'GRAPH_UNKNOWN_OP': 'Update the worker: its op table is older than the tracer.',
    'GRAPH_INPUT': 'Bind every input of the graph, with the shapes it was traced for.',
    'GRAPH_FAILED': 'Look at the TypeScript line that the message names.',
    'WORKER_START': 'Run "srwm doctor" to see what is missing.',
    'WORKER_LOST': 'Read the last lines of its log; "srwm resume" goes on from the last checkpoint.',
    'WORKER_HUNG': 'Run "srwm resume" to go on from the last checkpoint.',
    'WORKER_CLOSED': 'Await every call before close().',
    'WORKER_INTERNAL': 'Run again with --debug and report the Python traceback.',
    'WORKER_MEMORY': 'Lower train.batchSize or train.unrollLength.',
    'WORKER_DEVICE': 'Set hardware.device to auto, or to a device that "srwm doctor" lists.',
    'DEADLINE_EXCEEDED': 'Raise the deadline or send less work in one request.',
    'REQUEST_CANCELLED': 'Nothing to mend: the caller asked for it.',
    'REQUEST_INVALID': 'Correct the request where the message says.',
    'REQUEST_CONFLICT': 'Send each update once, in order.',
    'PROTOCOL_VERSION': 'Install both from one release: run "npm ci" and "srwm setup".',
    'PROTOCOL_HEADER': 'Report this: both sides come from one release, so it should not happen.',
    'PROTOCOL_BODY': 'Correct the field that the message names.',
    'PROTOCOL_VERB': 'Install driver and worker from one release.',
    'PROTOCOL_VALUE': 'Send numbers, strings, plain objects and lists; send tensors as frames.',
    'PROTOCOL_TENSOR': 'Make the data as long as its shape and dtype say.',
    'PROTOCOL_SIZE': 'Send the tensor in smaller parts.',
    'PROTOCOL_TOKEN': 'Let the driver start its own worker.',
    'TENSOR_FILE': 'Give a whole .safetensors file and a folder that can be written.',
    'HANDLE_UNKNOWN': 'Create it before use; check the spelling.',
    'HANDLE_RELEASED': 'Release a handle after its last use; with `await using`, keep it inside the block.',
    'HANDLE_EXISTS': 'Use another name.',
    'ENV_UNKNOWN_KIND': 'Use procgen, catch, recall or gymnasium.',
    'ENV_UNKNOWN_GAME': 'Use one of the games that the message lists.',
    'ENV_UNKNOWN_MODE': 'Use one of the modes that the message lists.',
    'ENV_OPTION': 'Correct the option that the message names.',
    'ENV_NO_LEVELS': 'Use ProcGen, or evaluate by episodes.',
    'ENV_ACTION': 'Send one action in range for each slot of the group.',
    'ENV_LIBRARY_CHECKSUM': 'Delete the cache folder that the message names and run srwm setup again.',
    'ENV_PLATFORM': 'Train a toy game: srwm train tiny.',
    'ENV_ORDER': 'Report this: the worker keeps the order.',
    'ENV_HOST_LOST': 'Run "srwm resume" to go on from the last checkpoint.',
    'ENV_HOST_HUNG': 'Run "srwm resume" to go on from the last checkpoint.',
    'ENV_LIBRARY_MISSING': 'Run "srwm setup".',
    'ENV_STATE': 'Restore it into a pool of the same games, options and slots.',
    'ENV_IMPORT': 'Correct environment.env or environment.kwargs.',
    'ENV_SPACE': (
        'Wrap the environment so that its observations are Box or Discrete, and its actions Discrete.'
    ),
    'ENV_RAISED': 'Mend the line that the message names.',
    'ENV_RESULT': 'Return what the message asks for.',
    'ENV_TIMEOUT': 'Mend the environment, or raise environment.timeoutSeconds.',
    'ENV_DIED': 'Mend what the message shows of its last output.',
    'ENV_UNREPEATABLE': (
        'Draw random numbers from self.np_random only, and keep nothing from one episode to the next.'
    ),
    'KERNEL_UNSUPPORTED': 'Set the implementation to "auto".',
    'KERNEL_INPUT': 'Correct the input that the message names.',
    'KERNEL_BUILD': 'Run "srwm doctor"; the reference implementation still works.',
    'NUMERICS_NONFINITE': 'Lower train.learningRate and resume from the last good checkpoint.',
    'NUMERICS_ASSERTION': (
        'Look at the lines that the message names; debug.print shows what their values are.'
    ),
    'RUN_EXISTS': 'Choose another --run directory, or resume that run.',
    'RUN_MISSING': 'Give the directory that "srwm train" printed.',
    'RUN_FOREIGN': 'Give the directory that "srwm train" printed.',
    'RUN_LOCKED': 'Wait for it or stop it.',
    'RUN_UNWRITABLE': 'Choose another --run directory or free some disk space.',
    'RUN_ABANDONED': 'Iterate it to its end, or stop it with a signal.',
    'RUN_OWN_PARTS': 'Put the file back: the run holds a copy of it.',
    'RUN_CURRICULUM': 'Mend the function that was given to curriculum(...).',
    'RUN_SCRIPT': 'Look at the line that the message names.',
    'RUN_EVALUATION': 'Raise evaluation.maxEpisodeSteps, or look at what the agent does.',
    'RECORD_IMAGES': (
        'Record a run whose observations are images: uint8, [height, '
        'width] or [height, width, 1, 3 or 4 channels].'
    ),
    'RECORD_WRITE': 'Give yourself write access and space there, or name another folder with --out.',
    'RUN_CHECKPOINT': 'Resume from an older checkpoint.',
    'SETUP_PYTHON': 'Install Python 3.11 to 3.13 and run "srwm setup" again.',
    'SETUP_PACKAGES': 'Look at the last lines above; check the network and the disk.',
    'SETUP_DOWNLOAD': 'Check the network and run "srwm setup" again: it goes on where it stopped.',
    'SETUP_CHECKSUM': 'Delete the file that the message names and run "srwm setup" again.',
    'SETUP_PLATFORM': 'ProcGen needs Linux x86-64; the toy games train elsewhere.',
    'SETUP_LOCKED': 'Wait for it to finish.',
    'SETUP_UNWRITABLE': 'Give yourself write access to the folder, or run in another one.',
    'SETUP_DISK_FULL': (
        'Free some space (set-up needs about 12 GB) and run "srwm setup" again: it goes on where it stopped.'
    ),
    'SETUP_VENV_FOREIGN': 'Move it away, or run srwm in a folder with a package.json of its own.',
    'SETUP_STEP': 'Read the lines that the message quotes; "srwm doctor" says what this machine lacks.',
    'SETUP_NOT_BUILT': 'Run "npm run build".',
    'PYTHON_FILE': "Give a path relative to the file that calls, or new URL('./file.py', import.meta.url).",
    'PYTHON_IMPORT': 'Look at the Python line that the message names.',
    'PYTHON_FUNCTION': 'Call one of the functions that the message lists.',
    'PYTHON_EXCEPTION': (
        'Look at the Python line that the message names; error.detail.traceback holds all of it.'
    ),
    'PYTHON_VALUE': 'Send and return numbers, text, lists and dicts.',
    'PYTHON_SIZE': 'Keep arrays in the worker as tensors, or write them to a file and pass its path.',
    'PYTHON_TIMEOUT': (
        'Give python(file, { timeoutMs }) more time, or mend what hangs; python(...) starts anew.'
    ),
    'PYTHON_LOST': (
        'Read what it printed on stderr; python(file) starts a new one, without what the old one held.'
    ),
    'PYTHON_CLOSED': 'Await every call before the end of its "await using" and before closePython().',
    'PYTHON_START': 'Run "srwm doctor" to see what is missing.',
    'EVALUATE_PLAN': 'Correct the part that the message names.',
    'RECORD_PLAN': 'Correct the part that the message names.',
    'COMPARE_RUNS': 'Compare runs of one environment.',
    'COMPARE_NO_EVALUATION': 'Run "srwm evaluate" on it first.',
    'COMPARE_EVALUATION': 'Move the file away, and evaluate the run again.',
    'COMPARE_SPLITS': 'Evaluate the runs with the same splits and ways of playing.',
    'COMPARE_FEW_EPISODES': 'Evaluate it on more levels: "srwm evaluate" without --episodes.',
    'COMPARE_FEW_SEEDS': 'Train more seeds of the same configuration: "srwm sweep".',
    'STATISTICS_FAILED': 'Run "srwm setup"; report the message if it stays.',
    'SWEEP_INVALID': (
        'Write defineSweep({ runs: { name: presets.tiny() }, grid: { key: [values] }, seeds: [1, 2, 3] }).'
    ),
    'SWEEP_CHANGED': (
        'Choose another folder, or undo the change; new seeds, runs and grid values may be added.'
    ),
    'CLI_UNKNOWN_COMMAND': 'Run "srwm --help" for the list.',
    'CLI_UNKNOWN_OPTION': 'Run the command with --help for its options.',
    'CLI_MISSING_COMMAND': 'Run "srwm --help" for the list.',
    'CLI_MISSING_ARGUMENT': 'Run the command with --help for its arguments.',
    'CLI_MISSING_VALUE': 'Write the value after the option.',
    'CLI_INVALID_VALUE': 'Run the command with --help for what it allows.',
    'CLI_EXCESS_ARGUMENTS': 'Leave the last ones out; quote an argument that contains spaces.',
    'CLI_USAGE': 'Run the command with --help.',
    'CLI_INTERRUPTED': 'Run the command again to go on.',
    'CLI_INTERNAL': 'Run again with --debug and report the stack.',
}
