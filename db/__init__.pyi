from .store import Store as Store
from .store import connect as connect
