from .fingerprint import Fingerprint as Fingerprint
from .fingerprint import fingerprint as fingerprint
from .protocol import PRESETS as PRESETS
from .protocol import ProtocolSettings as ProtocolSettings
from .session import Failure as Failure
from .session import Measured as Measured
from .session import measure as measure
