"""What the parts ask of each other. They satisfy these without importing each other."""

from turnstream.protocols.guards import (
    Guard as Guard,
    Guardrails as Guardrails,
    Review as Review,
)
from turnstream.protocols.kept import (
    Ending as Ending,
    NewRun as NewRun,
    NumberedEvents as NumberedEvents,
    Place as Place,
    Policy as Policy,
    RunQuery as RunQuery,
    RunState as RunState,
    Status as Status,
    Submitted as Submitted,
    Thread as Thread,
    ThreadKey as ThreadKey,
    changed_at as changed_at,
)
from turnstream.protocols.meters import (
    Counters as Counters,
    Meter as Meter,
)
from turnstream.protocols.models import (
    AnyModel as AnyModel,
    Model as Model,
    ModelStream as ModelStream,
    OpenStream as OpenStream,
    RelayStream as RelayStream,
    RequestModel as RequestModel,
    Take as Take,
    has_ended as has_ended,
    opener as opener,
    relay_of as relay_of,
)
from turnstream.protocols.outside import (
    Firing as Firing,
    Firings as Firings,
    Letter as Letter,
    Outbox as Outbox,
    Posted as Posted,
    Pushes as Pushes,
)
from turnstream.protocols.runs import (
    AskError as AskError,
    BeginWait as BeginWait,
    Claim as Claim,
    FencedError as FencedError,
    Notice as Notice,
    Runs as Runs,
    Tail as Tail,
    TakeStored as TakeStored,
    TellStored as TellStored,
    ask_person as ask_person,
)
from turnstream.protocols.threads import (
    MovedError as MovedError,
    Threads as Threads,
)
from turnstream.protocols.toolboxes import (
    Toolbox as Toolbox,
)
from turnstream.protocols.watchers import (
    Give as Give,
    RunInfo as RunInfo,
    Watch as Watch,
    Watcher as Watcher,
)
