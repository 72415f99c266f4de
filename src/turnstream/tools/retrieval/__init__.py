"""Search in documents, with citations: one tool, and the stores that it can search."""

from turnstream.tools.retrieval.embeddings import Embeddings as Embeddings
from turnstream.tools.retrieval.sqlite import SqliteStore as SqliteStore, index_of as index_of
from turnstream.tools.retrieval.toolbox import Retrieval as Retrieval
