from datetime import datetime
from zoneinfo import ZoneInfo


def get_time(zone: str) -> str:
    """Get the time in a time zone.

    Args:
        zone: The zone's name in the IANA database, such as Europe/Paris.
    """
    return datetime.now(ZoneInfo(zone)).strftime("%A, %d %B %Y, %H:%M")
