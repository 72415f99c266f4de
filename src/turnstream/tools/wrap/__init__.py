"""Wrappers around any toolbox, with a toolbox's own two methods, so they stack.

>>> box = Prefixed(Filtered(files, deny=["delete_*"]), "fs_")

Each forwards ``async with`` to what it wraps. A wrapper that remembers something (`Cached`, `RateLimited`) keeps it
apart for each user.
"""

from turnstream.tools.wrap.approved import (
    Approved as Approved,
    Ask as Ask,
    approvals as approvals,
)
from turnstream.tools.wrap.base import (
    Combined as Combined,
    VerifyCall as VerifyCall,
    Wrapper as Wrapper,
    innermost as innermost,
    known_tools as known_tools,
)
from turnstream.tools.wrap.checked import (
    Check as Check,
    Checked as Checked,
)
from turnstream.tools.wrap.names import (
    Filtered as Filtered,
    Prefixed as Prefixed,
    prefix_of as prefix_of,
)
from turnstream.tools.wrap.per_user import (
    Cached as Cached,
    RateLimited as RateLimited,
)
from turnstream.tools.wrap.timed import (
    Timed as Timed,
)
