"""Search in a folder of documents: the index is one SQLite file, the tool reads it and cites what it found."""

from turnstream.tools.retrieval.embeddings import Embeddings as Embeddings
from turnstream.tools.retrieval.toolbox import Retrieval as Retrieval
from turnstream.tools.retrieval.toolbox import index_of as index_of
