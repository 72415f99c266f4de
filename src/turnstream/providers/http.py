"""What users of this package need of `turnstream.providers.transport`."""

from turnstream.providers.transport.connections import Client as Client
from turnstream.providers.transport.http import HttpModel as HttpModel
