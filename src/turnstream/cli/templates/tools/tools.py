"""The agent's tools: plain functions. The model reads their docstrings and their types."""

import zlib


def get_weather(city: str) -> dict[str, object]:
    """Get the weather in a city now.

    Args:
        city: The city's name, for instance Paris.
    """
    number = zlib.crc32(city.strip().lower().encode())  # sample data: ask a weather service here
    return {"city": city, "temperature": number % 30, "sky": ("sunny", "cloudy", "rainy")[number % 3]}
