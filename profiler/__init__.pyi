from .fingerprint import Fingerprint as Fingerprint
from .fingerprint import fingerprint as fingerprint
